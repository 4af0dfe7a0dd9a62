// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-kernel users: software devices that pin, read and write mapped memory.
 *
 * Pins are counted per page and live beside the mapping's own: each page that
 * some user pinned has a struct ioasid_xpin in area->pins. As in type1 they
 * are charged only while no IOMMU domain has the pages pinned and charged.
 *
 * Who else can run: maps, unmaps, attach, detach, teardown; other pins of the
 * same page. area->pins changes under areas_lock only. A page is pinned with
 * no lock held (it may fault for long), so the area is looked up again
 * afterwards. An unmap that finds pins runs the unmap callbacks, under
 * access_lock, and tries again. A copy by the CPU counts in area->users, which
 * an unmap waits for; a teardown leaves the area to it.
 */
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/ioasid.h>

#include "pages.h"
#include "space.h"
#include "who.h"

struct ioasid_access {
	struct list_head link;
	struct ioasid_space *space;
	const struct ioasid_access_ops *ops;
	void *data;
};

/*
 * One page that in-kernel users have pinned. Of a file's memory it is the page
 * that the mapping has pinned, and @plain: kept by an ordinary reference.
 */
struct ioasid_xpin {
	struct page *page;
	u32 refs;
	bool charged;
	bool plain;
};

/* Keeps two charges of one ioasid_pages apart; see ioasid_charge(). */
static DEFINE_MUTEX(charge_lock);

struct ioasid_access *ioasid_access_create(struct ioasid_space *space,
					   const struct ioasid_access_ops *ops, void *data)
{
	struct ioasid_access *access = kzalloc(sizeof(*access), GFP_KERNEL_ACCOUNT);

	if (!access)
		return ERR_PTR(-ENOMEM);
	access->space = space;
	access->ops = ops;
	access->data = data;
	mutex_lock(&space->access_lock);
	if (!space->pins)
		WRITE_ONCE(space->pins, ioasid_policy_pins_alloc());
	if (!space->pins) {
		mutex_unlock(&space->access_lock);
		kfree(access);
		return ERR_PTR(-ENOMEM);
	}
	ioasid_space_get(space);
	list_add_tail(&access->link, &space->accesses);
	if (ops && ops->unmap)
		atomic_inc(&space->notifiable);
	mutex_unlock(&space->access_lock);
	return access;
}
IOASID_EXPORT(ioasid_access_create);

void ioasid_access_destroy(struct ioasid_access *access)
{
	struct ioasid_space *space = access->space;

	mutex_lock(&space->access_lock);
	list_del(&access->link);
	if (access->ops && access->ops->unmap)
		atomic_dec(&space->notifiable);
	mutex_unlock(&space->access_lock);
	ioasid_space_put(space);
	kfree(access);
}
IOASID_EXPORT(ioasid_access_destroy);

/* ioasid_access_notify() - ask in-kernel users to unpin; no lock is held */
void ioasid_access_notify(struct ioasid_space *space, u64 start, u64 last)
{
	struct ioasid_access *access;

	mutex_lock(&space->access_lock);
	list_for_each_entry(access, &space->accesses, link)
		if (access->ops && access->ops->unmap)
			access->ops->unmap(access->data, start, last - start + 1);
	mutex_unlock(&space->access_lock);
}

/*
 * The LIVE area at @iova. On success areas_lock is held.
 * Waits for one in flight, and for one that an unmap waits for, which would find
 * it in use for ever otherwise; -EINVAL where nothing is mapped, -EBUSY during a
 * live update.
 */
static struct ioasid_area *lock_area(struct ioasid_space *space, u64 iova, struct ioasid_fail *f)
{
	struct ioasid_area *area;
	u64 seen;
	int ret;

