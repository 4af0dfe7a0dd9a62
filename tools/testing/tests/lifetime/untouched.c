// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps of memory that was never touched, which are faulted in to be
 * pinned: of every kind of memory in one map, up to where it ends, and up to
 * a page whose fault is not served, which must not hold up other threads of
 * the process.
 */
#include <linux/userfaultfd.h>
#include <pthread.h>

#include "lib/edu.h"

#define IOVA	0x1000000ULL
#define PIECE	(6 * MIB)	/* more than the first batches */
#define PAGES	8

FIXTURE(untouched) {
	struct backend d;
	char *mem;		/* two pieces, the second maybe of something else */
	long long before;
};

FIXTURE_VARIANT(untouched) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(untouched, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(untouched, shim) { .kind = BACKEND_SHIM };

FIXTURE_SETUP(untouched)
{
	self->before = ktap_pinned();
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	self->mem = small_pages(2 * PIECE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(untouched)
{
	backend_close(&self->d);
	munmap(self->mem, 2 * PIECE);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* How many of the pages at @mem are there. */
static size_t resident(char *mem, size_t size)
{
	static unsigned char there[2 * PIECE / PAGE];
	size_t i, n = 0;

	if (mincore(mem, size, there))
		return 0;
	for (i = 0; i < size / PAGE; i++)
		n += there[i] & 1;
	return n;
}

/* Put a piece of @fd's memory, shared, behind the first piece. */
static bool second_is(char *mem, int fd)
{
	return mmap(mem + PIECE, PIECE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	       mem + PIECE;
}

TEST_F(untouched, all_kinds)
{
	int fd = memfd_create("untouched", 0);

	ASSERT_EQ(0, ftruncate(fd, PIECE));
	ASSERT_TRUE(second_is(self->mem, fd));
	/* Some are there. */
	memset(self->mem + 4 * MIB, 1, MIB);
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, 2 * PIECE, MAP_RW));
	EXPECT_EQ(2 * PIECE / KIB, locked_kib());
	EXPECT_EQ(2 * PIECE / PAGE, resident(self->mem, 2 * PIECE));
	EXPECT_EQ(2 * PIECE, backend_unmap(&self->d, IOVA, 2 * PIECE));
	EXPECT_EQ(0, locked_kib());
	close(fd);
}

TEST_F(untouched, read_only)
{
	int fd = memfd_create("untouched", 0);

	ASSERT_EQ(0, ftruncate(fd, PIECE));
	ASSERT_TRUE(second_is(self->mem, fd));
	ASSERT_EQ(0, mprotect(self->mem, 2 * PIECE, PROT_READ));
	EXPECT_ERRNO(EFAULT, backend_map(&self->d, IOVA, self->mem, 2 * PIECE, MAP_RW));
	EXPECT_EQ(0, ktap_leaked(self->before));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, 2 * PIECE, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(2 * PIECE / KIB, locked_kib());
	close(fd);
}

TEST_F(untouched, up_to_a_hole)
{
	ASSERT_EQ(0, munmap(self->mem + 2 * PIECE - PAGE, PAGE));
	EXPECT_ERRNO(EFAULT, backend_map(&self->d, IOVA, self->mem, 2 * PIECE, MAP_RW));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
	EXPECT_EQ(0, backend_map(&self->d, IOVA, self->mem, 2 * PIECE - PAGE, MAP_RW));
}

TEST_F(untouched, beyond_the_end_of_a_file)
{
	int fd = memfd_create("untouched", 0);

	ASSERT_EQ(0, ftruncate(fd, PIECE - PAGE));
	ASSERT_TRUE(second_is(self->mem, fd));
	EXPECT_ERRNO(EFAULT, backend_map(&self->d, IOVA, self->mem, 2 * PIECE, MAP_RW));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
	close(fd);
}

/* --- up to a fault that waits --- */

struct waiter {
	pthread_t thread;
	const struct backend *d;
	char *mem;
	volatile int ended;
	volatile int result;
};

static void *map_all(void *arg)
{
	struct waiter *w = arg;

	w->result = backend_map(w->d, IOVA, w->mem, 2 * PIECE, MAP_RW) ? errno : 0;
	w->ended = 1;
	return NULL;
}

/* Needs mmap_lock for writing, in the kernel. */
static void *map_and_unmap(void *arg)
{
	struct waiter *w = arg;

	w->result = munmap(small_pages(PAGE), PAGE);
	w->ended = 1;
	return NULL;
}

static int watch(char *mem, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)mem, size }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	return ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg) ? -1 : fd;
}

TEST_F(untouched, up_to_a_fault_that_waits)
{
	char *trap = self->mem + 2 * PIECE - PAGES * PAGE;
	struct waiter map = { .d = &self->d, .mem = self->mem }, other = { 0 };
	struct uffdio_zeropage zero = { .range = { (uintptr_t)trap, PAGES * PAGE } };
	int i, uffd = watch(trap, PAGES * PAGE);
	struct uffd_msg msg;

	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, pthread_create(&map.thread, NULL, map_all, &map));
	ASSERT_EQ((ssize_t)sizeof(msg), read(uffd, &msg, sizeof(msg)));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
	EXPECT_EQ((uintptr_t)trap, msg.arg.pagefault.address);
	/* All before it is pinned and charged, and the lock is free. */
	ASSERT_EQ(0, pthread_create(&other.thread, NULL, map_and_unmap, &other));
	for (i = 0; i < 200 && !other.ended; i++)
		usleep(10000);
	EXPECT_TRUE(other.ended);
	EXPECT_FALSE(map.ended);
	EXPECT_EQ((2 * PIECE - PAGES * PAGE) / KIB, locked_kib());
	EXPECT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(map.thread, NULL);
	pthread_join(other.thread, NULL);
	EXPECT_EQ(0, map.result);
	EXPECT_EQ(2 * PIECE / KIB, locked_kib());
	close(uffd);
}

TEST_HARNESS_MAIN
