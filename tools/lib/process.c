// SPDX-License-Identifier: GPL-2.0-only
/* See process.h. */
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"

/* What follows @key in /proc/@pid/@file, in @line; NULL if there is none. */
static char *find_line(int pid, const char *file, const char *key, char *line, size_t size)
{
	char path[64], *found = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	while (!found && fgets(line, (int)size, f))
		if (!strncmp(line, key, strlen(key)))
			found = line + strlen(key);
	fclose(f);
	if (found)
		found[strcspn(found, "\n")] = 0;
	return found;
}

uint64_t process_locked(int pid)
{
	char line[256], *found = find_line(pid, "status", "VmLck:", line, sizeof(line));

	return found ? strtoull(found, NULL, 10) << 10 : 0;
}

uint64_t process_memlock(int pid)
{
	char line[256], *found = find_line(pid, "limits", "Max locked memory", line, sizeof(line));
	char *end;
	uint64_t limit;

	if (!found)
		return 0;
	limit = strtoull(found, &end, 10);
	return end == found ? PROCESS_UNLIMITED : limit;
}

bool process_may_lock(int pid)
{
	char line[256], *found = find_line(pid, "status", "CapEff:", line, sizeof(line));

	return found && strtoull(found, NULL, 16) >> CAP_IPC_LOCK & 1;
}

const char *process_cgroup(int pid, char *buf, size_t size)
{
	char line[4096], *found = find_line(pid, "cgroup", "0::", line, sizeof(line));

	snprintf(buf, size, "%s", found ? found : "-");
	return buf;
}

/* What the kernel says of an open file, or NULL. */
static FILE *open_fdinfo(int pid, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	return fopen(path, "re");
}

int process_spaces(int pid, int fd, unsigned int *ids, int room)
{
	FILE *f = open_fdinfo(pid, fd);
	char line[256];
	int n = 0;

	if (!f)
		return 0;
	while (n < room && fgets(line, sizeof(line), f))
		if (sscanf(line, "ioasid-space: %u", &ids[n]) == 1)
			n++;
	fclose(f);
	return n;
}

int process_devices(int pid, int fd, int (*each)(const char *name, void *data), void *data)
{
	FILE *f = open_fdinfo(pid, fd);
	char *line = NULL, *save, *name;
	size_t room = 0;
	int n = 0;

	if (!f)
		return 0;
	/* "ioasid-group: 7 0000:01:00.0 0000:01:00.1", or "7 emulated" and a name */
	while (getline(&line, &room, f) >= 0) {
		if (strncmp(line, "ioasid-group:", 13) || !strtok_r(line + 13, " \t\n", &save))
			continue;
		while ((name = strtok_r(NULL, " \t\n", &save))) {
			if (!strcmp(name, "emulated"))
				continue;
			each(name, data);
			n++;
		}
	}
	free(line);
	fclose(f);
	return n;
}
