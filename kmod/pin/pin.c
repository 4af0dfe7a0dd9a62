// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning: from a range of a process to extents of physical pages, batch by batch.
 *
 * What can run at the same time while pages are pinned:
 *  - the owner's other threads, which may munmap, remap, truncate or fork the memory: the
 *    pin keeps the pages that it got, page by page;
 *  - the owner's exit, which cannot complete: the pinning task is one of its threads, or
 *    holds mmget;
 *  - an unmap, which waits for the area to leave BUILDING;
 *  - a teardown, which sets call->stop;
 *  - loads and unloads of policies, see hooks/hooks.c.
 * No lock is held, only the reservation of the range. So a page fault that never ends
 * (userfaultfd, FUSE) delays its own caller alone, and a fatal signal ends it. (fault.c
 * holds mmap_lock over faults that do end.)
 *
 * Pages are charged by batch, after they are pinned: only then is it known which of them
 * are not charged (device memory, reserved pages). So no map is refused, not even for a
 * moment, that type1 would allow.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include <trace/events/ioasid.h>

#include "lib/clock.h"
#include "lib/signal.h"
#include "internal.h"

/* Pages per call of the pinner; a page full of pointers. */
#define BATCH_DEFAULT	(PAGE_SIZE / sizeof(struct page *))
/* And while so many are left, to save calls. */
#define BATCH_LARGE	(8 * BATCH_DEFAULT)
/* Maps of up to so many pages take no shortcut for folios; the pointers fit on the stack. */
#define SMALL		16
/* Up to here the pointers live on the stack. */
#define BATCH_STACK	32

/* Pages from @page to the end of its hugetlb folio. */
static unsigned long huge_rest(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio_nr_pages(folio) - folio_page_idx(folio, page);
}

/*
 * How many of @n pages follow each other from the first one on.
 *
 * The pinner takes what a hugetlb page maps in one step, so its pages are in
 * order; those of a transparent one may be mapped one by one, in any order.
 */
static unsigned long extent_length(struct page **batch, unsigned long n)
{
	struct page *first = batch[0];
	unsigned long j = 1, diff;

	if (n == 1 || batch[1] != first + 1)
		return 1;
	/* A hugetlb page is mapped as a whole or not at all, so in order. */
	if (PageHuge(first)) {
		for (j = huge_rest(first); j < n && batch[j] == first + j; )
			j += huge_rest(batch[j]);
		return min(n, j);
	}

	/* Eight at a time: a huge page is five hundred comparisons otherwise. */
	for (; j + 8 <= n; j += 8) {
		diff = (unsigned long)batch[j] ^ (unsigned long)(first + j);
		diff |= (unsigned long)batch[j + 1] ^ (unsigned long)(first + j + 1);
		diff |= (unsigned long)batch[j + 2] ^ (unsigned long)(first + j + 2);
		diff |= (unsigned long)batch[j + 3] ^ (unsigned long)(first + j + 3);
		diff |= (unsigned long)batch[j + 4] ^ (unsigned long)(first + j + 4);
		diff |= (unsigned long)batch[j + 5] ^ (unsigned long)(first + j + 5);
		diff |= (unsigned long)batch[j + 6] ^ (unsigned long)(first + j + 6);
		diff |= (unsigned long)batch[j + 7] ^ (unsigned long)(first + j + 7);
		if (diff)
			break;
	}
	while (j < n && batch[j] == first + j)
		j++;
	return j;
}

/**
 * struct pin_got - what is to be known of the pages that a step has pinned
 * @charge: how many must be charged
 * @look: of pages that share their charge if need be: enum ioasid_look
 */
struct pin_got {
	unsigned long charge;
	enum ioasid_look look;
};

/*
 * Pages of an extent that are reserved (the zero page), which are not charged. With @look
 * find those that have more than one pin.
 */
static __always_inline unsigned long extent_reserved(struct page *first, unsigned long n,
						     enum ioasid_look *look)
{
	unsigned long i = 0, reserved = 0;

