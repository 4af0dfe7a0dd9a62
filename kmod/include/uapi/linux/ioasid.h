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
 * with id 1. The fd answers the ioctls of a VFIO container for it
 * (VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU,
 * VFIO_IOMMU_GET_INFO, VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA) with the
 * numbers, structures and errnos of <linux/vfio.h>. Unlike a VFIO container, it
 * can be mapped before a group is attached: a map pins and charges the memory at
 * once, so a later attach cannot fail for lack of memory.
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
 * was compiled, and flags. The kernel accepts shorter and longer structures than
 * its own: missing members count as 0, and extra bytes must be 0. The kernel
 * writes the members called out_*, and no others. "last" is inclusive.
 *
 * Ids belong to the fd and are small numbers; 0 stands for the default address
 * space. A freed id may be used again.
 *
 * Errors that every ioctl may return, beside those documented with each:
 *
 *   EINVAL      size is smaller than the first version of the structure, or a
 *               value has no meaning
 *   E2BIG       the bytes beyond the structure of this kernel are not all 0
 *   EOPNOTSUPP  a flag, a type or a reserved member that this kernel does not know
 *   ENOENT      no such id on this fd, or nothing is mapped there
 *   EOVERFLOW   start plus length passes the end of the address space
 *   EFAULT      the structure, or memory it points to, cannot be read or written
 *   ENOMEM      kernel memory, or RLIMIT_MEMLOCK
 *   EINTR       killed, so only a tracer can observe it; on a ring ECANCELED:
 *               the request was cancelled
 *   ENOTTY      no such ioctl
 *
 * A failed call has no effect, except batches, which report their progress in
 * out_done. The event ioasid:ioasid_error has the reason behind an errno.
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
 * ENOSPC: the fd has IOASID_IDS_MAX of them. EDQUOT: the caller's user has as
 * many as the module's parameter user_spaces allows, counting the first one of
 * each open /dev/ioasid, and the caller has no CAP_SYS_RESOURCE; open(2) fails
 * with it, too. Others: the errno of a policy.
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
 * Removes all its mappings. EBUSY: a device, a container or an in-kernel user uses
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
 * @out_ioasid: the default one after the call
 * @__reserved: 0
 *
 * VFIO's ioctls on this fd act on the default address space, and containers join
 * it. EBUSY: it is fixed, because VFIO_SET_IOMMU was called on this fd, or a
 * group joined it.
 */
struct ioasid_legacy {
	__u32 size;
	__u32 flags;
	__u32 op;
	__u32 ioasid;
	__u32 out_ioasid;
	__u32 __reserved;
};

/** enum ioasid_info_flags - &struct ioasid_get_info.out_flags */
enum ioasid_info_flags {
	/** @IOASID_INFO_DEFAULT: the default address space of this fd */
	IOASID_INFO_DEFAULT	= 1 << 0,
	/** @IOASID_INFO_TRACKING: dirty tracking is on */
	IOASID_INFO_TRACKING	= 1 << 1,
	/** @IOASID_INFO_COHERENT: every attached device's DMA snoops the caches */
	IOASID_INFO_COHERENT	= 1 << 2,
};

/**
 * struct ioasid_get_info - IOASID_GET_INFO: the state of an address space
 * @size: sizeof(struct ioasid_get_info)
 * @flags: 0
 * @ioasid: id
 * @out_space: its number in the whole system, as in tracepoints and ioasidctl
 * @out_flags: enum ioasid_info_flags
 * @out_domains: page tables
 * @out_groups: attached groups of devices
 * @out_avail: how many more mappings may be made
 * @out_maps: mappings
 * @out_bytes: sum of their lengths
 * @out_pinned: pinned pages, in units of the CPU's page size (mostly 4 KiB); holes of
 *	mappings are in @out_bytes, and not here
 * @out_charged: pages charged for them; pages that several spaces share are charged
 *	once and counted in each
 * @out_pgsizes: page sizes of the IOMMU, one bit each; the lowest is the unit
 *	of all addresses and lengths
 */
struct ioasid_get_info {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 out_space;
	__u32 out_flags;
	__u32 out_domains;
	__u32 out_groups;
	__u32 out_avail;
	__aligned_u64 out_maps;
	__aligned_u64 out_bytes;
	__aligned_u64 out_pinned;
	__aligned_u64 out_charged;
	__aligned_u64 out_pgsizes;
};

