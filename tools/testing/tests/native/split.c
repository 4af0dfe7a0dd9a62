// SPDX-License-Identifier: GPL-2.0-only
/*
 * UNMAP with the flag SPLIT: a part of a mapping is unmapped, the rest stays and DMA to it
 * goes on; where an entry of the page table would be cut, nothing happens.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "lib/edu.h"
#include "lib/fault.h"
#include "lib/kapi.h"
#include "lib/users.h"
#include "distinct.h"
#include "split.h"

#define IOVA		0x4000000ULL
#define PAGES		32
#define HUGE		(2 * MIB)

FIXTURE(split) {
	int fd;
	char *mem;		/* PAGES small pages */
	long long before;	/* pages pinned */
};

FIXTURE_SETUP(split)
{
	SPLIT_SETUP(PAGES);
}

FIXTURE_TEARDOWN(split)
{
	close(self->fd);
	EXPECT_NOTHING_LEFT();
}

#define EXPECT_HAS(maps, pages) EXPECT_MAPPED(maps, pages, pages)

/* Part of a mapping that was at @IOVA, in pages. */
static long long cut(int fd, uint64_t first, uint64_t n)
{
	return split_cut(fd, IOVA, first, n);
}

static bool map_all(struct ktap_fixture_split *self)
{
	return native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, PAGES * PAGE) == IOVA;
}

TEST_F(split, in_the_middle)
{
	ASSERT_TRUE(map_all(self));
	EXPECT_HAS(1, PAGES);
	EXPECT_EQ(3, cut(self->fd, 10, 3));
	EXPECT_HAS(2, PAGES - 3);
	EXPECT_EQ(self->before + PAGES - 3, ktap_pinned());
	/* The parts are mappings like any other. */
	EXPECT_ERRNO(EINVAL, native_unmap(self->fd, 0, IOVA, 5 * PAGE));
	EXPECT_ERRNO(ENOENT, native_unmap(self->fd, 0, IOVA + 10 * PAGE, 3 * PAGE));
	EXPECT_ERRNO(ENOENT, cut(self->fd, 10, 3));
	EXPECT_EQ(IOVA + 11 * PAGE, native_map(self->fd, 0, NATIVE_FIXED, IOVA + 11 * PAGE, self->mem,
					       PAGE));
	EXPECT_EQ((long long)PAGE, native_unmap(self->fd, 0, IOVA + 11 * PAGE, PAGE));
	EXPECT_EQ((long long)(10 * PAGE), native_unmap(self->fd, 0, IOVA, 10 * PAGE));
	EXPECT_HAS(1, PAGES - 13);
	EXPECT_EQ((long long)(19 * PAGE), native_unmap_all(self->fd, 0));
	EXPECT_HAS(0, 0);
}

TEST_F(split, at_an_end)
{
	ASSERT_TRUE(map_all(self));
	EXPECT_EQ(1, cut(self->fd, 0, 1));
	EXPECT_HAS(1, PAGES - 1);
	EXPECT_EQ(2, cut(self->fd, PAGES - 2, 5));
	EXPECT_HAS(1, PAGES - 3);
	/* Nothing is cut. */
	EXPECT_EQ(PAGES - 3, cut(self->fd, 0, PAGES));
	EXPECT_HAS(0, 0);
}

/* A range that begins in one mapping, and ends in another. */
TEST_F(split, of_several)
{
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(IOVA + i * 8 * PAGE,
			  native_map(self->fd, 0, NATIVE_FIXED, IOVA + i * 8 * PAGE,
				     self->mem + i * 8 * PAGE, 8 * PAGE));
	EXPECT_EQ(7 + 8 + 2, cut(self->fd, 9, 17));
	EXPECT_HAS(3, PAGES - 17);
	EXPECT_EQ(8 + 1 + 6, cut(self->fd, 0, PAGES));
	EXPECT_HAS(0, 0);
}

/* Page by page, from both ends to the middle, through all lengths of a list of extents. */
TEST_F(split, page_by_page)
{
	int i;

	ASSERT_TRUE(map_all(self));
	for (i = 0; i < PAGES / 2; i++) {
		EXPECT_EQ(1, cut(self->fd, (i * 7 + 3) % PAGES, 1));
		EXPECT_EQ(PAGES - i - 1, (int)(native_info(self->fd, 0).out_bytes / PAGE));
		EXPECT_LOCKED(PAGES - i - 1);
	}
	EXPECT_EQ(PAGES / 2, cut(self->fd, 0, PAGES));
}

