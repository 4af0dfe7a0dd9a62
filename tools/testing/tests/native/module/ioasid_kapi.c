// SPDX-License-Identifier: GPL-2.0-only
/*
 * A caller of everything in <ioasid/ioasid.h>, on command: the functions as
 * another module would use them, with nothing of VFIO's in between. Built for
 * the test machine and never installed.
 *
 * What can run at the same time: no call of the same file, since each holds its lock; the
 * unmap callback, which comes from any task and takes no lock but that of pins.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include <ioasid/ioasid.h>
#include "kapi.h"

/**
 * struct kapi_user - an open file
 * @lock: one call at a time
 * @space: what the calls are about, or NULL
 * @refs: references on it
 * @access: registered with it, or NULL
 * @group: attached to it, or NULL
 * @claimed: its DMA is ours
 * @callbacks: how often the unmap callback ran
 * @blocked: callbacks wait on @go_on
 * @go_on: see above
 * @holder: a thread that holds the mmap_lock of @mm, or NULL
 * @held: it does
 * @mm: with a reference while there is a @holder
 * @reserved: a page that is for mmap()
 * @tidy: @pins is kept, and all of it unpinned when the access goes
 * @pins: pins by page of the address space, as values
 */
struct kapi_user {
	struct mutex lock;
	struct ioasid_space *space;
	unsigned int refs;
	struct ioasid_access *access;
	struct iommu_group *group;
	bool claimed;
	atomic_t callbacks;
	bool blocked;
	wait_queue_head_t go_on;
	struct task_struct *holder;
	struct completion held;
	struct mm_struct *mm;
	struct page *reserved;
	bool tidy;
	struct xarray pins;
};

/* A pin of a page more, or one less if there is one. */
static bool count_pin(struct kapi_user *u, unsigned long page, int n)
{
	unsigned long now;
	void *entry;
	bool counts;

	xa_lock(&u->pins);
	entry = xa_load(&u->pins, page);
	now = entry ? xa_to_value(entry) : 0;
	counts = n > 0 || now;
	if (counts)
		__xa_store(&u->pins, page, now + n ? xa_mk_value(now + n) : NULL, GFP_ATOMIC);
	xa_unlock(&u->pins);
	return counts;
}

/* Unpin all of [first, last]. */
static void unpin_all(struct kapi_user *u, unsigned long first, unsigned long last)
{
	unsigned long page = first;

	while (xa_find(&u->pins, &page, last, XA_PRESENT))
		if (count_pin(u, page, -1))
			ioasid_unpin_pages(u->space, (u64)page << PAGE_SHIFT, 1);
}

/* The access is destroyed before the space is put, so it is there. */
static void told_of_unmap(void *data, u64 iova, u64 length)
{
	struct kapi_user *u = data;

	atomic_inc(&u->callbacks);
	wait_event(u->go_on, !READ_ONCE(u->blocked));
	if (u->tidy)
		unpin_all(u, iova >> PAGE_SHIFT, (iova + length - 1) >> PAGE_SHIFT);
	else
		ioasid_unpin_pages(u->space, iova, length >> PAGE_SHIFT);
}

static const struct ioasid_access_ops access_ops = { .unmap = told_of_unmap };

static const struct file_operations kapi_fops;

/* As a page fault does that never ends, of memory that FUSE or NFS are behind. */
static int hold_mmap_lock(void *data)
{
	struct kapi_user *u = data;

	mmap_read_lock(u->mm);
	complete(&u->held);
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	mmap_read_unlock(u->mm);
	return 0;
}

/* The memory stays, as it does for a thread of the process that takes a page fault. */
static struct mm_struct *mm_of(pid_t pid)
{
	struct pid *number = find_get_pid(pid);
	struct task_struct *task = get_pid_task(number, PIDTYPE_PID);
	struct mm_struct *mm = task ? get_task_mm(task) : NULL;

	if (task)
		put_task_struct(task);
	put_pid(number);
	return mm;
}

static long hold(struct kapi_user *u, pid_t pid)
{
	struct task_struct *t;

	if (u->holder)
		return -EBUSY;
	u->mm = mm_of(pid);
	if (!u->mm)
		return -ESRCH;
	init_completion(&u->held);
	t = kthread_run(hold_mmap_lock, u, "ioasid_kapi");
	if (IS_ERR(t)) {
		mmput(u->mm);
		return PTR_ERR(t);
	}
	u->holder = t;
	wait_for_completion(&u->held);
	return 0;
}

static void release_lock(struct kapi_user *u)
{
	if (!u->holder)
		return;
	kthread_stop(u->holder);
	mmput(u->mm);
	u->holder = NULL;
}

