/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loaded policies, for the files of this folder and of policy/.
 *
 * A policy is a name with a place in the order. Its programs in service are a prog; a
 * replacement puts another prog in its place. The set of progs is an array behind RCU:
 * hooks run inside a read section; load, unload and replace publish a new array, and
 * wait for the readers before they free anything of the old one.
 *
 * The life of a prog is one state word, and every state is left at most once:
 *
 *	 prog_create()
 *	      |
 *	      v       set_swap(): it inherits
 *	   LOADING -----------------------------> ENABLED ---------> LEAVING
 *	      |  \     ioasid_policy_replay()      /   \   set_swap():   |
 *	      |   \                               /     \  another       |
 *	      |    \     ioasid_policy_eject():  /       \ inherits      |
 *	      |     +---> EJECTING <------------+         \             |
 *	      |              | the same eject()            \            |
 *	      |              v                              \           |
 *	      |           EJECTED                            \          |
 *	      |              :                                \         |
 *	      |  prog_end()  :   ENDED <-----------------------+--------+
 *	      +--------------:---> :            prog_end()
 *	                     :     :
 *	                     v     v
 *	                    prog_free()
 *
 * Hooks run in ENABLED and LEAVING; in LOADING only those about address spaces run.
 * ioasid_policy_eject() can be called at any moment: by hooks on any CPU, by files in
 * sysfs, and by init, dump and exit themselves. The task that loads, replaces or unloads
 * calls prog_end(), when no set has the prog any more. What holds:
 *
 *  1. The task that moves a prog to EJECTING or ENDED is the only one that has exit
 *     called: by the work item that eject() queues, or by prog_end().
 *  2. A grace period lies between the move and exit, so no hook and no reader of the
 *     file "dump" that saw the state before is still in the programs.
 *  3. eject() is one read section, from the move until the work is queued. A task that
 *     finds the prog EJECTING or EJECTED waits for a grace period, and then for the work
 *     (ioasid_policy_settle()). Then exit has been called, and no more work is queued.
 *     Only then is the prog freed, or the init of another one called.
 *  4. A prog that inherits has missed no event: its predecessor is LEAVING, so it cannot
 *     be ejected any more, and its hooks run until no task sees its set.
 *
 * tools/testing/models/policy.pml is this drawing, for spin; change both.
 */
#ifndef _IOASID_HOOKS_SET_H
#define _IOASID_HOOKS_SET_H

#include <linux/atomic.h>
#include <linux/bpf.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/spinlock_types.h>
#include <linux/workqueue.h>

#include <ioasid/policy.h>

#include "hooks.h"

/* A file in sysfs shows less than a page. */
#define IOASID_POLICY_DUMP_LEN	(PAGE_SIZE - 1)

struct cgroup;
struct ioasid_policy_walk;

/*
 * enum ioasid_policy_state - the life of a prog, drawn above. Odd: all hooks run. A
 * state is followed only by higher ones.
 */
enum ioasid_policy_state {
	/* Only hooks about address spaces run. */
	IOASID_POLICY_LOADING	= 0,
	IOASID_POLICY_ENABLED	= 1,
	/* As ENABLED, for a moment; it cannot be ejected any more. */
	IOASID_POLICY_LEAVING	= 3,
	/* No hook runs; the task that ejects it writes the reason. */
	IOASID_POLICY_EJECTING	= 4,
	/* The work item calls exit, or has called it. */
	IOASID_POLICY_EJECTED	= 6,
	/* The task that ended it calls exit. */
	IOASID_POLICY_ENDED	= 8,
};

/**
 * struct ioasid_policy_stats - counters, on each CPU
 * @calls: of each hook
 * @denied: calls it refused
 * @clamped: values that were cut or ignored: batch sizes, placements
 * @slow: calls that took longer than the limit
 */
struct ioasid_policy_stats {
	u64 calls[IOASID_OP_NR];
	u64 denied;
	u64 clamped;
	u64 slow;
};

/**
 * struct ioasid_policy_pace - how many calls of a hook are slow, in this period
 * @since: when it began, in jiffies
 * @calls: calls of the hook up to then
 * @slow: slow calls since then
 * @bad: how many periods in a row, up to this one, had too many slow calls
 */
struct ioasid_policy_pace {
	unsigned long since;
	u64 calls;
	atomic_t slow;
	unsigned int bad;
};

