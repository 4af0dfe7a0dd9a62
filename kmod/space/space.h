/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An I/O address space and what is in it: the model, and what always holds.
 *
 *	space	locks, limits, and the IOVAs that may be mapped
 *	area	one mapping: a range of IOVAs, and the part of pages behind it; in
 *		space->areas
 *	pages	memory of one owner, pinned or to be pinned, and its charge (pin/pin.h).
 *		Areas share pages after a COPY; in a container each area has its own
 *	extents	where pinned pages are: runs of consecutive frames, in the order of
 *		addresses (pin/extents.h). No step asks the IOMMU where an IOVA leads
 *	domain	page tables, shared by groups whose IOMMU agrees
 *	group	devices that the IOMMU cannot keep apart; has one domain. A software
 *		device has none
 *
 * "last" is inclusive throughout.
 *
 *  1. Areas never overlap. The range of an area is taken from before its first page is
 *     pinned (BUILDING) until after its last page is unpinned (DYING). Meanwhile a MAP
 *     over it fails with -EEXIST; unmap, pin, read and write wait for the state to change.
 *  2. Only the mapping task touches a BUILDING area, and only the task that claimed it a
 *     DYING one. A LIVE area changes under areas_lock, its page tables under
 *     domains_rwsem as well.
 *  3. A page that an entry of a page table leads to is pinned. An area ends in this order,
 *     also when a step of its making failed: page tables, flush, unpin, uncharge, range.
 *  4. A LIVE area whose pages are pinned is in every domain, as a whole. The exception is
 *     an area that a driver cleared in part (torn): it is in the domains that kept some.
 *  5. Pages are pinned and charged once, whatever the number of their areas, and to one
 *     owner, which struct ioasid_pages names; the last area to end unpins them. In a
 *     container they are pinned while there is a domain, elsewhere as long as they are
 *     mapped. Pins of in-kernel users are counted beside that, in extra->pins of the area.
 *     An owner whose spaces share the charge pays once for a page of several (pin/share.c).
 *  6. No task waits for user space with a lock of the space held
 *     (ioasid_assert_may_wait()).
 *
 * tools/testing/models/area.pml checks the order of steps behind 1 to 3, for spin.
 */
#ifndef _IOASID_SPACE_H
#define _IOASID_SPACE_H

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <ioasid/ioasid.h>
#include <ioasid/policy.h>
#include <uapi/linux/ioasid.h>
#include "hooks/hooks.h"
#include "pin/pin.h"
#include "area.h"

struct dentry;
struct ioasid_dirty_piece;
struct ioasid_user;
struct mm_struct;
struct seq_file;

/* Areas that are allocated with one call. */
#define IOASID_AREA_POOL	32

/**
 * struct ioasid_area_pool - memory for areas of one call
 * @wanted: areas that are still to come
 * @nr: how many @m has
 * @m: memory for an area each
 *
 * On the stack of the task that maps; ends with ioasid_area_pool_drop().
 */
struct ioasid_area_pool {
	unsigned int wanted;
	unsigned int nr;
	void *m[IOASID_AREA_POOL];
};

/**
 * struct ioasid_tree - areas by address, see tree.c
 * @root: of the tree
 * @last: the highest area, NULL when there is none
 * @gaps: the nodes know the gaps between them
 * @steps: that walks have made, to look at the scheduler now and then
 */
struct ioasid_tree {
	struct rb_root root;
	struct ioasid_area *last;
	bool gaps;
	unsigned int steps;
};

/** struct ioasid_area_place - where in the tree a new area is to be linked */
struct ioasid_area_place {
	struct rb_node *parent;
	struct rb_node **link;
};

/** struct ioasid_ranges - sorted, disjoint; none at all means no restriction */
struct ioasid_ranges {
	unsigned int nr;
	struct ioasid_iova_range *range;
};

