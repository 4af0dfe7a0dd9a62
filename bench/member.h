/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A member of the team of threads that runs a workload: a thread, its slice of the memory
 * and of the address space, and what it measured. A member writes to itself alone.
 */
#ifndef BENCH_MEMBER_H
#define BENCH_MEMBER_H

#include <pthread.h>

#include "workload.h"

struct team;

/* @team and @barrier are for workload.c and member.c. */
struct member {
	struct team *team;
	pthread_barrier_t *barrier;
	const struct workload *work;
	struct backend *backend;
	unsigned int index;
	char *va;
	uint64_t iova;
	uint64_t len;
	struct hist *map_call, *unmap_call;
	uint64_t map_from, map_to, unmap_from, unmap_to;	/* wall clock */
	uint64_t map_calls, unmap_calls;
	uint64_t map_bytes, unmap_bytes;
	uint64_t map_ns, unmap_ns;	/* but for fill: spent inside the calls */
	bool failed;
};

/* What each type of workload does with a slice; each in a file of its name. */
void fill_map(struct member *t);
void fill_unmap(struct member *t);
void pingpong_run(struct member *t);
void dirty_run(struct member *t);
void replay_run(struct member *t);
void choose_run(struct member *t);
void clear_run(struct member *t);

/* Map the slice in calls of the workload's size, unmeasured. 0, or -1 with a line. */
int member_map(struct member *t);

/* Until all members have come here. */
void member_wait(const struct member *t);

/* Progress of the member that shows it. */
void member_step(const struct member *t, uint64_t done, uint64_t total);

#endif
