// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: keeps the VFIO group of a device closed to VFIO users while a node owns a
 * device of that group.
 *
 * The claim of the group's DMA does not suffice. With iommufd, a group claims nothing
 * before its first device is opened; and for a device that is open already, as ours is,
 * vfio.ko opens a second fd without any check. On every kernel a hot reset accepts an fd
 * of a group as proof of owning its devices. But a group can be open only once: vfio.ko
 * refuses a second open, and a bind of VFIO's own device node to an iommufd
 * (VFIO_DEVICE_BIND_IOMMUFD), with EBUSY. So the gate is an open file of the group: while
 * a program has the group open we get EBUSY, and while we have it open, programs do.
 *
 * The file is opened by device number, on an inode of our own that no path leads
 * to: neither the caller's mount namespace, nor its rights on /dev/vfio, nor its
 * device cgroup matter. It is in no table of fds, so user space never sees it.
 * It keeps vfio.ko and this module loaded, as the owner's open node does anyway; the
 * group itself does not wait for it when its last driver is unbound.
 *
 * What can run at the same time: opens and closes for other groups. This file has no lock.
 * The caller may hold only a lock under which a task may wait for vfio.ko's group_lock,
 * which another program may hold while its memory is faulted in.
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/vfio.h>

#include "../compat/vfio_group.h"
#include "device.h"

#define GATE_MAGIC	0x49414754

/* Mounted while a gate is held; only this file uses it. */
static struct vfsmount *gate_mount;
static int gate_mounts;

static int gate_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, GATE_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type gate_fs = {
	.name			= "ioasid-pci",
	.owner			= THIS_MODULE,
	.init_fs_context	= gate_init_fs_context,
	.kill_sb		= kill_anon_super,
};

/* Opens the character device @devt, as open() of a node of it would. */
static struct file *gate_open_number(dev_t devt)
{
	struct path path = { .mnt = gate_mount };
	struct inode *inode = alloc_anon_inode(gate_mount->mnt_sb);
	struct file *file;

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	init_special_inode(inode, S_IFCHR | 0600, devt);
	/* The inode now belongs to the dentry, or is gone. */
	path.dentry = d_obtain_alias(inode);
	if (IS_ERR(path.dentry))
		return ERR_CAST(path.dentry);
	file = dentry_open(&path, O_RDWR, current_cred());
	dput(path.dentry);
	return file;
}

static struct file *gate_open_mounted(struct vfio_device *vdev, dev_t devt)
{
	struct file *file;
	int ret;

	ret = simple_pin_fs(&gate_fs, &gate_mount, &gate_mounts);
	if (ret)
		return ERR_PTR(ret);
	file = gate_open_number(devt);
	if (!IS_ERR(file) && !vfio_file_has_dev(file, vdev)) {
		__fput_sync(file);
		file = ERR_PTR(-EOPNOTSUPP);
	}
	if (IS_ERR(file))
		simple_release_fs(&gate_mount, &gate_mounts);
	return file;
}

/**
 * ioasid_pci_gate_open() - close a device's VFIO group to VFIO users
 * @vdev: the device; the caller keeps it registered
 * @group: its IOMMU group
 *
 * Context: sleeps, without being killable, while another program is inside an
 * ioctl on an fd of the group.
 *
 * Return: the gate, for ioasid_pci_gate_close(); NULL where the kernel has no
 * VFIO groups, since there is nothing to close; or an ERR_PTR: -EBUSY (the group
 * is open, or a device of it is bound to an iommufd), -EOPNOTSUPP (not with this
 * kernel's vfio.ko), -ENOMEM, -ENFILE.
 */
struct file *ioasid_pci_gate_open(struct vfio_device *vdev, struct iommu_group *group)
{
	dev_t devt;
	int ret;

	if (!COMPAT_VFIO_GROUPS)
		return NULL;
	ret = compat_vfio_group_devt(vdev, group, &devt);
	if (ret)
		return ERR_PTR(ret);
	return gate_open_mounted(vdev, devt);
}

/**
 * ioasid_pci_gate_close() - let VFIO users open the group again
 * @gate: from ioasid_pci_gate_open()
 *
 * When this returns the group can be opened: a program that closes a node and then opens
 * the group must not get EBUSY.
 */
void ioasid_pci_gate_close(struct file *gate)
{
	if (!gate)
		return;
	__fput_sync(gate);
	simple_release_fs(&gate_mount, &gate_mounts);
}
