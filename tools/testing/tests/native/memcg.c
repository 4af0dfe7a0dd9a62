// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a caller makes the kernel keep is charged to the caller's memory
 * cgroup. Each call is made in a loop in a cgroup of 16 MiB, and the growth of
 * the kernel's memory must be in memory.current.
 */
#include <sys/stat.h>

#include "lib/kapi.h"
#include "lib/ioasid.h"

#define CGROUP		"/sys/fs/cgroup/ioasid-memcg"
#define IOVA		0x10000000ULL
#define FILL_KIB	(10 * KIB)	/* as far as a loop goes, of 16 MiB */
#define SLACK_KIB	1536		/* what else happens in the machine */
#define RANGES		256
#define BATCH		256
#define SPREAD		512		/* pages of self->spread */

FIXTURE(memcg) {
	int fd;
	int file;		/* a memfd of two pages */
	int module;
	char *mem;		/* one page; mapped over and over */
	char *spread;		/* SPREAD times the second page of @file: a run each */
	struct backend d;		/* of EDU, while it is attached */
};

struct loop {
	bool (*begin)(struct ktap_fixture_memcg *self);
	int (*step)(struct ktap_fixture_memcg *self, uint64_t i);	/* the @i-th; 0 or -1 */
	unsigned int most;	/* steps */
	unsigned int kib;	/* that are charged at the end, at least; 0: nothing stays */
	void (*end)(struct ktap_fixture_memcg *self, uint64_t n);
};

FIXTURE_VARIANT(memcg) {
	struct loop loop;
};

/* --- what is kept --- */

static int step_open(struct ktap_fixture_memcg *self, uint64_t i)
{
	(void)self;
	(void)i;
	return native_open() < 0 ? -1 : 0;
}

static int step_alloc(struct ktap_fixture_memcg *self, uint64_t i)
{
	(void)i;
	return native_alloc(self->fd) < 0 ? -1 : 0;
}

static int step_allow(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct ioasid_iova_range r[RANGES];
	int id = native_alloc(self->fd), k;

	(void)i;
	for (k = 0; k < RANGES; k++)
		r[k] = (struct ioasid_iova_range){ k * 2 * PAGE, k * 2 * PAGE + PAGE - 1 };
	return id < 0 ? -1 : native_allow(self->fd, id, r, RANGES);
}

static int step_map(struct ktap_fixture_memcg *self, uint64_t i)
{
	return native_map(self->fd, 0, NATIVE_FIXED, IOVA + i * PAGE, self->mem, PAGE) ==
	       NATIVE_FAIL ? -1 : 0;
}

static int step_runs(struct ktap_fixture_memcg *self, uint64_t i)
{
	return native_map(self->fd, 0, NATIVE_FIXED, IOVA + i * SPREAD * PAGE, self->spread,
			  SPREAD * PAGE) == NATIVE_FAIL ? -1 : 0;
}

static int step_batch(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct ioasid_map_entry e[BATCH] = {};
	uint32_t done;
	int k;

	for (k = 0; k < BATCH; k++) {
		e[k].flags = NATIVE_FIXED;
		e[k].iova = IOVA + (i * BATCH + k) * PAGE;
		e[k].user_va = (uintptr_t)self->mem;
		e[k].length = PAGE;
	}
	return native_map_batch(self->fd, 0, e, BATCH, &done);
}

/* A mapping that becomes two, each with its own list of extents, and bits. */
static int step_cut(struct ktap_fixture_memcg *self, uint64_t i)
{
	uint64_t iova = IOVA + i * SPREAD * PAGE;

	return step_runs(self, i) ?: native_unmap_split(self->fd, 0, iova + SPREAD / 2 * PAGE, PAGE) ==
	       (long long)PAGE ? 0 : -1;
}

static int step_file(struct ktap_fixture_memcg *self, uint64_t i)
{
	return native_map_file(self->fd, 0, NATIVE_FIXED, IOVA + i * PAGE, self->file, 0, PAGE) ==
	       NATIVE_FAIL ? -1 : 0;
}

