/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned pages of one process or file, and what was charged for them.
 *
 * An ioasid_pages is an object of its own: an area shows a part of it. Most have one
 * area for life, so the object is allocated with its first area (struct ioasid_area
 * in space/area.h) and outlives it if need be. It remembers the owner of the memory
 * and of the charge: that mm, user and cgroup are uncharged, whichever task unmaps, and
 * whichever cgroup the owner has moved to.
 *
 * Several areas can show the same pages only where pages are pinned as long as they are
 * mapped. That is not so in a VFIO container, which pins only while it has a domain.
 */
#ifndef _IOASID_PIN_H
#define _IOASID_PIN_H

#include <linux/cred.h>
#include <linux/jump_label.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/threads.h>
#include <linux/types.h>

#include <ioasid/policy.h>
#include "hooks/hooks.h"
#include "extents.h"
#include "revoke.h"

struct file;
struct folio;
struct ioasid_book;
struct ioasid_device_range;
struct ioasid_fail;
struct mm_struct;
struct page;
struct task_struct;
struct user_struct;

/** enum ioasid_lock_cap - does CAP_IPC_LOCK lift the rlimit of this object */
enum ioasid_lock_cap {
	/** @IOASID_CAP_UNKNOWN: not checked yet; it is checked when the limit is met */
	IOASID_CAP_UNKNOWN,
	/** @IOASID_CAP_NO: the owner had no such capability when it mapped */
	IOASID_CAP_NO,
	/** @IOASID_CAP_YES: it had; the pages are counted but not limited */
	IOASID_CAP_YES,
};

/** enum ioasid_moving - a change of owner, see ops/owner.c */
enum ioasid_moving {
	IOASID_MOVING_NOT,
	/** @IOASID_MOVING_CLAIMED: a call has claimed them, and other calls wait for it */
	IOASID_MOVING_CLAIMED,
	/** @IOASID_MOVING_CHARGED: and it has charged the new owner */
	IOASID_MOVING_CHARGED,
};

/** enum ioasid_share - does an object share the charge for its pages with others, see share.c */
enum ioasid_share {
	/** @IOASID_SHARE_NOT: no: it is charged in full */
	IOASID_SHARE_NOT,
	/** @IOASID_SHARE_ALONE: it is charged in full, because no other one of its owner shares */
	IOASID_SHARE_ALONE,
	/** @IOASID_SHARE_JOINED: it is in a book of its owner */
	IOASID_SHARE_JOINED,
};

/** enum ioasid_look - does the pin count of pages show that others have pinned them */
enum ioasid_look {
	/** @IOASID_LOOK_ONCE: no: each has one pin */
	IOASID_LOOK_ONCE,
	/** @IOASID_LOOK_FOLIOS: large folios are among them, whose pin count is to be looked at */
	IOASID_LOOK_FOLIOS,
	/** @IOASID_LOOK_TWICE: yes: one has more pins */
	IOASID_LOOK_TWICE,
};

/**
 * struct ioasid_holder - the process for which pages are pinned, see holder.c
 * @refs: objects that are pinned for it, and the space that keeps it for the next
 * @mm: its memory (mmgrab)
 * @task: its thread group leader, whose rlimit counts
 * @user: the user that is charged, if not @mm
 * @who: its identity when it mapped; the thread is that which mapped first
 * @rcu: it is freed after a grace period, for ioasid_pages_are_mine()
 *
 * Does not change.
 */
struct ioasid_holder {
	refcount_t refs;
	struct mm_struct *mm;
	struct task_struct *task;
	struct user_struct *user;
	struct ioasid_who who;
	struct rcu_head rcu;
};

struct ioasid_holder *ioasid_holder_new(const struct ioasid_who *who, bool user);
void __ioasid_holder_put(struct ioasid_holder *h);

static inline struct ioasid_holder *ioasid_holder_get(struct ioasid_holder *h)
{
	refcount_inc(&h->refs);
	return h;
}

static inline void ioasid_holder_put(struct ioasid_holder *h)
{
	if (refcount_dec_and_test(&h->refs))
		__ioasid_holder_put(h);
}

