// SPDX-License-Identifier: GPL-2.0-only
/*
 * counts - how often each event of ioasid happened, how often it failed, and
 * the pages it moved. Needs no loader of its own:
 *
 *   bpftool prog loadall counts.bpf.o /sys/fs/bpf/counts autoattach
 *   bpftool map dump name events
 *   rm -r /sys/fs/bpf/counts
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

struct counts_event {
	char name[16];
};

struct counts_value {
	__u64 count;
	__u64 failed;
	__u64 pages;
	__u64 ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct counts_event);
	__type(value, struct counts_value);
} events SEC(".maps");

static __noinline int count(struct counts_event *name, int err, __u64 pages, __u64 ns)
{
	struct counts_value fresh = {}, *e;

	e = bpf_map_lookup_elem(&events, name);
	if (!e) {
		bpf_map_update_elem(&events, name, &fresh, BPF_NOEXIST);
		e = bpf_map_lookup_elem(&events, name);
		if (!e)
			return 0;
	}
	__sync_fetch_and_add(&e->count, 1);
	if (err)
		__sync_fetch_and_add(&e->failed, 1);
	__sync_fetch_and_add(&e->pages, pages);
	__sync_fetch_and_add(&e->ns, ns);
	return 0;
}

#define COUNT(what, err, pages, ns) ({			\
	struct counts_event __name = { what };		\
	count(&__name, err, pages, ns);			\
})

/* Since 7.x the verifier wants a module's event arguments tested for NULL. */

SEC("tp_btf/ioasid_map_done")
int BPF_PROG(count_map, const struct ioasid_map_args *args, const struct ioasid_map_result *res)
{
	return res ? COUNT("map", res->err, res->pages, res->ns_total) : 0;
}

SEC("tp_btf/ioasid_unmap_done")
int BPF_PROG(count_unmap, const struct ioasid_unmap_args *args,
	     const struct ioasid_unmap_result *res)
{
	return res ? COUNT("unmap", res->err, res->pages, res->ns_total) : 0;
}

SEC("tp_btf/ioasid_pin")
int BPF_PROG(count_pin, const struct ioasid_who *who, u64 addr, u64 npages)
{
	return COUNT("pin", 0, npages, 0);
}

SEC("tp_btf/ioasid_unpin")
int BPF_PROG(count_unpin, const struct ioasid_who *who, u64 addr, u64 npages)
{
	return COUNT("unpin", 0, npages, 0);
}

SEC("tp_btf/ioasid_account")
int BPF_PROG(count_account, const struct ioasid_who *who, s64 npages, u64 locked_vm, u64 limit,
	     s32 err)
{
	if (npages < 0)
		return COUNT("uncharge", err, -npages, 0);
	return COUNT("charge", err, npages, 0);
}

SEC("tp_btf/ioasid_attach")
int BPF_PROG(count_attach, const struct ioasid_attach_args *args, s32 err)
{
	return COUNT("attach", err, 0, 0);
}

SEC("tp_btf/ioasid_detach")
int BPF_PROG(count_detach, const struct ioasid_attach_args *args)
{
	return COUNT("detach", 0, 0, 0);
}

SEC("tp_btf/ioasid_error")
int BPF_PROG(count_error, const struct ioasid_who *who, u32 op, s32 err)
{
	return COUNT("error", err, 0, 0);
}

SEC("tp_btf/ioasid_policy")
int BPF_PROG(count_policy, const char *name, const struct ioasid_exit_info *info)
{
	return info ? COUNT("policy", info->kind >= IOASID_EXIT_ERROR, 0, 0) : 0;
}
