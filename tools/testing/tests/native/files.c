// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_FILE: memory of a memfd, of tmpfs and of hugetlbfs by its offset; what
 * may not be written may not be mapped for writing; DMA goes where the file's
 * pages are. And CHANGE_OWNER, which is for such mappings.
 */
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "lib/edu.h"
#include "lib/ioasid.h"

#define IOVA	0x1000000ULL
#define PAGES	16

FIXTURE(files) {
	int fd;
	int file;		/* PAGES pages, each with its number in its first byte */
};

static int new_file(unsigned int flags, uint64_t size)
{
	int file = memfd_create("ioasid-test", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	if (file >= 0 && ftruncate(file, size)) {
		close(file);
		return -1;
	}
	return file;
}

FIXTURE_SETUP(files)
{
	char i;

	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->file = new_file(0, PAGES * PAGE);
	ASSERT_LE(0, self->file);
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(1, pwrite(self->file, &i, 1, i * PAGE));
}

FIXTURE_TEARDOWN(files)
{
	close(self->fd);
	close(self->file);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(files, pins_and_charges)
{
	long long pinned = ktap_pinned();

	ASSERT_EQ(IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, IOVA, self->file, 3 * PAGE,
					5 * PAGE));
	EXPECT_EQ(20, locked_kib());
	EXPECT_EQ(pinned + 5, ktap_pinned());
	EXPECT_EQ(5, native_info(self->fd, 0).out_pinned);
	EXPECT_EQ((long long)(5 * PAGE), native_unmap_all(self->fd, 0));
	EXPECT_EQ(pinned, ktap_pinned());
}

/* A hole becomes memory, and the fd of the file is not needed any more. */
TEST_F(files, holes)
{
	int file = new_file(0, 64 * PAGE);

	ASSERT_EQ(IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, IOVA, file, 0, 64 * PAGE));
	close(file);
	EXPECT_EQ(64, native_info(self->fd, 0).out_pinned);
}

