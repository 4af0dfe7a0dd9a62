/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a BPF program sees of ioasid: the arguments of the tracepoints and of
 * the policy hooks, and the policy itself, struct ioasid_policy_ops.
 *
 * The kernel and BPF programs include this same file, so it uses nothing but
 * the fixed-width types that both have. The structs are ABI: members are added
 * at the end only, and a program built against an older copy still loads.
 */
#ifndef _IOASID_POLICY_H
#define _IOASID_POLICY_H

#ifdef __bpf__
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

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
	/** @IOASID_R_IOMMU_SHORT: the IOMMU driver unmapped less than asked; a = asked, b = done */
	IOASID_R_IOMMU_SHORT,
	/** @IOASID_R_POLICY: a policy said no */
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
	/** @IOASID_R_BUSY: in-kernel users did not let go of their pins; a = start of the mapping */
	IOASID_R_BUSY,
	/** @IOASID_R_VADDR: the mapping has no valid virtual address (live update) */
	IOASID_R_VADDR,
	/** @IOASID_R_MSI: no isolated MSI, and allow_unsafe_interrupts is off */
	IOASID_R_MSI,
	/** @IOASID_R_NO_MM: the call needs the address space of a process */
	IOASID_R_NO_MM,
	/** @IOASID_R_DIRTY: dirty tracking is off, or the bitmap does not fit */
	IOASID_R_DIRTY,
};

/** enum ioasid_map_flags - &ioasid_map_args.flags */
enum ioasid_map_flags {
	/** @IOASID_MAP_READ: the device may read */
	IOASID_MAP_READ		= 1 << 0,
	/** @IOASID_MAP_WRITE: the device may write */
	IOASID_MAP_WRITE	= 1 << 1,
	/** @IOASID_MAP_LEGACY: asked for with a VFIO ioctl, whose errnos have fixed meanings */
	IOASID_MAP_LEGACY	= 1 << 2,
};

/**
 * struct ioasid_who - on whose behalf something happens
 * @space: id of the address space; never used again while the module is loaded
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

/**
 * struct ioasid_attach_args - a group that asks to join an address space
 * @who: the caller
 * @group: number of the IOMMU group, as in /sys/kernel/iommu_groups
 * @emulated: 1 for a software device (mdev), which has no IOMMU behind it
 */
struct ioasid_attach_args {
	struct ioasid_who who;
	u32 group;
	u32 emulated;
};

/**
 * struct ioasid_map_args - a mapping that is asked for
 * @who: the caller, who is also the one to be charged
 * @iova: first I/O virtual address
 * @vaddr: first address in the caller's memory
 * @length: bytes, a multiple of the page size
 * @flags: enum ioasid_map_flags
 * @__pad: 0
 */
struct ioasid_map_args {
	struct ioasid_who who;
	u64 iova;
	u64 vaddr;
	u64 length;
	u32 flags;
	u32 __pad;
};

/**
 * struct ioasid_batch_args - how the pinning of one mapping goes
 * @pages_done: pages pinned so far
 * @pages_left: pages still to pin
 * @last_pages: pages that the last batch pinned, 0 before the first
 * @last_ns: time the last batch took, with its charge
 */
struct ioasid_batch_args {
	u64 pages_done;
	u64 pages_left;
	u64 last_pages;
	u64 last_ns;
};

/**
 * struct ioasid_map_result - how a mapping went
 * @err: 0 or -errno
 * @reason: enum ioasid_reason
 * @a: first detail of @reason
 * @b: second detail of @reason
 * @pages: pages pinned
 * @charged: pages charged to the owner's locked_vm
 * @runs: physically contiguous runs; @pages / @runs tells fragmentation
 * @batches: calls of the page pinner
 * @ns_wait: time slept because a policy asked for it
 * @ns_pin: time in the page pinner, faulting in included
 * @ns_account: time for charging
 * @ns_iommu: time for writing page tables, with the flush a map may need
 * @ns_total: from entry to exit
 *
 * Times are nanoseconds, and 0 unless somebody listens: a map_done hook, or
 * the ioasid_map_done tracepoint.
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
};

/** enum ioasid_unmap_flags - &ioasid_unmap_args.flags */
enum ioasid_unmap_flags {
	/** @IOASID_UNMAP_ALL: everything, whatever iova and length say */
	IOASID_UNMAP_ALL	= 1 << 0,
	/** @IOASID_UNMAP_V1: the rules of VFIO_TYPE1_IOMMU for ranges that fit no mapping */
	IOASID_UNMAP_V1		= 1 << 1,
	/** @IOASID_UNMAP_VADDR: live update: DMA goes on, virtual addresses become invalid */
	IOASID_UNMAP_VADDR	= 1 << 3,
	/** @IOASID_UNMAP_TEARDOWN: not asked for: the last group left, or the last fd closed */
	IOASID_UNMAP_TEARDOWN	= 1 << 2,
};

