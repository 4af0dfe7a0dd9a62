// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the property test (pairing.c) found, each by itself, in the order of steps
 * that it takes.
 */
#include "harness/ktap.h"
#include <linux/vfio.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "lib/ioasid.h"
#include "pairing/test.h"

#define ALL_BUT(group)	(((1U << GROUP_NR) - 1) & ~(1U << (group)))

static bool stop;

static bool going_on(void)
{
	return !__atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

static void set_stop(bool on)
{
	__atomic_store_n(&stop, on, __ATOMIC_RELEASE);
}

static int open_space(void)
{
	int fd = native_open();

	return fd >= 0 && !ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ? fd : -1;
}

static char page[4096] __attribute__((aligned(4096)));

/* Maps a page at ever new addresses, all of which stay. */
static void *map_more(void *fd)
{
	uint64_t iova;

	for (iova = 1 << 20; going_on(); iova += 4096)
		if (native_map(*(int *)fd, 0, NATIVE_FIXED, iova, page, 4096) == NATIVE_FAIL)
			break;
	return NULL;
}

static bool kill_policy(unsigned int i)
{
	char path[128];
	bool written;
	int fd;

	snprintf(path, sizeof(path), SYSFS "/policies/%s/enabled", policy_name(i));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	written = fd >= 0 && write(fd, "0", 1) == 1;
	close(fd);
	/* Hooks that no other policy has are switched off meanwhile. */
	nap(30);
	return written;
}

/*
 * Programs with a scope take the place of ejected ones while tasks map. A task
 * that still walks the set before does not ask them, and must not mark them.
 * Another policy has the hook charge all the time, so that there is a walk.
 */
TEST(replaced_in_scope)
{
	struct pairing_settings set = {}, plain = {};
	struct scope all = {}, scope = {};
	pthread_t mapper;
	struct stat st;
	int fd, n;

	ASSERT_EQ(stat("/sys/fs/cgroup", &st), 0);
	scope.cgroup = st.st_ino;
	ASSERT_TRUE(policies_open(2));
	ASSERT_EQ(policy_load_without(1, &all, &plain, ALL_BUT(GROUP_CHARGES)), 0);
	ASSERT_EQ(policy_load_without(0, &scope, &set, 0), 0);
	for (n = 0; n < 8; n++) {
		ASSERT_TRUE(kill_policy(0));
		fd = open_space();
		ASSERT_GE(fd, 0);
		set_stop(false);
		ASSERT_EQ(pthread_create(&mapper, NULL, map_more, &fd), 0);
		EXPECT_EQ(policy_replace(0, &scope, &set), 0);
		set_stop(true);
		pthread_join(mapper, NULL);
		close(fd);
		ASSERT_TRUE(books_right(0));
		ASSERT_TRUE(books_even(0));
	}
	policy_unload(0);
	policy_unload(1);
}

TEST_HARNESS_MAIN
