// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory is revoked: what leaves the page tables of the process that mapped
 * it leaves those of IOMMUs as well, before the kernel goes on.
 *
 * There is no page to pin behind VM_PFNMAP. The driver of the device takes the
 * memory away as it likes: vfio-pci does so when decoding is turned off, before a
 * reset and before it gives a device up, and munmap() and the end of the process do
 * so, too. So each piece of device memory is watched by an MMU interval notifier
 * from before its frames are looked up. Its callback clears the piece from every page
 * table that has it and flushes the IOTLB before it returns; only then does the
 * kernel clear its own entries, and vfio-pci goes on. What stays is the mapping.
 *
 *	devmem	the device memory of one object (struct ioasid_pages)
 *	piece	what one VMA has of it. Revoked as a whole, also when the process
 *		unmaps a part; no entry of a page table crosses its border
 *	reach	a domain that has the device memory for one mapping (domain/revoke.c)
 *
 * Locks. The callback is called with the mmap_lock held (munmap, mremap), or with
 * the i_mmap_rwsem of the device's file and locks of the driver (vfio-pci's
 * memory_lock), or with nothing (the end of the process). Reclaim calls callbacks
 * as well, so what a callback takes may not be held over an allocation that may
 * reclaim: that rules out domains_rwsem and areas_lock. Hence a lock of its own:
 *
 *	mmap_lock, i_mmap_rwsem, memory_lock   domains_rwsem, areas_lock
 *	                        \               /
 *	                         devmem->lock
 *	                              |
 *	      spinlocks: owned_lock, frames_lock, those of the IOMMU driver
 *
 * A task that writes or clears entries of device memory holds it, until the flush is
 * over. Under it nothing is allocated that has to be reclaimed (GFP_NOWAIT), and no
 * other sleeping lock is taken, so the callback waits for the IOMMU driver and for
 * no other task. iommu_map() and iommu_unmap() need no lock of ours: drivers allow
 * calls for different ranges at the same time, and a domain is in the list of
 * reaches only while it exists. The notifier is removed, which waits for callbacks,
 * with none of these locks held.
 *
 * No race between a lookup and a zap: mmu_interval_read_begin() waits until what
 * is being zapped is gone. A zap that begins later calls back, sets piece->revoked
 * under the lock, and what was looked up in the meantime is never written.
 *
 * A callback that may not sleep (the OOM reaper's) does not revoke: it says no, and
 * the reaper goes on without. In fact it leaves VM_PFNMAP out, so that it can only be
 * about other memory that is at the address now, and then the piece is revoked.
 *
 * What the driver of the device took away comes back when the owner has it in its
 * page tables again: restore.c. Device memory that a driver gives by itself (device.c) is in
 * no VMA: the driver says when it is to be revoked, and when it comes back.
 *
 * Changes of protection revoke nothing: mprotect() leaves the frames where they
 * are, and type1 does not follow it either.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "lib/signal.h"
#include "internal.h"

/* Guards the tree of device memory by object, and whose it is. Innermost. */
static DEFINE_SPINLOCK(owned_lock);
static struct rb_root owned = RB_ROOT;

static int compare(const void *pages, const struct rb_node *node)
{
	const struct ioasid_devmem *dm = rb_entry(node, struct ioasid_devmem, by_pages);

	return pages < (const void *)dm->pages ? -1 : pages > (const void *)dm->pages;
}

static bool goes_before(struct rb_node *a, const struct rb_node *b)
{
	return compare(rb_entry(a, struct ioasid_devmem, by_pages)->pages, b) < 0;
}

static struct ioasid_devmem *devmem_find(const struct ioasid_pages *pages)
{
	struct rb_node *node = rb_find(pages, &owned, compare);

	lockdep_assert_held(&owned_lock);
	return node ? rb_entry(node, struct ioasid_devmem, by_pages) : NULL;
}

/* ioasid_devmem_of() - the device memory of @pages, which stays pinned; NULL if there is none */
struct ioasid_devmem *ioasid_devmem_of(const struct ioasid_pages *pages)
{
	struct ioasid_devmem *dm;

	spin_lock(&owned_lock);
	dm = devmem_find(pages);
	spin_unlock(&owned_lock);
	return dm;
}

/* ioasid_devmem_create() - @pages, which have none yet, are to have device memory; NULL without memory */
struct ioasid_devmem *ioasid_devmem_create(struct ioasid_pages *pages)
{
	struct ioasid_devmem *dm = kzalloc(sizeof(*dm), GFP_KERNEL_ACCOUNT);

	if (!dm)
		return NULL;
	dm->pages = pages;
	mutex_init(&dm->lock);
	INIT_LIST_HEAD(&dm->pieces);
	INIT_LIST_HEAD(&dm->reaches);
	ioasid_restore_init(dm);
	spin_lock(&owned_lock);
	rb_add(&dm->by_pages, &owned, goes_before);
	spin_unlock(&owned_lock);
	pages->bare = true;
	return dm;
}

/* ioasid_devmem_move() - what was @from's is @to's, who has none yet, from now on */
void ioasid_devmem_move(struct ioasid_pages *to, struct ioasid_pages *from)
{
	struct ioasid_devmem *dm;

	if (!from->bare)
		return;
	spin_lock(&owned_lock);
	dm = devmem_find(from);
	rb_erase(&dm->by_pages, &owned);
	dm->pages = to;
	rb_add(&dm->by_pages, &owned, goes_before);
	spin_unlock(&owned_lock);
	to->bare = true;
	from->bare = false;
}

static u32 change_of(enum mmu_notifier_event event)
{
	switch (event) {
	case MMU_NOTIFY_UNMAP:
		return IOASID_CHANGE_UNMAP;
	case MMU_NOTIFY_CLEAR:
		return IOASID_CHANGE_CLEAR;
	case MMU_NOTIFY_RELEASE:
		return IOASID_CHANGE_EXIT;
	default:
		return IOASID_CHANGE_OTHER;
	}
}

/* Do the frames stay where they are? */
static bool change_keeps(enum mmu_notifier_event event)
{
	return event == MMU_NOTIFY_PROTECTION_VMA || event == MMU_NOTIFY_PROTECTION_PAGE ||
	       event == MMU_NOTIFY_SOFT_DIRTY;
}

/**
 * ioasid_piece_revoke() - take a piece away from every page table that has it, and flush
 * @p: not revoked
 * @change: enum ioasid_change
 * @gone: it does not come back
 *
 * The lock of its device memory is held.
 */
void ioasid_piece_revoke(struct ioasid_devmem_piece *p, u32 change, bool gone)
{
	struct ioasid_devmem *dm = p->devmem;
	struct ioasid_revoke r = {
		.first = p->first,
		.npages = p->npages,
		.change = change,
		.reaches = &dm->reaches,
	};
	struct ioasid_reach *reach;

	lockdep_assert_held(&dm->lock);
	list_for_each_entry(reach, &dm->reaches, link)
		if (!reach->revoke(reach, &r))
			dm->stuck = true;
	if (!dm->stuck)
		ioasid_frames_hide(&p->frames);
	p->revoked = true;
	p->gone = gone;
	if (ioasid_piece_waits(p))
		ioasid_restore_soon(dm);
}

/* What is watched changes, or ceases to be there. */
static bool piece_invalidate(struct mmu_interval_notifier *mni,
			     const struct mmu_notifier_range *range, unsigned long seq)
{
	struct ioasid_devmem_piece *p = container_of(mni, struct ioasid_devmem_piece, mni);
	bool sleep = mmu_notifier_range_blockable(range), done;

	if (sleep)
		mutex_lock(&p->devmem->lock);
	else if (!mutex_trylock(&p->devmem->lock))
		return false;
	mmu_interval_set_seq(mni, seq);
	done = p->revoked || change_keeps(range->event);
	if (!done && sleep) {
		ioasid_piece_revoke(p, change_of(range->event), range->event != MMU_NOTIFY_CLEAR);
		done = true;
	}
	mutex_unlock(&p->devmem->lock);
	return done;
}

static const struct mmu_interval_notifier_ops piece_ops = {
	.invalidate = piece_invalidate,
};

/*
 * The first notifier of a process takes all locks of its memory, and gives up for
 * any signal, where a map is to end for a fatal one only.
 */
static int watch_locked(struct ioasid_devmem_piece *p, struct mm_struct *mm, unsigned long start,
			unsigned long length)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	ret = mmu_interval_notifier_insert_locked(&p->mni, mm, start, length, &piece_ops);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}

