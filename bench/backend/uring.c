// SPDX-License-Identifier: GPL-2.0-only
/* /dev/ioasid's own calls as requests on an io_uring, all of a batch at once. */
#include <errno.h>
#include <libioasid-uring.h>
#include <pthread.h>
#include <stdlib.h>

#include "backend/native.h"
#include "util.h"

/*
 * Idle rings: a thread takes one for each call, so that there are never more
 * rings than threads, also when the threads change. The /dev/ioasid is registered
 * with each as file 0, so that no request looks it up.
 */
struct ring {
	struct io_uring uring;
	struct ring *next;
};

static struct ring *idle_rings;
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;

static struct ring *ring_get(int fd)
{
	struct ring *r;

	pthread_mutex_lock(&ring_lock);
	r = idle_rings;
	if (r)
		idle_rings = r->next;
	pthread_mutex_unlock(&ring_lock);
	if (r)
		return r;
	r = malloc(sizeof(*r));
	if (!r || io_uring_queue_init(BACKEND_MAX_PIECES, &r->uring, 0))
		goto no_ring;
	if (!io_uring_register_files(&r->uring, &fd, 1))
		return r;
	io_uring_queue_exit(&r->uring);
no_ring:
	free(r);
	return NULL;
}

static void ring_put(struct ring *r)
{
	pthread_mutex_lock(&ring_lock);
	r->next = idle_rings;
	idle_rings = r;
	pthread_mutex_unlock(&ring_lock);
}

/* One request; the ring has room for a batch. */
static void ring_add(struct ring *r, uint32_t command, void *arg)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);

	if (!sqe)
		abort();
	ioasid_prep(sqe, 0, command, arg);
	sqe->flags |= IOSQE_FIXED_FILE;
}

/* Submit @n requests and wait for all. The first error there was, or 0. */
static int ring_run(struct ring *r, unsigned int n)
{
	struct io_uring_cqe *cqe;
	unsigned int i, head, seen;
	int err = io_uring_submit_and_wait(&r->uring, n);

	if (err < 0)
		return err;
	for (i = 0, err = 0; i < n; i += seen) {
		int ret = io_uring_wait_cqe(&r->uring, &cqe);

		if (ret)
			return ret;
		seen = 0;
		io_uring_for_each_cqe(&r->uring, head, cqe) {
			if (!err)
				err = cqe->res;
			seen++;
		}
		io_uring_cq_advance(&r->uring, seen);
	}
	return err;
}

/* A request of @command for each of the @n arguments of @size bytes at @args. */
static int ring_many(const struct backend *b, uint32_t command, void *args, size_t size,
		     unsigned int n)
{
	struct ring *r = ring_get(b->container.fd);
	unsigned int i;
	int ret;

	if (!r)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		ring_add(r, command, (char *)args + i * size);
	ret = ring_run(r, n);
	ring_put(r);
	return ret;
}

static int uring_map_many(struct backend *b, const struct piece *piece, unsigned int n)
{
	struct ioasid_map_dma map[BACKEND_MAX_PIECES];
	unsigned int i;

	for (i = 0; i < n; i++)
		map[i] = (struct ioasid_map_dma){
			.size = sizeof(map[i]),
			.flags = NATIVE_FLAGS,
			.user_va = (uintptr_t)piece[i].va,
			.length = piece[i].len,
			.iova = piece[i].iova,
		};
	return ring_many(b, IOASID_MAP_DMA, map, sizeof(*map), n);
}

static int uring_unmap_many(struct backend *b, const struct piece *piece, unsigned int n)
{
	struct ioasid_unmap_dma unmap[BACKEND_MAX_PIECES];
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++)
		unmap[i] = (struct ioasid_unmap_dma){
			.size = sizeof(unmap[i]),
			.iova = piece[i].iova,
			.length = piece[i].len,
		};
	ret = ring_many(b, IOASID_UNMAP_DMA, unmap, sizeof(*unmap), n);
	for (i = 0; i < n && !ret; i++)
		if (unmap[i].out_length != piece[i].len)
			ret = -EIO;
	return ret;
}

static int uring_map(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	struct piece piece = { va, iova, len };

	return uring_map_many(b, &piece, 1);
}

static int uring_unmap(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	struct piece piece = { NULL, iova, len };

	*unmapped = len;
	return uring_unmap_many(b, &piece, 1);
}

/*
 * Rings hold the file that requests went to, and their end would release it some time later: the
 * next backend wants the device now.
 */
static void uring_close(struct backend *b)
{
	struct ring *r;

	while ((r = idle_rings)) {
		idle_rings = r->next;
		io_uring_unregister_files(&r->uring);
		io_uring_queue_exit(&r->uring);
		free(r);
	}
	native_close(b);
}

const struct backend_ops backend_uring = {
	.name = "uring",
	.summary = "native, each call a request on an io_uring, all requests of a batch at once",
	.select = backend_select,
	.open = native_open,
	.close = uring_close,
	.map = uring_map,
	.unmap = uring_unmap,
	.unmap_all = native_unmap_all,
	.map_many = uring_map_many,
	.unmap_many = uring_unmap_many,
	.device_fd = native_device_fd,
};
