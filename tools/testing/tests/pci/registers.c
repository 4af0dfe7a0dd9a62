// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a device that changes hands, or is not to be reached. They can
 * be mapped into an address space, for another device to reach them. What leaves
 * the page tables of the process leaves the IOMMU as well: when decoding goes off,
 * before a reset, when they are unmapped or the device is closed. An edu reads them
 * by DMA, before and after.
 */
#include <sys/wait.h>

#include "lib/fault.h"
#include "pci/reach.h"

FIXTURE(registers) {
	struct backend first;	/* maps the drive's registers; its edu does the DMA */
	int edu;
	volatile char *bar;
	char *mem;
	int drive;
	int second;		/* the /dev/ioasid of the drive's next owner */
	int log;
};

FIXTURE_SETUP(registers)
{
	self->log = fault_expect();
	self->second = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->second);
	REACH_SETUP();
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
	close(self->log);
}

/* The first page of a drive's registers, which it then decodes; or NULL. */
static char *drive_registers(int drive)
{
	void *bar;

	if (!drive_command(drive, COMMAND_MEMORY | COMMAND_MASTER))
		return NULL;
	bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, drive, 0);
	return bar == MAP_FAILED ? NULL : bar;
}

/* Maps them at REGISTERS of @backend; where the process has them, or NULL. */
static char *map_registers(const struct backend *backend, int drive)
{
	char *registers = drive_registers(drive);

	if (registers && backend_map(backend, REGISTERS, registers, PAGE, MAP_RW)) {
		munmap(registers, PAGE);
		return NULL;
	}
	return registers;
}

/* The same of a drive that is not attached yet. */
static char *attach_and_map(const struct backend *backend, int drive)
{
	return node_attach(drive, backend->fd, 0) ? NULL : map_registers(backend, drive);
}

TEST_F(registers, unmapped_by_the_process)
{
	char *registers;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(registers, PAGE));
	EXPECT_REVOKED(self);
}

TEST_F(registers, moved_by_the_process)
{
	char *to = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *registers;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(to, mremap(registers, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_REVOKED(self);
	ASSERT_EQ(0, backend_map(&self->first, REGISTERS, to, PAGE, MAP_RW));
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(to, PAGE));
}

/* A change of protection leaves the memory where it is. */
TEST_F(registers, protected_by_the_process)
{
	char *registers;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	ASSERT_EQ(0, mprotect(registers, PAGE, PROT_READ));
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, mprotect(registers, PAGE, PROT_NONE));
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(registers, PAGE));
	EXPECT_REVOKED(self);
}

TEST_F(registers, decoding_off)
{
	char *registers;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS));
	EXPECT_ERRNO(EFAULT, backend_map(&self->first, REGISTERS + PAGE, registers, PAGE, MAP_RW));
	/* The device decodes again, and yet it is the owner who is to bring it back. */
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	EXPECT_REVOKED(self);
	ASSERT_EQ(0, backend_map(&self->first, REGISTERS, registers, PAGE, MAP_RW));
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(registers, PAGE));
}

TEST_F(registers, reset)
{
	char *registers;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, ioctl(self->drive, VFIO_DEVICE_RESET));
	EXPECT_REVOKED(self);
	ASSERT_EQ(0, backend_map(&self->first, REGISTERS, registers, PAGE, MAP_RW));
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(registers, PAGE));
}

/* The owner touches them again, and the IOMMU has them again; what is unmapped stays away. */
TEST_F(registers, touched_again)
{
	char *registers;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	usleep(300000);
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS));
	EXPECT_NE(0, *(volatile uint32_t *)registers);
	EXPECT_TRUE(come_back(self->bar, self->mem));
	ASSERT_EQ(0, ioctl(self->drive, VFIO_DEVICE_RESET));
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS));
	EXPECT_NE(0, *(volatile uint32_t *)registers);
	EXPECT_TRUE(come_back(self->bar, self->mem));
	ASSERT_EQ(0, munmap(registers, PAGE));
	registers = drive_registers(self->drive);
	EXPECT_NE(0, *(volatile uint32_t *)registers);
	usleep(300000);
	EXPECT_REVOKED(self);
	ASSERT_EQ(0, munmap(registers, PAGE));
}

