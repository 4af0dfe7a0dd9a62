// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl pincg ...': limits and usage of the policy bpf/policy/pincg. */
#include <bpf/bpf.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ioasid/pincg.h>

#include "../lib/attach.h"
#include "../lib/cgroup.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "ctl.h"

/* The maps of the policy; ioasid/pincg.h says what is in them. */
struct pincg {
	int cgroups, limits, unused;
	struct pincg_slot *slots;	/* shared with the policy */
	__u32 nr_slots;
};

/* One line of the list. */
struct line {
	char *path;			/* NULL when the cgroup is gone */
	__u64 cgroup, limit;
	struct pincg_slot slot;
};

/* ---- the maps ---- */

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

static bool share_slots(struct pincg *p, int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ||
	    info.value_size != sizeof(*p->slots))
		return false;
	p->nr_slots = info.max_entries;
	p->slots = mmap(NULL, sizeof(*p->slots) * p->nr_slots, PROT_READ | PROT_WRITE, MAP_SHARED,
			fd, 0);
	return p->slots != MAP_FAILED;
}

static void close_maps(struct pincg *p)
{
	close(p->cgroups);
	close(p->limits);
	close(p->unused);
	if (p->slots && p->slots != MAP_FAILED)
		munmap(p->slots, sizeof(*p->slots) * p->nr_slots);
	p->slots = NULL;
}

/* The policy may have been loaded under another name; the maps tell. */
static int try_policy(const char *policy, void *data)
{
	struct pincg *p = data;
	int slots;

	if (p->slots)
		return 0;
	slots = open_map(policy, "slots");
	if (slots < 0)
		return 0;
	p->cgroups = open_map(policy, "cgroups");
	p->limits = open_map(policy, "limits");
	p->unused = open_map(policy, "unused");
	if (p->cgroups < 0 || p->limits < 0 || p->unused < 0 || !share_slots(p, slots))
		close_maps(p);
	close(slots);
	return 0;
}

static bool find_maps(struct pincg *p)
{
	memset(p, 0, sizeof(*p));
	each_entry(SYSFS_IOASID "/policies", try_policy, p);
	return p->slots;
}

static int open_maps(struct pincg *p)
{
	if (need_admin("pincg") || need_module())
		return -1;
	if (find_maps(p))
		return 0;
	return fail("the policy pincg is not loaded: run 'ioasidctl policy load pincg'");
}

/* The slot of a cgroup, or NULL. */
static struct pincg_slot *find_slot(const struct pincg *p, __u64 cgroup)
{
	__u32 i;

	if (bpf_map_lookup_elem(p->cgroups, &cgroup, &i) || i >= p->nr_slots)
		return NULL;
	return &p->slots[i];
}

/* ---- list ---- */

static int add_line(struct line **lines, int n, __u64 cgroup, __u64 limit,
		    const struct pincg_slot *slot)
{
	struct line *more = realloc(*lines, sizeof(*more) * (size_t)(n + 1));
	char path[PATH_MAX];

	if (!more)
		return n;
	*lines = more;
	memset(&more[n], 0, sizeof(*more));
	more[n].cgroup = cgroup;
	more[n].limit = limit;
	if (slot)
		more[n].slot = *slot;
	if (!cgroup_path(cgroup, path, sizeof(path)))
		more[n].path = strdup(path);
	return n + 1;
}

/* Cgroups with usage, and those that have only a limit so far. */
static int collect(const struct pincg *p, struct line **lines)
{
	struct pincg_slot *slot;
	__u64 id, limit, *last;
	int n = 0;

	for (last = NULL; !bpf_map_get_next_key(p->cgroups, last, &id); last = &id) {
		slot = find_slot(p, id);
		if (slot)
			n = add_line(lines, n, id, slot->limit, slot);
	}
	for (last = NULL; !bpf_map_get_next_key(p->limits, last, &id); last = &id)
		if (!find_slot(p, id) && !bpf_map_lookup_elem(p->limits, &id, &limit))
			n = add_line(lines, n, id, limit, NULL);
	return n;
}

void pincg_each(void (*each)(const char *cgroup, const struct pincg_usage *usage))
{
	struct line *lines = NULL;
	struct pincg p;
	int n;

	if (!find_maps(&p))
		return;
	n = collect(&p, &lines);
	for (int i = 0; i < n; i++) {
		const struct pincg_slot *slot = &lines[i].slot;
		struct pincg_usage usage = {
			.used = slot->used, .own = slot->own, .peak = slot->peak,
			.denied = slot->denied, .limit = UINT64_MAX,
		};

		if (lines[i].limit != PINCG_DEFAULT && lines[i].limit != PINCG_NONE)
			usage.limit = lines[i].limit;
		if (lines[i].path)
			each(lines[i].path, &usage);
		free(lines[i].path);
	}
	free(lines);
	close_maps(&p);
}

/* A tree reads best by path; what is gone comes last. */
static int by_path(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (!x->path || !y->path)
		return !x->path - !y->path;
	return strcmp(x->path, y->path);
}

