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

void make_node_map(uint64_t *rng, uint64_t *a)
{
	a[0] = pick_node(rng);
	a[1] = fuzz_backend(rng);
	a[2] = fuzz_below(rng, 3) | fuzz_below(rng, fuzz_chance(rng, 10) ? 256 : 8) << 32;
	a[3] = fuzz_iova(rng);
	a[4] = fuzz_below(rng, fuzz_chance(rng, 10) ? 10 : 1) | fuzz_below(rng, 260) << 32;
	a[5] = fuzz_below(rng, 64) * PAGE;
}

/* Mostly of the registers, 1 MiB. */
long run_node_map(const uint64_t *a)
{
	struct ioasid_device_map arg = {
		.size = sizeof(arg), .flags = a[2] >> 32, .fd = slot(a[1]), .ioasid = (uint32_t)a[2],
		.region = (uint32_t)a[4], .offset = (a[4] >> 32) * PAGE, .length = a[5], .iova = a[3],
	};

	return ioctl(slot(a[0]), IOASID_DEVICE_MAP, &arg);
}

static long decode_memory(int fd, bool on)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command = on ? 6 : 4;

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &config))
		return -1;
	return pwrite(fd, &command, 2, config.offset + 4);
}

void make_node_call(uint64_t *rng, uint64_t *a)
{
	a[0] = pick_node(rng);
	/* A reset takes longest. */
	a[1] = fuzz_below(rng, fuzz_chance(rng, 6) ? 9 : 8);
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

	switch (a[1] % 9) {
	case 0: return ioctl(fd, IOASID_DEVICE_GET_INFO, &info);
	case 1: return ioctl(fd, VFIO_DEVICE_GET_INFO, &device);
	case 2: return ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &region);
	case 3:
	case 4: return ioctl(fd, VFIO_DEVICE_FEATURE, &feature);
	case 5: return map_registers(fd);
	case 6: return decode_memory(fd, true);
	case 7: return decode_memory(fd, false);
	default: return ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, &reset);
	}
}
