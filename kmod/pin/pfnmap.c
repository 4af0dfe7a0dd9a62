// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory: a mapping of frame numbers (VM_PFNMAP), such as the BAR of a
 * VFIO device. There is no page to pin and nothing to charge.
 *
 * What can run at the same time: faults and zaps of the mapping, kept out of each lookup by
 * its page-table lock, and munmap, by mmap_lock. Entries may be zapped after the lookup,
 * as with type1: the frames stay in the IOMMU until they are unmapped, and lead to the
 * device they belonged to. frames.c records them, so that the device gets no other owner
 * meanwhile.
 */
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
static long pfnmap_lookup(struct ioasid_pages *pages, unsigned long vaddr, unsigned long *pfn)
{
	struct vm_area_struct *vma = vma_lookup(pages->mm, vaddr);
	struct follow_pfnmap_args args = { .vma = vma, .address = vaddr };
	unsigned long size, left;
	bool unlocked = false;
	long n = -EFAULT;
	int ret;

	mmap_assert_locked(pages->mm);
	if (!vma || !(vma->vm_flags & VM_PFNMAP))
		return -EFAULT;

	ret = follow_pfnmap_start(&args);
	if (ret) {
		ret = fixup_user_fault(pages->mm, vaddr,
				       FAULT_FLAG_REMOTE | (pages->write ? FAULT_FLAG_WRITE : 0),
				       &unlocked);
		if (unlocked)
			return -EAGAIN;
		if (!ret)
			ret = follow_pfnmap_start(&args);
		if (ret)
			return ret;
	}

	*pfn = args.pfn;
	if (!pages->write || args.writable) {
		size = compat_pfnmap_bytes(&args);
		left = min(size - (vaddr & (size - 1)), vma->vm_end - vaddr);
		n = left >> PAGE_SHIFT;
	}
	follow_pfnmap_end(&args);
	return n;
}

/*
 * Put @n frames into the list, as far as they are bare. What frames.c knows of is
 * never less than what is in the list; when it is more, pinning has failed.
 */
static long pfnmap_add_bare(struct ioasid_pages *pages, unsigned long pfn, unsigned long n)
{
	unsigned long i;
	int ret;

	for (i = 0; i < n && pfnmap_is_bare(pfn + i); i++)
		;
	/* Refuse PFN mappings of normal RAM: nothing holds a reference on it. */
	if (!i)
		return -EFAULT;
	ret = ioasid_frames_add(pages, pfn, i);
	if (ret)
		return ret;
	ret = ioasid_extents_add(&pages->ext, pfn, i, IOASID_EXTENT_PFN);
	if (ret)
		ioasid_frames_drop(pages);
	return ret ?: (long)i;
}

/**
 * ioasid_pin_pfnmap() - one step of pinning, in a VM_PFNMAP area
 * @pages: its owner is current, or its mm is held by the caller
 * @vaddr: first address
 * @want: pages at most
 *
 * Return: pages added to the list, or -errno: -EFAULT, -EINTR, -ENOMEM.
 */
long ioasid_pin_pfnmap(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want)
{
	unsigned long done = 0, pfn;
	long n = 0;

	if (mmap_read_lock_killable(pages->mm))
		return -EINTR;
	vaddr = untagged_addr_remote(pages->mm, vaddr);
	while (done < want) {
		n = ioasid_interrupted() ?:
		    pfnmap_lookup(pages, vaddr + (done << PAGE_SHIFT), &pfn);
		if (n == -EAGAIN)
			continue;
		if (n > 0)
			n = pfnmap_add_bare(pages, pfn, min_t(unsigned long, n, want - done));
		if (n < 0)
			break;
		done += n;
	}
	mmap_read_unlock(pages->mm);
	return done ?: n;
}
