// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every end has its beginning: up to sixteen policies of random priority, scope
 * and flags are loaded, replaced, ejected each way and unloaded, while four tasks
 * and their children map, unmap, pin, attach, fork and die. Each policy keeps a
 * book of what began and ended (policy/pairing.bpf.c). No sum in it may get below
 * zero; and when nothing is open any more, those that are enabled must be at zero.
 *
 * By itself it takes some seconds, with a few policies and two seeds. The
 * environment may say PAIRING_SECONDS, PAIRING_SEED (then it is that one alone)
 * and PAIRING_POLICIES.
 *
 * A round is a number of steps, at the end of which all tasks end. What is done
 * in it depends on the seed and the number of the round alone; how the tasks meet
 * is chance. PAIRING_ROUND is the round that comes first.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pairing/test.h"

#define STEPS		60
#define SPACES		"/sys/kernel/debug/ioasid/spaces"

static uint64_t rng;
static struct {
	unsigned long loads, refused, replaced, inherited, unloads, kills, stayed, rounds;
	unsigned long told[SUM_NR];
	unsigned long ends[8];
} did;

static const char *const kinds[] = {
	"error_return", "error_slow", "error_bpf", "bpf", "killed", NULL
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static bool is_enabled(unsigned int i)
{
	char state[64];

	policy_state(i, "state", state);
	return !strcmp(state, "enabled");
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* What is named may be gone by now. */
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

/* How many address spaces there are, and the id of one of them. */
static unsigned int spaces(uint32_t *id)
{
	FILE *f = fopen(SPACES, "re");
	unsigned int n = 0;
	char line[256];
	uint32_t one;

	*id = 0;
	if (!f)
		return ~0U;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%u ", &one) != 1)
			continue;
		if (draw_one_in(&rng, ++n))
			*id = one;
	}
	fclose(f);
	return n;
}

static uint64_t cgroup_id(uint32_t n)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), CGROUP "/%c", 'a' + n);
	return stat(path, &st) ? 0 : st.st_ino;
}

static struct scope a_scope(void)
{
	struct scope s = { .prio = (int32_t)draw_of(&rng, 5) - 2 };
	uint32_t how = draw_of(&rng, 10);

	if (how < 3)
		s.cgroup = cgroup_id(draw_of(&rng, CGROUPS));
	else if (how == 3)
		spaces(&s.space);
	else if (how == 4)
		s.flags |= BY_NAME;
	if (draw_one_in(&rng, 4))
		s.flags |= ACCOUNT;
	if (draw_one_in(&rng, 8))
		s.flags |= FAIL_CLOSED;
	if (draw_one_in(&rng, 5))
		s.flags |= AUDIT;
	if (draw_one_in(&rng, 3))
		s.flags |= BEFORE;
	if (draw_one_in(&rng, 3))
		s.flags |= TIMES;
	return s;
}

static struct pairing_settings a_way(struct scope *s)
{
	struct pairing_settings set = { .rng = rng, .audit = !!(s->flags & AUDIT) };

	if (draw_one_in(&rng, 3))
		set.refuse = 6 + draw_of(&rng, 40);
	/* Slow: that takes seconds to be found. */
	if (draw_one_in(&rng, 12)) {
		set.rounds = 20000;
		s->timeout_us = 1;
	}
	if (draw_one_in(&rng, 16)) {
		set.act = 1 + draw_of(&rng, ACT_NR - 1);
		set.act_in = draw_of(&rng, 2) ? ASKED_INIT : ASKED_EXIT;
	}
	return set;
}

static void a_load(unsigned int i)
{
	struct scope s = a_scope();
	struct pairing_settings set = a_way(&s);

	if (policy_load(i, &s, &set, &rng))
		did.refused++;
	else
		did.loads++;
}

static void count_end(unsigned int i)
{
	char kind[64];
	size_t k;

	policy_state(i, "exit_kind", kind);
	for (k = 0; kinds[k]; k++)
		did.ends[k] += !strcmp(kind, kinds[k]);
}

