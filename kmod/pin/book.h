/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Books: which frames one owner has pinned, and how often. share.c says which
 * owners have one, and book.c how it counts.
 */
#ifndef _IOASID_PIN_BOOK_H
#define _IOASID_PIN_BOOK_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "pin.h"

struct ioasid_book_block;

/**
 * struct ioasid_payer - an owner whose pages are in books
 * @node: in the table of payers
 * @rcu: to free it
 * @refs: its books, and calls
 * @mm: whose locked_vm is charged (mmgrab), unless there is @user
 * @user: who is charged instead, or NULL
 * @survey: one task at a time enters what was mapped before there were books
 * @surveyed: that is done; under @survey
 * @lock: guards all that follows, and the books. Nothing but memory is waited for under it
 * @books: struct ioasid_book
 */
struct ioasid_payer {
	struct hlist_node node;
	struct rcu_head rcu;
	refcount_t refs;
	struct mm_struct *mm;
	struct user_struct *user;
	struct mutex survey;
	bool surveyed;
	struct mutex lock;
	struct list_head books;
};

/**
 * struct ioasid_slip - pages of a book that policies were charged for on one behalf
 * @link: in book->slips
 * @who: what the policies got as the owner, and get again when the pages are uncharged
 * @seen_by: the policies of the book, and how many pages
 */
struct ioasid_slip {
	struct list_head link;
	struct ioasid_who who;
	struct ioasid_seen_by seen_by;
};

/**
 * struct ioasid_book - pages of one owner that are charged to the same policies
 * @link: in payer->books
 * @payer: whose it is
 * @seen_by: which policies those are; never changes
 * @plain: there are none
 * @slips: struct ioasid_slip; one for each address space that brought pages
 * @objects: how many struct ioasid_pages are entered
 * @blocks: struct ioasid_book_block by frame number
 * @last: the one that was looked up last, or NULL
 * @last_index: its place in @blocks
 * @idle: one in which nothing is counted any more, and which stays for the next; or NULL
 * @idle_index: its place
 */
struct ioasid_book {
	struct list_head link;
	struct ioasid_payer *payer;
	struct ioasid_seen_by seen_by;
	bool plain;
	struct list_head slips;
	unsigned long objects;
	struct xarray blocks;
	struct ioasid_book_block *last;
	unsigned long last_index;
	struct ioasid_book_block *idle;
	unsigned long idle_index;
};

/**
 * struct ioasid_book_walk - pages of an object that are charged, one piece after the other
 * @it: the extents to come
 * @extent: the rest of the one at hand
 * @left: pages to go, those that are free of charge included
 */
struct ioasid_book_walk {
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;
	unsigned long left;
};

/**
 * struct ioasid_book_due - pages that are to be charged, or have been
 * @owner: to the owner: none of its books has them
 * @policies: to the policies of a book: that one does not have them
 */
struct ioasid_book_due {
	unsigned long owner;
	unsigned long policies;
};

void ioasid_book_walk_from(struct ioasid_book_walk *w, const struct ioasid_extents *ext,
			   const struct ioasid_extents_pos *pos);
void ioasid_book_walk_first(struct ioasid_book_walk *w, const struct ioasid_extents *ext,
			    unsigned long npages);
void ioasid_book_missing(struct ioasid_book *b, const struct ioasid_book_walk *from,
			 struct ioasid_book_due *due);
int ioasid_book_add(struct ioasid_book *b, const struct ioasid_book_walk *from,
		    struct ioasid_book_due *due);
void ioasid_book_remove(struct ioasid_book *b, const struct ioasid_book_walk *from,
			struct ioasid_book_due *due);
void ioasid_book_forget(struct ioasid_book *b);
bool ioasid_book_piece(const struct ioasid_extents *ext, unsigned long *pfn, unsigned int *npages);
int ioasid_book_add_piece(struct ioasid_book *b, unsigned long pfn, unsigned int npages,
			  unsigned long paid, unsigned long *due);
void ioasid_book_remove_piece(struct ioasid_book *b, unsigned long pfn, unsigned int npages,
			      struct ioasid_book_due *due);
int ioasid_book_may_cut(struct ioasid_book *b, unsigned long pfn);
bool ioasid_book_has_first(struct ioasid_book *b, const struct ioasid_book_walk *from);

#endif /* _IOASID_PIN_BOOK_H */
