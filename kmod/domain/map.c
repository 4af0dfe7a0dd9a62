// SPDX-License-Identifier: GPL-2.0-only
/*
 * Program areas into the page tables of domains; unmap.c clears them.
 *
 * A driver that fails may have written entries that it does not report. So every
 * failure ends with ioasid_domain_undo(), which asks the IOMMU itself.
 *
 * What can run at the same time: maps and unmaps of other areas on the same page tables
 * (IOMMU drivers allow that, ranges are disjoint), never an attach, detach or
 * replay: the caller holds domains_rwsem, for read or write. The area itself
 * is BUILDING in the caller's hands, or LIVE under the write lock.
 */
#include <linux/iommu.h>
#include <linux/moduleparam.h>

#include <trace/events/iommu.h>
#include <trace/events/ioasid.h>

#include "lib/clock.h"
#include "lib/signal.h"
#include "domain.h"
#include "pt_ops.h"

static bool disable_hugepages;
module_param(disable_hugepages, bool, 0644);
MODULE_PARM_DESC(disable_hugepages, "Map every page by itself, without IOMMU superpages (default N)");

/* Extents between two looks at the scheduler and at fatal signals. */
#define EXTENTS_PER_BREAK	512

#ifdef COMPAT_HAVE_GENERIC_PT
static int map_range(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		     int prot, u64 *mapped)
{
	struct pt_iommu *pt = iommupt_from_domain(domain);
	size_t done = 0;
	int ret = pt->ops->map_range(pt, iova, phys, size, prot, GFP_KERNEL_ACCOUNT, &done);

	*mapped += done;
	return ret;
}
#else
static int map_range(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		     int prot, u64 *mapped)
{
	return -EOPNOTSUPP;
}
#endif

/* @count entries of one size. */
static int map_entries(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t pgsize,
		       size_t count, int prot, u64 *mapped)
{
	size_t size = pgsize * count, done;
	int ret;

	for (;; count = size / pgsize) {
		done = 0;
		ret = domain->ops->map_pages(domain, iova, phys, pgsize, count, prot,
					     GFP_KERNEL_ACCOUNT, &done);
		/* The driver may have written some even if it failed. */
		*mapped += done;
		/* A driver that writes nothing, and says that all is well, would be asked for ever. */
		if (ret || unlikely(!done))
			return ret ?: -EIO;
		size -= done;
		if (likely(!size))
			return 0;
		iova += done;
		phys += done;
	}
}

/* As many large pages as fit. */
static noinline int map_split(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
			      int prot, u64 *mapped)
{
	size_t pgsize, count;
	int ret;

	while (size) {
		pgsize = ioasid_pick_pgsize(domain, iova, phys, size, &count);
		if (!pgsize)
			return -EINVAL;
		ret = map_entries(domain, iova, phys, pgsize, count, prot, mapped);
		if (ret)
			return ret;
		iova += pgsize * count;
		phys += pgsize * count;
		size -= pgsize * count;
	}
	return 0;
}

static int map_pages(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		     int prot, u64 *mapped)
{
	size_t done = 0;
	int ret;

	if (size != PAGE_SIZE || !(domain->pgsize_bitmap & PAGE_SIZE))
		return map_split(domain, iova, phys, size, prot, mapped);
	/* Scattered memory is all single pages: no need to look for larger ones. */
	ret = domain->ops->map_pages(domain, iova, phys, PAGE_SIZE, 1, prot,
				     GFP_KERNEL_ACCOUNT, &done);
	*mapped += done;
	return ret;
}

/*
 * Write one extent; the device may not see it before pt_sync(). @mapped grows by the
 * bytes written, also on failure; then the caller undoes them.
 */
static int pt_map(struct iommu_domain *domain, u64 iova, phys_addr_t phys, size_t size,
		  int prot, u64 *mapped)
{
	int ret = ioasid_has_range_ops(domain) ?
		  map_range(domain, iova, phys, size, prot, mapped) :
		  map_pages(domain, iova, phys, size, prot, mapped);

	if (likely(!ret))
		trace_map(iova, phys, size);
	return ret;
}

/* Make written entries visible, where the IOMMU needs that. */
static int pt_sync(struct iommu_domain *domain, u64 iova, size_t size)
{
	return domain->ops->iotlb_sync_map ? domain->ops->iotlb_sync_map(domain, iova, size) : 0;
}

