// SPDX-License-Identifier: GPL-2.0-only
/* 'ioasidctl doctor', what the kernel allows. */
#include <bpf/btf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../lib/sysfs.h"
#include "ctl.h"
#include "doctor.h"

/* ---- BTF ---- */

static void check_btf(void)
{
	char hooks[256];

	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		diagnose(FAILS, "btf", "run a kernel with CONFIG_DEBUG_INFO_BTF, such as Debian's",
			 "the kernel has no BTF: no BPF program of ioasid can be loaded");
		return;
	}
	if (!module_loaded("ioasid"))
		return;
	if (access("/sys/kernel/btf/ioasid", F_OK) && btf_is_of_another_kernel()) {
		diagnose(FAILS, "btf", "build it for this very kernel, or let DKMS do it: 'dkms autoinstall'",
			 "the BTF of ioasid.ko is of another kernel: no policy and no observer can be loaded");
		return;
	}
	if (access("/sys/kernel/btf/ioasid", F_OK)) {
		diagnose(FAILS, "btf", "build it again on this kernel, with the package dwarves (pahole) installed",
			 "ioasid.ko has no BTF: no policy and no observer can be loaded");
		return;
	}
	if (!sysfs_line(hooks, sizeof(hooks), SYSFS_IOASID "/hooks"))
		snprintf(hooks, sizeof(hooks), "off: unknown");
	if (strcmp(hooks, "on"))
		diagnose(FAILS, "btf", "see the kernel log, and build ioasid.ko for this very kernel",
			 "policy hooks are %s", hooks);
	else
		diagnose(OK, "btf", NULL, "kernel and module have BTF, policy hooks are on");
}

static const char *differing_member(const struct btf *a, const struct btf_type *x,
				    const struct btf *b, const struct btf_type *y)
{
	const char *name, *other;

	for (int i = 0; i < btf_vlen(x); i++) {
		name = btf__name_by_offset(a, btf_members(x)[i].name_off);
		if (i >= btf_vlen(y))
			return name;
		other = btf__name_by_offset(b, btf_members(y)[i].name_off);
		if (strcmp(name, other) ||
		    btf_member_bit_offset(x, (uint32_t)i) != btf_member_bit_offset(y, (uint32_t)i))
			return name;
	}
	return btf_vlen(y) > btf_vlen(x) ? "the end" : NULL;
}

/* ioasid_vfio repeats a struct that is private to vfio.ko. */
static void check_layout(void)
{
	const char *type = "vfio_iommu_driver_ops", *differs;
	struct btf *vmlinux, *vfio = NULL, *ours = NULL;
	int x, y;

	if (!module_loaded("ioasid_vfio"))
		return;
	vmlinux = btf__load_vmlinux_btf();
	if (vmlinux) {
		vfio = btf__load_module_btf("vfio", vmlinux);
		ours = btf__load_module_btf("ioasid_vfio", vmlinux);
	}
	x = vfio ? btf__find_by_name_kind(vfio, type, BTF_KIND_STRUCT) : -1;
	y = ours ? btf__find_by_name_kind(ours, type, BTF_KIND_STRUCT) : -1;
	if (x < 0 || y < 0) {
		diagnose(NOTE, "layout", NULL, "cannot compare struct %s: vfio or ioasid_vfio has no BTF",
			 type);
	} else {
		differs = differing_member(vfio, btf__type_by_id(vfio, (uint32_t)x), ours,
					   btf__type_by_id(ours, (uint32_t)y));
		if (differs)
			diagnose(FAILS, "layout", "rmmod ioasid_vfio at once, and build it for this kernel",
				 "struct %s of vfio.ko differs from what ioasid_vfio was built with, at %s",
				 type, differs);
		else
			diagnose(OK, "layout", NULL, "struct %s is what vfio.ko has", type);
	}
	btf__free(ours);
	btf__free(vfio);
	btf__free(vmlinux);
}

/* ---- Secure Boot, signatures, lockdown ---- */

/* A variable of the firmware: four bytes of attributes, then its value. */
static int secure_boot(void)
{
	FILE *f = fopen("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
			"re");
	unsigned char value[5] = {};
	size_t n;

	if (!f)
		return -1;
	n = fread(value, 1, sizeof(value), f);
	fclose(f);
	return n == sizeof(value) ? value[4] : -1;
}

