// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts calls of its hooks, and does on demand what only kfuncs can: gives up, resigns,
 * looks at its address space, describes itself. Tests of pages and addresses have
 * policies of their own (pairing, misbehave, at), so:
 * Without the hooks attach, map_workers, map_batch, charge, uncharge, map_at.
 */
#include <ioasid/kfuncs.bpf.h>

char _license[] SEC("license") = "GPL";

/* In map_begin: 1 gives up, 2 resigns, 3 gives up in init, 4 asks for the space. */
const volatile __u32 act = 0;
const volatile __s32 open_value = 0;
const volatile __s32 pin_value = 0;
const volatile __s32 begin_value = 0;
const volatile __u32 per_sync = 0;
const volatile __u64 place = 0;
/* exit gives up, which is late; init and exit wait until the address space with that id is gone. */
const volatile __u32 exit_error = 0;
const volatile __u32 init_waits = 0;
const volatile __u32 exit_waits = 0;
/* dump writes so many lines of 64 bytes, as far as there is room. */
const volatile __s32 dump_lines = 0;

__u64 opened = 0;
__u64 replayed = 0;
__u64 closed = 0;
__u64 attached = 0;
__u64 detached = 0;
__u64 begun = 0;
__u64 mapped = 0;
__u64 unmapping = 0;
__u64 unmapped = 0;
__u64 syncs = 0;
__u64 pins = 0;
__u64 unpins = 0;
__u64 owners = 0;
__u64 dirties = 0;
__u64 dirty_pages = 0;
__u64 stale_pages = 0;
__u64 ends = 0;
__u64 last_kind = 0;
__s64 last_value = 0;
__u64 space_maps = 0;
__u64 space_missing = 0;
__u64 faults = 0;
__u64 run_max = 0;
__u64 bytes_2m = 0;
__u64 node0_pages = 0;
__u64 ns_total = 0;
__u64 init_spaces = 0;
__u64 init_replaces = 0;

static __noinline bool is_there(__u32 id)
{
	struct ioasid_space *space = bpf_ioasid_space_acquire(id);

	if (!space)
		return false;
	bpf_ioasid_space_release(space);
	return true;
}

/* At most 20 seconds. */
static __noinline int wait_for_end_of(__u32 id)
{
	__u64 end = bpf_ktime_get_ns() + 20 * NSEC_PER_SEC;
	int i;

	bpf_for(i, 0, 1 << 23)
		if (!is_there(id) || bpf_ktime_get_ns() > end)
			break;
	return 0;
}

SEC("struct_ops.s/init")
s32 BPF_PROG(probe_init, struct ioasid_init_args *args)
{
	init_spaces = args->spaces;
	init_replaces = args->replaces;
	if (act == 3)
		ioasid_error("no luck in init");
	if (init_waits) {
		bpf_printk("probe: init waits");
		wait_for_end_of(init_waits);
	}
	return 0;
}

SEC("struct_ops.s/exit")
void BPF_PROG(probe_exit, struct ioasid_exit_info *info)
{
	ends++;
	last_kind = info->kind;
	last_value = info->value;
	if (exit_error)
		ioasid_error("exit is no time for this");
	if (exit_waits)
		wait_for_end_of(exit_waits);
}

