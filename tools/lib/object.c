// SPDX-License-Identifier: GPL-2.0-only
/* See object.h. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpflog.h"
#include "btfval.h"
#include "loaded.h"
#include "object.h"
#include "say.h"
#include "text.h"

#ifndef BPF_DIR
#define BPF_DIR	"/usr/lib/ioasid/bpf"
#endif

/* BPF_F_LINK of linux/bpf.h, which older headers lack. */
#define MAP_F_LINK	(1U << 13)

/* Beside the program in the build tree, or installed. */
static int find_object(const char *name, char path[PATH_MAX])
{
	char exe[PATH_MAX];
	const char *dir = getenv("IOASID_BPF_DIR");
	ssize_t n;

	if (dir) {
		snprintf(path, PATH_MAX, "%s/%s.bpf.o", dir, name);
		if (!access(path, F_OK))
			return 0;
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 32);
	if (n > 0) {
		exe[n] = 0;
		*strrchr(exe, '/') = 0;
		if (snprintf(path, PATH_MAX, "%s/../bpf/%s.bpf.o", exe, name) < PATH_MAX &&
		    !access(path, F_OK))
			return 0;
	}
	snprintf(path, PATH_MAX, BPF_DIR "/%s.bpf.o", name);
	return access(path, F_OK);
}

static int choose_file(struct object *o, const char *file_or_name)
{
	if (strchr(file_or_name, '/') || strstr(file_or_name, ".o")) {
		snprintf(o->path, sizeof(o->path), "%s", file_or_name);
		if (access(o->path, R_OK))
			return fail("cannot read '%s': %s", o->path, strerror(errno));
		return 0;
	}
	if (find_object(file_or_name, o->path))
		return fail("no policy '%s' is installed in " BPF_DIR ": give the path of its .bpf.o",
			    file_or_name);
	return 0;
}

/* libbpf leaves out what follows three underlines: a version of the type, "___v2". */
static bool is_ops(const char *type)
{
	const char *name = "ioasid_policy_ops";

	return !strncmp(type, name, strlen(name)) &&
	       (!type[strlen(name)] || !strncmp(type + strlen(name), "___", 3));
}

/* There must be exactly one policy, and it must hang on a link. */
static int find_ops(struct object *o)
{
	const struct btf_type *t;
	struct bpf_map *map;

	bpf_object__for_each_map(map, o->bpf) {
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		t = btf__type_by_id(o->btf, bpf_map__btf_value_type_id(map));
		if (!t || !is_ops(btf__name_by_offset(o->btf, t->name_off)))
			continue;
		if (o->ops)
			return fail("'%s' holds more than one policy: split it", o->path);
		o->ops = map;
		o->ops_type = bpf_map__btf_value_type_id(map);
	}
	if (!o->ops)
		return fail("'%s' holds no policy: it needs a struct ioasid_policy_ops in SEC(\".struct_ops.link\")",
			    o->path);
	if (!(bpf_map__map_flags(o->ops) & MAP_F_LINK))
		return fail("the policy in '%s' is in SEC(\".struct_ops\"): use SEC(\".struct_ops.link\")",
			    o->path);
	return 0;
}

/* The policy's data members, and where libbpf keeps them until the load. */
static char *ops_data(const struct object *o)
{
	size_t size;

	return bpf_map__initial_value(o->ops, &size);
}

