/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How 'ioasidctl metrics' writes: the text format 0.0.4 of Prometheus, which node_exporter
 * reads from files, or OpenMetrics 1.0. They differ in how a counter and an info metric are
 * named where their type is said, and in the last line.
 */
#ifndef IOASIDCTL_METRICS_TEXT_H
#define IOASIDCTL_METRICS_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum metrics_type { GAUGE, COUNTER, INFO, HISTOGRAM };

/* What follows goes to @to. */
void metrics_begin(FILE *to, bool openmetrics);
void metrics_end(void);

/*
 * Begins a family: all its samples follow, before the next. @name is without "_total" and
 * "_info"; it ends in @unit (bytes, seconds) if that is not NULL. @help is a sentence.
 */
void metrics_family(const char *name, enum metrics_type type, const char *unit, const char *help);

/* One sample of it, with the labels "name", "value", ..., NULL; values may be untrusted. */
void metrics_sample(uint64_t value, ...) __attribute__((sentinel));

/* A family with one sample. */
void metrics_plain(const char *name, enum metrics_type type, const char *unit, const char *help,
		   uint64_t value);

/*
 * A histogram's samples with the label phase: @below(i) of @buckets cumulative counts with
 * their upper bounds in seconds, the count of all, and their sum.
 */
struct metrics_bucket {
	double le;
	uint64_t count;
};

void metrics_histogram(const char *phase, const struct metrics_bucket *buckets, int n,
		       uint64_t count, double sum);

#endif
