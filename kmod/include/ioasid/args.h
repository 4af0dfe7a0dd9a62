/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arguments of trace events and of the hooks of policies.
 *
 * The kernel and BPF programs include this same file, so it uses nothing but
 * the fixed-width types that both have. The structs are ABI: members are added
 * at the end only, and a program built against an older copy still loads.
 */
#ifndef _IOASID_ARGS_H
#define _IOASID_ARGS_H

#ifdef __bpf__
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

/** enum ioasid_step - what a large map is doing, in the event ioasid_progress */
enum ioasid_step {
	/** @IOASID_STEP_PIN: pinning and charging pages */
	IOASID_STEP_PIN,
	/** @IOASID_STEP_PROGRAM: writing them into the page tables of a domain */
	IOASID_STEP_PROGRAM,
};

/** enum ioasid_reason - which check refused a call; the errno alone is shared by many */
enum ioasid_reason {
	/** @IOASID_OK: not an error */
	IOASID_OK,
	/** @IOASID_R_ARGSZ: size field too small for the call */
	IOASID_R_ARGSZ,
	/** @IOASID_R_FLAGS: unknown or contradictory flags */
	IOASID_R_FLAGS,
	/** @IOASID_R_COPY: the user's structure could not be read or written */
	IOASID_R_COPY,
	/** @IOASID_R_ALIGN: zero length, or not aligned to the smallest IOMMU page */
	IOASID_R_ALIGN,
	/** @IOASID_R_WRAP: start plus length passes the end of the address space */
	IOASID_R_WRAP,
	/** @IOASID_R_OVERLAP: part of the range is mapped already; a = its start, b = its last address */
	IOASID_R_OVERLAP,
	/** @IOASID_R_MAP_LIMIT: dma_entry_limit mappings exist; a = the limit */
	IOASID_R_MAP_LIMIT,
	/** @IOASID_R_WINDOW: outside the aperture or on a reserved region; a, b = nearest valid range */
	IOASID_R_WINDOW,
	/** @IOASID_R_BISECT: the range cuts a mapping in two; a = its start, b = its last address */
	IOASID_R_BISECT,
	/** @IOASID_R_PIN: the memory could not be pinned; a = the address, b = pages done before */
	IOASID_R_PIN,
	/** @IOASID_R_MEMLOCK: RLIMIT_MEMLOCK; a = pages wanted, b = the limit in pages */
	IOASID_R_MEMLOCK,
	/** @IOASID_R_NOMEM: the kernel had no memory for its own bookkeeping */
	IOASID_R_NOMEM,
	/** @IOASID_R_IOMMU: the IOMMU driver refused */
	IOASID_R_IOMMU,
	/** @IOASID_R_IOMMU_SHORT: the IOMMU driver cleared less than asked; a, b = the mapping that stays */
	IOASID_R_IOMMU_SHORT,
	/**
	 * @IOASID_R_POLICY: a policy refused. If map_begin or map_at refused a map:
	 * a = the id of the policy's link, as in /sys/kernel/ioasid/policies/NAME/id,
	 * b = the address that map_at refused
	 */
	IOASID_R_POLICY,
	/** @IOASID_R_SEALED: the address space was sealed when an attach was denied */
	IOASID_R_SEALED,
	/** @IOASID_R_DEAD: the address space was torn down during the call */
	IOASID_R_DEAD,
	/** @IOASID_R_SIGNAL: the caller was killed */
	IOASID_R_SIGNAL,
	/** @IOASID_R_NOT_MAPPED: nothing is mapped at the address */
	IOASID_R_NOT_MAPPED,
	/** @IOASID_R_PROT: the mapping does not allow that access */
	IOASID_R_PROT,
	/** @IOASID_R_BUSY: in-kernel users did not drop their pins; a = start of the mapping */
	IOASID_R_BUSY,
	/** @IOASID_R_VADDR: the mapping has no valid virtual address (live update) */
	IOASID_R_VADDR,
	/** @IOASID_R_MSI: no isolated MSI, and allow_unsafe_interrupts is off */
	IOASID_R_MSI,
	/** @IOASID_R_NO_MM: the call needs the address space of a process */
	IOASID_R_NO_MM,
	/** @IOASID_R_DIRTY: dirty tracking is off, or the bitmap does not fit */
	IOASID_R_DIRTY,
	/** @IOASID_R_BATCH: an earlier entry of the batch failed; this one is correct */
	IOASID_R_BATCH,
	/**
	 * @IOASID_R_USER_LIMIT: the user who created the address space has as many address spaces, or
	 * mappings that no rlimit bounds, as one user may; a = how many, b = the limit
	 */
	IOASID_R_USER_LIMIT,
	/**
	 * @IOASID_R_ENTRY: a part of a mapping cannot be unmapped there, because one entry of the
	 * IOMMU's page table maps both sides; a, b = what it maps
	 */
	IOASID_R_ENTRY,
	/**
	 * @IOASID_R_HOLES: the memory has more holes than the caller has room for in its list;
	 * a = how many, b = the room
	 */
	IOASID_R_HOLES,
};

