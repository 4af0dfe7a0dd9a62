// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP: check, reserve the range, pin and charge, program, publish. undo.c unwinds a mapping.
 *
 * What can run at the same time as each step, and what keeps it out:
 *  - policy (before any lock): everything.
 *  - reserve (areas_lock): policies are asked about the address, which no other
 *    task can take meanwhile. From here on other maps of the range get -EEXIST
 *    and unmaps of it wait, until the area is LIVE or gone again.
 *  - pin (no lock): attach and detach. A teardown sets area->stop and does not wait
 *    for this call. Policies may be loaded and unloaded, see hooks/hooks.c.
 *  - program and publish (domains_rwsem read): no attach, detach or teardown.
 *    If the first domain appeared while the pages were unpinned, the call pins them.
 *  - unwind (undo.c): clear the page tables (in domain/map.c, before it returns), unpin,
 *    then free the range. If a page table cannot be cleared, the mapping is kept.
 *  - exit and SIGKILL: pinning and programming look for fatal signals; the
 *    file is released only after this call has returned.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "domain/domain.h"
#include "lib/clock.h"
#include "lib/signal.h"
#include "lib/who.h"
#include "ops.h"

/*
 * What is known of a call where the code for it is compiled: it is of memory of the caller that is not
 * mapped yet, has no holes, and may wait. Where that is not known it is looked at.
 */
enum map_kind {
	MAP_ANY,
	MAP_PLAIN,
};

static __always_inline bool map_now(const struct ioasid_map_call *c, enum map_kind kind)
{
	return kind == MAP_ANY && unlikely(c->pin.now);
}

static __always_inline struct ioasid_pages *map_area_pages(struct ioasid_map_call *c,
						     enum map_kind kind)
{
	return kind == MAP_PLAIN ? &c->area->own : ioasid_area_pages(c->area);
}

static __always_inline bool map_has(const struct ioasid_map_call *c, enum map_kind kind,
				    enum ioasid_map_flags flag)
{
	return kind == MAP_ANY && c->args.flags & flag;
}

/* ioasid_map_fail() - note for tracepoints and policies why the map fails; returns @err */
int ioasid_map_fail(struct ioasid_map_call *c, int err, enum ioasid_reason reason, u64 a, u64 b)
{
	return ioasid_fail(&c->fail, err, reason, a, b);
}

static int map_ask_policy(struct ioasid_map_call *c)
{
	/* Filled in by a refusal. */
	struct ioasid_policy_refusal no __uninitialized;
	u32 wait_us;
	int ret;

	ret = ioasid_policy_map_begin(&c->args, &c->seen_by, &wait_us, &no);
	if (unlikely(c->seen_by.slots))
		ioasid_map_listen(c);
	if (ret)
		return ioasid_map_fail(c, ret, IOASID_R_POLICY, no.by, 0);
	return wait_us ? ioasid_map_wait(c, wait_us) : 0;
}

/* The checks of type1 that need no lock, in its order. */
static int map_check_args(struct ioasid_map_call *c, enum map_kind kind)
{
	struct ioasid_map_args *m = &c->args;
	u64 last_vaddr;

	if (!m->length)
		return ioasid_map_fail(c, -EINVAL, IOASID_R_ALIGN, m->length, 0);
	if (check_add_overflow(m->iova, m->length - 1, &c->last) ||
	    check_add_overflow(m->vaddr, m->length - 1, &last_vaddr))
		return ioasid_map_fail(c, m->flags & IOASID_MAP_LEGACY ? -COMPAT_TYPE1_EOVERFLOW :
				-EOVERFLOW, IOASID_R_WRAP, m->iova, m->length);
	if (!(m->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE)))
		return ioasid_map_fail(c, -EINVAL, IOASID_R_FLAGS, m->flags, 0);
	if (!current->mm)
		return ioasid_map_fail(c, -ENODEV, IOASID_R_NO_MM, 0, 0);
	return unlikely(map_has(c, kind, IOASID_MAP_SPARSE)) ? ioasid_map_check_sparse(c) : 0;
}

