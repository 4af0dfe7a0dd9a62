// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP with the flag SPARSE: one mapping of a range of which some is missing. What is there is
 * pinned and charged, and the holes are reported. sparse_device.c has what devices reach.
 */
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/kapi.h"
#include "lib/users.h"
#include "ring.h"
#include "sparse_range.h"

FIXTURE(sparse) {
	int fd;
	char *mem;		/* PAGES small pages */
	struct sparse s;
	long long before;	/* pages pinned */
};

FIXTURE_SETUP(sparse)
{
	SPLIT_SETUP(PAGES);
}

FIXTURE_TEARDOWN(sparse)
{
	close(self->fd);
	EXPECT_NOTHING_LEFT();
}

TEST_F(sparse, holes)
{
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	EXPECT_HAS(1, PAGES, THERE);
	EXPECT_EQ(self->before + THERE, ktap_pinned());
	/* It is one mapping, and its holes are taken. */
	EXPECT_NO_MAP(self->fd, EEXIST, native_map(self->fd, 0, NATIVE_FIXED, AT + 3 * PAGE, self->mem,
						   PAGE));
	EXPECT_ERRNO(EINVAL, native_unmap(self->fd, 0, AT, 3 * PAGE));
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 0, AT, PAGES * PAGE));
	EXPECT_HAS(0, 0, 0);
	EXPECT_EQ(self->before, ktap_pinned());
}

/* The same of so few pages that they are pinned in one step, and with holes at both ends. */
TEST_F(sparse, few_pages)
{
	ASSERT_TRUE(none(self->mem, 0, 2) && none(self->mem, 5, 1) && none(self->mem, 9, 3));
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, 12, &self->s));
	EXPECT_EQ(3, self->s.nr);
	EXPECT_EQ(6, self->s.mapped);
	EXPECT_TRUE(sparse_is(&self->s, 0, AT, 0, 2));
	EXPECT_TRUE(sparse_is(&self->s, 1, AT, 5, 1));
	EXPECT_TRUE(sparse_is(&self->s, 2, AT, 9, 3));
	EXPECT_HAS(1, 12, 6);
}

TEST_F(sparse, kernel_chooses_the_address)
{
	uint64_t iova, mapped;

	ASSERT_TRUE(window(self->mem));
	self->s.nr = SPARSE_HOLES;
	iova = native_map_sparse(self->fd, 0, NATIVE_RW, 0, self->mem, PAGES * PAGE, self->s.hole,
				 &self->s.nr, &mapped);
	ASSERT_NE(NATIVE_FAIL, iova);
	self->s.mapped = mapped / PAGE;
	EXPECT_TRUE(window_is(&self->s, iova));
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 0, iova, PAGES * PAGE));
}

/* Memory that the process may only read is a hole for a device that writes, and for no other. */
TEST_F(sparse, access)
{
	uint64_t mapped;

	ASSERT_EQ(0, mprotect(self->mem + 9 * PAGE, 2 * PAGE, PROT_READ));
	ASSERT_TRUE(none(self->mem, 30, 1));
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s));
	EXPECT_EQ(2, self->s.nr);
	EXPECT_TRUE(sparse_is(&self->s, 0, AT, 9, 2));
	EXPECT_TRUE(sparse_is(&self->s, 1, AT, 30, 1));
	EXPECT_HAS(1, PAGES, PAGES - 3);
	ASSERT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, 0));
	self->s.nr = SPARSE_HOLES;
	ASSERT_EQ(AT, native_map_sparse(self->fd, 0, IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA,
					AT, self->mem, PAGES * PAGE, self->s.hole, &self->s.nr, &mapped));
	EXPECT_EQ(1, self->s.nr);
	EXPECT_TRUE(sparse_is(&self->s, 0, AT, 30, 1));
	EXPECT_HAS(1, PAGES, PAGES - 1);
}

