// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy denies the attach. VFIO would then try its next driver, type1, and
 * no policy would be asked again: so the container comes up, on ioasid, and
 * nothing can be mapped in it.
 */
#include "lib/backend.h"
#include "lib/ioctl32.h"

#define IOVA	0x10000000ULL
#define POLICY	"/sys/kernel/ioasid/policies/misbehave"

FIXTURE(sealed) {
	struct backend d;		/* has a group, has not chosen */
	char *mem;
	long long before;
};

static bool unload_policy(void)
{
	return access(POLICY, F_OK) ||
	       !system("build/bin/ioasidctl policy unload misbehave >/dev/null");
}

/* Denies every attach with this errno. */
static bool load_policy(int error)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "build/bin/ioasidctl policy load build/bpf/test/misbehave.bpf.o --set attach_value=%d >/dev/null",
		 -error);
	return unload_policy() && !system(command);
}

/*
 * Loading takes its time: the policy that says EPERM stays from one test to
 * the next. The last one unloads it.
 */
FIXTURE_SETUP(sealed)
{
	self->before = ktap_pinned();
	ASSERT_TRUE(backend_join(&self->d, BACKEND_SHIM, DEVICE_NVME));
	self->mem = touched_memory(16 * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	/* Type1 is there, and would take it. */
	ASSERT_EQ(0, access("/sys/module/vfio_iommu_type1", F_OK));
	if (access(POLICY, F_OK))
		ASSERT_TRUE(load_policy(EPERM));
}

FIXTURE_TEARDOWN(sealed)
{
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* The column "sealed" of debugfs for the youngest container; 0: not sealed. */
static int debugfs_sealed(void)
{
	FILE *file = fopen("/sys/kernel/debug/ioasid/spaces", "re");
	char line[512], kind[32] = "";
	int value = 1, seen = 1;

	/* Between kind and sealed are nine columns, from owner_tgid to avail. */
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*u %31s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d", kind, &value) == 2 &&
		    !strcmp(kind, "container"))
			seen = value;
	if (file)
		fclose(file);
	return seen;
}

/* ioasidctl says the same in all its JSON: the errno as a negative number, or 0. */
static bool json_sealed(int value)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "ctl=build/bin/ioasidctl; all='[.[] | select(.kind == \"container\")] | last'; "
		 "id=$($ctl -j list | jq \"$all | .id\") && "
		 "$ctl -j list | jq -e --argjson v %d \"$all | .sealed == \\$v\" >/dev/null && "
		 "$ctl -j show $id | jq -e --argjson v %d '.sealed == $v' >/dev/null", value, value);
	return !system(command);
}