/**
 * struct ioasid_iova_range - a range of I/O virtual addresses
 * @start: first address
 * @last: last address
 */
struct ioasid_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/**
 * struct ioasid_iova_ranges - IOASID_IOVA_RANGES: where mapping is possible
 * @size: sizeof(struct ioasid_iova_ranges)
 * @flags: 0
 * @ioasid: id
 * @nr_ranges: room at @ranges
 * @ranges: pointer to struct ioasid_iova_range
 * @out_nr_ranges: how many there are
 * @__reserved: 0
 * @out_alignment: unit of addresses and lengths
 *
 * The ranges narrow when a device is attached, and widen when it is detached.
 * EMSGSIZE: there are more than @nr_ranges; @out_nr_ranges is the number.
 */
struct ioasid_iova_ranges {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 nr_ranges;
	__aligned_u64 ranges;
	__u32 out_nr_ranges;
	__u32 __reserved;
	__aligned_u64 out_alignment;
};

/**
 * struct ioasid_allow_iovas - IOASID_ALLOW_IOVAS: ranges that must stay possible
 * @size: sizeof(struct ioasid_allow_iovas)
 * @flags: 0
 * @ioasid: id
 * @nr_ranges: how many, at most IOASID_ALLOW_MAX; 0 removes an earlier list
 * @ranges: pointer to struct ioasid_iova_range
 *
 * The list replaces an earlier one. While there is a list, the kernel chooses
 * addresses from it, and an attach that would narrow it fails with EADDRINUSE.
 * EADDRINUSE: the present ranges do not contain the list. EINVAL: ranges overlap,
 * or one ends before it starts.
 */
struct ioasid_allow_iovas {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 nr_ranges;
	__aligned_u64 ranges;
};

#define IOASID_ALLOW_MAX	1024

/** enum ioasid_map_flag - flags of the calls that map */
enum ioasid_map_flag {
	/** @IOASID_MAP_FLAG_READ: devices may read */
	IOASID_MAP_FLAG_READ		= 1 << 0,
	/** @IOASID_MAP_FLAG_WRITE: devices may write */
	IOASID_MAP_FLAG_WRITE		= 1 << 1,
	/** @IOASID_MAP_FLAG_FIXED_IOVA: map at iova; without it the kernel chooses */
	IOASID_MAP_FLAG_FIXED_IOVA	= 1 << 2,
	/** @IOASID_MAP_FLAG_SPARSE: of IOASID_MAP_DMA alone: map what is there, and report the rest */
	IOASID_MAP_FLAG_SPARSE		= 1 << 3,
};

