/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reader: one thread with one NVMe queue, keeping a number of reads in
 * flight, each into a buffer of its own.
 */
#ifndef BENCH_READER_H
#define BENCH_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "nvme/nvme.h"
#include "stats.h"
#include "nvme/verify.h"

/* What all readers of a run do. */
struct reader_job {
	struct nvme *nvme;
	struct backend *backend;
	const struct known *known;	/* NULL: nothing is checked */
	bool map_per_io;
	bool random;
	uint32_t block;			/* bytes per read */
	uint64_t bytes;			/* of the disk, from its start */
	uint64_t reads;			/* per reader; 0: until @until_ns */
	uint64_t until_ns;
	unsigned int readers;
};

struct slot {
	char *va;
	uint64_t iova;
	uint64_t *prp_list;
	uint64_t prp_iova;
	uint64_t offset;
	uint32_t len;
	uint64_t submitted;
};

struct reader {
	const struct reader_job *job;
	unsigned int index;
	struct nvme_queue *queue;
	struct slot *slot;
	uint16_t *idle;			/* stack of slots not in flight */
	unsigned int depth, idles;
	uint64_t issued, completed;
	uint64_t random_state;
	uint64_t from, to;		/* wall clock */
	uint64_t bytes;			/* read */
	uint64_t wrong;			/* reads that differ from what is known */
	uint64_t first_wrong;		/* offset on the disk */
	struct hist *latency, *map_call, *unmap_call;
	bool failed;
};

/* Buffers at @va and @iova, job->block bytes each. 0 or -1 with a line. */
int reader_init(struct reader *l, struct nvme *n, unsigned int index, unsigned int depth,
	      uint32_t block, char *va, uint64_t iova);
void reader_free(struct reader *l);

/* Forget the figures and the position of the run before. */
void reader_start(struct reader *l, const struct reader_job *job);

/* Every block of the range once, or what the job says; sets l->failed. */
void reader_run(struct reader *l);

#endif
