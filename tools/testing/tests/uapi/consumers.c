// SPDX-License-Identifier: GPL-2.0-only
/*
 * What known programs call, in their order, with what they insist on: QEMU,
 * DPDK, SPDK, libvfn, cloud-hypervisor. The programs themselves are not here;
 * the numbers after the names are the checks that they make.
 */
#include "lib/backend.h"

#define REGIONS		6
#define REGION_SIZE	(2 * MIB)

FIXTURE(consumer) {
	int container;
	int group;
	char *mem;		/* REGIONS of them */
	long long before;
};

FIXTURE_VARIANT(consumer) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(consumer, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(consumer, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(consumer)
{
	self->before = ktap_pinned();
	ASSERT_TRUE(backend_prefer(variant->kind));
	self->mem = touched_memory(REGIONS * REGION_SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->group = -1;
	self->container = -1;
}

FIXTURE_TEARDOWN(consumer)
{
	close(self->group);
	close(self->container);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));
}

static int map(int container, uint64_t iova, const void *mem, uint64_t size, uint32_t flags)
{
	struct backend d = { .fd = container };

	return backend_map(&d, iova, mem, size, flags);
}

static long long unmap(int container, uint64_t iova, uint64_t size)
{
	struct backend d = { .fd = container };

	return backend_unmap(&d, iova, size);
}

/* The flags of VFIO_GROUP_GET_STATUS, or -1. */
static int group_status(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	return ioctl(group, VFIO_GROUP_GET_STATUS, &status) ? -1 : (int)status.flags;
}

/* Group before container, as nearly all programs do it. */
static void open_both(struct ktap_test *_self, struct ktap_fixture_consumer *self)
{
	self->group = backend_open_group(DEVICE_NVME);
	ASSERT_LE(0, self->group);
	ASSERT_EQ(VFIO_GROUP_FLAGS_VIABLE, group_status(self->group));
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	ASSERT_EQ(VFIO_API_VERSION, ioctl(self->container, VFIO_GET_API_VERSION));
}

static int extension(int container, unsigned long number)
{
	return ioctl(container, VFIO_CHECK_EXTENSION, number);
}

/* --- QEMU --- */

static void qemu_start(struct ktap_test *_self, struct ktap_fixture_consumer *self)
{
	struct vfio_iommu_type1_info_cap_migration *migration;
	struct vfio_iommu_type1_info *info;
	struct backend d;
	int foreign = open("/dev/null", O_RDWR | O_CLOEXEC);

	open_both(_self, self);
	if (_self->failed)
		return;
	/* It tries containers that it has, and takes any error for "another one". */
	EXPECT_GE(-1, ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &foreign));
	close(foreign);
	ASSERT_LT(0, extension(self->container, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &self->container));
	ASSERT_EQ(0, ioctl(self->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_LT(0, extension(self->container, VFIO_UPDATE_VADDR));
	EXPECT_LT(0, extension(self->container, VFIO_UNMAP_ALL));

	d.fd = self->container;
	info = backend_info(&d);
	ASSERT_TRUE(info);
	EXPECT_TRUE(info->flags & VFIO_IOMMU_INFO_PGSIZES && info->iova_pgsizes & PAGE);
	migration = info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION);
	ASSERT_TRUE(migration);
	EXPECT_TRUE(migration->pgsize_bitmap & PAGE);
	EXPECT_LT(0, migration->max_dirty_bitmap_size);
	EXPECT_TRUE(info_cap(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL));
	EXPECT_TRUE(info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE));
	free(info);
}

