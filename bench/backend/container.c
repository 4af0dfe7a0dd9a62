// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stock VFIO container. The same calls reach vfio_iommu_type1 or ioasid;
 * which of them answers was decided when the container got its IOMMU, and an
 * extension number only ioasid knows tells it afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/container.h"
#include "supervisor.h"
#include "util.h"

/* Y: new containers go to ioasid; N: to the driver registered before it. */
#define IOASID_SWITCH "/sys/module/ioasid_vfio/parameters/enabled"

static int check_answer(struct backend *b)
{
	bool want_ioasid = b->ops == &backend_ioasid;

	snprintf(b->answered, sizeof(b->answered), "%s",
		 b->container.is_ioasid ? "ioasid" : "type1");
	if (b->ops == &backend_auto || want_ioasid == b->container.is_ioasid)
		return 0;
	if (!want_ioasid)
		return fail("ioasid answered where type1 was asked for: echo N > " IOASID_SWITCH
			    " (needs vfio_iommu_type1 loaded), or use 'ioasid-bench compare'");
	if (access(IOASID_SWITCH, F_OK))
		return fail("type1 answered where ioasid was asked for: modprobe ioasid_vfio");
	return fail("type1 answered where ioasid was asked for: echo Y > " IOASID_SWITCH
		    ", and load ioasid_vfio after vfio_iommu_type1");
}

static int container_open(struct backend *b, const char *bdf)
{
	struct vfio_container *c = &b->container;

	if (vfio_open(c, bdf, b->type))
		return -1;
	backend_take_container(b);
	if (check_answer(b)) {
		vfio_close(c);
		return -1;
	}
	return 0;
}

void container_close(struct backend *b)
{
	vfio_close(&b->container);
}

int container_map(struct backend *b, void *va, uint64_t iova, uint64_t len)
{
	return vfio_map(&b->container, va, iova, len);
}

int container_unmap(struct backend *b, uint64_t iova, uint64_t len, uint64_t *unmapped)
{
	return vfio_unmap(&b->container, iova, len, unmapped);
}

int container_unmap_all(struct backend *b, uint64_t *unmapped)
{
	return vfio_unmap_all(&b->container, unmapped);
}

int container_dirty_start(struct backend *b)
{
	return vfio_dirty_start(&b->container);
}

int container_dirty_get(struct backend *b, uint64_t iova, uint64_t len, uint64_t *bits)
{
	return vfio_dirty_get(&b->container, iova, len, bits, backend_bitmap(len));
}

int container_unmap_dirty(struct backend *b, uint64_t iova, uint64_t len, uint64_t *bits)
{
	return vfio_unmap_dirty(&b->container, iova, len, bits, backend_bitmap(len));
}

static int container_device_fd(struct backend *b)
{
	return vfio_device_fd(&b->container);
}

int backend_select(const struct backend_ops *ops)
{
	char now[8], back[8];
	const char *want = ops == &backend_type1 ? "N" : "Y";
	int err;

	if (read_line(IOASID_SWITCH, now, sizeof(now)))
		return fail("ioasid is not there to compare with: modprobe ioasid_vfio");
	if (!strcmp(now, want))
		return 0;
	snprintf(back, sizeof(back), "%.2s\n", now);
	if (supervisor_write(IOASID_SWITCH, back))
		return -1;
	err = write_text(IOASID_SWITCH, want);
	if (err)
		return fail("cannot write %s to " IOASID_SWITCH ": %s%s", want, strerror(-err),
			    err == -EACCES ? " (run as root)" : "");
	return 0;
}

#define CONTAINER_OPS				\
	CONTAINER_CALLS,			\
	.open = container_open,			\
	.device_fd = container_device_fd

const struct backend_ops backend_auto = {
	.name = "auto",
	.summary = "/dev/vfio/vfio, whichever driver answers",
	CONTAINER_OPS,
};

const struct backend_ops backend_type1 = {
	.name = "type1",
	.summary = "/dev/vfio/vfio, answered by vfio_iommu_type1",
	.select = backend_select,
	CONTAINER_OPS,
};

const struct backend_ops backend_ioasid = {
	.name = "ioasid",
	.summary = "/dev/vfio/vfio, answered by ioasid_vfio",
	.select = backend_select,
	CONTAINER_OPS,
};
