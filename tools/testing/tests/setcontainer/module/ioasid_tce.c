// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for the IOMMU driver of another platform: it answers the
 * extensions of sPAPR TCE, as vfio_iommu_spapr_tce does on PowerPC, and takes
 * groups without putting them anywhere, so their DMA stays blocked. What was
 * asked of it can be read in its parameters.
 *
 * What else can run: vfio.ko holds the container's lock over all callbacks but
 * ioctl; the tests use one container at a time, and the counters are for them.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "vfio_private.h"

static unsigned long opened;
module_param(opened, ulong, 0444);
MODULE_PARM_DESC(opened, "Extension with which it was opened last; 0 after release");

static unsigned int groups;
module_param(groups, uint, 0444);
MODULE_PARM_DESC(groups, "Groups attached now");

static unsigned int calls;
module_param(calls, uint, 0444);
MODULE_PARM_DESC(calls, "ioctls of containers, VFIO_CHECK_EXTENSION aside");

static void *tce_open(unsigned long arg)
{
	opened = arg;
	return &opened;
}

static void tce_release(void *data)
{
	opened = 0;
}

static long tce_info(unsigned long arg)
{
	struct vfio_iommu_spapr_tce_info info;
	const size_t minsz = offsetofend(struct vfio_iommu_spapr_tce_info, dma32_window_size);

	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = 0;
	info.dma32_window_start = 0x10000;
	info.dma32_window_size = 0x40000000;
	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}

static long tce_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	if (cmd == VFIO_CHECK_EXTENSION)
		return arg == VFIO_SPAPR_TCE_IOMMU || arg == VFIO_SPAPR_TCE_v2_IOMMU;
	if (!data)
		return -EINVAL;
	calls++;
	return cmd == VFIO_IOMMU_SPAPR_TCE_GET_INFO ? tce_info(arg) : -ENOTTY;
}

static int tce_attach_group(void *data, struct iommu_group *group, enum vfio_group_type type)
{
	groups++;
	return 0;
}

static void tce_detach_group(void *data, struct iommu_group *group)
{
	groups--;
}

static const struct vfio_iommu_driver_ops tce_ops = {
	.name		= "ioasid_tce",
	.owner		= THIS_MODULE,
	.open		= tce_open,
	.release	= tce_release,
	.ioctl		= tce_ioctl,
	.attach_group	= tce_attach_group,
	.detach_group	= tce_detach_group,
};

static int __init tce_init(void)
{
	return vfio_register_iommu_driver(&tce_ops);
}
module_init(tce_init);

static void __exit tce_exit(void)
{
	vfio_unregister_iommu_driver(&tce_ops);
}
module_exit(tce_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Stand-in for the sPAPR TCE driver of VFIO");
