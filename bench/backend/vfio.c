// SPDX-License-Identifier: GPL-2.0-only
/* Container and group: set-up, information, map and unmap. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioasid.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util.h"
#include "backend/vfio.h"

static int open_container(struct vfio_container *c, int type)
{
	int version;

	c->fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		return fail_open("/dev/vfio/vfio", errno, "modprobe vfio-pci");
	version = ioctl(c->fd, VFIO_GET_API_VERSION);
	if (version != VFIO_API_VERSION)
		return fail("VFIO speaks API version %d, version %d is needed", version,
			    VFIO_API_VERSION);
	if (ioctl(c->fd, VFIO_CHECK_EXTENSION, type) <= 0)
		return fail("no IOMMU driver stands behind VFIO: modprobe vfio_iommu_type1 or modprobe ioasid_vfio");
	return 0;
}

static int open_group(struct vfio_container *c)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", c->group);
	c->group_fd = open(path, O_RDWR | O_CLOEXEC);
	if (c->group_fd < 0) {
		switch (errno) {
		case EBUSY:
			return fail("group %d (%s) is in use by another program: end it or choose another device",
				    c->group, c->bdf);
		case EACCES:
			return fail("no permission for %s: run as root or chown it to yourself", path);
		case ENOENT:
			return fail("there is no %s: bind %s to vfio-pci first", path, c->bdf);
		default:
			return fail_open(path, errno, "see dmesg");
		}
	}
	if (ioctl(c->group_fd, VFIO_GROUP_GET_STATUS, &status))
		return fail("cannot ask for the state of group %d: %s", c->group, strerror(errno));
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		if (!pci_group_ready(c->bdf))
			fail("group %d of %s is not viable: bind its other devices to vfio-pci",
			     c->group, c->bdf);
		return -1;
	}
	return 0;
}

static int attach(struct vfio_container *c, int type)
{
	if (ioctl(c->group_fd, VFIO_GROUP_SET_CONTAINER, &c->fd))
		return fail("cannot put group %d into a container: %s", c->group,
			    strerror(errno));
	if (!ioctl(c->fd, VFIO_SET_IOMMU, type))
		return 0;
	if (errno == EPERM)
		return fail("the IOMMU of %s does not isolate interrupts (EPERM): turn interrupt remapping on, or accept the risk with allow_unsafe_interrupts=1 (parameter of vfio_iommu_type1)",
			    c->bdf);
	return fail("cannot attach group %d to an IOMMU driver: %s: see dmesg", c->group,
		    strerror(errno));
}

static void read_ranges(struct vfio_container *c,
			const struct vfio_iommu_type1_info_cap_iova_range *cap)
{
	unsigned int i;

	c->ranges = MIN(cap->nr_iovas, VFIO_MAX_RANGES);
	for (i = 0; i < c->ranges; i++) {
		c->range[i].start = cap->iova_ranges[i].start;
		c->range[i].last = cap->iova_ranges[i].end;
	}
}

static void read_capabilities(struct vfio_container *c, const char *info, uint32_t size,
			      uint32_t offset)
{
	const struct vfio_info_cap_header *h;

	while (offset && offset + sizeof(*h) <= size) {
		h = (const void *)(info + offset);
		if (h->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			read_ranges(c, (const void *)h);
		else if (h->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
			c->dma_avail = ((const struct vfio_iommu_type1_info_dma_avail *)h)->avail;
		offset = h->next;
	}
}

/* Asked twice: the first answer says how much room the second one needs. */
int vfio_read_info(struct vfio_container *c)
{
	struct vfio_iommu_type1_info head = { .argsz = sizeof(head) }, *info;
	int err;

	c->dma_avail = UINT64_MAX;
	c->range[0] = (struct iova_range){ .start = 0, .last = UINT64_MAX };
	c->ranges = 1;
	if (ioctl(c->fd, VFIO_IOMMU_GET_INFO, &head))
		return fail("VFIO_IOMMU_GET_INFO: %s", strerror(errno));
	c->page_sizes = head.flags & VFIO_IOMMU_INFO_PGSIZES ? head.iova_pgsizes : PAGE_4K;
	if (!(head.flags & VFIO_IOMMU_INFO_CAPS) || head.argsz <= sizeof(head))
		return 0;
	info = calloc(1, head.argsz);
	if (!info)
		return fail("out of memory");
	info->argsz = head.argsz;
	err = ioctl(c->fd, VFIO_IOMMU_GET_INFO, info);
	if (err)
		fail("VFIO_IOMMU_GET_INFO: %s", strerror(errno));
	else
		read_capabilities(c, (const char *)info, head.argsz, info->cap_offset);
	free(info);
	return err;
}

