// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clear areas from the page tables of domains, and from their IOTLBs.
 *
 * What can run at the same time: maps and unmaps of other areas on the same page tables
 * (IOMMU drivers allow that, ranges are disjoint), never an attach, detach or
 * replay: the caller holds domains_rwsem, for read or write. The area itself
 * is DYING or BUILDING in the caller's hands, or LIVE under the write lock.
 *
 * Nothing here unpins. A page may be unpinned only after ioasid_domain_clear()
 * returned for every domain without marking its area stuck.
 */
#include <linux/iommu.h>
#include <linux/moduleparam.h>

#include <trace/events/iommu.h>
#include <trace/events/ioasid.h>

#include "lib/clock.h"
#include "lib/who.h"
#include "domain.h"
#include "pt_ops.h"

bool ioasid_use_iommu_map;
module_param_named(iommu_map, ioasid_use_iommu_map, bool, 0644);
MODULE_PARM_DESC(iommu_map, "Write page tables with iommu_map() instead of the domain's own operation (default N)");

/*
 * About how much one call of the IOMMU driver clears, so that other tasks can run. The
 * end must not lie inside an entry of a page table, since drivers cannot clear a part of
 * an entry. It does not: an entry lies at a multiple of its size, so it crosses no
 * multiple of a larger size.
 */
#define CLEAR_SHIFT	30
#define CLEAR_STEP	BIT_ULL(CLEAR_SHIFT)
/* No entry is larger than an extent. */
#define ENTRY_SHIFT_MAX	(PAGE_SHIFT + const_ilog2(IOASID_EXTENT_PAGES_MAX))

/* Queries of pages, or cleared areas, between two looks at the scheduler. */
#define ASKS_PER_BREAK	1024
#define AREAS_PER_BREAK	64

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
 * Clear entries; the IOTLB may hold them until @gather is synced. Return: how many bytes
 * from @iova on are clear; more than @size where a larger page ended there.
 */
static size_t pt_unmap(struct iommu_domain *domain, u64 iova, size_t size,
		       struct iommu_iotlb_gather *gather)
{
	size_t done = ioasid_has_range_ops(domain) ? unmap_range(domain, iova, size, gather) :
						     unmap_pages(domain, iova, size, gather);

	trace_unmap(iova, size, done);
	return done;
}

/* Can one entry cross @at, a multiple of the step? */
static bool entry_crosses(struct iommu_domain *domain, u64 at)
{
	u64 larger = domain->pgsize_bitmap & GENMASK_ULL(ENTRY_SHIFT_MAX, CLEAR_SHIFT + 1);

	if (likely(!larger || !(at & (BIT_ULL(__fls(larger)) - 1))))
		return false;
	return iommu_iova_to_phys(domain, at - PAGE_SIZE) + PAGE_SIZE ==
	       iommu_iova_to_phys(domain, at);
}

/* How much of @left bytes from @iova on the next call clears. */
static u64 clear_step(struct iommu_domain *domain, u64 iova, u64 left)
{
	u64 step = left;

	if (left > CLEAR_STEP) {
		step = CLEAR_STEP - (iova & (CLEAR_STEP - 1));
		while (step < left && entry_crosses(domain, iova + step))
			step += CLEAR_STEP;
	}
	return min(step, left);
}

/* One call of the driver, and what some drivers leave to their caller. */
static size_t clear_once(struct iommu_domain *domain, u64 iova, u64 size, bool direct,
			 struct iommu_iotlb_gather *gather)
{
	size_t n = direct ? pt_unmap(domain, iova, size, gather) :
			    iommu_unmap_fast(domain, iova, size, gather);

	/*
	 * Some drivers do not fill in @gather, and newer kernels skip the
	 * sync of an empty one: set the range here.
	 */
	if (n && gather->start >= gather->end)
		iommu_iotlb_gather_add_range(gather, iova, n);
	return n;
}

/* What is left after the first @done bytes, step by step. */
static noinline u64 clear_steps(struct iommu_domain *domain, u64 iova, u64 size, u64 done,
				bool direct, struct iommu_iotlb_gather *gather)
{
	size_t n;

	while (done < size) {
		u64 step = clear_step(domain, iova + done, size - done);

		n = clear_once(domain, iova + done, step, direct, gather);
		if (!n)
			break;
		done += n;
		if (done < size)
			cond_resched();
	}
	return min(done, size);
}

/*
 * Clear [iova, iova + size), all of which has entries, without a flush. Return: how much
 * from @iova on is clear.
 *
 * The driver may clear more than a step, where one entry covers more. Entries do not
 * cross the border of an area, so it never clears more than the areas.
 */
