// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks that count: charged pages, and pages that in-kernel users pin. For each policy,
 * the pages given back are never more than the pages it accepted, and in the end
 * they are equal.
 *
 * What can run at the same time: as in hooks.c. The caller owns the record (seen_by) of
 * a charge, and makes no two calls about one object at once; the pins of a space have a
 * lock.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "walk.h"

/* Errnos that a refusal may have; each list ends with 0. */
static const int errnos_charge[] = { ENOMEM, ENOSPC, EPERM, EDQUOT, 0 };
static const int errnos_pin[] = { EPERM, EACCES, ENOMEM, ENOSPC, 0 };

/* ---- charges ---- */

/* Uncharge those of @these policies that are in @seen_by. */
static void uncharge_some(const struct ioasid_policy_walk *w, struct ioasid_charge_args *args,
			  const struct ioasid_seen_by *seen_by, u32 these)
{
	struct ioasid_policy_walk back = {
		.set = w->set,
		.op = IOASID_OP_UNCHARGE,
		.left = these,
	};

	ioasid_walk_seen_by(&back, seen_by)
		if (back.prog->ops->uncharge)
			ioasid_walk_notify(&back, uncharge, args);
}

static void charge_seen_by(const struct ioasid_policy_walk *w, const struct ioasid_who *who,
			   struct ioasid_seen_by *seen_by)
{
	if (likely(!(w->set->any_scoped & BIT(IOASID_OP_CHARGE))))
		seen_by->all = w->set->all[IOASID_OP_CHARGE].all;
	else
		ioasid_seen_by_fill(seen_by, w->set, ioasid_policy_concerned(w->set, w->left, who));
}

/* Have all policies that were charged for the object been unloaded or ejected? */
static noinline bool charge_orphaned(const struct ioasid_policy_walk *w,
				     const struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk look = *w;

	ioasid_walk_seen_by(&look, seen_by)
		return false;
	return true;
}

/* Charge the policies of @seen_by. */
static __always_inline int charge_seen(struct ioasid_policy_walk *w, const struct ioasid_who *who,
				       u64 npages, struct ioasid_seen_by *seen_by)
{
	struct ioasid_charge_args args = { .who = *who, .npages = npages };
	int ret = 0;

	seen_by->account = false;
	ioasid_walk_seen_by(w, seen_by) {
		ret = ioasid_walk_call(w, charge, &args);
		if (unlikely(ret))
			ret = ioasid_policy_check_retval(w, who, ret, errnos_charge);
		if (ret)
			break;
		if (w->prog->ops->flags & IOASID_POLICY_F_ACCOUNT)
			seen_by->account |= ioasid_policy_replaces_rlimit(w->prog, who);
	}
	/* Uncharge the policies before the one that refused, which may have been ejected. */
	if (unlikely(ret))
		uncharge_some(w, &args, seen_by, ioasid_walk_passed(w, w->set->has[w->op]));
	else if (seen_by->slots)
		seen_by->npages += npages;
	return ret;
}

/* See ioasid_policy_charge(), which skips it while no policy has the hook. */
int __ioasid_policy_charge(const struct ioasid_who *who, u64 npages,
			   struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w __uninitialized;
	int ret;

	ioasid_walk_begin(&w, IOASID_OP_CHARGE);
	/* The first charge of an object decides which policies it concerns. */
	if (unlikely(seen_by->npages && charge_orphaned(&w, seen_by)))
		seen_by->npages = 0;
	if (!seen_by->npages)
		charge_seen_by(&w, who, seen_by);
	ret = charge_seen(&w, who, npages, seen_by);
	ioasid_walk_end(&w);
	return ret;
}

/* See ioasid_policy_charge_more(). */
int __ioasid_policy_charge_more(const struct ioasid_who *who, u64 npages,
				struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w __uninitialized;
	int ret;

	ioasid_walk_begin(&w, IOASID_OP_CHARGE);
	ret = charge_seen(&w, who, npages, seen_by);
	ioasid_walk_end(&w);
	return ret;
}

/* See ioasid_policy_charge_fill(). */
void __ioasid_policy_charge_fill(const struct ioasid_who *who, struct ioasid_seen_by *seen_by)
{
	struct ioasid_policy_walk w __uninitialized;

	*seen_by = (struct ioasid_seen_by){};
	ioasid_walk_begin(&w, IOASID_OP_CHARGE);
	charge_seen_by(&w, who, seen_by);
	ioasid_walk_end(&w);
}

