// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty bits go into the caller's bitmap and nowhere else: while others map in
 * the middle of the call, where a v1 container unmaps more than its range, and
 * where a bit stands for a page of the IOMMU that is larger than ours.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>

#include "lib/kapi.h"
#include "lib/ioasid.h"

#define IOVA		0x10000000ULL
#define WORD		(64 * PAGE)		/* what a word of bits stands for */
#define UNTOUCHED	0xa5
#define PARAMETERS	"/sys/module/ioasid_fakeiommu/parameters/"
#define FAKE		"ioasid_fake.0"

#define UNIT		(64 * KIB)		/* page of an IOMMU */

/*
 * Two pages. A bitmap of two words lies across their border; the first page is
 * missing, so that a copy there waits for us, and what follows the bitmap must
 * stay as it was.
 */
FIXTURE(dirty) {
	int fd;
	int uffd;
	int module;
	char *mem;
	char *pages;
	uint64_t *bits;		/* the last word of the first page, the first of the second */
	pthread_t thread;
	bool late;		/* the other task has mapped in the middle of the call */
};

FIXTURE_SETUP(dirty)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->module);
	self->mem = touched_memory(4 * WORD);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->pages = small_pages(2 * PAGE);
	ASSERT_NE(MAP_FAILED, self->pages);
	memset(self->pages + PAGE, UNTOUCHED, PAGE);
	memset(self->pages + PAGE, 0, 8);
	self->bits = (uint64_t *)(self->pages + PAGE - 8);

	self->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_API, &api));
	reg.range.start = (uintptr_t)self->pages;
	reg.range.len = PAGE;
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_REGISTER, &reg));
}

FIXTURE_TEARDOWN(dirty)
{
	close(self->fd);
	close(self->module);
	close(self->uffd);
	EXPECT_EQ(0, locked_kib());
}

static bool untouched(const struct ktap_fixture_dirty *self)
{
	uint64_t i;

	for (i = 8; i < PAGE; i++)
		if ((unsigned char)self->pages[PAGE + i] != UNTOUCHED) {
			printf("# byte %d behind the bitmap is 0x%x\n", (int)i - 8,
			       (unsigned char)self->pages[PAGE + i]);
			return false;
		}
	return true;
}

/* When the call has come to the first word, map from the second on, and beyond. */
static void *run_late_map(void *arg)
{
	struct ktap_fixture_dirty *self = arg;
	struct pollfd poll_fd = { .fd = self->uffd, .events = POLLIN };
	struct uffdio_zeropage zero = { .range = { (uintptr_t)self->pages, PAGE } };
	struct uffd_msg msg;

	if (poll(&poll_fd, 1, 5000) != 1 || read(self->uffd, &msg, sizeof(msg)) != sizeof(msg))
		return NULL;
	self->late = native_map(self->fd, 0, NATIVE_FIXED, IOVA + WORD, self->mem + WORD,
				3 * WORD) == IOVA + WORD;
	ioctl(self->uffd, UFFDIO_ZEROPAGE, &zero);
	return NULL;
}

static int dirty(int fd, uint32_t op)
{
	return native_dirty(fd, op, 0, 0, 0, NULL, 0);
}

static int dirty_get(int fd, uint32_t op, uint64_t length, uint64_t unit, uint64_t *bits,
		     uint64_t size)
{
	return native_dirty(fd, op, IOVA, length, unit, bits, size);
}

static int unmap_dirty(int fd, uint64_t length, uint64_t *bits, uint64_t size)
{
	struct ioasid_unmap_dma arg = {
		.size = sizeof(arg),
		.flags = IOASID_UNMAP_FLAG_GET_DIRTY,
		.iova = IOVA,
		.length = length,
		.dirty = (uintptr_t)bits,
		.dirty_size = size,
	};

	return ioctl(fd, IOASID_UNMAP_DMA, &arg);
}

struct legacy_dirty {
	struct vfio_iommu_type1_dirty_bitmap head;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

static int legacy_get(int fd, uint64_t length, uint64_t unit, uint64_t *bits, uint64_t size)
{
	struct legacy_dirty q = {
		.head = { .argsz = sizeof(q), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP },
		.get = { .iova = IOVA, .size = length, .bitmap = { unit, size, (void *)bits } },
	};

	return ioctl(fd, VFIO_IOMMU_DIRTY_PAGES, &q);
}

struct legacy_unmap {
	struct vfio_iommu_type1_dma_unmap head;
	struct vfio_bitmap bitmap;
};

static int legacy_unmap(int fd, uint64_t length, uint64_t unit, uint64_t *bits, uint64_t size)
{
	struct legacy_unmap u = {
		.head = {
			.argsz = sizeof(u),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = IOVA,
			.size = length,
		},
		.bitmap = { unit, size, (void *)bits },
	};

	return ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &u);
}

