// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps with holes, by chance: a process maps, unmaps and protects memory; sparse maps of any
 * part of it, copies to another address space, and unmaps of any range of pages. Behind one space is the IOMMU of the tests, or that of the machine with a
 * device that copies. A model says after each step which pages are mapped, pinned and charged,
 * and each map what its holes are.
 *
 * SPARSE_SEED chooses the steps, SPARSE_STEPS how many there are.
 */
#include "lib/edu.h"
#include "sparse.h"

#define AT	0x4000000ULL
#define PAGES	512		/* of the window of IOVAs, in each space */
#define MEMORY	256		/* pages of the process */
#define LONGEST	128		/* pages of a mapping: not more than twice SPARSE_HOLES */
#define SPACES	2		/* the first one has the IOMMU */
#define OBJECTS	8192
#define SCRATCH	(AT + PAGES * PAGE)

/* Pages that are pinned together while @areas show some; @there of a hole is false. */
struct object {
	unsigned int areas;
	unsigned int npages;
	bool there[LONGEST];
};

/* A mapping: pages of the window from @first on, which show those of @object after @skip. */
struct area {
	unsigned int first;
	unsigned int npages;
	unsigned int object;
	unsigned int skip;
};

struct space {
	struct area area[PAGES];
	unsigned int nr;
};

FIXTURE(random) {
	int fd;
	int id[SPACES];
	char *mem;
	bool there[MEMORY];	/* the device could reach it */
	struct backend d;
	int device;
	volatile char *bar;	/* of the device that copies, or NULL */
	char *scratch;		/* a page of it, mapped at SCRATCH */
	struct space space[SPACES];
	struct object *object;
	unsigned int objects;
	unsigned int seed;
	unsigned int holes;
	unsigned int copies;	/* by the device */
	long long missing;
};

typedef struct ktap_fixture_random S;

static unsigned int chance(S *self, unsigned int n)
{
	return rand_r(&self->seed) % n;
}

FIXTURE_VARIANT(random) {
	const char *device;
};

FIXTURE_VARIANT_ADD(random, fake) { .device = SPLIT_FAKE };
FIXTURE_VARIANT_ADD(random, machine) { .device = DEVICE_EDU };

FIXTURE_SETUP(random)
{
	self->seed = getenv("SPARSE_SEED") ? atoi(getenv("SPARSE_SEED")) : 1;
	self->object = calloc(OBJECTS, sizeof(*self->object));
	ASSERT_NE(NULL, self->object);
	self->fd = distinct_open(false);
	ASSERT_LE(0, self->fd);
	self->id[0] = 1;
	self->id[1] = native_alloc(self->fd);
	ASSERT_EQ(2, self->id[1]);
	ASSERT_EQ(0, native_set(self->fd, 2, IOASID_OPTION_CHARGE_SHARED, 0));
	/* Any page may be an end of an unmap. */
	ASSERT_EQ(0, native_set(self->fd, 1, IOASID_OPTION_HUGE_PAGES, 0));
	ASSERT_TRUE(sparse_iommu(true));
	self->device = -1;
	if (strcmp(variant->device, SPLIT_FAKE)) {
		self->bar = edu_attach(self->fd, &self->d, &self->device);
		ASSERT_NE(NULL, self->bar);
		self->scratch = small_pages(PAGE);
		memset(self->scratch, 1, PAGE);
	} else {
		ASSERT_TRUE(native_attach(self->fd, &self->d, variant->device));
	}
	self->missing = sparse_missing();
	ASSERT_EQ(0, split_mapped());
	self->mem = small_pages(MEMORY * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, munmap(self->mem, MEMORY * PAGE));
}

FIXTURE_TEARDOWN(random)
{
	if (self->device >= 0)
		close(self->device);
	backend_close(&self->d);
	close(self->fd);
	EXPECT_LOCKED(0);
	EXPECT_TRUE(sparse_iommu(false));
	EXPECT_EQ(self->missing, sparse_missing());
}

/* --- the model --- */

static struct area *area_at(S *self, int space, unsigned int page)
{
	struct space *s = &self->space[space];
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (page >= s->area[i].first && page < s->area[i].first + s->area[i].npages)
			return &s->area[i];
	return NULL;
}

static bool is_free(S *self, int space, unsigned int first, unsigned int n)
{
	while (n--)
		if (area_at(self, space, first + n))
			return false;
	return true;
}

static void model_map(S *self, int space, unsigned int first, unsigned int n, unsigned int object,
		      unsigned int skip)
{
	struct space *s = &self->space[space];

	s->area[s->nr++] = (struct area){ first, n, object, skip };
	self->object[object].areas++;
}

