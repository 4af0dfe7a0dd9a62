// SPDX-License-Identifier: GPL-2.0-only
/*
 * The set of policies: load, unload, replace, and the kill switch.
 *
 * What can run at the same time: hooks on any CPU; loads and unloads of other policies; the
 * work items of ejections. policies_lock guards the set and folders, and is never
 * held over init, exit or dump, which may take long, so one policy cannot delay
 * another. BPF itself makes no two of load, replace and unload of one policy at once.
 * Programs stay valid until a failed load, an unload or a replace returns; each of them
 * ends the prog first, as hooks/set.h draws it.
 */
#include <linux/capability.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "../compat/cycles.h"
#include "policy.h"

#define TIMEOUT_US	200

static DEFINE_MUTEX(policies_lock);
static LIST_HEAD(folders);
static u32 last_seq;
static bool allowed = true;

static struct ioasid_policy_set *set_locked(void)
{
	return rcu_dereference_protected(ioasid_policy_set, lockdep_is_held(&policies_lock));
}

static void set_free(struct ioasid_policy_set *set)
{
	if (set != &ioasid_policy_none)
		kfree(set);
}

/* Publish @set, and wait until no hook uses the old one. */
static void set_publish(struct ioasid_policy_set *set)
{
	struct ioasid_policy_set *old = set_locked();

	ioasid_policy_set_index(set);
	ioasid_policy_update_keys(set, false);
	rcu_assign_pointer(ioasid_policy_set, set);
	synchronize_rcu_expedited();
	ioasid_policy_update_keys(set, true);
	set_free(old);
}

static struct ioasid_policy_set *set_copy(gfp_t gfp)
{
	return kmemdup(set_locked(), sizeof(struct ioasid_policy_set), gfp);
}

/* The part of an ejection that may sleep: turn off what no policy needs, then call exit. */
static void eject_work(struct work_struct *work)
{
	struct ioasid_policy_prog *r = container_of(work, struct ioasid_policy_prog, work);

	mutex_lock(&policies_lock);
	ioasid_policy_update_keys(set_locked(), true);
	mutex_unlock(&policies_lock);
	synchronize_rcu_expedited();
	ioasid_policy_finish(r);
}

static struct ioasid_policy_prog *prog_create(struct ioasid_policy *p,
					      struct ioasid_policy_ops *ops)
{
	struct ioasid_policy_prog *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int ret;

	if (!r)
		return ERR_PTR(-ENOMEM);
	r->policy = p;
	r->stats = p->stats;
	r->ops = ops;
	strscpy(r->info.name, p->name, sizeof(r->info.name));
	r->limit = compat_cycles_of_us(ops->timeout_us ?: TIMEOUT_US);
	ioasid_policy_pace_init(r);
	INIT_WORK(&r->work, eject_work);
	ret = ioasid_policy_scope_init(r);
	if (ret) {
		kfree(r);
		return ERR_PTR(ret);
	}
	return r;
}

/*
 * Call it when @r is in no set. When it returns, exit was called, and no other task uses
 * @r. @told: the policy was announced, so announce its end.
 */
static void prog_end(struct ioasid_policy_prog *r, u32 kind, bool told)
{
	if (!ioasid_policy_end(r)) {
		ioasid_policy_settle(r);
		return;
	}
	/* Wait for readers of its dump, which saw the state before. */
	synchronize_rcu_expedited();
	r->info.kind = kind;
	if (told)
		ioasid_policy_finish(r);
	else
		ioasid_policy_call_exit(r);
}

static void prog_free(struct ioasid_policy_prog *r)
{
	ioasid_policy_scope_exit(r);
	kfree(r->dump);
	kfree(r);
}

