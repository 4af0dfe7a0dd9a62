// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach and detach: groups into domains, and mappings into new domains.
 *
 * What can run at the same time: maps that are pinning; they find the new domain when
 * they program it. domains_rwsem held for write keeps out maps and unmaps that touch
 * page tables, and LIVE areas stay LIVE meanwhile. The caller (VFIO's container lock, or
 * its like) makes no two calls about one group at once. Policies are asked before any
 * lock.
 *
 * Nothing waits for user space under domains_rwsem. An attach that finds unpinned
 * mappings backs out, pins them with no lock held (replay.c), and starts again. That
 * happens once, because from then on new mappings pin their own pages. A detach unpins
 * after it has released the lock.
 */
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "domain/domain.h"
#include "lib/clock.h"
#include "lib/who.h"
#include "ops.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts, "Attach devices whose interrupts the platform cannot isolate (default N)");

/* Swap the IOVA ranges; maps read them under areas_lock alone. */
static void space_swap_iova_ranges(struct ioasid_space *space, struct ioasid_ranges *ws)
{
	mutex_lock(&space->areas_lock);
	swap(space->iova_ranges, *ws);
	mutex_unlock(&space->areas_lock);
}

/*
 * Need the ranges not contain it? One with holes that is BUILDING has not got all of them; its
 * task looks once more, with domains_rwsem held (map_program()).
 */
static bool attach_leaves_out(const struct ioasid_area *area)
{
	return area->state == IOASID_AREA_DYING ||
	       (area->state == IOASID_AREA_BUILDING && ioasid_area_pages(area)->sparse);
}

/* The new ranges must contain every mapping, also a BUILDING one, and the allowed ranges. */
static int attach_check_areas(struct ioasid_space *space, const struct ioasid_ranges *ws,
			      struct ioasid_fail *f)
{
	struct ioasid_iova_range *w = space->allowed.range;
	struct ioasid_area *area;

	for (; w < space->allowed.range + space->allowed.nr; w++)
		if (!ioasid_ranges_contain(ws, w->start, w->last))
			return ioasid_fail(f, -EADDRINUSE, IOASID_R_WINDOW, w->start, w->last);
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(space, area, 0, U64_MAX)) {
		/* Its extents are walked, and there may be very many areas. */
		if (unlikely(ioasid_area_pages(area)->sparse) && fatal_signal_pending(current))
			return ioasid_fail(f, -EINTR, IOASID_R_SIGNAL, ioasid_area_start(area), 0);
		if (!attach_leaves_out(area) && !ioasid_ranges_contain_area(ws, area))
			return ioasid_fail(f, -EINVAL, IOASID_R_WINDOW, ioasid_area_start(area),
					   ioasid_area_last(area));
	}
	return 0;
}

/* LIVE areas from @start up; the write lock keeps the answer LIVE. */
static struct ioasid_area *attach_next_live(struct ioasid_space *space, u64 start)
{
	struct ioasid_area *area;

	cond_resched();
	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, start, U64_MAX);
	while (area && area->state != IOASID_AREA_LIVE)
		area = ioasid_area_next(space, area, start, U64_MAX);
	mutex_unlock(&space->areas_lock);
	return area;
}

#define for_each_live(space, area)					\
	for (area = attach_next_live(space, 0); area;			\
	     area = ioasid_area_last(area) == U64_MAX ? NULL :		\
		    attach_next_live(space, ioasid_area_last(area) + 1))

/*
 * Clear every mapping from a domain that no group uses, or that ends. Errors do not
 * matter: no device uses these page tables.
 */
static void domain_empty(struct ioasid_space *space, struct ioasid_domain *d, u64 below)
{
	struct ioasid_area *area;
	unsigned int n = 0;
	IOASID_AREAS(live);

	for_each_live(space, area) {
		if (ioasid_area_start(area) >= below)
			break;
		ioasid_areas_add(&live, area);
	}
	if (!live.first)
		return;
	ioasid_domain_clear(d, &live, 0, NULL, false);
	ioasid_for_each_listed(area, &live) {
		area->stuck = IOASID_STUCK_NOT;
		ioasid_area_break(&n);
	}
}

