// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy that means harm: it cannot lift the limit of a cgroup it is not for,
 * nor redirect a mapping, nor keep memory in a device's reach.
 */
#include "lib/fault.h"
#include "isolation/nobody.h"
#include "lib/edu.h"
#include "lib/ioasid.h"

#define LOAD	"build/bin/ioasidctl policy load build/bpf/test/hostile.bpf.o >/dev/null"
#define CGROUP	"/sys/fs/cgroup/ioasid-hostile"
#define TARGET	0x2345000ULL
#define FILL	0xaa

/* Loads it with these settings. */
static bool load(const char *format, ...)
{
	char settings[160], command[320];
	va_list args;

	va_start(args, format);
	vsnprintf(settings, sizeof(settings), format, args);
	va_end(args);
	snprintf(command, sizeof(command), LOAD " %s", settings);
	return !system(command);
}

static bool unload(void)
{
	return !system("build/bin/ioasidctl policy unload hostile >/dev/null");
}

/* --- limits --- */

/* More than RLIMIT_MEMLOCK: 0 when it worked, or the errno. */
static int map_too_much(struct backend *d)
{
	char *mem = small_pages(MIB);
	int err;

	if (mem == MAP_FAILED || !set_memlock(16 * PAGE))
		return -1;
	err = backend_map(d, 0, mem, 32 * PAGE, MAP_RW) ? errno : 0;
	if (!err)
		backend_unmap_all(d);
	return err;
}

static bool is_limited(void *arg)
{
	return map_too_much(arg) == ENOMEM && !locked_kib();
}

static bool is_not_limited(void *arg)
{
	return !map_too_much(arg);
}

FIXTURE(limits) {
	struct backend d;
};

FIXTURE_SETUP(limits)
{
	ASSERT_TRUE(backend_open(&self->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, as_nobody(is_limited, &self->d));
}

FIXTURE_TEARDOWN(limits)
{
	backend_close(&self->d);
}

TEST_F_TIMEOUT(limits, allowing_all_lifts_none, 30)
{
	ASSERT_TRUE(load("%s", ""));
	EXPECT_EQ(0, as_nobody(is_limited, &self->d));
	EXPECT_TRUE(unload());
}

/* It may take the place of the limit, for those it was loaded for and no others. */
TEST_F_TIMEOUT(limits, of_another_cgroup, 30)
{
	struct stat st;

	mkdir(CGROUP, 0755);
	ASSERT_EQ(0, stat(CGROUP, &st));
	ASSERT_TRUE(load("--set flags=ACCOUNT --set cgroup_id=%lu", (unsigned long)st.st_ino));
	EXPECT_EQ(0, as_nobody(is_limited, &self->d));
	ASSERT_TRUE(file_write(CGROUP "/cgroup.procs", "0"));
	EXPECT_EQ(0, as_nobody(is_not_limited, &self->d));
	ASSERT_TRUE(file_write("/sys/fs/cgroup/cgroup.procs", "0"));
	EXPECT_EQ(0, as_nobody(is_limited, &self->d));
	EXPECT_TRUE(unload());
	EXPECT_EQ(0, rmdir(CGROUP));
}

TEST_F_TIMEOUT(limits, are_back_without_it, 30)
{
	ASSERT_TRUE(load("--set flags=ACCOUNT"));
	EXPECT_EQ(0, as_nobody(is_not_limited, &self->d));
	EXPECT_TRUE(unload());
	EXPECT_EQ(0, as_nobody(is_limited, &self->d));
}

/* --- where things are mapped, and until when --- */

FIXTURE(reach) {
	int fd;
	struct backend edu;
	int device;
	volatile char *bar;
	char *mem;
	char *other;
};

FIXTURE_SETUP(reach)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->bar = edu_attach(self->fd, &self->edu, &self->device);
	ASSERT_TRUE(self->bar);
	self->mem = touched_memory(PAGE);
	self->other = touched_memory(PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_NE(MAP_FAILED, self->other);
	ASSERT_EQ(TARGET, native_map(self->fd, 0, NATIVE_FIXED, TARGET, self->mem, PAGE));
}

FIXTURE_TEARDOWN(reach)
{
	munmap((void *)(uintptr_t)self->bar, MIB);
	close(self->device);
	backend_close(&self->edu);
	close(self->fd);
}

/* The device copies the page at @from to TARGET. */
static bool device_writes(struct ktap_fixture_reach *self, uint64_t from)
{
	return edu_copy(self->bar, from, TARGET, PAGE);
}

static bool is_filled(const char *mem, int with)
{
	int i;

	for (i = 0; i < (int)PAGE; i++)
		if ((unsigned char)mem[i] != with)
			return false;
	return true;
}

/*
 * Over a mapping that is there, over the interrupts, beyond every window, off
 * the boundary of a page: each time the kernel's own choice it is.
 */
TEST_F_TIMEOUT(reach, no_mapping_is_redirected, 60)
{
	static const uint64_t wanted[] = {
		TARGET, MSI_START, ~0xffULL, TARGET + 8 * PAGE + 1,
	};
	struct ioasid_get_info info;
	uint64_t chosen, iova;
	unsigned int i;

	chosen = native_map(self->fd, 0, NATIVE_RW, 0, self->other, PAGE);
	ASSERT_NE(NATIVE_FAIL, chosen);
	ASSERT_EQ((long long)PAGE, native_unmap(self->fd, 0, chosen, PAGE));
	for (i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		ASSERT_TRUE(load("--set place_at=%llu", (unsigned long long)wanted[i]));
		iova = native_map(self->fd, 0, NATIVE_RW, 0, self->other, PAGE);
		EXPECT_EQ(chosen, iova);
		memset(self->mem, FILL, PAGE);
		memset(self->other, 0x55, PAGE);
		/* Each of the two is where it is said to be. */
		EXPECT_TRUE(device_writes(self, iova));
		EXPECT_TRUE(is_filled(self->mem, 0x55));
		EXPECT_EQ((long long)PAGE, native_unmap(self->fd, 0, iova, PAGE));
		EXPECT_TRUE(unload());
	}
	info = native_info(self->fd, 0);
	EXPECT_EQ(1, info.out_maps);
}

/* The place it asks for is taken when there is nothing against it: it is asked. */
TEST_F_TIMEOUT(reach, a_good_place_is_taken, 30)
{
	ASSERT_TRUE(load("--set place_at=%llu", TARGET + 8 * PAGE));
	EXPECT_EQ(TARGET + 8 * PAGE, native_map(self->fd, 0, NATIVE_RW, 0, self->other, PAGE));
	EXPECT_TRUE(unload());
}

/* It wants flushes late and has no say in an unmap: the device is out at once. */
TEST_F_TIMEOUT(reach, no_memory_is_kept, 30)
{
	long long pinned;
	int log;

	ASSERT_EQ(TARGET + PAGE, native_map(self->fd, 0, NATIVE_FIXED, TARGET + PAGE, self->other,
					    PAGE));
	ASSERT_TRUE(load("%s", ""));
	EXPECT_TRUE(device_writes(self, TARGET + PAGE));
	pinned = ktap_pinned();
	ASSERT_EQ((long long)PAGE, native_unmap(self->fd, 0, TARGET, PAGE));
	EXPECT_EQ(pinned - 1, ktap_pinned());
	memset(self->mem, FILL, PAGE);
	log = fault_expect();
	edu_copy(self->bar, TARGET + PAGE, TARGET, PAGE);
	fault_note(log, TARGET);
	close(log);
	EXPECT_TRUE(is_filled(self->mem, FILL));
	EXPECT_TRUE(unload());
}

TEST_HARNESS_MAIN
