/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seen-by records: which policies saw the beginning of something, and so are notified
 * of its end.
 *
 * The rule: exactly the policies that saw the beginning are notified of the end, and
 * each is given back once what it accepted.
 *
 *  - A record is filled from one set of policies, in the read section in which these
 *    are asked, and from one look at their scopes (ioasid_policy_concerned()).
 *  - When a policy refuses, those after it are not asked, and leave the record.
 *  - A bit means the prog in that slot, if that prog is not younger than the record.
 *    So prune a record before adding to it.
 *  - A prog that replaces a running one keeps its slot and number, and so is in the same
 *    records. One that replaces an ejected one gets a new number, and is in none.
 *  - The number of a prog never changes. A walk of the old set still records the ejected
 *    prog, and that entry must not come to mean the replacement.
 */
#ifndef _IOASID_HOOKS_SEEN_BY_H
#define _IOASID_HOOKS_SEEN_BY_H

#include <linux/bitops.h>
#include <linux/minmax.h>

#include "set.h"

static inline bool ioasid_seen_by_has(const struct ioasid_seen_by *seen_by,
				      const struct ioasid_policy_prog *r)
{
	return seen_by->slots & BIT(r->policy->slot) && r->seq <= seen_by->seq;
}

/* Clear the bits of policies that are unloaded, and of those that are younger. */
static inline void ioasid_seen_by_prune(struct ioasid_seen_by *seen_by,
					const struct ioasid_policy_set *set)
{
	unsigned int i;
	u16 slots = 0;

	for (i = 0; i < set->nr; i++)
		if (ioasid_seen_by_has(seen_by, set->prog[i]))
			slots |= BIT(set->prog[i]->policy->slot);
	seen_by->slots = slots;
}

/* @seen_by is empty, filled from the set of @r, or pruned. */
static inline void ioasid_seen_by_add(struct ioasid_seen_by *seen_by,
				      const struct ioasid_policy_prog *r)
{
	seen_by->slots |= BIT(r->policy->slot);
	seen_by->seq = max(seen_by->seq, r->seq);
}

/* Record @these and no other, by their number in @set. */
static inline void ioasid_seen_by_fill(struct ioasid_seen_by *seen_by,
				       const struct ioasid_policy_set *set, u32 these)
{
	seen_by->slots = 0;
	seen_by->seq = 0;
	for (; these; these &= these - 1)
		ioasid_seen_by_add(seen_by, set->prog[__ffs(these)]);
}

#endif /* _IOASID_HOOKS_SEEN_BY_H */
