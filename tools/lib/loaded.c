// SPDX-License-Identifier: GPL-2.0-only
/* See loaded.h. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "btfval.h"
#include "loaded.h"
#include "say.h"

/*
 * The kernel's answers to BPF_OBJ_GET_INFO_BY_FD, as far as they matter here,
 * spelt out because the fields are newer than some linux/bpf.h.
 */
struct map_info {
	__u32 type, id, key_size, value_size, max_entries, map_flags;
	char name[16];
	__u32 ifindex, btf_vmlinux_value_type_id;
	__u64 netns_dev, netns_ino;
	__u32 btf_id, btf_key_type_id, btf_value_type_id, btf_vmlinux_id;
	__u64 map_extra;
};

struct link_info {
	__u32 type, id, prog_id, pad;
	__u32 map_id;		/* of a struct_ops link */
	__u32 unused[31];
};

#define LINK_STRUCT_OPS	9

static uint32_t module_btf_id;	/* of ioasid.ko, in the kernel */

/* The BTF object that the kernel made for ioasid.ko. */
static int find_module_btf(void)
{
	struct bpf_btf_info info;
	char name[64];
	__u32 id = 0, len;
	int fd;

	while (!bpf_btf_get_next_id(id, &id)) {
		fd = bpf_btf_get_fd_by_id(id);
		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		name[0] = 0;
		info.name = (uintptr_t)name;
		info.name_len = sizeof(name);
		len = sizeof(info);
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.kernel_btf &&
		    !strcmp(name, "ioasid"))
			module_btf_id = id;
		close(fd);
		if (module_btf_id)
			return 0;
	}
	return -1;
}

const struct policy_layout *policy_layout(void)
{
	static struct policy_layout layout;
	struct btfval_place at;
	struct btf *vmlinux, *btf;
	int value;

	if (layout.btf)
		return &layout;
	if (!module_btf_id && find_module_btf())
		return NULL;
	vmlinux = btf__load_vmlinux_btf();
	if (!vmlinux)
		return NULL;
	btf = btf__load_from_kernel_by_id_split(module_btf_id, vmlinux);
	if (!btf)
		goto free_vmlinux;
	value = btf__find_by_name_kind(btf, "bpf_struct_ops_ioasid_policy_ops", BTF_KIND_STRUCT);
	if (value < 0)
		goto free_btf;
	at = (struct btfval_place){ .type = (uint32_t)value };
	if (!btfval_member(btf, (uint32_t)value, "data", &at))
		goto free_btf;
	layout.ops_type = at.type;
	layout.ops_offset = at.offset;
	layout.value_size = (size_t)btf__resolve_size(btf, (uint32_t)value);
	layout.btf = btf;
	return &layout;

free_btf:
	btf__free(btf);
free_vmlinux:
	btf__free(vmlinux);
	return NULL;
}

static const char *member_at(const struct policy_layout *l, const char *value, const char *name)
{
	struct btfval_place at = { .offset = l->ops_offset };

	return btfval_member(l->btf, l->ops_type, name, &at) ? value + at.offset : NULL;
}

/* Where a program was attached, the kernel shows its id. */
static void read_hooks(const struct policy_layout *l, const char *value, struct loaded *p)
{
	const struct btf_type *t = btf__type_by_id(l->btf, l->ops_type);

	for (int i = 0; i < btf_vlen(t) && p->nr_hooks < LOADED_HOOKS_MAX; i++) {
		const struct btf_member *m = btf_members(t) + i;
		struct loaded_hook *hook = &p->hooks[p->nr_hooks];
		unsigned long prog;

		if (!btf_is_ptr(btfval_resolve(l->btf, m->type, NULL)))
			continue;
		memcpy(&prog, value + l->ops_offset + m->offset / 8, sizeof(prog));
		if (!prog)
			continue;
		hook->prog = (uint32_t)prog;
		snprintf(hook->name, sizeof(hook->name), "%s",
			 btf__name_by_offset(l->btf, m->name_off));
		p->nr_hooks++;
	}
}

