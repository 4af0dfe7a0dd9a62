// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU driver that fails: what was asked is undone, or, where the IOMMU
 * does not let go, kept and said. A page must never be unpinned that a device
 * may still reach.
 */
#include "iommu/broken.h"
#include "isolation/fault.h"
#include "lifetime/edu.h"
#include "native/native.h"

#define IOVA	0x1000000ULL
#define PAGES	64

/* A /dev/ioasid that a device has joined, whose IOMMU is in our hands. */
FIXTURE(broken) {
	struct door d;		/* the /dev/ioasid */
	struct door edu;
	int broken;
	int device;
	volatile char *bar;
	char *mem;
	long long avail;
};

FIXTURE_VARIANT(broken) {
	const char *iommu_map;	/* the parameter */
};

FIXTURE_VARIANT_ADD(broken, direct) { .iommu_map = "N" };
FIXTURE_VARIANT_ADD(broken, iommu_map) { .iommu_map = "Y" };

static bool fault(int fd, enum broken_op op, unsigned int after, unsigned int times)
{
	struct broken_fault f = { .op = op, .after = after, .times = times };

	return !ioctl(fd, BROKEN_FAULT, &f);
}

/* Pages whose neighbours in memory are others: each is a run of its own. */
static char *scattered(void)
{
	char *mem = door_small_pages(2 * PAGES * PAGE), *at;
	int i;

	if (mem == MAP_FAILED)
		return mem;
	at = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(mem, 0xaa, 2 * PAGES * PAGE);
	for (i = 0; i < PAGES && at != MAP_FAILED; i++)
		if (mremap(mem + 2 * i * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   at + i * PAGE) == MAP_FAILED)
			return MAP_FAILED;
	return at;
}

FIXTURE_SETUP(broken)
{
	struct broken_domain take = { .device = DOOR_EDU };

	ASSERT_TRUE(door_write("/sys/module/ioasid/parameters/iommu_map", variant->iommu_map));
	ASSERT_TRUE(door_open(&self->d, DOOR_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(native_attach(self->d.fd, &self->edu, DOOR_EDU));
	self->device = door_device(&self->edu, DOOR_EDU);
	self->bar = edu_open(self->device);
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
	self->avail = door_avail(&self->d);
	/* Page tables of another format are written past the operations. */
	ASSERT_TRUE(fault(self->broken, BROKEN_MAP, 0, 1));
	if (!door_map(&self->d, IOVA, self->mem, PAGE, DOOR_RW))
		SKIP(return, "this kernel writes the page tables without those operations");
	ASSERT_EQ(ENOMEM, errno);
}

FIXTURE_TEARDOWN(broken)
{
	door_write("/sys/module/ioasid/parameters/iommu_map", "N");
	munmap((void *)(uintptr_t)self->bar, MIB);
	close(self->broken);
	close(self->device);
	door_close(&self->edu);
	door_close(&self->d);
	EXPECT_EQ(0, door_locked());
}

static int map_all(struct ktap_fixture_broken *self)
{
	return door_map(&self->d, IOVA, self->mem, PAGES * PAGE, DOOR_RW);
}

/* The device writes over the first page of the mapping with its last. */
static bool dma_works(struct ktap_fixture_broken *self)
{
	char *last = self->mem + (PAGES - 1) * PAGE;

	memset(self->mem, 0x11, PAGE);
	memset(last, 0x22, PAGE);
	return edu_copy(self->bar, IOVA + (PAGES - 1) * PAGE, IOVA, PAGE) &&
	       !memcmp(self->mem, last, PAGE);
}

/* Wherever writing the page tables stops, all of it is taken back. */
TEST_F(broken, map_fails_anywhere)
{
	struct tally before = door_tally(&self->d);
	unsigned int after;

	for (after = 0; ; after += 7) {
		ASSERT_TRUE(fault(self->broken, BROKEN_MAP, after, 1));
		if (!map_all(self))
			break;
		EXPECT_EQ(ENOMEM, errno);
		EXPECT_UNCHANGED(&self->d, &before);
	}
	/* Some pages may be neighbours by chance. */
	EXPECT_LT(PAGES / 2, after);
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ(PAGES * PAGE, door_unmap_all(&self->d));
	EXPECT_UNCHANGED(&self->d, &before);
}

/* Written but not made visible: as if it had not been written. */
TEST_F(broken, sync_fails)
{
	struct tally before = door_tally(&self->d);

	ASSERT_TRUE(fault(self->broken, BROKEN_SYNC, 0, 1));
	EXPECT_ERRNO(EIO, map_all(self));
	EXPECT_UNCHANGED(&self->d, &before);
	ASSERT_EQ(0, map_all(self));
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ(PAGES * PAGE, door_unmap_all(&self->d));
}

/* The IOMMU keeps it: so do we, pinned, charged and mapped, and say so. */
TEST_F(broken, unmap_does_nothing)
{
	struct tally before = door_tally(&self->d), mapped;

	ASSERT_EQ(0, map_all(self));
	mapped = door_tally(&self->d);
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
	EXPECT_ERRNO(EIO, door_unmap(&self->d, IOVA, PAGES * PAGE));
	EXPECT_UNCHANGED(&self->d, &mapped);
	EXPECT_TRUE(dma_works(self));
	EXPECT_ERRNO(EEXIST, door_map(&self->d, IOVA, self->mem, PAGE, DOOR_RW));
	EXPECT_EQ(PAGES * PAGE, door_unmap(&self->d, IOVA, PAGES * PAGE));
	EXPECT_UNCHANGED(&self->d, &before);
}

/* Of several mappings some go and some do not: each is one or the other. */
TEST_F(broken, unmap_does_half)
{
	struct tally before = door_tally(&self->d);
	uint64_t i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, door_map(&self->d, IOVA + i * 2 * PAGE, self->mem + i * PAGE, PAGE,
				      DOOR_RW));
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 3, 2));
	EXPECT_ERRNO(EIO, door_unmap(&self->d, IOVA, 16 * PAGE));
	EXPECT_EQ(before.pinned + 2, ktap_pinned());
	EXPECT_EQ(before.locked + 2 * 4, door_locked());
	EXPECT_EQ(self->avail - 2, door_avail(&self->d));
	/* Those two, and no others, are there. */
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i == 3 || i == 4 ? (long long)PAGE : 0,
			  door_unmap(&self->d, IOVA + i * 2 * PAGE, PAGE));
	EXPECT_UNCHANGED(&self->d, &before);
}

