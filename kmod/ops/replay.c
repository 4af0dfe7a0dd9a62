// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pin late, and unpin early: the mappings of a VFIO container are pinned only while it
 * has a domain. So the first group with an IOMMU finds unpinned mappings; when the last
 * one leaves, software devices may keep mappings, which are unpinned then.
 *
 * User space can delay a pin without limit. So pages are pinned and charged with no
 * lock held, for a description of the mapping (ioasid_pages_describe()); then the pins
 * and the charge move to the mapping under areas_lock, if it is still the same. Unpin
 * and uncharge go the other way.
 *
 * What can run at the same time: every call. An unmap of a mapping that is being pinned
 * does not wait. A map that begins while an attach pins, pins its own pages
 * (ioasid_space_pins()), so the attach ends, whatever other tasks map. Of two attaches
 * that pin the same mapping, one finds it pinned and drops its own pins. If the owner of
 * the mapping changes, it is pinned again for the new owner.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "lib/signal.h"
#include "ops.h"

/**
 * struct replay - one mapping that is being pinned
 * @space: of the mapping
 * @start: its first address
 * @last: its last address
 * @pages: its pages, with a reference, so that the address names no other object
 * @own: the description for which they are pinned and charged
 * @paid: what in-kernel users have paid for of them, and how many must be charged
 */
struct replay {
	struct ioasid_space *space;
	u64 start;
	u64 last;
	struct ioasid_pages *pages;
	struct ioasid_pages own;
	struct ioasid_pin_paid paid;
};

/* The mapping is gone, pinned, or no longer the same: look again. */
#define REPLAY_CHANGED	1

/* The first LIVE mapping from @start up that is pinned, or not, as @pinned says. */
static struct ioasid_area *find_live(struct ioasid_space *space, u64 start, bool pinned)
{
	struct ioasid_area *area;

	lockdep_assert_held(&space->areas_lock);
	area = ioasid_area_first(space, start, U64_MAX);
	/* A torn area is put into no new domain. */
	while (area && (area->state != IOASID_AREA_LIVE ||
			ioasid_area_pages(area)->pinned != pinned ||
			(!pinned && area->torn)))
		area = ioasid_area_next(space, area, start, U64_MAX);
	return area;
}

/* ioasid_space_unpinned() - is there a mapping that a new domain needs pinned first? */
bool ioasid_space_unpinned(struct ioasid_space *space)
{
	bool found;

	lockdep_assert_held_write(&space->domains_rwsem);
	if (!(space->flags & IOASID_SPACE_CONTAINER) || !list_empty(&space->domains))
		return false;
	mutex_lock(&space->areas_lock);
	found = find_live(space, 0, false);
	mutex_unlock(&space->areas_lock);
	return found;
}

/* The next mapping to pin from @start up; false when there is none. */
static bool replay_begin(struct replay *r, u64 start)
{
	struct ioasid_area *area;

	mutex_lock(&r->space->areas_lock);
	/* Without a valid address there is nothing to pin; the attach will fail. */
	area = r->space->no_vaddr ? NULL : find_live(r->space, start, false);
	if (area) {
		r->start = ioasid_area_start(area);
		r->last = ioasid_area_last(area);
		r->pages = ioasid_area_pages(area);
		refcount_inc(&r->pages->refs);
		ioasid_pages_describe(&r->own, r->pages);
	}
	mutex_unlock(&r->space->areas_lock);
	return area;
}

/* The mapping, if it is still the same; areas_lock is held. */
static struct ioasid_area *replay_area(struct replay *r)
{
	struct ioasid_space *space = r->space;
	struct ioasid_area *area;

	lockdep_assert_held(&space->areas_lock);
	area = space->no_vaddr ? NULL : ioasid_area_first(space, r->start, r->start);
	if (!area || area->state != IOASID_AREA_LIVE || ioasid_area_pages(area) != r->pages ||
	    r->pages->pinned || !ioasid_pages_alike(&r->own, r->pages))
		return NULL;
	return area;
}

