// SPDX-License-Identifier: GPL-2.0-only
/*
 * quota - limits how many mappings a cgroup has at one time.
 *
 * What it does. A mapping costs kernel memory and page tables of the IOMMU. The
 * parameter dma_entry_limit bounds them per address space, and a tenant may
 * open many. Here all address spaces that a cgroup opened may hold "most"
 * mappings together; one more is refused with ENOSPC, as by dma_entry_limit.
 * So dma_entry_limit can be raised for guests that map many small pieces, and
 * each tenant still has its share.
 *
 *   ioasidctl policy load quota --set most=100000
 *   ioasidctl policy load quota --set most=100000 --set level=2
 *   ioasidctl policy load quota --set name=vm1 --set cgroup_id=4711 --set most=500 --set level=0
 *
 * The second counts a cgroup two levels below the root, /machine.slice/vm1,
 * together with all below it. The third is for one cgroup and those below it
 * only, and may be loaded beside the first; both are asked then.
 *
 * Cost. Two hash look-ups for each map call and for each unmap call.
 *
 * Details. A mapping counts for the cgroup that opened its address space,
 * for every process that maps. Mappings older than the policy count as well.
 *
 * Full maps. An address space that does not fit into "spaces", or whose cgroup
 * does not fit into "cgroups", is refused with ENOSPC. Entries end with the
 * address space, and with the last one of a cgroup. '--set spaces.max_entries='
 * makes room.
 *
 * Not for: bytes, which pincg limits.
 */
#include <ioasid/books.bpf.h>
#include <ioasid/cgroup.bpf.h>

char _license[] SEC("license") = "GPL";

/* Mappings that a cgroup may have; 0: any number. */
const volatile __u64 most = 0;
/* Cgroups deeper than this are counted with their ancestor there; 0: all together. */
const volatile __u32 level = NO_LEVEL;

/* Maps that were refused, by all cgroups, those that are gone included. */
__u64 refused = 0;

struct quota_use {
	/* Signed: what is made while the policy is being loaded only shows when it goes. */
	__s64 mappings;
	__u64 peak;
	__u64 denied;
	__u64 spaces;	/* which keep the entry */
};

struct quota_space {
	__u64 cgroup;
	__s64 mappings;
};

/* By cgroup id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct quota_use);
} cgroups SEC(".maps");

/* By id of the address space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct quota_space);
} spaces SEC(".maps");

/* ---- adding and removing entries, by turns ---- */

static __always_inline struct quota_use *use_of(__u64 cgroup)
{
	struct quota_use fresh = {}, *use = bpf_map_lookup_elem(&cgroups, &cgroup);

	if (use)
		return use;
	bpf_map_update_elem(&cgroups, &cgroup, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&cgroups, &cgroup);
}

static __always_inline s32 add_space(__u32 id, struct quota_space *space)
{
	struct quota_use *use;
	__u64 cgroup = space->cgroup;

	/* Counted already, by the programs that these have replaced. */
	if (bpf_map_lookup_elem(&spaces, &id))
		return 0;
	use = use_of(cgroup);
	if (!use)
		return -ENOSPC;
	if (bpf_map_update_elem(&spaces, &id, space, BPF_NOEXIST)) {
		if (!use->spaces)
			bpf_map_delete_elem(&cgroups, &cgroup);
		return -ENOSPC;
	}
	use->spaces++;
	__sync_fetch_and_add(&use->mappings, space->mappings);
	return 0;
}

static __always_inline void remove_space(__u32 id)
{
	struct quota_space *space = bpf_map_lookup_elem(&spaces, &id);
	struct quota_use *use;
	__u64 cgroup;

	/* Not opened by a task in scope, or refused. */
	if (!space)
		return;
	cgroup = space->cgroup;
	use = bpf_map_lookup_elem(&cgroups, &cgroup);
	if (use) {
		__sync_fetch_and_add(&use->mappings, -space->mappings);
		if (!--use->spaces)
			bpf_map_delete_elem(&cgroups, &cgroup);
	}
	bpf_map_delete_elem(&spaces, &id);
}

