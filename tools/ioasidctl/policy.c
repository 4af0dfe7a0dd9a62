// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl policy ...' */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/attach.h"
#include "../lib/btfval.h"
#include "../lib/dump.h"
#include "../lib/list.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ctl.h"

#define POLICIES	SYSFS_IOASID "/policies"

/* ---- what sysfs says ---- */

struct growing {
	struct policy_state *list;
	int n;
};

static void read_text(char *buf, size_t size, const char *policy, const char *file)
{
	if (!sysfs_line(buf, size, POLICIES "/%s/%s", policy, file))
		buf[0] = 0;
}

static int read_one(const char *name, void *data)
{
	struct growing *g = data;
	struct policy_state *at, p = {};

	snprintf(p.name, sizeof(p.name), "%s", name);
	read_text(p.state, sizeof(p.state), name, "state");
	read_text(p.hooks, sizeof(p.hooks), name, "hooks");
	read_text(p.exit_kind, sizeof(p.exit_kind), name, "exit_kind");
	read_text(p.exit_hook, sizeof(p.exit_hook), name, "exit_hook");
	read_text(p.exit_value, sizeof(p.exit_value), name, "exit_value");
	read_text(p.exit_msg, sizeof(p.exit_msg), name, "exit_msg");
	p.id = sysfs_u64(POLICIES "/%s/id", name);
	p.flags = sysfs_u64(POLICIES "/%s/flags", name);
	p.calls = sysfs_u64(POLICIES "/%s/calls", name);
	p.denied = sysfs_u64(POLICIES "/%s/denied", name);

	at = list_room(&g->list, g->n);
	if (!at)
		return -1;
	*at = p;
	g->n++;
	return 0;
}

int read_policies(struct policy_state **list)
{
	struct growing g = {};

	each_entry(POLICIES, read_one, &g);
	*list = g.list;
	return g.n;
}

static bool find_state(const char *name, struct policy_state *state)
{
	struct policy_state *list;
	int n = read_policies(&list);
	bool found = false;

	for (int i = 0; i < n; i++) {
		if (strcmp(list[i].name, name))
			continue;
		*state = list[i];
		found = true;
	}
	free(list);
	return found;
}

/* ---- printing ---- */

static bool was_ejected(const struct policy_state *p)
{
	return !strcmp(p->state, "ejected");
}

/* sysfs has them in one line, with blanks between. */
static void hooks_json(struct json *j, const struct policy_state *p)
{
	char hooks[sizeof(p->hooks)], *hook, *rest = hooks;

	snprintf(hooks, sizeof(hooks), "%s", p->hooks);
	json_array(j, "hooks");
	while ((hook = strsep(&rest, " ")))
		if (*hook)
			json_str(j, NULL, hook);
	json_array_end(j);
}

static void state_json(const struct policy_state *p)
{
	struct json *j = &ctl.j;
	char flags[64];

	json_str(j, "name", p->name);
	json_str(j, "state", p->state);
	hooks_json(j, p);
	json_str(j, "flags", policy_flags_text(p->flags, flags, sizeof(flags)));
	json_u64(j, "calls", p->calls);
	json_u64(j, "denied", p->denied);
	if (!was_ejected(p))
		return;
	json_object(j, "exit");
	json_str(j, "kind", p->exit_kind);
	json_str(j, "hook", p->exit_hook);
	json_s64(j, "value", strtoll(p->exit_value, NULL, 0));
	json_str(j, "msg", p->exit_msg);
	json_object_end(j);
}

static void state_line(const struct policy_state *p)
{
	printf("%-16s %-8s calls %llu  denied %llu  hooks %s\n", shown(p->name), p->state, p->calls,
	       p->denied, p->hooks);
	if (was_ejected(p))
		printf("  ejected: %s hook=%s value=%s: %s\n", p->exit_kind, p->exit_hook,
		       p->exit_value, shown(p->exit_msg));
}

static int policy_list(int argc, char **argv)
{
	struct policy_state *list;
	int n;

	(void)argc;
	(void)argv;
	if (need_module())
		return -1;
	n = read_policies(&list);
	if (ctl.json)
		json_array(&ctl.j, NULL);
	else if (!n)
		printf("no policy is loaded\n");
	for (int i = 0; i < n; i++) {
		if (!ctl.json) {
			state_line(&list[i]);
			continue;
		}
		json_object(&ctl.j, NULL);
		state_json(&list[i]);
		json_object_end(&ctl.j);
	}
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	free(list);
	return 0;
}

/* ---- show: what BPF knows besides ---- */

static bool prog_info(uint32_t id, struct bpf_prog_info *info)
{
	__u32 len = sizeof(*info);
	int fd = bpf_prog_get_fd_by_id(id), err;

	memset(info, 0, sizeof(*info));
	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, info, &len);
	close(fd);
	return !err;
}

