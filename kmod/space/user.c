// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of one user: address spaces of /dev/ioasid, and mappings that no rlimit bounds.
 *
 * RLIMIT_MEMLOCK bounds the mappings of a process by the pages that they charge. It
 * does not bound an address space, nor these mappings:
 *  - one that charges no page: a copy, or one of device memory or reserved pages;
 *  - one that another process than the owner of the address space has made: when that
 *    process ends, the mapping stays, and the charge does not. (Mappings of the owner
 *    stay as well, but there is one owner's limit for each address space);
 *  - one with holes: the rlimit bounds the pages that it has, and not its length, with which
 *    the bits for dirty tracking grow. It counts as several, see ioasid_area_weight();
 *  - each part of one that is cut in two (ops/split.c), if not all of its pages were charged:
 *    the charge may go with the other part.
 * So these are counted here, for the user who created the address space, who stays
 * the same for its whole life (docs/decisions/016-limits-per-user.md).
 *
 * The rule: whatever a caller can create without an end is charged to the caller's
 * memory cgroup, and is bounded by an rlimit or counted here.
 *
 * Concurrency: every call. A user is in the table as long as it has an address
 * space; that number changes under the lock of the table alone. The number of mappings
 * is atomic: a mapping is part of an address space, which keeps the user in the table.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include <trace/events/ioasid.h>

#include "lib/who.h"
#include "space.h"

/**
 * struct ioasid_user - what one user has
 * @uid: real user id in the initial user namespace
 * @spaces: address spaces of /dev/ioasid, under the lock of the table; never 0 in it
 * @mappings: those in them that no rlimit bounds
 */
struct ioasid_user {
	u32 uid;
	unsigned int spaces;
	atomic_long_t mappings;
};

unsigned int ioasid_user_spaces = 8192;
unsigned int ioasid_user_mappings = 262144;

static DEFINE_XARRAY_FLAGS(users, XA_FLAGS_ACCOUNT);	/* by uid */

/*
 * Is the caller exempt from the limit? capable() has side effects (audit, PF_SUPERPRIV),
 * so it is called only when the limit is met, and under no spinlock.
 */
static bool user_exempt(void)
{
	return capable(CAP_SYS_RESOURCE);
}

/* One more space of a user who is in the table; NULL when there is none. */
static struct ioasid_user *user_add_space(u32 uid, unsigned int limit, unsigned int *used)
{
	struct ioasid_user *user;

	xa_lock(&users);
	user = xa_load(&users, uid);
	if (user) {
		*used = user->spaces;
		if (user->spaces < limit)
			user->spaces++;
		else
			user = ERR_PTR(-EDQUOT);
	}
	xa_unlock(&users);
	return user;
}

/* The first space of a user; -EBUSY when another task was faster. */
static struct ioasid_user *user_create(u32 uid)
{
	struct ioasid_user *user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!user)
		return ERR_PTR(-ENOMEM);
	user->uid = uid;
	user->spaces = 1;
	ret = xa_insert(&users, uid, user, GFP_KERNEL_ACCOUNT);
	if (!ret)
		return user;
	kfree(user);
	return ERR_PTR(ret);
}

/* The trace events for a caller that has met its limit of address spaces. */
static void user_report(unsigned int used, unsigned int limit)
{
	struct ioasid_fail f = { .reason = IOASID_R_USER_LIMIT, .a = used, .b = limit };
	struct ioasid_who who;

	/* There is no address space. */
	ioasid_who_current(&who, 0);
	trace_ioasid_limit(&who, IOASID_LIMIT_SPACES, 1, used, limit);
	ioasid_error(&who, IOASID_ERROR_SPACE, -EDQUOT, &f);
}

/**
 * ioasid_user_open() - count an address space for the caller's real user
 *
 * Context: process; may sleep, no lock is held.
 * Return: the user, for ioasid_user_close(); ERR_PTR(-EDQUOT) when the user has as
 * many as the parameter user_spaces says, ERR_PTR(-ENOMEM).
 */
struct ioasid_user *ioasid_user_open(void)
{
	unsigned int most = READ_ONCE(ioasid_user_spaces), limit = most ?: UINT_MAX, used = 0;
	u32 uid = __kuid_val(current_uid());
	struct ioasid_user *user;

	might_sleep();
	do {
		user = user_add_space(uid, limit, &used);
		if (!user)
			user = user_create(uid);
		if (user == ERR_PTR(-EDQUOT)) {
			if (limit == UINT_MAX || !user_exempt())
				break;
			limit = UINT_MAX;
		}
	} while (user == ERR_PTR(-EBUSY) || user == ERR_PTR(-EDQUOT));
	if (user == ERR_PTR(-EDQUOT))
		user_report(used, most);
	return user;
}

/* ioasid_user_close() - an address space of @user is gone, and no mapping is left in it */
void ioasid_user_close(struct ioasid_user *user)
{
	bool last;

	xa_lock(&users);
	last = !--user->spaces;
	if (last)
		__xa_erase(&users, user->uid);
	xa_unlock(&users);
	if (!last)
		return;
	WARN_ON_ONCE(atomic_long_read(&user->mappings));
	kfree(user);
}

/**
 * ioasid_user_add_mapping() - count a mapping that no rlimit bounds
 * @user: whose address space it is in
 * @weight: as how many it counts, see ioasid_area_weight()
 * @used: on failure, how many there are
 * @limit: on failure, how many there may be
 *
 * Context: process; may be under areas_lock, and under no spinlock.
 * Return: false when the user would have more than the parameter user_mappings says, and
 * the caller has no CAP_SYS_RESOURCE.
 */
bool ioasid_user_add_mapping(struct ioasid_user *user, unsigned long weight, u64 *used, u64 *limit)
{
	long most = READ_ONCE(ioasid_user_mappings), n = atomic_long_read(&user->mappings);
	bool bounded = most;

	do {
		if (unlikely(bounded && (n >= most || weight > most - n))) {
			if (!user_exempt()) {
				*used = n;
				*limit = most;
				return false;
			}
			bounded = false;
		}
	} while (!atomic_long_try_cmpxchg(&user->mappings, &n, n + weight));
	return true;
}

/* ioasid_user_drop_mapping() - undo ioasid_user_add_mapping() */
void ioasid_user_drop_mapping(struct ioasid_user *user, unsigned long weight)
{
	atomic_long_sub(weight, &user->mappings);
}

/* The first user from *@uid up, and what it has. */
static bool user_next(unsigned long *uid, unsigned int *spaces, long *mappings)
{
	struct ioasid_user *user;

	xa_lock(&users);
	user = xa_find(&users, uid, U32_MAX, XA_PRESENT);
	if (user) {
		*spaces = user->spaces;
		*mappings = atomic_long_read(&user->mappings);
	}
	xa_unlock(&users);
	return user;
}

static int users_show(struct seq_file *m, void *unused)
{
	unsigned int spaces;
	unsigned long uid;
	long mappings;

	seq_puts(m, "uid spaces mappings\n");
	for (uid = 0; user_next(&uid, &spaces, &mappings); uid++)
		seq_printf(m, "%lu %u %ld\n", uid, spaces, mappings);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(users);

/* ioasid_users_show() - the file "users" in our folder of debugfs, which removes it */
void ioasid_users_show(struct dentry *dir)
{
	debugfs_create_file("users", 0400, dir, NULL, &users_fops);
}