static noinline int map_no_more(struct ioasid_map_call *c)
{
	struct ioasid_space *space = c->space;

	trace_ioasid_limit(&c->args.who, IOASID_LIMIT_MAPS, 1, space->maps, space->maps);
	return ioasid_map_fail(c, -ENOSPC, IOASID_R_MAP_LIMIT, space->maps, 0);
}

/*
 * No rlimit bounds the mapping: count it for the user who created the space, until the
 * range is freed. VFIO has no errno of its own for this limit.
 */
static noinline int map_count(struct ioasid_map_call *c)
{
	/* The area may have no range yet. */
	unsigned long weight = ioasid_weight(ioasid_area_pages(c->area), c->args.length);
	u64 used, limit;

	if (c->area->counted)
		return 0;
	if (ioasid_user_add_mapping(c->space->user, weight, &used, &limit)) {
		c->area->counted = true;
		return 0;
	}
	trace_ioasid_limit(&c->args.who, IOASID_LIMIT_MAPPINGS, weight, used, limit);
	return ioasid_map_fail(c, c->args.flags & IOASID_MAP_LEGACY ? -ENOSPC : -EDQUOT,
			       IOASID_R_USER_LIMIT, used, limit);
}

/*
 * Take the requested address, or a free one, unless a policy refuses it. A mapping gets
 * its address only here, so map_at sees every address.
 */
static noinline int map_choose(struct ioasid_map_call *c)
{
	struct ioasid_policy_refusal no = {};
	struct ioasid_map_args *m = &c->args;
	u64 at;
	int ret;

	lockdep_assert_held(&c->space->areas_lock);
	if (!(m->flags & IOASID_MAP_ANYWHERE)) {
		ret = ioasid_policy_map_at(m, &no);
		return ret ? ioasid_map_fail(c, ret, IOASID_R_POLICY, no.by, m->iova) : 0;
	}
	ret = ioasid_iova_choose(c->space, m, &no);
	if (!ret) {
		c->last = m->iova + m->length - 1;
		return 0;
	}
	at = m->iova;
	m->iova = 0;
	return no.seq ? ioasid_map_fail(c, ret, IOASID_R_POLICY, no.by, at) :
			ioasid_map_fail(c, ret, IOASID_R_WINDOW, m->length, 0);
}

static noinline int map_out_of_range(struct ioasid_map_call *c)
{
	struct ioasid_iova_range near = ioasid_ranges_nearest(&c->space->iova_ranges, c->args.iova);

	return ioasid_map_fail(c, -EINVAL, IOASID_R_WINDOW, near.start, near.last);
}

/* Choose the address, and check that the range is free. */
static int map_place(struct ioasid_map_call *c, struct ioasid_area_place *place)
{
	struct ioasid_space *space = c->space;
	struct ioasid_map_args *m = &c->args;
	struct ioasid_area *other;
	int ret;

	/* Most callers have chosen, and no policy asks where. */
	if (m->flags & IOASID_MAP_ANYWHERE || ioasid_policy_has(IOASID_OP_MAP_AT)) {
		ret = map_choose(c);
		if (ret)
			return ret;
	}
	other = ioasid_area_place(space, m->iova, c->last, place);
	if (other)
		return ioasid_map_fail(c, -EEXIST, IOASID_R_OVERLAP, ioasid_area_start(other),
				       ioasid_area_last(other));
	if (m->flags & IOASID_MAP_ANYWHERE)
		return 0;
	if (!space->avail)
		return map_no_more(c);
	if (likely(ioasid_ranges_contain(&space->iova_ranges, m->iova, c->last)))
		return 0;
	/* What is outside may be a hole: see map_program(). */
	return ioasid_area_pages(c->area)->sparse ? 0 : map_out_of_range(c);
}

