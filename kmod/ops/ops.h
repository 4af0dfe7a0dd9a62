/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations on address spaces. <ioasid/ioasid.h> declares those that other
 * modules call.
 */
#ifndef _IOASID_OPS_H
#define _IOASID_OPS_H

#include <linux/mm_types.h>
#include <linux/sched.h>

#include "space/space.h"

struct file;
struct ioasid_iova_range;

/* lifecycle.c */
extern unsigned int ioasid_dma_entry_limit;
extern bool ioasid_charge_shared;
int ioasid_space_retire(struct ioasid_space *space, struct ioasid_areas *victims);

/**
 * struct ioasid_map_holes - where the holes of a mapping are to be reported
 * @to: in the caller's memory; NULL: they are counted only
 * @room: ranges that fit there
 * @nr: how many holes there are; 0 if it fails before that is known
 * @mapped: bytes that are none; likewise
 */
struct ioasid_map_holes {
	struct ioasid_iova_range __user *to;
	u32 room;
	u32 nr;
	u64 mapped;
};

/**
 * struct ioasid_map_call - one mapping, from entry to exit, in the steps that it shares
 *	with a batch
 * @space: where to
 * @args: the request; iova is filled in when the kernel chooses it
 * @pin: how its pages are pinned and charged: @pin.file and @pin.device for memory of a file or
 *	a device (IOASID_MAP_OF_FILE). Steps other than the pin obey it, too: @pin.res is the result, for
 *	the policies and the trace event at the end of the call, and NULL if none reports it; with
 *	@pin.timing they want times; with @pin.now a step that had to wait fails instead, with
 *	-EAGAIN, see ioasid_map_may_now()
 * @source: pages that are mapped already (IOASID_MAP_SHARED), with one count of
 *	nr_areas and a reference, which go to the area
 * @first: with @source: the first of those to map
 * @holes: with IOASID_MAP_SPARSE, where they are to be reported
 * @fail: why it fails
 * @room: where @pin.res is; NULL: in memory of its own
 * @seen_by: policies to notify of its end
 * @area: the area, once it is reserved
 * @last: last address
 * @start: when it began
 * @pin_now: pin the pages
 */
struct ioasid_map_call {
	struct ioasid_space *space;
	struct ioasid_map_args args;
	struct ioasid_pin_call pin;
	struct ioasid_pages *source;
	union {
		unsigned long first;
		struct ioasid_map_holes *holes;
	};
	struct ioasid_fail fail;
	struct ioasid_map_result *room;
	struct ioasid_seen_by seen_by;
	struct ioasid_area *area;
	u64 last;
	u64 start;
	bool pin_now;
};

/**
 * ioasid_map_init() - describe a mapping that is to be made
 * @c: not initialised
 * @space: where to
 * @iova: first address
 * @vaddr: first address in the caller's memory, or in a file
 * @length: bytes
 * @flags: enum ioasid_map_flags
 *
 * Sets what is read before a step of the mapping sets it, and leaves the rest alone: the
 * description is large, and a small mapping does little more than fill it in.
 */
static __always_inline void ioasid_map_init(struct ioasid_map_call *c, struct ioasid_space *space,
					    u64 iova, u64 vaddr, u64 length, u32 flags)
{
	c->space = space;
	c->args.iova = iova;
	c->args.vaddr = vaddr;
	c->args.length = length;
	c->args.flags = flags;
	c->args.workers = 0;
	c->pin.args = &c->args;
	c->pin.res = NULL;
	c->pin.fail = &c->fail;
	c->pin.file = NULL;
	c->pin.later = false;
	c->pin.now = false;
	c->pin.owed = 0;
	c->pin.paid = NULL;
	c->pin.device = NULL;
	c->pin.booked = &space->booked;
	c->pin.held = 0;
	c->source = NULL;
	c->fail = (struct ioasid_fail){};
	c->room = NULL;
	c->seen_by.slots = 0;
}