/* The next owner gets it at once, and is not reached, by whichever way it opens the device. */
TEST_F(registers, closed)
{
	int owner = node_open(DEVICE_NVME);
	struct backend stock;
	char *registers;
	int device;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(registers, PAGE));
	close(self->drive);
	self->drive = -1;
	ASSERT_EQ(0, node_attach(owner, self->second, 0));
	registers = drive_registers(owner);
	ASSERT_TRUE(registers);
	EXPECT_NE(0, *(volatile uint32_t *)registers);
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(registers, PAGE));
	close(owner);

	ASSERT_TRUE(backend_open(&stock, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	device = backend_device(&stock, DEVICE_NVME);
	ASSERT_LE(0, device);
	ASSERT_TRUE(drive_command(device, COMMAND_MEMORY));
	EXPECT_REVOKED(self);
	close(device);
	backend_close(&stock);
}

/* A container of VFIO, with a device whose driver is not ours to ask. */
TEST_F(registers, of_a_container)
{
	struct backend stock, drive;
	volatile char *bar;
	char *registers;
	int device, edu;

	munmap((void *)self->bar, MIB);
	close(self->edu);
	close(self->drive);
	self->drive = -1;
	ASSERT_TRUE(device_to(DEVICE_NVME, "vfio-pci"));
	ASSERT_TRUE(backend_open(&stock, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	edu = backend_device(&stock, DEVICE_EDU);
	bar = edu_open(edu);
	ASSERT_TRUE(bar);
	ASSERT_EQ(0, backend_map(&stock, IOVA, self->mem, SIZE, MAP_RW));
	drive.fd = -1;
	drive.group = group_open(DEVICE_NVME);
	ASSERT_EQ(0, ioctl(drive.group, VFIO_GROUP_SET_CONTAINER, &stock.fd));
	device = backend_device(&drive, DEVICE_NVME);
	ASSERT_LE(0, device);
	registers = map_registers(&stock, device);
	ASSERT_TRUE(registers);
	EXPECT_TRUE(dma_reaches(bar, self->mem, REGISTERS));
	ASSERT_EQ(0, ioctl(device, VFIO_DEVICE_RESET));
	EXPECT_FALSE(dma_reaches(bar, self->mem, REGISTERS));
	EXPECT_EQ((long long)PAGE, backend_unmap(&stock, REGISTERS, PAGE));
	EXPECT_EQ(0, backend_map(&stock, REGISTERS, registers, PAGE, MAP_RW));
	EXPECT_TRUE(dma_reaches(bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(registers, PAGE));
	close(device);
	backend_close(&drive);
	EXPECT_FALSE(dma_reaches(bar, self->mem, REGISTERS));
	EXPECT_EQ((long long)PAGE, backend_unmap(&stock, REGISTERS, PAGE));
	munmap((void *)bar, MIB);
	close(edu);
	backend_close(&stock);
	ASSERT_TRUE(device_to(DEVICE_NVME, "ioasid_pci"));
	self->edu = node_open(DEVICE_EDU);
	ASSERT_EQ(0, node_attach(self->edu, self->first.fd, 0));
	self->bar = edu_open(self->edu);
	ASSERT_TRUE(self->bar);
}

/* The device is unplugged: that waits for its owner, whose registers go first. */
TEST_F(registers, unplugged)
{
	char *registers;
	pid_t pid;
	int status;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	pid = fork();
	if (!pid) {
		close(self->drive);
		munmap(registers, PAGE);
		_exit(!file_write("/sys/bus/pci/devices/" DEVICE_NVME "/remove", "1"));
	}
	usleep(200000);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	/* What the child unmaps is its own. */
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, munmap(registers, PAGE));
	close(self->drive);
	self->drive = -1;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_NE(0, access("/sys/bus/pci/devices/" DEVICE_NVME, F_OK));
	EXPECT_REVOKED(self);
	ASSERT_TRUE(file_write("/sys/bus/pci/rescan", "1"));
	ASSERT_TRUE(device_to(DEVICE_NVME, "ioasid_pci"));
}

/* Mapped twice, and by a copy, they go from everywhere at once. */
TEST_F(registers, several_times)
{
	struct ioasid_copy copy = {
		.size = sizeof(copy), .src_ioasid = 1, .dst_ioasid = 1, .src_iova = REGISTERS,
		.dst_iova = REGISTERS + PAGE, .length = PAGE,
		.flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA,
	};
	char *registers;
	int i;

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	ASSERT_EQ(0, ioctl(self->first.fd, IOASID_COPY, &copy));
	ASSERT_EQ(0, backend_map(&self->first, REGISTERS + 2 * PAGE, registers, PAGE, MAP_RW));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS + i * PAGE));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	for (i = 0; i < 3; i++)
		EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS + i * PAGE));
	/* A copy of what is revoked is as much so. */
	copy.dst_iova = REGISTERS + 3 * PAGE;
	EXPECT_EQ(0, ioctl(self->first.fd, IOASID_COPY, &copy));
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS + 3 * PAGE));
	EXPECT_EQ(4LL * PAGE, backend_unmap(&self->first, REGISTERS, 4 * PAGE));
	ASSERT_EQ(0, munmap(registers, PAGE));
}

