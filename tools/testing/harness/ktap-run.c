// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktap-run: runs test programs one after another and judges them.
 *
 * A program's own verdict is not enough. A line "ok" becomes "not ok" when the
 * kernel logged a splat since the line before it; a program that gives no
 * plan, keeps not to it, exits otherwise than its lines say, leaves pages
 * pinned or goes quiet for too long has failed as well. The output is one flat
 * KTAP stream; the totals also go to the file named by IOASID_RESULT. A test
 * that means the kernel to complain prints "# expect-splat: WORDS" before.
 */
#include "kernel.h"
#include "ktap-run.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a test prints that provokes a splat: the words it will hold. */
#define EXPECT_SPLAT "# expect-splat: "

struct totals totals;

/*
 * Seconds a test may take, which is the time between two result lines; a
 * program that lets twice as much pass is killed. 0: as long as it likes.
 */
static unsigned int limit = 10;
static bool count_pins = true;	/* not on a kernel that others use as well */

/* One program while it runs. */
struct run {
	const char *name;	/* area/program */
	pid_t pid;
	int out;		/* read end of its stdout and stderr */
	int plan;		/* -1 until it gives one */
	int seen;		/* result lines so far */
	int bad;		/* of those, the program itself called these bad */
	bool bailed;
	double since;		/* when the test that runs now began */
	char line[4096];
	size_t length;
};

