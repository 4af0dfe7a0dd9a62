// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses that the kernel chooses: small maps, unmapped one by one, beside
 * others of a page that lie at the bottom of the address space with a hole of a
 * page after each. Maps of a page fill these holes, larger ones have to be put
 * behind them all.
 */
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "member.h"
#include "util.h"

/* 0, or -1 with a line printed. */
static int map_all(struct member *t, uint64_t *iova, uint64_t calls)
{
	const struct workload *w = t->work;
	uint64_t i, before;
	int err;

	t->map_from = now_ns();
	for (i = 0; i < calls; i++) {
		before = now_ns();
		mark(MARK_MAP);
		err = t->backend->ops->map_free(t->backend, t->va + i * w->call, w->call, &iova[i]);
		mark(MARK_OTHER);
		if (err)
			return backend_map_failed(t->backend, err, 0, w->call);
		before = now_ns() - before;
		hist_add(t->map_call, before);
		t->map_ns += before;
		member_step(t, i, 2 * calls);
	}
	t->map_to = now_ns();
	t->map_calls = calls;
	t->map_bytes = calls * w->call;
	return 0;
}

static int unmap_all(struct member *t, const uint64_t *iova, uint64_t calls)
{
	const struct workload *w = t->work;
	uint64_t i, before, got;
	int err;

	for (i = 0; i < calls; i++) {
		got = 0;
		before = now_ns();
		mark(MARK_UNMAP);
		err = t->backend->ops->unmap(t->backend, iova[i], w->call, &got);
		mark(MARK_OTHER);
		if (err || got != w->call)
			return fail("%s unmapped %#llx of %#llx bytes: %s", t->backend->answered,
				    (unsigned long long)got, (unsigned long long)w->call,
				    err ? strerror(-err) : "no error given");
		before = now_ns() - before;
		hist_add(t->unmap_call, before);
		t->unmap_ns += before;
		member_step(t, calls + i, 2 * calls);
	}
	t->unmap_calls = calls;
	t->unmap_bytes = calls * w->call;
	return 0;
}

void choose_run(struct member *t)
{
	uint64_t calls = t->len / t->work->call;
	uint64_t *iova = calloc(calls, sizeof(*iova));

	if (!iova)
		fail("out of memory");
	t->failed = !iova || map_all(t, iova, calls) || unmap_all(t, iova, calls);
	free(iova);
}
