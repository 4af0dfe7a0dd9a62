/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user ABI of /dev/ioasid.
 */
#ifndef _UAPI_LINUX_IOASID_H
#define _UAPI_LINUX_IOASID_H

#include <linux/types.h>
#include <linux/ioctl.h>

/**
 * DOC: What /dev/ioasid answers
 *
 * The fd holds I/O address spaces: one from the start, which has id 1, and
 * those that IOASID_ALLOC adds. One of them is the default, at first the one
 * with id 1. For it the fd answers the legacy VFIO container ioctls
 * (VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU,
 * VFIO_IOMMU_GET_INFO, VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA) with the
 * numbers, structures and errnos of <linux/vfio.h>. Unlike a VFIO container it
 * may be mapped before a group is attached: memory is pinned and charged at
 * once, so that a later attach has nothing left that can fail for want of it.
 *
 * A stock VFIO container joins the default address space of an open /dev/ioasid with
 * ioctl(container, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(fd)). From then on
 * both fds map and unmap the same addresses. The errors of that call:
 *
 *   EBADF   the number is no open fd
 *   EINVAL  the fd is not a /dev/ioasid, or no group is in the container
 *   ENODEV  no loaded driver knows the argument: ioasid_vfio is not loaded
 */

/**
 * IOASID_EXT_PRESENT - VFIO_CHECK_EXTENSION number that only ioasid answers
 *
 * 1 when the container runs on ioasid, or will if it has no IOMMU set yet;
 * 0 from every other backend.
 */
#define IOASID_EXT_PRESENT	0x49410001

#define IOASID_SET_IOMMU_MAGIC		0x49410000ULL
#define IOASID_SET_IOMMU_MAGIC32	0x49420000UL

/**
 * IOASID_SET_IOMMU_ARG() - argument of VFIO_SET_IOMMU that names a /dev/ioasid
 * @fd: open /dev/ioasid of the calling process
 */
#define IOASID_SET_IOMMU_ARG(fd)	((IOASID_SET_IOMMU_MAGIC << 32) | (__u32)(fd))

/**
 * IOASID_SET_IOMMU_ARG32() - the same for a 32-bit program
 * @fd: open /dev/ioasid, below 65536
 */
#define IOASID_SET_IOMMU_ARG32(fd)	(IOASID_SET_IOMMU_MAGIC32 | ((fd) & 0xffff))

/**
 * DOC: The ioctls of ioasid's own
 *
 * The argument points to a structure that begins with its size, as the program
 * was compiled, and flags. The kernel takes shorter and longer ones than its
 * own: what is missing counts as 0, and what is too much has to be 0. Members
 * called out_* are written by the kernel, no others are. "last" is inclusive.
 *
 * Ids belong to the fd and are small numbers; 0 stands for the default address
 * space. A freed id may be used again.
 *
 * What every ioctl may return, beside what is said at each:
 *
 *   EINVAL      size is smaller than the first version of the structure, or a
 *               value has no meaning
 *   E2BIG       there are bytes beyond what this kernel knows, and not all 0
 *   EOPNOTSUPP  a flag, a type or a reserved member that this kernel does not know
 *   ENOENT      no such id on this fd, or nothing there
 *   EOVERFLOW   start plus length passes the end of the address space
 *   EFAULT      the structure, or memory it points to, cannot be read or written
 *   ENOMEM      kernel memory, or RLIMIT_MEMLOCK
 *   EINTR       killed, or on a ring ECANCELED: the request was cancelled
 *   ENOTTY      no such ioctl
 *
 * After an error nothing was done, but where a call says how far it got. The
 * reason behind an errno is in the tracepoint ioasid:ioasid_error.
 *
 * The same calls can be made on an io_uring, see struct ioasid_uring_cmd.
 */
#define IOASID_TYPE	0xBB

