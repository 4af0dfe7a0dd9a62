// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first group with an IOMMU joins a container, and what software devices
 * have mapped there has to be pinned, which waits for a page fault: it holds up
 * its own caller and no other. What others map, unmap, pin and unpin in the
 * meantime is as it should be in the end.
 *
 * Type1 is not asked: it refuses such memory, and holds its lock over all of it.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/edu.h"
#include "lib/mdev_device.h"
#include "lib/trap.h"

#define PAGES	16
/* Where the trap is mapped, in pages, and how large it is. */
#define TRAP	32
#define TRAPS	4

FIXTURE(blocked) {
	MDEV_MEMBERS;
	int hardware;		/* a group that is not in the container yet */
	char *trap;		/* TRAPS pages, none of them there */
	int uffd;
	pthread_t thread;
	atomic_bool ended;
	int result;		/* 0 or an errno */
};

FIXTURE_SETUP(blocked)
{
	MDEV_SETUP(BACKEND_SHIM, PAGES);
	self->hardware = backend_open_group(DEVICE_EDU);
	ASSERT_LE(0, self->hardware);
	self->trap = small_pages(TRAPS * PAGE);
	ASSERT_NE(MAP_FAILED, (void *)self->trap);
	self->uffd = trap_set(self->trap, TRAPS * PAGE);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, TRAP, self->trap, TRAPS, MAP_RW));
}

FIXTURE_TEARDOWN(blocked)
{
	close(self->uffd);
	close(self->hardware);
	MDEV_TEARDOWN();
}

static void *attach_main(void *data)
{
	struct ktap_fixture_blocked *self = data;

	self->result = ioctl(self->hardware, VFIO_GROUP_SET_CONTAINER, &self->d.fd) ? errno : 0;
	self->ended = true;
	return NULL;
}

/* Begins to attach the hardware, and waits until that is caught in the trap. */
static bool catch_attach(struct ktap_fixture_blocked *self)
{
	return !pthread_create(&self->thread, NULL, attach_main, self) &&
	       trap_sprung(self->uffd, -1) == self->trap && !self->ended;
}

/* Serves the fault, and all others: what the attach came to. */
static int release_attach(struct ktap_fixture_blocked *self)
{
	int i;

	if (self->ended)
		return -1;
	/* Some may be there. */
	for (i = 0; i < TRAPS; i++)
		trap_fill(self->uffd, self->trap + i * PAGE, PAGE);
	pthread_join(self->thread, NULL);
	return self->result;
}

static int detach(struct ktap_fixture_blocked *self)
{
	return ioctl(self->hardware, VFIO_GROUP_UNSET_CONTAINER);
}

TEST_F(blocked, others_go_on)
{
	const struct backend *d = &self->d;
	uint64_t word = 0;

	ASSERT_EQ(0, mdev_map(d, 9, self->mem + 9 * PAGE, 1, MAP_RW));
	ASSERT_EQ(2, mdev_pin(self->device, 0, 2, MDEV_READ));
	ASSERT_TRUE(catch_attach(self));
	/* What came before the trap is pinned already, and paid once. */
	EXPECT_EQ(mdev_kib(9), locked_kib());
	EXPECT_EQ(1, mdev_unmap(d, 9, 1));
	EXPECT_EQ(mdev_kib(8), locked_kib());
	ASSERT_EQ(0, mdev_map(d, 8, self->mem + 8 * PAGE, 4, MAP_RW));
	EXPECT_EQ(0, mdev_copy(self->device, MDEV_IOVA + 3 * PAGE, &word, 8, false, true));
	EXPECT_EQ(1003, word);
	EXPECT_EQ(1008, mdev_peek(self->device, 8));
	EXPECT_EQ(2, mdev_unpin(self->device, 0, 2));
	EXPECT_LT(0, backend_avail(d));
	EXPECT_FALSE(self->ended);
	EXPECT_EQ(0, release_attach(self));
	EXPECT_EQ(mdev_kib(8 + 4 + TRAPS), locked_kib());
	EXPECT_EQ(self->before + 8 + 4 + TRAPS, ktap_pinned());
	ASSERT_EQ(0, detach(self));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());
}

