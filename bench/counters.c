// SPDX-License-Identifier: GPL-2.0-only
/* See counters.h. */
#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counters.h"
#include "util.h"

#define CACHE(cache, op) \
	(PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_##op << 8 | \
	 PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

#define PARANOID	"/proc/sys/kernel/perf_event_paranoid"

static const struct {
	uint32_t type;
	uint64_t config;
} kind[COUNTERS] = {
	[COUNT_CYCLES] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	[COUNT_INSTRUCTIONS] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	[COUNT_LLC_MISSES] = { PERF_TYPE_HW_CACHE, CACHE(LL, READ) },
	[COUNT_CACHE_MISSES] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
	[COUNT_DTLB_READS] = { PERF_TYPE_HW_CACHE, CACHE(DTLB, READ) },
	[COUNT_DTLB_WRITES] = { PERF_TYPE_HW_CACHE, CACHE(DTLB, WRITE) },
	/* Its number is in tracefs. */
	[COUNT_CONTENTIONS] = { PERF_TYPE_TRACEPOINT, 0 },
	[COUNT_SWITCHES] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES },
};

const char *const counter_name[COUNTERS] = {
	[COUNT_CYCLES] = "cycles",
	[COUNT_INSTRUCTIONS] = "instructions",
	[COUNT_LLC_MISSES] = "LLC read misses",
	[COUNT_CACHE_MISSES] = "cache misses",
	[COUNT_DTLB_READS] = "dTLB read misses",
	[COUNT_DTLB_WRITES] = "dTLB write misses",
	[COUNT_CONTENTIONS] = "lock contentions",
	[COUNT_SWITCHES] = "context switches",
};

/* 0, or a negative errno. */
static int tracepoint(uint64_t *id)
{
	static const char *const path[] = {
		"/sys/kernel/tracing/events/lock/contention_begin/id",
		"/sys/kernel/debug/tracing/events/lock/contention_begin/id",
	};
	char line[24];
	int err = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(path); i++) {
		err = read_line(path[i], line, sizeof(line));
		if (!err && parse_number(line, 1, UINT32_MAX, id))
			return 0;
	}
	return err ? err : -EINVAL;
}

static void say_why(char *why, size_t size, enum counter i, int err)
{
	char paranoid[16] = "?";

	read_line(PARANOID, paranoid, sizeof(paranoid));
	if (err == EACCES || err == EPERM)
		snprintf(why, size, "no permission: run as root, or with CAP_PERFMON (%s is %s)",
			 PARANOID, paranoid);
	else if (err == ENOENT && kind[i].type == PERF_TYPE_TRACEPOINT)
		snprintf(why, size, "there is no tracepoint lock:contention_begin in /sys/kernel/tracing: mount tracefs");
	else if (err == ENOENT || err == EOPNOTSUPP || err == ENODEV || err == EINVAL)
		snprintf(why, size, "%s has no such counter", kind[i].type == PERF_TYPE_SOFTWARE
			 ? "this kernel" : "this processor, or what emulates it,");
	else if (err == ENOSYS)
		snprintf(why, size, "this kernel has no perf events");
	else
		snprintf(why, size, "perf_event_open: %s", strerror(err));
}

static void open_one(struct counters *c, enum counter i)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = kind[i].type,
		.config = kind[i].config,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.disabled = 1,
		.inherit = 1,
		.exclude_hv = 1,
	};
	uint64_t id = 0;
	int err = 0;

	if (kind[i].type == PERF_TYPE_TRACEPOINT) {
		err = tracepoint(&id);
		attr.config = id;
	}
	if (!err) {
		c->fd[i] = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
		err = c->fd[i] < 0 ? -errno : 0;
	}
	if (err)
		say_why(c->why_not[i], sizeof(c->why_not[i]), i, -err);
}

void counters_open(struct counters *c)
{
	int i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < COUNTERS; i++) {
		c->fd[i] = -1;
		open_one(c, i);
	}
}

void counters_close(struct counters *c)
{
	int i;

	for (i = 0; i < COUNTERS; i++) {
		if (c->fd[i] >= 0)
			close(c->fd[i]);
		c->fd[i] = -1;
	}
}

static bool read_one(int fd, uint64_t value[3])
{
	return fd >= 0 && read(fd, value, 3 * sizeof(*value)) == 3 * (ssize_t)sizeof(*value);
}

void counters_start(struct counters *c)
{
	uint64_t now[3];
	int i;

	if (!c)
		return;
	/* They are not reset: that leaves alone what threads counted that have ended. */
	for (i = 0; i < COUNTERS; i++) {
		if (!read_one(c->fd[i], now))
			continue;
		c->before[i].value = now[0];
		c->before[i].enabled = now[1];
		c->before[i].running = now[2];
	}
	for (i = 0; i < COUNTERS; i++)
		if (c->fd[i] >= 0)
			ioctl(c->fd[i], PERF_EVENT_IOC_ENABLE, 0);
}

void counters_stop(struct counters *c, struct counted *out)
{
	uint64_t now[3], enabled, running;
	int i;

	if (!c)
		return;
	for (i = 0; i < COUNTERS; i++)
		if (c->fd[i] >= 0)
			ioctl(c->fd[i], PERF_EVENT_IOC_DISABLE, 0);
	for (i = 0; i < COUNTERS; i++) {
		out->value[i] = NAN;
		if (!read_one(c->fd[i], now))
			continue;
		enabled = now[1] - c->before[i].enabled;
		running = now[2] - c->before[i].running;
		if (running)
			out->value[i] = (double)(now[0] - c->before[i].value) * (double)enabled /
					(double)running;
		else
			snprintf(c->why_not[i], sizeof(c->why_not[i]),
				 "it never had its turn on one of the processor's counters");
	}
}
