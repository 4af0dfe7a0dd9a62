// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the books of what ioasid tells a policy, so that a test can see whether
 * they balance: every charge given back, every map begun also done.
 */
#include <ioasid/kfuncs.bpf.h>

char _license[] SEC("license") = "GPL";

/* Refuse the charge of that number; 0 for none. */
const volatile __u32 refuse_charge = 0;
/* Ask for batches of that many pages; 0 for the default. */
const volatile __u32 pages_per_batch = 0;
/* Let map_begin wait for so many microseconds. */
const volatile __s32 wait_us = 0;

/* A replayed space_open goes on until its space has that many mappings, or for so long; 0: at once. */
const volatile __u32 open_until = 0;
/* A replayed space_open gives up. */
const volatile bool open_gives_up = false;
const volatile __u32 open_ms = 12000;

__u64 open_given_up = 0;
__u64 begun = 0;
__u64 finished = 0;
__u64 failed = 0;
__u64 charges = 0;
__s64 charged_pages = 0;
__u64 batches = 0;
__u64 largest_charge = 0;
__u64 result_pages = 0;
__u64 result_batches = 0;
__u64 result_wait_ns = 0;
__u64 result_total_ns = 0;
__s32 last_error = 0;
__s64 spaces = 0;
__s64 spaces_below_zero = 0;
__u64 asked_to_attach = 0;
__u64 attached = 0;
__s64 groups = 0;
__s64 pinned_pages = 0;

static __noinline __u64 mappings_of(__u32 id)
{
	struct ioasid_space_info info = {};
	struct ioasid_space *space = bpf_ioasid_space_acquire(id);

	if (!space)
		return 0;
	bpf_ioasid_space_info(space, &info, sizeof(info));
	bpf_ioasid_space_release(space);
	return info.maps;
}

SEC("struct_ops/space_open")
s32 BPF_PROG(ledger_space_open, struct ioasid_space_args *args)
{
	__u64 end = bpf_ktime_get_ns() + open_ms * 1000000ULL;
	int i;

	__sync_fetch_and_add(&spaces, 1);
	if (open_gives_up && args->flags & IOASID_SPACE_ARGS_REPLAY)
		ioasid_error("no room for what is there");
	if (!open_until || !(args->flags & IOASID_SPACE_ARGS_REPLAY))
		return 0;
	bpf_for(i, 0, 1 << 23) {
		if (mappings_of(args->who.space) >= open_until)
			return 0;
		if (bpf_ktime_get_ns() > end)
			break;
	}
	__sync_fetch_and_add(&open_given_up, 1);
	return 0;
}

SEC("struct_ops/space_close")
void BPF_PROG(ledger_space_close, struct ioasid_space_args *args)
{
	if (add_return(&spaces, -1) < 0)
		__sync_fetch_and_add(&spaces_below_zero, 1);
}

SEC("struct_ops/attach")
s32 BPF_PROG(ledger_attach, struct ioasid_attach_args *args)
{
	__sync_fetch_and_add(&asked_to_attach, 1);
	return 0;
}

SEC("struct_ops/attached")
void BPF_PROG(ledger_attached, struct ioasid_attach_args *args,
	      struct ioasid_attach_result *result)
{
	__sync_fetch_and_add(&attached, 1);
	if (!result->err)
		__sync_fetch_and_add(&groups, 1);
}

SEC("struct_ops/detach")
void BPF_PROG(ledger_detach, struct ioasid_attach_args *args)
{
	__sync_fetch_and_add(&groups, -1);
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(ledger_map_begin, struct ioasid_map_args *args)
{
	__sync_fetch_and_add(&begun, 1);
	return wait_us;
}

SEC("struct_ops/map_batch")
u32 BPF_PROG(ledger_map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	__sync_fetch_and_add(&batches, 1);
	return pages_per_batch;
}

SEC("struct_ops/charge")
s32 BPF_PROG(ledger_charge, struct ioasid_charge_args *args)
{
	if (add_return(&charges, 1) == refuse_charge)
		return -ENOMEM;
	__sync_fetch_and_add(&charged_pages, args->npages);
	if (args->npages > largest_charge)
		largest_charge = args->npages;
	return 0;
}

SEC("struct_ops/uncharge")
void BPF_PROG(ledger_uncharge, struct ioasid_charge_args *args)
{
	__sync_fetch_and_add(&charged_pages, -args->npages);
}

SEC("struct_ops/map_done")
void BPF_PROG(ledger_map_done, struct ioasid_map_args *args, struct ioasid_map_result *result)
{
	__sync_fetch_and_add(&finished, 1);
	if (result->err) {
		__sync_fetch_and_add(&failed, 1);
		last_error = result->err;
	}
	result_pages = result->pages;
	result_batches = result->batches;
	result_wait_ns = result->ns_wait;
	result_total_ns = result->ns_total;
}

SEC("struct_ops/access_pin")
s32 BPF_PROG(ledger_access_pin, struct ioasid_access_args *args)
{
	__sync_fetch_and_add(&pinned_pages, args->npages);
	return 0;
}

SEC("struct_ops/access_unpin")
void BPF_PROG(ledger_access_unpin, struct ioasid_access_args *args)
{
	__sync_fetch_and_add(&pinned_pages, -args->npages);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops ledger = {
	.space_open	= (void *)ledger_space_open,
	.space_close	= (void *)ledger_space_close,
	.attach		= (void *)ledger_attach,
	.attached	= (void *)ledger_attached,
	.detach		= (void *)ledger_detach,
	.map_begin	= (void *)ledger_map_begin,
	.map_batch	= (void *)ledger_map_batch,
	.charge		= (void *)ledger_charge,
	.uncharge	= (void *)ledger_uncharge,
	.map_done	= (void *)ledger_map_done,
	.access_pin	= (void *)ledger_access_pin,
	.access_unpin	= (void *)ledger_access_unpin,
	.flags		= IOASID_POLICY_F_TIMES,
	.name		= "ledger",
};
