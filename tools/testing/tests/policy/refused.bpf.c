// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that the verifier must refuse, each in a policy of its own. The test
 * refused.c tries them one by one and knows what the verifier says to each.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

#define POLICY(_name, _member)					\
	SEC("?.struct_ops.link")				\
	struct ioasid_policy_ops _name = {			\
		._member = (void *)_name##_prog,		\
		.name = #_name,					\
	}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

extern struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;

/* Hooks other than init and exit may not sleep. */
SEC("?struct_ops.s/map_begin")
s32 BPF_PROG(sleeps_in_map_begin_prog, struct ioasid_map_args *args)
{
	return 0;
}
POLICY(sleeps_in_map_begin, map_begin);

SEC("?struct_ops.s/attach")
s32 BPF_PROG(sleeps_in_attach_prog, struct ioasid_attach_args *args)
{
	return 0;
}
POLICY(sleeps_in_attach, attach);

SEC("?struct_ops.s/charge")
s32 BPF_PROG(sleeps_in_charge_prog, struct ioasid_charge_args *args)
{
	return 0;
}
POLICY(sleeps_in_charge, charge);

SEC("?struct_ops.s/uncharge")
void BPF_PROG(sleeps_in_uncharge_prog, struct ioasid_charge_args *args)
{
}
POLICY(sleeps_in_uncharge, uncharge);

SEC("?struct_ops.s/map_batch")
u32 BPF_PROG(sleeps_in_map_batch_prog, struct ioasid_map_args *args,
	     struct ioasid_batch_args *batch)
{
	return 0;
}
POLICY(sleeps_in_map_batch, map_batch);

SEC("?struct_ops.s/map_done")
void BPF_PROG(sleeps_in_map_done_prog, struct ioasid_map_args *args,
	      struct ioasid_map_result *result)
{
}
POLICY(sleeps_in_map_done, map_done);

/* Arguments are read only. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(writes_args_prog, struct ioasid_map_args *args)
{
	args->length = 4096;
	return 0;
}
POLICY(writes_args, map_begin);

SEC("?struct_ops/map_done")
void BPF_PROG(writes_result_prog, struct ioasid_map_args *args, struct ioasid_map_result *result)
{
	result->err = 0;
}
POLICY(writes_result, map_done);

SEC("?struct_ops/charge")
s32 BPF_PROG(writes_who_prog, struct ioasid_charge_args *args)
{
	args->who.cgroup = 1;
	return 0;
}
POLICY(writes_who, charge);

/* ... and end where they end. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(reads_beyond_prog, struct ioasid_map_args *args)
{
	return ((char *)args)[sizeof(*args) + 8];
}
POLICY(reads_beyond, map_begin);

SEC("?struct_ops/map_begin")
s32 BPF_PROG(reads_before_prog, struct ioasid_map_args *args)
{
	return *(int *)((char *)args - 8);
}
POLICY(reads_before, map_begin);

/* An argument that the hook does not have. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(extra_argument_prog, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	return batch->last_pages != 0;
}
POLICY(extra_argument, map_begin);

/* An address of the mapping task is no pointer of the kernel. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(follows_vaddr_prog, struct ioasid_map_args *args)
{
	return *(int *)args->vaddr;
}
POLICY(follows_vaddr, map_begin);

SEC("?struct_ops/map_begin")
s32 BPF_PROG(reads_user_memory_prog, struct ioasid_map_args *args)
{
	int value = 0;

	bpf_copy_from_user(&value, sizeof(value), (void *)args->vaddr);
	return value;
}
POLICY(reads_user_memory, map_begin);

/* Helpers that a policy has no business with. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(overrides_return_prog, struct ioasid_map_args *args)
{
	bpf_override_return(NULL, 0);
	return 0;
}
POLICY(overrides_return, map_begin);

SEC("?struct_ops/map_begin")
s32 BPF_PROG(writes_user_prog, struct ioasid_map_args *args)
{
	int zero = 0;

	bpf_probe_write_user((void *)args->vaddr, &zero, sizeof(zero));
	return 0;
}
POLICY(writes_user, map_begin);

/* No end in sight. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(loops_for_ever_prog, struct ioasid_map_args *args)
{
	volatile __u64 n = args->length;

	while (n)
		n = args->length;
	return 0;
}
POLICY(loops_for_ever, map_begin);

/* A look-up may find nothing. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(trusts_lookup_prog, struct ioasid_map_args *args)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&table, &key);

	return (s32)*value;
}
POLICY(trusts_lookup, map_begin);

/* A kernel object that is taken must be given back. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(keeps_reference_prog, struct ioasid_map_args *args)
{
	return bpf_cgroup_from_id(args->who.cgroup) ? 0 : -EPERM;
}
POLICY(keeps_reference, map_begin);

/* A lock that is taken, too. */
struct refused_locked {
	struct bpf_spin_lock lock;
	__u64 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct refused_locked);
} locks SEC(".maps");

SEC("?struct_ops/charge")
s32 BPF_PROG(keeps_lock_prog, struct ioasid_charge_args *args)
{
	__u32 key = 0;
	struct refused_locked *l = bpf_map_lookup_elem(&locks, &key);

	if (!l)
		return 0;
	bpf_spin_lock(&l->lock);
	l->n += args->npages;
	return 0;
}
POLICY(keeps_lock, charge);

/* Good, so that the test shows that the others fail for their own reasons. */
SEC("?struct_ops/map_begin")
s32 BPF_PROG(harmless_prog, struct ioasid_map_args *args)
{
	return args->length ? 0 : -EINVAL;
}
POLICY(harmless, map_begin);

/* Init and exit may sleep. */
SEC("?struct_ops.s/init")
s32 BPF_PROG(sleeps_in_init_prog, struct ioasid_init_args *args)
{
	return 0;
}
POLICY(sleeps_in_init, init);

SEC("?struct_ops.s/exit")
void BPF_PROG(sleeps_in_exit_prog, struct ioasid_exit_info *info)
{
}
POLICY(sleeps_in_exit, exit);
