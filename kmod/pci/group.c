// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups: devices that the IOMMU cannot tell apart, or that can reach each
 * other past it. They belong to one /dev/ioasid and are in one of its spaces,
 * which the core's owner of DMA enforces between us and everybody else, and
 * this file between our own devices.
 *
 * Who else can run: claims and attaches by other devices of the group. The
 * kernel's lock of the group decides who owns it; groups_lock is taken inside
 * everything else, group->lock before the core's locks.
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

static struct ioasid_pci_group *find(struct iommu_group *group)
{
	struct ioasid_pci_group *g;

	list_for_each_entry(g, &groups, link)
		if (g->group == group)
			return g;
	return NULL;
}

static struct ioasid_pci_group *group_get(struct iommu_group *group, struct file *owner)
{
	struct ioasid_pci_group *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT), *g;

	if (!fresh)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&groups_lock);
	g = find(group);
	if (!g) {
		g = fresh;
		fresh = NULL;
		g->group = iommu_group_ref_get(group);
		g->owner = get_file(owner);
		mutex_init(&g->lock);
		list_add(&g->link, &groups);
	}
	g->claims++;
	mutex_unlock(&groups_lock);
	kfree(fresh);
	return g;
}

static void group_put(struct ioasid_pci_group *g)
{
	bool last;

	mutex_lock(&groups_lock);
	last = !--g->claims;
	if (last)
		list_del(&g->link);
	mutex_unlock(&groups_lock);
	if (!last)
		return;
	iommu_group_put(g->group);
	fput(g->owner);
	mutex_destroy(&g->lock);
	kfree(g);
}

/*
 * ioasid_pci_group_claim() - become an owner of the device's DMA
 *
 * Return: the group, or an ERR_PTR: -EPERM (a kernel driver, a VFIO group or
 * another /dev/ioasid owns it), -EBUSY (the kernel uses it), -ENODEV, -ENOMEM.
 */
struct ioasid_pci_group *ioasid_pci_group_claim(struct device *dev, struct file *owner)
{
	struct ioasid_pci_group *g;
	struct iommu_group *group;
	int ret;

	group = iommu_group_get(dev);
	if (!group)
		return ERR_PTR(-ENODEV);
	ret = iommu_device_claim_dma_owner(dev, owner);
	if (ret) {
		g = ERR_PTR(ret);
	} else {
		g = group_get(group, owner);
		if (IS_ERR(g))
			iommu_device_release_dma_owner(dev);
	}
	iommu_group_put(group);
	return g;
}

/*
 * The entry goes before the claim: while the claim stands nobody else can make
 * an entry for this group, but for the owner that the old one had, too.
 */
void ioasid_pci_group_release(struct ioasid_pci_group *g, struct device *dev)
{
	/* Its address is what tells owners apart. */
	struct file *owner = get_file(g->owner);

	group_put(g);
	iommu_device_release_dma_owner(dev);
	fput(owner);
}

/* Is the device in a group that this /dev/ioasid owns? */
bool ioasid_pci_group_owned(struct device *dev, struct file *owner)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct ioasid_pci_group *g;
	bool owned;

	if (!group)
		return false;
	mutex_lock(&groups_lock);
	g = find(group);
	owned = g && g->owner == owner;
	mutex_unlock(&groups_lock);
	iommu_group_put(group);
	return owned;
}

/*
 * A domain cannot be swapped for another by a module, so the group's DMA is
 * blocked for a moment, and what devices do meanwhile fails.
 */
static int replace(struct ioasid_pci_group *g, struct ioasid_space *to)
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
 * or what ioasid_attach_group() says, with everything as it was.
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
		ret = from && g->attached == 1 ? replace(g, to) : -EBUSY;
	}
	if (!ret && !from)
		g->attached++;
	mutex_unlock(&g->lock);
	return ret;
}

/* One device leaves; with the last one the group does. */
void ioasid_pci_group_detach(struct ioasid_pci_group *g)
{
	mutex_lock(&g->lock);
	if (!--g->attached) {
		ioasid_detach_group(g->space, g->group);
		g->space = NULL;
	}
	mutex_unlock(&g->lock);
}
