// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufd: the device through its own node, an IOAS of its own, native ioctls.
 * No VFIO container and no group is involved.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend/backend.h"
#include "mem.h"
#include "util.h"

/*
 * The part of the user ABI that is used here. It is written down because the
 * headers of Debian 12 do not have it.
 */
#define CMD_DESTROY		_IO(';', 0x80)
#define CMD_IOAS_ALLOC		_IO(';', 0x81)
#define CMD_IOAS_IOVA_RANGES	_IO(';', 0x84)
#define CMD_IOAS_MAP		_IO(';', 0x85)
#define CMD_IOAS_UNMAP		_IO(';', 0x86)
#define CMD_IOAS_MAP_FILE	_IO(';', 0x8f)
#define CMD_BIND		_IO(';', 100 + 18)
#define CMD_ATTACH		_IO(';', 100 + 19)
#define CMD_DETACH		_IO(';', 100 + 20)
#define MAP_FIXED_IOVA		1
#define MAP_WRITEABLE		2
#define MAP_READABLE		4

struct ioas_alloc {
	uint32_t size, flags, out_ioas_id;
};

struct ioas_iova_ranges {
	uint32_t size, ioas_id, num_iovas, reserved;
	uint64_t allowed_iovas, out_iova_alignment;
};

struct ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};

struct ioas_map_file {
	uint32_t size, flags, ioas_id;
	int32_t fd;
	uint64_t start, length, iova;
};

struct ioas_unmap {
	uint32_t size, ioas_id;
	uint64_t iova, length;
};

struct device_bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct device_attach {
	uint32_t argsz, flags, pt_id;
};

struct device_detach {
	uint32_t argsz, flags;
};

/* /sys/bus/pci/devices/BDF/vfio-dev/vfioN names the node /dev/vfio/devices/vfioN. */
static int open_device(const char *bdf)
{
	char path[128];
	struct dirent *e;
	int fd = -1;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	d = opendir(path);
	while (d && fd < 0 && (e = readdir(d))) {
		if (strncmp(e->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%.32s", e->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (d)
		closedir(d);
	if (fd < 0)
		fail("%s has no VFIO device node: the kernel needs CONFIG_VFIO_DEVICE_CDEV (Debian's has none: make bench PEERS=iommufd builds one)",
		     bdf);
	return fd;
}

static int iommufd_come_back(struct backend *b)
{
	struct device_attach to = { .argsz = sizeof(to), .pt_id = b->object };

	if (ioctl(b->device, CMD_ATTACH, &to))
		return fail("cannot attach %s to an IOAS: %s", b->bdf, strerror(errno));
	return 0;
}

static int iommufd_leave(struct backend *b)
{
	struct device_detach from = { .argsz = sizeof(from) };

	if (ioctl(b->device, CMD_DETACH, &from))
		return fail("cannot detach %s from an IOAS: %s", b->bdf, strerror(errno));
	return 0;
}

static int attach(struct backend *b)
{
	struct device_bind bind = { .argsz = sizeof(bind), .iommufd = b->container.fd };
	struct ioas_alloc alloc = { .size = sizeof(alloc) };

	if (ioctl(b->device, CMD_BIND, &bind))
		return fail("cannot bind %s to iommufd: %s", b->bdf, strerror(errno));
	if (ioctl(b->container.fd, CMD_IOAS_ALLOC, &alloc))
		return fail("cannot make an IOAS: %s", strerror(errno));
	b->object = alloc.out_ioas_id;
	return iommufd_come_back(b);
}

static int read_ranges(struct backend *b)
{
	struct ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = b->object,
		.num_iovas = VFIO_MAX_RANGES,
		.allowed_iovas = (uintptr_t)b->range,
	};

	if (ioctl(b->container.fd, CMD_IOAS_IOVA_RANGES, &cmd))
		return fail("cannot ask for the IOVA ranges: %s", strerror(errno));
	b->ranges = cmd.num_iovas;
	b->page_sizes = cmd.out_iova_alignment;
	return 0;
}

static void iommufd_close(struct backend *b)
{
	/* The device first: it holds the IOAS. */
	if (b->device >= 0)
		close(b->device);
	if (b->container.fd >= 0)
		close(b->container.fd);
}

static int iommufd_open(struct backend *b, const char *bdf)
{
	b->device = -1;
	b->dma_avail = UINT64_MAX;
	b->group = pci_group(bdf);
	snprintf(b->answered, sizeof(b->answered), "iommufd");
	b->container.fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (b->container.fd < 0)
		return fail("cannot open /dev/iommu: %s: the kernel needs CONFIG_IOMMUFD (Debian's has none: make bench PEERS=iommufd builds one)",
			    strerror(errno));
	b->device = open_device(bdf);
	if (b->device < 0 || attach(b) || read_ranges(b)) {
		iommufd_close(b);
		return -1;
	}
	return 0;
}

static int map_at(struct backend *b, void *va, uint64_t len, uint32_t flags, uint64_t *iova)
{
	struct ioas_map map = {
		.size = sizeof(map),
		.flags = flags | MAP_WRITEABLE | MAP_READABLE,
		.ioas_id = b->object,
		.user_va = (uintptr_t)va,
		.length = len,
		.iova = *iova,
	};

	if (ioctl(b->container.fd, CMD_IOAS_MAP, &map))
		return -errno;
	*iova = map.iova;
	return 0;
}

static int iommufd_map(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	return map_at(b, va, len, MAP_FIXED_IOVA, &iova);
}

static int iommufd_map_free(struct backend *b, void *va, uint64_t len, uint64_t *iova)
{
	return map_at(b, va, len, 0, iova);
}

static int iommufd_map_file(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	struct ioas_map_file map = {
		.size = sizeof(map),
		.flags = MAP_FIXED_IOVA | MAP_WRITEABLE | MAP_READABLE,
		.ioas_id = b->object,
		.fd = b->mem->fd,
		.start = backend_offset(b, va),
		.length = len,
		.iova = iova,
	};

	return ioctl(b->container.fd, CMD_IOAS_MAP_FILE, &map) ? -errno : 0;
}

static int iommufd_unmap(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	struct ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = b->object,
		.iova = iova,
		.length = len,
	};

	if (ioctl(b->container.fd, CMD_IOAS_UNMAP, &unmap))
		return -errno;
	*unmapped = unmap.length;
	return 0;
}

static int iommufd_unmap_all(struct backend *b, uint64_t *unmapped)
{
	return iommufd_unmap(b, 0, UINT64_MAX, unmapped);
}

static int iommufd_device_fd(struct backend *b)
{
	int fd = dup(b->device);

	return fd < 0 ? fail("cannot duplicate the device's fd: %s", strerror(errno)) : fd;
}

#define IOMMUFD_OPS				\
	.open = iommufd_open,			\
	.close = iommufd_close,			\
	.unmap = iommufd_unmap,			\
	.unmap_all = iommufd_unmap_all,		\
	.leave = iommufd_leave,			\
	.come_back = iommufd_come_back,		\
	.device_fd = iommufd_device_fd

const struct backend_ops backend_iommufd = {
	.name = "iommufd",
	.summary = "/dev/iommu and the device's own node, where the kernel has them",
	.map = iommufd_map,
	.map_free = iommufd_map_free,
	IOMMUFD_OPS,
};

const struct backend_ops backend_iommufd_file = {
	.name = "iommufd-file",
	.summary = "iommufd, memory of a memfd by IOMMU_IOAS_MAP_FILE (Linux 6.13)",
	.files = true,
	.map = iommufd_map_file,
	IOMMUFD_OPS,
};
