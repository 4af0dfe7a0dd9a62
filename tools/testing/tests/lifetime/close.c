// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers, groups and devices close in any order, and what was mapped lives
 * exactly as long as VFIO says: until the last of them that needs it.
 */
#include <sys/socket.h>

#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define SIZE	(16 * PAGE)

FIXTURE(close) {
	struct backend d;
	int device;
	char *mem;
	long long before;	/* pages pinned */
};

FIXTURE_VARIANT(close) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(close, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(close, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(close)
{
	self->before = ktap_pinned();
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	self->device = backend_device(&self->d, DEVICE_EDU);
	ASSERT_LE(0, self->device);
	self->mem = touched_memory(SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, SIZE, MAP_RW));
}

FIXTURE_TEARDOWN(close)
{
	struct backend d;

	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
	/* Nothing holds on to the device. */
	EXPECT_TRUE(backend_open(&d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	backend_close(&d);
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));
}

/*
 * Closes c(ontainer), g(roup) and d(evice) in this order. The group goes with
 * its last device, and takes the mappings along when it goes.
 */
static void close_in_order(struct ktap_test *_self, struct backend *d, int device,
			   const char *order)
{
	bool group = true, dev = true;

	for (; *order; order++) {
		EXPECT_EQ(SIZE / KIB, locked_kib());
		switch (*order) {
		case 'c':
			close(d->fd);
			break;
		case 'g':
			close(d->group);
			group = false;
			break;
		case 'd':
			close(device);
			dev = false;
			break;
		}
		if (!group && !dev)
			break;
	}
	EXPECT_EQ(0, locked_kib());
	if (*order && order[1] == 'c') {
		EXPECT_ERRNO(EINVAL, backend_map(d, IOVA, NULL, PAGE, MAP_RW));
		close(d->fd);
	}
}

TEST_F(close, container_group_device)
{
	close_in_order(_self, &self->d, self->device, "cgd");
}

TEST_F(close, container_device_group)
{
	close_in_order(_self, &self->d, self->device, "cdg");
}

TEST_F(close, group_container_device)
{
	close_in_order(_self, &self->d, self->device, "gcd");
}

TEST_F(close, group_device_container)
{
	close_in_order(_self, &self->d, self->device, "gdc");
}

TEST_F(close, device_container_group)
{
	close_in_order(_self, &self->d, self->device, "dcg");
}

TEST_F(close, device_group_container)
{
	close_in_order(_self, &self->d, self->device, "dgc");
}

TEST_F(close, unset_container)
{
	struct backend *d = &self->d;

	EXPECT_ERRNO(EBUSY, ioctl(d->group, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_EQ(SIZE / KIB, locked_kib());
	close(self->device);
	EXPECT_EQ(0, ioctl(d->group, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_EQ(0, locked_kib());
	EXPECT_ERRNO(EINVAL, ioctl(d->group, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_ERRNO(EINVAL, backend_device(d, DEVICE_EDU));
	EXPECT_ERRNO(EINVAL, backend_unmap(d, IOVA, SIZE));
	backend_close(d);
}

/* A container that only a message under way still holds. */
TEST_F(close, in_flight_over_a_socket)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec byte = { .iov_base = self->mem, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &self->d.fd, sizeof(int));
	ASSERT_EQ(1, sendmsg(pair[0], &message, 0));
	close(self->d.fd);
	close(pair[0]);
	close(self->device);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	close(self->d.group);
	EXPECT_EQ(0, locked_kib());
	ASSERT_EQ(1, recvmsg(pair[1], &message, 0));
	memcpy(&self->d.fd, CMSG_DATA(&control.head), sizeof(int));
	EXPECT_ERRNO(EINVAL, backend_unmap(&self->d, IOVA, SIZE));
	close(self->d.fd);
	close(pair[1]);
}

/* All at once, by a process that does not say goodbye. */
TEST_F(close, exit)
{
	pid_t pid;
	int status;

	close(self->device);
	backend_close(&self->d);
	pid = fork();
	if (!pid) {
		struct backend d;
		int device;

		if (!backend_open(&d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU))
			_exit(1);
		device = backend_device(&d, DEVICE_EDU);
		if (device < 0 || mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, device,
				       0) == MAP_FAILED)
			_exit(2);
		_exit(backend_map(&d, IOVA, self->mem, SIZE, MAP_RW) ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* The BAR alone keeps the device, and that the group, and that the mappings. */
TEST_F(close, mmap_keeps_the_device)
{
	char *bar = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, self->device, 0);

	ASSERT_NE(MAP_FAILED, bar);
	close(self->device);
	backend_close(&self->d);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	munmap(bar, MIB);
	EXPECT_EQ(0, locked_kib());
}

/* --- /dev/ioasid: there is only the one --- */

TEST(ioasid_lives_as_long_as_its_last_fd)
{
	char *mem = touched_memory(SIZE);
	struct backend d;
	int copy;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, backend_map(&d, IOVA, mem, SIZE, MAP_RW));
	copy = dup(d.fd);
	ASSERT_LE(0, copy);
	close(d.fd);
	EXPECT_EQ(SIZE / KIB, locked_kib());
	close(copy);
	EXPECT_EQ(0, locked_kib());
}

/* Many at a time are as many address spaces. */
TEST(ioasid_fds_are_apart)
{
	char *mem = touched_memory(PAGE);
	struct backend d[100];
	int i;

	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < 100; i++) {
		ASSERT_TRUE(backend_open(&d[i], BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
		ASSERT_EQ(0, backend_map(&d[i], IOVA, mem, PAGE, MAP_RW));
	}
	EXPECT_EQ(100 * PAGE / KIB, locked_kib());
	for (i = 0; i < 100; i += 2)
		backend_close(&d[i]);
	for (i = 1; i < 100; i += 2)
		EXPECT_EQ(PAGE, backend_unmap(&d[i], IOVA, PAGE));
	EXPECT_EQ(0, locked_kib());
}

TEST_HARNESS_MAIN
