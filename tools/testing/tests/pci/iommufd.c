// SPDX-License-Identifier: GPL-2.0-only
/*
 * An intruder with an iommufd, on a kernel that has it. A group that is put into
 * an iommufd claims nothing before its first device is opened, and vfio.ko opens
 * a second fd of a device that is open without a check. VFIO's own node of
 * the device, /dev/vfio/devices/vfioN, is the other way in.
 *
 *   make KVER=iommufd kmod tests
 *   tools/testing/vm/run --kernel iommufd -- tools/testing/run pci/iommufd
 *
 * make matrix does so in its cells iommufd/intel+pci and iommufd-7.3/intel+pci.
 */
#include <linux/iommufd.h>

#include "lib/pci_device.h"

FIXTURE(iommufd) {
	int ioasid;
	int node;
	int iommufd;
};

FIXTURE_SETUP(iommufd)
{
	self->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (self->iommufd < 0 && errno == ENOENT)
		SKIP(return, "this kernel has no iommufd");
	ASSERT_LE(0, self->iommufd);
	self->ioasid = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	self->node = node_open(DEVICE_EDU);
	ASSERT_LE(0, self->ioasid);
	ASSERT_LE(0, self->node);
}

FIXTURE_TEARDOWN(iommufd)
{
	if (self->node >= 0)
		close(self->node);
	close(self->ioasid);
	close(self->iommufd);
}

/* A compatibility address space, which a group's device is attached to. */
static bool has_ioas(int iommufd)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct iommu_vfio_ioas set = { .size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET };

	if (ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return false;
	set.ioas_id = alloc.out_ioas_id;
	return !ioctl(iommufd, IOMMU_VFIO_IOAS, &set);
}

/* What an intruder gets by the group: fds, -1 where it got no further. */
struct intruder {
	int group;
	int device;
	int error;	/* of the step that failed */
};

static struct intruder intrude(const char *bdf, int iommufd)
{
	struct intruder i = { .group = -1, .device = -1 };

	i.group = group_open(bdf);
	if (i.group >= 0 && !ioctl(i.group, VFIO_GROUP_SET_CONTAINER, &iommufd))
		i.device = ioctl(i.group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	i.error = i.device < 0 ? errno : 0;
	return i;
}

static void retreat(struct intruder *i)
{
	if (i->device >= 0)
		close(i->device);
	if (i->group >= 0)
		close(i->group);
	i->device = -1;
	i->group = -1;
}

/* Bytes of configuration space, or of BAR 0, that a device fd gives. */
static ssize_t reads(int device, uint32_t region)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = region };
	uint32_t word;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -1;
	return pread(device, &word, sizeof(word), info.offset);
}

