// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an address space tells and what can be set: info, ranges, options,
 * dirty tracking.
 */
#include "lib/ioasid.h"

#define IOVA	0x100000000ULL

FIXTURE(info) {
	int fd;
	char *mem;
};

FIXTURE_SETUP(info)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->mem = touched_memory(16 * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(info)
{
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
}

static int ranges(int fd, uint32_t id, struct ioasid_iova_ranges *arg, struct ioasid_iova_range *r,
		  uint32_t nr)
{
	*arg = (struct ioasid_iova_ranges){
		.size = sizeof(*arg),
		.ioasid = id,
		.nr_ranges = nr,
		.ranges = (uintptr_t)r,
	};
	return ioctl(fd, IOASID_IOVA_RANGES, arg);
}

TEST_F(info, of_each_space)
{
	struct ioasid_get_info one, two, none = { .size = sizeof(none), .ioasid = 9 };

	ASSERT_EQ(2, native_alloc(self->fd));
	ASSERT_EQ(IOVA, native_map(self->fd, 2, NATIVE_FIXED, IOVA, self->mem, 3 * PAGE));
	one = native_info(self->fd, 1);
	two = native_info(self->fd, 2);
	EXPECT_EQ(one.out_space + 1, two.out_space);
	EXPECT_EQ(IOASID_INFO_DEFAULT | IOASID_INFO_COHERENT, one.out_flags);
	EXPECT_EQ(IOASID_INFO_COHERENT, two.out_flags);
	EXPECT_EQ(0, one.out_pinned);
	EXPECT_EQ(3, two.out_pinned);
	EXPECT_EQ(3, two.out_charged);
	EXPECT_EQ(0, two.out_groups);
	EXPECT_ERRNO(ENOENT, ioctl(self->fd, IOASID_GET_INFO, &none));
}

TEST_F(info, with_a_device)
{
	struct ioasid_get_info i;
	struct backend d;

	ASSERT_TRUE(native_attach(self->fd, &d, DEVICE_NVME));
	i = native_info(self->fd, 0);
	EXPECT_EQ(1, i.out_groups);
	EXPECT_EQ(1, i.out_domains);
	EXPECT_EQ(PAGE, i.out_pgsizes & -i.out_pgsizes);
	backend_close(&d);
	EXPECT_EQ(0, native_info(self->fd, 0).out_groups);
}

TEST_F(info, ranges)
{
	struct ioasid_iova_range r[16] = {};
	struct ioasid_iova_ranges arg;
	struct backend d;
	uint32_t i, hole = 0;

	ASSERT_EQ(0, ranges(self->fd, 0, &arg, r, 1));
	EXPECT_EQ(1, arg.out_nr_ranges);
	EXPECT_EQ(0, r[0].start);
	EXPECT_EQ(UINT64_MAX, r[0].last);
	EXPECT_EQ(PAGE, arg.out_alignment);

	ASSERT_TRUE(native_attach(self->fd, &d, DEVICE_NVME));
	EXPECT_ERRNO(EMSGSIZE, ranges(self->fd, 0, &arg, r, 1));
	EXPECT_LT(1, arg.out_nr_ranges);
	EXPECT_EQ(0, r[0].start);
	ASSERT_EQ(0, ranges(self->fd, 0, &arg, r, 16));
	for (i = 0; i + 1 < arg.out_nr_ranges; i++)
		hole += r[i].last == MSI_START - 1 && r[i + 1].start == MSI_END + 1;
	EXPECT_EQ(1, hole);
	EXPECT_ERRNO(EFAULT, ranges(self->fd, 0, &arg, (void *)8, 16));
	EXPECT_ERRNO(ENOENT, ranges(self->fd, 5, &arg, r, 16));
	backend_close(&d);
}

TEST_F(info, allow_refuses)
{
	struct ioasid_iova_range overlap[] = { { 0, 0x3fff }, { 0x3000, 0x4fff } };
	struct ioasid_iova_range upside = { 0x2000, 0x1000 };

	EXPECT_ERRNO(EINVAL, native_allow(self->fd, 0, overlap, 2));
	EXPECT_ERRNO(EINVAL, native_allow(self->fd, 0, &upside, 1));
	EXPECT_ERRNO(EINVAL, native_allow(self->fd, 0, overlap, IOASID_ALLOW_MAX + 1));
	EXPECT_ERRNO(EFAULT, native_allow(self->fd, 0, (void *)8, 1));
	EXPECT_ERRNO(ENOENT, native_allow(self->fd, 4, overlap, 1));
	EXPECT_EQ(0, native_allow(self->fd, 0, overlap, 1));
}

TEST_F(info, options)
{
	uint64_t v;
	int fd = self->fd;

	EXPECT_EQ(0, native_option(fd, 0, IOASID_OPTION_ACCOUNT_MODE, 0, 0, &v));
	EXPECT_EQ(IOASID_ACCOUNT_MM, v);
	EXPECT_EQ(0, native_option(fd, 0, IOASID_OPTION_HUGE_PAGES, 0, 0, &v));
	EXPECT_EQ(1, v);
	EXPECT_EQ(0, native_option(fd, 0, IOASID_OPTION_MAP_LIMIT, 0, 0, &v));
	EXPECT_EQ(65535, v);
	EXPECT_ERRNO(EINVAL, native_set(fd, 0, IOASID_OPTION_ACCOUNT_MODE, 2));
	EXPECT_ERRNO(EINVAL, native_set(fd, 0, IOASID_OPTION_HUGE_PAGES, 2));
	EXPECT_ERRNO(EINVAL, native_set(fd, 0, IOASID_OPTION_CHARGE_SHARED, 2));
	EXPECT_ERRNO(EINVAL, native_set(fd, 0, IOASID_OPTION_MAP_LIMIT, 0));
	EXPECT_ERRNO(EINVAL, native_set(fd, 0, IOASID_OPTION_MAP_LIMIT, 1ULL << 32));
	EXPECT_ERRNO(EOPNOTSUPP, native_set(fd, 0, 4, 0));
	EXPECT_ERRNO(EOPNOTSUPP, native_option(fd, 0, 0, 2, 0, &v));
	EXPECT_ERRNO(ENOENT, native_set(fd, 6, IOASID_OPTION_HUGE_PAGES, 0));
}

TEST_F(info, map_limit)
{
	int fd = self->fd;

	ASSERT_NE(NATIVE_FAIL, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	ASSERT_NE(NATIVE_FAIL, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_ERRNO(EBUSY, native_set(fd, 0, IOASID_OPTION_MAP_LIMIT, 1));
	ASSERT_EQ(0, native_set(fd, 0, IOASID_OPTION_MAP_LIMIT, 3));
	EXPECT_EQ(1, native_info(fd, 0).out_avail);
	ASSERT_NE(NATIVE_FAIL, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_NO_MAP(fd, ENOSPC, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_NO_MAP(fd, ENOSPC, native_map(fd, 0, NATIVE_FIXED, 0, self->mem, PAGE));
	/* Above what the module allows only with a capability. */
	ASSERT_EQ(0, native_set(fd, 0, IOASID_OPTION_MAP_LIMIT, 70000));
	ASSERT_TRUE(drop_cap(CAP_SYS_RESOURCE));
	EXPECT_EQ(0, native_set(fd, 0, IOASID_OPTION_MAP_LIMIT, 69999));
	EXPECT_ERRNO(EPERM, native_set(fd, 0, IOASID_OPTION_MAP_LIMIT, 70000));
}

TEST_F(info, account_mode)
{
	int fd = self->fd;

	ASSERT_EQ(0, native_set(fd, 0, IOASID_OPTION_ACCOUNT_MODE, IOASID_ACCOUNT_USER));
	ASSERT_NE(NATIVE_FAIL, native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(2, native_info(fd, 0).out_charged);
	EXPECT_ERRNO(EBUSY, native_set(fd, 0, IOASID_OPTION_ACCOUNT_MODE, IOASID_ACCOUNT_MM));

	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(4 * PAGE));
	EXPECT_NO_MAP(fd, ENOMEM, native_map(fd, 0, NATIVE_RW, 0, self->mem, 3 * PAGE));
	EXPECT_NE(NATIVE_FAIL, native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	EXPECT_EQ((long long)(4 * PAGE), native_unmap_all(fd, 0));
	EXPECT_NE(NATIVE_FAIL, native_map(fd, 0, NATIVE_RW, 0, self->mem, 4 * PAGE));
	EXPECT_EQ((long long)(4 * PAGE), native_unmap_all(fd, 0));
	ASSERT_TRUE(drop_cap(CAP_SYS_RESOURCE));
	EXPECT_ERRNO(EPERM, native_set(fd, 0, IOASID_OPTION_ACCOUNT_MODE, IOASID_ACCOUNT_MM));
}

static int dirty(int fd, uint32_t op, uint64_t length, uint64_t *data, uint64_t size)
{
	return native_dirty(fd, op, IOVA, length, PAGE, data, size);
}

TEST_F(info, dirty_errnos)
{
	struct ioasid_dirty arg = { .size = sizeof(arg), .op = IOASID_DIRTY_OP_GET, .length = PAGE,
				    .page_size = 2 * PAGE };
	uint64_t bits[2] = {};
	int fd = self->fd;

	ASSERT_EQ(IOVA, native_map(fd, 0, NATIVE_FIXED, IOVA, self->mem, 2 * PAGE));
	EXPECT_ERRNO(EINVAL, dirty(fd, IOASID_DIRTY_OP_GET, 2 * PAGE, bits, 8));	/* is off */
	EXPECT_EQ(0, native_info(fd, 0).out_flags & IOASID_INFO_TRACKING);
	ASSERT_EQ(0, dirty(fd, IOASID_DIRTY_OP_START, 0, NULL, 0));
	EXPECT_EQ(IOASID_INFO_TRACKING, native_info(fd, 0).out_flags & IOASID_INFO_TRACKING);
	EXPECT_ERRNO(EINVAL, dirty(fd, IOASID_DIRTY_OP_GET, PAGE, bits, 8));	/* cuts */
	EXPECT_ERRNO(EINVAL, dirty(fd, IOASID_DIRTY_OP_GET, 2 * PAGE, bits, 7));
	EXPECT_ERRNO(EINVAL, dirty(fd, IOASID_DIRTY_OP_GET, 65 * PAGE, bits, 8));
	EXPECT_ERRNO(EINVAL, dirty(fd, IOASID_DIRTY_OP_GET, PAGE + 1, bits, 8));
	EXPECT_ERRNO(EINVAL, dirty(fd, IOASID_DIRTY_OP_GET, 0, bits, 8));
	EXPECT_ERRNO(EOVERFLOW, dirty(fd, IOASID_DIRTY_OP_GET, -PAGE, bits, UINT64_MAX));
	EXPECT_ERRNO(EFAULT, dirty(fd, IOASID_DIRTY_OP_GET, 2 * PAGE, (void *)8, 8));
	EXPECT_ERRNO(EOPNOTSUPP, dirty(fd, 4, 2 * PAGE, bits, 8));
	EXPECT_ERRNO(EINVAL, ioctl(fd, IOASID_DIRTY, &arg));			/* page size */
	EXPECT_EQ(0, dirty(fd, IOASID_DIRTY_OP_GET, 2 * PAGE, bits, 8));
	EXPECT_EQ(0, bits[0]);
	ASSERT_EQ(0, dirty(fd, IOASID_DIRTY_OP_STOP, 0, NULL, 0));
}

/* A device can write unseen: all is dirty, each time, and when unmapped. */
TEST_F(info, dirty_with_a_device)
{
	struct ioasid_unmap_dma unmap = {
		.size = sizeof(unmap),
		.flags = IOASID_UNMAP_FLAG_GET_DIRTY,
		.iova = IOVA,
		.length = 4 * PAGE,
		.dirty_size = 8,
	};
	uint64_t bits = 0;
	int fd = self->fd;
	struct backend d;

	ASSERT_TRUE(native_attach(fd, &d, DEVICE_NVME));
	ASSERT_EQ(IOVA, native_map(fd, 0, NATIVE_FIXED, IOVA, self->mem, 2 * PAGE));
	ASSERT_EQ(IOVA + 3 * PAGE,
		  native_map(fd, 0, NATIVE_FIXED, IOVA + 3 * PAGE, self->mem, PAGE));
	ASSERT_EQ(0, dirty(fd, IOASID_DIRTY_OP_START, 0, NULL, 0));
	EXPECT_EQ(0, dirty(fd, IOASID_DIRTY_OP_GET_NO_CLEAR, 4 * PAGE, &bits, 8));
	EXPECT_EQ(0xb, bits);
	bits = 0;
	EXPECT_EQ(0, dirty(fd, IOASID_DIRTY_OP_GET, 4 * PAGE, &bits, 8));
	EXPECT_EQ(0xb, bits);
	bits = 0;
	unmap.dirty = (uintptr_t)&bits;
	EXPECT_EQ(0, ioctl(fd, IOASID_UNMAP_DMA, &unmap));
	EXPECT_EQ(3 * PAGE, unmap.out_length);
	EXPECT_EQ(0xb, bits);
	EXPECT_EQ(0, native_info(fd, 0).out_maps);
	backend_close(&d);
}

TEST_HARNESS_MAIN
