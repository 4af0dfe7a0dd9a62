// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of all address spaces, by id.
 *
 * What can run at the same time: anything. The table is read under RCU. A task that
 * finds an entry takes a reference on its memory. That keeps the memory and nothing
 * else: the address space may be torn down at any moment.
 */
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "hooks.h"

static DEFINE_XARRAY_FLAGS(spaces, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);	/* by id */
static DEFINE_MUTEX(spaces_lock);	/* so that ids rise in the table */
static u32 spaces_next_id;		/* guarded by the lock of @spaces */
static atomic_t spaces_nr;

/*
 * ioasid_spaces_add() - give the space an id and @owner, and add it to the table; 0 or -ENOMEM
 *
 * Ids rise. After 2^32 of them they start again, and skip those in use. Failing instead
 * would be worse than a second use of an id: VFIO would give new containers to its next
 * driver, past every policy. Readers find the id only once the space is complete.
 */
int ioasid_spaces_add(struct ioasid_space_entry *e, struct ioasid_owner *owner, gfp_t gfp)
{
	int ret;

	mutex_lock(&spaces_lock);
	ret = xa_alloc_cyclic(&spaces, &e->id, NULL, XA_LIMIT(1, U32_MAX), &spaces_next_id, gfp);
	if (ret >= 0) {
		owner->who.space = e->id;
		RCU_INIT_POINTER(e->owner, owner);
		/* Needs no memory: the place is there. */
		xa_store(&spaces, e->id, e, gfp);
	}
	mutex_unlock(&spaces_lock);
	if (ret < 0)
		return -ENOMEM;
	atomic_inc(&spaces_nr);
	return 0;
}

/* ioasid_spaces_remove() - it cannot be found any more; references on its memory stay valid */
void ioasid_spaces_remove(struct ioasid_space_entry *e)
{
	xa_erase(&spaces, e->id);
	atomic_dec(&spaces_nr);
}

/* ioasid_spaces_contain() - can the address space still be found? */
bool ioasid_spaces_contain(const struct ioasid_space_entry *e)
{
	return xa_load(&spaces, e->id) == e;
}

/* ioasid_spaces_count() - how many there are; may be out of date at once */
unsigned int ioasid_spaces_count(void)
{
	return atomic_read(&spaces_nr);
}

/* ioasid_space_choice() - which policy the space of that id selected */
u32 ioasid_space_choice(u32 id)
{
	struct ioasid_space_entry *e;
	u32 choice;

	rcu_read_lock();
	e = xa_load(&spaces, id);
	choice = e ? READ_ONCE(e->choice) : 0;
	rcu_read_unlock();
	return choice;
}

/* ioasid_space_find() - by id, with a reference on its memory; or NULL */
struct ioasid_space_entry *ioasid_space_find(u32 id)
{
	struct ioasid_space_entry *e;

	rcu_read_lock();
	e = xa_load(&spaces, id);
	if (e && !refcount_inc_not_zero(&e->memory))
		e = NULL;
	rcu_read_unlock();
	return e;
}

/* ioasid_space_find_after() - the first one with a higher id than @id, which becomes its */
struct ioasid_space_entry *ioasid_space_find_after(u32 *id)
{
	struct ioasid_space_entry *e;
	unsigned long at = *id;

	rcu_read_lock();
	do {
		e = xa_find_after(&spaces, &at, U32_MAX, XA_PRESENT);
	} while (e && !refcount_inc_not_zero(&e->memory));
	rcu_read_unlock();
	if (e)
		*id = at;
	return e;
}

/* ioasid_space_entry_get() - another reference on its memory */
void ioasid_space_entry_get(struct ioasid_space_entry *e)
{
	refcount_inc(&e->memory);
}

static void space_rcu(struct rcu_head *rcu)
{
	struct ioasid_space_entry *e = container_of(rcu, struct ioasid_space_entry, rcu);

	ioasid_owner_end(e);
	kfree(e);
}

/* ioasid_space_entry_put() - drop a reference on its memory; does not sleep */
void ioasid_space_entry_put(struct ioasid_space_entry *e)
{
	if (refcount_dec_and_test(&e->memory))
		call_rcu(&e->rcu, space_rcu);
}

/* ioasid_spaces_each() - call @each for every space, with a reference on its memory */
void ioasid_spaces_each(void (*each)(struct ioasid_space_entry *e, void *data), void *data)
{
	struct ioasid_space_entry *e;
	u32 id = 0;

	while ((e = ioasid_space_find_after(&id))) {
		each(e, data);
		ioasid_space_entry_put(e);
	}
}

/* ioasid_spaces_exit() - the module ends; no address space is left */
void ioasid_spaces_exit(void)
{
	xa_destroy(&spaces);
}
