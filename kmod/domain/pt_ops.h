/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table writes without iommu_map() around each extent, or iommu_unmap().
 *
 * iommu_map() ends with a flush where the IOMMU caches entries that are not
 * present, and its two layers cost as much as the write of one entry. So the
 * domain's own operation is called extent by extent, and the flush once for the whole
 * mapping. This code does all else that iommu_map() does: the split into page sizes,
 * the iommu:map event, the flush before success is reported, the undo. The same holds
 * for unmaps; there the caller flushes, as with iommu_unmap_fast().
 *
 * With the parameter iommu_map=Y, and for a domain without a known operation, the
 * kernel's functions are called instead.
 *
 * The operations are called as iommu_map() calls them; drivers allow that for
 * disjoint ranges at the same time.
 */
#ifndef _IOASID_PT_OPS_H
#define _IOASID_PT_OPS_H

#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/iommu.h>
#ifdef COMPAT_HAVE_GENERIC_PT
#include <linux/generic_pt/iommu.h>
#endif

#include "pin/pin.h"

/* unmap.c: the parameter iommu_map */
extern bool ioasid_use_iommu_map;

/* ioasid_has_range_ops() - the domain's operations split ranges themselves */
static inline bool ioasid_has_range_ops(const struct iommu_domain *domain)
{
#ifdef COMPAT_HAVE_GENERIC_PT
	return domain->is_iommupt;
#else
	return false;
#endif
}

/* ioasid_pt_can_write() - call the domain's own operation, if it is one that we know */
static inline bool ioasid_pt_can_write(const struct iommu_domain *domain)
{
	if (READ_ONCE(ioasid_use_iommu_map) || COMPAT_IOMMU_DEBUG_MAPS)
		return false;
	return ioasid_has_range_ops(domain) || (domain->ops->map_pages && domain->ops->unmap_pages);
}

/*
 * ioasid_pick_pgsize() - the largest page size for the start of [iova, iova + size)
 *
 * @count is set to the number of such pages until a larger one fits, or until the end.
 * cut.c relies on this choice.
 */
static inline size_t ioasid_pick_pgsize(const struct iommu_domain *domain, u64 iova,
					phys_addr_t phys, size_t size, size_t *count)
{
	unsigned long sizes = domain->pgsize_bitmap;
	unsigned long align = iova | phys;
	unsigned long fit = sizes & GENMASK(__fls(size), 0);
	size_t pgsize, next, until;

	if (align)
		fit &= GENMASK(__ffs(align), 0);
	if (!fit)
		return 0;
	pgsize = BIT(__fls(fit));

	sizes &= ~(pgsize | (pgsize - 1));
	next = sizes & -sizes;
	/* A larger page fits later only if both addresses reach its border together. */
	if (next && !((iova ^ phys) & (next - 1))) {
		until = next - (iova & (next - 1));
		if (until < size && size - until >= next)
			size = until;
	}
	*count = size / pgsize;
	return pgsize;
}

/*
 * ioasid_extent_clip() - cut @extent to the part that the area shows; false if that is empty
 *
 * @skip counts the pages before that part, @left the pages that the area shows from there.
 */
static inline bool ioasid_extent_clip(struct ioasid_extent *extent, unsigned long *skip,
				      unsigned long left)
{
	if (*skip >= extent->npages) {
		*skip -= extent->npages;
		return false;
	}
	extent->pfn += *skip;
	extent->npages = min(extent->npages - *skip, left);
	*skip = 0;
	return true;
}

#endif /* _IOASID_PT_OPS_H */
