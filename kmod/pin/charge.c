// SPDX-License-Identifier: GPL-2.0-only
/*
 * Charging: pinned pages count against the owner's RLIMIT_MEMLOCK as they do
 * for type1, in mm->locked_vm (VmLck), or, where a space was set up so, in the
 * user's count; and they are reported to policies.
 *
 * What can run at the same time: other threads of the owner changing locked_vm (mlock,
 * other maps), the owner exiting, a policy being loaded, replaced or ejected.
 * locked_vm changes under mmap_lock held for write, without the locks of VMAs, since no VMA
 * changes; if that lock is not free, pages are uncharged later (debt.c). If
 * mmget_not_zero() fails, the owner has exited: its locked_vm ended with it, and nothing is
 * uncharged.
 * hooks/hooks.c reads the policies under RCU; seen_by in the object records those that
 * were charged, so the same ones are uncharged.
 *
 * Callers hold no spinlock, and never areas_lock.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include <trace/events/ioasid.h>

#include "lib/signal.h"
#include "internal.h"

/*
 * CAP_IPC_LOCK at the time of the map counts for the life of the mapping. capable() has
 * side effects (audit, PF_SUPERPRIV), so it is called only when the answer matters: when
 * the limit is first exceeded, in the mapping task.
 */
int ioasid_pages_ask_cap(struct ioasid_pages *pages)
{
	u32 tag = pages->ext.tag;

	if (ioasid_pages_cap(pages) == IOASID_CAP_UNKNOWN) {
		if (current->mm != pages->holder->mm)
			return IOASID_CAP_NO;
		tag |= FIELD_PREP(IOASID_TAG_CAP,
				  capable(CAP_IPC_LOCK) ? IOASID_CAP_YES : IOASID_CAP_NO);
		/* Another task may look for the thread. */
		WRITE_ONCE(pages->ext.tag, tag);
	}
	return FIELD_GET(IOASID_TAG_CAP, tag);
}

