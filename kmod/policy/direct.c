// SPDX-License-Identifier: GPL-2.0-only
/*
 * The short way into a hook's program.
 *
 * BPF puts a trampoline before every struct_ops program, which enters and
 * leaves a read section, forbids migration and keeps a run context: some 140
 * instructions. A walk (walk.h) does all of that for itself, and so may call
 * the program as network drivers call theirs.
 *
 * BPF does not say which program a trampoline calls. While it makes one it
 * passes by st_init_member(), where the program is known by its file
 * descriptor; but a descriptor can be given to another program before BPF looks
 * it up in its turn. So what is noted there is no more than a guess, an address
 * that is not followed. When the policy is loaded, the guess is right if the
 * trampoline's own code holds that very address, which it hands to
 * __bpf_prog_enter(); then the map that keeps the trampoline keeps the program.
 * If it does not, or on another architecture, the trampoline is called.
 *
 * Who else can run: loads of other policies; notes_lock guards the notes. They
 * keep nothing alive, and the oldest gives way.
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

/* Programs of one policy, as its file descriptors named them; never followed. */
struct note {
	const struct ioasid_policy_ops *ops;
	const struct bpf_prog *prog[IOASID_OP_NR];
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

/* ioasid_direct_note() - the policy at @ops will have the program @fd as hook @op; 0: none */
void ioasid_direct_note(const struct ioasid_policy_ops *ops, enum ioasid_op op, int fd)
{
	struct bpf_prog *prog = NULL;
	struct note *n;

	if (fd)
		prog = bpf_prog_get_type_dev(fd, BPF_PROG_TYPE_STRUCT_OPS, false);
	if (IS_ERR(prog))
		prog = NULL;
	mutex_lock(&notes_lock);
	n = note_of(ops);
	if (!n) {
		n = &notes[notes_next++ % NOTES];
		memset(n, 0, sizeof(*n));
		n->ops = ops;
	}
	n->prog[op] = prog;
	mutex_unlock(&notes_lock);
	if (prog)
		bpf_prog_put(prog);
}

/* Does the code at @trampoline hold this address? */
static bool holds(const void *trampoline, const struct bpf_prog *prog)
{
	size_t len = min_t(size_t, CODE_LEN, PAGE_SIZE - offset_in_page(trampoline)), at;
	u8 code[CODE_LEN];

	if (!prog || copy_from_kernel_nofault(code, trampoline, len))
		return false;
	for (at = 0; at + sizeof(prog) <= len; at++)
		if (!memcmp(code + at, &prog, sizeof(prog)))
			return true;
	return false;
}

/* ioasid_direct_find() - the programs of a policy that may be called without their trampolines */
void ioasid_direct_find(struct ioasid_policy_run *r)
{
	struct note *n;
	int op;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;
	mutex_lock(&notes_lock);
	n = note_of(r->ops);
	for (op = 0; n && op < IOASID_OP_NR; op++) {
		void *trampoline = ioasid_policy_hook_at(r->ops, op);

		if (trampoline && holds(trampoline, n->prog[op]))
			r->direct[op] = n->prog[op];
	}
	mutex_unlock(&notes_lock);
}
