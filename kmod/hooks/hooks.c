// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hooks: which policies each asks or notifies, and how their answers are combined.
 * Those that count pages are in account.c, those about addresses in address.c, all
 * others here.
 *
 * What can run at the same time: the same hooks on other CPUs; load, unload and replace,
 * which wait for our read section (walk.h) before they free a program; an ejection by
 * another task, which changes the prog's state: each call looks at it first. The caller
 * owns a record (seen_by), and makes no two calls about one object at once. The records
 * of address spaces have a lock here, because a policy that is being loaded fills them
 * in, as does the task that opens the space.
 */
#include <linux/kernel.h>
#include <linux/mutex.h>

#include <trace/events/ioasid.h>

#include "walk.h"

/* Errnos that a refusal may have, by hook; each list ends with 0. */
static const int errnos_plain[] = { EPERM, EACCES, ENOMEM, ENOSPC, 0 };
static const int errnos_attach[] = { EPERM, EACCES, ENOMEM, ENOSPC, EINVAL, 0 };
static const int errnos_map[] = { EPERM, EACCES, ENOMEM, ENOSPC, EDQUOT, EAGAIN, EINVAL, 0 };

/* ioasid_policy_refused() - count and trace a refusal of the policy that @w is at */
void ioasid_policy_refused(struct ioasid_policy_walk *w, const struct ioasid_who *who, int ret)
{
	this_cpu_inc(w->prog->stats->denied);
	trace_ioasid_policy_refuse(who, w->prog->policy->name, ioasid_policy_hook_name[w->op], ret);
}

/**
 * ioasid_policy_check_retval() - what a value other than 0 means for the caller
 * @w: at the policy that returned it
 * @who: the task that the call is for
 * @ret: the value
 * @list: errnos that a refusal may have, ends with 0
 *
 * Return: @ret if it is on the list. Otherwise the policy is ejected, and the result is
 * EPERM for another negative errno; for any other value it is 0, the built-in
 * behaviour, or EPERM if the policy fails closed.
 */
int ioasid_policy_check_retval(struct ioasid_policy_walk *w, const struct ioasid_who *who, s32 ret,
			       const int *list)
{
	struct ioasid_policy_prog *r = w->prog;
	const char *hook = ioasid_policy_hook_name[w->op];
	const int *e;

	if (ioasid_policy_only_watches(r))
		return 0;
	for (e = list; *e && ret != -*e; e++)
		;
	if (!*e) {
		ioasid_policy_eject(r, IOASID_EXIT_ERROR_RETURN, hook, ret,
				    "%s returned %d, which it may not", hook, ret);
		if (ret < 0 && ret >= -MAX_ERRNO)
			ret = -EPERM;
		else
			ret = r->ops->flags & IOASID_POLICY_F_FAIL_CLOSED ? -EPERM : 0;
	}
	if (ret)
		ioasid_policy_refused(w, who, ret);
	return ret;
}

/* ---- pairs of hooks: beginning and end ---- */

/* hook_begin() where a policy has a scope, so that not all are asked. */
static noinline void hook_begin_scoped(struct ioasid_policy_walk *w, struct ioasid_seen_by *seen_by,
				       u32 ends, const struct ioasid_who *who)
{
	u32 in = ioasid_policy_concerned(w->set, w->set->has[w->op] | ends, who);

	w->left &= in;
	ioasid_seen_by_fill(seen_by, w->set, ends & in);
}

/*
 * Something begins with hook @op, which @w walks, for the policies whose scope has @who.
 * Record those of them that have hook @end, to notify them of the end. Ejected policies
 * are skipped at the end. @seen_by is empty.
 */
static __always_inline void hook_begin(struct ioasid_policy_walk *w, struct ioasid_seen_by *seen_by,
				       enum ioasid_op op, enum ioasid_op end,
				       const struct ioasid_who *who)
{
	if (unlikely(w->set->any_scoped & (BIT(op) | BIT(end)))) {
		hook_begin_scoped(w, seen_by, w->set->has[end], who);
	} else if (ioasid_policy_has(end)) {
		seen_by->all = w->set->all[end].all;
	}
}

