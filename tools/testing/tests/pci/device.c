// SPDX-License-Identifier: GPL-2.0-only
/*
 * What VFIO says of a device, on a node: interrupts, reset, features; and the
 * end of a device that is in use.
 */
#include <linux/kvm.h>
#include <pthread.h>

#include "lib/pci_device.h"

#define EDU_RAISE	0x60

FIXTURE(device) {
	int ioasid;
	int node;
};

FIXTURE_SETUP(device)
{
	self->ioasid = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	self->node = node_open(DEVICE_EDU);
	ASSERT_LE(0, self->ioasid);
	ASSERT_LE(0, self->node);
	ASSERT_EQ(0, node_attach(self->node, self->ioasid, 0));
}

FIXTURE_TEARDOWN(device)
{
	if (self->node >= 0)
		close(self->node);
	close(self->ioasid);
}

static int set_eventfd(int node, uint32_t index, int fd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int)];
	struct vfio_irq_set *set = (void *)buf;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(buf),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.count = 1,
	};
	memcpy(set->data, &fd, sizeof(fd));
	return ioctl(node, VFIO_DEVICE_SET_IRQS, set);
}

static bool fires(int fd, int seconds)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, seconds * 1000 * (int)ktap_slow()) == 1 && read(fd, &count, 8) == 8;
}

TEST_F(device, interrupt)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_MSI_IRQ_INDEX };
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	volatile char *bar = edu_open(self->node);

	ASSERT_LE(0, fd);
	ASSERT_TRUE(bar);
	ASSERT_EQ(0, ioctl(self->node, VFIO_DEVICE_GET_IRQ_INFO, &info));
	EXPECT_EQ(1, info.count);
	ASSERT_EQ(0, set_eventfd(self->node, VFIO_PCI_MSI_IRQ_INDEX, fd));
	*(volatile uint32_t *)(bar + EDU_RAISE) = 1;
	EXPECT_TRUE(fires(fd, 5));
	/* It goes on while the device is nowhere, and in another space. */
	ASSERT_EQ(0, node_detach(self->node));
	ASSERT_EQ(0, node_attach(self->node, self->ioasid, space_alloc(self->ioasid)));
	*(volatile uint32_t *)(bar + EDU_RAISE) = 1;
	EXPECT_TRUE(fires(fd, 5));
	close(fd);
}

TEST_F(device, reset)
{
	int drive = node_open(DEVICE_NVME);

	ASSERT_LE(0, drive);
	ASSERT_EQ(0, node_attach(drive, self->ioasid, 0));
	EXPECT_EQ(0, ioctl(drive, VFIO_DEVICE_RESET));
	/* An edu cannot reset itself, and on the root bus nothing else can. */
	EXPECT_ERRNO(EINVAL, ioctl(self->node, VFIO_DEVICE_RESET));
	close(drive);
}

/* --- what others do to it --- */

struct resetter {
	volatile bool stop;
	unsigned int resets;
};

static void *run_resets(void *data)
{
	struct resetter *r = data;

	while (!r->stop)
		r->resets += file_write("/sys/bus/pci/devices/" DEVICE_NVME "/reset", "1");
	return NULL;
}

/* Root resets it by hand at that moment: try again. */
TEST_F(device, attach_while_it_is_reset)
{
	int drive = node_open(DEVICE_NVME), again = 0, tries;
	struct resetter r = {};
	pthread_t thread;

	ASSERT_LE(0, drive);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_resets, &r));
	for (tries = 0; tries < 200 && !again; tries++) {
		again = node_attach(drive, self->ioasid, 0) ? errno : 0;
		if (again)
			break;
		close(drive);
		drive = node_open(DEVICE_NVME);
		ASSERT_LE(0, drive);
	}
	r.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(EAGAIN, again);
	EXPECT_LT(0, r.resets);
	EXPECT_EQ(0, node_flags(drive));
	EXPECT_EQ(0, node_attach(drive, self->ioasid, 0));
	close(drive);
}

/* A virtual machine's device for VFIO, or -1. */
static int kvm_vfio(void)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	if (kvm < 0 && !system("modprobe -q kvm_amd || modprobe -q kvm_intel"))
		kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return -1;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	return vm < 0 || ioctl(vm, KVM_CREATE_DEVICE, &create) ? -1 : (int)create.fd;
}

static int kvm_add(int kvm, int32_t fd)
{
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_FILE,
		.attr = KVM_DEV_VFIO_FILE_ADD,
		.addr = (uintptr_t)&fd,
	};

	return ioctl(kvm, KVM_SET_DEVICE_ATTR, &attr);
}

/* KVM asks vfio.ko what a file is, which knows groups and its own devices. */
TEST_F(device, kvm_does_not_take_it)
{
	int kvm = kvm_vfio(), group = backend_open_group(DEVICE_NVME);

	if (kvm < 0)
		SKIP(return, "no KVM in this machine");
	ASSERT_LE(0, group);
	EXPECT_ERRNO(EINVAL, kvm_add(kvm, self->node));
	EXPECT_ERRNO(EINVAL, kvm_add(kvm, self->ioasid));
	EXPECT_EQ(0, kvm_add(kvm, group));
	close(group);
	close(kvm);
}