/* map.c */
int ioasid_map_fail(struct ioasid_map_call *c, int err, enum ioasid_reason reason, u64 a, u64 b);
void ioasid_map_begin(struct ioasid_map_call *c);
int ioasid_map_start(struct ioasid_map_call *c, struct ioasid_area_pool *pool);
int ioasid_map_reserve(struct ioasid_map_call *c, unsigned int nr, unsigned int *done);
int ioasid_map_pin(struct ioasid_map_call *c);
int ioasid_map_paid(struct ioasid_map_call *c);
int ioasid_map_program(struct ioasid_map_call *c, unsigned int nr, unsigned int *done);
int ioasid_map_publish(struct ioasid_map_call *c, unsigned int nr, unsigned int *done);
int ioasid_map_end(struct ioasid_map_call *c, int ret);

int ioasid_map_make(struct ioasid_map_call *c);
bool ioasid_map_may_now(const struct ioasid_map_call *c);

/* map_listen.c */
void ioasid_map_listen(struct ioasid_map_call *c);
int ioasid_map_wait(struct ioasid_map_call *c, u32 wait_us);
void ioasid_map_notify(struct ioasid_map_call *c, int ret);

/* undo.c */
int ioasid_map_undo(struct ioasid_map_call *c, int err);

/**
 * struct ioasid_map_batch_call - many mappings in one call
 * @space: where to
 * @fill: describe entry @i in @c; 0 or -errno
 * @respond: @nr entries from @i on will be mapped where @c says. Return: how many of them the
 *	caller of the call could be told
 * @data: for both
 * @entries: for @fill
 * @nr: how many
 * @done: how many are mapped
 */
struct ioasid_map_batch_call {
	struct ioasid_space *space;
	int (*fill)(void *data, unsigned int i, const void *entries, struct ioasid_map_call *c);
	unsigned int (*respond)(void *data, unsigned int i, const struct ioasid_map_call *c,
				unsigned int nr);
	void *data;
	const void *entries;
	unsigned int nr;
	unsigned int done;
};

/* holes.c */
int ioasid_map_check_sparse(struct ioasid_map_call *c);
int ioasid_map_holes(struct ioasid_map_call *c);

/* map_batch.c */
int ioasid_map_many(struct ioasid_map_batch_call *b);

/* copy.c */
int ioasid_share(struct ioasid_space *src, u64 iova, u64 length, struct ioasid_map_call *c);

/* Pages that are mapped or unmapped at once, in a task that must not wait. */
#define IOASID_NOW_PAGES	16UL

/*
 * ioasid_small_now() - may a task that must not wait try to map or unmap so much?
 *
 * Not while another task is at the memory that is charged and pinned, for a page fault may
 * keep it there, nor where a policy would have to be asked. A thread of the kernel
 * submits what is left of a ring that goes away: it has no memory to map.
 */
static inline bool ioasid_small_now(u64 length)
{
	struct mm_struct *mm = current->mm;

	return length <= IOASID_NOW_PAGES << PAGE_SHIFT && mm && !(current->flags & PF_KTHREAD) &&
	       !rwsem_is_locked(&mm->mmap_lock) && !ioasid_policy_any();
}

/* unmap.c */
int ioasid_unmap_native(struct ioasid_space *space, u64 iova, u64 length, u32 flags, bool now,
			u64 *unmapped);
int ioasid_unmap_ranges(struct ioasid_space *space, const struct ioasid_iova_range *ranges,
			unsigned int nr, unsigned int *done, u64 *unmapped);
int ioasid_unmap_dirty(struct ioasid_space *space, u32 flags, const struct ioasid_dirty_query *q,
		       u64 *unmapped);

/* Areas under one hold of areas_lock. */
#define IOASID_AREAS_PER_HOLD	256

/* finish.c */
u64 ioasid_areas_finish(struct ioasid_space *space, struct ioasid_areas *victims,
			struct ioasid_unmap_result *res, bool timing);

/* teardown.c */
void ioasid_space_claim_all(struct ioasid_space *space, struct ioasid_areas *victims);
void ioasid_space_leave_to_users(struct ioasid_space *space, struct ioasid_areas *victims);
void ioasid_space_finish_all(struct ioasid_space *space, struct ioasid_areas *victims);
void ioasid_area_unuse(struct ioasid_space *space, struct ioasid_area *area);

