// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy that keeps a book of everything that begins and ends, and notes when
 * something ends whose beginning it missed. tools/testing/tests/pairing loads up to
 * sixteen of them, and orders what they do.
 */
#include <ioasid/kfuncs.bpf.h>

#include "../../lib/pairing.h"

char _license[] SEC("license") = "GPL";

#define ARRAY(_name, _type)				\
	struct {					\
		__uint(type, BPF_MAP_TYPE_ARRAY);	\
		__uint(max_entries, 1);			\
		__type(key, __u32);			\
		__type(value, struct _type);		\
	} _name SEC(".maps")

#define HASH(_name, _key, _type)			\
	struct {					\
		__uint(type, BPF_MAP_TYPE_HASH);	\
		__uint(max_entries, PAIRING_KEYS);	\
		__type(key, _key);			\
		__type(value, _type);			\
	} _name SEC(".maps")

ARRAY(settings, pairing_settings);
ARRAY(books, pairing_books);
HASH(spaces, __u32, struct pairing_space);
HASH(threads, __u32, struct pairing_thread);
HASH(groups, struct pairing_attached, __s64);

__u64 sink = 0;

static __always_inline struct pairing_settings *settings_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline struct pairing_books *books_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&books, &zero);
}

static __noinline int wrong(__u32 what, __u64 key, __s64 value)
{
	struct pairing_books *b = books_now();

	if (!b || what >= WRONG_NR)
		return 0;
	b->key[what] = key;
	b->value[what] = value;
	__sync_fetch_and_add(&b->wrong[what], 1);
	return 0;
}

/* A hook of that number runs; so init was called and exit was not. */
static __noinline int inside(__u32 hook)
{
	struct pairing_books *b = books_now();

	if (b && b->alive <= 0)
		wrong(WRONG_OUTSIDE, hook, b->alive);
	return 0;
}

/* The books of a space or a thread, or of a group in a space; made if need be. */
#define ENTRY(_map, _key)						\
({									\
	typeof(*bpf_type_of(_map)) __fresh = {};			\
	typeof(__fresh) *__entry = bpf_map_lookup_elem(&_map, _key);	\
									\
	if (!__entry) {							\
		bpf_map_update_elem(&_map, _key, &__fresh, BPF_NOEXIST);\
		__entry = bpf_map_lookup_elem(&_map, _key);		\
	}								\
	if (!__entry)							\
		wrong(WRONG_FULL, 0, 0);				\
	__entry;							\
})
#define bpf_type_of(_map)	(_map.value)

/* @n begin, or if below 0 end; what is open must not get below 0. */
static __always_inline void count(__s64 *open, __u32 sum, __s64 n, __u32 what, __u64 key)
{
	struct pairing_books *b = books_now();
	__s64 now = add_return(open, n);

	if (now < 0)
		wrong(what, key, now);
	if (!b || sum >= SUM_NR)
		return;
	__sync_fetch_and_add(&b->sum[sum], n);
	if (n > 0)
		__sync_fetch_and_add(&b->told[sum], n);
}

static __always_inline bool ends_only(__u32 group)
{
	struct pairing_settings *s = settings_now();

	return s && s->ends_only & 1U << group;
}

static __always_inline __u32 draw(struct pairing_settings *s)
{
	s->rng = s->rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return s->rng >> 33;
}

/*
 * What the hook says: mostly yes. Other than that a refusal, with a wait in its
 * place where @wait, or, if it is its turn, what ejects it.
 */
static __noinline int answer(__u32 asked, __u32 wait)
{
	struct pairing_settings *s = settings_now();
	__u32 act;

	if (!s)
		return 0;
	act = s->act;
	if (act && s->act_in == asked && __sync_val_compare_and_swap(&s->act, act, 0) == act) {
		if (act == ACT_ERRNO)
			return -17;
		if (act == ACT_VALUE)
			return 5000000;
		if (act == ACT_ERROR)
			ioasid_error("it is time, in %u", asked);
		if (act == ACT_EXIT)
			ioasid_exit(asked, "enough");
		return 0;
	}
	if (!s->refuse || draw(s) % s->refuse)
		return 0;
	return wait && draw(s) & 1 ? 100 : -ENOMEM;
}

