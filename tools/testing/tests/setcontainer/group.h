/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group whose container is a /dev/ioasid.
 */
#ifndef IOASID_TEST_GROUP_H
#define IOASID_TEST_GROUP_H

#include "lib/edu.h"
#include "lib/modules.h"

#define IOVA	EDU_IOVA
#define SIZE	(16 * PAGE)
#define MODULE	"ioasid_setcontainer"

/* VFIO_GROUP_SET_CONTAINER with any fd. */
static inline int group_set(int group, int fd)
{
	return ioctl(group, VFIO_GROUP_SET_CONTAINER, &fd);
}

/* How often the module is used: one for each attached group. */
static inline long long module_users(void)
{
	return file_number("/sys/module/" MODULE "/refcnt");
}

static inline long long tce(const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/ioasid_tce/parameters/%s", what);
	return file_number(path);
}

#endif
