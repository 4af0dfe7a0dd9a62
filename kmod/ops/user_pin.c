// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins of in-kernel users: counted per page, apart from the pin of the mapping. Each
 * page that a user pinned has a struct ioasid_xpin in extra->pins of the area.
 *
 * A page is charged once, as in type1. While the mapping has nothing pinned, each xpin
 * pays for its page. With the first domain, the mapping pays for the pages that no xpin
 * has paid for; when an xpin that paid ends, its charge moves to the mapping. When the
 * last domain ends, the charge of pages that users still have moves to their xpins, and
 * the rest is uncharged. The zero page and other reserved pages are not charged.
 *
 * What can run at the same time: maps, unmaps, attach, detach, teardown; other pins of the
 * same page. These tables and x->charged change under areas_lock only. Pinning
 * and charging wait for user space, without limit. So they are done with no lock held,
 * for a description of the owner (ioasid_pages_describe()), and the area is looked up
 * again afterwards; uncharging goes the other way.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "lib/signal.h"
#include "lib/who.h"
#include "ops.h"

/**
 * struct ioasid_xpin - one page that in-kernel users have pinned
 * @page: the page
 * @refs: pins of users
 * @charged: it pays for the page
 * @plain: of a file's memory: the page that the mapping has pinned, kept by an
 *	ordinary reference
 * @write: pinned for writing
 */
struct ioasid_xpin {
	struct page *page;
	u32 refs;
	bool charged;
	bool plain;
	bool write;
};

/* The pins of @area; some users have pinned some of it. */
#define pins_of(area)	(&(area)->extra->pins)

static unsigned long pin_area_index(const struct ioasid_area *area, u64 iova)
{
	return (iova - ioasid_area_start(area)) >> PAGE_SHIFT;
}

/* The pin of the page at @iova, or NULL. */
static struct ioasid_xpin *pin_find(struct ioasid_area *area, u64 iova)
{
	return ioasid_area_has_pins(area) ? xa_load(pins_of(area), pin_area_index(area, iova)) : NULL;
}

/* Where the page at @iova is in the owner's memory, or in the file. */
static unsigned long pin_area_vaddr(const struct ioasid_area *area, u64 iova)
{
	return ioasid_area_pages(area)->vaddr + (ioasid_area_first_page(area) << PAGE_SHIFT) +
	       (iova - ioasid_area_start(area));
}

static void xpin_free(struct ioasid_xpin *x)
{
	if (x->plain)
		put_page(x->page);
	else
		unpin_user_pages_dirty_lock(&x->page, 1, x->write);
	kfree(x);
}

/* Uncharge what @payer, if it describes an owner, still has charged. */
static void payer_end(struct ioasid_pages *payer)
{
	if (!payer->holder)
		return;
	ioasid_uncharge(payer, payer->charged);
	ioasid_pages_release(payer);
}

/* ---- pin ---- */

/**
 * struct pin_call - the pin of one page
 * @space: of the mapping
 * @iova: of the page
 * @pages: of the mapping, with a reference, so that no other one is taken for it
 * @vaddr: where the page is
 * @payer: the owner, which is charged for the pin; not for memory of a file
 * @x: not in the area yet
 * @f: why it fails
 */
struct pin_call {
	struct ioasid_space *space;
	u64 iova;
	struct ioasid_pages *pages;
	unsigned long vaddr;
	struct ioasid_pages payer;
	struct ioasid_xpin *x;
	struct ioasid_fail *f;
};

/* Return values, no errors: what to do before the pin can be counted. */
#define PIN_PAY		1

/*
 * The file may have been truncated since: take the page that DMA goes to. The pages
 * are pinned while an area, LIVE or DYING, counts in nr_areas; the last one may just
 * have ended.
 */
static int pin_file_page(struct pin_call *c, struct page **page)
{
	struct ioasid_pages *pages = c->pages;

	if (!atomic_inc_not_zero(&pages->nr_areas))
		return -EINVAL;
	/* Device memory has no page. */
	if (unlikely(pages->bare)) {
		ioasid_pages_put_area(pages, false, NULL);
		return -EINVAL;
	}
	*page = ioasid_pages_page(pages, (c->vaddr - pages->vaddr) >> PAGE_SHIFT);
	get_page(*page);
	ioasid_pages_put_area(pages, false, NULL);
	return 0;
}

