// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that map and unmap, on an io_uring: many in flight, cancelled, on
 * fds of the wrong kind, and with the fd or the ring gone before they are done.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "native/ring.h"
#include "lib/kapi.h"
#include "lib/trap.h"

#define IOVA	0x100000000ULL
#define DEPTH	64

FIXTURE(ring) {
	struct io_uring ring;
	int fd;
	char *mem;		/* DEPTH pages, written */
};

FIXTURE_SETUP(ring)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, io_uring_queue_init(2 * DEPTH, &self->ring, 0));
	self->mem = touched_memory(DEPTH * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(ring)
{
	io_uring_queue_exit(&self->ring);
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(ring, map_and_unmap)
{
	struct ioasid_map_dma map = ring_map(self->mem, IOVA, 3 * PAGE);
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .iova = IOVA, .length = 3 * PAGE };

	submit(&self->ring, self->fd, IOASID_MAP_DMA, &map, 1);
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(IOVA, map.out_iova);
	EXPECT_EQ(12, locked_kib());
	submit(&self->ring, self->fd, IOASID_UNMAP_DMA, &unmap, 1);
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(3 * PAGE, unmap.out_length);
	EXPECT_EQ(0, locked_kib());
}

/* What is small and there is done when it is submitted, by no other thread. */
TEST_F(ring, small_at_once)
{
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .length = PAGE };
	struct ioasid_map_dma map;
	int i;

	for (i = 0; i < DEPTH; i++) {
		map = ring_map(self->mem + i * PAGE, IOVA + i * PAGE, PAGE);
		submit(&self->ring, self->fd, IOASID_MAP_DMA, &map, i);
		ASSERT_EQ(1, io_uring_cq_ready(&self->ring));
		EXPECT_EQ(0, result(&self->ring, NULL));
		EXPECT_EQ(IOVA + i * PAGE, map.out_iova);
		EXPECT_EQ((long)(4 * (i + 1)), locked_kib());
	}
	for (i = 0; i < DEPTH; i++) {
		unmap.iova = IOVA + i * PAGE;
		submit(&self->ring, self->fd, IOASID_UNMAP_DMA, &unmap, i);
		ASSERT_EQ(1, io_uring_cq_ready(&self->ring));
		EXPECT_EQ(0, result(&self->ring, NULL));
		EXPECT_EQ(PAGE, unmap.out_length);
	}
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, workers());
}

/*
 * A small map whose memory is not there, and an unmap that waits for it, go to workers:
 * the submitter goes on, and what it submits next is done before them.
 */
TEST_F(ring, small_that_waits)
{
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .iova = IOVA, .length = PAGE };
	struct ioasid_map_dma late, map;
	char *trap = small_pages(PAGE);
	int uffd = trap_set(trap, PAGE);
	uint64_t seen = 0, tag;
	int i;

	ASSERT_LE(0, uffd);
	late = ring_map(trap, IOVA, PAGE);
	submit(&self->ring, self->fd, IOASID_MAP_DMA, &late, 1);
	ASSERT_EQ((char *)trap, trap_sprung(uffd, 5000));
	submit(&self->ring, self->fd, IOASID_UNMAP_DMA, &unmap, 2);
	EXPECT_EQ(0, io_uring_cq_ready(&self->ring));

	map = ring_map(self->mem, IOVA + PAGE, PAGE);
	submit(&self->ring, self->fd, IOASID_MAP_DMA, &map, 3);
	EXPECT_EQ(1, io_uring_cq_ready(&self->ring));
	EXPECT_EQ(0, result(&self->ring, &tag));
	EXPECT_EQ(3, tag);

	EXPECT_TRUE(trap_fill(uffd, trap, PAGE));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, result(&self->ring, &tag));
		seen |= 1ULL << tag;
	}
	EXPECT_EQ(6, seen);
	EXPECT_EQ(PAGE, unmap.out_length);
	EXPECT_EQ(4, locked_kib());
	close(uffd);
	munmap(trap, PAGE);
}

