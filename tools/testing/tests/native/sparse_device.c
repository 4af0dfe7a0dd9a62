// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings with holes, and those that reach them: page tables, devices and their memory, dirty
 * and stale pages, and other threads.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/edu.h"
#include "lib/fault.h"
#include "lib/stale_event.h"
#include "sparse_range.h"

FIXTURE(sparse_device) {
	int fd;
	char *mem;		/* PAGES small pages */
	struct sparse s;
	long long before;	/* pages pinned */
};

/* A device must not reach pages 3 to 7, or may reach all. */
static bool reserve(bool on)
{
	char start[32], last[32];

	snprintf(start, sizeof(start), "%llu,0", AT + 3 * PAGE);
	snprintf(last, sizeof(last), "%llu,0", AT + 8 * PAGE - 1);
	return file_write(SPLIT_PARAMS "resv_start", start) &&
	       file_write(SPLIT_PARAMS "resv_last", last) &&
	       /* IOMMU_RESV_RESERVED */
	       file_write(SPLIT_PARAMS "resv_type", on ? "2,-1" : "-1,-1");
}

FIXTURE_SETUP(sparse_device)
{
	SPLIT_SETUP(PAGES);
}

FIXTURE_TEARDOWN(sparse_device)
{
	close(self->fd);
	EXPECT_TRUE(sparse_iommu(false) && reserve(false) && split_fail_after(0));
	EXPECT_NOTHING_LEFT();
}

/* --- dirty pages --- */

static uint64_t dirty(int fd, uint32_t op)
{
	uint64_t bits = 0;

	return native_dirty(fd, op, AT, PAGES * PAGE, PAGE, &bits, 8) ? 0 : bits;
}

#define HOLES	(0x1fULL << 3 | 1ULL << 20 | 1ULL << 63)

/* A device can write anywhere, but to a hole: all else is dirty, also when it is gone. */
TEST_F(sparse_device, dirty)
{
	struct ioasid_unmap_dma arg = {
		.size = sizeof(arg), .flags = IOASID_UNMAP_FLAG_GET_DIRTY | IOASID_UNMAP_FLAG_SPLIT,
		.iova = AT, .length = PAGES * PAGE, .dirty_size = 8,
	};
	uint64_t bits = 0;
	struct backend d;

	/* Of tracking and the mapping either may come first. */
	ASSERT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_START, 0, 0, 0, NULL, 0));
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	EXPECT_EQ(0, dirty(self->fd, IOASID_DIRTY_OP_GET));
	ASSERT_TRUE(sparse_iommu(true));
	ASSERT_TRUE(native_attach(self->fd, &d, SPLIT_FAKE));
	EXPECT_EQ(~HOLES, dirty(self->fd, IOASID_DIRTY_OP_GET));
	EXPECT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_STOP, 0, 0, 0, NULL, 0));
	EXPECT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_START, 0, 0, 0, NULL, 0));
	EXPECT_EQ(~HOLES, dirty(self->fd, IOASID_DIRTY_OP_GET));
	backend_close(&d);
	EXPECT_EQ(~HOLES, dirty(self->fd, IOASID_DIRTY_OP_GET_NO_CLEAR));
	/* Parts have their bits, and the last one its holes. */
	arg.dirty = (uintptr_t)&bits;
	arg.iova += 18 * PAGE;
	arg.length = 4 * PAGE;
	ASSERT_EQ(0, ioctl(self->fd, IOASID_UNMAP_DMA, &arg));
	EXPECT_EQ(0xb, bits);
	EXPECT_EQ(~HOLES & ~(0xfULL << 18), dirty(self->fd, IOASID_DIRTY_OP_GET));
	ASSERT_TRUE(native_attach(self->fd, &d, SPLIT_FAKE));
	EXPECT_EQ(~HOLES & ~(0xfULL << 18), dirty(self->fd, IOASID_DIRTY_OP_GET));
	arg.iova = AT;
	arg.length = PAGES * PAGE;
	bits = 0;
	ASSERT_EQ(0, ioctl(self->fd, IOASID_UNMAP_DMA, &arg));
	EXPECT_EQ(~HOLES & ~(0xfULL << 18), bits);
	EXPECT_HAS(0, 0, 0);
	backend_close(&d);
}

/* --- page tables --- */

