// SPDX-License-Identifier: GPL-2.0-only
/*
 * ratelimit - slows down cgroups that map too fast; never refuses.
 *
 * What it does. Each cgroup may make maps_per_second mappings and map
 * bytes_per_second bytes; what comes faster waits its turn, asleep, before
 * anything is locked or pinned. Time unused is kept for bursts of up to
 * burst_ms. A caller waits a second at most; who still comes faster than that
 * gets ahead of the limit, because a refusal would be worse (QEMU ends the
 * guest when a map fails). Unmaps are never delayed.
 *
 *   ioasidctl policy load ratelimit --set maps_per_second=1000 --set level=2
 *
 * This counts a cgroup two levels below the root together with all below it, so
 * that a tenant that may make cgroups of its own still has one share.
 *
 * Cost. One hash look-up and one compare-and-exchange for each map call.
 *
 * Full maps. The cgroup that has not mapped for longest is forgotten; when it
 * comes again, it has what burst_ms gives to one that is new, and no more. A
 * mapping that nothing can be booked for waits for its own price.
 *
 * Not for: guests with a vIOMMU in a hurry; a limit here is a limit on their
 * I/O. Set at least one of the rates: 'ioasidctl policy load ratelimit
 * --set maps_per_second=1000 --set bytes_per_second=4G'.
 */
#include <ioasid/cgroup.bpf.h>

#define ATTEMPTS	16
#define LENGTH_MAX	(1ULL << 40)

char _license[] SEC("license") = "GPL";

/* 0: any number. */
const volatile __u64 maps_per_second = 0;
const volatile __u64 bytes_per_second = 0;
/* How much unused time a cgroup may save up. */
const volatile __u64 burst_ms = 100;
/* Cgroups deeper than this are counted with their ancestor there; 0: all together. */
const volatile __u32 level = NO_LEVEL;

struct ratelimit_bucket {
	__u64 paid_until;	/* the time up to which its mappings have used its share */
	__u64 mappings;
	__u64 waits;
	__u64 waited_us;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct ratelimit_bucket);
} cgroups SEC(".maps");

/* Nanoseconds of its share that a mapping uses. */
static __always_inline __u64 price(__u64 length)
{
	__u64 by_count = maps_per_second ? NSEC_PER_SEC / maps_per_second : 0;
	__u64 kib_per_second = bytes_per_second >> 10, by_size = 0;

	if (length > LENGTH_MAX)
		length = LENGTH_MAX;
	if (kib_per_second)
		by_size = (length >> 10) * NSEC_PER_SEC / kib_per_second;
	return by_count > by_size ? by_count : by_size;
}

/* Books the mapping, and tells how long it has to wait. */
static __always_inline __u64 book(struct ratelimit_bucket *b, __u64 ns)
{
	__u64 now = bpf_ktime_get_ns(), burst = burst_ms * 1000 * NSEC_PER_USEC;
	__u64 latest = now + burst + IOASID_POLICY_WAIT_MAX * NSEC_PER_USEC;
	__u64 before, after;
	int i;

	for (i = 0; i < ATTEMPTS; i++) {
		before = b->paid_until;
		after = (before > now ? before : now) + ns;
		/* More debt than can be waited for is forgiven. */
		if (after > latest)
			after = latest;
		if (__sync_val_compare_and_swap(&b->paid_until, before, after) == before)
			return after > now + burst ? after - now - burst : 0;
	}
	return 0;
}

SEC("struct_ops/map_begin")
s32 BPF_PROG(ratelimit_map_begin, struct ioasid_map_args *args)
{
	__u64 cgroup = cgroup_counted(args->who.cgroup, level), us;
	struct ratelimit_bucket fresh = {}, *b;

	b = bpf_map_lookup_elem(&cgroups, &cgroup);
	if (!b) {
		bpf_map_update_elem(&cgroups, &cgroup, &fresh, BPF_NOEXIST);
		b = bpf_map_lookup_elem(&cgroups, &cgroup);
	}
	us = price(args->length);
	us = (b ? book(b, us) : us) / NSEC_PER_USEC;
	if (us > IOASID_POLICY_WAIT_MAX)
		us = IOASID_POLICY_WAIT_MAX;
	if (!b)
		return us;
	__sync_fetch_and_add(&b->mappings, 1);
	if (us) {
		__sync_fetch_and_add(&b->waits, 1);
		__sync_fetch_and_add(&b->waited_us, us);
	}
	return us;
}

SEC(".struct_ops.link")
struct ioasid_policy_ops ratelimit = {
	.map_begin	= (void *)ratelimit_map_begin,
	.name		= "ratelimit",
};
