// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct ioasid_policy_ops as a BPF struct_ops type: the callbacks of the verifier and of
 * BPF's loader.
 *
 * What can run at the same time: nothing of ours; BPF calls these while programs are
 * verified and maps are registered, under its own locks.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/module.h>
#include "policy.h"


const struct btf *ioasid_policy_btf;

static int st_init(struct btf *btf)
{
	ioasid_policy_btf = btf;
	return 0;
}

/* Only init and exit may sleep. */
static int st_check_member(const struct btf_type *t, const struct btf_member *member,
			   const struct bpf_prog *prog)
{
	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct ioasid_policy_ops, init):
	case offsetof(struct ioasid_policy_ops, exit):
		return 0;
	default:
		return prog->sleepable ? -EINVAL : 0;
	}
}

/* Data members: checked and copied here; 1 says that it was done. */
static int st_init_member(const struct btf_type *t, const struct btf_member *member,
			  void *kdata, const void *udata)
{
	const u64 flags = IOASID_POLICY_F_ACCOUNT | IOASID_POLICY_F_FAIL_CLOSED |
			  IOASID_POLICY_F_AUDIT | IOASID_POLICY_F_BY_NAME |
			  IOASID_POLICY_F_BEFORE | IOASID_POLICY_F_TIMES;
	const struct ioasid_policy_ops *from = udata;
	struct ioasid_policy_ops *to = kdata;
	u32 at = __btf_member_bit_offset(t, member) / 8;

	switch (at) {
	case offsetof(struct ioasid_policy_ops, flags):
		if (from->flags & ~flags)
			return -EINVAL;
		to->flags = from->flags;
		return 1;
	case offsetof(struct ioasid_policy_ops, timeout_us):
		to->timeout_us = from->timeout_us;
		return 1;
	case offsetof(struct ioasid_policy_ops, cgroup_id):
		to->cgroup_id = from->cgroup_id;
		return 1;
	case offsetof(struct ioasid_policy_ops, space_id):
		to->space_id = from->space_id;
		return 1;
	case offsetof(struct ioasid_policy_ops, prio):
		to->prio = from->prio;
		return 1;
	case offsetof(struct ioasid_policy_ops, name):
		if (!ioasid_policy_name_is_valid(from->name))
			return -EINVAL;
		memcpy(to->name, from->name, sizeof(to->name));
		return 1;
	}
	/* A program: BPF handles it. */
	return 0;
}

/* Refuse a policy without a name: a map that sets none has an empty one. */
static int st_validate(void *kdata)
{
	const struct ioasid_policy_ops *ops = kdata;

	return ioasid_policy_name_is_valid(ops->name) ? 0 : -EINVAL;
}

static int st_reg(void *kdata, struct bpf_link *link)
{
	return ioasid_policy_load(kdata, link);
}

static void st_unreg(void *kdata, struct bpf_link *link)
{
	ioasid_policy_unload(kdata);
}

static int st_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	return ioasid_policy_replace(kdata, old_kdata);
}

static bool st_is_valid_access(int off, int size, enum bpf_access_type type,
			       const struct bpf_prog *prog, struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

static const struct bpf_verifier_ops st_verifier_ops = {
	.get_func_proto = bpf_base_func_proto,
	.is_valid_access = st_is_valid_access,
};

/* Never called: their types tell the verifier what programs get and return. */
#define STUB_RET(ret, op, ...)			\
	static ret stub_##op(__VA_ARGS__)	\
	{					\
		return 0;			\
	}
#define STUB_VOID(op, ...)			\
	static void stub_##op(__VA_ARGS__)	\
	{					\
	}

STUB_RET(s32, init, struct ioasid_init_args *args)
STUB_VOID(exit, struct ioasid_exit_info *info)
STUB_VOID(dump, struct ioasid_dump_args *args)
STUB_RET(s32, space_open, struct ioasid_space_args *args)
STUB_VOID(space_close, struct ioasid_space_args *args)
STUB_RET(s32, attach, struct ioasid_attach_args *args)
STUB_VOID(attached, struct ioasid_attach_args *args, struct ioasid_attach_result *result)
STUB_VOID(detach, struct ioasid_attach_args *args)
STUB_RET(s32, map_begin, struct ioasid_map_args *args)
STUB_RET(u64, map_place, struct ioasid_map_args *args, struct ioasid_place_args *place)
STUB_RET(u32, map_workers, struct ioasid_map_args *args)
STUB_RET(u32, map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
STUB_RET(s32, charge, struct ioasid_charge_args *args)
STUB_VOID(uncharge, struct ioasid_charge_args *args)
STUB_VOID(map_done, struct ioasid_map_args *args, struct ioasid_map_result *result)
STUB_VOID(unmap_begin, struct ioasid_unmap_args *args)
STUB_RET(u32, unmap_sync, struct ioasid_unmap_args *args, struct ioasid_sync_args *sync)
STUB_VOID(unmap_done, struct ioasid_unmap_args *args, struct ioasid_unmap_result *result)
STUB_RET(s32, access_pin, struct ioasid_access_args *args)
STUB_VOID(access_unpin, struct ioasid_access_args *args)
STUB_RET(s32, owner_change, struct ioasid_owner_args *args)
STUB_VOID(dirty, struct ioasid_dirty_args *args)
STUB_RET(s64, map_at, struct ioasid_map_args *args)
STUB_VOID(stale, struct ioasid_stale_args *args)

#define STUB_SET(upper, lower)	.lower = stub_##lower,
static struct ioasid_policy_ops st_stubs = {
	.init = stub_init,
	.exit = stub_exit,
	.dump = stub_dump,
	IOASID_POLICY_HOOKS(STUB_SET)
};

static struct bpf_struct_ops st_ops = {
	.verifier_ops = &st_verifier_ops,
	.init = st_init,
	.check_member = st_check_member,
	.init_member = st_init_member,
	.validate = st_validate,
	.reg = st_reg,
	.unreg = st_unreg,
	.update = st_update,
	.cfi_stubs = &st_stubs,
	.name = "ioasid_policy_ops",
	.owner = THIS_MODULE,
};

/* ioasid_struct_ops_init() - register the type; 0 or -errno */
int ioasid_struct_ops_init(void)
{
	return register_bpf_struct_ops(&st_ops, ioasid_policy_ops);
}
