// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/ioasid: whether hooks are on, the loaded policies, why the last one ended,
 * and which address space selected which policy.
 *
 *   hooks                   "on", or "off: why"
 *   last_exit               the last policy that ended, one line
 *   select                  "SPACE NAME" lines; write one to select, without NAME to stop
 *   policies/NAME/...       one folder per loaded policy, also when ejected
 *
 * What can run at the same time: readers, at any time; kobject_del() waits for them before
 * a policy is freed.
 */
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/sysfs.h>

#include "space/space.h"
#include "policy.h"

static struct kobject *root;
static struct kobject *policies_dir;
static const char *hooks_state = "off: not registered";

static const char *sysfs_kind_name(u32 kind)
{
	switch (kind) {
	case IOASID_EXIT_NONE:
		return "none";
	case IOASID_EXIT_UNREG:
		return "unload";
	case IOASID_EXIT_REPLACED:
		return "replaced";
	case IOASID_EXIT_KILLED:
		return "killed";
	case IOASID_EXIT_BPF:
		return "bpf";
	case IOASID_EXIT_ERROR_RETURN:
		return "error_return";
	case IOASID_EXIT_ERROR_SLOW:
		return "error_slow";
	case IOASID_EXIT_ERROR_BPF:
		return "error_bpf";
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
	char name[IOASID_POLICY_NAME_LEN];
	struct ioasid_exit_info info;

	ioasid_policy_last_exit(name, &info);
	if (!info.kind)
		return 0;
	return sysfs_emit(buf, "name=%s kind=%s hook=%s value=%lld msg=\"%s\"\n", name,
			  sysfs_kind_name(info.kind), info.hook, info.value, info.msg);
}
static struct kobj_attribute last_exit_attr = __ATTR_RO(last_exit);

struct selections {
	char *buf;
	ssize_t n;
};

static void show_selection(struct ioasid_space_entry *e, void *data)
{
	struct selections *s = data;
	u32 choice = READ_ONCE(e->choice);

	if (choice)
		s->n += sysfs_emit_at(s->buf, s->n, "%u %s\n", e->id,
				      ioasid_policy_choice_name(choice));
}

static ssize_t select_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct selections s = { .buf = buf };

	ioasid_spaces_each(show_selection, &s);
	return s.n;
}

static ssize_t select_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			    size_t count)
{
	char name[IOASID_POLICY_NAME_LEN] = "";
	struct ioasid_space_entry *e;
	int ret, got;
	u32 id;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	got = sscanf(buf, "%u %31s", &id, name);
	if (got < 1)
		return -EINVAL;
	e = ioasid_space_find(id);
	if (!e)
		return -ENXIO;
	ret = ioasid_space_select(ioasid_space_of(e), name);
	ioasid_space_entry_put(e);
	return ret ?: count;
}
static struct kobj_attribute select_attr = __ATTR_RW_MODE(select, 0600);

static struct attribute *root_attrs[] = {
	&hooks_attr.attr,
	&last_exit_attr.attr,
	&select_attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(root);

/* ioasid_policy_sysfs_hooks() - what the file "hooks" says; @state is a literal */
void ioasid_policy_sysfs_hooks(const char *state)
{
	WRITE_ONCE(hooks_state, state);
}

struct policy_attr {
	struct attribute attr;
	ssize_t (*show)(struct ioasid_policy *p, struct ioasid_policy_prog *r, char *buf);
	ssize_t (*store)(struct ioasid_policy_prog *r, const char *buf, size_t count);
};

static u64 stat_sum(struct ioasid_policy *p, size_t at)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*(u64 *)((char *)per_cpu_ptr(p->stats, cpu) + at));
	return sum;
}

static u64 stat_calls(struct ioasid_policy *p)
{
	u64 sum = 0;
	int op;

	for (op = 0; op < IOASID_OP_NR; op++)
		sum += stat_sum(p, offsetof(struct ioasid_policy_stats, calls[op]));
	return sum;
}

#define STAT(p, member)	stat_sum(p, offsetof(struct ioasid_policy_stats, member))

/* The reason of an ejection, once it is complete. */
static const struct ioasid_exit_info *sysfs_exit_info(const struct ioasid_policy_prog *r)
{
	static const struct ioasid_exit_info none;

	return atomic_read_acquire(&r->state) == IOASID_POLICY_EJECTED ? &r->info : &none;
}

