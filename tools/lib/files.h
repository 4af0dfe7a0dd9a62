/* SPDX-License-Identifier: GPL-2.0-only */
/* Which process has which VFIO container, group, device or /dev/ioasid open. */
#ifndef IOASID_LIB_FILES_H
#define IOASID_LIB_FILES_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct vfio_file - an open file of a process
 * @pid: process
 * @fd: its number there
 * @kind: "container", "group", "device" or "ioasid"
 * @backend: of a container the name of its IOMMU driver, "none" before
 *	VFIO_SET_IOMMU; of a device its name; else "-" or "ioasid"
 * @object: the same for two fds of one open file
 * @group: IOMMU group of a group or a device, or -1
 * @container: @object of the container that it is in, or 0
 * @comm: name of the process
 */
struct vfio_file {
	int pid;
	int fd;
	char kind[12];
	char backend[24];
	uint64_t object;
	int group;
	uint64_t container;
	char comm[16];
};

/*
 * All of them, of this pid namespace; only the first of several fds of one
 * file in one process. Returns their number, or -1 after a line that says what
 * to do. Needs CAP_SYS_ADMIN; free() the list.
 */
int read_vfio_files(struct vfio_file **list);

/* Is it a container on ioasid, or a /dev/ioasid? */
bool vfio_file_is_ours(const struct vfio_file *f);

#endif
