// SPDX-License-Identifier: GPL-2.0-only
/*
 * UNMAP: find and claim whole areas, clear every domain and flush, unpin, free
 * the range. In that order and no other: a page is unpinned only when no
 * IOTLB can hold it.
 *
 * What can run at the same time as each step, and what keeps it out:
 *  - find and claim (domains_rwsem read, areas_lock): areas in flight (BUILDING, DYING,
 *    or read by the CPU). The call waits for one after the other, killably, with no lock
 *    held. It waits only for areas that were reserved before it began, and admits no new
 *    accesses to them; so neither maps of other ranges nor readers can delay it without
 *    limit. Claimed areas are DYING: no other task touches them, and maps of their
 *    range get -EEXIST.
 *  - split (the same locks): UNMAP with the flag may cut a mapping at each end of its range.
 *    The part in the range is an area of its own from then on, see split.c.
 *  - clear (domains_rwsem still read): an attach cannot replay an area between
 *    claim and clear, and the list of domains does not change.
 *  - unpin (no lock): the range is still reserved; other unmaps of it wait.
 *  - teardown (detach of the last group, kill, last close) claims under
 *    domains_rwsem held for write, so never between the claim and the clear of an
 *    unmap, whose areas it leaves alone. It never waits for user space.
 *  - policies are notified before the first lock and after the last; they choose how
 *    often to flush, and can neither veto nor delay.
 */
#include <linux/mm.h>

#include <trace/events/ioasid.h>

#include <uapi/linux/ioasid.h>
#include "domain/domain.h"
#include "lib/clock.h"
#include "lib/signal.h"
#include "lib/who.h"
#include "ops.h"

/* How often an in-kernel user is asked to unpin before the call fails with -EBUSY. */
#define NOTIFY_TRIES	10

/*
 * One call of ioasid_unmap(), or a batch of them. @ranges that are @done are
 * claimed, and @args is about the one after; a single call has no @ranges.
 * unmap_init() sets what is read before a later step sets it, and leaves the rest alone,
 * because the description is larger than most of what is done with it.
 */
struct unmap_call {
	struct ioasid_space *space;
	/* args.who is set where args.who.space is; see unmap_identify(). */
	struct ioasid_unmap_args args;
	const struct ioasid_iova_range *ranges;
	unsigned int nr;
	unsigned int done;
	/* The last area of the range before, ours and in the tree as long as it is in @victims. */
	struct ioasid_area *before;
	/* Bytes unmapped. */
	u64 bytes;
	/* Why it fails. */
	struct ioasid_fail fail;
	/* For policies and the trace event at its end; NULL: none reports it. */
	struct ioasid_unmap_result *res;
	struct ioasid_areas victims;
	struct ioasid_seen_by seen_by;
	const struct ioasid_dirty_query *dirty;
	struct ioasid_dirty_piece *piece;
	u64 last;
	/* Areas with a higher serial came after the call had begun. */
	u64 since;
	bool timing;
	bool begun;
	bool stuck;
	/* A step that would have to wait fails with -EAGAIN instead. */
	bool now;
	/* @ranges are not in order, so @victims must be sorted. */
	bool unsorted;
	/* Mappings were cut in two. */
	bool cut;
	/* New accesses are kept out, see unmap_let_in(). */
	bool waited;
	/* What to wait for, when find returns FIND_*: */
	struct ioasid_area_wait wait;
	u64 pinned_start;
	u64 pinned_last;
};

/*
 * What is known of a call where the code for it is compiled: it is for one range; and without a
 * question for dirty pages, in a task that may wait; or it is for the ranges of a batch.
 */
enum unmap_kind { UNMAP_ANY, UNMAP_PLAIN, UNMAP_RANGES };

#define RANGES_FLAGS	(IOASID_UNMAP_NATIVE | IOASID_UNMAP_OF_BATCH)

static __always_inline u32 unmap_flags(const struct unmap_call *c, enum unmap_kind kind)
{
	return kind == UNMAP_RANGES ? RANGES_FLAGS : c->args.flags;
}

