// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last calls that failed, in /sys/kernel/debug/ioasid/errors, for a report of a fault
 * of which there is no trace. The same failure of the same process in the same address space is one
 * entry, which counts it; another one takes the place of the entry that failed longest ago.
 * No address is noted: in many programs an IOVA is an address of their memory.
 *
 * What can run at the same time: every call that fails. errors_lock is innermost, and is
 * held for a look through the entries.
 */
#include <linux/debugfs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include <trace/events/ioasid.h>

#include "space.h"

#define ERRORS	64

/**
 * struct noted - calls that failed alike
 * @seq: of the last one, counted over all; 0: the entry is free
 * @ns: when that was, CLOCK_MONOTONIC
 * @times: how many there were
 * @who: which process, by the user and cgroup that it had at the last one
 * @comm: name of the thread then
 * @op: enum ioasid_error_op
 * @reason: enum ioasid_reason
 * @err: negative errno; 0 for a group that came in sealed
 */
struct noted {
	u64 seq;
	u64 ns;
	u64 times;
	struct ioasid_who who;
	char comm[TASK_COMM_LEN];
	u32 op;
	u32 reason;
	int err;
};

static DEFINE_SPINLOCK(errors_lock);
static struct noted errors[ERRORS];
static u64 errors_seq;

static bool is_alike(const struct noted *e, const struct noted *other)
{
	return e->who.space == other->who.space && e->who.tgid == other->who.tgid &&
	       e->op == other->op && e->reason == other->reason && e->err == other->err;
}

/* The entry for a failure like @new: its own, or the one that has been left alone longest. */
static struct noted *error_entry(const struct noted *new)
{
	struct noted *e, *oldest = errors;

	lockdep_assert_held(&errors_lock);
	for (e = errors; e < errors + ERRORS; e++) {
		if (e->seq && is_alike(e, new))
			return e;
		if (e->seq < oldest->seq)
			oldest = e;
	}
	oldest->times = 0;
	return oldest;
}

/* ioasid_error() - the current task's call failed: tell the tracepoint, and keep it for a report */
void ioasid_error(const struct ioasid_who *who, enum ioasid_error_op op, int err,
		  const struct ioasid_fail *f)
{
	struct noted new = {
		.ns = ktime_get_ns(),
		.who = *who,
		.op = op,
		.reason = f->reason,
		.err = err,
	}, *e;

	trace_ioasid_error(who, op, err, f->reason, f->a, f->b);
	get_task_comm(new.comm, current);
	spin_lock(&errors_lock);
	e = error_entry(&new);
	new.times = e->times + 1;
	new.seq = ++errors_seq;
	*e = new;
	spin_unlock(&errors_lock);
}

/* The last failure before the one with number @seq. */
static bool error_before(u64 seq, struct noted *found)
{
	const struct noted *e;

	found->seq = 0;
	spin_lock(&errors_lock);
	for (e = errors; e < errors + ERRORS; e++)
		if (e->seq < seq && e->seq > found->seq)
			*found = *e;
	spin_unlock(&errors_lock);
	return found->seq;
}

static int errors_show(struct seq_file *m, void *unused)
{
	struct noted e = { .seq = U64_MAX };
	u64 us;

	seq_puts(m, "seconds space tgid uid comm op err reason times\n");
	while (error_before(e.seq, &e)) {
		us = div_u64(e.ns, NSEC_PER_USEC);
		seq_printf(m, "%llu.%06u %u %u %u ", div_u64(us, USEC_PER_SEC),
			   (u32)(us % USEC_PER_SEC), e.who.space, e.who.tgid, e.who.uid);
		ioasid_show_comm(m, e.comm);
		seq_printf(m, " %u %d %u %llu\n", e.op, e.err, e.reason, e.times);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(errors);

/* ioasid_errors_show() - the file "errors" in our folder of debugfs, which removes it */
void ioasid_errors_show(struct dentry *dir)
{
	debugfs_create_file("errors", 0400, dir, NULL, &errors_fops);
}