/* Write one piece; @done counts bytes of the area. */
static int program_piece(struct iommu_domain *domain, const struct ioasid_area *area,
			 unsigned long pfn, unsigned long npages, bool direct, u64 *done)
{
	u64 iova = ioasid_area_start(area) + *done;
	size_t size = npages << PAGE_SHIFT;
	int prot = area->prot | IOMMU_CACHE;
	int ret;

	if (likely(direct))
		return pt_map(domain, iova, PFN_PHYS(pfn), size, prot, done);
	ret = iommu_map(domain, iova, PFN_PHYS(pfn), size, prot, GFP_KERNEL_ACCOUNT);
	*done += ret ? 0 : size;
	return ret;
}

static noinline int program_by_page(struct iommu_domain *domain, const struct ioasid_area *area,
				    struct ioasid_extent extent, bool direct, u64 *done)
{
	unsigned long i;
	int ret = 0;

	for (i = 0; i < extent.npages && !ret; i++)
		ret = program_piece(domain, area, extent.pfn + i, 1, direct, done);
	return ret;
}

/* ioasid_map_by_page() - is it to have small entries only? */
bool ioasid_map_by_page(const struct ioasid_area *area)
{
	return READ_ONCE(disable_hugepages) || area->small;
}

/* Extents are passed by value: where most mappings have one, it stays in registers. */
static int program_extent(struct iommu_domain *domain, const struct ioasid_area *area,
			  struct ioasid_extent extent, bool direct, u64 *done)
{
	if (unlikely(READ_ONCE(disable_hugepages) || area->small))
		return program_by_page(domain, area, extent, direct, done);
	return program_piece(domain, area, extent.pfn, extent.npages, direct, done);
}

/* Make entries visible; @res is NULL when no event or policy reports the time. */
static int program_sync(struct iommu_domain *domain, u64 start, u64 done,
			struct ioasid_map_result *res)
{
	u64 t = ioasid_clock(res);
	int ret = pt_sync(domain, start, done);

	if (res)
		ioasid_lap(true, &t, &res->ns_sync);
	return ret;
}

static noinline void program_report(struct ioasid_area *area, u64 pages)
{
	struct ioasid_who who;

	ioasid_pages_owner(ioasid_area_pages(area), &who);
	trace_ioasid_progress(&who, ioasid_area_start(area), IOASID_STEP_PROGRAM,
			      pages, ioasid_area_npages(area));
}

/* Report the progress of a large mapping, if it passed a milestone since @told. */
static void program_progress(struct ioasid_area *area, u64 done, u64 *told)
{
	u64 pages = done >> PAGE_SHIFT;

	if (likely(!ioasid_milestone(pages, pages - *told)))
		return;
	*told = pages;
	program_report(area, pages);
}

/* Set @doubt: @extent starts the last @left pages, and bytes before @done were reported. */
static noinline void program_doubt(struct ioasid_doubt *doubt, const struct ioasid_area *area,
				   struct ioasid_extent extent, unsigned long left, u64 done)
{
	u64 reported = done - (ioasid_area_bytes(area) - PFN_PHYS(left));

	doubt->iova = ioasid_area_start(area) + done;
	doubt->phys = PFN_PHYS(extent.pfn) + reported;
	doubt->bytes = PFN_PHYS(extent.npages) - reported;
}

static noinline void program_run(const struct ioasid_area *area, struct ioasid_extent extent,
				 u64 iova)
{
	struct ioasid_who who;

	ioasid_pages_owner(ioasid_area_pages(area), &who);
	trace_ioasid_run(&who, iova, extent.npages,
			 __ffs(extent.pfn | iova >> PAGE_SHIFT | BIT(63)));
}

/* The part of an extent that @area shows, with which its last @left pages begin. */
static int program_next(struct iommu_domain *domain, struct ioasid_area *area,
			struct ioasid_extent extent, unsigned long left, bool direct,
			u64 *done, struct ioasid_doubt *doubt)
{
	int ret;

	if (trace_ioasid_run_enabled())
		program_run(area, extent, ioasid_area_start(area) + *done);
	ret = program_extent(domain, area, extent, direct, done);
	if (unlikely(ret))
		program_doubt(doubt, area, extent, left, *done);
	return ret;
}

/* Several extents; holes among them, which get no entry, if @sparse. */
static __always_inline int program_extents(struct iommu_domain *domain, struct ioasid_area *area,
					   bool direct, bool sparse, u64 *done,
					   struct ioasid_doubt *doubt)
{
	unsigned long skip = ioasid_area_first_page(area), left = ioasid_area_npages(area);
	struct ioasid_extents_iter it;
	struct ioasid_extent extent;
	unsigned int n = 0;
	u64 told = 0;
	int ret;