/**
 * struct ioasid_map_dma - IOASID_MAP_DMA: map memory of the caller
 * @size: sizeof(struct ioasid_map_dma)
 * @flags: enum ioasid_map_flag; READ or WRITE or both
 * @ioasid: id
 * @workers: threads that may help, at most; 0: the kernel decides
 * @iova: with FIXED_IOVA the first address
 * @user_va: first address of the memory
 * @length: bytes
 * @out_iova: where it is mapped
 * @holes: with SPARSE a pointer to struct ioasid_iova_range, or 0; else 0
 * @nr_holes: room at @holes; 0 if that is 0
 * @out_nr_holes: with SPARSE, how many holes there are
 * @out_mapped: with SPARSE, bytes that are none, and are pinned
 *
 * The memory is pinned and charged before the call returns. The kernel chooses
 * the lowest free address that is aligned as the memory is, for huge pages; never
 * 0, and above 4 GiB as long as no device is attached. It tries at most sixteen
 * free ranges that are long enough but do not suit huge pages; then it takes the
 * first one in which any mapping of that length fits.
 *
 * Threads of the caller's process help with mappings of 32 MiB or more: they
 * fault in memory that was not touched yet, and pin small pages ahead of the
 * caller. With @workers 0 there are as many as there are idle processors, and for
 * memory that is there it takes some 160 MiB; else as many as @workers says.
 * On a ring, and where the kernel has no such threads, there are workers of the
 * kernel in their place, which only pin pages that are present, and only
 * if @workers is not 0. The module's parameter pin_workers limits the number of
 * either, and a policy may change it.
 *
 * With SPARSE the memory may have holes. A page that the call would fail for with
 * EFAULT without the flag is a hole: there is nothing at its address, the memory there does
 * not allow the access (PROT_NONE; without PROT_WRITE where @flags has WRITE), it is beyond
 * the end of the file that is mapped, or memory that cannot be pinned for long. Of device
 * memory, all that follows in its VMA is a hole, too. Other errors and signals fail the call
 * as ever. The call makes one mapping of all of @length, which is unmapped as a whole, or in
 * parts with IOASID_UNMAP_FLAG_SPLIT. A device cannot reach a hole, as if nothing were mapped
 * there; it is not pinned, not charged and never dirty, and may lie outside of the ranges of
 * IOASID_IOVA_RANGES. It stays a hole, whatever the process
 * maps there later: unmap that part, and map it again. The holes are written to @holes by
 * rising address, as long as they go, at the addresses of the new mapping. If @holes is 0 they
 * are counted only.
 *
 * EEXIST: something is mapped there. EINVAL: alignment, length 0, outside of
 * the ranges, neither READ nor WRITE; @holes or @nr_holes without SPARSE, or @nr_holes
 * without @holes. ENOSPC: the limit of mappings, no free
 * range is long enough, or a policy refuses all free ranges. EFAULT: the memory
 * cannot be pinned; with SPARSE, there is nothing but holes, the memory is not within the
 * addresses of a process, or @holes cannot be written. EMSGSIZE: there are more holes than
 * @nr_holes; @out_nr_holes is their number, and nothing is mapped. ENOMEM: also RLIMIT_MEMLOCK. EIO: the IOMMU driver failed, and
 * did not clear what it had written: the memory stays pinned and charged, and the
 * range in use, until an unmap succeeds. EPERM: a policy allows no mapping at
 * @iova. EDQUOT: no rlimit bounds the mapping, the user who created the address
 * space has as many such mappings as the module's parameter user_mappings allows,
 * and the caller has no CAP_SYS_RESOURCE. No rlimit bounds a mapping that charges
 * no page (device memory), or whose caller is another process than the one that
 * created the address space or last took it over (IOASID_CHANGE_OWNER), nor one with
 * holes, which counts as one mapping and as one more for each 128 MiB of its length. Others:
 * the errno of a policy or of the IOMMU driver.
 */
struct ioasid_map_dma {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 workers;
	__aligned_u64 iova;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 out_iova;
	__aligned_u64 holes;
	__u32 nr_holes;
	__u32 out_nr_holes;
	__aligned_u64 out_mapped;
};

/**
 * struct ioasid_map_file - IOASID_MAP_FILE: map a piece of a file
 * @size: sizeof(struct ioasid_map_file)
 * @flags: as in struct ioasid_map_dma
 * @ioasid: id
 * @fd: a memfd, or a file on tmpfs or hugetlbfs
 * @iova: as in struct ioasid_map_dma
 * @start: offset in the file
 * @length: bytes; the piece lies within the file
 * @out_iova: where it is mapped
 *
 * As IOASID_MAP_DMA, but the caller need not map the file. The mapping shows the
 * pages of the file, whatever the CPU maps or unmaps.
 *
 * EBADF: no such fd. EINVAL: also a file of another kind, or beyond its end.
 * EPERM: the fd is not open for that access, or a seal forbids writing. EFAULT: a
 * hole in a file on hugetlbfs that is open for reading only, or that other tasks
 * punch again each time it is filled. ENOSPC: also no huge page is free.
 */
struct ioasid_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__s32 fd;
	__aligned_u64 iova;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 out_iova;
};

