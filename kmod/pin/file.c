// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning shmem through its file: one reference for each folio instead of one
 * for each page, where the whole range lies in one VM_SHARED area with the
 * wanted access, not watched by userfaultfd and inside the file: what a
 * page-by-page pin would find. (Not hugetlbfs: for a page that is not present,
 * memfd_pin_folios() takes a reservation that may be another process's.)
 *
 * Anything else, and any failure, is left to the other pinners, which return the right
 * errno.
 *
 * And a file itself (IOASID_MAP_FILE), shmem or hugetlbfs: there is nothing to
 * fall back to. Holes of hugetlbfs are filled by the file system itself, and
 * memfd_pin_folios() only sees ranges without holes: it is called under the
 * lock that punching a hole and truncation take.
 *
 * What can run at the same time: munmap and remap of the area once mmap_lock is dropped;
 * the pages that are pinned are those that the caller had mapped at the call. A write
 * seal: the mapping counts as writable for the file until the pages are pinned, which
 * itself refuses a seal. Truncation: pinned folios stay. Holes that other threads punch:
 * before or after a step of pinning, not in between.
 *
 * The inode's i_rwsem comes after mmap_lock (mmap of hugetlbfs takes it), so
 * nothing under it takes an mmap_lock or touches user memory.
 */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/hugetlb.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/userfaultfd_k.h>

#include "lib/signal.h"
#include "internal.h"

/* Smaller ranges are pinned page by page before this has found the area. */
#define FILE_MIN_PAGES	512
/* Folios smaller than this on average cost more here than there. */
#define FILE_MIN_FOLIO	16
/* The first look at how large they are. */
#define FILE_PROBE	16
/* How often a hole is filled that is there again before it is pinned. */
#define FILL_TRIES	100
/* Folios that are unpinned between two looks at the scheduler. */
#define FOLIOS_PER_BREAK	1024

/* The area holds the range and allows the access, and faults as usual. */
static bool file_vma_fits(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			  bool write)
{
	return vma && start >= vma->vm_start && end <= vma->vm_end &&
	       vma->vm_flags & (write ? VM_WRITE : VM_READ) &&
	       !(vma->vm_flags & (VM_IO | VM_PFNMAP)) && !userfaultfd_armed(vma);
}

static void file_find_in_vma(struct ioasid_pages *pages, struct vm_area_struct *vma,
			     struct ioasid_file_src *src)
{
	if (!vma->vm_file || !(vma->vm_flags & VM_SHARED) || is_vm_hugetlb_page(vma))
		return;
	/* No write seal may come between this look and the pins. */
	if (pages->write && mapping_map_writable(vma->vm_file->f_mapping))
		return;
	src->file = get_file(vma->vm_file);
	src->write = pages->write;
	src->pos = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) + (pages->vaddr - vma->vm_start);
}

/**
 * ioasid_file_find() - can @pages be pinned by folio
 * @pages: of the current process, or it is not tried
 * @src: filled in; ioasid_file_drop() later
 */
void ioasid_file_find(struct ioasid_pages *pages, struct ioasid_file_src *src)
{
	unsigned long start = pages->vaddr, end = start + (pages->npages << PAGE_SHIFT);
	struct vm_area_struct *vma;

	memset(src, 0, sizeof(*src));
	if (pages->npages < FILE_MIN_PAGES || current->mm != pages->holder->mm || end < start)
		return;
	if (mmap_read_lock_killable(pages->holder->mm))
		return;
	vma = vma_lookup(pages->holder->mm, start);
	if (file_vma_fits(vma, start, end, pages->write))
		file_find_in_vma(pages, vma, src);
	mmap_read_unlock(pages->holder->mm);
}

static int file_seals(struct file *file)
{
	return shmem_file(file) ? SHMEM_I(file_inode(file))->seals :
				  HUGETLBFS_I(file_inode(file))->seals;
}

/**
 * ioasid_file_take() - pin a piece of a file
 * @pages: of_file is set
 * @file: any file; the caller's reference lasts until ioasid_file_drop()
 * @src: filled in; on success ioasid_file_drop() later
 *
 * Return: 0; -EINVAL (not a memfd, tmpfs or hugetlbfs, or beyond its end), -EPERM
 * (not open for that, or sealed).
 */
