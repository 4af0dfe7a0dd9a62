/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls of /dev/ioasid's own, called as they are, with nothing between
 * the test and the kernel. tools/libioasid has tests of its own.
 */
#ifndef IOASID_TEST_NATIVE_H
#define IOASID_TEST_NATIVE_H

#include "uapi/door.h"

static inline int native_open(void)
{
	return open("/dev/ioasid", O_RDWR | O_CLOEXEC);
}

/* A new address space, or -1. */
static inline int native_alloc(int fd)
{
	struct ioasid_alloc arg = { .size = sizeof(arg) };

	return ioctl(fd, IOASID_ALLOC, &arg) ? -1 : (int)arg.out_ioasid;
}

static inline int native_free(int fd, uint32_t id)
{
	struct ioasid_free arg = { .size = sizeof(arg), .ioasid = id };

	return ioctl(fd, IOASID_FREE, &arg);
}

/* The default one after the call, or -1. */
static inline int native_legacy(int fd, uint32_t op, uint32_t id)
{
	struct ioasid_legacy arg = { .size = sizeof(arg), .op = op, .ioasid = id };

	return ioctl(fd, IOASID_LEGACY, &arg) ? -1 : (int)arg.out_ioasid;
}

#endif /* IOASID_TEST_NATIVE_H */
