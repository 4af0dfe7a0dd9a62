// SPDX-License-Identifier: GPL-2.0-only
/*
 * UNMAP_DMA: what goes, how many bytes it says went, and what it refuses. The
 * two types differ in ranges that fit no mapping exactly.
 */
#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define PAGES	64

FIXTURE(unmap) {
	struct backend d;
	bool v1;
	char *mem;
};

FIXTURE_VARIANT(unmap) {
	enum backend_kind kind;
	unsigned long type;
};

FIXTURE_VARIANT_ADD(unmap, ioasid) { .kind = BACKEND_IOASID, .type = VFIO_TYPE1v2_IOMMU };
FIXTURE_VARIANT_ADD(unmap, ioasid_v1) { .kind = BACKEND_IOASID, .type = VFIO_TYPE1_IOMMU };
FIXTURE_VARIANT_ADD(unmap, shim) { .kind = BACKEND_SHIM, .type = VFIO_TYPE1v2_IOMMU };
FIXTURE_VARIANT_ADD(unmap, shim_v1) { .kind = BACKEND_SHIM, .type = VFIO_TYPE1_IOMMU };
FIXTURE_VARIANT_ADD(unmap, type1) { .kind = BACKEND_TYPE1, .type = VFIO_TYPE1v2_IOMMU };
FIXTURE_VARIANT_ADD(unmap, type1_v1) { .kind = BACKEND_TYPE1, .type = VFIO_TYPE1_IOMMU };