/** enum ioasid_error_op - what failed, in the event ioasid_error */
enum ioasid_error_op {
	/** @IOASID_ERROR_MAP: a map call */
	IOASID_ERROR_MAP,
	/** @IOASID_ERROR_UNMAP: an unmap call */
	IOASID_ERROR_UNMAP,
	/** @IOASID_ERROR_COPY: a copy of a mapping, which shares its pages; the space is the source's */
	IOASID_ERROR_COPY,
	/** @IOASID_ERROR_VADDR: live update: a new virtual address for a mapping */
	IOASID_ERROR_VADDR,
	/** @IOASID_ERROR_OWNER: a change of the owner of all mappings */
	IOASID_ERROR_OWNER,
	/** @IOASID_ERROR_DIRTY: a call for dirty tracking */
	IOASID_ERROR_DIRTY,
	/** @IOASID_ERROR_ATTACH: an attach of a group */
	IOASID_ERROR_ATTACH,
	/** @IOASID_ERROR_PIN: a driver in the kernel pins pages */
	IOASID_ERROR_PIN,
	/** @IOASID_ERROR_READ: a driver in the kernel reads mapped memory */
	IOASID_ERROR_READ,
	/** @IOASID_ERROR_WRITE: a driver in the kernel writes mapped memory */
	IOASID_ERROR_WRITE,
	/** @IOASID_ERROR_TEARDOWN: a teardown, which continues in spite of the error */
	IOASID_ERROR_TEARDOWN,
	/** @IOASID_ERROR_SPACE: the creation of an address space, which has no number */
	IOASID_ERROR_SPACE,
};

/** enum ioasid_pin_kind - what holds the pages, in the events ioasid_pin and ioasid_unpin */
enum ioasid_pin_kind {
	/** @IOASID_PIN_MAPPING: a mapping; the address is one of the owner's memory */
	IOASID_PIN_MAPPING,
	/** @IOASID_PIN_ACCESS: a driver in the kernel; the address is an IOVA */
	IOASID_PIN_ACCESS,
};

/** enum ioasid_map_flags - &ioasid_map_args.flags */
enum ioasid_map_flags {
	/** @IOASID_MAP_READ: the device may read */
	IOASID_MAP_READ		= 1 << 0,
	/** @IOASID_MAP_WRITE: the device may write */
	IOASID_MAP_WRITE	= 1 << 1,
	/** @IOASID_MAP_LEGACY: requested by a VFIO ioctl, whose errnos have fixed meanings */
	IOASID_MAP_LEGACY	= 1 << 2,
	/** @IOASID_MAP_ANYWHERE: the kernel chooses iova, which is 0 until then */
	IOASID_MAP_ANYWHERE	= 1 << 3,
	/** @IOASID_MAP_OF_FILE: memory of a file, or of a device by its region; vaddr is an offset in it */
	IOASID_MAP_OF_FILE	= 1 << 4,
	/** @IOASID_MAP_SHARED: pages of another mapping: nothing is pinned or charged */
	IOASID_MAP_SHARED	= 1 << 5,
	/** @IOASID_MAP_NATIVE: requested by an ioctl of ioasid's own */
	IOASID_MAP_NATIVE	= 1 << 6,
	/**
	 * @IOASID_MAP_SPARSE: what cannot be pinned is a hole of the mapping, not an error; of a
	 * &struct ioasid_mapping_info: there may be holes in it
	 */
	IOASID_MAP_SPARSE	= 1 << 7,
};

