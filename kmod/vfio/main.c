// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid_vfio.ko: the shim. For vfio.ko it is an IOMMU driver like type1; it passes all
 * calls to ioasid.ko.
 *
 * What can run at the same time, by callback:
 *  - open, attach, detach, release: under vfio.ko's container->group_lock held
 *    for write, so one at a time per container;
 *  - ioctl: no lock at all, under any of them; see instance.h;
 *  - pin, unpin, rw: by a driver whose device is open, so before its group is
 *    detached; register, unregister: when a device opens and closes;
 *  - module exit: vfio.ko drops its reference on this module in release, so a stale
 *    ioctl may still be entering; the exit waits for that. A call that has found its
 *    instance holds the module.
 *
 * When open or attach fails during VFIO_SET_IOMMU, VFIO tries its next driver, which asks
 * no policy. So there attach seals the container instead of failing.
 */
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/vfio.h>
#include <asm/syscall.h>

#include <ioasid/ioasid.h>
#include <ioasid/relay.h>
#include <ioasid/version.h>
#include <uapi/linux/ioasid.h>
#include "../compat/vfio_private.h"
#include "instance.h"

static bool enabled = true;
module_param(enabled, bool, 0644);
MODULE_PARM_DESC(enabled, "New stock VFIO containers run on ioasid; N leaves them to the next driver (default Y)");

/* Does VFIO_SET_IOMMU's argument name a /dev/ioasid, and by which fd? */
static bool shim_arg_is_ioasid(unsigned long arg, int *fd)
{
	if (arg >> 32 == IOASID_SET_IOMMU_MAGIC) {
		*fd = (int)(arg & U32_MAX);
		return true;
	}
	if ((arg & ~0xffffUL) == IOASID_SET_IOMMU_MAGIC32) {
		*fd = arg & 0xffff;
		return true;
	}
	return false;
}

/* Called in VFIO_CHECK_EXTENSION and, to choose a driver, in VFIO_SET_IOMMU. */
static long shim_check_base(unsigned long arg)
{
	int fd;

	if (!READ_ONCE(enabled))
		return 0;
	if (shim_arg_is_ioasid(arg, &fd))
		return 1;
	return ioasid_vfio_ioctl(NULL, false, VFIO_CHECK_EXTENSION, arg);
}

static void *shim_open_shared(int fd)
{
	struct ioasid_space *space;
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	space = ioasid_space_from_file(file, 0);
	fput(file);
	if (IS_ERR(space))
		return ERR_CAST(space);
	return ioasid_relay_open(space);
}

static void *shim_open(unsigned long arg)
{
	u32 flags = IOASID_SPACE_CONTAINER;
	struct ioasid_space *space;
	int fd;

	if (shim_arg_is_ioasid(arg, &fd))
		return shim_open_shared(fd);
	/* VFIO has asked for the extension, which need not be a type. */
	if (arg == IOASID_EXT_NESTING)
		flags |= IOASID_SPACE_NESTING;
	else if (arg != VFIO_TYPE1_IOMMU && arg != VFIO_TYPE1v2_IOMMU)
		return ERR_PTR(-EINVAL);
	space = ioasid_space_create(flags);
	if (IS_ERR(space))
		return ERR_CAST(space);
	return ioasid_instance_create(space, true, arg != VFIO_TYPE1_IOMMU);
}

static void shim_release(void *data)
{
	ioasid_instance_release(data);
}

/* End a callback that began with ioasid_instance_get(). */
static void shim_leave(struct ioasid_instance *inst)
{
	if (inst)
		ioasid_instance_put(inst);
}

static long shim_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	struct ioasid_instance *inst;
	long ret = -EINVAL;

	/* Before VFIO_SET_IOMMU, or when release() got ahead of the caller. */
	if (unlikely(!data))
		return cmd == VFIO_CHECK_EXTENSION ? shim_check_base(arg) : -EINVAL;
	inst = ioasid_instance_get(data);
	if (unlikely(!inst))
		return -EINVAL;
	if (likely(!READ_ONCE(inst->dead)))
		ret = ioasid_vfio_ioctl(inst->space, inst->v2, cmd, arg);
	ioasid_instance_put(inst);
	return ret;
}

/*
 * Is this attach part of VFIO_SET_IOMMU, where failing means another driver,
 * or of VFIO_GROUP_SET_CONTAINER, where it means an errno? VFIO does not say,
 * but both are ioctls of the current task.
 */
static bool shim_in_set_iommu(void)
{
	unsigned long args[6];

	syscall_get_arguments(current, task_pt_regs(current), args);
	return (u32)args[1] == VFIO_SET_IOMMU;
}

static int shim_attach(struct ioasid_instance *inst, struct iommu_group *group,
		       enum vfio_group_type type)
{
	u32 flags = 0;

	/* Refuse a group without an IOMMU (noiommu mode): nothing would translate its DMA. */
	if (type == VFIO_NO_IOMMU)
		return -EPERM;
	if (type == VFIO_EMULATED_IOMMU)
		flags |= IOASID_ATTACH_EMULATED;
	/* No other driver knows the argument that names a /dev/ioasid. */
	if (inst->own && shim_in_set_iommu())
		flags |= IOASID_ATTACH_SEAL;
	return ioasid_attach_group(inst->space, group, flags);
}

