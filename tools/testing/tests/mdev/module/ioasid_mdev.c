// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software devices for tests: VFIO devices without an IOMMU behind them, which
 * pin, read and write the memory of their container on command. A PCI driver
 * does the same for a device that has one. Built for the test machine and
 * never installed.
 *
 * As the drivers of real ones do, it calls vfio_pin_pages() under the lock that
 * its unmap callback takes.
 */
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>

#include "mdev.h"

/* One pin of one page; a page pinned twice has two. */
struct pin {
	struct list_head link;
	u64 iova;
	struct page *page;
};

struct mdev {
	struct vfio_device vdev;
	struct mutex lock;		/* guards all that follows */
	struct list_head pins;
	struct list_head leaked;
	struct mdev_state state;
	unsigned long mode;
	struct page *shown;		/* by mmap */
};

#define MDEV_SHOWN_ORDER	3

static struct platform_device *platform[MDEV_DEVICES];

static struct mdev *to_mdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct mdev, vdev);
}

static void note_pins(struct mdev *m, u64 iova, struct page **pages, int n)
{
	struct pin *pin;
	int i;

	for (i = 0; i < n; i++) {
		pin = kzalloc(sizeof(*pin), GFP_KERNEL | __GFP_NOFAIL);
		pin->iova = iova + ((u64)i << PAGE_SHIFT);
		pin->page = pages[i];
		list_add(&pin->link, &m->pins);
		m->state.pinned++;
	}
}

static void drop_pin(struct mdev *m, struct pin *pin)
{
	vfio_unpin_pages(&m->vdev, pin->iova, 1);
	list_del(&pin->link);
	kfree(pin);
	m->state.pinned--;
}

static void drop_pins(struct mdev *m, u64 iova, u64 length)
{
	struct pin *pin, *next;

	list_for_each_entry_safe(pin, next, &m->pins, link)
		if (pin->iova >= iova && pin->iova - iova < length)
			drop_pin(m, pin);
}

static int pin_pages(struct mdev *m, struct mdev_pin *arg)
{
	struct page **pages;
	int prot = 0, n;

	if (arg->prot & 1)
		prot |= IOMMU_READ;
	if (arg->prot & 2)
		prot |= IOMMU_WRITE;
	/* Numbers beyond what VFIO takes reach it all the same. */
	pages = kcalloc(max(arg->npages, 1U), sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	n = vfio_pin_pages(&m->vdev, arg->iova, arg->npages, prot, pages);
	if (n > 0) {
		void *p = kmap_local_page(pages[0]);

		arg->word = *(u64 *)p;
		kunmap_local(p);
		note_pins(m, arg->iova, pages, n);
	}
	kfree(pages);
	return n;
}

static int unpin_pages(struct mdev *m, const struct mdev_pin *arg)
{
	struct pin *pin, *next;
	u32 i, done = 0;

	for (i = 0; i < arg->npages; i++)
		list_for_each_entry_safe(pin, next, &m->pins, link)
			if (pin->iova == arg->iova + ((u64)i << PAGE_SHIFT)) {
				drop_pin(m, pin);
				done++;
				break;
			}
	return done;
}

struct rw_work {
	struct work_struct work;
	struct mdev *m;
	struct mdev_rw *arg;
	void *buf;
	int ret;
};

static void rw_in_thread(struct work_struct *work)
{
	struct rw_work *w = container_of(work, struct rw_work, work);

	w->ret = vfio_dma_rw(&w->m->vdev, w->arg->iova, w->buf, w->arg->length, w->arg->write);
}

static int read_write(struct mdev *m, struct mdev_rw *arg)
{
	struct rw_work w = { .m = m, .arg = arg };
	void __user *data = u64_to_user_ptr(arg->data);

	w.buf = kvzalloc(max(arg->length, 1U), GFP_KERNEL);
	if (!w.buf)
		return -ENOMEM;
	w.ret = arg->write && copy_from_user(w.buf, data, arg->length) ? -EFAULT : 0;
	INIT_WORK_ONSTACK(&w.work, rw_in_thread);
	if (!w.ret && arg->thread) {
		schedule_work(&w.work);
		flush_work(&w.work);
	} else if (!w.ret) {
		rw_in_thread(&w.work);
	}
	destroy_work_on_stack(&w.work);
	if (!w.ret && !arg->write && copy_to_user(data, w.buf, arg->length))
		w.ret = -EFAULT;
	kvfree(w.buf);
	return w.ret;
}

/* What a closed device has kept: VFIO knows nothing of it any more. */
static void free_leaked(struct mdev *m)
{
	struct pin *pin, *next;

	list_for_each_entry_safe(pin, next, &m->leaked, link) {
		unpin_user_page(pin->page);
		list_del(&pin->link);
		kfree(pin);
	}
}

static long do_pin(struct mdev *m, unsigned int cmd, void __user *arg)
{
	struct mdev_pin pin;
	int ret;

	if (copy_from_user(&pin, arg, sizeof(pin)))
		return -EFAULT;
	if (cmd == MDEV_UNPIN_ANY) {
		vfio_unpin_pages(&m->vdev, pin.iova, pin.npages);
		return 0;
	}
	mutex_lock(&m->lock);
	ret = cmd == MDEV_PIN ? pin_pages(m, &pin) : unpin_pages(m, &pin);
	mutex_unlock(&m->lock);
	return copy_to_user(arg, &pin, sizeof(pin)) ? -EFAULT : ret;
}

static long mdev_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct mdev *m = to_mdev(vdev);
	struct mdev_state state;
	struct mdev_rw rw;

	switch (cmd) {
	case MDEV_PIN:
	case MDEV_UNPIN:
	case MDEV_UNPIN_ANY:
		return do_pin(m, cmd, (void __user *)arg);
	case MDEV_RW:
		if (copy_from_user(&rw, (void __user *)arg, sizeof(rw)))
			return -EFAULT;
		return read_write(m, &rw);
	case MDEV_MODE:
		mutex_lock(&m->lock);
		m->mode = arg;
		free_leaked(m);
		mutex_unlock(&m->lock);
		return 0;
	case MDEV_STATE:
		mutex_lock(&m->lock);
		state = m->state;
		mutex_unlock(&m->lock);
		return copy_to_user((void __user *)arg, &state, sizeof(state)) ? -EFAULT : 0;
	default:
		return -ENOTTY;
	}
}

