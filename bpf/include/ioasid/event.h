/* SPDX-License-Identifier: GPL-2.0-only */
/* What observe/ioasidsnoop.bpf.c sends to its loader: one record an operation. */
#ifndef _IOASID_EVENT_H
#define _IOASID_EVENT_H

/** enum snoop_op - what happened */
enum snoop_op {
	SNOOP_MAP,
	SNOOP_UNMAP,
	SNOOP_TEARDOWN,
	SNOOP_ATTACH,
	SNOOP_DETACH,
	SNOOP_ERROR,
	SNOOP_POLICY,
	SNOOP_STALE,
};

/**
 * struct snoop_event - one operation
 * @ns: CLOCK_MONOTONIC
 * @cgroup: id
 * @iova: first address; for an error its detail a
 * @length: bytes (what was unmapped, if everything was asked for); for an error its detail b
 * @vaddr: of a map, or of stale pages
 * @pages: pinned or unpinned, or stale
 * @charged: pages charged to the owner
 * @runs: physically contiguous runs (map), mappings removed (unmap)
 * @ns_pin: of a map, or unpinning of an unmap
 * @ns_account: of a map
 * @ns_iommu: page tables
 * @ns_sync: of an unmap
 * @ns_wait: slept because a policy said so
 * @ns_total: from entry to exit
 * @value: what a policy's hook returned, or microseconds it took
 * @op: enum snoop_op; a teardown is an unmap that no call asked for
 * @space: address space id
 * @tgid: process
 * @pid: thread
 * @uid: of the caller
 * @flags: enum ioasid_map_flags or ioasid_unmap_flags; of an error enum ioasid_error_op
 * @group: of attach and detach
 * @err: 0 or -errno
 * @reason: enum ioasid_reason; for a policy enum ioasid_exit_kind, for stale pages enum ioasid_change
 * @comm: of the running task
 * @name: of a policy
 * @hook: of a policy that was ejected
 * @msg: why
 */
struct snoop_event {
	__u64 ns;
	__u64 cgroup;
	__u64 iova;
	__u64 length;
	__u64 vaddr;
	__u64 pages;
	__u64 charged;
	__u64 runs;
	__u64 ns_pin;
	__u64 ns_account;
	__u64 ns_iommu;
	__u64 ns_sync;
	__u64 ns_wait;
	__u64 ns_total;
	__s64 value;
	__u32 op;
	__u32 space;
	__u32 tgid;
	__u32 pid;
	__u32 uid;
	__u32 flags;
	__u32 group;
	__s32 err;
	__u32 reason;
	char comm[16];
	char name[32];
	char hook[16];
	char msg[96];
};

#endif