/* The checks that need areas_lock, again in type1's order. */
static int map_check_space(struct ioasid_map_call *c, struct ioasid_area_place *place)
{
	struct ioasid_space *space = c->space;
	struct ioasid_map_args *m = &c->args;
	u64 pgsize = ioasid_space_pgsize(space);

	if (space->dead)
		return ioasid_map_fail(c, m->flags & IOASID_MAP_NATIVE ? -ENOENT : -EINVAL,
				       IOASID_R_DEAD, 0, 0);
	if (space->sealed)
		return ioasid_map_fail(c, space->sealed, IOASID_R_SEALED, 0, 0);
	if ((m->iova | m->vaddr | m->length) & (pgsize - 1))
		return ioasid_map_fail(c, -EINVAL, IOASID_R_ALIGN, m->length, pgsize);
	if (m->flags & IOASID_MAP_ANYWHERE && !space->avail)
		return map_no_more(c);
	return map_place(c, place);
}

/* The space has no record of the caller: make one, for this mapping and those after it. */
static noinline struct ioasid_holder *map_new_holder(struct ioasid_map_call *c)
{
	struct ioasid_space *space = c->space;
	struct ioasid_holder *h = ioasid_holder_new(&c->args.who, READ_ONCE(space->account_user));

	lockdep_assert_held(&space->areas_lock);
	if (!h)
		return NULL;
	if (space->holder)
		ioasid_holder_put(space->holder);
	space->holder = h;
	return h;
}

/* The record of the caller, who is to own the pages; NULL without memory. */
static struct ioasid_holder *map_holder(struct ioasid_map_call *c)
{
	struct ioasid_holder *h = c->space->holder;

	if (likely(h && ioasid_holder_fits(h, &c->args.who, READ_ONCE(c->space->account_user))))
		return h;
	return map_new_holder(c);
}

/* The caller is the owner of the pages. */
static int map_hold(struct ioasid_map_call *c)
{
	struct ioasid_pages *pages = &c->area->own;
	struct ioasid_holder *h = map_holder(c);

	if (unlikely(!h))
		return ioasid_map_fail(c, -ENOMEM, IOASID_R_NOMEM, 0, 0);
	/* The mapping before in the same memory may have had the same owner, or another one. */
	if (unlikely(pages->holder != h)) {
		ioasid_pages_release(pages);
		pages->holder = ioasid_holder_get(h);
	}
	return 0;
}

/* It is to share its charge. What is pinned late, or by software devices, is charged in full. */
static noinline void map_share(struct ioasid_map_call *c)
{
	struct ioasid_pages *pages = ioasid_area_pages(c->area);

	lockdep_assert_held(&c->space->areas_lock);
	if (!pages->pinned && !c->pin_now)
		pages->share = IOASID_SHARE_NOT;
	else
		ioasid_share_note(c->space, pages);
}

/* The access of the device is the same bits in a request and for the IOMMU. */
static_assert(IOASID_MAP_READ == IOMMU_READ && IOASID_MAP_WRITE == IOMMU_WRITE);

/* Describe the area, which is BUILDING; nothing is reserved or pinned yet. areas_lock is held. */
static void map_describe(struct ioasid_map_call *c, enum map_kind kind)
{
	struct ioasid_pages *pages = &c->area->own;
	struct ioasid_map_args *m = &c->args;

	lockdep_assert_held(&c->space->areas_lock);
	ioasid_area_mark(c->area, m->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE), !c->space->huge);
	if (kind == MAP_ANY && unlikely(c->source)) {
		ioasid_area_show(c->area, c->source, c->first);
		c->source = NULL;
		return;
	}
	ioasid_pages_init(pages, m->vaddr, m->length >> PAGE_SHIFT, m->flags & IOASID_MAP_WRITE,
			  m->who.pid);
	if (kind == MAP_ANY && unlikely(c->pin.file))
		pages->of_file = true;
	if (unlikely(map_has(c, kind, IOASID_MAP_SPARSE)))
		pages->sparse = true;
	if (unlikely(READ_ONCE(c->space->charge_shared)))
		pages->share = IOASID_SHARE_ALONE;
}