/* Memory of a PC: low memory, a ROM, more above 4 GiB. */
static void qemu_map_all(struct ktap_test *_self, struct ktap_fixture_consumer *self)
{
	int c = self->container;

	ASSERT_EQ(0, map(c, 0, self->mem, 0xa0000, MAP_RW));
	ASSERT_EQ(0, map(c, 0xc0000, self->mem + MIB, 0x20000, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, map(c, 0x100000, self->mem + REGION_SIZE, 2 * REGION_SIZE, MAP_RW));
	ASSERT_EQ(0, map(c, 4 * GIB, self->mem + 3 * REGION_SIZE, 3 * REGION_SIZE, MAP_RW));
}

static void qemu_unmap_all(struct ktap_test *_self, struct ktap_fixture_consumer *self)
{
	ASSERT_LT(0, unmap(self->container, 0, 1ULL << 63));
	ASSERT_EQ(0, unmap(self->container, 1ULL << 63, 1ULL << 63));
	EXPECT_EQ(0, locked_kib());
}

TEST_F(consumer, qemu)
{
	struct vfio_device_info device_info = { .argsz = sizeof(device_info) };
	int device;

	qemu_start(_self, self);
	if (!_self->failed)
		qemu_map_all(_self, self);
	if (_self->failed)
		return;
	device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD, DEVICE_NVME);
	ASSERT_LE(0, device);
	EXPECT_EQ(0, ioctl(device, VFIO_DEVICE_GET_INFO, &device_info));
	EXPECT_EQ(0, ioctl(device, VFIO_DEVICE_RESET));
	/* A section that moves. */
	EXPECT_EQ(0x20000, unmap(self->container, 0xc0000, 0x20000));
	EXPECT_EQ(0, map(self->container, 0xc0000, self->mem + MIB, 0x40000, MAP_RW));
	close(device);
	qemu_unmap_all(_self, self);
	EXPECT_EQ(0, ioctl(self->group, VFIO_GROUP_UNSET_CONTAINER));
}

static int dirty(int container, uint32_t flags)
{
	struct vfio_iommu_type1_dirty_bitmap d = { .argsz = sizeof(d), .flags = flags };

	return ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &d);
}

/* Its live migration: every page is dirty, as no device says otherwise. */
TEST_F(consumer, qemu_migrates)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} get;
	struct {
		struct vfio_iommu_type1_dma_unmap head;
		struct vfio_bitmap bitmap;
	} gone;
	uint64_t bits[REGION_SIZE / PAGE / 64];
	unsigned int i;

	qemu_start(_self, self);
	if (_self->failed)
		return;
	ASSERT_EQ(0, map(self->container, 4 * GIB, self->mem, REGION_SIZE, MAP_RW));
	ASSERT_EQ(0, dirty(self->container, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	memset(bits, 0, sizeof(bits));
	memset(&get, 0, sizeof(get));
	get.head.argsz = sizeof(get);
	get.head.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
	get.get.iova = 4 * GIB;
	get.get.size = REGION_SIZE;
	get.get.bitmap = (struct vfio_bitmap){ PAGE, sizeof(bits), (void *)bits };
	ASSERT_EQ(0, ioctl(self->container, VFIO_IOMMU_DIRTY_PAGES, &get));
	for (i = 0; i < REGION_SIZE / PAGE / 64; i++)
		ASSERT_EQ(UINT64_MAX, bits[i]);

	memset(bits, 0, sizeof(bits));
	memset(&gone, 0, sizeof(gone));
	gone.head.argsz = sizeof(gone);
	gone.head.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	gone.head.iova = 4 * GIB;
	gone.head.size = REGION_SIZE;
	gone.bitmap = (struct vfio_bitmap){ PAGE, sizeof(bits), (void *)bits };
	ASSERT_EQ(0, ioctl(self->container, VFIO_IOMMU_UNMAP_DMA, &gone));
	EXPECT_EQ(REGION_SIZE, gone.head.size);
	for (i = 0; i < REGION_SIZE / PAGE / 64; i++)
		ASSERT_EQ(UINT64_MAX, bits[i]);
	EXPECT_EQ(0, dirty(self->container, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
}

/* Its live update: DMA goes on while another process takes the memory over. */
TEST_F(consumer, qemu_is_updated)
{
	struct backend d;
	int fd = memfd_create("consumer", MFD_CLOEXEC), status;
	char *mem;
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, REGION_SIZE));
	mem = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	qemu_start(_self, self);
	if (_self->failed)
		return;
	d.fd = self->container;
	ASSERT_EQ(0, map(d.fd, 0, mem, REGION_SIZE, MAP_RW));
	EXPECT_EQ(REGION_SIZE, backend_unmap_flags(&d, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL |
						   VFIO_DMA_UNMAP_FLAG_VADDR));
	EXPECT_EQ(REGION_SIZE / KIB, locked_kib());
	pid = fork();
	if (!pid) {
		if (map(d.fd, 0, mem, REGION_SIZE - PAGE, VFIO_DMA_MAP_FLAG_VADDR) == 0)
			_exit(1);
		if (map(d.fd, 0, mem, REGION_SIZE, VFIO_DMA_MAP_FLAG_VADDR))
			_exit(2);
		if (locked_kib() != REGION_SIZE / KIB)
			_exit(3);
		_exit(unmap(d.fd, 0, REGION_SIZE) == REGION_SIZE && locked_kib() == 0 ? 0 : 4);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, locked_kib());
}

/* --- DPDK and SPDK --- */

static void dpdk_start(struct ktap_test *_self, struct ktap_fixture_consumer *self)
{
	static const unsigned long type[] = {
		VFIO_TYPE1_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU, VFIO_NOIOMMU_IOMMU,
	};
	int found = 0, status, i;

	ASSERT_EQ(0, access("/sys/module/vfio", F_OK));
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	ASSERT_EQ(VFIO_API_VERSION, ioctl(self->container, VFIO_GET_API_VERSION));
	for (i = 0; i < 3; i++) {
		int has = extension(self->container, type[i]);

		ASSERT_LE(0, has);
		found += has == 1;
	}
	ASSERT_LT(0, found);
	self->group = backend_open_group(DEVICE_NVME);
	ASSERT_LE(0, self->group);
	status = group_status(self->group);
	ASSERT_TRUE(status & VFIO_GROUP_FLAGS_VIABLE);
	ASSERT_FALSE(status & VFIO_GROUP_FLAGS_CONTAINER_SET);
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &self->container));
	for (i = 0; i < 3; i++)
		if (!ioctl(self->container, VFIO_SET_IOMMU, type[i]))
			break;
	ASSERT_EQ(0, i);
}