static bool begin_copy(struct ktap_fixture_memcg *self)
{
	return native_map(self->fd, 0, NATIVE_FIXED, 0, self->mem, PAGE) == 0;
}

static int step_copy(struct ktap_fixture_memcg *self, uint64_t i)
{
	return native_copy(self->fd, 0, 0, NATIVE_FIXED, IOVA + i * PAGE, 0, PAGE) ==
	       NATIVE_FAIL ? -1 : 0;
}

static bool begin_legacy(struct ktap_fixture_memcg *self)
{
	self->d = (struct backend){ .kind = BACKEND_IOASID, .fd = self->fd, .group = -1 };
	return !ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

static int step_legacy(struct ktap_fixture_memcg *self, uint64_t i)
{
	return backend_map(&self->d, IOVA + i * PAGE, self->mem, PAGE, MAP_RW);
}

static int dirty(struct ktap_fixture_memcg *self, uint32_t op, void *bits)
{
	struct ioasid_dirty arg = {
		.size = sizeof(arg),
		.op = op,
		.iova = IOVA,
		.length = 64 * PAGE,
		.page_size = PAGE,
		.data = (uintptr_t)bits,
		.data_size = 8,
	};

	return ioctl(self->fd, IOASID_DIRTY, &arg);
}

static bool begin_tracked(struct ktap_fixture_memcg *self)
{
	return !dirty(self, IOASID_DIRTY_OP_START, NULL);
}

/* Page tables: each mapping has some of its own. */
static bool begin_tables(struct ktap_fixture_memcg *self)
{
	return native_attach(self->fd, &self->d, DEVICE_EDU);
}

static int step_tables(struct ktap_fixture_memcg *self, uint64_t i)
{
	return native_map(self->fd, 0, NATIVE_FIXED, IOVA + i * 2 * MIB, self->mem, PAGE) ==
	       NATIVE_FAIL ? -1 : 0;
}

static bool begin_iommu_map(struct ktap_fixture_memcg *self)
{
	return file_write("/sys/module/ioasid/parameters/iommu_map", "Y") && begin_tables(self);
}

/* What in-kernel users pin, one page in the middle of each mapping. */
static bool begin_pins(struct ktap_fixture_memcg *self)
{
	struct kapi join = { .op = KAPI_FROM_FILE, .fd = self->fd };
	struct kapi access = { .op = KAPI_ACCESS_CREATE };

	return !ioctl(self->module, KAPI_CALL, &join) && !ioctl(self->module, KAPI_CALL, &access);
}

static long pin(struct ktap_fixture_memcg *self, uint32_t op, uint64_t i)
{
	struct kapi pin = {
		.op = op,
		.iova = IOVA + (i * SPREAD + SPREAD - 1) * PAGE,
		.length = 1,
		.prot = 3,
	};

	return ioctl(self->module, KAPI_CALL, &pin);
}

static int step_pins(struct ktap_fixture_memcg *self, uint64_t i)
{
	return step_runs(self, i) ?: pin(self, KAPI_PIN, i) == 1 ? 0 : -1;
}

static void end_pins(struct ktap_fixture_memcg *self, uint64_t n)
{
	while (n--)
		pin(self, KAPI_UNPIN, n);
}

/* The first address space of a user. */
static int step_users(struct ktap_fixture_memcg *self, uint64_t i)
{
	(void)self;
	return setresuid(70000 + i, 0, 0) || native_open() < 0 ? -1 : 0;
}

FIXTURE_VARIANT_ADD(memcg, users) { .loop = { .step = step_users, 4000, 3000 } };
FIXTURE_VARIANT_ADD(memcg, open) { .loop = { .step = step_open, 4000, 3000 } };
FIXTURE_VARIANT_ADD(memcg, alloc) { .loop = { .step = step_alloc, 8000, 4000 } };
FIXTURE_VARIANT_ADD(memcg, allow_iovas) { .loop = { .step = step_allow, 1500, 6000 } };
FIXTURE_VARIANT_ADD(memcg, map_dma) { .loop = { .step = step_map, 40000, 5000 } };
FIXTURE_VARIANT_ADD(memcg, map_dma_runs) { .loop = { .step = step_runs, 2000, 7000 } };
FIXTURE_VARIANT_ADD(memcg, map_batch) { .loop = { .step = step_batch, 150, 5000 } };
FIXTURE_VARIANT_ADD(memcg, map_file) { .loop = { .step = step_file, 40000, 5000 } };
FIXTURE_VARIANT_ADD(memcg, copy) { .loop = { begin_copy, step_copy, 40000, 5000 } };
FIXTURE_VARIANT_ADD(memcg, legacy_map) { .loop = { begin_legacy, step_legacy, 40000, 5000 } };
FIXTURE_VARIANT_ADD(memcg, tracked) { .loop = { begin_tracked, step_runs, 2000, 7000 } };
FIXTURE_VARIANT_ADD(memcg, page_tables) { .loop = { begin_tables, step_tables, 1500, 5000 } };
FIXTURE_VARIANT_ADD(memcg, iommu_map) { .loop = { begin_iommu_map, step_tables, 1500, 5000 } };
FIXTURE_VARIANT_ADD(memcg, pins) {
	.loop = { begin_pins, step_pins, 1500, 8000, end_pins }
};

/* --- what leaves nothing --- */

static int step_free(struct ktap_fixture_memcg *self, uint64_t i)
{
	int id = native_alloc(self->fd);

	(void)i;
	return id < 0 ? -1 : native_free(self->fd, id);
}

static int step_unmap(struct ktap_fixture_memcg *self, uint64_t i)
{
	return step_map(self, i) ?:
	       native_unmap(self->fd, 0, IOVA + i * PAGE, PAGE) == (long long)PAGE ? 0 : -1;
}

static int step_unmap_batch(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct ioasid_iova_range r = { IOVA, IOVA + BATCH * PAGE - 1 };
	uint32_t done;

	(void)i;
	return step_batch(self, 0) ?: native_unmap_batch(self->fd, 0, &r, 1, &done);
}

static int step_dirty(struct ktap_fixture_memcg *self, uint64_t i)
{
	uint64_t bits = 0;

	(void)i;
	return dirty(self, IOASID_DIRTY_OP_START, NULL) ?:
	       dirty(self, IOASID_DIRTY_OP_GET, &bits) ?:
	       dirty(self, IOASID_DIRTY_OP_GET_NO_CLEAR, &bits) ?:
	       dirty(self, IOASID_DIRTY_OP_STOP, NULL);
}

static int set(struct ktap_fixture_memcg *self, uint32_t option, uint64_t value)
{
	return native_option(self->fd, 0, option, IOASID_OPTION_SET, value, NULL);
}

static int step_questions(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct ioasid_iova_range r[4];
	struct ioasid_iova_ranges ranges = {
		.size = sizeof(ranges),
		.nr_ranges = 4,
		.ranges = (uintptr_t)r,
	};
	struct ioasid_change_owner owner = { .size = sizeof(owner) };
	struct ioasid_get_info info = { .size = sizeof(info) };

	(void)i;
	return set(self, IOASID_OPTION_HUGE_PAGES, i & 1) ?:
	       set(self, IOASID_OPTION_MAP_LIMIT, 1000 + i % 7) ?:
	       set(self, IOASID_OPTION_ACCOUNT_MODE,
		   i & 1 ? IOASID_ACCOUNT_USER : IOASID_ACCOUNT_MM) ?:
	       (native_legacy(self->fd, IOASID_LEGACY_GET, 0) == 1 ? 0 : -1) ?:
	       ioctl(self->fd, IOASID_GET_INFO, &info) ?:
	       ioctl(self->fd, IOASID_IOVA_RANGES, &ranges) ?:
	       ioctl(self->fd, IOASID_CHANGE_OWNER, &owner);
}

static int step_allow_again(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct ioasid_iova_range r[2] = {
		{ 0, PAGE * i + PAGE - 1 },
		{ PAGE * (i + 2), UINT64_MAX },
	};

	return native_allow(self->fd, 0, r, 2);
}

/* Maps that fail, early and late. */
static int step_refused(struct ktap_fixture_memcg *self, uint64_t i)
{
	(void)i;
	if (native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, PAGE) != NATIVE_FAIL ||
	    native_map(self->fd, 0, NATIVE_FIXED, 0, NULL, PAGE) != NATIVE_FAIL)
		return -1;
	return native_copy(self->fd, 0, 0, NATIVE_FIXED, IOVA, IOVA, PAGE) == NATIVE_FAIL ? 0 : -1;
}