/**
 * struct ioasid_copy - IOASID_COPY: map the pages of a mapping a second time
 * @size: sizeof(struct ioasid_copy)
 * @flags: as in struct ioasid_map_dma, for the new mapping
 * @dst_ioasid: where to map
 * @src_ioasid: where the source is; may be the same
 * @dst_iova: as iova in struct ioasid_map_dma
 * @src_iova: address in @src_ioasid
 * @length: bytes; all in one mapping
 * @out_iova: where it is mapped in @dst_ioasid
 *
 * The pages are neither pinned nor charged again. They stay pinned, and charged
 * to their owner, until the last of the mappings is removed. Holes (IOASID_MAP_FLAG_SPARSE)
 * are holes of the copy, too; all of it may be one.
 *
 * As IOASID_MAP_DMA, and: EDQUOT: a copy charges no page, so each one counts
 * for the user who created @dst_ioasid. ENOENT: nothing is mapped at @src_iova.
 * EINVAL: more than one mapping. EPERM: @flags has WRITE and the source was not
 * mapped for it. EBUSY: the source waits for a new virtual address (VFIO's live
 * update).
 */
struct ioasid_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_ioasid;
	__u32 src_ioasid;
	__aligned_u64 dst_iova;
	__aligned_u64 src_iova;
	__aligned_u64 length;
	__aligned_u64 out_iova;
};

/** enum ioasid_unmap_flag - &struct ioasid_unmap_dma.flags */
enum ioasid_unmap_flag {
	/** @IOASID_UNMAP_FLAG_ALL: everything; iova and length are 0 */
	IOASID_UNMAP_FLAG_ALL		= 1 << 0,
	/** @IOASID_UNMAP_FLAG_GET_DIRTY: report which pages were dirty at the end */
	IOASID_UNMAP_FLAG_GET_DIRTY	= 1 << 1,
	/** @IOASID_UNMAP_FLAG_SPLIT: the range may cut mappings: unmap what lies in it */
	IOASID_UNMAP_FLAG_SPLIT		= 1 << 2,
};

/**
 * struct ioasid_unmap_dma - IOASID_UNMAP_DMA: remove mappings, or parts of them
 * @size: sizeof(struct ioasid_unmap_dma)
 * @flags: enum ioasid_unmap_flag, ALL without others
 * @ioasid: id
 * @__reserved: 0
 * @iova: first address
 * @length: bytes
 * @dirty: with GET_DIRTY a pointer to a bitmap, see @data of struct ioasid_dirty;
 *	a bit stands for the lowest of out_pgsizes
 * @dirty_size: bytes at @dirty
 * @out_length: bytes unmapped
 *
 * When the call returns, no device reaches the memory, and it is unpinned. The
 * call waits for maps, unmaps, reads and writes of drivers that are in flight in
 * the range when it begins, not for later ones.
 *
 * With SPLIT, what is left of a mapping on each side of the range becomes a mapping of
 * its own. It stays mapped all the time: devices go on, and none of their accesses to it
 * fails. The part in the range is unpinned, and its charge given back; a part of pages
 * that a COPY shows, too, or that a change of owner or an in-kernel user works on at that
 * moment, stays pinned and charged together with its neighbours, until the last mapping of
 * these is removed. No IOMMU driver of Linux 6.12 to 7.3 that ioasid works with can replace a
 * large entry of its page table by smaller ones without such a failure. So each end of the
 * range must lie between two entries: ERANGE says that it does not, and the reason of
 * the event ioasid_error, "entry", has the range of the entry. Entries are of the sizes in
 * out_pgsizes of IOASID_GET_INFO, and as large as the memory and both addresses allow;
 * behind a virtio-iommu several may be as one. IOASID_OPTION_HUGE_PAGES 0 before the memory
 * is mapped makes all entries small, and then any page may be an end.
 *
 * ENOENT: nothing is mapped in the range. EINVAL: alignment, length 0, or it
 * cuts a mapping in two, without SPLIT or one of device memory. EBUSY: an in-kernel
 * user does not drop its pins, or with SPLIT a mapping waits for a new virtual address
 * (VFIO's live update). EIO: the IOMMU driver cleared less than requested, and the
 * memory stays pinned; or with SPLIT, it did so before. With SPLIT also: ERANGE, see
 * above; ENOSPC: the limit of mappings, of which a call needs up to two more; EDQUOT: as in
 * struct ioasid_map_dma, for parts that charge nothing.
 */
struct ioasid_unmap_dma {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 dirty;
	__aligned_u64 dirty_size;
	__aligned_u64 out_length;
};

/**
 * struct ioasid_map_entry - one mapping of a batch
 * @iova: as in struct ioasid_map_dma
 * @user_va: likewise
 * @length: likewise
 * @flags: likewise
 * @__reserved: 0
 * @out_iova: where it is mapped
 */
