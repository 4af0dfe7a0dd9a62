// SPDX-License-Identifier: GPL-2.0-only
/*
 * A region of a device is mapped by the fd of the device and its index, and no process mmaps it.
 * What makes vfio-pci take registers away from a process takes it away from the IOMMU, before
 * the call returns that is the cause; and it comes back when the cause has gone. An edu reads a
 * drive's registers by DMA, before, meanwhile and after.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "lib/fault.h"
#include "lib/kapi.h"
#include "lib/modules.h"
#include "pci/reach.h"

#define RW	(IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE)
#define QUEUE	0x28		/* a register of 64 bits, of which all but the lowest 12 can be set */

FIXTURE(region) {
	struct backend first;	/* where regions are mapped; its edu does the DMA */
	int edu;
	volatile char *bar;
	char *mem;
	int drive;
	int log;
};

FIXTURE_SETUP(region)
{
	self->log = fault_expect();
	REACH_SETUP();
}

FIXTURE_TEARDOWN(region)
{
	int second;

	if (self->drive >= 0)
		close(self->drive);
	munmap((void *)self->bar, MIB);
	close(self->edu);
	/* No IOMMU has the registers: not even before its address space ends. */
	second = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	self->drive = node_open(DEVICE_NVME);
	EXPECT_EQ(0, node_attach(self->drive, second, 0));
	close(self->drive);
	close(second);
	backend_close(&self->first);
	close(self->log);
}

/* The first page of the drive's registers, which it decodes. */
static int map_registers(int drive, int fd, uint64_t iova, uint32_t flags)
{
	return node_map(drive, fd, 0, 0, PAGE, iova, flags);
}

/* The drive is attached, decodes, and is mapped at REGISTERS. */
static bool attach_and_map(int drive, int fd)
{
	return !node_attach(drive, fd, 0) && drive_command(drive, COMMAND_MEMORY | COMMAND_MASTER) &&
	       !map_registers(drive, fd, REGISTERS, RW);
}

#define REACHED(iova)	dma_reaches(self->bar, self->mem, iova)

TEST_F(region, is_reached)
{
	struct ioasid_get_info before = native_info(self->first.fd, 1), info;
	long locked = locked_kib();

	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
	info = native_info(self->first.fd, 1);
	EXPECT_EQ(before.out_maps + 1, info.out_maps);
	EXPECT_EQ(before.out_bytes + PAGE, info.out_bytes);
	EXPECT_EQ(before.out_charged, info.out_charged);
	EXPECT_EQ(locked, locked_kib());
	EXPECT_EQ((long long)PAGE, backend_unmap(&self->first, REGISTERS, PAGE));
	EXPECT_FALSE(REACHED(REGISTERS));
	/* The rest of it, and a part, at places of its own. */
	ASSERT_EQ(0, node_map(self->drive, self->first.fd, 0, 0, 4 * PAGE, REGISTERS, RW));
	EXPECT_TRUE(REACHED(REGISTERS));
	ASSERT_EQ(0, node_map(self->drive, self->first.fd, 0, PAGE, PAGE, 2 * REGISTERS, RW));
	EXPECT_EQ((long long)(5 * PAGE), backend_unmap(&self->first, REGISTERS, 2 * REGISTERS));
}

TEST_F(region, where_the_kernel_chooses)
{
	struct ioasid_device_map map = {
		.size = sizeof(map), .flags = RW, .fd = self->first.fd, .length = PAGE,
	};
	struct ioasid_iova_range reach = { .start = REGISTERS, .last = 2 * REGISTERS - 1 };

	ASSERT_EQ((long long)SIZE, backend_unmap(&self->first, IOVA, SIZE));
	/* An edu has 28 bits of address. */
	ASSERT_EQ(0, native_allow(self->first.fd, 1, &reach, 1));
	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	ASSERT_EQ(0, ioctl(self->drive, IOASID_DEVICE_MAP, &map));
	EXPECT_LE(REGISTERS, map.out_iova);
	ASSERT_EQ(0, native_allow(self->first.fd, 1, NULL, 0));
	ASSERT_EQ(0, backend_map(&self->first, IOVA, self->mem, SIZE, MAP_RW));
	EXPECT_TRUE(REACHED(map.out_iova));
}

