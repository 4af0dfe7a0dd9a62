// SPDX-License-Identifier: GPL-2.0-only
/*
 * Show an address space and its mappings, in debugfs, fdinfo and to BPF programs.
 *
 * What can run at the same time: anything. The caller has a reference on the memory of
 * the address space and on nothing else: the space may be torn down at any moment, and
 * is then empty. Where the reader may not sleep, numbers are read without a lock.
 */
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/string_helpers.h>

#include "space.h"

/* Areas that are added up under one hold of areas_lock; so many extents take as long as one. */
#define AREAS_PER_HOLD		256
#define EXTENTS_PER_AREA	64

/* ioasid_space_describe() - for tracepoints and policies; the owner is who */
void ioasid_space_describe(struct ioasid_space *space, struct ioasid_space_args *args)
{
	*args = (struct ioasid_space_args) {
		.flags = space->flags & IOASID_SPACE_CONTAINER ? IOASID_SPACE_ARGS_CONTAINER : 0,
		.maps = READ_ONCE(space->maps),
		.bytes = READ_ONCE(space->bytes),
	};
	ioasid_owner_now(&space->entry, &args->who, NULL);
}

/* ioasid_space_show() - for BPF programs; does not sleep */
void ioasid_space_show(struct ioasid_space *space, struct ioasid_space_info *info)
{
	memset(info, 0, sizeof(*info));
	info->flags = space->flags & IOASID_SPACE_CONTAINER ? IOASID_SPACE_ARGS_CONTAINER : 0;
	if (!ioasid_owner_now(&space->entry, &info->owner, info->comm))
		info->flags |= IOASID_SPACE_ARGS_EXITED;
	info->groups = READ_ONCE(space->nr_groups);
	info->domains = READ_ONCE(space->nr_domains);
	info->sealed = READ_ONCE(space->sealed);
	info->maps = READ_ONCE(space->maps);
	info->bytes = READ_ONCE(space->bytes);
	info->avail = READ_ONCE(space->avail);
	info->pgsizes = READ_ONCE(space->pgsizes);
	strscpy(info->policy, ioasid_policy_choice_name(READ_ONCE(space->entry.choice)),
		sizeof(info->policy));
	info->revokes = atomic64_read(&space->revokes);
}

static u64 area_user_pins(struct ioasid_area *area)
{
	unsigned long index;
	unsigned int n = 0;
	void *x;

	if (!ioasid_area_has_pins(area))
		return 0;
	xa_for_each(&area->extra->pins, index, x)
		ioasid_area_break(&n);
	return n;
}

/* Is some of its device memory revoked? It is LIVE, so its pages stay. */
static bool area_revoked(struct ioasid_area *area)
{
	return ioasid_area_pages(area)->bare && ioasid_devmem_revoked(ioasid_area_pages(area));
}

/**
 * ioasid_space_show_mapping() - the first mapping that touches [first, last]
 * @space: may be torn down already: then there is none
 * @first: lowest address
 * @last: highest address
 * @info: filled in when there is one
 */
bool ioasid_space_show_mapping(struct ioasid_space *space, u64 first, u64 last,
			       struct ioasid_mapping_info *info)
{
	const struct ioasid_pages *pages;
	struct ioasid_area *area;
	bool live;

	mutex_lock(&space->areas_lock);
	area = ioasid_area_first(space, first, last);
	if (area) {
		pages = ioasid_area_pages(area);
		live = area->state == IOASID_AREA_LIVE;
		memset(info, 0, sizeof(*info));
		info->iova = ioasid_area_start(area);
		info->length = ioasid_area_bytes(area);
		info->vaddr = pages->vaddr + (ioasid_area_first_page(area) << PAGE_SHIFT);
		info->pages = live && pages->pinned ? ioasid_area_present(area) : 0;
		info->charged = READ_ONCE(pages->charged);
		info->runs = live ? ioasid_pages_runs(pages) : READ_ONCE(pages->ext.nr);
		info->user_pins = area_user_pins(area);
		info->flags = (ioasid_area_prot(area) & IOMMU_READ ? IOASID_MAP_READ : 0) |
			      (ioasid_area_prot(area) & IOMMU_WRITE ? IOASID_MAP_WRITE : 0) |
			      (pages->sparse ? IOASID_MAP_SPARSE : 0) |
			      (live ? 0 : IOASID_MAPPING_BUSY) |
			      (live && area_revoked(area) ? IOASID_MAPPING_REVOKED : 0) |
			      (ioasid_pages_owner(pages, &info->owner) ?
			       0 : IOASID_MAPPING_ORPHANED);
	}
	mutex_unlock(&space->areas_lock);
	return area;
}

/* Some areas from *@at up; false at the end. areas_lock is held. */
static bool sum_pages(struct ioasid_space *space, u64 *at, struct ioasid_space_pages *sum)
{
	struct ioasid_area *area = ioasid_area_first(space, *at, U64_MAX);
	unsigned int n;

	lockdep_assert_held(&space->areas_lock);
	for (n = 0; area && n < AREAS_PER_HOLD; n++) {
		*at = ioasid_area_last(area) + 1;
		if (area->state == IOASID_AREA_LIVE) {
			const struct ioasid_pages *pages = ioasid_area_pages(area);

			sum->charged += READ_ONCE(pages->charged);
			if (pages->pinned) {
				u64 present = ioasid_area_present(area);

				sum->pinned += present;
				sum->holes += (ioasid_area_bytes(area) >> PAGE_SHIFT) - present;
			}
			if (unlikely(pages->sparse))
				n += pages->ext.nr / EXTENTS_PER_AREA;
		}
		area = *at ? ioasid_area_next(space, area, *at, U64_MAX) : NULL;
	}
	return area;
}

/*
 * ioasid_space_pages() - add up the pages of a space
 *
 * May sleep. Maps and unmaps go on meanwhile: areas_lock is taken for some areas at a
 * time. Mappings with holes are walked, and many of them take long: a fatal signal ends it,
 * and then *@sum means nothing.
 */
void ioasid_space_pages(struct ioasid_space *space, struct ioasid_space_pages *sum)
{
	bool more;
	u64 at = 0;

	*sum = (struct ioasid_space_pages){};
	do {
		mutex_lock(&space->areas_lock);
		more = sum_pages(space, &at, sum);
		mutex_unlock(&space->areas_lock);
		cond_resched();
	} while (more && !fatal_signal_pending(current));
}

/*
 * ioasid_show_comm() - the name of a process, TASK_COMM_LEN bytes
 *
 * A user chose it: whatever ends a word or a line, or a terminal obeys, becomes an octal
 * number, so the file can be parsed and shown.
 */
void ioasid_show_comm(struct seq_file *m, const char *comm)
{
	seq_escape_str(m, comm, ESCAPE_OCTAL | ESCAPE_NAP | ESCAPE_APPEND, " \\");
}
