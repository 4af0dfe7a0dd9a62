/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one door from the core to policies. Everything here is cheap when no
 * policy has the hook (a static key per hook) and safe when one misbehaves.
 */
#ifndef _IOASID_POLICY_CALL_H
#define _IOASID_POLICY_CALL_H

#include <linux/jump_label.h>
#include <linux/types.h>

#include <ioasid/policy.h>

/** enum ioasid_op - hooks that the core calls on its way */
enum ioasid_op {
	IOASID_OP_ATTACH,
	IOASID_OP_MAP_BEGIN,
	IOASID_OP_MAP_BATCH,
	IOASID_OP_CHARGE,
	IOASID_OP_UNCHARGE,
	IOASID_OP_MAP_DONE,
	IOASID_OP_NR,
};

extern struct static_key_false ioasid_policy_key[IOASID_OP_NR];

#define ioasid_policy_has(op)	static_branch_unlikely(&ioasid_policy_key[op])

/**
 * struct ioasid_policy_mark - which policies took part in something
 * @seq: policies loaded later than this did not
 * @npages: pages that they were charged for
 * @slots: bit per slot of those that did; 0 means nothing is marked yet
 */
struct ioasid_policy_mark {
	u64 seq;
	u64 npages;
	u32 slots;
};

int __ioasid_policy_attach(struct ioasid_attach_args *args);
int __ioasid_policy_map_begin(struct ioasid_map_args *args, struct ioasid_policy_mark *mark,
			      u32 *wait_us);
u32 ioasid_policy_map_batch(struct ioasid_map_args *args, struct ioasid_batch_args *batch);
int __ioasid_policy_charge(const struct ioasid_who *who, u64 npages,
			   struct ioasid_policy_mark *mark);
void __ioasid_policy_uncharge(const struct ioasid_who *who, u64 npages,
			      struct ioasid_policy_mark *mark);
void ioasid_policy_map_done(struct ioasid_map_args *args, struct ioasid_map_result *res,
			    struct ioasid_policy_mark *mark);

/** ioasid_policy_accounts() - a policy replaces the rlimit just now */
bool ioasid_policy_accounts(void);

/** ioasid_policy_any() - a policy is loaded, ejected or not */
bool ioasid_policy_any(void);

static inline int ioasid_policy_attach(struct ioasid_attach_args *args)
{
	return ioasid_policy_has(IOASID_OP_ATTACH) ? __ioasid_policy_attach(args) : 0;
}

/**
 * ioasid_policy_map_begin() - may this be mapped
 * @args: the request
 * @mark: on return the policies that want map_done()
 * @wait_us: how long the caller is to sleep before it goes on
 *
 * Return: 0, or the errno of the first policy that refuses.
 */
static inline int ioasid_policy_map_begin(struct ioasid_map_args *args,
					  struct ioasid_policy_mark *mark, u32 *wait_us)
{
	mark->slots = 0;
	*wait_us = 0;
	if (!ioasid_policy_has(IOASID_OP_MAP_BEGIN) && !ioasid_policy_has(IOASID_OP_MAP_DONE))
		return 0;
	return __ioasid_policy_map_begin(args, mark, wait_us);
}

/**
 * ioasid_policy_charge() - pages were pinned on behalf of @who
 *
 * The first call fills @mark, and later calls of the same object go to the
 * same policies. Return: 0, or -errno with nothing of @npages charged.
 */
static inline int ioasid_policy_charge(const struct ioasid_who *who, u64 npages,
				       struct ioasid_policy_mark *mark)
{
	return ioasid_policy_has(IOASID_OP_CHARGE) ?
	       __ioasid_policy_charge(who, npages, mark) : 0;
}

/** ioasid_policy_uncharge() - give back to those policies that were charged */
static inline void ioasid_policy_uncharge(const struct ioasid_who *who, u64 npages,
					  struct ioasid_policy_mark *mark)
{
	if (ioasid_policy_has(IOASID_OP_UNCHARGE) && mark->slots)
		__ioasid_policy_uncharge(who, npages, mark);
}

/* ops.c: set up and tear down */
int ioasid_policy_init(void);
void ioasid_policy_exit(void);

#endif /* _IOASID_POLICY_CALL_H */
