// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory of files, in small pages and in large: the same pages as the
 * process has, no more of them than the file has, and all of them unpinned. A
 * memfd can be sealed against writing only when none of its pages is pinned,
 * so it is asked to tell.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define SIZE	(8 * MIB)
#define MOUNT	"/tmp/ioasid-huge"

FIXTURE(files) {
	struct backend d;
	int fd;
	char *mem;		/* SIZE bytes of it, shared */
};

FIXTURE_VARIANT(files) {
	enum backend_kind kind;
	bool huge;		/* a tmpfs of huge pages, else a memfd of small ones */
};

FIXTURE_VARIANT_ADD(files, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(files, ioasid_huge) { .kind = BACKEND_IOASID, .huge = true };
FIXTURE_VARIANT_ADD(files, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(files, shim_huge) { .kind = BACKEND_SHIM, .huge = true };
FIXTURE_VARIANT_ADD(files, type1_huge) { .kind = BACKEND_TYPE1, .huge = true };

/* A file on a tmpfs of its own, which goes when the file is closed. */
static int huge_file(void)
{
	int fd;

	mkdir(MOUNT, 0700);
	if (mount("ioasid-huge", MOUNT, "tmpfs", 0, "huge=always,size=64m"))
		return -1;
	fd = open(MOUNT "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	umount2(MOUNT, MNT_DETACH);
	return fd;
}

FIXTURE_SETUP(files)
{
	size_t at;

	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	self->fd = variant->huge ? huge_file() : memfd_create("files", MFD_CLOEXEC |
							      MFD_ALLOW_SEALING);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, SIZE));
	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	/* Half of it is there, half of it has never been touched. */
	for (at = 0; at < SIZE / 2; at += PAGE)
		self->mem[at] = at / PAGE;
}

FIXTURE_TEARDOWN(files)
{
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
	munmap(self->mem, SIZE);
	if (!variant->huge)
		EXPECT_EQ(0, fcntl(self->fd, F_ADD_SEALS, F_SEAL_WRITE));
	close(self->fd);
}

static void map_costs(struct ktap_test *_self, const struct backend *d, const void *mem,
		      size_t size,
		      uint32_t flags)
{
	struct tally before = backend_tally(d);

	ASSERT_EQ(0, backend_map(d, IOVA, mem, size, flags));
	EXPECT_EQ((long)(size / KIB), locked_kib() - before.locked);
	EXPECT_EQ(size, backend_unmap(d, IOVA, size));
	EXPECT_UNCHANGED(d, &before);
}

TEST_F(files, pieces)
{
	static const size_t pages[] = { 1, 511, 512, 513, 700, 1024, 1500, SIZE / PAGE };
	static const size_t from[] = { 0, 1, 3, 511, 512, 900 };
	unsigned int i, j;

	for (i = 0; i < sizeof(from) / sizeof(*from); i++)
		for (j = 0; j < sizeof(pages) / sizeof(*pages); j++) {
			if (from[i] + pages[j] > SIZE / PAGE)
				continue;
			map_costs(_self, &self->d, self->mem + from[i] * PAGE, pages[j] * PAGE,
				  MAP_RW);
			map_costs(_self, &self->d, self->mem + from[i] * PAGE, pages[j] * PAGE,
				  VFIO_DMA_MAP_FLAG_READ);
		}
}

/* A second view of the file, which starts in the middle of it. */
TEST_F(files, at_an_offset)
{
	size_t offset = 700 * PAGE, size = SIZE - offset;
	char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, offset);

	ASSERT_NE(MAP_FAILED, mem);
	map_costs(_self, &self->d, mem, size, MAP_RW);
	map_costs(_self, &self->d, mem + PAGE, size - PAGE, MAP_RW);
	munmap(mem, size);
}

/* The same folios many times over, each way of overlapping, in any order. */
TEST_F(files, overlapping_views)
{
	const struct backend *d = &self->d;
	struct tally before = backend_tally(d);
	int i;

	for (i = 0; i < 12; i++)
		ASSERT_EQ(0, backend_map(d, IOVA + i * SIZE, self->mem + i * 77 * PAGE,
					 SIZE - i * 140 * PAGE, MAP_RW));
	for (i = 0; i < 12; i += 2)
		EXPECT_EQ(SIZE - i * 140 * PAGE, backend_unmap(d, IOVA + i * SIZE,
							       SIZE - i * 140 * PAGE));
	for (i = 11; i > 0; i -= 2)
		EXPECT_EQ(SIZE - i * 140 * PAGE, backend_unmap(d, IOVA + i * SIZE,
							       SIZE - i * 140 * PAGE));
	EXPECT_UNCHANGED(d, &before);
}