/**
 * struct ioasid_who - the task that a call is for, and the address space
 * @space: id of the address space; unique until 2^32 spaces were made
 * @tgid: process
 * @pid: thread
 * @uid: real user id in the initial user namespace
 * @cgroup: id of the cgroup (v2), as in bpf_get_current_cgroup_id()
 */
struct ioasid_who {
	u32 space;
	u32 tgid;
	u32 pid;
	u32 uid;
	u64 cgroup;
};

/** enum ioasid_space_kind - what opened an address space, in the events ioasid_space_open and _close */
enum ioasid_space_kind {
	/** @IOASID_SPACE_KIND_IOASID: a /dev/ioasid */
	IOASID_SPACE_KIND_IOASID,
	/** @IOASID_SPACE_KIND_CONTAINER: a VFIO container */
	IOASID_SPACE_KIND_CONTAINER,
};

/** enum ioasid_space_args_flags - &ioasid_space_args.flags */
enum ioasid_space_args_flags {
	/** @IOASID_SPACE_ARGS_CONTAINER: a VFIO container, not a /dev/ioasid */
	IOASID_SPACE_ARGS_CONTAINER	= 1 << 0,
	/**
	 * @IOASID_SPACE_ARGS_REPLAY: the address space is older than the policy,
	 * which is being loaded; nothing in it was charged to the policy
	 */
	IOASID_SPACE_ARGS_REPLAY	= 1 << 1,
	/** @IOASID_SPACE_ARGS_EXITED: of a &struct ioasid_space_info: its owner has exited */
	IOASID_SPACE_ARGS_EXITED	= 1 << 2,
};

/**
 * struct ioasid_space_args - an address space is opened or closed
 * @who: the task that opened it (open; with REPLAY its owner, as that process is now), or
 *	closed it (close)
 * @flags: enum ioasid_space_args_flags
 * @__pad: 0
 * @maps: mappings in it; 0 in a new one, and at the close
 * @bytes: sum of their lengths
 */
struct ioasid_space_args {
	struct ioasid_who who;
	u32 flags;
	u32 __pad;
	u64 maps;
	u64 bytes;
};

/**
 * struct ioasid_attach_args - a group is to join an address space
 * @who: the caller
 * @group: number of the IOMMU group, as in /sys/kernel/iommu_groups
 * @emulated: 1 for a software device (mdev), which has no IOMMU behind it
 * @node: NUMA node of its first device, -1 if that has none
 * @__pad: 0
 */
struct ioasid_attach_args {
	struct ioasid_who who;
	u32 group;
	u32 emulated;
	s32 node;
	u32 __pad;
};

/**
 * struct ioasid_attach_result - how an attach went
 * @err: 0 or -errno
 * @reason: enum ioasid_reason; also set when the group came in sealed and @err is 0
 * @a: first detail of @reason
 * @b: second detail of @reason
 * @shared: 1 when it joined page tables that other groups use
 * @sealed: 1 when it was attached without DMA: if the call had failed, VFIO would have
 *	tried its next driver, which asks no policy
 * @pgsizes: page sizes of all its IOMMUs, as bits; 0 without an IOMMU
 * @pages: pages that the attach pinned, of mappings made while there was no IOMMU
 * @ns_total: from entry to exit, with the replay of all mappings into new page
 *	tables; 0 unless the event is on or a policy asks for times
 */
struct ioasid_attach_result {
	s32 err;
	u32 reason;
	u64 a;
	u64 b;
	u32 shared;
	u32 sealed;
	u64 pgsizes;
	u64 pages;
	u64 ns_total;
};

