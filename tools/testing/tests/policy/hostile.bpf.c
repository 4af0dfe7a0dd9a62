// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy that wants what it may not have: every task is allowed and charged
 * everything; mappings shall lie where a variable says; nothing shall be flushed soon.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

const volatile __u64 place_at = 0;

__u32 places = 0;

SEC("struct_ops/attach")
s32 BPF_PROG(hostile_attach, struct ioasid_attach_args *args)
{
	return 0;
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(hostile_map_begin, struct ioasid_map_args *args)
{
	return 0;
}

SEC("struct_ops/map_place")
u64 BPF_PROG(hostile_map_place, struct ioasid_map_args *args, struct ioasid_place_args *place)
{
	__sync_fetch_and_add(&places, 1);
	return place_at;
}

SEC("struct_ops/map_workers")
u32 BPF_PROG(hostile_map_workers, struct ioasid_map_args *args)
{
	return 0xffffffff;
}

SEC("struct_ops/map_batch")
u32 BPF_PROG(hostile_map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	return 0xffffffff;
}

SEC("struct_ops/charge")
s32 BPF_PROG(hostile_charge, struct ioasid_charge_args *args)
{
	return 0;
}

SEC("struct_ops/unmap_sync")
u32 BPF_PROG(hostile_unmap_sync, struct ioasid_unmap_args *args, struct ioasid_sync_args *sync)
{
	return 0xffffffff;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops hostile = {
	.attach		= (void *)hostile_attach,
	.map_begin	= (void *)hostile_map_begin,
	.map_place	= (void *)hostile_map_place,
	.map_workers	= (void *)hostile_map_workers,
	.map_batch	= (void *)hostile_map_batch,
	.charge		= (void *)hostile_charge,
	.unmap_sync	= (void *)hostile_unmap_sync,
	.name		= "hostile",
};
