// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault in untouched memory, a batch at a time, so that the lockless pinner finds it.
 *
 * Without this, the pinner finds no page and falls back to one that looks up every page
 * twice, and whose faults may drop mmap_lock; in shared memory they do so at each page.
 * Here the lock is held over the batch.
 *
 * So a fault must end under the lock, whatever user space does. In anonymous memory and
 * shmem it does: it waits only for memory, for swap, or for a hole to be punched. With
 * userfaultfd, and in files of other file systems (FUSE), it may not. The pinner takes
 * those, and waits without the lock.
 *
 * What can run at the same time: faults of other threads. Their munmap, mmap and mprotect
 * wait for one fault: the batch ends when another task waits for the lock, or with a
 * fatal signal. Pages may be gone again before they are pinned; then the pinner faults
 * them in itself.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/userfaultfd_k.h>

#include "lib/signal.h"
#include "internal.h"

static bool fault_ends(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) ||
	       (vma->vm_file && !is_vm_hugetlb_page(vma) && shmem_file(vma->vm_file));
}

/* Is the page present after the fault? The kernel's count of faults does not show it. */
static bool fault_present(const struct ioasid_pages *pages, unsigned long vaddr)
{
	struct page *page;

	if (!get_user_page_fast_only(vaddr, pages->write ? FOLL_WRITE : 0, &page))
		return false;
	put_page(page);
	return true;
}

/*
 * The VMA at @addr, if faulting in pays off there; mmap_lock is held. Private memory that
 * is only read would get the zero page, which is not pinned.
 */
static struct vm_area_struct *fault_vma(const struct ioasid_pages *pages, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(pages->holder->mm, addr);

	mmap_assert_locked(pages->holder->mm);
	if (!vma || userfaultfd_armed(vma) || !fault_ends(vma))
		return NULL;
	if (!pages->write && !(vma->vm_flags & VM_SHARED))
		return NULL;
	return vma->vm_flags & (pages->write ? VM_WRITE : VM_READ) ? vma : NULL;
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

	if (fault_present(pages, vaddr) || mmap_read_lock_killable(mm))
		return 0;
	/* Allocate no page that the pin would have to migrate. */
	saved = memalloc_pin_save();
	vaddr = untagged_addr_remote(mm, vaddr);
	vma = fault_vma(pages, vaddr);
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