/* What lies beyond its end is a hole, whichever way the pages before it are pinned. */
TEST_F(sparse, end_of_a_file)
{
	static const int length[] = { 5, 1400 };
	int file = memfd_create("sparse", MFD_CLOEXEC), there, pages, i;
	char *mem;

	for (i = 0; i < 2; i++) {
		there = length[i];
		pages = there + 100;
		ASSERT_EQ(0, ftruncate(file, there * PAGE));
		mem = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		ASSERT_NE(MAP_FAILED, mem);
		ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, mem, pages, &self->s));
		EXPECT_EQ(1, self->s.nr);
		EXPECT_TRUE(sparse_is(&self->s, 0, AT, there, 100));
		EXPECT_HAS(1, pages, there);
		EXPECT_EQ((long long)(pages * PAGE), native_unmap_all(self->fd, 0));
		munmap(mem, pages * PAGE);
	}
	close(file);
}

TEST_F(sparse, no_holes)
{
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s));
	EXPECT_EQ(0, self->s.nr);
	EXPECT_EQ(PAGES, self->s.mapped);
	EXPECT_HAS(1, PAGES, PAGES);
}

TEST_F(sparse, nothing_but_holes)
{
	ASSERT_TRUE(none(self->mem, 0, PAGES));
	EXPECT_NOT(EFAULT);
	ASSERT_EQ(0, munmap(self->mem, PAGES * PAGE));
	EXPECT_NOT(EFAULT);
}

/* Where the list does not fit, or cannot be written, nothing is mapped. */
TEST_F(sparse, list)
{
	char *bad = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t nr = 2;
	uint64_t mapped;

#define WITH(_holes) native_map_sparse(self->fd, 0, NATIVE_FIXED, AT, self->mem, PAGES * PAGE,	\
				       (struct ioasid_iova_range *)(_holes), &nr, &mapped)
	ASSERT_TRUE(window(self->mem));
	EXPECT_NO_MAP(self->fd, EMSGSIZE, WITH(self->s.hole));
	EXPECT_EQ(3, nr);
	EXPECT_EQ(0, mapped);
	/* The number that it said is enough. */
	EXPECT_EQ(AT, WITH(self->s.hole));
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, 0));
	nr = 3;
	EXPECT_NO_MAP(self->fd, EFAULT, WITH(bad));
	/* The second range is not in memory. */
	mprotect(bad, PAGE, PROT_READ | PROT_WRITE);
	nr = 3;
	EXPECT_NO_MAP(self->fd, EFAULT, WITH(bad + PAGE - sizeof(struct ioasid_iova_range)));
	/* Without a list the holes are counted. */
	nr = 0;
	EXPECT_EQ(AT, WITH(NULL));
	EXPECT_EQ(3, nr);
	EXPECT_EQ(THERE * PAGE, mapped);
	EXPECT_HAS(1, PAGES, THERE);
#undef WITH
	munmap(bad, 2 * PAGE);
}

TEST_F(sparse, errnos)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg), .flags = NATIVE_FIXED, .iova = AT,
		.user_va = (uintptr_t)self->mem, .length = PAGES * PAGE,
	};
	struct ioasid_map_entry entry = {
		.iova = AT, .user_va = (uintptr_t)self->mem, .length = PAGES * PAGE,
		.flags = NATIVE_FIXED | IOASID_MAP_FLAG_SPARSE,
	};
	uint32_t sparse = NATIVE_FIXED | IOASID_MAP_FLAG_SPARSE, done;
	int file = memfd_create("sparse", MFD_CLOEXEC);

	/* Members that mean nothing without the flag, or without the list. */
	arg.nr_holes = 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, IOASID_MAP_DMA, &arg));
	arg.holes = (uintptr_t)self->s.hole;
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, IOASID_MAP_DMA, &arg));
	arg.flags = sparse;
	arg.holes = 0;
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, IOASID_MAP_DMA, &arg));
	/* The addresses of a process end within the window. */
	arg.nr_holes = 0;
	arg.user_va = ~0ULL << 47;
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, IOASID_MAP_DMA, &arg));
	arg.user_va = (1ULL << 47) - 8 * PAGE;
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, IOASID_MAP_DMA, &arg));
	/* Only this call knows the flag. */
	ASSERT_EQ(0, ftruncate(file, PAGES * PAGE));
	EXPECT_NO_MAP(self->fd, EOPNOTSUPP, native_map_file(self->fd, 0, sparse, AT, file, 0, PAGE));
	EXPECT_ERRNO(EOPNOTSUPP, native_map_batch(self->fd, 0, &entry, 1, &done));
	ASSERT_EQ(AT, native_map(self->fd, 0, NATIVE_FIXED, AT, self->mem, PAGE));
	EXPECT_NO_MAP(self->fd, EOPNOTSUPP, native_copy(self->fd, 0, 0, sparse, 0, AT, PAGE));
	close(file);
}

