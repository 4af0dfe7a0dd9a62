// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grammar: which calls there are, how often each comes, and programs of
 * them. A program begins with what makes the rest meaningful, most of the time:
 * a backend that is open and has its type, a group in it, memory in the regions.
 */
#include <string.h>

#include "fuzz/fuzz.h"

#define K(kind, often)		{ #kind, often, false, make_##kind, run_##kind }
#define OUTSIDE(kind, often)	{ #kind, often, true, make_##kind, run_##kind }

const struct fuzz_kind fuzz_kinds[] = {
	K(open_ioasid, 2), K(open_container, 2), K(open_group, 3), K(close, 3), K(dup, 1),
	K(set_iommu, 4), K(join, 2), K(set_container, 3), K(unset_container, 2),
	K(get_device, 4),
	K(map, 40), K(map_vaddr, 3), K(unmap, 22), K(unmap_dirty, 4), K(dirty, 3),
	K(dirty_get, 4), K(info, 3), K(extension, 1), K(raw, 3), K(native, 4),
	K(fdinfo, 1),
	K(space_alloc, 3), K(space_free, 2), K(space_set, 4), K(space_info, 3), K(space_dirty, 3),
	K(nmap, 16), K(map_file, 6), K(copy, 8), K(nunmap, 10), K(map_batch, 4),
	K(unmap_batch, 4), K(ring_cancel, 3), K(ring_wait, 3), K(ring_close, 1),
	K(open_node, 2), K(node_attach, 4), K(node_detach, 2), K(node_call, 2),
	K(node_map, 4),
	K(mdev_pin, 6), K(mdev_rw, 4), K(mdev_mode, 1),
	K(mmap, 4), K(munmap, 4), K(mremap, 4), K(madvise, 8), K(mprotect, 3), K(touch, 6),
	K(mlock, 1), K(truncate, 3), K(fork, 3), K(memlock, 1), K(pause, 3),
	OUTSIDE(policy_load, 3), OUTSIDE(policy_unload, 3), OUTSIDE(rmmod, 4),
	OUTSIDE(insmod, 4), OUTSIDE(unplug, 2), OUTSIDE(unbind, 3), OUTSIDE(parameter, 6),
	OUTSIDE(reclaim, 3),
};
const unsigned int fuzz_nkinds = sizeof(fuzz_kinds) / sizeof(fuzz_kinds[0]);

