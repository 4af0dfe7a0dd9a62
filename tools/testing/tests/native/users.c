// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of one user: address spaces, and mappings that no rlimit bounds. Each test
 * ends with the counts of its users at zero.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "lib/kapi.h"
#include "lib/users.h"

#define IOVA	0x10000000ULL
#define SPACES	5
#define WINDOWS	12
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

FIXTURE(users) {
	int fd;			/* of ALICE, with one charged page at 0 */
	char *mem;
	char *reserved;
};

FIXTURE_SETUP(users)
{
	EXPECT_TRUE(user_limit("user_spaces", SPACES));
	EXPECT_TRUE(user_limit("user_mappings", WINDOWS));
	ASSERT_TRUE(user_become(ALICE));
	ASSERT_TRUE(user_bound(true));
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->mem = touched_memory(PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->reserved = user_reserved();
	ASSERT_NE(MAP_FAILED, self->reserved);
	ASSERT_EQ(0, native_map(self->fd, 0, NATIVE_FIXED, 0, self->mem, PAGE));
}

FIXTURE_TEARDOWN(users)
{
	close(self->fd);
	EXPECT_EQ(0, user_counts(ALICE).lines);
	EXPECT_EQ(0, user_counts(BOB).lines);
	EXPECT_EQ(0, locked_kib());
	EXPECT_TRUE(user_limits_reset());
}

#define EXPECT_HAS(uid, nspaces, nmappings) do {					\
	struct user_counts _n = user_counts(uid);				\
										\
	EXPECT_EQ(nspaces, _n.spaces);						\
	EXPECT_EQ(nmappings, _n.mappings);					\
} while (0)

/* The @i-th copy of the first page of space @id of @fd. */
static bool copy(int fd, uint32_t id, int i)
{
	uint64_t iova = IOVA + i * PAGE;

	return native_copy(fd, id, 1, NATIVE_FIXED, iova, 0, PAGE) == iova;
}

static bool map_reserved(struct ktap_fixture_users *self, int i)
{
	uint64_t iova = IOVA + i * PAGE;

	return native_map(self->fd, 0, USER_READ, iova, self->reserved, PAGE) == iova;
}

static int fill(int fd, uint32_t id)
{
	int i = 0;

	while (i <= WINDOWS && copy(fd, id, i))
		i++;
	return i;
}

/* --- address spaces --- */

TEST_F(users, spaces_of_one_file)
{
	int i;

	EXPECT_HAS(ALICE, 1, 0);
	for (i = 1; i < SPACES; i++)
		ASSERT_EQ(i + 1, native_alloc(self->fd));
	EXPECT_ERRNO(EDQUOT, native_alloc(self->fd));
	EXPECT_HAS(ALICE, SPACES, 0);
	EXPECT_EQ(0, native_free(self->fd, 3));
	EXPECT_HAS(ALICE, SPACES - 1, 0);
	EXPECT_EQ(3, native_alloc(self->fd));
	EXPECT_ERRNO(EDQUOT, native_alloc(self->fd));
}

TEST_F(users, spaces_of_many_files)
{
	int fd[SPACES], i;

	for (i = 1; i < SPACES; i++) {
		fd[i] = native_open();
		ASSERT_LE(0, fd[i]);
	}
	EXPECT_ERRNO(EDQUOT, native_open());
	close(fd[1]);
	EXPECT_HAS(ALICE, SPACES - 1, 0);
	fd[1] = native_open();
	EXPECT_LE(0, fd[1]);
	for (i = 1; i < SPACES; i++)
		close(fd[i]);
}

/* One that a driver of the kernel keeps counts as long as it is kept. */
TEST_F(users, space_that_outlives_its_file)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC), fd = native_open();
	struct kapi join = { .op = KAPI_FROM_FILE, .fd = fd };

	ASSERT_LE(0, module);
	ASSERT_EQ(0, ioctl(module, KAPI_CALL, &join));
	close(fd);
	EXPECT_HAS(ALICE, 2, 0);
	close(module);
	EXPECT_HAS(ALICE, 1, 0);
}

