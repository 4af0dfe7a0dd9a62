// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU driver that fails a map, and what it leaves behind: it may have
 * written entries that it says nothing of. All of them are cleared before a
 * page is unpinned, and nothing else; where the driver keeps one, the mapping
 * is kept as well, and the call says so.
 */
#include "iommu/taken.h"

/* Wherever writing the page tables stops, all of it is taken back. */
TEST_F(broken, map_fails_anywhere)
{
	struct tally before = backend_tally(&self->d);
	unsigned int after;

	for (after = 0; ; after += 7) {
		ASSERT_TRUE(fault(self->broken, BROKEN_MAP, after, 1));
		if (!map_all(self))
			break;
		EXPECT_EQ(ENOMEM, errno);
		EXPECT_UNCHANGED(&self->d, &before);
	}
	EXPECT_LE(PAGES, after);
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ(PAGES * PAGE, backend_unmap_all(&self->d));
	EXPECT_UNCHANGED(&self->d, &before);
}

/* Written but not made visible: as if it had not been written. */
TEST_F(broken, sync_fails)
{
	struct tally before = backend_tally(&self->d);

	ASSERT_TRUE(fault(self->broken, BROKEN_SYNC, 0, 1));
	EXPECT_ERRNO(EIO, map_all(self));
	EXPECT_UNCHANGED(&self->d, &before);
	ASSERT_EQ(0, map_all(self));
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ(PAGES * PAGE, backend_unmap_all(&self->d));
}

/* It writes an entry and says that it did not, wherever that is. */
TEST_F(broken, writes_and_reports_nothing)
{
	struct tally before = backend_tally(&self->d);
	unsigned int after;

	for (after = 0; ; after += 7) {
		ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
			.op = BROKEN_MAP, .after = after, .times = 1, .written = PAGE }));
		if (!map_all(self))
			break;
		EXPECT_EQ(ENOMEM, errno);
		EXPECT_UNCHANGED(&self->d, &before);
		EXPECT_CLEAN(self->broken, 0, 0);
	}
	EXPECT_LE(PAGES, after);
	EXPECT_CLEAN(self->broken, 0, PAGES);
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
}

/* Several entries of a run, small and large ones, of which it reports some or none. */
TEST_F(broken, writes_more_than_it_reports)
{
	const struct {
		uint64_t written, reported, offset;
	} cases[] = {
		{ 5 * PAGE, 0, PAGE },
		{ 5 * PAGE, 2 * PAGE, PAGE },
		{ 3 * MIB, MIB, PAGE },
		{ 2 * MIB, 0, 0 },
		{ 4 * MIB, 0, 0 },
		{ 4 * MIB, 2 * MIB, 0 },
	};
	struct tally before = backend_tally(&self->d);
	char *mem = huge_pages(8 * MIB);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, mem);
	/* Neighbours, which must stay. */
	ASSERT_EQ(0, backend_map(&self->d, IOVA - PAGE, self->mem, PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(&self->d, IOVA + 6 * MIB, self->mem + PAGE, PAGE, MAP_RW));
	for (i = 0; i < 6; i++) {
		ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
			.op = BROKEN_MAP, .times = 1, .written = cases[i].written,
			.reported = cases[i].reported }));
		EXPECT_ERRNO(ENOMEM, backend_map(&self->d, IOVA, mem + cases[i].offset, 6 * MIB,
						 MAP_RW));
		EXPECT_CLEAN(self->broken, 0, 2);
		EXPECT_EQ(before.locked + 8, locked_kib());
		EXPECT_EQ(self->avail - 2, backend_avail(&self->d));
	}
	EXPECT_EQ(2 * (long long)PAGE, backend_unmap_all(&self->d));
	EXPECT_UNCHANGED(&self->d, &before);
}

/* In a batch it is the one that fails which is undone, and those after it. */
TEST_F(broken, in_a_batch)
{
	struct tally before = backend_tally(&self->d);
	struct ioasid_map_entry e[8];
	struct broken_fault f[] = {
		{ .op = BROKEN_MAP, .after = 20, .times = 1, .written = PAGE },
		{ .op = BROKEN_SYNC, .times = 1 },
	};
	uint32_t done, good;
	unsigned int i, k;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < 8; i++)
			e[i] = (struct ioasid_map_entry){
				.flags = NATIVE_FIXED,
				.user_va = (uintptr_t)(self->mem + i * 8 * PAGE),
				.length = 8 * PAGE,
				.iova = IOVA + i * 8 * PAGE,
			};
		ASSERT_TRUE(fault_of(self->broken, f[k]));
		if (f[k].op == BROKEN_MAP)
			EXPECT_ERRNO(ENOMEM, native_map_batch(self->d.fd, 0, e, 8, &done));
		else
			EXPECT_ERRNO(EIO, native_map_batch(self->d.fd, 0, e, 8, &done));
		good = done;
		EXPECT_LT(good, 8U);
		EXPECT_CLEAN(self->broken, 0, good * 8);
		EXPECT_EQ(before.locked + (long)good * 8 * 4, locked_kib());
		EXPECT_EQ(self->avail - good, backend_avail(&self->d));
		backend_unmap_all(&self->d);
		EXPECT_UNCHANGED(&self->d, &before);
	}
}

/* The second of two domains fails: both hold nothing. */
TEST_F(broken, in_the_second_domain)
{
	struct tally before = backend_tally(&self->d);
	struct backend other;

	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_NEXT));
	ASSERT_TRUE(native_attach(self->d.fd, &other, OTHER));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.slot = 1, .op = BROKEN_MAP, .after = 9, .times = 1, .written = PAGE }));
	EXPECT_ERRNO(ENOMEM, map_all(self));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_CLEAN(self->broken, 1, 0);
	EXPECT_UNCHANGED(&self->d, &before);
	ASSERT_EQ(0, map_all(self));
	EXPECT_CLEAN(self->broken, 0, PAGES);
	EXPECT_CLEAN(self->broken, 1, PAGES);
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
	backend_close(&other);
}

