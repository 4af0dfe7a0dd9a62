// SPDX-License-Identifier: GPL-2.0-only
/*
 * libioasid: each function does what its call does, and says so.
 */
#include <libioasid.h>
#include <libioasid-uring.h>

#include "lib/ioasid.h"

#define IOVA	0x100000000ULL
#define N	4

FIXTURE(library) {
	int fd;
	char *mem;
};

FIXTURE_SETUP(library)
{
	self->fd = ioasid_open();
	ASSERT_LE(0, self->fd);
	self->mem = touched_memory(N * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(library)
{
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(library, spaces)
{
	struct ioasid_get_info info;
	uint32_t id = 0, now = 0;
	uint64_t value = 0;

	EXPECT_EQ(0, ioasid_alloc(self->fd, &id));
	EXPECT_EQ(2, id);
	EXPECT_EQ(0, ioasid_set_default(self->fd, id));
	EXPECT_EQ(0, ioasid_get_default(self->fd, &now));
	EXPECT_EQ(id, now);
	EXPECT_EQ(-EBUSY, ioasid_free(self->fd, id));
	EXPECT_EQ(0, ioasid_free(self->fd, 1));
	EXPECT_EQ(-ENOENT, ioasid_info(self->fd, 1, &info));
	EXPECT_EQ(0, ioasid_set_option(self->fd, id, IOASID_OPTION_MAP_LIMIT, 5));
	EXPECT_EQ(0, ioasid_get_option(self->fd, id, IOASID_OPTION_MAP_LIMIT, &value));
	EXPECT_EQ(5, value);
	EXPECT_EQ(0, ioasid_info(self->fd, 0, &info));
	EXPECT_EQ(5, info.out_avail);
	EXPECT_EQ(0, ioasid_change_owner(self->fd, 0));
}

TEST_F(library, what_vfio_asks)
{
	EXPECT_EQ(1, ioasid_check_extension(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, ioasid_check_extension(self->fd, VFIO_SPAPR_TCE_IOMMU));
	EXPECT_EQ(-EBADF, ioasid_check_extension(-1, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-ENODEV, ioasid_set_type(self->fd, VFIO_SPAPR_TCE_IOMMU));
	EXPECT_EQ(0, ioasid_set_type(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-EINVAL, ioasid_set_type(self->fd, VFIO_TYPE1v2_IOMMU));
	/* The choice of the default is over. */
	EXPECT_EQ(-EBUSY, ioasid_set_default(self->fd, 1));
}

TEST_F(library, ranges)
{
	struct ioasid_iova_range allow = { 0x10000, 0x1ffff }, *r;
	uint64_t iova = 0;
	uint32_t nr;

	ASSERT_EQ(0, ioasid_ranges(self->fd, 0, &r, &nr));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(UINT64_MAX, r[0].last);
	free(r);
	EXPECT_EQ(0, ioasid_allow(self->fd, 0, &allow, 1));
	EXPECT_EQ(0, ioasid_map(self->fd, 0, self->mem, PAGE, NATIVE_RW, &iova));
	EXPECT_EQ(0x10000, iova);
	EXPECT_EQ(-ENOENT, ioasid_ranges(self->fd, 7, &r, &nr));
}

TEST_F(library, maps)
{
	uint64_t a = IOVA, b = 0, c = 0, bytes = 0;
	int file = memfd_create("library", MFD_CLOEXEC);
	uint32_t id;

	ASSERT_EQ(0, ftruncate(file, 2 * PAGE));
	ASSERT_EQ(0, ioasid_alloc(self->fd, &id));
	EXPECT_EQ(0, ioasid_map(self->fd, 0, self->mem, 2 * PAGE, NATIVE_FIXED, &a));
	EXPECT_EQ(IOVA, a);
	EXPECT_EQ(-EEXIST, ioasid_map(self->fd, 0, self->mem, PAGE, NATIVE_FIXED, &a));
	EXPECT_EQ(0, ioasid_map_file(self->fd, 0, file, PAGE, PAGE, NATIVE_RW, &b));
	EXPECT_EQ(IOVA + 2 * PAGE, b);
	EXPECT_EQ(0, ioasid_copy(self->fd, id, 0, a, PAGE, NATIVE_RW, &c));
	EXPECT_EQ(IOVA, c);
	EXPECT_EQ(0, ioasid_unmap(self->fd, 0, b, PAGE, NULL));
	EXPECT_EQ(-ENOENT, ioasid_unmap(self->fd, 0, b, PAGE, &bytes));
	EXPECT_EQ(0, ioasid_unmap_all(self->fd, 0, &bytes));
	EXPECT_EQ(2 * PAGE, bytes);
	close(file);
}

TEST_F(library, map_with_a_hole)
{
	struct ioasid_iova_range holes[2];
	uint64_t a = IOVA;
	uint32_t nr = 2;
	char *mem;

	mem = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, mprotect(mem + PAGE, PAGE, PROT_NONE));
	EXPECT_EQ(0, ioasid_map_sparse(self->fd, 0, mem, 3 * PAGE, NATIVE_FIXED, &a, holes, &nr));
	EXPECT_EQ(IOVA, a);
	EXPECT_EQ(1, nr);
	EXPECT_EQ(IOVA + PAGE, holes[0].start);
	EXPECT_EQ(IOVA + 2 * PAGE - 1, holes[0].last);
	a += 3 * PAGE;
	nr = 0;
	EXPECT_EQ(-EMSGSIZE, ioasid_map_sparse(self->fd, 0, mem, 3 * PAGE, NATIVE_FIXED, &a, holes, &nr));
	EXPECT_EQ(1, nr);
	EXPECT_EQ(-EEXIST, ioasid_map_sparse(self->fd, 0, mem, 6 * PAGE, NATIVE_FIXED,
					     &(uint64_t){ IOVA }, NULL, &nr));
	EXPECT_EQ(1, nr);
	nr = 7;
	EXPECT_EQ(0, ioasid_map_sparse(self->fd, 0, mem, 3 * PAGE, NATIVE_FIXED, &a, NULL, &nr));
	EXPECT_EQ(1, nr);
	munmap(mem, 3 * PAGE);
}

TEST_F(library, batches)
{
	struct ioasid_map_entry e[N] = {};
	struct ioasid_iova_range r[N];
	uint64_t bytes = 0;
	uint32_t i, done;

	for (i = 0; i < N; i++) {
		e[i].flags = NATIVE_RW;
		e[i].user_va = (uintptr_t)self->mem + i * PAGE;
		e[i].length = PAGE;
	}
	EXPECT_EQ(0, ioasid_map_batch(self->fd, 0, e, N, &done));
	EXPECT_EQ(N, done);
	for (i = 0; i < N; i++)
		r[i] = (struct ioasid_iova_range){ e[i].out_iova, e[i].out_iova + PAGE - 1 };
	r[2].start += 8 * PAGE;
	r[2].last += 8 * PAGE;
	EXPECT_EQ(-ENOENT, ioasid_unmap_batch(self->fd, 0, r, N, &done, &bytes));
	EXPECT_EQ(2, done);
	EXPECT_EQ(2 * PAGE, bytes);
	EXPECT_EQ(-EBADF, ioasid_map_batch(-1, 0, e, N, &done));
	EXPECT_EQ(0, done);
}

/* More than one call of the kernel takes. */
TEST_F(library, batch_of_any_size)
{
	const uint32_t nr = IOASID_BATCH_MAX + 10;
	struct ioasid_iova_range *r = calloc(nr, sizeof(*r));
	uint32_t done;

	ASSERT_TRUE(r);
	r[0].last = PAGE - 1;
	EXPECT_EQ(-ENOENT, ioasid_unmap_batch(self->fd, 0, r, nr, &done, NULL));
	EXPECT_EQ(0, done);
	free(r);
}

TEST_F(library, dirty)
{
	uint64_t iova = IOVA, bits = 0;

	ASSERT_EQ(0, ioasid_map(self->fd, 0, self->mem, 2 * PAGE, NATIVE_FIXED, &iova));
	EXPECT_EQ(-EINVAL, ioasid_dirty_get(self->fd, 0, IOVA, 2 * PAGE, &bits, 8, 0));
	EXPECT_EQ(0, ioasid_dirty_start(self->fd, 0));
	EXPECT_EQ(0, ioasid_dirty_get(self->fd, 0, IOVA, 2 * PAGE, &bits, 8, 1));
	EXPECT_EQ(0, bits);
	EXPECT_EQ(-EOVERFLOW, ioasid_unmap_dirty(self->fd, 0, -PAGE, 2 * PAGE, &bits, 8, NULL));
	EXPECT_EQ(0, ioasid_unmap_dirty(self->fd, 0, IOVA, 2 * PAGE, &bits, 8, &iova));
	EXPECT_EQ(2 * PAGE, iova);
	EXPECT_EQ(0, bits);
	EXPECT_EQ(0, ioasid_dirty_stop(self->fd, 0));
}

TEST_F(library, device_by_container)
{
	struct ioasid_device device;
	struct ioasid_get_info info;

	EXPECT_EQ(-ENOENT, ioasid_device_by_container(&device, self->fd, "0000:00:77.7"));
	EXPECT_EQ(-1, device.fd);
	ASSERT_EQ(0, ioasid_device_by_container(&device, self->fd, DEVICE_NVME));
	ASSERT_EQ(0, ioasid_info(self->fd, 0, &info));
	EXPECT_EQ(1, info.out_groups);
	ioasid_device_close(&device);
	ASSERT_EQ(0, ioasid_info(self->fd, 0, &info));
	EXPECT_EQ(0, info.out_groups);
}

/* By a container that has no ioasid behind it, and by a group that has no container. */
TEST_F(library, ways_that_are_closed)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct ioasid_device device;

	ASSERT_LE(0, null);
	ASSERT_TRUE(backend_prefer(BACKEND_TYPE1));
	EXPECT_EQ(-ENODEV, ioasid_device_by_container(&device, self->fd, DEVICE_NVME));
	ASSERT_TRUE(backend_prefer(BACKEND_SHIM));
	EXPECT_EQ(-EINVAL, ioasid_device_by_container(&device, null, DEVICE_NVME));
	EXPECT_EQ(-EBADF, ioasid_device_by_container(&device, -1, DEVICE_NVME));
	EXPECT_EQ(-EBADFD, ioasid_device_by_group(&device, self->fd, DEVICE_NVME));
	EXPECT_EQ(-ENOENT, ioasid_device_no_group(&device, self->fd, 0, DEVICE_NVME));
	EXPECT_EQ(-1, device.fd);
	EXPECT_EQ(-1, device.group);
	EXPECT_EQ(-1, device.container);
	/* Nothing of all that keeps the group. */
	ASSERT_EQ(0, ioasid_device_by_container(&device, self->fd, DEVICE_NVME));
	ioasid_device_close(&device);
	close(null);
}

/* A container that has no group joins nothing. */
TEST_F(library, joins_with_a_group_only)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, container);
	EXPECT_ERRNO(EINVAL, ioctl(container, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->fd)));
	close(container);
}

TEST_F(library, on_a_ring)
{
	struct ioasid_map_dma map = {
		.size = sizeof(map),
		.flags = NATIVE_RW,
		.user_va = (uintptr_t)self->mem,
		.length = PAGE,
	};
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init(2, &ring, 0));
	sqe = io_uring_get_sqe(&ring);
	ASSERT_TRUE(sqe);
	io_uring_sqe_set_data64(sqe, 77);
	ioasid_prep(sqe, self->fd, IOASID_MAP_DMA, &map);
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_EQ(0, io_uring_wait_cqe(&ring, &cqe));
	EXPECT_EQ(0, cqe->res);
	EXPECT_EQ(77, io_uring_cqe_get_data64(cqe));
	EXPECT_EQ(IOVA, map.out_iova);
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
