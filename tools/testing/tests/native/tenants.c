// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that have nothing to do with each other do not wait for each other,
 * whatever one of them does to itself. Here one of them has a page fault that
 * never ends, with its mmap_lock held, as one of memory behind FUSE does: the
 * test module holds that lock.
 *
 * A is the process with the page fault, B uses what is A's and waits for that,
 * and the test itself is every other process. Only a charge waits: what A gets back
 * it has when the page fault ends, and B goes on.
 */
#include <pthread.h>
#include <sys/resource.h>

#include "lib/kapi.h"
#include "lib/ioasid.h"
#include "lib/trap.h"

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
	int module;		/* a user of the address space that A maps into */
	int ready[2];		/* A tells that it is set up */
	int go[2];		/* a byte for each process that waits for one */
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
	ASSERT_EQ(0, pipe(self->go));
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
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* Begins A, which maps by @map and then does nothing; true when it has mapped. */
#define START_A(map) ({								\
	char _c = 0;								\
										\
	self->a = fork();							\
	if (!self->a) {								\
		_c = (map) ? 'y' : 'n';						\
		if (write(self->ready[1], &_c, 1) == 1)				\
			for (;;)						\
				pause();					\
		_exit(1);							\
	}									\
	read(self->ready[0], &_c, 1) == 1 && _c == 'y';				\
})

/* From here on it is in its page fault, until RELEASE_A(). */
#define CATCH(pid)	ASSERT_EQ(0, kapi(self->hold, (struct kapi){ .op = KAPI_HOLD, .fd = (pid) }))
#define CATCH_A()	CATCH(self->a)
#define RELEASE_A()	ASSERT_EQ(0, kapi(self->hold, (struct kapi){ .op = KAPI_RELEASE }))

/* For a process that is to be caught first. */
#define TELL()		ASSERT_EQ(1, write(self->go[1], "", 1))
#define IS_TOLD()	(read(self->go[0], &(char){ 0 }, 1) == 1)

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

/* VmLck of A, in kB, once it is that or after five seconds. */
static long settles(pid_t a, long kib)
{
	int ms = 5000;

	while (status_kib(a, "VmLck") != kib && ms--)
		usleep(1000);
	return status_kib(a, "VmLck");
}

#define EXPECT_WAITS(pid)	EXPECT_EQ(-1, ended(pid, MS))
#define EXPECT_ENDS(pid)	EXPECT_EQ(0, ended(pid, 5000))
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

/* B takes over from A, whose charge is given back only later. */
TEST_F(tenants, change_of_owner)
{
	int fd = native_open(), other = native_open(), file = file_of(PAGES);

	ASSERT_TRUE(START_A(native_map_file(fd, 0, NATIVE_FIXED, IOVA, file, 0, SIZE) == IOVA));
	ASSERT_EQ(IOVA, native_map_file(other, 0, NATIVE_FIXED, IOVA, file, 0, SIZE));
	CATCH_A();
	EXPECT_ENDS(START(change_owner(fd)));
	EXPECT_ENDS(START(change_owner(other)));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ((long)(SIZE / KIB), status_kib(self->a, "VmLck"));
	RELEASE_A();
	EXPECT_EQ(0, settles(self->a, 0));
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
	/* It is B here that cannot be charged. */
	b = START(IS_TOLD() ? change_owner(fd) : -1);
	CATCH(b);
	TELL();
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

/* --- software devices, in a container that has no IOMMU --- */

static bool container(int module, const char *device)
{
	struct kapi attach = { .op = KAPI_ATTACH, .flags = EMULATED };

	strcpy(attach.device, device);
	return !kapi(module, (struct kapi){ .op = KAPI_CREATE, .flags = CONTAINER }) &&
	       !kapi(module, attach) && !kapi(module, (struct kapi){ .op = KAPI_ACCESS_CREATE });
}

/* Another user of the space of @module, whose calls do not wait for that one's. */
static int user_of(int module)
{
	int user = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);

	return kapi(user, (struct kapi){ .op = KAPI_FROM_KAPI, .fd = module }) ? -1 : user;
}

static long map(int module, uint64_t iova, const void *mem)
{
	return kapi(module, (struct kapi){
		.op = KAPI_MAP, .iova = iova, .data = (uintptr_t)mem, .length = SIZE, .flags = RW,
	});
}