/* A program that was compiled before there were holes has no members for the answer. */
TEST_F(sparse, short_structure)
{
	struct ioasid_map_dma arg = {
		.size = offsetof(struct ioasid_map_dma, holes),
		.flags = NATIVE_FIXED | IOASID_MAP_FLAG_SPARSE, .iova = AT,
		.user_va = (uintptr_t)self->mem, .length = PAGES * PAGE, .out_nr_holes = 77,
	};

	ASSERT_TRUE(window(self->mem));
	ASSERT_EQ(0, ioctl(self->fd, IOASID_MAP_DMA, &arg));
	EXPECT_EQ(77, arg.out_nr_holes);
	EXPECT_HAS(1, PAGES, THERE);
}

/* What is there counts against the limit, and nothing else. */
TEST_F(sparse, memlock)
{
	struct rlimit limit = { (THERE - 1) * PAGE, (THERE - 1) * PAGE };

	ASSERT_TRUE(window(self->mem));
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_NOT(ENOMEM);
	limit.rlim_cur = limit.rlim_max = THERE * PAGE;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s));
	EXPECT_HAS(1, PAGES, THERE);
}

/* Each counts for the user, by its length, and its parts and copies as well. */
TEST_F(sparse, limit_of_a_user)
{
	uint64_t pages = (2 << 15) + 10;	/* counts as three */
	uint64_t left = (1 << 15) + 20;		/* as two, and the rest as one */
	char *mem = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
	struct native_tally before;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, mprotect(mem, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_TRUE(user_limit("user_mappings", 4));
	ASSERT_TRUE(user_become(ALICE));
	ASSERT_TRUE(user_bound(true));
	close(self->fd);
	self->fd = native_open();
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s));
	EXPECT_EQ(0, user_counts(ALICE).mappings);
	ASSERT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, 0));
	ASSERT_TRUE(window(self->mem));
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s));
	EXPECT_EQ(1, user_counts(ALICE).mappings);
	ASSERT_EQ(4 * AT, sparse_map(self->fd, 0, 4 * AT, mem, pages, &self->s));
	EXPECT_EQ(4, user_counts(ALICE).mappings);
	/* One border makes no difference, another one does. */
	before = native_tally(self->fd);
	EXPECT_ERRNO(EDQUOT, cut(self->fd, 10, 1));
	EXPECT_ERRNO(EDQUOT, native_unmap_split(self->fd, 0, 4 * AT + 20 * PAGE, PAGE));
	EXPECT_NO_MAP(self->fd, EDQUOT, native_copy(self->fd, 0, 0, NATIVE_FIXED, 0, AT, PAGE));
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
	EXPECT_EQ(4, user_counts(ALICE).mappings);
	EXPECT_EQ((long long)((pages - left) * PAGE),
		  native_unmap_split(self->fd, 0, 4 * AT + left * PAGE, (pages - left) * PAGE));
	EXPECT_EQ(1 + 2, user_counts(ALICE).mappings);
	ASSERT_EQ(0, native_copy(self->fd, 0, 0, NATIVE_FIXED, 0, AT, PAGE));
	EXPECT_EQ(1 + 2 + 1, user_counts(ALICE).mappings);
	EXPECT_LT(0, native_unmap_all(self->fd, 0));
	EXPECT_EQ(0, user_counts(ALICE).mappings);
	EXPECT_TRUE(user_limits_reset());
	munmap(mem, pages * PAGE);
}