/* splitmix64 */
uint64_t fuzz_random(uint64_t *rng)
{
	uint64_t z = (*rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t fuzz_below(uint64_t *rng, uint64_t n)
{
	return n ? fuzz_random(rng) % n : 0;
}

bool fuzz_chance(uint64_t *rng, unsigned int one_in)
{
	return !fuzz_below(rng, one_in);
}

static unsigned int pick_kind(uint64_t *rng, bool outside)
{
	unsigned int i, sum = 0, at;

	for (i = 0; i < fuzz_nkinds; i++)
		sum += fuzz_kinds[i].outside == outside ? fuzz_kinds[i].weight : 0;
	at = fuzz_below(rng, sum);
	for (i = 0; ; i++) {
		if (fuzz_kinds[i].outside != outside)
			continue;
		if (at < fuzz_kinds[i].weight)
			return i;
		at -= fuzz_kinds[i].weight;
	}
}

static unsigned int kind_named(const char *name)
{
	unsigned int i;

	for (i = 0; i < fuzz_nkinds - 1 && strcmp(fuzz_kinds[i].name, name); i++)
		;
	return i;
}

static void make_call(struct fuzz_call *c, uint64_t *rng, unsigned int threads, bool injects,
		      bool outside)
{
	memset(c, 0, sizeof(*c));
	c->thread = outside ? FUZZ_OUTSIDE : fuzz_below(rng, threads);
	c->kind = pick_kind(rng, outside);
	fuzz_kinds[c->kind].make(rng, c->a);
	if (injects && !outside && fuzz_chance(rng, 6))
		c->nth = 1 + fuzz_below(rng, fuzz_chance(rng, 4) ? 60 : 12);
}

static void add(struct fuzz_program *p, const char *kind, uint64_t a0, uint64_t a1, uint64_t a2)
{
	p->calls[p->ncalls++] = (struct fuzz_call){
		.kind = kind_named(kind), .a = { a0, a1, a2 },
	};
}

/* A backend in slot @slot that answers maps; @what: 0 /dev/ioasid, else a group. */
static void add_backend(struct fuzz_program *p, uint64_t *rng, unsigned int slot)
{
	unsigned int group = fuzz_below(rng, 5);

	switch (fuzz_below(rng, 7)) {
	case 0:
		add(p, "open_ioasid", slot, 0, 0);
		add(p, "set_iommu", slot, fuzz_chance(rng, 4) ? 1 : 3, 0);
		break;
	case 5:
		/* Two spaces; a group comes in by itself. */
		add(p, "open_ioasid", slot, 0, 0);
		add(p, "space_alloc", slot, 0, 0);
		add(p, "open_group", SLOT_GROUPS + slot / 2, group, 0);
		add(p, "set_container", SLOT_GROUPS + slot / 2, slot, 0);
		break;
	case 6:
		add(p, "open_ioasid", slot, 0, 0);
		add(p, "space_alloc", slot, 0, 0);
		add(p, "open_node", SLOT_NODES + slot / 2, slot / 2, 0);
		add(p, "node_attach", SLOT_NODES + slot / 2, slot, fuzz_below(rng, 3));
		break;
	case 1:
		/* A container that joins it. */
		add(p, "open_ioasid", slot, 0, 0);
		add(p, "set_iommu", slot, 3, 0);
		add(p, "open_container", slot + 1, 0, 0);
		add(p, "open_group", SLOT_GROUPS + slot / 2, group, 0);
		add(p, "set_container", SLOT_GROUPS + slot / 2, slot + 1, 0);
		add(p, "join", slot + 1, slot, 0);
		break;
	default:
		add(p, "open_container", slot, 0, 0);
		add(p, "open_group", SLOT_GROUPS + slot / 2, group, 0);
		add(p, "set_container", SLOT_GROUPS + slot / 2, slot, 0);
		add(p, "set_iommu", slot, fuzz_chance(rng, 4) ? 1 : 3, 0);
		if (fuzz_chance(rng, 2))
			add(p, "get_device", SLOT_GROUPS + slot / 2, SLOT_DEVICES + slot / 2, group);
	}
}

void fuzz_make(struct fuzz_program *p, uint64_t *rng, bool injects, bool outside)
{
	unsigned int threads = 1 + fuzz_below(rng, FUZZ_THREADS);
	unsigned int n = 10 + fuzz_below(rng, 110), far = 0, i;

	p->ncalls = 0;
	p->kill_ms = fuzz_chance(rng, 3) ? 1 + fuzz_below(rng, 400) : 0;
	p->rights = fuzz_chance(rng, 3) ? fuzz_below(rng, 8) : 0;
	if (!fuzz_chance(rng, 16))
		add_backend(p, rng, 0);
	if (!fuzz_chance(rng, 3))
		add_backend(p, rng, 2);
	p->first = p->ncalls;
	if (outside)
		far = 1 + fuzz_below(rng, 6);
	for (i = 0; i < n; i++)
		make_call(&p->calls[p->ncalls++], rng, threads, injects, false);
	for (i = 0; i < far; i++)
		make_call(&p->calls[p->ncalls++], rng, threads, injects, true);
}

/* Change one of its arguments a little, or make all of them anew. */
static void change_call(struct fuzz_call *c, uint64_t *rng)
{
	uint64_t *arg = &c->a[fuzz_below(rng, FUZZ_ARGS)];

	switch (fuzz_below(rng, 4)) {
	case 0:
		*arg ^= 1ULL << fuzz_below(rng, 64);
		break;
	case 1:
		*arg += fuzz_chance(rng, 2) ? PAGE : -PAGE;
		break;
	default:
		fuzz_kinds[c->kind].make(rng, c->a);
	}
}

static void insert(struct fuzz_program *p, unsigned int at, const struct fuzz_call *c)
{
	if (p->ncalls == FUZZ_CALLS)
		p->ncalls--;
	memmove(&p->calls[at + 1], &p->calls[at], (p->ncalls - at) * sizeof(*c));
	p->calls[at] = *c;
	p->ncalls++;
}

/* Only thread 0 runs at first, so the calls up to there must be its own. */
static void cut_first(struct fuzz_program *p)
{
	unsigned int i;

	for (i = 0; i < p->ncalls && i < p->first && !p->calls[i].thread; i++)
		;
	p->first = i;
}

/*
 * A variant of @p: calls added, dropped, changed, moved to another thread, or
 * taken from @other, another program of the corpus.
 */
void fuzz_mutate(struct fuzz_program *p, uint64_t *rng, const struct fuzz_program *other,
		 bool injects)
{
	unsigned int changes = 1 + fuzz_below(rng, 12);
	struct fuzz_call c;
	unsigned int at;

	while (changes--) {
		at = fuzz_below(rng, p->ncalls);
		switch (fuzz_below(rng, 7)) {
		case 0:
			if (p->ncalls < 4)
				break;
			p->ncalls--;
			memmove(&p->calls[at], &p->calls[at + 1], (p->ncalls - at) * sizeof(c));
			break;
		case 1:
		case 2:
			make_call(&c, rng, FUZZ_THREADS, injects, false);
			insert(p, at < FUZZ_CALLS - 1 ? at : FUZZ_CALLS - 2, &c);
			break;
		case 3:
			c = other->calls[fuzz_below(rng, other->ncalls)];
			insert(p, at < FUZZ_CALLS - 1 ? at : FUZZ_CALLS - 2, &c);
			break;
		case 4:
			if (p->calls[at].thread != FUZZ_OUTSIDE)
				p->calls[at].thread = fuzz_below(rng, FUZZ_THREADS);
			break;
		case 5:
			p->kill_ms = fuzz_chance(rng, 2) ? 1 + fuzz_below(rng, 400) : 0;
			break;
		default:
			change_call(&p->calls[at], rng);
		}
	}
	cut_first(p);
}
