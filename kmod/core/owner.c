// SPDX-License-Identifier: GPL-2.0-only
/*
 * Change of owner: what is pinned is charged to somebody else from now on.
 * DMA goes on meanwhile.
 *
 * Who else can run: anybody. Pages whose owner changes are kept by a window of
 * the caller's, so that no unmap gives back a charge that is on the move; two
 * changes of the same pages, which several spaces may share, take turns under
 * owner_lock. Whoever is charged at the end is in one piece with the charge:
 * the charge is made first, and given back should anything fail.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "pages.h"
#include "space.h"
#include "who.h"

static DEFINE_MUTEX(owner_lock);

/**
 * struct owner_move - pages on their way to the caller
 * @pages: with a window and a reference
 * @args: what policies and the tracepoint are told
 * @next: what describes the caller, with his charge
 */
struct owner_move {
	struct ioasid_pages *pages;
	struct ioasid_owner_args args;
	struct ioasid_pages next;
};

/* Describe @pages as the caller's, and charge him. */
static int move_charge(struct owner_move *m, struct ioasid_fail *f)
{
	struct ioasid_pages *next = &m->next;
	u64 limit = 0;
	int ret;

	m->args.from = m->pages->who;
	m->args.charged = m->pages->charged;
	ret = ioasid_policy_owner_change(&m->args);
	if (ret)
		return ioasid_fail(f, ret, IOASID_R_POLICY, m->pages->charged, 0);
	*next = (struct ioasid_pages){ .charged = m->pages->charged, .who = m->args.who };
	next->mm = current->mm;
	next->task = current->group_leader;
	ioasid_pages_ask_cap(next);
	ioasid_pages_account(next, m->pages->user);
	ret = next->charged ? ioasid_charge(next, next->charged, &limit) : 0;
	if (!ret) {
		mmgrab(next->mm);
		get_task_struct(next->task);
		return 0;
	}
	if (next->user)
		free_uid(next->user);
	next->mm = NULL;
	return ioasid_fail(f, ret, limit ? IOASID_R_MEMLOCK : IOASID_R_POLICY, next->charged,
			   limit);
}

/* Give the charge back, and forget. */
static void move_drop(struct ioasid_pages *who)
{
	ioasid_uncharge(who, who->charged);
	ioasid_pages_release(who);
}

/* The new owner is in, the old one is paid off. */
static void move_commit(struct owner_move *m)
{
	struct ioasid_pages *p = m->pages;
	/* Not all of it: references come and go. */
	struct ioasid_pages old = {
		.mm = p->mm,
		.task = p->task,
		.user = p->user,
		.charged = p->charged,
		.who = p->who,
		.mark = p->mark,
	};

	p->mm = m->next.mm;
	p->task = m->next.task;
	p->user = m->next.user;
	p->lock_cap = m->next.lock_cap;
	p->mark = m->next.mark;
	p->who = m->next.who;
	move_drop(&old);
}

/**
 * ioasid_pages_change_owner() - charge the caller for pages, and no longer who was
 * @pages: kept by the caller
 * @args: who he is, and which mapping it is about; the rest is filled in
 * @f: why not
 *
 * Return: 0; -ENOMEM (RLIMIT_MEMLOCK), -EINTR, or a policy's.
 */
int ioasid_pages_change_owner(struct ioasid_pages *pages, struct ioasid_owner_args *args,
			      struct ioasid_fail *f)
{
	struct owner_move m = { .pages = pages, .args = *args };
	int ret = 0;

	mutex_lock(&owner_lock);
	if (pages->mm != current->mm) {
		ret = move_charge(&m, f);
		if (!ret)
			move_commit(&m);
	}
	mutex_unlock(&owner_lock);
	*args = m.args;
	return ret;
}