static uint64_t queue_register(int drive)
{
	uint64_t value = 0;

	return pread(drive, &value, 8, QUEUE) == 8 ? value : ~0ULL;
}

/* What a device may do is what the mapping says. */
TEST_F(region, rights)
{
	volatile uint64_t *word = (volatile uint64_t *)self->mem;

	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	ASSERT_EQ(0, map_registers(self->drive, self->first.fd, REGISTERS + PAGE,
				   IOASID_MAP_FLAG_READ));
	/* A reset may leave it. */
	word[0] = queue_register(self->drive) + PAGE;
	EXPECT_TRUE(edu_copy(self->bar, IOVA, REGISTERS + PAGE + QUEUE, 8));
	EXPECT_NE(word[0], queue_register(self->drive));
	EXPECT_TRUE(edu_copy(self->bar, IOVA, REGISTERS + QUEUE, 8));
	EXPECT_EQ(word[0], queue_register(self->drive));
	EXPECT_TRUE(REACHED(REGISTERS + PAGE));
}

TEST_F(region, decoding_off)
{
	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	EXPECT_FALSE(REACHED(REGISTERS));
	EXPECT_ERRNO(EFAULT, map_registers(self->drive, self->first.fd, REGISTERS + PAGE, RW));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	EXPECT_TRUE(REACHED(REGISTERS));
	/* What is unmapped meanwhile does not come back. */
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	EXPECT_REVOKED(self);
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	EXPECT_FALSE(REACHED(REGISTERS));
}

/* The power state of the drive, or -1: it has none to be set. */
static bool drive_sleeps(int drive, bool sleep)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t cap = 0, state;
	uint8_t at = 0x34;

	if (ioctl(drive, VFIO_DEVICE_GET_REGION_INFO, &config))
		return false;
	while (pread(drive, &at, 1, config.offset + at + (at == 0x34 ? 0 : 1)) == 1 && at) {
		if (pread(drive, &cap, 2, config.offset + at) != 2 || (cap & 0xff) == 1)
			break;
	}
	if (!at || (cap & 0xff) != 1 || pread(drive, &state, 2, config.offset + at + 4) != 2)
		return false;
	state = (state & ~3) | (sleep ? 3 : 0);
	return pwrite(drive, &state, 2, config.offset + at + 4) == 2;
}

TEST_F(region, asleep)
{
	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	if (!drive_sleeps(self->drive, false))
		SKIP(return, "the drive has no power states");
	EXPECT_TRUE(REACHED(REGISTERS));
	ASSERT_TRUE(drive_sleeps(self->drive, true));
	EXPECT_FALSE(REACHED(REGISTERS));
	EXPECT_ERRNO(EFAULT, map_registers(self->drive, self->first.fd, REGISTERS + PAGE, RW));
	ASSERT_TRUE(drive_sleeps(self->drive, false));
	EXPECT_TRUE(REACHED(REGISTERS));
	/* A reset wakes it. */
	ASSERT_TRUE(drive_sleeps(self->drive, true));
	EXPECT_FALSE(REACHED(REGISTERS));
	ASSERT_EQ(0, ioctl(self->drive, VFIO_DEVICE_RESET));
	EXPECT_TRUE(REACHED(REGISTERS));
}

static int low_power(int drive, uint32_t feature)
{
	struct vfio_device_feature arg = {
		.argsz = sizeof(arg), .flags = VFIO_DEVICE_FEATURE_SET | feature,
	};

	return ioctl(drive, VFIO_DEVICE_FEATURE, &arg);
}

TEST_F(region, low_power)
{
	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
	ASSERT_EQ(0, low_power(self->drive, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY));
	EXPECT_FALSE(REACHED(REGISTERS));
	ASSERT_EQ(0, low_power(self->drive, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT));
	EXPECT_TRUE(REACHED(REGISTERS));
	/* One that fails changes nothing. */
	ASSERT_EQ(0, low_power(self->drive, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY));
	EXPECT_ERRNO(EINVAL, low_power(self->drive, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY));
	EXPECT_FALSE(REACHED(REGISTERS));
	ASSERT_EQ(0, low_power(self->drive, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT));
	EXPECT_TRUE(REACHED(REGISTERS));
}

