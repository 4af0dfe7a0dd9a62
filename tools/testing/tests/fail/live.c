// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures in what migration and live update use: dirty tracking and new
 * virtual addresses.
 */
#include "fail/sweep.h"

#define IOVA	0x40000000ULL
#define BYTES	(4 * MIB)

FIXTURE(live) {
	struct world w;
};

FIXTURE_SETUP(live)
{
	self->w.mem = small_pages(BYTES);
	ASSERT_NE(MAP_FAILED, self->w.mem);
	memset(self->w.mem, 1, BYTES);
	self->w.bytes = BYTES;
	ASSERT_TRUE(backend_open(&self->w.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	ASSERT_EQ(0, backend_map(&self->w.d, IOVA, self->w.mem, BYTES, MAP_RW));
}

FIXTURE_TEARDOWN(live)
{
	EXPECT_EQ(BYTES, backend_unmap_all(&self->w.d));
	EXPECT_EQ(0, locked_kib());
	backend_close(&self->w.d);
}

/* --- dirty tracking --- */

static bool tracking(struct world *w, uint32_t flag)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = flag };

	return !ioctl(w->d.fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static bool start_call(struct world *w)
{
	return tracking(w, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
}

static bool stop_call(struct world *w)
{
	return tracking(w, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static bool nothing_undo(struct world *w)
{
	(void)w;
	return true;
}

TEST_F_TIMEOUT(live, dirty_start, 60)
{
	static const struct flow flow = { .call = start_call, .undo = stop_call };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

TEST_F_TIMEOUT(live, dirty_stop, 60)
{
	static const struct flow flow = {
		.ready = start_call, .call = stop_call, .undo = nothing_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* The bitmap of BYTES, and one word on each side that the kernel must not touch. */
static uint64_t bitmap[1 + BYTES / PAGE / 64 + 1];

static void bitmap_clear(void)
{
	memset(bitmap, 0, sizeof(bitmap));
	bitmap[0] = bitmap[BYTES / PAGE / 64 + 1] = 0x5a5a5a5a5a5a5a5aULL;
}

/* Everything is dirty: a device is there that may write unseen. */
static bool bitmap_is_right(void)
{
	unsigned int i;

	for (i = 1; i <= BYTES / PAGE / 64; i++)
		if (bitmap[i] != UINT64_MAX)
			return false;
	return bitmap[0] == 0x5a5a5a5a5a5a5a5aULL &&
	       bitmap[BYTES / PAGE / 64 + 1] == 0x5a5a5a5a5a5a5a5aULL;
}

static bool get_call(struct world *w)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} dirty = {
		.head = {
			.argsz = sizeof(dirty),
			.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		},
		.get = {
			.iova = IOVA,
			.size = BYTES,
			.bitmap = {
				.pgsize = PAGE,
				.size = BYTES / PAGE / 8,
				.data = (void *)&bitmap[1],
			},
		},
	};

	bitmap_clear();
	return !ioctl(w->d.fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static bool get_undo(struct world *w)
{
	(void)w;
	return bitmap_is_right();
}

TEST_F_TIMEOUT(live, dirty_get, 60)
{
	static const struct flow flow = { .call = get_call, .undo = get_undo };

	ASSERT_TRUE(start_call(&self->w));
	EXPECT_TRUE(sweep(&self->w, &flow));
	EXPECT_TRUE(stop_call(&self->w));
}

/* UNMAP that says what was dirty: fails as a whole, or tells everything. */
static bool unmap_dirty_call(struct world *w)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} call = {
		.unmap = {
			.argsz = sizeof(call),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = IOVA,
			.size = BYTES,
		},
		.bitmap = {
			.pgsize = PAGE,
			.size = BYTES / PAGE / 8,
			.data = (void *)&bitmap[1],
		},
	};

	bitmap_clear();
	return !ioctl(w->d.fd, VFIO_IOMMU_UNMAP_DMA, &call);
}

static bool map_again(struct world *w)
{
	return bitmap_is_right() && !backend_map(&w->d, IOVA, w->mem, BYTES, MAP_RW);
}

/* The copies to the user come after the point of no return. */
static bool is_unmapped(struct world *w)
{
	if (errno != EFAULT || backend_avail(&w->d) != 65535)
		return false;
	/* What was written before the copy that failed is of no use. */
	memset(&bitmap[1], 0xff, BYTES / PAGE / 8);
	return true;
}

TEST_F_TIMEOUT(live, unmap_dirty, 60)
{
	static const struct flow flow = {
		.call = unmap_dirty_call, .undo = map_again, .gone = is_unmapped,
	};

	ASSERT_TRUE(start_call(&self->w));
	EXPECT_TRUE(sweep(&self->w, &flow));
	EXPECT_TRUE(stop_call(&self->w));
}

/* A mapping made while tracking is on brings its bitmap along. */
static bool map_call(struct world *w)
{
	return !backend_map(&w->d, IOVA + GIB, w->mem, 16 * PAGE, MAP_RW);
}

static bool map_undo(struct world *w)
{
	return backend_unmap(&w->d, IOVA + GIB, 16 * PAGE) == 16 * PAGE;
}

TEST_F_TIMEOUT(live, map_while_tracking, 60)
{
	static const struct flow flow = { .call = map_call, .undo = map_undo };

	ASSERT_TRUE(start_call(&self->w));
	EXPECT_TRUE(sweep(&self->w, &flow));
	EXPECT_TRUE(stop_call(&self->w));
}

/* --- new virtual addresses --- */

static bool invalidate_call(struct world *w)
{
	return backend_unmap_flags(&w->d, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL |
				   VFIO_DMA_UNMAP_FLAG_VADDR) == (long long)BYTES;
}

static bool update_call(struct world *w)
{
	return !backend_map(&w->d, IOVA, w->mem, BYTES, VFIO_DMA_MAP_FLAG_VADDR);
}

/* Said to have failed, but a second one finds it done already. */
static bool is_invalidated(struct world *w)
{
	if (errno != EFAULT)
		return false;
	if (!invalidate_call(w))
		return errno == EINVAL;
	/* It had not been done, and asking has done it. */
	if (!update_call(w))
		abort();
	return false;
}

TEST_F_TIMEOUT(live, vaddr_invalidate, 60)
{
	static const struct flow flow = {
		.call = invalidate_call, .undo = update_call, .gone = is_invalidated,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

TEST_F_TIMEOUT(live, vaddr_update, 60)
{
	static const struct flow flow = {
		.ready = invalidate_call, .call = update_call, .undo = nothing_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
