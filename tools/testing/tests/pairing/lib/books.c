// SPDX-License-Identifier: GPL-2.0-only
/* What is wrong in the books of a policy, in words. */
#include <time.h>

#include "pairing/test.h"

static const char *const sentences[WRONG_NR] = {
	[WRONG_OPEN] = "was notified twice that an address space is open",
	[WRONG_CLOSE] = "was notified of the close of an address space that was not open",
	[WRONG_ATTACHED] = "was notified of the result of an attach that it was not asked about",
	[WRONG_DETACH] = "was notified of the detach of a group that was not attached",
	[WRONG_MAP_DONE] = "was notified of the end of a map that had not begun",
	[WRONG_UNMAP_DONE] = "was notified of the end of an unmap that had not begun",
	[WRONG_UNCHARGE] = "was given back pages that it was not charged",
	[WRONG_UNPIN] = "was given back pins that it had not accepted",
	[WRONG_INIT] = "had its init called beside programs that it does not inherit from",
	[WRONG_EXIT] = "had its exit called twice",
	[WRONG_OUTSIDE] = "had a hook called before init or after exit",
	[WRONG_FULL] = "has no room left in a map (a fault of the test)",
};

const char *const book_sums[SUM_NR] = {
	"address spaces", "attaches under way", "groups", "maps under way", "unmaps under way",
	"pages", "pins",
};

void nap(unsigned int ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

/* Prints what a policy found wrong; true if nothing. */
bool books_right(unsigned int i)
{
	struct pairing_books b;
	bool good = true;
	unsigned int w;

	if (!policy_books(i, &b))
		return false;
	for (w = 0; w < WRONG_NR; w++) {
		if (!b.wrong[w])
			continue;
		printf("# %s %s: %llu times, the last time for %llu, which then was at %lld\n",
		       policy_name(i), sentences[w], b.wrong[w], b.key[w], b.value[w]);
		good = false;
	}
	return good;
}

static bool all_zero(const struct pairing_books *b)
{
	unsigned int s;

	for (s = 0; s < SUM_NR; s++)
		if (b->sum[s])
			return false;
	return true;
}

/* The books when they are at zero, or do not get there: the last teardown may go on. */
static bool settled_books(unsigned int i, struct pairing_books *b)
{
	unsigned int tries;

	for (tries = 0; policy_books(i, b); tries++) {
		if (all_zero(b) || tries == 500)
			return true;
		nap(10);
	}
	return false;
}

/* Nothing is open. A policy that was not ejected has seen all of it to its end. */
bool books_even(unsigned int i)
{
	struct pairing_books b;
	bool good = true;
	unsigned int s;

	if (!settled_books(i, &b))
		return false;
	for (s = 0; s < SUM_NR; s++) {
		if (!b.sum[s])
			continue;
		printf("# %s stayed to the end, and has %lld %s left\n", policy_name(i), b.sum[s],
		       book_sums[s]);
		good = false;
	}
	if (!good)
		policy_list(i);
	return good;
}
