// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies. The programs of each are verified once; each time it is loaded, or
 * replaced, it is a new map of the same programs, with a scope, a priority and
 * hooks of its own.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pairing/test.h"
#include "lib/policy_ops.h"

#define OBJECT	"build/bpf/test/pairing.bpf.o"
#define NONE	GROUP_NR

static const struct {
	const char *name;
	unsigned int group;
	bool end;
} hooks[] = {
	{ "init", NONE, false }, { "exit", NONE, false }, { "dump", NONE, false },
	{ "space_open", GROUP_SPACES, false }, { "space_close", GROUP_SPACES, true },
	{ "attach", GROUP_ATTACHES, false }, { "attached", GROUP_ATTACHES, true },
	{ "detach", GROUP_ATTACHES, true },
	{ "map_begin", GROUP_MAPS, false }, { "map_done", GROUP_MAPS, true },
	{ "map_place", NONE, false }, { "map_workers", NONE, false }, { "map_batch", NONE, false },
	{ "charge", GROUP_CHARGES, false }, { "uncharge", GROUP_CHARGES, true },
	{ "unmap_begin", GROUP_UNMAPS, false }, { "unmap_done", GROUP_UNMAPS, true },
	{ "unmap_sync", NONE, false },
	{ "access_pin", GROUP_PINS, false }, { "access_unpin", GROUP_PINS, true },
	{ "owner_change", NONE, false }, { "dirty", NONE, false }, { "map_at", NONE, false },
	{ "stale", NONE, false },
};
#define HOOKS	(sizeof(hooks) / sizeof(hooks[0]))

/**
 * struct policy - one of those that are loaded and unloaded; its books stay
 * @name: what it is loaded as
 * @obj: its programs and maps
 * @link: while it is loaded, else -1
 * @hooks: bit per hook that it has, by number in @programs
 * @ends_only: bit per enum pairing_group
 * @audit: it is loaded with that flag
 * @programs: descriptors, in the order of hooks[]
 * @settings: descriptors of its maps
 * @books: likewise
 * @spaces: likewise
 * @threads: likewise
 * @groups: likewise
 */
struct policy {
	char name[32];
	struct bpf_object *obj;
	int link;
	uint32_t hooks;
	uint32_t ends_only;
	bool audit;
	int programs[HOOKS];
	int settings, books, spaces, threads, groups;
};

static struct policy policies[POLICIES_MAX];
static unsigned int nr;

/* The same for all: what a map of a policy looks like. */
static struct bpf_map_info shape;
static int shape_btf;
static size_t members[HOOKS], member_name, member_flags, member_cgroup, member_space,
	      member_timeout, member_prio;

static bool learn_shape(const struct policy *p)
{
	const struct btf *btf = bpf_object__btf(p->obj);
	__u32 len = sizeof(shape);
	size_t i;

	if (bpf_map_get_info_by_fd(bpf_object__find_map_fd_by_name(p->obj, "pairing"), &shape, &len))
		return false;
	shape_btf = bpf_btf_get_fd_by_id(shape.btf_vmlinux_id);
	for (i = 0; i < HOOKS; i++)
		members[i] = ops_member(btf, hooks[i].name);
	member_name = ops_member(btf, "name");
	member_flags = ops_member(btf, "flags");
	member_cgroup = ops_member(btf, "cgroup_id");
	member_space = ops_member(btf, "space_id");
	member_timeout = ops_member(btf, "timeout_us");
	member_prio = ops_member(btf, "prio");
	return shape_btf >= 0;
}

static bool open_one(struct policy *p)
{
	char name[40];
	size_t i;

	p->link = -1;
	p->obj = bpf_object__open_file(OBJECT, NULL);
	if (!p->obj || bpf_object__load(p->obj))
		return false;
	for (i = 0; i < HOOKS; i++) {
		snprintf(name, sizeof(name), "pairing_%s", hooks[i].name);
		p->programs[i] = bpf_program__fd(bpf_object__find_program_by_name(p->obj, name));
	}
	p->settings = bpf_object__find_map_fd_by_name(p->obj, "settings");
	p->books = bpf_object__find_map_fd_by_name(p->obj, "books");
	p->spaces = bpf_object__find_map_fd_by_name(p->obj, "spaces");
	p->threads = bpf_object__find_map_fd_by_name(p->obj, "threads");
	p->groups = bpf_object__find_map_fd_by_name(p->obj, "groups");
	return true;
}

