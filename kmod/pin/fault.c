// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault in untouched memory, a batch at a time, so that the lockless pinner finds it; for the
 * caller of a map (ioasid_fault_in()), and for the threads that help it (ioasid_fault_ahead(),
 * see ahead.c).
 *
 * Without this, the pinner finds no page and falls back to one that looks up every page
 * twice, and whose faults may drop mmap_lock; in shared memory they do so at each page.
 * Here the lock is held over the batch.
 *
 * So a fault must end under the lock, whatever user space does. In anonymous memory,
 * shmem and hugetlbfs it does: it waits only for memory, for swap, or for a hole to be
 * punched. With userfaultfd, and in files of other file systems (FUSE), it may not. The
 * pinner takes those, and waits without the lock.
 *
 * What can run at the same time: faults of other threads. Their munmap, mmap and mprotect
 * wait for one fault: the batch ends when another task waits for the lock, or with a
 * fatal signal. Pages may be gone again before they are pinned; then the pinner faults
 * them in itself.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/userfaultfd_k.h>

#include "lib/signal.h"
#include "internal.h"

static bool fault_ends(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) || is_vm_hugetlb_page(vma) ||
	       (vma->vm_file && shmem_file(vma->vm_file));
}

/* ioasid_fault_present() - is a page of current present? The kernel's count of faults does not show it. */
bool ioasid_fault_present(unsigned long vaddr, bool write)
{
	struct page *page;

	if (!get_user_page_fast_only(vaddr, write ? FOLL_WRITE : 0, &page))
		return false;
	put_page(page);
	return true;
}

/*
 * The VMA at @addr, if faulting in pays off there; mmap_lock is held. Private memory that
 * is only read would get the zero page, which is not pinned.
 */
static struct vm_area_struct *fault_vma(struct mm_struct *mm, unsigned long addr, bool write)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	mmap_assert_locked(mm);
	if (!vma || userfaultfd_armed(vma) || !fault_ends(vma))
		return NULL;
	if (!write && !(vma->vm_flags & VM_SHARED))
		return NULL;
	return vma->vm_flags & (write ? VM_WRITE : VM_READ) ? vma : NULL;
}

/**
 * ioasid_fault_in() - make pages present, where a fault ends under the lock
 * @pages: of the current process
 * @vaddr: first address
 * @want: pages at most
 *
 * Return: how many pages are present now; nothing keeps them so. 0 when they are present
 * already, or huge, or in memory that is left to the pinner.
 */
unsigned long ioasid_fault_in(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want)
{
	unsigned int flags = pages->write ? FAULT_FLAG_WRITE : 0, saved;
	struct mm_struct *mm = pages->holder->mm;
	struct vm_area_struct *vma;
	unsigned long n = 0;

	if (ioasid_fault_present(vaddr, pages->write) || mmap_read_lock_killable(mm))
		return 0;
	/* Allocate no page that the pin would have to migrate. */
	saved = memalloc_pin_save();
	vaddr = untagged_addr_remote(mm, vaddr);
	vma = fault_vma(mm, vaddr, pages->write);
	/* A huge page of hugetlbfs is faulted in where it is pinned, see huge.c. */
	if (vma && is_vm_hugetlb_page(vma))
		vma = NULL;
	want = vma ? min(want, (vma->vm_end - vaddr) >> PAGE_SHIFT) : 0;
	/* Without FAULT_FLAG_ALLOW_RETRY the lock is kept, and with it the vma. */
	for (; n < want && !ioasid_interrupted(); vaddr += PAGE_SIZE) {
		if (handle_mm_fault(vma, vaddr, flags, NULL) & VM_FAULT_ERROR)
			break;
		/* One fault mapped a huge page, and one pin is enough for it. */
		if ((!n || IS_ALIGNED(vaddr, PMD_SIZE)) && ioasid_huge_at(vaddr))
			break;
		n++;
		if (mmap_lock_is_contended(mm))
			break;
		cond_resched();
	}
	memalloc_pin_restore(saved);
	mmap_read_unlock(mm);
	return n;
}

/* What one fault maps at least. */
static unsigned long fault_page_size(struct vm_area_struct *vma)
{
	return is_vm_hugetlb_page(vma) ? huge_page_size(hstate_vma(vma)) : PAGE_SIZE;
}

/**
 * ioasid_fault_unit() - is untouched memory of current worth help, and in what pieces
 * @vaddr: first address
 * @write: will it be pinned for writing
 *
 * Return: pages of a piece, a power of two: a huge page is one piece; 0: a fault there is left
 * to the pinner.
 */
unsigned long ioasid_fault_unit(unsigned long vaddr, bool write)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	unsigned long bytes = 0;

	if (mmap_read_lock_killable(mm))
		return 0;
	vma = fault_vma(mm, untagged_addr_remote(mm, vaddr), write);
	if (vma)
		bytes = max(PMD_SIZE, fault_page_size(vma));
	mmap_read_unlock(mm);
	return bytes >> PAGE_SHIFT;
}

/* The address after what one fault at @addr has mapped; after a page that was there, the next. */
static unsigned long fault_next(struct vm_area_struct *vma, unsigned long addr, unsigned long first)
{
	if (is_vm_hugetlb_page(vma))
		return ALIGN(addr + 1, fault_page_size(vma));
	if ((addr == first || IS_ALIGNED(addr, PMD_SIZE)) && ioasid_huge_at(addr))
		return ALIGN(addr + 1, PMD_SIZE);
	return addr + PAGE_SIZE;
}

/**
 * ioasid_fault_ahead() - make memory of current present, where a fault ends under the lock
 * @vaddr: first address
 * @npages: how many; the rest is left to the pinner where no such fault can serve it
 * @write: for writing
 * @stop: when true, end soon; others may set it
 *
 * Return: how many pages it brought; -EFAULT: a fault failed.
 */
long ioasid_fault_ahead(unsigned long vaddr, unsigned long npages, bool write, const bool *stop)
{
	unsigned int flags = write ? FAULT_FLAG_WRITE : 0, saved;
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma = NULL;
	unsigned long first, next, end;
	long got = 0;

	if (mmap_read_lock_killable(mm))
		return 0;
	saved = memalloc_pin_save();
	vaddr = untagged_addr_remote(mm, vaddr);
	end = vaddr + (npages << PAGE_SHIFT);
	for (first = vaddr; vaddr < end && !READ_ONCE(*stop) && !ioasid_interrupted(); vaddr = next) {
		bool there = ioasid_fault_present(vaddr, write);

		if (!vma || vaddr >= vma->vm_end)
			vma = fault_vma(mm, vaddr, write);
		if (!vma)
			break;
		if (!there && handle_mm_fault(vma, vaddr, flags, NULL) & VM_FAULT_ERROR) {
			got = -EFAULT;
			break;
		}
		next = fault_next(vma, vaddr, first);
		if (!there)
			got += (next - vaddr) >> PAGE_SHIFT;
		if (mmap_lock_is_contended(mm)) {
			mmap_read_unlock(mm);
			vma = NULL;
			if (mmap_read_lock_killable(mm))
				goto out;
		}
		cond_resched();
	}
	mmap_read_unlock(mm);
out:
	memalloc_pin_restore(saved);
	return got;
}
