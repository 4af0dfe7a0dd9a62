// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an SMMU is told to forget. A command to it names the size of the entries
 * that it is about, and an entry of another size may stay: then a device goes on
 * to reach memory that was unmapped. The emulated SMMU forgets more than it
 * must, so the calls of the driver are looked at instead.
 */
#include "lib/backend.h"

#define TRACING		"/sys/kernel/tracing/"
#define EVENT		TRACING "events/kprobes/ioasid_sync/enable"
#define IOVA		0x10000000ULL
#define HUGE		(2 * MIB)
#define AREAS		3

/* A flush: the first address, how many bytes, and the size of entries. */
#define FUNCTION	"__arm_smmu_tlb_inv_range"
#define PROBE		"p:ioasid_sync " FUNCTION " first=%x1:x64 bytes=%x2:x64 size=%x3:x64"

/* Is there this function, and the means to see it called? */
static bool can_probe(void)
{
	char line[256];
	bool found = false;
	FILE *file = fopen("/proc/kallsyms", "re");

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, " " FUNCTION "\n");
	if (file)
		fclose(file);
	return found && !access("/sys/class/iommu", F_OK);
}

/* Has a flush of entries of @size been for all of [@first, @last]? */
static bool was_flushed(uint64_t first, uint64_t last, uint64_t size)
{
	FILE *file = fopen(TRACING "trace", "re");
	unsigned long long f, b, s;
	bool found = false;
	char line[512], *at;

	while (file && fgets(line, sizeof(line), file)) {
		at = strstr(line, " first=");
		if (!at || sscanf(at, " first=%llx bytes=%llx size=%llx", &f, &b, &s) != 3)
			continue;
		TH_LOG("flushed: 0x%llx bytes from 0x%llx on, entries of 0x%llx", b, f, s);
		found |= f <= first && f + b > last && s == size;
	}
	if (file)
		fclose(file);
	return found;
}

/* Three mappings with gaps between them, of two sizes, gone by one call. */
TEST(sizes_of_entries)
{
	static const uint64_t sizes[AREAS] = { HUGE, PAGE, HUGE };
	uint64_t at[AREAS], bytes = 0;
	struct backend d;
	char *mem;
	int i;

	if (!can_probe())
		SKIP(return, "only an SMMU needs sizes, and its driver was not found here");
	ASSERT_TRUE(file_write("/proc/sys/vm/nr_hugepages", "3"));
	mem = mmap(NULL, AREAS * HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(backend_open(&d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	for (i = 0; i < AREAS; i++) {
		at[i] = IOVA + 2 * i * HUGE;
		ASSERT_EQ(0, backend_map(&d, at[i], mem + i * HUGE, sizes[i], MAP_RW));
		bytes += sizes[i];
	}

	ASSERT_TRUE(file_write(TRACING "kprobe_events", PROBE));
	ASSERT_TRUE(file_write(TRACING "trace", "\n"));
	ASSERT_TRUE(file_write(EVENT, "1"));
	EXPECT_EQ(bytes, backend_unmap(&d, IOVA, 2 * AREAS * HUGE));
	EXPECT_TRUE(file_write(EVENT, "0"));
	for (i = 0; i < AREAS; i++)
		EXPECT_TRUE(was_flushed(at[i], at[i] + sizes[i] - 1, sizes[i]));

	EXPECT_TRUE(file_write(TRACING "kprobe_events", "-:ioasid_sync"));
	backend_close(&d);
	munmap(mem, AREAS * HUGE);
	EXPECT_TRUE(file_write("/proc/sys/vm/nr_hugepages", "0"));
}

TEST_HARNESS_MAIN