/* Is what a hook returned taken for yes? */
static __always_inline bool agreed(int ret)
{
	struct pairing_settings *s = settings_now();

	return ret >= 0 || (s && s->audit);
}

static long forget_space(struct bpf_map *map, __u32 *key, struct pairing_space *value, void *ctx)
{
	bpf_map_delete_elem(&spaces, key);
	return 0;
}

static long forget_thread(struct bpf_map *map, __u32 *key, struct pairing_thread *value, void *ctx)
{
	bpf_map_delete_elem(&threads, key);
	return 0;
}

static long forget_group(struct bpf_map *map, struct pairing_attached *key, __s64 *value, void *ctx)
{
	bpf_map_delete_elem(&groups, key);
	return 0;
}

static __noinline int begin_anew(void)
{
	struct pairing_books *b = books_now();
	int i;

	bpf_for_each_map_elem(&spaces, forget_space, NULL, 0);
	bpf_for_each_map_elem(&threads, forget_thread, NULL, 0);
	bpf_for_each_map_elem(&groups, forget_group, NULL, 0);
	if (b)
		for (i = 0; i < SUM_NR; i++)
			b->sum[i] = 0;
	return 0;
}

/*
 * Beside those that run, if it inherits from them; else alone: the exit of what
 * was ejected came before. One that ran when it was asked may have been ejected.
 */
SEC("?struct_ops/init")
s32 BPF_PROG(pairing_init, struct ioasid_init_args *args)
{
	struct pairing_books *b = books_now();
	bool inherits = args->replaces == IOASID_REPLACES_RUNNING;
	__s64 alive;
	int ret;

	if (!b)
		return -ENOMEM;
	alive = add_return(&b->alive, 1);
	if (alive < 1 || alive > 1 + inherits)
		wrong(WRONG_INIT, args->replaces, alive);
	ret = answer(ASKED_INIT, 0);
	if (ret) {
		/* There is no exit for it. */
		__sync_fetch_and_add(&b->alive, -1);
		return ret;
	}
	if (!inherits)
		begin_anew();
	return 0;
}

SEC("?struct_ops/exit")
void BPF_PROG(pairing_exit, struct ioasid_exit_info *info)
{
	struct pairing_books *b = books_now();

	answer(ASKED_EXIT, 0);
	if (b && add_return(&b->alive, -1) < 0)
		wrong(WRONG_EXIT, info->kind, b->alive);
}

SEC("?struct_ops/dump")
void BPF_PROG(pairing_dump, struct ioasid_dump_args *args)
{
	inside(100);
	ioasid_dump("it is %u", args->kind);
}

SEC("?struct_ops/space_open")
s32 BPF_PROG(pairing_space_open, struct ioasid_space_args *args)
{
	__u32 id = args->who.space;
	struct pairing_space *space;

	inside(1);
	space = ENTRY(spaces, &id);
	if (space) {
		count(&space->open, SUM_SPACES, 1, WRONG_OPEN, id);
		if (space->open != 1)
			wrong(WRONG_OPEN, id, space->open);
	}
	return answer(ASKED_SPACE_OPEN, 0);
}

SEC("?struct_ops/space_close")
void BPF_PROG(pairing_space_close, struct ioasid_space_args *args)
{
	__u32 id = args->who.space;
	struct pairing_space *space;

	inside(2);
	space = ends_only(GROUP_SPACES) ? NULL : ENTRY(spaces, &id);
	if (space)
		count(&space->open, SUM_SPACES, -1, WRONG_CLOSE, id);
}

SEC("?struct_ops/attach")
s32 BPF_PROG(pairing_attach, struct ioasid_attach_args *args)
{
	__u32 pid = args->who.pid;
	struct pairing_thread *thread;

	inside(3);
	thread = ENTRY(threads, &pid);
	if (thread)
		count(&thread->attaches, SUM_ATTACHES, 1, WRONG_ATTACHED, pid);
	return answer(ASKED_ATTACH, 0);
}

