/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extents: the physical pages of a mapping as runs of consecutive page frames,
 * eight bytes an extent.
 *
 * An extent is what one call can program into an IOMMU and one call can unpin, and
 * keeping them spares the unmap path the walk of the IOMMU's page table. One
 * extent fits in the object itself. With the second one both move to a ring of
 * chunks, whose last one then takes that place; it only grows there.
 */
#ifndef _IOASID_EXTENTS_H
#define _IOASID_EXTENTS_H

#include <linux/bitfield.h>
#include <linux/minmax.h>
#include <linux/types.h>

/**
 * enum ioasid_extent_kind - how the pages of an extent were pinned, and so are unpinned
 *
 * The lowest bit says that they have no struct page, see ioasid_extent_has_pages().
 */
enum ioasid_extent_kind {
	/** @IOASID_EXTENT_GUP: one FOLL_PIN reference on every page */
	IOASID_EXTENT_GUP,
	/** @IOASID_EXTENT_PFN: bare frame numbers (device memory), nothing to unpin */
	IOASID_EXTENT_PFN,
	/** @IOASID_EXTENT_FOLIO: one FOLL_PIN reference on every folio, of a file */
	IOASID_EXTENT_FOLIO,
	/** @IOASID_EXTENT_HOLE: nothing is there, see holes.c; the frame number has no meaning */
	IOASID_EXTENT_HOLE,
};

/** struct ioasid_extent - one extent, unpacked */
struct ioasid_extent {
	unsigned long pfn;
	unsigned long npages;
	enum ioasid_extent_kind kind;
};

/* Are they pages that the kernel has, and that are pinned? */
static inline bool ioasid_extent_has_pages(const struct ioasid_extent *extent)
{
	return !(extent->kind & 1);
}

static_assert(IOASID_EXTENT_PFN & IOASID_EXTENT_HOLE & 1 &&
	      !((IOASID_EXTENT_GUP | IOASID_EXTENT_FOLIO) & 1));

#define IOASID_EXTENTS_INLINE	1

/* Longest extent: 4 GiB of 4 KiB pages. */
#define IOASID_EXTENT_PAGES_MAX	(1UL << 20)

/*
 * A packed extent. 42 bits of frame number reach 2^54 bytes, more than any CPU
 * addresses.
 */
#define IOASID_PACK_PFN		GENMASK_ULL(41, 0)
#define IOASID_PACK_KIND		GENMASK_ULL(43, 42)
#define IOASID_PACK_PAGES_1	GENMASK_ULL(63, 44)	/* npages - 1 */

/**
 * struct ioasid_extent_chunk - more extents
 * @next: the chunk after this one, and after the last one the first
 * @used: how many there are
 * @room: and may be
 * @packed: they
 */
struct ioasid_extent_chunk {
	struct ioasid_extent_chunk *next;
	u32 used;
	u32 room;
	u64 packed[];
};

/**
 * struct ioasid_extents - a list of extents; empty while @nr is 0
 * @inl: the extents, while there are no more than fit here
 * @tail: else the last of the chunks that hold them
 * @nr: how many extents
 * @tag: of no meaning here: there is room for a number of the owner of the list
 */
struct ioasid_extents {
	union {
		u64 inl[IOASID_EXTENTS_INLINE];
		struct ioasid_extent_chunk *tail;
	};
	u32 nr;
	u32 tag;
};

/* ioasid_extents_swap() - exchange the extents of two lists, which keep their tags */
static inline void ioasid_extents_swap(struct ioasid_extents *a, struct ioasid_extents *b)
{
	static_assert(IOASID_EXTENTS_INLINE == 1);
	swap(a->inl[0], b->inl[0]);
	swap(a->nr, b->nr);
}

static inline bool ioasid_extents_chained(const struct ioasid_extents *ext)
{
	return ext->nr > IOASID_EXTENTS_INLINE;
}

/**
 * struct ioasid_extents_iter - position of a walk
 * @at: the rest of a piece
 * @end: of it
 * @chunk: what follows, or NULL
 * @tail: and is the last, if there is @chunk
 */
struct ioasid_extents_iter {
	const u64 *at;
	const u64 *end;
	const struct ioasid_extent_chunk *chunk;
	const struct ioasid_extent_chunk *tail;
};

int __ioasid_extents_add(struct ioasid_extents *ext, u64 key, unsigned long npages);
void __ioasid_extents_free(struct ioasid_extents *ext);

/** ioasid_extents_free() - free all extents; the pages were unpinned before */
static inline void ioasid_extents_free(struct ioasid_extents *ext)
{
	if (ioasid_extents_chained(ext))
		__ioasid_extents_free(ext);
	ext->nr = 0;
}

