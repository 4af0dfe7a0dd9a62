// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers help to pin: the device finds each page where it belongs, missing
 * pages are the caller's to bring, and whatever stops the map leaves nothing.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "lib/edu.h"
#include "lib/ioasid.h"
#include "lib/map_event.h"
#include "lib/scatter.h"
#include "meddle.h"

#define SIZE	(64 * MIB)
#define PAGES	(SIZE / PAGE)
#define IOVA	EDU_IOVA

FIXTURE(workers) {
	struct backend d, edu;
	int device;
	volatile char *bar;
	char *mem;
	long long before;
};

/* Small pages that are all there, and no two neighbours beside each other. */
static char *scattered(void)
{
	char *mem = small_pages(SIZE);

	if (mem != MAP_FAILED)
		scatter(mem, SIZE);
	return mem;
}

FIXTURE_SETUP(workers)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor: there are no workers");
	self->before = ktap_pinned();
	ASSERT_TRUE(backend_open(&self->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	self->bar = edu_attach(self->d.fd, &self->edu, &self->device);
	ASSERT_TRUE(self->bar);
	self->mem = scattered();
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(workers)
{
	munmap((void *)(uintptr_t)self->bar, MIB);
	close(self->device);
	backend_close(&self->edu);
	backend_close(&self->d);
	munmap(self->mem, SIZE);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static int helped(int fd, char *mem)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg), .flags = NATIVE_FIXED, .workers = 8, .iova = IOVA,
		.user_va = (uintptr_t)mem, .length = SIZE,
	};

	return ioctl(fd, IOASID_MAP_DMA, &arg) ? errno : 0;
}

/* How many pages of the last mapping came from workers; -1 for none. */
static long long ahead(void)
{
	return map_event("pages_ahead");
}

/* How many of these pages the device does not find at their addresses. It copies them to the last page. */
static unsigned int lost(struct ktap_fixture_workers *self, const size_t *pages, unsigned int nr)
{
	char *last = self->mem + SIZE - PAGE, *piece;
	uint64_t from[PAGE / EDU_PIECE];
	unsigned int i, n = 0;

	if (nr > PAGE / EDU_PIECE)
		return nr;
	for (i = 0; i < nr; i++)
		from[i] = IOVA + pages[i] * PAGE;
	memset(last, 0, PAGE);
	if (!edu_gather(self->bar, from, nr, IOVA + SIZE - PAGE, EDU_PIECE))
		return nr;
	for (i = 0; i < nr; i++) {
		piece = last + i * EDU_PIECE;
		n += *(uint64_t *)piece != pages[i] || memcmp(piece, self->mem + pages[i] * PAGE, EDU_PIECE);
	}
	return n;
}

/* Every 1021st page, and those around the borders of batches. */
static unsigned int all_lost(struct ktap_fixture_workers *self)
{
	size_t pages[PAGE / EDU_PIECE], i;
	unsigned int n = 0;

	for (i = 0; i < PAGES - 1; i += 1021)
		pages[n++] = i;
	for (i = 4096; i < PAGES; i += 4096) {
		pages[n++] = i - 1;
		pages[n++] = i;
	}
	return lost(self, pages, n);
}

TEST_F_TIMEOUT(workers, right_pages, 60)
{
	int tries;

	ASSERT_TRUE(map_event_record(true));
	/* Emulated processors take turns, and a worker whose turn does not come is not waited for. */
	for (tries = 0; tries < 25 && ahead() <= 0; tries++) {
		ASSERT_LE(0, native_unmap_all(self->d.fd, 0));
		ASSERT_EQ(0, helped(self->d.fd, self->mem));
	}
	map_event_record(false);
	EXPECT_LT(0, ahead());
	EXPECT_EQ(SIZE / KIB, locked_kib());
	EXPECT_EQ(PAGES, ktap_leaked(self->before));
	EXPECT_EQ(0, all_lost(self));
	EXPECT_EQ((long long)SIZE, native_unmap(self->d.fd, 0, IOVA, SIZE));
}

/* Workers bring nothing: what is not there is faulted in by the caller. */
TEST_F_TIMEOUT(workers, holes, 60)
{
	enum { HOLES = 6 };
	static const size_t hole[HOLES] = { 4096, 8191, 9000, 9001, 12287, 15000 };
	size_t i;

	for (i = 0; i < HOLES; i++)
		ASSERT_EQ(0, madvise(self->mem + hole[i] * PAGE, PAGE, MADV_DONTNEED));
	ASSERT_EQ(0, helped(self->d.fd, self->mem));
	EXPECT_EQ(PAGES, ktap_leaked(self->before));
	for (i = 0; i < HOLES; i++)
		*(uint64_t *)(self->mem + hole[i] * PAGE) = hole[i];
	EXPECT_EQ(0, all_lost(self));
	EXPECT_EQ(0, lost(self, hole, HOLES));
}

/* Shared with a child: the device is to get the caller's own copies. */
TEST_F_TIMEOUT(workers, after_fork, 60)
{
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(0, helped(self->d.fd, self->mem));
	EXPECT_EQ(PAGES, ktap_leaked(self->before));
	EXPECT_EQ(0, all_lost(self));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F_TIMEOUT(workers, up_to_where_it_ends, 60)
{
	ASSERT_EQ(0, munmap(self->mem + 14000 * PAGE, PAGE));
	EXPECT_EQ(EFAULT, helped(self->d.fd, self->mem));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

TEST_F_TIMEOUT(workers, limit, 60)
{
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK) && set_memlock(SIZE - 8 * PAGE));
	EXPECT_EQ(ENOMEM, helped(self->d.fd, self->mem));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* --- others at work --- */

static void *meddle(void *arg)
{
	struct meddler *m = arg;
	unsigned int seed = 1;

	while (!m->stop) {
		char *at = m->mem + (size_t)(rand_r(&seed) % PAGES) * PAGE;

		if (!meddle_page(at, rand_r(&seed) % 4))
			*at = 1;
	}
	return NULL;
}

TEST_F_TIMEOUT(workers, memory_changes, 60)
{
	struct meddler m = { .mem = self->mem };
	pthread_t thread;
	int i, ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, meddle, &m));
	for (i = 0; i < 8; i++) {
		ret = helped(self->d.fd, self->mem);
		EXPECT_TRUE(!ret || ret == EFAULT);
		if (!ret)
			EXPECT_EQ((long long)SIZE, native_unmap(self->d.fd, 0, IOVA, SIZE));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
	m.stop = true;
	pthread_join(thread, NULL);
}

/* Killed anywhere in it. */
TEST_F_TIMEOUT(workers, killed, 60)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		pid = fork();
		if (!pid) {
			int fd = native_open();
			char *mem = scattered();

			for (;;) {
				helped(fd, mem);
				native_unmap_all(fd, 0);
			}
		}
		usleep(400000 + i * 71000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
}

TEST_HARNESS_MAIN
