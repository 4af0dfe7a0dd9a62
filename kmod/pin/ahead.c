// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work on one piece of memory ahead of the caller of a map: fault in what is not there, then pin
 * what is there, as long as it is in small pages.
 *
 * Nothing is pinned for which a page fault is needed (FOLL_NOFAULT), and a fault is taken only
 * where it ends by itself (fault.c, file.c). So whatever may wait for user space is left to the
 * caller, and with it the rest of the piece. So is a huge page, of which one pin keeps all
 * (huge.c).
 *
 * Nothing is charged here, and no error is reported: the caller takes the pages in their order,
 * and meets what could not be had.
 *
 * What can run at the same time: the same for other pieces; other threads of the process, which
 * may unmap, replace or fork the memory: each pin keeps the page that it got, as the caller's
 * would. The piece is this hand's until it is not busy any more.
 */
#include <linux/mm.h>

#include "help.h"

/* Pin what is there after the first @p->pinned pages, up to the first page that is not. */
static void ahead_pin(const struct ioasid_help *h, struct ioasid_piece *p)
{
	unsigned int flags = FOLL_LONGTERM | FOLL_NOFAULT | (h->write ? FOLL_WRITE : 0);
	unsigned long at = p->at + p->pinned;
	long n;

	n = pin_user_pages_fast(h->vaddr + (at << PAGE_SHIFT), p->n - p->pinned, flags,
				p->page + p->pinned);
	p->pinned += max(n, 0L);
}

/* Fault in what comes after the pinned pages. */
static long ahead_fault(const struct ioasid_help *h, const struct ioasid_piece *p)
{
	unsigned long at = p->at + p->pinned;

	/* Of a process that is not the hand's, no fault is taken. */
	if (h->kernel)
		return 0;
	return ioasid_fault_ahead(h->vaddr + (at << PAGE_SHIFT), p->n - p->pinned, h->write,
				  &h->over);
}

/**
 * ioasid_ahead() - work on a piece
 * @h: the help; current has the memory
 * @p: the piece, whose @pinned pages are pinned on return, also after an error
 *
 * Return: how many pages it faulted in; or -errno: a fault failed.
 */
long ioasid_ahead(const struct ioasid_help *h, struct ioasid_piece *p)
{
	unsigned long vaddr = h->vaddr + (p->at << PAGE_SHIFT);
	long got = 0, more;

	if (h->file)
		return ioasid_file_fill(h->file, vaddr, p->n, &h->over);
	if (!ioasid_fault_present(vaddr, h->write))
		got = ahead_fault(h, p);
	if (got < 0 || !p->page || ioasid_huge_at(vaddr))
		return got;
	ahead_pin(h, p);
	if (likely(p->pinned == p->n) || READ_ONCE(h->over))
		return got;
	/* Some of it was missing, or is shared with a child. */
	more = ahead_fault(h, p);
	if (more > 0)
		ahead_pin(h, p);
	return more < 0 ? more : got + more;
}
