// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replay: how long it takes to let a device into an address space that has maps
 * already, all of which become entries of its page table, and to remove it.
 */
#include "mark.h"
#include "member.h"
#include "util.h"

void replay_run(struct member *t)
{
	const struct backend_ops *ops = t->backend->ops;
	uint64_t start;

	t->failed = true;
	if (ops->leave(t->backend) || member_map(t))
		return;

	start = now_ns();
	mark(MARK_MAP);
	if (ops->come_back(t->backend))
		return;
	mark(MARK_OTHER);
	t->map_ns = now_ns() - start;

	start = now_ns();
	mark(MARK_UNMAP);
	if (ops->leave(t->backend))
		return;
	mark(MARK_OTHER);
	t->unmap_ns = now_ns() - start;

	hist_add(t->map_call, t->map_ns);
	hist_add(t->unmap_call, t->unmap_ns);
	t->map_calls = t->unmap_calls = 1;
	t->map_bytes = t->unmap_bytes = t->len;
	t->failed = ops->come_back(t->backend);
}
