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
