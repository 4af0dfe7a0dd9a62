// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lower bound: pages are pinned and unpinned, and mapped nowhere. A map
 * registers a buffer with io_uring, an unmap removes it from its slot. No
 * device, IOMMU or IOVA is involved; iova only names the buffer.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/backend.h"
#include "util.h"

/* As many buffers, and each as large, as io_uring allows. */
#define MOST_SLOTS	16384U
#define SLOT_BYTES	GIB
/*
 * Registering a huge page looks through the whole table for it: the table has
 * no more slots than are needed, and these for maps that are larger than one.
 */
#define SPARE_SLOTS	16

struct slot {
	uint64_t iova;			/* 0: free; the thread that sets it owns the slot */
	uint64_t len;
};

struct table {
	uint32_t slots;
	struct slot slot[];
};

static int pin_open(struct backend *b, const char *bdf)
{
	struct io_uring_rsrc_register sparse = {
		.nr = (uint32_t)MIN(b->maps + SPARE_SLOTS, MOST_SLOTS),
		.flags = IORING_RSRC_REGISTER_SPARSE,
	};
	struct io_uring_params params = { 0 };
	struct table *t;

	b->group = pci_group(bdf);
	b->page_sizes = PAGE_4K;
	b->dma_avail = sparse.nr;
	b->range[0] = (struct iova_range){ .start = 0, .last = UINT64_MAX };
	b->ranges = 1;
	snprintf(b->answered, sizeof(b->answered), "io_uring");
	t = calloc(1, sizeof(*t) + sparse.nr * sizeof(t->slot[0]));
	if (!t)
		return fail("out of memory");
	t->slots = sparse.nr;
	b->private = t;
	b->device = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (b->device < 0) {
		free(t);
		return fail("cannot set up io_uring: %s%s", strerror(errno),
			    errno == EPERM ? ": sysctl kernel.io_uring_disabled=0" : "");
	}
	if (syscall(SYS_io_uring_register, b->device, IORING_REGISTER_BUFFERS2, &sparse,
		    sizeof(sparse)) < 0) {
		close(b->device);
		free(t);
		return fail("cannot make a table of io_uring buffers: %s", strerror(errno));
	}
	return 0;
}

static void pin_close(struct backend *b)
{
	close(b->device);
	free(b->private);
}

/* Slot @at holds [va, va + len) from now on, or nothing. */
static int update(struct backend *b, uint32_t at, void *va, uint64_t len)
{
	struct iovec buffer = { .iov_base = va, .iov_len = len };
	struct io_uring_rsrc_update2 up = {
		.offset = at,
		.data = (uintptr_t)&buffer,
		.nr = 1,
	};
	long done = syscall(SYS_io_uring_register, b->device, IORING_REGISTER_BUFFERS_UPDATE, &up,
			    sizeof(up));

	return done < 0 ? -errno : done == 1 ? 0 : -EIO;
}

/* Where the search for @iova begins: neighbours do not meet. */
static uint32_t home(const struct table *t, uint64_t iova)
{
	return (uint32_t)((iova / PAGE_4K) % t->slots);
}

static int map_piece(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	struct table *t = b->private;
	uint32_t at = home(t, iova), tries;
	uint64_t nobody;
	int err;

	for (tries = 0; tries < t->slots; tries++, at = (at + 1) % t->slots) {
		nobody = 0;
		if (!__atomic_compare_exchange_n(&t->slot[at].iova, &nobody, iova, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		t->slot[at].len = len;
		err = update(b, at, va, len);
		if (err)
			__atomic_store_n(&t->slot[at].iova, 0, __ATOMIC_RELEASE);
		return err;
	}
	return -ENOSPC;
}

static int pin_map(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	uint64_t done, piece;
	int err = 0;

	for (done = 0; !err && done < len; done += piece) {
		piece = MIN(len - done, SLOT_BYTES);
		err = map_piece(b, (char *)va + done, iova + done, piece);
	}
	return err;
}

static int clear_slot(struct backend *b, uint32_t at, uint64_t *unmapped)
{
	struct table *t = b->private;
	int err = update(b, at, NULL, 0);

	if (err)
		return err;
	*unmapped += t->slot[at].len;
	__atomic_store_n(&t->slot[at].iova, 0, __ATOMIC_RELEASE);
	return 0;
}

/* Every slot in the range: for ranges that hold many. */
static int unmap_scan(struct backend *b, uint64_t first, uint64_t last, uint64_t *unmapped)
{
	struct table *t = b->private;
	uint64_t iova;
	uint32_t at;
	int err = 0;

	for (at = 0; !err && at < t->slots; at++) {
		iova = __atomic_load_n(&t->slot[at].iova, __ATOMIC_RELAXED);
		if (iova && iova >= first && iova <= last)
			err = clear_slot(b, at, unmapped);
	}
	return err;
}

static int pin_unmap(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	struct table *t = b->private;
	uint32_t at = home(t, iova), tries;

	*unmapped = 0;
	for (tries = 0; tries < t->slots; tries++, at = (at + 1) % t->slots)
		if (__atomic_load_n(&t->slot[at].iova, __ATOMIC_RELAXED) == iova)
			break;
	if (tries < t->slots && t->slot[at].len == len)
		return clear_slot(b, at, unmapped);
	return unmap_scan(b, iova, iova + len - 1, unmapped);
}

static int pin_unmap_all(struct backend *b, uint64_t *unmapped)
{
	*unmapped = 0;
	return unmap_scan(b, 0, UINT64_MAX, unmapped);
}

static int pin_device_fd(struct backend *b)
{
	return fail("%s is in no device's reach: a buffer of io_uring is not mapped for DMA",
		    b->answered);
}

const struct backend_ops backend_pin = {
	.name = "pin",
	.summary = "the lower bound: io_uring's registered buffers, pinned and mapped nowhere",
	.max_maps = MOST_SLOTS,
	.open = pin_open,
	.close = pin_close,
	.map = pin_map,
	.unmap = pin_unmap,
	.unmap_all = pin_unmap_all,
	.device_fd = pin_device_fd,
};
