// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of frames without pages: the BARs of devices, mapped for the IOMMU
 * of another device or of the same.
 */
#include "type1/suite/suite.h"

struct bar {
	struct backend owner;	/* of the device */
	int device;
	size_t size;
	char *mem;
};

/* A large BAR where a large entry of a page table can map it, wherever the kernel would have put it. */
static char *bar_map(int device, size_t size, off_t offset)
{
	size_t align = size < 2 * MIB ? PAGE : 2 * MIB;
	char *room = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = (char *)(((uintptr_t)room + align - 1) & -align);

	NEED(room != MAP_FAILED);
	return mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, device, offset);
}

static struct bar bar_open(const char *name, unsigned int index)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = index };
	struct bar b;

	NEED(backend_open(&b.owner, suite_kind, VFIO_TYPE1v2_IOMMU, name));
	b.device = backend_device(&b.owner, name);
	NEED(b.device >= 0 && !ioctl(b.device, VFIO_DEVICE_GET_REGION_INFO, &region));
	b.size = region.size;
	b.mem = bar_map(b.device, b.size, region.offset);
	NEED(b.mem != MAP_FAILED);
	return b;
}

static bool bar_decode(const struct bar *b, bool on)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;

	if (ioctl(b->device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pread(b->device, &command, 2, config.offset + 4) != 2)
		return false;
	command = on ? command | 2 : command & ~2;
	return pwrite(b->device, &command, 2, config.offset + 4) == 2;
}

CASE(bar_maps, "A063 A066")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct bar b = bar_open(DEVICE_EDU, 0);

	SEE(MIB, "size", b.size);
	TRY(OK, "not touched yet", backend_map(&d, IOVA, b.mem, b.size, MAP_RW));
	SEE(0, "pinned", suite_pinned());
	TRY(MIB, "unmap", backend_unmap(&d, IOVA, b.size));
	*(volatile uint32_t *)(b.mem + 4 * PAGE);
	TRY(OK, "one page touched", backend_map(&d, IOVA, b.mem, b.size, MAP_RW));
	TRY(OK, "a piece", backend_map(&d, 2 * IOVA, b.mem + PAGE, PAGE, VFIO_DMA_MAP_FLAG_READ));
	TRY(OK, "write only", backend_map(&d, 3 * IOVA, b.mem + 8 * PAGE, 9 * PAGE,
					  VFIO_DMA_MAP_FLAG_WRITE));
	TRY(MIB + 10 * PAGE, "all", backend_unmap_all(&d));
}

/* Into the container that its own device is in. */
CASE(bar_of_its_own_device, "A063")
{
	struct bar b = bar_open(DEVICE_EDU, 0);

	suite_watch(&b.owner);
	TRY(OK, "map", backend_map(&b.owner, IOVA, b.mem, b.size, MAP_RW));
	TRY(MIB, "unmap", backend_unmap(&b.owner, IOVA, b.size));
}

CASE(bar_read_only, "A064")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct bar b = bar_open(DEVICE_EDU, 0);

	NEED(!mprotect(b.mem, b.size, PROT_READ));
	TRY(-EFAULT, "write, not touched", backend_map(&d, IOVA, b.mem + PAGE, PAGE, MAP_RW));
	*(volatile uint32_t *)b.mem;
	TRY(-EFAULT, "write", backend_map(&d, IOVA, b.mem, PAGE, MAP_RW));
	TRY(-EFAULT, "write only", backend_map(&d, IOVA, b.mem, PAGE, VFIO_DMA_MAP_FLAG_WRITE));
	TRY(OK, "read", backend_map(&d, IOVA, b.mem, b.size, VFIO_DMA_MAP_FLAG_READ));
	NEED(!mprotect(b.mem, b.size, PROT_NONE));
	/* What was looked up before can be looked up still. */
	TRY(ANY, "nothing", backend_map(&d, 2 * IOVA, b.mem, PAGE, VFIO_DMA_MAP_FLAG_READ));
}

/* Frames of ordinary memory, which no reference would keep. */
CASE(bar_of_memory, "A065")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct backend s;
	char *mem;
	int soft;

	NEED(backend_open(&s, suite_kind, VFIO_TYPE1v2_IOMMU, MDEV_NAME(0)));
	soft = backend_device(&s, MDEV_NAME(0));
	mem = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, soft, 0);
	NEED(mem != MAP_FAILED);
	mem[0] = 1;
	TRY(-EFAULT, "write", suite_map(&d, 0, mem, 4));
	TRY(-EFAULT, "read", backend_map(&d, IOVA, mem, PAGE, VFIO_DMA_MAP_FLAG_READ));
	SEE(0, "pinned", suite_pinned());
}

