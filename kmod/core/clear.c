// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clearing: areas out of the page tables of domains, and out of their IOTLBs.
 *
 * Who else can run: maps and unmaps of other areas on the same page tables
 * (IOMMU drivers allow that, ranges are disjoint), never an attach, detach or
 * replay: the caller holds domains_rwsem, for read or write. The area itself
 * is DYING or BUILDING in the caller's hands, or LIVE under the write lock.
 *
 * Nothing here unpins. A page may be unpinned only after ioasid_domain_clear()
 * returned for every domain without marking its area stuck.
 */
#include <linux/iommu.h>

#include <trace/events/iommu.h>
#include <trace/events/ioasid.h>

#include "clock.h"
#include "direct.h"
#include "pages.h"
#include "space.h"
#include "who.h"

/* What one call of the IOMMU driver clears before others may run. */
#define CLEAR_STEP	(1ULL << 30)

#ifdef COMPAT_HAVE_GENERIC_PT
static size_t unmap_range(struct iommu_domain *domain, u64 iova, size_t size,
			  struct iommu_iotlb_gather *gather)
{
	struct pt_iommu *pt = iommupt_from_domain(domain);

	return pt->ops->unmap_range(pt, iova, size, gather);
}
#else
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
		pgsize = ioasid_pick_pgsize(domain, iova + done, iova + done, size - done, &count);
		if (!pgsize)
			break;
		n = domain->ops->unmap_pages(domain, iova + done, pgsize, count, gather);
		if (!n)
			break;
		done += n;
	}
	return done;
}

/*
 * Clear entries, which the IOTLB may hold until @gather is synced. Return: how
 * many bytes from @iova on are clear, more than @size where a larger page ended
 * there.
 */
static size_t direct_unmap(struct iommu_domain *domain, u64 iova, size_t size,
			   struct iommu_iotlb_gather *gather)
{
	size_t done = ioasid_has_range_ops(domain) ? unmap_range(domain, iova, size, gather) :
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

/*
 * ioasid_clear_range() - clear [iova, iova + size); what was there is not flushed
 *
 * The driver may clear more than a step when a superpage crosses it, never more
 * than the areas, which superpages do not cross.
 */
u64 ioasid_clear_range(struct iommu_domain *domain, u64 iova, u64 size,
		       struct iommu_iotlb_gather *gather)
{
	bool direct = ioasid_direct_can(domain);
	u64 done = 0;
	size_t n;

