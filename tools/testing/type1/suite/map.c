// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_IOMMU_MAP_DMA: the structure, the checks and their order, and which
 * errno wins when there are two.
 */
#include <pthread.h>

#include "type1/suite/suite.h"

#define HIGH	((void *)0xffff888000000000ULL)

static int raw(const struct backend *d, const void *map)
{
	return ioctl(d->fd, VFIO_IOMMU_MAP_DMA, map);
}

static struct vfio_iommu_type1_dma_map one_page(const void *mem)
{
	return (struct vfio_iommu_type1_dma_map){
		.argsz = sizeof(struct vfio_iommu_type1_dma_map), .flags = MAP_RW,
		.vaddr = (uintptr_t)mem, .iova = IOVA, .size = PAGE,
	};
}

CASE(map_argsz, "A041")
{
	static const uint32_t size[] = { 0, 4, 8, 31, 32, 33, 4096, UINT32_MAX };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_dma_map map = one_page(suite_memory(1));
	unsigned int i;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		map.argsz = size[i];
		TRY(size[i] < 32 ? -EINVAL : OK, suite_key("%u", size[i]), raw(&d, &map));
		TRY(ANY, suite_key("%u, unmap", size[i]), suite_unmap(&d, 0, 1));
	}
}

CASE(map_unknown_flags, "A041")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);
	int bit;

	for (bit = 3; bit < 32; bit++)
		TRY(-EINVAL, suite_key("bit %d", bit),
		    backend_map(&d, IOVA, mem, PAGE, MAP_RW | 1U << bit));
	TRY(-EINVAL, "all", backend_map(&d, IOVA, mem, PAGE, UINT32_MAX));
	TRY(-EINVAL, "without access", backend_map(&d, IOVA, mem, PAGE, 1U << 5));
}

CASE(map_pointer, "A041")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_dma_map map = one_page(suite_memory(1));
	char *area = touched_memory(2 * PAGE);

	TRY(-EFAULT, "null", raw(&d, NULL));
	TRY(-EFAULT, "kernel's", raw(&d, HIGH));
	TRY(-EFAULT, "end of all", raw(&d, (void *)-8L));
	NEED(area != MAP_FAILED && !munmap(area + PAGE, PAGE));
	memcpy(area + PAGE - 31, &map, 31);
	TRY(-EFAULT, "one byte short", raw(&d, area + PAGE - 31));
	memset(area + PAGE - 8, 0, 8);
	TRY(-EFAULT, "short, and argsz too", raw(&d, area + PAGE - 8));
	memcpy(area, &map, sizeof(map));
	NEED(!mprotect(area, PAGE, PROT_READ));
	TRY(OK, "is only read", raw(&d, area));
}

CASE(map_access, "A042")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);
	uint32_t flags;

	for (flags = 0; flags < 8; flags++) {
		TRY(flags == 1 || flags == 2 || flags == 3 ? OK : flags == 4 ? -ENOENT : -EINVAL,
		    suite_key("flags %u", flags), backend_map(&d, IOVA, mem, PAGE, flags));
		TRY(ANY, suite_key("flags %u, unmap", flags), suite_unmap(&d, 0, 1));
	}
}

/* From 7.3's point in the order on, lengths are looked at before access. */
CASE(map_length_before_access, "A042 A045")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);
	uint32_t flags;

	for (flags = 0; flags < 8; flags++) {
		TRY(ANY, suite_key("wrap, flags %u", flags),
		    backend_map(&d, -PAGE, mem, 2 * PAGE, flags));
		TRY(ANY, suite_key("vaddr wraps, flags %u", flags),
		    backend_map(&d, IOVA, (void *)-PAGE, 2 * PAGE, flags));
		TRY(-EINVAL, suite_key("nothing, flags %u", flags), backend_map(&d, IOVA, mem, 0, flags));
		TRY(-EINVAL, suite_key("unaligned, flags %u", flags),
		    backend_map(&d, IOVA + 1, mem, PAGE, flags));
		TRY(ANY, suite_key("unaligned and wraps, flags %u", flags),
		    backend_map(&d, -1ULL, mem, PAGE, flags));
	}
}

