/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of /dev/ioasid on an io_uring, with nothing between the test and the
 * kernel but liburing.
 */
#ifndef IOASID_TEST_RING_H
#define IOASID_TEST_RING_H

#include <dirent.h>
#include <liburing.h>

#include "lib/ioasid.h"

/* An empty request; the ring is never full here. */
static inline struct io_uring_sqe *new_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		abort();
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

static inline void submit_flags(struct io_uring *ring, int fd, uint32_t op, void *arg, uint64_t tag,
				uint8_t flags)
{
	struct io_uring_sqe *sqe = new_sqe(ring);

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = flags;
	sqe->fd = fd;
	sqe->cmd_op = op;
	sqe->user_data = tag;
	((struct ioasid_uring_cmd *)sqe->cmd)->arg = (uintptr_t)arg;
	io_uring_submit(ring);
}

static inline void submit(struct io_uring *ring, int fd, uint32_t op, void *arg, uint64_t tag)
{
	submit_flags(ring, fd, op, arg, tag, 0);
}

/* In a worker of its own, whatever the others do. */
static inline void submit_async(struct io_uring *ring, int fd, uint32_t op, void *arg, uint64_t tag)
{
	submit_flags(ring, fd, op, arg, tag, IOSQE_ASYNC);
}

/* The next result; *tag is whose. */
static inline int result(struct io_uring *ring, uint64_t *tag)
{
	struct io_uring_cqe *cqe;
	int res;

	if (tag)
		*tag = UINT64_MAX;
	if (io_uring_wait_cqe(ring, &cqe))
		return -EIO;
	res = cqe->res;
	if (tag)
		*tag = cqe->user_data;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static inline struct ioasid_map_dma ring_map(const void *mem, uint64_t iova, uint64_t length)
{
	return (struct ioasid_map_dma){
		.size = sizeof(struct ioasid_map_dma),
		.flags = NATIVE_FIXED,
		.iova = iova,
		.user_va = (uintptr_t)mem,
		.length = length,
	};
}

/* Workers of io_uring that this process has had; they stay for a while. */
static inline int workers(void)
{
	DIR *dir = opendir("/proc/self/task");
	char path[300], name[32];
	struct dirent *e;
	int n = 0;
	FILE *f;

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f && fgets(name, sizeof(name), f) && !strncmp(name, "iou-wrk", 7))
			n++;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return n;
}

#endif /* IOASID_TEST_RING_H */