/**
 * ioasid_holder_fits() - is it what ioasid_holder_new() would describe
 * @h: a record that the caller keeps
 * @who: the current task
 * @user: as for ioasid_holder_new()
 */
static inline bool ioasid_holder_fits(const struct ioasid_holder *h, const struct ioasid_who *who,
				      bool user)
{
	return likely(h->mm == current->mm) && likely(h->task == current->group_leader) &&
	       likely(h->who.uid == who->uid) && likely(h->who.cgroup == who->cgroup) &&
	       h->user == (unlikely(user) ? current_user() : NULL);
}

/**
 * struct ioasid_pages - memory, pinned or to be pinned
 * @refs: of this object: one for each of @nr_areas, and in-kernel users that are pinning
 * @nr_areas: areas that show the pages, and calls that keep them pinned. It rises under
 *	the areas_lock of a space in which a LIVE area shows them
 * @marks: the members from @write to @share; all 0 in new pages
 * @write: pages were pinned for writing, and are dirtied when unpinned
 * @of_file: of a file, or of a driver (device.c): @vaddr is an offset, and nothing is looked up
 *	in the owner's memory
 * @sparse: what cannot be pinned is a hole: an extent of its own kind, see holes.c. Once they
 *	are pinned: there may be such extents
 * @unused: they are those of an area that shows other pages, and are nothing
 * @leaked: an IOMMU kept some of them: they stay pinned for good
 * @pinned: @ext holds all of @npages
 * @bare: some of it is device memory, which can be revoked: see revoke.c. Set
 *	before the first frame of it is in @ext, and true as long as there is one
 * @moving: enum ioasid_moving; under moving_lock of ops/owner.c, and read without it
 * @share: enum ioasid_share; read without a lock
 * @of_area: of no meaning here: room for marks of the area that has the pages as its own
 * @holder: the owner, with a reference; NULL until the range of its area is reserved
 * @vaddr: first address
 * @npages: length
 * @charged: pages in the owner's locked_vm on behalf of this object; of one that shares, how
 *	many were charged when it was mapped, because nothing else of the owner had them
 * @seen_by: policies that were notified of the charge; of no pages while it is in a book
 * @unseen: zero while it is in a book
 * @book: the book that it is in; those policies are the book's
 * @ext: the pages; its @tag is the thread that mapped them, and enum ioasid_lock_cap
 *
 * Written by the mapping task while the area is BUILDING, under areas_lock while
 * it is LIVE, and by the task that tears it down when it is DYING. The owner of
 * LIVE pages is changed by the call that claimed them (@moving), under owner_lock of
 * pages.c.
 *
 * @write to @leaked are one memory location, which is written while the area is BUILDING, and by a
 * task that ends an area and sets @leaked: several may, at the same time, and write the same. So
 * are @pinned and @bare, which only the tasks of the paragraph above write: a bit of width 0 is
 * between them. What is written under another lock than others, or without one, has a byte of its
 * own.
 */
struct ioasid_pages {
	refcount_t refs;
	atomic_t nr_areas;
	struct_group(marks,
		u8 write : 1;
		u8 of_file : 1;
		u8 sparse : 1;
		u8 unused : 1;
		u8 leaked : 4;
		u8 : 0;
		u8 pinned : 1;
		u8 bare : 7;
		u8 moving;
		u8 share;
	);
	u32 of_area;
	struct ioasid_holder *holder;
	unsigned long vaddr;
	unsigned long npages;
	unsigned long charged;
	union {
		struct ioasid_seen_by seen_by;
		struct {
			u64 unseen;
			struct ioasid_book *book;
		};
	};
	struct ioasid_extents ext;
};

/* The tag of its extents; a thread alone is one whose capability is not known. */
#define IOASID_TAG_THREAD	GENMASK(23, 0)
#define IOASID_TAG_CAP		GENMASK(31, 24)

static_assert(PID_MAX_LIMIT <= BIT(24) && IOASID_CAP_UNKNOWN == 0);

/* ioasid_pages_cap() - enum ioasid_lock_cap */
static inline unsigned int ioasid_pages_cap(const struct ioasid_pages *pages)
{
	return FIELD_GET(IOASID_TAG_CAP, pages->ext.tag);
}

