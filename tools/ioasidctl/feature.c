// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ioasidctl feature': what the loaded modules can do. All of it is asked from
 * them: hooks, events and kfuncs from their BTF, extensions by the ioctl.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <libioasid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../lib/sysfs.h"
#include "ctl.h"

/* ---- lists of names ---- */

static unsigned int column;

static void begin_list(const char *key, const char *label)
{
	if (ctl.json) {
		json_array(&ctl.j, key);
		return;
	}
	column = (unsigned int)printf("%-12s", label);
}

static void add_name(const char *name)
{
	if (ctl.json) {
		json_str(&ctl.j, NULL, name);
		return;
	}
	if (column + strlen(name) > 96)
		column = (unsigned int)printf("\n%-12s", "") - 1;
	column += (unsigned int)printf(" %s", name);
}

static void end_list(void)
{
	if (ctl.json)
		json_array_end(&ctl.j);
	else
		putchar('\n');
}

/* ---- from BTF ---- */

/* Members of struct ioasid_policy_ops: pointers are hooks, the others data. */
static void list_members(const struct btf *btf, const char *key, const char *label, bool hooks)
{
	int id = btf__find_by_name_kind(btf, "ioasid_policy_ops", BTF_KIND_STRUCT);
	const struct btf_type *t, *type;

	begin_list(key, label);
	t = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
	for (int i = 0; t && i < btf_vlen(t); i++) {
		type = btf__type_by_id(btf, btf_members(t)[i].type);
		if (btf_is_ptr(type) == hooks)
			add_name(btf__name_by_offset(btf, btf_members(t)[i].name_off));
	}
	end_list();
}

/* A tracepoint x has a typedef btf_trace_x. */
static void list_events(const struct btf *btf, uint32_t first)
{
	static const char prefix[] = "btf_trace_ioasid_";
	const char *name;

	begin_list("events", "events");
	for (uint32_t i = first; i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);

		name = btf__name_by_offset(btf, t->name_off);
		if (btf_is_typedef(t) && !strncmp(name, prefix, sizeof(prefix) - 1))
			add_name(name + strlen("btf_trace_"));
	}
	end_list();
}

static void list_kfuncs(const struct btf *btf, uint32_t first)
{
	const char *name;

	begin_list("kfuncs", "kfuncs");
	for (uint32_t i = first; i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);

		name = btf__name_by_offset(btf, t->name_off);
		if (btf_is_func(t) && (!strncmp(name, "bpf_ioasid_", 11) ||
				       !strncmp(name, "bpf_iter_ioasid_", 16)))
			add_name(name);
	}
	end_list();
}

static void from_btf(void)
{
	struct btf *vmlinux = btf__load_vmlinux_btf(), *btf = NULL;

	if (vmlinux)
		btf = btf__load_module_btf("ioasid", vmlinux);
	if (btf) {
		list_members(btf, "hooks", "hooks", true);
		list_members(btf, "policy_data", "policy data", false);
		list_events(btf, btf__type_cnt(vmlinux));
		list_kfuncs(btf, btf__type_cnt(vmlinux));
	} else if (!ctl.json) {
		printf("%-12s none: ioasid.ko has no BTF, or it cannot be read without root\n",
		       "hooks");
	}
	btf__free(btf);
	btf__free(vmlinux);
}

/* ---- from the modules ---- */

static void list_extensions(void)
{
	static const char *const names[] = {
		[1] = "TYPE1", [2] = "SPAPR_TCE", [3] = "TYPE1v2", [4] = "DMA_CC_IOMMU", [5] = "EEH",
		[6] = "TYPE1_NESTING", [7] = "SPAPR_TCE_v2", [8] = "NOIOMMU", [9] = "UNMAP_ALL",
		[10] = "UPDATE_VADDR",
	};
	int fd = ioasid_open();

	if (fd < 0)
		return;
	begin_list("extensions", "extensions");
	for (unsigned long i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (ioasid_check_extension(fd, i) > 0)
			add_name(names[i]);
	end_list();
	close(fd);
}

static int add_parameter(const char *name, void *module)
{
	char value[128], text[256];

	if (!sysfs_line(value, sizeof(value), "/sys/module/%s/parameters/%s", (char *)module, name))
		snprintf(value, sizeof(value), "?");
	if (ctl.json) {
		json_str(&ctl.j, name, value);
		return 0;
	}
	snprintf(text, sizeof(text), "%s=%s", name, value);
	add_name(text);
	return 0;
}

static void list_parameters(void)
{
	static const char *const modules[] = {
		"ioasid", "ioasid_vfio", "ioasid_pci", "ioasid_setcontainer"
	};
	char dir[128];

	if (ctl.json)
		json_object(&ctl.j, "parameters");
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		if (!module_loaded(modules[i]))
			continue;
		if (ctl.json)
			json_object(&ctl.j, modules[i]);
		else
			column = (unsigned int)printf("%-12s", modules[i]);
		snprintf(dir, sizeof(dir), "/sys/module/%s/parameters", modules[i]);
		each_entry(dir, add_parameter, (void *)modules[i]);
		if (ctl.json)
			json_object_end(&ctl.j);
		else
			putchar('\n');
	}
	if (ctl.json)
		json_object_end(&ctl.j);
}

int cmd_feature(int argc, char **argv)
{
	char version[64] = "unknown";
	struct utsname kernel = {};

	(void)argc;
	(void)argv;
	if (need_module())
		return -1;
	uname(&kernel);
	if (!sysfs_line(version, sizeof(version), "/sys/module/ioasid/version"))
		sysfs_line(version, sizeof(version), "/sys/module/ioasid/srcversion");
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "kernel", kernel.release);
		json_str(&ctl.j, "version", version);
	} else {
		printf("%-12s %s\n%-12s %s\n", "kernel", kernel.release, "ioasid.ko", version);
	}
	from_btf();
	list_extensions();
	list_parameters();
	if (ctl.json) {
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	return 0;
}
