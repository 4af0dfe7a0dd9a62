// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_IOMMU_DIRTY_PAGES, and UNMAP_DMA with a bitmap: arguments, and bits.
 */
#include "type1/suite/suite.h"

#define START	VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define STOP	VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP
#define GET	VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP

int suite_track(const struct backend *d, uint32_t flag)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = flag };

	return ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

struct suite_dirty suite_dirty(uint64_t iova, uint64_t size, void *bits, uint64_t bytes)
{
	return (struct suite_dirty){
		.head = { .argsz = sizeof(struct suite_dirty), .flags = GET },
		.get = { .iova = iova, .size = size, .bitmap = { PAGE, bytes, bits } },
	};
}

int suite_dirty_get(const struct backend *d, const struct suite_dirty *q)
{
	return ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, q);
}

/* The bits of pages [from, from + n) with what the call said. */
static void bits(const struct backend *d, const char *key, uint64_t from, uint64_t n)
{
	uint64_t word[4] = { 0 };
	struct suite_dirty q = suite_dirty(IOVA + from * PAGE, n * PAGE, word, sizeof(word));

	TRY(ANY, key, suite_dirty_get(d, &q));
	suite_say(suite_key("%s, bits", key), "%s", suite_hex(word, 16));
}

static struct backend tracking(char **mem, uint64_t pages)
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	*mem = suite_memory(pages);
	TRY(OK, "map", suite_map(&d, 0, *mem, pages));
	TRY(OK, "start", suite_track(&d, START));
	return d;
}

CASE(dirty_v1, "A107")
{
	struct backend d = suite_hard(VFIO_TYPE1_IOMMU);

	TRY(-EACCES, "start", suite_track(&d, START));
	TRY(-EACCES, "stop", suite_track(&d, STOP));
	TRY(-EACCES, "flags 0", suite_track(&d, 0));
	TRY(-EACCES, "before the pointer", ioctl(d.fd, VFIO_IOMMU_DIRTY_PAGES, NULL));
}

CASE(dirty_argsz, "A108")
{
	static const uint32_t size[] = { 0, 4, 7, 8, 9, 4096 };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	unsigned int i;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = size[i], .flags = START };

		TRY(size[i] < 8 ? -EINVAL : OK, suite_key("%u", size[i]),
		    ioctl(d.fd, VFIO_IOMMU_DIRTY_PAGES, &dirty));
	}
	TRY(-EFAULT, "null", ioctl(d.fd, VFIO_IOMMU_DIRTY_PAGES, NULL));
}

CASE(dirty_flags, "A108")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int bit;

	TRY(-EINVAL, "none", suite_track(&d, 0));
	TRY(-EINVAL, "start and stop", suite_track(&d, START | STOP));
	TRY(-EINVAL, "stop and get", suite_track(&d, STOP | GET));
	TRY(-EINVAL, "start and get", suite_track(&d, START | GET));
	TRY(-EINVAL, "all three", suite_track(&d, START | STOP | GET));
	for (bit = 3; bit < 32; bit++)
		TRY(-EINVAL, suite_key("bit %d", bit), suite_track(&d, 1U << bit));
	TRY(-EINVAL, "known and unknown", suite_track(&d, START | 1U << 9));
}

CASE(dirty_start_and_stop, "A109 A110")
{
	char *mem;
	struct backend d = tracking(&mem, 4);

	TRY(OK, "start again", suite_track(&d, START));
	bits(&d, "on", 0, 4);
	TRY(OK, "stop", suite_track(&d, STOP));
	TRY(OK, "stop again", suite_track(&d, STOP));
	bits(&d, "off", 0, 4);
	TRY(OK, "start once more", suite_track(&d, START));
	bits(&d, "on again", 0, 4);
}

