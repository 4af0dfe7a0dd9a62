// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups that join and leave: domains, replay, windows, and what is left where an
 * attach fails.
 */
#include <sys/stat.h>

#include "lib/edu.h"
#include "type1/suite/suite.h"

#define LOW	0x1000000ULL

static int leave(int group)
{
	return ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
}

/* VFIO itself keeps a group from coming twice. */
CASE(attach_twice, "A124")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(-EINVAL, "again", suite_enter(&d, d.group));
}

CASE(attach_software, "A125")
{
	struct soft s = suite_soft();
	int other = suite_group(MDEV_NAME(1)), deaf = suite_group(MDEV_NAME(2));

	TRY(OK, "map", backend_map(&s.d, MSI_START, NULL, PAGE, MAP_RW));
	TRY(OK, "a second", suite_enter(&s.d, other));
	TRY(OK, "a third", suite_enter(&s.d, deaf));
	TRY(OK, "leave", leave(other));
	TRY(OK, "leave too", leave(deaf));
	TRY(PAGE, "unmap", backend_unmap(&s.d, MSI_START, PAGE));
}

static void count_line(const char *text, void *arg)
{
	(void)text;
	++*(long *)arg;
}

/* Groups whose IOMMU agrees share a domain: each page is mapped once. */
CASE(attach_shares_domain, "A126")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int group = suite_group(DEVICE_EDU);
	char *mem = suite_memory(1);
	long events = 0;

	TRY(OK, "enter", suite_enter(&d, group));
	NEED(suite_trace_event("iommu:map"));
	TRY(OK, "map", suite_map(&d, 0, mem, 1));
	suite_trace_end(count_line, &events);
	SEE(1, "steps", events);
}

/* The device that comes late sees what was mapped before. */
CASE(attach_replays, "A127")
{
	struct soft s = suite_soft();
	struct backend hw = { .fd = s.d.fd, .group = suite_group(DEVICE_EDU) };
	char *mem = suite_memory(4);
	volatile char *bar;
	int edu;

	TRY(OK, "map", backend_map(&s.d, LOW, mem, 4 * PAGE, MAP_RW));
	SEE(0, "pinned before", suite_pinned());
	TRY(OK, "enter", suite_enter(&s.d, hw.group));
	SEE(4, "pinned", suite_pinned());
	SEE(16, "charged", locked_kib());
	edu = backend_device(&hw, DEVICE_EDU);
	NEED(edu >= 0);
	bar = edu_open(edu);
	NEED(bar != NULL);
	SEE(1, "dma", edu_copy(bar, LOW + PAGE, LOW + 3 * PAGE, PAGE));
	SEE(1001, "copied", *(volatile uint64_t *)(mem + 3 * PAGE));
	munmap((void *)(uintptr_t)bar, MIB);
	close(edu);
	TRY(OK, "leave", leave(hw.group));
	SEE(0, "pinned after", suite_pinned());
	TRY(4 * PAGE, "unmap", backend_unmap(&s.d, LOW, 4 * PAGE));
}

CASE(attach_replay_fails, "A127 A132")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);
	char *mem = suite_memory(8);

	TRY(OK, "map", suite_map(&s.d, 0, mem, 8));
	TRY(OK, "map nothing", suite_map(&s.d, 20, NULL, 1));
	TRY(-EFAULT, "enter", suite_enter(&s.d, group));
	SEE(0, "pinned", suite_pinned());
	/* No window came of it. */
	TRY(OK, "anywhere", backend_map(&s.d, MSI_START, mem, PAGE, MAP_RW));
	TRY(PAGE, "and away", backend_unmap(&s.d, MSI_START, PAGE));
	TRY(1, "unmap nothing", suite_unmap(&s.d, 20, 1));
	TRY(OK, "enter then", suite_enter(&s.d, group));
	SEE(8, "pinned then", suite_pinned());
}

CASE(attach_replay_over_limit, "A050 A127")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);

	NEED(drop_cap(CAP_IPC_LOCK) && set_memlock(8 * PAGE - 1));
	TRY(OK, "map", suite_map(&s.d, 0, suite_memory(8), 8));
	TRY(-ENOMEM, "enter", suite_enter(&s.d, group));
	SEE(0, "pinned", suite_pinned());
	NEED(set_memlock(8 * PAGE - 1));
	TRY(4, "pin four", mdev_pin(s.device, 0, 4, MDEV_READ));
	TRY(-ENOMEM, "enter with four", suite_enter(&s.d, group));
	SEE(16, "the driver's", locked_kib());
}

/* Mapped where the IOMMU cannot have it. */
CASE(attach_aperture, "A128")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);

	TRY(OK, "map", backend_map(&s.d, 1ULL << 60, suite_memory(1), PAGE, MAP_RW));
	TRY(ANY, "enter", suite_enter(&s.d, group));
	SEE(0, "pinned", suite_pinned());
	TRY(PAGE, "unmap", backend_unmap(&s.d, 1ULL << 60, PAGE));
	TRY(OK, "enter then", suite_enter(&s.d, group));
}

