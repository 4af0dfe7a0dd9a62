// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the map of large memory costs, untouched or there, and what help with it saves: for
 * docs/start-of-large-guests.md. It prints, and decides nothing.
 *
 *	vm/run --mttcg --cpus 2 --mem 3072 --hugepages 520 -- tools/testing/run -t 0 lifetime/help_cost.long
 *	vm/run --icount --mem 3072 --hugepages 520 -- tools/testing/run -t 0 lifetime/help_cost.long
 *
 * With two processors: milliseconds for each way to a map of 1 GiB. With one, where a nanosecond
 * is an instruction: what each step takes for each page of 4K.
 */
#include <pthread.h>

#include "lib/edu.h"
#include "lib/map_event.h"
#include "lib/scatter.h"

#define SIZE	GIB
#define PAGES	(SIZE / PAGE)
#define IOVA	0x100000000ULL
#define WORKERS	"/sys/module/ioasid/parameters/pin_workers"
#define SHMEM	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"
/* The least of them is what counts on a machine that is not idle. */
#define ROUNDS	100

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum memory { SMALL, THP, HUGETLB, SHMEM_HUGE, UNTOUCHED, THERE = UNTOUCHED, SCATTERED, KINDS };
static const char *const memory_name[] = {
	"4K", "transparent huge pages", "hugetlb, 2M", "shared, huge pages",
	"4K that is there", "4K that is there, scattered",
};

