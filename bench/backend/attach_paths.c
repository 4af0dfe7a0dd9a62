// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other ways into ioasid. Here it is a /dev/ioasid that is mapped; what
 * differs is how the device comes into its address space: by a container that
 * joins it, by the device's group, or by the device itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <libioasid.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/container.h"
#include "util.h"

static int attach_failed(const struct backend *b, int err)
{
	const char *bdf = b->container.bdf;

	switch (err) {
	case -EPERM:
		if (!b->ops->driver && pci_group_ready(bdf))
			return -1;
		return fail("%s may not be attached (EPERM): another program or a driver of the kernel has a device of its group, interrupts cannot be isolated, or a policy refuses: see 'ioasidctl status' and dmesg",
			    bdf);
	case -EBUSY:
		return fail("%s is in use by another program: end it or choose another device",
			    bdf);
	case -EACCES:
		return fail("no permission for the node of %s: run as root or chown it to yourself",
			    bdf);
	case -ENOENT:
		return fail("%s has no node: bind it to %s first", bdf, backend_driver(b->ops));
	default:
		return fail("cannot attach %s to /dev/ioasid: %s: see dmesg", bdf, strerror(-err));
	}
}

/* A container that joins: the argument of VFIO_SET_IOMMU carries the fd. */
static int enter_by_container(struct backend *b)
{
	struct vfio_container *c = &b->container;
	int ret = ioasid_device_by_container(&c->device, c->fd, c->bdf);

	if (ret == -ENODEV)
		return fail("no VFIO driver can join a /dev/ioasid: modprobe ioasid_vfio");
	return ret ? attach_failed(b, ret) : 0;
}

/* The group takes the fd in place of a container. */
static int enter_by_group(struct backend *b)
{
	struct vfio_container *c = &b->container;
	int ret = ioasid_device_by_group(&c->device, c->fd, c->bdf);

	if (ret == -EBADFD)
		return fail("VFIO does not take a /dev/ioasid for a container: modprobe ioasid_setcontainer");
	return ret ? attach_failed(b, ret) : 0;
}

/* The device is attached; groups are not spoken of. */
static int enter_by_device(struct backend *b)
{
	struct vfio_container *c = &b->container;
	int ret = ioasid_device_no_group(&c->device, c->fd, 0, c->bdf);

	return ret ? attach_failed(b, ret) : 0;
}

static int open_ioasid(struct vfio_container *c, int type)
{
	int ret;

	c->fd = ioasid_open();
	if (c->fd < 0)
		return fail_open("/dev/ioasid", -c->fd, "modprobe ioasid");
	ret = ioasid_set_type(c->fd, type);
	return ret ? fail("/dev/ioasid does not take VFIO_SET_IOMMU: %s", strerror(-ret)) : 0;
}

static int doors_open(struct backend *b, const char *bdf)
{
	struct vfio_container *c = &b->container;

	if (vfio_init(c, bdf) || open_ioasid(c, b->type) || b->ops->enter(b) ||
	    vfio_read_info(c)) {
		vfio_close(c);
		return -1;
	}
	c->is_ioasid = true;
	snprintf(b->answered, sizeof(b->answered), "ioasid");
	backend_take_container(b);
	return 0;
}

static int doors_device_fd(struct backend *b)
{
	int fd = fcntl(b->container.device.fd, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? fail("cannot duplicate a file descriptor: %s", strerror(errno)) : fd;
}

#define DOORS_OPS				\
	CONTAINER_CALLS,			\
	.open = doors_open,			\
	.device_fd = doors_device_fd

const struct backend_ops backend_join = {
	.name = "join",
	.summary = "/dev/ioasid, joined by a container of /dev/vfio/vfio",
	.enter = enter_by_container,
	.select = backend_select,
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
