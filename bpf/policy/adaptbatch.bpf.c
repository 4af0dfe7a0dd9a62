// SPDX-License-Identifier: GPL-2.0-only
/*
 * adaptbatch - fits the number of pages that one call of the page pinner takes
 * to the memory at hand.
 *
 * What it does. Per address space it climbs: as long as a page gets cheaper the
 * batch doubles; when a page gets dearer it turns round and halves; a batch
 * that took longer than target_us halves at once. Big batches pay for huge
 * pages and for memory that is present already, small ones keep mmap_lock free
 * for other threads while memory is faulted in.
 *
 * Cost. One hash look-up and some arithmetic for each batch.
 *
 * Full maps. The address space that has not been used for longest begins anew.
 * An entry ends with its address space.
 *
 * Not for: mappings smaller than a batch, which it cannot learn from. Two
 * threads that map into one address space share what is learnt, and disturb
 * each other's measurements a little.
 *
 * Watch it: 'ioasidctl policy show adaptbatch' prints the state per space.
 */
#include <ioasid/common.bpf.h>

#define SMALLEST	64ULL
#define LARGEST		8192ULL
#define DEFAULT		512ULL

char _license[] SEC("license") = "GPL";

/* A batch should take no longer than this many microseconds. */
const volatile __u32 target_us = 2000;
/* Changes of the cost of a page below one in 2^this are noise. */
const volatile __u32 noise_shift = 5;

struct adaptbatch_climb {
	__u64 batch;		/* pages of the next batch */
	__u64 largest;		/* that it ever was */
	__u64 ps_per_page;	/* cost of a page in the last batch, in picoseconds */
	__u64 turns;		/* how often the direction changed */
	__u64 slow;		/* batches beyond the target */
	__s64 direction;	/* 1: growing, -1: shrinking */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct adaptbatch_climb);
} spaces SEC(".maps");

static __always_inline void clamp_batch(struct adaptbatch_climb *c)
{
	if (c->batch < SMALLEST)
		c->batch = SMALLEST;
	if (c->batch > LARGEST)
		c->batch = LARGEST;
}

/* One step, after a batch of @pages that took @ns. */
static __always_inline void learn(struct adaptbatch_climb *c, __u64 pages, __u64 ns)
{
	__u64 cost = ns * 1000 / pages, before = c->ps_per_page;
	__u64 noise = before >> noise_shift;

	c->ps_per_page = cost;
	if (ns > target_us * NSEC_PER_USEC) {
		c->slow++;
		c->direction = -1;
		c->batch >>= 1;
	} else if (!before) {
		c->batch <<= 1;
	} else if (cost > before + noise) {
		c->turns++;
		c->direction = -c->direction;
		c->batch = c->direction > 0 ? c->batch << 1 : c->batch >> 1;
	} else if (cost + noise < before) {
		c->batch = c->direction > 0 ? c->batch << 1 : c->batch >> 1;
	}
	clamp_batch(c);
	if (c->batch > c->largest)
		c->largest = c->batch;
}

SEC("struct_ops/map_batch")
u32 BPF_PROG(adaptbatch_map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	struct adaptbatch_climb fresh = { .batch = DEFAULT, .direction = 1 };
	__u64 last = batch->last_pages;
	__u32 space = args->who.space;
	struct adaptbatch_climb *c;

	c = bpf_map_lookup_elem(&spaces, &space);
	if (!c) {
		bpf_map_update_elem(&spaces, &space, &fresh, BPF_NOEXIST);
		return DEFAULT;
	}
	/* A short batch, such as the last of a mapping, says little. */
	if (last && last >= c->batch)
		learn(c, last, batch->last_ns);
	return c->batch;
}

SEC("struct_ops/space_close")
void BPF_PROG(adaptbatch_space_close, struct ioasid_space_args *args)
{
	__u32 space = args->who.space;

	bpf_map_delete_elem(&spaces, &space);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops adaptbatch = {
	.space_close	= (void *)adaptbatch_space_close,
	.map_batch	= (void *)adaptbatch_map_batch,
	.flags		= IOASID_POLICY_F_TIMES,
	.name		= "adaptbatch",
};
