// SPDX-License-Identifier: GPL-2.0-only
/*
 * iovadeny - keeps ranges of I/O virtual addresses free of mappings.
 *
 * What it does. No mapping touches one of the ranges: a map call that names such
 * an address gets EPERM, and the kernel, where it is left to choose one, takes one
 * behind the range. For instance the first page, so that a device that follows a
 * null pointer faults:
 *
 *   ioasidctl policy load iovadeny --set 'deny[0].last=0xfff'
 *   ioasidctl policy load iovadeny --set 'deny[0].first=0xfee00000' \
 *		--set 'deny[0].last=0xfeefffff'
 *
 * Cost. One comparison for each range and map call, and again for each range that
 * the kernel's choice would have touched.
 *
 * Not for: QEMU without a vIOMMU, which maps guest memory at its guest physical
 * address, from 0 on, and ends the guest when that fails.
 */
#include <ioasid/common.bpf.h>

#define RANGES	16

char _license[] SEC("license") = "GPL";

struct iovadeny_range {
	__u64 first;
	__u64 last;	/* inclusive; 0 in a range that is not used */
};

const volatile struct iovadeny_range deny[RANGES] = {};

/* How often each range was hit, by choices of the kernel's as well. */
__u64 hits[RANGES] = {};

/* The first page that may do again; of a range up to the last page there is none. */
static __always_inline s64 behind(__u64 last)
{
	return last >= -4096ULL ? -EPERM : (s64)(last + 1);
}

SEC("struct_ops/map_at")
s64 BPF_PROG(iovadeny_map_at, struct ioasid_map_args *args)
{
	__u64 first = args->iova, last = first + args->length - 1;
	int i;

	for (i = 0; i < RANGES; i++) {
		if (!deny[i].last || first > deny[i].last || last < deny[i].first)
			continue;
		__sync_fetch_and_add(&hits[i], 1);
		return behind(deny[i].last);
	}
	return 0;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops iovadeny = {
	.map_at		= (void *)iovadeny_map_at,
	.name		= "iovadeny",
};
