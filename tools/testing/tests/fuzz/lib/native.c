// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of /dev/ioasid's own, well formed most of the time (backend.c makes
 * the others), and the same on an io_uring, which each thread has for itself.
 */
#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/ioasid.h>

#include "fuzz/fuzz.h"

#define RW	(IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE)
#define DEPTH	32
#define BATCH	8

/* The structure of any call, and what a batch points to. */
struct request {
	union {
		struct ioasid_map_dma map;
		struct ioasid_map_file file;
		struct ioasid_copy copy;
		struct ioasid_unmap_dma unmap;
		struct ioasid_map_batch map_batch;
		struct ioasid_unmap_batch unmap_batch;
	};
	union {
		struct ioasid_map_entry entries[BATCH];
		struct ioasid_iova_range ranges[BATCH];
	};
};

/* --- a ring for each thread --- */

static _Thread_local struct io_uring ring;
static _Thread_local bool ring_open;
/* What requests in flight point to; old ones are overwritten, as by a bad program. */
static _Thread_local struct request in_flight[DEPTH];
static _Thread_local unsigned int next;

static bool ring_get(void)
{
	if (!ring_open)
		ring_open = !io_uring_queue_init(DEPTH, &ring, 0);
	return ring_open;
}

static struct io_uring_sqe *sqe_get(void)
{
	struct io_uring_sqe *sqe = ring_get() ? io_uring_get_sqe(&ring) : NULL;

	if (sqe)
		memset(sqe, 0, sizeof(*sqe));
	else
		errno = EAGAIN;
	return sqe;
}

static long submitted(int ret)
{
	if (ret >= 0)
		return 0;
	errno = -ret;
	return -1;
}

static long ring_submit(int fd, unsigned int op, const struct request *r, bool link)
{
	struct io_uring_sqe *sqe = sqe_get();
	unsigned int at = next++ % DEPTH;

	if (!sqe)
		return -1;
	in_flight[at] = *r;
	/* The entries move along with their batch. */
	if (op == IOASID_MAP_BATCH || op == IOASID_UNMAP_BATCH)
		in_flight[at].map_batch.entries = (uintptr_t)in_flight[at].entries;
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = link ? IOSQE_IO_LINK : 0;
	sqe->fd = fd;
	sqe->cmd_op = op;
	sqe->user_data = at;
	((struct ioasid_uring_cmd *)sqe->cmd)->arg = (uintptr_t)&in_flight[at];
	return submitted(io_uring_submit(&ring));
}

/* By an ioctl, or on the ring: bits 0 and 1 of @how, 2 for a linked request. */
static long call(uint64_t backend, unsigned int op, struct request *r, uint64_t how)
{
	int fd = fuzz_slots[backend % SLOTS];

	if (how & 1)
		return ring_submit(fd, op, r, how & 2);
	return ioctl(fd, op, r);
}

/* One call in three. */
static uint64_t pick_how(uint64_t *rng)
{
	return fuzz_chance(rng, 3) ? 1 | (fuzz_chance(rng, 6) ? 2 : 0) : 0;
}

static uint64_t pick_id(uint64_t *rng)
{
	return fuzz_chance(rng, 12) ? fuzz_below(rng, 8) : fuzz_below(rng, 3);
}

static uint64_t pick_flags(uint64_t *rng)
{
	return fuzz_chance(rng, 10) ? fuzz_below(rng, 16) :
	       RW | (fuzz_chance(rng, 2) ? IOASID_MAP_FLAG_FIXED_IOVA : 0);
}

void make_ring_cancel(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, DEPTH);
}

long run_ring_cancel(const uint64_t *a)
{
	struct io_uring_sqe *sqe = sqe_get();

	if (!sqe)
		return -1;
	io_uring_prep_cancel64(sqe, a[0] % DEPTH, 0);
	sqe->user_data = DEPTH;
	return submitted(io_uring_submit(&ring));
}

void make_ring_wait(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 20000);
}

