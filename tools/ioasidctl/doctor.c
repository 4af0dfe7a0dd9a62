// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ioasidctl doctor': what is wrong with this machine, for ioasid, and what to
 * do about it: one line a check, and one remedy.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/files.h"
#include "../lib/process.h"
#include "../lib/spaces.h"
#include "../lib/sysfs.h"
#include "../lib/text.h"
#include "../lib/untrusted.h"
#include "ctl.h"
#include "doctor.h"

static int failures;

void diagnose(enum verdict verdict, const char *check, const char *remedy, const char *fmt, ...)
{
	static const char *const names[] = { "ok", "note", "warn", "fail" };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	failures += verdict == FAILS;
	if (ctl.json) {
		json_object(&ctl.j, NULL);
		json_str(&ctl.j, "check", check);
		json_str(&ctl.j, "verdict", names[verdict]);
		json_str(&ctl.j, "text", text);
		if (remedy)
			json_str(&ctl.j, "remedy", remedy);
		json_object_end(&ctl.j);
		return;
	}
	printf("%-5s %-11s %s\n", names[verdict], check, shown(text));
	if (remedy)
		printf("%-5s %-11s -> %s\n", "", "", shown(remedy));
}

/* ---- the machine ---- */

static int count_entry(const char *name, void *count)
{
	(void)name;
	++*(int *)count;
	return 0;
}

static int entries(const char *dir)
{
	int n = 0;

	each_entry(dir, count_entry, &n);
	return n;
}

/* Is a virtio-iommu among the PCI devices? */
static int count_virtio_iommu(const char *name, void *count)
{
	char device[16];

	if (sysfs_line(device, sizeof(device), "/sys/bus/pci/devices/%s/device", name) &&
	    !strcmp(device, "0x1057"))
		++*(int *)count;
	return 0;
}

static void check_iommu(void)
{
	int groups = entries("/sys/kernel/iommu_groups"), units = entries("/sys/class/iommu");
	int virtio = 0;

	each_entry("/sys/bus/pci/devices", count_virtio_iommu, &virtio);
	if (!groups && virtio)
		diagnose(FAILS, "iommu", "take functions behind a PCI bridge out of the virtual machine: see virtio-iommu in docs/support-matrix.md",
			 "there is a virtio-iommu, and no device has a group: Linux 7 gives up all of them when the IOMMU has no endpoint for one");
	else if (!groups)
		diagnose(FAILS, "iommu", "switch on VT-d or AMD-Vi in the firmware, and on Intel boot with intel_iommu=on",
			 "no device is behind an IOMMU");
	else
		diagnose(OK, "iommu", NULL, "%d groups behind %d IOMMUs", groups, units);
}

static void check_interrupts(void)
{
	char unsafe[8] = "";

	sysfs_line(unsafe, sizeof(unsafe), "/sys/module/ioasid/parameters/allow_unsafe_interrupts");
	if (unsafe[0] == 'Y')
		diagnose(WARN, "interrupts", "write N to /sys/module/ioasid/parameters/allow_unsafe_interrupts, and switch on interrupt remapping in the firmware",
			 "devices whose interrupts are not isolated may be attached: a guest can send any interrupt");
	else if (unsafe[0])
		diagnose(OK, "interrupts", NULL, "only devices with isolated interrupts may be attached");
}

/* ---- modules ---- */

static void check_modules(void)
{
	const char *backend = new_containers();
	const char *advice = new_containers_remedy(backend);

	if (!module_loaded("ioasid")) {
		diagnose(FAILS, "module", "modprobe ioasid_vfio", "ioasid is not loaded");
		return;
	}
	diagnose(OK, "module", NULL, "ioasid is loaded, with %llu users",
		 (unsigned long long)sysfs_u64("/sys/module/ioasid/refcnt"));
	/* Without vfio.ko there is one as soon as it is loaded: it brings type1. */
	if (!strcmp(backend, "none") && module_loaded("vfio"))
		diagnose(WARN, "backend", "modprobe vfio_iommu_type1, or modprobe ioasid_vfio",
			 "no IOMMU driver of VFIO is left: VFIO_SET_IOMMU of a new container fails with ENODEV");
	else if (*advice)
		diagnose(WARN, "backend", advice, "new containers get %s", backend);
	else
		diagnose(OK, "backend", NULL, "new containers get %s", backend);
}