	while (i < n) {
		struct page *page = first + i;

		/* Large folios are never reserved: step over what is left of one. */
		if (PageCompound(page)) {
			struct folio *folio = page_folio(page);

			i += folio_nr_pages(folio) - folio_page_idx(folio, page);
			if (look && !*look)
				*look = IOASID_LOOK_FOLIOS;
			continue;
		}
		/* Of a small page the reference count has its pins. */
		if (look && unlikely(page_ref_count(page) >= 2 * GUP_PIN_COUNTING_BIAS))
			*look = IOASID_LOOK_TWICE;
		reserved += PageReserved(page);
		i++;
	}
	return reserved;
}

/*
 * Sort a batch of pinned pages into extents. Pages of one folio need not be
 * mapped in order (mremap), so compare every neighbour.
 *
 * Return: how many of them must be charged; or -ENOMEM, and those that are not in the
 * list are unpinned.
 */
static __always_inline long batch_sort(struct ioasid_pages *pages, struct page **batch,
				       unsigned long n, enum ioasid_look *look)
{
	unsigned long i, len, free = 0;

	for (i = 0; i < n; i += len) {
		len = extent_length(batch + i, n - i);
		free += extent_reserved(batch[i], len, look);
		if (ioasid_extents_add(&pages->ext, page_to_pfn(batch[i]), len,
				       IOASID_EXTENT_GUP)) {
			unpin_user_pages(batch + i, n - i);
			return -ENOMEM;
		}
	}
	return n - free;
}

/* Several pages; with a look at their pins if they may have to share a charge. */
static noinline __flatten long batch_many(struct ioasid_pages *pages, struct page **batch,
					  unsigned long n, enum ioasid_look *look)
{
	return likely(pages->share != IOASID_SHARE_ALONE) ? batch_sort(pages, batch, n, NULL) :
							   batch_sort(pages, batch, n, look);
}

/* Such a look at a single page. */
static enum ioasid_look page_look(struct page *page)
{
	if (PageCompound(page))
		return IOASID_LOOK_FOLIOS;
	return page_ref_count(page) < 2 * GUP_PIN_COUNTING_BIAS ? IOASID_LOOK_ONCE :
								  IOASID_LOOK_TWICE;
}

/* A batch of one page: there is nothing to sort. */
static long page_to_extent(struct ioasid_pages *pages, struct page *page, struct pin_got *got)
{
	got->look = likely(pages->share != IOASID_SHARE_ALONE) ? IOASID_LOOK_ONCE : page_look(page);
	got->charge = PageCompound(page) || !PageReserved(page);
	if (unlikely(ioasid_extents_add(&pages->ext, page_to_pfn(page), 1, IOASID_EXTENT_GUP))) {
		unpin_user_page(page);
		return -ENOMEM;
	}
	return 1;
}

static long batch_to_extents(struct ioasid_pages *pages, struct page **batch, unsigned long n,
			     struct pin_got *got)
{
	long ret;

	if (n == 1)
		return page_to_extent(pages, batch[0], got);
	got->look = IOASID_LOOK_ONCE;
	ret = batch_many(pages, batch, n, &got->look);
	if (ret < 0)
		return ret;
	got->charge = ret;
	return n;
}

static long pin_batch(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want,
		      struct page **batch, unsigned int flags)
{
	int locked = 1;
	long n;

	flags |= FOLL_LONGTERM | (pages->write ? FOLL_WRITE : 0);
	if (likely(current->mm == pages->holder->mm))
		return pin_user_pages_fast(vaddr, want, flags, batch);

	if (mmap_read_lock_killable(pages->holder->mm))
		return -EINTR;
	/* A page fault that waits drops the lock, and a fatal signal ends it. */
	n = pin_user_pages_remote(pages->holder->mm, vaddr, want, flags, batch, &locked);
	if (locked)
		mmap_read_unlock(pages->holder->mm);
	return n;
}

/*
 * Page by page: pin up to @want pages at @vaddr and put them into the list; with @now only
 * present ones. Return: pages pinned, and *@got, or -errno. Of a hole it may be more than @want.
 */
static long pin_pages(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want,
		      struct page **batch, bool now, struct pin_got *got)
{
	long n;

