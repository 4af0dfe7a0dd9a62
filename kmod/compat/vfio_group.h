/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The character device of a VFIO group. vfio.ko keeps struct vfio_group in a
 * private file and exports no way from a device to that number. In every kernel
 * from 6.12 to 7.3 the struct begins with its device; the rest differs, and
 * nothing here reads it. tools/env/vfio-abi compares that beginning with the BTF
 * of the target's vfio.ko at build time. At run time the class and the name of
 * the device must be those of a group, or nothing is opened; and the code that opens it
 * asks vfio_file_has_dev() whether the file is the right one.
 */
#ifndef _IOASID_COMPAT_VFIO_GROUP_H
#define _IOASID_COMPAT_VFIO_GROUP_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/vfio.h>

#if IS_ENABLED(CONFIG_VFIO_GROUP)
#define COMPAT_VFIO_GROUPS	1

struct vfio_group {
	struct device	dev;
};

/**
 * compat_vfio_group_devt() - the character device of a device's VFIO group
 * @vdev: registered, and kept so by the caller: its group then stays as well
 * @group: the IOMMU group that it is in
 * @devt: the number
 *
 * Return: 0, or -EOPNOTSUPP: this kernel's struct vfio_group is another one.
 */
static inline int compat_vfio_group_devt(const struct vfio_device *vdev,
					 struct iommu_group *group, dev_t *devt)
{
	const struct device *dev = &vdev->group->dev;
	char name[16];

	snprintf(name, sizeof(name), "%d", iommu_group_id(group));
	if (!dev->class || strcmp(dev->class->name, "vfio") || strcmp(dev_name(dev), name))
		return -EOPNOTSUPP;
	*devt = dev->devt;
	return 0;
}
#else
#define COMPAT_VFIO_GROUPS	0

static inline int compat_vfio_group_devt(const struct vfio_device *vdev,
					 struct iommu_group *group, dev_t *devt)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* _IOASID_COMPAT_VFIO_GROUP_H */
