/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An open /dev/ioasid: its address spaces by id, and which one is the default.
 */
#ifndef _IOASID_IDS_H
#define _IOASID_IDS_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct ioasid_space;

/**
 * struct ioasid_file - an open /dev/ioasid
 * @spaces: struct ioasid_space by id, a reference each; @lock or its own lock
 * @lock: guards changes of all that is here
 * @space: the default address space, which is in @spaces; fixed once @type or
 *	@joined is set
 * @space_id: its id
 * @type: what VFIO_SET_IOMMU chose, 0 before; set once, after @space for the last time
 * @joined: VFIO_GROUP_SET_CONTAINER was given this file; set like @type
 */
struct ioasid_file {
	struct xarray spaces;
	struct mutex lock;
	struct ioasid_space *space;
	u32 space_id;
	unsigned long type;
	bool joined;
};

struct ioasid_file *ioasid_file_create(void);
void ioasid_file_destroy(struct ioasid_file *f);
struct ioasid_space *ioasid_file_space(struct ioasid_file *f, u32 id);
int ioasid_file_alloc(struct ioasid_file *f, u32 *id);
int ioasid_file_free(struct ioasid_file *f, u32 id);
int ioasid_file_set_default(struct ioasid_file *f, u32 id);
int ioasid_file_set_type(struct ioasid_file *f, unsigned long type);
struct ioasid_space *ioasid_file_join(struct ioasid_file *f);

/* What legacy ioctls act on: nothing before VFIO_SET_IOMMU, or a group's joining. */
static inline struct ioasid_space *ioasid_file_legacy(struct ioasid_file *f, unsigned long *type)
{
	*type = smp_load_acquire(&f->type);
	return *type || smp_load_acquire(&f->joined) ? f->space : NULL;
}

#endif /* _IOASID_IDS_H */
