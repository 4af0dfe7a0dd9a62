// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which mapped pages are no longer what the process has there: all mappings of an
 * address space, batch by batch (pin/stale.c compares).
 *
 * What can run at the same time: anything. areas_lock is held to copy the frames of a
 * batch, and once more to see that its mapping is still the same one: what was unmapped
 * in between is not stale. Mappings that come later may be left out.
 */
#include <linux/slab.h>

#include "lib/signal.h"
#include "ops.h"

/* Is there a page of @area at or after *@iova that can be compared? Then it is at *@iova. */
static bool stale_begins(const struct ioasid_area *area, u64 *iova)
{
	u64 at = max(*iova, ioasid_area_start(area)), n;
	bool hole;

	/* Without a valid address there is nothing to compare with. */
	if (area->state != IOASID_AREA_LIVE || !ioasid_area_pages(area)->pinned || area->no_vaddr)
		return false;
	for (;;) {
		n = ioasid_pages_until(ioasid_area_pages(area),
				       ioasid_area_first_page(area) +
				       PHYS_PFN(at - ioasid_area_start(area)), &hole);
		if (!hole)
			break;
		if (n > PHYS_PFN(ioasid_area_last(area) - at))
			return false;
		at += PFN_PHYS(n);
	}
	*iova = at;
	return true;
}

/* The next batch from @iova on; false when nothing is mapped there. */
static bool stale_next(struct ioasid_space *space, u64 iova, struct ioasid_stale_batch *b)
{
	struct ioasid_area *area;
	unsigned long first;

	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, iova, U64_MAX);
	while (area && !stale_begins(area, &iova))
		area = ioasid_area_next(space, area, iova, U64_MAX);
	if (area) {
		b->iova = iova;
		b->serial = ioasid_area_serial(area);
		first = PHYS_PFN(b->iova - ioasid_area_start(area));
		b->nr = min(ioasid_area_npages(area) - first, (unsigned long)IOASID_STALE_PAGES);
		ioasid_stale_copy(b, ioasid_area_pages(area), ioasid_area_first_page(area) + first);
	}
	mutex_unlock(&space->areas_lock);
	return area;
}

/* Is it still the mapping that was copied, with all pages of the batch? */
static bool stale_counts(struct ioasid_space *space, const struct ioasid_stale_batch *b)
{
	struct ioasid_area *area;
	bool same;

	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, b->iova, b->iova);
	same = area && ioasid_area_serial(area) == b->serial && area->state == IOASID_AREA_LIVE &&
	       ioasid_area_pages(area)->pinned && !area->no_vaddr &&
	       PHYS_PFN(ioasid_area_last(area) - b->iova) >= b->nr - 1;
	mutex_unlock(&space->areas_lock);
	return same;
}

/* One report for neighbours of which the same became. */
static void stale_report(const struct ioasid_stale_batch *b,
			 void (*report)(void *data, const struct ioasid_stale *s), void *data)
{
	struct ioasid_stale s;
	unsigned long i, n;

	for (i = 0; i < b->nr; i += n) {
		for (n = 1; i + n < b->nr && b->how[i + n] == b->how[i]; n++)
			;
		s.iova = b->iova + PFN_PHYS(i);
		s.length = PFN_PHYS(n);
		s.vaddr = b->vaddr + PFN_PHYS(i);
		s.how = b->how[i];
		if (s.how != IOASID_STALE_NOT)
			report(data, &s);
	}
}

/**
 * ioasid_space_stale() - report the stale pages of an address space
 * @space: a reference on its memory is held, and no lock
 * @report: called for each stretch of at most IOASID_STALE_PAGES, by rising IOVA; may sleep
 * @data: for it
 *
 * Return: 0, -ENOMEM, -EINTR.
 */
int ioasid_space_stale(struct ioasid_space *space,
		       void (*report)(void *data, const struct ioasid_stale *s), void *data)
{
	struct ioasid_stale_batch *b;
	u64 iova = 0;
	int ret = 0;

	ioasid_assert_may_wait(space);
	b = kvmalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return -ENOMEM;
	while (!ret && stale_next(space, iova, b)) {
		ret = ioasid_stale_compare(b);
		if (!ret && stale_counts(space, b))
			stale_report(b, report, data);
		iova = b->iova + PFN_PHYS(b->nr);
		if (!iova)
			break;
		cond_resched();
		ret = ret ?: ioasid_interrupted();
	}
	kvfree(b);
	return ret;
}