static u64 clear_range(struct iommu_domain *domain, u64 iova, u64 size,
		       struct iommu_iotlb_gather *gather)
{
	bool direct = ioasid_pt_can_write(domain);
	u64 done = 0;

	if (likely(size - 1 < CLEAR_STEP)) {
		done = clear_once(domain, iova, size, direct, gather);
		if (likely(done >= size || !done))
			return min(done, size);
	}
	return clear_steps(domain, iova, size, done, direct, gather);
}

/*
 * The state of [iova, iova + bytes), which has entries and which the driver did not
 * clear: STUCK_LOST if the driver reports no entry, since it cannot be asked again.
 */
static noinline enum ioasid_stuck stuck_how(struct iommu_domain *domain, u64 iova, u64 bytes)
{
	u64 at;

	for (at = 0; at < bytes; at += PAGE_SIZE) {
		if (!iommu_iova_to_phys(domain, iova + at))
			return IOASID_STUCK_LOST;
		if (PHYS_PFN(at) % ASKS_PER_BREAK == 0)
			cond_resched();
	}
	return IOASID_STUCK_HELD;
}

/* ioasid_area_stuck_at() - mark @area as stuck: [@from, @last] was not cleared */
void ioasid_area_stuck_at(struct iommu_domain *domain, struct ioasid_area *area, u64 from,
			  u64 last)
{
	enum ioasid_stuck how;

	from = max(from, ioasid_area_start(area));
	last = min(last, ioasid_area_last(area));
	how = stuck_how(domain, from, last - from + 1);
	if (how > area->stuck)
		area->stuck = how;
}

/* Mark the areas that were not cleared; the list is in IOVA order. */
static void mark_stuck(struct iommu_domain *domain, struct ioasid_area *area,
		       struct ioasid_area *end, u64 from)
{
	unsigned int n = 0;

	for (; area != end; area = area->link) {
		ioasid_area_break(&n);
		if (ioasid_area_last(area) >= from)
			ioasid_area_stuck_at(domain, area, from, U64_MAX);
	}
}

/* How many of @bytes from @iova on does the IOMMU translate to @phys? */
static u64 clear_answers(struct iommu_domain *domain, u64 iova, phys_addr_t phys, u64 bytes)
{
	u64 at = 0;

	while (at < bytes && iommu_iova_to_phys(domain, iova + at) == phys + at) {
		at += PAGE_SIZE;
		if (PHYS_PFN(at) % ASKS_PER_BREAK == 0)
			cond_resched();
	}
	return at;
}

/*
 * ioasid_clear_found() - clear the entries that the IOMMU reports, and nothing else
 *
 * In [iova, iova + bytes); the area is marked stuck if some stays. Where there is no
 * entry, drivers skip to the end of the largest possible entry, or warn. The caller
 * flushes, and keeps other tasks from these entries.
 */
void ioasid_clear_found(struct iommu_domain *domain, struct ioasid_area *area, u64 iova,
			phys_addr_t phys, u64 bytes, struct iommu_iotlb_gather *gather)
{
	u64 at = 0, n, done;

	while (at < bytes) {
		n = clear_answers(domain, iova + at, phys + at, bytes - at);
		if (n) {
			done = clear_range(domain, iova + at, n, gather);
			if (done < n)
				ioasid_area_stuck_at(domain, area, iova + at + done, iova + at + n - 1);
		}
		at += n ?: PAGE_SIZE;
		if (PHYS_PFN(at) % ASKS_PER_BREAK == 0)
			cond_resched();
	}
}

/* ioasid_clear_torn() - clear an area of which some entries exist and some do not */
noinline void ioasid_clear_torn(struct iommu_domain *domain, struct ioasid_area *area,
				struct iommu_iotlb_gather *gather)
{
	unsigned long skip = ioasid_area_first_page(area), left = ioasid_area_npages(area);
	u64 iova = ioasid_area_start(area);
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;

	ioasid_for_each_extent(&it, &ioasid_area_pages(area)->ext, &extent) {
		if (!left)
			break;
		if (!ioasid_extent_clip(&extent, &skip, left))
			continue;
		if (extent.kind != IOASID_EXTENT_HOLE)
			ioasid_clear_found(domain, area, iova, PFN_PHYS(extent.pfn),
					   PFN_PHYS(extent.npages), gather);
		iova += PFN_PHYS(extent.npages);
		left -= extent.npages;
	}
	if (area->lost)
		area->stuck = IOASID_STUCK_LOST;
}

