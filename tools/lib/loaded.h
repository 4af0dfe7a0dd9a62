/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All policies in the kernel: sysfs names them and their links, BPF reports the
 * rest. Needs CAP_SYS_ADMIN.
 */
#ifndef IOASID_LIB_LOADED_H
#define IOASID_LIB_LOADED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

#define LOADED_HOOKS_MAX	32
#define LOADED_MAPS_MAX		64

struct bpf_prog_info;

struct loaded_hook {
	const char *name;
	uint32_t prog;		/* BPF program id */
};

struct loaded {
	char name[IOASID_POLICY_NAME_LEN];
	uint32_t map;		/* id of the struct_ops map */
	uint32_t link;		/* id of the link */
	uint64_t flags;
	uint32_t timeout_us;
	int nr_hooks;
	struct loaded_hook hooks[LOADED_HOOKS_MAX];
};

/* By name: 0, or -1 without a message if there is none. */
int loaded_find(const char *name, struct loaded *policy);

/* Is the program of that id one of its hooks? */
bool loaded_has_prog(const struct loaded *policy, uint32_t prog);

/*
 * All of the struct_ops map, as the kernel shows it; its type is @value_type of
 * policy_layout(). NULL without a message; to be freed.
 */
char *loaded_value(const struct loaded *policy);

/* Ids of the maps that its programs use, variables included; returns their number. */
int loaded_maps(const struct loaded *policy, uint32_t ids[LOADED_MAPS_MAX]);
/* Id of the map called @name among them, or 0. */
uint32_t loaded_map(const struct loaded *policy, const char *name);

/*
 * The next program of the kernel after @id, 0 at first, as an fd; *id and *info are
 * those of it. -1 at the end. Programs that cannot be looked at are left out.
 */
int loaded_next_prog(uint32_t *id, struct bpf_prog_info *info);

/*
 * A program of SEC("syscall") that uses one of the policy's maps, as an fd; -1,
 * without a message, if none is loaded.
 */
int loaded_syscall(const struct loaded *policy, const char *name);

/* Unloads the policy. Fails with a line that says what to do. */
int loaded_detach(const struct loaded *policy);

/*
 * struct bpf_struct_ops_ioasid_policy_ops, what the kernel keeps in a
 * struct_ops map: found in the module's BTF, since its layout is the kernel's.
 */
struct policy_layout {
	const struct btf *btf;
	uint32_t ops_type;	/* struct ioasid_policy_ops */
	size_t ops_offset;	/* where it is in the value */
	uint32_t value_type;	/* the whole of it */
	size_t value_size;
};

/* NULL, without a message, when the module is not loaded or has no BTF. */
const struct policy_layout *policy_layout(void);

#endif