	for (;;) {
		mutex_lock(&space->areas_lock);
		area = space->dead ? NULL : ioasid_area_first(space, iova, iova);
		if (space->no_vaddr) {
			mutex_unlock(&space->areas_lock);
			return ERR_PTR(ioasid_fail(f, -EBUSY, IOASID_R_VADDR, iova, 0));
		}
		if (area && area->state == IOASID_AREA_LIVE && !area->wanted)
			return area;
		seen = space->changes;
		mutex_unlock(&space->areas_lock);
		if (!area)
			return ERR_PTR(ioasid_fail(f, -EINVAL, IOASID_R_NOT_MAPPED, iova, 0));
		ret = ioasid_space_wait_change(space, seen);
		if (ret)
			return ERR_PTR(ioasid_fail(f, ret, IOASID_R_SIGNAL, iova, 0));
	}
}

static unsigned long area_index(const struct ioasid_area *area, u64 iova)
{
	return (iova - ioasid_area_start(area)) >> PAGE_SHIFT;
}

/* Where the page at @iova is in the owner's memory, or in the file. */
static unsigned long area_vaddr(const struct ioasid_area *area, u64 iova)
{
	return area->pages->vaddr + (area->first << PAGE_SHIFT) + (iova - ioasid_area_start(area));
}

static void xpin_release(struct ioasid_pages *pages, struct ioasid_xpin *x)
{
	if (x->plain)
		put_page(x->page);
	else
		unpin_user_pages_dirty_lock(&x->page, 1, pages->write);
	if (x->charged) {
		mutex_lock(&charge_lock);
		ioasid_uncharge(pages, 1);
		mutex_unlock(&charge_lock);
	}
	kfree(x);
}

/*
 * The memory of a file may have been cut off the file meanwhile: what counts is
 * what DMA goes to. The mapping, LIVE or DYING, has it pinned as long as there
 * are windows, and one may have been the last just now.
 */
static int xpin_get_page(struct ioasid_pages *pages, unsigned long vaddr, struct page **page)
{
	if (!pages->of_file)
		return ioasid_pages_pin_one(pages, vaddr, page);
	if (!atomic_inc_not_zero(&pages->windows))
		return -EINVAL;
	*page = ioasid_pages_page(pages, (vaddr - pages->vaddr) >> PAGE_SHIFT);
	get_page(*page);
	ioasid_pages_drop_window(pages, false, NULL);
	return 0;
}

/* Pin and charge a page of @pages; no lock is held, @pages is. */
static struct ioasid_xpin *xpin_create(struct ioasid_space *space, struct ioasid_pages *pages,
				       unsigned long vaddr, struct ioasid_fail *f)
{
	struct ioasid_xpin *x = kzalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);
	u64 limit = 0;
	int ret;

	if (!x)
		return ERR_PTR(ioasid_fail(f, -ENOMEM, IOASID_R_NOMEM, vaddr, 0));
	x->plain = pages->of_file;
	ret = xpin_get_page(pages, vaddr, &x->page);
	if (ret) {
		kfree(x);
		return ERR_PTR(ioasid_fail(f, ret, IOASID_R_PIN, vaddr, 0));
	}
	x->refs = 1;

	down_read(&space->domains_rwsem);
	/* Reserved pages are free, as for a mapping. */
	if (list_empty(&space->domains) && !pages->pinned && !PageReserved(x->page) &&
	    mmget_not_zero(pages->mm)) {
		mutex_lock(&charge_lock);
		ret = ioasid_charge(pages, 1, &limit);
		mutex_unlock(&charge_lock);
		mmput_async(pages->mm);
		x->charged = !ret;
	}
	up_read(&space->domains_rwsem);
	if (ret) {
		xpin_release(pages, x);
		return ERR_PTR(ioasid_fail(f, ret, limit ? IOASID_R_MEMLOCK : IOASID_R_POLICY,
					   1, limit));
	}
	return x;
}

/* areas_lock is held. The page, if some user has it pinned already. */
static struct page *xpin_again(struct ioasid_area *area, u64 iova)
{
	struct ioasid_xpin *x = xa_load(&area->pins, area_index(area, iova));