/* RLIMIT_MEMLOCK of the owner, in pages. */
static unsigned long charge_limit(const struct ioasid_pages *pages)
{
	return task_rlimit(pages->holder->task, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

/* The caller has mmap_lock, and gives it up here. */
static int charge_locked_vm(struct ioasid_pages *pages, unsigned long npages, bool bypass)
{
	struct mm_struct *mm = pages->holder->mm;
	int ret;

	ioasid_owner_settle(mm);
	ret = __account_locked_vm(mm, npages, true, pages->holder->task, bypass);
	up_write(&mm->mmap_lock);
	return ret;
}

/* The same count that io_uring and others keep for a user. */
static int charge_user(struct ioasid_pages *pages, unsigned long npages, bool bypass)
{
	unsigned long max = charge_limit(pages);
	struct user_struct *user = pages->holder->user;
	long now = atomic_long_read(&user->locked_vm);

	do {
		if (!bypass && now + npages > max)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &now, now + npages));
	return 0;
}

static int charge_owner(struct ioasid_pages *pages, unsigned long npages, bool bypass)
{
	if (unlikely(pages->holder->user))
		return charge_user(pages, npages, bypass);
	if (down_write_killable(&pages->holder->mm->mmap_lock))
		return -EINTR;
	return charge_locked_vm(pages, npages, bypass);
}

static noinline void account_report(const struct ioasid_pages *pages, s64 npages, int ret)
{
	const struct ioasid_holder *h = pages->holder;
	struct ioasid_who who = ioasid_pages_who(pages);
	/* The rlimit bounds no uncharge. */
	unsigned long max = npages > 0 ? charge_limit(pages) : 0;

	trace_ioasid_account(&who, npages, h->user ? atomic_long_read(&h->user->locked_vm) :
			     READ_ONCE(h->mm->locked_vm), max, ret);
}

/* The trace event for a charge, or with negative @npages for the end of one. */
static void account_trace(const struct ioasid_pages *pages, s64 npages, int ret)
{
	if (trace_ioasid_account_enabled())
		account_report(pages, npages, ret);
}

static int policies_charge(struct ioasid_pages *pages, unsigned long npages)
{
	struct ioasid_who who;

	if (!ioasid_policy_has(IOASID_OP_CHARGE))
		return 0;
	who = ioasid_pages_who(pages);
	return ioasid_policy_charge(&who, npages, &pages->seen_by);
}

static void policies_uncharge(struct ioasid_pages *pages, unsigned long npages)
{
	struct ioasid_who who;

	if (!ioasid_policy_has(IOASID_OP_CHARGE))
		return;
	who = ioasid_pages_who(pages);
	ioasid_policy_uncharge(&who, npages, &pages->seen_by);
}

/* RLIMIT_MEMLOCK is too small. */
static noinline void charge_refused(const struct ioasid_pages *pages, unsigned long npages,
				    unsigned long max)
{
	const struct ioasid_holder *h = pages->holder;
	struct ioasid_who who = ioasid_pages_who(pages);

	trace_ioasid_limit(&who, IOASID_LIMIT_MEMLOCK, npages, READ_ONCE(h->mm->locked_vm), max);
	pr_warn_ratelimited("%s[%d]: RLIMIT_MEMLOCK (%lu) exceeded\n", h->task->comm,
			    task_tgid_nr(h->task), max << PAGE_SHIFT);
}

/**
 * ioasid_charge_owner() - charge the owner, and no policies
 * @pages: the object; its owner is alive (current, or held by the caller)
 * @npages: how many
 * @accounts: a policy that was charged for them replaces the rlimit
 * @limit: as for ioasid_charge()
 *
 * Return: 0; -ENOMEM (RLIMIT_MEMLOCK), -EINTR.
 */
int ioasid_charge_owner(struct ioasid_pages *pages, unsigned long npages, bool accounts,
			u64 *limit)
{
	bool bypass = ioasid_pages_cap(pages) == IOASID_CAP_YES || accounts;
	int ret;

	ret = charge_owner(pages, npages, bypass);
	if (unlikely(ret == -ENOMEM)) {
		if (!bypass && ioasid_pages_ask_cap(pages) == IOASID_CAP_YES)
			ret = charge_owner(pages, npages, true);
		if (ret == -ENOMEM) {
			*limit = charge_limit(pages);
			charge_refused(pages, npages, *limit);
		}
	}
	account_trace(pages, npages, ret);
	return ret;
}

/**
 * ioasid_charge() - charge the owner for @npages more
 * @pages: the object; its owner is alive (current, or held by the caller)
 * @npages: how many
 * @limit: on -ENOMEM from the rlimit, the limit in pages; else untouched
 *
 * The caller records how much it charged, and makes no two charges of one object at
 * once.
 *
 * Return: 0; -ENOMEM (RLIMIT_MEMLOCK), -EINTR, or a policy's errno. After an
 * error nothing of @npages is charged anywhere.
 */
__flatten int ioasid_charge(struct ioasid_pages *pages, unsigned long npages, u64 *limit)
{
	int ret = policies_charge(pages, npages);

	if (ret) {
		account_trace(pages, npages, ret);
		return ret;
	}
	ret = ioasid_charge_owner(pages, npages, ioasid_policy_accounts(&pages->seen_by), limit);
	if (ret)
		policies_uncharge(pages, npages);
	return ret;
}

/*
 * ioasid_charge_fits() - would the rlimit allow to charge current for @npages more?
 *
 * True where a policy decides. What else is charged and uncharged meanwhile may change it.
 */
bool ioasid_charge_fits(struct ioasid_pages *pages, unsigned long npages)
{
	unsigned long max = charge_limit(pages);
	struct user_struct *user = pages->holder->user;
	unsigned long now = user ? atomic_long_read(&user->locked_vm) :
				   READ_ONCE(pages->holder->mm->locked_vm);

	return ioasid_policy_has(IOASID_OP_CHARGE) || now + npages <= max ||
	       ioasid_pages_ask_cap(pages) == IOASID_CAP_YES;
}

/*
 * ioasid_charge_at_once() - must the pages of each object be charged as soon as they are pinned?
 *
 * Yes if a policy decides about them, or a trace event reports them. Otherwise the pages of
 * several small objects of one owner may be charged with one ioasid_charge_sum().
 */
bool ioasid_charge_at_once(void)
{
	return ioasid_policy_has(IOASID_OP_CHARGE) || trace_ioasid_account_enabled();
}

/**
 * ioasid_charge_sum() - charge the owner of one object for pages of several
 * @pages: one of them; they have the same owner, which is current, and no user
 * @npages: of all of them
 *
 * The rlimit bounds the sum, whatever capabilities the caller has. If it is too small,
 * charge the objects one by one with ioasid_charge(), which finds the one that exceeds it.
 *
 * Return: 0, -ENOMEM, -EINTR.
 */
int ioasid_charge_sum(struct ioasid_pages *pages, unsigned long npages)
{
	if (down_write_killable(&pages->holder->mm->mmap_lock))
		return -EINTR;
	return charge_locked_vm(pages, npages, false);
}

/* ioasid_charge_try() - ioasid_charge_sum(), but -EAGAIN while another task has mmap_lock */
int ioasid_charge_try(struct ioasid_pages *pages, unsigned long npages)
{
	if (!down_write_trylock(&pages->holder->mm->mmap_lock))
		return -EAGAIN;
	return charge_locked_vm(pages, npages, false);
}

/* Cannot fail. The locked_vm of an owner that has exited ended with it. */
static void uncharge_locked_vm(struct ioasid_pages *pages, unsigned long npages)
{
	struct mm_struct *mm = pages->holder->mm;
	/* A task keeps its own memory, and a thread of the kernel what it has borrowed. */
	bool other = current->mm != mm;

	if (unlikely(other) && !mmget_not_zero(mm))
		return;
	ioasid_owner_give_back(mm, npages);
	account_trace(pages, -(s64)npages, 0);
	/* This may be the last user: no exit_mmap() under the caller's locks. */
	if (unlikely(other))
		mmput_async(mm);
}

/* ioasid_uncharge_owner() - give back what ioasid_charge_owner() took; cannot fail */
void ioasid_uncharge_owner(struct ioasid_pages *pages, unsigned long npages)
{
	if (!npages)
		return;
	if (likely(!pages->holder->user)) {
		uncharge_locked_vm(pages, npages);
		return;
	}
	atomic_long_sub(npages, &pages->holder->user->locked_vm);
	account_trace(pages, -(s64)npages, 0);
}

/*
 * ioasid_uncharge() - uncharge @npages that ioasid_charge() charged
 *
 * Waits for the mmap_lock of the task's own memory, killably; for another, 100 ms.
 */
void ioasid_uncharge(struct ioasid_pages *pages, unsigned long npages)
{
	if (!npages)
		return;
	ioasid_uncharge_owner(pages, npages);
	policies_uncharge(pages, npages);
}

/*
 * ioasid_charge_return() - the same soon, without waiting for any mmap_lock, and for no policy
 *
 * The caller may hold areas_lock.
 */
void ioasid_charge_return(const struct ioasid_pages *pages, unsigned long npages)
{
	const struct ioasid_holder *h = pages->holder;

	if (!npages)
		return;
	if (h->user)
		atomic_long_sub(npages, &h->user->locked_vm);
	else
		ioasid_debt_add(h->mm, npages);
	account_trace(pages, -(s64)npages, 0);
}

/**
 * ioasid_charge_move() - move a charge of policies from one object to another
 * @to: of the same owner
 * @from: was charged
 * @npages: how many of the pages that policies were charged for, at most; the caller
 *	itself moves them from @from's charged to @to's
 *
 * No other task changes the two: the caller has the areas_lock of their space, or
 * they are its own.
 *
 * All pages of an object are charged to the same policies. If @from was charged to other
 * policies than @to, because one was loaded meanwhile, those of @from are uncharged and
 * those of @to are charged.
 *
 * Return: 0, or the errno of a policy that refuses: then no policy is charged
 * for these pages, and the caller uncharges the rest (ioasid_uncharge()).
 */
int ioasid_charge_move(struct ioasid_pages *to, struct ioasid_pages *from, unsigned long npages)
{
	struct ioasid_seen_by *t = &to->seen_by, *f = &from->seen_by;
	u64 moved = min(f->npages, (u64)npages);
	struct ioasid_who who;

	if (!moved)
		return 0;
	if (t->npages && (t->slots != f->slots || t->seq != f->seq)) {
		/* One of them is LIVE. */
		ioasid_pages_owner(from, &who);
		ioasid_policy_uncharge(&who, moved, f);
		ioasid_pages_owner(to, &who);
		return ioasid_policy_charge(&who, moved, t);
	}
	t->slots = f->slots;
	t->seq = f->seq;
	t->npages += moved;
	f->npages -= moved;
	return 0;
}

/**
 * ioasid_refund_add() - uncharge all of @pages, at the latest with ioasid_refund_flush()
 * @r: the sum for neighbours of one owner, zeroed at first
 * @pages: the object, which stays until then
 *
 * Policies and the trace event are notified at once.
 */
__flatten void ioasid_refund_add(struct ioasid_refund *r, struct ioasid_pages *pages)
{
	unsigned long npages = pages->charged;

	if (!npages)
		return;
	pages->charged = 0;
	/* The count of a user needs no lock. */
	if (pages->holder->user) {
		ioasid_uncharge(pages, npages);
		return;
	}
	if (r->npages && (r->pages->holder->mm != pages->holder->mm || trace_ioasid_account_enabled()))
		ioasid_refund_flush(r);
	r->pages = pages;
	r->npages += npages;
	policies_uncharge(pages, npages);
}

/* ioasid_refund_flush() - uncharge the owner now, or note a debt */
__flatten void ioasid_refund_flush(struct ioasid_refund *r)
{
	if (r->npages)
		uncharge_locked_vm(r->pages, r->npages);
	r->npages = 0;
}