/* A device that comes later gets what there is then. */
TEST_F(registers, attached_later)
{
	char *registers;

	munmap((void *)self->bar, MIB);
	close(self->edu);
	ASSERT_EQ(0, node_attach(self->drive, self->second, 0));
	registers = map_registers(&self->first, self->drive);
	ASSERT_TRUE(registers);
	self->edu = node_open(DEVICE_EDU);
	ASSERT_EQ(0, node_attach(self->edu, self->first.fd, 0));
	self->bar = edu_open(self->edu);
	ASSERT_TRUE(self->bar);
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, node_detach(self->edu));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	ASSERT_EQ(0, node_attach(self->edu, self->first.fd, 0));
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	EXPECT_REVOKED(self);
	ASSERT_EQ(0, munmap(registers, PAGE));
}

/* Between pages of memory, which stay in reach. */
TEST_F(registers, among_memory)
{
	char *area = touched_memory(3 * PAGE), *registers;

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	registers = drive_registers(self->drive);
	ASSERT_TRUE(registers);
	ASSERT_EQ(area + PAGE, mremap(registers, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				      area + PAGE));
	ASSERT_EQ(0, backend_map(&self->first, REGISTERS, area, 3 * PAGE, MAP_RW));
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS + PAGE));
	memcpy(area, "before", 6);
	EXPECT_TRUE(edu_copy(self->bar, REGISTERS, REGISTERS + 2 * PAGE, 8));
	EXPECT_EQ(0, memcmp(area + 2 * PAGE, "before", 6));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS + PAGE));
	memcpy(area, "behind", 6);
	EXPECT_TRUE(edu_copy(self->bar, REGISTERS, REGISTERS + 2 * PAGE, 8));
	EXPECT_EQ(0, memcmp(area + 2 * PAGE, "behind", 6));
	EXPECT_EQ(3LL * PAGE, backend_unmap(&self->first, REGISTERS, 3 * PAGE));
	ASSERT_EQ(0, munmap(area, 3 * PAGE));
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
	EXPECT_FALSE(dma_reaches(self->bar, self->mem, REGISTERS + PAGE));
	ASSERT_EQ(0, munmap(area, 4 * PAGE));
	close(self->drive);
	self->drive = node_open(DEVICE_NVME);
	EXPECT_EQ(0, node_attach(self->drive, self->second, 0));
}

/* The end of the process that mapped them, for a space that others keep. */
TEST_F(registers, of_a_process_that_ends)
{
	int status, go[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid) {
		_exit(!map_registers(&self->first, self->drive) || write(go[1], "", 1) != 1 ||
		      pause());
	}
	ASSERT_EQ(1, read(go[0], &c, 1));
	EXPECT_TRUE(dma_reaches(self->bar, self->mem, REGISTERS));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_REVOKED(self);
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

/* The task that did it, to which range, and how. */
TEST_F(registers, are_reported)
{
	char *registers, words[200];

	registers = attach_and_map(&self->first, self->drive);
	ASSERT_TRUE(registers);
	ASSERT_TRUE(trace_clear());
	ASSERT_TRUE(file_write(TRACING "events/ioasid/ioasid_revoke/enable", "1"));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	snprintf(words, sizeof(words),
		 "tgid=%d iova=0x%llx length=0x1000 vaddr=0x%lx change=clear err=0", getpid(),
		 REGISTERS, (unsigned long)registers);
	EXPECT_TRUE(traced(words));
	/* What is gone is not reported again. */
	ASSERT_TRUE(trace_clear());
	ASSERT_EQ(0, munmap(registers, PAGE));
	EXPECT_FALSE(traced("tgid="));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	EXPECT_EQ((long long)PAGE, backend_unmap(&self->first, REGISTERS, PAGE));
	registers = map_registers(&self->first, self->drive);
	ASSERT_TRUE(registers);
	ASSERT_EQ(0, munmap(registers, PAGE));
	EXPECT_TRUE(traced("change=unmap err=0"));
	EXPECT_TRUE(file_write(TRACING "events/ioasid/ioasid_revoke/enable", "0"));
}

TEST_HARNESS_MAIN