/* Pin the page; no lock is held. */
static int pin_page(struct pin_call *c)
{
	struct ioasid_xpin *x = kzalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);
	int ret;

	ioasid_assert_may_wait(c->space);
	if (!x)
		return ioasid_fail(c->f, -ENOMEM, IOASID_R_NOMEM, c->vaddr, 0);
	x->refs = 1;
	x->plain = c->pages->of_file;
	x->write = c->pages->write;
	ret = x->plain ? pin_file_page(c, &x->page) :
			 ioasid_pages_pin_one(&c->payer, c->vaddr, &x->page);
	if (ret) {
		kfree(x);
		return ioasid_fail(c->f, ret, IOASID_R_PIN, c->vaddr, 0);
	}
	c->x = x;
	return 0;
}

/* Charge the owner for the page; no lock is held. */
static int pin_pay(struct pin_call *c)
{
	u64 limit = 0;
	int ret;

	ioasid_assert_may_wait(c->space);
	if (!mmget_not_zero(c->payer.holder->mm))
		return ioasid_fail(c->f, -ENODEV, IOASID_R_NO_MM, c->vaddr, 0);
	ret = ioasid_charge(&c->payer, 1, &limit);
	mmput_async(c->payer.holder->mm);
	if (ret)
		return ioasid_fail(c->f, ret, ioasid_charge_reason(ret, limit), 1, limit);
	c->payer.charged = 1;
	return 0;
}

/* The page, if some user has it pinned already. */
static struct page *pin_again(struct ioasid_space *space, struct ioasid_area *area, u64 iova)
{
	struct ioasid_xpin *x;

	lockdep_assert_held(&space->areas_lock);
	x = pin_find(area, iova);
	if (!x)
		return NULL;
	x->refs++;
	/* The user may write as soon as it has the page. */
	ioasid_dirty_mark(space, area, iova, PAGE_SIZE);
	return x->page;
}

/* Put the pin into the area, and what was paid for it; 0, PIN_PAY, or why not. */
static int pin_insert(struct pin_call *c, struct ioasid_area *area)
{
	bool pay = !ioasid_area_pages(area)->pinned && !c->x->plain && !PageReserved(c->x->page);
	unsigned long index = pin_area_index(area, c->iova);
	int ret;

	lockdep_assert_held(&c->space->areas_lock);
	if (pay && !c->payer.charged)
		return PIN_PAY;
	ret = ioasid_area_extend(c->space, area);
	if (!ret)
		ret = xa_err(xa_store(pins_of(area), index, c->x, GFP_KERNEL_ACCOUNT));
	if (ret)
		return ioasid_fail(c->f, ret, IOASID_R_NOMEM, c->iova, 0);
	if (pay) {
		ret = ioasid_charge_move(ioasid_area_pages(area), &c->payer, 1);
		if (ret) {
			xa_erase(pins_of(area), index);
			return ioasid_fail(c->f, ret, IOASID_R_POLICY, 1, 0);
		}
		c->payer.charged = 0;
		c->x->charged = true;
	}
	ioasid_dirty_mark(c->space, area, c->iova, PAGE_SIZE);
	c->x = NULL;
	return 0;
}

/* Is it still the mapping that the page was pinned for? areas_lock is held. */
static bool pin_fits(const struct pin_call *c, const struct ioasid_area *area)
{
	lockdep_assert_held(&c->space->areas_lock);
	return ioasid_area_pages(area) == c->pages && pin_area_vaddr(area, c->iova) == c->vaddr &&
	       (c->pages->of_file || ioasid_pages_alike(&c->payer, ioasid_area_pages(area)));
}

/* 0 with the page; -EAGAIN if it is mapped anew; PIN_PAY; or why not. */
static int pin_commit(struct pin_call *c, struct page **page)
{
	struct ioasid_area *area = ioasid_access_lock_area(c->space, c->iova, false, c->f);
	int ret = 0;

	if (IS_ERR(area))
		return PTR_ERR(area);
	if (!pin_fits(c, area)) {
		ret = -EAGAIN;
	} else {
		*page = pin_again(c->space, area, c->iova);
		if (!*page) {
			*page = c->x->page;
			ret = pin_insert(c, area);
		}
	}
	mutex_unlock(&c->space->areas_lock);
	return ret;
}

