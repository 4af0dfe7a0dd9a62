// SPDX-License-Identifier: GPL-2.0-only
/* Mapping a slice in calls of one size, and unmapping it again. */
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "member.h"
#include "util.h"

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

/* The next calls of a batch, from call @i on. Return: how many. */
static unsigned int next_pieces(const struct member *t, const uint32_t *order, uint64_t calls,
				uint64_t i, struct piece *piece)
{
	unsigned int n = (unsigned int)MIN(t->work->batch, calls - i), k;
	uint64_t at;

	for (k = 0; k < n; k++) {
		at = (order ? order[i + k] : i + k) * t->work->call;
		piece[k].va = t->va + at;
		piece[k].iova = t->iova + at;
		piece[k].len = MIN(t->len - at, t->work->call);
	}
	return n;
}

/* All of them. On an error @piece is moved to the one that is to blame, as far as is known. */
static int map_pieces(struct backend *b, const struct piece **piece, unsigned int n)
{
	const struct piece *end = *piece + n;
	int err = 0;

	if (n > 1 && b->ops->map_many)
		return b->ops->map_many(b, *piece, n);
	for (; *piece < end && !err; (*piece)++)
		err = b->ops->map(b, (*piece)->va, (*piece)->iova, (*piece)->len);
	*piece -= err != 0;
	return err;
}

void fill_map(struct member *t)
{
	uint64_t calls = DIV_ROUND_UP(t->len, t->work->call), i, before, after;
	struct piece piece[BACKEND_MAX_PIECES];
	const struct piece *bad = piece;
	uint32_t *order;
	unsigned int n;
	int err = 0;

	if (make_order(t, calls, &order)) {
		t->failed = true;
		return;
	}
	mark(MARK_MAP);
	before = now_ns();
	t->map_from = before;
	for (i = 0; i < calls; i += n) {
		n = next_pieces(t, order, calls, i, piece);
		bad = piece;
		err = map_pieces(t->backend, &bad, n);
		if (err)
			break;
		after = now_ns();
		hist_add_many(t->map_call, (after - before) / n, n);
		before = after;
		member_step(t, i, calls);
	}
	t->map_to = now_ns();
	mark(MARK_OTHER);
	t->map_calls = i;
	t->map_bytes = MIN(i * t->work->call, t->len);
	free(order);
	if (err) {
		backend_map_failed(t->backend, err, bad->iova, bad->len);
		t->failed = true;
	}
}

static int unmap_failed(struct member *t, uint64_t iova, uint64_t len, uint64_t got, int err)
{
	t->failed = true;
	return fail("%s unmapped %#llx of %#llx bytes at IOVA %#llx: %s",
		    t->backend->answered, (unsigned long long)got, (unsigned long long)len,
		    (unsigned long long)iova, err ? strerror(-err) : "no error given");
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
	return !err && got == len ? 0 : unmap_failed(t, iova, len, got, err);
}

/* A batch by one call. */
static int unmap_many(struct member *t, const struct piece *piece, unsigned int n)
{
	uint64_t before = now_ns(), bytes = 0;
	unsigned int k;
	int err;

	err = t->backend->ops->unmap_many(t->backend, piece, n);
	hist_add_many(t->unmap_call, (now_ns() - before) / n, n);
	for (k = 0; k < n; k++)
		bytes += piece[k].len;
	if (err)
		return unmap_failed(t, piece[0].iova, bytes, 0, err);
	t->unmap_calls += n;
	t->unmap_bytes += bytes;
	return 0;
}

static int unmap_pieces(struct member *t, const struct piece *piece, unsigned int n)
{
	unsigned int k;

	if (n > 1 && t->backend->ops->unmap_many)
		return unmap_many(t, piece, n);
	for (k = 0; k < n; k++)
		if (unmap_one(t, piece[k].iova, piece[k].len))
			return -1;
	return 0;
}

static void unmap_each(struct member *t)
{
	uint64_t calls = DIV_ROUND_UP(t->len, t->work->call), i;
	struct piece piece[BACKEND_MAX_PIECES];
	uint32_t *order;
	unsigned int n;

	if (make_order(t, calls, &order)) {
		t->failed = true;
		return;
	}
	mark(MARK_UNMAP);
	t->unmap_from = now_ns();
	for (i = 0; i < calls; i += n) {
		n = next_pieces(t, order, calls, i, piece);
		if (unmap_pieces(t, piece, n))
			break;
		member_step(t, i, calls);
	}
	t->unmap_to = now_ns();
	mark(MARK_OTHER);
	free(order);
}

/* What was mapped ends with the descriptors that keep it. */
static void unmap_by_closing(struct member *t)
{
	if (t->index)
		return;
	mark(MARK_UNMAP);
	t->unmap_from = now_ns();
	backend_close(t->backend);
	t->unmap_to = now_ns();
	mark(MARK_OTHER);
	hist_add(t->unmap_call, t->unmap_to - t->unmap_from);
	t->unmap_calls = 1;
	t->unmap_bytes = t->len * t->work->threads;
}

void fill_unmap(struct member *t)
{
	if (t->work->unmap == UNMAP_EACH) {
		unmap_each(t);
		return;
	}
	if (t->work->unmap == UNMAP_CLOSE) {
		unmap_by_closing(t);
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
