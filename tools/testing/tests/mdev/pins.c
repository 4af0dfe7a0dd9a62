// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers in the kernel that pin mapped memory: what they get, who pays, what
 * an unmap does about it. On type1 as well, which defines it.
 */
#include "lib/mdev_device.h"

#define PAGES	64

FIXTURE(pins) {
	MDEV_MEMBERS;
};

FIXTURE_VARIANT(pins) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(pins, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(pins, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(pins)
{
	if (variant->kind == BACKEND_TYPE1 && mdev_lockdep())
		SKIP(return, "type1 calls the driver under locks that pinning takes: lockdep would end here");
	MDEV_SETUP(variant->kind, PAGES);
}

FIXTURE_TEARDOWN(pins)
{
	MDEV_TEARDOWN();
}

/* Without an IOMMU a map pins nothing; what a driver pins is charged once. */
TEST_F(pins, are_counted)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());

	EXPECT_EQ(1, mdev_pin(self->device, 0, 1, MDEV_READ | MDEV_WRITE));
	EXPECT_EQ(mdev_kib(1), locked_kib());
	EXPECT_EQ(1, mdev_pin(self->device, 0, 1, MDEV_READ));
	EXPECT_EQ(4, mdev_pin(self->device, 0, 4, MDEV_READ | MDEV_WRITE));
	EXPECT_EQ(mdev_kib(4), locked_kib());
	EXPECT_EQ(self->before + 4, ktap_pinned());

	EXPECT_EQ(2, mdev_unpin(self->device, 0, 2));
	EXPECT_EQ(mdev_kib(3), locked_kib());	/* page 1 is free, page 0 has two more */
	EXPECT_EQ(4, mdev_unpin(self->device, 0, 1) + mdev_unpin(self->device, 0, 4));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());
	EXPECT_EQ(PAGES, mdev_unmap(&self->d, 0, PAGES));
	EXPECT_EQ(0, mdev_state(self->device).callbacks);
}

TEST_F(pins, are_the_right_pages)
{
	int i;

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 10, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 10, self->mem + 30 * PAGE, 10, MAP_RW));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(i < 10 ? 1000 + i : 1020 + i, mdev_peek(self->device, i));
	/* The present memory, not that of the time of the map. */
	ASSERT_EQ(0, munmap(self->mem, PAGE));
	EXPECT_ERRNO(EFAULT, mdev_pin(self->device, 0, 1, MDEV_READ));
}

TEST_F(pins, arguments)
{
	struct mdev_pin odd = { .iova = MDEV_IOVA + 1, .npages = 1, .prot = 1 };

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	EXPECT_ERRNO(EINVAL, mdev_pin(self->device, 0, 0, MDEV_READ));
	EXPECT_ERRNO(E2BIG, mdev_pin(self->device, 0, 513, MDEV_READ));
	EXPECT_ERRNO(EINVAL, mdev_pin(self->device, PAGES, 1, MDEV_READ));
	EXPECT_EQ(0, locked_kib());
	/* An address within a page means the page. */
	EXPECT_EQ(1, ioctl(self->device, MDEV_PIN, &odd));
	EXPECT_EQ(mdev_kib(1), locked_kib());
	EXPECT_EQ(1, mdev_state(self->device).pinned);
}

TEST_F(pins, holes)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 4, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 4, self->mem, 4, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 9, self->mem, 4, MAP_RW));
	EXPECT_EQ(8, mdev_pin(self->device, 0, 8, MDEV_READ));
	EXPECT_EQ(8, mdev_unpin(self->device, 0, 8));
	EXPECT_REFUSED(&self->d, EINVAL, mdev_pin(self->device, 0, 9, MDEV_READ));
	EXPECT_REFUSED(&self->d, EINVAL, mdev_pin(self->device, 0, 13, MDEV_READ));
	/* What was pinned before stays pinned once. */
	EXPECT_EQ(3, mdev_pin(self->device, 2, 3, MDEV_READ));
	EXPECT_REFUSED(&self->d, EINVAL, mdev_pin(self->device, 0, 9, MDEV_READ));
	EXPECT_EQ(mdev_kib(3), locked_kib());
	/* Memory that is gone in the middle. */
	ASSERT_EQ(0, munmap(self->mem + 2 * PAGE, PAGE));
	EXPECT_REFUSED(&self->d, EFAULT, mdev_pin(self->device, 9, 4, MDEV_READ));
	EXPECT_EQ(3, mdev_unpin(self->device, 2, 3));
	EXPECT_EQ(0, locked_kib());
}

