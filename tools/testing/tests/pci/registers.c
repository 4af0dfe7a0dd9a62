// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a device that changes hands. Device memory can be mapped into
 * an address space, for another device to reach it, and stays there when the
 * device is closed. The next owner of the device must not be reached by it.
 */
#include "lib/pci_device.h"

#define REGISTERS	0x1000000ULL	/* where the drive's are mapped, in reach of an edu */

FIXTURE(registers) {
	struct backend first;	/* maps the drive's registers; its edu does the DMA */
	int edu;
	volatile char *bar;
	char *mem;
	int drive;
	int second;		/* the /dev/ioasid of the drive's next owner */
};

FIXTURE_SETUP(registers)
{
	ASSERT_TRUE(backend_open(&self->first, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	self->second = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->second);
	self->mem = touched_memory(SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, backend_map(&self->first, IOVA, self->mem, SIZE, MAP_RW));
	self->edu = node_open(DEVICE_EDU);
	ASSERT_EQ(0, node_attach(self->edu, self->first.fd, 0));
	self->bar = edu_open(self->edu);
	ASSERT_TRUE(self->bar);
	self->drive = node_open(DEVICE_NVME);
	ASSERT_LE(0, self->drive);
}

FIXTURE_TEARDOWN(registers)
{
	munmap((void *)self->bar, MIB);
	close(self->edu);
	if (self->drive >= 0)
		close(self->drive);
	close(self->second);
	backend_close(&self->first);
	/* Whatever was mapped is gone with its address spaces. */
	self->second = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	self->drive = node_open(DEVICE_NVME);
	EXPECT_EQ(0, node_attach(self->drive, self->second, 0));
	close(self->drive);
	close(self->second);
}

/* The first page of a drive's registers, which it then decodes; or NULL. */
static char *drive_registers(int drive)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command = 6;
	void *bar;

	if (ioctl(drive, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pwrite(drive, &command, 2, config.offset + 4) != 2)
		return NULL;
	bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, drive, 0);
	return bar == MAP_FAILED ? NULL : bar;
}

/* Maps them at REGISTERS of @backend. */
static bool map_registers(const struct backend *backend, int drive)
{
	char *registers = drive_registers(drive);
	bool done = registers && !backend_map(backend, REGISTERS, registers, PAGE, MAP_RW);

	return registers && !munmap(registers, PAGE) && done;
}

/* What the edu reads there: their first word is never 0. */
static uint64_t dma_reads(volatile char *bar, char *mem)
{
	memset(mem, 0, 8);
	if (!edu_copy(bar, REGISTERS, IOVA, 8))
		return 0;
	return *(volatile uint64_t *)mem;
}

TEST_F(registers, left_in_an_address_space)
{
	int owner = node_open(DEVICE_NVME);
	struct backend stock;

	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	ASSERT_TRUE(map_registers(&self->first, self->drive));
	EXPECT_NE(0, dma_reads(self->bar, self->mem));
	close(self->drive);
	self->drive = -1;
	EXPECT_ERRNO(EBUSY, node_attach(owner, self->second, 0));
	EXPECT_EQ(0, node_flags(owner));
	if (node_flags(owner) == IOASID_DEVICE_OWNED && drive_registers(owner))
		EXPECT_EQ(0, dma_reads(self->bar, self->mem));
	/* By VFIO's group it is no different. */
	ASSERT_TRUE(backend_open(&stock, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	EXPECT_ERRNO(EBUSY, backend_device(&stock, DEVICE_NVME));
	backend_close(&stock);
	/* Nor for the one who left them there. */
	EXPECT_ERRNO(EBUSY, node_attach(owner, self->first.fd, 0));
	EXPECT_EQ((long long)PAGE, backend_unmap(&self->first, REGISTERS, PAGE));
	EXPECT_EQ(0, node_attach(owner, self->second, 0));
	close(owner);
}

/* The group of VFIO leaves them behind just so. */
TEST_F(registers, left_in_a_container)
{
	struct backend stock, drive;
	int device;

	munmap((void *)self->bar, MIB);
	close(self->edu);
	ASSERT_TRUE(backend_open(&stock, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	drive.fd = -1;
	drive.group = group_open(DEVICE_NVME);
	ASSERT_EQ(0, ioctl(drive.group, VFIO_GROUP_SET_CONTAINER, &stock.fd));
	device = backend_device(&drive, DEVICE_NVME);
	ASSERT_LE(0, device);
	ASSERT_TRUE(map_registers(&stock, device));
	close(device);
	backend_close(&drive);
	EXPECT_ERRNO(EBUSY, node_attach(self->drive, self->second, 0));
	EXPECT_EQ((long long)PAGE, backend_unmap(&stock, REGISTERS, PAGE));
	EXPECT_EQ(0, node_attach(self->drive, self->second, 0));
	backend_close(&stock);
	self->edu = node_open(DEVICE_EDU);
	ASSERT_EQ(0, node_attach(self->edu, self->first.fd, 0));
	self->bar = edu_open(self->edu);
	ASSERT_TRUE(self->bar);
}

/* Mapped twice, and by a copy, they count until the last is gone. */
TEST_F(registers, several_times)
{
	struct ioasid_copy copy = {
		.size = sizeof(copy), .src_ioasid = 1, .dst_ioasid = 1, .src_iova = REGISTERS,
		.dst_iova = REGISTERS + PAGE, .length = PAGE,
		.flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA,
	};

	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	ASSERT_TRUE(map_registers(&self->first, self->drive));
	copy.dst_iova = REGISTERS + PAGE;
	ASSERT_EQ(0, ioctl(self->first.fd, IOASID_COPY, &copy));
	close(self->drive);
	self->drive = node_open(DEVICE_NVME);
	EXPECT_EQ((long long)PAGE, backend_unmap(&self->first, REGISTERS, PAGE));
	EXPECT_ERRNO(EBUSY, node_attach(self->drive, self->second, 0));
	EXPECT_EQ((long long)PAGE, backend_unmap(&self->first, REGISTERS + PAGE, PAGE));
	EXPECT_EQ(0, node_attach(self->drive, self->second, 0));
}

/* A map that fails behind them has left nothing. */
TEST_F(registers, failed_map)
{
	char *area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *registers;

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	registers = drive_registers(self->drive);
	ASSERT_TRUE(registers);
	ASSERT_EQ(area + PAGE, mremap(registers, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				      area + PAGE));
	ASSERT_EQ(0, munmap(area + 2 * PAGE, PAGE));
	EXPECT_ERRNO(EFAULT, backend_map(&self->first, REGISTERS, area, 4 * PAGE, MAP_RW));
	ASSERT_EQ(0, munmap(area, 4 * PAGE));
	close(self->drive);
	self->drive = node_open(DEVICE_NVME);
	EXPECT_EQ(0, node_attach(self->drive, self->second, 0));
}

/* The end of the process that mapped them is the end of it. */
TEST_F(registers, killed)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct backend d;
		int drive = node_open(DEVICE_NVME);

		if (backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL) &&
		    !node_attach(drive, d.fd, 0) && map_registers(&d, drive))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, node_attach(self->drive, self->second, 0));
}

TEST_HARNESS_MAIN
