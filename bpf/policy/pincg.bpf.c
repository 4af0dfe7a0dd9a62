// SPDX-License-Identifier: GPL-2.0-only
/*
 * pincg - counts the memory that ioasid pins per cgroup, and limits it.
 *
 * What it does. Every pinned page is charged to the cgroup of the task that
 * mapped it and to all ancestors of that cgroup. A charge that would take any
 * of them above its limit is refused, and the map call gets ENOMEM, as with
 * RLIMIT_MEMLOCK. A cgroup without a limit may pin default_limit bytes by tasks
 * of its own (0: any amount). 'ioasidctl pincg set /machine.slice/vm1 64G' sets
 * a limit, 'ioasidctl pincg list' shows limits, usage, peaks and refusals.
 *
 * By default RLIMIT_MEMLOCK holds as well. Loaded with '--set flags=ACCOUNT'
 * the limits here take its place; then set default_limit too, or any user of
 * /dev/ioasid may pin all memory.
 *
 * Cost. One hash look-up for each batch of pages (512 by default), and for each
 * level of the cgroup tree an atomic add and some 20 instructions.
 *
 * Details. A cgroup never changes its parent, so the way up is recorded once,
 * and pages are given back to exactly those who were charged: also after the
 * cgroup is gone, or when a task elsewhere unmaps. Two charges that race near a
 * limit may both be refused where one would fit, as with the kernel's own page
 * counters. In a tree deeper than MAX_LEVELS a task's own cgroup and those of
 * the first MAX_LEVELS levels are charged. Pages pinned before the policy was
 * loaded are not counted, nor are, after an ejection, those pinned before it was
 * replaced.
 *
 * Not for: more than MAX_SLOTS cgroups that pin at one time (further ones are
 * refused); 'ioasidctl pincg prune' forgets those that were removed.
 */
#include <ioasid/common.bpf.h>
#include <ioasid/pincg.h>

#define MAX_LEVELS	32
#define MAX_SLOTS	4096

char _license[] SEC("license") = "GPL";

/* Bytes that a cgroup without a limit of its own may pin; 0 for any amount. */
const volatile __u64 default_limit = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SLOTS);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct pincg_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, MAX_SLOTS);
	__type(value, __u32);
} unused SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SLOTS);
	__type(key, __u64);
	__type(value, __u64);
} limits SEC(".maps");

extern struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;
extern struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgrp, int level) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;

/* From init; bytes of a page. */
__u64 page_size = 4096;

static __always_inline struct pincg_slot *slot_at(__u32 i)
{
	return bpf_map_lookup_elem(&slots, &i);
}

static __always_inline __u32 slot_of(__u64 cgroup)
{
	__u32 *i = bpf_map_lookup_elem(&cgroups, &cgroup);

	return i ? *i : 0;
}

/* ---- a cgroup is seen for the first time ---- */

static __always_inline __u32 take_slot(void)
{
	struct pincg_slot *head = slot_at(0);
	__u32 i;

	if (!bpf_map_pop_elem(&unused, &i))
		return i;
	return head ? add_return(&head->own, 1) : 0;
}

/* The slot of a cgroup, made if need be; 0 when there is no more room. */
static __noinline __u32 make_slot(__u64 cgroup, __u32 parent)
{
	__u32 i = slot_of(cgroup);
	struct pincg_slot *slot;
	__u64 *limit;

	if (i)
		return i;
	i = take_slot();
	slot = slot_at(i);
	if (!slot || !i)
		return 0;
	slot->used = slot->own = slot->peak = slot->denied = 0;
	slot->limit = PINCG_DEFAULT;
	slot->cgroup = cgroup;
	slot->parent = parent;
	if (bpf_map_update_elem(&cgroups, &cgroup, &i, BPF_NOEXIST)) {
		/* Another CPU was faster. */
		bpf_map_push_elem(&unused, &i, 0);
		return slot_of(cgroup);
	}
	/* After it can be found: who sets a limit now finds it, or we find the limit. */
	limit = bpf_map_lookup_elem(&limits, &cgroup);
	if (limit)
		__sync_val_compare_and_swap(&slot->limit, PINCG_DEFAULT, *limit);
	return i;
}

/*
 * The current task's cgroup. From the root down, so that whatever has a slot
 * also has its way up.
 */
static __noinline __u32 make_current(__u64 cgroup)
{
	__u32 parent = 0;
	__u64 id;
	int level;

	for (level = 0; level < MAX_LEVELS; level++) {
		id = bpf_get_current_ancestor_cgroup_id(level);
		if (!id || id == cgroup)
			break;
		parent = make_slot(id, parent);
		if (!parent)
			return 0;
	}
	return make_slot(cgroup, parent);
}

