// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holders: the process for which pages are pinned, and which is charged for them.
 *
 * A process maps many things, so its mappings in an address space share one record of it. The
 * space keeps the record of the task that mapped last, and a map of the same process finds
 * it there. A record does not change; if the process gets another user or cgroup, its later
 * mappings get another record.
 *
 * What can run at the same time: anything, since a record does not change and each user has a
 * reference. Which record an object has is changed by a change of owner (pages.c).
 */
#include <linux/cred.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "pin.h"

/**
 * ioasid_holder_new() - a record of the current process
 * @who: the current task
 * @user: its user is charged, and not its memory
 *
 * Context: process, may sleep for memory; current->mm is set.
 * Return: with one reference, for ioasid_holder_put(); NULL without memory.
 */
struct ioasid_holder *ioasid_holder_new(const struct ioasid_who *who, bool user)
{
	struct ioasid_holder *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	if (!h)
		return NULL;
	refcount_set(&h->refs, 1);
	h->mm = current->mm;
	mmgrab(h->mm);
	h->task = get_task_struct(current->group_leader);
	if (user)
		h->user = get_uid(current_user());
	h->who = *who;
	return h;
}

/* __ioasid_holder_put() - the last reference is gone */
void __ioasid_holder_put(struct ioasid_holder *h)
{
	if (h->user)
		free_uid(h->user);
	mmdrop(h->mm);
	put_task_struct(h->task);
	kfree_rcu(h, rcu);
}