/**
 * struct ioasid_map_args - a mapping that is requested
 * @who: the caller, which is charged as well
 * @iova: first I/O virtual address
 * @vaddr: first address in the caller's memory
 * @length: bytes, a multiple of the page size
 * @flags: enum ioasid_map_flags
 * @workers: how many may help to pin it: the number that the caller requests (0: it leaves
 *	that to the module), and after map_workers the number that the policies allow
 */
struct ioasid_map_args {
	struct ioasid_who who;
	u64 iova;
	u64 vaddr;
	u64 length;
	u32 flags;
	u32 workers;
};

/** define IOASID_WORKERS_MAX - workers that help to pin one mapping, at most */
#define IOASID_WORKERS_MAX	8U

/** define IOASID_WORKERS_PAGES - pages of the smallest mapping that workers help with */
#define IOASID_WORKERS_PAGES	8192U

/**
 * struct ioasid_batch_args - progress of the pinning of one mapping
 * @pages_done: pages pinned so far
 * @pages_left: pages still to pin
 * @last_pages: pages that the last batch pinned, 0 before the first
 * @last_ns: time the last batch took, with its charge; 0 unless the policy asks
 *	for times (IOASID_POLICY_F_TIMES)
 * @last_runs: physically contiguous runs that it added
 * @last_faults: page faults that it took
 * @contended: 1 while another thread waits for the owner's mmap_lock
 * @__pad: 0
 */
struct ioasid_batch_args {
	u64 pages_done;
	u64 pages_left;
	u64 last_pages;
	u64 last_ns;
	u64 last_runs;
	u64 last_faults;
	u32 contended;
	u32 __pad;
};

/** define IOASID_PLACE_WINDOWS - windows that a placement hook sees, at most */
#define IOASID_PLACE_WINDOWS	8

/**
 * struct ioasid_range - a range of addresses
 * @first: the first
 * @last: the last, inclusive
 */
struct ioasid_range {
	u64 first;
	u64 last;
};

/**
 * struct ioasid_place_args - the kernel chooses the address of a mapping
 * @length: bytes
 * @align: the address must be a multiple of this
 * @chosen: the address that the kernel takes unless a policy chooses another
 * @nr_windows: how many of @windows are filled in
 * @__pad: 0
 * @windows: the first IOASID_PLACE_WINDOWS ranges in which mappings may lie; they
 *	contain what is mapped already, too
 */
struct ioasid_place_args {
	u64 length;
	u64 align;
	u64 chosen;
	u32 nr_windows;
	u32 __pad;
	struct ioasid_range windows[IOASID_PLACE_WINDOWS];
};

/** define IOASID_NODES - NUMA nodes that are counted apart; higher ones count as the last */
#define IOASID_NODES	8

/**
 * struct ioasid_map_result - how a mapping went
 * @err: 0 or -errno
 * @reason: enum ioasid_reason
 * @a: first detail of @reason
 * @b: second detail of @reason
 * @pages: pages pinned
 * @charged: pages charged to the owner's locked_vm
 * @runs: extents (runs of contiguous frames); @pages / @runs shows fragmentation
 * @batches: calls of the page pinner
 * @ns_wait: time slept because a policy asked for it
 * @ns_pin: time in the page pinner, including page faults
 * @ns_account: time for charging
 * @ns_iommu: time for writing page tables, with the flush a map may need
 * @ns_total: from entry to exit
 * @faults: page faults that pinning took
 * @ns_fault: the part of @ns_pin in batches that took faults
 * @ns_sync: the part of @ns_iommu for the flush
 * @run_max: pages of the longest run
 * @bytes_2m: bytes that 2 MiB entries of the page table can map: contiguous, and aligned
 *	in both address spaces; includes @bytes_1g
 * @bytes_1g: the same for 1 GiB
 * @node_pages: pages by the NUMA node they are on
 * @pages_ahead: pages that threads of the caller's process, or workers, pinned ahead of the
 *	caller
 * @pages_helped: pages that such threads faulted in; their faults are in @faults, too. A page
 *	may be in both
 * @helpers: how many threads of the caller's process did some of it
 * @__pad: 0
 *
 * Times are nanoseconds. @run_max, @bytes_2m, @bytes_1g, @node_pages and all times
 * except @ns_wait may be 0 unless the event ioasid_map_done is on, or a policy has
 * IOASID_POLICY_F_TIMES and map_done.
 */
