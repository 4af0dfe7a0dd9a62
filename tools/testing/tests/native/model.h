/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of two address spaces of one /dev/ioasid: which pages of a window of IOVAs are mapped,
 * which objects these show, and what is pinned and charged for that. For tests that map, copy and
 * unmap by chance.
 */
#ifndef IOASID_TEST_MODEL_H
#define IOASID_TEST_MODEL_H

#include "distinct.h"
#include "split.h"

#define SPACES	2		/* the first one has the IOMMU */

/*
 * Pages that are pinned together: @npages of them, while @areas show some. Those that no
 * mapping shows any more stay with their neighbours. @there[i] is false of a hole; NULL: there
 * is none.
 */
struct object {
	unsigned int areas;
	unsigned int npages;
	const bool *there;
};

/* A mapping: pages of the window from @first on, which show those of @object after @skip. */
struct area {
	unsigned int first;
	unsigned int npages;
	unsigned int object;
	unsigned int skip;
};

struct space {
	struct area *area;
	unsigned int nr;
};

struct model {
	int fd;
	int id[SPACES];		/* address spaces of it */
	uint64_t iova;		/* of the window */
	unsigned int npages;
	struct space space[SPACES];
	struct object *object;	/* from 1 on */
	unsigned int objects;
	unsigned int cuts;
	unsigned int seed;
};

/* Both are empty, and charge what they pin in full. */
static inline bool model_open(struct model *m, uint64_t iova, unsigned int npages, unsigned int areas,
			      unsigned int objects, const char *seed)
{
	int i;

	*m = (struct model){ .iova = iova, .npages = npages, .seed = seed ? atoi(seed) : 1 };
	for (i = 0; i < SPACES; i++)
		m->space[i].area = calloc(areas, sizeof(*m->space[i].area));
	m->object = calloc(objects, sizeof(*m->object));
	m->fd = distinct_open(false);
	if (!m->space[0].area || !m->space[1].area || !m->object || m->fd < 0)
		return false;
	m->id[0] = 1;
	m->id[1] = native_alloc(m->fd);
	return m->id[1] == 2 && !native_set(m->fd, 2, IOASID_OPTION_CHARGE_SHARED, 0);
}

static inline unsigned int model_chance(struct model *m, unsigned int n)
{
	return rand_r(&m->seed) % n;
}

/* The mapping that @page of the window is in, or NULL. */
static inline struct area *model_at(const struct model *m, int space, unsigned int page)
{
	const struct space *s = &m->space[space];
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (page >= s->area[i].first && page < s->area[i].first + s->area[i].npages)
			return &s->area[i];
	return NULL;
}

/* How many pages of [first, first + n) are mapped. */
static inline unsigned int model_mapped(const struct model *m, int space, unsigned int first,
					unsigned int n)
{
	unsigned int pages = 0;

	while (n--)
		pages += !!model_at(m, space, first + n);
	return pages;
}

/* A new object, which no mapping shows yet; @there stays. */
static inline unsigned int model_object(struct model *m, unsigned int npages, const bool *there)
{
	m->object[++m->objects] = (struct object){ .npages = npages, .there = there };
	return m->objects;
}

static inline void model_map(struct model *m, int space, unsigned int first, unsigned int n,
			     unsigned int object, unsigned int skip)
{
	struct space *s = &m->space[space];

	s->area[s->nr++] = (struct area){ first, n, object, skip };
	m->object[object].areas++;
}

/* Cut the mapping with @page, whose part from there on becomes another one. */
static inline void model_cut(struct model *m, int space, unsigned int page)
{
	struct area *a = page < m->npages ? model_at(m, space, page) : NULL;
	struct object *old;
	unsigned int n, at;

	if (!a || a->first == page)
		return;
	m->cuts++;
	n = a->first + a->npages - page;
	at = a->skip + a->npages - n;
	a->npages -= n;
	old = &m->object[a->object];
	if (old->areas > 1) {
		model_map(m, space, page, n, a->object, at);
		return;
	}
	model_map(m, space, page, n,
		  model_object(m, old->npages - at, old->there ? old->there + at : NULL), 0);
	old->npages = at;
}

