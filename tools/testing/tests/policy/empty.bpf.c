// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy with every hook, and nothing in them: what calling a policy costs.
 * Compiled with EMPTY_ONLY it has that hook alone.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

SEC("?struct_ops/space_open")
s32 BPF_PROG(empty_space_open, struct ioasid_space_args *args)
{
	return 0;
}

SEC("?struct_ops/space_close")
void BPF_PROG(empty_space_close, struct ioasid_space_args *args)
{
}

SEC("?struct_ops/attach")
s32 BPF_PROG(empty_attach, struct ioasid_attach_args *args)
{
	return 0;
}

SEC("?struct_ops/attached")
void BPF_PROG(empty_attached, struct ioasid_attach_args *args,
	      struct ioasid_attach_result *result)
{
}

SEC("?struct_ops/detach")
void BPF_PROG(empty_detach, struct ioasid_attach_args *args)
{
}

SEC("?struct_ops/map_begin")
s32 BPF_PROG(empty_map_begin, struct ioasid_map_args *args)
{
	return 0;
}

SEC("?struct_ops/map_place")
u64 BPF_PROG(empty_map_place, struct ioasid_map_args *args, struct ioasid_place_args *place)
{
	return 0;
}

SEC("?struct_ops/map_workers")
u32 BPF_PROG(empty_map_workers, struct ioasid_map_args *args)
{
	return args->workers;
}

SEC("?struct_ops/map_batch")
u32 BPF_PROG(empty_map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	return 0;
}

SEC("?struct_ops/charge")
s32 BPF_PROG(empty_charge, struct ioasid_charge_args *args)
{
	return 0;
}

SEC("?struct_ops/uncharge")
void BPF_PROG(empty_uncharge, struct ioasid_charge_args *args)
{
}

SEC("?struct_ops/map_done")
void BPF_PROG(empty_map_done, struct ioasid_map_args *args, struct ioasid_map_result *result)
{
}

SEC("?struct_ops/unmap_begin")
void BPF_PROG(empty_unmap_begin, struct ioasid_unmap_args *args)
{
}

SEC("?struct_ops/unmap_sync")
u32 BPF_PROG(empty_unmap_sync, struct ioasid_unmap_args *args, struct ioasid_sync_args *sync)
{
	return 0;
}

SEC("?struct_ops/unmap_done")
void BPF_PROG(empty_unmap_done, struct ioasid_unmap_args *args,
	      struct ioasid_unmap_result *result)
{
}

SEC("?struct_ops/access_pin")
s32 BPF_PROG(empty_access_pin, struct ioasid_access_args *args)
{
	return 0;
}

SEC("?struct_ops/access_unpin")
void BPF_PROG(empty_access_unpin, struct ioasid_access_args *args)
{
}

SEC("?struct_ops/owner_change")
s32 BPF_PROG(empty_owner_change, struct ioasid_owner_args *args)
{
	return 0;
}

SEC("?struct_ops/dirty")
void BPF_PROG(empty_dirty, struct ioasid_dirty_args *args)
{
}

SEC("?struct_ops/map_at")
s64 BPF_PROG(empty_map_at, struct ioasid_map_args *args)
{
	return 0;
}

SEC("?struct_ops/stale")
void BPF_PROG(empty_stale, struct ioasid_stale_args *args)
{
}

#define PASTE(a, b)	a##b
#define PROG(hook)	PASTE(empty_, hook)

SEC(".struct_ops.link")
struct ioasid_policy_ops empty = {
#ifdef EMPTY_ONLY
	.EMPTY_ONLY	= (void *)PROG(EMPTY_ONLY),
#else
	.space_open	= (void *)empty_space_open,
	.space_close	= (void *)empty_space_close,
	.attach		= (void *)empty_attach,
	.attached	= (void *)empty_attached,
	.detach		= (void *)empty_detach,
	.map_begin	= (void *)empty_map_begin,
	.map_place	= (void *)empty_map_place,
	.map_workers	= (void *)empty_map_workers,
	.map_batch	= (void *)empty_map_batch,
	.charge		= (void *)empty_charge,
	.uncharge	= (void *)empty_uncharge,
	.map_done	= (void *)empty_map_done,
	.unmap_begin	= (void *)empty_unmap_begin,
	.unmap_sync	= (void *)empty_unmap_sync,
	.unmap_done	= (void *)empty_unmap_done,
	.access_pin	= (void *)empty_access_pin,
	.access_unpin	= (void *)empty_access_unpin,
	.owner_change	= (void *)empty_owner_change,
	.dirty		= (void *)empty_dirty,
	.map_at		= (void *)empty_map_at,
	.stale		= (void *)empty_stale,
#endif
	.name		= "empty",
};
