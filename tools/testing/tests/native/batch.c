// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches: in order, each entry a mapping of its own, and after an error the
 * entries before it done and the rest untouched.
 */
#include "lib/ioasid.h"

#define IOVA	0x100000000ULL
#define N	8

FIXTURE(batch) {
	int fd;
	char *mem;			/* N pages, written */
	struct ioasid_map_entry e[N];	/* a page each, with a gap behind each */
	struct ioasid_iova_range r[N];	/* the same */
};

FIXTURE_SETUP(batch)
{
	int i;

	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->mem = touched_memory(N * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	for (i = 0; i < N; i++) {
		self->r[i].start = IOVA + 2 * i * PAGE;
		self->r[i].last = self->r[i].start + PAGE - 1;
		self->e[i] = (struct ioasid_map_entry){
			.iova = self->r[i].start,
			.user_va = (uintptr_t)self->mem + i * PAGE,
			.length = PAGE,
			.flags = NATIVE_FIXED,
		};
	}
}

FIXTURE_TEARDOWN(batch)
{
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
}

/* The first @n entries are mapped, no others, and each is a mapping. */
#define EXPECT_MAPPED(n) do {							\
	struct ioasid_get_info _info = native_info(self->fd, 0);		\
	uint64_t _n = n;							\
										\
	EXPECT_EQ(_n, _info.out_maps);						\
	EXPECT_EQ(_n * PAGE, _info.out_bytes);					\
	EXPECT_EQ(_n, _info.out_pinned);					\
	EXPECT_EQ(65535 - _n, _info.out_avail);					\
	EXPECT_EQ((long)(_n * 4), locked_kib());				\
} while (0)

TEST_F(batch, all)
{
	uint32_t done;

	EXPECT_EQ(0, native_map_batch(self->fd, 0, self->e, N, &done));
	EXPECT_EQ(N, done);
	EXPECT_MAPPED(N);
	EXPECT_EQ(self->r[3].start, self->e[3].out_iova);
	EXPECT_EQ(0, native_unmap_batch(self->fd, 0, self->r, N, &done));
	EXPECT_EQ(N, done);
	EXPECT_MAPPED(0);
}

TEST_F(batch, chosen_addresses)
{
	uint32_t i, done;

	for (i = 0; i < N; i++)
		self->e[i].flags = NATIVE_RW;
	EXPECT_EQ(0, native_map_batch(self->fd, 0, self->e, N, &done));
	for (i = 0; i < N; i++)
		EXPECT_EQ(IOVA + i * PAGE, self->e[i].out_iova);
	EXPECT_MAPPED(N);
}

static void unknown_flag(struct ioasid_map_entry *e) { e->flags |= 8; }
static void reserved(struct ioasid_map_entry *e) { e->__reserved = 1; }
static void unaligned(struct ioasid_map_entry *e) { e->length++; }
static void overlap(struct ioasid_map_entry *e) { e->iova = IOVA; }
static void not_there(struct ioasid_map_entry *e) { e->user_va = 16 * PAGE; }
static void no_access(struct ioasid_map_entry *e) { e->flags = IOASID_MAP_FLAG_FIXED_IOVA; }

static void wraps(struct ioasid_map_entry *e)
{
	e->iova = -PAGE;
	e->length = 2 * PAGE;
}

static const struct {
	int error;
	void (*spoil)(struct ioasid_map_entry *e);
} ways[] = {
	{ EOPNOTSUPP, unknown_flag }, { EOPNOTSUPP, reserved }, { EINVAL, unaligned },
	{ EOVERFLOW, wraps }, { EEXIST, overlap }, { EFAULT, not_there }, { EINVAL, no_access },
};

/* One bad entry in the middle, bad in each of the ways there are. */
TEST_F(batch, bad_entry)
{
	struct ioasid_map_entry good = self->e[4];
	uint32_t done;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		ways[i].spoil(&self->e[4]);
		EXPECT_ERRNO(ways[i].error, native_map_batch(self->fd, 0, self->e, N, &done));
		EXPECT_EQ(4, done);
		EXPECT_MAPPED(4);
		self->e[4] = good;
		EXPECT_EQ((long long)(4 * PAGE), native_unmap_all(self->fd, 0));
	}
}

/*
 * Neighbours in memory, which are pinned together, of several sizes and rights: each is a
 * mapping of its own pages, and its unmap unpins no others.
 */
