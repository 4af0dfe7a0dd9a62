// SPDX-License-Identifier: GPL-2.0-only
/*
 * charge_shared, by chance: maps, unmaps, also of parts, new memory at old addresses, moves, copies, children
 * that map and exit, over four address spaces; and a model of what is mapped. After
 * each step VmLck is the number of different pages that the model says are pinned.
 *
 * DISTINCT_SEED chooses the steps, DISTINCT_STEPS how many there are.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "distinct.h"

#define SPACES	4
#define SLOTS	24		/* in each of them */
#define SLOT	(64 * MIB)
#define SMALL	64		/* pages of a piece of memory */
#define HUGE	(2 * MIB / PAGE)
#define LONGEST	1024		/* pages of one mapping */

/* Each piece can be mapped, in whole or in part. */
enum piece {
	PRIVATE,
	SHARED,			/* of a memfd */
	ALIAS,			/* the same memfd, elsewhere, for reading */
	LARGE,			/* perhaps in huge pages */
	PIECES,
};

/*
 * What is mapped in a slot: frames, 0 for those that are free of charge, or unmapped, GONE, since
 * a part was unmapped; @owner made it.
 */
#define GONE	UINT64_MAX

struct slot {
	pid_t owner;
	unsigned int npages;
	uint64_t pfn[LONGEST];
};

struct model {
	struct slot slot[SPACES][SLOTS];
	uint64_t zero;
};

FIXTURE(random) {
	struct model *m;	/* shared with children */
	int fd[SPACES];
	int pagemap;
	int file;
	char *mem[PIECES];
	unsigned int pages[PIECES];
	unsigned int seed;
};

static uint64_t frame(int pagemap, const void *at)
{
	uint64_t entry = 0;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)at / PAGE * sizeof(entry)) != sizeof(entry))
		return 0;
	return entry & (1ULL << 63) ? entry & ((1ULL << 55) - 1) : 0;
}

static char *reserve(size_t pages, int flags, int fd, int prot)
{
	char *mem = mmap(NULL, pages * PAGE + 2 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return mem;
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(2 * MIB - 1));
	return mmap(mem, pages * PAGE, prot, flags | MAP_FIXED, fd, 0);
}

FIXTURE_SETUP(random)
{
	const int rw = PROT_READ | PROT_WRITE;
	volatile char *zero;
	int i;

	self->seed = getenv("DISTINCT_SEED") ? atoi(getenv("DISTINCT_SEED")) : 1;
	self->m = mmap(NULL, sizeof(*self->m), rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->m);
	for (i = 0; i < SPACES; i++) {
		self->fd[i] = distinct_open(true);
		ASSERT_LE(0, self->fd[i]);
	}
	self->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->pagemap);
	self->file = memfd_create("distinct", 0);
	ASSERT_EQ(0, ftruncate(self->file, SMALL * PAGE));
	for (i = 0; i < PIECES; i++)
		self->pages[i] = i == LARGE ? 3 * HUGE : SMALL;
	self->mem[PRIVATE] = reserve(SMALL, MAP_PRIVATE | MAP_ANONYMOUS, -1, rw);
	self->mem[SHARED] = reserve(SMALL, MAP_SHARED, self->file, rw);
	self->mem[ALIAS] = reserve(SMALL, MAP_SHARED, self->file, PROT_READ);
	self->mem[LARGE] = reserve(3 * HUGE, MAP_PRIVATE | MAP_ANONYMOUS, -1, rw);
	for (i = 0; i < PIECES; i++)
		ASSERT_NE(MAP_FAILED, self->mem[i]);
	madvise(self->mem[LARGE], 3 * HUGE * PAGE, MADV_HUGEPAGE);
	zero = reserve(1, MAP_PRIVATE | MAP_ANONYMOUS, -1, PROT_READ);
	ASSERT_EQ(0, *zero);
	self->m->zero = frame(self->pagemap, (const void *)zero);
	ASSERT_NE(0, self->m->zero);
}

FIXTURE_TEARDOWN(random)
{
	int i;

	for (i = 0; i < SPACES; i++)
		close(self->fd[i]);
	EXPECT_LOCKED(0);
}

typedef struct ktap_fixture_random S;

static unsigned int chance(S *self, unsigned int n)
{
	return rand_r(&self->seed) % n;
}

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Different pages of what this process has mapped. */
static long different(S *self)
{
	static uint64_t all[SPACES * SLOTS * LONGEST];
	unsigned int i, n = 0;
	long found = 0;

	for (i = 0; i < SPACES * SLOTS; i++) {
		const struct slot *s = &self->m->slot[i / SLOTS][i % SLOTS];

		if (s->owner != getpid())
			continue;
		memcpy(all + n, s->pfn, s->npages * sizeof(*all));
		n += s->npages;
	}
	qsort(all, n, sizeof(*all), order);
	for (i = 0; i < n; i++)
		found += all[i] && all[i] != GONE && (!i || all[i] != all[i - 1]);
	return found;
}

/* What a mapping has pinned is what is there right after it. */
static void note(S *self, struct slot *s, const char *mem, unsigned int npages)
{
	unsigned int i;

	s->owner = getpid();
	s->npages = npages;
	for (i = 0; i < npages; i++) {
		s->pfn[i] = frame(self->pagemap, mem + i * PAGE);
		if (s->pfn[i] == self->m->zero)
			s->pfn[i] = 0;
	}
}