	if (!x)
		return NULL;
	x->refs++;
	/* The user may write as soon as he has the page. */
	ioasid_dirty_mark(area, iova, PAGE_SIZE);
	return x->page;
}

static int pin_slow(struct ioasid_space *space, struct ioasid_pages *pages, u64 iova,
		    unsigned long vaddr, struct page **page, struct ioasid_fail *f)
{
	struct ioasid_area *area;
	struct ioasid_xpin *x;
	int ret = 0;

	x = xpin_create(space, pages, vaddr, f);
	if (IS_ERR(x))
		return PTR_ERR(x);

	area = lock_area(space, iova, f);
	if (IS_ERR(area)) {
		xpin_release(pages, x);
		return PTR_ERR(area);
	}
	if (area->pages != pages || area_vaddr(area, iova) != vaddr) {
		ret = -EAGAIN;		/* mapped anew meanwhile */
	} else {
		*page = xpin_again(area, iova);
		if (!*page) {
			ret = xa_err(xa_store(&area->pins, area_index(area, iova), x,
					      GFP_KERNEL_ACCOUNT));
			*page = x->page;
			if (!ret) {
				ioasid_dirty_mark(area, iova, PAGE_SIZE);
				x = NULL;
			}
		}
	}
	mutex_unlock(&space->areas_lock);
	if (x)
		xpin_release(pages, x);
	return ret == -ENOMEM ? ioasid_fail(f, ret, IOASID_R_NOMEM, iova, 0) : ret;
}

static int pin_one(struct ioasid_space *space, u64 iova, int prot, struct page **page,
		   struct ioasid_fail *f)
{
	struct ioasid_pages *pages;
	struct ioasid_area *area;
	unsigned long vaddr;
	int ret;

	do {
		area = lock_area(space, iova, f);
		if (IS_ERR(area))
			return PTR_ERR(area);
		if ((area->prot & prot) != prot) {
			mutex_unlock(&space->areas_lock);
			return ioasid_fail(f, -EPERM, IOASID_R_PROT, iova, 0);
		}
		*page = xpin_again(area, iova);
		if (*page) {
			mutex_unlock(&space->areas_lock);
			return 0;
		}
		pages = area->pages;
		refcount_inc(&pages->refs);
		vaddr = area_vaddr(area, iova);
		mutex_unlock(&space->areas_lock);

		ret = pin_slow(space, pages, iova, vaddr, page, f);
		ioasid_pages_put(pages);
	} while (ret == -EAGAIN);
	return ret;
}

/*
 * Drop one reference, if there is one; the last one's xpin goes to *@last, with
 * its pages held. domains_rwsem is held, so that no replay or detach is counting.
 *
 * What a user paid for before the IOMMU came, the mapping pays for from now on:
 * it has the page pinned as well, and left it out of its own charge.
 */
static bool unpin_one(struct ioasid_space *space, u64 iova, struct ioasid_xpin **last,
		      struct ioasid_pages **pages)
{
	struct ioasid_xpin *x = NULL;
	struct ioasid_area *area;
	bool found;

	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, iova, iova);
	if (area)
		x = xa_load(&area->pins, area_index(area, iova));
	found = x;
	if (x && --x->refs)
		x = NULL;
	if (x) {
		xa_erase(&area->pins, area_index(area, iova));
		*pages = area->pages;
		if (x->charged && area->state == IOASID_AREA_LIVE && area->pages->pinned) {
			area->pages->charged++;
			x->charged = false;
		}
		refcount_inc(&area->pages->refs);
	}
	mutex_unlock(&space->areas_lock);
	*last = x;
	return found;
}

