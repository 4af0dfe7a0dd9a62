// SPDX-License-Identifier: GPL-2.0-only
/*
 * The set of loaded policies: order, static keys, names of hooks, and the three hooks
 * that no walk calls.
 *
 * What can run at the same time: hooks on any CPU, before and after a key flips. A key is
 * only a hint: the walk looks again.
 */
#include <linux/kernel.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "lib/rcu.h"
#include "walk.h"

/* What there is when there is none: so that a hook need not look. */
struct ioasid_policy_set ioasid_policy_none;
struct ioasid_policy_set __rcu *ioasid_policy_set = RCU_INITIALIZER(&ioasid_policy_none);
struct static_key_false ioasid_policy_key[IOASID_KEY_NR] = {
	[0 ... IOASID_KEY_NR - 1] = STATIC_KEY_FALSE_INIT,
};

#define HOOK_NAME(upper, lower)	[IOASID_OP_##upper] = #lower,
const char *const ioasid_policy_hook_name[IOASID_NAME_NR] = {
	IOASID_POLICY_HOOKS(HOOK_NAME)
	[IOASID_OP_INIT] = "init",
	[IOASID_OP_EXIT] = "exit",
	[IOASID_OP_DUMP] = "dump",
};

#define HOOK_OFFSET(upper, lower)	\
	[IOASID_OP_##upper] = offsetof(struct ioasid_policy_ops, lower),
static const u16 hook_offset[IOASID_OP_NR] = {
	IOASID_POLICY_HOOKS(HOOK_OFFSET)
};

void *ioasid_policy_hook_at(const struct ioasid_policy_ops *ops, enum ioasid_op op)
{
	return *(void *const *)((const char *)ops + hook_offset[op]);
}

bool ioasid_policy_any(void)
{
	bool any;

	ioasid_read_lock();
	any = rcu_dereference(ioasid_policy_set)->nr;
	ioasid_read_unlock();
	return any;
}

/* ---- init, exit and dump: no caller waits for them ---- */

static void frame_enter(struct ioasid_policy_frame *f, struct ioasid_policy_prog *r, u32 op)
{
	memset(f, 0, sizeof(*f));
	f->prog = r;
	f->op = op;
	bpf_set_run_ctx(&f->tramp.run_ctx);
}

/* ioasid_policy_call_init() - may sleep, and may take its time */
int ioasid_policy_call_init(struct ioasid_policy_prog *r, struct ioasid_init_args *args)
{
	struct ioasid_policy_frame f;
	s32 ret;

	if (!r->ops->init)
		return 0;
	frame_enter(&f, r, IOASID_OP_INIT);
	ret = r->ops->init(args);
	bpf_reset_run_ctx(NULL);
	if (ret > 0 || ret < -MAX_ERRNO)
		return -EPROTO;
	/* It gave up inside, with bpf_ioasid_error(). */
	if (!ret && atomic_read(&r->state) != IOASID_POLICY_LOADING)
		return -ECANCELED;
	return ret;
}

/* ioasid_policy_call_exit() - no other hook runs any more; may sleep */
void ioasid_policy_call_exit(struct ioasid_policy_prog *r)
{
	struct ioasid_policy_frame f;

	if (!r->ops->exit)
		return;
	frame_enter(&f, r, IOASID_OP_EXIT);
	r->ops->exit(&r->info);
	bpf_reset_run_ctx(NULL);
}

/**
 * ioasid_policy_call_dump() - let a policy describe itself
 * @r: its programs, which the caller keeps
 * @buf: IOASID_POLICY_DUMP_LEN bytes
 * @len: on return how many of them were written
 */
void ioasid_policy_call_dump(struct ioasid_policy_prog *r, char *buf, u32 *len)
{
	struct ioasid_dump_args args = {
		.kind = r->info.kind,
		.room = IOASID_POLICY_DUMP_LEN,
	};
	struct ioasid_policy_frame f;

	*len = 0;
	if (!r->ops->dump || current->bpf_ctx)
		return;
	frame_enter(&f, r, IOASID_OP_DUMP);
	f.dump = buf;
	r->ops->dump(&args);
	bpf_reset_run_ctx(NULL);
	*len = f.dump_len;
}

/* ---- keys ---- */

/* Begins and ends to watch memory, for the hook stale. */
static void stale_ignored(bool wanted)
{
}
static void (*stale_wanted)(bool wanted) = stale_ignored;

/**
 * ioasid_policy_on_stale() - what to call when a policy wants the hook stale, and when none does
 * @wanted: called with the lock of the policies held, also without a change; may sleep
 *
 * Call it once, before policies can be loaded.
 */
void ioasid_policy_on_stale(void (*wanted)(bool wanted))
{
	stale_wanted = wanted;
}

static void set_key(unsigned int key, bool on)
{
	if (on)
		static_branch_enable(&ioasid_policy_key[key]);
	else
		static_branch_disable(&ioasid_policy_key[key]);
}

/*
 * The hooks at which a policy that fails closed refuses after its ejection: the first of
 * each call, and map_at for mappings that were past the first one by then.
 */
static bool set_may_be_missed(enum ioasid_op op)
{
	return op == IOASID_OP_MAP_BEGIN || op == IOASID_OP_MAP_AT;
}

/* Does @r take part in the walk of @op? */
static bool set_has_hook(const struct ioasid_policy_prog *r, enum ioasid_op op)
{
	bool has = ioasid_policy_hook_at(r->ops, op);

	if (set_may_be_missed(op))
		has |= r->closed;
	if (op == IOASID_OP_MAP_BEGIN)
		has |= r->ops->flags & IOASID_POLICY_F_FAIL_CLOSED;
	return has;
}

/* Must the key of @op stay on for @r, which may be ejected? */
static bool set_still_needs(const struct ioasid_policy_prog *r, enum ioasid_op op)
{
	return ioasid_policy_enabled_for_spaces(r) ||
	       (set_may_be_missed(op) && ioasid_policy_fails_closed(r));
}

/*
 * ioasid_policy_update_keys() - switch keys on that @set needs; with @off, the others off
 *
 * Call it without @off before a set is published: a hook must not be called while its
 * counterpart is still off. The caller keeps the set unchanged.
 */
void ioasid_policy_update_keys(const struct ioasid_policy_set *set, bool off)
{
	bool on[IOASID_KEY_NR] = {};
	unsigned int i, op;

	for (i = 0; i < set->nr; i++) {
		for (op = 0; op < IOASID_OP_NR; op++)
			on[op] |= set->has[op] & BIT(i) && set_still_needs(set->prog[i], op);
		on[IOASID_OP_TIMES] |= set->prog[i]->ops->flags & IOASID_POLICY_F_TIMES &&
				       set_still_needs(set->prog[i], IOASID_OP_NR);
	}
	for (i = 0; i < IOASID_KEY_NR; i++)
		if (on[i] || off)
			set_key(i, on[i]);
	if (on[IOASID_OP_STALE] || off)
		stale_wanted(on[IOASID_OP_STALE]);
}

/*
 * While a policy is being loaded, only its hooks about address spaces run: a policy that
 * is notified of an end must have seen the beginning.
 */
static bool set_enabled_for(const struct ioasid_policy_prog *r, enum ioasid_op op)
{
	return op == IOASID_OP_SPACE_OPEN || op == IOASID_OP_SPACE_CLOSE ||
	       (set_may_be_missed(op) && r->closed) ||
	       atomic_read(&r->state) != IOASID_POLICY_LOADING;
}

/* ioasid_policy_set_index() - record which prog has which hook; before @set is published */
void ioasid_policy_set_index(struct ioasid_policy_set *set)
{
	unsigned int i, op;

	memset(set->has, 0, sizeof(set->has));
	memset(set->all, 0, sizeof(set->all));
	set->any_scoped = 0;
	for (i = 0; i < set->nr; i++) {
		for (op = 0; op < IOASID_OP_NR; op++) {
			if (!set_has_hook(set->prog[i], op) || !set_enabled_for(set->prog[i], op))
				continue;
			set->has[op] |= BIT(i);
			ioasid_seen_by_add(&set->all[op], set->prog[i]);
			if (set->prog[i]->scoped)
				set->any_scoped |= BIT(op);
		}
	}
}

/* ---- places in a set that is not published ---- */

/* ioasid_policy_set_take() - remove the prog at place @at */
void ioasid_policy_set_take(struct ioasid_policy_set *set, unsigned int at)
{
	memmove(&set->prog[at], &set->prog[at + 1],
		(IOASID_POLICIES_MAX - 1 - at) * sizeof(set->prog[0]));
	set->nr--;
}

/* ioasid_policy_set_insert_at() - insert @r at place @at */
void ioasid_policy_set_insert_at(struct ioasid_policy_set *set, unsigned int at,
				 struct ioasid_policy_prog *r)
{
	memmove(&set->prog[at + 1], &set->prog[at], (set->nr - at) * sizeof(set->prog[0]));
	set->prog[at] = r;
	set->nr++;
}

/* ioasid_policy_set_insert() - insert @r after those of its prio; with BEFORE, before them */
void ioasid_policy_set_insert(struct ioasid_policy_set *set, struct ioasid_policy_prog *r)
{
	bool before = r->ops->flags & IOASID_POLICY_F_BEFORE;
	unsigned int at;

	for (at = 0; at < set->nr; at++) {
		s32 prio = set->prog[at]->ops->prio;

		if (prio > r->ops->prio || (before && prio == r->ops->prio))
			break;
	}
	ioasid_policy_set_insert_at(set, at, r);
}

/* ioasid_policy_set_find() - the number of @ops in @set, or -1 */
int ioasid_policy_set_find(const struct ioasid_policy_set *set,
			   const struct ioasid_policy_ops *ops)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++)
		if (set->prog[i]->ops == ops)
			return i;
	return -1;
}

/* ioasid_policy_set_free_slot() - a slot that no policy of @set has */
unsigned int ioasid_policy_set_free_slot(const struct ioasid_policy_set *set)
{
	unsigned long used = 0;
	unsigned int i;

	for (i = 0; i < set->nr; i++)
		used |= BIT(set->prog[i]->policy->slot);
	return ffz(used);
}
