// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that have nothing to do with each other do not wait for each other,
 * whatever one of them does to itself. Here one of them has a page fault that
 * never ends, with its mmap_lock held, as one of memory behind FUSE does: the
 * test module holds that lock.
 *
 * A is the process with the page fault, B uses what is A's and waits for that,
 * and the test itself stands for everybody else.
 */
#include <pthread.h>

#include "native/kapi.h"
#include "native/native.h"

#define IOVA	0x100000000ULL
#define PAGES	4
#define SIZE	(PAGES * PAGE)
#define MS	300		/* long enough for a call to begin, and to wait */

/* As <ioasid/ioasid.h> and <linux/iommu.h> have them. */
#define RW		3
#define CONTAINER	1
#define EMULATED	1

FIXTURE(tenants) {
	int hold;		/* the module, for the lock alone */
	int module;		/* an address space that A maps into */
	int ready[2];		/* A tells that it is set up */
	pid_t a;
	long long before;
};

static long kapi(int module, struct kapi a)
{
	return ioctl(module, KAPI_CALL, &a);
}

FIXTURE_SETUP(tenants)
{
	self->before = ktap_pinned();
	self->hold = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->hold);
	self->module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->module);
	ASSERT_EQ(0, pipe(self->ready));
}

FIXTURE_TEARDOWN(tenants)
{
	int status;

	EXPECT_EQ(0, kapi(self->hold, (struct kapi){ .op = KAPI_RELEASE }));
	if (self->a > 0) {
		kill(self->a, SIGKILL);
		EXPECT_EQ(self->a, waitpid(self->a, &status, 0));
	}
	close(self->module);
	close(self->hold);
	EXPECT_EQ(0, door_locked());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* Begins A: maps by @map, and is caught in a page fault from then on. */
#define START_A(map) ({								\
	char _c = 0;								\
										\
	self->a = fork();							\
	if (!self->a) {								\
		bool _good = map;						\
										\
		_c = _good && !kapi(self->hold, (struct kapi){ .op = KAPI_HOLD }) ? 'y' : 'n'; \
		/* From here on without a page fault of its own. */		\
		if (write(self->ready[1], &_c, 1) == 1)				\
			for (;;)						\
				pause();					\
		_exit(1);							\
	}									\
	read(self->ready[0], &_c, 1) == 1 && _c == 'y';				\
})

/* Begins a process that makes one call, and reports it by its status: 0, or an errno. */
#define START(call) ({								\
	pid_t _pid = fork();							\
										\
	if (!_pid)								\
		_exit((call) < 0 ? errno : 0);					\
	_pid;									\
})

/* Its status, or -1 if it has not ended within @ms. */
static int ended(pid_t pid, int ms)
{
	int status;

	for (; ms > 0; ms--, usleep(1000))
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
	return -1;
}

#define EXPECT_WAITS(pid)	EXPECT_EQ(-1, ended(pid, MS))
#define EXPECT_ENDS(pid)	EXPECT_EQ(0, ended(pid, 5000))
#define RELEASE_A()	ASSERT_EQ(0, kapi(self->hold, (struct kapi){ .op = KAPI_RELEASE }))

static int file_of(int pages)
{
	int file = memfd_create("tenants", MFD_CLOEXEC);

	return ftruncate(file, pages * PAGE) ? -1 : file;
}

static long change_owner(int fd)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg) };

	return ioctl(fd, IOASID_CHANGE_OWNER, &arg);
}

/* B takes over from A, whose charge can be given back only later. */
TEST_F(tenants, change_of_owner)
{
	int fd = native_open(), other = native_open(), file = file_of(PAGES);
	pid_t b;

	ASSERT_TRUE(START_A(native_map_file(fd, 0, NATIVE_FIXED, IOVA, file, 0, SIZE) == IOVA));
	ASSERT_EQ(IOVA, native_map_file(other, 0, NATIVE_FIXED, IOVA, file, 0, SIZE));
	b = START(change_owner(fd));
	EXPECT_WAITS(b);
	EXPECT_ENDS(START(change_owner(other)));
	EXPECT_EQ(0, door_locked());
	RELEASE_A();
	EXPECT_ENDS(b);
	EXPECT_EQ(0, door_status(self->a, "VmLck"));
	close(fd);
	close(other);
	close(file);
}

/* Two calls about the same pages take turns, and the one that waits can be killed. */
TEST_F(tenants, change_of_owner_of_shared_pages)
{
	int fd = native_open(), file = file_of(PAGES), id = native_alloc(fd), other, status;
	struct ioasid_change_owner arg = { .size = sizeof(arg), .ioasid = id };
	pid_t b, c;

	ASSERT_EQ(2, id);
	ASSERT_TRUE(START_A(native_map_file(fd, 0, NATIVE_FIXED, IOVA, file, 0, SIZE) == IOVA &&
			    native_copy(fd, id, 0, NATIVE_FIXED, 2 * IOVA, IOVA, SIZE) ==
			    2 * IOVA));
	other = native_open();
	ASSERT_EQ(IOVA, native_map_file(other, 0, NATIVE_FIXED, IOVA, file, 0, SIZE));
	b = START(change_owner(fd));
	EXPECT_WAITS(b);
	c = START(ioctl(fd, IOASID_CHANGE_OWNER, &arg));
	EXPECT_WAITS(c);
	ASSERT_EQ(0, kill(c, SIGKILL));
	ASSERT_EQ(c, waitpid(c, &status, 0));
	c = START(ioctl(fd, IOASID_CHANGE_OWNER, &arg));
	EXPECT_WAITS(c);
	EXPECT_ENDS(START(change_owner(other)));
	RELEASE_A();
	EXPECT_ENDS(b);
	EXPECT_ENDS(c);
	close(fd);
	close(other);
	close(file);
}

TEST_HARNESS_MAIN
