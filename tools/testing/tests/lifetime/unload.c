// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the modules may be unloaded, and when not.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lifetime/cycles.h"
#include "lib/trap.h"

#define IOVA	0x10000000ULL

FIXTURE(unload) {
	struct backend d;
	char *mem;
};

FIXTURE_SETUP(unload)
{
	self->d.fd = -1;
	self->d.group = -1;
	self->mem = touched_memory(PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

/* Whatever happened, the next test finds both loaded. */
FIXTURE_TEARDOWN(unload)
{
	backend_close(&self->d);
	EXPECT_TRUE(modules_unload());
	EXPECT_TRUE(modules_load());
}

TEST_F(unload, core_under_the_shim)
{
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid"));
}

TEST_F(unload, open_ioasid)
{
	ASSERT_TRUE(backend_open(&self->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	ASSERT_EQ(0, module_unload("ioasid_vfio"));
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid"));
	EXPECT_EQ(PAGE, backend_unmap(&self->d, IOVA, PAGE));
	ASSERT_EQ(0, module_load("ioasid_vfio"));
}

TEST_F(unload, container)
{
	ASSERT_TRUE(backend_open(&self->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid_vfio"));
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid"));
	/* The group is what keeps it, not the container. */
	ASSERT_EQ(0, ioctl(self->d.group, VFIO_GROUP_UNSET_CONTAINER));
	ASSERT_TRUE(modules_unload());
	EXPECT_ERRNO(EINVAL, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	ASSERT_TRUE(modules_load());
	ASSERT_EQ(0, ioctl(self->d.group, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
}

/* The file is gone, the address space is not. */
TEST_F(unload, container_that_joined)
{
	struct backend ioasid;

	ASSERT_TRUE(backend_open(&ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(backend_join(&self->d, BACKEND_SHIM, DEVICE_NVME));
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(ioasid.fd)));
	ASSERT_EQ(0, backend_map(&ioasid, IOVA, self->mem, PAGE, MAP_RW));
	backend_close(&ioasid);
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid_vfio"));
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid"));
	EXPECT_EQ(PAGE, backend_unmap(&self->d, IOVA, PAGE));
}

/* New containers go to type1, those that are ours stay ours. */
TEST_F(unload, parameter_sends_new_ones_to_type1)
{
	struct backend other;

	ASSERT_TRUE(backend_open(&self->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	ASSERT_TRUE(backend_open(&other, BACKEND_TYPE1, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	EXPECT_TRUE(backend_is_right(&self->d));
	EXPECT_EQ(0, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(0, backend_map(&other, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(2 * PAGE / KIB, locked_kib());
	ASSERT_EQ(0, ioctl(self->d.group, VFIO_GROUP_UNSET_CONTAINER));
	/* With nothing of ours left the module goes, whatever type1 does. */
	ASSERT_TRUE(modules_unload());
	EXPECT_EQ(PAGE, backend_unmap(&other, IOVA, PAGE));
	backend_close(&other);
	ASSERT_TRUE(modules_load());
}

/* --- a map that waits for its memory, in a container that is gone --- */

struct waiting {
	pthread_t thread;
	struct backend *d;
	char *mem;
	long result;
	atomic_bool ended;
};

static void *map_main(void *arg)
{
	struct waiting *w = arg;

	w->result = backend_map(w->d, IOVA, w->mem, PAGE, MAP_RW) ? errno : 0;
	return NULL;
}

static void *unload_main(void *arg)
{
	struct waiting *w = arg;

	w->result = module_unload("ioasid_vfio") ? errno : 0;
	w->ended = true;
	return NULL;
}

/* The module is in use: an unload fails at once, and waits for no call of a user. */
TEST_F(unload, under_a_call_that_waits)
{
	char *trap = small_pages(PAGE);
	int uffd = trap_set(trap, PAGE), ms;
	struct waiting map = { .d = &self->d, .mem = trap }, unload = { .result = -1 };

	ASSERT_LE(0, uffd);
	ASSERT_TRUE(backend_open(&self->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	ASSERT_EQ(0, pthread_create(&map.thread, NULL, map_main, &map));
	ASSERT_EQ(trap, trap_sprung(uffd, -1));
	ASSERT_EQ(0, ioctl(self->d.group, VFIO_GROUP_UNSET_CONTAINER));
	ASSERT_EQ(0, pthread_create(&unload.thread, NULL, unload_main, &unload));
	for (ms = 0; ms < 5000 && !unload.ended; ms++)
		usleep(1000);
	EXPECT_TRUE(unload.ended);
	ASSERT_TRUE(trap_fill(uffd, trap, PAGE));
	pthread_join(map.thread, NULL);
	pthread_join(unload.thread, NULL);
	EXPECT_EQ(EWOULDBLOCK, unload.result);
	EXPECT_EQ(EINVAL, map.result);
	close(uffd);
}

/* Files of debugfs and sysfs that a process has open. */
TEST_F(unload, open_files)
{
	char text[256];
	int fd = open("/sys/kernel/debug/ioasid/spaces", O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, text, sizeof(text)));
	ASSERT_EQ(0, module_unload("ioasid_vfio"));
	if (module_unload("ioasid")) {
		EXPECT_EQ(EWOULDBLOCK, errno);
		close(fd);
		ASSERT_EQ(0, module_unload("ioasid"));
	} else {
		/* Gone: the file may say what it likes, but not crash. */
		lseek(fd, 0, SEEK_SET);
		EXPECT_GE(0, read(fd, text, sizeof(text)));
		close(fd);
	}
	ASSERT_TRUE(modules_load());
}

TEST(cycles)
{
	cycles(_self, 3);
}

/* --- while a process keeps asking --- */

struct asker {
	pthread_t thread;
	volatile bool stop;
	unsigned long asked;
	int bad;
};

/* Uses whatever driver there is just now. */
static void *asker_run(void *arg)
{
	struct asker *a = arg;
	char *mem = touched_memory(PAGE);
	struct backend d = { .fd = -1, .group = -1 };

	while (!a->stop) {
		d.fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
		d.group = backend_open_group(DEVICE_NVME);
		if (d.fd < 0 || d.group < 0 ||
		    ioctl(d.group, VFIO_GROUP_SET_CONTAINER, &d.fd)) {
			a->bad = errno;
			return NULL;
		}
		ioctl(d.fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU);
		/* Type1 is there to answer when we are not. */
		if (ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ||
		    backend_map(&d, IOVA, mem, PAGE, MAP_RW) || backend_unmap_all(&d) != PAGE) {
			a->bad = errno;
			return NULL;
		}
		a->asked++;
		backend_close(&d);
	}
	return NULL;
}

TEST_F(unload, while_containers_come_and_go)
{
	struct asker a = { .stop = false };
	unsigned int rounds = 0, busy = 0;
	time_t end = time(NULL) + 3;

	ASSERT_EQ(0, pthread_create(&a.thread, NULL, asker_run, &a));
	while (time(NULL) < end && !a.bad) {
		if (module_unload("ioasid_vfio")) {
			ASSERT_EQ(EWOULDBLOCK, errno);
			busy++;
			usleep(200);
			continue;
		}
		ASSERT_EQ(0, module_load("ioasid_vfio"));
		rounds++;
	}
	a.stop = true;
	pthread_join(a.thread, NULL);
	EXPECT_EQ(0, a.bad);
	EXPECT_LT(5, a.asked);
	EXPECT_LT(0, rounds);
	TH_LOG("%u unloads, %u times in use, %lu containers", rounds, busy, a.asked);
}

TEST_HARNESS_MAIN
