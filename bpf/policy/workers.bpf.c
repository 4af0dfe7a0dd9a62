// SPDX-License-Identifier: GPL-2.0-only
/*
 * workers - lets threads of the kernel help to pin large mappings.
 *
 * What it does. The caller of a map pins page by page, alone. With this policy
 * up to "workers" threads pin ahead of it in mappings of at least "min_bytes".
 * A program that makes calls of ioasid's own may ask for that itself; one that
 * makes VFIO's, such as QEMU, cannot. Where the program asked for more, it keeps
 * what it asked for, but for "most".
 *
 *   ioasidctl policy load workers
 *   ioasidctl policy load workers --set workers=0 --set most=0
 *   ioasidctl -j policy show workers | jq '.maps[] | select(.name == "variables")'
 *
 * The second keeps all programs from requesting workers.
 *
 * Cost. Nothing for mappings below 32 MiB. What workers do is done on other
 * processors, and counts as time of the kernel, not of the program's cgroup; to
 * confine them, see /sys/devices/virtual/workqueue/ioasid_pin/cpumask.
 *
 * Details. Workers take memory that is there, in small pages. There is nothing
 * to win where it is faulted in by the map, or comes in huge pages, or another
 * policy has map_batch; then they stay away. The parameter pin_workers of
 * ioasid.ko bounds their number.
 *
 * Not for: machines whose processors are all busy, or small mappings.
 */
#include <ioasid/common.bpf.h>

char _license[] SEC("license") = "GPL";

/* So many for each mapping, unless the program asked for more. */
const volatile __u32 workers = 2;
/* And never more than that. */
const volatile __u32 most = IOASID_WORKERS_MAX;
/* Smaller mappings get what the program asked for. */
const volatile __u64 min_bytes = 128 << 20;

/* Mappings that had workers, what was pinned for them, and by workers. */
__u64 mappings = 0;
__u64 pages = 0;
__u64 pages_ahead = 0;

SEC("struct_ops/map_workers")
u32 BPF_PROG(workers_map_workers, struct ioasid_map_args *args)
{
	__u32 n = args->workers;

	if (args->length >= min_bytes && n < workers)
		n = workers;
	return n < most ? n : most;
}

SEC("struct_ops/map_done")
void BPF_PROG(workers_map_done, struct ioasid_map_args *args, struct ioasid_map_result *res)
{
	if (!res->pages_ahead)
		return;
	__sync_fetch_and_add(&mappings, 1);
	__sync_fetch_and_add(&pages, res->pages);
	__sync_fetch_and_add(&pages_ahead, res->pages_ahead);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops workers_ops = {
	.map_workers	= (void *)workers_map_workers,
	.map_done	= (void *)workers_map_done,
	.name		= "workers",
};
