/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways to pinned pages, for the files of this folder.
 */
#ifndef _IOASID_PIN_INTERNAL_H
#define _IOASID_PIN_INTERNAL_H

#include <linux/interval_tree.h>

#include "pin.h"

struct ioasid_device_range;

/**
 * struct ioasid_file_src - memory that can be pinned by folio
 * @file: file, referenced; NULL if it is none that can
 * @pos: offset of the first page
 * @write: @file is kept free of write seals
 * @probed: the folios turned out to be large
 * @only: there is no other way: the memory is that of the file
 */
struct ioasid_file_src {
	struct file *file;
	loff_t pos;
	bool write;
	bool probed;
	bool only;
};

/* file.c */
void ioasid_file_find(struct ioasid_pages *pages, struct ioasid_file_src *src);
int ioasid_file_take(struct ioasid_pages *pages, struct file *file, struct ioasid_file_src *src);
void ioasid_file_drop(struct ioasid_file_src *src);
long ioasid_file_pin(struct ioasid_pages *pages, struct ioasid_file_src *src,
		     unsigned long done, unsigned long want, struct folio **folios,
		     unsigned long room);
bool ioasid_file_present(const struct ioasid_file_src *src, unsigned long index);
bool ioasid_file_fills(const struct ioasid_file_src *src);
long ioasid_file_fill(struct file *file, loff_t pos, unsigned long npages, const bool *stop);
void ioasid_file_unpin(unsigned long pfn, unsigned long npages, bool dirty);

/* huge.c */
bool ioasid_huge_possible(const struct ioasid_pages *pages);
bool ioasid_huge_at(unsigned long addr);
long ioasid_huge_pin(struct ioasid_pages *pages, unsigned long done, unsigned long want);
unsigned long ioasid_huge_ahead(const struct ioasid_pages *pages, unsigned long done,
				unsigned long want);

/* fault.c */
bool ioasid_fault_present(unsigned long vaddr, bool write);
unsigned long ioasid_fault_in(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want);
unsigned long ioasid_fault_unit(unsigned long vaddr, bool write);
long ioasid_fault_ahead(unsigned long vaddr, unsigned long npages, bool write, const bool *stop);

/**
 * struct ioasid_help_look - whether to have help with a large map
 * @idle: microseconds that each processor had been idle when the measuring began
 * @since: and when that was
 * @node: of the caller, when it looked first
 * @tries: how often it was looked
 * @ticks: idle time is counted in ticks
 * @ended: it is decided
 */
struct ioasid_help_look {
	u64 *idle;
	ktime_t since;
	int node;
	unsigned int tries;
	bool ticks;
	bool ended;
};

/* help.c, pieces.c */
struct ioasid_help;
struct ioasid_help *ioasid_help_look(struct ioasid_pages *pages,
				     const struct ioasid_file_src *file,
				     struct ioasid_help_look *look, unsigned long done,
				     unsigned int most, bool asked);
long ioasid_help_ready(struct ioasid_help *h, unsigned long done, struct page ***page,
		       unsigned long *own);
void ioasid_help_stop(struct ioasid_help *h, struct ioasid_map_result *res);

/* workers.c */

/**
 * struct ioasid_frames - consecutive frames of device memory
 * @by_frame: in the tree of all frames that IOMMUs have, if @entered
 * @link: in the list of its piece, in the order of addresses
 * @entered: an IOMMU has them, or is to get them
 */
struct ioasid_frames {
	struct interval_tree_node by_frame;
	struct list_head link;
	bool entered;
};

/* frames.c: lists of frames; the caller has the lock of their device memory */
struct ioasid_frames *ioasid_frames_alloc(unsigned long pfn, unsigned long npages);
void ioasid_frames_add(struct list_head *frames, struct ioasid_frames *f, bool enter);
bool ioasid_frames_grow(struct list_head *frames, unsigned long pfn, unsigned long npages);
void ioasid_frames_show(struct list_head *frames);
void ioasid_frames_hide(struct list_head *frames);
void ioasid_frames_free(struct list_head *frames, bool kept);

