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
 * The fd is an I/O address space. It answers the legacy VFIO container ioctls
 * (VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU,
 * VFIO_IOMMU_GET_INFO, VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA) with the
 * numbers, structures and errnos of <linux/vfio.h>. Unlike a VFIO container it
 * may be mapped before a group is attached: memory is pinned and charged at
 * once, so that a later attach has nothing left that can fail for want of it.
 *
 * A stock VFIO container joins the address space of an open /dev/ioasid with
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

#endif /* _UAPI_LINUX_IOASID_H */
