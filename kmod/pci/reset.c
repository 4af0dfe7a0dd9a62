// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_PCI_HOT_RESET: the reset of a bus or slot, with all devices on it.
 *
 * vfio-pci-core can do that for users of VFIO groups, whose fds prove what the caller
 * owns, and for iommufd. Here the /dev/ioasid is the proof: every device that the reset
 * hits must be in a group that it owns, and bound to this driver.
 *
 * What can run at the same time: open and close of the devices, through nodes and groups,
 * wait for dev_set->lock. So an open device has the same owner until it is reset, and a
 * closed one stays closed, even if its group gets another owner meanwhile. The gate
 * (gate.c) keeps VFIO users from resetting our devices. Accesses to the devices wait for
 * their memory_lock. Their mappings are zapped, and faulted in again later, as after any
 * reset. There are no dma-bufs to revoke: vfio-pci-core exports none for a driver without
 * pci_ops.
 */
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "device.h"

static struct vfio_pci_core_device *reset_core_of(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfio_pci_core_device, vdev);
}

static bool reset_below_slot(struct pci_dev *pdev, struct pci_slot *slot)
{
	while (pdev && pdev->bus != slot->bus)
		pdev = pdev->bus->self;
	return pdev && pdev->slot == slot;
}

/**
 * struct reach - what a reset would hit
 * @vdev: asked for by
 * @slot: NULL if it is the whole bus
 */
struct reach {
	struct vfio_pci_core_device *vdev;
	struct pci_slot *slot;
};

/* pci_walk_bus() goes on while this is 0. */
static int reset_not_in_set(struct pci_dev *pdev, void *data)
{
	bool *missing = ((void **)data)[1];
	struct reach *r = ((void **)data)[0];

	if (r->slot && !reset_below_slot(pdev, r->slot))
		return 0;
	*missing = !vfio_find_device_in_devset(r->vdev->vdev.dev_set, &pdev->dev);
	return *missing;
}

static bool reset_all_in_set(struct reach *r)
{
	bool missing = false;
	void *data[] = { r, &missing };

	pci_walk_bus(r->vdev->pdev->bus, reset_not_in_set, data);
	return !missing;
}

static bool reset_all_owned(struct vfio_device_set *set, struct file *owner)
{
	struct vfio_device *cur;

	list_for_each_entry(cur, &set->device_list, dev_set_list)
		if (cur->ops != &ioasid_pci_vfio_ops || !ioasid_pci_group_owned(cur->dev, owner))
			return false;
	return true;
}

static void reset_power_put(struct vfio_device_set *set, struct vfio_device *until)
{
	struct vfio_device *cur;

	list_for_each_entry(cur, &set->device_list, dev_set_list) {
		if (cur == until)
			return;
		pm_runtime_put(cur->dev);
	}
}

static int reset_power_get(struct vfio_device_set *set)
{
	struct vfio_device *cur;

	list_for_each_entry(cur, &set->device_list, dev_set_list) {
		int ret = pm_runtime_resume_and_get(cur->dev);

		if (ret) {
			reset_power_put(set, cur);
			return ret;
		}
	}
	return 0;
}

static void reset_unlock(struct vfio_device_set *set, struct vfio_device *until)
{
	struct vfio_device *cur;

	list_for_each_entry(cur, &set->device_list, dev_set_list) {
		if (cur == until)
			return;
		up_write(&reset_core_of(cur)->memory_lock);
	}
}

static void reset_zap_mappings(struct vfio_device *vdev)
{
	u64 start = VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_BAR0_REGION_INDEX);
	u64 end = VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_ROM_REGION_INDEX);

	unmap_mapping_range(vdev->inode->i_mapping, start, end - start, true);
}

/*
 * Take the locks of all devices. Try each one and back off if it is taken, since their
 * order is undefined. Refuse a device in a low-power state: it would lose its state,
 * which only vfio-pci-core can save.
 */
static int reset_lock(struct vfio_device_set *set)
{
	struct vfio_device *cur;

	list_for_each_entry(cur, &set->device_list, dev_set_list) {
		struct vfio_pci_core_device *core = reset_core_of(cur);

		if (!down_write_trylock(&core->memory_lock)) {
			reset_unlock(set, cur);
			return -EBUSY;
		}
		if (core->pdev->current_state != PCI_D0) {
			up_write(&core->memory_lock);
			reset_unlock(set, cur);
			return -EBUSY;
		}
		reset_zap_mappings(cur);
	}
	return 0;
}

static int reset_set(struct reach *r, struct file *owner)
{
	struct vfio_device_set *set = r->vdev->vdev.dev_set;
	int ret;

	lockdep_assert_held(&set->lock);
	if (!reset_all_in_set(r) || !reset_all_owned(set, owner))
		return -EINVAL;
	ret = reset_power_get(set);
	if (ret)
		return ret;
	ret = reset_lock(set);
	if (!ret) {
		ret = pci_reset_bus(r->vdev->pdev);
		reset_unlock(set, NULL);
	}
	reset_power_put(set, NULL);
	return ret;
}

/* VFIO_DEVICE_PCI_HOT_RESET, without fds of groups; the file owns the device */
long ioasid_pci_hot_reset(struct ioasid_pci_file *f, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_pci_hot_reset, count);
	struct reach r = { .vdev = ioasid_pci_owned(f) };
	struct pci_dev *pdev = r.vdev->pdev;
	struct vfio_pci_hot_reset hdr;
	long ret;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	/* Fds of groups as proof are not needed here. */
	if (hdr.argsz < minsz || hdr.flags || hdr.count)
		return -EINVAL;
	if (!pci_probe_reset_slot(pdev->slot))
		r.slot = pdev->slot;
	else if (pci_probe_reset_bus(pdev->bus))
		return -ENODEV;
	mutex_lock(&r.vdev->vdev.dev_set->lock);
	ret = reset_set(&r, f->group->owner);
	mutex_unlock(&r.vdev->vdev.dev_set->lock);
	return ret;
}