/* One mapping, and tracking; a thread waits to map behind it. */
static bool begin(struct ktap_fixture_dirty *self)
{
	return native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, WORD) == IOVA &&
	       !dirty(self->fd, IOASID_DIRTY_OP_START) &&
	       !pthread_create(&self->thread, NULL, run_late_map, self);
}

#define EXPECT_CLIPPED(self) do {						\
	pthread_join((self)->thread, NULL);					\
	EXPECT_TRUE((self)->late);						\
	EXPECT_TRUE(untouched(self));						\
} while (0)

/* 8 bytes of bits for the second word, and the new mapping has 24. */
TEST_F(dirty, a_map_in_the_middle_of_get)
{
	ASSERT_TRUE(begin(self));
	EXPECT_EQ(0, dirty_get(self->fd, IOASID_DIRTY_OP_GET, 2 * WORD, PAGE, self->bits, 16));
	EXPECT_CLIPPED(self);
}

TEST_F(dirty, a_map_in_the_middle_of_get_no_clear)
{
	ASSERT_TRUE(begin(self));
	EXPECT_EQ(0, dirty_get(self->fd, IOASID_DIRTY_OP_GET_NO_CLEAR, 2 * WORD, PAGE, self->bits,
			       16));
	EXPECT_CLIPPED(self);
}

/* The question before the unmap is the same; then the range cuts the new mapping. */
TEST_F(dirty, a_map_in_the_middle_of_unmap)
{
	ASSERT_TRUE(begin(self));
	EXPECT_ERRNO(EINVAL, unmap_dirty(self->fd, 2 * WORD, self->bits, 16));
	EXPECT_CLIPPED(self);
}

TEST_F(dirty, a_map_in_the_middle_of_a_container_get)
{
	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_TRUE(begin(self));
	EXPECT_EQ(0, legacy_get(self->fd, 2 * WORD, PAGE, self->bits, 16));
	EXPECT_CLIPPED(self);
}

TEST_F(dirty, a_map_in_the_middle_of_a_container_unmap)
{
	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_TRUE(begin(self));
	EXPECT_ERRNO(EINVAL, legacy_unmap(self->fd, 2 * WORD, PAGE, self->bits, 16));
	EXPECT_CLIPPED(self);
}

/* It is the start of a mapping that counts there; IOASID_DIRTY can track it all the same. */
TEST_F(dirty, a_v1_unmap_of_more_than_its_range)
{
	uint64_t *word = (uint64_t *)(self->pages + PAGE);

	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(IOVA, native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, 4 * WORD));
	ASSERT_EQ(0, dirty(self->fd, IOASID_DIRTY_OP_START));
	EXPECT_EQ(0, legacy_unmap(self->fd, WORD, PAGE, word, 8));
	EXPECT_TRUE(untouched(self));
	EXPECT_EQ(0, native_info(self->fd, 0).out_maps);
}

/* --- pages of 64K --- */

/* It isolates no interrupts, and has none. */
static bool fake_pages(const char *sizes)
{
	return file_write(PARAMETERS "pgsizes", sizes) &&
	       unsafe_interrupts(strcmp(sizes, "4096,4096"));
}

/* Memory without borders inside a unit: two huge pages. */
#define HUGE_SIZE	(64 * UNIT)

static char *huge_memory(void)
{
	if (!file_write("/proc/sys/vm/nr_hugepages", "2"))
		return MAP_FAILED;
	return mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
}

static void huge_free(char *mem)
{
	munmap(mem, HUGE_SIZE);
	file_write("/proc/sys/vm/nr_hugepages", "0");
}

/* Bits of hardware that tells nothing: each unit of what is mapped, once. */
TEST_F(dirty, units_of_the_iommu)
{
	uint64_t *word = (uint64_t *)(self->pages + PAGE);
	char *mem = huge_memory();
	struct backend d;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(fake_pages("65536,4096"));
	ASSERT_TRUE(native_attach(self->fd, &d, FAKE));
	EXPECT_EQ(UNIT, native_info(self->fd, 0).out_pgsizes & -native_info(self->fd, 0).out_pgsizes);
	ASSERT_EQ(IOVA + UNIT, native_map(self->fd, 0, NATIVE_FIXED, IOVA + UNIT, mem, 3 * UNIT));
	ASSERT_EQ(0, dirty(self->fd, IOASID_DIRTY_OP_START));
	EXPECT_ERRNO(EINVAL, dirty_get(self->fd, IOASID_DIRTY_OP_GET, 16 * UNIT, PAGE, word, 8));
	EXPECT_EQ(0, dirty_get(self->fd, IOASID_DIRTY_OP_GET, 16 * UNIT, UNIT, word, 8));
	EXPECT_EQ(0xe, *word);
	EXPECT_TRUE(untouched(self));
	*word = 0;
	EXPECT_EQ(0, dirty_get(self->fd, IOASID_DIRTY_OP_GET_NO_CLEAR, 64 * UNIT, UNIT, word, 8));
	EXPECT_EQ(0xe, *word);
	EXPECT_ERRNO(EINVAL, dirty_get(self->fd, IOASID_DIRTY_OP_GET, 65 * UNIT, UNIT, word, 8));
	EXPECT_TRUE(untouched(self));
	*word = 0;
	EXPECT_EQ(0, unmap_dirty(self->fd, 64 * UNIT, word, 8));
	EXPECT_EQ(0xe, *word);
	EXPECT_TRUE(untouched(self));
	backend_close(&d);
	EXPECT_TRUE(fake_pages("4096,4096"));
	huge_free(mem);
}