	ioasid_for_each_extent(&it, &ioasid_area_pages(area)->ext, &extent) {
		if (!ioasid_extent_clip(&extent, &skip, left))
			continue;
		ret = 0;
		if (sparse && extent.kind == IOASID_EXTENT_HOLE)
			*done += PFN_PHYS(extent.npages);
		else
			ret = program_next(domain, area, extent, left, direct, done, doubt);
		if (unlikely(ret))
			return ret;
		left -= extent.npages;
		if (!left)
			break;
		if (++n % EXTENTS_PER_BREAK == 0) {
			cond_resched();
			ret = ioasid_interrupted();
			if (ret)
				return ret;
			program_progress(area, *done, &told);
		}
	}
	program_progress(area, *done, &told);
	return 0;
}

static noinline __flatten int program_many(struct iommu_domain *domain, struct ioasid_area *area,
					   bool direct, u64 *done, struct ioasid_doubt *doubt)
{
	return program_extents(domain, area, direct, false, done, doubt);
}

static noinline __flatten int program_sparse(struct iommu_domain *domain, struct ioasid_area *area,
					     bool direct, u64 *done, struct ioasid_doubt *doubt)
{
	return program_extents(domain, area, direct, true, done, doubt);
}

static int program_one(struct iommu_domain *domain, struct ioasid_area *area,
		       struct ioasid_extent extent, bool direct, u64 *done,
		       struct ioasid_doubt *doubt)
{
	u64 told = 0;
	int ret;

	extent.pfn += ioasid_area_first_page(area);
	extent.npages = ioasid_area_npages(area);
	ret = program_next(domain, area, extent, extent.npages, direct, done, doubt);
	if (!ret)
		program_progress(area, *done, &told);
	return ret;
}

/**
 * ioasid_domain_program() - write an area into one domain
 * @d: domain
 * @area: its pages are pinned
 * @sync: else ioasid_domain_sync_map() is called later
 * @res: gets the time for a flush, or NULL
 *
 * Return: 0, or -errno with nothing of @area left in @d (else @area->stuck).
 */
int ioasid_domain_program(struct ioasid_domain *d, struct ioasid_area *area, bool sync,
			  struct ioasid_map_result *res)
{
	const struct ioasid_pages *pages = ioasid_area_pages(area);
	bool direct = ioasid_pt_can_write(d->domain);
	struct ioasid_doubt doubt = {};
	/* Read where it is the only one, and filled in then. */
	struct ioasid_extent extent __uninitialized;
	u64 done = 0;
	int ret;

	if (unlikely(pages->bare))
		return ioasid_revocable_program(d, area);
	if (unlikely(pages->sparse))
		ret = program_sparse(d->domain, area, direct, &done, &doubt);
	else if (likely(ioasid_extents_only(&pages->ext, &extent)))
		ret = program_one(d->domain, area, extent, direct, &done, &doubt);
	else
		ret = program_many(d->domain, area, direct, &done, &doubt);
	if (!ret && direct && sync)
		ret = program_sync(d->domain, ioasid_area_start(area), done, res);
	if (unlikely(ret))
		ioasid_domain_undo(d, area, done, &doubt);
	return ret;
}

/* Clear @area alone from @from and all domains before it in the list. */
static noinline void unprogram_back(struct ioasid_space *space, struct ioasid_area *area,
			   struct ioasid_domain *from)
{
	IOASID_AREAS(one);

	ioasid_areas_add(&one, area);
	list_for_each_entry_from_reverse(from, &space->domains, link)
		ioasid_domain_clear(from, &one, 0, NULL, false);
}

/**
 * ioasid_space_program() - write an area into every domain
 * @space: domains_rwsem is held
 * @area: its pages are pinned, if there is any domain
 * @sync: else ioasid_space_sync_map() is called later
 * @res: gets the time for flushes, or NULL
 *
 * Return: 0, or -errno with nothing of @area left anywhere (else @area->stuck).
 */
__flatten int ioasid_space_program(struct ioasid_space *space, struct ioasid_area *area,
				   bool sync, struct ioasid_map_result *res)
{
	struct ioasid_domain *d;
	int ret;

	lockdep_assert_held(&space->domains_rwsem);
	list_for_each_entry(d, &space->domains, link) {
		ret = ioasid_domain_program(d, area, sync, res);
		if (ret) {
			unprogram_back(space, area, list_prev_entry(d, link));
			return ret;
		}
	}
	return 0;
}

/* Can one call of the driver write the entries of several areas, to be cleared one by one? */
static bool domain_takes_runs(const struct ioasid_domain *d)
{
	return ioasid_pt_can_write(d->domain) && !ioasid_has_range_ops(d->domain) && !d->whole &&
	       d->domain->pgsize_bitmap & PAGE_SIZE;
}

/*
 * With one call; *@done becomes how many areas are written. The driver may have written entries of
 * later ones without saying so.
 */