/* revoke.c */
struct ioasid_devmem *ioasid_devmem_create(struct ioasid_pages *pages);
void ioasid_piece_revoke(struct ioasid_devmem_piece *p, u32 change, bool gone);
struct ioasid_devmem_piece *ioasid_devmem_watch(struct ioasid_pages *pages, unsigned long index);
unsigned long ioasid_devmem_room(const struct ioasid_devmem_piece *p);
int ioasid_devmem_add(struct ioasid_devmem_piece *p, unsigned long pfn, unsigned long npages);
void ioasid_devmem_trim(struct ioasid_pages *pages);
void ioasid_devmem_move(struct ioasid_pages *to, struct ioasid_pages *from);
void ioasid_devmem_drop(struct ioasid_pages *pages, bool kept);

/* device.c */
int ioasid_devmem_give(struct ioasid_pages *pages, const struct ioasid_device_range *range);
bool ioasid_device_memory_is_off(const struct ioasid_device_memory *m);
void ioasid_device_memory_retry(struct ioasid_devmem_piece *p);
void ioasid_device_memory_leave(struct ioasid_devmem_piece *p);

/* ioasid_piece_waits() - may the work item of restore.c bring it back? The lock is held */
static inline bool ioasid_piece_waits(const struct ioasid_devmem_piece *p)
{
	lockdep_assert_held(&p->devmem->lock);
	return p->revoked && !p->gone && !(p->memory && ioasid_device_memory_is_off(p->memory));
}

/* restore.c */
bool ioasid_piece_write(struct ioasid_devmem_piece *p);
void ioasid_restore_init(struct ioasid_devmem *dm);
void ioasid_restore_soon(struct ioasid_devmem *dm);
void ioasid_restore_end(struct ioasid_devmem *dm);

/* pfnmap.c */
bool ioasid_pfnmap_is_there(struct mm_struct *mm, unsigned long addr, unsigned long *npages);
bool ioasid_pfnmap_is(struct mm_struct *mm, unsigned long addr, bool write,
		      const struct list_head *frames);
long ioasid_pin_pfnmap(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want);

/* holes.c */
long ioasid_pin_or_hole(struct ioasid_pages *pages, unsigned long vaddr, unsigned long want);

/**
 * struct ioasid_pin_watch - what is reported of the batches of a pin; usually not initialised
 * @each: of every batch, to a policy or a trace event; else only of all in the end
 * @begun: one has begun
 * @clocked: with times
 * @t: when the batch began
 * @pinned: when its pages were pinned
 * @runs: extents before it
 * @faults: page faults of this task: before it, and then those that it took
 * @b: for policies
 */
struct ioasid_pin_watch {
	bool each;
	bool begun;
	bool clocked;
	u64 t;
	u64 pinned;
	unsigned long runs;
	unsigned long faults;
	struct ioasid_batch_args b;
};

/* measure.c */
unsigned long ioasid_batch_begin(struct ioasid_pin_watch *w, struct ioasid_pages *pages,
				 struct ioasid_pin_call *call, unsigned long done,
				 unsigned long want);
void ioasid_batch_end(struct ioasid_pin_watch *w, struct ioasid_pages *pages,
		      struct ioasid_map_result *res, unsigned long n);
void ioasid_pages_measure(const struct ioasid_pages *pages, const struct ioasid_pin_call *call);

/* charge.c */
bool ioasid_charge_fits(struct ioasid_pages *pages, unsigned long npages);
int ioasid_charge_owner(struct ioasid_pages *pages, unsigned long npages, bool accounts,
			u64 *limit);
void ioasid_uncharge_owner(struct ioasid_pages *pages, unsigned long npages);

/* debt.c */
void ioasid_debt_add(struct mm_struct *mm, unsigned long npages);
void ioasid_owner_give_back(struct mm_struct *mm, unsigned long npages);
void ioasid_owner_settle(struct mm_struct *mm);

#endif /* _IOASID_PIN_INTERNAL_H */
