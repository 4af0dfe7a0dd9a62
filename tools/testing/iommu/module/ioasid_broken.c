// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU driver that fails on demand, put in front of the real one: the
 * operations of one domain are replaced by some that count down and then fail.
 * What the real driver would hardly ever do can so be tested.
 *
 * Who else can run: maps and unmaps on the domain, which see one set of
 * operations or the other; both lead to the same page tables. The domain may
 * be freed at any moment, which comes through here. One opener at a time.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include <ioasid/ioasid.h>
#include "broken.h"

static DEFINE_MUTEX(lock);		/* guards all below, but for the counters */
static struct iommu_domain_ops ops;
static const struct iommu_domain_ops *real;
static struct iommu_domain *taken;
static bool busy;

static struct {
	atomic_t after;
	atomic_t times;
} faults[BROKEN_OPS];

static bool due(enum broken_op op)
{
	if (!atomic_read(&faults[op].times))
		return false;
	if (atomic_dec_if_positive(&faults[op].after) >= 0)
		return false;
	return atomic_dec_if_positive(&faults[op].times) >= 0;
}

static int broken_map_pages(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
			    size_t pgsize, size_t pgcount, int prot, gfp_t gfp, size_t *mapped)
{
	int ret;

	if (!due(BROKEN_MAP))
		return real->map_pages(domain, iova, paddr, pgsize, pgcount, prot, gfp, mapped);
	if (pgcount > 1) {
		ret = real->map_pages(domain, iova, paddr, pgsize, pgcount / 2, prot, gfp, mapped);
		if (ret)
			return ret;
	}
	return -ENOMEM;
}

static size_t broken_unmap_pages(struct iommu_domain *domain, unsigned long iova, size_t pgsize,
				 size_t pgcount, struct iommu_iotlb_gather *gather)
{
	return due(BROKEN_UNMAP) ? 0 : real->unmap_pages(domain, iova, pgsize, pgcount, gather);
}

static int broken_iotlb_sync_map(struct iommu_domain *domain, unsigned long iova, size_t size)
{
	if (due(BROKEN_SYNC))
		return -EIO;
	return real->iotlb_sync_map ? real->iotlb_sync_map(domain, iova, size) : 0;
}

/* The domain ends: there is nothing to give back. */
static void broken_free(struct iommu_domain *domain)
{
	const struct iommu_domain_ops *was = real;

	mutex_lock(&lock);
	if (taken == domain)
		taken = NULL;
	mutex_unlock(&lock);
	was->free(domain);
}

static void give_back(void)
{
	if (taken)
		WRITE_ONCE(taken->ops, real);
	taken = NULL;
}

static int take(struct iommu_domain *domain)
{
	if (!domain->ops->map_pages || !domain->ops->unmap_pages)
		return -EOPNOTSUPP;
	give_back();
	real = domain->ops;
	ops = *real;
	ops.map_pages = broken_map_pages;
	ops.unmap_pages = broken_unmap_pages;
	ops.iotlb_sync_map = broken_iotlb_sync_map;
	ops.free = broken_free;
	taken = domain;
	WRITE_ONCE(domain->ops, &ops);
	return 0;
}

static int take_of_group(struct ioasid_space *space, const char *name)
{
	struct device *dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	struct iommu_domain *domain;
	struct iommu_group *group;
	int ret = -ENODEV;

	group = dev ? iommu_group_get(dev) : NULL;
	if (group) {
		domain = ioasid_group_domain(space, group);
		ret = IS_ERR(domain) ? PTR_ERR(domain) : take(domain);
		iommu_group_put(group);
	}
	put_device(dev);
	return ret;
}

static long broken_take(void __user *user)
{
	struct ioasid_space *space;
	struct broken_domain arg;
	struct file *file;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	arg.device[sizeof(arg.device) - 1] = 0;
	file = fget(arg.fd);
	if (!file)
		return -EBADF;
	space = ioasid_space_from_file(file, 0);
	fput(file);
	if (IS_ERR(space))
		return PTR_ERR(space);
	mutex_lock(&lock);
	ret = take_of_group(space, arg.device);
	mutex_unlock(&lock);
	ioasid_space_put(space);
	return ret;
}

static long broken_fault(void __user *user)
{
	struct broken_fault arg;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.op >= BROKEN_OPS)
		return -EINVAL;
	atomic_set(&faults[arg.op].after, arg.after);
	atomic_set(&faults[arg.op].times, arg.times);
	return 0;
}

static long broken_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case BROKEN_TAKE:
		return broken_take((void __user *)arg);
	case BROKEN_FAULT:
		return broken_fault((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static int broken_open(struct inode *inode, struct file *file)
{
	int ret;

	mutex_lock(&lock);
	ret = busy ? -EBUSY : 0;
	busy = true;
	mutex_unlock(&lock);
	return ret;
}

static int broken_release(struct inode *inode, struct file *file)
{
	int i;

	mutex_lock(&lock);
	give_back();
	busy = false;
	mutex_unlock(&lock);
	for (i = 0; i < BROKEN_OPS; i++)
		atomic_set(&faults[i].times, 0);
	return 0;
}

static const struct file_operations broken_fops = {
	.owner		= THIS_MODULE,
	.open		= broken_open,
	.release	= broken_release,
	.unlocked_ioctl	= broken_ioctl,
};

static struct miscdevice broken_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "ioasid_broken",
	.fops	= &broken_fops,
	.mode	= 0600,
};
module_misc_device(broken_misc);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An IOMMU that fails on demand, for the tests of ioasid");
IOASID_IMPORT;
