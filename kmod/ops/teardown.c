// SPDX-License-Identifier: GPL-2.0-only
/*
 * Teardown: remove all mappings of a space, because its last group left, the last file
 * was closed, or it was freed.
 *
 * What can run at the same time: every call with a reference. A teardown claims areas
 * under domains_rwsem held for write, so never between an unmap's claim and its clearing
 * of page tables. Areas that are DYING stay with the unmap that claimed them; for
 * BUILDING ones it sets area->stop; those that the CPU reads or writes are finished by
 * the last access. A teardown waits for locks only, never for user space or a policy.
 */
#include <linux/mm.h>

#include <trace/events/ioasid.h>

#include "domain/domain.h"
#include "lib/who.h"
#include "ops.h"

/*
 * ioasid_space_leave_to_users() - teardown, second part: areas in use by the CPU
 * @space: domains_rwsem is held for write; a domain that is to end has ended
 * @victims: from ioasid_space_claim_all(); the rest is for ioasid_space_finish_all()
 *
 * The CPU reads or writes these areas at this moment, and no device reaches them any
 * more. The last access finishes an area, since a copy may wait for a page fault, which
 * user space can delay without limit.
 */
void ioasid_space_leave_to_users(struct ioasid_space *space, struct ioasid_areas *victims)
{
	struct ioasid_area *area, *next = victims->first;
	unsigned int n = 0;

	lockdep_assert_held_write(&space->domains_rwsem);
	mutex_lock(&space->areas_lock);
	ioasid_areas_init(victims);
	while ((area = next)) {
		next = area->link;
		ioasid_area_break(&n);
		ioasid_area_stuck(space, area);
		if (area->num_accesses)
			area->stop = true;
		else
			ioasid_areas_add(victims, area);
	}
	mutex_unlock(&space->areas_lock);
}

/*
 * ioasid_space_claim_all() - teardown, first part: clear all areas from all domains
 *
 * domains_rwsem is held for write; @victims is for ioasid_space_leave_to_users().
 * Maps in flight are in no domain yet, and stop. Unmaps in flight have cleared their
 * areas.
 */
void ioasid_space_claim_all(struct ioasid_space *space, struct ioasid_areas *victims)
{
	struct ioasid_domain *d;
	struct ioasid_area *area;

	lockdep_assert_held_write(&space->domains_rwsem);
	mutex_lock(&space->areas_lock);
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(space, area, 0, U64_MAX)) {
		if (area->state == IOASID_AREA_BUILDING)
			WRITE_ONCE(area->stop, true);
		if (area->state != IOASID_AREA_LIVE)
			continue;
		area->state = IOASID_AREA_DYING;
		ioasid_areas_add(victims, area);
	}
	mutex_unlock(&space->areas_lock);

	if (victims->first)
		list_for_each_entry(d, &space->domains, link)
			ioasid_domain_clear(d, victims, 0, NULL, false);
}

/* ioasid_space_finish_all() - teardown, last part; no lock is held */
void ioasid_space_finish_all(struct ioasid_space *space, struct ioasid_areas *victims)
{
	struct ioasid_unmap_args args = { .flags = IOASID_UNMAP_ALL | IOASID_UNMAP_TEARDOWN };
	bool timing = trace_ioasid_unmap_done_enabled() ||
		      ioasid_policy_times(IOASID_OP_UNMAP_DONE);
	struct ioasid_seen_by seen_by;
	struct ioasid_unmap_result res = {};
	struct ioasid_fail f = { .reason = IOASID_R_IOMMU_SHORT };
	struct ioasid_area *area;
	unsigned int n = 0;

	ioasid_assert_may_wait(space);
	if (!victims->first)
		return;
	ioasid_for_each_listed(area, victims) {
		ioasid_area_break(&n);
		ioasid_area_forget_pins(space, area);
		if (area->stuck) {
			f.a = ioasid_area_start(area);
			f.b = ioasid_area_last(area);
			ioasid_space_report(space, IOASID_ERROR_TEARDOWN, -EIO, &f);
		}
	}
	ioasid_who_current(&args.who, space->entry.id);
	ioasid_policy_unmap_begin(&args, &seen_by);
	ioasid_areas_finish(space, victims, &res, timing);
	if (seen_by.slots)
		ioasid_policy_unmap_done(&args, &res, &seen_by);
	trace_ioasid_unmap_done(&args, &res);
}

/**
 * ioasid_area_unuse() - a read or write by the CPU is over
 * @space: areas_lock is held, and released
 * @area: with a count in num_accesses; may be freed afterwards
 *
 * The last access of an area whose space was torn down meanwhile frees it.
 */
void ioasid_area_unuse(struct ioasid_space *space, struct ioasid_area *area)
{
	IOASID_AREAS(victims);

	lockdep_assert_held(&space->areas_lock);
	if (unlikely(area->num_accesses == IOASID_ACCESSES_MAX))
		ioasid_space_changed(space);
	if (!--area->num_accesses) {
		ioasid_space_changed(space);
		if (area->stop) {
			ioasid_area_stuck(space, area);
			ioasid_areas_add(&victims, area);
		}
	}
	mutex_unlock(&space->areas_lock);
	ioasid_space_finish_all(space, &victims);
}
