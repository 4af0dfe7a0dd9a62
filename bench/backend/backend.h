/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What maps memory for DMA. Every workload speaks to this table and to
 * nothing below it; a further way to map (a native fd, batches, io_uring,
 * iommufd) is one more file here with one more row in backend.c.
 */
#ifndef BENCH_BACKEND_H
#define BENCH_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "util.h"
#include "backend/vfio.h"

struct backend;
struct mem;

/* What one entry of a batch maps, or unmaps. */
struct piece {
	void *va;
	uint64_t iova;
	uint64_t len;
};

#define BACKEND_MAX_PIECES	1024	/* in one batch */

struct backend_ops {
	const char *name;		/* as given to --backend */
	const char *summary;
	uint64_t max_maps;		/* at one time; 0: what dma_avail says */
	const char *driver;		/* that the device has to have; NULL: vfio-pci */
	bool files;			/* maps memory by the file it is of, and no other */
	/* How the device gets to where the maps are; for attach_paths.c alone. */
	int (*enter)(struct backend *b);
	/*
	 * Send containers opened from now on to this backend; NULL where
	 * there is no choice to make. 0 or -1 with a line printed.
	 */
	int (*select)(const struct backend_ops *ops);
	int (*open)(struct backend *b, const char *bdf);
	void (*close)(struct backend *b);
	/* 0 or a negative errno; safe in several threads at once. */
	int (*map)(struct backend *b, void *va, uint64_t iova, uint64_t len);
	/* The same at an address that the kernel chooses, where it does that. */
	int (*map_free)(struct backend *b, void *va, uint64_t len, uint64_t *iova);
	int (*unmap)(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped);
	int (*unmap_all)(struct backend *b, uint64_t *unmapped);
	/*
	 * A batch, all of it or a negative errno, where there is such a call;
	 * else a batch is one call after the other.
	 */
	int (*map_many)(struct backend *b, const struct piece *piece, unsigned int n);
	int (*unmap_many)(struct backend *b, const struct piece *piece, unsigned int n);
	/*
	 * Takes the device out of the address space, whose maps stay, and back,
	 * where maps need no device. 0, or -1 with a line printed.
	 */
	int (*leave)(struct backend *b);
	int (*come_back)(struct backend *b);
	/* Dirty pages, where that is possible. A bit a page. 0 or a negative errno. */
	int (*dirty_start)(struct backend *b);
	int (*dirty_get)(struct backend *b, uint64_t iova, uint64_t len, uint64_t *bits);
	int (*unmap_dirty)(struct backend *b, uint64_t iova, uint64_t len, uint64_t *bits);
	/* A new fd of the attached device, -1 with a line printed. */
	int (*device_fd)(struct backend *b);
};

struct backend {
	const struct backend_ops *ops;
	int type;			/* VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU */
	char answered[32];		/* who really maps: "type1", "ioasid" */
	char bdf[PCI_BDF_LEN];
	int group;
	bool closed;
	uint64_t maps;			/* as told to backend_open() */
	uint64_t page_sizes;
	uint64_t dma_avail;
	struct iova_range range[VFIO_MAX_RANGES];
	unsigned int ranges;
	struct vfio_container container;
	const struct mem *mem;		/* what is mapped, for those that map files */
	/* What backends without a VFIO container have instead. */
	int device;
	uint32_t object;
	void *private;
};

/* The row called @name, NULL when there is none. */
const struct backend_ops *backend_find(const char *name);

/* The driver that the device has to have for it. */
const char *backend_driver(const struct backend_ops *ops);

/* Names and summaries for --help. */
void backend_list(void);

/**
 * backend_open() - an address space with a device in it
 * @version: of the VFIO container, 1 or 2
 * @maps: how many maps the caller will have at one time, about
 *
 * Return: 0, or -1 with a line printed.
 */
int backend_open(struct backend *b, const struct backend_ops *ops, const char *bdf,
		 int version, uint64_t maps);
void backend_close(struct backend *b);

/* For select: the module's parameter says whether ioasid_vfio answers and lets join. */
int backend_select(const struct backend_ops *ops);

/* Where in the file of @b->mem the memory at @va is. */
uint64_t backend_offset(const struct backend *b, const void *va);

/* What @b->container says about itself becomes what the backend says. */
void backend_take_container(struct backend *b);

/**
 * backend_iova() - a free stretch of @len bytes in an unused address space
 *
 * Above 4 GiB where possible, out of the way of MSI windows.
 *
 * Return: 0, or -1 with a line printed.
 */
int backend_iova(const struct backend *b, uint64_t len, uint64_t align, uint64_t *iova);

/* Bytes of a dirty bitmap for @len bytes: whole words. */
static inline uint64_t backend_bitmap(uint64_t len)
{
	return (len / PAGE_4K + 63) / 64 * sizeof(uint64_t);
}

/* What a failed map of @len bytes means and what to do, as one line. */
int backend_map_failed(const struct backend *b, int err, uint64_t iova, uint64_t len);

/* Rows. */
extern const struct backend_ops backend_auto, backend_type1, backend_ioasid, backend_join,
	backend_group, backend_direct, backend_native, backend_native_file, backend_helped,
	backend_iommufd, backend_iommufd_file, backend_uring, backend_pin;

#endif
