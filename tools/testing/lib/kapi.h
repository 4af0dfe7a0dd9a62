/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test-only module ioasid_kapi and its tests agree on: an ioctl for
 * each function that ioasid.ko exports.
 */
#ifndef IOASID_TEST_KAPI_H
#define IOASID_TEST_KAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * An open file has one address space at a time, one access and one group. mmap()
 * gives a reserved page.
 */
enum kapi_op {
	KAPI_CREATE,		/* flags */
	KAPI_FROM_FILE,		/* fd; flags is the id */
	KAPI_JOIN,		/* fd */
	KAPI_GET,		/* another reference */
	KAPI_PUT,		/* one less */
	KAPI_KILL,
	KAPI_NUMBER,		/* out */
	KAPI_IS_OURS,		/* fd; out */
	KAPI_MAP,		/* iova, data, length, flags */
	KAPI_UNMAP,		/* iova, length, flags; out */
	KAPI_LEGACY,		/* flags is the ioctl, data its argument */
	KAPI_ACCESS_CREATE,	/* flags: without a callback, or KAPI_ACCESS_TIDY */
	KAPI_ACCESS_DESTROY,
	KAPI_PIN,		/* iova, length in pages, prot; out is the first word */
	KAPI_UNPIN,		/* iova, length in pages */
	KAPI_READ,		/* iova, data, length; flags is enum kapi_reader */
	KAPI_WRITE,		/* the same */
	KAPI_CALLBACKS,		/* out: how often told of an unmap */
	KAPI_ATTACH,		/* device, flags; claims it if it has an IOMMU */
	KAPI_DETACH,
	KAPI_DOMAIN,		/* of the device's group */
	KAPI_REPORTS_DIRTY,	/* the device's group */
	KAPI_STEPS,		/* flags 1: begin to count; 0: end; out: steps in trees */
	KAPI_FROM_KAPI,		/* fd: of another open file of the module */
	KAPI_HOLD,		/* fd: pid; hold its mmap_lock for reading, as a page fault does */
	KAPI_RELEASE,		/* and end that; so does a close */
	KAPI_DEVICE_MEMORY,	/* iova is a physical address here; length; out */
	KAPI_BLOCK,		/* flags 1: callbacks of unmaps wait; 0: they go on; so does a close */
};

/* Which task reads. */
enum kapi_reader {
	KAPI_CALLER,
	KAPI_KTHREAD,		/* one without memory */
	KAPI_BORROWER,		/* one that has borrowed the memory of the caller */
};

/** struct kapi - a call; the ioctl returns what the function does */
struct kapi {
	__u32 op;
	__u32 flags;
	__s32 fd;
	__s32 prot;
	__u64 iova;
	__u64 data;
	__u64 length;
	__u64 out;
	char device[16];
};

/* Unpins all that it pinned before it is destroyed, as a driver has to. */
#define KAPI_ACCESS_TIDY	2

#define KAPI_CALL	_IOWR('k', 0x40, struct kapi)
#define KAPI_PAGES	16	/* most that are pinned by one call */

#endif
