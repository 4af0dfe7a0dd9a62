// SPDX-License-Identifier: GPL-2.0-only
/*
 * strictmap - finds programs whose device may use other memory than they think,
 * and on request stops them.
 *
 * What it does. By the rules of VFIO_TYPE1_IOMMU (v1) an unmap that would cut a
 * mapping in two succeeds and removes nothing: only the size it returns tells.
 * A program that does not look at it maps new memory there next, gets EEXIST,
 * and some (DPDK) take that for success: the device goes on using the old
 * pages, and data is corrupted without any error. The same happens when it unmaps or
 * discards memory before the mapping. Five things are recorded, per process, with the last
 * example of each:
 *
 *   unmap_nothing  such an unmap: succeeded, removed nothing
 *   stale          a map failed with EEXIST where such an unmap was
 *   overlap        a map failed with EEXIST on a mapping of another range
 *   unmapped       memory was unmapped, moved or replaced while the device had it
 *   discarded      memory was discarded, or its file truncated, while the device had it
 *
 * With strict=1 a map where such an unmap was is refused with EPERM, which no
 * program takes for success; then it counts as stale too. A map that leaves the
 * address to the kernel is made somewhere else.
 *
 *   ioasidctl policy load strictmap --set strict=1
 *   ioasidctl policy show strictmap
 *
 * Cost. One hash look-up for each map call, none for an unmap that works. Processes with
 * mappings are watched: see docs/stale-pages.md.
 *
 * Details. Such an unmap is remembered until what is mapped there has really been
 * unmapped. A space that has more than GHOSTS of them at one time has the nearest
 * two taken for one, and what lies between counts as well.
 *
 * Full maps. With strict=1 every address space has an entry in "spaces" from its
 * beginning to its end, and one that does not fit is refused with ENOSPC; '--set
 * spaces.max_entries=' makes room. Without, entries are made when they are needed,
 * and what does not fit is only counted ("missed"). Of findings the oldest are
 * forgotten.
 *
 * Not for: v2 containers, where such an unmap fails; they cost a look-up.
 */
#include <ioasid/books.bpf.h>

#define GHOSTS		8

char _license[] SEC("license") = "GPL";

/* Refuse maps that would be stale. */
const volatile bool strict = false;

/* Unmaps that could not be remembered, for want of room; none with strict=1. */
__u64 missed = 0;

struct strictmap_key {
	__u32 tgid;
	char what[16];
};

struct strictmap_finding {
	__u64 count;
	__u64 first_ns;		/* CLOCK_MONOTONIC */
	__u64 last_ns;
	__u64 iova;		/* of the last one */
	__u64 length;
	__u64 vaddr;
	__u64 there_first;	/* what is mapped there, if that is known */
	__u64 there_last;
	__u32 space;
	char comm[16];
};

/* A range that its program believes to be unmapped. */
struct strictmap_ghost {
	__u64 first;
	__u64 last;	/* 0: none */
};

struct strictmap_space {
	struct bpf_spin_lock lock;
	struct strictmap_ghost ghosts[GHOSTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct strictmap_key);
	__type(value, struct strictmap_finding);
} findings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct strictmap_space);
} spaces SEC(".maps");

static const struct strictmap_space no_ghosts;

static __always_inline struct strictmap_finding *find(struct strictmap_key *key,
						      const struct ioasid_who *who)
{
	struct strictmap_finding fresh = {}, *f = bpf_map_lookup_elem(&findings, key);

	if (!f) {
		fresh.first_ns = bpf_ktime_get_ns();
		bpf_map_update_elem(&findings, key, &fresh, BPF_NOEXIST);
		f = bpf_map_lookup_elem(&findings, key);
		if (!f)
			return NULL;
	}
	__sync_fetch_and_add(&f->count, 1);
	f->last_ns = bpf_ktime_get_ns();
	f->space = who->space;
	current_comm(f->comm);
	return f;
}