int ioasid_file_take(struct ioasid_pages *pages, struct file *file, struct ioasid_file_src *src)
{
	loff_t pos = pages->vaddr, len = (loff_t)pages->npages << PAGE_SHIFT;

	memset(src, 0, sizeof(*src));
	if (!is_file_hugepages(file) && !shmem_file(file))
		return -EINVAL;
	if (pos < 0 || len > i_size_read(file_inode(file)) - pos)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EPERM;
	if (pages->write && (!(file->f_mode & FMODE_WRITE) ||
			     file_seals(file) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return -EPERM;
	/* A write seal may have come since; from here on it cannot. */
	if (pages->write && mapping_map_writable(file->f_mapping))
		return -EPERM;
	src->file = get_file(file);
	src->pos = pos;
	src->write = pages->write;
	src->only = true;
	return 0;
}

/* ioasid_file_drop() - go on page by page, or end */
void ioasid_file_drop(struct ioasid_file_src *src)
{
	if (!src->file)
		return;
	if (src->write)
		mapping_unmap_writable(src->file->f_mapping);
	fput(src->file);
	src->file = NULL;
}

static void file_unpin_rest(struct folio **folios, long from, long n)
{
	for (; from < n; from++)
		unpin_folio(folios[from]);
}

/*
 * Fill holes of a hugetlbfs file. The file system gives up as soon as any signal
 * is pending, also one that does not kill (SIGALRM, a stop, work that io_uring
 * queued), and from here nothing can be restarted. So the marks of those are
 * hidden, and put back for the way out.
 */
static int file_huge_fill(struct file *file, loff_t pos, loff_t len)
{
	bool signal = false, notify = false;
	int ret;

	if (!(file->f_mode & FMODE_WRITE))
		return -EFAULT;
	while ((ret = vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, pos, len)) == -EINTR) {
		ret = ioasid_interrupted();
		if (ret)
			break;
		signal |= test_and_clear_thread_flag(TIF_SIGPENDING);
		notify |= test_and_clear_thread_flag(TIF_NOTIFY_SIGNAL);
		/* A SIGKILL is queued before it is marked: this one may be hidden now. */
		if (__fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
	}
	if (signal)
		set_thread_flag(TIF_SIGPENDING);
	if (notify)
		set_thread_flag(TIF_NOTIFY_SIGNAL);
	return ret;
}

/* How many bytes from @pos to @end are there before the first hole, in at most @room folios. */
static loff_t file_huge_filled(struct file *file, loff_t pos, loff_t end, unsigned long room)
{
	struct hstate *h = hstate_file(file);
	pgoff_t i = pos >> huge_page_shift(h);
	struct folio *folio;

	for (; room && (loff_t)i << huge_page_shift(h) < end; i++, room--) {
		folio = filemap_get_folio(file->f_mapping, i << huge_page_order(h));
		if (IS_ERR(folio))
			break;
		folio_put(folio);
	}
	return min((loff_t)i << huge_page_shift(h), end) - pos;
}

/*
 * memfd_pin_folios() of hugetlbfs, without holes: it would fill a hole with a page that
 * another process may have reserved. If another thread punches the hole again each time,
 * the call fails, and does not loop.
 */
static long file_huge_pin(struct file *file, loff_t pos, loff_t end, struct folio **folios,
			  unsigned long room, pgoff_t *offset)
{
	struct inode *inode = file_inode(file);
	unsigned int tries;
	loff_t len;
	long ret;

	for (tries = 0; tries < FILL_TRIES; tries++) {
		/* inode_lock_shared_killable() of kernels that lack it, such as 6.12.95. */
		if (down_read_killable(&inode->i_rwsem))
			return -EINTR;
		len = file_huge_filled(file, pos, end, room);
		if (len > 0)
			ret = memfd_pin_folios(file, pos, pos + len - 1, folios, room, offset);
		inode_unlock_shared(inode);
		if (len > 0)
			return ret;
		ret = file_huge_fill(file, pos, end - pos);
		if (ret)
			return ret;
	}
	return -EFAULT;
}

/*
 * fallocate() leaves folios of shmem that were never cleared, and not every kernel's pinner clears
 * them (6.12.118 does, 7.3.4 does not). The first touch by a processor would, and with it what
 * a device has written meanwhile.
 */
static void file_clear(struct folio *folio)
{
	if (likely(folio_test_uptodate(folio)))
		return;
	folio_lock(folio);
	if (!folio_test_uptodate(folio)) {
		folio_zero_range(folio, 0, folio_size(folio));
		flush_dcache_folio(folio);
		folio_mark_uptodate(folio);
	}
	folio_unlock(folio);
}

/**
 * ioasid_file_pin() - one step of pinning
 * @pages: whose list grows
 * @src: what ioasid_file_find() found
 * @done: pages pinned before
 * @want: stop when so many are pinned; exceeded by the rest of a folio, which is pinned once
 * @folios: room for pointers
 * @room: how many
 *
 * Return: pages pinned; 0 to go on page by page; -ENOMEM; for src->only what
 * memfd_pin_folios() says, or of hugetlbfs -EFAULT (a hole that cannot be filled,
 * or that is punched again and again), -ENOSPC, -EINTR, -ECANCELED.
 */
long ioasid_file_pin(struct ioasid_pages *pages, struct ioasid_file_src *src,
		     unsigned long done, unsigned long want, struct folio **folios,
		     unsigned long room)
{
	unsigned long left = pages->npages - done, got = 0;
	loff_t pos = src->pos + ((loff_t)done << PAGE_SHIFT);
	loff_t end = pos + ((loff_t)min(left, want) << PAGE_SHIFT);
	pgoff_t offset = 0;
	long n, i;

	if (!src->probed && !src->only)
		room = min(room, FILE_PROBE);
	n = is_file_hugepages(src->file) ?
	    file_huge_pin(src->file, pos, end, folios, room, &offset) :
	    memfd_pin_folios(src->file, pos, end - 1, folios, room, &offset);
	if (n <= 0)
		return src->only ? n ?: -EFAULT : 0;
	for (i = 0; i < n; i++)
		file_clear(folios[i]);

	/* @offset is in bytes, of the first folio alone. */
	offset >>= PAGE_SHIFT;
	for (i = 0; i < n && got < left; i++) {
		unsigned long len = min(folio_nr_pages(folios[i]) - offset, left - got);

		if (ioasid_extents_add(&pages->ext, folio_pfn(folios[i]) + offset, len,
				       IOASID_EXTENT_FOLIO)) {
			file_unpin_rest(folios, i, n);
			return -ENOMEM;
		}
		got += len;
		offset = 0;
	}
	file_unpin_rest(folios, i, n);
	src->probed = true;
	if (got < n * FILE_MIN_FOLIO && !src->only)
		ioasid_file_drop(src);
	return got;
}

/*
 * ioasid_file_fills() - can the file be filled ahead of the caller: shmem alone
 *
 * In a file of hugetlbfs its lock lets one task at a time do that.
 */
bool ioasid_file_fills(const struct ioasid_file_src *src)
{
	return src->file && shmem_file(src->file);
}

/* The folio of a page that is there, in memory, and was cleared or written; or NULL. */
static struct folio *file_filled(struct file *file, pgoff_t at)
{
	struct folio *folio = filemap_get_folio(file->f_mapping, at);

	if (IS_ERR(folio))
		return NULL;
	if (folio_test_uptodate(folio))
		return folio;
	folio_put(folio);
	return NULL;
}

/* ioasid_file_present() - is a page there, in memory, and was it cleared or written? */
bool ioasid_file_present(const struct ioasid_file_src *src, unsigned long index)
{
	struct folio *folio = file_filled(src->file, (src->pos >> PAGE_SHIFT) + index);

	if (folio)
		folio_put(folio);
	return folio;
}

/**
 * ioasid_file_fill() - fill holes of shmem, as ioasid_file_pin() would
 * @file: ioasid_file_fills()
 * @pos: offset of the first page
 * @npages: how many
 * @stop: when true, end soon; others may set it
 *
 * It waits for memory and for swap, and for no user space: no page table has a part in it.
 *
 * Return: how many pages it brought; or -errno: there is no memory, or no more in that file
 * system; beyond the end of the file.
 */
long ioasid_file_fill(struct file *file, loff_t pos, unsigned long npages, const bool *stop)
{
	pgoff_t at = pos >> PAGE_SHIFT, end = at + npages, next;
	unsigned int saved = memalloc_pin_save();
	struct folio *folio;
	long got = 0;

	for (; at < end && !READ_ONCE(*stop) && !ioasid_interrupted(); at = next) {
		bool there;

		folio = file_filled(file, at);
		there = folio;
		if (!there)
			folio = shmem_read_folio(file->f_mapping, at);
		if (IS_ERR(folio)) {
			got = PTR_ERR(folio);
			break;
		}
		next = min(folio_next_index(folio), end);
		if (!there)
			got += next - at;
		folio_put(folio);
		cond_resched();
	}
	memalloc_pin_restore(saved);
	return got;
}

/* ioasid_file_unpin() - unpin an extent of whole folios; the first and the last may be parts */
void ioasid_file_unpin(unsigned long pfn, unsigned long npages, bool dirty)
{
	unsigned long end = pfn + npages;
	unsigned int n = 0;

	while (pfn < end) {
		struct folio *folio = page_folio(pfn_to_page(pfn));

		if (++n % FOLIOS_PER_BREAK == 0)
			cond_resched();

		/* Computed first: the folio may be gone after the unpin. */
		pfn = folio_pfn(folio) + folio_nr_pages(folio);
		if (dirty && !folio_test_dirty(folio)) {
			folio_lock(folio);
			folio_mark_dirty(folio);
			folio_unlock(folio);
		}
		unpin_folio(folio);
	}
}
