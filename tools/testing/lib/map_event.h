/* SPDX-License-Identifier: GPL-2.0-only */
/* What the trace event of the last map says of it. */
#ifndef IOASID_TEST_MAP_EVENT_H
#define IOASID_TEST_MAP_EVENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/backend.h"

#define MAP_EVENT_TRACE	"/sys/kernel/tracing/trace"

/* Forget what was recorded: what opens the file so empties it. */
static inline bool map_event_forget(void)
{
	int fd = open(MAP_EVENT_TRACE, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd >= 0 && !close(fd);
}

/* Record the event from now on, and forget what was recorded; or no longer. */
static inline bool map_event_record(bool on)
{
	return (!on || map_event_forget()) &&
	       file_write("/sys/kernel/tracing/events/ioasid/ioasid_map_done/enable", on ? "1" : "0");
}

/* A number of the last one; -1: there was none. */
static inline long long map_event(const char *key)
{
	FILE *f = fopen(MAP_EVENT_TRACE, "re");
	char line[1024], field[32], *at;
	long long n = -1;

	snprintf(field, sizeof(field), " %s=", key);
	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, field);
		if (at)
			n = atoll(at + strlen(field));
	}
	if (f)
		fclose(f);
	return n;
}

#endif
