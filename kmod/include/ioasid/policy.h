/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy: struct ioasid_policy_ops, whose comments are the manual, and the arguments
 * of init, dump and exit. The arguments of the other hooks are in args.h.
 *
 * The kernel and BPF programs include this same file, so it uses nothing but
 * the fixed-width types that both have. The structs are ABI: members are added
 * at the end only, and a program built against an older copy still loads: the
 * loader finds members by their names.
 */
#ifndef _IOASID_POLICY_H
#define _IOASID_POLICY_H

#include <ioasid/args.h>

#ifdef __bpf__
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

/** define IOASID_POLICY_NAME_LEN - bytes of a policy's name, the final 0 included */
#define IOASID_POLICY_NAME_LEN	32
/** define IOASID_POLICY_WAIT_MAX - longest wait a hook may ask for, in microseconds */
#define IOASID_POLICY_WAIT_MAX	1000000
/** define IOASID_POLICY_AT_MAX - addresses that policies may refuse before a search for one ends */
#define IOASID_POLICY_AT_MAX	256
/** define IOASID_POLICY_BATCH_MAX - most pages that map_batch can ask for */
#define IOASID_POLICY_BATCH_MAX	32768
/** define IOASID_POLICY_HOOK_LEN - bytes of a hook's name, the final 0 included */
#define IOASID_POLICY_HOOK_LEN	16
/** define IOASID_POLICY_MSG_LEN - bytes of the line that says why a policy ended */
#define IOASID_POLICY_MSG_LEN	96
/** define IOASID_POLICY_BT_LEN - most entries of a backtrace */
#define IOASID_POLICY_BT_LEN	16

/** enum ioasid_exit_kind - why a policy's exit() is called */
enum ioasid_exit_kind {
	/** @IOASID_EXIT_NONE: it is running */
	IOASID_EXIT_NONE		= 0,
	/** @IOASID_EXIT_UNREG: user space unloaded it */
	IOASID_EXIT_UNREG		= 64,
	/** @IOASID_EXIT_REPLACED: bpf_link update put another in its place */
	IOASID_EXIT_REPLACED		= 65,
	/** @IOASID_EXIT_KILLED: an operator's kill switch: "enabled" in sysfs, or the parameter "policies" */
	IOASID_EXIT_KILLED		= 66,
	/** @IOASID_EXIT_BPF: it resigned with bpf_ioasid_exit() */
	IOASID_EXIT_BPF			= 67,
	/** @IOASID_EXIT_ERROR: ejected; kinds from here on are misbehaviour */
	IOASID_EXIT_ERROR		= 1024,
	/** @IOASID_EXIT_ERROR_RETURN: a hook returned a value that has no meaning */
	IOASID_EXIT_ERROR_RETURN	= 1025,
	/** @IOASID_EXIT_ERROR_SLOW: half of a hook's calls took longer than timeout_us, for seconds */
	IOASID_EXIT_ERROR_SLOW		= 1026,
	/** @IOASID_EXIT_ERROR_BPF: it gave up with bpf_ioasid_error() */
	IOASID_EXIT_ERROR_BPF		= 1027,
};

/**
 * struct ioasid_exit_info - argument of exit()
 * @kind: enum ioasid_exit_kind
 * @__pad: 0
 * @value: what the hook returned, how many microseconds its last slow call
 *	took, or the code given to bpf_ioasid_exit()
 * @hook: name of the hook that ran, or empty
 * @msg: the reason, a line of text
 * @bt_len: entries of @bt
 * @dump_len: bytes that dump() wrote; they are in sysfs as exit_dump
 * @bt: backtrace of the task in which it ended, innermost first: addresses of the kernel
 * @name: name of the policy
 */
struct ioasid_exit_info {
	u32 kind;
	u32 __pad;
	s64 value;
	char hook[IOASID_POLICY_HOOK_LEN];
	char msg[IOASID_POLICY_MSG_LEN];
	u32 bt_len;
	u32 dump_len;
	u64 bt[IOASID_POLICY_BT_LEN];
	char name[IOASID_POLICY_NAME_LEN];
};

/** enum ioasid_replaces - &ioasid_init_args.replaces */
enum ioasid_replaces {
	/** @IOASID_REPLACES_NONE: nothing: it is a new policy */
	IOASID_REPLACES_NONE		= 0,
	/**
	 * @IOASID_REPLACES_RUNNING: a running policy; pages that it was charged
	 * are later uncharged from this one
	 */
	IOASID_REPLACES_RUNNING		= 1,
	/**
	 * @IOASID_REPLACES_EJECTED: an ejected policy, which missed all events
	 * since. Its counters in maps are out of date: start from zero. Pages
	 * that were charged before are never uncharged from this one, and
	 * space_open is called again for each address space.
	 */
	IOASID_REPLACES_EJECTED		= 2,
};

