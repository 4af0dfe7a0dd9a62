/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device memory: what an object has of it, and the IOMMUs that reach it. revoke.c
 * has the model and the order of locks.
 */
#ifndef _IOASID_REVOKE_H
#define _IOASID_REVOKE_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/workqueue.h>

struct ioasid_device_memory;
struct ioasid_pages;

/**
 * struct ioasid_devmem - the device memory of one object
 * @by_pages: in the tree of all of them
 * @pages: whose it is; changes under the lock of that tree
 * @lock: guards all that follows
 * @pieces: struct ioasid_devmem_piece, in the order of addresses
 * @reaches: struct ioasid_reach: the page tables that have some of it
 * @stuck: a page table has, or had, more of it than it should: frames stay entered
 * @look: looks whether the owner has it again
 * @pace: jiffies until it does so once more
 * @ending: and it does not any more
 */
struct ioasid_devmem {
	struct rb_node by_pages;
	const struct ioasid_pages *pages;
	struct mutex lock;
	struct list_head pieces;
	struct list_head reaches;
	bool stuck;
	struct delayed_work look;
	unsigned long pace;
	bool ending;
};

/**
 * struct ioasid_devmem_piece - what one VMA, or one driver, has of it: revoked as a whole
 * @mni: watches the addresses where it was found; unused with @memory
 * @memory: of a driver that says when it is to be revoked, see device.c; NULL: it was found in
 *	a VMA. Does not change
 * @by_memory: in the list of @memory
 * @link: in @devmem->pieces
 * @devmem: of which it is a piece
 * @first: its first page within the object
 * @npages: how many were found
 * @revoked: no page table has any of it
 * @gone: and it will not come back: there is another VMA by now, or none
 * @next: where it is looked at next, in pages; of @devmem->look
 * @frames: struct ioasid_frames
 */
struct ioasid_devmem_piece {
	struct mmu_interval_notifier mni;
	struct ioasid_device_memory *memory;
	struct list_head by_memory;
	struct list_head link;
	struct ioasid_devmem *devmem;
	unsigned long first;
	unsigned long npages;
	bool revoked;
	bool gone;
	unsigned long next;
	struct list_head frames;
};

/**
 * struct ioasid_revoke - a piece is revoked, or comes back
 * @first: its first page within the object
 * @npages: its length
 * @change: enum ioasid_change
 * @reaches: of its device memory; NULL: there is no report
 */
struct ioasid_revoke {
	unsigned long first;
	unsigned long npages;
	u32 change;
	const struct list_head *reaches;
};

/**
 * struct ioasid_reach - a page table that has some of the device memory
 * @link: in the list of the device memory
 * @restore: writes what it had of a piece, under the same conditions; false if it
 *	could not, and has nothing of it
 * @revoke: takes what it has of a piece away, and flushes; false if it keeps some.
 *	The lock of the device memory is held, and perhaps locks of the memory
 *	management: it may sleep, but neither allocate memory that has to be
 *	reclaimed nor wait for user space or for a lock of an address space
 */
struct ioasid_reach {
	struct list_head link;
	bool (*revoke)(struct ioasid_reach *reach, const struct ioasid_revoke *r);
	bool (*restore)(struct ioasid_reach *reach, const struct ioasid_revoke *r);
};

struct ioasid_devmem *ioasid_devmem_of(const struct ioasid_pages *pages);
struct ioasid_devmem_piece *ioasid_devmem_piece(struct ioasid_devmem *dm, unsigned long index);
void ioasid_devmem_link(struct ioasid_devmem *dm, struct ioasid_reach *reach);
bool ioasid_devmem_revoked(const struct ioasid_pages *pages);

#endif /* _IOASID_REVOKE_H */
