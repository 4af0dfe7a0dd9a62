/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy: struct ioasid_policy_ops, which is its manual, and what it is told
 * at its beginning and its end. The arguments of its hooks are in args.h.
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
/** define IOASID_POLICY_AT_MAX - addresses that policies may turn down before a search for one ends */
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
 * @msg: one line for people
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
	/** @IOASID_REPLACES_NONE: nothing; it is loaded */
	IOASID_REPLACES_NONE		= 0,
	/**
	 * @IOASID_REPLACES_RUNNING: a running policy; what that one was charged
	 * is given back to this one
	 */
	IOASID_REPLACES_RUNNING		= 1,
	/**
	 * @IOASID_REPLACES_EJECTED: one that was ejected, and was told nothing
	 * since. Books that were handed over in maps are out of date: begin new
	 * ones. Nothing that was charged before is given back, and space_open
	 * tells of each address space again.
	 */
	IOASID_REPLACES_EJECTED		= 2,
};

/**
 * struct ioasid_init_args - argument of init()
 * @page_size: bytes of a page
 * @hooks: how many hooks this kernel module calls
 * @spaces: address spaces that exist; space_open tells of each before any other
 *	hook runs
 * @replaces: enum ioasid_replaces: whose place it takes
 * @name: under which it is loaded
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
	 * @IOASID_POLICY_F_ACCOUNT: the charge hook takes the place of
	 * RLIMIT_MEMLOCK, where the policy is in scope; not for a task whose
	 * cgroup is gone, if cgroup_id is set. Pinned pages still show
	 * up in VmLck. When the policy goes away its live mappings stay, and
	 * new ones meet the rlimit again.
	 */
	IOASID_POLICY_F_ACCOUNT		= 1 << 0,
	/**
	 * @IOASID_POLICY_F_FAIL_CLOSED: while ejected for misbehaviour and
	 * still loaded, new mappings in its scope are refused with EPERM instead
	 * of getting the built-in behaviour. A kill switch opens.
	 */
	IOASID_POLICY_F_FAIL_CLOSED	= 1 << 1,
	/**
	 * @IOASID_POLICY_F_AUDIT: it only watches: what its hooks return is
	 * ignored, whatever it is, and batch sizes, waits and placements too;
	 * so are ACCOUNT and FAIL_CLOSED.
	 */
	IOASID_POLICY_F_AUDIT		= 1 << 2,
	/**
	 * @IOASID_POLICY_F_BY_NAME: only for address spaces that selected it by
	 * its name, as sockets do with congestion control: through
	 * /sys/kernel/ioasid/select, or because the parameter default_policy
	 * named it when they were opened.
	 */
	IOASID_POLICY_F_BY_NAME		= 1 << 3,
	/** @IOASID_POLICY_F_BEFORE: goes before those of the same @prio, not after */
	IOASID_POLICY_F_BEFORE		= 1 << 4,
	/**
	 * @IOASID_POLICY_F_TIMES: fill in the times and page sizes that map_done,
	 * map_batch and unmap_done are shown; reading the clock costs more than
	 * calling a hook.
	 */
	IOASID_POLICY_F_TIMES		= 1 << 5,
};

/**
 * struct ioasid_policy_ops - a policy
 *
 * Data comes first, hooks follow in the order in which they are met, but for
 * map_at, which is younger and comes last. Every hook is optional; one that is absent costs a no-op instruction.
 *
 * *Context.* Hooks other than init and exit run in the context of the calling
 * task, with preemption off, and may not sleep; a hook that wants its caller to
 * be slowed down returns a time, and the caller sleeps later, where it holds
 * nothing. Arguments can be read, not written. A hook is never called from within a BPF program of the
 * same task: what would call it gets the built-in behaviour.
 *
 * *Misbehaviour.* A hook that returns what it may not, is slow, or calls
 * bpf_ioasid_error(), costs the policy its place: it is ejected. None of its
 * hooks but dump and exit runs again, the built-in behaviour takes its place,
 * mappings stay, and /sys/kernel/ioasid/policies/NAME tells why. A negative
 * errno that is not on the hook's list still refuses that one call, with EPERM;
 * any other value falls back to the built-in behaviour, or to EPERM with
 * IOASID_POLICY_F_FAIL_CLOSED.
 *
 * *Slow.* A call is slow when it takes more than @timeout_us by the clock. That
 * includes what the machine does meanwhile: interrupts, and what a hypervisor
 * gives to others. So a slow call is only counted (stats). A hook is slow when
 * half of its calls are, over a second or longer and at least eight calls, and
 * this three times in a row: that is the program, whose calls are slow whenever
 * they are made, and not a machine that is busy for a while. init, exit and dump
 * may take their time.
 *
 * *Several.* Up to 16 may be loaded. They are asked in the order of @prio, then
 * of loading. The first refusal counts, and what was accepted before it is given
 * back; of several waits the longest counts, of several batch or flush sizes the
 * smallest, of several placements the first.
 *
 * *Scope.* @space_id, @cgroup_id and IOASID_POLICY_F_BY_NAME narrow it down; all
 * that are given must hold. The scope is looked at once, where something begins.
 *
 * *Pairs.* The end of something is told to those policies, and only those, that
 * saw its beginning, wherever the task and the scope have moved since: map_done
 * and unmap_done to those of map_begin and unmap_begin, space_close to those of
 * space_open, attached and detach to those of attach, uncharge to those of
 * charge, access_unpin to those of access_pin. A policy that was not asked,
 * because one before it refused, has not seen the beginning; one that refused
 * has, and is told the end of a map, an attach and an address space, but given
 * back no pages. A policy that has only the hook of the end is told of all ends
 * that were in scope when they began. What an IOASID_POLICY_F_AUDIT policy
 * returns makes no difference to this. Programs that take the place of running
 * ones inherit what these have seen.
 *
 * Nothing here can veto or delay an unmap, a detach or a teardown. Loading needs
 * CAP_SYS_ADMIN in the initial user namespace, beside what BPF asks for.
 */
