// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel functions of <ioasid/ioasid.h>, called by a module that is not
 * one of ours: what each does, and the errnos that its kernel-doc promises.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/kapi.h"
#include "lib/ioasid.h"

#define IOVA	0x4000000ULL
#define PAGES	8
#define HUGE	(2UL << 20)

/* As <ioasid/ioasid.h>, <ioasid/args.h> and <linux/iommu.h> have them. */
#define READ		1
#define WRITE		2
#define UNMAP_ALL	1
#define EMULATED	1
#define CONTAINER	1

FIXTURE(kapi) {
	int module;
	char *mem;		/* PAGES pages, each with its number in its first word */
	long long before;	/* pages pinned */
};

FIXTURE_SETUP(kapi)
{
	uint64_t i;

	self->before = ktap_pinned();
	self->module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->module);
	self->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	for (i = 0; i < PAGES; i++)
		*(uint64_t *)(self->mem + i * PAGE) = 1000 + i;
}

FIXTURE_TEARDOWN(kapi)
{
	close(self->module);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* One call, whose members are given; what it returned, and @a its answer. */
#define CALL(_op, ...) ({							\
	a = (struct kapi){ .op = KAPI_##_op, ##__VA_ARGS__ };			\
	ioctl(self->module, KAPI_CALL, &a);					\
})
#define MAP(_iova, _mem, _n, _flags)						\
	CALL(MAP, .iova = _iova, .data = (uintptr_t)(_mem), .length = (_n) * PAGE, .flags = _flags)
#define UNMAP(_iova, _n)	CALL(UNMAP, .iova = _iova, .length = (_n) * PAGE)
#define PIN(_page, _n, _prot)							\
	CALL(PIN, .iova = IOVA + (_page) * PAGE, .length = _n, .prot = _prot)
#define UNPIN(_page, _n)	CALL(UNPIN, .iova = IOVA + (_page) * PAGE, .length = _n)
#define EDU(_op, ...)		CALL(_op, .device = DEVICE_EDU, ##__VA_ARGS__)

TEST_F(kapi, spaces)
{
	uint64_t first;
	struct kapi a;

	EXPECT_ERRNO(ENXIO, CALL(NUMBER));
	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, CALL(NUMBER));
	first = a.out;
	EXPECT_LT(0, first);
	ASSERT_EQ(0, MAP(IOVA, self->mem, PAGES, READ | WRITE));
	EXPECT_EQ(4 * PAGES, locked_kib());
	/* The last reference takes the mappings along. */
	ASSERT_EQ(0, CALL(GET));
	ASSERT_EQ(0, CALL(PUT));
	EXPECT_EQ(4 * PAGES, locked_kib());
	ASSERT_EQ(0, CALL(PUT));
	EXPECT_EQ(0, locked_kib());
	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, CALL(NUMBER));
	EXPECT_LT(first, a.out);
}

TEST_F(kapi, kill)
{
	struct kapi a;

	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, MAP(IOVA, self->mem, PAGES, READ | WRITE));
	ASSERT_EQ(0, CALL(KILL));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());
	EXPECT_ERRNO(EINVAL, MAP(IOVA, self->mem, 1, READ));
	EXPECT_ERRNO(EINVAL, CALL(UNMAP, .flags = UNMAP_ALL));
	EXPECT_EQ(0, a.out);
}

