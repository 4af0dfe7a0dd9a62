// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that BPF programs may call.
 *
 *   bpf_ioasid_error, _exit, _dump           hooks of a policy
 *   bpf_ioasid_space_acquire, _release, _info, bpf_iter_ioasid_space_*
 *                                            hooks, and syscall programs
 *   bpf_iter_ioasid_mapping_*                syscall programs, init and exit
 *
 * There is no bpf_iter target ("bpftool iter"): bpf_iter_reg_target() is not
 * exported to modules. A syscall program with these iterators does the same.
 *
 * What can run at the same time: everything. A program never delays the end of an address
 * space: its reference is on the memory of the structure alone. Hooks may not sleep, so
 * functions for hooks do not. A mapping is shown as a copy, made under areas_lock.
 *
 * The verifier refuses wrong arguments: refused.c of the tests has a program for each
 * argument of each function here.
 *  - Every function has KF_TRUSTED_ARGS, or is one that has its meaning anyhow:
 *    without it 6.12 lets a pointer through that may be NULL.
 *  - A pointer to an object of ours comes with a reference (KF_ACQUIRE), and
 *    from nowhere else. An iterator returns no object: what it keeps for the
 *    program is gone when it goes on, while the verifier trusts the pointer of
 *    a program that sleeps. It returns memory of the iterator's own, as a type
 *    that is no struct, which the verifier takes back with the iterator.
 *  - No function takes a struct of the kernel. On 7.3 the module's BTF has a copy
 *    of struct cgroup, and the verifier compares the two by number.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../compat/kfunc.h"
#include "space/space.h"
#include "kfunc.h"
#include "policy.h"

/**
 * struct space_iter - position among address spaces; it is the program's memory
 * @id: of the last one that was shown, 0 at first
 */
struct space_iter {
	u32 id;
};

/**
 * struct mapping_iter - position among the mappings of an address space
 * @space: with a reference
 * @next: where to look on
 * @last: where to stop
 * @end: nothing is left
 * @shown: what is shown
 */
struct mapping_iter {
	struct ioasid_space *space;
	u64 next;
	u64 last;
	bool end;
	union ioasid_mapping shown;
};

/*
 * The hook from which the current task calls. Its run context is our frame's, or
 * one that a trampoline put before it; both remember the frame's as saved. NULL
 * in a timer or work item that a hook has started.
 */
static struct ioasid_policy_frame *kfunc_frame(void)
{
	struct bpf_tramp_run_ctx *tramp;

	if (!in_task() || !current->bpf_ctx)
		return NULL;
	tramp = container_of(current->bpf_ctx, struct bpf_tramp_run_ctx, run_ctx);
	if (!tramp->saved_run_ctx)
		return NULL;
	return container_of(tramp->saved_run_ctx, struct ioasid_policy_frame, tramp.run_ctx);
}

static void kfunc_end_policy(u32 kind, s64 code, const char *msg, u32 len)
{
	struct ioasid_policy_frame *f = kfunc_frame();

	if (f)
		ioasid_policy_eject(f->prog, kind, ioasid_policy_hook_name[f->op], code,
				    "%.*s", (int)strnlen(msg, len), msg);
}

__bpf_kfunc_start_defs();

/**
 * bpf_ioasid_error() - something is wrong: eject me
 * @msg: why; shown to people. Format it with bpf_snprintf().
 * @msg__sz: bytes at @msg, the final 0 included or not
 *
 * The hook goes on to its end, and what it returns still counts for this call.
 */
__bpf_kfunc void bpf_ioasid_error(const char *msg, u32 msg__sz)
{
	kfunc_end_policy(IOASID_EXIT_ERROR_BPF, 0, msg, msg__sz);
}

/**
 * bpf_ioasid_exit() - end this policy, without a fault
 * @code: shown in sysfs and in the log
 * @msg: likewise
 * @msg__sz: bytes at @msg
 *
 * The policy stays loaded, with no hook called any more, until it is unloaded.
 * It does not fail closed.
 */
__bpf_kfunc void bpf_ioasid_exit(s64 code, const char *msg, u32 msg__sz)
{
	kfunc_end_policy(IOASID_EXIT_BPF, code, msg, msg__sz);
}