static long unmap(int module, uint64_t iova)
{
	return kapi(module, (struct kapi){ .op = KAPI_UNMAP, .iova = iova, .length = SIZE });
}

static long pin(int module, uint64_t iova, int pages)
{
	return kapi(module, (struct kapi){ .op = KAPI_PIN, .iova = iova, .length = pages, .prot = 1 });
}

static long unpin(int module, uint64_t iova, int pages)
{
	return kapi(module, (struct kapi){ .op = KAPI_UNPIN, .iova = iova, .length = pages });
}

static long attach(int module, const char *device, uint32_t flags)
{
	struct kapi a = { .op = KAPI_ATTACH, .flags = flags };

	strcpy(a.device, device);
	return kapi(module, a);
}

static long detach(int module)
{
	return kapi(module, (struct kapi){ .op = KAPI_DETACH });
}

/* Another container goes on, and so do other users of A's own. */
static void others_go_on(struct ktap_test *_self, int other, int same, char *mem)
{
	EXPECT_ENDS(START(pin(other, IOVA, 1) == 1 && !unpin(other, IOVA, 1) ? 0 : -1));
	EXPECT_ENDS(START(map(same, 2 * IOVA, mem)));
	EXPECT_ENDS(START(attach(same, DEVICE_NVME, EMULATED)));
	EXPECT_ENDS(START(unmap(same, 2 * IOVA)));
	EXPECT_ENDS(START(detach(same)));
}

/* What happens to a page of A: B does it, and waits for A if that is to be charged. */
static void page_of_a(struct ktap_test *_self, struct ktap_fixture_tenants *self,
		      long (*before)(int module), long (*call)(int module))
{
	int other = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC), same;
	char *mem = touched_memory(SIZE);
	pid_t b;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	ASSERT_TRUE(container(self->module, DEVICE_EDU));
	ASSERT_TRUE(container(other, DEVICE_NVME));
	ASSERT_EQ(0, map(other, IOVA, mem));
	same = user_of(self->module);
	ASSERT_LE(0, same);
	ASSERT_TRUE(START_A(!map(self->module, IOVA, mem)));
	if (before)
		ASSERT_EQ(0, before(self->module));
	CATCH_A();
	b = START(call(self->module));
	if (before)
		EXPECT_ENDS(b);
	else
		EXPECT_WAITS(b);
	others_go_on(_self, other, same, mem);
	RELEASE_A();
	if (!before)
		EXPECT_ENDS(b);
	unpin(self->module, IOVA, PAGES);
	EXPECT_EQ(0, settles(self->a, 0));
	close(same);
	close(other);
}

static long pin_two(int module)
{
	return pin(module, IOVA, 2) == 2 ? 0 : -1;
}

static long unpin_two(int module)
{
	return unpin(module, IOVA, 2);
}

/* Its charge waits for A's lock. */
TEST_F(tenants, pin_of_a_driver)
{
	page_of_a(_self, self, NULL, pin_two);
}

/* Giving it back does not. */
TEST_F(tenants, unpin_of_a_driver)
{
	page_of_a(_self, self, pin_two, unpin_two);
}

/* --- the first IOMMU of that container, and the last --- */

/* A third device with a group of its own. */
static const char *third(void)
{
	return iommu_is_virtio() ? "0000:00:07.0" : "0000:01:01.0";
}

static long attach_hardware(int module)
{
	return attach(module, third(), 0);
}

/* A user of the space that B can have to itself. */
static void iommu_of_a(struct ktap_test *_self, struct ktap_fixture_tenants *self, bool leaves)
{
	int other = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC), same, hardware;
	char *mem = touched_memory(SIZE);
	pid_t b;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	ASSERT_TRUE(container(self->module, DEVICE_EDU));
	ASSERT_TRUE(container(other, DEVICE_NVME));
	ASSERT_EQ(0, map(other, IOVA, mem));
	same = user_of(self->module);
	hardware = user_of(self->module);
	ASSERT_LE(0, hardware);
	ASSERT_TRUE(START_A(!map(self->module, IOVA, mem)));
	if (leaves) {
		ASSERT_EQ(0, attach_hardware(hardware));
		EXPECT_EQ((long)(SIZE / KIB), status_kib(self->a, "VmLck"));
	}
	CATCH_A();
	b = leaves ? START(detach(hardware)) : START(attach_hardware(hardware));
	if (leaves)
		EXPECT_ENDS(b);
	else
		EXPECT_WAITS(b);
	others_go_on(_self, other, same, mem);
	RELEASE_A();
	if (leaves) {
		EXPECT_EQ(0, settles(self->a, 0));
	} else {
		EXPECT_ENDS(b);
		EXPECT_EQ((long)(SIZE / KIB), status_kib(self->a, "VmLck"));
	}
	close(hardware);
	close(same);
	close(other);
}