TEST_F(kapi, space_of_a_file)
{
	int fd = native_open(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct kapi a;

	ASSERT_LE(0, fd);
	ASSERT_EQ(2, native_alloc(fd));
	ASSERT_EQ(3, native_alloc(fd));
	EXPECT_EQ(0, CALL(IS_OURS, .fd = fd));
	EXPECT_EQ(1, a.out);
	EXPECT_EQ(0, CALL(IS_OURS, .fd = null));
	EXPECT_EQ(0, a.out);
	EXPECT_ERRNO(EINVAL, CALL(FROM_FILE, .fd = null));
	EXPECT_ERRNO(ENOENT, CALL(FROM_FILE, .fd = fd, .flags = 4));
	ASSERT_EQ(0, CALL(FROM_FILE, .fd = fd, .flags = 2));
	ASSERT_EQ(0, MAP(IOVA, self->mem, 2, READ));
	EXPECT_EQ(1, native_info(fd, 2).out_maps);
	/* A reference does not keep it from its end; nothing may be done with it then. */
	EXPECT_EQ(0, native_free(fd, 2));
	EXPECT_EQ(0, locked_kib());
	EXPECT_ERRNO(EINVAL, MAP(IOVA, self->mem, 2, READ));
	EXPECT_ERRNO(EINVAL, EDU(ATTACH));
	ASSERT_EQ(0, CALL(PUT));
	/* A registered driver uses it. */
	ASSERT_EQ(0, CALL(FROM_FILE, .fd = fd, .flags = 3));
	ASSERT_EQ(0, EDU(ATTACH, .flags = EMULATED));
	EXPECT_ERRNO(EBUSY, native_free(fd, 3));
	ASSERT_EQ(0, EDU(DETACH));
	EXPECT_EQ(0, native_free(fd, 3));
	close(null);
	close(fd);
}

TEST_F(kapi, joins_a_file)
{
	int fd = native_open(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct backend d = { .kind = BACKEND_IOASID, .fd = fd, .group = -1 };
	struct kapi a;

	ASSERT_EQ(2, native_alloc(fd));
	ASSERT_EQ(2, native_legacy(fd, IOASID_LEGACY_SET, 2));
	EXPECT_ERRNO(EINVAL, CALL(JOIN, .fd = null));
	EXPECT_ERRNO(EINVAL, backend_map(&d, IOVA, self->mem, PAGE, MAP_RW));
	ASSERT_EQ(0, CALL(JOIN, .fd = fd));
	EXPECT_ERRNO(EBUSY, native_legacy(fd, IOASID_LEGACY_SET, 1));
	/* VFIO's ioctls work from now on, and it outlives the file. */
	EXPECT_EQ(0, backend_map(&d, IOVA, self->mem, PAGE, MAP_RW));
	close(fd);
	EXPECT_EQ(4, locked_kib());
	EXPECT_EQ(0, UNMAP(IOVA, 1));
	EXPECT_EQ(PAGE, a.out);
	close(null);
}

TEST_F(kapi, maps)
{
	struct kapi a;

	ASSERT_EQ(0, CALL(CREATE));
	EXPECT_ERRNO(EINVAL, MAP(IOVA + 1, self->mem, 1, READ));
	EXPECT_ERRNO(EINVAL, MAP(IOVA, self->mem + 1, 1, READ));
	EXPECT_ERRNO(EINVAL, MAP(IOVA, self->mem, 0, READ));
	EXPECT_ERRNO(EOVERFLOW, MAP(-PAGE, self->mem, 2, READ));
	EXPECT_ERRNO(EFAULT, MAP(IOVA, 16 * PAGE, 1, READ));
	ASSERT_EQ(0, MAP(IOVA, self->mem, 4, READ | WRITE));
	EXPECT_ERRNO(EEXIST, MAP(IOVA + 3 * PAGE, self->mem, 1, READ));
	EXPECT_EQ(16, locked_kib());
	EXPECT_ERRNO(EINVAL, UNMAP(IOVA, 2));
	EXPECT_EQ(0, a.out);
	EXPECT_EQ(0, UNMAP(IOVA + 4 * PAGE, 2));
	EXPECT_EQ(0, a.out);
	EXPECT_EQ(0, UNMAP(IOVA, 4));
	EXPECT_EQ(4 * PAGE, a.out);
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(2 * PAGE));
	EXPECT_ERRNO(ENOMEM, MAP(IOVA, self->mem, 3, READ));
	EXPECT_EQ(0, locked_kib());
}

TEST_F(kapi, limit_of_mappings)
{
	struct kapi a;

	ASSERT_TRUE(backend_limit(BACKEND_IOASID, "1"));
	EXPECT_EQ(0, CALL(CREATE));
	EXPECT_TRUE(backend_limit(BACKEND_IOASID, "65535"));
	ASSERT_EQ(0, MAP(IOVA, self->mem, 1, READ));
	EXPECT_ERRNO(ENOSPC, MAP(2 * IOVA, self->mem, 1, READ));
}

TEST_F(kapi, pins)
{
	struct kapi a;

	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, MAP(IOVA, self->mem, 4, READ | WRITE));
	ASSERT_EQ(0, MAP(IOVA + 4 * PAGE, self->mem + 4 * PAGE, 4, READ));
	/* A pin needs an access with a callback for unmaps. */
	EXPECT_ERRNO(EINVAL, PIN(0, 1, READ));
	ASSERT_EQ(0, CALL(ACCESS_CREATE, .flags = 1));
	EXPECT_ERRNO(EINVAL, PIN(0, 1, READ));
	ASSERT_EQ(0, CALL(ACCESS_DESTROY));
	ASSERT_EQ(0, CALL(ACCESS_CREATE));
	EXPECT_EQ(2, PIN(3, 2, READ));
	EXPECT_EQ(1003, a.out);
	EXPECT_ERRNO(EPERM, PIN(3, 2, READ | WRITE));
	EXPECT_ERRNO(EINVAL, PIN(7, 2, READ));
	EXPECT_ERRNO(EINVAL, PIN(0, 0, READ));
	/* Pinned for the IOMMU already, and charged once. */
	EXPECT_EQ(32, locked_kib());
	EXPECT_EQ(0, UNPIN(4, 1));
	/* Ranges that are not pinned are ignored. */
	EXPECT_EQ(0, UNPIN(0, KAPI_PAGES));
	EXPECT_EQ(1, PIN(2, 1, READ | WRITE));
	EXPECT_EQ(0, UNMAP(IOVA + 4 * PAGE, 4));
	CALL(CALLBACKS);
	EXPECT_EQ(0, a.out);
	EXPECT_EQ(0, UNMAP(IOVA, 4));
	CALL(CALLBACKS);
	EXPECT_EQ(1, a.out);
	EXPECT_EQ(self->before, ktap_pinned());
	ASSERT_EQ(0, CALL(ACCESS_DESTROY));
}

