// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy that does whatever a test tells it: each hook returns the value of
 * its variable, from the n-th call on, or takes its time.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

const volatile __s32 init_value = 0;
const volatile __s32 map_begin_value = 0;
const volatile __s32 charge_value = 0;
const volatile __s32 attach_value = 0;
const volatile __u32 batch_value = 0;
const volatile __u32 workers_value = 0;
/* Values are returned from this call of a hook on; before it is 0. */
const volatile __u32 from_call = 1;
/* Rounds of a loop in map_begin, to be slow; only in every n-th call. */
const volatile __u32 rounds = 0;
const volatile __u32 slow_every = 1;

__u32 map_begin_calls = 0;
__u32 charge_calls = 0;
__u32 exit_calls = 0;
__u64 sink = 0;

static long spin(__u32 i, void *unused)
{
	sink += i;
	return 0;
}

SEC("struct_ops/init")
s32 BPF_PROG(misbehave_init, struct ioasid_init_args *args)
{
	return init_value;
}

SEC("struct_ops/exit")
void BPF_PROG(misbehave_exit, struct ioasid_exit_info *info)
{
	__sync_fetch_and_add(&exit_calls, 1);
}

SEC("struct_ops/attach")
s32 BPF_PROG(misbehave_attach, struct ioasid_attach_args *args)
{
	return attach_value;
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(misbehave_map_begin, struct ioasid_map_args *args)
{
	__u32 call = add_return(&map_begin_calls, 1);

	if (rounds && slow_every && call % slow_every == 0)
		bpf_loop(rounds, spin, NULL, 0);
	return call >= from_call ? map_begin_value : 0;
}

SEC("struct_ops/map_workers")
u32 BPF_PROG(misbehave_map_workers, struct ioasid_map_args *args)
{
	return workers_value;
}

SEC("struct_ops/map_batch")
u32 BPF_PROG(misbehave_map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	return batch_value;
}

SEC("struct_ops/charge")
s32 BPF_PROG(misbehave_charge, struct ioasid_charge_args *args)
{
	return add_return(&charge_calls, 1) >= from_call ? charge_value : 0;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops misbehave = {
	.init		= (void *)misbehave_init,
	.exit		= (void *)misbehave_exit,
	.attach		= (void *)misbehave_attach,
	.map_begin	= (void *)misbehave_map_begin,
	.map_workers	= (void *)misbehave_map_workers,
	.map_batch	= (void *)misbehave_map_batch,
	.charge		= (void *)misbehave_charge,
	.name		= "misbehave",
};
