// SPDX-License-Identifier: GPL-2.0-only
/*
 * pincg - counts the memory that ioasid pins per cgroup, and limits it.
 *
 * What it does. Every pinned page is charged to the cgroup of the task that
 * mapped it and to all ancestors of that cgroup. A charge that would take any
 * of them above its limit is refused, and the map call gets ENOMEM, as with
 * RLIMIT_MEMLOCK. A cgroup without a limit may pin default_limit bytes by tasks
 * of its own (0: any amount). 'ioasidctl pincg set' sets a limit by path or by a
 * pattern of paths, also for cgroups that do not exist yet; 'ioasidctl pincg
 * list' shows limits, usage, peaks and refusals.
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
 * the first MAX_LEVELS levels are charged, and no rule applies to the cgroup.
 * Pages pinned before the policy was loaded are not counted, nor are, after an
 * ejection, those pinned before it was replaced.
 *
 * Full maps. A cgroup that holds nothing, and whose children have no slot, gives
 * its slot to one that needs it: removed cgroups first. A charge that finds no
 * slot is refused. '--set slots.max_entries=' makes room.
 *
 * How slots change hands. They do so by turns (books.bpf.h), and a charge to a
 * cgroup that has a slot takes no turn: it adds to @used and then looks whether
 * the slot is that cgroup's. The program that closes a slot turns a @used of 0 into
 * PINCG_CLOSED in one step, so either the charge was first, and the slot stays,
 * or the charge sees that it is closed, or another's, and takes a turn. A slot
 * with @used above 0, or with children, is never closed, hence the order below:
 * the cgroup first and then its ancestors, and @used last of what is given back.
 *
 * Not for: more cgroups that pin at one time than there are slots.
 */
#include <ioasid/books.bpf.h>
#include <ioasid/cgroup.bpf.h>
#include <ioasid/pincg.h>

#define MAX_LEVELS	32
#define MAX_SLOTS	4096
#define MAX_NAME	256
/* Idle slots whose cgroup is looked for, when one is needed. */
#define MAX_LOOKS	64
/* More than a pattern and a path can take. */
#define MAX_STEPS	(PINCG_PATH_LEN * PINCG_PATH_LEN)

char _license[] SEC("license") = "GPL";

/* Bytes that a cgroup without a limit of its own may pin; 0 for any amount. */
const volatile __u64 default_limit = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct pincg_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, __u64);
	__type(value, __u32);
} by_id SEC(".maps");

struct pincg_text {
	char text[PINCG_PATH_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct pincg_text);
	__type(value, __u64);
} paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 64);
	__type(key, struct pincg_text);
	__type(value, __u64);
} patterns SEC(".maps");

/*
 * The path of a cgroup, and where a comparison with it stands. In a map, because
 * the verifier would follow each value of a variable by itself.
 */
struct pincg_scratch {
	char path[PINCG_PATH_LEN + MAX_NAME];
	__u32 len;
	__u32 p, s, star, mark, fits;
	__u32 longest;
	__u64 limit;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pincg_scratch);
} scratch SEC(".maps");

extern struct cgroup___read *bpf_cgroup_acquire(struct cgroup___read *cgrp) __ksym;

/* From init; bytes of a page. */
__u64 page_size = 4096;

static __always_inline struct pincg_slot *slot_at(__u32 i)
{
	return bpf_map_lookup_elem(&slots, &i);
}

static __always_inline __u32 slot_of(__u64 cgroup)
{
	__u32 *i = bpf_map_lookup_elem(&by_id, &cgroup);

	return i ? *i : 0;
}

/* ---- paths and limits; with the turn, so this CPU's scratch is ours ---- */

static __always_inline struct pincg_scratch *the_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

static __always_inline void path_begin(struct pincg_scratch *s)
{
	__builtin_memset(s->path, 0, sizeof(s->path));
	s->path[0] = '/';
	s->len = 0;
}

/* What gets too long for a rule stays too long. */
static __noinline void path_append(struct pincg_scratch *s, const char *name)
{
	__u32 at = s->len;
	long n;

	if (at >= PINCG_PATH_LEN - 1)
		return;
	s->path[at] = '/';
	n = bpf_probe_read_kernel_str(&s->path[at + 1], MAX_NAME, name);
	s->len = n > 0 ? at + n : PINCG_PATH_LEN;
}

