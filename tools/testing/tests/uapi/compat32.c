// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls as a 32-bit program makes them: this program itself, through the
 * system call gate that the kernel has for those.
 */
#include "lib/backend.h"
#include "lib/ioctl32.h"

#define IOVA	0x10000000ULL

FIXTURE(compat32) {
	struct backend d;
	char *mem;		/* below 4 GiB, where 32 bits reach */
};

FIXTURE_VARIANT(compat32) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(compat32, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(compat32, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(compat32, type1) { .kind = BACKEND_TYPE1 };

static uint32_t low(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

FIXTURE_SETUP(compat32)
{
	self->mem = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->d.kind = variant->kind;
	self->d.group = -1;
	if (variant->kind == BACKEND_IOASID)
		self->d.fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	else
		ASSERT_TRUE(backend_join(&self->d, variant->kind, DEVICE_NVME));
	ASSERT_LE(0, self->d.fd);
	if (ioctl32(self->d.fd, VFIO_GET_API_VERSION, 0) < 0 && errno == ENOSYS)
		SKIP(return, "this kernel takes no 32-bit calls of 64-bit programs");
}

FIXTURE_TEARDOWN(compat32)
{
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));
}

TEST_F(compat32, everything)
{
	struct vfio_iommu_type1_dma_unmap *unmap = (void *)self->mem;
	struct vfio_iommu_type1_dma_map *map = (void *)self->mem;
	struct vfio_iommu_type1_info *info = (void *)self->mem;
	int fd = self->d.fd;

	EXPECT_EQ(VFIO_API_VERSION, ioctl32(fd, VFIO_GET_API_VERSION, 0));
	EXPECT_EQ(1, ioctl32(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(variant->kind != BACKEND_TYPE1,
		  ioctl32(fd, VFIO_CHECK_EXTENSION, IOASID_EXT_PRESENT));
	EXPECT_ERRNO(ENODEV, ioctl32(fd, VFIO_SET_IOMMU, 99));
	ASSERT_EQ(0, ioctl32(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));

	info->argsz = 1024;
	ASSERT_EQ(0, ioctl32(fd, VFIO_IOMMU_GET_INFO, low(info)));
	EXPECT_EQ(sizeof(*info), info->cap_offset);

	*map = (struct vfio_iommu_type1_dma_map){
		.argsz = sizeof(*map), .flags = MAP_RW, .vaddr = low(self->mem + PAGE),
		.iova = IOVA, .size = 3 * PAGE,
	};
	ASSERT_EQ(0, ioctl32(fd, VFIO_IOMMU_MAP_DMA, low(map)));
	EXPECT_EQ(3 * PAGE / KIB, locked_kib());
	EXPECT_REFUSED(&self->d, EEXIST, ioctl32(fd, VFIO_IOMMU_MAP_DMA, low(map)));
	EXPECT_REFUSED(&self->d, EFAULT, ioctl32(fd, VFIO_IOMMU_MAP_DMA, 16));

	*unmap = (struct vfio_iommu_type1_dma_unmap){
		.argsz = sizeof(*unmap), .iova = IOVA, .size = 8 * PAGE,
	};
	EXPECT_EQ(0, ioctl32(fd, VFIO_IOMMU_UNMAP_DMA, low(unmap)));
	EXPECT_EQ(3 * PAGE, unmap->size);
	EXPECT_ERRNO(ENOTTY, ioctl32(fd, _IO(VFIO_TYPE, VFIO_BASE + 99), 0));
}

/* The short form of the argument that names a /dev/ioasid. */
TEST(join)
{
	struct backend ioasid, d;

	ASSERT_TRUE(backend_join(&d, BACKEND_SHIM, DEVICE_NVME));
	if (ioctl32(d.fd, VFIO_GET_API_VERSION, 0) < 0 && errno == ENOSYS)
		SKIP(return, "this kernel takes no 32-bit calls of 64-bit programs");
	ASSERT_TRUE(backend_open(&ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	EXPECT_ERRNO(EBADF, ioctl32(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG32(999)));
	EXPECT_ERRNO(EINVAL, ioctl32(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG32(d.group)));
	ASSERT_EQ(0, ioctl32(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG32(ioasid.fd)));
	ASSERT_EQ(0, backend_map(&ioasid, IOVA, touched_memory(PAGE), PAGE, MAP_RW));
	EXPECT_EQ(PAGE, backend_unmap(&d, IOVA, PAGE));
	backend_close(&ioasid);
	backend_close(&d);
}

TEST_HARNESS_MAIN