TEST_F(split, only_if_requested)
{
	struct native_tally before;

	ASSERT_TRUE(map_all(self));
	before = native_tally(self->fd);
	EXPECT_ERRNO(EINVAL, native_unmap(self->fd, 0, IOVA + PAGE, PAGE));
	EXPECT_ERRNO(EINVAL, cut(self->fd, 1, 0));
	EXPECT_ERRNO(EINVAL, native_unmap_split(self->fd, 0, IOVA + 1, PAGE));
	EXPECT_ERRNO(ENOENT, cut(self->fd, PAGES, 1));
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

static int unmap_flags(int fd, uint32_t flags)
{
	struct ioasid_unmap_dma arg = { .size = sizeof(arg), .flags = flags };

	return ioctl(fd, IOASID_UNMAP_DMA, &arg);
}

TEST_F(split, all_has_no_part)
{
	EXPECT_ERRNO(EINVAL, unmap_flags(self->fd, IOASID_UNMAP_FLAG_ALL | IOASID_UNMAP_FLAG_SPLIT));
	EXPECT_ERRNO(EOPNOTSUPP, unmap_flags(self->fd, IOASID_UNMAP_FLAG_SPLIT << 1));
}

/* --- limits --- */

TEST_F(split, limit_of_mappings)
{
	struct native_tally before;

	ASSERT_EQ(0, native_set(self->fd, 0, IOASID_OPTION_MAP_LIMIT, 2));
	ASSERT_TRUE(map_all(self));
	before = native_tally(self->fd);
	EXPECT_ERRNO(ENOSPC, cut(self->fd, 3, 3));
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
	EXPECT_EQ(3, cut(self->fd, 0, 3));
	EXPECT_EQ(1, native_info(self->fd, 0).out_avail);
	ASSERT_EQ(0, native_set(self->fd, 0, IOASID_OPTION_MAP_LIMIT, 3));
	EXPECT_EQ(3, cut(self->fd, 6, 3));
	EXPECT_EQ(1, native_info(self->fd, 0).out_avail);
}

/* Parts of a copy charge nothing, so each one counts for the user. */
TEST_F(split, limit_of_a_user)
{
	struct native_tally before;

	EXPECT_TRUE(user_limit("user_mappings", 2));
	ASSERT_TRUE(user_become(ALICE));
	ASSERT_TRUE(user_bound(true));
	close(self->fd);
	self->fd = native_open();
	ASSERT_TRUE(map_all(self));
	EXPECT_EQ(0, user_counts(ALICE).mappings);
	ASSERT_EQ(0, native_copy(self->fd, 0, 0, NATIVE_FIXED, 0, IOVA, 8 * PAGE));
	EXPECT_EQ(1, user_counts(ALICE).mappings);
	before = native_tally(self->fd);
	EXPECT_ERRNO(EDQUOT, native_unmap_split(self->fd, 0, PAGE, PAGE));
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
	EXPECT_EQ(1, user_counts(ALICE).mappings);
	EXPECT_EQ((long long)PAGE, native_unmap_split(self->fd, 0, 0, PAGE));
	EXPECT_EQ(1, user_counts(ALICE).mappings);
	EXPECT_EQ((long long)(7 * PAGE), native_unmap_split(self->fd, 0, 0, 8 * PAGE));
	EXPECT_EQ(0, user_counts(ALICE).mappings);
	/* Those of pages that are charged are bounded by the rlimit. */
	EXPECT_EQ((long long)PAGE, native_unmap_split(self->fd, 0, IOVA + 4 * PAGE, PAGE));
	EXPECT_TRUE(user_limits_reset());
}

/* --- whose the pages are --- */

/* The copy shows them, too, so they stay until both parts and the copy are gone. */
TEST_F(split, copied)
{
	ASSERT_TRUE(map_all(self));
	ASSERT_EQ(0, native_copy(self->fd, 0, 0, NATIVE_FIXED, 0, IOVA + 4 * PAGE, 8 * PAGE));
	EXPECT_EQ(4, cut(self->fd, 6, 4));
	EXPECT_LOCKED(PAGES);
	EXPECT_EQ(self->before + PAGES, ktap_pinned());
	EXPECT_EQ((long long)(8 * PAGE), native_unmap(self->fd, 0, 0, 8 * PAGE));
	EXPECT_LOCKED(PAGES);
	EXPECT_EQ(6, cut(self->fd, 0, 6));
	EXPECT_EQ(PAGES - 10, cut(self->fd, 0, PAGES));
	EXPECT_HAS(0, 0);
}

/* A reserved page is not charged, and its part gets nothing back for it. */
TEST_F(split, partly_free_of_charge)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);

	ASSERT_NE(MAP_FAILED, mmap(self->mem + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, module, 0));
	close(module);
	ASSERT_TRUE(map_all(self));
	EXPECT_LOCKED(PAGES - 1);
	EXPECT_EQ(4, cut(self->fd, 6, 4));
	EXPECT_LOCKED(PAGES - 4);
	EXPECT_EQ(6, cut(self->fd, 0, 6));
	EXPECT_LOCKED(PAGES - 10);
	EXPECT_EQ(PAGES - 10, cut(self->fd, 0, PAGES));
	EXPECT_LOCKED(0);
	/* The first part has nothing but this page, then the last one has. */
	ASSERT_TRUE(map_all(self));
	EXPECT_EQ(8, cut(self->fd, 0, 8));
	EXPECT_EQ(PAGES - 9, cut(self->fd, 9, PAGES));
	EXPECT_LOCKED(0);
	EXPECT_EQ(1, cut(self->fd, 0, PAGES));
}

