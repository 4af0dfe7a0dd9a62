// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages does a process lose by a change of its page tables that ends at this moment?
 *
 * Called at the end of the change, in the task that makes it, so that the stack is that
 * of the change. By then the entries are gone from the page tables:
 *
 * - Unmapped (munmap(), mremap(), an mmap() in its place, the OOM reaper), and the end of
 *   the process: all of it is lost.
 * - Cleared: the page table is compared with the frames that are pinned. The entry may
 *   still be there (MADV_FREE, a huge page that is split), be there again, or lead to
 *   another page. If it is absent:
 *     - an anonymous page is lost. A pinned one is exclusive to the process, so reclaim,
 *       migration, KSM and fork() leave its entry in place; what a kernel thread finds absent
 *       is an entry that khugepaged takes out for a moment;
 *     - a page of a file is lost if the file has lost it, or is about to: a truncation and
 *       a hole punch unmap it first, and remove it from the file then, with the
 *       inode locked for writing by this task. Else the file still has it, and the process
 *       gets the same page with its next access: MADV_DONTNEED of shared memory,
 *       reclaim, migration.
 *
 * What this does not find: a file system that drops pages with no lock of the inode, on
 * its own account (a network file system that revalidates). ioasidctl stale does.
 * Too many: where hugetlbfs shares page tables of 1 GiB between processes, a hole reports
 * all of the 1 GiB.
 *
 * What can run at the same time: anything, also other changes of the same range.
 *
 * - The page tables. The task that makes the change has walked them in this very range, so it
 *   holds what keeps them from being freed: mmap_lock, the lock of the VMA, i_mmap_rwsem, or
 *   the lock of the anon_vma. A level below may be freed nevertheless, where khugepaged or
 *   MADV_DONTNEED (PT_RECLAIM) find it empty; that waits for RCU, and interrupts are off
 *   here. Nothing is locked, and nothing can fault or sleep, whether the notifier may or
 *   not. An entry that changes again is what another change reports.
 * - The mapping. ioasid_watch_lock is held while its frames are read and its entry is
 *   used (watched.c); a batch of reports is collected under it, and programs run after it was
 *   released. At most LOOK_PAGES pages are looked at under one hold, and fewer where many
 *   mappings show them: about STEPS, or one page in each of them. A look that goes
 *   back starts from the first extent again, a nanosecond for each; where many do so one hold
 *   is for some of them, and the next one finds these at that page.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/spinlock.h>

#include <trace/events/ioasid.h>

#include "../compat/mm.h"
#include "lib/who.h"
#include "watch.h"

/* Pages that are looked at under one hold of the lock; nothing is looked up for TAKE_PAGES. */
#define LOOK_PAGES	512UL
#define TAKE_PAGES	32768UL
/* Pages and mappings under one hold, about: other tasks spin meanwhile. */
#define STEPS		131072UL
#define BATCH_RUNS	12
#define NO_PFN		ULONG_MAX

/* Since the module was loaded. */
static atomic64_t nr_reports;
static atomic64_t nr_pages;

/**
 * struct gone_run - pages that are reported with one event
 * @space: id of the address space
 * @iova: of the first
 * @addr: of the first
 * @npages: how many
 */
struct gone_run {
	u32 space;
	u64 iova;
	unsigned long addr;
	unsigned long npages;
};

/**
 * struct gone_batch - what one hold of the lock has found
 * @change: enum ioasid_change
 * @look: look at the page tables; else all is lost
 * @window: at so much memory at a time
 * @steps: pages and mappings that were looked at
 * @walked: extents that were walked for that
 * @nr: length of @run
 * @run: for the events
 */
struct gone_batch {
	u32 change;
	bool look;
	unsigned long window;
	unsigned long steps;
	unsigned long walked;
	unsigned int nr;
	struct gone_run run[BATCH_RUNS];
};

/* What the entry of @addr leads to; interrupts are off. */
static unsigned long pfn_walk(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgdp = pgd_offset(mm, addr), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t pmd;
	pte_t pte;

	if (pgd_none(pgd))
		return NO_PFN;
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (!p4d_present(p4d))
		return NO_PFN;
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud))
		return NO_PFN;
	if (pud_leaf(pud))
		return pud_pfn(pud) + ((addr & ~PUD_MASK) >> PAGE_SHIFT);
	pmd = pmdp_get_lockless(pmd_offset_lockless(pudp, pud, addr));
	if (!pmd_present(pmd))
		return NO_PFN;
	if (pmd_leaf(pmd))
		return pmd_pfn(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
	pte = ptep_get_lockless(pte_offset_kernel(&pmd, addr));
	return pte_present(pte) ? pte_pfn(pte) : NO_PFN;
}

