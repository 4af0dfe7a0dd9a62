// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidlat - histograms of how long maps and unmaps take, phase by phase, for
 * the tool of that name.
 *
 * Cost: a hash look-up and three atomic adds for each phase of an operation.
 */
#include <ioasid/filter.bpf.h>
#include <ioasid/hist.h>
#include <ioasid/lat.h>

char _license[] SEC("license") = "GPL";

/* What has histograms of its own. */
const volatile enum lat_by by = LAT_BY_NONE;
/* Nanoseconds of the unit that times are counted in. */
const volatile __u64 unit = 1;
/* Include calls that failed. */
const volatile bool with_failed = false;

/* Times that found no room. */
__u64 lost = 0;

static const struct hist empty;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct lat_key);
	__type(value, struct hist);
} hists SEC(".maps");

static __always_inline __u64 id_of(const struct ioasid_who *who)
{
	switch (by) {
	case LAT_BY_PROCESS:
		return who->tgid;
	case LAT_BY_CGROUP:
		return who->cgroup;
	case LAT_BY_SPACE:
		return who->space;
	default:
		return 0;
	}
}

static __noinline int add(__u64 id, __u32 phase, __u64 ns)
{
	struct lat_key key = { .id = id, .phase = phase };
	struct hist *h;

	h = bpf_map_lookup_elem(&hists, &key);
	if (!h) {
		bpf_map_update_elem(&hists, &key, &empty, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&hists, &key);
		if (!h) {
			__sync_fetch_and_add(&lost, 1);
			return 0;
		}
	}
	hist_add(h, ns / unit);
	return 0;
}

SEC("tp_btf/ioasid_map_done")
int BPF_PROG(lat_map, const struct ioasid_map_args *args, const struct ioasid_map_result *res)
{
	__u64 id;

	if (!args || !res || !wanted(&args->who) || (res->err && !with_failed))
		return 0;
	id = id_of(&args->who);
	add(id, HIST_MAP_TOTAL, res->ns_total);
	add(id, HIST_MAP_PIN, res->ns_pin);
	add(id, HIST_MAP_ACCOUNT, res->ns_account);
	add(id, HIST_MAP_IOMMU, res->ns_iommu);
	/* What most maps have none of: a histogram of zeros tells nothing. */
	if (res->ns_wait)
		add(id, HIST_MAP_WAIT, res->ns_wait);
	if (res->ns_fault)
		add(id, HIST_MAP_FAULT, res->ns_fault);
	if (res->ns_sync)
		add(id, HIST_MAP_SYNC, res->ns_sync);
	return 0;
}

SEC("tp_btf/ioasid_unmap_done")
int BPF_PROG(lat_unmap, const struct ioasid_unmap_args *args,
	     const struct ioasid_unmap_result *res)
{
	__u64 id;

	if (!args || !res || !wanted(&args->who) || (res->err && !with_failed))
		return 0;
	id = id_of(&args->who);
	/* A teardown is no call, and has no time of its own. */
	if (res->ns_total)
		add(id, HIST_UNMAP_TOTAL, res->ns_total);
	add(id, HIST_UNMAP_IOMMU, res->ns_iommu);
	if (res->syncs)
		add(id, HIST_UNMAP_SYNC, res->ns_sync);
	add(id, HIST_UNMAP_UNPIN, res->ns_unpin);
	return 0;
}

SEC("tp_btf/ioasid_attach")
int BPF_PROG(lat_attach, const struct ioasid_attach_args *args, s32 err, u32 reason,
	     const struct ioasid_attach_result *res)
{
	if (args && res && wanted(&args->who) && (!err || with_failed))
		add(id_of(&args->who), HIST_ATTACH_TOTAL, res->ns_total);
	return 0;
}
