// SPDX-License-Identifier: GPL-2.0-only
/*
 * charge_shared: a page that a process has pinned several times counts once for it, and as
 * long as any mapping has it. Which page it is says its frame, not its address.
 *
 * distinct_random.c does the same with a model and by chance.
 */
#include <linux/capability.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/users.h"
#include "distinct.h"

#define IOVA	0x100000000ULL
#define PAGES	16
#define SIZE	(PAGES * PAGE)
#define HUGE	(2 * MIB)

FIXTURE(distinct) {
	int a;
	int b;
	char *mem;
	long long pinned;
};

FIXTURE_SETUP(distinct)
{
	self->a = distinct_open(true);
	self->b = distinct_open(true);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
	self->mem = small_pages(2 * SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
	memset(self->mem, 1, 2 * SIZE);
	self->pinned = ktap_pinned();
}

FIXTURE_TEARDOWN(distinct)
{
	close(self->a);
	close(self->b);
	EXPECT_LOCKED(0);
	EXPECT_EQ(self->pinned, ktap_pinned());
}

TEST_F(distinct, once_in_two)
{
	ASSERT_TRUE(distinct_map(self->a, IOVA, self->mem, PAGES));
	ASSERT_LOCKED(PAGES);
	ASSERT_TRUE(distinct_map(self->b, 0, self->mem, PAGES));
	EXPECT_LOCKED(PAGES);
	EXPECT_EQ(self->pinned + 2 * PAGES, ktap_pinned());
	/* The first one that paid goes first. */
	EXPECT_TRUE(distinct_unmap(self->a, IOVA, PAGES));
	EXPECT_LOCKED(PAGES);
	ASSERT_TRUE(distinct_map(self->a, IOVA, self->mem, PAGES));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->a, IOVA, PAGES));
	EXPECT_LOCKED(0);
}

/* As type1 counts, unless the space says otherwise; and that for each space. */
TEST_F(distinct, switch)
{
	int off = native_open(), off2 = distinct_open(false);
	uint64_t value = 7;

	ASSERT_LE(0, off);
	ASSERT_LE(0, off2);
	EXPECT_EQ(0, native_option(off, 0, IOASID_OPTION_CHARGE_SHARED, IOASID_OPTION_GET, 0, &value));
	EXPECT_EQ((uint64_t)(file_number("/sys/module/ioasid/parameters/charge_shared") == 'Y'), value);
	EXPECT_EQ(0, native_option(self->a, 0, IOASID_OPTION_CHARGE_SHARED, IOASID_OPTION_GET, 0, &value));
	EXPECT_EQ(1, value);
	EXPECT_ERRNO(EINVAL, native_set(self->a, 0, IOASID_OPTION_CHARGE_SHARED, 2));
	EXPECT_EQ(1, fdinfo_number(self->a, "ioasid-charge-shared"));
	EXPECT_EQ(0, fdinfo_number(off2, "ioasid-charge-shared"));

	ASSERT_TRUE(distinct_map(off2, 0, self->mem, PAGES));
	ASSERT_TRUE(distinct_map(off2, IOVA, self->mem, PAGES));
	ASSERT_LOCKED(2 * PAGES);
	ASSERT_TRUE(distinct_map(self->a, 0, self->mem, PAGES));
	ASSERT_LOCKED(3 * PAGES);
	ASSERT_TRUE(distinct_map(self->b, 0, self->mem, PAGES));
	ASSERT_LOCKED(3 * PAGES);
	/* What was mapped before it changes stays as it is. */
	ASSERT_EQ(0, native_set(self->b, 0, IOASID_OPTION_CHARGE_SHARED, 0));
	ASSERT_TRUE(distinct_map(self->b, IOVA, self->mem, PAGES));
	ASSERT_LOCKED(4 * PAGES);
	EXPECT_TRUE(distinct_unmap(self->a, 0, PAGES));
	EXPECT_LOCKED(4 * PAGES);
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	EXPECT_LOCKED(3 * PAGES);
	close(off);
	close(off2);
	EXPECT_LOCKED(PAGES);
}

