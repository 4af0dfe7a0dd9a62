/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ioasid_vfio.ko offers to a module that makes VFIO containers itself:
 * the callbacks, and what they want to be handed. Exported in the namespace
 * IOASID.
 */
#ifndef _IOASID_RELAY_H
#define _IOASID_RELAY_H

struct ioasid_space;
struct vfio_iommu_driver_ops;

/*
 * Relays each callback to the space that its first argument stands for. The
 * owner is ioasid_vfio.ko; a copy with another owner works as well, as long as
 * that owner is a module that uses this symbol.
 */
extern const struct vfio_iommu_driver_ops ioasid_relay_ops;

/**
 * ioasid_relay_open() - the first argument of the callbacks for a shared space
 * @space: its reference goes to what is returned
 *
 * The space outlives the container. ->release() of the callbacks undoes it.
 *
 * Return: what vfio.ko is to keep as iommu_data. Never fails.
 */
void *ioasid_relay_open(struct ioasid_space *space);

#endif /* _IOASID_RELAY_H */
