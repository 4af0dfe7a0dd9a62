// SPDX-License-Identifier: GPL-2.0-only
/*
 * What charge_shared costs, in instructions. It needs a machine that counts them, where a
 * nanosecond is one instruction:
 *
 *	tools/testing/vm/run --icount -- env DISTINCT_COST=1 tools/testing/run -t 0 native/distinct_cost.long
 *
 * Without DISTINCT_COST it prints what it measures, and nothing is too much.
 */
#include <stdlib.h>
#include <time.h>

#include "distinct.h"

#define IOVA	0x100000000ULL
#define ROUNDS	300
#define SERIES	5
#define BIG	(64 * MIB / PAGE)

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

struct cost {
	uint64_t map;
	uint64_t unmap;
};

/* One map and one unmap; the least of some means, because an interrupt only ever adds. */
static struct cost measure(int fd, const char *mem, uint64_t pages, int rounds)
{
	struct cost least = { UINT64_MAX, UINT64_MAX };
	int i, series;

	for (series = 0; series < SERIES; series++) {
		struct cost c = {};

		for (i = 0; i < rounds; i++) {
			uint64_t t = now(), u;
			bool ok = distinct_map(fd, IOVA, mem, pages);

			u = now();
			c.map += u - t;
			if (!ok || !distinct_unmap(fd, IOVA, pages))
				abort();
			c.unmap += now() - u;
		}
		if (c.map / rounds < least.map)
			least.map = c.map / rounds;
		if (c.unmap / rounds < least.unmap)
			least.unmap = c.unmap / rounds;
	}
	return least;
}

static void say(const char *what, struct cost c, struct cost base)
{
	TH_LOG("%-44s map %6lld (%+lld), unmap %6lld (%+lld)", what, (long long)c.map,
	       (long long)(c.map - base.map), (long long)c.unmap, (long long)(c.unmap - base.unmap));
}

static char *memory(size_t pages)
{
	char *mem = small_pages(pages * PAGE);

	if (mem != MAP_FAILED)
		memset(mem, 1, pages * PAGE);
	return mem;
}

TEST_TIMEOUT(small, 100)
{
	int off = distinct_open(false), on = distinct_open(true), other = distinct_open(true);
	int third = distinct_open(true);
	bool strict = getenv("DISTINCT_COST");
	struct cost base, alone, books, shared;
	char *mem = memory(4);

	ASSERT_NE(MAP_FAILED, mem);
	base = measure(off, mem, 1, ROUNDS);
	say("4K, charged for each mapping", base, base);
	alone = measure(on, mem, 1, ROUNDS);
	say("4K, shares nothing", alone, base);
	/* From here on the process has books. */
	ASSERT_TRUE(distinct_map(other, 0, mem + PAGE, 1));
	ASSERT_TRUE(distinct_map(third, 0, mem + PAGE, 1));
	books = measure(on, mem, 1, ROUNDS);
	say("4K, shares nothing, others of the process do", books, base);
	shared = measure(on, mem + PAGE, 1, ROUNDS);
	say("4K, is shared", shared, base);
	if (strict) {
		/* What decision 017 says. */
		EXPECT_LE(alone.map, base.map + 50);
		EXPECT_LE(alone.unmap, base.unmap + 5);
		EXPECT_LE(books.map, base.map + 600);
		EXPECT_LE(books.unmap, base.unmap + 280);
		EXPECT_LE(shared.map, base.map + 340);
		EXPECT_LE(shared.unmap, base.unmap + 150);
	}
	close(off);
	close(on);
	close(other);
	close(third);
}

static void large(const char *what, char *mem)
{
	int off = distinct_open(false), on = distinct_open(true), other = distinct_open(true);
	struct cost base, c;

	TH_LOG("%s, 64 MiB, for each page:", what);
	base = measure(off, mem, BIG, 3);
	say("charged for each mapping, 1/1000", (struct cost){ base.map * 1000 / BIG, base.unmap * 1000 / BIG },
	    (struct cost){ base.map * 1000 / BIG, base.unmap * 1000 / BIG });
	c = measure(on, mem, BIG, 3);
	say("shares nothing, 1/1000", (struct cost){ c.map * 1000 / BIG, c.unmap * 1000 / BIG },
	    (struct cost){ base.map * 1000 / BIG, base.unmap * 1000 / BIG });
	if (!distinct_map(other, 0, mem, BIG))
		abort();
	c = measure(on, mem, BIG, 3);
	say("is shared, 1/1000", (struct cost){ c.map * 1000 / BIG, c.unmap * 1000 / BIG },
	    (struct cost){ base.map * 1000 / BIG, base.unmap * 1000 / BIG });
	close(off);
	close(on);
	close(other);
}

TEST_TIMEOUT(large, 100)
{
	char *mem = memory(BIG), *huge = mmap(NULL, (BIG + 512) * PAGE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_NE(MAP_FAILED, huge);
	large("small pages", mem);
	huge = (char *)(((uintptr_t)huge + 2 * MIB - 1) & ~(2 * MIB - 1));
	madvise(huge, BIG * PAGE, MADV_HUGEPAGE);
	memset(huge, 1, BIG * PAGE);
	large("huge pages", huge);
}

TEST_HARNESS_MAIN