static inline void model_remove(struct model *m, int space, unsigned int first, unsigned int n)
{
	struct space *s = &m->space[space];
	unsigned int i;

	for (i = 0; i < s->nr; ) {
		if (s->area[i].first < first || s->area[i].first >= first + n) {
			i++;
			continue;
		}
		m->object[s->area[i].object].areas--;
		s->area[i] = s->area[--s->nr];
	}
}

/* What an unmap of any part of the window has returned; @pages of it were mapped. */
static inline bool model_unmapped(struct model *m, int space, unsigned int first, unsigned int n,
				  unsigned int pages, long long got)
{
	if (got != (long long)(pages * PAGE)) {
		TH_LOG("unmap of %u pages from %u on: %lld, not %u pages", n, first, got, pages);
		return false;
	}
	model_cut(m, space, first + n);
	model_cut(m, space, first);
	model_remove(m, space, first, n);
	return true;
}

/* A copy: pages of @space from @from on are at @to now as well; @npages is 0: there is none. */
struct copied {
	int space;
	unsigned int from;
	unsigned int to;
	unsigned int npages;
};

/* Copies any part of a mapping in either space to space @to, if that is free. */
static inline bool model_copy(struct model *m, int to, struct copied *c)
{
	struct space *s;
	unsigned int skip;
	uint64_t iova;
	struct area a;

	*c = (struct copied){ .space = model_chance(m, SPACES) };
	s = &m->space[c->space];
	if (!s->nr)
		return true;
	a = s->area[model_chance(m, s->nr)];
	skip = model_chance(m, a.npages);
	c->npages = 1 + model_chance(m, a.npages - skip);
	c->from = a.first + skip;
	c->to = model_chance(m, m->npages - c->npages);
	if (model_mapped(m, to, c->to, c->npages)) {
		c->npages = 0;
		return true;
	}
	iova = m->iova + c->to * PAGE;
	if (native_copy(m->fd, m->id[to], m->id[c->space], NATIVE_FIXED, iova, m->iova + c->from * PAGE,
			c->npages * PAGE) != iova)
		return false;
	model_map(m, to, c->to, c->npages, a.object, a.skip + skip);
	return true;
}

/* How many pages of an object are no holes. */
static inline unsigned int model_there(const struct object *o, unsigned int first, unsigned int n)
{
	unsigned int i, there = 0;

	for (i = 0; i < n; i++)
		there += !o->there || o->there[first + i];
	return there;
}

/* How many pages of a space are mapped; and how many of them are there. */
static inline unsigned int model_pages(const struct model *m, int space, unsigned int *there)
{
	const struct space *s = &m->space[space];
	unsigned int i, pages = 0;

	*there = 0;
	for (i = 0; i < s->nr; i++) {
		pages += s->area[i].npages;
		*there += model_there(&m->object[s->area[i].object], s->area[i].skip,
				      s->area[i].npages);
	}
	return pages;
}

/* Is a space as the model has it? @fake: behind the first one is the IOMMU of the tests alone. */
static inline bool model_has_space(const struct model *m, int space, bool fake)
{
	struct ioasid_get_info info = native_info(m->fd, m->id[space]);
	unsigned int there, pages = model_pages(m, space, &there);

	if (info.out_maps == m->space[space].nr && info.out_bytes == pages * PAGE &&
	    info.out_pinned == there && (space || !fake || split_mapped() == there))
		return true;
	TH_LOG("space %d: %llu mappings of %llu pages, %llu pinned, not %u of %u, %u; the IOMMU has %lld",
	       space, (unsigned long long)info.out_maps, (unsigned long long)(info.out_bytes / PAGE),
	       (unsigned long long)info.out_pinned, m->space[space].nr, pages, there, split_mapped());
	return false;
}

/* Is everything as the model has it? */
static inline bool model_fits(const struct model *m, bool fake)
{
	long charged = 0;
	unsigned int i;

	if (!model_has_space(m, 0, fake) || !model_has_space(m, 1, fake))
		return false;
	for (i = 1; i <= m->objects; i++)
		if (m->object[i].areas)
			charged += model_there(&m->object[i], 0, m->object[i].npages);
	if (distinct_locked(getpid(), charged) == charged)
		return true;
	TH_LOG("%ld pages are charged, not %ld", locked_kib() / 4, charged);
	return false;
}

#endif