/**
 * bpf_ioasid_dump() - add a line to the output of dump()
 * @text: without a line break at its end
 * @text__sz: bytes at @text, the final 0 included or not
 *
 * Return: bytes of room left, -ENOSPC with nothing added when it does not fit,
 * or -EINVAL outside of dump().
 */
__bpf_kfunc int bpf_ioasid_dump(const char *text, u32 text__sz)
{
	struct ioasid_policy_frame *f = kfunc_frame();
	u32 n = strnlen(text, text__sz);

	if (!f || f->op != IOASID_OP_DUMP)
		return -EINVAL;
	if (n + 1 > IOASID_POLICY_DUMP_LEN - f->dump_len)
		return -ENOSPC;
	memcpy(f->dump + f->dump_len, text, n);
	f->dump[f->dump_len + n] = '\n';
	f->dump_len += n + 1;
	return IOASID_POLICY_DUMP_LEN - f->dump_len;
}

/**
 * bpf_ioasid_space_acquire() - an address space, by its id
 * @id: as in struct ioasid_who
 *
 * Return: the address space, for bpf_ioasid_space_release(); NULL when there is none.
 * The reference keeps neither mappings nor devices.
 */
__bpf_kfunc struct ioasid_space *bpf_ioasid_space_acquire(u32 id)
{
	return ioasid_space_of(ioasid_space_find(id));
}

/** bpf_ioasid_space_release() - drop the reference of bpf_ioasid_space_acquire() */
__bpf_kfunc void bpf_ioasid_space_release(struct ioasid_space *space)
{
	ioasid_space_entry_put(&space->entry);
}

/**
 * bpf_ioasid_space_info() - the state of an address space
 * @space: from bpf_ioasid_space_acquire()
 * @info: filled in
 * @info__sz: sizeof(*@info); of an older, shorter one, so much is filled in
 *
 * Numbers are read without a lock: each is correct, but they may be from different
 * moments. Return: 0.
 */
__bpf_kfunc int bpf_ioasid_space_info(struct ioasid_space *space, void *info, u32 info__sz)
{
	struct ioasid_space_info full;

	ioasid_space_show(space, &full);
	memset(info, 0, info__sz);
	memcpy(info, &full, min_t(u32, info__sz, sizeof(full)));
	return 0;
}

/**
 * bpf_iter_ioasid_space_new() - walk all address spaces, in the order of their ids
 * @it: iterator
 *
 * Return: 0.
 */
__bpf_kfunc int bpf_iter_ioasid_space_new(struct bpf_iter_ioasid_space *it)
{
	struct space_iter *i = (void *)it;

	BUILD_BUG_ON(sizeof(*i) > sizeof(*it));
	memset(it, 0, sizeof(*it));
	return 0;
}

/**
 * bpf_iter_ioasid_space_next() - the id of the next one
 * @it: iterator
 *
 * Return: for bpf_ioasid_space_acquire(), which finds nothing if the space is
 * gone by then; NULL at the end.
 */
__bpf_kfunc u32 *bpf_iter_ioasid_space_next(struct bpf_iter_ioasid_space *it)
{
	struct space_iter *i = (void *)it;
	struct ioasid_space_entry *e = ioasid_space_find_after(&i->id);

	if (!e)
		return NULL;
	ioasid_space_entry_put(e);
	return &i->id;
}

/** bpf_iter_ioasid_space_destroy() - there is nothing to drop */
__bpf_kfunc void bpf_iter_ioasid_space_destroy(struct bpf_iter_ioasid_space *it)
{
}

/**
 * bpf_iter_ioasid_mapping_new() - walk the mappings of an address space, by address
 * @it: iterator
 * @space: address space
 * @first: where to begin; a mapping that only ends behind it is shown
 * @last: where to end, inclusive
 *
 * Return: 0 or -ENOMEM; then the walk is empty.
 */
__bpf_kfunc int bpf_iter_ioasid_mapping_new(struct bpf_iter_ioasid_mapping *it,
					    struct ioasid_space *space, u64 first, u64 last)
{
	struct mapping_iter *i = kzalloc(sizeof(*i), GFP_KERNEL);

