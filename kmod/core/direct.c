// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table writes without iommu_map() around each run, or iommu_unmap().
 *
 * iommu_map() ends with a flush where the IOMMU caches entries that are not
 * present, and its two layers cost as much as the write of one entry. Here the
 * domain's own operation is called run by run, and the flush once for the
 * whole mapping. All that iommu_map() does otherwise is done here: the split
 * into page sizes, the iommu:map event, the flush before success is reported.
 * Undoing is the caller's. Likewise for unmaps, which small maps are made of as
 * much; their flush is the caller's with iommu_unmap_fast(), too.
 *
 * The parameter iommu_map=Y takes the kernel's functions instead, which is also
 * what happens for a domain that has no operation we know.
 *
 * Who else can run: see program.c. The operations are called as iommu_map()
 * calls them; drivers allow that for disjoint ranges at the same time.
 */
#include <linux/bitops.h>
#include <linux/iommu.h>
#include <linux/moduleparam.h>
#ifdef COMPAT_HAVE_GENERIC_PT
#include <linux/generic_pt/iommu.h>
#endif

#include <trace/events/iommu.h>

#include "direct.h"

static bool use_iommu_map;
module_param_named(iommu_map, use_iommu_map, bool, 0644);
MODULE_PARM_DESC(iommu_map, "Write page tables with iommu_map() instead of the domain's own operation (default N)");

/*
 * The largest page size for the start of [iova, iova + size), and how many
 * pages of it until a larger one fits, or until the end.
 */
static size_t pick_pgsize(const struct iommu_domain *domain, u64 iova, phys_addr_t phys,
			  size_t size, size_t *count)
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

static int map_pages(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		     int prot, u64 *mapped)
{
	size_t pgsize, count, done;
	int ret;

	/* Scattered memory is all single pages: no need to look for larger ones. */
	if (size == PAGE_SIZE && domain->pgsize_bitmap & PAGE_SIZE) {
		done = 0;
		ret = domain->ops->map_pages(domain, iova, phys, PAGE_SIZE, 1, prot,
					     GFP_KERNEL_ACCOUNT, &done);
		*mapped += done;
		return ret;
	}

	while (size) {
		pgsize = pick_pgsize(domain, iova, phys, size, &count);
		if (!pgsize)
			return -EINVAL;
		done = 0;
		ret = domain->ops->map_pages(domain, iova, phys, pgsize, count, prot,
					     GFP_KERNEL_ACCOUNT, &done);
		/* Some may be there even after an error. */
		*mapped += done;
		if (ret)
			return ret;
		iova += done;
		phys += done;
		size -= done;
	}
	return 0;
}

#ifdef COMPAT_HAVE_GENERIC_PT
static bool has_map_range(const struct iommu_domain *domain)
{
	return domain->is_iommupt;
}

static size_t unmap_range(struct iommu_domain *domain, u64 iova, size_t size,
			  struct iommu_iotlb_gather *gather)
{
	struct pt_iommu *pt = iommupt_from_domain(domain);

	return pt->ops->unmap_range(pt, iova, size, gather);
}

static int map_range(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		     int prot, u64 *mapped)
{
	struct pt_iommu *pt = iommupt_from_domain(domain);
	size_t done = 0;
	int ret = pt->ops->map_range(pt, iova, phys, size, prot, GFP_KERNEL_ACCOUNT, &done);

	*mapped += done;
	return ret;
}
#else
static bool has_map_range(const struct iommu_domain *domain)
{
	return false;
}

static int map_range(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		     int prot, u64 *mapped)
{
	return -EOPNOTSUPP;
}

static size_t unmap_range(struct iommu_domain *domain, u64 iova, size_t size,
			  struct iommu_iotlb_gather *gather)
{
	return 0;
}
#endif

static size_t unmap_pages(struct iommu_domain *domain, u64 iova, size_t size,
			  struct iommu_iotlb_gather *gather)
{
	size_t pgsize, count, n, done = 0;

	if (size == PAGE_SIZE && domain->pgsize_bitmap & PAGE_SIZE)
		return domain->ops->unmap_pages(domain, iova, PAGE_SIZE, 1, gather);

	while (done < size) {
		pgsize = pick_pgsize(domain, iova + done, iova + done, size - done, &count);
		if (!pgsize)
			break;
		n = domain->ops->unmap_pages(domain, iova + done, pgsize, count, gather);
		if (!n)
			break;
		done += n;
	}
	return done;
}

/* ioasid_direct_can() - is there an operation we know, and are we to use it */
bool ioasid_direct_can(const struct iommu_domain *domain)
{
	if (READ_ONCE(use_iommu_map) || COMPAT_IOMMU_DEBUG_MAPS)
		return false;
	return has_map_range(domain) || (domain->ops->map_pages && domain->ops->unmap_pages);
}

/**
 * ioasid_direct_map() - write one run
 * @domain: ioasid_direct_can() said yes
 * @iova: first address
 * @phys: where it leads
 * @size: bytes
 * @prot: IOMMU_READ and so on
 * @mapped: grows by what was written, also on failure
 *
 * The device may not see the entries before ioasid_direct_sync().
 */
int ioasid_direct_map(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		      int prot, u64 *mapped)
{
	int ret = has_map_range(domain) ? map_range(domain, iova, phys, size, prot, mapped) :
					  map_pages(domain, iova, phys, size, prot, mapped);

	if (!ret)
		trace_map(iova, phys, size);
	return ret;
}

/**
 * ioasid_direct_unmap() - clear entries; the IOTLB may hold them until @gather is synced
 * @domain: ioasid_direct_can() said yes
 * @iova: first address
 * @size: bytes
 * @gather: initialised by the caller, who syncs it
 *
 * Return: how many bytes from @iova on are clear, more than @size where a larger
 * page ended there.
 */
size_t ioasid_direct_unmap(struct iommu_domain *domain, u64 iova, size_t size,
			   struct iommu_iotlb_gather *gather)
{
	size_t done = has_map_range(domain) ? unmap_range(domain, iova, size, gather) :
					      unmap_pages(domain, iova, size, gather);

	/*
	 * Not every driver gathers, but each flushes: newer kernels leave a sync of
	 * nothing out, and their iommu_unmap() sees to it that it is something.
	 */
	if (done && gather->start >= gather->end)
		iommu_iotlb_gather_add_range(gather, iova, done);
	trace_unmap(iova, size, done);
	return done;
}

/* ioasid_direct_sync() - make written entries visible, where the IOMMU needs that */
int ioasid_direct_sync(struct iommu_domain *domain, u64 iova, size_t size)
{
	return domain->ops->iotlb_sync_map ? domain->ops->iotlb_sync_map(domain, iova, size) : 0;
}