#define IOASID_ALLOC		_IO(IOASID_TYPE, 0x00)
#define IOASID_FREE		_IO(IOASID_TYPE, 0x01)
#define IOASID_LEGACY		_IO(IOASID_TYPE, 0x02)
#define IOASID_GET_INFO		_IO(IOASID_TYPE, 0x03)
#define IOASID_IOVA_RANGES	_IO(IOASID_TYPE, 0x04)
#define IOASID_ALLOW_IOVAS	_IO(IOASID_TYPE, 0x05)
#define IOASID_MAP_DMA		_IO(IOASID_TYPE, 0x06)
#define IOASID_MAP_FILE		_IO(IOASID_TYPE, 0x07)
#define IOASID_COPY		_IO(IOASID_TYPE, 0x08)
#define IOASID_UNMAP_DMA	_IO(IOASID_TYPE, 0x09)
#define IOASID_MAP_BATCH	_IO(IOASID_TYPE, 0x0a)
#define IOASID_UNMAP_BATCH	_IO(IOASID_TYPE, 0x0b)
#define IOASID_DIRTY		_IO(IOASID_TYPE, 0x0c)
#define IOASID_OPTION		_IO(IOASID_TYPE, 0x0d)
#define IOASID_CHANGE_OWNER	_IO(IOASID_TYPE, 0x0e)

/**
 * struct ioasid_alloc - IOASID_ALLOC: a new, empty address space
 * @size: sizeof(struct ioasid_alloc)
 * @flags: 0
 * @type: 0, an address space whose page tables the kernel writes; others EOPNOTSUPP
 * @out_ioasid: its id, at least 1
 *
 * ENOSPC: the fd has IOASID_IDS_MAX of them.
 */
struct ioasid_alloc {
	__u32 size;
	__u32 flags;
	__u32 type;
	__u32 out_ioasid;
};

/* Most address spaces of one fd. */
#define IOASID_IDS_MAX		65535

/**
 * struct ioasid_free - IOASID_FREE: the end of an address space
 * @size: sizeof(struct ioasid_free)
 * @flags: 0
 * @ioasid: id, not 0
 * @__reserved: 0
 *
 * All its mappings go. EBUSY: a device, a container or an in-kernel user uses
 * it, or it is the default one.
 */
struct ioasid_free {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 __reserved;
};

/** enum ioasid_legacy_op - &struct ioasid_legacy.op */
enum ioasid_legacy_op {
	/** @IOASID_LEGACY_GET: ask which one is the default */
	IOASID_LEGACY_GET	= 0,
	/** @IOASID_LEGACY_SET: choose it */
	IOASID_LEGACY_SET	= 1,
};

/**
 * struct ioasid_legacy - IOASID_LEGACY: the default address space
 * @size: sizeof(struct ioasid_legacy)
 * @flags: 0
 * @op: enum ioasid_legacy_op, others EOPNOTSUPP
 * @ioasid: for SET its id
 * @out_ioasid: which one it is, after the call
 * @__reserved: 0
 *
 * The default one is what VFIO's ioctls on this fd act on and what containers
 * join. EBUSY: VFIO_SET_IOMMU was called on this fd, or a group joined by it,
 * and fixed it.
 */
struct ioasid_legacy {
	__u32 size;
	__u32 flags;
	__u32 op;
	__u32 ioasid;
	__u32 out_ioasid;
	__u32 __reserved;
};

