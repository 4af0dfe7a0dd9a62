// SPDX-License-Identifier: GPL-2.0-only
/*
 * Change of owner: move the charge of pinned pages to the calling process. DMA goes
 * on meanwhile.
 *
 * What can run at the same time: everything. The call counts itself in nr_areas of the
 * pages, so no unmap uncharges them while their charge moves. Two changes of the same
 * pages, which several spaces may share, take turns: a call claims all of its pages at
 * once (pages->moving), or claims none and waits. Moving a charge takes the mmap_lock
 * of two processes, which user space can hold without limit. So the call holds no lock
 * of ours meanwhile, and only calls about the same pages wait. It charges the new owner
 * first and uncharges it should a later step fail, so the owner and the charge agree.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <trace/events/ioasid.h>

#include "lib/signal.h"
#include "lib/who.h"
#include "ops.h"

/* Guards pages->moving; innermost, and held for a moment. */
static DEFINE_MUTEX(moving_lock);
static DECLARE_WAIT_QUEUE_HEAD(moving_wait);

/**
 * struct owner_move - pages on their way to the caller
 * @pages: with one count of nr_areas and a reference
 * @args: for the policies and the trace event
 * @next: the caller as their owner, with its charge
 */
struct owner_move {
	struct ioasid_pages *pages;
	struct ioasid_owner_args args;
	struct ioasid_pages next;
};

/* Pages of @moves that another call has claimed, or NULL: all are ours now. */
static struct ioasid_pages *owner_claim_try(struct owner_move *moves, unsigned int nr)
{
	struct ioasid_pages *taken = NULL;
	unsigned int i;

	mutex_lock(&moving_lock);
	for (i = 0; i < nr && !taken; ioasid_area_break(&i))
		if (moves[i].pages->moving)
			taken = moves[i].pages;
	for (i = 0; i < nr && !taken; ioasid_area_break(&i))
		WRITE_ONCE(moves[i].pages->moving, IOASID_MOVING_CLAIMED);
	mutex_unlock(&moving_lock);
	return taken;
}

/* Claim all pages. It claims none while it waits, so no two calls wait for each other. */
static int owner_claim(struct owner_move *moves, unsigned int nr, struct ioasid_fail *f)
{
	struct ioasid_pages *taken;

	while ((taken = owner_claim_try(moves, nr)))
		if (wait_event_killable(moving_wait, !READ_ONCE(taken->moving)))
			return ioasid_fail(f, -EINTR, IOASID_R_SIGNAL, 0, 0);
	return 0;
}

static void owner_unclaim(struct owner_move *moves, unsigned int nr)
{
	unsigned int i;

	mutex_lock(&moving_lock);
	for (i = 0; i < nr; ioasid_area_break(&i))
		WRITE_ONCE(moves[i].pages->moving, IOASID_MOVING_NOT);
	mutex_unlock(&moving_lock);
	wake_up_all(&moving_wait);
}

/*
 * The caller as owner, with a reference: one record for all pages that it takes over, or two
 * if only some are charged to its user. @made has those that there are. NULL without memory.
 */
static struct ioasid_holder *owner_holder(struct ioasid_holder **made, const struct owner_move *m)
{
	bool user = m->pages->holder->user;

	if (!made[user])
		made[user] = ioasid_holder_new(&m->args.who, user);
	return made[user] ? ioasid_holder_get(made[user]) : NULL;
}

static void owner_holders_drop(struct ioasid_holder **made)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (made[i])
			ioasid_holder_put(made[i]);
}

/*
 * ioasid_pages_claim() - for a short time, during which their owner does not change
 *
 * Waits for nothing but moving_lock. Return: false if another call has them.
 */
bool ioasid_pages_claim(struct ioasid_pages *pages)
{
	bool claimed;

	mutex_lock(&moving_lock);
	claimed = pages->moving == IOASID_MOVING_NOT;
	if (claimed)
		WRITE_ONCE(pages->moving, IOASID_MOVING_CLAIMED);
	mutex_unlock(&moving_lock);
	return claimed;
}

/* ioasid_pages_unclaim() - the end of it */
void ioasid_pages_unclaim(struct ioasid_pages *pages)
{
	mutex_lock(&moving_lock);
	WRITE_ONCE(pages->moving, IOASID_MOVING_NOT);
	mutex_unlock(&moving_lock);
	wake_up_all(&moving_wait);
}

