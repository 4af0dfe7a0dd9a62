// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: a mapping gets a new virtual address, and perhaps a new owner,
 * while DMA through it goes on. UNMAP with VADDR (unmap.c) made the old
 * address invalid; MAP with VADDR comes here.
 *
 * Who else can run: anything. The area is held through area->users while the
 * charge moves, so that unmap and teardown wait for that short time, and other
 * updates of it find it in use. pin, read, write and attach fail with -EBUSY
 * from invalidation until here.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include <trace/events/ioasid.h>

#include "pages.h"
#include "space.h"
#include "who.h"

/* Charge the new owner as a whole, then give the old one his back. */
static int change_owner(struct ioasid_pages *pages, struct ioasid_owner_args *args,
			struct ioasid_fail *f)
{
	struct ioasid_pages old = *pages;
	u64 limit = 0;
	int ret;

	if (pages->mm == current->mm)
		return 0;

	args->from = old.who;
	args->charged = old.charged;
	ret = ioasid_policy_owner_change(args);
	if (ret)
		return ioasid_fail(f, ret, IOASID_R_POLICY, pages->charged, 0);
	pages->mm = current->mm;
	pages->task = current->group_leader;
	pages->lock_cap = IOASID_CAP_UNKNOWN;
	pages->mark = (struct ioasid_policy_mark){};
	pages->who = args->who;
	ioasid_pages_ask_cap(pages);
	ret = pages->charged ? ioasid_charge(pages, pages->charged, &limit) : 0;
	if (ret) {
		pages->mm = old.mm;
		pages->task = old.task;
		pages->lock_cap = old.lock_cap;
		pages->mark = old.mark;
		pages->who = old.who;
		return ioasid_fail(f, ret, limit ? IOASID_R_MEMLOCK : IOASID_R_POLICY,
				   pages->charged, limit);
	}
	mmgrab(pages->mm);
	get_task_struct(pages->task);
	ioasid_uncharge(&old, old.charged);
	mmdrop(old.mm);
	put_task_struct(old.task);
	return 0;
}

/* The area, with a user of ours, or why not. */
static struct ioasid_area *area_hold(struct ioasid_space *space, u64 iova, u64 length,
				     struct ioasid_fail *f)
{
	struct ioasid_area *area;
	u64 seen;

	for (;;) {
		mutex_lock(&space->areas_lock);
		area = space->dead ? NULL : ioasid_area_first(space, iova, iova + length - 1);
		if (!area || (area->state == IOASID_AREA_LIVE && !area->users))
			break;
		seen = space->changes;
		mutex_unlock(&space->areas_lock);
		if (ioasid_space_wait_change(space, seen))
			return ERR_PTR(ioasid_fail(f, -EINTR, IOASID_R_SIGNAL, iova, 0));
	}
	if (!area)
		area = ERR_PTR(ioasid_fail(f, -ENOENT, IOASID_R_NOT_MAPPED, iova, 0));
	else if (!area->no_vaddr || ioasid_area_start(area) != iova ||
		 ioasid_area_bytes(area) != length)
		area = ERR_PTR(ioasid_fail(f, -EINVAL, IOASID_R_VADDR, ioasid_area_start(area),
					   ioasid_area_last(area)));
	else
		area->users++;
	mutex_unlock(&space->areas_lock);
	return area;
}

static int check_range(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length,
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
 * The pages stay pinned: the new memory must be the same memory, which is the
 * caller's promise. If he is another process, the charge moves to him.
 *
 * Return: 0; -ENOENT (nothing mapped there), -EINVAL (not invalidated, or not
 * exactly that mapping), -ENOMEM (the new owner's RLIMIT_MEMLOCK), -EINTR.
 */
int ioasid_change_vaddr(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length)
{
	struct ioasid_owner_args args = { .iova = iova, .length = length, .vaddr = vaddr };
	struct ioasid_fail f = {};
	struct ioasid_area *area;
	int ret;

	ioasid_who_current(&args.who, space->id);
	args.from = args.who;
	ret = check_range(space, iova, vaddr, length, &f);
	if (ret)
		goto out;
	area = area_hold(space, iova, length, &f);
	if (IS_ERR(area)) {
		ret = PTR_ERR(area);
		goto out;
	}
	ret = change_owner(area->pages, &args, &f);

	mutex_lock(&space->areas_lock);
	if (!ret) {
		area->pages->vaddr = vaddr;
		area->no_vaddr = false;
		space->no_vaddr--;
	}
	if (!--area->users)
		ioasid_space_changed(space);
	mutex_unlock(&space->areas_lock);
out:
	trace_ioasid_owner(&args, ret);
	if (ret)
		ioasid_space_report(space, "vaddr", ret, &f);
	return ret;
}
