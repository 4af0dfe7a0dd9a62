// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups: devices that the IOMMU cannot distinguish, or that can reach each other without
 * it. All devices of a group belong to one /dev/ioasid and are in one of its spaces.
 *
 * A claim has two halves. The gate keeps out programs that open the file of the VFIO
 * group (gate.c). And the group's DMA belongs to the /dev/ioasid, which the kernel
 * enforces against its own drivers, other /dev/ioasid and iommufd. The gate is opened
 * first: an attach that fails with EBUSY must not take the DMA, even for a moment, from
 * the program that has the group open. The gate is closed last: a program that then opens
 * the group finds its DMA free.
 *
 * What can run at the same time: claims and attaches by other devices of the group. g->lock
 * guards the gate and who is attached; no lock of a node is needed for it, and
 * a task may wait under it for a VFIO user of the same group. groups_lock is
 * taken inside everything else, and held for a moment only.
 *
 * Locks: node->lock, g->lock, then either of vfio.ko's group_lock and the core's
 * locks; groups_lock last. dev_set->lock comes after vfio.ko's group_lock, so
 * g->lock is not taken under it.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include <ioasid/ioasid.h>
#include "device.h"

static DEFINE_MUTEX(groups_lock);
static LIST_HEAD(groups);

static struct ioasid_pci_group *group_find(struct iommu_group *group)
{
	struct ioasid_pci_group *g;

	list_for_each_entry(g, &groups, link)
		if (g->group == group)
			return g;
	return NULL;
}

/* The group's entry, with a reference; made if there is none. */
static struct ioasid_pci_group *group_get(struct iommu_group *group)
{
	struct ioasid_pci_group *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT), *g;

	if (!fresh)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&groups_lock);
	g = group_find(group);
	if (!g) {
		g = fresh;
		fresh = NULL;
		g->group = iommu_group_ref_get(group);
		mutex_init(&g->lock);
		list_add(&g->link, &groups);
	}
	g->refs++;
	mutex_unlock(&groups_lock);
	kfree(fresh);
	return g;
}

static void group_put(struct ioasid_pci_group *g)
{
	bool last;

	mutex_lock(&groups_lock);
	last = !--g->refs;
	if (last)
		list_del(&g->link);
	mutex_unlock(&groups_lock);
	if (!last)
		return;
	iommu_group_put(g->group);
	mutex_destroy(&g->lock);
	kfree(g);
}

/* Returns the one before, whose reference is now the caller's. */
static struct file *group_set_owner(struct ioasid_pci_group *g, struct file *owner)
{
	struct file *before;

	lockdep_assert_held(&g->lock);
	mutex_lock(&groups_lock);
	before = g->owner;
	g->owner = owner;
	mutex_unlock(&groups_lock);
	return before;
}

/*
 * The gate of the first claim. If a VFIO user has the DMA already, fail at once: opening
 * the gate would wait for vfio.ko's group_lock, which that user may hold while its memory
 * is faulted in.
 */
static int group_shut(struct ioasid_pci_group *g, struct vfio_device *vdev)
{
	struct file *gate;

	lockdep_assert_held(&g->lock);
	if (iommu_group_dma_owner_claimed(g->group))
		return -EPERM;
	gate = ioasid_pci_gate_open(vdev, g->group);
	if (IS_ERR(gate))
		return PTR_ERR(gate);
	g->gate = gate;
	return 0;
}

static void group_unshut(struct ioasid_pci_group *g)
{
	ioasid_pci_gate_close(g->gate);
	g->gate = NULL;
}

/* If there are claims already, the kernel says whether they are of this owner. */
static int group_enter(struct ioasid_pci_group *g, struct vfio_device *vdev, struct file *owner)
{
	int ret = 0;

	if (mutex_lock_killable(&g->lock))
		return -EINTR;
	if (!g->claims)
		ret = group_shut(g, vdev);
	if (ret)
		goto unlock;
	ret = iommu_device_claim_dma_owner(vdev->dev, owner);
	if (!ret && !g->claims++)
		group_set_owner(g, get_file(owner));
	if (!g->claims)
		group_unshut(g);
unlock:
	mutex_unlock(&g->lock);
	return ret;
}