/* What has happened to the mapping at REGISTERS, by the trace: that often. */
static int revokes(const char *change)
{
	char words[80];

	snprintf(words, sizeof(words), "iova=0x%llx length=0x1000", REGISTERS);
	return traced_times(words, change);
}

static bool trace_revokes(bool on)
{
	return trace_clear() &&
	       file_write(TRACING "events/ioasid/ioasid_revoke/enable", on ? "1" : "0");
}

/* It is away while the drive is reset, which is too short a time to look at by DMA. */
TEST_F(region, reset)
{
	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
	ASSERT_TRUE(trace_revokes(true));
	ASSERT_EQ(0, ioctl(self->drive, VFIO_DEVICE_RESET));
	EXPECT_EQ(1, revokes("change=clear err=0"));
	EXPECT_EQ(1, revokes("change=back err=0"));
	EXPECT_TRUE(REACHED(REGISTERS));
	/* By root, behind the back of the owner. */
	ASSERT_TRUE(file_write("/sys/bus/pci/devices/" DEVICE_NVME "/reset", "1"));
	EXPECT_EQ(2, revokes("change=clear err=0"));
	EXPECT_EQ(2, revokes("change=back err=0"));
	EXPECT_TRUE(REACHED(REGISTERS));
	/* What does not decode is not back after a reset. */
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	EXPECT_EQ(3, revokes("change=clear err=0"));
	ASSERT_EQ(0, ioctl(self->drive, VFIO_DEVICE_RESET));
	EXPECT_EQ(2, revokes("change=back err=0"));
	EXPECT_FALSE(REACHED(REGISTERS));
	ASSERT_TRUE(trace_revokes(false));
}

static atomic_bool resets_end;

static void *reset_again(void *drive)
{
	while (!resets_end)
		if (ioctl(*(int *)drive, VFIO_DEVICE_RESET))
			return drive;
	return NULL;
}

/* And yet: many resets, and a device that looks all the time. */
TEST_F_TIMEOUT(region, meanwhile, 60)
{
	int i, missed = 0;
	pthread_t thread;
	void *failed;

	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
	resets_end = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_again, &self->drive));
	for (i = 0; i < 400 && !missed; i++)
		missed += !REACHED(REGISTERS);
	resets_end = true;
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_TRUE(!failed);
	EXPECT_LT(0, missed);
	EXPECT_TRUE(REACHED(REGISTERS));
}

/* The reset of a bus hits all devices there. Registers of an edu take four bytes. */
TEST_F(region, reset_of_a_bus)
{
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };
	volatile uint32_t *word = (volatile uint32_t *)self->mem;
	int pair[2] = { node_open(PAIR1), node_open(PAIR2) };
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, node_attach(pair[i], self->first.fd, 0));
		ASSERT_TRUE(drive_command(pair[i], COMMAND_MEMORY | COMMAND_MASTER));
	}
	ASSERT_EQ(0, map_registers(pair[1], self->first.fd, REGISTERS, RW));
	ASSERT_TRUE(trace_revokes(true));
	ASSERT_EQ(0, ioctl(pair[0], VFIO_DEVICE_PCI_HOT_RESET, &reset));
	EXPECT_EQ(1, revokes("change=clear err=0"));
	EXPECT_EQ(1, revokes("change=back err=0"));
	ASSERT_TRUE(trace_revokes(false));
	word[0] = 0;
	EXPECT_TRUE(edu_copy(self->bar, REGISTERS, IOVA, 4));
	EXPECT_EQ(EDU_ID, word[0]);
	close(pair[0]);
	close(pair[1]);
	word[0] = 0;
	EXPECT_TRUE(edu_copy(self->bar, IOVA, IOVA + 8, 4));
	EXPECT_TRUE(edu_copy(self->bar, REGISTERS, IOVA, 4));
	EXPECT_NE(EDU_ID, word[0]);
}

