// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space passes to another process; hooks/owner.c has the rules.
 *
 * A live update gives one address after the other, so there is a time when some
 * mappings are the new process's and some wait. The address space is the old owner's
 * until none waits any more. Then it belongs to the process that gave the last
 * address, also where what waited was unmapped. So an update that is given up half
 * way, by either process or its death, leaves it where it was.
 *
 * What can run at the same time: anything; areas_lock is held throughout.
 */
#include <linux/sched/mm.h>

#include "space.h"

/* ioasid_space_give() - it is @owner's, who is given up to it */
void ioasid_space_give(struct ioasid_space *space, struct ioasid_owner *owner)
{
	struct mm_struct *old = space->mm;

	lockdep_assert_held(&space->areas_lock);
	ioasid_owner_free(space->heir);
	space->heir = NULL;
	WRITE_ONCE(space->mm, ioasid_owner_set(&space->entry, owner));
	if (old)
		mmdrop(old);
}

/* ioasid_space_settle() - an address that was waited for came, or its mapping went */
void ioasid_space_settle(struct ioasid_space *space)
{
	struct ioasid_owner *heir = space->heir;

	lockdep_assert_held(&space->areas_lock);
	if (space->no_vaddr || !heir)
		return;
	space->heir = NULL;
	ioasid_space_give(space, heir);
}

/* ioasid_space_bequeath() - @heir has given an address, and is given up to it */
void ioasid_space_bequeath(struct ioasid_space *space, struct ioasid_owner *heir)
{
	lockdep_assert_held(&space->areas_lock);
	ioasid_owner_free(space->heir);
	space->heir = heir;
	ioasid_space_settle(space);
}