/* A reservation of 64 GiB with little in it: no page is looked at where there is none. */
TEST_F(sparse, large)
{
	uint64_t pages = (64ULL << 30) / PAGE, at[] = { 0, 5 << 20, (12ULL << 20) + 3, pages - 1 };
	char *mem = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, mprotect(mem + at[i] * PAGE, PAGE, PROT_READ | PROT_WRITE));
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, mem, pages, &self->s));
	EXPECT_EQ(3, self->s.nr);
	EXPECT_EQ(4, self->s.mapped);
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(sparse_is(&self->s, i, AT, at[i] + 1, at[i + 1] - at[i] - 1));
	EXPECT_HAS(1, pages, 4);
	/* A border within a hole, and one within another. */
	EXPECT_EQ((long long)(1 << 21), cut(self->fd, 1 << 22, 1 << 21));
	EXPECT_HAS(2, pages - (1 << 21), 3);
	EXPECT_EQ((long long)((pages - (1 << 21)) * PAGE), native_unmap_all(self->fd, 0));
	munmap(mem, pages * PAGE);
}

/* With workers, and holes of a page and of more than what one of them pins. */
TEST_F_TIMEOUT(sparse, workers, 60)
{
	uint64_t pages = 40000, there = pages, i;
	struct ioasid_map_dma arg;
	char *mem = small_pages(pages * PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, pages * PAGE);
	for (i = 4090; i < pages - 10000; i += 4096 + 5, there -= 10)
		ASSERT_TRUE(none(mem, i, 10));
	ASSERT_TRUE(none(mem, pages - 9000, 5000));
	there -= 5000;
	for (i = 1; i <= 4; i++) {
		arg = (struct ioasid_map_dma){
			.size = sizeof(arg), .flags = NATIVE_FIXED | IOASID_MAP_FLAG_SPARSE,
			.workers = i, .iova = AT, .user_va = (uintptr_t)mem, .length = pages * PAGE,
		};
		ASSERT_EQ(0, ioctl(self->fd, IOASID_MAP_DMA, &arg));
		EXPECT_EQ(there * PAGE, arg.out_mapped);
		EXPECT_EQ(8, arg.out_nr_holes);
		EXPECT_HAS(1, pages, there);
		EXPECT_EQ((long long)(pages * PAGE), native_unmap_all(self->fd, 0));
	}
	munmap(mem, pages * PAGE);
}

/* Within huge pages, of which one is still whole. */
TEST_F(sparse, huge_pages)
{
	char *mem = split_memory(6 * MIB, MADV_HUGEPAGE);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(none(mem, 100, 1) && none(mem, 1530, 6));
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, mem, 1536, &self->s));
	EXPECT_EQ(2, self->s.nr);
	EXPECT_TRUE(sparse_is(&self->s, 0, AT, 100, 1));
	EXPECT_TRUE(sparse_is(&self->s, 1, AT, 1530, 6));
	EXPECT_HAS(1, 1536, 1529);
}

/* On a ring, also where the call is small enough to be made while it is submitted. */
TEST_F(sparse, ring)
{
	struct ioasid_map_dma map = ring_map(self->mem, AT, 12 * PAGE);
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
	ASSERT_TRUE(window(self->mem));
	map.flags |= IOASID_MAP_FLAG_SPARSE;
	map.holes = (uintptr_t)self->s.hole;
	submit(&ring, self->fd, IOASID_MAP_DMA, &map, 0);
	EXPECT_EQ(-EMSGSIZE, result(&ring, NULL));
	EXPECT_EQ(1, map.out_nr_holes);
	map.nr_holes = map.out_nr_holes;
	submit(&ring, self->fd, IOASID_MAP_DMA, &map, 0);
	EXPECT_EQ(0, result(&ring, NULL));
	EXPECT_EQ(1, map.out_nr_holes);
	EXPECT_EQ(7 * PAGE, map.out_mapped);
	self->s.nr = 1;
	EXPECT_TRUE(sparse_is(&self->s, 0, AT, 3, 5));
	EXPECT_HAS(1, 12, 7);
	/* More than there is room for. */
	map.iova += map.length;
	map.length = PAGES * PAGE;
	submit_async(&ring, self->fd, IOASID_MAP_DMA, &map, 0);
	EXPECT_EQ(-EMSGSIZE, result(&ring, NULL));
	EXPECT_EQ(3, map.out_nr_holes);
	EXPECT_HAS(1, 12, 7);
	io_uring_queue_exit(&ring);
}

/* --- what else there is to do with mappings --- */

#define CALL(_op, ...) ({							\
	a = (struct kapi){ .op = KAPI_##_op, ##__VA_ARGS__ };			\
	ioctl(module, KAPI_CALL, &a);						\
})

