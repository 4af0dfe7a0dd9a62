/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What policy/pincg.bpf.c and ioasidctl agree on: the maps of the policy.
 *
 *   cgroups  hash   cgroup id -> its slot
 *   slots    array  slot -> struct pincg_slot; may be mmap()ed. Slot 0 is no
 *                   cgroup's; its "own" counts the slots ever handed out.
 *   unused   stack  slots that were given back
 *   limits   hash   cgroup id -> limit, for cgroups that have no slot yet
 *
 * To set a limit, write it to "limits", then look for a slot and write it there
 * as well, with a single store. The policy does it the other way round.
 */
#ifndef _IOASID_PINCG_H
#define _IOASID_PINCG_H

/* No limit of its own: default_limit holds for its own pages. */
#define PINCG_DEFAULT	(~0ULL)
/* A limit that limits nothing. */
#define PINCG_NONE	(~0ULL - 1)

/**
 * struct pincg_slot - what a cgroup holds, in bytes
 * @used: pinned by it and its descendants
 * @own: pinned by its own tasks
 * @limit: of @used, or PINCG_DEFAULT or PINCG_NONE
 * @peak: highest value of @used; may miss a charge that raced with another
 * @denied: charges that its limit refused
 * @cgroup: its id
 * @parent: slot of its parent, 0 at the root
 */
struct pincg_slot {
	__u64 used;
	__u64 own;
	__u64 limit;
	__u64 peak;
	__u64 denied;
	__u64 cgroup;
	__u32 parent;
	__u32 pad;
	__u64 unused;
};

#endif