/* With one charge for what two spaces have, a page is given back with its last mapping. */
TEST_F(split, charged_once)
{
	char *mem = split_memory(2 * HUGE, MADV_HUGEPAGE);
	int fd[2] = { distinct_open(true), distinct_open(true) }, i;
	long all = 2 * HUGE / PAGE;

	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, native_set(fd[i], 0, IOASID_OPTION_HUGE_PAGES, 0));
		ASSERT_TRUE(distinct_map(fd[i], IOVA, mem, all));
	}
	EXPECT_LOCKED(all);
	EXPECT_EQ(100, cut(fd[0], 5, 100));
	EXPECT_LOCKED(all);
	/* Eight of these are mapped nowhere now. */
	EXPECT_EQ(12, cut(fd[1], 97, 12));
	EXPECT_LOCKED(all - 8);
	EXPECT_EQ(600, cut(fd[1], 400, 600));
	EXPECT_LOCKED(all - 8);
	EXPECT_EQ(all - 100, cut(fd[0], 0, all));
	EXPECT_LOCKED(all - 612);
	EXPECT_EQ(all - 612, cut(fd[1], 0, all));
	EXPECT_LOCKED(0);
	close(fd[0]);
	close(fd[1]);
}

/* Each part moves its own charge to the process that takes over. */
TEST_F(split, change_of_owner)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg) };
	int file = memfd_create("split", MFD_CLOEXEC), status;
	pid_t pid;

	ASSERT_EQ(0, ftruncate(file, PAGES * PAGE));
	ASSERT_EQ(IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, IOVA, file, 0, PAGES * PAGE));
	EXPECT_EQ(4, cut(self->fd, 6, 4));
	EXPECT_HAS(2, PAGES - 4);
	pid = fork();
	if (!pid)
		_exit(ioctl(self->fd, IOASID_CHANGE_OWNER, &arg) || locked_kib() != 4 * (PAGES - 4) ||
		      cut(self->fd, 0, 2) != 2 || locked_kib() != 4 * (PAGES - 6));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_LOCKED(0);
	EXPECT_EQ(PAGES - 6, cut(self->fd, 0, PAGES));
	close(file);
}

