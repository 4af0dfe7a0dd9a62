// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP of device memory that its driver gives: the steps of any map (map.c), with the memory
 * of pin/device.c.
 *
 * What can run at the same time: as in map.c, and what the driver says of its memory. If that is
 * revoked while the mapping is made, the mapping is made, and is revoked.
 */
#include <ioasid/ioasid.h>

#include "ops.h"

int ioasid_map_device(struct ioasid_space *space, const struct ioasid_device_range *range,
		      u64 *iova, u64 length, u32 flags)
{
	struct ioasid_map_call c __uninitialized;
	int ret;

	ioasid_map_init(&c, space, *iova, range->offset, length,
			flags | IOASID_MAP_NATIVE | IOASID_MAP_OF_FILE);
	c.pin.file = range->file;
	c.pin.device = range;
	ret = ioasid_map_make(&c);
	if (!ret)
		*iova = c.args.iova;
	return ret;
}
IOASID_EXPORT(ioasid_map_device);
