// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_GROUP_SET_CONTAINER with a /dev/ioasid fd: no VFIO_SET_IOMMU, several
 * groups, fds that close in any order, and everything that is refused.
 */
#include "setcontainer/group.h"
#include "lib/ioctl32.h"

FIXTURE(flow) {
	struct backend ioasid;
	int edu;	/* groups */
	int nvme;
	char *mem;
	long long before;	/* pages pinned */
};

FIXTURE_SETUP(flow)
{
	self->before = ktap_pinned();
	self->ioasid = (struct backend){ .kind = BACKEND_IOASID, .group = -1 };
	self->ioasid.fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	self->edu = backend_open_group(DEVICE_EDU);
	self->nvme = backend_open_group(DEVICE_NVME);
	self->mem = touched_memory(SIZE);
	ASSERT_LE(0, self->ioasid.fd);
	ASSERT_LE(0, self->edu);
	ASSERT_LE(0, self->nvme);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, module_users());
}

FIXTURE_TEARDOWN(flow)
{
	backend_close(&self->ioasid);
	if (self->edu >= 0)
		close(self->edu);
	if (self->nvme >= 0)
		close(self->nvme);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
	EXPECT_EQ(0, module_users());
}

static uint32_t group_flags(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	return ioctl(group, VFIO_GROUP_GET_STATUS, &status) ? ~0U : status.flags;
}

static int device_of(int group, const char *bdf)
{
	return ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf);
}

/* The device copies the first page of @mem to the second, by DMA. */
static bool device_copies(int device, char *mem)
{
	volatile char *bar = edu_open(device);
	bool same;

	if (!bar)
		return false;
	same = edu_copies(bar, mem);
	munmap((void *)bar, MIB);
	return same;
}