/**
 * struct ioasid_init_args - argument of init()
 * @page_size: bytes of a page
 * @hooks: how many hooks this kernel module calls
 * @spaces: address spaces that exist; space_open is called for each before any other
 *	hook runs
 * @replaces: enum ioasid_replaces: the policy whose place it takes
 * @name: its name
 */
struct ioasid_init_args {
	u32 page_size;
	u32 hooks;
	u32 spaces;
	u32 replaces;
	char name[IOASID_POLICY_NAME_LEN];
};

/**
 * struct ioasid_dump_args - argument of dump()
 * @kind: enum ioasid_exit_kind: why it was ejected; IOASID_EXIT_NONE when root
 *	reads the file "dump" in sysfs
 * @room: bytes that bpf_ioasid_dump() can still take
 */
struct ioasid_dump_args {
	u32 kind;
	u32 room;
};

/** enum ioasid_policy_flags - &ioasid_policy_ops.flags */
enum ioasid_policy_flags {
	/**
	 * @IOASID_POLICY_F_ACCOUNT: the charge hook replaces RLIMIT_MEMLOCK for
	 * tasks in the scope of the policy; with cgroup_id, not for a task whose
	 * cgroup is gone. Pinned pages still count in VmLck. After the policy is
	 * unloaded its mappings stay, and the rlimit bounds new ones again.
	 */
	IOASID_POLICY_F_ACCOUNT		= 1 << 0,
	/**
	 * @IOASID_POLICY_F_FAIL_CLOSED: while the policy is ejected for
	 * misbehaviour and still loaded, new mappings in its scope are refused
	 * with EPERM, instead of getting the built-in behaviour. An ejection by
	 * the kill switch fails open.
	 */
	IOASID_POLICY_F_FAIL_CLOSED	= 1 << 1,
	/**
	 * @IOASID_POLICY_F_AUDIT: the policy only watches: all values that its
	 * hooks return are ignored, and so are ACCOUNT and FAIL_CLOSED.
	 */
	IOASID_POLICY_F_AUDIT		= 1 << 2,
	/**
	 * @IOASID_POLICY_F_BY_NAME: only for address spaces that selected it by
	 * its name, as sockets do with congestion control: through
	 * /sys/kernel/ioasid/select, or because the parameter default_policy
	 * named it when they were opened.
	 */
	IOASID_POLICY_F_BY_NAME		= 1 << 3,
	/** @IOASID_POLICY_F_BEFORE: ask it before those of the same @prio, not after */
	IOASID_POLICY_F_BEFORE		= 1 << 4,
	/**
	 * @IOASID_POLICY_F_TIMES: fill in times and page sizes for map_done,
	 * map_batch and unmap_done; without it they are 0, because reading the
	 * clock costs more than calling a hook.
	 */
	IOASID_POLICY_F_TIMES		= 1 << 5,
};

