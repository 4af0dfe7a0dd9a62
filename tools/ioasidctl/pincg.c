// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl pincg ...': limits and usage of the policy bpf/policy/pincg. */
#include <bpf/bpf.h>
#include <limits.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ioasid/pincg.h>

#include "../lib/attach.h"
#include "../lib/cgroup.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "ctl.h"

struct pincg {
	int limits;	/* map: cgroup id to bytes */
	int usage;	/* map: cgroup id to struct pincg_usage */
};

static int open_map(const char *policy, const char *name)
{
	struct loaded loaded;
	uint32_t id;
	int fd = pinned_map(policy, name);

	if (fd >= 0 || loaded_find(policy, &loaded))
		return fd;
	id = loaded_map(&loaded, name);
	return id ? bpf_map_get_fd_by_id(id) : -1;
}

/* The policy may have been loaded under another name; the maps tell. */
static int try_policy(const char *policy, void *data)
{
	struct pincg *p = data;

	if (p->usage >= 0)
		return 0;
	p->usage = open_map(policy, "usage");
	p->limits = p->usage < 0 ? -1 : open_map(policy, "limits");
	if (p->usage >= 0 && p->limits < 0) {
		close(p->usage);
		p->usage = -1;
	}
	return 0;
}

static int find_maps(struct pincg *p)
{
	if (need_admin("pincg") || need_module())
		return -1;
	p->usage = p->limits = -1;
	each_entry(SYSFS_IOASID "/policies", try_policy, p);
	if (p->usage >= 0)
		return 0;
	return fail("the policy pincg is not loaded: run 'ioasidctl policy load pincg'");
}

static void close_maps(struct pincg *p)
{
	close(p->limits);
	close(p->usage);
}

static const char *limit_text(const struct pincg *p, __u64 id, char buf[SIZE_TEXT])
{
	__u64 limit;

	if (bpf_map_lookup_elem(p->limits, &id, &limit))
		return "default";
	if (limit == PINCG_UNLIMITED)
		return "none";
	return format_size(limit, buf);
}

static void print_json(const struct pincg *p, __u64 id, const char *path,
		       const struct pincg_usage *u)
{
	struct json *j = &ctl.j;
	__u64 limit;

	json_object(j, NULL);
	if (path)
		json_str(j, "cgroup", path);
	else
		json_null(j, "cgroup");
	json_u64(j, "id", id);
	if (bpf_map_lookup_elem(p->limits, &id, &limit))
		json_str(j, "limit", "default");
	else if (limit == PINCG_UNLIMITED)
		json_str(j, "limit", "none");
	else
		json_u64(j, "limit", limit);
	json_u64(j, "used", u->used);
	json_u64(j, "own", u->own);
	json_u64(j, "peak", u->peak);
	json_u64(j, "denied", u->denied);
	json_object_end(j);
}

static void print_line(const struct pincg *p, __u64 id, const char *path,
		       const struct pincg_usage *u)
{
	char limit[SIZE_TEXT], used[SIZE_TEXT], own[SIZE_TEXT], peak[SIZE_TEXT];

	printf("%8s %8s %8s %8s %8llu  ", limit_text(p, id, limit), format_size(u->used, used),
	       format_size(u->own, own), format_size(u->peak, peak), u->denied);
	if (path)
		printf("%s\n", path);
	else
		printf("(removed, id %llu)\n", (unsigned long long)id);
}

static void print_cgroup(const struct pincg *p, __u64 id, const struct pincg_usage *u)
{
	char path[PATH_MAX];
	const char *name = cgroup_path(id, path, sizeof(path)) ? NULL : path;

	if (ctl.json)
		print_json(p, id, name, u);
	else
		print_line(p, id, name, u);
}

