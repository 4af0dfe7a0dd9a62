// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of memory: which can be mapped, what each is charged, and that all of
 * it is unpinned again.
 */
#include "lib/backend.h"

#define IOVA	0x10000000ULL

FIXTURE(memory) {
	struct backend d;
};

FIXTURE_VARIANT(memory) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(memory, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(memory, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(memory, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(memory)
{
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
}

FIXTURE_TEARDOWN(memory)
{
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

/* Map, see what it costs and how many pins it takes, unmap, see that it is over. */
static void map_takes(struct ktap_test *_self, const struct backend *d, const void *mem,
		      size_t size,
		      uint32_t flags, size_t charged, long long pins)
{
	struct tally before = backend_tally(d);
	struct tally now;

	ASSERT_EQ(0, backend_map(d, IOVA, mem, size, flags));
	now = backend_tally(d);
	EXPECT_EQ(charged / KIB, now.locked - before.locked);
	EXPECT_EQ(pins, now.pinned - before.pinned);
	EXPECT_EQ(before.avail - 1, now.avail);
	EXPECT_EQ(size, backend_unmap(d, IOVA, size));
	EXPECT_UNCHANGED(d, &before);
}

/* A pin for each page. */
static void map_costs(struct ktap_test *_self, const struct backend *d, const void *mem,
		      size_t size,
		      uint32_t flags, size_t charged)
{
	map_takes(_self, d, mem, size, flags, charged, charged / PAGE);
}

TEST_F(memory, small_pages)
{
	static const size_t pages[] = { 1, 2, 31, 32, 33, 511, 512, 513, 1023, 1025, 3000 };
	char *mem = small_pages(3000 * PAGE);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		map_costs(_self, &self->d, mem, pages[i] * PAGE, MAP_RW, pages[i] * PAGE);
}

/* Every second page of another process's making: no two frames in a row. */
TEST_F(memory, scattered_pages)
{
	const size_t pages = 700;
	char *mem = small_pages(2 * pages * PAGE), *flat;
	size_t i;

	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < 2 * pages; i++)
		mem[i * PAGE] = 1;
	flat = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, flat);
	for (i = 0; i < pages; i++)
		ASSERT_NE(MAP_FAILED, mremap(mem + 2 * (pages - 1 - i) * PAGE, PAGE, PAGE,
					     MREMAP_MAYMOVE | MREMAP_FIXED, flat + i * PAGE));
	map_costs(_self, &self->d, flat, pages * PAGE, MAP_RW, pages * PAGE);
}

static char *huge_memory(size_t size)
{
	char *mem = mmap(NULL, size + 2 * MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(2 * MIB - 1));
	madvise(mem, size, MADV_HUGEPAGE);
	memset(mem, 1, size);
	return mem;
}

/* Where type1 pins each page, ioasid pins one for each huge page. */
static long long huge_pins(enum backend_kind kind, long long pages, long long huge)
{
	return kind == BACKEND_TYPE1 ? pages : huge;
}

TEST_F(memory, transparent_huge_pages)
{
	const struct backend *d = &self->d;
	enum backend_kind kind = variant->kind;
	char *mem = huge_memory(8 * MIB), *more;

	ASSERT_TRUE(mem);
	more = huge_memory(64 * MIB);
	ASSERT_TRUE(more);
	if (huge_kib() < (long)(72 * MIB / KIB))
		SKIP(return, "no transparent huge pages can be had");
	map_takes(_self, d, mem, 8 * MIB, MAP_RW, 8 * MIB, huge_pins(kind, 2048, 4));
	map_takes(_self, d, mem + PAGE, 4 * MIB, MAP_RW, 4 * MIB, huge_pins(kind, 1024, 3));
	map_costs(_self, d, mem + 2 * MIB - PAGE, 2 * PAGE, MAP_RW, 2 * PAGE);
	/* Many in a row, of which some follow each other. */
	map_takes(_self, d, more, 64 * MIB, MAP_RW, 64 * MIB, huge_pins(kind, 16384, 32));
	map_takes(_self, d, more + MIB, 62 * MIB, MAP_RW, 62 * MIB,
		  huge_pins(kind, 15872, 32));
	/* Small pages in the middle of large ones. */
	ASSERT_EQ(0, munmap(mem + 3 * MIB, 3 * PAGE));
	ASSERT_EQ(mem + 3 * MIB, mmap(mem + 3 * MIB, 3 * PAGE, PROT_READ | PROT_WRITE,
				      MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	map_takes(_self, d, mem, 8 * MIB, MAP_RW, 8 * MIB, huge_pins(kind, 2048, 512 + 3));
	/* And one out of the middle of a pinned one. */
	ASSERT_EQ(0, backend_map(d, IOVA, mem, 8 * MIB, MAP_RW));
	EXPECT_EQ(0, munmap(mem + 5 * MIB, PAGE));
	EXPECT_EQ(8 * MIB, backend_unmap(d, IOVA, 8 * MIB));
}

/* Reserves huge pages for the time of a test, if there are none. */
TEST_F(memory, hugetlb)
{
	char *mem = MAP_FAILED;
	int tries;

	for (tries = 0; tries < 2 && mem == MAP_FAILED; tries++) {
		mem = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		if (mem == MAP_FAILED)
			file_write("/proc/sys/vm/nr_hugepages", "4");
	}
	if (mem == MAP_FAILED)
		SKIP(return, "no huge pages can be had");
	map_takes(_self, &self->d, mem, 4 * MIB, MAP_RW, 4 * MIB,
		  huge_pins(variant->kind, 1024, 2));
	map_takes(_self, &self->d, mem + PAGE, 2 * MIB, MAP_RW, 2 * MIB,
		  huge_pins(variant->kind, 512, 2));
	map_costs(_self, &self->d, mem + 3 * PAGE, PAGE, MAP_RW, PAGE);
	/* The pages outlive the mapping of the process. */
	ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, 4 * MIB, MAP_RW));
	ASSERT_EQ(0, munmap(mem, 4 * MIB));
	EXPECT_EQ(4 * MIB, backend_unmap(&self->d, IOVA, 4 * MIB));
	file_write("/proc/sys/vm/nr_hugepages", "0");
}

TEST_F(memory, shared_files)
{
	static const char path[] = "/dev/shm/ioasid-test";
	const size_t size = 20 * PAGE;
	char *mem;
	int fd;

	fd = memfd_create("memory", MFD_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, size));
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	map_costs(_self, &self->d, mem, size, MAP_RW, size);
	map_costs(_self, &self->d, mem, size, VFIO_DMA_MAP_FLAG_READ, size);

	/* A hole punched under it stays pinned. */
	ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, size, MAP_RW));
	EXPECT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size));
	EXPECT_EQ(0, ftruncate(fd, 0));
	close(fd);
	EXPECT_EQ(size, backend_unmap(&self->d, IOVA, size));

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	unlink(path);
	ASSERT_EQ(0, ftruncate(fd, size));
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	map_costs(_self, &self->d, mem, size, MAP_RW, size);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	map_costs(_self, &self->d, mem, size, MAP_RW, size);
	close(fd);
}

