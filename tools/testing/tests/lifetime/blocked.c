// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map that waits for a page fault that is not served (userfaultfd) must hold
 * up its own caller and nothing else: not other ranges, not a group that leaves
 * or joins, not SIGKILL.
 *
 * Type1 is not asked: it refuses such memory.
 */
#include <pthread.h>

#include "lib/edu.h"
#include "lib/trap.h"

#define IOVA	0x1000000ULL
#define PAGES	8

struct trapped {
	struct backend d;
	int uffd;
	char *trap;		/* PAGES pages, the last of which is not filled */
	char *mem;		/* PAGES ordinary pages */
	long long before;
	pthread_t thread;
	volatile int ended;
	volatile int result;	/* 0 or an errno */
};

static void trapped_open(struct ktap_test *_self, struct trapped *t, enum backend_kind kind)
{
	t->before = ktap_pinned();
	ASSERT_TRUE(backend_open(&t->d, kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	t->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, t->mem);
	t->trap = small_pages(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, t->trap);
	t->uffd = trap_set(t->trap, PAGES * PAGE);
	ASSERT_LE(0, t->uffd);
	ASSERT_TRUE(trap_fill(t->uffd, t->trap, (PAGES - 1) * PAGE));
}

static void trapped_close(struct ktap_test *_self, struct trapped *t)
{
	backend_close(&t->d);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(t->before));
}

FIXTURE(blocked) {
	struct trapped t;
};

FIXTURE_VARIANT(blocked) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(blocked, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(blocked, shim) { .kind = BACKEND_SHIM };

FIXTURE_SETUP(blocked)
{
	trapped_open(_self, &self->t, variant->kind);
}

FIXTURE_TEARDOWN(blocked)
{
	trapped_close(_self, &self->t);
}

static void *map_trap(void *arg)
{
	struct trapped *t = arg;

	t->result = backend_map(&t->d, IOVA, t->trap, PAGES * PAGE, MAP_RW) ? errno : 0;
	t->ended = 1;
	return NULL;
}

/* Starts the map and waits until it is caught. */
static bool catch_map(struct trapped *t)
{
	return !pthread_create(&t->thread, NULL, map_trap, t) &&
	       trap_sprung(t->uffd, -1) && !t->ended;
}

/* Serves the fault; the map ends, as it should. */
static int release_map(struct trapped *t)
{
	if (t->ended)
		return -1;
	if (!trap_fill(t->uffd, t->trap + (PAGES - 1) * PAGE, PAGE))
		return -2;
	pthread_join(t->thread, NULL);
	return t->result;
}

TEST_F(blocked, other_ranges_go_on)
{
	const struct backend *d = &self->t.d;
	int i;

	ASSERT_TRUE(catch_map(&self->t));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, backend_map(d, IOVA + PAGES * PAGE, self->t.mem, PAGES * PAGE,
					 MAP_RW));
		EXPECT_EQ(PAGES * PAGE, backend_unmap(d, IOVA + PAGES * PAGE, PAGES * PAGE));
	}
	/* Its own range is taken, but nothing that one can unmap yet. */
	EXPECT_ERRNO(EEXIST, backend_map(d, IOVA + PAGE, self->t.mem, PAGE, MAP_RW));
	EXPECT_EQ(65534, backend_avail(d));
	EXPECT_EQ(0, release_map(&self->t));
	EXPECT_EQ(PAGES * PAGE / KIB, locked_kib());
	EXPECT_EQ(PAGES * PAGE, backend_unmap(d, IOVA, PAGES * PAGE));
}

struct unmapper {
	pthread_t thread;
	const struct backend *d;
	volatile int ended;
	volatile long long done;
	volatile int error;
};

static void *unmap_trap(void *arg)
{
	struct unmapper *u = arg;

	u->done = backend_unmap(u->d, IOVA, PAGES * PAGE);
	u->error = errno;
	u->ended = 1;
	return NULL;
}

TEST_F(blocked, unmap_waits)
{
	struct unmapper u = { .d = &self->t.d };

	ASSERT_TRUE(catch_map(&self->t));
	ASSERT_EQ(0, pthread_create(&u.thread, NULL, unmap_trap, &u));
	usleep(200000);
	EXPECT_EQ(0, u.ended);
	EXPECT_EQ(0, release_map(&self->t));
	pthread_join(u.thread, NULL);
	EXPECT_EQ(PAGES * PAGE, u.done);
	EXPECT_EQ(0, locked_kib());
}

