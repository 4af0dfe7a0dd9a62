// SPDX-License-Identifier: GPL-2.0-only
/*
 * The short way into a hook's program.
 *
 * BPF puts a trampoline before every struct_ops program, which enters and
 * leaves a read section, forbids migration and keeps a run context: some 140
 * instructions. A walk (hooks/walk.h) does all of that for itself, and so may call
 * the program as network drivers call theirs.
 *
 * BPF does not say which program a trampoline calls. While it makes one it
 * passes by st_init_member(), where the program is known by its file
 * descriptor; but a descriptor can be given to another program before BPF looks
 * it up in its turn. So what is noted there is no more than a guess, an address
 * that is not followed. When the policy is loaded, the guess is right if both
 * hold: BPF left the id of that very program where the descriptor was, and the
 * trampoline's code hands that very address to __bpf_prog_enter(). Then the map
 * that keeps the trampoline keeps the program. If not, or on another
 * architecture, the trampoline is called. Decision 011 is the whole argument.
 *
 * What can run at the same time: loads of other policies; notes_lock guards the notes. They
 * keep nothing alive, and the oldest gives way. What is read of a map is
 * settled by then: BPF writes into it only before it can be loaded.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "policy.h"


#define NOTES		32
/* Where in a trampoline the address is, at the latest. */
#define CODE_LEN	256

/**
 * struct note - programs of one policy, as its file descriptors named them
 * @ops: the policy
 * @udata: what user space wrote, and where BPF leaves ids
 * @prog: address by hook; never followed
 * @id: and the id it had, 0 for none
 */
struct note {
	const struct ioasid_policy_ops *ops;
	const void *udata;
	const struct bpf_prog *prog[IOASID_OP_NR];
	u32 id[IOASID_OP_NR];
};

static DEFINE_MUTEX(notes_lock);
static struct note notes[NOTES];
static unsigned int notes_next;

static struct note *note_of(const struct ioasid_policy_ops *ops)
{
	unsigned int i;

	for (i = 0; i < NOTES; i++)
		if (notes[i].ops == ops)
			return &notes[i];
	return NULL;
}

/* The note about @ops, made if need be; notes_lock is held. */
static struct note *note_make(const struct ioasid_policy_ops *ops)
{
	struct note *n = note_of(ops);

	lockdep_assert_held(&notes_lock);
	if (!n) {
		n = &notes[notes_next++ % NOTES];
		memset(n, 0, sizeof(*n));
		n->ops = ops;
	}
	return n;
}

/* ioasid_direct_note() - BPF is about to look at hook @op of @ops, which user space filled in at @udata */
void ioasid_direct_note(const struct ioasid_policy_ops *ops, enum ioasid_op op, const void *udata)
{
	int fd = *(const unsigned long *)ioasid_policy_hook_in(udata, op);
	struct bpf_prog *prog = NULL;
	struct note *n;

	if (fd)
		prog = bpf_prog_get_type_dev(fd, BPF_PROG_TYPE_STRUCT_OPS, false);
	if (IS_ERR(prog))
		prog = NULL;
	mutex_lock(&notes_lock);
	n = note_make(ops);
	n->udata = udata;
	n->prog[op] = prog;
	n->id[op] = prog ? prog->aux->id : 0;
	mutex_unlock(&notes_lock);
	if (prog)
		bpf_prog_put(prog);
}

/* Is this the id of the program that BPF took? */
static bool taken(const struct note *n, enum ioasid_op op)
{
	return n->id[op] && *(const unsigned long *)ioasid_policy_hook_in(n->udata, op) == n->id[op];
}

/* Does the code at @trampoline load this address into the first argument? */
static bool holds(const void *trampoline, const struct bpf_prog *prog)
{
	/* movabs $imm64, %rdi */
	static const u8 load[] = { 0x48, 0xbf };
	const size_t want = sizeof(load) + sizeof(prog);
	size_t len = min_t(size_t, CODE_LEN, PAGE_SIZE - offset_in_page(trampoline)), at;
	u8 code[CODE_LEN];

	if (!IS_ENABLED(CONFIG_X86_64) || copy_from_kernel_nofault(code, trampoline, len))
		return false;
	for (at = 0; at + want <= len; at++)
		if (!memcmp(code + at, load, sizeof(load)) &&
		    !memcmp(code + at + sizeof(load), &prog, sizeof(prog)))
			return true;
	return false;
}

/* ioasid_direct_find() - the programs of a policy that may be called without their trampolines */
void ioasid_direct_find(struct ioasid_policy_prog *r)
{
	struct note *n;
	int op;

	/* A walk may be preempted there; and a direct call has another type than its target. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || IS_ENABLED(CONFIG_CFI_CLANG) || IS_ENABLED(CONFIG_CFI))
		return;
	mutex_lock(&notes_lock);
	n = note_of(r->ops);
	for (op = 0; n && op < IOASID_OP_NR; op++) {
		void *trampoline = ioasid_policy_hook_at(r->ops, op);

		if (trampoline && taken(n, op) && holds(trampoline, n->prog[op]))
			r->direct[op] = n->prog[op];
	}
	mutex_unlock(&notes_lock);
}
