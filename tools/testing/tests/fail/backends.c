// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures while a backend is opened, while groups join it, and while a program asks for
 * its state.
 */
#include "fail/sweep.h"

#define IOVA	0x1000000ULL

FIXTURE(backends) {
	struct world w;
};

FIXTURE_SETUP(backends)
{
	self->w.d.fd = -1;
	self->w.d.group = -1;
	self->w.other = self->w.d;
}

FIXTURE_TEARDOWN(backends)
{
	backend_close(&self->w.d);
	backend_close(&self->w.other);
}

/* --- /dev/ioasid --- */

static bool open_call(struct world *w)
{
	w->other.fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	return w->other.fd >= 0;
}

static bool open_undo(struct world *w)
{
	backend_close(&w->other);
	return true;
}

TEST_F_TIMEOUT(backends, open_ioasid, 60)
{
	static const struct flow flow = { .call = open_call, .undo = open_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool choose_ready(struct world *w)
{
	return open_call(w);
}

static bool choose_call(struct world *w)
{
	return !ioctl(w->other.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) &&
	       ioctl(w->other.fd, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL) == 1;
}

/* There may be nothing in it that can fail. */
TEST_F_TIMEOUT(backends, choose_type, 60)
{
	static const struct flow flow = {
		.ready = choose_ready, .call = choose_call, .undo = open_undo,
	};
	int fd = open(SWEEP_FILE, O_RDWR | O_CLOEXEC), err = 0;
	bool fired = true;
	unsigned int n;

	ASSERT_LE(0, fd);
	for (n = 0; fired; n++) {
		ASSERT_TRUE(sweep_once(&self->w, &flow, fd, n, &fired, &err));
		EXPECT_EQ(0, err);
	}
	close(fd);
}

/* --- a stock container --- */

static bool attach_ready(struct world *w)
{
	return backend_join(&w->other, BACKEND_SHIM, DEVICE_EDU);
}

static bool attach_call(struct world *w)
{
	return !ioctl(w->other.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

static bool attach_undo(struct world *w)
{
	bool right = backend_is_right(&w->other);

	backend_close(&w->other);
	return right;
}

TEST_F_TIMEOUT(backends, set_iommu, 120)
{
	static const struct flow flow = {
		.ready = attach_ready, .call = attach_call, .undo = attach_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- a container joins a /dev/ioasid in which there are mappings already --- */

static bool join_call(struct world *w)
{
	return !ioctl(w->other.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(w->d.fd));
}

TEST_F_TIMEOUT(backends, join_with_mappings, 300)
{
	static const struct flow flow = {
		.ready = attach_ready, .call = join_call, .undo = attach_undo,
	};
	struct world *w = &self->w;

	w->mem = small_pages(64 * PAGE);
	ASSERT_NE(MAP_FAILED, w->mem);
	memset(w->mem, 1, 64 * PAGE);
	ASSERT_TRUE(backend_open(&w->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, backend_map(&w->d, IOVA, w->mem, 48 * PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(&w->d, IOVA + GIB, w->mem + 48 * PAGE, 15 * PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(&w->d, IOVA + 3 * GIB, w->mem + 63 * PAGE, PAGE, MAP_RW));
	EXPECT_TRUE(sweep(w, &flow));
	EXPECT_EQ(64 * PAGE, backend_unmap_all(&w->d));
}

/* --- a second group, for which the same domain does --- */

static bool second_call(struct world *w)
{
	return !ioctl(w->other.group, VFIO_GROUP_SET_CONTAINER, &w->d.fd);
}

static bool second_undo(struct world *w)
{
	return !ioctl(w->other.group, VFIO_GROUP_UNSET_CONTAINER);
}

TEST_F_TIMEOUT(backends, second_group, 120)
{
	static const struct flow flow = { .call = second_call, .undo = second_undo };
	struct world *w = &self->w;

	w->mem = touched_memory(PAGE);
	ASSERT_NE(MAP_FAILED, w->mem);
	ASSERT_TRUE(backend_open(&w->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	ASSERT_EQ(0, backend_map(&w->d, IOVA, w->mem, PAGE, MAP_RW));
	w->other.group = backend_open_group(DEVICE_EDU);
	ASSERT_LE(0, w->other.group);
	EXPECT_TRUE(sweep(w, &flow));
}

/* The device is opened and closed in a container that is ready. */
static bool device_call(struct world *w)
{
	w->other.fd = backend_device(&w->d, DEVICE_EDU);
	return w->other.fd >= 0;
}

TEST_F_TIMEOUT(backends, open_device, 300)
{
	static const struct flow flow = { .call = device_call, .undo = open_undo };

	ASSERT_TRUE(backend_open(&self->w.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* The way out must work, whatever fails: a detach cannot be refused. */
static bool leave_ready(struct world *w)
{
	return attach_ready(w) && attach_call(w) &&
	       !backend_map(&w->other, IOVA, w->mem, 16 * PAGE, MAP_RW);
}

static bool leave_call(struct world *w)
{
	return !ioctl(w->other.group, VFIO_GROUP_UNSET_CONTAINER);
}

static bool leave_undo(struct world *w)
{
	backend_close(&w->other);
	return !locked_kib();
}

TEST_F_TIMEOUT(backends, leave, 120)
{
	static const struct flow flow = {
		.ready = leave_ready, .call = leave_call, .undo = leave_undo,
	};

	self->w.mem = touched_memory(16 * PAGE);
	ASSERT_NE(MAP_FAILED, self->w.mem);
	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- questions --- */

static bool info_call(struct world *w)
{
	static struct {
		struct vfio_iommu_type1_info info;
		char caps[4096];
	} answer;

	memset(&answer, 0, sizeof(answer));
	answer.info.argsz = sizeof(answer);
	return !ioctl(w->d.fd, VFIO_IOMMU_GET_INFO, &answer);
}

static bool nothing_undo(struct world *w)
{
	(void)w;
	return true;
}

TEST_F_TIMEOUT(backends, get_info, 60)
{
	static const struct flow flow = { .call = info_call, .undo = nothing_undo };

	ASSERT_TRUE(backend_open(&self->w.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* The file in debugfs that lists the address spaces. */
static bool list_call(struct world *w)
{
	static char text[4096];
	bool done;
	int fd = open("/sys/kernel/debug/ioasid/spaces", O_RDONLY | O_CLOEXEC);

	(void)w;
	if (fd < 0)
		return false;
	done = read(fd, text, sizeof(text)) > 0;
	close(fd);
	return done;
}

TEST_F_TIMEOUT(backends, list_spaces, 60)
{
	static const struct flow flow = { .call = list_call, .undo = nothing_undo };

	ASSERT_TRUE(backend_open(&self->w.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
