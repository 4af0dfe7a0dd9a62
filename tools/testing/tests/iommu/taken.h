/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A /dev/ioasid that a device has joined, whose IOMMU is in the hands of
 * ioasid_broken, in both ways in which ioasid writes page tables.
 */
#ifndef IOASID_TEST_TAKEN_H
#define IOASID_TEST_TAKEN_H

#include "iommu/broken.h"
#include "lib/fault.h"
#include "lib/edu.h"
#include "lib/ioasid.h"

#define IOVA	0x1000000ULL
#define PAGES	64
#define OTHER	"0000:00:05.0"		/* a second device */

FIXTURE(broken) {
	struct backend d;		/* the /dev/ioasid */
	struct backend edu;
	int broken;
	int device;
	volatile char *bar;
	char *mem;		/* PAGES pages, scattered */
	long long avail;
};

FIXTURE_VARIANT(broken) {
	const char *iommu_map;	/* the parameter */
};

FIXTURE_VARIANT_ADD(broken, direct) { .iommu_map = "N" };
FIXTURE_VARIANT_ADD(broken, iommu_map) { .iommu_map = "Y" };

static inline bool fault_of(int fd, struct broken_fault f)
{
	return !ioctl(fd, BROKEN_FAULT, &f);
}

/* Does nothing of what it is asked for, and says so. */
static inline bool fault(int fd, enum broken_op op, unsigned int after, unsigned int times)
{
	return fault_of(fd, (struct broken_fault){ .op = op, .after = after, .times = times });
}

/* No more of it. */
static inline bool no_fault(int fd, enum broken_op op)
{
	return fault(fd, op, 0, 0);
}

static inline struct broken_seen seen(int fd, unsigned int slot)
{
	struct broken_seen s = { .slot = slot };

	if (ioctl(fd, BROKEN_SEEN, &s))
		memset(&s, 0xff, sizeof(s));
	return s;
}

/* The driver had nothing to bear that not all drivers do, and holds so many pages. */
#define EXPECT_CLEAN(fd, _slot, pages) do {					\
	struct broken_seen _all = seen(fd, _slot);				\
										\
	EXPECT_EQ(pages, _all.held);						\
	EXPECT_EQ(0, _all.cut);						\
	EXPECT_EQ(0, _all.absent);						\
	EXPECT_EQ(0, _all.unpinned);						\
	EXPECT_EQ(0, _all.unflushed);						\
} while (0)

/* The frame of a page that is present, or 0. */
static inline uint64_t frame_of(int pagemap, const char *page)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)page / PAGE * sizeof(entry)) !=
	    sizeof(entry))
		return 0;
	return entry & ((1ULL << 55) - 1);
}

/* Pages whose neighbours in memory are others: each is a run of its own. */
static inline char *scattered(void)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), i, n = 0;
	char *mem = small_pages(4 * PAGES * PAGE), *at;
	uint64_t frame, last = 0;

	at = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED || at == MAP_FAILED)
		return MAP_FAILED;
	memset(mem, 0xaa, 4 * PAGES * PAGE);
	for (i = 0; i < 4 * PAGES && n < PAGES; i++) {
		frame = frame_of(pagemap, mem + i * PAGE);
		if (!frame || frame == last + 1)
			continue;
		last = frame;
		if (mremap(mem + i * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   at + n++ * PAGE) == MAP_FAILED)
			return MAP_FAILED;
	}
	close(pagemap);
	return n == PAGES ? at : MAP_FAILED;
}

/* Huge pages, as many as fit into @size, aligned as they are. */
static inline char *huge_pages(size_t size)
{
	char *mem = mmap(NULL, size + 2 * MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return mem;
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(uintptr_t)(2 * MIB - 1));
	madvise(mem, size, MADV_HUGEPAGE);
	memset(mem, 0xbb, size);
	return mem;
}

FIXTURE_SETUP(broken)
{
	struct broken_domain take = { .device = DEVICE_EDU };

	ASSERT_TRUE(file_write("/sys/module/ioasid/parameters/iommu_map", variant->iommu_map));
	ASSERT_TRUE(backend_open(&self->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	self->bar = edu_attach(self->d.fd, &self->edu, &self->device);
	ASSERT_TRUE(self->bar);
	self->broken = open("/dev/ioasid_broken", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->broken);
	take.fd = self->d.fd;
	if (ioctl(self->broken, BROKEN_TAKE, &take)) {
		ASSERT_EQ(EOPNOTSUPP, errno);
		SKIP(return, "this IOMMU driver has no operations to replace");
	}
	self->mem = scattered();
	ASSERT_NE(MAP_FAILED, self->mem);
	self->avail = backend_avail(&self->d);
	/* It is the IOMMU that maps. */
	ASSERT_TRUE(fault(self->broken, BROKEN_MAP, 0, 1));
	ASSERT_ERRNO(ENOMEM, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
}

/* The device goes, and with it the domain. */
static inline void device_goes(struct ktap_fixture_broken *self)
{
	if (!self->bar)
		return;
	munmap((void *)(uintptr_t)self->bar, MIB);
	self->bar = NULL;
	close(self->device);
	backend_close(&self->edu);
}

FIXTURE_TEARDOWN(broken)
{
	file_write("/sys/module/ioasid/parameters/iommu_map", "N");
	close(self->broken);
	device_goes(self);
	if (self->d.fd >= 0)
		backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

static inline int map_all(struct ktap_fixture_broken *self)
{
	return backend_map(&self->d, IOVA, self->mem, PAGES * PAGE, MAP_RW);
}

/* The device writes over the first page of the mapping with its last. */
static inline bool dma_works(struct ktap_fixture_broken *self)
{
	char *last = self->mem + (PAGES - 1) * PAGE;

	memset(self->mem, 0x11, PAGE);
	memset(last, 0x22, PAGE);
	return edu_copy(self->bar, IOVA + (PAGES - 1) * PAGE, IOVA, PAGE) &&
	       !memcmp(self->mem, last, PAGE);
}

#endif /* IOASID_TEST_TAKEN_H */