static void show_hook(const struct loaded_hook *hook)
{
	struct bpf_prog_info info;
	bool known = prog_info(hook->prog, &info);

	if (!ctl.json) {
		printf("  hook %-12s prog %u", hook->name, hook->prog);
		if (known)
			printf(" %s, %u instructions verified", info.name, info.verified_insns);
		/* Only counted while kernel.bpf_stats_enabled is 1. */
		if (known && info.run_cnt)
			printf(", %llu calls of %llu ns", (unsigned long long)info.run_cnt,
			       (unsigned long long)(info.run_time_ns / info.run_cnt));
		putchar('\n');
		return;
	}
	json_object(&ctl.j, NULL);
	json_str(&ctl.j, "hook", hook->name);
	json_u64(&ctl.j, "prog", hook->prog);
	if (known) {
		json_str(&ctl.j, "prog_name", info.name);
		json_u64(&ctl.j, "verified_insns", info.verified_insns);
		json_u64(&ctl.j, "run_cnt", info.run_cnt);
		json_u64(&ctl.j, "run_time_ns", info.run_time_ns);
	}
	json_object_end(&ctl.j);
}

static void show_bpf(const struct loaded *p)
{
	uint32_t maps[LOADED_MAPS_MAX];
	int n = loaded_maps(p, maps);

	if (ctl.json) {
		json_u64(&ctl.j, "map", p->map);
		json_u64(&ctl.j, "link", p->link);
		json_u64(&ctl.j, "timeout_us", p->timeout_us);
		json_array(&ctl.j, "programs");
	} else {
		printf("  link %u, struct_ops map %u, slow after %u us\n", p->link, p->map,
		       p->timeout_us ? p->timeout_us : 200);
	}
	for (int i = 0; i < p->nr_hooks; i++)
		show_hook(&p->hooks[i]);
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_array(&ctl.j, "maps");
	}
	for (int i = 0; i < n; i++)
		dump_map(ctl.json ? &ctl.j : NULL, stdout, maps[i], ctl.json ? 0 : 32);
	if (ctl.json)
		json_array_end(&ctl.j);
}

static int unknown_policy(const char *name)
{
	return fail("no policy '%s' is loaded: 'ioasidctl policy list' shows those that are", name);
}

static int policy_show(int argc, char **argv)
{
	struct policy_state state;
	struct loaded loaded;
	char flags[64];

	(void)argc;
	if (need_module())
		return -1;
	if (!find_state(argv[0], &state))
		return unknown_policy(argv[0]);
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		state_json(&state);
	} else {
		state_line(&state);
		printf("  flags %s\n", policy_flags_text(state.flags, flags, sizeof(flags)));
	}
	/* Without the right to ask BPF, sysfs has to do. */
	if (!loaded_find(argv[0], &loaded))
		show_bpf(&loaded);
	else if (!ctl.json)
		note("programs and maps are shown to root only");
	if (ctl.json) {
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	return 0;
}

/* ---- dump: the struct itself ---- */

static void dump_hook(const char *name, uint32_t prog)
{
	struct bpf_prog_info info;

	if (ctl.json && prog)
		json_u64(&ctl.j, name, prog);
	else if (ctl.json)
		json_null(&ctl.j, name);
	else if (prog)
		printf("  %s=program %u %s\n", name, prog, prog_info(prog, &info) ? info.name : "");
	else
		printf("  %s=none\n", name);
}

/* Where a program is attached, the kernel shows its id in place of the pointer. */
static void dump_struct(const char *key, const struct btf *btf, uint32_t type, const char *value)
{
	const struct btf_type *t = btfval_resolve(btf, type, NULL);

	if (ctl.json)
		json_object(&ctl.j, key);
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *name = btf__name_by_offset(btf, m->name_off);
		const char *at = value + btf_member_bit_offset(t, (uint32_t)i) / 8;
		unsigned long prog;

		if (btf_is_ptr(btfval_resolve(btf, m->type, NULL))) {
			memcpy(&prog, at, sizeof(prog));
			dump_hook(name, (uint32_t)prog);
		} else if (ctl.json) {
			btfval_json(&ctl.j, name, btf, m->type, at);
		} else {
			printf("  %s=", name);
			btfval_text(stdout, btf, m->type, at);
			putchar('\n');
		}
	}
	if (ctl.json)
		json_object_end(&ctl.j);
}

