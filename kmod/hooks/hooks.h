/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface to policies for all layers above. A call costs a patched-out branch when
 * no policy has the hook (a static key per hook); a policy that misbehaves is ejected.
 */
#ifndef _IOASID_POLICY_CALL_H
#define _IOASID_POLICY_CALL_H

#include <linux/jump_label.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>

#include <ioasid/policy.h>

/* The hooks that a walk calls, in the order of struct ioasid_policy_ops. */
#define IOASID_POLICY_HOOKS(H)		\
	H(SPACE_OPEN, space_open)	\
	H(SPACE_CLOSE, space_close)	\
	H(ATTACH, attach)		\
	H(ATTACHED, attached)		\
	H(DETACH, detach)		\
	H(MAP_BEGIN, map_begin)		\
	H(MAP_PLACE, map_place)		\
	H(MAP_WORKERS, map_workers)	\
	H(MAP_BATCH, map_batch)		\
	H(CHARGE, charge)		\
	H(UNCHARGE, uncharge)		\
	H(MAP_DONE, map_done)		\
	H(UNMAP_BEGIN, unmap_begin)	\
	H(UNMAP_SYNC, unmap_sync)	\
	H(UNMAP_DONE, unmap_done)	\
	H(ACCESS_PIN, access_pin)	\
	H(ACCESS_UNPIN, access_unpin)	\
	H(OWNER_CHANGE, owner_change)	\
	H(DIRTY, dirty)			\
	H(MAP_AT, map_at)		\
	H(STALE, stale)

#define IOASID_POLICY_ENUM(upper, lower)	IOASID_OP_##upper,

/** enum ioasid_op - one of these hooks; TIMES: a policy asks for durations */
enum ioasid_op {
	IOASID_POLICY_HOOKS(IOASID_POLICY_ENUM)
	IOASID_OP_NR,
	IOASID_OP_TIMES = IOASID_OP_NR,
	IOASID_KEY_NR,
};

/** define IOASID_POLICIES_MAX - policies that can be loaded at one time */
#define IOASID_POLICIES_MAX	16

extern struct static_key_false ioasid_policy_key[IOASID_KEY_NR];

#define ioasid_policy_has(op)	static_branch_unlikely(&ioasid_policy_key[op])

/** ioasid_policy_times() - a policy with hook @op wants durations */
#define ioasid_policy_times(op)	(ioasid_policy_has(IOASID_OP_TIMES) && ioasid_policy_has(op))

/**
 * struct ioasid_seen_by - which policies saw the beginning of something
 * @npages: pages that they were charged for
 * @seq: policies loaded later than this did not see it
 * @slots: bit per slot of those that did; 0: none yet
 * @account: one of them takes the place of the rlimit
 * @all: the last three at once, to be copied
 *
 * Every mapping has one, so it is small: 32 bits of @seq are enough, since each load
 * takes a grace period of RCU.
 *
 * A slot passes to another policy when its own is unloaded, and @seq tells the two
 * apart only until something is added. So clear the bits of unloaded policies
 * (ioasid_seen_by_prune()) before you add to a record that is not empty.
 */
struct ioasid_seen_by {
	u64 npages;
	union {
		struct {
			u32 seq;
			u16 slots;
			bool account;
		};
		u64 all;
	};
};

/**
 * struct ioasid_owner - the process that an address space belongs to; see owner.c
 * @rcu: frees it
 * @who: the task that opened the address space or took it over, as it was then
 * @comm: its name then
 * @pid: its process, to look at what it is now (get_pid)
 * @mm: its memory, until the address space takes that over (mmgrab); or NULL
 *
 * Does not change once the address space points to it.
 */
struct ioasid_owner {
	struct rcu_head rcu;
	struct ioasid_who who;
	char comm[TASK_COMM_LEN];
	struct pid *pid;
	struct mm_struct *mm;
};