/**
 * struct ioasid_domain - page tables shared by groups whose IOMMU agrees
 * @link: in space->domains
 * @domain: what the IOMMU driver knows
 * @in: the space it is in
 * @space: its id
 * @coherent: no-snoop is blocked (enforce_cache_coherency)
 * @whole: the driver removes what one of its calls has mapped as a whole; see domain/cut.c
 * @groups: number of groups in it
 */
struct ioasid_domain {
	struct list_head link;
	struct iommu_domain *domain;
	struct ioasid_space *in;
	u32 space;
	bool coherent;
	bool whole;
	unsigned int groups;
};

/**
 * struct ioasid_group - an attached group
 * @link: in space->groups
 * @group: whose DMA ownership the attaching caller holds
 * @domain: NULL for an emulated group and for one that came in sealed
 * @emulated: a software device
 * @reports: its driver reports what it dirties, by pinning; under areas_lock
 * @resv: its reserved regions
 * @seen_by: policies that saw it attach
 */
struct ioasid_group {
	struct list_head link;
	struct iommu_group *group;
	struct ioasid_domain *domain;
	bool emulated;
	bool reports;
	struct ioasid_ranges resv;
	struct ioasid_seen_by seen_by;
};

/**
 * struct ioasid_space - an I/O address space
 * @entry: what policies know of it, and its place in the table of all; the first
 *	member, because it frees the whole
 * @refs: fds, containers, accesses, calls in flight; all of them are one of @entry.memory
 * @flags: enum ioasid_space_flags
 * @user: of its creator, for which it and its mappings count; NULL for a
 *	container. Set once, and given up with the last of @refs
 * @mm: the memory that the process had which owns it (mmgrab), when it became the owner;
 *	a change of owner replaces it under areas_lock. Only compared
 *
 * @domains_rwsem: guards the page tables. Read: program or clear them for an
 *	area. Write: attach, detach, replay.
 * @domains: struct ioasid_domain
 * @groups: struct ioasid_group
 * @emulated: how many of @groups are emulated
 * @nr_groups: length of @groups
 * @nr_domains: length of @domains
 * @iova_ranges: where maps may lie
 * @pgsizes: page sizes all domains have
 * @attaching: attaches that pin mappings for a first domain, with no lock held
 *	These eight change under both locks and are read under either.
 *
 * @areas_lock: guards @areas and their states, and all that follows
 * @areas: struct ioasid_area by IOVA
 * @serial: counts reservations
 * @changes: counts areas that left BUILDING or DYING, or lost their last user
 * @waiting: since the last of these a task has begun to wait for the next
 * @change_wait: for tasks that wait for @changes
 * @limit: most mappings; dma_entry_limit when it was created, or an option
 * @avail: how many more it allows
 * @allowed: ranges that must stay possible; none at all means no demand
 * @huge: option: large IOMMU pages
 * @account_user: option: pages are counted for the user, not for the process
 * @charge_shared: option: a page is charged once, however many mappings of its owner have it
 * @sharer: the memory of the first owner of mappings that share their charge; only compared
 * @sharers: there may be others; like @sharer, read without a lock by a survey (ops/share.c)
 * @booked: their owners may have books; set under areas_lock, read without it as well
 * @maps: areas
 * @bytes: sum of their lengths
 * @no_vaddr: areas that wait for a new virtual address
 * @heir: the process that gave the last area that one, while others wait; it becomes the
 *	owner when none waits any more. NULL otherwise
 * @lost: there may be areas that are lost
 * @tracking: dirty tracking is on
 * @sealed: errno of the attach that was denied, for every map
 * @dead: killed; every call fails
 *
 * @access_lock: guards @accesses, and is not held over their callbacks: each user
 *	has a lock for these. A driver may take its own locks in there, so pin,
 *	unpin and rw take none of the two
 * @accesses: struct ioasid_access
 * @access_last: number of the last one
 * @notifiable: how many of them have an unmap callback
 * @pins: what policies know of their pins; set with the first of them, and then
 *	there as long as the space is
 *
 * @revokes: counts pieces of device memory that were revoked; no lock
 *
 * @holder: the process that mapped last, for its next mapping; under @areas_lock
 * @spare: an area that has ended, for the next one; under @areas_lock, see
 *	ioasid_area_take_spare()
 *
 * Lock order: VFIO's locks, access->calls, mmap_lock of an owner, domains_rwsem,
 * areas_lock. So nothing waits for user space with one of the last two held.
 * Nothing here is taken in an MMU notifier; the lock of device memory, which is,
 * is taken inside all of them (pin/revoke.c).
 */
