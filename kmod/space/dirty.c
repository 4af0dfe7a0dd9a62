// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking, in software as type1 does it: a page is dirty when an
 * in-kernel user has it pinned or wrote to it, and every mapped page is dirty
 * as long as some group can write unseen.
 *
 * There are two units. An area has a bit for each page of the CPU. A bit of the caller's
 * bitmap stands for the smallest page of the IOMMU, as in type1, which may be several
 * pages of the CPU. The query holds that unit, and the size of the caller's memory and
 * all that is written there are in this unit.
 *
 * What can run at the same time: anything. Bits live in extra->dirty of an area and change under
 * areas_lock. They are copied to user memory piece by piece: a piece is moved out of the
 * area under the lock, copied with no lock held (the copy may fault for long), and put
 * back should the copy fail. An unmap copies the bits of areas that it has claimed, which
 * no other task changes. Maps and unmaps go on between two pieces, so each piece is
 * clipped to the query by itself (piece_set()): areas that lay inside of the query when
 * the call began may have changed since.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/ioasid.h>

#include "lib/clock.h"
#include "lib/who.h"
#include "space.h"

/* What bitmap functions can count. */
#define DIRTY_PAGES_MAX	((u64)INT_MAX)
/* Bits per copy. */
#define PIECE_BITS	(32UL << 10)
#define PIECE_WORDS	(PIECE_BITS / 64)

static u64 dirty_area_pages(const struct ioasid_area *area)
{
	return ioasid_area_bytes(area) >> PAGE_SHIFT;
}

/* Pages that in-kernel users have pinned are dirty. */
static void dirty_add_pins(struct ioasid_area *area, u64 from, u64 n)
{
	unsigned long index;
	void *entry;

	if (!ioasid_area_has_pins(area))
		return;
	xa_for_each_range(&area->extra->pins, index, entry, from, from + n - 1)
		__set_bit(index, area->extra->dirty);
}

static unsigned long *dirty_bits_alloc(u64 n)
{
	return kvcalloc(BITS_TO_LONGS(n), sizeof(long), GFP_KERNEL_ACCOUNT);
}

/* Which pages are holes: no device can make them dirty, and nothing is there to be copied. */
static noinline int dirty_find_holes(struct ioasid_area *area)
{
	u64 from = ioasid_area_first_page(area), end = from + dirty_area_pages(area);
	unsigned long first, n, lo, hi, *absent;
	struct ioasid_hole_walk w;

	absent = dirty_bits_alloc(end - from);
	if (!absent)
		return -ENOMEM;
	ioasid_holes_begin(&w, ioasid_area_pages(area));
	while (ioasid_holes_next(&w, &first, &n) && first < end) {
		lo = max_t(u64, first, from);
		hi = min_t(u64, first + n, end);
		if (lo < hi)
			bitmap_set(absent, lo - from, hi - lo);
	}
	area->extra->absent = absent;
	return 0;
}

/* ioasid_dirty_area_free() - it is not tracked any more */
void ioasid_dirty_area_free(struct ioasid_area_extra *extra)
{
	kvfree(extra->dirty);
	kvfree(extra->absent);
	extra->dirty = NULL;
	extra->absent = NULL;
}

/* ioasid_dirty_area_track() - track @area from now on; 0, -EINVAL (too large), -ENOMEM */
int ioasid_dirty_area_track(struct ioasid_space *space, struct ioasid_area *area)
{
	u64 n = dirty_area_pages(area);

	if (n > DIRTY_PAGES_MAX)
		return -EINVAL;
	if (ioasid_area_extend(space, area))
		return -ENOMEM;
	if (ioasid_area_pages(area)->sparse && dirty_find_holes(area))
		return -ENOMEM;
	area->extra->dirty = dirty_bits_alloc(n);
	if (!area->extra->dirty) {
		ioasid_dirty_area_free(area->extra);
		return -ENOMEM;
	}
	dirty_add_pins(area, 0, n);
	return 0;
}

/* A copy of @n bits from @from on; NULL without memory. */
static unsigned long *dirty_bits_copy(const unsigned long *of, u64 from, u64 n)
{
	unsigned long *bits = dirty_bits_alloc(n);
	u64 at, step;

	for (at = 0; bits && at < n; at += step) {
		step = min(n - at, (u64)BITS_PER_LONG);
		bitmap_write(bits, bitmap_read(of, from + at, step), at, step);
	}
	return bits;
}

