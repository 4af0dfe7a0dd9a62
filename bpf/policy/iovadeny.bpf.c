// SPDX-License-Identifier: GPL-2.0-only
/*
 * iovadeny - keeps ranges of I/O virtual addresses free of mappings.
 *
 * What it does. A map call that touches one of the ranges gets EPERM. For
 * instance the first page, so that a device that follows a null pointer faults:
 *
 *   ioasidctl policy load iovadeny --set 'deny[0].last=0xfff'
 *   ioasidctl policy load iovadeny --set 'deny[0].first=0xfee00000' \
 *		--set 'deny[0].last=0xfeefffff'
 *
 * Cost. One comparison for each range and map call.
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

/* How often each range was hit. */
__u64 hits[RANGES] = {};

SEC("struct_ops/map_begin")
s32 BPF_PROG(iovadeny_map_begin, struct ioasid_map_args *args)
{
	__u64 first = args->iova, last = first + args->length - 1;
	int i;

	for (i = 0; i < RANGES; i++) {
		if (!deny[i].last || first > deny[i].last || last < deny[i].first)
			continue;
		__sync_fetch_and_add(&hits[i], 1);
		return -EPERM;
	}
	return 0;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops iovadeny = {
	.map_begin	= (void *)iovadeny_map_begin,
	.name		= "iovadeny",
};