static long take_space(struct kapi_user *u, struct ioasid_space *space)
{
	if (IS_ERR(space))
		return PTR_ERR(space);
	u->space = space;
	u->refs = 1;
	return 0;
}

/* --- steps that one task takes in search trees of the kernel --- */

static atomic_long_t steps;
static struct task_struct *stepper;	/* whose count; its file is open */

static int count_step(struct kprobe *p, struct pt_regs *regs)
{
	if (current == READ_ONCE(stepper))
		atomic_long_inc(&steps);
	return 0;
}

static struct kprobe step_probes[] = {
	{ .symbol_name = "rb_next", .pre_handler = count_step },
	{ .symbol_name = "rb_prev", .pre_handler = count_step },
	{ .symbol_name = "interval_tree_iter_first", .pre_handler = count_step },
	{ .symbol_name = "interval_tree_iter_next", .pre_handler = count_step },
};

/* Of the first @n probes. */
static void end_steps(unsigned int n)
{
	WRITE_ONCE(stepper, NULL);
	while (n--) {
		unregister_kprobe(&step_probes[n]);
		/* As it was, to be registered again. */
		step_probes[n].addr = NULL;
		step_probes[n].flags = 0;
	}
}

static long begin_steps(void)
{
	unsigned int n;
	int ret;

	atomic_long_set(&steps, 0);
	for (n = 0; n < ARRAY_SIZE(step_probes); n++) {
		ret = register_kprobe(&step_probes[n]);
		if (ret) {
			step_probes[n].addr = NULL;
			end_steps(n);
			return ret;
		}
	}
	WRITE_ONCE(stepper, current);
	return 0;
}

/* One task at a time: the tests see to that. */
static long count_steps(struct kapi *arg)
{
	if (arg->flags)
		return stepper ? -EBUSY : begin_steps();
	if (stepper != current)
		return -EINVAL;
	end_steps(ARRAY_SIZE(step_probes));
	arg->out = atomic_long_read(&steps);
	return 0;
}

/* The test has no call under way on the other one. */
static long share_space(struct kapi_user *u, struct kapi_user *other)
{
	if (!other->space)
		return -ENXIO;
	ioasid_space_get(other->space);
	return take_space(u, other->space);
}

static void block(struct kapi_user *u, bool blocked)
{
	WRITE_ONCE(u->blocked, blocked);
	wake_up_all(&u->go_on);
}

/* Those that need no space; -ENOTTY if it is not one of them. */
static long call_without(struct kapi_user *u, struct kapi *arg)
{
	struct file *file;
	long ret = -EINVAL;

	if (arg->op == KAPI_STEPS)
		return count_steps(arg);
	if (arg->op == KAPI_CREATE)
		return u->space ? -EBUSY : take_space(u, ioasid_space_create(arg->flags));
	if (arg->op == KAPI_LEGACY && !u->space)
		return ioasid_vfio_ioctl(NULL, true, arg->flags, arg->data);
	if (arg->op == KAPI_HOLD)
		return hold(u, arg->fd);
	if (arg->op == KAPI_RELEASE) {
		release_lock(u);
		return 0;
	}
	if (arg->op == KAPI_BLOCK) {
		block(u, arg->flags);
		return 0;
	}
	if (arg->op == KAPI_DEVICE_MEMORY) {
		arg->out = ioasid_device_memory_mapped(arg->iova, arg->iova + arg->length - 1);
		return 0;
	}
	if (arg->op != KAPI_FROM_FILE && arg->op != KAPI_JOIN && arg->op != KAPI_IS_OURS &&
	    arg->op != KAPI_FROM_KAPI)
		return -ENOTTY;
	file = fget(arg->fd);
	if (!file)
		return -EBADF;
	if (arg->op == KAPI_IS_OURS) {
		arg->out = ioasid_file_is_ours(file);
		ret = 0;
	} else if (arg->op == KAPI_FROM_KAPI) {
		if (!u->space && file->f_op == &kapi_fops)
			ret = share_space(u, file->private_data);
	} else if (!u->space) {
		ret = take_space(u, arg->op == KAPI_JOIN ? ioasid_space_join(file) :
				 ioasid_space_from_file(file, arg->flags));
	}
	fput(file);
	return ret;
}

static void drop_access(struct kapi_user *u)
{
	unpin_all(u, 0, ULONG_MAX);
	if (u->access)
		ioasid_access_destroy(u->access);
	u->access = NULL;
}

static void drop_group(struct kapi_user *u)
{
	if (!u->group)
		return;
	ioasid_detach_group(u->space, u->group);
	if (u->claimed)
		iommu_group_release_dma_owner(u->group);
	u->claimed = false;
	iommu_group_put(u->group);
	u->group = NULL;
}

