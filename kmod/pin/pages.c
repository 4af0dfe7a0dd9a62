// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinned pages as an object: describe, look up, unpin. pin.c pins them.
 *
 * What can run at the same time: the end of another area of the same pages. nr_areas is
 * atomic; the task that takes it to 0 unpins and is alone, since nr_areas never rises
 * from 0. The owner's exit: the object holds the mm and task structures, not the
 * memory. A change of owner: ops/owner.c counts itself in nr_areas. Callers make sure
 * that no IOMMU reaches the pages any more, or say that one is stuck.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "lib/rcu.h"
#include "internal.h"

/* Pages that are unpinned between two looks at the scheduler. */
#define PAGES_PER_BREAK	1024
/* Pages of an extent that are unpinned with one call; few calls where they are of huge folios. */
#define UNPIN_AT_ONCE	8192
/* Single pages that are unpinned with one call; their pointers fit on the stack. */
#define UNPIN_BATCH	32

/*
 * Guards the owner of LIVE pages against a change of owner, since several spaces can share
 * the pages. It is innermost.
 */
static DEFINE_SPINLOCK(owner_lock);

/**
 * ioasid_pages_describe() - the same memory of the same owner, nothing of it pinned or charged
 * @to: filled in, with references of its own; ioasid_pages_release() later
 * @from: not memory of a file; of a space whose areas_lock the caller has
 *
 * Pinning, charging and giving back wait for user space. For an area that is
 * LIVE they are therefore done for such a description, without any lock, and
 * what it has pinned and charged is moved from or to the area's own.
 */
void ioasid_pages_describe(struct ioasid_pages *to, const struct ioasid_pages *from)
{
	spin_lock(&owner_lock);
	*to = (struct ioasid_pages){
		.write = from->write,
		.sparse = from->sparse,
		.holder = ioasid_holder_get(from->holder),
		.vaddr = from->vaddr,
		.npages = from->npages,
		.ext.tag = from->ext.tag,
	};
	spin_unlock(&owner_lock);
}

/* ioasid_pages_alike() - is it still the same memory of the same owner; locks as to describe it */
bool ioasid_pages_alike(const struct ioasid_pages *a, const struct ioasid_pages *b)
{
	const struct ioasid_holder *x, *y;
	bool alike;

	spin_lock(&owner_lock);
	x = a->holder;
	y = b->holder;
	alike = a->vaddr == b->vaddr && x->mm == y->mm && x->task == y->task && x->user == y->user;
	spin_unlock(&owner_lock);
	return alike;
}

/* ioasid_pages_mm() - the owner's memory, with a reference (mmdrop()); of a LIVE area */
struct mm_struct *ioasid_pages_mm(const struct ioasid_pages *pages)
{
	struct mm_struct *mm;

	spin_lock(&owner_lock);
	mm = pages->holder->mm;
	mmgrab(mm);
	spin_unlock(&owner_lock);
	return mm;
}

/*
 * ioasid_pages_are_mine() - is the owner the process of the current task; of a LIVE area
 *
 * A change of owner may follow at once, so there is no lock to take.
 */
bool ioasid_pages_are_mine(const struct ioasid_pages *pages)
{
	bool mine;

	ioasid_read_lock();
	mine = READ_ONCE(pages->holder)->mm == current->mm;
	ioasid_read_unlock();
	return mine;
}

/* ioasid_pages_owner() - whose they are; false when its memory is gone, and the charge. Of a LIVE area */
bool ioasid_pages_owner(const struct ioasid_pages *pages, struct ioasid_who *who)
{
	bool alive;

	spin_lock(&owner_lock);
	*who = ioasid_pages_who(pages);
	alive = atomic_read(&pages->holder->mm->mm_users);
	spin_unlock(&owner_lock);
	return alive;
}

/*
 * ioasid_pages_set_owner() - @next owns @pages from now on
 *
 * The pages are claimed (@pages->moving), and @next is as ioasid_pages_describe()
 * left it; @old gets the reference on the owner before, and its charge.
 */
