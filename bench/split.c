// SPDX-License-Identifier: GPL-2.0-only
/* The time split through tracefs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor.h"
#include "split.h"
#include "util.h"

#define PATH_LEN 200

static char instance[96];

static const char *tracefs(void)
{
	static const char *const mounts[] = {
		"/sys/kernel/tracing", "/sys/kernel/debug/tracing",
	};
	char path[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		snprintf(path, sizeof(path), "%s/instances", mounts[i]);
		if (!access(path, F_OK))
			return mounts[i];
	}
	return NULL;
}

static void event_path(char *path, const char *event, const char *file)
{
	snprintf(path, PATH_LEN, "%s/events/ioasid/%s/%s", instance, event, file);
}

/*
 * Every field called ns_*, without its prefix. ns_total is the sum with all
 * that lies between, and our own clock has that.
 */
static void find_phases(struct split_side *side, const char *event)
{
	char path[PATH_LEN], line[256], *name;
	FILE *f;

	side->count = 0;
	event_path(path, event, "format");
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f) && side->count < SPLIT_MAX_PHASES) {
		name = strstr(line, " ns_");
		if (!name || !strstr(line, "field:"))
			continue;
		name += strlen(" ns_");
		name[strcspn(name, ";")] = '\0';
		if (strcmp(name, "total"))
			snprintf(side->phase[side->count++], sizeof(side->phase[0]), "%.15s",
				 name);
	}
	fclose(f);
}

/* One trigger per field: a histogram holds few values. */
static int add_triggers(const struct split_side *side, const char *event)
{
	char path[PATH_LEN], text[96];
	unsigned int i;
	int err;

	event_path(path, event, "trigger");
	for (i = 0; i < side->count; i++) {
		snprintf(text, sizeof(text), "hist:keys=tgid:vals=ns_%s", side->phase[i]);
		err = write_text(path, text);
		if (err)
			return err;
	}
	return 0;
}

/* Rows look like "{ tgid:  77 } hitcount:  3  ns_pin:  123456". */
static void read_sums(struct split_side *side, const char *event)
{
	char path[PATH_LEN], line[512], key[24], *at;
	unsigned int i;
	pid_t tgid;
	FILE *f;

	memset(side->ns, 0, sizeof(side->ns));
	event_path(path, event, "hist");
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "{ tgid: %d", &tgid) != 1 || tgid != getpid())
			continue;
		for (i = 0; i < side->count; i++) {
			snprintf(key, sizeof(key), " ns_%s:", side->phase[i]);
			at = strstr(line, key);
			if (at)
				side->ns[i] += strtoull(at + strlen(key), NULL, 10);
		}
	}
	fclose(f);
}

static bool unavailable(struct split *s, const char *why)
{
	snprintf(s->why_not, sizeof(s->why_not), "%s", why);
	if (instance[0])
		rmdir(instance);
	instance[0] = '\0';
	return false;
}

bool split_begin(struct split *s)
{
	const char *mount = tracefs();
	char path[PATH_LEN];

	memset(s, 0, sizeof(*s));
	if (!mount)
		return unavailable(s, geteuid() ? "reading tracepoints needs root"
				   : "tracefs is not mounted (mount -t tracefs none /sys/kernel/tracing)");
	snprintf(path, sizeof(path), "%s/events/ioasid/ioasid_map_done", mount);
	if (access(path, F_OK))
		return unavailable(s, geteuid() ? "reading tracepoints needs root"
				   : "the ioasid tracepoints are not there (ioasid.ko is not loaded)");
	snprintf(instance, sizeof(instance), "%s/instances/ioasid-bench-%d", mount, getpid());
	if (supervisor_rmdir(instance))
		return unavailable(s, "the clean-up could not be arranged");
	if (mkdir(instance, 0700) && errno != EEXIST) {
		instance[0] = '\0';
		return unavailable(s, "cannot make a trace instance");
	}
	find_phases(&s->map, "ioasid_map_done");
	find_phases(&s->unmap, "ioasid_unmap_done");
	if (!s->map.count || !s->unmap.count)
		return unavailable(s, "the ioasid tracepoints have no ns_* fields");
	if (add_triggers(&s->map, "ioasid_map_done") ||
	    add_triggers(&s->unmap, "ioasid_unmap_done"))
		return unavailable(s, "this kernel has no hist triggers (CONFIG_HIST_TRIGGERS)");
	s->available = true;
	return true;
}

void split_end(struct split *s)
{
	read_sums(&s->map, "ioasid_map_done");
	read_sums(&s->unmap, "ioasid_unmap_done");
	rmdir(instance);
	instance[0] = '\0';
}
