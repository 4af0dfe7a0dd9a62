// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software devices that migrate and make memory dirty: PCI devices by the words of VFIO,
 * without an IOMMU behind them. lib/mig.h has their registers. Built for the test machine
 * and never installed.
 *
 * This file is the driver, the registers and the calls of VFIO; mig_write.c writes to
 * memory, and mig_state.c migrates.
 *
 * What can run at the same time: registers, the device's own thread, unmaps, migration.
 * Everything is done under the device's lock.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>

#include "mig.h"

static struct platform_device *platform[MIG_DEVICES];

/* ---- registers ---- */

static int mig_command(struct mig *m, u64 command)
{
	if (command != MIG_DO_HALT && command != MIG_DO_UNPIN && !mig_may_write(m))
		return -EBUSY;
	switch (command) {
	case MIG_DO_WRITE:
		return mig_write_many(m);
	case MIG_DO_PIN:
		return mig_pin(m, m->count);
	case MIG_DO_UNPIN:
		mig_unpin_all(m);
		return 0;
	case MIG_DO_RUN:
	case MIG_DO_HALT:
		m->now.runs = command == MIG_DO_RUN;
		mig_update(m);
		return 0;
	default:
		return -EINVAL;
	}
}

static void mig_set(struct mig *m, u64 reg, u64 value)
{
	switch (reg) {
	case MIG_SEED:
		m->now.seed = value ? value : 1;
		m->now.pattern = m->now.seed;
		m->now.written = 0;
		m->now.failed = 0;
		break;
	case MIG_BASE:
		m->now.base = value & PAGE_MASK;
		break;
	case MIG_PAGES:
		m->now.pages = value;
		mig_update(m);
		break;
	case MIG_PAUSE:
		m->now.pause = value;
		break;
	case MIG_COUNT:
		m->count = value;
		break;
	case MIG_COMMAND:
		m->error = -mig_command(m, value);
		break;
	}
}

static u64 mig_get(const struct mig *m, u64 reg)
{
	switch (reg) {
	case MIG_SEED:
		return m->now.seed;
	case MIG_BASE:
		return m->now.base;
	case MIG_PAGES:
		return m->now.pages;
	case MIG_PAUSE:
		return m->now.pause;
	case MIG_COUNT:
		return m->count;
	case MIG_WRITTEN:
		return m->now.written;
	case MIG_FAILED:
		return m->now.failed;
	case MIG_PINNED:
		return m->pinned;
	case MIG_ERROR:
		return m->error;
	case MIG_RUNS:
		return m->go;
	default:
		return 0;
	}
}

/* ---- as VFIO shows a PCI device: one BAR, no interrupt ---- */

/* Bits of the configuration space that can be written. */
static u8 mig_config_mask(u64 at)
{
	switch (at) {
	case 0x04: return 0x07;
	case 0x05: return 0x04;
	case 0x11: return 0xf0;
	case 0x12:
	case 0x13:
	case 0x3c: return 0xff;
	default: return 0;
	}
}

static void mig_config_init(u8 *config)
{
	memset(config, 0, 256);
	config[0x00] = MIG_VENDOR & 0xff;
	config[0x01] = MIG_VENDOR >> 8;
	config[0x02] = MIG_DEVICE & 0xff;
	config[0x03] = MIG_DEVICE >> 8;
	config[0x08] = 1;
	config[0x0b] = 0xff;	/* class: none of those that are known */
}

static void mig_reset(struct mig *m)
{
	mig_unpin_all(m);
	memset(&m->now, 0, sizeof(m->now));
	m->now.magic = MIG_MAGIC;
	mig_config_init(m->now.config);
	mig_set(m, MIG_SEED, 1);
	m->count = 0;
	m->error = 0;
	mig_streams_end(m);
	m->state = VFIO_DEVICE_STATE_RUNNING;
	mig_update(m);
}

static int mig_access_config(struct mig *m, u64 at, u8 *data, size_t n, bool write)
{
	size_t i;

	if (at + n > sizeof(m->now.config))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		u8 *byte = &m->now.config[at + i], mask = mig_config_mask(at + i);

		if (write)
			*byte = (*byte & ~mask) | (data[i] & mask);
		else
			data[i] = *byte;
	}
	return 0;
}

/* Of a register of 8 bytes, or half of one: a write to the lower half is the whole value. */
static int mig_access_bar(struct mig *m, u64 at, void *data, size_t n, bool write)
{
	u64 value = 0;

	if ((n != 4 && n != 8) || at % n || at + n > MIG_BAR_SIZE)
		return -EINVAL;
	if (write) {
		memcpy(&value, data, n);
		if (!(at % 8))
			mig_set(m, at, value);
		return 0;
	}
	value = mig_get(m, at & ~7ULL) >> (at % 8 * 8);
	memcpy(data, &value, n);
	return 0;
}

static ssize_t mig_access(struct mig *m, char __user *buf, size_t count, loff_t *ppos, bool write)
{
	u64 region = (u64)*ppos >> 40, at = *ppos & (MIG_REGION(1) - 1);
	size_t n = min_t(size_t, count, 8);
	u8 data[8] = {};
	int ret = -EINVAL;

	if (write && copy_from_user(data, buf, n))
		return -EFAULT;
	mutex_lock(&m->lock);
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		ret = mig_access_config(m, at, data, n, write);
	else if (region == VFIO_PCI_BAR0_REGION_INDEX)
		ret = mig_access_bar(m, at, data, n, write);
	mutex_unlock(&m->lock);
	if (ret)
		return ret;
	if (!write && copy_to_user(buf, data, n))
		return -EFAULT;
	*ppos += n;
	return n;
}