/* For good: the next owner has the same registers, and another mapping of them. */
TEST_F(region, closed)
{
	int second = open("/dev/ioasid", O_RDWR | O_CLOEXEC), owner = node_open(DEVICE_NVME);

	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
	close(self->drive);
	self->drive = -1;
	EXPECT_FALSE(REACHED(REGISTERS));
	ASSERT_TRUE(attach_and_map(owner, second));
	EXPECT_FALSE(REACHED(REGISTERS));
	ASSERT_EQ(0, ioctl(owner, VFIO_DEVICE_RESET));
	/* Nor does a device that comes into the address space now bring it back. */
	ASSERT_EQ(0, node_detach(self->edu));
	ASSERT_EQ(0, node_attach(self->edu, self->first.fd, 0));
	usleep(200000);
	EXPECT_REVOKED(self);
	/* It may give them away, too. */
	ASSERT_EQ(0, map_registers(owner, self->first.fd, REGISTERS, RW));
	EXPECT_TRUE(REACHED(REGISTERS));
	close(owner);
	EXPECT_REVOKED(self);
	close(second);
}

/* The end of the process that mapped it is none of the mapping, as long as the device is open. */
TEST_F(region, of_a_process_that_ends)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	pid = fork();
	if (!pid)
		_exit(map_registers(self->drive, self->first.fd, REGISTERS, RW) != 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(REACHED(REGISTERS));
}

/* Killed with all that it had open. */
TEST_F(region, killed)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int drive = node_open(DEVICE_NVME);

		close(self->drive);
		if (attach_and_map(drive, self->first.fd))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_REVOKED(self);
}

/* A new owner of the address space has it as before. */
TEST_F(region, change_of_owner)
{
	struct ioasid_change_owner change = { .size = sizeof(change), .ioasid = 1 };
	int status;
	pid_t pid;

	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	ASSERT_EQ((long long)SIZE, backend_unmap(&self->first, IOVA, SIZE));
	pid = fork();
	if (!pid)
		_exit(ioctl(self->first.fd, IOASID_CHANGE_OWNER, &change) != 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, backend_map(&self->first, IOVA, self->mem, SIZE, MAP_RW));
	EXPECT_TRUE(REACHED(REGISTERS));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	EXPECT_REVOKED(self);
}

/* Unplugged: it is away before its owner is waited for. */
TEST_F(region, unplugged)
{
	pid_t pid;
	int status, tries;

	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
	pid = fork();
	if (!pid) {
		close(self->drive);
		_exit(!file_write("/sys/bus/pci/devices/" DEVICE_NVME "/remove", "1"));
	}
	for (tries = 0; tries < 100 && !(node_flags(self->drive) & IOASID_DEVICE_GONE); tries++)
		usleep(20000);
	usleep(50000);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_FALSE(REACHED(REGISTERS));
	EXPECT_ERRNO(ENODEV, map_registers(self->drive, self->first.fd, REGISTERS + PAGE, RW));
	/* Nothing that its owner does brings it back. */
	EXPECT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	EXPECT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	ioctl(self->drive, VFIO_DEVICE_RESET);
	EXPECT_FALSE(REACHED(REGISTERS));
	close(self->drive);
	self->drive = -1;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_NE(0, access("/sys/bus/pci/devices/" DEVICE_NVME, F_OK));
	EXPECT_REVOKED(self);
	ASSERT_TRUE(file_write("/sys/bus/pci/rescan", "1"));
	ASSERT_TRUE(device_to(DEVICE_NVME, "ioasid_pci"));
}

TEST_F(region, detached)
{
	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
	ASSERT_EQ(0, node_detach(self->drive));
	EXPECT_FALSE(REACHED(REGISTERS));
	EXPECT_ERRNO(ENOENT, map_registers(self->drive, self->first.fd, REGISTERS + PAGE, RW));
	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	EXPECT_TRUE(REACHED(REGISTERS));
	/* Moved to another address space, it is where it was mapped. */
	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, space_alloc(self->first.fd)));
	EXPECT_TRUE(REACHED(REGISTERS));
}

/* By a copy, and twice: it goes from everywhere, and comes back there. */
TEST_F(region, several_times)
{
	int i;

	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	ASSERT_EQ(0, map_registers(self->drive, self->first.fd, REGISTERS + PAGE, RW));
	EXPECT_EQ(REGISTERS + 2 * PAGE,
		  native_copy(self->first.fd, 1, 1, RW | IOASID_MAP_FLAG_FIXED_IOVA,
			      REGISTERS + 2 * PAGE, REGISTERS, PAGE));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(REACHED(REGISTERS + i * PAGE));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	for (i = 0; i < 3; i++)
		EXPECT_FALSE(REACHED(REGISTERS + i * PAGE));
	ASSERT_EQ((long long)PAGE, backend_unmap(&self->first, REGISTERS, PAGE));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	EXPECT_FALSE(REACHED(REGISTERS));
	for (i = 1; i < 3; i++)
		EXPECT_TRUE(REACHED(REGISTERS + i * PAGE));
}

