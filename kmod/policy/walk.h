/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walking the policies that have a hook, and calling it: the path that every
 * hook takes, and so inline.
 *
 * The walk is an SRCU read section. It is empty when the task is inside a BPF
 * program already: bpf_ctx is set while any runs, and between two of ours only
 * to our own frame, which never outlives the call.
 */
#ifndef _IOASID_POLICY_WALK_H
#define _IOASID_POLICY_WALK_H

#include <linux/bitops.h>
#include <linux/sched.h>
#include <linux/srcu.h>

#include "../compat/cycles.h"
#include "policy.h"

/**
 * struct ioasid_policy_walk - position in the set
 * @set: what is walked, NULL for nothing
 * @run: the policy at hand
 * @op: the hook
 * @left: those that are to come, by number
 * @idx: of the read section
 */
struct ioasid_policy_walk {
	struct ioasid_policy_set *set;
	struct ioasid_policy_run *run;
	enum ioasid_op op;
	u32 left;
	int idx;
};

static __always_inline void ioasid_walk_begin(struct ioasid_policy_walk *w, enum ioasid_op op)
{
	w->op = op;
	w->left = 0;
	w->idx = srcu_read_lock(&ioasid_policy_srcu);
	w->set = srcu_dereference(ioasid_policy_set, &ioasid_policy_srcu);
	if (unlikely(current->bpf_ctx))
		w->set = NULL;
	if (w->set)
		w->left = w->set->has[op];
}

static __always_inline void ioasid_walk_end(struct ioasid_policy_walk *w)
{
	srcu_read_unlock(&ioasid_policy_srcu, w->idx);
}

/* The next policy that has the hook, whatever its state; false at the end. */
static __always_inline bool ioasid_walk_next(struct ioasid_policy_walk *w)
{
	if (!w->left)
		return false;
	w->run = w->set->run[__ffs(w->left)];
	w->left &= w->left - 1;
	return true;
}

/* All that have hook @op, are enabled, and have @who in their scope. */
#define ioasid_walk_scope(w, who)						\
	while (ioasid_walk_next(w))						\
		if (ioasid_policy_enabled((w)->run) &&				\
		    ioasid_policy_in_scope((w)->run, who))

/* All that have it, are enabled, and are in @mark. */
#define ioasid_walk_marked(w, mark)						\
	while (ioasid_walk_next(w))						\
		if (ioasid_policy_enabled((w)->run) &&				\
		    ioasid_mark_has(mark, (w)->run->policy))

static inline void ioasid_mark_add(struct ioasid_policy_mark *mark, const struct ioasid_policy *p)
{
	mark->slots |= BIT(p->slot);
	mark->seq = max(mark->seq, p->seq);
}

static inline bool ioasid_mark_has(const struct ioasid_policy_mark *mark,
				   const struct ioasid_policy *p)
{
	return mark->slots & BIT(p->slot) && p->seq <= mark->seq;
}

static __always_inline void ioasid_hook_enter(struct ioasid_policy_frame *f,
					      struct ioasid_policy_run *r, enum ioasid_op op)
{
	f->run = r;
	f->hook = ioasid_policy_hook_name[op];
	f->dump = NULL;
	this_cpu_inc(r->policy->stats->calls[op]);
	f->switches = current->nvcsw + current->nivcsw;
	bpf_set_run_ctx(&f->ctx);
	f->start = compat_cycles();
}

static __always_inline void ioasid_hook_leave(struct ioasid_policy_frame *f)
{
	u64 took = compat_cycles() - f->start;

	bpf_reset_run_ctx(NULL);
	if (unlikely(took > f->run->limit))
		ioasid_policy_slow(f, took);
}

/* Call hook @lower of the policy that the walk is at. */
#define ioasid_walk_call(w, lower, ...)						\
({										\
	struct ioasid_policy_frame __f;						\
	typeof((w)->run->ops->lower(__VA_ARGS__)) __ret;			\
										\
	ioasid_hook_enter(&__f, (w)->run, (w)->op);				\
	__ret = (w)->run->ops->lower(__VA_ARGS__);				\
	ioasid_hook_leave(&__f);						\
	__ret;									\
})

#define ioasid_walk_tell(w, lower, ...)						\
do {										\
	struct ioasid_policy_frame __f;						\
										\
	ioasid_hook_enter(&__f, (w)->run, (w)->op);				\
	(w)->run->ops->lower(__VA_ARGS__);					\
	ioasid_hook_leave(&__f);						\
} while (0)

#endif /* _IOASID_POLICY_WALK_H */
