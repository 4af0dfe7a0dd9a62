/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory whose page faults wait for the test (userfaultfd): whatever pins or
 * copies it stays in the kernel until trap_fill() is called, the process is
 * killed, or the descriptor is closed.
 */
#ifndef IOASID_TEST_TRAP_H
#define IOASID_TEST_TRAP_H

#include <linux/userfaultfd.h>
#include <poll.h>

#include "lib/backend.h"

/* Arms @size bytes at @mem, in which no page is present yet: a descriptor, or -1. */
static inline int trap_set(char *mem, uint64_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)mem, size }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
		return -1;
	return fd;
}

/* Puts zeroed pages there, and ends the waits for them. */
static inline bool trap_fill(int uffd, char *at, uint64_t size)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)at, size } };

	return !ioctl(uffd, UFFDIO_ZEROPAGE, &zero);
}

/* Waits for a page fault: its address, or NULL after @ms. */
static inline char *trap_sprung(int uffd, int ms)
{
	struct pollfd poll_fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&poll_fd, 1, ms) != 1 || read(uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return NULL;
	return (char *)(uintptr_t)msg.arg.pagefault.address;
}

#endif /* IOASID_TEST_TRAP_H */