static __always_inline void found(const char *what, __u32 size, const struct ioasid_map_args *args,
				  __u64 there_first, __u64 there_last)
{
	struct strictmap_key key = { .tgid = args->who.tgid };
	struct strictmap_finding *f;

	__builtin_memcpy(key.what, what, size);
	f = find(&key, &args->who);
	if (!f)
		return;
	f->iova = args->iova;
	f->length = args->length;
	f->vaddr = args->vaddr;
	f->there_first = there_first;
	f->there_last = there_last;
}

#define FOUND(what, args, first, last) found(what, sizeof(what), args, first, last)

/* ---- what a space remembers; under its lock ---- */

static __always_inline bool touches(const struct strictmap_ghost *g, __u64 first, __u64 last)
{
	return g->last && first <= g->last && last >= g->first;
}

/* The last address of those that touch the range, or 0. */
static __always_inline __u64 ghost_end(__u32 id, __u64 first, __u64 last)
{
	struct strictmap_space *space = bpf_map_lookup_elem(&spaces, &id);
	__u64 end = 0;
	int i;

	if (!space)
		return 0;
	bpf_spin_lock(&space->lock);
	for (i = 0; i < GHOSTS; i++)
		if (touches(&space->ghosts[i], first, last) && space->ghosts[i].last > end)
			end = space->ghosts[i].last;
	bpf_spin_unlock(&space->lock);
	return end;
}

/* How much longer @g gets when it takes that range in. */
static __always_inline __u64 growth(const struct strictmap_ghost *g, __u64 first, __u64 last)
{
	__u64 before = first < g->first ? g->first - first : 0;
	__u64 behind = last > g->last ? last - g->last : 0;

	return before + behind;
}

static __always_inline void remember(__u32 id, __u64 first, __u64 last)
{
	struct strictmap_space *space = bpf_map_lookup_elem(&spaces, &id);
	__u64 least = ~0ULL, more;
	struct strictmap_ghost *g;
	int i, best = 0;

	if (!space) {
		bpf_map_update_elem(&spaces, &id, &no_ghosts, BPF_NOEXIST);
		space = bpf_map_lookup_elem(&spaces, &id);
		if (!space) {
			__sync_fetch_and_add(&missed, 1);
			return;
		}
	}
	bpf_spin_lock(&space->lock);
	for (i = 0; i < GHOSTS; i++) {
		g = &space->ghosts[i];
		/* Within another nothing grows; a free one is better than growing. */
		more = g->last ? growth(g, first, last) : 1;
		if (more < least) {
			least = more;
			best = i;
		}
	}
	g = &space->ghosts[best & (GHOSTS - 1)];
	if (!g->last || first < g->first)
		g->first = first;
	if (last > g->last)
		g->last = last;
	bpf_spin_unlock(&space->lock);
}

/* Nothing is mapped in that range any more; a ghost keeps what it has beside it. */
static __always_inline void forget(__u32 id, __u64 first, __u64 last)
{
	struct strictmap_space *space = bpf_map_lookup_elem(&spaces, &id);
	struct strictmap_ghost *g;
	int i;

	if (!space)
		return;
	bpf_spin_lock(&space->lock);
	for (i = 0; i < GHOSTS; i++) {
		g = &space->ghosts[i];
		if (!touches(g, first, last))
			continue;
		if (first <= g->first && last >= g->last)
			g->last = 0;
		else if (first <= g->first)
			g->first = last + 1;
		else if (last >= g->last)
			g->last = first - 1;
	}
	bpf_spin_unlock(&space->lock);
}

/* ---- hooks ---- */

static long forget_space(void *map, __u32 *id, struct strictmap_space *space, void *ctx)
{
	bpf_map_delete_elem(&spaces, id);
	return 0;
}

SEC("struct_ops/init")
s32 BPF_PROG(strictmap_init, struct ioasid_init_args *args)
{
	s32 err = books_open(args);

	if (err)
		return err;
	if (strict && !books_fit(args, spaces))
		return -ENOSPC;
	/* What happened meanwhile was not recorded. */
	if (args->replaces == IOASID_REPLACES_EJECTED)
		bpf_for_each_map_elem(&spaces, forget_space, NULL, 0);
	return 0;
}

