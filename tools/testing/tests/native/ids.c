// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address spaces of a /dev/ioasid: ids, their life, and the default one;
 * and the rules about sizes and flags that all ioctls share.
 */
#include "lib/ioasid.h"

#define IOVA	0x10000000ULL

FIXTURE(ids) {
	int fd;
};

FIXTURE_SETUP(ids)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(ids)
{
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(ids, first_is_one_and_default)
{
	EXPECT_EQ(1, native_legacy(self->fd, IOASID_LEGACY_GET, 0));
	EXPECT_EQ(2, native_alloc(self->fd));
	EXPECT_EQ(3, native_alloc(self->fd));
	EXPECT_EQ(1, native_legacy(self->fd, IOASID_LEGACY_GET, 0));
}

TEST_F(ids, freed_is_unknown_and_used_again)
{
	int id = native_alloc(self->fd);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, native_free(self->fd, id));
	EXPECT_ERRNO(ENOENT, native_free(self->fd, id));
	EXPECT_ERRNO(ENOENT, native_legacy(self->fd, IOASID_LEGACY_SET, id));
	EXPECT_EQ(id, native_alloc(self->fd));
}

TEST_F(ids, unknown)
{
	EXPECT_ERRNO(ENOENT, native_free(self->fd, 0));
	EXPECT_ERRNO(ENOENT, native_free(self->fd, 2));
	EXPECT_ERRNO(ENOENT, native_free(self->fd, UINT32_MAX));
	EXPECT_ERRNO(ENOENT, native_legacy(self->fd, IOASID_LEGACY_SET, 2));
}

TEST_F(ids, of_another_fd)
{
	int other = native_open();
	int id;

	ASSERT_LE(0, other);
	id = native_alloc(other);
	ASSERT_LT(1, id);
	EXPECT_ERRNO(ENOENT, native_free(self->fd, id));
	EXPECT_ERRNO(ENOENT, native_legacy(self->fd, IOASID_LEGACY_SET, id));
	EXPECT_EQ(0, native_free(other, id));
	close(other);
}

TEST_F(ids, default_is_in_use)
{
	int id = native_alloc(self->fd);

	ASSERT_LT(1, id);
	EXPECT_ERRNO(EBUSY, native_free(self->fd, 1));
	EXPECT_EQ(id, native_legacy(self->fd, IOASID_LEGACY_SET, id));
	EXPECT_ERRNO(EBUSY, native_free(self->fd, id));
	EXPECT_EQ(0, native_free(self->fd, 1));
	EXPECT_EQ(id, native_legacy(self->fd, IOASID_LEGACY_GET, 0));
}

/* What the legacy ioctls map is in the space that was chosen, and goes with it. */
TEST_F(ids, default_of_legacy_ioctls)
{
	struct backend d = { .kind = BACKEND_IOASID, .fd = self->fd, .group = -1 };
	int id = native_alloc(self->fd);
	char *mem = touched_memory(PAGE);
	long locked = locked_kib();

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(id, native_legacy(self->fd, IOASID_LEGACY_SET, id));
	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, backend_map(&d, IOVA, mem, PAGE, MAP_RW));
	/* The choice is made: the calls rely on it. */
	EXPECT_ERRNO(EBUSY, native_legacy(self->fd, IOASID_LEGACY_SET, 1));
	EXPECT_EQ(id, native_legacy(self->fd, IOASID_LEGACY_GET, 0));
	EXPECT_EQ(locked + 4, locked_kib());
	EXPECT_EQ(0, native_free(self->fd, 1));
	EXPECT_EQ(locked + 4, locked_kib());
	EXPECT_EQ((long long)PAGE, backend_unmap_all(&d));
	EXPECT_EQ(locked, locked_kib());
}