static void mdev_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct mdev *m = to_mdev(vdev);

	mutex_lock(&m->lock);
	m->state.callbacks++;
	m->state.iova = iova;
	m->state.length = length;
	if (!(m->mode & MDEV_STUBBORN))
		drop_pins(m, iova, length);
	mutex_unlock(&m->lock);
}

static int mdev_open(struct vfio_device *vdev)
{
	struct mdev *m = to_mdev(vdev);

	mutex_lock(&m->lock);
	memset(&m->state, 0, sizeof(m->state));
	m->mode = 0;
	mutex_unlock(&m->lock);
	return 0;
}

static void mdev_close(struct vfio_device *vdev)
{
	struct mdev *m = to_mdev(vdev);

	mutex_lock(&m->lock);
	if (m->mode & MDEV_LEAKY)
		list_splice_init(&m->pins, &m->leaked);
	else
		drop_pins(m, 0, U64_MAX);
	mutex_unlock(&m->lock);
}

static int mdev_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct mdev *m = to_mdev(vdev);
	unsigned long size = vma->vm_end - vma->vm_start;

	if (vma->vm_pgoff || size > PAGE_SIZE << MDEV_SHOWN_ORDER)
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start, page_to_pfn(m->shown), size, vma->vm_page_prot);
}

static const struct vfio_device_ops mdev_ops = {
	.name		= "ioasid-mdev",
	.open_device	= mdev_open,
	.close_device	= mdev_close,
	.ioctl		= mdev_ioctl,
	.mmap		= mdev_mmap,
	.dma_unmap	= mdev_dma_unmap,
	.bind_iommufd	= vfio_iommufd_emulated_bind,
	.unbind_iommufd	= vfio_iommufd_emulated_unbind,
	.attach_ioas	= vfio_iommufd_emulated_attach_ioas,
	.detach_ioas	= vfio_iommufd_emulated_detach_ioas,
};

static const struct vfio_device_ops deaf_ops = {
	.name		= "ioasid-mdev-deaf",
	.open_device	= mdev_open,
	.close_device	= mdev_close,
	.ioctl		= mdev_ioctl,
	.bind_iommufd	= vfio_iommufd_emulated_bind,
	.unbind_iommufd	= vfio_iommufd_emulated_unbind,
	.attach_ioas	= vfio_iommufd_emulated_attach_ioas,
	.detach_ioas	= vfio_iommufd_emulated_detach_ioas,
};