/**
 * ioasid_dirty_area_part() - copy the bits of a part of an area, if it is tracked
 * @area: LIVE; areas_lock of its space is held
 * @part: has an extra, and no bits yet
 * @from: index in @area of the first page of @part
 *
 * Return: 0, -ENOMEM.
 */
int ioasid_dirty_area_part(const struct ioasid_area *area, struct ioasid_area *part, u64 from)
{
	const struct ioasid_area_extra *extra = area->extra;
	u64 n = dirty_area_pages(part);

	if (!ioasid_area_dirty(area))
		return 0;
	part->extra->dirty = dirty_bits_copy(extra->dirty, from, n);
	if (part->extra->dirty && extra->absent)
		part->extra->absent = dirty_bits_copy(extra->absent, from, n);
	if (part->extra->dirty && !part->extra->absent == !extra->absent)
		return 0;
	ioasid_dirty_area_free(part->extra);
	return -ENOMEM;
}

static void dirty_untrack_all(struct ioasid_space *space)
{
	struct ioasid_area *area;

	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(space, area, 0, U64_MAX)) {
		if (area->extended)
			ioasid_dirty_area_free(area->extra);
	}
}

static bool dirty_events_enabled(void)
{
	return trace_ioasid_dirty_enabled() || ioasid_policy_has(IOASID_OP_DIRTY);
}

/* Notify policies and the trace event; no lock is held. */
static void dirty_notify(struct ioasid_space *space, struct ioasid_dirty_args *args, int err)
{
	ioasid_assert_may_wait(space);
	if (!dirty_events_enabled())
		return;
	ioasid_who_current(&args->who, space->entry.id);
	args->err = err;
	ioasid_policy_dirty(args);
	trace_ioasid_dirty(args);
}

static int dirty_start(struct ioasid_space *space)
{
	struct ioasid_area *area;
	int ret = 0;

	mutex_lock(&space->areas_lock);
	if (space->tracking)
		goto unlock;
	for (area = ioasid_area_first(space, 0, U64_MAX); area && !ret;
	     area = ioasid_area_next(space, area, 0, U64_MAX))
		if (unlikely(ioasid_area_pages(area)->sparse) && fatal_signal_pending(current))
			ret = -EINTR;
		else if (area->state == IOASID_AREA_LIVE)
			ret = ioasid_dirty_area_track(space, area);
	if (ret)
		dirty_untrack_all(space);
	else
		space->tracking = true;
unlock:
	mutex_unlock(&space->areas_lock);
	return ret;
}

/*
 * ioasid_dirty_start() - begin tracking; no-op when it is on
 *
 * Return: 0, -ENOMEM, -EINVAL for a mapping of more than 2^31 - 1 pages, or -EINTR: of very many
 * mappings with holes each is walked.
 */
int ioasid_dirty_start(struct ioasid_space *space)
{
	struct ioasid_dirty_args args = { .op = IOASID_DIRTY_START };
	u64 t = ioasid_clock(dirty_events_enabled());
	int ret = dirty_start(space);

	ioasid_lap(t, &t, &args.ns_total);
	dirty_notify(space, &args, ret);
	return ret;
}

/* ioasid_dirty_stop() - end tracking and drop all dirty bits */
void ioasid_dirty_stop(struct ioasid_space *space)
{
	struct ioasid_dirty_args args = { .op = IOASID_DIRTY_STOP };

	mutex_lock(&space->areas_lock);
	if (space->tracking) {
		space->tracking = false;
		dirty_untrack_all(space);
	}
	mutex_unlock(&space->areas_lock);
	dirty_notify(space, &args, 0);
}

/* ioasid_dirty_mark() - the CPU wrote on behalf of a device; areas_lock is held */
void ioasid_dirty_mark(struct ioasid_space *space, struct ioasid_area *area, u64 iova,
		       u64 length)
{
	u64 first = (iova - ioasid_area_start(area)) >> PAGE_SHIFT;
	u64 last = (iova + length - 1 - ioasid_area_start(area)) >> PAGE_SHIFT;

	lockdep_assert_held(&space->areas_lock);
	if (ioasid_area_dirty(area))
		bitmap_set(area->extra->dirty, first, last - first + 1);
}

/* ioasid_dirty_mark_all() - a group left that could write unseen; areas_lock is held */
void ioasid_dirty_mark_all(struct ioasid_space *space)
{
	struct ioasid_area *area;

	lockdep_assert_held(&space->areas_lock);
	for (area = ioasid_area_first(space, 0, U64_MAX); area;
	     area = ioasid_area_next(space, area, 0, U64_MAX)) {
		if (!ioasid_area_dirty(area))
			continue;
		if (area->extra->absent)
			bitmap_complement(area->extra->dirty, area->extra->absent,
					  dirty_area_pages(area));
		else
			bitmap_fill(area->extra->dirty, dirty_area_pages(area));
	}
}

