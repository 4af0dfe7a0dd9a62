// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two IOMMUs that are none, for tests: page tables in an xarray, and everything
 * that hardware would decide (aperture, page sizes, reserved regions, no-snoop,
 * failures) in module parameters, one value for each IOMMU. Software VFIO
 * devices sit behind them: 0 and 1 behind the first, 2 behind the second. Built
 * for the test machine and never installed.
 *
 * Parameters are read when a domain is made or a call comes; a test that writes
 * them has no call under way.
 */
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/vfio.h>
#include <linux/xarray.h>

#define FAKE_IOMMUS	2
#define FAKE_DEVICES	3

static ulong aperture_start[FAKE_IOMMUS];
module_param_array(aperture_start, ulong, NULL, 0644);
static ulong aperture_last[FAKE_IOMMUS] = { ULONG_MAX, ULONG_MAX };
module_param_array(aperture_last, ulong, NULL, 0644);
static ulong pgsizes[FAKE_IOMMUS] = { SZ_4K, SZ_4K };
module_param_array(pgsizes, ulong, NULL, 0644);
static ulong resv_start[FAKE_IOMMUS];
module_param_array(resv_start, ulong, NULL, 0644);
static ulong resv_last[FAKE_IOMMUS];
module_param_array(resv_last, ulong, NULL, 0644);
/* enum iommu_resv_type, or -1 for none */
static int resv_type[FAKE_IOMMUS] = { -1, -1 };
module_param_array(resv_type, int, NULL, 0644);
static bool coherent[FAKE_IOMMUS];
module_param_array(coherent, bool, NULL, 0644);
/* After so many pages a map fails with ENOMEM; 0: never. */
static ulong fail_map[FAKE_IOMMUS];
module_param_array(fail_map, ulong, NULL, 0644);
static bool fail_attach[FAKE_IOMMUS];
module_param_array(fail_attach, bool, NULL, 0644);
/* An entry of which a part is to be cleared is cleared as a whole, as by VT-d. */
static bool whole_entries[FAKE_IOMMUS];
module_param_array(whole_entries, bool, NULL, 0644);
/* An unmap does one page less. */
static bool short_unmap[FAKE_IOMMUS];
module_param_array(short_unmap, bool, NULL, 0644);

/* What was seen: pages mapped now, domains, the last map's prot, flushes. */
static ulong mapped[FAKE_IOMMUS];
module_param_array(mapped, ulong, NULL, 0444);
static ulong domains[FAKE_IOMMUS];
module_param_array(domains, ulong, NULL, 0444);
static int last_prot[FAKE_IOMMUS];
module_param_array(last_prot, int, NULL, 0444);
static ulong flushes[FAKE_IOMMUS];
module_param_array(flushes, ulong, NULL, 0444);
/* Pages that were to be cleared and had no entry; not with whole_entries. */
static ulong missing[FAKE_IOMMUS];
module_param_array(missing, ulong, NULL, 0444);
/* Calls that mapped something, or were to. */
static ulong map_calls[FAKE_IOMMUS];
module_param_array(map_calls, ulong, NULL, 0444);

/* Maps and unmaps of other ranges run at the same time. */
static DEFINE_SPINLOCK(seen_lock);

static void count(ulong *seen, long n)
{
	unsigned long flags;

	spin_lock_irqsave(&seen_lock, flags);
	WRITE_ONCE(*seen, *seen + n);
	spin_unlock_irqrestore(&seen_lock, flags);
}

struct fake_domain {
	struct iommu_domain domain;
	unsigned int index;
	struct xarray table;		/* frame number by page of the IOVA */
	struct xarray entries;		/* with whole_entries: pages of its entry, likewise */
};

static struct iommu_device fake_iommu[FAKE_IOMMUS];
static struct fwnode_handle *fake_node[FAKE_IOMMUS];
static struct platform_device *fake_pdev[FAKE_DEVICES];

static unsigned int iommu_of(int device)
{
	return device == 2;
}

static struct fake_domain *to_fake(struct iommu_domain *domain)
{
	return container_of(domain, struct fake_domain, domain);
}

/* --- domains --- */

/* Newer kernels pass a third argument, which does not matter here. */
static int fake_attach(struct iommu_domain *domain, struct device *dev)
{
	return fail_attach[to_fake(domain)->index] ? -ENODEV : 0;
}

static int fake_attach_static(struct iommu_domain *domain, struct device *dev)
{
	return 0;
}

