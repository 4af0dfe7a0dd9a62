// SPDX-License-Identifier: GPL-2.0-only
/*
 * Throwing a policy out, and telling everybody why.
 *
 * Who else can run: hooks of the same run on other CPUs, which may find a fault
 * at the same time: the first to flip the state writes down why. Unloading and
 * replacing, which publish a set without the run, wait for the hooks, and then
 * for our work item: so the work is the only one who calls exit, or they are.
 */
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include <trace/events/ioasid.h>

#include "../compat/cycles.h"
#include "policy.h"

/* This many slow calls within a second are too many. */
#define SLOW_MAX	16

static bool flip(struct ioasid_policy_run *r)
{
	int state = atomic_read(&r->state);

	do {
		if (state >= IOASID_POLICY_EJECTING)
			return false;
	} while (!atomic_try_cmpxchg(&r->state, &state, IOASID_POLICY_EJECTING));
	return true;
}

static void save_backtrace(struct ioasid_exit_info *info)
{
	unsigned long bt[IOASID_POLICY_BT_LEN];
	unsigned int i;

	/* Without this function and its caller. */
	info->bt_len = stack_trace_save(bt, ARRAY_SIZE(bt), 2);
	for (i = 0; i < info->bt_len; i++)
		info->bt[i] = bt[i];
}

/**
 * ioasid_policy_eject() - throw a policy out; none of its hooks begins any more
 * @r: its programs
 * @kind: enum ioasid_exit_kind
 * @hook: the hook that ran, or ""
 * @value: what it returned, or the like
 * @fmt: why, for people
 *
 * The first to find a fault says why. Does not sleep. Return: was it me?
 */
bool ioasid_policy_eject(struct ioasid_policy_run *r, u32 kind, const char *hook, s64 value,
			 const char *fmt, ...)
{
	va_list args;

	if (!flip(r))
		return false;
	r->info.kind = kind;
	r->info.value = value;
	strscpy(r->info.hook, hook, sizeof(r->info.hook));
	va_start(args, fmt);
	vscnprintf(r->info.msg, sizeof(r->info.msg), fmt, args);
	va_end(args);
	save_backtrace(&r->info);
	atomic_set_release(&r->state, IOASID_POLICY_EJECTED);
	queue_work(system_unbound_wq, &r->work);
	return true;
}

/* ioasid_policy_slow() - a call took @cycles, which is too long; preemption was off */
void ioasid_policy_slow(struct ioasid_policy_frame *f, u64 cycles)
{
	struct ioasid_policy_run *r = f->run;

	this_cpu_inc(r->policy->stats->slow);
	if (time_after(jiffies, READ_ONCE(r->slow_since) + HZ)) {
		WRITE_ONCE(r->slow_since, jiffies);
		atomic_set(&r->slow, 0);
	}
	if (atomic_inc_return(&r->slow) >= SLOW_MAX) {
		const char *hook = ioasid_policy_hook_name[f->op];
		u64 us = compat_cycles_to_us(cycles);

		ioasid_policy_eject(r, IOASID_EXIT_ERROR_SLOW, hook, us,
				    "%s took %llu us, more than %llu us for the %dth time within a second",
				    hook, us, compat_cycles_to_us(r->limit), SLOW_MAX);
	}
}

/* The programs' last words; no hook runs any more. */
static void finish_dump(struct ioasid_policy_run *r)
{
	char *buf;

	if (r->info.kind < IOASID_EXIT_ERROR || !r->ops->dump)
		return;
	buf = kzalloc(IOASID_POLICY_DUMP_LEN, GFP_KERNEL);
	if (!buf)
		return;
	ioasid_policy_call_dump(r, buf, &r->info.dump_len);
	smp_store_release(&r->dump, buf);
}

/**
 * ioasid_policy_finish() - tell that a policy's programs ended, the programs last
 * @r: unpublished or ejected, and no hook of it runs any more
 *
 * Called once for a run; the callers keep each other out.
 */
void ioasid_policy_finish(struct ioasid_policy_run *r)
{
	if (r->exited)
		return;
	r->exited = true;
	finish_dump(r);
	ioasid_policy_sysfs_last(r->policy->name, &r->info);
	trace_ioasid_policy(r->policy->name, &r->info);
	if (r->info.kind >= IOASID_EXIT_ERROR)
		pr_warn("policy %s ejected: %s\n", r->policy->name, r->info.msg);
	ioasid_policy_call_exit(r);
}

/* ioasid_policy_eject_work() - the part of an ejection that may sleep */
void ioasid_policy_eject_work(struct work_struct *work)
{
	struct ioasid_policy_run *r = container_of(work, struct ioasid_policy_run, work);

	ioasid_policy_refresh();
	synchronize_rcu_expedited();
	ioasid_policy_finish(r);
}
