/* SPDX-License-Identifier: GPL-2.0-only */
/* For a thread that changes the memory of its process while it is mapped. */
#ifndef IOASID_TEST_LIFETIME_MEDDLE_H
#define IOASID_TEST_LIFETIME_MEDDLE_H

#include <sys/mman.h>

#include "lib/backend.h"

struct meddler {
	char *mem;
	volatile bool stop;
};

/* Takes a page away and brings it back, or splits the area, with @how 0 to 2; else false. */
static inline bool meddle_page(char *at, unsigned int how)
{
	switch (how) {
	case 0:
		madvise(at, PAGE, MADV_DONTNEED);
		return true;
	case 1:
		mprotect(at, PAGE, PROT_READ);
		mprotect(at, PAGE, PROT_READ | PROT_WRITE);
		return true;
	case 2:
		mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0);
		return true;
	}
	return false;
}

#endif