/* More pages than a bitmap can count; nothing is pinned without an IOMMU. */
CASE(dirty_too_large, "A109 A111")
{
	const uint64_t most = ((1ULL << 31) - 1) * PAGE;
	struct soft s = suite_soft();

	TRY(OK, "map too much", backend_map(&s.d, 1ULL << 44, NULL, most + PAGE, MAP_RW));
	TRY(-EINVAL, "start", suite_track(&s.d, START));
	TRY(-EINVAL, "is off", suite_dirty_get(&s.d, &(struct suite_dirty){ 0 }));
	TRY((long)(most + PAGE), "unmap", backend_unmap(&s.d, 1ULL << 44, most + PAGE));
	TRY(OK, "start then", suite_track(&s.d, START));
	TRY(-EINVAL, "map too much while on",
	    backend_map(&s.d, 1ULL << 44, NULL, most + PAGE, MAP_RW));
	TRY(0, "is not there", backend_unmap_all(&s.d));
}

CASE(dirty_new_mapping, "A111 A117")
{
	char *mem;
	struct backend d = tracking(&mem, 4);

	TRY(OK, "map more", suite_map(&d, 8, mem, 3));
	bits(&d, "both", 0, 16);
	bits(&d, "the new one", 8, 3);
}

CASE(dirty_get_argsz, "A112")
{
	char *mem;
	struct backend d = tracking(&mem, 4);
	uint64_t word = 0;
	struct suite_dirty q = suite_dirty(IOVA, 4 * PAGE, &word, 8);
	uint32_t size;

	for (size = 8; size <= 48; size += 8) {
		q.head.argsz = size;
		TRY(size < 48 ? -EINVAL : OK, suite_key("%u", size), suite_dirty_get(&d, &q));
	}
	q.head.argsz = UINT32_MAX;
	TRY(OK, "more than all", suite_dirty_get(&d, &q));
}

CASE(dirty_get_wraps, "A112")
{
	char *mem;
	struct backend d = tracking(&mem, 4);
	uint64_t word = 0;
	struct suite_dirty q = suite_dirty(-PAGE, 2 * PAGE, &word, 8);

	TRY(-wrap_errno(), "wraps", suite_dirty_get(&d, &q));
	q.get.bitmap.pgsize = 512;
	TRY(-wrap_errno(), "wraps, and another page size", suite_dirty_get(&d, &q));
	q = suite_dirty(-PAGE, PAGE, &word, 8);
	TRY(ANY, "the last page", suite_dirty_get(&d, &q));
	q = suite_dirty(IOVA, 0, &word, 8);
	TRY(-EINVAL, "size 0", suite_dirty_get(&d, &q));
	q = suite_dirty(-PAGE, 0, &word, 8);
	TRY(-EINVAL, "size 0 at the end", suite_dirty_get(&d, &q));
}

CASE(dirty_get_pointer, "A113 A121")
{
	char *mem, *page = touched_memory(PAGE);
	struct backend d = tracking(&mem, 4);
	struct suite_dirty q = suite_dirty(IOVA, 4 * PAGE, (void *)0xffff888000000000ULL, 8);
	struct suite_dirty *edge;

	TRY(-EINVAL, "kernel's", suite_dirty_get(&d, &q));
	q.get.bitmap.data = NULL;
	TRY(-EFAULT, "null", suite_dirty_get(&d, &q));
	q.get.bitmap.data = (void *)page;
	NEED(!mprotect(page, PAGE, PROT_READ));
	TRY(-EFAULT, "read only", suite_dirty_get(&d, &q));
	page = touched_memory(2 * PAGE);
	NEED(!munmap(page + PAGE, PAGE));
	edge = (void *)(page + PAGE - sizeof(q) + 8);
	memcpy(edge, &q, sizeof(q) - 8);
	TRY(-EFAULT, "the question itself", suite_dirty_get(&d, edge));
	bits(&d, "nothing is lost", 0, 4);
}

CASE(dirty_get_size, "A114")
{
	static uint64_t room[4];
	char *mem;
	struct backend d = tracking(&mem, 100);
	struct suite_dirty q = suite_dirty(IOVA, 100 * PAGE, room, 16);

	TRY(OK, "exactly", suite_dirty_get(&d, &q));
	q.get.bitmap.size = 32;
	TRY(OK, "more", suite_dirty_get(&d, &q));
	q.get.bitmap.size = 8;
	TRY(-EINVAL, "less", suite_dirty_get(&d, &q));
	q.get.bitmap.size = 15;
	TRY(-EINVAL, "one byte less", suite_dirty_get(&d, &q));
	q.get.bitmap.size = 0;
	TRY(-EINVAL, "none", suite_dirty_get(&d, &q));
	q.get.bitmap.size = 256 * MIB;
	TRY(OK, "256 MiB", suite_dirty_get(&d, &q));
	q.get.bitmap.size = 256 * MIB + 8;
	TRY(-EINVAL, "more than that", suite_dirty_get(&d, &q));
}