/* Can a group write to this area unseen? areas_lock is held. */
static bool dirty_writes_unseen(struct ioasid_space *space, const struct ioasid_area *area)
{
	struct ioasid_group *g;

	lockdep_assert_held(&space->areas_lock);
	if (!ioasid_area_pages(area)->pinned)
		return false;
	list_for_each_entry(g, &space->groups, link)
		if (!g->reports)
			return true;
	return false;
}

/**
 * struct ioasid_dirty_piece - some of an area's bits, while they are copied to the caller
 * @iova: of the first page
 * @from: its index in the area
 * @n: pages
 * @order: a bit of the caller's stands for 1 << @order pages
 * @lead: pages of the first bit's that are not of this piece
 * @at: the first bit of the caller's
 * @shift: where it lies in its word
 * @bits: how many
 * @words: the bits
 */
struct ioasid_dirty_piece {
	u64 iova;
	u64 from;
	unsigned long n;
	unsigned int order;
	unsigned long lead;
	u64 at;
	unsigned long shift;
	unsigned long bits;
	u64 words[PIECE_WORDS + 1];
};

/* Words that hold the bits of a piece. */
static unsigned long piece_words(const struct ioasid_dirty_piece *p)
{
	return BITS_TO_U64(p->shift + p->bits);
}

/* The last address of the piece. */
static u64 piece_last(const struct ioasid_dirty_piece *p)
{
	return p->iova + ((u64)p->n << PAGE_SHIFT) - 1;
}

/* The bit of page @i of the piece. */
static unsigned long piece_bit(const struct ioasid_dirty_piece *p, unsigned long i)
{
	return p->shift + ((p->lead + i) >> p->order);
}

/* Fill in bits that stand for several pages each: one dirty page is enough. */
static void piece_fold(struct ioasid_dirty_piece *p, const unsigned long *dirty)
{
	unsigned long end = p->from + p->n, i;

	for (i = find_next_bit(dirty, end, p->from); i < end; i = find_next_bit(dirty, end, i + 1)) {
		unsigned long bit = piece_bit(p, i - p->from);

		p->words[bit / 64] |= BIT_ULL(bit % 64);
	}
}

/* Fill in bits that stand for one page each, word by word, shifted as needed. */
static void piece_fill(struct ioasid_dirty_piece *p, const unsigned long *dirty)
{
	unsigned long at = p->shift, end = p->shift + p->n, n;

	if (p->order) {
		piece_fold(p, dirty);
		return;
	}
	for (; at < end; at += n) {
		n = min(64 - at % 64, end - at);
		p->words[at / 64] |= (u64)bitmap_read(dirty, p->from + at - p->shift, n) << at % 64;
	}
}

/* Clear the bits outside of the piece. */
static void piece_trim(struct ioasid_dirty_piece *p)
{
	unsigned long end = p->shift + p->bits;

	p->words[0] &= U64_MAX << p->shift;
	if (end % 64)
		p->words[end / 64] &= ~(U64_MAX << end % 64);
}

/* Set the bits of all pages; the words are zeroed. Of several pages one that is no hole is enough. */
static void piece_fill_all(struct ioasid_dirty_piece *p, const unsigned long *absent)
{
	unsigned long end = p->from + p->n, i;

	if (absent && p->order) {
		for (i = find_next_zero_bit(absent, end, p->from); i < end;
		     i = find_next_zero_bit(absent, end, i + 1))
			p->words[piece_bit(p, i - p->from) / 64] |=
				BIT_ULL(piece_bit(p, i - p->from) % 64);
		return;
	}
	if (absent)
		piece_fill(p, absent);
	else
		memset(p->words, 0xff, piece_words(p) * sizeof(u64));
	for (i = 0; absent && i < piece_words(p); i++)
		p->words[i] = ~p->words[i];
	piece_trim(p);
}

/* Move the bits out of the area. areas_lock is held. */
static void piece_take(struct ioasid_space *space, struct ioasid_area *area,
		       struct ioasid_dirty_piece *p, bool clear)
{
	lockdep_assert_held(&space->areas_lock);
	memset(p->words, 0, piece_words(p) * sizeof(u64));
	if (dirty_writes_unseen(space, area))
		piece_fill_all(p, area->extra->absent);
	else
		piece_fill(p, area->extra->dirty);
	if (clear) {
		bitmap_clear(area->extra->dirty, p->from, p->n);
		dirty_add_pins(area, p->from, p->n);
	}
}