/* The end of the file is the end; what a huge page has behind it is mapped with it. */
TEST_F(files, behind_the_end)
{
	const size_t unit = variant->huge ? 2 * MIB : PAGE;
	const struct backend *d = &self->d;
	struct stat st;

	ASSERT_EQ(0, ftruncate(self->fd, SIZE - unit));
	EXPECT_REFUSED(d, EFAULT, backend_map(d, IOVA, self->mem, SIZE, MAP_RW));
	EXPECT_REFUSED(d, EFAULT, backend_map(d, IOVA, self->mem, SIZE, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, ftruncate(self->fd, SIZE / 2 + unit));
	EXPECT_REFUSED(d, EFAULT, backend_map(d, IOVA, self->mem + 3 * MIB, SIZE / 2, MAP_RW));
	map_costs(_self, d, self->mem, SIZE / 2 + unit, MAP_RW);
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_REFUSED(d, EFAULT, backend_map(d, IOVA, self->mem, SIZE, MAP_RW));
	/* Nothing was made that is not there. */
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(0, st.st_size);
	EXPECT_EQ(0, st.st_blocks);
}

/* What is pinned stays, whatever becomes of the file. */
TEST_F(files, cut_while_pinned)
{
	const struct backend *d = &self->d;

	ASSERT_EQ(0, backend_map(d, IOVA, self->mem, SIZE, MAP_RW));
	EXPECT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE,
			       MIB));
	EXPECT_EQ(0, ftruncate(self->fd, SIZE / 2 + 3 * PAGE));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
	ASSERT_EQ(0, ftruncate(self->fd, SIZE));
	/* The same range of the file is other memory now. */
	ASSERT_EQ(0, backend_map(d, IOVA + SIZE, self->mem, SIZE, MAP_RW));
	EXPECT_EQ(SIZE, backend_unmap(d, IOVA, SIZE));
	EXPECT_EQ(SIZE, backend_unmap(d, IOVA + SIZE, SIZE));
}

/* Neighbours in the file that are not so in memory, and the other way round. */
TEST_F(files, remapped)
{
	char *mem = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_NE(MAP_FAILED, mmap(mem, SIZE / 2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				   self->fd, SIZE / 2));
	ASSERT_NE(MAP_FAILED, mmap(mem + SIZE / 2, SIZE / 2, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->fd, 0));
	map_costs(_self, &self->d, mem, SIZE, MAP_RW);
	ASSERT_EQ(0, mprotect(mem + MIB, PAGE, PROT_READ));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem, SIZE, MAP_RW));
	map_costs(_self, &self->d, mem, SIZE, VFIO_DMA_MAP_FLAG_READ);
	munmap(mem, SIZE);
}

TEST_F(files, memlock)
{
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(SIZE - 1));
	EXPECT_REFUSED(&self->d, ENOMEM, backend_map(&self->d, IOVA, self->mem, SIZE, MAP_RW));
	ASSERT_TRUE(set_memlock(SIZE));
	map_costs(_self, &self->d, self->mem, SIZE, MAP_RW);
}

