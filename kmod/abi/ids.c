// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address spaces of an open /dev/ioasid.
 *
 * What can run at the same time: other ioctls on the same file, and lookups of an id
 * through it, but not ioasid_file_destroy(), since each of them has a reference on the
 * file. A lookup takes a reference under RCU, which frees spaces and the nodes of the xarray.
 * So a space that is freed meanwhile is not found, or stays in memory, dead, until the call
 * ends. If FREE and attach race, ioasid_space_retire() decides under domains_rwsem which one
 * comes first.
 */
#include <linux/slab.h>

#include <uapi/linux/ioasid.h>
#include "lib/rcu.h"
#include "ops/ops.h"
#include "abi.h"

/* The default space of a new file is the first one in it. */
struct ioasid_file *ioasid_file_create(void)
{
	struct ioasid_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!f)
		return ERR_PTR(-ENOMEM);
	xa_init_flags(&f->spaces, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	mutex_init(&f->lock);
	ret = ioasid_file_alloc(f, &f->space_id);
	if (ret) {
		kfree(f);
		return ERR_PTR(ret);
	}
	f->space = xa_load(&f->spaces, f->space_id);
	return f;
}

/* ioasid_file_destroy() - the last reference on the file is gone, and no call is left */
void ioasid_file_destroy(struct ioasid_file *f)
{
	struct ioasid_space *space;
	unsigned long id;

	xa_for_each(&f->spaces, id, space)
		ioasid_space_put(space);
	xa_destroy(&f->spaces);
	mutex_destroy(&f->lock);
	kfree(f);
}

/* The default, of which there is one at any time: no id of it is freed under this lock. */
static noinline struct ioasid_space *file_default(struct ioasid_file *f)
{
	struct ioasid_space *space;

	xa_lock(&f->spaces);
	space = xa_load(&f->spaces, READ_ONCE(f->space_id));
	if (space)
		ioasid_space_get(space);
	xa_unlock(&f->spaces);
	return space;
}

/* ioasid_file_space() - the space with that id, 0 the default, with a reference; or NULL */
struct ioasid_space *ioasid_file_space(struct ioasid_file *f, u32 id)
{
	XA_STATE(xas, &f->spaces, id ?: READ_ONCE(f->space_id));
	struct ioasid_space *space;

	ioasid_read_lock();
	/* No id is 0 and none is reserved, so there is no zero entry, which would be tried for ever. */
	do {
		space = xas_load(&xas);
	} while (xas_retry(&xas, space));
	if (space && !refcount_inc_not_zero(&space->refs))
		space = NULL;
	ioasid_read_unlock();
	/* The default may have become another one, and the one of before been freed. */
	if (unlikely(!space && !id))
		return file_default(f);
	return space;
}

/* ioasid_file_alloc() - a new space; -ENOMEM, or -ENOSPC when all ids are taken */
int ioasid_file_alloc(struct ioasid_file *f, u32 *id)
{
	struct ioasid_space *space = ioasid_space_create(0);
	int ret;

	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = xa_alloc(&f->spaces, id, space, XA_LIMIT(1, IOASID_IDS_MAX), GFP_KERNEL_ACCOUNT);
	if (ret) {
		ioasid_space_put(space);
		return ret == -EBUSY ? -ENOSPC : ret;
	}
	return 0;
}

/* ioasid_file_free() - end a space; -ENOENT, or -EBUSY while it is used or the default */
int ioasid_file_free(struct ioasid_file *f, u32 id)
{
	struct ioasid_space *space;
	IOASID_AREAS(victims);
	int ret = -ENOENT;

	mutex_lock(&f->lock);
	space = id ? xa_load(&f->spaces, id) : NULL;
	if (space)
		ret = id == f->space_id ? -EBUSY : ioasid_space_retire(space, &victims);
	if (!ret)
		xa_erase(&f->spaces, id);
	mutex_unlock(&f->lock);
	if (ret)
		return ret;
	/* This waits for the owner of the memory, so it is called without the file's lock. */
	ioasid_space_finish_all(space, &victims);
	ioasid_space_put(space);
	return 0;
}

/* ioasid_file_set_default() - for VFIO's ioctls; -EBUSY when they have begun, -ENOENT */
int ioasid_file_set_default(struct ioasid_file *f, u32 id)
{
	struct ioasid_space *space;
	int ret = 0;

	mutex_lock(&f->lock);
	space = xa_load(&f->spaces, id ?: f->space_id);
	if (!space) {
		ret = -ENOENT;
	} else if (f->type || f->joined) {
		ret = -EBUSY;
	} else if (id) {
		f->space = space;
		WRITE_ONCE(f->space_id, id);
	}
	mutex_unlock(&f->lock);
	return ret;
}

/* ioasid_file_set_type() - VFIO's ioctls begin; -EINVAL when they have already */
int ioasid_file_set_type(struct ioasid_file *f, unsigned long type)
{
	int ret = 0;

	mutex_lock(&f->lock);
	if (f->type)
		ret = -EINVAL;
	else
		smp_store_release(&f->type, type);	/* after f->space */
	mutex_unlock(&f->lock);
	return ret;
}

/* ioasid_file_join() - a group joins through this file: the default space, with a reference */
struct ioasid_space *ioasid_file_join(struct ioasid_file *f)
{
	struct ioasid_space *space;

	mutex_lock(&f->lock);
	space = f->space;
	ioasid_space_get(space);
	smp_store_release(&f->joined, true);	/* after f->space */
	mutex_unlock(&f->lock);
	return space;
}
