// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sparse maps: tell the caller which pages of a range are missing.
 *
 * What can run at the same time: as for the pin of any map (map.c). The range is reserved and
 * the pages are pinned, and no device reaches them yet. No lock is held, because the list is
 * written to the caller's memory, which may wait for user space. So a list that cannot be
 * written fails the call while all of it can be undone.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "ops.h"

/*
 * ioasid_map_check_sparse() - is the range of a sparse map one that a process can have?
 *
 * What lies behind the end of all that a process can have is no hole, but an error: the pinner
 * would refuse a batch with both as a whole.
 */
int ioasid_map_check_sparse(struct ioasid_map_call *c)
{
	u64 start = untagged_addr(c->args.vaddr);

	if (start < TASK_SIZE_MAX && c->args.length <= TASK_SIZE_MAX - start)
		return 0;
	return ioasid_map_fail(c, -EFAULT, IOASID_R_PIN, c->args.vaddr, 0);
}

/* Count the holes. */
static void holes_count(struct ioasid_map_call *c)
{
	struct ioasid_pages *pages = ioasid_area_pages(c->area);
	unsigned long first, n, missing = 0, nr = 0;
	struct ioasid_hole_walk w;

	ioasid_holes_begin(&w, pages);
	while (ioasid_holes_next(&w, &first, &n)) {
		missing += n;
		nr++;
	}
	c->holes->nr = min_t(unsigned long, nr, U32_MAX);
	c->holes->mapped = PFN_PHYS(pages->npages - missing);
}

/* Write them to the caller; there is room. */
static int holes_write(struct ioasid_map_call *c)
{
	struct ioasid_iova_range __user *to = c->holes->to;
	struct ioasid_iova_range range;
	struct ioasid_hole_walk w;
	unsigned long first, n;

	ioasid_holes_begin(&w, ioasid_area_pages(c->area));
	while (ioasid_holes_next(&w, &first, &n)) {
		range.start = c->args.iova + PFN_PHYS(first);
		range.last = range.start + PFN_PHYS(n) - 1;
		if (copy_to_user(to++, &range, sizeof(range)))
			return ioasid_map_fail(c, -EFAULT, IOASID_R_COPY, range.start, range.last);
	}
	return 0;
}

/**
 * ioasid_map_holes() - report the holes of a sparse map
 * @c: its pages are pinned; @c->holes says where to. No lock is held
 *
 * A mapping without holes is like any other from here on.
 *
 * Return: 0; -EFAULT: there are only holes, or they cannot be written; -EMSGSIZE: there are
 * more than fit. After an error the caller undoes the mapping.
 */
int ioasid_map_holes(struct ioasid_map_call *c)
{
	struct ioasid_map_holes *h = c->holes;

	ioasid_assert_may_wait(c->space);
	holes_count(c);
	if (!h->mapped)
		return ioasid_map_fail(c, -EFAULT, IOASID_R_PIN, c->args.vaddr, 0);
	if (!h->nr) {
		/* An attach looks at it, see attach_leaves_out(). */
		mutex_lock(&c->space->areas_lock);
		ioasid_area_pages(c->area)->sparse = false;
		mutex_unlock(&c->space->areas_lock);
	}
	if (!h->to)
		return 0;
	if (h->nr > h->room)
		return ioasid_map_fail(c, -EMSGSIZE, IOASID_R_HOLES, h->nr, h->room);
	return holes_write(c);
}
