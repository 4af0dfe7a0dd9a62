// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which process is charged for pinned pages, and that it is uncharged: across fork
 * and exec, by any process that unmaps, on exit and when killed.
 */
#include <pthread.h>

#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define SIZE	(16 * PAGE)

FIXTURE(account) {
	struct backend d;
	char *mem;
};

FIXTURE_VARIANT(account) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(account, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(account, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(account, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(account)
{
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	self->mem = touched_memory(SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(account)
{
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

/* Exit status of a child. */
static int ended(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* A child that unmaps uncharges the process that mapped. */
TEST_F(account, child_unmaps)
{
	pid_t pid;

	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, SIZE, MAP_RW));
	pid = fork();
	if (!pid) {
		if (locked_kib() != 0)
			_exit(1);
		if (backend_unmap(&self->d, IOVA, SIZE) != SIZE)
			_exit(2);
		if (status_kib(getppid(), "VmLck") != 0)
			_exit(3);
		_exit(locked_kib() == 0 ? 0 : 4);
	}
	EXPECT_EQ(0, ended(pid));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, backend_unmap(&self->d, IOVA, SIZE));
}

/* A child's maps are the child's; they stay when it has gone. */
TEST_F(account, child_maps_and_exits)
{
	struct tally before = backend_tally(&self->d);
	pid_t pid = fork();

	if (!pid) {
		if (backend_map(&self->d, IOVA, self->mem, SIZE, MAP_RW))
			_exit(1);
		if (status_kib(getppid(), "VmLck") != 0)
			_exit(2);
		_exit(locked_kib() == SIZE / KIB ? 0 : 3);
	}
	EXPECT_EQ(0, ended(pid));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(before.pinned + (long long)(SIZE / PAGE), ktap_pinned());
	EXPECT_ERRNO(EEXIST, backend_map(&self->d, IOVA, self->mem, PAGE, MAP_RW));
	EXPECT_EQ(SIZE, backend_unmap(&self->d, IOVA, SIZE));
	EXPECT_UNCHANGED(&self->d, &before);
}

TEST_F(account, child_maps_and_parent_unmaps)
{
	int to_child[2], to_parent[2];
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(to_child));
	ASSERT_EQ(0, pipe(to_parent));
	pid = fork();
	if (!pid) {
		if (backend_map(&self->d, IOVA, self->mem, SIZE, MAP_RW))
			_exit(1);
		if (write(to_parent[1], &c, 1) != 1 || read(to_child[0], &c, 1) != 1)
			_exit(2);
		_exit(locked_kib() == 0 ? 0 : 3);
	}
	ASSERT_EQ(1, read(to_parent[0], &c, 1));
	EXPECT_EQ(SIZE / KIB, status_kib(pid, "VmLck"));
	EXPECT_EQ(SIZE, backend_unmap(&self->d, IOVA, SIZE));
	EXPECT_EQ(0, status_kib(pid, "VmLck"));
	ASSERT_EQ(1, write(to_child[1], &c, 1));
	EXPECT_EQ(0, ended(pid));
}

/* --- exec: this program again, with the backend's fd in its environment --- */

__attribute__((constructor)) static void after_exec(void)
{
	const char *text = getenv("ACCOUNT_FD");
	struct backend d = { .group = -1 };

	if (!text)
		return;
	d.fd = atoi(text);
	if (locked_kib() != 0)
		_exit(10);
	if (backend_unmap(&d, IOVA, SIZE) != SIZE)
		_exit(11);
	if (locked_kib() != 0)
		_exit(12);
	/* The new memory is as good as any. */
	if (backend_map(&d, IOVA, touched_memory(SIZE), SIZE, MAP_RW) || locked_kib() != SIZE / KIB)
		_exit(13);
	_exit(backend_unmap_all(&d) == SIZE && locked_kib() == 0 ? 0 : 14);
}

TEST_F(account, exec)
{
	char text[16];
	pid_t pid;

	snprintf(text, sizeof(text), "%d", self->d.fd);
	ASSERT_EQ(0, fcntl(self->d.fd, F_SETFD, 0));
	pid = fork();
	if (!pid) {
		if (backend_map(&self->d, IOVA, self->mem, SIZE, MAP_RW))
			_exit(1);
		setenv("ACCOUNT_FD", text, 1);
		execl("/proc/self/exe", "account", NULL);
		_exit(2);
	}
	EXPECT_EQ(0, ended(pid));
	EXPECT_EQ(0, locked_kib());
}

TEST_F(account, limit_lowered_afterwards)
{
	ASSERT_EQ(0, backend_map(&self->d, IOVA, self->mem, SIZE, MAP_RW));
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(0));
	EXPECT_EQ(SIZE, backend_unmap(&self->d, IOVA, SIZE));
	EXPECT_EQ(0, locked_kib());
}

/* --- threads that share a limit --- */

struct mapper {
	pthread_t thread;
	const struct backend *d;
	uint64_t iova;
	const char *mem;
	size_t size;
	int error;
};

static void *mapper_run(void *arg)
{
	struct mapper *m = arg;

	m->error = backend_map(m->d, m->iova, m->mem, m->size, MAP_RW) ? errno : 0;
	return NULL;
}

/* How many of four maps of @size at the same time succeed. */
static int map_four(const struct backend *d, const char *mem, size_t size)
{
	struct mapper m[4];
	int i, done = 0;

	for (i = 0; i < 4; i++) {
		m[i] = (struct mapper){ .d = d, .iova = (i + 1) * IOVA, .mem = mem, .size = size };
		if (pthread_create(&m[i].thread, NULL, mapper_run, &m[i]))
			return -1;
	}
	for (i = 0; i < 4; i++) {
		pthread_join(m[i].thread, NULL);
		done += !m[i].error;
		if (m[i].error && m[i].error != ENOMEM)
			return -m[i].error;
	}
	return done;
}

TEST_F(account, threads_and_a_limit)
{
	const size_t size = 1100 * PAGE;
	char *mem = touched_memory(size);
	int round;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	for (round = 0; round < 10; round++) {
		/* None is refused for what another would have given back, */
		ASSERT_TRUE(set_memlock(4 * size));
		ASSERT_EQ(4, map_four(&self->d, mem, size));
		EXPECT_EQ(4 * size / KIB, locked_kib());
		ASSERT_EQ(4 * size, backend_unmap_all(&self->d));
		EXPECT_EQ(0, locked_kib());
	}
	/* nor does more than fits get in. */
	ASSERT_TRUE(set_memlock(4 * size - PAGE));
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(3, map_four(&self->d, mem, size));
		EXPECT_EQ(3 * size / KIB, locked_kib());
		ASSERT_EQ(3 * size, backend_unmap_all(&self->d));
		EXPECT_EQ(0, locked_kib());
	}
}

/* --- unplanned ends --- */

/* Memory for the tests that want much: a GiB, or what the machine can spare. */
static size_t plenty(void)
{
	char line[128];
	size_t kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %zu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	kib /= 2;
	return (kib < MIB ? kib : MIB) * KIB / (2 * MIB) * (2 * MIB);
}

FIXTURE(killed) {
	long long before;	/* pages pinned */
	int pipe[2];
};

FIXTURE_VARIANT(killed) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(killed, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(killed, shim) { .kind = BACKEND_SHIM };

FIXTURE_SETUP(killed)
{
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
	self->before = ktap_pinned();
}

FIXTURE_TEARDOWN(killed)
{
	struct backend d;

	/* The device is free again, and works. */
	EXPECT_TRUE(backend_open(&d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	EXPECT_EQ(0, backend_map(&d, IOVA, touched_memory(PAGE), PAGE, MAP_RW));
	backend_close(&d);
}

/* A child that opens a backend, says so, and does something with it. */
static pid_t start_child(const int *pipe, enum backend_kind kind,
			 void (*work)(const struct backend *d, int fd))
{
	pid_t pid = fork();
	struct backend d;

	if (pid)
		return pid;
	if (!backend_open(&d, kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME))
		_exit(1);
	work(&d, pipe[1]);
	_exit(0);
}

/* Waits for one byte from the child, then for @us, then kills it. */
static int kill_child(const int *pipe, pid_t pid, unsigned int us)
{
	char c;

	if (read(pipe[0], &c, 1) != 1)
		return -1;
	usleep(us);
	kill(pid, SIGKILL);
	return ended(pid);
}

static void map_small(const struct backend *d, int fd)
{
	char *mem = touched_memory(SIZE);

	if (backend_map(d, IOVA, mem, SIZE, MAP_RW) || write(fd, "", 1) != 1)
		_exit(2);
}

TEST_F(killed, exit_without_unmap)
{
	EXPECT_EQ(0, ended(start_child(self->pipe, variant->kind, map_small)));
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static void map_and_wait(const struct backend *d, int fd)
{
	map_small(d, fd);
	pause();
}

TEST_F(killed, while_idle)
{
	pid_t pid = start_child(self->pipe, variant->kind, map_and_wait);

	EXPECT_EQ(1000 + SIGKILL, kill_child(self->pipe, pid, 0));
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static void map_much(const struct backend *d, int fd)
{
	size_t size = plenty();
	char *mem = small_pages(size);

	if (write(fd, "", 1) != 1)
		_exit(2);
	if (backend_map(d, IOVA, mem, size, MAP_RW))
		_exit(3);
	pause();
}

/* Page faults, pinning and page tables: at any point of it. */
TEST_F(killed, while_mapping)
{
	static const unsigned int us[] = { 0, 5000, 60000, 250000 };
	struct timespec from, to;
	unsigned int i;

	for (i = 0; i < sizeof(us) / sizeof(*us); i++) {
		pid_t pid = start_child(self->pipe, variant->kind, map_much);

		clock_gettime(CLOCK_MONOTONIC, &from);
		EXPECT_EQ(1000 + SIGKILL, kill_child(self->pipe, pid, us[i]));
		clock_gettime(CLOCK_MONOTONIC, &to);
		EXPECT_LE(to.tv_sec - from.tv_sec, 3);
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
}

static void map_and_unmap(const struct backend *d, int fd)
{
	const size_t size = 64 * MIB;
	char *mem = small_pages(size);

	if (backend_map(d, IOVA, mem, size, MAP_RW) || write(fd, "", 1) != 1)
		_exit(2);
	backend_unmap(d, IOVA, size);
	pause();
}

TEST_F(killed, while_unmapping)
{
	static const unsigned int us[] = { 0, 200, 1000, 3000, 8000, 20000 };
	unsigned int i;

	for (i = 0; i < sizeof(us) / sizeof(*us); i++) {
		pid_t pid = start_child(self->pipe, variant->kind, map_and_unmap);

		EXPECT_EQ(1000 + SIGKILL, kill_child(self->pipe, pid, us[i]));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
}

struct churn {
	const struct backend *d;
	uint64_t iova;
	char *mem;
};

static void *churn_run(void *arg)
{
	struct churn *c = arg;

	for (;;) {
		backend_map(c->d, c->iova, c->mem, 2 * MIB, MAP_RW);
		backend_unmap(c->d, c->iova, 2 * MIB);
	}
	return NULL;
}

static void churn_in_threads(const struct backend *d, int fd)
{
	struct churn c[3];
	pthread_t thread;
	int i;

	for (i = 0; i < 3; i++) {
		c[i] = (struct churn){ d, IOVA + i * MIB, small_pages(2 * MIB) };
		if (pthread_create(&thread, NULL, churn_run, &c[i]))
			_exit(2);
	}
	if (write(fd, "", 1) != 1)
		_exit(3);
	pause();
}

/* Several threads of it, in each other's ranges. */
TEST_F(killed, while_threads_map_and_unmap)
{
	static const unsigned int us[] = { 500, 9000, 33000, 80000, 120000 };
	unsigned int i;

	for (i = 0; i < sizeof(us) / sizeof(*us); i++) {
		pid_t pid = start_child(self->pipe, variant->kind, churn_in_threads);

		EXPECT_EQ(1000 + SIGKILL, kill_child(self->pipe, pid, us[i]));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
}

TEST_HARNESS_MAIN
