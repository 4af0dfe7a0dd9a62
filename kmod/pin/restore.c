// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory that was revoked comes back: after a reset, or when decoding goes on
 * again, the process that mapped it touches it, its driver puts it into the page
 * tables, and what the IOMMU had is put there as well.
 *
 * A page fault notifies no other task, so a work item looks: soon after the revocation,
 * and then less and less often, down to once a second, as long as the same VMA may be
 * there. It looks for one page that the owner has touched; the others are faulted in
 * then, as a map does. Only the very frames that the mapping had come back. Other ones
 * need a new map, and so does what the process unmapped, or had when it ended.
 *
 * A driver that gave device memory itself says when it is back (device.c). The work item has to
 * do with that only where it could not be written then, for lack of memory.
 *
 * What can run at the same time: callbacks of the notifier. What was looked up counts only if none
 * has come since (mmu_interval_read_retry() under devmem->lock). Maps and unmaps: the
 * lock keeps them apart. The end of the pages waits for the work item, which waits
 * for no more than a page fault of the device's driver. The owner's mmap_lock is only
 * tried for, and its memory is kept for the time of a look.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "internal.h"

#define PACE_FIRST	msecs_to_jiffies(20)
#define PACE_LAST	msecs_to_jiffies(1000)
/* Pages of a piece that one look asks for. */
#define LOOK_PAGES	1024UL

/* Entered before the IOMMU gets them, under the mmap_lock under which they were found. */
static void piece_enter(struct ioasid_devmem_piece *p)
{
	mutex_lock(&p->devmem->lock);
	ioasid_frames_show(&p->frames);
	mutex_unlock(&p->devmem->lock);
}

/* What a look at a piece has found. */
enum look { LOOK_AGAIN, LOOK_BACK, LOOK_GONE };

/* Has the owner touched some of the piece, and is all of it what it was? */
static enum look piece_find(struct ioasid_devmem_piece *p, struct mm_struct *mm)
{
	unsigned long start = p->mni.interval_tree.start, n;

	mmap_assert_locked(mm);
	if (p->next >= p->npages)
		p->next = 0;
	n = min(p->npages - p->next, LOOK_PAGES);
	if (!ioasid_pfnmap_is_there(mm, start + (p->next << PAGE_SHIFT), &n)) {
		p->next += n;
		return n ? LOOK_AGAIN : LOOK_GONE;
	}
	return ioasid_pfnmap_is(mm, start, p->devmem->pages->write, &p->frames) ? LOOK_BACK :
										  LOOK_GONE;
}

/* The same with the locks that it takes. The frames are entered when it is back. */
static enum look piece_look(struct ioasid_devmem_piece *p)
{
	struct mm_struct *mm = p->mni.mm;
	enum look look = LOOK_AGAIN;

	if (!mmget_not_zero(mm))
		return LOOK_GONE;
	if (mmap_read_trylock(mm)) {
		look = piece_find(p, mm);
		if (look == LOOK_BACK)
			piece_enter(p);
		mmap_read_unlock(mm);
	}
	mmput_async(mm);
	return look;
}

/* ioasid_piece_write() - all page tables get it again, or none; the lock is held */
bool ioasid_piece_write(struct ioasid_devmem_piece *p)
{
	struct ioasid_devmem *dm = p->devmem;
	struct ioasid_revoke r = {
		.first = p->first,
		.npages = p->npages,
		.change = IOASID_CHANGE_BACK,
		.reaches = &dm->reaches,
	};
	struct ioasid_reach *reach;

	lockdep_assert_held(&dm->lock);
	list_for_each_entry(reach, &dm->reaches, link)
		if (!reach->restore(reach, &r))
			break;
	if (list_entry_is_head(reach, &dm->reaches, link)) {
		p->revoked = false;
		return true;
	}
	r.reaches = NULL;
	list_for_each_entry_continue_reverse(reach, &dm->reaches, link)
		if (!reach->revoke(reach, &r))
			dm->stuck = true;
	return false;
}

static void piece_restore(struct ioasid_devmem_piece *p)
{
	unsigned long seq = mmu_interval_read_begin(&p->mni);
	struct ioasid_devmem *dm = p->devmem;
	enum look look = piece_look(p);
	bool done = false;

	mutex_lock(&dm->lock);
	if (!mmu_interval_read_retry(&p->mni, seq)) {
		done = look == LOOK_BACK && ioasid_piece_write(p);
		p->gone |= look == LOOK_GONE;
	}
	if (look == LOOK_BACK && !done && !dm->stuck)
		ioasid_frames_hide(&p->frames);
	mutex_unlock(&dm->lock);
}

/* The piece after @p that may come back, or the first; NULL: there is none. */
static struct ioasid_devmem_piece *piece_next(struct ioasid_devmem *dm,
					      struct ioasid_devmem_piece *p)
{
	mutex_lock(&dm->lock);
	/* Before that it is not all there, and after that no domain needs it. */
	if (list_empty(&dm->reaches))
		p = NULL;
	else if (!p)
		p = list_prepare_entry(p, &dm->pieces, link);
	if (p)
		list_for_each_entry_continue(p, &dm->pieces, link)
			if (ioasid_piece_waits(p))
				break;
	if (p && list_entry_is_head(p, &dm->pieces, link))
		p = NULL;
	mutex_unlock(&dm->lock);
	return p;
}

static void devmem_look(struct work_struct *work)
{
	struct ioasid_devmem *dm = container_of(to_delayed_work(work), struct ioasid_devmem, look);
	struct ioasid_devmem_piece *p = NULL;

	while ((p = piece_next(dm, p))) {
		if (p->memory)
			ioasid_device_memory_retry(p);
		else
			piece_restore(p);
		cond_resched();
	}
	if (!piece_next(dm, NULL))
		return;
	mutex_lock(&dm->lock);
	dm->pace = min(2 * dm->pace, PACE_LAST);
	if (!dm->ending)
		schedule_delayed_work(&dm->look, dm->pace);
	mutex_unlock(&dm->lock);
}

/* ioasid_restore_init() - @dm is new */
void ioasid_restore_init(struct ioasid_devmem *dm)
{
	INIT_DELAYED_WORK(&dm->look, devmem_look);
}

/* ioasid_restore_soon() - a piece may come back; the lock is held */
void ioasid_restore_soon(struct ioasid_devmem *dm)
{
	lockdep_assert_held(&dm->lock);
	dm->pace = PACE_FIRST;
	if (!dm->ending)
		mod_delayed_work(system_wq, &dm->look, dm->pace);
}

/* ioasid_restore_end() - nothing comes back any more; no lock is held */
void ioasid_restore_end(struct ioasid_devmem *dm)
{
	lockdep_assert_not_held(&dm->lock);
	mutex_lock(&dm->lock);
	dm->ending = true;
	mutex_unlock(&dm->lock);
	cancel_delayed_work_sync(&dm->look);
}