static_assert(offsetof(struct ioasid_pages, unseen) ==
	      offsetof(struct ioasid_pages, seen_by.npages));

/**
 * typedef ioasid_survey_fn - every object of an owner that is charged in full joins
 * @like: has the owner
 * @excess: grows by pages that are charged more than once
 *
 * No lock is held. Return: 0; -ENOMEM: some have not joined.
 */
typedef int (*ioasid_survey_fn)(const struct ioasid_pages *like, unsigned long *excess);

/**
 * struct ioasid_fail - why a call fails, beside the errno
 * @reason: enum ioasid_reason
 * @a: first detail
 * @b: second detail
 * @pages: pinned by an attach that went well
 */
struct ioasid_fail {
	u32 reason;
	u64 a;
	u64 b;
	u64 pages;
};

static inline int ioasid_fail(struct ioasid_fail *f, int err, enum ioasid_reason reason,
			      u64 a, u64 b)
{
	f->reason = reason;
	f->a = a;
	f->b = b;
	return err;
}

/* Pages of a lot. */
#define IOASID_LOT_PAGES	64

/**
 * struct ioasid_pin_lot - pages of several small objects, pinned with one call of the pinner
 * @vaddr: of the first that is left, in the memory of the task
 * @at: its place in @page
 * @nr: end of what is pinned
 * @faults: page faults that the pinner took, until they are counted for an object
 * @write: for writing
 * @page: they
 *
 * On the stack of the task that maps. What no object takes is unpinned.
 */
struct ioasid_pin_lot {
	unsigned long vaddr;
	unsigned int at;
	unsigned int nr;
	unsigned long faults;
	bool write;
	struct page *page[IOASID_LOT_PAGES];
};

/**
 * struct ioasid_pin_paid - pages that are charged on behalf of in-kernel users, before they are
 *	pinned
 * @pages: how many of pages [first, first + n), as far as that is known
 * @counted: on return how many pages must be charged in all
 */
struct ioasid_pin_paid {
	unsigned long (*pages)(struct ioasid_pin_paid *paid, unsigned long first, unsigned long n);
	unsigned long counted;
};

/**
 * struct ioasid_pin_call - one run of the pinning loop
 * @args: the mapping, for policies
 * @res: gets times and counts; NULL: none reports them
 * @fail: gets the reason of a failure
 * @file: the file, for pages of one, or that of a device
 * @stop: becomes true when the space is torn down, may be NULL
 * @timing: a policy or a tracepoint wants the times, so there is @res
 * @helpers: how many may help with a large map
 * @asked: because the caller or a policy said so: then not only on idle processors
 * @later: the caller charges for them, so that nothing is charged here
 * @now: fail with -EAGAIN for a page that is not present
 * @owed: with @later, on return how many pages must be charged
 * @paid: what is charged already; NULL: nothing
 * @device: memory of a device, for which @file stands; NULL: it is none
 * @booked: the owner may have books; of the space, or NULL: it may
 * @held: how many of the first pages are pinned and charged
 */
struct ioasid_pin_call {
	struct ioasid_map_args *args;
	struct ioasid_map_result *res;
	struct ioasid_fail *fail;
	struct file *file;
	const bool *stop;
	bool timing;
	bool later;
	bool now;
	bool asked;
	u8 helpers;
	unsigned long owed;
	struct ioasid_pin_paid *paid;
	const struct ioasid_device_range *device;
	const bool *booked;
	unsigned long held;
};

/**
 * ioasid_pages_init() - describe memory; pins nothing
 * @pages: of a new area
 * @vaddr: first address in current->mm, which is set; or offset in a file
 * @npages: length
 * @write: the device may write
 * @pid: the current thread
 *
 * The owner is still to be set.
 */
static inline void ioasid_pages_init(struct ioasid_pages *pages, unsigned long vaddr,
				     unsigned long npages, bool write, u32 pid)
{
	/* All bits of the byte are set, so that it is not read. */
	pages->write = write;
	pages->of_file = false;
	pages->sparse = false;
	pages->unused = false;
	pages->leaked = false;
	pages->vaddr = vaddr;
	pages->npages = npages;
	pages->ext.tag = pid;
}

