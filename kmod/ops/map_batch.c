// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many mappings in one call, with one flush for all of them.
 *
 * What can run at the same time: as for one mapping (map.c), at each step. A round takes each
 * step for all of its mappings before the next one: policies are asked, with no lock held; the
 * ranges are reserved under one hold of areas_lock; pages are pinned, with no lock held; then
 * all are programmed, flushed and published under one hold of domains_rwsem
 * for reading, so that no attach comes between and misses one. Until then they
 * are BUILDING, and calls about their ranges wait.
 *
 * Small mappings that follow each other in memory are pinned with one call of the pinner,
 * and the pages of small mappings are charged once for a round, before any of them is
 * programmed.
 *
 * Mappings go in order: when one fails, those before it are published, it and
 * those after it are undone.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "domain/domain.h"
#include "lib/signal.h"
#include "ops.h"

/* Mappings of a round. It bounds what is in flight, not the call. So many share a flush. */
#define ROUND	64
/* Most kernels clear what they allocate, for each call. */
static_assert(ROUND * sizeof(struct ioasid_map_call) <= SZ_16K);

/* Pages of a mapping whose charge can wait, so that a round has few uncharged pages. */
#define LATER_PAGES	16
/* Mappings and their pages between two looks at the scheduler. */
#define PINNED_PER_BREAK	128

/* Can the pages of @c be charged together with others of its round? */
static bool batch_later(const struct ioasid_map_call *c)
{
	return c->args.length <= LATER_PAGES << PAGE_SHIFT && !c->pin.timing &&
	       !ioasid_charge_at_once();
}

/* Begin the call for one mapping. */
static int batch_start(struct ioasid_map_batch_call *b, struct ioasid_map_call *c,
		       struct ioasid_area_pool *pool, unsigned int i)
{
	int ret;

	/* What the mapping of an earlier round has changed. */
	c->args.workers = 0;
	c->pin.owed = 0;
	c->pin.held = 0;
	c->fail.reason = 0;
	c->seen_by.slots = 0;
	ret = b->fill(b->data, i, b->entries, c);
	if (ret) {
		/* Not those of an earlier round. */
		c->args.iova = 0;
		c->args.vaddr = 0;
		c->args.length = 0;
		c->args.flags = 0;
		ioasid_map_begin(c);
		return ioasid_map_fail(c, ret, IOASID_R_FLAGS, i, 0);
	}
	ret = ioasid_map_start(c, pool);
	c->pin.later = batch_later(c);
	return ret;
}

/* Begin up to @nr calls. Return: 0; or the errno of the one after *@done, which has begun. */
static __always_inline int batch_begin(struct ioasid_map_batch_call *b, struct ioasid_map_call *c, unsigned int nr,
		       unsigned int *done)
{
	/* Only what was set is read. */
	struct ioasid_area_pool pool __uninitialized;
	unsigned int i;
	int ret = 0;

	pool.wanted = nr;
	pool.nr = 0;
	for (i = 0; i < nr; i++) {
		ret = batch_start(b, &c[i], &pool, b->done + i);
		if (ret)
			break;
	}
	ioasid_area_pool_drop(&pool);
	*done = i;
	return ret;
}

/* Write the addresses to the caller. Return: 0; or an errno, and *@done of @nr are written. */
static int batch_respond(struct ioasid_map_batch_call *b, struct ioasid_map_call *c,
			 unsigned int nr, unsigned int *done)
{
	*done = nr ? b->respond(b->data, b->done, c, nr) : 0;
	return *done == nr ? 0 : ioasid_map_fail(&c[*done], -EFAULT, IOASID_R_COPY, b->done + *done, 0);
}

/* Does the memory of @next follow that of @c, so that one call of the pinner pins both? */
static bool batch_neighbours(const struct ioasid_map_call *c, const struct ioasid_map_call *next)
{
	return next->pin.later && next->args.vaddr == c->args.vaddr + c->args.length &&
	       !((c->args.flags ^ next->args.flags) & IOASID_MAP_WRITE);
}

/*
 * Pin the pages of the first of @nr small mappings, and of those that follow it in memory.
 * Return: how many mappings that are; 0: each is to pin its own pages.
 */