struct ioasid_map_entry {
	__aligned_u64 iova;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 out_iova;
};

/**
 * struct ioasid_map_batch - IOASID_MAP_BATCH: many mappings in one call
 * @size: sizeof(struct ioasid_map_batch)
 * @flags: 0
 * @ioasid: id
 * @nr_entries: how many, at most IOASID_BATCH_MAX
 * @entries: pointer to struct ioasid_map_entry
 * @entry_size: sizeof(struct ioasid_map_entry)
 * @out_done: how many were mapped, also when the call fails
 *
 * Maps the entries in their order, each as IOASID_MAP_DMA does; the IOMMU is
 * flushed once. The first entry that fails ends the call with its errno: those
 * before it stay mapped, those after it are not mapped. (After EIO it and some of
 * those after it may be mapped, as after a failed IOASID_MAP_DMA.)
 */
struct ioasid_map_batch {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 nr_entries;
	__aligned_u64 entries;
	__u32 entry_size;
	__u32 out_done;
};

/**
 * struct ioasid_unmap_batch - IOASID_UNMAP_BATCH: unmap many ranges in one call
 * @size: sizeof(struct ioasid_unmap_batch)
 * @flags: 0
 * @ioasid: id
 * @nr_entries: how many, at most IOASID_BATCH_MAX
 * @entries: pointer to struct ioasid_iova_range
 * @entry_size: sizeof(struct ioasid_iova_range)
 * @out_done: how many were unmapped, also when the call fails
 * @out_length: bytes unmapped, also when the call fails
 *
 * As a sequence of IOASID_UNMAP_DMA, with one flush of the IOMMU. The first
 * entry that fails ends the call with its errno: those before it are unmapped,
 * those after it stay. (After EIO, when the IOMMU driver failed, some of those
 * after it are unmapped, too.)
 */
struct ioasid_unmap_batch {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 nr_entries;
	__aligned_u64 entries;
	__u32 entry_size;
	__u32 out_done;
	__aligned_u64 out_length;
};

#define IOASID_BATCH_MAX	65536

/** enum ioasid_dirty_command - &struct ioasid_dirty.op */
enum ioasid_dirty_command {
	/** @IOASID_DIRTY_OP_START: begin to track */
	IOASID_DIRTY_OP_START		= 0,
	/** @IOASID_DIRTY_OP_STOP: end it, and drop all dirty bits */
	IOASID_DIRTY_OP_STOP		= 1,
	/** @IOASID_DIRTY_OP_GET: report dirty bits, and clear them */
	IOASID_DIRTY_OP_GET		= 2,
	/** @IOASID_DIRTY_OP_GET_NO_CLEAR: report dirty bits, and keep them */
	IOASID_DIRTY_OP_GET_NO_CLEAR	= 3,
};

/**
 * struct ioasid_dirty - IOASID_DIRTY: which pages devices have written
 * @size: sizeof(struct ioasid_dirty)
 * @flags: 0
 * @ioasid: id
 * @op: enum ioasid_dirty_command, others EOPNOTSUPP
 * @iova: for GET the first address
 * @length: for GET the bytes; mappings lie wholly inside or outside
 * @page_size: for GET what a bit stands for: the lowest of out_pgsizes
 * @data: for GET a pointer to 64-bit words, cleared by the caller; bit 0 of the
 *	first is the page at @iova
 * @data_size: bytes at @data, at least a bit for each @page_size, in whole words
 *
 * Tracking is done in software: a page is dirty if an in-kernel user pinned it or
 * wrote to it; all pages are dirty while a hardware device is attached. The
 * kernel writes no bits outside of the range: of a mapping that another thread
 * makes during the call, it reports the part in the range. EINVAL: tracking is
 * off, the range cuts a mapping, or @page_size differs from the lowest of
 * out_pgsizes.
 */
struct ioasid_dirty {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 op;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
	__aligned_u64 data_size;
};

