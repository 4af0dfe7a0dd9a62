// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the process that are to help with a map, and are stopped before they take their
 * first step: nothing waits for them but the work that ends them, and that does not sleep for
 * as long as they are stopped.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "help.h"

#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

static bool be_real_time(int priority, int cpu)
{
	struct sched_param p = { .sched_priority = priority };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return (cpu < 0 || !sched_setaffinity(0, sizeof(set), &set)) &&
	       !sched_setscheduler(0, SCHED_FIFO, &p);
}

/* Has it got threads, beside its two? */
static bool helped(pid_t pid)
{
	char path[64];
	struct stat s;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return !stat(path, &s) && s.st_nlink > 2 + 2;
}

/* Stops the process as soon as it has got threads. */
static void *stop_soon(void *unused)
{
	int i;

	(void)unused;
	if (!be_real_time(20, 0))
		return NULL;
	for (i = 0; i < 2000 && !helped(getpid()); i++)
		usleep(1000);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP);
	return NULL;
}

/*
 * The threads that it gets have its priority, and no processor while it runs: the other one is
 * taken. So they take their first step when it waits for their end.
 */
static int map_alone(int fd)
{
	char *mem = small_pages(4 * SIZE);
	struct ioasid_map_dma arg = {
		.size = sizeof(arg), .user_va = (uintptr_t)mem, .length = 4 * SIZE, .workers = 2,
		.flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE,
	};
	pthread_t thread;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CPU_SET(1, &set);
	if (mem == MAP_FAILED || pthread_create(&thread, NULL, stop_soon, NULL) ||
	    sched_setaffinity(0, sizeof(set), &set) || !be_real_time(1, -1))
		return 3;
	return ioctl(fd, IOASID_MAP_DMA, &arg) ? 4 : 0;
}

static pid_t spin_on(int cpu)
{
	pid_t pid = fork();

	if (!pid) {
		if (be_real_time(10, cpu))
			for (;;)
				;
		_exit(1);
	}
	return pid;
}

/* How many threads of the kernel wait for the end of such a thread. */
static int waiters(void)
{
	char path[300], line[256];
	struct dirent *e;
	DIR *dir = opendir("/proc");
	int n = 0;
	FILE *f;

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/stack", e->d_name);
		f = atoi(e->d_name) ? fopen(path, "re") : NULL;
		while (f && fgets(line, sizeof(line), f))
			n += !!strstr(line, "vhost_task_stop");
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return n;
}

/* Nothing waits for it but the work that ends it, which looks again now and then. */
TEST_F_TIMEOUT(help, stopped_at_once, 90)
{
	long long runtime = file_number(RT_RUNTIME);
	int status, seen;
	pid_t spinner, pid;
	char text[32];

	ASSERT_TRUE(file_write(RT_RUNTIME, "-1"));
	pid = fork();
	if (!pid) {
		/* Also for this process: it looks when the others are at work. */
		if (!be_real_time(30, 0))
			_exit(6);
		spinner = spin_on(1);
		pid = fork();
		if (!pid)
			_exit(map_alone(open("/dev/ioasid", O_RDWR | O_CLOEXEC)));
		seen = waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) ? 0 : -1;
		kill(spinner, SIGKILL);
		waitpid(spinner, NULL, 0);
		usleep(300000);
		if (!seen)
			seen = helped(pid) ? waiters() : -2;
		kill(pid, SIGCONT);
		waitpid(pid, &status, 0);
		_exit(seen ? 20 + seen : status ? 10 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	snprintf(text, sizeof(text), "%lld", runtime);
	EXPECT_TRUE(file_write(RT_RUNTIME, text));
}

TEST_HARNESS_MAIN