static int prog_init(struct ioasid_policy_prog *r, u32 replaces)
{
	struct ioasid_init_args args = {
		.page_size = PAGE_SIZE,
		.hooks = IOASID_OP_NR,
		.spaces = ioasid_spaces_count(),
		.replaces = replaces,
	};
	int ret;

	strscpy(args.name, r->ops->name, sizeof(args.name));
	ret = ioasid_policy_call_init(r, &args);
	/* If it ejected itself, report the reason; otherwise no exit is called. */
	if (ret && ioasid_policy_ejected(r))
		prog_end(r, IOASID_EXIT_UNREG, true);
	return ret;
}

/* A policy that is being unloaded keeps its folder, and so its name, until its exit has ended. */
static bool load_name_taken(const char *name)
{
	const struct ioasid_policy *p;

	lockdep_assert_held(&policies_lock);
	list_for_each_entry(p, &folders, folder)
		if (!strcmp(p->name, name))
			return true;
	return false;
}

static int set_add(struct ioasid_policy *p, struct ioasid_policy_prog *r)
{
	struct ioasid_policy_set *set;
	int ret = 0;

	mutex_lock(&policies_lock);
	set = set_copy(GFP_KERNEL);
	if (!set)
		ret = -ENOMEM;
	else if (!allowed)
		ret = -EOPNOTSUPP;
	else if (load_name_taken(p->name))
		ret = -EEXIST;
	else if (set->nr == IOASID_POLICIES_MAX)
		ret = -E2BIG;
	if (!ret)
		ret = ioasid_policy_sysfs_add(p);
	if (ret) {
		kfree(set);
	} else {
		list_add(&p->folder, &folders);
		p->slot = ioasid_policy_set_free_slot(set);
		r->seq = ++last_seq;
		ioasid_policy_set_insert(set, r);
		set_publish(set);
	}
	mutex_unlock(&policies_lock);
	return ret;
}

/* A policy is no longer being loaded: from now on all its hooks are called. */
static void load_set_renew(void)
{
	mutex_lock(&policies_lock);
	set_publish(set_copy(GFP_KERNEL | __GFP_NOFAIL));
	mutex_unlock(&policies_lock);
}

static struct ioasid_policy_prog *set_remove(struct ioasid_policy_ops *ops)
{
	struct ioasid_policy_prog *r = NULL;
	struct ioasid_policy_set *set;
	int at;

	mutex_lock(&policies_lock);
	at = ioasid_policy_set_find(set_locked(), ops);
	if (at >= 0) {
		/* Unloading cannot fail: a policy more or less is a small array. */
		set = set_copy(GFP_KERNEL | __GFP_NOFAIL);
		r = set->prog[at];
		ioasid_policy_set_take(set, at);
		set_publish(set);
	}
	mutex_unlock(&policies_lock);
	return r;
}

static void policy_free(struct ioasid_policy *p)
{
	/* Past sysfs_add() the folder owns the memory, also one that was not made. */
	if (p->kobj.state_initialized) {
		if (p->kobj.state_in_sysfs)
			kobject_del(&p->kobj);
		mutex_lock(&policies_lock);
		list_del_init(&p->folder);
		mutex_unlock(&policies_lock);
		kobject_put(&p->kobj);
	} else {
		free_percpu(p->stats);
		kfree(p);
	}
}

static struct ioasid_policy *policy_alloc(struct ioasid_policy_ops *ops, struct bpf_link *link)
{
	struct ioasid_policy *p = kzalloc(sizeof(*p), GFP_KERNEL);

	if (!p)
		return NULL;
	p->stats = alloc_percpu(struct ioasid_policy_stats);
	if (!p->stats) {
		kfree(p);
		return NULL;
	}
	INIT_LIST_HEAD(&p->folder);
	strscpy(p->name, ops->name, sizeof(p->name));
	p->link = link;
	return p;
}

