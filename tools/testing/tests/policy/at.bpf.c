// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy about addresses, that checks what its hook is promised: each mapping
 * that is made lies where map_at was asked last about it, once, and said yes.
 * What it turns down, and how, is for its loader to say.
 */
#include <ioasid/common.bpf.h>

#include "../../lib/policy_at.h"

char _license[] SEC("license") = "GPL";

struct at_state state SEC(".data.at") = {};

struct at_key {
	__u64 iova;
	__u64 length;
	__u32 space;
	__u32 __pad;
};

/* Said yes to; map_done has not seen it yet. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct at_key);
	__type(value, __u64);
} yes SEC(".maps");

static __always_inline struct at_key key_of(const struct ioasid_map_args *args)
{
	return (struct at_key){
		.iova = args->iova,
		.length = args->length,
		.space = args->who.space,
	};
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(at_map_begin, struct ioasid_map_args *args)
{
	__sync_fetch_and_add(&state.begun, 1);
	if (args->flags & IOASID_MAP_ANYWHERE && args->iova)
		__sync_fetch_and_add(&state.early, 1);
	return state.wait_length && args->length == state.wait_length ? state.wait_us : 0;
}

SEC("struct_ops/map_place")
u64 BPF_PROG(at_map_place, struct ioasid_map_args *args, struct ioasid_place_args *p)
{
	return state.place;
}

static __always_inline s64 turn_down(const struct ioasid_map_args *args)
{
	__sync_fetch_and_add(&state.refused, 1);
	switch (state.answer) {
	case AT_CLIMB:
		return args->iova + 4096;
	case AT_STAY:
		return args->iova;
	case AT_BACK:
		return args->iova - 4096;
	case AT_ERRNO:
		return state.value;
	default:
		return state.deny_last + 1;
	}
}

SEC("struct_ops/map_at")
s64 BPF_PROG(at_map_at, struct ioasid_map_args *args)
{
	struct at_key key = key_of(args);
	__u64 one = 1, *n;

	__sync_fetch_and_add(&state.asked, 1);
	if (args->flags & IOASID_MAP_ANYWHERE && !args->iova)
		__sync_fetch_and_add(&state.nowhere, 1);
	if (state.deny_last && args->iova <= state.deny_last &&
	    args->iova + args->length - 1 >= state.deny_first)
		return turn_down(args);
	n = bpf_map_lookup_elem(&yes, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&yes, &key, &one, BPF_NOEXIST);
	return 0;
}

SEC("struct_ops/map_done")
void BPF_PROG(at_map_done, struct ioasid_map_args *args, struct ioasid_map_result *result)
{
	struct at_key key = key_of(args);
	__u64 *n = bpf_map_lookup_elem(&yes, &key);

	__sync_fetch_and_or(&state.flags, args->flags);
	if (result->err) {
		__sync_fetch_and_add(&state.failed, 1);
		state.err = result->err;
		state.reason = result->reason;
		state.a = result->a;
		state.b = result->b;
	} else {
		__sync_fetch_and_add(&state.made, 1);
		if (!n)
			__sync_fetch_and_add(&state.unseen, 1);
		else if (*n != 1)
			__sync_fetch_and_add(&state.twice, 1);
	}
	state.iova = args->iova;
	if (n)
		bpf_map_delete_elem(&yes, &key);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops at = {
	.map_begin	= (void *)at_map_begin,
	.map_place	= (void *)at_map_place,
	.map_done	= (void *)at_map_done,
	.map_at		= (void *)at_map_at,
	.name		= "at",
};