static void expect_sealed(struct ktap_test *_self, const struct backend *d, int error, char *mem)
{
	struct vfio_iommu_type1_info *info;

	EXPECT_TRUE(backend_is_right(d));
	info = backend_info(d);
	ASSERT_TRUE(info);
	EXPECT_TRUE(info->iova_pgsizes & PAGE);
	free(info);
	EXPECT_REFUSED(d, error, backend_map(d, IOVA, mem, PAGE, MAP_RW));
	EXPECT_REFUSED(d, error, backend_map(d, IOVA, mem, 16 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(0, backend_unmap(d, IOVA, PAGE));
	EXPECT_EQ(0, backend_unmap_all(d));
	EXPECT_EQ(-error, debugfs_sealed());
}

TEST_F(sealed, v1)
{
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	expect_sealed(_self, &self->d, EPERM, self->mem);
}

TEST_F(sealed, json_of_the_tools)
{
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(-EPERM, debugfs_sealed());
	EXPECT_TRUE(json_sealed(-EPERM));
}

TEST_F(sealed, by_a_32_bit_program)
{
	int ret = ioctl32(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);

	if (ret && errno == ENOSYS)
		SKIP(return, "this kernel takes no 32-bit calls of 64-bit programs");
	ASSERT_EQ(0, ret);
	expect_sealed(_self, &self->d, EPERM, self->mem);
}

/* The device can be opened and closed; its DMA goes nowhere. */
TEST_F(sealed, device)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int device;

	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	device = backend_device(&self->d, DEVICE_NVME);
	ASSERT_LE(0, device);
	EXPECT_EQ(0, ioctl(device, VFIO_DEVICE_GET_INFO, &info));
	expect_sealed(_self, &self->d, EPERM, self->mem);
	close(device);
}

/* Two groups: both are taken in, neither can be mapped for. */
TEST_F(sealed, two_groups)
{
	int edu = backend_open_group(DEVICE_EDU);

	ASSERT_LE(0, edu);
	ASSERT_EQ(0, ioctl(edu, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	expect_sealed(_self, &self->d, EPERM, self->mem);
	EXPECT_EQ(0, ioctl(edu, VFIO_GROUP_UNSET_CONTAINER));
	expect_sealed(_self, &self->d, EPERM, self->mem);
	close(edu);
}

/* No other driver knows that argument: a join is refused, the address space is not harmed. */
TEST_F(sealed, join)
{
	struct backend ioasid;

	ASSERT_TRUE(backend_open(&ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, backend_map(&ioasid, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_REFUSED(&ioasid, EPERM,
		       ioctl(self->d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(ioasid.fd)));
	EXPECT_EQ(0, backend_map(&ioasid, IOVA + PAGE, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(2 * PAGE, backend_unmap_all(&ioasid));
	backend_close(&ioasid);
}

/* With the parameter off, type1 is what the operator wants. */
TEST_F(sealed, parameter_off)
{
	ASSERT_TRUE(backend_prefer(BACKEND_TYPE1));
	self->d.kind = BACKEND_TYPE1;
	EXPECT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_TRUE(backend_is_right(&self->d));
	EXPECT_EQ(0, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));
}

TEST_F(sealed, container)
{
	struct backend *d = &self->d;

	ASSERT_EQ(0, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	expect_sealed(_self, d, EPERM, self->mem);
	/* Wrong is wrong in a sealed container, too. */
	EXPECT_REFUSED(d, EINVAL, backend_map(d, IOVA, self->mem, PAGE, 0));

	/* It stays as it is when the policy goes, */
	ASSERT_TRUE(unload_policy());
	expect_sealed(_self, d, EPERM, self->mem);
	EXPECT_ERRNO(EINVAL, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));

	/* until its group has left. */
	ASSERT_EQ(0, ioctl(d->group, VFIO_GROUP_UNSET_CONTAINER));
	ASSERT_EQ(0, ioctl(d->group, VFIO_GROUP_SET_CONTAINER, &d->fd));
	ASSERT_EQ(0, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, backend_map(d, IOVA, self->mem, 16 * PAGE, MAP_RW));
	EXPECT_EQ(0, debugfs_sealed());
}

/* A second group that comes later gets the errno: no other driver is asked. */
TEST_F(sealed, later_group)
{
	int edu = backend_open_group(DEVICE_EDU);

	ASSERT_LE(0, edu);
	ASSERT_TRUE(unload_policy());
	ASSERT_EQ(0, ioctl(self->d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	ASSERT_TRUE(load_policy(EPERM));
	EXPECT_REFUSED(&self->d, EPERM,
		       ioctl(edu, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	/* The first knows nothing of that. */
	EXPECT_EQ(0, backend_map(&self->d, IOVA + PAGE, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(0, debugfs_sealed());
	ASSERT_TRUE(unload_policy());
	EXPECT_EQ(0, ioctl(edu, VFIO_GROUP_SET_CONTAINER, &self->d.fd));
	close(edu);
}

/* Any errno a policy may give is the one that maps get. */
TEST_F(sealed, every_errno)
{
	static const int error[] = { ENOMEM, EINVAL };
	struct backend *d = &self->d;
	unsigned int i;

	for (i = 0; i < sizeof(error) / sizeof(*error); i++) {
		ASSERT_TRUE(load_policy(error[i]));
		ASSERT_EQ(0, ioctl(d->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
		expect_sealed(_self, d, error[i], self->mem);
		ASSERT_EQ(0, ioctl(d->group, VFIO_GROUP_UNSET_CONTAINER));
		ASSERT_EQ(0, ioctl(d->group, VFIO_GROUP_SET_CONTAINER, &d->fd));
	}
	ASSERT_TRUE(unload_policy());
}

TEST(policy_is_unloaded)
{
	EXPECT_TRUE(unload_policy());
}

TEST_HARNESS_MAIN