/* A file that was opened by another user counts for that one, also when another one uses it. */
TEST_F(users, spaces_count_for_the_creator)
{
	struct ioasid_change_owner owner = { .size = sizeof(owner), .ioasid = 2 };

	ASSERT_TRUE(user_become(BOB));
	ASSERT_EQ(2, native_alloc(self->fd));
	EXPECT_HAS(ALICE, 1, 0);
	EXPECT_HAS(BOB, 1, 0);
	ASSERT_TRUE(copy(self->fd, 1, 0));
	ASSERT_TRUE(copy(self->fd, 2, 0));
	EXPECT_HAS(ALICE, 1, 1);
	EXPECT_HAS(BOB, 1, 1);
	/* The mappings have a new owner, and the limits the old one. */
	ASSERT_TRUE(user_become(ALICE));
	EXPECT_EQ(0, ioctl(self->fd, IOASID_CHANGE_OWNER, &owner));
	EXPECT_HAS(BOB, 1, 1);
	EXPECT_EQ(0, native_free(self->fd, 2));
	EXPECT_EQ(0, user_counts(BOB).lines);
	EXPECT_HAS(ALICE, 1, 1);
}

/* --- mappings that no rlimit bounds --- */

TEST_F(users, copies)
{
	EXPECT_EQ(WINDOWS, fill(self->fd, 0));
	EXPECT_ERRNO(EDQUOT, native_copy(self->fd, 0, 0, NATIVE_RW, 0, 0, PAGE) == NATIVE_FAIL ?
		     -1 : 0);
	EXPECT_HAS(ALICE, 1, WINDOWS);
	EXPECT_EQ(WINDOWS + 1, native_info(self->fd, 0).out_maps);
	/* What charges its pages is not counted. */
	EXPECT_EQ(IOVA * 2, native_map(self->fd, 0, NATIVE_FIXED, IOVA * 2, self->mem, PAGE));
	/* Another space of the same user has no room of its own. */
	ASSERT_EQ(2, native_alloc(self->fd));
	EXPECT_FALSE(copy(self->fd, 2, 0));
	EXPECT_EQ(PAGE, native_unmap(self->fd, 0, IOVA, PAGE));
	EXPECT_TRUE(copy(self->fd, 2, 0));
	EXPECT_FALSE(copy(self->fd, 2, 1));
	/* All of a space, and a space with all of it. */
	EXPECT_LT(0, native_unmap_all(self->fd, 0));
	EXPECT_HAS(ALICE, 2, 1);
	EXPECT_EQ(0, native_free(self->fd, 2));
	EXPECT_HAS(ALICE, 1, 0);
}

/* The source may go first: then the charge is the copy's, and it stays counted. */
TEST_F(users, copy_outlives_the_source)
{
	ASSERT_TRUE(copy(self->fd, 0, 0));
	EXPECT_EQ(PAGE, native_unmap(self->fd, 0, 0, PAGE));
	EXPECT_EQ((long)(PAGE / KIB), locked_kib());
	EXPECT_HAS(ALICE, 1, 1);
}

/* A copy that fails for another reason is not counted. */
TEST_F(users, copies_that_fail)
{
	EXPECT_ERRNO(EEXIST, native_copy(self->fd, 0, 0, NATIVE_FIXED, 0, 0, PAGE) == NATIVE_FAIL ?
		     -1 : 0);
	EXPECT_ERRNO(ENOENT, native_copy(self->fd, 0, 0, NATIVE_FIXED, IOVA, IOVA, PAGE) ==
		     NATIVE_FAIL ? -1 : 0);
	EXPECT_HAS(ALICE, 1, 0);
}

