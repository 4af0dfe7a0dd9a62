// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on backends, groups and devices. Threads share the slots, and close what
 * others use: that is the point.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ioasid.h>

#include "fuzz/fuzz.h"
#include "lib/mdev.h"

atomic_int fuzz_slots[SLOTS];

void fuzz_slots_clear(void)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		fuzz_slots[i] = -1;
}

static int slot(uint64_t n)
{
	return fuzz_slots[n % SLOTS];
}

static long put(uint64_t n, int fd)
{
	int old;

	if (fd < 0)
		return -1;
	old = atomic_exchange(&fuzz_slots[n % SLOTS], fd);
	if (old >= 0)
		close(old);
	return 0;
}

/* Of the right sort most of the time. */
static uint64_t pick(uint64_t *rng, unsigned int from, unsigned int to)
{
	return fuzz_chance(rng, 20) ? fuzz_below(rng, SLOTS) : from + fuzz_below(rng, to - from);
}

/* Backends 0 and 2 are opened by most programs. */
uint64_t fuzz_backend(uint64_t *rng)
{
	if (fuzz_chance(rng, 12))
		return pick(rng, SLOT_BACKENDS, SLOT_GROUPS);
	return fuzz_chance(rng, 3) ? 2 : 0;
}

/* Seldom where a backend is in use. */
static uint64_t pick_new(uint64_t *rng)
{
	return fuzz_chance(rng, 6) ? fuzz_below(rng, SLOT_GROUPS) : 3 + fuzz_below(rng, 3);
}

uint64_t fuzz_iova(uint64_t *rng)
{
	static const uint64_t edge[] = {
		0, PAGE, 0xfee00000ULL - PAGE, 0xfeefffffULL + 1, GIB - PAGE,
		1ULL << 32, (1ULL << 39) - PAGE, 1ULL << 39, (1ULL << 47) - 2 * PAGE,
		(1ULL << 48) - PAGE, -PAGE, -2 * MIB, ~0ULL,
	};

	if (fuzz_chance(rng, 12))
		return edge[fuzz_below(rng, sizeof(edge) / sizeof(*edge))] +
		       (fuzz_chance(rng, 8) ? fuzz_below(rng, PAGE) : 0);
	/* Few, so that calls meet; some fit a superpage. */
	if (fuzz_chance(rng, 3))
		return 0x10000000ULL + fuzz_below(rng, 8) * 2 * MIB;
	return 0x10000000ULL + fuzz_below(rng, 64) * 16 * PAGE;
}

/* --- opening and closing --- */

void make_open_ioasid(uint64_t *rng, uint64_t *a)
{
	a[0] = pick_new(rng);
}

long run_open_ioasid(const uint64_t *a)
{
	return put(a[0], open("/dev/ioasid", O_RDWR | O_CLOEXEC));
}

void make_open_container(uint64_t *rng, uint64_t *a)
{
	a[0] = pick_new(rng);
}

long run_open_container(const uint64_t *a)
{
	return put(a[0], open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
}

void make_open_group(uint64_t *rng, uint64_t *a)
{
	a[0] = SLOT_GROUPS + fuzz_below(rng, SLOT_DEVICES - SLOT_GROUPS);
	a[1] = fuzz_below(rng, 5);
}

long run_open_group(const uint64_t *a)
{
	const char *node = fuzz_group_node(a[1]);

	if (!node) {
		errno = ENOENT;
		return -1;
	}
	return put(a[0], open(node, O_RDWR | O_CLOEXEC));
}

void make_close(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, SLOTS);
}

long run_close(const uint64_t *a)
{
	return close(atomic_exchange(&fuzz_slots[a[0] % SLOTS], -1));
}

void make_dup(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, SLOTS);
	a[1] = fuzz_below(rng, SLOTS);
}

long run_dup(const uint64_t *a)
{
	return put(a[1], fcntl(slot(a[0]), F_DUPFD_CLOEXEC, 0));
}

/* --- types, groups, devices --- */

