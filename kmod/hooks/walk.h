/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walk the policies that have a hook, and call it. Every hook takes this path, so it is
 * inline.
 *
 * The walk is an RCU read section with preemption off. Nothing in a walk sleeps. The walk
 * is empty when the task is inside a BPF program already. bpf_ctx tells: it is set
 * while a program runs, and between two programs of ours it points to our own frame,
 * which ends with the call.
 */
#ifndef _IOASID_POLICY_WALK_H
#define _IOASID_POLICY_WALK_H

#include <linux/bitops.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "../compat/cycles.h"
#include "seen_by.h"
#include "set.h"

/**
 * struct ioasid_policy_walk - position in the set
 * @set: what is walked
 * @prog: the programs that the walk is at
 * @op: the hook
 * @left: those that follow, a bit each
 */
struct ioasid_policy_walk {
	struct ioasid_policy_set *set;
	struct ioasid_policy_prog *prog;
	enum ioasid_op op;
	u32 left;
};

static __always_inline void ioasid_walk_begin(struct ioasid_policy_walk *w, enum ioasid_op op)
{
	w->op = op;
	ioasid_walk_lock();
	w->set = rcu_dereference_check(ioasid_policy_set, rcu_read_lock_any_held());
	if (unlikely(current->bpf_ctx))
		w->set = &ioasid_policy_none;
	w->left = w->set->has[op];
}

static __always_inline void ioasid_walk_end(struct ioasid_policy_walk *w)
{
	ioasid_walk_unlock();
}

/* The next policy that has the hook, whatever its state; false at the end. */
static __always_inline bool ioasid_walk_next(struct ioasid_policy_walk *w)
{
	if (!w->left)
		return false;
	w->prog = w->set->prog[__ffs(w->left)];
	w->left &= w->left - 1;
	return true;
}

/*
 * Those of @among that the walk has passed, a bit each. @among is what it began with.
 * The one that it is at is not among them; ejected ones are.
 */
static __always_inline u32 ioasid_walk_passed(const struct ioasid_policy_walk *w, u32 among)
{
	u32 seen = among & ~w->left;

	return seen & ~BIT(__fls(seen));
}

/* All that have hook @op, and are enabled. */
#define ioasid_walk_enabled(w)							\
	while (ioasid_walk_next(w))						\
		if (ioasid_policy_enabled((w)->prog))

/* All that have hook @op, are enabled, and whose scope contains @who. */
#define ioasid_walk_scope(w, who)						\
	while (ioasid_walk_next(w))						\
		if (ioasid_policy_enabled((w)->prog) &&				\
		    ioasid_policy_in_scope((w)->prog, who))

/* All that have it, are enabled, and are in @seen_by. */
#define ioasid_walk_seen_by(w, seen_by)						\
	while (ioasid_walk_next(w))						\
		if (ioasid_policy_enabled((w)->prog) &&				\
		    ioasid_seen_by_has(seen_by, (w)->prog))

static inline void ioasid_policy_refused_by(struct ioasid_policy_refusal *no,
					    const struct ioasid_policy_prog *r, u64 from)
{
	no->by = r->policy->link ? r->policy->link->id : 0;
	no->seq = r->seq;
	no->from = from;
}

/* Set what is read later; the rest of the frame stays uninitialised. */
static __always_inline void ioasid_hook_enter(struct ioasid_policy_frame *f,
					      struct ioasid_policy_prog *r, enum ioasid_op op)
{
	f->tramp.saved_run_ctx = &f->tramp.run_ctx;
	f->prog = r;
	f->op = op;
	this_cpu_inc(r->stats->calls[op]);
	bpf_set_run_ctx(&f->tramp.run_ctx);
	f->start = compat_cycles();
}

static __always_inline void ioasid_hook_leave(struct ioasid_policy_frame *f)
{
	u64 took = compat_cycles() - f->start;

	bpf_reset_run_ctx(NULL);
	if (unlikely(took > f->prog->limit))
		ioasid_policy_slow(f, took);
}

/* Call hook @lower of the policy that the walk is at. */
#define ioasid_walk_call(w, lower, ...)						\
({										\
	struct ioasid_policy_frame __f __uninitialized;				\
	typeof((w)->prog->ops->lower(__VA_ARGS__)) __ret;			\
										\
	ioasid_hook_enter(&__f, (w)->prog, (w)->op);				\
	__ret = (w)->prog->ops->lower(__VA_ARGS__);				\
	ioasid_hook_leave(&__f);						\
	__ret;									\
})

/* The same for a hook without a return value. */
#define ioasid_walk_notify(w, lower, ...)					\
do {										\
	struct ioasid_policy_frame __f __uninitialized;				\
										\
	ioasid_hook_enter(&__f, (w)->prog, (w)->op);				\
	(w)->prog->ops->lower(__VA_ARGS__);					\
	ioasid_hook_leave(&__f);						\
} while (0)

#endif /* _IOASID_POLICY_WALK_H */
