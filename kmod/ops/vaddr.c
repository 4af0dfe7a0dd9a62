// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: a mapping gets a new virtual address, and perhaps a new owner,
 * while DMA through it goes on. UNMAP with VADDR (unmap.c) made the old
 * address invalid; MAP with VADDR comes here.
 *
 * What can run at the same time: everything. While the charge moves, the call counts in
 * area->num_accesses: an unmap waits for that short time, a teardown leaves the area to
 * this call, and other updates of it find it in use. pin, read, write and attach fail
 * with -EBUSY from the invalidation until here.
 */
#include <linux/mm.h>

#include <trace/events/ioasid.h>

#include "lib/who.h"
#include "ops.h"

/* The area, with a count in num_accesses; or an ERR_PTR. */
static struct ioasid_area *vaddr_get_area(struct ioasid_space *space, u64 iova, u64 length,
					  struct ioasid_fail *f)
{
	struct ioasid_area *area;
	u64 seen;
	int ret;

	for (;;) {
		mutex_lock(&space->areas_lock);
		area = space->dead ? NULL : ioasid_area_first(space, iova, iova + length - 1);
		if (!area || (!ioasid_area_in_flight(area, true) && !area->wanted))
			break;
		seen = ioasid_space_seen(space);
		mutex_unlock(&space->areas_lock);
		ret = ioasid_space_wait_change(space, seen);
		if (ret)
			return ERR_PTR(ioasid_fail(f, ret, IOASID_R_SIGNAL, iova, 0));
	}
	if (!area)
		area = ERR_PTR(ioasid_fail(f, -ENOENT, IOASID_R_NOT_MAPPED, iova, 0));
	else if (!area->no_vaddr || ioasid_area_start(area) != iova ||
		 ioasid_area_bytes(area) != length)
		area = ERR_PTR(ioasid_fail(f, -EINVAL, IOASID_R_VADDR, ioasid_area_start(area),
					   ioasid_area_last(area)));
	else
		area->num_accesses++;
	mutex_unlock(&space->areas_lock);
	return area;
}

static int vaddr_check_range(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length,
			     struct ioasid_fail *f)
{
	u64 pgsize, last;

	if (!length)
		return ioasid_fail(f, -EINVAL, IOASID_R_ALIGN, length, 0);
	if (check_add_overflow(iova, length - 1, &last) ||
	    check_add_overflow(vaddr, length - 1, &last))
		return ioasid_fail(f, -COMPAT_TYPE1_EOVERFLOW, IOASID_R_WRAP, iova, length);
	if (!current->mm)
		return ioasid_fail(f, -ENODEV, IOASID_R_NO_MM, 0, 0);
	mutex_lock(&space->areas_lock);
	pgsize = ioasid_space_pgsize(space);
	mutex_unlock(&space->areas_lock);
	if ((iova | vaddr | length) & (pgsize - 1))
		return ioasid_fail(f, -EINVAL, IOASID_R_ALIGN, length, pgsize);
	return 0;
}

/*
 * ioasid_change_vaddr() - VFIO_IOMMU_MAP_DMA with VFIO_DMA_MAP_FLAG_VADDR
 *
 * The pages stay pinned: the caller promises that the new address shows the same memory.
 * If the caller is another process, the charge moves to it; with the last invalid address
 * the address space moves as well (space/heir.c).
 *
 * Return: 0; -ENOENT (nothing mapped there), -EINVAL (not invalidated, or not
 * exactly that mapping), -ENOMEM (the new owner's RLIMIT_MEMLOCK), -EINTR.
 */
int ioasid_change_vaddr(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length)
{
	struct ioasid_owner_args args = { .iova = iova, .length = length, .vaddr = vaddr };
	struct ioasid_owner *heir = NULL;
	struct ioasid_fail f = {};
	struct ioasid_area *area;
	int ret;

	ioasid_who_current(&args.who, space->entry.id);
	args.from = args.who;
	ret = vaddr_check_range(space, iova, vaddr, length, &f);
	if (ret)
		goto out;
	heir = ioasid_owner_new(space->entry.id, GFP_KERNEL_ACCOUNT);
	if (!heir) {
		ret = ioasid_fail(&f, -ENOMEM, IOASID_R_NOMEM, 0, 0);
		goto out;
	}
	/* The new owner may be another one than mapped here so far. */
	WRITE_ONCE(space->sharers, true);
	area = vaddr_get_area(space, iova, length, &f);
	if (IS_ERR(area)) {
		ret = PTR_ERR(area);
		goto out;
	}
	ret = ioasid_pages_change_owner(ioasid_area_pages(area), &args, &f);

	mutex_lock(&space->areas_lock);
	if (!ret) {
		ioasid_area_pages(area)->vaddr = vaddr -
						 (ioasid_area_first_page(area) << PAGE_SHIFT);
		area->no_vaddr = false;
		space->no_vaddr--;
		ioasid_space_bequeath(space, heir);
		heir = NULL;
	}
	ioasid_area_unuse(space, area);
	if (!ret)
		ioasid_watch_range(space, iova, iova);
out:
	ioasid_owner_free(heir);
	trace_ioasid_owner(&args, ret);
	if (ret)
		ioasid_space_report(space, IOASID_ERROR_VADDR, ret, &f);
	return ret;
}
