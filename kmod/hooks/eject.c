// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eject a policy, and publish the reason; make the moves of a prog's state that set.h
 * draws.
 *
 * What can run at the same time: hooks of the same prog on other CPUs, which may find a fault
 * at the same time; who loads, replaces or unloads, and ends the prog. The first
 * to move the state writes down why and sees to it that exit is called.
 */
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include <trace/events/ioasid.h>

#include "set.h"

static DEFINE_MUTEX(last_lock);	/* guards the reason of the last exit */
static char last_name[IOASID_POLICY_NAME_LEN];
static struct ioasid_exit_info last_info;

/* Move from LOADING, ENABLED and, if @leaving, LEAVING. Return: this call moved it. */
static bool eject_move(struct ioasid_policy_prog *r, enum ioasid_policy_state to, bool leaving)
{
	int state = atomic_read(&r->state);

	do {
		if (state > (leaving ? IOASID_POLICY_LEAVING : IOASID_POLICY_ENABLED))
			return false;
	} while (!atomic_try_cmpxchg(&r->state, &state, to));
	return true;
}

static void eject_backtrace(struct ioasid_exit_info *info)
{
	unsigned long bt[IOASID_POLICY_BT_LEN];
	unsigned int i;

	/* Skip this function and its caller. */
	info->bt_len = stack_trace_save(bt, ARRAY_SIZE(bt), 2);
	for (i = 0; i < info->bt_len; i++)
		info->bt[i] = bt[i];
}

/**
 * ioasid_policy_eject() - eject a policy: no hook of it is called from now on
 * @r: its programs
 * @kind: enum ioasid_exit_kind
 * @hook: the hook that ran, or ""
 * @value: what it returned, or the like
 * @fmt: the reason, as text
 *
 * The first call decides the reason. A prog that has ended, or is LEAVING, stays as it
 * is. Does not sleep. Return: this call ejected it.
 */
bool ioasid_policy_eject(struct ioasid_policy_prog *r, u32 kind, const char *hook, s64 value,
			 const char *fmt, ...)
{
	va_list args;
	bool mine;

	/* ioasid_policy_settle() waits for this section, and then for the work. */
	rcu_read_lock();
	mine = eject_move(r, IOASID_POLICY_EJECTING, false);
	if (mine) {
		r->info.kind = kind;
		r->info.value = value;
		strscpy(r->info.hook, hook, sizeof(r->info.hook));
		va_start(args, fmt);
		vscnprintf(r->info.msg, sizeof(r->info.msg), fmt, args);
		va_end(args);
		eject_backtrace(&r->info);
		atomic_set_release(&r->state, IOASID_POLICY_EJECTED);
		queue_work(system_unbound_wq, &r->work);
	}
	rcu_read_unlock();
	return mine;
}

/* ioasid_policy_leave() - another prog inherits from @r; false if it is not ENABLED */
bool ioasid_policy_leave(struct ioasid_policy_prog *r)
{
	return atomic_cmpxchg(&r->state, IOASID_POLICY_ENABLED, IOASID_POLICY_LEAVING) ==
	       IOASID_POLICY_ENABLED;
}

/* ioasid_policy_end() - from now on @r cannot be ejected; false if it was */
bool ioasid_policy_end(struct ioasid_policy_prog *r)
{
	return eject_move(r, IOASID_POLICY_ENDED, true);
}

/* ioasid_policy_settle() - wait until the work item has called exit of @r, which was ejected */
void ioasid_policy_settle(struct ioasid_policy_prog *r)
{
	/* After this the work is queued, or done. */
	synchronize_rcu_expedited();
	flush_work(&r->work);
}

/* Save what dump() prints; no hook runs any more. */
static void eject_dump(struct ioasid_policy_prog *r)
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

static void eject_set_last(const char *name, const struct ioasid_exit_info *info)
{
	mutex_lock(&last_lock);
	strscpy(last_name, name, sizeof(last_name));
	last_info = *info;
	mutex_unlock(&last_lock);
}

/*
 * ioasid_policy_last_exit() - which policy ended last, and why
 *
 * @name has room for IOASID_POLICY_NAME_LEN bytes; @info->kind is 0 when none has ended.
 */
void ioasid_policy_last_exit(char *name, struct ioasid_exit_info *info)
{
	mutex_lock(&last_lock);
	memcpy(name, last_name, sizeof(last_name));
	*info = last_info;
	mutex_unlock(&last_lock);
}

/**
 * ioasid_policy_finish() - report that programs ended: to the log, events, and exit last
 * @r: no hook of it runs any more, and no task reads its dump
 *
 * Called once for a prog, on behalf of the task that moved its state.
 */
void ioasid_policy_finish(struct ioasid_policy_prog *r)
{
	eject_dump(r);
	eject_set_last(r->policy->name, &r->info);
	trace_ioasid_policy(r->policy->name, &r->info);
	if (r->info.kind >= IOASID_EXIT_ERROR)
		pr_warn("policy %s ejected: %s\n", r->policy->name, r->info.msg);
	ioasid_policy_call_exit(r);
}
