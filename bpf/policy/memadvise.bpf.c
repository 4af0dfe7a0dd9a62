// SPDX-License-Identifier: GPL-2.0-only
/*
 * memadvise - tells which address spaces would profit from huge pages, or from
 * memory on another NUMA node. Only watches.
 *
 * What it does. Sums up per address space how much of what was mapped lies in
 * pieces that a 2 MiB entry of the page table holds, and on which node its pages
 * are, and compares: with "huge_percent" of the bytes, and with the node of the
 * devices in the space, of which "local_percent" of the pages should be. Maps
 * shorter than min_bytes say nothing about either and are left out. The advice
 * is text in the map "spaces":
 *
 *   ioasidctl policy load memadvise
 *   ioasidctl -j policy show memadvise | jq '.maps[] | select(.name == "spaces")'
 *
 * Cost. One hash look-up for each map call; and it makes the kernel look at the
 * size and the node of each run of pages (IOASID_POLICY_F_TIMES).
 *
 * Details. Unmaps are not subtracted: it is about how memory is chosen, not
 * about how much of it is mapped now. Node 7 stands for all nodes from 7 on.
 * Without a device, or on a machine with one node, there is no advice on nodes.
 *
 * Full maps. The address space that has not mapped for longest is forgotten. One
 * that was closed stays until then, so that its advice can be read.
 *
 * Not for: leaving it loaded for ever; what it finds changes with the program's
 * set-up, not by the minute.
 */
#include <ioasid/common.bpf.h>

#define NO_NODE		(-1)

char _license[] SEC("license") = "GPL";

/* Less than this in pieces of 2 MiB is worth an advice. */
const volatile __u32 huge_percent = 80;
/* Less than this on the node of the device, too. */
const volatile __u32 local_percent = 90;
/* Maps below this are left out. */
const volatile __u64 min_bytes = 2 << 20;

struct memadvise_space {
	__u64 maps;
	__u64 bytes;
	__u64 bytes_2m;
	__u64 bytes_1g;
	__u64 runs;
	__u64 faults;
	__u64 node_pages[IOASID_NODES];
	__s32 device_node;
	__u32 tgid;
	char comm[16];
	char memory[24];
	char node[24];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct memadvise_space);
} spaces SEC(".maps");

static const struct memadvise_space empty = { .device_node = NO_NODE };

static __always_inline struct memadvise_space *space_of(const struct ioasid_who *who)
{
	struct memadvise_space *s;
	__u32 id = who->space;

	s = bpf_map_lookup_elem(&spaces, &id);
	if (s)
		return s;
	bpf_map_update_elem(&spaces, &id, &empty, BPF_NOEXIST);
	s = bpf_map_lookup_elem(&spaces, &id);
	if (s) {
		s->tgid = who->tgid;
		current_comm(s->comm);
	}
	return s;
}

#define SAY(where, text) __builtin_memcpy(where, text, sizeof(text))

static __always_inline void advise(struct memadvise_space *s)
{
	__u64 all = 0, local = 0;
	int i;

	if (s->bytes_2m * 100 < s->bytes * huge_percent)
		SAY(s->memory, "use huge pages");
	else
		SAY(s->memory, "good");
	for (i = 0; i < IOASID_NODES; i++) {
		all += s->node_pages[i];
		if (i == s->device_node)
			local = s->node_pages[i];
	}
	if (s->device_node < 0 || !all)
		SAY(s->node, "unknown");
	else if (local * 100 < all * local_percent)
		SAY(s->node, "move to device_node");
	else
		SAY(s->node, "good");
}

SEC("struct_ops/attached")
void BPF_PROG(memadvise_attached, struct ioasid_attach_args *args,
	      struct ioasid_attach_result *res)
{
	struct memadvise_space *s = res->err ? NULL : space_of(&args->who);

	/* Devices of several nodes in one space: no memory is near to all. */
	if (s && args->node >= 0)
		s->device_node = s->device_node == NO_NODE || s->device_node == args->node ?
				 args->node : NO_NODE;
}

SEC("struct_ops/map_done")
void BPF_PROG(memadvise_map_done, struct ioasid_map_args *args, struct ioasid_map_result *res)
{
	struct memadvise_space *s;
	int i;

	if (res->err || args->length < min_bytes)
		return;
	s = space_of(&args->who);
	if (!s)
		return;
	__sync_fetch_and_add(&s->maps, 1);
	__sync_fetch_and_add(&s->bytes, args->length);
	__sync_fetch_and_add(&s->bytes_2m, res->bytes_2m);
	__sync_fetch_and_add(&s->bytes_1g, res->bytes_1g);
	__sync_fetch_and_add(&s->runs, res->runs);
	__sync_fetch_and_add(&s->faults, res->faults);
	for (i = 0; i < IOASID_NODES; i++)
		__sync_fetch_and_add(&s->node_pages[i], res->node_pages[i]);
	advise(s);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops memadvise = {
	.attached	= (void *)memadvise_attached,
	.map_done	= (void *)memadvise_map_done,
	.flags		= IOASID_POLICY_F_TIMES | IOASID_POLICY_F_AUDIT,
	.name		= "memadvise",
};
