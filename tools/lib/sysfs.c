// SPDX-License-Identifier: GPL-2.0-only
/* See sysfs.h. */
#include <dirent.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"
#include "sysfs.h"

static bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(buf, (int)size, f);
	fclose(f);
	if (!ok)
		return false;
	buf[strcspn(buf, "\n")] = 0;
	return true;
}

bool sysfs_line(char *buf, size_t size, const char *fmt, ...)
{
	char path[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return read_line(path, buf, size);
}

uint64_t sysfs_u64(const char *fmt, ...)
{
	char path[512], buf[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return read_line(path, buf, sizeof(buf)) ? strtoull(buf, NULL, 0) : 0;
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

int need_hooks(void)
{
	char state[256];

	if (need_module())
		return -1;
	if (!sysfs_line(state, sizeof(state), SYSFS_IOASID "/hooks"))
		return fail("the loaded ioasid has no policy hooks: load a newer ioasid.ko");
	if (strncmp(state, "on", 2))
		return fail("policies cannot be loaded, hooks are %s: build ioasid.ko with BTF (package dwarves, and vmlinux in the kernel headers)",
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
