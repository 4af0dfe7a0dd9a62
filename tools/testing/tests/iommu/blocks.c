// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large entries of a page table are cleared as a whole or not at all: some
 * drivers refuse to cut one in two, and memory that cannot be unmapped is lost.
 */
#include "iommu/taken.h"

#define SIZE	(2048 * MIB)

#define THP	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* The word in brackets. */
static bool setting(char word[32])
{
	FILE *f = fopen(THP, "re");
	char line[128], *at = NULL;

	if (f && fgets(line, sizeof(line), f))
		at = strchr(line, '[');
	if (f)
		fclose(f);
	return at && sscanf(at, "[%31[^]]", word) == 1;
}

/* A huge page, again and again: as much address space as is wanted. */
static char *again_and_again(size_t size)
{
	int fd = memfd_create("huge", MFD_CLOEXEC);
	char *mem, *page;
	size_t at;

	mem = mmap(NULL, size + 2 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (fd < 0 || ftruncate(fd, 2 * MIB) || mem == MAP_FAILED)
		return MAP_FAILED;
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(uintptr_t)(2 * MIB - 1));
	for (at = 0; at < size; at += 2 * MIB) {
		page = mmap(mem + at, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			    0);
		if (page == MAP_FAILED)
			return page;
		/* Of one piece, where the kernel has huge pages for files at all. */
		if (!at && madvise(page, 2 * MIB, MADV_HUGEPAGE))
			return MAP_FAILED;
		page[0] = 1;
	}
	close(fd);
	return mem;
}

/*
 * The border of a gigabyte, counted from the start of the mapping, lies within a
 * large entry; in one mapping, and in two that are unmapped by one call.
 */
TEST_F_TIMEOUT(broken, unmapped_as_a_whole, 60)
{
	char was[32], *mem;
	struct tally before;

	ASSERT_TRUE(setting(was));
	ASSERT_TRUE(file_write(THP, "advise"));
	mem = again_and_again(SIZE + 2 * MIB);
	ASSERT_TRUE(file_write(THP, was));
	ASSERT_NE(MAP_FAILED, mem);
	mem += MIB;
	before = backend_tally(&self->d);

	ASSERT_EQ(0, backend_map(&self->d, MIB, mem, SIZE, MAP_RW));
	ASSERT_EQ(SIZE / (2 * MIB) - 1, seen(self->broken, 0).blocks);
	EXPECT_EQ((long long)SIZE, backend_unmap(&self->d, MIB, SIZE));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);

	ASSERT_EQ(0, backend_map(&self->d, MIB, mem, MIB, MAP_RW));
	ASSERT_EQ(0, backend_map(&self->d, 2 * MIB, mem + MIB, SIZE, MAP_RW));
	EXPECT_EQ((long long)(SIZE + MIB), backend_unmap(&self->d, 0, SIZE + 2 * MIB));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);

	/* And by its way back. */
	ASSERT_EQ(0, backend_map(&self->d, 2 * MIB, mem + MIB, MIB, MAP_RW));
	ASSERT_TRUE(fault(self->broken, BROKEN_SYNC, 0, 1));
	EXPECT_ERRNO(EIO, backend_map(&self->d, 4 * MIB - MIB, mem, SIZE - MIB, MAP_RW));
	EXPECT_CLEAN(self->broken, 0, MIB / PAGE);
	EXPECT_EQ((long long)MIB, backend_unmap_all(&self->d));
	EXPECT_UNCHANGED(&self->d, &before);
}

TEST_HARNESS_MAIN
