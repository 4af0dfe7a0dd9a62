/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the processor and the kernel count while a workload runs, by perf_event_open(2): of
 * the threads of the workload alone, in user space and in the kernel.
 *
 * A counter that this machine or this user cannot have is absent, with the reason. It is
 * never 0 for that.
 */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

enum counter {
	COUNT_CYCLES,
	COUNT_INSTRUCTIONS,
	COUNT_LLC_MISSES,
	COUNT_CACHE_MISSES,
	COUNT_DTLB_READS,
	COUNT_DTLB_WRITES,
	COUNT_CONTENTIONS,
	COUNT_SWITCHES,
	COUNTERS,			/* how many there are */
};

/* "cycles", "LLC read misses": plural, so that "per call" can follow. */
extern const char *const counter_name[COUNTERS];

/* What one repetition counted; NAN where the counter is absent. */
struct counted {
	double value[COUNTERS];
};

struct counters {
	int fd[COUNTERS];		/* -1: absent */
	char why_not[COUNTERS][120];	/* "" where it is there */
	struct {
		uint64_t value, enabled, running;
	} before[COUNTERS];
};

/*
 * Counters of the calling thread and of all that it starts from now on, stopped.
 * They may all be absent.
 */
void counters_open(struct counters *c);
void counters_close(struct counters *c);

/* Called by that thread; with NULL they do nothing. */
void counters_start(struct counters *c);

/*
 * What was counted since counters_start(). Where the processor has fewer counters than are
 * wanted, the kernel lets them take turns, and the value is scaled up by the time. One that
 * never had its turn is absent for this time, and @c says so.
 */
void counters_stop(struct counters *c, struct counted *out);

#endif