/* Does the path fit the pattern? A '*' that took too little takes one more. */
static __noinline __u32 fits(struct pincg_scratch *s, const struct pincg_text *pattern)
{
	char c, d;
	int i;

	s->fits = 0;
	s->p = s->s = s->mark = 0;
	s->star = PINCG_PATH_LEN;
	bpf_for(i, 0, MAX_STEPS) {
		c = pattern->text[s->p & (PINCG_PATH_LEN - 1)];
		d = s->path[s->s & (PINCG_PATH_LEN - 1)];
		if (c == '*') {
			s->star = ++s->p;
			s->mark = s->s;
		} else if (d && (c == d || (c == '?' && d != '/'))) {
			s->p++;
			s->s++;
		} else if (!c && !d) {
			s->fits = 1;
			break;
		} else {
			d = s->path[s->mark & (PINCG_PATH_LEN - 1)];
			if (s->star == PINCG_PATH_LEN || !d || d == '/')
				break;
			s->p = s->star;
			s->s = ++s->mark;
		}
	}
	return s->fits;
}

/* Of several patterns the longest counts, of equally long ones the lowest limit. */
static long try_pattern(void *map, struct pincg_text *pattern, __u64 *limit, void *ctx)
{
	struct pincg_scratch *s = the_scratch();
	__u32 length;

	if (!s || !fits(s, pattern))
		return 0;
	length = s->p;
	if (length > s->longest || (length == s->longest && *limit < s->limit)) {
		s->longest = length;
		s->limit = *limit;
	}
	return 0;
}

/* The limit of the cgroup whose path was put together; its own path counts most. */
static __noinline __u64 limit_of(struct pincg_scratch *s)
{
	__u64 *exact;

	if (s->len >= PINCG_PATH_LEN)
		return PINCG_DEFAULT;
	exact = bpf_map_lookup_elem(&paths, s->path);
	if (exact)
		return *exact;
	s->longest = 0;
	s->limit = PINCG_DEFAULT;
	bpf_for_each_map_elem(&patterns, try_pattern, NULL, 0);
	return s->limit;
}

/* ---- slots change hands; with the turn ---- */

/* Nothing is charged to it, nor can be. */
static __always_inline bool close_slot(struct pincg_slot *slot)
{
	__u64 cgroup = slot->cgroup;
	struct pincg_slot *parent;

	if (slot->children || __sync_val_compare_and_swap(&slot->used, 0, PINCG_CLOSED))
		return false;
	bpf_map_delete_elem(&by_id, &cgroup);
	parent = slot_at(slot->parent);
	if (parent)
		parent->children--;
	slot->cgroup = 0;
	return true;
}

static __always_inline bool is_idle(const struct pincg_slot *slot)
{
	return slot->cgroup && !slot->used && !slot->children;
}

static __always_inline bool is_gone(__u64 cgroup)
{
	struct cgroup___read *cgrp = bpf_cgroup_from_id(cgroup);

	if (cgrp)
		bpf_cgroup_release(cgrp);
	return !cgrp;
}

/* The next slot that is free, or of a removed cgroup. */
static __noinline __u32 search_unused(struct pincg_slot *head)
{
	__u32 i, n, room = room_of(slots);
	struct pincg_slot *slot;

	/* In memory, or the verifier follows each of its values. */
	head->PINCG_LOOKS = 0;
	bpf_for(n, 1, room) {
		i = head->PINCG_HAND++ % (room - 1) + 1;
		slot = slot_at(i);
		if (!slot || head->PINCG_LOOKS == MAX_LOOKS)
			break;
		if (!slot->cgroup)
			return i;
		if (!is_idle(slot))
			continue;
		head->PINCG_LOOKS++;
		if (is_gone(slot->cgroup) && close_slot(slot))
			return i;
	}
	return 0;
}

/* The next slot of a cgroup that holds nothing. */
static __noinline __u32 search_idle(struct pincg_slot *head)
{
	__u32 i, n, room = room_of(slots);
	struct pincg_slot *slot;

	bpf_for(n, 1, room) {
		i = head->PINCG_HAND++ % (room - 1) + 1;
		slot = slot_at(i);
		if (!slot)
			break;
		if (!slot->cgroup || (is_idle(slot) && close_slot(slot)))
			return i;
	}
	return 0;
}

