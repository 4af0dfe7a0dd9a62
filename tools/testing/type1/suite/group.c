// SPDX-License-Identifier: GPL-2.0-only
/*
 * The group ioctls around a container, which are vfio.ko's, as far as they end
 * in an attach or a detach.
 */
#include "type1/suite/suite.h"

static int status(int group, uint32_t argsz, uint32_t *flags)
{
	struct vfio_group_status s = { .argsz = argsz, .flags = 0xee };
	int ret = ioctl(group, VFIO_GROUP_GET_STATUS, &s);

	*flags = s.flags;
	return ret;
}

CASE(group_status, "A021")
{
	struct backend d = suite_joined(DEVICE_NVME);
	int other = suite_group(DEVICE_EDU);
	uint32_t flags;

	TRY(-EINVAL, "argsz 7", status(d.group, 7, &flags));
	TRY(OK, "alone", status(other, 8, &flags));
	SEE(VFIO_GROUP_FLAGS_VIABLE, "alone, flags", flags);
	TRY(OK, "in", status(d.group, 8, &flags));
	SEE(VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET, "in, flags", flags);
	TRY(OK, "leave", ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER));
	TRY(OK, "left", status(d.group, 8, &flags));
	SEE(VFIO_GROUP_FLAGS_VIABLE, "left, flags", flags);
}

CASE(group_set_container_refused, "A022")
{
	struct backend d = suite_joined(DEVICE_NVME);
	int group = suite_group(DEVICE_EDU), bad = 999, file = open("/dev/null", O_RDWR);

	TRY(-EFAULT, "pointer", ioctl(group, VFIO_GROUP_SET_CONTAINER, NULL));
	TRY(-EBADF, "no fd", ioctl(group, VFIO_GROUP_SET_CONTAINER, &bad));
	TRY(-EBADFD, "foreign fd", ioctl(group, VFIO_GROUP_SET_CONTAINER, &file));
	bad = group;
	TRY(-EBADFD, "a group", ioctl(group, VFIO_GROUP_SET_CONTAINER, &bad));
	TRY(-EINVAL, "set already", suite_enter(&d, d.group));
}

/* A device of the group is in the hands of a driver. */
CASE(group_not_viable, "A021 A023")
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), group = suite_group(SUITE_MIXED);
	uint32_t flags;

	NEED(file_write("/sys/bus/pci/devices/" SUITE_CARD "/driver_override", "e1000"));
	NEED(file_write("/sys/bus/pci/drivers_probe", SUITE_CARD));
	TRY(OK, "status", status(group, 8, &flags));
	SEE(0, "flags", flags);
	TRY(-EPERM, "enter", ioctl(group, VFIO_GROUP_SET_CONTAINER, &fd));
	NEED(file_write("/sys/bus/pci/devices/" SUITE_CARD "/driver/unbind", SUITE_CARD));
	TRY(OK, "viable again", ioctl(group, VFIO_GROUP_SET_CONTAINER, &fd));
}

/* Two devices of one group are one group. */
CASE(group_of_two, "A126")
{
	struct backend d = suite_joined(SUITE_MIXED);
	int edu;

	TRY(OK, "set", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	edu = backend_device(&d, SUITE_MIXED);
	NEED(edu >= 0);
	TRY(-ENODEV, "not ours", backend_device(&d, SUITE_CARD));
	TRY(OK, "map", suite_map(&d, 0, suite_memory(2), 2));
	TRY(-EBUSY, "leave", ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER));
}

CASE(group_noiommu, "A024 A152 A153")
{
	struct backend d = suite_joined(DEVICE_NVME);

	/* Debian leaves it out, and no backend answers for it. */
	TRY(OK, "extension", ioctl(d.fd, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU));
	TRY(-ENODEV, "set", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
	SEE(-1, "parameter", access("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", F_OK));
}

CASE(group_enters_late, "A025 A127")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int group = suite_group(DEVICE_EDU);
	uint32_t flags;

	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(OK, "enter", suite_enter(&d, group));
	TRY(OK, "status", status(group, 8, &flags));
	SEE(3, "flags", flags);
	TRY(OK, "map more", suite_map(&d, 8, suite_memory(4), 4));
	TRY(OK, "leave", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
	TRY(8, "unmap", suite_unmap(&d, 0, 12));
}

/* The refusal of the driver comes back, and the group is free again. */
CASE(group_enters_late_refused, "A025 A127 A132")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU), fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	uint32_t flags;

	TRY(OK, "map nothing", suite_map(&s.d, 0, NULL, 1));
	TRY(-EFAULT, "enter", suite_enter(&s.d, group));
	TRY(OK, "status", status(group, 8, &flags));
	SEE(VFIO_GROUP_FLAGS_VIABLE, "flags", flags);
	TRY(OK, "another container", ioctl(group, VFIO_GROUP_SET_CONTAINER, &fd));
	TRY(1, "unmap", suite_unmap(&s.d, 0, 1));
}

CASE(group_unset, "A026")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int device = backend_device(&d, DEVICE_NVME);

	NEED(device >= 0);
	TRY(-EBUSY, "device open", ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER));
	close(device);
	TRY(OK, "closed", ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER));
	suite_watch(NULL);
	TRY(-EINVAL, "none set", ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER));
}

CASE(group_device_fd, "A027")
{
	struct backend d = suite_joined(DEVICE_NVME);
	int device;

	TRY(-EINVAL, "before", backend_device(&d, DEVICE_NVME));
	TRY(OK, "set", ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	TRY(-ENODEV, "unknown name", backend_device(&d, "0000:00:1f.7"));
	device = backend_device(&d, DEVICE_NVME);
	NEED(device >= 0);
	SEE(FD_CLOEXEC, "flags", fcntl(device, F_GETFD));
}

CASE(group_opened_twice, "A028")
{
	char path[64], link[64];
	int group = suite_group(DEVICE_NVME);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", group);
	NEED(realpath(link, NULL) != NULL);
	snprintf(path, sizeof(path), "%s", realpath(link, NULL));
	TRY(-EBUSY, "again", open(path, O_RDWR));
	close(group);
	TRY(ANY, "closed before", open(path, O_RDWR) >= 0);
}