static int fake_map(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
		    size_t pgsize, size_t pgcount, int prot, gfp_t gfp, size_t *done)
{
	struct fake_domain *f = to_fake(domain);
	size_t i, n = pgsize * pgcount >> PAGE_SHIFT;

	WRITE_ONCE(last_prot[f->index], prot);
	count(&map_calls[f->index], 1);
	for (i = 0; i < n; i++) {
		if (fail_map[f->index] && READ_ONCE(mapped[f->index]) >= fail_map[f->index])
			break;
		if (xa_err(xa_store(&f->table, (iova >> PAGE_SHIFT) + i,
				    xa_mk_value((paddr >> PAGE_SHIFT) + i), GFP_KERNEL)))
			break;
		if (whole_entries[f->index] &&
		    xa_err(xa_store(&f->entries, (iova >> PAGE_SHIFT) + i,
				    xa_mk_value(pgsize >> PAGE_SHIFT), GFP_KERNEL)))
			break;
		count(&mapped[f->index], 1);
	}
	*done += round_down(i << PAGE_SHIFT, pgsize);
	return i == n ? 0 : -ENOMEM;
}

/* Clear the entry of page @at. */
static void fake_clear(struct fake_domain *f, unsigned long at)
{
	void *size = xa_load(&f->entries, at);
	unsigned long n = size ? xa_to_value(size) : 1, i;

	for (i = at & ~(n - 1); n--; i++) {
		xa_erase(&f->entries, i);
		if (xa_erase(&f->table, i))
			count(&mapped[f->index], -1);
		else if (!whole_entries[f->index])
			count(&missing[f->index], 1);
	}
}

static size_t fake_unmap(struct iommu_domain *domain, unsigned long iova, size_t pgsize,
			 size_t pgcount, struct iommu_iotlb_gather *gather)
{
	struct fake_domain *f = to_fake(domain);
	size_t i, n = pgsize * pgcount >> PAGE_SHIFT;

	for (i = 0; i < n - short_unmap[f->index]; i++)
		fake_clear(f, (iova >> PAGE_SHIFT) + i);
	return i << PAGE_SHIFT;
}

static phys_addr_t fake_iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	void *entry = xa_load(&to_fake(domain)->table, iova >> PAGE_SHIFT);

	return entry ? ((phys_addr_t)xa_to_value(entry) << PAGE_SHIFT) + offset_in_page(iova) : 0;
}

static void fake_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	count(&flushes[to_fake(domain)->index], 1);
}

static bool fake_enforce(struct iommu_domain *domain)
{
	return coherent[to_fake(domain)->index];
}

static void fake_free(struct iommu_domain *domain)
{
	struct fake_domain *f = to_fake(domain);
	unsigned long index;
	void *entry;

	xa_for_each(&f->table, index, entry)
		count(&mapped[f->index], -1);
	xa_destroy(&f->table);
	xa_destroy(&f->entries);
	count(&domains[f->index], -1);
	kfree(f);
}

/* One table for each IOMMU, so that neither takes the other's domains. */
#define FAKE_DOMAIN_OPS {						\
	.attach_dev		= (void *)fake_attach,			\
	.map_pages		= fake_map,				\
	.unmap_pages		= fake_unmap,				\
	.iotlb_sync		= fake_sync,				\
	.iova_to_phys		= fake_iova_to_phys,			\
	.enforce_cache_coherency = fake_enforce,			\
	.free			= fake_free,				\
}
static const struct iommu_domain_ops fake_domain_ops[FAKE_IOMMUS] = {
	FAKE_DOMAIN_OPS, FAKE_DOMAIN_OPS,
};

static const struct iommu_domain_ops fake_static_ops = {
	.attach_dev = (void *)fake_attach_static,
};

static struct iommu_domain fake_identity = {
	.type = IOMMU_DOMAIN_IDENTITY, .ops = &fake_static_ops,
};

static struct iommu_domain fake_blocked = {
	.type = IOMMU_DOMAIN_BLOCKED, .ops = &fake_static_ops,
};

static struct iommu_domain *fake_alloc(struct device *dev)
{
	struct fake_domain *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return NULL;
	f->index = iommu_of(to_platform_device(dev)->id);
	xa_init(&f->table);
	xa_init(&f->entries);
	f->domain.ops = &fake_domain_ops[f->index];
	f->domain.pgsize_bitmap = pgsizes[f->index];
	f->domain.geometry.aperture_start = aperture_start[f->index];
	f->domain.geometry.aperture_end = aperture_last[f->index];
	f->domain.geometry.force_aperture = true;
	count(&domains[f->index], 1);
	return &f->domain;
}

/* --- the IOMMUs --- */

static bool fake_capable(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY;
}

static struct iommu_device *fake_probe(struct device *dev)
{
	return &fake_iommu[iommu_of(to_platform_device(dev)->id)];
}

