// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP: check, reserve the range, pin and charge, program, publish. The only
 * place that unwinds a mapping.
 *
 * Who else can run at each step, and what stops them:
 *  - policy (before any lock): anybody.
 *  - reserve (areas_lock): from here on other maps of the range get -EEXIST
 *    and unmaps of it wait, until the area is LIVE or gone again.
 *  - pin (no lock): attach and detach go on. A teardown sets area->stop; it
 *    does not wait for us. Policies may come and go, see policy/hooks.c.
 *  - program and publish (domains_rwsem read): no attach, detach or teardown.
 *    If a first domain appeared while we had not pinned, we go back and pin.
 *  - unwind: first the page tables (in program.c, before it returns), then the
 *    pins, then the range is free for others.
 *  - exit and SIGKILL: pinning and programming look for fatal signals; the
 *    file is released only after this call has returned.
 */
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <trace/events/ioasid.h>

#include "clock.h"
#include "pages.h"
#include "space.h"
#include "who.h"

/* One call of ioasid_map(), from entry to exit. */
struct map_call {
	struct ioasid_space *space;
	struct ioasid_map_args args;
	struct ioasid_map_result res;
	struct ioasid_policy_mark mark;
	struct ioasid_area *area;
	u64 last;
	bool timing;
	bool pin_now;
};

static int map_fail(struct map_call *c, int err, enum ioasid_reason reason, u64 a, u64 b)
{
	c->res.reason = reason;
	c->res.a = a;
	c->res.b = b;
	return err;
}

/* A policy asked to slow the caller down: before any lock, and killably. */
static int map_wait(struct map_call *c, u32 wait_us)
{
	ktime_t until = ktime_add_us(ktime_get(), wait_us);

	c->res.ns_wait = (u64)wait_us * NSEC_PER_USEC;
	while (!fatal_signal_pending(current)) {
		set_current_state(TASK_KILLABLE);
		if (!schedule_hrtimeout(&until, HRTIMER_MODE_ABS))
			return 0;
	}
	return map_fail(c, -EINTR, IOASID_R_SIGNAL, 0, 0);
}

static int map_ask_policy(struct map_call *c)
{
	u32 wait_us;
	int ret;

	ret = ioasid_policy_map_begin(&c->args, &c->mark, &wait_us);
	if (ret)
		return map_fail(c, ret, IOASID_R_POLICY, 0, 0);
	return wait_us ? map_wait(c, wait_us) : 0;
}

/* The checks of type1 that need no lock, in its order. */
static int map_check_args(struct map_call *c)
{
	struct ioasid_map_args *m = &c->args;
	u64 last_vaddr;

	if (!m->length)
		return map_fail(c, -EINVAL, IOASID_R_ALIGN, m->length, 0);
	if (check_add_overflow(m->iova, m->length - 1, &c->last) ||
	    check_add_overflow(m->vaddr, m->length - 1, &last_vaddr))
		return map_fail(c, m->flags & IOASID_MAP_LEGACY ? -COMPAT_TYPE1_EOVERFLOW :
				-EOVERFLOW, IOASID_R_WRAP, m->iova, m->length);
	if (!(m->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE)))
		return map_fail(c, -EINVAL, IOASID_R_FLAGS, m->flags, 0);
	if (!current->mm)
		return map_fail(c, -ENODEV, IOASID_R_NO_MM, 0, 0);
	return 0;
}

/* Those that need areas_lock, again in type1's order. */
static int map_check_space(struct map_call *c)
{
	struct ioasid_space *space = c->space;
	struct ioasid_map_args *m = &c->args;
	u64 pgsize = ioasid_space_pgsize(space);
	struct ioasid_window near = {};
	struct ioasid_area *other;

	if (space->dead)
		return map_fail(c, -EINVAL, IOASID_R_DEAD, 0, 0);
	if (space->sealed)
		return map_fail(c, space->sealed, IOASID_R_SEALED, 0, 0);
	if ((m->iova | m->vaddr | m->length) & (pgsize - 1))
		return map_fail(c, -EINVAL, IOASID_R_ALIGN, m->length, pgsize);
	other = ioasid_area_first(space, m->iova, c->last);
	if (other)
		return map_fail(c, -EEXIST, IOASID_R_OVERLAP, ioasid_area_start(other),
				ioasid_area_last(other));
	if (!space->avail) {
		trace_ioasid_limit(&m->who, IOASID_LIMIT_MAPS, 1, space->maps, space->maps);
		return map_fail(c, -ENOSPC, IOASID_R_MAP_LIMIT, space->maps, 0);
	}
	if (!ioasid_windows_hold(&space->windows, m->iova, c->last, &near))
		return map_fail(c, -EINVAL, IOASID_R_WINDOW, near.start, near.last);
	return 0;
}

static int map_reserve(struct map_call *c)
{
	struct ioasid_space *space = c->space;
	struct ioasid_area *area = c->area;
	int ret;

	mutex_lock(&space->areas_lock);
	ret = map_check_space(c);
	if (!ret) {
		area->state = IOASID_AREA_BUILDING;
		area->node.start = c->args.iova;
		area->node.last = c->last;
		interval_tree_insert(&area->node, &space->areas);
		space->avail--;
		c->pin_now = ioasid_space_pins(space);
		/* Later pins are charged elsewhere: ask what this task may do now. */
		if (!c->pin_now || space->emulated)
			ioasid_pages_ask_cap(area->pages);
	}
	mutex_unlock(&space->areas_lock);
	return ret;
}