/* For a driver nothing is mapped in a hole, also if the process has filled it. */
TEST_F(sparse, in_kernel_users)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	char buf[3 * 4096];
	struct kapi a;

	ASSERT_LE(0, module);
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	ASSERT_EQ(0, CALL(FROM_FILE, .fd = self->fd, .flags = 1));
	ASSERT_EQ(0, CALL(ACCESS_CREATE, .flags = KAPI_ACCESS_TIDY));
	ASSERT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_START, 0, 0, 0, NULL, 0));
#define DATA	.data = (uintptr_t)buf, .flags = KAPI_CALLER
	EXPECT_ERRNO(EINVAL, CALL(PIN, .iova = AT + 4 * PAGE, .length = 1, .prot = 3));
	EXPECT_ERRNO(EINVAL, CALL(PIN, .iova = AT + PAGE, .length = 3, .prot = 3));
	EXPECT_EQ(2, CALL(PIN, .iova = AT + PAGE, .length = 2, .prot = 3));
	EXPECT_EQ(0, CALL(UNPIN, .iova = AT + PAGE, .length = 2));
	EXPECT_ERRNO(EINVAL, CALL(READ, .iova = AT + 7 * PAGE + 5, DATA, .length = 8));
	EXPECT_ERRNO(EINVAL, CALL(READ, .iova = AT + 2 * PAGE, DATA, .length = PAGE + 1));
	EXPECT_EQ(0, CALL(READ, .iova = AT + PAGE + 10, DATA, .length = 2 * PAGE - 10));
	memset(buf, 0x33, sizeof(buf));
	EXPECT_EQ(0, CALL(WRITE, .iova = AT + 8 * PAGE, DATA, .length = 3 * PAGE));
	EXPECT_EQ(0x33, self->mem[9 * PAGE]);
	EXPECT_ERRNO(EINVAL, CALL(WRITE, .iova = AT + 19 * PAGE, DATA, .length = 3 * PAGE));
	/* The process has something there again. */
	ASSERT_EQ(self->mem + 3 * PAGE, mmap(self->mem + 3 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_ERRNO(EINVAL, CALL(WRITE, .iova = AT + 4 * PAGE, DATA, .length = 8));
	EXPECT_ERRNO(EINVAL, CALL(PIN, .iova = AT + 4 * PAGE, .length = 1, .prot = 3));
	EXPECT_EQ(0, self->mem[4 * PAGE]);
	/* Mapped again, it is there. */
	EXPECT_EQ(2, cut(self->fd, 4, 2));
	ASSERT_EQ(AT + 4 * PAGE, native_map(self->fd, 0, NATIVE_FIXED, AT + 4 * PAGE,
					    self->mem + 4 * PAGE, 2 * PAGE));
	EXPECT_EQ(0, CALL(WRITE, .iova = AT + 4 * PAGE, DATA, .length = 8));
	EXPECT_EQ(0x33, self->mem[4 * PAGE]);
	EXPECT_EQ(0, CALL(ACCESS_DESTROY));
	close(module);
}

/* A copy has the same holes, and may have nothing else. */
TEST_F(sparse, copied)
{
	uint64_t to = AT + PAGES * PAGE;

	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	ASSERT_EQ(to, native_copy(self->fd, 0, 0, NATIVE_FIXED, to, AT + 2 * PAGE, 10 * PAGE));
	EXPECT_EQ(THERE + 5, native_info(self->fd, 0).out_pinned);
	ASSERT_EQ(to + 20 * PAGE, native_copy(self->fd, 0, 0, NATIVE_FIXED, to + 20 * PAGE,
					      AT + 4 * PAGE, 3 * PAGE));
	EXPECT_EQ(THERE + 5, native_info(self->fd, 0).out_pinned);
	EXPECT_LOCKED(THERE);
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 0, AT, PAGES * PAGE));
	EXPECT_LOCKED(THERE);
	EXPECT_EQ((long long)(10 * PAGE), native_unmap(self->fd, 0, to, 10 * PAGE));
	/* What is left has only holes, and keeps all that was pinned with them. */
	EXPECT_LOCKED(THERE);
	EXPECT_EQ(0, native_info(self->fd, 0).out_pinned);
	EXPECT_EQ((long long)(3 * PAGE), native_unmap_all(self->fd, 0));
	EXPECT_HAS(0, 0, 0);
}