/*
 * The copy failed, so the caller has not seen these bits: put them back. areas_lock is
 * held. Where a bit stands for several pages, all of them are dirty then: too many is
 * safe.
 */
static void piece_put_back(struct ioasid_space *space, struct ioasid_area *area,
			   const struct ioasid_dirty_piece *p)
{
	unsigned long from = (p->iova - ioasid_area_start(area)) >> PAGE_SHIFT, i;
	const unsigned long *absent = area->extra->absent;

	lockdep_assert_held(&space->areas_lock);
	for (i = 0; i < p->n; i++) {
		unsigned long bit = piece_bit(p, i);

		if (absent && test_bit(from + i, absent))
			continue;
		if (p->words[bit / 64] & BIT_ULL(bit % 64))
			__set_bit(from + i, area->extra->dirty);
	}
}

/*
 * Copy to the user's words. The first may hold bits of the piece before, which stay; the
 * user cleared the buffer.
 */
static int piece_copy(const struct ioasid_dirty_query *q, struct ioasid_dirty_piece *p)
{
	u64 __user *to = q->bits + p->at / 64;
	u64 before;

	if (p->shift || p->lead) {
		if (copy_from_user(&before, to, sizeof(before)))
			return -EFAULT;
		p->words[0] |= before;
	}
	return copy_to_user(to, p->words, piece_words(p) * sizeof(u64)) ?
	       -EFAULT : 0;
}

static u64 query_last(const struct ioasid_dirty_query *q)
{
	return q->iova + q->length - 1;
}

/* Set up the next piece of @area, from @iova on; both @iova and some of @area are in the query. */
static void piece_set(struct ioasid_dirty_piece *p, const struct ioasid_area *area, u64 iova,
		      const struct ioasid_dirty_query *q)
{
	u64 pages = (min(ioasid_area_last(area), query_last(q)) - iova + 1) >> PAGE_SHIFT;
	u64 page = (iova - q->iova) >> PAGE_SHIFT;

	p->iova = iova;
	p->from = (iova - ioasid_area_start(area)) >> PAGE_SHIFT;
	p->order = q->shift - PAGE_SHIFT;
	p->lead = page & (BIT(p->order) - 1);
	p->at = page >> p->order;
	p->shift = p->at % 64;
	p->n = min(PIECE_BITS - p->shift, pages);
	p->bits = piece_bit(p, p->n - 1) + 1 - p->shift;
}

/* Move the next piece at or after *@iova out of its area; false at the end. */
static bool dirty_get_next(struct ioasid_space *space, const struct ioasid_dirty_query *q,
			   u64 *iova, struct ioasid_dirty_piece *p, bool clear)
{
	u64 last = query_last(q);
	struct ioasid_area *area;

	mutex_lock(&space->areas_lock);
	area = *iova <= last ? ioasid_area_first(space, *iova, last) : NULL;
	while (area && (area->state != IOASID_AREA_LIVE || !ioasid_area_dirty(area)))
		area = ioasid_area_next(space, area, *iova, last);
	if (area) {
		piece_set(p, area, max(*iova, ioasid_area_start(area)), q);
		piece_take(space, area, p, clear);
	}
	mutex_unlock(&space->areas_lock);
	return area;
}

/* Put a piece back. Another mapping there becomes dirty as well, which is safe. */
static void dirty_get_undo(struct ioasid_space *space, const struct ioasid_dirty_piece *p)
{
	struct ioasid_area *area;

	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, p->iova, p->iova);
	if (area && ioasid_area_dirty(area) && ioasid_area_last(area) >= piece_last(p))
		piece_put_back(space, area, p);
	mutex_unlock(&space->areas_lock);
}

/*
 * Mappings must lie wholly inside or outside, but for @q->cut. -EAGAIN for one in flight, unless it was
 * reserved after @since: the query is not about later mappings.
 */
static int dirty_get_look(struct ioasid_space *space, const struct ioasid_dirty_query *q, u64 since,
			  struct ioasid_area_wait *w)
{
	u64 last = query_last(q);
	struct ioasid_area *area;

	if (!space->tracking || space->dead)
		return -EINVAL;
	for (area = ioasid_area_first(space, q->iova, last); area;
	     area = ioasid_area_next(space, area, q->iova, last)) {
		if (!ioasid_area_in_flight(area, false)) {
			if (!q->cut && (ioasid_area_start(area) < q->iova ||
					ioasid_area_last(area) > last))
				return -EINVAL;
		} else if (ioasid_area_serial(area) <= since) {
			ioasid_area_wait_begin(space, area, w);
			return -EAGAIN;
		}
	}
	return 0;
}