/* Charge the owner that m->next describes for the pages of @m. */
static int owner_move_pay(struct owner_move *m, u64 *limit)
{
	struct ioasid_pages *next = &m->next;

	if (m->pages->share)
		return ioasid_share_take_over(next, &m->pages->ext, limit);
	next->charged = m->pages->charged;
	return next->charged ? ioasid_charge(next, next->charged, limit) : 0;
}

/* Describe the pages as the caller's, and charge the caller; the pages are claimed. */
static int owner_move_charge(struct owner_move *m, struct ioasid_holder **made,
			     struct ioasid_fail *f)
{
	struct ioasid_pages *next = &m->next;
	u64 limit = 0;
	int ret;

	m->args.from = ioasid_pages_who(m->pages);
	m->args.charged = m->pages->charged;
	ret = ioasid_policy_owner_change(&m->args);
	if (ret)
		return ioasid_fail(f, ret, IOASID_R_POLICY, m->pages->charged, 0);
	*next = (struct ioasid_pages){
		.holder = owner_holder(made, m),
		.ext.tag = m->args.who.pid,
	};
	if (!next->holder)
		return ioasid_fail(f, -ENOMEM, IOASID_R_NOMEM, 0, 0);
	ioasid_pages_ask_cap(next);
	ret = owner_move_pay(m, &limit);
	if (!ret)
		return 0;
	ioasid_pages_release(next);
	next->holder = NULL;
	return ioasid_fail(f, ret, ioasid_charge_reason(ret, limit), m->pages->charged, limit);
}

/* Uncharge the description for the pages of @ext, and release it. */
static void owner_move_drop(struct ioasid_pages *who, const struct ioasid_extents *ext)
{
	if (who->share == IOASID_SHARE_JOINED)
		ioasid_share_leave(who, ext, ULONG_MAX);
	ioasid_uncharge(who, who->charged);
	ioasid_pages_release(who);
}

/* Set the new owner, and uncharge the old one. */
static void owner_commit(struct owner_move *m)
{
	struct ioasid_pages old;

	ioasid_pages_set_owner(m->pages, &m->next, &old);
	owner_move_drop(&old, &m->pages->ext);
}

/**
 * ioasid_pages_change_owner() - charge the caller for pages, and uncharge their owner
 * @pages: the caller holds a reference
 * @args: the caller, and the range of the mapping; the rest is filled in
 * @f: why it fails
 *
 * Return: 0; -ENOMEM (RLIMIT_MEMLOCK), -EINTR, or the errno of a policy.
 */
int ioasid_pages_change_owner(struct ioasid_pages *pages, struct ioasid_owner_args *args,
			      struct ioasid_fail *f)
{
	struct owner_move m = { .pages = pages, .args = *args };
	struct ioasid_holder *made[2] = {};
	int ret = owner_claim(&m, 1, f);

	if (ret)
		return ret;
	if (pages->holder->mm != current->mm) {
		ret = owner_move_charge(&m, made, f);
		if (!ret)
			owner_commit(&m);
		owner_holders_drop(made);
	}
	owner_unclaim(&m, 1);
	ioasid_share_settle(pages);
	*args = m.args;
	return ret;
}

/*
 * Count the mappings. Return -EAGAIN while one is in flight that was reserved before
 * @since; a later one is charged to the task that maps it.
 */
static int owner_check(struct ioasid_space *space, u64 since, unsigned int *nr,
		       struct ioasid_area_wait *w, struct ioasid_fail *f)
{
	struct ioasid_area *area;

	lockdep_assert_held(&space->areas_lock);
	*nr = 0;
	if (space->dead)
		return ioasid_fail(f, -ENOENT, IOASID_R_DEAD, 0, 0);
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(space, area, 0, U64_MAX)) {
		if (ioasid_area_in_flight(area, false)) {
			if (ioasid_area_serial(area) > since)
				continue;
			ioasid_area_wait_begin(space, area, w);
			return -EAGAIN;
		}
		if (!ioasid_area_pages(area)->of_file &&
		    !ioasid_pages_are_mine(ioasid_area_pages(area)))
			return ioasid_fail(f, -EINVAL, IOASID_R_NO_MM, ioasid_area_start(area),
					   ioasid_area_last(area));
		++*nr;
	}
	return 0;
}

/* Take the pages of each mapping that owner_check() has counted. */
static void owner_take(struct ioasid_space *space, struct owner_move *moves)
{
	struct ioasid_area *area;
	unsigned int i = 0;

	lockdep_assert_held(&space->areas_lock);
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(space, area, 0, U64_MAX)) {
		if (ioasid_area_in_flight(area, false))
			continue;
		atomic_inc(&ioasid_area_pages(area)->nr_areas);
		refcount_inc(&ioasid_area_pages(area)->refs);
		moves[i].pages = ioasid_area_pages(area);
		moves[i].args = (struct ioasid_owner_args){
			.iova = ioasid_area_start(area),
			.length = ioasid_area_bytes(area),
		};
		ioasid_who_current(&moves[i++].args.who, space->entry.id);
	}
}