TEST_F(files, errnos)
{
	int fd = self->fd, file = self->file, event = eventfd(0, EFD_CLOEXEC);
	int disk = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	EXPECT_NO_MAP(fd, EBADF, native_map_file(fd, 0, NATIVE_RW, 0, 999, 0, PAGE));
	EXPECT_NO_MAP(fd, EBADF, native_map_file(fd, 0, NATIVE_RW, 0, -1, 0, PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_map_file(fd, 0, NATIVE_RW, 0, event, 0, PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_map_file(fd, 0, NATIVE_RW, 0, fd, 0, PAGE));
	EXPECT_NO_MAP(fd, EINVAL,
		      native_map_file(fd, 0, IOASID_MAP_FLAG_READ, 0, disk, 0, PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_map_file(fd, 0, NATIVE_RW, 0, file, 0, 0));
	EXPECT_NO_MAP(fd, EINVAL, native_map_file(fd, 0, NATIVE_RW, 0, file, 1, PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_map_file(fd, 0, NATIVE_RW, 0, file, PAGES * PAGE, PAGE));
	EXPECT_NO_MAP(fd, EINVAL,
		      native_map_file(fd, 0, NATIVE_RW, 0, file, PAGE, PAGES * PAGE));
	EXPECT_NO_MAP(fd, EINVAL,
		      native_map_file(fd, 0, NATIVE_RW, 0, file, 1ULL << 63, PAGE));
	EXPECT_NO_MAP(fd, EOVERFLOW, native_map_file(fd, 0, NATIVE_RW, 0, file, -PAGE, 2 * PAGE));
	EXPECT_NO_MAP(fd, EOPNOTSUPP, native_map_file(fd, 0, 8, 0, file, 0, PAGE));
	EXPECT_NO_MAP(fd, ENOENT, native_map_file(fd, 5, NATIVE_RW, 0, file, 0, PAGE));
	close(event);
	close(disk);
}

TEST_F(files, rights)
{
	char path[64];
	int fd = self->fd, ro, wo;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->file);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	wo = open(path, O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, ro);
	ASSERT_LE(0, wo);
	EXPECT_NO_MAP(fd, EPERM, native_map_file(fd, 0, NATIVE_RW, 0, ro, 0, PAGE));
	EXPECT_NO_MAP(fd, EPERM, native_map_file(fd, 0, NATIVE_RW, 0, wo, 0, PAGE));
	EXPECT_NE(NATIVE_FAIL, native_map_file(fd, 0, IOASID_MAP_FLAG_READ, 0, ro, 0, PAGE));
	close(ro);
	close(wo);
}

TEST_F(files, seals)
{
	int fd = self->fd, future = new_file(0, PAGE);

	ASSERT_EQ(0, fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	EXPECT_NO_MAP(fd, EPERM, native_map_file(fd, 0, NATIVE_RW, 0, future, 0, PAGE));
	EXPECT_NE(NATIVE_FAIL, native_map_file(fd, 0, IOASID_MAP_FLAG_READ, 0, future, 0, PAGE));

	/* While a device may write there is no seal, afterwards there is. */
	ASSERT_NE(NATIVE_FAIL, native_map_file(fd, 0, NATIVE_RW, 0, self->file, 0, PAGE));
	EXPECT_ERRNO(EBUSY, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	ASSERT_LT(0, native_unmap_all(fd, 0));
	ASSERT_EQ(0, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_NO_MAP(fd, EPERM, native_map_file(fd, 0, NATIVE_RW, 0, self->file, 0, PAGE));
	EXPECT_NE(NATIVE_FAIL,
		  native_map_file(fd, 0, IOASID_MAP_FLAG_READ, 0, self->file, 0, PAGE));
	close(future);
}

TEST_F(files, hugetlb)
{
	int file, fd = self->fd, ro;
	char path[64];

	if (!file_write("/proc/sys/vm/nr_hugepages", "3"))
		SKIP(return, "no huge pages can be had");
	file = new_file(MFD_HUGETLB, 4 * MIB);
	if (file < 0)
		SKIP(return, "no hugetlbfs");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	/* A hole that may not be filled, then one that may. */
	EXPECT_NO_MAP(fd, EFAULT,
		      native_map_file(fd, 0, IOASID_MAP_FLAG_READ, 0, ro, 2 * MIB, PAGE));
	ASSERT_EQ(IOVA, native_map_file(fd, 0, NATIVE_FIXED, IOVA, file, 2 * MIB - PAGE, 3 * PAGE));
	EXPECT_EQ(12, locked_kib());
	EXPECT_EQ((long long)(3 * PAGE), native_unmap_all(fd, 0));
	EXPECT_NE(NATIVE_FAIL, native_map_file(fd, 0, IOASID_MAP_FLAG_READ, 0, ro, 0, 4 * MIB));
	EXPECT_EQ((long long)(4 * MIB), native_unmap_all(fd, 0));
	close(ro);
	close(file);
	file_write("/proc/sys/vm/nr_hugepages", "0");
}

/* A device reads one page of the file and writes another. */
TEST_F(files, dma)
{
	volatile char *bar;
	struct backend d;
	char byte = 0;
	int device;

	bar = edu_attach(self->fd, &d, &device);
	ASSERT_TRUE(bar);
	ASSERT_EQ(IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, IOVA, self->file, 3 * PAGE,
					6 * PAGE));
	ASSERT_TRUE(edu_copy(bar, IOVA + 4 * PAGE, IOVA + 1 * PAGE, 64));
	EXPECT_EQ(1, pread(self->file, &byte, 1, 4 * PAGE));
	EXPECT_EQ(7, byte);

	/* A copy of two pages of it leads to the same pages. */
	ASSERT_EQ(2 * IOVA, native_copy(self->fd, 0, 0, NATIVE_FIXED, 2 * IOVA, IOVA + 2 * PAGE,
					2 * PAGE));
	ASSERT_EQ((long long)(6 * PAGE), native_unmap(self->fd, 0, IOVA, 6 * PAGE));
	ASSERT_TRUE(edu_copy(bar, 2 * IOVA, 2 * IOVA + PAGE, 64));
	EXPECT_EQ(1, pread(self->file, &byte, 1, 6 * PAGE));
	EXPECT_EQ(5, byte);
	/* It holds the device, and that the space. */
	munmap((void *)bar, MIB);
	close(device);
	backend_close(&d);
}

/* What fallocate() has made is cleared before a device gets it, and not after that. */
TEST_F(files, fallocated)
{
	int file = new_file(0, PAGES * PAGE), device;
	volatile char *bar;
	struct backend d;
	char byte = 0;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, fallocate(file, 0, 0, PAGES * PAGE));
	bar = edu_attach(self->fd, &d, &device);
	ASSERT_TRUE(bar);
	ASSERT_EQ(IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, IOVA, self->file, 0, PAGES * PAGE));
	ASSERT_EQ(2 * IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, 2 * IOVA, file, 0, PAGES * PAGE));
	ASSERT_TRUE(edu_copy(bar, IOVA + 4 * PAGE, 2 * IOVA + 2 * PAGE, 64));
	EXPECT_EQ(1, pread(file, &byte, 1, 2 * PAGE));
	EXPECT_EQ(4, byte);
	ASSERT_TRUE(edu_copy(bar, 2 * IOVA + 3 * PAGE, IOVA + 4 * PAGE, 64));
	EXPECT_EQ(1, pread(self->file, &byte, 1, 4 * PAGE));
	EXPECT_EQ(0, byte);
	munmap((void *)bar, MIB);
	close(device);
	backend_close(&d);
	close(file);
}

/* --- change of owner --- */

static int change_owner(int fd, uint32_t id)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg), .ioasid = id };

	return ioctl(fd, IOASID_CHANGE_OWNER, &arg);
}

/* Runs @body in a child; what it returns, or -1. */
static int in_child(int (*body)(int fd), int fd)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(body(fd));
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ?
	       WEXITSTATUS(status) : -1;
}

