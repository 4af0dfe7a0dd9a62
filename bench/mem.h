/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory to map. The kinds differ in what the pinning code meets: how many
 * pages lie side by side physically, how big their folios are, and whether a
 * file is behind them.
 */
#ifndef BENCH_MEM_H
#define BENCH_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mem_flags {
	MEM_FILE = 1 << 0,		/* memfd, mapped shared */
	MEM_SHUFFLED = 1 << 1,		/* faulted in in random order */
	MEM_THP = 1 << 2,		/* transparent huge pages of @folio bytes */
	MEM_HUGETLB = 1 << 3,		/* reserved huge pages of @folio bytes */
};

struct mem_kind {
	const char *name;
	const char *summary;
	unsigned int flags;
	uint64_t folio;
};

/* Settings of transparent huge pages that were changed, with what they were. */
struct thp_tuning {
	char path[3][80];
	char old[3][16];
	unsigned int count;
};

struct mem {
	const struct mem_kind *kind;
	char *va;
	size_t len;
	bool populated;
	uint64_t populate_ns;		/* what faulting it in took, 0 if it was not */
	double pages_per_extent;	/* 0 when the kernel does not say */
	char *reservation;
	size_t reserved;
	int fd;
	struct thp_tuning tuning;	/* for as long as the memory is there */
};

const struct mem_kind *mem_kind_find(const char *name);
/* Row @i of the table, NULL at its end. */
const struct mem_kind *mem_kind_at(size_t i);
void mem_kind_list(void);

/**
 * mem_missing() - can @len bytes of @kind be had on this machine now?
 * @why: filled with what is missing and how to get it
 *
 * Return: false when it can be had.
 */
bool mem_missing(const struct mem_kind *kind, uint64_t len, char *why, size_t size);

/**
 * mem_alloc() - @len bytes (rounded up to the folio size) of @kind
 *
 * Faulted in and written to when @populate is set.
 *
 * Return: 0, or -1 with a line printed.
 */
int mem_alloc(struct mem *m, const struct mem_kind *kind, uint64_t len, bool populate);
void mem_free(struct mem *m);

/* Give the pages back, so that the next touch faults again. */
int mem_drop(struct mem *m);

/**
 * mem_reserve_hugepages() - ask for enough free huge pages for @len bytes
 *
 * The kernel may find fewer, which mem_missing() tells afterwards. The supervisor
 * puts the number of pages back.
 *
 * Return: 0, or -1 with a line printed.
 */
int mem_reserve_hugepages(const struct mem_kind *kind, uint64_t len);

/**
 * mem_allow_lock() - let this process lock @len bytes more
 *
 * Raises RLIMIT_MEMLOCK where that is allowed.
 *
 * Return: 0, or -1 with a line printed.
 */
int mem_allow_lock(uint64_t len);

/* pagemap.c: mean length of physically contiguous runs, 0 if unreadable. */
double pagemap_pages_per_extent(const void *va, size_t len);

/* thp.c: have the kernel use folios of this kind, and no others. */
bool thp_missing(const struct mem_kind *kind, char *why, size_t size);
int thp_tune(struct thp_tuning *t, const struct mem_kind *kind);
void thp_restore(struct thp_tuning *t);

#endif
