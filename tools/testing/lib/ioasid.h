/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls of /dev/ioasid's own, called as they are, with nothing between
 * the test and the kernel. tools/libioasid has tests of its own.
 */
#ifndef IOASID_TEST_NATIVE_H
#define IOASID_TEST_NATIVE_H

#include "lib/backend.h"

static inline int native_open(void)
{
	return open("/dev/ioasid", O_RDWR | O_CLOEXEC);
}

/* A new address space, or -1. */
static inline int native_alloc(int fd)
{
	struct ioasid_alloc arg = { .size = sizeof(arg) };

	return ioctl(fd, IOASID_ALLOC, &arg) ? -1 : (int)arg.out_ioasid;
}

static inline int native_free(int fd, uint32_t id)
{
	struct ioasid_free arg = { .size = sizeof(arg), .ioasid = id };

	return ioctl(fd, IOASID_FREE, &arg);
}

/* The default one after the call, or -1. */
static inline int native_legacy(int fd, uint32_t op, uint32_t id)
{
	struct ioasid_legacy arg = { .size = sizeof(arg), .op = op, .ioasid = id };

	return ioctl(fd, IOASID_LEGACY, &arg) ? -1 : (int)arg.out_ioasid;
}

/* One ioctl of dirty tracking on the default space. */
static inline int native_dirty(int fd, uint32_t op, uint64_t iova, uint64_t length,
			       uint64_t page_size, uint64_t *bits, uint64_t size)
{
	struct ioasid_dirty arg = {
		.size = sizeof(arg),
		.op = op,
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.data = (uintptr_t)bits,
		.data_size = size,
	};

	return ioctl(fd, IOASID_DIRTY, &arg);
}

#define NATIVE_RW	(IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE)
#define NATIVE_FIXED	(NATIVE_RW | IOASID_MAP_FLAG_FIXED_IOVA)
#define NATIVE_FAIL	UINT64_MAX

/* Where it is mapped, or NATIVE_FAIL. */
static inline uint64_t native_map(int fd, uint32_t id, uint32_t flags, uint64_t iova,
				  const void *mem, uint64_t length)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg),
		.flags = flags,
		.ioasid = id,
		.iova = iova,
		.user_va = (uintptr_t)mem,
		.length = length,
	};

	return ioctl(fd, IOASID_MAP_DMA, &arg) ? NATIVE_FAIL : arg.out_iova;
}

/*
 * The same of a window with holes: *nr is the room at @holes, which may be NULL, and then how
 * many there are, also where there was no room; @mapped is set to the bytes that are none.
 */
static inline uint64_t native_map_sparse(int fd, uint32_t id, uint32_t flags, uint64_t iova,
					 const void *mem, uint64_t length,
					 struct ioasid_iova_range *holes, uint32_t *nr,
					 uint64_t *mapped)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg),
		.flags = flags | IOASID_MAP_FLAG_SPARSE,
		.ioasid = id,
		.iova = iova,
		.user_va = (uintptr_t)mem,
		.length = length,
		.holes = (uintptr_t)holes,
		.nr_holes = *nr,
		.out_nr_holes = 77,
		.out_mapped = 77,
	};
	int ret = ioctl(fd, IOASID_MAP_DMA, &arg);

	*nr = arg.out_nr_holes;
	*mapped = arg.out_mapped;
	return ret ? NATIVE_FAIL : arg.out_iova;
}

static inline uint64_t native_map_file(int fd, uint32_t id, uint32_t flags, uint64_t iova,
				       int file, uint64_t start, uint64_t length)
{
	struct ioasid_map_file arg = {
		.size = sizeof(arg),
		.flags = flags,
		.ioasid = id,
		.fd = file,
		.iova = iova,
		.start = start,
		.length = length,
	};

	return ioctl(fd, IOASID_MAP_FILE, &arg) ? NATIVE_FAIL : arg.out_iova;
}

static inline uint64_t native_copy(int fd, uint32_t dst, uint32_t src, uint32_t flags,
				   uint64_t dst_iova, uint64_t src_iova, uint64_t length)
{
	struct ioasid_copy arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dst_ioasid = dst,
		.src_ioasid = src,
		.dst_iova = dst_iova,
		.src_iova = src_iova,
		.length = length,
	};

	return ioctl(fd, IOASID_COPY, &arg) ? NATIVE_FAIL : arg.out_iova;
}

/* Bytes unmapped, or -1. */
static inline long long native_unmap_with(int fd, uint32_t id, uint32_t flags, uint64_t iova,
					  uint64_t length)
{
	struct ioasid_unmap_dma arg = {
		.size = sizeof(arg),
		.flags = flags,
		.ioasid = id,
		.iova = iova,
		.length = length,
		.out_length = 77,
	};

	return ioctl(fd, IOASID_UNMAP_DMA, &arg) ? -1 : (long long)arg.out_length;
}

