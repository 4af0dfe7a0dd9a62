// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ioasidctl doctor': is there one version of ioasid on this machine? The modules
 * that are loaded, those that modprobe would load, and the tools are installed
 * separately: an update replaces files, and what is loaded stays.
 */
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "../lib/sysfs.h"
#include "ctl.h"
#include "doctor.h"

#define COPIES_MAX	4

/* The first two are needed by everything, the others are optional to load. */
static const char *const modules[] = {
	"ioasid", "ioasid_vfio", "ioasid_pci", "ioasid_setcontainer"
};

#define NR_MODULES	(sizeof(modules) / sizeof(modules[0]))

struct build {
	char version[64];	/* "none" for a module that does not say */
	char srcversion[64];
};

static struct copies {
	char path[COPIES_MAX][512];
	int nr;
} copies;

/* The file is compressed, so kmod's program reads it. */
bool modinfo(const char *module, const char *field, char *buf, size_t size)
{
	char command[192];
	bool ok;
	FILE *f;

	snprintf(command, sizeof(command),
		 "PATH=/usr/sbin:/sbin:$PATH; exec modinfo -F %s %s 2>/dev/null", field, module);
	f = popen(command, "re");
	if (!f)
		return false;
	ok = fgets(buf, (int)size, f) != NULL;
	/* All of it, or a long list of a field would end modinfo by SIGPIPE. */
	while (fgetc(f) != EOF)
		;
	ok &= pclose(f) == 0;
	if (ok)
		buf[strcspn(buf, "\n")] = 0;
	return ok;
}

static bool installed(const char *module, struct build *b)
{
	char file[512];

	if (!modinfo(module, "filename", file, sizeof(file)))
		return false;
	if (!modinfo(module, "version", b->version, sizeof(b->version)))
		strcpy(b->version, "none");
	if (!modinfo(module, "srcversion", b->srcversion, sizeof(b->srcversion)))
		b->srcversion[0] = 0;
	return true;
}

static bool loaded(const char *module, struct build *b)
{
	if (!module_loaded(module))
		return false;
	if (!sysfs_line(b->version, sizeof(b->version), "/sys/module/%s/version", module))
		strcpy(b->version, "none");
	if (!sysfs_line(b->srcversion, sizeof(b->srcversion), "/sys/module/%s/srcversion", module))
		b->srcversion[0] = 0;
	return true;
}

/* No installation writes to "kernel", which holds the thousands that came with it. */
static int is_copy(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	if (type == FTW_D && at->level == 1 && !strcmp(path + at->base, "kernel"))
		return FTW_SKIP_SUBTREE;
	if (type == FTW_F && !strncmp(path + at->base, "ioasid.ko", 9) && copies.nr < COPIES_MAX)
		snprintf(copies.path[copies.nr++], sizeof(copies.path[0]), "%s", path);
	return FTW_CONTINUE;
}

/* depmod ranks updates/dkms and updates/ioasid alike: which one wins is chance. */
static void check_copies(const char *release)
{
	char dir[128], file[512] = "neither";

	copies.nr = 0;
	snprintf(dir, sizeof(dir), "/lib/modules/%s", release);
	nftw(dir, is_copy, 16, FTW_PHYS | FTW_ACTIONRETVAL);
	if (copies.nr < 2)
		return;
	modinfo("ioasid", "filename", file, sizeof(file));
	diagnose(WARN, "installed", "keep one: 'dkms remove ioasid/VERSION --all' takes that of DKMS away, 'rm -r /lib/modules/$(uname -r)/updates/ioasid' that of 'make install'; then run depmod",
		 "%d copies of ioasid.ko are installed for this kernel, %s and %s; modprobe takes %s",
		 copies.nr, copies.path[0], copies.path[1], file);
}

static void nothing_installed(const char *release)
{
	char remedy[256];
	glob_t found;
	bool dkms;

	dkms = !glob("/usr/src/ioasid-*/dkms.conf", 0, NULL, &found);
	globfree(&found);
	if (module_loaded("ioasid")) {
		diagnose(NOTE, "installed", "install ioasid-dkms, or run 'make install', if ioasid is to be there after a boot",
			 "the loaded ioasid came from a file, none is installed for Linux %s", release);
		return;
	}
	snprintf(remedy, sizeof(remedy), dkms ?
		 "install linux-headers-%s and run 'dkms autoinstall'; 'dkms status ioasid' shows how far that is" :
		 "install ioasid-dkms and linux-headers-%s, or see docs/install.md", release);
	diagnose(FAILS, "installed", remedy, "no ioasid.ko is installed for Linux %s", release);
}

/* Of one module: what is loaded against what is installed. */
static int compare(const char *module, const struct build *core, const struct build *disk)
{
	const char *remedy = "reboot; or end what 'ioasidctl holders' lists, unload all modules of ioasid and 'modprobe ioasid_vfio'";
	struct build live;

	if (strcmp(disk->version, core->version)) {
		diagnose(WARN, "versions", "install ioasid again: its modules belong together",
			 "%s of version %s and ioasid of version %s are installed", module,
			 disk->version, core->version);
		return 1;
	}
	if (!loaded(module, &live))
		return 0;
	if (strcmp(live.version, disk->version))
		diagnose(WARN, "versions", remedy, "%s %s is loaded, version %s is installed",
			 module, live.version, disk->version);
	else if (strcmp(live.srcversion, disk->srcversion))
		diagnose(WARN, "versions", remedy,
			 "%s %s is loaded and installed, from different sources (%s and %s)",
			 module, live.version, live.srcversion, disk->srcversion);
	else
		return 0;
	return 1;
}

static int check_tools(const struct build *module, const char *what)
{
	if (!strcmp(module->version, VERSION))
		return 0;
	diagnose(WARN, "versions", "install modules and tools of one version",
		 "ioasidctl is version " VERSION ", the %s ioasid is version %s", what,
		 module->version);
	return 1;
}

void doctor_versions(void)
{
	struct utsname name;
	struct build core, disk;
	int found = 0;

	uname(&name);
	check_copies(name.release);
	if (!installed("ioasid", &core)) {
		nothing_installed(name.release);
		if (!loaded("ioasid", &core))
			return;
	} else {
		for (size_t i = 0; i < NR_MODULES; i++) {
			if (installed(modules[i], &disk)) {
				found += compare(modules[i], &core, &disk);
				continue;
			}
			found++;
			diagnose(FAILS, "installed", "install it again, all of it",
				 "ioasid is installed for Linux %s without %s", name.release,
				 modules[i]);
		}
	}
	if (module_loaded("ioasid"))
		loaded("ioasid", &core);
	found += check_tools(&core, module_loaded("ioasid") ? "loaded" : "installed");
	if (!found)
		diagnose(OK, "versions", NULL, "modules and tools are of version %s", core.version);
}