/* See ioasid_policy_uncharge(). Uncharges at most what @seen_by says. */
void __ioasid_policy_uncharge(const struct ioasid_who *who, u64 npages,
			      struct ioasid_seen_by *seen_by)
{
	struct ioasid_charge_args args = { .who = *who, .npages = min(npages, seen_by->npages) };
	struct ioasid_policy_walk w;

	if (!args.npages)
		return;
	/* Walk the policies with the hook charge: no other was charged. */
	ioasid_walk_begin(&w, IOASID_OP_CHARGE);
	uncharge_some(&w, &args, seen_by, w.left);
	ioasid_walk_end(&w);
	seen_by->npages -= args.npages;
}

/* ---- pins of in-kernel users ---- */

/* ioasid_policy_pins_alloc() - for an address space with its first in-kernel user; or NULL */
struct ioasid_policy_pins *ioasid_policy_pins_alloc(void)
{
	struct ioasid_policy_pins *pins = kzalloc(sizeof(*pins), GFP_KERNEL_ACCOUNT);

	if (pins)
		spin_lock_init(&pins->lock);
	return pins;
}

static void pins_add(struct ioasid_policy_pins *pins, const struct ioasid_policy_prog *r,
		     u64 npages)
{
	unsigned int slot = r->policy->slot;

	if (pins->seq[slot] != r->seq) {
		pins->seq[slot] = r->seq;
		pins->pages[slot] = 0;
	}
	pins->pages[slot] += npages;
}

/* Take up to @npages of the pins that @r accepted. */
static u64 pins_take(struct ioasid_policy_pins *pins, const struct ioasid_policy_prog *r,
		     u64 npages)
{
	unsigned int slot = r->policy->slot;

	if (pins->seq[slot] != r->seq)
		return 0;
	npages = min(npages, pins->pages[slot]);
	pins->pages[slot] -= npages;
	return npages;
}

/* See ioasid_policy_access_pin(). A refusal undoes what earlier policies accepted. */
int __ioasid_policy_access_pin(struct ioasid_access_args *args, struct ioasid_policy_pins *pins)
{
	struct ioasid_policy_walk w;
	u32 in, asked;
	int ret = 0;

	ioasid_walk_begin(&w, IOASID_OP_ACCESS_PIN);
	in = ioasid_policy_concerned(w.set, w.left | w.set->has[IOASID_OP_ACCESS_UNPIN], &args->who);
	w.left &= in;
	asked = w.left;
	ioasid_walk_enabled(&w) {
		ret = ioasid_walk_call(&w, access_pin, args);
		if (ret)
			ret = ioasid_policy_check_retval(&w, &args->who, ret, errnos_pin);
		if (ret)
			break;
	}
	if (ret) {
		w.left = ioasid_walk_passed(&w, asked);
		w.op = IOASID_OP_ACCESS_UNPIN;
		ioasid_walk_enabled(&w)
			if (w.prog->ops->access_unpin)
				ioasid_walk_notify(&w, access_unpin, args);
	} else {
		spin_lock(&pins->lock);
		for (; in; in &= in - 1)
			pins_add(pins, w.set->prog[__ffs(in)], args->npages);
		spin_unlock(&pins->lock);
	}
	ioasid_walk_end(&w);
	return ret;
}

/* See ioasid_policy_access_unpin(). A policy gets back at most what it accepted. */
void __ioasid_policy_access_unpin(const struct ioasid_access_args *args,
				  struct ioasid_policy_pins *pins)
{
	struct ioasid_access_args back = *args;
	struct ioasid_policy_walk w;

	ioasid_walk_begin(&w, IOASID_OP_ACCESS_UNPIN);
	w.left |= w.set->has[IOASID_OP_ACCESS_PIN];
	ioasid_walk_enabled(&w) {
		spin_lock(&pins->lock);
		back.npages = pins_take(pins, w.prog, args->npages);
		spin_unlock(&pins->lock);
		if (back.npages && w.prog->ops->access_unpin)
			ioasid_walk_notify(&w, access_unpin, &back);
	}
	ioasid_walk_end(&w);
}