/* domains_rwsem is held. Was there a pin to drop? */
static bool unpin_locked(struct ioasid_space *space, u64 iova)
{
	struct ioasid_pages *pages;
	struct ioasid_xpin *x;
	bool found;

	found = unpin_one(space, iova, &x, &pages);
	if (x) {
		xpin_release(pages, x);
		ioasid_pages_put(pages);
	}
	return found;
}

/* Drop a pin of each page; how many there were. */
static int access_unpin(struct ioasid_space *space, u64 iova, int npages)
{
	int i, n = 0;

	for (i = 0; i < npages; i++) {
		down_read(&space->domains_rwsem);
		n += unpin_locked(space, iova + ((u64)i << PAGE_SHIFT));
		up_read(&space->domains_rwsem);
	}
	return n;
}

static u32 access_prot(int prot)
{
	return (prot & IOMMU_READ ? IOASID_MAP_READ : 0) |
	       (prot & IOMMU_WRITE ? IOASID_MAP_WRITE : 0);
}

static int access_ask_policy(struct ioasid_space *space, struct ioasid_access_args *args)
{
	struct ioasid_fail f = { .reason = IOASID_R_POLICY };
	int ret;

	if (!ioasid_policy_pins())
		return 0;
	ioasid_who_current(&args->who, space->id);
	ret = ioasid_policy_access_pin(args, space->pins);
	if (ret)
		ioasid_space_report(space, IOASID_ERROR_PIN, ret, &f);
	return ret;
}

/* So many pages from @iova up are no longer pinned, or never were though a policy agreed. */
static void access_tell_policy(struct ioasid_space *space, u64 iova, u64 npages)
{
	struct ioasid_access_args args = { .iova = iova, .npages = npages };
	struct ioasid_policy_pins *pins = READ_ONCE(space->pins);

	/* Without the second nobody ever pinned anything. */
	if (!npages || !pins || !ioasid_policy_pins())
		return;
	ioasid_who_current(&args.who, space->id);
	ioasid_policy_access_unpin(&args, pins);
}

int ioasid_pin_pages(struct ioasid_space *space, u64 iova, int npages, int prot,
		     struct page **pages)
{
	struct ioasid_access_args args = { .npages = npages };
	struct ioasid_fail f = {};
	int i, ret;

	if (!pages || npages <= 0)
		return -EINVAL;
	/* The pages around it, as in type1. */
	iova &= PAGE_MASK;
	if (!atomic_read(&space->notifiable))
		return -EINVAL;

	args.iova = iova;
	args.prot = access_prot(prot);
	ret = access_ask_policy(space, &args);
	if (ret)
		return ret;
	for (i = 0; i < npages && !ret; i++)
		ret = pin_one(space, iova + ((u64)i << PAGE_SHIFT), prot, &pages[i], &f);
	if (ret) {
		access_unpin(space, iova, i - 1);
		access_tell_policy(space, iova, npages);
		memset(pages, 0, i * sizeof(*pages));
		ioasid_space_report(space, IOASID_ERROR_PIN, ret, &f);
		return ret;
	}
	if (trace_ioasid_pin_enabled()) {
		ioasid_who_current(&args.who, space->id);
		trace_ioasid_pin(&args.who, iova, npages, true);
	}
	return npages;
}
IOASID_EXPORT(ioasid_pin_pages);

void ioasid_unpin_pages(struct ioasid_space *space, u64 iova, int npages)
{
	struct ioasid_who who;

	iova &= PAGE_MASK;
	access_tell_policy(space, iova, access_unpin(space, iova, npages));
	if (npages <= 0 || !trace_ioasid_unpin_enabled())
		return;
	ioasid_who_current(&who, space->id);
	trace_ioasid_unpin(&who, iova, npages, true);
}
IOASID_EXPORT(ioasid_unpin_pages);