static void a_replacement(unsigned int i)
{
	struct scope s = a_scope();
	struct pairing_settings set = a_way(&s);
	bool enabled = is_enabled(i);

	count_end(i);
	if (policy_replace(i, &s, &set)) {
		did.refused++;
		return;
	}
	did.replaced++;
	did.inherited += enabled;
}

static void an_unload(unsigned int i)
{
	count_end(i);
	policy_unload(i);
	did.unloads++;
}

static void a_kill(unsigned int i)
{
	char path[128];

	snprintf(path, sizeof(path), SYSFS "/policies/%s/%s", policy_name(i), "enabled");
	write_to(path, "0");
	did.kills++;
}

static void a_selection(unsigned int i)
{
	char text[64];
	uint32_t id;

	if (spaces(&id) && id) {
		snprintf(text, sizeof(text), "%u %s", id, draw_of(&rng, 3) ? policy_name(i) : "");
		write_to(SYSFS "/select", text);
	}
	if (draw_one_in(&rng, 3))
		write_to("/sys/module/ioasid/parameters/default_policy",
			 draw_of(&rng, 2) ? policy_name(i) : "");
}

/* Mostly in a hook that others are asked before and after, and for what they then get back. */
static void an_order(unsigned int i)
{
	static const uint32_t hooks[] = {
		ASKED_SPACE_OPEN, ASKED_ATTACH, ASKED_MAP_BEGIN, ASKED_CHARGE, ASKED_CHARGE,
		ASKED_CHARGE, ASKED_ACCESS_PIN, ASKED_ACCESS_PIN, ASKED_OWNER_CHANGE,
	};
	uint32_t act = draw_of(&rng, 2) ? ACT_ERRNO : 1 + draw_of(&rng, ACT_NR - 1);

	policy_order(i, act, hooks[draw_of(&rng, sizeof(hooks) / sizeof(hooks[0]))]);
}

static void one_step(void)
{
	unsigned int i = draw_of(&rng, policies_nr());
	uint32_t n = draw_of(&rng, 100);
	char text[64];

	if (!policy_loaded(i)) {
		a_load(i);
	} else if (n < 25) {
		an_unload(i);
	} else if (n < 55) {
		a_replacement(i);
	} else if (n < 78) {
		an_order(i);
	} else if (n < 84) {
		a_kill(i);
	} else if (n < 86) {
		write_to("/sys/module/ioasid/parameters/policies", "N");
		write_to("/sys/module/ioasid/parameters/policies", "Y");
	} else if (n < 95) {
		a_selection(i);
	} else {
		policy_state(i, "dump", text);
	}
}

static bool all_gone(void)
{
	unsigned int tries;
	uint32_t id;

	for (tries = 0; tries < 3000; tries++) {
		if (!spaces(&id))
			return true;
		nap(10);
	}
	printf("# address space %u does not go\n", id);
	return false;
}

static bool one_round(uint64_t seed, unsigned long number, double until)
{
	bool good = true;
	unsigned int i, n;

	rng = seed * 0xd1342543de82ef95ULL + number * 0x2545f4914f6cdd1dULL;
	draw_of(&rng, 2);
	workers_begin(rng);
	for (n = 0; n < STEPS && good && now() < until; n++) {
		one_step();
		nap(draw_of(&rng, 12));
		workers_revive(rng);
		for (i = 0; i < policies_nr(); i++)
			good &= books_right(i);
	}
	workers_end();
	good &= all_gone();
	for (i = 0; i < policies_nr(); i++) {
		good &= books_right(i);
		if (good && is_enabled(i)) {
			good = books_even(i);
			did.stayed++;
		}
		if (good)
			policy_clean(i);
	}
	if (!good)
		printf("# it is round %lu: make pairing SEED=%" PRIu64 " ROUND=%lu\n", number, seed,
		       number);
	did.rounds++;
	return good;
}

