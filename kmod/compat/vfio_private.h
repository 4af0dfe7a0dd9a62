/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vfio.ko expects of an IOMMU driver, and what a container is to it. The
 * kernel keeps these declarations in private files, so the facts are repeated
 * here: the same in every kernel from 6.12 to 7.3. tools/env/vfio-abi compares
 * them with the BTF of the target's vfio.ko at build time; at load time the
 * kernel's own check of the symbol (CRC or version magic) decides. A CRC does
 * not cover struct vfio_container: the code that makes one checks the exact release.
 */
#ifndef _IOASID_VFIO_PRIVATE_H
#define _IOASID_VFIO_PRIVATE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/rwsem.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/utsname.h>
#include <generated/utsrelease.h>

struct iommu_domain;
struct iommu_group;
struct module;
struct page;
struct vfio_device;

enum vfio_group_type {
	VFIO_IOMMU,
	VFIO_EMULATED_IOMMU,
	VFIO_NO_IOMMU,
};

struct vfio_iommu_driver_ops {
	char		*name;
	struct module	*owner;
	void		*(*open)(unsigned long arg);
	void		(*release)(void *iommu_data);
	long		(*ioctl)(void *iommu_data, unsigned int cmd, unsigned long arg);
	int		(*attach_group)(void *iommu_data, struct iommu_group *group,
					enum vfio_group_type type);
	void		(*detach_group)(void *iommu_data, struct iommu_group *group);
	int		(*pin_pages)(void *iommu_data, struct iommu_group *group,
				     dma_addr_t user_iova, int npage, int prot,
				     struct page **pages);
	void		(*unpin_pages)(void *iommu_data, dma_addr_t user_iova, int npage);
	void		(*register_device)(void *iommu_data, struct vfio_device *vdev);
	void		(*unregister_device)(void *iommu_data, struct vfio_device *vdev);
	int		(*dma_rw)(void *iommu_data, dma_addr_t user_iova, void *data,
				  size_t count, bool write);
	struct iommu_domain *(*group_iommu_domain)(void *iommu_data, struct iommu_group *group);
};

struct vfio_iommu_driver {
	const struct vfio_iommu_driver_ops	*ops;
	struct list_head			vfio_next;
};

/* Freed by vfio.ko with kfree() when the last reference goes. */
struct vfio_container {
	struct kref			kref;
	struct list_head		group_list;
	struct rw_semaphore		group_lock;
	struct vfio_iommu_driver	*iommu_driver;
	void				*iommu_data;
	bool				noiommu;
};

/* Does the kernel that runs have the very headers this was built with? */
static inline bool compat_same_release(void)
{
	return !strcmp(init_utsname()->release, UTS_RELEASE);
}

int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops);
void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops);

#endif /* _IOASID_VFIO_PRIVATE_H */
