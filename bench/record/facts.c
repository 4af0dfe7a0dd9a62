// SPDX-License-Identifier: GPL-2.0-only
/*
 * What decides how fast a machine is. Nothing of this says whose machine it is: of the
 * kernel's command line only the parameters of a list are kept, and no serial number, no
 * name of a host and no address of a network.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "machine.h"
#include "pci.h"
#include "record/record.h"
#include "util.h"

#define CPU	"/sys/devices/system/cpu"
#define THP	"/sys/kernel/mm/transparent_hugepage"

/* Files of one line that are facts, where they are there. */
static const struct {
	const char *group, *name, *path;
} line_fact[] = {
	{ "processor", "threads of a core", CPU "/smt/control" },
	{ "processor", "frequency governor", CPU "/cpu0/cpufreq/scaling_governor" },
	{ "processor", "frequency driver", CPU "/cpu0/cpufreq/scaling_driver" },
	{ "processor", "turbo off", CPU "/intel_pstate/no_turbo" },
	{ "processor", "boost", CPU "/cpufreq/boost" },
	{ "processor", "microcode", CPU "/cpu0/microcode/version" },
	{ "processor", "NUMA nodes", "/sys/devices/system/node/online" },
	{ "settings", "transparent huge pages", THP "/enabled" },
	{ "settings", "their defragmentation", THP "/defrag" },
	{ "settings", "huge pages", "/proc/sys/vm/nr_hugepages" },
	{ "settings", "automatic NUMA balancing", "/proc/sys/kernel/numa_balancing" },
	{ "settings", "KSM", "/sys/kernel/mm/ksm/run" },
	{ "settings", "perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid" },
	{ "settings", "lockdown", "/sys/kernel/security/lockdown" },
};

/* Parameters of the kernel that are kept: those with such a beginning. */
static const char *const boot_parameter[] = {
	"amd_iommu", "default_hugepagesz", "hugepages", "idle", "intel_idle", "intel_iommu",
	"intel_pstate", "amd_pstate", "ioasid", "iommu", "irqaffinity", "isolcpus", "kpti", "mitigations",
	"nohz", "nokaslr", "nosmt", "nox2apic", "numa_balancing", "pci=", "pcie_aspm", "preempt", "processor.",
	"rcu_nocbs", "retbleed", "spec", "swiotlb", "transparent_hugepage", "tsx", "vfio", "arm-smmu",
	"init_on_", "slab_nomerge", "slub_debug", "debug_pagealloc", "kasan", "intremap",
};

static int lines(struct record *r, const char *group)
{
	char line[160];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(line_fact); i++)
		if (!strcmp(line_fact[i].group, group) &&
		    !read_line(line_fact[i].path, line, sizeof(line)) &&
		    record_fact(r, group, line_fact[i].name, "%s", line))
			return -1;
	return 0;
}

/* The first line of each file in a folder. */
struct folder {
	struct record *record;
	const char *group, *path, *prefix;
};

static int each_file(const char *name, void *data)
{
	const struct folder *f = data;
	char path[256], line[160], fact[128];

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	snprintf(fact, sizeof(fact), "%s%s", f->prefix, name);
	if (read_line(path, line, sizeof(line)))
		return 0;
	return record_fact(f->record, f->group, fact, "%s", line);
}

static int folder(struct record *r, const char *group, const char *path, const char *prefix)
{
	struct folder f = { r, group, path, prefix };

	return access(path, F_OK) ? 0 : each_entry(path, each_file, &f);
}

/* Only what can change the speed: the rest may be private. */
static int boot_parameters(struct record *r)
{
	char line[4096], *save = NULL, *word, kept[1024] = "";
	size_t i, len = 0;

	if (read_line("/proc/cmdline", line, sizeof(line)))
		return 0;
	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		for (i = 0; i < ARRAY_SIZE(boot_parameter); i++)
			if (!strncmp(word, boot_parameter[i], strlen(boot_parameter[i])))
				break;
		if (i == ARRAY_SIZE(boot_parameter) || len + strlen(word) + 2 > sizeof(kept))
			continue;
		len += (size_t)snprintf(kept + len, sizeof(kept) - len, "%s%s", len ? " " : "", word);
	}
	return record_fact(r, "kernel", "boot parameters", "%s", kept);
}

