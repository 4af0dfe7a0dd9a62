// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers that do not unpin what they should, and drivers under load. Type1 is
 * not asked: it brings the machine down, or deserves the same.
 */
#include <pthread.h>

#include "lib/mdev_device.h"

#define PAGES	64

FIXTURE(misbehave) {
	MDEV_MEMBERS;
};

FIXTURE_SETUP(misbehave)
{
	MDEV_SETUP(BACKEND_SHIM, PAGES);
}

FIXTURE_TEARDOWN(misbehave)
{
	MDEV_TEARDOWN();
}

TEST_F(misbehave, keeps_its_pins)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(0, mdev_map(&self->d, 8, self->mem, 8, MAP_RW));
	ASSERT_EQ(2, mdev_pin(self->device, 4, 2, MDEV_READ));
	ASSERT_EQ(0, ioctl(self->device, MDEV_MODE, MDEV_STUBBORN));
	EXPECT_REFUSED(&self->d, EBUSY, mdev_unmap(&self->d, 0, 8));
	EXPECT_LT(0, mdev_state(self->device).callbacks);
	/* All or nothing, and the other mapping alone goes. */
	EXPECT_REFUSED(&self->d, EBUSY, backend_unmap_all(&self->d));
	EXPECT_EQ(8, mdev_unmap(&self->d, 8, 8));
	EXPECT_EQ(1007, mdev_peek(self->device, 7));
	EXPECT_ERRNO(EEXIST, mdev_map(&self->d, 0, self->mem, 1, MAP_RW));
	/* It comes to its senses. */
	EXPECT_EQ(2, mdev_unpin(self->device, 4, 2));
	EXPECT_EQ(8, mdev_unmap(&self->d, 0, 8));
}