TEST_F(distinct, parts)
{
	ASSERT_TRUE(distinct_map(self->a, IOVA, self->mem, PAGES));
	ASSERT_TRUE(distinct_map(self->b, 0, self->mem + SIZE / 2, PAGES));
	EXPECT_LOCKED(PAGES + PAGES / 2);
	ASSERT_TRUE(distinct_map(self->b, IOVA, self->mem + 3 * PAGE, 1));
	EXPECT_LOCKED(PAGES + PAGES / 2);
	EXPECT_TRUE(distinct_unmap(self->a, IOVA, PAGES));
	EXPECT_LOCKED(PAGES + 1);
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	EXPECT_LOCKED(1);
}

TEST_F(distinct, twice_in_one_space)
{
	ASSERT_TRUE(distinct_map(self->a, 0, self->mem, PAGES));
	ASSERT_TRUE(distinct_map(self->a, IOVA, self->mem, PAGES));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->a, 0, PAGES));
	EXPECT_LOCKED(PAGES);
}

/* The address is the same, the memory is not. */
TEST_F(distinct, another_page_at_the_address)
{
	ASSERT_TRUE(distinct_map(self->a, 0, self->mem, PAGES));
	ASSERT_EQ(self->mem, mmap(self->mem, SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_TRUE(distinct_map(self->b, 0, self->mem, PAGES));
	EXPECT_LOCKED(2 * PAGES);
	/* The first half once more. */
	ASSERT_EQ(0, madvise(self->mem, SIZE / 2, MADV_DONTNEED));
	ASSERT_TRUE(distinct_map(self->b, IOVA, self->mem, PAGES));
	EXPECT_LOCKED(2 * PAGES + PAGES / 2);
	EXPECT_TRUE(distinct_unmap(self->a, 0, PAGES));
	EXPECT_LOCKED(PAGES + PAGES / 2);
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	EXPECT_LOCKED(PAGES);
}

/* The memory is the same, the address is not. */
TEST_F(distinct, same_page_elsewhere)
{
	int file = memfd_create("distinct", 0);
	char *one, *two;

	ASSERT_EQ(0, ftruncate(file, SIZE));
	one = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	two = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, one);
	ASSERT_NE(MAP_FAILED, two);
	memset(one, 1, SIZE);
	ASSERT_TRUE(distinct_map(self->a, 0, one, PAGES));
	/* And for reading only; and by the file itself. */
	ASSERT_EQ(0, native_map(self->b, 0, IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA, 0, two,
				SIZE));
	ASSERT_EQ(IOVA, native_map_file(self->b, 0, NATIVE_FIXED, IOVA, file, 0, SIZE));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->a, 0, PAGES));
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	EXPECT_LOCKED(PAGES);

	ASSERT_TRUE(distinct_map(self->a, 0, self->mem, PAGES));
	EXPECT_LOCKED(2 * PAGES);
	two = mremap(self->mem, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, one);
	ASSERT_EQ(one, two);
	ASSERT_TRUE(distinct_map(self->b, 0, two, PAGES));
	EXPECT_LOCKED(2 * PAGES);
	close(file);
}

/* One mapping of memory in which each page is twice, in small and in large steps. */
TEST_F(distinct, twice_in_one_mapping)
{
	int file = memfd_create("distinct", 0);
	char *mem = mmap(NULL, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t many = 1200;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, ftruncate(file, many * PAGE));
	ASSERT_EQ(mem, mmap(mem, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0));
	ASSERT_EQ(mem + SIZE, mmap(mem + SIZE, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				   file, 0));
	ASSERT_TRUE(distinct_map(self->a, 0, mem, 2 * PAGES));
	EXPECT_LOCKED(PAGES);
	ASSERT_TRUE(distinct_map(self->b, 0, mem + SIZE / 2, PAGES));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->a, 0, 2 * PAGES));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	EXPECT_LOCKED(0);

	mem = mmap(NULL, 2 * many * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(mem, mmap(mem, many * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0));
	ASSERT_EQ(mem + many * PAGE, mmap(mem + many * PAGE, many * PAGE, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_FIXED, file, 0));
	ASSERT_TRUE(distinct_map(self->a, 0, mem, 2 * many));
	EXPECT_LOCKED(many);
	EXPECT_TRUE(distinct_unmap(self->a, 0, 2 * many));
	EXPECT_LOCKED(0);
	close(file);
}