void ioasid_pages_set_owner(struct ioasid_pages *pages, const struct ioasid_pages *next,
			    struct ioasid_pages *old)
{
	spin_lock(&owner_lock);
	*old = (struct ioasid_pages){
		.holder = pages->holder,
		.charged = pages->charged,
		.seen_by = pages->seen_by,
		.ext.tag = pages->ext.tag,
		.share = pages->share,
	};
	WRITE_ONCE(pages->holder, next->holder);
	pages->seen_by = next->seen_by;
	pages->ext.tag = next->ext.tag;
	WRITE_ONCE(pages->share, next->share);
	if (next->share)
		WRITE_ONCE(pages->charged, next->charged);
	spin_unlock(&owner_lock);
	ioasid_watch_forget(pages);
}

/*
 * ioasid_pages_move() - what @from has pinned is pinned by @to from now on
 *
 * The caller moves their charge, and keeps other tasks from both. @to has nothing
 * pinned. What is in a book stays in it, and what is pinned late does not share.
 */
void ioasid_pages_move(struct ioasid_pages *to, struct ioasid_pages *from)
{
	ioasid_watch_forget(from);
	to->share = from->share;
	if (from->share == IOASID_SHARE_JOINED) {
		to->seen_by = from->seen_by;
		from->seen_by = (struct ioasid_seen_by){};
	}
	WRITE_ONCE(from->share, IOASID_SHARE_NOT);
	ioasid_extents_swap(&to->ext, &from->ext);
	to->pinned = true;
	ioasid_devmem_move(to, from);
	from->pinned = false;
}

/* An extent that is long: the kernel unpins it without a look at the scheduler. */
static noinline void extent_unpin_long(unsigned long pfn, unsigned long npages, bool write)
{
	unsigned long done, n;

	for (done = 0; done < npages; done += n) {
		n = min(npages - done, (unsigned long)UNPIN_AT_ONCE);
		unpin_user_page_range_dirty_lock(pfn_to_page(pfn + done), n, write);
		cond_resched();
	}
}

static __always_inline void extent_unpin(const struct ioasid_pages *pages,
					 const struct ioasid_extent *extent)
{
	if (extent->kind == IOASID_EXTENT_GUP && unlikely(extent->npages > UNPIN_AT_ONCE))
		extent_unpin_long(extent->pfn, extent->npages, pages->write);
	else if (extent->kind == IOASID_EXTENT_GUP)
		unpin_user_page_range_dirty_lock(pfn_to_page(extent->pfn), extent->npages,
						 pages->write);
	else if (extent->kind == IOASID_EXTENT_FOLIO)
		ioasid_file_unpin(extent->pfn, extent->npages, pages->write);
}

/*
 * Many extents; scattered pages are handed back several at a time, because the call
 * costs as much as the page. Return: how many pages there were.
 */
static noinline unsigned long extents_unpin(const struct ioasid_pages *pages)
{
	/* Only what was set is read. */
	struct page *single[UNPIN_BATCH] __uninitialized;
	unsigned long npages = 0, since = 0, n = 0;
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;

	ioasid_for_each_extent(&it, &pages->ext, &extent) {
		npages += extent.npages;
		since += extent.npages;
		if (extent.npages == 1 && extent.kind == IOASID_EXTENT_GUP)
			single[n++] = pfn_to_page(extent.pfn);
		else if (unlikely(extent.kind == IOASID_EXTENT_HOLE))
			npages -= extent.npages;
		else
			extent_unpin(pages, &extent);
		if (n == UNPIN_BATCH) {
			unpin_user_pages_dirty_lock(single, n, pages->write);
			n = 0;
		}
		if (since >= PAGES_PER_BREAK) {
			cond_resched();
			since = 0;
		}
	}
	unpin_user_pages_dirty_lock(single, n, pages->write);
	return npages;
}

static noinline void unpin_report(const struct ioasid_pages *pages, unsigned long npages)
{
	struct ioasid_who who = ioasid_pages_who(pages);

	trace_ioasid_unpin(&who, pages->vaddr, npages, false);
}

/* Unpin all pages; the caller uncharges them. */
static void pages_unpin_all(struct ioasid_pages *pages)
{
	/* Read where it is the only one, and filled in then. */
	struct ioasid_extent extent __uninitialized;
	unsigned long npages;

	ioasid_watch_forget(pages);
	if (likely(ioasid_extents_only(&pages->ext, &extent))) {
		npages = likely(extent.kind != IOASID_EXTENT_HOLE) ? extent.npages : 0;
		extent_unpin(pages, &extent);
	} else {
		npages = extents_unpin(pages);
	}
	ioasid_extents_free(&pages->ext);
	pages->pinned = false;
	if (unlikely(pages->bare))
		ioasid_devmem_drop(pages, false);
	if (trace_ioasid_unpin_enabled() && npages)
		unpin_report(pages, npages);
}

