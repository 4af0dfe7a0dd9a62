/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of ioasid-bench record. */
#ifndef BENCH_RECORD_COMMAND_H
#define BENCH_RECORD_COMMAND_H

#include "record/record.h"
#include "series.h"

#define RECORD_MAX_THREADS	16	/* numbers of threads in a list */
#define RECORD_PASSED_ON	24	/* arguments for a series */

struct record_options {
	const char *device;		/* NULL: the first one bound to vfio-pci */
	const char *disk;		/* NULL: the device if it is a disk, else none */
	const char *verify;
	const char *output;		/* without .json and .html */
	const char *from;		/* a record that is there already */
	const char *backends;		/* NULL: all that the machine has */
	unsigned int threads[RECORD_MAX_THREADS];
	unsigned int threads_n;
	unsigned int repeat, seconds;
	unsigned int ios;		/* reads of the disk in each repetition; 0: for @seconds */
	/* What the options of map are to be, for series_parse(). */
	char *passed_on[RECORD_PASSED_ON];
	unsigned int passed_on_n;
};

/* -1 to go on, else an exit status. */
int record_parse(struct record_options *o, int argc, char **argv);

/* Options of the series with so many threads: those of record. As series_parse(). */
int record_series(const struct record_options *o, const char *backends, unsigned int threads,
		  struct series *s);

#endif