/*
 * ioasid_pages_who() - the identity of the owner when it mapped
 *
 * For pages that are the caller's: its area is BUILDING or DYING, or it has claimed them, or
 * they are a description of its own. For others there is ioasid_pages_owner().
 */
static inline struct ioasid_who ioasid_pages_who(const struct ioasid_pages *pages)
{
	struct ioasid_who who = pages->holder->who;

	who.pid = FIELD_GET(IOASID_TAG_THREAD, READ_ONCE(pages->ext.tag));
	return who;
}

/*
 * ioasid_pages_sole() - is the caller's reference the only one, and stays so?
 *
 * References come from other references, and from a LIVE area with areas_lock held, so if the
 * caller's is that of a LIVE area, the caller has areas_lock. What others did with theirs is seen after this.
 */
static inline bool ioasid_pages_sole(const struct ioasid_pages *pages)
{
	if (refcount_read(&pages->refs) != 1)
		return false;
	smp_acquire__after_ctrl_dep();
	return true;
}

/* ioasid_pages_release() - give up the owner, if there is one; nothing is pinned any more */
static inline void ioasid_pages_release(struct ioasid_pages *pages)
{
	if (pages->holder)
		ioasid_holder_put(pages->holder);
}

void ioasid_pages_describe(struct ioasid_pages *to, const struct ioasid_pages *from);
bool ioasid_pages_alike(const struct ioasid_pages *a, const struct ioasid_pages *b);
struct mm_struct *ioasid_pages_mm(const struct ioasid_pages *pages);
bool ioasid_pages_are_mine(const struct ioasid_pages *pages);
bool ioasid_pages_owner(const struct ioasid_pages *pages, struct ioasid_who *who);
void ioasid_pages_set_owner(struct ioasid_pages *pages, const struct ioasid_pages *next,
			    struct ioasid_pages *old);
void ioasid_pages_move(struct ioasid_pages *to, struct ioasid_pages *from);
int ioasid_pages_pin(struct ioasid_pages *pages, struct ioasid_pin_call *call, bool plain);
bool ioasid_lot_fill(struct ioasid_pin_lot *lot, unsigned long vaddr, unsigned long npages,
		     bool write);
int ioasid_lot_take(struct ioasid_pin_lot *lot, struct ioasid_pages *pages,
		    struct ioasid_pin_call *call);
void ioasid_lot_empty(struct ioasid_pin_lot *lot);

/* ioasid_lot_has() - are all pages of an object the next ones of the lot? Both are of one task */
static inline bool ioasid_lot_has(const struct ioasid_pin_lot *lot, const struct ioasid_pages *pages)
{
	return lot->nr - lot->at >= pages->npages && lot->vaddr == pages->vaddr &&
	       lot->write == pages->write;
}

void ioasid_pages_unpin(struct ioasid_pages *pages);
struct ioasid_refund;
unsigned long ioasid_pages_put_area(struct ioasid_pages *pages, bool stuck,
				    struct ioasid_refund *refund);
struct page *ioasid_pages_page(struct ioasid_pages *pages, unsigned long index);

int ioasid_pages_pin_one(struct ioasid_pages *pages, unsigned long vaddr, struct page **page);
int ioasid_pages_ask_cap(struct ioasid_pages *pages);

/**
 * struct ioasid_pages_cut - pages that are to be cut in two, see cut.c
 * @at: so many stay
 * @room: memory for the extents of the others, or NULL
 */
struct ioasid_pages_cut {
	unsigned long at;
	struct ioasid_extent_chunk *room;
};

/**
 * struct ioasid_hole_walk - position of a walk through the holes of pages
 * @it: in their extents
 * @at: index of the page after the last extent
 * @steps: extents that were looked at
 */
struct ioasid_hole_walk {
	struct ioasid_extents_iter it;
	unsigned long at;
	unsigned int steps;
};