static int shim_attach_group(void *data, struct iommu_group *group, enum vfio_group_type type)
{
	struct ioasid_instance *inst;
	int ret;

	inst = ioasid_instance_get(data);
	ret = inst ? shim_attach(inst, group, type) : -EINVAL;
	shim_leave(inst);
	return ret;
}

static void shim_detach_group(void *data, struct iommu_group *group)
{
	struct ioasid_instance *inst;

	inst = ioasid_instance_get(data);
	if (inst)
		ioasid_detach_group(inst->space, group);
	shim_leave(inst);
}

static int shim_pin(struct ioasid_instance *inst, struct iommu_group *group, u64 iova, int npage,
		    int prot, struct page **pages)
{
	int ret;

	/* v1 containers cannot keep track of what is pinned: type1's rule. */
	if (!inst->v2)
		return -EACCES;
	ret = ioasid_pin_pages(inst->space, iova, npage, prot, pages);
	if (ret > 0)
		ioasid_group_reports_dirty(inst->space, group);
	return ret;
}

static int shim_pin_pages(void *data, struct iommu_group *group, dma_addr_t iova, int npage,
			  int prot, struct page **pages)
{
	struct ioasid_instance *inst;
	int ret;

	inst = ioasid_instance_get(data);
	ret = inst ? shim_pin(inst, group, iova, npage, prot, pages) : -EINVAL;
	shim_leave(inst);
	return ret;
}

static void shim_unpin_pages(void *data, dma_addr_t iova, int npage)
{
	struct ioasid_instance *inst;

	inst = ioasid_instance_get(data);
	if (inst && inst->v2)
		ioasid_unpin_pages(inst->space, iova, npage);
	shim_leave(inst);
}

static void shim_register_device(void *data, struct vfio_device *vdev)
{
	struct ioasid_instance *inst;

	inst = ioasid_instance_get(data);
	/* Unregistered, the device's pins fail with -EINVAL; the open cannot. */
	if (inst && ioasid_instance_add_device(inst, vdev))
		pr_warn_ratelimited("%s: no memory, its driver cannot pin pages\n",
				    dev_name(vdev->dev));
	shim_leave(inst);
}

static void shim_unregister_device(void *data, struct vfio_device *vdev)
{
	struct ioasid_instance *inst;

	inst = ioasid_instance_get(data);
	if (inst)
		ioasid_instance_del_device(inst, vdev);
	shim_leave(inst);
}

static int shim_rw(struct ioasid_instance *inst, u64 iova, void *buf, size_t count, bool write)
{
	return write ? ioasid_write(inst->space, iova, buf, count) :
		       ioasid_read(inst->space, iova, buf, count);
}

static int shim_dma_rw(void *data, dma_addr_t iova, void *buf, size_t count, bool write)
{
	struct ioasid_instance *inst;
	int ret;

	inst = ioasid_instance_get(data);
	ret = inst ? shim_rw(inst, iova, buf, count, write) : -EINVAL;
	shim_leave(inst);
	return ret;
}

static struct iommu_domain *shim_group_domain(void *data, struct iommu_group *group)
{
	struct iommu_domain *domain = ERR_PTR(-EINVAL);
	struct ioasid_instance *inst;

	if (!data || !group)
		return domain;
	inst = ioasid_instance_get(data);
	if (inst)
		domain = ioasid_group_domain(inst->space, group);
	shim_leave(inst);
	return domain;
}

const struct vfio_iommu_driver_ops ioasid_relay_ops = {
	.name			= "ioasid",
	.owner			= THIS_MODULE,
	.open			= shim_open,
	.release		= shim_release,
	.ioctl			= shim_ioctl,
	.attach_group		= shim_attach_group,
	.detach_group		= shim_detach_group,
	.pin_pages		= shim_pin_pages,
	.unpin_pages		= shim_unpin_pages,
	.register_device	= shim_register_device,
	.unregister_device	= shim_unregister_device,
	.dma_rw			= shim_dma_rw,
	.group_iommu_domain	= shim_group_domain,
};
IOASID_EXPORT(ioasid_relay_ops);

void *ioasid_relay_open(struct ioasid_space *space)
{
	return ioasid_instance_create(space, false, true);
}
IOASID_EXPORT(ioasid_relay_open);

static int __init shim_init(void)
{
	int ret = ioasid_check_version();

	return ret ?: vfio_register_iommu_driver(&ioasid_relay_ops);
}
module_init(shim_init);

static void __exit shim_exit(void)
{
	vfio_unregister_iommu_driver(&ioasid_relay_ops);
	/*
	 * No instance is left, and so no call is in one. But a call that read the
	 * container just before its release may be on its way in, where it finds no
	 * instance, or on its way out. It does not sleep there.
	 */
	synchronize_rcu_tasks();
}
module_exit(shim_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO containers on ioasid");
MODULE_VERSION(IOASID_VERSION);
IOASID_IMPORT;
