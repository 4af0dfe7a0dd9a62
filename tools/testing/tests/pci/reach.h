/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers of a drive that an edu reaches by DMA, or not, and what is traced of that.
 */
#ifndef IOASID_TEST_REACH_H
#define IOASID_TEST_REACH_H

#include "lib/pci_device.h"

#define REGISTERS	0x1000000ULL	/* where the drive's are mapped, in reach of an edu */
#define TRACING		"/sys/kernel/tracing/"
#define COMMAND_MEMORY	2
#define COMMAND_MASTER	4

static inline bool drive_command(int drive, uint16_t command)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};

	return !ioctl(drive, VFIO_DEVICE_GET_REGION_INFO, &config) &&
	       pwrite(drive, &command, 2, config.offset + 4) == 2;
}

/*
 * Does the edu reach a drive's registers at @iova? Then it reads what their first word
 * is; and otherwise what it had read before, or nothing.
 */
static inline bool dma_reaches(volatile char *bar, char *mem, uint64_t iova)
{
	volatile uint64_t *word = (volatile uint64_t *)mem;
	static uint64_t capabilities;
	bool read;

	word[0] = 0x5ce1e7ULL;
	word[1] = 0x5ce1e7ULL;
	word[2] = 0;
	word[3] = 0;
	/* Of the two words that it has read, that of a drive replaces the first. */
	if (!edu_run(bar, IOVA, EDU_BUFFER, 16, 0) || !edu_run(bar, iova, EDU_BUFFER, 8, 0) ||
	    !edu_run(bar, EDU_BUFFER, IOVA + 16, 16, EDU_TO_MEMORY) || word[3] != 0x5ce1e7ULL)
		abort();
	read = word[2] && ~word[2] && word[2] != 0x5ce1e7ULL;
	/* All drives of this machine have the same. */
	if (read && !capabilities)
		capabilities = word[2];
	return read && word[2] == capabilities;
}

/*
 * For fixtures with first, mem, edu, bar and drive: an address space with memory at IOVA, the edu,
 * which is attached to it, and the drive, which is not.
 */
#define REACH_SETUP() do {								\
	ASSERT_TRUE(backend_open(&self->first, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));	\
	self->mem = touched_memory(SIZE);						\
	ASSERT_NE(MAP_FAILED, self->mem);						\
	ASSERT_EQ(0, backend_map(&self->first, IOVA, self->mem, SIZE, MAP_RW));		\
	self->edu = node_open(DEVICE_EDU);						\
	ASSERT_EQ(0, node_attach(self->edu, self->first.fd, 0));			\
	self->bar = edu_open(self->edu);						\
	ASSERT_TRUE(self->bar);								\
	self->drive = node_open(DEVICE_NVME);						\
	ASSERT_LE(0, self->drive);							\
} while (0)

/* Revoked: not reached, and still there as a range that is taken, and to be unmapped. */
#define EXPECT_REVOKED(self)								\
	do {										\
		EXPECT_FALSE(dma_reaches((self)->bar, (self)->mem, REGISTERS));		\
		EXPECT_ERRNO(EEXIST, backend_map(&(self)->first, REGISTERS,		\
						 (self)->mem, PAGE, MAP_RW));		\
		EXPECT_EQ((long long)PAGE,						\
			  backend_unmap(&(self)->first, REGISTERS, PAGE));		\
	} while (0)

/* Waits for them to be back. */
static inline bool come_back(volatile char *bar, char *mem)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (dma_reaches(bar, mem, REGISTERS))
			return true;
		usleep(50000);
	}
	return false;
}

static inline bool trace_clear(void)
{
	int fd = open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd >= 0 && !close(fd);
}

/* How many lines of the trace have both. */
static inline int traced_times(const char *words, const char *more)
{
	FILE *file = fopen(TRACING "trace", "re");
	char line[512];
	int n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += strstr(line, "ioasid_revoke: ") && strstr(line, words) && strstr(line, more);
	if (file)
		fclose(file);
	return n;
}

static inline bool traced(const char *words)
{
	return traced_times(words, "");
}

#endif
