// SPDX-License-Identifier: GPL-2.0-only
/*
 * A region of a device that is mapped without an mmap, when the IOMMU driver fails at the moment
 * in which it is to come back: it is all taken back, and written later.
 */
#include "iommu/taken.h"
#include "lib/modules.h"

#define REGION		0x8000000ULL
#define REGION_PAGES	4
#define COMMAND		((7LL << 40) + 4)

static bool decode(int drive, bool on)
{
	const uint16_t command = on ? 6 : 4;

	return pwrite(drive, &command, 2, COMMAND) == 2;
}

/* A drive that is in the address space, and whose registers are mapped there; or -1. */
static int drive_open(int fd)
{
	struct ioasid_device_attach attach = { .size = sizeof(attach), .fd = fd };
	struct ioasid_device_map map = {
		.size = sizeof(map), .fd = fd, .length = REGION_PAGES * PAGE, .iova = REGION,
		.flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_WRITE | IOASID_MAP_FLAG_FIXED_IOVA,
	};
	int drive;

	if (module_load("ioasid_pci") || !device_move(OTHER, "vfio-pci", "ioasid_pci"))
		return -1;
	drive = open("/dev/ioasid-pci/" OTHER, O_RDWR | O_CLOEXEC);
	if (drive < 0 || ioctl(drive, IOASID_DEVICE_ATTACH, &attach) || !decode(drive, true) ||
	    ioctl(drive, IOASID_DEVICE_MAP, &map))
		return -1;
	return drive;
}

static bool drive_close(int drive)
{
	return !close(drive) && device_move(OTHER, "ioasid_pci", "vfio-pci") &&
	       !module_unload("ioasid_pci");
}

/* Waits until the IOMMU has as many pages. */
static bool comes_to_hold(int broken, unsigned int pages)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (seen(broken, 0).held == pages)
			return true;
		usleep(50000);
	}
	return false;
}

TEST_F(broken, region_comes_back_late)
{
	/* It fails before it writes, and half way. */
	const struct broken_fault how[] = {
		{ .op = BROKEN_MAP, .times = 3 },
		{ .op = BROKEN_MAP, .times = 3, .written = 2 * PAGE, .reported = 2 * PAGE },
	};
	int drive = drive_open(self->d.fd);
	unsigned int i;

	ASSERT_LE(0, drive);
	EXPECT_CLEAN(self->broken, 0, REGION_PAGES);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(decode(drive, false));
		EXPECT_CLEAN(self->broken, 0, 0);
		ASSERT_TRUE(fault_of(self->broken, how[i]));
		ASSERT_TRUE(decode(drive, true));
		EXPECT_CLEAN(self->broken, 0, 0);
		EXPECT_TRUE(comes_to_hold(self->broken, REGION_PAGES));
		EXPECT_CLEAN(self->broken, 0, REGION_PAGES);
	}
	/* It is unmapped before it could come back. */
	ASSERT_TRUE(decode(drive, false));
	ASSERT_TRUE(fault(self->broken, BROKEN_MAP, 0, 1000));
	ASSERT_TRUE(decode(drive, true));
	EXPECT_EQ((long long)(REGION_PAGES * PAGE), backend_unmap_all(&self->d));
	ASSERT_TRUE(no_fault(self->broken, BROKEN_MAP));
	usleep(100000);
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_TRUE(drive_close(drive));
}

TEST_HARNESS_MAIN
