// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VFIO container ioctls, for a stock container (through ioasid_vfio.ko)
 * and for /dev/ioasid itself. Decodes a structure, checks its size and flags, calls the
 * core, and returns type1's errnos.
 *
 * What can run at the same time: anything; no state lives here. The caller has a
 * reference on the space. The space may be killed at any moment; then the core returns
 * -EINVAL.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include <uapi/linux/ioasid.h>
#include "ops/ops.h"
#include "abi.h"

static noinline long vfio_compat_fail(struct ioasid_space *space, enum ioasid_error_op op, int err,
			     enum ioasid_reason reason)
{
	struct ioasid_fail f = { .reason = reason };

	ioasid_space_report(space, op, err, &f);
	return err;
}

/* Copy a structure of whole words in, whose first member is argsz, and check that. */
static __always_inline long vfio_compat_copy_in(struct ioasid_space *space, enum ioasid_error_op op,
						void *to, unsigned long arg, size_t minsz)
{
	BUILD_BUG_ON(minsz % sizeof(u64));
	if (ioasid_copy_words(to, (u64 __user *)arg, minsz / sizeof(u64)))
		return vfio_compat_fail(space, op, -EFAULT, IOASID_R_COPY);
	if (*(u32 *)to < minsz)
		return vfio_compat_fail(space, op, -EINVAL, IOASID_R_ARGSZ);
	return 0;
}

static bool vfio_compat_coherent(struct ioasid_space *space)
{
	struct ioasid_domain *d;
	bool all = true;

	down_read(&space->domains_rwsem);
	list_for_each_entry(d, &space->domains, link)
		all &= d->coherent;
	up_read(&space->domains_rwsem);
	return all;
}

static noinline long vfio_compat_check_extension(struct ioasid_space *space, unsigned long arg)
{
	switch (arg) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
	case IOASID_EXT_PRESENT:
		return 1;
	case VFIO_UPDATE_VADDR:
		return space ? !READ_ONCE(space->emulated) : 0;
	case IOASID_EXT_NESTING:
		return COMPAT_TYPE1_NESTING;
	case VFIO_DMA_CC_IOMMU:
		return space ? vfio_compat_coherent(space) : 0;
	default:
		return 0;
	}
}

/* The access of the device is the same bits for VFIO and for the core. */
static_assert(VFIO_DMA_MAP_FLAG_READ == IOASID_MAP_READ &&
	      VFIO_DMA_MAP_FLAG_WRITE == IOASID_MAP_WRITE);

static noinline __flatten long vfio_compat_map(struct ioasid_space *space, unsigned long arg)
{
	const u32 known = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE |
			  VFIO_DMA_MAP_FLAG_VADDR;
	/* Copied in as a whole. */
	struct vfio_iommu_type1_dma_map map __uninitialized;
	u32 flags = IOASID_MAP_LEGACY;
	long ret;

	ret = vfio_compat_copy_in(space, IOASID_ERROR_MAP, &map, arg,
				  offsetofend(struct vfio_iommu_type1_dma_map, size));
	if (ret)
		return ret;
	if (map.flags & ~known)
		return vfio_compat_fail(space, IOASID_ERROR_MAP, -EINVAL, IOASID_R_FLAGS);
	if (map.flags == VFIO_DMA_MAP_FLAG_VADDR)
		return ioasid_change_vaddr(space, map.iova, map.vaddr, map.size);
	/*
	 * VADDR allows no other flag. With another one the core gets a map without
	 * access, and refuses it after the checks that type1 makes first.
	 */
	if (likely(!(map.flags & VFIO_DMA_MAP_FLAG_VADDR)))
		flags |= map.flags;
	return ioasid_map(space, map.iova, map.vaddr, map.size, flags);
}

/*
 * Check for all dirty queries: the bitmap is large enough for @length bytes in pages of
 * its own size. The page size itself is checked later.
 */
static long vfio_compat_check_bitmap(const struct vfio_bitmap *b, u64 length)
{
	u64 pages;

	if (!b->pgsize || !access_ok((void __user *)b->data, b->size))
		return -EINVAL;
	pages = length >> __ffs64(b->pgsize);
	if (!pages || !b->size || b->size > IOASID_DIRTY_BITMAP_MAX ||
	    b->size < DIV_ROUND_UP(pages, 64) * sizeof(u64))
		return -EINVAL;
	return 0;
}

/*
 * Check their range, in the order of type1's unmap: alignment to the only valid page
 * size, then the end, then that the bitmap has that page size.
 */
static long vfio_compat_check_range(struct ioasid_space *space, u64 iova, u64 length,
				    u64 bitmap_pgsize)
{
	u64 pgsize, last;

	mutex_lock(&space->areas_lock);
	pgsize = ioasid_space_pgsize(space);
	mutex_unlock(&space->areas_lock);
	if ((iova | length) & (pgsize - 1))
		return -EINVAL;
	if (check_add_overflow(iova, length - 1, &last))
		return -COMPAT_TYPE1_EOVERFLOW;
	return bitmap_pgsize == pgsize ? 0 : -EINVAL;
}

