/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The map suite: what the map and compare commands have in common. Options
 * become a list of workloads; each is run on one backend or, repetition by
 * repetition in turn, on several.
 */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include <stdbool.h>

#include "json.h"
#include "workload.h"

#define SUITE_MAX_KINDS		16
#define SUITE_MAX_BACKENDS	8
#define SUITE_MAX_SIZES		8
#define SUITE_MAX_WORKLOADS	160
#define SUITE_MAX_THREADS	256

struct suite_options {
	const char *command;		/* "map" or "compare" */
	const struct backend_ops *backend[SUITE_MAX_BACKENDS];
	unsigned int backends;
	const char *device;
	const struct mem_kind *kind[SUITE_MAX_KINDS];
	unsigned int kinds;
	bool default_kinds;		/* none named: a choice for each workload */
	bool kinds_given;		/* each named by the user: none is skipped */
	bool map, pingpong, storm, dirty, replay, choose;
	unsigned int batch;		/* map and storm: calls in one */
	uint64_t size;
	uint64_t chunk;			/* 0: one call per thread */
	uint64_t op_size[SUITE_MAX_SIZES];
	unsigned int op_sizes;		/* 0: the defaults of each workload */
	uint64_t ops;			/* 0: the default of each workload */
	uint64_t existing[SUITE_MAX_SIZES];	/* pingpong, choose beside so many maps */
	unsigned int existings;		/* 0: beside none */
	bool unmap[3];			/* by enum unmap_mode, for storms */
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

struct suite {
	struct suite_options opt;
	char bdf[PCI_BDF_LEN];
	int group;
	struct workload work[SUITE_MAX_WORKLOADS];
	unsigned int works;
	/* Backend @b of workload @w is result[w * opt.backends + b]. */
	struct result *result;
};

/**
 * suite_parse() - options of @command into @s
 *
 * Return: -1 to go on, else an exit status (--help, or a wrong argument).
 */
int suite_parse(struct suite *s, const char *command, int argc, char **argv);

/* Claim the device and run everything; an exit status. */
int suite_run(struct suite *s);
void suite_free(struct suite *s);

struct machine;

/**
 * suite_command() - a command that is made of one suite
 * @print: its tables
 * @print_json: the same as JSON; 0, or -1 with a line printed
 *
 * Return: an exit status.
 */
int suite_command(const char *command, int argc, char **argv,
		  void (*print)(const struct suite *s, const struct machine *m),
		  int (*print_json)(const struct suite *s, const struct machine *m));

struct result *suite_result(const struct suite *s, unsigned int work, unsigned int backend);

/* help.c */
void suite_help(const char *command);

/* report.c: the human tables and the JSON list of results. */
void report_print(const struct suite *s);
void report_json_options(const struct suite *s, struct json *j);
void report_json_results(const struct suite *s, struct json *j);

#endif
