// SPDX-License-Identifier: GPL-2.0-only
/*
 * Begin and end to watch mapped memory (pin/watch.c), for those that ask: a tracer that
 * enables the event ioasid_stale, and policies with the hook stale.
 *
 * The tracer enables the event with locks of the whole system held. So a work item looks
 * for what is mapped; the tracer waits for its first pass, at most a second. A mapping
 * that is made meanwhile is watched by the task that makes it, before its call returns:
 * it is LIVE before the key is on, and the pass finds it, or after that, and the task does.
 * The pass tries mmap_lock only. A process whose lock is held is tried again later,
 * as long as any asks, and so is a mapping for which there was no memory.
 *
 * Not watched: memory of a file that was mapped by its descriptor, which no process need have;
 * and pages that in-kernel users alone have pinned. ioasidctl stale compares the former.
 *
 * What can run at the same time: anything. One work item at a time begins and ends.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <trace/events/ioasid.h>

#include "lib/signal.h"
#include "ops.h"

#define AGAIN	(HZ / 4)

static void watch_work(struct work_struct *work);

static DECLARE_DELAYED_WORK(watcher, watch_work);
static DECLARE_WAIT_QUEUE_HEAD(passed);
static atomic_t askers;		/* how many ask */
static atomic_t changes;	/* of the number */
static atomic_t seen_changes;	/* those that the work item has dealt with */
static bool begun;		/* the work item's */
static bool policies;		/* a policy is one of them; the lock of the policies guards it */
static bool gone;		/* the module ends: an event that is enabled is disabled after that */

/* The first mapping from @iova on that can be watched; areas_lock is held. */
static struct ioasid_area *watch_next(struct ioasid_space *space, u64 iova, u64 last)
{
	struct ioasid_area *area = ioasid_area_first(space, iova, last);

	lockdep_assert_held(&space->areas_lock);
	while (area && (area->state != IOASID_AREA_LIVE || !ioasid_area_pages(area)->pinned ||
			ioasid_area_pages(area)->of_file || area->no_vaddr))
		area = ioasid_area_next(space, area, iova, last);
	return area;
}

/*
 * Watch the area at @iova, if it is still that of @serial, and as long: the task that has cut
 * it in two watches both parts, which have the same number.
 */
static int watch_one(struct ioasid_space *space, u64 iova, u64 serial, struct mm_struct *mm,
		     unsigned long npages, bool wait)
{
	struct ioasid_watch_seen *s;
	struct ioasid_area *area;
	int ret = ioasid_watch_mm(mm, wait);

	if (ret)
		return ret;
	s = ioasid_watch_alloc(npages);
	if (!s)
		return -ENOMEM;
	mutex_lock(&space->areas_lock);
	area = watch_next(space, iova, iova);
	if (area && ioasid_area_serial(area) == serial && ioasid_area_npages(area) == npages) {
		ioasid_watch_add(s, ioasid_area_pages(area), ioasid_area_first_page(area),
				 space->entry.id, ioasid_area_start(area));
		s = NULL;
	}
	mutex_unlock(&space->areas_lock);
	kvfree(s);
	return 0;
}

/*
 * Watch the mappings in a range; with @wait for the mmap_lock of their owners, killably.
 * Return: 0, or the errno of the last that is not watched.
 */
static int watch_range(struct ioasid_space *space, u64 iova, u64 last, bool wait)
{
	struct ioasid_area *area;
	struct mm_struct *mm;
	unsigned long npages;
	int ret = 0, err;
	u64 serial, start, end;

	ioasid_assert_may_wait(space);
	do {
		mutex_lock(&space->areas_lock);
		area = watch_next(space, iova, last);
		if (area) {
			start = ioasid_area_start(area);
			end = ioasid_area_last(area);
			serial = ioasid_area_serial(area);
			npages = ioasid_area_npages(area);
			mm = ioasid_pages_mm(ioasid_area_pages(area));
		}
		mutex_unlock(&space->areas_lock);
		if (!area)
			break;
		err = watch_one(space, start, serial, mm, npages, wait);
		ret = err ?: ret;
		mmdrop(mm);
		iova = end + 1;
		cond_resched();
	} while (iova && iova <= last);
	return ret;
}

/**
 * __ioasid_watch_range() - watch the mappings in a range that a call has made
 * @space: a reference on its memory is held, and no lock
 * @iova: first address
 * @last: last address
 *
 * Waits for the mmap_lock of their owners, killably. No call fails because of it: what
 * cannot be watched now, for want of memory, is tried again by the work item.
 */
void __ioasid_watch_range(struct ioasid_space *space, u64 iova, u64 last)
{
	if (watch_range(space, iova, last, true))
		queue_delayed_work(system_unbound_wq, &watcher, AGAIN);
}

/* Of one address space; what it could not watch is tried again. */
static void watch_space(struct ioasid_space_entry *e, void *data)
{
	int *ret = data;

	*ret = watch_range(ioasid_space_of(e), 0, U64_MAX, false) ?: *ret;
}

/* Begin or end, or try once more what was busy. */
static void watch_work(struct work_struct *work)
{
	int at = atomic_read(&changes), ret = 0;
	bool on = atomic_read(&askers);

	if (on && !begun)
		ioasid_watch_begin();
	else if (!on && begun)
		ioasid_watch_end();
	begun = on;
	if (on)
		ioasid_spaces_each(watch_space, &ret);
	atomic_set(&seen_changes, at);
	wake_up_all(&passed);
	if (ret)
		queue_delayed_work(system_unbound_wq, &watcher, AGAIN);
}

/* One more asks: wait for the first pass, but not for a process that does not let it. */
static void watch_ask(void)
{
	int at;

	atomic_inc(&askers);
	at = atomic_inc_return(&changes);
	mod_delayed_work(system_unbound_wq, &watcher, 0);
	wait_event_timeout(passed, atomic_read(&seen_changes) - at >= 0, HZ);
}

/* One less asks; with the last one what is watched ends soon. */
static void watch_leave(void)
{
	atomic_dec(&askers);
	atomic_inc(&changes);
	if (!READ_ONCE(gone))
		mod_delayed_work(system_unbound_wq, &watcher, 0);
}

/* ioasid_stale_reg() - the event is being enabled: see TRACE_EVENT_FN() */
int ioasid_stale_reg(void)
{
	if (READ_ONCE(gone))
		return -ENODEV;
	watch_ask();
	return 0;
}

/* ioasid_stale_unreg() - it was disabled */
void ioasid_stale_unreg(void)
{
	watch_leave();
}

/* See ioasid_policy_on_stale(). */
static void watch_for_policies(bool wanted)
{
	if (wanted == policies)
		return;
	policies = wanted;
	if (wanted)
		watch_ask();
	else
		watch_leave();
}

/* ioasid_watch_init() - before policies can be loaded */
void ioasid_watch_init(void)
{
	ioasid_policy_on_stale(watch_for_policies);
}

/*
 * ioasid_watch_exit() - the module ends; no address space is left
 *
 * The event may be enabled: the kernel disables it later, and may enable it at this moment.
 * disable_delayed_work_sync() also refuses what is queued after it.
 */
void ioasid_watch_exit(void)
{
	WRITE_ONCE(gone, true);
	disable_delayed_work_sync(&watcher);
	if (begun)
		ioasid_watch_end();
}
