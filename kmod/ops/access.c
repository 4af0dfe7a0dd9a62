// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-kernel users: software devices that pin, read and write mapped memory.
 * Their registration, and reads and writes; pins are in user_pin.c.
 *
 * What can run at the same time: maps, unmaps, attach, detach, teardown. An unmap that finds
 * pins runs the unmap callbacks, under access->calls, and tries again. A copy by
 * the CPU may wait for a page fault, so no lock is held; it counts in
 * area->num_accesses, which an unmap waits for; a teardown leaves the area to it.
 */
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/ioasid.h>

#include "lib/who.h"
#include "ops.h"

struct ioasid_access *ioasid_access_create(struct ioasid_space *space,
					   const struct ioasid_access_ops *ops, void *data)
{
	struct ioasid_access *access = kzalloc(sizeof(*access), GFP_KERNEL_ACCOUNT);

	if (!access)
		return ERR_PTR(-ENOMEM);
	access->space = space;
	access->ops = ops;
	access->data = data;
	refcount_set(&access->refs, 1);
	mutex_init(&access->calls);
	mutex_lock(&space->access_lock);
	if (!space->pins)
		WRITE_ONCE(space->pins, ioasid_policy_pins_alloc());
	if (!space->pins) {
		mutex_unlock(&space->access_lock);
		ioasid_access_put(access);
		return ERR_PTR(-ENOMEM);
	}
	ioasid_space_get(space);
	access->number = ++space->access_last;
	list_add_tail(&access->link, &space->accesses);
	if (ops && ops->unmap)
		atomic_inc(&space->notifiable);
	mutex_unlock(&space->access_lock);
	return access;
}
IOASID_EXPORT(ioasid_access_create);

void ioasid_access_destroy(struct ioasid_access *access)
{
	struct ioasid_space *space = access->space;

	mutex_lock(&space->access_lock);
	list_del(&access->link);
	if (access->ops && access->ops->unmap)
		atomic_dec(&space->notifiable);
	mutex_unlock(&space->access_lock);
	/* Wait for its own callback; those of other users may go on. */
	mutex_lock(&access->calls);
	access->gone = true;
	mutex_unlock(&access->calls);
	ioasid_space_put(space);
	ioasid_access_put(access);
}
IOASID_EXPORT(ioasid_access_destroy);

/* Where the byte at @iova is in the owner's memory, or in the file. */
static unsigned long access_area_vaddr(const struct ioasid_area *area, u64 iova)
{
	return ioasid_area_pages(area)->vaddr + (ioasid_area_first_page(area) << PAGE_SHIFT) +
	       (iova - ioasid_area_start(area));
}

/*
 * Copy between a kernel buffer and the owner's memory; -EPERM if that is gone.
 * Only a kernel thread that has no memory can borrow it: one that has borrowed
 * another process's, and a task that is exiting, get -EFAULT.
 */
static int access_copy_chunk(struct mm_struct *mm, unsigned long vaddr, void *buf, size_t len,
			     bool write)
{
	bool borrow = current->mm != mm;
	unsigned long left;

	if (!mmget_not_zero(mm))
		return -EPERM;
	if (borrow && (current->mm || !(current->flags & PF_KTHREAD))) {
		mmput_async(mm);
		return -EFAULT;
	}
	if (borrow)
		kthread_use_mm(mm);
	left = write ? copy_to_user((void __user *)vaddr, buf, len) :
		       copy_from_user(buf, (void __user *)vaddr, len);
	if (borrow)
		kthread_unuse_mm(mm);
	mmput_async(mm);
	return left ? -EFAULT : 0;
}

/* The same for memory of a file, which the area has pinned. */
static int access_copy_pages(struct ioasid_pages *pages, unsigned long offset, void *buf,
			     size_t len, bool write)
{
	struct page *page;
	size_t n;
	void *at;

	for (; len; len -= n, buf += n, offset += n) {
		page = ioasid_pages_page(pages, offset >> PAGE_SHIFT);
		n = min(len, PAGE_SIZE - offset_in_page(offset));
		at = kmap_local_page(page) + offset_in_page(offset);
		memcpy(write ? at : buf, write ? buf : at, n);
		kunmap_local(at);
	}
	return 0;
}

static int access_area_copy(struct ioasid_pages *pages, unsigned long vaddr, void *buf, size_t len,
			    bool write)
{
	struct mm_struct *mm;
	int ret;

	if (pages->of_file && unlikely(pages->bare))
		return -EFAULT;
	if (pages->of_file)
		return access_copy_pages(pages, vaddr - pages->vaddr, buf, len, write);
	mm = ioasid_pages_mm(pages);
	ret = access_copy_chunk(mm, vaddr, buf, len, write);
	mmdrop(mm);
	return ret;
}

static long rw_chunk(struct ioasid_space *space, u64 iova, void *buf, size_t len, bool write,
		     struct ioasid_fail *f)
{
	u8 need = IOMMU_READ | (write ? IOMMU_WRITE : 0);
	struct ioasid_area *area;
	unsigned long vaddr;
	size_t n;
	int ret;

	area = ioasid_access_lock_area(space, iova, true, f);
	if (IS_ERR(area))
		return PTR_ERR(area);
	if ((area->prot & need) != need) {
		mutex_unlock(&space->areas_lock);
		return ioasid_fail(f, -EPERM, IOASID_R_PROT, iova, 0);
	}
	n = min_t(u64, len, ioasid_access_room(space, area, iova));
	vaddr = access_area_vaddr(area, iova);
	area->num_accesses++;
	mutex_unlock(&space->areas_lock);

	ret = access_area_copy(ioasid_area_pages(area), vaddr, buf, n, write);

	mutex_lock(&space->areas_lock);
	if (write)
		ioasid_dirty_mark(space, area, iova, n);
	ioasid_area_unuse(space, area);
	return ret ? ioasid_fail(f, ret, IOASID_R_PIN, iova, 0) : (long)n;
}

static void access_trace_rw(struct ioasid_space *space, u64 iova, size_t len, bool write, int err)
{
	struct ioasid_who who;

	if (!trace_ioasid_rw_enabled())
		return;
	ioasid_who_current(&who, space->entry.id);
	trace_ioasid_rw(&who, iova, len, write, err);
}

static int space_rw(struct ioasid_space *space, u64 iova, void *buf, size_t len, bool write)
{
	struct ioasid_fail f = {};
	u64 first = iova;
	size_t all = len;
	long n;

	while (len) {
		n = rw_chunk(space, iova, buf, len, write, &f);
		if (n < 0) {
			ioasid_space_report(space, write ? IOASID_ERROR_WRITE : IOASID_ERROR_READ,
					    n, &f);
			access_trace_rw(space, first, all, write, n);
			return n;
		}
		iova += n;
		buf += n;
		len -= n;
	}
	access_trace_rw(space, first, all, write, 0);
	return 0;
}

int ioasid_read(struct ioasid_space *space, u64 iova, void *buf, size_t len)
{
	return space_rw(space, iova, buf, len, false);
}
IOASID_EXPORT(ioasid_read);

int ioasid_write(struct ioasid_space *space, u64 iova, const void *buf, size_t len)
{
	return space_rw(space, iova, (void *)buf, len, true);
}
IOASID_EXPORT(ioasid_write);
