// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames of device memory that are in address spaces.
 *
 * A page of memory stays its owner's as long as it is pinned. Device memory has
 * nothing to pin: what an IOMMU has of it leads to the registers of the device,
 * no matter which task has the device open. So ioasid_pci does not hand out a device whose
 * frames are here.
 *
 * Frames are entered before the IOMMU gets them, under the mmap_lock under which
 * they were found: so when a process has unmapped the device's memory and closed
 * it, they are entered. They are hidden when they are revoked (revoke.c), and go with
 * the pages, when no IOMMU is left that has them. If one kept them, they stay here
 * for good.
 *
 * What can run at the same time: maps and unmaps of other device memory, of any address space.
 * A list of frames belongs to the task that holds the lock of its device memory.
 * frames_lock is held for no more than a search of the tree, or a change of one of
 * its nodes; nothing is waited for under it.
 */
#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <ioasid/ioasid.h>
#include "internal.h"

static DEFINE_SPINLOCK(frames_lock);
static struct rb_root_cached all_frames = RB_ROOT_CACHED;

/* ioasid_frames_alloc() - consecutive frames, in no list yet; NULL without memory */
struct ioasid_frames *ioasid_frames_alloc(unsigned long pfn, unsigned long npages)
{
	struct ioasid_frames *f = kmalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return NULL;
	f->by_frame.start = pfn;
	f->by_frame.last = pfn + npages - 1;
	f->entered = false;
	return f;
}

/* ioasid_frames_add() - @f is the last of @frames from now on; @enter: an IOMMU is to get it */
void ioasid_frames_add(struct list_head *frames, struct ioasid_frames *f, bool enter)
{
	list_add_tail(&f->link, frames);
	if (!enter)
		return;
	spin_lock(&frames_lock);
	interval_tree_insert(&f->by_frame, &all_frames);
	spin_unlock(&frames_lock);
	f->entered = true;
}

/*
 * ioasid_frames_grow() - do these frames continue the last of the list? Then they are added to it
 *
 * Memory is found page by page where its page table is so.
 */
bool ioasid_frames_grow(struct list_head *frames, unsigned long pfn, unsigned long npages)
{
	struct ioasid_frames *f;

	if (list_empty(frames))
		return false;
	f = list_last_entry(frames, struct ioasid_frames, link);
	if (f->by_frame.last + 1 != pfn)
		return false;
	spin_lock(&frames_lock);
	if (f->entered)
		interval_tree_remove(&f->by_frame, &all_frames);
	f->by_frame.last += npages;
	if (f->entered)
		interval_tree_insert(&f->by_frame, &all_frames);
	spin_unlock(&frames_lock);
	return true;
}

/* ioasid_frames_hide() - no IOMMU has any frame of the list now */
void ioasid_frames_hide(struct list_head *frames)
{
	struct ioasid_frames *f;

	list_for_each_entry(f, frames, link) {
		if (!f->entered)
			continue;
		spin_lock(&frames_lock);
		interval_tree_remove(&f->by_frame, &all_frames);
		spin_unlock(&frames_lock);
		f->entered = false;
	}
}

/* ioasid_frames_show() - an IOMMU is to get the frames of the list again */
void ioasid_frames_show(struct list_head *frames)
{
	struct ioasid_frames *f;

	list_for_each_entry(f, frames, link) {
		if (f->entered)
			continue;
		spin_lock(&frames_lock);
		interval_tree_insert(&f->by_frame, &all_frames);
		spin_unlock(&frames_lock);
		f->entered = true;
	}
}

/* ioasid_frames_free() - the list goes; @kept: an IOMMU has what is entered, for good */
void ioasid_frames_free(struct list_head *frames, bool kept)
{
	struct ioasid_frames *f, *tmp;

	if (!kept)
		ioasid_frames_hide(frames);
	list_for_each_entry_safe(f, tmp, frames, link) {
		list_del(&f->link);
		if (!f->entered)
			kfree(f);
	}
}

/* ioasid_frames_exit() - forget what was kept; there are no pages any more */
void ioasid_frames_exit(void)
{
	struct interval_tree_node *node;

	while ((node = interval_tree_iter_first(&all_frames, 0, ULONG_MAX))) {
		interval_tree_remove(node, &all_frames);
		kfree(container_of(node, struct ioasid_frames, by_frame));
	}
}

bool ioasid_device_memory_mapped(phys_addr_t start, phys_addr_t last)
{
	bool mapped;

	spin_lock(&frames_lock);
	mapped = interval_tree_iter_first(&all_frames, PHYS_PFN(start), PHYS_PFN(last));
	spin_unlock(&frames_lock);
	return mapped;
}
IOASID_EXPORT(ioasid_device_memory_mapped);