/* One pin keeps a huge folio; cut within it, both parts keep it. */
TEST_F(split, within_a_folio)
{
	char *mem = split_memory(2 * HUGE, MADV_HUGEPAGE);
	long all = 2 * HUGE / PAGE;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, native_set(self->fd, 0, IOASID_OPTION_HUGE_PAGES, 0));
	ASSERT_TRUE(distinct_map(self->fd, IOVA, mem, all));
	if (ktap_pinned() - self->before == 2)
		TH_LOG("two pins for two huge pages");
	EXPECT_EQ(1, cut(self->fd, 200, 1));
	EXPECT_HAS(2, all - 1);
	/* The first part alone keeps its page from being unpinned. */
	EXPECT_EQ(all - 201, cut(self->fd, 201, all));
	EXPECT_EQ(199, cut(self->fd, 0, 199));
	EXPECT_LT(self->before, ktap_pinned());
	EXPECT_EQ(1, cut(self->fd, 0, all));
	EXPECT_EQ(self->before, ktap_pinned());
}

/* --- in-kernel users --- */

#define CALL(_op, ...) ({							\
	a = (struct kapi){ .op = KAPI_##_op, ##__VA_ARGS__ };			\
	ioctl(module, KAPI_CALL, &a);						\
})

/* Its callback drops one pin of each page in the range that it gets. */
TEST_F(split, pinned_by_a_driver)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC), i;
	struct native_tally before;
	struct kapi a;

	ASSERT_LE(0, module);
	ASSERT_TRUE(map_all(self));
	ASSERT_EQ(0, CALL(FROM_FILE, .fd = self->fd, .flags = 1));
	ASSERT_EQ(0, CALL(ACCESS_CREATE));
	ASSERT_EQ(1, CALL(PIN, .iova = IOVA + 4 * PAGE, .length = 1, .prot = 3));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(1, CALL(PIN, .iova = IOVA + 5 * PAGE, .length = 1, .prot = 3));
	ASSERT_EQ(1, CALL(PIN, .iova = IOVA + 20 * PAGE, .length = 1, .prot = 3));
	/* Pins outside of the range are of no concern, and stay with their part. */
	EXPECT_EQ(3, cut(self->fd, 10, 3));
	EXPECT_EQ(0, CALL(CALLBACKS));
	EXPECT_EQ(0, a.out);
	EXPECT_EQ(4, cut(self->fd, 1, 4));
	EXPECT_EQ(0, CALL(CALLBACKS));
	EXPECT_EQ(1, a.out);
	before = native_tally(self->fd);
	EXPECT_ERRNO(EBUSY, cut(self->fd, 5, 1));
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
	EXPECT_EQ(1, cut(self->fd, 21, 1));
	EXPECT_EQ(1, cut(self->fd, 19, 1));
	/* Ten of the twenty are dropped. */
	for (i = 0; i < 9; i++)
		EXPECT_EQ(0, CALL(UNPIN, .iova = IOVA + 5 * PAGE, .length = 1));
	EXPECT_EQ(1, cut(self->fd, 5, 1));
	EXPECT_EQ(1, cut(self->fd, 20, 1));
	EXPECT_EQ(0, CALL(CALLBACKS));
	EXPECT_EQ(1 + 10 + 1 + 1, a.out);
	EXPECT_EQ(PAGES - 11, cut(self->fd, 0, PAGES));
	EXPECT_EQ(0, CALL(ACCESS_DESTROY));
	close(module);
}

static int unmap_dirty(int fd, uint64_t first, uint64_t n, uint64_t *bits)
{
	struct ioasid_unmap_dma arg = {
		.size = sizeof(arg),
		.flags = IOASID_UNMAP_FLAG_GET_DIRTY | IOASID_UNMAP_FLAG_SPLIT,
		.iova = IOVA + first * PAGE,
		.length = n * PAGE,
		.dirty = (uintptr_t)bits,
		.dirty_size = 8,
	};

	*bits = 0;
	return ioctl(fd, IOASID_UNMAP_DMA, &arg);
}

