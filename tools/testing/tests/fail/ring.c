// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures in requests on an io_uring: in the process that submits, and in
 * io_uring's worker thread, which does the work.
 */
#include <dirent.h>
#include <liburing.h>

#include "fail/sweep.h"
#include "lib/ioasid.h"

#define IOVA	0x40000000ULL
#define BYTES	(24 * PAGE)
#define SMALL	(3 * PAGE)

static struct io_uring ring;

FIXTURE(ring) {
	struct world w;
	struct backend edu;
};

FIXTURE_SETUP(ring)
{
	unsigned int one[2] = { 1, 1 };
	struct world *w = &self->w;

	ASSERT_TRUE(world_open(w, BYTES));
	ASSERT_TRUE(native_attach(w->d.fd, &self->edu, DEVICE_EDU));
	ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
	/* One worker, so that it is known in advance who does it. */
	ASSERT_EQ(0, io_uring_register_iowq_max_workers(&ring, one));
}

FIXTURE_TEARDOWN(ring)
{
	io_uring_queue_exit(&ring);
	backend_close(&self->edu);
	backend_close(&self->w.d);
	EXPECT_EQ(0, locked_kib());
}

/* Submits one request and waits for it; errno as an ioctl has it. */
static bool request(struct world *w, uint32_t op, void *arg)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct io_uring_cqe *cqe;
	int ret, res;

	if (!sqe)
		return sweep_complain("the ring is full");
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = w->d.fd;
	sqe->cmd_op = op;
	((struct ioasid_uring_cmd *)sqe->cmd)->arg = (uintptr_t)arg;
	/* What was not taken from the queue is offered again. */
	do {
		ret = io_uring_submit(&ring);
	} while (ret == -EAGAIN || ret == -ENOMEM || !ret);
	while ((ret = io_uring_wait_cqe(&ring, &cqe)) == -EINTR)
		;
	if (ret)
		return sweep_complain("a request has no result");
	res = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	errno = -res;
	return !res;
}

static bool map_bytes(struct world *w, uint64_t bytes)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg),
		.flags = NATIVE_FIXED,
		.iova = IOVA,
		.user_va = (uintptr_t)w->mem,
		.length = bytes,
	};

	return request(w, IOASID_MAP_DMA, &arg);
}

static bool unmap_bytes(struct world *w, uint64_t bytes)
{
	struct ioasid_unmap_dma arg = { .size = sizeof(arg), .iova = IOVA, .length = bytes };

	return request(w, IOASID_UNMAP_DMA, &arg);
}

static bool map(struct world *w)
{
	return map_bytes(w, BYTES);
}

static bool unmap(struct world *w)
{
	return unmap_bytes(w, BYTES);
}

/* Few enough pages for the submitter to do it at once. */
static bool map_small(struct world *w)
{
	return map_bytes(w, SMALL);
}

static bool unmap_small(struct world *w)
{
	return unmap_bytes(w, SMALL);
}

static bool unmap_small_undo(struct world *w)
{
	return native_unmap_all(w->d.fd, 0) == (long long)SMALL;
}

static bool unmap_undo(struct world *w)
{
	return native_unmap_all(w->d.fd, 0) == (long long)BYTES;
}

static bool nothing_undo(struct world *w)
{
	(void)w;
	return true;
}

static bool is_unmapped(struct world *w)
{
	return errno == EFAULT && backend_avail(&w->d) == 65535;
}

/* --- the submitter --- */

TEST_F_TIMEOUT(ring, submit_map, 120)
{
	static const struct flow flow = { .call = map, .undo = unmap_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

TEST_F_TIMEOUT(ring, submit_small_map, 120)
{
	static const struct flow flow = { .call = map_small, .undo = unmap_small_undo };

	self->w.bytes = SMALL;
	EXPECT_TRUE(sweep(&self->w, &flow));
}

TEST_F_TIMEOUT(ring, submit_small_unmap, 120)
{
	static const struct flow flow = {
		.ready = map_small, .call = unmap_small, .undo = nothing_undo, .gone = is_unmapped,
	};

	self->w.bytes = SMALL;
	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- the worker --- */

/* /proc/self/task/N/fail-nth of the thread io_uring has made; -1 if there is none. */
static int worker_open(void)
{
	char path[300], name[32];
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	int fd = -1, comm;
	ssize_t n;

	while (dir && fd < 0 && (e = readdir(dir))) {
		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		comm = open(path, O_RDONLY | O_CLOEXEC);
		n = comm < 0 ? 0 : read(comm, name, sizeof(name));
		if (comm >= 0)
			close(comm);
		if (n < 7 || strncmp(name, "iou-wrk", 7))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/fail-nth", e->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* As sweep() does: without a failure first, which also brings the worker to life. */
static bool sweep_worker(struct world *w, const struct flow *flow)
{
	bool good;
	int fd;

	if ((flow->ready && !flow->ready(w)) || !flow->call(w) || !flow->undo(w)) {
		TH_LOG("fails without an injected failure: %s", strerror(errno));
		return false;
	}
	fd = worker_open();
	if (fd < 0) {
		TH_LOG("io_uring has no worker");
		return false;
	}
	good = sweep_task(w, flow, fd);
	close(fd);
	return good;
}

TEST_F_TIMEOUT(ring, map, 120)
{
	static const struct flow flow = { .call = map, .undo = unmap_undo };

	EXPECT_TRUE(sweep_worker(&self->w, &flow));
}

TEST_F_TIMEOUT(ring, unmap, 120)
{
	static const struct flow flow = {
		.ready = map, .call = unmap, .undo = nothing_undo, .gone = is_unmapped,
	};

	EXPECT_TRUE(sweep_worker(&self->w, &flow));
}

/* Two that follow each other without a hole, and one that stands alone. */
static bool map_batch(struct world *w)
{
	struct ioasid_map_entry e[3];
	struct ioasid_map_batch arg = {
		.size = sizeof(arg), .nr_entries = 3, .entries = (uintptr_t)e,
		.entry_size = sizeof(e[0]),
	};
	uint64_t maps;
	int i, err;

	for (i = 0; i < 3; i++)
		e[i] = (struct ioasid_map_entry){
			.iova = IOVA + (i + i / 2) * 8 * PAGE,
			.user_va = (uintptr_t)w->mem + i * 8 * PAGE,
			.length = 8 * PAGE,
			.flags = NATIVE_FIXED,
		};
	if (request(w, IOASID_MAP_BATCH, &arg))
		return arg.out_done == 3 || sweep_complain("worked, but not all is mapped");
	err = errno;
	maps = native_info(w->d.fd, 0).out_maps;
	/* The last word may be what did not get through. */
	if (maps != arg.out_done && !(err == EFAULT && maps == 3))
		return sweep_complain("another number is mapped than it said");
	if (maps && native_unmap_all(w->d.fd, 0) < 0)
		return sweep_complain("what it mapped cannot be unmapped");
	errno = err;
	return false;
}

TEST_F_TIMEOUT(ring, map_batch, 120)
{
	static const struct flow flow = { .call = map_batch, .undo = unmap_undo };

	EXPECT_TRUE(sweep_worker(&self->w, &flow));
}

SWEEP_MAIN
