/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sweeps: one flow is run over and over, and in run n the kernel makes the
 * n-th thing of this task fail that can fail, an allocation or a copy from or
 * to user space, until a run has fewer of them. After each run nothing may be
 * left behind, and the same call must work when nothing fails.
 *
 * This needs a kernel with CONFIG_FAULT_INJECTION; setup.sh prepares it.
 */
#ifndef IOASID_TEST_SWEEP_H
#define IOASID_TEST_SWEEP_H

#include "lib/users.h"

#define SWEEP_FILE	"/proc/self/fail-nth"
#define SWEEP_MAX	5000	/* a flow that never comes to its end is a bug */

/* What a flow works with; each uses what it needs. */
struct world {
	struct backend d;
	struct backend other;
	char *mem;
	void *more;
	long long bytes;
};

/*
 * @ready, which may be NULL, runs before each try of @call, and @undo takes
 * back what @call did; both without failures. All return whether it worked;
 * @call leaves errno.
 *
 * @gone, which may be NULL: @call says that it failed, but all of it was done
 * but for telling so. Then @undo is due as well.
 */
struct flow {
	bool (*ready)(struct world *w);
	bool (*call)(struct world *w);
	bool (*undo)(struct world *w);
	bool (*gone)(struct world *w);
};

/* What must be the same before and after. */
struct traces {
	long long pinned;
	long locked;
	long long avail;
	int spaces;		/* address spaces in the whole system */
	struct user_counts users;	/* what is counted for all of them */
	int core;		/* references on the modules */
	int shim;
	int ways;		/* on setcontainer and pci together */
};

/* --- one failure --- */

static inline bool sweep_possible(void)
{
	return !access(SWEEP_FILE, W_OK);
}

static inline void sweep_arm(int fd, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fd, text, length, 0) != length)
		abort();
}

/*
 * Ends it, and says whether the failure happened. Asking is a copy and may be
 * what fails; then it had not happened before.
 */
static inline bool sweep_disarm(int fd)
{
	char text[16] = "";
	bool left = pread(fd, text, sizeof(text) - 1, 0) < 0 || atoi(text) > 0;
	int tries;

	for (tries = 0; tries < 3; tries++)
		if (pwrite(fd, "0", 1, 0) == 1)
			return !left;
	abort();
}

/* --- traces --- */

static inline int sweep_refs(const char *module)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	if (fd >= 0)
		close(fd);
	return atoi(text);
}

static inline int sweep_spaces(void)
{
	FILE *file = fopen("/sys/kernel/debug/ioasid/spaces", "re");
	int n = 0, c;

	while (file && (c = getc(file)) != EOF)
		n += c == '\n';
	if (file)
		fclose(file);
	return n;
}

static inline struct traces sweep_traces(const struct world *w)
{
	return (struct traces){
		.pinned = ktap_pinned(),
		.locked = locked_kib(),
		.avail = w->d.fd >= 0 ? backend_avail(&w->d) : -1,
		.spaces = sweep_spaces(),
		.users = user_counts(-1),
		.core = sweep_refs("ioasid"),
		.shim = sweep_refs("ioasid_vfio"),
		.ways = sweep_refs("ioasid_setcontainer") + sweep_refs("ioasid_pci"),
	};
}

static inline bool sweep_same(const struct traces *a, const struct traces *b)
{
	return a->pinned == b->pinned && a->locked == b->locked && a->avail == b->avail &&
	       a->spaces == b->spaces && a->core == b->core && a->shim == b->shim &&
	       a->ways == b->ways && a->users.spaces == b->users.spaces &&
	       a->users.mappings == b->users.mappings && a->users.lines == b->users.lines;
}

/* Some of it ends a little after the call: programs, files, grace periods. */
static inline bool sweep_clean(const struct world *w, const struct traces *before, const char *when,
			       unsigned int n)
{
	struct traces after;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		after = sweep_traces(w);
		if (sweep_same(before, &after))
			return true;
		usleep(50000);
	}
	TH_LOG("failure %u, %s: pinned %+lld, VmLck %+ld KiB, free mappings %+lld, address spaces %+d (of %+d users, who have %+ld and %+ld mappings), references %+d on ioasid, %+d on ioasid_vfio, %+d on setcontainer and pci",
	       n, when, after.pinned - before->pinned, after.locked - before->locked,
	       after.avail - before->avail, after.spaces - before->spaces,
	       after.users.lines - before->users.lines, after.users.spaces - before->users.spaces,
	       after.users.mappings - before->users.mappings,
	       after.core - before->core, after.shim - before->shim, after.ways - before->ways);
	return false;
}

/* --- a sweep --- */

/* A call that did something else than it said: the sweep ends there. */
static bool sweep_wrong;

static inline bool sweep_complain(const char *what)
{
	TH_LOG("%s", what);
	sweep_wrong = true;
	return false;
}