/**
 * struct ioasid_policy_ops - a policy
 *
 * Data members come first. Hooks follow in the order in which they are called; those that
 * were added later are the last ones. Every hook is optional; one that no policy has costs a
 * no-op instruction.
 *
 * *Context.* Hooks other than init and exit run in the calling task, with preemption
 * off, and may not sleep. A hook can delay its caller by returning a time: the caller
 * sleeps later, when it holds no lock. Arguments can be read, not written. A hook is
 * never called from within a BPF program of the same task; such a call gets the
 * built-in behaviour.
 *
 * *Misbehaviour.* A policy is ejected when a hook returns a value that it may not
 * return, is slow, or calls bpf_ioasid_error(). Then only dump and exit are called; the
 * built-in behaviour replaces the policy, mappings stay, and
 * /sys/kernel/ioasid/policies/NAME shows the reason. For the call at hand: a negative
 * errno that is not on the hook's list refuses it with EPERM; any other value means the
 * built-in behaviour, or EPERM with IOASID_POLICY_F_FAIL_CLOSED.
 *
 * *Slow.* A call is slow when it takes longer than @timeout_us. The clock also counts
 * interrupts, and the time in which a hypervisor runs other guests, so a slow call is
 * only counted (stats). A hook is slow when half of its calls are slow in each of three
 * periods in a row. A period lasts at least a second and at least eight calls. A slow
 * program reaches that, a machine that is busy for a while does not. init, exit and
 * dump have no limit.
 *
 * *Several.* Up to 16 policies may be loaded. They are asked in the order of @prio, then
 * of loading. The first refusal counts, and policies that accepted before it are
 * uncharged; of several waits the longest counts, of several batch or flush sizes the
 * smallest, of several placements the first.
 *
 * *Scope.* @space_id, @cgroup_id and IOASID_POLICY_F_BY_NAME restrict the policy; all
 * that are set must match. The scope is checked once, at the beginning of a pair.
 *
 * *Pairs.* Exactly the policies that saw the beginning of something are notified of its
 * end, also when the task or its cgroup has changed in between: map_done and unmap_done
 * follow map_begin and unmap_begin, space_close follows space_open, attached and detach
 * follow attach, uncharge follows charge, access_unpin follows access_pin. A policy that
 * was not asked, because one before it refused, has not seen the beginning. One that
 * refused has: it is notified of the end of a map, an attach or an address space, but
 * no pages are uncharged. A policy that has only the hook of the end is notified of each
 * end whose beginning was in its scope. All this also holds with IOASID_POLICY_F_AUDIT,
 * whatever its hooks return. Programs that replace running ones inherit what these saw.
 *
 * No hook can veto or delay an unmap, a detach or a teardown. Loading needs
 * CAP_SYS_ADMIN in the initial user namespace, beside what BPF requires.
 */
struct ioasid_policy_ops {
	/** @name: letters, digits, '_', '-' and '.'; unique among loaded policies */
	char name[IOASID_POLICY_NAME_LEN];

	/** @flags: enum ioasid_policy_flags */
	u64 flags;

	/**
	 * @cgroup_id: only for tasks in this cgroup (v2) and below it; 0: for
	 * all. The task is the one that calls, or that is charged. The cgroup must
	 * exist when the policy is loaded.
	 */
	u64 cgroup_id;

	/** @space_id: only for this address space; 0: for all */
	u32 space_id;

	/** @timeout_us: what counts as slow for one call, in microseconds; 0 means 200 */
	u32 timeout_us;

	/** @prio: lower ones are asked first */
	s32 prio;

	/**
	 * @init: Called once while the policy is loaded, before any other hook.
	 *
	 * Context: process context of the loader, may sleep.
	 * Return: 0, or -errno to fail the load with it; any other value counts
	 * as -EPROTO.
	 */
	s32 (*init)(struct ioasid_init_args *args);

	/**
	 * @exit: Called once when the policy has been unloaded, replaced or
	 * ejected, or when its load failed after init. No other hook runs during
	 * or after it, and bpf_ioasid_error() has no effect. The init of a policy
	 * that replaces an ejected one runs after it.
	 *
	 * Context: process context, may sleep.
	 */
	void (*exit)(struct ioasid_exit_info *info);

	/**
	 * @dump: Print the policy's state with bpf_ioasid_dump(). Called between
	 * an ejection and exit, and when root reads "dump" in the policy's folder.
	 *
	 * Context: process context, may not sleep.
	 */
	void (*dump)(struct ioasid_dump_args *args);

	/**
	 * @space_open: An address space was created; no task can use it yet.
	 * Also called once for each that exists when the policy is loaded, with
	 * IOASID_SPACE_ARGS_REPLAY.
	 *
	 * Context: the task that opens it, with no lock of ioasid held; VFIO's
	 * locks are held for a container. In a replay, the loader.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM or -ENOSPC to refuse: open()
	 * of /dev/ioasid fails with it; a container is sealed, and every map in
	 * it fails with the errno. In a replay the value is ignored.
	 */
	s32 (*space_open)(struct ioasid_space_args *args);

	/**
	 * @space_close: The address space has ended: nothing is or can be mapped.
	 *
	 * Context: any task, may be a kernel thread; no lock held.
	 */
	void (*space_close)(struct ioasid_space_args *args);

	/**
	 * @attach: A group is to join an address space.
	 *
	 * Context: the caller of VFIO_SET_IOMMU, VFIO_GROUP_SET_CONTAINER or
	 * ioasid_attach_group(), before any lock of ioasid; VFIO's own locks
	 * are held.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM, -ENOSPC or -EINVAL to refuse.
	 */
	s32 (*attach)(struct ioasid_attach_args *args);