struct rule {
	bool order;	/* type1 is loaded before us */
	bool undone;	/* and removed with us */
	bool barred;	/* type1 is kept out */
	const char *dir;
};

static int read_rules(const char *name, void *data)
{
	struct rule *r = data;
	char path[512], line[512], module[64], verb[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %63s", verb, module) != 2)
			continue;
		if (!strcmp(module, "ioasid_vfio") && strstr(line, "vfio_iommu_type1")) {
			r->order |= !strcmp(verb, "install");
			r->undone |= !strcmp(verb, "softdep");
		}
		r->barred |= !strcmp(verb, "install") && !strcmp(module, "vfio_iommu_type1");
	}
	fclose(f);
	return 0;
}

/* vfio.ko asks the driver first that was loaded last, and pulls type1 in itself. */
static void check_modprobe(void)
{
	static const char *const dirs[] = {
		"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d",
		"/usr/lib/modprobe.d", "/lib/modprobe.d"
	};
	struct rule rule = {};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		rule.dir = dirs[i];
		each_entry(rule.dir, read_rules, &rule);
	}
	if (rule.barred)
		diagnose(OK, "modprobe.d", NULL, "vfio_iommu_type1 is kept from loading");
	else if (rule.undone)
		diagnose(WARN, "modprobe.d", "replace the softdep of ioasid_vfio by the line in tools/packaging/modprobe.d/ioasid.conf",
			 "'modprobe -r ioasid_vfio' removes vfio_iommu_type1, too, and VFIO is left without an IOMMU driver");
	else if (rule.order)
		diagnose(OK, "modprobe.d", NULL, "vfio_iommu_type1 is loaded before ioasid_vfio");
	else
		diagnose(WARN, "modprobe.d", "copy tools/packaging/modprobe.d/ioasid.conf to /etc/modprobe.d",
			 "vfio.ko's softdep may load vfio_iommu_type1 after ioasid_vfio, and new containers get type1 then");
}

static void check_node(void)
{
	struct stat st;

	if (!module_loaded("ioasid"))
		return;
	if (stat("/dev/ioasid", &st) || !S_ISCHR(st.st_mode))
		diagnose(FAILS, "node", "check that devtmpfs is mounted on /dev, and 'udevadm trigger /dev/ioasid'",
			 "there is no /dev/ioasid");
	else if (st.st_mode & 0006)
		diagnose(WARN, "node", "chmod 0660 /dev/ioasid, and install the udev rule of ioasid",
			 "every user can open /dev/ioasid and pin memory up to RLIMIT_MEMLOCK in each process");
	else
		diagnose(OK, "node", NULL, "/dev/ioasid has mode %04o", st.st_mode & 07777);
}

/* ---- programs that use it ---- */

static void check_memlock(const struct vfio_file *f)
{
	uint64_t locked = process_locked(f->pid), limit = process_memlock(f->pid);
	char have[SIZE_TEXT], most[SIZE_TEXT], remedy[256], cgroup[256];

	if (process_may_lock(f->pid) || limit == PROCESS_UNLIMITED || locked <= limit - limit / 5)
		return;
	snprintf(remedy, sizeof(remedy), "prlimit --pid %d --memlock=BYTES, and LimitMEMLOCK= in its unit",
		 f->pid);
	diagnose(WARN, "memlock", remedy, "%s (%d) in %s has locked %s of %s: maps will soon fail with ENOMEM",
		 f->comm, f->pid, process_cgroup(f->pid, cgroup, sizeof(cgroup)),
		 format_size(locked, have), format_size(limit, most));
}