struct ioasid_space {
	struct ioasid_space_entry entry;
	refcount_t refs;
	u32 flags;
	struct ioasid_user *user;
	struct mm_struct *mm;

	struct rw_semaphore domains_rwsem;
	struct list_head domains;
	struct list_head groups;
	unsigned int emulated;
	unsigned int nr_groups;
	unsigned int nr_domains;
	struct ioasid_ranges iova_ranges;
	u64 pgsizes;
	unsigned int attaching;

	struct mutex areas_lock;
	struct ioasid_tree areas;
	u64 serial;
	u64 changes;
	bool waiting;
	wait_queue_head_t change_wait;
	unsigned int limit;
	unsigned int avail;
	struct ioasid_ranges allowed;
	bool huge;
	bool account_user;
	bool charge_shared;
	bool sharers;
	bool booked;
	struct mm_struct *sharer;
	unsigned long maps;
	u64 bytes;
	unsigned long no_vaddr;
	struct ioasid_owner *heir;
	bool lost;
	bool tracking;
	int sealed;
	bool dead;

	struct mutex access_lock;
	struct list_head accesses;
	u64 access_last;
	atomic_t notifiable;
	struct ioasid_policy_pins *pins;

	atomic64_t revokes;

	struct ioasid_holder *holder;
	struct ioasid_area *spare;
};

static_assert(offsetof(struct ioasid_space, entry) == 0);

/* ioasid_space_of() - the address space with this entry; NULL if there is none */
static inline struct ioasid_space *ioasid_space_of(struct ioasid_space_entry *e)
{
	return e ? container_of(e, struct ioasid_space, entry) : NULL;
}

/**
 * struct ioasid_access - an in-kernel user
 * @link: in space->accesses, in the order of @number
 * @number: tells it from all others of the space
 * @refs: the user's, and calls of its callback
 * @space: what it uses, with a reference
 * @ops: its callback, or NULL
 * @data: for the callback
 * @calls: held over each call, so that no two run at the same time
 * @gone: it is destroyed, and is not called any more; under @calls
 */
struct ioasid_access {
	struct list_head link;
	u64 number;
	refcount_t refs;
	struct ioasid_space *space;
	const struct ioasid_access_ops *ops;
	void *data;
	struct mutex calls;
	bool gone;
};

/**
 * struct ioasid_area_wait - an area that a call has to wait for
 * @start: its first address
 * @serial: its number, in case another one is there later
 * @seen: space->changes when it was in the way
 * @idle: wait for its users, too, and keep new ones out meanwhile
 */
struct ioasid_area_wait {
	u64 start;
	u64 serial;
	u64 seen;
	bool idle;
};

/**
 * struct ioasid_dirty_query - where dirty bits are to go
 * @iova: first address, a multiple of what a bit stands for; bit 0
 * @length: bytes, another multiple
 * @shift: a bit stands for 1 << @shift bytes, at least a page
 * @cut: the range may cut mappings in two
 * @bits: little-endian words in the caller's memory
 * @size: bytes at @bits
 */
struct ioasid_dirty_query {
	u64 iova;
	u64 length;
	unsigned int shift;
	bool cut;
	u64 __user *bits;
	u64 size;
};