/* IOVA is the virtual address; EEXIST means "mapped already"; sizes are exact. */
TEST_F(consumer, dpdk)
{
	int device, i;

	dpdk_start(_self, self);
	if (_self->failed)
		return;
	for (i = 0; i < REGIONS; i++) {
		char *at = self->mem + i * REGION_SIZE;

		ASSERT_EQ(0, map(self->container, (uintptr_t)at, at, REGION_SIZE, MAP_RW));
		ASSERT_ERRNO(EEXIST, map(self->container, (uintptr_t)at, at, REGION_SIZE, MAP_RW));
	}
	device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD,
		       DEVICE_NVME " vf_token=01234567-89ab-cdef-0123-456789abcdef");
	EXPECT_GE(-1, device);
	device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD, DEVICE_NVME);
	ASSERT_LE(0, device);
	EXPECT_TRUE(group_status(self->group) & VFIO_GROUP_FLAGS_CONTAINER_SET);
	for (i = REGIONS - 1; i >= 0; i--) {
		char *at = self->mem + i * REGION_SIZE;

		ASSERT_EQ(REGION_SIZE, unmap(self->container, (uintptr_t)at, REGION_SIZE));
	}
	close(device);
}

/* A second process has the same fds, and maps memory of its own. */
TEST_F(consumer, dpdk_secondary_process)
{
	uint64_t iova = 16 * GIB;
	int status;
	pid_t pid;

	dpdk_start(_self, self);
	if (_self->failed)
		return;
	ASSERT_EQ(0, map(self->container, iova, self->mem, REGION_SIZE, MAP_RW));
	pid = fork();
	if (!pid) {
		char *mine = touched_memory(REGION_SIZE);

		if (map(self->container, iova, mine, REGION_SIZE, MAP_RW) == 0 || errno != EEXIST)
			_exit(1);
		if (map(self->container, iova + REGION_SIZE, mine, REGION_SIZE, MAP_RW))
			_exit(2);
		_exit(locked_kib() == REGION_SIZE / KIB ? 0 : 3);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(REGION_SIZE, unmap(self->container, iova + REGION_SIZE, REGION_SIZE));
	EXPECT_EQ(REGION_SIZE / KIB, locked_kib());
	EXPECT_EQ(REGION_SIZE, unmap(self->container, iova, REGION_SIZE));
}

/* Memory by 2 MiB at physical-looking addresses, all of it again and again. */
TEST_F(consumer, spdk)
{
	uint64_t iova = GIB;
	int round, i;

	dpdk_start(_self, self);
	if (_self->failed)
		return;
	for (round = 0; round < 3; round++) {
		for (i = 0; i < REGIONS; i++)
			ASSERT_EQ(0, map(self->container, iova + (i * 5 % REGIONS) * REGION_SIZE,
					 self->mem + i * REGION_SIZE, REGION_SIZE, MAP_RW));
		for (i = 0; i < REGIONS; i++)
			ASSERT_EQ(REGION_SIZE, unmap(self->container, iova + i * REGION_SIZE,
						     REGION_SIZE));
	}
}

/* --- libvfn --- */

/* It walks the chain without asking whether there is one. */
static uint64_t vfn_first_iova(int container)
{
	struct vfio_iommu_type1_info *info = calloc(1, sizeof(*info));
	struct vfio_iommu_type1_info_cap_iova_range *range;
	struct vfio_info_cap_header *cap;
	uint64_t first = 0;
	uint32_t next;

	if (!info)
		abort();
	info->argsz = sizeof(*info);
	if (ioctl(container, VFIO_IOMMU_GET_INFO, info))
		return 0;
	info = realloc(info, info->argsz);
	if (!info)
		abort();
	if (ioctl(container, VFIO_IOMMU_GET_INFO, info))
		return 0;
	next = info->cap_offset;
	do {
		cap = (void *)((char *)info + next);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
			range = (void *)cap;
			first = range->iova_ranges[0].start + 64 * KIB;
		}
		next = cap->next;
	} while (next);
	free(info);
	return first;
}