static int program_run_at_once(struct ioasid_domain *d, struct ioasid_area **areas,
			       unsigned int nr, unsigned int *done)
{
	u64 iova = ioasid_area_start(areas[0]), bytes = 0;
	struct ioasid_extent extent;
	unsigned int i;
	int ret;

	ioasid_extent_unpack(areas[0]->own.ext.inl[0], &extent);
	ret = map_entries(d->domain, iova, PFN_PHYS(extent.pfn), PAGE_SIZE, nr,
			  areas[0]->prot | IOMMU_CACHE, &bytes);
	*done = nr;
	if (likely(bytes))
		trace_map(iova, PFN_PHYS(extent.pfn), bytes);
	if (likely(!ret))
		return 0;
	/* One of them has failed, whatever the driver says it has written. */
	*done = min_t(u64, PHYS_PFN(bytes), nr - 1);
	for (i = *done; i < nr; i++)
		ioasid_domain_undo(d, areas[i], 0, &(struct ioasid_doubt){
			.iova = ioasid_area_start(areas[i]),
			.phys = PFN_PHYS(extent.pfn + i),
			.bytes = PAGE_SIZE,
		});
	return ret;
}

static int program_run_each(struct ioasid_domain *d, struct ioasid_area **areas, unsigned int nr,
			    unsigned int *done)
{
	int ret = 0;

	for (*done = 0; *done < nr; ++*done) {
		ret = ioasid_domain_program(d, areas[*done], false, NULL);
		if (ret)
			break;
	}
	return ret;
}

static noinline void program_run_trace(struct ioasid_area **areas, unsigned int nr)
{
	struct ioasid_extent extent;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		ioasid_extent_unpack(areas[i]->own.ext.inl[0], &extent);
		program_run(areas[i], extent, ioasid_area_start(areas[i]));
	}
}

/**
 * ioasid_space_program_run() - ioasid_space_program() of areas of a single page each, without sync
 * @space: domains_rwsem is held
 * @areas: each continues the one before (ioasid_area_continues())
 * @nr: how many
 * @done: on return how many are written
 *
 * With one call of the driver for all of them, where their entries can be cleared one by one:
 * single pages, and too few of them for a larger entry.
 *
 * Return: 0; or the errno of the area after the first *@done: nothing is left of that one and
 * those after it (else area->stuck).
 */
int ioasid_space_program_run(struct ioasid_space *space, struct ioasid_area **areas,
			     unsigned int nr, unsigned int *done)
{
	struct ioasid_domain *d;
	unsigned int n, i;
	int ret = 0, err;

	lockdep_assert_held(&space->domains_rwsem);
	*done = nr;
	list_for_each_entry(d, &space->domains, link) {
		if (likely(domain_takes_runs(d))) {
			if (trace_ioasid_run_enabled())
				program_run_trace(areas, *done);
			err = program_run_at_once(d, areas, *done, &n);
		} else {
			err = program_run_each(d, areas, *done, &n);
		}
		if (likely(!err))
			continue;
		/* Later domains get those before it. */
		for (i = n; i < *done; i++)
			unprogram_back(space, areas[i], list_prev_entry(d, link));
		*done = n;
		ret = err;
		if (!n)
			break;
	}
	return ret;
}

/**
 * ioasid_space_unprogram() - undo ioasid_space_program()
 * @space: domains_rwsem is held
 * @area: BUILDING
 */
void ioasid_space_unprogram(struct ioasid_space *space, struct ioasid_area *area)
{
	lockdep_assert_held(&space->domains_rwsem);
	if (ioasid_area_pages(area)->pinned)
		unprogram_back(space, area, list_last_entry(&space->domains, struct ioasid_domain,
							    link));
}

/**
 * ioasid_domain_sync_map() - make entries visible that ioasid_domain_program() wrote without sync
 * @d: domain; domains_rwsem is held since then
 * @start: first address
 * @last: last address; other mappings may lie between
 *
 * Return: 0 or the errno of the IOMMU driver.
 */
int ioasid_domain_sync_map(struct ioasid_domain *d, u64 start, u64 last)
{
	lockdep_assert_held(&d->in->domains_rwsem);
	return pt_sync(d->domain, start, last - start + 1);
}

/**
 * ioasid_space_sync_map() - make entries that were written without sync visible
 * @space: domains_rwsem is held since then
 * @start: first address
 * @last: last address; other mappings may lie between
 *
 * Return: 0 or the errno of the IOMMU driver.
 */
int ioasid_space_sync_map(struct ioasid_space *space, u64 start, u64 last)
{
	struct ioasid_domain *d;
	int ret = 0;

	lockdep_assert_held(&space->domains_rwsem);
	list_for_each_entry(d, &space->domains, link)
		if (!ret)
			ret = ioasid_domain_sync_map(d, start, last);
	return ret;
}
