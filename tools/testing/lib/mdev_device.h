/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The software devices as the tests see them.
 */
#ifndef IOASID_TEST_MDEV_DEVICE_H
#define IOASID_TEST_MDEV_DEVICE_H

#include "lib/mdev.h"
#include "lib/backend.h"

#define MDEV_IOVA	0x10000000ULL
#define MDEV_READ	1
#define MDEV_WRITE	2

#define MDEV_NAME(n)	"ioasid_mdev." #n

/*
 * Does the kernel check the order of locks? It ends that with its first report,
 * and one on type1 would hide those on us.
 */
static inline bool mdev_lockdep(void)
{
	return !access("/proc/lockdep", F_OK);
}

/* Pages pinned, or -1 with errno. */
static inline int mdev_pin(int device, uint64_t page, uint32_t npages, uint32_t prot)
{
	struct mdev_pin pin = {
		.iova = MDEV_IOVA + page * PAGE, .npages = npages, .prot = prot,
	};

	return ioctl(device, MDEV_PIN, &pin);
}

static inline int mdev_unpin(int device, uint64_t page, uint32_t npages)
{
	struct mdev_pin pin = { .iova = MDEV_IOVA + page * PAGE, .npages = npages };

	return ioctl(device, MDEV_UNPIN, &pin);
}

/* Pins one page, reads its first word and unpins it: the word, or -1. */
static inline long long mdev_peek(int device, uint64_t page)
{
	struct mdev_pin pin = {
		.iova = MDEV_IOVA + page * PAGE, .npages = 1, .prot = MDEV_READ,
	};

	if (ioctl(device, MDEV_PIN, &pin) != 1)
		return -1;
	mdev_unpin(device, page, 1);
	return pin.word;
}

static inline int mdev_copy(int device, uint64_t iova, void *data, uint32_t length, bool write,
			    bool thread)
{
	struct mdev_rw rw = {
		.iova = iova, .data = (uintptr_t)data, .length = length,
		.write = write, .thread = thread,
	};

	return ioctl(device, MDEV_RW, &rw);
}

static inline struct mdev_state mdev_state(int device)
{
	struct mdev_state state = { .callbacks = UINT64_MAX };

	ioctl(device, MDEV_STATE, &state);
	return state;
}

/* A page of memory whose number can be read from it. */
static inline char *mdev_memory(uint64_t pages)
{
	char *mem = touched_memory(pages * PAGE);
	uint64_t i;

	if (mem == MAP_FAILED)
		return NULL;
	for (i = 0; i < pages; i++)
		*(uint64_t *)(mem + i * PAGE) = 1000 + i;
	return mem;
}

/* What a fixture has that begins with one software device in a container. */
#define MDEV_MEMBERS								\
	struct backend d;								\
	int device;								\
	char *mem;		/* mdev_memory() */				\
	long long before	/* pages pinned */

#define MDEV_SETUP(kind, pages) do {						\
	self->before = ktap_pinned();						\
	ASSERT_TRUE(backend_open(&self->d, kind, VFIO_TYPE1v2_IOMMU, MDEV_NAME(0))); \
	self->device = backend_device(&self->d, MDEV_NAME(0));			\
	ASSERT_LE(0, self->device);						\
	self->mem = mdev_memory(pages);						\
	ASSERT_TRUE(self->mem);							\
} while (0)

#define MDEV_TEARDOWN() do {							\
	close(self->device);							\
	backend_close(&self->d);							\
	EXPECT_EQ(0, locked_kib());						\
	EXPECT_EQ(0, ktap_leaked(self->before));				\
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));					\
} while (0)

/* KiB that so many pages are. */
static inline long mdev_kib(int pages)
{
	return pages * (long)(PAGE / KIB);
}

static inline int mdev_map(const struct backend *d, uint64_t page, char *mem, uint64_t n,
			   uint32_t flags)
{
	return backend_map(d, MDEV_IOVA + page * PAGE, mem, n * PAGE, flags);
}

/* Pages unmapped, or -1. */
static inline long long mdev_unmap(const struct backend *d, uint64_t page, uint64_t n)
{
	long long done = backend_unmap(d, MDEV_IOVA + page * PAGE, n * PAGE);

	return done < 0 ? done : done / (long long)PAGE;
}

#endif
