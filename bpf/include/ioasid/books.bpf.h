/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Books that a policy keeps in maps, of what it must hear the end of.
 *
 * Every entry has an owner of its end: whatever the entry is about. It is removed
 * when the policy is notified of that end, or when what it is about has ended and its
 * room is needed. A map that is full refuses: a policy that limits must not let
 * pass what it cannot count. An LRU map forgets, and is for advice only.
 *
 * Programs that take the place of running ones hear of none of what those knew,
 * so they need the books of those.
 */
#ifndef _IOASID_BOOKS_BPF_H
#define _IOASID_BOOKS_BPF_H

#include <ioasid/common.bpf.h>
#include <ioasid/kfuncs.bpf.h>
#include <ioasid/turn.bpf.h>

/**
 * struct books - where the books stand
 * @turn: for entries that are added and removed, see turn.bpf.h
 * @kept: programs keep them, or did
 */
struct books {
	__u32 turn;
	__u32 kept;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct books);
} books SEC(".maps");

static __always_inline struct books *the_books(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&books, &zero);
}

/* For init: 0, or -errno to refuse. */
static __always_inline s32 books_open(const struct ioasid_init_args *args)
{
	struct books *b = the_books();

	if (!b)
		return -EINVAL;
	if (args->replaces == IOASID_REPLACES_RUNNING && !b->kept) {
		ioasid_error("it replaces a policy whose books it does not have: unload that first");
		return -EINVAL;
	}
	b->kept = 1;
	return 0;
}

/* How many entries a map has room for, which the loader may have set. */
#define room_of(map) (((struct bpf_map___read *)&(map))->max_entries)

/* For init: do the address spaces that exist fit into @map? */
#define books_fit(args, map)								\
({											\
	__u32 __room = room_of(map);							\
											\
	if ((args)->spaces > __room)							\
		ioasid_error("%u address spaces exist, " #map " has room for %u: set " #map	\
			     ".max_entries", (args)->spaces, __room);			\
	(args)->spaces <= __room;							\
})

#endif