static unsigned long replay_paid(struct ioasid_pin_paid *paid, unsigned long first,
				 unsigned long n)
{
	struct replay *r = container_of(paid, struct replay, paid);

	return ioasid_area_paid(r->space, r->start, r->pages, first, n);
}

/* Pin on behalf of the process that mapped it, also when another one attaches. */
static int replay_pin(struct replay *r, struct ioasid_fail *f)
{
	struct ioasid_map_args args = {
		.who = ioasid_pages_who(&r->own),
		.iova = r->start,
		.vaddr = r->own.vaddr,
		.length = r->last - r->start + 1,
	};
	struct ioasid_pin_call call = {
		.args = &args,
		.fail = f,
		.paid = &r->paid,
	};
	int ret;

	r->paid = (struct ioasid_pin_paid){ .pages = replay_paid };
	if (!mmget_not_zero(r->own.holder->mm))
		return ioasid_fail(f, -EFAULT, IOASID_R_NO_MM, r->start, 0);
	ret = ioasid_pages_pin(&r->own, &call, false);
	mmput_async(r->own.holder->mm);
	return ret;
}

/* Charge pages that an in-kernel user had paid for, and has unpinned since. */
static int replay_pay(struct replay *r, unsigned long due, struct ioasid_fail *f)
{
	u64 limit = 0;
	int ret;

	if (!mmget_not_zero(r->own.holder->mm))
		return ioasid_fail(f, -EFAULT, IOASID_R_NO_MM, r->start, 0);
	ret = ioasid_charge(&r->own, due - r->own.charged, &limit);
	mmput_async(r->own.holder->mm);
	if (ret)
		return ioasid_fail(f, ret, ioasid_charge_reason(ret, limit), r->own.npages, limit);
	r->own.charged = due;
	return 0;
}

/* Move the pins and their charge to the mapping. */
static int replay_move(struct replay *r, struct ioasid_area *area, unsigned long due,
		       struct ioasid_fail *f)
{
	struct ioasid_pages *pages = ioasid_area_pages(area), *own = &r->own;
	int ret;

	lockdep_assert_held(&r->space->areas_lock);
	ret = ioasid_charge_move(pages, own, due);
	if (ret)
		return ioasid_fail(f, ret, IOASID_R_POLICY, due, 0);
	own->charged -= due;
	pages->charged = due;
	ioasid_pages_move(pages, own);
	return 0;
}

/* Return: 0 when the mapping is pinned, REPLAY_CHANGED, or an errno. */
static int replay_commit(struct replay *r, struct ioasid_fail *f)
{
	struct ioasid_area *area;
	unsigned long due;
	int ret;

	do {
		mutex_lock(&r->space->areas_lock);
		area = replay_area(r);
		if (!area) {
			mutex_unlock(&r->space->areas_lock);
			return REPLAY_CHANGED;
		}
		due = r->paid.counted - ioasid_area_paid_all(r->space, area, &r->own.ext);
		if (due <= r->own.charged) {
			ret = replay_move(r, area, due, f);
			mutex_unlock(&r->space->areas_lock);
			return ret;
		}
		mutex_unlock(&r->space->areas_lock);
		/* @due grows with each round, up to all pages, so the loop ends. */
		ret = replay_pay(r, due, f);
	} while (!ret);
	return ret;
}

/* Did the pin fail for a mapping that no longer exists? */
static bool replay_is_moot(struct replay *r)
{
	bool moot;

	mutex_lock(&r->space->areas_lock);
	moot = !replay_area(r);
	mutex_unlock(&r->space->areas_lock);
	return moot;
}

/* Unpin and uncharge what was not moved. */
static void replay_end(struct replay *r)
{
	ioasid_pages_unpin(&r->own);
	ioasid_pages_release(&r->own);
	ioasid_pages_put(r->pages);
}

