// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VFIO container ioctls, for a stock container (through ioasid_vfio.ko)
 * and for /dev/ioasid itself. Decodes, checks what the structure says about
 * itself, and calls the core; answers with type1's errnos.
 *
 * Who else can run: anything; no state lives here. The caller holds a
 * reference on the space, and the space may be killed at any moment, which the
 * core answers with -EINVAL.
 */
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include <uapi/linux/ioasid.h>
#include "legacy.h"
#include "space.h"

static long legacy_fail(struct ioasid_space *space, const char *op, int err,
			enum ioasid_reason reason)
{
	struct ioasid_fail f = { .reason = reason };

	ioasid_space_report(space, op, err, &f);
	return err;
}

/* Copy a structure in, whose first member is argsz, and check that. */
static long copy_in(struct ioasid_space *space, const char *op, void *to, unsigned long arg,
		    size_t minsz)
{
	if (copy_from_user(to, (void __user *)arg, minsz))
		return legacy_fail(space, op, -EFAULT, IOASID_R_COPY);
	if (*(u32 *)to < minsz)
		return legacy_fail(space, op, -EINVAL, IOASID_R_ARGSZ);
	return 0;
}

static bool space_all_coherent(struct ioasid_space *space)
{
	struct ioasid_domain *d;
	bool all = true;

	down_read(&space->domains_rwsem);
	list_for_each_entry(d, &space->domains, link)
		all &= d->coherent;
	up_read(&space->domains_rwsem);
	return all;
}

static long legacy_check_extension(struct ioasid_space *space, unsigned long arg)
{
	switch (arg) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
	case IOASID_EXT_PRESENT:
		return 1;
	case IOASID_EXT_NESTING:
		return COMPAT_TYPE1_NESTING;
	case VFIO_DMA_CC_IOMMU:
		return space ? space_all_coherent(space) : 0;
	default:
		return 0;
	}
}

static long legacy_map(struct ioasid_space *space, bool v2, unsigned long arg)
{
	const u32 known = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	struct vfio_iommu_type1_dma_map map;
	u32 flags = IOASID_MAP_LEGACY;
	long ret;

	ret = copy_in(space, "map", &map, arg, offsetofend(struct vfio_iommu_type1_dma_map, size));
	if (ret)
		return ret;
	if (map.flags & ~known)
		return legacy_fail(space, "map", -EINVAL, IOASID_R_FLAGS);
	if (map.flags & VFIO_DMA_MAP_FLAG_READ)
		flags |= IOASID_MAP_READ;
	if (map.flags & VFIO_DMA_MAP_FLAG_WRITE)
		flags |= IOASID_MAP_WRITE;
	return ioasid_map(space, map.iova, map.vaddr, map.size, flags);
}

static long legacy_unmap(struct ioasid_space *space, bool v2, unsigned long arg)
{
	const u32 known = VFIO_DMA_UNMAP_FLAG_ALL;
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap, size);
	struct vfio_iommu_type1_dma_unmap unmap;
	u32 flags = v2 ? 0 : IOASID_UNMAP_V1;
	u64 done;
	long ret;

	ret = copy_in(space, "unmap", &unmap, arg, minsz);
	if (ret)
		return ret;
	if (unmap.flags & ~known)
		return legacy_fail(space, "unmap", -EINVAL, IOASID_R_FLAGS);
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL)
		flags |= IOASID_UNMAP_ALL;

	ret = ioasid_unmap(space, unmap.iova, unmap.size, flags, &done);
	if (ret)
		return ret;
	unmap.size = done;
	if (copy_to_user((void __user *)arg, &unmap, minsz))
		return legacy_fail(space, "unmap", -EFAULT, IOASID_R_COPY);
	return 0;
}

static long legacy_dirty_pages(struct ioasid_space *space, bool v2, unsigned long arg)
{
	return v2 ? -EOPNOTSUPP : -EACCES;
}

struct legacy_op {
	unsigned int cmd;
	long (*call)(struct ioasid_space *space, bool v2, unsigned long arg);
};

static const struct legacy_op legacy_ops[] = {
	{ VFIO_IOMMU_GET_INFO, ioasid_legacy_get_info },
	{ VFIO_IOMMU_MAP_DMA, legacy_map },
	{ VFIO_IOMMU_UNMAP_DMA, legacy_unmap },
	{ VFIO_IOMMU_DIRTY_PAGES, legacy_dirty_pages },
};

long ioasid_legacy_ioctl(struct ioasid_space *space, bool v2, unsigned int cmd, unsigned long arg)
{
	unsigned int i;

	if (cmd == VFIO_CHECK_EXTENSION)
		return legacy_check_extension(space, arg);
	if (!space)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(legacy_ops); i++)
		if (legacy_ops[i].cmd == cmd)
			return legacy_ops[i].call(space, v2, arg);
	return -ENOTTY;
}
IOASID_EXPORT(ioasid_legacy_ioctl);