static bool begin_refused(struct ktap_fixture_memcg *self)
{
	return !step_map(self, 0);
}

static int step_unmap_dirty(struct ktap_fixture_memcg *self, uint64_t i)
{
	uint64_t bits = 0;
	struct ioasid_unmap_dma arg = {
		.size = sizeof(arg),
		.flags = IOASID_UNMAP_FLAG_GET_DIRTY,
		.iova = IOVA,
		.length = PAGE,
		.dirty = (uintptr_t)&bits,
		.dirty_size = sizeof(bits),
	};

	(void)i;
	return step_map(self, 0) ?: ioctl(self->fd, IOASID_UNMAP_DMA, &arg);
}

static bool begin_owner(struct ktap_fixture_memcg *self)
{
	uint64_t i;

	for (i = 0; i < 64; i++)
		if (step_map(self, i))
			return false;
	return true;
}

static int step_owner(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct ioasid_change_owner owner = { .size = sizeof(owner) };

	(void)i;
	return ioctl(self->fd, IOASID_CHANGE_OWNER, &owner);
}

static int legacy_dirty(struct ktap_fixture_memcg *self, uint32_t flags)
{
	struct vfio_iommu_type1_dirty_bitmap arg = { .argsz = sizeof(arg), .flags = flags };

	return ioctl(self->fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
}

/* What VFIO's ioctls ask, and what they undo. */
static int step_legacy_questions(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct vfio_iommu_type1_info *info = backend_info(&self->d);
	bool good = info && ioctl(self->fd, VFIO_GET_API_VERSION) == VFIO_API_VERSION &&
		    ioctl(self->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) == 1 &&
		    !legacy_dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_START) &&
		    !step_legacy(self, i) &&
		    backend_unmap_flags(&self->d, IOVA + i * PAGE, PAGE, 0) == (long long)PAGE &&
		    !legacy_dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);

	free(info);
	return good ? 0 : -1;
}