/* All that is done, and a little of what is not. */
long run_ring_wait(const uint64_t *a)
{
	struct __kernel_timespec t = { .tv_nsec = a[0] % 50000 * 1000 };
	struct io_uring_cqe *cqe;
	int ret = 0;

	if (!ring_open)
		return 0;
	while (!io_uring_wait_cqe_timeout(&ring, &cqe, &t)) {
		ret = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
	return submitted(ret);
}

void make_ring_close(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_below(rng, 2);
}

/* With requests in flight or without. */
long run_ring_close(const uint64_t *a)
{
	(void)a;
	if (ring_open)
		io_uring_queue_exit(&ring);
	ring_open = false;
	return 0;
}

/* --- address spaces --- */

void make_space_alloc(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = pick_id(rng);
	a[2] = fuzz_below(rng, 8);
}

long run_space_alloc(const uint64_t *a)
{
	struct ioasid_alloc arg = { .size = sizeof(arg) };

	return ioctl(fuzz_slots[a[0] % SLOTS], IOASID_ALLOC, &arg);
}

void make_space_free(uint64_t *rng, uint64_t *a)
{
	make_space_alloc(rng, a);
}

/* Free it, or make it the default. */
long run_space_free(const uint64_t *a)
{
	struct ioasid_free arg = { .size = sizeof(arg), .ioasid = a[1] };
	struct ioasid_legacy set = {
		.size = sizeof(set), .op = IOASID_LEGACY_SET, .ioasid = a[1],
	};

	if (a[2] & 1)
		return ioctl(fuzz_slots[a[0] % SLOTS], IOASID_LEGACY, &set);
	return ioctl(fuzz_slots[a[0] % SLOTS], IOASID_FREE, &arg);
}

void make_space_set(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = pick_id(rng);
	a[2] = fuzz_below(rng, 4);
	a[3] = fuzz_chance(rng, 8) ? fuzz_random(rng) : fuzz_below(rng, 3);
	a[4] = fuzz_iova(rng);
	a[5] = fuzz_length(rng);
}

/* Options, allowed ranges, and the ranges of today. */
long run_space_set(const uint64_t *a)
{
	struct ioasid_option option = {
		.size = sizeof(option), .ioasid = a[1], .option = a[2], .op = a[3] & 1,
		.value = a[2] == IOASID_OPTION_MAP_LIMIT ? 1 + a[3] % 4096 : a[3],
	};
	struct ioasid_iova_range r[16] = { { a[4], a[4] + a[5] - 1 }, { 0x10000000, 0x1fffffff } };
	struct ioasid_allow_iovas allow = {
		.size = sizeof(allow), .ioasid = a[1], .nr_ranges = a[3] % 3,
		.ranges = (uintptr_t)r,
	};
	struct ioasid_iova_ranges ranges = {
		.size = sizeof(ranges), .ioasid = a[1], .nr_ranges = 1 + a[3] % 16,
		.ranges = (uintptr_t)r,
	};
	int fd = fuzz_slots[a[0] % SLOTS];

	if (a[2] < 3)
		return ioctl(fd, IOASID_OPTION, &option);
	return a[5] & PAGE ? ioctl(fd, IOASID_ALLOW_IOVAS, &allow) :
	       ioctl(fd, IOASID_IOVA_RANGES, &ranges);
}

void make_space_info(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = pick_id(rng);
	a[2] = fuzz_below(rng, 2);
}

/* Asked, or taken over. */
long run_space_info(const uint64_t *a)
{
	struct ioasid_get_info info = { .size = sizeof(info), .ioasid = a[1] };
	struct ioasid_change_owner owner = { .size = sizeof(owner), .ioasid = a[1] };
	int fd = fuzz_slots[a[0] % SLOTS];

	return a[2] & 1 ? ioctl(fd, IOASID_CHANGE_OWNER, &owner) : ioctl(fd, IOASID_GET_INFO, &info);
}

void make_space_dirty(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = pick_id(rng);
	a[2] = fuzz_below(rng, 4);
	a[3] = fuzz_vaddr(rng);
	a[4] = fuzz_iova(rng);
	a[5] = fuzz_length(rng);
}

long run_space_dirty(const uint64_t *a)
{
	struct ioasid_dirty arg = {
		.size = sizeof(arg), .ioasid = a[1], .op = a[2] % 4, .iova = a[4], .length = a[5],
		.page_size = PAGE, .data = a[3], .data_size = (a[5] / PAGE + 63) / 64 * 8,
	};

	return ioctl(fuzz_slots[a[0] % SLOTS], IOASID_DIRTY, &arg);
}

/* --- mapping --- */

void make_nmap(uint64_t *rng, uint64_t *a)
{
	a[0] = fuzz_backend(rng);
	a[1] = pick_id(rng) | pick_flags(rng) << 32;
	a[2] = fuzz_iova(rng);
	a[3] = fuzz_vaddr(rng);
	a[4] = fuzz_length(rng);
	a[5] = pick_how(rng) | fuzz_below(rng, 4) << 32;
}

long run_nmap(const uint64_t *a)
{
	struct request r = {
		.map = {
			.size = sizeof(r.map), .flags = a[1] >> 32, .ioasid = a[1], .iova = a[2],
			.user_va = a[3], .length = a[4], .workers = a[5] >> 32,
		},
	};

	return call(a[0], IOASID_MAP_DMA, &r, (uint32_t)a[5]);
}

void make_map_file(uint64_t *rng, uint64_t *a)
{
	make_nmap(rng, a);
	a[3] = fuzz_below(rng, REGION_BYTES / PAGE) * PAGE;
}

/* The files whose pages are regions, most of the time. */
long run_map_file(const uint64_t *a)
{
	struct request r = {
		.file = {
			.size = sizeof(r.file), .flags = a[1] >> 32, .ioasid = a[1], .iova = a[2],
			.fd = fuzz_slots[a[3] & 7 * PAGE ? SLOT_FILES + (a[2] >> 16 & 1) : a[4] % SLOTS],
			.start = a[3], .length = a[4],
		},
	};

	return call(a[0], IOASID_MAP_FILE, &r, a[5]);
}

void make_copy(uint64_t *rng, uint64_t *a)
{
	make_nmap(rng, a);
	a[3] = fuzz_iova(rng);
	a[5] |= pick_id(rng) << 32;
}

long run_copy(const uint64_t *a)
{
	struct request r = {
		.copy = {
			.size = sizeof(r.copy), .flags = a[1] >> 32, .dst_ioasid = a[1],
			.src_ioasid = a[5] >> 32, .dst_iova = a[2], .src_iova = a[3], .length = a[4],
		},
	};

	return call(a[0], IOASID_COPY, &r, a[5]);
}

void make_nunmap(uint64_t *rng, uint64_t *a)
{
	make_nmap(rng, a);
	a[1] = pick_id(rng) | (fuzz_chance(rng, 5) ? fuzz_below(rng, 4) << 32 : 0);
	if (fuzz_chance(rng, 3))
		a[4] = fuzz_below(rng, 64) * 2 * MIB;
}

long run_nunmap(const uint64_t *a)
{
	bool all = a[1] >> 32 & IOASID_UNMAP_FLAG_ALL;
	struct request r = {
		.unmap = {
			.size = sizeof(r.unmap), .flags = a[1] >> 32, .ioasid = a[1],
			.iova = all ? 0 : a[2], .length = all ? 0 : a[4], .dirty = a[3],
			.dirty_size = (a[4] / PAGE + 63) / 64 * 8,
		},
	};

	return call(a[0], IOASID_UNMAP_DMA, &r, a[5]);
}

void make_map_batch(uint64_t *rng, uint64_t *a)
{
	make_nmap(rng, a);
	a[4] = 1 + fuzz_below(rng, BATCH) + (fuzz_chance(rng, 20) ? 100 : 0);
}

/* Where the @i-th of a batch is: neighbours, or with holes. */
static uint64_t batch_iova(const uint64_t *a, unsigned int i)
{
	return a[2] + i * (1 + (a[2] >> 16 & 1)) * PAGE;
}

/* One of them has something wrong now and then. */
long run_map_batch(const uint64_t *a)
{
	struct request r = {
		.map_batch = {
			.size = sizeof(r.map_batch), .ioasid = a[1],
			.nr_entries = a[4] > BATCH ? BATCH : a[4], .entry_size = sizeof(r.entries[0]),
			.entries = (uintptr_t)r.entries,
		},
	};
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		r.entries[i] = (struct ioasid_map_entry){
			.iova = batch_iova(a, i),
			.user_va = a[3] + i * PAGE,
			.length = PAGE,
			.flags = a[1] >> 32,
		};
	if (a[4] > BATCH)
		r.entries[a[4] % BATCH].length = 1;
	return call(a[0], IOASID_MAP_BATCH, &r, a[5]);
}

void make_unmap_batch(uint64_t *rng, uint64_t *a)
{
	make_map_batch(rng, a);
}

long run_unmap_batch(const uint64_t *a)
{
	struct request r = {
		.unmap_batch = {
			.size = sizeof(r.unmap_batch), .ioasid = a[1],
			.nr_entries = a[4] > BATCH ? BATCH : a[4], .entry_size = sizeof(r.ranges[0]),
			.entries = (uintptr_t)r.ranges,
		},
	};
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		uint64_t start = batch_iova(a, i);

		r.ranges[i] = (struct ioasid_iova_range){ start, start + PAGE - 1 };
	}
	if (a[4] > BATCH)
		r.ranges[a[4] % BATCH].last = 0;
	return call(a[0], IOASID_UNMAP_BATCH, &r, a[5]);
}
