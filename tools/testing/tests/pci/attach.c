// SPDX-License-Identifier: GPL-2.0-only
/*
 * One device and one /dev/ioasid: what an open node gives before and after it
 * is attached, moving between address spaces, and everything that is refused.
 */
#include <stddef.h>

#include "lib/pci_device.h"

FIXTURE(attach) {
	struct backend ioasid;
	int node;
	volatile char *bar;	/* the device's registers, which keep the node open */
	char *mem;		/* mapped at IOVA in the default space */
	long long before;	/* pages pinned */
};

FIXTURE_SETUP(attach)
{
	self->before = ktap_pinned();
	self->node = node_open(DEVICE_EDU);
	ASSERT_LE(0, self->node);
	ASSERT_TRUE(backend_open(&self->ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	self->mem = touched_memory(SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
}

FIXTURE_TEARDOWN(attach)
{
	if (self->bar)
		munmap((void *)self->bar, MIB);
	if (self->node >= 0)
		close(self->node);
	backend_close(&self->ioasid);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
	EXPECT_EQ(0, file_number("/sys/class/ioasid-pci/" DEVICE_EDU "/space"));
}

static int device_ioctl(int node, unsigned long cmd, uint32_t argsz)
{
	uint32_t arg[16] = { argsz };

	return ioctl(node, cmd, arg);
}

TEST_F(attach, open_gives_nothing)
{
	uint32_t word;

	EXPECT_ERRNO(EINVAL, device_ioctl(self->node, VFIO_DEVICE_GET_INFO, 64));
	EXPECT_ERRNO(EINVAL, device_ioctl(self->node, VFIO_DEVICE_GET_REGION_INFO, 64));
	EXPECT_ERRNO(EINVAL, device_ioctl(self->node, VFIO_DEVICE_GET_IRQ_INFO, 64));
	EXPECT_ERRNO(EINVAL, device_ioctl(self->node, VFIO_DEVICE_SET_IRQS, 64));
	EXPECT_ERRNO(EINVAL, device_ioctl(self->node, VFIO_DEVICE_FEATURE, 64));
	EXPECT_ERRNO(EINVAL, device_ioctl(self->node, VFIO_DEVICE_PCI_HOT_RESET, 64));
	EXPECT_ERRNO(EINVAL, ioctl(self->node, VFIO_DEVICE_RESET));
	EXPECT_ERRNO(EINVAL, pread(self->node, &word, 4, 0));
	EXPECT_ERRNO(EINVAL, pwrite(self->node, &word, 4, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->node, 0));
	EXPECT_ERRNO(ENOENT, node_detach(self->node));
	EXPECT_EQ(0, node_flags(self->node));
	EXPECT_EQ(0, node_space(self->node));
}

TEST_F(attach, device_does_dma)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	EXPECT_EQ(0, fdinfo_number(self->node, "ioasid-owned"));
	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
	EXPECT_EQ(IOASID_DEVICE_OWNED, node_flags(self->node));
	EXPECT_LT(0, node_space(self->node));
	EXPECT_EQ(1, fdinfo_number(self->node, "ioasid-owned"));
	EXPECT_EQ(node_space(self->node), fdinfo_number(self->node, "ioasid-space"));
	EXPECT_EQ(node_space(self->node),
		  file_number("/sys/class/ioasid-pci/" DEVICE_EDU "/space"));
	ASSERT_EQ(0, ioctl(self->node, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_PCI);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, info.num_regions);
	self->bar = edu_open(self->node);
	ASSERT_TRUE(self->bar);
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)self->bar);
	EXPECT_TRUE(edu_copies(self->bar, self->mem));
	/* Where it is attached already: nothing happens. */
	EXPECT_EQ(0, node_attach(self->node, self->ioasid.fd, 1));
	EXPECT_TRUE(edu_copies(self->bar, self->mem));
}

/* The registers stay mapped over all of it. */
TEST_F(attach, moves_and_comes_back)
{
	uint32_t other = space_alloc(self->ioasid.fd);
	long long first;

	ASSERT_NE(0, other);
	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 1));
	first = node_space(self->node);
	self->bar = edu_open(self->node);
	ASSERT_TRUE(self->bar);
	EXPECT_TRUE(edu_copies(self->bar, self->mem));

	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, other));
	EXPECT_NE(first, node_space(self->node));
	EXPECT_ERRNO(EBUSY, space_free(self->ioasid.fd, other));
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)self->bar);

	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 1));
	EXPECT_EQ(first, node_space(self->node));
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)self->bar);
	EXPECT_TRUE(edu_copies(self->bar, self->mem));
	EXPECT_EQ(0, space_free(self->ioasid.fd, other));
	EXPECT_ERRNO(ENOENT, node_attach(self->node, self->ioasid.fd, other));
	EXPECT_TRUE(edu_copies(self->bar, self->mem));
}

