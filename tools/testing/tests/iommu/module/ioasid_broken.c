// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU driver that fails on demand, put in front of the real one: the
 * operations of a domain are replaced by some that count down and then fail.
 * What the real driver would hardly ever do can so be tested. It is also a
 * strict one: it refuses what some drivers refuse, to unmap a part of a large
 * entry or what is not mapped, and it looks when pages are unpinned whether an
 * entry still leads there.
 *
 * What else can run: maps and unmaps on the domain, which see one set of
 * operations or the other; both lead to the same page tables. The domain may
 * be freed at any moment, which comes through here. One opener at a time.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/maple_tree.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#ifdef COMPAT_HAVE_GENERIC_PT
#include <linux/generic_pt/iommu.h>
#endif

#include <ioasid/ioasid.h>
#include "broken.h"

/**
 * struct slot - a domain in our hands
 * @domain: NULL when there is none
 * @real: its operations
 * @ops: what it has instead
 * @real_pt: of page tables that are written past those
 * @pt: instead of these
 * @blocks: large entries by IOVA, struct block as a value
 * @tried: all that was ever to be mapped
 * @bytes: of @tried, as often as it was
 * @lost: what the driver knows nothing of, if it ends after it starts
 * @lost_end: see @lost
 * @unflushed: something was unmapped since the last flush
 * @fault: what is to fail, by enum broken_op
 * @cut: see struct broken_seen, as the next three
 * @absent: unmaps of what is not there
 * @unpinned: pages that an entry led to
 * @late: unpins before a flush
 */
struct slot {
	struct iommu_domain *domain;
	const struct iommu_domain_ops *real;
	struct iommu_domain_ops ops;
#ifdef COMPAT_HAVE_GENERIC_PT
	const struct pt_iommu_ops *real_pt;
	struct pt_iommu_ops pt;
#endif
	struct maple_tree blocks;
	struct maple_tree tried;
	u64 bytes;
	unsigned long lost;
	unsigned long lost_end;
	bool unflushed;
	struct {
		atomic_t after;
		atomic_t times;
		u64 written;
		u64 reported;
	} fault[BROKEN_OPS];
	atomic_t cut, absent, unpinned, late;
};

static struct slot slots[BROKEN_SLOTS];
static DEFINE_SPINLOCK(lock);		/* guards who is in which slot, and these: */
static bool busy;
static pid_t opener;
static bool take_next;
static unsigned int skip;		/* domains before that one */

static struct slot *slot_of(struct iommu_domain *domain)
{
	return container_of(domain->ops, struct slot, ops);
}

static bool due(struct slot *s, enum broken_op op)
{
	if (!atomic_read(&s->fault[op].times))
		return false;
	if (atomic_dec_if_positive(&s->fault[op].after) >= 0)
		return false;
	return atomic_dec_if_positive(&s->fault[op].times) >= 0;
}

/* --- the record --- */

/* A block's first page frame number, and the order of its size. */
static void *block_value(unsigned long start, size_t size)
{
	return xa_mk_value(start >> PAGE_SHIFT << 6 | __ffs(size));
}

/* The largest entry for the start of [iova, iova + size), as drivers choose it. */
static size_t entry_size(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
			 size_t size)
{
	unsigned long fit = domain->pgsize_bitmap & GENMASK(__fls(size), 0);

	if (iova | paddr)
		fit &= GENMASK(__ffs(iova | paddr), 0);
	return BIT(__fls(fit));
}

static void note_blocks(struct slot *s, unsigned long iova, phys_addr_t paddr, size_t size,
			size_t pgsize)
{
	size_t n;

	for (; size; size -= n, iova += n, paddr += n) {
		n = pgsize ?: entry_size(s->domain, iova, paddr, size);
		if (n > PAGE_SIZE)
			mtree_store_range(&s->blocks, iova, iova + n - 1, block_value(iova, n),
					  GFP_KERNEL);
	}
}

/* Would this unmap cut a block in two? */
static bool cuts(struct slot *s, unsigned long iova, size_t size)
{
	unsigned long at = iova, last = iova + size - 1;
	bool cut = false;
	void *entry;

	mt_for_each(&s->blocks, entry, at, last) {
		unsigned long value = xa_to_value(entry), start = value >> 6 << PAGE_SHIFT;

		cut |= start < iova || start + BIT(value & 63) - 1 > last;
	}
	return cut;
}