static __always_inline __u32 take_slot(void)
{
	struct pincg_slot *head = slot_at(0);

	if (!head || room_of(slots) < 2)
		return 0;
	if (head->PINCG_MADE + 1 < room_of(slots))
		return ++head->PINCG_MADE;
	return search_unused(head) ?: search_idle(head);
}

static __always_inline void no_slot(void)
{
	struct pincg_slot *head = slot_at(0);

	if (head)
		head->PINCG_NO_SLOT++;
}

/* The slot of a cgroup, made if need be; 0 when there is no more room. */
static __noinline __u32 make_slot(struct pincg_scratch *s, __u64 cgroup, __u32 above)
{
	struct pincg_slot *slot, *parent = slot_at(above);
	__u32 i = slot_of(cgroup);

	if (i || !parent)
		return i;
	/* So that it is not taken for its own child. */
	parent->children++;
	i = take_slot();
	slot = i ? slot_at(i) : NULL;
	if (!slot || bpf_map_update_elem(&by_id, &cgroup, &i, BPF_NOEXIST)) {
		parent->children--;
		no_slot();
		return 0;
	}
	/* One that was never used is not closed yet. */
	__sync_fetch_and_or(&slot->used, PINCG_CLOSED);
	slot->own = slot->peak = slot->denied = 0;
	slot->limit = limit_of(s);
	slot->parent = above;
	slot->children = 0;
	slot->cgroup = cgroup;
	ordered(__sync_fetch_and_and(&slot->used, ~PINCG_CLOSED));
	return i;
}

/* From the root down, so that whatever has a slot also has its way up. */
static __noinline __u32 make_way(struct pincg_scratch *s, struct cgroup___read *cgrp)
{
	__u32 i = 0, level, depth = cgrp->level;
	struct cgroup___read *up;

	path_begin(s);
	bpf_for(level, 0, MAX_LEVELS) {
		if (level >= depth)
			break;
		up = bpf_cgroup_ancestor(cgrp, level);
		if (!up)
			return 0;
		if (level)
			path_append(s, up->kn->name);
		i = make_slot(s, up->kn->id, i);
		bpf_cgroup_release(up);
		if (!i)
			return 0;
	}
	if (depth > MAX_LEVELS)
		s->len = PINCG_PATH_LEN;
	else if (depth)
		path_append(s, cgrp->kn->name);
	return make_slot(s, cgrp->kn->id, i);
}

/*
 * That of the current task, or one that mapped and whose pages are pinned only
 * now: NULL when it is gone.
 */
static __always_inline struct cgroup___read *cgroup_of(__u64 id)
{
	struct task_struct___cgroups *task;

	if (id == bpf_get_current_cgroup_id()) {
		task = (struct task_struct___cgroups *)bpf_get_current_task_btf();
		return bpf_cgroup_acquire(task->cgroups->dfl_cgrp);
	}
	return bpf_cgroup_from_id(id);
}