/* Pages that are free of charge are so however often they are mapped. */
TEST_F(distinct, zero_page)
{
	uint32_t flags = IOASID_MAP_FLAG_READ | IOASID_MAP_FLAG_FIXED_IOVA;
	char *reserved = user_reserved();

	ASSERT_NE(MAP_FAILED, reserved);
	ASSERT_EQ(0, native_map(self->a, 0, flags, 0, reserved, PAGE));
	ASSERT_EQ(0, native_map(self->b, 0, flags, 0, reserved, PAGE));
	EXPECT_LOCKED(0);
	/* Between others, which are known from before. */
	ASSERT_EQ(self->mem + SIZE, mremap(reserved, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
					   self->mem + SIZE));
	ASSERT_EQ(IOVA, native_map(self->a, 0, flags, IOVA, self->mem, SIZE + 3 * PAGE));
	ASSERT_EQ(IOVA, native_map(self->b, 0, flags, IOVA, self->mem, SIZE + 3 * PAGE));
	EXPECT_LOCKED(PAGES + 2);
	EXPECT_TRUE(distinct_unmap(self->a, IOVA, PAGES + 3));
	EXPECT_LOCKED(PAGES + 2);
}

/* A huge page as a whole, and some of its pages. */
TEST_F(distinct, huge_and_small)
{
	char *mem = mmap(NULL, 4 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t i;

	ASSERT_NE(MAP_FAILED, mem);
	mem = (char *)(((uintptr_t)mem + HUGE - 1) & ~(HUGE - 1));
	madvise(mem, 3 * HUGE, MADV_HUGEPAGE);
	memset(mem, 1, 3 * HUGE);
	if (huge_kib() < 3 * 2048)
		SKIP(return, "no transparent huge pages");
	for (i = 0; i < PAGES; i++)
		ASSERT_TRUE(distinct_map(self->a, i * PAGE, mem + i * 7 * PAGE, 1));
	EXPECT_LOCKED(PAGES);
	ASSERT_TRUE(distinct_map(self->b, 0, mem, 1024));
	EXPECT_LOCKED(1024);
	ASSERT_TRUE(distinct_map(self->b, IOVA, mem + HUGE / 2, 1024));
	EXPECT_LOCKED(1024 + 256);
	EXPECT_TRUE(distinct_unmap(self->b, 0, 1024));
	/* 256 to 1279, and those below that the small ones have. */
	EXPECT_LOCKED(1024 + PAGES);
	EXPECT_TRUE(distinct_unmap(self->b, IOVA, 1024));
	EXPECT_LOCKED(PAGES);
	ASSERT_TRUE(distinct_map(self->b, IOVA, mem, 1536));
	for (i = 0; i < PAGES; i++)
		ASSERT_TRUE(distinct_unmap(self->a, i * PAGE, 1));
	EXPECT_LOCKED(1536);
	EXPECT_TRUE(distinct_unmap(self->b, IOVA, 1536));
	EXPECT_LOCKED(0);
}

/* Many in one call, and what COPY maps again. */
TEST_F(distinct, batch_and_copy)
{
	struct ioasid_map_entry e[3 * PAGES];
	int second = native_alloc(self->b), i;
	uint32_t done;

	memset(e, 0, sizeof(e));
	for (i = 0; i < 3 * PAGES; i++)
		e[i] = (struct ioasid_map_entry){
			.flags = NATIVE_FIXED,
			.iova = i * PAGE,
			.user_va = (uintptr_t)self->mem + i % PAGES * PAGE,
			.length = PAGE,
		};
	ASSERT_EQ(0, native_map_batch(self->a, 0, e, 3 * PAGES, &done));
	EXPECT_LOCKED(PAGES);
	ASSERT_TRUE(distinct_map(self->b, 0, self->mem, 2 * PAGES));
	EXPECT_LOCKED(2 * PAGES);
	ASSERT_EQ(IOVA, native_copy(self->b, second, 1, NATIVE_FIXED, IOVA, 0, PAGE));
	EXPECT_TRUE(distinct_unmap(self->b, 0, 2 * PAGES));
	/* A copy of one page keeps what was mapped with it. */
	EXPECT_LOCKED(2 * PAGES);
	EXPECT_EQ(0, native_free(self->b, second));
	EXPECT_LOCKED(PAGES);
	EXPECT_EQ((long long)(3 * SIZE), native_unmap_all(self->a, 0));
	EXPECT_LOCKED(0);
}

/* Memory of another process is another owner's, and an end of it changes nothing for this one. */
TEST_F(distinct, fork)
{
	char *mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, SIZE);
	ASSERT_TRUE(distinct_map(self->a, 0, mem, PAGES));
	ASSERT_TRUE(distinct_map(self->b, 0, mem, PAGES));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!(distinct_locked(getpid(), 0) == 0 &&
			distinct_map(self->a, IOVA, mem, PAGES) &&
			distinct_locked(getpid(), PAGES) == PAGES &&
			distinct_map(self->b, IOVA, mem, PAGES) &&
			distinct_locked(getpid(), PAGES) == PAGES &&
			distinct_unmap(self->a, IOVA, PAGES) &&
			distinct_locked(getpid(), PAGES) == PAGES &&
			/* That of the parent, which still has the other one. */
			distinct_unmap(self->a, 0, PAGES) &&
			distinct_locked(getppid(), PAGES) == PAGES));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->b, IOVA, PAGES));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	EXPECT_LOCKED(0);
}

