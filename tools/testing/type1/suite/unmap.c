// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_IOMMU_UNMAP_DMA: what goes, what it says went, and what it refuses;
 * and that a page is unpinned only after the flush.
 */
#include "type1/suite/suite.h"

static int raw(const struct backend *d, void *unmap)
{
	return ioctl(d->fd, VFIO_IOMMU_UNMAP_DMA, unmap);
}

CASE(unmap_argsz, "A069")
{
	static const uint32_t size[] = { 0, 4, 8, 23, 24, 25, 4096, UINT32_MAX };
	struct vfio_iommu_type1_dma_unmap unmap = { .iova = IOVA, .size = PAGE };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);
	unsigned int i;

	TRY(OK, "map", suite_map(&d, 0, mem, 1));
	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		unmap.argsz = size[i];
		TRY(size[i] < 24 ? -EINVAL : OK, suite_key("%u", size[i]), raw(&d, &unmap));
		suite_say(suite_key("%u, after", size[i]), "%s", suite_hex(&unmap, sizeof(unmap)));
		suite_map(&d, 0, mem, 1);
		unmap.size = PAGE;
	}
}

CASE(unmap_unknown_flags, "A069")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int bit;

	TRY(OK, "map", suite_map(&d, 0, suite_memory(1), 1));
	for (bit = 3; bit < 32; bit++)
		TRY(-EINVAL, suite_key("bit %d", bit),
		    backend_unmap_flags(&d, IOVA, PAGE, 1U << bit));
	TRY(-EINVAL, "all", backend_unmap_flags(&d, IOVA, PAGE, UINT32_MAX));
}

CASE(unmap_flag_combinations, "A069 A086")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);
	uint32_t flags;

	for (flags = 0; flags < 8; flags++) {
		suite_map(&d, 0, mem, 1);
		TRY(ANY, suite_key("range, flags %u", flags), backend_unmap_flags(&d, IOVA, PAGE, flags));
		backend_unmap_all(&d);
		suite_map(&d, 0, mem, 1);
		TRY(ANY, suite_key("no range, flags %u", flags),
		    backend_unmap_flags(&d, 0, 0, flags));
		backend_unmap_all(&d);
	}
}

CASE(unmap_pointer, "A069 A076")
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = IOVA, .size = PAGE,
	};
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *area = touched_memory(2 * PAGE);

	TRY(OK, "map", suite_map(&d, 0, suite_memory(1), 1));
	TRY(-EFAULT, "null", raw(&d, NULL));
	TRY(-EFAULT, "kernel's", raw(&d, (void *)0xffff888000000000ULL));
	NEED(area != MAP_FAILED && !munmap(area + PAGE, PAGE));
	TRY(-EFAULT, "one byte short", raw(&d, area + PAGE - 23));
	/* The size cannot be written; by then all is over. */
	memcpy(area, &unmap, sizeof(unmap));
	NEED(!mprotect(area, PAGE, PROT_READ));
	TRY(-EFAULT, "read only", raw(&d, area));
	TRY(0, "is unmapped", suite_unmap(&d, 0, 1));
}

CASE(unmap_nothing_asked, "A070")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(OK, "map", suite_map(&d, 0, suite_memory(1), 1));
	TRY(-EINVAL, "size 0", backend_unmap(&d, IOVA, 0));
	TRY(-EINVAL, "all 0", backend_unmap(&d, 0, 0));
}

CASE(unmap_unaligned, "A070")
{
	static const uint64_t off[] = { 1, 8, 511, 512, 2048, 4095 };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	unsigned int i;

	TRY(OK, "map", suite_map(&d, 0, suite_memory(2), 2));
	for (i = 0; i < sizeof(off) / sizeof(*off); i++) {
		TRY(-EINVAL, suite_key("iova %d", (int)off[i]), backend_unmap(&d, IOVA + off[i], PAGE));
		TRY(-EINVAL, suite_key("size %d", (int)off[i]), backend_unmap(&d, IOVA, off[i]));
		TRY(-EINVAL, suite_key("size 2 pages and %d", (int)off[i]),
		    backend_unmap(&d, IOVA, 2 * PAGE + off[i]));
	}
}