/* Verifies the programs of @n policies. */
bool policies_open(unsigned int n)
{
	for (nr = 0; nr < n; nr++) {
		snprintf(policies[nr].name, sizeof(policies[nr].name), "pairing%u", nr);
		if (!open_one(&policies[nr]))
			return false;
	}
	return learn_shape(&policies[0]);
}

unsigned int policies_nr(void)
{
	return nr;
}

bool policy_loaded(unsigned int i)
{
	return policies[i].link >= 0;
}

const char *policy_name(unsigned int i)
{
	return policies[i].name;
}

static void put(char *value, size_t at, const void *what, size_t len)
{
	memcpy(value + at, what, len);
}

/* A map that can be linked; its descriptor, or -errno. */
static int make_map(const struct policy *p, const struct scope *s)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .btf_fd = (__u32)btf__fd(bpf_object__btf(p->obj)),
		    .btf_vmlinux_value_type_id = shape.btf_vmlinux_value_type_id,
		    .value_type_btf_obj_fd = shape_btf,
		    .map_flags = BPF_F_LINK | BPF_F_VTYPE_BTF_OBJ_FD);
	char *value = calloc(1, shape.value_size);
	__u32 zero = 0;
	int fd, err;
	size_t i;

	fd = bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, "pairing", 4, shape.value_size, 1, &opts);
	if (fd < 0 || !value) {
		free(value);
		return fd < 0 ? fd : -ENOMEM;
	}
	for (i = 0; i < HOOKS; i++) {
		unsigned long prog = (unsigned long)p->programs[i];

		if (p->hooks & 1U << i)
			put(value, members[i], &prog, sizeof(prog));
	}
	put(value, member_name, p->name, strlen(p->name) + 1);
	put(value, member_flags, &s->flags, sizeof(s->flags));
	put(value, member_cgroup, &s->cgroup, sizeof(s->cgroup));
	put(value, member_space, &s->space, sizeof(s->space));
	put(value, member_timeout, &s->timeout_us, sizeof(s->timeout_us));
	put(value, member_prio, &s->prio, sizeof(s->prio));
	err = bpf_map_update_elem(fd, &zero, value, 0);
	free(value);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static void write_settings(const struct policy *p, struct pairing_settings *set)
{
	__u32 zero = 0;

	set->ends_only = p->ends_only;
	bpf_map_update_elem(p->settings, &zero, set, BPF_ANY);
}

static void choose_hooks(struct policy *p, uint32_t without, uint32_t ends_only)
{
	unsigned int g;
	size_t i;

	p->ends_only = ends_only;
	p->hooks = 0;
	for (i = 0; i < HOOKS; i++) {
		g = hooks[i].group;
		if (g != NONE && (without & 1U << g || (p->ends_only & 1U << g && !hooks[i].end)))
			continue;
		p->hooks |= 1U << i;
	}
}

static int load(struct policy *p, const struct scope *s, struct pairing_settings *set)
{
	int map;

	p->audit = s->flags & AUDIT;
	write_settings(p, set);
	map = make_map(p, s);
	if (map < 0)
		return map;
	p->link = bpf_link_create(map, 0, BPF_STRUCT_OPS, NULL);
	/* The link keeps it. */
	close(map);
	if (p->link >= 0)
		return 0;
	map = p->link;
	p->link = -1;
	return map;
}

/* With hooks of all groups but @without, a bit for each. 0, or -errno. */
int policy_load_without(unsigned int i, const struct scope *s, struct pairing_settings *set,
			uint32_t without)
{
	choose_hooks(&policies[i], without, 0);
	return load(&policies[i], s, set);
}