static char *memory_get(enum memory kind, char **whole)
{
	int flags = (kind == SHMEM_HUGE ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS |
		    (kind == HUGETLB ? MAP_HUGETLB : 0);
	char *mem;

	*whole = mmap(NULL, SIZE + 2 * MIB, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (*whole == MAP_FAILED)
		return NULL;
	mem = (char *)(((uintptr_t)*whole + 2 * MIB - 1) & ~(2 * MIB - 1));
	if (kind != HUGETLB)
		madvise(mem, SIZE, kind == THP || kind == SHMEM_HUGE ? MADV_HUGEPAGE :
								       MADV_NOHUGEPAGE);
	if (kind >= THERE && madvise(mem, SIZE, MADV_POPULATE_WRITE))
		return NULL;
	if (kind == SCATTERED)
		scatter(mem, SIZE);
	return mem;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* As the threads of a monitor that preallocates. */
static void *populate(void *at)
{
	madvise(at, SIZE / 2, MADV_POPULATE_WRITE);
	return NULL;
}

static void populate_by_two(char *mem)
{
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, populate, mem + i * (SIZE / 2));
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct way {
	const char *name;
	enum backend_kind kind;
	const char *workers;	/* NULL: populated by two threads before */
};

static const struct way ways[] = {
	{ "type1", BACKEND_TYPE1, "4" },
	{ "type1, after two threads have touched it", BACKEND_TYPE1, NULL },
	{ "ioasid, pin_workers=0", BACKEND_SHIM, "0" },
	{ "ioasid", BACKEND_SHIM, "4" },
};

/* How many threads helped with the last map of ioasid, if that is recorded. */
static int helped;

/* One map, of memory that is new, or there: milliseconds, or -1. */
static double one(const struct way *way, enum memory kind, char *there)
{
	char *mem = there, *whole = NULL;
	struct backend d;
	double t;
	int ret;

	if (!file_write(WORKERS, way->workers ?: "4") ||
	    !backend_open(&d, way->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME))
		return -1;
	if (!mem)
		mem = memory_get(kind, &whole);
	if (!mem)
		return -1;
	t = now_ms();
	if (!way->workers)
		populate_by_two(mem);
	ret = backend_map(&d, IOVA, mem, SIZE, MAP_RW);
	t = now_ms() - t;
	helped = map_event("helpers");
	backend_close(&d);
	if (whole)
		munmap(whole, SIZE + 2 * MIB);
	return ret ? -1 : t;
}

#define HELPED	(sizeof(ways) / sizeof(*ways) - 1)

/* Is there such a way to this memory? What is there was touched before. */
static bool way_is(size_t w, int kind)
{
	return ways[w].workers || kind < UNTOUCHED;
}

/* In turn, so that each finds the machine as the others do. */
static bool rounds(int kind, double ms[][ROUNDS], size_t nr, int *help)
{
	char *whole = NULL, *there = kind >= THERE ? memory_get(kind, &whole) : NULL;
	size_t w, r;

	if (kind >= THERE && !there)
		return false;
	for (r = 0; r < nr; r++)
		for (w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
			ms[w][r] = way_is(w, kind) ? one(&ways[w], kind, there) : 0;
			if (ms[w][r] < 0)
				return false;
			*help += w == HELPED && helped > 0;
		}
	if (whole)
		munmap(whole, SIZE + 2 * MIB);
	return true;
}

/* Maps of memory of kinds [first, last). */
static void wall(struct ktap_test *_self, int first, int last, size_t nr)
{
	double ms[sizeof(ways) / sizeof(*ways)][ROUNDS];
	int kind, help;
	size_t w;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor");
	ASSERT_TRUE(file_write(SHMEM, "advise") && map_event_record(true));
	printf("# | memory | way | median, ms | least | most |\n");
	for (kind = first; kind < last; kind++) {
		help = 0;
		ASSERT_TRUE(rounds(kind, ms, nr, &help));
		for (w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
			if (!way_is(w, kind))
				continue;
			qsort(ms[w], nr, sizeof(double), by_size);
			printf("# | %s | %s | %.0f | %.0f | %.0f |\n", memory_name[kind],
			       ways[w].name, ms[w][nr / 2], ms[w][0], ms[w][nr - 1]);
			fflush(stdout);
		}
		printf("# threads helped with %d of %zu\n", help, nr);
	}
	EXPECT_TRUE(file_write(WORKERS, "4") && file_write(SHMEM, "never") && map_event_record(false));
}

TEST_TIMEOUT(there, 3600)
{
	wall(_self, THERE, KINDS, ROUNDS);
}

/* Zeroing takes long. */
TEST_TIMEOUT(untouched, 3600)
{
	wall(_self, 0, UNTOUCHED, ROUNDS / 10);
}

TEST_TIMEOUT(steps, 3600)
{
	static const struct way way = { "ioasid", BACKEND_SHIM, "0" };
	char *mem, *whole;
	double touch, type1, pin, pinned, account, iommu, total;
	struct backend d;
	int kind;

	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		SKIP(return, "not with --icount");
	printf("# | memory | touch alone | ioasid: touch and pin | charge | page tables | all | pin, of touched memory | type1 |\n");
	ASSERT_TRUE(file_write(SHMEM, "advise"));
	for (kind = 0; kind < UNTOUCHED; kind++) {
		mem = memory_get(kind, &whole);
		ASSERT_TRUE(mem);
		touch = now_ms();
		ASSERT_EQ(0, madvise(mem, SIZE, MADV_POPULATE_WRITE));
		touch = now_ms() - touch;
		ASSERT_TRUE(map_event_record(true));
		ASSERT_TRUE(backend_open(&d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
		ASSERT_EQ(0, backend_map(&d, IOVA, mem, SIZE, MAP_RW));
		pin = map_event("ns_pin");
		backend_close(&d);
		munmap(whole, SIZE + 2 * MIB);
		total = one(&way, kind, NULL);
		pinned = map_event("ns_pin");
		account = map_event("ns_account");
		iommu = map_event("ns_iommu");
		ASSERT_TRUE(map_event_record(false));
		type1 = one(&ways[0], kind, NULL);
		printf("# | %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n",
		       memory_name[kind], touch * 1e6 / PAGES, pinned / PAGES,
		       account / PAGES, iommu / PAGES, total * 1e6 / PAGES, pin / PAGES,
		       type1 * 1e6 / PAGES);
		fflush(stdout);
	}
	EXPECT_TRUE(file_write(WORKERS, "4"));
}

TEST_HARNESS_MAIN
