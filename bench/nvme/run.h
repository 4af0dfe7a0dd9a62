/* SPDX-License-Identifier: GPL-2.0-only */
/* ioasid-bench nvme: options, passes over the disk, figures. */
#ifndef BENCH_NVME_RUN_H
#define BENCH_NVME_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "json.h"
#include "nvme/reader.h"
#include "machine.h"
#include "mem.h"

struct nvme_options {
	const struct backend_ops *backend;
	const char *device;
	const struct mem_kind *kind;
	const char *verify;		/* checksum file */
	const char *image;
	unsigned int queues, depth;
	uint64_t block;
	uint64_t size;			/* 0: all that is known, or up to 1G */
	uint64_t reads;
	unsigned int seconds;
	unsigned int repeat;		/* timed reads, each of that length */
	uint32_t nsid;
	int version;
	bool map_once, map_per_io;
	bool sequential;
	bool irqs;
	bool icount;
	bool json;
};

/* One way to map: a pass that checks every byte, and a timed one. */
struct nvme_pass {
	const char *name;		/* "once", "per-io" */
	uint64_t verified;		/* bytes */
	uint64_t wrong;			/* reads */
	uint64_t first_wrong;
	uint64_t reads, bytes, ns;	/* of all repetitions */
	double *iops;			/* of each */
	unsigned int reps;
	struct hist *latency, *map_call, *unmap_call;
};

struct nvme_run {
	struct nvme_options opt;
	char bdf[PCI_BDF_LEN];
	struct backend backend;
	struct nvme nvme;
	struct mem mem;
	uint64_t data_iova;
	struct known known;
	bool has_known;
	struct reader *reader;
	unsigned int readers;
	uint64_t bytes;			/* of the disk that are read */
	struct nvme_pass pass[2];
	unsigned int passes;
};

/* nvme_options.c: -1 to go on, else an exit status. */
int nvme_parse(struct nvme_options *o, int argc, char **argv);

/* nvme_run.c: all passes, an exit status; nvme_end() is wanted either way, after the report. */
int nvme_measure(struct nvme_run *r);
void nvme_end(struct nvme_run *r);

/* nvme_report.c */
void nvme_print(const struct nvme_run *r, const struct machine *m);
int nvme_print_json(const struct nvme_run *r, const struct machine *m);

#endif