static int pin_slow(struct pin_call *c, struct page **page)
{
	int ret = pin_page(c);

	while (!ret) {
		ret = pin_commit(c, page);
		if (ret != PIN_PAY)
			break;
		ret = pin_pay(c);
	}
	if (c->x)
		xpin_free(c->x);
	c->x = NULL;
	return ret;
}

/* Describe the page that is to be pinned, unless some user has it: then that is @page. */
static int pin_begin(struct pin_call *c, int prot, struct page **page)
{
	struct ioasid_area *area = ioasid_access_lock_area(c->space, c->iova, false, c->f);
	int ret = 0;

	if (IS_ERR(area))
		return PTR_ERR(area);
	*page = NULL;
	if ((area->prot & prot) != prot)
		ret = ioasid_fail(c->f, -EPERM, IOASID_R_PROT, c->iova, 0);
	else
		*page = pin_again(c->space, area, c->iova);
	if (!ret && !*page) {
		c->pages = ioasid_area_pages(area);
		refcount_inc(&c->pages->refs);
		c->vaddr = pin_area_vaddr(area, c->iova);
		if (!c->pages->of_file)
			ioasid_pages_describe(&c->payer, c->pages);
	}
	mutex_unlock(&c->space->areas_lock);
	return ret;
}

static int pin_one(struct ioasid_space *space, u64 iova, int prot, struct page **page,
		   struct ioasid_fail *f)
{
	struct pin_call c = { .space = space, .iova = iova, .f = f };
	int ret;

	do {
		ret = pin_begin(&c, prot, page);
		if (ret || *page)
			return ret;
		ret = pin_slow(&c, page);
		payer_end(&c.payer);
		c.payer.holder = NULL;
		ioasid_pages_put(c.pages);
	} while (ret == -EAGAIN);
	return ret;
}

/* ---- unpin ---- */

/* The pin goes: what was paid for it is the mapping's, or @payer gets it back. */
static void unpin_settle(struct ioasid_space *space, struct ioasid_area *area,
			 struct ioasid_xpin *x, struct ioasid_pages *payer)
{
	struct ioasid_pages *pages = ioasid_area_pages(area);

	lockdep_assert_held(&space->areas_lock);
	if (!x->charged)
		return;
	x->charged = false;
	if (area->state == IOASID_AREA_LIVE && pages->pinned) {
		/* It has the page pinned as well, and left it out of its own charge. */
		pages->charged++;
		return;
	}
	if (!payer->holder)
		ioasid_pages_describe(payer, pages);
	/* Cannot fail: @payer is charged for nothing but pages of this object. */
	ioasid_charge_move(payer, pages, 1);
	payer->charged++;
}

/* Drop one pin, if there is one. */
static bool unpin_one(struct ioasid_space *space, u64 iova)
{
	struct ioasid_pages payer = {};
	struct ioasid_xpin *x = NULL;
	struct ioasid_area *area;
	bool found;

	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, iova, iova);
	if (area)
		x = pin_find(area, iova);
	found = x;
	if (x && --x->refs)
		x = NULL;
	if (x) {
		xa_erase(pins_of(area), pin_area_index(area, iova));
		unpin_settle(space, area, x, &payer);
	}
	mutex_unlock(&space->areas_lock);
	if (x)
		xpin_free(x);
	payer_end(&payer);
	return found;
}

/* Drop a pin of each page; how many there were. */
static int unpin_many(struct ioasid_space *space, u64 iova, int npages)
{
	int i, n = 0;

	for (i = 0; i < npages; i++)
		n += unpin_one(space, iova + ((u64)i << PAGE_SHIFT));
	return n;
}

/* ---- what drivers call ---- */

static u32 pin_prot(int prot)
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
	ioasid_who_current(&args->who, space->entry.id);
	ret = ioasid_policy_access_pin(args, space->pins);
	if (ret)
		ioasid_space_report(space, IOASID_ERROR_PIN, ret, &f);
	return ret;
}

/* Notify policies of pages that are no longer pinned, or that could not be pinned. */
static void access_notify_unpin(struct ioasid_space *space, u64 iova, u64 npages)
{
	struct ioasid_access_args args = { .iova = iova, .npages = npages };
	struct ioasid_policy_pins *pins = READ_ONCE(space->pins);

	/* Without @pins no driver has pinned anything. */
	if (!npages || !pins || !ioasid_policy_pins())
		return;
	ioasid_who_current(&args.who, space->entry.id);
	ioasid_policy_access_unpin(&args, pins);
}

