// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two devices that share a group: they go together, whichever way; and the
 * reset of the bus that both are on.
 */
#include "lib/pci_device.h"

FIXTURE(pair) {
	struct backend ioasid;
	int a;
	int b;
	char *mem;
};

FIXTURE_SETUP(pair)
{
	self->a = node_open(PAIR1);
	self->b = node_open(PAIR2);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
	ASSERT_TRUE(backend_open(&self->ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	self->mem = touched_memory(SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
}

FIXTURE_TEARDOWN(pair)
{
	if (self->a >= 0)
		close(self->a);
	if (self->b >= 0)
		close(self->b);
	backend_close(&self->ioasid);
}

TEST_F(pair, share_a_space)
{
	volatile char *a, *b;

	EXPECT_EQ(file_number("/sys/class/ioasid-pci/" PAIR1 "/iommu_group"),
		  file_number("/sys/class/ioasid-pci/" PAIR2 "/iommu_group"));
	ASSERT_EQ(0, node_attach(self->a, self->ioasid.fd, 0));
	ASSERT_EQ(0, node_attach(self->b, self->ioasid.fd, 0));
	EXPECT_EQ(node_space(self->a), node_space(self->b));
	a = edu_open(self->a);
	b = edu_open(self->b);
	ASSERT_TRUE(a);
	ASSERT_TRUE(b);
	EXPECT_TRUE(edu_copies(a, self->mem));
	EXPECT_TRUE(edu_copies(b, self->mem));
	/* One leaves, the group stays in for the other. */
	ASSERT_EQ(0, node_detach(self->a));
	EXPECT_TRUE(edu_copies(b, self->mem));
	munmap((void *)a, MIB);
	close(self->a);
	self->a = -1;
	EXPECT_TRUE(edu_copies(b, self->mem));
}

TEST_F(pair, never_in_two_spaces)
{
	uint32_t other = space_alloc(self->ioasid.fd);

	ASSERT_NE(0, other);
	ASSERT_EQ(0, node_attach(self->a, self->ioasid.fd, 1));
	EXPECT_ERRNO(EBUSY, node_attach(self->b, self->ioasid.fd, other));
	EXPECT_EQ(0, node_flags(self->b));
	ASSERT_EQ(0, node_attach(self->b, self->ioasid.fd, 1));
	EXPECT_ERRNO(EBUSY, node_attach(self->a, self->ioasid.fd, other));
	EXPECT_ERRNO(EBUSY, node_attach(self->b, self->ioasid.fd, other));
	/* One after the other they may. */
	ASSERT_EQ(0, node_detach(self->b));
	ASSERT_EQ(0, node_attach(self->a, self->ioasid.fd, other));
	EXPECT_ERRNO(EBUSY, node_attach(self->b, self->ioasid.fd, 1));
	ASSERT_EQ(0, node_attach(self->b, self->ioasid.fd, other));
	EXPECT_EQ(node_space(self->a), node_space(self->b));
}

TEST_F(pair, never_of_two_owners)
{
	struct backend other;

	ASSERT_TRUE(backend_open(&other, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, node_attach(self->a, self->ioasid.fd, 0));
	EXPECT_ERRNO(EPERM, node_attach(self->b, other.fd, 0));
	ASSERT_EQ(0, node_detach(self->a));
	EXPECT_ERRNO(EPERM, node_attach(self->b, other.fd, 0));
	close(self->a);
	self->a = -1;
	EXPECT_EQ(0, node_attach(self->b, other.fd, 0));
	backend_close(&other);
}

/* The other one is vfio-pci's: its group is the same, and shut. */
TEST_F(pair, vfio_has_the_other)
{
	struct backend stock = { .kind = BACKEND_SHIM, .fd = -1 };
	int fd = self->ioasid.fd;

	close(self->b);
	self->b = -1;
	ASSERT_TRUE(device_to(PAIR2, "vfio-pci"));
	ASSERT_EQ(0, node_attach(self->a, fd, 0));
	EXPECT_ERRNO(EBUSY, group_open(PAIR2));
	close(self->a);
	self->a = node_open(PAIR1);
	stock.group = group_open(PAIR2);
	ASSERT_LE(0, stock.group);
	EXPECT_ERRNO(EBUSY, node_attach(self->a, fd, 0));
	EXPECT_EQ(0, file_number("/sys/module/ioasid_setcontainer/refcnt"));
	EXPECT_EQ(0, ioctl(stock.group, VFIO_GROUP_SET_CONTAINER, &fd));
	EXPECT_EQ(1, file_number("/sys/module/ioasid_setcontainer/refcnt"));
	/* The same /dev/ioasid, and yet not the same owner. */
	EXPECT_ERRNO(EPERM, node_attach(self->a, fd, 0));
	backend_close(&stock);
	EXPECT_EQ(0, file_number("/sys/module/ioasid_setcontainer/refcnt"));
	EXPECT_EQ(0, node_attach(self->a, fd, 0));
	EXPECT_TRUE(device_to(PAIR2, "ioasid_pci"));
}

/* A driver of the kernel's own in the group keeps all of it. */
TEST_F(pair, kernel_has_the_other)
{
	if (access("/sys/bus/pci/drivers/uio_pci_generic", F_OK))
		SKIP(return, "this kernel has no uio_pci_generic");
	close(self->b);
	self->b = -1;
	ASSERT_TRUE(device_to(PAIR2, "uio_pci_generic"));
	EXPECT_EQ(0, access("/sys/bus/pci/drivers/uio_pci_generic/" PAIR2, F_OK));
	EXPECT_ERRNO(EPERM, node_attach(self->a, self->ioasid.fd, 0));
	EXPECT_EQ(0, node_flags(self->a));
	ASSERT_TRUE(device_to(PAIR2, "ioasid_pci"));
	EXPECT_EQ(0, node_attach(self->a, self->ioasid.fd, 0));
}

static int hot_reset(int node, uint32_t count, int fd)
{
	struct {
		struct vfio_pci_hot_reset head;
		int fds[1];
	} args = { .head = { .argsz = sizeof(args), .count = count }, .fds = { fd } };

	return ioctl(node, VFIO_DEVICE_PCI_HOT_RESET, &args);
}

TEST_F(pair, hot_reset)
{
	struct {
		struct vfio_pci_hot_reset_info head;
		struct vfio_pci_dependent_device device[4];
	} info = { .head = { .argsz = sizeof(info) } };
	volatile char *a;

	ASSERT_EQ(0, node_attach(self->a, self->ioasid.fd, 0));
	ASSERT_EQ(0, ioctl(self->a, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info));
	EXPECT_EQ(2, info.head.count);
	EXPECT_ERRNO(EINVAL, hot_reset(self->a, 1, self->ioasid.fd));
	a = edu_open(self->a);
	ASSERT_TRUE(a);
	/* The other one is idle, or attached: the group is ours either way. */
	*(volatile uint32_t *)(a + EDU_SOURCE) = 0x1234;
	EXPECT_EQ(0, hot_reset(self->a, 0, -1));
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)a);
	ASSERT_EQ(0, node_attach(self->b, self->ioasid.fd, 0));
	EXPECT_EQ(0, hot_reset(self->b, 0, -1));
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)a);
	EXPECT_TRUE(edu_copies(a, self->mem));
	munmap((void *)a, MIB);

	/* Not with a device that is another driver's. */
	close(self->b);
	self->b = -1;
	ASSERT_TRUE(device_to(PAIR2, "vfio-pci"));
	EXPECT_ERRNO(EINVAL, hot_reset(self->a, 0, -1));
	ASSERT_TRUE(device_to(PAIR2, "ioasid_pci"));
	EXPECT_EQ(0, hot_reset(self->a, 0, -1));
}

/* On the root bus there is nothing to reset it with. */
TEST_F(pair, hot_reset_of_nothing)
{
	int edu = node_open(DEVICE_EDU);

	ASSERT_LE(0, edu);
	ASSERT_EQ(0, node_attach(edu, self->ioasid.fd, 0));
	EXPECT_ERRNO(ENODEV, hot_reset(edu, 0, -1));
	close(edu);
}

TEST_HARNESS_MAIN
