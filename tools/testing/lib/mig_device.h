/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The software devices that migrate as the tests see them, and the dirty pages of their
 * container.
 */
#ifndef IOASID_TEST_MIG_DEVICE_H
#define IOASID_TEST_MIG_DEVICE_H

#include "lib/mdev_device.h"
#include "lib/mig.h"

/* --- the device --- */

static inline uint64_t mig_get(int device, enum mig_register reg)
{
	uint64_t value = UINT64_MAX;

	return pread(device, &value, 8, MIG_REGION(VFIO_PCI_BAR0_REGION_INDEX) + reg) == 8 ?
	       value : UINT64_MAX;
}

static inline bool mig_set(int device, enum mig_register reg, uint64_t value)
{
	return pwrite(device, &value, 8, MIG_REGION(VFIO_PCI_BAR0_REGION_INDEX) + reg) == 8;
}

/* 0 or the errno. */
static inline long mig_do(int device, enum mig_command command)
{
	mig_set(device, MIG_COMMAND, command);
	return mig_get(device, MIG_ERROR);
}

/* The window is @pages from MDEV_IOVA on. */
static inline bool mig_begin(int device, uint64_t seed, uint64_t pages)
{
	return mig_set(device, MIG_SEED, seed) && mig_set(device, MIG_BASE, MDEV_IOVA) &&
	       mig_set(device, MIG_PAGES, pages);
}

static inline long mig_write(int device, uint64_t n)
{
	mig_set(device, MIG_COUNT, n);
	return mig_do(device, MIG_DO_WRITE);
}

static inline long mig_pin(int device, uint64_t n)
{
	mig_set(device, MIG_COUNT, n);
	return mig_do(device, MIG_DO_PIN);
}

/* The next state: the stream, if it begins one, 0 without one, or -1. */
static inline int mig_state(int device, enum vfio_device_mig_state state)
{
	struct {
		uint32_t argsz;
		uint32_t flags;
		struct vfio_device_feature_mig_state state;
	} arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		.state = { .device_state = state, .data_fd = -1 },
	};

	if (ioctl(device, VFIO_DEVICE_FEATURE, &arg))
		return -1;
	return arg.state.data_fd < 0 ? 0 : arg.state.data_fd;
}

/* --- dirty pages; @page is relative to MDEV_IOVA, a bitmap is cleared before --- */

static inline int mig_track(const struct backend *d, uint32_t flag)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = flag };

	return ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static inline bool mig_bit(const uint64_t *bits, uint64_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static inline int mig_dirty_get(const struct backend *d, uint64_t page, uint64_t n, uint64_t *bits)
{
	struct {
		uint32_t argsz;
		uint32_t flags;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} q = {
		.argsz = sizeof(q),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		.get = {
			.iova = MDEV_IOVA + page * PAGE, .size = n * PAGE,
			.bitmap = { PAGE, (n + 63) / 64 * 8, (void *)bits },
		},
	};

	memset(bits, 0, (n + 63) / 64 * 8);
	return ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, &q);
}

static inline int mig_dirty_unmap(const struct backend *d, uint64_t page, uint64_t n, uint64_t *bits)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} q = {
		.unmap = {
			.argsz = sizeof(q), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = MDEV_IOVA + page * PAGE, .size = n * PAGE,
		},
		.bitmap = { PAGE, (n + 63) / 64 * 8, (void *)bits },
	};

	memset(bits, 0, (n + 63) / 64 * 8);
	return ioctl(d->fd, VFIO_IOMMU_UNMAP_DMA, &q) || q.unmap.size != n * PAGE ? -1 : 0;
}

#endif
