// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_DMA: what it refuses, with which errno, and that a refusal leaves
 * nothing pinned, mapped or charged. What it accepts is in memory.c.
 */
#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define PAGES	16

FIXTURE(map) {
	struct backend d;
	char *mem;		/* PAGES pages, written */
};

FIXTURE_VARIANT(map) {
	enum backend_kind kind;
	unsigned long type;
};

FIXTURE_VARIANT_ADD(map, ioasid) { .kind = BACKEND_IOASID, .type = VFIO_TYPE1v2_IOMMU };
FIXTURE_VARIANT_ADD(map, shim) { .kind = BACKEND_SHIM, .type = VFIO_TYPE1v2_IOMMU };
FIXTURE_VARIANT_ADD(map, shim_v1) { .kind = BACKEND_SHIM, .type = VFIO_TYPE1_IOMMU };
FIXTURE_VARIANT_ADD(map, type1) { .kind = BACKEND_TYPE1, .type = VFIO_TYPE1v2_IOMMU };

FIXTURE_SETUP(map)
{
	ASSERT_TRUE(backend_open(&self->d, variant->kind, variant->type, DEVICE_NVME));
	self->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(map)
{
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

/* The ioctl with a struct of the test's own making. */
static int raw_map(const struct backend *d, void *map)
{
	return ioctl(d->fd, VFIO_IOMMU_MAP_DMA, map);
}

static struct vfio_iommu_type1_dma_map one_page(const void *mem)
{
	return (struct vfio_iommu_type1_dma_map){
		.argsz = sizeof(struct vfio_iommu_type1_dma_map),
		.flags = MAP_RW,
		.vaddr = (uintptr_t)mem,
		.iova = IOVA,
		.size = PAGE,
	};
}

TEST_F(map, argsz)
{
	static const uint32_t bad[] = { 0, 1, 4, 8, 24, 31 };
	static const uint32_t good[] = { 32, 33, 4096, UINT32_MAX };
	struct vfio_iommu_type1_dma_map map = one_page(self->mem);
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		map.argsz = bad[i];
		EXPECT_REFUSED(&self->d, EINVAL, raw_map(&self->d, &map));
	}
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		map.argsz = good[i];
		EXPECT_EQ(0, raw_map(&self->d, &map));
		EXPECT_EQ(PAGE, backend_unmap(&self->d, IOVA, PAGE));
	}
}

TEST_F(map, flags)
{
	int bit;

	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, IOVA, self->mem, PAGE, 0));
	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, IOVA, self->mem, PAGE,
						     MAP_RW | VFIO_DMA_MAP_FLAG_VADDR));
	for (bit = 3; bit < 32; bit++)
		EXPECT_ERRNO(EINVAL, backend_map(&self->d, IOVA, self->mem, PAGE,
						 MAP_RW | 1U << bit));
	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, IOVA, self->mem, PAGE, UINT32_MAX));
}

TEST_F(map, size_and_alignment)
{
	static const uint64_t off[] = { 1, 8, 511, 512, 2048, 4095 };
	unsigned int i;

	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, IOVA, self->mem, 0, MAP_RW));
	for (i = 0; i < sizeof(off) / sizeof(*off); i++) {
		EXPECT_REFUSED(&self->d, EINVAL,
			       backend_map(&self->d, IOVA + off[i], self->mem, PAGE, MAP_RW));
		EXPECT_REFUSED(&self->d, EINVAL,
			       backend_map(&self->d, IOVA, self->mem + off[i], PAGE, MAP_RW));
		EXPECT_REFUSED(&self->d, EINVAL,
			       backend_map(&self->d, IOVA, self->mem, off[i], MAP_RW));
		EXPECT_REFUSED(&self->d, EINVAL,
			       backend_map(&self->d, IOVA, self->mem, PAGE + off[i], MAP_RW));
	}
}