static phys_addr_t where(struct slot *s, unsigned long iova)
{
	return s->real->iova_to_phys(s->domain, iova);
}

/* Is there a page that is not mapped? A look at each takes long where there are many. */
static bool has_holes(struct slot *s, unsigned long iova, size_t size)
{
	size_t at, step = size > SZ_16M ? SZ_2M : PAGE_SIZE;

	for (at = 0; at < size; at += step)
		if (!where(s, iova + at))
			return true;
	return !where(s, iova + size - PAGE_SIZE);
}

static bool refuses(struct slot *s, unsigned long iova, size_t size)
{
	if (has_holes(s, iova, size)) {
		atomic_inc(&s->absent);
		return true;
	}
	if (cuts(s, iova, size)) {
		atomic_inc(&s->cut);
		return true;
	}
	return false;
}

static void forget_blocks(struct slot *s, unsigned long iova, size_t size)
{
	unsigned long at = iova;
	void *entry;

	while (size && (entry = mt_find(&s->blocks, &at, iova + size - 1)))
		mtree_erase(&s->blocks, xa_to_value(entry) >> 6 << PAGE_SHIFT);
}

static unsigned int count_blocks(struct slot *s)
{
	unsigned long at = 0;
	unsigned int n = 0;
	void *entry;

	mt_for_each(&s->blocks, entry, at, ULONG_MAX)
		n++;
	return n;
}

/* How many pages lead to one of [pfn, pfn + n), or anywhere. */
static unsigned int entries_to(struct slot *s, unsigned long pfn, unsigned long n, bool anywhere)
{
	MA_STATE(mas, &s->tried, 0, 0);
	unsigned int found = 0;
	unsigned long at;
	phys_addr_t phys;

	if (!s->domain)
		return 0;
	rcu_read_lock();
	while (mas_find(&mas, ULONG_MAX))
		for (at = mas.index; at <= mas.last; at += PAGE_SIZE) {
			phys = where(s, at);
			found += phys && (anywhere || PHYS_PFN(phys) - pfn < n);
		}
	rcu_read_unlock();
	return found;
}

/* --- operations --- */

/* Write as much as the fault says; with @pgsize by pages, else by range. */
static int really_map(struct slot *s, unsigned long iova, phys_addr_t paddr, size_t size,
		      size_t pgsize, int prot, gfp_t gfp, size_t *mapped)
{
	int ret = -EOPNOTSUPP;

	if (!size)
		return 0;
	if (pgsize)
		ret = s->real->map_pages(s->domain, iova, paddr, pgsize, size / pgsize, prot, gfp,
					 mapped);
#ifdef COMPAT_HAVE_GENERIC_PT
	else
		ret = s->real_pt->map_range(iommupt_from_domain(s->domain), iova, paddr, size,
					    prot, gfp, mapped);
#endif
	if (!ret)
		note_blocks(s, iova, paddr, size, pgsize);
	return ret;
}

static int broken_map(struct slot *s, unsigned long iova, phys_addr_t paddr, size_t size,
		      size_t pgsize, int prot, gfp_t gfp, size_t *mapped)
{
	size_t unit = pgsize ?: PAGE_SIZE, written, really = 0;
	int ret;

	s->bytes += size;
	mtree_store_range(&s->tried, iova, iova + size - 1, block_value(iova, PAGE_SIZE),
			  GFP_KERNEL);
	if (!due(s, BROKEN_MAP))
		return really_map(s, iova, paddr, size, pgsize, prot, gfp, mapped);
	written = min_t(u64, round_down(s->fault[BROKEN_MAP].written, unit), size);
	ret = really_map(s, iova, paddr, written, pgsize, prot, gfp, &really);
	*mapped += min_t(u64, s->fault[BROKEN_MAP].reported, really);
	return ret ?: -ENOMEM;
}

static size_t really_unmap(struct slot *s, unsigned long iova, size_t size, size_t pgsize,
			   struct iommu_iotlb_gather *gather)
{
	size_t n = 0;

	if (!size || refuses(s, iova, size))
		return 0;
	if (pgsize)
		n = s->real->unmap_pages(s->domain, iova, pgsize, size / pgsize, gather);
#ifdef COMPAT_HAVE_GENERIC_PT
	else
		n = s->real_pt->unmap_range(iommupt_from_domain(s->domain), iova, size, gather);
#endif
	forget_blocks(s, iova, n);
	if (n)
		WRITE_ONCE(s->unflushed, true);
	return n;
}

