/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load policies, show them in sysfs, and serve BPF programs. hooks/ calls their hooks.
 */
#ifndef _IOASID_POLICY_H_PRIVATE
#define _IOASID_POLICY_H_PRIVATE

#include "hooks/set.h"

struct btf;
struct ioasid_space;

/* main.c: of the module */
int ioasid_policy_init(void);
void ioasid_policy_exit(void);

/* kfunc.c */
int ioasid_kfunc_init(void);

/* load.c */
int ioasid_policy_load(struct ioasid_policy_ops *ops, struct bpf_link *link);
void ioasid_policy_unload(struct ioasid_policy_ops *ops);
int ioasid_policy_replace(struct ioasid_policy_ops *ops, struct ioasid_policy_ops *old);
void ioasid_policy_set_exit(void);

/* replay.c */
int ioasid_policy_replay(struct ioasid_policy_prog *r);

/* select.c */
int ioasid_space_select(struct ioasid_space *space, const char *name);

/* struct_ops.c */
extern const struct btf *ioasid_policy_btf;
int ioasid_struct_ops_init(void);

/* sysfs.c */
int ioasid_policy_sysfs_init(void);
void ioasid_policy_sysfs_exit(void);
void ioasid_policy_sysfs_hooks(const char *state);
int ioasid_policy_sysfs_add(struct ioasid_policy *p);

#endif /* _IOASID_POLICY_H_PRIVATE */
