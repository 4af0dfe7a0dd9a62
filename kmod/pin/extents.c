// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extents: see extents.h.
 *
 * No locks: an extents list belongs to one struct ioasid_pages. The task that pins
 * writes it; afterwards the task that owns the mapping's state reads it. A list is cut
 * in two by a task that has the only reference on its pages.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "pin.h"

/* The first chunk is small: most mappings that need one have few extents, and some few pages. */
#define CHUNK_FEW	64
#define CHUNK_SMALL	256
#define CHUNK_LARGE	PAGE_SIZE
#define CHUNK_ROOM(sz)	(((sz) - sizeof(struct ioasid_extent_chunk)) / sizeof(u64))

static u64 *extents_last_slot(struct ioasid_extents *ext)
{
	if (ioasid_extents_chained(ext))
		return &ext->tail->packed[ext->tail->used - 1];
	return &ext->inl[ext->nr - 1];
}

static __always_inline struct ioasid_extent_chunk *extents_new_chunk(size_t size)
{
	struct ioasid_extent_chunk *chunk = kmalloc(size, GFP_KERNEL_ACCOUNT);

	if (!chunk)
		return NULL;
	chunk->next = chunk;
	chunk->used = 0;
	chunk->room = CHUNK_ROOM(size);
	return chunk;
}

/* A second extent is added: move the first one, because the ring needs its place. */
static u64 *extents_start_chain(struct ioasid_extents *ext)
{
	const struct ioasid_pages *pages = container_of(ext, struct ioasid_pages, ext);
	struct ioasid_extent_chunk *chunk;

	chunk = pages->npages <= CHUNK_ROOM(CHUNK_FEW) ? extents_new_chunk(CHUNK_FEW) :
							 extents_new_chunk(CHUNK_SMALL);
	if (!chunk)
		return NULL;
	memcpy(chunk->packed, ext->inl, sizeof(ext->inl));
	chunk->used = IOASID_EXTENTS_INLINE + 1;
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
	tail->next = ext->tail->next;
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
	struct ioasid_extent_chunk *chunk, *next = ext->tail->next;

	do {
		chunk = next;
		next = chunk->next;
		kfree(chunk);
	} while (chunk != ext->tail);
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
		it->tail = ext->tail;
		it->chunk = pos->chunk == it->tail ? NULL : pos->chunk->next;
	} else {
		/* It may have moved to a chunk since. */
		ioasid_extents_start(it, ext);
		for (i = 1; i < pos->nr; i++)
			ioasid_extents_next(it, extent);
	}
	if (!ioasid_extents_next(it, extent))
		*extent = (struct ioasid_extent){};
}

/**
 * struct extents_place - where in a list a page is
 * @chunk: the chunk with its extent; NULL: the extent is in the list itself
 * @before: the chunk before that one, if @index is 0
 * @index: of the extent, in its chunk or in the list
 * @nr: extents before it
 * @skip: pages of the extent before the page
 */
struct extents_place {
	struct ioasid_extent_chunk *chunk;
	struct ioasid_extent_chunk *before;
	unsigned int index;
	u32 nr;
	unsigned long skip;
};

static unsigned long packed_pages(u64 packed)
{
	return FIELD_GET(IOASID_PACK_PAGES_1, packed) + 1;
}

/* Go on to the extent with page @skip of those from @packed on; false: it is in none of @n. */
static bool place_step(struct extents_place *p, const u64 *packed, unsigned int n)
{
	for (p->index = 0; p->index < n; p->index++) {
		if (p->skip < packed_pages(packed[p->index]))
			return true;
		p->skip -= packed_pages(packed[p->index]);
		p->nr++;
	}
	return false;
}

/* Find page @at, which the list has. */
static void extents_find(const struct ioasid_extents *ext, unsigned long at,
			 struct extents_place *p)
{
	*p = (struct extents_place){ .skip = at };
	if (!ioasid_extents_chained(ext)) {
		place_step(p, ext->inl, ext->nr);
		return;
	}
	for (p->chunk = ext->tail->next; !place_step(p, p->chunk->packed, p->chunk->used);
	     p->chunk = p->chunk->next) {
		p->before = p->chunk;
		cond_resched();
	}
}

/* ioasid_extents_look() - the extent with page @at, and how many of its pages come before */
void ioasid_extents_look(const struct ioasid_extents *ext, unsigned long at,
			 struct ioasid_extent *extent, unsigned long *skip)
{
	struct extents_place p;