static __always_inline __u32 make(__u64 cgroup)
{
	struct pincg_scratch *s = the_scratch();
	struct cgroup___read *cgrp;
	__u32 i = slot_of(cgroup);

	if (i || !s)
		return i;
	cgrp = cgroup_of(cgroup);
	if (!cgrp)
		return 0;
	i = make_way(s, cgrp);
	bpf_cgroup_release(cgrp);
	return i;
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

/* @bytes were added to @used, which made that of it: keep them, or take them back. */
static __always_inline bool keep(struct pincg_slot *slot, __u64 used, __u64 bytes, bool own)
{
	__u64 mine = own ? add_return(&slot->own, bytes) : 0;

	if (exceeds(slot, used, mine)) {
		__sync_fetch_and_add(&slot->denied, 1);
		if (own)
			__sync_fetch_and_add(&slot->own, -bytes);
		ordered(__sync_fetch_and_add(&slot->used, -bytes));
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
		if (!level)
			__sync_fetch_and_add(&slot->own, -bytes);
		i = slot->parent;
		/* From here on it may be another's. */
		ordered(__sync_fetch_and_add(&slot->used, -bytes));
	}
}

/* Adds to the slot @i if it is that of @cgroup. */
static __always_inline struct pincg_slot *enter(__u32 i, __u64 cgroup, __u64 bytes, __u64 *used)
{
	struct pincg_slot *slot = i ? slot_at(i) : NULL;

	if (!slot)
		return NULL;
	*used = add_return(&slot->used, bytes);
	if (!(*used & PINCG_CLOSED) && slot->cgroup == cgroup)
		return slot;
	__sync_fetch_and_add(&slot->used, -bytes);
	return NULL;
}

/* With a slot that was made for it, or by another charge meanwhile; 0 when there is none. */
static __noinline __u32 enter_new(__u64 cgroup, __u64 bytes, __u64 *used)
{
	struct books *b = the_books();
	__u32 i;

	if (!b || !used || !turn_take(&b->turn))
		return 0;
	i = make(cgroup);
	if (!enter(i, cgroup, bytes, used))
		i = 0;
	turn_give(&b->turn);
	return i;
}

SEC("struct_ops/charge")
s32 BPF_PROG(pincg_charge, struct ioasid_charge_args *args)
{
	__u64 cgroup = args->who.cgroup, bytes = args->npages * page_size, used = 0;
	__u32 first = slot_of(cgroup), i;
	struct pincg_slot *slot;
	int level;

	slot = enter(first, cgroup, bytes, &used);
	if (!slot) {
		first = enter_new(cgroup, bytes, &used);
		slot = first ? slot_at(first) : NULL;
		if (!slot)
			return -ENOMEM;
	}
	i = slot->parent;
	if (!keep(slot, used, bytes, true))
		return -ENOMEM;
	for (level = 1; level <= MAX_LEVELS && i; level++) {
		slot = slot_at(i);
		if (!slot)
			break;
		if (!keep(slot, add_return(&slot->used, bytes), bytes, false)) {
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

/*
 * Pages were unpinned while a policy was ejected, and it did not hear of it: so
 * its books are closed, and new ones begun. Limits stay.
 */
static __noinline int forget_usage(void)
{
	struct pincg_slot *slot;
	__u32 i;

	bpf_for(i, 1, room_of(slots)) {
		slot = slot_at(i);
		if (!slot)
			break;
		slot->used = slot->cgroup ? 0 : PINCG_CLOSED;
		slot->own = 0;
	}
	return 0;
}

SEC("struct_ops/init")
s32 BPF_PROG(pincg_init, struct ioasid_init_args *args)
{
	s32 err = books_open(args);

	if (err)
		return err;
	page_size = args->page_size;
	if (args->replaces == IOASID_REPLACES_EJECTED)
		forget_usage();
	return 0;
}

/* ---- for ioasidctl; slot by slot, so that no charge waits long ---- */

static __noinline int apply(__u32 i)
{
	struct pincg_slot *slot = slot_at(i);
	struct pincg_scratch *s = the_scratch();
	struct cgroup___read *cgrp, *up;
	__u32 level, depth;

	if (!slot || !s || !slot->cgroup)
		return 0;
	cgrp = bpf_cgroup_from_id(slot->cgroup);
	if (!cgrp)
		return 0;
	depth = cgrp->level;
	path_begin(s);
	bpf_for(level, 1, MAX_LEVELS) {
		up = level < depth ? bpf_cgroup_ancestor(cgrp, level) : NULL;
		if (!up)
			break;
		path_append(s, up->kn->name);
		bpf_cgroup_release(up);
	}
	if (depth > MAX_LEVELS)
		s->len = PINCG_PATH_LEN;
	else if (depth)
		path_append(s, cgrp->kn->name);
	slot->limit = limit_of(s);
	bpf_cgroup_release(cgrp);
	return 0;
}

SEC("syscall")
int pincg_apply(void *ctx)
{
	struct books *b = the_books();
	__u32 i;

	if (!b)
		return -EINVAL;
	bpf_for(i, 1, room_of(slots)) {
		if (!turn_take(&b->turn))
			return -EAGAIN;
		apply(i);
		turn_give(&b->turn);
	}
	return 0;
}

SEC("syscall")
int pincg_prune(void *ctx)
{
	struct books *b = the_books();
	struct pincg_slot *slot;
	__u32 i, n = 0;

	if (!b)
		return -EINVAL;
	bpf_for(i, 1, room_of(slots)) {
		slot = slot_at(i);
		if (!slot)
			break;
		if (!is_idle(slot))
			continue;
		if (!turn_take(&b->turn))
			return -EAGAIN;
		if (is_idle(slot) && is_gone(slot->cgroup) && close_slot(slot))
			n++;
		turn_give(&b->turn);
	}
	return n;
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
