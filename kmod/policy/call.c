// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calling policies: run the hooks, weigh what they return, and throw out those
 * that misbehave.
 *
 * Who else can run: the same hooks on other CPUs; loading, unloading and
 * replacing, which wait for our SRCU read section before a program goes away;
 * an ejection by another caller, seen in p->state before each hook. Nothing
 * sleeps inside a read section but what the kernel may preempt.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/string.h>

#include "call.h"
#include "policy.h"

DEFINE_SRCU(ioasid_policy_srcu);
struct ioasid_policy_set __rcu *ioasid_policy_set;
struct static_key_false ioasid_policy_key[IOASID_OP_NR] = {
	[0 ... IOASID_OP_NR - 1] = STATIC_KEY_FALSE_INIT,
};

/* Some enabled policy has IOASID_POLICY_F_ACCOUNT. */
static bool accounts;

#define TIMEOUT_US	200
#define SLOW_MAX	16

static struct ioasid_policy_set *policies(void)
{
	return srcu_dereference(ioasid_policy_set, &ioasid_policy_srcu);
}

static bool enabled(const struct ioasid_policy *p)
{
	return atomic_read(&p->state) == IOASID_POLICY_ENABLED;
}

/* Throw @p out; the first to find a fault says why. */
__printf(5, 6)
static void eject(struct ioasid_policy *p, u32 kind, const char *hook, s64 value,
		  const char *fmt, ...)
{
	va_list args;

	if (atomic_cmpxchg(&p->state, IOASID_POLICY_ENABLED, IOASID_POLICY_EJECTED) !=
	    IOASID_POLICY_ENABLED)
		return;
	p->info.kind = kind;
	p->info.value = value;
	strscpy(p->info.hook, hook, sizeof(p->info.hook));
	va_start(args, fmt);
	vscnprintf(p->info.msg, sizeof(p->info.msg), fmt, args);
	va_end(args);
	queue_work(system_unbound_wq, &p->work);
}

/* A running hook: when it started, and how often its task was switched out. */
struct hook_timer {
	u64 start;
	unsigned long switches;
};

static void hook_enter(struct ioasid_policy *p, struct hook_timer *t)
{
	atomic64_inc(&p->calls);
	t->switches = current->nvcsw + current->nivcsw;
	t->start = local_clock();
}

static void hook_leave(struct ioasid_policy *p, const struct hook_timer *t, const char *hook)
{
	u64 us = (local_clock() - t->start) / NSEC_PER_USEC;
	u32 limit = READ_ONCE(p->ops)->timeout_us ?: TIMEOUT_US;

	if (likely(us <= limit) || current->nvcsw + current->nivcsw != t->switches)
		return;
	if (time_after(jiffies, READ_ONCE(p->slow_since) + HZ)) {
		WRITE_ONCE(p->slow_since, jiffies);
		atomic_set(&p->slow, 0);
	}
	if (atomic_inc_return(&p->slow) >= SLOW_MAX)
		eject(p, IOASID_EXIT_ERROR_SLOW, hook, us,
		      "%s took %llu us, more than %u us for the %dth time within a second",
		      hook, us, limit, SLOW_MAX);
}

#define for_each_policy(set, i, policy)					\
	for (i = 0; (set) && i < (set)->nr && ((policy) = (set)->p[i]); i++)

/*
 * The programs of a policy that may run and has hook @op, else NULL. Read
 * once: a replacement may swap them between two looks.
 */
#define with(p, op)							\
({									\
	struct ioasid_policy_ops *__ops = READ_ONCE((p)->ops);		\
									\
	enabled(p) && __ops->op ? __ops : NULL;				\
})