static const struct vfio_device_ops pci_ops = {
	.name		= "ioasid-mdev-pci",
	.open_device	= mdev_open,
	.close_device	= mdev_close,
	.ioctl		= mdev_ioctl,
	.mmap		= mdev_mmap,
	.dma_unmap	= mdev_dma_unmap,
	.bind_iommufd	= vfio_iommufd_physical_bind,
	.unbind_iommufd	= vfio_iommufd_physical_unbind,
	.attach_ioas	= vfio_iommufd_physical_attach_ioas,
	.detach_ioas	= vfio_iommufd_physical_detach_ioas,
};

static int mdev_create(struct device *dev, const struct vfio_device_ops *ops)
{
	struct mdev *m = vfio_alloc_device(mdev, vdev, dev, ops);
	int ret;

	if (IS_ERR(m))
		return PTR_ERR(m);
	mutex_init(&m->lock);
	INIT_LIST_HEAD(&m->pins);
	INIT_LIST_HEAD(&m->leaked);
	m->shown = alloc_pages(GFP_KERNEL | __GFP_ZERO, MDEV_SHOWN_ORDER);
	dev_set_drvdata(dev, m);
	ret = !m->shown ? -ENOMEM : ops == &pci_ops ? vfio_register_group_dev(&m->vdev) :
	      vfio_register_emulated_iommu_dev(&m->vdev);
	if (ret) {
		if (m->shown)
			__free_pages(m->shown, MDEV_SHOWN_ORDER);
		vfio_put_device(&m->vdev);
	}
	return ret;
}

static void mdev_destroy(struct device *dev)
{
	struct mdev *m = dev_get_drvdata(dev);

	vfio_unregister_group_dev(&m->vdev);
	free_leaked(m);
	__free_pages(m->shown, MDEV_SHOWN_ORDER);
	vfio_put_device(&m->vdev);
}

static int mdev_probe(struct platform_device *pdev)
{
	return mdev_create(&pdev->dev, pdev->id == MDEV_DEAF ? &deaf_ops : &mdev_ops);
}

static void mdev_remove(struct platform_device *pdev)
{
	mdev_destroy(&pdev->dev);
}

static int mdev_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return mdev_create(&pdev->dev, &pci_ops);
}

static void mdev_pci_remove(struct pci_dev *pdev)
{
	mdev_destroy(&pdev->dev);
}

/* Any device, but none unasked: its driver_override says so. */
static const struct pci_device_id mdev_pci_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{},
};

static struct pci_driver mdev_pci_driver = {
	.name			= MDEV_PCI,
	.id_table		= mdev_pci_ids,
	.probe			= mdev_pci_probe,
	.remove			= mdev_pci_remove,
	.driver_managed_dma	= true,
};

static struct platform_driver mdev_driver = {
	.probe		= mdev_probe,
	.remove		= mdev_remove,
	.driver.name	= "ioasid_mdev",
};

static void mdev_destroy_all(void)
{
	int i;

	for (i = 0; i < MDEV_DEVICES; i++)
		if (!IS_ERR_OR_NULL(platform[i]))
			platform_device_unregister(platform[i]);
	platform_driver_unregister(&mdev_driver);
	pci_unregister_driver(&mdev_pci_driver);
}

static int __init ioasid_mdev_init(void)
{
	int i, ret;

	ret = pci_register_driver(&mdev_pci_driver);
	if (ret)
		return ret;
	ret = platform_driver_register(&mdev_driver);
	if (ret) {
		pci_unregister_driver(&mdev_pci_driver);
		return ret;
	}
	for (i = 0; i < MDEV_DEVICES && !ret; i++) {
		platform[i] = platform_device_register_simple("ioasid_mdev", i, NULL, 0);
		ret = PTR_ERR_OR_ZERO(platform[i]);
	}
	if (ret)
		mdev_destroy_all();
	return ret;
}
module_init(ioasid_mdev_init);

static void __exit ioasid_mdev_exit(void)
{
	mdev_destroy_all();
}
module_exit(ioasid_mdev_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Software VFIO devices for the tests of ioasid");