CASE(dirty_get_page_size, "A115 A123")
{
	static const uint64_t size[] = { 0, 1, 512, 2 * PAGE, 2 * MIB, 1ULL << 63 };
	static uint64_t room[512];
	char *mem;
	struct backend d = tracking(&mem, 4);
	struct suite_dirty q = suite_dirty(IOVA, 4 * PAGE, room, sizeof(room));
	unsigned int i;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		q.get.bitmap.pgsize = size[i];
		TRY(-EINVAL, suite_key("0x%llx", (unsigned long long)size[i]), suite_dirty_get(&d, &q));
	}
}

CASE(dirty_get_unaligned, "A115")
{
	char *mem;
	struct backend d = tracking(&mem, 4);
	uint64_t word[8] = { 0 };
	struct suite_dirty q = suite_dirty(IOVA + 1, 4 * PAGE, word, 64);

	TRY(-EINVAL, "iova", suite_dirty_get(&d, &q));
	q = suite_dirty(IOVA, 4 * PAGE + 1, word, 64);
	TRY(-EINVAL, "size", suite_dirty_get(&d, &q));
	q = suite_dirty(IOVA, 512, word, 64);
	TRY(-EINVAL, "less than a page", suite_dirty_get(&d, &q));
}

CASE(dirty_get_while_off, "A115")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	bits(&d, "never on", 0, 4);
}

CASE(dirty_get_bisects, "A116")
{
	char *mem;
	struct backend d = tracking(&mem, 4);

	bits(&d, "its start", 0, 2);
	bits(&d, "its end", 2, 2);
	bits(&d, "inside", 1, 2);
	bits(&d, "from inside", 2, 8);
	bits(&d, "all", 0, 4);
	bits(&d, "and more", 0, 20);
}

/* Bits of pages that are not mapped are left as they were. */
CASE(dirty_get_holes, "A116")
{
	uint64_t word[2] = { 0 };
	char *mem;
	struct backend d = tracking(&mem, 4);
	struct suite_dirty q = suite_dirty(IOVA - 64 * PAGE, 128 * PAGE, word, 16);

	TRY(OK, "a word before", suite_dirty_get(&d, &q));
	suite_say("a word before, bits", "%s", suite_hex(word, 16));
	q = suite_dirty(IOVA + 64 * PAGE, 64 * PAGE, word, 8);
	word[0] = 0x5555;
	TRY(OK, "nothing mapped", suite_dirty_get(&d, &q));
	suite_say("nothing mapped, bits", "%s", suite_hex(word, 8));
}

CASE(dirty_hardware, "A117")
{
	char *mem;
	struct backend d = tracking(&mem, 70);

	bits(&d, "once", 0, 70);
	bits(&d, "again", 0, 70);
}

/* Starts that are not at a whole word of the bitmap. */
CASE(dirty_shifted, "A121")
{
	uint64_t word[4] = { 0 };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct suite_dirty q = suite_dirty(IOVA, 128 * PAGE, word, 32);
	char *mem = suite_memory(8);

	TRY(OK, "map", suite_map(&d, 3, mem, 4));
	TRY(OK, "map too", suite_map(&d, 9, mem, 2));
	TRY(OK, "start", suite_track(&d, START));
	TRY(OK, "get", suite_dirty_get(&d, &q));
	suite_say("bits", "%s", suite_hex(word, 16));
}

/* The same once more, where type1 has the shift of the last time in it. */
CASE(dirty_shifted_again, "A121")
{
	uint64_t word[4] = { 0 };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct suite_dirty q = suite_dirty(IOVA, 128 * PAGE, word, 32);

	TRY(OK, "map", suite_map(&d, 60, suite_memory(8), 8));
	TRY(OK, "start", suite_track(&d, START));
	TRY(OK, "get", suite_dirty_get(&d, &q));
	suite_say("bits", "%s", suite_hex(word, 16));
	memset(word, 0, sizeof(word));
	TRY(OK, "get again", suite_dirty_get(&d, &q));
	suite_say("bits again", "%s", suite_hex(word, 16));
}