/* Memory that a child has in common with us is copied to be pinned: also there. */
TEST_F(ring, small_shared_with_child)
{
	struct ioasid_map_dma map = ring_map(self->mem, IOVA, PAGE);
	pid_t child;

	memset(self->mem, 1, PAGE);
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	submit(&self->ring, self->fd, IOASID_MAP_DMA, &map, 1);
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(4, locked_kib());
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/*
 * A ring whose queue a thread of the kernel polls: that thread maps our memory, and we are
 * charged. The news of another request, which wakes it as a cancellation wakes a worker,
 * cancels nothing.
 */
TEST_F(ring, small_by_the_polling_thread)
{
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .iova = IOVA, .length = PAGE };
	struct ioasid_map_dma map = ring_map(self->mem, IOVA, PAGE);
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int ends[2], i;
	uint64_t tag;

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	ASSERT_EQ(0, io_uring_queue_init(8, &ring, IORING_SETUP_SQPOLL));
	/* Submitted at once; the write is the news for the poll, and the map comes right after it. */
	sqe = new_sqe(&ring);
	io_uring_prep_poll_add(sqe, ends[0], POLLIN);
	sqe->user_data = 1;
	sqe = new_sqe(&ring);
	io_uring_prep_write(sqe, ends[1], "", 1, 0);
	sqe->user_data = 2;
	submit(&ring, self->fd, IOASID_MAP_DMA, &map, 3);
	for (i = 0; i < 3; i++) {
		int res = result(&ring, &tag);

		EXPECT_EQ(tag == 3 ? 0 : 1, res);
	}
	EXPECT_EQ(4, locked_kib());
	submit(&ring, self->fd, IOASID_UNMAP_DMA, &unmap, 4);
	EXPECT_EQ(0, result(&ring, NULL));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, workers());

	/* What is large is for the workers of that thread, and can be cancelled there. */
	map.length = DEPTH * PAGE;
	submit(&ring, self->fd, IOASID_MAP_DMA, &map, 5);
	EXPECT_EQ(0, result(&ring, NULL));
	EXPECT_EQ((long)(4 * DEPTH), locked_kib());
	/* The ring may keep the file for longer than we have it. */
	EXPECT_EQ((long long)(DEPTH * PAGE), native_unmap_all(self->fd, 0));
	io_uring_queue_exit(&ring);
	close(ends[0]);
	close(ends[1]);
}

/* What a child does on a ring of its own, one page mapped already; an exit status. */
static int beside_a_page_fault(struct ktap_fixture_ring *self, int ready, int go)
{
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .iova = IOVA, .length = PAGE };
	char *mem = touched_memory(2 * PAGE);
	struct ioasid_map_dma map[2] = {
		ring_map(mem, IOVA, PAGE), ring_map(mem + PAGE, IOVA + PAGE, PAGE)
	};
	struct io_uring ring;
	uint64_t tag;
	char c = 0;
	int i;

	if (io_uring_queue_init(4, &ring, 0))
		return 1;
	/* Once more than needed, so that all code and memory is there. */
	for (i = 0; i < 3; i++) {
		submit(&ring, self->fd, i % 2 ? IOASID_UNMAP_DMA : IOASID_MAP_DMA,
		       i % 2 ? (void *)&unmap : &map[0], 0);
		if (io_uring_cq_ready(&ring) != 1 || result(&ring, &tag))
			return 2;
	}
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 1)
		return 3;
	submit(&ring, self->fd, IOASID_MAP_DMA, &map[1], 1);
	submit(&ring, self->fd, IOASID_UNMAP_DMA, &unmap, 2);
	c = io_uring_cq_ready(&ring);
	if (write(ready, &c, 1) != 1)
		return 4;
	return result(&ring, &tag) || result(&ring, &tag) ? 5 : 0;
}

/*
 * While a page fault of another thread holds mmap_lock, which user space may make last for
 * ever, small requests go to workers, which can be killed: the submitter does not wait.
 */
TEST_F(ring, small_beside_a_page_fault)
{
	int hold = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC), ready[2], go[2], status;
	struct kapi call = { .op = KAPI_HOLD };
	struct pollfd waits;
	char c = 1;

	ASSERT_LE(0, hold);
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	call.fd = fork();
	if (!call.fd)
		_exit(beside_a_page_fault(self, ready[1], go[0]));
	close(ready[1]);
	close(go[0]);
	EXPECT_EQ(1, read(ready[0], &c, 1));
	EXPECT_EQ(0, ioctl(hold, KAPI_CALL, &call));
	EXPECT_EQ(1, write(go[1], &c, 1));
	waits = (struct pollfd){ .fd = ready[0], .events = POLLIN };
	EXPECT_EQ(1, poll(&waits, 1, 5000));
	/* The child has the file, too. */
	call.op = KAPI_RELEASE;
	EXPECT_EQ(0, ioctl(hold, KAPI_CALL, &call));
	close(hold);
	EXPECT_EQ(1, read(ready[0], &c, 1));
	EXPECT_EQ(0, c);
	EXPECT_EQ(call.fd, waitpid(call.fd, &status, 0));
	EXPECT_EQ(0, status);
	close(ready[0]);
	close(go[1]);
}

