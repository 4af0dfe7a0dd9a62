/* SPDX-License-Identifier: GPL-2.0-only */
/* What the backends of /dev/ioasid's own calls have in common. */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#include <libioasid.h>

#include "backend/backend.h"

#define NATIVE_FLAGS	\
	(IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA)

/* Members of struct backend_ops. */
int native_open(struct backend *b, const char *bdf);
void native_close(struct backend *b);
int native_unmap_all(struct backend *b, uint64_t *unmapped);
int native_device_fd(struct backend *b);

#endif
