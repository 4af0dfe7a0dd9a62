// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stale pages: a program unmaps, discards or replaces memory that is mapped, and the
 * pages that the device still has, and the process has not, are reported. No others are.
 */
#include <sys/wait.h>

#include "lib/ioasid.h"

#define IOVA	0x100000000ULL
#define PAGES	700		/* more than one batch of the comparison */
#define LINES	16

FIXTURE(stale) {
	int fd;
	uint32_t space;
	char *mem;
	char lines[LINES][80];	/* what is reported, without the headings */
	int nr;
};

FIXTURE_SETUP(stale)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->space = native_info(self->fd, 1).out_space;
	self->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	madvise(self->mem, PAGES * PAGE, MADV_NOHUGEPAGE);
	ASSERT_EQ(IOVA, native_map(self->fd, 1, NATIVE_FIXED, IOVA, self->mem, PAGES * PAGE));
}

FIXTURE_TEARDOWN(stale)
{
	close(self->fd);
}

static void stale_read(struct ktap_fixture_stale *self)
{
	FILE *f = fopen("/sys/kernel/debug/ioasid/stale", "r+e");
	char line[80];

	self->nr = -1;
	if (!f)
		return;
	fprintf(f, "%u", self->space);
	fflush(f);
	fseek(f, 0, SEEK_SET);
	while (fgets(line, sizeof(line), f)) {
		if (self->nr >= 0 && self->nr < LINES)
			strcpy(self->lines[self->nr], line);
		self->nr++;
	}
	fclose(f);
}

/* Is line @n about these pages of the memory at @mem, mapped at @iova? */
static bool says(struct ktap_fixture_stale *self, int n, uint64_t iova, const char *mem, int page,
		 int pages, const char *how)
{
	char want[80];

	snprintf(want, sizeof(want), "0x%llx %llu 0x%llx %s\n",
		 (unsigned long long)(iova + page * PAGE), (unsigned long long)(pages * PAGE),
		 (unsigned long long)((uintptr_t)mem + page * PAGE), how);
	if (n < self->nr && !strcmp(want, self->lines[n]))
		return true;
	TH_LOG("line %d of %d is '%s', not '%s'", n, self->nr, n < self->nr ? self->lines[n] : "",
	       want);
	return false;
}

/* Every step is one that a correct program takes. */
TEST_F(stale, nothing)
{
	char *huge = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int file = memfd_create("stale", MFD_CLOEXEC), status;
	char *shared;
	pid_t pid;

	ASSERT_EQ(0, ftruncate(file, 8 * PAGE));
	shared = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	madvise(huge, 4 * MIB, MADV_HUGEPAGE);
	ASSERT_EQ(0x10000, native_map(self->fd, 1, NATIVE_FIXED, 0x10000, shared, 8 * PAGE));
	ASSERT_EQ(0x200000, native_map(self->fd, 1, NATIVE_FIXED, 0x200000, huge, 4 * MIB));
	stale_read(self);
	EXPECT_EQ(0, self->nr);
	/* Not in the page tables any more, but the file's as before. */
	ASSERT_EQ(0, madvise(shared, 8 * PAGE, MADV_DONTNEED));
	ASSERT_EQ(0, mprotect(self->mem, 4 * PAGE, PROT_NONE));
	ASSERT_EQ(0, mprotect(self->mem + 8 * PAGE, 4 * PAGE, PROT_READ));
	memset(self->mem + 20 * PAGE, 1, 4 * PAGE);
	pid = fork();
	if (!pid)
		_exit(0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	memset(self->mem + 30 * PAGE, 1, 4 * PAGE);
	stale_read(self);
	EXPECT_EQ(0, self->nr);
	/* And what is unmapped in the right order. */
	ASSERT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 1, IOVA, PAGES * PAGE));
	ASSERT_EQ(0, munmap(self->mem, PAGES * PAGE));
	stale_read(self);
	EXPECT_EQ(0, self->nr);
	close(file);
}

