/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load, use, unload, again and again: everything counted is at its start value
 * in the end.
 */
#ifndef IOASID_TEST_CYCLES_H
#define IOASID_TEST_CYCLES_H

#include <dirent.h>

#include "lib/backend.h"
#include "lib/modules.h"

#define CYCLES_IOVA	0x10000000ULL
#define CYCLES_MAPS	500

/* The slab caches of the modules; one that was merged with others is shared. */
struct slab {
	char name[64];
	bool shared;
	long objects;
};

/* Objects in use, or -1. */
static inline long slab_objects(const char *name)
{
	char path[160], text[64] = "";
	int fd;

	/* What a processor keeps at hand counts as used until it gives it back. */
	snprintf(path, sizeof(path), "/sys/kernel/slab/%.100s/shrink", name);
	file_write(path, "1");
	snprintf(path, sizeof(path), "/sys/kernel/slab/%.100s/objects", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return atol(text);
}

/* Finds at most @max of them; returns how many. */
static inline int slab_find(struct slab *slab, int max)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *e;
	int n = 0;

	while (dir && n < max && (e = readdir(dir))) {
		if (strncmp(e->d_name, "ioasid", 6))
			continue;
		snprintf(slab[n].name, sizeof(slab[n].name), "%.60s", e->d_name);
		slab[n].shared = e->d_type == DT_LNK;
		slab[n].objects = slab_objects(slab[n].name);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* In a cache of its own nothing is left; in a shared one others may be busy. */
static inline void slab_check(struct ktap_test *_self, const struct slab *slab, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (slab[i].shared)
			EXPECT_LT(slab_objects(slab[i].name), slab[i].objects + CYCLES_MAPS / 2);
		else
			EXPECT_EQ(0, slab_objects(slab[i].name));
	}
}

/* Maps by twos, so that none merge; a failure; unmaps part of it, leaves the rest. */
static inline bool backend_use(struct backend *d, char *mem)
{
	int i;

	for (i = 0; i < CYCLES_MAPS; i++)
		if (backend_map(d, CYCLES_IOVA + 2 * i * PAGE, mem + i % 8 * PAGE, PAGE, MAP_RW))
			return false;
	if (!backend_map(d, CYCLES_IOVA, mem, PAGE, MAP_RW) || errno != EEXIST)
		return false;
	if (!backend_map(d, 1ULL << 36, NULL, PAGE, MAP_RW) || errno != EFAULT)
		return false;
	return backend_unmap(d, CYCLES_IOVA, CYCLES_MAPS * PAGE) == CYCLES_MAPS / 2 * PAGE;
}

static inline void cycle(struct ktap_test *_self, char *mem)
{
	struct backend ioasid, shim;
	struct slab slab[8];
	int slabs, tries;

	ASSERT_TRUE(modules_load());
	slabs = slab_find(slab, 8);
	ASSERT_LT(0, slabs);
	ASSERT_TRUE(backend_open(&ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(backend_open(&shim, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	EXPECT_TRUE(backend_use(&ioasid, mem));
	EXPECT_TRUE(backend_use(&shim, mem));
	EXPECT_EQ(CYCLES_MAPS * PAGE / KIB, locked_kib());
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid_vfio"));
	EXPECT_ERRNO(EWOULDBLOCK, module_unload("ioasid"));
	backend_close(&ioasid);
	backend_close(&shim);
	EXPECT_EQ(0, locked_kib());
	slab_check(_self, slab, slabs);
	ASSERT_TRUE(modules_unload());
	/* The last of a cache goes in the background. */
	for (tries = 0; tries < 40 && slab_find(slab, 8); tries++)
		usleep(50000);
	EXPECT_LT(tries, 40);
}

static inline void cycles(struct ktap_test *_self, int count)
{
	char *mem = touched_memory(8 * PAGE);
	long long before = ktap_pinned();
	int i;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(modules_unload());
	for (i = 0; i < count && !_self->failed; i++)
		cycle(_self, mem);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(before));
	EXPECT_TRUE(modules_load());
}

#endif