/* A page that is not charged: the mapping is counted. */
TEST_F(users, maps_without_a_charge)
{
	long locked = locked_kib();
	int i;

	for (i = 0; i < WINDOWS; i++)
		ASSERT_TRUE(map_reserved(self, i));
	EXPECT_ERRNO(EDQUOT, map_reserved(self, i) ? 0 : -1);
	EXPECT_EQ(locked, locked_kib());
	EXPECT_HAS(ALICE, 1, WINDOWS);
	/* A copy of what is counted is counted as well. */
	EXPECT_EQ(PAGE, native_unmap(self->fd, 0, IOVA, PAGE));
	EXPECT_EQ(IOVA, native_copy(self->fd, 0, 0, USER_READ, IOVA, IOVA + PAGE, PAGE));
	EXPECT_HAS(ALICE, 1, WINDOWS);
}

/* A pair of pages of which the first charges nothing, and the second is then cut off. */
static bool map_pair(struct ktap_fixture_users *self, char *pair, int i)
{
	uint64_t iova = IOVA + 2 * i * PAGE;

	return native_map(self->fd, 0, USER_READ, iova, pair, 2 * PAGE) == iova;
}

static bool cut_pair(struct ktap_fixture_users *self, int i)
{
	return native_unmap_split(self->fd, 0, IOVA + (2 * i + 1) * PAGE, PAGE) == (long long)PAGE;
}

/* The charge of a mapping goes with the part that is cut off: what is left is counted. */
TEST_F(users, cuts_without_a_charge)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC), i;
	char *pair = touched_memory(2 * PAGE);
	long locked = locked_kib();

	ASSERT_EQ(pair, mmap(pair, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, module, 0));
	for (i = 0; i < WINDOWS - 1; i++) {
		ASSERT_TRUE(map_pair(self, pair, i));
		EXPECT_HAS(ALICE, 1, i);
		ASSERT_TRUE(cut_pair(self, i));
		EXPECT_HAS(ALICE, 1, i + 1);
	}
	EXPECT_EQ(locked, locked_kib());
	/* For a moment both parts are there. */
	ASSERT_TRUE(map_pair(self, pair, i));
	EXPECT_ERRNO(EDQUOT, cut_pair(self, i) ? 0 : -1);
	EXPECT_HAS(ALICE, 1, WINDOWS - 1);
	EXPECT_EQ((long long)(2 * PAGE), native_unmap(self->fd, 0, IOVA + 2 * i * PAGE, 2 * PAGE));
	EXPECT_EQ((long long)PAGE, native_unmap(self->fd, 0, IOVA, PAGE));
	EXPECT_HAS(ALICE, 1, WINDOWS - 2);
	close(module);
}

/* The same with what is left on both sides. */
TEST_F(users, cut_in_the_middle)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	char *mem = touched_memory(3 * PAGE);

	ASSERT_EQ(mem, mmap(mem, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, module, 0));
	ASSERT_EQ(mem + 2 * PAGE,
		  mmap(mem + 2 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, module, 0));
	ASSERT_EQ(IOVA, native_map(self->fd, 0, USER_READ, IOVA, mem, 3 * PAGE));
	EXPECT_HAS(ALICE, 1, 0);
	ASSERT_EQ((long long)PAGE, native_unmap_split(self->fd, 0, IOVA + PAGE, PAGE));
	EXPECT_HAS(ALICE, 1, 2);
	EXPECT_EQ((long long)PAGE, native_unmap(self->fd, 0, IOVA, PAGE));
	EXPECT_HAS(ALICE, 1, 1);
	EXPECT_EQ((long long)PAGE, native_unmap(self->fd, 0, IOVA + 2 * PAGE, PAGE));
	EXPECT_HAS(ALICE, 1, 0);
	close(module);
}

