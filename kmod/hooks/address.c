// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks about addresses: where a mapping should be (map_place), and whether it may be
 * there (map_at).
 *
 * What can run at the same time: as in hooks.c, but no other task that maps or unmaps in the
 * same address space: the caller holds its areas_lock, so an address that was
 * allowed is still free. Others wait for that lock meanwhile, so the caller asks
 * about IOASID_POLICY_AT_MAX addresses at most (space/iova_alloc.c).
 */
#include <linux/err.h>
#include <linux/kernel.h>

#include "walk.h"

/* Errnos that a refusal may have; the list ends with 0. */
static const int errnos_at[] = { EPERM, EACCES, ENOMEM, ENOSPC, EINVAL, 0 };

/* See ioasid_policy_map_place(). All policies are asked; the first valid answer counts. */
u64 __ioasid_policy_map_place(struct ioasid_map_args *args, struct ioasid_place_args *place,
			      bool (*valid)(u64 iova, void *data), void *data)
{
	u64 want, found = 0;
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_MAP_PLACE);
	ioasid_walk_scope(&w, &args->who) {
		want = ioasid_walk_call(&w, map_place, args, place);
		if (!want || found || ioasid_policy_only_watches(w.prog))
			continue;
		if (!(want & (place->align - 1)) && valid(want, data))
			found = want;
		else
			this_cpu_inc(w.prog->stats->clamped);
	}
	ioasid_walk_end(&w);
	return found ?: place->chosen;
}

/*
 * Translate an @answer of map_at that is not 0 into 0 or -errno. Set *@from if another
 * address may do; it is above the one asked about, so a search from there moves on.
 * Eject a policy that answers otherwise.
 */
static noinline int address_check(struct ioasid_policy_walk *w, struct ioasid_map_args *args,
				  s64 answer, u64 *from)
{
	struct ioasid_policy_prog *r = w->prog;

	if (IS_ERR_VALUE((unsigned long)answer))
		return ioasid_policy_check_retval(w, &args->who, answer, errnos_at);
	if (ioasid_policy_only_watches(r))
		return 0;
	if ((u64)answer <= args->iova)
		ioasid_policy_eject(r, IOASID_EXIT_ERROR_RETURN, ioasid_policy_hook_name[w->op],
				    answer, "map_at returned %#llx, not above the address %#llx",
				    answer, args->iova);
	else
		*from = answer;
	/* The kernel chooses the address, so it tries another one first. */
	if (!*from || !(args->flags & IOASID_MAP_ANYWHERE))
		ioasid_policy_refused(w, &args->who, -EPERM);
	return -EPERM;
}

static __always_inline int map_at_one(struct ioasid_policy_walk *w, struct ioasid_map_args *args,
				      u64 *from)
{
	s64 answer;

	if (unlikely(!ioasid_policy_enabled(w->prog)))
		return ioasid_policy_fails_closed(w->prog) ? -EPERM : 0;
	if (!w->prog->ops->map_at)
		return 0;
	answer = ioasid_walk_call(w, map_at, args);
	return likely(!answer) ? 0 : address_check(w, args, answer, from);
}

/* See ioasid_policy_map_at(). */
int __ioasid_policy_map_at(struct ioasid_map_args *args, struct ioasid_policy_refusal *no)
{
	struct ioasid_policy_walk w;
	u64 from = 0;
	int ret = 0;

	ioasid_walk_begin(&w, IOASID_OP_MAP_AT);
	while (!ret && ioasid_walk_next(&w))
		if (ioasid_policy_in_scope(w.prog, &args->who))
			ret = map_at_one(&w, args, &from);
	if (unlikely(ret))
		ioasid_policy_refused_by(no, w.prog, from);
	ioasid_walk_end(&w);
	return ret;
}

/**
 * ioasid_policy_map_nowhere() - a search found no address that all policies allow
 * @who: the task that maps
 * @no: the refusal of the last address; count it for that policy, if it is still loaded
 */
void ioasid_policy_map_nowhere(const struct ioasid_who *who, const struct ioasid_policy_refusal *no)
{
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_MAP_AT);
	while (ioasid_walk_next(&w))
		if (w.prog->seq == no->seq)
			ioasid_policy_refused(&w, who, -ENOSPC);
	ioasid_walk_end(&w);
}