void make_set_iommu(uint64_t *rng, uint64_t *a)
{
	static const uint64_t types[] = { 3, 3, 3, 1, 6, 2, 7, 8, 0, IOASID_EXT_PRESENT };

	a[0] = pick(rng, SLOT_BACKENDS, SLOT_GROUPS);
	a[1] = fuzz_chance(rng, 20) ? fuzz_random(rng) :
	       types[fuzz_below(rng, sizeof(types) / sizeof(*types))];
}

long run_set_iommu(const uint64_t *a)
{
	return ioctl(slot(a[0]), VFIO_SET_IOMMU, a[1]);
}

void make_join(uint64_t *rng, uint64_t *a)
{
	a[0] = pick(rng, SLOT_BACKENDS, SLOT_GROUPS);
	a[1] = fuzz_backend(rng);
}

long run_join(const uint64_t *a)
{
	return ioctl(slot(a[0]), VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(slot(a[1])));
}

void make_set_container(uint64_t *rng, uint64_t *a)
{
	a[0] = pick(rng, SLOT_GROUPS, SLOT_DEVICES);
	a[1] = fuzz_backend(rng);
}

long run_set_container(const uint64_t *a)
{
	int fd = slot(a[1]);

	return ioctl(slot(a[0]), VFIO_GROUP_SET_CONTAINER, &fd);
}

void make_unset_container(uint64_t *rng, uint64_t *a)
{
	a[0] = pick(rng, SLOT_GROUPS, SLOT_DEVICES);
}

long run_unset_container(const uint64_t *a)
{
	return ioctl(slot(a[0]), VFIO_GROUP_UNSET_CONTAINER);
}

void make_get_device(uint64_t *rng, uint64_t *a)
{
	a[0] = pick(rng, SLOT_GROUPS, SLOT_DEVICES);
	a[1] = SLOT_DEVICES + fuzz_below(rng, 2);
	a[2] = fuzz_below(rng, 5);
}

long run_get_device(const uint64_t *a)
{
	static const char *const name[] = {
		"0000:00:06.0", "0000:00:05.0", "ioasid_mdev.0", "ioasid_mdev.1", "ioasid_mdev.2",
	};

	return put(a[1], ioctl(slot(a[0]), VFIO_GROUP_GET_DEVICE_FD, name[a[2] % 5]));
}

/* --- maps --- */

void make_map(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = fuzz_iova(rng);
	a[2] = fuzz_vaddr(rng);
	a[3] = fuzz_length(rng);
	a[4] = fuzz_chance(rng, 3) ? 1 + fuzz_below(rng, 3) : 3;
	if (fuzz_chance(rng, 30))
		a[4] = fuzz_random(rng) & 0xff;
}

long run_map(const uint64_t *a)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = a[4], .vaddr = a[2], .iova = a[1], .size = a[3],
	};

	return ioctl(slot(a[0]), VFIO_IOMMU_MAP_DMA, &map);
}

void make_map_vaddr(uint64_t *rng, uint64_t *a)
{
	make_map(rng, a);
	a[4] = VFIO_DMA_MAP_FLAG_VADDR;
}

long run_map_vaddr(const uint64_t *a)
{
	return run_map(a);
}

void make_unmap(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = fuzz_iova(rng);
	a[2] = fuzz_chance(rng, 3) ? fuzz_below(rng, 64) * 2 * MIB : fuzz_length(rng);
	a[3] = 0;
	if (fuzz_chance(rng, 6)) {
		a[1] = a[2] = 0;
		a[3] = VFIO_DMA_UNMAP_FLAG_ALL;
	}
	if (fuzz_chance(rng, 10))
		a[3] |= VFIO_DMA_UNMAP_FLAG_VADDR;
	if (fuzz_chance(rng, 40))
		a[3] = fuzz_random(rng) & 0xf;
}

long run_unmap(const uint64_t *a)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .flags = a[3], .iova = a[1], .size = a[2],
	};

	return ioctl(slot(a[0]), VFIO_IOMMU_UNMAP_DMA, &unmap);
}

