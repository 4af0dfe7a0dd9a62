// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOASID_DEVICE_MAP: a region of a device in an address space, without an mmap; and when the
 * IOMMU must not have it.
 *
 * vfio-pci-core takes registers away from processes by their VMAs. Here is none, and it tells
 * no other code, so this file is called before each thing that makes it do so:
 *
 *	the device is reset: FLR by an ioctl or the config space,	reset_prepare()
 *	  bus or slot, sysfs, at open and close
 *	memory decoding goes off, or D3, by a write to the config	ioasid_pci_core_write()
 *	  space
 *	low power (VFIO_DEVICE_FEATURE)					ioasid_pci_core_feature()
 *	detach, close							attach.c
 *	unplug and unbind, when they begin				pci_remove()
 *
 * and after it, to bring back what is mapped. Each of these is a reason (enum off); what is mapped is
 * in the IOMMU while there is none. A close and an unplug are for good. decision 019 has the
 * alternatives.
 *
 * A write to the config space is looked at before vfio-pci-core copies it from the caller. If the caller
 * changes it in between, decoding may go off first, and the IOMMU is cleared after it, before the
 * call returns. That is the caller's own device, which it can break in simpler ways.
 *
 * What can run at the same time: all calls, by the node or by VFIO's own files, resets, and removal.
 * decode_lock orders what changes decoding, with what is concluded from it. It is held while
 * vfio-pci-core copies from the caller, which may take for ever: so nothing but such calls takes it, killably.
 * A reset by one of them calls reset_prepare(), which does not take it.
 *
 * Locks: node->lock; decode_lock, vfio-pci-core's memory_lock; then that of the
 * device memory (pin/device.c), which is also taken with device_lock and dev_set->lock held.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include <ioasid/args.h>
#include <ioasid/ioasid.h>
#include <uapi/linux/ioasid.h>
#include "device.h"

/* In PCI_PM_CTRL. */
#define STATE_D3HOT	3

/** enum off - why no IOMMU may have the BARs */
enum off {
	/** @OFF_DETACHED: no file owns the device, or its owner has detached it */
	OFF_DETACHED	= 1 << 0,
	/** @OFF_DECODE: it does not decode memory, or sleeps */
	OFF_DECODE	= 1 << 1,
	/** @OFF_RESET: it is being reset */
	OFF_RESET	= 1 << 2,
	/** @OFF_GONE: it is unplugged, or its driver is unbound; stays */
	OFF_GONE	= 1 << 3,
};

/* ioasid_pci_memory_init() - the device is bound, and not registered yet; 0 or -ENOMEM */
int ioasid_pci_memory_init(struct ioasid_pci_binding *b)
{
	b->memory = ioasid_device_memory_new(OFF_DETACHED | OFF_DECODE);
	if (IS_ERR(b->memory))
		return PTR_ERR(b->memory);
	mutex_init(&b->decode_lock);
	return 0;
}

/* ioasid_pci_memory_exit() - it is registered no more */
void ioasid_pci_memory_exit(struct ioasid_pci_binding *b)
{
	mutex_destroy(&b->decode_lock);
	ioasid_device_memory_put(b->memory);
}

/* Is it so that vfio-pci-core would let a process touch the registers? */
static bool memory_decodes(struct vfio_pci_core_device *core)
{
	struct pci_dev *pdev = core->pdev;
	u16 command;

	lockdep_assert_held(&core->memory_lock);
	command = le16_to_cpup((__le16 *)&core->vconfig[PCI_COMMAND]);
	return !core->pm_runtime_engaged &&
	       (__force int)pdev->current_state < (__force int)PCI_D3hot &&
	       (pdev->no_command_memory || command & PCI_COMMAND_MEMORY);
}

/* Conclude from its state; the device is open. */
static void memory_look(struct vfio_pci_core_device *core)
{
	struct ioasid_device_memory *m = ioasid_pci_binding_of(core)->memory;
	bool decodes;

	down_read(&core->memory_lock);
	decodes = memory_decodes(core);
	up_read(&core->memory_lock);
	if (decodes)
		ioasid_device_memory_on(m, OFF_DECODE);
	else
		ioasid_device_memory_off(m, OFF_DECODE);
}

/* ioasid_pci_memory_open() - a file becomes the owner, and no call can use the device yet */
void ioasid_pci_memory_open(struct vfio_pci_core_device *core)
{
	memory_look(core);
}

/* ioasid_pci_memory_attach() - it is attached to an address space */
void ioasid_pci_memory_attach(struct vfio_pci_core_device *core)
{
	ioasid_device_memory_on(ioasid_pci_binding_of(core)->memory, OFF_DETACHED);
}

/* ioasid_pci_memory_detach() - and to none */
void ioasid_pci_memory_detach(struct vfio_pci_core_device *core)
{
	ioasid_device_memory_off(ioasid_pci_binding_of(core)->memory, OFF_DETACHED);
}

