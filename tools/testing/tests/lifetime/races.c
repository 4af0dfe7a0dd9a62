// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many threads at once, against each other, against the memory going away and
 * against groups that join and leave. What is checked beside crashes and splats:
 * only errnos that have a reason, and nothing left pinned or charged.
 */
#include <pthread.h>

#include "lib/edu.h"

#define IOVA	0x1000000ULL
#define THREADS	4
#ifndef SECONDS
#define SECONDS	1		/* races.long.c has more of them */
#endif
#define LIMIT	(3 * SECONDS + 8)

/* What the threads of a test share. */
struct race {
	struct backend d;
	char *mem;			/* THREADS MiB */
	volatile bool stop;
	unsigned long mapped;
	unsigned long unmapped;
	int bad;			/* an unexpected errno */
	int bad_line;
};

struct racer {
	struct race *race;
	pthread_t thread;
	unsigned int seed;
	int number;
};

/* Notes an errno that is not among those, given as a 0-terminated list. */
static void expect_one_of(struct race *r, int line, const int *allowed)
{
	for (; *allowed; allowed++)
		if (errno == *allowed)
			return;
	r->bad = errno;
	r->bad_line = line;
}

static void race_start(struct race *r, struct racer *racers, int count, void *(*run)(void *))
{
	int i;

	for (i = 0; i < count; i++) {
		racers[i] = (struct racer){ .race = r, .seed = i + 1, .number = i };
		if (pthread_create(&racers[i].thread, NULL, run, &racers[i]))
			abort();
	}
}

static void race_end(struct race *r, struct racer *racers, int count)
{
	int i;

	r->stop = true;
	for (i = 0; i < count; i++)
		pthread_join(racers[i].thread, NULL);
}

/* Long enough, and enough done: how fast the machine is decides nothing. */
static bool race_goes_on(const struct race *r, time_t end, unsigned int rounds, unsigned int min)
{
	return !r->bad && (time(NULL) < end || r->mapped <= 20 || rounds <= min);
}

static void race_verdict(struct ktap_test *_self, struct race *r)
{
	if (r->bad)
		TH_LOG("line %d saw an unexpected errno %d (%s)", r->bad_line, r->bad,
		       strerror(r->bad));
	EXPECT_EQ(0, r->bad);
	EXPECT_LT(20, r->mapped);
	TH_LOG("%lu maps, %lu unmaps", r->mapped, r->unmapped);
}

/* --- ranges --- */

/* Random ranges in a MiB that all threads share, over a MiB of memory. */
static void *run_overlapping(void *arg)
{
	static const int map_errors[] = { EEXIST, EFAULT, 0 }, unmap_errors[] = { EINVAL, 0 };
	struct racer *me = arg;
	struct race *r = me->race;

	while (!r->stop && !r->bad) {
		uint64_t at = rand_r(&me->seed) % 250 * PAGE, n = 1 + rand_r(&me->seed) % 6;

		if (!backend_map(&r->d, IOVA + at, r->mem + at, n * PAGE, MAP_RW))
			__atomic_add_fetch(&r->mapped, 1, __ATOMIC_RELAXED);
		else
			expect_one_of(r, __LINE__, map_errors);
		at = rand_r(&me->seed) % 250 * PAGE;
		n = 1 + rand_r(&me->seed) % 100;
		if (backend_unmap(&r->d, IOVA + at, n * PAGE) >= 0)
			__atomic_add_fetch(&r->unmapped, 1, __ATOMIC_RELAXED);
		else
			expect_one_of(r, __LINE__, unmap_errors);
	}
	return NULL;
}

/* Takes the memory away under them and puts other memory there. */
static void shuffle_memory(char *mem, unsigned int *seed)
{
	char *at = mem + rand_r(seed) % 200 * PAGE;
	size_t size = (1 + rand_r(seed) % 50) * PAGE;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	switch (rand_r(seed) % 4) {
	case 0:
		munmap(at, size);
		break;
	case 1:
		mprotect(at, size, PROT_READ);
		break;
	case 2:
		madvise(at, size, MADV_DONTNEED);
		break;
	}
	mmap(at, size, PROT_READ | PROT_WRITE, flags, -1, 0);
}

FIXTURE(ranges) {
	struct race r;
	long long before;
};

