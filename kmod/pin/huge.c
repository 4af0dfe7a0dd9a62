// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pin huge pages: one pin on one page keeps all pages that the same entry maps, where
 * the pinner would pin each of the 512.
 *
 * - hugetlb: a huge page is mapped as a whole or not at all, and its area
 *   covers it. The page pinner takes that pin, with all that belongs to it (fault,
 *   reservation, policy, access rights).
 * - a transparent huge page: pin first, then read the page table. If one entry maps
 *   the whole folio with the wanted access at that moment, then pins of each page would
 *   have got these same pages. The pin count belongs to the folio: no page of it is
 *   split off, migrated, swapped or shared copy-on-write, whichever page was pinned. As
 *   long as one entry maps them, the pages are exclusive to the process together or
 *   not at all.
 *
 * Anything else is left to the page pinner, which returns the right errno.
 *
 * What can run at the same time: every task that changes page tables. With interrupts off no
 * table of the current process is freed under the walk; the kernel's own lockless pinner
 * relies on that, too. The entry may change right after it is read. That does not matter:
 * it was true after the pin.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "internal.h"

/** enum map_size - the kind of entry that maps an address */
enum map_size {
	MAP_SMALL,
	MAP_HUGE,
	MAP_NOTHING,
};

static enum map_size huge_walk(unsigned long addr, pmd_t *pmd)
{
	pgd_t *pgdp = pgd_offset(current->mm, addr), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;

	if (pgd_none(pgd))
		return MAP_NOTHING;
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d))
		return MAP_NOTHING;
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	if (pud_none(pud))
		return MAP_NOTHING;
	if (!pud_present(pud) || pud_leaf(pud))
		return MAP_HUGE;
	*pmd = pmdp_get_lockless(pmd_offset_lockless(pudp, pud, addr));
	if (pmd_none(*pmd))
		return MAP_NOTHING;
	return pmd_present(*pmd) && pmd_trans_huge(*pmd) ? MAP_HUGE : MAP_SMALL;
}

/* @pmd: the entry, zero where there is none at that level. */
static enum map_size huge_look(unsigned long addr, pmd_t *pmd)
{
	enum map_size size;
	unsigned long flags;

	*pmd = __pmd(0);
	local_irq_save(flags);
	size = huge_walk(addr, pmd);
	local_irq_restore(flags);
	return size;
}

/* ioasid_huge_at() - a page larger than the others is mapped there, by current */
bool ioasid_huge_at(unsigned long addr)
{
	pmd_t pmd;

	return huge_look(addr, &pmd) == MAP_HUGE;
}

/*
 * Pages from @page on that its pin stands for, at most @left; 0 if it is an
 * ordinary page.
 */
static unsigned long huge_pages_with(struct ioasid_pages *pages, struct page *page,
				     unsigned long vaddr, unsigned long left)
{
	struct folio *folio = page_folio(page);
	unsigned long index = folio_page_idx(folio, page);
	pmd_t pmd;

	if (!folio_test_hugetlb(folio)) {
		/* Of this size only: then no two pieces of a range are in one folio. */
		if (folio_order(folio) != PMD_ORDER || folio_is_zone_device(folio) ||
		    index != (vaddr & ~PMD_MASK) >> PAGE_SHIFT)
			return 0;
		if (huge_look(vaddr, &pmd) != MAP_HUGE ||
		    !pmd_access_permitted(pmd, pages->write) || pmd_pfn(pmd) != folio_pfn(folio))
			return 0;
	}
	return min(folio_nr_pages(folio) - index, left);
}

static long huge_pin_one(struct ioasid_pages *pages, unsigned long vaddr, unsigned long left)
{
	unsigned int flags = FOLL_LONGTERM | (pages->write ? FOLL_WRITE : 0);
	struct page *page;
	unsigned long n;

	if (pin_user_pages_fast(vaddr, 1, flags, &page) != 1)
		return 0;
	n = huge_pages_with(pages, page, vaddr, left);
	if (!n) {
		unpin_user_page(page);
		return 0;
	}
	if (ioasid_extents_add(&pages->ext, page_to_pfn(page), n, IOASID_EXTENT_FOLIO)) {
		unpin_user_page(page);
		return -ENOMEM;
	}
	return n;
}

/**
 * ioasid_huge_possible() - can @pages be looked at for huge pages
 * @pages: not pinned
 */
bool ioasid_huge_possible(const struct ioasid_pages *pages)
{
	unsigned long size = pages->npages << PAGE_SHIFT;

	return pages->holder->mm == current->mm && size < TASK_SIZE_MAX &&
	       pages->vaddr <= TASK_SIZE_MAX - size;
}

/**
 * ioasid_huge_pin() - one step of pinning, as far as pages are huge
 * @pages: whose list grows; ioasid_huge_possible()
 * @done: pages pinned before
 * @want: stop when so many are pinned; may be exceeded by part of a huge page
 *
 * Return: pages pinned; 0 to go on page by page; -ENOMEM.
 */
long ioasid_huge_pin(struct ioasid_pages *pages, unsigned long done, unsigned long want)
{
	unsigned long got = 0;
	pmd_t pmd;
	long n;

	while (got < want) {
		unsigned long vaddr = pages->vaddr + ((done + got) << PAGE_SHIFT);

		if (huge_look(vaddr, &pmd) == MAP_SMALL)
			break;
		n = huge_pin_one(pages, vaddr, pages->npages - done - got);
		if (n < 0)
			return n;
		if (!n)
			break;
		got += n;
	}
	return got;
}

/**
 * ioasid_huge_ahead() - how many pages to pin one by one before the next look
 * @pages: as for ioasid_huge_pin(), which has said 0
 * @done: pages pinned before
 * @want: at most so many
 */
unsigned long ioasid_huge_ahead(const struct ioasid_pages *pages, unsigned long done,
				unsigned long want)
{
	unsigned long start = pages->vaddr + (done << PAGE_SHIFT);
	unsigned long end = start + (want << PAGE_SHIFT);
	unsigned long addr = ALIGN(start + 1, PMD_SIZE);
	pmd_t pmd;

	for (; addr < end; addr += PMD_SIZE)
		if (huge_look(addr, &pmd) != MAP_SMALL)
			return (addr - start) >> PAGE_SHIFT;
	return want;
}