struct ioasid_map_result {
	s32 err;
	u32 reason;
	u64 a;
	u64 b;
	u64 pages;
	u64 charged;
	u64 runs;
	u64 batches;
	u64 ns_wait;
	u64 ns_pin;
	u64 ns_account;
	u64 ns_iommu;
	u64 ns_total;
	u64 faults;
	u64 ns_fault;
	u64 ns_sync;
	u64 run_max;
	u64 bytes_2m;
	u64 bytes_1g;
	u64 node_pages[IOASID_NODES];
	u64 pages_ahead;
	u64 pages_helped;
	u32 helpers;
	u32 __pad;
};

/** enum ioasid_unmap_flags - &ioasid_unmap_args.flags */
enum ioasid_unmap_flags {
	/** @IOASID_UNMAP_ALL: everything, whatever iova and length say */
	IOASID_UNMAP_ALL	= 1 << 0,
	/** @IOASID_UNMAP_V1: the rules of VFIO_TYPE1_IOMMU for ranges that fit no mapping */
	IOASID_UNMAP_V1		= 1 << 1,
	/** @IOASID_UNMAP_VADDR: live update: DMA goes on, virtual addresses become invalid */
	IOASID_UNMAP_VADDR	= 1 << 3,
	/** @IOASID_UNMAP_TEARDOWN: not requested: the last group left, or the last fd closed */
	IOASID_UNMAP_TEARDOWN	= 1 << 2,
	/** @IOASID_UNMAP_NATIVE: the rules of IOASID_UNMAP_DMA: nothing mapped is an error */
	IOASID_UNMAP_NATIVE	= 1 << 4,
	/** @IOASID_UNMAP_OF_BATCH: many ranges in one call; iova and length are unused */
	IOASID_UNMAP_OF_BATCH	= 1 << 5,
	/** @IOASID_UNMAP_SPLIT: the range may cut mappings; only what lies in it is unmapped */
	IOASID_UNMAP_SPLIT	= 1 << 6,
};

/**
 * struct ioasid_unmap_args - a range to be unmapped
 * @who: the caller, which may be another task than the one that mapped
 * @iova: first address
 * @length: bytes
 * @flags: enum ioasid_unmap_flags
 * @__pad: 0
 */
struct ioasid_unmap_args {
	struct ioasid_who who;
	u64 iova;
	u64 length;
	u32 flags;
	u32 __pad;
};

/**
 * struct ioasid_unmap_result - how an unmap went
 * @err: 0 or -errno
 * @reason: enum ioasid_reason
 * @a: first detail of @reason
 * @b: second detail of @reason
 * @bytes: bytes unmapped
 * @mappings: mappings removed
 * @pages: pages unpinned
 * @ns_iommu: time for clearing page tables
 * @ns_sync: time for the IOTLB sync
 * @ns_unpin: time for unpinning and uncharging
 * @ns_total: from entry to exit; 0 for a teardown
 * @runs: physically contiguous runs that were unpinned
 * @syncs: flushes of an IOTLB
 * @splits: mappings that it made, because the range cut others (IOASID_UNMAP_SPLIT): those who
 *	count mappings add these, and subtract @mappings
 *
 * Times are 0 unless the event ioasid_unmap_done is on, or a policy has
 * IOASID_POLICY_F_TIMES and unmap_done.
 */
struct ioasid_unmap_result {
	s32 err;
	u32 reason;
	u64 a;
	u64 b;
	u64 bytes;
	u64 mappings;
	u64 pages;
	u64 ns_iommu;
	u64 ns_sync;
	u64 ns_unpin;
	u64 ns_total;
	u64 runs;
	u64 syncs;
	u64 splits;
};

/**
 * struct ioasid_sync_args - mappings are about to be cleared from page tables
 * @mappings: how many
 * @bytes: sum of their lengths
 */
