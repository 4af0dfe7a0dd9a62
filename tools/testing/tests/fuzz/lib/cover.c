// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which code of ours a program reached, where the kernel has KCOV (our debug
 * kernel; distributions' have not). The modules are built with it, the rest of
 * the kernel is not, so all that is recorded is ours.
 *
 * Each thread has a buffer of its own. After each call its addresses go into a
 * map that all processes share; one that was not there before is news.
 */
#include <fcntl.h>
#include <linux/types.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

#define KCOV_FILE	"/sys/kernel/debug/kcov"
#define KCOV_INIT_TRACE	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_TRACE_PC	0
#define ENTRIES		(16UL << 10)
#define MAP_BITS	18

struct map {
	atomic_ulong total;
	atomic_ulong fresh;
	atomic_uchar seen[1UL << MAP_BITS];
};

static struct map *map;
static _Thread_local unsigned long *trace;

bool fuzz_cover_open(void)
{
	if (access(KCOV_FILE, R_OK | W_OK))
		return false;
	map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		map = NULL;
	return map;
}

/* The descriptor stays open as long as the thread lives: closing it ends the trace. */
void fuzz_cover_thread(void)
{
	int fd;

	trace = NULL;
	if (!map)
		return;
	fd = open(KCOV_FILE, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, ENTRIES))
		return;
	trace = mmap(NULL, ENTRIES * sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (trace == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
		trace = NULL;
}

void fuzz_cover_begin(void)
{
	if (trace)
		__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
}

/* A module that was loaded again lies elsewhere, but at the same place in a page. */
static unsigned long place(unsigned long pc, unsigned long before)
{
	unsigned long x = (pc & 0xfff) * 0x9e3779b97f4a7c15UL ^
			  (pc - before) * 0xbf58476d1ce4e5b9UL;

	return (x ^ x >> 31) & ((1UL << MAP_BITS) - 1);
}

void fuzz_cover_end(void)
{
	unsigned long n, i, at;

	if (!trace)
		return;
	n = __atomic_load_n(&trace[0], __ATOMIC_RELAXED);
	for (i = 0; i < n && i + 1 < ENTRIES; i++) {
		at = place(trace[i + 1], i ? trace[i] : trace[i + 1]);
		if (atomic_exchange(&map->seen[at], 1))
			continue;
		map->total++;
		map->fresh++;
	}
}

/* How much is new since the last call. */
unsigned long fuzz_cover_new(void)
{
	return map ? atomic_exchange(&map->fresh, 0) : 0;
}

unsigned long fuzz_cover_total(void)
{
	return map ? map->total : 0;
}