/* Remove them from the book that they are in, while their frames mean them. */
static void pages_leave(struct ioasid_pages *pages)
{
	if (unlikely(pages->share == IOASID_SHARE_JOINED))
		ioasid_share_leave(pages, &pages->ext, ULONG_MAX);
}

static void pages_unpin(struct ioasid_pages *pages, struct ioasid_refund *refund)
{
	pages_leave(pages);
	pages_unpin_all(pages);
	if (refund) {
		ioasid_refund_add(refund, pages);
		return;
	}
	ioasid_uncharge(pages, pages->charged);
	pages->charged = 0;
}

/* ioasid_pages_unpin() - unpin all pages and uncharge them */
void ioasid_pages_unpin(struct ioasid_pages *pages)
{
	pages_unpin(pages, NULL);
}

/* Give up on pages that an IOMMU may still reach: the lesser evil. They stay charged, in books too. */
static noinline void pages_leak(struct ioasid_pages *pages)
{
	ioasid_watch_forget(pages);
	ioasid_devmem_drop(pages, true);
	ioasid_extents_free(&pages->ext);
	pages->charged = 0;
}

/**
 * ioasid_pages_put_area() - an area ends; the last one unpins the pages
 * @pages: object; the reference stays, and is not that of a LIVE area
 * @stuck: an IOMMU kept that mapping: the pages are never unpinned
 * @refund: where the charge goes; NULL to give it back at once
 *
 * Return: how many pages were unpinned: none unless it was the last one.
 */
__flatten unsigned long ioasid_pages_put_area(struct ioasid_pages *pages, bool stuck,
					      struct ioasid_refund *refund)
{
	unsigned long npages;

	if (unlikely(stuck))
		data_race(({ pages->leaked = true; 0; }));
	/* With one reference there is one area at most. */
	if (unlikely(!ioasid_pages_sole(pages)) && !atomic_dec_and_test(&pages->nr_areas))
		return 0;
	npages = pages->pinned ? ioasid_pages_present(pages, 0, pages->npages) : 0;
	if (unlikely(pages->leaked))
		pages_leak(pages);
	else
		pages_unpin(pages, refund);
	return npages;
}

/* ioasid_pages_page() - one of the pages, pinned; NULL if there is none behind it */
struct page *ioasid_pages_page(struct ioasid_pages *pages, unsigned long index)
{
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;

	ioasid_for_each_extent(&it, &pages->ext, &extent) {
		if (index < extent.npages)
			return ioasid_extent_has_pages(&extent) ?
			       pfn_to_page(extent.pfn + index) : NULL;
		index -= extent.npages;
	}
	return NULL;
}

/**
 * ioasid_pages_pin_one() - an extra pin on one page, for in-kernel users
 * @pages: owner and access rights
 * @vaddr: address of the page
 * @page: the page, to be released with unpin_user_page()
 *
 * Return: 0, -ENODEV (owner gone), -EINVAL (no struct page), -EFAULT, -EINTR.
 */
int ioasid_pages_pin_one(struct ioasid_pages *pages, unsigned long vaddr, struct page **page)
{
	unsigned int flags = FOLL_LONGTERM | (pages->write ? FOLL_WRITE : 0);
	struct vm_area_struct *vma;
	long n;

	if (!mmget_not_zero(pages->holder->mm))
		return -ENODEV;
	if (mmap_read_lock_killable(pages->holder->mm)) {
		mmput_async(pages->holder->mm);
		return -EINTR;
	}
	/*
	 * The lock is kept over page faults, so one that userfaultfd would have to
	 * serve is -EFAULT, as in type1: the driver may hold a lock that its unmap
	 * callback takes.
	 */
	n = pin_user_pages_remote(pages->holder->mm, vaddr, 1, flags, page, NULL);
	if (n != 1) {
		vma = vma_lookup(pages->holder->mm, untagged_addr_remote(pages->holder->mm, vaddr));
		n = vma && (vma->vm_flags & VM_PFNMAP) ? -EINVAL : n ?: -EFAULT;
	}
	mmap_read_unlock(pages->holder->mm);
	mmput_async(pages->holder->mm);
	return n == 1 ? 0 : n;
}
