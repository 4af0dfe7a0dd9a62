/* SPDX-License-Identifier: GPL-2.0-only */
/* From what the user typed to a PCI device that this program may have. */
#ifndef BENCH_DEVICE_H
#define BENCH_DEVICE_H

#include <stdbool.h>

#include "pci.h"

/**
 * device_claim() - make sure a device is bound to the driver it needs
 * @driver: vfio-pci, or what does its work
 * @arg: what --device was given, or NULL: the first one @driver has
 * @nvme: an NVMe controller is wanted
 * @bdf: the device's address
 *
 * An idle disk is taken from the nvme driver, a device without a driver is
 * simply taken, and both are put back at the end. Any other driver is left
 * in peace.
 *
 * Return: 0, ST_ERROR or ST_USAGE with a line printed.
 */
int device_claim(const char *command, const char *driver, const char *arg, bool nvme,
		 char bdf[PCI_BDF_LEN]);

#endif