/* A device that comes later gets it when there is no cause against it. */
TEST_F(region, attached_later)
{
	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	ASSERT_EQ(0, node_detach(self->edu));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	ASSERT_EQ(0, node_attach(self->edu, self->first.fd, 0));
	EXPECT_FALSE(REACHED(REGISTERS));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));
	EXPECT_TRUE(REACHED(REGISTERS));
}

/* There is no memory for drivers in the kernel to read, or to pin. */
TEST_F(region, is_no_memory)
{
	uint64_t word = 1;
	struct kapi a = { .op = KAPI_FROM_FILE, .fd = self->first.fd };
	struct utsname system;
	char path[256];
	int module;

	uname(&system);
	snprintf(path, sizeof(path), "build/tests/native/%s/ioasid_kapi.ko", system.release);
	ASSERT_EQ(0, module_insert(path));
	module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, module);
	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	ASSERT_EQ(0, ioctl(module, KAPI_CALL, &a));
	a = (struct kapi){ .op = KAPI_READ, .iova = REGISTERS, .data = (uintptr_t)&word, .length = 8 };
	EXPECT_ERRNO(EFAULT, ioctl(module, KAPI_CALL, &a));
	a.op = KAPI_WRITE;
	EXPECT_ERRNO(EFAULT, ioctl(module, KAPI_CALL, &a));
	a = (struct kapi){ .op = KAPI_ACCESS_CREATE };
	ASSERT_EQ(0, ioctl(module, KAPI_CALL, &a));
	a = (struct kapi){ .op = KAPI_PIN, .iova = REGISTERS, .length = 1, .prot = 3 };
	EXPECT_ERRNO(EINVAL, ioctl(module, KAPI_CALL, &a));
	a = (struct kapi){ .op = KAPI_ACCESS_DESTROY };
	EXPECT_EQ(0, ioctl(module, KAPI_CALL, &a));
	a = (struct kapi){ .op = KAPI_PUT };
	EXPECT_EQ(0, ioctl(module, KAPI_CALL, &a));
	close(module);
	EXPECT_EQ(0, module_unload("ioasid_kapi"));
}

/* One argument after the other. */
TEST_F(region, wrong_arguments)
{
	struct ioasid_device_map good = {
		.size = sizeof(good), .flags = RW | IOASID_MAP_FLAG_FIXED_IOVA, .fd = self->first.fd,
		.length = PAGE, .iova = REGISTERS,
	}, m = good;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct ioasid_device_map *unwritable =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t size = 4 * PAGE;

	/* No file owns it yet. */
	EXPECT_ERRNO(EINVAL, ioctl(self->drive, IOASID_DEVICE_MAP, &m));
	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MASTER));
	EXPECT_ERRNO(EFAULT, ioctl(self->drive, IOASID_DEVICE_MAP, &m));
	ASSERT_TRUE(drive_command(self->drive, COMMAND_MEMORY | COMMAND_MASTER));

#define WRONG(err, ...)									\
	do {										\
		m = good;								\
		__VA_ARGS__;								\
		EXPECT_ERRNO(err, ioctl(self->drive, IOASID_DEVICE_MAP, &m));		\
	} while (0)
	WRONG(EOPNOTSUPP, m.flags |= IOASID_MAP_FLAG_SPARSE);
	WRONG(EOPNOTSUPP, m.flags |= 1U << 31);
	WRONG(EOPNOTSUPP, m.__reserved = 1);
	WRONG(EINVAL, m.flags = IOASID_MAP_FLAG_FIXED_IOVA);
	WRONG(EBADF, m.fd = -1);
	WRONG(EINVAL, m.fd = null);
	WRONG(EINVAL, m.fd = self->drive);
	WRONG(ENOENT, m.ioasid = 77);
	/* No region; the other half of the first; the ROM; the config space; none at all. */
	for (m.region = 1; m.region < 12; m.region++) {
		good.region = m.region;
		WRONG(EINVAL, (void)m);
	}
	WRONG(EINVAL, m.region = UINT32_MAX);
	good.region = 0;
	WRONG(EINVAL, m.offset = 1);
	WRONG(EINVAL, m.length = PAGE / 2);
	WRONG(EINVAL, m.length = 0);
	WRONG(EINVAL, m.iova += 1);
	WRONG(EINVAL, m.length = size + PAGE);
	WRONG(EINVAL, m.offset = size);
	WRONG(EINVAL, m.offset = size - PAGE; m.length = 2 * PAGE);
	WRONG(EINVAL, m.offset = 1ULL << 40);
	WRONG(EOVERFLOW, m.offset = -PAGE; m.length = 2 * PAGE);
	WRONG(EOVERFLOW, m.iova = -PAGE; m.length = 2 * PAGE);
	WRONG(EEXIST, m.iova = IOVA);