/* ioasid_area_paid() - pages of [first, first + n) that users pinned and paid for */
unsigned long ioasid_area_paid(struct ioasid_space *space, struct ioasid_area *area,
			       unsigned long first, unsigned long n)
{
	unsigned long index, paid = 0;
	struct ioasid_xpin *x;

	mutex_lock(&space->areas_lock);
	xa_for_each_range(&area->pins, index, x, first, first + n - 1)
		paid += x->charged;
	mutex_unlock(&space->areas_lock);
	return paid;
}

/* An uncharged pin of @area from @index up, with a reference; NULL at the end. */
static struct ioasid_xpin *next_uncharged(struct ioasid_space *space, struct ioasid_area *area,
					  unsigned long *index)
{
	struct ioasid_xpin *x;

	mutex_lock(&space->areas_lock);
	xa_for_each_start(&area->pins, *index, x, *index)
		if (!x->charged)
			break;
	if (x)
		x->refs++;
	mutex_unlock(&space->areas_lock);
	return x;
}

/**
 * ioasid_area_recharge() - the mapping's own pins are gone, charge what users pinned
 * @space: domains_rwsem is held for write
 * @area: LIVE
 *
 * What cannot be charged stays uncharged, as in type1.
 */
void ioasid_area_recharge(struct ioasid_space *space, struct ioasid_area *area)
{
	unsigned long index = 0;
	struct ioasid_xpin *x;
	u64 limit;
	int ret;

	while ((x = next_uncharged(space, area, &index))) {
		ret = -ENODEV;
		if (!PageReserved(x->page) && mmget_not_zero(area->pages->mm)) {
			mutex_lock(&charge_lock);
			ret = ioasid_charge(area->pages, 1, &limit);
			mutex_unlock(&charge_lock);
			mmput_async(area->pages->mm);
		}
		mutex_lock(&space->areas_lock);
		x->charged = !ret;
		mutex_unlock(&space->areas_lock);
		unpin_locked(space, ioasid_area_start(area) + ((u64)index << PAGE_SHIFT));
		index++;
	}
}

/* Any pin of @area, taken out; NULL when none is left. */
static struct ioasid_xpin *take_pin(struct ioasid_space *space, struct ioasid_area *area)
{
	unsigned long index = 0;
	struct ioasid_xpin *x;

	mutex_lock(&space->areas_lock);
	x = xa_find(&area->pins, &index, ULONG_MAX, XA_PRESENT);
	if (x)
		xa_erase(&area->pins, index);
	mutex_unlock(&space->areas_lock);
	return x;
}

/*
 * ioasid_area_forget_pins() - teardown with pins left: the user is at fault
 *
 * He may still touch the pages, so they stay pinned for good. He may also be
 * unpinning at this moment: each pin is his or ours, by who takes it out.
 */
void ioasid_area_forget_pins(struct ioasid_space *space, struct ioasid_area *area)
{
	struct ioasid_fail f = {
		.reason = IOASID_R_BUSY,
		.a = ioasid_area_start(area),
		.b = ioasid_area_last(area),
	};
	struct ioasid_xpin *x;
	u64 n = 0;

	if (xa_empty(&area->pins))
		return;
	ioasid_space_report(space, IOASID_ERROR_TEARDOWN, -EBUSY, &f);
	while ((x = take_pin(space, area))) {
		n += x->refs;
		if (x->charged) {
			mutex_lock(&charge_lock);
			ioasid_uncharge(area->pages, 1);
			mutex_unlock(&charge_lock);
		}
		kfree(x);
	}
	access_tell_policy(space, ioasid_area_start(area), n);
}

/*
 * Copy between a kernel buffer and the owner's memory; -EPERM if that is gone.
 * Only a kernel thread that has no memory can borrow it: one that has borrowed
 * another process's, and a task that is exiting, get -EFAULT.
 */