	extents_find(ext, at, &p);
	ioasid_extent_unpack(p.chunk ? p.chunk->packed[p.index] : ext->inl[p.index], extent);
	*skip = p.skip;
}

/*
 * ioasid_extents_may_cut() - see to the memory that ioasid_extents_cut() needs
 * @ext: list
 * @at: pages that are to stay, less than all
 * @room: set to memory, or NULL if none is needed; what is left of it is to be freed (kfree())
 *
 * The list may have been cut in front or behind of @at meanwhile.
 * Return: 0, or -ENOMEM.
 */
int ioasid_extents_may_cut(const struct ioasid_extents *ext, unsigned long at,
			   struct ioasid_extent_chunk **room)
{
	struct extents_place p;
	unsigned int moved;

	*room = NULL;
	if (!ioasid_extents_chained(ext))
		return 0;
	extents_find(ext, at, &p);
	moved = p.chunk->used - p.index;
	*room = extents_new_chunk(moved <= CHUNK_ROOM(CHUNK_SMALL) ? CHUNK_SMALL : CHUNK_LARGE);
	return *room ? 0 : -ENOMEM;
}

/* A list that lost extents keeps a chain only if it has too many without one. */
static void extents_unchain(struct ioasid_extents *ext)
{
	struct ioasid_extent_chunk *tail = ext->tail, *chunk, *next = tail->next;
	u64 few[IOASID_EXTENTS_INLINE] = {};
	unsigned int n = 0, i;

	if (ioasid_extents_chained(ext))
		return;
	do {
		chunk = next;
		next = chunk->next;
		for (i = 0; i < chunk->used; i++)
			few[n++] = chunk->packed[i];
		kfree(chunk);
	} while (chunk != tail);
	memcpy(ext->inl, few, sizeof(few));
}

/* The extents from @p on: those of its chunk move to @room, and later chunks with them. */
static void extents_move(struct ioasid_extents *ext, const struct extents_place *p,
			 struct ioasid_extents *rest, struct ioasid_extent_chunk **room)
{
	struct ioasid_extent_chunk *chunk = p->chunk, *to = *room, *first = ext->tail->next;

	*room = NULL;
	to->used = chunk->used - p->index;
	memcpy(to->packed, &chunk->packed[p->index], to->used * sizeof(u64));
	rest->tail = to;
	if (chunk != ext->tail) {
		to->next = chunk->next;
		rest->tail = ext->tail;
	}
	rest->tail->next = to;

	/* An extent that is cut stays as well; no chunk is left empty. */
	chunk->used = p->index + !!p->skip;
	ext->tail = chunk;
	if (!chunk->used) {
		kfree(chunk);
		ext->tail = p->before;
	}
	ext->tail->next = first;
}

/**
 * ioasid_extents_cut() - cut a list in two
 * @ext: keeps its first @at pages
 * @at: at least 1, and less than all
 * @rest: becomes the list of the others; its tag stays
 * @room: from ioasid_extents_may_cut()
 */
void ioasid_extents_cut(struct ioasid_extents *ext, unsigned long at, struct ioasid_extents *rest,
			struct ioasid_extent_chunk **room)
{
	bool chained = ioasid_extents_chained(ext);
	struct extents_place p;
	u32 all = ext->nr;
	unsigned long had;
	u64 *cut;

	extents_find(ext, at, &p);
	rest->nr = all - p.nr;
	ext->nr = p.nr + !!p.skip;
	if (chained)
		extents_move(ext, &p, rest, room);
	else
		memcpy(rest->inl, &ext->inl[p.index], (all - p.index) * sizeof(u64));
	if (p.skip) {
		cut = chained ? &p.chunk->packed[p.index] : &ext->inl[p.index];
		had = packed_pages(*cut);
		*cut = (*cut & ~IOASID_PACK_PAGES_1) | FIELD_PREP(IOASID_PACK_PAGES_1, p.skip - 1);
		cut = chained ? rest->tail->next->packed : rest->inl;
		/* Frames are the lowest bits. */
		*cut = ((*cut & ~IOASID_PACK_PAGES_1) + p.skip) |
		       FIELD_PREP(IOASID_PACK_PAGES_1, had - p.skip - 1);
	}
	if (chained) {
		extents_unchain(ext);
		extents_unchain(rest);
	}
}