/* Each part takes its bits along. */
TEST_F(split, dirty)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	static const int pages[] = { 0, 7, 9, 10, 12, 13, 31 };
	uint64_t bits = 0;
	struct kapi a;
	unsigned int i;

	ASSERT_LE(0, module);
	ASSERT_TRUE(map_all(self));
	ASSERT_EQ(0, CALL(FROM_FILE, .fd = self->fd, .flags = 1));
	ASSERT_EQ(0, CALL(ACCESS_CREATE));
	ASSERT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_START, 0, 0, 0, NULL, 0));
	for (i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		ASSERT_EQ(1, CALL(PIN, .iova = IOVA + pages[i] * PAGE, .length = 1, .prot = 3));
		ASSERT_EQ(0, CALL(UNPIN, .iova = IOVA + pages[i] * PAGE, .length = 1));
	}
	ASSERT_EQ(0, unmap_dirty(self->fd, 10, 3, &bits));
	EXPECT_EQ(0x5, bits);
	bits = 0;
	ASSERT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_GET_NO_CLEAR, IOVA, PAGES * PAGE, PAGE, &bits,
				  8));
	EXPECT_EQ(1ULL << 0 | 1ULL << 7 | 1ULL << 9 | 1ULL << 13 | 1ULL << 31, bits);
	/* The parts of three mappings, in one bitmap. */
	EXPECT_EQ(1, cut(self->fd, 20, 1));
	ASSERT_EQ(0, unmap_dirty(self->fd, 8, 16, &bits));
	EXPECT_EQ(0x22, bits);
	bits = 0;
	ASSERT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_GET, IOVA, PAGES * PAGE, PAGE, &bits, 8));
	EXPECT_EQ(1ULL << 0 | 1ULL << 7 | 1ULL << 31, bits);
	EXPECT_EQ(0, CALL(ACCESS_DESTROY));
	close(module);
}

/* --- entries of the page table --- */

/* The edu device goes on with what is left. */
struct copier {
	volatile char *bar;
	_Atomic bool stop;
	int rounds;
	bool ok;
	char *mem;		/* of the first page */
};

/* From the first page to the second, and back, with other contents each time. */
static void *copy_on(void *arg)
{
	struct copier *c = arg;

	c->ok = true;
	while (c->ok && !c->stop) {
		memset(c->mem, ++c->rounds, PAGE);
		memset(c->mem + PAGE, 0, PAGE);
		c->ok = edu_copy(c->bar, EDU_IOVA, EDU_IOVA + PAGE, PAGE) &&
			!memcmp(c->mem, c->mem + PAGE, PAGE);
	}
	return NULL;
}

/* An entry of 2 MiB is there or not: it cannot be cut; DMA goes on meanwhile. */
TEST_F_TIMEOUT(split, entries_of_a_device, 30)
{
	char *mem = split_memory(4 * HUGE, MADV_HUGEPAGE);
	struct native_tally before;
	struct copier c = { .mem = mem };
	int device, log = fault_expect();
	struct backend d;
	pthread_t thread;
	int i;

	if (iommu_is_virtio())
		SKIP(return, "a virtio-iommu has no entries");
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_NE(NULL, c.bar = edu_attach(self->fd, &d, &device));
	ASSERT_NE(0, native_info(self->fd, 0).out_pgsizes & HUGE);
	ASSERT_EQ(EDU_IOVA, native_map(self->fd, 0, NATIVE_FIXED, EDU_IOVA, mem, 4 * HUGE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, copy_on, &c));
	before = native_tally(self->fd);
	for (i = 0; i < 20; i++) {
		EXPECT_ERRNO(ERANGE, native_unmap_split(self->fd, 0, EDU_IOVA + PAGE, PAGE));
		EXPECT_ERRNO(ERANGE, native_unmap_split(self->fd, 0, EDU_IOVA + HUGE, HUGE - PAGE));
		EXPECT_ERRNO(ERANGE, native_unmap_split(self->fd, 0, EDU_IOVA + 3 * HUGE - PAGE, HUGE));
	}
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
	EXPECT_EQ((long long)(2 * HUGE), native_unmap_split(self->fd, 0, EDU_IOVA + HUGE, 2 * HUGE));
	usleep(100000);
	c.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(c.ok);
	EXPECT_LT(0, c.rounds);
	EXPECT_TRUE(edu_copy(c.bar, EDU_IOVA, EDU_IOVA + 3 * HUGE, PAGE));
	EXPECT_EQ(0, memcmp(mem, mem + 3 * HUGE, PAGE));
	/* And no more with what is not. */
	memset(mem + HUGE, 0x11, 2 * HUGE);
	edu_copy(c.bar, EDU_IOVA, EDU_IOVA + HUGE, PAGE);
	fault_note(log, EDU_IOVA + HUGE);
	EXPECT_EQ(0x11, mem[HUGE]);
	EXPECT_EQ((long long)(2 * HUGE), native_unmap_all(self->fd, 0));
	close(log);
	close(device);
	backend_close(&d);
}