static const char *sysfs_state_name(const struct ioasid_policy_prog *r)
{
	int state = atomic_read(&r->state);

	return state == IOASID_POLICY_LOADING ? "loading" :
	       state <= IOASID_POLICY_LEAVING ? "enabled" :
	       state <= IOASID_POLICY_EJECTED ? "ejected" : "ended";
}

#define POLICY_ATTR(_name, _mode, _fmt, ...)						\
static ssize_t policy_##_name(struct ioasid_policy *p, struct ioasid_policy_prog *r,	\
			      char *buf)						\
{											\
	return sysfs_emit(buf, _fmt "\n", __VA_ARGS__);					\
}											\
static struct policy_attr policy_##_name##_attr = {					\
	.attr = { .name = #_name, .mode = _mode },					\
	.show = policy_##_name,								\
}

POLICY_ATTR(id, 0444, "%u", p->link ? p->link->id : 0);
POLICY_ATTR(state, 0444, "%s", sysfs_state_name(r));
POLICY_ATTR(flags, 0444, "0x%llx", r->ops->flags);
POLICY_ATTR(prio, 0444, "%d", r->ops->prio);
POLICY_ATTR(timeout_us, 0444, "%u", r->ops->timeout_us);
POLICY_ATTR(space, 0444, "%u", r->space);
POLICY_ATTR(cgroup, 0444, "%llu", r->ops->cgroup_id);
POLICY_ATTR(calls, 0444, "%llu", stat_calls(p));
POLICY_ATTR(denied, 0444, "%llu", STAT(p, denied));
POLICY_ATTR(exit_kind, 0444, "%s", sysfs_kind_name(sysfs_exit_info(r)->kind));
POLICY_ATTR(exit_hook, 0444, "%s", sysfs_exit_info(r)->hook);
POLICY_ATTR(exit_value, 0444, "%lld", sysfs_exit_info(r)->value);
POLICY_ATTR(exit_msg, 0444, "%s", sysfs_exit_info(r)->msg);

static ssize_t policy_hooks(struct ioasid_policy *p, struct ioasid_policy_prog *r, char *buf)
{
	ssize_t n = 0;
	int op;

	/* Which hooks it has, in the order of the struct. */
#define HOOK(op) do { if (r->ops->op) n += sysfs_emit_at(buf, n, n ? " " #op : #op); } while (0)
	HOOK(init);
	HOOK(exit);
	HOOK(dump);
#undef HOOK
	for (op = 0; op < IOASID_OP_NR; op++)
		if (ioasid_policy_hook_at(r->ops, op))
			n += sysfs_emit_at(buf, n, n ? " %s" : "%s", ioasid_policy_hook_name[op]);
	return n + sysfs_emit_at(buf, n, "\n");
}
static struct policy_attr policy_hooks_attr = {
	.attr = { .name = "hooks", .mode = 0444 },
	.show = policy_hooks,
};

static ssize_t policy_stats(struct ioasid_policy *p, struct ioasid_policy_prog *r, char *buf)
{
	ssize_t n = 0;
	int op;

	for (op = 0; op < IOASID_OP_NR; op++)
		if (ioasid_policy_hook_at(r->ops, op))
			n += sysfs_emit_at(buf, n, "%s %llu\n", ioasid_policy_hook_name[op],
					   STAT(p, calls[op]));
	return n + sysfs_emit_at(buf, n, "denied %llu\nclamped %llu\nslow %llu\n",
				 STAT(p, denied), STAT(p, clamped), STAT(p, slow));
}
static struct policy_attr policy_stats_attr = {
	.attr = { .name = "stats", .mode = 0444 },
	.show = policy_stats,
};

/* Addresses of the kernel are root's. */
static ssize_t policy_exit_bt(struct ioasid_policy *p, struct ioasid_policy_prog *r, char *buf)
{
	const struct ioasid_exit_info *info = sysfs_exit_info(r);
	ssize_t n = 0;
	u32 i;

	for (i = 0; i < info->bt_len; i++)
		n += sysfs_emit_at(buf, n, "%pS\n", (void *)(unsigned long)info->bt[i]);
	return n;
}
static struct policy_attr policy_exit_bt_attr = {
	.attr = { .name = "exit_bt", .mode = 0400 },
	.show = policy_exit_bt,
};