/* Parts of it, down to one with nothing but a hole. */
TEST_F(sparse, cut)
{
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	EXPECT_EQ(2, cut(self->fd, 4, 2));
	EXPECT_HAS(2, PAGES - 2, THERE);
	/* From a hole into a part that is there, and the other way round. */
	EXPECT_EQ(3, cut(self->fd, 7, 3));
	EXPECT_HAS(3, PAGES - 5, THERE - 2);
	EXPECT_EQ(2, cut(self->fd, 2, 2));
	EXPECT_HAS(3, PAGES - 7, THERE - 3);
	/* Page 6 is a hole, and a mapping of its own. */
	EXPECT_EQ((long long)PAGE, native_unmap(self->fd, 0, AT + 6 * PAGE, PAGE));
	EXPECT_HAS(2, PAGES - 8, THERE - 3);
	EXPECT_EQ(1, cut(self->fd, 20, 1));
	EXPECT_HAS(3, PAGES - 9, THERE - 3);
	EXPECT_EQ(40, cut(self->fd, 21, 40));
	EXPECT_EQ(2, cut(self->fd, 61, 2));
	EXPECT_HAS(3, PAGES - 51, THERE - 45);
	EXPECT_EQ((long long)((PAGES - 51) * PAGE), native_unmap_all(self->fd, 0));
	EXPECT_HAS(0, 0, 0);
}

/* Two spaces that share the charge: what both have is charged once, and holes in neither. */
TEST_F(sparse, charged_once)
{
	int fd[2] = { distinct_open(true), distinct_open(true) };

	ASSERT_EQ(AT, sparse_map(fd[0], 0, AT, self->mem, PAGES, &self->s));
	EXPECT_LOCKED(PAGES);
	ASSERT_TRUE(window(self->mem));
	ASSERT_EQ(AT, sparse_map(fd[1], 0, AT, self->mem, PAGES, &self->s));
	EXPECT_TRUE(window_is(&self->s, AT));
	EXPECT_LOCKED(PAGES);
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap_all(fd[0], 0));
	EXPECT_LOCKED(THERE);
	/* And again, with the one that has holes first. */
	ASSERT_EQ(AT, sparse_map(fd[0], 0, AT, self->mem, PAGES, &self->s));
	EXPECT_LOCKED(THERE);
	EXPECT_EQ(9, cut(fd[0], 0, 9));
	EXPECT_LOCKED(THERE);
	EXPECT_EQ(9, cut(fd[1], 2, 9));
	EXPECT_LOCKED(THERE - 2);
	EXPECT_EQ((long long)((PAGES - 9) * PAGE), native_unmap_all(fd[1], 0));
	EXPECT_LOCKED(THERE - 4);
	close(fd[0]);
	close(fd[1]);
}

/* VFIO's live update: the charge of what is there moves, and holes stay holes. */
TEST_F(sparse, change_of_owner)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC), status;
	struct backend d = { .fd = self->fd };
	struct kapi a;
	pid_t pid;

	ASSERT_LE(0, module);
	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, madvise(self->mem, PAGES * PAGE, MADV_DONTNEED));
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	ASSERT_EQ((long long)(PAGES * PAGE),
		  backend_unmap_flags(&d, AT, PAGES * PAGE, VFIO_DMA_UNMAP_FLAG_VADDR));
	pid = fork();
	if (!pid)
		_exit(backend_map(&d, AT, self->mem, PAGES * PAGE, VFIO_DMA_MAP_FLAG_VADDR) ||
		      locked_kib() != 4 * THERE ||
		      native_info(self->fd, 0).out_pinned != THERE ||
		      CALL(FROM_FILE, .fd = self->fd, .flags = 1) || CALL(ACCESS_CREATE) ||
		      CALL(PIN, .iova = AT + 4 * PAGE, .length = 1, .prot = 3) != -1 || errno != EINVAL ||
		      CALL(ACCESS_DESTROY) || cut(self->fd, 0, 5) != 5 ||
		      locked_kib() != 4 * (THERE - 3));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_LOCKED(0);
	close(module);
}

TEST_HARNESS_MAIN