/**
 * struct ioasid_space_entry - what policies know of an address space; part of it
 * @memory: references on the memory of the address space: its life has one, BPF
 *	programs and walks over all address spaces have others
 * @rcu: frees it
 * @id: names the space in events, tools and policies; unique until 2^32 spaces were made
 * @owner: the process that it belongs to; there as long as @memory is, read under RCU, and
 *	written by the task that opens it and then under areas_lock
 * @choice: the policy that was selected, see scope.c; 0: none
 * @seen_by: policies that saw it open, guarded in hooks.c
 */
struct ioasid_space_entry {
	refcount_t memory;
	u32 id;
	struct rcu_head rcu;
	struct ioasid_owner __rcu *owner;
	u32 choice;
	struct ioasid_seen_by seen_by;
};

/**
 * struct ioasid_policy_pins - pages that in-kernel users pinned in a space, by policy
 * @lock: guards the rest
 * @seq: by slot, the number of the policy that @pages is for; 0 for none
 * @pages: those that the policy was notified of, and that are still pinned
 *
 * Drivers pin and unpin in pieces of any size, so there is no object that could have a
 * struct ioasid_seen_by.
 */
struct ioasid_policy_pins {
	spinlock_t lock;
	u32 seq[IOASID_POLICIES_MAX];
	u64 pages[IOASID_POLICIES_MAX];
};

/**
 * struct ioasid_policy_refusal - a policy says no to a mapping
 * @by: id of its link
 * @seq: of its programs
 * @from: it says no to this address, and to those up to this one; 0: to the mapping
 */
struct ioasid_policy_refusal {
	u32 by;
	u32 seq;
	u64 from;
};

void __ioasid_policy_begin(enum ioasid_op op, const struct ioasid_who *who,
			   struct ioasid_seen_by *seen_by);
int __ioasid_policy_space_open(struct ioasid_space_args *args, struct ioasid_seen_by *seen_by);
void __ioasid_policy_space_close(struct ioasid_space_args *args, struct ioasid_seen_by *seen_by);
int __ioasid_policy_attach(struct ioasid_attach_args *args, struct ioasid_seen_by *seen_by);
void __ioasid_policy_attached(struct ioasid_attach_args *args, struct ioasid_attach_result *res,
			      struct ioasid_seen_by *seen_by);
void __ioasid_policy_detach(struct ioasid_attach_args *args, struct ioasid_seen_by *seen_by);
int __ioasid_policy_map_begin(struct ioasid_map_args *args, struct ioasid_seen_by *seen_by,
			      u32 *wait_us, struct ioasid_policy_refusal *no);
int __ioasid_policy_map_at(struct ioasid_map_args *args, struct ioasid_policy_refusal *no);
void ioasid_policy_map_nowhere(const struct ioasid_who *who, const struct ioasid_policy_refusal *no);
u64 __ioasid_policy_map_place(struct ioasid_map_args *args, struct ioasid_place_args *place,
			      bool (*valid)(u64 iova, void *data), void *data);
void ioasid_policy_map_workers(struct ioasid_map_args *args);
u32 ioasid_policy_map_batch(struct ioasid_map_args *args, struct ioasid_batch_args *batch);
int __ioasid_policy_charge(const struct ioasid_who *who, u64 npages,
			   struct ioasid_seen_by *seen_by);
int __ioasid_policy_charge_more(const struct ioasid_who *who, u64 npages,
				struct ioasid_seen_by *seen_by);
void __ioasid_policy_charge_fill(const struct ioasid_who *who, struct ioasid_seen_by *seen_by);
void __ioasid_policy_uncharge(const struct ioasid_who *who, u64 npages,
			      struct ioasid_seen_by *seen_by);
void ioasid_policy_map_done(struct ioasid_map_args *args, struct ioasid_map_result *res,
			    struct ioasid_seen_by *seen_by);
