// SPDX-License-Identifier: GPL-2.0-only
/* Map and unmap one piece after the other, going round the slice. */
#include <string.h>

#include "mark.h"
#include "member.h"
#include "util.h"

void pingpong_run(struct member *t)
{
	const struct workload *w = t->work;
	uint64_t pieces = t->len / w->call, i, at, start, mapped, unmapped, got;
	int err;

	t->map_from = now_ns();
	for (i = 0; i < w->pairs; i++) {
		at = (i % pieces) * w->call;
		start = now_ns();
		mark(MARK_MAP);
		err = t->backend->ops->map(t->backend, t->va + at, t->iova + at, w->call);
		if (err) {
			backend_map_failed(t->backend, err, t->iova + at, w->call);
			t->failed = true;
			return;
		}
		mapped = now_ns();
		mark(MARK_UNMAP);
		got = 0;
		err = t->backend->ops->unmap(t->backend, t->iova + at, w->call, &got);
		unmapped = now_ns();
		mark(MARK_OTHER);
		if (err || got != w->call) {
			fail("%s unmapped %#llx of %#llx bytes: %s", t->backend->answered,
			     (unsigned long long)got, (unsigned long long)w->call,
			     err ? strerror(-err) : "no error given");
			t->failed = true;
			return;
		}
		hist_add(t->map_call, mapped - start);
		hist_add(t->unmap_call, unmapped - mapped);
		t->map_ns += mapped - start;
		t->unmap_ns += unmapped - mapped;
		member_step(t, i, w->pairs);
	}
	t->map_to = now_ns();
	t->map_calls = t->unmap_calls = w->pairs;
	t->map_bytes = t->unmap_bytes = w->pairs * w->call;
}
