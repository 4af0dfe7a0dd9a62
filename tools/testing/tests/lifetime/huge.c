// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pin for a whole huge page: does a device see what its process sees,
 * whatever the process does with the page before the map and after it? The
 * witness is DMA by a device, on type1 too, which pins each page.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/edu.h"

#define IOVA	0x1000000ULL
#define WITNESS	0x100000ULL
#define SIZE	(4 * MIB)
#define PAGES	(SIZE / PAGE)
#define HUGE	(2 * MIB / PAGE)

/* A copy by this device takes a fifth of a second; huge.long.c has time for more. */
static const unsigned int samples[] = {
#ifdef LONG
	0, 1, HUGE - 1, HUGE, PAGES - 1,
#endif
	255, HUGE + 7,
};

/* One page-sized window of a device, and memory that both see. */
struct view {
	volatile char *bar;
	char *mem;
	char *witness;
};

FIXTURE(huge) {
	struct backend d;
	int device;
	struct view v;
};

FIXTURE_VARIANT(huge) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(huge, shim) { .kind = BACKEND_SHIM };
#ifdef LONG
FIXTURE_VARIANT_ADD(huge, type1) { .kind = BACKEND_TYPE1 };
#endif

FIXTURE_SETUP(huge)
{
	char *mem = mmap(NULL, SIZE + 2 * MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	ASSERT_NE(MAP_FAILED, mem);
	self->v.mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(2 * MIB - 1));
	madvise(self->v.mem, SIZE, MADV_HUGEPAGE);
	for (i = 0; i < PAGES; i++)
		memset(self->v.mem + i * PAGE, 1 + i % 100, PAGE);
	self->v.witness = small_pages(PAGE);
	ASSERT_NE(MAP_FAILED, self->v.witness);
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	self->device = backend_device(&self->d, DEVICE_EDU);
	ASSERT_LE(0, self->device);
	self->v.bar = edu_open(self->device);
	ASSERT_TRUE(self->v.bar);
	ASSERT_EQ(0, backend_map(&self->d, WITNESS, self->v.witness, PAGE, MAP_RW));
	if (huge_kib() < (long)(SIZE / KIB))
		SKIP(return, "no transparent huge pages can be had");
}

FIXTURE_TEARDOWN(huge)
{
	munmap((void *)(uintptr_t)self->v.bar, MIB);
	close(self->device);
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

/* Does the device read there what the process has there? */
static bool reads(struct view *v, size_t page)
{
	memset(v->witness, 0, PAGE);
	return edu_copy(v->bar, IOVA + page * PAGE, WITNESS, PAGE) &&
	       !memcmp(v->witness, v->mem + page * PAGE, PAGE);
}

/* Does the process find there what the device writes there? */
static bool writes(struct view *v, size_t page, int byte)
{
	memset(v->witness, byte, PAGE);
	return edu_copy(v->bar, WITNESS, IOVA + page * PAGE, PAGE) &&
	       !memcmp(v->witness, v->mem + page * PAGE, PAGE);
}

/* Both, for some pages, after the process has written them. */
static void agree(struct ktap_test *_self, struct view *v, int byte)
{
	unsigned int i;

	for (i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		memset(v->mem + samples[i] * PAGE, byte + i, PAGE);
		EXPECT_TRUE(reads(v, samples[i]));
		EXPECT_TRUE(writes(v, samples[i], byte + 100 + i));
	}
}

/* A child that has a copy of everything until it is told to look at it. */
struct child {
	pid_t pid;
	int tell;
};

static bool child_start(struct child *c, const char *mem)
{
	int pipes[2];
	char word;
	size_t i;

	if (pipe(pipes))
		return false;
	c->pid = fork();
	if (c->pid) {
		close(pipes[0]);
		c->tell = pipes[1];
		return c->pid > 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(pipes[0], &word, 1) != 1)
		_exit(2);
	for (i = 0; i < PAGES; i++)
		if (mem[i * PAGE] != (char)(1 + i % 100) ||
		    mem[i * PAGE + PAGE - 1] != (char)(1 + i % 100))
			_exit(1);
	_exit(0);
}

/* Has it still what it was born with? */
static int child_end(struct child *c)
{
	int status = -1;

	if (write(c->tell, "x", 1) != 1)
		return -1;
	close(c->tell);
	waitpid(c->pid, &status, 0);
	return status;
}

TEST_F(huge, all_of_it)
{
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, SIZE, MAP_RW));
	agree(_self, &self->v, 20);
	EXPECT_EQ(SIZE, backend_unmap(&self->d, IOVA, SIZE));
	/* From the middle of a page to the middle of the next. */
	self->v.mem += 100 * PAGE;
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, 2 * MIB, MAP_RW));
	EXPECT_TRUE(reads(&self->v, 0));
	EXPECT_TRUE(writes(&self->v, HUGE - 101, 3));
	EXPECT_TRUE(writes(&self->v, HUGE - 100, 4));
	EXPECT_TRUE(reads(&self->v, HUGE - 1));
}

TEST_F(huge, fork_while_mapped)
{
	struct child child;

	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, SIZE, MAP_RW));
	ASSERT_TRUE(child_start(&child, self->v.mem));
	agree(_self, &self->v, 30);
	EXPECT_EQ(0, child_end(&child));
}