void __ioasid_policy_unmap_begin(struct ioasid_unmap_args *args, struct ioasid_seen_by *seen_by);
u32 ioasid_policy_unmap_sync(struct ioasid_unmap_args *args, struct ioasid_sync_args *sync);
void ioasid_policy_unmap_done(struct ioasid_unmap_args *args, struct ioasid_unmap_result *res,
			      struct ioasid_seen_by *seen_by);
struct ioasid_policy_pins *ioasid_policy_pins_alloc(void);
int __ioasid_policy_access_pin(struct ioasid_access_args *args, struct ioasid_policy_pins *pins);
void __ioasid_policy_access_unpin(const struct ioasid_access_args *args,
				  struct ioasid_policy_pins *pins);
int __ioasid_policy_owner_change(struct ioasid_owner_args *args);
void __ioasid_policy_dirty(struct ioasid_dirty_args *args);
void __ioasid_policy_stale(struct ioasid_stale_args *args);
void ioasid_policy_on_stale(void (*wanted)(bool wanted));

/** ioasid_policy_any() - a policy is loaded, ejected or not */
bool ioasid_policy_any(void);

/** ioasid_policy_default_choice() - which policy a new address space selects, by name; 0: none */
u32 ioasid_policy_default_choice(void);

/** ioasid_policy_choice_name() - the name behind a choice, or an empty string */
const char *ioasid_policy_choice_name(u32 choice);

/**
 * ioasid_policy_space_open() - an address space was made
 * @args: what it is
 * @seen_by: on return the policies that know of it
 *
 * Return: 0, or the errno of the first policy that refuses.
 */
static inline int ioasid_policy_space_open(struct ioasid_space_args *args,
					   struct ioasid_seen_by *seen_by)
{
	if (!ioasid_policy_has(IOASID_OP_SPACE_OPEN) && !ioasid_policy_has(IOASID_OP_SPACE_CLOSE))
		return 0;
	return __ioasid_policy_space_open(args, seen_by);
}

static inline void ioasid_policy_space_close(struct ioasid_space_args *args,
					     struct ioasid_seen_by *seen_by)
{
	if (ioasid_policy_has(IOASID_OP_SPACE_CLOSE))
		__ioasid_policy_space_close(args, seen_by);
}

/**
 * ioasid_policy_attach() - may this group join
 * @args: the request
 * @seen_by: on return the policies that want attached() and detach()
 *
 * Return: 0, or the errno of the first policy that refuses.
 */
static inline int ioasid_policy_attach(struct ioasid_attach_args *args,
				       struct ioasid_seen_by *seen_by)
{
	if (!ioasid_policy_has(IOASID_OP_ATTACH) && !ioasid_policy_has(IOASID_OP_ATTACHED) &&
	    !ioasid_policy_has(IOASID_OP_DETACH))
		return 0;
	return __ioasid_policy_attach(args, seen_by);
}

static inline void ioasid_policy_attached(struct ioasid_attach_args *args,
					  struct ioasid_attach_result *res,
					  struct ioasid_seen_by *seen_by)
{
	if (ioasid_policy_has(IOASID_OP_ATTACHED) && seen_by->slots)
		__ioasid_policy_attached(args, res, seen_by);
}

static inline void ioasid_policy_detach(struct ioasid_attach_args *args,
					struct ioasid_seen_by *seen_by)
{
	if (ioasid_policy_has(IOASID_OP_DETACH) && seen_by->slots)
		__ioasid_policy_detach(args, seen_by);
}

/**
 * ioasid_policy_map_begin() - may this be mapped
 * @args: the request
 * @seen_by: of no policy; on return those that want map_done()
 * @wait_us: how long the caller is to sleep before it goes on
 * @no: on return the policy that refused
 *
 * Return: 0, or the errno of the first policy that refuses.
 */
