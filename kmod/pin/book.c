// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting frames: how often the objects of a book have each of them pinned.
 *
 * A pinned page keeps its frame, so the number of the frame says which page it is,
 * whatever its address, and however it was mapped. Frames are counted in blocks of
 * 2 MiB of memory. An object that has all of a block adds one to a number, any other
 * adds one for each page. To remove an object needs no memory: what was added as a
 * whole is removed as a whole, unless the extent is cut, and then the cut gets the memory;
 * what was added in pieces may be removed as a whole, and the other way round, and then
 * the two numbers make up for each other.
 *
 * What can run at the same time: nothing; payer->lock is held. The frames are those
 * of pages that the caller has pinned.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "book.h"
#include "internal.h"

/* Frames of a block. */
#define BLOCK		512
#define BLOCK_SHIFT	9

/**
 * struct ioasid_book_block - frames that follow each other, from a multiple of BLOCK on
 * @total: sum of what all of them are counted
 * @whole: to be added to the count of each
 * @count: by frame; NULL while no object had only some of them
 */
struct ioasid_book_block {
	u64 total;
	s32 whole;
	s32 *count;
};

/* ioasid_book_walk_from() - all that came after @pos */
void ioasid_book_walk_from(struct ioasid_book_walk *w, const struct ioasid_extents *ext,
			   const struct ioasid_extents_pos *pos)
{
	unsigned long skip;

	ioasid_extents_resume(&w->it, ext, pos, &w->extent, &skip);
	w->extent.pfn += skip;
	w->extent.npages -= min(skip, w->extent.npages);
	w->left = ULONG_MAX;
}

/* ioasid_book_walk_first() - the first @npages */
void ioasid_book_walk_first(struct ioasid_book_walk *w, const struct ioasid_extents *ext,
			    unsigned long npages)
{
	ioasid_extents_start(&w->it, ext);
	w->extent.npages = 0;
	w->left = npages;
}

/* How many of @n pages are charged, up to the first one that is not. */
static unsigned long charged_from(struct page *first, unsigned long n)
{
	unsigned long i = 0;

	while (i < n) {
		struct page *page = first + i;

		/* Large folios are never reserved. */
		if (PageCompound(page)) {
			struct folio *folio = page_folio(page);

			i += folio_nr_pages(folio) - folio_page_idx(folio, page);
			continue;
		}
		if (PageReserved(page))
			break;
		i++;
	}
	return min(i, n);
}

static void walk_step(struct ioasid_book_walk *w, unsigned long n)
{
	w->extent.pfn += n;
	w->extent.npages -= n;
	w->left -= n;
}

/* The next pages that are charged, of one block; false at the end. */
static bool walk_next(struct ioasid_book_walk *w, unsigned long *pfn, unsigned int *npages)
{
	unsigned long n;

	while (w->left) {
		if (!w->extent.npages && !ioasid_extents_next(&w->it, &w->extent))
			return false;
		n = min(w->extent.npages, w->left);
		if (!ioasid_extent_has_pages(&w->extent)) {
			walk_step(w, n);
			continue;
		}
		n = min(n, BLOCK - (w->extent.pfn & (BLOCK - 1)));
		if (w->extent.kind == IOASID_EXTENT_GUP)
			n = charged_from(pfn_to_page(w->extent.pfn), n);
		if (n) {
			*pfn = w->extent.pfn;
			*npages = n;
			walk_step(w, n);
			return true;
		}
		walk_step(w, 1);
	}
	return false;
}

/* The block of @pfn, or NULL. */
static struct ioasid_book_block *block_find(struct ioasid_book *b, unsigned long pfn)
{
	unsigned long index = pfn >> BLOCK_SHIFT;

	if (!b->last || b->last_index != index) {
		b->last = xa_load(&b->blocks, index);
		b->last_index = index;
	}
	return b->last;
}

static s32 frame_count(const struct ioasid_book_block *block, unsigned int i)
{
	return block ? block->whole + (block->count ? block->count[i] : 0) : 0;
}

/* How many of the frames [from, from + n) of @block are counted @times. */
static unsigned int frames_counted(const struct ioasid_book_block *block, unsigned int from,
				   unsigned int n, s32 times)
{
	unsigned int i, found = 0;

	if (!block || !block->count)
		return frame_count(block, from) == times ? n : 0;
	for (i = from; i < from + n; i++)
		found += frame_count(block, i) == times;
	return found;
}