/* The task that serves the page faults may unmap that very memory, and does not wait. */
TEST_F(blocked, trap_is_unmapped)
{
	ASSERT_TRUE(catch_attach(self));
	EXPECT_EQ(TRAPS, mdev_unmap(&self->d, TRAP, TRAPS));
	EXPECT_FALSE(self->ended);
	EXPECT_EQ(0, release_attach(self));
	EXPECT_EQ(mdev_kib(8), locked_kib());
	EXPECT_EQ(self->before + 8, ktap_pinned());
}

TEST_F(blocked, everything_is_unmapped)
{
	ASSERT_TRUE(catch_attach(self));
	EXPECT_EQ((long long)((8 + TRAPS) * PAGE), backend_unmap_all(&self->d));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, release_attach(self));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());
}

/* The same address, mapped anew to other memory: that is what the device must see. */
TEST_F(blocked, trap_is_mapped_anew)
{
	struct backend hw = { .fd = self->d.fd, .group = self->hardware };
	char *mem = mdev_memory(TRAPS);
	volatile char *bar;
	uint64_t seen = 0;
	int edu;

	ASSERT_TRUE(mem);
	/* In reach of the device. */
	ASSERT_EQ(0, backend_map(&self->d, EDU_IOVA, self->mem + 8 * PAGE, PAGE, MAP_RW));
	ASSERT_TRUE(catch_attach(self));
	EXPECT_EQ(PAGE, backend_unmap(&self->d, EDU_IOVA, PAGE));
	ASSERT_EQ(0, backend_map(&self->d, EDU_IOVA, mem, TRAPS * PAGE, MAP_RW));
	EXPECT_EQ(TRAPS, mdev_unmap(&self->d, TRAP, TRAPS));
	ASSERT_EQ(0, mdev_map(&self->d, TRAP, mem, TRAPS, MAP_RW));
	EXPECT_EQ(0, release_attach(self));
	EXPECT_EQ(mdev_kib(8 + 2 * TRAPS), locked_kib());
	edu = backend_device(&hw, DEVICE_EDU);
	ASSERT_LE(0, edu);
	bar = edu_open(edu);
	ASSERT_TRUE(bar);
	ASSERT_TRUE(edu_copy(bar, EDU_IOVA, EDU_IOVA + 3 * PAGE, PAGE));
	EXPECT_EQ(1000, *(uint64_t *)(mem + 3 * PAGE));
	/* And so does the driver of the software device. */
	EXPECT_EQ(0, mdev_copy(self->device, MDEV_IOVA + (TRAP + 3) * PAGE, &seen, 8, false, true));
	EXPECT_EQ(1000, seen);
	munmap((void *)(uintptr_t)bar, MIB);
	close(edu);
}

/* Pins that a driver makes and drops while the mapping is being pinned are paid once. */
TEST_F(blocked, pins_meanwhile)
{
	int trap = TRAP - 8;	/* before it, so that it is pinned already */

	/* One mapping, half trap and half not. */
	ASSERT_EQ(TRAPS, mdev_unmap(&self->d, TRAP, TRAPS));
	ASSERT_EQ(0, mdev_map(&self->d, trap, self->mem + 8 * PAGE, 8, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, TRAP, self->trap, TRAPS, MAP_RW));
	ASSERT_TRUE(trap_fill(self->uffd, self->trap + PAGE, PAGE));
	ASSERT_EQ(4, mdev_pin(self->device, trap, 4, MDEV_READ));
	ASSERT_EQ(1, mdev_pin(self->device, TRAP + 1, 1, MDEV_READ));
	EXPECT_EQ(mdev_kib(5), locked_kib());
	ASSERT_TRUE(catch_attach(self));
	EXPECT_EQ(mdev_kib(8 + 8 + 1), locked_kib());
	/* Of a mapping that is pinned: what the pin paid is the mapping's. */
	EXPECT_EQ(4, mdev_unpin(self->device, trap, 4));
	EXPECT_EQ(mdev_kib(8 + 8 + 1), locked_kib());
	/* Of the one that is not: it gets it back. */
	EXPECT_EQ(1, mdev_unpin(self->device, TRAP + 1, 1));
	EXPECT_EQ(mdev_kib(8 + 8), locked_kib());
	EXPECT_EQ(1, mdev_pin(self->device, TRAP + 1, 1, MDEV_READ));
	EXPECT_EQ(0, release_attach(self));
	EXPECT_EQ(mdev_kib(8 + 8 + TRAPS), locked_kib());
	EXPECT_EQ(2, mdev_pin(self->device, TRAP, 2, MDEV_READ));
	EXPECT_EQ(mdev_kib(8 + 8 + TRAPS), locked_kib());
	ASSERT_EQ(0, detach(self));
	EXPECT_EQ(mdev_kib(2), locked_kib());
	EXPECT_EQ(3, mdev_unpin(self->device, TRAP, 2) + mdev_unpin(self->device, TRAP + 1, 1));
	EXPECT_EQ(0, locked_kib());
}

