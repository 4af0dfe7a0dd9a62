// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches of single pages that follow each other in IOVAs and in memory: the driver of the IOMMU
 * writes them with one call, and each is still a mapping with an entry of its own.
 */
#include "distinct.h"
#include "split.h"

#define AT	0x100000000ULL
#define N	64

FIXTURE(neighbours) {
	int fd;
	struct backend d;
	char *mem;			/* a huge page, if there is one */
	struct ioasid_map_entry e[N];	/* its first pages */
	long long before;		/* pages pinned */
};

static long long calls(void)
{
	return file_number(SPLIT_PARAMS "map_calls");
}

static bool one_after_the_other(const char *mem)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY), i;
	uint64_t first = split_frame(pagemap, mem);

	for (i = 1; i < N && first; i++)
		if (split_frame(pagemap, mem + i * PAGE) != first + i)
			first = 0;
	close(pagemap);
	return first;
}

FIXTURE_SETUP(neighbours)
{
	int i;

	self->before = ktap_pinned();
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->mem = split_memory(2 * MIB, MADV_HUGEPAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_TRUE(split_iommu(true));
	ASSERT_TRUE(native_attach(self->fd, &self->d, SPLIT_FAKE));
	if (!one_after_the_other(self->mem))
		SKIP(return, "there was no huge page");
	for (i = 0; i < N; i++)
		self->e[i] = (struct ioasid_map_entry){
			.iova = AT + i * PAGE,
			.user_va = (uintptr_t)self->mem + i * PAGE,
			.length = PAGE,
			.flags = NATIVE_FIXED,
		};
}

FIXTURE_TEARDOWN(neighbours)
{
	backend_close(&self->d);
	close(self->fd);
	EXPECT_TRUE(split_iommu(false) && split_fail_after(0));
	EXPECT_NOTHING_LEFT();
}

/* One call for all; any of them can be unmapped alone, by an IOMMU that clears whole entries. */
TEST_F(neighbours, one_call)
{
	long long before = calls();
	uint32_t done;

	ASSERT_EQ(0, native_map_batch(self->fd, 0, self->e, N, &done));
	EXPECT_EQ(before + 1, calls());
	EXPECT_EQ(N, split_mapped());
	EXPECT_MAPPED(N, N, N);
	EXPECT_EQ(PAGE, native_unmap(self->fd, 0, AT + 5 * PAGE, PAGE));
	EXPECT_EQ(N - 1, split_mapped());
	EXPECT_MAPPED(N - 1, N - 1, N - 1);
	EXPECT_EQ((N - 1) * PAGE, native_unmap_all(self->fd, 0));
	EXPECT_EQ(0, split_mapped());
}

/* What does not follow, in IOVAs, in memory or in access, begins another call. */
TEST_F(neighbours, borders)
{
	long long before = calls();
	uint32_t done, i;

	self->e[10].flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA;
	for (i = 20; i < N; i++)
		self->e[i].iova += PAGE;
	for (i = 40; i < N; i++)
		self->e[i].user_va += PAGE;
	ASSERT_EQ(0, native_map_batch(self->fd, 0, self->e, N, &done));
	/* 0 to 9, 10, 11 to 19, 20 to 39, 40 to 63 */
	EXPECT_EQ(before + 5, calls());
	EXPECT_EQ(N, split_mapped());
	EXPECT_EQ(N * PAGE, native_unmap_all(self->fd, 0));
	EXPECT_EQ(0, split_mapped());
}

/* The first address of all does not follow the last one. */
TEST_F(neighbours, ends_of_all_addresses)
{
	long long before = calls();
	uint32_t done;

	self->e[0].iova = -PAGE;
	self->e[1].iova = 0;
	ASSERT_EQ(0, native_map_batch(self->fd, 0, self->e, 2, &done));
	EXPECT_EQ(before + 2, calls());
	EXPECT_EQ(2, split_mapped());
	EXPECT_EQ(PAGE, native_unmap(self->fd, 0, 0, PAGE));
	EXPECT_EQ(1, split_mapped());
	EXPECT_EQ(PAGE, native_unmap_all(self->fd, 0));
	EXPECT_EQ(0, split_mapped());
}

/* A call that fails in the middle has mapped what was before, and nothing else stays. */
TEST_F(neighbours, driver_fails)
{
	uint32_t done;

	ASSERT_TRUE(split_fail_after(20));
	EXPECT_ERRNO(ENOMEM, native_map_batch(self->fd, 0, self->e, N, &done));
	EXPECT_EQ(20, done);
	EXPECT_EQ(20, split_mapped());
	EXPECT_MAPPED(20, 20, 20);
	ASSERT_TRUE(split_fail_after(0));
	EXPECT_EQ(0, native_map_batch(self->fd, 0, self->e + 20, N - 20, &done));
	EXPECT_MAPPED(N, N, N);
	EXPECT_EQ(N, split_mapped());
}

/* The first of them fails: nothing is mapped. */
TEST_F(neighbours, driver_fails_at_once)
{
	uint32_t done;

	ASSERT_EQ(0, native_map_batch(self->fd, 0, self->e, 4, &done));
	ASSERT_TRUE(split_fail_after(4));
	EXPECT_ERRNO(ENOMEM, native_map_batch(self->fd, 0, self->e + 4, N - 4, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(4, split_mapped());
	EXPECT_MAPPED(4, 4, 4);
}

TEST_HARNESS_MAIN
