// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an address space.
 *
 * What can run at the same time: any number of calls, each with a reference. The
 * last reference means that no call is left, so freeing needs no lock. A kill can
 * come at any moment; the next task that takes areas_lock sees it.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "lib/who.h"
#include "ops.h"

/* Sampled when a space is created, as type1 does. */
unsigned int ioasid_dma_entry_limit = U16_MAX;
bool ioasid_charge_shared;

static void space_setup(struct ioasid_space *space, u32 flags)
{
	refcount_set(&space->refs, 1);
	refcount_set(&space->entry.memory, 1);
	space->flags = flags;
	init_rwsem(&space->domains_rwsem);
	INIT_LIST_HEAD(&space->domains);
	INIT_LIST_HEAD(&space->groups);
	ioasid_space_update_pgsizes(space);
	mutex_init(&space->areas_lock);
	space->areas.root = RB_ROOT;
	init_waitqueue_head(&space->change_wait);
	space->limit = READ_ONCE(ioasid_dma_entry_limit);
	space->avail = space->limit;
	space->huge = true;
	space->charge_shared = READ_ONCE(ioasid_charge_shared);
	mutex_init(&space->access_lock);
	INIT_LIST_HEAD(&space->accesses);
	space->entry.choice = ioasid_policy_default_choice();
}

/* Ask the policies. A container must not fail here, see below: it is sealed. */
static int space_ask_policy(struct ioasid_space *space)
{
	struct ioasid_space_args args;
	int ret;

	ioasid_space_describe(space, &args);
	ret = ioasid_policy_space_open(&args, &space->entry.seen_by);
	trace_ioasid_space_open(&args, ret);
	if (ret && space->flags & IOASID_SPACE_CONTAINER) {
		space->sealed = ret;
		pr_warn_ratelimited("space %u: a policy refused it (%d); the container is sealed\n",
				    space->entry.id, ret);
		ret = 0;
	}
	return ret;
}

/* Create a space that counts for @user, and add it to the table. */
static struct ioasid_space *space_add(u32 flags, struct ioasid_user *user)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT;
	struct ioasid_space *space;
	struct ioasid_owner *owner;

	/* If this failed, VFIO would try its next driver, past every policy. */
	if (flags & IOASID_SPACE_CONTAINER)
		gfp |= __GFP_NOFAIL;
	space = kzalloc(sizeof(*space), gfp);
	if (!space)
		return ERR_PTR(-ENOMEM);

	space_setup(space, flags);
	space->user = user;
	owner = ioasid_owner_new(0, gfp);
	if (owner)
		swap(space->mm, owner->mm);
	if (owner && !ioasid_spaces_add(&space->entry, owner, gfp))
		return space;
	if (space->mm)
		mmdrop(space->mm);
	ioasid_owner_free(owner);
	kfree(space);
	return ERR_PTR(-ENOMEM);
}

struct ioasid_space *ioasid_space_create(u32 flags)
{
	struct ioasid_user *user = NULL;
	struct ioasid_space *space;
	int ret;

	/* A container takes a group, of which there are few, and has type1's limits alone. */
	if (!(flags & IOASID_SPACE_CONTAINER)) {
		user = ioasid_user_open();
		if (IS_ERR(user))
			return ERR_CAST(user);
	}
	space = space_add(flags, user);
	if (IS_ERR(space)) {
		if (user)
			ioasid_user_close(user);
		return space;
	}
	ret = space_ask_policy(space);
	if (ret) {
		ioasid_space_put(space);
		return ERR_PTR(ret);
	}
	return space;
}
IOASID_EXPORT(ioasid_space_create);

u32 ioasid_space_number(const struct ioasid_space *space)
{
	return space->entry.id;
}
IOASID_EXPORT(ioasid_space_number);

void ioasid_space_get(struct ioasid_space *space)
{
	refcount_inc(&space->refs);
}
IOASID_EXPORT(ioasid_space_get);

/* The last reference is gone. */
static noinline void space_free(struct ioasid_space *space)
{
	struct ioasid_space_args args;

	ioasid_spaces_remove(&space->entry);
	ioasid_space_kill(space);
	ioasid_space_describe(space, &args);
	ioasid_who_current(&args.who, space->entry.id);
	ioasid_policy_space_close(&args, &space->entry.seen_by);
	trace_ioasid_space_close(&args);
	ioasid_ranges_free(&space->iova_ranges);
	ioasid_ranges_free(&space->allowed);
	kfree(space->pins);
	ioasid_area_drop_spare(space);
	if (space->holder)
		ioasid_holder_put(space->holder);
	ioasid_owner_free(space->heir);
	if (space->mm)
		mmdrop(space->mm);
	if (space->user)
		ioasid_user_close(space->user);
	ioasid_space_entry_put(&space->entry);
}

void ioasid_space_put(struct ioasid_space *space)
{
	if (unlikely(refcount_dec_and_test(&space->refs)))
		space_free(space);
}
IOASID_EXPORT(ioasid_space_put);

/* From now on every call fails; @victims are for ioasid_space_finish_all(). */
static void space_end(struct ioasid_space *space, struct ioasid_areas *victims)
{
	lockdep_assert_held_write(&space->domains_rwsem);
	mutex_lock(&space->areas_lock);
	space->dead = true;
	mutex_unlock(&space->areas_lock);
	ioasid_space_claim_all(space, victims);
	ioasid_space_leave_to_users(space, victims);
}

void ioasid_space_kill(struct ioasid_space *space)
{
	IOASID_AREAS(victims);

	down_write(&space->domains_rwsem);
	space_end(space, &victims);
	up_write(&space->domains_rwsem);
	ioasid_space_finish_all(space, &victims);
}
IOASID_EXPORT(ioasid_space_kill);

/*
 * ioasid_space_retire() - kill a space that is not in use
 *
 * Calls in flight fail. Return: 0, and @victims are for ioasid_space_finish_all(),
 * which waits for owners; or -EBUSY: a group is attached (of a container or a
 * device), or an in-kernel user is registered.
 */
int ioasid_space_retire(struct ioasid_space *space, struct ioasid_areas *victims)
{
	int ret = 0;

	down_write(&space->domains_rwsem);
	/* An in-kernel user that registers after this gets a dead space. */
	if (!list_empty(&space->groups) || !list_empty_careful(&space->accesses))
		ret = -EBUSY;
	else
		space_end(space, victims);
	up_write(&space->domains_rwsem);
	return ret;
}