/* Return values of find, no errors: what to wait for. */
#define FIND_IN_FLIGHT	1
#define FIND_PINNED	2

/* Most calls are for one area that ends where they end: stop the search there. */
static struct ioasid_area *unmap_step(const struct unmap_call *c, struct ioasid_area *area)
{
	return likely(ioasid_area_last(area) >= c->last) ? NULL :
	       ioasid_area_next(c->space, area, c->args.iova, c->last);
}

/* The first from @area on that is not in flight, or was reserved before the call began. */
static struct ioasid_area *unmap_skip(const struct unmap_call *c, struct ioasid_area *area)
{
	while (area && unlikely(ioasid_area_in_flight(area, true)) &&
	       ioasid_area_serial(area) > c->since)
		area = unmap_step(c, area);
	return area;
}

static struct ioasid_area *unmap_first(struct unmap_call *c, enum unmap_kind kind)
{
	if (!c->begun) {
		c->since = c->space->serial;
		c->begun = true;
	}
	if (kind == UNMAP_PLAIN || likely(!c->before))
		return unmap_skip(c, ioasid_area_first(c->space, c->args.iova, c->last));
	return unmap_skip(c, ioasid_area_first_after(c->space, c->before, c->args.iova, c->last));
}

static struct ioasid_area *unmap_next(const struct unmap_call *c, struct ioasid_area *area)
{
	return unmap_skip(c, unmap_step(c, area));
}

static int unmap_fail(struct unmap_call *c, int err, enum ioasid_reason reason, u64 a, u64 b)
{
	return ioasid_fail(&c->fail, err, reason, a, b);
}

/* The caller, for those who are notified. */
static void unmap_identify(struct unmap_call *c)
{
	if (!c->args.who.space)
		ioasid_who_current(&c->args.who, c->space->entry.id);
}

static int unmap_check(struct unmap_call *c, enum unmap_kind kind)
{
	struct ioasid_unmap_args *u = &c->args;
	u64 pgsize = ioasid_space_pgsize(c->space);
	u32 flags = unmap_flags(c, kind);

	if (c->space->dead)
		return unmap_fail(c, flags & IOASID_UNMAP_NATIVE ? -ENOENT : -EINVAL,
				  IOASID_R_DEAD, 0, 0);
	if (flags & IOASID_UNMAP_VADDR && c->space->emulated)
		return unmap_fail(c, -EBUSY, IOASID_R_VADDR, 0, 0);
	if (kind == UNMAP_ANY && c->dirty && !c->space->tracking)
		return unmap_fail(c, -EINVAL, IOASID_R_DIRTY, 0, 0);
	if (unlikely(flags & IOASID_UNMAP_ALL)) {
		if (u->iova || u->length)
			return unmap_fail(c, -EINVAL, IOASID_R_FLAGS, u->iova, u->length);
		c->last = U64_MAX;
		return 0;
	}
	if (!u->length || (u->iova | u->length) & (pgsize - 1))
		return unmap_fail(c, -EINVAL, IOASID_R_ALIGN, u->length, pgsize);
	if (check_add_overflow(u->iova, u->length - 1, &c->last))
		return unmap_fail(c, flags & IOASID_UNMAP_NATIVE ? -EOVERFLOW :
				  -COMPAT_TYPE1_EOVERFLOW, IOASID_R_WRAP, u->iova, u->length);
	return 0;
}

/* v2: a range must not cut a mapping in two, unless that is requested. */
static int unmap_check_bisect(struct unmap_call *c, enum unmap_kind kind,
			      struct ioasid_area *area)
{
	u64 start = ioasid_area_start(area), last = ioasid_area_last(area);

	if (unmap_flags(c, kind) & (IOASID_UNMAP_ALL | IOASID_UNMAP_V1 | IOASID_UNMAP_SPLIT))
		return 0;
	if (start >= c->args.iova && last <= c->last)
		return 0;
	return unmap_fail(c, -EINVAL, IOASID_R_BISECT, start, last);
}

