// SPDX-License-Identifier: GPL-2.0-only
/* See cgroup.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup.h"
#include "say.h"

/* The type of file handle that cgroupfs makes: nothing but the id. */
#define KERNFS_HANDLE	0xfe

/* Where cgroup2 is mounted; a hybrid set-up has it one level down. */
static const char *mount_point(void)
{
	static char found[PATH_MAX];
	char line[PATH_MAX + 256], where[PATH_MAX];
	const char *type;
	FILE *f;

	if (found[0])
		return found;
	f = fopen("/proc/self/mountinfo", "re");
	while (f && fgets(line, sizeof(line), f)) {
		type = strstr(line, " - ");
		if (type && !strncmp(type, " - cgroup2 ", 11) &&
		    sscanf(line, "%*s %*s %*s %*s %4095s", where) == 1) {
			snprintf(found, sizeof(found), "%s", where);
			break;
		}
	}
	if (f)
		fclose(f);
	return found[0] ? found : NULL;
}

static int resolve(const char *path, char full[PATH_MAX])
{
	const char *top = mount_point();
	char longer[PATH_MAX * 2];

	if (!top)
		return fail("no cgroup2 file system is mounted: run 'mount -t cgroup2 cgroup2 /sys/fs/cgroup'");
	if (!strncmp(path, top, strlen(top)))
		snprintf(longer, sizeof(longer), "%s", path);
	else
		snprintf(longer, sizeof(longer), "%s/%s", top, path);
	if (!realpath(longer, full))
		return fail("no cgroup '%s': %s does not exist; see 'systemd-cgls' or 'find %s -type d'",
			    path, longer, top);
	return 0;
}

int cgroup_id(const char *path, uint64_t *id)
{
	char full[PATH_MAX];
	struct statfs fs;
	struct stat st;

	if (resolve(path, full))
		return -1;
	if (statfs(full, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC ||
	    stat(full, &st) || !S_ISDIR(st.st_mode))
		return fail("'%s' is not a directory of the cgroup file system", path);
	*id = st.st_ino;
	return 0;
}

int cgroup_spell(const char *path, char *buf, size_t size)
{
	const char *top = mount_point(), *from = path;
	size_t len = top ? strlen(top) : 0, used = 0, n;

	if (top && !strncmp(path, top, len) && (!path[len] || path[len] == '/'))
		from += len;
	for (; *from; from += n) {
		from += strspn(from, "/");
		n = strcspn(from, "/");
		if ((n == 1 && from[0] == '.') || (n == 2 && !strncmp(from, "..", 2)))
			return fail("'%s' is not the path of a cgroup: leave out '.' and '..'", path);
		if (!n)
			break;
		if (used + n + 2 > size)
			return fail("'%s' is too long: at most %zu characters", path, size - 1);
		used += (size_t)sprintf(buf + used, "/%.*s", (int)n, from);
	}
	if (!used && !*path)
		return fail("'' is not the path of a cgroup: the root is '/'");
	if (!used)
		snprintf(buf, size, "/");
	return 0;
}

int cgroup_exists(const char *path)
{
	const char *top = mount_point();
	char full[PATH_MAX];
	struct stat st;

	if (!top)
		return fail("no cgroup2 file system is mounted: run 'mount -t cgroup2 cgroup2 /sys/fs/cgroup'");
	if (snprintf(full, sizeof(full), "%s/%s", top, path) >= (int)sizeof(full) || stat(full, &st))
		return 0;
	if (!S_ISDIR(st.st_mode))
		return fail("'%s' is not a directory of the cgroup file system", path);
	return 1;
}

int cgroup_level(const char *path, int *level)
{
	const char *top = mount_point();
	char full[PATH_MAX];

	if (resolve(path, full) || !top)
		return -1;
	*level = 0;
	for (const char *p = full + strlen(top); *p; p++)
		if (*p == '/' && p[1])
			++*level;
	return 0;
}

int cgroup_path(uint64_t id, char *buf, size_t size)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} h = { .handle = { .handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE } };
	char full[PATH_MAX], link[64];
	const char *top = mount_point();
	struct stat st;
	int mount, fd;
	ssize_t n;

	if (!top)
		return -1;
	mount = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount < 0)
		return -1;
	memcpy(h.room + offsetof(struct file_handle, f_handle), &id, sizeof(id));
	fd = open_by_handle_at(mount, &h.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(mount);
	if (fd < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, full, sizeof(full) - 1);
	close(fd);
	if (n < 0)
		return -1;
	full[n] = 0;
	/*
	 * A cgroup that is being removed still opens, and has " (deleted)" behind its name;
	 * so may have any other. Only the other is found by that name.
	 */
	n = (ssize_t)strlen(full);
	if (n >= 10 && !strcmp(full + n - 10, " (deleted)") && (stat(full, &st) || st.st_ino != id))
		return -1;
	if (!strncmp(full, top, strlen(top)))
		memmove(full, full + strlen(top), strlen(full + strlen(top)) + 1);
	snprintf(buf, size, "%s", full[0] ? full : "/");
	return 0;
}