/* The last reference goes last. */
static void drop_space(struct kapi_user *u)
{
	if (u->refs == 1) {
		drop_access(u);
		drop_group(u);
	}
	ioasid_space_put(u->space);
	if (!--u->refs)
		u->space = NULL;
}

static struct iommu_group *group_of(const char *name)
{
	struct device *dev = bus_find_device_by_name(&pci_bus_type, NULL, name) ?:
			     bus_find_device_by_name(&platform_bus_type, NULL, name);
	struct iommu_group *group = dev ? iommu_group_get(dev) : NULL;

	put_device(dev);
	return group;
}

static long attach(struct kapi_user *u, const struct kapi *arg)
{
	struct iommu_group *group = group_of(arg->device);
	bool hardware = !(arg->flags & IOASID_ATTACH_EMULATED);
	long ret;

	if (!group)
		return -ENODEV;
	ret = u->group && u->group != group ? -EBUSY : 0;
	if (ret)
		goto put;
	/* Attached by us, it is claimed. */
	if (hardware && !u->claimed) {
		ret = iommu_group_claim_dma_owner(group, u);
		if (ret)
			goto put;
	}
	ret = ioasid_attach_group(u->space, group, arg->flags);
	if (!ret) {
		u->group = group;
		u->claimed = hardware;
		return 0;
	}
	if (hardware && !u->claimed)
		iommu_group_release_dma_owner(group);
put:
	iommu_group_put(group);
	return ret;
}

static long call_group(struct kapi_user *u, struct kapi *arg)
{
	struct iommu_domain *domain;
	struct iommu_group *group;
	long ret = 0;

	if (arg->op == KAPI_ATTACH)
		return attach(u, arg);
	if (arg->op == KAPI_DETACH) {
		drop_group(u);
		return 0;
	}
	group = group_of(arg->device);
	if (!group)
		return -ENODEV;
	if (arg->op == KAPI_DOMAIN) {
		domain = ioasid_group_domain(u->space, group);
		ret = PTR_ERR_OR_ZERO(domain);
	} else {
		ioasid_group_reports_dirty(u->space, group);
	}
	iommu_group_put(group);
	return ret;
}

static long pin(struct kapi_user *u, struct kapi *arg)
{
	struct page *pages[KAPI_PAGES];
	long ret, i;
	void *p;

	if (arg->length > KAPI_PAGES)
		return -E2BIG;
	ret = ioasid_pin_pages(u->space, arg->iova, arg->length, arg->prot, pages);
	if (ret <= 0)
		return ret;
	for (i = 0; i < ret && u->tidy; i++)
		count_pin(u, (arg->iova >> PAGE_SHIFT) + i, 1);
	p = kmap_local_page(pages[0]);
	arg->out = *(u64 *)p;
	kunmap_local(p);
	return ret;
}

/* ioasid_read() by a kernel thread, which its caller waits for. */
struct kapi_read {
	struct ioasid_space *space;
	u64 iova;
	void *buf;
	size_t length;
	struct mm_struct *mm;		/* to borrow, or NULL */
	long ret;
	struct completion done;
};

static int kthread_read(void *data)
{
	struct kapi_read *r = data;

	if (r->mm)
		kthread_use_mm(r->mm);
	r->ret = ioasid_read(r->space, r->iova, r->buf, r->length);
	if (r->mm)
		kthread_unuse_mm(r->mm);
	complete(&r->done);
	return 0;
}

static long read_as(struct kapi_user *u, const struct kapi *arg, void *buf)
{
	struct kapi_read r = {
		.space = u->space,
		.iova = arg->iova,
		.buf = buf,
		.length = arg->length,
		.mm = arg->flags == KAPI_BORROWER ? current->mm : NULL,
	};
	struct task_struct *task;

	if (arg->flags == KAPI_CALLER)
		return ioasid_read(u->space, arg->iova, buf, arg->length);
	init_completion(&r.done);
	task = kthread_run(kthread_read, &r, "kapi_read");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&r.done);
	return r.ret;
}

