/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI device that programs attach to a /dev/ioasid themselves.
 */
#ifndef _IOASID_PCI_DEVICE_H
#define _IOASID_PCI_DEVICE_H

#include <linux/build_bug.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/stddef.h>

#include "../compat/vfio_pci.h"

struct file;
struct inode;
struct iommu_group;
struct ioasid_device_memory;
struct ioasid_pci_file;
struct ioasid_space;

/**
 * struct ioasid_pci_node - /dev/ioasid-pci/ADDRESS
 * @dev: the device of class ioasid-pci; an open file keeps it after an unbind
 * @cdev: its character device
 * @lock: guards what follows, and of each open file what device.h says
 * @vdev: the device, NULL once its driver is being unbound
 * @user: the open file that owns the device, NULL if none does
 */
struct ioasid_pci_node {
	struct device dev;
	struct cdev cdev;
	struct mutex lock;
	struct vfio_pci_core_device *vdev;
	struct ioasid_pci_file *user;
};

/**
 * struct ioasid_pci_binding - a device bound to this driver
 * @core: for vfio-pci-core, which finds it as driver data of the device
 * @node: its node
 * @memory: its BARs, as far as they are mapped by region (memory.c)
 * @decode_lock: held over what may change whether the device decodes memory, but for resets
 */
struct ioasid_pci_binding {
	struct vfio_pci_core_device core;
	struct ioasid_pci_node *node;
	struct ioasid_device_memory *memory;
	struct mutex decode_lock;
};

static inline struct ioasid_pci_binding *ioasid_pci_binding_of(struct vfio_pci_core_device *core)
{
	return container_of(core, struct ioasid_pci_binding, core);
}

/**
 * struct ioasid_pci_group - a group of devices in the hands of a /dev/ioasid
 * @link: in the list of all of them; guarded by groups_lock of group.c, as is @refs
 * @refs: claims, and those who try to get one
 * @group: the kernel's group, with a reference
 * @owner: the open /dev/ioasid that owns its DMA, with a reference; NULL without
 *	claims. Written under @lock and groups_lock
 * @lock: guards what follows
 * @claims: open devices of the group, each with a claim of its DMA for @owner
 * @gate: what keeps the VFIO group shut as long as there are claims (gate.c)
 * @space: where the group is attached, NULL if nowhere
 * @attached: how many of its devices are attached to @space
 */
struct ioasid_pci_group {
	struct list_head link;
	unsigned int refs;
	struct iommu_group *group;
	struct file *owner;
	struct mutex lock;
	unsigned int claims;
	struct file *gate;
	struct ioasid_space *space;
	unsigned int attached;
};

/**
 * struct ioasid_pci_file - an open node
 * @node: the node
 * @inode: whose mappings its own are: the device's, with its file system
 * @vdev: the device once it is owned, for as long as the file is open: set once,
 *	under @node->lock, and read without
 * @group: the device's group while it is owned; @node->lock
 * @space: where it is attached, with a reference, or NULL; @node->lock
 */
struct ioasid_pci_file {
	struct ioasid_pci_node *node;
	struct inode *inode;
	struct vfio_pci_core_device *vdev;
	struct ioasid_pci_group *group;
	struct ioasid_space *space;
};

/* The device, if this file owns it: before that nothing of it can be reached. */
static inline struct vfio_pci_core_device *ioasid_pci_owned(const struct ioasid_pci_file *f)
{
	return smp_load_acquire(&f->vdev);
}

/* main.c */
extern const struct vfio_device_ops ioasid_pci_vfio_ops;

/* file.c */
extern const struct file_operations ioasid_pci_fops;

/* attach.c */
/*
 * IOASID_PCI_COPY_ARGS() - copy the structure of one of our ioctls, by the rules of ioasid_ioctl()
 * @_to: the structure; on success its member size is what the caller gave
 * @_last: the last member of its first version, so programs of that version still work
 * @_from: the caller's
 */
#define IOASID_PCI_COPY_ARGS(_to, _last, _from)						\
	ioasid_pci_copy_args(_to, sizeof(*(_to)) +					\
			     BUILD_BUG_ON_ZERO(offsetof(typeof(*(_to)), size) != 0),	\
			     offsetofend(typeof(*(_to)), _last), _from)

long ioasid_pci_copy_args(void *to, size_t size, size_t min, const void __user *from);
long ioasid_pci_attach(struct ioasid_pci_file *f, void __user *arg);
long ioasid_pci_detach(struct ioasid_pci_file *f, void __user *arg);
long ioasid_pci_get_info(struct ioasid_pci_file *f, void __user *arg);
void ioasid_pci_close(struct ioasid_pci_file *f);

/* group.c */
struct ioasid_pci_group *ioasid_pci_group_claim(struct vfio_device *vdev, struct file *owner);
void ioasid_pci_group_release(struct ioasid_pci_group *g, struct vfio_device *vdev);
bool ioasid_pci_group_owned(struct device *dev, struct file *owner);
int ioasid_pci_group_attach(struct ioasid_pci_group *g, struct ioasid_space *from,
			    struct ioasid_space *to);
void ioasid_pci_group_detach(struct ioasid_pci_group *g);

/* gate.c */
struct file *ioasid_pci_gate_open(struct vfio_device *vdev, struct iommu_group *group);
void ioasid_pci_gate_close(struct file *gate);

/* memory.c */
extern const struct pci_error_handlers ioasid_pci_err_handlers;
int ioasid_pci_memory_init(struct ioasid_pci_binding *b);
void ioasid_pci_memory_exit(struct ioasid_pci_binding *b);
void ioasid_pci_memory_open(struct vfio_pci_core_device *core);
void ioasid_pci_memory_attach(struct vfio_pci_core_device *core);
void ioasid_pci_memory_detach(struct vfio_pci_core_device *core);
void ioasid_pci_memory_close(struct vfio_pci_core_device *core);
void ioasid_pci_memory_gone(struct ioasid_pci_binding *b);
ssize_t ioasid_pci_core_write(struct vfio_device *vdev, const char __user *buf, size_t count,
			      loff_t *pos);
long ioasid_pci_core_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg);
int ioasid_pci_core_feature(struct vfio_device *vdev, u32 flags, void __user *arg, size_t size);
long ioasid_pci_map(struct file *file, void __user *arg);

/* reset.c */
long ioasid_pci_hot_reset(struct ioasid_pci_file *f, void __user *arg);

#endif /* _IOASID_PCI_DEVICE_H */