/* --- the way back fails, too --- */

/* A mapping that failed is there: pinned, charged, counted, in the way of others. */
#define EXPECT_KEPT(self, before, pages) do {					\
	EXPECT_EQ((before)->locked + (long)(pages) * 4, locked_kib());		\
	EXPECT_EQ((before)->pinned + (pages), ktap_pinned());			\
	EXPECT_EQ((before)->avail - 1, backend_avail(&(self)->d));			\
	EXPECT_ERRNO(EEXIST, backend_map(&(self)->d, IOVA, (self)->mem, PAGE, MAP_RW));	\
} while (0)

TEST_F(broken, kept_after_a_failed_map)
{
	struct tally before = backend_tally(&self->d);
	unsigned int tries;

	/* Nine entries and one that is not reported; the first unmap does nothing. */
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.op = BROKEN_MAP, .after = 9, .times = 1, .written = PAGE }));
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 100));
	EXPECT_ERRNO(EIO, map_all(self));
	EXPECT_KEPT(self, &before, PAGES);
	for (tries = 0; tries < 2; tries++) {
		EXPECT_ERRNO(EIO, backend_unmap_all(&self->d));
		EXPECT_KEPT(self, &before, PAGES);
	}
	EXPECT_CLEAN(self->broken, 0, 10);
	ASSERT_TRUE(no_fault(self->broken, BROKEN_UNMAP));
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);
	ASSERT_EQ(0, map_all(self));
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
}

/* Only the one that was not reported stays; the driver says no more of it. */
TEST_F(broken, kept_for_one_entry)
{
	struct tally before = backend_tally(&self->d);

	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.op = BROKEN_MAP, .times = 1, .written = PAGE }));
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
	EXPECT_ERRNO(EIO, map_all(self));
	EXPECT_KEPT(self, &before, PAGES);
	EXPECT_CLEAN(self->broken, 0, 1);
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap(&self->d, IOVA, PAGES * PAGE));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);
}

/* Written, not made visible, and kept. */
TEST_F(broken, kept_after_a_failed_sync)
{
	struct tally before = backend_tally(&self->d);

	ASSERT_TRUE(fault(self->broken, BROKEN_SYNC, 0, 1));
	/* iommu_map() tries, and then we do. */
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 100));
	EXPECT_ERRNO(EIO, map_all(self));
	EXPECT_KEPT(self, &before, PAGES);
	ASSERT_TRUE(no_fault(self->broken, BROKEN_UNMAP));
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);
}

/* Of a batch each one is there or is not. */
TEST_F(broken, kept_in_a_batch)
{
	struct tally before = backend_tally(&self->d);
	struct ioasid_map_entry e[4];
	uint32_t done;
	unsigned int i;

	for (i = 0; i < 4; i++)
		e[i] = (struct ioasid_map_entry){
			.flags = NATIVE_FIXED,
			.user_va = (uintptr_t)(self->mem + i * PAGE),
			.length = PAGE,
			.iova = IOVA + i * PAGE,
		};
	/* The third is written and not reported. Of its undoing nothing comes. */
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.op = BROKEN_MAP, .after = 2, .times = 1, .written = PAGE }));
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
	EXPECT_ERRNO(EIO, native_map_batch(self->d.fd, 0, e, 4, &done));
	EXPECT_EQ(2, done);
	EXPECT_CLEAN(self->broken, 0, 3);
	EXPECT_EQ(before.locked + 3 * 4, locked_kib());
	EXPECT_EQ(self->avail - 3, backend_avail(&self->d));
	/* What was never begun is free. */
	EXPECT_EQ(0, backend_map(&self->d, IOVA + 3 * PAGE, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(4 * (long long)PAGE, backend_unmap(&self->d, IOVA, 4 * PAGE));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);
}

/* The event names the mapping, as that of an unmap does. */
TEST_F(broken, kept_and_said)
{
	const char *event = "/sys/kernel/tracing/events/ioasid/ioasid_error/enable";
	char line[512], want[64], who[32];
	bool said = false;
	FILE *f;

	ASSERT_TRUE(file_write(event, "1"));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.op = BROKEN_MAP, .times = 1, .written = PAGE }));
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
	EXPECT_ERRNO(EIO, map_all(self));
	file_write(event, "0");
	snprintf(want, sizeof(want), "0x%llx", IOVA + PAGES * PAGE - 1);
	snprintf(who, sizeof(who), "tgid=%d op=map err=%d ", getpid(), -EIO);
	f = fopen("/sys/kernel/tracing/trace", "re");
	while (f && fgets(line, sizeof(line), f)) {
		said |= strstr(line, "ioasid_error:") && strstr(line, who) && strstr(line, want);
	}
	EXPECT_TRUE(said);
	if (f)
		fclose(f);
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
}

/* Whatever is kept goes with the space, if the driver clears it then. */
TEST_F(broken, kept_until_the_end)
{
	long long before = ktap_pinned();

	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.op = BROKEN_MAP, .after = 3, .times = 1, .written = PAGE }));
	ASSERT_TRUE(fault(self->broken, BROKEN_UNMAP, 0, 1));
	EXPECT_ERRNO(EIO, map_all(self));
	EXPECT_EQ(before + PAGES, ktap_pinned());
	/* The fixture ends before the device does. */
	backend_close(&self->d);
	self->d.fd = -1;
	device_goes(self);
	EXPECT_EQ(before, ktap_pinned());
}

TEST_HARNESS_MAIN
