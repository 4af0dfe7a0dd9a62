// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing an address for a mapping: the lowest that is free.
 *
 * Who else can run: nobody who changes areas, windows or the allowed ranges;
 * areas_lock is held.
 *
 * space->hole saves the search from beginning at the bottom each time: no
 * address below it is free. Whatever is unmapped lowers it (ioasid_area_remove),
 * and so do other windows and allowed ranges.
 */
#include <linux/mm.h>
#include <linux/sizes.h>

#include "space.h"

/* Without a device nobody knows the reserved regions; few lie above this. */
#define UNKNOWN_START	SZ_4G

/* The first address from @at up that is @like modulo @align; false beyond the end. */
static bool align_like(u64 *at, u64 like, u64 align)
{
	return !check_add_overflow(*at, (like - *at) & (align - 1), at);
}

/* @edge: nothing from the start of the window up to there is free; for the hole. */
static bool find_in_window(struct ioasid_space *space, const struct ioasid_window *w, u64 length,
			   u64 like, u64 align, u64 *iova, u64 *edge)
{
	u64 at = max3(w->start, space->hole, (u64)PAGE_SIZE), last;
	struct ioasid_area *area;

	*edge = at;
	for (;;) {
		if (!align_like(&at, like, align) || check_add_overflow(at, length - 1, &last) ||
		    last > w->last)
			return false;
		area = ioasid_area_first(space, at, last);
		if (!area) {
			*iova = at;
			return true;
		}
		if (ioasid_area_last(area) >= w->last)
			return false;
		at = ioasid_area_last(area) + 1;
		if (ioasid_area_start(area) <= *edge)
			*edge = at;
	}
}

/* Large pages need the same offset in the memory as in the address space. */
static u64 alignment(struct ioasid_space *space, u64 length, u64 below)
{
	static const u64 sizes[] = { PUD_SIZE, PMD_SIZE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (space->huge && sizes[i] < below && sizes[i] <= length &&
		    space->pgsizes & sizes[i])
			return sizes[i];
	return ioasid_space_pgsize(space);
}

/* Where the search goes: the allowed ranges, or the windows, or above what nobody knows. */
static void search_in(struct ioasid_space *space, struct ioasid_windows *ws,
		      struct ioasid_window *unknown)
{
	*ws = space->allowed.nr ? space->allowed : space->windows;
	if (ws->nr)
		return;
	*unknown = (struct ioasid_window){ .start = UNKNOWN_START, .last = U64_MAX };
	*ws = (struct ioasid_windows){ .nr = 1, .w = unknown };
}

static bool find_lowest(struct ioasid_space *space, const struct ioasid_windows *ws,
			const struct ioasid_map_args *m, u64 *iova)
{
	u64 align = U64_MAX, edge;
	unsigned int i;

	do {
		align = alignment(space, m->length, align);
		for (i = 0; i < ws->nr; i++) {
			if (!find_in_window(space, &ws->w[i], m->length, m->vaddr, align, iova,
					    &edge))
				continue;
			if (!i)
				space->hole = *iova == edge ? *iova + m->length - 1 : edge;
			return true;
		}
	} while (align > ioasid_space_pgsize(space));
	return false;
}

/* What a policy would rather have. */
struct place {
	struct ioasid_space *space;
	const struct ioasid_windows *ws;
	u64 length;
};

static bool place_valid(u64 iova, void *data)
{
	const struct place *p = data;
	u64 last;

	return !check_add_overflow(iova, p->length - 1, &last) &&
	       ioasid_windows_hold(p->ws, iova, last) &&
	       !ioasid_area_first(p->space, iova, last);
}

static u64 ask_policy(struct ioasid_space *space, const struct ioasid_windows *ws,
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
		args.windows[i] = (struct ioasid_range){ ws->w[i].start, ws->w[i].last };
	args.nr_windows = i;
	return ioasid_policy_map_place(m, &args, place_valid, &place);
}

/**
 * ioasid_iova_choose() - an address for a mapping
 * @space: areas_lock is held
 * @m: the mapping; iova is filled in, never 0
 *
 * Return: false when no range so long is free.
 */
bool ioasid_iova_choose(struct ioasid_space *space, struct ioasid_map_args *m)
{
	struct ioasid_window unknown;
	struct ioasid_windows ws;
	u64 iova, hole;

	search_in(space, &ws, &unknown);
	hole = space->hole;
	if (!find_lowest(space, &ws, m, &iova))
		return false;
	if (ioasid_policy_has(IOASID_OP_MAP_PLACE)) {
		/* What is found is not taken, then: the hole may still be one. */
		m->iova = ask_policy(space, &ws, m, iova);
		if (m->iova != iova)
			space->hole = hole;
		return true;
	}
	m->iova = iova;
	return true;
}