TEST_F(ring, many_in_flight)
{
	struct ioasid_map_dma map[DEPTH];
	uint64_t seen = 0, tag;
	int i;

	for (i = 0; i < DEPTH; i++) {
		map[i] = ring_map(self->mem + i * PAGE, IOVA + i * PAGE, PAGE);
		submit(&self->ring, self->fd, IOASID_MAP_DMA, &map[i], i);
	}
	for (i = 0; i < DEPTH; i++) {
		EXPECT_EQ(0, result(&self->ring, &tag));
		seen |= 1ULL << (tag % DEPTH);
	}
	EXPECT_EQ(UINT64_MAX, seen);
	EXPECT_EQ(DEPTH, native_info(self->fd, 0).out_maps);
	EXPECT_EQ((long)(4 * DEPTH), locked_kib());
}

/* A ring whose requests have room for more: what is beyond ours is not looked at. */
TEST_F(ring, long_requests)
{
	struct ioasid_map_dma map = ring_map(self->mem, IOVA, PAGE);
	struct io_uring_sqe *sqe;
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init(4, &ring, IORING_SETUP_SQE128 | IORING_SETUP_CQE32));
	sqe = new_sqe(&ring);
	memset(sqe + 1, 0xff, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = self->fd;
	sqe->cmd_op = IOASID_MAP_DMA;
	((struct ioasid_uring_cmd *)sqe->cmd)->arg = (uintptr_t)&map;
	io_uring_submit(&ring);
	EXPECT_EQ(0, result(&ring, NULL));
	EXPECT_EQ(IOVA, map.out_iova);
	io_uring_queue_exit(&ring);
}

TEST_F(ring, batches)
{
	struct ioasid_map_entry e[4] = {};
	struct ioasid_map_batch map = {
		.size = sizeof(map), .nr_entries = 4, .entries = (uintptr_t)e,
		.entry_size = sizeof(e[0]),
	};
	struct ioasid_iova_range r = { IOVA, IOVA + 2 * PAGE - 1 };
	struct ioasid_unmap_batch unmap = {
		.size = sizeof(unmap), .nr_entries = 1, .entries = (uintptr_t)&r,
		.entry_size = sizeof(r),
	};
	int i;

	for (i = 0; i < 4; i++) {
		e[i].flags = NATIVE_RW;
		e[i].user_va = (uintptr_t)self->mem;
		e[i].length = PAGE;
	}
	e[2].user_va = 16 * PAGE;
	submit(&self->ring, self->fd, IOASID_MAP_BATCH, &map, 0);
	EXPECT_EQ(-EFAULT, result(&self->ring, NULL));
	EXPECT_EQ(2, map.out_done);
	EXPECT_EQ(IOVA + PAGE, e[1].out_iova);
	submit(&self->ring, self->fd, IOASID_UNMAP_BATCH, &unmap, 0);
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(1, unmap.out_done);
	EXPECT_EQ(2 * PAGE, unmap.out_length);
}

TEST_F(ring, copy_and_file)
{
	int memfd = memfd_create("ring", MFD_CLOEXEC);
	struct ioasid_map_file file = {
		.size = sizeof(file), .flags = NATIVE_RW, .fd = memfd, .length = 2 * PAGE,
	};
	struct ioasid_copy copy = {
		.size = sizeof(copy), .flags = NATIVE_RW, .src_iova = IOVA, .length = 2 * PAGE,
	};

	ASSERT_EQ(0, ftruncate(memfd, 2 * PAGE));
	submit(&self->ring, self->fd, IOASID_MAP_FILE, &file, 0);
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(IOVA, file.out_iova);
	submit(&self->ring, self->fd, IOASID_COPY, &copy, 0);
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(IOVA + 2 * PAGE, copy.out_iova);
	EXPECT_EQ(8, locked_kib());
	close(memfd);
}