/* Write all mappings into @d, and make them visible at once: one flush, not one for each. */
static int domain_replay(struct ioasid_space *space, struct ioasid_domain *d,
			 struct ioasid_fail *f)
{
	u64 first = U64_MAX, last = 0;
	struct ioasid_area *area;
	int ret = 0;

	for_each_live(space, area) {
		if (area->torn)
			continue;
		ret = ioasid_domain_program(d, area, false, NULL);
		if (ret) {
			ioasid_fail(f, ret, IOASID_R_IOMMU, ioasid_area_start(area), 0);
			area->stuck = IOASID_STUCK_NOT;
			domain_empty(space, d, ioasid_area_start(area));
			return ret;
		}
		first = min(first, ioasid_area_start(area));
		last = ioasid_area_last(area);
	}
	if (first <= last)
		ret = ioasid_domain_sync_map(d, first, last);
	if (ret) {
		ioasid_fail(f, ret, IOASID_R_IOMMU, first, 0);
		domain_empty(space, d, U64_MAX);
	}
	return ret;
}

/* Is it behind a virtio-iommu? No other IOMMU is a device on that bus. */
static bool attach_is_virtio(struct device *dev)
{
	struct device *iommu = dev->iommu->iommu_dev->dev;

	return iommu && iommu->parent && iommu->parent->bus &&
	       !strcmp(iommu->parent->bus->name, "virtio");
}

static int attach_alloc_for_device(struct device *dev, void *data)
{
	struct ioasid_domain *d = data;

	d->domain = iommu_paging_domain_alloc(dev);
	d->whole = !IS_ERR(d->domain) && attach_is_virtio(dev);
	return 1;
}

static int attach_node_of_device(struct device *dev, void *data)
{
	s32 *node = data;

	*node = dev_to_node(dev);
	return 1;
}

static void attach_describe_group(struct iommu_group *group, struct ioasid_attach_args *args)
{
	args->group = iommu_group_id(group);
	args->node = NUMA_NO_NODE;
	iommu_group_for_each_dev(group, &args->node, attach_node_of_device);
}

static struct ioasid_domain *domain_create(struct ioasid_space *space, struct iommu_group *group)
{
	struct ioasid_domain *d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!d)
		return ERR_PTR(-ENOMEM);
	d->domain = ERR_PTR(-ENODEV);
	iommu_group_for_each_dev(group, d, attach_alloc_for_device);
	if (IS_ERR(d->domain)) {
		ret = PTR_ERR(d->domain);
		kfree(d);
		return ERR_PTR(ret);
	}
	d->in = space;
	d->space = space->entry.id;
	return d;
}

/*
 * Put the first group in, then block no-snoop if that is possible: it lets KVM
 * ignore wbinvd. An empty domain would promise it for devices that cannot.
 */
static int domain_enter(struct ioasid_domain *d, struct iommu_group *group, struct ioasid_fail *f)
{
	const struct iommu_domain_ops *ops = d->domain->ops;
	int ret = iommu_attach_group(d->domain, group);

	if (ret)
		return ioasid_fail(f, ret, IOASID_R_IOMMU, 0, 0);
	if (ops->enforce_cache_coherency)
		d->coherent = ops->enforce_cache_coherency(d->domain);
	return 0;
}

static void domain_destroy(struct ioasid_domain *d)
{
	iommu_domain_free(d->domain);
	kfree(d);
}

/*
 * Move the group from @fresh to a domain that exists, if one takes it.
 *
 * Return: 0 with *@found set or NULL and the group still in @fresh; -errno
 * with the group in neither.
 */
static int domain_share(struct ioasid_space *space, struct iommu_group *group,
			struct ioasid_domain *fresh, struct ioasid_domain **found)
{
	struct ioasid_domain *d;
	int ret;