/* Start a policy; on failure no hook of it runs any more. */
static int policy_start(struct ioasid_policy *p, struct ioasid_policy_prog *r)
{
	struct ioasid_exit_info info = { .kind = IOASID_EXIT_NONE };
	int ret;

	strscpy(info.name, p->name, sizeof(info.name));
	ret = prog_init(r, IOASID_REPLACES_NONE);
	if (ret)
		return ret;
	ret = set_add(p, r);
	if (ret) {
		/* Its folder may have been there for a moment. */
		prog_end(r, IOASID_EXIT_UNREG, false);
		return ret;
	}
	ret = ioasid_policy_replay(r);
	if (ret) {
		set_remove(r->ops);
		prog_end(r, IOASID_EXIT_UNREG, true);
		return ret;
	}
	load_set_renew();
	trace_ioasid_policy(p->name, &info);
	return 0;
}

/*
 * ioasid_policy_load() - BPF registers a policy
 *
 * Return: 0; -EPERM without CAP_SYS_ADMIN in the initial user namespace,
 * -EOPNOTSUPP while the parameter "policies" is off, -EEXIST when one of that
 * name is loaded, or still being unloaded, -E2BIG when there are 16, -ENOENT when
 * its cgroup does not exist, -ENOMEM, -ECANCELED when it gave up, or what its init
 * returned.
 */
int ioasid_policy_load(struct ioasid_policy_ops *ops, struct bpf_link *link)
{
	struct ioasid_policy_prog *r;
	struct ioasid_policy *p;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	p = policy_alloc(ops, link);
	if (!p)
		return -ENOMEM;
	r = prog_create(p, ops);
	if (IS_ERR(r)) {
		policy_free(p);
		return PTR_ERR(r);
	}
	RCU_INIT_POINTER(p->prog, r);
	ret = policy_start(p, r);
	if (ret) {
		policy_free(p);
		prog_free(r);
	}
	return ret;
}

/* ioasid_policy_unload() - BPF unregisters a policy, and frees its programs when this returns */
void ioasid_policy_unload(struct ioasid_policy_ops *ops)
{
	struct ioasid_policy_prog *r = set_remove(ops);

	if (!r)
		return;
	prog_end(r, IOASID_EXIT_UNREG, true);
	policy_free(r->policy);
	prog_free(r);
}

/*
 * @anew: @was is ejected. Pages that were charged before are not uncharged from @r, and
 * @r is LOADING: first it is notified of the address spaces. Otherwise @was is running,
 * and @r inherits its records.
 */
static void set_inherit(const struct ioasid_policy_prog *was, struct ioasid_policy_prog *r,
			bool anew)
{
	r->seq = anew ? ++last_seq : was->seq;
	if (!anew)
		atomic_set(&r->state, IOASID_POLICY_ENABLED);
}

/*
 * Put @r in the place of the programs @old, and return them; no hook runs them any more.
 * -EAGAIN when they were ejected since init of @r was called with what it inherits.
 */
static struct ioasid_policy_prog *set_swap(struct ioasid_policy_prog *r,
					   struct ioasid_policy_ops *old, bool anew)
{
	struct ioasid_policy_prog *was = NULL;
	struct ioasid_policy_set *set;
	int at, ret = 0;

	mutex_lock(&policies_lock);
	at = ioasid_policy_set_find(set_locked(), old);
	set = at < 0 ? NULL : set_copy(GFP_KERNEL);
	if (!set)
		ret = at < 0 ? -ENOENT : -ENOMEM;
	else if (!allowed)
		ret = -EOPNOTSUPP;
	/* From here on it cannot be ejected, so it misses no event for @r. */
	else if (!anew && !ioasid_policy_leave(set->prog[at]))
		ret = -EAGAIN;
	if (ret) {
		kfree(set);
	} else {
		was = set->prog[at];
		ioasid_policy_set_take(set, at);
		if (r->ops->prio == was->ops->prio)
			ioasid_policy_set_insert_at(set, at, r);
		else
			ioasid_policy_set_insert(set, r);
		r->closed = ioasid_policy_fails_closed(was);
		set_inherit(was, r, anew);
		rcu_assign_pointer(was->policy->prog, r);
		set_publish(set);
	}
	mutex_unlock(&policies_lock);
	return ret ? ERR_PTR(ret) : was;
}