/* A container joins the default space, which then is in use, default or not. */
TEST_F(ids, space_of_a_container_is_in_use)
{
	int other = native_open(), id;
	struct backend d;

	ASSERT_LE(0, other);
	ASSERT_TRUE(backend_join(&d, BACKEND_SHIM, DEVICE_NVME));
	ASSERT_EQ(0, ioctl(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(other)));
	id = native_alloc(other);
	ASSERT_EQ(id, native_legacy(other, IOASID_LEGACY_SET, id));
	EXPECT_ERRNO(EBUSY, native_free(other, 1));
	backend_close(&d);
	EXPECT_EQ(0, native_free(other, 1));
	close(other);
}

TEST_F(ids, as_many_as_promised)
{
	int id, n = 1;

	while ((id = native_alloc(self->fd)) > 0)
		n++;
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(IOASID_IDS_MAX, n);
	EXPECT_EQ(0, native_free(self->fd, 77));
	EXPECT_EQ(77, native_alloc(self->fd));
}

/* --- what the table checks for every ioctl --- */

struct longer {
	struct ioasid_legacy arg;
	char tail[64];
};

TEST_F(ids, size_too_small)
{
	struct ioasid_legacy arg = {};
	uint32_t size;

	for (size = 0; size < sizeof(arg); size++) {
		arg.size = size;
		EXPECT_ERRNO(EINVAL, ioctl(self->fd, IOASID_LEGACY, &arg));
	}
}

TEST_F(ids, tail_must_be_zero)
{
	struct longer arg = { .arg.size = sizeof(arg) };
	size_t i;

	EXPECT_EQ(0, ioctl(self->fd, IOASID_LEGACY, &arg));
	EXPECT_EQ(1, arg.arg.out_ioasid);
	for (i = 0; i < sizeof(arg.tail); i += 21) {
		arg.tail[i] = 1;
		EXPECT_ERRNO(E2BIG, ioctl(self->fd, IOASID_LEGACY, &arg));
		arg.tail[i] = 0;
	}
}

TEST_F(ids, size_of_an_absurd_program)
{
	struct ioasid_legacy arg = { .size = UINT32_MAX };

	EXPECT_TRUE(ioctl(self->fd, IOASID_LEGACY, &arg) == -1 &&
		    (errno == E2BIG || errno == EFAULT));
}

TEST_F(ids, flags_and_reserved)
{
	struct ioasid_alloc alloc = { .size = sizeof(alloc), .flags = 1 };
	struct ioasid_free gone = { .size = sizeof(gone), .__reserved = 1 };
	struct ioasid_legacy legacy = { .size = sizeof(legacy), .op = 2 };

	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->fd, IOASID_ALLOC, &alloc));
	alloc.flags = 0;
	alloc.type = 1;
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->fd, IOASID_ALLOC, &alloc));
	gone.ioasid = native_alloc(self->fd);
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->fd, IOASID_FREE, &gone));
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->fd, IOASID_LEGACY, &legacy));
	legacy.op = IOASID_LEGACY_GET;
	legacy.__reserved = 1;
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->fd, IOASID_LEGACY, &legacy));
}

TEST_F(ids, bad_pointers)
{
	struct ioasid_alloc *arg = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)arg);
	ASSERT_EQ(0, munmap((char *)arg + PAGE, PAGE));
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, IOASID_ALLOC, NULL));
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, IOASID_ALLOC, (char *)arg + PAGE - 2));

	/* An answer that cannot be given: the new space is gone again. */
	arg->size = sizeof(*arg);
	ASSERT_EQ(0, mprotect(arg, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, IOASID_ALLOC, arg));
	EXPECT_ERRNO(ENOENT, native_free(self->fd, 2));
}

TEST_F(ids, unknown_numbers)
{
	struct ioasid_alloc arg = { .size = sizeof(arg) };

	EXPECT_ERRNO(ENOTTY, ioctl(self->fd, _IO(IOASID_TYPE, 0xff), &arg));
	EXPECT_ERRNO(ENOTTY, ioctl(self->fd, _IOR(IOASID_TYPE, 0, struct ioasid_alloc), &arg));
}

TEST_HARNESS_MAIN
