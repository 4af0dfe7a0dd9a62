// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instances: see instance.h.
 *
 * What can run at the same time: release() under any call. A call looks its id up under RCU
 * and takes a reference, which fails once the count has reached 0; release() removes
 * the id, marks the instance dead, and drops the container's reference. If the instance
 * has a space of its own, release() kills it, and calls in flight fail; a shared space
 * belongs to its /dev/ioasid and stays.
 *
 * A call may wait for user space without limit. It holds its instance, and so the module,
 * which cannot be unloaded meanwhile; no other task waits for it.
 */
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include <ioasid/ioasid.h>
#include "instance.h"

static DEFINE_HASHTABLE(instances, 10);
static DEFINE_MUTEX(instances_lock);	/* guards changes of the table, and last_id */
static unsigned long last_id;

/**
 * struct instance_device - a software device in a container
 * @link: in inst->devices
 * @vdev: the device, registered while it is open
 * @access: its registration with the core
 */
struct instance_device {
	struct list_head link;
	struct vfio_device *vdev;
	struct ioasid_access *access;
};

/**
 * ioasid_instance_create() - a container chose ioasid
 * @space: its reference goes to the instance, also on failure
 * @own: see struct ioasid_instance
 * @v2: likewise
 *
 * Does not fail for lack of memory: VFIO would try its next driver, past every policy.
 *
 * Return: the id, in the form vfio.ko keeps it.
 */
void *ioasid_instance_create(struct ioasid_space *space, bool own, bool v2)
{
	struct ioasid_instance *inst = kzalloc(sizeof(*inst), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);

	refcount_set(&inst->refs, 1);
	inst->space = space;
	inst->own = own;
	inst->v2 = v2;
	mutex_init(&inst->devices_lock);
	INIT_LIST_HEAD(&inst->devices);
	/* vfio.ko holds the module as long as the container uses it, but not for a call in flight. */
	__module_get(THIS_MODULE);

	mutex_lock(&instances_lock);
	inst->id = ++last_id;
	hash_add_rcu(instances, &inst->node, inst->id);
	mutex_unlock(&instances_lock);
	return (void *)inst->id;
}

static struct ioasid_instance *instance_find(unsigned long id)
{
	struct ioasid_instance *inst;

	hlist_for_each_entry_rcu(inst, &instances[hash_min(id, HASH_BITS(instances))], node,
				 lockdep_is_held(&instances_lock))
		if (inst->id == id)
			return inst;
	return NULL;
}

/* ioasid_instance_get() - the instance with a reference, or NULL if it is gone */
struct ioasid_instance *ioasid_instance_get(void *id)
{
	struct ioasid_instance *inst;

	/* This is a read section of RCU, for lockdep too, and is shorter than rcu_read_lock(). */
	preempt_disable();
	inst = instance_find((unsigned long)id);
	if (inst && !refcount_inc_not_zero(&inst->refs))
		inst = NULL;
	preempt_enable();
	return inst;
}

/* __ioasid_instance_end() - the last reference is gone; see ioasid_instance_put() */
void __ioasid_instance_end(struct ioasid_instance *inst)
{
	ioasid_space_put(inst->space);
	kfree_rcu(inst, rcu);
	module_put(THIS_MODULE);
}

/* ioasid_instance_release() - the container's last group left; groups are detached */
void ioasid_instance_release(void *id)
{
	struct ioasid_instance *inst;

	mutex_lock(&instances_lock);
	inst = instance_find((unsigned long)id);
	if (inst)
		hash_del_rcu(&inst->node);
	mutex_unlock(&instances_lock);
	if (!inst)
		return;
	WRITE_ONCE(inst->dead, true);
	if (inst->own)
		ioasid_space_kill(inst->space);
	ioasid_instance_put(inst);
}

static void instance_unmap(void *data, u64 iova, u64 length)
{
	struct instance_device *d = data;

	d->vdev->ops->dma_unmap(d->vdev, iova, length);
}

static const struct ioasid_access_ops device_access_ops = {
	.unmap = instance_unmap,
};

/* ioasid_instance_add_device() - a device was opened; only those that pin matter */
int ioasid_instance_add_device(struct ioasid_instance *inst, struct vfio_device *vdev)
{
	struct instance_device *d;

	if (!vdev->ops->dma_unmap)
		return 0;
	d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	if (!d)
		return -ENOMEM;
	d->vdev = vdev;
	d->access = ioasid_access_create(inst->space, &device_access_ops, d);
	if (IS_ERR(d->access)) {
		int ret = PTR_ERR(d->access);

		kfree(d);
		return ret;
	}
	mutex_lock(&inst->devices_lock);
	list_add_tail(&d->link, &inst->devices);
	mutex_unlock(&inst->devices_lock);
	return 0;
}

/* ioasid_instance_del_device() - a device is being closed */
void ioasid_instance_del_device(struct ioasid_instance *inst, struct vfio_device *vdev)
{
	struct instance_device *d, *tmp;
	LIST_HEAD(closed);

	mutex_lock(&inst->devices_lock);
	list_for_each_entry_safe(d, tmp, &inst->devices, link)
		if (d->vdev == vdev)
			list_move(&d->link, &closed);
	mutex_unlock(&inst->devices_lock);
	/* This waits for the device's own callback, and no other device does. */
	list_for_each_entry_safe(d, tmp, &closed, link) {
		ioasid_access_destroy(d->access);
		kfree(d);
	}
}
