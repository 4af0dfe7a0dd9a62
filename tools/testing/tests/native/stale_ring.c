// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small maps on an io_uring while memory is watched (the event ioasid_stale). To watch a
 * mapping is to wait for mmap_lock, which the submitter of a ring must not: such a
 * map goes to a worker, and is watched when it is done.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "lib/stale_event.h"
#include "native/ring.h"

#define PAGES	256
#define MAPPERS	8

FIXTURE(stale_ring) {
	struct io_uring ring;
	int fd;
	char *mem;
};

FIXTURE_SETUP(stale_ring)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->ring, 0));
	self->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(stale_ring)
{
	stale_off();
	io_uring_queue_exit(&self->ring);
	close(self->fd);
}

/* The first mapping of a process: its notifier is still to be registered. */
TEST_F(stale_ring, maps_in_a_worker)
{
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .iova = IOVA, .length = PAGE };
	struct ioasid_map_dma map = ring_map(self->mem, IOVA, PAGE);
	int i, at_once = 0;

	ASSERT_TRUE(stale_on());
	submit(&self->ring, self->fd, IOASID_MAP_DMA, &map, 1);
	EXPECT_EQ(0, result(&self->ring, NULL));
	/* The submitter has not done it. */
	EXPECT_EQ(1, workers());
	EXPECT_EQ(1, watched("mappings"));
	EXPECT_EQ(0, madvise(self->mem, PAGE, MADV_DONTNEED));
	EXPECT_STALE(getpid(), IOVA, self->mem, 1, "clear");

	/* Nothing is to wait for where it is unmapped. */
	submit(&self->ring, self->fd, IOASID_UNMAP_DMA, &unmap, 2);
	EXPECT_EQ(1, io_uring_cq_ready(&self->ring));
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(0, watched("mappings"));

	/* And when none asks any more, it is done at once again: soon. */
	ASSERT_TRUE(stale_off());
	for (i = 0; i < 500; i++) {
		memset(self->mem, 1, PAGE);
		submit(&self->ring, self->fd, IOASID_MAP_DMA, &map, 3);
		at_once = io_uring_cq_ready(&self->ring);
		ASSERT_EQ(0, result(&self->ring, NULL));
		if (at_once)
			break;
		ASSERT_EQ((long long)PAGE, native_unmap_all(self->fd, 0));
		usleep(10000);
	}
	EXPECT_EQ(1, at_once);
}

struct mapper {
	struct ktap_fixture_stale_ring *self;
	pthread_t thread;
	int first;
	int failed;
};

static void *map_pages(void *data)
{
	struct mapper *m = data;
	struct ioasid_map_dma map;
	struct io_uring ring;
	int i;

	m->failed = io_uring_queue_init(8, &ring, 0);
	for (i = m->first; i < m->first + PAGES / MAPPERS && !m->failed; i++) {
		map = ring_map(m->self->mem + i * PAGE, IOVA + i * PAGE, PAGE);
		submit(&ring, m->self->fd, IOASID_MAP_DMA, &map, i);
		m->failed = result(&ring, NULL);
	}
	io_uring_queue_exit(&ring);
	return NULL;
}

/* The event is enabled while rings map: no mapping is missed. */
TEST_F_TIMEOUT(stale_ring, enabled_meanwhile, 60)
{
	struct mapper m[MAPPERS];
	int i, k;

	for (i = 0; i < 20; i++) {
		for (k = 0; k < MAPPERS; k++) {
			m[k] = (struct mapper){ .self = self, .first = k * (PAGES / MAPPERS) };
			ASSERT_EQ(0, pthread_create(&m[k].thread, NULL, map_pages, &m[k]));
		}
		ASSERT_TRUE(stale_on());
		for (k = 0; k < MAPPERS; k++) {
			pthread_join(m[k].thread, NULL);
			ASSERT_EQ(0, m[k].failed);
		}
		/* The work item only tries the lock of the memory, and again after a while. */
		for (k = 0; k < 300 && watched("mappings") != PAGES; k++)
			usleep(10000);
		ASSERT_EQ(PAGES, watched("mappings"));
		ASSERT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, 0));
		EXPECT_EQ(0, watched("mappings"));
		ASSERT_TRUE(stale_off());
		ASSERT_TRUE(nothing_is_watched());
	}
}

TEST_HARNESS_MAIN
