// SPDX-License-Identifier: GPL-2.0-only
/* What one does with a VFIO device fd, wherever it came from. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util.h"
#include "backend/vfio.h"

int vfio_region(int device_fd, unsigned int index, struct vfio_region *region)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device_fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return fail("VFIO_DEVICE_GET_REGION_INFO %u: %s", index, strerror(errno));
	region->offset = info.offset;
	region->size = info.size;
	region->mappable = info.flags & VFIO_REGION_INFO_FLAG_MMAP;
	return 0;
}

static int change_command(int device_fd, uint16_t set, uint16_t clear)
{
	struct vfio_region config;
	uint16_t command;
	off_t at;

	if (vfio_region(device_fd, VFIO_PCI_CONFIG_REGION_INDEX, &config))
		return -1;
	at = (off_t)config.offset + PCI_COMMAND;
	if (pread(device_fd, &command, sizeof(command), at) != sizeof(command))
		return fail("cannot read the PCI command register: %s", strerror(errno));
	command = (uint16_t)((command | set) & ~clear);
	if (pwrite(device_fd, &command, sizeof(command), at) != sizeof(command))
		return fail("cannot write the PCI command register: %s", strerror(errno));
	return 0;
}

int vfio_enable_dma(int device_fd)
{
	return change_command(device_fd, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
}

int vfio_disable_dma(int device_fd)
{
	return change_command(device_fd, 0, PCI_COMMAND_MASTER);
}

int vfio_set_msix(int device_fd, const int *eventfds, unsigned int count)
{
	struct vfio_irq_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};
	size_t size = sizeof(struct vfio_irq_set) + count * sizeof(*eventfds);
	struct vfio_irq_set *set;
	int err;

	if (ioctl(device_fd, VFIO_DEVICE_GET_IRQ_INFO, &info))
		return fail("VFIO_DEVICE_GET_IRQ_INFO: %s", strerror(errno));
	if (info.count < count)
		return fail("the device has %u MSI-X vectors, %u are needed: use fewer queues or no --irq",
			    info.count, count);
	set = calloc(1, size);
	if (!set)
		return fail("out of memory");
	set->argsz = (uint32_t)size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->count = count;
	memcpy(set->data, eventfds, count * sizeof(*eventfds));
	err = ioctl(device_fd, VFIO_DEVICE_SET_IRQS, set);
	if (err)
		fail("cannot turn on %u MSI-X vectors: %s", count, strerror(errno));
	free(set);
	return err;
}

void vfio_clear_msix(int device_fd)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};

	ioctl(device_fd, VFIO_DEVICE_SET_IRQS, &set);
}