/**
 * ioasid_extents_add() - append pages, growing the last extent where they continue it
 * @ext: list
 * @pfn: first frame
 * @npages: how many, at most IOASID_EXTENT_PAGES_MAX
 * @kind: how they were pinned; extents of different kind do not merge
 *
 * Return: 0, or -ENOMEM with the list as it was.
 */
static inline int ioasid_extents_add(struct ioasid_extents *ext, unsigned long pfn,
				     unsigned long npages, enum ioasid_extent_kind kind)
{
	u64 key = FIELD_PREP(IOASID_PACK_PFN, pfn) | FIELD_PREP(IOASID_PACK_KIND, kind);

	if (ext->nr)
		return __ioasid_extents_add(ext, key, npages);
	/* Most mappings are one extent. */
	ext->inl[0] = key | FIELD_PREP(IOASID_PACK_PAGES_1, npages - 1);
	ext->nr = 1;
	return 0;
}

/** ioasid_extents_start() - begin a walk */
static inline void ioasid_extents_start(struct ioasid_extents_iter *it,
					const struct ioasid_extents *ext)
{
	it->at = ext->inl;
	it->end = it->at;
	it->chunk = NULL;
	if (ioasid_extents_chained(ext)) {
		it->tail = ext->tail;
		it->chunk = it->tail->next;
	} else {
		it->end += ext->nr;
	}
}

static inline void ioasid_extent_unpack(u64 v, struct ioasid_extent *extent)
{
	extent->pfn = FIELD_GET(IOASID_PACK_PFN, v);
	extent->npages = FIELD_GET(IOASID_PACK_PAGES_1, v) + 1;
	extent->kind = FIELD_GET(IOASID_PACK_KIND, v);
}

/** ioasid_extents_only() - the extent of a list that has no other, as most have; else false */
static inline bool ioasid_extents_only(const struct ioasid_extents *ext,
				       struct ioasid_extent *extent)
{
	if (ext->nr != 1)
		return false;
	ioasid_extent_unpack(ext->inl[0], extent);
	return true;
}

/** ioasid_extents_last() - the last extent of a list that is not empty */
static inline void ioasid_extents_last(const struct ioasid_extents *ext,
				       struct ioasid_extent *extent)
{
	ioasid_extent_unpack(ioasid_extents_chained(ext) ? ext->tail->packed[ext->tail->used - 1] :
							   ext->inl[ext->nr - 1], extent);
}

/** ioasid_extents_next() - next extent of a walk; false at the end */
static inline bool ioasid_extents_next(struct ioasid_extents_iter *it, struct ioasid_extent *extent)
{
	if (it->at == it->end) {
		if (!it->chunk)
			return false;
		it->at = it->chunk->packed;
		it->end = it->at + it->chunk->used;
		it->chunk = it->chunk == it->tail ? NULL : it->chunk->next;
	}
	ioasid_extent_unpack(*it->at++, extent);
	return true;
}

/**
 * struct ioasid_extents_pos - the end of a list, from where a walk is to begin once it has grown
 * @chunk: the last one, when there were any
 * @used: how many extents were in it
 * @nr: how many extents there were
 * @npages: length of the last one, which may grow
 */
struct ioasid_extents_pos {
	const struct ioasid_extent_chunk *chunk;
	u32 used;
	unsigned long nr;
	unsigned long npages;
};

void __ioasid_extents_end(const struct ioasid_extents *ext, struct ioasid_extents_pos *pos);

/* ioasid_extents_end() - remember how far the list goes */
static inline void ioasid_extents_end(const struct ioasid_extents *ext,
				      struct ioasid_extents_pos *pos)
{
	pos->chunk = NULL;
	pos->nr = ext->nr;
	pos->npages = 0;
	if (ext->nr)
		__ioasid_extents_end(ext, pos);
}

void ioasid_extents_look(const struct ioasid_extents *ext, unsigned long at,
			 struct ioasid_extent *extent, unsigned long *skip);
int ioasid_extents_may_cut(const struct ioasid_extents *ext, unsigned long at,
			   struct ioasid_extent_chunk **room);
void ioasid_extents_cut(struct ioasid_extents *ext, unsigned long at, struct ioasid_extents *rest,
			struct ioasid_extent_chunk **room);

void ioasid_extents_resume(struct ioasid_extents_iter *it, const struct ioasid_extents *ext,
			   const struct ioasid_extents_pos *pos, struct ioasid_extent *extent,
			   unsigned long *skip);

#define ioasid_for_each_extent(it, ext, extent)	\
	for (ioasid_extents_start(it, ext); ioasid_extents_next(it, extent); )

#endif /* _IOASID_EXTENTS_H */
