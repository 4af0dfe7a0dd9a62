// SPDX-License-Identifier: GPL-2.0-only
/* A policy that is not attached through a link. */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

SEC(".struct_ops")
struct ioasid_policy_ops nolink = {
	.name = "nolink",
};
