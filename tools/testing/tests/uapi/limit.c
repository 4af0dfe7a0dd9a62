// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module parameter dma_entry_limit: sampled when a container chooses its
 * driver, counted down by maps and up by unmaps.
 */
#include "lib/backend.h"

#define IOVA	0x10000000ULL

FIXTURE(limit) {
	struct backend d;
	char *mem;
};

FIXTURE_VARIANT(limit) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(limit, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(limit, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(limit, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(limit)
{
	bool open;

	ASSERT_TRUE(backend_limit(variant->kind, "3"));
	open = backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME);
	ASSERT_TRUE(backend_limit(variant->kind, "65535"));
	ASSERT_TRUE(open);
	self->mem = touched_memory(4 * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(limit)
{
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(limit, counts)
{
	const struct backend *d = &self->d;
	int i;

	EXPECT_EQ(3, backend_avail(d));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, backend_map(d, IOVA + 2 * i * PAGE, self->mem, PAGE, MAP_RW));
		EXPECT_EQ(2 - i, backend_avail(d));
	}
	EXPECT_REFUSED(d, ENOSPC, backend_map(d, 2 * IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(PAGE, backend_unmap(d, IOVA + 2 * PAGE, PAGE));
	EXPECT_EQ(1, backend_avail(d));
	EXPECT_EQ(0, backend_map(d, 2 * IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(3 * PAGE, backend_unmap_all(d));
	EXPECT_EQ(3, backend_avail(d));
}

TEST_F(limit, refused_maps_do_not_count)
{
	const struct backend *d = &self->d;
	int i;

	for (i = 0; i < 5; i++) {
		EXPECT_REFUSED(d, EFAULT, backend_map(d, IOVA, NULL, PAGE, MAP_RW));
		EXPECT_REFUSED(d, EINVAL, backend_map(d, IOVA, self->mem, 0, MAP_RW));
	}
	EXPECT_EQ(3, backend_avail(d));
}

TEST_F(limit, order_of_checks)
{
	const struct backend *d = &self->d;
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, backend_map(d, IOVA + i * PAGE, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(d, EEXIST, backend_map(d, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(d, EINVAL, backend_map(d, 2 * IOVA + 1, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(d, ENOSPC, backend_map(d, MSI_START, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(d, ENOSPC, backend_map(d, -PAGE, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(d, ENOSPC, backend_map(d, 2 * IOVA, NULL, PAGE, MAP_RW));
}

/* 0 is a limit like any other; and a backend keeps the one it was opened under. */
TEST_F(limit, is_sampled)
{
	struct backend other;
	bool open;

	backend_close(&self->d);
	ASSERT_TRUE(backend_limit(variant->kind, "0"));
	open = backend_open(&other, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME);
	ASSERT_TRUE(backend_limit(variant->kind, "65535"));
	ASSERT_TRUE(open);
	EXPECT_EQ(0, backend_avail(&other));
	EXPECT_REFUSED(&other, ENOSPC, backend_map(&other, IOVA, self->mem, PAGE, MAP_RW));
	backend_close(&other);
	ASSERT_TRUE(backend_open(&other, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	EXPECT_EQ(65535, backend_avail(&other));
	backend_close(&other);
}

TEST_HARNESS_MAIN
