/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libioasid on an io_uring, with liburing as the client. Apart from
 * libioasid.h so that only who includes this needs liburing.
 */
#ifndef LIBIOASID_URING_H
#define LIBIOASID_URING_H

#include <liburing.h>
#include <string.h>

#include <linux/ioasid.h>

#ifdef __cplusplus
extern "C" {
#endif

/* May the kernel carry it out while it is submitted? A worker carries out all others. */
static inline int ioasid_is_small(uint32_t command, const void *arg)
{
	const struct ioasid_unmap_dma *unmap = (const struct ioasid_unmap_dma *)arg;
	const struct ioasid_map_dma *map = (const struct ioasid_map_dma *)arg;
	const __u64 most = 16 * 4096;

	return (command == IOASID_MAP_DMA && map->length <= most) ||
	       (command == IOASID_UNMAP_DMA && !unmap->flags && unmap->length <= most);
}

/**
 * ioasid_prep() - fill in a request
 * @sqe: from io_uring_get_sqe()
 * @fd: open /dev/ioasid; with IOSQE_FIXED_FILE, its place among the files that are
 *      registered with the ring
 * @command: IOASID_MAP_DMA, _MAP_FILE, _COPY, _UNMAP_DMA, _MAP_BATCH, _UNMAP_BATCH
 * @arg: the structure of that command, its size filled in; stays until the completion
 *
 * The completion's res is 0 or a negative errno. An IOASID_MAP_DMA or IOASID_UNMAP_DMA
 * of at most 16 pages of 4096 bytes runs while it is submitted, unless something makes
 * it wait; then, and for every other request, a worker of io_uring carries it out. All
 * but these small ones get IOSQE_ASYNC, without which io_uring begins another request
 * only when a worker sleeps. As with liburing's own functions, user_data stays as it is,
 * and flags are set afterwards.
 */
static inline void ioasid_prep(struct io_uring_sqe *sqe, int fd, uint32_t command, void *arg)
{
	struct ioasid_uring_cmd cmd;
	__u64 user_data = sqe->user_data;

	memset(&cmd, 0, sizeof(cmd));
	cmd.arg = (__u64)(uintptr_t)arg;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = ioasid_is_small(command, arg) ? 0 : IOSQE_ASYNC;
	sqe->fd = fd;
	sqe->cmd_op = command;
	sqe->user_data = user_data;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
}

#ifdef __cplusplus
}
#endif

#endif /* LIBIOASID_URING_H */
