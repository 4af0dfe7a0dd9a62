/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one machine did: the facts that decide how fast it is, and rows of figures. A record
 * is made by `ioasid-bench record`, kept as JSON, shown as a page, and compared with
 * another one. All of these know this struct alone, so that a page made of a file shows what
 * the page of the run showed.
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "stats.h"

#define RECORD_FORMAT	"ioasid-bench record"
#define RECORD_VERSION	1

/* Something that is so on this machine: "kernel", "release", "6.12.1". */
struct fact {
	char *group, *name, *value;
};

/* A figure of one workload, with all its repetitions. */
struct row {
	char *workload;			/* "pingpong 4K", "nvme, maps per-io" */
	char *memory;			/* "thp" */
	char *backend;			/* as asked for: "type1" */
	char *answered_by;
	char *measure;			/* "map", "unmap", "map and unmap", "read" */
	char *unit;			/* "ns per call", "instructions per page" */
	uint64_t threads;
	bool more_is_better;
	double *value;			/* of each repetition */
	size_t values;
	struct interval mid;		/* of these */
};

/* What was not measured, and why. */
struct missing {
	char *what, *why;
};

struct record {
	char *program;			/* "ioasid-bench 0.1" */
	char *taken;			/* "2026-01-31T12:00:00Z" */
	struct fact *fact;
	size_t facts;
	struct row *row;
	size_t rows;
	struct missing *missing;
	size_t missings;
};

/* model.c. Those that return int: 0, or -1 with a line printed. They copy what they get. */
int record_fact(struct record *r, const char *group, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int record_missing(struct record *r, const char *what, const char *why);
/* The new row, empty, or NULL with a line printed. */
struct row *record_row(struct record *r);
/* A copy of @text in *@to. */
int record_text(char **to, const char *text);
/* One more repetition. */
int row_add(struct row *row, double value);
/* The value of a fact, NULL if there is none. */
const char *record_find(const struct record *r, const char *group, const char *name);
bool row_has_interval(const struct row *row);
bool row_same(const struct row *a, const struct row *b);
void record_free(struct record *r);

/* facts.c: the machine, its kernel, its IOMMUs and the loaded modules. */
int record_machine(struct record *r);
int record_device(struct record *r, const char *name, const char *bdf);

/* write.c, read.c. 0, or -1 with a line printed; record_free() is wanted either way. */
int record_write(const struct record *r, const char *file);
int record_read(struct record *r, const char *file);

/* page.c: one HTML file that needs nothing else. */
int record_page(const struct record *r, const char *file);

#endif
