/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Giving up: a process that is killed, or a request on a ring that is
 * cancelled. The latter runs in a worker thread of io_uring, which gets a
 * notification instead of a signal.
 */
#ifndef _IOASID_SIGNAL_H
#define _IOASID_SIGNAL_H

#include <linux/sched.h>
#include <linux/sched/signal.h>

#include <ioasid/policy.h>

static inline bool ioasid_on_ring(void)
{
	return unlikely(current->flags & PF_IO_WORKER);
}

/** ioasid_interrupted() - 0, -EINTR (killed) or -ECANCELED: stop and unwind */
static inline int ioasid_interrupted(void)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	return ioasid_on_ring() && signal_pending(current) ? -ECANCELED : 0;
}

/** ioasid_wait_state() - how to sleep so that either wakes us */
static inline unsigned int ioasid_wait_state(void)
{
	return ioasid_on_ring() ? TASK_INTERRUPTIBLE : TASK_KILLABLE;
}

/** ioasid_err_reason() - @err came from ioasid_interrupted(), or for @otherwise */
static inline enum ioasid_reason ioasid_err_reason(int err, enum ioasid_reason otherwise)
{
	return err == -EINTR || err == -ECANCELED ? IOASID_R_SIGNAL : otherwise;
}

#endif /* _IOASID_SIGNAL_H */
