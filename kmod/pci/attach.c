// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOASID_DEVICE_ATTACH, _DETACH and _GET_INFO. The first attach of a file makes it the
 * owner of the device: it claims the group's DMA for the /dev/ioasid, attaches the group,
 * and enables the device. The file owns the device until it is closed; a detach only
 * detaches the group from the space. The device must not be disabled earlier: the process
 * may still have mapped its memory, and each such mapping keeps the file open.
 *
 * What can run at the same time: any call on this and other files of the node. node->lock
 * guards the owner, and where the device is attached. The claim of the group comes before
 * that, without node->lock, because it may wait for a VFIO user of the group; if the
 * device has an owner by then, the claim is released. Calls that use the device need no
 * lock: what they use stays until the file is closed. An unbind of the driver clears
 * node->vdev first, so that no file becomes the owner any more, and then waits for the
 * references of the owner and of claims in flight.
 *
 * Locks: node->lock, then either of dev_set->lock and group->lock.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include <ioasid/ioasid.h>
#include <uapi/linux/ioasid.h>
#include "device.h"

/* ioasid_pci_copy_args() - see IOASID_PCI_COPY_ARGS() */
long ioasid_pci_copy_args(void *to, size_t size, size_t min, const void __user *from)
{
	u32 given;
	long ret;

	if (get_user(given, (const u32 __user *)from))
		return -EFAULT;
	if (given < min)
		return -EINVAL;
	ret = copy_struct_from_user(to, size, from, given);
	/* The caller may write it meanwhile: what was checked is what counts. */
	*(u32 *)to = given;
	return ret;
}

/*
 * Refuse a VF whose PF a VFIO user drives: that user can change the VF, so VFIO asks for a
 * token, which this interface cannot take.
 */
static int attach_check_trust(struct vfio_pci_core_device *vdev)
{
	if (!vdev->sriov_pf_core_dev)
		return 0;
	pci_info_ratelimited(vdev->pdev, "its PF belongs to a VFIO driver: use its VFIO group, with the token\n");
	return -EACCES;
}

static int attach_device_open(struct vfio_device *vdev)
{
	int ret = -EBUSY;

	mutex_lock(&vdev->dev_set->lock);
	if (!vdev->open_count) {
		vdev->open_count = 1;
		ret = vdev->ops->open_device(vdev);
		if (ret)
			vdev->open_count = 0;
	}
	mutex_unlock(&vdev->dev_set->lock);
	return ret;
}

static void attach_device_close(struct vfio_device *vdev)
{
	mutex_lock(&vdev->dev_set->lock);
	vdev->ops->close_device(vdev);
	vdev->open_count = 0;
	mutex_unlock(&vdev->dev_set->lock);
}

/**
 * struct claim - what a file needs to become the owner of its device
 * @vdev: the device, which stays registered; NULL if the file owns it already
 * @group: its group, claimed
 */
struct claim {
	struct vfio_pci_core_device *vdev;
	struct ioasid_pci_group *group;
};

/* May this file own the device? node->lock is held. */
static int attach_check_free(const struct ioasid_pci_file *f)
{
	lockdep_assert_held(&f->node->lock);
	if (!f->node->vdev)
		return -ENODEV;
	return f->node->user && f->node->user != f ? -EBUSY : 0;
}

static int attach_claim(struct ioasid_pci_file *f, struct file *ioasid, struct claim *c)
{
	struct ioasid_pci_node *node = f->node;
	int ret;

	mutex_lock(&node->lock);
	ret = attach_check_free(f);
	if (!ret && !f->vdev) {
		if (compat_vfio_device_get(&node->vdev->vdev))
			c->vdev = node->vdev;
		else
			ret = -ENODEV;
	}
	mutex_unlock(&node->lock);
	if (ret || !c->vdev)
		return ret;
	ret = attach_check_trust(c->vdev);
	if (!ret) {
		c->group = ioasid_pci_group_claim(&c->vdev->vdev, ioasid);
		ret = PTR_ERR_OR_ZERO(c->group);
	}
	if (ret) {
		compat_vfio_device_put(&c->vdev->vdev);
		c->vdev = NULL;
	}
	return ret;
}

static void attach_unclaim(struct claim *c)
{
	ioasid_pci_group_release(c->group, &c->vdev->vdev);
	compat_vfio_device_put(&c->vdev->vdev);
}

/* On success the claim is the file's. */
static int attach_own(struct ioasid_pci_file *f, struct claim *c, struct ioasid_space *space)
{
	int ret;

	ret = ioasid_pci_group_attach(c->group, NULL, space);
	if (ret)
		return ret;
	ret = attach_device_open(&c->vdev->vdev);
	if (ret) {
		ioasid_pci_group_detach(c->group);
		return ret;
	}
	ioasid_pci_memory_open(c->vdev);
	f->group = c->group;
	f->node->user = f;
	smp_store_release(&f->vdev, c->vdev);
	c->vdev = NULL;
	return 0;
}