TEST_F(kapi, pins_of_another_process)
{
	struct kapi a;
	int status;
	pid_t pid;

	ASSERT_EQ(0, CALL(CREATE, .flags = CONTAINER));
	ASSERT_EQ(0, CALL(ACCESS_CREATE));
	ASSERT_EQ(0, EDU(ATTACH, .flags = EMULATED));
	pid = fork();
	if (!pid)
		_exit(MAP(IOVA, self->mem, 2, READ | WRITE) != 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	/* Nothing is pinned without an IOMMU, and its memory went with it. */
	EXPECT_ERRNO(ENODEV, PIN(0, 1, READ));
	ASSERT_EQ(0, MAP(IOVA + 2 * PAGE, self->mem, 2, READ | WRITE));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(1, PIN(2, 1, READ));
	EXPECT_EQ(1000, a.out);
	EXPECT_EQ(4, locked_kib());
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(PAGE));
	ASSERT_EQ(0, MAP(IOVA + 4 * PAGE, self->mem, 2, READ | WRITE));
	EXPECT_ERRNO(ENOMEM, PIN(4, 1, READ));
	EXPECT_EQ(0, UNPIN(2, 1));
	EXPECT_EQ(0, locked_kib());
	/* The last group leaves a container, and the mappings go. */
	ASSERT_EQ(0, EDU(DETACH));
	EXPECT_ERRNO(EINVAL, PIN(2, 1, READ));
}

