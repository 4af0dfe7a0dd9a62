// SPDX-License-Identifier: GPL-2.0-only
/*
 * Split: a mapping becomes two, at an address between two entries of every page table. No
 * page table changes, so DMA goes on, and an unmap of one of the two is an unmap like any
 * other. That is how UNMAP removes a part of a mapping.
 *
 * In two steps. split_prepare() checks everything and sees to all memory; then
 * split_commit() cannot fail. So an unmap that cuts at both its ends prepares both
 * cuts, and a call that fails leaves everything as it was.
 *
 * Each part gets the pages that it shows, with their pins and charge (pin/cut.c). If others
 * use the pages as well, both parts go on to show them together, and they are unpinned when
 * the last mapping of them ends, as after a COPY: pages that a COPY shows, and those that a
 * change of owner, a survey for books or an in-kernel user's pin work on at this moment.
 * No call waits for these.
 *
 * What can run at the same time: nothing that looks at the area. It is LIVE and no CPU reads
 * or writes it, and the caller holds domains_rwsem for reading, so that no attach replays
 * it, and areas_lock. Both parts keep the
 * number of the area: a call that waits for what was there before it began waits for both.
 */
#include <linux/mm.h>

#include <trace/events/ioasid.h>

#include "domain/domain.h"
#include "lib/who.h"
#include "ops.h"

/**
 * struct split - an area that is to be cut in two
 * @area: it keeps what is below @part; NULL: nothing is to be cut
 * @part: the rest, as an area of its own
 * @own: that gets pages of its own; else both show the same pages
 * @counted: @part counts among the mappings of the user
 * @rest: and so does what @area keeps, which did not before
 * @weight: so many more count for the user, once it is cut
 * @cut: of the pages
 */
struct split {
	struct ioasid_area *area;
	struct ioasid_area *part;
	bool own;
	bool counted;
	bool rest;
	unsigned long weight;
	struct ioasid_pages_cut cut;
};

static int split_fail(struct ioasid_fail *f, int err, enum ioasid_reason reason,
		      const struct ioasid_area *area)
{
	return ioasid_fail(f, err, reason, ioasid_area_start(area), ioasid_area_last(area));
}

/* Can it be cut there at all? */
static int split_check(struct ioasid_space *space, const struct ioasid_area *area, u64 at,
		       struct ioasid_fail *f)
{
	struct ioasid_iova_range entry;
	struct ioasid_domain *d;

	/*
	 * What is revoked and comes back is cleared and written as a whole. In a container pages
	 * are pinned only while there is a domain, and each mapping has its own.
	 */
	if (ioasid_area_pages(area)->bare || space->flags & IOASID_SPACE_CONTAINER)
		return split_fail(f, -EINVAL, IOASID_R_BISECT, area);
	if (area->no_vaddr)
		return split_fail(f, -EBUSY, IOASID_R_VADDR, area);
	/* It is not known which entries there are. */
	if (area->torn)
		return split_fail(f, -EIO, IOASID_R_IOMMU_SHORT, area);
	if (!space->avail)
		return ioasid_fail(f, -ENOSPC, IOASID_R_MAP_LIMIT, space->maps, 0);
	list_for_each_entry(d, &space->domains, link)
		if (!ioasid_domain_may_cut(d, area, at, &entry))
			return ioasid_fail(f, -ERANGE, IOASID_R_ENTRY, entry.start, entry.last);
	return 0;
}

/*
 * No rlimit bounds a part that may charge nothing; see space/user.c. That may be either: the
 * charge of pages of which not all are charged goes with those that are.
 */
static int split_count(struct ioasid_space *space, struct split *s, u64 at, u64 last,
		       const struct split *above, struct ioasid_fail *f)
{
	const struct ioasid_pages *pages = ioasid_area_pages(s->area);
	u64 start = ioasid_area_start(s->area), used, limit;
	bool counts = s->area->counted || (above && above->area == s->area && above->rest);
	struct ioasid_who who;
	unsigned long more;

	if (!space->user || (s->own && !counts && pages->charged == pages->npages))
		return 0;
	more = ioasid_weight(pages, last - at + 1);
	s->rest = s->own && !counts;
	/* What is left counts less if there are holes. */
	if (counts)
		more += ioasid_weight(pages, at - start) - ioasid_weight(pages, last - start + 1);
	else if (s->rest)
		more += ioasid_weight(pages, at - start);
	if (more && !ioasid_user_add_mapping(space->user, more, &used, &limit)) {
		ioasid_who_current(&who, space->entry.id);
		trace_ioasid_limit(&who, IOASID_LIMIT_MAPPINGS, more, used, limit);
		return ioasid_fail(f, -EDQUOT, IOASID_R_USER_LIMIT, used, limit);
	}
	s->counted = true;
	s->weight = more;
	return 0;
}

/* Allocate all that the part needs. */
static int split_alloc(struct ioasid_space *space, struct split *s, u64 at, u64 last)
{
	struct ioasid_area *area = s->area, *part = ioasid_area_alloc(NULL);
	u64 from = PHYS_PFN(at - ioasid_area_start(area));
	int ret = 0;

	if (!part)
		return -ENOMEM;
	s->part = part;
	part->node.start = at;
	part->node.last = last;
	part->number = ioasid_area_serial(area);
	if (area->extended)
		ret = ioasid_area_extend(space, part);
	if (!ret && area->extended)
		ret = ioasid_dirty_area_part(area, part, from) ?: ioasid_area_part_pins(area, part);
	if (!ret && s->own)
		ret = ioasid_pages_may_cut(ioasid_area_pages(area),
					   ioasid_area_first_page(area) + from, &s->cut);
	return ret;
}

