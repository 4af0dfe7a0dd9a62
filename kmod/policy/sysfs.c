// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/ioasid: are hooks on, which policies are loaded, why did the
 * last one end.
 *
 *   hooks                   "on", or "off: why"
 *   last_exit               the last policy that ended, one line
 *   policies/NAME/...       one folder per loaded policy, also when ejected
 *
 * Who else can run: readers, at any time; kobject_del() waits for them before
 * a policy goes. last_exit has a lock of its own.
 */
#include <linux/bpf.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "policy.h"

static struct kobject *root;
static struct kobject *policies_dir;
static const char *hooks_state = "off: not registered";

static DEFINE_MUTEX(last_lock);
static char last_name[IOASID_POLICY_NAME_LEN];
static struct ioasid_exit_info last_info;

static const char *kind_name(u32 kind)
{
	switch (kind) {
	case IOASID_EXIT_NONE:
		return "none";
	case IOASID_EXIT_UNREG:
		return "unload";
	case IOASID_EXIT_REPLACED:
		return "replaced";
	case IOASID_EXIT_ERROR_RETURN:
		return "error_return";
	case IOASID_EXIT_ERROR_SLOW:
		return "error_slow";
	default:
		return "error";
	}
}

static ssize_t hooks_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", READ_ONCE(hooks_state));
}
static struct kobj_attribute hooks_attr = __ATTR_RO(hooks);

static ssize_t last_exit_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	ssize_t n = 0;

	mutex_lock(&last_lock);
	if (last_info.kind)
		n = sysfs_emit(buf, "name=%s kind=%s hook=%s value=%lld msg=\"%s\"\n", last_name,
			       kind_name(last_info.kind), last_info.hook, last_info.value,
			       last_info.msg);
	mutex_unlock(&last_lock);
	return n;
}
static struct kobj_attribute last_exit_attr = __ATTR_RO(last_exit);

static struct attribute *root_attrs[] = {
	&hooks_attr.attr,
	&last_exit_attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(root);

void ioasid_policy_sysfs_hooks(const char *state)
{
	WRITE_ONCE(hooks_state, state);
}

void ioasid_policy_sysfs_last(const char *name, const struct ioasid_exit_info *info)
{
	mutex_lock(&last_lock);
	strscpy(last_name, name, sizeof(last_name));
	last_info = *info;
	mutex_unlock(&last_lock);
}

struct policy_attr {
	struct attribute attr;
	ssize_t (*show)(struct ioasid_policy *p, char *buf);
};

#define POLICY_ATTR(_name, _fmt, ...)						\
static ssize_t policy_##_name(struct ioasid_policy *p, char *buf)		\
{										\
	return sysfs_emit(buf, _fmt "\n", __VA_ARGS__);				\
}										\
static struct policy_attr policy_##_name##_attr = {				\
	.attr = { .name = #_name, .mode = 0444 },				\
	.show = policy_##_name,							\
}

POLICY_ATTR(id, "%u", p->link ? p->link->id : 0);
POLICY_ATTR(state, "%s",
	    atomic_read(&p->state) == IOASID_POLICY_ENABLED ? "enabled" : "ejected");
POLICY_ATTR(flags, "0x%llx", p->ops->flags);
POLICY_ATTR(calls, "%lld", atomic64_read(&p->calls));
POLICY_ATTR(denied, "%lld", atomic64_read(&p->denied));
POLICY_ATTR(exit_kind, "%s", kind_name(p->info.kind));
POLICY_ATTR(exit_hook, "%s", p->info.hook);
POLICY_ATTR(exit_value, "%lld", p->info.value);
POLICY_ATTR(exit_msg, "%s", p->info.msg);

static ssize_t policy_hooks(struct ioasid_policy *p, char *buf)
{
	ssize_t n = 0;

	/* Which hooks it has, in the order of the struct. */
#define HOOK(op) do { if (p->ops->op) n += sysfs_emit_at(buf, n, n ? " " #op : #op); } while (0)
	HOOK(init);
	HOOK(exit);
	HOOK(attach);
	HOOK(map_begin);
	HOOK(map_batch);
	HOOK(charge);
	HOOK(uncharge);
	HOOK(map_done);
#undef HOOK
	return n + sysfs_emit_at(buf, n, "\n");
}
static struct policy_attr policy_hooks_attr = {
	.attr = { .name = "hooks", .mode = 0444 },
	.show = policy_hooks,
};

static struct attribute *policy_attrs[] = {
	&policy_id_attr.attr,
	&policy_state_attr.attr,
	&policy_hooks_attr.attr,
	&policy_flags_attr.attr,
	&policy_calls_attr.attr,
	&policy_denied_attr.attr,
	&policy_exit_kind_attr.attr,
	&policy_exit_hook_attr.attr,
	&policy_exit_value_attr.attr,
	&policy_exit_msg_attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(policy);

/*
 * The programs may be replaced, and the old ones freed, while a file is read:
 * the SRCU read section keeps what p->ops points to.
 */
static ssize_t policy_attr_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct policy_attr *a = container_of(attr, struct policy_attr, attr);
	ssize_t n;
	int idx;

	idx = srcu_read_lock(&ioasid_policy_srcu);
	n = a->show(container_of(kobj, struct ioasid_policy, kobj), buf);
	srcu_read_unlock(&ioasid_policy_srcu, idx);
	return n;
}

static void policy_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct ioasid_policy, kobj));
}

static const struct sysfs_ops policy_sysfs_ops = {
	.show = policy_attr_show,
};

static const struct kobj_type policy_type = {
	.release = policy_release,
	.sysfs_ops = &policy_sysfs_ops,
	.default_groups = policy_groups,
};

/* ioasid_policy_sysfs_add() - from here on the kobject owns @p, also on failure */
int ioasid_policy_sysfs_add(struct ioasid_policy *p)
{
	return kobject_init_and_add(&p->kobj, &policy_type, policies_dir, "%s", p->name);
}

int ioasid_policy_sysfs_init(void)
{
	int ret = -ENOMEM;

	root = kobject_create_and_add("ioasid", kernel_kobj);
	if (!root)
		return ret;
	policies_dir = kobject_create_and_add("policies", root);
	if (policies_dir)
		ret = sysfs_create_groups(root, root_groups);
	if (ret)
		ioasid_policy_sysfs_exit();
	return ret;
}

void ioasid_policy_sysfs_exit(void)
{
	kobject_put(policies_dir);
	kobject_put(root);
}
