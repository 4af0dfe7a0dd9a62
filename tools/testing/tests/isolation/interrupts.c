// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do interrupts of a device arrive? Where the IOMMU translates the writes that
 * make them, as an SMMU does, the kernel maps the interrupt controller's
 * doorbell into our domain, if it knows where it may. No transfer of data
 * shows that it was not.
 */
#include <poll.h>
#include <sys/eventfd.h>

#include "lib/fault.h"
#include "lib/nvme.h"
#include "lib/edu.h"

#define QUEUES		0x1000000ULL
#define ANSWER		0x2345000ULL
#define ROUNDS		5
#define EDU_INTERRUPT	0x60
#define EDU_ACKNOWLEDGE	0x64

/* From now on vector 0 signals @fd; -1: nothing. */
static bool route(int device, uint32_t index, int fd)
{
	char bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)] = "";
	struct vfio_irq_set *set = (void *)bytes;

	set->argsz = sizeof(*set);
	set->flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = index;
	if (fd >= 0) {
		set->argsz = sizeof(bytes);
		set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
		set->count = 1;
		memcpy(set->data, &fd, sizeof(fd));
	}
	return !ioctl(device, VFIO_DEVICE_SET_IRQS, set);
}

/* How many interrupts came, after the first one or @ms. */
static uint64_t interrupts(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t count = 0;

	if (poll(&ready, 1, ms) == 1 && read(fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

/* A command of the drive's that ends with an interrupt: what it says of itself, at ANSWER. */
static int identify(struct nvme *n)
{
	const uint32_t command[16] = {
		[0] = 6 | 3 << 16, [6] = ANSWER, [10] = 1,
	};

	return nvme_command(n, 0, command);
}

FIXTURE(interrupts) {
	struct backend ioasid, d;
	struct nvme nvme;
	char *queues, *mem;
	int device, event;
};

FIXTURE_VARIANT(interrupts) {
	bool join;		/* a /dev/ioasid that has mappings already */
};

FIXTURE_VARIANT_ADD(interrupts, container) { .join = false };
FIXTURE_VARIANT_ADD(interrupts, ioasid) { .join = true };

FIXTURE_SETUP(interrupts)
{
	struct backend *where = &self->d;

	self->queues = touched_memory(NVME_PAGES * PAGE);
	self->mem = touched_memory(2 * PAGE);
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_NE(MAP_FAILED, self->queues);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_LE(0, self->event);
	self->ioasid.fd = self->ioasid.group = -1;
	if (variant->join) {
		where = &self->ioasid;
		ASSERT_TRUE(backend_open(where, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
		ASSERT_TRUE(backend_join(&self->d, BACKEND_SHIM, DEVICE_NVME));
	} else {
		ASSERT_TRUE(backend_open(where, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	}
	ASSERT_EQ(0, backend_map(where, QUEUES, self->queues, NVME_PAGES * PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(where, ANSWER, self->mem, PAGE, MAP_RW));
	if (variant->join)
		ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(where->fd)));
	self->device = backend_device(&self->d, DEVICE_NVME);
	ASSERT_TRUE(nvme_start(&self->nvme, self->device, self->queues, QUEUES));
	ASSERT_TRUE(route(self->device, VFIO_PCI_MSIX_IRQ_INDEX, self->event));
}

FIXTURE_TEARDOWN(interrupts)
{
	close(self->device);
	backend_close(&self->d);
	backend_close(&self->ioasid);
	close(self->event);
}

static void expect_interrupts(struct ktap_test *_self, struct nvme *n, int event)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(0, identify(n));
		EXPECT_EQ(1, interrupts(event, 2000));
	}
}

TEST_F(interrupts, arrive)
{
	expect_interrupts(_self, &self->nvme, self->event);
	ASSERT_TRUE(route(self->device, VFIO_PCI_MSIX_IRQ_INDEX, -1));
	EXPECT_EQ(0, identify(&self->nvme));
	EXPECT_EQ(0, interrupts(self->event, 200));
}

/* Their window is the kernel's: mapping and unmapping around it leaves it alone. */
TEST_F(interrupts, outlive_neighbours)
{
	const uint64_t around = MSI_END + 1 - MSI_START + 2 * PAGE;
	struct backend *d = variant->join ? &self->ioasid : &self->d;

	expect_interrupts(_self, &self->nvme, self->event);
	ASSERT_EQ(0, backend_map(d, MSI_START - PAGE, self->mem, PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(d, MSI_END + 1, self->mem + PAGE, PAGE, MAP_RW));
	EXPECT_EQ(2 * PAGE, backend_unmap(d, MSI_START - PAGE, around));
	expect_interrupts(_self, &self->nvme, self->event);
}

/* Another device, in the domain that is there for the first. */
TEST_F(interrupts, second_device)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), device;
	volatile char *bar;
	struct backend edu;

	if (!variant->join)
		SKIP(return, "devices share a /dev/ioasid here");
	ASSERT_LE(0, event);
	ASSERT_TRUE(backend_join(&edu, BACKEND_SHIM, DEVICE_EDU));
	ASSERT_EQ(0, ioctl(edu.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->ioasid.fd)));
	device = backend_device(&edu, DEVICE_EDU);
	bar = edu_open(device);
	ASSERT_TRUE(bar);
	ASSERT_TRUE(route(device, VFIO_PCI_MSI_IRQ_INDEX, event));
	*(volatile uint32_t *)(bar + EDU_INTERRUPT) = 1;
	EXPECT_EQ(1, interrupts(event, 2000));
	*(volatile uint32_t *)(bar + EDU_ACKNOWLEDGE) = 1;
	expect_interrupts(_self, &self->nvme, self->event);

	/* The first one's go on when the second leaves. */
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
	backend_close(&edu);
	expect_interrupts(_self, &self->nvme, self->event);
	close(event);
}

TEST_HARNESS_MAIN
