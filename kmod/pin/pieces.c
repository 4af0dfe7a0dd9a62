// SPDX-License-Identifier: GPL-2.0-only
/*
 * Share the memory of a large map among hands: pieces, taken in order, each once, by the hands
 * and by the caller.
 *
 * The caller comes to the pieces in their order. What a hand has pinned of a piece it takes; the
 * rest of that piece it pins as it would without help, so the list of extents, the charges and
 * the errors are the same. While the next piece is not finished the caller works on another, and
 * waits only when all that may be ahead of it is taken: the pieces of a ring, so that no more
 * than these are touched or pinned and not charged yet.
 *
 * Pins belong to the piece until the caller takes them. What it does not take, it unpins: when
 * it has passed the piece, or in the end, after all hands have left.
 *
 * What can run at the same time: the hands and the caller, under @lock. A piece that is busy is
 * its hand's, any other one is the caller's. The caller leaves after it has waited for the pieces
 * that are busy; a page fault of a hand ends by itself.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "help.h"

/* Small pieces for each hand and the caller that may be ahead of what is charged. */
#define PIECES_AHEAD	2

/* ioasid_help_put() - drop a reference; the last one frees it */
void ioasid_help_put(struct ioasid_help *h)
{
	if (refcount_dec_and_test(&h->refs))
		kfree(h);
}

