// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures in a map that threads of the process help with, of untouched memory and of memory that
 * is there: in what makes them, and in the faults and pins of the caller.
 */
#include "fail/sweep.h"
#include "lib/ioasid.h"

#define HUGE	"/proc/sys/vm/nr_hugepages"
#define BYTES	(40 * MIB)

FIXTURE(help) {
	struct world w;
	struct backend edu;
};

FIXTURE_SETUP(help)
{
	struct world *w = &self->w;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor: there is no help");
	ASSERT_TRUE(file_write(HUGE, "20"));
	if (file_number(HUGE) != 20)
		SKIP(return, "no memory for huge pages");
	w->other = (struct backend){ .fd = -1, .group = -1 };
	w->bytes = BYTES;
	/* A small page is an allocation, and there would be too many of them. */
	w->mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, w->mem);
	ASSERT_TRUE(backend_open(&w->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(native_attach(w->d.fd, &self->edu, DEVICE_EDU));
}

FIXTURE_TEARDOWN(help)
{
	backend_close(&self->edu);
	backend_close(&self->w.d);
	munmap(self->w.mem, BYTES);
	EXPECT_EQ(0, locked_kib());
	EXPECT_TRUE(file_write(HUGE, "0"));
}

/* None of it is there. */
static bool untouched_ready(struct world *w)
{
	return !madvise(w->mem, BYTES, MADV_DONTNEED);
}

static bool helped_call(struct world *w)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg), .flags = NATIVE_RW, .workers = 8,
		.user_va = (uintptr_t)w->mem, .length = BYTES,
	};

	return !ioctl(w->d.fd, IOASID_MAP_DMA, &arg);
}

static bool helped_undo(struct world *w)
{
	return native_unmap_all(w->d.fd, 0) == BYTES;
}

TEST_F_TIMEOUT(help, untouched, 600)
{
	static const struct flow flow = {
		.ready = untouched_ready, .call = helped_call, .undo = helped_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- memory that is there, in small pages: they are pinned ahead --- */

FIXTURE(there) {
	struct world w;
	struct backend edu;
};

FIXTURE_SETUP(there)
{
	struct world *w = &self->w;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor: there is no help");
	w->other = (struct backend){ .fd = -1, .group = -1 };
	w->bytes = BYTES;
	w->mem = small_pages(BYTES);
	ASSERT_NE(MAP_FAILED, w->mem);
	memset(w->mem, 1, BYTES);
	ASSERT_TRUE(backend_open(&w->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(native_attach(w->d.fd, &self->edu, DEVICE_EDU));
}

FIXTURE_TEARDOWN(there)
{
	backend_close(&self->edu);
	backend_close(&self->w.d);
	munmap(self->w.mem, BYTES);
	EXPECT_EQ(0, locked_kib());
}

TEST_F_TIMEOUT(there, pinned_ahead, 600)
{
	static const struct flow flow = { .call = helped_call, .undo = helped_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
