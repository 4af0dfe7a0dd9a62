/* SPDX-License-Identifier: GPL-2.0-only */
/* A BPF object file that holds one policy. */
#ifndef IOASID_LIB_OBJECT_H
#define IOASID_LIB_OBJECT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

struct bpf_map;
struct bpf_object;
struct btf;

#define OBJECT_RESIZED_MAX	16
#define OBJECT_LEFT_OUT_MAX	8

struct object {
	char path[PATH_MAX];
	char name[IOASID_POLICY_NAME_LEN];
	struct bpf_object *bpf;
	struct bpf_map *ops;		/* the struct ioasid_policy_ops in it */
	const struct btf *btf;
	uint32_t ops_type;		/* struct ioasid_policy_ops in @btf */
	const struct bpf_map *resized[OBJECT_RESIZED_MAX];
	int nr_resized;
	const char *left_out[OBJECT_LEFT_OUT_MAX];	/* hooks, by object_load() */
	int nr_left_out;
};

/*
 * Opens a file, or the installed policy of that name. All functions here fail
 * with a line that says what to do.
 */
int object_open(struct object *o, const char *file_or_name);

/*
 * "variable=value" for a global variable of the object, an element or member of
 * one ("range[0].first=4096"), a data member of the policy ("flags=ACCOUNT"), or
 * the size of a map ("spaces.max_entries=16"). Before object_load().
 */
int object_set(struct object *o, const char *setting);

/* Was the size of @map set with object_set()? */
bool object_resized(const struct object *o, const struct bpf_map *map);

/*
 * Verifies the programs and creates the maps. A hook that the loaded module
 * lacks is left out, with a note, if its program is optional (SEC("?...")).
 */
int object_load(struct object *o);

void object_close(struct object *o);

#endif
