// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas and the pages they were made for: their memory, and waiting for them.
 *
 * What can run at the same time: any number of calls, each with a reference on the
 * address space; areas_lock guards the state of an area.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "lib/signal.h"
#include "lib/who.h"
#include "space.h"

static struct kmem_cache *mapping_cache;

/* ioasid_space_report() - the trace event for a failed call of the current task; see errors.c */
void ioasid_space_report(struct ioasid_space *space, enum ioasid_error_op op, int err,
			 const struct ioasid_fail *f)
{
	struct ioasid_who who;

	ioasid_who_current(&who, space->entry.id);
	ioasid_error(&who, op, err, f);
}

/* There may be very many. Nothing in it depends on the configuration. */
static_assert(sizeof(struct ioasid_area) == 144);
static_assert(sizeof_field(struct ioasid_area, marks) == sizeof_field(struct ioasid_pages, of_area));
static_assert(offsetof(struct ioasid_area, marks) == offsetof(struct ioasid_area, own.of_area));
/* What has a meaning in pages that are unused. */
static_assert(sizeof_field(struct ioasid_area, shown) <= offsetof(struct ioasid_pages, marks));

static struct ioasid_area *area_init(struct ioasid_area *area)
{
	refcount_set(&area->own.refs, 1);
	atomic_set(&area->own.nr_areas, 1);
	return area;
}

/*
 * An area has ended with its own pages and the only reference on these: make both what they are
 * after area_init(), but for the owner, and for what each mapping sets before it is read.
 */
static void area_renew(struct ioasid_area *area)
{
	BUILD_BUG_ON(sizeof(area->marks) != sizeof(u32) || sizeof(area->own.marks) != sizeof(u32));
	/* What the end of an area has left as it was made. A kernel with KASAN keeps none. */
	if (IS_ENABLED(CONFIG_KCSAN))
		WARN_ON_ONCE(area->own.charged || area->own.ext.nr || area->extended);
	memset(&area->marks, 0, sizeof(area->marks));
	memset(&area->own.marks, 0, sizeof(area->own.marks));
	area->own.seen_by = (struct ioasid_seen_by){};
	/* 0 if another task used them when the area ended. */
	atomic_set(&area->own.nr_areas, 1);
}

/**
 * ioasid_area_take_spare() - the area that the space keeps for the next mapping
 * @space: areas_lock is held
 *
 * Many callers map one thing after the other, each for a short time, and the slab takes
 * longer than all else that is done with the memory. So a space keeps one piece of it, whose
 * cgroup stays the one that it was charged to, and with it the reference on the owner of
 * the mapping before: it is most often that of the next one, too.
 *
 * Return: as ioasid_area_alloc(), but its pages may have an owner; NULL: there is none.
 */
struct ioasid_area *ioasid_area_take_spare(struct ioasid_space *space)
{
	struct ioasid_area *area = space->spare;

	lockdep_assert_held(&space->areas_lock);
	if (!area)
		return NULL;
	WRITE_ONCE(space->spare, NULL);
	area_renew(area);
	return area;
}

/*
 * ioasid_area_keep_spare() - keep an area that has ended, if the space keeps none
 *
 * It has dropped its pages and left the tree, under this hold of areas_lock. Return: false, and
 * the caller frees it. Not under KASAN, which is to see each use after the end.
 */
bool ioasid_area_keep_spare(struct ioasid_space *space, struct ioasid_area *area)
{
	lockdep_assert_held(&space->areas_lock);
	if (IS_ENABLED(CONFIG_KASAN) || space->spare || area->extended ||
	    unlikely(area->own.unused || !ioasid_pages_sole(&area->own)))
		return false;
	WRITE_ONCE(space->spare, area);
	return true;
}

/* ioasid_area_drop_spare() - no task is left that maps or unmaps in @space */
void ioasid_area_drop_spare(struct ioasid_space *space)
{
	if (space->spare)
		ioasid_area_free(space->spare);
	space->spare = NULL;
}

/*
 * One of those that a pool has. It is filled with as many as will be wanted; if there is no
 * memory for all of them, each is allocated by itself, and the one that gets none fails.
 */
static struct ioasid_area *pool_take(struct ioasid_area_pool *pool)
{
	unsigned int n = min(pool->wanted, (unsigned int)IOASID_AREA_POOL);

	if (!pool->nr && n > 1 &&
	    kmem_cache_alloc_bulk(mapping_cache, GFP_KERNEL | __GFP_ZERO, n, pool->m))
		pool->nr = n;
	pool->wanted--;
	return pool->nr ? pool->m[--pool->nr] : NULL;
}

/* ioasid_area_pool_drop() - free what no mapping has taken */
void ioasid_area_pool_drop(struct ioasid_area_pool *pool)
{
	if (pool->nr)
		kmem_cache_free_bulk(mapping_cache, pool->nr, pool->m);
	pool->nr = 0;
}

