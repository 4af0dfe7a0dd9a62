// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver of a hardware device pins memory while that passes from process to
 * process by live update: a pin ends with the process that it began with.
 *
 * Not on type1, which holds its lock over all of it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>

#include "lib/mdev_device.h"

#define PAGES	8

FIXTURE(live) {
	struct backend d;
	int device;
	char *mem;
	long long before;
};

FIXTURE_SETUP(live)
{
	self->before = ktap_pinned();
	ASSERT_TRUE(device_move(DEVICE_NVME, "vfio-pci", MDEV_PCI));
	ASSERT_TRUE(backend_open(&self->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	self->device = backend_device(&self->d, DEVICE_NVME);
	ASSERT_LE(0, self->device);
	self->mem = mdev_memory(PAGES);
	ASSERT_TRUE(self->mem);
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
}

FIXTURE_TEARDOWN(live)
{
	if (self->device >= 0)
		close(self->device);
	backend_close(&self->d);
	EXPECT_TRUE(device_move(DEVICE_NVME, MDEV_PCI, "vfio-pci"));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static atomic_bool stop;
static atomic_ulong pins;

static void *pin_for_ever(void *arg)
{
	int device = *(int *)arg;

	while (!stop) {
		if (mdev_pin(device, 0, 4, MDEV_READ) != 4)
			continue;
		mdev_unpin(device, 0, 4);
		pins++;
	}
	return NULL;
}

static bool invalidate(const struct backend *d)
{
	return backend_unmap_flags(d, 0, 0,
				   VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR) > 0;
}

static bool take_over(const struct backend *d, char *mem)
{
	return !mdev_map(d, 0, mem, PAGES, VFIO_DMA_MAP_FLAG_VADDR);
}

/* Takes the mapping over each time it is told to, with its own memory. */
static void partner_main(const struct backend *d, char *mem, int orders, int answers)
{
	char word;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(mem, 2, PAGES * PAGE);
	while (read(orders, &word, 1) == 1) {
		word = take_over(d, mem);
		if (write(answers, &word, 1) != 1)
			break;
	}
	_exit(0);
}

TEST_F_TIMEOUT(live, owner_changes_under_pins, 20)
{
	int orders[2], answers[2], rounds = 0;
	time_t end = time(NULL) + 3;
	pthread_t thread;
	pid_t partner;
	char word;

	ASSERT_EQ(0, pipe(orders) | pipe(answers));
	partner = fork();
	ASSERT_LE(0, partner);
	if (!partner)
		partner_main(&self->d, self->mem, orders[0], answers[1]);
	ASSERT_EQ(0, pthread_create(&thread, NULL, pin_for_ever, &self->device));
	while (time(NULL) < end || rounds < 4) {
		/* A pin in flight refuses it. */
		if (!invalidate(&self->d)) {
			ASSERT_EQ(EBUSY, errno);
			continue;
		}
		if (rounds++ % 2) {
			ASSERT_TRUE(take_over(&self->d, self->mem));
			continue;
		}
		ASSERT_EQ(1, write(orders[1], "1", 1));
		ASSERT_EQ(1, read(answers[0], &word, 1));
		ASSERT_EQ(1, word);
		EXPECT_EQ(0, locked_kib());
		EXPECT_EQ((long)(PAGES * 4), status_kib(partner, "VmLck"));
	}
	stop = true;
	pthread_join(thread, NULL);
	TH_LOG("%lu pins, %d changes of owner", (unsigned long)pins, rounds);
	EXPECT_LT(0, pins);
	EXPECT_EQ(PAGES, mdev_unmap(&self->d, 0, PAGES));
	EXPECT_EQ(0, locked_kib());
	/* Both live, and die, as processes do. */
	EXPECT_EQ(0, status_kib(partner, "VmLck"));
	EXPECT_EQ(0, kill(partner, SIGKILL));
	EXPECT_EQ(partner, waitpid(partner, NULL, 0));
}

TEST_HARNESS_MAIN