TEST_F(batch, neighbours)
{
	static const unsigned int pages[] = { 1, 3, 1, 2, 1 };
	long long before = ktap_pinned();
	unsigned int i, at = 0;
	uint32_t done;

	for (i = 0; i < 5; at += pages[i++]) {
		self->e[i].iova = IOVA + 2 * at * PAGE;
		self->e[i].user_va = (uintptr_t)self->mem + at * PAGE;
		self->e[i].length = pages[i] * PAGE;
		/* One that the device may not write is pinned by itself. */
		if (i == 3)
			self->e[i].flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA;
	}
	ASSERT_EQ(N, at);
	EXPECT_EQ(0, native_map_batch(self->fd, 0, self->e, 5, &done));
	EXPECT_EQ(5, done);
	EXPECT_EQ(before + N, ktap_pinned());
	EXPECT_EQ((long)(4 * N), locked_kib());
	for (i = 0; i < 5; i++) {
		EXPECT_EQ((long long)self->e[i].length,
			  native_unmap(self->fd, 0, self->e[i].iova, self->e[i].length));
		at -= pages[i];
		EXPECT_EQ(before + at, ktap_pinned());
		EXPECT_EQ((long)(4 * at), locked_kib());
	}
}

/* A neighbour that cannot be pinned: those before it are mapped, and nothing else stays pinned. */
TEST_F(batch, neighbour_is_missing)
{
	long long before = ktap_pinned();
	uint32_t done;

	ASSERT_EQ(0, mprotect(self->mem + 5 * PAGE, PAGE, PROT_NONE));
	EXPECT_ERRNO(EFAULT, native_map_batch(self->fd, 0, self->e, N, &done));
	EXPECT_EQ(5, done);
	EXPECT_MAPPED(5);
	EXPECT_EQ(before + 5, ktap_pinned());
	/* The ranges of the others are free. */
	ASSERT_EQ(0, mprotect(self->mem + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, native_map_batch(self->fd, 0, self->e + 5, N - 5, &done));
	EXPECT_MAPPED(N);
}

/* And one whose range is taken, in the middle: nothing of those behind it was pinned for long. */
TEST_F(batch, neighbour_is_mapped)
{
	long long before = ktap_pinned();
	uint32_t done;

	ASSERT_EQ(self->e[3].iova, native_map(self->fd, 0, NATIVE_FIXED, self->e[3].iova, self->mem,
					      PAGE));
	EXPECT_ERRNO(EEXIST, native_map_batch(self->fd, 0, self->e, N, &done));
	EXPECT_EQ(3, done);
	EXPECT_EQ(before + 4, ktap_pinned());
	EXPECT_MAPPED(4);
}

/* RLIMIT_MEMLOCK in the middle of an entry. */
TEST_F(batch, out_of_memlock)
{
	uint32_t done;

	self->e[5].user_va = (uintptr_t)self->mem;
	self->e[5].iova = IOVA + 100 * PAGE;
	self->e[5].length = 4 * PAGE;
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(7 * PAGE));
	EXPECT_ERRNO(ENOMEM, native_map_batch(self->fd, 0, self->e, N, &done));
	EXPECT_EQ(5, done);
	EXPECT_MAPPED(5);
	/* Go on after it. */
	EXPECT_EQ(0, native_map_batch(self->fd, 0, self->e + 6, 2, &done));
	EXPECT_MAPPED(7);
}

TEST_F(batch, bad_range)
{
	uint32_t done;

	ASSERT_EQ(0, native_map_batch(self->fd, 0, self->e, N, &done));
	/* Nothing there. */
	self->r[3].start += PAGE;
	self->r[3].last += PAGE;
	EXPECT_ERRNO(ENOENT, native_unmap_batch(self->fd, 0, self->r, N, &done));
	EXPECT_EQ(3, done);
	EXPECT_MAPPED(5);
	/* Twice the same, the first of which goes. */
	self->r[0] = self->r[1] = (struct ioasid_iova_range){ IOVA + 6 * PAGE, IOVA + 7 * PAGE - 1 };
	EXPECT_ERRNO(ENOENT, native_unmap_batch(self->fd, 0, self->r, N, &done));
	EXPECT_EQ(1, done);
	EXPECT_MAPPED(4);
	/* Ends before it starts, is not aligned, wraps to nothing. */
	self->r[0] = (struct ioasid_iova_range){ IOVA + 8 * PAGE, IOVA + 9 * PAGE - 1 };
	self->r[1] = (struct ioasid_iova_range){ PAGE, 0 };
	EXPECT_ERRNO(EINVAL, native_unmap_batch(self->fd, 0, self->r, 2, &done));
	EXPECT_EQ(1, done);
	self->r[0] = (struct ioasid_iova_range){ IOVA + 10 * PAGE, IOVA + 11 * PAGE };
	EXPECT_ERRNO(EINVAL, native_unmap_batch(self->fd, 0, self->r, 2, &done));
	EXPECT_EQ(0, done);
	EXPECT_MAPPED(3);
}

