// SPDX-License-Identifier: GPL-2.0-only
/*
 * One program: a process with a thread for each number in it, a helper for
 * the calls that are made from outside, and their end. The parent reaps all
 * that they leave: it is a subreaper.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

#define LATE_SECONDS	20	/* it is killed then; blocking is no fault */
#define STUCK_SECONDS	60	/* what SIGKILL does not end by then is stuck */

/* How far thread 0 is. */
static atomic_uint begun;

struct thread {
	const struct fuzz_program *program;
	struct fuzz_stats *stats;
	unsigned int number;
};

static unsigned int slow(void)
{
	const char *factor = getenv("KTAP_SLOW");
	int n = factor ? atoi(factor) : 1;

	return n > 1 ? n : 1;
}

/* --- threads --- */

static void inject(int fd, unsigned int nth)
{
	char text[16];

	if (fd >= 0 && pwrite(fd, text, snprintf(text, sizeof(text), "%u", nth), 0) < 0)
		errno = 0;
}

static void count(struct fuzz_stats *stats, const struct fuzz_call *c, long ret, int err)
{
	stats->calls++;
	stats->injected += c->nth > 0;
	stats->by_kind[c->kind]++;
	if (ret >= 0) {
		stats->ok_by_kind[c->kind]++;
		return;
	}
	stats->failed++;
	if (err < (int)(sizeof(stats->by_errno) / sizeof(*stats->by_errno)))
		stats->by_errno[err]++;
}

static void make_calls(const struct thread *t)
{
	int nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), err;
	unsigned int i;
	long ret;

	while (t->number && t->number != FUZZ_OUTSIDE && begun < t->program->first)
		usleep(100);
	for (i = 0; i < t->program->ncalls; i++) {
		const struct fuzz_call *c = &t->program->calls[i];

		if (c->thread != t->number)
			continue;
		if (!t->number)
			begun = i;
		fuzz_cover_begin();
		if (c->nth)
			inject(nth, c->nth);
		ret = fuzz_kinds[c->kind].run(c->a);
		err = errno;
		if (c->nth)
			inject(nth, 0);
		fuzz_cover_end();
		count(t->stats, c, ret, err);
	}
}

static void *thread_main(void *arg)
{
	const struct thread *t = arg;

	fuzz_cover_thread();
	make_calls(t);
	if (!t->number)
		begun = FUZZ_CALLS;
	return NULL;
}

/* --- the process --- */

/* What lifts limits: RLIMIT_MEMLOCK, and those of one user. */
static void drop_rights(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return;
	data[CAP_IPC_LOCK / 32].effective &= ~(1U << (CAP_IPC_LOCK % 32));
	data[CAP_SYS_RESOURCE / 32].effective &= ~(1U << (CAP_SYS_RESOURCE % 32));
	syscall(SYS_capset, &head, data);
}

static void take_rights(uint32_t rights)
{
	struct rlimit small = { 4 * MIB, 64 * MIB };
	cpu_set_t one;

	if (rights & 2)
		setrlimit(RLIMIT_MEMLOCK, &small);
	if (rights & 1)
		drop_rights();
	if (rights & 4) {
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		sched_setaffinity(0, sizeof(one), &one);
	}
}

static void process_main(const struct fuzz_program *p, struct fuzz_stats *stats)
{
	struct thread threads[FUZZ_THREADS];
	pthread_t id[FUZZ_THREADS];
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	take_rights(p->rights);
	fuzz_slots_clear();
	fuzz_memory_setup();
	for (i = 0; i < FUZZ_THREADS; i++) {
		threads[i] = (struct thread){ .program = p, .stats = stats, .number = i };
		if (pthread_create(&id[i], NULL, thread_main, &threads[i]))
			_exit(1);
	}
	for (i = 0; i < FUZZ_THREADS; i++)
		pthread_join(id[i], NULL);
	_exit(0);
}

bool fuzz_has_outside(const struct fuzz_program *p)
{
	unsigned int i;

	for (i = 0; i < p->ncalls; i++)
		if (p->calls[i].thread == FUZZ_OUTSIDE)
			return true;
	return false;
}

static pid_t start_outside(const struct fuzz_program *p, struct fuzz_stats *stats)
{
	struct thread t = { .program = p, .stats = stats, .number = FUZZ_OUTSIDE };
	pid_t pid;

	if (!fuzz_has_outside(p))
		return 0;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		make_calls(&t);
		_exit(0);
	}
	return pid;
}

static pid_t start_process(const struct fuzz_program *p, struct fuzz_stats *stats)
{
	pid_t pid = fork();

	if (!pid)
		process_main(p, stats);
	return pid;
}

/* --- its end --- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Reaps until @pid has ended or @until has come. */
static bool reap(pid_t pid, double until)
{
	pid_t got;

	for (;;) {
		got = waitpid(-1, NULL, WNOHANG);
		if (got == pid || (got < 0 && errno == ECHILD))
			return true;
		if (got > 0)
			continue;
		if (now() >= until)
			return false;
		usleep(500);
	}
}

/* Everything of this group, and what it has forked. */
static bool finish(pid_t pid)
{
	double until = now() + STUCK_SECONDS * slow();

	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	return reap(pid, until);
}

static bool reap_all(void)
{
	return reap(-1, now() + STUCK_SECONDS * slow());
}

enum fuzz_end fuzz_run(const struct fuzz_program *p, struct fuzz_stats *stats)
{
	enum fuzz_end end = FUZZ_ENDED;
	pid_t pid, outside;
	double began = now();

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = start_process(p, stats);
	outside = start_outside(p, stats);
	if (pid < 0 || outside < 0) {
		printf("# cannot fork: %s\n", strerror(errno));
		exit(1);
	}
	if (!reap(pid, began + (p->kill_ms ? p->kill_ms * 1e-3 : LATE_SECONDS * slow())))
		end = p->kill_ms ? FUZZ_KILLED : FUZZ_LATE;
	if (!finish(pid))
		return FUZZ_STUCK;
	/* The helper may have waited for the program; now it must come to its end. */
	if (outside && !reap(outside, now() + STUCK_SECONDS * slow()))
		return FUZZ_STUCK;
	if (outside)
		finish(outside);
	return reap_all() ? end : FUZZ_STUCK;
}