/* Check and take the pages of all mappings, without dropping areas_lock in between. */
static int owners_get(struct ioasid_space *space, struct owner_move **moves, unsigned int *nr,
		      struct ioasid_fail *f)
{
	struct ioasid_area_wait w = {};
	unsigned int room = 0;
	u64 since = 0;
	int ret;

	for (*moves = NULL;;) {
		mutex_lock(&space->areas_lock);
		since = since ?: space->serial;
		ret = owner_check(space, since, nr, &w, f);
		if (!ret && *nr <= room)
			break;
		mutex_unlock(&space->areas_lock);
		if (ret == -EAGAIN) {
			ret = ioasid_area_wait(space, &w);
			if (ret)
				ioasid_fail(f, ret, IOASID_R_SIGNAL, w.start, 0);
		}
		kvfree(*moves);
		room = *nr;
		*moves = ret ? NULL : kvcalloc(room ?: 1, sizeof(**moves), GFP_KERNEL_ACCOUNT);
		if (ret || !*moves)
			return ret ?: ioasid_fail(f, -ENOMEM, IOASID_R_NOMEM, room, 0);
	}
	owner_take(space, *moves);
	mutex_unlock(&space->areas_lock);
	return 0;
}

/* Move all charges or none. All pages are claimed; some may occur several times. */
static int owner_move_all(struct owner_move *moves, unsigned int nr, struct ioasid_fail *f)
{
	struct ioasid_holder *made[2] = {};
	unsigned int i, done;
	int ret = 0;

	for (done = 0; done < nr; ioasid_area_break(&done)) {
		struct ioasid_pages *p = moves[done].pages;

		if (p->holder->mm == current->mm || p->moving == IOASID_MOVING_CHARGED)
			continue;
		ret = owner_move_charge(&moves[done], made, f);
		if (ret)
			break;
		WRITE_ONCE(p->moving, IOASID_MOVING_CHARGED);
	}
	for (i = 0; i < done; ioasid_area_break(&i)) {
		if (!moves[i].next.holder)
			continue;
		if (ret)
			owner_move_drop(&moves[i].next, &moves[i].pages->ext);
		else
			owner_commit(&moves[i]);
		trace_ioasid_owner(&moves[i].args, ret);
	}
	owner_holders_drop(made);
	return ret;
}

/* The caller is the owner of the space from now on. */
static void owner_set(struct ioasid_space *space, struct ioasid_owner *owner)
{
	mutex_lock(&space->areas_lock);
	ioasid_space_give(space, owner);
	WRITE_ONCE(space->sharers, true);
	mutex_unlock(&space->areas_lock);
}

/**
 * ioasid_space_change_owner() - the caller takes over what is mapped
 * @space: address space
 *
 * Return: 0; -EINVAL (memory of another process is mapped), -ENOMEM (the
 * caller's RLIMIT_MEMLOCK), -ENOENT (freed), -EINTR, or the errno of a policy. After an
 * error no charge has changed.
 */
int ioasid_space_change_owner(struct ioasid_space *space)
{
	struct ioasid_owner *owner = ioasid_owner_new(space->entry.id, GFP_KERNEL_ACCOUNT);
	struct ioasid_fail f = {};
	struct owner_move *moves;
	unsigned int nr, i;
	int ret;

	ret = owner ? owners_get(space, &moves, &nr, &f) :
		      ioasid_fail(&f, -ENOMEM, IOASID_R_NOMEM, 0, 0);
	if (ret)
		goto out;
	ret = owner_claim(moves, nr, &f);
	if (!ret) {
		ret = owner_move_all(moves, nr, &f);
		owner_unclaim(moves, nr);
	}
	for (i = 0; i < nr; ioasid_area_break(&i)) {
		ioasid_share_settle(moves[i].pages);
		ioasid_pages_put_area(moves[i].pages, false, NULL);
		ioasid_pages_put(moves[i].pages);
	}
	kvfree(moves);
	if (!ret)
		owner_set(space, owner);
out:
	if (ret) {
		ioasid_owner_free(owner);
		ioasid_space_report(space, IOASID_ERROR_OWNER, ret, &f);
	}
	return ret;
}