TEST_F(ring, errnos)
{
	struct ioasid_map_dma map = ring_map(self->mem, IOVA, PAGE);
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };
	struct io_uring_sqe *sqe;
	int event = eventfd(0, EFD_CLOEXEC);

	submit(&self->ring, self->fd, IOASID_ALLOC, &alloc, 0);
	EXPECT_EQ(-EOPNOTSUPP, result(&self->ring, NULL));
	submit(&self->ring, self->fd, VFIO_IOMMU_MAP_DMA, &map, 0);
	EXPECT_EQ(-EOPNOTSUPP, result(&self->ring, NULL));
	/* An fd of another kind, and none. */
	submit(&self->ring, event, IOASID_MAP_DMA, &map, 0);
	EXPECT_EQ(-EOPNOTSUPP, result(&self->ring, NULL));
	submit(&self->ring, 999, IOASID_MAP_DMA, &map, 0);
	EXPECT_EQ(-EBADF, result(&self->ring, NULL));

	submit(&self->ring, self->fd, IOASID_MAP_DMA, NULL, 0);
	EXPECT_EQ(-EFAULT, result(&self->ring, NULL));
	map.ioasid = 12;
	submit(&self->ring, self->fd, IOASID_MAP_DMA, &map, 0);
	EXPECT_EQ(-ENOENT, result(&self->ring, NULL));
	map.ioasid = 0;
	sqe = new_sqe(&self->ring);
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = self->fd;
	sqe->cmd_op = IOASID_MAP_DMA;
	((struct ioasid_uring_cmd *)sqe->cmd)->arg = (uintptr_t)&map;
	((struct ioasid_uring_cmd *)sqe->cmd)->__reserved = 1;
	io_uring_submit(&self->ring);
	EXPECT_EQ(-EOPNOTSUPP, result(&self->ring, NULL));
	EXPECT_EQ(0, native_info(self->fd, 0).out_maps);
	close(event);
}

/* --- giving up --- */

/* A gigabyte that is not there yet, in small pages: a map of it takes its time. */
static char *slow_memory(void)
{
	char *mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem != MAP_FAILED)
		madvise(mem, GIB, MADV_NOHUGEPAGE);
	return mem;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* Wait until at least @kib are charged to this process. */
static bool wait_locked(long kib)
{
	uint64_t end = now_ms() + 8000;

	while (locked_kib() < kib)
		if (now_ms() > end)
			return false;
	return true;
}

static void cancel(struct io_uring *ring, uint64_t victim, uint64_t tag)
{
	struct io_uring_sqe *sqe = new_sqe(ring);

	io_uring_prep_cancel64(sqe, victim, 0);
	sqe->user_data = tag;
	io_uring_submit(ring);
}

/* Cancels the map 7 of 1 GiB when it has begun to pin: ms until it ended, or -1. */
static int cancel_one(struct ktap_fixture_ring *self, struct ioasid_map_dma *map)
{
	uint64_t start, tag;
	int i, res, victim = 0, found = -1;

	submit(&self->ring, self->fd, IOASID_MAP_DMA, map, 7);
	if (!wait_locked(1024))
		return -1;
	start = now_ms();
	cancel(&self->ring, 7, 8);
	for (i = 0; i < 2; i++) {
		res = result(&self->ring, &tag);
		if (tag == 7)
			victim = res;
		else
			found = res;
	}
	/* Found running, the answer to the request to cancel is EALREADY or 0. */
	if (victim != -ECANCELED || (found && found != -EALREADY)) {
		printf("# the map ended with %d, its cancellation with %d\n", victim, found);
		return -1;
	}
	return now_ms() - start;
}

/*
 * Over within 100 ms, and nothing is left. Only part of the gigabyte ever
 * becomes memory, so none is needed. A machine that is busy may take the
 * processor away for longer than that, but not every time.
 */
TEST_F(ring, cancelled_map)
{
	char *mem = slow_memory();
	struct ioasid_map_dma map = ring_map(mem, IOVA, GIB);
	long long pinned = ktap_pinned();
	int i, took, best = INT_MAX;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	for (i = 0; i < 5 && best > 100; i++) {
		took = cancel_one(self, &map);
		ASSERT_LE(0, took);
		printf("# cancelled after %d ms\n", took);
		if (took < best)
			best = took;
		EXPECT_EQ(0, locked_kib());
		EXPECT_EQ(pinned, ktap_pinned());
		EXPECT_EQ(0, native_info(self->fd, 0).out_maps);
		EXPECT_EQ(65535, native_info(self->fd, 0).out_avail);
	}
	EXPECT_GE(100 * (int)ktap_slow(), best);
	/* The range is free. */
	EXPECT_EQ(IOVA, native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, PAGE));
}

