/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user ABI of /dev/ioasid-pci/ADDRESS. Include <linux/ioasid.h>.
 */
#ifndef _UAPI_LINUX_IOASID_DEVICE_H
#define _UAPI_LINUX_IOASID_DEVICE_H

#include <linux/types.h>
#include <linux/ioctl.h>

/**
 * DOC: The ioctls of a device
 *
 * A PCI device bound to ioasid_pci has a file /dev/ioasid-pci/ADDRESS. After the
 * open every VFIO ioctl, read, write and mmap fails with EINVAL. The first
 * IOASID_DEVICE_ATTACH makes the fd the owner of the device, until it is closed,
 * and the /dev/ioasid the owner of its IOMMU group. Then other devices of the
 * group can be attached only to the same /dev/ioasid and the same address space;
 * no program can open the VFIO group, /dev/vfio/N, or bind one of its devices to
 * an iommufd. The attach fails while a VFIO user has the group.
 *
 * From then on the fd works as a device of <linux/vfio.h>: the ioctls
 * VFIO_DEVICE_GET_INFO, _GET_REGION_INFO, _GET_IRQ_INFO, _SET_IRQS, _RESET,
 * _FEATURE, _IOEVENTFD, _GET_PCI_HOT_RESET_INFO and _PCI_HOT_RESET, read, write
 * and mmap, with VFIO's errnos. A hot reset takes count 0, and EINVAL says that
 * it would also hit a device that the /dev/ioasid does not own.
 *
 * Two things work only with vfio.ko's own files. KVM does not know the fd: EINVAL
 * from KVM_DEV_VFIO_FILE_ADD. A VF whose PF a VFIO user drives needs a token,
 * which only its VFIO group accepts: EACCES.
 *
 * These ioctls follow the same rules as those of /dev/ioasid.
 */
#define IOASID_DEVICE_ATTACH	_IO(IOASID_TYPE, 0x40)
#define IOASID_DEVICE_DETACH	_IO(IOASID_TYPE, 0x41)
#define IOASID_DEVICE_GET_INFO	_IO(IOASID_TYPE, 0x42)
#define IOASID_DEVICE_MAP	_IO(IOASID_TYPE, 0x43)

/**
 * struct ioasid_device_attach - IOASID_DEVICE_ATTACH: DMA through an address space
 * @size: sizeof(struct ioasid_device_attach)
 * @flags: 0
 * @fd: an open /dev/ioasid, which the device keeps open until it is closed
 * @ioasid: id of the address space on that fd, 0 for the default one
 *
 * A device that is attached already moves to the other address space. Its
 * registers, mappings and interrupts stay. Its DMA is blocked for a moment, and
 * fails meanwhile.
 *
 *   EBADF   @fd is not open
 *   EINVAL  @fd is no /dev/ioasid, or something is mapped where the device
 *           cannot reach or must not (the MSI window)
 *   ENOENT  no such id
 *   EBUSY   another fd owns the device, another device of the group is attached
 *           to another address space, a program has the VFIO group open, its
 *           registers are mapped in an address space from before, or a mapping
 *           waits for its new address
 *   EPERM   a kernel driver, a VFIO user (by a container or an iommufd) or another
 *           /dev/ioasid owns the group's DMA, interrupts cannot be isolated
 *           (parameter allow_unsafe_interrupts of ioasid), or a policy refuses
 *   ENFILE  the limit of open files of the system: an owner needs one more
 *   EACCES  a VF that needs a token
 *   EAGAIN  the device is being reset or unbound
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
 * struct ioasid_device_detach - IOASID_DEVICE_DETACH: end the device's DMA
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
	/** @IOASID_DEVICE_BUSY: another fd owns it */
	IOASID_DEVICE_BUSY	= 1 << 1,
	/** @IOASID_DEVICE_GONE: it was unplugged, or its driver is being unbound */
	IOASID_DEVICE_GONE	= 1 << 2,
};

/**
 * struct ioasid_device_get_info - IOASID_DEVICE_GET_INFO: the state of a device
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

/**
 * struct ioasid_device_map - IOASID_DEVICE_MAP: map a region of the device, without an mmap
 * @size: sizeof(struct ioasid_device_map)
 * @flags: as in struct ioasid_map_dma, without SPARSE
 * @fd: an open /dev/ioasid; need not be the one that owns the device
 * @ioasid: id of the address space on that fd, 0 for the default one
 * @region: index of a BAR, VFIO_PCI_BAR0_REGION_INDEX and so on
 * @__reserved: 0
 * @offset: first byte within the region, a multiple of the CPU's page size
 * @length: bytes, likewise; a region that is shorter than a page has a page
 * @iova: with FIXED_IOVA the first address
 * @out_iova: where it is mapped
 *
 * So other devices of the address space reach it (peer-to-peer DMA). It is unmapped by
 * IOASID_UNMAP_DMA, charges nothing, and belongs to no process.
 *
 * While the device does not decode memory, sleeps, is being reset or is not attached, the mapping
 * stays, and no device reaches the region: so it is before the call returns that is the cause.
 * When no cause is left, it is reached again, before the call returns that ended the last one.
 * (A device that woke by itself is reached after the next VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, or
 * write to its config space.) When the device is closed or unplugged, the mapping stays and never
 * comes back. It does not keep the device open.
 *
 * As IOASID_MAP_DMA, and: EBADF: @fd is not open. EINVAL: also @fd is no /dev/ioasid, this fd does
 * not own the device, or the region is shorter, or cannot be mmapped. ENOENT: also the device is
 * not attached. EPERM: also the fd of the device is not open for that access. EFAULT: the device
 * does not decode memory, sleeps or is being reset. ENODEV: the device is gone.
 */
struct ioasid_device_map {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 ioasid;
	__u32 region;
	__u32 __reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 iova;
	__aligned_u64 out_iova;
};

#endif /* _UAPI_LINUX_IOASID_DEVICE_H */
