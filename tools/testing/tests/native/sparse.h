/* SPDX-License-Identifier: GPL-2.0-only */
/* Windows with holes, and what is mapped of them. */
#ifndef IOASID_TEST_SPARSE_H
#define IOASID_TEST_SPARSE_H

#include "distinct.h"
#include "split.h"

#define SPARSE_HOLES	64

/* What the last map of a window has said. */
struct sparse {
	struct ioasid_iova_range hole[SPARSE_HOLES];
	uint32_t nr;
	uint64_t mapped;	/* pages */
};

/* Map a window at @iova, with room for all holes. */
static inline uint64_t sparse_map(int fd, uint32_t id, uint64_t iova, const void *mem, uint64_t pages,
				  struct sparse *s)
{
	uint64_t at;

	s->nr = SPARSE_HOLES;
	at = native_map_sparse(fd, id, NATIVE_FIXED, iova, mem, pages * PAGE, s->hole, &s->nr,
			       &s->mapped);
	s->mapped /= PAGE;
	return at;
}

/* Is hole @n of a window at @iova pages [@first, @first + @npages) of it? */
static inline bool sparse_is(const struct sparse *s, unsigned int n, uint64_t iova, uint64_t first,
			     uint64_t npages)
{
	const struct ioasid_iova_range *r = &s->hole[n];

	if (n < s->nr && r->start == iova + first * PAGE &&
	    r->last == iova + (first + npages) * PAGE - 1)
		return true;
	TH_LOG("hole %u of %u is 0x%llx to 0x%llx", n, s->nr, (unsigned long long)r->start,
	       (unsigned long long)r->last);
	return false;
}

/* The IOMMU of the tests, with small entries, fits; or it is as others expect it. */
static inline bool sparse_iommu(bool on)
{
	return split_iommu(false) && unsafe_interrupts(on);
}

/* Pages that the IOMMU of the tests was to clear, and had none of. */
static inline long long sparse_missing(void)
{
	return file_number(SPLIT_PARAMS "missing");
}

#endif
