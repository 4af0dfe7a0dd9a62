// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the process help with a large map of untouched memory, though the program
 * makes VFIO's calls. Whatever refuses or stops the map does so as without help.
 */
#include "help.h"
#include "meddle.h"

TEST_F_TIMEOUT(help, small_pages, 60)
{
	EXPECT_EQ(1, map_helped(&self->d, map_small));
	EXPECT_LT(0, map_event("pages_helped"));
	EXPECT_GT(PAGES, map_event("pages_helped"));
	/* Each page is faulted in once, but where the two meet. */
	EXPECT_LE(PAGES, map_event("faults"));
	EXPECT_GT(PAGES + 64, map_event("faults"));
	EXPECT_EQ(1, threads());
}

TEST_F_TIMEOUT(help, shared_memory, 60)
{
	EXPECT_EQ(1, map_helped(&self->d, map_shared));
}

TEST_F_TIMEOUT(help, transparent_huge_pages, 60)
{
	EXPECT_EQ(1, map_helped(&self->d, map_huge));
	EXPECT_EQ(0, map_event("pages_helped") % 512);
	EXPECT_GT(64, map_event("faults"));
}

TEST_F_TIMEOUT(help, hugetlb, 60)
{
	ASSERT_TRUE(file_write(HUGE, "32"));
	if (file_number(HUGE) == 32)
		EXPECT_EQ(1, map_helped(&self->d, map_hugetlb));
	else
		printf("# no memory for huge pages\n");
	EXPECT_EQ(0, map_event("pages_helped") % 512);
	EXPECT_TRUE(file_write(HUGE, "0"));
}

/* Holes of a sparse map, one of them longer than what may be touched ahead. */
#define NO_ACCESS	(9 * PAGE)
#define MISSING		(10 * MIB + PAGE)

/* Maps untouched memory with these holes: how many threads helped; -1: something else was mapped. */
static long long map_sparse(int fd)
{
	char *mem = map_small();
	struct ioasid_map_dma arg = {
		.size = sizeof(arg), .user_va = (uintptr_t)mem, .iova = IOVA, .length = SIZE,
		.flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA |
			 IOASID_MAP_FLAG_SPARSE,
	};
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .iova = IOVA, .length = SIZE };
	const uint64_t mapped = SIZE - NO_ACCESS - MISSING;
	long long n = -1;

	if (mprotect(mem + 20 * MIB, NO_ACCESS, PROT_NONE) || munmap(mem + 40 * MIB, MISSING) ||
	    ioctl(fd, IOASID_MAP_DMA, &arg))
		return -1;
	if (arg.out_nr_holes == 2 && arg.out_mapped == mapped && locked_kib() == (long)(mapped / KIB))
		n = map_event("helpers");
	if (ioctl(fd, IOASID_UNMAP_DMA, &unmap))
		n = -1;
	munmap(mem, SIZE);
	return n;
}

TEST_F_TIMEOUT(help, holes, 60)
{
	struct backend d, edu;
	volatile char *bar;
	long long n = 0;
	int device, i;

	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	bar = edu_attach(d.fd, &edu, &device);
	ASSERT_TRUE(bar);
	for (i = 0; i < TRIES && !n; i++)
		n = map_sparse(d.fd);
	EXPECT_EQ(1, n);
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
	backend_close(&edu);
	backend_close(&d);
}

/* Below all else that a program has. */
#define LOW	((char *)0x100000000)

/* Maps untouched memory there, what the program has above, and the hole between: how many helped. */
static long long map_everything(int fd)
{
	char *mem = mmap(LOW, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			 MAP_FIXED_NOREPLACE, -1, 0);
	uint64_t end = ((uintptr_t)&mem | (PAGE - 1)) + 1;
	struct ioasid_map_dma arg = {
		.size = sizeof(arg), .user_va = (uintptr_t)mem, .length = end - (uintptr_t)mem,
		.flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA |
			 IOASID_MAP_FLAG_SPARSE,
	};
	struct ioasid_unmap_dma unmap = { .size = sizeof(unmap), .length = arg.length };
	long long n;

	if (mem != LOW || madvise(mem, SIZE, MADV_NOHUGEPAGE) || ioctl(fd, IOASID_MAP_DMA, &arg) ||
	    arg.out_mapped < SIZE)
		return -1;
	n = map_event("helpers");
	if (ioctl(fd, IOASID_UNMAP_DMA, &unmap))
		n = -1;
	munmap(mem, SIZE);
	return n;
}