/* Cgroups with usage, then those that have only a limit so far. */
static void print_all(const struct pincg *p)
{
	const struct pincg_usage nothing = {};
	struct pincg_usage u;
	__u64 id, *last;

	for (last = NULL; !bpf_map_get_next_key(p->usage, last, &id); last = &id)
		if (!bpf_map_lookup_elem(p->usage, &id, &u))
			print_cgroup(p, id, &u);
	for (last = NULL; !bpf_map_get_next_key(p->limits, last, &id); last = &id)
		if (bpf_map_lookup_elem(p->usage, &id, &u))
			print_cgroup(p, id, &nothing);
}

static int pincg_list(int argc, char **argv)
{
	struct pincg p;

	(void)argc;
	(void)argv;
	if (find_maps(&p))
		return -1;
	if (ctl.json)
		json_array(&ctl.j, NULL);
	else
		printf("%8s %8s %8s %8s %8s  %s\n", "LIMIT", "USED", "OWN", "PEAK", "DENIED",
		       "CGROUP");
	print_all(&p);
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	close_maps(&p);
	return 0;
}

static int pincg_set(int argc, char **argv)
{
	bool reset = !strcmp(argv[1], "default");
	__u64 id, limit = PINCG_UNLIMITED;
	struct pincg p;
	uint64_t value;
	int err;

	(void)argc;
	if (!reset && strcmp(argv[1], "none")) {
		if (!parse_u64(argv[1], &value))
			return usage_error("'%s' is no limit: give bytes (64M, 2G), 'none' or 'default'",
					   argv[1]);
		limit = value;
	}
	if (find_maps(&p))
		return -1;
	err = cgroup_id(argv[0], &value);
	id = value;
	if (!err && reset)
		bpf_map_delete_elem(p.limits, &id);
	else if (!err && bpf_map_update_elem(p.limits, &id, &limit, 0))
		err = fail("cannot store the limit: the map 'limits' is full; run 'ioasidctl pincg prune'");
	close_maps(&p);
	if (!err && ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "cgroup", argv[0]);
		json_u64(&ctl.j, "id", id);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	return err;
}

/* Ids are never used again, so what is known of a dead cgroup can go. */
static int prune_map(int map, bool usage)
{
	struct pincg_usage u = {};
	char path[PATH_MAX];
	__u64 id, next;
	int n = 0, more;

	more = !bpf_map_get_next_key(map, NULL, &id);
	while (more) {
		more = !bpf_map_get_next_key(map, &id, &next);
		if (cgroup_path(id, path, sizeof(path)) &&
		    (!usage || (!bpf_map_lookup_elem(map, &id, &u) && !u.used)) &&
		    !bpf_map_delete_elem(map, &id))
			n++;
		id = next;
	}
	return n;
}

static int pincg_prune(int argc, char **argv)
{
	char path[PATH_MAX];
	struct pincg p;
	uint64_t root;
	int n;

	(void)argc;
	(void)argv;
	if (find_maps(&p))
		return -1;
	/* If names cannot be told, every cgroup would look dead. */
	if (cgroup_id("/", &root))
		n = -1;
	else if (cgroup_path(root, path, sizeof(path)))
		n = fail("cannot tell living cgroups from dead ones: CAP_DAC_READ_SEARCH is missing");
	else
		n = prune_map(p.usage, true) + prune_map(p.limits, false);
	close_maps(&p);
	if (n < 0)
		return -1;
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_u64(&ctl.j, "removed", (uint64_t)n);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	} else {
		printf("forgot %d entries of removed cgroups\n", n);
	}
	return 0;
}

const struct command pincg_commands[] = {
	{ "list", pincg_list, 0, "", "bytes pinned per cgroup, limits and refusals" },
	{ "set", pincg_set, 2, "CGROUP LIMIT", "limit a cgroup: bytes (64M, 2G), 'none' or 'default'" },
	{ "prune", pincg_prune, 0, "", "forget cgroups that were removed" },
	{ NULL, NULL, 0, NULL, NULL }
};

int cmd_pincg(int argc, char **argv)
{
	return run_command(pincg_commands, "pincg", argc, argv);
}