/* A later request may be done first, and one is cancelled, not the others. */
TEST_F(ring, out_of_order)
{
	char *mem = slow_memory();
	struct ioasid_map_dma slow = ring_map(mem, IOVA, GIB), quick[4];
	uint64_t tag;
	int i;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	submit_async(&self->ring, self->fd, IOASID_MAP_DMA, &slow, 7);
	ASSERT_TRUE(wait_locked(1024));
	for (i = 0; i < 4; i++) {
		quick[i] = ring_map(self->mem + i * PAGE, 2 * IOVA + i * PAGE, PAGE);
		submit_async(&self->ring, self->fd, IOASID_MAP_DMA, &quick[i], 100 + i);
	}
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, result(&self->ring, &tag));
		EXPECT_LE(100, tag);
	}
	/* A second one over the same range does not wait for the first. */
	quick[0].iova = IOVA;
	submit_async(&self->ring, self->fd, IOASID_MAP_DMA, &quick[0], 9);
	EXPECT_EQ(-EEXIST, result(&self->ring, &tag));
	EXPECT_EQ(9, tag);
	cancel(&self->ring, 7, 8);
	for (i = 0; i < 2; i++) {
		int res = result(&self->ring, &tag);

		if (tag == 7)
			EXPECT_EQ(-ECANCELED, res);
	}
	EXPECT_EQ(4, native_info(self->fd, 0).out_maps);
	EXPECT_EQ(16, locked_kib());
}

/* All that is in flight is cancelled at once: each map is there, or is not. */
TEST_F(ring, cancelled_all)
{
	char *mem = slow_memory();
	const uint64_t size = GIB / 16;
	struct ioasid_map_dma map[16];
	struct io_uring_sqe *sqe;
	uint64_t tag, done = 0;
	int i, res, cancelled = 0;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	for (i = 0; i < 16; i++) {
		map[i] = ring_map(mem + i * size, IOVA + i * size, size);
		submit_async(&self->ring, self->fd, IOASID_MAP_DMA, &map[i], i);
	}
	ASSERT_TRUE(wait_locked(1024));
	sqe = new_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
	sqe->user_data = 99;
	io_uring_submit(&self->ring);
	for (i = 0; i < 17; i++) {
		res = result(&self->ring, &tag);
		if (tag == 99)
			continue;
		EXPECT_TRUE(!res || res == -ECANCELED);
		done += !res;
		cancelled += res == -ECANCELED;
	}
	EXPECT_LT(0, cancelled);
	EXPECT_EQ(done, native_info(self->fd, 0).out_maps);
	EXPECT_EQ((long)(done * size / KIB), locked_kib());
	EXPECT_EQ((long long)(done * size), native_unmap_all(self->fd, 0));
}

/* A batch says how far it got, also when it is cancelled. */
TEST_F(ring, cancelled_batch)
{
	char *mem = slow_memory();
	struct ioasid_map_entry e[2] = {
		{ IOVA, (uintptr_t)self->mem, PAGE, NATIVE_FIXED, 0, 0 },
		{ 2 * IOVA, (uintptr_t)mem, GIB, NATIVE_FIXED, 0, 0 },
	};
	struct ioasid_map_batch map = {
		.size = sizeof(map), .nr_entries = 2, .entries = (uintptr_t)e,
		.entry_size = sizeof(e[0]), .out_done = 77,
	};
	uint64_t tag;
	int i, res;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	submit(&self->ring, self->fd, IOASID_MAP_BATCH, &map, 7);
	ASSERT_TRUE(wait_locked(1024));
	cancel(&self->ring, 7, 8);
	for (i = 0; i < 2; i++) {
		res = result(&self->ring, &tag);
		if (tag == 7)
			EXPECT_EQ(-ECANCELED, res);
	}
	EXPECT_EQ(1, map.out_done);
	EXPECT_EQ(1, native_info(self->fd, 0).out_maps);
	EXPECT_EQ(4, locked_kib());
}

/*
 * On a ring that polls for completions 6.12 has no URING_CMD but of files that can be
 * polled so, which /dev/ioasid cannot; 7.3 carries it out as on any ring. Where this
 * changed in between is not known, so there either will do.
 */
TEST_F(ring, polled)
{
	struct ioasid_map_dma map = ring_map(self->mem, IOVA, PAGE);
	struct io_uring ring;
	int res;

	ASSERT_EQ(0, io_uring_queue_init(8, &ring, IORING_SETUP_IOPOLL));
	submit(&ring, self->fd, IOASID_MAP_DMA, &map, 1);
	res = result(&ring, NULL);
	if (kernel_is(7, 3))
		EXPECT_EQ(0, res);
	else if (!kernel_is(6, 13) || res)
		EXPECT_EQ(-EOPNOTSUPP, res);
	EXPECT_EQ(res ? 0 : 4, locked_kib());
	io_uring_queue_exit(&ring);
}

