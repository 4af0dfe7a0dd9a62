/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test-only driver ioasid_mig and its tests agree on: a software PCI device that
 * migrates, and that writes to the memory of its container by a pattern.
 *
 * The device has one BAR with the registers below, each of 8 bytes. The pattern is a
 * function of MIG_SEED alone: mig_next() gives the page of each write and the word in it,
 * and the number of the write is what is written there. So the seed and MIG_WRITTEN
 * say what memory must hold.
 */
#ifndef IOASID_TEST_MIG_H
#define IOASID_TEST_MIG_H

#include <linux/types.h>

#define MIG_DEVICES	2
#define MIG_VENDOR	0x1234
#define MIG_DEVICE	0x10a5
#define MIG_BAR_SIZE	4096
/* Offset of a VFIO region in the device's file. */
#define MIG_REGION(n)	((__u64)(n) << 40)

enum mig_register {
	/** @MIG_SEED: of the pattern; setting it begins the pattern anew, and must not be 0 */
	MIG_SEED	= 0x00,
	/** @MIG_BASE: I/O virtual address of the first page of the window */
	MIG_BASE	= 0x08,
	/** @MIG_PAGES: pages in the window; 0 means that the device writes nothing */
	MIG_PAGES	= 0x10,
	/** @MIG_PAUSE: microseconds between two writes of the device's own */
	MIG_PAUSE	= 0x18,
	/** @MIG_COMMAND: MIG_DO_*, when it is written */
	MIG_COMMAND	= 0x20,
	/** @MIG_COUNT: how many writes MIG_DO_WRITE makes, or pages MIG_DO_PIN pins */
	MIG_COUNT	= 0x28,
	/** @MIG_WRITTEN: writes of the pattern so far, those that failed as well; read only */
	MIG_WRITTEN	= 0x30,
	/** @MIG_FAILED: writes that failed, because the page is not mapped; read only */
	MIG_FAILED	= 0x38,
	/** @MIG_PINNED: pages that the device has pinned; read only */
	MIG_PINNED	= 0x40,
	/** @MIG_ERROR: errno of the last command, or 0; read only */
	MIG_ERROR	= 0x48,
	/** @MIG_RUNS: 1 while the device writes by itself; read only */
	MIG_RUNS	= 0x50,
};

enum mig_command {
	/** @MIG_DO_WRITE: MIG_COUNT writes now */
	MIG_DO_WRITE	= 1,
	/** @MIG_DO_PIN: pin the first MIG_COUNT pages of the window, until it is undone */
	MIG_DO_PIN	= 2,
	/** @MIG_DO_UNPIN: unpin all of them */
	MIG_DO_UNPIN	= 3,
	/** @MIG_DO_RUN: write by itself from now on, whenever the device's state lets it */
	MIG_DO_RUN	= 4,
	/** @MIG_DO_HALT: and not any more; no write is under way when the call returns */
	MIG_DO_HALT	= 5,
};

/** struct mig_write - one write of the pattern */
struct mig_write {
	__u64 page;	/* in the window */
	__u64 offset;	/* in the page, a multiple of 8 */
};

/* The next write of the pattern of @state, which is the seed at first. */
static inline struct mig_write mig_next(__u64 *state, __u64 pages)
{
	__u64 x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return (struct mig_write){ (x >> 32) % pages, (x & 511) * 8 };
}

/** struct mig_record - the device's state on its way; the stream is one or more of them */
struct mig_record {
	__u64 magic;
	__u64 seed;
	__u64 base;
	__u64 pages;
	__u64 pause;
	__u64 written;
	__u64 failed;
	/** @pinned: pages of the window to pin before the device runs again */
	__u64 pinned;
	__u64 runs;
	__u64 pattern;	/* the state of mig_next() */
	/** @config: the configuration space */
	__u8 config[256];
};

#define MIG_MAGIC	0x31474d4449534f49ULL

#endif