static int read_name(struct object *o)
{
	struct btfval_place at = { .type = o->ops_type };

	if (!btfval_member(o->btf, o->ops_type, "name", &at))
		return fail("the struct ioasid_policy_ops in '%s' has no name: compile it with ioasid/policy.h",
			    o->path);
	snprintf(o->name, sizeof(o->name), "%.*s", (int)sizeof(o->name) - 1,
		 ops_data(o) + at.offset);
	if (!o->name[0])
		return fail("the policy in '%s' has no name: set .name", o->path);
	if (strspn(o->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") !=
	    strlen(o->name) || o->name[0] == '.')
		return fail("'%s' cannot be the name of a policy: use letters, digits, '_' and '-'",
			    o->name);
	return 0;
}

int object_open(struct object *o, const char *file_or_name)
{
	char reason[512];

	memset(o, 0, sizeof(*o));
	if (choose_file(o, file_or_name))
		return -1;
	o->bpf = bpf_object__open_file(o->path, NULL);
	if (!o->bpf)
		return fail("'%s' is not a BPF object: %s", o->path,
			    bpflog_reason(reason, sizeof(reason)));
	o->btf = bpf_object__btf(o->bpf);
	if (!o->btf || find_ops(o) || read_name(o)) {
		if (!o->btf)
			fail("'%s' has no type information: compile it with -g", o->path);
		object_close(o);
		return -1;
	}
	return 0;
}

void object_close(struct object *o)
{
	bpf_object__close(o->bpf);
	memset(o, 0, sizeof(*o));
}

/* A global variable called @name: its type and its value in memory. */
static char *find_variable(const struct object *o, const char *name, struct btfval_place *place)
{
	struct bpf_map *map;
	size_t size;

	bpf_object__for_each_map(map, o->bpf) {
		const struct btf_type *t = btf__type_by_id(o->btf, bpf_map__btf_value_type_id(map));

		if (!t || !btf_is_datasec(t))
			continue;
		for (int i = 0; i < btf_vlen(t); i++) {
			const struct btf_var_secinfo *v = btf_var_secinfos(t) + i;
			const struct btf_type *var = btf__type_by_id(o->btf, v->type);

			if (strcmp(btf__name_by_offset(o->btf, var->name_off), name))
				continue;
			place->type = var->type;
			place->offset = v->offset;
			return bpf_map__initial_value(map, &size);
		}
	}
	return NULL;
}

static void list_variables(const struct object *o, char *buf, size_t size)
{
	struct bpf_map *map;
	size_t used = 0;

	buf[0] = 0;
	bpf_object__for_each_map(map, o->bpf) {
		const struct btf_type *t = btf__type_by_id(o->btf, bpf_map__btf_value_type_id(map));

		if (!t || !btf_is_datasec(t) || !strstr(bpf_map__name(map), ".rodata"))
			continue;
		for (int i = 0; i < btf_vlen(t) && used < size; i++) {
			const struct btf_type *var =
				btf__type_by_id(o->btf, btf_var_secinfos(t)[i].type);

			used += (size_t)snprintf(buf + used, size - used, "%s, ",
						 btf__name_by_offset(o->btf, var->name_off));
		}
	}
}

/* "ACCOUNT|FAIL_CLOSED", also with commas, to the number. */
static int flags_number(const char *text, char *number, size_t size)
{
	uint64_t flags = 0;
	char copy[128], *word, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, "|,+"))) {
		if (!policy_flag(word))
			return -1;
		flags |= policy_flag(word);
	}
	snprintf(number, size, "%llu", (unsigned long long)flags);
	return 0;
}

/* A map by its name, but none of those that libbpf makes of sections. */
static struct bpf_map *find_map(const struct object *o, const char *name)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, o->bpf)
		if (map != o->ops && !strchr(bpf_map__name(map), '.') &&
		    !strcmp(bpf_map__name(map), name))
			return map;
	return NULL;
}

static int resize(struct object *o, struct bpf_map *map, const char *member, const char *value)
{
	uint64_t entries;

	if (strcmp(member, ".max_entries"))
		return fail("the map '%s' has nothing to set but %s.max_entries", bpf_map__name(map),
			    bpf_map__name(map));
	if (!parse_u64(value, &entries) || !entries || entries > UINT32_MAX)
		return fail("'%s' is not a number of entries for the map '%s': give 1 or more",
			    value, bpf_map__name(map));
	if (o->nr_resized == OBJECT_RESIZED_MAX)
		return fail("too many maps are resized: at most %d can be", OBJECT_RESIZED_MAX);
	if (bpf_map__set_max_entries(map, (__u32)entries))
		return fail("the map '%s' cannot be resized", bpf_map__name(map));
	o->resized[o->nr_resized++] = map;
	return 0;
}

bool object_resized(const struct object *o, const struct bpf_map *map)
{
	for (int i = 0; i < o->nr_resized; i++)
		if (o->resized[i] == map)
			return true;
	return false;
}