/*
 * Does the bitmap hold the range? The caller has checked that already and returned the
 * right errno; this is a second check, because writes to user memory depend on it.
 */
static inline bool ioasid_dirty_fits(const struct ioasid_dirty_query *q)
{
	return q->length && q->shift >= PAGE_SHIFT &&
	       q->size >= DIV_ROUND_UP(q->length >> q->shift, 64) * sizeof(u64);
}

/* ioasid_area_pages() - what is mapped: its own pages, or a part of those of another area */
static inline struct ioasid_pages *ioasid_area_pages(const struct ioasid_area *area)
{
	return likely(!area->own.unused) ? (struct ioasid_pages *)&area->own : area->shown;
}

static inline u64 ioasid_area_start(const struct ioasid_area *area)
{
	return area->node.start;
}

static inline u64 ioasid_area_last(const struct ioasid_area *area)
{
	return area->node.last;
}

static inline u64 ioasid_area_bytes(const struct ioasid_area *area)
{
	return area->node.last - area->node.start + 1;
}

static inline unsigned long ioasid_area_npages(const struct ioasid_area *area)
{
	return ioasid_area_bytes(area) >> PAGE_SHIFT;
}

/*
 * ioasid_area_serial() - space->serial when the range was reserved
 *
 * It tells two areas apart, but not the two that a cut makes of one: who looks an area up again
 * compares its length, too. For a task with areas_lock, or one that has the area.
 */
static inline u64 ioasid_area_serial(const struct ioasid_area *area)
{
	return unlikely(area->extended) ? area->extra->number : area->number;
}

/*
 * ioasid_area_prot() - IOMMU_READ, IOMMU_WRITE
 *
 * They do not change. Other bits of their byte do, by tasks that the caller keeps nothing of.
 */
static inline int ioasid_area_prot(const struct ioasid_area *area)
{
	int prot;

	data_race(prot = area->prot);
	return prot;
}

/* ioasid_area_first_page() - which of its pages is the first that it shows */
static inline unsigned long ioasid_area_first_page(const struct ioasid_area *area)
{
	return likely(!area->own.unused) ? 0 : area->own.vaddr;
}

/* ioasid_area_mark() - set the marks of a new area, which has its first state as it was made */
static inline void ioasid_area_mark(struct ioasid_area *area, u8 prot, bool small)
{
	BUILD_BUG_ON(IOASID_AREA_BUILDING);
	/* All bits of the byte are set, so that it is not read. */
	area->prot = prot;
	area->small = small;
	area->torn = false;
	area->stuck = IOASID_STUCK_NOT;
	area->lost = false;
	area->counted = false;
}

/* ioasid_area_show() - a new area shows a part of the pages of another one, from @first on */
static inline void ioasid_area_show(struct ioasid_area *area, struct ioasid_pages *pages,
				    unsigned long first)
{
	area->own.unused = true;
	area->shown = pages;
	area->own.vaddr = first;
}

/*
 * How many of its pages are no holes; they are pinned. Where there are holes that walks all
 * extents, so no call asks for many areas under one hold of a lock, nor without a look at
 * fatal signals.
 */
static inline unsigned long ioasid_area_present(const struct ioasid_area *area)
{
	return ioasid_pages_present(ioasid_area_pages(area), ioasid_area_first_page(area),
				    ioasid_area_npages(area));
}

/* Its bits while dirty tracking is on, or NULL */
static inline unsigned long *ioasid_area_dirty(const struct ioasid_area *area)
{
	return unlikely(area->extended) ? area->extra->dirty : NULL;
}

/* Have in-kernel users pinned some of it? */
static inline bool ioasid_area_has_pins(const struct ioasid_area *area)
{
	return unlikely(area->extended) && !xa_empty(&area->extra->pins);
}

/* Is it being built or torn down, or with @idle also read or written by the CPU? */
static inline bool ioasid_area_in_flight(const struct ioasid_area *area, bool idle)
{
	return area->state != IOASID_AREA_LIVE || (idle && area->num_accesses);
}

