// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map of more memory than memory.max of its caller's cgroup allows: the pages
 * are charged as they are faulted in, so the kernel kills the caller. On type1
 * too: no errno tells a program to ask for less.
 */
#include <sys/stat.h>

#include "lib/container.h"

#define CGROUP	"/sys/fs/cgroup/ioasid-oom"
#define IOVA	0x10000000ULL
#define SIZE	(64 * MIB)

FIXTURE(oom) {
	struct door d;
};

FIXTURE_VARIANT(oom) {
	enum door_kind kind;
};

FIXTURE_VARIANT_ADD(oom, ioasid) { .kind = DOOR_IOASID };
FIXTURE_VARIANT_ADD(oom, shim) { .kind = DOOR_SHIM };
FIXTURE_VARIANT_ADD(oom, type1) { .kind = DOOR_TYPE1 };

FIXTURE_SETUP(oom)
{
	ASSERT_TRUE(door_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DOOR_NVME));
	ASSERT_TRUE(!mkdir(CGROUP, 0755) || errno == EEXIST);
	ASSERT_TRUE(door_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	ASSERT_TRUE(door_write(CGROUP "/memory.max", "16M"));
}

FIXTURE_TEARDOWN(oom)
{
	door_close(&self->d);
	/* A task that was killed leaves its cgroup a moment after it was waited for. */
	for (int i = 0; i < 100 && rmdir(CGROUP) && errno == EBUSY; i++)
		usleep(20000);
	EXPECT_NE(0, access(CGROUP, F_OK));
}

/* The word after KEY in memory.events of the cgroup. */
static long long event(const char *key)
{
	FILE *file = fopen(CGROUP "/memory.events", "re");
	long long value = -1, n;
	char word[32];

	while (file && fscanf(file, "%31s %lld", word, &n) == 2)
		if (!strcmp(word, key))
			value = n;
	if (file)
		fclose(file);
	return value;
}

TEST_F(oom, map_beyond_memory_max_is_killed)
{
	struct tally before = door_tally(&self->d);
	int status = 0;
	char *mem;
	pid_t pid;

	printf("# expect-splat: Call Trace:\n");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		/* Memory that is not there yet: the map faults it in. */
		mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (mem == MAP_FAILED || !door_write(CGROUP "/cgroup.procs", "0"))
			_exit(1);
		_exit(door_map(&self->d, IOVA, mem, SIZE, DOOR_RW) ? 2 : 3);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_LE(1, event("oom_kill"));
	EXPECT_UNCHANGED(&self->d, &before);
	EXPECT_EQ(0, door_unmap_all(&self->d));
}

TEST_HARNESS_MAIN