CASE(bar_is_not_charged, "A066")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct bar b = bar_open(DEVICE_EDU, 0);
	char *mem = suite_memory(1);

	NEED(drop_cap(CAP_IPC_LOCK) && set_memlock(0));
	TRY(OK, "bar", backend_map(&d, IOVA, b.mem, b.size, MAP_RW));
	TRY(-ENOMEM, "memory", backend_map(&d, 2 * IOVA, mem, PAGE, MAP_RW));
	TRY(MIB, "unmap", backend_unmap(&d, IOVA, b.size));
}

/* The process unmaps it, or turns the device off: the IOMMU does not. */
CASE(bar_outlives_its_mapping, "A067")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct bar b = bar_open(DEVICE_EDU, 0);

	TRY(OK, "map", backend_map(&d, IOVA, b.mem, b.size, MAP_RW));
	NEED(bar_decode(&b, false));
	TRY(-EFAULT, "turned off, another", backend_map(&d, 2 * IOVA, b.mem, PAGE, MAP_RW));
	NEED(bar_decode(&b, true));
	TRY(OK, "turned on, another", backend_map(&d, 2 * IOVA, b.mem, PAGE, MAP_RW));
	NEED(!munmap(b.mem, b.size));
	TRY(-EFAULT, "released, another", backend_map(&d, 3 * IOVA, b.mem, PAGE, MAP_RW));
	TRY(MIB + PAGE, "all", backend_unmap_all(&d));
}

CASE(bar_reset, "A067")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct bar b = bar_open(SUITE_BIG, 2);

	TRY(OK, "map", backend_map(&d, IOVA, b.mem, MIB, MAP_RW));
	SEE(ANY, "reset", ioctl(b.device, VFIO_DEVICE_RESET));
	TRY(MIB, "unmap", backend_unmap(&d, IOVA, MIB));
}

static void count_line(const char *text, void *arg)
{
	(void)text;
	++*(long *)arg;
}

/* How often the page tables of the process are looked at. */
CASE(bar_large_steps, "A068")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct bar b = bar_open(SUITE_BIG, 2);
	long lookups = 0;

	SEE(64 * MIB, "size", b.size);
	/* Faulted in first, so that looking is all there is to do. */
	TRY(OK, "once", backend_map(&d, IOVA, b.mem, b.size, MAP_RW));
	TRY(64 * MIB, "and out", backend_unmap(&d, IOVA, b.size));
	NEED(suite_trace_functions("follow_pfnmap_start"));
	TRY(OK, "map", backend_map(&d, IOVA, b.mem, b.size, MAP_RW));
	suite_trace_end(count_line, &lookups);
	SEE(ANY, "lookups", lookups);
	TRY(64 * MIB, "unmap", backend_unmap(&d, IOVA, b.size));
	TRY(OK, "not at a border", backend_map(&d, IOVA, b.mem + 3 * PAGE, 5 * MIB, MAP_RW));
	SEE(0, "pinned", suite_pinned());
}

CASE(bar_between_memory, "A063 A066")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct bar b = bar_open(DEVICE_EDU, 0);
	char *mem = suite_memory(MIB / PAGE + 40);

	NEED(mremap(b.mem, MIB, MIB, MREMAP_MAYMOVE | MREMAP_FIXED, mem + 10 * PAGE) != MAP_FAILED);
	TRY(OK, "map", backend_map(&d, IOVA, mem, MIB + 40 * PAGE, MAP_RW));
	SEE(40, "pinned", suite_pinned());
	TRY(MIB + 40 * PAGE, "unmap", backend_unmap(&d, IOVA, MIB + 40 * PAGE));
	NEED(!munmap(mem + MIB + 39 * PAGE, PAGE));
	TRY(-EFAULT, "a hole at the end", backend_map(&d, IOVA, mem, MIB + 40 * PAGE, MAP_RW));
	SEE(0, "pinned then", suite_pinned());
}

CASE(bar_pin_by_driver, "A142")
{
	struct soft s = suite_soft();
	struct bar b = bar_open(DEVICE_EDU, 0);

	TRY(OK, "map", backend_map(&s.d, MDEV_IOVA, b.mem, b.size, MAP_RW));
	TRY(-EINVAL, "pin", mdev_pin(s.device, 0, 1, MDEV_READ));
	TRY(MIB, "unmap", backend_unmap(&s.d, MDEV_IOVA, b.size));
}
