// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software devices beside real ones in a container: what is charged when the
 * IOMMU is attached and detached, and which pages are dirty.
 */
#include "lib/edu.h"
#include "lib/mdev_device.h"

#define PAGES	16

FIXTURE(mixed) {
	MDEV_MEMBERS;
	int hardware;		/* a group that is not in the container yet */
};

FIXTURE_VARIANT(mixed) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(mixed, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(mixed, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(mixed)
{
	if (variant->kind == BACKEND_TYPE1 && mdev_lockdep())
		SKIP(return, "type1 calls the driver under locks that pinning takes: lockdep would end here");
	MDEV_SETUP(variant->kind, PAGES);
	self->hardware = backend_open_group(DEVICE_EDU);
	ASSERT_LE(0, self->hardware);
}

FIXTURE_TEARDOWN(mixed)
{
	close(self->hardware);
	MDEV_TEARDOWN();
}

static int attach(struct ktap_fixture_mixed *self)
{
	return ioctl(self->hardware, VFIO_GROUP_SET_CONTAINER, &self->d.fd);
}

static int detach(struct ktap_fixture_mixed *self)
{
	return ioctl(self->hardware, VFIO_GROUP_UNSET_CONTAINER);
}

/* With an IOMMU everything is pinned and charged, and a driver's pin is free. */
TEST_F(mixed, iommu_first)
{
	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	EXPECT_EQ(mdev_kib(PAGES), locked_kib());
	ASSERT_EQ(4, mdev_pin(self->device, 0, 4, MDEV_READ));
	EXPECT_EQ(mdev_kib(PAGES), locked_kib());
	EXPECT_EQ(4, mdev_unpin(self->device, 0, 4));
	EXPECT_EQ(mdev_kib(PAGES), locked_kib());
	EXPECT_EQ(1005, mdev_peek(self->device, 5));
	ASSERT_EQ(4, mdev_pin(self->device, 0, 4, MDEV_READ));
	EXPECT_EQ(PAGES, mdev_unmap(&self->d, 0, PAGES));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, detach(self));
}

/* Mapped without, then the IOMMU comes: pinned and charged late. */
TEST_F(mixed, iommu_comes_and_goes)
{
	int i;

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	EXPECT_EQ(0, locked_kib());
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, attach(self));
		EXPECT_EQ(mdev_kib(PAGES), locked_kib());
		EXPECT_EQ(self->before + PAGES, ktap_pinned());
		ASSERT_EQ(0, detach(self));
		EXPECT_EQ(0, locked_kib());
		EXPECT_EQ(self->before, ktap_pinned());
	}
	EXPECT_EQ(PAGES, mdev_unmap(&self->d, 0, PAGES));
}

/* A page that a driver has pinned is not charged again for the IOMMU. */
TEST_F(mixed, pinned_pages_are_charged_once)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	ASSERT_EQ(4, mdev_pin(self->device, 2, 4, MDEV_READ));
	EXPECT_EQ(mdev_kib(4), locked_kib());
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(mdev_kib(PAGES), locked_kib());
	/* Two more, under the IOMMU, and two less. */
	ASSERT_EQ(2, mdev_pin(self->device, 10, 2, MDEV_READ));
	EXPECT_EQ(mdev_kib(PAGES), locked_kib());
	ASSERT_EQ(2, mdev_unpin(self->device, 2, 2));
	/* Only the driver's pins are left. */
	ASSERT_EQ(0, detach(self));
	EXPECT_EQ(mdev_kib(4), locked_kib());
	EXPECT_EQ(self->before + 4, ktap_pinned());
	EXPECT_EQ(4, mdev_unpin(self->device, 4, 2) + mdev_unpin(self->device, 10, 2));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(PAGES, mdev_unmap(&self->d, 0, PAGES));
}