/**
 * struct ioasid_stale - stale pages, see ioasid_space_stale()
 * @iova: first address
 * @length: bytes
 * @vaddr: where the process had them, or where in the file they were
 * @how: enum ioasid_stale_how
 */
struct ioasid_stale {
	u64 iova;
	u64 length;
	unsigned long vaddr;
	enum ioasid_stale_how how;
};

/* stale.c */
int ioasid_space_stale(struct ioasid_space *space,
		       void (*report)(void *data, const struct ioasid_stale *s), void *data);

/* vaddr.c */
int ioasid_change_vaddr(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length);

/* owner.c */
int ioasid_space_change_owner(struct ioasid_space *space);
int ioasid_pages_change_owner(struct ioasid_pages *pages, struct ioasid_owner_args *args,
			      struct ioasid_fail *f);

bool ioasid_pages_claim(struct ioasid_pages *pages);
void ioasid_pages_unclaim(struct ioasid_pages *pages);

/* share.c */
int ioasid_share_survey(const struct ioasid_pages *like, unsigned long *excess);
int ioasid_share_settle(struct ioasid_pages *pages);
int __ioasid_share_settle_in(struct ioasid_space *space, struct ioasid_pages *pages);
void __ioasid_share_note(struct ioasid_space *space, struct mm_struct *mm);

/*
 * ioasid_share_note() - @pages are to share their charge: a survey for their owner is to find
 * the space. What it pins is pinned after that, so one of two tasks that pin the same page
 * finds the other. areas_lock is held
 */
static inline void ioasid_share_note(struct ioasid_space *space, const struct ioasid_pages *pages)
{
	struct mm_struct *mm = pages->holder->mm;

	lockdep_assert_held(&space->areas_lock);
	if (unlikely(space->sharer != mm))
		__ioasid_share_note(space, mm);
}

/* ioasid_share_settle_in() - ioasid_share_settle() in @space; its areas_lock is held */
static inline int ioasid_share_settle_in(struct ioasid_space *space, struct ioasid_pages *pages)
{
	lockdep_assert_held(&space->areas_lock);
	return unlikely(space->booked) && unlikely(READ_ONCE(pages->share) == IOASID_SHARE_ALONE) ?
	       __ioasid_share_settle_in(space, pages) : 0;
}

/* replay.c */
bool ioasid_space_unpinned(struct ioasid_space *space);
int ioasid_space_pin_all(struct ioasid_space *space, struct ioasid_fail *f);
void ioasid_space_unpin_idle(struct ioasid_space *space);

/* split.c */
int ioasid_split_range(struct ioasid_space *space, u64 start, u64 last, struct ioasid_area **first,
		       struct ioasid_fail *f);

/* user_pin.c */
bool ioasid_area_has_pins_in(const struct ioasid_area *area, u64 start, u64 last);
int ioasid_area_part_pins(struct ioasid_area *area, struct ioasid_area *part);
void ioasid_area_drop_pins(struct ioasid_area *area, u64 start);
void ioasid_area_forget_pins(struct ioasid_space *space, struct ioasid_area *area);
unsigned long ioasid_area_paid(struct ioasid_space *space, u64 iova,
			       const struct ioasid_pages *pages, unsigned long first,
			       unsigned long n);
unsigned long ioasid_area_paid_all(struct ioasid_space *space, struct ioasid_area *area,
				   const struct ioasid_extents *ext);
unsigned long ioasid_area_hand_over(struct ioasid_space *space, struct ioasid_area *area,
				    unsigned long npages);

/* watch.c */
void __ioasid_watch_range(struct ioasid_space *space, u64 iova, u64 last);
void ioasid_watch_init(void);
void ioasid_watch_exit(void);

/* ioasid_watch_range() - the mappings were made, and are watched if any asks; waits for user space */
static inline void ioasid_watch_range(struct ioasid_space *space, u64 iova, u64 last)
{
	if (static_branch_unlikely(&ioasid_watch_key))
		__ioasid_watch_range(space, iova, last);
}

#endif /* _IOASID_OPS_H */