static bool step_map(S *self, int space, int slot)
{
	enum piece p = chance(self, PIECES);
	unsigned int first = chance(self, self->pages[p]), n = self->pages[p] - first;
	uint32_t flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA;
	uint64_t iova = slot * SLOT;

	if (p == LARGE && chance(self, 2))
		first &= ~(HUGE - 1);
	n = 1 + chance(self, self->pages[p] - first);
	if (p == LARGE && chance(self, 2))
		n = self->pages[p] - first;
	if (n > LONGEST)
		n = LONGEST;
	if (p != ALIAS && chance(self, 4))
		flags |= IOASID_MAP_FLAG_WRITE;
	if (native_map(self->fd[space], 0, flags, iova, self->mem[p] + first * PAGE, n * PAGE) != iova)
		return false;
	note(self, &self->m->slot[space][slot], self->mem[p] + first * PAGE, n);
	return true;
}

static bool step_map_file(S *self, int space, int slot)
{
	unsigned int first = chance(self, SMALL), n = 1 + chance(self, SMALL - first);

	if (native_map_file(self->fd[space], 0, NATIVE_FIXED, slot * SLOT, self->file, first * PAGE,
			    n * PAGE) != slot * SLOT)
		return false;
	/* So that the page table says which pages these are. */
	madvise(self->mem[SHARED] + first * PAGE, n * PAGE, MADV_POPULATE_READ);
	note(self, &self->m->slot[space][slot], self->mem[SHARED] + first * PAGE, n);
	return true;
}

/* All of it, or a part. */
static bool step_unmap(S *self, int space, int slot)
{
	struct slot *s = &self->m->slot[space][slot];
	unsigned int first = 0, n = s->npages, i, pages = 0;
	long long got;

	if (chance(self, 2)) {
		first = chance(self, s->npages);
		n = 1 + chance(self, s->npages - first);
	}
	for (i = first; i < first + n; i++) {
		pages += s->pfn[i] != GONE;
		s->pfn[i] = GONE;
	}
	got = native_unmap_split(self->fd[space], 0, slot * SLOT + first * PAGE, n * PAGE);
	for (i = 0; i < s->npages && s->pfn[i] == GONE; i++)
		;
	if (i == s->npages)
		s->npages = 0;
	return got == (pages ? (long long)(pages * PAGE) : -1);
}

/* Other memory at the same address, or the same at another one. */
static bool step_memory(S *self)
{
	char *mem = self->mem[PRIVATE], *moved;
	unsigned int first = chance(self, SMALL), n = 1 + chance(self, SMALL - first);

	switch (chance(self, 5)) {
	case 0:
		return mmap(mem + first * PAGE, n * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
	case 1:
		return !madvise(mem + first * PAGE, n * PAGE, MADV_DONTNEED);
	case 2:
		return !madvise(self->mem[LARGE] + first * PAGE, n * PAGE, MADV_DONTNEED);
	case 3:
		memset(self->mem[LARGE] + first * PAGE, 1, HUGE * PAGE);
		return !fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first * PAGE,
				  n * PAGE);
	default:
		moved = reserve(SMALL, MAP_PRIVATE | MAP_ANONYMOUS, -1, PROT_READ | PROT_WRITE);
		/* Only what is of one piece can be moved. */
		if (moved == MAP_FAILED || mremap(mem, n * PAGE, n * PAGE,
						  MREMAP_MAYMOVE | MREMAP_FIXED, moved) != moved)
			return moved != MAP_FAILED && errno == EFAULT;
		self->mem[PRIVATE] = moved;
		return true;
	}
}

static bool step(S *self)
{
	int space = chance(self, SPACES), slot = chance(self, SLOTS);
	struct slot *s = &self->m->slot[space][slot];
	unsigned int what = chance(self, 10);

	if (what == 0)
		return step_memory(self);
	if (s->npages)
		return step_unmap(self, space, slot);
	return what == 1 ? step_map_file(self, space, slot) : step_map(self, space, slot);
}

static bool steps(S *self, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		long want;

		if (!step(self)) {
			TH_LOG("step %d: %m", i);
			return false;
		}
		want = different(self);
		if (distinct_locked(getpid(), want) != want) {
			TH_LOG("step %d: %ld different pages, VmLck %ld", i, want, locked_kib() / 4);
			return false;
		}
	}
	return true;
}

/* It maps and unmaps, also what its parent has mapped, and leaves mappings behind. */
static bool child(S *self)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		/* Of its own memory. */
		self->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
		self->seed += 1000;
		_exit(!steps(self, 10));
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

TEST_F_TIMEOUT(random, steps, 60)
{
	int i, nr = getenv("DISTINCT_STEPS") ? atoi(getenv("DISTINCT_STEPS")) : 400;

	for (i = 0; i < nr; i += 40) {
		ASSERT_TRUE(steps(self, 40));
		ASSERT_TRUE(child(self));
		self->seed += i;
		ASSERT_LOCKED(different(self));
	}
	/* One space ends with all that is in it. */
	close(self->fd[0]);
	memset(self->m->slot[0], 0, sizeof(self->m->slot[0]));
	EXPECT_LOCKED(different(self));
}

TEST_HARNESS_MAIN
