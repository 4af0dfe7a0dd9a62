// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_IOMMU_GET_INFO: sizes, flags, and the chain of capabilities byte by
 * byte.
 */
#include "type1/suite/suite.h"

static int get(const struct backend *d, void *info)
{
	return ioctl(d->fd, VFIO_IOMMU_GET_INFO, info);
}

CASE(info_argsz, "A030")
{
	static const uint32_t size[] = { 0, 4, 8, 15, 16, 17, 20, 23, 24 };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_info info;
	unsigned int i;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		memset(&info, 0xee, sizeof(info));
		info.argsz = size[i];
		TRY(size[i] < 16 ? -EINVAL : OK, suite_key("%u", size[i]), get(&d, &info));
		suite_say(suite_key("%u bytes", size[i]), "%s", suite_hex(&info, sizeof(info)));
	}
}

CASE(info_pointer, "A030")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *area = touched_memory(2 * PAGE);
	uint32_t size = 4096;

	TRY(-EFAULT, "null", get(&d, NULL));
	TRY(-EFAULT, "kernel's", get(&d, (void *)0xffff888000000000ULL));
	NEED(area != MAP_FAILED && !munmap(area + PAGE, PAGE));
	memcpy(area + PAGE - 24, &size, sizeof(size));
	TRY(-EFAULT, "no room for the rest", get(&d, area + PAGE - 24));
	TRY(-EFAULT, "no room to read", get(&d, area + PAGE - 12));
	memcpy(area, &size, sizeof(size));
	NEED(!mprotect(area, PAGE, PROT_READ));
	TRY(-EFAULT, "read only", get(&d, area));
}

CASE(info_input_is_ignored, "A030")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_info info = {
		.argsz = sizeof(info), .flags = UINT32_MAX, .iova_pgsizes = 1, .cap_offset = 77,
	};

	TRY(OK, "get", get(&d, &info));
	suite_say("bytes", "%s", suite_hex(&info, sizeof(info)));
}

CASE(info_flags, "A031")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	TRY(OK, "get", get(&d, &info));
	SEE(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, "flags", info.flags);
	suite_say("page sizes", "0x%llx", (unsigned long long)info.iova_pgsizes);
}

CASE(info_room_for_no_capability, "A032")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_info info = { .argsz = 24 };
	uint32_t needed;

	TRY(OK, "24", get(&d, &info));
	needed = info.argsz;
	SEE(ANY, "needed", needed);
	SEE(0, "offset", info.cap_offset);
	info = (struct vfio_iommu_type1_info){ .argsz = needed - 1 };
	TRY(OK, "one short", get(&d, &info));
	SEE(needed, "one short, needed", info.argsz);
	SEE(0, "one short, offset", info.cap_offset);
}

/* As much room as it said is enough. */
CASE(info_room_exact, "A032 A033")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	union { struct vfio_iommu_type1_info info; char room[1024]; } u = { .info.argsz = 24 };
	uint32_t needed;

	TRY(OK, "24", get(&d, &u));
	needed = u.info.argsz;
	NEED(needed < sizeof(u));
	u.info.argsz = needed;
	TRY(OK, "exactly", get(&d, &u));
	SEE(24, "offset", u.info.cap_offset);
	SEE(needed, "size", u.info.argsz);
}

static void whole(const struct backend *d, const char *when)
{
	struct vfio_iommu_type1_info *info = backend_info(d);

	NEED(info != NULL);
	suite_say(when, "%s", suite_hex(info, info->argsz));
	free(info);
}

/* The headers of the chain, in order. */
static void chain(const struct backend *d, const char *when)
{
	struct vfio_iommu_type1_info *info = backend_info(d);
	struct vfio_info_cap_header *cap;
	uint32_t at;

	NEED(info != NULL);
	for (at = info->cap_offset; at; at = cap->next) {
		cap = (void *)((char *)info + at);
		suite_say(suite_key("%s, at %u", when, at), "id %u, version %u, next %u%s", cap->id,
			  cap->version, cap->next, at % 8 ? ", not aligned" : "");
	}
	free(info);
}

CASE(info_whole, "A033 A038")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_info *info = backend_info(&d);

	NEED(info != NULL);
	SEE(24, "offset", info->cap_offset);
	whole(&d, "bytes");
}

