// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large maps on an io_uring: no thread of the process is made for them, because a worker of the
 * ring would be cloned; workers of the kernel help if the request says so.
 */
#include "lib/map_event.h"
#include "lib/scatter.h"
#include "ring.h"

#define SIZE	(64 * MIB)
#define PAGES	(SIZE / PAGE)
#define TRIES	25

FIXTURE(ring_help) {
	struct io_uring ring;
	int fd;
	long long before;
};

FIXTURE_SETUP(ring_help)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor: there is no help");
	self->before = ktap_pinned();
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->ring, 0));
	ASSERT_TRUE(map_event_record(true));
}

FIXTURE_TEARDOWN(ring_help)
{
	EXPECT_TRUE(map_event_record(false));
	io_uring_queue_exit(&self->ring);
	close(self->fd);
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* Maps it on the ring and unmaps it: true if that went well, and each page was pinned once. */
static bool map_on_ring(struct ktap_fixture_ring_help *self, char *mem, unsigned int workers)
{
	struct ioasid_map_dma map = ring_map(mem, 0x10000000, SIZE);
	bool all;

	map.workers = workers;
	submit(&self->ring, self->fd, IOASID_MAP_DMA, &map, 1);
	if (result(&self->ring, NULL))
		return false;
	all = ktap_leaked(self->before) == PAGES;
	return native_unmap_all(self->fd, 0) == SIZE && all;
}

TEST_F_TIMEOUT(ring_help, untouched, 60)
{
	int i;

	for (i = 0; i < 3; i++) {
		char *mem = small_pages(SIZE);

		ASSERT_TRUE(map_on_ring(self, mem, i & 1 ? 4 : 0));
		EXPECT_EQ(0, map_event("helpers"));
		EXPECT_EQ(0, map_event("pages_helped"));
		munmap(mem, SIZE);
	}
}

TEST_F_TIMEOUT(ring_help, there, 60)
{
	char *mem = small_pages(SIZE);
	int i;

	scatter(mem, SIZE);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(map_on_ring(self, mem, 0));
		EXPECT_EQ(0, map_event("pages_ahead"));
	}
	for (i = 0; i < TRIES && map_event("pages_ahead") <= 0; i++)
		ASSERT_TRUE(map_on_ring(self, mem, 4));
	EXPECT_LT(0, map_event("pages_ahead"));
	EXPECT_EQ(0, map_event("helpers"));
	munmap(mem, SIZE);
}

/* The ring goes away while such a map runs. */
TEST_F_TIMEOUT(ring_help, ring_closed, 60)
{
	char *mem = small_pages(SIZE);
	int i;

	scatter(mem, SIZE);
	for (i = 0; i < 12; i++) {
		struct ioasid_map_dma map = ring_map(mem, 0x10000000, SIZE);
		struct io_uring ring;

		map.workers = 4;
		ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
		submit(&ring, self->fd, IOASID_MAP_DMA, &map, 1);
		usleep(i * 3000);
		io_uring_queue_exit(&ring);
		usleep(100000);
		EXPECT_LE(0, native_unmap_all(self->fd, 0));
	}
	munmap(mem, SIZE);
}

TEST_HARNESS_MAIN