	n = pin_batch(pages, vaddr, want, batch, unlikely(now) ? FOLL_NOFAULT : 0);
	if (likely(n > 0))
		return batch_to_extents(pages, batch, n, got);
	if (unlikely(now))
		return -EAGAIN;
	/* -EOVERFLOW: the range ends where the address space does. */
	if (n && n != -EFAULT)
		return n == -EOVERFLOW ? -EFAULT : n;
	got->charge = 0;
	return unlikely(pages->sparse) ? ioasid_pin_or_hole(pages, vaddr, want) :
					 ioasid_pin_pfnmap(pages, vaddr, want);
}

/* The pages of a batch: on the stack when few, else a buffer. Huge pages need none. */
struct batch_buf {
	struct page **pages;
	unsigned long room;
	struct page *stack[BATCH_STACK];
};

/*
 * Make room for @want pages, as far as there is memory: falling back to the
 * stack is no failure, only slower. Return: how many there is room for.
 */
static unsigned long batch_room(struct batch_buf *buf, unsigned long want)
{
	unsigned long room = max(want, BATCH_DEFAULT);
	struct page **more;

	if (want <= buf->room)
		return want;
	more = kvmalloc_array(room, sizeof(*more), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!more)
		return buf->room;
	if (buf->pages != buf->stack)
		kvfree(buf->pages);
	buf->pages = more;
	buf->room = room;
	return want;
}

/* Page faults that this task has taken; those of the pinner count as its own. */
static unsigned long pin_faults_now(void)
{
	return current->min_flt + current->maj_flt;
}

/*
 * The sources that pin more than a page at a time, and how the last pages came: with how many
 * faults, and were they pinned page by page.
 */
struct pin_src {
	struct batch_buf *buf;
	struct ioasid_file_src file;
	unsigned long faults;
	struct ioasid_help *help;
	struct ioasid_help_look look;
	bool looks;
	bool huge;
	bool single;
	bool untouched;
	bool now;
};

/* Are the steps of a file to be small, because hands fill it ahead, or may soon? */
static bool pin_in_steps(const struct pin_src *src)
{
	return src->help || (src->looks && !src->look.ended);
}

/*
 * Whole folios, none of whose pages is reserved, as far as they go.
 * Return: pages pinned, -errno, or 0 to go on page by page.
 */
static long pin_folios(struct ioasid_pages *pages, struct pin_src *src, unsigned long done,
		       unsigned long want)
{
	unsigned long room;
	long n = 0;

	if (src->file.file) {
		room = batch_room(src->buf, want);
		n = ioasid_file_pin(pages, &src->file, done, pin_in_steps(src) ? want : ULONG_MAX,
				    (struct folio **)src->buf->pages, room);
		if (!n)
			ioasid_file_drop(&src->file);
	}
	if (!n && src->huge)
		n = ioasid_huge_pin(pages, done, want);
	return n;
}

/*
 * Take pages that were pinned ahead, see ioasid_help_ready(). Return: how many; 0: pin at most
 * *@want, in another way; or -errno.
 */
static long pin_helped(struct ioasid_pages *pages, struct pin_src *src, unsigned long done,
		       unsigned long *want, struct pin_got *got)
{
	struct page **page;
	unsigned long own;
	long n;

	n = ioasid_help_ready(src->help, done, &page, &own);
	if (n > 0)
		return batch_to_extents(pages, page, n, got);
	if (!n)
		*want = min(*want, own);
	return n;
}

/* The source that is the best for the next pages. */
static long pin_from(struct ioasid_pages *pages, struct pin_src *src, unsigned long done,
		     unsigned long want, struct pin_got *got)
{
	unsigned long vaddr = pages->vaddr + (done << PAGE_SHIFT), there = 0;
	long n;

	if (unlikely(src->help)) {
		n = pin_helped(pages, src, done, &want, got);
		if (n)
			return n;
	}
	if (src->untouched)
		there = ioasid_fault_in(pages, vaddr, want);
	if (!there && (src->file.file || src->huge)) {
		n = pin_folios(pages, src, done, want);
		got->charge = n;
		got->look = IOASID_LOOK_FOLIOS;
		if (n)
			return n;
	}
	if (there)
		want = there;
	else if (src->huge)
		want = ioasid_huge_ahead(pages, done, want);

	src->single = !there;
	want = batch_room(src->buf, want);
	return pin_pages(pages, vaddr, want, src->buf->pages, src->now, got);
}

