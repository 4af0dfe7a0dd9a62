/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stock VFIO interface as a consumer sees it: container, group, IOVA
 * ranges, device fd, regions, interrupts.
 */
#ifndef BENCH_VFIO_H
#define BENCH_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libioasid.h>

#include "pci.h"

#define VFIO_MAX_RANGES		32

struct iova_range {
	uint64_t start;
	uint64_t last;
};

struct vfio_container {
	int fd;				/* what is mapped: a container or a /dev/ioasid */
	int group_fd;
	struct ioasid_device device;	/* of a /dev/ioasid, where fd is one */
	int group;
	char bdf[PCI_BDF_LEN];
	bool is_ioasid;			/* who answers behind the container */
	uint64_t page_sizes;
	uint64_t dma_avail;		/* maps still allowed, UINT64_MAX unknown */
	struct iova_range range[VFIO_MAX_RANGES];
	unsigned int ranges;
};

/**
 * vfio_open() - a container with the group of @bdf and an IOMMU behind it
 * @type: VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU
 *
 * Return: 0, or -1 with a line printed; nothing stays open then.
 */
int vfio_open(struct vfio_container *c, const char *bdf, int type);
void vfio_close(struct vfio_container *c);

/*
 * The first and the last step of vfio_open(), for those who go another way: no
 * fd open, group number known; ranges and limits. 0, or -1 with a line printed.
 */
int vfio_init(struct vfio_container *c, const char *bdf);
int vfio_read_info(struct vfio_container *c);

/* These three return 0 or a negative errno; @unmapped gets the byte count. */
int vfio_map(struct vfio_container *c, void *va, uint64_t iova, uint64_t len);
int vfio_unmap(struct vfio_container *c, uint64_t iova, uint64_t len, uint64_t *unmapped);
int vfio_unmap_all(struct vfio_container *c, uint64_t *unmapped);

/* Dirty pages: tracking begins; which of a range; the same when it is unmapped. */
int vfio_dirty_start(struct vfio_container *c);
int vfio_dirty_get(struct vfio_container *c, uint64_t iova, uint64_t len, uint64_t *bits,
		   uint64_t size);
int vfio_unmap_dirty(struct vfio_container *c, uint64_t iova, uint64_t len, uint64_t *bits,
		     uint64_t size);

/* Device fd of @c's device; -1 with a line printed. */
int vfio_device_fd(struct vfio_container *c);

struct vfio_region {
	uint64_t offset;		/* in the device fd */
	uint64_t size;
	bool mappable;
};

/* The rest works on a device fd from any backend; 0 or -1 with a line. */
int vfio_region(int device_fd, unsigned int index, struct vfio_region *region);
int vfio_enable_dma(int device_fd);	/* PCI memory space and bus mastering */
int vfio_disable_dma(int device_fd);
int vfio_set_msix(int device_fd, const int *eventfds, unsigned int count);
void vfio_clear_msix(int device_fd);

#endif
