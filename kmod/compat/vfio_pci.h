/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How vfio-pci-core, used as a library, differs between kernels.
 */
#ifndef _IOASID_COMPAT_VFIO_PCI_H
#define _IOASID_COMPAT_VFIO_PCI_H

#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vfio_pci_core.h>

/* 6.17: a VF's token is compared by a callback of its own. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define COMPAT_VFIO_PCI_TOKEN	.match_token_uuid = vfio_pci_core_match_token_uuid,
#else
#define COMPAT_VFIO_PCI_TOKEN
#endif

/*
 * 6.19: vfio.ko itself answers VFIO_DEVICE_GET_REGION_INFO, with the driver's
 * help; and what keeps a device registered is exported.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define COMPAT_VFIO_PCI_REGION	.get_region_info_caps = vfio_pci_ioctl_get_region_info,

static inline long compat_vfio_region_info(struct vfio_device *vdev, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info = {};
	struct vfio_info_cap caps = {};
	long ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ret = vdev->ops->get_region_info_caps(vdev, &info, &caps);
	if (!ret && caps.size) {
		info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		info.cap_offset = 0;
		if (info.argsz < sizeof(info) + caps.size) {
			info.argsz = sizeof(info) + caps.size;
		} else {
			vfio_info_cap_shift(&caps, sizeof(info));
			info.cap_offset = sizeof(info);
			if (copy_to_user(arg + sizeof(info), caps.buf, caps.size))
				ret = -EFAULT;
		}
	}
	kfree(caps.buf);
	if (!ret && copy_to_user(arg, &info, minsz))
		ret = -EFAULT;
	return ret;
}

static inline bool compat_vfio_device_get(struct vfio_device *vdev)
{
	return vfio_device_try_get_registration(vdev);
}

static inline void compat_vfio_device_put(struct vfio_device *vdev)
{
	vfio_device_put_registration(vdev);
}
#else
#define COMPAT_VFIO_PCI_REGION

static inline long compat_vfio_region_info(struct vfio_device *vdev, void __user *arg)
{
	return vdev->ops->ioctl(vdev, VFIO_DEVICE_GET_REGION_INFO, (unsigned long)arg);
}

static inline bool compat_vfio_device_get(struct vfio_device *vdev)
{
	return refcount_inc_not_zero(&vdev->refcount);
}

static inline void compat_vfio_device_put(struct vfio_device *vdev)
{
	if (refcount_dec_and_test(&vdev->refcount))
		complete(&vdev->comp);
}
#endif

/*
 * A BAR is to be requested before it is handed out. 7.3 exports no function for that: it has done
 * so when the device was opened, and notes what failed.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
static inline int compat_vfio_pci_request_bar(struct vfio_pci_core_device *core, unsigned int bar)
{
	return PTR_ERR_OR_ZERO((__force void *)core->barmap[bar]);
}
#else
static inline int compat_vfio_pci_request_bar(struct vfio_pci_core_device *core, unsigned int bar)
{
	return vfio_pci_core_setup_barmap(core, bar);
}
#endif

#endif /* _IOASID_COMPAT_VFIO_PCI_H */