TEST_F(kapi, reads_and_writes)
{
	char buf[2 * PAGE];
	struct kapi a;

	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, MAP(IOVA, self->mem, 2, READ | WRITE));
	ASSERT_EQ(0, MAP(IOVA + 2 * PAGE, self->mem + 4 * PAGE, 2, READ));
	memset(buf, 0x5a, sizeof(buf));
	EXPECT_EQ(0, CALL(WRITE, .iova = IOVA + PAGE - 3, .data = (uintptr_t)buf, .length = 6));
	EXPECT_EQ(0, memcmp(self->mem + PAGE - 3, buf, 6));
	/* Across two mappings, which are apart in memory. */
	EXPECT_EQ(0, CALL(READ, .iova = IOVA + PAGE, .data = (uintptr_t)buf, .length = 2 * PAGE));
	EXPECT_EQ(0, memcmp(buf, self->mem + PAGE, PAGE));
	EXPECT_EQ(0, memcmp(buf + PAGE, self->mem + 4 * PAGE, PAGE));
	EXPECT_ERRNO(EPERM, CALL(WRITE, .iova = IOVA + 2 * PAGE, .data = (uintptr_t)buf,
				 .length = 8));
	EXPECT_ERRNO(EINVAL, CALL(READ, .iova = IOVA + 4 * PAGE - 4, .data = (uintptr_t)buf,
				  .length = 8));
	ASSERT_EQ(0, munmap(self->mem, PAGE));
	EXPECT_ERRNO(EFAULT, CALL(READ, .iova = IOVA, .data = (uintptr_t)buf, .length = 8));
}

/* The /dev/ioasid on which @file is mapped at IOVA, and whose space the module has. */
static int of_file(struct ktap_fixture_kapi *self, int file, uint64_t length, uint32_t flags)
{
	int fd = native_open();
	struct kapi a;

	if (native_map_file(fd, 0, flags, IOVA, file, 0, length) != IOVA ||
	    CALL(FROM_FILE, .fd = fd) || CALL(ACCESS_CREATE)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int numbered_file(struct ktap_fixture_kapi *self)
{
	int file = memfd_create("kapi", MFD_CLOEXEC);

	if (pwrite(file, self->mem, PAGES * PAGE, 0) == PAGES * PAGE)
		return file;
	close(file);
	return -1;
}

/* Drivers see what devices see: the pages that are mapped, whatever became of the file. */
TEST_F(kapi, memory_of_a_file)
{
	uint64_t words[2] = { 77, 78 }, last = 0;
	int file = numbered_file(self), fd;
	struct kapi a;

	fd = of_file(self, file, PAGES * PAGE, NATIVE_FIXED);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, PIN(3, 2, READ | WRITE));
	EXPECT_EQ(1003, a.out);
	/* Pinned and charged with the mapping. */
	EXPECT_EQ(4 * PAGES, locked_kib());
	EXPECT_EQ(0, UNPIN(3, 2));

	/* The first word of the last page but one, and the page after. */
	EXPECT_EQ(0, CALL(WRITE, .iova = IOVA + (PAGES - 1) * PAGE - 8, .data = (uintptr_t)words,
			  .length = sizeof(words)));
	ASSERT_EQ(8, pread(file, &last, 8, (PAGES - 1) * PAGE));
	EXPECT_EQ(78, last);
	EXPECT_EQ(0, CALL(READ, .iova = IOVA + 2 * PAGE, .data = (uintptr_t)words, .length = 8));
	EXPECT_EQ(1002, words[0]);

	ASSERT_EQ(0, ftruncate(file, 0));
	EXPECT_EQ(1, PIN(4, 1, READ));
	EXPECT_EQ(1004, a.out);
	EXPECT_EQ(0, CALL(READ, .iova = IOVA + 5 * PAGE, .data = (uintptr_t)words, .length = 8));
	EXPECT_EQ(1005, words[0]);
	/* The driver is notified, and unpins. */
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap(fd, 0, IOVA, PAGES * PAGE));
	CALL(CALLBACKS);
	EXPECT_EQ(1, a.out);
	EXPECT_ERRNO(EINVAL, CALL(READ, .iova = IOVA, .data = (uintptr_t)words, .length = 8));
	close(file);
	close(fd);
}