SEC("struct_ops/space_open")
s32 BPF_PROG(quota_space_open, struct ioasid_space_args *args)
{
	struct quota_space space = {
		.cgroup = cgroup_counted(args->who.cgroup, level),
		.mappings = args->maps,
	};
	struct books *b = the_books();
	__u32 id = args->who.space;
	s32 err = -ENOMEM;

	if (b && turn_take(&b->turn)) {
		err = add_space(id, &space);
		turn_give(&b->turn);
	}
	/* One that exists cannot be refused; then the policy is. */
	if (err && args->flags & IOASID_SPACE_ARGS_REPLAY)
		ioasid_error("address space %u does not fit: set spaces.max_entries or cgroups.max_entries",
			     id);
	return err;
}

SEC("struct_ops/space_close")
void BPF_PROG(quota_space_close, struct ioasid_space_args *args)
{
	struct books *b = the_books();

	if (b && turn_take(&b->turn)) {
		remove_space(args->who.space);
		turn_give(&b->turn);
	}
}

/* ---- mappings: while a space is open, its entry and that of its cgroup stay ---- */

/* Adds @n mappings to a space and its cgroup; NULL if a task out of scope opened it. */
static __always_inline struct quota_use *add(__u32 id, __s64 n, __s64 *now)
{
	struct quota_space *space = bpf_map_lookup_elem(&spaces, &id);
	struct quota_use *use = space ? bpf_map_lookup_elem(&cgroups, &space->cgroup) : NULL;

	if (!use)
		return NULL;
	__sync_fetch_and_add(&space->mappings, n);
	*now = add_return(&use->mappings, n);
	return use;
}

static long forget_space(void *map, __u32 *id, struct quota_space *space, void *ctx)
{
	bpf_map_delete_elem(&spaces, id);
	return 0;
}

static long forget_use(void *map, __u64 *cgroup, struct quota_use *use, void *ctx)
{
	bpf_map_delete_elem(&cgroups, cgroup);
	return 0;
}

SEC("struct_ops/init")
s32 BPF_PROG(quota_init, struct ioasid_init_args *args)
{
	s32 err = books_open(args);

	if (err)
		return err;
	if (!books_fit(args, spaces))
		return -ENOSPC;
	/* What happened meanwhile was not counted: space_open is called for all spaces anew. */
	if (args->replaces == IOASID_REPLACES_EJECTED) {
		bpf_for_each_map_elem(&spaces, forget_space, NULL, 0);
		bpf_for_each_map_elem(&cgroups, forget_use, NULL, 0);
	}
	return 0;
}

/* Counted before it is made, so that two at once do not both take the last one. */
SEC("struct_ops/map_begin")
s32 BPF_PROG(quota_map_begin, struct ioasid_map_args *args)
{
	struct quota_use *use;
	__s64 now;

	use = add(args->who.space, 1, &now);
	if (!use)
		return 0;
	if (most && now > (__s64)most) {
		__sync_fetch_and_add(&use->denied, 1);
		__sync_fetch_and_add(&refused, 1);
		return -ENOSPC;
	}
	if (now > (__s64)use->peak)
		use->peak = now;
	return 0;
}

/* Also told of those that map_begin refused. */
SEC("struct_ops/map_done")
void BPF_PROG(quota_map_done, struct ioasid_map_args *args, struct ioasid_map_result *res)
{
	__s64 now;

	if (res->err)
		add(args->who.space, -1, &now);
}

SEC("struct_ops/unmap_done")
void BPF_PROG(quota_unmap_done, struct ioasid_unmap_args *args, struct ioasid_unmap_result *res)
{
	__s64 less = res->mappings - res->splits, now;

	/*
	 * Live update takes addresses away, not mappings. An unmap of a part may make one more,
	 * also above the limit: no policy can refuse an unmap.
	 */
	if (!(args->flags & IOASID_UNMAP_VADDR) && less)
		add(args->who.space, -less, &now);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops quota = {
	.init		= (void *)quota_init,
	.space_open	= (void *)quota_space_open,
	.space_close	= (void *)quota_space_close,
	.map_begin	= (void *)quota_map_begin,
	.map_done	= (void *)quota_map_done,
	.unmap_done	= (void *)quota_unmap_done,
	.name		= "quota",
};
