// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: a mapping of frame numbers (VM_PFNMAP), such as the BAR of a
 * VFIO device. There is no page to pin and nothing to charge.
 *
 * What can run at the same time: faults and zaps of the mapping, kept out of each lookup by
 * its page-table lock, and munmap, by mmap_lock. What was looked up may be
 * zapped afterwards; revoke.c, which watches it by then, takes it away from the
 * IOMMU, or sees to it that it never gets there. frames.c knows of what an IOMMU
 * has, so that the device gets no other owner meanwhile.
 */
#include <linux/err.h>
#include <linux/mm.h>

#include "lib/signal.h"
#include "internal.h"

/* Has the frame no page that the kernel could reuse? */
static bool pfnmap_is_bare(unsigned long pfn)
{
	return !pfn_valid(pfn) || PageReserved(pfn_to_page(pfn));
}

/*
 * Frames at @vaddr, whose fault is taken if needed, up to the end of what one
 * page-table entry maps. mmap_lock is held for reading; -EAGAIN means that it
 * was dropped and taken again.
 */
static long pfnmap_lookup(struct mm_struct *mm, bool write, unsigned long vaddr, unsigned long *pfn)
{
	struct vm_area_struct *vma = vma_lookup(mm, vaddr);
	struct follow_pfnmap_args args = { .vma = vma, .address = vaddr };
	unsigned long size, left;
	bool unlocked = false;
	long n = -EFAULT;
	int ret;

	mmap_assert_locked(mm);
	if (!vma || !(vma->vm_flags & VM_PFNMAP))
		return -EFAULT;

	ret = follow_pfnmap_start(&args);
	if (ret) {
		ret = fixup_user_fault(mm, vaddr,
				       FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : 0),
				       &unlocked);
		if (unlocked)
			return -EAGAIN;
		if (!ret)
			ret = follow_pfnmap_start(&args);
		if (ret)
			return ret;
	}

	*pfn = args.pfn;
	if (!write || args.writable) {
		size = compat_pfnmap_bytes(&args);
		left = min(size - (vaddr & (size - 1)), vma->vm_end - vaddr);
		n = left >> PAGE_SHIFT;
	}
	follow_pfnmap_end(&args);
	return n;
}

/*
 * Put @n frames into the list, as far as they are bare. What revoke.c knows of is
 * never less than what is in the list; when it is more, pinning has failed.
 */
static long pfnmap_add_bare(struct ioasid_pages *pages, struct ioasid_devmem_piece *piece,
			    unsigned long pfn, unsigned long n)
{
	unsigned long i;
	int ret;

	for (i = 0; i < n && pfnmap_is_bare(pfn + i); i++)
		;
	/* Refuse PFN mappings of normal RAM: nothing holds a reference on it. */
	if (!i)
		return -EFAULT;
	ret = ioasid_devmem_add(piece, pfn, i);
	if (!ret)
		ret = ioasid_extents_add(&pages->ext, pfn, i, IOASID_EXTENT_PFN);
	return ret ?: (long)i;
}

/**
 * ioasid_pin_pfnmap() - one step of pinning, in a VM_PFNMAP area
 * @pages: its owner is current, or its mm is held by the caller
 * @vaddr: first address; all before it is pinned
 * @want: pages at most
 *
 * Return: pages added to the list, or -errno: -EFAULT, -EINTR, -ENOMEM.
 */
long ioasid_pin_pfnmap(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want)
{
	struct ioasid_devmem_piece *piece;
	unsigned long done = 0, pfn;
	long n = 0;

	piece = ioasid_devmem_watch(pages, (vaddr - pages->vaddr) >> PAGE_SHIFT);
	if (IS_ERR(piece))
		return PTR_ERR(piece);
	want = min(want, ioasid_devmem_room(piece));
	if (mmap_read_lock_killable(pages->holder->mm))
		return -EINTR;
	vaddr = untagged_addr_remote(pages->holder->mm, vaddr);
	while (done < want) {
		n = ioasid_interrupted() ?: pfnmap_lookup(pages->holder->mm, pages->write,
							  vaddr + (done << PAGE_SHIFT), &pfn);
		if (n == -EAGAIN)
			continue;
		if (n > 0)
			n = pfnmap_add_bare(pages, piece, pfn, min_t(unsigned long, n, want - done));
		if (n < 0)
			break;
		done += n;
	}
	mmap_read_unlock(pages->holder->mm);
	return done ?: n;
}

/**
 * ioasid_pfnmap_is_there() - does the process have any of it in its page tables?
 * @mm: mmap_lock is held for reading
 * @addr: first address
 * @npages: how many pages to ask for; if there is none, how many were asked for: 0
 *	when the first is no device memory
 */
bool ioasid_pfnmap_is_there(struct mm_struct *mm, unsigned long addr, unsigned long *npages)
{
	struct follow_pfnmap_args args;
	unsigned long n;

	mmap_assert_locked(mm);
	for (n = 0; n < *npages; n++) {
		args = (struct follow_pfnmap_args){
			.vma = vma_lookup(mm, addr + (n << PAGE_SHIFT)),
			.address = addr + (n << PAGE_SHIFT),
		};
		if (!args.vma || !(args.vma->vm_flags & VM_PFNMAP))
			break;
		if (!follow_pfnmap_start(&args)) {
			follow_pfnmap_end(&args);
			return true;
		}
	}
	*npages = n;
	return false;
}

/* Are they @npages frames from @pfn on? What is missing is faulted in. */
static bool pfnmap_holds(struct mm_struct *mm, unsigned long addr, bool write, unsigned long pfn,
			 unsigned long npages)
{
	unsigned long done = 0, found;
	long n;

	while (done < npages) {
		n = pfnmap_lookup(mm, write, addr + (done << PAGE_SHIFT), &found);
		if (n == -EAGAIN)
			continue;
		if (n < 0 || found != pfn + done)
			return false;
		done += n;
		cond_resched();
	}
	return true;
}

/*
 * ioasid_pfnmap_is() - is at @addr still what @frames lists?
 *
 * mmap_lock is held for reading; it may be dropped and taken again in between.
 */
bool ioasid_pfnmap_is(struct mm_struct *mm, unsigned long addr, bool write,
		      const struct list_head *frames)
{
	const struct ioasid_frames *f;
	unsigned long n;

	mmap_assert_locked(mm);
	list_for_each_entry(f, frames, link) {
		n = f->by_frame.last - f->by_frame.start + 1;
		if (!pfnmap_holds(mm, addr, write, f->by_frame.start, n))
			return false;
		addr += n << PAGE_SHIFT;
	}
	return true;
}