/* The whole of a request, in steps of what a register has. */
static ssize_t mig_access_all(struct mig *m, char __user *buf, size_t count, loff_t *ppos,
			      bool write)
{
	size_t done = 0;
	ssize_t n;

	while (done < count) {
		n = mig_access(m, buf + done, count - done, ppos, write);
		if (n < 0)
			return done ? done : n;
		done += n;
	}
	return done;
}

static ssize_t mig_read(struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos)
{
	return mig_access_all(to_mig(vdev), buf, count, ppos, false);
}

static ssize_t mig_store(struct vfio_device *vdev, const char __user *buf, size_t count,
			 loff_t *ppos)
{
	return mig_access_all(to_mig(vdev), (char __user *)buf, count, ppos, true);
}

static int mig_region_info(struct vfio_device *vdev, struct vfio_region_info *info,
			   struct vfio_info_cap *caps)
{
	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info->flags = 0;
	info->size = 0;
	info->offset = MIG_REGION(info->index);
	if (info->index == VFIO_PCI_CONFIG_REGION_INDEX)
		info->size = 256;
	else if (info->index == VFIO_PCI_BAR0_REGION_INDEX)
		info->size = MIG_BAR_SIZE;
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	return 0;
}

static long mig_get_region_info(struct mig *m, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	ret = info.argsz < minsz ? -EINVAL : mig_region_info(&m->vdev, &info, NULL);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long mig_get_info(void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long mig_get_irq_info(void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info.flags = 0;
	info.count = 0;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long mig_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct mig *m = to_mig(vdev);

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return mig_get_info((void __user *)arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return mig_get_region_info(m, (void __user *)arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return mig_get_irq_info((void __user *)arg);
	case VFIO_DEVICE_RESET:
		mutex_lock(&m->lock);
		mig_reset(m);
		mutex_unlock(&m->lock);
		return 0;
	default:
		return -ENOTTY;
	}
}

static void mig_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct mig *m = to_mig(vdev);

	mutex_lock(&m->lock);
	mig_unpin(m, iova, length);
	mutex_unlock(&m->lock);
}

static int mig_open(struct vfio_device *vdev)
{
	struct mig *m = to_mig(vdev);
	struct task_struct *thread;

	mutex_lock(&m->lock);
	mig_reset(m);
	mutex_unlock(&m->lock);
	thread = kthread_run(mig_thread, m, "ioasid_mig");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	m->thread = thread;
	return 0;
}

static void mig_close(struct vfio_device *vdev)
{
	struct mig *m = to_mig(vdev);

	kthread_stop(m->thread);
	mutex_lock(&m->lock);
	mig_reset(m);
	mutex_unlock(&m->lock);
}

static const struct vfio_device_ops mig_ops = {
	.name		= "ioasid-mig",
	.open_device	= mig_open,
	.close_device	= mig_close,
	.read		= mig_read,
	.write		= mig_store,
	.ioctl		= mig_ioctl,
#ifdef COMPAT_VFIO_HAVE_REGION_INFO
	.get_region_info_caps = mig_region_info,
#endif
	.dma_unmap	= mig_dma_unmap,
	.bind_iommufd	= vfio_iommufd_emulated_bind,
	.unbind_iommufd	= vfio_iommufd_emulated_unbind,
	.attach_ioas	= vfio_iommufd_emulated_attach_ioas,
	.detach_ioas	= vfio_iommufd_emulated_detach_ioas,
};

static int mig_probe(struct platform_device *pdev)
{
	struct mig *m = vfio_alloc_device(mig, vdev, &pdev->dev, &mig_ops);
	int ret;

	if (IS_ERR(m))
		return PTR_ERR(m);
	mutex_init(&m->lock);
	init_waitqueue_head(&m->wake);
	m->vdev.migration_flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY;
	m->vdev.mig_ops = &mig_state_ops;
	platform_set_drvdata(pdev, m);
	ret = vfio_register_emulated_iommu_dev(&m->vdev);
	if (ret)
		vfio_put_device(&m->vdev);
	return ret;
}

static void mig_remove(struct platform_device *pdev)
{
	struct mig *m = platform_get_drvdata(pdev);

	vfio_unregister_group_dev(&m->vdev);
	vfio_put_device(&m->vdev);
}

static struct platform_driver mig_driver = {
	.probe		= mig_probe,
	.remove		= mig_remove,
	.driver.name	= "ioasid_mig",
};

static void mig_unregister(void)
{
	int i;

	for (i = 0; i < MIG_DEVICES; i++)
		if (!IS_ERR_OR_NULL(platform[i]))
			platform_device_unregister(platform[i]);
	platform_driver_unregister(&mig_driver);
}

static int __init mig_init(void)
{
	int i, ret = platform_driver_register(&mig_driver);

	if (ret)
		return ret;
	for (i = 0; i < MIG_DEVICES && !ret; i++) {
		platform[i] = platform_device_register_simple("ioasid_mig", i, NULL, 0);
		ret = PTR_ERR_OR_ZERO(platform[i]);
	}
	if (ret)
		mig_unregister();
	return ret;
}
module_init(mig_init);

static void __exit mig_exit(void)
{
	mig_unregister();
}
module_exit(mig_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Software VFIO devices that migrate, for the tests of ioasid");