static void print_json(const struct line *l)
{
	struct json *j = &ctl.j;

	json_object(j, NULL);
	if (l->path)
		json_str(j, "cgroup", l->path);
	else
		json_null(j, "cgroup");
	json_u64(j, "id", l->cgroup);
	if (l->limit == PINCG_DEFAULT)
		json_str(j, "limit", "default");
	else if (l->limit == PINCG_NONE)
		json_str(j, "limit", "none");
	else
		json_u64(j, "limit", l->limit);
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
	printf("%8s %8s %8s %8s %8llu  ", limit, format_size(l->slot.used, used),
	       format_size(l->slot.own, own), format_size(l->slot.peak, peak), l->slot.denied);
	if (l->path)
		printf("%s\n", l->path);
	else
		printf("(removed, id %llu)\n", (unsigned long long)l->cgroup);
}

static int pincg_list(int argc, char **argv)
{
	struct line *lines = NULL;
	struct pincg p;
	int n;

	(void)argc;
	(void)argv;
	if (open_maps(&p))
		return -1;
	n = collect(&p, &lines);
	close_maps(&p);
	if (n)
		qsort(lines, (size_t)n, sizeof(*lines), by_path);
	if (ctl.json)
		json_array(&ctl.j, NULL);
	else
		printf("%8s %8s %8s %8s %8s  %s\n", "LIMIT", "USED", "OWN", "PEAK", "DENIED",
		       "CGROUP");
	for (int i = 0; i < n; i++) {
		if (ctl.json)
			print_json(&lines[i]);
		else
			print_line(&lines[i]);
		free(lines[i].path);
	}
	free(lines);
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	return 0;
}

/* ---- set ---- */

static bool parse_limit(const char *text, __u64 *limit)
{
	uint64_t bytes;

	if (!strcmp(text, "default"))
		*limit = PINCG_DEFAULT;
	else if (!strcmp(text, "none"))
		*limit = PINCG_NONE;
	else if (parse_u64(text, &bytes) && bytes < PINCG_NONE)
		*limit = bytes;
	else
		return false;
	return true;
}

/* In the order that ioasid/pincg.h asks for. */
static int store_limit(const struct pincg *p, __u64 cgroup, __u64 limit)
{
	struct pincg_slot *slot;

	if (limit == PINCG_DEFAULT)
		bpf_map_delete_elem(p->limits, &cgroup);
	else if (bpf_map_update_elem(p->limits, &cgroup, &limit, 0))
		return fail("there is no room for another limit: run 'ioasidctl pincg prune'");
	slot = find_slot(p, cgroup);
	if (slot)
		__atomic_store_n(&slot->limit, limit, __ATOMIC_SEQ_CST);
	return 0;
}

static int pincg_set(int argc, char **argv)
{
	struct pincg p;
	uint64_t id;
	__u64 limit;
	int err;

	(void)argc;
	if (!parse_limit(argv[1], &limit))
		return usage_error("'%s' is no limit: give bytes (64M, 2G), 'none' or 'default'",
				   argv[1]);
	if (open_maps(&p))
		return -1;
	err = cgroup_id(argv[0], &id);
	if (!err)
		err = store_limit(&p, id, limit);
	close_maps(&p);
	if (!err && ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "cgroup", argv[0]);
		json_u64(&ctl.j, "id", id);
		json_str(&ctl.j, "limit", argv[1]);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	return err;
}

/* ---- prune ---- */

static bool is_gone(__u64 cgroup)
{
	char path[PATH_MAX];

	return cgroup_path(cgroup, path, sizeof(path));
}

/* Once the id leads to it no more nobody can charge it any more. */
static bool forget_slot(const struct pincg *p, __u64 cgroup)
{
	struct pincg_slot *slot = find_slot(p, cgroup);
	__u32 i;

	if (!slot || __atomic_load_n(&slot->used, __ATOMIC_SEQ_CST) ||
	    bpf_map_delete_elem(p->cgroups, &cgroup))
		return false;
	i = (__u32)(slot - p->slots);
	if (__atomic_load_n(&slot->used, __ATOMIC_SEQ_CST)) {
		bpf_map_update_elem(p->cgroups, &cgroup, &i, BPF_NOEXIST);
		return false;
	}
	bpf_map_update_elem(p->unused, NULL, &i, 0);
	return true;
}

/* Ids are never used again, so what is known of a dead cgroup can go. */
static int prune(const struct pincg *p, int map)
{
	__u64 id, next;
	int n = 0, more;

	more = !bpf_map_get_next_key(map, NULL, &id);
	while (more) {
		more = !bpf_map_get_next_key(map, &id, &next);
		if (is_gone(id) && (map == p->cgroups ? forget_slot(p, id) :
				    !bpf_map_delete_elem(map, &id)))
			n++;
		id = next;
	}
	return n;
}

static int pincg_prune(int argc, char **argv)
{
	struct pincg p;
	uint64_t root;
	int n;

	(void)argc;
	(void)argv;
	if (open_maps(&p))
		return -1;
	/* If names cannot be told, every cgroup would look dead. */
	if (cgroup_id("/", &root))
		n = -1;
	else if (is_gone(root))
		n = fail("cannot tell living cgroups from dead ones: CAP_DAC_READ_SEARCH is missing");
	else
		n = prune(&p, p.cgroups) + prune(&p, p.limits);
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
