/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What policy/pincg.bpf.c and ioasidctl agree on: the maps of the policy.
 *
 *   slots     array  slot -> struct pincg_slot; may be mmap()ed, to be read. Slot
 *                    0 is not a cgroup's: see PINCG_MADE and those after it.
 *   by_id     hash   cgroup id -> its slot
 *   paths     hash   path of a cgroup -> limit
 *   patterns  hash   pattern of paths -> limit
 *
 * A path is that below the cgroup file system, "/machine.slice/vm1", or "/". In a
 * pattern '*' stands for any characters but '/', and '?' for one such character;
 * no other character is special. Keys are filled up with zeroes.
 *
 * Only the policy writes slots. A program that changes paths or patterns runs
 * pincg_apply then (BPF_PROG_TEST_RUN), which gives every slot the limit that
 * holds now; slots that are made later get it from the start. The program
 * pincg_prune forgets removed cgroups that hold nothing, and returns how many.
 */
#ifndef _IOASID_PINCG_H
#define _IOASID_PINCG_H

/* No limit of its own: default_limit holds for its own pages. */
#define PINCG_DEFAULT	(~0ULL)
/* A limit that limits nothing. */
#define PINCG_NONE	(~0ULL - 1)

/* Bytes of a path or pattern, the final 0 included. */
#define PINCG_PATH_LEN	256

/* In @used: the slot is free, or about to be another cgroup's. */
#define PINCG_CLOSED	(1ULL << 63)

/**
 * struct pincg_slot - what a cgroup holds, in bytes
 * @used: pinned by it and its descendants, or PINCG_CLOSED
 * @own: pinned by its own tasks
 * @limit: of @used, or PINCG_DEFAULT or PINCG_NONE
 * @peak: highest value of @used; may miss a charge that raced with another
 * @denied: charges that its limit refused
 * @cgroup: its id; 0 in a slot that is free
 * @parent: slot of its parent, 0 at the root
 * @children: slots whose parent it is; while there are any, it stays
 */
struct pincg_slot {
	__u64 used;
	__u64 own;
	__u64 limit;
	__u64 peak;
	__u64 denied;
	__u64 cgroup;
	__u32 parent;
	__u32 children;
	__u64 unused;
};

/* Members of slot 0: how many slots were ever used, ... */
#define PINCG_MADE	own
/* ... after which one the search for a free one goes on, ... */
#define PINCG_HAND	peak
/* ... how many idle ones it has looked at, ... */
#define PINCG_LOOKS	used
/* ... and charges that were refused because there was none. */
#define PINCG_NO_SLOT	denied

#endif
