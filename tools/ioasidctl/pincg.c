// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl pincg ...': limits and usage of the policy bpf/policy/pincg. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/attach.h"
#include "../lib/cgroup.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "ctl.h"
#include "pincg.h"

/* ---- the maps ---- */

static int open_map(const struct pincg *p, const char *name)
{
	uint32_t id = loaded_map(&p->policy, name);

	return id ? bpf_map_get_fd_by_id(id) : -1;
}

static bool share_slots(struct pincg *p, int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	void *at;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ||
	    info.value_size != sizeof(*p->slots))
		return false;
	at = mmap(NULL, sizeof(*p->slots) * info.max_entries, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return false;
	p->nr_slots = info.max_entries;
	p->slots = at;
	return true;
}

void pincg_close(struct pincg *p)
{
	close(p->paths);
	close(p->patterns);
	if (p->slots)
		munmap((void *)p->slots, sizeof(*p->slots) * p->nr_slots);
	p->slots = NULL;
}

/* The policy may have been loaded under another name; its maps tell. */
static int try_policy(const char *policy, void *data)
{
	struct pincg *p = data;
	int slots;

	if (p->slots || loaded_find(policy, &p->policy))
		return 0;
	slots = open_map(p, "slots");
	if (slots < 0)
		return 0;
	p->paths = open_map(p, "paths");
	p->patterns = open_map(p, "patterns");
	if (p->paths < 0 || p->patterns < 0 || !share_slots(p, slots))
		pincg_close(p);
	close(slots);
	return 0;
}

bool pincg_find(struct pincg *p)
{
	memset(p, 0, sizeof(*p));
	each_entry(SYSFS_IOASID "/policies", try_policy, p);
	return p->slots;
}

int pincg_open(struct pincg *p)
{
	if (need_admin("pincg") || need_module())
		return -1;
	if (pincg_find(p))
		return 0;
	return fail("the policy pincg is not loaded: run 'ioasidctl policy load pincg'");
}

/* It may pass to another cgroup while it is read; that one has no more then. */
bool pincg_slot_read(const struct pincg *p, __u32 i, struct pincg_slot *slot)
{
	const volatile struct pincg_slot *from = &p->slots[i];

	*slot = (struct pincg_slot){
		.cgroup = from->cgroup,
		.used = from->used,
		.own = from->own,
		.limit = from->limit,
		.peak = from->peak,
		.denied = from->denied,
		.parent = from->parent,
		.children = from->children,
	};
	return slot->cgroup && !(slot->used & PINCG_CLOSED) && from->cgroup == slot->cgroup;
}

/* Runs one of the policy's own programs; what it returns, or -1 with a message. */
static int run_program(const struct pincg *p, const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int fd = loaded_syscall(&p->policy, name), err;

	if (fd < 0)
		return fail("the program '%s' of '%s' is not loaded: reload the policy with 'ioasidctl policy replace'",
			    name, p->policy.name);
	err = bpf_prog_test_run_opts(fd, &opts);
	close(fd);
	if (err)
		return fail("cannot run the program '%s' of '%s': %s", name, p->policy.name,
			    strerror(errno));
	if ((int)opts.retval < 0)
		return fail("the program '%s' of '%s' failed: %s; try again", name,
			    p->policy.name, strerror(-(int)opts.retval));
	return (int)opts.retval;
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

/* In the map of paths or of patterns, as it is one or the other. */
static int store_limit(const struct pincg *p, const char path[PINCG_PATH_LEN], bool pattern,
		       __u64 limit)
{
	const char *name = pattern ? "patterns" : "paths";
	int map = pattern ? p->patterns : p->paths;

	if (limit == PINCG_DEFAULT)
		bpf_map_delete_elem(map, path);
	else if (bpf_map_update_elem(map, path, &limit, 0))
		return fail("there is no room for another limit: take one back ('ioasidctl pincg set PATH default'), or load pincg with --set %s.max_entries=N",
			    name);
	return run_program(p, "pincg_apply") < 0 ? -1 : 0;
}

static void set_json(const char *path, bool pattern, uint64_t id, const char *limit)
{
	json_object(&ctl.j, NULL);
	json_str(&ctl.j, pattern ? "pattern" : "cgroup", path);
	if (!pattern && id)
		json_u64(&ctl.j, "id", id);
	else if (!pattern)
		json_null(&ctl.j, "id");
	json_str(&ctl.j, "limit", limit);
	json_object_end(&ctl.j);
	json_end_line(&ctl.j);
}

static int pincg_set(int argc, char **argv)
{
	char path[PINCG_PATH_LEN] = "";
	int exists = 1, err;
	struct pincg p;
	uint64_t id = 0;
	__u64 limit;
	bool pattern;

	(void)argc;
	if (!parse_limit(argv[1], &limit))
		return usage_error("'%s' is not a limit: give bytes (64M, 2G), 'none' or 'default'",
				   argv[1]);
	if (pincg_open(&p))
		return -1;
	err = cgroup_spell(argv[0], path, sizeof(path));
	pattern = strpbrk(path, "*?");
	if (!err && !pattern)
		exists = cgroup_exists(path);
	if (exists < 0 || (!pattern && exists && !err && cgroup_id(path, &id)))
		err = -1;
	if (!err)
		err = store_limit(&p, path, pattern, limit);
	pincg_close(&p);
	if (!err && ctl.json)
		set_json(path, pattern, id, argv[1]);
	else if (!err && !exists && limit != PINCG_DEFAULT)
		note("the cgroup '%s' does not exist yet: the limit holds as soon as it does", path);
	return err;
}

/* ---- prune ---- */

/* A cgroup goes after its children, so it may take as many rounds as there are levels. */
static int pincg_prune(int argc, char **argv)
{
	int n, removed = 0;
	struct pincg p;

	(void)argc;
	(void)argv;
	if (pincg_open(&p))
		return -1;
	do {
		n = run_program(&p, "pincg_prune");
		removed += n;
	} while (n > 0);
	pincg_close(&p);
	if (n < 0)
		return -1;
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_u64(&ctl.j, "removed", (uint64_t)removed);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	} else {
		printf("forgot %d entries of removed cgroups\n", removed);
	}
	return 0;
}

const struct command pincg_commands[] = {
	{ "list", pincg_list, 0, "", "bytes pinned per cgroup, limits and refusals" },
	{ "set", pincg_set, 2, "CGROUP|PATTERN LIMIT",
	  "limit cgroups, also future ones: bytes (64M, 2G), 'none' or 'default'" },
	{ "prune", pincg_prune, 0, "", "forget cgroups that were removed and hold nothing" },
	{ NULL, NULL, 0, NULL, NULL }
};

int cmd_pincg(int argc, char **argv)
{
	return run_command(pincg_commands, "pincg", argc, argv);
}
