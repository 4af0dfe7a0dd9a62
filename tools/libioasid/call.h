/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LIBIOASID_CALL_H
#define LIBIOASID_CALL_H

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "libioasid.h"

/* An ioctl, as 0 or a negative errno. */
static inline int call(int fd, unsigned long command, void *arg)
{
	return ioctl(fd, command, arg) < 0 ? -errno : 0;
}

/* The end of a member, which a structure of the program has to reach. */
#define END_OF(type, member)	(offsetof(type, member) + sizeof(((type *)0)->member))

/* Copy a structure of @from_size bytes into one of @to_size, whose rest becomes 0. */
static inline void copy_sized(void *to, size_t to_size, const void *from, size_t from_size)
{
	memset(to, 0, to_size);
	memcpy(to, from, to_size < from_size ? to_size : from_size);
}

#endif
