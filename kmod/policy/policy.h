/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A loaded policy, for the files of this folder.
 *
 * The set of policies is an array behind SRCU: hooks run inside a read
 * section, and loading, unloading and replacing publish a new array and wait
 * for the readers before anything of the old one goes away. Ejection is a
 * single state word that a hook's caller flips, and a work item for the rest.
 */
#ifndef _IOASID_POLICY_H_PRIVATE
#define _IOASID_POLICY_H_PRIVATE

#include <linux/atomic.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>

#include <ioasid/policy.h>

struct bpf_link;

#define IOASID_POLICIES_MAX	16

/** enum ioasid_policy_state - may its hooks run */
enum ioasid_policy_state {
	IOASID_POLICY_ENABLED,
	IOASID_POLICY_EJECTED,
};

/**
 * struct ioasid_policy - a loaded policy
 * @kobj: its folder in sysfs; owns the memory
 * @name: copied from @ops, which a replacement must share
 * @ops: the programs; swapped by a replacement
 * @link: for its id, may be NULL
 * @slot: its bit in marks
 * @seq: counts loads
 * @state: enum ioasid_policy_state
 * @calls: hooks called
 * @denied: calls it refused
 * @slow: slow calls since @slow_since (jiffies)
 * @lock: keeps exit, replacement and unloading apart
 * @exited: @ops' exit was called, under @lock
 * @info: why, written once by whoever flips @state
 * @work: calls exit after an ejection
 */
struct ioasid_policy {
	struct kobject kobj;
	char name[IOASID_POLICY_NAME_LEN];
	struct ioasid_policy_ops *ops;
	struct bpf_link *link;
	unsigned int slot;
	u64 seq;
	atomic_t state;
	atomic64_t calls;
	atomic64_t denied;
	atomic_t slow;
	unsigned long slow_since;
	struct mutex lock;
	bool exited;
	struct ioasid_exit_info info;
	struct work_struct work;
};

/** struct ioasid_policy_set - all loaded policies, in the order of loading */
struct ioasid_policy_set {
	unsigned int nr;
	struct ioasid_policy *p[IOASID_POLICIES_MAX];
};

extern struct srcu_struct ioasid_policy_srcu;
extern struct ioasid_policy_set __rcu *ioasid_policy_set;

/* call.c */
void ioasid_policy_update_keys(const struct ioasid_policy_set *set);
void ioasid_policy_call_exit(struct ioasid_policy_ops *ops, struct ioasid_exit_info *info);

/* ops.c */
int ioasid_policy_load(struct ioasid_policy_ops *ops, struct bpf_link *link);
void ioasid_policy_unload(struct ioasid_policy_ops *ops);
int ioasid_policy_replace(struct ioasid_policy_ops *ops, struct ioasid_policy_ops *old);
void ioasid_policy_eject_work(struct work_struct *work);

/* sysfs.c */
int ioasid_policy_sysfs_init(void);
void ioasid_policy_sysfs_exit(void);
void ioasid_policy_sysfs_hooks(const char *state);
int ioasid_policy_sysfs_add(struct ioasid_policy *p);
void ioasid_policy_sysfs_last(const char *name, const struct ioasid_exit_info *info);

/* struct_ops.c */
int ioasid_struct_ops_init(void);

#endif /* _IOASID_POLICY_H_PRIVATE */