int object_set(struct object *o, const char *setting)
{
	char name[128], known[512], number[32], error[256];
	const char *value = strchr(setting, '=');
	struct btfval_place at = { .type = o->ops_type };
	size_t base = strcspn(setting, ".[=");
	struct bpf_map *map;
	char path[256];
	char *data;

	if (!value || !base || base >= sizeof(name))
		return fail("'%s' is not of the form variable=value", setting);
	snprintf(name, sizeof(name), "%.*s", (int)base, setting);
	snprintf(path, sizeof(path), "%.*s", (int)(value - setting - (ptrdiff_t)base),
		 setting + base);
	value++;

	data = find_variable(o, name, &at);
	if (!data && btfval_member(o->btf, o->ops_type, name, &at)) {
		data = ops_data(o);
		if (!strcmp(name, "flags") && !flags_number(value, number, sizeof(number)))
			value = number;
	}
	map = data ? NULL : find_map(o, name);
	if (map)
		return resize(o, map, path, value);
	if (!data) {
		list_variables(o, known, sizeof(known));
		return fail("'%s' has no variable '%s': it has %sflags, timeout_us, prio, space_id, cgroup_id, name",
			    o->path, name, known);
	}
	if (btfval_walk(o->btf, path, &at, error, sizeof(error)) ||
	    btfval_parse(o->btf, at.type, value, data + at.offset, error, sizeof(error)))
		return fail("cannot set '%s': %s", setting, error);
	return read_name(o);
}

/* The program of the hook that is member @i of the policy, or NULL. */
static struct bpf_program *program_of(const struct object *o, int i, char **member)
{
	const struct btf_member *m = btf_members(btf__type_by_id(o->btf, o->ops_type)) + i;
	struct bpf_program *prog;

	if (!btf_is_ptr(btfval_resolve(o->btf, m->type, NULL)))
		return NULL;
	*member = ops_data(o) + m->offset / 8;
	memcpy(&prog, *member, sizeof(prog));
	return prog;
}

/* The name of the hook that is member @i, if the module does not have it. */
static const char *unknown_hook(const struct object *o, int i)
{
	const struct btf_member *m = btf_members(btf__type_by_id(o->btf, o->ops_type)) + i;
	const char *name = btf__name_by_offset(o->btf, m->name_off);
	const struct policy_layout *l = policy_layout();
	struct btfval_place at;

	return l && !btfval_member(l->btf, l->ops_type, name, &at) ? name : NULL;
}

/*
 * libbpf leaves a program of SEC("?...") out unless a hook needs it, and refuses
 * a hook that the kernel does not have. Reading the module's types takes time, so
 * only objects with such programs are looked at.
 */
static void leave_out_optional(struct object *o)
{
	int n = btf_vlen(btf__type_by_id(o->btf, o->ops_type));
	struct bpf_program *prog;
	const char *name;
	char *member;

	for (int i = 0; i < n && o->nr_left_out < OBJECT_LEFT_OUT_MAX; i++) {
		prog = program_of(o, i, &member);
		name = prog && !bpf_program__autoload(prog) ? unknown_hook(o, i) : NULL;
		if (!name)
			continue;
		note("'%s' is loaded without its hook '%s', which the loaded ioasid.ko does not have",
		     o->path, name);
		memset(member, 0, sizeof(prog));
		o->left_out[o->nr_left_out++] = name;
	}
}

/* A hook that the policy cannot do without and the module does not have, or NULL. */
static const char *missing_hook(const struct object *o)
{
	int n = btf_vlen(btf__type_by_id(o->btf, o->ops_type));
	const char *name = NULL;
	char *member;

	for (int i = 0; i < n && !name; i++)
		if (program_of(o, i, &member))
			name = unknown_hook(o, i);
	return name;
}

int object_load(struct object *o)
{
	const char *missing;
	char reason[600];
	int err;

	leave_out_optional(o);
	err = bpf_object__load(o->bpf);
	if (!err)
		return 0;
	if (err == -EPERM)
		return fail("the kernel does not let this process load BPF programs: run it as root (CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN)");
	missing = missing_hook(o);
	if (missing)
		return fail("'%s' needs the hook '%s', which the loaded ioasid.ko does not have: load a newer module, or put its program in SEC(\"?struct_ops/%s\")",
			    o->path, missing, missing);
	return fail("cannot load '%s': %s (--debug shows more)", o->path,
		    bpflog_reason(reason, sizeof(reason)));
}
