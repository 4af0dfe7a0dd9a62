// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid: one open file is one address space.
 *
 * Who else can run: other threads' ioctls on the same file, which the file's
 * reference keeps from meeting release(); containers that joined the space,
 * each with a reference of its own, which may outlive the file. The chosen
 * type changes once, from none, under the xchg rules of a single word.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include <uapi/linux/ioasid.h>
#include "dev.h"
#include "legacy.h"
#include "space.h"

/**
 * struct ioasid_file - an open /dev/ioasid
 * @space: its address space
 * @type: what VFIO_SET_IOMMU chose, 0 before
 */
struct ioasid_file {
	struct ioasid_space *space;
	unsigned long type;
};

static int dev_open(struct inode *inode, struct file *file)
{
	struct ioasid_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	f->space = ioasid_space_create(0);
	if (IS_ERR(f->space)) {
		int ret = PTR_ERR(f->space);

		kfree(f);
		return ret;
	}
	file->private_data = f;
	return 0;
}

static int dev_release(struct inode *inode, struct file *file)
{
	struct ioasid_file *f = file->private_data;

	ioasid_space_put(f->space);
	kfree(f);
	return 0;
}

static long dev_set_iommu(struct ioasid_file *f, unsigned long type)
{
	switch (type) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
		break;
	case IOASID_EXT_NESTING:
		if (COMPAT_TYPE1_NESTING)
			break;
		fallthrough;
	default:
		return -ENODEV;
	}
	return cmpxchg(&f->type, 0, type) ? -EINVAL : 0;
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ioasid_file *f = file->private_data;
	unsigned long type;

	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return ioasid_legacy_ioctl(READ_ONCE(f->type) ? f->space : NULL, false, cmd, arg);
	case VFIO_SET_IOMMU:
		return dev_set_iommu(f, arg);
	default:
		type = READ_ONCE(f->type);
		return ioasid_legacy_ioctl(type ? f->space : NULL, type != VFIO_TYPE1_IOMMU,
					   cmd, arg);
	}
}

static void dev_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ioasid_file *f = file->private_data;
	struct ioasid_space *space = f->space;

	mutex_lock(&space->areas_lock);
	seq_printf(m, "ioasid-space:\t%u\n", space->id);
	seq_printf(m, "ioasid-maps:\t%lu\n", space->maps);
	seq_printf(m, "ioasid-bytes:\t%llu\n", space->bytes);
	seq_printf(m, "ioasid-avail:\t%u\n", space->avail);
	seq_printf(m, "ioasid-groups:\t%zu\n", list_count_nodes(&space->groups));
	seq_printf(m, "ioasid-domains:\t%zu\n", list_count_nodes(&space->domains));
	mutex_unlock(&space->areas_lock);
}

static const struct file_operations dev_fops = {
	.owner		= THIS_MODULE,
	.open		= dev_open,
	.release	= dev_release,
	.unlocked_ioctl	= dev_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= dev_show_fdinfo,
};

struct ioasid_space *ioasid_space_from_file(struct file *file)
{
	struct ioasid_file *f;

	if (file->f_op != &dev_fops)
		return NULL;
	f = file->private_data;
	ioasid_space_get(f->space);
	return f->space;
}
IOASID_EXPORT(ioasid_space_from_file);

static struct miscdevice ioasid_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "ioasid",
	.fops	= &dev_fops,
	.mode	= 0660,
};

int ioasid_dev_init(void)
{
	return misc_register(&ioasid_misc);
}

void ioasid_dev_exit(void)
{
	misc_deregister(&ioasid_misc);
}
