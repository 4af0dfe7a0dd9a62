/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What policy/pincg.bpf.c and ioasidctl agree on: the values of its maps
 * "usage" (written by the policy alone) and "limits" (written by the operator),
 * both by cgroup id.
 */
#ifndef _IOASID_PINCG_H
#define _IOASID_PINCG_H

/* A limit that limits nothing, not even to default_limit. */
#define PINCG_UNLIMITED	(~0ULL)

/**
 * struct pincg_usage - what a cgroup holds
 * @used: bytes pinned by it and its descendants
 * @own: bytes pinned by its own tasks
 * @peak: highest value of @used; may miss a charge that raced with another
 * @denied: charges that its limit refused
 * @parent: cgroup id of its parent, 0 at the root
 */
struct pincg_usage {
	__u64 used;
	__u64 own;
	__u64 peak;
	__u64 denied;
	__u64 parent;
};

#endif
