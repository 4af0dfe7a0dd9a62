// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of mappings, by chance: maps of small and huge pages and of a file, copies to another
 * address space, and unmaps of any range of pages; behind one of the spaces is an IOMMU with
 * entries of ten sizes, which it clears as a whole, or that of the machine. A model says what is
 * to be mapped, pinned and charged after each step, which entries the page table has, and so
 * which cuts are to be refused. (Where the IOMMU of the machine clears more than it is asked to,
 * a later unmap finds nothing to clear, and fails.)
 *
 * SPLIT_SEED chooses the steps, SPLIT_STEPS how many there are.
 */
#include <pthread.h>

#include "distinct.h"
#include "split.h"

#define IOVA	0x10000000ULL
#define PAGES	4096		/* of the window, in each space */
#define PIECE	1536		/* of a piece of memory: three huge pages */
#define SPACES	2		/* the first one has the IOMMU */
#define AREAS	4096
#define OBJECTS	16384
#define HUGE	512		/* pages of a huge page */
#define LARGEST	1024		/* pages of an entry that a piece may have */

enum piece {
	SMALL,
	LARGE,
	FILED,
	PIECES,
};

/*
 * Pages that are pinned together: @npages of them, while @areas show some. Those that no
 * mapping shows any more stay with their neighbours.
 */
struct object {
	unsigned int areas;
	unsigned int npages;
};

/* A mapping: pages of the window from @first on, which show those of @object after @skip. */
struct area {
	unsigned int first;
	unsigned int npages;
	unsigned int object;
	unsigned int skip;
};

struct space {
	struct area area[AREAS];
	unsigned int nr;
	/* The first page of the entry that a page is in; and what it shows, to copy it. */
	unsigned int entry[PAGES];
	uint64_t pfn[PAGES];
};

FIXTURE(random) {
	int fd;
	int id[SPACES];		/* address spaces of it */
	int pagemap;
	int file;
	char *mem[PIECES];
	struct backend d;
	struct space *space;
	struct object *object;
	unsigned int objects;
	unsigned int seed;
	bool large;		/* the first space has large entries */
	bool fake;		/* and the IOMMU of the tests */
	uint64_t sizes;		/* of entries, in pages, one bit each */
	unsigned int refused;
	unsigned int cuts;
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
	int i;

	self->seed = getenv("SPLIT_SEED") ? atoi(getenv("SPLIT_SEED")) : 1;
	self->space = calloc(SPACES, sizeof(*self->space));
	self->object = calloc(OBJECTS, sizeof(*self->object));
	ASSERT_NE(NULL, self->space);
	ASSERT_NE(NULL, self->object);
	self->fd = distinct_open(false);
	ASSERT_LE(0, self->fd);
	self->id[0] = 1;
	self->id[1] = native_alloc(self->fd);
	ASSERT_EQ(2, self->id[1]);
	ASSERT_EQ(0, native_set(self->fd, 2, IOASID_OPTION_CHARGE_SHARED, 0));
	ASSERT_TRUE(split_iommu(true));
	ASSERT_TRUE(native_attach(self->fd, &self->d, variant->device));
	self->fake = !strcmp(variant->device, SPLIT_FAKE);
	self->sizes = native_info(self->fd, 0).out_pgsizes / PAGE;
	ASSERT_EQ(0, split_mapped());
	self->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->pagemap);
	self->file = memfd_create("split", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(self->file, PIECE * PAGE));
	self->mem[SMALL] = split_memory(PIECE * PAGE, MADV_NOHUGEPAGE);
	self->mem[LARGE] = split_memory(PIECE * PAGE, MADV_HUGEPAGE);
	self->mem[FILED] = mmap(NULL, PIECE * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, self->file, 0);
	for (i = 0; i < PIECES; i++)
		ASSERT_NE(MAP_FAILED, self->mem[i]);
	memset(self->mem[FILED], 1, PIECE * PAGE);
}

