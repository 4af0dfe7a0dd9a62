// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid_pci.ko: the driver of PCI devices that programs attach to a
 * /dev/ioasid themselves, with no group in between. For vfio.ko it is a driver like
 * vfio-pci, so a device can also be used through its VFIO group; the first of the two to
 * be used owns the device. Each device also has a node, /dev/ioasid-pci/ADDRESS.
 *
 * What can run at the same time: probe and remove of one device hold its device lock. A
 * node may be opened as soon as it exists, and stay open after remove(), which clears
 * node->vdev under node->lock; see attach.c.
 */
#include <linux/idr.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include <ioasid/ioasid.h>
#include <ioasid/version.h>
#include "device.h"

static bool disable_denylist;
module_param(disable_denylist, bool, 0444);
MODULE_PARM_DESC(disable_denylist, "Also bind devices on vfio-pci's denylist, which are unsafe to give to users (default N)");

static dev_t first_devt;
static DEFINE_IDA(minors);

/*
 * The first open of the device, through its node or its group. Its registers must not be
 * mapped in an address space of a former owner, where other devices reach them.
 */
static int pci_check_registers(struct pci_dev *pdev)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM) ||
		    !pci_resource_len(pdev, bar) ||
		    !ioasid_device_memory_mapped(pci_resource_start(pdev, bar),
						 pci_resource_end(pdev, bar)))
			continue;
		pci_info_ratelimited(pdev, "BAR %d is still mapped in an address space: unmap it there, or end the program that has it open\n",
				     bar);
		return -EBUSY;
	}
	return 0;
}

static int pci_open_device(struct vfio_device *vdev)
{
	struct vfio_pci_core_device *core = container_of(vdev, struct vfio_pci_core_device, vdev);
	int ret;

	ret = pci_check_registers(core->pdev);
	if (ret)
		return ret;
	ret = vfio_pci_core_enable(core);
	if (!ret)
		vfio_pci_core_finish_enable(core);
	return ret;
}

const struct vfio_device_ops ioasid_pci_vfio_ops = {
	.name		= KBUILD_MODNAME,
	.init		= vfio_pci_core_init_dev,
	.release	= vfio_pci_core_release_dev,
	.open_device	= pci_open_device,
	.close_device	= vfio_pci_core_close_device,
	.ioctl		= ioasid_pci_core_ioctl,
	.device_feature	= ioasid_pci_core_feature,
	.read		= vfio_pci_core_read,
	.write		= ioasid_pci_core_write,
	.mmap		= vfio_pci_core_mmap,
	.request	= vfio_pci_core_request,
	.match		= vfio_pci_core_match,
	COMPAT_VFIO_PCI_REGION
	COMPAT_VFIO_PCI_TOKEN
	.bind_iommufd	= vfio_iommufd_physical_bind,
	.unbind_iommufd	= vfio_iommufd_physical_unbind,
	.attach_ioas	= vfio_iommufd_physical_attach_ioas,
	.detach_ioas	= vfio_iommufd_physical_detach_ioas,
};

static ssize_t iommu_group_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct iommu_group *group = iommu_group_get(dev->parent);
	ssize_t n = sysfs_emit(buf, "%d\n", group ? iommu_group_id(group) : -1);

	iommu_group_put(group);
	return n;
}
static DEVICE_ATTR_RO(iommu_group);

static ssize_t space_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct ioasid_pci_node *node = container_of(dev, struct ioasid_pci_node, dev);
	u32 space = 0;

	mutex_lock(&node->lock);
	if (node->user && node->user->space)
		space = ioasid_space_number(node->user->space);
	mutex_unlock(&node->lock);
	return sysfs_emit(buf, "%u\n", space);
}
static DEVICE_ATTR_RO(space);

static struct attribute *node_attrs[] = {
	&dev_attr_iommu_group.attr,
	&dev_attr_space.attr,
	NULL
};
ATTRIBUTE_GROUPS(node);

static char *node_devnode(const struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "ioasid-pci/%s", dev_name(dev));
}

/* So that a rule need not look at the parent. */
static int node_uevent(const struct device *dev, struct kobj_uevent_env *env)
{
	const struct pci_dev *pdev = to_pci_dev(dev->parent);

	return add_uevent_var(env, "PCI_ID=%04X:%04X", pdev->vendor, pdev->device) ?:
	       add_uevent_var(env, "PCI_CLASS=%06X", pdev->class);
}

static const struct class node_class = {
	.name		= "ioasid-pci",
	.devnode	= node_devnode,
	.dev_uevent	= node_uevent,
	.dev_groups	= node_groups,
};

static void node_release(struct device *dev)
{
	struct ioasid_pci_node *node = container_of(dev, struct ioasid_pci_node, dev);

	ida_free(&minors, MINOR(dev->devt));
	mutex_destroy(&node->lock);
	kfree(node);
}

static struct ioasid_pci_node *node_create(struct vfio_pci_core_device *vdev)
{
	struct ioasid_pci_node *node = kzalloc(sizeof(*node), GFP_KERNEL);
	int minor, ret;

	if (!node)
		return ERR_PTR(-ENOMEM);
	minor = ida_alloc_max(&minors, MINORMASK, GFP_KERNEL);
	if (minor < 0) {
		kfree(node);
		return ERR_PTR(minor);
	}
	mutex_init(&node->lock);
	node->vdev = vdev;
	device_initialize(&node->dev);
	node->dev.class = &node_class;
	node->dev.release = node_release;
	node->dev.parent = &vdev->pdev->dev;
	node->dev.devt = MKDEV(MAJOR(first_devt), minor);
	cdev_init(&node->cdev, &ioasid_pci_fops);
	node->cdev.owner = THIS_MODULE;
	ret = dev_set_name(&node->dev, "%s", pci_name(vdev->pdev));
	if (!ret)
		ret = cdev_device_add(&node->cdev, &node->dev);
	if (ret) {
		put_device(&node->dev);
		return ERR_PTR(ret);
	}
	return node;
}

