// SPDX-License-Identifier: GPL-2.0-only
/*
 * For each argument of each function that programs may call, programs that hand
 * over what they may not; and what an iterator returned, used when that has
 * ended. refused.c tries each by itself. What only hooks may call is in
 * policies, the rest in syscall programs, where the context tells
 * the verifier least: they may sleep.
 */
#include <ioasid/kfuncs.bpf.h>

char _license[] SEC("license") = "GPL";

#define POLICY(_name)						\
	SEC("?.struct_ops.link")				\
	struct ioasid_policy_ops _name = {			\
		.dump = (void *)_name##_prog,			\
		.name = #_name,					\
	}

/* A hook that calls one function, with @text out of a map, checked or not. */
#define HOOK(_name, _body)					\
	SEC("?struct_ops/dump")					\
	void BPF_PROG(_name##_prog, struct ioasid_dump_args *args)	\
	{							\
		char buffer[8] = "text";			\
		char *text = unchecked();			\
								\
		sink(buffer);					\
		sink(text);					\
		_body;						\
	}							\
	POLICY(_name)

#define CALL(_name, _body)					\
	SEC("?syscall")						\
	int _name(void *unused)					\
	{							\
		struct ioasid_space_info info = {};		\
		struct ioasid_space *space = NULL;		\
		__u32 key = 0;					\
								\
		sink(&info);					\
		sink(&key);					\
		sink(space);					\
		_body;						\
		return 0;					\
	}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ioasid_space_info);
} table SEC(".maps");

const volatile struct ioasid_space_info constant = {};

extern struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;

/* Keeps the compiler from knowing what is there. */
#define sink(x) asm volatile("" : : "r"(x) : "memory")

/* May be NULL; the program does not check. */
static __always_inline void *unchecked(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&table, &key);
}

/* An address that is no pointer. */
static __always_inline void *number(void)
{
	return (void *)bpf_ktime_get_ns();
}

/* With an address space that is there for as long as the body runs. */
#define WITH_SPACE(_body)					\
	do {							\
		space = bpf_ioasid_space_acquire(1);		\
		if (space) {					\
			_body;					\
			bpf_ioasid_space_release(space);	\
		}						\
	} while (0)

/* ---- bpf_ioasid_error, _exit, _dump ---- */

HOOK(error_msg_null, bpf_ioasid_error(NULL, 8));
HOOK(error_msg_unchecked, bpf_ioasid_error(text, 8));
HOOK(error_msg_number, bpf_ioasid_error(number(), 8));
HOOK(error_size_long, bpf_ioasid_error(buffer, 512));
HOOK(error_size_any, bpf_ioasid_error(buffer, args->room));

HOOK(exit_code_pointer, bpf_ioasid_exit((s64)args, buffer, 8));
HOOK(exit_msg_null, bpf_ioasid_exit(0, NULL, 8));
HOOK(exit_msg_unchecked, bpf_ioasid_exit(0, text, 8));
HOOK(exit_msg_number, bpf_ioasid_exit(0, number(), 8));
HOOK(exit_size_long, bpf_ioasid_exit(0, buffer, 512));
HOOK(exit_size_any, bpf_ioasid_exit(0, buffer, args->room));

HOOK(dump_text_null, bpf_ioasid_dump(NULL, 8));
HOOK(dump_text_unchecked, bpf_ioasid_dump(text, 8));
HOOK(dump_text_number, bpf_ioasid_dump(number(), 8));
HOOK(dump_size_long, bpf_ioasid_dump(buffer, 512));
HOOK(dump_size_any, bpf_ioasid_dump(buffer, args->room));

/* All three are for hooks alone. */
CALL(error_elsewhere, bpf_ioasid_error("text", 4));
CALL(exit_elsewhere, bpf_ioasid_exit(0, "text", 4));
CALL(dump_elsewhere, bpf_ioasid_dump("text", 4));

/* ---- address spaces ---- */

CALL(acquire_id_pointer, {
	space = bpf_ioasid_space_acquire((u32)(long)&key);
	if (space)
		bpf_ioasid_space_release(space);
});
CALL(acquire_and_keep, bpf_ioasid_space_acquire(1));

