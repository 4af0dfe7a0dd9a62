/* SPDX-License-Identifier: GPL-2.0-only */
/* What at.bpf.c and its loader share: the section .data.at. */
#ifndef IOASID_TEST_AT_H
#define IOASID_TEST_AT_H

/** enum at_answer - what is said about an address in the range */
enum at_answer {
	AT_NEXT,		/* the one behind the range */
	AT_CLIMB,		/* the next page, for ever */
	AT_STAY,		/* the same one: it may not */
	AT_BACK,		/* a lower one: it may not */
	AT_ERRNO,		/* at_state.value */
};

/** struct at_state - first what the loader sets, while the policy runs, then what was seen */
struct at_state {
	__u64 deny_first;	/* the range that is turned down */
	__u64 deny_last;	/* inclusive; 0: none */
	__u64 answer;
	__s64 value;
	__u64 place;		/* what map_place says */
	__u64 wait_length;	/* a map of so many bytes waits in map_begin */
	__u64 wait_us;

	__u64 begun;
	__u64 asked;		/* calls of map_at */
	__u64 refused;		/* and those not answered with 0 */
	__u64 made;
	__u64 failed;
	__u64 unseen;		/* mappings made where map_at did not say yes */
	__u64 twice;		/* or was asked more than once */
	__u64 early;		/* map_begin had the address that is chosen later */
	__u64 nowhere;		/* map_at had none */
	__u64 flags;		/* of all mappings */
	__s64 err;		/* of the last one that failed */
	__u64 reason;
	__u64 a;
	__u64 b;
	__u64 iova;
};

#endif