#undef WRONG
	EXPECT_ERRNO(EFAULT, ioctl(self->drive, IOASID_DEVICE_MAP, NULL));
	ASSERT_NE(MAP_FAILED, (void *)unwritable);
	*unwritable = good;
	ASSERT_EQ(0, mprotect(unwritable, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, ioctl(self->drive, IOASID_DEVICE_MAP, unwritable));
	EXPECT_FALSE(REACHED(REGISTERS));
	/* On the other node, and after a try of each. */
	EXPECT_ERRNO(ENOTTY, ioctl(self->first.fd, IOASID_DEVICE_MAP, &good));
	m = good;
	EXPECT_EQ(0, ioctl(self->drive, IOASID_DEVICE_MAP, &m));
	EXPECT_TRUE(REACHED(REGISTERS));
	close(null);
}

/* A node that is open for reading gives no more than that. */
TEST_F(region, open_for_reading)
{
	int reader = open("/dev/ioasid-pci/" DEVICE_NVME, O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, reader);
	ASSERT_EQ(0, node_attach(reader, self->first.fd, 0));
	EXPECT_ERRNO(EPERM, map_registers(reader, self->first.fd, REGISTERS, RW));
	EXPECT_ERRNO(EPERM, map_registers(reader, self->first.fd, REGISTERS, IOASID_MAP_FLAG_WRITE));
	/* It decodes from the start. */
	EXPECT_EQ(0, map_registers(reader, self->first.fd, REGISTERS, IOASID_MAP_FLAG_READ));
	EXPECT_TRUE(REACHED(REGISTERS));
	EXPECT_ERRNO(EINVAL, map_registers(self->drive, self->first.fd, REGISTERS, RW));
	close(reader);
}