TEST_F(kapi, memory_of_a_file_that_is_only_read)
{
	int file = numbered_file(self), fd;
	uint64_t word = 0;
	struct kapi a;

	fd = of_file(self, file, PAGES * PAGE, IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA);
	ASSERT_LE(0, fd);
	EXPECT_ERRNO(EPERM, PIN(0, 1, READ | WRITE));
	EXPECT_ERRNO(EPERM, CALL(WRITE, .iova = IOVA, .data = (uintptr_t)&word, .length = 8));
	EXPECT_EQ(0, CALL(READ, .iova = IOVA, .data = (uintptr_t)&word, .length = 8));
	EXPECT_EQ(1000, word);
	close(file);
	close(fd);
}

/* Pages within one folio, which the mapping has pinned as one. */
TEST_F(kapi, huge_pages_of_a_file)
{
	uint64_t words[2] = {}, i, *p;
	struct kapi a;
	int file, fd;

	if (!file_write("/proc/sys/vm/nr_hugepages", "2"))
		SKIP(return, "no huge pages can be had");
	file = memfd_create("kapi", MFD_CLOEXEC | MFD_HUGETLB);
	ASSERT_EQ(0, ftruncate(file, 2 * HUGE));
	p = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (p == MAP_FAILED) {
		close(file);
		SKIP(return, "no hugetlbfs");
	}
	for (i = 0; i < 2 * HUGE / PAGE; i++)
		p[i * PAGE / sizeof(*p)] = i;
	p[HUGE / sizeof(*p) - 1] = 4711;
	fd = of_file(self, file, 2 * HUGE, NATIVE_FIXED);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, PIN(HUGE / PAGE - 1, 2, READ | WRITE));
	EXPECT_EQ(HUGE / PAGE - 1, a.out);
	EXPECT_EQ(0, UNPIN(HUGE / PAGE - 1, 2));
	EXPECT_EQ(1, PIN(HUGE / PAGE + 7, 1, READ));
	EXPECT_EQ(HUGE / PAGE + 7, a.out);
	EXPECT_EQ(0, CALL(READ, .iova = IOVA + HUGE - 8, .data = (uintptr_t)words,
			  .length = sizeof(words)));
	EXPECT_EQ(4711, words[0]);
	EXPECT_EQ(HUGE / PAGE, words[1]);
	EXPECT_EQ((long long)(2 * HUGE), native_unmap(fd, 0, IOVA, 2 * HUGE));
	munmap(p, 2 * HUGE);
	close(file);
	close(fd);
	file_write("/proc/sys/vm/nr_hugepages", "0");
}

struct remapper {
	int fd;
	int file;
	bool stop;
	unsigned long rounds;
};

static void *remap_file(void *data)
{
	struct remapper *r = data;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		if (native_unmap(r->fd, 0, IOVA, PAGES * PAGE) != PAGES * PAGE ||
		    native_map_file(r->fd, 0, NATIVE_FIXED, IOVA, r->file, 0,
				    PAGES * PAGE) != IOVA)
			break;
		r->rounds++;
	}
	return NULL;
}

/* A page is that of the mapping or there is none, at whatever moment that ends. */
TEST_F(kapi, memory_of_a_file_that_comes_and_goes)
{
	struct remapper r = { .file = numbered_file(self) };
	unsigned long pins = 0, reads = 0, i;
	uint64_t word = 0;
	pthread_t thread;
	struct kapi a;
	int ret;

	r.fd = of_file(self, r.file, PAGES * PAGE, NATIVE_FIXED);
	ASSERT_LE(0, r.fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, remap_file, &r));
	for (i = 0; i < 200000 && (i < 2000 || pins < 50 || reads < 50 || r.rounds < 50); i++) {
		ret = PIN(i % PAGES, 1, READ | WRITE);
		if (ret == 1) {
			ASSERT_EQ(1000 + i % PAGES, a.out);
			UNPIN(i % PAGES, 1);
			pins++;
		} else {
			ASSERT_EQ(EINVAL, errno);
		}
		ret = CALL(READ, .iova = IOVA + i % PAGES * PAGE, .data = (uintptr_t)&word,
			   .length = 8);
		if (!ret) {
			ASSERT_EQ(1000 + i % PAGES, word);
			reads++;
		} else {
			ASSERT_EQ(EINVAL, errno);
		}
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_LE(50, pins);
	EXPECT_LE(50, reads);
	EXPECT_LE(50, r.rounds);
	ASSERT_EQ(0, CALL(ACCESS_DESTROY));
	close(r.file);
	close(r.fd);
}

