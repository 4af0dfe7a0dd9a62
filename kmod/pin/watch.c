// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped memory is watched while a tracer asks for the event ioasid_stale, or a policy has
 * the hook stale: a process that unmaps, moves or discards memory which an IOMMU still has
 * goes on with another page than the device does. Nothing is wrong for the kernel, which
 * keeps the page; so the process is named as it does that.
 *
 *	watch	the MMU notifier of one process: this file
 *	seen	a mapping of its memory, by address: watched.c
 *	gone	which pages it loses, and the reports: gone.c
 *
 * What can run at the same time: anything. A callback runs with the mmap_lock of the
 * process, the lock of a VMA, the i_mmap_rwsem of a file, or that of an anon_vma, held by the
 * task that makes the change; reclaim calls it as well, and it may be called where
 * nothing may sleep. So a callback takes one lock of ours, the spinlock ioasid_watch_lock:
 *
 *	mmap_lock, i_mmap_rwsem, anon_vma, VMA     domains_rwsem, areas_lock
 *	          \                                   /
 *	           +------- ioasid_watch_lock -------+
 *	                            |
 *	                    owner_lock (pages.c)
 *
 * Page-table locks are released before a notifier is called, and none is taken in one
 * (gone.c reads the page table without). areas_lock is not taken in a callback, because
 * memory is allocated under it, and that may reclaim. Nothing sleeps and nothing is
 * allocated under ioasid_watch_lock; programs run when it was released.
 *
 * A notifier is registered under the mmap_lock of the process, for writing, with no lock
 * of ours held. The work item that begins to watch what exists only tries that lock: a
 * page fault of the process may hold it for ever, and other processes would wait for it.
 * A notifier is removed with no lock held, which waits for its callbacks: by
 * ioasid_watch_end(), or by the work item that watch_release() queues when the process
 * ends. The task that takes a watch out of its list removes it.
 *
 * A change of protection, a soft-dirty bit and a PTE that reclaim writes back leave the page
 * where it is: their events are ignored.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../compat/mm.h"
#include "lib/signal.h"
#include "watch.h"

DEFINE_STATIC_KEY_FALSE(ioasid_watch_key);

static void watch_reap(struct work_struct *work);

/* Under ioasid_watch_lock. */
static LIST_HEAD(watches);
static LIST_HEAD(ended);
static unsigned int nr_watches;
static bool watching;

static DECLARE_WORK(reaper, watch_reap);

/* Called as the change ends, when the page tables are as it leaves them. */
static void watch_changed(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct ioasid_watch *w = container_of(mn, struct ioasid_watch, mn);

	if (range->event == MMU_NOTIFY_UNMAP)
		ioasid_gone_report(w, range, IOASID_CHANGE_UNMAP);
	else if (range->event == MMU_NOTIFY_CLEAR && !(current->flags & PF_MEMALLOC))
		ioasid_gone_report(w, range, IOASID_CHANGE_CLEAR);
}

/* The process ends, or runs another program, with this mapped; or the notifier is removed. */
static void watch_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct ioasid_watch *w = container_of(mn, struct ioasid_watch, mn);
	LIST_HEAD(freed);

	ioasid_gone_report(w, NULL, IOASID_CHANGE_EXIT);
	spin_lock(&ioasid_watch_lock);
	if (!w->over) {
		w->over = true;
		ioasid_seen_take_all(w, &freed);
		list_move(&w->link, &ended);
		queue_work(system_unbound_wq, &reaper);
	}
	spin_unlock(&ioasid_watch_lock);
	ioasid_seen_free(&freed);
}

static const struct mmu_notifier_ops watch_ops = {
	.invalidate_range_end = watch_changed,
	.release = watch_release,
};

/* Remove what was moved to @list, one after the other. */
static void watch_remove_all(struct list_head *list)
{
	struct ioasid_watch *w;

	for (;;) {
		spin_lock(&ioasid_watch_lock);
		w = list_first_entry_or_null(list, struct ioasid_watch, link);
		if (w) {
			list_del(&w->link);
			nr_watches--;
		}
		spin_unlock(&ioasid_watch_lock);
		if (!w)
			return;
		mmu_notifier_unregister(&w->mn, w->mn.mm);
		kfree(w);
	}
}

/* Processes that ended need no notifier any more. */
static void watch_reap(struct work_struct *work)
{
	watch_remove_all(&ended);
}

