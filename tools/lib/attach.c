// SPDX-License-Identifier: GPL-2.0-only
/* See attach.h. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "attach.h"
#include "btfval.h"
#include "pins.h"
#include "say.h"
#include "sysfs.h"

static int folder_of(const char *name, char dir[PATH_MAX])
{
	return snprintf(dir, PATH_MAX, PIN_ROOT "/%s", name) < PATH_MAX ? 0 : -1;
}

/* Variables and the policy itself are not pinned: no tool looks for them there. */
static bool is_plain_map(const struct object *o, const struct bpf_map *map)
{
	return map != o->ops && !strchr(bpf_map__name(map), '.') &&
	       bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS;
}

static void remove_folder(const char *dir)
{
	char path[PATH_MAX + 256];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

void forget_pins(const char *name)
{
	char dir[PATH_MAX];

	if (!folder_of(name, dir))
		remove_folder(dir);
}

int pinned_map(const char *policy, const char *map)
{
	char path[PATH_MAX];

	/* A pin may outlive its policy. */
	if (!sysfs_u64(SYSFS_IOASID "/policies/%s/id", policy) ||
	    snprintf(path, sizeof(path), PIN_ROOT "/%s/%s", policy, map) >= PATH_MAX)
		return -1;
	return bpf_obj_get(path);
}

static int make_folder(const char *dir)
{
	char parent[PATH_MAX], *slash;
	struct statfs fs;

	snprintf(parent, sizeof(parent), "%s", dir);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return fail("'%s' cannot hold pins: give a path below /sys/fs/bpf", dir);
	*slash = 0;
	if (!strcmp(parent, PIN_ROOT)) {
		if (statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC)
			return fail("no BPF file system: run 'mount -t bpf bpf /sys/fs/bpf'");
		mkdir(parent, 0700);
	}
	if (statfs(parent, &fs) || fs.f_type != BPF_FS_MAGIC)
		return fail("'%s' is not a folder in a BPF file system: give a path below /sys/fs/bpf",
			    parent);
	if (mkdir(dir, 0700))
		return fail("cannot make '%s': %s", dir,
			    errno == EEXIST ? "it exists; remove it or give another --pin" :
			    strerror(errno));
	return 0;
}

/* (Re)places the pins of the object's maps. */
static int pin_maps(struct object *o, const char *dir)
{
	char path[PATH_MAX + 64];
	struct bpf_map *map;

	bpf_object__for_each_map(map, o->bpf) {
		if (!is_plain_map(o, map))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, bpf_map__name(map));
		unlink(path);
		if (bpf_obj_pin(bpf_map__fd(map), path))
			return fail("cannot pin the map '%s' at %s: %s", bpf_map__name(map), path,
				    strerror(errno));
	}
	return 0;
}

/* (Re)places the pins of programs that are run by hand, SEC("syscall"). */
static int pin_programs(struct object *o, const char *dir)
{
	char path[PATH_MAX + 64];
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, o->bpf) {
		if (bpf_program__type(prog) != BPF_PROG_TYPE_SYSCALL)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, bpf_program__name(prog));
		unlink(path);
		if (bpf_obj_pin(bpf_program__fd(prog), path))
			return fail("cannot pin the program '%s' at %s: %s",
				    bpf_program__name(prog), path, strerror(errno));
	}
	return 0;
}

/* What to say when the kernel took the programs but not the policy. */
static int refused(const struct object *o, int err, const char *verb)
{
	char last[512];

	switch (err) {
	case EEXIST:
		return fail("a policy named '%s' is loaded already: 'ioasidctl policy unload %s' first, or 'policy replace', or --set name=...",
			    o->name, o->name);
	case EPERM:
		return fail("ioasid does not let this process load a policy: it needs CAP_SYS_ADMIN in the initial user namespace");
	case E2BIG:
		return fail("cannot %s '%s': too many policies are loaded; unload one ('ioasidctl policy list')",
			    verb, o->name);
	}
	if (sysfs_line(last, sizeof(last), SYSFS_IOASID "/last_exit") && strstr(last, o->name))
		return fail("cannot %s '%s': %s (last exit: %s)", verb, o->name, strerror(err),
			    last);
	return fail("cannot %s '%s': %s: its init() or ioasid refused it (--debug and 'dmesg' may say more)",
		    verb, o->name, strerror(err));
}

int attach_object(struct object *o, const char *dir, char pinned[PATH_MAX])
{
	char path[PATH_MAX + 64];
	struct bpf_link *link;
	int err;

	if (dir)
		snprintf(pinned, PATH_MAX, "%s", dir);
	else if (folder_of(o->name, pinned))
		return fail("the name '%s' is too long", o->name);
	if (make_folder(pinned))
		return -1;
	err = pin_maps(o, pinned) ?: pin_programs(o, pinned);
	if (err)
		goto remove;

	link = bpf_map__attach_struct_ops(o->ops);
	if (!link) {
		err = refused(o, errno, "load");
		goto remove;
	}
	snprintf(path, sizeof(path), "%s/link", pinned);
	err = bpf_link__pin(link, path);
	if (err)
		fail("cannot pin the policy at %s: %s", path, strerror(-err));
	/* The pin keeps it; without one this unloads it again. */
	bpf_link__destroy(link);
	if (!err)
		return 0;
remove:
	remove_folder(pinned);
	return -1;
}

