// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas with device memory: into the page tables of domains, out of them, and out
 * of them before their time, when the device memory is revoked (pin/revoke.c).
 *
 * A reach is what one domain has of one area. It is in the list of the device
 * memory from before its first entry is written until after its last one is
 * flushed, so that a callback of the notifier finds whatever a device could reach.
 *
 * What can run at the same time: the callbacks, at any moment, for as long as the reach is in
 * the list; devmem->lock keeps them apart from writing and clearing. The area, its
 * range and its pages stay while it has a reach. All else as in map.c and unmap.c:
 * the caller holds domains_rwsem; so no domain ends while it is a reach.
 *
 * Entries are written with GFP_NOWAIT, because the callback waits for the lock. When
 * there is no memory for that, some is made with the lock released, and less is
 * written at once.
 */
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "lib/signal.h"
#include "lib/who.h"
#include "domain.h"
#include "pt_ops.h"

/* Each time half as much is written as the time before, down to a page. */
#define TRIES		40
/* Pages of a page table that one page may need. */
#define ROOM_PAGES	6

#define GFP_LOCKED	(GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN)

/**
 * struct reach - what a domain has of an area
 * @by: in the list of the device memory
 * @dm: the device memory
 * @d: the domain
 * @area: the area
 * @upto: pages of the object below this are written, without what is revoked;
 *	under the lock of the device memory
 * @torn: the IOMMU did not clear what was revoked
 * @lost: and says that it had
 */
struct reach {
	struct ioasid_reach by;
	struct ioasid_devmem *dm;
	struct ioasid_domain *d;
	struct ioasid_area *area;
	unsigned long upto;
	bool torn;
	bool lost;
};

static struct reach *reach_of(struct ioasid_reach *by)
{
	return container_of(by, struct reach, by);
}

/* Where page @index of the object is. */
static u64 reach_iova(const struct reach *r, unsigned long index)
{
	return ioasid_area_start(r->area) + PFN_PHYS(index - ioasid_area_first_page(r->area));
}

/* Pages of the piece that it has, written or not; false if there are none. */
static bool reach_clip(const struct reach *r, const struct ioasid_revoke *rv, unsigned long *from,
		       unsigned long *end)
{
	*from = max(rv->first, ioasid_area_first_page(r->area));
	*end = min3(rv->first + rv->npages, r->upto,
		    ioasid_area_first_page(r->area) + ioasid_area_npages(r->area));
	return *from < *end;
}

/* Several domains may have the same area: only the first of them reports. */
static bool reach_reports(const struct reach *r, const struct ioasid_revoke *rv)
{
	struct ioasid_reach *by;

	if (!rv->reaches)
		return false;
	list_for_each_entry(by, rv->reaches, link)
		if (reach_of(by)->area == r->area)
			return by == &r->by;
	return false;
}

static void reach_report(const struct reach *r, const struct ioasid_revoke *rv, u64 iova, u64 bytes)
{
	struct ioasid_pages *pages = ioasid_area_pages(r->area);
	struct ioasid_revoke_args args = {
		.iova = iova,
		.length = bytes,
		.vaddr = READ_ONCE(pages->vaddr) +
			 PFN_PHYS(ioasid_area_first_page(r->area)) +
			 (iova - ioasid_area_start(r->area)),
		.change = rv->change,
		.err = r->torn ? -EIO : 0,
	};

	if (rv->change != IOASID_CHANGE_BACK)
		atomic64_inc(&r->d->in->revokes);
	if (!trace_ioasid_revoke_enabled())
		return;
	ioasid_who_current(&args.who, r->d->space);
	trace_ioasid_revoke(&args);
}

/* In the callback: see struct ioasid_reach. */
static bool reach_revoke(struct ioasid_reach *by, const struct ioasid_revoke *rv)
{
	struct reach *r = reach_of(by);
	struct iommu_iotlb_gather gather;
	unsigned long from, end;
	u64 iova, bytes, done;

	if (!reach_clip(r, rv, &from, &end))
		return true;
	iova = reach_iova(r, from);
	bytes = PFN_PHYS(end - from);
	iommu_iotlb_gather_init(&gather);
	done = ioasid_clear_range(r->d->domain, iova, bytes, &gather);
	iommu_iotlb_sync(r->d->domain, &gather);
	if (done < bytes) {
		r->torn = true;
		r->lost |= !iommu_iova_to_phys(r->d->domain, iova + done);
	}
	if (reach_reports(r, rv))
		reach_report(r, rv, iova, bytes);
	return done == bytes;
}

/* From page @index of the object on; *@done grows by the pages that are written. */
static int map_frames(const struct reach *r, unsigned long index, unsigned long pfn,
		      unsigned long npages, gfp_t gfp, unsigned long *done)
{
	unsigned long step = ioasid_map_by_page(r->area) ? 1 : npages, n;
	u64 iova = reach_iova(r, index);
	int ret;

	for (n = 0; n < npages; n += step) {
		ret = iommu_map(r->d->domain, iova + PFN_PHYS(n), PFN_PHYS(pfn + n),
				PFN_PHYS(step), ioasid_area_prot(r->area) | IOMMU_CACHE, gfp);
		if (ret)
			return ret;
		*done += step;
	}
	return 0;
}

