// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals and requests on an io_uring: only IORING_OP_ASYNC_CANCEL and a fatal
 * signal end a request early. A process that is stopped and continued finds its
 * requests as they were.
 *
 * Every request here waits for memory that the test holds back, so it is under
 * way for as long as the test wants.
 */
#include <pthread.h>

#include "native/ring.h"
#include "lib/trap.h"

#define IOVA	0x100000000ULL
/* More than the largest batch of the pinner: it looks for signals between two. */
#define PAGES	16384

FIXTURE(signals) {
	struct io_uring ring;
	int fd;
	int uffd;
	char *trap;		/* PAGES pages, of which the first is held back */
	long long before;
};

FIXTURE_SETUP(signals)
{
	self->before = ktap_pinned();
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->ring, 0));
	self->trap = small_pages(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, (void *)self->trap);
	self->uffd = trap_set(self->trap, PAGES * PAGE);
	ASSERT_LE(0, self->uffd);
	ASSERT_TRUE(trap_fill(self->uffd, self->trap + PAGE, (PAGES - 1) * PAGE));
}

FIXTURE_TEARDOWN(signals)
{
	io_uring_queue_exit(&self->ring);
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* Stops this process and lets it continue, as a shell does. */
static bool stop_and_continue(void)
{
	pid_t us = getpid(), pid = fork();
	int status;

	if (!pid) {
		/* The stop is complete when no thread runs any more, or is in a request. */
		if (kill(us, SIGSTOP) || usleep(50000) || kill(us, SIGCONT))
			_exit(1);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && !status;
}

static struct ioasid_map_dma map_arg(const char *mem, uint64_t pages)
{
	return (struct ioasid_map_dma){
		.size = sizeof(struct ioasid_map_dma),
		.flags = NATIVE_FIXED,
		.iova = IOVA,
		.user_va = (uintptr_t)mem,
		.length = pages * PAGE,
	};
}

/* The result of the request @tag, passing over those of others; -ETIME if there is none yet. */
static int result_of(struct io_uring *ring, uint64_t tag, int ms)
{
	struct __kernel_timespec limit = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	struct io_uring_cqe *cqe;
	bool found;
	int res;

	do {
		if (io_uring_wait_cqe_timeout(ring, &cqe, &limit))
			return -ETIME;
		res = cqe->res;
		found = cqe->user_data == tag;
		io_uring_cqe_seen(ring, cqe);
	} while (!found);
	return res;
}

TEST_F(signals, stopped_map)
{
	struct ioasid_map_dma map = map_arg(self->trap, PAGES);
	struct ioasid_unmap_dma unmap = {
		.size = sizeof(unmap), .iova = IOVA, .length = PAGES * PAGE,
	};

	submit_async(&self->ring, self->fd, IOASID_MAP_DMA, &map, 1);
	ASSERT_TRUE(trap_sprung(self->uffd, -1));
	ASSERT_TRUE(stop_and_continue());
	ASSERT_TRUE(trap_fill(self->uffd, self->trap, PAGE));
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(IOVA, map.out_iova);
	submit_async(&self->ring, self->fd, IOASID_UNMAP_DMA, &unmap, 2);
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(PAGES * PAGE, unmap.out_length);
}

/* --- an unmap that waits for a map --- */

struct mapper {
	pthread_t thread;
	int fd;
	struct ioasid_map_dma arg;
	int error;
};

static void *map_in_thread(void *data)
{
	struct mapper *m = data;

	m->error = ioctl(m->fd, IOASID_MAP_DMA, &m->arg) ? errno : 0;
	return NULL;
}

/* Starts a map of the first pages, and an unmap of them on the ring that waits for it. */
static bool start_waiting(struct ktap_fixture_signals *self, struct mapper *m,
			  struct ioasid_unmap_dma *unmap)
{
	m->fd = self->fd;
	m->arg = map_arg(self->trap, 4);
	*unmap = (struct ioasid_unmap_dma){
		.size = sizeof(*unmap), .iova = IOVA, .length = 4 * PAGE,
	};
	if (pthread_create(&m->thread, NULL, map_in_thread, m) || !trap_sprung(self->uffd, -1))
		return false;
	submit_async(&self->ring, self->fd, IOASID_UNMAP_DMA, unmap, 1);
	return result_of(&self->ring, 1, 200) == -ETIME;
}

TEST_F(signals, stopped_unmap)
{
	struct ioasid_unmap_dma unmap;
	struct mapper m;

	ASSERT_TRUE(start_waiting(self, &m, &unmap));
	ASSERT_TRUE(stop_and_continue());
	EXPECT_EQ(-ETIME, result_of(&self->ring, 1, 200));
	ASSERT_TRUE(trap_fill(self->uffd, self->trap, PAGE));
	EXPECT_EQ(0, result_of(&self->ring, 1, 8000));
	EXPECT_EQ(4 * PAGE, unmap.out_length);
	pthread_join(m.thread, NULL);
	EXPECT_EQ(0, m.error);
}

/* After a stop a request can be cancelled as before, and is at once. */
TEST_F(signals, stopped_then_cancelled)
{
	struct ioasid_unmap_dma unmap;
	struct io_uring_sqe *sqe;
	struct mapper m;

	ASSERT_TRUE(start_waiting(self, &m, &unmap));
	ASSERT_TRUE(stop_and_continue());
	sqe = new_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 1, 0);
	sqe->user_data = 2;
	io_uring_submit(&self->ring);
	EXPECT_EQ(-ECANCELED, result_of(&self->ring, 1, 8000));
	ASSERT_TRUE(trap_fill(self->uffd, self->trap, PAGE));
	pthread_join(m.thread, NULL);
	EXPECT_EQ(0, m.error);
	EXPECT_EQ(1, native_info(self->fd, 0).out_maps);
	EXPECT_EQ((long long)(4 * PAGE), native_unmap_all(self->fd, 0));
}

/* While it is stopped, another task kills it: all of it goes. */
TEST_F(signals, stopped_then_killed)
{
	int status, ready[2];
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char *trap = small_pages(PAGES * PAGE);
		struct ioasid_map_dma map = map_arg(trap, PAGES);
		int uffd = trap_set(trap, PAGES * PAGE);
		struct io_uring ring;

		if (uffd < 0 || io_uring_queue_init(4, &ring, 0))
			_exit(1);
		submit_async(&ring, self->fd, IOASID_MAP_DMA, &map, 1);
		if (!trap_sprung(uffd, -1) || write(ready[1], &c, 1) != 1)
			_exit(2);
		pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	usleep(50000);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(SIGKILL, status);
	EXPECT_EQ(0, native_info(self->fd, 0).out_maps);
	EXPECT_EQ(65535, native_info(self->fd, 0).out_avail);
}

TEST_HARNESS_MAIN