/*
 * v1: mappings once were merged, and only their starts count. A range
 * that begins inside a mapping unmaps nothing; one that covers the start of a
 * mapping unmaps it whole.
 */
static bool unmap_v1_stops(struct unmap_call *c, enum unmap_kind kind, struct ioasid_area *area)
{
	return unmap_flags(c, kind) & IOASID_UNMAP_V1 && ioasid_area_start(area) < c->args.iova;
}

/* Memory of a file, and pages that other areas show too, have no address to update. */
static bool unmap_has_vaddr(const struct ioasid_area *area)
{
	const struct ioasid_pages *pages = ioasid_area_pages(area);

	return !pages->of_file && atomic_read(&pages->nr_areas) == 1;
}

static int unmap_vaddr_check(const struct ioasid_area *area)
{
	return area->no_vaddr || !unmap_has_vaddr(area) ? -EINVAL : 0;
}

/*
 * Live update: the areas stay, and their virtual addresses become invalid. All or none:
 * if one is invalid already, the call fails.
 */
static int unmap_vaddr(struct unmap_call *c, struct ioasid_area *first)
{
	struct ioasid_area *area;
	int ret;

	for (area = first; area; area = unmap_next(c, area)) {
		ret = unmap_vaddr_check(area);
		if (ret)
			return unmap_fail(c, ret, IOASID_R_VADDR, ioasid_area_start(area),
					  ioasid_area_last(area));
	}
	for (area = first; area; area = unmap_next(c, area)) {
		area->no_vaddr = true;
		ioasid_watch_drop(ioasid_area_pages(area), c->space->entry.id,
				  ioasid_area_start(area));
		c->space->no_vaddr++;
		c->bytes += ioasid_area_bytes(area);
	}
	return 0;
}

static void unmap_take(struct unmap_call *c, struct ioasid_area *first)
{
	struct ioasid_area *area;

	for (area = first; area; area = unmap_next(c, area)) {
		area->state = IOASID_AREA_DYING;
		area->wanted = false;
		ioasid_areas_add(&c->victims, area);
		c->before = area;
	}
}

/* Cut the areas at both ends of the range, so that it has whole areas from *@first on. */
static noinline int unmap_split(struct unmap_call *c, struct ioasid_area **first)
{
	int cuts = ioasid_split_range(c->space, c->args.iova, c->last, first, &c->fail);

	if (cuts < 0)
		return cuts;
	if (unlikely(c->res))
		c->res->splits += cuts;
	c->cut |= cuts;
	return 0;
}

/* What is not an unmap of whole areas. */
static noinline int unmap_special(struct unmap_call *c, struct ioasid_area *first)
{
	int ret;

	if (c->args.flags & IOASID_UNMAP_VADDR)
		return unmap_vaddr(c, first);
	ret = unmap_split(c, &first);
	if (!ret)
		unmap_take(c, first);
	return ret;
}

/* Have in-kernel users pinned some of what is to be unmapped? */
static noinline bool unmap_pins_stay(struct unmap_call *c, struct ioasid_area *area)
{
	c->pinned_start = ioasid_area_start(area);
	c->pinned_last = ioasid_area_last(area);
	if (!(c->args.flags & IOASID_UNMAP_SPLIT))
		return false;
	c->pinned_start = max(c->pinned_start, c->args.iova);
	c->pinned_last = min(c->pinned_last, c->last);
	return !ioasid_area_has_pins_in(area, c->pinned_start, c->pinned_last);
}

/*
 * Can @area be unmapped without a wait? Not while a task works on it, in-kernel users have
 * pinned it, or its owner is another process, whose mmap_lock may be held without limit.
 */
static bool unmap_may_now(const struct ioasid_area *area)
{
	return !ioasid_area_in_flight(area, true) && !ioasid_area_has_pins(area) &&
	       ioasid_pages_are_mine(ioasid_area_pages(area));
}

