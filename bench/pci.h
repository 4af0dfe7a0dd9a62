/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI devices as sysfs shows them: driver, class, IOMMU group, binding. */
#ifndef BENCH_PCI_H
#define BENCH_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_BDF_LEN	16		/* "0000:01:00.0" with room for wide domains */
#define PCI_CLASS_NVME	0x010802U
#define PCI_NO_DRIVER	""

/**
 * pci_parse() - "0000:01:00.0" or "01:00.0" in the form sysfs uses
 *
 * Return: 0, -1 when @text is no PCI address (nothing is printed).
 */
int pci_parse(const char *text, char bdf[PCI_BDF_LEN]);

/* 0 when the device exists, -1 with a line printed otherwise. */
int pci_exists(const char *bdf);

/* Name of the bound driver, PCI_NO_DRIVER without one. */
void pci_driver(const char *bdf, char *name, size_t size);

/* 24-bit class code, 0 when it cannot be read. */
uint32_t pci_class(const char *bdf);

/* Number of the IOMMU group, -1 with a line printed when it has none. */
int pci_group(const char *bdf);

/**
 * pci_group_ready() - may user space own the whole group of @bdf?
 *
 * Bridges and devices without a driver do not count. Prints which other
 * devices stand in the way and by which driver.
 *
 * Return: 0 or -1.
 */
int pci_group_ready(const char *bdf);

/* Is it one that gives devices to user space: vfio-pci, ioasid_pci? */
bool pci_driver_is_ours(const char *driver);

/* 0 when the driver is there, -1 with a line printed otherwise. */
int pci_driver_loaded(const char *driver);

/**
 * pci_bind() - give @bdf to @driver until this program ends
 *
 * The supervisor puts the present driver (or none) back.
 *
 * Return: 0, or -1 with a line printed.
 */
int pci_bind(const char *bdf, const char *driver);

/* The first device bound to @driver; 0 or -1 (nothing is printed). */
int pci_first_of(const char *driver, char bdf[PCI_BDF_LEN]);

#endif