/* --- dirty tracking --- */

/* The bitmap lies in the regions as well, and so may be gone or read-only. */
static struct vfio_bitmap bitmap(const uint64_t *a)
{
	return (struct vfio_bitmap){
		.pgsize = a[5] & 1 ? a[5] : PAGE,
		.size = a[4],
		.data = (void *)(uintptr_t)a[3],
	};
}

static void make_bitmap(uint64_t *rng, uint64_t *a)
{
	a[3] = fuzz_vaddr(rng);
	a[4] = (a[2] / PAGE + 63) / 64 * 8;
	if (fuzz_chance(rng, 8))
		a[4] = fuzz_below(rng, 1 << 20);
	a[5] = fuzz_chance(rng, 20) ? fuzz_random(rng) | 1 : 0;
}

void make_unmap_dirty(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = fuzz_iova(rng);
	a[2] = fuzz_chance(rng, 2) ? fuzz_below(rng, 64) * 2 * MIB : fuzz_length(rng);
	make_bitmap(rng, a);
}

long run_unmap_dirty(const uint64_t *a)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} call = {
		.unmap = {
			.argsz = sizeof(call), .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = a[1], .size = a[2],
		},
		.bitmap = bitmap(a),
	};

	return ioctl(slot(a[0]), VFIO_IOMMU_UNMAP_DMA, &call);
}

void make_dirty(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = fuzz_chance(rng, 20) ? fuzz_below(rng, 16) : 1 + fuzz_below(rng, 3) / 2;
}

long run_dirty(const uint64_t *a)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = a[1] };

	return ioctl(slot(a[0]), VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

void make_dirty_get(uint64_t *rng, uint64_t *a)
{
	make_unmap_dirty(rng, a);
}

long run_dirty_get(const uint64_t *a)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} call = {
		.head = { .argsz = sizeof(call), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
		.get = { .iova = a[1], .size = a[2], .bitmap = bitmap(a) },
	};

	return ioctl(slot(a[0]), VFIO_IOMMU_DIRTY_PAGES, &call);
}

/* --- questions --- */

void make_info(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = fuzz_chance(rng, 2) ? 4096 : fuzz_below(rng, 256);
}

long run_info(const uint64_t *a)
{
	union {
		struct vfio_iommu_type1_info info;
		char room[4096];
	} answer = { .info = { .argsz = a[1] > 4096 ? 4096 : a[1] } };

	return ioctl(slot(a[0]), VFIO_IOMMU_GET_INFO, &answer);
}

void make_extension(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = fuzz_chance(rng, 8) ? fuzz_random(rng) : fuzz_below(rng, 16);
}

long run_extension(const uint64_t *a)
{
	return ioctl(slot(a[0]), VFIO_CHECK_EXTENSION, a[1]);
}

/* Any number of VFIO's and ours, and a structure of whose size @a[2] speaks. */
void make_raw(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_chance(rng, 3) ? fuzz_below(rng, SLOTS) : fuzz_backend(rng);
	a[1] = fuzz_chance(rng, 10) ? fuzz_random(rng) & 0xffffffff :
	       (';' << 8 | (100 + fuzz_below(rng, 32)));
	a[2] = fuzz_chance(rng, 4) ? fuzz_random(rng) & 0xffffffff : fuzz_below(rng, 128);
	a[3] = fuzz_below(rng, 32);
	a[4] = fuzz_iova(rng);
	a[5] = fuzz_length(rng);
}

/* Interrupts and resets of real devices are VFIO's affair, not ours. */
static bool is_for_devices(uint64_t cmd)
{
	return cmd == VFIO_DEVICE_SET_IRQS || cmd == VFIO_DEVICE_PCI_HOT_RESET;
}

long run_raw(const uint64_t *a)
{
	uint64_t words[64] = { a[2] | a[3] << 32, a[4], a[5], a[4], a[5], a[4] };

	if (is_for_devices(a[1])) {
		errno = ENOTTY;
		return -1;
	}
	return ioctl(slot(a[0]), a[1], words);
}