static int replay_one(struct replay *r, struct ioasid_fail *f)
{
	int ret = replay_pin(r, f);

	if (!ret)
		ret = replay_commit(r, f);
	if (ret < 0 && replay_is_moot(r))
		ret = REPLAY_CHANGED;
	if (!ret)
		f->pages += r->own.npages;
	replay_end(r);
	return ret;
}

/**
 * ioasid_space_pin_all() - pin every mapping that is not pinned
 * @space: ioasid_space_pins() is true, so new mappings are pinned by their own call
 * @f: why it fails; f->pages grows by the pages that were pinned
 *
 * Return: 0; -EFAULT, -ENOMEM, -EBUSY (a mapping waits for its new virtual address),
 * -EINTR, or the errno of a policy. Mappings that were pinned before stay pinned.
 */
int ioasid_space_pin_all(struct ioasid_space *space, struct ioasid_fail *f)
{
	struct replay r = { .space = space };
	u64 start = 0;
	int ret = 0;

	ioasid_assert_may_wait(space);
	while (!ret && replay_begin(&r, start)) {
		ret = replay_one(&r, f);
		if (ret == REPLAY_CHANGED)
			ret = ioasid_interrupted();
		else if (r.last == U64_MAX)
			break;
		else
			start = r.last + 1;
	}
	return ret;
}

/*
 * Must it stay pinned: because its charge is on its way to another owner, or because users
 * have pages of it that are charged in a book? The rest of those would have no payer.
 */
static bool replay_idle_keeps(const struct ioasid_area *area)
{
	u8 share = ioasid_area_pages(area)->share;

	return share && (area->num_accesses ||
			 (share == IOASID_SHARE_JOINED && ioasid_area_has_pins(area)));
}

/* The first mapping from @start up whose pins can go. */
static struct ioasid_area *replay_find_idle(struct ioasid_space *space, u64 start)
{
	struct ioasid_area *area = find_live(space, start, true);

	while (area && unlikely(replay_idle_keeps(area)))
		area = ioasid_area_last(area) == U64_MAX ? NULL :
		       find_live(space, ioasid_area_last(area) + 1, true);
	return area;
}

/*
 * Take the pins of a mapping that no domain needs; false when there is none from *@start up.
 *
 * An attach that found everything pinned fills its domain, which is not in the
 * list yet: domains_rwsem keeps it out.
 */
static bool idle_take(struct ioasid_space *space, u64 *start, struct ioasid_pages *own)
{
	struct ioasid_pages *pages;
	struct ioasid_area *area;

	down_read(&space->domains_rwsem);
	mutex_lock(&space->areas_lock);
	area = ioasid_space_pins(space) ? NULL : replay_find_idle(space, *start);
	if (area) {
		pages = ioasid_area_pages(area);
		ioasid_pages_describe(own, pages);
		ioasid_pages_move(own, pages);
		own->charged = pages->charged -
			       ioasid_area_hand_over(space, area, pages->charged);
		pages->charged = 0;
		ioasid_charge_move(own, pages, own->charged);
		*start = ioasid_area_last(area) + 1;
	}
	mutex_unlock(&space->areas_lock);
	up_read(&space->domains_rwsem);
	return area;
}

/**
 * ioasid_space_unpin_idle() - unpin mappings that no domain needs any more
 * @space: no lock is held
 *
 * Pages that in-kernel users have pinned stay pinned, and charged, for these.
 * Does nothing where there is a domain, or an attach that pins for one.
 */
void ioasid_space_unpin_idle(struct ioasid_space *space)
{
	struct ioasid_pages own;
	u64 start = 0;

	ioasid_assert_may_wait(space);
	while (idle_take(space, &start, &own)) {
		ioasid_pages_unpin(&own);
		ioasid_pages_release(&own);
		cond_resched();
		if (!start)
			break;
	}
}
