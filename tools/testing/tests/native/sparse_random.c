// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps with holes, by chance: a process maps, unmaps and protects memory; sparse maps of any
 * part of it, copies to another address space, and unmaps of any range of pages. Behind one
 * space is the IOMMU of the tests, or that of the machine with a device that copies. A model says
 * after each step which pages are mapped, pinned and charged, and each map what its holes are.
 *
 * SPARSE_SEED chooses the steps, SPARSE_STEPS how many there are.
 */
#include "lib/edu.h"
#include "model.h"
#include "sparse.h"

#define AT	0x4000000ULL
#define PAGES	512		/* of the window of IOVAs, in each space */
#define MEMORY	256		/* pages of the process */
#define LONGEST	128		/* pages of a mapping: not more than twice SPARSE_HOLES */
#define OBJECTS	8192
#define SCRATCH	(AT + PAGES * PAGE)

FIXTURE(random) {
	struct model m;
	char *mem;
	bool there[MEMORY];	/* the device could reach it */
	struct backend d;
	int device;
	volatile char *bar;	/* of the device that copies, or NULL */
	char *scratch;		/* a page of it, mapped at SCRATCH */
	unsigned int holes;
	unsigned int copies;	/* by the device */
	long long missing;
};

typedef struct ktap_fixture_random S;

FIXTURE_VARIANT(random) {
	const char *device;
};

FIXTURE_VARIANT_ADD(random, fake) { .device = SPLIT_FAKE };
FIXTURE_VARIANT_ADD(random, machine) { .device = DEVICE_EDU };

FIXTURE_SETUP(random)
{
	ASSERT_TRUE(model_open(&self->m, AT, PAGES, PAGES, OBJECTS, getenv("SPARSE_SEED")));
	/* Any page may be an end of an unmap. */
	ASSERT_EQ(0, native_set(self->m.fd, 1, IOASID_OPTION_HUGE_PAGES, 0));
	ASSERT_TRUE(sparse_iommu(true));
	self->device = -1;
	if (strcmp(variant->device, SPLIT_FAKE)) {
		self->bar = edu_attach(self->m.fd, &self->d, &self->device);
		ASSERT_NE(NULL, self->bar);
		self->scratch = small_pages(PAGE);
		memset(self->scratch, 1, PAGE);
	} else {
		ASSERT_TRUE(native_attach(self->m.fd, &self->d, variant->device));
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
	close(self->m.fd);
	EXPECT_LOCKED(0);
	EXPECT_TRUE(sparse_iommu(false));
	EXPECT_EQ(self->missing, sparse_missing());
}

static unsigned int count(const bool *there, unsigned int n)
{
	const struct object o = { .there = there };

	return model_there(&o, 0, n);
}

/* --- the steps --- */

/* The process does something to some of its memory. */
static bool step_memory(S *self)
{
	unsigned int first = model_chance(&self->m, MEMORY), n = 1 + model_chance(&self->m, MEMORY - first), i;
	unsigned int what = model_chance(&self->m, 4);
	char *at = self->mem + first * PAGE;

	if (model_chance(&self->m, 2))
		n = 1 + model_chance(&self->m, n < 8 ? n : 8);
	if (!what)
		return !munmap(at, n * PAGE) && (memset(self->there + first, 0, n), true);
	if (mmap(at, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != at)
		return false;
	for (i = 0; i < n; i++)
		*(unsigned int *)(at + i * PAGE) = rand_r(&self->m.seed);
	memset(self->there + first, what > 1, n);
	return what > 1 || !mprotect(at, n * PAGE, model_chance(&self->m, 2) ? PROT_NONE : PROT_READ);
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
	unsigned int i = model_chance(&self->m, n);

	if (!self->there[from + i])
		return true;
	self->copies++;
	memset(self->scratch, 0, PAGE);
	return edu_copy(self->bar, iova + i * PAGE, SCRATCH, PAGE) &&
	       !memcmp(self->scratch, self->mem + (from + i) * PAGE, PAGE);
}

static bool step_map(S *self, int space)
{
	unsigned int from = model_chance(&self->m, MEMORY), most = MEMORY - from, n, first;
	struct sparse s;
	bool *there;
	uint64_t iova, at;

	n = 1 + model_chance(&self->m, most < LONGEST ? most : LONGEST);
	first = model_chance(&self->m, PAGES - n);
	iova = AT + first * PAGE;
	at = sparse_map(self->m.fd, self->m.id[space], iova, self->mem + from * PAGE, n, &s);
	if (model_mapped(&self->m, space, first, n))
		return at == NATIVE_FAIL && errno == EEXIST;
	if (!count(self->there + from, n))
		return at == NATIVE_FAIL && errno == EFAULT;
	if (at != iova || !holes_are(self, &s, iova, from, n))
		return false;
	there = malloc(n);
	if (!there)
		return false;
	memcpy(there, self->there + from, n);
	model_map(&self->m, space, first, n, model_object(&self->m, n, there), 0);
	return space || !self->bar || device_agrees(self, iova, from, n);
}

static bool step_unmap(S *self, int space)
{
	unsigned int first = model_chance(&self->m, PAGES), n = 1 + model_chance(&self->m, PAGES - first), pages;
	long long got;

	if (model_chance(&self->m, 3))
		n = 1 + model_chance(&self->m, n < 32 ? n : 32);
	pages = model_mapped(&self->m, space, first, n);
	got = native_unmap_split(self->m.fd, self->m.id[space], AT + first * PAGE, n * PAGE);
	if (!pages)
		return got == -1 && errno == ENOENT;
	return model_unmapped(&self->m, space, first, n, pages, got);
}

static bool step(S *self)
{
	int space = model_chance(&self->m, SPACES);
	struct copied c;

	switch (model_chance(&self->m, 8)) {
	case 0:
	case 1:
	case 2:
		return step_memory(self);
	case 3:
	case 4:
		return step_map(self, space);
	case 5:
		return model_copy(&self->m, space, &c);
	default:
		return step_unmap(self, space);
	}
}

TEST_F_TIMEOUT(random, model, 120)
{
	int i, nr = getenv("SPARSE_STEPS") ? atoi(getenv("SPARSE_STEPS")) : self->bar ? 500 : 1500;
	long long before = ktap_pinned();

	for (i = 0; i < nr && self->m.objects < OBJECTS - 4; i++) {
		if (self->bar)
			ASSERT_EQ(SCRATCH, native_map(self->m.fd, 1, NATIVE_FIXED, SCRATCH, self->scratch,
						      PAGE));
		errno = 0;
		if (!step(self)) {
			TH_LOG("step %d of seed %s: %m", i, getenv("SPARSE_SEED") ?: "1");
			break;
		}
		if (self->bar)
			ASSERT_EQ((long long)PAGE, native_unmap(self->m.fd, 1, SCRATCH, PAGE));
		if (!model_fits(&self->m, !self->bar)) {
			TH_LOG("after step %d of seed %s", i, getenv("SPARSE_SEED") ?: "1");
			break;
		}
	}
	EXPECT_EQ(nr, i);
	TH_LOG("%u holes, %u copies by the device, %u objects", self->holes, self->copies, self->m.objects);
	EXPECT_LT(nr / 25, (int)self->holes);
	EXPECT_TRUE(!self->bar || self->copies > 5);
	for (i = 0; i < SPACES; i++)
		native_unmap_all(self->m.fd, self->m.id[i]);
	EXPECT_EQ(0, split_mapped());
	EXPECT_EQ(before, ktap_pinned());
}

TEST_HARNESS_MAIN
