// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl status': everything about ioasid on one screen. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/spaces.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ctl.h"

static const char *const modules[] = {
	"ioasid", "ioasid_vfio", "ioasid_pci", "ioasid_setcontainer", "vfio", "vfio_iommu_type1"
};

/*
 * The IOMMU driver that VFIO_SET_IOMMU of a new stock container gets. VFIO asks the driver
 * that was registered last, which is the module loaded last, and goes on to the
 * next while the answer is no.
 */
const char *new_containers(void)
{
	int ours = module_position("ioasid_vfio"), type1 = module_position("vfio_iommu_type1");
	char enabled[8] = "";

	sysfs_line(enabled, sizeof(enabled), "/sys/module/ioasid_vfio/parameters/enabled");
	if (ours < 0 || enabled[0] != 'Y')
		return module_loaded("vfio_iommu_type1") ? "type1" : "none";
	return type1 >= 0 && type1 < ours ? "type1" : "ioasid";
}

const char *new_containers_remedy(const char *backend)
{
	char enabled[8] = "";

	if (!strcmp(backend, "ioasid"))
		return "";
	if (!module_loaded("ioasid_vfio"))
		return "ioasid_vfio is not loaded: run 'modprobe ioasid_vfio'";
	sysfs_line(enabled, sizeof(enabled), "/sys/module/ioasid_vfio/parameters/enabled");
	if (enabled[0] != 'Y')
		return "switched off: write Y to /sys/module/ioasid_vfio/parameters/enabled";
	return "vfio_iommu_type1 was loaded after ioasid_vfio: unload and load ioasid_vfio again; the modprobe.d file of ioasid sees to the order at boot";
}

static void print_modules(void)
{
	char version[64];

	if (ctl.json)
		json_array(&ctl.j, "modules");
	else
		printf("%-15s", "modules");
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		const char *name = modules[i];

		if (!module_loaded(name))
			continue;
		if (!sysfs_line(version, sizeof(version), "/sys/module/%s/version", name))
			version[0] = 0;
		if (!ctl.json) {
			printf(" %s", name);
			if (module_position(name) >= 0)
				printf("(%llu)", (unsigned long long)
				       sysfs_u64("/sys/module/%s/refcnt", name));
			continue;
		}
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "name", name);
		json_u64(&ctl.j, "users", sysfs_u64("/sys/module/%s/refcnt", name));
		if (version[0])
			json_str(&ctl.j, "version", version);
		json_object_end(&ctl.j);
	}
	if (ctl.json)
		json_array_end(&ctl.j);
	else
		printf("%s\n", module_loaded("ioasid") ? "" :
		       "  (ioasid is not loaded: run 'modprobe ioasid')");
}

static void print_fact(const char *key, const char *label, const char *value, const char *advice)
{
	if (ctl.json) {
		json_str(&ctl.j, key, value);
		return;
	}
	printf("%-15s %s", label, shown(value));
	if (*advice)
		printf("  (%s)", advice);
	putchar('\n');
}

static void print_hooks(void)
{
	char state[256];

	if (!sysfs_line(state, sizeof(state), SYSFS_IOASID "/hooks"))
		snprintf(state, sizeof(state), "%s",
			 module_loaded("ioasid") ? "off: unknown" : "off: ioasid is not loaded");
	print_fact("hooks", "policy hooks", state, "");
}

static void print_spaces(void)
{
	unsigned long long maps = 0, mapped = 0, pinned = 0;
	char size[SIZE_TEXT];
	struct space *list;
	int n = read_spaces(&list);

	for (int i = 0; i < n; i++) {
		maps += list[i].maps;
		mapped += list[i].mapped;
		pinned += list[i].pinned;
	}
	free(list);
	if (!ctl.json && n < 0)
		printf("%-15s unknown  (%s)\n", "address spaces", module_loaded("ioasid") ?
		       "root can see them, with debugfs mounted" : "ioasid is not loaded");
	else if (!ctl.json)
		printf("%-15s %d, %llu mappings of %s, %llu pages pinned\n", "address spaces", n,
		       maps, format_size(mapped, size), pinned);
	if (!ctl.json)
		return;
	if (n < 0) {
		json_null(&ctl.j, "spaces");
		return;
	}
	json_object(&ctl.j, "spaces");
	json_u64(&ctl.j, "count", (uint64_t)n);
	json_u64(&ctl.j, "maps", maps);
	json_u64(&ctl.j, "mapped_bytes", mapped);
	json_u64(&ctl.j, "pinned_pages", pinned);
	json_object_end(&ctl.j);
}

static void print_policies(void)
{
	struct policy_state *list;
	int n = read_policies(&list);

	if (ctl.json)
		json_array(&ctl.j, "policies");
	else
		printf("%-15s%s", "policies", n > 0 ? "" : " none");
	for (int i = 0; i < n; i++) {
		if (!ctl.json) {
			printf("%s %s %s", i ? "," : "", shown(list[i].name), list[i].state);
			continue;
		}
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "name", list[i].name);
		json_str(&ctl.j, "state", list[i].state);
		json_object_end(&ctl.j);
	}
	free(list);
	if (ctl.json)
		json_array_end(&ctl.j);
	else
		putchar('\n');
}

static void print_last_exit(void)
{
	char line[512];

	if (!sysfs_line(line, sizeof(line), SYSFS_IOASID "/last_exit"))
		line[0] = 0;
	if (line[0] || ctl.json)
		print_fact("last_exit", "last exit", line, "");
}

static int print_device(const char *name, void *group)
{
	char path[PATH_MAX], driver[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices/%s/driver",
		 (const char *)group, name);
	n = readlink(path, driver, sizeof(driver) - 1);
	driver[n > 0 ? n : 0] = 0;
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "device", name);
		json_str(&ctl.j, "driver", n > 0 ? strrchr(driver, '/') + 1 : "");
		json_object_end(&ctl.j);
	} else {
		printf(" %s", shown(name));
		if (n > 0)
			printf(" (%s)", strrchr(driver, '/') + 1);
	}
	return 0;
}

static int print_group(const char *name, void *count)
{
	char dir[PATH_MAX];

	if (strspn(name, "0123456789") != strlen(name))
		return 0;
	++*(int *)count;
	snprintf(dir, sizeof(dir), "/sys/kernel/iommu_groups/%s/devices", name);
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_u64(&ctl.j, "group", strtoull(name, NULL, 10));
		json_array(&ctl.j, "devices");
	} else {
		printf("%-15s %s:", *(int *)count == 1 ? "vfio groups" : "", name);
	}
	each_entry(dir, print_device, (void *)name);
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_object_end(&ctl.j);
	} else {
		putchar('\n');
	}
	return 0;
}

static void print_groups(void)
{
	int count = 0;

	if (ctl.json)
		json_array(&ctl.j, "vfio_groups");
	each_entry("/dev/vfio", print_group, &count);
	if (ctl.json)
		json_array_end(&ctl.j);
	else if (!count)
		printf("%-15s none  (bind a device to vfio-pci, and check that the IOMMU is on)\n",
		       "vfio groups");
}

int cmd_status(int argc, char **argv)
{
	const char *backend;

	(void)argc;
	(void)argv;
	backend = new_containers();
	if (ctl.json)
		json_object(&ctl.j, NULL);
	print_modules();
	print_fact("new_containers", "new containers", backend, new_containers_remedy(backend));
	print_hooks();
	print_spaces();
	print_policies();
	print_last_exit();
	print_groups();
	if (ctl.json) {
		json_object_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	return 0;
}