/*
 * One step: pin up to @want pages after the first @done and put them into the
 * list. Return: pages pinned, and *@got, or -errno.
 */
static long pin_step(struct ioasid_pages *pages, struct pin_src *src, unsigned long done,
		     unsigned long want, struct pin_got *got)
{
	unsigned long before = pin_faults_now();
	long n;

	src->single = false;
	n = pin_from(pages, src, done, want, got);
	src->faults = pin_faults_now() - before;
	return n;
}

/* Is a step to be charged for what no book of the owner has? Most objects share with none. */
static bool pin_shares(const struct ioasid_pages *pages, const struct ioasid_pin_call *call,
		       const struct ioasid_extents_pos *pos, const struct pin_got *got)
{
	bool booked;

	if (likely(!pages->share) || pages->share == IOASID_SHARE_JOINED)
		return pages->share;
	booked = !call->booked || READ_ONCE(*call->booked);
	return unlikely(booked || got->look) && ioasid_share_begins(pages, pos, got->look, booked);
}

/* What is known of a call where the code for it is compiled; where it is not known, it is looked at. */
enum pin_kind {
	/* Nothing. */
	PIN_ANY,
	/* No file, no device, nothing is paid for already, and none of @now and @later. */
	PIN_PLAIN,
	/* The same, but with @later. */
	PIN_LATER,
};

/*
 * Charge for the @n pages that a step pinned after the first @done, and after @pos, which is
 * set for pages that share, but not in the first step.
 */
static int pin_charge(struct ioasid_pages *pages, struct ioasid_pin_call *call, enum pin_kind kind,
		      const struct ioasid_extents_pos *pos, unsigned long done, unsigned long n,
		      const struct pin_got *got)
{
	unsigned long charge = got->charge;
	u64 limit = 0;
	int ret;

	if (kind == PIN_ANY && charge && call->paid) {
		call->paid->counted += charge;
		/* The address of a user's pin may show other memory by now. */
		charge -= min(charge, call->paid->pages(call->paid, done, n));
	}
	if (!charge)
		return 0;
	if (pin_shares(pages, call, done ? pos : NULL, got)) {
		/* It may wait. */
		if (kind == PIN_ANY && call->now)
			return -EAGAIN;
		ret = ioasid_share_charge(pages, pos, done, &limit);
	} else if (kind == PIN_LATER || (kind == PIN_ANY && call->later)) {
		call->owed += charge;
		return 0;
	} else {
		ret = ioasid_charge(pages, charge, &limit);
		pages->charged += ret ? 0 : charge;
	}
	if (ret)
		return ioasid_fail(call->fail, ret, ioasid_charge_reason(ret, limit),
				   pages->npages, limit);
	return 0;
}

static bool each_watched(void)
{
	return trace_ioasid_pin_enabled() || ioasid_policy_has(IOASID_OP_MAP_BATCH);
}

static bool pin_watched(const struct ioasid_pin_call *call)
{
	return call->res || each_watched();
}

/* A batch begins. Return: its size, which is @want unless a policy chooses another. */
static __always_inline unsigned long pin_watch_begin(struct ioasid_pin_watch *w,
						     struct ioasid_pages *pages,
						     struct ioasid_pin_call *call,
						     unsigned long done, unsigned long want)
{
	w->each = call->timing || each_watched();
	if (unlikely(w->each))
		want = ioasid_batch_begin(w, pages, call, done, want);
	w->faults = pin_faults_now();
	return want;
}

/* Its pages are pinned, or cannot be. */
static __always_inline void pin_watch_pinned(struct ioasid_pin_watch *w, struct ioasid_map_result *res)
{
	w->faults = pin_faults_now() - w->faults;
	if (res)
		res->faults += w->faults;
	if (unlikely(w->each))
		w->pinned = ioasid_clock(w->clocked);
}