TEST_F(huge, fork_before)
{
	struct child child;

	ASSERT_TRUE(child_start(&child, self->v.mem));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, SIZE, MAP_RW));
	agree(_self, &self->v, 40);
	EXPECT_EQ(0, child_end(&child));
}

/* Shared with a child when it is mapped, for reading: it must not stay so. */
TEST_F(huge, fork_before_reading)
{
	struct child child;
	unsigned int i;

	ASSERT_TRUE(child_start(&child, self->v.mem));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, SIZE, VFIO_DMA_MAP_FLAG_READ));
	for (i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		memset(self->v.mem + samples[i] * PAGE, 50 + i, PAGE);
		EXPECT_TRUE(reads(&self->v, samples[i]));
	}
	EXPECT_EQ(0, child_end(&child));
}

/* Part of it was shared and written again: some pages are the process's, some not. */
TEST_F(huge, partly_shared)
{
	struct child child;

	ASSERT_TRUE(child_start(&child, self->v.mem));
	memset(self->v.mem + 3 * PAGE, 9, PAGE);
	memset(self->v.mem + (HUGE + 1) * PAGE, 9, PAGE);
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, SIZE, MAP_RW));
	EXPECT_TRUE(writes(&self->v, 3, 11));
	EXPECT_TRUE(writes(&self->v, 4, 12));
	agree(_self, &self->v, 60);
	EXPECT_EQ(0, child_end(&child));
}

/* The pages of a huge page in another order than they have in memory. */
TEST_F(huge, pages_swapped)
{
	char *mem = self->v.mem;
	char *aside = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int move = MREMAP_MAYMOVE | MREMAP_FIXED;

	ASSERT_NE(MAP_FAILED, aside);
	ASSERT_EQ(aside, mremap(mem + PAGE, PAGE, PAGE, move, aside));
	ASSERT_EQ(mem + PAGE, mremap(mem + 255 * PAGE, PAGE, PAGE, move, mem + PAGE));
	ASSERT_EQ(mem + 255 * PAGE, mremap(aside, PAGE, PAGE, move, mem + 255 * PAGE));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, SIZE, MAP_RW));
	EXPECT_EQ(256 % 100, mem[PAGE]);
	EXPECT_TRUE(reads(&self->v, 1));
	EXPECT_TRUE(reads(&self->v, 255));
	agree(_self, &self->v, 70);
}

TEST_F(huge, protected)
{
	ASSERT_EQ(0, mprotect(self->v.mem + 2 * MIB, 2 * MIB, PROT_READ));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, self->v.mem, SIZE, MAP_RW));
	ASSERT_EQ(0, mprotect(self->v.mem + 2 * MIB, 2 * MIB, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, mprotect(self->v.mem + 7 * PAGE, PAGE, PROT_READ));
	EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, self->v.mem, SIZE, MAP_RW));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, SIZE, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_TRUE(reads(&self->v, 7));
	EXPECT_TRUE(reads(&self->v, 8));
}

/* What the process has unmapped stays the device's alone. */
TEST_F(huge, unmapped_under_it)
{
	char *mem = self->v.mem;
	size_t i, bad = 0;

	ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, SIZE, MAP_RW));
	ASSERT_EQ(mem + MIB, mmap(mem + MIB, 2 * MIB, PROT_READ | PROT_WRITE,
				  MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memset(mem + MIB, 0, 2 * MIB);
	memset(self->v.witness, 77, PAGE);
	ASSERT_TRUE(edu_copy(self->v.bar, WITNESS, IOVA + MIB, PAGE));
	ASSERT_TRUE(edu_copy(self->v.bar, WITNESS, IOVA + 3 * MIB - PAGE, PAGE));
	for (i = 0; i < 2 * MIB; i++)
		bad += mem[MIB + i] != 0;
	EXPECT_EQ(0, bad);
	EXPECT_TRUE(writes(&self->v, 5, 78));
	EXPECT_TRUE(writes(&self->v, PAGES - 1, 79));
	EXPECT_EQ(SIZE, backend_unmap(&self->d, IOVA, SIZE));
}

/* The kernel may not take it away, in whichever way it is asked to. */
TEST_F(huge, reclaim)
{
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, SIZE, MAP_RW));
	madvise(self->v.mem, SIZE, MADV_PAGEOUT);
	agree(_self, &self->v, 80);
	madvise(self->v.mem + PAGE, PAGE, MADV_PAGEOUT);
	madvise(self->v.mem, SIZE, MADV_COLD);
	madvise(self->v.mem, SIZE, 25 /* MADV_COLLAPSE */);
	madvise(self->v.mem, SIZE, MADV_MERGEABLE);
	agree(_self, &self->v, 90);
}

/* Two mappings of it are two pins: one may go. */
TEST_F(huge, twice)
{
	struct child child;

	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->v.mem, SIZE, MAP_RW));
	ASSERT_EQ(0, backend_map(&self->d, IOVA + 16 * MIB, self->v.mem, SIZE, MAP_RW));
	EXPECT_EQ(SIZE, backend_unmap(&self->d, IOVA + 16 * MIB, SIZE));
	ASSERT_TRUE(child_start(&child, self->v.mem));
	agree(_self, &self->v, 100);
	EXPECT_EQ(0, child_end(&child));
}

TEST_HARNESS_MAIN
