// SPDX-License-Identifier: GPL-2.0-only
/* See pins.h. */
#include <bpf/bpf.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "list.h"
#include "pins.h"
#include "untrusted.h"

/* nftw() has no argument for its caller. */
static struct {
	struct pin *list;
	int n;
} found;

/* What the file descriptor is, as its link in /proc names it. */
static bool kind_of(int fd, enum pin_kind *kind)
{
	char path[64], name[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 1);
	if (n < 0)
		return false;
	name[n] = 0;
	if (strstr(name, "bpf-prog"))
		*kind = PIN_PROG;
	else if (strstr(name, "bpf-map"))
		*kind = PIN_MAP;
	else if (strstr(name, "bpf_link") || strstr(name, "bpf-link") || strstr(name, "bpf_iter"))
		*kind = PIN_LINK;
	else
		return false;
	return true;
}

static bool identify(int fd, struct pin *pin)
{
	struct bpf_prog_info prog = {};
	struct bpf_map_info map = {};
	struct bpf_link_info link = {};
	void *info[] = { [PIN_PROG] = &prog, [PIN_MAP] = &map, [PIN_LINK] = &link };
	__u32 len[] = { [PIN_PROG] = sizeof(prog), [PIN_MAP] = sizeof(map),
			[PIN_LINK] = sizeof(link) };

	if (!kind_of(fd, &pin->kind) ||
	    bpf_obj_get_info_by_fd(fd, info[pin->kind], &len[pin->kind]))
		return false;
	pin->id = pin->kind == PIN_PROG ? prog.id : pin->kind == PIN_MAP ? map.id : link.id;
	pin->prog = link.prog_id;
	return true;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct pin *at, pin = {};
	int fd;

	(void)st;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	if (identify(fd, &pin)) {
		at = list_room(&found.list, found.n);
		pin.path = at ? strdup(path) : NULL;
		if (pin.path) {
			*at = pin;
			found.n++;
		}
	}
	close(fd);
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct pin *)a)->path, ((const struct pin *)b)->path);
}

int pins_read(struct pin **pins)
{
	char line[PATH_MAX + 256], where[PATH_MAX];
	const char *type;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	found.list = NULL;
	found.n = 0;
	while (f && fgets(line, sizeof(line), f)) {
		type = strstr(line, " - ");
		if (!type || strncmp(type, " - bpf ", 7) ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", where) != 1)
			continue;
		unescape_octal(where);
		nftw(where, visit, 16, FTW_PHYS | FTW_MOUNT);
	}
	if (f)
		fclose(f);
	if (found.n)
		qsort(found.list, (size_t)found.n, sizeof(*found.list), by_path);
	*pins = found.list;
	return found.n;
}

void pins_free(struct pin *pins, int n)
{
	for (int i = 0; i < n; i++)
		free(pins[i].path);
	free(pins);
}
