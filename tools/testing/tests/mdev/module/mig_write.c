// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a device of ioasid_mig writes: at a command, and by its own thread.
 *
 * It writes in three ways, as drivers of mediated devices do: to a page that it has pinned
 * for long, to a page that it pins for this one write, and by vfio_dma_rw(). What it writes
 * depends on the seed and the number of the write alone.
 *
 * What can run at the same time: registers, the device's thread, unmaps, migration. Each
 * write is made under the device's lock, as is each pin; the unmap callback takes the lock.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mig.h"

#define MIG_PINS_MAX	(64UL << 10)

/* ---- pins and writes; the lock is held ---- */

void mig_unpin(struct mig *m, u64 iova, u64 length)
{
	u64 i, at;

	for (i = 0; i < m->nr_pins; i++) {
		at = m->pin_iova + (i << PAGE_SHIFT);
		if (!m->pins[i] || at < iova || at - iova >= length)
			continue;
		vfio_unpin_pages(&m->vdev, at, 1);
		m->pins[i] = NULL;
		m->pinned--;
	}
}

void mig_unpin_all(struct mig *m)
{
	mig_unpin(m, 0, U64_MAX);
	kvfree(m->pins);
	m->pins = NULL;
	m->nr_pins = 0;
	m->now.pinned = 0;
}

int mig_pin(struct mig *m, u64 n)
{
	int ret;

	mig_unpin_all(m);
	if (!n || n > m->now.pages || n > MIG_PINS_MAX)
		return -EINVAL;
	m->pins = kvcalloc(n, sizeof(*m->pins), GFP_KERNEL);
	if (!m->pins)
		return -ENOMEM;
	m->pin_iova = m->now.base;
	for (m->nr_pins = 0; m->nr_pins < n; m->nr_pins++) {
		ret = vfio_pin_pages(&m->vdev, m->pin_iova + (m->nr_pins << PAGE_SHIFT), 1,
				     IOMMU_READ | IOMMU_WRITE, &m->pins[m->nr_pins]);
		if (ret != 1) {
			m->pins[m->nr_pins] = NULL;
			mig_unpin_all(m);
			return ret < 0 ? ret : -EIO;
		}
		m->pinned++;
	}
	m->now.pinned = n;
	return 0;
}

static void mig_put(struct page *page, u64 offset, u64 value)
{
	void *at = kmap_local_page(page);

	WRITE_ONCE(*(u64 *)(at + offset), value);
	kunmap_local(at);
}

static struct page *mig_pinned_page(struct mig *m, u64 iova)
{
	u64 i = (iova - m->pin_iova) >> PAGE_SHIFT;

	return iova >= m->pin_iova && i < m->nr_pins ? m->pins[i] : NULL;
}

/* A page that is pinned for this write. */
static int mig_write_pinning(struct mig *m, u64 iova, u64 offset, u64 value)
{
	struct page *page;
	int ret = vfio_pin_pages(&m->vdev, iova, 1, IOMMU_READ | IOMMU_WRITE, &page);

	if (ret != 1)
		return ret < 0 ? ret : -EIO;
	mig_put(page, offset, value);
	vfio_unpin_pages(&m->vdev, iova, 1);
	return 0;
}

/* The next write of the pattern. */
static int mig_write(struct mig *m)
{
	struct mig_write w = mig_next(&m->now.pattern, m->now.pages);
	u64 iova = m->now.base + (w.page << PAGE_SHIFT);
	struct page *page = mig_pinned_page(m, iova);
	u64 value = ++m->now.written;
	int ret = 0;

	if (page)
		mig_put(page, w.offset, value);
	else if (value % 2)
		ret = mig_write_pinning(m, iova, w.offset, value);
	else
		ret = vfio_dma_rw(&m->vdev, iova + w.offset, &value, sizeof(value), true);
	if (ret)
		m->now.failed++;
	return ret;
}

int mig_write_many(struct mig *m)
{
	int ret = 0, err;
	u64 i;

	if (!m->now.pages)
		return -EINVAL;
	for (i = 0; i < m->count && !fatal_signal_pending(current); i++) {
		err = mig_write(m);
		ret = ret ? ret : err;
		cond_resched();
	}
	return ret;
}

/* ---- the device's own thread ---- */

bool mig_may_write(const struct mig *m)
{
	return m->state == VFIO_DEVICE_STATE_RUNNING || m->state == VFIO_DEVICE_STATE_PRE_COPY;
}

void mig_update(struct mig *m)
{
	lockdep_assert_held(&m->lock);
	WRITE_ONCE(m->go, m->now.runs && m->now.pages && mig_may_write(m));
	wake_up(&m->wake);
}

int mig_thread(void *data)
{
	struct mig *m = data;
	unsigned long pause;

	while (!kthread_should_stop()) {
		mutex_lock(&m->lock);
		if (m->go)
			mig_write(m);
		pause = min_t(u64, m->now.pause, 100000);
		mutex_unlock(&m->lock);
		if (pause)
			usleep_range(pause, pause + pause / 4 + 1);
		else
			cond_resched();
		wait_event_interruptible(m->wake, READ_ONCE(m->go) || kthread_should_stop());
	}
	return 0;
}
