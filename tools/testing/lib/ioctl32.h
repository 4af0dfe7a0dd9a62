/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ioctl as a 32-bit program makes it, from a 64-bit one: through the system
 * call gate that the kernel has for those. Pointers must be below 4 GiB.
 */
#ifndef IOASID_TEST_IOCTL32_H
#define IOASID_TEST_IOCTL32_H

#include <errno.h>
#include <stdint.h>

#ifdef __x86_64__
static inline int ioctl32(int fd, uint32_t cmd, uint32_t arg)
{
	int ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(54), "b"(fd), "c"(cmd), "d"(arg)
			 : "memory", "r8", "r9", "r10", "r11");
	if (ret >= 0 || ret < -4095)
		return ret;
	errno = -ret;
	return -1;
}
#else
/* There is no such gate: only a 32-bit program makes 32-bit calls. */
#define MAP_32BIT	0

static inline int ioctl32(int fd, uint32_t cmd, uint32_t arg)
{
	(void)fd;
	(void)cmd;
	(void)arg;
	errno = ENOSYS;
	return -1;
}
#endif

#endif