/* Pages [@from, @end) of the object, which are all device memory. */
static int map_again(const struct reach *r, unsigned long from, unsigned long end,
		     unsigned long *done)
{
	unsigned long index = 0, lo, hi;
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;
	int ret;

	ioasid_for_each_extent(&it, &ioasid_area_pages(r->area)->ext, &extent) {
		lo = max(index, from);
		hi = min(index + extent.npages, end);
		if (lo < hi) {
			ret = map_frames(r, lo, extent.pfn + lo - index, hi - lo, GFP_LOCKED, done);
			if (ret)
				return ret;
		}
		index += extent.npages;
	}
	return 0;
}

/* By the work item that found it: see struct ioasid_reach. */
static bool reach_restore(struct ioasid_reach *by, const struct ioasid_revoke *rv)
{
	struct reach *r = reach_of(by);
	struct iommu_iotlb_gather gather;
	unsigned long from, end, done = 0;
	u64 iova;

	if (r->torn)
		return false;
	if (!reach_clip(r, rv, &from, &end))
		return true;
	iova = reach_iova(r, from);
	if (!map_again(r, from, end, &done)) {
		if (reach_reports(r, rv))
			reach_report(r, rv, iova, PFN_PHYS(end - from));
		return true;
	}
	iommu_iotlb_gather_init(&gather);
	r->torn = ioasid_clear_range(r->d->domain, iova, PFN_PHYS(done), &gather) < PFN_PHYS(done) ||
		  iommu_iova_to_phys(r->d->domain, iova + PFN_PHYS(done));
	iommu_iotlb_sync(r->d->domain, &gather);
	r->dm->stuck |= r->torn;
	return false;
}

/* A driver that fails may have written entries. */
static int write_frames(struct reach *r, unsigned long pfn, unsigned long npages, gfp_t gfp)
{
	struct iommu_iotlb_gather gather;
	unsigned long done = 0;
	int ret = map_frames(r, r->upto, pfn, npages, gfp, &done);

	if (!ret)
		return 0;
	iommu_iotlb_gather_init(&gather);
	ioasid_clear_found(r->d->domain, r->area, reach_iova(r, r->upto), PFN_PHYS(pfn),
			   PFN_PHYS(npages), &gather);
	iommu_iotlb_sync(r->d->domain, &gather);
	return ret;
}

/* See to it that an allocation that may not wait succeeds. */
static int make_room(void)
{
	struct page *page[ROOM_PAGES];
	unsigned int n, i;

	for (n = 0; n < ROOM_PAGES; n++) {
		page[n] = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!page[n])
			break;
	}
	for (i = 0; i < n; i++)
		__free_page(page[i]);
	return n == ROOM_PAGES ? 0 : -ENOMEM;
}

/* Some of *@left frames from @pfn on, at most *@most, unless they are revoked. */
static int write_some(struct ioasid_devmem *dm, struct reach *r, unsigned long *pfn,
		      unsigned long *left, unsigned long *most)
{
	struct ioasid_devmem_piece *p;
	unsigned long n;
	int ret = 0;

	mutex_lock(&dm->lock);
	p = ioasid_devmem_piece(dm, r->upto);
	n = min3(*left, *most, p->first + p->npages - r->upto);
	if (!p->revoked)
		ret = write_frames(r, *pfn, n, GFP_LOCKED);
	if (!ret) {
		r->upto += n;
		*pfn += n;
		*left -= n;
	}
	mutex_unlock(&dm->lock);
	if (ret == -ENOMEM)
		*most = max(n / 2, 1UL);
	return ret;
}