/*
 * ioasid_area_alloc() - an area; NULL without memory
 *
 * Its pages are still to be described (ioasid_pages_init()). @pool, which may be NULL, is
 * that of a call which makes many.
 */
struct ioasid_area *ioasid_area_alloc(struct ioasid_area_pool *pool)
{
	struct ioasid_area *area = pool ? pool_take(pool) : NULL;

	if (!area)
		area = kmem_cache_zalloc(mapping_cache, GFP_KERNEL);
	return area ? area_init(area) : NULL;
}

/*
 * ioasid_area_extend() - see to it that @area has @extra; 0 or -ENOMEM
 *
 * areas_lock is held, and @area is LIVE or in no other task's hands.
 */
int ioasid_area_extend(struct ioasid_space *space, struct ioasid_area *area)
{
	struct ioasid_area_extra *extra;

	lockdep_assert_held(&space->areas_lock);
	if (area->extended)
		return 0;
	extra = kzalloc(sizeof(*extra), GFP_KERNEL_ACCOUNT);
	if (!extra)
		return -ENOMEM;
	xa_init_flags(&extra->pins, XA_FLAGS_ACCOUNT);
	extra->number = area->number;
	area->extra = extra;
	area->extended = true;
	return 0;
}

/* No pin is left. */
static noinline void extra_free(struct ioasid_area_extra *extra)
{
	ioasid_dirty_area_free(extra);
	kfree(extra);
}

/*
 * ioasid_area_stuck() - does a domain keep some of it?
 *
 * It was not cleared. But a domain that is gone by now keeps nothing: its group left
 * before, and its page tables are free. areas_lock is held; the area is the caller's.
 */
bool ioasid_area_stuck(struct ioasid_space *space, struct ioasid_area *area)
{
	lockdep_assert_held(&space->areas_lock);
	if (list_empty(&space->domains))
		area->stuck = IOASID_STUCK_NOT;
	return area->stuck;
}

/*
 * ioasid_area_keep() - a domain kept some of it: it stays, pinned, as a LIVE mapping
 *
 * So nothing else is mapped there, and the next unmap tries again. areas_lock is
 * held; the area is the caller's.
 */
void ioasid_area_keep(struct ioasid_space *space, struct ioasid_area *area)
{
	lockdep_assert_held(&space->areas_lock);
	area->torn = true;
	if (area->stuck == IOASID_STUCK_LOST) {
		area->lost = true;
		space->lost = true;
	}
	area->stuck = IOASID_STUCK_NOT;
	area->state = IOASID_AREA_LIVE;
	ioasid_space_changed(space);
}

/* Drop a reference on @pages; the memory to be freed with it, or NULL. */
static inline struct ioasid_area *pages_put(struct ioasid_pages *pages)
{
	if (unlikely(!ioasid_pages_sole(pages)) && !refcount_dec_and_test(&pages->refs))
		return NULL;
	ioasid_pages_release(pages);
	return container_of(pages, struct ioasid_area, own);
}

/* ioasid_pages_put() - drop a reference on the memory of pages */
void ioasid_pages_put(struct ioasid_pages *pages)
{
	struct ioasid_area *ended = pages_put(pages);

	if (ended)
		kmem_cache_free(mapping_cache, ended);
}

/* The same for an area. */
static struct ioasid_area *area_put(struct ioasid_area *area)
{
	if (likely(!area->own.unused))
		return pages_put(&area->own);
	ioasid_pages_put(area->shown);
	ioasid_pages_release(&area->own);
	return area;
}

/* ioasid_area_free() - free an area that has dropped its pages and left its space */
void ioasid_area_free(struct ioasid_area *area)
{
	if (unlikely(area->extended))
		extra_free(area->extra);
	area = area_put(area);
	if (area)
		kmem_cache_free(mapping_cache, area);
}

/* Freed with one call, where there are many. */
#define FREE_AT_ONCE	32

static noinline __flatten void areas_free(struct ioasid_areas *areas)
{
	/* Only what was set is read. */
	void *bin[FREE_AT_ONCE] __uninitialized;
	struct ioasid_area *area, *next = areas->first;
	unsigned int freed = 0;
	size_t n = 0;

	while ((area = next)) {
		next = area->link;
		ioasid_area_break(&freed);
		if (unlikely(area->extended))
			extra_free(area->extra);
		bin[n] = area_put(area);
		if (bin[n] && ++n == FREE_AT_ONCE) {
			kmem_cache_free_bulk(mapping_cache, n, bin);
			n = 0;
		}
	}
	if (n)
		kmem_cache_free_bulk(mapping_cache, n, bin);
}

/* ioasid_area_free_many() - ioasid_area_free() of all of a list */
__flatten void ioasid_area_free_many(struct ioasid_areas *areas)
{
	if (ioasid_areas_single(areas))
		ioasid_area_free(areas->first);
	else
		areas_free(areas);
	ioasid_areas_init(areas);
}