void verdict(enum verdict kind, const char *program, const char *test, const char *fmt, ...)
{
	static const char *const word[] = { "ok", "not ok", "ok" };
	char note[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(note, sizeof(note), fmt, args);
	va_end(args);
	totals.count[kind]++;
	printf("%s %d %s%s%s%s%s%s\n", word[kind],
	       totals.count[PASS] + totals.count[FAIL] + totals.count[SKIPPED],
	       program, *test ? "." : "", test,
	       kind == SKIPPED || *note ? " # " : "", kind == SKIPPED ? "SKIP " : "", note);
	fflush(stdout);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* area/program out of a path: the last two parts, without an ending. */
static const char *short_name(const char *path, char *buffer, size_t size)
{
	const char *start = strrchr(path, '/');
	char *dot;

	while (start && start > path && start[-1] != '/')
		start--;
	snprintf(buffer, size, "%s", start ? start : path);
	dot = strchr(buffer, '.');
	if (dot)
		*dot = '\0';
	return buffer;
}

/* "ok 3 - name # SKIP why": cuts the line up; false if it is no result. */
static bool parse_result(char *line, bool *good, int *number, char **name, char **directive)
{
	char *at = line, *end;

	*good = strncmp(at, "not ok", 6);
	if (*good && strncmp(at, "ok", 2))
		return false;
	at += *good ? 2 : 6;
	if (*at && *at != ' ')
		return false;
	*number = strtol(at, &end, 10);
	if (end == at)
		*number = 0;
	at = end + strspn(end, " -");
	*name = at;
	*directive = strchr(at, '#');
	if (*directive) {
		end = *directive;
		*directive += 1 + strspn(*directive + 1, " ");
		while (end > at && end[-1] == ' ')
			end--;
		*end = '\0';
	} else {
		*directive = at + strlen(at);
	}
	return true;
}

static void take_result(struct run *run, bool good, int number, const char *name,
			const char *directive)
{
	double took = now() - run->since;
	char splat[200];
	bool splatted;

	run->since = now();
	run->seen++;
	run->bad += !good;
	splatted = kmsg_splat(splat, sizeof(splat));
	kmsg_expect(NULL);
	if (splatted)
		verdict(FAIL, run->name, name, "kernel splat: %s", splat);
	else if (!good)
		verdict(FAIL, run->name, name, "%s", directive);
	else if (number && number != run->seen)
		verdict(FAIL, run->name, name, "is number %d but came as number %d",
			number, run->seen);
	else if (run->plan >= 0 && run->seen > run->plan)
		verdict(FAIL, run->name, name, "is beyond the plan of %d", run->plan);
	else if (limit && took > limit)
		verdict(FAIL, run->name, name, "took %.1f s, and %u s is the limit", took, limit);
	else if (!strncasecmp(directive, "SKIP", 4))
		verdict(SKIPPED, run->name, name, "%s", directive + 4 + strspn(directive + 4, " :"));
	else
		verdict(PASS, run->name, name, "%s", "");
}

static void take_line(struct run *run)
{
	char *name, *directive;
	int number, plan, used = 0;
	bool good;

	if (sscanf(run->line, "1..%d%n", &plan, &used) == 1 && used) {
		if (run->plan >= 0)
			verdict(FAIL, run->name, "", "gave a second plan");
		run->plan = plan;
		if (!plan)
			verdict(SKIPPED, run->name, "", "%s", run->line + used + strspn(run->line + used, " #"));
	} else if (parse_result(run->line, &good, &number, &name, &directive)) {
		take_result(run, good, number, name, directive);
	} else if (!strncmp(run->line, "Bail out!", 9)) {
		run->bailed = true;
		verdict(FAIL, run->name, "", "%s", run->line);
	} else if (!strncmp(run->line, EXPECT_SPLAT, strlen(EXPECT_SPLAT))) {
		kmsg_expect(run->line + strlen(EXPECT_SPLAT));
	} else if (strncmp(run->line, "KTAP version", 12) && strncmp(run->line, "TAP version", 11)) {
		printf("%s%s\n", *run->line == '#' ? "" : "# ", run->line);
		fflush(stdout);
	}
}

/* Reads what there is; false at the end. */
static bool take_output(struct run *run)
{
	char buffer[4096];
	ssize_t got = read(run->out, buffer, sizeof(buffer)), i;

	for (i = 0; i < got; i++) {
		if (buffer[i] != '\n' && run->length < sizeof(run->line) - 1) {
			run->line[run->length++] = buffer[i];
			continue;
		}
		run->line[run->length] = '\0';
		run->length = 0;
		take_line(run);
	}
	return got > 0 || (got < 0 && errno == EINTR);
}

/* Starts @path in a process group of its own, its output into @run->out. */
static bool start(struct run *run, const char *path)
{
	int out[2];

	if (pipe(out))
		return false;
	run->pid = fork();
	if (!run->pid) {
		setpgid(0, 0);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		execl(path, path, (char *)NULL);
		printf("Bail out! cannot run %s: %s\n", path, strerror(errno));
		fflush(stdout);
		_exit(127);
	}
	close(out[1]);
	run->out = out[0];
	run->since = now();
	return run->pid > 0;
}

/*
 * Reads the output until the program has ended, not until the pipe closes:
 * a process it left behind may hold the pipe. Returns whether it ended in
 * time; the wait status goes to @status.
 */
static bool follow(struct run *run, int *status)
{
	struct pollfd in = { .fd = run->out, .events = POLLIN };
	bool open = true, ended = false;
	int ready;

	while (!ended || open) {
		if (!ended)
			ended = waitpid(run->pid, status, WNOHANG) == run->pid;
		ready = open ? poll(&in, 1, ended ? 0 : 50) : (usleep(10000), 0);
		if (ready > 0)
			open = take_output(run);
		else if (ended)
			break;
		if (!ended && limit && now() - run->since > 2 * limit)
			return false;
	}
	return true;
}

/* Kills the program and waits a little; it may be stuck in the kernel. */
static void kill_run(struct run *run)
{
	int tries, status;

	kill(-run->pid, SIGKILL);
	kill(run->pid, SIGKILL);
	for (tries = 0; tries < 50; tries++) {
		if (waitpid(run->pid, &status, WNOHANG) == run->pid)
			return;
		usleep(100000);
	}
	verdict(FAIL, run->name, "", "cannot be killed: stuck in the kernel");
}

/* What the lines of the program do not say: plan, exit status, leftovers. */
static void judge(struct run *run, int status, bool ended, bool step, long long pinned)
{
	char splat[200];
	long long leaked;
	int missing;

	if (!ended)
		verdict(FAIL, run->name, "", "no result for %u s: killed", 2 * limit);
	else if (WIFSIGNALED(status))
		verdict(FAIL, run->name, "", "killed by signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (step && WEXITSTATUS(status))
		verdict(FAIL, run->name, "", "exit status %d", WEXITSTATUS(status));
	else if (WEXITSTATUS(status) && !run->bad && !run->bailed)
		verdict(FAIL, run->name, "", "exit status %d, though every line says ok",
			WEXITSTATUS(status));
	else if (!WEXITSTATUS(status) && run->bad)
		verdict(FAIL, run->name, "", "exit status 0, though a line says not ok");

	if (!step && run->plan < 0)
		verdict(FAIL, run->name, "", "gave no plan");
	for (missing = run->seen; missing < run->plan; missing++)
		verdict(FAIL, run->name, "", "test %d of its plan of %d is missing",
			missing + 1, run->plan);
	if (kmsg_splat(splat, sizeof(splat)))
		verdict(FAIL, run->name, "", "kernel splat after its last line: %s", splat);
	leaked = step || !count_pins ? 0 : ktap_leaked(pinned);
	if (leaked)
		verdict(FAIL, run->name, "", "pinned pages changed by %lld", leaked);
}

static void run_program(const char *path)
{
	char name[200];
	struct run run = { .plan = -1 };
	long long pinned = ktap_pinned();
	const char *base = strrchr(path, '/');
	bool step, ended;
	double began = now();
	int status = 0;

	base = base ? base + 1 : path;
	step = !strcmp(base, "setup.sh") || !strcmp(base, "teardown.sh");
	run.name = short_name(path, name, sizeof(name));
	ktap_mark("run", run.name);
	if (!start(&run, path)) {
		verdict(FAIL, run.name, "", "cannot start: %s", strerror(errno));
		return;
	}
	ended = follow(&run, &status);
	if (ended)
		kill(-run.pid, SIGKILL);	/* what it left behind */
	else
		kill_run(&run);
	close(run.out);
	judge(&run, status, ended, step, pinned);
	printf("# %s: %.1f s\n", run.name, now() - began);
	fflush(stdout);
}

static bool report(const char *path)
{
	FILE *file;
	int ret;

	if (!path || !*path)
		return true;
	file = fopen(path, "w");
	if (!file) {
		fprintf(stderr, "ktap-run: cannot open %s: %s\n", path, strerror(errno));
		return false;
	}
	ret = fprintf(file, "total %d %d %d\n", totals.count[PASS], totals.count[FAIL],
		      totals.count[SKIPPED]);
	return !fclose(file) && ret > 0;
}

int main(int argc, char **argv)
{
	const char *splats = NULL, *kmsg = "/dev/kmsg";
	int option, i;

	while ((option = getopt(argc, argv, "Pt:s:k:")) != -1) {
		if (option == 'P')
			count_pins = false;
		else if (option == 't')
			limit = atoi(optarg);
		else if (option == 's')
			splats = optarg;
		else if (option == 'k')
			kmsg = optarg;
		else
			optind = argc + 1;
	}
	if (optind >= argc || !splats) {
		fprintf(stderr, "usage: ktap-run [-P] [-t seconds] [-k kmsg] -s splats program...\n");
		return 2;
	}
	if (!kmsg_open(kmsg, splats))
		return 2;
	printf("KTAP version 1\n");
	for (i = optind; i < argc; i++)
		run_program(argv[i]);
	printf("1..%d\n", totals.count[PASS] + totals.count[FAIL] + totals.count[SKIPPED]);
	printf("# %d passed, %d failed, %d skipped\n", totals.count[PASS],
	       totals.count[FAIL], totals.count[SKIPPED]);
	fflush(stdout);
	if (!report(getenv("IOASID_RESULT")))
		return 1;
	return totals.count[FAIL] || !totals.count[PASS];
}