/* The same with an IOMMU: DMA must not end for a mapping that stays. */
TEST_F(misbehave, keeps_its_pins_under_an_iommu)
{
	int group = backend_open_group(DEVICE_EDU);

	ASSERT_LE(0, group);
	ASSERT_EQ(0, ioctl(group, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(2, mdev_pin(self->device, 4, 2, MDEV_READ));
	ASSERT_EQ(0, ioctl(self->device, MDEV_MODE, MDEV_STUBBORN));
	EXPECT_REFUSED(&self->d, EBUSY, mdev_unmap(&self->d, 0, 8));
	EXPECT_EQ(8 * PAGE / KIB, locked_kib());
	/* Closing the device unpins. */
	close(self->device);
	EXPECT_EQ(8, mdev_unmap(&self->d, 0, 8));
	close(group);
	self->device = -1;
}

/* A device that is closed with pins: they are lost, but nothing else is. */
TEST_F(misbehave, closes_with_pins)
{
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, 8, MAP_RW));
	ASSERT_EQ(2, mdev_pin(self->device, 4, 2, MDEV_READ));
	ASSERT_EQ(0, ioctl(self->device, MDEV_MODE, MDEV_LEAKY));
	close(self->device);
	EXPECT_EQ(2 * PAGE / KIB, locked_kib());
	EXPECT_REFUSED(&self->d, EBUSY, mdev_unmap(&self->d, 0, 8));
	/* The group leaves, and the mappings with it. */
	ASSERT_EQ(0, ioctl(self->d.group, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before + 2, ktap_pinned());
	ASSERT_EQ(0, ioctl(self->d.group, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	self->device = backend_device(&self->d, MDEV_NAME(0));
	ASSERT_LE(0, self->device);
	/* The driver still had them, and gives them back itself. */
	ASSERT_EQ(0, ioctl(self->device, MDEV_MODE, 0));
	EXPECT_EQ(self->before, ktap_pinned());
}

/* --- a /dev/ioasid, whose memory is pinned from the start --- */

TEST(joined_ioasid)
{
	long long before = ktap_pinned();
	struct backend ioasid, d;
	char *mem = mdev_memory(8);
	int device;

	ASSERT_TRUE(mem);
	ASSERT_TRUE(backend_open(&ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, mdev_map(&ioasid, 0, mem, 8, MAP_RW));
	ASSERT_TRUE(backend_join(&d, BACKEND_SHIM, MDEV_NAME(0)));
	ASSERT_EQ(0, ioctl(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(ioasid.fd)));
	device = backend_device(&d, MDEV_NAME(0));
	ASSERT_LE(0, device);
	EXPECT_EQ(1003, mdev_peek(device, 3));
	ASSERT_EQ(4, mdev_pin(device, 0, 4, MDEV_READ | MDEV_WRITE));
	EXPECT_EQ(8 * PAGE / KIB, locked_kib());
	EXPECT_EQ(8, mdev_unmap(&ioasid, 0, 8));
	EXPECT_EQ(0, mdev_state(device).pinned);
	ASSERT_EQ(0, mdev_map(&ioasid, 0, mem, 8, MAP_RW));
	ASSERT_EQ(4, mdev_pin(device, 0, 4, MDEV_READ | MDEV_WRITE));
	backend_close(&ioasid);
	EXPECT_EQ(1003, mdev_peek(device, 3));
	close(device);
	EXPECT_EQ(8 * PAGE / KIB, locked_kib());
	backend_close(&d);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(before));
}

/* What ioasid's own calls say to pins that stay, and of a space that only a driver uses. */
TEST(native_calls)
{
	struct ioasid_unmap_dma one = { .size = sizeof(one), .iova = MDEV_IOVA, .length = 8 * PAGE };
	struct ioasid_iova_range r[2] = {
		{ MDEV_IOVA + 8 * PAGE, MDEV_IOVA + 9 * PAGE - 1 },
		{ MDEV_IOVA, MDEV_IOVA + 8 * PAGE - 1 },
	};
	struct ioasid_unmap_batch batch = {
		.size = sizeof(batch), .nr_entries = 2, .entries = (uintptr_t)r,
		.entry_size = sizeof(r[0]),
	};
	struct ioasid_legacy other = { .size = sizeof(other), .op = IOASID_LEGACY_SET };
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };
	struct ioasid_free gone = { .size = sizeof(gone), .ioasid = 1 };
	int fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC), device;
	long long before = ktap_pinned();
	struct backend d;
	char *mem = mdev_memory(9);

	ASSERT_LE(0, fd);
	ASSERT_TRUE(mem);
	ASSERT_TRUE(backend_join(&d, BACKEND_SHIM, MDEV_NAME(0)));
	ASSERT_EQ(0, ioctl(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(fd)));
	device = backend_device(&d, MDEV_NAME(0));
	ASSERT_LE(0, device);
	ASSERT_EQ(0, mdev_map(&d, 0, mem, 8, MAP_RW));
	ASSERT_EQ(0, mdev_map(&d, 8, mem + 8 * PAGE, 1, MAP_RW));
	ASSERT_EQ(2, mdev_pin(device, 4, 2, MDEV_READ));
	ASSERT_EQ(0, ioctl(device, MDEV_MODE, MDEV_STUBBORN));
	EXPECT_ERRNO(EBUSY, ioctl(fd, IOASID_UNMAP_DMA, &one));
	EXPECT_EQ(0, one.out_length);
	EXPECT_EQ(9 * PAGE / KIB, locked_kib());
	EXPECT_ERRNO(EBUSY, ioctl(fd, IOASID_UNMAP_BATCH, &batch));
	EXPECT_EQ(1, batch.out_done);
	EXPECT_EQ(PAGE, batch.out_length);
	EXPECT_EQ(1007, mdev_peek(device, 7));

	/* Not the default one any more, it is the driver's. */
	ASSERT_EQ(0, ioctl(fd, IOASID_ALLOC, &alloc));
	other.ioasid = alloc.out_ioasid;
	ASSERT_EQ(0, ioctl(fd, IOASID_LEGACY, &other));
	EXPECT_ERRNO(EBUSY, ioctl(fd, IOASID_FREE, &gone));
	EXPECT_EQ(2, mdev_unpin(device, 4, 2));
	EXPECT_EQ(8, mdev_unmap(&d, 0, 8));
	close(device);
	backend_close(&d);
	EXPECT_EQ(0, ioctl(fd, IOASID_FREE, &gone));
	EXPECT_EQ(0, ktap_leaked(before));
	close(fd);
}

/* --- everything at once --- */

struct load {
	struct ktap_fixture_misbehave *self;
	volatile bool stop;
	unsigned long pinned;
	unsigned long unmapped;
	int bad;
};

/* Pins and unpins under the driver's lock, which its callback takes as well. */
static void *run_pins(void *arg)
{
	struct load *l = arg;
	unsigned int seed = 7;
	char word[8];

	while (!l->stop && !l->bad) {
		uint64_t page = rand_r(&seed) % PAGES, n = 1 + rand_r(&seed) % 4;
		int ret = mdev_pin(l->self->device, page, n, MDEV_READ | MDEV_WRITE);

		if (ret < 0 && errno != EINVAL)
			l->bad = errno;
		l->pinned += ret > 0;
		if (rand_r(&seed) % 2)
			mdev_unpin(l->self->device, page, n);
		ret = mdev_copy(l->self->device, MDEV_IOVA + page * PAGE, word, 8, page % 2,
				page % 4 == 0);
		if (ret < 0 && errno != EINVAL)
			l->bad = errno;
	}
	return NULL;
}

static void *run_maps(void *arg)
{
	struct load *l = arg;
	unsigned int seed = 9;

	while (!l->stop && !l->bad) {
		uint64_t page = rand_r(&seed) % PAGES, n = 1 + rand_r(&seed) % 8;

		if (page + n > PAGES)
			continue;
		if (mdev_map(&l->self->d, page, l->self->mem + page * PAGE, n, MAP_RW) &&
		    errno != EEXIST)
			l->bad = errno;
		if (rand_r(&seed) % 4)
			continue;
		/* EBUSY: pinned anew each time between being asked and looked at. */
		if (mdev_unmap(&l->self->d, 0, PAGES) >= 0)
			l->unmapped++;
		else if (errno != EBUSY)
			l->bad = errno;
	}
	return NULL;
}

TEST_F(misbehave, pins_and_unmaps_at_once)
{
	struct load l = { .self = self };
	int group = backend_open_group(DEVICE_EDU);
	time_t end = time(NULL) + 2;
	unsigned int rounds = 0;
	pthread_t thread[3];

	ASSERT_LE(0, group);
	ASSERT_EQ(0, pthread_create(&thread[0], NULL, run_pins, &l));
	ASSERT_EQ(0, pthread_create(&thread[1], NULL, run_pins, &l));
	ASSERT_EQ(0, pthread_create(&thread[2], NULL, run_maps, &l));
	/* And an IOMMU that is attached and detached. */
	while (!l.bad && (time(NULL) < end || l.pinned <= 50 || l.unmapped <= 5 || rounds <= 2)) {
		if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &self->d.fd) ||
		    ioctl(group, VFIO_GROUP_UNSET_CONTAINER))
			l.bad = errno;
		rounds++;
		usleep(5000);
	}
	l.stop = true;
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	pthread_join(thread[2], NULL);
	close(group);
	EXPECT_EQ(0, l.bad);
	EXPECT_LT(50, l.pinned);
	EXPECT_LT(5, l.unmapped);
	EXPECT_LT(2, rounds);
	TH_LOG("%lu pins, %lu unmaps, %u times an IOMMU", l.pinned, l.unmapped, rounds);
}

TEST_HARNESS_MAIN
