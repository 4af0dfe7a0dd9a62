// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures in maps with holes, and in unmaps of parts of them: nothing was done, or all of it,
 * and no page is taken for a hole.
 */
#include "fail/cut.h"

#define IOVA		0x40000000ULL
#define PAGES		24
#define HOLES		(7ULL << 6 | 1ULL << 20)	/* pages */

/* A /dev/ioasid with a device behind it. */
FIXTURE(sparse) {
	struct world w;
	struct backend edu;
};

FIXTURE_SETUP(sparse)
{
	ASSERT_TRUE(world_open(&self->w, PAGES * PAGE));
	ASSERT_TRUE(native_attach(self->w.d.fd, &self->edu, DEVICE_EDU));
}

FIXTURE_TEARDOWN(sparse)
{
	backend_close(&self->edu);
	backend_close(&self->w.d);
	EXPECT_EQ(0, locked_kib());
}

static int track(struct world *w, uint32_t op)
{
	return native_dirty(w->d.fd, op, 0, 0, 0, NULL, 0);
}

/* Tracked, so that there are bits for the holes as well. */
static bool sparse_ready(struct world *w)
{
	return !mprotect(w->mem + 6 * PAGE, 3 * PAGE, PROT_NONE) &&
	       !mprotect(w->mem + 20 * PAGE, PAGE, PROT_NONE) &&
	       !track(w, IOASID_DIRTY_OP_START);
}

static bool sparse_call(struct world *w)
{
	struct ioasid_iova_range holes[4];
	uint32_t nr = 4;
	uint64_t mapped;

	if (native_map_sparse(w->d.fd, 0, NATIVE_FIXED, IOVA, w->mem, w->bytes, holes, &nr,
			      &mapped) != IOVA)
		return false;
	return (nr == 2 && mapped == w->bytes - 4 * PAGE) || sweep_complain("it has other holes");
}

static bool sparse_undo(struct world *w)
{
	return native_unmap_all(w->d.fd, 0) == w->bytes && !track(w, IOASID_DIRTY_OP_STOP);
}

TEST_F_TIMEOUT(sparse, map_sparse, 120)
{
	static const struct flow flow = {
		.ready = sparse_ready, .call = sparse_call, .undo = sparse_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool sparse_cut_ready(struct world *w)
{
	struct ioasid_get_info info = native_info(w->d.fd, 0);

	return (info.out_maps || (sparse_ready(w) && sparse_call(w))) &&
	       native_info(w->d.fd, 0).out_maps == 1;
}

/* Both ends are cut, one of them within a hole. */
static bool sparse_cut_call(struct world *w)
{
	return cut_unmap(w, IOVA + 7 * PAGE, ((1ULL << CUT_PAGES) - 1) & ~(HOLES >> 7),
			 "other pages are dirty");
}

static bool sparse_cut_gone(struct world *w)
{
	return cut_is_gone(w, native_info(w->d.fd, 0).out_pinned == PAGES - 4);
}

static bool sparse_cut_undo(struct world *w)
{
	return cut_unmap_rest(w) && !track(w, IOASID_DIRTY_OP_STOP);
}

TEST_F_TIMEOUT(sparse, cut_sparse, 60)
{
	static const struct flow flow = {
		.ready = sparse_cut_ready, .call = sparse_cut_call, .undo = sparse_cut_undo,
		.gone = sparse_cut_gone,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