/* ioasid_pci_memory_close() - its owner is about to give it up */
void ioasid_pci_memory_close(struct vfio_pci_core_device *core)
{
	ioasid_device_memory_end(ioasid_pci_binding_of(core)->memory, OFF_DETACHED | OFF_DECODE);
}

/* ioasid_pci_memory_gone() - it is unbound, which will wait for its owner */
void ioasid_pci_memory_gone(struct ioasid_pci_binding *b)
{
	ioasid_device_memory_end(b->memory, OFF_GONE);
}

/* Before a reset of any kind. Driver data are set as long as the device is bound. */
static void reset_prepare(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	if (core)
		ioasid_device_memory_off(ioasid_pci_binding_of(core)->memory, OFF_RESET);
}

/* The config space is restored. */
static void reset_done(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	if (core)
		ioasid_device_memory_on(ioasid_pci_binding_of(core)->memory, OFF_RESET);
}

const struct pci_error_handlers ioasid_pci_err_handlers = {
	.error_detected	= vfio_pci_core_aer_err_detected,
	.reset_prepare	= reset_prepare,
	.reset_done	= reset_done,
};

/**
 * struct config_write - a write to the config space
 * @buf: what is written
 * @count: bytes
 * @at: the first of them, in the config space
 */
struct config_write {
	const u8 __user *buf;
	size_t count;
	u64 at;
};

/* What is written to byte @at, in *@value; false: nothing. What cannot be read is as @bad. */
static bool config_byte(const struct config_write *w, u64 at, u8 bad, u8 *value)
{
	if (at < w->at || at - w->at >= w->count)
		return false;
	if (get_user(*value, w->buf + (at - w->at)))
		*value = bad;
	return true;
}

static bool config_turns_off(struct pci_dev *pdev, const struct config_write *w)
{
	u8 value;

	if (config_byte(w, PCI_COMMAND, 0, &value) && !(value & PCI_COMMAND_MEMORY))
		return true;
	return pdev->pm_cap && config_byte(w, pdev->pm_cap + PCI_PM_CTRL, STATE_D3HOT, &value) &&
	       (value & PCI_PM_CTRL_STATE_MASK) == STATE_D3HOT;
}

/* ioasid_pci_core_write() - vfio_pci_core_write(), and what it does to memory decoding */
ssize_t ioasid_pci_core_write(struct vfio_device *vdev, const char __user *buf, size_t count,
			      loff_t *pos)
{
	struct vfio_pci_core_device *core = container_of(vdev, struct vfio_pci_core_device, vdev);
	struct config_write w = {
		.buf = (const u8 __user *)buf,
		.count = count,
		.at = *pos & VFIO_PCI_OFFSET_MASK,
	};
	struct ioasid_pci_binding *b = ioasid_pci_binding_of(core);
	ssize_t ret;

	if (VFIO_PCI_OFFSET_TO_INDEX(*pos) != VFIO_PCI_CONFIG_REGION_INDEX)
		return vfio_pci_core_write(vdev, buf, count, pos);
	if (mutex_lock_killable(&b->decode_lock))
		return -EINTR;
	if (config_turns_off(core->pdev, &w))
		ioasid_device_memory_off(b->memory, OFF_DECODE);
	ret = vfio_pci_core_write(vdev, buf, count, pos);
	memory_look(core);
	mutex_unlock(&b->decode_lock);
	return ret;
}

/* ioasid_pci_core_ioctl() - vfio_pci_core_ioctl(); a reset wakes a device that slept (D3) */
long ioasid_pci_core_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct vfio_pci_core_device *core = container_of(vdev, struct vfio_pci_core_device, vdev);
	struct ioasid_pci_binding *b = ioasid_pci_binding_of(core);
	long ret;

	if (cmd != VFIO_DEVICE_RESET)
		return vfio_pci_core_ioctl(vdev, cmd, arg);
	if (mutex_lock_killable(&b->decode_lock))
		return -EINTR;
	ret = vfio_pci_core_ioctl(vdev, cmd, arg);
	memory_look(core);
	mutex_unlock(&b->decode_lock);
	return ret;
}

static bool feature_sleeps(u32 feature)
{
	return feature == VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY ||
	       feature == VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP;
}