#define AFTER_EXEC	"IOASID_TEST_AFTER_EXEC"

/* The program of the process that maps after exec: fds of two spaces and of a memfd. */
static void __attribute__((constructor)) after_exec(void)
{
	const char *fds = getenv(AFTER_EXEC);
	int a, b, file;
	char *mem;

	if (!fds || sscanf(fds, "%d %d %d", &a, &b, &file) != 3)
		return;
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	_exit(!(mem != MAP_FAILED && distinct_locked(getpid(), 0) == 0 &&
		distinct_map(a, IOVA, mem, PAGES) && distinct_locked(getpid(), PAGES) == PAGES &&
		distinct_map(b, IOVA, mem, PAGES) && distinct_locked(getpid(), PAGES) == PAGES &&
		/* What it had mapped before is in the old memory's charge, which is gone. */
		distinct_unmap(a, 0, PAGES) && distinct_unmap(b, 0, PAGES) &&
		distinct_unmap(a, IOVA, PAGES) && distinct_locked(getpid(), PAGES) == PAGES &&
		distinct_unmap(b, IOVA, PAGES) && distinct_locked(getpid(), 0) == 0));
}

TEST_F(distinct, exec)
{
	int file = memfd_create("distinct", 0), status;
	char *mem, fds[64];
	pid_t pid;

	ASSERT_EQ(0, ftruncate(file, SIZE));
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, mem);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int a = dup(self->a), b = dup(self->b);

		snprintf(fds, sizeof(fds), "%d %d %d", a, b, file);
		setenv(AFTER_EXEC, fds, 1);
		if (distinct_map(a, 0, mem, PAGES) && distinct_map(b, 0, mem, PAGES) &&
		    distinct_locked(getpid(), PAGES) == PAGES)
			execl("/proc/self/exe", "distinct", NULL);
		_exit(2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(file);
}

static bool change_owner(int fd)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg) };

	return !ioctl(fd, IOASID_CHANGE_OWNER, &arg);
}

