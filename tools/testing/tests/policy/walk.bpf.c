// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a syscall program sees of address spaces and mappings; walk.c runs it.
 * bpf_iter targets are out of a module's reach, this is what takes their place.
 */
#include <ioasid/kfuncs.bpf.h>

char _license[] SEC("license") = "GPL";

/* Only mappings that touch this. */
__u64 first = 0;
__u64 last = ~0ULL;
__u32 wanted = 0;

__u64 spaces = 0;
__u64 mappings = 0;
__u64 bytes = 0;
__u64 pages = 0;
__u64 charged = 0;
__u64 runs = 0;
__u64 info_maps = 0;
__u64 info_bytes = 0;
__u64 lowest = 0;
__u64 writable = 0;
__u32 last_space = 0;
__u64 ascending = 1;

SEC("syscall")
int walk_all(void *unused)
{
	struct ioasid_space_info info;
	struct ioasid_space *space;
	union ioasid_mapping *m;
	__u64 before;
	__u32 *id;

	bpf_for_each(ioasid_space, id) {
		space = bpf_ioasid_space_acquire(*id);
		if (!space)
			continue;
		bpf_ioasid_space_info(space, &info, sizeof(info));
		if (info.owner.space <= last_space)
			ascending = 0;
		last_space = info.owner.space;
		spaces++;
		info_maps += info.maps;
		info_bytes += info.bytes;
		before = 0;
		bpf_for_each(ioasid_mapping, m, space, first, last) {
			if (m->info.iova < before)
				ascending = 0;
			before = m->info.iova;
			if (!mappings)
				lowest = m->info.iova;
			mappings++;
			bytes += m->info.length;
			pages += m->info.pages;
			charged += m->info.charged;
			runs += m->info.runs;
			writable += !!(m->info.flags & IOASID_MAP_WRITE);
		}
		bpf_ioasid_space_release(space);
	}
	return 0;
}

/* One, by its id: 0 when there is none. */
SEC("syscall")
int find_one(void *unused)
{
	struct ioasid_space *space = bpf_ioasid_space_acquire(wanted);
	struct ioasid_space_info info;

	if (!space)
		return 0;
	bpf_ioasid_space_info(space, &info, sizeof(info));
	bpf_ioasid_space_release(space);
	return info.owner.space;
}
