/* SPDX-License-Identifier: GPL-2.0-only */
/* What observe/ioasidtop.bpf.c and its loader agree on. */
#ifndef _IOASID_TOP_H
#define _IOASID_TOP_H

/**
 * struct top_key - a process and an address space it uses
 * @space: id
 * @tgid: process
 */
struct top_key {
	__u32 space;
	__u32 tgid;
};

/**
 * struct top_row - what it did since the last look
 * @maps: map calls that succeeded
 * @unmaps: unmap calls and teardowns that succeeded
 * @failed: calls that did not
 * @mapped: bytes
 * @unmapped: bytes
 * @pages: pinned
 * @runs: physically contiguous pieces of them
 * @ns: time in those calls
 * @ns_max: of the longest
 * @cgroup: id
 * @comm: of a thread that called
 */
struct top_row {
	__u64 maps;
	__u64 unmaps;
	__u64 failed;
	__u64 mapped;
	__u64 unmapped;
	__u64 pages;
	__u64 runs;
	__u64 ns;
	__u64 ns_max;
	__u64 cgroup;
	char comm[16];
};

#endif
