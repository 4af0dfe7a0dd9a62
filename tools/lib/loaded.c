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
#include "sysfs.h"

/*
 * The kernel's answer to BPF_OBJ_GET_INFO_BY_FD for a link, spelt out because
 * the last field is newer than some linux/bpf.h.
 */
struct link_info {
	__u32 type, id, prog_id, pad;
	__u32 map_id;		/* of a struct_ops link */
	__u32 unused[31];
};

#define LINK_STRUCT_OPS	9

/* ---- the layout of what the kernel keeps, for writing it ---- */

/* The BTF object that the kernel made for ioasid.ko, or 0. */
static uint32_t module_btf_id(void)
{
	struct bpf_btf_info info;
	__u32 id = 0, len;
	char name[64];
	bool found;
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
		found = !bpf_obj_get_info_by_fd(fd, &info, &len) && info.kernel_btf &&
			!strcmp(name, "ioasid");
		close(fd);
		if (found)
			return id;
	}
	return 0;
}

const struct policy_layout *policy_layout(void)
{
	static struct policy_layout layout;
	struct btf *vmlinux, *btf = NULL;
	struct btfval_place at = {};
	int value;

	if (layout.btf)
		return &layout;
	vmlinux = btf__load_vmlinux_btf();
	if (vmlinux)
		btf = btf__load_from_kernel_by_id_split(module_btf_id(), vmlinux);
	value = btf ? btf__find_by_name_kind(btf, "bpf_struct_ops_ioasid_policy_ops",
					     BTF_KIND_STRUCT) : -1;
	if (value < 0 || !btfval_member(btf, (uint32_t)value, "data", &at)) {
		btf__free(btf);
		btf__free(vmlinux);
		return NULL;
	}
	layout.ops_type = at.type;
	layout.ops_offset = at.offset;
	layout.value_type = (uint32_t)value;
	layout.value_size = (size_t)btf__resolve_size(btf, (uint32_t)value);
	layout.btf = btf;
	return &layout;
}

/* ---- reading it ---- */

/*
 * The policy inside the value of its struct_ops map. The kernel puts a header
 * of its own before it, as long as a cache line; parsing all of the kernel's
 * BTF to learn how long that is takes longer than looking for the name.
 */
static const struct ioasid_policy_ops *find_ops(const char *value, size_t size, const char *name)
{
	const struct ioasid_policy_ops *ops;

	for (size_t at = 8; at + sizeof(*ops) <= size; at += 8) {
		ops = (const void *)(value + at);
		if (!strncmp(ops->name, name, sizeof(ops->name)))
			return ops;
	}
	return NULL;
}

/* Where a program is attached, the kernel shows its id. */
static void read_hooks(const struct ioasid_policy_ops *ops, struct loaded *p)
{
#define HOOK(op) { #op, offsetof(struct ioasid_policy_ops, op) }
	static const struct {
		const char *name;
		size_t offset;
	} hooks[] = {
		HOOK(init), HOOK(exit), HOOK(dump), HOOK(space_open), HOOK(space_close),
		HOOK(attach), HOOK(attached), HOOK(detach), HOOK(map_begin), HOOK(map_place),
		HOOK(map_workers), HOOK(map_batch), HOOK(charge), HOOK(uncharge),
		HOOK(map_done), HOOK(unmap_begin), HOOK(unmap_sync), HOOK(unmap_done), HOOK(access_pin),
		HOOK(access_unpin), HOOK(owner_change), HOOK(dirty), HOOK(map_at),
		HOOK(stale),
	};
#undef HOOK
	unsigned long prog;

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		memcpy(&prog, (const char *)ops + hooks[i].offset, sizeof(prog));
		if (!prog)
			continue;
		p->hooks[p->nr_hooks].name = hooks[i].name;
		p->hooks[p->nr_hooks++].prog = (uint32_t)prog;
	}
}