/* Cut the mapping with @page, whose part from there on becomes another one. */
static void model_cut(S *self, int space, unsigned int page)
{
	struct area *a = page < PAGES ? area_at(self, space, page) : NULL;
	struct object *old, *rest;
	unsigned int n, at;

	if (!a || a->first == page)
		return;
	n = a->first + a->npages - page;
	at = a->skip + a->npages - n;
	a->npages -= n;
	old = &self->object[a->object];
	if (old->areas > 1) {
		model_map(self, space, page, n, a->object, at);
		return;
	}
	rest = &self->object[++self->objects];
	rest->npages = old->npages - at;
	memcpy(rest->there, old->there + at, rest->npages);
	old->npages = at;
	model_map(self, space, page, n, self->objects, 0);
}

static void model_remove(S *self, int space, unsigned int first, unsigned int n)
{
	struct space *s = &self->space[space];
	unsigned int i;

	for (i = 0; i < s->nr; ) {
		if (s->area[i].first < first || s->area[i].first >= first + n) {
			i++;
			continue;
		}
		self->object[s->area[i].object].areas--;
		s->area[i] = s->area[--s->nr];
	}
}

static unsigned int count(const bool *there, unsigned int n)
{
	unsigned int i, found = 0;

	for (i = 0; i < n; i++)
		found += there[i];
	return found;
}

static unsigned int model_charged(S *self)
{
	unsigned int i, n = 0;

	for (i = 1; i <= self->objects; i++)
		if (self->object[i].areas)
			n += count(self->object[i].there, self->object[i].npages);
	return n;
}

/* Is everything in @space as the model has it? */
static bool space_as_modelled(S *self, int space)
{
	struct ioasid_get_info info = native_info(self->fd, self->id[space]);
	struct space *s = &self->space[space];
	unsigned int i, pages = 0, there = 0;

	for (i = 0; i < s->nr; i++) {
		pages += s->area[i].npages;
		there += count(self->object[s->area[i].object].there + s->area[i].skip,
			       s->area[i].npages);
	}
	if (info.out_maps != s->nr || info.out_bytes != pages * PAGE || info.out_pinned != there ||
	    (!space && !self->bar && split_mapped() != there)) {
		TH_LOG("space %d: %llu mappings of %llu pages, %llu pinned, not %u of %u, %u; the IOMMU has %lld",
		       space, (unsigned long long)info.out_maps,
		       (unsigned long long)(info.out_bytes / PAGE), (unsigned long long)info.out_pinned,
		       s->nr, pages, there, split_mapped());
		return false;
	}
	return true;
}

static bool as_modelled(S *self)
{
	long charged = model_charged(self);

	if (!space_as_modelled(self, 0) || !space_as_modelled(self, 1))
		return false;
	if (distinct_locked(getpid(), charged) == charged)
		return true;
	TH_LOG("%ld pages are charged, not %ld", locked_kib() / 4, charged);
	return false;
}

/* --- the steps --- */