/* For what changes under both locks: one of them is held. */
static inline void ioasid_assert_either_lock(const struct ioasid_space *space)
{
	lockdep_assert(lockdep_is_held(&space->areas_lock) ||
		       lockdep_is_held(&space->domains_rwsem));
}

/* Are pages pinned when mapped, or only once a domain exists? One of the two locks is held. */
static inline bool ioasid_space_pins(const struct ioasid_space *space)
{
	ioasid_assert_either_lock(space);
	return !(space->flags & IOASID_SPACE_CONTAINER) || !list_empty(&space->domains) ||
	       space->attaching;
}

/*
 * For a task that may wait for user space: page faults, an owner's mmap_lock, other
 * calls. It may take for ever, so other tasks must not wait behind it.
 */
static inline void ioasid_assert_may_wait(const struct ioasid_space *space)
{
	might_sleep();
	lockdep_assert_not_held(&space->areas_lock);
	lockdep_assert_not_held(&space->domains_rwsem);
}

/* Does one range contain all of [start, last]? An empty list allows everything. */
static inline bool ioasid_ranges_contain(const struct ioasid_ranges *ws, u64 start, u64 last)
{
	const struct ioasid_iova_range *r;

	for (r = ws->range; r < ws->range + ws->nr; r++)
		if (start >= r->start && last <= r->last)
			return true;
	return !ws->nr;
}

/* ioasid_space_seen() - space->changes, for ioasid_space_wait_change(); areas_lock is held */
static inline u64 ioasid_space_seen(struct ioasid_space *space)
{
	lockdep_assert_held(&space->areas_lock);
	space->waiting = true;
	return space->changes;
}

/*
 * ioasid_space_changed() - an area left BUILDING or DYING, or lost a user; areas_lock is held
 *
 * The first change after a task called ioasid_space_seen() wakes it, or keeps it from going to
 * sleep; so the next one need not look for it.
 */
static inline void ioasid_space_changed(struct ioasid_space *space)
{
	lockdep_assert_held(&space->areas_lock);
	WRITE_ONCE(space->changes, space->changes + 1);
	if (likely(!space->waiting))
		return;
	space->waiting = false;
	wake_up_all(&space->change_wait);
}

/* Of what is done for one area after the other, so much between two looks at the scheduler. */
#define IOASID_AREAS_PER_BREAK	1024

/*
 * ioasid_area_break() - look at the scheduler now and then; @n counts areas
 *
 * A space can have millions of areas. So a loop through a list of them calls this for
 * each, and a walk through the tree does so itself. Sleeping locks may be held.
 */
static inline void ioasid_area_break(unsigned int *n)
{
	if (unlikely(++*n % IOASID_AREAS_PER_BREAK == 0))
		cond_resched();
}

static inline u64 ioasid_space_pgsize(const struct ioasid_space *space)
{
	return space->pgsizes & -space->pgsizes;
}

/* mapping.c */
void ioasid_error(const struct ioasid_who *who, enum ioasid_error_op op, int err,
		  const struct ioasid_fail *f);
void ioasid_errors_show(struct dentry *dir);
void ioasid_space_report(struct ioasid_space *space, enum ioasid_error_op op, int err,
			 const struct ioasid_fail *f);
