/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A map call on its way, in the steps that one mapping and a batch share.
 */
#ifndef _IOASID_MAP_H
#define _IOASID_MAP_H

#include <ioasid/policy.h>
#include "hooks/hooks.h"
#include "space/space.h"

struct file;

/**
 * struct ioasid_map_call - one mapping, from entry to exit
 * @space: where to
 * @args: what is asked for; iova is filled in when the kernel chooses it
 * @file: memory of this file (IOASID_MAP_OF_FILE)
 * @source: pages that are mapped already (IOASID_MAP_SHARED); a window and a
 *	reference on them, which go to the area
 * @first: the first of those to map
 * @res: how it goes
 * @mark: policies that want to know
 * @area: once it is reserved
 * @last: last address
 * @start: when it began
 * @timing: somebody wants times
 * @pin_now: the pages are to be pinned
 */
struct ioasid_map_call {
	struct ioasid_space *space;
	struct ioasid_map_args args;
	struct file *file;
	struct ioasid_pages *source;
	unsigned long first;
	struct ioasid_map_result res;
	struct ioasid_policy_mark mark;
	struct ioasid_area *area;
	u64 last;
	u64 start;
	bool timing;
	bool pin_now;
};

int ioasid_map_fail(struct ioasid_map_call *c, int err, enum ioasid_reason reason, u64 a, u64 b);
void ioasid_map_begin(struct ioasid_map_call *c);
int ioasid_map_check(struct ioasid_map_call *c);
int ioasid_map_reserve(struct ioasid_map_call *c);
int ioasid_map_pin(struct ioasid_map_call *c);
int ioasid_map_program(struct ioasid_map_call *c, bool sync);
int ioasid_map_publish(struct ioasid_map_call *c);
int ioasid_map_undo(struct ioasid_map_call *c, int err);
int ioasid_map_end(struct ioasid_map_call *c, int ret);

int ioasid_map_make(struct ioasid_map_call *c);

/**
 * struct ioasid_map_batch_call - many mappings in one call
 * @space: where to
 * @fill: describe entry @i in @c; 0 or -errno
 * @tell: entry @i will be mapped there; 0 or -EFAULT
 * @data: for both
 * @entries: for @fill
 * @nr: how many
 * @done: how many are mapped
 */
struct ioasid_map_batch_call {
	struct ioasid_space *space;
	int (*fill)(void *data, unsigned int i, const void *entries, struct ioasid_map_call *c);
	int (*tell)(void *data, unsigned int i, u64 iova);
	void *data;
	const void *entries;
	unsigned int nr;
	unsigned int done;
};

/* map_batch.c */
int ioasid_map_many(struct ioasid_map_batch_call *b);

/* copy.c */
int ioasid_share(struct ioasid_space *src, u64 iova, u64 length, struct ioasid_map_call *c);

#endif /* _IOASID_MAP_H */
