// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a container says about itself, and how it comes to have an IOMMU:
 * VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU, GET_INFO.
 */
#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define NESTING	6	/* VFIO_TYPE1_NESTING_IOMMU while there was one */

FIXTURE(info) {
	struct backend d;
};

FIXTURE_VARIANT(info) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(info, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(info, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(info, type1) { .kind = BACKEND_TYPE1 };

/* Before VFIO_SET_IOMMU. */
FIXTURE_SETUP(info)
{
	if (variant->kind == BACKEND_IOASID) {
		self->d.kind = BACKEND_IOASID;
		self->d.group = -1;
		self->d.fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, self->d.fd);
	} else {
		ASSERT_TRUE(backend_join(&self->d, variant->kind, DEVICE_NVME));
	}
}

FIXTURE_TEARDOWN(info)
{
	backend_close(&self->d);
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));
}

static int extension(const struct backend *d, unsigned long number)
{
	return ioctl(d->fd, VFIO_CHECK_EXTENSION, number);
}

TEST_F(info, version)
{
	EXPECT_EQ(VFIO_API_VERSION, ioctl(self->d.fd, VFIO_GET_API_VERSION));
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(VFIO_API_VERSION, ioctl(self->d.fd, VFIO_GET_API_VERSION));
}

/* Numbers that belong to other drivers, or to none. */
static void check_foreign(struct ktap_test *_self, const struct backend *d)
{
	static const unsigned long foreign[] = {
		VFIO_SPAPR_TCE_IOMMU, VFIO_EEH, VFIO_SPAPR_TCE_v2_IOMMU, VFIO_NOIOMMU_IOMMU,
		11, 12, 100, 0x49410002, 0x49420000ULL + 0x10000, UINT32_MAX, -1UL,
	};
	unsigned int i;

	for (i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		EXPECT_EQ(0, extension(d, foreign[i]));
	EXPECT_EQ(kernel_is(6, 13) ? 0 : 1, extension(d, NESTING));
}

TEST_F(info, extensions)
{
	const struct backend *d = &self->d;

	EXPECT_EQ(1, extension(d, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(1, extension(d, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(1, extension(d, VFIO_UNMAP_ALL));
	EXPECT_EQ(0, extension(d, VFIO_DMA_CC_IOMMU));
	check_foreign(_self, d);
	EXPECT_EQ(variant->kind != BACKEND_TYPE1, extension(d, IOASID_EXT_PRESENT));

	ASSERT_EQ(0, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(1, extension(d, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(1, extension(d, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(1, extension(d, VFIO_UNMAP_ALL));
	EXPECT_EQ(1, extension(d, VFIO_UPDATE_VADDR));
	check_foreign(_self, d);
	EXPECT_EQ(variant->kind != BACKEND_TYPE1, extension(d, IOASID_EXT_PRESENT));
}

TEST_F(info, before_set_iommu)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	const struct backend *d = &self->d;
	char *mem = touched_memory(PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_ERRNO(EINVAL, ioctl(d->fd, VFIO_IOMMU_GET_INFO, &info));
	EXPECT_ERRNO(EINVAL, backend_map(d, IOVA, mem, PAGE, MAP_RW));
	EXPECT_ERRNO(EINVAL, backend_unmap(d, IOVA, PAGE));
	EXPECT_ERRNO(EINVAL, ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, &info));
	EXPECT_ERRNO(EINVAL, ioctl(d->fd, _IO(VFIO_TYPE, VFIO_BASE + 99), 0));
	EXPECT_EQ(0, locked_kib());
}

TEST_F(info, set_iommu)
{
	static const unsigned long bad[] = {
		0, VFIO_SPAPR_TCE_IOMMU, VFIO_DMA_CC_IOMMU, VFIO_EEH, VFIO_SPAPR_TCE_v2_IOMMU,
		VFIO_NOIOMMU_IOMMU, 11, 0x49420000ULL + 0x10000, 0x4941000100000000ULL, -1UL,
	};
	const struct backend *d = &self->d;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT_ERRNO(ENODEV, ioctl(d->fd, VFIO_SET_IOMMU, bad[i]));
	if (kernel_is(6, 13))
		EXPECT_ERRNO(ENODEV, ioctl(d->fd, VFIO_SET_IOMMU, NESTING));
	EXPECT_EQ(0, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	EXPECT_ERRNO(EINVAL, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	EXPECT_ERRNO(EINVAL, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_ERRNO(ENOTTY, ioctl(d->fd, _IO(VFIO_TYPE, VFIO_BASE + 99), 0));
	EXPECT_ERRNO(ENOTTY, ioctl(d->fd, _IO('t', 1), 0));
	/* Numbers of other drivers behind the same file. */
	EXPECT_ERRNO(ENOTTY, ioctl(d->fd, VFIO_IOMMU_ENABLE));
	EXPECT_ERRNO(ENOTTY, ioctl(d->fd, VFIO_EEH_PE_OP));
}

TEST(set_iommu_without_a_group)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_ERRNO(EINVAL, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(1, ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU));
}

/* A container that was left by its last group may choose again. */
static void choose_again(struct ktap_test *_self, enum backend_kind kind)
{
	static const unsigned long type[] = {
		VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_TYPE1_IOMMU,
	};
	char *mem = touched_memory(PAGE);
	struct backend d;
	unsigned int i;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(backend_join(&d, kind, DEVICE_NVME));
	for (i = 0; i < sizeof(type) / sizeof(*type); i++) {
		ASSERT_EQ(0, ioctl(d.fd, VFIO_SET_IOMMU, type[i]));
		EXPECT_TRUE(backend_is_right(&d));
		EXPECT_EQ(0, backend_map(&d, IOVA, mem, PAGE, MAP_RW));
		EXPECT_EQ(PAGE / KIB, locked_kib());
		EXPECT_EQ(0, ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER));
		/* The mappings went with the group. */
		EXPECT_EQ(0, locked_kib());
		EXPECT_ERRNO(EINVAL, backend_map(&d, IOVA, mem, PAGE, MAP_RW));
		EXPECT_ERRNO(EINVAL, ioctl(d.fd, VFIO_SET_IOMMU, type[i]));
		ASSERT_EQ(0, ioctl(d.group, VFIO_GROUP_SET_CONTAINER, &d.fd));
	}
	backend_close(&d);
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));
}

TEST(choose_again_on_the_shim)
{
	choose_again(_self, BACKEND_SHIM);
}

TEST(choose_again_on_type1)
{
	choose_again(_self, BACKEND_TYPE1);
}

/* --- GET_INFO --- */

TEST_F(info, get_info_sizes)
{
	static const uint32_t bad[] = { 0, 4, 8, 15 };
	struct vfio_iommu_type1_info info;
	const struct backend *d = &self->d;
	char *area = touched_memory(2 * PAGE);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memset(&info, 0xee, sizeof(info));
		info.argsz = bad[i];
		EXPECT_ERRNO(EINVAL, ioctl(d->fd, VFIO_IOMMU_GET_INFO, &info));
		EXPECT_EQ(0xeeeeeeee, info.flags);
	}
	/* The oldest callers know nothing of capabilities. */
	memset(&info, 0xee, sizeof(info));
	info.argsz = 16;
	EXPECT_EQ(0, ioctl(d->fd, VFIO_IOMMU_GET_INFO, &info));
	EXPECT_LT(sizeof(info), info.argsz);
	EXPECT_TRUE(info.flags & VFIO_IOMMU_INFO_PGSIZES);
	EXPECT_TRUE(info.iova_pgsizes & PAGE);
	EXPECT_EQ(0xeeeeeeee, info.cap_offset);

	/* The rest get the size, and no offset to nowhere. */
	info.argsz = sizeof(info);
	EXPECT_EQ(0, ioctl(d->fd, VFIO_IOMMU_GET_INFO, &info));
	EXPECT_LT(sizeof(info), info.argsz);
	EXPECT_EQ(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, info.flags);
	EXPECT_EQ(0, info.cap_offset);
	info.argsz--;
	EXPECT_EQ(0, ioctl(d->fd, VFIO_IOMMU_GET_INFO, &info));
	EXPECT_EQ(0, info.cap_offset);

	EXPECT_ERRNO(EFAULT, ioctl(d->fd, VFIO_IOMMU_GET_INFO, NULL));
	/* Enough said, but no room to write it. */
	ASSERT_EQ(0, munmap(area + PAGE, PAGE));
	memset(&info, 0, sizeof(info));
	info.argsz = 4096;
	memcpy(area + PAGE - sizeof(info), &info, sizeof(info));
	EXPECT_ERRNO(EFAULT, ioctl(d->fd, VFIO_IOMMU_GET_INFO, area + PAGE - sizeof(info)));
}

/* Walks the chain, which must be whole, aligned and in type1's order. */
static void check_chain(struct ktap_test *_self, struct vfio_iommu_type1_info *info, bool ranges)
{
	static const uint16_t order[] = {
		VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
		VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
	};
	struct vfio_info_cap_header *cap;
	uint32_t at = info->cap_offset, n = 0;

	EXPECT_EQ(sizeof(*info), at);
	for (; at && n < 3; at = cap->next, n++) {
		ASSERT_LE(at + sizeof(*cap), info->argsz);
		EXPECT_EQ(0, at % 8);
		cap = (void *)((char *)info + at);
		EXPECT_EQ(order[n], cap->id);
		EXPECT_EQ(1, cap->version);
		EXPECT_TRUE(!cap->next || cap->next > at);
	}
	EXPECT_EQ(0, at);
	EXPECT_EQ(ranges ? 3 : 2, n);
}

TEST_F(info, get_info_chain)
{
	struct vfio_iommu_type1_info_cap_iova_range *range;
	struct vfio_iommu_type1_info_cap_migration *migration;
	struct vfio_iommu_type1_info *info;
	bool attached = variant->kind != BACKEND_IOASID;
	bool hole = false;
	uint32_t i;

	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	info = backend_info(&self->d);
	ASSERT_TRUE(info);
	check_chain(_self, info, attached);
	EXPECT_EQ(PAGE, info->iova_pgsizes & -info->iova_pgsizes);

	migration = info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION);
	ASSERT_TRUE(migration);
	EXPECT_EQ(0, migration->flags);
	EXPECT_EQ(PAGE, migration->pgsize_bitmap);
	EXPECT_EQ(256 * MIB, migration->max_dirty_bitmap_size);

	range = info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	ASSERT_EQ(attached, !!range);
	if (!range)
		return;
	EXPECT_EQ(0, range->iova_ranges[0].start);
	for (i = 0; i < range->nr_iovas; i++) {
		EXPECT_LT(range->iova_ranges[i].start, range->iova_ranges[i].end);
		if (!i)
			continue;
		EXPECT_LT(range->iova_ranges[i - 1].end, range->iova_ranges[i].start);
		hole |= range->iova_ranges[i - 1].end == MSI_START - 1 &&
			range->iova_ranges[i].start == MSI_END + 1;
	}
	EXPECT_TRUE(hole);
	free(info);
}

/* Flags on the way in mean nothing; bytes behind the answer are not touched. */
TEST_F(info, get_info_writes_no_more)
{
	struct { struct vfio_iommu_type1_info info; unsigned char more[1000]; } u;
	uint32_t size;
	size_t i;

	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	u.info.argsz = sizeof(u.info);
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_IOMMU_GET_INFO, &u));
	size = u.info.argsz;
	ASSERT_LT(size, sizeof(u));
	memset(&u, 0xee, sizeof(u));
	u.info.argsz = sizeof(u);
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_IOMMU_GET_INFO, &u));
	EXPECT_EQ(sizeof(u), u.info.argsz);
	EXPECT_EQ(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, u.info.flags);
	for (i = size; i < sizeof(u); i++)
		ASSERT_EQ(0xee, ((unsigned char *)&u)[i]);
}

TEST_F(info, avail_counts)
{
	const struct backend *d = &self->d;
	char *mem = touched_memory(4 * PAGE);
	long long avail;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	avail = backend_avail(d);
	EXPECT_EQ(65535, avail);
	ASSERT_EQ(0, backend_map(d, IOVA, mem, PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(d, IOVA + PAGE, mem, 3 * PAGE, MAP_RW));
	EXPECT_EQ(avail - 2, backend_avail(d));
	EXPECT_EQ(PAGE, backend_unmap(d, IOVA, PAGE));
	EXPECT_EQ(avail - 1, backend_avail(d));
	EXPECT_EQ(3 * PAGE, backend_unmap_all(d));
	EXPECT_EQ(avail, backend_avail(d));
}

TEST_HARNESS_MAIN
