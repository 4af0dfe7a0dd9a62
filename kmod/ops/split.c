// SPDX-License-Identifier: GPL-2.0-only
/*
 * Split: a mapping becomes two, at an address between two entries of every page table. No
 * page table changes, so DMA goes on, and an unmap of one of the two is an unmap like any
 * other. That is how UNMAP removes a part of a mapping.
 *
 * In two steps. ioasid_split_prepare() checks everything and sees to all memory; then
 * ioasid_split_commit() cannot fail. So an unmap that cuts at both its ends prepares both
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
 * it, and areas_lock, from the first prepare to the last commit. Both parts keep the
 * number of the area: a call that waits for what was there before it began waits for both.
 */
#include <linux/mm.h>

#include <trace/events/ioasid.h>

#include "domain/domain.h"
#include "lib/who.h"
#include "ops.h"

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
	if (area->pages->bare || space->flags & IOASID_SPACE_CONTAINER)
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
static int split_count(struct ioasid_space *space, struct ioasid_split *s, u64 at, u64 last,
		       const struct ioasid_split *above, struct ioasid_fail *f)
{
	const struct ioasid_pages *pages = s->area->pages;
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
static int split_alloc(struct ioasid_space *space, struct ioasid_split *s, u64 at, u64 last)
{
	struct ioasid_area *area = s->area, *part = ioasid_area_alloc(NULL);
	u64 from = PHYS_PFN(at - ioasid_area_start(area));
	int ret = 0;

	if (!part)
		return -ENOMEM;
	s->part = part;
	part->node.start = at;
	part->node.last = last;
	if (area->extra)
		ret = ioasid_area_extend(space, part);
	if (!ret && area->extra)
		ret = ioasid_dirty_area_part(area, part, from) ?: ioasid_area_part_pins(area, part);
	if (!ret && s->own)
		ret = ioasid_pages_may_cut(area->pages, area->first + from, &s->cut);
	return ret;
}

/**
 * ioasid_split_prepare() - see to it that an area can be cut
 * @space: domains_rwsem and areas_lock are held
 * @area: LIVE, and not in use by the CPU
 * @at: first address of the new area, in @area and not its first
 * @last: its last address: that of @area, or right before another cut that is prepared already
 * @above: that other cut; NULL: there is none
 * @s: zeroed; filled in
 * @f: why it fails
 *
 * Return: 0; -ERANGE: an entry of a page table is on both sides of @at; -EINVAL: device
 * memory; -EBUSY: live update; -EIO: an unmap of it has failed; -ENOSPC, -EDQUOT: too many
 * mappings; -ENOMEM. After an error there is nothing to drop.
 */
int ioasid_split_prepare(struct ioasid_space *space, struct ioasid_area *area, u64 at, u64 last,
			 const struct ioasid_split *above, struct ioasid_split *s,
			 struct ioasid_fail *f)
{
	int ret = split_check(space, area, at, f);

	lockdep_assert_held(&space->areas_lock);
	lockdep_assert_held(&space->domains_rwsem);
	if (ret)
		return ret;
	s->area = area;
	s->own = above && above->area == area ? above->own : ioasid_pages_sole(area->pages);
	ret = split_count(space, s, at, last, above, f);
	if (!ret && split_alloc(space, s, at, last))
		ret = ioasid_fail(f, -ENOMEM, IOASID_R_NOMEM, 0, 0);
	space->avail--;
	if (ret)
		ioasid_split_drop(space, s);
	return ret;
}

/* ioasid_split_drop() - it is not cut; @s may be zeroed */
void ioasid_split_drop(struct ioasid_space *space, struct ioasid_split *s)
{
	lockdep_assert_held(&space->areas_lock);
	if (!s->area)
		return;
	space->avail++;
	if (s->weight)
		ioasid_user_drop_mapping(space->user, s->weight);
	if (s->part) {
		if (s->part->extra)
			xa_destroy(&s->part->extra->pins);
		ioasid_area_free(s->part);
	}
	ioasid_pages_cut_drop(&s->cut);
	*s = (struct ioasid_split){};
}

/* The part shows pages of its own, or more of the same. */
static void split_pages(struct ioasid_split *s)
{
	struct ioasid_area *area = s->area, *part = s->part;
	struct ioasid_pages *pages = area->pages;

	/* Nothing can have come to them since: see ioasid_pages_sole(). */
	if (s->own) {
		ioasid_pages_cut(pages, part->pages, &s->cut);
		return;
	}
	atomic_inc(&pages->nr_areas);
	refcount_inc(&pages->refs);
	part->first = area->first + PHYS_PFN(part->node.start - area->node.start);
	part->pages = pages;
}

/**
 * ioasid_split_commit() - cut an area in two
 * @space: the locks of ioasid_split_prepare() are held since
 * @s: of several cuts of one area, the highest comes first
 *
 * s->part is LIVE, and in the tree. The caller watches both parts, when it holds no lock.
 */
void ioasid_split_commit(struct ioasid_space *space, struct ioasid_split *s)
{
	struct ioasid_area *area = s->area, *part = s->part;
	struct ioasid_area_place place;

	lockdep_assert_held(&space->areas_lock);
	/* Its extents and its length change. */
	ioasid_watch_drop(area->pages, space->entry.id, ioasid_area_start(area));
	split_pages(s);
	ioasid_area_drop_pins(area, part->node.start);
	area->node.last = part->node.start - 1;
	part->serial = area->serial;
	part->state = IOASID_AREA_LIVE;
	part->prot = area->prot;
	part->small = area->small;
	part->counted = s->counted;
	area->counted |= s->rest;
	ioasid_area_place(space, part->node.start, part->node.last, &place);
	ioasid_area_insert(space, part, &place);
	space->maps++;
}