static int cdev_bind(int cdev, int iommufd)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };

	return ioctl(cdev, VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

/* --- the node owns the device --- */

TEST_F(iommufd, group_of_an_owned_device)
{
	struct intruder i;

	ASSERT_TRUE(has_ioas(self->iommufd));
	ASSERT_EQ(0, node_attach(self->node, self->ioasid, 0));
	i = intrude(DEVICE_EDU, self->iommufd);
	EXPECT_EQ(EBUSY, i.error);
	EXPECT_EQ(-1, i.group);
	EXPECT_EQ(-1, i.device);
	if (i.device >= 0) {
		EXPECT_EQ(-1, reads(i.device, VFIO_PCI_CONFIG_REGION_INDEX));
		EXPECT_EQ(-1, reads(i.device, VFIO_PCI_BAR0_REGION_INDEX));
	}
	retreat(&i);
}

/* Whatever the intruder holds when the owner closes must not crash the kernel. */
TEST_F(iommufd, owner_closes_before_the_intruder)
{
	struct intruder i;

	ASSERT_TRUE(has_ioas(self->iommufd));
	ASSERT_EQ(0, node_attach(self->node, self->ioasid, 0));
	i = intrude(DEVICE_EDU, self->iommufd);
	close(self->node);
	self->node = -1;
	if (i.device >= 0)
		reads(i.device, VFIO_PCI_CONFIG_REGION_INDEX);
	EXPECT_EQ(EBUSY, i.error);
	retreat(&i);
	/* Now it is the turn of the group. */
	i = intrude(DEVICE_EDU, self->iommufd);
	EXPECT_EQ(0, i.error);
	EXPECT_EQ(4, reads(i.device, VFIO_PCI_CONFIG_REGION_INDEX));
	retreat(&i);
}

TEST_F(iommufd, own_node_of_vfio)
{
	int cdev = cdev_open(DEVICE_EDU);

	ASSERT_LE(0, cdev);
	/* Open and not bound it gives nothing, and takes nothing. */
	ASSERT_EQ(0, node_attach(self->node, self->ioasid, 0));
	EXPECT_ERRNO(EBUSY, cdev_bind(cdev, self->iommufd));
	EXPECT_EQ(-1, reads(cdev, VFIO_PCI_CONFIG_REGION_INDEX));
	close(self->node);
	self->node = node_open(DEVICE_EDU);
	ASSERT_EQ(0, cdev_bind(cdev, self->iommufd));
	EXPECT_EQ(4, reads(cdev, VFIO_PCI_CONFIG_REGION_INDEX));
	EXPECT_ERRNO(EPERM, node_attach(self->node, self->ioasid, 0));
	EXPECT_EQ(0, node_flags(self->node));
	close(cdev);
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
}

/* --- an iommufd comes first --- */

TEST_F(iommufd, group_without_a_device)
{
	int group = group_open(DEVICE_EDU);

	ASSERT_LE(0, group);
	ASSERT_EQ(0, ioctl(group, VFIO_GROUP_SET_CONTAINER, &self->iommufd));
	/* Its DMA is not claimed yet. */
	EXPECT_ERRNO(EBUSY, node_attach(self->node, self->ioasid, 0));
	EXPECT_EQ(0, node_flags(self->node));
	ASSERT_EQ(0, ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_ERRNO(EBUSY, node_attach(self->node, self->ioasid, 0));
	close(group);
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
}

/* On an iommufd a device does not keep its group's fd open. */
TEST_F(iommufd, device_without_its_group)
{
	struct intruder i;

	ASSERT_TRUE(has_ioas(self->iommufd));
	i = intrude(DEVICE_EDU, self->iommufd);
	ASSERT_EQ(0, i.error);
	EXPECT_ERRNO(EPERM, node_attach(self->node, self->ioasid, 0));
	close(i.group);
	i.group = -1;
	EXPECT_ERRNO(EPERM, node_attach(self->node, self->ioasid, 0));
	EXPECT_EQ(4, reads(i.device, VFIO_PCI_CONFIG_REGION_INDEX));
	EXPECT_EQ(0, node_flags(self->node));
	retreat(&i);
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
}

/* --- the other device of the group --- */

static void try_the_other(struct ktap_test *_self, struct ktap_fixture_iommufd *self,
			  const char *driver)
{
	struct intruder i;
	int a = node_open(PAIR1), cdev;

	ASSERT_LE(0, a);
	ASSERT_TRUE(device_to(PAIR2, driver));
	ASSERT_TRUE(has_ioas(self->iommufd));
	ASSERT_EQ(0, node_attach(a, self->ioasid, 0));
	i = intrude(PAIR2, self->iommufd);
	EXPECT_EQ(EBUSY, i.error);
	EXPECT_EQ(-1, i.group);
	retreat(&i);
	cdev = cdev_open(PAIR2);
	ASSERT_LE(0, cdev);
	EXPECT_ERRNO(EBUSY, cdev_bind(cdev, self->iommufd));
	close(a);
	a = node_open(PAIR1);
	ASSERT_EQ(0, cdev_bind(cdev, self->iommufd));
	EXPECT_ERRNO(EPERM, node_attach(a, self->ioasid, 0));
	close(cdev);
	EXPECT_EQ(0, node_attach(a, self->ioasid, 0));
	close(a);
}

TEST_F(iommufd, the_other_on_vfio_pci)
{
	try_the_other(_self, self, "vfio-pci");
	EXPECT_TRUE(device_to(PAIR2, "ioasid_pci"));
}

TEST_F(iommufd, the_other_on_ioasid_pci)
{
	try_the_other(_self, self, "ioasid_pci");
}

TEST_HARNESS_MAIN
