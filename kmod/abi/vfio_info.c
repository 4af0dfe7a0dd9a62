// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_IOMMU_GET_INFO and its capability chain, in type1's order: migration,
 * free mappings, IOVA ranges.
 *
 * What can run at the same time: maps, attach, detach. All that is reported is read under
 * one hold of areas_lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "space/space.h"
#include "abi.h"

/* A chain under construction: capabilities one after the other, 8-aligned. */
struct cap_chain {
	void *buf;
	size_t size;
	struct vfio_info_cap_header *last;
};

/* Offsets count from the start of struct vfio_iommu_type1_info. */
static void *chain_add(struct cap_chain *chain, u16 id, size_t size)
{
	struct vfio_info_cap_header *header = chain->buf + chain->size;

	header->id = id;
	header->version = 1;
	if (chain->last)
		chain->last->next = sizeof(struct vfio_iommu_type1_info) + chain->size;
	chain->last = header;
	chain->size += ALIGN(size, sizeof(u64));
	return header;
}

static void chain_fill(struct cap_chain *chain, struct ioasid_space *space)
{
	struct vfio_iommu_type1_info_cap_iova_range *ranges;
	struct vfio_iommu_type1_info_cap_migration *migration;
	struct vfio_iommu_type1_info_dma_avail *avail;
	struct ioasid_ranges *ws = &space->iova_ranges;
	unsigned int i;

	migration = chain_add(chain, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, sizeof(*migration));
	migration->pgsize_bitmap = ioasid_space_pgsize(space);
	migration->max_dirty_bitmap_size = IOASID_DIRTY_BITMAP_MAX;

	avail = chain_add(chain, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(*avail));
	avail->avail = space->avail;

	if (!ws->nr)
		return;
	ranges = chain_add(chain, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
			   struct_size(ranges, iova_ranges, ws->nr));
	ranges->nr_iovas = ws->nr;
	for (i = 0; i < ws->nr; i++) {
		ranges->iova_ranges[i].start = ws->range[i].start;
		ranges->iova_ranges[i].end = ws->range[i].last;
	}
}

static int info_collect(struct ioasid_space *space, struct vfio_iommu_type1_info *info,
			struct cap_chain *chain)
{
	size_t room;

	mutex_lock(&space->areas_lock);
	room = sizeof(struct vfio_iommu_type1_info_cap_migration) +
	       sizeof(struct vfio_iommu_type1_info_dma_avail) +
	       struct_size_t(struct vfio_iommu_type1_info_cap_iova_range, iova_ranges,
			     space->iova_ranges.nr) + 3 * sizeof(u64);
	chain->buf = kzalloc(room, GFP_KERNEL_ACCOUNT);
	if (chain->buf) {
		info->iova_pgsizes = space->pgsizes;
		chain_fill(chain, space);
	}
	mutex_unlock(&space->areas_lock);
	return chain->buf ? 0 : -ENOMEM;
}

/* ioasid_vfio_get_info() - VFIO_IOMMU_GET_INFO, with its chain of capabilities; 0 or -errno */
long ioasid_vfio_get_info(struct ioasid_space *space, unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_info, iova_pgsizes);
	struct vfio_iommu_type1_info info = {};
	struct cap_chain chain = {};
	size_t size;
	long ret;

	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	size = min_t(size_t, info.argsz, sizeof(info));

	ret = info_collect(space, &info, &chain);
	if (ret)
		return ret;
	info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	if (info.argsz < sizeof(info) + chain.size) {
		info.argsz = sizeof(info) + chain.size;
	} else {
		info.cap_offset = sizeof(info);
		if (copy_to_user((void __user *)(arg + sizeof(info)), chain.buf, chain.size))
			ret = -EFAULT;
	}
	if (!ret && copy_to_user((void __user *)arg, &info, size))
		ret = -EFAULT;
	kfree(chain.buf);
	return ret;
}
