/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's edu device as a witness of DMA: it copies from memory into a buffer
 * of its own and from there to memory, at addresses below 256 MiB.
 */
#ifndef IOASID_TEST_EDU_H
#define IOASID_TEST_EDU_H

#include "lib/ioasid.h"

#define EDU_BUFFER	0x40000
#define EDU_SOURCE	0x80
#define EDU_TARGET	0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98
#define EDU_RUN		1
#define EDU_TO_MEMORY	2
#define EDU_PIECE	128U		/* of the buffer: 32 of them */

/* The registers of an open device, which may then master the bus; or NULL. */
static inline volatile char *edu_open(int device)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;
	void *bar;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pread(device, &command, 2, config.offset + 4) != 2)
		return NULL;
	command |= 6;
	if (pwrite(device, &command, 2, config.offset + 4) != 2)
		return NULL;
	bar = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	return bar == MAP_FAILED ? NULL : bar;
}

/* Runs one DMA of at most 4096 bytes; false if it does not end. */
static inline bool edu_run(volatile char *bar, uint64_t from, uint64_t to, uint64_t count,
			   uint32_t command)
{
	int tries;

	*(volatile uint64_t *)(bar + EDU_SOURCE) = from;
	*(volatile uint64_t *)(bar + EDU_TARGET) = to;
	*(volatile uint64_t *)(bar + EDU_COUNT) = count;
	*(volatile uint64_t *)(bar + EDU_COMMAND) = EDU_RUN | command;
	/* The emulator takes a tenth of a second for each, however short it is. */
	usleep(95000);
	for (tries = 0; tries < 2000; tries++) {
		if (!(*(volatile uint64_t *)(bar + EDU_COMMAND) & EDU_RUN))
			return true;
		usleep(1000);
	}
	return false;
}

/* Copies @count bytes between two IOVAs, by DMA alone. */
static inline bool edu_copy(volatile char *bar, uint64_t from, uint64_t to, uint64_t count)
{
	return edu_run(bar, from, EDU_BUFFER, count, 0) &&
	       edu_run(bar, EDU_BUFFER, to, count, EDU_TO_MEMORY);
}

/*
 * Copies @count bytes from each of @nr addresses to @to, one after the other; all of them fit
 * into the buffer. That takes little more than half the time of as many edu_copy(). As a page is
 * mapped as a whole, some bytes of it tell where it is.
 */
static inline bool edu_gather(volatile char *bar, const uint64_t *from, unsigned int nr, uint64_t to,
			      uint64_t count)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!edu_run(bar, from[i], EDU_BUFFER + i * count, count, 0))
			return false;
	return edu_run(bar, EDU_BUFFER, to, nr * count, EDU_TO_MEMORY);
}

/*
 * An address space of its own in the /dev/ioasid @fd, with the edu device behind it, by the
 * container @d: its registers, or NULL. @device is its descriptor.
 */
static inline volatile char *edu_attach(int fd, struct backend *d, int *device)
{
	if (!native_attach(fd, d, DEVICE_EDU))
		return NULL;
	*device = backend_device(d, DEVICE_EDU);
	return *device < 0 ? NULL : edu_open(*device);
}

/* Where the memory lies that edu_copies() is about, in reach of the device. */
#define EDU_IOVA	0x4000000ULL

/* Does DMA copy the first page of @mem, which is mapped at EDU_IOVA, to the second? */
static inline bool edu_copies(volatile char *bar, char *mem)
{
	memset(mem, 0x5a, PAGE);
	memset(mem + PAGE, 0, PAGE);
	return edu_copy(bar, EDU_IOVA, EDU_IOVA + PAGE, PAGE) && !memcmp(mem, mem + PAGE, PAGE);
}

#endif