/* The same, without those that another book of the owner has. */
static noinline unsigned int frames_elsewhere(struct ioasid_book *b,
					      const struct ioasid_book_block *block,
					      unsigned long pfn, unsigned int n, s32 times)
{
	unsigned int i, from = pfn & (BLOCK - 1);
	struct ioasid_book_block *theirs;
	DECLARE_BITMAP(found, BLOCK);
	struct ioasid_book *other;

	bitmap_zero(found, BLOCK);
	for (i = from; i < from + n; i++)
		if (frame_count(block, i) == times)
			__set_bit(i, found);
	list_for_each_entry(other, &b->payer->books, link) {
		theirs = other == b ? NULL : xa_load(&other->blocks, pfn >> BLOCK_SHIFT);
		for (i = from; theirs && i < from + n; i++)
			if (frame_count(theirs, i))
				__clear_bit(i, found);
	}
	return bitmap_weight(found, BLOCK);
}

/* Add to @due the frames that this book counts @times, and that no other one has. */
static void frames_due(struct ioasid_book *b, const struct ioasid_book_block *block,
		       unsigned long pfn, unsigned int n, s32 times, struct ioasid_book_due *due)
{
	unsigned int found = frames_counted(block, pfn & (BLOCK - 1), n, times);

	due->policies += found;
	if (found && unlikely(!list_is_singular(&b->payer->books)))
		found = frames_elsewhere(b, block, pfn, n, times);
	due->owner += found;
}

/**
 * ioasid_book_missing() - what is to be charged at most before it can be added
 * @b: book
 * @from: where the walk begins
 * @due: filled in; too much where the walk meets a frame twice
 */
void ioasid_book_missing(struct ioasid_book *b, const struct ioasid_book_walk *from,
			 struct ioasid_book_due *due)
{
	struct ioasid_book_walk w = *from;
	unsigned long pfn;
	unsigned int n;

	lockdep_assert_held(&b->payer->lock);
	*due = (struct ioasid_book_due){};
	while (walk_next(&w, &pfn, &n)) {
		frames_due(b, block_find(b, pfn), pfn, n, 0, due);
		cond_resched();
	}
}

static void block_free(struct ioasid_book *b, struct ioasid_book_block *block, unsigned long index)
{
	if (b->last == block)
		b->last = NULL;
	xa_erase(&b->blocks, index);
	kfree(block->count);
	kfree(block);
}

/*
 * Nothing is counted in it any more. The last such block stays: its frame is often mapped
 * again next, and the slab takes longer than all else.
 */
static void block_drop(struct ioasid_book *b, struct ioasid_book_block *block, unsigned long pfn)
{
	if (b->idle && b->idle != block)
		block_free(b, b->idle, b->idle_index);
	b->idle = block;
	b->idle_index = pfn >> BLOCK_SHIFT;
}

/* The block of @pfn, made if need be; NULL without memory. */
static struct ioasid_book_block *block_get(struct ioasid_book *b, unsigned long pfn)
{
	struct ioasid_book_block *block = block_find(b, pfn);

	if (block) {
		if (b->idle == block)
			b->idle = NULL;
		return block;
	}
	block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	if (!block)
		return NULL;
	if (xa_err(xa_store(&b->blocks, pfn >> BLOCK_SHIFT, block, GFP_KERNEL_ACCOUNT))) {
		kfree(block);
		return NULL;
	}
	b->last = block;
	return block;
}

/* Count frames up or down; there is room for counts unless it is a whole block. */
static void frames_step(struct ioasid_book_block *block, unsigned long pfn, unsigned int n, int by)
{
	unsigned int i, from = pfn & (BLOCK - 1);

	if (n == BLOCK)
		block->whole += by;
	else
		for (i = from; i < from + n; i++)
			block->count[i] += by;
	block->total += (s64)by * n;
}

static noinline int frames_add(struct ioasid_book *b, unsigned long pfn, unsigned int n,
		      struct ioasid_book_due *due)
{
	struct ioasid_book_block *block = block_get(b, pfn);

	if (!block)
		return -ENOMEM;
	if (n < BLOCK && !block->count) {
		block->count = kcalloc(BLOCK, sizeof(*block->count), GFP_KERNEL_ACCOUNT);
		if (!block->count) {
			if (!block->total)
				block_drop(b, block, pfn);
			return -ENOMEM;
		}
	}
	frames_due(b, block, pfn, n, 0, due);
	frames_step(block, pfn, n, 1);
	return 0;
}

static void frames_remove(struct ioasid_book *b, unsigned long pfn, unsigned int n,
			  struct ioasid_book_due *due)
{
	struct ioasid_book_block *block = block_find(b, pfn);

	frames_due(b, block, pfn, n, 1, due);
	frames_step(block, pfn, n, -1);
	if (!block->total)
		block_drop(b, block, pfn);
}

/**
 * ioasid_book_remove() - remove frames that were added
 * @b: book
 * @from: where the walk begins; it ends where an ioasid_book_add() has ended
 * @due: becomes what no longer is to be charged
 */
void ioasid_book_remove(struct ioasid_book *b, const struct ioasid_book_walk *from,
			struct ioasid_book_due *due)
{
	struct ioasid_book_walk w = *from;
	unsigned long pfn;
	unsigned int n;

