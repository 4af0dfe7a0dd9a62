/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the time of map and unmap calls goes, as ioasid's own tracepoints
 * tell it. The kernel adds the ns_* fields of ioasid_map_done and
 * ioasid_unmap_done up by itself (hist triggers in a trace instance of our
 * own), so that no event is lost and none has to be read.
 */
#ifndef BENCH_SPLIT_H
#define BENCH_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#define SPLIT_MAX_PHASES 8

struct split_side {
	unsigned int count;
	char phase[SPLIT_MAX_PHASES][16];	/* "pin", "account", "iommu" */
	uint64_t ns[SPLIT_MAX_PHASES];
	uint64_t busy_ns;		/* of the threads' calls, as user space saw them */
	uint64_t bytes;
};

struct split {
	bool available;
	char why_not[120];
	struct split_side map, unmap;
};

/**
 * split_begin() - start adding up
 *
 * Return: false, with @s->why_not filled, when there is nothing to add up.
 */
bool split_begin(struct split *s);
void split_end(struct split *s);

#endif
