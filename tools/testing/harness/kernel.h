/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the harness asks of the running kernel, for ktap.h and ktap-run alike:
 * how many pages are pinned, and a mark in its log.
 */
#ifndef IOASID_TEST_KERNEL_H
#define IOASID_TEST_KERNEL_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pages pinned now, system wide, or -1 where the kernel does not tell us. */
static inline long long ktap_pinned(void)
{
	static const char *const key[] = { "nr_foll_pin_acquired ", "nr_foll_pin_released " };
	long long value[2] = { -1, -1 };
	char line[128];
	FILE *file;
	int fd, i;

	/* The counters are per CPU; this folds them. */
	fd = open("/proc/sys/vm/stat_refresh", O_WRONLY);
	if (fd < 0 || write(fd, "1", 1) != 1) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	file = fopen("/proc/vmstat", "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		for (i = 0; i < 2; i++)
			if (!strncmp(line, key[i], strlen(key[i])))
				value[i] = atoll(line + strlen(key[i]));
	fclose(file);
	return value[0] < 0 || value[1] < 0 ? -1 : value[0] - value[1];
}

/* Pages still pinned beyond @before; waits a moment for deferred work. */
static inline long long ktap_leaked(long long before)
{
	long long now = before;
	int tries;

	for (tries = 0; tries < 20; tries++) {
		now = ktap_pinned();
		if (before < 0 || now < 0 || now == before)
			return 0;
		usleep(50000);
	}
	return now - before;
}

/* Puts the name of the test in the kernel's log, beside what it provokes. */
static inline void ktap_mark(const char *program, const char *name)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "ktap: %s: %s\n", program, name);
	close(fd);
}

#endif