	*(struct mapping_iter **)it = i;
	if (!i)
		return -ENOMEM;
	ioasid_space_entry_get(&space->entry);
	i->space = space;
	i->next = first;
	i->last = last;
	return 0;
}

/**
 * bpf_iter_ioasid_mapping_next() - a copy of the next one
 * @it: iterator
 *
 * Return: valid until the next call, and until the iterator ends; NULL at the end.
 */
__bpf_kfunc union ioasid_mapping *bpf_iter_ioasid_mapping_next(struct bpf_iter_ioasid_mapping *it)
{
	struct mapping_iter *i = *(struct mapping_iter **)it;
	struct ioasid_mapping_info *info = &i->shown.info;
	u64 end;

	if (!i || i->end || i->next > i->last ||
	    !ioasid_space_show_mapping(i->space, i->next, i->last, info))
		return NULL;
	end = info->iova + info->length;
	i->end = !end;
	i->next = end;
	return &i->shown;
}

/** bpf_iter_ioasid_mapping_destroy() - the copy goes, and the reference */
__bpf_kfunc void bpf_iter_ioasid_mapping_destroy(struct bpf_iter_ioasid_mapping *it)
{
	struct mapping_iter *i = *(struct mapping_iter **)it;

	if (!i)
		return;
	ioasid_space_entry_put(&i->space->entry);
	kfree(i);
}

__bpf_kfunc_end_defs();

#define SPACE_KFUNCS									\
	BTF_ID_FLAGS(func, bpf_ioasid_space_acquire,					\
		     KF_ACQUIRE | KF_RET_NULL | KF_TRUSTED_ARGS)			\
	BTF_ID_FLAGS(func, bpf_ioasid_space_release, KF_RELEASE)			\
	BTF_ID_FLAGS(func, bpf_ioasid_space_info, KF_TRUSTED_ARGS)			\
	BTF_ID_FLAGS(func, bpf_iter_ioasid_space_new, KF_ITER_NEW)			\
	BTF_ID_FLAGS(func, bpf_iter_ioasid_space_next, KF_ITER_NEXT | KF_RET_NULL)	\
	BTF_ID_FLAGS(func, bpf_iter_ioasid_space_destroy, KF_ITER_DESTROY)		\
	BTF_ID_FLAGS(func, bpf_iter_ioasid_mapping_new,					\
		     KF_ITER_NEW | KF_SLEEPABLE | KF_TRUSTED_ARGS)			\
	BTF_ID_FLAGS(func, bpf_iter_ioasid_mapping_next,				\
		     KF_ITER_NEXT | KF_RET_NULL | KF_SLEEPABLE)				\
	BTF_ID_FLAGS(func, bpf_iter_ioasid_mapping_destroy, KF_ITER_DESTROY)

BTF_KFUNCS_START(syscall_ids)
SPACE_KFUNCS
BTF_KFUNCS_END(syscall_ids)

BTF_KFUNCS_START(hook_ids)
BTF_ID_FLAGS(func, bpf_ioasid_error, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_ioasid_exit, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_ioasid_dump, KF_TRUSTED_ARGS)
SPACE_KFUNCS
BTF_KFUNCS_END(hook_ids)

/* Not for the hooks of others: tcp_congestion_ops, sched_ext_ops, ... */
static int kfunc_only_ours(const struct bpf_prog *prog, u32 kfunc)
{
	return prog->type != BPF_PROG_TYPE_STRUCT_OPS ||
	       prog->aux->attach_btf == ioasid_policy_btf ? 0 : -EACCES;
}

static const struct btf_kfunc_id_set syscall_set = {
	.owner = THIS_MODULE,
	.set = &syscall_ids,
};

static const struct btf_kfunc_id_set hook_set = {
	.owner = THIS_MODULE,
	.set = &hook_ids,
	.filter = kfunc_only_ours,
};

/* ioasid_kfunc_init() - register the functions with BPF, until the module ends; 0 or -errno */
int ioasid_kfunc_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &syscall_set) ?:
	       register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &hook_set);
}
