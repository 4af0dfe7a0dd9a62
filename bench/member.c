// SPDX-License-Identifier: GPL-2.0-only
/* What the workloads have in common. */
#include "member.h"
#include "progress.h"
#include "util.h"

void member_step(const struct member *t, uint64_t done, uint64_t total)
{
	if (t->index == 0)
		progress_step(done, total);
}

void member_wait(const struct member *t)
{
	pthread_barrier_wait(t->barrier);
}

int member_map(struct member *t)
{
	uint64_t at, len;
	int err;

	for (at = 0; at < t->len; at += len) {
		len = MIN(t->len - at, t->work->call);
		err = t->backend->ops->map(t->backend, t->va + at, t->iova + at, len);
		if (err)
			return backend_map_failed(t->backend, err, t->iova + at, len);
	}
	return 0;
}