/* --- with an unmap --- */

struct unmap_dirty {
	struct {
		uint32_t argsz;
		uint32_t flags;
		uint64_t iova;
		uint64_t size;
	} head;
	struct vfio_bitmap bitmap;
};

static struct unmap_dirty unmap_dirty(uint64_t from, uint64_t n, void *data, uint64_t bytes)
{
	return (struct unmap_dirty){
		.head = {
			.argsz = sizeof(struct unmap_dirty),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = IOVA + from * PAGE, .size = n * PAGE,
		},
		.bitmap = { PAGE, bytes, data },
	};
}

CASE(dirty_unmap, "A122")
{
	uint64_t word[2] = { 0 };
	char *mem;
	struct backend d = tracking(&mem, 4);
	struct unmap_dirty u = unmap_dirty(0, 128, word, 16);

	TRY(OK, "map more", suite_map(&d, 70, mem, 2));
	TRY(OK, "unmap", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	SEE(6 * PAGE, "bytes", u.head.size);
	suite_say("bits", "%s", suite_hex(word, 16));
}

CASE(dirty_unmap_refused, "A122 A123")
{
	static uint64_t room[8];
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct unmap_dirty u = unmap_dirty(0, 4, room, 64);

	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(-EINVAL, "off", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	TRY(OK, "start", suite_track(&d, START));
	u.head.argsz = 47;
	TRY(-EINVAL, "argsz", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u = unmap_dirty(0, 4, room, 0);
	TRY(-EINVAL, "no room", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u = unmap_dirty(0, 4, (void *)0xffff888000000000ULL, 64);
	TRY(-EINVAL, "pointer", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u = unmap_dirty(0, 4, room, 64);
	u.bitmap.pgsize = 2 * PAGE;
	TRY(-EINVAL, "page size", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u.bitmap.pgsize = 0;
	TRY(-EINVAL, "page size 0", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u = unmap_dirty(1, 2, room, 64);
	TRY(-EINVAL, "bisects", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u = unmap_dirty(0, 0, room, 64);
	TRY(-EINVAL, "size 0", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	TRY(4, "still there", suite_unmap(&d, 0, 4));
}

/* Two reasons to refuse: which errno comes first. */
CASE(dirty_unmap_order, "A070 A122")
{
	static uint64_t room[8];
	char *mem;
	struct backend d = tracking(&mem, 4);
	struct unmap_dirty u = unmap_dirty(0, 2, room, 64);

	u.head.iova = -PAGE;
	TRY(ANY, "wraps", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u.bitmap.pgsize = 512;
	TRY(ANY, "wraps, page size", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u.bitmap.pgsize = PAGE;
	u.head.iova = -PAGE + 1;
	TRY(ANY, "wraps, unaligned", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u.head.iova = -PAGE;
	u.head.size = 2 * PAGE + 1;
	TRY(ANY, "wraps, size unaligned", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	TRY(OK, "stop", suite_track(&d, STOP));
	u.head.size = 2 * PAGE;
	TRY(ANY, "wraps, off", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	u.bitmap.size = 0;
	TRY(ANY, "wraps, no room", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
}

CASE(dirty_unmap_fault, "A122")
{
	char *mem, *page = touched_memory(PAGE);
	struct backend d = tracking(&mem, 4);
	struct unmap_dirty u = unmap_dirty(0, 4, page, 8);

	NEED(!mprotect(page, PAGE, PROT_READ));
	TRY(-EFAULT, "read only", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	SEE(4 * PAGE, "size", u.head.size);
	TRY(ANY, "what is left", suite_unmap(&d, 0, 4));
}

CASE(dirty_unmap_v1, "A107 A122")
{
	uint64_t word[2] = { 0 };
	struct backend d = suite_hard(VFIO_TYPE1_IOMMU);
	struct unmap_dirty u = unmap_dirty(0, 4, word, 16);

	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(-EINVAL, "unmap", ioctl(d.fd, VFIO_IOMMU_UNMAP_DMA, &u));
	TRY(4, "still there", suite_unmap(&d, 0, 4));
}
