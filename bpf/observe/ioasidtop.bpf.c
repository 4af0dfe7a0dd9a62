// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidtop - what each process does to each address space, for the tool of
 * that name.
 *
 * Cost: a hash look-up and a few atomic adds for each map and unmap.
 */
#include <ioasid/filter.bpf.h>
#include <ioasid/top.h>

char _license[] SEC("license") = "GPL";

/* Calls that found no room. */
__u64 lost = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct top_key);
	__type(value, struct top_row);
} rows SEC(".maps");

static __always_inline struct top_row *row_of(const struct ioasid_who *who)
{
	struct top_key key = { .space = who->space, .tgid = who->tgid };
	struct top_row fresh = {}, *row;

	row = bpf_map_lookup_elem(&rows, &key);
	if (row)
		return row;
	fresh.cgroup = who->cgroup;
	bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
	bpf_map_update_elem(&rows, &key, &fresh, BPF_NOEXIST);
	row = bpf_map_lookup_elem(&rows, &key);
	if (!row)
		__sync_fetch_and_add(&lost, 1);
	return row;
}

/* The row of a call that went well; one that did not is counted here. */
static __always_inline struct top_row *row_of_call(const struct ioasid_who *who, __s32 err,
						   __u64 ns)
{
	struct top_row *row = wanted(who) ? row_of(who) : NULL;

	if (!row)
		return NULL;
	__sync_fetch_and_add(&row->ns, ns);
	if (ns > row->ns_max)
		row->ns_max = ns;
	if (!err)
		return row;
	__sync_fetch_and_add(&row->failed, 1);
	return NULL;
}

SEC("tp_btf/ioasid_map_done")
int BPF_PROG(top_map, const struct ioasid_map_args *args, const struct ioasid_map_result *res)
{
	struct top_row *row;

	if (!args || !res)
		return 0;
	row = row_of_call(&args->who, res->err, res->ns_total);
	if (!row)
		return 0;
	__sync_fetch_and_add(&row->maps, 1);
	__sync_fetch_and_add(&row->mapped, args->length);
	__sync_fetch_and_add(&row->pages, res->pages);
	__sync_fetch_and_add(&row->runs, res->runs);
	return 0;
}

SEC("tp_btf/ioasid_unmap_done")
int BPF_PROG(top_unmap, const struct ioasid_unmap_args *args,
	     const struct ioasid_unmap_result *res)
{
	struct top_row *row;

	if (!args || !res)
		return 0;
	row = row_of_call(&args->who, res->err, res->ns_total);
	if (!row)
		return 0;
	__sync_fetch_and_add(&row->unmaps, 1);
	__sync_fetch_and_add(&row->unmapped, res->bytes);
	return 0;
}
