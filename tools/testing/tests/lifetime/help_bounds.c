// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the process that help with a map are bound as the caller is: by its NUMA policy
 * and its control groups, their limits and quotas.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>

#include "help.h"

#define CGROUPS	"/sys/fs/cgroup"
#define CGROUP	CGROUPS "/ioasid-help"

/* --- NUMA --- */

/* How many pages are on @node. */
static size_t on_node(char *mem, int node)
{
	static void *page[PAGES];
	static int status[PAGES];
	size_t i, n = 0;

	for (i = 0; i < PAGES; i++)
		page[i] = mem + i * PAGE;
	if (syscall(SYS_move_pages, 0, PAGES, page, NULL, status, 0))
		return 0;
	for (i = 0; i < PAGES; i++)
		n += status[i] == node;
	return n;
}

/* The policy of the task, or of its memory, says where pages come from. */
TEST_F_TIMEOUT(help, numa_policy, 120)
{
	unsigned long one = 1UL << 1;
	long long helped[2] = { 0 };
	char *mem;
	int i, of_task;

	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "the machine has one node");
	for (of_task = 0; of_task < 2; of_task++) {
		if (of_task)
			ASSERT_EQ(0, syscall(SYS_set_mempolicy, 2 /* MPOL_BIND */, &one, 8));
		for (i = 0; i < TRIES && !helped[of_task]; i++) {
			mem = map_small();
			if (!of_task)
				ASSERT_EQ(0, syscall(SYS_mbind, mem, SIZE, 2, &one, 8, 0));
			ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, SIZE, MAP_RW));
			helped[of_task] = map_event("helpers");
			EXPECT_EQ(PAGES, on_node(mem, 1));
			EXPECT_EQ((long long)SIZE, backend_unmap(&self->d, IOVA, SIZE));
			munmap(mem, SIZE);
		}
		EXPECT_LT(0, helped[of_task]);
	}
}

/* --- control groups --- */

static bool cgroup_make(const char *controllers)
{
	rmdir(CGROUP);
	return file_write(CGROUPS "/cgroup.subtree_control", controllers) && !mkdir(CGROUP, 0755);
}

static long long cgroup_number(const char *file, const char *key)
{
	FILE *f = fopen(file, "re");
	char line[128];
	size_t n = strlen(key);
	long long value = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && line[n] == ' ')
			value = atoll(line + n);
	if (f)
		fclose(f);
	return value;
}