TEST_F(consumer, libvfn)
{
	struct backend d;
	uint64_t iova;
	int device, i;

	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	ASSERT_EQ(VFIO_API_VERSION, ioctl(self->container, VFIO_GET_API_VERSION));
	ASSERT_LT(0, extension(self->container, VFIO_TYPE1_IOMMU));
	self->group = backend_open_group(DEVICE_NVME);
	ASSERT_LE(0, self->group);
	ASSERT_TRUE(group_status(self->group) & VFIO_GROUP_FLAGS_VIABLE);
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &self->container));
	ASSERT_EQ(0, ioctl(self->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	iova = vfn_first_iova(self->container);
	ASSERT_EQ(64 * KIB, iova);
	device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD, DEVICE_NVME);
	ASSERT_LE(0, device);
	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, map(self->container, iova + i * PAGE, self->mem + i * PAGE, PAGE,
				 1 + i % 3));
	EXPECT_EQ(PAGE, unmap(self->container, iova, PAGE));
	d.fd = self->container;
	EXPECT_EQ(39 * PAGE, backend_unmap_all(&d));
	close(device);
}

/* --- cloud-hypervisor: values must be these and no others --- */

TEST_F(consumer, cloud_hypervisor)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = 0 };
	int device, i;
	char *bar;

	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, ioctl(self->container, VFIO_GET_API_VERSION));
	ASSERT_EQ(1, extension(self->container, VFIO_TYPE1v2_IOMMU));
	self->group = backend_open_group(DEVICE_EDU);
	ASSERT_LE(0, self->group);
	ASSERT_EQ(VFIO_GROUP_FLAGS_VIABLE, group_status(self->group));
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &self->container));
	ASSERT_EQ(0, ioctl(self->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	for (i = 0; i < REGIONS; i++)
		ASSERT_EQ(0, map(self->container, i * GIB, self->mem + i * REGION_SIZE,
				 REGION_SIZE, MAP_RW));
	device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD, DEVICE_EDU);
	ASSERT_LE(0, device);
	ASSERT_EQ(0, ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region));
	bar = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, region.offset);
	ASSERT_NE(MAP_FAILED, bar);
	ASSERT_EQ(0, map(self->container, 64 * GIB, bar, region.size, MAP_RW));
	ASSERT_EQ(region.size, unmap(self->container, 64 * GIB, region.size));
	for (i = 0; i < REGIONS; i++)
		ASSERT_EQ(REGION_SIZE, unmap(self->container, i * GIB, REGION_SIZE));
	munmap(bar, region.size);
	close(device);
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_UNSET_CONTAINER));
}

/* --- the correctness tests that VFIO's maintainers run --- */

TEST_F(consumer, maintainers_tests)
{
	int i;

	open_both(_self, self);
	if (_self->failed)
		return;
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &self->container));
	/* The wrong type first. */
	ASSERT_EQ(-1, ioctl(self->container, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_IOMMU));
	ASSERT_EQ(0, ioctl(self->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map(self->container, 0, self->mem, REGION_SIZE, MAP_RW));
	/* Small pieces from the end; only the first page takes it all. */
	for (i = REGION_SIZE / PAGE - 1; i > 0; i--)
		ASSERT_EQ(0, unmap(self->container, i * PAGE, PAGE));
	ASSERT_EQ(REGION_SIZE, unmap(self->container, 0, PAGE));
	ASSERT_EQ(0, unmap(self->container, 0, PAGE));
}

TEST_HARNESS_MAIN