static int policy_dump(int argc, char **argv)
{
	const struct policy_layout *l;
	const struct btf_type *t;
	struct loaded loaded;
	char *value;

	(void)argc;
	if (need_admin("reading a policy's struct") || need_module())
		return -1;
	if (loaded_find(argv[0], &loaded))
		return unknown_policy(argv[0]);
	l = policy_layout();
	value = loaded_value(&loaded);
	if (!value)
		return fail("cannot read the type information of ioasid.ko: does /sys/kernel/btf/ioasid exist?");
	t = btf__type_by_id(l->btf, l->value_type);
	if (ctl.json)
		json_object(&ctl.j, NULL);
	else
		printf("struct_ops map %u\n", loaded.map);
	for (int i = 0; i < btf_vlen(t); i++)
		dump_struct(btf__name_by_offset(l->btf, btf_members(t)[i].name_off), l->btf,
			    btf_members(t)[i].type, value + btf_member_bit_offset(t, (uint32_t)i) / 8);
	if (ctl.json) {
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	free(value);
	return 0;
}

/* ---- load, replace, unload ---- */

static void left_out_json(const struct object *o)
{
	json_array(&ctl.j, "left_out");
	for (int i = 0; i < o->nr_left_out; i++)
		json_str(&ctl.j, NULL, o->left_out[i]);
	json_array_end(&ctl.j);
}

static int open_with_settings(struct object *o, const char *file)
{
	if (object_open(o, file))
		return -1;
	for (int i = 0; i < ctl.nr_settings; i++) {
		if (object_set(o, ctl.settings[i])) {
			object_close(o);
			return -1;
		}
	}
	return 0;
}

static int load_object(struct object *o, char pinned[PATH_MAX])
{
	struct policy_state state;

	if (find_state(o->name, &state))
		return fail("a policy named '%s' is loaded already (%s): 'ioasidctl policy unload %s' first, or 'policy replace', or --set name=...",
			    o->name, state.state, o->name);
	if (!ctl.pin)
		forget_pins(o->name);
	if (object_load(o))
		return -1;
	return attach_object(o, ctl.pin, pinned);
}

static int policy_load(int argc, char **argv)
{
	char pinned[PATH_MAX];
	struct object o;
	int err;

	(void)argc;
	if (need_admin("loading a policy") || need_hooks() || open_with_settings(&o, argv[0]))
		return -1;
	err = load_object(&o, pinned);
	if (!err && ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "name", o.name);
		json_str(&ctl.j, "pinned", pinned);
		left_out_json(&o);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	} else if (!err) {
		printf("loaded %s, pinned in %s\n", shown(o.name), shown(pinned));
	}
	object_close(&o);
	return err;
}

/*
 * The new programs took their place, and there is no way back. Those that replace an ejected
 * policy are then notified of every address space, and may be ejected for what they do there.
 */
static int still_runs(const char *name)
{
	struct policy_state state;

	if (!find_state(name, &state) || !was_ejected(&state))
		return 0;
	return fail("the new programs of '%s' were ejected at once: %s; replace them again, or unload the policy",
		    shown(name), shown(state.exit_msg));
}

static int policy_replace(int argc, char **argv)
{
	const char *name = argv[0];
	struct loaded running;
	char setting[64];
	struct object o;
	int err, shared;

	(void)argc;
	if (need_admin("replacing a policy") || need_hooks())
		return -1;
	if (loaded_find(name, &running))
		return unknown_policy(name);
	if (open_with_settings(&o, argv[1]))
		return -1;
	/* The successor answers to the same name. */
	snprintf(setting, sizeof(setting), "name=%s", name);
	err = object_set(&o, setting);
	shared = err ? 0 : replace_share_maps(&o, &running);
	err = err || object_load(&o) || replace_object(&o, &running) || still_runs(name) ? -1 : 0;
	if (!err && ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "name", o.name);
		json_u64(&ctl.j, "maps_kept", (uint64_t)shared);
		left_out_json(&o);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	} else if (!err) {
		printf("replaced %s, %d of its maps kept\n", shown(o.name), shared);
	}
	object_close(&o);
	return err;
}

static int policy_unload(int argc, char **argv)
{
	struct policy_state state;
	struct loaded running;

	(void)argc;
	if (need_admin("unloading a policy") || need_module())
		return -1;
	if (loaded_find(argv[0], &running)) {
		if (find_state(argv[0], &state))
			return fail("the policy '%s' was attached without a link: the program that loaded it must delete its map",
				    argv[0]);
		return unknown_policy(argv[0]);
	}
	if (detach_policy(&running))
		return -1;
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "name", running.name);
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	} else {
		printf("unloaded %s\n", shown(running.name));
	}
	return 0;
}

const struct command policy_commands[] = {
	{ "list", policy_list, 0, "", "loaded policies, and why one was ejected" },
	{ "show", policy_show, 1, "NAME", "one policy with its programs, parameters and maps" },
	{ "dump", policy_dump, 1, "NAME", "its struct ioasid_policy_ops, member by member" },
	{ "load", policy_load, 1, "NAME|FILE [--set VARIABLE=VALUE]... [--pin FOLDER]",
	  "load an installed policy, or a BPF object" },
	{ "replace", policy_replace, 2, "POLICY NAME|FILE [--set VARIABLE=VALUE]...",
	  "put another in its place, live; maps of the same form are kept" },
	{ "unload", policy_unload, 1, "NAME", "unload a policy" },
	{ NULL, NULL, 0, NULL, NULL }
};

int cmd_policy(int argc, char **argv)
{
	return run_command(policy_commands, "policy", argc, argv);
}
