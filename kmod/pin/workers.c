// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pin ahead: workers of the kernel pin the next batches of a large mapping while its
 * caller sorts and charges the last one; only if the caller or a policy requests them.
 *
 * A worker pins pages that are present, and never faults pages in. So memory that comes
 * late (userfaultfd, FUSE, swap) delays the caller alone, which can be killed, and page
 * faults happen in the caller, with its limits. Where a page is missing the worker stops,
 * and the caller pins the rest of that batch. The caller takes batches in their order,
 * so the list of extents, the charges and the errors are the same as without workers.
 *
 * What can run at the same time: the caller, which owns this object and waits for every
 * worker before it frees it; other threads of the process, which may unmap or fork the
 * memory (each pin keeps the page that it got); the process's exit, which cannot complete
 * before the caller returns. A batch belongs to its worker from queue_work() until
 * cancel_work() or flush_work() shows the caller that it is idle, and to the caller at
 * all other times. A worker waits for mmap_lock and memory only, as the caller does when
 * it charges.
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "internal.h"

/* What one worker pins at a time. */
#define AHEAD_PAGES	4096UL

/* Of the workers; and what ends the threads of help.c. */
struct workqueue_struct *ioasid_ahead_wq;

static unsigned int pin_workers = 4;
module_param(pin_workers, uint, 0644);
MODULE_PARM_DESC(pin_workers, "Threads that may help with one mapping, at most 8; 0 for none (default 4)");

/**
 * struct ahead_batch - what one worker does
 * @work: runs workers_pin()
 * @pages: the object
 * @at: the first page
 * @want: how many; 0 when nothing is left for this one
 * @n: how many of them are pinned and in @page; an errno counts as none
 * @page: those pages, room for AHEAD_PAGES
 */
struct ahead_batch {
	struct work_struct work;
	struct ioasid_pages *pages;
	unsigned long at;
	unsigned long want;
	long n;
	struct page **page;
} ____cacheline_aligned_in_smp;

/**
 * struct ioasid_ahead - the batches in flight, in a ring
 * @next: the first page that belongs to no batch yet
 * @taken: pages that the caller took
 * @head: the batch that the caller takes next
 * @nr: how many batches
 * @batch: the batches
 */
struct ioasid_ahead {
	unsigned long next;
	unsigned long taken;
	unsigned int head;
	unsigned int nr;
	struct ahead_batch batch[] __counted_by(nr);
};

static void workers_pin(struct work_struct *work)
{
	struct ahead_batch *b = container_of(work, struct ahead_batch, work);
	struct ioasid_pages *pages = b->pages;
	unsigned int flags = FOLL_LONGTERM | FOLL_NOFAULT | (pages->write ? FOLL_WRITE : 0);

	kthread_use_mm(pages->holder->mm);
	b->n = pin_user_pages_fast(pages->vaddr + (b->at << PAGE_SHIFT), b->want, flags, b->page);
	kthread_unuse_mm(pages->holder->mm);
}

/* Give @b its next pages, and queue it; it is idle. */
static void batch_begin(struct ioasid_ahead *a, struct ahead_batch *b)
{
	b->n = 0;
	b->at = a->next;
	b->want = min(b->pages->npages - a->next, AHEAD_PAGES);
	a->next += b->want;
	if (b->want)
		queue_work(ioasid_ahead_wq, &b->work);
}

/* ioasid_ahead_most() - how many may help with one mapping: the parameter */
unsigned int ioasid_ahead_most(void)
{
	return min(READ_ONCE(pin_workers), IOASID_WORKERS_MAX);
}

/**
 * ioasid_ahead_start() - have workers pin what comes after the caller's next batch
 * @pages: the object, of current->mm
 * @done: the first page that is not pinned
 * @workers: how many
 *
 * Return: for ioasid_ahead_take(); NULL when too little is left or there is no memory.
 */