/**
 * struct ioasid_unmap_args - a range to be unmapped
 * @who: the caller, who need not be the one that mapped
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
 * @ns_total: from entry to exit
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
};

/**
 * struct ioasid_charge_args - pages charged, or given back
 * @who: who was charged when the pages were pinned, whoever unmaps them and
 *	wherever that task has moved since
 * @npages: pages of this charge
 */
struct ioasid_charge_args {
	struct ioasid_who who;
	u64 npages;
};

/** enum ioasid_exit_kind - why a policy's exit() is called */
enum ioasid_exit_kind {
	/** @IOASID_EXIT_NONE: it is running */
	IOASID_EXIT_NONE		= 0,
	/** @IOASID_EXIT_UNREG: user space unloaded it */
	IOASID_EXIT_UNREG		= 64,
	/** @IOASID_EXIT_REPLACED: bpf_link update put another in its place */
	IOASID_EXIT_REPLACED		= 65,
	/** @IOASID_EXIT_ERROR: ejected; kinds from here on are misbehaviour */
	IOASID_EXIT_ERROR		= 1024,
	/** @IOASID_EXIT_ERROR_RETURN: a hook returned a value that has no meaning */
	IOASID_EXIT_ERROR_RETURN	= 1025,
	/** @IOASID_EXIT_ERROR_SLOW: hooks took longer than timeout_us too often */
	IOASID_EXIT_ERROR_SLOW		= 1026,
};

/**
 * struct ioasid_exit_info - argument of exit()
 * @kind: enum ioasid_exit_kind
 * @__pad: 0
 * @value: what the hook returned, or how many microseconds it took
 * @hook: name of the hook that misbehaved, or empty
 * @msg: one line for people
 */
struct ioasid_exit_info {
	u32 kind;
	u32 __pad;
	s64 value;
	char hook[16];
	char msg[96];
};

/**
 * struct ioasid_init_args - argument of init()
 * @page_size: bytes of a page
 * @hooks: how many hooks this kernel module knows
 */
struct ioasid_init_args {
	u32 page_size;
	u32 hooks;
};

/** enum ioasid_policy_flags - &ioasid_policy_ops.flags */
enum ioasid_policy_flags {
	/**
	 * @IOASID_POLICY_F_ACCOUNT: the charge hook takes the place of
	 * RLIMIT_MEMLOCK. Pinned pages still show up in VmLck. When the policy
	 * goes away its live mappings stay, and new ones meet the rlimit again.
	 */
	IOASID_POLICY_F_ACCOUNT		= 1 << 0,
	/**
	 * @IOASID_POLICY_F_FAIL_CLOSED: while ejected and still loaded, new
	 * mappings are refused with EPERM instead of getting the built-in
	 * behaviour.
	 */
	IOASID_POLICY_F_FAIL_CLOSED	= 1 << 1,
};

/** define IOASID_POLICY_NAME_LEN - bytes of a policy's name, the final 0 included */
#define IOASID_POLICY_NAME_LEN	32
/** define IOASID_POLICY_WAIT_MAX - longest wait a hook may ask for, in microseconds */
#define IOASID_POLICY_WAIT_MAX	1000000
/** define IOASID_POLICY_BATCH_MAX - most pages that map_batch can ask for */
#define IOASID_POLICY_BATCH_MAX	32768