/*
 * One map of the object takes the place of a new one if they are alike. The size
 * of the running one stays, unless another was asked for: what is in it counts.
 * Sets *@lost where the running policy has such a map, and the object does not get it.
 */
static int share_map(const struct object *o, struct bpf_map *map, const struct loaded *running,
		     bool *lost)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	uint32_t id = loaded_map(running, bpf_map__name(map));
	int fd = id ? bpf_map_get_fd_by_id(id) : -1, shared = 0;

	if (fd < 0) {
		*lost |= id;
		return 0;
	}
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == bpf_map__type(map) &&
	    info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    (info.max_entries == bpf_map__max_entries(map) || !object_resized(o, map)))
		shared = !bpf_map__reuse_fd(map, fd);
	close(fd);
	*lost |= !shared;
	return shared;
}

/*
 * The map "books" (ioasid/books.bpf.h) says that programs have what others have counted.
 * So it is kept only with all the rest: without it a policy that counts refuses.
 */
int replace_share_maps(struct object *o, const struct loaded *running)
{
	struct bpf_map *map, *books = NULL;
	bool lost = false;
	int n = 0;

	bpf_object__for_each_map(map, o->bpf) {
		if (!is_plain_map(o, map))
			continue;
		if (!strcmp(bpf_map__name(map), "books"))
			books = map;
		else
			n += share_map(o, map, running, &lost);
	}
	if (books && !lost)
		n += share_map(o, books, running, &lost);
	return n;
}

/*
 * What libbpf would write into the struct_ops map when it attaches: the data
 * members, and file descriptors where the programs go. libbpf does so only
 * together with making a link, and here the link is there already.
 */
static char *make_value(struct object *o, const struct policy_layout *l)
{
	const struct btf_type *t = btf__type_by_id(o->btf, o->ops_type);
	char *value = calloc(1, l->value_size), *from;
	size_t size;

	if (!value)
		return NULL;
	from = bpf_map__initial_value(o->ops, &size);
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *name = btf__name_by_offset(o->btf, m->name_off);
		struct btfval_place to = { .offset = l->ops_offset };
		struct bpf_program *prog;
		unsigned long fd;

		/* libbpf refused the load if this member meant anything. */
		if (!btfval_member(l->btf, l->ops_type, name, &to))
			continue;
		if (!btf_is_ptr(btfval_resolve(o->btf, m->type, NULL))) {
			memcpy(value + to.offset, from + m->offset / 8,
			       (size_t)btf__resolve_size(o->btf, m->type));
			continue;
		}
		memcpy(&prog, from + m->offset / 8, sizeof(prog));
		if (!prog)
			continue;
		fd = (unsigned long)bpf_program__fd(prog);
		memcpy(value + to.offset, &fd, sizeof(fd));
	}
	return value;
}

/* Where the link is pinned, under the name that attach_object() gives it. */
static void repin(struct object *o, const struct loaded *running)
{
	struct pin *pins;
	int n = pins_read(&pins);
	char *slash;

	for (int i = 0; i < n; i++) {
		slash = strrchr(pins[i].path, '/');
		if (pins[i].kind != PIN_LINK || pins[i].id != running->link ||
		    !slash || strcmp(slash, "/link"))
			continue;
		*slash = 0;
		if (!pin_maps(o, pins[i].path))
			pin_programs(o, pins[i].path);
		break;
	}
	pins_free(pins, n);
}

int replace_object(struct object *o, const struct loaded *running)
{
	const struct policy_layout *l = policy_layout();
	__u32 zero = 0;
	char *value;
	int fd, err;

	value = l ? make_value(o, l) : NULL;
	if (!value)
		return fail("cannot read the type information of ioasid.ko: does /sys/kernel/btf/ioasid exist?");
	err = bpf_map_update_elem(bpf_map__fd(o->ops), &zero, value, 0);
	free(value);
	if (err)
		return refused(o, -err, "load");
	fd = bpf_link_get_fd_by_id(running->link);
	if (fd < 0)
		return fail("cannot open the link %u of policy '%s': %s", running->link,
			    running->name, strerror(errno));
	err = bpf_link_update(fd, bpf_map__fd(o->ops), NULL);
	close(fd);
	if (err)
		return refused(o, -err, "replace");
	repin(o, running);
	return 0;
}

int detach_policy(const struct loaded *running)
{
	if (loaded_detach(running))
		return -1;
	forget_pins(running->name);
	return 0;
}
