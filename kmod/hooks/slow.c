// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a hook too slow?
 *
 * The clock that times a call also counts interrupts, and the time in which the host ran
 * another guest; no supported kernel says how much that was. So one long call proves
 * nothing. But interrupts and the host hit a call only as often as calls are under way,
 * which is seldom, while a slow program is slow in each call. So what decides is the
 * share of slow calls, over several periods: one bad second must not eject a policy
 * that enforces limits.
 *
 * For each hook, time is cut into periods of at least a second with at least
 * CALLS_MIN calls. A period is bad when SHARE of its calls were slow, and
 * PERIODS bad ones in a row eject the policy. An empty program takes a microsecond: it
 * would be ejected only if every other call of it were interrupted.
 *
 * What can run at the same time: the same hook on other CPUs. Nothing is written where calls
 * are fast: the first slow call after the end of a period judges it.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/spinlock.h>

#include "../compat/cycles.h"
#include "walk.h"

#define CALLS_MIN	8
#define PERIODS		3
/* Every other call. */
#define SHARE(calls)	((calls) / 2)

static u64 slow_calls_so_far(const struct ioasid_policy_prog *r, u32 op)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(r->stats, cpu)->calls[op]);
	return sum;
}

/* ioasid_policy_pace_init() - the first period begins; the counts may be of programs before */
void ioasid_policy_pace_init(struct ioasid_policy_prog *r)
{
	u32 op;

	spin_lock_init(&r->pace_lock);
	for (op = 0; op < IOASID_OP_NR; op++) {
		r->pace[op].since = jiffies;
		r->pace[op].calls = slow_calls_so_far(r, op);
	}
}

static bool slow_is_over(const struct ioasid_policy_pace *pace)
{
	return time_after_eq(jiffies, READ_ONCE(pace->since) + HZ);
}

/* The period ends, if it had enough calls. Return: bad ones in a row; @calls and @slow of it. */
static unsigned int slow_judge(struct ioasid_policy_prog *r, u32 op, u64 *calls, u64 *slow)
{
	struct ioasid_policy_pace *pace = &r->pace[op];
	u64 now = slow_calls_so_far(r, op);

	*calls = now - pace->calls;
	if (*calls < CALLS_MIN)
		return 0;
	*slow = atomic_xchg(&pace->slow, 0);
	pace->calls = now;
	WRITE_ONCE(pace->since, jiffies);
	pace->bad = *slow >= SHARE(*calls) ? pace->bad + 1 : 0;
	return pace->bad;
}

/* ioasid_policy_slow() - a call took @cycles, which is too long; preemption is off */
void ioasid_policy_slow(struct ioasid_policy_frame *f, u64 cycles)
{
	struct ioasid_policy_prog *r = f->prog;
	struct ioasid_policy_pace *pace = &r->pace[f->op];
	const char *hook = ioasid_policy_hook_name[f->op];
	u64 calls = 0, slow = 0, us = compat_cycles_to_us(cycles);
	unsigned int bad = 0;

	this_cpu_inc(r->stats->slow);
	atomic_inc(&pace->slow);
	/* Another CPU judges this period already. */
	if (!slow_is_over(pace) || !spin_trylock(&r->pace_lock))
		return;
	if (slow_is_over(pace))
		bad = slow_judge(r, f->op, &calls, &slow);
	spin_unlock(&r->pace_lock);
	if (bad >= PERIODS)
		ioasid_policy_eject(r, IOASID_EXIT_ERROR_SLOW, hook, us,
				    "%s took more than %llu us in %llu of %llu calls, %llu us in the last one",
				    hook, compat_cycles_to_us(r->limit), slow, calls, us);
}