/* Most of what cannot be pinned is no device memory either: say so before a lock for writing. */
static int watch_check(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	bool device;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, untagged_addr_remote(mm, addr));
	device = vma && vma->vm_flags & VM_PFNMAP;
	mmap_read_unlock(mm);
	return device ? 0 : -EFAULT;
}

/* Watch the device memory at @addr as far as its VMA goes, at most @npages. */
static int piece_watch(struct ioasid_devmem_piece *p, struct mm_struct *mm, unsigned long addr,
		       unsigned long npages)
{
	struct vm_area_struct *vma;
	int ret = -EFAULT;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	addr = untagged_addr_remote(mm, addr);
	vma = vma_lookup(mm, addr);
	if (vma && vma->vm_flags & VM_PFNMAP)
		ret = watch_locked(p, mm, addr,
				   min(npages << PAGE_SHIFT, vma->vm_end - addr));
	mmap_write_unlock(mm);
	if (!ret)
		mmu_interval_read_begin(&p->mni);
	return ret;
}

/* ioasid_devmem_room() - how many more pages of it are watched than were found */
unsigned long ioasid_devmem_room(const struct ioasid_devmem_piece *p)
{
	const struct interval_tree_node *watched = &p->mni.interval_tree;

	return ((watched->last - watched->start + 1) >> PAGE_SHIFT) - p->npages;
}