/* What ioasid's own unmap says of the same, and its batch: EIO, and how far it got. */
TEST_F(broken, native_unmaps)
{
	struct ioasid_unmap_dma one = { .size = sizeof(one), .iova = IOVA, .length = PAGE };
	struct ioasid_iova_range r[4];
	struct ioasid_unmap_batch batch = {
		.size = sizeof(batch), .nr_entries = 4, .entries = (uintptr_t)r,
		.entry_size = sizeof(r[0]),
	};
	struct tally before = door_tally(&self->d);
	uint64_t i;

	for (i = 0; i < 4; i++) {
		r[i].start = IOVA + i * 2 * PAGE;
		r[i].last = r[i].start + PAGE - 1;
		ASSERT_EQ(0, door_map(&self->d, r[i].start, self->mem + i * PAGE, PAGE, DOOR_RW));
	}
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
	EXPECT_ERRNO(EIO, ioctl(self->d.fd, IOASID_UNMAP_DMA, &one));
	EXPECT_EQ(0, one.out_length);
	EXPECT_EQ(before.pinned + 4, ktap_pinned());
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 2, 1));
	EXPECT_ERRNO(EIO, ioctl(self->d.fd, IOASID_UNMAP_BATCH, &batch));
	EXPECT_EQ(2, batch.out_done);
	/* The one behind it is gone all the same. */
	EXPECT_EQ(3 * PAGE, batch.out_length);
	EXPECT_EQ(before.pinned + 1, ktap_pinned());
	EXPECT_EQ(self->avail - 1, door_avail(&self->d));
	one.iova = r[2].start;
	EXPECT_EQ(0, ioctl(self->d.fd, IOASID_UNMAP_DMA, &one));
	EXPECT_EQ(PAGE, one.out_length);
	EXPECT_UNCHANGED(&self->d, &before);
}

/* The way back fails once as well, and is tried again by the next unmap. */
TEST_F(broken, unmap_fails_again_and_again)
{
	int i;

	ASSERT_EQ(0, map_all(self));
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
		EXPECT_ERRNO(EIO, door_unmap_all(&self->d));
	}
	EXPECT_EQ(PAGES * PAGE, door_unmap_all(&self->d));
	EXPECT_EQ(0, door_locked());
}

TEST_HARNESS_MAIN