struct ioasid_area *ioasid_area_alloc(struct ioasid_area_pool *pool);
void ioasid_area_pool_drop(struct ioasid_area_pool *pool);
void ioasid_area_free(struct ioasid_area *area);
int ioasid_area_extend(struct ioasid_space *space, struct ioasid_area *area);
struct ioasid_area *ioasid_area_take_spare(struct ioasid_space *space);
bool ioasid_area_keep_spare(struct ioasid_space *space, struct ioasid_area *area);
void ioasid_area_drop_spare(struct ioasid_space *space);
void ioasid_area_free_many(struct ioasid_areas *areas);
void ioasid_areas_sort(struct ioasid_areas *areas);
bool ioasid_area_stuck(struct ioasid_space *space, struct ioasid_area *area);
void ioasid_area_keep(struct ioasid_space *space, struct ioasid_area *area);
void ioasid_pages_put(struct ioasid_pages *pages);
int ioasid_space_wait_change(struct ioasid_space *space, u64 seen);
void ioasid_area_wait_begin(struct ioasid_space *space, struct ioasid_area *area,
			    struct ioasid_area_wait *w);
int ioasid_area_wait(struct ioasid_space *space, struct ioasid_area_wait *w);
void ioasid_areas_let_in(struct ioasid_space *space, u64 start, u64 last);
int ioasid_mapping_init(void);
void ioasid_mapping_exit(void);

/* show.c */
/* heir.c: it passes to another process */
void ioasid_space_give(struct ioasid_space *space, struct ioasid_owner *owner);
void ioasid_space_settle(struct ioasid_space *space);
void ioasid_space_bequeath(struct ioasid_space *space, struct ioasid_owner *heir);

void ioasid_space_describe(struct ioasid_space *space, struct ioasid_space_args *args);

/**
 * struct ioasid_space_pages - pages of the mappings of a space that are LIVE
 * @pinned: that are pinned for it
 * @charged: to owners
 * @holes: with nothing behind them, of sparse mappings
 */
struct ioasid_space_pages {
	u64 pinned;
	u64 charged;
	u64 holes;
};

void ioasid_space_pages(struct ioasid_space *space, struct ioasid_space_pages *sum);
void ioasid_show_comm(struct seq_file *m, const char *comm);
void ioasid_space_show(struct ioasid_space *space, struct ioasid_space_info *info);
bool ioasid_space_show_mapping(struct ioasid_space *space, u64 first, u64 last,
			       struct ioasid_mapping_info *info);

/* tree.c: areas by address */
struct ioasid_area *ioasid_area_first(struct ioasid_space *space, u64 start, u64 last);
struct ioasid_area *ioasid_area_first_after(struct ioasid_space *space, struct ioasid_area *before,
					    u64 start, u64 last);
struct ioasid_area *ioasid_area_next(struct ioasid_space *space, struct ioasid_area *area,
				     u64 start, u64 last);
struct ioasid_area *ioasid_area_place(struct ioasid_space *space, u64 start, u64 last,
				      struct ioasid_area_place *place);
void ioasid_area_insert(struct ioasid_space *space, struct ioasid_area *area,
			const struct ioasid_area_place *place);
void ioasid_area_remove(struct ioasid_space *space, struct ioasid_area *area);
bool ioasid_gap_find(struct ioasid_space *space, u64 at, u64 length, struct ioasid_iova_range *gap);

/* iova_ranges.c */
struct ioasid_iova_range ioasid_ranges_nearest(const struct ioasid_ranges *ws, u64 start);
bool ioasid_ranges_contain_area(const struct ioasid_ranges *ws, const struct ioasid_area *area);
int ioasid_ranges_compute(struct ioasid_space *space, struct ioasid_ranges *out);
int ioasid_ranges_resv(struct iommu_group *group, struct ioasid_ranges *out,
		       phys_addr_t *sw_msi);
int ioasid_ranges_everything(struct ioasid_ranges *ws);
void ioasid_ranges_free(struct ioasid_ranges *ws);
void ioasid_space_update_pgsizes(struct ioasid_space *space);

/**
 * struct ioasid_iova_search - looking for a free address, see iova_alloc.c
 * @space: where
 * @ws: the ranges to choose from
 * @unknown: the range to choose from, while the reserved regions are unknown
 * @length: bytes
 * @like: modulo @align the address must be equal to this
 * @align: what is tried now, the largest first
 * @from: no address below it is of interest, at this @align; U64_MAX: none is
 */