CASE(unmap_wraps, "A070")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	long wrap = -wrap_errno();

	TRY(OK, "map", suite_map(&d, 0, suite_memory(1), 1));
	TRY(wrap, "iova", backend_unmap(&d, -PAGE, 2 * PAGE));
	TRY(wrap, "size", backend_unmap(&d, IOVA, -PAGE));
	TRY(-EINVAL, "unaligned too", backend_unmap(&d, -PAGE + 1, 2 * PAGE));
	TRY(-EINVAL, "size unaligned too", backend_unmap(&d, -PAGE, 2 * PAGE + 1));
	TRY(ANY, "with vaddr", backend_unmap_flags(&d, -PAGE, 2 * PAGE, VFIO_DMA_UNMAP_FLAG_VADDR));
	TRY(OK, "to the very end", backend_unmap(&d, 1ULL << 63, 1ULL << 63));
}

/* Two mappings, and every range that could mean them. */
static void sweep(unsigned long type)
{
	struct backend d = suite_hard(type);
	char *mem = suite_memory(8);
	uint64_t from, n;

	for (from = 2; from < 16; from++)
		for (n = 1; n <= 10; n += 1 + n / 4) {
			NEED(!suite_map(&d, 4, mem, 4));
			NEED(!suite_map(&d, 10, mem, 3));
			TRY(ANY, suite_key("%d+%d", (int)from, (int)n), suite_unmap(&d, from, n));
			backend_unmap_all(&d);
		}
}

CASE(unmap_bisects, "A071")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(4);

	TRY(OK, "map", suite_map(&d, 4, mem, 4));
	TRY(OK, "map too", suite_map(&d, 10, mem, 4));
	TRY(-EINVAL, "its end", suite_unmap(&d, 4, 3));
	TRY(-EINVAL, "its start", suite_unmap(&d, 5, 3));
	TRY(-EINVAL, "inside", suite_unmap(&d, 5, 1));
	TRY(-EINVAL, "the second's end", suite_unmap(&d, 4, 9));
	TRY(-EINVAL, "the first's start", suite_unmap(&d, 6, 8));
	TRY(8, "both", suite_unmap(&d, 4, 10));
}

CASE_LONG(unmap_sweep_v2, "A071 A072 A073", 60) { sweep(VFIO_TYPE1v2_IOMMU); }
CASE_LONG(unmap_sweep_v1, "A074 A075", 60) { sweep(VFIO_TYPE1_IOMMU); }

CASE(unmap_several, "A072")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(8);

	TRY(OK, "1 at 0", suite_map(&d, 0, mem, 1));
	TRY(OK, "3 at 1", suite_map(&d, 1, mem, 3));
	TRY(OK, "5 at 8", suite_map(&d, 8, mem, 5));
	TRY(OK, "1 at 20", suite_map(&d, 20, mem, 1));
	TRY(9, "three of them", suite_unmap(&d, 0, 16));
	TRY(1, "the last", suite_unmap(&d, 20, 1));
}

CASE(unmap_nothing_there, "A073")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(0, "empty", suite_unmap(&d, 0, 1));
	TRY(OK, "map", suite_map(&d, 1, suite_memory(1), 1));
	TRY(0, "before", suite_unmap(&d, 0, 1));
	TRY(0, "behind", suite_unmap(&d, 2, 40));
	TRY(0, "far", backend_unmap(&d, 1ULL << 62, 1ULL << 62));
	TRY(1, "it", suite_unmap(&d, 1, 1));
	TRY(0, "again", suite_unmap(&d, 1, 1));
}

CASE(unmap_v1_inside, "A074")
{
	struct backend d = suite_hard(VFIO_TYPE1_IOMMU);

	TRY(OK, "map", suite_map(&d, 4, suite_memory(4), 4));
	TRY(0, "second page", suite_unmap(&d, 5, 1));
	TRY(0, "last page", suite_unmap(&d, 7, 1));
	TRY(0, "and beyond", suite_unmap(&d, 7, 20));
	TRY(4, "all of it", suite_unmap(&d, 4, 4));
}

CASE(unmap_v1_first_page, "A075")
{
	struct backend d = suite_hard(VFIO_TYPE1_IOMMU);
	char *mem = suite_memory(4);

	TRY(OK, "map", suite_map(&d, 4, mem, 4));
	TRY(4, "first page", suite_unmap(&d, 4, 1));
	TRY(OK, "again", suite_map(&d, 4, mem, 4));
	TRY(4, "from before", suite_unmap(&d, 3, 2));
	TRY(0, "nothing left", suite_unmap(&d, 4, 4));
}

