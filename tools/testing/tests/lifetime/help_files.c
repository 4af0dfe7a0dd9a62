// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the process help with a large map of shared memory that is pinned by its file: in
 * huge pages, or without an address. They fill the file ahead.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "help.h"

#define SHMEM	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define TMPFS	"/tmp/help"

static char *map_shared_huge(void)
{
	char *mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem != MAP_FAILED)
		madvise(mem, SIZE, MADV_HUGEPAGE);
	return mem;
}

TEST_F_TIMEOUT(help, shared_huge_pages, 60)
{
	ASSERT_TRUE(file_write(SHMEM, "always"));
	EXPECT_EQ(1, map_helped(&self->d, map_shared_huge));
	EXPECT_LT(0, map_event("pages_helped"));
	EXPECT_GT(PAGES, map_event("pages_helped"));
	EXPECT_EQ(1, threads());
	EXPECT_TRUE(file_write(SHMEM, "never"));
}

/* All of it is there. */
TEST_F_TIMEOUT(help, touched, 60)
{
	char *mem;
	int i;

	ASSERT_TRUE(file_write(SHMEM, "always"));
	mem = map_shared_huge();
	memset(mem, 1, SIZE);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, map_whole(&self->d, mem, SIZE));
	EXPECT_TRUE(file_write(SHMEM, "never"));
}

/* Maps a new file without an address: how many threads helped; -1 for an error. */
static long long map_file(int ioasid)
{
	int fd = memfd_create("help", MFD_CLOEXEC);
	struct ioasid_map_file arg = {
		.size = sizeof(arg), .flags = NATIVE_FIXED, .fd = fd, .iova = IOVA, .length = SIZE,
	};
	long long n = -1, before = ktap_pinned();

	if (!ftruncate(fd, SIZE) && !ioctl(ioasid, IOASID_MAP_FILE, &arg) &&
	    ktap_leaked(before) == PAGES)
		n = map_event("helpers");
	close(fd);
	return native_unmap_all(ioasid, 0) == SIZE ? n : -1;
}

TEST_F_TIMEOUT(help, file, 60)
{
	int fd = native_open(), i;
	long long n = 0;

	ASSERT_LE(0, fd);
	for (i = 0; i < TRIES && !n; i++)
		n = map_file(fd);
	EXPECT_EQ(1, n);
	EXPECT_LT(0, map_event("pages_helped"));
	EXPECT_EQ(1, threads());
	close(fd);
}

/* The file system is full before all of it is there: the errno of a map without help. */
TEST_F_TIMEOUT(help, file_system_is_full, 60)
{
	int ioasid = native_open(), fd, i, error[2];

	mkdir(TMPFS, 0755);
	ASSERT_EQ(0, mount("tmpfs", TMPFS, "tmpfs", 0, "size=48M"));
	fd = open(TMPFS "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	for (i = 0; i < 12; i++) {
		struct ioasid_map_file arg = {
			.size = sizeof(arg), .flags = NATIVE_FIXED, .fd = fd, .iova = IOVA,
			.length = SIZE,
		};

		ASSERT_TRUE(file_write(WORKERS, i & 1 ? "4" : "0"));
		ASSERT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE));
		EXPECT_EQ(-1, ioctl(ioasid, IOASID_MAP_FILE, &arg));
		error[i & 1] = errno;
		EXPECT_EQ(error[0], error[i & 1]);
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
	close(fd);
	close(ioasid);
	EXPECT_EQ(0, umount(TMPFS));
}

/* A hole is punched, and the file grows shorter, while it is mapped. */
struct puncher {
	int fd;
	volatile bool stop;
};

static void *punch(void *arg)
{
	struct puncher *p = arg;
	unsigned int seed = 1;

	while (!p->stop) {
		off_t at = (off_t)(rand_r(&seed) % (SIZE / MIB)) * MIB;

		fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, MIB);
		usleep(1000);
		if (rand_r(&seed) % 16)
			continue;
		if (ftruncate(p->fd, SIZE / 2) || ftruncate(p->fd, SIZE))
			break;
	}
	return NULL;
}

TEST_F_TIMEOUT(help, file_changes, 90)
{
	struct puncher p = { .fd = memfd_create("help", MFD_CLOEXEC) };
	struct ioasid_map_file arg = {
		.size = sizeof(arg), .flags = NATIVE_FIXED, .fd = p.fd, .iova = IOVA, .length = SIZE,
	};
	int ioasid = native_open(), i;
	pthread_t thread;

	ASSERT_EQ(0, ftruncate(p.fd, SIZE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, punch, &p));
	for (i = 0; i < 12; i++) {
		fallocate(p.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE);
		if (!ioctl(ioasid, IOASID_MAP_FILE, &arg))
			EXPECT_EQ((long long)SIZE, native_unmap_all(ioasid, 0));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
	p.stop = true;
	pthread_join(thread, NULL);
	close(ioasid);
}

TEST_HARNESS_MAIN
