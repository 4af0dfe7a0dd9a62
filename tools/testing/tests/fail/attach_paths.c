// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures while a device is attached to a /dev/ioasid that has mappings already, by its
 * group or without one; and while it moves to another space.
 */
#include "fail/sweep.h"

#define IOVA	0x1000000ULL
#define NODE	"/dev/ioasid-pci/" DEVICE_EDU

FIXTURE(attach_paths) {
	struct world w;
};

/* @other.group is a group or a node. */
FIXTURE_SETUP(attach_paths)
{
	struct world *w = &self->w;

	ASSERT_TRUE(device_move(DEVICE_EDU, "vfio-pci", "ioasid_pci"));

	w->other = (struct backend){ .fd = -1, .group = -1 };
	w->mem = small_pages(32 * PAGE);
	ASSERT_NE(MAP_FAILED, w->mem);
	memset(w->mem, 1, 32 * PAGE);
	ASSERT_TRUE(backend_open(&w->d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, backend_map(&w->d, IOVA, w->mem, 31 * PAGE, MAP_RW));
	ASSERT_EQ(0, backend_map(&w->d, IOVA + GIB, w->mem + 31 * PAGE, PAGE, MAP_RW));
}

FIXTURE_TEARDOWN(attach_paths)
{
	backend_close(&self->w.other);
	backend_close(&self->w.d);
	EXPECT_EQ(0, sweep_refs("ioasid_setcontainer"));
	EXPECT_EQ(0, sweep_refs("ioasid_pci"));
	EXPECT_TRUE(device_move(DEVICE_EDU, "ioasid_pci", "vfio-pci"));
}

static bool close_undo(struct world *w)
{
	backend_close(&w->other);
	return true;
}

/* --- VFIO_GROUP_SET_CONTAINER --- */

static bool group_ready(struct world *w)
{
	w->other.group = backend_open_group(DEVICE_EDU);
	return w->other.group >= 0 && !sweep_refs("ioasid_setcontainer");
}

static bool group_call(struct world *w)
{
	return !ioctl(w->other.group, VFIO_GROUP_SET_CONTAINER, &w->d.fd);
}

/* One reference for the group, none for tries that failed before. */
static bool group_undo(struct world *w)
{
	bool one = sweep_refs("ioasid_setcontainer") == 1;

	backend_close(&w->other);
	return one && !sweep_refs("ioasid_setcontainer");
}

TEST_F_TIMEOUT(attach_paths, set_container, 300)
{
	static const struct flow flow = {
		.ready = group_ready, .call = group_call, .undo = group_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- a device of its own --- */

static bool open_call(struct world *w)
{
	w->other.group = open(NODE, O_RDWR | O_CLOEXEC);
	return w->other.group >= 0;
}

TEST_F_TIMEOUT(attach_paths, open_node, 60)
{
	static const struct flow flow = { .call = open_call, .undo = close_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool attach(struct world *w, uint32_t id)
{
	struct ioasid_device_attach args = { .size = sizeof(args), .fd = w->d.fd, .ioasid = id };

	return !ioctl(w->other.group, IOASID_DEVICE_ATTACH, &args);
}

static bool attach_call(struct world *w)
{
	return attach(w, 1);
}

TEST_F_TIMEOUT(attach_paths, attach_device, 300)
{
	static const struct flow flow = {
		.ready = open_call, .call = attach_call, .undo = close_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- from one space to the one with the mappings --- */

static bool move_ready(struct world *w)
{
	return open_call(w) && attach(w, 2);
}

static long long space_of(struct world *w)
{
	struct ioasid_device_get_info info = { .size = sizeof(info) };

	return ioctl(w->other.group, IOASID_DEVICE_GET_INFO, &info) ? -1LL : (long long)info.out_space;
}

TEST_F_TIMEOUT(attach_paths, move_device, 300)
{
	static const struct flow flow = {
		.ready = move_ready, .call = attach_call, .undo = close_undo,
	};
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };

	ASSERT_EQ(0, ioctl(self->w.d.fd, IOASID_ALLOC, &alloc));
	ASSERT_EQ(2, alloc.out_ioasid);
	ASSERT_TRUE(move_ready(&self->w));
	EXPECT_LT(0, space_of(&self->w));
	close_undo(&self->w);
	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool detach_call(struct world *w)
{
	struct ioasid_device_detach args = { .size = sizeof(args) };

	return !ioctl(w->other.group, IOASID_DEVICE_DETACH, &args);
}

static bool detach_ready(struct world *w)
{
	return open_call(w) && attach(w, 1);
}

/* But for its argument nothing in it can fail. */
TEST_F_TIMEOUT(attach_paths, detach_device, 60)
{
	static const struct flow flow = {
		.ready = detach_ready, .call = detach_call, .undo = close_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