/* It is not cut; @s may be zeroed. */
static void split_drop(struct ioasid_space *space, struct split *s)
{
	lockdep_assert_held(&space->areas_lock);
	if (!s->area)
		return;
	space->avail++;
	if (s->weight)
		ioasid_user_drop_mapping(space->user, s->weight);
	if (s->part) {
		if (s->part->extended)
			xa_destroy(&s->part->extra->pins);
		ioasid_area_free(s->part);
	}
	ioasid_pages_cut_drop(&s->cut);
	*s = (struct split){};
}

/*
 * See to it that an area can be cut: @at is the first address of the new area, in @area and not
 * its first, and @last its last: that of @area, or right before @above, another cut that is
 * prepared already, or NULL. After an error there is nothing to drop.
 */
static int split_prepare(struct ioasid_space *space, struct ioasid_area *area, u64 at, u64 last,
			 const struct split *above, struct split *s, struct ioasid_fail *f)
{
	int ret = split_check(space, area, at, f);

	lockdep_assert_held(&space->areas_lock);
	lockdep_assert_held(&space->domains_rwsem);
	if (ret)
		return ret;
	s->area = area;
	s->own = above && above->area == area ? above->own :
						ioasid_pages_sole(ioasid_area_pages(area));
	ret = split_count(space, s, at, last, above, f);
	if (!ret && split_alloc(space, s, at, last))
		ret = ioasid_fail(f, -ENOMEM, IOASID_R_NOMEM, 0, 0);
	space->avail--;
	if (ret)
		split_drop(space, s);
	return ret;
}

/* The part shows pages of its own, or more of the same. */
static void split_pages(struct split *s)
{
	struct ioasid_area *area = s->area, *part = s->part;
	struct ioasid_pages *pages = ioasid_area_pages(area);

	/* Nothing can have come to them since: see ioasid_pages_sole(). */
	if (s->own) {
		ioasid_pages_cut(pages, ioasid_area_pages(part), &s->cut);
		return;
	}
	atomic_inc(&pages->nr_areas);
	refcount_inc(&pages->refs);
	ioasid_area_show(part, pages, ioasid_area_first_page(area) +
			 PHYS_PFN(part->node.start - area->node.start));
}

/*
 * Cut an area in two; of several cuts of one area, the highest comes first. s->part is LIVE, and
 * in the tree.
 */
static void split_commit(struct ioasid_space *space, struct split *s)
{
	struct ioasid_area *area = s->area, *part = s->part;
	struct ioasid_area_place place;

	lockdep_assert_held(&space->areas_lock);
	/* Its extents and its length change. */
	ioasid_watch_drop(ioasid_area_pages(area), space->entry.id, ioasid_area_start(area));
	split_pages(s);
	ioasid_area_drop_pins(area, part->node.start);
	area->node.last = part->node.start - 1;
	part->state = IOASID_AREA_LIVE;
	part->prot = area->prot;
	part->small = area->small;
	part->counted = s->counted;
	area->counted |= s->rest;
	ioasid_area_place(space, part->node.start, part->node.last, &place);
	ioasid_area_insert(space, part, &place);
	space->maps++;
}

/* Prepare both cuts: that at the end of the range first. */
static int split_prepare_both(struct ioasid_space *space, u64 start, u64 last,
			      struct ioasid_area *first, struct split *low, struct split *high,
			      struct ioasid_fail *f)
{
	struct ioasid_area *end = ioasid_area_first(space, last, last);
	int ret = 0;

	/* One in flight was reserved after the call had begun, and is not to be unmapped. */
	if (end && ioasid_area_last(end) > last && !ioasid_area_in_flight(end, true))
		ret = split_prepare(space, end, last + 1, ioasid_area_last(end), NULL, high, f);
	if (!ret && ioasid_area_start(first) < start)
		ret = split_prepare(space, first, start, min(ioasid_area_last(first), last), high,
				    low, f);
	if (ret)
		split_drop(space, high);
	return ret;
}

/**
 * ioasid_split_range() - cut the areas at both ends of a range, so that it has whole areas
 * @space: domains_rwsem and areas_lock are held
 * @start: first address
 * @last: last address
 * @first: the lowest area that touches the range, LIVE and not in use by the CPU, or NULL;
 *	becomes the lowest one that is in it
 * @f: why it fails
 *
 * The caller watches all parts, when it holds no lock.
 *
 * Return: how many cuts there were; or, and nothing is cut, -ERANGE: an entry of a page table is
 * on both sides of an end; -EINVAL: device memory; -EBUSY: live update; -EIO: an unmap of it has
 * failed; -ENOSPC, -EDQUOT: too many mappings; -ENOMEM.
 */
int ioasid_split_range(struct ioasid_space *space, u64 start, u64 last, struct ioasid_area **first,
		       struct ioasid_fail *f)
{
	struct split low = {}, high = {};
	int ret;

	lockdep_assert_held(&space->areas_lock);
	lockdep_assert_held(&space->domains_rwsem);
	if (!*first)
		return 0;
	ret = split_prepare_both(space, start, last, *first, &low, &high, f);
	if (ret)
		return ret;
	ret = !!high.area + !!low.area;
	if (high.area)
		split_commit(space, &high);
	if (low.area) {
		split_commit(space, &low);
		*first = low.part;
	}
	return ret;
}