static unsigned long pfn_at(struct mm_struct *mm, unsigned long addr)
{
	unsigned long flags, pfn;

	local_irq_save(flags);
	pfn = pfn_walk(mm, addr);
	local_irq_restore(flags);
	return pfn;
}

/* The frame of page @index of the mapping; NO_PFN for device memory, see revoke.c, and for a hole. */
static unsigned long seen_pfn(struct gone_batch *b, struct ioasid_watch_seen *s,
			      unsigned long index)
{
	unsigned long page = s->first + index;

	lockdep_assert_held(&ioasid_watch_lock);
	if (!s->extent.npages || page < s->base) {
		ioasid_extents_start(&s->it, &s->pages->ext);
		s->base = 0;
		s->extent.npages = 0;
	}
	while (page - s->base >= s->extent.npages) {
		b->walked++;
		s->base += s->extent.npages;
		if (!ioasid_extents_next(&s->it, &s->extent)) {
			s->extent.npages = 0;
			return NO_PFN;
		}
	}
	return ioasid_extent_has_pages(&s->extent) ? s->extent.pfn + (page - s->base) : NO_PFN;
}

/* Pages from @index on that are as little there as that one, of which seen_pfn() was asked last. */
static unsigned long seen_skip(const struct ioasid_watch_seen *s, unsigned long index)
{
	lockdep_assert_held(&ioasid_watch_lock);
	if (!s->extent.npages || s->extent.kind != IOASID_EXTENT_HOLE)
		return 1;
	return s->extent.npages - (s->first + index - s->base);
}

/* Nothing maps it at that address; is it lost, for all that its process can do? */
static bool page_is_lost(struct page *page)
{
	struct folio *folio = page_folio(page);
	struct address_space *mapping;
	bool lost;

	if (folio_test_anon(folio))
		return !(current->flags & PF_KTHREAD);
	/* The pin keeps the page, and RCU the inode. */
	rcu_read_lock();
	mapping = READ_ONCE(folio->mapping);
	lost = !mapping || (mapping->host && compat_rwsem_is_mine(&mapping->host->i_rwsem));
	rcu_read_unlock();
	return lost;
}

static bool page_is_gone(struct gone_batch *b, struct ioasid_watch_seen *s, unsigned long index)
{
	unsigned long pfn = seen_pfn(b, s, index), now;

	if (pfn == NO_PFN)
		return false;
	if (!b->look)
		return true;
	now = pfn_at(s->watch->mn.mm, s->addr.start + (index << PAGE_SHIFT));
	if (now == NO_PFN)
		return page_is_lost(pfn_to_page(pfn));
	return now != pfn;
}

/* Add pages to the batch; false when it is full. */
static bool batch_add(struct gone_batch *b, struct ioasid_watch_seen *s, unsigned long index,
		      unsigned long npages)
{
	struct gone_run new = {
		.space = s->space,
		.iova = s->iova + (index << PAGE_SHIFT),
		.addr = s->addr.start + (index << PAGE_SHIFT),
		.npages = npages,
	}, *r;

	for (r = b->run; r < b->run + b->nr; r++)
		if (r->space == new.space && r->iova + (r->npages << PAGE_SHIFT) == new.iova &&
		    r->addr + (r->npages << PAGE_SHIFT) == new.addr)
			break;
	if (r == b->run + BATCH_RUNS)
		return false;
	if (r < b->run + b->nr)
		r->npages += npages;
	else
		b->run[b->nr++] = new;
	bitmap_set(s->gone, index, npages);
	return true;
}

/* Pages [@from, @to) of a mapping; false when the batch is full. */
static bool seen_collect(struct gone_batch *b, struct ioasid_watch_seen *s, unsigned long from,
			 unsigned long to)
{
	bool each = b->look || s->pages->bare || s->pages->sparse;
	unsigned long n;

	for (; (from = find_next_zero_bit(s->gone, to, from)) < to; from += n) {
		b->steps++;
		n = each ? 1 : find_next_bit(s->gone, to, from) - from;
		if (each && !page_is_gone(b, s, from)) {
			n = seen_skip(s, from);
			continue;
		}
		if (!batch_add(b, s, from, n))
			return false;
	}
	return true;
}