/* Claim all areas of the range, or none. areas_lock is held. */
static __always_inline int unmap_find(struct unmap_call *c, enum unmap_kind kind)
{
	struct ioasid_space *space = c->space;
	u32 flags = unmap_flags(c, kind);
	struct ioasid_area *first, *area;
	int ret;

	lockdep_assert_held(&space->areas_lock);
	ret = unmap_check(c, kind);
	if (ret)
		return ret;

	first = unmap_first(c, kind);
	if (!first && flags & IOASID_UNMAP_NATIVE && !(flags & IOASID_UNMAP_ALL))
		return unmap_fail(c, -ENOENT, IOASID_R_NOT_MAPPED, c->args.iova, c->last);
	for (area = first; area; area = unmap_next(c, area)) {
		if (kind == UNMAP_ANY && unlikely(c->now) && !unmap_may_now(area))
			return -EAGAIN;
		if (unlikely(ioasid_area_in_flight(area, true))) {
			c->wait.idle = true;
			c->waited = true;
			ioasid_area_wait_begin(space, area, &c->wait);
			return FIND_IN_FLIGHT;
		}
		ret = unmap_check_bisect(c, kind, area);
		if (ret)
			return ret;
		if (unmap_v1_stops(c, kind, area))
			return 0;
		if (!(flags & IOASID_UNMAP_VADDR) && ioasid_area_has_pins(area) &&
		    !unmap_pins_stay(c, area))
			return FIND_PINNED;
	}

	if (unlikely(flags & (IOASID_UNMAP_VADDR | IOASID_UNMAP_SPLIT)))
		return unmap_special(c, first);
	unmap_take(c, first);
	return 0;
}

/* How many areas to clear between two flushes; a policy chooses. */
static noinline u32 unmap_per_sync(struct unmap_call *c)
{
	struct ioasid_sync_args sync = {};
	struct ioasid_area *area;
	unsigned int n = 0;

	unmap_identify(c);
	ioasid_for_each_listed(area, &c->victims) {
		sync.mappings++;
		sync.bytes += ioasid_area_bytes(area);
		ioasid_area_break(&n);
	}
	return ioasid_policy_unmap_sync(&c->args, &sync);
}

/* Claim range by range until one fails; areas_lock is released now and then. */
static __always_inline int unmap_find_ranges(struct unmap_call *c)
{
	struct ioasid_space *space = c->space;
	int ret = 0;

	/* An earlier attempt has freed what it claimed. */
	c->before = NULL;
	mutex_lock(&space->areas_lock);
	while (!ret && c->done < c->nr) {
		const struct ioasid_iova_range *r = &c->ranges[c->done];

		c->unsorted |= c->done && r->start < r[-1].start;
		c->args.iova = r->start;
		c->args.length = r->last - r->start + 1;
		ret = unmap_find(c, UNMAP_RANGES);
		if (ret)
			break;
		if (++c->done % IOASID_AREAS_PER_HOLD == 0) {
			mutex_unlock(&space->areas_lock);
			cond_resched();
			mutex_lock(&space->areas_lock);
			ret = ioasid_interrupted();
			if (ret)
				unmap_fail(c, ret, IOASID_R_SIGNAL, 0, 0);
		}
	}
	mutex_unlock(&space->areas_lock);
	return ret;
}

static int unmap_lock(struct unmap_call *c, enum unmap_kind kind)
{
	if (kind == UNMAP_ANY && unlikely(c->now))
		return mutex_trylock(&c->space->areas_lock) ? 0 : -EAGAIN;
	mutex_lock(&c->space->areas_lock);
	return 0;
}

/* Find, and clear the domains before anything can change what was found. */
static __always_inline int unmap_claim(struct unmap_call *c, enum unmap_kind kind)
{
	struct ioasid_space *space = c->space;
	struct ioasid_domain *d;
	u32 per_sync = 0;
	int ret;

	if (kind == UNMAP_ANY && c->now) {
		if (!down_read_trylock(&space->domains_rwsem))
			return -EAGAIN;
	} else if (down_read_killable(&space->domains_rwsem)) {
		return unmap_fail(c, -EINTR, IOASID_R_SIGNAL, 0, 0);
	}
	if (kind == UNMAP_RANGES) {
		ret = unmap_find_ranges(c);
		if (c->unsorted)
			ioasid_areas_sort(&c->victims);
	} else {
		ret = unmap_lock(c, kind);
		if (!ret) {
			ret = unmap_find(c, kind);
			mutex_unlock(&space->areas_lock);
		}
	}
	if (c->victims.first) {
		if (ioasid_policy_has(IOASID_OP_UNMAP_SYNC))
			per_sync = unmap_per_sync(c);
		list_for_each_entry(d, &space->domains, link)
			c->stuck |= !ioasid_domain_clear(d, &c->victims, per_sync, c->res,
							 c->timing);
	}
	up_read(&space->domains_rwsem);
	return ret;
}