static unsigned int batch_gather(struct ioasid_map_call *c, unsigned int nr,
				 struct ioasid_pin_lot *lot)
{
	unsigned long n = c->args.length >> PAGE_SHIFT, more;
	unsigned int i;

	for (i = 1; i < nr && batch_neighbours(&c[i - 1], &c[i]); i++) {
		more = c[i].args.length >> PAGE_SHIFT;
		if (n + more > IOASID_LOT_PAGES)
			break;
		n += more;
	}
	/* A single mapping pins its own pages. */
	if (i == 1 || !ioasid_lot_fill(lot, c->args.vaddr, n, c->args.flags & IOASID_MAP_WRITE))
		return 0;
	return i;
}

/* Pin reserved mappings, in order. Return: 0; or an errno, and *@done of @nr are pinned. */
static noinline __flatten int batch_pin(struct ioasid_map_call *c, unsigned int nr,
					unsigned int *done)
{
	/* Only what was set is read. */
	struct ioasid_pin_lot lot __uninitialized;
	unsigned int i, gathered = 0;
	unsigned long since = 0;
	bool gather = true;
	int ret = 0;

	lot.at = 0;
	lot.nr = 0;
	for (i = 0; i < nr; i++) {
		if (!gathered && gather && c[i].pin.later)
			gathered = batch_gather(&c[i], nr - i, &lot);
		if (likely(gathered)) {
			gathered--;
			VM_WARN_ON_ONCE(!ioasid_lot_has(&lot, &c[i].area->own));
			ret = ioasid_lot_take(&lot, &c[i].area->own, &c[i].pin);
		} else {
			/* Those after it are probably no neighbours either. */
			gather = lot.nr;
			ret = ioasid_map_pin(&c[i]);
		}
		if (ret)
			break;
		since += 1 + (c[i].args.length >> PAGE_SHIFT);
		if (since > PINNED_PER_BREAK) {
			cond_resched();
			since = 0;
		}
	}
	ioasid_lot_empty(&lot);
	*done = i;
	return ret;
}

/* Charge for one mapping, whose pages are pinned. */
static noinline int batch_pay_one(struct ioasid_map_call *c)
{
	struct ioasid_pages *pages = &c->area->own;
	u64 limit = 0;
	int ret;

	ret = c->pin.owed ? ioasid_charge(pages, c->pin.owed, &limit) : 0;
	if (ret)
		return ioasid_map_fail(c, ret, ioasid_charge_reason(ret, limit), pages->npages,
				       limit);
	return ioasid_map_paid(c);
}

/*
 * Charge the sum at once, if the rlimit allows it and no policy was loaded meanwhile. All mappings
 * of a round have one owner, see ioasid_map_reserve(). A user's count is charged one by one.
 */
static bool batch_pay_sum(struct ioasid_map_call *c, unsigned int nr)
{
	unsigned long sum = 0;
	unsigned int i;

	if (!nr || c->area->own.holder->user)
		return false;
	for (i = 0; i < nr; i++)
		sum += c[i].pin.owed;
	return sum && !ioasid_charge_at_once() && !ioasid_charge_sum(&c->area->own, sum);
}

/* Charge all that is uncharged. Return: 0; or an errno, and *@done of @nr are charged. */
static int batch_pay(struct ioasid_map_call *c, unsigned int nr, unsigned int *done)
{
	bool paid = batch_pay_sum(c, nr);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		if (likely(paid && c[i].pin.owed))
			ret = ioasid_map_paid(&c[i]);
		else if (c[i].pin.later)
			ret = batch_pay_one(&c[i]);
	}
	*done = i - !!ret;
	return ret;
}

/* Make *@n written mappings visible and LIVE; *@n becomes how many are. */
static int batch_publish(struct ioasid_map_batch_call *b, struct ioasid_map_call *c,
			 unsigned int *n)
{
	u64 start = U64_MAX, last = 0;
	unsigned int i, good;
	int ret;

	if (!*n)
		return 0;
	for (i = 0; i < *n; i++) {
		start = min(start, ioasid_area_start(c[i].area));
		last = max(last, ioasid_area_last(c[i].area));
	}
	ret = ioasid_space_sync_map(b->space, start, last);
	if (ret) {
		ioasid_map_fail(&c[0], ret, IOASID_R_IOMMU, 0, 0);
		for (i = 0; i < *n; i++)
			ioasid_space_unprogram(b->space, c[i].area);
		*n = 0;
		return ret;
	}
	ret = ioasid_map_publish(c, *n, &good);
	/* ioasid_map_publish() has cleared that one itself. */
	for (i = good + 1; i < *n; i++)
		ioasid_space_unprogram(b->space, c[i].area);
	*n = good;
	return ret;
}

