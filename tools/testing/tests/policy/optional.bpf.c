// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy for a newer module: it has a hook that this one lacks. The program of
 * that hook is optional, unless NEEDED makes it one that must be there.
 */
#define ioasid_policy_ops ioasid_policy_ops_known
#include <ioasid/common.bpf.h>
#undef ioasid_policy_ops

char _license[] SEC("license") = "GPL";

#ifdef NEEDED
#define HOOK(name) SEC("struct_ops/" name)
#else
#define HOOK(name) SEC("?struct_ops/" name)
#endif

__u64 begun = 0;

/* Members are found by name, so those that are not used need not be here. */
struct ioasid_policy_ops {
	char name[IOASID_POLICY_NAME_LEN];
	s32 (*map_begin)(struct ioasid_map_args *args);
	s32 (*map_teleport)(struct ioasid_map_args *args);
};

HOOK("map_begin")
s32 BPF_PROG(optional_map_begin, struct ioasid_map_args *args)
{
	__sync_fetch_and_add(&begun, 1);
	return 0;
}

HOOK("map_teleport")
s32 BPF_PROG(optional_map_teleport, struct ioasid_map_args *args)
{
	return -EPERM;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops optional = {
	.name		= "optional",
	.map_begin	= (void *)optional_map_begin,
	.map_teleport	= (void *)optional_map_teleport,
};
