// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module parameter dma_entry_limit: sampled when a container chooses its
 * driver, counted down by maps and up by unmaps.
 */
#include "lib/container.h"

#define IOVA	0x10000000ULL

FIXTURE(limit) {
	struct door d;
	char *mem;
};

FIXTURE_VARIANT(limit) {
	enum door_kind kind;
};

FIXTURE_VARIANT_ADD(limit, ioasid) { .kind = DOOR_IOASID };
FIXTURE_VARIANT_ADD(limit, shim) { .kind = DOOR_SHIM };
FIXTURE_VARIANT_ADD(limit, type1) { .kind = DOOR_TYPE1 };

FIXTURE_SETUP(limit)
{
	bool open;

	ASSERT_TRUE(door_limit(variant->kind, "3"));
	open = door_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DOOR_NVME);
	ASSERT_TRUE(door_limit(variant->kind, "65535"));
	ASSERT_TRUE(open);
	self->mem = door_memory(4 * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(limit)
{
	door_close(&self->d);
	EXPECT_EQ(0, door_locked());
}

TEST_F(limit, counts)
{
	const struct door *d = &self->d;
	int i;

	EXPECT_EQ(3, door_avail(d));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, door_map(d, IOVA + 2 * i * PAGE, self->mem, PAGE, DOOR_RW));
		EXPECT_EQ(2 - i, door_avail(d));
	}
	EXPECT_REFUSED(d, ENOSPC, door_map(d, 2 * IOVA, self->mem, PAGE, DOOR_RW));
	EXPECT_EQ(PAGE, door_unmap(d, IOVA + 2 * PAGE, PAGE));
	EXPECT_EQ(1, door_avail(d));
	EXPECT_EQ(0, door_map(d, 2 * IOVA, self->mem, PAGE, DOOR_RW));
	EXPECT_EQ(3 * PAGE, door_unmap_all(d));
	EXPECT_EQ(3, door_avail(d));
}

TEST_F(limit, refused_maps_do_not_count)
{
	const struct door *d = &self->d;
	int i;

	for (i = 0; i < 5; i++) {
		EXPECT_REFUSED(d, EFAULT, door_map(d, IOVA, NULL, PAGE, DOOR_RW));
		EXPECT_REFUSED(d, EINVAL, door_map(d, IOVA, self->mem, 0, DOOR_RW));
	}
	EXPECT_EQ(3, door_avail(d));
}

TEST_F(limit, order_of_checks)
{
	const struct door *d = &self->d;
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, door_map(d, IOVA + i * PAGE, self->mem, PAGE, DOOR_RW));
	EXPECT_REFUSED(d, EEXIST, door_map(d, IOVA, self->mem, PAGE, DOOR_RW));
	EXPECT_REFUSED(d, EINVAL, door_map(d, 2 * IOVA + 1, self->mem, PAGE, DOOR_RW));
	EXPECT_REFUSED(d, ENOSPC, door_map(d, DOOR_MSI_START, self->mem, PAGE, DOOR_RW));
	EXPECT_REFUSED(d, ENOSPC, door_map(d, -PAGE, self->mem, PAGE, DOOR_RW));
	EXPECT_REFUSED(d, ENOSPC, door_map(d, 2 * IOVA, NULL, PAGE, DOOR_RW));
}

/* 0 is a limit like any other; and a door keeps the one it was opened under. */
TEST_F(limit, is_sampled)
{
	struct door other;
	bool open;

	door_close(&self->d);
	ASSERT_TRUE(door_limit(variant->kind, "0"));
	open = door_open(&other, variant->kind, VFIO_TYPE1v2_IOMMU, DOOR_NVME);
	ASSERT_TRUE(door_limit(variant->kind, "65535"));
	ASSERT_TRUE(open);
	EXPECT_EQ(0, door_avail(&other));
	EXPECT_REFUSED(&other, ENOSPC, door_map(&other, IOVA, self->mem, PAGE, DOOR_RW));
	door_close(&other);
	ASSERT_TRUE(door_open(&other, variant->kind, VFIO_TYPE1v2_IOMMU, DOOR_NVME));
	EXPECT_EQ(65535, door_avail(&other));
	door_close(&other);
}

TEST_HARNESS_MAIN