/* A page table that comes later has what is there; of what is not, nothing is cleared. */
TEST_F(sparse_device, page_tables)
{
	long long missing = sparse_missing();
	struct backend d;

	ASSERT_TRUE(sparse_iommu(true));
	ASSERT_EQ(0, split_mapped());
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	ASSERT_TRUE(native_attach(self->fd, &d, SPLIT_FAKE));
	EXPECT_EQ(THERE, split_mapped());
	/* One that is there when it is mapped, beside others that are unmapped together. */
	ASSERT_EQ(AT + PAGES * PAGE, native_copy(self->fd, 0, 0, NATIVE_FIXED, AT + PAGES * PAGE,
						 AT + 4 * PAGE, 2 * PAGE));
	ASSERT_EQ(AT + 66 * PAGE, sparse_map(self->fd, 0, AT + 66 * PAGE, self->mem, PAGES, &self->s));
	ASSERT_EQ(AT + 130 * PAGE, native_map(self->fd, 0, NATIVE_FIXED, AT + 130 * PAGE,
					      self->mem + 10 * PAGE, 4 * PAGE));
	EXPECT_EQ(2 * THERE + 4, split_mapped());
	EXPECT_EQ(2, cut(self->fd, 5, 2));
	EXPECT_EQ(2 * THERE + 4, split_mapped());
	EXPECT_EQ(3, cut(self->fd, 19, 3));
	EXPECT_EQ(2 * THERE + 2, split_mapped());
	EXPECT_EQ((long long)(129 * PAGE), native_unmap_all(self->fd, 0));
	EXPECT_EQ(0, split_mapped());
	/* A single one. */
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s));
	EXPECT_EQ(THERE, split_mapped());
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 0, AT, PAGES * PAGE));
	EXPECT_EQ(0, split_mapped());
	EXPECT_EQ(missing, sparse_missing());
	backend_close(&d);
}

