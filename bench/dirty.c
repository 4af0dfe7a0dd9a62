// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking: how long it takes to read which pages of a slice devices may
 * have written, and to unmap it with the same question. Where the IOMMU does not
 * tell, all of them are, which is the longest answer.
 */
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "member.h"
#include "util.h"

/* An answer is for all of a piece, or something was not measured. */
static bool all_dirty(const uint64_t *bits, uint64_t len)
{
	uint64_t pages = len / PAGE_4K, i;

	for (i = 0; i < pages / 64; i++)
		if (bits[i] != UINT64_MAX)
			return false;
	return !(pages % 64) || bits[i] == (1ULL << pages % 64) - 1;
}

static int ask(struct member *t, uint64_t *bits, uint64_t at, uint64_t len, bool unmap)
{
	const struct backend_ops *ops = t->backend->ops;
	uint64_t before, ns;
	int err;

	memset(bits, 0, backend_bitmap(len));
	before = now_ns();
	/* A mark is a constant in the code, which not every compiler makes of "a ? b : c". */
	if (unmap)
		mark(MARK_UNMAP);
	else
		mark(MARK_MAP);
	err = unmap ? ops->unmap_dirty(t->backend, t->iova + at, len, bits) :
		      ops->dirty_get(t->backend, t->iova + at, len, bits);
	mark(MARK_OTHER);
	ns = now_ns() - before;
	if (!err && !all_dirty(bits, len))
		return fail("%s says that pages are clean at IOVA %#llx: nothing else knows that",
			    t->backend->answered, (unsigned long long)(t->iova + at));
	if (err)
		return fail("%s does not report dirty pages at IOVA %#llx: %s", t->backend->answered,
			    (unsigned long long)(t->iova + at), strerror(-err));
	if (unmap) {
		hist_add(t->unmap_call, ns);
		t->unmap_ns += ns;
		t->unmap_calls++;
		t->unmap_bytes += len;
	} else {
		hist_add(t->map_call, ns);
		t->map_ns += ns;
		t->map_calls++;
		t->map_bytes += len;
	}
	return 0;
}

static int each_piece(struct member *t, uint64_t *bits, bool unmap)
{
	uint64_t at, calls = DIV_ROUND_UP(t->len, t->work->call);

	for (at = 0; at < t->len; at += t->work->call) {
		if (ask(t, bits, at, MIN(t->len - at, t->work->call), unmap))
			return -1;
		member_step(t, at / t->work->call, calls);
	}
	return 0;
}

void dirty_run(struct member *t)
{
	uint64_t *bits = malloc(backend_bitmap(t->work->call));
	int err = 0;

	if (!bits)
		err = fail("out of memory");
	if (!err)
		err = member_map(t);
	if (!err && t->index == 0) {
		err = t->backend->ops->dirty_start(t->backend);
		if (err)
			fail("%s does not track dirty pages: %s", t->backend->answered,
			     strerror(-err));
	}
	t->failed = err;
	member_wait(t);
	if (!t->failed)
		t->failed = each_piece(t, bits, false);
	/* Others may still read. */
	member_wait(t);
	if (!t->failed)
		t->failed = each_piece(t, bits, true);
	free(bits);
}
