/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading the project's modules from C.
 */
#ifndef IOASID_TEST_MODULES_H
#define IOASID_TEST_MODULES_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Loads the module in a file; 0, or -1 with errno. */
static inline int module_insert(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ret;
}

/* Loads a module of ours. */
static inline int module_load(const char *name)
{
	struct utsname system;
	char path[256];

	uname(&system);
	snprintf(path, sizeof(path), "build/%s/%s.ko", system.release, name);
	return module_insert(path);
}

/* Fails with EWOULDBLOCK while it is in use. */
static inline int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

static inline bool modules_load(void)
{
	return !module_load("ioasid") && !module_load("ioasid_vfio");
}

static inline bool modules_unload(void)
{
	return !module_unload("ioasid_vfio") && !module_unload("ioasid");
}

#endif
