// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses that the kernel chooses, among many mappings and holes: the same
 * that a model in this file chooses, and found without a walk past all of them.
 */
#include "lib/kapi.h"
#include "lib/ioasid.h"

#define BASE	0x40000000ULL
#define HUGE	512			/* pages of a huge page */
#define PIECE	(3 * HUGE)		/* pages of memory there are to map */
#define SPAN	16384			/* pages of the model */

/* Two windows in the span, with a page between them that is none. */
static const struct ioasid_iova_range window[] = {
	{ BASE, BASE + 10000 * PAGE - 1 },
	{ BASE + 10001 * PAGE, BASE + SPAN * PAGE - 1 },
};

struct mapping {
	unsigned int at, n;		/* pages */
};

FIXTURE(place) {
	int fd;
	char *mem;			/* PIECE pages, aligned as a huge page is */
	bool taken[SPAN];
	struct mapping map[SPAN];
	unsigned int maps;
};

FIXTURE_SETUP(place)
{
	char *mem = mmap(NULL, (PIECE + HUGE) * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	self->mem = (char *)(((uintptr_t)mem + HUGE * PAGE - 1) & ~(uintptr_t)(HUGE * PAGE - 1));
	memset(self->mem, 1, PIECE * PAGE);
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, native_allow(self->fd, 0, window, 2));
}

FIXTURE_TEARDOWN(place)
{
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
}

/*
 * What the header promises, in one window. Of holes that are long enough and lie
 * wrongly for a huge page sixteen are looked at, then only those where any
 * mapping of the length would find its place.
 */
static int model_window(const bool *taken, unsigned int from, unsigned int end, unsigned int n,
			unsigned int like, unsigned int align)
{
	unsigned int misfits = 0, need = n, at, hole_end;

	while (from < end) {
		while (from < end && taken[from])
			from++;
		/* It may go on behind the window, and behind the span for ever. */
		for (hole_end = from; hole_end < SPAN && !taken[hole_end]; )
			hole_end++;
		if (hole_end == SPAN || hole_end - from >= need) {
			at = from + (like - from) % align;
			if (at + n > end)
				return -1;
			if (at + n <= hole_end)
				return (int)at;
			if (++misfits == 16 && align > 1)
				need = n + align - 1;
		}
		from = hole_end;
	}
	return -1;
}

static int model(struct ktap_fixture_place *self, unsigned int n, unsigned int offset, bool huge)
{
	unsigned int align = huge && n >= HUGE ? HUGE : 1, i;
	int at;

	for (;; align = 1) {
		for (i = 0; i < 2; i++) {
			at = model_window(self->taken, (window[i].start - BASE) / PAGE,
					  (window[i].last + 1 - BASE) / PAGE, n, offset, align);
			if (at >= 0)
				return at;
		}
		if (align == 1)
			return -1;
	}
}

static void took(struct ktap_fixture_place *self, unsigned int at, unsigned int n)
{
	self->map[self->maps++] = (struct mapping){ at, n };
	memset(self->taken + at, true, n);
}

static void gave(struct ktap_fixture_place *self, unsigned int i)
{
	memset(self->taken + self->map[i].at, false, self->map[i].n);
	self->map[i] = self->map[--self->maps];
}

/* Map where the kernel likes. True if that is where the model likes, too. */
static bool choose(struct ktap_fixture_place *self, unsigned int n, unsigned int offset, bool huge)
{
	int want = model(self, n, offset, huge);
	uint64_t got = native_map(self->fd, 0, NATIVE_RW, 0, self->mem + offset * PAGE, n * PAGE);

	if (want < 0)
		return got == NATIVE_FAIL && errno == ENOSPC;
	if (got != BASE + (uint64_t)want * PAGE) {
		TH_LOG("%u pages with offset %u: at %#llx, expected %#llx", n, offset,
		       (unsigned long long)got, (unsigned long long)(BASE + (uint64_t)want * PAGE));
		return false;
	}
	took(self, (unsigned int)want, n);
	return true;
}

static bool unmap_any(struct ktap_fixture_place *self)
{
	unsigned int i = (unsigned int)rand() % self->maps;
	struct mapping m = self->map[i];

	gave(self, i);
	return native_unmap(self->fd, 0, BASE + m.at * PAGE, m.n * PAGE) ==
	       (long long)(m.n * PAGE);
}

/* At an address of the caller's, where it happens to be free. */
static bool fix_any(struct ktap_fixture_place *self)
{
	unsigned int at = (unsigned int)rand() % (SPAN - 1), n = 1 + (unsigned int)rand() % 2;
	bool busy = self->taken[at] || self->taken[at + n - 1];
	uint64_t got = native_map(self->fd, 0, NATIVE_FIXED, BASE + at * PAGE, self->mem, n * PAGE);

	if (busy)
		return got == NATIVE_FAIL && errno == EEXIST;
	took(self, at, n);
	return got == BASE + at * PAGE;
}

static bool step(struct ktap_fixture_place *self, bool huge)
{
	unsigned int what = (unsigned int)rand() % 100;

	if (what < 35 && self->maps)
		return unmap_any(self);
	if (what < 55)
		return fix_any(self);
	if (what < 63)
		return choose(self, HUGE + (unsigned int)rand() % 40, (unsigned int)rand() % HUGE,
			      huge);
	return choose(self, 1 + (unsigned int)rand() % 12, (unsigned int)rand() % HUGE, huge);
}