static void say(uint64_t seed, double seconds)
{
	unsigned int i;

	printf("# pairing: seed %" PRIu64 ", %u policies, %lu rounds in %.0f s: %lu loaded, %lu replaced (%lu while enabled), %lu unloaded, %lu refused, %lu enabled at the end of a round\n",
	       seed, policies_nr(), did.rounds, seconds, did.loads, did.replaced, did.inherited,
	       did.unloads, did.refused, did.stayed);
	printf("# pairing: ejected:");
	for (i = 0; kinds[i]; i++)
		printf(" %s %lu", kinds[i], did.ends[i]);
	printf("; begun");
	for (i = 0; i < SUM_NR; i++)
		printf(" %s %lu%s", book_sums[i], did.told[i], i + 1 < SUM_NR ? "," : "\n");
	printf("# tasks: %" PRIu64 " opens, %" PRIu64 " maps, %" PRIu64 " copies, %" PRIu64 " unmaps, %" PRIu64 " pins, %" PRIu64 " attaches, %" PRIu64 " changes of owner, %" PRIu64 " forks, %" PRIu64 " deaths\n",
	       counts->opens, counts->maps, counts->copies, counts->unmaps, counts->pins,
	       counts->attaches, counts->owners, counts->forks, counts->deaths);
}

/* Was there something of everything, as far as there was time? Else nothing much was tried. */
static bool enough(double seconds)
{
	bool all = did.loads && did.told[SUM_MAPS] && did.told[SUM_PAGES];
	unsigned int i;

	if (seconds > 50)
		all &= did.replaced && did.inherited && did.unloads && did.stayed;
	for (i = 0; i < SUM_NR && seconds > 50; i++)
		all &= did.told[i] > 0;
	/* Each way out; a hook that is slow takes longest. */
	for (i = 0; kinds[i] && seconds > 250; i++)
		all &= did.ends[i] > 0;
	if (!all)
		printf("# not all that can happen did\n");
	return all;
}

/* Adds to the sums what began in the books so far, or subtracts it. */
static void add_told(long sign)
{
	struct pairing_books b;
	unsigned int i, s;

	for (i = 0; i < policies_nr(); i++)
		for (s = 0; s < SUM_NR && policy_books(i, &b); s++)
			did.told[s] += (unsigned long)(sign * (long)b.told[s]);
}

static bool one_seed(uint64_t seed, unsigned long number, double seconds)
{
	double began = now(), said = began;
	unsigned int i;
	bool good;

	memset(&did, 0, sizeof(did));
	memset(counts, 0, sizeof(*counts));
	add_told(-1);
	do {
		good = one_round(seed, number++, began + seconds);
		if (now() - said > 60) {
			said = now();
			printf("# after %.0f s: round %lu\n", said - began, number);
			fflush(stdout);
		}
	} while (good && now() - began < seconds);
	add_told(1);
	say(seed, now() - began);
	for (i = 0; i < policies_nr(); i++)
		if (policy_loaded(i))
			policy_unload(i);
	return good && enough(now() - began);
}

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

static bool result(int number, bool good, const char *name)
{
	printf("%s %d %s\n", good ? "ok" : "not ok", number, name);
	fflush(stdout);
	return good;
}

int main(void)
{
	double seconds = from_environment("PAIRING_SECONDS", 5);
	unsigned long number = from_environment("PAIRING_ROUND", 1);
	unsigned int policies = from_environment("PAIRING_POLICIES", 5);
	uint64_t seed = from_environment("PAIRING_SEED", 0);
	bool good;

	if (policies < 1 || policies > POLICIES_MAX) {
		fprintf(stderr, "PAIRING_POLICIES is 1 to %d\n", POLICIES_MAX);
		return 1;
	}
	printf("KTAP version 1\n1..%d\n", seed ? 2 : 3);
	good = result(1, workers_open() && policies_open(policies), "policies");
	if (!good)
		return 1;
	good &= result(2, one_seed(seed ?: 1, number, seconds), "pairs");
	if (!seed)
		good &= result(3, good && one_seed(2, number, seconds), "pairs_again");
	return !good;
}