static void batch_watch(struct ioasid_map_call *c, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		ioasid_watch_range(c[i].space, c[i].args.iova, c[i].args.iova);
}

/* @nr mappings are prepared; *@done of them get LIVE. */
static int batch_commit(struct ioasid_map_batch_call *b, struct ioasid_map_call *c, unsigned int nr,
			unsigned int *done)
{
	unsigned int n;
	int ret, err;

	*done = 0;
	if (!nr)
		return 0;
	if (down_read_killable(&b->space->domains_rwsem))
		return ioasid_map_fail(&c[0], -EINTR, IOASID_R_SIGNAL, 0, 0);
	ret = ioasid_map_program(c, nr, &n);
	err = batch_publish(b, c, &n);
	up_read(&b->space->domains_rwsem);
	if (static_branch_unlikely(&ioasid_watch_key))
		batch_watch(c, n);
	*done = n;
	return err ?: ret;
}

/* End the call for a mapping that is not made; if it has a range, this is undone. */
static noinline int batch_undo(struct ioasid_map_call *c, bool reserved, int err)
{
	return ioasid_map_end(c, reserved ? ioasid_map_undo(c, err) : err);
}

/*
 * The first of @nr calls failed with @err: undo it and, as far as they are correct, those
 * after it. The first @reserved have a range. Return: the errno, or -EIO if one is kept.
 */
static noinline int batch_give_up(struct ioasid_map_call *c, unsigned int nr, unsigned int reserved, int err)
{
	unsigned int i;

	err = batch_undo(c, reserved, err);
	for (i = 1; i < nr; i++)
		if (batch_undo(&c[i], i < reserved, ioasid_map_fail(&c[i], -ECANCELED,
								   IOASID_R_BATCH, 0, 0)) == -EIO)
			err = -EIO;
	return err;
}

/*
 * Each step goes on with those that the step before has done. The first error is that of the
 * first call which is not done, so that of the last step with one.
 */
static __always_inline int batch_round(struct ioasid_map_batch_call *b, struct ioasid_map_call *c, unsigned int nr)
{
	unsigned int begun, reserved, ready, pinned, paid, done, i;
	int begin, reserve, respond, pin, pay, err;

	begin = batch_begin(b, c, nr, &begun);
	reserve = ioasid_map_reserve(c, begun, &reserved);
	respond = batch_respond(b, c, reserved, &ready);
	pin = batch_pin(c, ready, &pinned);
	pay = batch_pay(c, pinned, &paid);
	err = batch_commit(b, c, paid, &done) ?: pay ?: pin ?: respond ?: reserve;
	for (i = 0; i < done; i++)
		if (unlikely(c[i].pin.res))
			ioasid_map_end(&c[i], 0);
	if (err)
		err = batch_give_up(&c[done], begun - done, reserved - done, err);
	if (begin)
		begin = ioasid_map_end(&c[begun], begin);
	b->done += done;
	return err ?: begin;
}

/**
 * ioasid_map_many() - map entries in order
 * @b: see struct ioasid_map_batch_call
 *
 * Return: 0, or the errno of the entry after the first b->done.
 */
__flatten int ioasid_map_many(struct ioasid_map_batch_call *b)
{
	unsigned int room = min(b->nr, (unsigned int)ROUND), nr, i;
	struct ioasid_map_call *c;
	struct ioasid_who who;
	int ret = 0;

	c = kvmalloc_array(room, sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return -ENOMEM;
	/* Each round uses the same descriptions. */
	for (i = 0; i < room; i++)
		ioasid_map_init(&c[i], b->space, 0, 0, 0, 0);
	while (b->done < b->nr && !ret) {
		/* The caller may have moved to another cgroup since the last round. */
		ioasid_who_current(&who, b->space->entry.id);
		nr = min(room, b->nr - b->done);
		for (i = 0; i < nr; i++)
			c[i].args.who = who;
		ret = batch_round(b, c, nr);
	}
	kvfree(c);
	return ret;
}
