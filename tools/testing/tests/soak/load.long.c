// SPDX-License-Identifier: GPL-2.0-only
/*
 * Much of everything: mappings, threads, address spaces, and too little memory.
 * After each, nothing is left.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "lib/backend.h"

#define IOVA		0x100000000ULL
#define MAPPINGS	(256 * KIB)
#define THREADS		8
#define SPACES		4000
#define CGROUP		"/sys/fs/cgroup/ioasid-soak"

/* --- many mappings --- */

FIXTURE(mappings) {
	struct backend d;
	char *mem;
};

FIXTURE_VARIANT(mappings) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(mappings, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(mappings, shim) { .kind = BACKEND_SHIM };

FIXTURE_SETUP(mappings)
{
	char limit[32];

	snprintf(limit, sizeof(limit), "%llu", MAPPINGS + 1);
	ASSERT_TRUE(backend_limit(BACKEND_IOASID, limit));
	self->mem = touched_memory(MIB);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
}

FIXTURE_TEARDOWN(mappings)
{
	EXPECT_TRUE(backend_limit(BACKEND_IOASID, "65535"));
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

/* The same memory over and over, each time pinned and charged. */
TEST_F_TIMEOUT(mappings, quarter_of_a_million, 600)
{
	uint64_t i;

	for (i = 0; i < MAPPINGS; i++)
		ASSERT_EQ(0, backend_map(&self->d, IOVA + i * 2 * PAGE, self->mem + i % 256 * PAGE,
					 PAGE, MAP_RW));
	EXPECT_EQ(1, backend_avail(&self->d));
	EXPECT_EQ((long)(MAPPINGS * 4), locked_kib());
	/* One in the middle, a hundred, and the rest. */
	EXPECT_EQ(PAGE, backend_unmap(&self->d, IOVA + MAPPINGS * PAGE, PAGE));
	EXPECT_EQ(100 * PAGE, backend_unmap(&self->d, IOVA, 200 * PAGE));
	EXPECT_EQ((MAPPINGS - 101) * PAGE, backend_unmap_all(&self->d));
	EXPECT_EQ(MAPPINGS + 1, backend_avail(&self->d));
	EXPECT_EQ(0, locked_kib());
}

struct worker {
	struct backend *d;
	pthread_t thread;
	unsigned int number;
	unsigned long failed;
};

static void *run_worker(void *arg)
{
	const uint64_t each = MAPPINGS / THREADS / 8;
	struct worker *w = arg;
	char *mem = touched_memory(64 * PAGE);
	uint64_t base = IOVA + w->number * GIB, i;
	int round;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < each; i++)
			w->failed += !!backend_map(w->d, base + i * 2 * PAGE, mem + i % 64 * PAGE, PAGE,
						   MAP_RW);
		for (i = 0; i < each; i += 64)
			w->failed += backend_unmap(w->d, base + i * 2 * PAGE, 128 * PAGE) !=
				     64 * (long long)PAGE;
	}
	return NULL;
}

TEST_F_TIMEOUT(mappings, eight_threads, 600)
{
	struct worker w[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .d = &self->d, .number = i };
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, run_worker, &w[i]));
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].failed);
	}
	EXPECT_EQ(0, backend_unmap_all(&self->d));
}

/* --- many address spaces --- */

TEST_TIMEOUT(address_spaces, 300)
{
	struct rlimit files = { SPACES + 100, SPACES + 100 };
	char *mem = touched_memory(PAGE);
	static struct backend d[SPACES];
	int i;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	for (i = 0; i < SPACES; i++) {
		ASSERT_TRUE(backend_open(&d[i], BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
		ASSERT_EQ(0, backend_map(&d[i], IOVA, mem, PAGE, MAP_RW));
	}
	EXPECT_EQ(SPACES * 4, locked_kib());
	/* In another order than they came. */
	for (i = 0; i < SPACES; i++)
		backend_close(&d[i * 7 % SPACES]);
	for (i = 0; i < SPACES; i++)
		backend_close(&d[i]);
	EXPECT_EQ(0, locked_kib());
}

/* --- too little memory --- */

static bool cgroup_make(const char *max)
{
	mkdir(CGROUP, 0755);
	return file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory") &&
	       file_write(CGROUP "/memory.max", max) &&
	       (access(CGROUP "/memory.swap.max", F_OK) ||
		file_write(CGROUP "/memory.swap.max", "0"));
}

/* Killed for want of memory while its pages are faulted in by the map. */
TEST_TIMEOUT(oom_kill_in_a_map, 120)
{
	const uint64_t bytes = 128 * MIB;
	struct backend d;
	int status, round;
	pid_t pid;

	printf("# expect-splat: Call Trace:\n");
	fflush(stdout);
	ASSERT_TRUE(cgroup_make("32M"));
	for (round = 0; round < 5; round++) {
		pid = fork();
		if (!pid) {
			char *mem = small_pages(bytes);

			if (mem == MAP_FAILED || !file_write(CGROUP "/cgroup.procs", "0") ||
			    !backend_open(&d, round % 2 ? BACKEND_SHIM : BACKEND_IOASID, VFIO_TYPE1v2_IOMMU,
					  DEVICE_EDU))
				_exit(1);
			_exit(backend_map(&d, IOVA, mem, bytes, MAP_RW) ? 2 : 3);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		/* Killed; or told so by an errno, had the kernel found another way. */
		EXPECT_TRUE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
			    (WIFEXITED(status) && WEXITSTATUS(status) == 2));
	}
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* Reclaim at work while others map and unmap; nothing fails for good. */
TEST_TIMEOUT(under_pressure, 120)
{
	char *mem = touched_memory(8 * MIB), *hog;
	unsigned long maps = 0;
	struct backend d;
	int i, status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(cgroup_make("96M"));
	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	pid = fork();
	if (!pid) {
		if (!file_write(CGROUP "/cgroup.procs", "0"))
			_exit(1);
		for (i = 0; i < 40; i++) {
			hog = touched_memory(64 * MIB);
			munmap(hog, 64 * MIB);
			file_write("/proc/sys/vm/drop_caches", "3");
		}
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) != pid || maps < 100) {
		ASSERT_EQ(0, backend_map(&d, IOVA, mem, 8 * MIB, MAP_RW));
		ASSERT_EQ(8 * MIB, backend_unmap_all(&d));
		maps++;
	}
	TH_LOG("%lu maps", maps);
	backend_close(&d);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, rmdir(CGROUP));
}

TEST_HARNESS_MAIN
