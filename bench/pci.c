// SPDX-License-Identifier: GPL-2.0-only
/* sysfs of PCI devices. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor.h"
#include "pci.h"
#include "util.h"

#define DEVICES	"/sys/bus/pci/devices"
#define DRIVERS	"/sys/bus/pci/drivers"
#define PATH_LEN 320

int pci_parse(const char *text, char bdf[PCI_BDF_LEN])
{
	unsigned int domain = 0, bus, slot, function;
	int end = 0;

	if (sscanf(text, "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &end) != 4 ||
	    text[end]) {
		domain = 0;
		end = 0;
		if (sscanf(text, "%x:%x.%x%n", &bus, &slot, &function, &end) != 3 ||
		    text[end])
			return -1;
	}
	if (domain > 0xffffff || bus > 0xff || slot > 0x1f || function > 7)
		return -1;
	snprintf(bdf, PCI_BDF_LEN, "%04x:%02x:%02x.%x", domain, bus, slot, function);
	return 0;
}

int pci_exists(const char *bdf)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), DEVICES "/%s", bdf);
	if (access(path, F_OK))
		return fail("there is no PCI device %s: 'lspci -D' lists what there is", bdf);
	return 0;
}

/* The last component of a symbolic link; "" when there is no link. */
static void link_name(const char *path, char *name, size_t size)
{
	char target[PATH_MAX];
	const char *slash;
	ssize_t n;

	name[0] = '\0';
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, size, "%s", slash ? slash + 1 : target);
}

void pci_driver(const char *bdf, char *name, size_t size)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), DEVICES "/%s/driver", bdf);
	link_name(path, name, size);
}

uint32_t pci_class(const char *bdf)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), DEVICES "/%s/class", bdf);
	return (uint32_t)read_number(path, 0);
}

int pci_group(const char *bdf)
{
	char path[PATH_LEN], name[32];
	uint64_t number;

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", bdf);
	link_name(path, name, sizeof(name));
	if (!parse_number(name, 0, INT_MAX, &number))
		return fail("%s has no IOMMU group: turn the IOMMU on in the firmware and boot with intel_iommu=on (Intel) or amd_iommu=on (AMD)",
			    bdf);
	return (int)number;
}

bool pci_driver_is_ours(const char *driver)
{
	return !strcmp(driver, "vfio-pci") || !strcmp(driver, "ioasid_pci");
}

/* Drivers that leave a device usable by others in its group. */
static bool harmless_driver(const char *driver)
{
	return !driver[0] || pci_driver_is_ours(driver) || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

int pci_group_ready(const char *bdf)
{
	char path[PATH_LEN], driver[64], list[512] = "";
	size_t len = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group/devices", bdf);
	d = opendir(path);
	if (!d)
		return fail("cannot list %s: %s", path, strerror(errno));
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || !strcmp(e->d_name, bdf))
			continue;
		pci_driver(e->d_name, driver, sizeof(driver));
		if (harmless_driver(driver) || len + 80 > sizeof(list))
			continue;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%.15s (%.40s)",
					len ? ", " : "", e->d_name, driver);
	}
	closedir(d);
	if (len)
		return fail("the IOMMU group of %s also holds %s: unbind these or bind them to vfio-pci first",
			    bdf, list);
	return 0;
}

int pci_driver_loaded(const char *driver)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), DRIVERS "/%s", driver);
	if (access(path, F_OK))
		return fail("%s is not loaded: modprobe %s", driver, driver);
	return 0;
}

static int set_attribute(const char *path, const char *text)
{
	int err = write_text(path, text);

	if (err)
		return fail("cannot write '%.*s' to %s: %s%s", (int)strcspn(text, "\n"),
			    text, path, strerror(-err),
			    err == -EACCES ? " (run as root)" : "");
	return 0;
}

/* Tell the supervisor first: the last thing told is the first thing undone. */
static int remember_driver(const char *bdf, const char *driver, const char *override,
			   const char *wanted)
{
	char path[PATH_LEN], old[72];

	if (driver[0]) {
		snprintf(path, sizeof(path), DRIVERS "/%s/bind", driver);
		if (supervisor_write(path, bdf))
			return -1;
	}
	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", bdf);
	snprintf(old, sizeof(old), "%.64s\n", strcmp(override, "(null)") ? override : "");
	if (supervisor_write(path, old))
		return -1;
	snprintf(path, sizeof(path), DRIVERS "/%s/unbind", wanted);
	return supervisor_write(path, bdf);
}

int pci_bind(const char *bdf, const char *wanted)
{
	char path[PATH_LEN], driver[64], override[72] = "", line[72];

	if (pci_driver_loaded(wanted))
		return -1;
	pci_driver(bdf, driver, sizeof(driver));
	if (!strcmp(driver, wanted))
		return 0;
	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", bdf);
	read_line(path, override, sizeof(override));
	if (access(path, W_OK))
		return fail("cannot change the driver of %s: %s%s", bdf, strerror(errno),
			    errno == EACCES ? " (run as root)" : "");
	snprintf(line, sizeof(line), "%.64s\n", wanted);
	if (remember_driver(bdf, driver, override, wanted) || set_attribute(path, line))
		return -1;
	if (driver[0]) {
		snprintf(path, sizeof(path), DRIVERS "/%s/unbind", driver);
		if (set_attribute(path, bdf))
			return -1;
	}
	if (set_attribute("/sys/bus/pci/drivers_probe", bdf))
		return -1;
	pci_driver(bdf, driver, sizeof(driver));
	if (strcmp(driver, wanted))
		return fail("%s did not take %s: see dmesg", wanted, bdf);
	return 0;
}

int pci_first_of(const char *driver, char bdf[PCI_BDF_LEN])
{
	char path[PATH_LEN];
	struct dirent *e;
	int found = -1;
	DIR *d;

	snprintf(path, sizeof(path), DRIVERS "/%s", driver);
	d = opendir(path);
	if (!d)
		return -1;
	while (found && (e = readdir(d)))
		if (strchr(e->d_name, ':') && !pci_parse(e->d_name, bdf))
			found = 0;
	closedir(d);
	return found;
}