/* Whatever was mapped and unmapped before, it is the address of the model. */
TEST_F(place, as_the_model)
{
	unsigned int seed, i;

	for (seed = 1; seed <= 3; seed++) {
		srand(seed);
		/* Some are there before the kernel chooses anything. */
		for (i = 0; i < 40; i++)
			ASSERT_TRUE(fix_any(self));
		for (i = 0; i < 500; i++)
			ASSERT_TRUE(step(self, true));
		while (self->maps)
			ASSERT_TRUE(unmap_any(self));
	}
}

TEST_F(place, as_the_model_without_huge_pages)
{
	unsigned int i;

	ASSERT_EQ(0, native_set(self->fd, 0, IOASID_OPTION_HUGE_PAGES, 0));
	srand(4);
	for (i = 0; i < 500; i++)
		ASSERT_TRUE(step(self, false));
}

/* Full to the last page, and again after some were given back. */
TEST_F(place, to_the_last_page)
{
	unsigned int i;

	while (self->maps < 10)
		ASSERT_TRUE(choose(self, 1000, 0, true));
	for (i = 0; i < 6; i++)
		ASSERT_TRUE(choose(self, 1063, 0, true));
	while (model(self, 1, 0, true) >= 0)
		ASSERT_TRUE(choose(self, 1, 0, true));
	EXPECT_NO_MAP(self->fd, ENOSPC, native_map(self->fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	for (i = 0; i < 20; i++)
		ASSERT_TRUE(unmap_any(self));
	for (i = 0; i < 40; i++)
		ASSERT_TRUE(choose(self, 1 + i * 17 % 300, 0, true));
}

/* The very last address there is, and nothing beyond it. */
TEST_F(place, at_the_end)
{
	struct ioasid_iova_range end = { -4 * PAGE, UINT64_MAX };
	int fd = self->fd;

	ASSERT_EQ(0, native_allow(fd, 0, &end, 1));
	EXPECT_EQ(-4 * PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	EXPECT_NO_MAP(fd, ENOSPC, native_map(fd, 0, NATIVE_RW, 0, self->mem, 3 * PAGE));
	EXPECT_EQ(-2 * PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	EXPECT_NO_MAP(fd, ENOSPC, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_EQ((long long)(2 * PAGE), native_unmap(fd, 0, -4 * PAGE, 2 * PAGE));
	EXPECT_NO_MAP(fd, ENOSPC, native_map(fd, 0, NATIVE_RW, 0, self->mem, 3 * PAGE));
	EXPECT_EQ(-4 * PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_EQ(-3 * PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
}

/* --- how many steps a search takes --- */

#define MANY	12288
/* Begin to count, or end. Return: steps in trees that this task took meanwhile, or -1. */
static long long steps(int module, bool begin)
{
	struct kapi a = { .op = KAPI_STEPS, .flags = begin };

	return ioctl(module, KAPI_CALL, &a) ? -1 : (long long)a.out;
}

/* MANY maps of a page from BASE on, @stride pages from one to the next. */
static bool map_many(int fd, const void *mem, uint64_t stride)
{
	struct ioasid_map_entry e[512];
	uint32_t done;
	unsigned int i, k;

	for (i = 0; i < MANY; i += 512) {
		for (k = 0; k < 512; k++)
			e[k] = (struct ioasid_map_entry){
				.flags = NATIVE_FIXED,
				.user_va = (uintptr_t)mem,
				.length = PAGE,
				.iova = BASE + (i + k) * stride * PAGE,
			};
		if (native_map_batch(fd, 0, e, 512, &done))
			return false;
	}
	return true;
}

/* Steps of 64 maps of @pages at addresses that the kernel chooses. */
static long long steps_of(int module, int fd, const void *mem, unsigned int pages)
{
	unsigned int i;

	if (steps(module, true) < 0)
		return -1;
	for (i = 0; i < 64; i++)
		if (native_map(fd, 0, NATIVE_RW, 0, mem, pages * PAGE) == NATIVE_FAIL)
			return -1;
	return steps(module, false);
}

/* Beside twelve thousand, with a hole after each or none: no walk past them. */
TEST_F_TIMEOUT(place, without_a_walk, 60)
{
	struct ioasid_iova_range all = { BASE, BASE + 0x40000000ULL };
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	long long one, two;
	uint64_t stride;

	ASSERT_LE(0, module);
	for (stride = 1; stride <= 2; stride++) {
		ASSERT_EQ(0, native_allow(self->fd, 0, &all, 1));
		ASSERT_TRUE(map_many(self->fd, self->mem, stride));
		/* The first search prepares for the others. */
		ASSERT_NE(NATIVE_FAIL, native_map(self->fd, 0, NATIVE_RW, 0, self->mem, PAGE));
		two = steps_of(module, self->fd, self->mem, 2);
		one = steps_of(module, self->fd, self->mem, 1);
		TH_LOG("stride %u: 64 maps of one page take %lld steps, of two pages %lld",
		       (unsigned int)stride, one, two);
		EXPECT_LE(0, one);
		EXPECT_LT(one, 64 * 8);
		EXPECT_LE(0, two);
		EXPECT_LT(two, 64 * 8);
		ASSERT_LT(0, native_unmap_all(self->fd, 0));
	}
	close(module);
}

TEST_HARNESS_MAIN