/* The programs @ops that are in service; BPF keeps an unload of them away. */
static struct ioasid_policy_prog *set_find(struct ioasid_policy_ops *ops)
{
	struct ioasid_policy_prog *r = NULL;
	int at;

	mutex_lock(&policies_lock);
	at = ioasid_policy_set_find(set_locked(), ops);
	if (at >= 0)
		r = set_locked()->prog[at];
	mutex_unlock(&policies_lock);
	return r;
}

/* Replace @was by @r, which the caller frees if this fails. */
static int policy_swap(struct ioasid_policy_prog *r, struct ioasid_policy_prog *was)
{
	bool anew = ioasid_policy_ejected(was);
	int ret;

	/* Call the exit of the old one before the init of the new one. */
	if (anew)
		ioasid_policy_settle(was);
	ret = prog_init(r, anew ? IOASID_REPLACES_EJECTED : IOASID_REPLACES_RUNNING);
	if (ret)
		return ret;
	was = set_swap(r, was->ops, anew);
	if (IS_ERR(was)) {
		prog_end(r, IOASID_EXIT_UNREG, false);
		return PTR_ERR(was);
	}
	prog_end(was, IOASID_EXIT_REPLACED, true);
	prog_free(was);
	/*
	 * If it is ejected at once, the replacement has still succeeded. If the one before
	 * failed closed, maps are refused until programs that run replace it.
	 */
	if (!anew)
		return 0;
	if (!ioasid_policy_replay(r)) {
		WRITE_ONCE(r->closed, false);
		load_set_renew();
	}
	return 0;
}

/*
 * ioasid_policy_replace() - new programs take the place of @old, live
 *
 * The new ones inherit the charges of the old ones. If the old ones were ejected, they
 * missed events, so the new ones inherit nothing and start as a new policy.
 * Priority and scope may change.
 *
 * Return: 0; -EPERM, -EINVAL when the names differ, -EAGAIN when @old was
 * ejected meanwhile, and the errnos of ioasid_policy_load(). After an error @old stays.
 */
int ioasid_policy_replace(struct ioasid_policy_ops *ops, struct ioasid_policy_ops *old)
{
	struct ioasid_policy_prog *r, *was;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (strcmp(ops->name, old->name))
		return -EINVAL;
	was = set_find(old);
	if (!was)
		return -ENOENT;
	r = prog_create(was->policy, ops);
	if (IS_ERR(r))
		return PTR_ERR(r);
	ret = policy_swap(r, was);
	if (ret)
		prog_free(r);
	return ret;
}

/* ---- the kill switch for all ---- */

static int policies_set(const char *val, const struct kernel_param *kp)
{
	struct ioasid_policy_set *set;
	unsigned int i;
	bool on;
	int ret;

	ret = kstrtobool(val, &on);
	if (ret)
		return ret;
	mutex_lock(&policies_lock);
	allowed = on;
	set = set_locked();
	for (i = 0; !on && i < set->nr; i++)
		ioasid_policy_eject(set->prog[i], IOASID_EXIT_KILLED, "", 0,
				    "the parameter policies was turned off");
	mutex_unlock(&policies_lock);
	return 0;
}

static int policies_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%c\n", allowed ? 'Y' : 'N');
}

static const struct kernel_param_ops policies_ops = {
	.set = policies_set,
	.get = policies_get,
};
module_param_cb(policies, &policies_ops, NULL, 0644);
MODULE_PARM_DESC(policies, "N ejects every policy, also those that fail closed, and refuses loads (default Y)");

/*
 * ioasid_policy_set_exit() - the module ends: free the set and the names
 *
 * Loaded policies hold the module, so none is left; an empty set may be.
 */
void ioasid_policy_set_exit(void)
{
	set_free(rcu_dereference_protected(ioasid_policy_set, true));
}