SEC("?struct_ops/attached")
void BPF_PROG(pairing_attached, struct ioasid_attach_args *args,
	      struct ioasid_attach_result *result)
{
	struct pairing_attached at = { args->who.space, args->group };
	__u32 pid = args->who.pid;
	struct pairing_thread *thread;
	__s64 *group;

	inside(4);
	thread = ends_only(GROUP_ATTACHES) ? NULL : ENTRY(threads, &pid);
	if (thread)
		count(&thread->attaches, SUM_ATTACHES, -1, WRONG_ATTACHED, pid);
	group = result->err ? NULL : ENTRY(groups, &at);
	if (group)
		count(group, SUM_GROUPS, 1, WRONG_DETACH, 0);
}

SEC("?struct_ops/detach")
void BPF_PROG(pairing_detach, struct ioasid_attach_args *args)
{
	struct pairing_attached at = { args->who.space, args->group };
	__s64 *group;

	inside(5);
	group = ENTRY(groups, &at);
	if (group)
		count(group, SUM_GROUPS, -1, WRONG_DETACH, (__u64)at.space << 32 | at.group);
}

static long spin(__u32 i, void *unused)
{
	sink += i;
	return 0;
}

SEC("?struct_ops/map_begin")
s32 BPF_PROG(pairing_map_begin, struct ioasid_map_args *args)
{
	struct pairing_settings *s = settings_now();
	__u32 pid = args->who.pid;
	struct pairing_thread *thread;

	inside(6);
	if (s && s->rounds)
		bpf_loop(s->rounds, spin, NULL, 0);
	thread = ENTRY(threads, &pid);
	if (thread)
		count(&thread->maps, SUM_MAPS, 1, WRONG_MAP_DONE, pid);
	return answer(ASKED_MAP_BEGIN, 1);
}

SEC("?struct_ops/map_place")
u64 BPF_PROG(pairing_map_place, struct ioasid_map_args *args, struct ioasid_place_args *place)
{
	inside(7);
	return 0;
}

SEC("?struct_ops/map_workers")
u32 BPF_PROG(pairing_map_workers, struct ioasid_map_args *args)
{
	inside(8);
	return args->workers;
}

SEC("?struct_ops/map_batch")
u32 BPF_PROG(pairing_map_batch, struct ioasid_map_args *args, struct ioasid_batch_args *batch)
{
	struct pairing_settings *s = settings_now();

	inside(9);
	return s ? 1 + draw(s) % 16 : 0;
}

SEC("?struct_ops/charge")
s32 BPF_PROG(pairing_charge, struct ioasid_charge_args *args)
{
	__u32 id = args->who.space;
	struct pairing_space *space;
	int ret;

	inside(10);
	ret = answer(ASKED_CHARGE, 0);
	space = agreed(ret) ? ENTRY(spaces, &id) : NULL;
	if (space)
		count(&space->pages, SUM_PAGES, args->npages, WRONG_UNCHARGE, id);
	return ret;
}

SEC("?struct_ops/uncharge")
void BPF_PROG(pairing_uncharge, struct ioasid_charge_args *args)
{
	__u32 id = args->who.space;
	struct pairing_space *space;

	inside(11);
	space = ENTRY(spaces, &id);
	if (space)
		count(&space->pages, SUM_PAGES, -args->npages, WRONG_UNCHARGE, id);
}

SEC("?struct_ops/map_done")
void BPF_PROG(pairing_map_done, struct ioasid_map_args *args, struct ioasid_map_result *result)
{
	__u32 pid = args->who.pid;
	struct pairing_thread *thread;

	inside(12);
	thread = ends_only(GROUP_MAPS) ? NULL : ENTRY(threads, &pid);
	if (thread)
		count(&thread->maps, SUM_MAPS, -1, WRONG_MAP_DONE, pid);
}

