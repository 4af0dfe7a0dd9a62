/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the policy of tools/testing/tests/pairing (policy/pairing.bpf.c) and the test
 * agree on. Both include it, so it uses nothing but the types that both have.
 */
#ifndef IOASID_TEST_PAIRING_H
#define IOASID_TEST_PAIRING_H

/* What can be wrong; each has a sentence in pairing.c. */
enum pairing_wrong {
	WRONG_OPEN,		/* key: space */
	WRONG_CLOSE,
	WRONG_ATTACHED,		/* key: thread */
	WRONG_DETACH,		/* key: space and group */
	WRONG_MAP_DONE,		/* key: thread */
	WRONG_UNMAP_DONE,
	WRONG_UNCHARGE,		/* key: space */
	WRONG_UNPIN,
	WRONG_INIT,		/* key: enum ioasid_replaces */
	WRONG_EXIT,
	WRONG_OUTSIDE,		/* key: hook */
	WRONG_FULL,		/* a map of the policy */
	WRONG_NR,
};

/* What is open, by kind. */
enum pairing_sum {
	SUM_SPACES,
	SUM_ATTACHES,		/* asked for, without a result yet */
	SUM_GROUPS,
	SUM_MAPS,		/* begun, and not done */
	SUM_UNMAPS,
	SUM_PAGES,		/* charged */
	SUM_PINS,
	SUM_NR,
};

/* Hooks that go together; a policy has them all, or only the ends, or none. */
enum pairing_group {
	GROUP_SPACES,
	GROUP_ATTACHES,
	GROUP_MAPS,
	GROUP_UNMAPS,
	GROUP_CHARGES,
	GROUP_PINS,
	GROUP_NR,
};

/* What a policy does to be ejected. */
enum pairing_act {
	ACT_NOTHING,
	ACT_ERRNO,		/* a refusal that is not allowed */
	ACT_VALUE,		/* a value that means nothing */
	ACT_ERROR,		/* bpf_ioasid_error() */
	ACT_EXIT,		/* bpf_ioasid_exit() */
	ACT_NR,
};

/* Where it can: hooks that are asked. */
enum pairing_asked {
	ASKED_SPACE_OPEN,
	ASKED_ATTACH,
	ASKED_MAP_BEGIN,
	ASKED_CHARGE,
	ASKED_ACCESS_PIN,
	ASKED_OWNER_CHANGE,
	ASKED_INIT,
	ASKED_EXIT,
	ASKED_NR,
};

/**
 * struct pairing_settings - how a policy behaves; written before it is loaded
 * @rng: where its decisions come from
 * @refuse: it refuses one in so many; 0 for none
 * @act: enum pairing_act, once, in hook @act_in
 * @act_in: enum pairing_asked
 * @audit: what it returns is ignored
 * @ends_only: bit per enum pairing_group
 * @rounds: of a loop in map_begin, to be slow
 */
struct pairing_settings {
	__u64 rng;
	__u32 refuse;
	__u32 act;
	__u32 act_in;
	__u32 audit;
	__u32 ends_only;
	__u32 rounds;
};

/**
 * struct pairing_books - what began and ended for a policy, and what was wrong
 * @sum: by enum pairing_sum
 * @alive: calls of init without one of exit
 * @wrong: how often, by enum pairing_wrong
 * @key: of the last time
 * @value: likewise: what was open then
 * @told: what began, by enum pairing_sum
 */
struct pairing_books {
	__s64 sum[SUM_NR];
	__s64 alive;
	__u64 wrong[WRONG_NR];
	__u64 key[WRONG_NR];
	__s64 value[WRONG_NR];
	__u64 told[SUM_NR];
};

/* By address space, by thread, and by address space and group. */
struct pairing_space {
	__s64 open;
	__s64 pages;
	__s64 pins;
};

struct pairing_thread {
	__s64 attaches;
	__s64 maps;
	__s64 unmaps;
};

struct pairing_attached {
	__u32 space;
	__u32 group;
};

#define PAIRING_KEYS	16384	/* most entries of a map */

#endif
