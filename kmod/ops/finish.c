// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of areas that were claimed, for unmaps and teardowns: unpin and uncharge their pages,
 * then free their ranges and memory. No domain has entries of them any more, and the IOTLBs
 * were flushed; what a domain kept is marked as stuck, and its pages are leaked.
 *
 * What can run at the same time: maps of the same range, which get -EEXIST until it is free;
 * unmaps, which wait until then. The areas are DYING, so no other task touches them.
 */
#include <linux/sched.h>

#include "lib/clock.h"
#include "ops.h"

/* Unpinned areas and pages between two looks at the scheduler. */
#define UNPINS_PER_BREAK	1024

/* The next area that ends, of which there is none if it is the @sole one. */
static __always_inline struct ioasid_area *finish_next(const struct ioasid_area *area, bool sole)
{
	return sole ? NULL : area->link;
}

/* Runs that are unpinned with this area: none of pages that others show as well. */
static unsigned long finish_runs(const struct ioasid_area *area)
{
	const struct ioasid_pages *pages = ioasid_area_pages(area);

	return pages->pinned && atomic_read(&pages->nr_areas) == 1 ? ioasid_pages_runs(pages) : 0;
}

/* Unpin. Many areas give the charges of an owner back at once. */
static __always_inline void finish_pages(struct ioasid_areas *victims, bool sole,
					 struct ioasid_unmap_result *res)
{
	struct ioasid_area *area = victims->first;
	struct ioasid_refund refund = {};
	unsigned long pages, since = 0;

	for (; area; area = finish_next(area, sole)) {
		if (unlikely(res))
			res->runs += finish_runs(area);
		pages = ioasid_pages_put_area(ioasid_area_pages(area), area->stuck,
					      sole ? NULL : &refund);
		if (unlikely(res))
			res->pages += pages;
		since += 1 + pages;
		if (since > UNPINS_PER_BREAK) {
			cond_resched();
			since = 0;
		}
	}
	if (!sole)
		ioasid_refund_flush(&refund);
}

/* The range of an area is free from here on. */
static void finish_range(struct ioasid_space *space, struct ioasid_area *area)
{
	lockdep_assert_held(&space->areas_lock);
	ioasid_area_remove(space, area);
	space->maps--;
	space->no_vaddr -= area->no_vaddr;
	space->bytes -= ioasid_area_bytes(area);
}

/* Free all ranges, and the areas. Return: how many bytes were mapped there. */
static __always_inline u64 finish_ranges(struct ioasid_space *space, struct ioasid_areas *victims,
					 bool sole, struct ioasid_unmap_result *res)
{
	struct ioasid_area *area = victims->first;
	unsigned long n = 0;
	u64 bytes = 0;
	bool kept;

	mutex_lock(&space->areas_lock);
	for (; area; area = finish_next(area, sole)) {
		bytes += ioasid_area_bytes(area);
		finish_range(space, area);
		if (++n % IOASID_AREAS_PER_HOLD == 0) {
			mutex_unlock(&space->areas_lock);
			cond_resched();
			mutex_lock(&space->areas_lock);
		}
	}
	if (unlikely(space->heir))
		ioasid_space_settle(space);
	ioasid_space_changed(space);
	kept = sole && ioasid_area_keep_spare(space, victims->first);
	mutex_unlock(&space->areas_lock);
	if (kept)
		ioasid_areas_init(victims);
	else
		ioasid_area_free_many(victims);
	if (unlikely(res)) {
		res->mappings += n;
		res->bytes += bytes;
	}
	return bytes;
}

static __always_inline u64 areas_finish(struct ioasid_space *space, struct ioasid_areas *victims,
					bool sole, struct ioasid_unmap_result *res, bool timing)
{
	u64 t = ioasid_clock(timing), bytes;

	finish_pages(victims, sole, res);
	bytes = finish_ranges(space, victims, sole, res);
	if (unlikely(timing))
		ioasid_lap(true, &t, &res->ns_unpin);
	return bytes;
}

static noinline __flatten u64 areas_finish_many(struct ioasid_space *space,
						struct ioasid_areas *victims,
						struct ioasid_unmap_result *res, bool timing)
{
	/* All of them may have stayed, because no domain was cleared. */
	if (!victims->first)
		return 0;
	return areas_finish(space, victims, false, res, timing);
}

/**
 * ioasid_areas_finish() - unpin, then free the ranges
 * @space: no lock is held
 * @victims: areas that the caller claimed, by area->link; there may be none; empty on return
 * @res: gets counts; NULL: none reports them
 * @timing: and the time; never without @res
 *
 * Most unmaps are of one area, so its way is compiled by itself, without loops and a refund.
 *
 * Return: how many bytes were mapped there.
 */
u64 ioasid_areas_finish(struct ioasid_space *space, struct ioasid_areas *victims,
			struct ioasid_unmap_result *res, bool timing)
{
	lockdep_assert_not_held(&space->areas_lock);
	lockdep_assert_not_held(&space->domains_rwsem);
	if (likely(ioasid_areas_single(victims)))
		return areas_finish(space, victims, true, res, timing);
	return areas_finish_many(space, victims, res, timing);
}