/* Where no device may go there may be a hole, whatever comes first. */
TEST_F(sparse_device, reserved)
{
	uint64_t to = AT + PAGES * PAGE;
	struct backend d;

	ASSERT_TRUE(sparse_iommu(true) && reserve(true));
	/* The mapping is there first. */
	ASSERT_EQ(AT, native_map(self->fd, 0, NATIVE_FIXED, AT, self->mem, PAGES * PAGE));
	EXPECT_FALSE(native_attach(self->fd, &d, SPLIT_FAKE));
	backend_close(&d);
	ASSERT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, 0));
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	ASSERT_TRUE(native_attach(self->fd, &d, SPLIT_FAKE));
	EXPECT_EQ(THERE, split_mapped());
	/* A copy of it is moved so that what is there would be in reach, and so that it would not. */
	ASSERT_EQ(to, native_copy(self->fd, 0, 0, NATIVE_FIXED, to, AT, PAGES * PAGE));
	ASSERT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 0, AT, PAGES * PAGE));
	EXPECT_NO_MAP(self->fd, EINVAL, native_copy(self->fd, 0, 0, NATIVE_FIXED, AT + PAGE, to,
						    40 * PAGE));
	EXPECT_NO_MAP(self->fd, EINVAL, native_copy(self->fd, 0, 0, NATIVE_FIXED, AT - PAGE, to,
						    40 * PAGE));
	ASSERT_EQ(AT + PAGE, native_copy(self->fd, 0, 0, NATIVE_FIXED, AT + PAGE, to + PAGE, 39 * PAGE));
	EXPECT_EQ(THERE + 33, split_mapped());
	ASSERT_EQ((long long)(39 * PAGE), native_unmap(self->fd, 0, AT + PAGE, 39 * PAGE));
	/* The device is there first. */
	EXPECT_NO_MAP(self->fd, EINVAL, native_map(self->fd, 0, NATIVE_FIXED, AT, self->mem, PAGE * 3 +
						   PAGE));
	EXPECT_NO_MAP(self->fd, EINVAL, sparse_map(self->fd, 0, AT + PAGE, self->mem, PAGES - 1,
						   &self->s));
	EXPECT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s));
	EXPECT_TRUE(window_is(&self->s, AT));
	EXPECT_EQ(2 * THERE, split_mapped());
	/* Without a hole there it is refused. */
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 0, AT, PAGES * PAGE));
	ASSERT_EQ(self->mem, mmap(self->mem, PAGES * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_NOT(EINVAL);
	EXPECT_EQ(THERE, split_mapped());
	backend_close(&d);
}

/* The driver fails in the middle: what was written is cleared, and nothing else. */
TEST_F(sparse_device, driver_fails)
{
	long long missing = sparse_missing();
	struct backend d;
	int i;

	ASSERT_TRUE(sparse_iommu(true) && window(self->mem));
	ASSERT_TRUE(native_attach(self->fd, &d, SPLIT_FAKE));
	for (i = 1; i < THERE; i += 3) {
		ASSERT_TRUE(split_fail_after(i));
		EXPECT_NOT(ENOMEM);
		EXPECT_EQ(0, split_mapped());
	}
	ASSERT_TRUE(split_fail_after(0));
	EXPECT_EQ(missing, sparse_missing());
	EXPECT_EQ(AT, sparse_map(self->fd, 0, AT, self->mem, PAGES, &self->s));
	EXPECT_EQ(THERE, split_mapped());
	backend_close(&d);
}

/* The edu device reaches what is there, and not what the process puts into a hole later. */
TEST_F_TIMEOUT(sparse_device, device, 30)
{
	int device, log = fault_expect();
	volatile char *bar;
	struct backend d;
	int i;

	ASSERT_NE(NULL, bar = edu_attach(self->fd, &d, &device));
	for (i = 0; i < PAGES; i++)
		memset(self->mem + i * PAGE, 0x40 + i, PAGE);
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	EXPECT_TRUE(edu_copy(bar, AT + 2 * PAGE, AT + 9 * PAGE, PAGE));
	EXPECT_EQ(0x42, self->mem[9 * PAGE]);
	EXPECT_TRUE(edu_copy(bar, AT + 62 * PAGE, AT + 8 * PAGE, PAGE));
	EXPECT_EQ(0x40 + 62, self->mem[8 * PAGE]);
	EXPECT_TRUE(edu_copy(bar, AT + 21 * PAGE, AT + 19 * PAGE, PAGE));
	EXPECT_EQ(0x40 + 21, self->mem[19 * PAGE]);
	ASSERT_EQ(0, mprotect(self->mem + 20 * PAGE, PAGE, PROT_READ | PROT_WRITE));
	edu_copy(bar, AT + 2 * PAGE, AT + 20 * PAGE, PAGE);
	fault_note(log, AT + 20 * PAGE);
	EXPECT_EQ(0x40 + 20, self->mem[20 * PAGE]);
	/* Until it is mapped again. */
	EXPECT_EQ(1, cut(self->fd, 20, 1));
	ASSERT_EQ(AT + 20 * PAGE, native_map(self->fd, 0, NATIVE_FIXED, AT + 20 * PAGE,
					     self->mem + 20 * PAGE, PAGE));
	EXPECT_TRUE(edu_copy(bar, AT + 2 * PAGE, AT + 20 * PAGE, PAGE));
	EXPECT_EQ(0x42, self->mem[20 * PAGE]);
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, 0));
	close(log);
	close(device);
	backend_close(&d);
}

/* Memory of a device in the window: registers, then nothing, then memory. */
TEST_F(sparse_device, device_memory)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint64_t bar = MIB / PAGE, pages = bar + 20;
	volatile char *registers;
	uint16_t command = 0;
	struct backend d;
	int device;
	char *mem;

	ASSERT_NE(NULL, registers = edu_attach(self->fd, &d, &device));
	munmap((void *)registers, MIB);
	mem = small_pages(pages * PAGE);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(mem, mmap(mem, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, device, 0));
	ASSERT_TRUE(none(mem, bar + 3, 2));
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, mem, pages, &self->s));
	EXPECT_EQ(1, self->s.nr);
	EXPECT_TRUE(sparse_is(&self->s, 0, AT, bar + 3, 2));
	EXPECT_EQ(pages - 2, native_info(self->fd, 0).out_pinned);
	EXPECT_LOCKED(18);
	EXPECT_ERRNO(EINVAL, cut(self->fd, 1, 1));
	EXPECT_EQ((long long)(pages * PAGE), native_unmap_all(self->fd, 0));
	/* Without decoding there are no registers: they are a hole, and nothing is watched. */
	ASSERT_EQ(0, ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config));
	ASSERT_EQ(2, pwrite(device, &command, 2, config.offset + 4));
	ASSERT_EQ(AT, sparse_map(self->fd, 0, AT, mem, pages, &self->s));
	EXPECT_EQ(2, self->s.nr);
	EXPECT_TRUE(sparse_is(&self->s, 0, AT, 0, bar));
	EXPECT_TRUE(sparse_is(&self->s, 1, AT, bar + 3, 2));
	EXPECT_HAS(1, pages, 18);
	EXPECT_EQ(4, cut(self->fd, 1, 4));
	command = 6;
	ASSERT_EQ(2, pwrite(device, &command, 2, config.offset + 4));
	EXPECT_EQ((long long)((pages - 4) * PAGE), native_unmap_all(self->fd, 0));
	munmap(mem, pages * PAGE);
	close(device);
	backend_close(&d);
}