	while (done < size) {
		u64 step = min(size - done, CLEAR_STEP);

		n = direct ? direct_unmap(domain, iova + done, step, gather) :
			     iommu_unmap_fast(domain, iova + done, step, gather);
		if (!n)
			break;
		done += n;
		if (done < size)
			cond_resched();
	}
	return min(done, size);
}

/* Areas on the list are in IOVA order; those that did not go are marked. */
static void mark_stuck(struct ioasid_area *area, struct ioasid_area *end, struct list_head *areas,
		       u64 from)
{
	for (; &area->link != areas && area != end; area = list_next_entry(area, link))
		if (ioasid_area_last(area) >= from)
			area->stuck = true;
}

/* Flush; nothing of what was cleared can be reached after this. */
static noinline void clear_sync_traced(struct ioasid_domain *d, struct iommu_iotlb_gather *gather,
				       const struct ioasid_sync_args *sync)
{
	u64 t = ioasid_clock(true), ns = 0;
	struct ioasid_who who;

	iommu_iotlb_sync(d->domain, gather);
	ioasid_lap(true, &t, &ns);
	ioasid_who_current(&who, d->space);
	trace_ioasid_sync(&who, sync->mappings, sync->bytes, ns);
}

static void clear_sync(struct ioasid_domain *d, struct iommu_iotlb_gather *gather,
		       const struct ioasid_sync_args *sync, struct ioasid_unmap_result *res)
{
	res->syncs++;
	if (trace_ioasid_sync_enabled())
		clear_sync_traced(d, gather, sync);
	else
		iommu_iotlb_sync(d->domain, gather);
}

/* The end of a stretch of neighbours from @area on, at most @max of them; 0: any number. */
static struct ioasid_area *stretch_end(struct ioasid_area *area, struct list_head *areas,
				       u32 max, struct ioasid_sync_args *sync, u64 *last)
{
	struct ioasid_area *end = list_next_entry(area, link);

	*last = ioasid_area_last(area);
	sync->mappings++;
	while (area->pages->pinned && &end->link != areas && end->pages->pinned &&
	       ioasid_area_start(end) == *last + 1 && (!max || sync->mappings < max)) {
		*last = ioasid_area_last(end);
		end = list_next_entry(end, link);
		sync->mappings++;
	}
	sync->bytes += *last - ioasid_area_start(area) + 1;
	return end;
}

/*
 * Ready for many areas: drivers flush at each gap, unless told that somebody
 * does it later and for all.
 */
static void gather_many(struct iommu_iotlb_gather *gather)
{
	iommu_iotlb_gather_init(gather);
	gather->queued = COMPAT_FLUSH_ANY_SIZE;
}

/* One flush from @start to @last, whatever lies between. */
static void gather_whole(struct iommu_iotlb_gather *gather, u64 start, u64 last)
{
	if (!COMPAT_FLUSH_ANY_SIZE)
		return;
	gather->queued = false;
	gather->start = start;
	gather->end = last;
	gather->pgsize = PAGE_SIZE;
}

/* Most unmaps are of one area. */
static __flatten bool clear_one(struct ioasid_domain *d, struct ioasid_area *area,
				struct ioasid_unmap_result *res, bool timing)
{
	u64 bytes = ioasid_area_bytes(area), t = ioasid_clock(timing);
	struct ioasid_sync_args sync = { .mappings = 1, .bytes = bytes };
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	if (area->pages->pinned)
		area->stuck |= ioasid_clear_range(d->domain, ioasid_area_start(area), bytes,
						  &gather) < bytes;
	ioasid_lap(timing, &t, &res->ns_iommu);
	clear_sync(d, &gather, &sync, res);
	ioasid_lap(timing, &t, &res->ns_sync);
	return !area->stuck;
}

static bool clear_many(struct ioasid_domain *d, struct list_head *areas, u32 per_sync,
		       struct ioasid_unmap_result *res, bool timing)
{
	struct iommu_iotlb_gather gather;
	struct ioasid_sync_args sync = {};
	struct ioasid_area *area, *end;
	u64 t = ioasid_clock(timing);
	bool all = true;
	u64 first;

	gather_many(&gather);
	area = list_first_entry(areas, struct ioasid_area, link);
	first = ioasid_area_start(area);
	while (&area->link != areas) {
		u64 start = ioasid_area_start(area), last, done;

		end = stretch_end(area, areas, per_sync, &sync, &last);
		if (area->pages->pinned) {
			done = ioasid_clear_range(d->domain, start, last - start + 1, &gather);
			if (done < last - start + 1) {
				mark_stuck(area, end, areas, start + done);
				all = false;
			}
		}
		area = end;
		if (&area->link != areas && (!per_sync || sync.mappings < per_sync))
			continue;
		ioasid_lap(timing, &t, &res->ns_iommu);
		gather_whole(&gather, first, last);
		clear_sync(d, &gather, &sync, res);
		ioasid_lap(timing, &t, &res->ns_sync);
		gather_many(&gather);
		first = &area->link == areas ? 0 : ioasid_area_start(area);
		memset(&sync, 0, sizeof(sync));
	}
	return all;
}

/**
 * ioasid_domain_clear() - remove areas from one domain and flush its IOTLB
 * @d: domain
 * @areas: linked by area->link, in IOVA order; neighbours are cleared together
 * @per_sync: areas between two flushes, 0 for one flush after all
 * @res: where counts and times go
 * @timing: somebody wants them
 *
 * Return: true when everything went. Otherwise areas that the device might
 * still reach are marked stuck.
 */
bool ioasid_domain_clear(struct ioasid_domain *d, struct list_head *areas, u32 per_sync,
			 struct ioasid_unmap_result *res, bool timing)
{
	if (list_is_singular(areas))
		return clear_one(d, list_first_entry(areas, struct ioasid_area, link), res, timing);
	return clear_many(d, areas, per_sync, res, timing);
}
