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

#include "model.h"

#define IOVA	0x10000000ULL
#define PAGES	4096		/* of the window, in each space */
#define PIECE	1536		/* of a piece of memory: three huge pages */
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

/* The first page of the entry that a page is in; and the frame that it shows, to copy it. */
struct table {
	unsigned int entry[PAGES];
	uint64_t pfn[PAGES];
};

FIXTURE(random) {
	struct model m;
	int pagemap;
	int file;
	char *mem[PIECES];
	struct backend d;
	struct table *table;	/* of each space */
	bool large;		/* the first space has large entries */
	bool fake;		/* and the IOMMU of the tests */
	bool whole;		/* or one that removes as a whole what one call has mapped */
	uint64_t sizes;		/* of entries, in pages, one bit each */
	unsigned int refused;
};

typedef struct ktap_fixture_random S;

FIXTURE_VARIANT(random) {
	const char *device;
};

FIXTURE_VARIANT_ADD(random, fake) { .device = SPLIT_FAKE };
FIXTURE_VARIANT_ADD(random, machine) { .device = DEVICE_EDU };

FIXTURE_SETUP(random)
{
	int i;

	ASSERT_TRUE(model_open(&self->m, IOVA, PAGES, AREAS, OBJECTS, getenv("SPLIT_SEED")));
	self->table = calloc(SPACES, sizeof(*self->table));
	ASSERT_NE(NULL, self->table);
	ASSERT_TRUE(split_iommu(true));
	ASSERT_TRUE(native_attach(self->m.fd, &self->d, variant->device));
	self->fake = !strcmp(variant->device, SPLIT_FAKE);
	self->whole = !self->fake && iommu_is_virtio();
	self->sizes = native_info(self->m.fd, 0).out_pgsizes / PAGE;
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
	close(self->m.fd);
	EXPECT_LOCKED(0);
	EXPECT_TRUE(split_iommu(false));
}

/* --- the page table, as the model has it --- */

