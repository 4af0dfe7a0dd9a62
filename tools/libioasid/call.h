/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LIBIOASID_CALL_H
#define LIBIOASID_CALL_H

#include <errno.h>
#include <sys/ioctl.h>

#include "libioasid.h"

/* An ioctl, as 0 or a negative errno. */
static inline int call(int fd, unsigned long command, void *arg)
{
	return ioctl(fd, command, arg) < 0 ? -errno : 0;
}

#endif