struct ioasid_ahead *ioasid_ahead_start(struct ioasid_pages *pages, unsigned long done,
					unsigned int workers)
{
	struct ioasid_ahead *a;
	unsigned int i;

	workers = min(workers, num_online_cpus() - 1);
	if (!workers || pages->npages - done < (workers + 1) * AHEAD_PAGES)
		return NULL;
	a = kvzalloc(struct_size(a, batch, workers), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!a)
		return NULL;
	a->nr = workers;
	a->next = done + AHEAD_PAGES;
	for (i = 0; i < workers; i++) {
		struct ahead_batch *b = &a->batch[i];

		INIT_WORK(&b->work, workers_pin);
		b->pages = pages;
		b->page = kvmalloc_array(AHEAD_PAGES, sizeof(*b->page),
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!b->page) {
			ioasid_ahead_stop(a);
			return NULL;
		}
		batch_begin(a, b);
	}
	return a;
}

/* The end of @b, and of what it has pinned. */
static void batch_drop(struct ahead_batch *b)
{
	cancel_work_sync(&b->work);
	if (b->n > 0)
		unpin_user_pages(b->page, b->n);
	b->n = 0;
}

/**
 * ioasid_ahead_turn() - the caller has finished a batch
 * @a: the pages that ioasid_ahead_take() returned are no longer valid
 */
void ioasid_ahead_turn(struct ioasid_ahead *a)
{
	batch_begin(a, &a->batch[a->head]);
	a->head = (a->head + 1) % a->nr;
}

/**
 * ioasid_ahead_take() - take pages that workers have pinned
 * @a: from ioasid_ahead_start()
 * @done: the page at which the caller is
 * @page: on return the pages, whose pins are the caller's; valid until
 *	ioasid_ahead_turn()
 *
 * Does not wait for a batch that no worker has begun, and drops those before @done: a hole
 * that the caller found goes on over them.
 *
 * Return: how many pages; 0: the caller pins by itself, as many as ioasid_ahead_until()
 * returns.
 */
long ioasid_ahead_take(struct ioasid_ahead *a, unsigned long done, struct page ***page)
{
	struct ahead_batch *b = &a->batch[a->head];
	long n;

	while (unlikely(b->want && b->at < done)) {
		batch_drop(b);
		a->next = max(a->next, done);
		ioasid_ahead_turn(a);
		b = &a->batch[a->head];
	}
	if (b->at != done || !b->want)
		return 0;
	if (!cancel_work(&b->work))
		flush_work(&b->work);
	n = b->n;
	b->n = 0;
	if (n > 0) {
		a->taken += n;
		*page = b->page;
		return n;
	}
	ioasid_ahead_turn(a);
	return 0;
}

/* ioasid_ahead_until() - how many pages from @done on the caller pins itself */
unsigned long ioasid_ahead_until(const struct ioasid_ahead *a, unsigned long done)
{
	const struct ahead_batch *b = &a->batch[a->head];

	return b->want ? b->at - done : ULONG_MAX;
}

/**
 * ioasid_ahead_stop() - wait for all workers
 * @a: is freed; pages that the caller did not take are unpinned
 *
 * Return: how many pages ioasid_ahead_take() returned in all.
 */
unsigned long ioasid_ahead_stop(struct ioasid_ahead *a)
{
	unsigned long taken = a->taken;
	unsigned int i;

	for (i = 0; i < a->nr && a->batch[i].page; i++) {
		struct ahead_batch *b = &a->batch[i];

		batch_drop(b);
		kvfree(b->page);
	}
	kvfree(a);
	return taken;
}

/* ioasid_ahead_init() - make the workqueue; 0 or -ENOMEM */
int ioasid_ahead_init(void)
{
	/* Unbound, so that the scheduler spreads them; in sysfs, so that they can be confined. */
	ioasid_ahead_wq = alloc_workqueue("ioasid_pin", WQ_UNBOUND | WQ_SYSFS, 0);
	return ioasid_ahead_wq ? 0 : -ENOMEM;
}

/* ioasid_ahead_exit() - no map is in flight any more */
void ioasid_ahead_exit(void)
{
	destroy_workqueue(ioasid_ahead_wq);
}
