// SPDX-License-Identifier: GPL-2.0-only
/* Address spaces: their life, what they tell and what can be set. */
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <unistd.h>

#include "call.h"

int ioasid_open(void)
{
	int fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int ioasid_alloc(int fd, uint32_t *id)
{
	struct ioasid_alloc arg = { .size = sizeof(arg) };
	int ret = call(fd, IOASID_ALLOC, &arg);

	if (!ret)
		*id = arg.out_ioasid;
	return ret;
}

int ioasid_free(int fd, uint32_t id)
{
	struct ioasid_free arg = { .size = sizeof(arg), .ioasid = id };

	return call(fd, IOASID_FREE, &arg);
}

int ioasid_set_default(int fd, uint32_t id)
{
	struct ioasid_legacy arg = { .size = sizeof(arg), .op = IOASID_LEGACY_SET, .ioasid = id };

	return call(fd, IOASID_LEGACY, &arg);
}

int ioasid_get_default(int fd, uint32_t *id)
{
	struct ioasid_legacy arg = { .size = sizeof(arg), .op = IOASID_LEGACY_GET };
	int ret = call(fd, IOASID_LEGACY, &arg);

	if (!ret)
		*id = arg.out_ioasid;
	return ret;
}

int ioasid_info_sized(int fd, uint32_t id, struct ioasid_get_info *info, size_t size)
{
	struct ioasid_get_info head = { .size = (uint32_t)size, .ioasid = id };

	if (size < END_OF(struct ioasid_get_info, ioasid) || size > UINT32_MAX)
		return -EINVAL;
	copy_sized(info, size, &head, sizeof(head));
	return call(fd, IOASID_GET_INFO, info);
}

int ioasid_ranges(int fd, uint32_t id, struct ioasid_iova_range **ranges, uint32_t *nr)
{
	struct ioasid_iova_ranges arg = { .size = sizeof(arg), .ioasid = id, .nr_ranges = 8 };
	struct ioasid_iova_range *r;
	int ret;

	/* They may become more between two calls. */
	for (;;) {
		r = calloc(arg.nr_ranges, sizeof(*r));
		if (!r)
			return -ENOMEM;
		arg.ranges = (uintptr_t)r;
		ret = call(fd, IOASID_IOVA_RANGES, &arg);
		if (!ret)
			break;
		free(r);
		if (ret != -EMSGSIZE)
			return ret;
		arg.nr_ranges = arg.out_nr_ranges;
	}
	*ranges = r;
	*nr = arg.out_nr_ranges;
	return 0;
}

int ioasid_allow(int fd, uint32_t id, const struct ioasid_iova_range *ranges, uint32_t nr)
{
	struct ioasid_allow_iovas arg = {
		.size = sizeof(arg),
		.ioasid = id,
		.nr_ranges = nr,
		.ranges = (uintptr_t)ranges,
	};

	return call(fd, IOASID_ALLOW_IOVAS, &arg);
}

static int option(int fd, struct ioasid_option *arg)
{
	arg->size = sizeof(*arg);
	return call(fd, IOASID_OPTION, arg);
}

int ioasid_set_option(int fd, uint32_t id, uint32_t which, uint64_t value)
{
	struct ioasid_option arg = {
		.ioasid = id,
		.option = which,
		.op = IOASID_OPTION_SET,
		.value = value,
	};

	return option(fd, &arg);
}

int ioasid_get_option(int fd, uint32_t id, uint32_t which, uint64_t *value)
{
	struct ioasid_option arg = { .ioasid = id, .option = which, .op = IOASID_OPTION_GET };
	int ret = option(fd, &arg);

	if (!ret)
		*value = arg.out_value;
	return ret;
}

int ioasid_change_owner(int fd, uint32_t id)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg), .ioasid = id };

	return call(fd, IOASID_CHANGE_OWNER, &arg);
}

int ioasid_check_extension(int fd, unsigned long extension)
{
	int ret = ioctl(fd, VFIO_CHECK_EXTENSION, extension);

	return ret < 0 ? -errno : ret;
}

int ioasid_set_type(int fd, unsigned long type)
{
	return ioctl(fd, VFIO_SET_IOMMU, type) < 0 ? -errno : 0;
}

static int dirty(int fd, struct ioasid_dirty *arg)
{
	arg->size = sizeof(*arg);
	return call(fd, IOASID_DIRTY, arg);
}

int ioasid_dirty_start(int fd, uint32_t id)
{
	struct ioasid_dirty arg = { .ioasid = id, .op = IOASID_DIRTY_OP_START };

	return dirty(fd, &arg);
}

int ioasid_dirty_stop(int fd, uint32_t id)
{
	struct ioasid_dirty arg = { .ioasid = id, .op = IOASID_DIRTY_OP_STOP };

	return dirty(fd, &arg);
}

int ioasid_dirty_get(int fd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *bits,
		     uint64_t size, int keep)
{
	struct ioasid_get_info info = { .size = sizeof(info), .ioasid = id };
	struct ioasid_dirty arg = {
		.ioasid = id,
		.op = keep ? IOASID_DIRTY_OP_GET_NO_CLEAR : IOASID_DIRTY_OP_GET,
		.iova = iova,
		.length = length,
		.data = (uintptr_t)bits,
		.data_size = size,
	};
	int ret = call(fd, IOASID_GET_INFO, &info);

	if (ret)
		return ret;
	arg.page_size = info.out_pgsizes & -info.out_pgsizes;
	return dirty(fd, &arg);
}