struct ioasid_sync_args {
	u64 mappings;
	u64 bytes;
};

/**
 * struct ioasid_charge_args - pages charged or uncharged
 * @who: the task that was charged when the pages were pinned, with its cgroup at that
 *	time; also when another task unmaps them
 * @npages: pages of this charge
 */
struct ioasid_charge_args {
	struct ioasid_who who;
	u64 npages;
};

/**
 * struct ioasid_access_args - an in-kernel user (a software device) pins or unpins
 * @who: the current task; the driver need not act for it
 * @iova: address of the first page
 * @npages: how many
 * @prot: enum ioasid_map_flags: what the driver will do; 0 when it unpins
 * @__pad: 0
 */
struct ioasid_access_args {
	struct ioasid_who who;
	u64 iova;
	u64 npages;
	u32 prot;
	u32 __pad;
};

/**
 * struct ioasid_owner_args - a mapping gets another owner (live update)
 * @who: the new owner, which makes the call and is charged
 * @from: the former owner of the memory and of the charge
 * @iova: first address of the mapping
 * @length: bytes
 * @vaddr: first address in the new owner's memory
 * @charged: pages that are charged
 */
struct ioasid_owner_args {
	struct ioasid_who who;
	struct ioasid_who from;
	u64 iova;
	u64 length;
	u64 vaddr;
	u64 charged;
};

/** enum ioasid_dirty_op - &ioasid_dirty_args.op */
enum ioasid_dirty_op {
	/** @IOASID_DIRTY_START: tracking begins */
	IOASID_DIRTY_START,
	/** @IOASID_DIRTY_STOP: tracking ends */
	IOASID_DIRTY_STOP,
	/** @IOASID_DIRTY_GET: the bits of a range are read and cleared */
	IOASID_DIRTY_GET,
};

/**
 * struct ioasid_dirty_args - dirty tracking
 * @who: the caller
 * @op: enum ioasid_dirty_op
 * @err: 0 or -errno
 * @iova: first address, of a GET
 * @length: bytes, of a GET
 * @dirty: pages that were reported dirty
 * @ns_total: time it took; 0 unless the event is on or a policy asks for times
 */
struct ioasid_dirty_args {
	struct ioasid_who who;
	u32 op;
	s32 err;
	u64 iova;
	u64 length;
	u64 dirty;
	u64 ns_total;
};

/** enum ioasid_change - what happens to memory of a process that is mapped */
enum ioasid_change {
	/** @IOASID_CHANGE_UNMAP: munmap(), or mremap() moves it */
	IOASID_CHANGE_UNMAP,
	/** @IOASID_CHANGE_CLEAR: it leaves the page tables: the driver of the device took it away */
	IOASID_CHANGE_CLEAR,
	/** @IOASID_CHANGE_EXIT: the process ends, or runs another program */
	IOASID_CHANGE_EXIT,
	/** @IOASID_CHANGE_OTHER: anything else */
	IOASID_CHANGE_OTHER,
	/**
	 * @IOASID_CHANGE_BACK: it is what it was, and in the IOMMU again: the owner touched it, or a
	 * region that was mapped by IOASID_DEVICE_MAP is there again
	 */
	IOASID_CHANGE_BACK,
};

/**
 * struct ioasid_revoke_args - device memory leaves the IOMMU, or comes back
 * @who: the task that made it change; of an exit the task that ends, and what comes
 *	back is found by a worker of the kernel
 * @iova: first address of what is revoked
 * @length: bytes
 * @vaddr: where it was in the owner's memory
 * @change: enum ioasid_change
 * @err: 0, or -EIO: the IOMMU kept some of it
 */
struct ioasid_revoke_args {
	struct ioasid_who who;
	u64 iova;
	u64 length;
	u64 vaddr;
	u32 change;
	s32 err;
};