/* The entries for @n pages whose frames are known: the largest that fit, from the left. */
static void table_write(S *self, int space, unsigned int first, unsigned int n)
{
	struct table *s = &self->table[space];
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

/* Is there an entry on both sides of @page? Both are of one mapping, or it is none. */
static bool table_crosses(S *self, int space, unsigned int page)
{
	struct area *a = page < PAGES ? model_at(&self->m, space, page) : NULL;

	return a && a->first != page && !space &&
	       self->table[0].entry[page] == self->table[0].entry[page - 1];
}

/* --- the steps --- */

static bool step_map(S *self, int space)
{
	unsigned int from = model_chance(&self->m, PIECE), n = 1 + model_chance(&self->m, PIECE - from), i;
	unsigned int first = model_chance(&self->m, PAGES - n);
	enum piece p = model_chance(&self->m, PIECES);
	uint64_t iova;

	if (p == LARGE && model_chance(&self->m, 2)) {
		from &= ~(HUGE - 1);
		n = PIECE - from;
		first = model_chance(&self->m, PAGES - n) & ~(HUGE - 1);
	}
	iova = IOVA + first * PAGE;
	if (model_mapped(&self->m, space, first, n))
		return native_map(self->m.fd, self->m.id[space], NATIVE_FIXED, iova, self->mem[p], n * PAGE) ==
		       NATIVE_FAIL && errno == EEXIST;
	if (p == FILED ? native_map_file(self->m.fd, self->m.id[space], NATIVE_FIXED, iova, self->file,
					 from * PAGE, n * PAGE) != iova :
			 native_map(self->m.fd, self->m.id[space], NATIVE_FIXED, iova,
				    self->mem[p] + from * PAGE, n * PAGE) != iova)
		return false;
	for (i = 0; i < n; i++)
		self->table[space].pfn[first + i] = split_frame(self->pagemap,
								self->mem[p] + (from + i) * PAGE);
	table_write(self, space, first, n);
	model_map(&self->m, space, first, n, model_object(&self->m, n, NULL), 0);
	return true;
}

static bool step_copy(S *self, int to)
{
	struct copied c;

	if (!model_copy(&self->m, to, &c))
		return false;
	memmove(self->table[to].pfn + c.to, self->table[c.space].pfn + c.from,
		c.npages * sizeof(*self->table->pfn));
	table_write(self, to, c.to, c.npages);
	return true;
}

static bool step_unmap(S *self, int space)
{
	unsigned int first = model_chance(&self->m, PAGES), n = 1 + model_chance(&self->m, PAGES - first), i, pages;
	struct ioasid_get_info before = native_info(self->m.fd, self->m.id[space]);
	bool refused;
	long long got;

	if (model_chance(&self->m, 4))
		n = 1 + model_chance(&self->m, n < 64 ? n : 64);
	if (!model_chance(&self->m, 3)) {
		i = HUGE >> model_chance(&self->m, 8);
		first &= ~(i - 1);
		n = (n + i - 1) & ~(i - 1);
	}
	if (first + n > PAGES)
		n = PAGES - first;
	pages = model_mapped(&self->m, space, first, n);
	refused = table_crosses(self, space, first) || table_crosses(self, space, first + n);
	got = native_unmap_split(self->m.fd, self->m.id[space], IOVA + first * PAGE, n * PAGE);
	/* Entries of a call can be more than one; the model does not know calls. */
	refused |= self->whole && self->large && !space && got == -1 && errno == ERANGE;
	if (!pages || refused) {
		self->refused += pages && refused;
		return got == -1 && errno == (pages ? ERANGE : ENOENT) &&
		       native_info(self->m.fd, self->m.id[space]).out_maps == before.out_maps;
	}
	return model_unmapped(&self->m, space, first, n, pages, got);
}

static bool step(S *self)
{
	int space = model_chance(&self->m, SPACES);

	switch (model_chance(&self->m, 8)) {
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
	if (native_set(self->m.fd, self->m.id[0], IOASID_OPTION_HUGE_PAGES, large))
		return false;
	for (i = 0; i < nr; i++) {
		if (step(self) && model_fits(&self->m, self->fake))
			continue;
		TH_LOG("step %d of seed %s: %m", i, getenv("SPLIT_SEED") ?: "1");
		return false;
	}
	TH_LOG("%u cuts, %u refused", self->m.cuts, self->refused);
	return (int)self->m.cuts > nr / 8 && (self->refused > 0) == large;
}

static bool all_gone(S *self)
{
	unsigned int there;
	int i;

	for (i = 0; i < SPACES; i++)
		if (native_unmap_all(self->m.fd, self->m.id[i]) !=
		    (long long)(model_pages(&self->m, i, &there) * PAGE))
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
	unsigned int seed = self->m.seed + (unsigned int)gettid(), i;

	for (i = 0; i < 300; i++) {
		unsigned int first = rand_r(&seed) % 256, n = 1 + rand_r(&seed) % 64;
		int id = self->m.id[rand_r(&seed) % SPACES];
		uint64_t iova = IOVA + first * PAGE;

		switch (rand_r(&seed) % 8) {
		case 0:
			native_map_file(self->m.fd, id, NATIVE_FIXED, iova, self->file, first * PAGE, n * PAGE);
			break;
		case 1:
		case 2:
			native_map(self->m.fd, id, NATIVE_FIXED, iova, self->mem[SMALL] + first * PAGE,
				   n * PAGE);
			break;
		case 3:
			native_copy(self->m.fd, id, self->m.id[rand_r(&seed) % SPACES], NATIVE_FIXED,
				    IOVA + rand_r(&seed) % 256 * PAGE, iova, (1 + n % 4) * PAGE);
			break;
		case 4:
			native_set(self->m.fd, id, IOASID_OPTION_CHARGE_SHARED, rand_r(&seed) % 2);
			break;
		default:
			native_unmap_split(self->m.fd, id, iova, n * PAGE);
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
		EXPECT_EQ((long long)native_info(self->m.fd, 1).out_bytes,
			  split_mapped() * (long long)PAGE);
	EXPECT_LE(0, native_unmap_all(self->m.fd, 1));
	EXPECT_LE(0, native_unmap_all(self->m.fd, 2));
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
