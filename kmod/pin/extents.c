// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extents: see extents.h.
 *
 * No locks: an extents list belongs to one struct ioasid_pages. The task that pins
 * writes it; afterwards the task that owns the mapping's state reads it.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "pin.h"

/* The first chunk is small: most mappings that need one have few extents. */
#define CHUNK_SMALL	256
#define CHUNK_LARGE	PAGE_SIZE
#define CHUNK_ROOM(sz)	(((sz) - sizeof(struct ioasid_extent_chunk)) / sizeof(u64))

static u64 *extents_last_slot(struct ioasid_extents *ext)
{
	if (ioasid_extents_chained(ext))
		return &ext->tail->packed[ext->tail->used - 1];
	return &ext->inl[ext->nr - 1];
}

static struct ioasid_extent_chunk *extents_new_chunk(size_t size)
{
	struct ioasid_extent_chunk *chunk = kmalloc(size, GFP_KERNEL_ACCOUNT);

	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->used = 0;
	chunk->room = CHUNK_ROOM(size);
	return chunk;
}

/* A third extent is added: move the first two, because the chain needs their place. */
static u64 *extents_start_chain(struct ioasid_extents *ext)
{
	struct ioasid_extent_chunk *chunk = extents_new_chunk(CHUNK_SMALL);

	if (!chunk)
		return NULL;
	memcpy(chunk->packed, ext->inl, sizeof(ext->inl));
	chunk->used = IOASID_EXTENTS_INLINE + 1;
	ext->first = chunk;
	ext->tail = chunk;
	return &chunk->packed[IOASID_EXTENTS_INLINE];
}

/* The slot after @last; the caller counts the extent. */
static u64 *extents_next_slot(struct ioasid_extents *ext, u64 *last)
{
	struct ioasid_extent_chunk *tail;

	if (ext->nr < IOASID_EXTENTS_INLINE)
		return last + 1;
	if (ext->nr == IOASID_EXTENTS_INLINE)
		return extents_start_chain(ext);
	if (unlikely(ext->nr == U32_MAX))
		return NULL;
	tail = ext->tail;
	if (likely(tail->used < tail->room)) {
		tail->used++;
		return last + 1;
	}
	tail = extents_new_chunk(CHUNK_LARGE);
	if (!tail)
		return NULL;
	ext->tail->next = tail;
	ext->tail = tail;
	tail->used = 1;
	return tail->packed;
}

/*
 * __ioasid_extents_add() - ioasid_extents_add() to a list that has extents
 *
 * @key is the first frame and the kind, packed.
 */
int __ioasid_extents_add(struct ioasid_extents *ext, u64 key, unsigned long npages)
{
	u64 *slot = extents_last_slot(ext);
	unsigned long had = FIELD_GET(IOASID_PACK_PAGES_1, *slot) + 1;

	/* Frames are the lowest bits, so what follows the extent is its key and more. */
	if ((*slot & ~IOASID_PACK_PAGES_1) + had == key &&
	    had + npages <= IOASID_EXTENT_PAGES_MAX) {
		*slot += FIELD_PREP(IOASID_PACK_PAGES_1, npages);
		return 0;
	}

	slot = extents_next_slot(ext, slot);
	if (unlikely(!slot))
		return -ENOMEM;
	*slot = key | FIELD_PREP(IOASID_PACK_PAGES_1, npages - 1);
	ext->nr++;
	return 0;
}

/* __ioasid_extents_free() - ioasid_extents_free() of a list that has chunks */
void __ioasid_extents_free(struct ioasid_extents *ext)
{
	struct ioasid_extent_chunk *chunk, *next;

	for (chunk = ext->first; chunk; chunk = next) {
		next = chunk->next;
		kfree(chunk);
	}
}

/* __ioasid_extents_end() - ioasid_extents_end() of a list that has extents; @pos->nr is set */
void __ioasid_extents_end(const struct ioasid_extents *ext, struct ioasid_extents_pos *pos)
{
	if (ioasid_extents_chained(ext)) {
		pos->chunk = ext->tail;
		pos->used = ext->tail->used;
	}
	pos->npages = FIELD_GET(IOASID_PACK_PAGES_1, *extents_last_slot((struct ioasid_extents *)ext)) + 1;
}

/**
 * ioasid_extents_resume() - begin a walk with what came after a position
 * @it: the walk
 * @ext: list
 * @pos: from ioasid_extents_end() of the same list, which has only grown since
 * @extent: the first one, as a whole; without pages when nothing has come
 * @skip: how many of its pages were there at @pos
 */
void ioasid_extents_resume(struct ioasid_extents_iter *it, const struct ioasid_extents *ext,
			   const struct ioasid_extents_pos *pos, struct ioasid_extent *extent,
			   unsigned long *skip)
{
	unsigned long i;

	*extent = (struct ioasid_extent){};
	*skip = pos->npages;
	if (pos->chunk) {
		it->at = &pos->chunk->packed[pos->used - 1];
		it->end = pos->chunk->packed + pos->chunk->used;
		it->chunk = pos->chunk->next;
	} else {
		/* Both may have moved to a chunk since. */
		ioasid_extents_start(it, ext);
		for (i = 1; i < pos->nr; i++)
			ioasid_extents_next(it, extent);
	}
	if (!ioasid_extents_next(it, extent))
		*extent = (struct ioasid_extent){};
}
