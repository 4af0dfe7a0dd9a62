// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the process that help with a map, when a debugger holds one of them, and when the
 * process dumps core or its control group is killed: the map goes on, and nothing stays.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "help.h"

#define CGROUP		"/sys/fs/cgroup/ioasid-help"
#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"

/* A thread of @pid that helps, or 0 if there was none for a second. */
static pid_t helper_of(pid_t pid)
{
	char path[300], comm[32];
	struct dirent *e;
	pid_t found = 0;
	int i;

	for (i = 0; i < 1000 && !found; i++, usleep(1000)) {
		DIR *dir;

		snprintf(path, sizeof(path), "/proc/%d/task", pid);
		dir = opendir(path);
		while (dir && !found && (e = readdir(dir))) {
			FILE *f;

			snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid, e->d_name);
			f = fopen(path, "re");
			if (f && fgets(comm, sizeof(comm), f) && !strcmp(comm, "ioasid-help\n"))
				found = atoi(e->d_name);
			if (f)
				fclose(f);
		}
		if (dir)
			closedir(dir);
	}
	return found;
}

/* Maps and unmaps, and counts that. */
static void map_and_count(const struct backend *d, int *rounds)
{
	while (map_once(d, map_small) >= 0)
		__atomic_add_fetch(rounds, 1, __ATOMIC_RELAXED);
	_exit(1);
}

/* A debugger that holds a thread does not hold up the maps of others. */
TEST_F_TIMEOUT(help, traced, 90)
{
	int *rounds = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i, waits, held = 0, before, status;
	pid_t pid = fork(), tid;

	if (!pid)
		map_and_count(&self->d, rounds);
	for (i = 0; i < TRIES && held < 3; i++) {
		tid = helper_of(pid);
		if (!tid || ptrace(PTRACE_SEIZE, tid, 0, 0))
			continue;
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
		if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
			continue;
		held++;
		before = __atomic_load_n(rounds, __ATOMIC_RELAXED);
		/* A map takes seconds on a slow machine, and a thread is held until it is detached. */
		for (waits = 0; waits < 100 && __atomic_load_n(rounds, __ATOMIC_RELAXED) == before; waits++)
			usleep(100000);
		EXPECT_LT(before, __atomic_load_n(rounds, __ATOMIC_RELAXED));
		EXPECT_EQ(0, ptrace(PTRACE_DETACH, tid, 0, 0));
	}
	/* On a slow machine the search itself keeps a processor from being idle. */
	if (!held)
		printf("# no thread was caught\n");
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_LE(0, backend_unmap_all(&self->d));
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static void *fault_soon(void *arg)
{
	usleep((uintptr_t)arg);
	raise(SIGSEGV);
	return NULL;
}

/* A core dump waits for all threads, and so for those. */
TEST_F_TIMEOUT(help, dumps_core, 90)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	char was[128] = "core";
	FILE *f = fopen(CORE_PATTERN, "re");
	pthread_t thread;
	int i, status;
	pid_t pid;

	if (f && !fgets(was, sizeof(was), f))
		was[0] = 0;
	if (f)
		fclose(f);
	ASSERT_TRUE(file_write(CORE_PATTERN, "/dev/null"));
	for (i = 0; i < 8; i++) {
		pid = fork();
		if (!pid) {
			setrlimit(RLIMIT_CORE, &all);
			if (!pthread_create(&thread, NULL, fault_soon,
					    (void *)(uintptr_t)(100000 + i * 37000)))
				map_forever(&self->d);
			_exit(2);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
		EXPECT_LE(0, backend_unmap_all(&self->d));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
	EXPECT_TRUE(file_write(CORE_PATTERN, was));
}

/* The kill of a control group reaches threads that are being made. */
TEST_F_TIMEOUT(help, group_is_killed, 90)
{
	int i, status;
	pid_t pid;

	rmdir(CGROUP);
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
	for (i = 0; i < 8; i++) {
		pid = fork();
		if (!pid) {
			if (!file_write(CGROUP "/cgroup.procs", "0"))
				_exit(3);
			map_forever(&self->d);
		}
		usleep(100000 + i * 37000);
		ASSERT_TRUE(file_write(CGROUP "/cgroup.kill", "1"));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		EXPECT_LE(0, backend_unmap_all(&self->d));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
	for (i = 0; i < 100 && rmdir(CGROUP); i++)
		usleep(10000);
	EXPECT_EQ(-1, access(CGROUP, F_OK));
}

TEST_HARNESS_MAIN
