/* SPDX-License-Identifier: GPL-2.0-only */
/* A range of memory with holes, and what is mapped of it. */
#ifndef IOASID_TEST_SPARSE_RANGE_H
#define IOASID_TEST_SPARSE_RANGE_H

#include "sparse.h"

#define AT		0x4000000ULL
#define PAGES		64
#define THERE		57	/* of which so many are there, see window() */

static inline bool none(char *mem, int first, int n)
{
	return !mprotect(mem + first * PAGE, n * PAGE, PROT_NONE);
}

/* Holes from page 3 to 7 (nothing, and no access), and of pages 20 and 63. */
static inline bool window(char *mem)
{
	return !munmap(mem + 3 * PAGE, 3 * PAGE) && none(mem, 6, 2) && none(mem, 20, 1) &&
	       !munmap(mem + 63 * PAGE, PAGE);
}

static inline bool window_is(const struct sparse *s, uint64_t iova)
{
	return s->nr == 3 && s->mapped == THERE && sparse_is(s, 0, iova, 3, 5) &&
	       sparse_is(s, 1, iova, 20, 1) && sparse_is(s, 2, iova, 63, 1);
}

/* Map that window of @mem at AT. */
static inline bool map_window(int fd, char *mem, struct sparse *s)
{
	return window(mem) && sparse_map(fd, 0, AT, mem, PAGES, s) == AT && window_is(s, AT);
}

static inline long long cut(int fd, uint64_t first, uint64_t n)
{
	return split_cut(fd, AT, first, n);
}

#define EXPECT_HAS EXPECT_MAPPED

#define EXPECT_NOT(error) do {							\
	EXPECT_NO_MAP(self->fd, error, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s)); \
} while (0)

#endif