/* A policy refused: those after it are not asked, so nothing has begun for them. */
static noinline void hook_drop_rest(struct ioasid_policy_walk *w, struct ioasid_seen_by *seen_by)
{
	while (ioasid_walk_next(w))
		if (ioasid_policy_hook_at(w->prog->ops, w->op))
			seen_by->slots &= ~BIT(w->prog->policy->slot);
}

/* Ask the policies that @w still has to visit; the first refusal ends it. */
#define ask(w, lower, args, errnos)						\
({										\
	int __refusal = 0;							\
										\
	ioasid_walk_enabled(w) {						\
		__refusal = ioasid_walk_call(w, lower, args);			\
		if (__refusal)							\
			__refusal = ioasid_policy_check_retval(w, &(args)->who,	\
							__refusal, errnos);	\
		if (__refusal)							\
			break;							\
	}									\
	__refusal;								\
})

/**
 * __ioasid_policy_begin() - something begins without a hook at its beginning
 * @op: the hook at its end
 * @who: the task that it is done for
 * @seen_by: on return, the policies to notify at the end
 */
void __ioasid_policy_begin(enum ioasid_op op, const struct ioasid_who *who,
			   struct ioasid_seen_by *seen_by)
{
	const struct ioasid_policy_set *set;

	ioasid_walk_lock();
	set = rcu_dereference_check(ioasid_policy_set, rcu_read_lock_any_held());
	if (likely(!(set->any_scoped & BIT(op))))
		seen_by->all = set->all[op].all;
	else
		ioasid_seen_by_fill(seen_by, set, ioasid_policy_concerned(set, set->has[op], who));
	ioasid_walk_unlock();
}

/* ---- address spaces ---- */

/* Guards the records of all address spaces; held over space_open, so no policy gets it twice. */
static DEFINE_MUTEX(spaces_seen_by_lock);

/* @seen_by may be old, and its slots may have passed to other policies. */
static int space_open_one(struct ioasid_policy_walk *w, struct ioasid_space_args *args,
			  struct ioasid_seen_by *seen_by)
{
	s32 ret = 0;

	ioasid_seen_by_prune(seen_by, w->set);
	if (ioasid_seen_by_has(seen_by, w->prog) || !ioasid_policy_enabled_for_spaces(w->prog) ||
	    !ioasid_policy_in_scope(w->prog, &args->who))
		return 0;
	ioasid_seen_by_add(seen_by, w->prog);
	if (w->prog->ops->space_open)
		ret = ioasid_walk_call(w, space_open, args);
	if (!ret || args->flags & IOASID_SPACE_ARGS_REPLAY)
		return 0;
	return ioasid_policy_check_retval(w, &args->who, ret, errnos_plain);
}

/* See ioasid_policy_space_open(). */
int __ioasid_policy_space_open(struct ioasid_space_args *args, struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w;
	int ret = 0;

	mutex_lock(&spaces_seen_by_lock);
	ioasid_walk_begin(&w, IOASID_OP_SPACE_OPEN);
	w.left |= w.set->has[IOASID_OP_SPACE_CLOSE];
	while (!ret && ioasid_walk_next(&w))
		ret = space_open_one(&w, args, seen_by);
	ioasid_walk_end(&w);
	mutex_unlock(&spaces_seen_by_lock);
	return ret;
}

/* Notify the policies in @seen_by; skip those that were ejected. */
void __ioasid_policy_space_close(struct ioasid_space_args *args, struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w;

	mutex_lock(&spaces_seen_by_lock);
	ioasid_walk_begin(&w, IOASID_OP_SPACE_CLOSE);
	while (ioasid_walk_next(&w))
		if (ioasid_policy_enabled_for_spaces(w.prog) &&
		    ioasid_seen_by_has(seen_by, w.prog))
			ioasid_walk_notify(&w, space_close, args);
	ioasid_walk_end(&w);
	mutex_unlock(&spaces_seen_by_lock);
}

/**
 * ioasid_policy_replay_space() - notify a policy that is being loaded of an address space
 * @r: its programs, published, in state LOADING
 * @e: the address space, with a reference on its memory
 * @args: what it is
 */