/*
 * The hold of the lock that has collected is over: how much memory is the next one for? After
 * long walks for one page, so that the next one finds the mappings there, and goes on.
 */
static void window_fit(struct gone_batch *b, unsigned long most)
{
	if (b->walked > STEPS)
		b->window = PAGE_SIZE;
	else if (b->steps > STEPS)
		b->window = max(b->window / 2, PAGE_SIZE);
	else if (b->steps < STEPS / 4)
		b->window = min(2 * b->window, most);
	b->steps = 0;
	b->walked = 0;
}

/* All mappings of [@start, @last]; false when the batch is full, or that takes too long. */
static bool gone_collect(struct gone_batch *b, struct ioasid_watch *w, unsigned long start,
			 unsigned long last)
{
	struct ioasid_watch_seen *s;
	struct interval_tree_node *n;

	lockdep_assert_held(&ioasid_watch_lock);
	for (n = interval_tree_iter_first(&w->seen, start, last); n;
	     n = interval_tree_iter_next(n, start, last)) {
		s = container_of(n, struct ioasid_watch_seen, addr);
		if (b->walked > STEPS || (b->steps++ > STEPS && b->window > PAGE_SIZE))
			return false;
		if (!seen_collect(b, s, (max(start, n->start) - n->start) >> PAGE_SHIFT,
				  ((min(last, n->last) - n->start) >> PAGE_SHIFT) + 1))
			return false;
	}
	return true;
}

static void run_report(const struct gone_run *r, u32 change)
{
	struct ioasid_stale_args args = {
		.iova = r->iova,
		.length = (u64)r->npages << PAGE_SHIFT,
		.vaddr = r->addr,
		.change = change,
	};

	atomic64_inc(&nr_reports);
	atomic64_add(r->npages, &nr_pages);
	ioasid_who_current(&args.who, r->space);
	ioasid_policy_stale(&args);
	trace_ioasid_stale(&args);
}

/* Report all but what ends at @keep, and may go on there. */
static void batch_report(struct gone_batch *b, unsigned long keep)
{
	unsigned int i, kept = 0;

	for (i = 0; i < b->nr; i++) {
		if (keep && b->run[i].addr + (b->run[i].npages << PAGE_SHIFT) == keep)
			b->run[kept++] = b->run[i];
		else
			run_report(&b->run[i], b->change);
	}
	b->nr = kept;
}

/**
 * ioasid_gone_report() - report what a process loses
 * @w: of the process
 * @range: of the change; NULL: the process ends
 * @change: enum ioasid_change
 *
 * Context: that of a notifier, see above. Programs of policies and tracers run.
 */
void ioasid_gone_report(struct ioasid_watch *w, const struct mmu_notifier_range *range, u32 change)
{
	unsigned long from = range ? range->start : 0, end = range ? range->end - 1 : ULONG_MAX;
	struct gone_batch b = { .change = change, .look = change == IOASID_CHANGE_CLEAR };
	unsigned long most = (b.look ? LOOK_PAGES : TAKE_PAGES) << PAGE_SHIFT, last = 0;
	struct interval_tree_node *n;
	bool all = true;

	b.window = most;
	do {
		spin_lock(&ioasid_watch_lock);
		n = interval_tree_iter_first(&w->seen, from, end);
		if (n) {
			from = max(from, n->start);
			last = min(end, from + b.window - 1);
			all = gone_collect(&b, w, from, last);
		}
		spin_unlock(&ioasid_watch_lock);
		if (!n)
			break;
		batch_report(&b, all ? last + 1 : 0);
		window_fit(&b, most);
		if (all)
			from = last + 1;
		if (!range || mmu_notifier_range_blockable(range))
			cond_resched();
	} while (!all || last != end);
	batch_report(&b, 0);
}

/* ioasid_gone_count() - how much was reported */
void ioasid_gone_count(struct ioasid_watch_counts *c)
{
	c->reports = atomic64_read(&nr_reports);
	c->pages = atomic64_read(&nr_pages);
}