/*
 * Private memory that was never written: the pages become the process's own,
 * so that what the device reads is what the process writes later.
 */
TEST_F(memory, untouched)
{
	char *mem = small_pages(8 * PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	map_costs(_self, &self->d, mem, 4 * PAGE, VFIO_DMA_MAP_FLAG_READ, 4 * PAGE);
	map_costs(_self, &self->d, mem, 8 * PAGE, MAP_RW, 8 * PAGE);
}

/* Shared memory that was never written is a page of its own, not the zero page. */
TEST_F(memory, shared_zeroes)
{
	const size_t size = 4 * PAGE;
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	char *mem;

	ASSERT_LE(0, fd);
	mem = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	map_costs(_self, &self->d, mem, size, VFIO_DMA_MAP_FLAG_READ, size);
	close(fd);
}

/* The same pages twice, at two addresses, are charged twice. */
TEST_F(memory, twice)
{
	const struct backend *d = &self->d;
	char *mem = touched_memory(16 * PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, backend_map(d, 2 * IOVA, mem, 16 * PAGE, MAP_RW));
	map_costs(_self, d, mem, 16 * PAGE, MAP_RW, 16 * PAGE);
	map_costs(_self, d, mem + 8 * PAGE, 8 * PAGE, VFIO_DMA_MAP_FLAG_READ, 8 * PAGE);
	EXPECT_EQ(16 * PAGE / KIB, locked_kib());
	EXPECT_EQ(16 * PAGE, backend_unmap_all(d));
}

/* A range over several kinds of memory is one mapping. */
TEST_F(memory, mixed)
{
	char *mem = huge_memory(4 * MIB);
	int fd = memfd_create("memory", MFD_CLOEXEC);

	ASSERT_TRUE(mem);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 64 * PAGE));
	ASSERT_NE(MAP_FAILED, mmap(mem + MIB, 64 * PAGE, PROT_READ | PROT_WRITE,
				   MAP_FIXED | MAP_SHARED, fd, 0));
	ASSERT_NE(MAP_FAILED, mmap(mem + 2 * MIB, 64 * PAGE, PROT_READ | PROT_WRITE,
				   MAP_FIXED | MAP_SHARED, fd, 0));
	map_costs(_self, &self->d, mem, 4 * MIB, MAP_RW, 4 * MIB);
	ASSERT_EQ(0, munmap(mem + 4 * MIB - PAGE, PAGE));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem, 4 * MIB, MAP_RW));
}

