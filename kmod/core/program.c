// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programming: areas into the page tables of domains, and out of them.
 *
 * Who else can run: maps and unmaps of other areas on the same page tables
 * (IOMMU drivers allow that, ranges are disjoint), never an attach, detach or
 * replay: the caller holds domains_rwsem, for read or write. The area itself
 * is BUILDING or DYING in the caller's hands, or LIVE under the write lock.
 *
 * Nothing here unpins. A page may be unpinned only after ioasid_domain_clear()
 * returned for every domain without marking its area stuck.
 */
#include <linux/iommu.h>
#include <linux/moduleparam.h>

#include <trace/events/ioasid.h>

#include "clock.h"
#include "direct.h"
#include "pages.h"
#include "signal.h"
#include "space.h"
#include "who.h"

static bool disable_hugepages;
module_param(disable_hugepages, bool, 0644);
MODULE_PARM_DESC(disable_hugepages, "Map every page on its own, without IOMMU superpages (default N)");

/* Runs between two looks at the scheduler and at fatal signals. */
#define RUNS_PER_BREAK	512
/* What one call of the IOMMU driver clears before others may run. */
#define CLEAR_STEP	(1ULL << 30)

/*
 * Clear [iova, iova + size). The driver may clear more than a step when a
 * superpage crosses it, never more than the areas, which superpages do not cross.
 */
static u64 clear_range(struct iommu_domain *domain, u64 iova, u64 size,
		       struct iommu_iotlb_gather *gather)
{
	bool direct = ioasid_direct_can(domain);
	u64 done = 0;
	size_t n;

	while (done < size) {
		u64 step = min(size - done, CLEAR_STEP);

		n = direct ? ioasid_direct_unmap(domain, iova + done, step, gather) :
			     iommu_unmap_fast(domain, iova + done, step, gather);
		if (!n)
			break;
		done += n;
		if (done < size)
			cond_resched();
	}
	return min(done, size);
}

/* One run, as one piece or page by page; @done counts bytes of the area. */
static int program_run(struct iommu_domain *domain, struct ioasid_area *area,
		       const struct ioasid_run *run, bool direct, u64 *done)
{
	unsigned long step = READ_ONCE(disable_hugepages) || area->small ? 1 : run->npages;
	u64 iova = ioasid_area_start(area);
	int prot = area->prot | IOMMU_CACHE;
	unsigned long i;
	int ret = 0;

	for (i = 0; i < run->npages && !ret; i += step) {
		phys_addr_t phys = PFN_PHYS(run->pfn + i);
		size_t size = step << PAGE_SHIFT;

		if (direct) {
			ret = ioasid_direct_map(domain, iova + *done, phys, size, prot, done);
		} else {
			ret = iommu_map(domain, iova + *done, phys, size, prot,
					GFP_KERNEL_ACCOUNT);
			*done += ret ? 0 : size;
		}
	}
	return ret;
}

/* Make entries visible; @res is NULL when nobody wants the time. */
static int program_sync(struct iommu_domain *domain, u64 start, u64 done,
			struct ioasid_map_result *res)
{
	u64 t = ioasid_clock(res);
	int ret = ioasid_direct_sync(domain, start, done);

	if (res)
		ioasid_lap(true, &t, &res->ns_sync);
	return ret;
}

/* Cut from @run what the area does not show; false if that is all of it. */
static bool clip_run(struct ioasid_run *run, unsigned long *skip, unsigned long left)
{
	if (*skip >= run->npages) {
		*skip -= run->npages;
		return false;
	}
	run->pfn += *skip;
	run->npages = min(run->npages - *skip, left);
	*skip = 0;
	return true;
}

/* Say how far a large mapping got, if it passed a milestone since that was @told. */
static void program_tell(struct ioasid_area *area, u64 done, u64 *told)
{
	u64 pages = done >> PAGE_SHIFT;

	if (!ioasid_milestone(pages, pages - *told))
		return;
	*told = pages;
	trace_ioasid_progress(&area->pages->who, ioasid_area_start(area), IOASID_STEP_PROGRAM,
			      pages, ioasid_area_npages(area));
}