/**
 * struct ioasid_policy_prog - programs in service
 * @policy: the policy that they belong to
 * @seq: counts loads, and replacements of ejected progs; does not change once
 *	it is in a set
 * @ops: the programs, behind their trampolines
 * @state: enum ioasid_policy_state
 * @stats: of @policy
 * @closed: it takes the place of one that failed closed, and has not been notified of all
 *	there is; stays true if it is ejected before that
 * @scoped: one of @space, @choice and @cgroup restricts it
 * @space: only for this address space, if not 0
 * @choice: only for those that selected it, if not 0
 * @cgroup: only for this cgroup and below, if not NULL; referenced
 * @limit: what is slow, in cycles
 * @pace: of each hook
 * @pace_lock: held while a period of @pace is looked at
 * @info: why it ended; the task that moves @state to EJECTING or ENDED writes it
 * @dump: what dump() wrote, @info.dump_len bytes; NULL before
 * @work: runs after an ejection: keys off, dump, exit
 */
struct ioasid_policy_prog {
	struct ioasid_policy *policy;
	u32 seq;
	struct ioasid_policy_ops *ops;
	atomic_t state;
	struct ioasid_policy_stats __percpu *stats;
	bool closed;
	bool scoped;
	u32 space;
	u32 choice;
	struct cgroup *cgroup;
	u64 limit;
	struct ioasid_policy_pace pace[IOASID_OP_NR];
	spinlock_t pace_lock;
	struct ioasid_exit_info info;
	char *dump;
	struct work_struct work;
};

/**
 * struct ioasid_policy - a loaded policy
 * @kobj: its folder in sysfs; owns the memory
 * @folder: in the list of policies that have one; empty before and after
 * @name: which a replacement must share
 * @prog: the programs in service; under RCU
 * @link: for its id, may be NULL
 * @slot: its bit in struct ioasid_seen_by
 * @stats: counters
 */
struct ioasid_policy {
	struct kobject kobj;
	struct list_head folder;
	char name[IOASID_POLICY_NAME_LEN];
	struct ioasid_policy_prog __rcu *prog;
	struct bpf_link *link;
	unsigned int slot;
	struct ioasid_policy_stats __percpu *stats;
};

/**
 * struct ioasid_policy_set - all loaded policies, in the order of asking
 * @nr: how many
 * @has: those that have a hook, by their number in @prog
 * @all: the record of all that have a hook, if none of those is scoped
 * @any_scoped: hooks that a scoped one has, as bits
 * @prog: their programs
 */
struct ioasid_policy_set {
	unsigned int nr;
	u32 has[IOASID_OP_NR];
	struct ioasid_seen_by all[IOASID_OP_NR];
	u32 any_scoped;
	struct ioasid_policy_prog *prog[IOASID_POLICIES_MAX];
};

/**
 * struct ioasid_policy_frame - a hook that runs, on the stack of its caller
 * @tramp: the task's bpf_ctx points to it, until a trampoline puts its own context in
 *	its place; both keep this one as the saved context
 * @prog: the programs that the hook belongs to
 * @op: the hook; above IOASID_OP_NR for those that no walk calls
 * @dump: where bpf_ioasid_dump() writes, in dump()
 * @dump_len: bytes that are in there
 * @start: when it started, in cycles
 */
struct ioasid_policy_frame {
	struct bpf_tramp_run_ctx tramp;
	struct ioasid_policy_prog *prog;
	u32 op;
	char *dump;
	u32 dump_len;
	u64 start;
};

/*
 * With preemption off a task is in a read section. Two configurations need
 * rcu_read_lock() as well: CONFIG_DEBUG_LOCK_ALLOC, where BPF's map functions ask for
 * rcu_read_lock_held(), and PREEMPT_RT, where preemption must stay on.
 */
#define IOASID_WALK_RCU	(IS_ENABLED(CONFIG_PREEMPT_RT) || IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))

static __always_inline void ioasid_walk_lock(void)
{
	if (IOASID_WALK_RCU)
		rcu_read_lock();
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_disable();
}

static __always_inline void ioasid_walk_unlock(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_enable();
	if (IOASID_WALK_RCU)
		rcu_read_unlock();
}

extern struct ioasid_policy_set ioasid_policy_none;
extern struct ioasid_policy_set __rcu *ioasid_policy_set;

/* Hooks that no walk calls. */
enum {
	IOASID_OP_INIT = IOASID_OP_NR,
	IOASID_OP_EXIT,
	IOASID_OP_DUMP,
	IOASID_NAME_NR,
};

extern const char *const ioasid_policy_hook_name[IOASID_NAME_NR];

/* All hooks run. */
static inline bool ioasid_policy_enabled(const struct ioasid_policy_prog *r)
{
	return atomic_read(&r->state) & 1;
}

/* The hooks about address spaces run. */
static inline bool ioasid_policy_enabled_for_spaces(const struct ioasid_policy_prog *r)
{
	return atomic_read(&r->state) <= IOASID_POLICY_LEAVING;
}