/* ioasid_watch_find() - the watch of @mm, or NULL: also when none asks; the lock is held */
struct ioasid_watch *ioasid_watch_find(const struct mm_struct *mm)
{
	struct ioasid_watch *w;

	lockdep_assert_held(&ioasid_watch_lock);
	list_for_each_entry(w, &watches, link)
		if (w->mn.mm == mm)
			return w;
	return NULL;
}

static bool watch_has(const struct mm_struct *mm)
{
	bool has;

	spin_lock(&ioasid_watch_lock);
	has = ioasid_watch_find(mm) || !watching;
	spin_unlock(&ioasid_watch_lock);
	return has;
}

/* Registering gives up for any signal, where a map is to end for a fatal one only. */
static int watch_register(struct ioasid_watch *w, struct mm_struct *mm)
{
	sigset_t all, old;
	int ret;

	mmap_assert_write_locked(mm);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	ret = __mmu_notifier_register(&w->mn, mm);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}

/*
 * The mmap_lock, for writing, keeps other tasks from watching the same process.
 * Return: 0; 1 with a notifier that is not needed any more; -errno.
 */
static int watch_locked(struct ioasid_watch *w, struct mm_struct *mm)
{
	int ret;

	if (watch_has(mm))
		return -EEXIST;
	w->mn.ops = &watch_ops;
	w->seen = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&w->link);
	ret = watch_register(w, mm);
	if (ret)
		return ret;
	spin_lock(&ioasid_watch_lock);
	if (watching) {
		list_add(&w->link, &watches);
		nr_watches++;
	} else {
		w->over = true;
		ret = 1;
	}
	spin_unlock(&ioasid_watch_lock);
	return ret;
}

/**
 * ioasid_watch_mm() - watch a process
 * @mm: its memory
 * @wait: for its mmap_lock, killably; otherwise only try it
 *
 * Context: no lock of ours held.
 * Return: 0, also if it has ended or none asks any more; -EAGAIN, -EINTR, -ENOMEM.
 */
int ioasid_watch_mm(struct mm_struct *mm, bool wait)
{
	struct ioasid_watch *w;
	int ret = 0;

	might_sleep();
	if (watch_has(mm))
		return 0;
	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return -ENOMEM;
	if (!mmget_not_zero(mm)) {
		kfree(w);
		return 0;
	}
	if (wait)
		ret = mmap_write_lock_killable(mm) ? -EINTR : 0;
	else if (!compat_mmap_write_trylock(mm))
		ret = -EAGAIN;
	if (!ret) {
		ret = watch_locked(w, mm);
		mmap_write_unlock(mm);
		/* The lock is not to be held for the grace period. */
		if (ret == 1)
			mmu_notifier_unregister(&w->mn, mm);
	}
	mmput_async(mm);
	if (ret)
		kfree(w);
	return ret == -EEXIST || ret == 1 ? 0 : ret;
}

/**
 * ioasid_watch_begin() - from now on mappings are watched; the caller then looks for all
 *
 * The key is on before the first mapping is entered: see watched.c.
 */
void ioasid_watch_begin(void)
{
	static_branch_enable(&ioasid_watch_key);
	spin_lock(&ioasid_watch_lock);
	watching = true;
	spin_unlock(&ioasid_watch_lock);
}

/* ioasid_watch_end() - none asks any more: no notifier is left on return */
void ioasid_watch_end(void)
{
	struct ioasid_watch *w;
	LIST_HEAD(freed);
	LIST_HEAD(all);

	might_sleep();
	spin_lock(&ioasid_watch_lock);
	watching = false;
	list_for_each_entry(w, &watches, link) {
		w->over = true;
		ioasid_seen_take_all(w, &freed);
	}
	list_splice_init(&watches, &all);
	spin_unlock(&ioasid_watch_lock);
	ioasid_seen_free(&freed);
	/* Waits for callbacks. */
	watch_remove_all(&all);
	flush_work(&reaper);
	static_branch_disable(&ioasid_watch_key);
}

/* ioasid_watch_count() - how much is watched, and was reported */
void ioasid_watch_count(struct ioasid_watch_counts *c)
{
	spin_lock(&ioasid_watch_lock);
	c->processes = nr_watches;
	spin_unlock(&ioasid_watch_lock);
	c->mappings = ioasid_watch_nr_seen();
	ioasid_gone_count(c);
}