/* A limit that holds exactly what is mapped is enough, pinned before or not. */
TEST_F(mixed, limit_for_the_iommu)
{
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(PAGES * PAGE));
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(mdev_kib(PAGES), locked_kib());
	ASSERT_EQ(0, detach(self));
	ASSERT_EQ(4, mdev_pin(self->device, 0, 4, MDEV_READ));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(mdev_kib(PAGES), locked_kib());
	ASSERT_EQ(0, detach(self));
	EXPECT_EQ(4, mdev_unpin(self->device, 0, 4));
	/* One page less is not. */
	ASSERT_TRUE(set_memlock(PAGES * PAGE - 1));
	EXPECT_REFUSED(&self->d, ENOMEM, attach(self));
	EXPECT_EQ(1003, mdev_peek(self->device, 3));
}

/* What cannot be pinned, or lies where the IOMMU cannot have it, keeps it out. */
TEST_F(mixed, iommu_is_refused)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 4, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 8, NULL, 1, MAP_RW));
	EXPECT_REFUSED(&self->d, EFAULT, attach(self));
	EXPECT_EQ(1, mdev_unmap(&self->d, 8, 1));
	ASSERT_EQ(0, backend_map(&self->d, MSI_START, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL, attach(self));
	EXPECT_EQ(PAGE, backend_unmap(&self->d, MSI_START, PAGE));
	ASSERT_EQ(0, backend_map(&self->d, 1ULL << 60, self->mem, PAGE, MAP_RW));
	/* Type1 leaves it to the IOMMU driver to find out, and so the errno. */
	EXPECT_EQ(-1, attach(self));
	if (variant->kind != BACKEND_TYPE1)
		EXPECT_REFUSED(&self->d, EINVAL, attach(self));
	EXPECT_EQ(PAGE, backend_unmap(&self->d, 1ULL << 60, PAGE));
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(mdev_kib(4), locked_kib());
	/* From now on the window holds for all. */
	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, MSI_START, self->mem, PAGE,
						     MAP_RW));
}

/* The device sees by DMA what the driver wrote, and the other way round. */
TEST_F(mixed, dma_and_driver_see_the_same)
{
	struct backend hw = { .fd = self->d.fd, .group = self->hardware };
	uint64_t word = 0x0123456789abcdefULL, seen = 0;
	volatile char *bar;
	int edu;

	ASSERT_EQ(0, backend_map(&self->d, 0x1000000, self->mem, 2 * PAGE, MAP_RW));
	ASSERT_EQ(0, mdev_copy(self->device, 0x1000000, &word, 8, true, true));
	ASSERT_EQ(0, attach(self));
	edu = backend_device(&hw, DEVICE_EDU);
	ASSERT_LE(0, edu);
	bar = edu_open(edu);
	ASSERT_TRUE(bar);
	ASSERT_TRUE(edu_copy(bar, 0x1000000, 0x1000000 + PAGE, PAGE));
	ASSERT_EQ(0, mdev_copy(self->device, 0x1000000 + PAGE, &seen, 8, false, true));
	EXPECT_EQ(word, seen);
	munmap((void *)(uintptr_t)bar, MIB);
	close(edu);
}

/* --- dirty pages --- */

static int track(const struct backend *d, uint32_t flags)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = flags };

	return ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

/* Dirty bits of all PAGES pages, or -1. */
static long dirty_bits(const struct backend *d)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} get = {
		.head = {
			.argsz = sizeof(get),
			.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		},
		.get = { .iova = MDEV_IOVA, .size = PAGES * PAGE },
	};
	uint64_t bits = 0;

	get.get.bitmap = (struct vfio_bitmap){ PAGE, sizeof(bits), (void *)&bits };
	return ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, &get) ? -1 : (long)bits;
}