static noinline long vfio_compat_unmap_dirty(struct ioasid_space *space,
				    const struct vfio_iommu_type1_dma_unmap *unmap,
				    u32 flags, unsigned long arg, u64 *done)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap, size);
	struct ioasid_dirty_query q = { .iova = unmap->iova, .length = unmap->size };
	struct vfio_bitmap bitmap;
	long ret;

	if (unmap->argsz < minsz + sizeof(bitmap))
		return vfio_compat_fail(space, IOASID_ERROR_UNMAP, -EINVAL, IOASID_R_ARGSZ);
	if (copy_from_user(&bitmap, (void __user *)(arg + minsz), sizeof(bitmap)))
		return vfio_compat_fail(space, IOASID_ERROR_UNMAP, -EFAULT, IOASID_R_COPY);
	ret = vfio_compat_check_bitmap(&bitmap, unmap->size);
	if (!ret)
		ret = vfio_compat_check_range(space, unmap->iova, unmap->size, bitmap.pgsize);
	if (ret)
		return vfio_compat_fail(space, IOASID_ERROR_UNMAP, ret, IOASID_R_DIRTY);
	q.shift = __ffs64(bitmap.pgsize);
	q.bits = (u64 __user *)bitmap.data;
	q.size = bitmap.size;
	return ioasid_unmap_dirty(space, flags, &q, done);
}

static noinline __flatten long vfio_compat_unmap(struct ioasid_space *space, bool v2, unsigned long arg)
{
	const u32 known = VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR |
			  VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap, size);
	/* Copied in as far as it is read. */
	struct vfio_iommu_type1_dma_unmap unmap __uninitialized;
	u32 flags = v2 ? 0 : IOASID_UNMAP_V1;
	bool dirty;
	u64 done;
	long ret;

	ret = vfio_compat_copy_in(space, IOASID_ERROR_UNMAP, &unmap, arg, minsz);
	if (ret)
		return ret;
	dirty = unmap.flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	if (unmap.flags & ~known || (dirty && unmap.flags & ~VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP))
		return vfio_compat_fail(space, IOASID_ERROR_UNMAP, -EINVAL, IOASID_R_FLAGS);
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL)
		flags |= IOASID_UNMAP_ALL;
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_VADDR)
		flags |= IOASID_UNMAP_VADDR;

	ret = dirty ? vfio_compat_unmap_dirty(space, &unmap, flags, arg, &done) :
		      ioasid_unmap(space, unmap.iova, unmap.size, flags, &done);
	if (ret)
		return ret;
	/* Nothing else of it has changed. */
	if (put_user(done, &((struct vfio_iommu_type1_dma_unmap __user *)arg)->size))
		return vfio_compat_fail(space, IOASID_ERROR_UNMAP, -EFAULT, IOASID_R_COPY);
	return 0;
}

static long vfio_compat_dirty_get(struct ioasid_space *space, u32 argsz, unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dirty_bitmap, flags);
	struct vfio_iommu_type1_dirty_bitmap_get range;
	struct ioasid_dirty_piece *piece;
	struct ioasid_dirty_query q = {};
	u64 last;
	long ret;

	if (argsz - minsz < sizeof(range))
		return -EINVAL;
	if (copy_from_user(&range, (void __user *)(arg + minsz), sizeof(range)))
		return -EFAULT;
	if (range.size &&
	    check_add_overflow(range.iova, range.size - COMPAT_TYPE1_LAST_PAGE, &last))
		return -COMPAT_TYPE1_EOVERFLOW;
	ret = vfio_compat_check_bitmap(&range.bitmap, range.size);
	if (!ret)
		ret = vfio_compat_check_range(space, range.iova, range.size, range.bitmap.pgsize);
	if (ret)
		return ret;
	q.iova = range.iova;
	q.length = range.size;
	q.shift = __ffs64(range.bitmap.pgsize);
	q.bits = (u64 __user *)range.bitmap.data;
	q.size = range.bitmap.size;
	piece = ioasid_dirty_piece_alloc();
	if (!piece)
		return -ENOMEM;
	ret = ioasid_dirty_get(space, &q, piece, true);
	kvfree(piece);
	return ret;
}

static noinline long vfio_compat_dirty_pages(struct ioasid_space *space, bool v2, unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dirty_bitmap, flags);
	struct vfio_iommu_type1_dirty_bitmap dirty __aligned(sizeof(u64));
	long ret;

	if (!v2)
		return vfio_compat_fail(space, IOASID_ERROR_DIRTY, -EACCES, IOASID_R_DIRTY);
	ret = vfio_compat_copy_in(space, IOASID_ERROR_DIRTY, &dirty, arg, minsz);
	if (ret)
		return ret;

	switch (dirty.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		ret = ioasid_dirty_start(space);
		break;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		ioasid_dirty_stop(space);
		break;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		ret = vfio_compat_dirty_get(space, dirty.argsz, arg);
		break;
	default:
		return vfio_compat_fail(space, IOASID_ERROR_DIRTY, -EINVAL, IOASID_R_FLAGS);
	}
	return ret ? vfio_compat_fail(space, IOASID_ERROR_DIRTY, ret, IOASID_R_DIRTY) : 0;
}

long ioasid_vfio_ioctl(struct ioasid_space *space, bool v2, unsigned int cmd, unsigned long arg)
{
	if (cmd == VFIO_CHECK_EXTENSION)
		return vfio_compat_check_extension(space, arg);
	if (!space)
		return -EINVAL;

	switch (cmd) {
	case VFIO_IOMMU_GET_INFO:
		return ioasid_vfio_get_info(space, arg);
	case VFIO_IOMMU_MAP_DMA:
		return vfio_compat_map(space, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return vfio_compat_unmap(space, v2, arg);
	case VFIO_IOMMU_DIRTY_PAGES:
		return vfio_compat_dirty_pages(space, v2, arg);
	default:
		return -ENOTTY;
	}
}
IOASID_EXPORT(ioasid_vfio_ioctl);
