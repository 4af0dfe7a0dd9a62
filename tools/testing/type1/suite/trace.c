// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel did while a case ran: events and function calls of this
 * process, in an instance of tracefs that belongs to the suite.
 */
#include <sys/stat.h>

#include "type1/suite/suite.h"

#define TRACEFS	"/sys/kernel/tracing/"
#define OURS	TRACEFS "instances/ioasid-type1/"

static bool put(const char *file, const char *text)
{
	const char *path = suite_key(OURS "%s", file);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static bool begin(void)
{
	if (mkdir(OURS, 0700) && errno != EEXIST)
		return false;
	return put("tracing_on", "0") && put("current_tracer", "nop") && put("buffer_size_kb", "4096") &&
	       put("trace", "");
}

bool suite_trace_event(const char *event)
{
	char file[128], *colon;

	if (!begin() || !put("set_event_pid", suite_key("%d", getpid())))
		return false;
	snprintf(file, sizeof(file), "events/%s/enable", event);
	colon = strchr(file, ':');
	if (colon)
		*colon = '/';
	return put(file, "1") && put("tracing_on", "1");
}

bool suite_trace_functions(const char *names)
{
	char list[256], *name, *rest;
	int fd, known = 0;

	if (!begin() || !put("set_ftrace_pid", suite_key("%d", getpid())))
		return false;
	put("set_ftrace_filter", "");
	snprintf(list, sizeof(list), "%s", names);
	/* Those that this kernel has. */
	for (name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
		fd = open(OURS "set_ftrace_filter", O_WRONLY | O_APPEND | O_CLOEXEC);
		known += fd >= 0 && write(fd, name, strlen(name)) > 0 && !close(fd);
	}
	return known && put("current_tracer", "function") && put("tracing_on", "1");
}

void suite_trace_end(void (*line)(const char *text, void *arg), void *arg)
{
	char text[512];
	FILE *file;

	put("tracing_on", "0");
	file = fopen(OURS "trace", "re");
	while (file && fgets(text, sizeof(text), file))
		if (text[0] != '#')
			line(text, arg);
	if (file)
		fclose(file);
	put("current_tracer", "nop");
	put("events/enable", "0");
	rmdir(OURS);
}