/* A /dev/ioasid, and @bytes of small pages that are there, which it does not have. */
static inline bool world_open(struct world *w, long long bytes)
{
	w->other = (struct backend){ .fd = -1, .group = -1 };
	w->bytes = bytes;
	w->mem = small_pages(bytes);
	if (w->mem == MAP_FAILED) {
		TH_LOG("there is no memory");
		return false;
	}
	memset(w->mem, 1, bytes);
	return backend_open(&w->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL);
}

/* Errnos that the failures brought, in the order of their first appearance. */
struct sweep_errnos {
	int value[16];
	unsigned int count[16];
};

static inline void sweep_note(struct sweep_errnos *seen, int err)
{
	int i;

	for (i = 0; i < 15 && seen->value[i] && seen->value[i] != err; i++)
		;
	seen->value[i] = err;
	seen->count[i]++;
}

static inline void sweep_say(unsigned int points, unsigned int survived,
			     const struct sweep_errnos *seen)
{
	char text[256] = "";
	size_t used = 0;
	int i;

	for (i = 0; i < 16 && seen->value[i]; i++)
		used += snprintf(text + used, used < sizeof(text) ? sizeof(text) - used : 0,
				 ", %u times %s", seen->count[i], strerrorname_np(seen->value[i]));
	TH_LOG("%u points, %u without effect%s", points, survived, text);
}

/* One run with failure @n; false when the sweep cannot go on. */
static inline bool sweep_once(struct world *w, const struct flow *flow, int fd, unsigned int n,
			      bool *fired, int *err)
{
	struct traces before = sweep_traces(w), ready;
	bool done;

	if (flow->ready && !flow->ready(w)) {
		TH_LOG("failure %u: cannot get ready: %s", n, strerror(errno));
		return false;
	}
	ready = sweep_traces(w);
	sweep_arm(fd, n);
	done = flow->call(w);
	*err = done ? 0 : errno;
	*fired = sweep_disarm(fd);

	if (sweep_wrong) {
		TH_LOG("failure %u: %s", n, strerror(*err));
		return false;
	}
	if (!done && !*fired) {
		TH_LOG("failed with %s though nothing was made to fail", strerror(*err));
		return false;
	}
	if (!done && !(flow->gone && flow->gone(w))) {
		if (!sweep_clean(w, &ready, "after it", n))
			return false;
		if (!flow->call(w)) {
			TH_LOG("failure %u (%s): the same call fails afterwards with %s", n,
			       strerror(*err), strerror(errno));
			return false;
		}
	}
	if (!flow->undo(w)) {
		TH_LOG("failure %u: cannot be undone: %s", n, strerror(errno));
		return false;
	}
	return sweep_clean(w, &before, "at the end", n) && !sweep_wrong;
}

/*
 * Fails the n-th thing of the task behind @fd, a fail-nth file, for every n until
 * there is none. Returns whether everything was as it should be.
 */
static inline bool sweep_task(struct world *w, const struct flow *flow, int fd)
{
	struct sweep_errnos seen = {};
	unsigned int n, survived = 0;
	bool fired = true;
	int err = 0;

	for (n = 1; n <= SWEEP_MAX; n++) {
		if (!sweep_once(w, flow, fd, n, &fired, &err))
			return false;
		if (!fired) {
			sweep_say(n - 1, survived, &seen);
			return n > 1;
		}
		survived += !err;
		if (err)
			sweep_note(&seen, err);
	}
	TH_LOG("no end after %u failures", n - 1);
	return false;
}

/* The same of the caller. */
static inline bool sweep(struct world *w, const struct flow *flow)
{
	int fd = open(SWEEP_FILE, O_RDWR | O_CLOEXEC), err = 0;
	bool fired = true, good;

	if (fd < 0) {
		TH_LOG("cannot open " SWEEP_FILE ": %s", strerror(errno));
		return false;
	}
	/* A page fault of the test itself is tried again. */
	printf("# expect-splat: VM_FAULT_OOM leaked out\n");
	/* What the detector of leaks needs for itself. */
	printf("# expect-splat: kmemleak: Cannot allocate a\n");
	/* Once without a failure: what faults for the first time shall not do so below. */
	good = sweep_once(w, flow, fd, 0, &fired, &err) && !err;
	if (good)
		good = sweep_task(w, flow, fd);
	else
		TH_LOG("fails without an injected failure: %s", strerror(err));
	close(fd);
	return good;
}

/* One line, not one for each test, where there is nothing to do. */
#define SWEEP_MAIN								\
	int main(int argc, char **argv)						\
	{									\
		if (sweep_possible())						\
			return ktap_main(argc, argv);				\
		printf("KTAP version 1\n1..0 # the kernel has no fault injection (" \
		       SWEEP_FILE ")\n");					\
		return 0;							\
	}

#endif
