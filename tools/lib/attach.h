/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy between file and kernel. Its folder in the BPF file system is
 * <PIN_ROOT>/<policy>: "link" keeps it attached after the loader has gone, and
 * its maps, and programs of SEC("syscall"), are there under their names. 'rm -r' of the folder unloads it.
 */
#ifndef IOASID_LIB_ATTACH_H
#define IOASID_LIB_ATTACH_H

#include <limits.h>

#include "loaded.h"
#include "object.h"

#define PIN_ROOT	"/sys/fs/bpf/ioasid"

/* The pinned map of a loaded policy as an fd, or -1 without a message. */
int pinned_map(const char *policy, const char *map);

/* All fail with a line that says what to do. */

/* Attaches a loaded object and pins it in @dir, or in the usual folder if NULL. */
int attach_object(struct object *o, const char *dir, char pinned[PATH_MAX]);

/*
 * Before object_load(): lets @o use the maps of a running policy that have the
 * same name and form, so that counters survive. Returns how many. The map "books" is
 * one of them only if no other is lost.
 */
int replace_share_maps(struct object *o, const struct loaded *running);
/* Puts a loaded object in the place of a running policy; it is never absent. */
int replace_object(struct object *o, const struct loaded *running);

/* Detaches a policy and removes its folder. */
int detach_policy(const struct loaded *running);

/* Removes what a policy that is not loaded left behind in its usual folder. */
void forget_pins(const char *name);

#endif