/* A range that cuts a mapping, behind one that does not; then in any order. */
TEST_F(batch, cut_and_order)
{
	struct ioasid_iova_range r[3] = {
		{ IOVA + 14 * PAGE, IOVA + 15 * PAGE - 1 },
		{ IOVA, IOVA + 3 * PAGE - 1 },
		{ 16 * IOVA, 16 * IOVA + PAGE - 1 },
	};
	uint32_t done;

	ASSERT_EQ(0, native_map_batch(self->fd, 0, self->e, N, &done));
	ASSERT_EQ(16 * IOVA, native_map(self->fd, 0, NATIVE_FIXED, 16 * IOVA, self->mem, 2 * PAGE));
	EXPECT_ERRNO(EINVAL, native_unmap_batch(self->fd, 0, r, 3, &done));
	EXPECT_EQ(2, done);
	EXPECT_EQ(N - 3 + 1, native_info(self->fd, 0).out_maps);
	r[2].last += PAGE;
	EXPECT_EQ(0, native_unmap_batch(self->fd, 0, r + 2, 1, &done));
	EXPECT_MAPPED(N - 3);
}

TEST_F(batch, of_the_call)
{
	struct ioasid_map_batch arg = {
		.size = sizeof(arg),
		.nr_entries = 1,
		.entries = (uintptr_t)self->e,
		.entry_size = sizeof(self->e[0]),
	};
	uint32_t done;

	EXPECT_ERRNO(EINVAL, native_map_batch(self->fd, 0, self->e, 0, &done));
	EXPECT_ERRNO(EINVAL, native_map_batch(self->fd, 0, self->e, IOASID_BATCH_MAX + 1, &done));
	EXPECT_ERRNO(EFAULT, native_map_batch(self->fd, 0, (void *)8, 1, &done));
	EXPECT_ERRNO(ENOENT, native_map_batch(self->fd, 3, self->e, 1, &done));
	EXPECT_EQ(0, done);
	EXPECT_ERRNO(EINVAL, native_unmap_batch(self->fd, 0, self->r, 0, &done));
	EXPECT_ERRNO(EFAULT, native_unmap_batch(self->fd, 0, (void *)8, 1, &done));
	EXPECT_ERRNO(ENOENT, native_unmap_batch(self->fd, 3, self->r, 1, &done));
	arg.entry_size--;
	EXPECT_ERRNO(EINVAL, ioctl(self->fd, IOASID_MAP_BATCH, &arg));
	EXPECT_MAPPED(0);
}

/* Entries of a program that is newer than the kernel. */
TEST_F(batch, longer_entries)
{
	struct { struct ioasid_map_entry e; uint64_t more; } longer[2] = {
		{ self->e[0], 0 }, { self->e[1], 0 },
	};
	struct ioasid_map_batch arg = {
		.size = sizeof(arg),
		.nr_entries = 2,
		.entries = (uintptr_t)longer,
		.entry_size = sizeof(longer[0]),
	};

	longer[1].more = 1;
	EXPECT_ERRNO(E2BIG, ioctl(self->fd, IOASID_MAP_BATCH, &arg));
	EXPECT_MAPPED(0);
	longer[1].more = 0;
	EXPECT_EQ(0, ioctl(self->fd, IOASID_MAP_BATCH, &arg));
	EXPECT_EQ(self->e[1].iova, longer[1].e.out_iova);
	EXPECT_MAPPED(2);
}

/* Entries that cannot be answered: done are those before. */
TEST_F(batch, answer_that_cannot_be_written)
{
	char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ioasid_map_entry *e;
	uint32_t done;

	ASSERT_NE(MAP_FAILED, two);
	e = (void *)(two + PAGE - 3 * sizeof(*e));
	memcpy(e, self->e, 6 * sizeof(*e));
	ASSERT_EQ(0, mprotect(two + PAGE, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, native_map_batch(self->fd, 0, e, 6, &done));
	EXPECT_EQ(3, done);
	EXPECT_MAPPED(3);
}

/* More than a round of the kernel, with a device behind it. */
TEST_F(batch, large)
{
	const uint32_t nr = 3000;
	struct ioasid_map_entry *e = calloc(nr, sizeof(*e));
	struct ioasid_iova_range *r = calloc(nr, sizeof(*r));
	uint32_t i, done;
	struct backend d;

	ASSERT_TRUE(native_attach(self->fd, &d, DEVICE_NVME));
	for (i = 0; i < nr; i++) {
		e[i] = self->e[0];
		e[i].iova = IOVA + (uint64_t)(nr - i) * 3 * PAGE;
		r[i].start = e[i].iova;
		r[i].last = e[i].iova + PAGE - 1;
	}
	e[2500].iova = e[100].iova;
	EXPECT_ERRNO(EEXIST, native_map_batch(self->fd, 0, e, nr, &done));
	EXPECT_EQ(2500, done);
	EXPECT_MAPPED(2500);
	EXPECT_ERRNO(ENOENT, native_unmap_batch(self->fd, 0, r, nr, &done));
	EXPECT_EQ(2500, done);
	EXPECT_MAPPED(0);
	backend_close(&d);
}

TEST_HARNESS_MAIN