TEST_F(flow, no_set_iommu)
{
	int device;

	/* Nothing chosen and no group: as a container would say. */
	EXPECT_ERRNO(EINVAL, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
	EXPECT_EQ(VFIO_GROUP_FLAGS_CONTAINER_SET | VFIO_GROUP_FLAGS_VIABLE, group_flags(self->edu));
	EXPECT_EQ(1, module_users());
	EXPECT_EQ(1, fdinfo_number(self->ioasid.fd, "ioasid-groups"));
	device = device_of(self->edu, DEVICE_EDU);
	ASSERT_LE(0, device);
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	EXPECT_TRUE(device_copies(device, self->mem));
	EXPECT_EQ(SIZE, backend_unmap(&self->ioasid, IOVA, SIZE));
	EXPECT_ERRNO(EBUSY, ioctl(self->edu, VFIO_GROUP_UNSET_CONTAINER));
	close(device);
}

/* What an unmodified program does next; it may choose v1 or v2, once. */
TEST_F(flow, set_iommu_afterwards)
{
	ASSERT_EQ(VFIO_API_VERSION, ioctl(self->ioasid.fd, VFIO_GET_API_VERSION));
	ASSERT_EQ(1, ioctl(self->ioasid.fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
	ASSERT_EQ(0, ioctl(self->ioasid.fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	EXPECT_ERRNO(EINVAL, ioctl(self->ioasid.fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	/* v1 it is: a part of a mapping takes all of it along. */
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	EXPECT_EQ(SIZE, backend_unmap(&self->ioasid, IOVA, PAGE));
	ASSERT_EQ(0, group_set(self->nvme, self->ioasid.fd));
}

TEST_F(flow, map_first)
{
	int device;

	ASSERT_EQ(0, ioctl(self->ioasid.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
	device = device_of(self->edu, DEVICE_EDU);
	ASSERT_LE(0, device);
	EXPECT_TRUE(device_copies(device, self->mem));
	close(device);
}

TEST_F(flow, two_groups_one_space)
{
	ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
	ASSERT_EQ(0, group_set(self->nvme, self->ioasid.fd));
	EXPECT_EQ(2, module_users());
	EXPECT_EQ(2, fdinfo_number(self->ioasid.fd, "ioasid-groups"));
	EXPECT_EQ(1, fdinfo_number(self->ioasid.fd, "ioasid-domains"));
	EXPECT_ERRNO(EINVAL, group_set(self->edu, self->ioasid.fd));
	EXPECT_EQ(0, ioctl(self->edu, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_EQ(1, module_users());
	EXPECT_EQ(1, fdinfo_number(self->ioasid.fd, "ioasid-groups"));
	EXPECT_EQ(0, group_set(self->edu, self->ioasid.fd));
	EXPECT_EQ(2, fdinfo_number(self->ioasid.fd, "ioasid-groups"));
}

/* The space that a group came into stays the default, and cannot be freed. */
TEST_F(flow, default_is_fixed)
{
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };
	struct ioasid_legacy legacy = { .size = sizeof(legacy), .op = IOASID_LEGACY_SET };
	struct ioasid_free gone = { .size = sizeof(gone), .ioasid = 1 };

	ASSERT_EQ(0, ioctl(self->ioasid.fd, IOASID_ALLOC, &alloc));
	ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
	legacy.ioasid = alloc.out_ioasid;
	EXPECT_ERRNO(EBUSY, ioctl(self->ioasid.fd, IOASID_LEGACY, &legacy));
	EXPECT_ERRNO(EBUSY, ioctl(self->ioasid.fd, IOASID_FREE, &gone));
	EXPECT_EQ(0, ioctl(self->edu, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_ERRNO(EBUSY, ioctl(self->ioasid.fd, IOASID_LEGACY, &legacy));
}

TEST_F(flow, fd_closes_first)
{
	int device;

	ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	device = device_of(self->edu, DEVICE_EDU);
	ASSERT_LE(0, device);
	backend_close(&self->ioasid);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	EXPECT_TRUE(device_copies(device, self->mem));
	close(device);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	EXPECT_EQ(0, ioctl(self->edu, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_EQ(0, locked_kib());
}

TEST_F(flow, stock_and_own_side_by_side)
{
	struct backend stock;

	ASSERT_TRUE(backend_prefer(BACKEND_SHIM));
	stock = (struct backend){ .kind = BACKEND_SHIM, .group = -1 };
	stock.fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, stock.fd);
	ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
	ASSERT_EQ(0, group_set(self->nvme, stock.fd));
	/* The stock one joins the space that the other group is in. */
	ASSERT_EQ(0, ioctl(stock.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->ioasid.fd)));
	EXPECT_EQ(2, fdinfo_number(self->ioasid.fd, "ioasid-groups"));
	EXPECT_EQ(1, module_users());
	close(stock.fd);
}

TEST_F(flow, type1_is_left_alone)
{
	struct backend stock = { .kind = BACKEND_TYPE1, .group = -1 };

	ASSERT_TRUE(backend_prefer(BACKEND_TYPE1));
	stock.fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, stock.fd);
	ASSERT_EQ(0, group_set(self->nvme, stock.fd));
	ASSERT_EQ(0, ioctl(stock.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_TRUE(backend_is_right(&stock));
	EXPECT_EQ(0, module_users());
	ASSERT_EQ(0, backend_map(&stock, IOVA, self->mem, SIZE, MAP_RW));
	EXPECT_EQ(SIZE, backend_unmap(&stock, IOVA, SIZE));
	close(stock.fd);
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));
}

TEST_F(flow, wrong_fds)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, null);
	EXPECT_ERRNO(EBADFD, group_set(self->edu, null));
	EXPECT_ERRNO(EBADFD, group_set(self->edu, self->nvme));
	EXPECT_ERRNO(EBADF, group_set(self->edu, -1));
	close(null);
	EXPECT_ERRNO(EBADF, group_set(self->edu, null));
	EXPECT_ERRNO(EFAULT, ioctl(self->edu, VFIO_GROUP_SET_CONTAINER, NULL));
	EXPECT_EQ(0, module_users());
	EXPECT_EQ(0, fdinfo_number(self->ioasid.fd, "ioasid-groups"));
}

/* An attach that fails leaves nothing armed, and the next one may succeed. */
TEST_F(flow, attach_fails)
{
	struct tally before;

	ASSERT_EQ(0, ioctl(self->ioasid.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, backend_map(&self->ioasid, MSI_START, self->mem, PAGE, MAP_RW));
	before = backend_tally(&self->ioasid);
	EXPECT_ERRNO(EINVAL, group_set(self->edu, self->ioasid.fd));
	EXPECT_UNCHANGED(&self->ioasid, &before);
	EXPECT_EQ(0, module_users());
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, group_flags(self->edu));
	EXPECT_ERRNO(EINVAL, device_of(self->edu, DEVICE_EDU));
	EXPECT_EQ(PAGE, backend_unmap(&self->ioasid, MSI_START, PAGE));
	EXPECT_EQ(0, group_set(self->edu, self->ioasid.fd));
}

TEST_F(flow, module_in_use)
{
	ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
	EXPECT_ERRNO(EWOULDBLOCK, module_unload(MODULE));
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid_vfio"));
	ASSERT_EQ(0, ioctl(self->edu, VFIO_GROUP_UNSET_CONTAINER));
	/* Gone, the fd is a stranger to VFIO again. */
	ASSERT_EQ(0, module_unload(MODULE));
	EXPECT_ERRNO(EBADFD, group_set(self->edu, self->ioasid.fd));
	ASSERT_EQ(0, module_load(MODULE));
	EXPECT_EQ(0, group_set(self->edu, self->ioasid.fd));
}

TEST_F(flow, program_of_32_bits)
{
	int32_t *low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	ASSERT_NE(MAP_FAILED, low);
	*low = self->ioasid.fd;
	if (ioctl32(self->edu, VFIO_GROUP_GET_STATUS, 0) < 0 && errno == ENOSYS)
		SKIP(return, "this kernel takes no 32-bit calls of 64-bit programs");
	ASSERT_EQ(0, ioctl32(self->edu, VFIO_GROUP_SET_CONTAINER, (uint32_t)(uintptr_t)low));
	EXPECT_EQ(1, fdinfo_number(self->ioasid.fd, "ioasid-groups"));
}

/* The program dies in the middle of it all. */
TEST_F(flow, killed)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (!group_set(self->edu, self->ioasid.fd) &&
		    !backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW) &&
		    device_of(self->edu, DEVICE_EDU) >= 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	/* This process has the fds, too; the group is still in. */
	EXPECT_EQ(1, module_users());
	EXPECT_EQ(0, ioctl(self->edu, VFIO_GROUP_UNSET_CONTAINER));
}

/* A driver that answers what ioasid does not: its containers stay its own. */
TEST_F(flow, another_platform)
{
	static const unsigned long extension[] = { VFIO_SPAPR_TCE_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU };
	struct vfio_iommu_spapr_tce_info info = { .argsz = sizeof(info) };
	long long calls = tce("calls");
	int stock, i;

	for (i = 0; i < 2; i++) {
		stock = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, stock);
		EXPECT_EQ(1, ioctl(stock, VFIO_CHECK_EXTENSION, extension[i]));
		EXPECT_EQ(0, ioctl(self->ioasid.fd, VFIO_CHECK_EXTENSION, extension[i]));
		EXPECT_ERRNO(ENODEV, ioctl(self->ioasid.fd, VFIO_SET_IOMMU, extension[i]));
		ASSERT_EQ(0, group_set(self->nvme, stock));
		ASSERT_EQ(0, ioctl(stock, VFIO_SET_IOMMU, extension[i]));
		EXPECT_EQ(extension[i], tce("opened"));
		EXPECT_EQ(1, tce("groups"));
		EXPECT_EQ(0, ioctl(stock, VFIO_CHECK_EXTENSION, IOASID_EXT_PRESENT));
		ASSERT_EQ(0, ioctl(stock, VFIO_IOMMU_SPAPR_TCE_GET_INFO, &info));
		EXPECT_EQ(0x40000000, info.dma32_window_size);
		EXPECT_EQ(calls + i + 1, tce("calls"));
		EXPECT_EQ(0, module_users());
		/* A group of ours at the same time. */
		ASSERT_EQ(0, group_set(self->edu, self->ioasid.fd));
		EXPECT_EQ(1, tce("groups"));
		EXPECT_EQ(0, ioctl(self->edu, VFIO_GROUP_UNSET_CONTAINER));
		EXPECT_EQ(0, ioctl(self->nvme, VFIO_GROUP_UNSET_CONTAINER));
		EXPECT_EQ(0, tce("opened"));
		close(stock);
	}
	EXPECT_EQ(0, tce("groups"));
}

TEST_HARNESS_MAIN
