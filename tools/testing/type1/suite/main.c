// SPDX-License-Identifier: GPL-2.0-only
/*
 * suite type1|ioasid [CASE...]: runs the cases (those whose name holds one of
 * the arguments) and prints what they see; suite --list prints their names,
 * rows and files. `compare` judges, see suite.h.
 */
#include <stdarg.h>

#include "type1/suite/suite.h"

#define MAX_LEAK_TRIES	20

enum backend_kind suite_kind;

static struct suite_case *first, **tail = &first;
static struct suite_case *running;
static const struct backend *watched;
static long long pinned_before;

void suite_add(struct suite_case *c)
{
	*tail = c;
	tail = &c->next;
}

/* --- saying --- */

void suite_say(const char *key, const char *fmt, ...)
{
	va_list args;

	printf("%s\t%s\t", running->name, key);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

const char *suite_key(const char *fmt, ...)
{
	static char key[8][160];
	static int at;
	va_list args;

	at = (at + 1) % 8;
	va_start(args, fmt);
	vsnprintf(key[at], sizeof(key[at]), fmt, args);
	va_end(args);
	return key[at];
}

static const char *number(long value)
{
	if (value < 0 && value > -4096)
		return strerrorname_np(-value) ?: suite_key("errno %ld", -value);
	return suite_key("%ld", value);
}

/* The lines that begin with ! say that the row claims something else. */
static void check(const char *key, long want, long got)
{
	if (want != ANY && want != got)
		suite_say(suite_key("!%s", key), "%s, where %s was claimed", number(got), number(want));
}

void suite_tried(const char *key, long want, long ret)
{
	long got = ret == -1 ? -errno : ret;

	if (watched)
		suite_say(key, "%s, VmLck %ld, %lld left", number(got), locked_kib(),
			  backend_avail(watched));
	else
		suite_say(key, "%s", number(got));
	check(key, want, got);
}

void suite_saw(const char *key, long want, long value)
{
	suite_say(key, "%ld", value);
	if (want != ANY && want != value)
		suite_say(suite_key("!%s", key), "%ld, where %ld was claimed", value, want);
}

const char *suite_hex(const void *data, size_t size)
{
	static char text[2048];
	const unsigned char *byte = data;
	size_t i, at = 0;

	for (i = 0; i < size && at + 4 < sizeof(text); i++)
		at += snprintf(text + at, sizeof(text) - at, "%s%02x", i && i % 8 == 0 ? " " : "",
			       byte[i]);
	text[at] = 0;
	return text;
}

void suite_need(bool condition, const char *text)
{
	if (condition)
		return;
	suite_say("!setup", "%s failed: %s", text, strerror(errno));
	_exit(1);
}

void suite_not_on_type1(const char *why)
{
	if (suite_kind != BACKEND_TYPE1)
		return;
	suite_say("result", "not run: %s", why);
	exit(0);
}

/* --- containers --- */

void suite_watch(const struct backend *d)
{
	watched = d;
}

struct backend suite_joined(const char *name)
{
	struct backend d;

	NEED(backend_join(&d, suite_kind, name));
	return d;
}

struct backend suite_hard(unsigned long type)
{
	static struct backend d;

	NEED(backend_open(&d, suite_kind, type, DEVICE_NVME));
	suite_watch(&d);
	return d;
}

struct soft suite_soft(void)
{
	static struct soft s;

	NEED(backend_open(&s.d, suite_kind, VFIO_TYPE1v2_IOMMU, MDEV_NAME(0)));
	s.device = backend_device(&s.d, MDEV_NAME(0));
	NEED(s.device >= 0);
	suite_watch(&s.d);
	return s;
}

int suite_group(const char *name)
{
	int group = backend_open_group(name);

	NEED(group >= 0);
	return group;
}

int suite_enter(const struct backend *d, int group)
{
	return ioctl(group, VFIO_GROUP_SET_CONTAINER, &d->fd);
}

char *suite_memory(uint64_t pages)
{
	char *mem = small_pages(pages * PAGE);
	uint64_t i;

	NEED(mem != MAP_FAILED);
	for (i = 0; i < pages; i++)
		*(uint64_t *)(mem + i * PAGE) = 1000 + i;
	return mem;
}

/* --- processes --- */

int suite_ended(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int suite_child(int (*body)(const void *arg), const void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid)
		_exit(body(arg));
	return suite_ended(pid);
}

long suite_pinned(void)
{
	long long now = ktap_pinned(), last = now - 1;
	int tries;

	/* Until it rests: the last unpins may be deferred. */
	for (tries = 0; tries < MAX_LEAK_TRIES && now != last && now != pinned_before; tries++) {
		last = now;
		usleep(20000);
		now = ktap_pinned();
	}
	return now - pinned_before;
}

/* --- running --- */

static void run(struct suite_case *c)
{
	int status = 0;
	long left;
	pid_t pid;

	running = c;
	pinned_before = ktap_pinned();
	ktap_mark("type1", c->name);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		c->body();
		fflush(stdout);
		_exit(0);
	}
	if (!ktap_wait(pid, c->seconds * ktap_slow(), &status)) {
		suite_say("!end", "still running after %u s", c->seconds * ktap_slow());
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		if (!ktap_wait(pid, 10, &status)) {
			suite_say("!end", "cannot be killed");
			exit(1);
		}
	}
	kill(-pid, SIGKILL);
	if (WIFSIGNALED(status))
		suite_say("!end", "killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		suite_say("!end", "exit status %d", WEXITSTATUS(status));
	left = suite_pinned();
	suite_say("left pinned", "%ld", left);
	if (left)
		suite_say("!left pinned", "%ld pages", left);
}

static bool wanted(const struct suite_case *c, int argc, char **argv)
{
	int i;

	for (i = 2; i < argc; i++)
		if (strstr(c->name, argv[i]))
			return true;
	return argc == 2;
}

static int list(void)
{
	struct suite_case *c;

	for (c = first; c; c = c->next) {
		const char *file = strrchr(c->file, '/');

		printf("%s\t%s\t%s\n", c->name, c->rows, file ? file + 1 : c->file);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct suite_case *c;
	sigset_t set;
	int count = 0;

	if (argc == 2 && !strcmp(argv[1], "--list"))
		return list();
	if (argc < 2 || (strcmp(argv[1], "type1") && strcmp(argv[1], "ioasid"))) {
		fprintf(stderr, "usage: suite type1|ioasid [CASE...] | --list\n");
		return 2;
	}
	suite_kind = strcmp(argv[1], "type1") ? BACKEND_SHIM : BACKEND_TYPE1;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (c = first; c; c = c->next)
		if (wanted(c, argc, argv)) {
			run(c);
			count++;
		}
	printf("#end\t%d\tcases\n", count);
	return !count;
}
