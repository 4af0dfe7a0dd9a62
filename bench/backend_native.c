// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid itself, through libioasid: maps by its own calls, and the device
 * by each of the three ways.
 */
#include <errno.h>
#include <libioasid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "util.h"

#define NATIVE_FLAGS	\
	(IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA)

/* b->container.fd is the /dev/ioasid, b->private the device. */
static int attach(struct backend *b, struct ioasid_device *device)
{
	int fd = b->container.fd, ret;

	if (b->ops == &backend_native) {
		ret = ioasid_device_by_container(device, fd, b->bdf);
		return ret ? fail("%s cannot join /dev/ioasid: %s%s", b->bdf, strerror(-ret),
				  ret == -ENODEV ? ": modprobe ioasid_vfio" : "") : 0;
	}
	if (b->ops == &backend_native_group) {
		ret = ioasid_device_by_group(device, fd, b->bdf);
		return ret ? fail("the group of %s does not take /dev/ioasid: %s%s", b->bdf,
				  strerror(-ret), ret == -EBADFD || ret == -EINVAL ?
				  ": modprobe ioasid_setcontainer" : "") : 0;
	}
	ret = ioasid_device_direct(device, fd, 0, b->bdf);
	return ret ? fail("cannot attach %s: %s%s", b->bdf, strerror(-ret), ret == -ENOENT ?
			  ": bind it to ioasid_pci (driver_override)" : "") : 0;
}

static int ask(struct backend *b)
{
	struct ioasid_iova_range *r;
	struct ioasid_get_info info;
	uint32_t i, nr;
	int ret;

	ret = ioasid_info(b->container.fd, 0, &info);
	if (!ret)
		ret = ioasid_ranges(b->container.fd, 0, &r, &nr);
	if (ret)
		return fail("cannot ask for the IOVA ranges: %s", strerror(-ret));
	b->page_sizes = info.out_pgsizes;
	b->dma_avail = info.out_avail;
	for (i = 0; i < nr && i < VFIO_MAX_RANGES; i++)
		b->range[i] = (struct iova_range){ r[i].start, r[i].last };
	b->ranges = i;
	free(r);
	return 0;
}

static void native_close(struct backend *b)
{
	if (b->private) {
		ioasid_device_close(b->private);
		free(b->private);
	}
	if (b->container.fd >= 0)
		close(b->container.fd);
}

static int native_open(struct backend *b, const char *bdf)
{
	struct ioasid_device *device;

	b->group = pci_group(bdf);
	snprintf(b->answered, sizeof(b->answered), "%s", b->ops->name);
	b->container.fd = ioasid_open();
	if (b->container.fd < 0)
		return fail("cannot open /dev/ioasid: %s: modprobe ioasid, or run as root",
			    strerror(-b->container.fd));
	device = malloc(sizeof(*device));
	if (!device || attach(b, device)) {
		free(device);
		native_close(b);
		return -1;
	}
	b->private = device;
	if (!ask(b))
		return 0;
	native_close(b);
	return -1;
}

static int native_map(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	return ioasid_map(b->container.fd, 0, va, len, NATIVE_FLAGS, &iova);
}

static int native_unmap(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	return ioasid_unmap(b->container.fd, 0, iova, len, unmapped);
}

static int native_unmap_all(struct backend *b, uint64_t *unmapped)
{
	return ioasid_unmap_all(b->container.fd, 0, unmapped);
}

static int native_device_fd(struct backend *b)
{
	struct ioasid_device *device = b->private;
	int fd = dup(device->fd);

	return fd < 0 ? fail("cannot duplicate the device's fd: %s", strerror(errno)) : fd;
}

#define NATIVE_OPS				\
	.open = native_open,			\
	.close = native_close,			\
	.map = native_map,			\
	.unmap = native_unmap,			\
	.unmap_all = native_unmap_all,		\
	.device_fd = native_device_fd

const struct backend_ops backend_native = {
	.name = "native",
	.summary = "/dev/ioasid, joined by a stock container of the device",
	NATIVE_OPS,
};

const struct backend_ops backend_native_group = {
	.name = "native-group",
	.summary = "/dev/ioasid as the container of the device's group (ioasid_setcontainer)",
	NATIVE_OPS,
};

const struct backend_ops backend_native_direct = {
	.name = "native-direct",
	.summary = "/dev/ioasid and a device without a group (bound to ioasid_pci)",
	NATIVE_OPS,
};