/* With small entries any page is a border. */
TEST_F_TIMEOUT(split, pages_of_a_device, 30)
{
	char *mem = split_memory(2 * HUGE, MADV_HUGEPAGE);
	struct copier c = { .mem = mem };
	int device, log = fault_expect();
	struct backend d;
	pthread_t thread;
	uint64_t i;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, native_set(self->fd, 0, IOASID_OPTION_HUGE_PAGES, 0));
	ASSERT_NE(NULL, c.bar = edu_attach(self->fd, &d, &device));
	ASSERT_EQ(EDU_IOVA, native_map(self->fd, 0, NATIVE_FIXED, EDU_IOVA, mem, 2 * HUGE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, copy_on, &c));
	for (i = 2; i < 2 * HUGE / PAGE; i += 8)
		EXPECT_EQ((long long)(4 * PAGE), native_unmap_split(self->fd, 0, EDU_IOVA + i * PAGE,
								    4 * PAGE));
	usleep(100000);
	c.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(c.ok);
	EXPECT_LT(0, c.rounds);
	/* Page 6 is there, page 5 is not. */
	memset(mem + 2 * PAGE, 0x11, 8 * PAGE);
	EXPECT_TRUE(edu_copy(c.bar, EDU_IOVA, EDU_IOVA + 6 * PAGE, PAGE));
	EXPECT_EQ(0, memcmp(mem, mem + 6 * PAGE, PAGE));
	edu_copy(c.bar, EDU_IOVA, EDU_IOVA + 5 * PAGE, PAGE);
	fault_note(log, EDU_IOVA + 5 * PAGE);
	EXPECT_EQ(0x11, mem[5 * PAGE]);
	EXPECT_LOCKED(HUGE / PAGE);
	EXPECT_EQ((long long)HUGE, native_unmap_all(self->fd, 0));
	close(log);
	close(device);
	backend_close(&d);
}

/* A domain that comes later gets the parts. */
TEST_F(split, attached_later)
{
	char *mem = split_memory(HUGE, MADV_HUGEPAGE);
	struct backend d;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(split_iommu(true));
	ASSERT_EQ(0, split_mapped());
	ASSERT_EQ(IOVA, native_map(self->fd, 0, NATIVE_FIXED, IOVA, mem, HUGE));
	EXPECT_EQ(1, cut(self->fd, 64, 1));
	ASSERT_TRUE(native_attach(self->fd, &d, SPLIT_FAKE));
	EXPECT_EQ((long long)(HUGE / PAGE - 1), split_mapped());
	/* The part before the hole is an entry of 64 pages. */
	EXPECT_ERRNO(ERANGE, cut(self->fd, 32, 1));
	EXPECT_EQ(64, cut(self->fd, 0, 64));
	EXPECT_EQ((long long)(HUGE / PAGE - 65), split_mapped());
	backend_close(&d);
	EXPECT_TRUE(split_iommu(false));
}

/* What device memory the process has stays whole. */
TEST_F(split, device_memory_stays_whole)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = 0 };
	struct native_tally before;
	struct backend d;
	void *mem;
	int device;

	ASSERT_TRUE(native_attach(self->fd, &d, DEVICE_EDU));
	device = backend_device(&d, DEVICE_EDU);
	ASSERT_EQ(0, ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar));
	mem = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, device, bar.offset);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(IOVA, native_map(self->fd, 0, NATIVE_FIXED, IOVA, mem, MIB));
	before = native_tally(self->fd);
	EXPECT_ERRNO(EINVAL, cut(self->fd, 1, 1));
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
	EXPECT_EQ((long long)MIB, native_unmap_split(self->fd, 0, IOVA, MIB));
	munmap(mem, MIB);
	close(device);
	backend_close(&d);
}

TEST_HARNESS_MAIN