CASE(unmap_v1_two, "A074 A075")
{
	struct backend d = suite_hard(VFIO_TYPE1_IOMMU);
	char *mem = suite_memory(4);

	TRY(OK, "map", suite_map(&d, 4, mem, 4));
	TRY(OK, "map too", suite_map(&d, 8, mem, 4));
	TRY(0, "from inside the first", suite_unmap(&d, 5, 4));
	TRY(8, "the first, and into the second", suite_unmap(&d, 4, 5));
}

CASE(unmap_v1_pieces, "A074 A075")
{
	struct backend d = suite_hard(VFIO_TYPE1_IOMMU);
	long sum = 0;
	int i;

	TRY(OK, "map", suite_map(&d, 0, suite_memory(16), 16));
	for (i = 15; i >= 0; i--)
		sum += suite_unmap(&d, i, 1);
	SEE(16, "sum, backwards", sum);
}

CASE(unmap_writes_size_on_success, "A076")
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = 77, .iova = IOVA + 5 * PAGE, .size = PAGE,
	};
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(OK, "map", suite_map(&d, 4, suite_memory(4), 4));
	TRY(-EINVAL, "refused", raw(&d, &unmap));
	suite_say("refused, after", "%s", suite_hex(&unmap, sizeof(unmap)));
	unmap.iova = IOVA;
	unmap.size = 20 * PAGE;
	TRY(OK, "done", raw(&d, &unmap));
	suite_say("done, after", "%s", suite_hex(&unmap, sizeof(unmap)));
}

static void unmap_all(unsigned long type)
{
	struct backend d = suite_hard(type);
	char *mem = suite_memory(4);

	TRY(OK, "map", suite_map(&d, 0, mem, 2));
	TRY(OK, "map too", suite_map(&d, 7, mem, 3));
	TRY(OK, "map low", backend_map(&d, 0, mem, PAGE, MAP_RW));
	TRY(OK, "map high", backend_map(&d, 1ULL << 38, mem, 2 * PAGE, MAP_RW));
	TRY(-EINVAL, "iova", backend_unmap_flags(&d, IOVA, 0, VFIO_DMA_UNMAP_FLAG_ALL));
	TRY(-EINVAL, "size", backend_unmap_flags(&d, 0, PAGE, VFIO_DMA_UNMAP_FLAG_ALL));
	TRY(-EINVAL, "one byte", backend_unmap_flags(&d, 1, 0, VFIO_DMA_UNMAP_FLAG_ALL));
	TRY(8 * PAGE, "all", backend_unmap_all(&d));
	TRY(0, "again", backend_unmap_all(&d));
}

CASE(unmap_all_v2, "A077") { unmap_all(VFIO_TYPE1v2_IOMMU); }
CASE(unmap_all_v1, "A077") { unmap_all(VFIO_TYPE1_IOMMU); }

CASE(unmap_gives_back, "A078 A036")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(600);

	TRY(OK, "map", suite_map(&d, 0, mem, 600));
	SEE(600, "pinned", suite_pinned());
	NEED(!munmap(mem, 600 * PAGE));
	TRY(600, "unmap", suite_unmap(&d, 0, 600));
	SEE(0, "pinned after", suite_pinned());
}

/* PG_dirty of the page behind @mem, by /proc/kpageflags. */
static int page_is_dirty(const void *mem)
{
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0, word = 0;

	NEED(map >= 0 && pread(map, &entry, 8, (uintptr_t)mem / PAGE * 8) == 8);
	NEED(flags >= 0 && pread(flags, &word, 8, (entry & ((1ULL << 55) - 1)) * 8) == 8);
	close(map);
	close(flags);
	return word >> 4 & 1;
}

CASE(unmap_marks_dirty, "A078")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = small_pages(2 * PAGE);

	mem[0] = mem[PAGE] = 1;
	SEE(ANY, "before", page_is_dirty(mem));
	TRY(OK, "map to be read", backend_map(&d, IOVA, mem, PAGE, VFIO_DMA_MAP_FLAG_READ));
	TRY(1, "unmap", suite_unmap(&d, 0, 1));
	SEE(ANY, "after read", page_is_dirty(mem));
	TRY(OK, "map to be written", backend_map(&d, IOVA, mem + PAGE, PAGE, MAP_RW));
	TRY(1, "unmap that", suite_unmap(&d, 0, 1));
	SEE(1, "after write", page_is_dirty(mem + PAGE));
}

