// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map of more memory than memory.max of its caller's cgroup allows: the pages
 * are charged as they are faulted in, so the kernel kills the caller. On type1
 * too: no errno tells a program to ask for less.
 */
#include <sys/stat.h>

#include "lib/backend.h"

#define CGROUP	"/sys/fs/cgroup/ioasid-oom"
#define IOVA	0x10000000ULL
#define SIZE	(64 * MIB)

FIXTURE(oom) {
	struct backend d;
};

FIXTURE_VARIANT(oom) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(oom, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(oom, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(oom, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(oom)
{
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	ASSERT_TRUE(!mkdir(CGROUP, 0755) || errno == EEXIST);
	ASSERT_TRUE(file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	ASSERT_TRUE(file_write(CGROUP "/memory.max", "16M"));
}

FIXTURE_TEARDOWN(oom)
{
	backend_close(&self->d);
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
	struct tally before = backend_tally(&self->d);
	int status = 0;
	char *mem;
	pid_t pid;

	printf("# expect-splat: Call Trace:\n");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		/* Memory that is not there yet: the map faults it in. */
		mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (mem == MAP_FAILED || !file_write(CGROUP "/cgroup.procs", "0"))
			_exit(1);
		_exit(backend_map(&self->d, IOVA, mem, SIZE, MAP_RW) ? 2 : 3);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_LE(1, event("oom_kill"));
	EXPECT_UNCHANGED(&self->d, &before);
	EXPECT_EQ(0, backend_unmap_all(&self->d));
}

TEST_HARNESS_MAIN
