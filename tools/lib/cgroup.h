/* SPDX-License-Identifier: GPL-2.0-only */
/* Names and ids of cgroups (v2). */
#ifndef IOASID_LIB_CGROUP_H
#define IOASID_LIB_CGROUP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The id of a cgroup, as in bpf_get_current_cgroup_id(). @path is relative to
 * the cgroup file system ("/machine.slice/vm1") or a full path into it. Fails
 * with a line that says what to do.
 */
int cgroup_id(const char *path, uint64_t *id);

/*
 * The path of a cgroup that may or may not exist, or a pattern of paths, as the
 * kernel would spell it: from the root of the cgroup file system, with a leading
 * '/', no other at the end. Fails with a line that says what to do.
 */
int cgroup_spell(const char *path, char *buf, size_t size);

/* Does it exist? 1 or 0, or -1 with a line when something else is there. */
int cgroup_exists(const char *path);

/* How many levels a cgroup is below the root, for its ancestors' ids. */
int cgroup_level(const char *path, int *level);

/* The path of a cgroup, relative to the file system; -1 if it is gone. */
int cgroup_path(uint64_t id, char *buf, size_t size);

#endif
