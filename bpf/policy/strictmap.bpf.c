// SPDX-License-Identifier: GPL-2.0-only
/*
 * strictmap - finds programs whose device may use other memory than they think,
 * and on request stops them.
 *
 * What it does. By the rules of VFIO_TYPE1_IOMMU (v1) an unmap that would cut a
 * mapping in two succeeds and removes nothing: only the size it returns tells.
 * A program that does not look at it maps new memory there next, gets EEXIST,
 * and some (DPDK) take that for success: the device goes on using the old
 * pages, and data is corrupted without any error. Three things are recorded,
 * per process, with the last example of each:
 *
 *   unmap_nothing  such an unmap: succeeded, removed nothing
 *   stale          a map failed with EEXIST where such an unmap was
 *   overlap        a map failed with EEXIST on a mapping of another range
 *
 * With strict=1 a map where such an unmap was is refused with EPERM, which no
 * program takes for success; then it counts as stale too.
 *
 *   ioasidctl policy load strictmap --set strict=1
 *   ioasidctl policy show strictmap
 *
 * Cost. One hash look-up for each map call, none for an unmap that works.
 *
 * Details. The last GHOSTS such unmaps of a space are remembered, until what is
 * mapped there has really been unmapped.
 *
 * Not for: v2 containers, where such an unmap fails; they cost a look-up.
 */
#include <ioasid/common.bpf.h>

#define GHOSTS		8

char _license[] SEC("license") = "GPL";

/* Refuse maps that would be stale. */
const volatile bool strict = false;

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
	struct strictmap_ghost ghosts[GHOSTS];
	__u32 next;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct strictmap_key);
	__type(value, struct strictmap_finding);
} findings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
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

static __always_inline bool is_ghost(__u32 id, __u64 first, __u64 last)
{
	struct strictmap_space *space = bpf_map_lookup_elem(&spaces, &id);
	int i;

	for (i = 0; space && i < GHOSTS; i++)
		if (space->ghosts[i].last && first <= space->ghosts[i].last &&
		    last >= space->ghosts[i].first)
			return true;
	return false;
}

static __always_inline void remember(__u32 id, __u64 first, __u64 last)
{
	struct strictmap_space *space = bpf_map_lookup_elem(&spaces, &id);
	__u32 i;

	if (!space) {
		bpf_map_update_elem(&spaces, &id, &no_ghosts, BPF_NOEXIST);
		space = bpf_map_lookup_elem(&spaces, &id);
		if (!space)
			return;
	}
	i = space->next++ % GHOSTS;
	space->ghosts[i].first = first;
	space->ghosts[i].last = last;
}

static __always_inline void forget(__u32 id, __u64 first, __u64 last)
{
	struct strictmap_space *space = bpf_map_lookup_elem(&spaces, &id);
	int i;

	for (i = 0; space && i < GHOSTS; i++)
		if (first <= space->ghosts[i].last && last >= space->ghosts[i].first)
			space->ghosts[i].last = 0;
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(strictmap_map_begin, struct ioasid_map_args *args)
{
	if (!strict || !is_ghost(args->who.space, args->iova, args->iova + args->length - 1))
		return 0;
	return -EPERM;
}

SEC("struct_ops/map_done")
void BPF_PROG(strictmap_map_done, struct ioasid_map_args *args, struct ioasid_map_result *res)
{
	__u64 last = args->iova + args->length - 1;

	if (!res->err)
		return;
	if (res->reason != IOASID_R_OVERLAP && !(strict && res->reason == IOASID_R_POLICY))
		return;
	if (is_ghost(args->who.space, args->iova, last))
		FOUND("stale", args, res->a, res->b);
	else if (res->reason == IOASID_R_OVERLAP && (res->a != args->iova || res->b != last))
		FOUND("overlap", args, res->a, res->b);
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

SEC(".struct_ops.link")
struct ioasid_policy_ops strictmap = {
	.map_begin	= (void *)strictmap_map_begin,
	.map_done	= (void *)strictmap_map_done,
	.unmap_done	= (void *)strictmap_unmap_done,
	.name		= "strictmap",
};