/* Does what is found at page @index still belong to the last piece? */
static bool piece_goes_on(const struct ioasid_devmem_piece *p, unsigned long index)
{
	return p->first + p->npages == index && ioasid_devmem_room(p);
}

/**
 * ioasid_devmem_watch() - before device memory is looked up
 * @pages: their owner's mm is held; one task at a time for the same @pages
 * @index: the page to be looked up; all before it are pinned
 *
 * Return: the piece that it belongs to, or -errno: -EFAULT (it is no device
 * memory), -EINTR, -ENOMEM.
 */
struct ioasid_devmem_piece *ioasid_devmem_watch(struct ioasid_pages *pages, unsigned long index)
{
	struct ioasid_devmem *dm = pages->bare ? ioasid_devmem_of(pages) : NULL;
	unsigned long addr = pages->vaddr + (index << PAGE_SHIFT);
	struct ioasid_devmem_piece *p;
	int ret;

	if (dm && !list_empty(&dm->pieces)) {
		p = list_last_entry(&dm->pieces, struct ioasid_devmem_piece, link);
		if (piece_goes_on(p, index))
			return p;
	}
	ret = watch_check(pages->holder->mm, addr);
	if (ret)
		return ERR_PTR(ret);
	if (!dm)
		dm = ioasid_devmem_create(pages);
	p = dm ? kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT) : NULL;
	if (!p)
		return ERR_PTR(-ENOMEM);
	p->devmem = dm;
	p->first = index;
	INIT_LIST_HEAD(&p->frames);
	ret = piece_watch(p, pages->holder->mm, addr, pages->npages - index);
	if (ret) {
		kfree(p);
		return ERR_PTR(ret);
	}
	mutex_lock(&dm->lock);
	list_add_tail(&p->link, &dm->pieces);
	mutex_unlock(&dm->lock);
	return p;
}

/**
 * ioasid_devmem_add() - frames were found
 * @p: from ioasid_devmem_watch(), for the page they are found at
 * @pfn: first frame
 * @npages: how many; no more than are watched
 *
 * Context: the mmap_lock under which they were found is held.
 *
 * Return: 0 or -ENOMEM.
 */
