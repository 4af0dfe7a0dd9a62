// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel users of an address space: ask them to unpin, and find the mapping that
 * one of them uses.
 *
 * What can run at the same time: anything. An unmap that finds pins runs the
 * callbacks, under access->calls, and tries again.
 */
#include <linux/mutex.h>
#include <linux/slab.h>

#include "space.h"

/* ioasid_access_put() - drop a reference on an in-kernel user */
void ioasid_access_put(struct ioasid_access *access)
{
	if (!refcount_dec_and_test(&access->refs))
		return;
	mutex_destroy(&access->calls);
	kfree(access);
}

/* The next one with a callback, with a reference, or NULL. */
static struct ioasid_access *access_after(struct ioasid_space *space, u64 number)
{
	struct ioasid_access *access, *next = NULL;

	mutex_lock(&space->access_lock);
	list_for_each_entry(access, &space->accesses, link) {
		if (access->number <= number || !access->ops || !access->ops->unmap)
			continue;
		next = access;
		refcount_inc(&next->refs);
		break;
	}
	mutex_unlock(&space->access_lock);
	return next;
}

/* Call its callback, unless the user was destroyed; -EINTR when killed. */
static int access_call(struct ioasid_access *access, u64 start, u64 last)
{
	if (mutex_lock_killable(&access->calls))
		return -EINTR;
	if (!access->gone)
		access->ops->unmap(access->data, start, last - start + 1);
	mutex_unlock(&access->calls);
	return 0;
}

/*
 * ioasid_access_notify() - ask in-kernel users to unpin; no lock is held
 *
 * A driver may wait in its callback for a pin of its own, which waits for user space.
 * That delays calls of this callback only.
 *
 * Return: 0, or -EINTR when killed.
 */
int ioasid_access_notify(struct ioasid_space *space, u64 start, u64 last)
{
	struct ioasid_access *access;
	u64 number = 0;
	int ret = 0;

	ioasid_assert_may_wait(space);
	while (!ret && (access = access_after(space, number))) {
		number = access->number;
		ret = access_call(access, start, last);
		ioasid_access_put(access);
	}
	return ret;
}

/* ioasid_access_room() - bytes from @iova on that @area has, up to a hole; 0 in one; areas_lock is held */
u64 ioasid_access_room(struct ioasid_space *space, const struct ioasid_area *area, u64 iova)
{
	u64 room = ioasid_area_last(area) - iova + 1, into = iova - ioasid_area_start(area), pages;
	bool hole;

	lockdep_assert_held(&space->areas_lock);
	if (likely(!ioasid_area_pages(area)->sparse))
		return room;
	pages = ioasid_pages_until(ioasid_area_pages(area),
				   ioasid_area_first_page(area) + PHYS_PFN(into), &hole);
	return hole ? 0 : min(room, PFN_PHYS(pages) - offset_in_page(into));
}

/*
 * ioasid_access_lock_area() - the LIVE area at @iova; on success areas_lock is held
 *
 * Waits while it is in flight, and while an unmap waits for it: new accesses could delay the
 * unmap without limit. With @counts the caller increments num_accesses, and waits for room in it.
 * -EINVAL where nothing is mapped, or there is a hole; -EBUSY during a live update; -EINTR.
 */
struct ioasid_area *ioasid_access_lock_area(struct ioasid_space *space, u64 iova,
					    bool counts, struct ioasid_fail *f)
{
	struct ioasid_area *area;
	u64 seen;
	int ret;

	ioasid_assert_may_wait(space);
	for (;;) {
		mutex_lock(&space->areas_lock);
		area = space->dead ? NULL : ioasid_area_first(space, iova, iova);
		if (space->no_vaddr) {
			mutex_unlock(&space->areas_lock);
			return ERR_PTR(ioasid_fail(f, -EBUSY, IOASID_R_VADDR, iova, 0));
		}
		if (area && area->state == IOASID_AREA_LIVE && !area->wanted &&
		    likely(!counts || area->num_accesses < IOASID_ACCESSES_MAX)) {
			if (likely(ioasid_access_room(space, area, iova)))
				return area;
			area = NULL;
		}
		seen = ioasid_space_seen(space);
		mutex_unlock(&space->areas_lock);
		if (!area)
			return ERR_PTR(ioasid_fail(f, -EINVAL, IOASID_R_NOT_MAPPED, iova, 0));
		ret = ioasid_space_wait_change(space, seen);
		if (ret)
			return ERR_PTR(ioasid_fail(f, ret, IOASID_R_SIGNAL, iova, 0));
	}
}
