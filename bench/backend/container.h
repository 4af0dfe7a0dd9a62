/* SPDX-License-Identifier: GPL-2.0-only */
/* What the backends have in common that make VFIO's calls on b->container. */
#ifndef BENCH_CONTAINER_H
#define BENCH_CONTAINER_H

#include "backend/backend.h"

/* Members of struct backend_ops. */
void container_close(struct backend *b);
int container_map(struct backend *b, void *va, uint64_t iova, uint64_t len);
int container_unmap(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped);
int container_unmap_all(struct backend *b, uint64_t *unmapped);
int container_dirty_start(struct backend *b);
int container_dirty_get(struct backend *b, uint64_t iova, uint64_t len, uint64_t *bits);
int container_unmap_dirty(struct backend *b, uint64_t iova, uint64_t len, uint64_t *bits);

#define CONTAINER_CALLS				\
	.close = container_close,		\
	.map = container_map,			\
	.unmap = container_unmap,		\
	.unmap_all = container_unmap_all,	\
	.dirty_start = container_dirty_start,	\
	.dirty_get = container_dirty_get,	\
	.unmap_dirty = container_unmap_dirty

#endif
