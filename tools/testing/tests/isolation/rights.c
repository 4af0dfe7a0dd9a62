// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rights: a user without rights gets nowhere, and one who was handed
 * a descriptor gets as far as that goes and no further.
 */
#include "lib/fault.h"
#include "isolation/nobody.h"

static bool refuses(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return true;
	printf("# %s: opened, or not for want of rights (%s)\n", path, strerror(errno));
	return false;
}

static bool opens_nothing(void *group)
{
	return refuses("/dev/ioasid", O_RDWR) && refuses("/dev/ioasid", O_RDONLY) &&
	       refuses(group, O_RDWR) && refuses("/sys/kernel/debug/ioasid/spaces", O_RDONLY) &&
	       refuses("/sys/module/ioasid/parameters/allow_unsafe_interrupts", O_WRONLY) &&
	       refuses("/sys/module/ioasid/parameters/dma_entry_limit", O_WRONLY) &&
	       refuses("/sys/module/ioasid/parameters/user_spaces", O_WRONLY) &&
	       refuses("/sys/module/ioasid/parameters/user_mappings", O_WRONLY) &&
	       refuses("/sys/kernel/debug/ioasid/users", O_RDONLY) &&
	       refuses("/sys/module/ioasid_vfio/parameters/enabled", O_WRONLY);
}

TEST(nodes_are_closed)
{
	char link[PATH_MAX], node[64];
	ssize_t n = readlink("/sys/bus/pci/devices/" DEVICE_EDU "/iommu_group", link,
			     sizeof(link) - 1);

	ASSERT_LT(0, n);
	link[n] = 0;
	snprintf(node, sizeof(node), "/dev/vfio/%.32s", strrchr(link, '/') + 1);
	EXPECT_EQ(0, as_nobody(opens_nothing, node));
}

static bool loads_no_policy(void *unused)
{
	(void)unused;
	return system("build/bin/ioasidctl policy load build/bpf/pincg.bpf.o >/dev/null 2>&1");
}

TEST(policies_are_for_root)
{
	EXPECT_EQ(0, as_nobody(loads_no_policy, NULL));
	EXPECT_ERRNO(ENOENT, access("/sys/kernel/ioasid/policies/pincg", F_OK));
}

/* The stock container opens for every user; alone it is good for nothing. */
static bool container_is_useless(void *unused)
{
	struct backend d = { .kind = BACKEND_SHIM, .group = -1 };
	char page[PAGE];

	(void)unused;
	d.fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	return d.fd < 0 ||
	       (ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) && errno == EINVAL &&
		backend_map(&d, 0, page, PAGE, MAP_RW) && errno == EINVAL);
}

TEST(container_without_a_group)
{
	EXPECT_EQ(0, as_nobody(container_is_useless, NULL));
}

/* With a backend that was passed on: a user maps its own memory, up to its own limit. */
static bool maps_to_the_limit(void *arg)
{
	struct backend *d = arg;
	char *mem = small_pages(MIB);

	if (mem == MAP_FAILED || !set_memlock(16 * PAGE))
		return false;
	if (backend_map(d, 0, mem, 16 * PAGE, MAP_RW) || locked_kib() != 16 * 4) {
		printf("# cannot map what the limit allows: %s\n", strerror(errno));
		return false;
	}
	return backend_map(d, MIB, mem + MIB / 2, PAGE, MAP_RW) && errno == ENOMEM &&
	       locked_kib() == 16 * 4;
}

TEST(handed_a_door)
{
	struct backend d;

	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	EXPECT_EQ(0, as_nobody(maps_to_the_limit, &d));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(16 * PAGE, backend_unmap_all(&d));
	backend_close(&d);
}

/* Memory that the user may only read is not mapped for a device to write. */
static bool maps_no_write(void *arg)
{
	char *mem = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);

	return mem != MAP_FAILED && shared != MAP_FAILED &&
	       backend_map(arg, 0, mem, PAGE, MAP_RW) && errno == EFAULT &&
	       backend_map(arg, 0, shared, PAGE, MAP_RW) && errno == EFAULT;
}

TEST(read_only_memory)
{
	struct backend d;

	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	EXPECT_EQ(0, as_nobody(maps_no_write, &d));
	backend_close(&d);
}

/* The kernel's own addresses, and those of no mapping. */
static bool maps_no_kernel(void *arg)
{
	static const uint64_t addresses[] = {
		0xffffffff81000000ULL, 0xffff888000000000ULL, 1ULL << 47, 0,
		0xffffffffff600000ULL, -PAGE,
	};
	unsigned int i;

	for (i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		if (!backend_map(arg, 0, (void *)addresses[i], PAGE, VFIO_DMA_MAP_FLAG_READ)) {
			printf("# 0x%llx was mapped\n", (unsigned long long)addresses[i]);
			return false;
		}
	return true;
}

TEST(kernel_memory)
{
	struct backend d;

	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	EXPECT_TRUE(maps_no_kernel(&d));
	EXPECT_EQ(0, as_nobody(maps_no_kernel, &d));
	EXPECT_EQ(0, backend_unmap_all(&d));
	backend_close(&d);
}

TEST_HARNESS_MAIN
