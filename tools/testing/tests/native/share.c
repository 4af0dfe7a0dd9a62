// SPDX-License-Identifier: GPL-2.0-only
/*
 * COPY: pages that several address spaces share are pinned once and charged
 * once, and both last until the last of the mappings is gone.
 */
#include <linux/capability.h>
#include <sys/wait.h>

#include "lib/ioasid.h"

#define IOVA	0x100000000ULL
#define PAGES	16

FIXTURE(share) {
	int fd;
	int other;		/* another space of it */
	char *mem;
	long long pinned;	/* before anything was */
};

FIXTURE_SETUP(share)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->other = native_alloc(self->fd);
	ASSERT_LT(0, self->other);
	self->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->pinned = ktap_pinned();
	ASSERT_EQ(IOVA, native_map(self->fd, 1, NATIVE_FIXED, IOVA, self->mem, PAGES * PAGE));
}

FIXTURE_TEARDOWN(share)
{
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->pinned, ktap_pinned());
}

TEST_F(share, once)
{
	uint64_t at;

	at = native_copy(self->fd, self->other, 1, NATIVE_RW, 0, IOVA, PAGES * PAGE);
	ASSERT_EQ(IOVA, at);
	EXPECT_EQ((long)(4 * PAGES), locked_kib());
	EXPECT_EQ(self->pinned + PAGES, ktap_pinned());
	EXPECT_EQ(PAGES, native_info(self->fd, self->other).out_pinned);
	EXPECT_EQ(PAGES, native_info(self->fd, self->other).out_charged);

	/* The source goes first: nothing is unpinned. */
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, 1));
	EXPECT_EQ((long)(4 * PAGES), locked_kib());
	EXPECT_EQ(self->pinned + PAGES, ktap_pinned());
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, self->other));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->pinned, ktap_pinned());
}

TEST_F(share, parts_and_copies_of_copies)
{
	uint64_t at;

	at = native_copy(self->fd, self->other, 1, NATIVE_FIXED, 0x10000, IOVA + 3 * PAGE,
			 5 * PAGE);
	ASSERT_EQ(0x10000, at);
	at = native_copy(self->fd, 1, self->other, NATIVE_FIXED, 0x10000, 0x10000 + PAGE, PAGE);
	ASSERT_EQ(0x10000, at);
	EXPECT_EQ(5, native_info(self->fd, self->other).out_pinned);
	EXPECT_EQ(self->pinned + PAGES, ktap_pinned());
	EXPECT_EQ(0, native_free(self->fd, self->other));
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 1, IOVA, PAGES * PAGE));
	/* One page is mapped, and it holds all. */
	EXPECT_EQ(self->pinned + PAGES, ktap_pinned());
	EXPECT_EQ((long)(4 * PAGES), locked_kib());
	EXPECT_EQ((long long)PAGE, native_unmap(self->fd, 1, 0x10000, PAGE));
	EXPECT_EQ(self->pinned, ktap_pinned());
}