/* A container with a group, a domain and a mapping, from its beginning to its end. */
static int step_container(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct backend d = { .fd = -1, .group = -1 };
	bool good = backend_open(&d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU) &&
		    !backend_map(&d, IOVA + i * PAGE, self->mem, PAGE, MAP_RW) &&
		    !ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER);

	backend_close(&d);
	return good ? 0 : -1;
}

/* A group that joins, and leaves. */
static int step_join(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct backend d = { .fd = -1, .group = -1 };
	bool good = backend_join(&d, BACKEND_SHIM, DEVICE_EDU) &&
		    !ioctl(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->fd));

	(void)i;
	backend_close(&d);
	return good ? 0 : -1;
}

/* In-kernel users that read, write, and go. */
static bool begin_access(struct ktap_fixture_memcg *self)
{
	struct kapi join = { .op = KAPI_FROM_FILE, .fd = self->fd };

	return !step_map(self, 0) && !ioctl(self->module, KAPI_CALL, &join);
}

static int step_access(struct ktap_fixture_memcg *self, uint64_t i)
{
	struct kapi calls[] = {
		{ .op = KAPI_ACCESS_CREATE },
		{ .op = KAPI_WRITE, .iova = IOVA, .data = (uintptr_t)&i, .length = sizeof(i) },
		{ .op = KAPI_READ, .iova = IOVA, .data = (uintptr_t)&i, .length = sizeof(i) },
		{ .op = KAPI_ACCESS_DESTROY },
	};
	size_t n;

	for (n = 0; n < sizeof(calls) / sizeof(calls[0]); n++)
		if (ioctl(self->module, KAPI_CALL, &calls[n]) < 0)
			return -1;
	return 0;
}