int vfio_init(struct vfio_container *c, const char *bdf)
{
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->group_fd = -1;
	c->device = (struct ioasid_device){ -1, -1, -1 };
	snprintf(c->bdf, sizeof(c->bdf), "%s", bdf);
	c->group = pci_group(bdf);
	return c->group < 0 ? -1 : 0;
}

int vfio_open(struct vfio_container *c, const char *bdf, int type)
{
	if (vfio_init(c, bdf))
		return -1;
	if (open_container(c, type) || open_group(c) || attach(c, type) ||
	    vfio_read_info(c)) {
		vfio_close(c);
		return -1;
	}
	/* Only ioasid knows this extension; type1 answers 0. */
	c->is_ioasid = ioctl(c->fd, VFIO_CHECK_EXTENSION, IOASID_EXT_PRESENT) == 1;
	return 0;
}

void vfio_close(struct vfio_container *c)
{
	int *fd[] = { &c->group_fd, &c->fd };
	size_t i;

	ioasid_device_close(&c->device);
	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		if (*fd[i] >= 0)
			close(*fd[i]);
		*fd[i] = -1;
	}
}

int vfio_map(struct vfio_container *c, void *va, uint64_t iova, uint64_t len)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = len,
	};

	return ioctl(c->fd, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int vfio_unmap(struct vfio_container *c, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = len,
	};

	if (ioctl(c->fd, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -errno;
	*unmapped = unmap.size;
	return 0;
}

int vfio_unmap_all(struct vfio_container *c, uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};

	if (ioctl(c->fd, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -errno;
	*unmapped = unmap.size;
	return 0;
}

int vfio_dirty_start(struct vfio_container *c)
{
	struct vfio_iommu_type1_dirty_bitmap start = {
		.argsz = sizeof(start),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};

	return ioctl(c->fd, VFIO_IOMMU_DIRTY_PAGES, &start) ? -errno : 0;
}

int vfio_dirty_get(struct vfio_container *c, uint64_t iova, uint64_t len, uint64_t *bits,
		   uint64_t size)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} d = {
		.head = { .argsz = sizeof(d), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
		.get = {
			.iova = iova,
			.size = len,
			.bitmap = { .pgsize = PAGE_4K, .size = size, .data = (void *)bits },
		},
	};

	return ioctl(c->fd, VFIO_IOMMU_DIRTY_PAGES, &d) ? -errno : 0;
}

int vfio_unmap_dirty(struct vfio_container *c, uint64_t iova, uint64_t len, uint64_t *bits,
		     uint64_t size)
{
	struct {
		struct vfio_iommu_type1_dma_unmap head;
		struct vfio_bitmap bitmap;
	} u = {
		.head = {
			.argsz = sizeof(u),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = iova,
			.size = len,
		},
		.bitmap = { .pgsize = PAGE_4K, .size = size, .data = (void *)bits },
	};

	if (ioctl(c->fd, VFIO_IOMMU_UNMAP_DMA, &u))
		return -errno;
	return u.head.size == len ? 0 : -EIO;
}

int vfio_device_fd(struct vfio_container *c)
{
	int fd = ioctl(c->group_fd, VFIO_GROUP_GET_DEVICE_FD, c->bdf);

	if (fd < 0)
		return fail("cannot open %s through its group: %s", c->bdf, strerror(errno));
	return fd;
}