TEST_F(pins, access_rights)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 4, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, mdev_map(&self->d, 4, self->mem, 4, VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_REFUSED(&self->d, EPERM, mdev_pin(self->device, 0, 1, MDEV_WRITE));
	EXPECT_REFUSED(&self->d, EPERM, mdev_pin(self->device, 0, 1, MDEV_READ | MDEV_WRITE));
	EXPECT_REFUSED(&self->d, EPERM, mdev_pin(self->device, 4, 1, MDEV_READ));
	EXPECT_REFUSED(&self->d, EPERM, mdev_pin(self->device, 4, 1, MDEV_READ | MDEV_WRITE));
	EXPECT_REFUSED(&self->d, EPERM, mdev_pin(self->device, 0, 8, MDEV_READ));
	EXPECT_EQ(4, mdev_pin(self->device, 0, 4, MDEV_READ));
	EXPECT_EQ(4, mdev_pin(self->device, 4, 4, MDEV_WRITE));
	EXPECT_EQ(8, mdev_unpin(self->device, 0, 8));
}

TEST_F(pins, memlock)
{
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(3 * PAGE));
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	EXPECT_EQ(3, mdev_pin(self->device, 0, 3, MDEV_READ));
	EXPECT_REFUSED(&self->d, ENOMEM, mdev_pin(self->device, 3, 1, MDEV_READ));
	/* Again is not more. */
	EXPECT_EQ(3, mdev_pin(self->device, 0, 3, MDEV_READ));
	EXPECT_REFUSED(&self->d, ENOMEM, mdev_pin(self->device, 0, 4, MDEV_READ));
	EXPECT_EQ(6, mdev_unpin(self->device, 0, 3) + mdev_unpin(self->device, 0, 3));
	EXPECT_REFUSED(&self->d, ENOMEM, mdev_pin(self->device, 10, 4, MDEV_READ));
	EXPECT_EQ(3, mdev_pin(self->device, 10, 3, MDEV_READ));
	EXPECT_EQ(3, mdev_unpin(self->device, 10, 3));
}

/* The capability counts when it is mapped, also for pins of later. */
TEST_F(pins, memlock_capability)
{
	ASSERT_TRUE(set_memlock(PAGE));
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	EXPECT_EQ(20, mdev_pin(self->device, 0, 20, MDEV_READ));
	EXPECT_EQ(mdev_kib(20), locked_kib());
	EXPECT_EQ(20, mdev_unpin(self->device, 0, 20));
}

TEST_F(pins, are_dropped_by_unmap)
{
	struct mdev_state state;

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 8, self->mem, 8, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 16, self->mem, 8, MAP_RW));
	ASSERT_EQ(3, mdev_pin(self->device, 2, 3, MDEV_READ));
	ASSERT_EQ(2, mdev_pin(self->device, 15, 2, MDEV_READ));
	/* No driver is asked about pages that no driver holds. */
	ASSERT_EQ(0, mdev_map(&self->d, 32, self->mem, 1, MAP_RW));
	EXPECT_EQ(1, mdev_unmap(&self->d, 32, 1));
	EXPECT_EQ(0, mdev_state(self->device).callbacks);
	EXPECT_ERRNO(EINVAL, mdev_unmap(&self->d, 0, 7));
	EXPECT_EQ(0, mdev_state(self->device).callbacks);

	EXPECT_EQ(8, mdev_unmap(&self->d, 0, 8));
	state = mdev_state(self->device);
	EXPECT_EQ(1, state.callbacks);
	EXPECT_EQ(MDEV_IOVA, state.iova);
	EXPECT_EQ(8 * PAGE, state.length);
	EXPECT_EQ(2, state.pinned);
	EXPECT_EQ(mdev_kib(2), locked_kib());
	EXPECT_EQ(16, mdev_unmap(&self->d, 0, PAGES));
	EXPECT_EQ(0, mdev_state(self->device).pinned);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(pins, are_dropped_by_unmap_all)
{
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, mdev_map(&self->d, 2 * i, self->mem, 1, MAP_RW));
		ASSERT_EQ(1, mdev_pin(self->device, 2 * i, 1, MDEV_READ));
	}
	EXPECT_EQ(10 * PAGE, backend_unmap_all(&self->d));
	EXPECT_EQ(0, mdev_state(self->device).pinned);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(pins, are_dropped_by_close)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(8, mdev_pin(self->device, 0, 8, MDEV_READ));
	close(self->device);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());
	self->device = backend_device(&self->d, MDEV_NAME(0));
	ASSERT_LE(0, self->device);
	EXPECT_EQ(1003, mdev_peek(self->device, 3));
}

