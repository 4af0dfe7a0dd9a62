// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing an address for a mapping: the lowest that is free.
 *
 * What can run at the same time: nothing that changes areas, IOVA ranges or the allowed ranges;
 * areas_lock is held. So the address is still free when the caller takes it,
 * also after policies were asked about it. Policies are loaded and unloaded at any time.
 *
 * A search visits the gaps that are large enough, each found in O(log n) (tree.c). For
 * large pages the address must also have the same offset as the memory, which not every
 * gap allows. After a few gaps that do not, the search visits only gaps that are large
 * enough for any offset.
 */
#include <linux/mm.h>
#include <linux/sizes.h>

#include "space.h"

/* Without a device the reserved regions are unknown; few lie above this. */
#define UNKNOWN_START	SZ_4G

/* Gaps that are large enough but do not suit, before only larger ones are tried. */
#define MISFITS		16

/* The first address from @at up that is @like modulo @align; false beyond the end. */
static bool iova_align_like(u64 *at, u64 like, u64 align)
{
	return !check_add_overflow(*at, (like - *at) & (align - 1), at);
}

/* The lowest address in @w, from s->from up, at which the mapping can lie. */
static bool iova_find_in_range(const struct ioasid_iova_search *s,
			       const struct ioasid_iova_range *w, u64 *iova)
{
	u64 at = max3(w->start, s->from, (u64)PAGE_SIZE), need = s->length, last;
	struct ioasid_iova_range gap;
	unsigned int misfits = 0;

	while (at <= w->last && ioasid_gap_find(s->space, at, need, &gap)) {
		if (!iova_align_like(&gap.start, s->like, s->align) ||
		    check_add_overflow(gap.start, s->length - 1, &last) || last > w->last)
			return false;
		if (last <= gap.last) {
			*iova = gap.start;
			return true;
		}
		/* With the smallest alignment every gap suits. */
		if (++misfits == MISFITS && s->align > ioasid_space_pgsize(s->space) &&
		    check_add_overflow(s->length, s->align - PAGE_SIZE, &need))
			return false;
		if (check_add_overflow(gap.last, 1ULL, &at))
			return false;
	}
	return false;
}

