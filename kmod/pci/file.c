// SPDX-License-Identifier: GPL-2.0-only
/*
 * An open /dev/ioasid-pci/ADDRESS: the ioctls of VFIO's devices, and ours.
 *
 * What can run at the same time: all calls, as on a device fd of VFIO; vfio-pci-core has
 * its own locks. The device stays as long as the file, see attach.c. Until the file owns
 * the device, VFIO's calls fail.
 *
 * The file's mappings are in the address_space of vfio_device's inode, where
 * vfio-pci-core zaps them. The file may outlive that device, so it holds references on
 * the inode and its file system.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pm_runtime.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include <ioasid/ioasid.h>
#include <uapi/linux/ioasid.h>
#include "device.h"

static struct inode *mappings_get(struct vfio_device *vdev)
{
	ihold(vdev->inode);
	atomic_inc(&vdev->inode->i_sb->s_active);
	return vdev->inode;
}

static void mappings_put(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	iput(inode);
	deactivate_super(sb);
}

static int pci_open(struct inode *inode, struct file *file)
{
	struct ioasid_pci_node *node = container_of(inode->i_cdev, struct ioasid_pci_node, cdev);
	struct ioasid_pci_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	mutex_lock(&node->lock);
	if (node->vdev)
		f->inode = mappings_get(&node->vdev->vdev);
	mutex_unlock(&node->lock);
	if (!f->inode) {
		kfree(f);
		return -ENODEV;
	}
	f->node = node;
	get_device(&node->dev);
	file->f_mapping = f->inode->i_mapping;
	file->private_data = f;
	return 0;
}

static int pci_release(struct inode *inode, struct file *file)
{
	struct ioasid_pci_file *f = file->private_data;

	ioasid_pci_close(f);
	file->f_mapping = inode->i_mapping;
	mappings_put(f->inode);
	put_device(&f->node->dev);
	kfree(f);
	return 0;
}

static long pci_device_feature(struct vfio_device *vdev, struct vfio_device_feature __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_feature, flags);
	const u32 set_and_get = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_GET;
	struct vfio_device_feature feature;

	if (copy_from_user(&feature, arg, minsz))
		return -EFAULT;
	if (feature.argsz < minsz)
		return -EINVAL;
	if (feature.flags & ~(VFIO_DEVICE_FEATURE_MASK | set_and_get | VFIO_DEVICE_FEATURE_PROBE))
		return -EINVAL;
	if (!(feature.flags & VFIO_DEVICE_FEATURE_PROBE) &&
	    (feature.flags & set_and_get) == set_and_get)
		return -EINVAL;
	/* Migration and DMA logging are for drivers that know their device. */
	return vdev->ops->device_feature(vdev, feature.flags, arg->data, feature.argsz - minsz);
}

static long device_ioctl(struct ioasid_pci_file *f, struct vfio_device *vdev, unsigned int cmd,
			 unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_FEATURE:
		return pci_device_feature(vdev, uarg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return compat_vfio_region_info(vdev, uarg);
	case VFIO_DEVICE_PCI_HOT_RESET:
		return ioasid_pci_hot_reset(f, uarg);
	default:
		return vdev->ops->ioctl(vdev, cmd, arg);
	}
}

static long pci_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ioasid_pci_file *f = file->private_data;
	struct vfio_pci_core_device *vdev;
	long ret;

	switch (cmd) {
	case IOASID_DEVICE_ATTACH:
		return ioasid_pci_attach(f, (void __user *)arg);
	case IOASID_DEVICE_DETACH:
		return ioasid_pci_detach(f, (void __user *)arg);
	case IOASID_DEVICE_GET_INFO:
		return ioasid_pci_get_info(f, (void __user *)arg);
	case IOASID_DEVICE_MAP:
		return ioasid_pci_map(file, (void __user *)arg);
	}
	vdev = ioasid_pci_owned(f);
	if (!vdev)
		return -EINVAL;
	if (pm_runtime_resume_and_get(&vdev->pdev->dev))
		return -EIO;
	ret = device_ioctl(f, &vdev->vdev, cmd, arg);
	pm_runtime_put(&vdev->pdev->dev);
	return ret;
}

static ssize_t pci_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct vfio_pci_core_device *vdev = ioasid_pci_owned(file->private_data);

	return vdev ? vfio_pci_core_read(&vdev->vdev, buf, count, pos) : -EINVAL;
}

static ssize_t pci_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct vfio_pci_core_device *vdev = ioasid_pci_owned(file->private_data);

	return vdev ? ioasid_pci_core_write(&vdev->vdev, buf, count, pos) : -EINVAL;
}

static int pci_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *vdev = ioasid_pci_owned(file->private_data);

	return vdev ? vfio_pci_core_mmap(&vdev->vdev, vma) : -EINVAL;
}

static void pci_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ioasid_pci_file *f = file->private_data;

	mutex_lock(&f->node->lock);
	seq_printf(m, "ioasid-device:\t%s\n", dev_name(&f->node->dev));
	seq_printf(m, "ioasid-owned:\t%d\n", f->node->user == f);
	seq_printf(m, "ioasid-space:\t%u\n", f->space ? ioasid_space_number(f->space) : 0);
	mutex_unlock(&f->node->lock);
}

const struct file_operations ioasid_pci_fops = {
	.owner		= THIS_MODULE,
	.open		= pci_open,
	.release	= pci_release,
	.read		= pci_read,
	.write		= pci_write,
	.unlocked_ioctl	= pci_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= pci_mmap,
	.show_fdinfo	= pci_show_fdinfo,
};
