/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vfio_compat.c shares with the files it is split into.
 */
#ifndef _IOASID_LEGACY_H
#define _IOASID_LEGACY_H

#include <linux/types.h>

struct ioasid_space;

/* Largest dirty bitmap that the capability chain promises, in bytes. */
#define IOASID_DIRTY_BITMAP_MAX	(1ULL << 28)

long ioasid_legacy_get_info(struct ioasid_space *space, unsigned long arg);

#endif /* _IOASID_LEGACY_H */