	*found = NULL;
	list_for_each_entry(d, &space->domains, link) {
		if (d->domain->ops != fresh->domain->ops || d->coherent != fresh->coherent)
			continue;
		iommu_detach_group(fresh->domain, group);
		if (!iommu_attach_group(d->domain, group)) {
			*found = d;
			return 0;
		}
		ret = iommu_attach_group(fresh->domain, group);
		if (ret)
			return ret;
	}
	return 0;
}

static void space_link(struct ioasid_space *space, struct ioasid_group *g,
		       struct ioasid_domain *fresh)
{
	mutex_lock(&space->areas_lock);
	list_add_tail(&g->link, &space->groups);
	space->nr_groups++;
	space->emulated += g->emulated;
	if (g->domain)
		g->domain->groups++;
	if (fresh) {
		list_add_tail(&fresh->link, &space->domains);
		space->nr_domains++;
		ioasid_space_update_pgsizes(space);
	}
	mutex_unlock(&space->areas_lock);
}

static void space_unlink(struct ioasid_space *space, struct ioasid_group *g)
{
	mutex_lock(&space->areas_lock);
	list_del(&g->link);
	space->nr_groups--;
	space->emulated -= g->emulated;
	if (!g->reports)
		ioasid_dirty_mark_all(space);
	if (g->domain && !--g->domain->groups) {
		list_del(&g->domain->link);
		space->nr_domains--;
		ioasid_space_update_pgsizes(space);
	}
	mutex_unlock(&space->areas_lock);
}

/* Bring a new domain up to date. */
static int domain_fill(struct ioasid_space *space, struct ioasid_domain *fresh,
		       phys_addr_t sw_msi, struct ioasid_fail *f)
{
	int ret = domain_replay(space, fresh, f);

	if (ret || !sw_msi)
		return ret;
	ret = iommu_get_msi_cookie(fresh->domain, sw_msi);
	if (!ret || ret == -ENODEV)
		return 0;
	domain_empty(space, fresh, U64_MAX);
	return ioasid_fail(f, ret, IOASID_R_IOMMU, sw_msi, 0);
}

/*
 * Publish the IOVA ranges as they are with the group in it, before the attach does
 * anything else, so that no map passes between the check and the attach. The group is
 * linked only while the ranges are computed.
 *
 * On success @old holds the ranges to swap back should the attach fail.
 */
static int attach_iova_ranges(struct ioasid_space *space, struct ioasid_group *g,
			      struct ioasid_domain *fresh, struct ioasid_ranges *old,
			      struct ioasid_fail *f)
{
	struct ioasid_ranges ws;
	int ret;

	mutex_lock(&space->areas_lock);
	list_add_tail(&g->link, &space->groups);
	list_add_tail(&fresh->link, &space->domains);
	ret = ioasid_ranges_compute(space, &ws);
	list_del(&fresh->link);
	list_del(&g->link);
	if (ret) {
		ioasid_fail(f, ret, IOASID_R_WINDOW, 0, 0);
	} else {
		ret = attach_check_areas(space, &ws, f);
		if (!ret)
			swap(space->iova_ranges, ws);
		*old = ws;
	}
	mutex_unlock(&space->areas_lock);
	if (ret)
		ioasid_ranges_free(&ws);
	return ret;
}

/*
 * Compute the IOVA ranges again after a detach, which only widens them and cannot be
 * refused. Without memory for new ranges the old ones stay, as in type1. Without a
 * domain nothing is limited, and GET_INFO of a container shows one range of everything.
 */
static void refresh_iova_ranges(struct ioasid_space *space)
{
	struct ioasid_ranges ws;

	if (ioasid_ranges_compute(space, &ws))
		return;
	if (!ws.nr && space->flags & IOASID_SPACE_CONTAINER && ioasid_ranges_everything(&ws))
		return;
	space_swap_iova_ranges(space, &ws);
	ioasid_ranges_free(&ws);
}