/* dirty_get_look() that waits for mappings in flight. */
static int dirty_get_check(struct ioasid_space *space, const struct ioasid_dirty_query *q)
{
	struct ioasid_area_wait w = {};
	u64 since;
	int ret;

	mutex_lock(&space->areas_lock);
	since = space->serial;
	ret = dirty_get_look(space, q, since, &w);
	mutex_unlock(&space->areas_lock);
	while (ret == -EAGAIN) {
		ret = ioasid_area_wait(space, &w);
		if (ret)
			return ret;
		mutex_lock(&space->areas_lock);
		ret = dirty_get_look(space, q, since, &w);
		mutex_unlock(&space->areas_lock);
	}
	return ret;
}

/*
 * ioasid_dirty_piece_alloc() - the buffer for get and report
 *
 * Call it before anything is done, so that neither can fail for lack of memory.
 */
struct ioasid_dirty_piece *ioasid_dirty_piece_alloc(void)
{
	return kvmalloc(sizeof(struct ioasid_dirty_piece), GFP_KERNEL_ACCOUNT);
}

/* Copy the bits, and add the dirty pages to @dirty. */
static int dirty_get(struct ioasid_space *space, const struct ioasid_dirty_query *q,
		     struct ioasid_dirty_piece *p, bool clear, u64 *dirty)
{
	u64 iova = q->iova;
	int ret;

	ret = ioasid_dirty_fits(q) ? dirty_get_check(space, q) : -EINVAL;
	if (ret)
		return ret;
	while (!ret && dirty_get_next(space, q, &iova, p, clear)) {
		if (dirty_events_enabled())
			*dirty += (u64)bitmap_weight((unsigned long *)p->words,
						     p->shift + p->bits) << p->order;
		ret = piece_copy(q, p);
		if (ret && clear)
			dirty_get_undo(space, p);
		iova = piece_last(p) + 1;
		if (!iova)
			break;
		cond_resched();
	}
	return ret;
}

/*
 * ioasid_dirty_get() - copy dirty bits to the caller's memory, and @clear them
 *
 * Return: 0; -EINVAL (tracking is off, or the range cuts a mapping in two),
 * -EFAULT (some bits copied, none lost), -EINTR.
 */
int ioasid_dirty_get(struct ioasid_space *space, const struct ioasid_dirty_query *q,
		     struct ioasid_dirty_piece *p, bool clear)
{
	struct ioasid_dirty_args args = {
		.op = IOASID_DIRTY_GET,
		.iova = q->iova,
		.length = q->length,
	};
	u64 t = ioasid_clock(dirty_events_enabled());
	int ret = dirty_get(space, q, p, clear, &args.dirty);

	ioasid_lap(t, &t, &args.ns_total);
	/* Without @clear the call only checks that the bitmap can be written. */
	if (clear)
		dirty_notify(space, &args, ret);
	return ret;
}

/* Tracking may be stopped at any moment; then there are no bits. */
static bool dirty_report_take(struct ioasid_space *space, struct ioasid_area *area,
			      struct ioasid_dirty_piece *p)
{
	bool tracked;

	mutex_lock(&space->areas_lock);
	tracked = ioasid_area_dirty(area);
	if (tracked)
		piece_take(space, area, p, false);
	mutex_unlock(&space->areas_lock);
	return tracked;
}

/*
 * ioasid_dirty_report() - bits of areas that were just unmapped
 *
 * @areas are DYING and the caller's. Return: 0 or -EFAULT.
 */
int ioasid_dirty_report(struct ioasid_space *space, struct ioasid_areas *areas,
			const struct ioasid_dirty_query *q, struct ioasid_dirty_piece *p)
{
	u64 last = query_last(q), iova, end;
	struct ioasid_area *area;
	int ret = 0;

	/* A v1 container unmaps whole areas of which only the start is in the range. */
	ioasid_for_each_listed(area, areas) {
		end = min(ioasid_area_last(area), last);
		for (iova = max(ioasid_area_start(area), q->iova); !ret && iova <= end;
		     iova = piece_last(p) + 1) {
			piece_set(p, area, iova, q);
			if (!dirty_report_take(space, area, p))
				break;
			ret = piece_copy(q, p);
			cond_resched();
			/* The next one would begin behind the end of the address space. */
			if (piece_last(p) == U64_MAX)
				break;
		}
	}
	return ret;
}