FIXTURE_SETUP(unmap)
{
	ASSERT_TRUE(backend_open(&self->d, variant->kind, variant->type, DEVICE_NVME));
	self->v1 = variant->type == VFIO_TYPE1_IOMMU;
	self->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(unmap)
{
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

static int map_pages(const struct backend *d, uint64_t page, const char *mem, uint64_t n)
{
	return backend_map(d, IOVA + page * PAGE, mem, n * PAGE, MAP_RW);
}

/* Pages unmapped, or -1. */
static long long unmap_pages(const struct backend *d, uint64_t page, uint64_t n)
{
	long long done = backend_unmap(d, IOVA + page * PAGE, n * PAGE);

	return done < 0 ? done : done / (long long)PAGE;
}

TEST_F(unmap, argsz)
{
	static const uint32_t bad[] = { 0, 4, 8, 23 }, good[] = { 24, 25, 4096, UINT32_MAX };
	struct vfio_iommu_type1_dma_unmap unmap = { .iova = IOVA, .size = PAGE };
	unsigned int i;

	ASSERT_EQ(0, map_pages(&self->d, 0, self->mem, 1));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		unmap.argsz = bad[i];
		EXPECT_REFUSED(&self->d, EINVAL, ioctl(self->d.fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
		EXPECT_EQ(PAGE, unmap.size);
	}
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		unmap.argsz = good[i];
		EXPECT_EQ(0, ioctl(self->d.fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
		EXPECT_EQ(PAGE, unmap.size);
		EXPECT_EQ(good[i], unmap.argsz);
		ASSERT_EQ(0, map_pages(&self->d, 0, self->mem, 1));
	}
}

TEST_F(unmap, flags)
{
	int bit;

	ASSERT_EQ(0, map_pages(&self->d, 0, self->mem, 1));
	for (bit = 3; bit < 32; bit++)
		EXPECT_ERRNO(EINVAL, backend_unmap_flags(&self->d, IOVA, PAGE, 1U << bit));
	EXPECT_REFUSED(&self->d, EINVAL, backend_unmap_flags(&self->d, IOVA, PAGE, UINT32_MAX));
	/* The dirty bitmap goes with no other flag, and wants tracking on. */
	EXPECT_REFUSED(&self->d, EINVAL,
		       backend_unmap_flags(&self->d, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL |
					   VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP));
	EXPECT_REFUSED(&self->d, EINVAL,
		       backend_unmap_flags(&self->d, IOVA, PAGE, VFIO_DMA_UNMAP_FLAG_VADDR |
					   VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP));
	EXPECT_EQ(1, unmap_pages(&self->d, 0, 1));
}

TEST_F(unmap, size_alignment_wrap)
{
	const struct backend *d = &self->d;

	ASSERT_EQ(0, map_pages(d, 0, self->mem, 2));
	EXPECT_REFUSED(d, EINVAL, backend_unmap(d, IOVA, 0));
	EXPECT_REFUSED(d, EINVAL, backend_unmap(d, IOVA + 1, PAGE));
	EXPECT_REFUSED(d, EINVAL, backend_unmap(d, IOVA + 2048, PAGE));
	EXPECT_REFUSED(d, EINVAL, backend_unmap(d, IOVA, 2048));
	EXPECT_REFUSED(d, EINVAL, backend_unmap(d, IOVA, 2 * PAGE + 1));
	EXPECT_REFUSED(d, wrap_errno(), backend_unmap(d, -PAGE, 2 * PAGE));
	EXPECT_REFUSED(d, wrap_errno(), backend_unmap(d, IOVA, -PAGE));
	EXPECT_EQ(2, unmap_pages(d, 0, 2));
}

TEST_F(unmap, bad_pointer)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = IOVA, .size = PAGE,
	};
	char *area = touched_memory(2 * PAGE);
	int fd = self->d.fd;

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, map_pages(&self->d, 0, self->mem, 1));
	EXPECT_REFUSED(&self->d, EFAULT, ioctl(fd, VFIO_IOMMU_UNMAP_DMA, NULL));
	EXPECT_REFUSED(&self->d, EFAULT, ioctl(fd, VFIO_IOMMU_UNMAP_DMA, 0xffff888000000000UL));
	ASSERT_EQ(0, munmap(area + PAGE, PAGE));
	EXPECT_REFUSED(&self->d, EFAULT, ioctl(fd, VFIO_IOMMU_UNMAP_DMA, area + PAGE - 23));

	/* The size cannot be written, but by then all is over. */
	memcpy(area, &unmap, sizeof(unmap));
	ASSERT_EQ(0, mprotect(area, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, ioctl(fd, VFIO_IOMMU_UNMAP_DMA, area));
	EXPECT_EQ(0, unmap_pages(&self->d, 0, 1));
	EXPECT_EQ(0, locked_kib());
}

TEST_F(unmap, nothing_there)
{
	const struct backend *d = &self->d;

	EXPECT_EQ(0, unmap_pages(d, 0, 1));
	EXPECT_EQ(0, backend_unmap_all(d));
	ASSERT_EQ(0, map_pages(d, 1, self->mem, 1));
	EXPECT_EQ(0, unmap_pages(d, 0, 1));
	EXPECT_EQ(0, unmap_pages(d, 2, 40));
	EXPECT_EQ(0, backend_unmap(d, 1ULL << 62, 1ULL << 62));
	EXPECT_EQ(1, unmap_pages(d, 1, 1));
	EXPECT_EQ(0, unmap_pages(d, 1, 1));
}

TEST_F(unmap, several)
{
	const struct backend *d = &self->d;

	ASSERT_EQ(0, map_pages(d, 0, self->mem, 1));
	ASSERT_EQ(0, map_pages(d, 1, self->mem, 3));
	ASSERT_EQ(0, map_pages(d, 8, self->mem, 5));
	ASSERT_EQ(0, map_pages(d, 20, self->mem, 1));
	EXPECT_EQ(9, unmap_pages(d, 0, 16));
	EXPECT_EQ(PAGE / KIB, locked_kib());
	EXPECT_EQ(1, unmap_pages(d, 20, 1));
}

/* v2: a range must not end inside a mapping, on either side. */
TEST_F(unmap, bisect)
{
	const struct backend *d = &self->d;

	ASSERT_EQ(0, map_pages(d, 4, self->mem, 4));
	ASSERT_EQ(0, map_pages(d, 10, self->mem, 4));
	if (self->v1) {
		/* What starts inside a mapping finds nothing. */
		EXPECT_EQ(0, unmap_pages(d, 5, 1));
		EXPECT_EQ(0, unmap_pages(d, 7, 20));
		EXPECT_EQ(32, locked_kib());
		/* What covers a start takes all of it. */
		EXPECT_EQ(4, unmap_pages(d, 3, 2));
		EXPECT_EQ(4, unmap_pages(d, 10, 1));
		return;
	}
	EXPECT_REFUSED(d, EINVAL, unmap_pages(d, 4, 3));
	EXPECT_REFUSED(d, EINVAL, unmap_pages(d, 5, 3));
	EXPECT_REFUSED(d, EINVAL, unmap_pages(d, 5, 1));
	EXPECT_REFUSED(d, EINVAL, unmap_pages(d, 0, 5));
	EXPECT_REFUSED(d, EINVAL, unmap_pages(d, 7, 20));
	EXPECT_REFUSED(d, EINVAL, unmap_pages(d, 0, 12));
	EXPECT_REFUSED(d, EINVAL, unmap_pages(d, 4, 9));
	EXPECT_REFUSED(d, EINVAL, unmap_pages(d, 6, 8));
	EXPECT_EQ(8, unmap_pages(d, 4, 10));
}

/* Single pages, forwards and backwards, out of a large mapping. */
TEST_F(unmap, piecewise)
{
	const struct backend *d = &self->d;
	long long sum = 0;
	int i;

	ASSERT_EQ(0, map_pages(d, 0, self->mem, PAGES));
	for (i = PAGES - 1; i > 0; i--) {
		if (self->v1)
			EXPECT_EQ(0, unmap_pages(d, i, 1));
		else
			EXPECT_ERRNO(EINVAL, unmap_pages(d, i, 1));
	}
	EXPECT_EQ(PAGES * PAGE / KIB, locked_kib());
	if (!self->v1) {
		EXPECT_EQ(PAGES, unmap_pages(d, 0, PAGES));
		return;
	}
	for (i = 0; i < PAGES; i++)
		sum += unmap_pages(d, i, 1);
	EXPECT_EQ(PAGES, sum);
}

TEST_F(unmap, checkerboard)
{
	const struct backend *d = &self->d;
	int i;

	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0, map_pages(d, i, self->mem + i * PAGE, 1));
	for (i = PAGES - 1; i > 0; i -= 2)
		ASSERT_EQ(0, map_pages(d, i, self->mem + i * PAGE, 1));
	for (i = 0; i < PAGES; i += 3)
		EXPECT_EQ(1, unmap_pages(d, i, 1));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i % 3 ? 1 : 0, unmap_pages(d, i, 1));
	EXPECT_EQ(0, locked_kib());
}