/* No error: mappings are to be pinned, with no lock held, before the attach can go on. */
#define ATTACH_UNPINNED	1

/*
 * Choose the domain, @fresh or an existing one, and map everything in it. On failure
 * the group is in neither.
 */
static int attach_domain(struct ioasid_space *space, struct ioasid_group *g,
			 struct ioasid_domain *fresh, phys_addr_t sw_msi, struct ioasid_fail *f)
{
	struct ioasid_domain *shared;
	int ret;

	ret = domain_share(space, g->group, fresh, &shared);
	if (ret)
		return ioasid_fail(f, ret, IOASID_R_IOMMU, 0, 0);
	if (!shared) {
		ret = ioasid_space_unpinned(space) ? ATTACH_UNPINNED :
						     domain_fill(space, fresh, sw_msi, f);
		if (ret) {
			iommu_detach_group(fresh->domain, g->group);
			return ret;
		}
	}
	g->domain = shared ?: fresh;
	return 0;
}

static int check_msi(struct iommu_group *group, struct ioasid_fail *f)
{
	if (READ_ONCE(allow_unsafe_interrupts) || iommu_group_has_isolated_msi(group))
		return 0;
	pr_warn_ratelimited("group %d: no interrupt remapping; set the parameter allow_unsafe_interrupts to attach it all the same\n",
			    iommu_group_id(group));
	return ioasid_fail(f, -EPERM, IOASID_R_MSI, 0, 0);
}

/*
 * The IOMMU driver decides the aperture when a group enters, so the group goes
 * into a domain of its own first, with nothing mapped in it.
 */
static int attach_hardware(struct ioasid_space *space, struct ioasid_group *g,
			   struct ioasid_fail *f)
{
	struct ioasid_domain *fresh;
	struct ioasid_ranges old;
	phys_addr_t sw_msi;
	int ret;

	ret = check_msi(g->group, f);
	if (ret)
		return ret;
	ret = ioasid_ranges_resv(g->group, &g->resv, &sw_msi);
	if (ret)
		return ioasid_fail(f, ret, IOASID_R_WINDOW, 0, 0);

	fresh = domain_create(space, g->group);
	if (IS_ERR(fresh)) {
		ret = ioasid_fail(f, PTR_ERR(fresh), IOASID_R_IOMMU, 0, 0);
		goto err_resv;
	}
	ret = space->flags & IOASID_SPACE_NESTING ? compat_enable_nesting(fresh->domain) : 0;
	if (ret) {
		ioasid_fail(f, ret, IOASID_R_IOMMU, 0, 0);
		goto err_domain;
	}
	ret = domain_enter(fresh, g->group, f);
	if (ret)
		goto err_domain;
	ret = attach_iova_ranges(space, g, fresh, &old, f);
	if (ret) {
		iommu_detach_group(fresh->domain, g->group);
		goto err_domain;
	}
	ret = attach_domain(space, g, fresh, sw_msi, f);
	if (ret) {
		space_swap_iova_ranges(space, &old);
		ioasid_ranges_free(&old);
		goto err_domain;
	}
	ioasid_ranges_free(&old);
	space_link(space, g, g->domain == fresh ? fresh : NULL);
	if (g->domain != fresh) {
		domain_destroy(fresh);
		refresh_iova_ranges(space);
	}
	return 0;

err_domain:
	domain_destroy(fresh);
err_resv:
	ioasid_ranges_free(&g->resv);
	return ret;
}

/* Seal: the group stays with its owner, its DMA blocked, and every map fails. */
static void attach_sealed(struct ioasid_space *space, struct ioasid_group *g, int err)
{
	space_link(space, g, NULL);
	mutex_lock(&space->areas_lock);
	space->sealed = err;
	mutex_unlock(&space->areas_lock);
	pr_warn_ratelimited("group %d: attach to space %u refused (%d); the container is sealed\n",
			    iommu_group_id(g->group), space->entry.id, err);
}