SEC("struct_ops/dump")
void BPF_PROG(probe_dump, struct ioasid_dump_args *args)
{
	char line[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
	int i;

	if (dump_lines > 0) {
		bpf_for(i, 0, dump_lines)
			bpf_ioasid_dump(line, sizeof(line));
		return;
	}
	ioasid_dump("begun %llu mapped %llu", begun, mapped);
	ioasid_dump("kind %u", args->kind);
}

SEC("struct_ops/space_open")
s32 BPF_PROG(probe_space_open, struct ioasid_space_args *args)
{
	if (args->flags & IOASID_SPACE_ARGS_REPLAY)
		__sync_fetch_and_add(&replayed, 1);
	else
		__sync_fetch_and_add(&opened, 1);
	return open_value;
}

SEC("struct_ops/space_close")
void BPF_PROG(probe_space_close, struct ioasid_space_args *args)
{
	__sync_fetch_and_add(&closed, 1);
}

SEC("struct_ops/attached")
void BPF_PROG(probe_attached, struct ioasid_attach_args *args, struct ioasid_attach_result *result)
{
	if (!result->err)
		__sync_fetch_and_add(&attached, 1);
}

SEC("struct_ops/detach")
void BPF_PROG(probe_detach, struct ioasid_attach_args *args)
{
	__sync_fetch_and_add(&detached, 1);
}

static __noinline void ask(__u32 id)
{
	struct ioasid_space_info info = {};
	struct ioasid_space *space = bpf_ioasid_space_acquire(id);

	if (!space) {
		space_missing++;
		return;
	}
	bpf_ioasid_space_info(space, &info, sizeof(info));
	bpf_ioasid_space_release(space);
	space_maps = info.maps;
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(probe_map_begin, struct ioasid_map_args *args)
{
	__sync_fetch_and_add(&begun, 1);
	if (act == 1)
		ioasid_error("map %llu is one too many", args->iova);
	if (act == 2)
		ioasid_exit(-7, "done");
	if (act == 4)
		ask(args->who.space);
	return begin_value;
}

SEC("struct_ops/map_done")
void BPF_PROG(probe_map_done, struct ioasid_map_args *args, struct ioasid_map_result *result)
{
	__sync_fetch_and_add(&mapped, 1);
	faults += result->faults;
	run_max = result->run_max;
	bytes_2m = result->bytes_2m;
	node0_pages = result->node_pages[0];
	ns_total = result->ns_total;
}

SEC("struct_ops/map_place")
u64 BPF_PROG(probe_map_place, struct ioasid_map_args *args, struct ioasid_place_args *p)
{
	return place;
}

SEC("struct_ops/unmap_begin")
void BPF_PROG(probe_unmap_begin, struct ioasid_unmap_args *args)
{
	__sync_fetch_and_add(&unmapping, 1);
}

SEC("struct_ops/unmap_sync")
u32 BPF_PROG(probe_unmap_sync, struct ioasid_unmap_args *args, struct ioasid_sync_args *sync)
{
	return per_sync;
}

SEC("struct_ops/unmap_done")
void BPF_PROG(probe_unmap_done, struct ioasid_unmap_args *args, struct ioasid_unmap_result *result)
{
	__sync_fetch_and_add(&unmapped, result->mappings);
	syncs += result->syncs;
}

SEC("struct_ops/access_pin")
s32 BPF_PROG(probe_access_pin, struct ioasid_access_args *args)
{
	__sync_fetch_and_add(&pins, args->npages);
	return pin_value;
}

SEC("struct_ops/access_unpin")
void BPF_PROG(probe_access_unpin, struct ioasid_access_args *args)
{
	__sync_fetch_and_add(&unpins, args->npages);
}

SEC("struct_ops/owner_change")
s32 BPF_PROG(probe_owner_change, struct ioasid_owner_args *args)
{
	__sync_fetch_and_add(&owners, 1);
	return 0;
}

SEC("struct_ops/dirty")
void BPF_PROG(probe_dirty, struct ioasid_dirty_args *args)
{
	__sync_fetch_and_add(&dirties, 1);
	dirty_pages += args->dirty;
}

SEC("struct_ops/stale")
void BPF_PROG(probe_stale, struct ioasid_stale_args *args)
{
	__sync_fetch_and_add(&stale_pages, args->length / 4096);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops probe = {
	.init		= (void *)probe_init,
	.exit		= (void *)probe_exit,
	.dump		= (void *)probe_dump,
	.space_open	= (void *)probe_space_open,
	.space_close	= (void *)probe_space_close,
	.attached	= (void *)probe_attached,
	.detach		= (void *)probe_detach,
	.map_begin	= (void *)probe_map_begin,
	.map_place	= (void *)probe_map_place,
	.map_done	= (void *)probe_map_done,
	.unmap_begin	= (void *)probe_unmap_begin,
	.unmap_sync	= (void *)probe_unmap_sync,
	.unmap_done	= (void *)probe_unmap_done,
	.access_pin	= (void *)probe_access_pin,
	.access_unpin	= (void *)probe_access_unpin,
	.owner_change	= (void *)probe_owner_change,
	.dirty		= (void *)probe_dirty,
	.stale		= (void *)probe_stale,
	.flags		= IOASID_POLICY_F_TIMES,
	.name		= "probe",
};
