// SPDX-License-Identifier: GPL-2.0-only
/*
 * The areas of a space by address, and the gaps between them.
 *
 * Areas never overlap, so a search tree finds the areas that touch a range in one
 * descent. To find gaps, each node also stores the gap right below it and the largest gap
 * in its subtree. So the lowest gap that is large enough is found in O(log n), however
 * many smaller ones lie before it. Spaces whose callers choose every address do not need
 * that: the gaps are computed at the first search for one, and kept up to date from then
 * on, until the tree is empty.
 *
 * What can run at the same time: nothing; areas_lock is held. Nothing is allocated.
 */
#include <linux/mm.h>
#include <linux/rbtree_augmented.h>

#include "space.h"

static struct ioasid_area *to_area(struct rb_node *rb)
{
	return rb_entry(rb, struct ioasid_area, node.rb);
}

static struct ioasid_area *to_area_safe(struct rb_node *rb)
{
	return rb ? to_area(rb) : NULL;
}

/* A gap as a node stores it: in pages, and U32_MAX for so many or more. */
static u32 tree_gap_pages(u64 bytes)
{
	return min_t(u64, bytes >> PAGE_SHIFT, U32_MAX);
}

static u32 gap_below(struct ioasid_area *area)
{
	return area->node.gap;
}

RB_DECLARE_CALLBACKS_MAX(static, gap_callbacks, struct ioasid_area, node.rb, u32, node.gap_most,
			 gap_below)

/* The lowest area that ends at @at or above. */
static struct ioasid_area *tree_area_from(const struct ioasid_tree *tree, u64 at)
{
	struct rb_node *rb = tree->root.rb_node;
	struct ioasid_area *area, *best = NULL;

	while (rb) {
		area = to_area(rb);
		if (area->node.last < at) {
			rb = rb->rb_right;
			continue;
		}
		best = area;
		if (area->node.start <= at)
			break;
		rb = rb->rb_left;
	}
	return best;
}

/* ioasid_area_first() - lowest area that touches [start, last]; areas_lock is held */
struct ioasid_area *ioasid_area_first(struct ioasid_space *space, u64 start, u64 last)
{
	struct ioasid_area *area = tree_area_from(&space->areas, start);

	lockdep_assert_held(&space->areas_lock);
	return area && area->node.start <= last ? area : NULL;
}

/*
 * ioasid_area_first_after() - ioasid_area_first(), for a caller that goes upwards
 *
 * @before is in the tree: the area that was found for the range before.
 */
struct ioasid_area *ioasid_area_first_after(struct ioasid_space *space, struct ioasid_area *before,
					    u64 start, u64 last)
{
	struct ioasid_area *area;

	lockdep_assert_held(&space->areas_lock);
	if (before->node.last < start) {
		area = to_area_safe(rb_next(&before->node.rb));
		if (!area || area->node.last >= start)
			return area && area->node.start <= last ? area : NULL;
	}
	return ioasid_area_first(space, start, last);
}

/*
 * ioasid_area_next() - the next one up, under the same hold of areas_lock
 *
 * Looks at the scheduler now and then, since there may be very many.
 */
struct ioasid_area *ioasid_area_next(struct ioasid_space *space, struct ioasid_area *area,
				     u64 start, u64 last)
{
	lockdep_assert_held(&space->areas_lock);
	ioasid_area_break(&space->areas.steps);
	area = to_area_safe(rb_next(&area->node.rb));
	return area && area->node.start <= last ? area : NULL;
}

/**
 * ioasid_area_place() - where an area of [start, last] belongs
 * @space: areas_lock is held until ioasid_area_insert()
 * @start: first address
 * @last: last address
 * @place: filled in when the range is free
 *
 * Return: NULL, or an area that is in the way: the lowest one.
 */
struct ioasid_area *ioasid_area_place(struct ioasid_space *space, u64 start, u64 last,
				      struct ioasid_area_place *place)
{
	struct ioasid_tree *tree = &space->areas;
	struct ioasid_area *area;

	lockdep_assert_held(&space->areas_lock);
	place->parent = NULL;
	place->link = &tree->root.rb_node;
	/* Many callers go upwards. */
	if (tree->last && tree->last->node.last < start) {
		place->parent = &tree->last->node.rb;
		place->link = &place->parent->rb_right;
		return NULL;
	}
	while (*place->link) {
		place->parent = *place->link;
		area = to_area(place->parent);
		if (last < area->node.start)
			place->link = &place->parent->rb_left;
		else if (start > area->node.last)
			place->link = &place->parent->rb_right;
		else
			return ioasid_area_first(space, start, last);
	}
	return NULL;
}

/* Set the gap right below @area, and update the nodes above. */
static void gap_update(struct ioasid_area *area)
{
	struct ioasid_area *below = to_area_safe(rb_prev(&area->node.rb));

	area->node.gap = tree_gap_pages(area->node.start - (below ? below->node.last + 1 : 0));
	gap_callbacks_propagate(&area->node.rb, NULL);
}

static noinline void tree_insert_with_gaps(struct ioasid_tree *tree, struct ioasid_area *area)
{
	struct ioasid_area *above = to_area_safe(rb_next(&area->node.rb));

	area->node.gap_most = 0;
	gap_update(area);
	rb_insert_augmented(&area->node.rb, &tree->root, &gap_callbacks);
	if (above)
		gap_update(above);
}