/* Both devices of a container hear of it. */
TEST_F(pins, of_two_devices)
{
	int group = backend_open_group(MDEV_NAME(1)), other;

	ASSERT_LE(0, group);
	ASSERT_EQ(0, ioctl(group, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	other = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, MDEV_NAME(1));
	ASSERT_LE(0, other);
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(4, mdev_pin(self->device, 0, 4, MDEV_READ));
	ASSERT_EQ(4, mdev_pin(other, 2, 4, MDEV_READ));
	EXPECT_EQ(mdev_kib(6), locked_kib());
	EXPECT_EQ(4, mdev_unpin(self->device, 0, 4));
	EXPECT_EQ(mdev_kib(4), locked_kib());
	ASSERT_EQ(4, mdev_pin(self->device, 0, 4, MDEV_READ));
	EXPECT_EQ(8, mdev_unmap(&self->d, 0, 8));
	EXPECT_EQ(0, mdev_state(self->device).pinned + mdev_state(other).pinned);
	close(other);
	EXPECT_EQ(0, ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
	close(group);
}

/* A driver without the callback could not be notified, and may not pin. */
TEST_F(pins, not_of_the_deaf)
{
	int group = backend_open_group(MDEV_NAME(2)), deaf;

	ASSERT_LE(0, group);
	ASSERT_EQ(0, ioctl(group, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	deaf = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, MDEV_NAME(2));
	ASSERT_LE(0, deaf);
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL, mdev_pin(deaf, 0, 1, MDEV_READ));
	/* It may still read and write. */
	EXPECT_EQ(0, mdev_copy(deaf, MDEV_IOVA, self->mem + 60 * PAGE, 16, false, false));
	close(deaf);
	close(group);
}

TEST_F(pins, not_in_v1)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	close(self->device);
	ASSERT_EQ(0, ioctl(self->d.group, VFIO_GROUP_UNSET_CONTAINER));
	ASSERT_EQ(0, ioctl(self->d.group, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	ASSERT_TRUE(backend_prefer(variant->kind));
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	self->device = backend_device(&self->d, MDEV_NAME(0));
	ASSERT_LE(0, self->device);
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	EXPECT_ERRNO(EACCES, mdev_pin(self->device, 0, 1, MDEV_READ));
}

/* Without an IOMMU there is no window, and no memory that must be there yet. */
TEST_F(pins, maps_without_an_iommu)
{
	struct vfio_iommu_type1_info *info = backend_info(&self->d);

	ASSERT_TRUE(info);
	EXPECT_FALSE(info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE));
	free(info);
	EXPECT_EQ(0, ioctl(self->d.fd, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR));
	EXPECT_EQ(0, backend_map(&self->d, MSI_START, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(0, backend_map(&self->d, 1ULL << 60, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(0, backend_map(&self->d, 0, NULL, PAGE, MAP_RW));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(3 * PAGE, backend_unmap_all(&self->d));
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 1, MAP_RW));
	EXPECT_ERRNO(EBUSY, backend_unmap_flags(&self->d, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL |
						VFIO_DMA_UNMAP_FLAG_VADDR));
	EXPECT_EQ(1, mdev_unmap(&self->d, 0, 1));
}

/* The memory of a process that has exited cannot be pinned. */
TEST_F(pins, owner_is_gone)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(mdev_map(&self->d, 0, self->mem, 8, MAP_RW) != 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_ERRNO(ENODEV, mdev_pin(self->device, 0, 1, MDEV_READ));
	EXPECT_EQ(8, mdev_unmap(&self->d, 0, 8));
}

/* A driver pins while the owner lives, and unpins after the owner has exited. */
TEST_F(pins, outlive_their_owner)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (mdev_map(&self->d, 0, self->mem, 8, MAP_RW))
			_exit(1);
		_exit(mdev_pin(self->device, 0, 8, MDEV_READ) == 8 && locked_kib() == mdev_kib(8) ?
		      0 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before + 8, ktap_pinned());
	EXPECT_EQ(8, mdev_unmap(&self->d, 0, 8));
	EXPECT_EQ(self->before, ktap_pinned());
}

/* --- read and write --- */

TEST_F(pins, read_and_write)
{
	char *copy = mdev_memory(PAGES), *mem = self->mem;
	int thread, i;

	ASSERT_TRUE(copy);
	/* Three mappings, neighbours at their IOVAs and nowhere else. */
	ASSERT_EQ(0, mdev_map(&self->d, 0, mem + 20 * PAGE, 2, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 2, mem, 1, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 3, mem + 40 * PAGE, 3, MAP_RW));
	for (thread = 0; thread < 2; thread++) {
		for (i = 0; i < 6 * (int)PAGE; i++)
			copy[i] = i * 7 + i / 251 + thread;
		ASSERT_EQ(0, mdev_copy(self->device, MDEV_IOVA + 100, copy + 100, 6 * PAGE - 300,
				       true, thread));
		EXPECT_EQ(0, memcmp(mem + 20 * PAGE + 100, copy + 100, 2 * PAGE - 100));
		EXPECT_EQ(0, memcmp(mem, copy + 2 * PAGE, PAGE));
		EXPECT_EQ(0, memcmp(mem + 40 * PAGE, copy + 3 * PAGE, 3 * PAGE - 200));
		memset(copy, 0, 6 * PAGE);
		ASSERT_EQ(0, mdev_copy(self->device, MDEV_IOVA + 2 * PAGE - 3, copy, 2 * PAGE, false,
				       thread));
		EXPECT_EQ(0, memcmp(copy, mem + 22 * PAGE - 3, 3));
		EXPECT_EQ(0, memcmp(copy + 3, mem, PAGE));
		EXPECT_EQ(0, memcmp(copy + 3 + PAGE, mem + 40 * PAGE, PAGE - 3));
	}
	EXPECT_EQ(0, locked_kib());
}

TEST_F(pins, read_and_write_refused)
{
	char *buf = mdev_memory(4);
	int device = self->device;

	ASSERT_TRUE(buf);
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 1, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, mdev_map(&self->d, 1, self->mem, 1, VFIO_DMA_MAP_FLAG_WRITE));
	ASSERT_EQ(0, mdev_map(&self->d, 4, self->mem, 1, MAP_RW));
	EXPECT_EQ(0, mdev_copy(device, MDEV_IOVA, buf, 8, false, false));
	EXPECT_ERRNO(EPERM, mdev_copy(device, MDEV_IOVA, buf, 8, true, false));
	EXPECT_ERRNO(EPERM, mdev_copy(device, MDEV_IOVA + PAGE, buf, 8, false, false));
	EXPECT_ERRNO(EPERM, mdev_copy(device, MDEV_IOVA + PAGE, buf, 8, true, false));
	EXPECT_ERRNO(EINVAL, mdev_copy(device, MDEV_IOVA + 2 * PAGE, buf, 8, false, false));
	EXPECT_ERRNO(EINVAL, mdev_copy(device, MDEV_IOVA + 5 * PAGE - 8, buf, 16, false, false));
	ASSERT_EQ(0, munmap(self->mem, PAGE));
	EXPECT_ERRNO(EFAULT, mdev_copy(device, MDEV_IOVA, buf, 8, false, false));
	EXPECT_ERRNO(EFAULT, mdev_copy(device, MDEV_IOVA, buf, 8, false, true));
}

TEST_F(pins, read_of_another_process)
{
	char word[8];
	int status;
	pid_t pid;

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 1, MAP_RW));
	pid = fork();
	if (!pid) {
		if (!mdev_copy(self->device, MDEV_IOVA, word, 8, false, false) || errno != EFAULT)
			_exit(1);
		_exit(mdev_copy(self->device, MDEV_IOVA, word, 8, false, true) != 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);

	pid = fork();
	if (!pid)
		_exit(mdev_map(&self->d, 1, self->mem, 1, MAP_RW) != 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_ERRNO(EPERM, mdev_copy(self->device, MDEV_IOVA + PAGE, word, 8, false, false));
	EXPECT_ERRNO(EPERM, mdev_copy(self->device, MDEV_IOVA + PAGE, word, 8, false, true));
}

TEST_HARNESS_MAIN