/* --- stale pages --- */

/* What is missing is not stale, also when the process maps something there and unmaps it. */
TEST_F(sparse_device, stale)
{
	uint32_t space = native_info(self->fd, 1).out_space;
	FILE *f = fopen("/sys/kernel/debug/ioasid/stale", "r+e");
	char line[80], want[80];
	int nr = 0;

	ASSERT_NE(NULL, f);
	ASSERT_TRUE(stale_on());
	ASSERT_TRUE(map_window(self->fd, self->mem, &self->s));
	ASSERT_NE(MAP_FAILED, mmap(self->mem + 3 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(self->mem + 3 * PAGE, 1, 4 * PAGE);
	ASSERT_EQ(0, munmap(self->mem + 4 * PAGE, 6 * PAGE));
	EXPECT_STALE(getpid(), AT + 8 * PAGE, self->mem + 8 * PAGE, 2, "unmap");
	EXPECT_LINES(getpid(), 1);
	fprintf(f, "%u", space);
	fflush(f);
	fseek(f, 0, SEEK_SET);
	snprintf(want, sizeof(want), "0x%llx 8192 0x%llx unmapped\n", AT + 8 * PAGE,
		 (unsigned long long)(uintptr_t)(self->mem + 8 * PAGE));
	while (fgets(line, sizeof(line), f))
		EXPECT_TRUE(!nr++ || !strcmp(line, want));
	EXPECT_EQ(2, nr);
	fclose(f);
	stale_off();
}

/* --- others that change the memory meanwhile --- */

struct changer {
	char *mem;
	_Atomic bool stop;
};

static void *change(void *arg)
{
	struct changer *c = arg;
	unsigned int seed = 1, i, n;
	char *at;

	while (!c->stop) {
		i = rand_r(&seed) % PAGES;
		n = 1 + rand_r(&seed) % (PAGES - i);
		at = c->mem + i * PAGE;
		switch (rand_r(&seed) % 4) {
		case 0:
			munmap(at, n * PAGE);
			break;
		case 1:
			mprotect(at, n * PAGE, PROT_NONE);
			break;
		case 2:
			mprotect(at, n * PAGE, PROT_READ | PROT_WRITE);
			break;
		default:
			mmap(at, n * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		}
	}
	return NULL;
}

/* The list and what is mapped agree, whatever becomes of the window. */
TEST_F_TIMEOUT(sparse_device, races, 60)
{
	struct changer c = { .mem = self->mem };
	int i, mapped = 0, failed = 0;
	uint64_t holes, pages;
	struct backend d;
	pthread_t thread;
	unsigned int n;

	ASSERT_TRUE(sparse_iommu(true));
	ASSERT_TRUE(native_attach(self->fd, &d, SPLIT_FAKE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, change, &c));
	for (i = 0; i < 3000; i++) {
		/* Few pages are pinned by another loop. */
		pages = i % 2 ? PAGES : 14;
		if (sparse_map(self->fd, 0, AT, self->mem, pages, &self->s) == NATIVE_FAIL) {
			failed += errno != EFAULT;
			continue;
		}
		for (n = 0, holes = 0; n < self->s.nr; n++)
			holes += (self->s.hole[n].last + 1 - self->s.hole[n].start) / PAGE;
		mapped++;
		failed += holes + self->s.mapped != pages;
		failed += split_mapped() != (long long)self->s.mapped;
		failed += native_info(self->fd, 0).out_pinned != self->s.mapped;
		failed += native_unmap_all(self->fd, 0) != (long long)(pages * PAGE);
		failed += split_mapped() != 0;
		if (failed)
			break;
	}
	c.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, failed);
	EXPECT_LT(100, mapped);
	backend_close(&d);
}

TEST_HARNESS_MAIN
