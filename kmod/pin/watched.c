// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mappings that are watched (watch.c), each with a copy of its numbers.
 *
 * A mapping is watched from its entry, which is made under areas_lock while its area is
 * LIVE and pinned, until the first of these:
 *
 *	the area is removed from its address space	ioasid_watch_drop()
 *	it is about to become two areas			ioasid_watch_drop()
 *	the pages are unpinned, or move, or have	ioasid_watch_forget()
 *	another owner
 *	the address becomes invalid (live update)	ioasid_watch_drop()
 *	the process ends, or no one asks any more	ioasid_seen_take_all()
 *
 * So while an entry is in the tree its pages stay pinned, and their extents stay as they
 * are; a notifier reads both under ioasid_watch_lock. A mapping that gets another address or
 * owner, or is cut in two, is entered again by the task that did that.
 *
 * What can run at the same time: anything. Two facts make the static key enough for the
 * callers of drop and forget, which do nothing while it is off. It is on before the first
 * entry is made, and off after the last one has left. And a task that unpins has made the area
 * DYING, or the pages not pinned, under areas_lock before it looks at the key; so an entry
 * that was made before that is seen by it, and none is made after that.
 *
 * ioasid_watch_lock is a spinlock. The spinlock of the owner of pages (pages.c) alone is
 * taken inside it. Entries are allocated and freed outside.
 */
#include <linux/bitmap.h>
#include <linux/mmu_context.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "watch.h"

DEFINE_SPINLOCK(ioasid_watch_lock);

static struct rb_root all_seen = RB_ROOT;
static unsigned long nr_seen;

struct seen_key {
	const struct ioasid_pages *pages;
	u32 space;
	u64 iova;
};

static int key_compare(const void *key, const struct rb_node *node)
{
	const struct ioasid_watch_seen *s = rb_entry(node, struct ioasid_watch_seen, node);
	const struct seen_key *k = key;

	if (k->pages != s->pages)
		return k->pages < s->pages ? -1 : 1;
	if (k->space != s->space)
		return k->space < s->space ? -1 : 1;
	return k->iova < s->iova ? -1 : k->iova > s->iova;
}

static int pages_compare(const void *key, const struct rb_node *node)
{
	const struct ioasid_watch_seen *s = rb_entry(node, struct ioasid_watch_seen, node);
	const void *pages = s->pages;

	return key < pages ? -1 : key > pages;
}

static int node_compare(struct rb_node *a, const struct rb_node *b)
{
	const struct ioasid_watch_seen *s = rb_entry(a, struct ioasid_watch_seen, node);
	struct seen_key k = { .pages = s->pages, .space = s->space, .iova = s->iova };

	return key_compare(&k, b);
}

/* ioasid_seen_free() - free entries that were taken; may sleep */
void ioasid_seen_free(struct list_head *freed)
{
	struct ioasid_watch_seen *s, *tmp;

	list_for_each_entry_safe(s, tmp, freed, freed)
		kvfree(s);
}

static void seen_take(struct ioasid_watch_seen *s, struct list_head *freed)
{
	lockdep_assert_held(&ioasid_watch_lock);
	interval_tree_remove(&s->addr, &s->watch->seen);
	rb_erase(&s->node, &all_seen);
	nr_seen--;
	list_add(&s->freed, freed);
}

/* ioasid_seen_take_all() - take the entries of a process; for ioasid_seen_free() */
void ioasid_seen_take_all(struct ioasid_watch *w, struct list_head *freed)
{
	struct interval_tree_node *n;

	lockdep_assert_held(&ioasid_watch_lock);
	while ((n = interval_tree_iter_first(&w->seen, 0, ULONG_MAX)))
		seen_take(container_of(n, struct ioasid_watch_seen, addr), freed);
}

/**
 * ioasid_watch_alloc() - room for ioasid_watch_add(), or NULL
 * @npages: of the mapping
 *
 * A bit for each page, so that a page is reported once.
 */
struct ioasid_watch_seen *ioasid_watch_alloc(unsigned long npages)
{
	struct ioasid_watch_seen *s;

	s = kvzalloc(struct_size(s, gone, BITS_TO_LONGS(npages)), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (s)
		s->npages = npages;
	return s;
}

/**
 * ioasid_watch_add() - watch a mapping
 * @s: from ioasid_watch_alloc() for as many pages as the area shows; given up
 * @pages: of a LIVE area, whose areas_lock the caller holds; pinned, and not of a file
 * @first: the first page that the area shows
 * @space: id of its address space
 * @iova: of the area
 *
 * Nothing is done for a mapping that is watched, if none asks any more, or if the process
 * that owns the pages now is not watched: the task that made it the owner adds them.
 */
void ioasid_watch_add(struct ioasid_watch_seen *s, const struct ioasid_pages *pages,
		      unsigned long first, u32 space, u64 iova)
{
	unsigned long addr = pages->vaddr + (first << PAGE_SHIFT);
	struct mm_struct *mm;

	s->pages = pages;
	s->first = first;
	s->space = space;
	s->iova = iova;
	spin_lock(&ioasid_watch_lock);
	/* Under the lock: a change of owner that is not seen here removes the entry. */
	mm = ioasid_pages_mm(pages);
	s->addr.start = addr & mm_untag_mask(mm);
	s->addr.last = s->addr.start + (s->npages << PAGE_SHIFT) - 1;
	s->watch = ioasid_watch_find(mm);
	if (s->watch && !rb_find_add(&s->node, &all_seen, node_compare)) {
		interval_tree_insert(&s->addr, &s->watch->seen);
		nr_seen++;
		s = NULL;
	}
	spin_unlock(&ioasid_watch_lock);
	mmdrop(mm);
	kvfree(s);
}

/* See ioasid_watch_drop(). */
void __ioasid_watch_drop(const struct ioasid_pages *pages, u32 space, u64 iova)
{
	struct seen_key key = { .pages = pages, .space = space, .iova = iova };
	struct rb_node *node;
	LIST_HEAD(freed);

	spin_lock(&ioasid_watch_lock);
	node = rb_find(&key, &all_seen, key_compare);
	if (node)
		seen_take(rb_entry(node, struct ioasid_watch_seen, node), &freed);
	spin_unlock(&ioasid_watch_lock);
	ioasid_seen_free(&freed);
}

/* See ioasid_watch_forget(). */
void __ioasid_watch_forget(const struct ioasid_pages *pages)
{
	struct rb_node *node;
	LIST_HEAD(freed);

	spin_lock(&ioasid_watch_lock);
	while ((node = rb_find_first(pages, &all_seen, pages_compare)))
		seen_take(rb_entry(node, struct ioasid_watch_seen, node), &freed);
	spin_unlock(&ioasid_watch_lock);
	ioasid_seen_free(&freed);
}

/* ioasid_watch_nr_seen() - how many mappings are watched */
unsigned long ioasid_watch_nr_seen(void)
{
	unsigned long nr;

	spin_lock(&ioasid_watch_lock);
	nr = nr_seen;
	spin_unlock(&ioasid_watch_lock);
	return nr;
}