static inline int ioasid_policy_map_begin(struct ioasid_map_args *args,
					  struct ioasid_seen_by *seen_by, u32 *wait_us,
					  struct ioasid_policy_refusal *no)
{
	*wait_us = 0;
	if (ioasid_policy_has(IOASID_OP_MAP_BEGIN))
		return __ioasid_policy_map_begin(args, seen_by, wait_us, no);
	if (ioasid_policy_has(IOASID_OP_MAP_DONE))
		__ioasid_policy_begin(IOASID_OP_MAP_DONE, &args->who, seen_by);
	return 0;
}

/**
 * ioasid_policy_map_place() - where a mapping is to lie, if the kernel chooses
 * @args: the request; iova means nothing yet
 * @place: the ranges to choose from, and the address chosen without a policy
 * @valid: can the mapping be at that address?
 * @data: for @valid
 *
 * Return: an address for which @valid is true; @place->chosen if no policy chooses one.
 */
static inline u64 ioasid_policy_map_place(struct ioasid_map_args *args,
					  struct ioasid_place_args *place,
					  bool (*valid)(u64 iova, void *data), void *data)
{
	return ioasid_policy_has(IOASID_OP_MAP_PLACE) ?
	       __ioasid_policy_map_place(args, place, valid, data) : place->chosen;
}

/**
 * ioasid_policy_map_at() - may it lie at @args->iova
 * @args: the request, with its address
 * @no: on return the policy that refused; another address may do if @no->from is not 0
 *
 * The caller keeps areas_lock until the range is reserved, so the address stays free.
 * Return: 0, or the errno of the first policy that refuses.
 */
static inline int ioasid_policy_map_at(struct ioasid_map_args *args,
				       struct ioasid_policy_refusal *no)
{
	return ioasid_policy_has(IOASID_OP_MAP_AT) ? __ioasid_policy_map_at(args, no) : 0;
}

/**
 * ioasid_policy_charge() - pages were pinned on behalf of @who
 *
 * The first call fills @seen_by. Later calls for the same object go to the same
 * policies, until all of it is uncharged or none of them is left.
 * Return: 0, or -errno with nothing of @npages charged.
 */
static inline int ioasid_policy_charge(const struct ioasid_who *who, u64 npages,
				       struct ioasid_seen_by *seen_by)
{
	return ioasid_policy_has(IOASID_OP_CHARGE) ?
	       __ioasid_policy_charge(who, npages, seen_by) : 0;
}

/** ioasid_policy_charge_fill() - fill @seen_by as the first charge of an object does; charges nothing */
static inline void ioasid_policy_charge_fill(const struct ioasid_who *who,
					     struct ioasid_seen_by *seen_by)
{
	if (ioasid_policy_has(IOASID_OP_CHARGE))
		__ioasid_policy_charge_fill(who, seen_by);
	else
		*seen_by = (struct ioasid_seen_by){};
}

/** ioasid_policy_charge_more() - charge the policies of a filled @seen_by that are left, and no others */
static inline int ioasid_policy_charge_more(const struct ioasid_who *who, u64 npages,
					    struct ioasid_seen_by *seen_by)
{
	return ioasid_policy_has(IOASID_OP_CHARGE) ?
	       __ioasid_policy_charge_more(who, npages, seen_by) : 0;
}

/** ioasid_policy_accounts() - a policy that was just charged replaces the rlimit */
static inline bool ioasid_policy_accounts(const struct ioasid_seen_by *seen_by)
{
	return ioasid_policy_has(IOASID_OP_CHARGE) && seen_by->account;
}

/** ioasid_policy_uncharge() - uncharge the policies in @seen_by */
static inline void ioasid_policy_uncharge(const struct ioasid_who *who, u64 npages,
					  struct ioasid_seen_by *seen_by)
{
	if (!ioasid_policy_has(IOASID_OP_CHARGE) || !seen_by->slots)
		return;
	/* No policy has the hook; count all the same, for one that is replaced and gets it. */
	if (ioasid_policy_has(IOASID_OP_UNCHARGE))
		__ioasid_policy_uncharge(who, npages, seen_by);
	else
		seen_by->npages -= min(npages, seen_by->npages);
}

