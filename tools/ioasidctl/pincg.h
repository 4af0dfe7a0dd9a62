/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of a loaded pincg, for the commands 'ioasidctl pincg ...'. */
#ifndef IOASIDCTL_PINCG_H
#define IOASIDCTL_PINCG_H

#include <linux/types.h>
#include <stdbool.h>

#include <ioasid/pincg.h>

#include "../lib/loaded.h"

/* ioasid/pincg.h says what is in them. */
struct pincg {
	struct loaded policy;
	int paths, patterns;
	const struct pincg_slot *slots;	/* the policy's own, to be read */
	__u32 nr_slots;
};

/* false, without a message, when none is loaded. */
bool pincg_find(struct pincg *p);
/* Likewise, with a line that says what to do; 0 or -1. */
int pincg_open(struct pincg *p);
void pincg_close(struct pincg *p);

/* Copies a slot that is a cgroup's; false if it is not. */
bool pincg_slot_read(const struct pincg *p, __u32 i, struct pincg_slot *slot);

int pincg_list(int argc, char **argv);

#endif