/**
 * struct attach_call - an attach of a group
 * @space: where to
 * @g: the group
 * @flags: of ioasid_attach_group()
 * @policy: 0, or the errno of the policy that refuses it
 * @pinning: mappings are pinned because of this call; see space->attaching
 * @pin: 0, or why that failed
 * @f: likewise
 */
struct attach_call {
	struct ioasid_space *space;
	struct ioasid_group *g;
	u32 flags;
	int policy;
	bool pinning;
	int pin;
	struct ioasid_fail f;
};

static int attach_locked(struct attach_call *c)
{
	struct ioasid_space *space = c->space;
	struct ioasid_group *g = c->g;
	int ret;

	lockdep_assert_held_write(&space->domains_rwsem);
	if (space->dead)
		return ioasid_fail(&c->f, -EINVAL, IOASID_R_DEAD, 0, 0);
	/* Attaching may pin, which needs a valid address. */
	if (space->no_vaddr)
		return ioasid_fail(&c->f, -EBUSY, IOASID_R_VADDR, space->no_vaddr, 0);
	if (ioasid_group_find(space, g->group))
		return ioasid_fail(&c->f, -EINVAL, IOASID_R_OVERLAP, 0, 0);
	if (c->policy) {
		ret = ioasid_fail(&c->f, c->policy, IOASID_R_POLICY, 0, 0);
	} else if (space->sealed) {
		ret = ioasid_fail(&c->f, space->sealed, IOASID_R_SEALED, 0, 0);
	} else if (g->emulated) {
		space_link(space, g, NULL);
		return 0;
	} else {
		ret = c->pin ?: attach_hardware(space, g, &c->f);
	}
	/* If the call failed, VFIO would try its next driver, past every policy. */
	if (ret < 0 && c->flags & IOASID_ATTACH_SEAL &&
	    (c->policy || space->sealed || ioasid_policy_any())) {
		attach_sealed(space, g, ret);
		ret = 0;
	}
	return ret;
}

/* Set whether new mappings are pinned because of this call. */
static void attach_pins(struct attach_call *c, bool pins)
{
	struct ioasid_space *space = c->space;

	lockdep_assert_held_write(&space->domains_rwsem);
	if (c->pinning == pins)
		return;
	c->pinning = pins;
	mutex_lock(&space->areas_lock);
	space->attaching += pins ? 1 : -1;
	mutex_unlock(&space->areas_lock);
}

static void attach_result(struct ioasid_space *space, struct ioasid_group *g, int ret,
			  const struct ioasid_fail *f, struct ioasid_attach_result *res)
{
	res->err = ret;
	res->reason = f->reason;
	res->a = f->a;
	res->b = f->b;
	res->pages = f->pages;
	if (ret)
		return;
	res->sealed = !g->emulated && !g->domain;
	res->shared = g->domain && g->domain->groups > 1;
	res->pgsizes = g->domain ? space->pgsizes : 0;
}

/* Attach, and start again after pinning; see the head of the file. */
static int attach_run(struct attach_call *c, struct ioasid_attach_result *res)
{
	struct ioasid_space *space = c->space;
	bool pinned = false;
	int ret;

	do {
		down_write(&space->domains_rwsem);
		ret = attach_locked(c);
		attach_pins(c, ret == ATTACH_UNPINNED);
		if (ret != ATTACH_UNPINNED)
			attach_result(space, c->g, ret, &c->f, res);
		up_write(&space->domains_rwsem);
		if (ret == ATTACH_UNPINNED) {
			pinned = true;
			c->pin = ioasid_space_pin_all(space, &c->f);
		}
	} while (ret == ATTACH_UNPINNED);
	/* Unpin again if there is no domain now. */
	if (pinned) {
		ioasid_space_unpin_idle(space);
		ioasid_watch_range(space, 0, U64_MAX);
	}
	return ret;
}