TEST_F(kapi, attaches)
{
	struct kapi a;

	ASSERT_EQ(0, CALL(CREATE));
	EXPECT_ERRNO(ENODEV, EDU(DOMAIN));
	ASSERT_EQ(0, MAP(MSI_START, self->mem, 1, READ | WRITE));
	EXPECT_ERRNO(EINVAL, EDU(ATTACH));
	EXPECT_EQ(0, UNMAP(MSI_START, 1));
	ASSERT_EQ(0, MAP(IOVA, self->mem, 2, READ | WRITE));
	ASSERT_EQ(0, EDU(ATTACH));
	EXPECT_EQ(0, EDU(DOMAIN));
	EXPECT_ERRNO(EINVAL, EDU(ATTACH));
	EXPECT_ERRNO(EINVAL, MAP(MSI_START, self->mem, 1, READ));
	ASSERT_EQ(0, EDU(DETACH));
	EXPECT_ERRNO(ENODEV, EDU(DOMAIN));
	/* Not a container: what is mapped stays. */
	EXPECT_EQ(8, locked_kib());
	EXPECT_ERRNO(EEXIST, MAP(IOVA, self->mem, 1, READ));
}

/* A thread of the kernel may borrow the owner's memory, unless it already borrows memory. */
TEST_F(kapi, reads_by_kernel_threads)
{
	uint64_t word = 0;
	struct kapi a;
	int status;
	pid_t pid;

	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, MAP(IOVA, self->mem, PAGES, READ | WRITE));
#define READ_AS(_who)	CALL(READ, .iova = IOVA + PAGE, .data = (uintptr_t)&word, .length = 8,	\
			     .flags = KAPI_##_who)
	EXPECT_EQ(0, READ_AS(KTHREAD));
	EXPECT_EQ(1001, word);
	word = 0;
	EXPECT_EQ(0, READ_AS(BORROWER));
	EXPECT_EQ(1001, word);
	pid = fork();
	if (!pid) {
		if (!READ_AS(CALLER) || errno != EFAULT)
			_exit(1);
		if (!READ_AS(BORROWER) || errno != EFAULT)
			_exit(2);
		word = 0;
		_exit(READ_AS(KTHREAD) || word != 1001 ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
#undef READ_AS
}

static long dirty_range(struct ktap_fixture_kapi *self, uint32_t flags, uint64_t iova,
			uint64_t pages, uint64_t *bits, uint64_t bytes)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} d = {
		.head = { .argsz = sizeof(d), .flags = flags },
		.get = { .iova = iova, .size = pages * PAGE,
			 .bitmap = { PAGE, bytes, (void *)bits } },
	};
	struct kapi a;

	return CALL(LEGACY, .flags = VFIO_IOMMU_DIRTY_PAGES, .data = (uintptr_t)&d);
}

static long dirty(struct ktap_fixture_kapi *self, uint32_t flags, uint64_t *bits)
{
	return dirty_range(self, flags, IOVA, 4, bits, sizeof(*bits));
}

