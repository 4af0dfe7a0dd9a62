/* SPDX-License-Identifier: GPL-2.0-only */
/* Parts of mappings that are unmapped, and the IOMMU of the tests that clears whole entries. */
#ifndef IOASID_TEST_SPLIT_H
#define IOASID_TEST_SPLIT_H

#include <sys/mman.h>

#include "lib/ioasid.h"

#define SPLIT_FAKE	"ioasid_fake.0"
#define SPLIT_PARAMS	"/sys/module/ioasid_fakeiommu/parameters/"

/* 4 KiB to 2 MiB, each power of two, as AMD's has them; or 4 KiB alone. */
#define SPLIT_SIZES	"4190208,4096"
#define SPLIT_PLAIN	"4096,4096"

/* The IOMMU has entries of all sizes, and clears them as a whole; or it is as others expect it. */
static inline bool split_iommu(bool on)
{
	return file_write(SPLIT_PARAMS "pgsizes", on ? SPLIT_SIZES : SPLIT_PLAIN) &&
	       file_write(SPLIT_PARAMS "whole_entries", on ? "Y,N" : "N,N") &&
	       /* It isolates no interrupts, and has none. */
	       unsafe_interrupts(on);
}

/* Pages that it has mapped. */
static inline long long split_mapped(void)
{
	return file_number(SPLIT_PARAMS "mapped");
}

/* The driver fails to map more pages than that; 0: it does not fail. */
static inline bool split_fail_after(int pages)
{
	char limit[16];

	snprintf(limit, sizeof(limit), "%d,0", pages);
	return file_write(SPLIT_PARAMS "fail_map", limit);
}

/* Unmap pages [first, first + n) of what is mapped from @at on: how many pages there were, or -1. */
static inline long long split_cut(int fd, uint64_t at, uint64_t first, uint64_t n)
{
	long long bytes = native_unmap_split(fd, 0, at + first * PAGE, n * PAGE);

	return bytes < 0 ? bytes : bytes / (long long)PAGE;
}

/* For fixtures with fd, mem and before: a /dev/ioasid, and @pages small pages that are touched. */
#define SPLIT_SETUP(pages) do {								\
	self->before = ktap_pinned();							\
	self->fd = native_open();							\
	ASSERT_LE(0, self->fd);								\
	self->mem = small_pages((pages) * PAGE);					\
	ASSERT_NE(MAP_FAILED, self->mem);						\
	memset(self->mem, 1, (pages) * PAGE);						\
} while (0)

/* Once fd is closed nothing is left. */
#define EXPECT_NOTHING_LEFT() do {							\
	EXPECT_LOCKED(0);								\
	EXPECT_EQ(0, ktap_leaked(self->before));					\
} while (0)

/* What is mapped: how many mappings and pages; and so many are pinned and charged. */
#define EXPECT_MAPPED(maps, pages, there) do {						\
	struct ioasid_get_info _i = native_info(self->fd, 0);				\
										\
	EXPECT_EQ(maps, _i.out_maps);						\
	EXPECT_EQ((pages) * PAGE, _i.out_bytes);				\
	EXPECT_EQ(there, _i.out_pinned);					\
	EXPECT_EQ(there, _i.out_charged);					\
	EXPECT_LOCKED(there);							\
} while (0)

/* The frame of a page that is there; 0 if it is not. */
static inline uint64_t split_frame(int pagemap, const void *at)
{
	uint64_t entry = 0;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)at / PAGE * sizeof(entry)) != sizeof(entry))
		return 0;
	return entry & (1ULL << 63) ? entry & ((1ULL << 55) - 1) : 0;
}

/* Touched memory that begins where a huge page does, and is of such pages where there are some. */
static inline char *split_memory(size_t size, int advice)
{
	char *mem = mmap(NULL, size + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (mem == MAP_FAILED)
		return mem;
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(uintptr_t)(2 * MIB - 1));
	madvise(mem, size, advice);
	memset(mem, 1, size);
	return mem;
}

#endif