TEST_F(tenants, iommu_comes)
{
	iommu_of_a(_self, self, false);
}

TEST_F(tenants, iommu_goes)
{
	iommu_of_a(_self, self, true);
}

/* --- two at once, which pin the same memory --- */

struct attacher {
	pthread_t thread;
	int module;
	const char *device;
	long result;
};

static void *attach_main(void *data)
{
	struct attacher *t = data;

	t->result = attach(t->module, t->device, 0) ? errno : 0;
	return NULL;
}

TEST_F(tenants, two_iommus)
{
	char *trap = small_pages(SIZE);
	int uffd = trap_set(trap, SIZE), i;
	struct attacher t[2] = {
		{ .device = third() }, { .device = DEVICE_NVME },
	};

	ASSERT_LE(0, uffd);
	ASSERT_TRUE(container(self->module, DEVICE_EDU));
	ASSERT_EQ(0, map(self->module, IOVA, trap));
	for (i = 0; i < 2; i++) {
		t[i].module = user_of(self->module);
		ASSERT_LE(0, t[i].module);
		ASSERT_EQ(0, pthread_create(&t[i].thread, NULL, attach_main, &t[i]));
		ASSERT_EQ(trap, trap_sprung(uffd, 5000));
	}
	ASSERT_TRUE(trap_fill(uffd, trap, SIZE));
	for (i = 0; i < 2; i++) {
		pthread_join(t[i].thread, NULL);
		EXPECT_EQ(0, t[i].result);
	}
	EXPECT_EQ((long)(SIZE / KIB), locked_kib());
	EXPECT_EQ(self->before + PAGES, ktap_pinned());
	EXPECT_EQ(0, detach(t[0].module));
	EXPECT_EQ((long)(SIZE / KIB), locked_kib());
	EXPECT_EQ(0, detach(t[1].module));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());
	close(t[0].module);
	close(t[1].module);
	close(uffd);
}

/* A driver that is slow to unpin holds up the unmap that asks it, and no other driver. */
TEST_F(tenants, callback_that_waits)
{
	struct kapi block = { .op = KAPI_BLOCK, .flags = 1 }, go_on = { .op = KAPI_BLOCK };
	char *mem = touched_memory(SIZE);
	int other, third;
	pid_t b;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	ASSERT_TRUE(container(self->module, DEVICE_EDU));
	other = user_of(self->module);
	third = user_of(self->module);
	ASSERT_EQ(0, kapi(other, (struct kapi){ .op = KAPI_ACCESS_CREATE }));
	ASSERT_EQ(0, map(third, IOVA, mem));
	ASSERT_EQ(1, pin(self->module, IOVA, 1));
	ASSERT_EQ(0, kapi(self->module, block));
	b = START(unmap(third, IOVA));
	EXPECT_WAITS(b);
	EXPECT_ENDS(START(kapi(other, (struct kapi){ .op = KAPI_ACCESS_DESTROY })));
	EXPECT_ENDS(START(kapi(other, (struct kapi){ .op = KAPI_ACCESS_CREATE })));
	EXPECT_WAITS(b);
	ASSERT_EQ(0, kapi(self->module, go_on));
	EXPECT_ENDS(b);
	close(other);
	close(third);
}

/* --- what A is to get back while it cannot be changed --- */

/* A FREE ends, and so do calls on the same /dev/ioasid. */
TEST_F(tenants, free_of_a_space)
{
	int fd = native_open(), id = native_alloc(fd);
	struct ioasid_free arg = { .size = sizeof(arg), .ioasid = id };
	char *mem = touched_memory(SIZE);
	pid_t b;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	ASSERT_EQ(2, id);
	ASSERT_TRUE(START_A(native_map(fd, id, NATIVE_FIXED, IOVA, mem, SIZE) == IOVA));
	CATCH_A();
	b = START(ioctl(fd, IOASID_FREE, &arg));
	EXPECT_ENDS(START(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)));
	EXPECT_ENDS(b);
	RELEASE_A();
	EXPECT_EQ(0, settles(self->a, 0));
	close(fd);
}

