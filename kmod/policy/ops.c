// SPDX-License-Identifier: GPL-2.0-only
/*
 * The set of policies: loading, unloading, replacing, ejecting.
 *
 * Who else can run: hooks on any CPU; loads and unloads of other policies;
 * the work item of an ejection. policies_lock guards the set, p->lock the
 * programs of one policy (init and exit may sleep for long: they never run
 * under policies_lock, so one policy cannot hold up another). BPF itself keeps
 * replacement and unloading of one policy apart. Programs stay valid until our
 * unload or replace returns.
 *
 * Lock order: p->lock, policies_lock.
 */
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "call.h"
#include "policy.h"

static DEFINE_MUTEX(policies_lock);
static u64 last_seq;

static struct ioasid_policy_set *set_locked(void)
{
	return rcu_dereference_protected(ioasid_policy_set, lockdep_is_held(&policies_lock));
}

/* Make @set the one that hooks see, and wait until nobody sees the old one. */
static void set_publish(struct ioasid_policy_set *set)
{
	struct ioasid_policy_set *old = set_locked();

	rcu_assign_pointer(ioasid_policy_set, set);
	ioasid_policy_update_keys(set);
	synchronize_srcu(&ioasid_policy_srcu);
	kfree(old);
}

static struct ioasid_policy_set *set_copy(void)
{
	struct ioasid_policy_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

	if (set && set_locked())
		*set = *set_locked();
	return set;
}

static struct ioasid_policy *find(const struct ioasid_policy_set *set,
				  const struct ioasid_policy_ops *ops, const char *name)
{
	unsigned int i;

	for (i = 0; set && i < set->nr; i++)
		if (set->p[i]->ops == ops || (name && !strcmp(set->p[i]->name, name)))
			return set->p[i];
	return NULL;
}

static unsigned int free_slot(const struct ioasid_policy_set *set)
{
	unsigned long used = 0;
	unsigned int i;

	for (i = 0; i < set->nr; i++)
		used |= BIT(set->p[i]->slot);
	return ffz(used);
}

static int call_init(struct ioasid_policy_ops *ops)
{
	struct ioasid_init_args args = {
		.page_size = PAGE_SIZE,
		.hooks = IOASID_OP_NR,
	};
	s32 ret = ops->init ? ops->init(&args) : 0;

	return ret > 0 || ret < -MAX_ERRNO ? -EPROTO : ret;
}

/* Tell everybody that a policy's programs ended, the programs themselves last. */
static void call_exit(const char *name, struct ioasid_policy_ops *ops,
		      struct ioasid_exit_info *info)
{
	ioasid_policy_sysfs_last(name, info);
	trace_ioasid_policy(name, info);
	if (info->kind >= IOASID_EXIT_ERROR)
		pr_warn("policy %s ejected: %s\n", name, info->msg);
	ioasid_policy_call_exit(ops, info);
}

static int set_add(struct ioasid_policy *p)
{
	struct ioasid_policy_set *set;
	int ret = 0;

	mutex_lock(&policies_lock);
	set = set_copy();
	if (!set)
		ret = -ENOMEM;
	else if (find(set, NULL, p->name))
		ret = -EEXIST;
	else if (set->nr == IOASID_POLICIES_MAX)
		ret = -E2BIG;
	if (!ret)
		ret = ioasid_policy_sysfs_add(p);
	if (ret) {
		kfree(set);
	} else {
		p->slot = free_slot(set);
		p->seq = ++last_seq;
		set->p[set->nr++] = p;
		set_publish(set);
	}
	mutex_unlock(&policies_lock);
	return ret;
}

/*
 * ioasid_policy_load() - BPF registers a policy
 *
 * Return: 0; -EPERM without CAP_SYS_ADMIN in the initial user namespace,
 * -EEXIST when one of that name is loaded, -E2BIG when there are 16, -ENOMEM,
 * or what its init returned.
 */
int ioasid_policy_load(struct ioasid_policy_ops *ops, struct bpf_link *link)
{
	struct ioasid_exit_info info = { .kind = IOASID_EXIT_NONE };
	struct ioasid_policy *p;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	strscpy(p->name, ops->name, sizeof(p->name));
	p->ops = ops;
	p->link = link;
	mutex_init(&p->lock);
	p->slow_since = jiffies;
	INIT_WORK(&p->work, ioasid_policy_eject_work);

	ret = call_init(ops);
	if (ret) {
		kfree(p);
		return ret;
	}
	ret = set_add(p);
	if (ret) {
		info.kind = IOASID_EXIT_UNREG;
		ioasid_policy_call_exit(ops, &info);
		/* Past sysfs_add() the folder owns the memory. */
		if (p->kobj.state_initialized)
			kobject_put(&p->kobj);
		else
			kfree(p);
		return ret;
	}
	trace_ioasid_policy(p->name, &info);
	return 0;
}