/* Every u64 fits into what a 64-bit kernel has. */
CASE(map_wide_numbers, "A043")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);

	TRY(-EINVAL, "iova", backend_map(&d, 1ULL << 40 << 20, mem, PAGE, MAP_RW));
	TRY(-EFAULT, "vaddr", backend_map(&d, IOVA, (void *)(1ULL << 62), PAGE, MAP_RW));
	TRY(-EINVAL, "size", backend_map(&d, IOVA, mem, 1ULL << 62, MAP_RW));
}

CASE(map_nothing, "A044")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);

	TRY(-EINVAL, "size 0", backend_map(&d, IOVA, mem, 0, MAP_RW));
	TRY(-EINVAL, "all 0", backend_map(&d, 0, NULL, 0, MAP_RW));
	TRY(OK, "map", suite_map(&d, 0, mem, 1));
	TRY(-EINVAL, "size 0 over another", backend_map(&d, IOVA, mem, 0, MAP_RW));
}

static void unaligned(int which)
{
	static const uint64_t off[] = { 1, 8, 511, 512, 2048, 4095 };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(4);
	unsigned int i;

	for (i = 0; i < sizeof(off) / sizeof(*off); i++)
		TRY(-EINVAL, suite_key("%u", (unsigned int)off[i]),
		    backend_map(&d, IOVA + (which == 0 ? off[i] : 0), mem + (which == 1 ? off[i] : 0),
				PAGE + (which == 2 ? off[i] : 0), MAP_RW));
}

CASE(map_unaligned_iova, "A044") { unaligned(0); }
CASE(map_unaligned_vaddr, "A044") { unaligned(1); }
CASE(map_unaligned_size, "A044") { unaligned(2); }

CASE(map_wraps, "A045")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	long wrap = -wrap_errno();
	char *mem = suite_memory(1);

	TRY(wrap, "iova", backend_map(&d, -PAGE, mem, 2 * PAGE, MAP_RW));
	TRY(wrap, "vaddr", backend_map(&d, IOVA, (void *)-PAGE, 2 * PAGE, MAP_RW));
	TRY(wrap, "size", backend_map(&d, IOVA, mem, -PAGE, MAP_RW));
	TRY(wrap, "halves", backend_map(&d, 1ULL << 63, mem, (1ULL << 63) + PAGE, MAP_RW));
	TRY(wrap, "both", backend_map(&d, -PAGE, (void *)-PAGE, 2 * PAGE, MAP_RW));
	TRY(-EINVAL, "unmapped end", backend_map(&d, -PAGE, mem, PAGE, MAP_RW));
}

/* Only a container without an IOMMU has that page. */
CASE(map_last_page, "A046")
{
	struct soft s = suite_soft();
	char *mem = suite_memory(2);

	TRY(OK, "map", backend_map(&s.d, -PAGE, mem, PAGE, MAP_RW));
	TRY(ANY, "unmap", backend_unmap(&s.d, -PAGE, PAGE));
	TRY(ANY, "unmap all", backend_unmap_all(&s.d));
	TRY(ANY, "map again", backend_map(&s.d, -PAGE, mem, PAGE, MAP_RW));
	TRY(ANY, "map over it", backend_map(&s.d, -2 * PAGE, mem, 2 * PAGE, MAP_RW));
	TRY(ANY, "upper half", backend_unmap(&s.d, 1ULL << 63, 1ULL << 63));
}

CASE(map_overlap, "A047")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(8);
	uint64_t from, n;

	TRY(OK, "map", suite_map(&d, 8, mem, 4));
	TRY(-EEXIST, "the same", suite_map(&d, 8, mem, 4));
	for (from = 4; from < 14; from++)
		for (n = 1; n <= 6; n++) {
			bool apart = from + n <= 8 || from >= 12;

			TRY(apart ? OK : -EEXIST, suite_key("%d+%d", (int)from, (int)n),
			    suite_map(&d, from, mem, n));
			if (apart)
				NEED(suite_unmap(&d, from, n) == (long)n);
		}
	TRY(4, "nothing changed", suite_unmap(&d, 8, 4));
}

