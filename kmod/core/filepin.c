// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning by folio: memory that is a shared mapping of shmem or hugetlbfs is
 * pinned through its file, one reference for each folio instead of one for
 * each page, with no walk of the process's page table.
 *
 * Only where that is the same memory that a page-by-page pin would find: the
 * whole range in one VM_SHARED area with the wanted access, not watched by
 * userfaultfd, inside the file. Anything else, and any failure on the way, is
 * left to the page pinner, which also knows the right errno.
 *
 * Who else can run: munmap and remap of the area once mmap_lock is dropped;
 * what is pinned then is what the caller had mapped when he asked. Truncation:
 * folios that are pinned stay, as with any pin. The file is held.
 */
#include <linux/file.h>
#include <linux/hugetlb.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/userfaultfd_k.h>

#include "pages.h"

/* Smaller ranges are pinned page by page before this has found the file. */
#define FILE_MIN_PAGES	512
/* Folios smaller than this on average cost more here than there. */
#define FILE_MIN_FOLIO	16
/* The first look at how large they are. */
#define FILE_PROBE	16

static bool vma_fits(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		     bool write)
{
	return vma && vma->vm_file && start >= vma->vm_start && end <= vma->vm_end &&
	       vma->vm_flags & VM_SHARED && vma->vm_flags & (write ? VM_WRITE : VM_READ) &&
	       !(vma->vm_flags & (VM_IO | VM_PFNMAP)) && !userfaultfd_armed(vma);
}

/**
 * ioasid_file_find() - can @pages be pinned through a file
 * @pages: of the current process
 * @src: filled in; ioasid_file_drop() later, also after false
 */
bool ioasid_file_find(struct ioasid_pages *pages, struct ioasid_file_src *src)
{
	unsigned long start = pages->vaddr, end = start + (pages->npages << PAGE_SHIFT);
	struct vm_area_struct *vma;

	src->file = NULL;
	if (pages->npages < FILE_MIN_PAGES || current->mm != pages->mm || end < start)
		return false;
	if (mmap_read_lock_killable(pages->mm))
		return false;
	vma = vma_lookup(pages->mm, start);
	if (vma_fits(vma, start, end, pages->write)) {
		src->file = get_file(vma->vm_file);
		src->pos = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) + (start - vma->vm_start);
		src->probed = false;
	}
	mmap_read_unlock(pages->mm);
	return src->file;
}

/* ioasid_file_drop() - go on page by page, or end */
void ioasid_file_drop(struct ioasid_file_src *src)
{
	if (src->file)
		fput(src->file);
	src->file = NULL;
}

static void unpin_rest(struct folio **folios, long from, long n)
{
	for (; from < n; from++)
		unpin_folio(folios[from]);
}

/**
 * ioasid_file_pin() - one step of pinning
 * @pages: whose list grows
 * @src: what ioasid_file_find() found
 * @done: pages pinned before
 * @folios: room for pointers
 * @room: how many
 *
 * Return: pages pinned; 0 to go on page by page; -ENOMEM.
 */
long ioasid_file_pin(struct ioasid_pages *pages, struct ioasid_file_src *src,
		     unsigned long done, struct folio **folios, unsigned long room)
{
	loff_t pos = src->pos + ((loff_t)done << PAGE_SHIFT);
	unsigned long left = pages->npages - done, got = 0;
	pgoff_t offset = 0;
	long n, i;

	if (!src->probed)
		room = min(room, FILE_PROBE);
	n = memfd_pin_folios(src->file, pos, pos + ((loff_t)left << PAGE_SHIFT) - 1, folios, room,
			     &offset);
	if (n <= 0)
		return 0;

	/* @offset is in bytes, of the first folio alone. */
	offset >>= PAGE_SHIFT;
	for (i = 0; i < n && got < left; i++) {
		unsigned long len = min(folio_nr_pages(folios[i]) - offset, left - got);

		if (ioasid_extents_add(&pages->ext, folio_pfn(folios[i]) + offset, len,
				       IOASID_RUN_FOLIO)) {
			unpin_rest(folios, i, n);
			return -ENOMEM;
		}
		got += len;
		offset = 0;
	}
	unpin_rest(folios, i, n);
	src->probed = true;
	if (got < n * FILE_MIN_FOLIO)
		ioasid_file_drop(src);
	return got;
}

/* ioasid_file_unpin() - let go of a run of whole folios, but for its ends */
void ioasid_file_unpin(unsigned long pfn, unsigned long npages, bool dirty)
{
	unsigned long end = pfn + npages;

	while (pfn < end) {
		struct folio *folio = page_folio(pfn_to_page(pfn));

		/* Computed first: the folio may be gone after the unpin. */
		pfn = folio_pfn(folio) + folio_nr_pages(folio);
		if (dirty && !folio_test_dirty(folio)) {
			folio_lock(folio);
			folio_mark_dirty(folio);
			folio_unlock(folio);
		}
		unpin_folio(folio);
	}
}
