/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapped memory that is watched: shared by watch.c, watched.c and gone.c.
 */
#ifndef _IOASID_PIN_WATCH_H
#define _IOASID_PIN_WATCH_H

#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/rbtree.h>

#include "pin.h"

/**
 * struct ioasid_watch - the notifier of one process
 * @mn: it
 * @link: in the list of those that are watched, or of those that ended
 * @seen: the mappings, by address
 * @over: the notifier is being removed, and reports nothing
 *
 * All but @mn is guarded by ioasid_watch_lock.
 */
struct ioasid_watch {
	struct mmu_notifier mn;
	struct list_head link;
	struct rb_root_cached seen;
	bool over;
};

/**
 * struct ioasid_watch_seen - a mapping
 * @addr: addresses of the process
 * @node: in the tree of all, by @pages, @space and @iova
 * @freed: in a list of those that are to be freed with no spinlock held
 * @watch: of the process
 * @pages: what is mapped. They stay pinned, and their extents as they are, while this
 *	is in the tree
 * @first: the first page of them that the area shows
 * @npages: how many it shows
 * @space: id of the address space
 * @iova: where the first address is mapped
 * @it: where the last look at the extents stopped
 * @extent: the extent that it stopped at; of no pages: it has not begun
 * @base: the first page of that extent, counted from the first of @pages
 * @gone: the pages that were reported
 */
struct ioasid_watch_seen {
	struct interval_tree_node addr;
	union {
		struct rb_node node;
		struct list_head freed;
	};
	struct ioasid_watch *watch;
	const struct ioasid_pages *pages;
	unsigned long first;
	unsigned long npages;
	u32 space;
	u64 iova;
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;
	unsigned long base;
	unsigned long gone[];
};

extern spinlock_t ioasid_watch_lock;

/* watched.c */
void ioasid_seen_take_all(struct ioasid_watch *w, struct list_head *freed);
void ioasid_seen_free(struct list_head *freed);

/* watch.c */
struct ioasid_watch *ioasid_watch_find(const struct mm_struct *mm);

/* gone.c */
void ioasid_gone_report(struct ioasid_watch *w, const struct mmu_notifier_range *range,
			u32 change);
void ioasid_gone_count(struct ioasid_watch_counts *c);

#endif /* _IOASID_PIN_WATCH_H */