CASE(map_limit, "A036 A048 A104")
{
	struct backend d;
	char *mem = suite_memory(1);
	int i;

	NEED(backend_limit(suite_kind, "3"));
	d = suite_hard(VFIO_TYPE1v2_IOMMU);
	NEED(backend_limit(suite_kind, "65535"));
	for (i = 0; i < 3; i++)
		TRY(OK, suite_key("map %d", i), suite_map(&d, 2 * i, mem, 1));
	TRY(-ENOSPC, "one more", suite_map(&d, 20, mem, 1));
	TRY(-EEXIST, "exists, and is one more", suite_map(&d, 0, mem, 1));
	TRY(-ENOSPC, "in no window, and is one more", backend_map(&d, MSI_START, mem, PAGE, MAP_RW));
	TRY(-ENOSPC, "no memory, and is one more", suite_map(&d, 20, NULL, 1));
	TRY(-EINVAL, "unaligned, and is one more",
	    backend_map(&d, 2 * IOVA + 1, mem, PAGE, MAP_RW));
	TRY(1, "unmap", suite_unmap(&d, 0, 1));
	TRY(OK, "then there is room", suite_map(&d, 20, mem, 1));
	TRY(3, "all", backend_unmap_all(&d) / (long long)PAGE);
}

CASE(map_limit_zero, "A104")
{
	struct backend d;

	NEED(backend_limit(suite_kind, "0"));
	d = suite_hard(VFIO_TYPE1v2_IOMMU);
	NEED(backend_limit(suite_kind, "65535"));
	SEE(0, "left", backend_avail(&d));
	TRY(-ENOSPC, "map", suite_map(&d, 0, suite_memory(1), 1));
}

CASE(map_limit_is_sampled, "A104")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	NEED(backend_limit(suite_kind, "1"));
	SEE(65535, "left", backend_avail(&d));
	TRY(OK, "map", suite_map(&d, 0, suite_memory(1), 1));
	TRY(OK, "map two", suite_map(&d, 1, suite_memory(1), 1));
	NEED(backend_limit(suite_kind, "65535"));
}

CASE(map_interrupt_window, "A049 A130")
{
	const uint64_t start = MSI_START, size = MSI_END + 1 - start;
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = small_pages(size + 2 * PAGE);

	TRY(-EINVAL, "first page", backend_map(&d, start, mem, PAGE, MAP_RW));
	TRY(-EINVAL, "last page", backend_map(&d, start + size - PAGE, mem, PAGE, MAP_RW));
	TRY(-EINVAL, "all", backend_map(&d, start, mem, size, MAP_RW));
	TRY(-EINVAL, "into it", backend_map(&d, start - PAGE, mem, 2 * PAGE, MAP_RW));
	TRY(-EINVAL, "out of it", backend_map(&d, start + size - PAGE, mem, 2 * PAGE, MAP_RW));
	TRY(-EINVAL, "across", backend_map(&d, start - PAGE, mem, size + 2 * PAGE, MAP_RW));
	TRY(OK, "before", backend_map(&d, start - PAGE, mem, PAGE, MAP_RW));
	TRY(OK, "behind", backend_map(&d, start + size, mem, PAGE, MAP_RW));
}

CASE(map_aperture, "A049")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	char *mem = suite_memory(2);
	uint64_t end;

	cap = info_cap(backend_info(&d), VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	NEED(cap != NULL);
	end = cap->iova_ranges[cap->nr_iovas - 1].end + 1;
	TRY(-EINVAL, "behind", backend_map(&d, end, mem, PAGE, MAP_RW));
	TRY(-EINVAL, "across", backend_map(&d, end - PAGE, mem, 2 * PAGE, MAP_RW));
	TRY(-EINVAL, "far behind", backend_map(&d, 1ULL << 63, mem, PAGE, MAP_RW));
	TRY(-EINVAL, "the last of all", backend_map(&d, -PAGE, mem, PAGE, MAP_RW));
	TRY(OK, "last page", backend_map(&d, end - PAGE, mem, PAGE, MAP_RW));
	TRY(OK, "first page", backend_map(&d, 0, mem, PAGE, MAP_RW));
	TRY(2 * PAGE, "all", backend_unmap_all(&d));
}

