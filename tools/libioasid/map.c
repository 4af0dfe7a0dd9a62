// SPDX-License-Identifier: GPL-2.0-only
/* Mapping and unmapping. */
#include "call.h"

int ioasid_map_parallel(int fd, uint32_t id, const void *mem, uint64_t length, uint32_t flags,
			uint32_t workers, uint64_t *iova)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg),
		.flags = flags,
		.ioasid = id,
		.workers = workers,
		.iova = *iova,
		.user_va = (uintptr_t)mem,
		.length = length,
	};
	int ret = call(fd, IOASID_MAP_DMA, &arg);

	if (!ret)
		*iova = arg.out_iova;
	return ret;
}

int ioasid_map(int fd, uint32_t id, const void *mem, uint64_t length, uint32_t flags,
	       uint64_t *iova)
{
	return ioasid_map_parallel(fd, id, mem, length, flags, 0, iova);
}

int ioasid_map_sparse(int fd, uint32_t id, const void *mem, uint64_t length, uint32_t flags,
		      uint64_t *iova, struct ioasid_iova_range *holes, uint32_t *nr)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg),
		.flags = flags | IOASID_MAP_FLAG_SPARSE,
		.ioasid = id,
		.iova = *iova,
		.user_va = (uintptr_t)mem,
		.length = length,
		.holes = (uintptr_t)holes,
		.nr_holes = holes ? *nr : 0,
	};
	int ret = call(fd, IOASID_MAP_DMA, &arg);

	if (!ret)
		*iova = arg.out_iova;
	if (!ret || ret == -EMSGSIZE)
		*nr = arg.out_nr_holes;
	return ret;
}

int ioasid_map_file(int fd, uint32_t id, int file, uint64_t start, uint64_t length,
		    uint32_t flags, uint64_t *iova)
{
	struct ioasid_map_file arg = {
		.size = sizeof(arg),
		.flags = flags,
		.ioasid = id,
		.fd = file,
		.iova = *iova,
		.start = start,
		.length = length,
	};
	int ret = call(fd, IOASID_MAP_FILE, &arg);

	if (!ret)
		*iova = arg.out_iova;
	return ret;
}

int ioasid_copy(int fd, uint32_t dst, uint32_t src, uint64_t src_iova, uint64_t length,
		uint32_t flags, uint64_t *iova)
{
	struct ioasid_copy arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dst_ioasid = dst,
		.src_ioasid = src,
		.dst_iova = *iova,
		.src_iova = src_iova,
		.length = length,
	};
	int ret = call(fd, IOASID_COPY, &arg);

	if (!ret)
		*iova = arg.out_iova;
	return ret;
}

static int unmap(int fd, struct ioasid_unmap_dma *arg, uint64_t *unmapped)
{
	int ret;

	arg->size = sizeof(*arg);
	ret = call(fd, IOASID_UNMAP_DMA, arg);
	if (unmapped)
		*unmapped = arg->out_length;
	return ret;
}

int ioasid_unmap(int fd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *unmapped)
{
	struct ioasid_unmap_dma arg = { .ioasid = id, .iova = iova, .length = length };

	return unmap(fd, &arg, unmapped);
}

int ioasid_unmap_split(int fd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *unmapped)
{
	struct ioasid_unmap_dma arg = {
		.flags = IOASID_UNMAP_FLAG_SPLIT,
		.ioasid = id,
		.iova = iova,
		.length = length,
	};

	return unmap(fd, &arg, unmapped);
}

int ioasid_unmap_all(int fd, uint32_t id, uint64_t *unmapped)
{
	struct ioasid_unmap_dma arg = { .ioasid = id, .flags = IOASID_UNMAP_FLAG_ALL };

	return unmap(fd, &arg, unmapped);
}

int ioasid_unmap_dirty(int fd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *bits,
		       uint64_t size, uint64_t *unmapped)
{
	struct ioasid_unmap_dma arg = {
		.flags = IOASID_UNMAP_FLAG_GET_DIRTY,
		.ioasid = id,
		.iova = iova,
		.length = length,
		.dirty = (uintptr_t)bits,
		.dirty_size = size,
	};

	return unmap(fd, &arg, unmapped);
}

static uint32_t piece(uint32_t left)
{
	return left < IOASID_BATCH_MAX ? left : IOASID_BATCH_MAX;
}

int ioasid_map_batch_sized(int fd, uint32_t id, struct ioasid_map_entry *entries,
			   size_t entry_size, uint32_t nr, uint32_t *done)
{
	int ret = 0;

	for (*done = 0; *done < nr && !ret; ) {
		struct ioasid_map_batch arg = {
			.size = sizeof(arg),
			.ioasid = id,
			.nr_entries = piece(nr - *done),
			.entries = (uintptr_t)entries + *done * entry_size,
			.entry_size = (uint32_t)entry_size,
		};

		ret = call(fd, IOASID_MAP_BATCH, &arg);
		*done += arg.out_done;
	}
	return ret;
}

int ioasid_unmap_batch(int fd, uint32_t id, const struct ioasid_iova_range *ranges, uint32_t nr,
		       uint32_t *done, uint64_t *unmapped)
{
	uint64_t bytes = 0;
	int ret = 0;

	for (*done = 0; *done < nr && !ret; ) {
		struct ioasid_unmap_batch arg = {
			.size = sizeof(arg),
			.ioasid = id,
			.nr_entries = piece(nr - *done),
			.entries = (uintptr_t)(ranges + *done),
			.entry_size = sizeof(*ranges),
		};

		ret = call(fd, IOASID_UNMAP_BATCH, &arg);
		*done += arg.out_done;
		bytes += arg.out_length;
	}
	if (unmapped)
		*unmapped = bytes;
	return ret;
}
