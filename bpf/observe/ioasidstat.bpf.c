// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidstat - counts everything that ioasid does, for the tool of that name,
 * and for 'ioasidctl stats on', which leaves it counting. Also without either:
 *
 *   bpftool prog loadall ioasidstat.bpf.o /sys/fs/bpf/stat autoattach
 *   bpftool map dump name counts
 *   rm -r /sys/fs/bpf/stat
 *
 * Cost: an array look-up and an add for each number, in memory of this CPU.
 */
#include <ioasid/filter.bpf.h>
#include <ioasid/hist.h>
#include <ioasid/stat.h>

char _license[] SEC("license") = "GPL";

/* Beside the counters, fill the histograms. */
const volatile bool with_hists = true;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stat_counts);
} counts SEC(".maps");

/* In nanoseconds, one for each enum hist_phase. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HIST_PHASES);
	__type(key, __u32);
	__type(value, struct hist);
} hists SEC(".maps");

static __always_inline struct stat_counts *of_this_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counts, &zero);
}

/* Atomic, because a task that is preempted here may be followed by one that counts too. */
#define COUNT(c, member, n) __sync_fetch_and_add(&(c)->member, n)

static __noinline int add_time(__u32 phase, __u64 ns)
{
	struct hist *h = bpf_map_lookup_elem(&hists, &phase);

	if (h)
		hist_add(h, ns);
	return 0;
}

SEC("tp_btf/ioasid_map_done")
int BPF_PROG(stat_map, const struct ioasid_map_args *args, const struct ioasid_map_result *res)
{
	struct stat_counts *c = of_this_cpu();

	if (!c || !args || !res || !wanted(&args->who))
		return 0;
	if (res->err) {
		COUNT(c, maps_failed, 1);
		return 0;
	}
	COUNT(c, maps, 1);
	COUNT(c, map_bytes, args->length);
	COUNT(c, map_pages, res->pages);
	COUNT(c, map_runs, res->runs);
	COUNT(c, map_ns, res->ns_total);
	COUNT(c, map_faults, res->faults);
	COUNT(c, map_bytes_2m, res->bytes_2m);
	if (!with_hists)
		return 0;
	add_time(HIST_MAP_TOTAL, res->ns_total);
	if (res->ns_wait)
		add_time(HIST_MAP_WAIT, res->ns_wait);
	add_time(HIST_MAP_PIN, res->ns_pin);
	if (res->ns_fault)
		add_time(HIST_MAP_FAULT, res->ns_fault);
	add_time(HIST_MAP_ACCOUNT, res->ns_account);
	add_time(HIST_MAP_IOMMU, res->ns_iommu);
	if (res->ns_sync)
		add_time(HIST_MAP_SYNC, res->ns_sync);
	return 0;
}

SEC("tp_btf/ioasid_unmap_done")
int BPF_PROG(stat_unmap, const struct ioasid_unmap_args *args,
	     const struct ioasid_unmap_result *res)
{
	struct stat_counts *c = of_this_cpu();

	if (!c || !args || !res || !wanted(&args->who))
		return 0;
	if (res->err) {
		COUNT(c, unmaps_failed, 1);
		return 0;
	}
	COUNT(c, unmaps, 1);
	COUNT(c, unmap_bytes, res->bytes);
	COUNT(c, unmap_mappings, res->mappings);
	COUNT(c, unmap_ns, res->ns_total);
	COUNT(c, unmap_syncs, res->syncs);
	if (!with_hists)
		return 0;
	if (res->ns_total)
		add_time(HIST_UNMAP_TOTAL, res->ns_total);
	add_time(HIST_UNMAP_IOMMU, res->ns_iommu);
	if (res->syncs)
		add_time(HIST_UNMAP_SYNC, res->ns_sync);
	add_time(HIST_UNMAP_UNPIN, res->ns_unpin);
	return 0;
}

SEC("tp_btf/ioasid_pin")
int BPF_PROG(stat_pin, const struct ioasid_who *who, u64 addr, u64 npages)
{
	struct stat_counts *c = of_this_cpu();

	if (c && who && wanted(who))
		COUNT(c, pinned, npages);
	return 0;
}

SEC("tp_btf/ioasid_unpin")
int BPF_PROG(stat_unpin, const struct ioasid_who *who, u64 addr, u64 npages)
{
	struct stat_counts *c = of_this_cpu();

	if (c && who && wanted(who))
		COUNT(c, unpinned, npages);
	return 0;
}

SEC("tp_btf/ioasid_account")
int BPF_PROG(stat_account, const struct ioasid_who *who, s64 npages, u64 locked_vm, u64 limit,
	     s32 err)
{
	struct stat_counts *c = of_this_cpu();

	if (!c || !who || !wanted(who))
		return 0;
	if (err)
		COUNT(c, charges_refused, 1);
	else if (npages < 0)
		COUNT(c, uncharged, -npages);
	else
		COUNT(c, charged, npages);
	return 0;
}

/* An attach that seals the address space has a reason, but no errno. */
SEC("tp_btf/ioasid_attach")
int BPF_PROG(stat_attach, const struct ioasid_attach_args *args, s32 err, u32 reason,
	     const struct ioasid_attach_result *res)
{
	struct stat_counts *c = of_this_cpu();

	if (!c || !args || !res || !wanted(&args->who))
		return 0;
	if (err || reason) {
		COUNT(c, attaches_failed, 1);
		return 0;
	}
	COUNT(c, attaches, 1);
	if (with_hists)
		add_time(HIST_ATTACH_TOTAL, res->ns_total);
	return 0;
}

SEC("tp_btf/ioasid_detach")
int BPF_PROG(stat_detach, const struct ioasid_attach_args *args)
{
	struct stat_counts *c = of_this_cpu();

	if (c && args && wanted(&args->who))
		COUNT(c, detaches, 1);
	return 0;
}

SEC("tp_btf/ioasid_revoke")
int BPF_PROG(stat_revoke, const struct ioasid_revoke_args *args)
{
	struct stat_counts *c = of_this_cpu();

	if (c && args && args->change != IOASID_CHANGE_BACK && wanted(&args->who))
		COUNT(c, revokes, 1);
	return 0;
}

SEC("tp_btf/ioasid_error")
int BPF_PROG(stat_error, const struct ioasid_who *who, u32 op, s32 err, u32 reason)
{
	struct stat_counts *c = of_this_cpu();

	if (c && who && wanted(who))
		COUNT(c, errors[clamp_index(reason, STAT_REASONS)], 1);
	return 0;
}

SEC("tp_btf/ioasid_policy")
int BPF_PROG(stat_policy, const char *name, const struct ioasid_exit_info *info)
{
	struct stat_counts *c = of_this_cpu();

	if (!c || !info)
		return 0;
	if (info->kind == IOASID_EXIT_NONE)
		COUNT(c, policies_loaded, 1);
	else if (info->kind >= IOASID_EXIT_ERROR)
		COUNT(c, policies_ejected, 1);
	return 0;
}