CASE(map_emulated_any_iova, "A049 A060 A125")
{
	struct soft s = suite_soft();
	char *mem = suite_memory(1);

	TRY(OK, "interrupts", backend_map(&s.d, MSI_START, mem, PAGE, MAP_RW));
	TRY(OK, "far", backend_map(&s.d, 1ULL << 60, mem, PAGE, MAP_RW));
	TRY(OK, "no memory", backend_map(&s.d, 0, NULL, PAGE, MAP_RW));
	SEE(0, "pinned", suite_pinned());
	TRY(3 * PAGE, "all", backend_unmap_all(&s.d));
}

CASE(map_emulated_pins_nothing, "A060")
{
	struct soft s = suite_soft();

	TRY(OK, "a terabyte", backend_map(&s.d, 1ULL << 40, suite_memory(1), 1ULL << 40, MAP_RW));
	SEE(0, "pinned", suite_pinned());
	TRY(-EEXIST, "overlap", backend_map(&s.d, (1ULL << 40) + GIB, NULL, PAGE, MAP_RW));
	TRY(1LL << 40, "unmap", backend_unmap(&s.d, 1ULL << 40, 1ULL << 40));
}

CASE(map_emulated_checks, "A044 A045 A048 A060")
{
	struct soft s = suite_soft();
	char *mem = suite_memory(2);

	TRY(-EINVAL, "nothing", suite_map(&s.d, 0, mem, 0));
	TRY(-EINVAL, "unaligned", backend_map(&s.d, IOVA + 8, mem, PAGE, MAP_RW));
	TRY(-wrap_errno(), "wraps", backend_map(&s.d, -PAGE, mem, 2 * PAGE, MAP_RW));
	TRY(OK, "map", suite_map(&s.d, 0, mem, 2));
	TRY(-EEXIST, "again", suite_map(&s.d, 1, mem, 1));
}

/* An address with bits that only a tag could have. */
CASE(map_tagged, "A062")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);

	TRY(ANY, "bit 57", suite_map(&d, 0, (char *)((uintptr_t)mem | 1ULL << 57), 1));
	TRY(ANY, "bit 62", suite_map(&d, 4, (char *)((uintptr_t)mem | 1ULL << 62), 1));
	TRY(-EFAULT, "bit 63", suite_map(&d, 8, (char *)((uintptr_t)mem | 1ULL << 63), 1));
}

struct mapper {
	pthread_t thread;
	const struct backend *d;
	uint64_t page;
	const char *mem;
	long result;
};

static void *map_many(void *arg)
{
	struct mapper *m = arg;
	int i;

	for (i = 0; i < 32; i++)
		m->result += suite_map(m->d, m->page + 2 * i, m->mem, 1) ? 1 : 0;
	return NULL;
}

CASE(map_threads, "A061")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);
	struct mapper m[4];
	int i;

	for (i = 0; i < 4; i++) {
		m[i] = (struct mapper){ .d = &d, .page = 100 * i, .mem = mem };
		NEED(!pthread_create(&m[i].thread, NULL, map_many, &m[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(m[i].thread, NULL);
		SEE(0, suite_key("%d, failed", i), m[i].result);
	}
	TRY(128 * PAGE, "all", backend_unmap_all(&d));
}

/* Four that want the same place: one gets it. */
static void *map_same(void *arg)
{
	struct mapper *m = arg;

	m->result = suite_map(m->d, 0, m->mem, 64);
	return NULL;
}

CASE(map_threads_compete, "A047 A061")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(64);
	struct mapper m[4];
	int i, done = 0;

	for (i = 0; i < 4; i++) {
		m[i] = (struct mapper){ .d = &d, .mem = mem };
		NEED(!pthread_create(&m[i].thread, NULL, map_same, &m[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(m[i].thread, NULL);
		done += !m[i].result;
	}
	SEE(1, "succeeded", done);
	TRY(64, "unmap", suite_unmap(&d, 0, 64));
}
