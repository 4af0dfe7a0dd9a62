// SPDX-License-Identifier: GPL-2.0-only
/* A policy with every hook, and nothing in them: what calling a policy costs. */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

SEC("struct_ops/attach")
s32 BPF_PROG(empty_attach, struct ioasid_attach_args *args)
{
	return 0;
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(empty_map_begin, struct ioasid_map_args *args)
{
	return 0;
}

SEC("struct_ops/map_batch")
u32 BPF_PROG(empty_map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	return 0;
}

SEC("struct_ops/charge")
s32 BPF_PROG(empty_charge, struct ioasid_charge_args *args)
{
	return 0;
}

SEC("struct_ops/uncharge")
void BPF_PROG(empty_uncharge, struct ioasid_charge_args *args)
{
}

SEC("struct_ops/map_done")
void BPF_PROG(empty_map_done, struct ioasid_map_args *args, struct ioasid_map_result *result)
{
}

SEC(".struct_ops.link")
struct ioasid_policy_ops empty = {
	.attach		= (void *)empty_attach,
	.map_begin	= (void *)empty_map_begin,
	.map_batch	= (void *)empty_map_batch,
	.charge		= (void *)empty_charge,
	.uncharge	= (void *)empty_uncharge,
	.map_done	= (void *)empty_map_done,
	.timeout_us	= 1000000,
	.name		= "empty",
};