/** enum ioasid_option_id - &struct ioasid_option.option */
enum ioasid_option_id {
	/**
	 * @IOASID_OPTION_ACCOUNT_MODE: where pinned pages are counted, enum
	 * ioasid_account_mode. EBUSY: something is mapped. EPERM: needs
	 * CAP_SYS_RESOURCE.
	 */
	IOASID_OPTION_ACCOUNT_MODE	= 0,
	/** @IOASID_OPTION_HUGE_PAGES: 1: later maps may use large IOMMU pages; 0: they do not */
	IOASID_OPTION_HUGE_PAGES	= 1,
	/**
	 * @IOASID_OPTION_MAP_LIMIT: most mappings. EBUSY: there are more.
	 * EPERM: above the module's dma_entry_limit without CAP_SYS_RESOURCE.
	 */
	IOASID_OPTION_MAP_LIMIT		= 2,
	/**
	 * @IOASID_OPTION_CHARGE_SHARED: 1: pages of later maps count once for their process,
	 * together with those of its other address spaces that have this option; 0: once
	 * for each mapping. It begins as the module's charge_shared.
	 */
	IOASID_OPTION_CHARGE_SHARED	= 3,
};

/** enum ioasid_account_mode - values of IOASID_OPTION_ACCOUNT_MODE */
enum ioasid_account_mode {
	/** @IOASID_ACCOUNT_MM: per process, in VmLck, as VFIO does; the default */
	IOASID_ACCOUNT_MM	= 0,
	/** @IOASID_ACCOUNT_USER: per user, as io_uring does */
	IOASID_ACCOUNT_USER	= 1,
};

/** enum ioasid_option_op - &struct ioasid_option.op */
enum ioasid_option_op {
	/** @IOASID_OPTION_GET: ask */
	IOASID_OPTION_GET	= 0,
	/** @IOASID_OPTION_SET: change */
	IOASID_OPTION_SET	= 1,
};

/**
 * struct ioasid_option - IOASID_OPTION: settings of an address space
 * @size: sizeof(struct ioasid_option)
 * @flags: 0
 * @ioasid: id
 * @option: enum ioasid_option_id, others EOPNOTSUPP
 * @op: enum ioasid_option_op, others EOPNOTSUPP
 * @__reserved: 0
 * @value: for SET the new value; EINVAL if it has no meaning
 * @out_value: the value after the call
 */
struct ioasid_option {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 option;
	__u32 op;
	__u32 __reserved;
	__aligned_u64 value;
	__aligned_u64 out_value;
};

/**
 * struct ioasid_change_owner - IOASID_CHANGE_OWNER: the caller takes over
 * @size: sizeof(struct ioasid_change_owner)
 * @flags: 0
 * @ioasid: id
 * @__reserved: 0
 *
 * For a process that got the fd from another one, which is about to end: moves
 * the charge of all pinned pages to the caller. DMA goes on. It works for mappings
 * of files, whose memory belongs to no process; memory mapped with IOASID_MAP_DMA
 * moves by VFIO's live update. EINVAL: there is such a mapping of another
 * process. ENOMEM: the caller's RLIMIT_MEMLOCK.
 */
struct ioasid_change_owner {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 __reserved;
};

/**
 * struct ioasid_uring_cmd - the cmd area of an IORING_OP_URING_CMD
 * @arg: pointer to the structure of the call, which stays valid and unchanged
 *	until the completion
 * @__reserved: 0
 *
 * cmd_op is the ioctl number: IOASID_MAP_DMA, _MAP_FILE, _COPY, _UNMAP_DMA,
 * _MAP_BATCH or _UNMAP_BATCH; others EOPNOTSUPP. The result is 0 or -errno. A
 * request that is cancelled (IORING_OP_ASYNC_CANCEL) ends with -ECANCELED and has
 * no effect; a batch reports its progress. _MAP_DMA or _UNMAP_DMA of at most 16 pages
 * runs while it is submitted, unless something makes it wait or it has IOSQE_ASYNC.
 * Workers carry out all other requests, in any order, and those with IOSQE_ASYNC at the
 * same time; IOSQE_IO_LINK puts requests in order. Rings with requests of 128 bytes
 * work as well; the kernel ignores the rest of the area.
 */
struct ioasid_uring_cmd {
	__aligned_u64 arg;
	__aligned_u64 __reserved;
};

#include "ioasid_device.h"

#endif /* _UAPI_LINUX_IOASID_H */
