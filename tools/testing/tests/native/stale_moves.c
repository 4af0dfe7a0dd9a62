// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel does to memory on its own account while it is mapped and watched:
 * migration between nodes, collapse into huge pages, merging of equal pages, reclaim, copies
 * for a child. Pinned pages stay, so nothing of it may be reported by the event
 * ioasid_stale. Each test shows on memory beside the mapping that the kernel does so.
 */
#include <sys/wait.h>

#include "lib/stale_event.h"

#define HUGE	(2 * MIB)
#define PAGES	(HUGE / PAGE)
#define KSM	"/sys/kernel/mm/ksm/"
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

FIXTURE(stale_moves) {
	int fd;
	int file;
	char *mem;		/* a huge page's worth of small pages, mapped */
	char *shared;		/* the same of a file */
	char *other;		/* and two that are not mapped */
	char *other_shared;
};

/* Memory of small pages at an address that fits a huge page; of @file, unless it is -1. */
static char *aligned(int file, off_t offset)
{
	char *mem = mmap(NULL, 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int flags = MAP_FIXED | (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);

	if (mem == MAP_FAILED)
		return mem;
	mem = (char *)(((uintptr_t)mem + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
	mem = mmap(mem, HUGE, PROT_READ | PROT_WRITE, flags, file, offset);
	if (mem == MAP_FAILED || madvise(mem, HUGE, MADV_NOHUGEPAGE))
		return MAP_FAILED;
	memset(mem, 1, HUGE);
	return mem;
}

/* What a file of sysfs says. */
static long long number(const char *path)
{
	FILE *f = fopen(path, "re");
	char text[32] = "-1";

	if (f && !fgets(text, sizeof(text), f))
		text[0] = 0;
	if (f)
		fclose(f);
	return atoll(text);
}

FIXTURE_SETUP(stale_moves)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->file = memfd_create("stale", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(self->file, 2 * HUGE));
	self->mem = aligned(-1, 0);
	self->other = aligned(-1, 0);
	self->shared = aligned(self->file, 0);
	self->other_shared = aligned(self->file, HUGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_NE(MAP_FAILED, self->other);
	ASSERT_NE(MAP_FAILED, self->shared);
	ASSERT_NE(MAP_FAILED, self->other_shared);
	ASSERT_EQ(IOVA, native_map(self->fd, 1, NATIVE_FIXED, IOVA, self->mem, HUGE));
	ASSERT_EQ(IOVA + HUGE,
		  native_map(self->fd, 1, NATIVE_FIXED, IOVA + HUGE, self->shared, HUGE));
	ASSERT_TRUE(stale_on());
	ASSERT_EQ(2, watched("mappings"));
}

FIXTURE_TEARDOWN(stale_moves)
{
	/* The event was there to be raised. */
	EXPECT_LINES(0, 0);
	EXPECT_EQ(0, madvise(self->mem, PAGE, MADV_DONTNEED));
	EXPECT_STALE(getpid(), IOVA, self->mem, 1, "clear");
	EXPECT_LINES(0, 1);
	stale_off();
	close(self->fd);
	close(self->file);
}

/* A request to collapse them fails for pages that are pinned. */
TEST_F(stale_moves, collapsed)
{
	ASSERT_EQ(0, madvise(self->mem, HUGE, MADV_HUGEPAGE));
	ASSERT_EQ(0, madvise(self->other, HUGE, MADV_HUGEPAGE));
	ASSERT_EQ(0, madvise(self->other, HUGE, MADV_COLLAPSE));
	EXPECT_EQ(-1, madvise(self->mem, HUGE, MADV_COLLAPSE));
	if (madvise(self->shared, HUGE, MADV_HUGEPAGE) ||
	    madvise(self->other_shared, HUGE, MADV_HUGEPAGE) ||
	    madvise(self->other_shared, HUGE, MADV_COLLAPSE))
		TH_LOG("files do not collapse here: errno %d", errno);
	EXPECT_EQ(-1, madvise(self->shared, HUGE, MADV_COLLAPSE));
}

/* The kernel's thread that does so by itself. */
TEST_F_TIMEOUT(stale_moves, collapsed_by_a_thread, 60)
{
	long long was = number(KHUGEPAGED "scan_sleep_millisecs"), scans;
	long long collapsed = number(KHUGEPAGED "pages_collapsed");
	char text[32];
	int i;

	ASSERT_TRUE(file_write(KHUGEPAGED "scan_sleep_millisecs", "10"));
	ASSERT_EQ(0, madvise(self->mem, HUGE, MADV_HUGEPAGE));
	ASSERT_EQ(0, madvise(self->shared, HUGE, MADV_HUGEPAGE));
	ASSERT_EQ(0, madvise(self->other, HUGE, MADV_HUGEPAGE));
	for (i = 0; i < 2000 && number(KHUGEPAGED "pages_collapsed") == collapsed; i++)
		usleep(10000);
	EXPECT_LT(collapsed, number(KHUGEPAGED "pages_collapsed"));
	/* It has been everywhere since. */
	scans = number(KHUGEPAGED "full_scans");
	for (i = 0; i < 2000 && number(KHUGEPAGED "full_scans") < scans + 2; i++)
		usleep(10000);
	snprintf(text, sizeof(text), "%lld", was);
	EXPECT_TRUE(file_write(KHUGEPAGED "scan_sleep_millisecs", text));
}

/* Moves all pages of @mem, and says how many are on @node then. */
static int move_to(char *mem, int node)
{
	void *page[PAGES];
	int nodes[PAGES], status[PAGES], i, n = 0;

	for (i = 0; i < (int)PAGES; i++) {
		page[i] = mem + i * PAGE;
		nodes[i] = node;
		status[i] = -1;
	}
	if (syscall(SYS_move_pages, 0, PAGES, page, nodes, status, 2 /* MPOL_MF_MOVE */) < 0)
		return -1;
	syscall(SYS_move_pages, 0, PAGES, page, NULL, status, 0);
	for (i = 0; i < (int)PAGES; i++)
		n += status[i] == node;
	return n;
}

/* There and back: one of the two is another node. */
TEST_F_TIMEOUT(stale_moves, to_another_node, 60)
{
	int to, kept;

	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "the machine has one node: try vm/run --append numa=fake=2");
	for (to = 1; to >= 0; to--) {
		EXPECT_EQ((int)PAGES, move_to(self->other, to));
		EXPECT_EQ((int)PAGES, move_to(self->other_shared, to));
		move_to(self->mem, to);
		move_to(self->shared, to);
	}
	/* Pages that stay are on one of them all the time. */
	kept = move_to(self->mem, 0);
	EXPECT_EQ(kept, move_to(self->mem, 0));
	EXPECT_EQ((int)PAGES - kept, move_to(self->mem, 1));
}

/* Pages that are equal become one, but not those that are pinned. */
TEST_F_TIMEOUT(stale_moves, merged, 60)
{
	int i;

	ASSERT_EQ(0, madvise(self->mem, HUGE, MADV_MERGEABLE));
	ASSERT_EQ(0, madvise(self->other, HUGE, MADV_MERGEABLE));
	ASSERT_TRUE(file_write(KSM "pages_to_scan", "4000"));
	ASSERT_TRUE(file_write(KSM "run", "1"));
	for (i = 0; i < 2000 && number(KSM "pages_sharing") < 100; i++)
		usleep(10000);
	EXPECT_LE(100, number(KSM "pages_sharing"));
	usleep(100000);
	EXPECT_TRUE(file_write(KSM "run", "2"));
	EXPECT_TRUE(file_write(KSM "pages_to_scan", "100"));
}

/* A child that copies, discards and ends, and its parent, that writes then. */
static void fork_and_write(struct ktap_test *_self, char *mem)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		memset(mem, 2, HUGE / 2);
		madvise(mem + HUGE / 4, HUGE / 4, MADV_DONTNEED);
		/* Shared memory has what the parent writes meanwhile. */
		_exit(mem[0] != 2 && mem[0] != 3);
	}
	memset(mem, 3, HUGE);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Also where the device only reads, and of a file of which the process has a copy. */
TEST_F(stale_moves, copied_for_a_child)
{
	char *copy = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->file, HUGE);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, copy);
	/* What a child has as well when it is pinned, for reading. */
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	ASSERT_EQ(0x10000000, native_map(self->fd, 1, IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA,
					 0x10000000, self->other, HUGE));
	ASSERT_EQ(0x20000000, native_map(self->fd, 1, IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA,
					 0x20000000, copy, HUGE));
	EXPECT_EQ(4, watched("mappings"));
	memset(self->other, 4, HUGE);
	memset(copy, 4, HUGE);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	fork_and_write(_self, self->mem);
	fork_and_write(_self, self->shared);
	fork_and_write(_self, self->other);
	fork_and_write(_self, copy);
	EXPECT_EQ((long long)HUGE, native_unmap(self->fd, 1, 0x10000000, HUGE));
	EXPECT_EQ((long long)HUGE, native_unmap(self->fd, 1, 0x20000000, HUGE));
}

/* Reclaim, marks of written pages, and compaction. */
TEST_F_TIMEOUT(stale_moves, reclaimed, 60)
{
	char *const all[] = { self->mem, self->shared, self->other, self->other_shared };
	size_t i;

	ASSERT_TRUE(file_write("/proc/self/clear_refs", "4"));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, madvise(all[i], HUGE, MADV_COLD));
		EXPECT_EQ(0, madvise(all[i], HUGE, MADV_PAGEOUT));
	}
	ASSERT_TRUE(file_write("/proc/sys/vm/compact_memory", "1"));
	ASSERT_TRUE(file_write("/proc/sys/vm/drop_caches", "3"));
}

TEST_HARNESS_MAIN
