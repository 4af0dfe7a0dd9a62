// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid: which interface an ioctl belongs to, and what an open file holds.
 *
 * What can run at the same time: ioctls of other threads on the same file, but not
 * release(), since each call has a reference on the file; containers and devices that
 * use one of its spaces, each with a reference of its own, which may outlive the file.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/vfio.h>

#include <uapi/linux/ioasid.h>
#include "space/space.h"
#include "abi.h"

static int dev_open(struct inode *inode, struct file *file)
{
	struct ioasid_file *f = ioasid_file_create();

	if (IS_ERR(f))
		return PTR_ERR(f);
	file->private_data = f;
	return 0;
}

static int dev_release(struct inode *inode, struct file *file)
{
	ioasid_file_destroy(file->private_data);
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
	return ioasid_file_set_type(f, type);
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ioasid_file *f = file->private_data;
	struct ioasid_space *space;
	unsigned long type;

	if (_IOC_TYPE(cmd) == IOASID_TYPE)
		return ioasid_ioctl(f, cmd, arg);

	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_SET_IOMMU:
		return dev_set_iommu(f, arg);
	default:
		space = ioasid_file_vfio_space(f, &type);
		return ioasid_vfio_ioctl(space, space && type != VFIO_TYPE1_IOMMU, cmd, arg);
	}
}

static const struct file_operations dev_fops = {
	.owner		= THIS_MODULE,
	.open		= dev_open,
	.release	= dev_release,
	.unlocked_ioctl	= dev_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= ioasid_show_fdinfo,
	.uring_cmd	= ioasid_uring_cmd,
};

/* Runs inside an ftrace callback: no lock, no sleep. */
bool ioasid_file_is_ours(const struct file *file)
{
	return file->f_op == &dev_fops;
}
IOASID_EXPORT(ioasid_file_is_ours);

struct ioasid_space *ioasid_space_from_file(struct file *file, u32 id)
{
	if (file->f_op != &dev_fops)
		return ERR_PTR(-EINVAL);
	return ioasid_file_space(file->private_data, id) ?: ERR_PTR(-ENOENT);
}
IOASID_EXPORT(ioasid_space_from_file);

struct ioasid_space *ioasid_space_join(struct file *file)
{
	if (file->f_op != &dev_fops)
		return ERR_PTR(-EINVAL);
	return ioasid_file_join(file->private_data);
}
IOASID_EXPORT(ioasid_space_join);

static struct miscdevice ioasid_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "ioasid",
	.fops	= &dev_fops,
	.mode	= 0660,
};

/* ioasid_dev_init() - make the node /dev/ioasid; 0 or -errno */
int ioasid_dev_init(void)
{
	return misc_register(&ioasid_misc);
}

/* ioasid_dev_exit() - remove the node; no file is open any more */
void ioasid_dev_exit(void)
{
	misc_deregister(&ioasid_misc);
}
