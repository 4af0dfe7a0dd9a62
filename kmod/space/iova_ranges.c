// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVA ranges: where mapping is possible, that is the intersection of the apertures of
 * all domains, without the reserved regions of all groups; and the page sizes that
 * every domain has.
 *
 * They are computed at each attach and detach. What can run at the same time: maps,
 * which read the ranges under areas_lock, under which the caller swaps them. Domains
 * and groups do not change: the caller holds domains_rwsem for write.
 */
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "space.h"

static int ranges_add(struct ioasid_ranges *ws, u64 start, u64 last)
{
	struct ioasid_iova_range *w;

	w = krealloc_array(ws->range, ws->nr + 1, sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return -ENOMEM;
	ws->range = w;
	ws->range[ws->nr].start = start;
	ws->range[ws->nr].last = last;
	ws->nr++;
	return 0;
}

/* ioasid_ranges_free() - @ws is empty afterwards, and can be filled again */
void ioasid_ranges_free(struct ioasid_ranges *ws)
{
	kfree(ws->range);
	ws->range = NULL;
	ws->nr = 0;
}

/**
 * ioasid_ranges_contain_area() - may a mapping lie there: all of it, but for its holes
 * @ws: ranges
 * @area: if it is sparse its pages are pinned, and stay so
 */
bool ioasid_ranges_contain_area(const struct ioasid_ranges *ws, const struct ioasid_area *area)
{
	u64 start = ioasid_area_start(area), from = start, last = ioasid_area_last(area), at;
	unsigned long first, n, skip = ioasid_area_first_page(area);
	struct ioasid_hole_walk w;

	if (likely(ioasid_ranges_contain(ws, start, last)))
		return true;
	if (!ioasid_area_pages(area)->sparse)
		return false;
	ioasid_holes_begin(&w, ioasid_area_pages(area));
	while (from - 1 != last && ioasid_holes_next(&w, &first, &n)) {
		if (first + n <= skip)
			continue;
		at = start + PFN_PHYS(max(first, skip) - skip);
		if (at > last)
			break;
		if (at > from && !ioasid_ranges_contain(ws, from, at - 1))
			return false;
		from = min(start + PFN_PHYS(first + n - skip) - 1, last) + 1;
	}
	return from - 1 == last || ioasid_ranges_contain(ws, from, last);
}

/* ioasid_ranges_everything() - one range, of all addresses; 0 or -ENOMEM */
int ioasid_ranges_everything(struct ioasid_ranges *ws)
{
	return ranges_add(ws, 0, U64_MAX);
}

/* Replace @ws by what of it lies outside [start, last]. */
static int ranges_cut(struct ioasid_ranges *ws, u64 start, u64 last)
{
	struct ioasid_ranges out = {};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ws->nr && !ret; i++) {
		struct ioasid_iova_range *w = &ws->range[i];

		if (last < w->start || start > w->last) {
			ret = ranges_add(&out, w->start, w->last);
			continue;
		}
		if (start > w->start)
			ret = ranges_add(&out, w->start, start - 1);
		if (!ret && last < w->last)
			ret = ranges_add(&out, last + 1, w->last);
	}
	if (ret) {
		ioasid_ranges_free(&out);
		return ret;
	}
	ioasid_ranges_free(ws);
	*ws = out;
	return 0;
}

/* ioasid_ranges_nearest() - the range that is closest to @start; @ws is not empty */
struct ioasid_iova_range ioasid_ranges_nearest(const struct ioasid_ranges *ws, u64 start)
{
	unsigned int i = ws->nr - 1;

	while (i && ws->range[i].start > start)
		i--;
	return ws->range[i];
}

/**
 * ioasid_ranges_resv() - reserved regions of a group
 * @group: group
 * @out: filled in, to be freed by the caller
 * @sw_msi: base of the software MSI region if MSIs need a mapping, else 0
 *
 * A real MSI region wins over the software one. RELAXABLE regions may be mapped.
 *
 * Return: 0 or -ENOMEM, or the errno of the IOMMU driver.
 */
int ioasid_ranges_resv(struct iommu_group *group, struct ioasid_ranges *out,
		       phys_addr_t *sw_msi)
{
	struct iommu_resv_region *r, *tmp;
	bool hw_msi = false;
	LIST_HEAD(regions);
	int ret;

	*sw_msi = 0;
	ret = iommu_get_group_resv_regions(group, &regions);
	list_for_each_entry_safe(r, tmp, &regions, list) {
		if (!ret && r->type != IOMMU_RESV_DIRECT_RELAXABLE && r->length)
			ret = ranges_add(out, r->start, r->start + r->length - 1);
		if (r->type == IOMMU_RESV_SW_MSI)
			*sw_msi = r->start;
		if (r->type == IOMMU_RESV_MSI)
			hw_msi = true;
		list_del(&r->list);
		kfree(r);
	}
	if (hw_msi)
		*sw_msi = 0;
	if (ret)
		ioasid_ranges_free(out);
	return ret;
}

/**
 * ioasid_ranges_compute() - IOVA ranges with the present domains and groups
 * @space: domains_rwsem is held for write
 * @out: filled in; empty when there is no domain
 *
 * Return: 0, -EINVAL when nothing is left, -ENOMEM.
 */
int ioasid_ranges_compute(struct ioasid_space *space, struct ioasid_ranges *out)
{
	struct ioasid_domain *d;
	struct ioasid_group *g;
	u64 start = 0, last = U64_MAX;
	unsigned int i;
	int ret;

	lockdep_assert_held_write(&space->domains_rwsem);
	*out = (struct ioasid_ranges){};
	if (list_empty(&space->domains))
		return 0;

	list_for_each_entry(d, &space->domains, link) {
		struct iommu_domain_geometry *geo = &d->domain->geometry;

		start = max(start, (u64)geo->aperture_start);
		last = min(last, (u64)geo->aperture_end);
	}
	if (start > last)
		return -EINVAL;

	ret = ranges_add(out, start, last);
	list_for_each_entry(g, &space->groups, link)
		for (i = 0; i < g->resv.nr && !ret; i++)
			ret = ranges_cut(out, g->resv.range[i].start, g->resv.range[i].last);
	if (!ret && !out->nr)
		ret = -EINVAL;
	if (ret)
		ioasid_ranges_free(out);
	return ret;
}

/*
 * ioasid_space_update_pgsizes() - page sizes that all domains have
 *
 * Sizes below PAGE_SIZE are of no use for pinned pages and become PAGE_SIZE.
 * Both locks are held, or the space is not published yet.
 */
void ioasid_space_update_pgsizes(struct ioasid_space *space)
{
	struct ioasid_domain *d;
	u64 sizes = U64_MAX;

	lockdep_assert(!space->entry.id || (lockdep_is_held_type(&space->domains_rwsem, 0) &&
				      lockdep_is_held(&space->areas_lock)));
	list_for_each_entry(d, &space->domains, link)
		sizes &= d->domain->pgsize_bitmap;
	if (sizes & ~PAGE_MASK) {
		sizes &= PAGE_MASK;
		sizes |= PAGE_SIZE;
	}
	space->pgsizes = sizes;
}