/* The process does something to some of its memory. */
static bool step_memory(S *self)
{
	unsigned int first = chance(self, MEMORY), n = 1 + chance(self, MEMORY - first), i;
	unsigned int what = chance(self, 4);
	char *at = self->mem + first * PAGE;

	if (chance(self, 2))
		n = 1 + chance(self, n < 8 ? n : 8);
	if (!what)
		return !munmap(at, n * PAGE) && (memset(self->there + first, 0, n), true);
	if (mmap(at, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != at)
		return false;
	for (i = 0; i < n; i++)
		*(unsigned int *)(at + i * PAGE) = rand_r(&self->seed);
	memset(self->there + first, what > 1, n);
	return what > 1 || !mprotect(at, n * PAGE, chance(self, 2) ? PROT_NONE : PROT_READ);
}

/* Are the holes of a map of @n pages of the process from @from on those of the model? */
static bool holes_are(S *self, const struct sparse *s, uint64_t iova, unsigned int from,
		      unsigned int n)
{
	unsigned int i, end, nr = 0;

	if (s->mapped != count(self->there + from, n))
		return false;
	for (i = 0; i < n; i = end) {
		for (end = i + 1; end < n && self->there[from + end] == self->there[from + i]; )
			end++;
		if (self->there[from + i])
			continue;
		if (!sparse_is(s, nr++, iova, i, end - i))
			return false;
	}
	self->holes += nr;
	return nr == s->nr;
}

/* Does the device find in a page of a new mapping what the process has there? */
static bool device_agrees(S *self, uint64_t iova, unsigned int from, unsigned int n)
{
	unsigned int i = chance(self, n);

	if (!self->there[from + i])
		return true;
	self->copies++;
	memset(self->scratch, 0, PAGE);
	return edu_copy(self->bar, iova + i * PAGE, SCRATCH, PAGE) &&
	       !memcmp(self->scratch, self->mem + (from + i) * PAGE, PAGE);
}

static bool step_map(S *self, int space)
{
	unsigned int from = chance(self, MEMORY), most = MEMORY - from, n, first;
	struct object *o = &self->object[self->objects + 1];
	struct sparse s;
	uint64_t iova, at;

	n = 1 + chance(self, most < LONGEST ? most : LONGEST);
	first = chance(self, PAGES - n);
	iova = AT + first * PAGE;
	at = sparse_map(self->fd, self->id[space], iova, self->mem + from * PAGE, n, &s);
	if (!is_free(self, space, first, n))
		return at == NATIVE_FAIL && errno == EEXIST;
	if (!count(self->there + from, n))
		return at == NATIVE_FAIL && errno == EFAULT;
	if (at != iova || !holes_are(self, &s, iova, from, n))
		return false;
	self->objects++;
	o->npages = n;
	memcpy(o->there, self->there + from, n);
	model_map(self, space, first, n, self->objects, 0);
	return space || !self->bar || device_agrees(self, iova, from, n);
}

/* Of any part of a mapping in either space. */
static bool step_copy(S *self, int to)
{
	int space = chance(self, SPACES);
	struct space *s = &self->space[space];
	unsigned int skip, n, first;
	struct area a;

	if (!s->nr)
		return true;
	a = s->area[chance(self, s->nr)];
	skip = chance(self, a.npages);
	n = 1 + chance(self, a.npages - skip);
	first = chance(self, PAGES - n);
	if (!is_free(self, to, first, n))
		return true;
	if (native_copy(self->fd, self->id[to], self->id[space], NATIVE_FIXED, AT + first * PAGE,
			AT + (a.first + skip) * PAGE, n * PAGE) != AT + first * PAGE)
		return false;
	model_map(self, to, first, n, a.object, a.skip + skip);
	return true;
}

static bool step_unmap(S *self, int space)
{
	unsigned int first = chance(self, PAGES), n = 1 + chance(self, PAGES - first), i, pages = 0;
	long long got;

	if (chance(self, 3))
		n = 1 + chance(self, n < 32 ? n : 32);
	for (i = 0; i < n; i++)
		pages += !!area_at(self, space, first + i);
	got = native_unmap_split(self->fd, self->id[space], AT + first * PAGE, n * PAGE);
	if (!pages)
		return got == -1 && errno == ENOENT;
	if (got != (long long)(pages * PAGE)) {
		TH_LOG("unmap of %u pages from %u on: %lld, not %u pages", n, first, got, pages);
		return false;
	}
	model_cut(self, space, first + n);
	model_cut(self, space, first);
	model_remove(self, space, first, n);
	return true;
}

static bool step(S *self)
{
	int space = chance(self, SPACES);

	switch (chance(self, 8)) {
	case 0:
	case 1:
	case 2:
		return step_memory(self);
	case 3:
	case 4:
		return step_map(self, space);
	case 5:
		return step_copy(self, space);
	default:
		return step_unmap(self, space);
	}
}

TEST_F_TIMEOUT(random, model, 120)
{
	int i, nr = getenv("SPARSE_STEPS") ? atoi(getenv("SPARSE_STEPS")) : self->bar ? 500 : 1500;
	long long before = ktap_pinned();

	for (i = 0; i < nr && self->objects < OBJECTS - 4; i++) {
		if (self->bar)
			ASSERT_EQ(SCRATCH, native_map(self->fd, 1, NATIVE_FIXED, SCRATCH, self->scratch,
						      PAGE));
		errno = 0;
		if (!step(self)) {
			TH_LOG("step %d of seed %s: %m", i, getenv("SPARSE_SEED") ?: "1");
			break;
		}
		if (self->bar)
			ASSERT_EQ((long long)PAGE, native_unmap(self->fd, 1, SCRATCH, PAGE));
		if (!as_modelled(self)) {
			TH_LOG("after step %d of seed %s", i, getenv("SPARSE_SEED") ?: "1");
			break;
		}
	}
	EXPECT_EQ(nr, i);
	TH_LOG("%u holes, %u copies by the device, %u objects", self->holes, self->copies, self->objects);
	EXPECT_LT(nr / 25, (int)self->holes);
	EXPECT_TRUE(!self->bar || self->copies > 5);
	for (i = 0; i < SPACES; i++)
		native_unmap_all(self->fd, self->id[i]);
	EXPECT_EQ(0, split_mapped());
	EXPECT_EQ(before, ktap_pinned());
}

TEST_HARNESS_MAIN
