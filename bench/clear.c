// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clear: one thread removes all mappings with one call, again and again, beside others that
 * map and unmap a piece of their own. How long is it kept waiting by them?
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "mark.h"
#include "member.h"
#include "util.h"

/* Between two calls, so that the others have something mapped again. */
#define PAUSE_US	1000

static atomic_bool done;
static atomic_uint mapping;	/* threads that have mapped once, or failed */

static int failed(struct member *t, const char *what, int err)
{
	t->failed = true;
	return fail("%s failed to %s: %s", t->backend->answered, what, strerror(-err));
}

static void clear_all(struct member *t)
{
	uint64_t i, start, end, got;
	int err = 0;

	while (atomic_load(&mapping) < t->work->threads - 1)
		usleep(PAUSE_US);
	t->unmap_from = now_ns();
	for (i = 0; i < t->work->pairs && !err; i++) {
		got = 0;
		start = now_ns();
		mark(MARK_UNMAP);
		err = t->backend->ops->unmap_all(t->backend, &got);
		mark(MARK_OTHER);
		end = now_ns();
		hist_add(t->unmap_call, end - start);
		t->unmap_ns += end - start;
		t->unmap_calls++;
		t->unmap_bytes += got;
		member_step(t, i, t->work->pairs);
		usleep(PAUSE_US);
	}
	t->unmap_to = now_ns();
	atomic_store(&done, true);
	if (err)
		failed(t, "unmap all", err);
}

static void map_beside(struct member *t)
{
	uint64_t start, end, got;
	bool counted = false;
	int err = 0;

	t->map_from = now_ns();
	while (!err && !atomic_load(&done)) {
		start = now_ns();
		err = t->backend->ops->map(t->backend, t->va, t->iova, t->work->call);
		end = now_ns();
		if (!counted)
			atomic_fetch_add(&mapping, 1);
		counted = true;
		if (err) {
			failed(t, "map", err);
			break;
		}
		hist_add(t->map_call, end - start);
		t->map_ns += end - start;
		t->map_calls++;
		t->map_bytes += t->work->call;
		/* It may be gone already. */
		err = t->backend->ops->unmap(t->backend, t->iova, t->work->call, &got);
		if (err == -ENOENT)
			err = 0;
		if (err)
			failed(t, "unmap", err);
	}
	t->map_to = now_ns();
}

void clear_run(struct member *t)
{
	if (!t->index) {
		atomic_store(&done, false);
		atomic_store(&mapping, 0);
	}
	member_wait(t);
	if (t->index)
		map_beside(t);
	else
		clear_all(t);
}