struct ioasid_iova_search {
	struct ioasid_space *space;
	struct ioasid_ranges ws;
	struct ioasid_iova_range unknown;
	u64 length;
	u64 like;
	u64 align;
	u64 from;
};

/* iova_alloc.c */
void ioasid_iova_begin(struct ioasid_iova_search *s, struct ioasid_space *space, u64 length,
		       u64 like);
bool ioasid_iova_next(struct ioasid_iova_search *s, u64 *iova);
int ioasid_iova_choose(struct ioasid_space *space, struct ioasid_map_args *m,
		       struct ioasid_policy_refusal *no);

/* dirty.c */
int ioasid_dirty_start(struct ioasid_space *space);
void ioasid_dirty_stop(struct ioasid_space *space);
struct ioasid_dirty_piece *ioasid_dirty_piece_alloc(void);
int ioasid_dirty_get(struct ioasid_space *space, const struct ioasid_dirty_query *q,
		     struct ioasid_dirty_piece *p, bool clear);
int ioasid_dirty_area_track(struct ioasid_space *space, struct ioasid_area *area);
int ioasid_dirty_area_part(const struct ioasid_area *area, struct ioasid_area *part, u64 from);

/* ioasid_dirty_area_init() - a mapping is being published; areas_lock is held */
static inline int ioasid_dirty_area_init(struct ioasid_space *space, struct ioasid_area *area)
{
	lockdep_assert_held(&space->areas_lock);
	return unlikely(space->tracking) ? ioasid_dirty_area_track(space, area) : 0;
}

void ioasid_dirty_area_free(struct ioasid_area_extra *extra);
void ioasid_dirty_mark(struct ioasid_space *space, struct ioasid_area *area, u64 iova,
		       u64 length);
void ioasid_dirty_mark_all(struct ioasid_space *space);
int ioasid_dirty_report(struct ioasid_space *space, struct ioasid_areas *areas,
			const struct ioasid_dirty_query *q, struct ioasid_dirty_piece *p);

/* user.c: limits of one user */
/* Parameters: the most that one user may have; 0: no limit. */
extern unsigned int ioasid_user_spaces;
extern unsigned int ioasid_user_mappings;
struct ioasid_user *ioasid_user_open(void);
void ioasid_user_close(struct ioasid_user *user);
bool ioasid_user_add_mapping(struct ioasid_user *user, unsigned long weight, u64 *used, u64 *limit);
void ioasid_user_drop_mapping(struct ioasid_user *user, unsigned long weight);

/* Pages of a mapping with holes that count as one mapping: 4 KiB of bits for dirty tracking. */
#define IOASID_SPARSE_PAGES_SHIFT	15

/* ioasid_weight() - as how many a mapping of @bytes counts for its user, if it counts; see user.c */
static inline unsigned long ioasid_weight(const struct ioasid_pages *pages, u64 bytes)
{
	return 1 + (unlikely(pages->sparse) ? bytes >> (PAGE_SHIFT + IOASID_SPARSE_PAGES_SHIFT) : 0);
}

static inline unsigned long ioasid_area_weight(const struct ioasid_area *area)
{
	return ioasid_weight(ioasid_area_pages(area), ioasid_area_bytes(area));
}
void ioasid_users_show(struct dentry *dir);

/* group.c */
struct ioasid_group *ioasid_group_find(struct ioasid_space *space, struct iommu_group *group);

/* accesses.c */
void ioasid_access_put(struct ioasid_access *access);
int ioasid_access_notify(struct ioasid_space *space, u64 start, u64 last);
struct ioasid_area *ioasid_access_lock_area(struct ioasid_space *space, u64 iova,
					    bool counts, struct ioasid_fail *f);
u64 ioasid_access_room(struct ioasid_space *space, const struct ioasid_area *area, u64 iova);

#endif /* _IOASID_SPACE_H */