static ssize_t policy_exit_dump(struct ioasid_policy *p, struct ioasid_policy_prog *r, char *buf)
{
	const char *dump = smp_load_acquire(&r->dump);

	if (!dump)
		return 0;
	memcpy(buf, dump, r->info.dump_len);
	return r->info.dump_len;
}
static struct policy_attr policy_exit_dump_attr = {
	.attr = { .name = "exit_dump", .mode = 0400 },
	.show = policy_exit_dump,
};

/* Print the output of dump(). */
static ssize_t policy_dump(struct ioasid_policy *p, struct ioasid_policy_prog *r, char *buf)
{
	u32 n = 0;

	if (ioasid_policy_enabled(r))
		ioasid_policy_call_dump(r, buf, &n);
	return n;
}
static struct policy_attr policy_dump_attr = {
	.attr = { .name = "dump", .mode = 0400 },
	.show = policy_dump,
};

static ssize_t policy_enabled_show(struct ioasid_policy *p, struct ioasid_policy_prog *r, char *buf)
{
	return sysfs_emit(buf, "%d\n", ioasid_policy_enabled(r));
}

/* The kill switch of one policy: on again only by replacing it, or by loading it anew. */
static ssize_t policy_enabled_store(struct ioasid_policy_prog *r, const char *buf, size_t count)
{
	bool on;
	int ret = kstrtobool(buf, &on);

	if (ret)
		return ret;
	if (on)
		return ioasid_policy_enabled(r) ? count : -EINVAL;
	ioasid_policy_eject(r, IOASID_EXIT_KILLED, "", 0, "disabled by writing 0 to its file enabled");
	return count;
}
static struct policy_attr policy_enabled_attr = {
	.attr = { .name = "enabled", .mode = 0644 },
	.show = policy_enabled_show,
	.store = policy_enabled_store,
};

static struct attribute *policy_attrs[] = {
	&policy_id_attr.attr,
	&policy_state_attr.attr,
	&policy_enabled_attr.attr,
	&policy_hooks_attr.attr,
	&policy_flags_attr.attr,
	&policy_prio_attr.attr,
	&policy_timeout_us_attr.attr,
	&policy_space_attr.attr,
	&policy_cgroup_attr.attr,
	&policy_calls_attr.attr,
	&policy_denied_attr.attr,
	&policy_stats_attr.attr,
	&policy_dump_attr.attr,
	&policy_exit_kind_attr.attr,
	&policy_exit_hook_attr.attr,
	&policy_exit_value_attr.attr,
	&policy_exit_msg_attr.attr,
	&policy_exit_bt_attr.attr,
	&policy_exit_dump_attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(policy);

/*
 * The programs may be replaced, and the old ones freed, while a file is read:
 * the read section keeps the prog.
 */
static ssize_t policy_attr_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct policy_attr *a = container_of(attr, struct policy_attr, attr);
	struct ioasid_policy *p = container_of(kobj, struct ioasid_policy, kobj);
	ssize_t n;

	ioasid_walk_lock();
	n = a->show(p, rcu_dereference_check(p->prog, rcu_read_lock_any_held()), buf);
	ioasid_walk_unlock();
	return n;
}

static ssize_t policy_attr_store(struct kobject *kobj, struct attribute *attr, const char *buf,
				 size_t count)
{
	struct policy_attr *a = container_of(attr, struct policy_attr, attr);
	struct ioasid_policy *p = container_of(kobj, struct ioasid_policy, kobj);
	ssize_t n;

	if (!a->store)
		return -EACCES;
	ioasid_walk_lock();
	n = a->store(rcu_dereference_check(p->prog, rcu_read_lock_any_held()), buf, count);
	ioasid_walk_unlock();
	return n;
}

static void policy_release(struct kobject *kobj)
{
	struct ioasid_policy *p = container_of(kobj, struct ioasid_policy, kobj);

	free_percpu(p->stats);
	kfree(p);
}

static const struct sysfs_ops policy_sysfs_ops = {
	.show = policy_attr_show,
	.store = policy_attr_store,
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

/* ioasid_policy_sysfs_init() - make /sys/kernel/ioasid; 0 or -errno with nothing made */
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

/* ioasid_policy_sysfs_exit() - remove it; waits for readers */
void ioasid_policy_sysfs_exit(void)
{
	kobject_put(policies_dir);
	kobject_put(root);
}
