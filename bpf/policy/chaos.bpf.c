// SPDX-License-Identifier: GPL-2.0-only
/*
 * chaos - makes mappings fail, to see what a program does then. Needs no debug
 * kernel, unlike the kernel's own fault injection.
 *
 * What it does. Counts map calls, of one process or of all. The one of number
 * "nth" fails, or each "every"-th does. The failure comes before anything is
 * pinned, or with in_charge=1 when the pages of a batch are charged, so that a
 * mapping half made is undone; then it is batches that are counted.
 *
 *   ioasidctl policy load chaos --set nth=3 --set error=28 --set tgid=4711
 *
 * Cost. A few instructions for each map call or batch.
 *
 * Not for: machines in production.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

/* Fail this one, counted from 1; 0: none. */
const volatile __u64 nth = 0;
/* Fail each that is divisible by this; 0: none. */
const volatile __u64 every = 0;
/* With this errno; ENOMEM is one that both hooks may return. */
const volatile __s32 error = ENOMEM;
/* Only calls of this process; 0: of all. */
const volatile __u32 tgid = 0;
/* Fail charges instead of calls. */
const volatile bool in_charge = false;

__u64 seen = 0;
__u64 failed = 0;

static __always_inline s32 decide(const struct ioasid_who *who)
{
	__u64 number;

	if (tgid && who->tgid != tgid)
		return 0;
	number = add_return(&seen, 1);
	if (number != nth && (!every || number % every))
		return 0;
	__sync_fetch_and_add(&failed, 1);
	return -error;
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(chaos_map_begin, struct ioasid_map_args *args)
{
	return in_charge ? 0 : decide(&args->who);
}

SEC("struct_ops/charge")
s32 BPF_PROG(chaos_charge, struct ioasid_charge_args *args)
{
	return in_charge ? decide(&args->who) : 0;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops chaos = {
	.map_begin	= (void *)chaos_map_begin,
	.charge		= (void *)chaos_charge,
	.name		= "chaos",
};