/**
 * DOC: The ioctls of a device
 *
 * A PCI device bound to ioasid_pci has /dev/ioasid-pci/ADDRESS. Opening it gives
 * nothing: every VFIO ioctl, read, write and mmap fails with EINVAL. The first
 * IOASID_DEVICE_ATTACH makes the fd the owner of the device, until it is closed,
 * and the /dev/ioasid the owner of its IOMMU group: other devices of the group
 * may only be attached to the same /dev/ioasid, and to the same address space.
 *
 * From then on the fd answers what <linux/vfio.h> says of a device: the ioctls
 * VFIO_DEVICE_GET_INFO, _GET_REGION_INFO, _GET_IRQ_INFO, _SET_IRQS, _RESET,
 * _FEATURE, _IOEVENTFD, _GET_PCI_HOT_RESET_INFO and _PCI_HOT_RESET, read, write
 * and mmap, with VFIO's errnos. A hot reset takes count 0, and EINVAL says that
 * it would also hit a device that the /dev/ioasid does not own.
 *
 * Two things vfio.ko keeps to itself. KVM does not know the fd: EINVAL from
 * KVM_DEV_VFIO_FILE_ADD. A VF whose PF a VFIO user drives needs a token, which
 * only its VFIO group takes: EACCES.
 *
 * These ioctls follow the same rules as those of /dev/ioasid.
 */
#define IOASID_DEVICE_ATTACH	_IO(IOASID_TYPE, 0x40)
#define IOASID_DEVICE_DETACH	_IO(IOASID_TYPE, 0x41)
#define IOASID_DEVICE_GET_INFO	_IO(IOASID_TYPE, 0x42)

/**
 * struct ioasid_device_attach - IOASID_DEVICE_ATTACH: DMA through an address space
 * @size: sizeof(struct ioasid_device_attach)
 * @flags: 0
 * @fd: an open /dev/ioasid, which the device keeps open until it is closed
 * @ioasid: id of the address space on that fd, 0 for the default one
 *
 * Attached already, the device moves to the other address space and stays what
 * it is: registers, mappings and interrupts go on. Its DMA is blocked for a
 * moment, and what it does meanwhile fails.
 *
 *   EBADF   @fd is not open
 *   EINVAL  @fd is no /dev/ioasid, or something is mapped where the device
 *           cannot reach or must not (the MSI window)
 *   ENOENT  no such id
 *   EBUSY   another fd owns the device, another device of the group is attached
 *           to another address space, or a mapping waits for its new address
 *   EPERM   somebody else owns the group (a kernel driver, a VFIO group, another
 *           /dev/ioasid), interrupts cannot be isolated (parameter
 *           allow_unsafe_interrupts of ioasid), or a policy refuses
 *   EACCES  a VF that needs a token
 *   EAGAIN  the device is just being reset or unbound
 *   ENODEV  the device is gone
 *   ENOTRECOVERABLE  neither moving nor going back worked: it is detached now
 */
struct ioasid_device_attach {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 ioasid;
};

/**
 * struct ioasid_device_detach - IOASID_DEVICE_DETACH: no DMA any more
 * @size: sizeof(struct ioasid_device_detach)
 * @flags: 0
 *
 * The fd still owns the device, its DMA is blocked, and it may be attached to
 * an address space of the same /dev/ioasid again. ENOENT: it is not attached.
 */
struct ioasid_device_detach {
	__u32 size;
	__u32 flags;
};

/** enum ioasid_device_flags - &struct ioasid_device_get_info.out_flags */
enum ioasid_device_flags {
	/** @IOASID_DEVICE_OWNED: this fd owns the device */
	IOASID_DEVICE_OWNED	= 1 << 0,
	/** @IOASID_DEVICE_BUSY: another one does */
	IOASID_DEVICE_BUSY	= 1 << 1,
	/** @IOASID_DEVICE_GONE: it was unplugged, or its driver is being unbound */
	IOASID_DEVICE_GONE	= 1 << 2,
};

/**
 * struct ioasid_device_get_info - IOASID_DEVICE_GET_INFO: how a device stands
 * @size: sizeof(struct ioasid_device_get_info)
 * @flags: 0
 * @out_flags: enum ioasid_device_flags
 * @out_space: the address space it is attached to, by its number in the whole
 *	system, as in tracepoints and ioasidctl; 0 for none
 */
struct ioasid_device_get_info {
	__u32 size;
	__u32 flags;
	__u32 out_flags;
	__u32 out_space;
};

#endif /* _UAPI_LINUX_IOASID_H */