SEC("?struct_ops/unmap_begin")
void BPF_PROG(pairing_unmap_begin, struct ioasid_unmap_args *args)
{
	__u32 pid = args->who.pid;
	struct pairing_thread *thread;

	inside(13);
	thread = ENTRY(threads, &pid);
	if (thread)
		count(&thread->unmaps, SUM_UNMAPS, 1, WRONG_UNMAP_DONE, pid);
}

SEC("?struct_ops/unmap_sync")
u32 BPF_PROG(pairing_unmap_sync, struct ioasid_unmap_args *args, struct ioasid_sync_args *sync)
{
	inside(14);
	return 2;
}

SEC("?struct_ops/unmap_done")
void BPF_PROG(pairing_unmap_done, struct ioasid_unmap_args *args,
	      struct ioasid_unmap_result *result)
{
	__u32 pid = args->who.pid;
	struct pairing_thread *thread;

	inside(15);
	thread = ends_only(GROUP_UNMAPS) ? NULL : ENTRY(threads, &pid);
	if (thread)
		count(&thread->unmaps, SUM_UNMAPS, -1, WRONG_UNMAP_DONE, pid);
}

SEC("?struct_ops/access_pin")
s32 BPF_PROG(pairing_access_pin, struct ioasid_access_args *args)
{
	__u32 id = args->who.space;
	struct pairing_space *space;
	int ret;

	inside(16);
	ret = answer(ASKED_ACCESS_PIN, 0);
	space = agreed(ret) ? ENTRY(spaces, &id) : NULL;
	if (space)
		count(&space->pins, SUM_PINS, args->npages, WRONG_UNPIN, id);
	return ret;
}

SEC("?struct_ops/access_unpin")
void BPF_PROG(pairing_access_unpin, struct ioasid_access_args *args)
{
	__u32 id = args->who.space;
	struct pairing_space *space;

	inside(17);
	space = ends_only(GROUP_PINS) ? NULL : ENTRY(spaces, &id);
	if (space)
		count(&space->pins, SUM_PINS, -args->npages, WRONG_UNPIN, id);
}

SEC("?struct_ops/owner_change")
s32 BPF_PROG(pairing_owner_change, struct ioasid_owner_args *args)
{
	inside(18);
	return answer(ASKED_OWNER_CHANGE, 0);
}

SEC("?struct_ops/dirty")
void BPF_PROG(pairing_dirty, struct ioasid_dirty_args *args)
{
	inside(19);
}

/* Refuses, but never to eject: what is ordered of a policy has other places. */
SEC("?struct_ops/map_at")
s64 BPF_PROG(pairing_map_at, struct ioasid_map_args *args)
{
	inside(20);
	return answer(ASKED_NR, 0);
}

SEC("?struct_ops/stale")
void BPF_PROG(pairing_stale, struct ioasid_stale_args *args)
{
	inside(21);
}

SEC(".struct_ops.link")
struct ioasid_policy_ops pairing = {
	.init		= (void *)pairing_init,
	.exit		= (void *)pairing_exit,
	.dump		= (void *)pairing_dump,
	.space_open	= (void *)pairing_space_open,
	.space_close	= (void *)pairing_space_close,
	.attach		= (void *)pairing_attach,
	.attached	= (void *)pairing_attached,
	.detach		= (void *)pairing_detach,
	.map_begin	= (void *)pairing_map_begin,
	.map_place	= (void *)pairing_map_place,
	.map_workers	= (void *)pairing_map_workers,
	.map_batch	= (void *)pairing_map_batch,
	.charge		= (void *)pairing_charge,
	.uncharge	= (void *)pairing_uncharge,
	.map_done	= (void *)pairing_map_done,
	.unmap_begin	= (void *)pairing_unmap_begin,
	.unmap_sync	= (void *)pairing_unmap_sync,
	.unmap_done	= (void *)pairing_unmap_done,
	.access_pin	= (void *)pairing_access_pin,
	.access_unpin	= (void *)pairing_access_unpin,
	.owner_change	= (void *)pairing_owner_change,
	.dirty		= (void *)pairing_dirty,
	.map_at		= (void *)pairing_map_at,
	.stale		= (void *)pairing_stale,
	.name		= "pairing",
};