/* holes.c; those with a look at the extents first may sleep */
void ioasid_holes_begin(struct ioasid_hole_walk *w, const struct ioasid_pages *pages);
bool ioasid_holes_next(struct ioasid_hole_walk *w, unsigned long *first, unsigned long *npages);
unsigned long __ioasid_pages_present(const struct ioasid_pages *pages, unsigned long first,
				     unsigned long npages);
unsigned long __ioasid_pages_runs(const struct ioasid_pages *pages);
unsigned long __ioasid_pages_until(const struct ioasid_pages *pages, unsigned long index,
				   bool *hole);

/* ioasid_pages_present() - how many of pages [first, first + npages) are no holes; they are pinned */
static inline unsigned long ioasid_pages_present(const struct ioasid_pages *pages,
						 unsigned long first, unsigned long npages)
{
	return unlikely(pages->sparse) ? __ioasid_pages_present(pages, first, npages) : npages;
}

/* ioasid_pages_runs() - how many runs of consecutive frames they are */
static inline unsigned long ioasid_pages_runs(const struct ioasid_pages *pages)
{
	return unlikely(pages->sparse) ? __ioasid_pages_runs(pages) : READ_ONCE(pages->ext.nr);
}

/**
 * ioasid_pages_until() - is there a page, and how many after it are alike
 * @pages: pinned
 * @index: of the page
 * @hole: it is a hole
 *
 * Return: so many pages from @index on are holes, or are not; more may be.
 */
static inline unsigned long ioasid_pages_until(const struct ioasid_pages *pages,
					       unsigned long index, bool *hole)
{
	*hole = false;
	return unlikely(pages->sparse) ? __ioasid_pages_until(pages, index, hole) :
					 pages->npages - index;
}

/* cut.c */
int ioasid_pages_may_cut(struct ioasid_pages *pages, unsigned long at,
			 struct ioasid_pages_cut *cut);
void ioasid_pages_cut(struct ioasid_pages *pages, struct ioasid_pages *rest,
		      struct ioasid_pages_cut *cut);
void ioasid_pages_cut_drop(struct ioasid_pages_cut *cut);

/* workers.c */
int ioasid_help_init(void);
void ioasid_help_exit(void);
unsigned int ioasid_help_most(void);

/* frames.c */
void ioasid_frames_exit(void);

/* charge.c */
int ioasid_charge(struct ioasid_pages *pages, unsigned long npages, u64 *limit);
bool ioasid_charge_at_once(void);
int ioasid_charge_sum(struct ioasid_pages *pages, unsigned long npages);
int ioasid_charge_try(struct ioasid_pages *pages, unsigned long npages);
void ioasid_uncharge(struct ioasid_pages *pages, unsigned long npages);
int ioasid_charge_move(struct ioasid_pages *to, struct ioasid_pages *from, unsigned long npages);

/* share.c */
extern unsigned int ioasid_payers;
bool ioasid_share_known(const struct ioasid_pages *pages);
bool ioasid_share_mm_known(const struct mm_struct *mm);
bool ioasid_share_begins(const struct ioasid_pages *pages, const struct ioasid_extents_pos *pos,
			 enum ioasid_look look, bool booked);
int ioasid_share_charge(struct ioasid_pages *pages, const struct ioasid_extents_pos *pos,
			unsigned long done, u64 *limit);
int ioasid_share_take_over(struct ioasid_pages *next, const struct ioasid_extents *ext, u64 *limit);
void ioasid_share_leave(struct ioasid_pages *pages, const struct ioasid_extents *ext,
			unsigned long npages);
int ioasid_share_join(struct ioasid_pages *pages, unsigned long *excess);
void ioasid_share_init(ioasid_survey_fn survey);
void ioasid_share_exit(void);

/* ioasid_share_may_join() - is an object charged in full though others of its owner share */
static inline bool ioasid_share_may_join(const struct ioasid_pages *pages)
{
	return unlikely(READ_ONCE(pages->share) == IOASID_SHARE_ALONE) &&
	       unlikely(READ_ONCE(ioasid_payers)) && ioasid_share_known(pages);
}

/**
 * struct ioasid_refund - locked_vm that is to be given back to one owner
 * @pages: the last object it was charged for
 * @npages: of all of them
 */