TEST_F(attach, detached_it_is_still_ours)
{
	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
	self->bar = edu_open(self->node);
	ASSERT_TRUE(self->bar);
	ASSERT_EQ(0, node_detach(self->node));
	EXPECT_EQ(IOASID_DEVICE_OWNED, node_flags(self->node));
	EXPECT_EQ(0, node_space(self->node));
	EXPECT_ERRNO(ENOENT, node_detach(self->node));
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)self->bar);
	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
	EXPECT_TRUE(edu_copies(self->bar, self->mem));
}

TEST_F(attach, wrong_arguments)
{
	struct ioasid_device_attach a = { .size = sizeof(a), .fd = self->ioasid.fd };
	struct { struct ioasid_device_attach a; uint32_t more; } longer = { .a = a };
	struct ioasid_device_detach d = { .size = sizeof(d), .flags = 1 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	EXPECT_ERRNO(EFAULT, ioctl(self->node, IOASID_DEVICE_ATTACH, NULL));
	a.size = offsetof(struct ioasid_device_attach, ioasid);
	EXPECT_ERRNO(EINVAL, ioctl(self->node, IOASID_DEVICE_ATTACH, &a));
	a.size = sizeof(a);
	a.flags = 1;
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->node, IOASID_DEVICE_ATTACH, &a));
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->node, IOASID_DEVICE_DETACH, &d));
	EXPECT_ERRNO(EBADF, node_attach(self->node, -1, 0));
	EXPECT_ERRNO(EINVAL, node_attach(self->node, null, 0));
	EXPECT_ERRNO(EINVAL, node_attach(self->node, self->node, 0));
	EXPECT_ERRNO(ENOENT, node_attach(self->node, self->ioasid.fd, 77));
	longer.a.size = sizeof(longer);
	longer.more = 1;
	EXPECT_ERRNO(E2BIG, ioctl(self->node, IOASID_DEVICE_ATTACH, &longer));
	EXPECT_EQ(0, node_flags(self->node));
	longer.more = 0;
	EXPECT_EQ(0, ioctl(self->node, IOASID_DEVICE_ATTACH, &longer));
	EXPECT_ERRNO(ENOTTY, ioctl(self->node, _IO(IOASID_TYPE, 0x7f)));
	close(null);
}

/* The ioctls: bytes of the first version of the structure, a number that stays, and of today's. */
static const struct {
	unsigned int cmd;
	uint32_t first;
	uint32_t size;
} rows[] = {
	{ IOASID_DEVICE_ATTACH, 16, sizeof(struct ioasid_device_attach) },
	{ IOASID_DEVICE_DETACH, 8, sizeof(struct ioasid_device_detach) },
	{ IOASID_DEVICE_GET_INFO, 16, sizeof(struct ioasid_device_get_info) },
	{ IOASID_DEVICE_MAP, 56, sizeof(struct ioasid_device_map) },
};

/* Programs that were compiled with any version of the structures, from the first to a later one. */
TEST_F(attach, structures_of_other_versions)
{
	uint32_t arg[64], size;
	size_t i;

	for (i = 0; i < 3; i++) {
		for (size = rows[i].first; size <= rows[i].size + 64; size += 4) {
			memset(arg, 0, sizeof(arg));
			arg[0] = size;
			if (rows[i].cmd == IOASID_DEVICE_ATTACH)
				arg[2] = self->ioasid.fd;
			/* Behind the structure, so the module may not write it. */
			arg[size / 4] = 0x5a5a5a5a;
			EXPECT_EQ(0, ioctl(self->node, rows[i].cmd, arg));
			EXPECT_EQ(size, arg[0]);
			EXPECT_EQ(0x5a5a5a5aU, arg[size / 4]);
			/* Detach needs a device that is attached. */
			if (rows[i].cmd == IOASID_DEVICE_DETACH)
				EXPECT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
		}
	}
}

