/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VFIO container that runs on ioasid.
 */
#ifndef _IOASID_VFIO_INSTANCE_H
#define _IOASID_VFIO_INSTANCE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct ioasid_access;
struct ioasid_space;
struct vfio_device;

/**
 * struct ioasid_instance - one container after VFIO_SET_IOMMU
 * @refs: the container, and every call in flight; the last one ends the instance,
 *	which holds the module
 * @dead: released; set once
 * @space: the address space, its own or that of a /dev/ioasid
 * @own: the space was made for this container and dies with it
 * @v2: VFIO_TYPE1v2_IOMMU rules
 * @devices_lock: guards @devices
 * @devices: software devices with an unmap callback
 * @node: in the table of instances
 * @rcu: keeps the memory as long as a lookup can see it
 * @id: the iommu_data of vfio.ko
 *
 * vfio.ko calls ->ioctl() with no lock held, so release() can run at the same time, and
 * the iommu_data it passes may be stale. So it is not a pointer but an id that is never
 * used twice: ioasid_instance_get() finds the instance if it still exists.
 */
struct ioasid_instance {
	refcount_t refs;
	bool dead;
	struct ioasid_space *space;
	bool own;
	bool v2;
	struct mutex devices_lock;
	struct list_head devices;
	struct hlist_node node;
	struct rcu_head rcu;
	unsigned long id;
};

void *ioasid_instance_create(struct ioasid_space *space, bool own, bool v2);
struct ioasid_instance *ioasid_instance_get(void *id);
void __ioasid_instance_end(struct ioasid_instance *inst);
void ioasid_instance_release(void *id);

/*
 * ioasid_instance_put() - drop a reference
 *
 * After the last one the module may be unloaded: the caller must only return.
 */
static inline void ioasid_instance_put(struct ioasid_instance *inst)
{
	if (unlikely(refcount_dec_and_test(&inst->refs)))
		__ioasid_instance_end(inst);
}

int ioasid_instance_add_device(struct ioasid_instance *inst, struct vfio_device *vdev);
void ioasid_instance_del_device(struct ioasid_instance *inst, struct vfio_device *vdev);

#endif /* _IOASID_VFIO_INSTANCE_H */