/* Pages under a device's hand cannot be sealed; sealed ones can only be read. */
static void seal(struct ktap_test *_self, enum backend_kind kind)
{
	int fd = memfd_create("files", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct backend d;
	char *mem;

	ASSERT_TRUE(backend_open(&d, kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, backend_map(&d, IOVA, mem, SIZE, MAP_RW));
	ASSERT_EQ(0, munmap(mem, SIZE));
	EXPECT_ERRNO(EBUSY, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(SIZE, backend_unmap(&d, IOVA, SIZE));
	EXPECT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	mem = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_REFUSED(&d, EFAULT, backend_map(&d, IOVA, mem, SIZE, MAP_RW));
	map_costs(_self, &d, mem, SIZE, VFIO_DMA_MAP_FLAG_READ);
	backend_close(&d);
	close(fd);
}

TEST(seal_on_ioasid)
{
	seal(_self, BACKEND_IOASID);
}

TEST(seal_on_type1)
{
	seal(_self, BACKEND_TYPE1);
}

/* --- hugetlb, whose pages are counted and reserved --- */

#define HUGE	(2 * MIB)

struct huge_count {
	long total;
	long free;
	long reserved;
};

static struct huge_count huge_count(void)
{
	struct huge_count c = { -1, -1, -1 };
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "HugePages_Total: %ld", &c.total);
		sscanf(line, "HugePages_Free: %ld", &c.free);
		/* It wraps when it goes below 0. */
		sscanf(line, "HugePages_Rsvd: %ld", &c.reserved);
	}
	if (file)
		fclose(file);
	return c;
}

FIXTURE(hugetlb) {
	struct backend d;
	struct huge_count before;
	int fd;
};

FIXTURE_VARIANT(hugetlb) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(hugetlb, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(hugetlb, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(hugetlb, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(hugetlb)
{
	ASSERT_TRUE(file_write("/proc/sys/vm/nr_hugepages", "8"));
	self->before = huge_count();
	if (self->before.free < 8)
		SKIP(return, "no huge pages can be had");
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	self->fd = memfd_create("hugetlb", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, 4 * HUGE));
}

FIXTURE_TEARDOWN(hugetlb)
{
	struct huge_count after;

	backend_close(&self->d);
	close(self->fd);
	after = huge_count();
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before.total, after.total);
	EXPECT_EQ(self->before.free, after.free);
	EXPECT_EQ(self->before.reserved, after.reserved);
	file_write("/proc/sys/vm/nr_hugepages", "0");
}

static char *huge_map(int fd, int flags)
{
	return mmap(NULL, 4 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, 0);
}

TEST_F(hugetlb, untouched)
{
	char *mem = huge_map(self->fd, 0);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(4, huge_count().reserved);
	map_costs(_self, &self->d, mem + PAGE, HUGE, MAP_RW);
	EXPECT_EQ(2, huge_count().reserved);
	map_costs(_self, &self->d, mem, 4 * HUGE, MAP_RW);
	EXPECT_EQ(0, huge_count().reserved);
	map_costs(_self, &self->d, mem + 3 * PAGE, 3 * HUGE, VFIO_DMA_MAP_FLAG_READ);
	munmap(mem, 4 * HUGE);
}

/* Nothing is reserved, so nothing may be taken from what others have reserved. */
TEST_F(hugetlb, not_reserved)
{
	char *mem = huge_map(self->fd, MAP_NORESERVE);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, huge_count().reserved);
	map_costs(_self, &self->d, mem, 4 * HUGE, MAP_RW);
	EXPECT_EQ(0, huge_count().reserved);
	EXPECT_EQ(4, huge_count().free);
	munmap(mem, 4 * HUGE);
}

TEST_F(hugetlb, reserved_by_another)
{
	char *mem = huge_map(self->fd, MAP_NORESERVE), *theirs;

	ASSERT_NE(MAP_FAILED, mem);
	theirs = mmap(NULL, 6 * HUGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, theirs);
	EXPECT_EQ(6, huge_count().reserved);
	/* Two are left, four are wanted. */
	ASSERT_EQ(-1, backend_map(&self->d, IOVA, mem, 4 * HUGE, MAP_RW));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(6, huge_count().reserved);
	/* The others get all that is theirs. */
	memset(theirs, 1, 6 * HUGE);
	munmap(theirs, 6 * HUGE);
	munmap(mem, 4 * HUGE);
}

TEST_F(hugetlb, behind_the_end)
{
	char *mem = huge_map(self->fd, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, ftruncate(self->fd, 2 * HUGE));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem, 4 * HUGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem + HUGE, 2 * HUGE, MAP_RW));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem + 2 * HUGE, HUGE, MAP_RW));
	map_costs(_self, &self->d, mem, 2 * HUGE, MAP_RW);
	EXPECT_EQ(6, huge_count().free);
	munmap(mem, 4 * HUGE);
}

TEST_F(hugetlb, cut_while_pinned)
{
	char *mem = huge_map(self->fd, 0);

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, 4 * HUGE);
	ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, 4 * HUGE, MAP_RW));
	EXPECT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HUGE, HUGE));
	munmap(mem, 4 * HUGE);
	EXPECT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(4, huge_count().free);
	EXPECT_EQ(4 * HUGE, backend_unmap(&self->d, IOVA, 4 * HUGE));
	EXPECT_EQ(8, huge_count().free);
}

TEST_HARNESS_MAIN
