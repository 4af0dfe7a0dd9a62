// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures of a map whose pages are charged already (charge_shared): the books are not there
 * yet, and what is mapped is entered on the way. Whatever fails, the owner is charged
 * for what is pinned, once for each page.
 */
#include "fail/sweep.h"
#include "lib/ioasid.h"

#define IOVA	0x40000000ULL
#define PAGES	24
#define PART	16

FIXTURE(shared) {
	struct world w;
};

static uint32_t second;		/* a further address space */

static bool first_map(struct world *w)
{
	return native_map(w->d.fd, 0, NATIVE_FIXED, IOVA, w->mem, PART * PAGE) == IOVA;
}

FIXTURE_SETUP(shared)
{
	struct world *w = &self->w;

	ASSERT_TRUE(world_open(w, PAGES * PAGE));
	second = native_alloc(w->d.fd);
	ASSERT_LT(1, (int)second);
	ASSERT_EQ(0, native_set(w->d.fd, 0, IOASID_OPTION_CHARGE_SHARED, 1));
	ASSERT_EQ(0, native_set(w->d.fd, second, IOASID_OPTION_CHARGE_SHARED, 1));
	ASSERT_TRUE(first_map(w));
	ASSERT_EQ(PART * 4L, locked_kib());
}

FIXTURE_TEARDOWN(shared)
{
	backend_close(&self->w.d);
	EXPECT_EQ(0, locked_kib());
}

/* Nothing is in books: the next call makes them anew. */
static bool alone_ready(struct world *w)
{
	return native_unmap_all(w->d.fd, 0) == (long long)(PART * PAGE) && first_map(w);
}

/* Half of it is charged already. */
static bool overlap_call(struct world *w)
{
	return native_map(w->d.fd, second, NATIVE_FIXED, IOVA, w->mem + (PAGES - PART) * PAGE,
			  PART * PAGE) == IOVA;
}

static bool overlap_undo(struct world *w)
{
	if (locked_kib() != 4L * PAGES)
		return sweep_complain("VmLck is wrong");
	return native_unmap_all(w->d.fd, second) == (long long)(PART * PAGE);
}

TEST_F_TIMEOUT(shared, begins, 120)
{
	static const struct flow flow = {
		.ready = alone_ready, .call = overlap_call, .undo = overlap_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* The books are there, and what comes is new in part. */
static bool joined_ready(struct world *w)
{
	return native_map(w->d.fd, second, NATIVE_FIXED, 2 * IOVA, w->mem, PAGE) == 2 * IOVA &&
	       native_unmap(w->d.fd, second, 2 * IOVA, PAGE) == (long long)PAGE;
}

TEST_F_TIMEOUT(shared, goes_on, 120)
{
	static const struct flow flow = {
		.ready = joined_ready, .call = overlap_call, .undo = overlap_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool unmap_ready(struct world *w)
{
	return overlap_call(w);
}

static bool unmap_call(struct world *w)
{
	return native_unmap_all(w->d.fd, second) == (long long)(PART * PAGE);
}

static bool unmap_undo(struct world *w)
{
	(void)w;
	return true;
}

/* The answer cannot be copied out when all is done. */
static bool is_unmapped(struct world *w)
{
	if (locked_kib() != 4L * PART)
		return false;
	return overlap_call(w) && unmap_call(w);
}

TEST_F_TIMEOUT(shared, ends, 120)
{
	static const struct flow flow = {
		.ready = unmap_ready, .call = unmap_call, .undo = unmap_undo,
		.gone = is_unmapped,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
