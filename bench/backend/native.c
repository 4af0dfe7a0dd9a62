// SPDX-License-Identifier: GPL-2.0-only
/* /dev/ioasid by calls of its own, through libioasid. */
#include <errno.h>
#include <libioasid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "mem.h"
#include "backend/native.h"
#include "util.h"

/* b->container.fd is the /dev/ioasid, b->private the device. */
static int attach(struct backend *b, struct ioasid_device *device)
{
	int ret = ioasid_device_by_container(device, b->container.fd, b->bdf);

	return ret ? fail("%s cannot join /dev/ioasid: %s%s", b->bdf, strerror(-ret),
			  ret == -ENODEV ? ": modprobe ioasid_vfio" : "") : 0;
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

void native_close(struct backend *b)
{
	if (b->private) {
		ioasid_device_close(b->private);
		free(b->private);
	}
	if (b->container.fd >= 0)
		close(b->container.fd);
}

int native_open(struct backend *b, const char *bdf)
{
	struct ioasid_device *device;

	b->group = pci_group(bdf);
	snprintf(b->answered, sizeof(b->answered), "%s", b->ops->name);
	b->container.fd = ioasid_open();
	if (b->container.fd < 0)
		return fail_open("/dev/ioasid", -b->container.fd, "modprobe ioasid");
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

static int native_map_free(struct backend *b, void *va, uint64_t len, uint64_t *iova)
{
	return ioasid_map(b->container.fd, 0, va, len,
			  NATIVE_FLAGS & ~(uint32_t)IOASID_MAP_FLAG_FIXED_IOVA, iova);
}

static int helped_map(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	return ioasid_map_parallel(b->container.fd, 0, va, len, NATIVE_FLAGS, UINT32_MAX, &iova);
}

static int native_map_file(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	return ioasid_map_file(b->container.fd, 0, b->mem->fd, backend_offset(b, va), len,
			       NATIVE_FLAGS, &iova);
}

static int native_unmap(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	return ioasid_unmap(b->container.fd, 0, iova, len, unmapped);
}

int native_unmap_all(struct backend *b, uint64_t *unmapped)
{
	return ioasid_unmap_all(b->container.fd, 0, unmapped);
}

static int native_map_many(struct backend *b, const struct piece *piece, unsigned int n)
{
	struct ioasid_map_entry entry[BACKEND_MAX_PIECES];
	uint32_t done;
	unsigned int i;

	for (i = 0; i < n; i++)
		entry[i] = (struct ioasid_map_entry){
			.flags = NATIVE_FLAGS,
			.user_va = (uintptr_t)piece[i].va,
			.length = piece[i].len,
			.iova = piece[i].iova,
		};
	return ioasid_map_batch(b->container.fd, 0, entry, n, &done);
}

static int native_unmap_many(struct backend *b, const struct piece *piece, unsigned int n)
{
	struct ioasid_iova_range range[BACKEND_MAX_PIECES];
	uint64_t bytes = 0, unmapped;
	uint32_t done;
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++) {
		range[i].start = piece[i].iova;
		range[i].last = piece[i].iova + piece[i].len - 1;
		bytes += piece[i].len;
	}
	ret = ioasid_unmap_batch(b->container.fd, 0, range, n, &done, &unmapped);
	return ret || unmapped == bytes ? ret : -EIO;
}

static int native_leave(struct backend *b)
{
	ioasid_device_close(b->private);
	return 0;
}

static int native_come_back(struct backend *b)
{
	return attach(b, b->private);
}

static int native_dirty_start(struct backend *b)
{
	return ioasid_dirty_start(b->container.fd, 0);
}

static int native_dirty_get(struct backend *b, uint64_t iova, uint64_t len, uint64_t *bits)
{
	return ioasid_dirty_get(b->container.fd, 0, iova, len, bits, backend_bitmap(len), 0);
}

static int native_unmap_dirty(struct backend *b, uint64_t iova, uint64_t len, uint64_t *bits)
{
	uint64_t unmapped;
	int ret = ioasid_unmap_dirty(b->container.fd, 0, iova, len, bits, backend_bitmap(len),
				     &unmapped);

	return ret || unmapped == len ? ret : -EIO;
}

int native_device_fd(struct backend *b)
{
	struct ioasid_device *device = b->private;
	int fd = dup(device->fd);

	return fd < 0 ? fail("cannot duplicate the device's fd: %s", strerror(errno)) : fd;
}

#define NATIVE_OPS				\
	.select = backend_select,		\
	.open = native_open,			\
	.close = native_close,			\
	.unmap = native_unmap,			\
	.unmap_all = native_unmap_all,		\
	.leave = native_leave,			\
	.come_back = native_come_back,		\
	.dirty_start = native_dirty_start,	\
	.dirty_get = native_dirty_get,		\
	.unmap_dirty = native_unmap_dirty,	\
	.device_fd = native_device_fd

const struct backend_ops backend_native = {
	.name = "native",
	.summary = "/dev/ioasid by calls of its own, joined by a container of the device",
	.map = native_map,
	.map_free = native_map_free,
	.map_many = native_map_many,
	.unmap_many = native_unmap_many,
	NATIVE_OPS,
};

const struct backend_ops backend_native_file = {
	.name = "native-file",
	.summary = "native, memory of a memfd by IOASID_MAP_FILE",
	.files = true,
	.map = native_map_file,
	NATIVE_OPS,
};

const struct backend_ops backend_helped = {
	.name = "helped",
	.summary = "native, with as many workers as the module lets help to pin a mapping",
	.map = helped_map,
	NATIVE_OPS,
};