/* Large pages need the same offset in the memory as in the address space. */
static u64 iova_alignment(struct ioasid_space *space, u64 length, u64 below)
{
	static const u64 sizes[] = { PUD_SIZE, PMD_SIZE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (space->huge && sizes[i] < below && sizes[i] <= length &&
		    space->pgsizes & sizes[i])
			return sizes[i];
	return ioasid_space_pgsize(space);
}

/* Where to search: the allowed ranges, else the IOVA ranges, else above UNKNOWN_START. */
static void iova_search_in(struct ioasid_iova_search *s)
{
	s->ws = s->space->allowed.nr ? s->space->allowed : s->space->iova_ranges;
	if (s->ws.nr)
		return;
	s->unknown = (struct ioasid_iova_range){ .start = UNKNOWN_START, .last = U64_MAX };
	s->ws = (struct ioasid_ranges){ .nr = 1, .range = &s->unknown };
}

/**
 * ioasid_iova_begin() - search addresses at which a mapping can lie
 * @s: filled in; not to be copied
 * @space: areas_lock is held until the search ends
 * @length: of the mapping, a multiple of the page size
 * @like: where it lies in memory
 */
void ioasid_iova_begin(struct ioasid_iova_search *s, struct ioasid_space *space, u64 length,
		       u64 like)
{
	lockdep_assert_held(&space->areas_lock);
	s->space = space;
	s->length = length;
	s->like = like;
	s->align = iova_alignment(space, length, U64_MAX);
	s->from = 0;
	iova_search_in(s);
}

/**
 * ioasid_iova_next() - the next address at which the mapping can lie
 * @s: the search; to skip addresses, the caller raises s->from above them
 * @iova: the address, never 0
 *
 * The search first returns addresses that suit large pages, upwards, and then those that
 * suit smaller ones; so it may return an address twice.
 *
 * Return: false when there is no other.
 */
bool ioasid_iova_next(struct ioasid_iova_search *s, u64 *iova)
{
	unsigned int i;

	for (;;) {
		for (i = 0; i < s->ws.nr; i++) {
			if (s->ws.range[i].last < s->from ||
			    !iova_find_in_range(s, &s->ws.range[i], iova))
				continue;
			if (check_add_overflow(*iova, PAGE_SIZE, &s->from))
				s->from = U64_MAX;
			return true;
		}
		if (s->align <= ioasid_space_pgsize(s->space))
			return false;
		s->align = iova_alignment(s->space, s->length, s->align);
		s->from = 0;
	}
}

/* For checking an address that map_place chose. */
struct place {
	struct ioasid_space *space;
	const struct ioasid_ranges *ws;
	u64 length;
};

static bool iova_place_valid(u64 iova, void *data)
{
	const struct place *p = data;
	u64 last;

	return !check_add_overflow(iova, p->length - 1, &last) &&
	       ioasid_ranges_contain(p->ws, iova, last) &&
	       !ioasid_area_first(p->space, iova, last);
}

static u64 iova_ask_policy(struct ioasid_space *space, const struct ioasid_ranges *ws,
			   struct ioasid_map_args *m, u64 chosen)
{
	struct place place = { .space = space, .ws = ws, .length = m->length };
	struct ioasid_place_args args = {
		.length = m->length,
		.align = ioasid_space_pgsize(space),
		.chosen = chosen,
	};
	unsigned int i;

	for (i = 0; i < ws->nr && i < IOASID_PLACE_WINDOWS; i++)
		args.windows[i] = (struct ioasid_range){ ws->range[i].start, ws->range[i].last };
	args.nr_windows = i;
	return ioasid_policy_map_place(m, &args, iova_place_valid, &place);
}

/*
 * Take the address that map_place chooses, if no policy refuses it; otherwise the first
 * one from @chosen on that no policy refuses.
 */
static noinline int iova_choose_with_policies(struct ioasid_iova_search *s,
					      struct ioasid_map_args *m,
					      u64 chosen, struct ioasid_policy_refusal *no)
{
	u64 placed = chosen;
	unsigned int i;
	int ret;

	if (ioasid_policy_has(IOASID_OP_MAP_PLACE))
		placed = iova_ask_policy(s->space, &s->ws, m, chosen);
	if (placed != chosen) {
		m->iova = placed;
		ret = ioasid_policy_map_at(m, no);
		if (!ret || !no->from)
			return ret;
	}
	m->iova = chosen;
	for (i = 1;; i++) {
		ret = ioasid_policy_map_at(m, no);
		if (!ret || !no->from)
			return ret;
		s->from = max(s->from, no->from);
		if (i == IOASID_POLICY_AT_MAX || !ioasid_iova_next(s, &m->iova))
			break;
		cond_resched();
	}
	ioasid_policy_map_nowhere(&m->who, no);
	return -ENOSPC;
}

/**
 * ioasid_iova_choose() - an address for a mapping
 * @space: areas_lock is held
 * @m: the mapping; iova is filled in, never 0
 * @no: the policy that refused, if one did
 *
 * Return: 0; -ENOSPC when no free range is long enough; the errno of a policy, and then
 * iova is the last address that was refused.
 */
int ioasid_iova_choose(struct ioasid_space *space, struct ioasid_map_args *m,
		       struct ioasid_policy_refusal *no)
{
	struct ioasid_iova_search s;
	u64 iova;

	lockdep_assert_held(&space->areas_lock);
	ioasid_iova_begin(&s, space, m->length, m->vaddr);
	if (!ioasid_iova_next(&s, &iova))
		return -ENOSPC;
	if (ioasid_policy_has(IOASID_OP_MAP_PLACE) || ioasid_policy_has(IOASID_OP_MAP_AT))
		return iova_choose_with_policies(&s, m, iova, no);
	m->iova = iova;
	return 0;
}