SEC("struct_ops/space_open")
s32 BPF_PROG(strictmap_space_open, struct ioasid_space_args *args)
{
	__u32 id = args->who.space;

	if (!strict || !bpf_map_update_elem(&spaces, &id, &no_ghosts, BPF_NOEXIST) ||
	    bpf_map_lookup_elem(&spaces, &id))
		return 0;
	/* One that exists cannot be refused; then the policy is. */
	if (args->flags & IOASID_SPACE_ARGS_REPLAY)
		ioasid_error("address space %u does not fit: set spaces.max_entries", id);
	return -ENOSPC;
}

SEC("struct_ops/space_close")
void BPF_PROG(strictmap_space_close, struct ioasid_space_args *args)
{
	__u32 id = args->who.space;

	bpf_map_delete_elem(&spaces, &id);
}

SEC("struct_ops/map_at")
s64 BPF_PROG(strictmap_map_at, struct ioasid_map_args *args)
{
	__u64 last = args->iova + args->length - 1, ghost;

	if (!strict)
		return 0;
	ghost = ghost_end(args->who.space, args->iova, last);
	if (!ghost)
		return 0;
	return ghost >= -4096ULL ? -EPERM : (s64)(ghost + 1);
}

SEC("struct_ops/map_done")
void BPF_PROG(strictmap_map_done, struct ioasid_map_args *args, struct ioasid_map_result *res)
{
	__u64 last = args->iova + args->length - 1, a = 0, b = 0;

	if (!res->err)
		return;
	if (res->reason == IOASID_R_OVERLAP) {
		a = res->a;
		b = res->b;
	} else if (!strict || res->reason != IOASID_R_POLICY) {
		return;
	}
	if (ghost_end(args->who.space, args->iova, last))
		FOUND("stale", args, a, b);
	else if (b && (a != args->iova || b != last))
		FOUND("overlap", args, a, b);
}

SEC("struct_ops/unmap_done")
void BPF_PROG(strictmap_unmap_done, struct ioasid_unmap_args *args,
	      struct ioasid_unmap_result *res)
{
	struct strictmap_key key = { .tgid = args->who.tgid, .what = "unmap_nothing" };
	__u64 last = args->iova + args->length - 1;
	struct strictmap_finding *f;

	if (!(args->flags & IOASID_UNMAP_V1) || res->err)
		return;
	if (args->flags & IOASID_UNMAP_ALL) {
		forget(args->who.space, 0, ~0ULL);
		return;
	}
	if (res->bytes) {
		forget(args->who.space, args->iova, last);
		return;
	}
	f = find(&key, &args->who);
	if (f) {
		f->iova = args->iova;
		f->length = args->length;
	}
	remember(args->who.space, args->iova, last);
}

/* The end of a program is no fault of it: its devices end with it, as a rule. */
SEC("struct_ops/stale")
void BPF_PROG(strictmap_stale, struct ioasid_stale_args *args)
{
	struct strictmap_key key = { .tgid = args->who.tgid };
	struct strictmap_finding *f;

	if (args->change == IOASID_CHANGE_EXIT)
		return;
	if (args->change == IOASID_CHANGE_UNMAP)
		__builtin_memcpy(key.what, "unmapped", sizeof("unmapped"));
	else
		__builtin_memcpy(key.what, "discarded", sizeof("discarded"));
	f = find(&key, &args->who);
	if (f) {
		f->iova = args->iova;
		f->length = args->length;
		f->vaddr = args->vaddr;
	}
}

SEC(".struct_ops.link")
struct ioasid_policy_ops strictmap = {
	.init		= (void *)strictmap_init,
	.space_open	= (void *)strictmap_space_open,
	.space_close	= (void *)strictmap_space_close,
	.map_at		= (void *)strictmap_map_at,
	.map_done	= (void *)strictmap_map_done,
	.unmap_done	= (void *)strictmap_unmap_done,
	.stale		= (void *)strictmap_stale,
	.name		= "strictmap",
};