CASE(info_chain, "A033 A034 A038")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	chain(&d, "chain");
}

CASE(info_writes_no_more, "A033")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct { struct vfio_iommu_type1_info info; unsigned char more[1000]; } u;

	memset(&u, 0xee, sizeof(u));
	u.info.argsz = sizeof(u);
	TRY(OK, "get", get(&d, &u));
	suite_say("bytes", "%s", suite_hex(&u, 200));
}

CASE(info_migration, "A035")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_info_cap_migration *cap;

	cap = info_cap(backend_info(&d), VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION);
	NEED(cap != NULL);
	SEE(0, "flags", cap->flags);
	SEE(PAGE, "page sizes", cap->pgsize_bitmap);
	SEE(256 * MIB, "largest bitmap", cap->max_dirty_bitmap_size);
}

CASE(info_free_mappings, "A036")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(8);

	SEE(65535, "at first", backend_avail(&d));
	TRY(OK, "map 1", suite_map(&d, 0, mem, 1));
	TRY(OK, "map 3", suite_map(&d, 1, mem, 3));
	SEE(65533, "two less", backend_avail(&d));
	TRY(-EEXIST, "refused", suite_map(&d, 0, mem, 1));
	SEE(65533, "refused maps are none", backend_avail(&d));
	TRY(4, "unmap both", suite_unmap(&d, 0, 8));
	SEE(65535, "at last", backend_avail(&d));
}

static void ranges(const struct backend *d, const char *when)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	uint32_t i;

	cap = info_cap(backend_info(d), VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	suite_say(when, "%s", cap ? "present" : "absent");
	for (i = 0; cap && i < cap->nr_iovas; i++)
		suite_say(suite_key("%s, %u", when, i), "0x%llx-0x%llx",
			  (unsigned long long)cap->iova_ranges[i].start,
			  (unsigned long long)cap->iova_ranges[i].end);
}

CASE(info_ranges, "A037 A130")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	ranges(&d, "ranges");
}

CASE(info_ranges_emulated, "A037 A039")
{
	struct soft s = suite_soft();

	ranges(&s.d, "ranges");
	chain(&s.d, "chain");
	whole(&s.d, "bytes");
}

/* No domain: all page sizes; one: those of the IOMMU. */
CASE(info_page_sizes, "A039 A040")
{
	struct vfio_iommu_type1_info info = { .argsz = 16 };
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU), more = suite_group(DEVICE_NVME);

	TRY(OK, "software", get(&s.d, &info));
	suite_say("software, sizes", "0x%llx", (unsigned long long)info.iova_pgsizes);
	TRY(OK, "enter", suite_enter(&s.d, group));
	info.argsz = 16;
	TRY(OK, "hardware", get(&s.d, &info));
	suite_say("hardware, sizes", "0x%llx", (unsigned long long)info.iova_pgsizes);
	TRY(OK, "enter two", suite_enter(&s.d, more));
	info.argsz = 16;
	TRY(OK, "two", get(&s.d, &info));
	suite_say("two, sizes", "0x%llx", (unsigned long long)info.iova_pgsizes);
	TRY(OK, "leave", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
	TRY(OK, "leave too", ioctl(more, VFIO_GROUP_UNSET_CONTAINER));
	info.argsz = 16;
	TRY(OK, "software again", get(&s.d, &info));
	suite_say("software again, sizes", "0x%llx", (unsigned long long)info.iova_pgsizes);
}

CASE(info_ranges_come_and_go, "A130 A133")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU), more = suite_group(DEVICE_NVME);

	TRY(OK, "enter", suite_enter(&s.d, group));
	ranges(&s.d, "one");
	TRY(OK, "enter two", suite_enter(&s.d, more));
	ranges(&s.d, "two");
	TRY(OK, "leave", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
	ranges(&s.d, "one again");
	TRY(OK, "leave too", ioctl(more, VFIO_GROUP_UNSET_CONTAINER));
	ranges(&s.d, "none");
}

CASE(info_v1, "A033 A034")
{
	struct backend d = suite_hard(VFIO_TYPE1_IOMMU);

	whole(&d, "bytes");
}