static long copy(struct kapi_user *u, struct kapi *arg)
{
	void __user *data = u64_to_user_ptr(arg->data);
	bool write = arg->op == KAPI_WRITE;
	void *buf;
	long ret;

	if (arg->length > KAPI_PAGES * PAGE_SIZE)
		return -E2BIG;
	buf = kvzalloc(arg->length, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = write && copy_from_user(buf, data, arg->length) ? -EFAULT : 0;
	if (!ret)
		ret = write ? ioasid_write(u->space, arg->iova, buf, arg->length) :
			      read_as(u, arg, buf);
	if (!ret && !write && copy_to_user(data, buf, arg->length))
		ret = -EFAULT;
	kvfree(buf);
	return ret;
}

static void unpin(struct kapi_user *u, const struct kapi *arg)
{
	u64 i;

	if (!u->tidy) {
		ioasid_unpin_pages(u->space, arg->iova, arg->length);
		return;
	}
	for (i = 0; i < min_t(u64, arg->length, KAPI_PAGES); i++)
		if (count_pin(u, (arg->iova >> PAGE_SHIFT) + i, -1))
			ioasid_unpin_pages(u->space, arg->iova + (i << PAGE_SHIFT), 1);
}

static long call_access(struct kapi_user *u, struct kapi *arg)
{
	struct ioasid_access *access;

	switch (arg->op) {
	case KAPI_ACCESS_CREATE:
		access = ioasid_access_create(u->space, arg->flags & 1 ? NULL : &access_ops, u);
		if (!IS_ERR(access))
			u->access = access;
		u->tidy = arg->flags & KAPI_ACCESS_TIDY;
		return PTR_ERR_OR_ZERO(access);
	case KAPI_ACCESS_DESTROY:
		drop_access(u);
		return 0;
	case KAPI_PIN:
		return pin(u, arg);
	case KAPI_UNPIN:
		unpin(u, arg);
		return 0;
	case KAPI_CALLBACKS:
		arg->out = atomic_read(&u->callbacks);
		return 0;
	default:
		return copy(u, arg);
	}
}

static long call_space(struct kapi_user *u, struct kapi *arg)
{
	switch (arg->op) {
	case KAPI_GET:
		ioasid_space_get(u->space);
		u->refs++;
		return 0;
	case KAPI_PUT:
		drop_space(u);
		return 0;
	case KAPI_KILL:
		ioasid_space_kill(u->space);
		return 0;
	case KAPI_NUMBER:
		arg->out = ioasid_space_number(u->space);
		return 0;
	case KAPI_MAP:
		return ioasid_map(u->space, arg->iova, arg->data, arg->length, arg->flags);
	case KAPI_UNMAP:
		return ioasid_unmap(u->space, arg->iova, arg->length, arg->flags, &arg->out);
	case KAPI_LEGACY:
		return ioasid_vfio_ioctl(u->space, true, arg->flags, arg->data);
	default:
		return -ENOTTY;
	}
}

static long call(struct kapi_user *u, struct kapi *arg)
{
	long ret = call_without(u, arg);

	if (ret != -ENOTTY || arg->op > KAPI_REPORTS_DIRTY)
		return ret;
	if (!u->space)
		return -ENXIO;
	if (arg->op >= KAPI_ATTACH)
		return call_group(u, arg);
	return arg->op >= KAPI_ACCESS_CREATE ? call_access(u, arg) : call_space(u, arg);
}

static long kapi_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct kapi_user *u = file->private_data;
	struct kapi arg;
	long ret;

	if (cmd != KAPI_CALL)
		return -ENOTTY;
	if (copy_from_user(&arg, (void __user *)user, sizeof(arg)))
		return -EFAULT;
	arg.device[sizeof(arg.device) - 1] = 0;
	mutex_lock(&u->lock);
	ret = call(u, &arg);
	mutex_unlock(&u->lock);
	return copy_to_user((void __user *)user, &arg, sizeof(arg)) ? -EFAULT : ret;
}

static int kapi_open(struct inode *inode, struct file *file)
{
	struct kapi_user *u = kzalloc(sizeof(*u), GFP_KERNEL);

	if (!u)
		return -ENOMEM;
	u->reserved = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!u->reserved) {
		kfree(u);
		return -ENOMEM;
	}
	SetPageReserved(u->reserved);
	mutex_init(&u->lock);
	init_waitqueue_head(&u->go_on);
	xa_init(&u->pins);
	file->private_data = u;
	return 0;
}

/* A page for which no process is charged. */
static int kapi_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct kapi_user *u = file->private_data;

	return vm_insert_page(vma, vma->vm_start, u->reserved);
}

static int kapi_release(struct inode *inode, struct file *file)
{
	struct kapi_user *u = file->private_data;

	if (stepper == current)
		end_steps(ARRAY_SIZE(step_probes));
	release_lock(u);
	block(u, false);
	while (u->space)
		drop_space(u);
	xa_destroy(&u->pins);
	mutex_destroy(&u->lock);
	ClearPageReserved(u->reserved);
	__free_page(u->reserved);
	kfree(u);
	return 0;
}

static const struct file_operations kapi_fops = {
	.owner		= THIS_MODULE,
	.open		= kapi_open,
	.release	= kapi_release,
	.unlocked_ioctl	= kapi_ioctl,
	.mmap		= kapi_mmap,
};

static struct miscdevice kapi_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "ioasid_kapi",
	.fops	= &kapi_fops,
	.mode	= 0600,
};
module_misc_device(kapi_misc);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A caller of ioasid's in-kernel functions, for its tests");
IOASID_IMPORT;
