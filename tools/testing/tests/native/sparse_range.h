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

/* Mappings, and pages of which so many are there: they are pinned and charged. */
#define EXPECT_HAS(maps, pages, there) do {						\
	struct ioasid_get_info _i = native_info(self->fd, 0);				\
										\
	EXPECT_EQ(maps, _i.out_maps);						\
	EXPECT_EQ((pages) * PAGE, _i.out_bytes);				\
	EXPECT_EQ(there, _i.out_pinned);					\
	EXPECT_EQ(there, _i.out_charged);					\
	EXPECT_LOCKED(there);							\
} while (0)

#define EXPECT_NOT(error) do {							\
	EXPECT_NO_MAP(self->fd, error, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s)); \
} while (0)

#endif