int ioasid_devmem_add(struct ioasid_devmem_piece *p, unsigned long pfn, unsigned long npages)
{
	struct ioasid_devmem *dm = p->devmem;
	struct ioasid_frames *f;
	bool grown;

	mmap_assert_locked(p->mni.mm);
	mutex_lock(&dm->lock);
	grown = ioasid_frames_grow(&p->frames, pfn, npages);
	if (grown)
		p->npages += npages;
	mutex_unlock(&dm->lock);
	if (grown)
		return 0;
	f = ioasid_frames_alloc(pfn, npages);
	if (!f)
		return -ENOMEM;
	mutex_lock(&dm->lock);
	ioasid_frames_add(&p->frames, f, !p->revoked);
	p->npages += npages;
	mutex_unlock(&dm->lock);
	return 0;
}

static void piece_drop(struct ioasid_devmem_piece *p, bool kept)
{
	if (p->memory)
		ioasid_device_memory_leave(p);
	else
		mmu_interval_notifier_remove(&p->mni);
	ioasid_frames_free(&p->frames, kept);
	kfree(p);
}

/*
 * ioasid_devmem_trim() - what ioasid_devmem_watch() was called for cannot be had, and becomes a
 * hole: do not watch a piece without pages. No domain is a reach yet.
 */
void ioasid_devmem_trim(struct ioasid_pages *pages)
{
	struct ioasid_devmem *dm = pages->bare ? ioasid_devmem_of(pages) : NULL;
	struct ioasid_devmem_piece *p = NULL;

	if (!dm)
		return;
	/* Its callback takes the lock; nothing else looks at the list. */
	if (!list_empty(&dm->pieces))
		p = list_last_entry(&dm->pieces, struct ioasid_devmem_piece, link);
	if (p && !p->npages) {
		mutex_lock(&dm->lock);
		list_del(&p->link);
		mutex_unlock(&dm->lock);
		piece_drop(p, false);
	}
	if (list_empty(&dm->pieces))
		ioasid_devmem_drop(pages, false);
}

/* ioasid_devmem_piece() - the piece that page @index of the object is in; the lock is held */
struct ioasid_devmem_piece *ioasid_devmem_piece(struct ioasid_devmem *dm, unsigned long index)
{
	struct ioasid_devmem_piece *p;

	lockdep_assert_held(&dm->lock);
	list_for_each_entry(p, &dm->pieces, link)
		if (index >= p->first && index - p->first < p->npages)
			return p;
	return NULL;
}

/* ioasid_devmem_link() - a domain is to get the device memory; it is not in its list yet */
void ioasid_devmem_link(struct ioasid_devmem *dm, struct ioasid_reach *reach)
{
	struct ioasid_devmem_piece *p;

	mutex_lock(&dm->lock);
	list_add_tail(&reach->link, &dm->reaches);
	list_for_each_entry(p, &dm->pieces, link)
		if (ioasid_piece_waits(p))
			ioasid_restore_soon(dm);
	mutex_unlock(&dm->lock);
}

/* ioasid_devmem_revoked() - is some of the device memory of LIVE pages revoked? */
bool ioasid_devmem_revoked(const struct ioasid_pages *pages)
{
	struct ioasid_devmem *dm = ioasid_devmem_of(pages);
	struct ioasid_devmem_piece *p;
	bool revoked = false;

	if (!dm)
		return false;
	mutex_lock(&dm->lock);
	list_for_each_entry(p, &dm->pieces, link)
		revoked |= p->revoked;
	mutex_unlock(&dm->lock);
	return revoked;
}

/*
 * ioasid_devmem_drop() - the pages go; @kept: an IOMMU has some of them for good
 *
 * No lock is held, and no domain is a reach any more.
 */
void ioasid_devmem_drop(struct ioasid_pages *pages, bool kept)
{
	struct ioasid_devmem *dm = ioasid_devmem_of(pages);
	struct ioasid_devmem_piece *p, *tmp;

	if (!dm)
		return;
	lockdep_assert_not_held(&dm->lock);
	spin_lock(&owned_lock);
	rb_erase(&dm->by_pages, &owned);
	spin_unlock(&owned_lock);
	ioasid_restore_end(dm);
	list_for_each_entry_safe(p, tmp, &dm->pieces, link)
		piece_drop(p, kept);
	WARN_ON_ONCE(!list_empty(&dm->reaches));
	mutex_destroy(&dm->lock);
	kfree(dm);
	pages->bare = false;
}