/* It is charged, or @err: record its @n pages, their faults, and the time. */
static __always_inline void pin_watch_end(struct ioasid_pin_watch *w, struct ioasid_pages *pages,
					  struct ioasid_map_result *res, unsigned long n, int err)
{
	if (res)
		res->batches += !err;
	if (unlikely(w->each))
		ioasid_batch_end(w, pages, res, n);
}

static noinline void pin_trace(const struct ioasid_pages *pages, unsigned long vaddr, long n)
{
	struct ioasid_who who = ioasid_pages_who(pages);
	struct ioasid_extent extent;

	ioasid_extents_last(&pages->ext, &extent);
	if (extent.kind != IOASID_EXTENT_HOLE)
		trace_ioasid_pin(&who, vaddr, n, false);
}

static void pin_report(const struct ioasid_pages *pages, unsigned long vaddr, long n)
{
	if (trace_ioasid_pin_enabled())
		pin_trace(pages, vaddr, n);
}

static noinline void pin_progress(const struct ioasid_pages *pages,
				  const struct ioasid_pin_call *call, unsigned long done)
{
	struct ioasid_who who = ioasid_pages_who(pages);

	trace_ioasid_progress(&who, call->args->iova, IOASID_STEP_PIN, done, pages->npages);
}

/* Stop on a fatal signal, or when the space was torn down. */
static int pin_go_on(struct ioasid_pin_call *call, unsigned long vaddr, unsigned long done)
{
	int ret = ioasid_interrupted();

	if (unlikely(ret))
		return ioasid_fail(call->fail, ret, IOASID_R_SIGNAL, vaddr, done);
	if (likely(call->stop) && unlikely(READ_ONCE(*call->stop)))
		return ioasid_fail(call->fail, -EINVAL, IOASID_R_DEAD, vaddr, done);
	return 0;
}

static void pin_stop_help(struct ioasid_pin_call *call, struct pin_src *src)
{
	ioasid_help_stop(src->help, call->res);
	src->help = NULL;
}

/*
 * A step found no memory, and the list had ended at @pos. A folio of ZONE_MOVABLE or CMA is migrated
 * before it is pinned, which fails while a hand has it too, in the next piece. So all from here on is
 * done without help. Return: false: the list has some of that step.
 */
static noinline bool pin_alone(const struct ioasid_pages *pages, struct ioasid_pin_call *call,
			       struct pin_src *src, const struct ioasid_extents_pos *pos)
{
	struct ioasid_extents_pos now;

	pin_stop_help(call, src);
	ioasid_extents_end(&pages->ext, &now);
	return now.nr == pos->nr && now.npages == pos->npages;
}

/*
 * Have help with what is left, see help.c. A policy that chooses batch sizes chooses them for
 * the caller, so then there is none.
 */
static noinline void pin_look_ahead(struct ioasid_pages *pages, struct ioasid_pin_call *call,
				    struct pin_src *src, unsigned long done)
{
	bool may = !ioasid_policy_has(IOASID_OP_MAP_BATCH);

	if (src->file.file && !src->looks)
		return;
	if (unlikely(src->help && !may))
		pin_stop_help(call, src);
	if (src->help || src->look.ended || !may)
		return;
	if (src->faults || src->single || src->file.file)
		src->help = ioasid_help_look(pages, &src->file, &src->look, done, call->helpers,
					     call->asked);
}

/* After a step that pinned @n of many pages, @done so far. */
static void pin_stepped(struct ioasid_pages *pages, struct ioasid_pin_call *call,
			struct pin_src *src, unsigned long done, unsigned long n)
{
	/* Many faults: the next pages are probably not present either. */
	src->untouched = src->huge && src->faults > n / 2;
	if (ioasid_milestone(done, n))
		pin_progress(pages, call, done);
	if (unlikely(call->helpers) && done < pages->npages)
		pin_look_ahead(pages, call, src, done);
}

/* A batch of many pages: how many to pin at once, of @left. */
static unsigned long pin_want(const struct pin_src *src, unsigned long left)
{
	if (left <= SMALL)
		return left;
	return min(left, left < BATCH_LARGE || (src->look.idle && !src->look.ended) ?
		   BATCH_DEFAULT : BATCH_LARGE);
}

