/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the observers have in common: options, filters, the loop that ends with
 * Ctrl-C, and what they say when the kernel does not let them watch.
 */
#ifndef IOASID_LIB_OBSERVER_H
#define IOASID_LIB_OBSERVER_H

#include <getopt.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>

struct observer {
	const char *name;
	const char *usage;		/* all of what --help prints */
	bool intervals;			/* takes [INTERVAL [COUNT]] */
	/* Options of its own, after the common ones; the table ends with NULL. */
	const struct option *own;
	/* Takes one of them: 0, or an exit status after a message. */
	int (*take)(int option, const char *value);

	uint64_t tgid;			/* -p */
	const char *cgroup;		/* -c */
	bool times;			/* -T */
	bool json;			/* -j */
	bool debug;			/* --debug */
	uint64_t seconds;		/* -d: end after so many */
	uint64_t interval;		/* seconds; 0 if none was given */
	uint64_t count;			/* of intervals; 0 if none was given */

	uint64_t lost;			/* what observer_lost() has told so far */
	bool unwritable;		/* and whether observer_flush() has failed */
};

/*
 * Reads the command line, and blocks the signals that end an observer. Returns
 * 0, or the exit status after a message. --help and --version do not return.
 */
int observer_start(struct observer *o, int argc, char **argv);

/* "NAME: WHAT 'TEXT' (see NAME --help)"; returns the exit status. */
int observer_bad_usage(const struct observer *o, const char *what, const char *text);

/* Fails with a line that says what to do unless this kernel can be watched. */
int observer_ready(void);

/* Into the read-only variables of ioasid/filter.bpf.h; fails as observer_ready(). */
int observer_filter(const struct observer *o, __u32 *tgid, __u64 *cgroup, __u32 *level);

/* Why a skeleton could not be opened, loaded or attached. Returns -1. */
int observer_fail(void);

/*
 * Defines start(): a skeleton that @set_up (or NULL) has changed and that is
 * filtered, loaded and attached; NULL after a message.
 */
#define OBSERVER_DEFINE_START(skeleton, observer)					\
static struct skeleton *start(void (*set_up)(struct skeleton *))			\
{											\
	struct skeleton *skel;								\
											\
	if (observer_ready())								\
		return NULL;								\
	skel = skeleton##__open();							\
	if (!skel) {									\
		observer_fail();							\
		return NULL;								\
	}										\
	if (set_up)									\
		set_up(skel);								\
	if (!observer_filter(observer, &skel->rodata->only_tgid,			\
			     &skel->rodata->only_cgroup,				\
			     &skel->rodata->only_cgroup_level)) {			\
		if (!skeleton##__load(skel) && !skeleton##__attach(skel))		\
			return skel;							\
		observer_fail();							\
	}										\
	skeleton##__destroy(skel);							\
	return NULL;									\
}

/* Has Ctrl-C been pressed? */
bool observer_stopped(void);

/* Sleeps so long, or until Ctrl-C: false then, for good. */
bool observer_sleep(uint64_t ms);

/*
 * Calls @tick at the end of each interval: as many as were asked for, for as
 * long as was asked for, or until Ctrl-C, which ends the last one early. Without
 * an interval there is one tick, at the end.
 */
void observer_loop(struct observer *o, void (*tick)(void *), void *data);

/* Milliseconds that only go forward. */
uint64_t observer_now_ms(void);

/* Nanoseconds since the epoch of a CLOCK_MONOTONIC time; 0 is now. */
uint64_t observer_wall_ns(uint64_t monotonic_ns);

/* "12:34:56" or, with @micro, "12:34:56.123456", and a blank. */
void observer_print_time(uint64_t wall_ns, bool micro);

/*
 * A size for a ring buffer: at least a page, rounded up to a power of two. False if
 * @text is none, or more than 1 GiB.
 */
bool observer_ring_size(const char *text, __u32 *size);

/*
 * @lost is how many records found no room since the programs were attached. Warns on
 * stderr when that is more than before, with @remedy, and returns how many more. From
 * then on observer_end() is EXIT_LOST.
 */
uint64_t observer_lost(struct observer *o, const char *what, uint64_t lost, const char *remedy);

/* Writes out what was printed; false, after one message, if that cannot be done. */
bool observer_flush(struct observer *o);

/* The exit status: output could not be written, something was lost, or 0. */
int observer_end(struct observer *o);

#endif