static void map_unreserve(struct map_call *c)
{
	struct ioasid_space *space = c->space;

	mutex_lock(&space->areas_lock);
	interval_tree_remove(&c->area->node, &space->areas);
	space->avail++;
	ioasid_space_changed(space);
	mutex_unlock(&space->areas_lock);
}

static int map_pin(struct map_call *c)
{
	struct ioasid_pin_call pin = {
		.args = &c->args,
		.res = &c->res,
		.stop = &c->area->stop,
		.timing = c->timing,
	};

	return ioasid_pages_pin(c->area->pages, &pin);
}

static int map_publish(struct map_call *c)
{
	struct ioasid_space *space = c->space;
	int ret;

	mutex_lock(&space->areas_lock);
	ret = ioasid_dirty_area_init(space, c->area);
	if (!ret) {
		c->area->state = IOASID_AREA_LIVE;
		space->maps++;
		space->bytes += ioasid_area_bytes(c->area);
		ioasid_space_changed(space);
	}
	mutex_unlock(&space->areas_lock);
	if (ret) {
		ioasid_space_unprogram(space, c->area);
		map_fail(c, ret, IOASID_R_DIRTY, 0, 0);
	}
	return ret;
}

static int map_program(struct map_call *c)
{
	struct ioasid_space *space = c->space;
	struct ioasid_area *area = c->area;
	u64 t = ioasid_clock(c->timing);
	int ret;

	if (area->stop)
		return map_fail(c, -EINVAL, IOASID_R_DEAD, 0, 0);

	ret = area->pages->pinned ?
	      ioasid_space_program(space, area, c->timing ? &c->res : NULL) : 0;
	ioasid_lap(c->timing, &t, &c->res.ns_iommu);
	if (ret)
		return map_fail(c, ret, ret == -EINTR ? IOASID_R_SIGNAL : IOASID_R_IOMMU,
				area->stuck, 0);

	return map_publish(c);
}

/* Pin if a domain needs it, then program and publish in one piece. */
static int map_build(struct map_call *c)
{
	struct ioasid_space *space = c->space;
	int ret;

	for (;;) {
		if (c->pin_now) {
			ret = map_pin(c);
			if (ret)
				return ret;
		}
		if (down_read_killable(&space->domains_rwsem))
			return map_fail(c, -EINTR, IOASID_R_SIGNAL, 0, 0);
		if (c->area->pages->pinned || !ioasid_space_pins(space))
			break;
		up_read(&space->domains_rwsem);
		c->pin_now = true;
	}
	ret = map_program(c);
	up_read(&space->domains_rwsem);
	return ret;
}

static int map_make(struct map_call *c)
{
	struct ioasid_map_args *m = &c->args;
	int ret;

	c->area = ioasid_area_alloc();
	if (!c->area)
		return map_fail(c, -ENOMEM, IOASID_R_NOMEM, 0, 0);
	if (m->flags & IOASID_MAP_READ)
		c->area->prot |= IOMMU_READ;
	if (m->flags & IOASID_MAP_WRITE)
		c->area->prot |= IOMMU_WRITE;

	ioasid_pages_init(c->area->pages, m->vaddr, m->length >> PAGE_SHIFT,
			  m->flags & IOASID_MAP_WRITE, &m->who);

	ret = map_reserve(c);
	if (ret)
		goto free;
	ret = map_build(c);
	if (!ret)
		return 0;

	/* The range stays ours until the last page is unpinned. */
	if (c->area->stuck)
		ioasid_pages_leak(c->area->pages);
	else
		ioasid_pages_unpin(c->area->pages);
	map_unreserve(c);
free:
	ioasid_area_free(c->area);
	return ret;
}

/* EDQUOT and EAGAIN from a policy mean something else to callers of VFIO. */
static int map_legacy_errno(const struct map_call *c, int ret)
{
	if (c->args.flags & IOASID_MAP_LEGACY && c->res.reason == IOASID_R_POLICY &&
	    (ret == -EDQUOT || ret == -EAGAIN))
		return -ENOMEM;
	return ret;
}

int ioasid_map(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length, u32 flags)
{
	struct map_call c = {
		.space = space,
		.args = {
			.iova = iova,
			.vaddr = vaddr,
			.length = length,
			.flags = flags,
		},
		.timing = trace_ioasid_map_done_enabled() ||
			  ioasid_policy_times(IOASID_OP_MAP_DONE),
	};
	u64 t = ioasid_clock(c.timing);
	int ret;

	ioasid_who_current(&c.args.who, space->id);
	trace_ioasid_map_begin(&c.args);
	ret = map_check_args(&c);
	if (!ret)
		ret = map_ask_policy(&c);
	if (!ret)
		ret = map_make(&c);
	ret = map_legacy_errno(&c, ret);

	c.res.err = ret;
	ioasid_lap(c.timing, &t, &c.res.ns_total);
	if (c.mark.slots)
		ioasid_policy_map_done(&c.args, &c.res, &c.mark);
	trace_ioasid_map_done(&c.args, &c.res);
	if (ret)
		trace_ioasid_error(&c.args.who, "map", ret, c.res.reason, c.res.a, c.res.b);
	return ret;
}
IOASID_EXPORT(ioasid_map);
