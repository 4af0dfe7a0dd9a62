// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU driver that fails an unmap: what it keeps is kept, and said. A page
 * must never be unpinned that a device may still reach. What maps leave behind
 * that fail is in undo.c.
 */
#include "iommu/taken.h"

/* The IOMMU keeps it: so do we, pinned, charged and mapped, and say so. */
TEST_F(broken, unmap_does_nothing)
{
	struct tally before = backend_tally(&self->d), mapped;

	ASSERT_EQ(0, map_all(self));
	mapped = backend_tally(&self->d);
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
	EXPECT_ERRNO(EIO, backend_unmap(&self->d, IOVA, PAGES * PAGE));
	EXPECT_UNCHANGED(&self->d, &mapped);
	EXPECT_TRUE(dma_works(self));
	EXPECT_ERRNO(EEXIST, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(PAGES * PAGE, backend_unmap(&self->d, IOVA, PAGES * PAGE));
	EXPECT_UNCHANGED(&self->d, &before);
}

/* Of several mappings some go and some do not: each is one or the other. */
TEST_F(broken, unmap_does_half)
{
	struct tally before = backend_tally(&self->d);
	uint64_t i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, backend_map(&self->d, IOVA + i * 2 * PAGE, self->mem + i * PAGE, PAGE,
					 MAP_RW));
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 3, 2));
	EXPECT_ERRNO(EIO, backend_unmap(&self->d, IOVA, 16 * PAGE));
	EXPECT_EQ(before.pinned + 2, ktap_pinned());
	EXPECT_EQ(before.locked + 2 * 4, locked_kib());
	EXPECT_EQ(self->avail - 2, backend_avail(&self->d));
	/* Those two, and no others, are there. */
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i == 3 || i == 4 ? (long long)PAGE : 0,
			  backend_unmap(&self->d, IOVA + i * 2 * PAGE, PAGE));
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
	struct tally before = backend_tally(&self->d);
	uint64_t i;

	for (i = 0; i < 4; i++) {
		r[i].start = IOVA + i * 2 * PAGE;
		r[i].last = r[i].start + PAGE - 1;
		ASSERT_EQ(0, backend_map(&self->d, r[i].start, self->mem + i * PAGE, PAGE, MAP_RW));
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
	EXPECT_EQ(self->avail - 1, backend_avail(&self->d));
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
		EXPECT_ERRNO(EIO, backend_unmap_all(&self->d));
	}
	EXPECT_EQ(PAGES * PAGE, backend_unmap_all(&self->d));
	EXPECT_EQ(0, locked_kib());
}

/*
 * Half of it is gone, and asked for again it is the other half alone: a driver
 * may take the absence of an entry for that of a whole table, and clear what
 * lies beside.
 */
TEST_F(broken, what_is_gone_is_not_unmapped_again)
{
	struct tally before = backend_tally(&self->d);
	char *mem = huge_pages(4 * MIB);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, backend_map(&self->d, IOVA - PAGE, self->mem + PAGE, PAGE, MAP_RW));
	/* Not as huge pages lie: of small entries, in as many tables. */
	ASSERT_EQ(0, backend_map(&self->d, IOVA, mem + PAGE, 2 * MIB, MAP_RW));
	ASSERT_EQ(0, backend_map(&self->d, IOVA + 2 * MIB, self->mem, PAGE, MAP_RW));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.op = BROKEN_UNMAP, .times = 100, .written = MIB }));
	EXPECT_ERRNO(EIO, backend_unmap(&self->d, IOVA, 2 * MIB));
	ASSERT_TRUE(no_fault(self->broken, BROKEN_UNMAP));
	EXPECT_CLEAN(self->broken, 0, MIB / PAGE + 2);
	EXPECT_EQ(before.locked + (long)(2 * MIB / 1024 + 8), locked_kib());
	EXPECT_EQ((long long)(2 * MIB), backend_unmap(&self->d, IOVA, 2 * MIB));
	EXPECT_CLEAN(self->broken, 0, 2);
	EXPECT_EQ(2 * (long long)PAGE, backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);
}

/* The same in one call with its neighbours, which go. */
TEST_F(broken, beside_neighbours)
{
	struct tally before = backend_tally(&self->d);
	uint64_t i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, backend_map(&self->d, IOVA + i * 8 * PAGE, self->mem + i * 8 * PAGE,
					 8 * PAGE, MAP_RW));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.op = BROKEN_UNMAP, .times = 100, .written = 11 * PAGE }));
	EXPECT_ERRNO(EIO, backend_unmap(&self->d, IOVA, 32 * PAGE));
	ASSERT_TRUE(no_fault(self->broken, BROKEN_UNMAP));
	EXPECT_CLEAN(self->broken, 0, 21);
	EXPECT_EQ(self->avail - 3, backend_avail(&self->d));
	/* A new neighbour on the side that is free. */
	EXPECT_EQ(0, backend_map(&self->d, IOVA, self->mem, 8 * PAGE, MAP_RW));
	EXPECT_EQ((long long)(32 * PAGE), backend_unmap(&self->d, IOVA, 32 * PAGE));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);
}