/*
 * Another task's cgroup: mapped by it, pinned only now. 0 when it is out of
 * sight of the current task's cgroup namespace, or gone.
 */
static __noinline __u32 make_other(__u64 cgroup)
{
	struct cgroup *cgrp = bpf_cgroup_from_id(cgroup), *up;
	__u32 parent = 0;
	int level;
	__u64 id;

	if (!cgrp)
		return 0;
	for (level = 0; level < MAX_LEVELS && level < cgrp->level; level++) {
		up = bpf_cgroup_ancestor(cgrp, level);
		if (!up)
			break;
		id = up->kn->id;
		bpf_cgroup_release(up);
		parent = make_slot(id, parent);
		if (!parent)
			break;
	}
	bpf_cgroup_release(cgrp);
	return parent || !level ? make_slot(cgroup, parent) : 0;
}

/* ---- charging ---- */

/* A limit of its own beats the default, which is about own pages only. */
static __always_inline bool exceeds(const struct pincg_slot *slot, __u64 used, __u64 own)
{
	__u64 limit = slot->limit;

	if (limit == PINCG_DEFAULT)
		return default_limit && own > default_limit;
	return used > limit && limit != PINCG_NONE;
}

/* Charges one cgroup, or leaves it as it was and returns false. */
static __always_inline bool charge_one(struct pincg_slot *slot, __u64 bytes, bool own)
{
	__u64 used = add_return(&slot->used, bytes);
	__u64 mine = own ? add_return(&slot->own, bytes) : 0;

	if (exceeds(slot, used, mine)) {
		__sync_fetch_and_add(&slot->used, -bytes);
		if (own)
			__sync_fetch_and_add(&slot->own, -bytes);
		__sync_fetch_and_add(&slot->denied, 1);
		return false;
	}
	if (used > slot->peak)
		slot->peak = used;
	return true;
}

/* Gives back what a cgroup and its ancestors took, up to but without @end. */
static __always_inline void give_back(__u32 i, __u32 end, __u64 bytes)
{
	struct pincg_slot *slot;
	int level;

	for (level = 0; level <= MAX_LEVELS && i && i != end; level++) {
		slot = slot_at(i);
		if (!slot)
			return;
		__sync_fetch_and_add(&slot->used, -bytes);
		if (!level)
			__sync_fetch_and_add(&slot->own, -bytes);
		i = slot->parent;
	}
}

/*
 * Pages were let go while a policy was out, and it was not told: so its books
 * are closed, and new ones begun. Limits stay.
 */
static __noinline int forget_usage(void)
{
	struct pincg_slot *slot;
	int i;

	bpf_for(i, 1, MAX_SLOTS) {
		slot = slot_at(i);
		if (slot)
			slot->used = slot->own = 0;
	}
	return 0;
}

SEC("struct_ops/init")
s32 BPF_PROG(pincg_init, struct ioasid_init_args *args)
{
	page_size = args->page_size;
	if (args->replaces == IOASID_REPLACES_EJECTED)
		forget_usage();
	return 0;
}

SEC("struct_ops/charge")
s32 BPF_PROG(pincg_charge, struct ioasid_charge_args *args)
{
	__u64 cgroup = args->who.cgroup, bytes = args->npages * page_size;
	__u32 first = slot_of(cgroup), i;
	struct pincg_slot *slot;
	int level;

	if (!first) {
		first = cgroup == bpf_get_current_cgroup_id() ? make_current(cgroup) :
			make_other(cgroup);
		if (!first)
			return -ENOMEM;
	}
	i = first;
	for (level = 0; level <= MAX_LEVELS && i; level++) {
		slot = slot_at(i);
		if (!slot)
			break;
		if (!charge_one(slot, bytes, !level)) {
			give_back(first, i, bytes);
			return -ENOMEM;
		}
		i = slot->parent;
	}
	return 0;
}

SEC("struct_ops/uncharge")
void BPF_PROG(pincg_uncharge, struct ioasid_charge_args *args)
{
	give_back(slot_of(args->who.cgroup), 0, args->npages * page_size);
}

/* A policy that does more than this one includes this file, and uses its hooks. */
#ifndef PINCG_NO_POLICY
SEC(".struct_ops.link")
struct ioasid_policy_ops pincg = {
	.init		= (void *)pincg_init,
	.charge		= (void *)pincg_charge,
	.uncharge	= (void *)pincg_uncharge,
	.name		= "pincg",
};
#endif
