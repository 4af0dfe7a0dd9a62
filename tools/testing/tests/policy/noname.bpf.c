// SPDX-License-Identifier: GPL-2.0-only
/* A policy that forgot its name. */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

SEC(".struct_ops.link")
struct ioasid_policy_ops noname = {
	.timeout_us = 100,
};