/* It was ejected; the reason may not be complete yet. */
static inline bool ioasid_policy_ejected(const struct ioasid_policy_prog *r)
{
	int state = atomic_read(&r->state);

	return state == IOASID_POLICY_EJECTING || state == IOASID_POLICY_EJECTED;
}

static inline bool ioasid_policy_only_watches(const struct ioasid_policy_prog *r)
{
	return r->ops->flags & IOASID_POLICY_F_AUDIT;
}

/*
 * It was ejected for misbehaviour, is still loaded, and fails closed; or it was to take
 * the place of such a prog, and is not in service yet or was ejected before it was.
 */
static inline bool ioasid_policy_fails_closed(const struct ioasid_policy_prog *r)
{
	/* Pairs with the release in eject.c: the reason is complete in state EJECTED. */
	int state = atomic_read_acquire(&r->state);

	bool closed = READ_ONCE(r->closed);

	if (state == IOASID_POLICY_LOADING)
		return closed;
	closed |= r->ops->flags & IOASID_POLICY_F_FAIL_CLOSED && !ioasid_policy_only_watches(r);
	return closed && (state == IOASID_POLICY_EJECTING ||
			  (state == IOASID_POLICY_EJECTED && r->info.kind >= IOASID_EXIT_ERROR));
}

/* ioasid_policy_hook_at() - the program of hook @op, as a plain pointer */
void *ioasid_policy_hook_at(const struct ioasid_policy_ops *ops, enum ioasid_op op);

/* hooks.c */
void ioasid_policy_refused(struct ioasid_policy_walk *w, const struct ioasid_who *who, int ret);
int ioasid_policy_check_retval(struct ioasid_policy_walk *w, const struct ioasid_who *who, s32 ret,
			       const int *list);
void ioasid_policy_replay_space(struct ioasid_policy_prog *r, struct ioasid_space_entry *e,
				struct ioasid_space_args *args);

/* set.c */
void ioasid_policy_set_index(struct ioasid_policy_set *set);
void ioasid_policy_set_take(struct ioasid_policy_set *set, unsigned int at);
void ioasid_policy_set_insert_at(struct ioasid_policy_set *set, unsigned int at,
				 struct ioasid_policy_prog *r);
void ioasid_policy_set_insert(struct ioasid_policy_set *set, struct ioasid_policy_prog *r);
int ioasid_policy_set_find(const struct ioasid_policy_set *set,
			   const struct ioasid_policy_ops *ops);
unsigned int ioasid_policy_set_free_slot(const struct ioasid_policy_set *set);
void ioasid_policy_update_keys(const struct ioasid_policy_set *set, bool off);
int ioasid_policy_call_init(struct ioasid_policy_prog *r, struct ioasid_init_args *args);
void ioasid_policy_call_exit(struct ioasid_policy_prog *r);
void ioasid_policy_call_dump(struct ioasid_policy_prog *r, char *buf, u32 *len);

/* eject.c */
__printf(5, 6)
bool ioasid_policy_eject(struct ioasid_policy_prog *r, u32 kind, const char *hook, s64 value,
			 const char *fmt, ...);
bool ioasid_policy_leave(struct ioasid_policy_prog *r);
bool ioasid_policy_end(struct ioasid_policy_prog *r);
void ioasid_policy_settle(struct ioasid_policy_prog *r);
void ioasid_policy_finish(struct ioasid_policy_prog *r);
void ioasid_policy_last_exit(char *name, struct ioasid_exit_info *info);

/* slow.c */
void ioasid_policy_pace_init(struct ioasid_policy_prog *r);
void ioasid_policy_slow(struct ioasid_policy_frame *f, u64 cycles);

/* scope.c */
bool ioasid_policy_name_is_valid(const char *name);
int ioasid_policy_choice_of(const char *name, u32 *choice);
int ioasid_policy_scope_init(struct ioasid_policy_prog *r);
void ioasid_policy_scope_exit(struct ioasid_policy_prog *r);
bool __ioasid_policy_in_scope(const struct ioasid_policy_prog *r, const struct ioasid_who *who);
bool ioasid_policy_replaces_rlimit(const struct ioasid_policy_prog *r,
				   const struct ioasid_who *who);
u32 ioasid_policy_concerned(const struct ioasid_policy_set *set, u32 among,
			    const struct ioasid_who *who);

static inline bool ioasid_policy_in_scope(const struct ioasid_policy_prog *r,
					  const struct ioasid_who *who)
{
	return likely(!r->scoped) || __ioasid_policy_in_scope(r, who);
}

#endif /* _IOASID_HOOKS_SET_H */