static int map_alloc(struct ioasid_map_call *c, struct ioasid_area_pool *pool)
{
	c->area = ioasid_area_alloc(pool);
	return c->area ? 0 : ioasid_map_fail(c, -ENOMEM, IOASID_R_NOMEM, 0, 0);
}

/*
 * Take areas_lock, and see to an area: the one that the space keeps, or one that was
 * allocated without the lock.
 */
static int map_lock(struct ioasid_map_call *c, enum map_kind kind)
{
	struct mutex *lock = &c->space->areas_lock;
	int ret = 0;

	c->area = NULL;
	if (!READ_ONCE(c->space->spare))
		ret = map_alloc(c, NULL);
	while (!ret) {
		if (!map_now(c, kind))
			mutex_lock(lock);
		else if (!mutex_trylock(lock))
			break;
		if (!c->area)
			c->area = ioasid_area_take_spare(c->space);
		if (likely(c->area))
			return 0;
		/* Another task has taken it meanwhile. */
		mutex_unlock(lock);
		ret = map_alloc(c, NULL);
	}
	if (!ret && c->area)
		ioasid_area_free(c->area);
	return ret ?: -EAGAIN;
}

/* Take the range for the area, whose pages have their owner if @held; areas_lock is held. */
static int map_claim(struct ioasid_map_call *c, enum map_kind kind, bool held)
{
	struct ioasid_space *space = c->space;
	struct ioasid_area *area = c->area;
	struct ioasid_pages *pages = map_area_pages(c, kind);
	/* Filled in where the range is free. */
	struct ioasid_area_place place __uninitialized;
	int ret;

	lockdep_assert_held(&space->areas_lock);
	ret = map_check_space(c, &place);
	/* Shared pages exist only on a /dev/ioasid, and have an owner. */
	if (!ret && !held)
		ret = map_has(c, kind, IOASID_MAP_SHARED) ? map_count(c) : map_hold(c);
	if (!ret) {
		area->number = ++space->serial;
		area->node.start = c->args.iova;
		area->node.last = c->last;
		ioasid_area_insert(space, area, &place);
		space->avail--;
		c->pin_now = likely(!pages->pinned) && ioasid_space_pins(space);
		/* Pins are charged later, by other tasks: ask for the capability of this one. */
		if (likely(!pages->pinned) && (!c->pin_now || unlikely(space->emulated)))
			ioasid_pages_ask_cap(pages);
		if (unlikely(READ_ONCE(pages->share)))
			map_share(c);
	}
	return ret;
}

/*
 * How many may help with a large mapping: the caller's number or a policy's. Without either
 * no worker helps, and of the threads of the process as many as there are idle processors.
 */
static noinline void map_help(struct ioasid_map_call *c)
{
	bool decided = ioasid_policy_has(IOASID_OP_MAP_WORKERS);
	unsigned int most = ioasid_help_most();

	if (decided)
		ioasid_policy_map_workers(&c->args);
	c->pin.asked = min(c->args.workers, most);
	c->pin.helpers = decided || c->pin.asked ? min(c->args.workers, most) : most;
}

/* Does RLIMIT_MEMLOCK bound what is pinned now, for as long as it is mapped? See space/user.c. */
static bool map_bounded(const struct ioasid_map_call *c)
{
	const struct ioasid_pages *pages = &c->area->own;

	return pages->charged && likely(!pages->sparse) &&
	       (pages->holder->mm == READ_ONCE(c->space->mm) || pages->holder->user);
}

/* Count the mapping, if no rlimit bounds what it has charged. */
static int map_bound(struct ioasid_map_call *c)
{
	return c->space->user && unlikely(!map_bounded(c)) ? map_count(c) : 0;
}