struct ioasid_policy_ops {
	/** @name: letters, digits, '_', '-' and '.'; unique among loaded policies */
	char name[IOASID_POLICY_NAME_LEN];

	/** @flags: enum ioasid_policy_flags */
	u64 flags;

	/**
	 * @cgroup_id: only for tasks in this cgroup (v2) and below it, by the
	 * task that calls, or whose pages are charged; 0: for all. The cgroup
	 * must exist when the policy is loaded.
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
	 * Return: 0, or -errno to refuse the load with it; anything else is
	 * taken as -EPROTO.
	 */
	s32 (*init)(struct ioasid_init_args *args);

	/**
	 * @exit: Called once when the policy has been unloaded, replaced or
	 * ejected, or when its load failed after init; no other hook runs during
	 * or after it. What it says with bpf_ioasid_error() comes too late. What
	 * takes the place of an ejected policy is told so, by init, after this.
	 *
	 * Context: process context, may sleep.
	 */
	void (*exit)(struct ioasid_exit_info *info);

	/**
	 * @dump: Tell about yourself with bpf_ioasid_dump(). Called between an
	 * ejection and exit, and when root reads "dump" in the policy's folder.
	 *
	 * Context: process context, may not sleep.
	 */
	void (*dump)(struct ioasid_dump_args *args);

	/**
	 * @space_open: An address space was created; nobody can use it yet.
	 * Also called once for each that exists when the policy is loaded, with
	 * IOASID_SPACE_ARGS_REPLAY.
	 *
	 * Context: the task that opens, no lock of ioasid held; VFIO's are when
	 * it is a container. In a replay the loader.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM or -ENOSPC to refuse: open()
	 * of /dev/ioasid fails with it, a container comes up sealed, and every
	 * map in it gets the errno. In a replay the value is ignored.
	 */
	s32 (*space_open)(struct ioasid_space_args *args);

	/**
	 * @space_close: It is gone: nothing is mapped, nothing can be.
	 *
	 * Context: any task, may be a kernel thread; no lock held.
	 */
	void (*space_close)(struct ioasid_space_args *args);

	/**
	 * @attach: A group asks to join an address space.
	 *
	 * Context: the caller of VFIO_SET_IOMMU, VFIO_GROUP_SET_CONTAINER or
	 * ioasid_attach_group(), before any lock of ioasid; VFIO's own locks
	 * are held.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM, -ENOSPC or -EINVAL to refuse.
	 */
	s32 (*attach)(struct ioasid_attach_args *args);

	/**
	 * @attached: It has joined, or it failed: this policy or a later one
	 * refused it, or something else did.
	 *
	 * Context: as attach.
	 */
	void (*attached)(struct ioasid_attach_args *args, struct ioasid_attach_result *result);

	/**
	 * @detach: A group that joined has left; with the last one of a
	 * container all its mappings have gone.
	 *
	 * Context: any task, no lock of ioasid held.
	 */
	void (*detach)(struct ioasid_attach_args *args);

	/**
	 * @map_begin: A mapping is asked for; nothing is pinned yet. Where the
	 * kernel is to choose the address (IOASID_MAP_ANYWHERE) it is 0 here:
	 * map_at sees the one that is chosen.
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
	 * @map_place: Choose the address of a mapping for which the caller left
	 * it to the kernel (an ioctl of ioasid's own).
	 *
	 * Context: the mapping task; areas_lock is held.
	 * Return: an address, or 0 for no opinion. One that is misaligned,
	 * outside of the windows or in use is ignored and counted (stats); one
	 * that map_at turns down is ignored.
	 */
	u64 (*map_place)(struct ioasid_map_args *args, struct ioasid_place_args *place);