/* All virtual machines are called qemu-system-x86; the cgroup tells them apart. */
static void check_containers(void)
{
	struct vfio_file *files;
	char cgroup[256];
	int n = read_vfio_files(&files), ours = 0, others = 0;

	if (n < 0) {
		diagnose(WARN, "containers", "run this as root, on a kernel with BTF",
			 "the IOMMU driver of live containers cannot be read");
		return;
	}
	for (int i = 0; i < n; i++) {
		const struct vfio_file *f = &files[i];

		if (vfio_file_is_ours(f)) {
			ours++;
		} else if (!strcmp(f->kind, "container") && strcmp(f->backend, "none")) {
			others++;
			diagnose(WARN, "containers", "restart it when new containers get ioasid",
				 "%s (%d) in %s is on %s, where no policy is asked and no tracepoint fires",
				 f->comm, f->pid, process_cgroup(f->pid, cgroup, sizeof(cgroup)),
				 f->backend);
		}
		if (!strcmp(f->kind, "container") || !strcmp(f->kind, "ioasid"))
			check_memlock(f);
	}
	if (!others)
		diagnose(OK, "containers", NULL, "%d open, none on another IOMMU driver", ours);
	free(files);
}

static void check_limits(void)
{
	struct space *list;
	int n = read_spaces(&list);

	for (int i = 0; i < n; i++) {
		if (list[i].avail * 20 < list[i].avail + list[i].maps)
			diagnose(WARN, "mappings", "write a larger number to /sys/module/ioasid/parameters/dma_entry_limit and restart it, or use larger mappings",
				 "space %u of %s (%u) has made %llu mappings and may make %llu more",
				 list[i].id, list[i].comm, list[i].owner, list[i].maps,
				 list[i].avail);
		if (list[i].sealed)
			diagnose(WARN, "sealed", "see 'ioasidctl policy list', then restart the program",
				 "space %u of %s (%u) is sealed: a policy refused a group, and every map fails",
				 list[i].id, list[i].comm, list[i].owner);
	}
	if (n >= 0)
		diagnose(OK, "spaces", NULL, "%d address spaces", n);
	free(list);
}

/* One of a user's limits: the last tenth is near. */
static bool near_limit(const struct user_count *u, const char *what, unsigned long long used,
		       const char *parameter)
{
	uint64_t limit = sysfs_u64("/sys/module/ioasid/parameters/%s", parameter);
	char remedy[256];

	if (!limit || used < limit - limit / 10)
		return false;
	snprintf(remedy, sizeof(remedy), "see 'ioasidctl list' for that user's programs, or write a larger number to /sys/module/ioasid/parameters/%s",
		 parameter);
	diagnose(WARN, "users", remedy, "user %u has %llu %s of %llu: without CAP_SYS_RESOURCE calls will soon fail with EDQUOT",
		 u->uid, used, what, (unsigned long long)limit);
	return true;
}

static void check_users(void)
{
	struct user_count *list;
	int n = read_users(&list), near = 0;

	for (int i = 0; i < n; i++) {
		near += near_limit(&list[i], "address spaces", list[i].spaces, "user_spaces");
		near += near_limit(&list[i], "mappings that no rlimit bounds", list[i].mappings,
				   "user_mappings");
	}
	if (n >= 0 && !near)
		diagnose(OK, "users", NULL, "%d users, none close to a limit", n);
	free(list);
}

int cmd_doctor(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (need_admin("looking at the whole machine"))
		return -1;
	failures = 0;
	if (ctl.json)
		json_array(&ctl.j, NULL);
	check_iommu();
	check_interrupts();
	check_modules();
	doctor_versions();
	check_modprobe();
	check_node();
	doctor_kernel();
	check_containers();
	check_limits();
	check_users();
	doctor_policies();
	if (ctl.json) {
		json_array_end(&ctl.j);
		json_end_line(&ctl.j);
	}
	return failures ? CTL_BAD : 0;
}