/* A limit that holds exactly what is mapped is enough. */
TEST_F(blocked, limit_with_pins_meanwhile)
{
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock((8 + TRAPS) * PAGE));
	EXPECT_EQ(12, mdev_unmap(&self->d, 0, PAGES) + mdev_unmap(&self->d, TRAP, TRAPS));
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, TRAP, self->trap, TRAPS, MAP_RW));
	ASSERT_TRUE(trap_fill(self->uffd, self->trap + PAGE, PAGE));
	ASSERT_EQ(1, mdev_pin(self->device, TRAP + 1, 1, MDEV_READ));
	ASSERT_EQ(8, mdev_pin(self->device, 0, 8, MDEV_READ));
	ASSERT_TRUE(catch_attach(self));
	EXPECT_EQ(8, mdev_unpin(self->device, 0, 8));
	EXPECT_EQ(0, release_attach(self));
	EXPECT_EQ(mdev_kib(8 + TRAPS), locked_kib());
	/* One more mapping is one too many, and what is there stays. */
	EXPECT_REFUSED(&self->d, ENOMEM, mdev_map(&self->d, 100, self->mem, 1, MAP_RW));
}

/* It is refused in the end: nothing stays pinned, also of what was mapped meanwhile. */
TEST_F(blocked, attach_is_refused)
{
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock((8 + TRAPS + 1) * PAGE));
	ASSERT_EQ(12, mdev_unmap(&self->d, 0, PAGES) + mdev_unmap(&self->d, TRAP, TRAPS));
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, TRAP, self->trap, TRAPS, MAP_RW));
	ASSERT_TRUE(catch_attach(self));
	ASSERT_EQ(0, mdev_map(&self->d, 8, self->mem + 8 * PAGE, 2, MAP_RW));
	EXPECT_EQ(ENOMEM, release_attach(self));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());
	EXPECT_EQ(1008, mdev_peek(self->device, 8));
	EXPECT_EQ(2, mdev_unmap(&self->d, 8, 2));
	EXPECT_EQ(0, ioctl(self->hardware, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	EXPECT_EQ(mdev_kib(8 + TRAPS), locked_kib());
}

/* Killed while it waits for its own memory. */
TEST_F(blocked, attach_is_killed)
{
	int ready[2], status;
	char c = 'n';
	pid_t pid;

	ASSERT_EQ(TRAPS, mdev_unmap(&self->d, TRAP, TRAPS));
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid) {
		self->trap = small_pages(TRAPS * PAGE);
		self->uffd = trap_set(self->trap, TRAPS * PAGE);
		if (!mdev_map(&self->d, TRAP, self->trap, TRAPS, MAP_RW) && catch_attach(self))
			c = 'y';
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ('y', c);
	EXPECT_EQ(mdev_kib(8), locked_kib());
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(SIGKILL, status);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
	/* Its mapping is still there, with nothing behind it. */
	EXPECT_EQ(TRAPS, mdev_unmap(&self->d, TRAP, TRAPS));
	EXPECT_EQ(0, ioctl(self->hardware, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	EXPECT_EQ(mdev_kib(8), locked_kib());
}

/* The software device and its group leave meanwhile; then there is nothing to pin. */
TEST_F(blocked, container_is_closed)
{
	pid_t pid;
	int status;

	ASSERT_TRUE(catch_attach(self));
	pid = fork();
	if (!pid)
		_exit(backend_unmap_all(&self->d) != (long long)((8 + TRAPS) * PAGE));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, release_attach(self));
	ASSERT_EQ(0, detach(self));
	EXPECT_EQ(0, locked_kib());
}

TEST_HARNESS_MAIN