TEST_F(dirty, units_of_a_container)
{
	uint64_t *word = (uint64_t *)(self->pages + PAGE);
	char *mem = huge_memory();
	struct backend d;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(fake_pages("65536,4096"));
	ASSERT_TRUE(backend_open(&d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, FAKE));
	ASSERT_EQ(0, backend_map(&d, IOVA, mem, 4 * UNIT, MAP_RW));
	ASSERT_EQ(0, ioctl(d.fd, VFIO_IOMMU_DIRTY_PAGES, &(struct vfio_iommu_type1_dirty_bitmap){
		.argsz = 8, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START }));
	EXPECT_ERRNO(EINVAL, legacy_get(d.fd, 4 * UNIT, PAGE, word, 8));
	EXPECT_EQ(0, legacy_get(d.fd, 4 * UNIT, UNIT, word, 8));
	EXPECT_EQ(0xf, *word);
	EXPECT_TRUE(untouched(self));
	*word = 0;
	EXPECT_EQ(0, legacy_unmap(d.fd, 4 * UNIT, UNIT, word, 8));
	EXPECT_EQ(0xf, *word);
	EXPECT_TRUE(untouched(self));
	backend_close(&d);
	EXPECT_TRUE(fake_pages("4096,4096"));
	huge_free(mem);
}

/* A unit is dirty when one of its pages is: the bits of a driver that pins. */
TEST_F(dirty, one_page_makes_a_unit_dirty)
{
	static const unsigned int pages[] = { 0, 31, 32, 700, 1023 };
	struct kapi a = { .op = KAPI_CREATE };
	char *mem = huge_memory();
	uint64_t i, words[64] = { 0 };
	struct legacy_dirty q = {
		.head = { .argsz = sizeof(q), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START },
		.get = { .iova = IOVA - 8 * UNIT, .size = 72 * UNIT,
			 .bitmap = { UNIT, 16, (void *)words } },
	};
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(fake_pages("65536,4096"));
#define CALL(_op, ...) ({							\
	a = (struct kapi){ .op = KAPI_##_op, ##__VA_ARGS__ };			\
	ioctl(self->module, KAPI_CALL, &a);					\
})
	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, CALL(ACCESS_CREATE));
	ASSERT_EQ(0, CALL(ATTACH, .device = FAKE));
	ASSERT_EQ(0, CALL(MAP, .iova = IOVA, .data = (uintptr_t)mem, .length = 64 * UNIT, .flags = 3));
	ASSERT_EQ(0, CALL(LEGACY, .flags = VFIO_IOMMU_DIRTY_PAGES, .data = (uintptr_t)&q));
	ASSERT_EQ(0, CALL(REPORTS_DIRTY, .device = FAKE));
	q.head.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
	/* Once all, for what was written before. */
	ASSERT_EQ(0, CALL(LEGACY, .flags = VFIO_IOMMU_DIRTY_PAGES, .data = (uintptr_t)&q));
	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		ASSERT_EQ(1, CALL(PIN, .iova = IOVA + pages[i] * PAGE, .length = 1, .prot = 3));
		ASSERT_EQ(0, CALL(UNPIN, .iova = IOVA + pages[i] * PAGE, .length = 1));
	}
	memset(words, 0, sizeof(words));
	ASSERT_EQ(0, CALL(LEGACY, .flags = VFIO_IOMMU_DIRTY_PAGES, .data = (uintptr_t)&q));
	/* Units 0, 1, 2, 43 and 63 of the mapping, which begins with the ninth bit. */
	EXPECT_EQ(1ULL << 8 | 1ULL << 9 | 1ULL << 10 | 1ULL << 51, words[0]);
	EXPECT_EQ(1ULL << 7, words[1]);
	for (i = 2; i < 64; i++)
		EXPECT_EQ(0, words[i]);
	memset(words, 0, sizeof(words));
	ASSERT_EQ(0, CALL(LEGACY, .flags = VFIO_IOMMU_DIRTY_PAGES, .data = (uintptr_t)&q));
	EXPECT_EQ(0, words[0] | words[1]);
	ASSERT_EQ(0, CALL(PUT));
#undef CALL
	EXPECT_TRUE(fake_pages("4096,4096"));
	huge_free(mem);
}

TEST_HARNESS_MAIN
