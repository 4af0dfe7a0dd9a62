// SPDX-License-Identifier: GPL-2.0-only
/*
 * Teardown: all mappings of a space go at once, because its last group left,
 * the last file was closed, or it was freed.
 *
 * Who else can run: anybody with a reference. The claim is made under
 * domains_rwsem held for write, so never between an unmap's claim and its
 * clearing of page tables; areas that are DYING already are left to whom they
 * belong, BUILDING ones are told to stop. Nothing here waits for user space
 * or for a policy.
 */
#include <linux/mm.h>

#include <trace/events/ioasid.h>

#include "pages.h"
#include "space.h"
#include "who.h"

static bool any_users(struct ioasid_space *space)
{
	struct ioasid_area *area = ioasid_area_first(space, 0, U64_MAX);

	while (area && !area->users)
		area = ioasid_area_next(area, 0, U64_MAX);
	return area;
}

/*
 * Take areas_lock at a moment when the CPU neither reads nor writes: a copy
 * holds its area, and ends without any lock that the caller may have.
 */
static void lock_without_users(struct ioasid_space *space)
{
	u64 seen;

	mutex_lock(&space->areas_lock);
	while (any_users(space)) {
		seen = space->changes;
		mutex_unlock(&space->areas_lock);
		wait_event(space->change_wait, READ_ONCE(space->changes) != seen);
		mutex_lock(&space->areas_lock);
	}
}

/*
 * ioasid_space_claim_all() - teardown, first half: no device reaches anything any more
 *
 * domains_rwsem is held for write; @victims is what ioasid_space_finish_all()
 * is to free once that is released. Maps in flight are told to stop; they are
 * in no domain yet. Unmaps in flight have cleared theirs.
 */
void ioasid_space_claim_all(struct ioasid_space *space, struct list_head *victims)
{
	struct ioasid_unmap_result unused = {};
	struct ioasid_domain *d;
	struct ioasid_area *area;

	lock_without_users(space);
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(area, 0, U64_MAX)) {
		if (area->state == IOASID_AREA_BUILDING)
			WRITE_ONCE(area->stop, true);
		if (area->state != IOASID_AREA_LIVE)
			continue;
		area->state = IOASID_AREA_DYING;
		list_add_tail(&area->link, victims);
	}
	mutex_unlock(&space->areas_lock);

	if (!list_empty(victims))
		list_for_each_entry(d, &space->domains, link)
			ioasid_domain_clear(d, victims, 0, &unused, false);
}

/* ioasid_space_finish_all() - teardown, second half; no lock is held */
void ioasid_space_finish_all(struct ioasid_space *space, struct list_head *victims)
{
	struct ioasid_unmap_args args = { .flags = IOASID_UNMAP_ALL | IOASID_UNMAP_TEARDOWN };
	bool timing = trace_ioasid_unmap_done_enabled() ||
		      ioasid_policy_times(IOASID_OP_UNMAP_DONE);
	struct ioasid_policy_mark mark;
	struct ioasid_unmap_result res = {};
	struct ioasid_fail f = { .reason = IOASID_R_IOMMU_SHORT };
	struct ioasid_area *area;

	if (list_empty(victims))
		return;
	list_for_each_entry(area, victims, link) {
		ioasid_area_forget_pins(space, area);
		if (area->stuck) {
			f.a = ioasid_area_start(area);
			f.b = ioasid_area_last(area);
			ioasid_space_report(space, IOASID_ERROR_TEARDOWN, -EIO, &f);
		}
	}
	ioasid_who_current(&args.who, space->id);
	ioasid_policy_unmap_begin(&args, &mark);
	ioasid_areas_finish(space, victims, &res, timing);
	if (mark.slots)
		ioasid_policy_unmap_done(&args, &res, &mark);
	trace_ioasid_unmap_done(&args, &res);
}