static int copy_chunk(struct mm_struct *mm, unsigned long vaddr, void *buf, size_t len, bool write)
{
	bool borrow = current->mm != mm;
	unsigned long left;

	if (!mmget_not_zero(mm))
		return -EPERM;
	if (borrow && (current->mm || !(current->flags & PF_KTHREAD))) {
		mmput_async(mm);
		return -EFAULT;
	}
	if (borrow)
		kthread_use_mm(mm);
	left = write ? copy_to_user((void __user *)vaddr, buf, len) :
		       copy_from_user(buf, (void __user *)vaddr, len);
	if (borrow)
		kthread_unuse_mm(mm);
	mmput_async(mm);
	return left ? -EFAULT : 0;
}

/* The same for memory of a file, which the area has pinned. */
static int copy_pages(struct ioasid_pages *pages, unsigned long offset, void *buf, size_t len,
		      bool write)
{
	struct page *page;
	size_t n;
	void *at;

	for (; len; len -= n, buf += n, offset += n) {
		page = ioasid_pages_page(pages, offset >> PAGE_SHIFT);
		n = min(len, PAGE_SIZE - offset_in_page(offset));
		at = kmap_local_page(page) + offset_in_page(offset);
		memcpy(write ? at : buf, write ? buf : at, n);
		kunmap_local(at);
	}
	return 0;
}

static int area_copy(struct ioasid_pages *pages, unsigned long vaddr, void *buf, size_t len,
		     bool write)
{
	return pages->of_file ? copy_pages(pages, vaddr - pages->vaddr, buf, len, write) :
				copy_chunk(pages->mm, vaddr, buf, len, write);
}

static long rw_chunk(struct ioasid_space *space, u64 iova, void *buf, size_t len, bool write,
		     struct ioasid_fail *f)
{
	u8 need = IOMMU_READ | (write ? IOMMU_WRITE : 0);
	struct ioasid_area *area;
	unsigned long vaddr;
	size_t n;
	int ret;

	area = lock_area(space, iova, f);
	if (IS_ERR(area))
		return PTR_ERR(area);
	if ((area->prot & need) != need) {
		mutex_unlock(&space->areas_lock);
		return ioasid_fail(f, -EPERM, IOASID_R_PROT, iova, 0);
	}
	n = min_t(u64, len, ioasid_area_last(area) - iova + 1);
	vaddr = area_vaddr(area, iova);
	area->users++;
	mutex_unlock(&space->areas_lock);

	ret = area_copy(area->pages, vaddr, buf, n, write);

	mutex_lock(&space->areas_lock);
	if (write)
		ioasid_dirty_mark(area, iova, n);
	ioasid_area_unuse(space, area);
	return ret ? ioasid_fail(f, ret, IOASID_R_PIN, iova, 0) : (long)n;
}

static void trace_rw(struct ioasid_space *space, u64 iova, size_t len, bool write, int err)
{
	struct ioasid_who who;

	if (!trace_ioasid_rw_enabled())
		return;
	ioasid_who_current(&who, space->id);
	trace_ioasid_rw(&who, iova, len, write, err);
}

static int space_rw(struct ioasid_space *space, u64 iova, void *buf, size_t len, bool write)
{
	struct ioasid_fail f = {};
	u64 first = iova;
	size_t all = len;
	long n;

	while (len) {
		n = rw_chunk(space, iova, buf, len, write, &f);
		if (n < 0) {
			ioasid_space_report(space, write ? IOASID_ERROR_WRITE : IOASID_ERROR_READ,
					    n, &f);
			trace_rw(space, first, all, write, n);
			return n;
		}
		iova += n;
		buf += n;
		len -= n;
	}
	trace_rw(space, first, all, write, 0);
	return 0;
}

int ioasid_read(struct ioasid_space *space, u64 iova, void *buf, size_t len)
{
	return space_rw(space, iova, buf, len, false);
}
IOASID_EXPORT(ioasid_read);

int ioasid_write(struct ioasid_space *space, u64 iova, const void *buf, size_t len)
{
	return space_rw(space, iova, (void *)buf, len, true);
}
IOASID_EXPORT(ioasid_write);
