/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marks: which policies saw the beginning of something, and so are told its end.
 *
 * The rule that everything here serves: an end is told to those, and only those,
 * that saw the beginning; what was accepted is given back once.
 *
 *  - A mark is filled from one set, in the read section in which its policies
 *    are asked, and from one look at their scopes (ioasid_policy_concerned()).
 *  - Whom a refusal kept from being asked leaves the mark again.
 *  - A bit means the prog in that slot if it is not younger than the mark. To
 *    add to a mark, prune it first.
 *  - Programs that take the place of running ones keep slot and number, and so
 *    all marks; those in the place of ejected ones get a new number, and none.
 *  - The number is the prog's, and never changes: a walk of the set before still
 *    marks the ejected prog, which must not come to mean the one in its place.
 */
#ifndef _IOASID_POLICY_MARK_H
#define _IOASID_POLICY_MARK_H

#include <linux/bitops.h>
#include <linux/minmax.h>

#include "set.h"

static inline bool ioasid_mark_has(const struct ioasid_policy_mark *mark,
				   const struct ioasid_policy_prog *r)
{
	return mark->slots & BIT(r->policy->slot) && r->seq <= mark->seq;
}

/* Clear the bits of policies that are gone, and of those that came after the mark. */
static inline void ioasid_mark_prune(struct ioasid_policy_mark *mark,
				     const struct ioasid_policy_set *set)
{
	unsigned int i;
	u16 slots = 0;

	for (i = 0; i < set->nr; i++)
		if (ioasid_mark_has(mark, set->prog[i]))
			slots |= BIT(set->prog[i]->policy->slot);
	mark->slots = slots;
}

/* @mark is empty, filled from this very set, or pruned. */
static inline void ioasid_mark_add(struct ioasid_policy_mark *mark,
				   const struct ioasid_policy_prog *r)
{
	mark->slots |= BIT(r->policy->slot);
	mark->seq = max(mark->seq, r->seq);
}

/* Nobody but those of @these, by their number in @set. */
static inline void ioasid_mark_fill(struct ioasid_policy_mark *mark,
				    const struct ioasid_policy_set *set, u32 these)
{
	mark->slots = 0;
	mark->seq = 0;
	for (; these; these &= these - 1)
		ioasid_mark_add(mark, set->prog[__ffs(these)]);
}

#endif /* _IOASID_POLICY_MARK_H */