/* Clear [iova, iova + bytes) of @area, all of which has entries, or mark it as stuck. */
static void clear_stretch(struct iommu_domain *domain, struct ioasid_area *area, u64 iova,
			  u64 bytes, struct iommu_iotlb_gather *gather)
{
	u64 done = clear_range(domain, iova, bytes, gather);

	if (done < bytes)
		ioasid_area_stuck_at(domain, area, iova + done, iova + bytes - 1);
}

/*
 * Clear the first @bytes of an area with holes, stretch by stretch between these: where there
 * is no entry, drivers skip to the end of the largest possible entry, or warn.
 */
static noinline void clear_sparse(struct iommu_domain *domain, struct ioasid_area *area, u64 bytes,
				  struct iommu_iotlb_gather *gather)
{
	unsigned long skip = ioasid_area_first_page(area), left = PHYS_PFN(bytes);
	u64 iova = ioasid_area_start(area), from = iova;
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;
	unsigned int n = 0;

	ioasid_for_each_extent(&it, &ioasid_area_pages(area)->ext, &extent) {
		if (!left)
			break;
		if (++n % ASKS_PER_BREAK == 0)
			cond_resched();
		if (!ioasid_extent_clip(&extent, &skip, left))
			continue;
		if (extent.kind == IOASID_EXTENT_HOLE) {
			clear_stretch(domain, area, from, iova - from, gather);
			from = iova + PFN_PHYS(extent.npages);
		}
		iova += PFN_PHYS(extent.npages);
		left -= extent.npages;
	}
	clear_stretch(domain, area, from, iova - from, gather);
}

/**
 * ioasid_domain_undo() - clear what was written of an area before the failure
 * @d: domain
 * @area: some domain keeps some of it if area->stuck is set afterwards
 * @done: bytes from the start that the driver has reported, and holes before and between them
 * @doubt: what it may have written without a report
 */
noinline void ioasid_domain_undo(struct ioasid_domain *d, struct ioasid_area *area, u64 done,
				 const struct ioasid_doubt *doubt)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	if (unlikely(ioasid_area_pages(area)->sparse))
		clear_sparse(d->domain, area, done, &gather);
	else
		clear_stretch(d->domain, area, ioasid_area_start(area), done, &gather);
	ioasid_clear_found(d->domain, area, doubt->iova, doubt->phys, doubt->bytes, &gather);
	iommu_iotlb_sync(d->domain, &gather);
}

/*
 * ioasid_clear_range() - clear_range() for revoke.c; here it is compiled into its callers
 *
 * Flushing is the caller's. Return: how much of it is clear. The caller keeps other
 * tasks from these entries.
 */
noinline u64 ioasid_clear_range(struct iommu_domain *domain, u64 iova, u64 size,
				struct iommu_iotlb_gather *gather)
{
	return clear_range(domain, iova, size, gather);
}

/* Flush: after this no device can reach what was cleared. */
static noinline void clear_sync_traced(struct ioasid_domain *d, struct iommu_iotlb_gather *gather,
				       u64 mappings, u64 bytes)
{
	u64 t = ioasid_clock(true), ns = 0;
	struct ioasid_who who;

	iommu_iotlb_sync(d->domain, gather);
	ioasid_lap(true, &t, &ns);
	ioasid_who_current(&who, d->space);
	trace_ioasid_sync(&who, mappings, bytes, ns);
}

static void clear_sync(struct ioasid_domain *d, struct iommu_iotlb_gather *gather,
		       u64 mappings, u64 bytes, struct ioasid_unmap_result *res)
{
	if (unlikely(res))
		res->syncs++;
	if (trace_ioasid_sync_enabled())
		clear_sync_traced(d, gather, mappings, bytes);
	else
		iommu_iotlb_sync(d->domain, gather);
}

/* Is all of it there, and can it be cleared with its neighbours? */
static bool area_is_plain(const struct ioasid_area *area)
{
	const struct ioasid_pages *pages = ioasid_area_pages(area);

	return pages->pinned && !area->torn && likely(!pages->bare && !pages->sparse);
}

/* The end of a stretch of neighbours from @area on, at most @max of them; 0: any number. */
static struct ioasid_area *stretch_end(struct ioasid_area *area, u32 max,
				       struct ioasid_sync_args *sync, u64 *last)
{
	struct ioasid_area *end = area->link;
	unsigned int n = 0;

	*last = ioasid_area_last(area);
	sync->mappings++;
	while (area_is_plain(area) && end && area_is_plain(end) &&
	       ioasid_area_start(end) == *last + 1 && (!max || sync->mappings < max)) {
		*last = ioasid_area_last(end);
		end = end->link;
		sync->mappings++;
		ioasid_area_break(&n);
	}
	sync->bytes += *last - ioasid_area_start(area) + 1;
	return end;
}