/* ioasid_map_pin(), which has the comment; pages of another area are pinned already */
static __always_inline int map_pin(struct ioasid_map_call *c, enum map_kind kind)
{
	int ret;

	lockdep_assert_not_held(&c->space->areas_lock);
	lockdep_assert_not_held(&c->space->domains_rwsem);
	c->pin.stop = &c->area->stop;
	c->pin.asked = false;
	c->pin.helpers = 0;
	if (unlikely(c->args.length >> PAGE_SHIFT >= IOASID_WORKERS_PAGES))
		map_help(c);
	ret = ioasid_pages_pin(&c->area->own, &c->pin, kind == MAP_PLAIN);
	if (!ret && kind == MAP_ANY && unlikely(c->area->own.sparse))
		ret = ioasid_map_holes(c);
	if (ret)
		return ret;
	return kind == MAP_ANY && c->pin.later ? 0 : map_bound(c);
}

/**
 * ioasid_map_pin() - pin the pages of a mapping, and charge them unless that is done later
 * @c: its range is reserved, in a space where pages are pinned at once; no lock is held
 *
 * After it only the page tables are missing.
 *
 * Return: 0; or an errno, for ioasid_map_undo().
 */
int ioasid_map_pin(struct ioasid_map_call *c)
{
	lockdep_assert_not_held(&c->space->areas_lock);
	lockdep_assert_not_held(&c->space->domains_rwsem);
	return map_pin(c, MAP_ANY);
}

/* ioasid_map_paid() - the pages to be charged later are charged now */
int ioasid_map_paid(struct ioasid_map_call *c)
{
	c->area->own.charged += c->pin.owed;
	c->pin.owed = 0;
	if (unlikely(c->pin.res))
		c->pin.res->charged = c->area->own.charged;
	return map_bound(c);
}

static int map_go_live(struct ioasid_map_call *c)
{
	struct ioasid_space *space = c->space;
	int ret;

	/*
	 * To watch it is to wait for mmap_lock. Looked at under areas_lock: a pass that
	 * begins later finds the mapping, see watch.c.
	 */
	if (static_branch_unlikely(&ioasid_watch_key) && c->pin.now)
		return -EAGAIN;
	ret = ioasid_dirty_area_init(space, c->area);
	if (ret)
		return ioasid_map_fail(c, ret, IOASID_R_DIRTY, 0, 0);
	ret = ioasid_share_settle_in(space, ioasid_area_pages(c->area));
	if (ret)
		return ioasid_map_fail(c, ret, IOASID_R_NOMEM, 0, 0);
	c->area->state = IOASID_AREA_LIVE;
	space->maps++;
	space->bytes += ioasid_area_bytes(c->area);
	return 0;
}

/*
 * ioasid_map_publish() - make mappings of one space LIVE; domains_rwsem is held
 *
 * Return: 0, or the errno of the mapping after the first *@done, which is cleared from
 * the page tables again.
 */
int ioasid_map_publish(struct ioasid_map_call *c, unsigned int nr, unsigned int *done)
{
	struct ioasid_space *space = c->space;
	unsigned int n;
	int ret = 0;

	lockdep_assert_held(&space->domains_rwsem);
	mutex_lock(&space->areas_lock);
	for (n = 0; n < nr; n++) {
		ret = map_go_live(&c[n]);
		if (ret)
			break;
	}
	if (n)
		ioasid_space_changed(space);
	mutex_unlock(&space->areas_lock);
	if (ret)
		ioasid_space_unprogram(space, c[n].area);
	*done = n;
	return ret;
}