/* The last close is B's, on its way out, where no signal reaches it. */
TEST_F(tenants, close_at_the_exit_of_another)
{
	int fd = native_open();
	char *mem = touched_memory(SIZE);
	pid_t b;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	b = START(IS_TOLD() ? 0 : -1);
	ASSERT_TRUE(START_A(native_map(fd, 0, NATIVE_FIXED, IOVA, mem, SIZE) == IOVA && !close(fd)));
	close(fd);
	EXPECT_EQ((long)(SIZE / KIB), status_kib(self->a, "VmLck"));
	CATCH_A();
	TELL();
	EXPECT_ENDS(b);
	EXPECT_EQ(self->before, ktap_pinned());
	RELEASE_A();
	EXPECT_EQ(0, settles(self->a, 0));
}

/* A waits for its own lock, can be killed, and is gone before it gets anything back. */
TEST_F(tenants, unmap_by_a_itself)
{
	int fd = native_open();
	char *mem = touched_memory(SIZE);

	ASSERT_NE(MAP_FAILED, (void *)mem);
	self->a = fork();
	if (!self->a) {
		if (native_map(fd, 0, NATIVE_FIXED, IOVA, mem, SIZE) == IOVA &&
		    write(self->ready[1], "y", 1) == 1 && IS_TOLD())
			native_unmap(fd, 0, IOVA, SIZE);
		_exit(0);
	}
	ASSERT_EQ(1, read(self->ready[0], &(char){ 0 }, 1));
	CATCH_A();
	TELL();
	EXPECT_WAITS(self->a);
	ASSERT_EQ(0, kill(self->a, SIGKILL));
	EXPECT_EQ(1000, ended(self->a, 5000));
	RELEASE_A();
	self->a = 0;
	EXPECT_EQ(self->before, ktap_pinned());
	close(fd);
}

#define LIMIT	(2 * SIZE)

/* A without privileges, which maps all that it may, and once more on a byte from the test. */
static void a_at_its_limit(struct ktap_fixture_tenants *self, int fd, char *mem)
{
	struct rlimit limit = { LIMIT, LIMIT };
	bool mapped;

	mapped = !setrlimit(RLIMIT_MEMLOCK, &limit) && !setresuid(1000, 1000, 1000) &&
		 native_map(fd, 0, NATIVE_FIXED, IOVA, mem, SIZE) == IOVA &&
		 native_map(fd, 0, NATIVE_FIXED, 2 * IOVA, mem, SIZE) == 2 * IOVA &&
		 native_map(fd, 0, NATIVE_FIXED, 3 * IOVA, mem, PAGE) == NATIVE_FAIL;
	if (write(self->ready[1], mapped ? "y" : "n", 1) != 1 || !IS_TOLD())
		_exit(1);
	mapped = native_map(fd, 0, NATIVE_FIXED, 3 * IOVA, mem, LIMIT) == 3 * IOVA;
	if (write(self->ready[1], mapped ? "y" : "n", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* It gets back what several calls gave, no more, and has it for its next charge. */
TEST_F(tenants, several_give_backs)
{
	int fd = native_open();
	char *mem = touched_memory(LIMIT), c = 0;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	self->a = fork();
	if (!self->a)
		a_at_its_limit(self, fd, mem);
	ASSERT_EQ(1, read(self->ready[0], &c, 1));
	ASSERT_EQ('y', c);
	CATCH_A();
	EXPECT_ENDS(START(native_unmap(fd, 0, IOVA, SIZE)));
	EXPECT_ENDS(START(native_unmap(fd, 0, 2 * IOVA, SIZE)));
	EXPECT_EQ(self->before, ktap_pinned());
	EXPECT_EQ((long)(LIMIT / KIB), status_kib(self->a, "VmLck"));
	RELEASE_A();
	TELL();
	ASSERT_EQ(1, read(self->ready[0], &c, 1));
	EXPECT_EQ('y', c);
	EXPECT_EQ((long)(LIMIT / KIB), status_kib(self->a, "VmLck"));
	EXPECT_EQ((long long)LIMIT, native_unmap(fd, 0, 3 * IOVA, LIMIT));
	EXPECT_EQ(0, status_kib(self->a, "VmLck"));
	close(fd);
}

TEST_HARNESS_MAIN