static size_t broken_unmap(struct slot *s, unsigned long iova, size_t size, size_t pgsize,
			   struct iommu_iotlb_gather *gather)
{
	size_t written;

	/* What it does not know of is not mapped. */
	if (!size || (iova >= s->lost && iova < s->lost_end))
		return 0;
	if (due(s, BROKEN_LOSE)) {
		s->lost = iova;
		s->lost_end = iova + size;
		return 0;
	}
	if (!due(s, BROKEN_UNMAP))
		return really_unmap(s, iova, size, pgsize, gather);
	written = min_t(u64, s->fault[BROKEN_UNMAP].written, size);
	written = really_unmap(s, iova, written, pgsize ? PAGE_SIZE : 0, gather);
	s->fault[BROKEN_UNMAP].written -= written;
	return written;
}

static int broken_map_pages(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
			    size_t pgsize, size_t pgcount, int prot, gfp_t gfp, size_t *mapped)
{
	return broken_map(slot_of(domain), iova, paddr, pgsize * pgcount, pgsize, prot, gfp,
			  mapped);
}

static size_t broken_unmap_pages(struct iommu_domain *domain, unsigned long iova, size_t pgsize,
				 size_t pgcount, struct iommu_iotlb_gather *gather)
{
	return broken_unmap(slot_of(domain), iova, pgsize * pgcount, pgsize, gather);
}

#ifdef COMPAT_HAVE_GENERIC_PT
static int broken_map_range(struct pt_iommu *pt, dma_addr_t iova, phys_addr_t paddr,
			    dma_addr_t len, unsigned int prot, gfp_t gfp, size_t *mapped)
{
	return broken_map(slot_of(&pt->domain), iova, paddr, len, 0, prot, gfp, mapped);
}

static size_t broken_unmap_range(struct pt_iommu *pt, dma_addr_t iova, dma_addr_t len,
				 struct iommu_iotlb_gather *gather)
{
	return broken_unmap(slot_of(&pt->domain), iova, len, 0, gather);
}

static bool has_range(struct iommu_domain *domain)
{
	return iommupt_from_domain(domain);
}

static void take_range(struct slot *s)
{
	struct pt_iommu *pt = iommupt_from_domain(s->domain);

	if (!pt)
		return;
	s->real_pt = pt->ops;
	s->pt = *pt->ops;
	s->pt.map_range = broken_map_range;
	s->pt.unmap_range = broken_unmap_range;
	WRITE_ONCE(pt->ops, &s->pt);
}

static void give_back_range(struct slot *s)
{
	struct pt_iommu *pt = iommupt_from_domain(s->domain);

	if (pt)
		WRITE_ONCE(pt->ops, s->real_pt);
}
#else
static bool has_range(struct iommu_domain *domain) { return false; }
static void take_range(struct slot *s) { }
static void give_back_range(struct slot *s) { }
#endif

static int broken_iotlb_sync_map(struct iommu_domain *domain, unsigned long iova, size_t size)
{
	struct slot *s = slot_of(domain);

	if (due(s, BROKEN_SYNC))
		return -EIO;
	return s->real->iotlb_sync_map ? s->real->iotlb_sync_map(domain, iova, size) : 0;
}

static void broken_iotlb_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	struct slot *s = slot_of(domain);

	if (s->real->iotlb_sync)
		s->real->iotlb_sync(domain, gather);
	WRITE_ONCE(s->unflushed, false);
}

static phys_addr_t broken_iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	struct slot *s = slot_of(domain);

	if (iova >= s->lost && iova < s->lost_end)
		return 0;
	return s->real->iova_to_phys(domain, iova);
}

static void slot_clear(struct slot *s)
{
	s->domain = NULL;
	s->lost = 0;
	s->lost_end = 0;
}

/* The domain ends, with the operations it came with. */
static void broken_free(struct iommu_domain *domain)
{
	struct slot *s = slot_of(domain);

	spin_lock(&lock);
	WRITE_ONCE(domain->ops, s->real);
	give_back_range(s);
	slot_clear(s);
	spin_unlock(&lock);
	domain->ops->free(domain);
}

/* --- who is in our hands; the lock is held --- */