/* A batch failed at the range of @area: do not count that and later ranges as done. */
static void unmap_not_done(struct unmap_call *c, const struct ioasid_area *area)
{
	unsigned int i;

	for (i = 0; i < c->done; i++)
		if (c->ranges[i].start <= ioasid_area_start(area) &&
		    c->ranges[i].last >= ioasid_area_start(area))
			c->done = i;
}

/*
 * Areas that the IOMMU did not clear stay LIVE mappings, pinned, so that their range is
 * not used for another mapping.
 */
static noinline int unmap_keep_stuck(struct unmap_call *c)
{
	struct ioasid_area *area, *next = c->victims.first;
	unsigned int n = 0;
	int ret = 0;

	mutex_lock(&c->space->areas_lock);
	ioasid_areas_init(&c->victims);
	while ((area = next)) {
		next = area->link;
		ioasid_area_break(&n);
		if (!ioasid_area_stuck(c->space, area)) {
			ioasid_areas_add(&c->victims, area);
			continue;
		}
		ioasid_share_settle_in(c->space, ioasid_area_pages(area));
		ioasid_area_keep(c->space, area);
		ret = unmap_fail(c, -EIO, IOASID_R_IOMMU_SHORT, ioasid_area_start(area),
				 ioasid_area_last(area));
		unmap_not_done(c, area);
	}
	mutex_unlock(&c->space->areas_lock);
	return ret;
}

/* Unpin and free what was claimed. The caller returns the errno of the claim, if any. */
static __always_inline int unmap_finish(struct unmap_call *c, enum unmap_kind kind)
{
	int ret;

	if (!c->victims.first)
		return 0;
	ret = unlikely(c->stuck) ? unmap_keep_stuck(c) : 0;
	if (kind == UNMAP_ANY && c->dirty && !ret && ioasid_dirty_report(c->space, &c->victims, c->dirty, c->piece))
		ret = unmap_fail(c, -EFAULT, IOASID_R_COPY, 0, 0);
	c->bytes += ioasid_areas_finish(c->space, &c->victims, c->res, c->timing);
	return ret;
}

/*
 * The call ends, or asks drivers to unpin: admit reads and pins again. A driver may
 * hold a lock over these that its callback takes.
 */
static noinline void unmap_let_in(struct unmap_call *c)
{
	if (c->waited)
		ioasid_areas_let_in(c->space, c->args.iova, c->last);
	c->waited = false;
}

/* Wait for what the claim has met. Return: 0 to try again; or why not. */
static noinline int unmap_wait(struct unmap_call *c, int found, unsigned int *tries)
{
	int ret;

	if (found == FIND_IN_FLIGHT) {
		ret = ioasid_area_wait(c->space, &c->wait);
		return ret ? unmap_fail(c, ret, IOASID_R_SIGNAL, 0, 0) : 0;
	}
	if ((*tries)++ == NOTIFY_TRIES)
		return unmap_fail(c, -EBUSY, IOASID_R_BUSY, c->pinned_start, c->pinned_last);
	unmap_let_in(c);
	if (ioasid_access_notify(c->space, c->pinned_start, c->pinned_last))
		return unmap_fail(c, -EINTR, IOASID_R_SIGNAL, 0, 0);
	return 0;
}