/*
 * A driver that no longer knows of what it did not unmap cannot be asked: the
 * pages stay pinned until no domain is left that a device could use.
 */
TEST_F(broken, what_the_driver_lost_stays_pinned)
{
	struct tally before = backend_tally(&self->d), mapped;
	int i;

	ASSERT_EQ(0, map_all(self));
	mapped = backend_tally(&self->d);
	ASSERT_TRUE(fault(self->broken, BROKEN_LOSE, 0, 1));
	for (i = 0; i < 3; i++) {
		EXPECT_ERRNO(EIO, backend_unmap_all(&self->d));
		EXPECT_UNCHANGED(&self->d, &mapped);
	}
	EXPECT_TRUE(dma_works(self));
	device_goes(self);
	EXPECT_UNCHANGED(&self->d, &mapped);
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
	EXPECT_UNCHANGED(&self->d, &before);
}

/* A domain that ends has nothing to say about mappings of the one that stays. */
TEST_F(broken, the_end_of_another_domain)
{
	struct tally before = backend_tally(&self->d);
	struct backend other;

	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_NEXT));
	ASSERT_TRUE(native_attach(self->d.fd, &other, OTHER));
	ASSERT_EQ(0, map_all(self));
	EXPECT_CLEAN(self->broken, 0, PAGES);
	EXPECT_CLEAN(self->broken, 1, PAGES);
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.slot = 1, .op = BROKEN_UNMAP, .times = 1 }));
	backend_close(&other);
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);
}

/* What one domain keeps and the other does not; a third gets nothing of it. */
TEST_F(broken, one_domain_of_two_keeps_it)
{
	struct tally before = backend_tally(&self->d), mapped;
	struct backend other;

	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_NEXT));
	ASSERT_TRUE(native_attach(self->d.fd, &other, OTHER));
	ASSERT_EQ(0, map_all(self));
	mapped = backend_tally(&self->d);
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
	EXPECT_ERRNO(EIO, backend_unmap_all(&self->d));
	EXPECT_UNCHANGED(&self->d, &mapped);
	EXPECT_EQ(0, seen(self->broken, 1).held);
	backend_close(&other);
	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_NEXT));
	ASSERT_TRUE(native_attach(self->d.fd, &other, OTHER));
	EXPECT_EQ(0, seen(self->broken, 1).held);
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_CLEAN(self->broken, 1, 0);
	EXPECT_UNCHANGED(&self->d, &before);
	backend_close(&other);
}

/* Binds the edu to a driver, with our module loaded or, in the end, not any more. */
static int bind_edu(const char *driver, const char *modules)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "set -eu; . tools/testing/harness/ktap.sh; %s; device_to " DEVICE_EDU " %s",
		 modules, driver);
	return system(command);
}

/* Registers of a device, which the IOMMU keeps: as long as it can, no node owns it. */
TEST_F_TIMEOUT(broken, registers_that_stay, 20)
{
	struct ioasid_device_attach attach = { .size = sizeof(attach) };
	int node;

	ASSERT_EQ(0, backend_map(&self->d, IOVA, (void *)(uintptr_t)self->bar, PAGE, MAP_RW));
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1000));
	EXPECT_ERRNO(EIO, backend_unmap(&self->d, IOVA, PAGE));
	munmap((void *)(uintptr_t)self->bar, MIB);
	close(self->device);
	backend_close(&self->edu);
	ASSERT_EQ(0, bind_edu("ioasid_pci", "modules_load ioasid_pci"));
	attach.fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	node = open("/dev/ioasid-pci/" DEVICE_EDU, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, node);
	EXPECT_ERRNO(EBUSY, ioctl(node, IOASID_DEVICE_ATTACH, &attach));
	/* With the address space its page tables go, and nothing leads there. */
	backend_close(&self->d);
	EXPECT_EQ(0, ioctl(node, IOASID_DEVICE_ATTACH, &attach));
	close(node);
	close(attach.fd);
	EXPECT_EQ(0, bind_edu("vfio-pci", "true"));
	EXPECT_EQ(0, system("rmmod ioasid_pci"));
}

TEST_HARNESS_MAIN