static void give_back(void)
{
	struct slot *s;

	for (s = slots; s < slots + BROKEN_SLOTS; s++) {
		if (!s->domain)
			continue;
		WRITE_ONCE(s->domain->ops, s->real);
		give_back_range(s);
		slot_clear(s);
	}
	take_next = false;
}

static int take(struct slot *s, struct iommu_domain *domain)
{
	if (!has_range(domain) && (!domain->ops->map_pages || !domain->ops->unmap_pages))
		return -EOPNOTSUPP;
	s->real = domain->ops;
	s->ops = *s->real;
	if (!has_range(domain)) {
		s->ops.map_pages = broken_map_pages;
		s->ops.unmap_pages = broken_unmap_pages;
	}
	s->ops.iotlb_sync_map = broken_iotlb_sync_map;
	s->ops.iotlb_sync = broken_iotlb_sync;
	s->ops.iova_to_phys = broken_iova_to_phys;
	s->ops.free = broken_free;
	s->unflushed = false;
	s->bytes = 0;
	atomic_set(&s->cut, 0);
	atomic_set(&s->absent, 0);
	atomic_set(&s->unpinned, 0);
	atomic_set(&s->late, 0);
	s->domain = domain;
	WRITE_ONCE(domain->ops, &s->ops);
	take_range(s);
	return 0;
}

static int take_of_group(struct ioasid_space *space, const char *name)
{
	struct device *dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	struct iommu_domain *domain = ERR_PTR(-ENODEV);
	struct iommu_group *group;
	int ret;

	group = dev ? iommu_group_get(dev) : NULL;
	if (group) {
		domain = ioasid_group_domain(space, group);
		iommu_group_put(group);
	}
	put_device(dev);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	spin_lock(&lock);
	give_back();
	ret = take(&slots[0], domain);
	spin_unlock(&lock);
	return ret;
}

/* iommu_attach_group(domain, group) */
static int group_enters(struct kretprobe_instance *call, struct pt_regs *regs)
{
	*(struct iommu_domain **)call->data = (void *)regs_get_kernel_argument(regs, 0);
	return !READ_ONCE(take_next) || current->tgid != opener;
}
NOKPROBE_SYMBOL(group_enters);

/* It is in. Drivers look at the operations of a domain before that, not after. */
static int group_entered(struct kretprobe_instance *call, struct pt_regs *regs)
{
	struct iommu_domain *domain = *(struct iommu_domain **)call->data;
	struct slot *s;

	if (regs_return_value(regs))
		return 0;
	spin_lock(&lock);
	if (skip) {
		skip--;
		goto unlock;
	}
	for (s = slots; s < slots + BROKEN_SLOTS && s->domain; )
		s++;
	if (s < slots + BROKEN_SLOTS)
		take(s, domain);
	take_next = false;
unlock:
	spin_unlock(&lock);
	return 0;
}
NOKPROBE_SYMBOL(group_entered);

/* --- unpins --- */

/* With more than this each look takes too long. */
#define LOOK_MAX	SZ_64M

static void look(struct page *page, unsigned long n)
{
	struct slot *s;

	for (s = slots; s < slots + BROKEN_SLOTS; s++) {
		if (!s->domain || s->bytes > LOOK_MAX)
			continue;
		atomic_add(entries_to(s, page_to_pfn(page), n, false), &s->unpinned);
		if (READ_ONCE(s->unflushed))
			atomic_inc(&s->late);
	}
}

/* unpin_user_page_range_dirty_lock(page, n, dirty) */
static int unpin_range(struct kprobe *p, struct pt_regs *regs)
{
	if (current->tgid == READ_ONCE(opener))
		look((void *)regs_get_kernel_argument(regs, 0), regs_get_kernel_argument(regs, 1));
	return 0;
}

/* unpin_user_pages_dirty_lock(pages, n, dirty) */
static int unpin_pages(struct kprobe *p, struct pt_regs *regs)
{
	struct page **pages = (void *)regs_get_kernel_argument(regs, 0);
	unsigned long n = regs_get_kernel_argument(regs, 1), i;

	if (current->tgid == READ_ONCE(opener))
		for (i = 0; i < n; i++)
			look(pages[i], 1);
	return 0;
}

static struct kprobe unpins[] = {
	{ .symbol_name = "unpin_user_page_range_dirty_lock", .pre_handler = unpin_range },
	{ .symbol_name = "unpin_user_pages_dirty_lock", .pre_handler = unpin_pages },
};

