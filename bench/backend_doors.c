// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other ways into ioasid. Here it is a /dev/ioasid that is mapped; what
 * differs is how the device comes into its address space: by a container that
 * joins it, by the device's group, or by the device itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioasid.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend.h"
#include "util.h"

static int attach_failed(const struct vfio_container *c)
{
	if (errno == EPERM)
		return fail("%s may not be attached (EPERM): another program or a driver of the kernel has a device of its group, interrupts cannot be isolated, or a policy refuses: see 'ioasidctl status' and dmesg",
			    c->bdf);
	if (errno == EBUSY)
		return fail("%s is in use by another program: end it or choose another device",
			    c->bdf);
	return fail("cannot attach %s to /dev/ioasid: %s: see dmesg", c->bdf, strerror(errno));
}

/* A container that joins: the argument of VFIO_SET_IOMMU carries the fd. */
static int enter_by_container(struct vfio_container *c)
{
	c->stock_fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (c->stock_fd < 0)
		return fail("cannot open /dev/vfio/vfio: %s: modprobe vfio-pci", strerror(errno));
	if (vfio_open_group(c))
		return -1;
	if (ioctl(c->group_fd, VFIO_GROUP_SET_CONTAINER, &c->stock_fd))
		return attach_failed(c);
	if (!ioctl(c->stock_fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(c->fd)))
		return 0;
	return errno == ENODEV ? fail("nobody knows how to join a /dev/ioasid: modprobe ioasid_vfio")
			       : attach_failed(c);
}

/* The group takes the fd in place of a container. */
static int enter_by_group(struct vfio_container *c)
{
	if (vfio_open_group(c))
		return -1;
	if (!ioctl(c->group_fd, VFIO_GROUP_SET_CONTAINER, &c->fd))
		return 0;
	return errno == EBADFD
		? fail("VFIO does not take a /dev/ioasid for a container: modprobe ioasid_setcontainer")
		: attach_failed(c);
}

/* The device is attached; groups are not spoken of. */
static int enter_by_device(struct vfio_container *c)
{
	struct ioasid_device_attach attach = { .size = sizeof(attach), .fd = c->fd };
	char path[64];

	snprintf(path, sizeof(path), "/dev/ioasid-pci/%s", c->bdf);
	c->node_fd = open(path, O_RDWR | O_CLOEXEC);
	if (c->node_fd < 0)
		return errno == EACCES
			? fail("no permission for %s: run as root or chown it to yourself", path)
			: fail("cannot open %s: %s: bind %s to ioasid_pci first", path,
			       strerror(errno), c->bdf);
	return ioctl(c->node_fd, IOASID_DEVICE_ATTACH, &attach) ? attach_failed(c) : 0;
}

static int open_ioasid(struct vfio_container *c, int type)
{
	c->fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		return errno == EACCES
			? fail("no permission for /dev/ioasid: run as root or ask for access to it")
			: fail("cannot open /dev/ioasid: %s: modprobe ioasid", strerror(errno));
	if (ioctl(c->fd, VFIO_SET_IOMMU, type))
		return fail("/dev/ioasid does not take VFIO_SET_IOMMU: %s", strerror(errno));
	return 0;
}

static int doors_open(struct backend *b, const char *bdf)
{
	struct vfio_container *c = &b->container;
	int (*enter)(struct vfio_container *c) = b->ops->enter;

	if (vfio_init(c, bdf) || open_ioasid(c, b->type) || enter(c) || vfio_read_info(c)) {
		vfio_close(c);
		return -1;
	}
	c->is_ioasid = true;
	snprintf(b->answered, sizeof(b->answered), "ioasid");
	backend_take_container(b);
	return 0;
}

static void doors_close(struct backend *b)
{
	vfio_close(&b->container);
}

static int doors_map(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	return vfio_map(&b->container, va, iova, len);
}

static int doors_unmap(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	return vfio_unmap(&b->container, iova, len, unmapped);
}

static int doors_unmap_all(struct backend *b, uint64_t *unmapped)
{
	return vfio_unmap_all(&b->container, unmapped);
}

static int doors_device_fd(struct backend *b)
{
	int fd;

	if (b->container.node_fd < 0)
		return vfio_device_fd(&b->container);
	fd = fcntl(b->container.node_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? fail("cannot duplicate a file descriptor: %s", strerror(errno)) : fd;
}

#define DOORS_OPS				\
	.open = doors_open,			\
	.close = doors_close,			\
	.map = doors_map,			\
	.unmap = doors_unmap,			\
	.unmap_all = doors_unmap_all,		\
	.device_fd = doors_device_fd

const struct backend_ops backend_join = {
	.name = "join",
	.summary = "/dev/ioasid, joined by a container of /dev/vfio/vfio",
	.enter = enter_by_container,
	DOORS_OPS,
};

const struct backend_ops backend_group = {
	.name = "group",
	.summary = "/dev/ioasid, with the device's VFIO group (ioasid_setcontainer)",
	.enter = enter_by_group,
	DOORS_OPS,
};

const struct backend_ops backend_direct = {
	.name = "direct",
	.summary = "/dev/ioasid, with the device itself and no group (ioasid_pci)",
	.driver = "ioasid_pci",
	.enter = enter_by_device,
	DOORS_OPS,
};