/* Maps a page of @file with @fd in another process, which ends; 0, or its errno. */
static int map_elsewhere(int fd, uint32_t id, int file, int i, bool take_over)
{
	struct ioasid_change_owner owner = { .size = sizeof(owner), .ioasid = id };
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (take_over && ioctl(fd, IOASID_CHANGE_OWNER, &owner))
			_exit(errno);
		_exit(native_map_file(fd, id, NATIVE_FIXED, IOVA + i * PAGE, file, 0, PAGE) ==
		      NATIVE_FAIL ? errno : 0);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * A live update makes the process that gives the last address the owner: what it maps then
 * is bounded by its rlimit, and what the one before maps is not.
 */
TEST_F(users, live_update_has_a_new_owner)
{
	struct backend d = { .kind = BACKEND_IOASID, .fd = self->fd, .group = -1 };
	char *more = touched_memory(2 * PAGE);
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, more);
	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ((long long)PAGE, backend_unmap_flags(&d, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL |
						       VFIO_DMA_UNMAP_FLAG_VADDR));
	pid = fork();
	if (!pid)
		_exit(backend_map(&d, 0, self->mem, PAGE, VFIO_DMA_MAP_FLAG_VADDR) ||
		      backend_map(&d, IOVA, more, PAGE, MAP_RW));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_HAS(ALICE, 1, 0);
	ASSERT_EQ(0, backend_map(&d, 2 * IOVA, more + PAGE, PAGE, MAP_RW));
	EXPECT_HAS(ALICE, 1, 1);
	EXPECT_EQ((long long)(3 * PAGE), backend_unmap_all(&d));
}

/* What a process has mapped stays when it ends, and is not charged to a process then. */
TEST_F(users, maps_of_other_processes)
{
	int file = memfd_create("users", MFD_CLOEXEC), i;

	ASSERT_EQ(0, ftruncate(file, PAGE));
	for (i = 0; i < WINDOWS; i++)
		ASSERT_EQ(0, map_elsewhere(self->fd, 0, file, i, false));
	EXPECT_EQ(EDQUOT, map_elsewhere(self->fd, 0, file, i, false));
	EXPECT_HAS(ALICE, 1, WINDOWS);
	/* The owner's are bounded by its rlimit. */
	EXPECT_EQ(2 * IOVA, native_map(self->fd, 0, NATIVE_FIXED, 2 * IOVA, self->mem, PAGE));
	EXPECT_HAS(ALICE, 1, WINDOWS);
	EXPECT_EQ(PAGE, native_unmap(self->fd, 0, IOVA, PAGE));
	EXPECT_HAS(ALICE, 1, WINDOWS - 1);
}

TEST_F(users, maps_of_a_new_owner)
{
	int file = memfd_create("users", MFD_CLOEXEC);

	ASSERT_EQ(0, ftruncate(file, PAGE));
	ASSERT_EQ(2, native_alloc(self->fd));
	ASSERT_EQ(0, map_elsewhere(self->fd, 2, file, 0, true));
	EXPECT_HAS(ALICE, 2, 0);
	/* Now it is another process here. */
	EXPECT_EQ(2 * IOVA, native_map(self->fd, 2, NATIVE_FIXED, 2 * IOVA, self->mem, PAGE));
	EXPECT_HAS(ALICE, 2, 1);
}

/* What is charged to the user stays charged when the process ends. */
TEST_F(users, maps_charged_to_the_user)
{
	int file = memfd_create("users", MFD_CLOEXEC), i;

	ASSERT_EQ(0, ftruncate(file, PAGE));
	ASSERT_EQ(2, native_alloc(self->fd));
	ASSERT_TRUE(user_bound(false));
	ASSERT_EQ(0, native_set(self->fd, 2, IOASID_OPTION_ACCOUNT_MODE, IOASID_ACCOUNT_USER));
	ASSERT_TRUE(user_bound(true));
	for (i = 0; i < 2 * WINDOWS; i++)
		ASSERT_EQ(0, map_elsewhere(self->fd, 2, file, i, false));
	EXPECT_HAS(ALICE, 2, 0);
}