/**
 * ioasid_pci_group_claim() - become an owner of a device's group
 * @vdev: the device; the caller keeps it registered until it has released
 * @owner: the open /dev/ioasid it is for
 *
 * Context: sleeps, perhaps for a VFIO user of the same group: the caller holds no
 * lock that another task could need meanwhile.
 *
 * Return: the group, or an ERR_PTR: -EPERM (a kernel driver, a VFIO user or
 * another /dev/ioasid owns its DMA), -EBUSY (its VFIO group is open), -ENODEV,
 * -ENOMEM, -ENFILE, -EINTR (killed), -EOPNOTSUPP (no gate on this kernel).
 */
struct ioasid_pci_group *ioasid_pci_group_claim(struct vfio_device *vdev, struct file *owner)
{
	struct iommu_group *group = iommu_group_get(vdev->dev);
	struct ioasid_pci_group *g;
	int ret;

	if (!group)
		return ERR_PTR(-ENODEV);
	g = group_get(group);
	iommu_group_put(group);
	if (IS_ERR(g))
		return g;
	ret = group_enter(g, vdev, owner);
	if (!ret)
		return g;
	group_put(g);
	return ERR_PTR(ret);
}

/**
 * ioasid_pci_group_release() - the opposite of ioasid_pci_group_claim()
 * @g: what that returned
 * @vdev: the same device, which is closed by now, and not attached
 *
 * With the last claim the VFIO group can be opened again, when this returns.
 */
void ioasid_pci_group_release(struct ioasid_pci_group *g, struct vfio_device *vdev)
{
	struct file *owner = NULL;

	mutex_lock(&g->lock);
	iommu_device_release_dma_owner(vdev->dev);
	if (!--g->claims) {
		owner = group_set_owner(g, NULL);
		group_unshut(g);
	}
	mutex_unlock(&g->lock);
	group_put(g);
	/* Owners are compared by their address: drop it after the claim. */
	if (owner)
		fput(owner);
}

/*
 * Is the device in a group that this /dev/ioasid owns? The answer may be out of
 * date at once, unless the caller has a claim on the very group.
 */
bool ioasid_pci_group_owned(struct device *dev, struct file *owner)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct ioasid_pci_group *g;
	bool owned;

	if (!group)
		return false;
	mutex_lock(&groups_lock);
	g = group_find(group);
	owned = g && g->owner == owner;
	mutex_unlock(&groups_lock);
	iommu_group_put(group);
	return owned;
}

/*
 * A module cannot swap one domain for another, so the group's DMA is blocked for a
 * moment, and DMA fails meanwhile.
 */
static int group_replace(struct ioasid_pci_group *g, struct ioasid_space *to)
{
	int ret;

	ioasid_detach_group(g->space, g->group);
	ret = ioasid_attach_group(to, g->group, 0);
	if (!ret) {
		g->space = to;
		return 0;
	}
	if (!ioasid_attach_group(g->space, g->group, 0))
		return ret;
	/* Not even the way back: DMA stays blocked, and the caller says so. */
	g->space = NULL;
	g->attached = 0;
	return -ENOTRECOVERABLE;
}

/**
 * ioasid_pci_group_attach() - attach one device of the group
 * @g: claimed
 * @from: where this device is attached, or NULL
 * @to: where it shall be
 *
 * Return: 0; -EBUSY (other devices of the group are attached to another space),
 * -ENOTRECOVERABLE (moving failed, and so did going back: it is nowhere now),
 * or the errno of ioasid_attach_group(), and nothing has changed.
 */
int ioasid_pci_group_attach(struct ioasid_pci_group *g, struct ioasid_space *from,
			    struct ioasid_space *to)
{
	int ret = 0;

	mutex_lock(&g->lock);
	if (!g->attached) {
		ret = ioasid_attach_group(to, g->group, 0);
		if (!ret)
			g->space = to;
	} else if (g->space != to) {
		ret = from && g->attached == 1 ? group_replace(g, to) : -EBUSY;
	}
	if (!ret && !from)
		g->attached++;
	mutex_unlock(&g->lock);
	return ret;
}

/* Detach one device; with the last one, detach the group. */
void ioasid_pci_group_detach(struct ioasid_pci_group *g)
{
	mutex_lock(&g->lock);
	if (!--g->attached) {
		ioasid_detach_group(g->space, g->group);
		g->space = NULL;
	}
	mutex_unlock(&g->lock);
}
