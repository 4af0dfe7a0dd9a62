/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Help with one large map, for the files that make it: help.c chooses it, threads.c and
 * workers.c are the hands, pieces.c shares the memory out, ahead.c is what is done with a piece.
 */
#ifndef _IOASID_PIN_HELP_H
#define _IOASID_PIN_HELP_H

#include <linux/completion.h>
#include <linux/refcount.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "internal.h"

struct vhost_task;

/* The most that a piece has which is pinned ahead, or filled: it is not charged meanwhile. */
#define IOASID_PIECE_BYTES	min(PMD_SIZE, (unsigned long)SZ_2M)

/* Helps whose threads are being ended, at most. */
#define IOASID_REAPS_MOST	128

/* workers.c: of what ends threads */
extern struct workqueue_struct *ioasid_reap_wq;

/**
 * struct ioasid_piece - a piece of the memory, ahead of the caller; in a ring
 * @at: its first page
 * @n: how many pages it has
 * @pinned: so many of its first pages are pinned, and in @page
 * @used: so many of these are not the piece's to unpin: the caller has taken or unpinned them
 * @busy: a hand is at work on it, and has all of it; else the caller has
 * @own: that hand is the caller
 * @page: room for the pages of a piece; NULL: a piece of this help is not pinned ahead
 */
struct ioasid_piece {
	unsigned long at;
	unsigned long n;
	unsigned long pinned;
	unsigned long used;
	bool busy;
	bool own;
	struct page **page;
};

/**
 * struct ioasid_hand - a thread of the process, or a worker of the kernel
 * @help: the map that it helps with
 * @work: of a worker
 * @thread: of a thread; NULL: there was none to be had, or it has ended
 * @task: the same, from its first step on; with a reference
 * @left: it began to help once, and does not again; of the thread
 * @killed: the process was killed, and it ends by itself
 * @useful: it has faulted in or pinned a page
 * @brought: pages that it faulted in
 * @faults: page faults that it took
 */
struct ioasid_hand {
	struct ioasid_help *help;
	struct work_struct work;
	struct vhost_task *thread;
	struct task_struct *task;
	bool left;
	bool killed;
	bool useful;
	unsigned long brought;
	unsigned long faults;
};

/**
 * struct ioasid_help - the help with one map
 * @refs: the caller, and the work that ends the threads
 * @caller: while not @over
 * @mm: of the memory; while not @over
 * @cpus: processors of the caller's node
 * @file: the memory is that of a file, which is filled; with a reference; or NULL
 * @vaddr: of the first page; with @file, its offset there
 * @npages: of the object
 * @unit: pages of a piece, which ends at a multiple of it
 * @write: for writing
 * @kernel: the hands are workers of the kernel
 * @room: of the pieces
 * @lock: guards what follows, but @over is read without it
 * @over: take no more
 * @next: the first page that is in no piece
 * @head: the piece that the caller comes to next; changed by the caller alone
 * @count: pieces that were taken, and that the caller has not passed, from @head on
 * @slots: how many pieces there may be
 * @piece: the ring of pieces
 * @inside: hands that help now
 * @moved: a piece is finished or passed, @inside changed, or it is @over
 * @taken: pages that hands pinned, and the caller took; of the caller
 * @reap: ends the threads
 * @pace: jiffies until it looks again for a thread that is held
 * @reaped: it has run
 * @nr: how many hands
 * @hand: the hands
 */
struct ioasid_help {
	refcount_t refs;
	struct task_struct *caller;
	struct mm_struct *mm;
	const struct cpumask *cpus;
	struct file *file;
	unsigned long vaddr;
	unsigned long npages;
	unsigned long unit;
	bool write;
	bool kernel;
	struct page **room;
	spinlock_t lock;
	bool over;
	unsigned long next;
	unsigned int head;
	unsigned int count;
	unsigned int slots;
	struct ioasid_piece *piece;
	unsigned int inside;
	wait_queue_head_t moved;
	unsigned long taken;
	struct delayed_work reap;
	unsigned int pace;
	struct completion reaped;
	unsigned int nr;
	struct ioasid_hand hand[] __counted_by(nr);
};

/* pieces.c */
struct ioasid_piece *ioasid_piece_take(struct ioasid_help *h);
void ioasid_piece_work(struct ioasid_help *h, struct ioasid_piece *p, struct ioasid_hand *me);
bool ioasid_hand_enter(struct ioasid_help *h);
void ioasid_hand_leave(struct ioasid_help *h);
bool ioasid_help_begin(struct ioasid_help *h, bool pins);
void ioasid_help_put(struct ioasid_help *h);

/* ahead.c */
long ioasid_ahead(const struct ioasid_help *h, struct ioasid_piece *p);

/* threads.c */
bool ioasid_threads_begin(struct ioasid_help *h);
void ioasid_threads_end(struct ioasid_help *h);

/* workers.c */
void ioasid_workers_begin(struct ioasid_help *h);
void ioasid_workers_wake(struct ioasid_help *h);
void ioasid_workers_end(struct ioasid_help *h);

#endif /* _IOASID_PIN_HELP_H */
