/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done to a backend. A workload is either
 *
 *   fill      map a stretch of memory in calls of one size, then unmap it:
 *             one call for all of it, chunks, or a storm of small maps;
 *   pingpong  map and unmap one small piece after the other;
 *   dirty     read which pages are dirty, then unmap with that question;
 *   replay    let the device into an address space that has maps, and out;
 *   choose    map small pieces at addresses that the kernel chooses, and unmap them;
 *   clear     unmap everything with one call, beside threads that map and unmap.
 *
 * Dirty and replay give their two sides the names map and unmap, too.
 *
 * Every thread has a slice of its own in memory and in the address space.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "counters.h"
#include "mem.h"
#include "split.h"
#include "stats.h"

enum work_type {
	WORK_FILL,
	WORK_PINGPONG,
	WORK_DIRTY,
	WORK_REPLAY,
	WORK_CHOOSE,
	WORK_CLEAR,
	WORK_TYPES,			/* how many there are */
};

extern const char *const work_type_name[];

enum unmap_mode {
	UNMAP_EACH,			/* one call for each map call */
	UNMAP_RANGE,			/* one call over the slice */
	UNMAP_ALL,			/* one call with the ALL flag */
	UNMAP_CLOSE,			/* the backend is closed with all of it mapped */
	UNMAP_MODES,			/* how many there are */
};

extern const char *const unmap_mode_name[];

struct workload {
	char name[32];			/* "map", "chunk 2M", "storm 4K range" */
	enum work_type type;
	const struct mem_kind *kind;
	uint64_t len;			/* bytes of memory */
	uint64_t call;			/* bytes per map call */
	uint64_t pairs;			/* pingpong: map and unmap pairs per thread; clear: calls */
	uint64_t existing;		/* pingpong, choose: 4K maps that are there all the while */
	enum unmap_mode unmap;
	unsigned int batch;		/* fill: calls in one, where the backend can */
	bool random;			/* calls in random order */
	bool populated;
	bool per_call;			/* single calls are what counts */
	unsigned int threads;
};

/* One direction of a workload, over all its repetitions. */
struct side {
	uint64_t *ns;			/* per repetition, wall time of all threads */
	unsigned int reps;
	struct hist *call;		/* single calls, ns */
	struct counted *counted;	/* per repetition; of fill alone is this side by itself */
	uint64_t calls;			/* per repetition */
	uint64_t bytes;			/* per repetition */
};

struct result {
	const struct workload *work;
	const struct backend_ops *ops;
	char backend[32];		/* who answered */
	char skipped[160];		/* why there are no figures */
	struct side map, unmap;
	uint64_t populate_ns, populated_bytes;	/* faulting in, by the program */
	double pages_per_extent;
	uint64_t locked;		/* VmLck grew by so many bytes */
	uint64_t pinned_refs;		/* nr_foll_pin_* grew by so many references */
	uint64_t slab_bytes;		/* and the kernel's own memory by so much: objects */
	uint64_t table_bytes;		/* and page tables of the IOMMU */
	struct split split;
};

enum run_mode {
	RUN_WARM_UP,			/* nothing is kept */
	RUN_RECORD,			/* times are kept */
	RUN_TRACED,			/* only the time split is kept */
};

/**
 * workload_run() - one repetition
 * @counters: of the calling thread, what they count is kept too in RUN_RECORD; or NULL
 *
 * Of fill, map and unmap are counted apart. Of all others they come in turn: both
 * together are in @r->map.
 *
 * Return: 0, or -1 with a line printed; close the backend then, which undoes
 * whatever was mapped.
 */
int workload_run(const struct workload *w, struct backend *b, struct mem *m,
		 struct result *r, enum run_mode mode, struct counters *counters);

/* How many maps it has at one time. */
uint64_t workload_maps(const struct workload *w);

/* Bytes pinned by one repetition: what was charged, else what was referenced. */
uint64_t result_pinned(const struct result *r);

int result_init(struct result *r, const struct workload *w, const struct backend_ops *ops,
		unsigned int reps);
void result_free(struct result *r);

/* ns of a median repetition. */
double side_ns(const struct side *s);
double side_ns_per_page(const struct side *s);
double side_pages_per_s(const struct side *s);

#endif
