// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual function whose physical one VFIO drives. The usual machine has no
 * device with such; this one has:
 *
 *   tools/testing/vm/run --qemu "$(cat tools/testing/tests/pci/machine)" \
 *	-- tools/testing/run pci/vf
 */
#include <glob.h>
#include <libgen.h>

#include "lib/pci_device.h"

/* The first device with virtual functions, in @bdf. */
static bool find_physical(char bdf[16])
{
	glob_t found;
	bool any = !glob("/sys/bus/pci/devices/*/sriov_numvfs", 0, NULL, &found);

	if (any)
		snprintf(bdf, 16, "%.12s", basename(dirname(found.gl_pathv[0])));
	globfree(&found);
	return any;
}

/* The PF could be anything: only who knows VFIO's token may use its VFs. */
TEST(needs_a_token)
{
	char pf[16], vf[PATH_MAX], path[128];
	int node, ioasid = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	ssize_t n;

	if (!find_physical(pf))
		SKIP(return, "no device has virtual functions");
	ASSERT_TRUE(file_write("/sys/module/vfio_pci/parameters/enable_sriov", "Y"));
	ASSERT_TRUE(device_to(pf, "vfio-pci"));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs", pf);
	ASSERT_TRUE(file_write(path, "1"));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn0", pf);
	n = readlink(path, vf, sizeof(vf) - 1);
	ASSERT_LT(12, n);
	vf[n] = 0;
	ASSERT_TRUE(device_to(basename(vf), "ioasid_pci"));
	node = node_open(basename(vf));
	ASSERT_LE(0, node);
	EXPECT_ERRNO(EACCES, node_attach(node, ioasid, 0));
	EXPECT_EQ(0, node_flags(node));
	close(node);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs", pf);
	EXPECT_TRUE(file_write(path, "0"));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind", pf);
	EXPECT_TRUE(file_write(path, pf));
	close(ioasid);
}

TEST_HARNESS_MAIN