/* Nothing but its errno tells a program of VFIO's that it met a limit of ours. */
TEST_F(users, legacy_maps)
{
	struct backend d = { .kind = BACKEND_IOASID, .fd = self->fd, .group = -1 };
	int i;

	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	for (i = 0; i < WINDOWS; i++)
		ASSERT_EQ(0, backend_map(&d, IOVA + i * PAGE, self->reserved, PAGE,
					 VFIO_DMA_MAP_FLAG_READ));
	EXPECT_ERRNO(ENOSPC, backend_map(&d, IOVA + i * PAGE, self->reserved, PAGE,
					 VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ(0, backend_map(&d, 2 * IOVA, self->mem, PAGE, MAP_RW));
}

TEST_F(users, batch)
{
	struct ioasid_map_entry e[WINDOWS + 3] = {};
	struct ioasid_iova_range all = { IOVA, IOVA + ARRAY_SIZE(e) * PAGE - 1 };
	uint32_t done;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(e); i++)
		e[i] = (struct ioasid_map_entry){
			.iova = IOVA + i * PAGE,
			.user_va = (uintptr_t)(i == 1 ? self->mem : self->reserved),
			.length = PAGE,
			.flags = USER_READ,
		};
	EXPECT_ERRNO(EDQUOT, native_map_batch(self->fd, 0, e, ARRAY_SIZE(e), &done));
	/* The one that is charged comes on top. */
	EXPECT_EQ(WINDOWS + 1, done);
	EXPECT_HAS(ALICE, 1, WINDOWS);
	EXPECT_EQ(0, native_unmap_batch(self->fd, 0, &all, 1, &done));
	EXPECT_HAS(ALICE, 1, 0);
}

/* --- events --- */

#define TRACE	"/sys/kernel/tracing/instances/users"

/* How many lines of the trace hold all of @words. */
static int traced(const char *a, const char *b)
{
	FILE *file = fopen(TRACE "/trace", "re");
	char line[512];
	int n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += strstr(line, a) && strstr(line, b);
	if (file)
		fclose(file);
	return n;
}

TEST_F(users, events)
{
	ASSERT_TRUE(!mkdir(TRACE, 0755) || errno == EEXIST);
	ASSERT_TRUE(file_write(TRACE "/events/ioasid/ioasid_error/enable", "1"));
	ASSERT_TRUE(file_write(TRACE "/events/ioasid/ioasid_limit/enable", "1"));
	while (native_alloc(self->fd) > 0)
		;
	fill(self->fd, 0);
	EXPECT_EQ(1, traced("ioasid_error:", "op=space"));
	EXPECT_EQ(1, traced("ioasid_error:", "op=map"));
	EXPECT_EQ(2, traced("ioasid_error:", "reason=user_limit"));
	EXPECT_EQ(1, traced("ioasid_limit:", "kind=spaces want=1 used=5 limit=5"));
	EXPECT_EQ(1, traced("ioasid_limit:", "kind=mappings want=1 used=12 limit=12"));
	EXPECT_EQ(0, rmdir(TRACE));
}

/* --- what is exempt --- */

TEST_F(users, capability)
{
	int i;

	EXPECT_EQ(WINDOWS, fill(self->fd, 0));
	for (i = 1; i < SPACES; i++)
		ASSERT_EQ(i + 1, native_alloc(self->fd));
	ASSERT_TRUE(user_bound(false));
	EXPECT_TRUE(copy(self->fd, 0, WINDOWS));
	EXPECT_EQ(SPACES + 1, native_alloc(self->fd));
	EXPECT_HAS(ALICE, SPACES + 1, WINDOWS + 1);
	/* They are counted, so the limit is met for longer without it. */
	ASSERT_TRUE(user_bound(true));
	EXPECT_EQ(0, native_free(self->fd, 2));
	EXPECT_ERRNO(EDQUOT, native_alloc(self->fd));
	EXPECT_EQ(PAGE, native_unmap(self->fd, 0, IOVA, PAGE));
	EXPECT_FALSE(copy(self->fd, 0, 0));
}

TEST_F(users, no_limit)
{
	int i;

	ASSERT_TRUE(user_limit("user_spaces", 0) && user_limit("user_mappings", 0));
	for (i = 1; i < 2 * SPACES; i++)
		ASSERT_EQ(i + 1, native_alloc(self->fd));
	for (i = 0; i < 2 * WINDOWS; i++)
		ASSERT_TRUE(copy(self->fd, 0, i));
	EXPECT_HAS(ALICE, 2 * SPACES, 2 * WINDOWS);
	/* A limit that comes later takes nothing away. */
	ASSERT_TRUE(user_limit("user_spaces", SPACES) && user_limit("user_mappings", WINDOWS));
	EXPECT_ERRNO(EDQUOT, native_alloc(self->fd));
	EXPECT_FALSE(copy(self->fd, 0, i));
}

TEST_F(users, others_are_not_concerned)
{
	int fd;

	EXPECT_EQ(WINDOWS, fill(self->fd, 0));
	while (native_alloc(self->fd) > 0)
		;
	EXPECT_EQ(EDQUOT, errno);
	ASSERT_TRUE(user_become(BOB));
	fd = native_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, native_map(fd, 0, NATIVE_FIXED, 0, self->mem, PAGE));
	EXPECT_EQ(WINDOWS, fill(fd, 0));
	EXPECT_HAS(BOB, 1, WINDOWS);
	close(fd);
}

