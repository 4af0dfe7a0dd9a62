// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cut pinned pages in two objects, each with its own extents, pins, charge and owner: an
 * unmap may remove a part of a mapping, which is then unpinned and uncharged alone.
 *
 * Nothing is pinned, unpinned, charged or uncharged here, with one exception: a folio that
 * one pin keeps, and of which both objects have pages afterwards, gets a second pin.
 *
 * What can run at the same time: nothing that looks at these pages. The caller has the
 * areas_lock of their space and the only reference (ioasid_pages_sole()), which is that of
 * a LIVE area. So no change of owner, no survey for books and no in-kernel user works on
 * them, and the books of the owner are the only shared thing: payer->lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "book.h"
#include "internal.h"

/* Pages that are looked at between two looks at the scheduler. */
#define PAGES_PER_BREAK	1024

/* How many of the pages in @ext are charged, where not all are. */
static unsigned long cut_count(const struct ioasid_extents *ext)
{
	unsigned long charged = 0, i;
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;

	ioasid_for_each_extent(&it, ext, &extent) {
		if (extent.kind == IOASID_EXTENT_FOLIO)
			charged += extent.npages;
		if (extent.kind != IOASID_EXTENT_GUP)
			continue;
		for (i = 0; i < extent.npages; i++) {
			charged += !PageReserved(pfn_to_page(extent.pfn + i));
			if (i % PAGES_PER_BREAK == 0)
				cond_resched();
		}
	}
	return charged;
}

/* One more pin on a folio that has one: both objects unpin it. */
static void cut_folio(struct folio *folio)
{
	folio_ref_inc(folio);
	atomic_inc(&folio->_pincount);
	node_stat_mod_folio(folio, NR_FOLL_PIN_ACQUIRED, 1);
}

/* Share the charge of @pages with @rest, which has its extents already. */
static void cut_charge(struct ioasid_pages *pages, struct ioasid_pages *rest)
{
	unsigned long charged = rest->npages;

	if (pages->charged != pages->npages + rest->npages)
		charged = min(cut_count(&rest->ext), pages->charged);
	WRITE_ONCE(rest->charged, charged);
	WRITE_ONCE(pages->charged, pages->charged - charged);
	if (pages->share == IOASID_SHARE_JOINED) {
		mutex_lock(&pages->book->payer->lock);
		rest->unseen = 0;
		rest->book = pages->book;
		rest->book->objects++;
		mutex_unlock(&pages->book->payer->lock);
		return;
	}
	/* The same policies; each page is given back once. */
	rest->seen_by = pages->seen_by;
	rest->seen_by.npages = min_t(u64, charged, pages->seen_by.npages);
	pages->seen_by.npages -= rest->seen_by.npages;
}

/**
 * ioasid_pages_may_cut() - see to all memory that ioasid_pages_cut() needs
 * @pages: pinned, of a LIVE area, without device memory
 * @at: so many pages stay, at least 1 and less than all
 * @cut: filled in, for ioasid_pages_cut() or ioasid_pages_cut_drop()
 *
 * Other cuts of the same pages may come before ioasid_pages_cut(), behind @at.
 * Return: 0; -ENOMEM, and @cut needs no drop.
 */
int ioasid_pages_may_cut(struct ioasid_pages *pages, unsigned long at,
			 struct ioasid_pages_cut *cut)
{
	struct ioasid_extent extent;
	unsigned long skip;
	int ret;

	cut->at = at;
	ret = ioasid_extents_may_cut(&pages->ext, at, &cut->room);
	if (ret || pages->share != IOASID_SHARE_JOINED)
		return ret;
	ioasid_extents_look(&pages->ext, at, &extent, &skip);
	if (!skip || !ioasid_extent_has_pages(&extent))
		return 0;
	mutex_lock(&pages->book->payer->lock);
	ret = ioasid_book_may_cut(pages->book, extent.pfn + skip);
	mutex_unlock(&pages->book->payer->lock);
	if (ret)
		ioasid_pages_cut_drop(cut);
	return ret;
}

/* ioasid_pages_cut_drop() - free what is left of the memory */
void ioasid_pages_cut_drop(struct ioasid_pages_cut *cut)
{
	kfree(cut->room);
	cut->room = NULL;
}

/**
 * ioasid_pages_cut() - cut pages in two
 * @pages: keeps the first pages; the caller's reference is the only one
 * @rest: zeroed; becomes an object of the other pages, with one reference and one area
 * @cut: from ioasid_pages_may_cut(), and done with
 */
void ioasid_pages_cut(struct ioasid_pages *pages, struct ioasid_pages *rest,
		      struct ioasid_pages_cut *cut)
{
	struct ioasid_extent extent;
	struct folio *folio;
	unsigned long skip;

	ioasid_extents_look(&pages->ext, cut->at, &extent, &skip);
	if (skip && extent.kind == IOASID_EXTENT_FOLIO) {
		folio = page_folio(pfn_to_page(extent.pfn + skip));
		if (folio_pfn(folio) != extent.pfn + skip)
			cut_folio(folio);
	}
	ioasid_pages_init(rest, pages->vaddr + (cut->at << PAGE_SHIFT), pages->npages - cut->at,
			  pages->write, pages->ext.tag);
	rest->pinned = true;
	rest->leaked = pages->leaked;
	rest->of_file = pages->of_file;
	rest->sparse = pages->sparse;
	rest->holder = ioasid_holder_get(pages->holder);
	pages->npages = cut->at;
	ioasid_extents_cut(&pages->ext, cut->at, &rest->ext, &cut->room);
	cut_charge(pages, rest);
	WRITE_ONCE(rest->share, pages->share);
	ioasid_pages_cut_drop(cut);
}
