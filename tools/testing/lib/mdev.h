/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test-only driver ioasid_mdev and its tests agree on: the ioctls of
 * a software device that does to a container what a test tells it.
 */
#ifndef IOASID_TEST_MDEV_H
#define IOASID_TEST_MDEV_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * Device 0 and 1 hear of unmaps; device 2 has no callback for them. A PCI device
 * that is bound to MDEV_PCI does the same with an IOMMU behind it. mmap() of any
 * of them shows ordinary pages by their frame numbers (VM_PFNMAP).
 */
#define MDEV_DEVICES	3
#define MDEV_DEAF	2
#define MDEV_PCI	"ioasid_mdev_pci"

/** struct mdev_pin - pages to pin or to unpin; the ioctl returns how many */
struct mdev_pin {
	__u64 iova;
	__u32 npages;
	/** @prot: 1 read, 2 write */
	__u32 prot;
	/** @word: on return the first eight bytes of the first page */
	__u64 word;
};

/** struct mdev_rw - a copy between the caller's @data and the container's memory */
struct mdev_rw {
	__u64 iova;
	__u64 data;
	__u32 length;
	__u32 write;
	/** @thread: let a kernel thread do it */
	__u32 thread;
	__u32 pad;
};

enum mdev_mode {
	/** @MDEV_STUBBORN: pins stay when the driver is notified of an unmap */
	MDEV_STUBBORN	= 1 << 0,
	/** @MDEV_LEAKY: pins stay when the device is closed, until the next MDEV_MODE */
	MDEV_LEAKY	= 1 << 1,
};

/** struct mdev_state - what the driver has seen and has */
struct mdev_state {
	__u64 callbacks;
	__u64 iova;
	__u64 length;
	__u64 pinned;
};

#define MDEV_PIN	_IOWR('m', 0x40, struct mdev_pin)
#define MDEV_UNPIN	_IOW('m', 0x41, struct mdev_pin)
#define MDEV_RW		_IOW('m', 0x42, struct mdev_rw)
#define MDEV_MODE	_IO('m', 0x43)
#define MDEV_STATE	_IOR('m', 0x44, struct mdev_state)
/* Unpin pages that the driver never pinned. */
#define MDEV_UNPIN_ANY	_IOW('m', 0x45, struct mdev_pin)

#endif
