// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stale pages: is a page that an IOMMU has still what its process has at that address?
 *
 * A program that unmaps, discards or replaces memory which a device still has mapped
 * goes on with another page than the device does. Nothing is wrong for the kernel: the
 * pin keeps the page. So the frames that are kept are compared with the page tables of
 * the process, on demand, and without a page fault.
 *
 * A page that is not in the page tables is no evidence alone: pages of files leave them
 * when memory is short. Then the file is asked, by what the page itself says of it.
 *
 * What can run at the same time: anything. The frames are a copy, of a mapping that may
 * be gone by the time they are compared; so the caller looks at the mapping again
 * before it believes the answer. mmap_lock is held for reading, for one batch.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "lib/signal.h"
#include "pin.h"

/* Of device memory and holes, which are not compared. */
#define NO_PFN	ULONG_MAX

/**
 * ioasid_stale_copy() - what is to be compared; the pages stay pinned meanwhile
 * @b: its nr is set: how many pages at most; and lowered to how many there are
 * @pages: of a LIVE area, whose areas_lock the caller holds
 * @first: the first of them
 *
 * The memory of the owner is referenced, for ioasid_stale_compare() to release.
 */
void ioasid_stale_copy(struct ioasid_stale_batch *b, const struct ioasid_pages *pages,
		       unsigned long first)
{
	unsigned long n = 0, skip = first, i;
	struct ioasid_extents_iter it;
	struct ioasid_extent e;

	ioasid_for_each_extent(&it, &pages->ext, &e) {
		for (i = min(skip, e.npages); i < e.npages && n < b->nr; i++)
			b->pfn[n++] = ioasid_extent_has_pages(&e) ? e.pfn + i : NO_PFN;
		skip -= min(skip, e.npages);
		if (n == b->nr)
			break;
	}
	b->nr = n;
	b->of_file = pages->of_file;
	b->vaddr = pages->vaddr + (first << PAGE_SHIFT);
	b->mm = ioasid_pages_mm(pages);
}

/* Does the page say that it is that file's, at the place that @vma has at @addr? */
static bool page_is_of(struct page *page, struct vm_area_struct *vma, unsigned long addr)
{
	struct folio *folio = page_folio(page);

	if (!vma->vm_file || READ_ONCE(folio->mapping) != vma->vm_file->f_mapping)
		return false;
	/* A huge page of hugetlbfs counts in its own unit. */
	return is_vm_hugetlb_page(vma) ||
	       folio->index + folio_page_idx(folio, page) == linear_page_index(vma, addr);
}

/* It is not in the page tables. */
static enum ioasid_stale_how how_absent(struct mm_struct *mm, unsigned long addr,
					unsigned long pfn)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	mmap_assert_locked(mm);
	if (!vma)
		return IOASID_STALE_UNMAPPED;
	return page_is_of(pfn_to_page(pfn), vma, addr) ? IOASID_STALE_NOT : IOASID_STALE_ABSENT;
}

/* As far as pages are there; returns how many were compared, one at least. */
static unsigned long compare_some(struct ioasid_stale_batch *b, unsigned long at)
{
	unsigned long addr = untagged_addr_remote(b->mm, b->vaddr + (at << PAGE_SHIFT));
	struct page *page[16];
	long n, i;

	mmap_assert_locked(b->mm);
	n = get_user_pages_remote(b->mm, addr, min(b->nr - at, ARRAY_SIZE(page)),
				  FOLL_NOFAULT | FOLL_FORCE, page, NULL);
	for (i = 0; i < n; i++) {
		b->how[at + i] = page_to_pfn(page[i]) == b->pfn[at + i] ? IOASID_STALE_NOT :
									   IOASID_STALE_OTHER;
		put_page(page[i]);
	}
	if (n > 0)
		return n;
	b->how[at] = how_absent(b->mm, addr, b->pfn[at]);
	return 1;
}

static int compare_process(struct ioasid_stale_batch *b)
{
	unsigned long at = 0, n;

	if (mmap_read_lock_killable(b->mm))
		return -EINTR;
	while (at < b->nr) {
		n = 1;
		if (b->pfn[at] != NO_PFN)
			n = compare_some(b, at);
		at += n;
	}
	mmap_read_unlock(b->mm);
	for (at = 0; at < b->nr; at++)
		if (b->pfn[at] == NO_PFN)
			b->how[at] = IOASID_STALE_NOT;
	return 0;
}

/* Of a file that a process need not have mapped: has the file lost the page? */
static void compare_file(struct ioasid_stale_batch *b)
{
	unsigned long at;

	for (at = 0; at < b->nr; at++)
		b->how[at] = READ_ONCE(page_folio(pfn_to_page(b->pfn[at]))->mapping) ?
			     IOASID_STALE_NOT : IOASID_STALE_ABSENT;
}

/**
 * ioasid_stale_compare() - fill in what became of each page
 * @b: from ioasid_stale_copy(); no lock is held
 *
 * The pages may be unpinned by now; then what is said of them means nothing.
 *
 * Return: 0, -EINTR.
 */
int ioasid_stale_compare(struct ioasid_stale_batch *b)
{
	int ret = 0;

	might_sleep();
	if (b->of_file) {
		compare_file(b);
	} else if (mmget_not_zero(b->mm)) {
		ret = compare_process(b);
		mmput_async(b->mm);
	} else {
		memset(b->how, IOASID_STALE_EXITED, b->nr);
	}
	mmdrop(b->mm);
	return ret;
}
