// SPDX-License-Identifier: GPL-2.0-only
/* How contiguous memory really is, as /proc/self/pagemap tells it to root. */
#include <fcntl.h>
#include <unistd.h>

#include "mem.h"
#include "util.h"

#define PRESENT		(1ULL << 63)
#define PFN_MASK	((1ULL << 55) - 1)
#define BATCH		8192

double pagemap_pages_per_extent(const void *va, size_t len)
{
	uint64_t pages = len / PAGE_4K, extents = 0, next_pfn = 0, done, n, i, pfn;
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	static uint64_t entry[BATCH];
	bool readable = true;
	int fd;

	if (page_size != PAGE_4K)
		return 0;
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	for (done = 0; readable && done < pages; done += n) {
		n = MIN(pages - done, BATCH);
		if (pread(fd, entry, n * sizeof(*entry),
			  (off_t)(((uintptr_t)va / PAGE_4K + done) * sizeof(*entry))) !=
		    (ssize_t)(n * sizeof(*entry)))
			readable = false;
		for (i = 0; readable && i < n; i++) {
			pfn = entry[i] & PFN_MASK;
			/* Without CAP_SYS_ADMIN every page frame number is 0. */
			if (!(entry[i] & PRESENT) || !pfn)
				readable = false;
			if (pfn != next_pfn)
				extents++;
			next_pfn = pfn + 1;
		}
	}
	close(fd);
	return readable && extents ? (double)pages / (double)extents : 0;
}