int ioasid_pin_pages(struct ioasid_space *space, u64 iova, int npages, int prot,
		     struct page **pages)
{
	struct ioasid_access_args args = { .npages = npages };
	struct ioasid_fail f = {};
	int i, ret;

	ioasid_assert_may_wait(space);
	if (!pages || npages <= 0)
		return -EINVAL;
	/* The pages around it, as in type1. */
	iova &= PAGE_MASK;
	if (!atomic_read(&space->notifiable))
		return -EINVAL;

	args.iova = iova;
	args.prot = pin_prot(prot);
	ret = access_ask_policy(space, &args);
	if (ret)
		return ret;
	for (i = 0; i < npages && !ret; i++)
		ret = pin_one(space, iova + ((u64)i << PAGE_SHIFT), prot, &pages[i], &f);
	if (ret) {
		unpin_many(space, iova, i - 1);
		access_notify_unpin(space, iova, npages);
		memset(pages, 0, i * sizeof(*pages));
		ioasid_space_report(space, IOASID_ERROR_PIN, ret, &f);
		return ret;
	}
	if (trace_ioasid_pin_enabled()) {
		ioasid_who_current(&args.who, space->entry.id);
		trace_ioasid_pin(&args.who, iova, npages, true);
	}
	return npages;
}
IOASID_EXPORT(ioasid_pin_pages);

void ioasid_unpin_pages(struct ioasid_space *space, u64 iova, int npages)
{
	struct ioasid_who who;

	ioasid_assert_may_wait(space);
	iova &= PAGE_MASK;
	access_notify_unpin(space, iova, unpin_many(space, iova, npages));
	if (npages <= 0 || !trace_ioasid_unpin_enabled())
		return;
	ioasid_who_current(&who, space->entry.id);
	trace_ioasid_unpin(&who, iova, npages, true);
}
IOASID_EXPORT(ioasid_unpin_pages);

/* ---- when an area is cut in two ---- */

/* ioasid_area_has_pins_in() - have in-kernel users pinned some of [start, last] in @area */
bool ioasid_area_has_pins_in(const struct ioasid_area *area, u64 start, u64 last)
{
	unsigned long index = pin_area_index(area, max(start, ioasid_area_start(area)));
	unsigned long end = pin_area_index(area, min(last, ioasid_area_last(area)));

	return ioasid_area_has_pins(area) && xa_find(pins_of(area), &index, end, XA_PRESENT);
}

/**
 * ioasid_area_part_pins() - enter the pins of a part of an area in @part, too
 * @area: LIVE; areas_lock of its space is held
 * @part: has an extra without pins; they are not its own before ioasid_area_drop_pins()
 *
 * Return: 0, -ENOMEM.
 */
int ioasid_area_part_pins(struct ioasid_area *area, struct ioasid_area *part)
{
	unsigned long from = pin_area_index(area, ioasid_area_start(part)), index;
	unsigned long last = pin_area_index(area, ioasid_area_last(part));
	struct ioasid_xpin *x;
	int ret = 0;

	if (!ioasid_area_has_pins(area))
		return 0;
	xa_for_each_range(pins_of(area), index, x, from, last) {
		ret = xa_err(xa_store(pins_of(part), index - from, x, GFP_KERNEL_ACCOUNT));
		if (ret)
			break;
	}
	return ret;
}

/* ioasid_area_drop_pins() - the pins from @start on are those of other areas now */
void ioasid_area_drop_pins(struct ioasid_area *area, u64 start)
{
	unsigned long index;
	void *x;

	if (ioasid_area_has_pins(area))
		xa_for_each_start(pins_of(area), index, x, pin_area_index(area, start))
			xa_erase(pins_of(area), index);
}

/* ---- when domains are made and end, and at a teardown ---- */

/**
 * ioasid_area_paid() - pages of [first, first + n) that users have pinned and paid for
 * @space: no lock is held
 * @iova: first address of the mapping
 * @pages: its pages; the result is 0 when they are no longer mapped there
 * @first: index of the first page
 * @n: how many
 *
 * Only a hint: it may have changed on return. See ioasid_area_paid_all().
 */