/* node->lock is held, and @space comes with a reference that stays on success. */
static int attach_device(struct ioasid_pci_file *f, struct file *ioasid, struct claim *c,
			 struct ioasid_space *space)
{
	struct ioasid_space *old = f->space;
	int ret;

	lockdep_assert_held(&f->node->lock);
	ret = attach_check_free(f);
	if (ret)
		return ret;
	if (!f->vdev)
		ret = attach_own(f, c, space);
	else if (f->group->owner != ioasid)
		ret = -EPERM;
	else
		ret = ioasid_pci_group_attach(f->group, old, space);
	if (!ret) {
		f->space = space;
		ioasid_pci_memory_attach(f->vdev);
	} else if (ret == -ENOTRECOVERABLE) {
		f->space = NULL;
		ioasid_pci_memory_detach(f->vdev);
	}
	if (old && f->space != old)
		ioasid_space_put(old);
	else if (old && !ret)
		ioasid_space_put(space);	/* attached there already */
	return ret;
}

/* IOASID_DEVICE_ATTACH: on success the file owns the device, and keeps the address space */
long ioasid_pci_attach(struct ioasid_pci_file *f, void __user *arg)
{
	struct ioasid_device_attach args;
	struct ioasid_space *space;
	struct claim c = {};
	struct file *ioasid;
	long ret;

	ret = IOASID_PCI_COPY_ARGS(&args, ioasid, arg);
	if (ret)
		return ret;
	if (args.flags)
		return -EOPNOTSUPP;
	ioasid = fget(args.fd);
	if (!ioasid)
		return -EBADF;
	space = ioasid_space_from_file(ioasid, args.ioasid);
	if (IS_ERR(space)) {
		fput(ioasid);
		return PTR_ERR(space);
	}
	ret = attach_claim(f, ioasid, &c);
	if (!ret) {
		mutex_lock(&f->node->lock);
		ret = attach_device(f, ioasid, &c, space);
		mutex_unlock(&f->node->lock);
		if (c.vdev)
			attach_unclaim(&c);
	}
	if (ret)
		ioasid_space_put(space);
	fput(ioasid);
	return ret;
}

/* IOASID_DEVICE_DETACH: the file still owns the device; -ENOENT when it is not attached */
long ioasid_pci_detach(struct ioasid_pci_file *f, void __user *arg)
{
	struct ioasid_device_detach args;
	struct ioasid_space *space;
	long ret;

	ret = IOASID_PCI_COPY_ARGS(&args, flags, arg);
	if (ret)
		return ret;
	if (args.flags)
		return -EOPNOTSUPP;
	mutex_lock(&f->node->lock);
	space = f->space;
	if (space) {
		ioasid_pci_memory_detach(f->vdev);
		ioasid_pci_group_detach(f->group);
	}
	f->space = NULL;
	mutex_unlock(&f->node->lock);
	if (!space)
		return -ENOENT;
	ioasid_space_put(space);
	return 0;
}

/* IOASID_DEVICE_GET_INFO */
long ioasid_pci_get_info(struct ioasid_pci_file *f, void __user *arg)
{
	struct ioasid_pci_node *node = f->node;
	struct ioasid_device_get_info info;
	long ret;

	ret = IOASID_PCI_COPY_ARGS(&info, out_space, arg);
	if (ret)
		return ret;
	if (info.flags)
		return -EOPNOTSUPP;
	info.out_flags = 0;
	info.out_space = 0;
	mutex_lock(&node->lock);
	if (!node->vdev)
		info.out_flags |= IOASID_DEVICE_GONE;
	if (node->user)
		info.out_flags |= node->user == f ? IOASID_DEVICE_OWNED : IOASID_DEVICE_BUSY;
	if (f->space)
		info.out_space = ioasid_space_number(f->space);
	mutex_unlock(&node->lock);
	/* Programs with an older header get the members that they know. */
	return copy_to_user(arg, &info, min_t(size_t, info.size, sizeof(info))) ? -EFAULT : 0;
}

/* ioasid_pci_close() - the last reference: no call uses the file, and nothing of it is mapped */
void ioasid_pci_close(struct ioasid_pci_file *f)
{
	struct vfio_pci_core_device *vdev = f->vdev;

	if (!vdev)
		return;
	mutex_lock(&f->node->lock);
	ioasid_pci_memory_close(vdev);
	/* This resets the device, so it stops its DMA before it is detached. */
	attach_device_close(&vdev->vdev);
	if (f->space)
		ioasid_pci_group_detach(f->group);
	ioasid_pci_group_release(f->group, &vdev->vdev);
	f->node->user = NULL;
	mutex_unlock(&f->node->lock);
	if (f->space)
		ioasid_space_put(f->space);
	/* An unbind waits for this reference: the device may be gone after it. */
	compat_vfio_device_put(&vdev->vdev);
}
