// SPDX-License-Identifier: GPL-2.0-only
/* The table of memory kinds; allocation and faulting in. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "supervisor.h"
#include "mem.h"
#include "progress.h"
#include "util.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

#define POPULATE_STEP (64 * MIB)

static const struct mem_kind kinds[] = {
	{ "4k", "anonymous 4K pages, faulted in in order", 0, PAGE_4K },
	{ "4k-shuf", "anonymous 4K pages, physically shuffled", MEM_SHUFFLED, PAGE_4K },
	{ "mthp", "anonymous folios of 64K", MEM_THP, 64 * KIB },
	{ "thp", "transparent huge pages of 2M", MEM_THP, 2 * MIB },
	{ "hugetlb", "hugetlb pages of 2M", MEM_HUGETLB, 2 * MIB },
	{ "hugetlb-1g", "hugetlb pages of 1G", MEM_HUGETLB, GIB },
	{ "memfd", "memfd of 4K pages, faulted in in order", MEM_FILE, PAGE_4K },
	{ "memfd-shuf", "memfd of 4K pages, physically shuffled", MEM_FILE | MEM_SHUFFLED,
	  PAGE_4K },
	{ "memfd-thp", "memfd of transparent huge pages of 2M", MEM_FILE | MEM_THP, 2 * MIB },
	{ "memfd-hugetlb", "memfd of hugetlb pages of 2M", MEM_FILE | MEM_HUGETLB, 2 * MIB },
};

const struct mem_kind *mem_kind_at(size_t i)
{
	return i < ARRAY_SIZE(kinds) ? &kinds[i] : NULL;
}

const struct mem_kind *mem_kind_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

void mem_kind_list(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		printf("  %-14s %s\n", kinds[i].name, kinds[i].summary);
}

static void hugetlb_path(const struct mem_kind *kind, const char *file, char *path, size_t size)
{
	snprintf(path, size, "/sys/kernel/mm/hugepages/hugepages-%llukB/%s",
		 (unsigned long long)(kind->folio / KIB), file);
}

static uint64_t free_hugepages(const struct mem_kind *kind)
{
	char path[96];
	uint64_t free_pages, taken;

	hugetlb_path(kind, "free_hugepages", path, sizeof(path));
	free_pages = read_number(path, 0);
	hugetlb_path(kind, "resv_hugepages", path, sizeof(path));
	taken = read_number(path, 0);
	return free_pages > taken ? free_pages - taken : 0;
}

int mem_reserve_hugepages(const struct mem_kind *kind, uint64_t len)
{
	uint64_t want = DIV_ROUND_UP(len, kind->folio), have, total;
	char path[96], text[32];
	int err;

	if (!(kind->flags & MEM_HUGETLB))
		return 0;
	have = free_hugepages(kind);
	if (have >= want)
		return 0;
	hugetlb_path(kind, "nr_hugepages", path, sizeof(path));
	total = read_number(path, 0);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)total);
	if (supervisor_write(path, text))
		return -1;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)(total + want - have));
	err = write_text(path, text);
	if (err)
		return fail("cannot reserve huge pages through %s: %s%s", path, strerror(-err),
			    err == -EACCES ? " (run as root)" : "");
	return 0;
}

bool mem_missing(const struct mem_kind *kind, uint64_t len, char *why, size_t size)
{
	uint64_t need = ROUND_UP(len, kind->folio), available;
	char text[SIZE_TEXT];

	if (kind->flags & MEM_HUGETLB) {
		available = free_hugepages(kind) * kind->folio;
		if (available >= need)
			return false;
		snprintf(why, size,
			 "%llu free pages needed, %llu there: --reserve-hugepages, or have them reserved at boot (hugepagesz=%s hugepages=N)",
			 (unsigned long long)(need / kind->folio),
			 (unsigned long long)(available / kind->folio),
			 format_size_exact(kind->folio, text));
		return true;
	}
	if (kind->flags & MEM_THP && thp_missing(kind, why, size))
		return true;
	available = proc_kb("/proc/meminfo", "MemAvailable");
	if (need < available)
		return false;
	snprintf(why, size, "%s needed, %llu MiB available: use a smaller --size",
		 format_size_exact(need, text), (unsigned long long)(available / MIB));
	return true;
}

/* Address space first, so that the memory can start at a folio border. */
static int reserve_addresses(struct mem *m, uint64_t align)
{
	m->reserved = m->len + align;
	m->reservation = mmap(NULL, m->reserved, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->reservation == MAP_FAILED)
		return fail("cannot reserve %zu bytes of address space: %s", m->reserved,
			    strerror(errno));
	m->va = (char *)ROUND_UP((uintptr_t)m->reservation, align);
	return 0;
}

static int hugetlb_flag(const struct mem_kind *kind)
{
	return __builtin_ctzll(kind->folio) << MAP_HUGE_SHIFT;
}

