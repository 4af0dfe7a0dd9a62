// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidshow - one address space with all its mappings, for 'ioasidctl show'.
 * A syscall program: bpf_prog_test_run() with a struct show_args runs it once.
 *
 * Cost: nothing but when it is run; then some 200 instructions a mapping, with
 * the space's list locked for one mapping at a time.
 */
#include <ioasid/kfuncs.bpf.h>
#include <ioasid/show.h>

char _license[] SEC("license") = "GPL";

/* Room for twice the mappings that a space may have by default. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} mappings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ioasid_space_info);
} info SEC(".maps");

SEC("syscall")
int ioasidshow(struct show_args *args)
{
	struct ioasid_mapping_info *record;
	struct ioasid_space_info *room;
	union ioasid_mapping *m;
	__u64 shown = 0, lost = 0;
	struct ioasid_space *space;
	__u32 zero = 0;

	space = bpf_ioasid_space_acquire(args->space);
	if (!space)
		return 0;
	args->found = 1;
	room = bpf_map_lookup_elem(&info, &zero);
	if (room)
		bpf_ioasid_space_info(space, room, sizeof(*room));
	bpf_for_each(ioasid_mapping, m, space, args->first, args->last) {
		record = bpf_ringbuf_reserve(&mappings, sizeof(*record), 0);
		if (!record) {
			lost++;
			continue;
		}
		*record = m->info;
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
		shown++;
	}
	bpf_ioasid_space_release(space);
	args->shown = shown;
	args->lost = lost;
	return 0;
}
