// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on devices that come into an address space without a VFIO group: the
 * nodes of ioasid_pci. Two share a group.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/ioasid.h>

#include "fuzz/fuzz.h"

static uint64_t pick_node(uint64_t *rng)
{
	return fuzz_chance(rng, 20) ? fuzz_below(rng, SLOTS) : SLOT_NODES + fuzz_below(rng, 2);
}

static int slot(uint64_t n)
{
	return fuzz_slots[n % SLOTS];
}

void make_open_node(uint64_t *rng, uint64_t *a)
{
	a[0] = SLOT_NODES + fuzz_below(rng, 2);
	a[1] = fuzz_below(rng, 2);
}

long run_open_node(const uint64_t *a)
{
	int fd = open(a[1] & 1 ? "/dev/ioasid-pci/0000:01:02.0" : "/dev/ioasid-pci/0000:01:01.0",
		      O_RDWR | O_CLOEXEC);
	int old;

	if (fd < 0)
		return -1;
	old = atomic_exchange(&fuzz_slots[a[0] % SLOTS], fd);
	if (old >= 0)
		close(old);
	return 0;
}

void make_node_attach(uint64_t *rng, uint64_t *a)
{
	a[0] = pick_node(rng);
	a[1] = fuzz_backend(rng);
	a[2] = fuzz_below(rng, 3);
}

long run_node_attach(const uint64_t *a)
{
	struct ioasid_device_attach arg = {
		.size = sizeof(arg), .fd = slot(a[1]), .ioasid = a[2],
	};

	return ioctl(slot(a[0]), IOASID_DEVICE_ATTACH, &arg);
}

void make_node_detach(uint64_t *rng, uint64_t *a)
{
	a[0] = pick_node(rng);
}

long run_node_detach(const uint64_t *a)
{
	struct ioasid_device_detach arg = { .size = sizeof(arg) };

	return ioctl(slot(a[0]), IOASID_DEVICE_DETACH, &arg);
}

void make_node_call(uint64_t *rng, uint64_t *a)
{
	a[0] = pick_node(rng);
	/* A reset takes longest. */
	a[1] = fuzz_below(rng, fuzz_chance(rng, 6) ? 7 : 6);
}

static long map_registers(int fd)
{
	void *bar = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return bar == MAP_FAILED ? -1 : munmap(bar, MIB);
}

long run_node_call(const uint64_t *a)
{
	struct ioasid_device_get_info info = { .size = sizeof(info) };
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info region = { .argsz = sizeof(region), .index = a[1] };
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_SET | (a[1] & 1 ? VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY :
						    VFIO_DEVICE_FEATURE_LOW_POWER_EXIT),
	};
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };
	int fd = slot(a[0]);

	switch (a[1] % 7) {
	case 0: return ioctl(fd, IOASID_DEVICE_GET_INFO, &info);
	case 1: return ioctl(fd, VFIO_DEVICE_GET_INFO, &device);
	case 2: return ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &region);
	case 3:
	case 4: return ioctl(fd, VFIO_DEVICE_FEATURE, &feature);
	case 5: return map_registers(fd);
	default: return ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, &reset);
	}
}
