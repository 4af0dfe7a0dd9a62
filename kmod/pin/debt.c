// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debts: pages that are uncharged late, because the owner's mmap_lock is not free.
 *
 * locked_vm changes under mmap_lock, which user space can hold without limit, for example
 * with a page fault of memory behind FUSE. A task that uncharges another process must not
 * wait for that: it may be exiting, where no signal reaches it. So it waits for a moment,
 * and then notes a debt. A work item pays debts when the lock is free; it only tries the
 * lock, because a worker that waits would be reported as a hung task. Until then VmLck of
 * the owner is too high, and the owner meets its limit early; its next charge pays the
 * debt first.
 *
 * A task that uncharges its own memory waits for the lock, since it can be killed; then
 * the rest is a debt as well.
 *
 * What can run at the same time: charges, which pay with mmap_lock held; other uncharges;
 * the owner's exit, which ends the debt. debts_lock guards the debts, and comes after
 * mmap_lock; the work item takes them in the other order, but only tries. A debt
 * holds a reference on the module, so none is left when the module is unloaded.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "internal.h"

/* How long a task waits for the lock of another process, and the worker between two tries. */
#define WAIT_MS		100
#define RETRY_MS	20

/**
 * struct debt - pages that are still to be uncharged from an owner
 * @link: in debts
 * @mm: the owner's, mmgrab()bed: a debt keeps no memory alive
 * @npages: how many
 */
struct debt {
	struct list_head link;
	struct mm_struct *mm;
	unsigned long npages;
};

static DEFINE_MUTEX(debts_lock);
static LIST_HEAD(debts);

static void debts_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(debts_worker, debts_work);

static struct debt *debt_of(const struct mm_struct *mm)
{
	struct debt *d;

	lockdep_assert_held(&debts_lock);
	list_for_each_entry(d, &debts, link)
		if (d->mm == mm)
			return d;
	return NULL;
}

/* The debt is paid, or its owner has exited. */
static void debt_end(struct debt *d)
{
	lockdep_assert_held(&debts_lock);
	list_del(&d->link);
	mmdrop(d->mm);
	kfree(d);
	module_put(THIS_MODULE);
}

static void debt_owner_sub(struct mm_struct *mm, unsigned long npages)
{
	__account_locked_vm(mm, npages, false, current, true);
}

/* True if nothing is left to do. */
static bool debt_pay(struct debt *d)
{
	if (!mmget_not_zero(d->mm))
		return true;
	if (!down_write_trylock(&d->mm->mmap_lock)) {
		mmput_async(d->mm);
		return false;
	}
	debt_owner_sub(d->mm, d->npages);
	up_write(&d->mm->mmap_lock);
	mmput_async(d->mm);
	return true;
}

static void debts_work(struct work_struct *work)
{
	struct debt *d, *tmp;

	mutex_lock(&debts_lock);
	list_for_each_entry_safe(d, tmp, &debts, link)
		if (debt_pay(d))
			debt_end(d);
	if (!list_empty(&debts))
		schedule_delayed_work(&debts_worker, msecs_to_jiffies(RETRY_MS));
	mutex_unlock(&debts_lock);
}

/* ioasid_debt_add() - @npages of @mm are locked no more, and are given back soon; cannot fail */
void ioasid_debt_add(struct mm_struct *mm, unsigned long npages)
{
	/* An uncharge cannot fail, and there is one debt for each process at most. */
	struct debt *d, *fresh = kmalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);

	mutex_lock(&debts_lock);
	d = debt_of(mm);
	if (!d) {
		*fresh = (struct debt){ .mm = mm };
		mmgrab(mm);
		__module_get(THIS_MODULE);
		list_add_tail(&fresh->link, &debts);
		swap(d, fresh);
	}
	d->npages += npages;
	mutex_unlock(&debts_lock);
	kfree(fresh);
	schedule_delayed_work(&debts_worker, msecs_to_jiffies(RETRY_MS));
}

static bool debt_exists(const struct mm_struct *mm)
{
	bool found;

	if (list_empty(&debts))
		return false;
	mutex_lock(&debts_lock);
	found = debt_of(mm);
	mutex_unlock(&debts_lock);
	return found;
}

/*
 * Another task has mmap_lock. Wait for it: killably for the task's own memory, for another's WAIT_MS
 * at most. Return: false without it.
 */
static noinline bool debt_owner_wait(struct mm_struct *mm)
{
	unsigned long end = jiffies + msecs_to_jiffies(WAIT_MS);

	if (current->mm == mm && !(current->flags & (PF_EXITING | PF_KTHREAD)))
		return !down_write_killable(&mm->mmap_lock);
	/* If there is a debt, another task has waited for the lock already. */
	while (!debt_exists(mm) && time_before(jiffies, end) && !fatal_signal_pending(current)) {
		schedule_timeout_killable(1);
		if (down_write_trylock(&mm->mmap_lock))
			return true;
	}
	return false;
}

/* Take mmap_lock for writing, without the VMAs; false if that takes too long. */
static bool debt_owner_lock(struct mm_struct *mm)
{
	return likely(down_write_trylock(&mm->mmap_lock)) || debt_owner_wait(mm);
}

/**
 * ioasid_owner_give_back() - uncharge @npages from the locked_vm of @mm; cannot fail
 * @mm: with a reference that keeps its memory
 * @npages: that were charged
 *
 * Usually locked_vm has changed on return; otherwise it changes later.
 */
void ioasid_owner_give_back(struct mm_struct *mm, unsigned long npages)
{
	might_sleep();
	if (unlikely(!debt_owner_lock(mm))) {
		ioasid_debt_add(mm, npages);
		return;
	}
	debt_owner_sub(mm, npages);
	up_write(&mm->mmap_lock);
}

/* ioasid_owner_settle() - pay the debt to @mm; its mmap_lock is held for writing */
void ioasid_owner_settle(struct mm_struct *mm)
{
	struct debt *d;

	mmap_assert_write_locked(mm);
	if (likely(list_empty(&debts)))
		return;
	mutex_lock(&debts_lock);
	d = debt_of(mm);
	if (d) {
		debt_owner_sub(mm, d->npages);
		debt_end(d);
	}
	mutex_unlock(&debts_lock);
}

/* ioasid_debts_exit() - no debt is left; the work item that paid the last one may be running */
void ioasid_debts_exit(void)
{
	cancel_delayed_work_sync(&debts_worker);
}
