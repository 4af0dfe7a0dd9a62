// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holes: pages of an object with nothing behind them (IOASID_MAP_SPARSE).
 *
 * What the pinner refuses with -EFAULT is a hole where the caller asked for that: no VMA, one
 * that does not allow the access, a page beyond the end of a file. Any other error, a signal
 * and a limit end the pin as ever. A hole is an extent of its own kind in the list of the
 * object. So it has a place among the pages, and nothing else: no entry in a page table, no
 * pin, no charge. It stays a hole for the life of the object, whatever the process maps there
 * later.
 *
 * All walks through extents, and what becomes of a hole:
 *
 *	pin/pages.c	unpin: passed over; ioasid_pages_page(): no page
 *	pin/measure.c	passed over
 *	pin/cut.c	cut like others, and charged as nothing
 *	pin/book.c, pin/share.c		passed over: in no book
 *	pin/stale.c, pin/gone.c		never stale
 *	domain/map.c, domain/unmap.c, domain/revoke.c	no entries, and none is cleared
 *	domain/cut.c	a cut in it crosses no entry
 *	ops/user_pin.c, ops/access.c	nothing is mapped there (space/accesses.c)
 *	space/show.c, space/dirty.c	not pinned, never dirty
 *
 * A hole may have as many pages as a process has addresses, and no rlimit bounds them. So what
 * goes on after one goes there in one step (pieces.c), and nothing is done for each of
 * its pages, nor for each of many mappings that show it.
 *
 * What can run at the same time as a pin: see pin.c. mmap_lock is held for a look at one VMA,
 * and what is said of it may be wrong by the time it is entered: then it was right at a moment
 * of the call, as for the pages beside it.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "internal.h"

/* Extents between two looks at the scheduler. */
#define EXTENTS_PER_BREAK	4096
/*
 * In place of frame numbers holes have the index of their page, so that neighbours grow into
 * one extent. It wraps before an extent could reach into the bits beside it.
 */
#define HOLE_NUMBER	GENMASK(39, 0)

static_assert(HOLE_NUMBER + IOASID_EXTENT_PAGES_MAX <= IOASID_PACK_PFN);

/* No page of it can be pinned, whatever it has. */
static bool vma_refuses(const struct vm_area_struct *vma, bool write)
{
	return !(vma->vm_flags & VM_ACCESS_FLAGS) || (write && !(vma->vm_flags & VM_WRITE));
}

/*
 * The page at @vaddr cannot be pinned: how many pages of at most @left are a hole because of
 * its VMA. *@device: it is device memory, and they only are if that cannot be had.
 */
static long hole_look(struct ioasid_pages *pages, unsigned long vaddr, unsigned long left,
		      bool *device)
{
	struct mm_struct *mm = pages->holder->mm;
	struct vm_area_struct *vma;
	unsigned long n;

	*device = false;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vaddr = untagged_addr_remote(mm, vaddr);
	vma = find_vma(mm, vaddr);
	if (!vma) {
		n = left;
	} else if (vaddr < vma->vm_start) {
		n = (vma->vm_start - vaddr) >> PAGE_SHIFT;
	} else {
		*device = vma->vm_flags & VM_PFNMAP;
		n = *device || vma_refuses(vma, pages->write) ?
		    (vma->vm_end - vaddr) >> PAGE_SHIFT : 1;
	}
	mmap_read_unlock(mm);
	return min(n, left);
}

/* Return: how many of them are entered, or -ENOMEM. */
static long hole_add(struct ioasid_pages *pages, unsigned long index, unsigned long npages)
{
	unsigned long done, n;

	for (done = 0; done < npages; done += n) {
		n = min(npages - done, IOASID_EXTENT_PAGES_MAX);
		if (ioasid_extents_add(&pages->ext, (index + done) & HOLE_NUMBER, n,
				       IOASID_EXTENT_HOLE))
			return done ?: -ENOMEM;
	}
	return done;
}

/**
 * ioasid_pin_or_hole() - one step of pinning, where the pinner said -EFAULT
 * @pages: sparse; of the current process
 * @vaddr: first address; all before it is pinned or a hole
 * @want: pages at most, if they are no hole
 *
 * Device memory that cannot be mapped is a hole up to the end of its VMA, so that it is
 * watched once and not for each page.
 *
 * Return: pages or holes added to the list, or -errno: -EINTR, -ENOMEM.
 */
long ioasid_pin_or_hole(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want)
{
	unsigned long index = (vaddr - pages->vaddr) >> PAGE_SHIFT;
	bool device;
	long n, got;

	n = hole_look(pages, vaddr, pages->npages - index, &device);
	if (n < 0)
		return n;
	if (device) {
		got = ioasid_pin_pfnmap(pages, vaddr, want);
		if (got != -EFAULT)
			return got;
		ioasid_devmem_trim(pages);
	}
	return hole_add(pages, index, n);
}

static bool hole_step(struct ioasid_hole_walk *w, struct ioasid_extent *extent)
{
	if (++w->steps % EXTENTS_PER_BREAK == 0)
		cond_resched();
	if (!ioasid_extents_next(&w->it, extent))
		return false;
	w->at += extent->npages;
	return true;
}

/* ioasid_holes_begin() - begin a walk through the holes of @pages, which are pinned */
void ioasid_holes_begin(struct ioasid_hole_walk *w, const struct ioasid_pages *pages)
{
	ioasid_extents_start(&w->it, &pages->ext);
	w->at = 0;
	w->steps = 0;
}

/**
 * ioasid_holes_next() - the next hole
 * @w: the walk; may sleep
 * @first: its first page
 * @npages: how many pages it has, up to the next page that is there
 *
 * Return: false at the end.
 */
bool ioasid_holes_next(struct ioasid_hole_walk *w, unsigned long *first, unsigned long *npages)
{
	struct ioasid_extent extent;

	do {
		if (!hole_step(w, &extent))
			return false;
	} while (extent.kind != IOASID_EXTENT_HOLE);
	*first = w->at - extent.npages;
	*npages = 0;
	do {
		*npages += extent.npages;
	} while (hole_step(w, &extent) && extent.kind == IOASID_EXTENT_HOLE);
	return true;
}

/* See ioasid_pages_present(). */
unsigned long __ioasid_pages_present(const struct ioasid_pages *pages, unsigned long first,
				     unsigned long npages)
{
	unsigned long end = first + npages, at, n, lo, hi;
	struct ioasid_hole_walk w;

	ioasid_holes_begin(&w, pages);
	while (ioasid_holes_next(&w, &at, &n) && at < end) {
		lo = max(at, first);
		hi = min(at + n, end);
		if (lo < hi)
			npages -= hi - lo;
	}
	return npages;
}

/* See ioasid_pages_runs(). */
unsigned long __ioasid_pages_runs(const struct ioasid_pages *pages)
{
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;
	unsigned long runs = 0;

	ioasid_for_each_extent(&it, &pages->ext, &extent)
		runs += extent.kind != IOASID_EXTENT_HOLE;
	return runs;
}

/* See ioasid_pages_until(). */
unsigned long __ioasid_pages_until(const struct ioasid_pages *pages, unsigned long index,
				   bool *hole)
{
	struct ioasid_extent extent;
	unsigned long skip;

	ioasid_extents_look(&pages->ext, index, &extent, &skip);
	*hole = extent.kind == IOASID_EXTENT_HOLE;
	return extent.npages - skip;
}
