/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading the project's modules from C.
 */
#ifndef IOASID_TEST_MODULES_H
#define IOASID_TEST_MODULES_H

#include "lib/container.h"

static inline int module_load(const char *name)
{
	struct utsname system;
	char path[256];
	int fd, ret;

	uname(&system);
	snprintf(path, sizeof(path), "build/%s/%s.ko", system.release, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ret;
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