/**
 * struct ioasid_policy_ops - a policy
 *
 * Every hook is optional; one that is absent costs a no-op instruction. Hooks
 * other than init and exit run in the context of the calling task, may not
 * sleep, and are timed: one that exceeds @timeout_us sixteen times within a
 * second, time switched out not counted, is misbehaving. A policy that
 * misbehaves is ejected: none of its hooks but exit runs again, the built-in
 * behaviour takes its place, mappings stay, and /sys/kernel/ioasid/policies
 * tells why. Nothing here can veto or delay an unmap, a detach or a teardown.
 *
 * Several policies may be loaded; they are asked in the order of loading and
 * the first refusal counts. Loading needs CAP_SYS_ADMIN in the initial user
 * namespace, beside what BPF itself asks for.
 */
struct ioasid_policy_ops {
	/**
	 * @init: Called once while the policy is loaded, before any other hook.
	 *
	 * Context: process context of the loader, may sleep.
	 * Return: 0, or -errno to refuse the load with it; anything else is
	 * taken as -EPROTO.
	 */
	s32 (*init)(struct ioasid_init_args *args);

	/**
	 * @exit: Called once when the policy has been unloaded, replaced or
	 * ejected; no other hook runs during or after it.
	 *
	 * Context: process context, may sleep.
	 */
	void (*exit)(struct ioasid_exit_info *info);

	/**
	 * @attach: A group asks to join an address space.
	 *
	 * Context: the caller of VFIO_SET_IOMMU, VFIO_GROUP_SET_CONTAINER or
	 * ioasid_attach_group(), before any lock of ioasid; VFIO's own locks
	 * are held.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM, -ENOSPC or -EINVAL to refuse.
	 * Other values eject.
	 */
	s32 (*attach)(struct ioasid_attach_args *args);

	/**
	 * @map_begin: A mapping is asked for; nothing is pinned yet.
	 *
	 * Context: the mapping task, before any lock.
	 * Return: 0 to allow; -EPERM, -EACCES, -ENOMEM, -ENOSPC, -EDQUOT,
	 * -EAGAIN or -EINVAL to refuse (a VFIO ioctl gets -ENOMEM for -EDQUOT
	 * and -EAGAIN, which have other meanings to its callers); n > 0 to
	 * allow after the caller slept n microseconds, at most
	 * IOASID_POLICY_WAIT_MAX. Other values eject.
	 */
	s32 (*map_begin)(struct ioasid_map_args *args);

	/**
	 * @map_batch: Asked before each call of the page pinner.
	 *
	 * Context: the mapping task; the range is reserved, no lock is held.
	 * Return: pages to pin by the next call, 0 for the default (512, or 4096
	 * while so many are left). More than IOASID_POLICY_BATCH_MAX is cut to that.
	 */
	u32 (*map_batch)(struct ioasid_map_args *args, struct ioasid_batch_args *batch);

	/**
	 * @charge: A batch of pages was pinned and is about to be kept.
	 *
	 * Context: the mapping task (an attaching task when mappings are
	 * pinned late); no spinlock held.
	 * Return: 0, or -ENOMEM, -ENOSPC, -EPERM or -EDQUOT (-ENOMEM to a VFIO
	 * ioctl) to undo the whole mapping. Other values eject.
	 */
	s32 (*charge)(struct ioasid_charge_args *args);

	/**
	 * @uncharge: Pages that @charge accepted are no longer pinned, or a
	 * later part of the same mapping failed. Sums over a mapping are equal,
	 * calls need not pair up. A policy that was loaded after the pages were
	 * charged is not told of them.
	 *
	 * Context: any task; no spinlock held.
	 */
	void (*uncharge)(struct ioasid_charge_args *args);

	/**
	 * @map_done: A mapping that map_begin of this policy saw has been made
	 * or has failed.
	 *
	 * Context: the mapping task, no lock held.
	 */
	void (*map_done)(struct ioasid_map_args *args, struct ioasid_map_result *result);

	/** @flags: enum ioasid_policy_flags */
	u64 flags;

	/** @timeout_us: what counts as slow for one call; 0 means 200 */
	u32 timeout_us;

	/** @name: letters, digits, '_', '-' and '.'; unique among loaded policies */
	char name[IOASID_POLICY_NAME_LEN];
};

#ifdef __bpf__
#pragma clang attribute pop
#endif

#endif /* _IOASID_POLICY_H */
