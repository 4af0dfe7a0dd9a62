// SPDX-License-Identifier: GPL-2.0-only
/* What pincg knows: 'ioasidctl pincg list', and the same for metrics and doctor. */
#include <bpf/bpf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cgroup.h"
#include "../lib/list.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ctl.h"
#include "pincg.h"

/* One line of the list: a cgroup, or a limit for those that will be. */
struct line {
	char *path;		/* NULL when the cgroup is gone */
	bool pattern;		/* @path is one */
	bool absent;		/* no cgroup has that path */
	__u64 cgroup, limit;
	struct pincg_slot slot;
};

struct lines {
	struct line *list;
	int n;
};

/* NULL when there is no memory. */
static struct line *add_line(struct lines *l, const char *path, __u64 limit)
{
	struct line *at = list_room(&l->list, l->n);

	if (!at)
		return NULL;
	l->n++;
	memset(at, 0, sizeof(*at));
	at->path = path ? strdup(path) : NULL;
	at->limit = limit;
	return at;
}

static void add_slots(const struct pincg *p, struct lines *l)
{
	struct pincg_slot slot;
	char path[PATH_MAX];
	struct line *line;

	for (__u32 i = 1; i < p->nr_slots; i++) {
		if (!pincg_slot_read(p, i, &slot))
			continue;
		line = add_line(l, cgroup_path(slot.cgroup, path, sizeof(path)) ? NULL : path,
				slot.limit);
		if (!line)
			return;
		line->cgroup = slot.cgroup;
		line->slot = slot;
	}
}

static bool has_slot(const struct lines *l, const char *path)
{
	for (int i = 0; i < l->n; i++)
		if (l->list[i].cgroup && l->list[i].path && !strcmp(l->list[i].path, path))
			return true;
	return false;
}

/* Limits of cgroups that have no slot yet, and patterns. */
static void add_rules(struct lines *l, int map, bool pattern)
{
	char path[PINCG_PATH_LEN], *last = NULL;
	struct line *line;
	uint64_t id;
	__u64 limit;

	for (; !bpf_map_get_next_key(map, last, path); last = path) {
		if (bpf_map_lookup_elem(map, path, &limit) ||
		    (!pattern && has_slot(l, path)))
			continue;
		line = add_line(l, path, limit);
		if (!line)
			return;
		line->pattern = pattern;
		line->absent = !pattern && cgroup_exists(path) < 1;
		if (!pattern && !line->absent && !cgroup_id(path, &id))
			line->cgroup = id;
	}
}

static void collect(const struct pincg *p, struct lines *l)
{
	add_slots(p, l);
	add_rules(l, p->paths, false);
	add_rules(l, p->patterns, true);
}

static void free_lines(struct lines *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->list[i].path);
	free(l->list);
}

void pincg_each(void (*each)(const char *cgroup, const struct pincg_usage *usage))
{
	struct lines l = {};
	struct pincg p;

	if (!pincg_find(&p))
		return;
	collect(&p, &l);
	for (int i = 0; i < l.n; i++) {
		const struct line *line = &l.list[i];
		struct pincg_usage usage = {
			.used = line->slot.used, .own = line->slot.own,
			.peak = line->slot.peak, .denied = line->slot.denied,
			.limit = UINT64_MAX,
		};

		if (line->limit != PINCG_DEFAULT && line->limit != PINCG_NONE)
			usage.limit = line->limit;
		if (line->path && !line->pattern && !line->absent)
			each(line->path, &usage);
	}
	free_lines(&l);
	pincg_close(&p);
}

bool pincg_slots(struct pincg_room *room)
{
	struct pincg_slot slot;
	struct pincg p;

	if (!pincg_find(&p))
		return false;
	*room = (struct pincg_room){ .slots = p.nr_slots - 1, .refused = p.slots[0].PINCG_NO_SLOT };
	for (__u32 i = 1; i < p.nr_slots; i++)
		if (pincg_slot_read(&p, i, &slot) && (slot.used || slot.children))
			room->used++;
	pincg_close(&p);
	return true;
}

/* A tree reads best by path; patterns come behind it, and last what is gone. */
static int by_path(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (!x->path || !y->path)
		return !x->path - !y->path;
	if (x->pattern != y->pattern)
		return x->pattern - y->pattern;
	return strcmp(x->path, y->path);
}

static void limit_json(__u64 limit)
{
	if (limit == PINCG_DEFAULT)
		json_str(&ctl.j, "limit", "default");
	else if (limit == PINCG_NONE)
		json_str(&ctl.j, "limit", "none");
	else
		json_u64(&ctl.j, "limit", limit);
}

static void print_json(const struct line *l)
{
	struct json *j = &ctl.j;

	json_object(j, NULL);
	if (l->pattern) {
		json_str(j, "pattern", l->path);
		limit_json(l->limit);
		json_object_end(j);
		return;
	}
	if (l->path)
		json_str(j, "cgroup", l->path);
	else
		json_null(j, "cgroup");
	if (l->absent)
		json_null(j, "id");
	else
		json_u64(j, "id", l->cgroup);
	limit_json(l->limit);
	json_u64(j, "used", l->slot.used);
	json_u64(j, "own", l->slot.own);
	json_u64(j, "peak", l->slot.peak);
	json_u64(j, "denied", l->slot.denied);
	json_object_end(j);
}

static void print_line(const struct line *l)
{
	char limit[SIZE_TEXT] = "default", used[SIZE_TEXT], own[SIZE_TEXT], peak[SIZE_TEXT];

	if (l->limit == PINCG_NONE)
		snprintf(limit, sizeof(limit), "none");
	else if (l->limit != PINCG_DEFAULT)
		format_size(l->limit, limit);
	if (l->pattern)
		printf("%8s %8s %8s %8s %8s  %s (pattern)\n", limit, "-", "-", "-", "-", shown(l->path));
	else
		printf("%8s %8s %8s %8s %8llu  ", limit, format_size(l->slot.used, used),
		       format_size(l->slot.own, own), format_size(l->slot.peak, peak),
		       l->slot.denied);
	if (l->pattern)
		return;
	if (l->path)
		printf("%s%s\n", shown(l->path), l->absent ? " (does not exist yet)" : "");
	else
		printf("(removed, id %llu)\n", (unsigned long long)l->cgroup);
}

int pincg_list(int argc, char **argv)
{
	struct lines l = {};
	struct pincg p;

	(void)argc;
	(void)argv;
	if (pincg_open(&p))
		return -1;
	collect(&p, &l);
	pincg_close(&p);
	if (l.n)
		qsort(l.list, (size_t)l.n, sizeof(*l.list), by_path);
	if (ctl.json)
		json_array(&ctl.j, NULL);
	else
		printf("%8s %8s %8s %8s %8s  %s\n", "LIMIT", "USED", "OWN", "PEAK", "DENIED",
		       "CGROUP");
	for (int i = 0; i < l.n; i++) {
		if (ctl.json)
			print_json(&l.list[i]);
		else
			print_line(&l.list[i]);
	}
	free_lines(&l);
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	return 0;
}