TEST_F(mixed, dirty_pages_of_drivers)
{
	const struct backend *d = &self->d;
	char word[8] = "written";

	ASSERT_EQ(0, mdev_map(d, 0, self->mem, PAGES, MAP_RW));
	ASSERT_EQ(2, mdev_pin(self->device, 3, 2, MDEV_READ | MDEV_WRITE));
	ASSERT_EQ(0, track(d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	/* Pinned is dirty, each time. */
	EXPECT_EQ(0x18, dirty_bits(d));
	EXPECT_EQ(0x18, dirty_bits(d));
	/* Written is dirty once. Read is not. */
	ASSERT_EQ(0, mdev_copy(self->device, MDEV_IOVA + 8 * PAGE - 4, word, 8, true, false));
	ASSERT_EQ(0, mdev_copy(self->device, MDEV_IOVA + 10 * PAGE, word, 8, false, false));
	EXPECT_EQ(0x198, dirty_bits(d));
	EXPECT_EQ(0x18, dirty_bits(d));
	/* Unpinned was dirty until then. */
	EXPECT_EQ(1, mdev_unpin(self->device, 4, 1));
	dirty_bits(d);
	EXPECT_EQ(0x8, dirty_bits(d));
	ASSERT_EQ(1, mdev_pin(self->device, 12, 1, MDEV_READ));
	EXPECT_EQ(0x1008, dirty_bits(d));
	EXPECT_EQ(2, mdev_unpin(self->device, 3, 1) + mdev_unpin(self->device, 12, 1));
	dirty_bits(d);
	EXPECT_EQ(0, dirty_bits(d));

	/* A device that writes unseen makes it all dirty, and for once when it goes. */
	ASSERT_EQ(0, attach(self));
	EXPECT_EQ(0xffff, dirty_bits(d));
	EXPECT_EQ(0xffff, dirty_bits(d));
	ASSERT_EQ(0, detach(self));
	EXPECT_EQ(0xffff, dirty_bits(d));
	EXPECT_EQ(0, dirty_bits(d));
	EXPECT_EQ(0, track(d, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
	EXPECT_EQ(-1, dirty_bits(d));
}

/* Mapped while tracking is on: clean until a driver pins it. */
TEST_F(mixed, dirty_pages_of_new_mappings)
{
	const struct backend *d = &self->d;

	ASSERT_EQ(0, track(d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	EXPECT_EQ(0, track(d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	ASSERT_EQ(0, mdev_map(d, 0, self->mem, 4, MAP_RW));
	ASSERT_EQ(0, mdev_map(d, 4, self->mem, PAGES - 4, MAP_RW));
	EXPECT_EQ(0, dirty_bits(d));
	ASSERT_EQ(4, mdev_pin(self->device, 2, 4, MDEV_WRITE));
	EXPECT_EQ(0x3c, dirty_bits(d));
	EXPECT_EQ(4, mdev_unmap(d, 0, 4));
	EXPECT_EQ(0x30, dirty_bits(d));
	EXPECT_EQ(0, track(d, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
	EXPECT_EQ(0, track(d, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
}

/*
 * Mapped by a child that is gone before the IOMMU comes. (Type1 pins whatever
 * the attaching process has at that address.)
 */
TEST(owner_is_gone)
{
	char *mem = mdev_memory(4);
	int hardware, status;
	struct backend d;
	pid_t pid;

	ASSERT_TRUE(mem);
	ASSERT_TRUE(backend_open(&d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, MDEV_NAME(0)));
	hardware = backend_open_group(DEVICE_EDU);
	ASSERT_LE(0, hardware);
	pid = fork();
	if (!pid)
		_exit(mdev_map(&d, 0, mem, 4, MAP_RW) != 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_REFUSED(&d, EFAULT, ioctl(hardware, VFIO_GROUP_SET_CONTAINER, &d.fd));
	EXPECT_EQ(4, mdev_unmap(&d, 0, 4));
	EXPECT_EQ(0, ioctl(hardware, VFIO_GROUP_SET_CONTAINER, &d.fd));
	close(hardware);
	backend_close(&d);
}

TEST_HARNESS_MAIN
