// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event ioasid_stale where the process that owns the memory ends, runs another
 * program, or hands the mapping over: whose change counts, and what is watched.
 */
#include <sys/wait.h>

#include "lib/stale_event.h"

#define SHARED	4

FIXTURE(stale_away) {
	int fd;
	struct backend d;
};

FIXTURE_SETUP(stale_away)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->d = (struct backend){ .kind = BACKEND_IOASID, .fd = self->fd, .group = -1 };
	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_TRUE(stale_on());
}

FIXTURE_TEARDOWN(stale_away)
{
	stale_off();
	close(self->fd);
}

/* A child that maps two pages and then does as @end says. */
static pid_t child_ends(struct ktap_fixture_stale_away *self, void (*end)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		char *mem = small_pages(2 * PAGE);

		if (native_map(self->fd, 1, NATIVE_FIXED, 0x10000, mem, 2 * PAGE) != 0x10000)
			_exit(1);
		end();
		_exit(2);
	}
	return waitpid(pid, &status, 0) == pid && !status ? pid : -1;
}

static void end_by_exit(void)
{
	_exit(0);
}

static void end_by_exec(void)
{
	execl("/bin/true", "true", NULL);
}

TEST_F(stale_away, exit)
{
	pid_t pid = child_ends(self, end_by_exit);

	ASSERT_LT(0, pid);
	EXPECT_EQ(1, lines(pid, "iova=0x10000 length=0x2000 "));
	EXPECT_EQ(1, lines(pid, "change=exit pages=2"));
	EXPECT_LINES(pid, 1);
	/* Its notifier is gone, although the mapping is not, and the event is on. */
	EXPECT_TRUE(nothing_is_watched());
	EXPECT_EQ((long long)(2 * PAGE), native_unmap_all(self->fd, 1));
}

TEST_F(stale_away, exec)
{
	pid_t pid = child_ends(self, end_by_exec);

	ASSERT_LT(0, pid);
	EXPECT_EQ(1, lines(pid, "change=exit pages=2"));
	EXPECT_TRUE(nothing_is_watched());
}

/* A child takes the mapping over, at an address of its own; then @end. */
static pid_t heir(struct ktap_fixture_stale_away *self, int file, bool (*end)(char *mem))
{
	pid_t pid = fork();
	char *mem;

	if (pid)
		return pid;
	mem = mmap(NULL, SHARED * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (backend_map(&self->d, IOVA, mem, SHARED * PAGE, VFIO_DMA_MAP_FLAG_VADDR))
		_exit(1);
	_exit(!end(mem));
}

static bool unmaps_a_page(char *mem)
{
	return !munmap(mem + PAGE, PAGE) && lines(getpid(), "iova=0x100001000 length=0x1000 ") == 1;
}

static bool waits_for_input(char *mem)
{
	char c;

	return read(STDIN_FILENO, &c, 1) == 1 && lines(0, NULL) == 0 && !munmap(mem, PAGE) &&
	       lines(getpid(), "iova=0x100000000 length=0x1000 ") == 1;
}

static char *map_shared(struct ktap_fixture_stale_away *self, int *file)
{
	char *mem;

	*file = memfd_create("stale", MFD_CLOEXEC);
	if (ftruncate(*file, SHARED * PAGE))
		return MAP_FAILED;
	mem = mmap(NULL, SHARED * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
	if (native_map(self->fd, 1, NATIVE_FIXED, IOVA, mem, SHARED * PAGE) != IOVA)
		return MAP_FAILED;
	return mem;
}

/* The watch moves with the mapping: the old owner may unmap, the new one may not. */
TEST_F(stale_away, handed_over)
{
	int file, status, pipes[2];
	char *mem = map_shared(self, &file);
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ((long long)(SHARED * PAGE),
		  backend_unmap_flags(&self->d, IOVA, SHARED * PAGE, VFIO_DMA_UNMAP_FLAG_VADDR));
	EXPECT_EQ(0, watched("mappings"));
	dup2(pipes[0], STDIN_FILENO);
	pid = heir(self, file, waits_for_input);
	while (!watched("mappings") && !waitpid(pid, &status, WNOHANG))
		usleep(1000);
	ASSERT_EQ(1, watched("mappings"));
	ASSERT_EQ(0, munmap(mem, SHARED * PAGE));
	ASSERT_EQ(1, write(pipes[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_LINES(getpid(), 0);
	/* What was left as the heir ended. */
	EXPECT_EQ(1, lines(pid, "change=exit pages=3"));
}

/* With no address there is nothing to compare with, and the next owner is watched at once. */
TEST_F(stale_away, while_it_has_no_address)
{
	int file, status;
	char *mem = map_shared(self, &file);
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ((long long)(SHARED * PAGE),
		  backend_unmap_flags(&self->d, IOVA, SHARED * PAGE, VFIO_DMA_UNMAP_FLAG_VADDR));
	ASSERT_EQ(0, munmap(mem, SHARED * PAGE));
	EXPECT_LINES(getpid(), 0);
	pid = heir(self, file, unmaps_a_page);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, lines(pid, "change=exit pages=1"));
	EXPECT_EQ(1, lines(pid, "change=exit pages=2"));
	EXPECT_LINES(pid, 3);
}

TEST_HARNESS_MAIN