TEST_F(stale, unmapped)
{
	ASSERT_EQ(0, munmap(self->mem + 3 * PAGE, 2 * PAGE));
	ASSERT_EQ(0, munmap(self->mem + 600 * PAGE, PAGE));
	stale_read(self);
	EXPECT_EQ(2, self->nr);
	EXPECT_TRUE(says(self, 0, IOVA, self->mem, 3, 2, "unmapped"));
	EXPECT_TRUE(says(self, 1, IOVA, self->mem, 600, 1, "unmapped"));
}

/* What a balloon does whose monitor forgot about the device. */
TEST_F(stale, discarded)
{
	ASSERT_EQ(0, madvise(self->mem + 7 * PAGE, 3 * PAGE, MADV_DONTNEED));
	stale_read(self);
	EXPECT_EQ(1, self->nr);
	EXPECT_TRUE(says(self, 0, IOVA, self->mem, 7, 3, "discarded"));
	/* And when it deflates. */
	memset(self->mem + 8 * PAGE, 1, PAGE);
	stale_read(self);
	EXPECT_EQ(3, self->nr);
	EXPECT_TRUE(says(self, 1, IOVA, self->mem, 8, 1, "replaced"));
}

/* During a migration, say. */
TEST_F(stale, with_dirty_tracking)
{
	ASSERT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_START, 0, 0, 0, NULL, 0));
	ASSERT_EQ(0, madvise(self->mem + 7 * PAGE, 3 * PAGE, MADV_DONTNEED));
	stale_read(self);
	EXPECT_EQ(1, self->nr);
	EXPECT_TRUE(says(self, 0, IOVA, self->mem, 7, 3, "discarded"));
}

TEST_F(stale, moved)
{
	char *to = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(to, mremap(self->mem + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	stale_read(self);
	EXPECT_EQ(1, self->nr);
	EXPECT_TRUE(says(self, 0, IOVA, self->mem, 1, 1, "unmapped"));
	/* Other memory takes its place. */
	ASSERT_EQ(self->mem + PAGE, mmap(self->mem + PAGE, PAGE, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	self->mem[PAGE] = 1;
	stale_read(self);
	EXPECT_EQ(1, self->nr);
	EXPECT_TRUE(says(self, 0, IOVA, self->mem, 1, 1, "replaced"));
}

TEST_F(stale, of_a_file)
{
	int file = memfd_create("stale", MFD_CLOEXEC);
	char *shared;

	ASSERT_EQ(0, ftruncate(file, 8 * PAGE));
	shared = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_EQ(0x10000, native_map(self->fd, 1, NATIVE_FIXED, 0x10000, shared, 8 * PAGE));
	ASSERT_EQ(0x20000, native_map_file(self->fd, 1, NATIVE_FIXED, 0x20000, file, 0, 8 * PAGE));
	ASSERT_EQ(0, fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
	ASSERT_EQ(0, ftruncate(file, 7 * PAGE));
	stale_read(self);
	EXPECT_EQ(4, self->nr);
	EXPECT_TRUE(says(self, 0, 0x10000, shared, 1, 1, "discarded"));
	EXPECT_TRUE(says(self, 1, 0x10000, shared, 7, 1, "discarded"));
	EXPECT_TRUE(says(self, 2, 0x20000, NULL, 1, 1, "discarded"));
	EXPECT_TRUE(says(self, 3, 0x20000, NULL, 7, 1, "discarded"));
	shared[PAGE] = 1;
	stale_read(self);
	EXPECT_TRUE(says(self, 0, 0x10000, shared, 1, 1, "replaced"));
	close(file);
}

TEST_F(stale, of_a_process_that_ended)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		char *mem = touched_memory(2 * PAGE);

		_exit(native_map(self->fd, 1, NATIVE_FIXED, 0x10000, mem, 2 * PAGE) != 0x10000);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	stale_read(self);
	EXPECT_EQ(1, self->nr);
	EXPECT_TRUE(strstr(self->lines[0], "0x10000 8192 ") && strstr(self->lines[0], " exited\n"));
	/* No such space. */
	self->space = 4000000000U;
	stale_read(self);
	EXPECT_EQ(-1, self->nr);
}

TEST_HARNESS_MAIN