static int read_policy(int map_fd, struct loaded *p)
{
	const struct policy_layout *l = policy_layout();
	const char *member;
	__u32 zero = 0;
	char *value;
	int err = -1;

	value = l ? calloc(1, l->value_size) : NULL;
	if (!value || bpf_map_lookup_elem(map_fd, &zero, value))
		goto out;
	member = member_at(l, value, "name");
	/* A map that was never registered reads as zeroes. */
	if (!member || !*member)
		goto out;
	snprintf(p->name, sizeof(p->name), "%.*s", (int)sizeof(p->name) - 1, member);
	member = member_at(l, value, "flags");
	if (member)
		memcpy(&p->flags, member, sizeof(p->flags));
	member = member_at(l, value, "timeout_us");
	if (member)
		memcpy(&p->timeout_us, member, sizeof(p->timeout_us));
	read_hooks(l, value, p);
	err = 0;
out:
	free(value);
	return err;
}

/* Fills in @p if the map is a policy's. */
static int read_map(uint32_t id, struct loaded *p)
{
	struct map_info info = {};
	__u32 len = sizeof(info);
	int fd, err = -1;

	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return -1;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_MAP_TYPE_STRUCT_OPS &&
	    info.btf_vmlinux_id && info.btf_vmlinux_id == module_btf_id) {
		p->map = id;
		err = read_policy(fd, p);
	}
	close(fd);
	return err;
}

static int add(struct loaded **list, int n, const struct loaded *p)
{
	struct loaded *more = realloc(*list, sizeof(*p) * (size_t)(n + 1));

	if (!more)
		return n;
	more[n] = *p;
	*list = more;
	return n + 1;
}

int loaded_list(struct loaded **list)
{
	struct link_info info;
	__u32 id = 0, len;
	int n = 0, fd;

	*list = NULL;
	if (find_module_btf())
		return 0;
	while (!bpf_link_get_next_id(id, &id)) {
		struct loaded p = { .link = id };

		fd = bpf_link_get_fd_by_id(id);
		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == LINK_STRUCT_OPS &&
		    info.map_id && !read_map(info.map_id, &p))
			n = add(list, n, &p);
		close(fd);
	}
	return errno == EPERM ? -1 : n;
}

int loaded_find(const char *name, struct loaded *policy)
{
	struct loaded *list;
	int n = loaded_list(&list), found = -1;

	for (int i = 0; i < n; i++) {
		if (strcmp(list[i].name, name))
			continue;
		*policy = list[i];
		found = 0;
	}
	free(list);
	return found;
}

static int prog_maps(uint32_t prog, uint32_t *ids, uint32_t room)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog), err;

	if (fd < 0)
		return 0;
	info.nr_map_ids = room;
	info.map_ids = (uintptr_t)ids;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err)
		return 0;
	return (int)(info.nr_map_ids < room ? info.nr_map_ids : room);
}

int loaded_maps(const struct loaded *policy, uint32_t ids[LOADED_MAPS_MAX])
{
	uint32_t of_prog[LOADED_MAPS_MAX];
	int n = 0, more, known;

	for (int h = 0; h < policy->nr_hooks; h++) {
		more = prog_maps(policy->hooks[h].prog, of_prog, LOADED_MAPS_MAX);
		for (int i = 0; i < more; i++) {
			for (known = 0; known < n && ids[known] != of_prog[i]; known++)
				;
			if (known == n && n < LOADED_MAPS_MAX)
				ids[n++] = of_prog[i];
		}
	}
	return n;
}

uint32_t loaded_map(const struct loaded *policy, const char *name)
{
	uint32_t ids[LOADED_MAPS_MAX], found = 0;
	int n = loaded_maps(policy, ids);

	for (int i = 0; i < n && !found; i++) {
		struct map_info info = {};
		__u32 len = sizeof(info);
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) &&
		    !strncmp(info.name, name, sizeof(info.name) - 1))
			found = ids[i];
		close(fd);
	}
	return found;
}

int loaded_detach(const struct loaded *policy)
{
	int fd = bpf_link_get_fd_by_id(policy->link), err;

	if (fd < 0)
		return fail("cannot open the link %u of policy '%s': %s", policy->link,
			    policy->name, strerror(errno));
	err = bpf_link_detach(fd);
	close(fd);
	if (err)
		return fail("cannot detach policy '%s': %s", policy->name, strerror(-err));
	return 0;
}
