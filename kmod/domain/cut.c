// SPDX-License-Identifier: GPL-2.0-only
/*
 * May a mapping be cut in two at an address, with its entries as they are?
 *
 * No driver of Linux 6.12 to 7.3 on x86 replaces a large entry of a page table by smaller
 * ones: asked to clear a part of it, VT-d and AMD's driver clear all of it, and a device
 * would fault on the rest. (The generic page tables of 7.3 have no operation for it either.
 * io-pgtable-arm of 6.12 splits an entry while it clears a part, later kernels do not.) So
 * a mapping is cut between two entries only.
 *
 * No driver can be asked where those end, but it follows from what was written: an extent is
 * written with one call, and filled with the largest entries that fit, by ioasid_pick_pgsize(),
 * by iommu_map() and by the generic page tables alike. So an entry that crosses an address
 * exists if, and only if, a block of some page size around that address lies in the extent,
 * with both its addresses aligned. A cut leaves that true of both parts.
 *
 * virtio-iommu has no page table: one call of the driver is one request, and an unmap removes
 * what a request has mapped as a whole, or nothing. So there the mapping is cut between two
 * calls only, which ioasid_pick_pgsize() tells again. Of a part that a cut has left it tells
 * the same calls, or some of them as one.
 *
 * What can run at the same time: nothing that changes the domain or this area; the caller
 * holds domains_rwsem and areas_lock.
 */
#include <linux/iommu.h>

#include "domain.h"
#include "pt_ops.h"

/* The part of an extent with @at that the area shows, and where that is mapped. */
static u64 cut_extent(const struct ioasid_area *area, u64 at, struct ioasid_extent *extent)
{
	unsigned long from = PHYS_PFN(at - ioasid_area_start(area)), skip, before;

	ioasid_extents_look(&ioasid_area_pages(area)->ext, ioasid_area_first_page(area) + from,
			    extent, &skip);
	before = min(skip, from);
	extent->pfn += skip - before;
	extent->npages = min(extent->npages - (skip - before),
			     ioasid_area_npages(area) - (from - before));
	return at - PFN_PHYS(before);
}

/* Does no call that has written the extent at @start reach across @at? */
static bool cut_between_calls(const struct iommu_domain *domain, u64 start,
			      const struct ioasid_extent *extent, u64 at,
			      struct ioasid_iova_range *entry)
{
	u64 left = PFN_PHYS(extent->npages), bytes;
	phys_addr_t phys = PFN_PHYS(extent->pfn);
	size_t pgsize, count;

	while (start < at) {
		pgsize = ioasid_pick_pgsize(domain, start, phys, left, &count);
		bytes = pgsize ? (u64)pgsize * count : left;
		if (at - start < bytes) {
			*entry = (struct ioasid_iova_range){ start, start + bytes - 1 };
			return false;
		}
		start += bytes;
		phys += bytes;
		left -= bytes;
	}
	return true;
}

/**
 * ioasid_domain_may_cut() - does no entry of the page table lie on both sides of an address
 * @d: domain, which has @area
 * @area: LIVE, pinned, without device memory
 * @at: an address in it, and not its first
 * @entry: if there is such an entry, what it maps
 */
bool ioasid_domain_may_cut(struct ioasid_domain *d, const struct ioasid_area *area, u64 at,
			   struct ioasid_iova_range *entry)
{
	unsigned long sizes = d->domain->pgsize_bitmap & ~(2 * PAGE_SIZE - 1);
	struct ioasid_extent extent;
	u64 start, last, size, block;
	phys_addr_t phys;

	/* What disable_hugepages was when the area was written is not known. */
	if (area->small)
		return true;
	start = cut_extent(area, at, &extent);
	if (extent.kind == IOASID_EXTENT_HOLE)
		return true;
	if (d->whole)
		return cut_between_calls(d->domain, start, &extent, at, entry);
	last = start + PFN_PHYS(extent.npages) - 1;
	phys = PFN_PHYS(extent.pfn);
	for (; sizes; sizes &= ~BIT_ULL(__fls(sizes))) {
		size = BIT_ULL(__fls(sizes));
		block = at & ~(size - 1);
		if ((start ^ phys) & (size - 1) || block == at || block < start ||
		    last - block < size - 1)
			continue;
		*entry = (struct ioasid_iova_range){ block, block + size - 1 };
		return false;
	}
	return true;
}
