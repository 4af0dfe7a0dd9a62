// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl holders': why ioasid.ko cannot be unloaded, and what to do. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/counting.h"
#include "../lib/files.h"
#include "../lib/sysfs.h"
#include "ctl.h"

static int holders;

static void holder(const char *kind, const char *name, const char *what, const char *remedy)
{
	holders++;
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "kind", kind);
		json_str(&ctl.j, "name", name);
		json_str(&ctl.j, "what", what);
		json_str(&ctl.j, "remedy", remedy);
		json_object_end(&ctl.j);
		return;
	}
	printf("%-8s %-20s %-28s -> %s\n", kind, name, what, remedy);
}

static int other_module(const char *name, void *unused)
{
	char what[64], remedy[64];

	(void)unused;
	snprintf(what, sizeof(what), "%llu users",
		 (unsigned long long)sysfs_u64("/sys/module/%s/refcnt", name));
	snprintf(remedy, sizeof(remedy), "rmmod %s", name);
	holder("module", name, what, remedy);
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
		holder("process", name, what, remedy);
	}
	free(files);
}

static void policies(void)
{
	struct policy_state *list;
	int n = read_policies(&list);
	char remedy[192];

	for (int i = 0; i < n; i++) {
		snprintf(remedy, sizeof(remedy), "ioasidctl policy unload %s", list[i].name);
		holder("policy", list[i].name, list[i].state, remedy);
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

/* Programs that are about the module's types; those of policies are named already. */
static void observers(void)
{
	char name[64], what[64], remedy[96];
	__u32 id = 0, len;
	int fd;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info prog = {};

		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0)
			continue;
		len = sizeof(prog);
		if (bpf_obj_get_info_by_fd(fd, &prog, &len))
			prog.type = BPF_PROG_TYPE_STRUCT_OPS;
		close(fd);
		if (prog.type == BPF_PROG_TYPE_STRUCT_OPS || !is_module_btf(prog.attach_btf_obj_id))
			continue;
		snprintf(name, sizeof(name), "%s", prog.name);
		snprintf(what, sizeof(what), "BPF program %u", id);
		snprintf(remedy, sizeof(remedy), "%s", counting_is_on() && !strncmp(prog.name, "stat_", 5) ?
			 "ioasidctl stats off" : "stop its loader, or remove its pin");
		holder("observer", name, what, remedy);
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
	if (ctl.json)
		json_array(&ctl.j, NULL);
	each_entry("/sys/module/ioasid/holders", other_module, NULL);
	processes();
	policies();
	observers();
	/* Perf events and loaded programs without a link are not told apart. */
	if (!holders && refs)
		holder("unknown", "?", "the module has users", "look for 'perf', and for programs that loaded BPF objects of ioasid and attached none");
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	} else if (!holders) {
		puts("nobody holds ioasid: 'rmmod ioasid' works");
	}
	return 0;
}