/* With mostly all hooks; of some groups none, or only the end. 0, or -errno. */
int policy_load(unsigned int i, const struct scope *s, struct pairing_settings *set, uint64_t *rng)
{
	uint32_t without = 0, ends_only = 0;
	unsigned int g;

	for (g = 0; g < GROUP_NR; g++) {
		uint32_t n = draw_of(rng, 12);

		if (n == 0)
			without |= 1U << g;
		else if (n == 1)
			ends_only |= 1U << g;
	}
	choose_hooks(&policies[i], without, ends_only);
	return load(&policies[i], s, set);
}

/*
 * With the same hooks, so that what has begun can end. Its programs share their
 * settings with those that they replace, so whether a refusal counts stays as it
 * was. 0, or -errno.
 */
int policy_replace(unsigned int i, struct scope *s, struct pairing_settings *set)
{
	struct policy *p = &policies[i];
	int map, err;

	s->flags = (s->flags & ~(uint64_t)AUDIT) | (p->audit ? AUDIT : 0);
	set->audit = p->audit;
	write_settings(p, set);
	map = make_map(p, s);
	if (map < 0)
		return map;
	err = bpf_link_update(p->link, map, NULL);
	close(map);
	return err;
}

void policy_unload(unsigned int i)
{
	struct policy *p = &policies[i];

	bpf_link_detach(p->link);
	close(p->link);
	p->link = -1;
}

/* At its next call of hook @in it does @act. */
void policy_order(unsigned int i, uint32_t act, uint32_t in)
{
	struct pairing_settings set;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(policies[i].settings, &zero, &set))
		return;
	set.act = act;
	set.act_in = in;
	bpf_map_update_elem(policies[i].settings, &zero, &set, BPF_ANY);
}

/* What a file of its folder says; empty if it cannot be read. */
void policy_state(unsigned int i, const char *file, char text[64])
{
	char path[128];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), SYSFS "/policies/%s/%s", policies[i].name, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, 63);
		close(fd);
	}
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
}

bool policy_books(unsigned int i, struct pairing_books *b)
{
	__u32 zero = 0;

	return !bpf_map_lookup_elem(policies[i].books, &zero, b);
}

/* Every entry that is not at zero, for people. */
void policy_list(unsigned int i)
{
	const struct policy *p = &policies[i];
	struct pairing_attached at, *after = NULL;
	struct pairing_thread thread;
	struct pairing_space space;
	__u32 key, *last = NULL;
	__s64 n;

	while (!bpf_map_get_next_key(p->spaces, last, &key)) {
		last = &key;
		if (!bpf_map_lookup_elem(p->spaces, &key, &space) &&
		    (space.open || space.pages || space.pins))
			printf("# %s: space %u: open %lld, pages %lld, pins %lld\n", p->name, key,
			       space.open, space.pages, space.pins);
	}
	last = NULL;
	while (!bpf_map_get_next_key(p->threads, last, &key)) {
		last = &key;
		if (!bpf_map_lookup_elem(p->threads, &key, &thread) &&
		    (thread.attaches || thread.maps || thread.unmaps))
			printf("# %s: thread %u: attaches %lld, maps %lld, unmaps %lld\n", p->name,
			       key, thread.attaches, thread.maps, thread.unmaps);
	}
	while (!bpf_map_get_next_key(p->groups, after, &at)) {
		after = &at;
		if (!bpf_map_lookup_elem(p->groups, &at, &n) && n)
			printf("# %s: space %u, group %u: attached %lld\n", p->name, at.space,
			       at.group, n);
	}
}

static void empty(int map, void *key)
{
	while (!bpf_map_get_next_key(map, NULL, key))
		bpf_map_delete_elem(map, key);
}

/* Nothing is open: all entries are zeros. */
void policy_clean(unsigned int i)
{
	struct pairing_attached at;
	__u32 key;

	empty(policies[i].spaces, &key);
	empty(policies[i].threads, &key);
	empty(policies[i].groups, &at);
}