static noinline struct ioasid_area *areas_merge(struct ioasid_area *a, struct ioasid_area *b,
				       unsigned int *compared)
{
	struct ioasid_area *all, **end = &all;

	while (a && b) {
		struct ioasid_area **low = ioasid_area_start(a) < ioasid_area_start(b) ? &a : &b;

		ioasid_area_break(compared);
		*end = *low;
		end = &(*low)->link;
		*low = *end;
	}
	*end = a ?: b;
	return all;
}

/* ioasid_areas_sort() - bring a list in the order of addresses; may sleep */
void ioasid_areas_sort(struct ioasid_areas *areas)
{
	/* A list of 1 << i areas each, or NULL; a space has at most UINT_MAX of them. */
	struct ioasid_area *sorted[BITS_PER_TYPE(unsigned int)] = {};
	struct ioasid_area *area, *next = areas->first, *all = NULL;
	unsigned int compared = 0, i;

	while ((area = next)) {
		next = area->link;
		area->link = NULL;
		for (i = 0; sorted[i]; i++) {
			area = areas_merge(sorted[i], area, &compared);
			sorted[i] = NULL;
		}
		sorted[i] = area;
	}
	for (i = 0; i < ARRAY_SIZE(sorted); i++)
		all = areas_merge(sorted[i], all, &compared);
	ioasid_areas_init(areas);
	areas->first = all;
	for (; all; all = all->link) {
		ioasid_area_break(&compared);
		areas->end = &all->link;
	}
}

/**
 * ioasid_space_wait_change() - wait until something changed since @seen
 * @space: no lock of it is held
 * @seen: from ioasid_space_seen()
 *
 * Return: 0, -EINTR when killed, -ECANCELED when cancelled.
 */
int ioasid_space_wait_change(struct ioasid_space *space, u64 seen)
{
	DEFINE_WAIT(wait);
	int ret = 0;

	ioasid_assert_may_wait(space);
	while (READ_ONCE(space->changes) == seen) {
		prepare_to_wait(&space->change_wait, &wait, ioasid_wait_state());
		ret = ioasid_interrupted();
		if (ret || READ_ONCE(space->changes) != seen)
			break;
		ioasid_wait_schedule();
	}
	finish_wait(&space->change_wait, &wait);
	return ret;
}

/* ioasid_area_wait_begin() - prepare to wait for @area; areas_lock is held, @w->idle is set */
void ioasid_area_wait_begin(struct ioasid_space *space, struct ioasid_area *area,
			    struct ioasid_area_wait *w)
{
	lockdep_assert_held(&space->areas_lock);
	w->start = ioasid_area_start(area);
	w->serial = ioasid_area_serial(area);
	w->seen = ioasid_space_seen(space);
	area->wanted |= w->idle;
}

/**
 * ioasid_area_wait() - wait until an area is no longer in flight, or has ended
 * @space: no lock of it is held
 * @w: from ioasid_area_wait_begin(); it may be in flight again on return
 *
 * A call that needs a range without areas in flight waits for one after the other, and
 * only for those that existed when it began. So later maps and unmaps cannot delay it
 * without limit.
 *
 * Return: 0, -EINTR when killed, -ECANCELED when cancelled.
 */
noinline int ioasid_area_wait(struct ioasid_space *space, struct ioasid_area_wait *w)
{
	struct ioasid_area *area;
	bool wait;
	int ret;

	ioasid_assert_may_wait(space);
	do {
		ret = ioasid_space_wait_change(space, w->seen);
		if (ret)
			return ret;
		mutex_lock(&space->areas_lock);
		area = ioasid_area_first(space, w->start, w->start);
		wait = area && ioasid_area_serial(area) == w->serial &&
		       ioasid_area_in_flight(area, w->idle);
		/* Another call may have admitted accesses again. */
		if (wait)
			ioasid_area_wait_begin(space, area, w);
		mutex_unlock(&space->areas_lock);
	} while (wait);
	return 0;
}

/* ioasid_areas_let_in() - admit new accesses to areas in a range: no call waits any more */
void ioasid_areas_let_in(struct ioasid_space *space, u64 start, u64 last)
{
	struct ioasid_area *area;

	mutex_lock(&space->areas_lock);
	for (area = ioasid_area_first(space, start, last); area;
	     area = ioasid_area_next(space, area, start, last))
		area->wanted = false;
	ioasid_space_changed(space);
	mutex_unlock(&space->areas_lock);
}

/* ioasid_mapping_init() - the cache of mappings; 0 or -ENOMEM */
int ioasid_mapping_init(void)
{
	/* A cache of its own: a bug cannot hit other objects, and mappings can be counted. */
	mapping_cache = KMEM_CACHE(ioasid_area, SLAB_NO_MERGE | SLAB_ACCOUNT);
	return mapping_cache ? 0 : -ENOMEM;
}

/* ioasid_mapping_exit() - no mapping is left */
void ioasid_mapping_exit(void)
{
	kmem_cache_destroy(mapping_cache);
}
