// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames of device memory that are in address spaces.
 *
 * A pin keeps a page of memory. Device memory has nothing to pin: the frames of a BAR
 * stay in an IOMMU when the device is closed, and lead to its registers when another
 * program has opened it. VFIO accepts that; ioasid_pci gives no device to a new owner
 * while its frames are recorded here.
 *
 * Frames are recorded before the IOMMU gets them, under the mmap_lock under which they
 * were found. So when a program has unmapped the device's memory and closes the device,
 * all of its frames are recorded. They are removed with the pages, after every IOMMU has
 * cleared them. If an IOMMU kept them, they stay recorded for good.
 *
 * What can run at the same time: maps and unmaps of other device memory, of any address
 * space. frames_lock is held only for a search of the trees, or for the removal of one
 * object's frames.
 */
#include <linux/interval_tree.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <ioasid/ioasid.h>
#include "internal.h"

/**
 * struct frames - consecutive frames of one object
 * @by_frame: in the tree of all frames
 * @by_pages: in the tree of those that can still go
 * @pages: whose they are: an address to frames_compare, never followed
 */
struct frames {
	struct interval_tree_node by_frame;
	struct rb_node by_pages;
	const struct ioasid_pages *pages;
};

static DEFINE_SPINLOCK(frames_lock);
static struct rb_root_cached all_frames = RB_ROOT_CACHED;
static struct rb_root owned_frames = RB_ROOT;

static int frames_compare(const void *pages, const struct rb_node *node)
{
	const struct frames *f = rb_entry(node, struct frames, by_pages);

	return pages < (const void *)f->pages ? -1 : pages > (const void *)f->pages;
}

/* Of one object the latest is the first. */
static bool frames_before(struct rb_node *a, const struct rb_node *b)
{
	return frames_compare(rb_entry(a, struct frames, by_pages)->pages, b) <= 0;
}

/* The latest frames of @pages, or NULL. */
static struct frames *frames_latest(const struct ioasid_pages *pages)
{
	struct rb_node *node = rb_find_first(pages, &owned_frames, frames_compare);

	return node ? rb_entry(node, struct frames, by_pages) : NULL;
}

/* Memory is found page by page where its page table is so. */
static bool frames_grow(struct frames *f, unsigned long pfn, unsigned long npages)
{
	if (!f || f->by_frame.last + 1 != pfn)
		return false;
	interval_tree_remove(&f->by_frame, &all_frames);
	f->by_frame.last += npages;
	interval_tree_insert(&f->by_frame, &all_frames);
	return true;
}

/**
 * ioasid_frames_add() - device memory is about to come into an address space
 * @pages: to which it belongs
 * @pfn: first frame
 * @npages: how many
 *
 * Context: the mmap_lock under which the frames were found is held. One task at a
 * time for the same @pages.
 *
 * Return: 0 or -ENOMEM.
 */
int ioasid_frames_add(const struct ioasid_pages *pages, unsigned long pfn, unsigned long npages)
{
	struct frames *f;
	bool grown;

	mmap_assert_locked(pages->mm);
	spin_lock(&frames_lock);
	grown = frames_grow(frames_latest(pages), pfn, npages);
	spin_unlock(&frames_lock);
	if (grown)
		return 0;
	f = kmalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	f->by_frame.start = pfn;
	f->by_frame.last = pfn + npages - 1;
	f->pages = pages;
	spin_lock(&frames_lock);
	interval_tree_insert(&f->by_frame, &all_frames);
	rb_add(&f->by_pages, &owned_frames, frames_before);
	spin_unlock(&frames_lock);
	return 0;
}

/* ioasid_frames_move() - what was @from's is @to's, who has none yet, from now on */
void ioasid_frames_move(const struct ioasid_pages *to, const struct ioasid_pages *from)
{
	struct frames *f;

	do {
		spin_lock(&frames_lock);
		f = frames_latest(from);
		if (f) {
			rb_erase(&f->by_pages, &owned_frames);
			f->pages = to;
			rb_add(&f->by_pages, &owned_frames, frames_before);
		}
		spin_unlock(&frames_lock);
	} while (f);
}

/* Takes one out of the tree that only live objects are in; of all, too, if @gone. */
static struct frames *frames_take(const struct ioasid_pages *pages, bool gone)
{
	struct frames *f;

	spin_lock(&frames_lock);
	f = frames_latest(pages);
	if (f) {
		rb_erase(&f->by_pages, &owned_frames);
		if (gone)
			interval_tree_remove(&f->by_frame, &all_frames);
	}
	spin_unlock(&frames_lock);
	return f;
}

/* ioasid_frames_drop() - no IOMMU has any frame of @pages any more */
void ioasid_frames_drop(const struct ioasid_pages *pages)
{
	struct frames *f;

	while ((f = frames_take(pages, true)))
		kfree(f);
}

/* ioasid_frames_keep() - an IOMMU kept frames of @pages, which goes all the same */
void ioasid_frames_keep(const struct ioasid_pages *pages)
{
	while (frames_take(pages, false))
		;
}

/* ioasid_frames_exit() - forget what was kept; there are no pages any more */
void ioasid_frames_exit(void)
{
	struct interval_tree_node *node;

	while ((node = interval_tree_iter_first(&all_frames, 0, ULONG_MAX))) {
		interval_tree_remove(node, &all_frames);
		kfree(container_of(node, struct frames, by_frame));
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
