// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space selects a policy.
 *
 * What can run at the same time: anything. A choice is one word, which hooks read
 * without a lock; a policy may be unloaded while it is being selected.
 */
#include "space/space.h"
#include "policy.h"

/* Is a policy loaded that can be selected by this name? */
static bool select_allowed(u32 choice)
{
	struct ioasid_policy_set *set;
	bool found = false;
	unsigned int i;

	rcu_read_lock();
	set = rcu_dereference(ioasid_policy_set);
	for (i = 0; i < set->nr; i++)
		found |= set->prog[i]->choice == choice;
	rcu_read_unlock();
	return found;
}

/**
 * ioasid_space_select() - select a policy for an address space, by name
 * @space: address space
 * @name: of a loaded policy with IOASID_POLICY_F_BY_NAME; empty for none
 *
 * Pages that were charged to another policy stay charged to it. The caller has checked
 * that the current task may select.
 *
 * Return: 0; -ENOENT when there is no such policy, -EINVAL, -ENOMEM.
 */
int ioasid_space_select(struct ioasid_space *space, const char *name)
{
	u32 choice;
	int ret;

	ret = ioasid_policy_choice_of(name, &choice);
	if (ret)
		return ret;
	if (choice && !select_allowed(choice))
		return -ENOENT;
	WRITE_ONCE(space->entry.choice, choice);
	return 0;
}
