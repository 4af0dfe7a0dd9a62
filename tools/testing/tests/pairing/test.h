/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies that are loaded and unloaded while tasks map: the parts of the test. Everything
 * is drawn from one seed; how processes meet is chance.
 *
 *	pairing.c	rounds, what happens in them, and the verdict
 *	orders.c	what it once found, by itself
 *	lib/policies.c	the policies
 *	lib/books.c	what is wrong in their books
 *	lib/workers.c	the tasks
 */
#ifndef IOASID_TEST_PAIRING_TEST_H
#define IOASID_TEST_PAIRING_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <linux/types.h>
#include "lib/pairing.h"

#define POLICIES_MAX	16
#define WORKERS		4
#define CGROUPS		3
#define CGROUP		"/sys/fs/cgroup/pairing"
#define SYSFS		"/sys/kernel/ioasid"

/* A number from 0 to @n - 1. */
static inline uint32_t draw_of(uint64_t *rng, uint32_t n)
{
	*rng = *rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*rng >> 33) % n;
}

static inline bool draw_one_in(uint64_t *rng, uint32_t n)
{
	return !draw_of(rng, n);
}

/* ---- lib/policies.c ---- */

/* What struct ioasid_policy_ops says with @flags. */
enum policy_flags {
	ACCOUNT		= 1 << 0,
	FAIL_CLOSED	= 1 << 1,
	AUDIT		= 1 << 2,
	BY_NAME		= 1 << 3,
	BEFORE		= 1 << 4,
	TIMES		= 1 << 5,
};

/** struct scope - the callers a policy is for, and its other data members */
struct scope {
	uint64_t cgroup;
	uint32_t space;
	uint64_t flags;
	int32_t prio;
	uint32_t timeout_us;
};

bool policies_open(unsigned int n);
unsigned int policies_nr(void);
bool policy_loaded(unsigned int i);
const char *policy_name(unsigned int i);
int policy_load(unsigned int i, const struct scope *s, struct pairing_settings *set, uint64_t *rng);
int policy_load_without(unsigned int i, const struct scope *s, struct pairing_settings *set,
			uint32_t without);
int policy_replace(unsigned int i, struct scope *s, struct pairing_settings *set);
void policy_unload(unsigned int i);
void policy_order(unsigned int i, uint32_t act, uint32_t in);
void policy_state(unsigned int i, const char *file, char text[64]);
bool policy_books(unsigned int i, struct pairing_books *b);
void policy_list(unsigned int i);
void policy_clean(unsigned int i);

/* ---- lib/books.c ---- */

extern const char *const book_sums[SUM_NR];
void nap(unsigned int ms);
bool books_right(unsigned int i);
bool books_even(unsigned int i);

/* ---- lib/workers.c ---- */

/** struct task_counts - what the workers did; shared memory */
struct task_counts {
	uint64_t maps, copies, unmaps, pins, attaches, owners, opens, forks, deaths;
	int stop;
};

extern struct task_counts *counts;
bool workers_open(void);
void workers_begin(uint64_t seed);
void workers_revive(uint64_t seed);
void workers_end(void);

#endif
