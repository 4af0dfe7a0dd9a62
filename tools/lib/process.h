/* SPDX-License-Identifier: GPL-2.0-only */
/* What procfs says of a process. */
#ifndef IOASID_LIB_PROCESS_H
#define IOASID_LIB_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROCESS_UNLIMITED	UINT64_MAX

/* Bytes locked (VmLck), and RLIMIT_MEMLOCK. Both 0 if it is gone. */
uint64_t process_locked(int pid);
uint64_t process_memlock(int pid);

/* Does nothing limit it, since it has CAP_IPC_LOCK? */
bool process_may_lock(int pid);

/* Its cgroup (v2): "/machine.slice/vm1", or "-". */
const char *process_cgroup(int pid, char *buf, size_t size);

/* Ids of the address spaces that an open /dev/ioasid holds; returns how many. */
int process_spaces(int pid, int fd, unsigned int *ids, int room);

/*
 * Calls @each for the devices of the groups that are attached to those address spaces,
 * however they were attached; returns how many there are.
 */
int process_devices(int pid, int fd, int (*each)(const char *name, void *data), void *data);

#endif