/*
 * The ioctls of /dev/ioasid's own, badly formed (native.c has the others): a
 * structure that begins with its size and flags, and then has ids, addresses
 * and lengths in some order.
 */
void make_native(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = fuzz_chance(rng, 10) ? 0x40 + fuzz_below(rng, 4) : fuzz_below(rng, 0x10);
	a[2] = (fuzz_chance(rng, 6) ? fuzz_below(rng, 200) : (2 + fuzz_below(rng, 9)) * 8) |
	       (fuzz_chance(rng, 3) ? fuzz_below(rng, 8) << 32 : 0);
	a[3] = fuzz_below(rng, 4) | (fuzz_chance(rng, 3) ? fuzz_below(rng, 4) << 32 : 0);
	a[4] = fuzz_iova(rng);
	a[5] = fuzz_vaddr(rng);
}

long run_native(const uint64_t *a)
{
	uint64_t length = (1 + (a[4] >> 12) % 16) * PAGE;
	uint64_t words[32] = { a[2], a[3], a[4], a[5], length, a[4], length, a[5], a[3] };
	uint64_t swapped[32] = { a[2], a[3], a[5], a[4], length, length, a[3], a[4], a[5] };

	return ioctl(slot(a[0]), _IO(IOASID_TYPE, a[1] & 0xff), a[3] & 1 ? swapped : words);
}

void make_fdinfo(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
}

long run_fdinfo(const uint64_t *a)
{
	char path[64], text[1024];
	long got;
	int fd;

	snprintf(path, sizeof(path), a[0] & 1 ? "/sys/kernel/debug/ioasid/spaces" :
		 "/proc/self/fdinfo/%d", slot(a[0]));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	got = read(fd, text, sizeof(text));
	close(fd);
	return got;
}

/* --- software devices: the drivers' own ways in --- */

void make_mdev_pin(uint64_t *rng, uint64_t *a)
{
	a[0] = pick(rng, SLOT_DEVICES, SLOT_DEVICES + 2);
	a[1] = fuzz_iova(rng);
	a[2] = fuzz_chance(rng, 4) ? fuzz_below(rng, 600) : 1 + fuzz_below(rng, 4);
	a[3] = 1 + fuzz_below(rng, 3);
	a[4] = fuzz_chance(rng, 3);
}

long run_mdev_pin(const uint64_t *a)
{
	struct mdev_pin pin = { .iova = a[1], .npages = a[2] % 4096, .prot = a[3] };

	return ioctl(slot(a[0]), a[4] ? MDEV_UNPIN : MDEV_PIN, &pin);
}

void make_mdev_rw(uint64_t *rng, uint64_t *a)
{
	a[0] = pick(rng, SLOT_DEVICES, SLOT_DEVICES + 2);
	a[1] = fuzz_iova(rng) + fuzz_below(rng, PAGE);
	a[2] = fuzz_vaddr(rng);
	a[3] = fuzz_below(rng, 5 * PAGE);
	a[4] = fuzz_below(rng, 4);
}

long run_mdev_rw(const uint64_t *a)
{
	struct mdev_rw rw = {
		.iova = a[1], .data = a[2], .length = a[3] % MIB,
		.write = a[4] & 1, .thread = a[4] >> 1 & 1,
	};

	return ioctl(slot(a[0]), MDEV_RW, &rw);
}

/* Pins are never left to a closed device: what it then does is its own fault. */
void make_mdev_mode(uint64_t *rng, uint64_t *a)
{
	a[0] = pick(rng, SLOT_DEVICES, SLOT_DEVICES + 2);
	a[1] = fuzz_below(rng, 2) ? MDEV_STUBBORN : 0;
}

long run_mdev_mode(const uint64_t *a)
{
	return ioctl(slot(a[0]), MDEV_MODE, a[1] & MDEV_STUBBORN);
}
