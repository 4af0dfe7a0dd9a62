// SPDX-License-Identifier: GPL-2.0-only
/*
 * The unwinding of a mapping whose range is reserved, after a step of its making failed.
 *
 * Page tables first, which the failed step has cleared before it returned (domain/map.c), then
 * pins and charge, then the range. If a page table cannot be cleared, the mapping is kept.
 *
 * What can run at the same time: as for each step of a map, see map.c. The area is BUILDING, so
 * only the mapping task touches it; a teardown sets area->stop under areas_lock, and
 * does not wait.
 */
#include "ops.h"

/* Free the range. */
static void map_unreserve(struct ioasid_map_call *c)
{
	struct ioasid_space *space = c->space;

	mutex_lock(&space->areas_lock);
	ioasid_area_remove(space, c->area);
	ioasid_space_changed(space);
	mutex_unlock(&space->areas_lock);
}

/*
 * A domain kept entries of the area: keep it as a LIVE mapping, as an unmap does. False
 * when the space was torn down meanwhile: then no call could unmap it, and the pages are
 * leaked.
 */
static noinline bool map_keep(struct ioasid_map_call *c)
{
	struct ioasid_space *space = c->space;
	struct ioasid_area *area = c->area;
	bool keep;

	mutex_lock(&space->areas_lock);
	keep = ioasid_area_stuck(space, area) && !area->stop;
	if (keep) {
		/* Without its bits it is never reported. */
		if (!ioasid_area_dirty(area))
			ioasid_dirty_area_init(space, area);
		space->maps++;
		space->bytes += ioasid_area_bytes(area);
		ioasid_share_settle_in(space, ioasid_area_pages(area));
		ioasid_area_keep(space, area);
	}
	mutex_unlock(&space->areas_lock);
	return keep;
}

/*
 * ioasid_map_undo() - undo a reserved mapping, because of @err
 *
 * If a page table kept entries of it, it becomes a LIVE mapping, and the errno -EIO.
 * Otherwise the range stays reserved until the last page is unpinned.
 * Return: the errno of the call.
 */
noinline int ioasid_map_undo(struct ioasid_map_call *c, int err)
{
	struct ioasid_area *area = c->area;
	bool kept;

	if (unlikely(area->stuck)) {
		kept = map_keep(c);
		if (kept || area->stuck)
			err = ioasid_map_fail(c, -EIO, IOASID_R_IOMMU_SHORT,
					      ioasid_area_start(area), ioasid_area_last(area));
		if (kept)
			return err;
	}
	ioasid_pages_put_area(ioasid_area_pages(area), area->stuck, NULL);
	map_unreserve(c);
	ioasid_area_free(area);
	return err;
}
