/* SPDX-License-Identifier: GPL-2.0-only */
/* For a thread that changes the memory of its process while it is mapped. */
#ifndef IOASID_TEST_LIFETIME_MEDDLE_H
#define IOASID_TEST_LIFETIME_MEDDLE_H

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/backend.h"

struct meddler {
	char *mem;
	size_t pages;
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

/* With forks, a moment in which nothing is there, and waits, so that others get on. */
static inline void *meddle_and_fork(void *arg)
{
	struct meddler *m = arg;
	unsigned int seed = 1, how;
	pid_t pid;

	while (!m->stop) {
		char *at = m->mem + (size_t)rand_r(&seed) % m->pages * PAGE;

		how = rand_r(&seed) % 8;
		if (how == 3) {
			pid = fork();
			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
			continue;
		}
		if (how == 2)
			munmap(at, PAGE);
		if (!meddle_page(at, how)) {
			*(volatile char *)at = 1;
			usleep(1000);
		}
	}
	return NULL;
}

#endif
