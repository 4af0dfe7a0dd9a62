// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures in what drivers in the kernel do with the memory of a container:
 * pin, read, write; and while an IOMMU comes to what they have pinned.
 */
#include "fail/sweep.h"
#include "lib/mdev_device.h"

#define PAGES	16

FIXTURE(access) {
	struct world w;
};

static int device;		/* the software device, open */

FIXTURE_SETUP(access)
{
	struct world *w = &self->w;

	w->other = (struct backend){ .fd = -1, .group = -1 };
	ASSERT_TRUE(backend_open(&w->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, MDEV_NAME(0)));
	device = backend_device(&w->d, MDEV_NAME(0));
	ASSERT_LE(0, device);
	w->bytes = PAGES * PAGE;
	w->mem = mdev_memory(PAGES);
	ASSERT_TRUE(w->mem);
	madvise(w->mem, w->bytes, MADV_NOHUGEPAGE);
	ASSERT_EQ(0, mdev_map(&w->d, 0, w->mem, PAGES, MAP_RW));
}

FIXTURE_TEARDOWN(access)
{
	close(device);
	backend_close(&self->w.other);
	backend_close(&self->w.d);
	EXPECT_EQ(0, locked_kib());
}

static bool nothing_undo(struct world *w)
{
	(void)w;
	return true;
}

/* --- pins --- */

static bool pin_call(struct world *w)
{
	(void)w;
	return mdev_pin(device, 1, 8, MDEV_READ | MDEV_WRITE) == 8;
}

static bool unpin(struct world *w)
{
	(void)w;
	return mdev_unpin(device, 1, 8) == 8;
}

/* The test's driver has them, and could not say so. */
static bool is_pinned(struct world *w)
{
	(void)w;
	return mdev_state(device).pinned == 8;
}

TEST_F_TIMEOUT(access, pin, 120)
{
	static const struct flow flow = {
		.call = pin_call, .undo = unpin, .gone = is_pinned,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* Memory that was given back: the pin has to fault it in. */
static bool drop_ready(struct world *w)
{
	return !madvise(w->mem, w->bytes, MADV_DONTNEED);
}

TEST_F_TIMEOUT(access, pin_untouched, 300)
{
	static const struct flow flow = {
		.ready = drop_ready, .call = pin_call, .undo = unpin, .gone = is_pinned,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* Under an IOMMU the pages are pinned already. */
TEST_F_TIMEOUT(access, pin_of_pinned, 120)
{
	static const struct flow flow = {
		.call = pin_call, .undo = unpin, .gone = is_pinned,
	};
	struct world *w = &self->w;

	w->other.group = backend_open_group(DEVICE_EDU);
	ASSERT_LE(0, w->other.group);
	ASSERT_EQ(0, ioctl(w->other.group, VFIO_GROUP_SET_CONTAINER, &w->d.fd));
	EXPECT_TRUE(sweep(w, &flow));
}

/* --- reads and writes --- */

static bool write_call(struct world *w)
{
	(void)w;
	return !mdev_copy(device, MDEV_IOVA + PAGE - 8, "sixteen bytes...", 16, true, false);
}

static bool write_undo(struct world *w)
{
	bool there = !memcmp(w->mem + PAGE - 8, "sixteen bytes...", 16);

	memset(w->mem + PAGE - 8, 0, 16);
	return there;
}

TEST_F_TIMEOUT(access, write, 60)
{
	static const struct flow flow = { .call = write_call, .undo = write_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool read_call(struct world *w)
{
	uint64_t word = 0;

	(void)w;
	if (mdev_copy(device, MDEV_IOVA + 3 * PAGE, &word, 8, false, false))
		return false;
	return word == 1003 || sweep_complain("worked, and has read something else");
}

TEST_F_TIMEOUT(access, read, 60)
{
	static const struct flow flow = { .call = read_call, .undo = nothing_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- the IOMMU comes and finds pages that a driver has pinned --- */

static bool attach_ready(struct world *w)
{
	w->other.group = backend_open_group(DEVICE_EDU);
	return w->other.group >= 0;
}

static bool attach_call(struct world *w)
{
	return !ioctl(w->other.group, VFIO_GROUP_SET_CONTAINER, &w->d.fd);
}

/* All pages are pinned and charged, and of the driver's only its own stay so. */
static bool attach_undo(struct world *w)
{
	bool all = locked_kib() == w->bytes / 1024;

	backend_close(&w->other);
	return all && locked_kib() == 8 * 4;
}

TEST_F_TIMEOUT(access, iommu_comes, 300)
{
	static const struct flow flow = {
		.ready = attach_ready, .call = attach_call, .undo = attach_undo,
	};

	ASSERT_TRUE(pin_call(&self->w));
	EXPECT_TRUE(sweep(&self->w, &flow));
	EXPECT_TRUE(unpin(&self->w));
}

/* --- an unmap that has to ask a driver first --- */

static bool unmap_ready(struct world *w)
{
	return !backend_map(&w->d, MDEV_IOVA + GIB, w->mem, w->bytes, MAP_RW) &&
	       mdev_pin(device, GIB / PAGE, 8, MDEV_READ) == 8;
}

static bool unmap_call(struct world *w)
{
	return backend_unmap(&w->d, MDEV_IOVA + GIB, w->bytes) == w->bytes;
}

static bool unmap_undo(struct world *w)
{
	(void)w;
	return !mdev_state(device).pinned;
}

static bool is_unmapped(struct world *w)
{
	return errno == EFAULT && backend_avail(&w->d) == 65534;
}

TEST_F_TIMEOUT(access, unmap_of_pinned, 60)
{
	static const struct flow flow = {
		.ready = unmap_ready, .call = unmap_call, .undo = unmap_undo,
		.gone = is_unmapped,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- a software device is opened and closed --- */

static bool open_call(struct world *w)
{
	w->other.fd = backend_device(&w->d, MDEV_NAME(0));
	return w->other.fd >= 0;
}

static bool open_undo(struct world *w)
{
	backend_close(&w->other);
	return true;
}

TEST_F_TIMEOUT(access, open_device, 120)
{
	static const struct flow flow = { .call = open_call, .undo = open_undo };

	close(device);
	device = -1;
	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