/* Write the page tables; domains_rwsem is held. Without @sync the device need not see it yet. */
static int map_program(struct ioasid_map_call *c, enum map_kind kind, bool sync)
{
	struct ioasid_space *space = c->space;
	struct ioasid_area *area = c->area;
	const struct ioasid_pages *pages = map_area_pages(c, kind);
	u64 t = ioasid_clock(c->pin.timing);
	int ret;

	lockdep_assert_held(&space->domains_rwsem);
	if (area->stop)
		return ioasid_map_fail(c, -EINVAL, IOASID_R_DEAD, 0, 0);
	/* By now it is known what is a hole, and the ranges may have narrowed meanwhile. */
	if (unlikely(pages->sparse || c->args.flags & IOASID_MAP_SPARSE) &&
	    !ioasid_ranges_contain_area(&space->iova_ranges, area))
		return map_out_of_range(c);

	ret = likely(pages->pinned) ?
	      ioasid_space_program(space, area, sync, unlikely(c->pin.timing) ? c->pin.res : NULL) : 0;
	if (unlikely(c->pin.timing))
		ioasid_lap(true, &t, &c->pin.res->ns_iommu);
	if (ret)
		return ioasid_map_fail(c, ret, ioasid_err_reason(ret, IOASID_R_IOMMU), 0, 0);
	return 0;
}

/* Is @next to be written with the one before, by the same call of the driver? */
static bool map_continues(const struct ioasid_map_call *c, const struct ioasid_map_call *next)
{
	return ioasid_area_continues(c->area, next->area) &&
	       likely(next->area->own.pinned && !next->area->stop &&
		      !next->pin.timing);
}

/* The first of @nr mappings, and those that continue it; *@done becomes how many are written. */
static int map_program_run(struct ioasid_map_call *c, unsigned int nr, unsigned int *done)
{
	/* Only what was set is read. */
	struct ioasid_area *run[IOASID_RUN_MOST] __uninitialized;
	unsigned int n;
	int ret;

	run[0] = c->area;
	nr = min(nr, IOASID_RUN_MOST);
	for (n = 1; n < nr && map_continues(&c[n - 1], &c[n]); n++)
		run[n] = c[n].area;
	/* What is special about the first one is looked at there. */
	if (n == 1 || !c->area->own.pinned || c->area->stop || c->pin.timing) {
		ret = map_program(c, MAP_PLAIN, false);
		*done = !ret;
		return ret;
	}
	ret = ioasid_space_program_run(c->space, run, n, done);
	if (ret)
		return ioasid_map_fail(&c[*done], ret, ioasid_err_reason(ret, IOASID_R_IOMMU), 0, 0);
	return 0;
}

/*
 * ioasid_map_program() - write the page tables of a batch; domains_rwsem is held
 *
 * The device need not see them before ioasid_space_sync_map(). Return: 0; or the errno of the
 * one after *@done, of which nothing is left.
 */
__flatten int ioasid_map_program(struct ioasid_map_call *c, unsigned int nr, unsigned int *done)
{
	unsigned int n, good;
	int ret = 0;

	lockdep_assert_held(&c->space->domains_rwsem);
	for (n = 0; n < nr && !ret; n += good)
		ret = map_program_run(&c[n], nr - n, &good);
	*done = n;
	return ret;
}

/* Charge the pinned pages, if the lock for that is free. */
static int map_pay_now(struct ioasid_map_call *c)
{
	struct ioasid_pages *pages = &c->area->own;

	if (pages->holder->user || ioasid_charge_at_once())
		return -EAGAIN;
	if (c->pin.owed && ioasid_charge_try(pages, c->pin.owed))
		return -EAGAIN;
	return ioasid_map_paid(c);
}

/* Take domains_rwsem, to write page tables and for ioasid_map_publish(). */
static int map_lock_domains(struct ioasid_map_call *c, enum map_kind kind)
{
	if (map_now(c, kind))
		return down_read_trylock(&c->space->domains_rwsem) ? 0 : -EAGAIN;
	if (down_read_killable(&c->space->domains_rwsem))
		return ioasid_map_fail(c, -EINTR, IOASID_R_SIGNAL, 0, 0);
	return 0;
}

