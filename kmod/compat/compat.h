/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that ioasid knows about kernel versions. Force-included in every file;
 * the rest of the tree tests abilities by the names given here.
 */
#ifndef _IOASID_COMPAT_H
#define _IOASID_COMPAT_H

#include <linux/kconfig.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "ioasid needs Linux 6.12 or later"
#endif

#ifndef CONFIG_64BIT
#error "ioasid needs a 64-bit kernel"
#endif

/* Every message names its module. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

/* 6.13 (cdd30ebb1b9f): symbol namespaces became string literals. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define IOASID_EXPORT(sym)	EXPORT_SYMBOL_NS_GPL(sym, IOASID)
#define IOASID_IMPORT		MODULE_IMPORT_NS(IOASID)
#else
#define IOASID_EXPORT(sym)	EXPORT_SYMBOL_NS_GPL(sym, "IOASID")
#define IOASID_IMPORT		MODULE_IMPORT_NS("IOASID")
#endif

/*
 * The last kernels whose type1 had VFIO_TYPE1_NESTING_IOMMU answer 1 to that
 * extension; it was removed during 6.13 (35890f85573c).
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define COMPAT_TYPE1_NESTING	1
#define compat_enable_nesting(domain)	iommu_enable_nesting(domain)
#else
#define COMPAT_TYPE1_NESTING	0
#define compat_enable_nesting(domain)	0
#endif

/*
 * type1 reported arithmetic overflow as EINVAL until 6.18; VFIO's callers get
 * what their kernel's type1 would say.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define COMPAT_TYPE1_EOVERFLOW	EINVAL
/* And it took a dirty query that ends with the last address for one that wraps. */
#define COMPAT_TYPE1_LAST_PAGE	0
#else
#define COMPAT_TYPE1_EOVERFLOW	EOVERFLOW
#define COMPAT_TYPE1_LAST_PAGE	1
#endif

/*
 * How much one entry found by follow_pfnmap_start() maps: said by addr_mask
 * since 6.17; before, a huge entry is one without a pte.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define compat_pfnmap_bytes(args)	(~(args)->addr_mask + 1)
#else
#define compat_pfnmap_bytes(args)	((args)->ptep ? PAGE_SIZE : PMD_SIZE)
#endif

/*
 * Threads of the caller's process are made by what vhost uses for its own; a kernel without
 * vhost lacks it.
 */
#define COMPAT_HAVE_THREADS	IS_ENABLED(CONFIG_VHOST_TASK)

/* 6.19: page tables shared by IOMMU drivers, with an operation for whole ranges. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define COMPAT_HAVE_GENERIC_PT
#endif

/* 6.19: vfio.ko answers VFIO_DEVICE_GET_REGION_INFO; a driver gives it what to say. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define COMPAT_VFIO_HAVE_REGION_INFO
#endif

/* A debug kernel that counts what iommu_map() maps must see every map. */
#ifdef CONFIG_IOMMU_DEBUG_PAGEALLOC
#define COMPAT_IOMMU_DEBUG_MAPS	1
#else
#define COMPAT_IOMMU_DEBUG_MAPS	0
#endif

/*
 * May one flush be asked for entries of all sizes, and for what lies between
 * them? Drivers of x86 use only its first and last address. A flush of an SMMU names
 * the size of the entries, so entries of another size may stay.
 */
#ifdef CONFIG_X86
#define COMPAT_FLUSH_ANY_SIZE	1
#else
#define COMPAT_FLUSH_ANY_SIZE	0
#endif

#endif /* _IOASID_COMPAT_H */