/* The group leaves: at once, and both calls learn of it. */
TEST(group_leaves)
{
	struct trapped t = { .ended = 0 };
	struct unmapper u = { .d = &t.d };

	trapped_open(_self, &t, BACKEND_SHIM);
	if (_self->failed)
		return;
	ASSERT_TRUE(catch_map(&t));
	ASSERT_EQ(0, pthread_create(&u.thread, NULL, unmap_trap, &u));
	usleep(50000);
	ASSERT_EQ(0, u.ended);
	ASSERT_EQ(0, ioctl(t.d.group, VFIO_GROUP_UNSET_CONTAINER));
	/* A new instance in the same container has nothing to do with it. */
	ASSERT_EQ(0, ioctl(t.d.group, VFIO_GROUP_SET_CONTAINER, &t.d.fd));
	ASSERT_EQ(0, ioctl(t.d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, backend_map(&t.d, IOVA, t.mem, PAGES * PAGE, MAP_RW));
	EXPECT_EQ(EINVAL, release_map(&t));
	pthread_join(u.thread, NULL);
	EXPECT_EQ(-1, u.done);
	EXPECT_EQ(EINVAL, u.error);
	EXPECT_EQ(PAGES * PAGE / KIB, locked_kib());
	trapped_close(_self, &t);
}

/* A group joins meanwhile, and what is mapped in the end is there for it. */
TEST(group_joins)
{
	struct trapped t = { .ended = 0 };
	volatile char *bar;
	struct backend edu;
	int device;

	trapped_open(_self, &t, BACKEND_IOASID);
	if (_self->failed)
		return;
	ASSERT_TRUE(catch_map(&t));
	ASSERT_TRUE(backend_join(&edu, BACKEND_SHIM, DEVICE_EDU));
	ASSERT_EQ(0, ioctl(edu.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(t.d.fd)));
	EXPECT_EQ(0, release_map(&t));
	device = backend_device(&edu, DEVICE_EDU);
	ASSERT_LE(0, device);
	bar = edu_open(device);
	ASSERT_TRUE(bar);
	memset(t.trap, 0x77, PAGE);
	ASSERT_TRUE(edu_copy(bar, IOVA, IOVA + (PAGES - 1) * PAGE, PAGE));
	EXPECT_EQ(0x77, t.trap[PAGES * PAGE - 1]);
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
	backend_close(&edu);
	trapped_close(_self, &t);
}

/* --- killed while it waits --- */

/* A child whose map, and if asked whose unmap, waits for ever. */
static pid_t start_blocked(struct trapped *t, bool unmap, int *ready)
{
	int fds[2];
	pid_t pid;
	char c = 0;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (pid) {
		close(fds[1]);
		*ready = read(fds[0], &c, 1) == 1 && c == 'y';
		close(fds[0]);
		return pid;
	}
	t->trap = small_pages(PAGES * PAGE);
	t->uffd = trap_set(t->trap, PAGES * PAGE);
	if (t->uffd >= 0 && trap_fill(t->uffd, t->trap, (PAGES - 1) * PAGE) && catch_map(t))
		c = 'y';
	if (write(fds[1], &c, 1) != 1)
		_exit(1);
	if (unmap)
		backend_unmap_all(&t->d);
	else
		pause();
	_exit(2);
}

static void kill_blocked(struct ktap_test *_self, struct trapped *t, bool unmap)
{
	struct timespec from, to;
	int ready = 0, status;
	pid_t pid;

	pid = start_blocked(t, unmap, &ready);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(ready);
	usleep(100000);
	clock_gettime(CLOCK_MONOTONIC, &from);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	clock_gettime(CLOCK_MONOTONIC, &to);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_LE(to.tv_sec - from.tv_sec, 2);
	EXPECT_EQ(0, ktap_leaked(t->before));
	/* The parent's fd is the same, and the range is free. */
	EXPECT_EQ(0, backend_map(&t->d, IOVA, t->mem, PAGE, MAP_RW));
	EXPECT_EQ(PAGE, backend_unmap(&t->d, IOVA, PAGE));
	EXPECT_EQ(65535, backend_avail(&t->d));
}

TEST_F(blocked, map_is_killed)
{
	kill_blocked(_self, &self->t, false);
}

TEST_F(blocked, unmap_is_killed)
{
	kill_blocked(_self, &self->t, true);
}

/* An unmap that waits in one process for a map that waits in another. */
TEST_F(blocked, only_the_unmap_is_killed)
{
	int ready = 0, status;
	pid_t mapper, unmapper;

	mapper = start_blocked(&self->t, false, &ready);
	ASSERT_LT(0, mapper);
	EXPECT_TRUE(ready);
	unmapper = fork();
	if (!unmapper)
		_exit(backend_unmap(&self->t.d, IOVA, PAGES * PAGE) < 0);
	usleep(200000);
	EXPECT_EQ(0, waitpid(unmapper, &status, WNOHANG));
	kill(unmapper, SIGKILL);
	ASSERT_EQ(unmapper, waitpid(unmapper, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(65534, backend_avail(&self->t.d));
	kill(mapper, SIGKILL);
	ASSERT_EQ(mapper, waitpid(mapper, &status, 0));
	EXPECT_EQ(65535, backend_avail(&self->t.d));
}

TEST_HARNESS_MAIN
