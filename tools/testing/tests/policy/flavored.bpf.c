// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy whose type has a suffix, as an author gives it who compiles for several
 * versions of the module: libbpf leaves out three underlines and what follows them.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

__u64 begun = 0;

struct ioasid_policy_ops___v2 {
	char name[IOASID_POLICY_NAME_LEN];
	s32 (*map_begin)(struct ioasid_map_args *args);
};

SEC("struct_ops/map_begin")
s32 BPF_PROG(flavored_map_begin, struct ioasid_map_args *args)
{
	__sync_fetch_and_add(&begun, 1);
	return 0;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops___v2 flavored = {
	.name		= "flavored",
	.map_begin	= (void *)flavored_map_begin,
};