/* Call one hook, timed. */
#define CALL(p, ops, op, ...)						\
({									\
	struct hook_timer __t;						\
	typeof((ops)->op(__VA_ARGS__)) __ret;				\
									\
	hook_enter(p, &__t);						\
	__ret = (ops)->op(__VA_ARGS__);					\
	hook_leave(p, &__t, #op);					\
	__ret;								\
})

#define CALL_VOID(p, ops, op, ...)					\
do {									\
	struct hook_timer __t;						\
									\
	hook_enter(p, &__t);						\
	(ops)->op(__VA_ARGS__);						\
	hook_leave(p, &__t, #op);					\
} while (0)

/*
 * What a negative return of @hook means for the caller: itself when it is on
 * the hook's list, otherwise the policy goes. A value that was meant as a
 * refusal still refuses, with EPERM; one that is no errno at all falls back to
 * the built-in behaviour, unless the policy wants to fail closed.
 */
static int weigh(struct ioasid_policy *p, const char *hook, s32 ret, const int *list)
{
	const int *e;

	for (e = list; *e; e++)
		if (ret == -*e) {
			atomic64_inc(&p->denied);
			return ret;
		}
	eject(p, IOASID_EXIT_ERROR_RETURN, hook, ret, "%s returned %d, which it may not", hook, ret);
	if (ret < 0 && ret >= -MAX_ERRNO)
		return -EPERM;
	return READ_ONCE(p->ops)->flags & IOASID_POLICY_F_FAIL_CLOSED ? -EPERM : 0;
}

static bool fails_closed(const struct ioasid_policy *p)
{
	return !enabled(p) && READ_ONCE(p->ops)->flags & IOASID_POLICY_F_FAIL_CLOSED;
}

int __ioasid_policy_attach(struct ioasid_attach_args *args)
{
	static const int allowed[] = { EPERM, EACCES, ENOMEM, ENOSPC, EINVAL, 0 };
	struct ioasid_policy_set *set;
	struct ioasid_policy_ops *ops;
	struct ioasid_policy *p;
	int idx, ret = 0;
	unsigned int i;

	idx = srcu_read_lock(&ioasid_policy_srcu);
	set = policies();
	for_each_policy(set, i, p) {
		ops = with(p, attach);
		if (ops)
			ret = CALL(p, ops, attach, args);
		if (ret)
			ret = weigh(p, "attach", ret, allowed);
		if (ret)
			break;
	}
	srcu_read_unlock(&ioasid_policy_srcu, idx);
	return ret;
}

static void mark_add(struct ioasid_policy_mark *mark, const struct ioasid_policy *p)
{
	mark->slots |= BIT(p->slot);
	mark->seq = max(mark->seq, p->seq);
}

static bool mark_has(const struct ioasid_policy_mark *mark, const struct ioasid_policy *p)
{
	return mark->slots & BIT(p->slot) && p->seq <= mark->seq;
}

static int map_begin_one(struct ioasid_policy *p, struct ioasid_map_args *args, u32 *wait_us)
{
	static const int allowed[] = { EPERM, EACCES, ENOMEM, ENOSPC, EDQUOT, EAGAIN, EINVAL, 0 };
	struct ioasid_policy_ops *ops;
	s32 ret;

	if (fails_closed(p))
		return -EPERM;
	ops = with(p, map_begin);
	if (!ops)
		return 0;
	ret = CALL(p, ops, map_begin, args);
	if (ret > 0 && ret <= IOASID_POLICY_WAIT_MAX) {
		*wait_us = max(*wait_us, (u32)ret);
		return 0;
	}
	return ret ? weigh(p, "map_begin", ret, allowed) : 0;
}

int __ioasid_policy_map_begin(struct ioasid_map_args *args, struct ioasid_policy_mark *mark,
			      u32 *wait_us)
{
	struct ioasid_policy_set *set;
	struct ioasid_policy *p;
	int idx, ret = 0;
	unsigned int i;

	mark->seq = 0;
	idx = srcu_read_lock(&ioasid_policy_srcu);
	set = policies();
	for_each_policy(set, i, p) {
		if (with(p, map_done))
			mark_add(mark, p);
		ret = map_begin_one(p, args, wait_us);
		if (ret)
			break;
	}
	srcu_read_unlock(&ioasid_policy_srcu, idx);
	return ret;
}

void ioasid_policy_map_done(struct ioasid_map_args *args, struct ioasid_map_result *res,
			    struct ioasid_policy_mark *mark)
{
	struct ioasid_policy_set *set;
	struct ioasid_policy_ops *ops;
	struct ioasid_policy *p;
	unsigned int i;
	int idx;

	idx = srcu_read_lock(&ioasid_policy_srcu);
	set = policies();
	for_each_policy(set, i, p) {
		ops = with(p, map_done);
		if (ops && mark_has(mark, p))
			CALL_VOID(p, ops, map_done, args, res);
	}
	srcu_read_unlock(&ioasid_policy_srcu, idx);
}

u32 ioasid_policy_map_batch(struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	struct ioasid_policy_set *set;
	struct ioasid_policy_ops *ops;
	struct ioasid_policy *p;
	u32 least = 0, want;
	unsigned int i;
	int idx;

	idx = srcu_read_lock(&ioasid_policy_srcu);
	set = policies();
	for_each_policy(set, i, p) {
		ops = with(p, map_batch);
		want = ops ? CALL(p, ops, map_batch, args, batch) : 0;
		if (want && (!least || want < least))
			least = want;
	}
	srcu_read_unlock(&ioasid_policy_srcu, idx);
	return min_t(u32, least, IOASID_POLICY_BATCH_MAX);
}

/* Give back to the first @n policies of @set that are in @mark. */
static void uncharge_some(struct ioasid_policy_set *set, unsigned int n,
			  struct ioasid_charge_args *args, const struct ioasid_policy_mark *mark)
{
	struct ioasid_policy_ops *ops;
	struct ioasid_policy *p;
	unsigned int i;

	for_each_policy(set, i, p) {
		if (i >= n)
			break;
		ops = with(p, uncharge);
		if (ops && mark_has(mark, p))
			CALL_VOID(p, ops, uncharge, args);
	}
}

/* The first charge of an object decides which policies it concerns. */
static void charge_mark(struct ioasid_policy_set *set, struct ioasid_policy_mark *mark)
{
	struct ioasid_policy *p;
	unsigned int i;

	if (mark->slots)
		return;
	for_each_policy(set, i, p)
		if (with(p, charge))
			mark_add(mark, p);
}

int __ioasid_policy_charge(const struct ioasid_who *who, u64 npages,
			   struct ioasid_policy_mark *mark)
{
	static const int allowed[] = { ENOMEM, ENOSPC, EPERM, EDQUOT, 0 };
	struct ioasid_charge_args args = { .who = *who, .npages = npages };
	struct ioasid_policy_set *set;
	struct ioasid_policy_ops *ops;
	struct ioasid_policy *p;
	int idx, ret = 0;
	unsigned int i;

	idx = srcu_read_lock(&ioasid_policy_srcu);
	set = policies();
	charge_mark(set, mark);
	for_each_policy(set, i, p) {
		ops = with(p, charge);
		if (ops && mark_has(mark, p))
			ret = CALL(p, ops, charge, &args);
		if (ret)
			ret = weigh(p, "charge", ret, allowed);
		if (ret)
			break;
	}
	if (ret)
		uncharge_some(set, i, &args, mark);
	else if (mark->slots)
		mark->npages += npages;
	srcu_read_unlock(&ioasid_policy_srcu, idx);
	return ret;
}

void __ioasid_policy_uncharge(const struct ioasid_who *who, u64 npages,
			      struct ioasid_policy_mark *mark)
{
	struct ioasid_charge_args args = { .who = *who, .npages = min(npages, mark->npages) };
	int idx;

	if (!args.npages)
		return;
	idx = srcu_read_lock(&ioasid_policy_srcu);
	uncharge_some(policies(), IOASID_POLICIES_MAX, &args, mark);
	srcu_read_unlock(&ioasid_policy_srcu, idx);
	mark->npages -= args.npages;
}

bool ioasid_policy_accounts(void)
{
	return READ_ONCE(accounts);
}

bool ioasid_policy_any(void)
{
	struct ioasid_policy_set *set;
	bool any;
	int idx;

	idx = srcu_read_lock(&ioasid_policy_srcu);
	set = policies();
	any = set && set->nr;
	srcu_read_unlock(&ioasid_policy_srcu, idx);
	return any;
}

/* ioasid_policy_call_exit() - the one hook outside the read section; may sleep */
void ioasid_policy_call_exit(struct ioasid_policy_ops *ops, struct ioasid_exit_info *info)
{
	if (ops->exit)
		ops->exit(info);
}

static void set_key(enum ioasid_op op, bool on)
{
	if (on)
		static_branch_enable(&ioasid_policy_key[op]);
	else
		static_branch_disable(&ioasid_policy_key[op]);
}

/* ioasid_policy_update_keys() - after the set or a state changed; the set is held still */
void ioasid_policy_update_keys(const struct ioasid_policy_set *set)
{
	bool on[IOASID_OP_NR] = {}, account = false;
	struct ioasid_policy *p;
	unsigned int i;

	for_each_policy(set, i, p) {
		on[IOASID_OP_ATTACH] |= !!with(p, attach);
		on[IOASID_OP_MAP_BEGIN] |= with(p, map_begin) || fails_closed(p);
		on[IOASID_OP_MAP_BATCH] |= !!with(p, map_batch);
		on[IOASID_OP_CHARGE] |= !!with(p, charge);
		on[IOASID_OP_UNCHARGE] |= !!with(p, uncharge);
		on[IOASID_OP_MAP_DONE] |= !!with(p, map_done);
		account |= with(p, charge) && p->ops->flags & IOASID_POLICY_F_ACCOUNT;
	}
	for (i = 0; i < IOASID_OP_NR; i++)
		set_key(i, on[i]);
	WRITE_ONCE(accounts, account);
}