/* ioasid_area_insert() - insert @area, whose range is set, at the place of ioasid_area_place() */
void ioasid_area_insert(struct ioasid_space *space, struct ioasid_area *area,
			const struct ioasid_area_place *place)
{
	struct ioasid_tree *tree = &space->areas;

	lockdep_assert_held(&space->areas_lock);
	rb_link_node(&area->node.rb, place->parent, place->link);
	if (!tree->last || area->node.start > tree->last->node.last)
		tree->last = area;
	if (unlikely(tree->gaps))
		tree_insert_with_gaps(tree, area);
	else
		rb_insert_color(&area->node.rb, &tree->root);
}

static noinline void tree_erase_with_gaps(struct ioasid_tree *tree, struct ioasid_area *area)
{
	struct ioasid_area *above = to_area_safe(rb_next(&area->node.rb));

	rb_erase_augmented(&area->node.rb, &tree->root, &gap_callbacks);
	if (above)
		gap_update(above);
	tree->gaps = !RB_EMPTY_ROOT(&tree->root);
}

/* ioasid_area_remove() - undo ioasid_area_insert(), and uncount the area; areas_lock is held */
void ioasid_area_remove(struct ioasid_space *space, struct ioasid_area *area)
{
	struct ioasid_tree *tree = &space->areas;

	lockdep_assert_held(&space->areas_lock);
	ioasid_watch_drop(ioasid_area_pages(area), space->entry.id, ioasid_area_start(area));
	if (tree->last == area)
		tree->last = to_area_safe(rb_prev(&area->node.rb));
	if (unlikely(tree->gaps))
		tree_erase_with_gaps(tree, area);
	else
		rb_erase(&area->node.rb, &tree->root);
	space->avail++;
	if (unlikely(area->counted))
		ioasid_user_drop_mapping(space->user, ioasid_area_weight(area));
}

/* Compute all gaps, for the first search. */
static noinline void gaps_begin(struct ioasid_tree *tree)
{
	struct rb_node *rb;
	unsigned int n = 0;
	u64 from = 0;

	for (rb = rb_first(&tree->root); rb; rb = rb_next(rb)) {
		struct ioasid_area *area = to_area(rb);

		area->node.gap = tree_gap_pages(area->node.start - from);
		from = area->node.last + 1;
		ioasid_area_break(&n);
	}
	for (rb = rb_first_postorder(&tree->root); rb; rb = rb_next_postorder(rb)) {
		gap_callbacks_compute_max(to_area(rb), false);
		ioasid_area_break(&n);
	}
	tree->gaps = true;
}

static bool tree_gap_fits(struct rb_node *rb, u32 pages)
{
	return rb && to_area(rb)->node.gap_most >= pages;
}

/* The first area above @area with a gap of @pages or more below it. */
static struct ioasid_area *tree_next_gap(struct ioasid_area *area, u32 pages)
{
	struct rb_node *rb = &area->node.rb, *parent;

	while (!tree_gap_fits(rb->rb_right, pages)) {
		while ((parent = rb_parent(rb)) && rb == parent->rb_right)
			rb = parent;
		if (!parent)
			return NULL;
		rb = parent;
		if (to_area(rb)->node.gap >= pages)
			return to_area(rb);
	}
	rb = rb->rb_right;
	for (;;) {
		if (tree_gap_fits(rb->rb_left, pages))
			rb = rb->rb_left;
		else if (to_area(rb)->node.gap >= pages)
			return to_area(rb);
		else
			rb = rb->rb_right;
	}
}

/**
 * ioasid_gap_find() - the lowest free range of at least @length bytes
 * @space: areas_lock is held
 * @at: first address that counts
 * @length: bytes, at least 1
 * @gap: the free range from @at up, all of it
 *
 * Return: false when there is none. O(log n).
 */
bool ioasid_gap_find(struct ioasid_space *space, u64 at, u64 length, struct ioasid_iova_range *gap)
{
	u32 pages = min_t(u64, ((length - 1) >> PAGE_SHIFT) + 1, U32_MAX);
	struct ioasid_tree *tree = &space->areas;
	struct ioasid_area *area;

	lockdep_assert_held(&space->areas_lock);
	if (!tree->gaps)
		gaps_begin(tree);
	area = tree_area_from(tree, at);
	while (area) {
		/* @at cuts this gap, or it is larger than a node can store. */
		if (area->node.start > at && area->node.start - at >= length) {
			*gap = (struct ioasid_iova_range){ at, area->node.start - 1 };
			return true;
		}
		if (area->node.last == U64_MAX)
			return false;
		at = area->node.last + 1;
		area = tree_next_gap(area, pages);
		if (area)
			at = to_area(rb_prev(&area->node.rb))->node.last + 1;
	}
	/* Above all areas, and not below where the search began. */
	if (tree->last && tree->last->node.last == U64_MAX)
		return false;
	if (tree->last)
		at = max(at, tree->last->node.last + 1);
	if (U64_MAX - at < length - 1)
		return false;
	*gap = (struct ioasid_iova_range){ at, U64_MAX };
	return true;
}