TEST_F(unmap, all)
{
	const struct backend *d = &self->d;

	ASSERT_EQ(0, map_pages(d, 0, self->mem, 2));
	ASSERT_EQ(0, map_pages(d, 7, self->mem, 3));
	ASSERT_EQ(0, backend_map(d, 0, self->mem, PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(d, 1ULL << 38, self->mem, 2 * PAGE, MAP_RW));
	EXPECT_REFUSED(d, EINVAL, backend_unmap_flags(d, IOVA, 0, VFIO_DMA_UNMAP_FLAG_ALL));
	EXPECT_REFUSED(d, EINVAL, backend_unmap_flags(d, 0, PAGE, VFIO_DMA_UNMAP_FLAG_ALL));
	EXPECT_REFUSED(d, EINVAL, backend_unmap_flags(d, 1, 0, VFIO_DMA_UNMAP_FLAG_ALL));
	EXPECT_EQ(8 * PAGE, backend_unmap_all(d));
	EXPECT_EQ(0, backend_unmap_all(d));
	EXPECT_EQ(0, locked_kib());
}

/* How QEMU empties a container: the address space in two halves. */
TEST_F(unmap, two_halves)
{
	const struct backend *d = &self->d;

	EXPECT_EQ(0, backend_unmap(d, 0, 1ULL << 63));
	EXPECT_EQ(0, backend_unmap(d, 1ULL << 63, 1ULL << 63));
	ASSERT_EQ(0, map_pages(d, 0, self->mem, 2));
	ASSERT_EQ(0, backend_map(d, 0, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(3 * PAGE, backend_unmap(d, 0, 1ULL << 63));
	EXPECT_EQ(0, backend_unmap(d, 1ULL << 63, 1ULL << 63));
	if (variant->kind == BACKEND_IOASID) {
		ASSERT_EQ(0, backend_map(d, -PAGE, self->mem, PAGE, MAP_RW));
		ASSERT_EQ(0, backend_map(d, 1ULL << 63, self->mem, PAGE, MAP_RW));
		EXPECT_EQ(2 * PAGE, backend_unmap(d, 1ULL << 63, 1ULL << 63));
	}
}

TEST_F(unmap, memory_is_gone)
{
	const struct backend *d = &self->d;
	char *mem = touched_memory(8 * PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, map_pages(d, 0, mem, 8));
	ASSERT_EQ(0, munmap(mem, 8 * PAGE));
	EXPECT_EQ(8 * PAGE / KIB, locked_kib());
	EXPECT_EQ(8, unmap_pages(d, 0, 8));
	EXPECT_EQ(0, locked_kib());
}

/* What is mapped anew at the same address is new. */
TEST_F(unmap, and_map_again)
{
	const struct backend *d = &self->d;
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, map_pages(d, 0, self->mem + i % 8 * PAGE, 1 + i % 5));
		ASSERT_EQ(1 + i % 5, unmap_pages(d, 0, 1 + i % 5));
	}
	EXPECT_EQ(0, locked_kib());
}

TEST_HARNESS_MAIN
