// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two devices on one bus that do not share a group, so that they can have owners
 * of different kinds, and the reset of that bus. The usual machine has none; this
 * one has, since Linux knows of the device that its functions are isolated:
 *
 *   tools/testing/vm/run --qemu "$(cat tools/testing/tests/pci/machine)" \
 *	-- tools/testing/run pci/neighbours pci/vf
 */
#include <glob.h>
#include <libgen.h>

#include "lib/pci_device.h"

FIXTURE(neighbours) {
	char a[16];
	char b[16];
	int ioasid;
};

static long long pci_number(const char *bdf, const char *name)
{
	char path[128], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, name);
	file = fopen(path, "re");
	if (file && !fgets(text, sizeof(text), file))
		text[0] = 0;
	if (file)
		fclose(file);
	return strtoll(text, NULL, 0);
}

/* The first device with a second function in another group; both names. */
static bool find_neighbours(char a[16], char b[16])
{
	char group_a[64], group_b[64];
	bool found = false;
	glob_t first;
	size_t i;

	if (glob("/sys/bus/pci/devices/*.0", 0, NULL, &first))
		return false;
	for (i = 0; i < first.gl_pathc && !found; i++) {
		snprintf(a, 16, "%.12s", basename(first.gl_pathv[i]));
		snprintf(b, 16, "%.11s1", a);
		/* Endpoints alone: a bridge has other things to do. */
		found = group_path(a, group_a) && group_path(b, group_b) &&
			strcmp(group_a, group_b) && pci_number(a, "class") >> 16 == 2 &&
			pci_number(b, "class") >> 16 == 2;
	}
	globfree(&first);
	return found;
}

FIXTURE_SETUP(neighbours)
{
	if (!find_neighbours(self->a, self->b))
		SKIP(return, "no bus has devices of two groups");
	printf("# %s and %s\n", self->a, self->b);
	self->ioasid = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->ioasid);
}

static void unbind(const char *bdf)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind", bdf);
	if (!access(path, F_OK))
		file_write(path, bdf);
}

FIXTURE_TEARDOWN(neighbours)
{
	close(self->ioasid);
	unbind(self->a);
	unbind(self->b);
}

static int hot_reset(int device, uint32_t count, int first, int second)
{
	struct {
		struct vfio_pci_hot_reset head;
		int fds[2];
	} args = {
		.head = { .argsz = sizeof(args), .count = count }, .fds = { first, second },
	};

	return ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, &args);
}

/* A reset that was let through: the emulated port may not come back from it. */
static bool resets(int device)
{
	int ret = hot_reset(device, 0, -1, -1);

	return !ret || errno == ENOTTY;
}

/* The open group of a device was all that its neighbour needed to reset it. */
TEST_F(neighbours, reset_by_an_open_group)
{
	struct backend stock;
	int node, device, group;

	ASSERT_TRUE(device_to(self->a, "vfio-pci"));
	ASSERT_TRUE(device_to(self->b, "ioasid_pci"));
	ASSERT_TRUE(backend_open(&stock, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, self->a));
	device = backend_device(&stock, self->a);
	ASSERT_LE(0, device);
	node = node_open(self->b);
	ASSERT_EQ(0, node_attach(node, self->ioasid, 0));
	group = group_open(self->b);
	EXPECT_EQ(-1, group);
	if (group >= 0)
		EXPECT_ERRNO(EINVAL, hot_reset(device, 2, stock.group, group));
	EXPECT_ERRNO(EINVAL, hot_reset(device, 1, stock.group, -1));
	/* The owner of the node cannot reset the neighbour either. */
	EXPECT_ERRNO(EINVAL, hot_reset(node, 0, -1, -1));
	close(group);
	close(node);
	close(device);
	backend_close(&stock);
}

/* Both are ours: it takes one owner. */
TEST_F_TIMEOUT(neighbours, reset_by_the_owner_of_both, 60)
{
	int other = open("/dev/ioasid", O_RDWR | O_CLOEXEC), a, b;

	ASSERT_LE(0, other);
	ASSERT_TRUE(device_to(self->a, "ioasid_pci"));
	ASSERT_TRUE(device_to(self->b, "ioasid_pci"));
	a = node_open(self->a);
	b = node_open(self->b);
	ASSERT_EQ(0, node_attach(a, self->ioasid, 0));
	/* A device without an owner is not ours. */
	EXPECT_ERRNO(EINVAL, hot_reset(a, 0, -1, -1));
	ASSERT_EQ(0, node_attach(b, other, 0));
	EXPECT_ERRNO(EINVAL, hot_reset(a, 0, -1, -1));
	EXPECT_ERRNO(EINVAL, hot_reset(b, 0, -1, -1));
	close(b);
	b = node_open(self->b);
	ASSERT_EQ(0, node_attach(b, self->ioasid, 0));
	EXPECT_TRUE(resets(a));
	close(b);
	EXPECT_ERRNO(EINVAL, hot_reset(a, 0, -1, -1));
	close(a);
	close(other);
}

TEST_HARNESS_MAIN
