// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on the memory that is mapped for devices, and on processes. Regions
 * lie at fixed addresses, each with memory of one sort at its beginning.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

enum region { SMALL, HUGE, SHARED, HUGETLB, FILE_PRIVATE, READ_ONLY, DEVICE, HOLE, SHMEM_ANON };

static uint64_t base(uint64_t region)
{
	return REGION_BASE + region % REGIONS * REGION_STEP;
}

uint64_t fuzz_vaddr(uint64_t *rng)
{
	static const uint64_t odd[] = { 0, PAGE, 1ULL << 47, -PAGE, ~0ULL, 0x7ffffffff000ULL };
	uint64_t at;

	if (fuzz_chance(rng, 40))
		return odd[fuzz_below(rng, sizeof(odd) / sizeof(*odd))];
	at = fuzz_chance(rng, 3) ? fuzz_below(rng, 4) * 2 * MIB :
	     fuzz_below(rng, REGION_BYTES / PAGE) * PAGE;
	/* The sorts with struct pages of their own more often. */
	return base(fuzz_chance(rng, 3) ? fuzz_below(rng, REGIONS) : fuzz_below(rng, 3)) + at +
	       (fuzz_chance(rng, 50) ? fuzz_below(rng, PAGE) : 0);
}

uint64_t fuzz_length(uint64_t *rng)
{
	switch (fuzz_below(rng, 24)) {
	case 0: return 0;
	case 1: return fuzz_random(rng);
	case 2: return fuzz_random(rng) & ~(PAGE - 1);
	case 3: return GIB;
	case 4:
	case 5:
	case 6: return 2 * MIB << fuzz_below(rng, 3);
	default: return (1 + fuzz_below(rng, fuzz_chance(rng, 4) ? 1024 : 24)) * PAGE;
	}
}

/* --- the regions --- */

static void *map_at(uint64_t addr, uint64_t bytes, int prot, int flags, int fd)
{
	return mmap((void *)addr, bytes, prot, flags | MAP_FIXED, fd, 0);
}

static void map_file(uint64_t region, unsigned int memfd_flags, unsigned int slot, int flags)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | memfd_flags);

	if (fd < 0 || ftruncate(fd, REGION_BYTES))
		return;
	map_at(base(region), REGION_BYTES, PROT_READ | PROT_WRITE, flags, fd);
	if (slot < SLOTS)
		fuzz_slots[slot] = fd;
	else
		close(fd);
}

static void map_region(enum region region)
{
	const int rw = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
	void *addr = (void *)base(region);

	switch (region) {
	case SMALL:
		map_at(base(region), REGION_BYTES, rw, anon, -1);
		madvise(addr, REGION_BYTES, MADV_NOHUGEPAGE);
		break;
	case HUGE:
		map_at(base(region), REGION_BYTES, rw, anon, -1);
		madvise(addr, REGION_BYTES, MADV_HUGEPAGE);
		break;
	case SHARED:
		map_file(region, 0, SLOT_FILES, MAP_SHARED);
		break;
	case HUGETLB:
		map_file(region, MFD_HUGETLB, SLOTS, MAP_SHARED);
		break;
	case FILE_PRIVATE:
		map_file(region, 0, SLOT_FILES + 1, MAP_PRIVATE);
		break;
	case READ_ONLY:
		map_at(base(region), REGION_BYTES, PROT_READ, anon, -1);
		break;
	case DEVICE:
		/* BAR 0, when there is a device. */
		map_at(base(region), MIB, rw, MAP_SHARED, fuzz_slots[SLOT_DEVICES]);
		break;
	case SHMEM_ANON:
		map_at(base(region), REGION_BYTES, rw, MAP_SHARED | MAP_ANONYMOUS, -1);
		break;
	case HOLE:
		break;
	}
}

void fuzz_memory_setup(void)
{
	int i;

	for (i = 0; i < REGIONS; i++)
		if (i != DEVICE)
			map_region(i);
}

void make_mmap(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_chance(rng, 2) ? DEVICE : fuzz_below(rng, REGIONS);
}

long run_mmap(const uint64_t *a)
{
	errno = 0;
	map_region(a[0] % REGIONS);
	return errno ? -1 : 0;
}

/* Nothing but the regions is touched: the program's own memory must stay. */
static bool inside(uint64_t addr, uint64_t bytes)
{
	return addr >= REGION_BASE && bytes <= REGION_STEP * REGIONS &&
	       addr - REGION_BASE <= REGION_STEP * REGIONS - bytes;
}

static long outside(void)
{
	errno = EFAULT;
	return -1;
}

static void make_range(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_vaddr(rng) & ~(PAGE - 1);
	a[1] = (1 + fuzz_below(rng, fuzz_chance(rng, 2) ? 16 : 1024)) * PAGE;
}

void make_munmap(uint64_t *rng, uint64_t *a)
{
	make_range(rng, a);
}

long run_munmap(const uint64_t *a)
{
	return inside(a[0], a[1]) ? munmap((void *)a[0], a[1]) : outside();
}

