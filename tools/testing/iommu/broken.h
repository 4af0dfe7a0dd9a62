/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test-only module ioasid_broken and its tests agree on: an IOMMU
 * driver that fails when it is told to.
 */
#ifndef IOASID_TEST_BROKEN_H
#define IOASID_TEST_BROKEN_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum broken_op {
	BROKEN_MAP,		/* half of it is mapped, and -ENOMEM */
	BROKEN_UNMAP,		/* nothing is unmapped */
	BROKEN_SYNC,		/* -EIO, where entries are to be made visible */
	BROKEN_OPS,
};

/** struct broken_domain - whose IOMMU is to fail: a device of a /dev/ioasid */
struct broken_domain {
	__s32 fd;
	char device[20];
};

/** struct broken_fault - an operation succeeds @after times, then fails @times times */
struct broken_fault {
	__u32 op;
	__u32 after;
	__u32 times;
};

#define BROKEN_TAKE	_IOW('m', 0x50, struct broken_domain)
#define BROKEN_FAULT	_IOW('m', 0x51, struct broken_fault)

#endif
