// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory that its driver gives, and that no process has mapped.
 *
 * There is no VMA that a notifier could watch (revoke.c): the driver of the device says when the
 * memory must not be reached, for one or several reasons, and when a reason has gone. What was
 * given of it is one piece, without a notifier, and is revoked and brought back by the same code
 * as others. When the device is closed it is revoked for good: the next owner's device memory
 * is another, although it has the same frames.
 *
 * Locks. The driver calls with locks of its own held, which it also holds over page faults of its
 * device (vfio-pci's memory_lock). So what is said of devmem->lock in revoke.c holds for the lock
 * here as well, which comes before it:
 *
 *	locks of the driver -> ioasid_device_memory.lock -> devmem->lock
 *
 * What can run at the same time: maps and unmaps of other pieces, and what the driver says. A map
 * enters its piece under the lock, when there is no reason against it: what comes later finds the piece.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <ioasid/ioasid.h>
#include "internal.h"

/**
 * struct ioasid_device_memory - see ioasid_device_memory_new()
 * @refs: the driver's, and one of each piece
 * @lock: guards what follows
 * @off: reasons why no IOMMU may have it; read without the lock by ioasid_piece_waits()
 * @pieces: struct ioasid_devmem_piece, those that may come back
 */
struct ioasid_device_memory {
	refcount_t refs;
	struct mutex lock;
	u32 off;
	struct list_head pieces;
};

struct ioasid_device_memory *ioasid_device_memory_new(u32 off)
{
	struct ioasid_device_memory *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return ERR_PTR(-ENOMEM);
	refcount_set(&m->refs, 1);
	mutex_init(&m->lock);
	m->off = off;
	INIT_LIST_HEAD(&m->pieces);
	return m;
}
IOASID_EXPORT(ioasid_device_memory_new);

void ioasid_device_memory_put(struct ioasid_device_memory *m)
{
	if (!refcount_dec_and_test(&m->refs))
		return;
	mutex_destroy(&m->lock);
	kfree(m);
}
IOASID_EXPORT(ioasid_device_memory_put);

/* ioasid_device_memory_is_off() - is there a reason against it? The answer may be old at once */
bool ioasid_device_memory_is_off(const struct ioasid_device_memory *m)
{
	return READ_ONCE(m->off);
}

static void memory_set(struct ioasid_device_memory *m, u32 off)
{
	lockdep_assert_held(&m->lock);
	WRITE_ONCE(m->off, off);
}

static void memory_revoke(struct ioasid_devmem_piece *p, bool gone)
{
	lockdep_assert_held(&p->memory->lock);
	mutex_lock(&p->devmem->lock);
	if (!p->revoked)
		ioasid_piece_revoke(p, IOASID_CHANGE_CLEAR, gone);
	p->gone |= gone;
	mutex_unlock(&p->devmem->lock);
}

/* Frames are entered before an IOMMU has them, as by a map. */
static bool memory_restore(struct ioasid_devmem_piece *p)
{
	struct ioasid_devmem *dm = p->devmem;

	lockdep_assert_held(&dm->lock);
	if (!p->revoked || p->gone)
		return true;
	ioasid_frames_show(&p->frames);
	if (ioasid_piece_write(p))
		return true;
	if (!dm->stuck)
		ioasid_frames_hide(&p->frames);
	return false;
}

void ioasid_device_memory_off(struct ioasid_device_memory *m, u32 why)
{
	struct ioasid_devmem_piece *p;

	mutex_lock(&m->lock);
	memory_set(m, m->off | why);
	list_for_each_entry(p, &m->pieces, by_memory)
		memory_revoke(p, false);
	mutex_unlock(&m->lock);
}
IOASID_EXPORT(ioasid_device_memory_off);

void ioasid_device_memory_on(struct ioasid_device_memory *m, u32 why)
{
	struct ioasid_devmem_piece *p;
	bool was_off;

	mutex_lock(&m->lock);
	was_off = m->off;
	memory_set(m, m->off & ~why);
	if (was_off && !m->off) {
		list_for_each_entry(p, &m->pieces, by_memory) {
			mutex_lock(&p->devmem->lock);
			if (!memory_restore(p))
				ioasid_restore_soon(p->devmem);
			mutex_unlock(&p->devmem->lock);
		}
	}
	mutex_unlock(&m->lock);
}
IOASID_EXPORT(ioasid_device_memory_on);

void ioasid_device_memory_end(struct ioasid_device_memory *m, u32 why)
{
	struct ioasid_devmem_piece *p, *tmp;

	mutex_lock(&m->lock);
	memory_set(m, m->off | why);
	list_for_each_entry_safe(p, tmp, &m->pieces, by_memory) {
		memory_revoke(p, true);
		list_del_init(&p->by_memory);
	}
	mutex_unlock(&m->lock);
}
IOASID_EXPORT(ioasid_device_memory_end);

/* ioasid_device_memory_retry() - it could not be written when it came back; by restore.c's worker */
void ioasid_device_memory_retry(struct ioasid_devmem_piece *p)
{
	struct ioasid_device_memory *m = p->memory;

	mutex_lock(&m->lock);
	mutex_lock(&p->devmem->lock);
	if (!m->off)
		memory_restore(p);
	mutex_unlock(&p->devmem->lock);
	mutex_unlock(&m->lock);
}

/* ioasid_device_memory_leave() - the piece goes; no lock of its device memory is needed any more */
void ioasid_device_memory_leave(struct ioasid_devmem_piece *p)
{
	mutex_lock(&p->memory->lock);
	list_del_init(&p->by_memory);
	mutex_unlock(&p->memory->lock);
	ioasid_device_memory_put(p->memory);
}

static int give_extents(struct ioasid_pages *pages, unsigned long pfn)
{
	unsigned long left = pages->npages, n;
	int ret;

	for (; left; left -= n, pfn += n) {
		n = min(left, IOASID_EXTENT_PAGES_MAX);
		ret = ioasid_extents_add(&pages->ext, pfn, n, IOASID_EXTENT_PFN);
		if (ret)
			return ret;
	}
	return 0;
}

static struct ioasid_devmem_piece *give_piece(struct ioasid_pages *pages, unsigned long pfn)
{
	struct ioasid_devmem_piece *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	struct ioasid_frames *f;

	if (!p)
		return NULL;
	f = ioasid_frames_alloc(pfn, pages->npages);
	if (!f) {
		kfree(p);
		return NULL;
	}
	p->npages = pages->npages;
	INIT_LIST_HEAD(&p->frames);
	ioasid_frames_add(&p->frames, f, false);
	return p;
}

/* From here on it is revoked when the driver says so. */
static int give_enter(struct ioasid_device_memory *m, struct ioasid_devmem *dm,
		      struct ioasid_devmem_piece *p)
{
	int ret = -EFAULT;

	p->devmem = dm;
	p->memory = m;
	mutex_lock(&m->lock);
	mutex_lock(&dm->lock);
	if (!m->off) {
		ioasid_frames_show(&p->frames);
		list_add_tail(&p->link, &dm->pieces);
		list_add_tail(&p->by_memory, &m->pieces);
		refcount_inc(&m->refs);
		ret = 0;
	}
	mutex_unlock(&dm->lock);
	mutex_unlock(&m->lock);
	return ret;
}

/**
 * ioasid_devmem_give() - pin device memory that its driver gives
 * @pages: nothing of them is pinned
 * @range: what they are to show; stays the caller's
 *
 * Return: 0, -EFAULT (there is a reason against it now), -ENOMEM. After an error the caller
 * unpins @pages.
 */
int ioasid_devmem_give(struct ioasid_pages *pages, const struct ioasid_device_range *range)
{
	unsigned long pfn = PHYS_PFN(range->start);
	struct ioasid_devmem *dm = ioasid_devmem_create(pages);
	struct ioasid_devmem_piece *p;
	int ret;

	if (!dm)
		return -ENOMEM;
	ret = give_extents(pages, pfn);
	if (ret)
		return ret;
	p = give_piece(pages, pfn);
	if (!p)
		return -ENOMEM;
	ret = give_enter(range->memory, dm, p);
	if (!ret)
		return 0;
	ioasid_frames_free(&p->frames, false);
	kfree(p);
	return ret;
}
