// SPDX-License-Identifier: GPL-2.0-only
/*
 * workers - lets a number of threads help with large mappings.
 *
 * What it does. By default threads help where processors are idle. With this
 * policy "workers" of them do in mappings of at least "min_bytes", whether
 * processors are idle or not.
 * A program that makes calls of ioasid's own may ask for that itself; one that
 * makes VFIO's, such as QEMU, cannot. Where the program asked for more, it keeps
 * what it asked for, but for "most".
 *
 *   ioasidctl policy load workers
 *   ioasidctl policy load workers --set workers=0 --set most=0
 *   ioasidctl -j policy show workers | jq '.maps[] | select(.name == "variables")'
 *
 * The second forbids all help.
 *
 * Cost. Nothing for mappings below 32 MiB. The threads are the program's own, and
 * so is their time. On a ring, and on a kernel without CONFIG_VHOST_TASK, they are
 * workers of the kernel: their time is the kernel's, and
 * /sys/devices/virtual/workqueue/ioasid_pin/cpumask confines them.
 *
 * Details. The threads fault memory in, and pin small pages. There is nothing to
 * win where huge pages are there, or another policy has map_batch; then they stay
 * away. The parameter pin_workers of ioasid.ko bounds their number.
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

/* Mappings that had help, what was pinned for them, and by those who helped. */
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