	/**
	 * @attached: The group has joined, or the attach failed: this policy or a
	 * later one refused it, or another check failed.
	 *
	 * Context: as attach.
	 */
	void (*attached)(struct ioasid_attach_args *args, struct ioasid_attach_result *result);

	/**
	 * @detach: A group that joined has left; with the last one of a
	 * container, all its mappings were removed.
	 *
	 * Context: any task, no lock of ioasid held.
	 */
	void (*detach)(struct ioasid_attach_args *args);

	/**
	 * @map_begin: A mapping is requested; nothing is pinned yet. If the kernel
	 * chooses the address (IOASID_MAP_ANYWHERE), it is 0 here, and map_at
	 * sees the chosen one.
	 *
	 * Context: the mapping task, before any lock.
	 * Return: 0 to allow; -EPERM, -EACCES, -ENOMEM, -ENOSPC, -EDQUOT,
	 * -EAGAIN or -EINVAL to refuse (a VFIO ioctl gets -ENOMEM for -EDQUOT
	 * and -EAGAIN, which have other meanings to its callers); n > 0 to
	 * allow after the caller slept n microseconds, killably, at most
	 * IOASID_POLICY_WAIT_MAX.
	 */
	s32 (*map_begin)(struct ioasid_map_args *args);

	/**
	 * @map_place: Choose the address of a mapping whose caller left the choice
	 * to the kernel (an ioctl of ioasid's own).
	 *
	 * Context: the mapping task; areas_lock is held.
	 * Return: an address, or 0 to choose none. An address that is misaligned,
	 * outside of the windows or in use is ignored and counted (stats); one
	 * that map_at refuses is ignored.
	 */
	u64 (*map_place)(struct ioasid_map_args *args, struct ioasid_place_args *place);

	/**
	 * @map_workers: How many may help with a mapping of at least
	 * IOASID_WORKERS_PAGES pages: threads of the caller's process, or workers of
	 * the kernel where there can be none. @args->workers is the number that the
	 * caller requests, or that the policy before this one returned. Without a policy
	 * 0 means that only threads of the process may help, on idle processors.
	 *
	 * Context: the mapping task; the range is reserved, no lock is held.
	 * Return: the number, 0 for none; @args->workers leaves it as it is. A
	 * larger number than IOASID_WORKERS_MAX is cut to that and counted (stats).
	 * The parameter pin_workers and the number of processors limit it, too.
	 */
	u32 (*map_workers)(struct ioasid_map_args *args);

	/**
	 * @map_batch: Asked before each call of the page pinner.
	 *
	 * Context: the mapping task; the range is reserved, no lock is held.
	 * Return: pages to pin by the next call, 0 for the default (512, or 4096
	 * while so many are left). More than IOASID_POLICY_BATCH_MAX is cut to
	 * that and counted (stats).
	 */
	u32 (*map_batch)(struct ioasid_map_args *args, struct ioasid_batch_args *batch);

	/**
	 * @charge: A batch of pages was pinned, and is to be charged.
	 *
	 * Context: the mapping task, or the attaching task when an attach pins
	 * earlier mappings, or the task of a driver that pins an unpinned page; no
	 * spinlock is held, areas_lock may be.
	 * Return: 0, or -ENOMEM, -ENOSPC, -EPERM or -EDQUOT (-ENOMEM to a VFIO
	 * ioctl) to undo the whole mapping.
	 */
	s32 (*charge)(struct ioasid_charge_args *args);

	/**
	 * @uncharge: Pages that @charge accepted are no longer pinned, or a later
	 * part of the same mapping failed. The sums over a mapping are equal; the
	 * calls need not pair up. It is not called for pages that were charged
	 * before the policy was loaded, unless it replaced a running one.
	 *
	 * Context: any task; no spinlock held, areas_lock may be.
	 */
	void (*uncharge)(struct ioasid_charge_args *args);

	/**
	 * @map_done: A mapping has been made, or has failed: this policy or a
	 * later one refused it, or another check failed.
	 *
	 * Context: the mapping task, no lock held.
	 */
	void (*map_done)(struct ioasid_map_args *args, struct ioasid_map_result *result);

	/**
	 * @unmap_begin: A range is about to be unmapped. In a teardown: DMA has
	 * ended, and pages are about to be unpinned.
	 *
	 * Context: the unmapping task, no lock of ioasid held.
	 */
	void (*unmap_begin)(struct ioasid_unmap_args *args);