/* The one value of a struct_ops map, and its size; or NULL. */
static char *read_value(uint32_t id, size_t *size)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	int fd = bpf_map_get_fd_by_id(id);
	char *value = NULL;

	if (fd < 0)
		return NULL;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_MAP_TYPE_STRUCT_OPS)
		value = calloc(1, info.value_size);
	if (value && bpf_map_lookup_elem(fd, &zero, value)) {
		free(value);
		value = NULL;
	}
	close(fd);
	*size = info.value_size;
	return value;
}

/* Fills in @p if the map is that of the policy @p->name. */
static int read_map(uint32_t id, struct loaded *p)
{
	const struct ioasid_policy_ops *ops;
	size_t size;
	char *value = read_value(id, &size);

	ops = value ? find_ops(value, size, p->name) : NULL;
	if (ops) {
		p->map = id;
		p->flags = ops->flags;
		p->timeout_us = ops->timeout_us;
		read_hooks(ops, p);
	}
	free(value);
	return ops ? 0 : -1;
}

static uint32_t map_of_link(uint32_t id)
{
	struct link_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_link_get_fd_by_id(id), err;

	if (fd < 0)
		return 0;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	return !err && info.type == LINK_STRUCT_OPS ? info.map_id : 0;
}

int loaded_find(const char *name, struct loaded *policy)
{
	uint32_t map;

	if (!*name || strchr(name, '/') || strlen(name) >= sizeof(policy->name))
		return -1;
	memset(policy, 0, sizeof(*policy));
	snprintf(policy->name, sizeof(policy->name), "%s", name);
	policy->link = (uint32_t)sysfs_u64(SYSFS_IOASID "/policies/%s/id", name);
	map = policy->link ? map_of_link(policy->link) : 0;
	return map ? read_map(map, policy) : -1;
}

bool loaded_has_prog(const struct loaded *policy, uint32_t prog)
{
	for (int h = 0; h < policy->nr_hooks; h++)
		if (policy->hooks[h].prog == prog)
			return true;
	return false;
}

char *loaded_value(const struct loaded *policy)
{
	const struct policy_layout *l = policy_layout();
	size_t size;
	char *value = l ? read_value(policy->map, &size) : NULL;

	if (value && size < l->value_size) {
		free(value);
		value = NULL;
	}
	return value;
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
		struct bpf_map_info info = {};
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

int loaded_next_prog(uint32_t *id, struct bpf_prog_info *info)
{
	__u32 len;
	int fd;

	while (!bpf_prog_get_next_id(*id, id)) {
		fd = bpf_prog_get_fd_by_id(*id);
		if (fd < 0)
			continue;
		*info = (struct bpf_prog_info){};
		len = sizeof(*info);
		if (!bpf_obj_get_info_by_fd(fd, info, &len))
			return fd;
		close(fd);
	}
	return -1;
}

static bool shares_a_map(uint32_t prog, const uint32_t *maps, int n)
{
	uint32_t of_prog[LOADED_MAPS_MAX];
	int more = prog_maps(prog, of_prog, LOADED_MAPS_MAX);

	for (int i = 0; i < more; i++)
		for (int k = 0; k < n; k++)
			if (of_prog[i] == maps[k])
				return true;
	return false;
}

/* After a replacement the one before it may still be there; the last one counts. */
int loaded_syscall(const struct loaded *policy, const char *name)
{
	uint32_t maps[LOADED_MAPS_MAX];
	int n = loaded_maps(policy, maps), fd, found = -1;
	struct bpf_prog_info info;
	uint32_t id = 0;

	while ((fd = loaded_next_prog(&id, &info)) >= 0) {
		if (info.type != BPF_PROG_TYPE_SYSCALL ||
		    strncmp(info.name, name, sizeof(info.name) - 1) || !shares_a_map(id, maps, n)) {
			close(fd);
			continue;
		}
		if (found >= 0)
			close(found);
		found = fd;
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