struct steps {
	long events;
	unsigned long long bytes;
};

/* "... IOMMU: iova=0x0000000010000000 - 0x0000000010200000 size=2097152 ..." */
static void add_step(const char *text, void *arg)
{
	struct steps *s = arg;
	const char *size = strstr(text, "size=");

	s->events++;
	s->bytes += size ? strtoull(size + 5, NULL, 0) : 0;
}

static char *huge(size_t size)
{
	char *mem = mmap(NULL, size + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	NEED(mem != MAP_FAILED);
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(2 * MIB - 1));
	madvise(mem, size, MADV_HUGEPAGE);
	memset(mem, 1, size);
	return mem;
}

/* One call for what lies in one piece. */
CASE(unmap_in_one_piece, "A059 A080")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = huge(2 * MIB);
	struct steps in = { 0 }, out = { 0 };

	NEED(suite_trace_event("iommu:map"));
	TRY(OK, "map", backend_map(&d, IOVA, mem, 2 * MIB, MAP_RW));
	suite_trace_end(add_step, &in);
	SEE(1, "steps in", in.events);
	SEE(2 * MIB, "bytes in", in.bytes);
	NEED(suite_trace_event("iommu:unmap"));
	TRY(2 * MIB, "unmap", backend_unmap(&d, IOVA, 2 * MIB));
	suite_trace_end(add_step, &out);
	SEE(1, "steps out", out.events);
}

CASE(unmap_in_small_pieces, "A105")
{
	const char *file = suite_kind == BACKEND_TYPE1 ?
		"/sys/module/vfio_iommu_type1/parameters/disable_hugepages" :
		"/sys/module/ioasid/parameters/disable_hugepages";
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = huge(2 * MIB);
	struct steps in = { 0 };

	TRY(OK, "map before", backend_map(&d, 2 * IOVA, mem, 2 * MIB, MAP_RW));
	NEED(file_write(file, "Y"));
	NEED(suite_trace_event("iommu:map"));
	TRY(OK, "map", backend_map(&d, IOVA, mem, 2 * MIB, MAP_RW));
	suite_trace_end(add_step, &in);
	NEED(file_write(file, "N"));
	SEE(512, "steps in", in.events);
	SEE(2 * MIB, "bytes in", in.bytes);
	TRY(2 * MIB, "unmap", backend_unmap(&d, IOVA, 2 * MIB));
	TRY(2 * MIB, "unmap what was before", backend_unmap(&d, 2 * IOVA, 2 * MIB));
}

struct order {
	long flushes;
	long early;	/* pages unpinned before any flush */
	long unpins;
};

static void add_call(const char *text, void *arg)
{
	struct order *o = arg;

	if (strstr(text, "qi_submit_sync"))
		o->flushes++;
	if (strstr(text, "unpin_user")) {
		o->unpins++;
		o->early += !o->flushes;
	}
}

/* No page is unpinned while an IOTLB may hold it. */
CASE(unmap_flushes_first, "A081 A079")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct order o = { 0 };

	TRY(OK, "map", suite_map(&d, 0, suite_memory(64), 64));
	NEED(suite_trace_functions("qi_submit_sync unpin_user_pages_dirty_lock "
				   "unpin_user_page_range_dirty_lock unpin_user_pages unpin_user_page"));
	TRY(64, "unmap", suite_unmap(&d, 0, 64));
	suite_trace_end(add_call, &o);
	SEE(1, "flushed", o.flushes > 0);
	SEE(1, "unpinned", o.unpins > 0);
	SEE(0, "before the flush", o.early);
}

/* No lock is held for so long that the watchdog bites: it would be in the log. */
CASE_LONG(unmap_much, "A084", 60)
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	size_t size = 256 * MIB;
	char *mem = small_pages(size);

	TRY(OK, "map", backend_map(&d, 1ULL << 32, mem, size, MAP_RW));
	TRY((long)size, "unmap", backend_unmap(&d, 1ULL << 32, size));
}