/*
 * Pin step by step, and charge for each step. A step does only what is needed; for few pages
 * of a process that nothing watches (no @src, and @batch has room for them) there is mostly one, and
 * what only large maps need is not compiled in.
 */
static __always_inline int pin_loop(struct ioasid_pages *pages, struct ioasid_pin_call *call,
				    enum pin_kind kind, struct pin_src *src,
				    struct page **batch)
{
	struct ioasid_extents_pos pos __uninitialized;
	struct ioasid_pin_watch w __uninitialized;
	unsigned long done = 0, left;

	w.begun = false;
	while (likely((left = pages->npages - done))) {
		unsigned long vaddr = pages->vaddr + (done << PAGE_SHIFT);
		unsigned long want = src ? pin_want(src, left) : left;
		bool watched = src && unlikely(pin_watched(call));
		struct pin_got got __uninitialized;
		long n;
		int ret;

		ret = pin_go_on(call, vaddr, done);
		if (ret)
			return ret;
		if (src && done)
			cond_resched();
		if (watched)
			want = min(left, pin_watch_begin(&w, pages, call, done, want));
		if (unlikely(pages->share || (src && src->help)) && done)
			ioasid_extents_end(&pages->ext, &pos);

		n = src ? pin_step(pages, src, done, want, &got) :
			  pin_pages(pages, vaddr, want, batch, kind == PIN_ANY && call->now,
				    &got);
		if (watched)
			pin_watch_pinned(&w, call->res);
		if (src && src->help && unlikely(n == -ENOMEM) && pin_alone(pages, call, src, &pos))
			continue;
		if (n < 0)
			return ioasid_fail(call->fail, n, ioasid_err_reason(n, IOASID_R_PIN), vaddr,
					   done);
		if (src)
			pin_report(pages, vaddr, n);

		ret = pin_charge(pages, call, kind, &pos, done, n, &got);
		if (watched)
			pin_watch_end(&w, pages, call->res, n, ret);
		if (ret)
			return ret;
		done += n;
		call->held = done;
		if (src)
			pin_stepped(pages, call, src, done, n);
	}
	return 0;
}

/* Device memory of a driver. */
static int pin_device(struct ioasid_pages *pages, struct ioasid_pin_call *call)
{
	int ret = ioasid_devmem_give(pages, call->device);

	if (ret)
		return ioasid_fail(call->fail, ret, ioasid_err_reason(ret, IOASID_R_PIN),
				   pages->vaddr, 0);
	pin_report(pages, pages->vaddr, pages->npages);
	call->held = pages->npages;
	return 0;
}

/* Any number of pages, from wherever they come. */
static noinline __flatten int pin_many(struct ioasid_pages *pages, struct ioasid_pin_call *call)
{
	/* Filled by the pinner: not worth zeroing. */
	struct batch_buf buf __uninitialized;
	struct pin_src src = { .buf = &buf, .now = call->now };
	int ret;

	buf.pages = buf.stack;
	buf.room = BATCH_STACK;
	if (call->device)
		return pin_device(pages, call);
	if (call->file) {
		ret = ioasid_file_take(pages, call->file, &src.file);
		if (ret)
			return ioasid_fail(call->fail, ret, IOASID_R_PIN, pages->vaddr, 0);
	} else if (pages->npages > SMALL) {
		ioasid_file_find(pages, &src.file);
		src.huge = ioasid_huge_possible(pages);
	}
	src.looks = call->helpers && ioasid_file_fills(&src.file);
	ret = pin_loop(pages, call, PIN_ANY, &src, NULL);
	if (unlikely(src.help))
		pin_stop_help(call, &src);
	if (unlikely(src.look.idle))
		kvfree(src.look.idle);
	if (src.file.file)
		ioasid_file_drop(&src.file);
	if (buf.pages != buf.stack)
		kvfree(buf.pages);
	return ret;
}

/* Few pages of a process, when nothing watches. */
static int pin_few(struct ioasid_pages *pages, struct ioasid_pin_call *call, bool plain)
{
	/* Filled by the pinner: not worth zeroing. */
	struct page *batch[SMALL] __uninitialized;

	return pin_loop(pages, call, plain ? PIN_PLAIN : PIN_ANY, NULL, batch);
}

