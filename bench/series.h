/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The series of workloads that the commands map and compare run. Options become
 * a list of workloads; each is run on one backend or, repetition by repetition
 * in turn, on several.
 */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include <stdbool.h>

#include "json.h"
#include "workload.h"

#define SERIES_MAX_KINDS		16
#define SERIES_MAX_BACKENDS	8
#define SERIES_MAX_SIZES		8
#define SERIES_MAX_WORKLOADS	160
#define SERIES_MAX_THREADS	256

struct series_options {
	const char *command;		/* "map", "compare" or "record" */
	const struct backend_ops *backend[SERIES_MAX_BACKENDS];
	unsigned int backends;
	const char *device;
	const struct mem_kind *kind[SERIES_MAX_KINDS];
	unsigned int kinds;
	bool default_kinds;		/* none named: a choice for each workload */
	bool kinds_given;		/* each named by the user: none is skipped */
	bool map, pingpong, storm, dirty, replay, choose, clear;
	unsigned int batch;		/* map and storm: calls in one */
	uint64_t size;
	uint64_t chunk;			/* 0: one call per thread */
	uint64_t op_size[SERIES_MAX_SIZES];
	unsigned int op_sizes;		/* 0: the defaults of each workload */
	uint64_t ops;			/* 0: the default of each workload */
	uint64_t existing[SERIES_MAX_SIZES];	/* pingpong, choose beside so many maps */
	unsigned int existings;		/* 0: beside none */
	bool unmap[UNMAP_MODES];	/* by enum unmap_mode, for storms */
	bool random;
	unsigned int threads;
	unsigned int repeat;
	unsigned int warm_up;
	int version;			/* container type, v1 or v2 */
	bool unpopulated;
	bool no_split;
	bool reserve_hugepages;
	bool icount;
	bool json;
};

struct series {
	struct series_options opt;
	char bdf[PCI_BDF_LEN];
	int group;
	struct workload work[SERIES_MAX_WORKLOADS];
	unsigned int works;
	struct counters *counters;	/* that count beside the clock, or NULL */
	/* Backend @b of workload @w is result[w * opt.backends + b]. */
	struct result *result;
};

/**
 * series_parse() - options of @command into @s
 *
 * Return: -1 to go on, else an exit status (--help, or a wrong argument).
 */
int series_parse(struct series *s, const char *command, int argc, char **argv);

/* Claim the device and run everything; an exit status. */
int series_run(struct series *s);
void series_free(struct series *s);

struct machine;

/**
 * series_command() - a command that is made of one series
 * @print: its tables
 * @print_json: the same as JSON; 0, or -1 with a line printed
 *
 * Return: an exit status.
 */
int series_command(const char *command, int argc, char **argv,
		  void (*print)(const struct series *s, const struct machine *m),
		  int (*print_json)(const struct series *s, const struct machine *m));

struct result *series_result(const struct series *s, unsigned int work, unsigned int backend);

/* help.c */
void series_help(const char *command);

/* report.c: the human tables and the JSON list of results. */
void report_print(const struct series *s);
void report_json_options(const struct series *s, struct json *j);
void report_json_results(const struct series *s, struct json *j);

#endif