FIXTURE_VARIANT_ADD(memcg, unmap_dirty) {
	.loop = { begin_tracked, step_unmap_dirty, 5000, 0 }
};
FIXTURE_VARIANT_ADD(memcg, cut) { .loop = { .step = step_cut, 400, 1000 } };
FIXTURE_VARIANT_ADD(memcg, owner) { .loop = { begin_owner, step_owner, 2000, 0 } };
FIXTURE_VARIANT_ADD(memcg, legacy_questions) {
	.loop = { begin_legacy, step_legacy_questions, 3000, 0 }
};
FIXTURE_VARIANT_ADD(memcg, container) { .loop = { .step = step_container, 50, 0 } };
FIXTURE_VARIANT_ADD(memcg, join) { .loop = { .step = step_join, 50, 0 } };
FIXTURE_VARIANT_ADD(memcg, access) { .loop = { begin_access, step_access, 5000, 0 } };
FIXTURE_VARIANT_ADD(memcg, free) { .loop = { .step = step_free, 4000, 0 } };
FIXTURE_VARIANT_ADD(memcg, unmap) { .loop = { .step = step_unmap, 20000, 0 } };
FIXTURE_VARIANT_ADD(memcg, unmap_batch) { .loop = { .step = step_unmap_batch, 200, 0 } };
FIXTURE_VARIANT_ADD(memcg, dirty) { .loop = { begin_refused, step_dirty, 5000, 0 } };
FIXTURE_VARIANT_ADD(memcg, questions) { .loop = { .step = step_questions, 10000, 0 } };
FIXTURE_VARIANT_ADD(memcg, allow_again) { .loop = { .step = step_allow_again, 20000, 0 } };
FIXTURE_VARIANT_ADD(memcg, refused) { .loop = { begin_refused, step_refused, 10000, 0 } };

/* --- measuring --- */

static bool enter(void)
{
	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		return false;
	return file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory") &&
	       file_write(CGROUP "/memory.max", "16M") && file_write(CGROUP "/cgroup.procs", "0");
}

static bool make_spread(struct ktap_fixture_memcg *self)
{
	uint64_t i;

	self->spread = mmap(NULL, SPREAD * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; self->spread != MAP_FAILED && i < SPREAD; i++)
		if (mmap(self->spread + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | MAP_POPULATE, self->file, PAGE) == MAP_FAILED)
			return false;
	return self->spread != MAP_FAILED;
}

FIXTURE_SETUP(memcg)
{
	struct rlimit files = { 8192, 8192 };

	self->d = (struct backend){ .fd = -1, .group = -1 };
	ASSERT_TRUE(enter());
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->module);
	self->file = memfd_create("ioasid-memcg", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(self->file, 2 * PAGE));
	self->mem = touched_memory(PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_TRUE(make_spread(self));
}