/* The rules of sizes and flags, on each of them. */
TEST_F(attach, sizes_and_flags)
{
	uint32_t *arg = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
	uint32_t size, bit;
	size_t i;

	ASSERT_NE(MAP_FAILED, (void *)arg);
	ASSERT_EQ(0, munmap((char *)arg + PAGE, PAGE));
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		arg[2] = self->ioasid.fd;
		for (size = 0; size < rows[i].first; size++) {
			arg[0] = size;
			EXPECT_ERRNO(EINVAL, ioctl(self->node, rows[i].cmd, arg));
		}
		arg[0] = rows[i].size;
		for (bit = 0; bit < 32; bit++) {
			/* Some of its flags have a meaning. */
			if (rows[i].cmd == IOASID_DEVICE_MAP && bit < 3)
				continue;
			arg[1] = 1U << bit;
			EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->node, rows[i].cmd, arg));
		}
		arg[0] = rows[i].size + 4;
		arg[1] = 0;
		arg[rows[i].size / 4] = 1;
		EXPECT_ERRNO(E2BIG, ioctl(self->node, rows[i].cmd, arg));
		memset(arg, 0, PAGE);
		EXPECT_ERRNO(EFAULT, ioctl(self->node, rows[i].cmd, NULL));
		EXPECT_ERRNO(EFAULT, ioctl(self->node, rows[i].cmd, (char *)arg + PAGE - 2));
		/* Known to the device alone. */
		EXPECT_ERRNO(ENOTTY, ioctl(self->ioasid.fd, rows[i].cmd, arg));
	}
	EXPECT_EQ(0, node_flags(self->node));
	arg[0] = sizeof(struct ioasid_device_get_info);
	ASSERT_EQ(0, mprotect(arg, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, ioctl(self->node, IOASID_DEVICE_GET_INFO, arg));
}

TEST_F(attach, one_owner)
{
	struct backend other;
	int second = node_open(DEVICE_EDU);

	ASSERT_LE(0, second);
	ASSERT_TRUE(backend_open(&other, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
	EXPECT_ERRNO(EBUSY, node_attach(second, self->ioasid.fd, 0));
	EXPECT_EQ(IOASID_DEVICE_BUSY, node_flags(second));
	EXPECT_ERRNO(EINVAL, ioctl(second, VFIO_DEVICE_RESET));
	/* Not even detached it goes to another /dev/ioasid. */
	EXPECT_ERRNO(EPERM, node_attach(self->node, other.fd, 0));
	ASSERT_EQ(0, node_detach(self->node));
	EXPECT_ERRNO(EPERM, node_attach(self->node, other.fd, 0));
	EXPECT_ERRNO(EBUSY, node_attach(second, other.fd, 0));
	close(self->node);
	self->node = -1;
	EXPECT_EQ(0, node_attach(second, other.fd, 0));
	close(second);
	backend_close(&other);
}

TEST_F(attach, mapping_in_the_way)
{
	struct tally before;

	ASSERT_EQ(0, backend_map(&self->ioasid, MSI_START, self->mem, PAGE, MAP_RW));
	before = backend_tally(&self->ioasid);
	EXPECT_ERRNO(EINVAL, node_attach(self->node, self->ioasid.fd, 0));
	EXPECT_UNCHANGED(&self->ioasid, &before);
	EXPECT_EQ(0, node_flags(self->node));
	EXPECT_EQ(PAGE, backend_unmap(&self->ioasid, MSI_START, PAGE));
	EXPECT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
	EXPECT_ERRNO(EINVAL, backend_map(&self->ioasid, MSI_START, self->mem, PAGE, MAP_RW));
}

/* A live update in the middle: no device comes in until it is over. */
TEST_F(attach, mapping_waits_for_its_address)
{
	ASSERT_EQ((long long)SIZE, backend_unmap_flags(&self->ioasid, IOVA, SIZE,
						       VFIO_DMA_UNMAP_FLAG_VADDR));
	EXPECT_ERRNO(EBUSY, node_attach(self->node, self->ioasid.fd, 0));
	EXPECT_EQ(0, node_flags(self->node));
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, VFIO_DMA_MAP_FLAG_VADDR));
	EXPECT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
}

/* A policy that says EPERM to every attach, or none any more. */
static int refuse_attach(bool refuse)
{
	static const char load[] = "build/bin/ioasidctl policy load "
				   "build/bpf/test/misbehave.bpf.o --set attach_value=-1 >/dev/null";

	return system(refuse ? load : "build/bin/ioasidctl policy unload misbehave >/dev/null");
}

TEST_F(attach, policy_refuses)
{
	if (access("/sys/kernel/ioasid/policies", F_OK))
		SKIP(return, "policies are off");
	ASSERT_EQ(0, refuse_attach(true));
	EXPECT_ERRNO(EPERM, node_attach(self->node, self->ioasid.fd, 0));
	EXPECT_EQ(0, refuse_attach(false));
	EXPECT_EQ(0, node_flags(self->node));
	EXPECT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
}