TEST_F(map, wrap)
{
	char *top = (char *)-PAGE;

	EXPECT_REFUSED(&self->d, wrap_errno(),
		       backend_map(&self->d, -PAGE, self->mem, 2 * PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, wrap_errno(),
		       backend_map(&self->d, IOVA, top, 2 * PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, wrap_errno(),
		       backend_map(&self->d, IOVA, self->mem, -PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, wrap_errno(),
		       backend_map(&self->d, 1ULL << 63, self->mem, (1ULL << 63) + PAGE, MAP_RW));
}

TEST_F(map, overlap)
{
	const uint64_t start = IOVA + 8 * PAGE, size = 4 * PAGE;
	struct tally before;
	uint64_t from, n;
	char *mem = self->mem;

	ASSERT_EQ(0, backend_map(&self->d, start, mem, size, MAP_RW));
	before = backend_tally(&self->d);
	/* Every range of up to 6 pages that touches it, and none that does not. */
	for (from = IOVA + 4 * PAGE; from < start + size + 2 * PAGE; from += PAGE)
		for (n = 1; n <= 6; n++) {
			if (from + n * PAGE <= start || from >= start + size) {
				EXPECT_EQ(0, backend_map(&self->d, from, mem, n * PAGE, MAP_RW));
				EXPECT_EQ(n * PAGE, backend_unmap(&self->d, from, n * PAGE));
			} else {
				EXPECT_ERRNO(EEXIST, backend_map(&self->d, from, mem, n * PAGE,
								 MAP_RW));
			}
		}
	EXPECT_UNCHANGED(&self->d, &before);
	EXPECT_EQ(size, backend_unmap(&self->d, start, size));
}

TEST_F(map, bad_pointer)
{
	struct vfio_iommu_type1_dma_map map = one_page(self->mem), *edge;
	char *area = touched_memory(2 * PAGE);
	uint32_t all = sizeof(map);

	ASSERT_NE(MAP_FAILED, area);
	EXPECT_REFUSED(&self->d, EFAULT, raw_map(&self->d, NULL));
	EXPECT_REFUSED(&self->d, EFAULT, raw_map(&self->d, (void *)0xffff888000000000ULL));
	EXPECT_REFUSED(&self->d, EFAULT, raw_map(&self->d, (void *)-8L));

	/* All but the last byte can be read. */
	ASSERT_EQ(0, munmap(area + PAGE, PAGE));
	edge = (void *)(area + PAGE - sizeof(map) + 1);
	memcpy(edge, &map, sizeof(map) - 1);
	EXPECT_REFUSED(&self->d, EFAULT, raw_map(&self->d, edge));

	/* A short argsz is seen only when all of the struct can be read. */
	memcpy(area + PAGE - sizeof(all), &all, sizeof(all));
	EXPECT_REFUSED(&self->d, EFAULT, raw_map(&self->d, area + PAGE - sizeof(all)));

	/* It is only read. */
	memcpy(area, &map, sizeof(map));
	ASSERT_EQ(0, mprotect(area, PAGE, PROT_READ));
	EXPECT_EQ(0, raw_map(&self->d, area));
}

TEST_F(map, memory_not_there)
{
	const uint64_t big = 1100;	/* pages: more than two batches */
	char *mem = small_pages(big * PAGE);
	uint64_t hole;

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, NULL, PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EFAULT,
		       backend_map(&self->d, IOVA, (void *)0xffff888000000000ULL, PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EFAULT,
		       backend_map(&self->d, IOVA, (void *)(1ULL << 62), PAGE, MAP_RW));

	for (hole = big - 1; hole < big; hole = hole ? hole / 3 : big) {
		ASSERT_EQ(0, munmap(mem + hole * PAGE, PAGE));
		EXPECT_REFUSED(&self->d, EFAULT,
			       backend_map(&self->d, IOVA, mem, big * PAGE, MAP_RW));
	}
	/* Nothing of all that is in the way. */
	EXPECT_EQ(0, backend_map(&self->d, IOVA, self->mem, PAGES * PAGE, MAP_RW));
	EXPECT_EQ(PAGES * PAGE, backend_unmap_all(&self->d));
}

TEST_F(map, memory_protected)
{
	char *mem = self->mem;

	ASSERT_EQ(0, mprotect(mem + 8 * PAGE, PAGE, PROT_READ));
	ASSERT_EQ(0, mprotect(mem + 12 * PAGE, PAGE, PROT_NONE));

	EXPECT_REFUSED(&self->d, EFAULT,
		       backend_map(&self->d, IOVA, mem, 12 * PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem + 8 * PAGE, PAGE,
						     VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem + 12 * PAGE, PAGE,
						     VFIO_DMA_MAP_FLAG_READ));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem, PAGES * PAGE,
						     VFIO_DMA_MAP_FLAG_READ));
	/* To be read by the device only, the page need not be writable. */
	EXPECT_EQ(0, backend_map(&self->d, IOVA, mem, 12 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(12 * PAGE, backend_unmap(&self->d, IOVA, 12 * PAGE));
}

/* Shared memory that may only be read: no COW can make it writable. */
TEST_F(map, memory_of_a_read_only_file)
{
	int fd = memfd_create("backend", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *mem;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 4 * PAGE));
	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	mem = mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem, PAGE, MAP_RW));
	/* Behind the end of the file the page fault itself fails. */
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem, 8 * PAGE,
						     VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(0, backend_map(&self->d, IOVA, mem, 4 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(4 * PAGE, backend_unmap(&self->d, IOVA, 4 * PAGE));
}

TEST_F(map, memlock)
{
	static const uint64_t pages[] = { 1, 2, 31, 33, 512, 513, 1500 };
	char *mem = touched_memory(1500 * PAGE);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	for (i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		uint64_t size = pages[i] * PAGE;

		ASSERT_TRUE(set_memlock(size));
		EXPECT_EQ(0, backend_map(&self->d, IOVA, mem, size, MAP_RW));
		EXPECT_EQ(size / KIB, locked_kib());
		EXPECT_REFUSED(&self->d, ENOMEM,
			       backend_map(&self->d, 2 * IOVA, mem, PAGE, MAP_RW));
		EXPECT_EQ(size, backend_unmap(&self->d, IOVA, size));
		EXPECT_EQ(0, locked_kib());
	}
	for (i = sizeof(pages) / sizeof(*pages); i--; ) {
		ASSERT_TRUE(set_memlock(pages[i] * PAGE - 1));
		EXPECT_REFUSED(&self->d, ENOMEM,
			       backend_map(&self->d, IOVA, mem, pages[i] * PAGE, MAP_RW));
	}
}

/* What mlock() has taken counts as well. */
TEST_F(map, memlock_shared_with_mlock)
{
	char *mem = self->mem;

	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(8 * PAGE));
	ASSERT_EQ(0, mlock(mem, 5 * PAGE));
	EXPECT_REFUSED(&self->d, ENOMEM, backend_map(&self->d, IOVA, mem, 4 * PAGE, MAP_RW));
	EXPECT_EQ(0, backend_map(&self->d, IOVA, mem, 3 * PAGE, MAP_RW));
	EXPECT_EQ(8 * PAGE / KIB, locked_kib());
	EXPECT_ERRNO(ENOMEM, mlock(mem + 8 * PAGE, PAGE));
	EXPECT_EQ(3 * PAGE, backend_unmap(&self->d, IOVA, 3 * PAGE));
	EXPECT_EQ(5 * PAGE / KIB, locked_kib());
	EXPECT_EQ(0, munlock(mem, 5 * PAGE));
}

TEST_F(map, memlock_capability)
{
	char *mem = self->mem;

	ASSERT_TRUE(set_memlock(0));
	EXPECT_EQ(0, backend_map(&self->d, IOVA, mem, PAGES * PAGE, MAP_RW));
	EXPECT_EQ(PAGES * PAGE / KIB, locked_kib());

	/* The capability was asked for that mapping alone. */
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	EXPECT_REFUSED(&self->d, ENOMEM, backend_map(&self->d, 2 * IOVA, mem, PAGE, MAP_RW));
	EXPECT_EQ(PAGES * PAGE, backend_unmap(&self->d, IOVA, PAGES * PAGE));
	EXPECT_EQ(0, locked_kib());
	EXPECT_REFUSED(&self->d, ENOMEM, backend_map(&self->d, IOVA, mem, PAGE, MAP_RW));
}

TEST_F(map, msi_window)
{
	const uint64_t start = MSI_START, window = MSI_END + 1 - start;
	char *mem = touched_memory(window + 2 * PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	if (variant->kind == BACKEND_IOASID) {
		/* Nothing is attached that could mind. */
		EXPECT_EQ(0, backend_map(&self->d, start - PAGE, mem, window + 2 * PAGE, MAP_RW));
		return;
	}
	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, start, mem, PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, start, mem, window, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL,
		       backend_map(&self->d, start + window - PAGE, mem, PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL,
		       backend_map(&self->d, start - PAGE, mem, 2 * PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL,
		       backend_map(&self->d, start + window - PAGE, mem, 2 * PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL,
		       backend_map(&self->d, start - PAGE, mem, window + 2 * PAGE, MAP_RW));
	EXPECT_EQ(0, backend_map(&self->d, start - PAGE, mem, PAGE, MAP_RW));
	EXPECT_EQ(0, backend_map(&self->d, start + window, mem, PAGE, MAP_RW));
}

TEST_F(map, aperture)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct vfio_iommu_type1_info *info;
	uint64_t end;

	if (variant->kind == BACKEND_IOASID) {
		/* Up to the last page of all. */
		EXPECT_EQ(0, backend_map(&self->d, -PAGE, self->mem, PAGE, MAP_RW));
		EXPECT_ERRNO(EEXIST, backend_map(&self->d, -2 * PAGE, self->mem, 2 * PAGE, MAP_RW));
		EXPECT_EQ(PAGE, backend_unmap(&self->d, -PAGE, PAGE));
		return;
	}
	info = backend_info(&self->d);
	ASSERT_TRUE(info);
	cap = info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	ASSERT_TRUE(cap);
	end = cap->iova_ranges[cap->nr_iovas - 1].end + 1;
	free(info);
	if (!end)
		SKIP(return, "the IOMMU maps all 64 bits");
	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, end, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL,
		       backend_map(&self->d, end - PAGE, self->mem, 2 * PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL, backend_map(&self->d, -PAGE, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EINVAL,
		       backend_map(&self->d, 1ULL << 63, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(0, backend_map(&self->d, end - PAGE, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(PAGE, backend_unmap(&self->d, end - PAGE, PAGE));
}

/* A map may fail for two reasons; which one is reported is part of the contract. */
TEST_F(map, order_of_checks)
{
	const struct backend *d = &self->d;
	char *mem = self->mem;

	ASSERT_EQ(0, backend_map(d, IOVA, mem, PAGE, MAP_RW));
	EXPECT_REFUSED(d, EINVAL, backend_map(d, IOVA, mem, PAGE, 0));
	EXPECT_REFUSED(d, EINVAL, backend_map(d, IOVA, mem + 1, PAGE, MAP_RW));
	EXPECT_REFUSED(d, EEXIST, backend_map(d, IOVA, NULL, PAGE, MAP_RW));
	if (variant->kind != BACKEND_IOASID) {
		EXPECT_REFUSED(d, EEXIST, backend_map(d, IOVA, mem, MSI_START, MAP_RW));
		EXPECT_REFUSED(d, EINVAL, backend_map(d, MSI_START, NULL, PAGE, MAP_RW));
	}
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(0));
	EXPECT_REFUSED(d, EEXIST, backend_map(d, IOVA, mem, PAGE, MAP_RW));
	EXPECT_REFUSED(d, EFAULT, backend_map(d, 2 * IOVA, NULL, PAGE, MAP_RW));
}

TEST_HARNESS_MAIN
