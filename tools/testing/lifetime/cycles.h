/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load, use, unload, again and again: everything counted is at its start value
 * in the end.
 */
#ifndef IOASID_TEST_CYCLES_H
#define IOASID_TEST_CYCLES_H

#include "lifetime/modules.h"

#define CYCLES_IOVA	0x10000000ULL
#define CYCLES_MAPS	500

/* Objects in use in a slab cache, which may be shared with others; -1: none. */
static inline long slab_objects(const char *name)
{
	char path[128], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/objects", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return atol(text);
}

/* Is a link to the cache it was merged with. */
static inline bool slab_is_shared(const char *name)
{
	char path[128], target[128];

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s", name);
	return readlink(path, target, sizeof(target)) > 0;
}

/* Maps by twos, so that none merge; a failure; unmaps part of it, leaves the rest. */
static inline bool door_use(struct door *d, char *mem)
{
	int i;

	for (i = 0; i < CYCLES_MAPS; i++)
		if (door_map(d, CYCLES_IOVA + 2 * i * PAGE, mem + i % 8 * PAGE, PAGE, DOOR_RW))
			return false;
	if (!door_map(d, CYCLES_IOVA, mem, PAGE, DOOR_RW) || errno != EEXIST)
		return false;
	if (!door_map(d, 1ULL << 36, NULL, PAGE, DOOR_RW) || errno != EFAULT)
		return false;
	return door_unmap(d, CYCLES_IOVA, CYCLES_MAPS * PAGE) == CYCLES_MAPS / 2 * PAGE;
}

static inline void cycle(struct ktap_test *_self, char *mem)
{
	static const char *const slab[] = { "ioasid_area", "ioasid_pages" };
	struct door ioasid, shim;
	long before[2];
	int i;

	ASSERT_TRUE(modules_load());
	for (i = 0; i < 2; i++)
		before[i] = slab_objects(slab[i]);
	ASSERT_LE(0, before[0]);
	ASSERT_TRUE(door_open(&ioasid, DOOR_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(door_open(&shim, DOOR_SHIM, VFIO_TYPE1v2_IOMMU, DOOR_NVME));
	EXPECT_TRUE(door_use(&ioasid, mem));
	EXPECT_TRUE(door_use(&shim, mem));
	EXPECT_EQ(CYCLES_MAPS * PAGE / KIB, door_locked());
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid_vfio"));
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid"));
	door_close(&ioasid);
	door_close(&shim);
	EXPECT_EQ(0, door_locked());
	/* In a cache of its own nothing is left; in a shared one others may be busy. */
	for (i = 0; i < 2; i++) {
		if (slab_is_shared(slab[i]))
			EXPECT_LT(slab_objects(slab[i]), before[i] + CYCLES_MAPS / 2);
		else
			EXPECT_EQ(0, slab_objects(slab[i]));
	}
	ASSERT_TRUE(modules_unload());
}

static inline void cycles(struct ktap_test *_self, int count)
{
	char *mem = door_memory(8 * PAGE);
	long long before = ktap_pinned();
	int i;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(modules_unload());
	for (i = 0; i < count && !_self->failed; i++)
		cycle(_self, mem);
	EXPECT_EQ(0, door_locked());
	EXPECT_EQ(0, ktap_leaked(before));
	EXPECT_TRUE(modules_load());
}

#endif