/* ioasid_pci_core_feature() - vfio_pci_core_ioctl_feature(), with low power */
int ioasid_pci_core_feature(struct vfio_device *vdev, u32 flags, void __user *arg, size_t size)
{
	struct vfio_pci_core_device *core = container_of(vdev, struct vfio_pci_core_device, vdev);
	struct ioasid_pci_binding *b = ioasid_pci_binding_of(core);
	u32 feature = flags & VFIO_DEVICE_FEATURE_MASK;
	int ret;

	if (!(flags & VFIO_DEVICE_FEATURE_SET) ||
	    (!feature_sleeps(feature) && feature != VFIO_DEVICE_FEATURE_LOW_POWER_EXIT))
		return vfio_pci_core_ioctl_feature(vdev, flags, arg, size);
	if (mutex_lock_killable(&b->decode_lock))
		return -EINTR;
	if (feature_sleeps(feature) && !(flags & VFIO_DEVICE_FEATURE_PROBE))
		ioasid_device_memory_off(b->memory, OFF_DECODE);
	ret = vfio_pci_core_ioctl_feature(vdev, flags, arg, size);
	memory_look(core);
	mutex_unlock(&b->decode_lock);
	return ret;
}

/* Does the fd allow that access? As mmap() would say it. */
static bool map_may(const struct file *file, u32 flags)
{
	return (!(flags & IOASID_MAP_FLAG_READ) || file->f_mode & FMODE_READ) &&
	       (!(flags & IOASID_MAP_FLAG_WRITE) || file->f_mode & FMODE_WRITE);
}

/* May the range be mmapped? Then it is described. As vfio_pci_core_mmap(). */
static int map_check_region(struct vfio_pci_core_device *core, const struct ioasid_device_map *args,
			    struct ioasid_device_range *range)
{
	u64 end;

	if (args->region >= VFIO_PCI_ROM_REGION_INDEX || !core->bar_mmap_supported[args->region])
		return -EINVAL;
	if (!args->length || !PAGE_ALIGNED(args->offset | args->length))
		return -EINVAL;
	if (check_add_overflow(args->offset, args->length, &end))
		return -EOVERFLOW;
	if (end > PAGE_ALIGN(pci_resource_len(core->pdev, args->region)))
		return -EINVAL;
	range->memory = ioasid_pci_binding_of(core)->memory;
	range->offset = VFIO_PCI_INDEX_TO_OFFSET(args->region) + args->offset;
	range->start = pci_resource_start(core->pdev, args->region) + args->offset;
	/* Something else in the kernel may use it. */
	return compat_vfio_pci_request_bar(core, args->region) ? -EINVAL : 0;
}

/* The device stays the file's during the call; whether it is attached may change at once. */
static int map_check_device(struct ioasid_pci_file *f, const struct ioasid_device_map *args,
			    struct ioasid_device_range *range)
{
	int ret;

	mutex_lock(&f->node->lock);
	if (!f->vdev)
		ret = -EINVAL;
	else if (!f->node->vdev)
		ret = -ENODEV;
	else if (!f->space)
		ret = -ENOENT;
	else
		ret = map_check_region(f->vdev, args, range);
	mutex_unlock(&f->node->lock);
	return ret;
}

static u32 map_flags(u32 flags)
{
	return (flags & IOASID_MAP_FLAG_READ ? IOASID_MAP_READ : 0) |
	       (flags & IOASID_MAP_FLAG_WRITE ? IOASID_MAP_WRITE : 0) |
	       (flags & IOASID_MAP_FLAG_FIXED_IOVA ? 0 : IOASID_MAP_ANYWHERE);
}

/* Map, and write the address to the caller; unmap again if that fails. */
static long map_and_respond(struct ioasid_space *space, const struct ioasid_device_map *args,
			    const struct ioasid_device_range *range, void __user *arg)
{
	u64 iova = args->flags & IOASID_MAP_FLAG_FIXED_IOVA ? args->iova : 0, unused;
	__u64 __user *out = arg + offsetof(struct ioasid_device_map, out_iova);
	long ret;

	ret = ioasid_map_device(space, range, &iova, args->length, map_flags(args->flags));
	if (ret || !copy_to_user(out, &iova, sizeof(iova)))
		return ret;
	ioasid_unmap(space, iova, args->length, IOASID_UNMAP_NATIVE, &unused);
	return -EFAULT;
}

/* IOASID_DEVICE_MAP */
long ioasid_pci_map(struct file *file, void __user *arg)
{
	const u32 known = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA;
	struct ioasid_device_range range = { .file = file };
	struct ioasid_device_map args;
	struct ioasid_space *space;
	struct file *ioasid;
	long ret;

	ret = IOASID_PCI_COPY_ARGS(&args, out_iova, arg);
	if (ret)
		return ret;
	if (args.flags & ~known || args.__reserved)
		return -EOPNOTSUPP;
	if (!map_may(file, args.flags))
		return -EPERM;
	ioasid = fget(args.fd);
	if (!ioasid)
		return -EBADF;
	space = ioasid_space_from_file(ioasid, args.ioasid);
	fput(ioasid);
	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = map_check_device(file->private_data, &args, &range);
	if (!ret)
		ret = map_and_respond(space, &args, &range, arg);
	ioasid_space_put(space);
	return ret;
}
