// SPDX-License-Identifier: GPL-2.0-only
/* Arguments, results, and what /proc counts. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

int usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fputs("ioasid-bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (see 'ioasid-bench%s%s --help')\n", command ? " " : "",
		command ? command : "");
	return ST_USAGE;
}

int parse_size(const char *text, uint64_t *out)
{
	uint64_t n;

	if (!parse_u64(text, &n) || !n)
		return -1;
	*out = n;
	return 0;
}

void results_begin(struct json *j)
{
	json_init(j, stdout, true);
	json_object(j, NULL);
}

int results_end(struct json *j)
{
	json_object_end(j);
	return json_end_line(j) ? fail("cannot write the results: %s", strerror(errno)) : 0;
}

int fail_open(const char *path, int err, const char *remedy)
{
	switch (err) {
	case EACCES:
		return fail("no permission for %s: run as root or ask for access to it", path);
	case EPERM:
		/* The file system's permissions say EACCES; this is a device cgroup. */
		return fail("the device cgroup does not allow %s: use DeviceAllow= of the unit, or --device of the container",
			    path);
	default:
		return fail("cannot open %s: %s: %s", path, strerror(err), remedy);
	}
}

/* Find a line that starts with @key and return the number behind it. */
static uint64_t keyed_number(const char *path, const char *key, uint64_t scale)
{
	size_t len = strlen(key);
	char line[256];
	uint64_t n = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, len) ||
		    (line[len] != ':' && line[len] != ' '))
			continue;
		n = strtoull(line + len + 1, NULL, 10) * scale;
		break;
	}
	fclose(f);
	return n;
}

uint64_t proc_kb(const char *path, const char *key)
{
	return keyed_number(path, key, KIB);
}

uint64_t vmstat(const char *key)
{
	return keyed_number("/proc/vmstat", key, 1);
}