/* The end of a pin: @err is why not all pages are pinned and charged. */
static int pin_end(struct ioasid_pages *pages, struct ioasid_pin_call *call, int err)
{
	if (unlikely(err)) {
		/* What the last step has pinned is in no book. */
		if (pages->share == IOASID_SHARE_JOINED)
			ioasid_share_leave(pages, &pages->ext, call->held);
		ioasid_pages_unpin(pages);
		return err;
	}
	pages->pinned = true;
	if (unlikely(call->res))
		ioasid_pages_measure(pages, call);
	return 0;
}

/**
 * ioasid_pages_pin() - pin and charge all pages
 * @pages: not pinned yet; its owner is current, or its mm is held by the caller
 * @call: see struct ioasid_pin_call
 * @plain: @call has no @file, @device, @now, @later and @paid, which the compiler is to know
 *
 * Return: 0, or -errno with nothing pinned or charged: -EFAULT, -ENOMEM,
 * -EINTR, -ECANCELED, -EINVAL (call->stop), a policy's, or for a file what
 * ioasid_file_take() says.
 */
__flatten int ioasid_pages_pin(struct ioasid_pages *pages, struct ioasid_pin_call *call, bool plain)
{
	int ret = likely(pages->npages <= SMALL && (plain || !call->file) && !pin_watched(call)) ?
		  pin_few(pages, call, plain) : pin_many(pages, call);

	return pin_end(pages, call, ret);
}

/* ioasid_lot_empty() - unpin the pages that no object has taken */
void ioasid_lot_empty(struct ioasid_pin_lot *lot)
{
	if (lot->at < lot->nr)
		unpin_user_pages(lot->page + lot->at, lot->nr - lot->at);
	lot->nr = 0;
	lot->at = 0;
}

/**
 * ioasid_lot_fill() - pin pages of objects that are neighbours in the memory of the task
 * @lot: empty
 * @vaddr: first address
 * @npages: at most IOASID_LOT_PAGES
 * @write: for writing
 *
 * Return: false, and the lot is empty, where each object is to be pinned by itself: an event or
 * a policy watches that, a fatal signal is pending, or the pinner did not get all.
 */
bool ioasid_lot_fill(struct ioasid_pin_lot *lot, unsigned long vaddr, unsigned long npages,
		     bool write)
{
	unsigned int flags = FOLL_LONGTERM | (write ? FOLL_WRITE : 0);
	long n;

	if (each_watched() || ioasid_interrupted())
		return false;
	lot->faults = pin_faults_now();
	n = pin_user_pages_fast(vaddr, npages, flags, lot->page);
	lot->faults = pin_faults_now() - lot->faults;
	lot->vaddr = vaddr;
	lot->write = write;
	lot->at = 0;
	lot->nr = max(n, 0L);
	if (likely(lot->nr == npages))
		return true;
	ioasid_lot_empty(lot);
	return false;
}

/**
 * ioasid_lot_take() - ioasid_pages_pin() of pages that a lot has
 * @lot: ioasid_lot_has(); it has them no more
 * @pages: not pinned yet, of the current task
 * @call: the same
 *
 * No policy is asked for the size of a batch, and no trace event reports one: for those that
 * come after ioasid_lot_fill() the pages were pinned before.
 */
__flatten int ioasid_lot_take(struct ioasid_pin_lot *lot, struct ioasid_pages *pages,
			      struct ioasid_pin_call *call)
{
	unsigned long n = pages->npages;
	struct page **batch = lot->page + lot->at;
	struct pin_got got __uninitialized;
	long ret;

	lot->at += n;
	lot->vaddr += n << PAGE_SHIFT;
	ret = batch_to_extents(pages, batch, n, &got);
	if (unlikely(ret < 0))
		ioasid_fail(call->fail, ret, IOASID_R_PIN, pages->vaddr, 0);
	else
		ret = pin_charge(pages, call, PIN_LATER, NULL, 0, n, &got);
	if (likely(!ret))
		call->held = n;
	if (unlikely(call->res)) {
		call->res->batches += !ret;
		call->res->faults += lot->faults;
		lot->faults = 0;
	}
	return pin_end(pages, call, ret);
}