/* Watch the new mapping, if any asks. That waits: with @c->pin.now see map_go_live(). */
static void map_watch(struct ioasid_map_call *c)
{
	if (static_branch_unlikely(&ioasid_watch_key) && !c->pin.now)
		ioasid_watch_range(c->space, c->args.iova, c->args.iova);
}

/* Pin if a domain needs it, then program and publish under one hold of domains_rwsem. */
static __always_inline int map_build(struct ioasid_map_call *c, enum map_kind kind)
{
	const struct ioasid_pages *pages = map_area_pages(c, kind);
	struct ioasid_space *space = c->space;
	unsigned int done;
	bool idle;
	int ret;

	for (;;) {
		if (c->pin_now) {
			ret = map_pin(c, kind);
			if (!ret && map_now(c, kind))
				ret = map_pay_now(c);
			if (ret)
				return ret;
		}
		ret = map_lock_domains(c, kind);
		if (ret)
			return ret;
		if (pages->pinned || !ioasid_space_pins(space))
			break;
		up_read(&space->domains_rwsem);
		c->pin_now = true;
	}
	idle = pages->pinned && !ioasid_space_pins(space);
	ret = map_program(c, kind, true);
	if (!ret)
		ret = ioasid_map_publish(c, 1, &done);
	up_read(&space->domains_rwsem);
	if (!ret)
		map_watch(c);
	/* The domain that the pages were pinned for has ended. */
	if (unlikely(idle))
		ioasid_space_unpin_idle(space);
	return ret;
}

/* ioasid_map_begin() - fill in the time; the caller of the call is filled in */
void ioasid_map_begin(struct ioasid_map_call *c)
{
	c->pin.timing = trace_ioasid_map_done_enabled() || ioasid_policy_times(IOASID_OP_MAP_DONE);
	if (unlikely(c->pin.timing))
		ioasid_map_listen(c);
	c->start = ioasid_clock(c->pin.timing);
	trace_ioasid_map_begin(&c->args);
}

/* The checks before anything is done, and the policies. */
static int map_check(struct ioasid_map_call *c, enum map_kind kind)
{
	int ret = map_check_args(c, kind);

	/* A policy that is there by now came when @c had begun, and might have it wait. */
	return ret || map_now(c, kind) ? ret : map_ask_policy(c);
}

/* An area that has no range yet ends. */
static noinline void map_drop(struct ioasid_map_call *c)
{
	ioasid_pages_put_area(ioasid_area_pages(c->area), false, NULL);
	ioasid_area_free(c->area);
}

/* Reserve the range: from here on the area is BUILDING. */
static __always_inline int map_reserve(struct ioasid_map_call *c, enum map_kind kind)
{
	int ret = map_lock(c, kind);

	if (ret)
		return ret;
	map_describe(c, kind);
	ret = map_claim(c, kind, false);
	mutex_unlock(&c->space->areas_lock);
	if (ret)
		map_drop(c);
	return ret;
}

/**
 * ioasid_map_start() - begin one mapping of a batch: do the steps before its range is reserved
 * @c: described
 * @pool: memory for areas
 *
 * No lock is held: a policy may have the caller wait.
 * Return: 0, and ioasid_map_reserve() is to follow; or an errno, and the caller ends the call.
 */
__flatten int ioasid_map_start(struct ioasid_map_call *c, struct ioasid_area_pool *pool)
{
	lockdep_assert_not_held(&c->space->areas_lock);
	ioasid_map_begin(c);
	return map_check(c, MAP_PLAIN) ?: map_alloc(c, pool);
}

/**
 * ioasid_map_reserve() - reserve the ranges of a batch, under one hold of areas_lock
 * @c: @nr of one space that were started
 * @nr: how many
 * @done: on return how many are reserved
 *
 * Return: 0; or the errno of the one after *@done: that one and those after it have no area,
 * and the caller ends their calls.
 */
