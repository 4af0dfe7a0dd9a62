// SPDX-License-Identifier: GPL-2.0-only
/*
 * Very many mappings that show the same pages: what one call, or one change of the memory, does
 * for each of them holds no lock for long, and ends with a fatal signal.
 */
#include <sys/wait.h>
#include <time.h>

#include "lib/scatter.h"
#include "lib/stale_event.h"

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

#define PAGES	512
#define SHOWN	4000

/* What another process has, whose memory is another one's business. */
struct mapper {
	bool stop;
	int rounds;
};

/* Maps and unmaps a page of its own, which is watched, too. */
static int map_on(struct mapper *m)
{
	char *mem = touched_memory(PAGE);
	int fd = native_open();

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		if (native_map(fd, 1, NATIVE_FIXED, 0, mem, PAGE) ||
		    native_unmap(fd, 1, 0, PAGE) != (long long)PAGE)
			return 1;
		__atomic_add_fetch(&m->rounds, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

/*
 * Discards @pages at @mem, which are mapped at @iova and @SHOWN copies follow, while another
 * process maps and unmaps. Its pages stay, because nothing needs memory.
 */
static void look(struct ktap_test *_self, int fd, char *mem, uint64_t pages, uint64_t iova)
{
	struct mapper *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, rounds, i;
	long long reports;
	pid_t pid;

	for (i = 0; i < SHOWN; i++)
		ASSERT_EQ(ABOVE + i * pages * PAGE,
			  native_copy(fd, 1, 1, NATIVE_FIXED, ABOVE + i * pages * PAGE, iova,
				      pages * PAGE));
	ASSERT_TRUE(stale_on());
	for (i = 0; i < 3000 && watched("mappings") < SHOWN + 1; i++)
		usleep(10000);
	ASSERT_EQ(SHOWN + 1, watched("mappings"));
	pid = fork();
	if (!pid)
		_exit(map_on(m));
	usleep(500000);
	rounds = __atomic_load_n(&m->rounds, __ATOMIC_RELAXED);
	ASSERT_EQ(0, madvise(mem, pages * PAGE, MADV_FREE));
	rounds = __atomic_load_n(&m->rounds, __ATOMIC_RELAXED) - rounds;
	__atomic_store_n(&m->stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* One when it begins, and one when it ends, but for that. */
	TH_LOG("%d maps and unmaps meanwhile", rounds);
	EXPECT_LT(3, rounds);
	EXPECT_LINES(0, 0);
	/* What is lost is reported for each. */
	reports = watched("reports");
	ASSERT_EQ(0, madvise(mem, PAGE, MADV_DONTNEED));
	EXPECT_EQ(SHOWN + 1, watched("reports") - reports);
	stale_off();
	close(fd);
}

/* A change of memory that very many mappings show keeps no other process from mapping. */
TEST_TIMEOUT(looks_are_short, 120)
{
	char *mem = small_pages(PAGES * PAGE);
	int fd = native_open();

	memset(mem, 1, PAGES * PAGE);
	ASSERT_EQ(AT, native_map(fd, 1, NATIVE_FIXED, AT, mem, PAGES * PAGE));
	look(_self, fd, mem, PAGES, AT);
}

/* The same of one page, which each of them has behind very many extents. */
TEST_TIMEOUT(walks_are_short, 120)
{
	char *mem = small_pages(EXTENTS * PAGE);
	int fd = native_open();

	scatter(mem, EXTENTS * PAGE);
	ASSERT_EQ(AT, native_map(fd, 1, NATIVE_FIXED, AT, mem, EXTENTS * PAGE));
	look(_self, fd, mem + (EXTENTS - 1) * PAGE, 1, AT + (EXTENTS - 1) * PAGE);
}

TEST_HARNESS_MAIN