static void fake_resv(struct device *dev, struct list_head *list)
{
	unsigned int n = iommu_of(to_platform_device(dev)->id);
	struct iommu_resv_region *r;

	if (resv_type[n] < 0)
		return;
	r = iommu_alloc_resv_region(resv_start[n], resv_last[n] - resv_start[n] + 1, 0,
				    resv_type[n], GFP_KERNEL);
	if (r)
		list_add_tail(&r->list, list);
}

#define FAKE_OPS(n) {							\
	.capable		= fake_capable,				\
	.domain_alloc_paging	= fake_alloc,				\
	.probe_device		= fake_probe,				\
	.device_group		= generic_device_group,			\
	.get_resv_regions	= fake_resv,				\
	.default_domain_ops	= &fake_domain_ops[n],			\
	.default_domain		= &fake_identity,			\
	.identity_domain	= &fake_identity,			\
	.blocked_domain		= &fake_blocked,			\
	.owner			= THIS_MODULE,				\
}
static const struct iommu_ops fake_ops[FAKE_IOMMUS] = { FAKE_OPS(0), FAKE_OPS(1) };

/* --- the devices --- */

static int fake_open(struct vfio_device *vdev)
{
	return 0;
}

static void fake_close(struct vfio_device *vdev)
{
}

static const struct vfio_device_ops fake_vfio_ops = {
	.name		= "ioasid-fake",
	.open_device	= fake_open,
	.close_device	= fake_close,
	.bind_iommufd	= vfio_iommufd_physical_bind,
	.unbind_iommufd	= vfio_iommufd_physical_unbind,
	.attach_ioas	= vfio_iommufd_physical_attach_ioas,
	.detach_ioas	= vfio_iommufd_physical_detach_ioas,
};

struct fake_device {
	struct vfio_device vdev;
};

static int fake_vfio_probe(struct platform_device *pdev)
{
	struct fake_device *f = vfio_alloc_device(fake_device, vdev, &pdev->dev, &fake_vfio_ops);
	int ret;

	if (IS_ERR(f))
		return PTR_ERR(f);
	platform_set_drvdata(pdev, f);
	ret = vfio_register_group_dev(&f->vdev);
	if (ret)
		vfio_put_device(&f->vdev);
	return ret;
}

static void fake_vfio_remove(struct platform_device *pdev)
{
	struct fake_device *f = platform_get_drvdata(pdev);

	vfio_unregister_group_dev(&f->vdev);
	vfio_put_device(&f->vdev);
}

static struct platform_driver fake_driver = {
	.probe			= fake_vfio_probe,
	.remove			= fake_vfio_remove,
	.driver.name		= "ioasid_fake",
	.driver_managed_dma	= true,
};

static int create_device(int id)
{
	struct platform_device *pdev = platform_device_alloc("ioasid_fake", id);
	int ret;

	if (!pdev)
		return -ENOMEM;
	ret = iommu_fwspec_init(&pdev->dev, fake_node[iommu_of(id)]);
	if (!ret)
		ret = platform_device_add(pdev);
	if (ret)
		platform_device_put(pdev);
	else
		fake_pdev[id] = pdev;
	return ret;
}

static int create_iommu(int n)
{
	int ret;

	fake_node[n] = fwnode_create_software_node(NULL, NULL);
	if (IS_ERR(fake_node[n]))
		return PTR_ERR(fake_node[n]);
	ret = iommu_device_sysfs_add(&fake_iommu[n], NULL, NULL, "ioasid-fake%d", n);
	if (ret)
		goto node;
	fake_iommu[n].fwnode = fake_node[n];
	ret = iommu_device_register(&fake_iommu[n], &fake_ops[n], NULL);
	if (!ret)
		return 0;
	iommu_device_sysfs_remove(&fake_iommu[n]);
node:
	fwnode_remove_software_node(fake_node[n]);
	return ret;
}

/*
 * There is no exit: a group's identity domain is this module's, and the kernel
 * keeps a reference on it for each device. The test machine ends with the tests.
 */
static int __init ioasid_fakeiommu_init(void)
{
	int i, ret = 0;

	for (i = 0; i < FAKE_IOMMUS && !ret; i++)
		ret = create_iommu(i);
	if (!ret)
		ret = platform_driver_register(&fake_driver);
	for (i = 0; i < FAKE_DEVICES && !ret; i++)
		ret = create_device(i);
	/* What is half there cannot be taken back, for the same reason. */
	WARN_ON(ret);
	return 0;
}
module_init(ioasid_fakeiommu_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("IOMMUs that are none, for the tests of ioasid");