static int child_takes(int fd)
{
	if (change_owner(fd, 0))
		return errno;
	if (locked_kib() != 32)
		return 201;
	/* Again is nothing new. */
	return change_owner(fd, 0) || locked_kib() != 32 ? 202 : 0;
}

static int child_is_poor(int fd)
{
	if (!drop_cap(CAP_IPC_LOCK) || !set_memlock(5 * PAGE))
		return 201;
	if (!change_owner(fd, 0))
		return 202;
	return locked_kib() ? 203 : errno;
}

TEST_F(files, owner)
{
	ASSERT_EQ(2, native_alloc(self->fd));
	ASSERT_EQ(IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, IOVA, self->file, 0, 4 * PAGE));
	ASSERT_EQ(2 * IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, 2 * IOVA, self->file, 0,
					    4 * PAGE));
	/* Shared: it is charged once, wherever it is mapped. */
	ASSERT_EQ(IOVA, native_copy(self->fd, 2, 1, NATIVE_FIXED, IOVA, IOVA, PAGE));
	ASSERT_EQ(4 * IOVA, native_copy(self->fd, 1, 1, NATIVE_FIXED, 4 * IOVA, IOVA, PAGE));
	EXPECT_EQ(32, locked_kib());
	EXPECT_EQ(ENOMEM, in_child(child_is_poor, self->fd));
	EXPECT_EQ(32, locked_kib());
	EXPECT_EQ(0, in_child(child_takes, self->fd));
	EXPECT_EQ(0, locked_kib());
	/* The child is gone and took its VmLck along; DMA would go on. */
	EXPECT_EQ(9, native_info(self->fd, 0).out_pinned);
	EXPECT_EQ(0, change_owner(self->fd, 0));
	EXPECT_EQ(32, locked_kib());
	EXPECT_EQ(0, native_free(self->fd, 2));
	EXPECT_EQ((long long)(9 * PAGE), native_unmap_all(self->fd, 0));
}

TEST_F(files, owner_errnos)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg), .__reserved = 1 };
	char *mem = touched_memory(PAGE);

	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->fd, IOASID_CHANGE_OWNER, &arg));
	EXPECT_ERRNO(ENOENT, change_owner(self->fd, 5));
	EXPECT_EQ(0, change_owner(self->fd, 0));
	ASSERT_EQ(IOVA, native_map(self->fd, 0, NATIVE_FIXED, IOVA, mem, PAGE));
	EXPECT_EQ(0, change_owner(self->fd, 0));
	EXPECT_EQ(EINVAL, in_child(child_takes, self->fd));
	EXPECT_EQ(4, locked_kib());
}

/* --- fdinfo --- */

TEST_F(files, fdinfo)
{
	static const char *const want[] = {
		"ioasid-id:\t1 default\n", "ioasid-id:\t2\n", "ioasid-maps:\t1\n",
		"ioasid-pinned:\t3\n", "ioasid-charged:\t3\n", "ioasid-domains:\t1\n",
		DEVICE_EDU "\n", "ioasid-owner:\t", "ioasid-policy:\tprobe\n", "ioasid-policy:\t\n",
		"ioasid-account:\tmm\n", "ioasid-account:\tuser\n", "ioasid-bytes:\t12288\n",
		"ioasid-avail:\t65534\n", "ioasid-avail:\t7\n", "ioasid-tracking:\t1\n",
		"ioasid-tracking:\t0\n", "ioasid-groups:\t1\n", "ioasid-groups:\t0\n",
		"ioasid-sealed:\t0\n",
	};
	struct ioasid_dirty dirty = { .size = sizeof(dirty), .op = IOASID_DIRTY_OP_START };
	char path[64], text[4096];
	struct backend d;
	size_t i, n;
	FILE *file;

	/* What new spaces select, whether it is loaded or not. */
	ASSERT_TRUE(file_write("/sys/module/ioasid/parameters/default_policy", "probe\n"));
	ASSERT_EQ(2, native_alloc(self->fd));
	ASSERT_TRUE(file_write("/sys/module/ioasid/parameters/default_policy", "\n"));
	ASSERT_TRUE(native_attach(self->fd, &d, DEVICE_EDU));
	ASSERT_EQ(IOVA, native_map_file(self->fd, 0, NATIVE_FIXED, IOVA, self->file, 0, 3 * PAGE));
	ASSERT_EQ(0, ioctl(self->fd, IOASID_DIRTY, &dirty));
	ASSERT_EQ(0, native_set(self->fd, 2, IOASID_OPTION_MAP_LIMIT, 7));
	ASSERT_EQ(0, native_set(self->fd, 2, IOASID_OPTION_ACCOUNT_MODE, IOASID_ACCOUNT_USER));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	file = fopen(path, "re");
	ASSERT_TRUE(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = 0;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!strstr(text, want[i])) {
			printf("# no '%s'\n", want[i]);
			EXPECT_TRUE(false);
		}
	snprintf(path, sizeof(path), "ioasid-owner:\t%d 0 ", getpid());
	EXPECT_TRUE(strstr(text, path) != NULL);
	backend_close(&d);
}

TEST_HARNESS_MAIN