/* Too much for the group: the OOM killer takes the process, with help and without. */
TEST_F_TIMEOUT(help, memory_max, 90)
{
	int i, status;
	pid_t pid;

	printf("# expect-splat: Call Trace:\n");
	ASSERT_TRUE(cgroup_make("+memory"));
	EXPECT_TRUE(file_write(CGROUP "/memory.max", "41943040"));
	if (!access(CGROUP "/memory.swap.max", F_OK))
		EXPECT_TRUE(file_write(CGROUP "/memory.swap.max", "0"));
	for (i = 0; i < 6; i++) {
		ASSERT_TRUE(file_write(WORKERS, i & 1 ? "4" : "0"));
		pid = fork();
		if (!pid) {
			if (!file_write(CGROUP "/cgroup.procs", "0"))
				_exit(3);
			_exit(backend_map(&self->d, IOVA, map_small(), SIZE, MAP_RW) ? 1 : 2);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		EXPECT_EQ(i + 1, cgroup_number(CGROUP "/memory.events", "oom_kill"));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* What a thread brings is the caller's group's, and so is its time. */
static int in_group(const struct backend *d)
{
	long long n = 0;
	char *mem;
	int i;

	if (!file_write(CGROUP "/cgroup.procs", "0"))
		return 3;
	for (i = 0; i < TRIES && !n; i++) {
		long long before = cgroup_number(CGROUP "/memory.stat", "anon"), grown;

		mem = map_small();
		if (backend_map(d, IOVA, mem, SIZE, MAP_RW))
			return 4;
		n = map_event("helpers");
		grown = cgroup_number(CGROUP "/memory.stat", "anon") - before;
		printf("# %lld bytes more, %lld pages by %lld threads\n", grown,
		       map_event("pages_helped"), n);
		/* Counts of processors are added up now and then. */
		if (grown < (long long)(SIZE - 2 * MIB))
			return 5;
		backend_unmap(d, IOVA, SIZE);
		munmap(mem, SIZE);
	}
	return n > 0 ? 0 : 6;
}

TEST_F_TIMEOUT(help, memory_charged, 90)
{
	int status;
	pid_t pid;

	ASSERT_TRUE(cgroup_make("+memory"));
	pid = fork();
	if (!pid)
		_exit(in_group(&self->d));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* A group with one processor has no other to help. */
TEST_F_TIMEOUT(help, cpuset, 90)
{
	int status;
	pid_t pid;

	ASSERT_TRUE(cgroup_make("+cpuset"));
	EXPECT_TRUE(file_write(CGROUP "/cpuset.cpus", "1"));
	pid = fork();
	if (!pid) {
		if (!file_write(CGROUP "/cgroup.procs", "0"))
			_exit(3);
		_exit(most_of(&self->d, 5));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* A child that maps, in a group of its own; -1: there can be none. */
static pid_t group_maps(const struct backend *d)
{
	pid_t pid;

	rmdir(CGROUP);
	if (mkdir(CGROUP, 0755))
		return -1;
	pid = fork();
	if (pid)
		return pid;
	if (!file_write(CGROUP "/cgroup.procs", "0"))
		_exit(3);
	map_forever(d);
	_exit(4);
}

/* Freeze it: is all of it frozen soon? */
static bool group_freezes(void)
{
	int tries;

	if (!file_write(CGROUP "/cgroup.freeze", "1"))
		return false;
	for (tries = 0; tries < 100 && cgroup_number(CGROUP "/cgroup.events", "frozen") != 1; tries++)
		usleep(50000);
	return tries < 100;
}

static void group_killed(struct ktap_test *_self, struct ktap_fixture_help *self, pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	upset_nothing_left(_self, self);
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* Frozen in the middle, it is frozen when the map is done, and goes on. */
TEST_F_TIMEOUT(help, frozen, 90)
{
	pid_t pid = group_maps(&self->d);
	int i;

	ASSERT_LT(0, pid);
	for (i = 0; i < 5; i++) {
		usleep(200000 + i * UPSET_LATER);
		EXPECT_TRUE(group_freezes());
		ASSERT_TRUE(file_write(CGROUP "/cgroup.freeze", "0"));
	}
	group_killed(_self, self, pid);
}

/* What holds the module for a while has gone: its only users are the modules that need it. */
static bool module_at_rest(void)
{
	struct dirent *e;
	int tries, holders = 0;
	DIR *dir = opendir("/sys/module/ioasid/holders");

	while (dir && (e = readdir(dir)))
		holders += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	for (tries = 0; tries < 100; tries++) {
		if (file_number("/sys/module/ioasid/refcnt") == holders)
			return true;
		usleep(50000);
	}
	printf("# %d holders, %lld users\n", holders, file_number("/sys/module/ioasid/refcnt"));
	return false;
}

/* Killed while it is frozen, it ends as it is: nothing of the module is held for its threads. */
TEST_F_TIMEOUT(help, killed_while_frozen, 90)
{
	pid_t pid;
	int i;

	/* The threads of the test before may still be ending. */
	ASSERT_TRUE(module_at_rest());
	for (i = 0; i < 5; i++) {
		pid = group_maps(&self->d);
		ASSERT_LT(0, pid);
		usleep(200000 + i * UPSET_LATER);
		EXPECT_TRUE(group_freezes());
		group_killed(_self, self, pid);
	}
	EXPECT_TRUE(module_at_rest());
}

struct seen {
	const struct backend *d;
	pthread_t thread;
	volatile bool stop;
	int nr;			/* threads that were seen */
	int wrong;		/* of these, in another group, or with more processors */
};

static bool line_of(const char *tid, const char *file, const char *key, char *line, int size)
{
	char path[320];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%s/%s", tid, file);
	f = fopen(path, "re");
	while (f && !found && fgets(line, size, f))
		found = !strncmp(line, key, strlen(key));
	if (f)
		fclose(f);
	return found;
}

/* Looks at each thread with that name: bound as this one is? */
static void *look(void *arg)
{
	struct seen *s = arg;
	char mine[256], its[256], comm[256], me[16];
	cpu_set_t my_cpus, its_cpus, both;
	struct dirent *e;

	sched_getaffinity(0, sizeof(my_cpus), &my_cpus);
	snprintf(me, sizeof(me), "%d", getpid());
	while (!s->stop) {
		DIR *dir = opendir("/proc/self/task");

		while (dir && (e = readdir(dir))) {
			if (!line_of(e->d_name, "comm", "ioasid-help", comm, sizeof(comm)))
				continue;
			/* It may be gone by now. */
			if (line_of(e->d_name, "cgroup", "0::", its, sizeof(its)) &&
			    line_of(me, "cgroup", "0::", mine, sizeof(mine))) {
				s->nr++;
				s->wrong += strcmp(its, mine) != 0;
			}
			if (!sched_getaffinity(atoi(e->d_name), sizeof(its_cpus), &its_cpus)) {
				CPU_AND(&both, &its_cpus, &my_cpus);
				s->wrong += !CPU_EQUAL(&both, &its_cpus);
			}
		}
		if (dir)
			closedir(dir);
	}
	return NULL;
}

static int in_quota(const struct backend *d)
{
	struct seen s = { .d = d };
	int i;

	if (!file_write(CGROUP "/cgroup.procs", "0"))
		return 3;
	if (pthread_create(&s.thread, NULL, look, &s))
		return 4;
	for (i = 0; i < TRIES && !s.nr; i++)
		if (map_once(d, map_small) < 0)
			return 5;
	s.stop = true;
	pthread_join(s.thread, NULL);
	printf("# saw threads %d times, %d times wrong\n", s.nr, s.wrong);
	return s.wrong ? 6 : 0;
}

/* With a quota: each thread is one of the caller's group, so its time counts there. */
TEST_F_TIMEOUT(help, cpu_max, 120)
{
	int status;
	pid_t pid;

	ASSERT_TRUE(cgroup_make("+cpu"));
	if (access(CGROUP "/cpu.max", F_OK))
		SKIP(return, "the kernel has no quotas (CONFIG_CFS_BANDWIDTH)");
	EXPECT_TRUE(file_write(CGROUP "/cpu.max", "50000 100000"));
	pid = fork();
	if (!pid)
		_exit(in_quota(&self->d));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_LT(0, cgroup_number(CGROUP "/cpu.stat", "nr_throttled"));
	EXPECT_EQ(0, rmdir(CGROUP));
}

TEST_HARNESS_MAIN