/* Waits until no file owns the device; vfio.ko requests its owner to release it. */
static void node_remove(struct ioasid_pci_node *node)
{
	cdev_device_del(&node->cdev, &node->dev);
	mutex_lock(&node->lock);
	node->vdev = NULL;
	mutex_unlock(&node->lock);
}

/* Is the device on vfio-pci's denylist: errata let its user harm the machine? */
static bool pci_denied(struct pci_dev *pdev)
{
	static const u16 intel[] = {
		PCI_DEVICE_ID_INTEL_QAT_C3XXX, PCI_DEVICE_ID_INTEL_QAT_C3XXX_VF,
		PCI_DEVICE_ID_INTEL_QAT_C62X, PCI_DEVICE_ID_INTEL_QAT_C62X_VF,
		PCI_DEVICE_ID_INTEL_QAT_DH895XCC, PCI_DEVICE_ID_INTEL_QAT_DH895XCC_VF,
		PCI_DEVICE_ID_INTEL_DSA_SPR0, PCI_DEVICE_ID_INTEL_IAX_SPR0,
	};
	size_t i;

	if (pdev->vendor != PCI_VENDOR_ID_INTEL || disable_denylist)
		return false;
	for (i = 0; i < ARRAY_SIZE(intel); i++)
		if (pdev->device == intel[i])
			return true;
	return false;
}

static int pci_check_device(struct pci_dev *pdev)
{
	if (pci_denied(pdev)) {
		pci_err(pdev, "a user could break the machine with it; load ioasid_pci with disable_denylist=1 to take it all the same\n");
		return -EINVAL;
	}
	if (!device_iommu_mapped(&pdev->dev)) {
		pci_err(pdev, "no IOMMU is in front of it: turn the IOMMU on in the firmware and on the command line\n");
		return -EINVAL;
	}
	/* Mappings are made cacheable, as type1's are. */
	if (!device_iommu_capable(&pdev->dev, IOMMU_CAP_CACHE_COHERENCY)) {
		pci_err(pdev, "its IOMMU does not keep DMA and caches coherent, which VFIO's users count on\n");
		return -EINVAL;
	}
	return 0;
}

static int pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ioasid_pci_binding *b;
	int ret;

	ret = pci_check_device(pdev);
	if (ret)
		return ret;
	b = vfio_alloc_device(ioasid_pci_binding, core.vdev, &pdev->dev, &ioasid_pci_vfio_ops);
	if (IS_ERR(b))
		return PTR_ERR(b);
	ret = ioasid_pci_memory_init(b);
	if (ret)
		goto err_memory;
	dev_set_drvdata(&pdev->dev, &b->core);
	ret = vfio_pci_core_register_device(&b->core);
	if (ret)
		goto err_register;
	b->node = node_create(&b->core);
	if (IS_ERR(b->node)) {
		ret = PTR_ERR(b->node);
		goto err_node;
	}
	return 0;

err_node:
	vfio_pci_core_unregister_device(&b->core);
err_register:
	ioasid_pci_memory_exit(b);
err_memory:
	vfio_put_device(&b->core.vdev);
	return ret;
}

static void pci_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);
	struct ioasid_pci_binding *b = ioasid_pci_binding_of(core);
	struct ioasid_pci_node *node = b->node;

	node_remove(node);
	ioasid_pci_memory_gone(b);
	vfio_pci_core_unregister_device(&b->core);
	ioasid_pci_memory_exit(b);
	vfio_put_device(&b->core.vdev);
	put_device(&node->dev);
}

/*
 * Only a device whose driver_override names this driver. There is no
 * MODULE_DEVICE_TABLE: it would make an alias for every device, the same as
 * vfio-pci's, and programs that look for the VFIO driver of a device by its
 * alias would find two.
 */
static const struct pci_device_id pci_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};

static struct pci_driver pci_driver = {
	.name			= KBUILD_MODNAME,
	.id_table		= pci_ids,
	.probe			= pci_probe,
	.remove			= pci_remove,
	.err_handler		= &ioasid_pci_err_handlers,
	.driver_managed_dma	= true,
};

static int __init pci_init(void)
{
	int ret;

	ret = ioasid_check_version();
	if (ret)
		return ret;
	ret = alloc_chrdev_region(&first_devt, 0, MINORMASK + 1, "ioasid-pci");
	if (ret)
		return ret;
	ret = class_register(&node_class);
	if (ret)
		goto err_class;
	ret = pci_register_driver(&pci_driver);
	if (ret)
		goto err_driver;
	return 0;

err_driver:
	class_unregister(&node_class);
err_class:
	unregister_chrdev_region(first_devt, MINORMASK + 1);
	return ret;
}
module_init(pci_init);

static void __exit pci_exit(void)
{
	pci_unregister_driver(&pci_driver);
	class_unregister(&node_class);
	unregister_chrdev_region(first_devt, MINORMASK + 1);
	ida_destroy(&minors);
}
module_exit(pci_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("PCI devices attached to a /dev/ioasid without a group");
MODULE_VERSION(IOASID_VERSION);
IOASID_IMPORT;