FIXTURE_TEARDOWN(random)
{
	backend_close(&self->d);
	close(self->fd);
	EXPECT_LOCKED(0);
	EXPECT_TRUE(split_iommu(false));
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

/* The entries for @n pages whose frames are known: the largest that fit, from the left. */
static void model_write(S *self, int space, unsigned int first, unsigned int n)
{
	struct space *s = &self->space[space];
	unsigned int run, size, i, at = first;

	while (at < first + n) {
		for (run = 1; at + run < first + n && s->pfn[at + run] == s->pfn[at] + run; )
			run++;
		for (; run; run -= size, at += size) {
			size = self->large ? LARGEST : 1;
			while (size > run || (IOVA / PAGE + at) % size || s->pfn[at] % size ||
			       (size > 1 && !(self->sizes & size)))
				size /= 2;
			for (i = 0; i < size; i++)
				s->entry[at + i] = at;
		}
	}
}

static void model_map(S *self, int space, unsigned int first, unsigned int n, unsigned int object,
		      unsigned int skip)
{
	struct space *s = &self->space[space];

	s->area[s->nr++] = (struct area){ first, n, object, skip };
	self->object[object].areas++;
}

/* Is there an entry on both sides of @page? Both are of one mapping, or it is none. */
static bool model_crosses(S *self, int space, unsigned int page)
{
	struct area *a = page < PAGES ? area_at(self, space, page) : NULL;

	return a && a->first != page && !space &&
	       self->space[0].entry[page] == self->space[0].entry[page - 1];
}

/* Cut the mapping with @page, whose part from there on becomes another one. */
static void model_cut(S *self, int space, unsigned int page)
{
	struct area *a = page < PAGES ? area_at(self, space, page) : NULL;
	unsigned int n, at;

	if (!a || a->first == page)
		return;
	self->cuts++;
	n = a->first + a->npages - page;
	at = a->skip + a->npages - n;
	a->npages -= n;
	if (self->object[a->object].areas == 1) {
		self->object[++self->objects] = (struct object){ 0, self->object[a->object].npages - at };
		self->object[a->object].npages = at;
		model_map(self, space, page, n, self->objects, 0);
	} else {
		model_map(self, space, page, n, a->object, at);
	}
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

static unsigned int model_pages(S *self, int space)
{
	unsigned int i, n = 0;

	for (i = 0; i < self->space[space].nr; i++)
		n += self->space[space].area[i].npages;
	return n;
}

static unsigned int model_charged(S *self)
{
	unsigned int i, n = 0;

	for (i = 1; i <= self->objects; i++)
		n += self->object[i].areas ? self->object[i].npages : 0;
	return n;
}

/* --- the steps --- */

static bool step_map(S *self, int space)
{
	unsigned int from = chance(self, PIECE), n = 1 + chance(self, PIECE - from), i;
	unsigned int first = chance(self, PAGES - n);
	enum piece p = chance(self, PIECES);
	uint64_t iova;

	if (p == LARGE && chance(self, 2)) {
		from &= ~(HUGE - 1);
		n = PIECE - from;
		first = chance(self, PAGES - n) & ~(HUGE - 1);
	}
	iova = IOVA + first * PAGE;
	if (!is_free(self, space, first, n))
		return native_map(self->fd, self->id[space], NATIVE_FIXED, iova, self->mem[p], n * PAGE) ==
		       NATIVE_FAIL && errno == EEXIST;
	if (p == FILED ? native_map_file(self->fd, self->id[space], NATIVE_FIXED, iova, self->file,
					 from * PAGE, n * PAGE) != iova :
			 native_map(self->fd, self->id[space], NATIVE_FIXED, iova,
				    self->mem[p] + from * PAGE, n * PAGE) != iova)
		return false;
	for (i = 0; i < n; i++)
		self->space[space].pfn[first + i] = split_frame(self->pagemap,
								self->mem[p] + (from + i) * PAGE);
	model_write(self, space, first, n);
	self->object[++self->objects] = (struct object){ 0, n };
	model_map(self, space, first, n, self->objects, 0);
	return true;
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
	if (native_copy(self->fd, self->id[to], self->id[space], NATIVE_FIXED, IOVA + first * PAGE,
			IOVA + (a.first + skip) * PAGE, n * PAGE) != IOVA + first * PAGE)
		return false;
	memmove(self->space[to].pfn + first, s->pfn + a.first + skip, n * sizeof(*s->pfn));
	model_write(self, to, first, n);
	model_map(self, to, first, n, a.object, a.skip + skip);
	return true;
}

static bool step_unmap(S *self, int space)
{
	unsigned int first = chance(self, PAGES), n = 1 + chance(self, PAGES - first), i, pages = 0;
	struct ioasid_get_info before = native_info(self->fd, self->id[space]);
	bool refused;
	long long got;

	if (chance(self, 4))
		n = 1 + chance(self, n < 64 ? n : 64);
	if (!chance(self, 3)) {
		i = HUGE >> chance(self, 8);
		first &= ~(i - 1);
		n = (n + i - 1) & ~(i - 1);
	}
	if (first + n > PAGES)
		n = PAGES - first;
	for (i = 0; i < n; i++)
		pages += !!area_at(self, space, first + i);
	refused = model_crosses(self, space, first) || model_crosses(self, space, first + n);
	got = native_unmap_split(self->fd, self->id[space], IOVA + first * PAGE, n * PAGE);
	if (!pages || refused) {
		self->refused += pages && refused;
		return got == -1 && errno == (pages ? ERANGE : ENOENT) &&
		       native_info(self->fd, self->id[space]).out_maps == before.out_maps;
	}
	if (got != (long long)(pages * PAGE)) {
		TH_LOG("unmap of %u pages from %u on: %lld, not %u pages", n, first, got, pages);
		return false;
	}
	model_cut(self, space, first + n);
	model_cut(self, space, first);
	model_remove(self, space, first, n);
	return true;
}

/* Is everything as the model has it? */
static bool as_modelled(S *self)
{
	long charged = model_charged(self);
	int i;

	for (i = 0; i < SPACES; i++) {
		struct ioasid_get_info info = native_info(self->fd, self->id[i]);

		if (info.out_maps != self->space[i].nr ||
		    info.out_bytes != model_pages(self, i) * PAGE) {
			TH_LOG("space %d: %llu mappings of %llu pages, not %u of %u", i,
			       (unsigned long long)info.out_maps,
			       (unsigned long long)info.out_bytes / PAGE, self->space[i].nr,
			       model_pages(self, i));
			return false;
		}
	}
	if (self->fake && split_mapped() != model_pages(self, 0)) {
		TH_LOG("the IOMMU has %lld pages, not %u", split_mapped(), model_pages(self, 0));
		return false;
	}
	if (distinct_locked(getpid(), charged) != charged) {
		TH_LOG("%ld pages are charged, not %ld", locked_kib() / 4, charged);
		return false;
	}
	return true;
}

static bool step(S *self)
{
	int space = chance(self, SPACES);

	switch (chance(self, 8)) {
	case 0:
	case 1:
		return step_map(self, space);
	case 2:
		return step_copy(self, space);
	default:
		return step_unmap(self, space);
	}
}

/* Whatever happens, as often as it is to happen. */
static bool steps(S *self, bool large)
{
	int i, nr = getenv("SPLIT_STEPS") ? atoi(getenv("SPLIT_STEPS")) : 400;

	self->large = large;
	if (native_set(self->fd, self->id[0], IOASID_OPTION_HUGE_PAGES, large))
		return false;
	for (i = 0; i < nr; i++) {
		if (step(self) && as_modelled(self))
			continue;
		TH_LOG("step %d of seed %s: %m", i, getenv("SPLIT_SEED") ?: "1");
		return false;
	}
	TH_LOG("%u cuts, %u refused", self->cuts, self->refused);
	return (int)self->cuts > nr / 8 && (self->refused > 0) == large;
}

static bool all_gone(S *self)
{
	int i;

	for (i = 0; i < SPACES; i++)
		if (native_unmap_all(self->fd, self->id[i]) != (long long)(model_pages(self, i) * PAGE))
			return false;
	return !split_mapped();
}

TEST_F_TIMEOUT(random, large_entries, 60)
{
	long long before = ktap_pinned();

	EXPECT_TRUE(steps(self, true));
	EXPECT_TRUE(all_gone(self));
	EXPECT_EQ(before, ktap_pinned());
}

/* Threads that get in each other's way: in the end nothing may be left. */
static void *thread(void *arg)
{
	S *self = arg;
	unsigned int seed = self->seed + (unsigned int)gettid(), i;

	for (i = 0; i < 300; i++) {
		unsigned int first = rand_r(&seed) % 256, n = 1 + rand_r(&seed) % 64;
		int id = self->id[rand_r(&seed) % SPACES];
		uint64_t iova = IOVA + first * PAGE;

		switch (rand_r(&seed) % 8) {
		case 0:
			native_map_file(self->fd, id, NATIVE_FIXED, iova, self->file, first * PAGE, n * PAGE);
			break;
		case 1:
		case 2:
			native_map(self->fd, id, NATIVE_FIXED, iova, self->mem[SMALL] + first * PAGE,
				   n * PAGE);
			break;
		case 3:
			native_copy(self->fd, id, self->id[rand_r(&seed) % SPACES], NATIVE_FIXED,
				    IOVA + rand_r(&seed) % 256 * PAGE, iova, (1 + n % 4) * PAGE);
			break;
		case 4:
			native_set(self->fd, id, IOASID_OPTION_CHARGE_SHARED, rand_r(&seed) % 2);
			break;
		default:
			native_unmap_split(self->fd, id, iova, n * PAGE);
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(random, threads, 60)
{
	long long before = ktap_pinned();
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, thread, self));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	if (self->fake)
		EXPECT_EQ((long long)native_info(self->fd, 1).out_bytes,
			  split_mapped() * (long long)PAGE);
	EXPECT_LE(0, native_unmap_all(self->fd, 1));
	EXPECT_LE(0, native_unmap_all(self->fd, 2));
	EXPECT_EQ(0, split_mapped());
	EXPECT_EQ(before, ktap_pinned());
	EXPECT_LOCKED(0);
}

TEST_F_TIMEOUT(random, small_entries, 60)
{
	long long before = ktap_pinned();

	EXPECT_TRUE(steps(self, false));
	EXPECT_TRUE(all_gone(self));
	EXPECT_EQ(before, ktap_pinned());
}

TEST_HARNESS_MAIN
