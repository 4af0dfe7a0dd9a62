/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An area: one mapping, and its own pages. There may be millions, so each byte counts: what few
 * of them need is allocated with the first need of it, and words are shared where that is safe.
 */
#ifndef _IOASID_SPACE_AREA_H
#define _IOASID_SPACE_AREA_H

#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "pin/pin.h"

/** enum ioasid_area_state - life of a mapping */
enum ioasid_area_state {
	IOASID_AREA_BUILDING,
	IOASID_AREA_LIVE,
	IOASID_AREA_DYING,
};

/** enum ioasid_stuck - what became of an area that a domain was to clear */
enum ioasid_stuck {
	/** @IOASID_STUCK_NOT: it is clear */
	IOASID_STUCK_NOT,
	/** @IOASID_STUCK_HELD: entries are there, and the IOMMU says so */
	IOASID_STUCK_HELD,
	/** @IOASID_STUCK_LOST: entries were not cleared, and it says that there are none */
	IOASID_STUCK_LOST,
};

/**
 * struct ioasid_area_node - an area by its address
 * @rb: in the tree
 * @start: first address
 * @last: last address
 * @gap: pages that are free right below @start, see tree.c
 * @gap_most: the largest @gap of this node and of those below it in the tree
 */
struct ioasid_area_node {
	struct rb_node rb;
	u64 start;
	u64 last;
	u32 gap;
	u32 gap_most;
};

/**
 * struct ioasid_area_extra - what an area has if its dirty pages are tracked, or in-kernel
 *	users have pinned some
 * @number: of the area
 * @dirty: bit per page while dirty tracking is on, under areas_lock; or NULL
 * @absent: with @dirty, bit per page that is a hole; NULL if there can be none
 * @pins: struct ioasid_xpin by page index: pins of in-kernel users
 */
struct ioasid_area_extra {
	u64 number;
	unsigned long *dirty;
	unsigned long *absent;
	struct xarray pins;
};

/* Reads and writes of one area by the CPU, each by a task: when there are so many, more of them wait. */
#define IOASID_ACCESSES_BITS	11
#define IOASID_ACCESSES_MAX	(BIT(IOASID_ACCESSES_BITS) - 1)

/**
 * struct ioasid_area - one mapping
 * @node: IOVA range, in space->areas
 * @link: the next one on a struct ioasid_areas; without a meaning while it is on none. Of the
 *	task that has it on a list: it claimed the area, or has domains_rwsem for writing
 * @number: see ioasid_area_serial(), by which it is read; as long as it is not @extended
 * @extra: what few areas have; once it is @extended, and until the area is freed
 * @own: the pages it was made for, which may outlive it
 * @shown: the pages of another area, of which it shows a part, if @own.unused. Then, of @own,
 *	only its holder and marks have a meaning, and its vaddr, see ioasid_area_first_page()
 * @marks: the members from @state to @stop; all 0 in a new area. They are in @own.of_area
 * @state: enum ioasid_area_state, under areas_lock
 * @no_vaddr: live update: DMA goes on, the owner's address is not valid now;
 *	under areas_lock
 * @wanted: an unmap waits for @num_accesses to go: no new ones; under areas_lock
 * @extended: it has @extra; set under areas_lock
 * @num_accesses: reads and writes by the CPU in flight, up to IOASID_ACCESSES_MAX, under
 *	areas_lock
 * @prot: IOMMU_READ, IOMMU_WRITE; set once, before the range is reserved
 * @small: without large IOMMU pages; set when it is
 * @torn: a domain kept some of it, so it is unknown which entries exist: a clear asks the
 *	IOMMU, and no other domain gets the area, until it is unmapped
 * @stuck: enum ioasid_stuck, of those who are clearing it: whether a domain
 *	kept some of it; 0 again when it is LIVE
 * @lost: some domain kept some of it and does not know of it any more: it stays
 *	pinned as long as there is a domain
 * @counted: no rlimit bounds it (see user.c), so it counts among the mappings of
 *	space->user; set by the mapping task
 * @stop: the space was torn down: while BUILDING, and the mapping task unwinds;
 *	while LIVE with @num_accesses, and the last of them finishes it; under areas_lock
 *
 * One piece of memory, which lives as long as its own pages: an area is freed by dropping its
 * reference on them.
 *
 * @marks are three memory locations, of which each has its writers: a bit of width 0 ends one.
 * @state to @num_accesses are written by the task that holds areas_lock. @prot to @counted by the
 * task that has the area: that made it and has not published it, or claimed it; of a LIVE area by
 * the task that holds domains_rwsem for writing, or for reading and areas_lock. Others read @prot
 * alone of these, by ioasid_area_prot(). @stop is a location of its own.
 */
struct ioasid_area {
	struct ioasid_area_node node;
	struct ioasid_area *link;
	union {
		u64 number;
		struct ioasid_area_extra *extra;
	};
	union {
		struct ioasid_pages own;
		struct ioasid_pages *shown;
		struct {
			u8 before_marks[offsetof(struct ioasid_pages, of_area)];
			struct_group(marks,
				u16 state : 2;
				u16 no_vaddr : 1;
				u16 wanted : 1;
				u16 extended : 1;
				u16 num_accesses : IOASID_ACCESSES_BITS;
				u16 : 0;
				u8 prot : 2;
				u8 small : 1;
				u8 torn : 1;
				u8 stuck : 2;
				u8 lost : 1;
				u8 counted : 1;
				bool stop;
			);
		};
	};
};

/**
 * struct ioasid_areas - a list of areas, in the order in which they were added
 * @first: linked by area->link, whose end is NULL; NULL: there is none
 * @end: where the next one is linked
 */
struct ioasid_areas {
	struct ioasid_area *first;
	struct ioasid_area **end;
};

#define IOASID_AREAS(name)	struct ioasid_areas name = { NULL, &(name).first }

static inline void ioasid_areas_init(struct ioasid_areas *areas)
{
	areas->first = NULL;
	areas->end = &areas->first;
}

static inline void ioasid_areas_add(struct ioasid_areas *areas, struct ioasid_area *area)
{
	area->link = NULL;
	*areas->end = area;
	areas->end = &area->link;
}

/* ioasid_areas_single() - is there one, and no other? */
static inline bool ioasid_areas_single(const struct ioasid_areas *areas)
{
	return areas->first && !areas->first->link;
}

/* The areas stay on the list, and are not freed. */
#define ioasid_for_each_listed(area, areas)	\
	for (area = (areas)->first; area; area = area->link)

#endif /* _IOASID_SPACE_AREA_H */