static struct ioasid_policy *set_remove(struct ioasid_policy_ops *ops)
{
	struct ioasid_policy_set *set;
	struct ioasid_policy *p;
	unsigned int i;

	mutex_lock(&policies_lock);
	p = find(set_locked(), ops, NULL);
	if (p) {
		/* Unloading cannot fail: a policy more or less is a small array. */
		set = kmalloc(sizeof(*set), GFP_KERNEL | __GFP_NOFAIL);
		*set = *set_locked();
		for (i = 0; set->p[i] != p; i++)
			;
		memmove(&set->p[i], &set->p[i + 1],
			(IOASID_POLICIES_MAX - 1 - i) * sizeof(set->p[0]));
		set->nr--;
		set_publish(set);
	}
	mutex_unlock(&policies_lock);
	return p;
}

/* ioasid_policy_unload() - BPF unregisters a policy; its programs go when this returns */
void ioasid_policy_unload(struct ioasid_policy_ops *ops)
{
	struct ioasid_policy *p = set_remove(ops);

	if (!p)
		return;
	/* No hook runs any more and so no ejection can begin. */
	cancel_work_sync(&p->work);
	mutex_lock(&p->lock);
	if (!p->exited) {
		if (atomic_read(&p->state) == IOASID_POLICY_ENABLED)
			p->info.kind = IOASID_EXIT_UNREG;
		p->exited = true;
		call_exit(p->name, ops, &p->info);
	}
	mutex_unlock(&p->lock);
	kobject_del(&p->kobj);
	kobject_put(&p->kobj);
}

/*
 * ioasid_policy_replace() - new programs take the place of @old, live
 *
 * The new ones inherit what was charged to the old ones, and an ejected
 * policy is enabled again.
 *
 * Return: 0; -EPERM, -EINVAL when the names differ, -ENOENT, or what its init
 * returned: then @old runs on.
 */
int ioasid_policy_replace(struct ioasid_policy_ops *ops, struct ioasid_policy_ops *old)
{
	struct ioasid_exit_info info;
	struct ioasid_policy *p;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (strcmp(ops->name, old->name))
		return -EINVAL;
	ret = call_init(ops);
	if (ret)
		return ret;

	mutex_lock(&policies_lock);
	p = find(set_locked(), old, NULL);
	mutex_unlock(&policies_lock);
	if (!p)
		return -ENOENT;

	mutex_lock(&p->lock);
	mutex_lock(&policies_lock);
	WRITE_ONCE(p->ops, ops);
	synchronize_srcu(&ioasid_policy_srcu);
	/* Nobody runs the old programs; if they were ejected, that is final. */
	info = p->info;
	if (atomic_read(&p->state) == IOASID_POLICY_ENABLED)
		info.kind = IOASID_EXIT_REPLACED;
	memset(&p->info, 0, sizeof(p->info));
	atomic_set(&p->slow, 0);
	atomic_set(&p->state, IOASID_POLICY_ENABLED);
	ioasid_policy_update_keys(set_locked());
	mutex_unlock(&policies_lock);
	if (!p->exited)
		call_exit(p->name, old, &info);
	p->exited = false;
	mutex_unlock(&p->lock);
	return 0;
}

/* ioasid_policy_eject_work() - the part of an ejection that may sleep */
void ioasid_policy_eject_work(struct work_struct *work)
{
	struct ioasid_policy *p = container_of(work, struct ioasid_policy, work);

	mutex_lock(&p->lock);
	/* A replacement may have been faster. */
	if (atomic_read(&p->state) == IOASID_POLICY_EJECTED && !p->exited) {
		mutex_lock(&policies_lock);
		ioasid_policy_update_keys(set_locked());
		mutex_unlock(&policies_lock);
		synchronize_srcu(&ioasid_policy_srcu);
		p->exited = true;
		call_exit(p->name, p->ops, &p->info);
	}
	mutex_unlock(&p->lock);
}

int ioasid_policy_init(void)
{
	int ret = ioasid_policy_sysfs_init();

	if (ret)
		return ret;
	ret = ioasid_struct_ops_init();
	if (ret)
		ioasid_policy_sysfs_exit();
	return ret;
}

/* Loaded policies hold the module, so none is left; an empty set may be. */
void ioasid_policy_exit(void)
{
	ioasid_policy_sysfs_exit();
	kfree(rcu_dereference_protected(ioasid_policy_set, true));
}