static int write_device(struct ioasid_devmem *dm, struct reach *r, const struct ioasid_extent *extent)
{
	unsigned long pfn = extent->pfn, left = extent->npages, most = left;
	unsigned int tries = 0;
	int ret;

	while (left) {
		ret = write_some(dm, r, &pfn, &left, &most);
		if (ret == -ENOMEM && tries++ < TRIES)
			ret = make_room();
		if (!ret)
			ret = ioasid_interrupted();
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/* Ordinary memory that shares an area with device memory. */
static int write_memory(struct ioasid_devmem *dm, struct reach *r, const struct ioasid_extent *extent)
{
	int ret = write_frames(r, extent->pfn, extent->npages, GFP_KERNEL_ACCOUNT);

	if (ret)
		return ret;
	mutex_lock(&dm->lock);
	r->upto += extent->npages;
	mutex_unlock(&dm->lock);
	return ioasid_interrupted();
}

/* Nothing is written, as of what is revoked. */
static int write_hole(struct ioasid_devmem *dm, struct reach *r, const struct ioasid_extent *extent)
{
	mutex_lock(&dm->lock);
	r->upto += extent->npages;
	mutex_unlock(&dm->lock);
	return 0;
}

static int write_extent(struct ioasid_devmem *dm, struct reach *r, const struct ioasid_extent *extent)
{
	switch (extent->kind) {
	case IOASID_EXTENT_PFN:
		return write_device(dm, r, extent);
	case IOASID_EXTENT_HOLE:
		return write_hole(dm, r, extent);
	default:
		return write_memory(dm, r, extent);
	}
}

static int write_area(struct ioasid_devmem *dm, struct reach *r)
{
	unsigned long skip = ioasid_area_first_page(r->area), left = ioasid_area_npages(r->area);
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;
	int ret;

	ioasid_for_each_extent(&it, &ioasid_area_pages(r->area)->ext, &extent) {
		if (!left)
			break;
		if (!ioasid_extent_clip(&extent, &skip, left))
			continue;
		ret = write_extent(dm, r, &extent);
		if (ret)
			return ret;
		left -= extent.npages;
	}
	return 0;
}

/**
 * ioasid_revocable_program() - ioasid_domain_program() for an area with device memory
 * @d: domain
 * @area: its pages are pinned
 *
 * What is revoked is left out. Return: 0, or -errno with nothing of @area left in
 * @d (else @area->stuck).
 */
int ioasid_revocable_program(struct ioasid_domain *d, struct ioasid_area *area)
{
	struct ioasid_devmem *dm = ioasid_devmem_of(ioasid_area_pages(area));
	struct reach *r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!r)
		return -ENOMEM;
	r->by.revoke = reach_revoke;
	r->by.restore = reach_restore;
	r->dm = dm;
	r->d = d;
	r->area = area;
	r->upto = ioasid_area_first_page(area);
	ioasid_devmem_link(dm, &r->by);
	ret = write_area(dm, r);
	if (ret)
		ioasid_revocable_clear(d, area);
	return ret;
}

/* Clear pages [@index, @index + @n) of the object, all of which have entries. */
static void revoke_clear_pages(struct reach *r, unsigned long index, unsigned long n,
			struct iommu_iotlb_gather *gather)
{
	u64 iova = reach_iova(r, index), bytes = PFN_PHYS(n);
	u64 done = ioasid_clear_range(r->d->domain, iova, bytes, gather);

	if (done < bytes)
		ioasid_area_stuck_at(r->d->domain, r->area, iova + done, iova + bytes - 1);
}

/* What was written of an extent that begins with page @index, without what is revoked. */
static void clear_extent(struct ioasid_devmem *dm, struct reach *r, const struct ioasid_extent *extent,
		      unsigned long index, struct iommu_iotlb_gather *gather)
{
	unsigned long end = index + extent->npages, n;
	struct ioasid_devmem_piece *p;

	if (extent->kind == IOASID_EXTENT_HOLE)
		return;
	if (extent->kind != IOASID_EXTENT_PFN) {
		revoke_clear_pages(r, index, extent->npages, gather);
		return;
	}
	for (; index < end; index += n) {
		p = ioasid_devmem_piece(dm, index);
		n = min(end, p->first + p->npages) - index;
		if (!p->revoked)
			revoke_clear_pages(r, index, n, gather);
	}
}

static void clear_written(struct ioasid_devmem *dm, struct reach *r,
			  struct iommu_iotlb_gather *gather)
{
	unsigned long index = ioasid_area_first_page(r->area);
	unsigned long skip = index, left = r->upto - index;
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;

	ioasid_for_each_extent(&it, &ioasid_area_pages(r->area)->ext, &extent) {
		if (!left)
			break;
		if (!ioasid_extent_clip(&extent, &skip, left))
			continue;
		clear_extent(dm, r, &extent, index, gather);
		index += extent.npages;
		left -= extent.npages;
	}
}

static struct reach *reach_find(struct ioasid_devmem *dm, const struct ioasid_domain *d,
				const struct ioasid_area *area)
{
	struct ioasid_reach *by;

	lockdep_assert_held(&dm->lock);
	list_for_each_entry(by, &dm->reaches, link)
		if (reach_of(by)->d == d && reach_of(by)->area == area)
			return reach_of(by);
	return NULL;
}

/**
 * ioasid_revocable_clear() - ioasid_domain_clear() for an area with device memory
 * @d: domain
 * @area: marked stuck if the device might still reach some of it
 *
 * It is flushed before the lock is released: after that no callback knows of it.
 */
void ioasid_revocable_clear(struct ioasid_domain *d, struct ioasid_area *area)
{
	struct ioasid_devmem *dm = ioasid_devmem_of(ioasid_area_pages(area));
	struct iommu_iotlb_gather gather;
	struct reach *r;

	iommu_iotlb_gather_init(&gather);
	mutex_lock(&dm->lock);
	r = reach_find(dm, d, area);
	if (area->torn || (r && r->torn))
		ioasid_clear_torn(d->domain, area, &gather);
	else if (r)
		clear_written(dm, r, &gather);
	iommu_iotlb_sync(d->domain, &gather);
	if (r && r->lost)
		area->stuck = IOASID_STUCK_LOST;
	if (r)
		list_del(&r->by.link);
	if (area->stuck)
		dm->stuck = true;
	mutex_unlock(&dm->lock);
	kfree(r);
}