void make_mremap(uint64_t *rng, uint64_t *a)
{
	make_range(rng, a);
	a[2] = fuzz_vaddr(rng) & ~(PAGE - 1);
	a[3] = (1 + fuzz_below(rng, 64)) * PAGE;
	a[4] = fuzz_below(rng, 3);
}

long run_mremap(const uint64_t *a)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	if (!inside(a[0], a[1]) || !inside(a[2], a[3]))
		return outside();
	if (a[4] == 2)
		flags |= MREMAP_DONTUNMAP;
	return mremap((void *)a[0], a[4] == 2 ? a[3] : a[1], a[3], flags, (void *)a[2]) ==
	       MAP_FAILED ? -1 : 0;
}

void make_madvise(uint64_t *rng, uint64_t *a)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
		MADV_COLLAPSE, MADV_COLD, MADV_PAGEOUT, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTFORK, MADV_DOFORK,
		MADV_WIPEONFORK, MADV_KEEPONFORK,
	};

	make_range(rng, a);
	a[2] = advice[fuzz_below(rng, sizeof(advice) / sizeof(*advice))];
}

long run_madvise(const uint64_t *a)
{
	/* Poisoned pages would be missing to the machine for ever. */
	if (!inside(a[0], a[1]) || a[2] == MADV_HWPOISON || a[2] == MADV_SOFT_OFFLINE)
		return outside();
	return madvise((void *)a[0], a[1], a[2]);
}

/* Of a few pages: that also splits a huge one. */
void make_mprotect(uint64_t *rng, uint64_t *a)
{
	make_range(rng, a);
	a[2] = fuzz_below(rng, 4);
}

long run_mprotect(const uint64_t *a)
{
	return inside(a[0], a[1]) ? mprotect((void *)a[0], a[1], a[2] & 3) : outside();
}

void make_touch(uint64_t *rng, uint64_t *a)
{
	make_range(rng, a);
	a[2] = fuzz_below(rng, 2);
}

/* Through a pipe, so that a page that is not there is an errno and no signal. */
long run_touch(const uint64_t *a)
{
	uint64_t at, end = a[0] + a[1];
	long done = 0;
	int ends[2];
	char byte = 1;

	if (!inside(a[0], a[1]) || pipe2(ends, O_CLOEXEC))
		return outside();
	for (at = a[0]; at < end && done >= 0; at += PAGE)
		done = write(ends[1], a[2] ? &byte : (char *)at, 1) == 1 &&
		       read(ends[0], a[2] ? (char *)at : &byte, 1) == 1 ? 0 : -1;
	close(ends[0]);
	close(ends[1]);
	return done;
}

void make_mlock(uint64_t *rng, uint64_t *a)
{
	make_range(rng, a);
	a[2] = fuzz_below(rng, 2);
}

long run_mlock(const uint64_t *a)
{
	if (!inside(a[0], a[1]))
		return outside();
	return a[2] ? mlock((void *)a[0], a[1]) : munlock((void *)a[0], a[1]);
}

void make_truncate(uint64_t *rng, uint64_t *a)
{
	a[0] = SLOT_FILES + fuzz_below(rng, 2);
	a[1] = fuzz_below(rng, 3);
	a[2] = fuzz_below(rng, REGION_BYTES / PAGE) * PAGE;
	a[3] = (1 + fuzz_below(rng, 64)) * PAGE;
}

long run_truncate(const uint64_t *a)
{
	int fd = fuzz_slots[SLOT_FILES + a[0] % 2];

	switch (a[1] % 3) {
	case 0: return ftruncate(fd, a[2] % (2 * REGION_BYTES));
	case 1: return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 a[2] % REGION_BYTES, a[3] % REGION_BYTES + 1);
	default: return fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	}
}

/* --- processes --- */

void make_fork(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 4);
	a[1] = fuzz_below(rng, 3);
	a[2] = 0x10000000ULL + fuzz_below(rng, 64) * 16 * PAGE;
	a[3] = fuzz_vaddr(rng);
	a[4] = (1 + fuzz_below(rng, 16)) * PAGE;
	a[5] = fuzz_below(rng, 20000);
}

static void child(const uint64_t *a)
{
	const uint64_t map[FUZZ_ARGS] = { a[1], a[2], a[3], a[4], 3 };
	const uint64_t touch[FUZZ_ARGS] = { REGION_BASE, MIB, 1 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (a[0] & 1)
		run_map(map);
	if (a[0] & 2)
		run_touch(touch);
	usleep(a[5] % 100000);
	_exit(0);
}

/* A child that outlives its parent's interest; who reaps it: process.c. */
long run_fork(const uint64_t *a)
{
	pid_t pid = fork();

	if (!pid)
		child(a);
	return pid < 0 ? -1 : 0;
}

void make_memlock(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 2048) * PAGE;
}

long run_memlock(const uint64_t *a)
{
	struct rlimit limit = { a[0], RLIM_INFINITY };

	return setrlimit(RLIMIT_MEMLOCK, &limit);
}

void make_pause(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 20000);
}

long run_pause(const uint64_t *a)
{
	if (!(a[0] & 3))
		return sched_yield();
	return usleep(a[0] % 50000);
}