	/**
	 * @unmap_sync: How many mappings are cleared between two flushes of an
	 * IOTLB. Pages are never unpinned before the flush, whatever it returns.
	 *
	 * Context: the unmapping task, domains_rwsem held.
	 * Return: a number, 0 for the default: one flush for all.
	 */
	u32 (*unmap_sync)(struct ioasid_unmap_args *args, struct ioasid_sync_args *sync);

	/**
	 * @reserved: 0. No hook may be member 23 of this struct: the verifier of
	 * the 6.12 series mistakes that number for BPF_TRACE_RAW_TP, and the
	 * arguments of the hook for pointers that may be NULL.
	 */
	u64 reserved;

	/**
	 * @unmap_done: An unmap that unmap_begin saw has ended.
	 *
	 * Context: the unmapping task, no lock held.
	 */
	void (*unmap_done)(struct ioasid_unmap_args *args, struct ioasid_unmap_result *result);

	/**
	 * @access_pin: An in-kernel user (a software device) is about to pin
	 * mapped pages. They are charged, unless they are pinned and charged for
	 * an IOMMU already.
	 *
	 * Context: the driver's, which may be a kernel thread; no lock of
	 * ioasid held.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM or -ENOSPC to refuse.
	 */
	s32 (*access_pin)(struct ioasid_access_args *args);

	/**
	 * @access_unpin: Pages that @access_pin accepted were unpinned, or could
	 * not be pinned, or their driver kept them beyond the end of the mapping.
	 * A page that is pinned n times counts n times. The sums over an address
	 * space are equal; the calls need not pair up.
	 *
	 * Context: the driver's, or the task that tears down; no lock of ioasid held.
	 */
	void (*access_unpin)(struct ioasid_access_args *args);

	/**
	 * @owner_change: A mapping is to get another owner. If no policy refuses,
	 * charge follows for the new owner, then uncharge for the old one.
	 *
	 * Context: the new owner, no lock held.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM or -ENOSPC to refuse: then the
	 * owner stays as it is.
	 */
	s32 (*owner_change)(struct ioasid_owner_args *args);

	/**
	 * @dirty: Dirty tracking began or ended, or dirty pages were read.
	 *
	 * Context: the caller, no lock held.
	 */
	void (*dirty)(struct ioasid_dirty_args *args);

	/**
	 * @map_at: May the mapping lie at @args->iova? It is called for each
	 * address that the caller chose, that the kernel chose (IOASID_MAP_ANYWHERE
	 * in @args->flags), or that map_place chose; also for copies, for mappings
	 * of files and for entries of batches. A mapping lies at the address that
	 * this hook allowed in its last call. It is not called for existing
	 * mappings: an attach, a live update and a load of the policy move none.
	 *
	 * Refuse addresses here, and mappings in map_begin. map_done reports the
	 * result.
	 *
	 * Context: the mapping task; areas_lock is held, so no other task can
	 * take the address meanwhile. Nothing is pinned. The range is aligned. An
	 * address that the caller chose may be in use or outside of the windows;
	 * then the call fails after this hook.
	 * Return: 0 to allow it. -EPERM, -EACCES, -ENOMEM, -ENOSPC or -EINVAL to
	 * refuse the mapping at any address. Any other value, taken as unsigned,
	 * is the lowest address above @args->iova that may do: the kernel searches
	 * from there and asks again; if the caller chose the address, the mapping
	 * is refused with EPERM. An address that is not above @args->iova is
	 * misbehaviour, and refuses the mapping with EPERM. Beware of a sum that
	 * wraps to 0, which allows the mapping.
	 *
	 * The kernel first searches upwards for an address that suits large
	 * pages, and then again from the bottom for any address. So the hook may
	 * see the same address twice. After IOASID_POLICY_AT_MAX refused addresses,
	 * or when there are no more, the call fails with ENOSPC. In both cases the
	 * reason is IOASID_R_POLICY, with the policy's id.
	 */
	s64 (*map_at)(struct ioasid_map_args *args);

	/**
	 * @stale: A process unmaps, moves or discards memory that an IOMMU still has
	 * mapped, or ends with it: devices go on with pages that the process no longer
	 * has there. @args says who did it, where and how; the hook changes nothing of
	 * it. Processes are watched while a policy has this hook; each page is reported
	 * once for a mapping.
	 *
	 * Context: an MMU notifier in the task that makes the change, with locks of
	 * memory management held; no lock of ioasid.
	 */
	void (*stale)(struct ioasid_stale_args *args);
};

#ifdef __bpf__
#pragma clang attribute pop
#endif

#endif /* _IOASID_POLICY_H */
