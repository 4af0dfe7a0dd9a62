// SPDX-License-Identifier: GPL-2.0-only
/*
 * What policies and trace events get of a pin: of its batches, and of all its pages in the
 * end. Not called while none of them listens.
 *
 * What can run at the same time: nothing that looks at these pages: they are being pinned.
 */
#include <linux/mm.h>
#include <linux/sizes.h>

#include "lib/clock.h"
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

/**
 * ioasid_batch_begin() - a batch begins
 * @w: of the pin; @w->begun is false before the first one
 * @pages: what is pinned
 * @call: the pin
 * @done: pages that are pinned and charged
 * @want: how many this one is to have
 *
 * Return: how many it has: a policy may choose another number, also one that is too large.
 */
unsigned long ioasid_batch_begin(struct ioasid_pin_watch *w, struct ioasid_pages *pages,
				 struct ioasid_pin_call *call, unsigned long done,
				 unsigned long want)
{
	if (!w->begun) {
		/* One by one: as a whole it would be a string instruction. */
		w->b.last_pages = 0;
		w->b.last_ns = 0;
		w->b.last_runs = 0;
		w->b.last_faults = 0;
		w->b.__pad = 0;
		w->begun = true;
	}
	w->runs = pages->ext.nr;
	if (ioasid_policy_has(IOASID_OP_MAP_BATCH)) {
		w->b.pages_done = done;
		w->b.pages_left = pages->npages - done;
		w->b.contended = !!mmap_lock_is_contended(pages->holder->mm);
		want = ioasid_policy_map_batch(call->args, &w->b) ?: want;
	}
	w->clocked = call->timing || ioasid_policy_times(IOASID_OP_MAP_BATCH);
	w->t = ioasid_clock(w->clocked);
	return want;
}

/* ioasid_batch_end() - its @n pages are charged, or cannot be; @res may be NULL */
void ioasid_batch_end(struct ioasid_pin_watch *w, struct ioasid_pages *pages,
		      struct ioasid_map_result *res, unsigned long n)
{
	u64 now = ioasid_clock(w->clocked);

	w->b.last_ns = now - w->t;
	w->b.last_pages = n;
	w->b.last_runs = pages->ext.nr - w->runs;
	w->b.last_faults = w->faults;
	if (!res)
		return;
	res->ns_pin += w->pinned - w->t;
	res->ns_account += now - w->pinned;
	if (w->faults)
		res->ns_fault += w->pinned - w->t;
}
