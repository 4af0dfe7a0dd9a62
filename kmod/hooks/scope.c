// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scopes: which policies apply to a task and an address space. A scope is an address
 * space, a cgroup, or the name that an address space selected.
 *
 * A name gets a number at its first use and keeps it as long as the module is loaded, so
 * a hook compares numbers. Only root can add names: by loading a policy, or with the
 * parameter.
 *
 * What can run at the same time: hooks, which look at a prog's scope inside their read section
 * and never change it. choices_lock guards the list of names; readers of an
 * entry need none, since entries never change or go.
 */
#include <linux/bitops.h>
#include <linux/cgroup.h>
#include <linux/ctype.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "set.h"

static DEFINE_XARRAY_ALLOC1(choices);
static DEFINE_MUTEX(choices_lock);
static u32 default_choice;

/* ioasid_policy_name_is_valid() - may a policy have this name */
bool ioasid_policy_name_is_valid(const char *name)
{
	const char *c;

	if (!*name || strnlen(name, IOASID_POLICY_NAME_LEN) == IOASID_POLICY_NAME_LEN)
		return false;
	for (c = name; *c; c++)
		if (!isalnum(*c) && *c != '_' && *c != '-' && *c != '.')
			return false;
	/* It names a folder. */
	return strcmp(name, ".") && strcmp(name, "..");
}

static u32 choice_find(const char *name)
{
	unsigned long id;
	char *known;

	xa_for_each(&choices, id, known)
		if (!strcmp(known, name))
			return id;
	return 0;
}

/*
 * ioasid_policy_choice_of() - the number of a name that a policy may have
 *
 * A new name gets one; the empty name has 0. Return: 0, -EINVAL or -ENOMEM.
 */
int ioasid_policy_choice_of(const char *name, u32 *choice)
{
	char *copy;
	int ret = 0;

	*choice = 0;
	if (!*name)
		return 0;
	if (!ioasid_policy_name_is_valid(name))
		return -EINVAL;
	mutex_lock(&choices_lock);
	*choice = choice_find(name);
	if (!*choice) {
		copy = kstrdup(name, GFP_KERNEL);
		ret = copy ? xa_alloc(&choices, choice, copy, xa_limit_31b, GFP_KERNEL) : -ENOMEM;
		if (ret)
			kfree(copy);
	}
	mutex_unlock(&choices_lock);
	return ret;
}

const char *ioasid_policy_choice_name(u32 choice)
{
	return (choice ? xa_load(&choices, choice) : NULL) ?: "";
}

u32 ioasid_policy_default_choice(void)
{
	return READ_ONCE(default_choice);
}

static int default_set(const char *val, const struct kernel_param *kp)
{
	char name[IOASID_POLICY_NAME_LEN + 1];
	u32 choice;
	int ret;

	if (strscpy(name, val, sizeof(name)) < 0)
		return -EINVAL;
	ret = ioasid_policy_choice_of(strim(name), &choice);
	if (!ret)
		WRITE_ONCE(default_choice, choice);
	return ret;
}

static int default_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", ioasid_policy_choice_name(default_choice));
}

/*
 * Called when the module is unloaded, and also when its load failed, by another wrong
 * parameter or in init. So the names are freed here, and not in a function that undoes
 * init. The module may be UNFORMED by now: then lockdep does not see that a lock belongs
 * to it, unless the lock was taken before, as it was if there is a name.
 */
static void default_free(void *arg)
{
	unsigned long id;
	char *name;

	if (xa_empty(&choices))
		return;
	xa_for_each(&choices, id, name)
		kfree(name);
	xa_destroy(&choices);
}

static const struct kernel_param_ops default_ops = {
	.set = default_set,
	.get = default_get,
	.free = default_free,
};
module_param_cb(default_policy, &default_ops, NULL, 0644);
MODULE_PARM_DESC(default_policy, "Name of the policy that address spaces select when they are opened (default none)");

/*
 * ioasid_policy_scope_init() - set the scope of @r from the members of its ops
 *
 * Return: 0, -ENOENT (no such cgroup) or -ENOMEM.
 */
int ioasid_policy_scope_init(struct ioasid_policy_prog *r)
{
	const struct ioasid_policy_ops *ops = r->ops;
	struct cgroup *cgroup;
	int ret;

	if (ops->flags & IOASID_POLICY_F_BY_NAME) {
		ret = ioasid_policy_choice_of(ops->name, &r->choice);
		if (ret)
			return ret;
	}
	if (ops->cgroup_id) {
		cgroup = cgroup_get_from_id(ops->cgroup_id);
		if (IS_ERR(cgroup))
			return -ENOENT;
		r->cgroup = cgroup;
	}
	r->space = ops->space_id;
	r->scoped = r->space || r->choice || r->cgroup;
	return 0;
}

/* ioasid_policy_scope_exit() - drop the cgroup of @r; no hook of it runs */
void ioasid_policy_scope_exit(struct ioasid_policy_prog *r)
{
	if (r->cgroup)
		cgroup_put(r->cgroup);
	r->cgroup = NULL;
}

/*
 * Is the task's cgroup that of the policy, or below it? The task, @who, is usually the
 * current one; it is another one where its mapping is pinned only now. @doubt is the
 * answer for a cgroup that is gone, or that the caller cannot see.
 */
static bool cgroup_contains(struct cgroup *cgroup, const struct ioasid_who *who, bool doubt)
{
	struct cgroup *cg;
	bool mine, in;

	rcu_read_lock();
	cg = task_dfl_cgroup(current);
	mine = cgroup_id(cg) == who->cgroup;
	in = mine && cgroup_is_descendant(cg, cgroup);
	rcu_read_unlock();
	if (mine)
		return in;

	cg = cgroup_get_from_id(who->cgroup);
	if (IS_ERR(cg))
		return doubt;
	in = cgroup_is_descendant(cg, cgroup);
	cgroup_put(cg);
	return in;
}

/* __ioasid_policy_in_scope() - @r has a scope: does it contain the task @who? */
bool __ioasid_policy_in_scope(const struct ioasid_policy_prog *r, const struct ioasid_who *who)
{
	if (r->space && r->space != who->space)
		return false;
	if (r->choice && r->choice != ioasid_space_choice(who->space))
		return false;
	/* In doubt the policy applies. */
	return !r->cgroup || cgroup_contains(r->cgroup, who, true);
}

/*
 * ioasid_policy_replaces_rlimit() - @r has the flag ACCOUNT, and accepted a charge of @who
 *
 * False for a policy that only watches, and for a cgroup that is gone: a task could
 * remove its cgroup to get into the scope of another cgroup's policy, and then no limit
 * would apply to it.
 */
bool ioasid_policy_replaces_rlimit(const struct ioasid_policy_prog *r, const struct ioasid_who *who)
{
	return ioasid_policy_enabled(r) && !ioasid_policy_only_watches(r) &&
	       (!r->cgroup || cgroup_contains(r->cgroup, who, false));
}

/*
 * ioasid_policy_concerned() - those of @among, a bit each, whose scope contains @who
 *
 * The answer may be another one at once: a selection changes, a cgroup goes. So
 * what begins and what ends for a policy must follow from one answer.
 */
u32 ioasid_policy_concerned(const struct ioasid_policy_set *set, u32 among,
			    const struct ioasid_who *who)
{
	u32 left = among, in = 0;

	for (; left; left &= left - 1)
		if (ioasid_policy_in_scope(set->prog[__ffs(left)], who))
			in |= left & -left;
	return in;
}
