// SPDX-License-Identifier: GPL-2.0-only
/* Mapping a slice in calls of one size, and unmapping it again. */
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "util.h"
#include "workload.h"

/* In which order the calls go; NULL for ascending. */
static int make_order(const struct member *t, uint64_t calls, uint32_t **order)
{
	uint64_t seed = 0x57021e + t->index, i, j;
	uint32_t swap;

	*order = NULL;
	if (!t->work->random)
		return 0;
	*order = malloc(calls * sizeof(**order));
	if (!*order)
		return fail("out of memory");
	for (i = 0; i < calls; i++)
		(*order)[i] = (uint32_t)i;
	for (i = calls - 1; i > 0; i--) {
		j = next_random(&seed) % (i + 1);
		swap = (*order)[i];
		(*order)[i] = (*order)[j];
		(*order)[j] = swap;
	}
	return 0;
}

void fill_map(struct member *t)
{
	uint64_t calls = DIV_ROUND_UP(t->len, t->work->call), i, at, len, before, after;
	uint32_t *order;
	int err = 0;

	if (make_order(t, calls, &order)) {
		t->failed = true;
		return;
	}
	mark(MARK_MAP);
	before = now_ns();
	t->map_from = before;
	for (i = 0; i < calls; i++) {
		at = (order ? order[i] : i) * t->work->call;
		len = MIN(t->len - at, t->work->call);
		err = t->backend->ops->map(t->backend, t->va + at, t->iova + at, len);
		if (err)
			break;
		after = now_ns();
		hist_add(t->map_call, after - before);
		before = after;
		t->map_bytes += len;
		member_step(t, i, calls);
	}
	t->map_to = now_ns();
	mark(MARK_OTHER);
	t->map_calls = i;
	free(order);
	if (err) {
		backend_map_failed(t->backend, err, t->iova + at, len);
		t->failed = true;
	}
}

static int unmap_one(struct member *t, uint64_t iova, uint64_t len)
{
	uint64_t before = now_ns(), got = 0;
	int err;

	if (t->work->unmap == UNMAP_ALL)
		err = t->backend->ops->unmap_all(t->backend, &got);
	else
		err = t->backend->ops->unmap(t->backend, iova, len, &got);
	hist_add(t->unmap_call, now_ns() - before);
	t->unmap_calls++;
	t->unmap_bytes += got;
	if (!err && got == len)
		return 0;
	t->failed = true;
	return fail("%s unmapped %#llx of %#llx bytes at IOVA %#llx: %s",
		    t->backend->answered, (unsigned long long)got, (unsigned long long)len,
		    (unsigned long long)iova, err ? strerror(-err) : "no error given");
}

static void unmap_each(struct member *t)
{
	uint64_t calls = DIV_ROUND_UP(t->len, t->work->call), i, at;
	uint32_t *order;

	if (make_order(t, calls, &order)) {
		t->failed = true;
		return;
	}
	mark(MARK_UNMAP);
	t->unmap_from = now_ns();
	for (i = 0; i < calls; i++) {
		at = (order ? order[i] : i) * t->work->call;
		if (unmap_one(t, t->iova + at, MIN(t->len - at, t->work->call)))
			break;
		member_step(t, i, calls);
	}
	t->unmap_to = now_ns();
	mark(MARK_OTHER);
	free(order);
}

void fill_unmap(struct member *t)
{
	if (t->work->unmap == UNMAP_EACH) {
		unmap_each(t);
		return;
	}
	mark(MARK_UNMAP);
	t->unmap_from = now_ns();
	/* ALL takes every slice away at once. */
	if (t->work->unmap == UNMAP_RANGE)
		unmap_one(t, t->iova, t->len);
	else if (t->index == 0)
		unmap_one(t, t->iova, t->len * t->work->threads);
	t->unmap_to = now_ns();
	mark(MARK_OTHER);
}
