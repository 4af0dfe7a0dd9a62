/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Giving up: the caller is killed, or its request on a ring is cancelled.
 *
 * A request that may wait runs in a worker thread of io_uring. io_uring cancels it, and
 * ends the workers of a ring that goes away, with TIF_NOTIFY_SIGNAL. TIF_SIGPENDING
 * says something else: the process is stopped, frozen or traced. The worker
 * obeys that when its request is done, so until then it must neither give up
 * nor sleep interruptibly: an interruptible sleep would end at once, each time.
 */
#ifndef _IOASID_SIGNAL_H
#define _IOASID_SIGNAL_H

#include <linux/freezer.h>
#include <linux/hrtimer.h>
#include <linux/livepatch.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include <ioasid/policy.h>

/* How often a worker that cannot be woken by a cancellation looks for one. */
#define IOASID_CANCEL_POLL_MS	20

/*
 * Is it such a worker? The thread that polls the submission queue has the flag of one, but
 * its TIF_NOTIFY_SIGNAL means that any request of its rings has news: nothing is cancelled.
 */
static inline bool ioasid_on_ring(void)
{
	return unlikely(current->flags & PF_IO_WORKER) && current->worker_private;
}

static inline bool ioasid_cancelled(void)
{
	if (!test_thread_flag(TIF_NOTIFY_SIGNAL))
		return false;
	/* A livepatch that waits for this thread notifies it in the same way. */
	if (klp_patch_pending(current)) {
		clear_notify_signal();
		return false;
	}
	return true;
}

/** ioasid_interrupted() - 0, -EINTR (killed) or -ECANCELED: stop and unwind */
static inline int ioasid_interrupted(void)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	return ioasid_on_ring() && ioasid_cancelled() ? -ECANCELED : 0;
}

/* Would an interruptible sleep of this worker end at once, for no reason of ours? */
static inline bool ioasid_wait_polls(void)
{
	return ioasid_on_ring() && task_sigpending(current);
}

/**
 * ioasid_wait_state() - how to sleep so that what ioasid_interrupted() looks for wakes us
 *
 * While ioasid_wait_polls() a cancellation does not: sleep IOASID_CANCEL_POLL_MS at most.
 */
static inline unsigned int ioasid_wait_state(void)
{
	if (!ioasid_on_ring())
		return TASK_KILLABLE;
	return ioasid_wait_polls() ? TASK_KILLABLE | TASK_FREEZABLE : TASK_INTERRUPTIBLE;
}

/** ioasid_wait_schedule() - sleep, in the state that ioasid_wait_state() returned */
static inline void ioasid_wait_schedule(void)
{
	bool polls = ioasid_on_ring() && !(get_current_state() & TASK_INTERRUPTIBLE);

	schedule_timeout(polls ? msecs_to_jiffies(IOASID_CANCEL_POLL_MS) : MAX_SCHEDULE_TIMEOUT);
}

/** ioasid_sleep_until() - true at that time, false earlier: look for ioasid_interrupted() */
static inline bool ioasid_sleep_until(ktime_t until)
{
	ktime_t next = until;

	set_current_state(ioasid_wait_state());
	if (ioasid_wait_polls())
		next = min(until, ktime_add_ms(ktime_get(), IOASID_CANCEL_POLL_MS));
	schedule_hrtimeout(&next, HRTIMER_MODE_ABS);
	return ktime_get() >= until;
}

/** ioasid_err_reason() - @err came from ioasid_interrupted(), or for @otherwise */
static inline enum ioasid_reason ioasid_err_reason(int err, enum ioasid_reason otherwise)
{
	return err == -EINTR || err == -ECANCELED ? IOASID_R_SIGNAL : otherwise;
}

/** ioasid_charge_reason() - @err and @limit came from ioasid_charge() */
static inline enum ioasid_reason ioasid_charge_reason(int err, u64 limit)
{
	return limit ? IOASID_R_MEMLOCK : ioasid_err_reason(err, IOASID_R_POLICY);
}

#endif /* _IOASID_SIGNAL_H */