static struct kretprobe entering = {
	.kp.symbol_name = "iommu_attach_group",
	.entry_handler = group_enters,
	.handler = group_entered,
	.data_size = sizeof(struct iommu_domain *),
};

static int probes_begin(void)
{
	int i, ret = register_kretprobe(&entering);

	for (i = 0; i < ARRAY_SIZE(unpins) && !ret; i++) {
		ret = register_kprobe(&unpins[i]);
		if (ret) {
			while (i--)
				unregister_kprobe(&unpins[i]);
			unregister_kretprobe(&entering);
		}
	}
	return ret;
}

static void probes_end(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(unpins); i++)
		unregister_kprobe(&unpins[i]);
	unregister_kretprobe(&entering);
}

/* --- the device node --- */

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
	ret = take_of_group(space, arg.device);
	ioasid_space_put(space);
	return ret;
}

static long broken_fault(void __user *user)
{
	struct broken_fault arg;
	struct slot *s;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.op >= BROKEN_OPS || arg.slot >= BROKEN_SLOTS)
		return -EINVAL;
	s = &slots[arg.slot];
	s->fault[arg.op].written = arg.written;
	s->fault[arg.op].reported = arg.reported;
	atomic_set(&s->fault[arg.op].after, arg.after);
	atomic_set(&s->fault[arg.op].times, arg.times);
	return 0;
}

static long broken_seen(void __user *user)
{
	struct broken_seen arg;
	struct slot *s;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.slot >= BROKEN_SLOTS)
		return -EINVAL;
	s = &slots[arg.slot];
	arg.held = entries_to(s, 0, 0, true);
	arg.blocks = count_blocks(s);
	arg.cut = atomic_read(&s->cut);
	arg.absent = atomic_read(&s->absent);
	arg.unpinned = atomic_read(&s->unpinned);
	arg.unflushed = atomic_read(&s->late);
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long broken_find(void __user *user)
{
	__u32 slot;

	if (copy_from_user(&slot, user, sizeof(slot)))
		return -EFAULT;
	if (slot >= BROKEN_SLOTS)
		return -EINVAL;
	slots[slot].lost_end = 0;
	return 0;
}

static long broken_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case BROKEN_TAKE:
		return broken_take((void __user *)arg);
	case BROKEN_FAULT:
		return broken_fault((void __user *)arg);
	case BROKEN_SEEN:
		return broken_seen((void __user *)arg);
	case BROKEN_TAKE_NEXT:
	case BROKEN_TAKE_SECOND:
		spin_lock(&lock);
		skip = cmd == BROKEN_TAKE_SECOND;
		WRITE_ONCE(take_next, true);
		spin_unlock(&lock);
		return 0;
	case BROKEN_FIND:
		return broken_find((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static int broken_open(struct inode *inode, struct file *file)
{
	int ret;

	spin_lock(&lock);
	ret = busy ? -EBUSY : 0;
	if (!ret) {
		busy = true;
		WRITE_ONCE(opener, current->tgid);
	}
	spin_unlock(&lock);
	return ret;
}

static int broken_release(struct inode *inode, struct file *file)
{
	struct slot *s;
	int i;

	spin_lock(&lock);
	give_back();
	WRITE_ONCE(opener, 0);
	spin_unlock(&lock);
	for (s = slots; s < slots + BROKEN_SLOTS; s++) {
		mtree_destroy(&s->blocks);
		mtree_destroy(&s->tried);
		for (i = 0; i < BROKEN_OPS; i++)
			atomic_set(&s->fault[i].times, 0);
	}
	spin_lock(&lock);
	busy = false;
	spin_unlock(&lock);
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

static int __init ioasid_broken_init(void)
{
	struct slot *s;
	int ret;

	for (s = slots; s < slots + BROKEN_SLOTS; s++) {
		mt_init_flags(&s->blocks, MT_FLAGS_USE_RCU);
		mt_init_flags(&s->tried, MT_FLAGS_USE_RCU);
	}
	ret = probes_begin();
	if (ret)
		return ret;
	ret = misc_register(&broken_misc);
	if (ret)
		probes_end();
	return ret;
}
module_init(ioasid_broken_init);

static void __exit ioasid_broken_exit(void)
{
	misc_deregister(&broken_misc);
	probes_end();
}
module_exit(ioasid_broken_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An IOMMU that fails on demand, for the tests of ioasid");
IOASID_IMPORT;