void ioasid_policy_replay_space(struct ioasid_policy_prog *r, struct ioasid_space_entry *e,
				struct ioasid_space_args *args)
{
	struct ioasid_policy_walk w;

	args->flags |= IOASID_SPACE_ARGS_REPLAY;
	mutex_lock(&spaces_seen_by_lock);
	ioasid_walk_begin(&w, IOASID_OP_SPACE_OPEN);
	w.prog = r;
	if (ioasid_spaces_contain(e))
		space_open_one(&w, args, &e->seen_by);
	ioasid_walk_end(&w);
	mutex_unlock(&spaces_seen_by_lock);
}

/* ---- attach ---- */

/* See ioasid_policy_attach(). */
int __ioasid_policy_attach(struct ioasid_attach_args *args, struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w;
	int ret;

	ioasid_walk_begin(&w, IOASID_OP_ATTACH);
	hook_begin_scoped(&w, seen_by,
			  w.set->has[IOASID_OP_ATTACHED] | w.set->has[IOASID_OP_DETACH],
			  &args->who);
	ret = ask(&w, attach, args, errnos_attach);
	if (ret)
		hook_drop_rest(&w, seen_by);
	ioasid_walk_end(&w);
	return ret;
}

/* Notify the policies in @seen_by of how an attach ended. */
void __ioasid_policy_attached(struct ioasid_attach_args *args, struct ioasid_attach_result *res,
			      struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_ATTACHED);
	ioasid_walk_seen_by(&w, seen_by)
		ioasid_walk_notify(&w, attached, args, res);
	ioasid_walk_end(&w);
}

/* Notify the policies in @seen_by. */
void __ioasid_policy_detach(struct ioasid_attach_args *args, struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_DETACH);
	ioasid_walk_seen_by(&w, seen_by)
		ioasid_walk_notify(&w, detach, args);
	ioasid_walk_end(&w);
}

/* ---- map ---- */

static int map_begin_one(struct ioasid_policy_walk *w, struct ioasid_map_args *args, u32 *wait_us)
{
	s32 ret;

	if (!w->prog->ops->map_begin)
		return 0;
	ret = ioasid_walk_call(w, map_begin, args);
	if (likely(!ret))
		return 0;
	if (ret > 0 && ret <= IOASID_POLICY_WAIT_MAX) {
		if (!ioasid_policy_only_watches(w->prog))
			*wait_us = max(*wait_us, (u32)ret);
		return 0;
	}
	return ioasid_policy_check_retval(w, &args->who, ret, errnos_map);
}

/* Also walks those that fail closed: see set_has_hook(). */
int __ioasid_policy_map_begin(struct ioasid_map_args *args, struct ioasid_seen_by *seen_by,
			      u32 *wait_us, struct ioasid_policy_refusal *no)
{
	struct ioasid_policy_walk w;
	int ret = 0;

	ioasid_walk_begin(&w, IOASID_OP_MAP_BEGIN);
	hook_begin(&w, seen_by, IOASID_OP_MAP_BEGIN, IOASID_OP_MAP_DONE, &args->who);
	while (!ret && ioasid_walk_next(&w)) {
		if (unlikely(!ioasid_policy_enabled(w.prog))) {
			ret = ioasid_policy_fails_closed(w.prog) ? -EPERM : 0;
			continue;
		}
		ret = map_begin_one(&w, args, wait_us);
	}
	if (unlikely(ret)) {
		ioasid_policy_refused_by(no, w.prog, 0);
		hook_drop_rest(&w, seen_by);
	}
	ioasid_walk_end(&w);
	return ret;
}

/* ioasid_policy_map_done() - notify the policies in @seen_by of how a map ended */
void ioasid_policy_map_done(struct ioasid_map_args *args, struct ioasid_map_result *res,
			    struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_MAP_DONE);
	ioasid_walk_seen_by(&w, seen_by)
		ioasid_walk_notify(&w, map_done, args, res);
	ioasid_walk_end(&w);
}