/* The new owner pays once for what is in both spaces, and the old one no less than before. */
TEST_F(distinct, change_owner)
{
	int file = memfd_create("distinct", 0), status;
	pid_t pid, parent = getpid();

	ASSERT_EQ(0, ftruncate(file, SIZE));
	ASSERT_EQ(0, native_map_file(self->a, 0, NATIVE_FIXED, 0, file, 0, SIZE));
	ASSERT_EQ(IOVA, native_map_file(self->a, 0, NATIVE_FIXED, IOVA, file, 0, SIZE / 2));
	ASSERT_EQ(0, native_map_file(self->b, 0, NATIVE_FIXED, 0, file, 0, SIZE));
	ASSERT_LOCKED(PAGES);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!(drop_cap(CAP_IPC_LOCK) && set_memlock(SIZE - PAGE) &&
			/* Refused: no charge has changed. */
			!change_owner(self->a) && errno == ENOMEM &&
			distinct_locked(getpid(), 0) == 0 &&
			distinct_locked(parent, PAGES) == PAGES));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!(drop_cap(CAP_IPC_LOCK) && set_memlock(SIZE) && change_owner(self->a) &&
			distinct_locked(getpid(), PAGES) == PAGES &&
			distinct_locked(parent, PAGES) == PAGES && change_owner(self->b) &&
			distinct_locked(getpid(), PAGES) == PAGES &&
			distinct_locked(parent, 0) == 0 &&
			native_unmap_all(self->a, 0) == (long long)(SIZE + SIZE / 2) &&
			distinct_locked(getpid(), PAGES) == PAGES &&
			native_unmap_all(self->b, 0) == (long long)SIZE &&
			distinct_locked(getpid(), 0) == 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(file);
}

