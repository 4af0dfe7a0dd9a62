/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small things every file needs: one way to report an error, sizes with
 * suffixes, one-value files such as sysfs attributes, and the clock.
 */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

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
	ST_ERROR = 1,
	ST_USAGE = 2,
};

/**
 * fail() - print one line that says what is wrong and what to do
 *
 * For errors that end the program. Only the first one is printed: what other
 * threads and the clean-up run into afterwards follows from it.
 *
 * Return: always -1, so that a caller can write "return fail(...)".
 */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * usage() - print one line about a wrong argument of @command
 *
 * Return: always ST_USAGE.
 */
int usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print a remark on stderr; the work goes on. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * parse_size() - "4096", "64K", "2M", "4G", "1T"; powers of 1024
 *
 * Return: 0, or -1 when @text is not a size above zero (nothing is printed).
 */
int parse_size(const char *text, uint64_t *out);

/* A plain number between @min and @max; 0 or -1, nothing is printed. */
int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* "256M", "4G", "512"; @buf holds at least 16 bytes. Returns @buf. */
const char *format_size(char *buf, uint64_t bytes);

/**
 * read_line() - the first line of a small file, without its newline
 *
 * Return: 0 or a negative errno.
 */
int read_line(const char *path, char *buf, size_t size);

/* The number in a one-value file, or @missing when it cannot be read. */
uint64_t read_number(const char *path, uint64_t missing);

/* Write @text to a sysfs or tracefs file; 0 or a negative errno. */
int write_text(const char *path, const char *text);

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