TEST_F(share, errnos)
{
	int fd = self->fd, dst = self->other;
	uint64_t ro;

	ro = native_map(fd, 1, IOASID_MAP_FLAG_READ, 0, self->mem, PAGE);
	ASSERT_NE(NATIVE_FAIL, ro);
	EXPECT_NO_MAP(fd, EPERM, native_copy(fd, dst, 1, NATIVE_RW, 0, ro, PAGE));
	EXPECT_NO_MAP(fd, ENOENT, native_copy(fd, dst, 1, NATIVE_RW, 0, 0x10000, PAGE));
	EXPECT_NO_MAP(fd, ENOENT, native_copy(fd, dst, 1, NATIVE_RW, 0, IOVA - PAGE, 2 * PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_copy(fd, dst, 1, NATIVE_RW, 0, IOVA + PAGE, PAGES * PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_copy(fd, dst, 1, NATIVE_RW, 0, IOVA + 1, PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_copy(fd, dst, 1, NATIVE_RW, 0, IOVA, PAGE + 1));
	EXPECT_NO_MAP(fd, EINVAL, native_copy(fd, dst, 1, NATIVE_RW, 0, IOVA, 0));
	EXPECT_NO_MAP(fd, EINVAL, native_copy(fd, dst, 1, NATIVE_FIXED, 1, IOVA, PAGE));
	EXPECT_NO_MAP(fd, EOVERFLOW, native_copy(fd, dst, 1, NATIVE_RW, 0, -PAGE, 2 * PAGE));
	EXPECT_NO_MAP(fd, EOVERFLOW, native_copy(fd, dst, 1, NATIVE_FIXED, -PAGE, IOVA, 2 * PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_copy(fd, dst, 1, 0, 0, IOVA, PAGE));
	EXPECT_NO_MAP(fd, EOPNOTSUPP, native_copy(fd, dst, 1, 8, 0, IOVA, PAGE));
	EXPECT_NO_MAP(fd, EEXIST, native_copy(fd, 1, 1, NATIVE_FIXED, IOVA, IOVA, PAGE));
	EXPECT_NO_MAP(fd, ENOENT, native_copy(fd, 9, 1, NATIVE_RW, 0, IOVA, PAGE));
	EXPECT_NO_MAP(fd, ENOENT, native_copy(fd, dst, 9, NATIVE_RW, 0, IOVA, PAGE));
	/* Nothing of all this keeps the pages. */
	EXPECT_EQ((long long)(PAGES * PAGE + PAGE), native_unmap_all(fd, 1));
	EXPECT_EQ(self->pinned, ktap_pinned());
}

/* Another process may share what this one has pinned, without paying for it. */
TEST_F(share, charged_to_the_first)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		bool ok = drop_cap(CAP_IPC_LOCK) && set_memlock(0) &&
			  native_copy(self->fd, self->other, 1, NATIVE_RW, 0, IOVA, PAGE) == IOVA &&
			  !locked_kib() && native_unmap_all(self->fd, 1) > 0 && !locked_kib();

		_exit(!ok);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ((long)(4 * PAGES), locked_kib());
	EXPECT_EQ((long long)PAGE, native_unmap_all(self->fd, self->other));
	EXPECT_EQ(0, locked_kib());
}

/* VFIO's live update has no say about what others see, too. */
TEST_F(share, no_live_update)
{
	struct backend d = { .kind = BACKEND_IOASID, .fd = self->fd, .group = -1 };

	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(IOVA, native_copy(self->fd, self->other, 1, NATIVE_RW, 0, IOVA, PAGE));
	EXPECT_ERRNO(EINVAL,
		     backend_unmap_flags(&d, IOVA, PAGES * PAGE, VFIO_DMA_UNMAP_FLAG_VADDR));
	ASSERT_EQ((long long)PAGE, native_unmap_all(self->fd, self->other));
	EXPECT_EQ((long long)(PAGES * PAGE),
		  backend_unmap_flags(&d, IOVA, PAGES * PAGE, VFIO_DMA_UNMAP_FLAG_VADDR));
	EXPECT_NO_MAP(self->fd, EBUSY,
		      native_copy(self->fd, self->other, 1, NATIVE_RW, 0, IOVA, PAGE));
}

/* A mapping of a part, into a domain, and a device that comes later. */
TEST_F(share, with_devices)
{
	struct backend d, e;

	ASSERT_EQ(self->other, native_legacy(self->fd, IOASID_LEGACY_SET, self->other));
	ASSERT_TRUE(native_attach(self->fd, &d, DEVICE_NVME));
	EXPECT_NE(NATIVE_FAIL, native_copy(self->fd, self->other, 1, NATIVE_RW, 0,
					   IOVA + 5 * PAGE, 7 * PAGE));
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap_all(self->fd, 1));
	ASSERT_TRUE(native_attach(self->fd, &e, DEVICE_EDU));
	EXPECT_EQ((long long)(7 * PAGE), native_unmap_all(self->fd, self->other));
	EXPECT_EQ(self->pinned, ktap_pinned());
	backend_close(&d);
	backend_close(&e);
}

TEST_HARNESS_MAIN
