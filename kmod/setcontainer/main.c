// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid_setcontainer.ko: lets VFIO_GROUP_SET_CONTAINER take a /dev/ioasid fd.
 *
 * vfio.ko calls vfio_container_from_file() to find the container of an fd, which returns
 * NULL for a file that is not its own. While this module is loaded, ftrace redirects that
 * call to container_from_file() here, for a /dev/ioasid file only; for every other file
 * the kernel's function runs unchanged.
 *
 * container_from_file() makes a container for this call alone, and it gets one group;
 * groups share the address space. So no container is seen by two calls of
 * VFIO_GROUP_SET_CONTAINER, and its life is
 *
 *	made	by container_from_file(), with the relay as its IOMMU driver, which
 *		no VFIO_SET_IOMMU has to choose any more
 *	used	when vfio.ko attaches the group: sc_attach_group() takes a module
 *		reference, vfio.ko a reference on the container
 *	undone	by vfio.ko when the group leaves: the relay's release() drops the
 *		address space, vfio.ko drops the module and the container
 *
 * vfio.ko can fail in between without calling this module (for example, the group has
 * another owner). Therefore every attempt ends in sc_attempt_end(), which runs in
 * the calling task as it leaves the kernel: it disarms a container that got no
 * group and drops the reference that the container was made with.
 *
 * What can run at the same time: other tasks, with containers of their own; of this one,
 * a detach as soon as the group is attached, before sc_attempt_end(). Both take
 * the container's group_lock, which vfio.ko holds for write over all callbacks.
 * An attempt holds a module reference from the ftrace callback on, so at module exit no
 * attempt is left, except for tasks in their last instructions here: the exit waits for
 * those. No file leads to such a container, so it gets no ioctl.
 */
#include <linux/err.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_work.h>

#include <ioasid/ioasid.h>
#include <ioasid/relay.h>
#include <ioasid/version.h>
#include "../compat/vfio_private.h"

#define TARGET "vfio_container_from_file"

/**
 * struct attempt - one VFIO_GROUP_SET_CONTAINER
 * @end: runs sc_attempt_end() when the task returns to user space
 * @container: the container that vfio.ko got, with the reference it was made with
 */
struct attempt {
	struct callback_head end;
	struct vfio_container *container;
};

/*
 * Never called: our driver is in no list, containers come with it. Importing
 * it makes the kernel compare the interface when this module is loaded.
 */
static int (*const interface_check)(const struct vfio_iommu_driver_ops *ops) __used =
	vfio_register_iommu_driver;

static struct vfio_iommu_driver_ops sc_ops;
static struct vfio_iommu_driver sc_driver = { .ops = &sc_ops };

/* vfio.ko drops the module reference with the container's only group. */
static int sc_attach_group(void *data, struct iommu_group *group, enum vfio_group_type type)
{
	int ret = ioasid_relay_ops.attach_group(data, group, type);

	if (!ret)
		__module_get(THIS_MODULE);
	return ret;
}

static void container_free(struct kref *kref)
{
	kfree(container_of(kref, struct vfio_container, kref));
}

/* No group was attached, so no other task knows the container: end it. */
static void container_disarm(struct vfio_container *c)
{
	down_write(&c->group_lock);
	if (c->iommu_driver && list_empty(&c->group_list)) {
		sc_ops.release(c->iommu_data);
		c->iommu_driver = NULL;
		c->iommu_data = NULL;
	}
	up_write(&c->group_lock);
}

static void sc_attempt_end(struct callback_head *end)
{
	struct attempt *a = container_of(end, struct attempt, end);

	container_disarm(a->container);
	kref_put(&a->container->kref, container_free);
	kfree(a);
	module_put(THIS_MODULE);
}

static struct vfio_container *container_create(struct ioasid_space *space)
{
	struct vfio_container *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return NULL;
	kref_init(&c->kref);
	INIT_LIST_HEAD(&c->group_list);
	init_rwsem(&c->group_lock);
	ioasid_space_get(space);
	c->iommu_data = ioasid_relay_open(space);
	c->iommu_driver = &sc_driver;
	return c;
}

static struct vfio_container *attempt_begin(struct ioasid_space *space)
{
	struct attempt *a = kmalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);

	if (!a)
		return NULL;
	a->container = container_create(space);
	if (!a->container) {
		kfree(a);
		return NULL;
	}
	init_task_work(&a->end, sc_attempt_end);
	if (!task_work_add(current, &a->end, TWA_RESUME))
		return a->container;
	/* Only a task that has begun to exit, and such a one makes no ioctl. */
	container_disarm(a->container);
	kfree(a->container);
	kfree(a);
	return NULL;
}

/*
 * Runs in place of vfio.ko's function, with a module reference that sc_attempt_end()
 * drops. Without memory it returns NULL, and the ioctl fails with -EBADFD.
 */
static struct vfio_container *container_from_file(struct file *file)
{
	struct ioasid_space *space = ioasid_space_join(file);
	struct vfio_container *c = NULL;

	if (!IS_ERR(space)) {
		c = attempt_begin(space);
		ioasid_space_put(space);
	}
	if (!c)
		module_put(THIS_MODULE);
	return c;
}

static void notrace sc_redirect(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				struct ftrace_regs *fregs)
{
	const struct file *file = (const struct file *)ftrace_regs_get_argument(fregs, 0);

	if (ioasid_file_is_ours(file) && try_module_get(THIS_MODULE))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)container_from_file);
}

static struct ftrace_ops hook = {
	.func = sc_redirect,
	/* Permanent: it cannot be turned off by kernel.ftrace_enabled meanwhile. */
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT |
		 (IS_ENABLED(CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS) ? 0 : FTRACE_OPS_FL_SAVE_REGS),
};

static int sc_hook(void)
{
	int ret = ftrace_set_filter(&hook, TARGET, strlen(TARGET), 1);

	if (ret) {
		pr_err("this vfio.ko has no " TARGET "() to redirect: use VFIO_SET_IOMMU with IOASID_SET_IOMMU_ARG() instead\n");
		return ret;
	}
	ret = register_ftrace_function(&hook);
	if (ret == -EBUSY)
		pr_err(TARGET "() is taken by a livepatch or another module, or ftrace is off: remove that first, and set kernel.ftrace_enabled=1\n");
	else if (ret)
		pr_err("ftrace refuses to lead " TARGET "() away (%d)\n", ret);
	if (ret)
		ftrace_free_filter(&hook);
	return ret;
}

static int __init sc_init(void)
{
	int ret = ioasid_check_version();

	if (ret)
		return ret;
	if (!compat_same_release()) {
		pr_err("built for Linux " UTS_RELEASE ", whose VFIO containers may differ from this kernel's: build it for this one\n");
		return -ENOEXEC;
	}
	sc_ops = ioasid_relay_ops;
	sc_ops.name = KBUILD_MODNAME;
	sc_ops.owner = THIS_MODULE;
	sc_ops.attach_group = sc_attach_group;
	return sc_hook();
}
module_init(sc_init);

static void __exit sc_exit(void)
{
	unregister_ftrace_function(&hook);
	ftrace_free_filter(&hook);
	/* Tasks that dropped the last reference but have not returned yet. */
	synchronize_rcu_tasks();
}
module_exit(sc_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO_GROUP_SET_CONTAINER with a /dev/ioasid fd");
MODULE_VERSION(IOASID_VERSION);
IOASID_IMPORT;