/* A request by the place of the file among those that are registered: that holds it open. */
TEST_F(ring, registered_file)
{
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .iova = IOVA, .length = PAGE };
	struct ioasid_map_dma map = ring_map(self->mem, IOVA, PAGE);

	ASSERT_EQ(0, io_uring_register_files(&self->ring, &self->fd, 1));
	submit_flags(&self->ring, 0, IOASID_MAP_DMA, &map, 1, IOSQE_FIXED_FILE);
	ASSERT_EQ(1, io_uring_cq_ready(&self->ring));
	EXPECT_EQ(0, result(&self->ring, NULL));
	map = ring_map(self->mem, IOVA + DEPTH * PAGE, DEPTH * PAGE);
	submit_flags(&self->ring, 0, IOASID_MAP_DMA, &map, 2, IOSQE_FIXED_FILE | IOSQE_ASYNC);
	EXPECT_EQ(0, result(&self->ring, NULL));
	close(self->fd);
	EXPECT_EQ(4 + 4 * DEPTH, locked_kib());
	submit_flags(&self->ring, 0, IOASID_UNMAP_DMA, &unmap, 3, IOSQE_FIXED_FILE);
	EXPECT_EQ(0, result(&self->ring, NULL));
	EXPECT_EQ(PAGE, unmap.out_length);
	EXPECT_EQ(4 * DEPTH, locked_kib());
	/* Gone when the call returns, like a file that is closed. */
	ASSERT_EQ(0, io_uring_unregister_files(&self->ring));
	EXPECT_EQ(0, locked_kib());
	self->fd = native_open();
	submit_flags(&self->ring, 0, IOASID_MAP_DMA, &map, 4, IOSQE_FIXED_FILE);
	EXPECT_EQ(-EBADF, result(&self->ring, NULL));
}

/* The fd is closed while the ring works on it: the space lives as long as that. */
TEST_F(ring, fd_closed)
{
	struct ioasid_map_dma map = ring_map(NULL, IOVA, 64 * MIB);
	int fd = native_open();
	long long pinned = ktap_pinned();
	char *mem;

	mem = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)mem);
	madvise(mem, 64 * MIB, MADV_NOHUGEPAGE);
	map.user_va = (uintptr_t)mem;
	submit(&self->ring, fd, IOASID_MAP_DMA, &map, 7);
	ASSERT_TRUE(wait_locked(1024));
	close(fd);
	EXPECT_EQ(0, result(&self->ring, NULL));
	/* The request held the file; io_uring releases it with the request. */
	while (locked_kib())
		usleep(1000);
	EXPECT_EQ(pinned, ktap_pinned());
}

/* And the ring, while it works. */
TEST_F(ring, ring_closed)
{
	char *mem = slow_memory();
	struct ioasid_map_dma map = ring_map(mem, IOVA, GIB);
	long long pinned = ktap_pinned();
	struct io_uring ring;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
	submit(&ring, self->fd, IOASID_MAP_DMA, &map, 7);
	ASSERT_TRUE(wait_locked(1024));
	io_uring_queue_exit(&ring);
	while (locked_kib())
		usleep(1000);
	EXPECT_EQ(pinned, ktap_pinned());
	EXPECT_EQ(65535, native_info(self->fd, 0).out_avail);
}

/*
 * The submitter ends with a map in flight, by itself or by a signal; the space
 * is in another's hands.
 */
static void ends_while_it_maps(struct ktap_test *_self, struct ktap_fixture_ring *self, bool kill_it)
{
	long long pinned = ktap_pinned();
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct ioasid_map_dma map = ring_map(slow_memory(), IOVA, GIB);
		struct io_uring ring;

		io_uring_queue_init(4, &ring, 0);
		submit(&ring, self->fd, IOASID_MAP_DMA, &map, 7);
		if (!wait_locked(1024))
			_exit(1);
		if (kill_it)
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(kill_it ? SIGKILL : 0, status);
	EXPECT_EQ(pinned, ktap_pinned());
	EXPECT_EQ(0, native_info(self->fd, 0).out_maps);
	EXPECT_EQ(65535, native_info(self->fd, 0).out_avail);
}

TEST_F(ring, submitter_is_killed)
{
	ends_while_it_maps(_self, self, true);
}

TEST_F(ring, submitter_exits)
{
	ends_while_it_maps(_self, self, false);
}

TEST_HARNESS_MAIN
