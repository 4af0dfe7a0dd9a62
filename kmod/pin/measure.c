// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the result of a map says of its pages, for the trace event and policies.
 *
 * What can run at the same time: nothing that looks at these pages: they were just pinned.
 */
#include <linux/mm.h>
#include <linux/sizes.h>

#include "internal.h"

/* Bytes of an extent that whole entries of @size in a page table can hold. */
static u64 extent_aligned(u64 iova, u64 phys, u64 bytes, u64 size)
{
	u64 first = ALIGN(iova, size), end = ALIGN_DOWN(iova + bytes, size);

	return (iova ^ phys) & (size - 1) || end <= first ? 0 : end - first;
}

static void extent_measure(const struct ioasid_extent *extent, u64 iova,
			   struct ioasid_map_result *res)
{
	u64 phys = PFN_PHYS(extent->pfn), bytes = (u64)extent->npages << PAGE_SHIFT;
	int node;

	res->run_max = max_t(u64, res->run_max, extent->npages);
	res->bytes_2m += extent_aligned(iova, phys, bytes, SZ_2M);
	res->bytes_1g += extent_aligned(iova, phys, bytes, SZ_1G);
	if (!ioasid_extent_has_pages(extent))
		return;
	node = page_to_nid(pfn_to_page(extent->pfn));
	res->node_pages[min(node, IOASID_NODES - 1)] += extent->npages;
}

/* Measure fragmentation, and count pages by node. */
static void pages_measure(const struct ioasid_pages *pages, u64 iova, struct ioasid_map_result *res)
{
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;

	ioasid_for_each_extent(&it, &pages->ext, &extent) {
		if (extent.kind != IOASID_EXTENT_HOLE)
			extent_measure(&extent, iova, res);
		iova += (u64)extent.npages << PAGE_SHIFT;
	}
}

/* ioasid_pages_measure() - fill in the result of a pin that went well */
void ioasid_pages_measure(const struct ioasid_pages *pages, const struct ioasid_pin_call *call)
{
	call->res->pages = ioasid_pages_present(pages, 0, pages->npages);
	call->res->charged = pages->charged;
	call->res->runs = ioasid_pages_runs(pages);
	if (call->timing)
		pages_measure(pages, call->args->iova, call->res);
}