FIXTURE_VARIANT(ranges) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(ranges, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(ranges, shim) { .kind = BACKEND_SHIM };

FIXTURE_SETUP(ranges)
{
	self->before = ktap_pinned();
	ASSERT_TRUE(backend_open(&self->r.d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	self->r.mem = touched_memory(THREADS * MIB);
	ASSERT_NE(MAP_FAILED, self->r.mem);
}

FIXTURE_TEARDOWN(ranges)
{
	race_verdict(_self, &self->r);
	EXPECT_LE(0, backend_unmap_all(&self->r.d));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(65535, backend_avail(&self->r.d));
	EXPECT_EQ(0, ktap_leaked(self->before));
	backend_close(&self->r.d);
}

TEST_F_TIMEOUT(ranges, overlap_and_memory_goes_away, LIMIT)
{
	struct racer racers[THREADS];
	unsigned int seed = 99;
	time_t end = time(NULL) + SECONDS;

	race_start(&self->r, racers, THREADS, run_overlapping);
	while (race_goes_on(&self->r, end, 1, 0))
		shuffle_memory(self->r.mem, &seed);
	race_end(&self->r, racers, THREADS);
}

/* Each thread has a range of its own: nothing may ever fail. */
static void *run_disjoint(void *arg)
{
	static const int none[] = { 0 };
	struct racer *me = arg;
	struct race *r = me->race;
	uint64_t iova = IOVA + me->number * MIB;
	char *mem = r->mem + me->number * MIB;

	while (!r->stop && !r->bad) {
		uint64_t n = 1 + rand_r(&me->seed) % 256;

		if (backend_map(&r->d, iova, mem, n * PAGE, MAP_RW) ||
		    backend_unmap(&r->d, iova, n * PAGE) != (long long)(n * PAGE))
			expect_one_of(r, __LINE__, none);
		__atomic_add_fetch(&r->mapped, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F_TIMEOUT(ranges, disjoint, LIMIT)
{
	struct racer racers[THREADS];
	time_t end = time(NULL) + SECONDS;

	race_start(&self->r, racers, THREADS, run_disjoint);
	while (race_goes_on(&self->r, end, 1, 0))
		usleep(10000);
	race_end(&self->r, racers, THREADS);
}

/* Everything there is gets unmapped while the threads map. */
TEST_F_TIMEOUT(ranges, unmap_all, LIMIT)
{
	static const int none[] = { 0 };
	struct racer racers[THREADS];
	time_t end = time(NULL) + SECONDS;

	race_start(&self->r, racers, THREADS, run_overlapping);
	while (race_goes_on(&self->r, end, 1, 0))
		if (backend_unmap_all(&self->r.d) < 0)
			expect_one_of(&self->r, __LINE__, none);
	race_end(&self->r, racers, THREADS);
}

/* --- groups --- */

/* Any call may find that its container was left by its group. */
static void *run_while_groups_change(void *arg)
{
	static const int errors[] = { EINVAL, EEXIST, 0 };
	struct racer *me = arg;
	struct race *r = me->race;

	while (!r->stop && !r->bad) {
		uint64_t at = rand_r(&me->seed) % 300 * PAGE, n = 1 + rand_r(&me->seed) % 600;

		if (!backend_map(&r->d, IOVA + at, r->mem, n * PAGE, MAP_RW))
			__atomic_add_fetch(&r->mapped, 1, __ATOMIC_RELAXED);
		else
			expect_one_of(r, __LINE__, errors);
		if (rand_r(&me->seed) % 4 == 0)
			backend_avail(&r->d);
		if (rand_r(&me->seed) % 8 == 0)
			ioctl(r->d.fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
		if (backend_unmap(&r->d, IOVA + at, n * PAGE) >= 0)
			__atomic_add_fetch(&r->unmapped, 1, __ATOMIC_RELAXED);
		else
			expect_one_of(r, __LINE__, errors);
	}
	return NULL;
}

/* Reads what the kernel tells of the address spaces, all the time. */
static void *run_reader(void *arg)
{
	struct racer *me = arg;
	char text[4096];
	int fd;

	while (!me->race->stop) {
		fd = open("/sys/kernel/debug/ioasid/spaces", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
			me->race->bad = errno ? errno : EIO;
		close(fd);
		usleep(2000);
	}
	return NULL;
}

static bool leave_and_return(struct backend *d, unsigned long type)
{
	return !ioctl(d->group, VFIO_GROUP_UNSET_CONTAINER) &&
	       !ioctl(d->group, VFIO_GROUP_SET_CONTAINER, &d->fd) &&
	       !ioctl(d->fd, VFIO_SET_IOMMU, type);
}

TEST_TIMEOUT(container_comes_and_goes, LIMIT)
{
	struct race r = { .stop = false };
	struct racer racers[THREADS], reader;
	long long before = ktap_pinned();
	time_t end = time(NULL) + 2 * SECONDS;
	unsigned int rounds = 0;

	ASSERT_TRUE(backend_open(&r.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	r.mem = touched_memory(THREADS * MIB);
	ASSERT_NE(MAP_FAILED, r.mem);
	race_start(&r, racers, THREADS, run_while_groups_change);
	race_start(&r, &reader, 1, run_reader);
	while (race_goes_on(&r, end, rounds, 10)) {
		unsigned long type = rounds % 2 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU;

		if (!leave_and_return(&r.d, type))
			r.bad = errno;
		if (!backend_is_right(&r.d))
			r.bad = EXDEV;
		rounds++;
		usleep(rounds % 7 * 1000);
	}
	race_end(&r, racers, THREADS);
	race_end(&r, &reader, 1);
	race_verdict(_self, &r);
	TH_LOG("%u rounds", rounds);
	TH_LOG("%u rounds", rounds);
	EXPECT_EQ(0, ioctl(r.d.group, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(before));
	backend_close(&r.d);
}

/* The last close of everything, with calls still inside. */
TEST_TIMEOUT(closes_while_mapping, LIMIT)
{
	struct race r = { .stop = false };
	struct racer racers[THREADS];
	long long before = ktap_pinned();
	time_t end = time(NULL) + SECONDS;
	unsigned int rounds = 0;

	r.mem = touched_memory(THREADS * MIB);
	ASSERT_NE(MAP_FAILED, r.mem);
	while (race_goes_on(&r, end, rounds, 2)) {
		ASSERT_TRUE(backend_open(&r.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
		r.stop = false;
		race_start(&r, racers, THREADS, run_while_groups_change);
		usleep(rounds % 20 * 500);
		/* The group goes, the container's fd is in use. */
		close(r.d.group);
		usleep(rounds % 3 * 500);
		race_end(&r, racers, THREADS);
		close(r.d.fd);
		EXPECT_EQ(0, locked_kib());
		rounds++;
	}
	race_verdict(_self, &r);
	EXPECT_EQ(0, ktap_leaked(before));
}

/*
 * A group joins and leaves while others map through the same address space:
 * each time everything is put into a new domain, and must be there for DMA.
 */
TEST_TIMEOUT(replay_while_mapping, LIMIT)
{
	struct race r = { .stop = false };
	struct racer racers[THREADS - 1];
	long long before = ktap_pinned();
	time_t end = time(NULL) + SECONDS;
	unsigned int rounds = 0;
	struct backend edu;
	char *fixed = touched_memory(2 * PAGE);

	ASSERT_TRUE(backend_open(&r.d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(backend_join(&edu, BACKEND_SHIM, DEVICE_EDU));
	r.mem = touched_memory(THREADS * MIB);
	ASSERT_NE(MAP_FAILED, r.mem);
	ASSERT_EQ(0, backend_map(&r.d, 0, fixed, 2 * PAGE, MAP_RW));
	race_start(&r, racers, THREADS - 1, run_disjoint);
	while (race_goes_on(&r, end, rounds, 2)) {
		volatile char *bar;
		int device;

		ASSERT_EQ(0, ioctl(edu.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(r.d.fd)));
		if (rounds % 4 == 0) {
			device = backend_device(&edu, DEVICE_EDU);
			ASSERT_LE(0, device);
			bar = edu_open(device);
			ASSERT_TRUE(bar);
			memset(fixed, 1 + rounds % 200, PAGE);
			memset(fixed + PAGE, 0, PAGE);
			ASSERT_TRUE(edu_copy(bar, 0, PAGE, PAGE));
			EXPECT_EQ(0, memcmp(fixed, fixed + PAGE, PAGE));
			munmap((void *)(uintptr_t)bar, MIB);
			close(device);
		}
		ASSERT_EQ(0, ioctl(edu.group, VFIO_GROUP_UNSET_CONTAINER));
		ASSERT_EQ(0, ioctl(edu.group, VFIO_GROUP_SET_CONTAINER, &edu.fd));
		rounds++;
	}
	race_end(&r, racers, THREADS - 1);
	race_verdict(_self, &r);
	TH_LOG("%u rounds", rounds);
	backend_close(&edu);
	backend_close(&r.d);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(before));
}

/* Two groups in one container, one of which joins and leaves. */
TEST_TIMEOUT(second_group_comes_and_goes, LIMIT)
{
	struct race r = { .stop = false };
	struct racer racers[THREADS - 1];
	long long before = ktap_pinned();
	time_t end = time(NULL) + SECONDS;
	unsigned int rounds = 0;
	int edu;

	ASSERT_TRUE(backend_open(&r.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	edu = backend_open_group(DEVICE_EDU);
	ASSERT_LE(0, edu);
	r.mem = touched_memory(THREADS * MIB);
	ASSERT_NE(MAP_FAILED, r.mem);
	race_start(&r, racers, THREADS - 1, run_disjoint);
	while (race_goes_on(&r, end, rounds, 10)) {
		ASSERT_EQ(0, ioctl(edu, VFIO_GROUP_SET_CONTAINER, &r.d.fd));
		ASSERT_EQ(0, ioctl(edu, VFIO_GROUP_UNSET_CONTAINER));
		rounds++;
	}
	race_end(&r, racers, THREADS - 1);
	race_verdict(_self, &r);
	TH_LOG("%u rounds", rounds);
	close(edu);
	backend_close(&r.d);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(before));
}

TEST_HARNESS_MAIN
