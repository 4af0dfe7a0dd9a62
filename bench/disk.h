/* SPDX-License-Identifier: GPL-2.0-only */
/* The block devices of an NVMe controller, and whether they are in use. */
#ifndef BENCH_DISK_H
#define BENCH_DISK_H

#include "pci.h"

#define DISK_MAX_NODES 128

/* Exclusive fds that keep others from claiming the disk meanwhile. */
struct disk_hold {
	int fd[DISK_MAX_NODES];
	unsigned int count;
};

/**
 * disk_hold_idle() - claim every namespace of @bdf, if idle
 *
 * A namespace or partition is in use when it is mounted, is swap, has holders (dm, md,
 * LVM), or is open in any process. The claim lasts until disk_release().
 *
 * Return: 0, or -1 with a line that says who uses what.
 */
int disk_hold_idle(const char *bdf, struct disk_hold *hold);
void disk_release(struct disk_hold *hold);

#endif
