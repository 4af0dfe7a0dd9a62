// SPDX-License-Identifier: GPL-2.0-only
/* See sysfs.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"
#include "sysfs.h"

int read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	err = n < 0 ? -errno : n ? 0 : -ENODATA;
	close(fd);
	if (err)
		return err;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

uint64_t read_number(const char *path, uint64_t missing)
{
	char buf[64], *end;
	uint64_t n;

	if (read_line(path, buf, sizeof(buf)))
		return missing;
	n = strtoull(buf, &end, 0);
	return end == buf ? missing : n;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err;
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	err = n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
	close(fd);
	return err;
}

bool sysfs_line(char *buf, size_t size, const char *fmt, ...)
{
	char path[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return !read_line(path, buf, size);
}

uint64_t sysfs_u64(const char *fmt, ...)
{
	char path[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return read_number(path, 0);
}

bool module_loaded(const char *module)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return !access(path, F_OK);
}

int module_position(const char *module)
{
	FILE *f = fopen("/proc/modules", "re");
	int position = 0, found = -1;
	char line[1024], name[64];

	if (!f)
		return -1;
	for (; fgets(line, sizeof(line), f); position++) {
		if (sscanf(line, "%63s", name) == 1 && !strcmp(name, module)) {
			found = position;
			break;
		}
	}
	fclose(f);
	return found;
}

int need_module(void)
{
	if (module_loaded("ioasid"))
		return 0;
	return fail("the module ioasid is not loaded: run 'modprobe ioasid'");
}

int need_admin(const char *what)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (!syscall(SYS_capget, &header, data) &&
	    data[0].effective & (1u << CAP_SYS_ADMIN))
		return 0;
	return fail("%s needs CAP_SYS_ADMIN (it covers CAP_BPF and CAP_PERFMON): run this as root",
		    what);
}

bool btf_is_of_another_kernel(void)
{
	char state[256];

	return sysfs_line(state, sizeof(state), SYSFS_IOASID "/hooks") &&
	       strstr(state, "another kernel");
}

int fail_without_btf(void)
{
	if (btf_is_of_another_kernel())
		return fail("the BTF of the loaded ioasid.ko is of another kernel: build the module for this very kernel");
	return fail("the loaded ioasid.ko has no BTF: build it with pahole (package dwarves) and vmlinux in the kernel headers");
}

int need_hooks(void)
{
	char state[256];

	if (need_module())
		return -1;
	if (!sysfs_line(state, sizeof(state), SYSFS_IOASID "/hooks"))
		return fail("the loaded ioasid has no policy hooks: load a newer ioasid.ko");
	if (strncmp(state, "on", 2))
		return fail("policies cannot be loaded, hooks are %s: build ioasid.ko for this very kernel, with BTF (package dwarves, and vmlinux in the kernel headers)",
			    state);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

int each_entry(const char *dir, int (*each)(const char *name, void *data), void *data)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, by_name), err = 0;

	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.' && !err)
			err = each(entries[i]->d_name, data);
		free(entries[i]);
	}
	free(entries);
	return err;
}
