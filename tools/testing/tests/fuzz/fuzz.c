// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs programs of calls against ioasid for some time; see fuzz.h. As a test,
 * without arguments, for three seconds; FUZZ_SECONDS, FUZZ_SEED and
 * FUZZ_PROGRAM in the environment stand for -s, -n and -p.
 *
 * usage: fuzz [-s SECONDS] [-n SEED] [-p FILE [-c TIMES]]
 *
 * With -p it runs the program in FILE instead, which is what the run before it
 * left in build/vm/out/fuzz: `now` is the program that runs at the moment,
 * `failed` the last one that failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "harness/ktap-run.h"

#define FOLDER		"build/vm/out/fuzz"
#define CORPUS		1024
#define SPLATS		"tools/testing/harness/splats"
/* A page fault whose allocation was made to fail is tried again. */
#define OOM_IN_FAULT	"VM_FAULT_OOM leaked out"

static struct fuzz_stats *stats;
static struct fuzz_program *corpus[CORPUS];
static unsigned int ncorpus;
static unsigned long ended[4];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Runs one and judges it; what is wrong goes to @why. */
static bool judge(const struct fuzz_program *p, char *why, size_t size)
{
	struct fuzz_traces before = fuzz_traces_now();
	enum fuzz_end end;
	char splat[200];

	fuzz_print(p, FOLDER "/now");
	end = fuzz_run(p, stats);
	ended[end]++;
	if (end == FUZZ_STUCK) {
		snprintf(why, size, "a process is stuck in the kernel");
		return false;
	}
	if (fuzz_has_outside(p))
		fuzz_world_restore();
	if (!fuzz_traces_back(&before, why, size))
		return false;
	if (!kmsg_splat(splat, sizeof(splat)))
		return true;
	snprintf(why, size, "kernel splat: %.150s", splat);
	return false;
}

static void keep(const struct fuzz_program *p)
{
	struct fuzz_program *copy = malloc(sizeof(*copy));

	if (!copy || ncorpus == CORPUS) {
		free(copy);
		return;
	}
	*copy = *p;
	corpus[ncorpus++] = copy;
}

/*
 * Every other program depends on seed and number alone. The rest are variants
 * of programs that reached code no other had, and so depend on chance as well.
 */
static void choose(struct fuzz_program *p, uint64_t seed, uint64_t number)
{
	uint64_t rng = seed * 0xd1342543de82ef95ULL + number;
	bool injects = !access("/proc/self/fail-nth", W_OK);

	p->number = number;
	if (number % 2 && ncorpus) {
		*p = *corpus[fuzz_below(&rng, ncorpus)];
		p->number = number;
		fuzz_mutate(p, &rng, corpus[fuzz_below(&rng, ncorpus)], injects);
	} else {
		fuzz_make(p, &rng, injects, fuzz_chance(&rng, 10));
	}
}

static void say_errnos(void)
{
	unsigned int i;

	printf("# errnos:");
	for (i = 0; i < sizeof(stats->by_errno) / sizeof(*stats->by_errno); i++)
		if (stats->by_errno[i])
			printf(" %s %lu", strerrorname_np(i) ?: "?", stats->by_errno[i]);
	printf("\n");
}

static void say(uint64_t seed, unsigned long programs, double seconds)
{
	unsigned int i;

	printf("# fuzz: seed %" PRIu64 ", %lu programs in %.0f s: %lu ended, %lu killed, %lu blocked\n",
	       seed, programs, seconds, ended[FUZZ_ENDED], ended[FUZZ_KILLED], ended[FUZZ_LATE]);
	printf("# fuzz: %lu calls, %lu failed, %lu with an injected failure; coverage %lu, corpus %u\n",
	       stats->calls, stats->failed, stats->injected, fuzz_cover_total(), ncorpus);
	printf("# calls (of which without an error):");
	for (i = 0; i < fuzz_nkinds; i++)
		printf(" %s %lu (%lu)", fuzz_kinds[i].name, stats->by_kind[i],
		       stats->ok_by_kind[i]);
	printf("\n");
	say_errnos();
}

static bool fail(const struct fuzz_program *p, const char *why)
{
	printf("# program %" PRIu64 ": %s\n# it is in " FOLDER "/failed: make fuzz PROGRAM=" FOLDER
	       "/failed\n", p->number, why);
	rename(FOLDER "/now", FOLDER "/failed");
	return false;
}

static bool fuzz(uint64_t seed, double seconds)
{
	double began = now(), said = began;
	struct fuzz_program p;
	unsigned long n = 0;
	bool good = true;
	char why[256];

	while (good && now() - began < seconds) {
		choose(&p, seed, n++);
		good = judge(&p, why, sizeof(why)) || fail(&p, why);
		if (fuzz_cover_new())
			keep(&p);
		if (now() - said > 60) {
			said = now();
			printf("# after %.0f s: %lu programs, %lu calls, coverage %lu\n",
			       said - began, n, stats->calls, fuzz_cover_total());
			fflush(stdout);
		}
	}
	say(seed, n, now() - began);
	/* Calls of every kind must be possible, or nothing much was tried. */
	return good && stats->calls > 0;
}

static bool replay(const char *path, unsigned int times)
{
	struct fuzz_program p;
	char why[256];
	unsigned int i;

	if (!fuzz_parse(&p, path))
		return false;
	for (i = 0; i < times; i++) {
		if (judge(&p, why, sizeof(why)))
			continue;
		printf("# run %u of %s: %s\n", i + 1, path, why);
		return false;
	}
	return true;
}

static bool prepare(void)
{
	mkdir("build/vm/out", 0755);
	mkdir(FOLDER, 0755);
	stats = mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	fuzz_cover_open();
	kmsg_expect(OOM_IN_FAULT);
	return stats != MAP_FAILED && kmsg_open("/dev/kmsg", SPLATS) && fuzz_world_open();
}

int main(int argc, char **argv)
{
	const char *path = NULL, *text;
	double seconds = 3;
	uint64_t seed = 1;
	unsigned int times = 20;
	int option;
	bool good;

	text = getenv("FUZZ_SECONDS");
	if (text && *text)
		seconds = atof(text);
	text = getenv("FUZZ_SEED");
	if (text && *text)
		seed = strtoull(text, NULL, 0);
	text = getenv("FUZZ_PROGRAM");
	if (text && *text)
		path = text;
	while ((option = getopt(argc, argv, "s:n:p:c:")) != -1) {
		switch (option) {
		case 's': seconds = atof(optarg); break;
		case 'n': seed = strtoull(optarg, NULL, 0); break;
		case 'p': path = optarg; break;
		case 'c': times = atoi(optarg); break;
		default:
			fprintf(stderr, "usage: fuzz [-s seconds] [-n seed] [-p program [-c times]]\n");
			return 2;
		}
	}
	printf("KTAP version 1\n1..1\n# expect-splat: " OOM_IN_FAULT "\n");
	fflush(stdout);
	if (!prepare()) {
		printf("not ok 1 programs # the machine is not ready: run tools/testing/tests/fuzz/setup.sh\n");
		return 1;
	}
	good = path ? replay(path, times) : fuzz(seed, seconds);
	printf("%s 1 programs\n", good ? "ok" : "not ok");
	return !good;
}
