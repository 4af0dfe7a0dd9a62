// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two hooks that are neighbours in the struct, and count their calls: see
 * descriptors.c.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

__u64 batches = 0;
__u64 charges = 0;

SEC("struct_ops/map_batch")
u32 BPF_PROG(pair_map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	__sync_fetch_and_add(&batches, 1);
	return 0;
}

SEC("struct_ops/charge")
s32 BPF_PROG(pair_charge, struct ioasid_charge_args *args)
{
	__sync_fetch_and_add(&charges, 1);
	return 0;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops pair = {
	.map_batch	= (void *)pair_map_batch,
	.charge		= (void *)pair_charge,
	.name		= "pair",
};