/* Does this kernel refuse modules without a signature that it can check? */
static bool signatures_enforced(const char *lockdown)
{
	char enforce[8] = "";

	sysfs_line(enforce, sizeof(enforce), "/sys/module/module/parameters/sig_enforce");
	return enforce[0] == 'Y' || strstr(lockdown, "[integrity]") ||
	       strstr(lockdown, "[confidentiality]");
}

/* A signature tells the name of its key, the kernel's keys are in /proc/keys by their names. */
static bool kernel_has_key(const char *name)
{
	FILE *f = fopen("/proc/keys", "re");
	char line[512], *at;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		at = strstr(line, " asymmetri ");
		found = at && strstr(at, name);
	}
	if (f)
		fclose(f);
	return found;
}

/* Would modprobe be refused? Says so, and why. */
static bool refused_for_its_signature(void)
{
	char file[512], signer[128];

	if (!modinfo("ioasid", "filename", file, sizeof(file)))
		return false;
	if (!modinfo("ioasid", "signer", signer, sizeof(signer)))
		diagnose(FAILS, "signature", "install openssl, and build the modules again by 'dkms remove ioasid/VERSION --all' and 'dkms autoinstall'; or sign them: see Secure Boot in docs/install.md",
			 "this kernel loads signed modules only, and %s is not signed", file);
	else if (!kernel_has_key(signer))
		diagnose(FAILS, "signature", "enrol the key, for that of DKMS by 'mokutil --import /var/lib/dkms/mok.pub', and reboot: see Secure Boot in docs/install.md",
			 "this kernel loads modules that a key of its own has signed, and it does not have '%s', which signed %s",
			 signer, file);
	else
		return false;
	return true;
}

static void check_signature(const char *lockdown)
{
	char taint[32] = "";
	int secure = secure_boot();

	sysfs_line(taint, sizeof(taint), "/sys/module/ioasid/taint");
	if (!module_loaded("ioasid") && signatures_enforced(lockdown) &&
	    refused_for_its_signature())
		return;
	if (!strchr(taint, 'E') && module_loaded("ioasid"))
		diagnose(OK, "secureboot", NULL, "Secure Boot is %s; the module is signed",
			 secure == 1 ? "on" : "off");
	else if (secure == 1)
		diagnose(WARN, "secureboot", "sign the modules and enrol the key with mokutil, or install with DKMS: see docs/install.md",
			 "Secure Boot is on, and the modules are not signed: this kernel or the next may refuse them");
	else
		diagnose(OK, "secureboot", NULL, "Secure Boot is %s", secure ? "not there" : "off");
}

static void check_lockdown(const char *lockdown)
{
	if (strstr(lockdown, "[confidentiality]"))
		diagnose(WARN, "lockdown", "boot with lockdown=integrity if you need one of them",
			 "the kernel is locked down for confidentiality: pincg and ioasidwho cannot be loaded");
	else if (lockdown[0])
		diagnose(OK, "lockdown", NULL, "%s", lockdown);
}

/* ---- file systems ---- */

static void check_mount(const char *where, long magic, const char *remedy, const char *what_for)
{
	struct statfs fs;

	if (statfs(where, &fs) || fs.f_type != magic)
		diagnose(WARN, "mounts", remedy, "%s is not mounted: %s", where, what_for);
}

static void check_mounts(void)
{
	check_mount("/sys/kernel/debug", DEBUGFS_MAGIC, "mount -t debugfs debugfs /sys/kernel/debug",
		    "address spaces cannot be listed");
	check_mount("/sys/fs/bpf", BPF_FS_MAGIC, "mount -t bpf bpf /sys/fs/bpf",
		    "policies cannot be pinned, and would end with their loader");
	check_mount("/sys/kernel/tracing", TRACEFS_MAGIC, "mount -t tracefs tracefs /sys/kernel/tracing",
		    "trace events are out of reach");
	check_mount("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC, "boot with systemd.unified_cgroup_hierarchy=1",
		    "cgroups (v2) cannot be distinguished");
}

void doctor_kernel(void)
{
	char lockdown[128] = "";

	sysfs_line(lockdown, sizeof(lockdown), "/sys/kernel/security/lockdown");
	check_btf();
	check_layout();
	check_signature(lockdown);
	check_lockdown(lockdown);
	check_mounts();
}