	lockdep_assert_held(&b->payer->lock);
	*due = (struct ioasid_book_due){};
	while (walk_next(&w, &pfn, &n)) {
		frames_remove(b, pfn, n, due);
		cond_resched();
	}
}

/**
 * ioasid_book_add() - count frames once more
 * @b: book
 * @from: where the walk begins
 * @due: becomes what is to be charged for them
 *
 * Return: 0, or -ENOMEM with nothing added.
 */
int ioasid_book_add(struct ioasid_book *b, const struct ioasid_book_walk *from,
		    struct ioasid_book_due *due)
{
	struct ioasid_book_walk w = *from, back = *from;
	struct ioasid_book_due unused;
	unsigned long pfn;
	unsigned int n;

	lockdep_assert_held(&b->payer->lock);
	*due = (struct ioasid_book_due){};
	for (;;) {
		unsigned long left = w.left;

		if (!walk_next(&w, &pfn, &n))
			return 0;
		if (frames_add(b, pfn, n, due)) {
			back.left -= left;
			ioasid_book_remove(b, &back, &unused);
			return -ENOMEM;
		}
		cond_resched();
	}
}

/**
 * ioasid_book_piece() - are the pages of an object one piece of a block, and all charged?
 * @ext: its extents
 * @pfn: the first frame
 * @npages: how many
 *
 * So small mappings need no walk.
 */
bool ioasid_book_piece(const struct ioasid_extents *ext, unsigned long *pfn, unsigned int *npages)
{
	struct ioasid_extent e;

	if (!ioasid_extents_only(ext, &e) || !ioasid_extent_has_pages(&e) ||
	    (e.pfn & (BLOCK - 1)) + e.npages > BLOCK)
		return false;
	*pfn = e.pfn;
	*npages = e.npages;
	if (e.kind == IOASID_EXTENT_FOLIO)
		return true;
	return e.npages == 1 ? !PageReserved(pfn_to_page(e.pfn)) :
			       charged_from(pfn_to_page(e.pfn), e.npages) == e.npages;
}

/**
 * ioasid_book_add_piece() - count the frames of ioasid_book_piece() once more
 * @b: the only book of its owner
 * @pfn: the first frame
 * @npages: how many
 * @paid: for so many frames that the book does not have
 * @due: becomes how many that are
 *
 * Return: 0; -EAGAIN, if that is more, or -ENOMEM: then nothing is added.
 */
int ioasid_book_add_piece(struct ioasid_book *b, unsigned long pfn, unsigned int npages,
			  unsigned long paid, unsigned long *due)
{
	struct ioasid_book_block *block = block_find(b, pfn);
	struct ioasid_book_due unused = {};

	lockdep_assert_held(&b->payer->lock);
	*due = frames_counted(block, pfn & (BLOCK - 1), npages, 0);
	if (*due > paid)
		return -EAGAIN;
	if (unlikely(!block || block == b->idle || (!block->count && npages < BLOCK)))
		return frames_add(b, pfn, npages, &unused);
	frames_step(block, pfn, npages, 1);
	return 0;
}

/* ioasid_book_remove_piece() - ioasid_book_remove() for what ioasid_book_piece() has found */
void ioasid_book_remove_piece(struct ioasid_book *b, unsigned long pfn, unsigned int npages,
			      struct ioasid_book_due *due)
{
	lockdep_assert_held(&b->payer->lock);
	*due = (struct ioasid_book_due){};
	frames_remove(b, pfn, npages, due);
}

/*
 * ioasid_book_may_cut() - what was entered as a whole may be removed in pieces from now on
 * @b: book
 * @pfn: a frame that is entered, and with which a piece begins
 *
 * Return: 0, or -ENOMEM.
 */
int ioasid_book_may_cut(struct ioasid_book *b, unsigned long pfn)
{
	struct ioasid_book_block *block = block_find(b, pfn);

	lockdep_assert_held(&b->payer->lock);
	if (!(pfn & (BLOCK - 1)) || !block || block->count)
		return 0;
	block->count = kcalloc(BLOCK, sizeof(*block->count), GFP_KERNEL_ACCOUNT);
	return block->count ? 0 : -ENOMEM;
}

/* ioasid_book_has_first() - is the first frame of a walk counted? Then others probably are */
bool ioasid_book_has_first(struct ioasid_book *b, const struct ioasid_book_walk *from)
{
	struct ioasid_book_walk w = *from;
	unsigned long pfn;
	unsigned int n;

	return walk_next(&w, &pfn, &n) && frame_count(block_find(b, pfn), pfn & (BLOCK - 1));
}

/* ioasid_book_forget() - whatever is counted; pages that stay pinned for ever are left in it */
void ioasid_book_forget(struct ioasid_book *b)
{
	struct ioasid_book_block *block;
	unsigned long index;

	xa_for_each(&b->blocks, index, block) {
		kfree(block->count);
		kfree(block);
	}
	xa_destroy(&b->blocks);
}
