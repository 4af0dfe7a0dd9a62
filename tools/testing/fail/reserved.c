// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages that somebody else has reserved stay his, also when memory is
 * mapped that reserves none and has not been touched.
 */
#include "uapi/door.h"

#define IOVA	0x40000000ULL
#define POOL	"/proc/sys/vm/nr_hugepages"

/* A line of /proc/meminfo that counts huge pages, or -1. */
static long long huge(const char *key)
{
	unsigned long long value;
	char line[128], name[64];
	long long found = -1;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63[^:]: %llu", name, &value) == 2 && !strcmp(name, key))
			found = value;
	if (file)
		fclose(file);
	return found;
}

FIXTURE(reserved) {
	struct door d;
	int file;
	char *mem;
};

FIXTURE_SETUP(reserved)
{
	ASSERT_TRUE(door_write(POOL, "8"));
	if (huge("HugePages_Total") < 8)
		SKIP(return, "there are no 8 huge pages");
	ASSERT_TRUE(door_open(&self->d, DOOR_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	self->file = memfd_create("reserved", MFD_CLOEXEC | MFD_HUGETLB);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, 4 * MIB));
	self->mem = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			 self->file, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(reserved)
{
	door_close(&self->d);
	munmap(self->mem, 4 * MIB);
	close(self->file);
	EXPECT_EQ(0, huge("HugePages_Rsvd"));
	EXPECT_EQ(8, huge("HugePages_Free"));
	door_write(POOL, "0");
}

TEST_F(reserved, none_there)
{
	EXPECT_EQ(0, huge("HugePages_Rsvd"));
	ASSERT_EQ(0, door_map(&self->d, IOVA, self->mem, 4 * MIB, DOOR_RW));
	EXPECT_EQ(0, huge("HugePages_Rsvd"));
	EXPECT_EQ(6, huge("HugePages_Free"));
	EXPECT_EQ(4 * MIB, door_unmap_all(&self->d));
}

/* All eight belong to another mapping: nothing is left for ours. */
TEST_F(reserved, all_of_another)
{
	char *other = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	ASSERT_NE(MAP_FAILED, other);
	EXPECT_EQ(8, huge("HugePages_Rsvd"));
	EXPECT_NE(0, door_map(&self->d, IOVA, self->mem, 4 * MIB, DOOR_RW));
	EXPECT_EQ(8, huge("HugePages_Rsvd"));
	/* SIGBUS here if one was taken. */
	memset(other, 1, 16 * MIB);
	munmap(other, 16 * MIB);
}

TEST_HARNESS_MAIN