/* --- a device's own memory, for the IOMMU of another or of the same --- */

FIXTURE(bar) {
	struct backend d;
	struct backend owner;	/* of the BAR */
	int device;
	size_t size;
	char *mem;
};

FIXTURE_VARIANT(bar) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(bar, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(bar, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(bar, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(bar)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = 0 };

	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	ASSERT_TRUE(backend_open(&self->owner, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	self->device = backend_device(&self->owner, DEVICE_EDU);
	ASSERT_LE(0, self->device);
	ASSERT_EQ(0, ioctl(self->device, VFIO_DEVICE_GET_REGION_INFO, &region));
	ASSERT_EQ(MIB, region.size);
	self->size = region.size;
	self->mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, self->device,
			 region.offset);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(bar)
{
	munmap(self->mem, self->size);
	close(self->device);
	backend_close(&self->owner);
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(bar, is_mapped_and_costs_nothing)
{
	map_costs(_self, &self->d, self->mem, self->size, MAP_RW, 0);
	map_costs(_self, &self->d, self->mem + PAGE, PAGE, VFIO_DMA_MAP_FLAG_READ, 0);
	map_costs(_self, &self->d, self->mem + 100 * PAGE, 100 * PAGE, VFIO_DMA_MAP_FLAG_WRITE, 0);
	/* It goes when the process has unmapped it. */
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, self->size, MAP_RW));
	ASSERT_EQ(0, munmap(self->mem, self->size));
	EXPECT_EQ(self->size, backend_unmap(&self->d, IOVA, self->size));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
}

TEST_F(bar, needs_no_memlock)
{
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(0));
	map_costs(_self, &self->d, self->mem, self->size, MAP_RW, 0);
}

TEST_F(bar, read_only)
{
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	map_costs(_self, &self->d, self->mem, self->size, VFIO_DMA_MAP_FLAG_READ, 0);
}

/* Ordinary memory before and behind it, in one mapping. */
TEST_F(bar, between_memory)
{
	char *mem = touched_memory(self->size + 40 * PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(mem + 10 * PAGE, mremap(self->mem, self->size, self->size,
					  MREMAP_MAYMOVE | MREMAP_FIXED, mem + 10 * PAGE));
	self->mem = mem + 10 * PAGE;
	map_costs(_self, &self->d, mem, self->size + 40 * PAGE, MAP_RW, 40 * PAGE);
	ASSERT_EQ(0, munmap(mem + self->size + 39 * PAGE, PAGE));
	EXPECT_REFUSED(&self->d, EFAULT,
		       backend_map(&self->d, IOVA, mem, self->size + 40 * PAGE, MAP_RW));
}

/* With its memory decoding off the BAR cannot be touched, and not be mapped. */
TEST_F(bar, disabled)
{
	struct vfio_region_info region = {
		.argsz = sizeof(region), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command, off;

	ASSERT_EQ(0, ioctl(self->device, VFIO_DEVICE_GET_REGION_INFO, &region));
	ASSERT_EQ(2, pread(self->device, &command, 2, region.offset + 4));
	off = command & ~2;
	ASSERT_EQ(2, pwrite(self->device, &off, 2, region.offset + 4));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	off = command | 2;
	ASSERT_EQ(2, pwrite(self->device, &off, 2, region.offset + 4));
	map_costs(_self, &self->d, self->mem, self->size, MAP_RW, 0);
}

TEST_HARNESS_MAIN