/* Nothing of a hole is faulted in, however long it is: this one has 2^35 pages. */
TEST_F_TIMEOUT(help, long_hole, 60)
{
	int fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC), i;
	time_t began = time(NULL);
	long long n = 0;

	ASSERT_LE(0, fd);
	for (i = 0; i < TRIES && !n && time(NULL) < began + 30; i++)
		n = map_everything(fd);
	EXPECT_EQ(1, n);
	close(fd);
}

/* The device gets each page where it belongs. */
TEST_F_TIMEOUT(help, right_pages, 60)
{
	struct backend d, edu;
	uint64_t from[64], *seen;
	unsigned int i, nr = 0;
	volatile char *bar;
	int device;
	char *mem;

	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	bar = edu_attach(d.fd, &edu, &device);
	ASSERT_TRUE(bar);
	mem = map_small();
	ASSERT_EQ(0, backend_map(&d, EDU_IOVA, mem, SIZE, MAP_RW));
	for (i = 0; i < 64; i += 3) {
		*(uint64_t *)(mem + i * MIB + i * PAGE) = i + 1;
		from[nr++] = EDU_IOVA + i * MIB + i * PAGE;
	}
	ASSERT_TRUE(edu_gather(bar, from, nr, EDU_IOVA + SIZE - PAGE, 8));
	seen = (uint64_t *)(mem + SIZE - PAGE);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(3 * i + 1, seen[i]);
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
	backend_close(&edu);
	backend_close(&d);
	munmap(mem, SIZE);
}

/* --- when there is none --- */

TEST_F_TIMEOUT(help, forbidden, 60)
{
	ASSERT_TRUE(file_write(WORKERS, "0"));
	EXPECT_EQ(0, most_of(&self->d, 5));
}

TEST_F_TIMEOUT(help, bound_to_one_processor, 60)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	EXPECT_EQ(0, most_of(&self->d, 5));
}

/* All of it is there. */
TEST_F_TIMEOUT(help, touched_memory, 60)
{
	char *mem = touched_memory(SIZE);

	ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, SIZE, MAP_RW));
	EXPECT_EQ(0, map_event("helpers"));
}

static size_t resident(char *mem)
{
	static unsigned char there[PAGES];
	size_t i, n = 0;

	if (mincore(mem, SIZE, there))
		return 0;
	for (i = 0; i < PAGES; i++)
		n += there[i] & 1;
	return n;
}

/* Refused by the rlimit: with the errno and the pages of a map without help. */
TEST_F_TIMEOUT(help, rlimit, 60)
{
	size_t touched[2];
	int i;

	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK) && set_memlock(SIZE / 2));
	for (i = 0; i < 2; i++) {
		char *mem = map_small();

		ASSERT_TRUE(file_write(WORKERS, i ? "4" : "0"));
		EXPECT_REFUSED(&self->d, ENOMEM, backend_map(&self->d, IOVA, mem, SIZE, MAP_RW));
		EXPECT_EQ(0, map_event("helpers"));
		touched[i] = resident(mem);
		munmap(mem, SIZE);
	}
	EXPECT_EQ(touched[0], touched[1]);
}

/* --- memory that waits for user space, and signals --- */

TEST_F_TIMEOUT(help, userfaultfd, 60)
{
	ends_trapped(_self, self, map_small(), SIZE);
}

TEST_F_TIMEOUT(help, killed, 90)
{
	upset_kill(_self, self, (struct upset){ map_forever, 150000, 6 });
}

TEST_F_TIMEOUT(help, stopped, 90)
{
	upset_stop(_self, self, (struct upset){ map_forever, 0, 6 });
}

TEST_F_TIMEOUT(help, exec, 90)
{
	upset_exec(_self, self, (struct upset){ map_forever, 100000, 4 });
}

TEST_F_TIMEOUT(help, memory_changes, 90)
{
	struct meddler m = { .mem = map_small(), .pages = PAGES };
	pthread_t thread;
	int i, ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, meddle_and_fork, &m));
	for (i = 0; i < 8; i++) {
		madvise(m.mem, SIZE, MADV_DONTNEED);
		ret = backend_map(&self->d, IOVA, m.mem, SIZE, MAP_RW) ? errno : 0;
		EXPECT_TRUE(!ret || ret == EFAULT);
		if (!ret)
			EXPECT_EQ((long long)SIZE, backend_unmap(&self->d, IOVA, SIZE));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
	m.stop = true;
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