/**
 * struct ioasid_stale_args - memory that a device has leaves the process that owns it
 * @who: the task that made it change
 * @iova: first address of what the device goes on to reach
 * @length: bytes
 * @vaddr: where it was in the owner's memory
 * @change: enum ioasid_change: IOASID_CHANGE_UNMAP (munmap(), mremap(), a new mmap() over
 *	it), IOASID_CHANGE_CLEAR (discarded) or IOASID_CHANGE_EXIT
 * @reserved: 0
 */
struct ioasid_stale_args {
	struct ioasid_who who;
	u64 iova;
	u64 length;
	u64 vaddr;
	u32 change;
	u32 reserved;
};

/** enum ioasid_limit_kind - which limit was met */
enum ioasid_limit_kind {
	/** @IOASID_LIMIT_MEMLOCK: RLIMIT_MEMLOCK of the owner, in pages */
	IOASID_LIMIT_MEMLOCK,
	/** @IOASID_LIMIT_MAPS: dma_entry_limit of the address space, in mappings */
	IOASID_LIMIT_MAPS,
	/** @IOASID_LIMIT_SPACES: user_spaces of the caller, in address spaces; who.space is 0 */
	IOASID_LIMIT_SPACES,
	/** @IOASID_LIMIT_MAPPINGS: user_mappings of the address space's creator, in mappings */
	IOASID_LIMIT_MAPPINGS,
};

/** define IOASID_MAPPING_BUSY - &ioasid_mapping_info.flags: being built or torn down */
#define IOASID_MAPPING_BUSY	(1U << 31)

/** define IOASID_MAPPING_ORPHANED - &ioasid_mapping_info.flags: exit or exec ended the charge */
#define IOASID_MAPPING_ORPHANED	(1U << 30)

/** define IOASID_MAPPING_REVOKED - &ioasid_mapping_info.flags: some of its device memory is revoked */
#define IOASID_MAPPING_REVOKED	(1U << 29)

/**
 * struct ioasid_mapping_info - a mapping, as an iterator shows it
 * @owner: the task that owns the memory and was charged, as it was then
 * @iova: first address
 * @length: bytes
 * @vaddr: first address in the owner's memory
 * @pages: pages that are pinned; 0 while no IOMMU needs them. With IOASID_MAP_SPARSE, what is
 *	missing of @length are holes
 * @charged: pages charged to the owner's locked_vm
 * @runs: extents (runs of contiguous frames)
 * @user_pins: pages that in-kernel users have pinned as well
 * @flags: enum ioasid_map_flags without LEGACY; IOASID_MAPPING_BUSY, IOASID_MAPPING_ORPHANED,
 *	IOASID_MAPPING_REVOKED
 * @__pad: 0
 */
struct ioasid_mapping_info {
	struct ioasid_who owner;
	u64 iova;
	u64 length;
	u64 vaddr;
	u64 pages;
	u64 charged;
	u64 runs;
	u64 user_pins;
	u32 flags;
	u32 __pad;
};

/**
 * struct ioasid_space_info - an address space, as bpf_ioasid_space_info() shows it
 * @owner: the process that opened it, or that took it over (live update,
 *	IOASID_CHANGE_OWNER), with the user and the cgroup that it has now; @owner.pid is the
 *	thread. Of a process that has exited: as it was when it became the owner
 * @flags: IOASID_SPACE_ARGS_CONTAINER, IOASID_SPACE_ARGS_EXITED
 * @groups: attached groups
 * @domains: page tables
 * @sealed: errno that every map gets, or 0
 * @maps: mappings
 * @bytes: sum of their lengths
 * @avail: how many more dma_entry_limit allows
 * @pgsizes: page sizes that all its IOMMUs have
 * @policy: name of the policy it selected, or empty
 * @comm: name of the owner, likewise
 * @revokes: how often device memory was revoked: pieces of mappings
 */
struct ioasid_space_info {
	struct ioasid_who owner;
	u32 flags;
	u32 groups;
	u32 domains;
	s32 sealed;
	u64 maps;
	u64 bytes;
	u64 avail;
	u64 pgsizes;
	char policy[32];
	char comm[16];
	u64 revokes;
};

#ifdef __bpf__
#pragma clang attribute pop
#endif

#endif /* _IOASID_ARGS_H */