/* A container of VFIO's has a group and type1's limits, and no more. */
TEST_F(users, containers_are_not_counted)
{
	struct backend d = { .fd = -1, .group = -1 };
	int i;

	EXPECT_EQ(WINDOWS, fill(self->fd, 0));
	while (native_alloc(self->fd) > 0)
		;
	ASSERT_TRUE(backend_open(&d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	for (i = 0; i < 2 * WINDOWS; i++)
		ASSERT_EQ(0, backend_map(&d, IOVA + i * PAGE, self->reserved, PAGE,
					 VFIO_DMA_MAP_FLAG_READ));
	EXPECT_HAS(ALICE, SPACES, WINDOWS);
	backend_close(&d);
}

/* --- as the module is loaded --- */

TEST_F_TIMEOUT(users, default_of_spaces, 30)
{
	int n = 1;

	ASSERT_TRUE(user_limits_reset());
	while (n <= 8192 && native_alloc(self->fd) > 0)
		n++;
	EXPECT_EQ(8192, n);
	EXPECT_EQ(EDQUOT, errno);
}

/* --- many at once --- */

static int shared_fd;

static void *churn(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	long refused = 0;
	int i, id;

	for (i = 0; i < 400; i++) {
		id = i % 8 ? 1 : native_alloc(shared_fd);
		if (id < 0) {
			refused++;
			id = 1;
		}
		if (!copy(shared_fd, id, 1000 * me + i))
			refused++;
		if (id > 1)
			native_free(shared_fd, id);
		else if (i % 2)
			native_unmap(shared_fd, id, IOVA + (1000 * me + i) * PAGE, PAGE);
		if (i % 16 == 15)
			native_unmap(shared_fd, id, IOVA + 1000 * me * PAGE, 1000 * PAGE);
	}
	return (void *)refused;
}

TEST_F_TIMEOUT(users, threads, 30)
{
	struct user_counts n;
	long refused = 0;
	pthread_t t[4];
	uintptr_t i;
	void *ret;

	shared_fd = self->fd;
	/* So few are left that a thread meets the limit even if it runs alone. */
	for (i = 4; i < WINDOWS; i++)
		ASSERT_TRUE(copy(self->fd, 0, 1000 * ARRAY_SIZE(t) + i));
	for (i = 0; i < ARRAY_SIZE(t); i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, churn, (void *)i));
	/* Whatever they do, no more than the limit is seen. */
	for (i = 0; i < 200; i++) {
		n = user_counts(ALICE);
		EXPECT_LE(n.spaces, SPACES);
		EXPECT_LE(n.mappings, WINDOWS);
		usleep(1000);
	}
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		ASSERT_EQ(0, pthread_join(t[i], &ret));
		refused += (long)ret;
	}
	TH_LOG("%ld calls met a limit", refused);
	EXPECT_LT(0, refused);
	EXPECT_EQ(PAGE, native_unmap(self->fd, 0, 0, PAGE));
	native_unmap_all(self->fd, 0);
	EXPECT_HAS(ALICE, 1, 0);
}

TEST_HARNESS_MAIN
