// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures in what a device of ioasid_pci answers: its own ioctls and VFIO's,
 * interrupts, registers, and the reset of a bus.
 */
#include "fail/sweep.h"
#include "lib/pci_device.h"

FIXTURE(devices) {
	struct world w;
};

static int node = -1;

/* The first of the pair is attached, the other one is idle. */
FIXTURE_SETUP(devices)
{
	struct world *w = &self->w;

	w->other = (struct backend){ .fd = -1, .group = -1 };
	ASSERT_TRUE(backend_open(&w->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	w->mem = touched_memory(SIZE);
	ASSERT_NE(MAP_FAILED, w->mem);
	ASSERT_EQ(0, backend_map(&w->d, IOVA, w->mem, SIZE, MAP_RW));
	node = node_open(PAIR1);
	ASSERT_LE(0, node);
	ASSERT_EQ(0, node_attach(node, w->d.fd, 1));
}

FIXTURE_TEARDOWN(devices)
{
	backend_close(&self->w.other);
	if (node >= 0)
		close(node);
	backend_close(&self->w.d);
	EXPECT_EQ(0, sweep_refs("ioasid_pci"));
}

static bool nothing_undo(struct world *w)
{
	(void)w;
	return true;
}

static bool info_call(struct world *w)
{
	(void)w;
	return node_flags(node) == IOASID_DEVICE_OWNED;
}

TEST_F_TIMEOUT(devices, get_info, 60)
{
	static const struct flow flow = { .call = info_call, .undo = nothing_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- the second device of a group, and a group that moves --- */

static bool pair_ready(struct world *w)
{
	w->other.group = node_open(PAIR2);
	return w->other.group >= 0;
}

static bool pair_call(struct world *w)
{
	return !node_attach(w->other.group, w->d.fd, 1);
}

static bool pair_undo(struct world *w)
{
	bool together = node_space(node) == node_space(w->other.group);

	backend_close(&w->other);
	return together;
}

TEST_F_TIMEOUT(devices, attach_second, 120)
{
	static const struct flow flow = {
		.ready = pair_ready, .call = pair_call, .undo = pair_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static uint32_t second;		/* a further address space */

static bool away_ready(struct world *w)
{
	return !node_attach(node, w->d.fd, second);
}

/* Back to the one with the mappings; where it is when it could not. */
static bool back_call(struct world *w)
{
	long long before = node_space(node), now;
	int err;

	if (!node_attach(node, w->d.fd, 1))
		return true;
	err = errno;
	now = node_space(node);
	if (now != before)
		return sweep_complain("failed, and is somewhere else");
	errno = err;
	return false;
}

TEST_F_TIMEOUT(devices, replace, 300)
{
	static const struct flow flow = {
		.ready = away_ready, .call = back_call, .undo = nothing_undo,
	};

	second = space_alloc(self->w.d.fd);
	ASSERT_NE(0, second);
	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- a region that is mapped, and that goes and comes back --- */

#define REGION	0x8000000ULL

static bool region_call(struct world *w)
{
	return !node_map(node, w->d.fd, 0, 0, 16 * PAGE, REGION, IOASID_MAP_FLAG_READ);
}

static bool region_undo(struct world *w)
{
	return backend_unmap(&w->d, REGION, 16 * PAGE) == 16 * PAGE;
}

TEST_F_TIMEOUT(devices, map_region, 120)
{
	static const struct flow flow = { .call = region_call, .undo = region_undo };
	volatile char *bar = edu_open(node);

	ASSERT_TRUE(bar);
	EXPECT_TRUE(sweep(&self->w, &flow));
	munmap((void *)bar, MIB);
}

/* What cannot be written when it comes back is written later, which is no failure of the call. */
static bool decode_call(struct world *w)
{
	static const uint16_t off = 4, on = 6;
	loff_t at = 7LL << 40 | 4;

	(void)w;
	return pwrite(node, &off, 2, at) == 2 && pwrite(node, &on, 2, at) == 2;
}

TEST_F_TIMEOUT(devices, region_comes_back, 120)
{
	static const struct flow flow = { .call = decode_call, .undo = nothing_undo };
	volatile char *bar = edu_open(node);

	ASSERT_TRUE(bar);
	ASSERT_TRUE(region_call(&self->w));
	EXPECT_TRUE(sweep(&self->w, &flow));
	ASSERT_TRUE(region_undo(&self->w));
	munmap((void *)bar, MIB);
}

/* --- the reset of the bus --- */

static bool reset_info_call(struct world *w)
{
	struct {
		struct vfio_pci_hot_reset_info head;
		struct vfio_pci_dependent_device device[4];
	} info = { .head = { .argsz = sizeof(info) } };

	(void)w;
	return !ioctl(node, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info);
}

TEST_F_TIMEOUT(devices, hot_reset_info, 60)
{
	static const struct flow flow = { .call = reset_info_call, .undo = nothing_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool reset_call(struct world *w)
{
	struct vfio_pci_hot_reset args = { .argsz = sizeof(args) };

	(void)w;
	return !ioctl(node, VFIO_DEVICE_PCI_HOT_RESET, &args);
}

/* Registers and DMA are what they were. */
static bool reset_undo(struct world *w)
{
	volatile char *bar = edu_open(node);
	bool works = bar && edu_copies(bar, w->mem);

	if (bar)
		munmap((void *)bar, MIB);
	return works;
}

TEST_F_TIMEOUT(devices, hot_reset, 300)
{
	static const struct flow flow = { .call = reset_call, .undo = reset_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- registers in an address space: there is no trace of them when the map failed --- */

#define REGISTERS	0x1000000ULL

static volatile char *mapped;

/* A device whose registers are still somewhere could not be attached again. */
static bool registers_ready(struct world *w)
{
	if (mapped)
		munmap((void *)mapped, MIB);
	close(node);
	node = node_open(PAIR1);
	if (node < 0 || node_attach(node, w->d.fd, 1))
		return sweep_complain("the device cannot be attached again");
	mapped = edu_open(node);
	return mapped;
}

static bool map_registers_call(struct world *w)
{
	return !backend_map(&w->d, REGISTERS, (void *)mapped, SIZE, MAP_RW);
}

static bool map_registers_undo(struct world *w)
{
	return backend_unmap(&w->d, REGISTERS, SIZE) == (long long)SIZE;
}

TEST_F_TIMEOUT(devices, map_registers, 300)
{
	static const struct flow flow = {
		.ready = registers_ready, .call = map_registers_call, .undo = map_registers_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
	munmap((void *)mapped, MIB);
	mapped = NULL;
}

/* An attach writes them into new page tables, under a lock that bars waiting for memory. */
TEST_F_TIMEOUT(devices, attach_with_registers, 300)
{
	static const struct flow flow = {
		.ready = away_ready, .call = back_call, .undo = nothing_undo,
	};

	second = space_alloc(self->w.d.fd);
	ASSERT_NE(0, second);
	mapped = edu_open(node);
	ASSERT_TRUE(mapped);
	ASSERT_TRUE(map_registers_call(&self->w));
	EXPECT_TRUE(sweep(&self->w, &flow));
	EXPECT_TRUE(map_registers_undo(&self->w));
	munmap((void *)mapped, MIB);
	mapped = NULL;
}

/* --- what VFIO says of a device --- */

static bool describe_call(struct world *w)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region = { .argsz = sizeof(region) };
	struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = VFIO_PCI_MSI_IRQ_INDEX };

	(void)w;
	return !ioctl(node, VFIO_DEVICE_GET_INFO, &info) &&
	       !ioctl(node, VFIO_DEVICE_GET_REGION_INFO, &region) &&
	       !ioctl(node, VFIO_DEVICE_GET_IRQ_INFO, &irq);
}

TEST_F_TIMEOUT(devices, describe, 60)
{
	static const struct flow flow = { .call = describe_call, .undo = nothing_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool sleep_call(struct world *w)
{
	const uint32_t set = VFIO_DEVICE_FEATURE_SET;
	struct vfio_device_feature f = {
		.argsz = sizeof(f), .flags = VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY | set,
	};

	(void)w;
	return !ioctl(node, VFIO_DEVICE_FEATURE, &f);
}

static bool wake_undo(struct world *w)
{
	const uint32_t set = VFIO_DEVICE_FEATURE_SET;
	struct vfio_device_feature f = {
		.argsz = sizeof(f), .flags = VFIO_DEVICE_FEATURE_LOW_POWER_EXIT | set,
	};

	(void)w;
	return !ioctl(node, VFIO_DEVICE_FEATURE, &f);
}

TEST_F_TIMEOUT(devices, feature, 60)
{
	static const struct flow flow = { .call = sleep_call, .undo = wake_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static int event = -1;

static int set_irqs(uint32_t count)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int)];
	struct vfio_irq_set *set = (void *)buf;

	*set = (struct vfio_irq_set){
		.argsz = sizeof(*set) + count * sizeof(int),
		.flags = (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE) |
			 VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSI_IRQ_INDEX,
		.count = count,
	};
	memcpy(set->data, &event, sizeof(event));
	return ioctl(node, VFIO_DEVICE_SET_IRQS, set);
}

static bool irq_call(struct world *w)
{
	(void)w;
	return !set_irqs(1);
}

/* Whether the eventfd came or not: without interrupts there is nothing left of it. */
static bool irq_undo(struct world *w)
{
	(void)w;
	return !set_irqs(0);
}

TEST_F_TIMEOUT(devices, interrupt, 300)
{
	static const struct flow flow = { .call = irq_call, .undo = irq_undo };

	/* The kernel's own: it removes /proc/irq entries that it could not make. */
	printf("# expect-splat: remove_proc_entry\n# expect-splat: Call Trace:\n");
	event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, event);
	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool registers_call(struct world *w)
{
	volatile char *bar = edu_open(node);
	uint32_t id;

	(void)w;
	if (!bar)
		return false;
	id = *(volatile uint32_t *)bar;
	munmap((void *)bar, MIB);
	return id == EDU_ID || sweep_complain("the registers are another's");
}

TEST_F_TIMEOUT(devices, registers, 120)
{
	static const struct flow flow = { .call = registers_call, .undo = nothing_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