/* A policy that comes when the device is in keeps it out for good once it moves. */
TEST_F(attach, cannot_go_back)
{
	uint32_t other = space_alloc(self->ioasid.fd);

	if (access("/sys/kernel/ioasid/policies", F_OK))
		SKIP(return, "policies are off");
	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 1));
	self->bar = edu_open(self->node);
	ASSERT_TRUE(self->bar);
	ASSERT_EQ(0, refuse_attach(true));
	EXPECT_ERRNO(ENOTRECOVERABLE, node_attach(self->node, self->ioasid.fd, other));
	EXPECT_EQ(0, node_space(self->node));
	EXPECT_EQ(IOASID_DEVICE_OWNED, node_flags(self->node));
	EXPECT_ERRNO(ENOENT, node_detach(self->node));
	EXPECT_EQ(0, space_free(self->ioasid.fd, other));
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)self->bar);
	EXPECT_EQ(0, refuse_attach(false));
	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 1));
	EXPECT_TRUE(edu_copies(self->bar, self->mem));
}

/*
 * Only on a machine without interrupt remapping, where most of the others fail:
 * tools/testing/vm/run --append intremap=off -- tools/testing/run pci/attach
 */
TEST_F(attach, interrupts_are_not_isolated)
{
	static const char allow[] = "/sys/module/ioasid/parameters/allow_unsafe_interrupts";
	int ret;

	ASSERT_TRUE(file_write(allow, "N"));
	ret = node_attach(self->node, self->ioasid.fd, 0) ? errno : 0;
	if (!ret)
		SKIP(return, "this machine isolates interrupts");
	EXPECT_EQ(EPERM, ret);
	EXPECT_EQ(0, node_flags(self->node));
	ASSERT_TRUE(file_write(allow, "Y"));
	EXPECT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
}

/* A move that fails leaves the device where it was. */
TEST_F(attach, move_that_fails)
{
	struct ioasid_legacy legacy = { .size = sizeof(legacy), .op = IOASID_LEGACY_SET };
	struct backend d = { .kind = BACKEND_IOASID, .group = -1 };

	/* The default space gets the obstacle; the device starts in another. */
	d.fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, d.fd);
	legacy.ioasid = space_alloc(d.fd);
	ASSERT_NE(0, legacy.ioasid);
	ASSERT_EQ(0, ioctl(d.fd, IOASID_LEGACY, &legacy));
	ASSERT_EQ(0, ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, backend_map(&d, MSI_START, self->mem, PAGE, MAP_RW));
	ASSERT_EQ(0, node_attach(self->node, d.fd, 1));
	self->bar = edu_open(self->node);
	ASSERT_TRUE(self->bar);
	EXPECT_ERRNO(EINVAL, node_attach(self->node, d.fd, legacy.ioasid));
	EXPECT_LT(0, node_space(self->node));
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)self->bar);
	EXPECT_EQ(PAGE, backend_unmap(&d, MSI_START, PAGE));
	ASSERT_EQ(0, backend_map(&d, IOVA, self->mem, SIZE, MAP_RW));
	EXPECT_EQ(0, node_attach(self->node, d.fd, legacy.ioasid));
	EXPECT_TRUE(edu_copies(self->bar, self->mem));
	munmap((void *)self->bar, MIB);
	self->bar = NULL;
	close(self->node);
	self->node = -1;
	close(d.fd);
}

TEST_F(attach, ioasid_closes_first)
{
	ASSERT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
	self->bar = edu_open(self->node);
	ASSERT_TRUE(self->bar);
	backend_close(&self->ioasid);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	EXPECT_TRUE(edu_copies(self->bar, self->mem));
	munmap((void *)self->bar, MIB);
	self->bar = NULL;
	close(self->node);
	self->node = -1;
	EXPECT_EQ(0, locked_kib());
}

/* The program dies with everything open. */
TEST_F(attach, killed)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct backend d;

		/* Fds of its own, so that the end of it is the end of them. */
		close(self->node);
		self->node = node_open(DEVICE_EDU);
		if (backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL) &&
		    !backend_map(&d, IOVA, self->mem, SIZE, MAP_RW) &&
		    !node_attach(self->node, d.fd, 0) && edu_open(self->node))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, node_attach(self->node, self->ioasid.fd, 0));
}

TEST_HARNESS_MAIN
