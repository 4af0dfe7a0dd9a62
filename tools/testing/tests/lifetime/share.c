// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers that join a /dev/ioasid: one address space behind several fds,
 * that go in any order.
 */
#include <sys/eventfd.h>

#include "lib/edu.h"

#define IOVA	0x4000000ULL	/* where edu reaches */
#define SIZE	(16 * PAGE)

FIXTURE(share) {
	struct backend ioasid;
	struct backend nvme;
	struct backend edu;
	char *mem;
	long long before;	/* pages pinned */
};

static int join(const struct backend *d, int fd)
{
	return ioctl(d->fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(fd));
}

/* A /dev/ioasid, and two containers that have not chosen. */
FIXTURE_SETUP(share)
{
	self->before = ktap_pinned();
	ASSERT_TRUE(backend_open(&self->ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(backend_join(&self->nvme, BACKEND_SHIM, DEVICE_NVME));
	ASSERT_TRUE(backend_join(&self->edu, BACKEND_SHIM, DEVICE_EDU));
	self->mem = touched_memory(SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(share)
{
	backend_close(&self->ioasid);
	backend_close(&self->nvme);
	backend_close(&self->edu);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static bool has_ranges(const struct backend *d)
{
	struct vfio_iommu_type1_info *info = backend_info(d);
	bool has = info && info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);

	free(info);
	return has;
}

TEST_F(share, one_address_space)
{
	struct backend *all[] = { &self->ioasid, &self->nvme, &self->edu };
	int i, j;

	ASSERT_EQ(0, join(&self->nvme, self->ioasid.fd));
	ASSERT_EQ(0, join(&self->edu, self->ioasid.fd));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, backend_map(all[i], IOVA, self->mem, SIZE, MAP_RW));
		for (j = 0; j < 3; j++) {
			EXPECT_REFUSED(all[j], EEXIST,
				       backend_map(all[j], IOVA, self->mem, PAGE, MAP_RW));
			EXPECT_EQ(65534, backend_avail(all[j]));
			EXPECT_EQ(1, ioctl(all[j]->fd, VFIO_CHECK_EXTENSION, IOASID_EXT_PRESENT));
		}
		EXPECT_EQ(SIZE / KIB, locked_kib());
		EXPECT_EQ(SIZE, backend_unmap(all[(i + 1) % 3], IOVA, SIZE));
		EXPECT_EQ(0, locked_kib());
	}
}

TEST_F(share, ioasid_closes_first)
{
	ASSERT_EQ(0, join(&self->nvme, self->ioasid.fd));
	ASSERT_EQ(0, join(&self->edu, self->ioasid.fd));
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	backend_close(&self->ioasid);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	EXPECT_ERRNO(EEXIST, backend_map(&self->nvme, IOVA, self->mem, SIZE, MAP_RW));
	backend_close(&self->nvme);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	EXPECT_EQ(SIZE, backend_unmap(&self->edu, IOVA, SIZE));
	ASSERT_EQ(0, backend_map(&self->edu, IOVA, self->mem, SIZE, MAP_RW));
	backend_close(&self->edu);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(share, ioasid_closes_last)
{
	ASSERT_EQ(0, join(&self->nvme, self->ioasid.fd));
	ASSERT_EQ(0, join(&self->edu, self->ioasid.fd));
	ASSERT_EQ(0, backend_map(&self->edu, IOVA, self->mem, SIZE, MAP_RW));
	backend_close(&self->edu);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	backend_close(&self->nvme);
	/* Unlike a container's, its mappings are not the groups'. */
	EXPECT_EQ(SIZE / KIB, locked_kib());
	EXPECT_ERRNO(EEXIST, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	backend_close(&self->ioasid);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(share, windows_follow_the_groups)
{
	EXPECT_FALSE(has_ranges(&self->ioasid));
	ASSERT_EQ(0, join(&self->nvme, self->ioasid.fd));
	ASSERT_EQ(0, join(&self->edu, self->ioasid.fd));
	EXPECT_TRUE(has_ranges(&self->ioasid));
	EXPECT_ERRNO(EINVAL, backend_map(&self->ioasid, MSI_START, self->mem, PAGE, MAP_RW));
	backend_close(&self->nvme);
	EXPECT_TRUE(has_ranges(&self->ioasid));
	backend_close(&self->edu);
	EXPECT_FALSE(has_ranges(&self->ioasid));
	EXPECT_EQ(0, backend_map(&self->ioasid, MSI_START, self->mem, PAGE, MAP_RW));
}

/* What is mapped where a device cannot have it keeps the device out. */
TEST_F(share, mapping_in_the_way)
{
	struct tally before;

	ASSERT_EQ(0, backend_map(&self->ioasid, MSI_START, self->mem, PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, PAGE, MAP_RW));
	before = backend_tally(&self->ioasid);
	EXPECT_ERRNO(EINVAL, join(&self->nvme, self->ioasid.fd));
	EXPECT_UNCHANGED(&self->ioasid, &before);
	EXPECT_FALSE(has_ranges(&self->ioasid));
	/* The container is as free as before. */
	EXPECT_ERRNO(EINVAL, backend_map(&self->nvme, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(PAGE, backend_unmap(&self->ioasid, MSI_START, PAGE));
	EXPECT_EQ(0, join(&self->nvme, self->ioasid.fd));
	EXPECT_ERRNO(EINVAL, join(&self->nvme, self->ioasid.fd));
}

TEST_F(share, above_the_aperture)
{
	ASSERT_EQ(0, backend_map(&self->ioasid, -PAGE, self->mem, PAGE, MAP_RW));
	/* The emulated AMD IOMMU is the one without a limit. */
	if (!access("/sys/class/iommu/ivhd0", F_OK))
		SKIP(return, "the IOMMU maps all 64 bits");
	EXPECT_ERRNO(EINVAL, join(&self->nvme, self->ioasid.fd));
	EXPECT_EQ(PAGE, backend_unmap_all(&self->ioasid));
	ASSERT_EQ(0, backend_map(&self->ioasid, 1ULL << 50, self->mem, PAGE, MAP_RW));
	EXPECT_ERRNO(EINVAL, join(&self->nvme, self->ioasid.fd));
	EXPECT_EQ(PAGE, backend_unmap_all(&self->ioasid));
	EXPECT_EQ(0, join(&self->nvme, self->ioasid.fd));
}

TEST_F(share, wrong_fd)
{
	int bad[6], i;

	bad[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	bad[1] = self->nvme.fd;
	bad[2] = self->nvme.group;
	bad[3] = memfd_create("share", MFD_CLOEXEC);
	bad[4] = eventfd(0, EFD_CLOEXEC);
	bad[5] = open("/", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < 6; i++) {
		ASSERT_LE(0, bad[i]);
		EXPECT_ERRNO(EINVAL, join(&self->nvme, bad[i]));
	}
	EXPECT_ERRNO(EBADF, join(&self->nvme, -1));
	EXPECT_ERRNO(EBADF, join(&self->nvme, 1000));
	EXPECT_ERRNO(EBADF, join(&self->nvme, INT_MAX));
	EXPECT_ERRNO(EBADF, join(&self->nvme, INT_MIN));
	close(bad[0]);
	EXPECT_ERRNO(EBADF, join(&self->nvme, bad[0]));
	bad[0] = open("/dev/ioasid", O_PATH | O_CLOEXEC);
	EXPECT_ERRNO(EBADF, join(&self->nvme, bad[0]));
	EXPECT_EQ(0, join(&self->nvme, self->ioasid.fd));
}

TEST_F(share, short_argument)
{
	EXPECT_ERRNO(EBADF, ioctl(self->nvme.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG32(1000)));
	ASSERT_EQ(0, ioctl(self->nvme.fd, VFIO_SET_IOMMU,
			   IOASID_SET_IOMMU_ARG32(self->ioasid.fd)));
	ASSERT_EQ(0, backend_map(&self->nvme, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(PAGE, backend_unmap(&self->ioasid, IOVA, PAGE));
}

/* A /dev/ioasid that has chosen no type itself. */
TEST_F(share, typeless)
{
	int fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, join(&self->nvme, fd));
	EXPECT_EQ(0, backend_map(&self->nvme, IOVA, self->mem, PAGE, MAP_RW));
	backend_close(&self->ioasid);
	self->ioasid.fd = fd;
	EXPECT_ERRNO(EINVAL, backend_unmap(&self->ioasid, IOVA, PAGE));
	EXPECT_EQ(0, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(PAGE, backend_unmap(&self->ioasid, IOVA, PAGE));
}

/* Each group can go and come back, to the same or to another. */
TEST_F(share, leave_and_return)
{
	int i;

	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, join(&self->nvme, self->ioasid.fd));
		EXPECT_ERRNO(EEXIST, backend_map(&self->nvme, IOVA, self->mem, PAGE, MAP_RW));
		ASSERT_EQ(0, ioctl(self->nvme.group, VFIO_GROUP_UNSET_CONTAINER));
		EXPECT_EQ(SIZE / KIB, locked_kib());
		ASSERT_EQ(0, ioctl(self->nvme.group, VFIO_GROUP_SET_CONTAINER, &self->nvme.fd));
		ASSERT_EQ(0, ioctl(self->nvme.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
		EXPECT_EQ(0, backend_map(&self->nvme, IOVA, self->mem, PAGE, MAP_RW));
		ASSERT_EQ(0, ioctl(self->nvme.group, VFIO_GROUP_UNSET_CONTAINER));
		ASSERT_EQ(0, ioctl(self->nvme.group, VFIO_GROUP_SET_CONTAINER, &self->nvme.fd));
	}
}

/* --- does the device see it? --- */

/* Copies a page by DMA through whatever is mapped at IOVA. */
static void expect_dma(struct ktap_test *_self, volatile char *bar, char *mem)
{
	memset(mem, rand() % 250 + 1, PAGE);
	memset(mem + PAGE, 0, PAGE);
	ASSERT_TRUE(edu_copy(bar, IOVA, IOVA + PAGE, PAGE));
	EXPECT_EQ(0, memcmp(mem, mem + PAGE, PAGE));
}

/* Mapped before, then attached: replayed into a new domain, and into a shared one. */
TEST_F(share, dma_through_what_was_mapped_before)
{
	volatile char *bar;
	int device, round;

	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
	for (round = 0; round < 2; round++) {
		if (round)
			ASSERT_EQ(0, join(&self->nvme, self->ioasid.fd));
		ASSERT_EQ(0, join(&self->edu, self->ioasid.fd));
		device = backend_device(&self->edu, DEVICE_EDU);
		ASSERT_LE(0, device);
		bar = edu_open(device);
		ASSERT_TRUE(bar);
		expect_dma(_self, bar, self->mem);
		/* And what is mapped now. */
		EXPECT_EQ(SIZE, backend_unmap_all(&self->ioasid));
		ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem + 4 * PAGE, SIZE - 4 * PAGE,
					 MAP_RW));
		expect_dma(_self, bar, self->mem + 4 * PAGE);
		EXPECT_EQ(SIZE - 4 * PAGE, backend_unmap_all(&self->ioasid));
		ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, self->mem, SIZE, MAP_RW));
		munmap((void *)(uintptr_t)bar, MIB);
		close(device);
		ASSERT_EQ(0, ioctl(self->edu.group, VFIO_GROUP_UNSET_CONTAINER));
		ASSERT_EQ(0, ioctl(self->edu.group, VFIO_GROUP_SET_CONTAINER, &self->edu.fd));
	}
}

/* Through both fds gone, and through memory that only the pin still holds. */
TEST_F(share, dma_outlives_the_fd_and_the_memory)
{
	volatile char *bar;
	int fd = memfd_create("share", MFD_CLOEXEC), device;
	char *mem;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 2 * PAGE));
	mem = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, join(&self->edu, self->ioasid.fd));
	ASSERT_EQ(0, backend_map(&self->ioasid, IOVA, mem, 2 * PAGE, MAP_RW));
	memset(mem, 0x5a, PAGE);
	device = backend_device(&self->edu, DEVICE_EDU);
	ASSERT_LE(0, device);
	bar = edu_open(device);
	ASSERT_TRUE(bar);
	backend_close(&self->ioasid);
	ASSERT_EQ(0, munmap(mem, 2 * PAGE));
	ASSERT_TRUE(edu_copy(bar, IOVA, IOVA + PAGE, PAGE));
	mem = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0x5a, mem[PAGE]);
	EXPECT_EQ(0x5a, mem[2 * PAGE - 1]);
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
}

/* DMA in a container of its own, to memory of every kind of page. */
TEST_F(share, dma_on_the_shim)
{
	char *mem = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *bar;
	size_t at;
	int device;

	ASSERT_NE(MAP_FAILED, mem);
	madvise(mem, 4 * MIB, MADV_HUGEPAGE);
	ASSERT_EQ(0, ioctl(self->edu.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	device = backend_device(&self->edu, DEVICE_EDU);
	ASSERT_LE(0, device);
	bar = edu_open(device);
	ASSERT_TRUE(bar);
	ASSERT_EQ(0, backend_map(&self->edu, IOVA, mem, 4 * MIB, MAP_RW));
	for (at = 0; at + 2 * PAGE <= 4 * MIB; at += 255 * PAGE) {
		memset(mem + at, 1 + at / PAGE % 250, PAGE);
		ASSERT_TRUE(edu_copy(bar, IOVA + at, IOVA + at + PAGE, PAGE));
		ASSERT_EQ(0, memcmp(mem + at, mem + at + PAGE, PAGE));
	}
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
}

/*
 * Large pages at addresses that do and do not fit them: what the IOMMU has in
 * one entry and what in many must lead to the same places.
 */
TEST_F(share, dma_at_every_alignment)
{
	static const size_t at[] = {
		PAGE, 2 * MIB - PAGE, 2 * MIB, 4 * MIB - 3 * PAGE,
	};
	static const size_t shift[] = { 0, 1, 512 };
	char *mem = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *bar;
	unsigned int i, j;
	int device;

	ASSERT_NE(MAP_FAILED, mem);
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(2 * MIB - 1));
	madvise(mem, 6 * MIB, MADV_HUGEPAGE);
	memset(mem, 1, 6 * MIB);
	ASSERT_EQ(0, ioctl(self->edu.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	device = backend_device(&self->edu, DEVICE_EDU);
	ASSERT_LE(0, device);
	bar = edu_open(device);
	ASSERT_TRUE(bar);
	for (i = 0; i < sizeof(shift) / sizeof(*shift); i++) {
		uint64_t iova = IOVA + shift[i] * PAGE, to = IOVA + 96 * MIB;

		/* The target has its pages in another order. */
		ASSERT_EQ(0, backend_map(&self->edu, iova, mem, 6 * MIB, VFIO_DMA_MAP_FLAG_READ));
		ASSERT_EQ(0, backend_map(&self->edu, to, self->mem, SIZE, MAP_RW));
		for (j = 0; j < sizeof(at) / sizeof(*at); j++) {
			memset(mem + at[j], 1 + 16 * i + j, PAGE);
			memset(self->mem + j * PAGE, 0, PAGE);
			ASSERT_TRUE(edu_copy(bar, iova + at[j], to + j * PAGE, PAGE));
			ASSERT_EQ(0, memcmp(mem + at[j], self->mem + j * PAGE, PAGE));
		}
		ASSERT_EQ(6 * MIB, backend_unmap(&self->edu, iova, 6 * MIB));
		ASSERT_EQ(SIZE, backend_unmap(&self->edu, to, SIZE));
	}
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
}

/* A large mapping of a file: the device sees what the file holds, page by page. */
TEST_F(share, dma_into_a_file)
{
	const size_t size = 4 * MIB;
	volatile char *bar;
	char word[16] = "";
	int fd = memfd_create("share", MFD_CLOEXEC), device;
	size_t at;
	char *mem;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, size));
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, ioctl(self->edu.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	device = backend_device(&self->edu, DEVICE_EDU);
	ASSERT_LE(0, device);
	bar = edu_open(device);
	ASSERT_TRUE(bar);
	ASSERT_EQ(0, backend_map(&self->edu, IOVA, mem + PAGE, size - PAGE, MAP_RW));
	for (at = PAGE; at + PAGE < size; at += 255 * PAGE) {
		memset(mem + at, 1 + at / PAGE % 200, 16);
		ASSERT_TRUE(edu_copy(bar, IOVA + at - PAGE, IOVA + at, 16));
		ASSERT_EQ(16, pread(fd, word, 16, at + PAGE));
		ASSERT_EQ(0, memcmp(word, mem + at, 16));
	}
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
	close(fd);
}

TEST_HARNESS_MAIN
