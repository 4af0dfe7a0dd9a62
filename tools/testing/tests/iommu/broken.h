/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test-only module ioasid_broken and its tests agree on: an IOMMU
 * driver that fails when it is told to, and keeps a record of what is done to
 * it that no driver has to bear.
 */
#ifndef IOASID_TEST_BROKEN_H
#define IOASID_TEST_BROKEN_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Domains that can be in our hands at the same time: slots 0, 1. */
#define BROKEN_SLOTS	2

enum broken_op {
	BROKEN_MAP,		/* -ENOMEM, with so much written and so much reported */
	BROKEN_UNMAP,		/* so much is cleared */
	BROKEN_LOSE,		/* nothing is unmapped, and the driver no longer knows of it */
	BROKEN_SYNC,		/* -EIO, where entries are to be made visible */
	BROKEN_OPS,
};

/** struct broken_domain - whose IOMMU is to fail: a device of a /dev/ioasid; into slot 0 */
struct broken_domain {
	__s32 fd;
	char device[20];
};

/**
 * struct broken_fault - an operation succeeds @after times, then fails @times times
 * @slot: of the domain
 * @op: enum broken_op
 * @after: see above
 * @times: see above
 * @written: bytes for which a failing map does its work, from the start; for
 *	which failing unmaps do theirs, all of them together
 * @reported: bytes for which the map says so
 */
struct broken_fault {
	__u32 slot;
	__u32 op;
	__u32 after;
	__u32 times;
	__u64 written;
	__u64 reported;
};

/**
 * struct broken_seen - what a driver has seen since its domain was taken
 * @slot: of the domain
 * @held: pages that lead somewhere now, of all that ever were mapped
 * @blocks: large entries now
 * @cut: unmaps that would have cut a large entry in two; refused
 * @absent: unmaps of addresses at which there is nothing; refused
 * @unpinned: pages that were unpinned while an entry led there
 * @unflushed: unpins while the IOTLB might still have held what was unmapped
 *
 * Unpins are those of the process that has /dev/ioasid_broken open.
 */
struct broken_seen {
	__u32 slot;
	__u32 held;
	__u32 blocks;
	__u32 cut;
	__u32 absent;
	__u32 unpinned;
	__u32 unflushed;
};

/* The domain of a device that is attached. */
#define BROKEN_TAKE	_IOW('m', 0x50, struct broken_domain)
#define BROKEN_FAULT	_IOW('m', 0x51, struct broken_fault)
#define BROKEN_SEEN	_IOWR('m', 0x52, struct broken_seen)
/* The next domain that a group enters for this process, into the first slot that is free. */
#define BROKEN_TAKE_NEXT _IO('m', 0x53)
/* The driver knows again of what it had lost. */
#define BROKEN_FIND	_IOW('m', 0x54, __u32)
/* As BROKEN_TAKE_NEXT, but for the domain after that: of an attach that pins first. */
#define BROKEN_TAKE_SECOND _IO('m', 0x55)

#endif
