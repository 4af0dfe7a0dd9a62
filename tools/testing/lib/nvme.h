/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough of an NVMe driver to let the drive write where it is told to: an
 * admin queue, one I/O queue, and reads of one page. Commands are polled for.
 */
#ifndef IOASID_TEST_NVME_H
#define IOASID_TEST_NVME_H

#include "lib/backend.h"

#define NVME_ENTRIES	16
#define NVME_PAGES	4		/* a page for each queue */

/* Queue 0 is the admin queue. */
struct nvme {
	int device;
	uint64_t bar;			/* offset of the registers in @device */
	uint64_t stride;
	char *mem;
	uint64_t iova;			/* of @mem */
	unsigned int tail[2], head[2], phase[2];
};

static inline bool nvme_write32(struct nvme *n, uint64_t reg, uint32_t value)
{
	return pwrite(n->device, &value, 4, n->bar + reg) == 4;
}

static inline uint32_t nvme_read32(struct nvme *n, uint64_t reg)
{
	uint32_t value = 0;

	if (pread(n->device, &value, 4, n->bar + reg) != 4)
		return UINT32_MAX;
	return value;
}

static inline bool nvme_wait_ready(struct nvme *n, uint32_t ready)
{
	int tries;

	for (tries = 0; tries < 5000; tries++) {
		if ((nvme_read32(n, 0x1c) & 1) == ready)
			return true;
		usleep(1000);
	}
	return false;
}

/* Puts a command into queue @q and tells the drive. */
static inline bool nvme_submit(struct nvme *n, int q, const uint32_t *command)
{
	memcpy(n->mem + 2 * q * PAGE + n->tail[q] * 64, command, 64);
	n->tail[q] = (n->tail[q] + 1) % NVME_ENTRIES;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return nvme_write32(n, 0x1000 + 2 * q * n->stride, n->tail[q]);
}

/* The status of the next completion, 0 is success; -1 when none comes. */
static inline int nvme_complete(struct nvme *n, int q)
{
	volatile uint16_t *entry = (void *)(n->mem + (2 * q + 1) * PAGE + n->head[q] * 16);
	int tries, status;

	for (tries = 0; tries < 3000; tries++) {
		status = entry[7];
		if ((status & 1) == (int)n->phase[q])
			break;
		usleep(1000);
	}
	if (tries == 3000)
		return -1;
	n->head[q] = (n->head[q] + 1) % NVME_ENTRIES;
	if (!n->head[q])
		n->phase[q] ^= 1;
	nvme_write32(n, 0x1000 + (2 * q + 1) * n->stride, n->head[q]);
	return status >> 1;
}

static inline int nvme_command(struct nvme *n, int q, const uint32_t *command)
{
	return nvme_submit(n, q, command) ? nvme_complete(n, q) : -1;
}

static inline bool nvme_create_queue(struct nvme *n, uint32_t opcode, uint64_t iova, uint32_t flags)
{
	const uint32_t command[16] = {
		[0] = opcode | 1 << 16, [6] = iova, [7] = iova >> 32,
		[10] = (NVME_ENTRIES - 1) << 16 | 1, [11] = flags,
	};

	return nvme_command(n, 0, command) == 0;
}

static inline bool nvme_enable_dma(struct nvme *n)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = 0 };
	uint16_t command;

	if (ioctl(n->device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    ioctl(n->device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    pread(n->device, &command, 2, config.offset + 4) != 2)
		return false;
	n->bar = bar.offset;
	command |= 6;
	return pwrite(n->device, &command, 2, config.offset + 4) == 2;
}

/*
 * Starts the drive. @mem is NVME_PAGES of memory that is mapped at @iova for
 * @device, which the caller closes.
 */
static inline bool nvme_start(struct nvme *n, int device, void *mem, uint64_t iova)
{
	uint64_t asq = iova, acq = iova + PAGE;

	memset(n, 0, sizeof(*n));
	n->device = device;
	n->mem = mem;
	n->iova = iova;
	n->phase[0] = n->phase[1] = 1;
	memset(mem, 0, NVME_PAGES * PAGE);
	if (device < 0 || !nvme_enable_dma(n))
		return false;
	n->stride = 4ULL << (nvme_read32(n, 4) & 0xf);
	if (!nvme_write32(n, 0x14, 0) || !nvme_wait_ready(n, 0))
		return false;
	nvme_write32(n, 0x24, (NVME_ENTRIES - 1) << 16 | (NVME_ENTRIES - 1));
	nvme_write32(n, 0x28, asq);
	nvme_write32(n, 0x2c, asq >> 32);
	nvme_write32(n, 0x30, acq);
	nvme_write32(n, 0x34, acq >> 32);
	nvme_write32(n, 0x14, 4 << 20 | 6 << 16 | 1);
	return nvme_wait_ready(n, 1) && nvme_create_queue(n, 5, iova + 3 * PAGE, 1) &&
	       nvme_create_queue(n, 1, iova + 2 * PAGE, 1 << 16 | 1);
}

static inline void nvme_fill_read(uint32_t *command, uint64_t iova)
{
	memset(command, 0, 64);
	command[0] = 2 | 7 << 16;
	command[1] = 1;
	command[6] = iova;
	command[7] = iova >> 32;
	command[12] = PAGE / 512 - 1;
}

/* The drive writes the first page of what it holds to @iova; its status or -1. */
static inline int nvme_read_to(struct nvme *n, uint64_t iova)
{
	uint32_t command[16];

	nvme_fill_read(command, iova);
	return nvme_command(n, 1, command);
}

#endif