/**
 * ioasid_policy_unmap_begin() - a range is to be unmapped; no policy can refuse
 * @args: the request
 * @seen_by: on return the policies that want unmap_done()
 */
static inline void ioasid_policy_unmap_begin(struct ioasid_unmap_args *args,
					     struct ioasid_seen_by *seen_by)
{
	seen_by->slots = 0;
	if (ioasid_policy_has(IOASID_OP_UNMAP_BEGIN))
		__ioasid_policy_unmap_begin(args, seen_by);
	else if (ioasid_policy_has(IOASID_OP_UNMAP_DONE))
		__ioasid_policy_begin(IOASID_OP_UNMAP_DONE, &args->who, seen_by);
}

/** ioasid_policy_pins() - a policy has a hook about pins of in-kernel users */
static inline bool ioasid_policy_pins(void)
{
	return ioasid_policy_has(IOASID_OP_ACCESS_PIN) || ioasid_policy_has(IOASID_OP_ACCESS_UNPIN);
}

/**
 * ioasid_policy_access_pin() - may an in-kernel user pin these pages
 * @args: the request
 * @pins: of the space: on success they count as pinned
 *
 * Return: 0, or the errno of the first policy that refuses. If the pin fails later, call
 * ioasid_policy_access_unpin() for the pages that were not pinned.
 */
static inline int ioasid_policy_access_pin(struct ioasid_access_args *args,
					   struct ioasid_policy_pins *pins)
{
	return ioasid_policy_pins() ? __ioasid_policy_access_pin(args, pins) : 0;
}

/** ioasid_policy_access_unpin() - so many pages of a space are no longer pinned */
static inline void ioasid_policy_access_unpin(const struct ioasid_access_args *args,
					      struct ioasid_policy_pins *pins)
{
	if (ioasid_policy_pins())
		__ioasid_policy_access_unpin(args, pins);
}

static inline int ioasid_policy_owner_change(struct ioasid_owner_args *args)
{
	return ioasid_policy_has(IOASID_OP_OWNER_CHANGE) ? __ioasid_policy_owner_change(args) : 0;
}

static inline void ioasid_policy_dirty(struct ioasid_dirty_args *args)
{
	if (ioasid_policy_has(IOASID_OP_DIRTY))
		__ioasid_policy_dirty(args);
}

static inline void ioasid_policy_stale(struct ioasid_stale_args *args)
{
	if (ioasid_policy_has(IOASID_OP_STALE))
		__ioasid_policy_stale(args);
}

/* owner.c: whose an address space is */
struct ioasid_owner *ioasid_owner_new(u32 space, gfp_t gfp);
void ioasid_owner_free(struct ioasid_owner *owner);
struct mm_struct *ioasid_owner_set(struct ioasid_space_entry *e, struct ioasid_owner *owner);
bool ioasid_owner_now(const struct ioasid_space_entry *e, struct ioasid_who *who, char *comm);
void ioasid_owner_end(struct ioasid_space_entry *e);

/* spaces.c: all address spaces */
int ioasid_spaces_add(struct ioasid_space_entry *e, struct ioasid_owner *owner, gfp_t gfp);
void ioasid_spaces_remove(struct ioasid_space_entry *e);
bool ioasid_spaces_contain(const struct ioasid_space_entry *e);
void ioasid_spaces_each(void (*each)(struct ioasid_space_entry *e, void *data), void *data);
unsigned int ioasid_spaces_count(void);
u32 ioasid_space_choice(u32 id);
struct ioasid_space_entry *ioasid_space_find(u32 id);
struct ioasid_space_entry *ioasid_space_find_after(u32 *id);
void ioasid_space_entry_get(struct ioasid_space_entry *e);
void ioasid_space_entry_put(struct ioasid_space_entry *e);
void ioasid_spaces_exit(void);

#endif /* _IOASID_POLICY_CALL_H */
