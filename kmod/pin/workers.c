// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers of the kernel, which help with a large map where threads of the process cannot
 * (threads.c): only if the caller or a policy requests them, because their time is the kernel's
 * and their processors are not the caller's. And the parameter that bounds both.
 *
 * A worker pins pages that are present, and never faults pages in (ahead.c). So memory that comes
 * late (userfaultfd, FUSE, swap) delays the caller alone, which can be killed, and page
 * faults happen in the caller, with its limits.
 *
 * What can run at the same time: the caller, which waits for every worker before it frees the
 * help; other threads of the process; the process's exit, which cannot complete before the
 * caller returns. A worker waits for mmap_lock and memory only, as the caller does when it
 * charges; where it has no piece to work on it ends, and the caller queues it again.
 */
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/workqueue.h>

#include "help.h"

/* Of the workers; and of what ends threads, which may wait for them without end. */
static struct workqueue_struct *ioasid_help_wq;
struct workqueue_struct *ioasid_reap_wq;

static unsigned int pin_workers = 4;
module_param(pin_workers, uint, 0644);
MODULE_PARM_DESC(pin_workers, "Threads that may help with one mapping, at most 8; 0 for none (default 4)");

/* ioasid_help_most() - how many may help with one mapping: the parameter */
unsigned int ioasid_help_most(void)
{
	return min(READ_ONCE(pin_workers), IOASID_WORKERS_MAX);
}

static struct ioasid_piece *worker_next(struct ioasid_help *h)
{
	struct ioasid_piece *p;

	spin_lock(&h->lock);
	p = ioasid_piece_take(h);
	spin_unlock(&h->lock);
	return p;
}

static void worker_run(struct work_struct *work)
{
	struct ioasid_hand *me = container_of(work, struct ioasid_hand, work);
	struct ioasid_help *h = me->help;
	struct ioasid_piece *p;

	if (!ioasid_hand_enter(h))
		return;
	kthread_use_mm(h->mm);
	while ((p = worker_next(h))) {
		ioasid_piece_work(h, p, me);
		cond_resched();
	}
	kthread_unuse_mm(h->mm);
	ioasid_hand_leave(h);
}

/* ioasid_workers_wake() - there may be pieces for them */
void ioasid_workers_wake(struct ioasid_help *h)
{
	unsigned int i;

	for (i = 0; i < h->nr; i++)
		queue_work(ioasid_help_wq, &h->hand[i].work);
}

/* ioasid_workers_begin() - have them begin */
void ioasid_workers_begin(struct ioasid_help *h)
{
	unsigned int i;

	for (i = 0; i < h->nr; i++)
		INIT_WORK(&h->hand[i].work, worker_run);
	ioasid_workers_wake(h);
}

/* ioasid_workers_end() - wait until none of them runs; it is over */
void ioasid_workers_end(struct ioasid_help *h)
{
	unsigned int i;

	for (i = 0; i < h->nr; i++)
		cancel_work_sync(&h->hand[i].work);
}

/* ioasid_help_init() - make the workqueues; 0 or -ENOMEM */
int ioasid_help_init(void)
{
	/* Unbound, so that the scheduler spreads them; in sysfs, so that they can be confined. */
	ioasid_help_wq = alloc_workqueue("ioasid_pin", WQ_UNBOUND | WQ_SYSFS, 0);
	if (!ioasid_help_wq)
		return -ENOMEM;
	ioasid_reap_wq = alloc_workqueue("ioasid_reap", WQ_UNBOUND, IOASID_REAPS_MOST);
	if (!ioasid_reap_wq) {
		destroy_workqueue(ioasid_help_wq);
		return -ENOMEM;
	}
	return 0;
}

/* ioasid_help_exit() - no map is in flight any more */
void ioasid_help_exit(void)
{
	destroy_workqueue(ioasid_reap_wq);
	destroy_workqueue(ioasid_help_wq);
}