CASE(attach_reserved, "A129")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);
	char *mem = suite_memory(2);

	TRY(OK, "map", backend_map(&s.d, MSI_START, mem, PAGE, MAP_RW));
	TRY(-EINVAL, "enter", suite_enter(&s.d, group));
	TRY(PAGE, "unmap", backend_unmap(&s.d, MSI_START, PAGE));
	TRY(OK, "map its border", backend_map(&s.d, MSI_START - PAGE, mem, 2 * PAGE, MAP_RW));
	TRY(-EINVAL, "enter too", suite_enter(&s.d, group));
	TRY(2 * PAGE, "unmap that", backend_unmap(&s.d, MSI_START - PAGE, 2 * PAGE));
	TRY(OK, "map beside", backend_map(&s.d, MSI_START - PAGE, mem, PAGE, MAP_RW));
	TRY(OK, "enter then", suite_enter(&s.d, group));
}

/* With the last IOMMU its windows go as well. */
CASE(attach_and_detach_windows, "A133 A137")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);
	char *mem = suite_memory(1);

	TRY(OK, "enter", suite_enter(&s.d, group));
	TRY(-EINVAL, "interrupts", backend_map(&s.d, MSI_START, mem, PAGE, MAP_RW));
	TRY(OK, "map", suite_map(&s.d, 0, mem, 1));
	TRY(OK, "leave", leave(group));
	TRY(OK, "interrupts then", backend_map(&s.d, MSI_START, mem, PAGE, MAP_RW));
	SEE(0, "pinned", suite_pinned());
	TRY(1, "unmap", suite_unmap(&s.d, 0, 1));
}

/* Two that share a domain: what is mapped stays for the one that stays. */
CASE(attach_one_leaves, "A137")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int group = suite_group(DEVICE_EDU);

	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(OK, "enter", suite_enter(&d, group));
	TRY(OK, "the first leaves", leave(d.group));
	SEE(4, "pinned", suite_pinned());
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
	TRY(OK, "map again", suite_map(&d, 0, suite_memory(4), 4));
	TRY(OK, "the last leaves", leave(group));
	SEE(0, "pinned after", suite_pinned());
	SEE(0, "charged", locked_kib());
}

CASE(attach_last_hardware_leaves, "A102 A137")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int soft = suite_group(MDEV_NAME(0));

	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(OK, "software comes", suite_enter(&d, soft));
	TRY(OK, "hardware leaves", leave(d.group));
	SEE(0, "pinned", suite_pinned());
	SEE(0, "charged", locked_kib());
	TRY(OK, "hardware returns", suite_enter(&d, d.group));
	SEE(4, "pinned again", suite_pinned());
	TRY(OK, "software leaves", leave(soft));
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
}

/* The device can reach what is mapped, and no longer what is not. */
CASE(attach_dma_ends, "A078 A127")
{
	struct backend d;
	char *mem = suite_memory(4);
	volatile char *bar;
	int edu;

	NEED(backend_open(&d, suite_kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	suite_watch(&d);
	edu = backend_device(&d, DEVICE_EDU);
	NEED(edu >= 0);
	bar = edu_open(edu);
	NEED(bar != NULL);
	TRY(OK, "map source", backend_map(&d, LOW, mem, PAGE, VFIO_DMA_MAP_FLAG_READ));
	TRY(OK, "map target", backend_map(&d, LOW + PAGE, mem + PAGE, PAGE, MAP_RW));
	SEE(1, "dma", edu_copy(bar, LOW, LOW + PAGE, PAGE));
	SEE(1000, "copied", *(volatile uint64_t *)(mem + PAGE));
	/* What may only be read is not written. */
	edu_copy(bar, LOW + PAGE, LOW, 8);
	*(volatile uint64_t *)(mem + PAGE) = 7;
	edu_copy(bar, LOW + PAGE, LOW, 8);
	SEE(1000, "not written", *(volatile uint64_t *)mem);
	TRY(PAGE, "unmap target", backend_unmap(&d, LOW + PAGE, PAGE));
	edu_copy(bar, LOW, LOW + PAGE, 8);
	SEE(7, "not reached", *(volatile uint64_t *)(mem + PAGE));
	/* Another page there is another page. */
	TRY(OK, "map another", backend_map(&d, LOW + PAGE, mem + 2 * PAGE, PAGE, MAP_RW));
	SEE(1, "dma again", edu_copy(bar, LOW, LOW + PAGE, 8));
	SEE(1000, "copied there", *(volatile uint64_t *)(mem + 2 * PAGE));
	SEE(7, "and not here", *(volatile uint64_t *)(mem + PAGE));
}

static long read_number(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	char line[128];
	long value = -1;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			value = atol(line + strlen(key));
	if (file)
		fclose(file);
	return value;
}

/* Page tables of the IOMMU are the caller's, as its cgroup sees it. */
CASE_LONG(attach_memory_cgroup, "A058", 30)
{
	const char *const stat = "/sys/fs/cgroup/ioasid-type1/memory.stat";
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(1);
	long before, after;
	int i;

	file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	NEED(!mkdir("/sys/fs/cgroup/ioasid-type1", 0755) || errno == EEXIST);
	NEED(file_write("/sys/fs/cgroup/ioasid-type1/cgroup.procs", suite_key("%d", getpid())));
	before = read_number(stat, "kernel ");
	/* Each needs a page of the tables for itself, or two. */
	for (i = 0; i < 64; i++)
		NEED(!backend_map(&d, (1ULL << 32) + i * GIB, mem, PAGE, MAP_RW));
	after = read_number(stat, "kernel ");
	SEE(1, "charged for 64 tables", after - before >= 64 * (long)PAGE);
	NEED(file_write("/sys/fs/cgroup/cgroup.procs", suite_key("%d", getpid())));
}
