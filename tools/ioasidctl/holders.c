// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl holders': why ioasid.ko cannot be unloaded, and what to do. */
#include <bpf/bpf.h>
#include <glob.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/counting.h"
#include "../lib/files.h"
#include "../lib/loaded.h"
#include "../lib/pins.h"
#include "../lib/sysfs.h"
#include "../lib/untrusted.h"
#include "ctl.h"

static int holders;

/* All that is pinned; read once. */
static struct pin *pins;
static int nr_pins;

/* Is that pin of the holder with those ids? */
static bool pin_is_of(const struct pin *pin, const struct loaded *policy, uint32_t prog)
{
	if (policy && pin->kind == PIN_LINK)
		return pin->id == policy->link;
	if (policy && pin->kind == PIN_MAP)
		return pin->id == policy->map;
	if (policy && pin->kind == PIN_PROG)
		return loaded_has_prog(policy, pin->id);
	return prog && (pin->kind == PIN_PROG ? pin->id == prog : pin->prog == prog);
}

static void print_pins(const struct loaded *policy, uint32_t prog)
{
	if (ctl.json)
		json_array(&ctl.j, "pins");
	for (int i = 0; i < nr_pins; i++) {
		if (!pin_is_of(&pins[i], policy, prog))
			continue;
		if (ctl.json)
			json_str(&ctl.j, NULL, pins[i].path);
		else
			printf("%-8s pinned: %s\n", "", shown(pins[i].path));
	}
	if (ctl.json)
		json_array_end(&ctl.j);
}

/* @policy and @prog: what it is to BPF, if anything. */
static void holder(const char *kind, const char *name, const char *what, const char *remedy,
		   const struct loaded *policy, uint32_t prog)
{
	holders++;
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "kind", kind);
		json_str(&ctl.j, "name", name);
		json_str(&ctl.j, "what", what);
		json_str(&ctl.j, "remedy", remedy);
	} else {
		printf("%-8s %-20s %-28s -> %s\n", kind, shown(name), shown(what), shown(remedy));
	}
	if (policy || prog)
		print_pins(policy, prog);
	if (ctl.json)
		json_object_end(&ctl.j);
}

static int other_module(const char *name, void *unused)
{
	char what[64], remedy[64];

	(void)unused;
	snprintf(what, sizeof(what), "%llu users",
		 (unsigned long long)sysfs_u64("/sys/module/%s/refcnt", name));
	snprintf(remedy, sizeof(remedy), "rmmod %s", name);
	holder("module", name, what, remedy, NULL, 0);
	return 0;
}

static void processes(void)
{
	char name[64], what[64], remedy[64];
	struct vfio_file *files;
	int n = read_vfio_files(&files);

	for (int i = 0; i < n; i++) {
		const struct vfio_file *f = &files[i];

		if (!vfio_file_is_ours(f))
			continue;
		snprintf(name, sizeof(name), "%s (%d)", f->comm, f->pid);
		snprintf(what, sizeof(what), "%s, fd %d",
			 strcmp(f->kind, "ioasid") ? "a container" : "/dev/ioasid", f->fd);
		snprintf(remedy, sizeof(remedy), "stop it, or kill %d", f->pid);
		holder("process", name, what, remedy, NULL, 0);
	}
	free(files);
}

static void policies(void)
{
	struct policy_state *list;
	int n = read_policies(&list);
	struct loaded loaded;
	char remedy[192];
	bool known;

	for (int i = 0; i < n; i++) {
		/* One without a link is known by its name only. */
		known = !loaded_find(list[i].name, &loaded);
		snprintf(remedy, sizeof(remedy), "ioasidctl policy unload %s", list[i].name);
		holder("policy", list[i].name, list[i].state, remedy, known ? &loaded : NULL, 0);
	}
	free(list);
}

/* Is that BTF object the module's? */
static bool is_module_btf(__u32 id)
{
	struct bpf_btf_info info = {};
	char name[64] = "";
	__u32 len = sizeof(info);
	int fd = id ? bpf_btf_get_fd_by_id(id) : -1;

	if (fd < 0)
		return false;
	info.name = (uintptr_t)name;
	info.name_len = sizeof(name);
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		name[0] = 0;
	close(fd);
	return !strcmp(name, "ioasid");
}

/*
 * Programs that are about the module's types. Those of policies are named
 * already, and one that is loaded and not attached does not hold the module.
 */
static void observers(void)
{
	struct bpf_prog_info prog;
	uint32_t id = 0;
	char what[64];
	bool counts;
	int fd;

	while ((fd = loaded_next_prog(&id, &prog)) >= 0) {
		close(fd);
		if (prog.type == BPF_PROG_TYPE_STRUCT_OPS ||
		    !is_module_btf(prog.attach_btf_obj_id))
			continue;
		snprintf(what, sizeof(what), "BPF program %u", id);
		counts = counting_is_on() && !strncmp(prog.name, "stat_", 5);
		holder("observer", prog.name, what, counts ? "ioasidctl stats off" :
		       "stop its loader, or remove its pin", NULL, id);
	}
}

/* Of one event, in one instance: the file has a line for each, and comments. */
static void triggers_of(const char *path)
{
	char line[512], event[64] = "", remedy[1280], *end;
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	sscanf(strstr(path, "/ioasid/") + 8, "%63[^/]", event);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!line[0] || line[0] == '#')
			continue;
		/* What the kernel prints behind it is no part of it. */
		end = strstr(line, " [");
		if (!end)
			end = strstr(line, ":unlimited");
		if (end)
			*end = 0;
		snprintf(remedy, sizeof(remedy), "echo '!%s' >>%s", line, path);
		holder("trigger", event, "rmmod would leave it behind", remedy, NULL, 0);
	}
	fclose(f);
}

/*
 * Triggers of events do not hold the module, but should: the kernel does not take them
 * away with it, and warns of an event that still has a user.
 */
static void triggers(void)
{
	static const char *const patterns[] = {
		"/sys/kernel/tracing/events/ioasid/*/trigger",
		"/sys/kernel/tracing/instances/*/events/ioasid/*/trigger",
	};
	glob_t found;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (!glob(patterns[i], 0, NULL, &found))
			for (size_t j = 0; j < found.gl_pathc; j++)
				triggers_of(found.gl_pathv[j]);
		globfree(&found);
	}
}

int cmd_holders(int argc, char **argv)
{
	unsigned long long refs;

	(void)argc;
	(void)argv;
	if (need_admin("looking for holders") || need_module())
		return -1;
	refs = sysfs_u64("/sys/module/ioasid/refcnt");
	holders = 0;
	nr_pins = pins_read(&pins);
	if (ctl.json)
		json_array(&ctl.j, NULL);
	each_entry("/sys/module/ioasid/holders", other_module, NULL);
	processes();
	policies();
	observers();
	/* Perf events and loaded programs without a link look alike. */
	if (!holders && refs)
		holder("unknown", "?", "the module has users", "look for 'perf', and for programs that loaded BPF objects of ioasid and attached none",
		       NULL, 0);
	triggers();
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	} else if (!holders) {
		puts("nothing holds ioasid: 'rmmod ioasid' works");
	}
	pins_free(pins, nr_pins);
	return 0;
}