/* A device fd of VFIO knows no such call, whatever its driver. */
TEST_F(region, of_a_vfio_group)
{
	struct ioasid_device_map m = {
		.size = sizeof(m), .flags = RW, .fd = self->first.fd, .length = PAGE,
	};
	struct backend stock;
	int device;

	ASSERT_TRUE(backend_open(&stock, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	device = backend_device(&stock, DEVICE_NVME);
	ASSERT_LE(0, device);
	EXPECT_ERRNO(ENOTTY, ioctl(device, IOASID_DEVICE_MAP, &m));
	/* The node is not its owner. */
	EXPECT_ERRNO(EINVAL, ioctl(self->drive, IOASID_DEVICE_MAP, &m));
	/* What follows decoding follows it here, too. */
	EXPECT_TRUE(drive_command(device, COMMAND_MASTER));
	EXPECT_EQ(0, ioctl(device, VFIO_DEVICE_RESET));
	close(device);
	backend_close(&stock);
	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	EXPECT_TRUE(REACHED(REGISTERS));
}

/* --- at the same time --- */

struct racer {
	int drive;
	int fd;
	atomic_bool end;
	volatile uint16_t command;
};

static void *decode_on_and_off(void *arg)
{
	struct racer *r = arg;

	while (!r->end) {
		drive_command(r->drive, COMMAND_MASTER);
		drive_command(r->drive, COMMAND_MEMORY | COMMAND_MASTER);
		usleep(500);
	}
	return NULL;
}

static void *detach_and_attach(void *arg)
{
	struct racer *r = arg;

	while (!r->end) {
		if (node_detach(r->drive) || node_attach(r->drive, r->fd, 0))
			return arg;
		usleep(2000);
	}
	return NULL;
}

/* Maps and unmaps while decoding goes on and off, and while the device is detached and attached. */
TEST_F_TIMEOUT(region, revoked_while_it_is_mapped, 60)
{
	struct racer r = { .drive = self->drive, .fd = self->first.fd };
	int i, mapped = 0, failed = 0;
	pthread_t decode, attach;
	struct backend *d = &self->first;
	void *bad;

	ASSERT_TRUE(attach_and_map(self->drive, self->first.fd));
	ASSERT_EQ(0, pthread_create(&decode, NULL, decode_on_and_off, &r));
	ASSERT_EQ(0, pthread_create(&attach, NULL, detach_and_attach, &r));
	for (i = 0; i < 1500; i++) {
		if (!map_registers(self->drive, d->fd, REGISTERS + PAGE, RW)) {
			mapped++;
			ASSERT_EQ((long long)PAGE, backend_unmap(d, REGISTERS + PAGE, PAGE));
		} else {
			failed++;
			ASSERT_TRUE(errno == EFAULT || errno == ENOENT);
		}
	}
	r.end = true;
	ASSERT_EQ(0, pthread_join(decode, NULL));
	ASSERT_EQ(0, pthread_join(attach, &bad));
	EXPECT_TRUE(!bad);
	printf("# mapped %d times, refused %d times\n", mapped, failed);
	EXPECT_LT(0, mapped);
	/* It decodes, and is attached. */
	EXPECT_TRUE(REACHED(REGISTERS));
}

static void *write_both(void *arg)
{
	struct racer *r = arg;

	while (!r->end)
		r->command ^= COMMAND_MEMORY;
	return NULL;
}

/* What is written to the command register changes between two looks of the kernel at it. */
TEST_F_TIMEOUT(region, written_while_it_is_changed, 60)
{
	struct racer r = { .drive = self->drive, .command = COMMAND_MEMORY | COMMAND_MASTER };
	const loff_t at = (7LL << 40) + 4;
	int i, off = 0, wrong = 0;
	pthread_t thread;
	uint16_t command;
	bool mapped;

	ASSERT_EQ(0, node_attach(self->drive, self->first.fd, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_both, &r));
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(2, pwrite(self->drive, (void *)&r.command, 2, at));
		ASSERT_EQ(2, pread(self->drive, &command, 2, at));
		mapped = !map_registers(self->drive, self->first.fd, REGISTERS, RW);
		if (mapped)
			ASSERT_EQ((long long)PAGE, backend_unmap(&self->first, REGISTERS, PAGE));
		off += !mapped;
		wrong += mapped != !!(command & COMMAND_MEMORY);
	}
	r.end = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	printf("# %d of %d writes turned decoding off\n", off, i);
	EXPECT_EQ(0, wrong);
	EXPECT_TRUE(0 < off && off < i);
}

static void *map_again_and_again(void *arg)
{
	struct racer *r = arg;
	uint64_t at = 0;

	/* The fd may be closed at any moment. */
	while (!r->end)
		if (!map_registers(r->drive, r->fd, REGISTERS + at % 16 * PAGE, RW))
			at++;
	return NULL;
}

/* Closed while a map of it is made: none of what was mapped is reached by then. */
TEST_F_TIMEOUT(region, closed_while_it_is_mapped, 60)
{
	pthread_t thread;
	int i;

	/* A look by DMA takes half a second. */
	for (i = 0; i < 5; i++) {
		struct racer r = { .drive = node_open(DEVICE_NVME), .fd = self->first.fd };

		ASSERT_EQ(0, node_attach(r.drive, self->first.fd, 0));
		ASSERT_TRUE(drive_command(r.drive, COMMAND_MEMORY | COMMAND_MASTER));
		ASSERT_EQ(0, pthread_create(&thread, NULL, map_again_and_again, &r));
		usleep(i * 700);
		close(r.drive);
		r.end = true;
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_FALSE(REACHED(REGISTERS));
		EXPECT_FALSE(REACHED(REGISTERS + 15 * PAGE));
		backend_unmap(&self->first, REGISTERS, 16 * PAGE);
	}
}

TEST_HARNESS_MAIN
