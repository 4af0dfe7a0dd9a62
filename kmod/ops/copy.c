// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sharing: a second mapping of pages that are mapped already.
 *
 * What can run at the same time: an unmap of the source. The copy counts itself in
 * nr_areas of the pages, under areas_lock and while the source is LIVE; so an unmap
 * that comes later leaves the pages pinned. The two spaces are never locked at the
 * same time.
 */
#include <linux/mm.h>

#include "ops.h"

static int share_fail(struct ioasid_space *src, int err, enum ioasid_reason reason, u64 a, u64 b)
{
	struct ioasid_fail f = { .reason = reason, .a = a, .b = b };

	ioasid_space_report(src, IOASID_ERROR_COPY, err, &f);
	return err;
}

/*
 * Return: 0, -EAGAIN when the source is in flight, or another errno. A source that was
 * reserved after @since and is in flight counts as not mapped.
 */
static int share_check(struct ioasid_space *src, struct ioasid_area *area, u64 iova, u64 last,
		       u64 since, const struct ioasid_map_call *c, enum ioasid_reason *reason)
{
	lockdep_assert_held(&src->areas_lock);
	*reason = src->dead ? IOASID_R_DEAD : IOASID_R_NOT_MAPPED;
	if (src->dead || !area)
		return -ENOENT;
	if (ioasid_area_in_flight(area, false))
		return ioasid_area_serial(area) > since ? -ENOENT : -EAGAIN;
	if (ioasid_area_start(area) > iova)
		return -ENOENT;
	*reason = IOASID_R_BISECT;
	if (ioasid_area_last(area) < last)
		return -EINVAL;
	*reason = IOASID_R_VADDR;
	if (area->no_vaddr)
		return -EBUSY;
	*reason = IOASID_R_PROT;
	if (c->args.flags & IOASID_MAP_WRITE && !(area->prot & IOMMU_WRITE))
		return -EPERM;
	return 0;
}

static void share_take(struct ioasid_area *area, u64 iova, struct ioasid_map_call *c)
{
	struct ioasid_pages *pages = ioasid_area_pages(area);

	atomic_inc(&pages->nr_areas);
	refcount_inc(&pages->refs);
	c->source = pages;
	c->first = ioasid_area_first_page(area) + ((iova - ioasid_area_start(area)) >> PAGE_SHIFT);
	c->args.vaddr = pages->vaddr + (c->first << PAGE_SHIFT);
	if (pages->of_file)
		c->args.flags |= IOASID_MAP_OF_FILE;
}

/**
 * ioasid_share() - take the pages of a mapping in @src, for a second mapping
 * @src: a space of a /dev/ioasid, whose pages stay pinned while they are mapped
 * @iova: first address
 * @length: bytes, within one mapping
 * @c: its @source is set, with one count of nr_areas and a reference; flags are set
 *
 * Return: 0; -ENOENT (nothing mapped there), -EINVAL (alignment, more than one
 * mapping), -EOVERFLOW, -EPERM (not mapped for writing), -EBUSY (live update),
 * -EINTR, -ECANCELED.
 */
int ioasid_share(struct ioasid_space *src, u64 iova, u64 length, struct ioasid_map_call *c)
{
	struct ioasid_area_wait w = {};
	enum ioasid_reason reason;
	struct ioasid_area *area;
	u64 last, since = 0;
	int ret;

	if (!length || (iova | length) & ~PAGE_MASK)
		return share_fail(src, -EINVAL, IOASID_R_ALIGN, length, PAGE_SIZE);
	if (check_add_overflow(iova, length - 1, &last))
		return share_fail(src, -EOVERFLOW, IOASID_R_WRAP, iova, length);

	for (;;) {
		mutex_lock(&src->areas_lock);
		since = since ?: src->serial;
		area = ioasid_area_first(src, iova, last);
		ret = share_check(src, area, iova, last, since, c, &reason);
		if (!ret)
			share_take(area, iova, c);
		else if (ret == -EAGAIN)
			ioasid_area_wait_begin(src, area, &w);
		mutex_unlock(&src->areas_lock);
		if (ret != -EAGAIN)
			return ret ? share_fail(src, ret, reason, iova, last) : 0;
		ret = ioasid_area_wait(src, &w);
		if (ret)
			return share_fail(src, ret, IOASID_R_SIGNAL, iova, 0);
	}
}
