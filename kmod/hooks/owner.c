// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of an address space, and what the modules store of processes. The rules:
 *
 *  - An address space belongs to the process that opened it, until another one takes it
 *    over: with IOASID_CHANGE_OWNER, or with the update of the last address that a live
 *    update has made invalid (space->heir). Passing the fd on changes nothing.
 *  - The name, user and cgroup that are shown of the owner are those of the process now,
 *    after exec, setuid and a move. If it has exited, they are those of the time when it
 *    became the owner, and it is shown as exited. A pid alone is never looked up, since it
 *    may belong to another process by now.
 *  - The process that is charged is stored with the charge (struct ioasid_pages) and does not
 *    change: exactly this process is uncharged.
 *  - Counts of a user stay with the user who created it (space/user.c).
 *
 * docs/architecture.md has a table of all that is stored of processes.
 *
 * What can run at the same time: readers, under RCU, also from BPF programs. One task
 * at a time sets the owner of one address space.
 */
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "lib/who.h"
#include "hooks.h"

/* ioasid_owner_new() - of the current process, not in use yet; NULL without memory */
struct ioasid_owner *ioasid_owner_new(u32 space, gfp_t gfp)
{
	struct ioasid_owner *owner = kzalloc(sizeof(*owner), gfp);

	if (!owner)
		return NULL;
	ioasid_who_current(&owner->who, space);
	get_task_comm(owner->comm, current);
	owner->pid = get_pid(task_tgid(current));
	owner->mm = current->mm;
	if (owner->mm)
		mmgrab(owner->mm);
	return owner;
}

/* ioasid_owner_free() - one that was never set, or NULL */
void ioasid_owner_free(struct ioasid_owner *owner)
{
	if (!owner)
		return;
	put_pid(owner->pid);
	if (owner->mm)
		mmdrop(owner->mm);
	kfree(owner);
}

static void owner_rcu(struct rcu_head *rcu)
{
	ioasid_owner_free(container_of(rcu, struct ioasid_owner, rcu));
}

/**
 * ioasid_owner_set() - the address space belongs to @owner from now on
 * @e: the address space
 * @owner: new, given up to it
 *
 * Context: the caller keeps other tasks from setting it (space/heir.c).
 * Return: the memory of the process, with the reference that @owner had; or NULL.
 */
struct mm_struct *ioasid_owner_set(struct ioasid_space_entry *e, struct ioasid_owner *owner)
{
	struct ioasid_owner *old = rcu_dereference_protected(e->owner, true);
	struct mm_struct *mm = owner->mm;

	owner->mm = NULL;
	owner->who.space = e->id;
	rcu_assign_pointer(e->owner, owner);
	if (old)
		call_rcu(&old->rcu, owner_rcu);
	return mm;
}

/**
 * ioasid_owner_now() - whose the address space is, as that process is now
 * @e: the address space
 * @who: filled in
 * @comm: TASK_COMM_LEN bytes for its name, or NULL
 *
 * Context: any; does not sleep.
 * Return: false when the process has exited; then it is as it was when it became the owner.
 */
bool ioasid_owner_now(const struct ioasid_space_entry *e, struct ioasid_who *who, char *comm)
{
	const struct ioasid_owner *owner;
	struct task_struct *task;
	bool alive;

	rcu_read_lock();
	owner = rcu_dereference(e->owner);
	*who = owner->who;
	task = pid_task(owner->pid, PIDTYPE_TGID);
	/* A zombie is there, and has no thread left. */
	alive = task && atomic_read(&task->signal->live);
	if (alive) {
		who->uid = __kuid_val(task_uid(task));
		who->cgroup = cgroup_id(task_dfl_cgroup(task));
	}
	if (comm)
		strscpy_pad(comm, alive ? task->comm : owner->comm, TASK_COMM_LEN);
	rcu_read_unlock();
	return alive;
}

/* ioasid_owner_end() - the memory of @e is being freed, after the last reader */
void ioasid_owner_end(struct ioasid_space_entry *e)
{
	ioasid_owner_free(rcu_dereference_protected(e->owner, true));
}