static int program_runs(struct iommu_domain *domain, struct ioasid_area *area, bool sync,
			u64 *done, struct ioasid_map_result *res)
{
	u64 start = ioasid_area_start(area);
	unsigned long skip = area->first, left = ioasid_area_npages(area);
	bool direct = ioasid_direct_can(domain);
	struct ioasid_extents_iter it;
	struct ioasid_run run;
	unsigned int n = 0;
	u64 told = 0;
	int ret;

	ioasid_for_each_run(&it, &area->pages->ext, &run) {
		if (!clip_run(&run, &skip, left))
			continue;
		if (trace_ioasid_run_enabled())
			trace_ioasid_run(&area->pages->who, start + *done, run.npages,
					 __ffs(run.pfn | (start + *done) >> PAGE_SHIFT | BIT(63)));
		ret = program_run(domain, area, &run, direct, done);
		if (ret)
			return ret;
		left -= run.npages;
		if (!left)
			break;
		if (++n % RUNS_PER_BREAK == 0) {
			cond_resched();
			ret = ioasid_interrupted();
			if (ret)
				return ret;
			program_tell(area, *done, &told);
		}
	}
	program_tell(area, *done, &told);
	return direct && sync ? program_sync(domain, start, *done, res) : 0;
}

/* Take back the first @done bytes of an area that failed half way. */
static noinline void program_undo(struct ioasid_domain *d, struct ioasid_area *area, u64 done)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	if (clear_range(d->domain, ioasid_area_start(area), done, &gather) < done)
		area->stuck = true;
	iommu_iotlb_sync(d->domain, &gather);
}

/**
 * ioasid_domain_program() - write an area into one domain
 * @d: domain
 * @area: its pages are pinned
 * @sync: else ioasid_space_sync_map() is called later
 * @res: where the time for a flush goes, or NULL
 *
 * Return: 0, or -errno with nothing of @area left in @d (else @area->stuck).
 */
int ioasid_domain_program(struct ioasid_domain *d, struct ioasid_area *area, bool sync,
			  struct ioasid_map_result *res)
{
	u64 done = 0;
	int ret;

	ret = program_runs(d->domain, area, sync, &done, res);
	if (unlikely(ret && done))
		program_undo(d, area, done);
	return ret;
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
static bool clear_one(struct ioasid_domain *d, struct ioasid_area *area,
		      struct ioasid_unmap_result *res, bool timing)
{
	u64 bytes = ioasid_area_bytes(area), t = ioasid_clock(timing);
	struct ioasid_sync_args sync = { .mappings = 1, .bytes = bytes };
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	if (area->pages->pinned)
		area->stuck |= clear_range(d->domain, ioasid_area_start(area), bytes,
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
			done = clear_range(d->domain, start, last - start + 1, &gather);
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

/* Clear @area alone from @from and all domains before it in the list. */
static void unprogram_back(struct ioasid_space *space, struct ioasid_area *area,
			   struct ioasid_domain *from)
{
	struct ioasid_unmap_result unused = {};
	LIST_HEAD(one);

	list_add(&area->link, &one);
	list_for_each_entry_from_reverse(from, &space->domains, link)
		ioasid_domain_clear(from, &one, 0, &unused, false);
	list_del_init(&area->link);
}

/**
 * ioasid_space_program() - write an area into every domain
 * @space: domains_rwsem is held
 * @area: its pages are pinned, if there is any domain
 * @sync: else ioasid_space_sync_map() is called later
 * @res: where the time for flushes goes, or NULL
 *
 * Return: 0, or -errno with nothing of @area left anywhere (else @area->stuck).
 */
int ioasid_space_program(struct ioasid_space *space, struct ioasid_area *area, bool sync,
			 struct ioasid_map_result *res)
{
	struct ioasid_domain *d;
	int ret;

	list_for_each_entry(d, &space->domains, link) {
		ret = ioasid_domain_program(d, area, sync, res);
		if (ret) {
			unprogram_back(space, area, list_prev_entry(d, link));
			return ret;
		}
	}
	return 0;
}

/**
 * ioasid_space_unprogram() - undo ioasid_space_program()
 * @space: domains_rwsem is held
 * @area: BUILDING
 */
void ioasid_space_unprogram(struct ioasid_space *space, struct ioasid_area *area)
{
	if (area->pages->pinned)
		unprogram_back(space, area, list_last_entry(&space->domains, struct ioasid_domain,
							    link));
}

/**
 * ioasid_space_sync_map() - make what was written without sync visible
 * @space: domains_rwsem is held since then
 * @start: first address
 * @last: last address; other mappings may lie between
 *
 * Return: 0 or what the IOMMU driver says.
 */
int ioasid_space_sync_map(struct ioasid_space *space, u64 start, u64 last)
{
	struct ioasid_domain *d;
	int ret = 0;

	list_for_each_entry(d, &space->domains, link)
		if (!ret)
			ret = ioasid_direct_sync(d->domain, start, last - start + 1);
	return ret;
}
