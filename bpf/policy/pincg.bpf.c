// SPDX-License-Identifier: GPL-2.0-only
/*
 * pincg - counts the memory that ioasid pins per cgroup, and limits it.
 *
 * What it does. Every pinned page is charged to the cgroup of the task that
 * mapped it and to all ancestors of that cgroup; a charge that would take any
 * of them above its limit is refused, and the map call gets ENOMEM, as with
 * RLIMIT_MEMLOCK. Limits are bytes by cgroup id in the map "limits"; a cgroup
 * without one may pin default_limit bytes by tasks of its own (0: no limit).
 * Set limits with 'ioasidctl pincg set /machine.slice/vm1 64G'. Usage, peak
 * and refusals are in the map "usage".
 *
 * By default RLIMIT_MEMLOCK holds as well. Loaded with '--set flags=ACCOUNT'
 * the limits here take its place; then set default_limit too, or any user of
 * /dev/ioasid may pin all memory.
 *
 * Cost. Two hash look-ups and two to three atomic adds per level of the cgroup
 * tree for each batch of pages (512 by default), one look-up per map call.
 *
 * Details. The ancestors of a cgroup are recorded when one of its tasks maps,
 * since a cgroup never changes its parent; so pages are given back to exactly
 * those who were charged, also after the cgroup is gone or when a task outside
 * of its cgroup namespace unmaps. (bpf_cgroup_from_id() could do neither.) Two
 * charges that race near a limit may both be refused where one would fit, as
 * with the kernel's own page counters. In a tree deeper than MAX_LEVELS a task's
 * own cgroup and those of the first MAX_LEVELS levels are charged.
 *
 * Not for: machines with more than MAX_CGROUPS cgroups that map at the same
 * time (new ones are refused); 'ioasidctl pincg prune' forgets dead ones.
 * Pages pinned before the policy was loaded are not counted.
 */
#include <ioasid/common.bpf.h>
#include <ioasid/pincg.h>

#define MAX_LEVELS	32
#define MAX_CGROUPS	16384

char _license[] SEC("license") = "GPL";

/* Bytes that a cgroup without a limit of its own may pin; 0 for any amount. */
const volatile __u64 default_limit = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_CGROUPS);
	__type(key, __u64);
	__type(value, __u64);
} limits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_CGROUPS);
	__type(key, __u64);
	__type(value, struct pincg_usage);
} usage SEC(".maps");

/* From init; bytes of a page. */
__u64 page_size = 4096;

/* Makes an entry unless there is one; fails when the map is full. */
static __always_inline int add_entry(__u64 cgroup, __u64 parent)
{
	struct pincg_usage fresh = { .parent = parent };

	if (bpf_map_lookup_elem(&usage, &cgroup))
		return 0;
	bpf_map_update_elem(&usage, &cgroup, &fresh, BPF_NOEXIST);
	/* Another CPU may have been faster, which is as good. */
	return bpf_map_lookup_elem(&usage, &cgroup) ? 0 : -ENOMEM;
}

/*
 * Makes entries for the current task's cgroup and its ancestors. From the root
 * down, so that whatever has an entry also has entries for all its ancestors.
 */
static __noinline int remember_ancestors(__u64 cgroup)
{
	__u64 parent = 0, id;
	int level;

	for (level = 0; level < MAX_LEVELS; level++) {
		id = bpf_get_current_ancestor_cgroup_id(level);
		if (!id || id == cgroup)
			break;
		if (add_entry(id, parent))
			return -ENOMEM;
		parent = id;
	}
	return add_entry(cgroup, parent);
}

static __noinline int remember(__u64 cgroup)
{
	if (bpf_map_lookup_elem(&usage, &cgroup))
		return 0;
	if (cgroup == bpf_get_current_cgroup_id())
		return remember_ancestors(cgroup);
	/*
	 * Mapped before this policy was loaded and pinned only now, by
	 * somebody else: the ancestors cannot be told any more.
	 */
	return add_entry(cgroup, 0);
}

/* A limit of its own beats the default, which is about own pages only. */
static __always_inline bool exceeds(__u64 id, __u64 used, __u64 own)
{
	__u64 *limit = bpf_map_lookup_elem(&limits, &id);

	if (limit)
		return *limit != PINCG_UNLIMITED && used > *limit;
	return default_limit && own > default_limit;
}

/* Charges one cgroup, or leaves it as it was and returns false. */
static __always_inline bool take(struct pincg_usage *u, __u64 id, __u64 bytes, __u64 own_bytes)
{
	__u64 used = add_return(&u->used, bytes);
	__u64 own = own_bytes ? add_return(&u->own, own_bytes) : 0;

	if (exceeds(id, used, own)) {
		add_return(&u->used, -bytes);
		add_return(&u->own, -own_bytes);
		add_return(&u->denied, 1);
		return false;
	}
	if (used > u->peak)
		u->peak = used;
	return true;
}

/* Gives back what a cgroup and its ancestors took, up to but without @end. */
static __always_inline void give_back(__u64 cgroup, __u64 end, __u64 bytes)
{
	struct pincg_usage *u;
	__u64 id = cgroup;
	int level;

	for (level = 0; level <= MAX_LEVELS && id && id != end; level++) {
		u = bpf_map_lookup_elem(&usage, &id);
		if (!u)
			return;
		add_return(&u->used, -bytes);
		if (!level)
			add_return(&u->own, -bytes);
		id = u->parent;
	}
}

SEC("struct_ops/init")
s32 BPF_PROG(pincg_init, struct ioasid_init_args *args)
{
	page_size = args->page_size;
	return 0;
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(pincg_map_begin, struct ioasid_map_args *args)
{
	return remember(args->who.cgroup);
}

SEC("struct_ops/charge")
s32 BPF_PROG(pincg_charge, struct ioasid_charge_args *args)
{
	__u64 cgroup = args->who.cgroup, id = cgroup;
	__u64 bytes = args->npages * page_size;
	struct pincg_usage *u;
	int level;

	if (remember(cgroup))
		return -ENOMEM;

	for (level = 0; level <= MAX_LEVELS && id; level++) {
		u = bpf_map_lookup_elem(&usage, &id);
		if (!u)
			break;
		if (!take(u, id, bytes, level ? 0 : bytes)) {
			give_back(cgroup, id, bytes);
			return -ENOMEM;
		}
		id = u->parent;
	}
	return 0;
}

SEC("struct_ops/uncharge")
void BPF_PROG(pincg_uncharge, struct ioasid_charge_args *args)
{
	give_back(args->who.cgroup, 0, args->npages * page_size);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops pincg = {
	.init		= (void *)pincg_init,
	.map_begin	= (void *)pincg_map_begin,
	.charge		= (void *)pincg_charge,
	.uncharge	= (void *)pincg_uncharge,
	.name		= "pincg",
};
