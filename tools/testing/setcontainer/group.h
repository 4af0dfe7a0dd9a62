/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group whose container is a /dev/ioasid.
 */
#ifndef IOASID_TEST_GROUP_H
#define IOASID_TEST_GROUP_H

#include "lifetime/edu.h"
#include "lifetime/modules.h"

#define IOVA	0x4000000ULL	/* where edu reaches */
#define SIZE	(16 * PAGE)
#define MODULE	"ioasid_setcontainer"

/* VFIO_GROUP_SET_CONTAINER with any fd. */
static inline int group_set(int group, int fd)
{
	return ioctl(group, VFIO_GROUP_SET_CONTAINER, &fd);
}

/* A number in a file of /sys, or -1. */
static inline long long read_sysfs(const char *path)
{
	long long value = -1;
	FILE *file = fopen(path, "re");

	if (file && fscanf(file, "%lld", &value) != 1)
		value = -1;
	if (file)
		fclose(file);
	return value;
}

/* How often the module is used: one for each attached group. */
static inline long long module_users(void)
{
	return read_sysfs("/sys/module/" MODULE "/refcnt");
}

static inline long long tce(const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/ioasid_tce/parameters/%s", what);
	return read_sysfs(path);
}

/* What /proc says about a /dev/ioasid, or -1. */
static inline long long fd_number(int fd, const char *key)
{
	char path[64], line[256];
	size_t n = strlen(key);
	long long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, n) && line[n] == ':')
			value = atoll(line + n + 1);
	fclose(file);
	return value;
}

#endif