__flatten int ioasid_map_reserve(struct ioasid_map_call *c, unsigned int nr, unsigned int *done)
{
	struct ioasid_holder *h = NULL;
	unsigned int i, n = 0, more = 0;
	int ret = 0;

	mutex_lock(&c->space->areas_lock);
	for (; n < nr; n++) {
		map_describe(&c[n], MAP_PLAIN);
		/* The owner is the same for all, and is looked for once. */
		if (likely(h)) {
			c[n].area->own.holder = h;
			more++;
		}
		ret = map_claim(&c[n], MAP_PLAIN, h);
		if (ret)
			break;
		h = c[n].area->own.holder;
	}
	if (more)
		refcount_add(more, &h->refs);
	mutex_unlock(&c->space->areas_lock);
	for (i = n; i < nr; i++)
		map_drop(&c[i]);
	*done = n;
	return ret;
}

/* EDQUOT and EAGAIN of a policy have another meaning for VFIO's callers. */
static int map_vfio_errno(const struct ioasid_map_call *c, int ret)
{
	if (c->args.flags & IOASID_MAP_LEGACY && c->fail.reason == IOASID_R_POLICY &&
	    (ret == -EDQUOT || ret == -EAGAIN))
		return -ENOMEM;
	return ret;
}

/* ioasid_map_end() - report how the map went; once for each call that has begun */
int ioasid_map_end(struct ioasid_map_call *c, int ret)
{
	if (ret)
		ret = map_vfio_errno(c, ret);
	if (unlikely(c->pin.res))
		ioasid_map_notify(c, ret);
	if (ret && !(c->pin.now && ret == -EAGAIN))
		ioasid_error(&c->args.who, IOASID_ERROR_MAP, ret, &c->fail);
	return ret;
}

/**
 * ioasid_map_may_now() - is it worth a try in a task that must not wait?
 * @c: describes the mapping, and has not begun
 *
 * True for few pages, where no policy and no trace event would see it twice when it is
 * tried again. Then set @c->pin.now and @c->pin.later: where the map had to wait for another
 * task or for a page fault it fails with -EAGAIN, and nothing of it is left.
 */
bool ioasid_map_may_now(const struct ioasid_map_call *c)
{
	return ioasid_small_now(c->args.length) &&
	       !trace_ioasid_map_begin_enabled() && !trace_ioasid_map_done_enabled() &&
	       !static_branch_unlikely(&ioasid_watch_key) && !ioasid_charge_at_once() &&
	       !READ_ONCE(c->space->account_user);
}

static __always_inline int map_make(struct ioasid_map_call *c, enum map_kind kind)
{
	/* ioasid_map_listen() zeroes it. */
	struct ioasid_map_result room __uninitialized;
	int ret;

	c->room = &room;
	ioasid_who_current(&c->args.who, c->space->entry.id);
	ioasid_map_begin(c);
	ret = map_check(c, kind);
	if (!ret)
		ret = map_reserve(c, kind);
	if (!ret) {
		ret = map_build(c, kind);
		if (ret)
			ret = ioasid_map_undo(c, ret);
	}
	if (kind == MAP_ANY && unlikely(c->source)) {
		ioasid_pages_put_area(c->source, false, NULL);
		ioasid_pages_put(c->source);
	}
	return ioasid_map_end(c, ret);
}

/*
 * ioasid_map_make() - all steps of a mapping
 *
 * Takes over the count and the reference of @source, also when it fails.
 *
 * Flattened, as other steps of small maps and unmaps are: their many small functions
 * cost more to call than to run (docs/architecture.md has the figure).
 */
__flatten int ioasid_map_make(struct ioasid_map_call *c)
{
	return map_make(c, MAP_ANY);
}

__flatten int ioasid_map(struct ioasid_space *space, u64 iova, u64 vaddr, u64 length, u32 flags)
{
	struct ioasid_map_call c __uninitialized;

	ioasid_map_init(&c, space, iova, vaddr, length, flags);
	return map_make(&c, MAP_PLAIN);
}
IOASID_EXPORT(ioasid_map);