/* Each policy sees in @args->workers the answer of the policy before it. */
void ioasid_policy_map_workers(struct ioasid_map_args *args)
{
	struct ioasid_policy_walk w;
	u32 want;

	ioasid_walk_begin(&w, IOASID_OP_MAP_WORKERS);
	ioasid_walk_scope(&w, &args->who) {
		want = ioasid_walk_call(&w, map_workers, args);
		if (ioasid_policy_only_watches(w.prog))
			continue;
		if (want > IOASID_WORKERS_MAX) {
			this_cpu_inc(w.prog->stats->clamped);
			want = IOASID_WORKERS_MAX;
		}
		args->workers = want;
	}
	ioasid_walk_end(&w);
}

/* ioasid_policy_map_batch() - how many pages to pin at once: the smallest answer; 0: any */
u32 ioasid_policy_map_batch(struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	struct ioasid_policy_walk w;
	u32 least = 0, want;

	ioasid_walk_begin(&w, IOASID_OP_MAP_BATCH);
	ioasid_walk_scope(&w, &args->who) {
		want = ioasid_walk_call(&w, map_batch, args, batch);
		if (!want || ioasid_policy_only_watches(w.prog))
			continue;
		if (want > IOASID_POLICY_BATCH_MAX) {
			this_cpu_inc(w.prog->stats->clamped);
			want = IOASID_POLICY_BATCH_MAX;
		}
		if (!least || want < least)
			least = want;
	}
	ioasid_walk_end(&w);
	return least;
}

/* ---- unmap ---- */

/* See ioasid_policy_unmap_begin(). */
void __ioasid_policy_unmap_begin(struct ioasid_unmap_args *args, struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_UNMAP_BEGIN);
	hook_begin(&w, seen_by, IOASID_OP_UNMAP_BEGIN, IOASID_OP_UNMAP_DONE, &args->who);
	ioasid_walk_enabled(&w)
		ioasid_walk_notify(&w, unmap_begin, args);
	ioasid_walk_end(&w);
}

/* ioasid_policy_unmap_sync() - how many mappings between flushes: the smallest answer; 0: any */
u32 ioasid_policy_unmap_sync(struct ioasid_unmap_args *args, struct ioasid_sync_args *sync)
{
	struct ioasid_policy_walk w;
	u32 least = 0, want;

	ioasid_walk_begin(&w, IOASID_OP_UNMAP_SYNC);
	ioasid_walk_scope(&w, &args->who) {
		want = ioasid_walk_call(&w, unmap_sync, args, sync);
		if (want && !ioasid_policy_only_watches(w.prog) && (!least || want < least))
			least = want;
	}
	ioasid_walk_end(&w);
	return least;
}

/* ioasid_policy_unmap_done() - notify the policies in @seen_by of how an unmap ended */
void ioasid_policy_unmap_done(struct ioasid_unmap_args *args, struct ioasid_unmap_result *res,
			      struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_UNMAP_DONE);
	ioasid_walk_seen_by(&w, seen_by)
		ioasid_walk_notify(&w, unmap_done, args, res);
	ioasid_walk_end(&w);
}

/* ---- live update, dirty tracking ---- */

/* Ask whether pages may change their owner; the first refusal counts. */
int __ioasid_policy_owner_change(struct ioasid_owner_args *args)
{
	struct ioasid_policy_walk w;
	int ret;

	ioasid_walk_begin(&w, IOASID_OP_OWNER_CHANGE);
	w.left = ioasid_policy_concerned(w.set, w.left, &args->who);
	ret = ask(&w, owner_change, args, errnos_plain);
	ioasid_walk_end(&w);
	return ret;
}

/* Notify policies of a call about dirty pages. */
void __ioasid_policy_dirty(struct ioasid_dirty_args *args)
{
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_DIRTY);
	ioasid_walk_scope(&w, &args->who)
		ioasid_walk_notify(&w, dirty, args);
	ioasid_walk_end(&w);
}

/* ---- memory that a device has leaves its process ---- */

/* Notify policies of stale pages; in a notifier of memory management. */
void __ioasid_policy_stale(struct ioasid_stale_args *args)
{
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_STALE);
	ioasid_walk_scope(&w, &args->who)
		ioasid_walk_notify(&w, stale, args);
	ioasid_walk_end(&w);
}