/* areas_lock is held. -EAGAIN while something is in flight. */
static int owner_check(struct ioasid_space *space, unsigned int *nr, struct ioasid_fail *f)
{
	struct ioasid_area *area;

	*nr = 0;
	if (space->dead)
		return ioasid_fail(f, -ENOENT, IOASID_R_DEAD, 0, 0);
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(area, 0, U64_MAX)) {
		if (area->state != IOASID_AREA_LIVE)
			return -EAGAIN;
		if (!area->pages->of_file && area->pages->mm != current->mm)
			return ioasid_fail(f, -EINVAL, IOASID_R_NO_MM, ioasid_area_start(area),
					   ioasid_area_last(area));
		++*nr;
	}
	return 0;
}

/* Take a window on all that is mapped. On success areas_lock was held throughout. */
static int owner_hold(struct ioasid_space *space, struct owner_move **moves, unsigned int *nr,
		      struct ioasid_fail *f)
{
	struct ioasid_area *area;
	unsigned int room = 0, i = 0;
	u64 seen;
	int ret;

	for (*moves = NULL;;) {
		mutex_lock(&space->areas_lock);
		ret = owner_check(space, nr, f);
		if (!ret && *nr <= room)
			break;
		seen = space->changes;
		mutex_unlock(&space->areas_lock);
		if (ret == -EAGAIN)
			ret = ioasid_space_wait_change(space, seen);
		kvfree(*moves);
		room = *nr;
		*moves = ret ? NULL : kvcalloc(room ?: 1, sizeof(**moves), GFP_KERNEL_ACCOUNT);
		if (ret || !*moves)
			return ret ?: ioasid_fail(f, -ENOMEM, IOASID_R_NOMEM, room, 0);
	}
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(area, 0, U64_MAX)) {
		atomic_inc(&area->pages->windows);
		refcount_inc(&area->pages->refs);
		(*moves)[i].pages = area->pages;
		(*moves)[i].args = (struct ioasid_owner_args){
			.iova = ioasid_area_start(area),
			.length = ioasid_area_bytes(area),
		};
		ioasid_who_current(&(*moves)[i++].args.who, space->id);
	}
	mutex_unlock(&space->areas_lock);
	return 0;
}

/* All or none; the same pages may come several times. owner_lock is held. */
static int owner_move_all(struct owner_move *moves, unsigned int nr, struct ioasid_fail *f)
{
	unsigned int i, done;
	int ret = 0;

	for (done = 0; done < nr; done++) {
		struct ioasid_pages *p = moves[done].pages;

		if (p->mm == current->mm || p->moving)
			continue;
		ret = move_charge(&moves[done], f);
		if (ret)
			break;
		p->moving = true;
	}
	for (i = 0; i < done; i++) {
		if (!moves[i].next.mm)
			continue;
		moves[i].pages->moving = false;
		if (ret)
			move_drop(&moves[i].next);
		else
			move_commit(&moves[i]);
		trace_ioasid_owner(&moves[i].args, ret);
	}
	return ret;
}

/**
 * ioasid_space_change_owner() - the caller takes over what is mapped
 * @space: address space
 *
 * Return: 0; -EINVAL (memory of another process is mapped), -ENOMEM (the
 * caller's RLIMIT_MEMLOCK), -ENOENT (freed), -EINTR, or a policy's. After an
 * error nobody's charge has changed.
 */
int ioasid_space_change_owner(struct ioasid_space *space)
{
	struct ioasid_fail f = {};
	struct owner_move *moves;
	unsigned int nr, i;
	int ret;

	ret = owner_hold(space, &moves, &nr, &f);
	if (ret)
		goto out;
	mutex_lock(&owner_lock);
	ret = owner_move_all(moves, nr, &f);
	mutex_unlock(&owner_lock);
	for (i = 0; i < nr; i++) {
		ioasid_pages_drop_window(moves[i].pages, false, NULL);
		ioasid_pages_put(moves[i].pages);
	}
	kvfree(moves);
	if (!ret) {
		mutex_lock(&space->areas_lock);
		ioasid_who_current(&space->owner, space->id);
		get_task_comm(space->comm, current);
		mutex_unlock(&space->areas_lock);
	}
out:
	if (ret)
		ioasid_space_report(space, IOASID_ERROR_OWNER, ret, &f);
	return ret;
}