/*
 * Prepare @gather for many areas: without this drivers flush at each gap, instead of
 * once at the end.
 */
static void gather_many(struct iommu_iotlb_gather *gather)
{
	iommu_iotlb_gather_init(gather);
	gather->queued = COMPAT_FLUSH_ANY_SIZE;
}

/* Flush the range from @start to @last at once, including the gaps. */
static void gather_whole(struct iommu_iotlb_gather *gather, u64 start, u64 last)
{
	if (!COMPAT_FLUSH_ANY_SIZE)
		return;
	gather->queued = false;
	gather->start = start;
	gather->end = last;
}

/* Most unmaps are of one area. */
static __flatten bool clear_one(struct ioasid_domain *d, struct ioasid_area *area,
				struct ioasid_unmap_result *res, bool timing)
{
	const struct ioasid_pages *pages = ioasid_area_pages(area);
	u64 bytes = ioasid_area_bytes(area), t = ioasid_clock(timing), done;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	if (unlikely(pages->bare)) {
		ioasid_revocable_clear(d, area);
	} else if (unlikely(area->torn && pages->pinned)) {
		ioasid_clear_torn(d->domain, area, &gather);
	} else if (unlikely(pages->sparse && pages->pinned)) {
		gather_many(&gather);
		clear_sparse(d->domain, area, bytes, &gather);
		gather_whole(&gather, ioasid_area_start(area), ioasid_area_last(area));
	} else if (pages->pinned) {
		done = clear_range(d->domain, ioasid_area_start(area), bytes, &gather);
		if (unlikely(done < bytes))
			ioasid_area_stuck_at(d->domain, area, ioasid_area_start(area) + done, U64_MAX);
	}
	ioasid_lap(timing, &t, &res->ns_iommu);
	clear_sync(d, &gather, 1, bytes, res);
	ioasid_lap(timing, &t, &res->ns_sync);
	return !area->stuck;
}

static noinline bool clear_many(struct ioasid_domain *d, struct ioasid_areas *areas, u32 per_sync,
				struct ioasid_unmap_result *res, bool timing)
{
	struct iommu_iotlb_gather gather;
	struct ioasid_sync_args sync = {};
	struct ioasid_area *area, *end;
	u64 t = ioasid_clock(timing);
	unsigned int n = 0;
	bool all = true;
	u64 first;

	gather_many(&gather);
	area = areas->first;
	first = ioasid_area_start(area);
	while (area) {
		const struct ioasid_pages *pages = ioasid_area_pages(area);
		u64 start = ioasid_area_start(area), last, done;

		end = stretch_end(area, per_sync, &sync, &last);
		if (unlikely(pages->bare)) {
			ioasid_revocable_clear(d, area);
			all &= !area->stuck;
		} else if (unlikely(area->torn && pages->pinned)) {
			ioasid_clear_torn(d->domain, area, &gather);
			all &= !area->stuck;
		} else if (unlikely(pages->sparse && pages->pinned)) {
			clear_sparse(d->domain, area, ioasid_area_bytes(area), &gather);
			all &= !area->stuck;
		} else if (pages->pinned) {
			done = clear_range(d->domain, start, last - start + 1, &gather);
			if (done < last - start + 1) {
				mark_stuck(d->domain, area, end, start + done);
				all = false;
			}
		}
		area = end;
		if (++n % AREAS_PER_BREAK == 0)
			cond_resched();
		if (area && (!per_sync || sync.mappings < per_sync))
			continue;
		ioasid_lap(timing, &t, &res->ns_iommu);
		gather_whole(&gather, first, last);
		clear_sync(d, &gather, sync.mappings, sync.bytes, res);
		ioasid_lap(timing, &t, &res->ns_sync);
		gather_many(&gather);
		first = area ? ioasid_area_start(area) : 0;
		memset(&sync, 0, sizeof(sync));
	}
	return all;
}

/**
 * ioasid_domain_clear() - remove areas from one domain and flush its IOTLB
 * @d: domain
 * @areas: linked by area->link, in IOVA order; neighbours are cleared together
 * @per_sync: areas between two flushes, 0 for one flush after all
 * @res: gets counts; NULL: none reports them
 * @timing: and times; never without @res
 *
 * Return: true when all areas are cleared. Otherwise areas that the device might
 * still reach are marked stuck.
 */
bool ioasid_domain_clear(struct ioasid_domain *d, struct ioasid_areas *areas, u32 per_sync,
			 struct ioasid_unmap_result *res, bool timing)
{
	if (ioasid_areas_single(areas))
		return clear_one(d, areas->first, res, timing);
	return clear_many(d, areas, per_sync, res, timing);
}
