/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small things every file needs: exit statuses, arguments, the clock, and those of
 * tools/lib: fail() and note() (say.h), sizes (text.h), one-value files (sysfs.h), JSON.
 */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "json.h"
#include "say.h"
#include "sysfs.h"
#include "text.h"

#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define PAGE_4K		4096ULL

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define ROUND_UP(n, d)	(DIV_ROUND_UP(n, d) * (d))

/* Exit statuses of the program. */
enum {
	ST_OK = 0,
	ST_ERROR = EXIT_FAILED,
	ST_USAGE = EXIT_USAGE,
};

/**
 * fail_open() - print why the node @path cannot be opened, and what to do about it
 * @path: the node
 * @err: the errno of open(), positive
 * @remedy: what to do for errnos that are not about permissions
 *
 * Return: always -1.
 */
int fail_open(const char *path, int err, const char *remedy);

/**
 * usage() - print one line about a wrong argument of @command
 *
 * Return: always ST_USAGE.
 */
int usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "4096", "64K", "2M", "4G", "1T"; powers of 1024. 0, or -1 if it is not a size above zero. */
int parse_size(const char *text, uint64_t *out);

/* The one JSON object that a command prints. results_end(): 0, or -1 with a line printed. */
void results_begin(struct json *j);
int results_end(struct json *j);

/* The value of "@key: N kB" in a /proc file, in bytes; 0 when absent. */
uint64_t proc_kb(const char *path, const char *key);

/* The value of "@key N" in /proc/vmstat; 0 when absent. */
uint64_t vmstat(const char *key);

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* xorshift64*: the same order in every run, which is what comparisons need. */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

#endif
