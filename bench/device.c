// SPDX-License-Identifier: GPL-2.0-only
/* Choosing and claiming the device. */
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "disk.h"
#include "util.h"

static int take_disk(const char *bdf, const char *driver)
{
	struct disk_hold hold;
	int err;

	if (disk_hold_idle(bdf, &hold))
		return -1;
	/* Held while it is unbound: no process can mount it in between. */
	err = pci_bind(bdf, driver);
	disk_release(&hold);
	return err;
}

static int take(const char *bdf, const char *wanted)
{
	char driver[64];

	pci_driver(bdf, driver, sizeof(driver));
	if (pci_driver_is_ours(driver) || !driver[0])
		return pci_bind(bdf, wanted);
	if (!strcmp(driver, "nvme"))
		return take_disk(bdf, wanted);
	return fail("%s is bound to %s, and only idle NVMe disks are taken from their driver: unbind it first (echo %s > /sys/bus/pci/drivers/%s/unbind)",
		    bdf, driver, bdf, driver);
}

int device_claim(const char *command, const char *driver, const char *arg, bool nvme,
		 char bdf[PCI_BDF_LEN])
{
	if (arg && pci_parse(arg, bdf))
		return usage(command, "'%s' is not a PCI address such as 0000:01:00.0", arg);
	if (pci_driver_loaded(driver))
		return ST_ERROR;
	if (!arg && pci_first_of(driver, bdf)) {
		fail("no device is bound to %s: name one with --device (an idle NVMe disk is bound for the run and put back)",
		     driver);
		return ST_ERROR;
	}
	if (pci_exists(bdf))
		return ST_ERROR;
	if (nvme && pci_class(bdf) != PCI_CLASS_NVME) {
		fail("%s is not an NVMe controller (class %06x): 'lspci -D | grep -i nvme' lists them",
		     bdf, pci_class(bdf));
		return ST_ERROR;
	}
	/* All that can be refused is refused before a driver is touched. */
	if (pci_group(bdf) < 0 || pci_group_ready(bdf) || take(bdf, driver))
		return ST_ERROR;
	return ST_OK;
}
