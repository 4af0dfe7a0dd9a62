// SPDX-License-Identifier: GPL-2.0-only
/*
 * pincg in a version with a bug, for docs/transcript.md: a mapping of exactly
 * 13 pages makes map_begin ask for a wait of two minutes, which no hook may.
 */
#define PINCG_NO_POLICY
#include "../../../../bpf/policy/pincg.bpf.c"

SEC("struct_ops/map_begin")
s32 BPF_PROG(flawed_map_begin, struct ioasid_map_args *args)
{
	return args->length == 13 * page_size ? 120000000 : 0;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops flawed = {
	.init		= (void *)pincg_init,
	.map_begin	= (void *)flawed_map_begin,
	.charge		= (void *)pincg_charge,
	.uncharge	= (void *)pincg_uncharge,
	.name		= "flawed",
};
