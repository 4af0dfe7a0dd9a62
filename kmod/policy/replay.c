// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notify a policy that is being loaded of the address spaces that exist.
 *
 * What can run at the same time: address spaces are opened and closed;
 * spaces_seen_by_lock of hooks/hooks.c keeps apart the notifications of one.
 */
#include "space/space.h"
#include "policy.h"

static void policy_replay_one(struct ioasid_space_entry *e, void *data)
{
	struct ioasid_space_args args;

	ioasid_space_describe(ioasid_space_of(e), &args);
	ioasid_policy_replay_space(data, e, &args);
}

/**
 * ioasid_policy_replay() - notify a policy that is being loaded of what exists
 * @r: its programs, published, in state LOADING
 *
 * Return: 0, or -ECANCELED when it was ejected meanwhile.
 */
int ioasid_policy_replay(struct ioasid_policy_prog *r)
{
	if (r->ops->space_open || r->ops->space_close)
		ioasid_spaces_each(policy_replay_one, r);
	return atomic_cmpxchg(&r->state, IOASID_POLICY_LOADING, IOASID_POLICY_ENABLED) ==
	       IOASID_POLICY_LOADING ? 0 : -ECANCELED;
}