/* One IOMMU, by the folder that its driver makes for it. */
static int each_iommu(const char *name, void *data)
{
	static const struct {
		const char *folder, *model;
	} known[] = {
		{ "intel-iommu", "Intel VT-d" }, { "amd-iommu", "AMD-Vi" },
	};
	static const char *const attribute[] = { "version", "cap", "ecap", "features" };
	char text[256] = "another model", line[64];
	size_t i, a, len;

	if (strstr(name, "smmu3"))
		snprintf(text, sizeof(text), "Arm SMMUv3");
	else if (strstr(name, "smmu"))
		snprintf(text, sizeof(text), "Arm SMMU");
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		char path[160];

		snprintf(path, sizeof(path), "/sys/class/iommu/%s/%s", name, known[i].folder);
		if (access(path, F_OK))
			continue;
		len = (size_t)snprintf(text, sizeof(text), "%s", known[i].model);
		for (a = 0; a < ARRAY_SIZE(attribute); a++)
			if (sysfs_line(line, sizeof(line), "%s/%s", path, attribute[a]) && line[0])
				len += (size_t)snprintf(text + len, sizeof(text) - len, ", %s %.40s",
							attribute[a], line);
	}
	return record_fact(data, "iommu", name, "%s", text);
}

static int each_module(struct record *r)
{
	static const char *const module[] = {
		"ioasid", "ioasid_vfio", "ioasid_setcontainer", "ioasid_pci", "vfio",
		"vfio_iommu_type1", "vfio_pci", "vfio_pci_core", "iommufd",
	};
	char path[128], prefix[64], line[80], version[80];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(module); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", module[i]);
		if (access(path, F_OK))
			continue;
		snprintf(version, sizeof(version), "loaded");
		if (sysfs_line(line, sizeof(line), "%s/version", path) && line[0])
			snprintf(version, sizeof(version), "%s", line);
		snprintf(path, sizeof(path), "/sys/module/%s/parameters", module[i]);
		snprintf(prefix, sizeof(prefix), "%s.", module[i]);
		if (record_fact(r, "modules", module[i], "%s", version) ||
		    folder(r, "modules", path, prefix))
			return -1;
	}
	return 0;
}

static int processor(struct record *r, const struct machine *m)
{
	if (record_fact(r, "processor", "model", "%s", m->cpu[0] ? m->cpu : "unknown") ||
	    record_fact(r, "processor", "architecture", "%s", m->arch) ||
	    record_fact(r, "processor", "processors", "%u", m->cpus) ||
	    record_fact(r, "processor", "memory, GiB", "%.1f", (double)m->memory / (double)GIB) ||
	    record_fact(r, "processor", "hypervisor", "%s", m->hypervisor[0] ? m->hypervisor : "none") ||
	    record_fact(r, "processor", "emulated", "%s", m->emulated ? "yes" : "no") ||
	    lines(r, "processor"))
		return -1;
	return folder(r, "mitigations", CPU "/vulnerabilities", "");
}

int record_machine(struct record *r)
{
	struct machine m;
	struct utsname u;

	machine_probe(&m);
	if (processor(r, &m))
		return -1;
	if (!uname(&u) && (record_fact(r, "kernel", "release", "%s", u.release) ||
			   record_fact(r, "kernel", "version", "%s", u.version)))
		return -1;
	if (boot_parameters(r) || lines(r, "settings") || each_module(r))
		return -1;
	return access("/sys/class/iommu", F_OK) ? 0 : each_entry("/sys/class/iommu", each_iommu, r);
}

int record_device(struct record *r, const char *name, const char *bdf)
{
	static const char *const attribute[] = { "vendor", "device", "class", "numa_node" };
	char line[64], text[200];
	size_t i, len;

	len = (size_t)snprintf(text, sizeof(text), "%s", bdf);
	for (i = 0; i < ARRAY_SIZE(attribute); i++)
		if (sysfs_line(line, sizeof(line), "/sys/bus/pci/devices/%s/%s", bdf, attribute[i]))
			len += (size_t)snprintf(text + len, sizeof(text) - len, ", %s %.20s", attribute[i],
						line);
	if (sysfs_line(line, sizeof(line), "/sys/bus/pci/devices/%s/iommu_group/type", bdf))
		snprintf(text + len, sizeof(text) - len, ", group of type %.20s", line);
	return record_fact(r, "devices", name, "%s", text);
}