static inline long long native_unmap(int fd, uint32_t id, uint64_t iova, uint64_t length)
{
	return native_unmap_with(fd, id, length ? 0 : IOASID_UNMAP_FLAG_ALL, iova, length);
}

/* The same of a range that may cut mappings. */
static inline long long native_unmap_split(int fd, uint32_t id, uint64_t iova, uint64_t length)
{
	return native_unmap_with(fd, id, IOASID_UNMAP_FLAG_SPLIT, iova, length);
}

static inline long long native_unmap_all(int fd, uint32_t id)
{
	return native_unmap(fd, id, 0, 0);
}

/* 0 or -1; *done is how far it got. */
static inline int native_map_batch(int fd, uint32_t id, struct ioasid_map_entry *e, uint32_t nr,
				   uint32_t *done)
{
	struct ioasid_map_batch arg = {
		.size = sizeof(arg),
		.ioasid = id,
		.nr_entries = nr,
		.entries = (uintptr_t)e,
		.entry_size = sizeof(*e),
		.out_done = 77,
	};
	int ret = ioctl(fd, IOASID_MAP_BATCH, &arg);

	*done = arg.out_done;
	return ret;
}

static inline int native_unmap_batch(int fd, uint32_t id, struct ioasid_iova_range *r,
				     uint32_t nr, uint32_t *done)
{
	struct ioasid_unmap_batch arg = {
		.size = sizeof(arg),
		.ioasid = id,
		.nr_entries = nr,
		.entries = (uintptr_t)r,
		.entry_size = sizeof(*r),
		.out_done = 77,
	};
	int ret = ioctl(fd, IOASID_UNMAP_BATCH, &arg);

	*done = arg.out_done;
	return ret;
}

static inline int native_option(int fd, uint32_t id, uint32_t option, uint32_t op, uint64_t value,
				uint64_t *out)
{
	struct ioasid_option arg = {
		.size = sizeof(arg),
		.ioasid = id,
		.option = option,
		.op = op,
		.value = value,
	};
	int ret = ioctl(fd, IOASID_OPTION, &arg);

	if (out)
		*out = arg.out_value;
	return ret;
}

static inline int native_set(int fd, uint32_t id, uint32_t option, uint64_t value)
{
	return native_option(fd, id, option, IOASID_OPTION_SET, value, NULL);
}

static inline int native_allow(int fd, uint32_t id, const struct ioasid_iova_range *r, uint32_t nr)
{
	struct ioasid_allow_iovas arg = {
		.size = sizeof(arg),
		.ioasid = id,
		.nr_ranges = nr,
		.ranges = (uintptr_t)r,
	};

	return ioctl(fd, IOASID_ALLOW_IOVAS, &arg);
}

static inline struct ioasid_get_info native_info(int fd, uint32_t id)
{
	struct ioasid_get_info arg = { .size = sizeof(arg), .ioasid = id };

	if (ioctl(fd, IOASID_GET_INFO, &arg))
		memset(&arg, 0xff, sizeof(arg));
	return arg;
}

/* A space of its own in @fd, with the device behind it; the backend keeps the group. */
static inline bool native_attach(int fd, struct backend *d, const char *bdf)
{
	return backend_join(d, BACKEND_SHIM, bdf) &&
	       !ioctl(d->fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(fd));
}

/* What must be the same before and after a call that fails. */
struct native_tally {
	long locked;
	long long pinned;
	struct ioasid_get_info info;
};

static inline struct native_tally native_tally(int fd)
{
	return (struct native_tally){ locked_kib(), ktap_pinned(), native_info(fd, 0) };
}

#define EXPECT_NATIVE_UNCHANGED(fd, before) do {				\
	struct native_tally _after = native_tally(fd);				\
										\
	EXPECT_EQ((before)->locked, _after.locked);				\
	EXPECT_EQ((before)->pinned, _after.pinned);				\
	EXPECT_EQ((before)->info.out_maps, _after.info.out_maps);		\
	EXPECT_EQ((before)->info.out_bytes, _after.info.out_bytes);		\
	EXPECT_EQ((before)->info.out_avail, _after.info.out_avail);		\
} while (0)

/* A map call fails with this errno, and leaves nothing behind. */
#define EXPECT_NO_MAP(fd, error, call) do {					\
	struct native_tally _before = native_tally(fd);				\
	uint64_t _where = call;							\
	int _err = _where == NATIVE_FAIL ? errno : 0;				\
										\
	EXPECT_EQ(NATIVE_FAIL, _where);						\
	EXPECT_EQ(error, _err);						\
	EXPECT_NATIVE_UNCHANGED(fd, &_before);					\
} while (0)

#endif /* IOASID_TEST_NATIVE_H */