/* Reads of the registers fail while the device does not decode them. */
TEST_F(device, memory_off_and_on)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	volatile char *bar = edu_open(self->node);
	uint16_t off = 0, on = 6;
	int status;
	pid_t pid;

	ASSERT_TRUE(bar);
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)bar);
	ASSERT_EQ(0, ioctl(self->node, VFIO_DEVICE_GET_REGION_INFO, &config));
	ASSERT_EQ(2, pwrite(self->node, &off, 2, config.offset + 4));
	pid = fork();
	if (!pid)
		_exit(*(volatile uint32_t *)bar == EDU_ID);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	ASSERT_EQ(2, pwrite(self->node, &on, 2, config.offset + 4));
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)bar);
}

static int feature(int node, uint32_t flags)
{
	struct vfio_device_feature f = { .argsz = sizeof(f), .flags = flags };

	return ioctl(node, VFIO_DEVICE_FEATURE, &f);
}

TEST_F(device, features)
{
	uint32_t set = VFIO_DEVICE_FEATURE_SET, get = VFIO_DEVICE_FEATURE_GET;

	EXPECT_EQ(0, feature(self->node, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY | set |
			     VFIO_DEVICE_FEATURE_PROBE));
	EXPECT_EQ(0, feature(self->node, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY | set));
	EXPECT_EQ(0, feature(self->node, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT | set));
	EXPECT_ERRNO(EINVAL, feature(self->node, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT | set | get));
	EXPECT_ERRNO(EINVAL, feature(self->node, 1U << 31));
	EXPECT_ERRNO(ENOTTY, feature(self->node, VFIO_DEVICE_FEATURE_MIGRATION | get));
	EXPECT_ERRNO(ENOTTY, feature(self->node, 0xfff | get));
}

/* The kernel wants the device back: the owner is notified, and closes. */
TEST_F(device, unbind)
{
	int told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int idle = node_open(DEVICE_EDU), status;
	volatile char *bar;
	pid_t pid;

	ASSERT_LE(0, told);
	ASSERT_LE(0, idle);
	ASSERT_EQ(0, set_eventfd(self->node, VFIO_PCI_REQ_IRQ_INDEX, told));
	pid = fork();
	if (!pid) {
		close(self->node);
		close(idle);
		_exit(!file_write("/sys/bus/pci/drivers/ioasid_pci/unbind", DEVICE_EDU));
	}
	EXPECT_TRUE(fires(told, 5));
	EXPECT_EQ(IOASID_DEVICE_OWNED | IOASID_DEVICE_GONE, node_flags(self->node));
	EXPECT_ERRNO(ENODEV, node_attach(idle, self->ioasid, 0));
	/* Until it is closed it works, but goes nowhere else. */
	bar = edu_open(self->node);
	ASSERT_TRUE(bar);
	EXPECT_EQ(EDU_ID, *(volatile uint32_t *)bar);
	EXPECT_ERRNO(ENODEV, node_attach(self->node, self->ioasid, 0));
	EXPECT_EQ(0, node_detach(self->node));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(IOASID_DEVICE_BUSY | IOASID_DEVICE_GONE, node_flags(idle));
	munmap((void *)bar, MIB);
	close(self->node);
	self->node = -1;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(IOASID_DEVICE_GONE, node_flags(idle));
	EXPECT_ERRNO(ENODEV, node_attach(idle, self->ioasid, 0));
	EXPECT_ERRNO(ENOENT, open("/dev/ioasid-pci/" DEVICE_EDU, O_RDWR | O_CLOEXEC));
	/* It comes back as another one, that the old fd has no part in. */
	ASSERT_TRUE(device_to(DEVICE_EDU, "ioasid_pci"));
	self->node = node_open(DEVICE_EDU);
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
	EXPECT_EQ(IOASID_DEVICE_GONE, node_flags(idle));
	close(idle);
}

/* The device goes away for good, and another one comes into its place. */
TEST_F(device, unplug)
{
	int told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), idle = node_open(DEVICE_EDU), status;
	pid_t pid;

	ASSERT_LE(0, told);
	ASSERT_LE(0, idle);
	ASSERT_EQ(0, set_eventfd(self->node, VFIO_PCI_REQ_IRQ_INDEX, told));
	pid = fork();
	if (!pid) {
		close(self->node);
		close(idle);
		_exit(!file_write("/sys/bus/pci/devices/" DEVICE_EDU "/remove", "1"));
	}
	EXPECT_TRUE(fires(told, 5));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	close(self->node);
	self->node = -1;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_ERRNO(ENOENT, access("/sys/bus/pci/devices/" DEVICE_EDU, F_OK));
	EXPECT_EQ(IOASID_DEVICE_GONE, node_flags(idle));
	EXPECT_ERRNO(ENODEV, node_attach(idle, self->ioasid, 0));
	EXPECT_ERRNO(EINVAL, ioctl(idle, VFIO_DEVICE_RESET));
	close(idle);
	ASSERT_TRUE(file_write("/sys/bus/pci/rescan", "1"));
	ASSERT_TRUE(device_to(DEVICE_EDU, "ioasid_pci"));
	self->node = node_open(DEVICE_EDU);
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
	EXPECT_TRUE(edu_open(self->node));
}

TEST_HARNESS_MAIN
