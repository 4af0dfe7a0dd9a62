// SPDX-License-Identifier: GPL-2.0-only
/*
 * Very many mappings that show the same pages: what one call, or one change of the memory, does
 * for each of them holds no lock for long, and ends with a fatal signal.
 */
#include <sys/wait.h>
#include <time.h>

#include "lib/scatter.h"
#include "lib/ioasid.h"

#define AT	0x1000000ULL

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* @n copies of @pages pages that are mapped at AT, one after the other. */
static bool copies(int fd, int n, uint64_t pages)
{
	uint64_t iova = AT;
	int i;

	for (i = 0; i < n; i++) {
		iova += pages * PAGE;
		if (native_copy(fd, 1, 1, NATIVE_FIXED, iova, AT, pages * PAGE) != iova)
			return false;
	}
	return true;
}

#define EXTENTS	8192
#define COPIES	10000

static void ask(int fd)
{
	native_info(fd, 1);
}

static void read_fdinfo(int fd)
{
	char path[64], c;
	int file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = open(path, O_RDONLY);
	if (read(file, &c, 1) != 1)
		_exit(1);
}

static void attach(int fd)
{
	struct backend d;

	native_attach(fd, &d, DEVICE_NVME);
}

/* Seconds that a process needs for this call, or after it was killed in the first quarter of it. */
static double lasts(int fd, void (*call)(int fd), double whole)
{
	double began = now();
	pid_t pid = fork();

	if (!pid) {
		call(fd);
		_exit(0);
	}
	if (whole) {
		usleep(whole / 4 * 1e6);
		kill(pid, SIGKILL);
		began = now();
	}
	waitpid(pid, NULL, 0);
	return now() - began;
}

/* Does it end soon when it is killed? Its rest would be three quarters. */
static bool dies(int fd, void (*call)(int fd), void (*undo)(int fd))
{
	double whole = lasts(fd, call, 0), rest;

	if (undo)
		undo(fd);
	rest = lasts(fd, call, whole);
	TH_LOG("%.2f s as a whole, and %.2f s when killed", whole, rest);
	return rest < whole / 3;
}

/* A mapping of scattered pages, with a hole of one page behind them. */
static bool map_scattered(int fd)
{
	char *mem = small_pages((EXTENTS + 2) * PAGE);
	uint64_t mapped;
	uint32_t nr = 0;

	scatter(mem, EXTENTS * PAGE);
	return !munmap(mem + EXTENTS * PAGE, PAGE) &&
	       native_map_sparse(fd, 1, NATIVE_FIXED, AT, mem, (EXTENTS + 2) * PAGE, NULL, &nr,
				 &mapped) == AT;
}

/* Pages that are there are counted, extent by extent where there are holes. */
TEST_TIMEOUT(sums_end_when_killed, 120)
{
	int fd = native_open();

	ASSERT_LE(0, fd);
	ASSERT_TRUE(map_scattered(fd));
	ASSERT_TRUE(copies(fd, COPIES, EXTENTS + 2));
	EXPECT_TRUE(dies(fd, ask, NULL));
	EXPECT_TRUE(dies(fd, read_fdinfo, NULL));
	close(fd);
}

/* Above what the IOMMU has, where no page may be, but a hole. */
#define ABOVE	(1ULL << 60)

static void track(int fd)
{
	native_dirty(fd, IOASID_DIRTY_OP_START, 0, 0, 0, NULL, 0);
}

static void track_no_more(int fd)
{
	native_dirty(fd, IOASID_DIRTY_OP_STOP, 0, 0, 0, NULL, 0);
}

/* Each of them is looked at: which pages are holes, and may it be where it is? */
TEST_TIMEOUT(walks_end_when_killed, 120)
{
	int fd = native_open(), i;

	ASSERT_LE(0, fd);
	ASSERT_TRUE(map_scattered(fd));
	for (i = 0; i < COPIES; i++)
		ASSERT_EQ(ABOVE + i * PAGE, native_copy(fd, 1, 1, NATIVE_FIXED, ABOVE + i * PAGE,
							AT + EXTENTS * PAGE, PAGE));
	EXPECT_TRUE(dies(fd, track, track_no_more));
	EXPECT_EQ(0, native_info(fd, 1).out_flags & IOASID_INFO_TRACKING);
	EXPECT_TRUE(dies(fd, attach, NULL));
	close(fd);
}

TEST_HARNESS_MAIN