int ioasid_attach_group(struct ioasid_space *space, struct iommu_group *group, u32 flags)
{
	bool timing = trace_ioasid_attach_enabled() || ioasid_policy_has(IOASID_OP_ATTACHED);
	struct ioasid_attach_args args = { .emulated = !!(flags & IOASID_ATTACH_EMULATED) };
	struct attach_call c = { .space = space, .flags = flags };
	struct ioasid_attach_result res = {};
	u64 t = ioasid_clock(timing);
	struct ioasid_seen_by seen_by = {};
	struct ioasid_group *g;
	int ret;

	ioasid_assert_may_wait(space);
	ioasid_who_current(&args.who, space->entry.id);
	attach_describe_group(group, &args);
	/* A sealing attach must not fail for lack of a few bytes. */
	g = kzalloc(sizeof(*g),
		    GFP_KERNEL_ACCOUNT | (flags & IOASID_ATTACH_SEAL ? __GFP_NOFAIL : 0));
	if (!g)
		return -ENOMEM;
	g->group = group;
	g->emulated = args.emulated;
	g->reports = args.emulated;
	c.g = g;
	c.policy = ioasid_policy_attach(&args, &seen_by);
	g->seen_by = seen_by;

	ret = attach_run(&c, &res);
	if (ret)
		kfree(g);

	ioasid_lap(timing, &t, &res.ns_total);
	ioasid_policy_attached(&args, &res, &seen_by);
	trace_ioasid_attach(&args, ret, c.f.reason, &res);
	if (c.f.reason)
		ioasid_error(&args.who, IOASID_ERROR_ATTACH, ret, &c.f);
	return ret;
}
IOASID_EXPORT(ioasid_attach_group);

/* No domain is left that could reach pages of lost areas: unpin these as usual. */
static void attach_forget_lost(struct ioasid_space *space)
{
	struct ioasid_area *area;
	bool lost;

	lockdep_assert_held_write(&space->domains_rwsem);
	mutex_lock(&space->areas_lock);
	lost = space->lost;
	space->lost = false;
	mutex_unlock(&space->areas_lock);
	if (lost)
		for_each_live(space, area)
			area->lost = false;
}

static void detach_locked(struct ioasid_space *space, struct ioasid_group *g,
			  struct ioasid_areas *victims)
{
	bool container = space->flags & IOASID_SPACE_CONTAINER;
	struct ioasid_domain *d = g->domain;

	lockdep_assert_held_write(&space->domains_rwsem);
	if (d)
		iommu_detach_group(d->domain, g->group);
	/* A container without a group keeps no mapping. */
	if (container && list_is_singular(&space->groups))
		ioasid_space_claim_all(space, victims);
	else if (d && d->groups == 1)
		domain_empty(space, d, U64_MAX);

	space_unlink(space, g);
	if (d && !d->groups) {
		domain_destroy(d);
		if (list_empty(&space->domains))
			attach_forget_lost(space);
	}
	/* Areas that its page tables kept are not stuck any more. */
	ioasid_space_leave_to_users(space, victims);
	if (d)
		refresh_iova_ranges(space);
}

void ioasid_detach_group(struct ioasid_space *space, struct iommu_group *group)
{
	struct ioasid_attach_args args = {};
	struct ioasid_group *g;
	IOASID_AREAS(victims);

	down_write(&space->domains_rwsem);
	g = ioasid_group_find(space, group);
	if (g) {
		args.emulated = g->emulated;
		detach_locked(space, g, &victims);
	}
	up_write(&space->domains_rwsem);
	if (!g)
		return;

	ioasid_space_finish_all(space, &victims);
	/* The last IOMMU may have left, and software devices stay. */
	if (g->domain)
		ioasid_space_unpin_idle(space);
	attach_describe_group(group, &args);
	ioasid_who_current(&args.who, space->entry.id);
	ioasid_policy_detach(&args, &g->seen_by);
	trace_ioasid_detach(&args);
	ioasid_ranges_free(&g->resv);
	kfree(g);
}
IOASID_EXPORT(ioasid_detach_group);