CALL(release_space_null, bpf_ioasid_space_release(NULL));
CALL(release_space_unchecked, bpf_ioasid_space_release(bpf_ioasid_space_acquire(1)));
CALL(release_space_number, bpf_ioasid_space_release(number()));
CALL(release_space_twice, WITH_SPACE(bpf_ioasid_space_release(space)));
CALL(release_other_object, {
	struct cgroup *cgroup = bpf_cgroup_from_id(1);

	if (cgroup)
		bpf_ioasid_space_release((void *)cgroup);
});

CALL(info_space_null, bpf_ioasid_space_info(NULL, &info, sizeof(info)));
CALL(info_space_unchecked, {
	space = bpf_ioasid_space_acquire(1);
	bpf_ioasid_space_info(space, &info, sizeof(info));
	if (space)
		bpf_ioasid_space_release(space);
});
CALL(info_space_number, bpf_ioasid_space_info(number(), &info, sizeof(info)));
CALL(info_space_released, {
	WITH_SPACE();
	if (space)
		bpf_ioasid_space_info(space, &info, sizeof(info));
});
CALL(info_other_object, {
	struct cgroup *cgroup = bpf_cgroup_from_id(1);

	if (cgroup) {
		bpf_ioasid_space_info((void *)cgroup, &info, sizeof(info));
		bpf_cgroup_release(cgroup);
	}
});
CALL(info_info_null, WITH_SPACE(bpf_ioasid_space_info(space, NULL, sizeof(info))));
CALL(info_info_unchecked, {
	void *room = unchecked();

	WITH_SPACE(bpf_ioasid_space_info(space, room, sizeof(info)));
});
CALL(info_info_number, WITH_SPACE(bpf_ioasid_space_info(space, number(), sizeof(info))));
CALL(info_info_constant, WITH_SPACE(bpf_ioasid_space_info(space, (void *)&constant, sizeof(info))));
CALL(info_size_long, WITH_SPACE(bpf_ioasid_space_info(space, &info, sizeof(info) + 600)));
CALL(info_size_any, WITH_SPACE(bpf_ioasid_space_info(space, &info, bpf_get_prandom_u32())));

/* ---- the walk over address spaces ---- */

CALL(spaces_new_elsewhere, {
	struct bpf_iter_ioasid_space *it = unchecked();

	if (it) {
		bpf_iter_ioasid_space_new(it);
		bpf_iter_ioasid_space_destroy(it);
	}
});
CALL(spaces_new_twice, {
	struct bpf_iter_ioasid_space it;

	bpf_iter_ioasid_space_new(&it);
	bpf_iter_ioasid_space_new(&it);
	bpf_iter_ioasid_space_destroy(&it);
});
CALL(spaces_next_not_begun, {
	struct bpf_iter_ioasid_space it = {};

	sink(&it);
	bpf_iter_ioasid_space_next(&it);
});
CALL(spaces_destroy_not_begun, {
	struct bpf_iter_ioasid_space it = {};

	sink(&it);
	bpf_iter_ioasid_space_destroy(&it);
});
CALL(spaces_not_destroyed, {
	struct bpf_iter_ioasid_space it;

	bpf_iter_ioasid_space_new(&it);
	sink(&it);
});
CALL(spaces_id_afterwards, {
	struct bpf_iter_ioasid_space it;
	__u32 *id;

	bpf_iter_ioasid_space_new(&it);
	id = bpf_iter_ioasid_space_next(&it);
	if (!id) {
		bpf_iter_ioasid_space_destroy(&it);
		return 0;
	}
	bpf_iter_ioasid_space_destroy(&it);
	return *id;
});
CALL(spaces_id_written, {
	__u32 *id;

	bpf_for_each(ioasid_space, id)
		*id = 1;
});
CALL(spaces_id_unchecked, {
	struct bpf_iter_ioasid_space it;

	bpf_iter_ioasid_space_new(&it);
	key = *bpf_iter_ioasid_space_next(&it);
	sink(&key);
	bpf_iter_ioasid_space_destroy(&it);
});

/* ---- the walk over mappings ---- */