/* A driver that pins what its device writes keeps the rest clean. */
TEST_F(kapi, reports_dirty)
{
	uint64_t bits = 0;
	struct kapi a;

	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, CALL(ACCESS_CREATE));
	ASSERT_EQ(0, EDU(ATTACH));
	ASSERT_EQ(0, MAP(IOVA, self->mem, 4, READ | WRITE));
	ASSERT_EQ(0, dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_START, &bits));
	ASSERT_EQ(0, dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, &bits));
	EXPECT_EQ(0xf, bits);
	ASSERT_EQ(0, EDU(REPORTS_DIRTY));
	/* For once, of what it wrote before it said so. */
	bits = 0;
	ASSERT_EQ(0, dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, &bits));
	ASSERT_EQ(1, PIN(2, 1, READ | WRITE));
	bits = 0;
	ASSERT_EQ(0, dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, &bits));
	EXPECT_EQ(1 << 2, bits);
	ASSERT_EQ(0, UNPIN(2, 1));
}

/* Bits of mappings at odd places, in bitmaps that begin at others. */
TEST_F(kapi, dirty_bits_wherever_they_lie)
{
	static const struct { uint64_t first, n; } areas[] = {
		{ 0, 37 }, { 42, 100 }, { 142, 1 }, { 150, 150 }, { 320, 64 },
	};
	uint64_t bits[8], want[8], seed = 4711, before, i, j, page;
	char *mem = touched_memory(150 * PAGE);
	struct kapi a;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, CALL(ACCESS_CREATE));
	ASSERT_EQ(0, EDU(ATTACH));
	for (i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
		ASSERT_EQ(0, MAP(IOVA + areas[i].first * PAGE, mem, areas[i].n, READ | WRITE));
	ASSERT_EQ(0, dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_START, bits));
	/* The first time a device still writes unseen. */
	for (before = 0; before < 127; before += 9) {
		memset(want, 0, sizeof(want));
		for (i = 0; before && i < 40; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			j = seed >> 33;
			page = areas[j % 5].first + (j >> 3) % areas[j % 5].n;
			ASSERT_EQ(1, PIN(page, 1, READ | WRITE));
			UNPIN(page, 1);
			want[(before + page) / 64] |= 1ULL << (before + page) % 64;
		}
		memset(bits, 0, sizeof(bits));
		ASSERT_EQ(0, dirty_range(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
					 IOVA - before * PAGE, before + 384, bits, sizeof(bits)));
		for (i = 0; before && i < 8; i++)
			ASSERT_EQ(want[i], bits[i]);
		for (i = 0; !before && i < 384; i++)
			ASSERT_EQ((i < 37) || (i >= 42 && i < 143) || (i >= 150 && i < 300) || i >= 320,
				  bits[i / 64] >> i % 64 & 1);
		ASSERT_EQ(0, EDU(REPORTS_DIRTY));
	}
	munmap(mem, 150 * PAGE);
}

TEST_F(kapi, legacy_ioctls)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	struct kapi a;

	/* Before there is a space. */
	EXPECT_EQ(1, CALL(LEGACY, .flags = VFIO_CHECK_EXTENSION, .data = VFIO_TYPE1v2_IOMMU));
	EXPECT_ERRNO(EINVAL, CALL(LEGACY, .flags = VFIO_IOMMU_GET_INFO,
				  .data = (uintptr_t)&info));
	ASSERT_EQ(0, CALL(CREATE));
	EXPECT_EQ(0, CALL(LEGACY, .flags = VFIO_IOMMU_GET_INFO, .data = (uintptr_t)&info));
	EXPECT_TRUE(info.flags & VFIO_IOMMU_INFO_PGSIZES);
	EXPECT_ERRNO(ENOTTY, CALL(LEGACY, .flags = VFIO_DEVICE_RESET));
}

/* The module's file is closed with all of it there. */
TEST_F(kapi, closed_with_everything)
{
	struct kapi a;

	ASSERT_EQ(0, CALL(CREATE));
	ASSERT_EQ(0, CALL(ACCESS_CREATE));
	ASSERT_EQ(0, EDU(ATTACH));
	ASSERT_EQ(0, MAP(IOVA, self->mem, 4, READ | WRITE));
	ASSERT_EQ(0, CALL(GET));
}

TEST_HARNESS_MAIN
