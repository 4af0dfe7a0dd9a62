/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Times of phases: read the clock only if an event or a policy reports them. And the
 * steps at which a large map reports its progress.
 */
#ifndef _IOASID_CLOCK_H
#define _IOASID_CLOCK_H

#include <linux/timekeeping.h>

/** ioasid_clock() - now in ns, or 0 unless a tracepoint or a policy @listens */
static inline u64 ioasid_clock(bool listens)
{
	return listens ? ktime_get_ns() : 0;
}

/** ioasid_lap() - add the time since *@t to *@sum and restart *@t */
static inline void ioasid_lap(bool listens, u64 *t, u64 *sum)
{
	u64 now;

	if (!listens)
		return;
	now = ktime_get_ns();
	*sum += now - *t;
	*t = now;
}

/* Pages between two events that say how far a map got. */
#define IOASID_PROGRESS_PAGES	(1UL << 14)

/** ioasid_milestone() - was a multiple of IOASID_PROGRESS_PAGES passed by the last @n of @done */
static inline bool ioasid_milestone(unsigned long done, unsigned long n)
{
	return (done ^ (done - n)) >= IOASID_PROGRESS_PAGES;
}

#endif /* _IOASID_CLOCK_H */
