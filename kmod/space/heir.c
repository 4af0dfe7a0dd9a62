// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space gets another owner; hooks/owner.c has the rules.
 *
 * A live update sets one address after the other, so for a time some mappings have the
 * new owner and some wait for their address. The address space keeps its owner until no
 * mapping waits. Then it belongs to the process that set the last address, also if the
 * last mapping that waited was unmapped. So an update that either process gives up, or
 * dies in, does not change the owner.
 *
 * What can run at the same time: anything; areas_lock is held throughout.
 */
#include <linux/sched/mm.h>

#include "space.h"

/* ioasid_space_give() - @owner owns the space from now on; takes over @owner */
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

/* ioasid_space_settle() - a mapping no longer waits: its address was set, or it was unmapped */
void ioasid_space_settle(struct ioasid_space *space)
{
	struct ioasid_owner *heir = space->heir;

	lockdep_assert_held(&space->areas_lock);
	if (space->no_vaddr || !heir)
		return;
	space->heir = NULL;
	ioasid_space_give(space, heir);
}

/* ioasid_space_bequeath() - the process @heir has set an address; takes over @heir */
void ioasid_space_bequeath(struct ioasid_space *space, struct ioasid_owner *heir)
{
	lockdep_assert_held(&space->areas_lock);
	ioasid_owner_free(space->heir);
	space->heir = heir;
	ioasid_space_settle(space);
}