static __always_inline int unmap_tries(struct unmap_call *c, enum unmap_kind kind)
{
	unsigned int tries = 0, done = 0;
	int ret, finish;

	for (;;) {
		ret = unmap_claim(c, kind);
		/* Finish claimed areas before waiting: other calls may wait for them. */
		finish = unmap_finish(c, kind);
		if (unlikely(finish))
			return finish;
		if (likely(ret <= 0))
			return ret;
		if (c->done > done)
			tries = 0;
		done = c->done;
		ret = unmap_wait(c, ret, &tries);
		if (ret)
			return ret;
	}
}

/* Watch what was left of mappings that were cut: from right before the range to right after it. */
static noinline void unmap_watch(struct unmap_call *c)
{
	ioasid_watch_range(c->space, c->args.iova ? c->args.iova - 1 : 0,
			   c->last == U64_MAX ? c->last : c->last + 1);
}

static __always_inline int unmap_run(struct unmap_call *c, enum unmap_kind kind)
{
	int ret = unmap_tries(c, kind);

	if (unlikely(c->waited))
		unmap_let_in(c);
	if (unlikely(c->cut))
		unmap_watch(c);
	return ret;
}

/* Is an event or a hook about whole unmaps on? Usually not, and the branches are no-ops. */
static bool unmap_events_enabled(void)
{
	return trace_ioasid_unmap_begin_enabled() || trace_ioasid_unmap_done_enabled() ||
	       ioasid_policy_has(IOASID_OP_UNMAP_BEGIN) ||
	       ioasid_policy_has(IOASID_OP_UNMAP_DONE);
}

/* Report that the call begins. If its end is to be reported, too, that needs @room. */
static noinline void unmap_listen(struct unmap_call *c, struct ioasid_unmap_result *room)
{
	unmap_identify(c);
	/* Listeners that came since ioasid_unmap_native() looked came when @c had begun. */
	if (!c->now) {
		trace_ioasid_unmap_begin(&c->args);
		ioasid_policy_unmap_begin(&c->args, &c->seen_by);
	}
	if (c->timing || c->seen_by.slots || trace_ioasid_unmap_done_enabled()) {
		memset(room, 0, sizeof(*room));
		c->res = room;
	}
}

/* Notify the policies in seen_by, and the trace event. */
static noinline void unmap_notify(struct unmap_call *c, int err, u64 since)
{
	struct ioasid_unmap_result *res = c->res;

	res->err = err;
	res->reason = c->fail.reason;
	res->a = c->fail.a;
	res->b = c->fail.b;
	res->bytes = c->bytes;
	ioasid_lap(c->timing, &since, &res->ns_total);
	if (c->seen_by.slots)
		ioasid_policy_unmap_done(&c->args, res, &c->seen_by);
	trace_ioasid_unmap_done(&c->args, res);
}

/* Kept apart, because unmap_call() is flattened. */
static noinline void unmap_report(struct unmap_call *c, int err)
{
	unmap_identify(c);
	ioasid_error(&c->args.who, IOASID_ERROR_UNMAP, err, &c->fail);
}

/* Describe a call for one range; the caller adds what else there is. */
static __always_inline void unmap_init(struct unmap_call *c, struct ioasid_space *space, u64 iova,
				       u64 length, u32 flags)
{
	c->space = space;
	c->args.who.space = 0;
	c->args.iova = iova;
	c->args.length = length;
	c->args.flags = flags;
	c->args.__pad = 0;
	c->ranges = NULL;
	c->nr = 0;
	c->done = 0;
	c->before = NULL;
	c->bytes = 0;
	c->fail = (struct ioasid_fail){};
	c->res = NULL;
	ioasid_areas_init(&c->victims);
	c->seen_by.slots = 0;
	c->dirty = NULL;
	c->piece = NULL;
	c->begun = false;
	c->stuck = false;
	c->now = false;
	c->unsorted = false;
	c->cut = false;
	c->waited = false;
}