static int map_memory(struct mem *m)
{
	const struct mem_kind *kind = m->kind;
	bool hugetlb = kind->flags & MEM_HUGETLB;
	int flags = MAP_FIXED;

	if (kind->flags & MEM_FILE) {
		m->fd = memfd_create("ioasid-bench",
				     MFD_CLOEXEC | (hugetlb ? MFD_HUGETLB |
				     (unsigned int)hugetlb_flag(kind) : 0));
		if (m->fd < 0 || ftruncate(m->fd, (off_t)m->len))
			return fail("cannot make a memfd of %zu bytes for %s: %s", m->len,
				    kind->name, strerror(errno));
		flags |= MAP_SHARED;
	} else {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
		if (hugetlb)
			flags |= MAP_HUGETLB | hugetlb_flag(kind);
	}
	if (mmap(m->va, m->len, PROT_READ | PROT_WRITE, flags, m->fd, 0) == MAP_FAILED)
		return fail("cannot get %zu bytes of %s memory: %s", m->len, kind->name,
			    strerror(errno));
	if (!hugetlb && madvise(m->va, m->len,
				kind->flags & MEM_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) &&
	    kind->flags & MEM_THP)
		return fail("madvise(MADV_HUGEPAGE): %s", strerror(errno));
	return 0;
}

/*
 * The allocator hands out pages roughly in physical order, so touching them
 * in random order leaves neighbours in the address space far apart in memory.
 */
static int touch_shuffled(struct mem *m)
{
	uint64_t pages = m->len / PAGE_4K, seed = 0x10a51d, i, j;
	uint32_t *order, page;

	order = malloc(pages * sizeof(*order));
	if (!order)
		return fail("out of memory");
	for (i = 0; i < pages; i++)
		order[i] = (uint32_t)i;
	for (i = pages - 1; i > 0; i--) {
		j = next_random(&seed) % (i + 1);
		page = order[i];
		order[i] = order[j];
		order[j] = page;
	}
	m->populate_ns = now_ns();
	for (i = 0; i < pages; i++) {
		*(volatile char *)(m->va + order[i] * PAGE_4K) = 1;
		progress_step(i, pages);
	}
	m->populate_ns = now_ns() - m->populate_ns;
	free(order);
	return 0;
}

static int touch_in_order(struct mem *m)
{
	uint64_t start = now_ns();
	size_t at, step;

	for (at = 0; at < m->len; at += step) {
		step = MIN(m->len - at, MAX(POPULATE_STEP, m->kind->folio));
		if (madvise(m->va + at, step, MADV_POPULATE_WRITE))
			return fail("cannot fault in %s memory: %s", m->kind->name,
				    strerror(errno));
		progress_step(at, m->len);
	}
	m->populate_ns = now_ns() - start;
	return 0;
}

static int populate(struct mem *m)
{
	int err;

	progress_begin("faulting in %zu MiB of %s memory", m->len >> 20, m->kind->name);
	err = m->kind->flags & MEM_SHUFFLED ? touch_shuffled(m) : touch_in_order(m);
	progress_end();
	if (err)
		return -1;
	m->populated = true;
	m->pages_per_extent = pagemap_pages_per_extent(m->va, m->len);
	return 0;
}

int mem_alloc(struct mem *m, const struct mem_kind *kind, uint64_t len, bool want_populated)
{
	memset(m, 0, sizeof(*m));
	m->kind = kind;
	m->fd = -1;
	m->len = ROUND_UP(len, kind->folio);
	if (reserve_addresses(m, MAX(kind->folio, 2 * MIB)))
		return -1;
	if (thp_tune(&m->tuning, kind) || map_memory(m) || (want_populated && populate(m))) {
		mem_free(m);
		return -1;
	}
	return 0;
}

int mem_drop(struct mem *m)
{
	int advice = m->kind->flags & MEM_FILE ? MADV_REMOVE : MADV_DONTNEED;

	m->populated = false;
	if (madvise(m->va, m->len, advice))
		return fail("cannot drop the pages of %s memory: %s", m->kind->name,
			    strerror(errno));
	return 0;
}

void mem_free(struct mem *m)
{
	if (m->reservation && m->reservation != MAP_FAILED)
		munmap(m->reservation, m->reserved);
	if (m->fd >= 0)
		close(m->fd);
	thp_restore(&m->tuning);
	m->reservation = NULL;
	m->fd = -1;
}

/* CAP_IPC_LOCK frees of the limit, with type1 and with ioasid alike. */
static bool may_lock_anything(void)
{
	char line[128];
	bool may = false;
	FILE *f;

	f = fopen("/proc/self/status", "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapEff:", 7))
			may = strtoull(line + 7, NULL, 16) >> CAP_IPC_LOCK & 1;
	fclose(f);
	return may;
}

int mem_allow_lock(uint64_t len)
{
	uint64_t want = proc_kb("/proc/self/status", "VmLck") + len;
	struct rlimit lim;

	if (getrlimit(RLIMIT_MEMLOCK, &lim) || lim.rlim_cur == RLIM_INFINITY ||
	    lim.rlim_cur >= want)
		return 0;
	lim.rlim_cur = want;
	if (lim.rlim_max != RLIM_INFINITY && lim.rlim_max < want)
		lim.rlim_max = want;
	if (!setrlimit(RLIMIT_MEMLOCK, &lim) || may_lock_anything())
		return 0;
	getrlimit(RLIMIT_MEMLOCK, &lim);
	return fail("RLIMIT_MEMLOCK is %llu KiB, %llu KiB are needed: run as root, 'ulimit -l %llu', or use a smaller --size",
		    (unsigned long long)(lim.rlim_cur / KIB), (unsigned long long)(want / KIB),
		    (unsigned long long)(want / KIB));
}
