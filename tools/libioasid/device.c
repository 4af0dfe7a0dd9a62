// SPDX-License-Identifier: GPL-2.0-only
/*
 * The three ways to a device: a stock container that joins the fd, a group
 * whose container is the fd, and a device of its own.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "call.h"

static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* /dev/vfio/N for the IOMMU group N of the device. */
static int open_group(const char *address)
{
	char path[PATH_MAX], link[256];
	const char *number;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = 0;
	number = strrchr(link, '/');
	snprintf(path, sizeof(path), "/dev/vfio/%s", number ? number + 1 : link);
	return open_node(path);
}

static void nothing(struct ioasid_device *device)
{
	device->fd = -1;
	device->group = -1;
	device->container = -1;
}

/* The group is in a container that works: now the device. */
static int open_device(struct ioasid_device *device, const char *address)
{
	device->fd = ioctl(device->group, VFIO_GROUP_GET_DEVICE_FD, address);
	return device->fd < 0 ? -errno : 0;
}

static int by_container(struct ioasid_device *device, int fd, const char *address)
{
	unsigned long join = sizeof(long) == 8 ? (unsigned long)IOASID_SET_IOMMU_ARG(fd) :
						 (unsigned long)IOASID_SET_IOMMU_ARG32(fd);

	device->group = open_group(address);
	if (device->group < 0)
		return device->group;
	device->container = open_node("/dev/vfio/vfio");
	if (device->container < 0)
		return device->container;
	if (ioctl(device->group, VFIO_GROUP_SET_CONTAINER, &device->container) ||
	    ioctl(device->container, VFIO_SET_IOMMU, join))
		return -errno;
	return open_device(device, address);
}

static int by_group(struct ioasid_device *device, int fd, const char *address)
{
	device->group = open_group(address);
	if (device->group < 0)
		return device->group;
	if (ioctl(device->group, VFIO_GROUP_SET_CONTAINER, &fd))
		return -errno;
	return open_device(device, address);
}

static int device_no_group(struct ioasid_device *device, int fd, uint32_t id, const char *address)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/dev/ioasid-pci/%s", address);
	device->fd = open_node(path);
	return device->fd < 0 ? device->fd : ioasid_device_move(device, fd, id);
}

/* It has room for all that the first version had. */
static bool large_enough(size_t size)
{
	return size >= END_OF(struct ioasid_device, container);
}

/* Leave nothing open after a failure, and tell the caller what is. */
static int finish(struct ioasid_device *d, int ret, struct ioasid_device *device, size_t size)
{
	if (ret)
		ioasid_device_close(d);
	copy_sized(device, size, d, sizeof(*d));
	return ret;
}

int ioasid_device_by_container_sized(struct ioasid_device *device, size_t size, int fd,
				     const char *address)
{
	struct ioasid_device d;

	if (!large_enough(size))
		return -EINVAL;
	nothing(&d);
	return finish(&d, by_container(&d, fd, address), device, size);
}

int ioasid_device_by_group_sized(struct ioasid_device *device, size_t size, int fd,
				 const char *address)
{
	struct ioasid_device d;

	if (!large_enough(size))
		return -EINVAL;
	nothing(&d);
	return finish(&d, by_group(&d, fd, address), device, size);
}

int ioasid_device_no_group_sized(struct ioasid_device *device, size_t size, int fd, uint32_t id,
				 const char *address)
{
	struct ioasid_device d;

	if (!large_enough(size))
		return -EINVAL;
	nothing(&d);
	return finish(&d, device_no_group(&d, fd, id, address), device, size);
}

/* These read the first member alone, which every version has. */
int ioasid_device_move(const struct ioasid_device *device, int fd, uint32_t id)
{
	struct ioasid_device_attach arg = { .size = sizeof(arg), .fd = fd, .ioasid = id };

	return call(device->fd, IOASID_DEVICE_ATTACH, &arg);
}

int ioasid_device_detach(const struct ioasid_device *device)
{
	struct ioasid_device_detach arg = { .size = sizeof(arg) };

	return call(device->fd, IOASID_DEVICE_DETACH, &arg);
}

int ioasid_device_map(const struct ioasid_device *device, int fd, uint32_t id, uint32_t region,
		      uint64_t offset, uint64_t length, uint32_t flags, uint64_t *iova)
{
	struct ioasid_device_map arg = {
		.size = sizeof(arg),
		.flags = flags,
		.fd = fd,
		.ioasid = id,
		.region = region,
		.offset = offset,
		.length = length,
		.iova = *iova,
	};
	int ret = call(device->fd, IOASID_DEVICE_MAP, &arg);

	if (!ret)
		*iova = arg.out_iova;
	return ret;
}

int ioasid_device_info_sized(const struct ioasid_device *device,
			     struct ioasid_device_get_info *info, size_t size)
{
	struct ioasid_device_get_info head = { .size = (uint32_t)size };

	if (size < END_OF(struct ioasid_device_get_info, flags) || size > UINT32_MAX)
		return -EINVAL;
	copy_sized(info, size, &head, sizeof(head));
	return call(device->fd, IOASID_DEVICE_GET_INFO, info);
}

void ioasid_device_close_sized(struct ioasid_device *device, size_t size)
{
	struct ioasid_device d;

	if (!large_enough(size))
		return;
	nothing(&d);
	memcpy(&d, device, size < sizeof(d) ? size : sizeof(d));
	if (d.fd >= 0)
		close(d.fd);
	if (d.container >= 0)
		close(d.container);
	if (d.group >= 0)
		close(d.group);
	nothing(&d);
	copy_sized(device, size, &d, sizeof(d));
}