static __always_inline int unmap_call(struct unmap_call *c, enum unmap_kind kind, u64 *unmapped)
{
	/* If it is used, unmap_listen() zeroes it. */
	struct ioasid_unmap_result room __uninitialized;
	u64 t;
	int ret;

	c->timing = trace_ioasid_unmap_done_enabled() || ioasid_policy_times(IOASID_OP_UNMAP_DONE);
	t = ioasid_clock(c->timing);
	/* Times need a result, though the event that takes them may be off by now. */
	if (unmap_events_enabled() || unlikely(c->timing))
		unmap_listen(c, &room);
	ret = unmap_run(c, kind);
	if (kind == UNMAP_ANY && unlikely(c->now) && ret == -EAGAIN)
		return ret;

	*unmapped = c->bytes;
	if (unlikely(c->res))
		unmap_notify(c, ret, t);
	if (ret)
		unmap_report(c, ret);
	return ret;
}

__flatten int ioasid_unmap(struct ioasid_space *space, u64 iova, u64 length, u32 flags, u64 *unmapped)
{
	struct unmap_call c __uninitialized;

	unmap_init(&c, space, iova, length, flags);
	return unmap_call(&c, UNMAP_PLAIN, unmapped);
}
IOASID_EXPORT(ioasid_unmap);

/**
 * ioasid_unmap_native() - ioasid_unmap() by a call of a /dev/ioasid's own
 * @space: address space of a /dev/ioasid
 * @iova: first address
 * @length: bytes
 * @flags: enum ioasid_unmap_flags, beside IOASID_UNMAP_NATIVE; none with @now
 * @now: the task must not wait
 * @unmapped: how many bytes were unmapped
 *
 * Return: with @now -EAGAIN where it is too large, had to wait for another task, or a policy or a
 * trace event would see it twice when it is tried again: nothing was done. Else as
 * ioasid_unmap().
 */
int ioasid_unmap_native(struct ioasid_space *space, u64 iova, u64 length, u32 flags, bool now,
			u64 *unmapped)
{
	struct unmap_call c __uninitialized;

	*unmapped = 0;
	if (unlikely(now) && (!ioasid_small_now(length) || unmap_events_enabled()))
		return -EAGAIN;
	unmap_init(&c, space, iova, length, IOASID_UNMAP_NATIVE | flags);
	c.now = now;
	return unmap_call(&c, UNMAP_ANY, unmapped);
}

/*
 * ioasid_unmap_ranges() - a sequence of ioasid_unmap(), with one flush
 *
 * *@done is how many of @nr were unmapped, also when the next one failed, and *@unmapped
 * their bytes. After -EIO, some ranges after those may be unmapped, too.
 */
__flatten int ioasid_unmap_ranges(struct ioasid_space *space, const struct ioasid_iova_range *ranges,
			unsigned int nr, unsigned int *done, u64 *unmapped)
{
	struct unmap_call c __uninitialized;
	int ret;

	unmap_init(&c, space, 0, 0, RANGES_FLAGS);
	c.ranges = ranges;
	c.nr = nr;
	ret = unmap_call(&c, UNMAP_RANGES, unmapped);
	*done = c.done;
	return ret;
}

/*
 * ioasid_unmap_dirty() - unmap, and report which pages were dirty when DMA had ended
 *
 * The bits are copied before anything is unmapped, so that a bitmap which cannot be
 * written fails the call, and again afterwards with the final bits.
 */
noinline int ioasid_unmap_dirty(struct ioasid_space *space, u32 flags, const struct ioasid_dirty_query *q,
		       u64 *unmapped)
{
	struct unmap_call c __uninitialized;
	int ret = 0;

	*unmapped = 0;
	unmap_init(&c, space, q->iova, q->length, flags);
	c.dirty = q;
	c.piece = ioasid_dirty_piece_alloc();
	if (!c.piece)
		return -ENOMEM;
	/* By v1's rule mappings may stick out of the range, which a get refuses. */
	if (!ioasid_dirty_fits(q))
		ret = -EINVAL;
	else if (!(flags & IOASID_UNMAP_V1))
		ret = ioasid_dirty_get(space, q, c.piece, false);
	if (!ret)
		ret = unmap_call(&c, UNMAP_ANY, unmapped);
	kvfree(c.piece);
	return ret;
}
