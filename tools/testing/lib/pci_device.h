/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device attached straight to a /dev/ioasid.
 */
#ifndef IOASID_TEST_DEVICE_H
#define IOASID_TEST_DEVICE_H

#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "lib/edu.h"

#define PAIR1	"0000:01:01.0"	/* two devices of one group */
#define PAIR2	"0000:01:02.0"
#define IOVA	EDU_IOVA
#define SIZE	(16 * PAGE)
#define EDU_ID	0x010000edU	/* what register 0 of an edu reads */

static inline int node_open(const char *bdf)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/ioasid-pci/%s", bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		printf("# cannot open %s: %s\n", path, strerror(errno));
	return fd;
}

static inline int node_attach(int node, int fd, uint32_t id)
{
	struct ioasid_device_attach attach = { .size = sizeof(attach), .fd = fd, .ioasid = id };

	return ioctl(node, IOASID_DEVICE_ATTACH, &attach);
}

static inline int node_detach(int node)
{
	struct ioasid_device_detach detach = { .size = sizeof(detach) };

	return ioctl(node, IOASID_DEVICE_DETACH, &detach);
}

/* Maps bytes of a region of the device of @node at @iova of the /dev/ioasid @fd. */
static inline int node_map(int node, int fd, uint32_t region, uint64_t offset, uint64_t length,
			   uint64_t iova, uint32_t flags)
{
	struct ioasid_device_map map = {
		.size = sizeof(map), .flags = flags | IOASID_MAP_FLAG_FIXED_IOVA, .fd = fd,
		.region = region, .offset = offset, .length = length, .iova = iova,
	};

	return ioctl(node, IOASID_DEVICE_MAP, &map);
}

/* enum ioasid_device_flags, or -1. */
static inline long long node_flags(int node)
{
	struct ioasid_device_get_info info = { .size = sizeof(info) };

	return ioctl(node, IOASID_DEVICE_GET_INFO, &info) ? -1LL : (long long)info.out_flags;
}

/* The number of the space it is attached to, or -1. */
static inline long long node_space(int node)
{
	struct ioasid_device_get_info info = { .size = sizeof(info) };

	return ioctl(node, IOASID_DEVICE_GET_INFO, &info) ? -1LL : (long long)info.out_space;
}

/* A further address space on an open /dev/ioasid; its id, or 0. */
static inline uint32_t space_alloc(int fd)
{
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };

	return ioctl(fd, IOASID_ALLOC, &alloc) ? 0 : alloc.out_ioasid;
}

static inline int space_free(int fd, uint32_t id)
{
	struct ioasid_free args = { .size = sizeof(args), .ioasid = id };

	return ioctl(fd, IOASID_FREE, &args);
}

/* The node of the VFIO group of a device; the group need not be there. */
static inline bool group_path(const char *bdf, char path[64])
{
	char link[PATH_MAX];
	ssize_t n;

	snprintf(path, 64, "/sys/bus/pci/devices/%s/iommu_group", bdf);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	snprintf(path, 64, "/dev/vfio/%s", n > 0 ? strrchr(link, '/') + 1 : "?");
	return n > 0;
}

/* Opens it, without a word when it cannot: -1 with errno. */
static inline int group_open(const char *bdf)
{
	char path[64];

	return group_path(bdf, path) ? open(path, O_RDWR | O_CLOEXEC) : -1;
}

/* VFIO's own node of the device, or -1 with errno. */
static inline int cdev_open(const char *bdf)
{
	char path[300];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((entry = readdir(dir)) && entry->d_name[0] == '.')
		;
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry ? entry->d_name : "");
	closedir(dir);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Binds a device to a driver, from whatever. */
static inline bool device_to(const char *bdf, const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind", bdf);
	if (!access(path, F_OK) && !file_write(path, bdf))
		return false;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", bdf);
	return file_write(path, driver) && file_write("/sys/bus/pci/drivers_probe", bdf);
}

#endif