unsigned long ioasid_area_paid(struct ioasid_space *space, u64 iova,
			       const struct ioasid_pages *pages, unsigned long first,
			       unsigned long n)
{
	unsigned long index, paid = 0;
	struct ioasid_area *area;
	struct ioasid_xpin *x;

	ioasid_assert_may_wait(space);
	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, iova, iova);
	if (area && ioasid_area_pages(area) == pages && ioasid_area_has_pins(area))
		xa_for_each_range(pins_of(area), index, x, first, first + n - 1)
			paid += x->charged;
	mutex_unlock(&space->areas_lock);
	return paid;
}

static bool pin_extent_is_charged(const struct ioasid_extent *extent, unsigned long index)
{
	return ioasid_extent_has_pages(extent) && !PageReserved(pfn_to_page(extent->pfn + index));
}

/**
 * ioasid_area_paid_all() - pages that users have paid for, of those that are to be paid
 * @space: areas_lock is held
 * @area: LIVE; it shows all of its pages
 * @ext: these pages, pinned
 */
unsigned long ioasid_area_paid_all(struct ioasid_space *space, struct ioasid_area *area,
				   const struct ioasid_extents *ext)
{
	unsigned long index, base = 0, paid = 0;
	struct ioasid_extents_iter it;
	struct ioasid_extent extent = {};
	struct ioasid_xpin *x;

	lockdep_assert_held(&space->areas_lock);
	if (!ioasid_area_has_pins(area))
		return 0;
	/* Both are in the order of addresses. */
	ioasid_extents_start(&it, ext);
	xa_for_each(pins_of(area), index, x) {
		if (!x->charged)
			continue;
		while (index >= base + extent.npages) {
			base += extent.npages;
			if (!ioasid_extents_next(&it, &extent))
				return paid;
		}
		paid += pin_extent_is_charged(&extent, index - base);
	}
	return paid;
}

/**
 * ioasid_area_hand_over() - the mapping's own pins end, those of users stay
 * @space: areas_lock is held
 * @area: LIVE
 * @npages: pages that the mapping has paid for
 *
 * Return: for how many of them users pay from now on.
 */
unsigned long ioasid_area_hand_over(struct ioasid_space *space, struct ioasid_area *area,
				    unsigned long npages)
{
	unsigned long index, n = 0;
	struct ioasid_xpin *x;

	lockdep_assert_held(&space->areas_lock);
	if (!ioasid_area_has_pins(area))
		return 0;
	xa_for_each(pins_of(area), index, x) {
		if (n == npages)
			break;
		if (x->charged || x->plain || PageReserved(x->page))
			continue;
		x->charged = true;
		n++;
	}
	return n;
}

/* Remove any pin from @area, and return it with what it has paid; NULL when none is left. */
static struct ioasid_xpin *pin_take(struct ioasid_space *space, struct ioasid_area *area,
				    struct ioasid_pages *payer)
{
	unsigned long index = 0;
	struct ioasid_xpin *x;

	mutex_lock(&space->areas_lock);
	x = xa_find(pins_of(area), &index, ULONG_MAX, XA_PRESENT);
	if (x) {
		xa_erase(pins_of(area), index);
		unpin_settle(space, area, x, payer);
	}
	mutex_unlock(&space->areas_lock);
	return x;
}

/*
 * ioasid_area_forget_pins() - teardown with pins left: the user is at fault
 *
 * It may still touch the pages, so they stay pinned for good. It may also be
 * unpinning at this moment: the task that erases the entry of a pin owns the pin.
 */
void ioasid_area_forget_pins(struct ioasid_space *space, struct ioasid_area *area)
{
	struct ioasid_fail f = {
		.reason = IOASID_R_BUSY,
		.a = ioasid_area_start(area),
		.b = ioasid_area_last(area),
	};
	struct ioasid_pages payer = {};
	struct ioasid_xpin *x;
	u64 n = 0;

	/* Others may set another mark in the same word, but this one is settled. */
	if (!data_race(ioasid_area_has_pins(area)))
		return;
	ioasid_space_report(space, IOASID_ERROR_TEARDOWN, -EBUSY, &f);
	while ((x = pin_take(space, area, &payer))) {
		n += x->refs;
		kfree(x);
	}
	payer_end(&payer);
	access_notify_unpin(space, ioasid_area_start(area), n);
}