/* VFIO's live update: both mappings move to the new process, one after the other. */
TEST_F(distinct, live_update)
{
	struct backend a = { .kind = BACKEND_IOASID, .fd = self->a, .group = -1 };
	struct backend b = { .kind = BACKEND_IOASID, .fd = self->b, .group = -1 };
	pid_t pid, parent = getpid();
	int status;
	char *mem;

	ASSERT_EQ(0, ioctl(a.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, ioctl(b.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, backend_map(&a, 0, mem, SIZE, MAP_RW));
	ASSERT_EQ(0, backend_map(&b, 0, mem, SIZE, MAP_RW));
	ASSERT_LOCKED(PAGES);
	ASSERT_EQ((long long)SIZE, backend_unmap_flags(&a, 0, SIZE, VFIO_DMA_UNMAP_FLAG_VADDR));
	ASSERT_EQ((long long)SIZE, backend_unmap_flags(&b, 0, SIZE, VFIO_DMA_UNMAP_FLAG_VADDR));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!(drop_cap(CAP_IPC_LOCK) && set_memlock(SIZE) &&
			!backend_map(&a, 0, mem, SIZE, VFIO_DMA_MAP_FLAG_VADDR) &&
			distinct_locked(getpid(), PAGES) == PAGES &&
			distinct_locked(parent, PAGES) == PAGES &&
			!backend_map(&b, 0, mem, SIZE, VFIO_DMA_MAP_FLAG_VADDR) &&
			distinct_locked(getpid(), PAGES) == PAGES &&
			distinct_locked(parent, 0) == 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* The rlimit bounds the different pages; a map that it refuses leaves nothing. */
TEST_F(distinct, rlimit)
{
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(SIZE));
	ASSERT_TRUE(distinct_map(self->a, 0, self->mem, PAGES));
	ASSERT_TRUE(distinct_map(self->b, 0, self->mem, PAGES));
	EXPECT_NO_MAP(self->b, ENOMEM, native_map(self->b, 0, NATIVE_FIXED, IOVA, self->mem + SIZE, PAGE));
	EXPECT_NO_MAP(self->a, ENOMEM,
		      native_map(self->a, 0, NATIVE_FIXED, IOVA, self->mem + PAGE, SIZE));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(distinct_unmap(self->a, 0, PAGES));
	EXPECT_LOCKED(PAGES);
	EXPECT_NO_MAP(self->a, ENOMEM, native_map(self->a, 0, NATIVE_FIXED, IOVA, self->mem + SIZE, PAGE));
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	EXPECT_LOCKED(0);
	ASSERT_TRUE(distinct_map(self->a, IOVA, self->mem + SIZE, PAGES));
	EXPECT_LOCKED(PAGES);
}

/* A large one that is refused half way, over pages of which some are paid. */
TEST_F(distinct, refused_half_way)
{
	const uint64_t pages = 20 * MIB / PAGE;
	char *mem = small_pages(pages * PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, pages * PAGE);
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(5000 * PAGE));
	ASSERT_TRUE(distinct_map(self->a, 0, mem + 100 * PAGE, 1000));
	ASSERT_TRUE(distinct_map(self->b, 0, mem + 600 * PAGE, 1000));
	ASSERT_LOCKED(1500);
	/* 3620 pages of 5120 are new. */
	EXPECT_NO_MAP(self->b, ENOMEM, native_map(self->b, 0, NATIVE_FIXED, IOVA, mem, pages * PAGE));
	EXPECT_LOCKED(1500);
	EXPECT_TRUE(distinct_unmap(self->a, 0, 1000));
	EXPECT_LOCKED(1000);
	EXPECT_TRUE(distinct_unmap(self->b, 0, 1000));
	EXPECT_LOCKED(0);
}

/* The user's count instead of the process's: the same. */
TEST_F(distinct, for_the_user)
{
	ASSERT_EQ(0, native_set(self->a, 0, IOASID_OPTION_ACCOUNT_MODE, IOASID_ACCOUNT_USER));
	ASSERT_EQ(0, native_set(self->b, 0, IOASID_OPTION_ACCOUNT_MODE, IOASID_ACCOUNT_USER));
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(SIZE));
	ASSERT_TRUE(distinct_map(self->a, 0, self->mem, PAGES));
	ASSERT_TRUE(distinct_map(self->b, 0, self->mem, PAGES));
	EXPECT_TRUE(distinct_unmap(self->a, 0, PAGES));
	EXPECT_NO_MAP(self->b, ENOMEM, native_map(self->b, 0, NATIVE_FIXED, IOVA, self->mem + SIZE, PAGE));
	EXPECT_TRUE(distinct_unmap(self->b, 0, PAGES));
	ASSERT_TRUE(distinct_map(self->b, IOVA, self->mem + SIZE, PAGES));
	EXPECT_LOCKED(0);
}

/* A mapping that charges nothing is bounded by the user's number of such mappings. */
TEST_F(distinct, windows)
{
	uint64_t i;

	EXPECT_TRUE(user_limit("user_mappings", PAGES));
	ASSERT_TRUE(user_become(ALICE));
	ASSERT_TRUE(user_bound(true));
	close(self->a);
	self->a = distinct_open(true);
	ASSERT_LE(0, self->a);
	ASSERT_TRUE(distinct_map(self->a, IOVA, self->mem, PAGES));
	for (i = 0; i < PAGES; i++)
		ASSERT_TRUE(distinct_map(self->a, i * PAGE, self->mem, 1));
	EXPECT_NO_MAP(self->a, EDQUOT, native_map(self->a, 0, NATIVE_FIXED, i * PAGE, self->mem, PAGE));
	EXPECT_LOCKED(PAGES);
	EXPECT_TRUE(user_limits_reset());
}

/* --- at the same time --- */

struct mapper {
	int fd;
	char *mem;
	unsigned int seed;
	bool failed;
};

static void *mapper(void *data)
{
	struct mapper *m = data;
	int i;

	for (i = 0; i < 300; i++) {
		uint64_t first = rand_r(&m->seed) % PAGES, n = 1 + rand_r(&m->seed) % PAGES;

		if (!distinct_map(m->fd, 0, m->mem + first * PAGE, n) ||
		    !distinct_unmap(m->fd, 0, n))
			m->failed = true;
	}
	return NULL;
}

/* Tasks that pin the same pages at the same time; the second round finds none in books. */
TEST_F_TIMEOUT(distinct, together, 30)
{
	struct mapper m[4];
	pthread_t thread[4];
	int round, i;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 4; i++) {
			m[i] = (struct mapper){ distinct_open(true), self->mem, 4 * round + i, false };
			ASSERT_LE(0, m[i].fd);
			if (!round)
				ASSERT_TRUE(distinct_map(m[i].fd, IOVA, self->mem, 2));
			ASSERT_EQ(0, pthread_create(&thread[i], NULL, mapper, &m[i]));
		}
		for (i = 0; i < 4; i++) {
			pthread_join(thread[i], NULL);
			EXPECT_FALSE(m[i].failed);
		}
		EXPECT_LOCKED(round ? 0 : 2);
		for (i = 0; i < 4; i++)
			close(m[i].fd);
		EXPECT_LOCKED(0);
	}
}

TEST_HARNESS_MAIN