/* Make the ring of pieces, with room for pinned pages as far as there is memory. */
static bool pieces_alloc(struct ioasid_help *h, bool pins)
{
	unsigned long room = IOASID_PIECE_BYTES >> PAGE_SHIFT;
	unsigned int i;

	h->slots = (h->nr + 1) * (h->unit > room ? 1 : PIECES_AHEAD);
	h->piece = kcalloc(h->slots, sizeof(*h->piece), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!h->piece)
		return false;
	if (!pins || h->unit > room)
		return true;
	h->room = kvmalloc_array(h->slots, room * sizeof(*h->room),
				 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	for (i = 0; h->room && i < h->slots; i++)
		h->piece[i].page = h->room + i * room;
	return true;
}

static void help_free(struct ioasid_help *h)
{
	kvfree(h->room);
	kfree(h->piece);
	if (h->file)
		fput(h->file);
}

static bool hands_begin(struct ioasid_help *h)
{
	if (!h->kernel)
		return ioasid_threads_begin(h);
	/* Workers take no page faults, and fill no file. */
	if (!h->room)
		return false;
	ioasid_workers_begin(h);
	return true;
}

/**
 * ioasid_help_begin() - have the hands begin
 * @h: what it is about is filled in, with its reference on the file
 * @pins: small pages are pinned ahead
 *
 * Return: false, and it is freed, if there is no memory, or no hand.
 */
bool ioasid_help_begin(struct ioasid_help *h, bool pins)
{
	if (pieces_alloc(h, pins) && hands_begin(h))
		return true;
	help_free(h);
	ioasid_help_put(h);
	return false;
}

/* ioasid_piece_take() - take a piece; NULL: there is none now. @h->lock is held */
struct ioasid_piece *ioasid_piece_take(struct ioasid_help *h)
{
	struct ioasid_piece *p;

	lockdep_assert_held(&h->lock);
	if (h->over || h->next >= h->npages || h->count == h->slots)
		return NULL;
	p = &h->piece[(h->head + h->count++) % h->slots];
	p->at = h->next;
	p->n = h->unit - (((h->vaddr >> PAGE_SHIFT) + p->at) & (h->unit - 1));
	p->n = min(p->n, h->npages - p->at);
	p->pinned = 0;
	p->used = 0;
	p->own = false;
	p->busy = true;
	h->next += p->n;
	return p;
}

/**
 * ioasid_piece_work() - work on a piece that was taken
 * @h: the help; current has its memory
 * @p: the piece, which is not busy any more on return
 * @me: the hand; NULL: the caller
 *
 * A fault that fails ends all help: what it has left is seen and reported by the caller.
 */
void ioasid_piece_work(struct ioasid_help *h, struct ioasid_piece *p, struct ioasid_hand *me)
{
	long got = ioasid_ahead(h, p);

	spin_lock(&h->lock);
	p->busy = false;
	if (got < 0)
		WRITE_ONCE(h->over, true);
	if (me) {
		me->brought += max(got, 0L);
		me->useful |= got > 0 || p->pinned;
	}
	spin_unlock(&h->lock);
	wake_up_all(&h->moved);
}

/* ioasid_hand_enter() - a hand begins to help; false: it is over */
bool ioasid_hand_enter(struct ioasid_help *h)
{
	bool over;

	spin_lock(&h->lock);
	over = h->over;
	h->inside += !over;
	spin_unlock(&h->lock);
	return !over;
}

/* ioasid_hand_leave() - and ends; from here on it has no piece */
void ioasid_hand_leave(struct ioasid_help *h)
{
	spin_lock(&h->lock);
	h->inside--;
	spin_unlock(&h->lock);
	wake_up_all(&h->moved);
}

/* --- the caller --- */

/* Unpin what is left of the first @n pages of a piece. */
static void piece_drop(struct ioasid_piece *p, unsigned long n)
{
	unsigned long end = min(n, p->pinned);

	if (end > p->used) {
		unpin_user_pages(p->page + p->used, end - p->used);
		p->used = end;
	}
}

static bool piece_is_busy(struct ioasid_help *h, const struct ioasid_piece *p)
{
	bool busy;

	spin_lock(&h->lock);
	busy = p->busy;
	spin_unlock(&h->lock);
	return busy;
}

/* The piece that the caller comes to next; NULL: there is none. */
static struct ioasid_piece *pieces_first(struct ioasid_help *h)
{
	lockdep_assert_held(&h->lock);
	return h->count ? &h->piece[h->head] : NULL;
}

/*
 * Pass the pieces before @done, until one of them is busy. A hole, which may be of any length,
 * is not to be faulted in, so no piece begins before @done.
 */
static void pieces_pass(struct ioasid_help *h, unsigned long done)
{
	struct ioasid_piece *p;
	bool room = false;

	spin_lock(&h->lock);
	h->next = max(h->next, done);
	while ((p = pieces_first(h)) && !p->busy && p->at + p->n <= done) {
		spin_unlock(&h->lock);
		piece_drop(p, p->n);
		spin_lock(&h->lock);
		h->head = (h->head + 1) % h->slots;
		h->count--;
		room = true;
	}
	spin_unlock(&h->lock);
	if (!room)
		return;
	wake_up_all(&h->moved);
	if (h->kernel)
		ioasid_workers_wake(h);
}

/* The pages of the first piece, from @done on; 0: *@own are left to the caller. */
static long piece_give(struct ioasid_help *h, struct ioasid_piece *p, unsigned long done,
		       struct page ***page, unsigned long *own)
{
	unsigned long skip = done - p->at, n;

	piece_drop(p, skip);
	if (skip >= p->pinned) {
		*own = p->at + p->n - done;
		return 0;
	}
	n = p->pinned - skip;
	*page = p->page + skip;
	p->used = p->pinned;
	h->taken += p->own ? 0 : n;
	return n;
}

/**
 * ioasid_help_ready() - wait for what hands have done with the next pages, or do it
 * @h: from ioasid_help_look()
 * @done: pages that are pinned and charged
 * @page: on return pinned pages, whose pins are the caller's; valid until the next call
 * @own: where there are none, how many pages the caller pins by itself now, at least 1: no hand
 *	will touch these any more
 *
 * Return: how many pages are pinned; 0: see @own; -EINTR.
 */
long ioasid_help_ready(struct ioasid_help *h, unsigned long done, struct page ***page,
		       unsigned long *own)
{
	struct ioasid_piece *p, *mine;
	bool ready;

	for (;;) {
		pieces_pass(h, done);
		spin_lock(&h->lock);
		p = pieces_first(h);
		ready = p && !p->busy;
		mine = ready ? NULL : ioasid_piece_take(h);
		if (mine)
			mine->own = true;
		spin_unlock(&h->lock);
		if (ready && p->at + p->n > done)
			return piece_give(h, p, done, page, own);
		if (mine) {
			ioasid_piece_work(h, mine, NULL);
		} else if (!p) {
			/* It is over: the caller does the rest. */
			*own = h->npages - done;
			return 0;
		} else if (wait_event_killable(h->moved, !piece_is_busy(h, p))) {
			return -EINTR;
		}
	}
}

static bool help_is_empty(struct ioasid_help *h)
{
	bool empty;

	spin_lock(&h->lock);
	empty = !h->inside;
	spin_unlock(&h->lock);
	return empty;
}

static void help_count(const struct ioasid_help *h, struct ioasid_map_result *res)
{
	unsigned int i;

	res->pages_ahead += h->taken;
	for (i = 0; i < h->nr; i++) {
		res->helpers += !h->kernel && h->hand[i].useful;
		res->pages_helped += h->hand[i].brought;
		res->faults += h->hand[i].faults;
	}
}

/**
 * ioasid_help_stop() - the end of the help
 * @h: is freed
 * @res: gets what the hands did; may be NULL
 *
 * Waits for pieces that are being worked on, and not for threads that are stopped. What was
 * pinned and not taken is unpinned.
 */
void ioasid_help_stop(struct ioasid_help *h, struct ioasid_map_result *res)
{
	unsigned int i;

	spin_lock(&h->lock);
	WRITE_ONCE(h->over, true);
	spin_unlock(&h->lock);
	wake_up_all(&h->moved);
	wait_event(h->moved, help_is_empty(h));
	for (i = 0; i < h->count; i++) {
		struct ioasid_piece *p = &h->piece[(h->head + i) % h->slots];

		piece_drop(p, p->n);
	}
	if (res)
		help_count(h, res);
	help_free(h);
	if (h->kernel)
		ioasid_workers_end(h);
	else
		ioasid_threads_end(h);
	ioasid_help_put(h);
}