	/**
	 * @map_workers: How many workers may help to pin a mapping of at least
	 * IOASID_WORKERS_PAGES pages. @args->workers is what the caller asked for,
	 * or what the policy before this one said.
	 *
	 * Context: the mapping task; the range is reserved, no lock is held.
	 * Return: the number; 0 for none, @args->workers for no opinion. More than
	 * IOASID_WORKERS_MAX is cut to that and counted (stats). There are never
	 * more than the parameter pin_workers and the processors allow.
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
	 * @charge: A batch of pages was pinned and is about to be kept.
	 *
	 * Context: the mapping task (an attaching task when mappings are
	 * pinned late, a driver's when it pins a page that is not); no
	 * spinlock held, areas_lock may be.
	 * Return: 0, or -ENOMEM, -ENOSPC, -EPERM or -EDQUOT (-ENOMEM to a VFIO
	 * ioctl) to undo the whole mapping.
	 */
	s32 (*charge)(struct ioasid_charge_args *args);

	/**
	 * @uncharge: Pages that @charge accepted are no longer pinned, or a
	 * later part of the same mapping failed. Sums over a mapping are equal,
	 * calls need not pair up. A policy that was loaded after the pages were
	 * charged is not told of them; one that replaced a running one inherits.
	 *
	 * Context: any task; no spinlock held, areas_lock may be.
	 */
	void (*uncharge)(struct ioasid_charge_args *args);

	/**
	 * @map_done: A mapping has been made, or has failed: this policy or a
	 * later one refused it, or something else did.
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
	 * @unmap_sync: How many mappings may go before an IOTLB is flushed? Pages
	 * are never unpinned before the flush, whatever this says.
	 *
	 * Context: the unmapping task, domains_rwsem held.
	 * Return: a number, 0 for the default: one flush for all.
	 */
	u32 (*unmap_sync)(struct ioasid_unmap_args *args, struct ioasid_sync_args *sync);

	/**
	 * @reserved: 0. No hook may be member 23 of this struct: kernels of the
	 * 6.12 series take that number for BPF_TRACE_RAW_TP, and the arguments
	 * of the hook for pointers that may be NULL.
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
	 * pages of mappings. What it pins is charged like any other, if it is
	 * not pinned and charged for an IOMMU already.
	 *
	 * Context: the driver's, which may be a kernel thread; no lock of
	 * ioasid held.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM or -ENOSPC to refuse.
	 */
	s32 (*access_pin)(struct ioasid_access_args *args);

	/**
	 * @access_unpin: Pages that @access_pin accepted were unpinned, or could
	 * not be pinned, or were given up because their driver kept them beyond
	 * the end of the mapping. A page that is pinned several times counts as
	 * often. Sums over an address space are equal, calls need not pair up.
	 *
	 * Context: the driver's, or who tears down; no lock of ioasid held.
	 */
	void (*access_unpin)(struct ioasid_access_args *args);

	/**
	 * @owner_change: A mapping is to pass to another process, which will be
	 * charged (charge follows), and the old one be given back its own.
	 *
	 * Context: the new owner, no lock held.
	 * Return: 0, or -EPERM, -EACCES, -ENOMEM or -ENOSPC to refuse; the old
	 * owner keeps it.
	 */
	s32 (*owner_change)(struct ioasid_owner_args *args);

	/**
	 * @dirty: Dirty tracking began or ended, or dirty pages were read.
	 *
	 * Context: the caller, no lock held.
	 */
	void (*dirty)(struct ioasid_dirty_args *args);

	/**
	 * @map_at: May the mapping lie at @args->iova? Asked about each address,
	 * be it chosen by the caller, by the kernel (IOASID_MAP_ANYWHERE is in
	 * @args->flags) or by map_place. Every mapping is where this hook was asked
	 * last about it, once, and said yes; copies of mappings, mappings of
	 * files and entries of batches included. What is mapped already is not
	 * asked about: attaching, live update and loading the policy move nothing.
	 *
	 * A policy says here which addresses are wrong, and in map_begin which
	 * mappings. map_done tells what came of it.
	 *
	 * Context: the mapping task; areas_lock is held, so no other task can
	 * take the address meanwhile. Nothing is pinned. The range is aligned;
	 * one that the caller chose may be in use or outside of the windows,
	 * which then fails the call after this hook.
	 * Return: 0: yes. -EPERM, -EACCES, -ENOMEM, -ENOSPC or -EINVAL to refuse
	 * the mapping, wherever it may lie. Any other value, taken as unsigned,
	 * is the lowest address above @args->iova that may do: the kernel looks
	 * for one from there on and asks again; a mapping whose caller chose the
	 * address is refused with EPERM. An address that is not above
	 * @args->iova is misbehaviour, and refuses the mapping with EPERM. Beware
	 * of sums that pass the end of all addresses: 0 says yes.
	 *
	 * The kernel first looks for an address that suits large pages, upwards,
	 * and then again from the bottom for any: so the same address may be
	 * asked about again. After IOASID_POLICY_AT_MAX addresses that were
	 * turned down, or when there are no more, the call fails with ENOSPC.
	 * Either way the reason is IOASID_R_POLICY, with the policy's id.
	 */
	s64 (*map_at)(struct ioasid_map_args *args);
};

#ifdef __bpf__
#pragma clang attribute pop
#endif

#endif /* _IOASID_POLICY_H */
