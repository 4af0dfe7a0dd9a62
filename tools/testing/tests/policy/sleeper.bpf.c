// SPDX-License-Identifier: GPL-2.0-only
/* A policy with a sleepable program where none may be. */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

SEC("struct_ops.s/map_begin")
s32 BPF_PROG(sleeper, struct ioasid_map_args *args)
{
	return 0;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops sleepy = {
	.map_begin	= (void *)sleeper,
	.name		= "sleepy",
};