CALL(mappings_new_elsewhere, {
	struct bpf_iter_ioasid_mapping *it = unchecked();

	if (it)
		WITH_SPACE(bpf_iter_ioasid_mapping_new(it, space, 0, 1);
			   bpf_iter_ioasid_mapping_destroy(it));
});
CALL(mappings_space_null, {
	union ioasid_mapping *m;

	bpf_for_each(ioasid_mapping, m, NULL, 0, 1)
		sink(m);
});
CALL(mappings_space_unchecked, {
	union ioasid_mapping *m;

	space = bpf_ioasid_space_acquire(1);
	bpf_for_each(ioasid_mapping, m, space, 0, 1)
		sink(m);
	if (space)
		bpf_ioasid_space_release(space);
});
CALL(mappings_space_number, {
	union ioasid_mapping *m;

	bpf_for_each(ioasid_mapping, m, number(), 0, 1)
		sink(m);
});
CALL(mappings_space_released, {
	union ioasid_mapping *m;

	WITH_SPACE();
	if (space)
		bpf_for_each(ioasid_mapping, m, space, 0, 1)
			sink(m);
});
CALL(mappings_first_pointer, {
	union ioasid_mapping *m;

	WITH_SPACE(bpf_for_each(ioasid_mapping, m, space, (u64)&key, 1) sink(m));
});
CALL(mappings_last_pointer, {
	union ioasid_mapping *m;

	WITH_SPACE(bpf_for_each(ioasid_mapping, m, space, 0, (u64)&key) sink(m));
});
CALL(mappings_next_not_begun, {
	struct bpf_iter_ioasid_mapping it = {};

	sink(&it);
	bpf_iter_ioasid_mapping_next(&it);
});
CALL(mappings_destroy_not_begun, {
	struct bpf_iter_ioasid_mapping it = {};

	sink(&it);
	bpf_iter_ioasid_mapping_destroy(&it);
});
CALL(mappings_not_destroyed, WITH_SPACE({
	struct bpf_iter_ioasid_mapping it;

	bpf_iter_ioasid_mapping_new(&it, space, 0, 1);
	sink(&it);
}));
CALL(mappings_info_afterwards, {
	struct bpf_iter_ioasid_mapping it;
	union ioasid_mapping *m;

	space = bpf_ioasid_space_acquire(1);
	if (!space)
		return 0;
	bpf_iter_ioasid_mapping_new(&it, space, 0, 1);
	m = bpf_iter_ioasid_mapping_next(&it);
	if (!m) {
		bpf_iter_ioasid_mapping_destroy(&it);
		bpf_ioasid_space_release(space);
		return 0;
	}
	bpf_iter_ioasid_mapping_destroy(&it);
	bpf_ioasid_space_release(space);
	return m->info.length;
});
CALL(mappings_info_beyond, {
	union ioasid_mapping *m;

	WITH_SPACE(bpf_for_each(ioasid_mapping, m, space, 0, 1) key += *(__u32 *)(m + 2));
});
CALL(mappings_info_written, {
	union ioasid_mapping *m;

	WITH_SPACE(bpf_for_each(ioasid_mapping, m, space, 0, 1) m->info.length = 1);
});

/* Only where sleeping is allowed. */
HOOK(mappings_in_a_hook, {
	struct ioasid_space *space = bpf_ioasid_space_acquire(1);
	union ioasid_mapping *m;

	if (space) {
		bpf_for_each(ioasid_mapping, m, space, 0, 1)
			sink(m);
		bpf_ioasid_space_release(space);
	}
});

/* ---- as they are meant, so that the others fail for their own reasons ---- */

HOOK(harmless_hook, {
	bpf_ioasid_dump(buffer, 8);
	bpf_ioasid_error(buffer, 8);
	bpf_ioasid_exit(1, buffer, 8);
	if (text)
		bpf_ioasid_dump(text, 8);
});
CALL(harmless_call, {
	union ioasid_mapping *m;
	__u32 *id;

	bpf_for_each(ioasid_space, id) {
		space = bpf_ioasid_space_acquire(*id);
		if (!space)
			continue;
		bpf_ioasid_space_info(space, &info, sizeof(info));
		bpf_for_each(ioasid_mapping, m, space, 0, ~0ULL)
			key += m->info.length;
		bpf_ioasid_space_release(space);
	}
	return key;
});