struct ioasid_refund {
	struct ioasid_pages *pages;
	unsigned long npages;
};

void ioasid_charge_return(const struct ioasid_pages *pages, unsigned long npages);
void ioasid_refund_add(struct ioasid_refund *r, struct ioasid_pages *pages);
void ioasid_refund_flush(struct ioasid_refund *r);

/** enum ioasid_stale_how - what became of a page that is mapped */
enum ioasid_stale_how {
	/** @IOASID_STALE_NOT: the process still has it there, or its file has */
	IOASID_STALE_NOT,
	/** @IOASID_STALE_UNMAPPED: the process has nothing at that address */
	IOASID_STALE_UNMAPPED,
	/** @IOASID_STALE_ABSENT: it was discarded, and no page took its place yet */
	IOASID_STALE_ABSENT,
	/** @IOASID_STALE_OTHER: the process has another page there */
	IOASID_STALE_OTHER,
	/** @IOASID_STALE_EXITED: the process ended, or runs another program */
	IOASID_STALE_EXITED,
};

/* Pages that are copied and compared at once. */
#define IOASID_STALE_PAGES	512

/**
 * struct ioasid_stale_batch - pages that are compared
 * @iova: of the first
 * @serial: of its area
 * @vaddr: where the process has it, or in the file
 * @mm: of the process, with a reference until it is compared
 * @of_file: of a file, not of a process
 * @nr: how many
 * @pfn: what is mapped
 * @how: enum ioasid_stale_how
 */
struct ioasid_stale_batch {
	u64 iova;
	u64 serial;
	unsigned long vaddr;
	struct mm_struct *mm;
	bool of_file;
	unsigned long nr;
	unsigned long pfn[IOASID_STALE_PAGES];
	u8 how[IOASID_STALE_PAGES];
};

/* stale.c */
void ioasid_stale_copy(struct ioasid_stale_batch *b, const struct ioasid_pages *pages,
		       unsigned long first);
int ioasid_stale_compare(struct ioasid_stale_batch *b);

/* watch.c: changes of mapped memory, as they happen */
DECLARE_STATIC_KEY_FALSE(ioasid_watch_key);
struct ioasid_watch_seen;

/**
 * struct ioasid_watch_counts - what is watched, and what that has found
 * @processes: that are watched now
 * @mappings: of them
 * @reports: how often stale pages were reported, since the module was loaded
 * @pages: how many pages those were
 */
struct ioasid_watch_counts {
	unsigned int processes;
	unsigned long mappings;
	u64 reports;
	u64 pages;
};

int ioasid_watch_mm(struct mm_struct *mm, bool wait);
void ioasid_watch_begin(void);
void ioasid_watch_end(void);
void ioasid_watch_count(struct ioasid_watch_counts *c);

/* watched.c */
unsigned long ioasid_watch_nr_seen(void);
struct ioasid_watch_seen *ioasid_watch_alloc(unsigned long npages);
void ioasid_watch_add(struct ioasid_watch_seen *s, const struct ioasid_pages *pages,
		      unsigned long first, u32 space, u64 iova);
void __ioasid_watch_drop(const struct ioasid_pages *pages, u32 space, u64 iova);
void __ioasid_watch_forget(const struct ioasid_pages *pages);

/*
 * ioasid_watch_drop() - a mapping ends, is about to be cut in two, or its address is not valid
 * now; @iova is its first address, and areas_lock of @space is held
 */
static inline void ioasid_watch_drop(const struct ioasid_pages *pages, u32 space, u64 iova)
{
	if (static_branch_unlikely(&ioasid_watch_key))
		__ioasid_watch_drop(pages, space, iova);
}

/*
 * ioasid_watch_forget() - the extents of @pages are about to go, and were not touched yet; or
 * the pages have another owner
 */
static inline void ioasid_watch_forget(const struct ioasid_pages *pages)
{
	if (static_branch_unlikely(&ioasid_watch_key))
		__ioasid_watch_forget(pages);
}

/* debt.c */
void ioasid_debts_exit(void);

#endif /* _IOASID_PIN_H */
