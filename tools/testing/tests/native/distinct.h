/* SPDX-License-Identifier: GPL-2.0-only */
/* Address spaces whose pages are charged once (charge_shared), and what they are charged. */
#ifndef IOASID_TEST_DISTINCT_H
#define IOASID_TEST_DISTINCT_H

#include <sys/mman.h>
#include <time.h>

#include "lib/ioasid.h"

/* An open /dev/ioasid whose address space shares, or not. */
static inline int distinct_open(bool shares)
{
	int fd = native_open();

	if (fd >= 0 && native_set(fd, 0, IOASID_OPTION_CHARGE_SHARED, shares)) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * Pages in VmLck, which are to be @pages. A give-back that met a task with the mmap_lock
 * comes some milliseconds late.
 */
static inline long distinct_locked(pid_t pid, long pages)
{
	struct timespec wait = { 0, 10000000 };
	long kib = 0;
	int i;

	for (i = 0; i < 200; i++) {
		kib = status_kib(pid, "VmLck");
		if (kib == pages * 4)
			break;
		nanosleep(&wait, NULL);
	}
	return kib / 4;
}

#define EXPECT_LOCKED(pages)	EXPECT_EQ((long)(pages), distinct_locked(getpid(), pages))
#define ASSERT_LOCKED(pages)	ASSERT_EQ((long)(pages), distinct_locked(getpid(), pages))

static inline bool distinct_map(int fd, uint64_t iova, const void *mem, uint64_t pages)
{
	return native_map(fd, 0, NATIVE_FIXED, iova, mem, pages * PAGE) == iova;
}

static inline bool distinct_unmap(int fd, uint64_t iova, uint64_t pages)
{
	return native_unmap(fd, 0, iova, pages * PAGE) == (long long)(pages * PAGE);
}

#endif