FIXTURE_TEARDOWN(memcg)
{
	unsigned int fd;

	if (self->d.group >= 0)
		backend_close(&self->d);
	/* Those that a loop opened, too. */
	for (fd = 3; fd < 8192; fd++)
		close(fd);
	EXPECT_EQ(0, locked_kib());
	EXPECT_TRUE(file_write("/sys/module/ioasid/parameters/iommu_map", "N"));
	EXPECT_TRUE(file_write("/sys/fs/cgroup/cgroup.procs", "0"));
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* KiB that the kernel has for itself, without what it can get back. */
static long long kernel_memory(void)
{
	long long tables = file_number_after("/proc/meminfo", "SecPageTables");

	return file_number_after("/proc/meminfo", "SUnreclaim") + (tables > 0 ? tables : 0) +
	       file_number_after("/proc/meminfo", "VmallocUsed");
}

/* kmemleak and KASAN keep memory for each object, and no cgroup is charged for that. */
static bool kernel_keeps_more(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

#define MORE_IS_KEPT	"this kernel keeps more memory than it charges for"

static long long charged(void)
{
	return file_number(CGROUP "/memory.current") / 1024;
}

TEST_F_TIMEOUT(memcg, pays, 20)
{
	const struct loop *loop = &variant->loop;
	long long kernel, current, kernel_after = 0, current_after = 0;
	unsigned int i, tries;

	if (kernel_keeps_more())
		SKIP(return, MORE_IS_KEPT);
	if (loop->step == step_tables && iommu_is_virtio())
		SKIP(return, "a virtio-iommu has no page tables");
	ASSERT_TRUE(!loop->begin || loop->begin(self));
	/* Once, for what is made with the first. */
	ASSERT_EQ(0, loop->step(self, 0));
	kernel = kernel_memory();
	current = charged();
	for (i = 1; i < loop->most; i++) {
		ASSERT_EQ(0, loop->step(self, i));
		if (i % 64 == 0 && charged() - current > (long long)FILL_KIB)
			break;
	}
	/* What RCU frees is late. */
	for (tries = 0; tries < 40; tries++) {
		kernel_after = kernel_memory() - kernel;
		current_after = charged() - current;
		if (loop->kib || current_after <= SLACK_KIB)
			break;
		usleep(50000);
	}
	TH_LOG("%u steps: the kernel's memory grew by %lld KiB, memory.current by %lld KiB", i,
	       kernel_after, current_after);
	if (loop->end)
		loop->end(self, i);
	/* A part of a slab's own bookkeeping is charged to no cgroup. */
	EXPECT_LE(kernel_after, current_after + current_after / 16 + SLACK_KIB);
	if (loop->kib)
		EXPECT_LE((long long)loop->kib, current_after);
	else
		EXPECT_LE(current_after, SLACK_KIB);
}

/* A caller that never stops: address spaces, and as many mappings as each takes. */
static void hoard(struct ktap_fixture_memcg *self)
{
	uint64_t i;
	int id;

	if (!begin_copy(self))
		_exit(2);
	while ((id = native_alloc(self->fd)) > 0)
		for (i = 0; i < 65535; i++)
			if (native_copy(self->fd, id, 0, NATIVE_FIXED, IOVA + i * PAGE, 0, PAGE) ==
			    NATIVE_FAIL)
				_exit(errno == ENOMEM ? 3 : 4);
	_exit(5);
}

FIXTURE(hoard) {
	struct ktap_fixture_memcg m;
};

FIXTURE_SETUP(hoard)
{
	ktap_setup_memcg(_self, &self->m, NULL);
}

FIXTURE_TEARDOWN(hoard)
{
	ktap_teardown_memcg(_self, &self->m, NULL);
}

/* The limit of the cgroup holds: a caller that reaches it is killed or gets ENOMEM. */
TEST_F_TIMEOUT(hoard, ends_at_the_limit, 60)
{
	long long before = kernel_memory(), most = 0, now;
	int status;
	pid_t pid;

	if (kernel_keeps_more())
		SKIP(return, MORE_IS_KEPT);
	printf("# expect-splat: Call Trace:\n");
	fflush(stdout);
	/* This process only watches. */
	ASSERT_TRUE(file_write("/sys/fs/cgroup/cgroup.procs", "0"));
	pid = fork();
	if (!pid) {
		if (!file_write(CGROUP "/cgroup.procs", "0"))
			_exit(1);
		close(self->m.fd);
		self->m.fd = native_open();
		hoard(&self->m);
	}
	while (!waitpid(pid, &status, WNOHANG)) {
		now = kernel_memory() - before;
		most = now > most ? now : most;
		if (most > 2 * 16 * (long long)KIB)
			kill(pid, SIGKILL);
		usleep(20000);
	}
	TH_LOG("the kernel's memory grew by %lld KiB", most);
	EXPECT_LE(most, 16 * KIB + SLACK_KIB);
	EXPECT_LE(8 * KIB, most);
	EXPECT_TRUE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
		    (WIFEXITED(status) && WEXITSTATUS(status) == 3));
	EXPECT_LE(kernel_memory() - before, SLACK_KIB);
}

TEST_HARNESS_MAIN
