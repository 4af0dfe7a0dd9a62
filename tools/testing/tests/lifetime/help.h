/* SPDX-License-Identifier: GPL-2.0-only */
/* A container of the shim, and maps of untouched memory with which threads of the process may help. */
#ifndef IOASID_TEST_LIFETIME_HELP_H
#define IOASID_TEST_LIFETIME_HELP_H

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "lib/edu.h"
#include "lib/ioasid.h"
#include "lib/map_event.h"
#include "lib/trap.h"

#define SIZE	(64 * MIB)
#define PAGES	(SIZE / PAGE)
#define IOVA	0x10000000ULL
#define WORKERS	"/sys/module/ioasid/parameters/pin_workers"
#define HUGE	"/proc/sys/vm/nr_hugepages"
/* Emulated processors take turns, and a thread's turn may come when all is done. */
#define TRIES	25

FIXTURE(help) {
	struct backend d;
	long long before;
};

static bool help_possible;

/* Has the kernel the threads? Looked up once: its list of names is long. */
__attribute__((constructor)) static void help_look_up(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[256];

	while (file && !help_possible && fgets(line, sizeof(line), file))
		help_possible = strstr(line, " vhost_task_create");
	if (file)
		fclose(file);
}

FIXTURE_SETUP(help)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor: there is no help");
	if (!help_possible)
		SKIP(return, "the kernel has no threads for it (CONFIG_VHOST_TASK)");
	self->before = ktap_pinned();
	ASSERT_TRUE(backend_open(&self->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	ASSERT_TRUE(map_event_record(true));
}

FIXTURE_TEARDOWN(help)
{
	EXPECT_TRUE(map_event_record(false) && file_write(WORKERS, "4"));
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static inline int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = -2;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* --- kinds of memory --- */

static inline char *map_huge(void)
{
	char *mem = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mem = (char *)(((uintptr_t)mem + SIZE - 1) & ~(SIZE - 1));
	madvise(mem, SIZE, MADV_HUGEPAGE);
	return mem;
}

static inline char *map_hugetlb(void)
{
	return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		    -1, 0);
}

static inline char *map_shared(void)
{
	return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static inline char *map_small(void)
{
	return small_pages(SIZE);
}

/* Maps memory and unmaps it: how many threads helped; -1 for an errno, or another charge. */
static inline long long map_whole(const struct backend *d, char *mem, size_t size)
{
	long long n = -1;

	if (backend_map(d, IOVA, mem, size, MAP_RW))
		return -1;
	if (locked_kib() == (long)(size / KIB))
		n = map_event("helpers");
	if (backend_unmap(d, IOVA, size) != (long long)size)
		n = -1;
	return n;
}

/* The same with untouched memory. */
static inline long long map_once(const struct backend *d, char *(*memory)(void))
{
	char *mem = memory();
	long long n;

	if (mem == MAP_FAILED)
		return -1;
	n = map_whole(d, mem, SIZE);
	munmap(mem, SIZE);
	return n;
}

/* The same until one has helped. */
static inline long long map_helped(const struct backend *d, char *(*memory)(void))
{
	long long n = 0;
	int i;

	for (i = 0; i < TRIES && !n; i++)
		n = map_once(d, memory);
	return n;
}

static inline long long most_of(const struct backend *d, int tries)
{
	long long n = 0, most = 0;

	while (tries-- && n >= 0) {
		n = map_once(d, map_small);
		most = n > most ? n : most;
	}
	return n < 0 ? n : most;
}

/* In a process that ends: what it has mapped stays, in the container that the test has too. */
static inline void map_forever(const struct backend *d)
{
	while (map_once(d, map_small) >= 0)
		;
	_exit(1);
}

/* And runs another program after @arg microseconds, in another thread. */
static inline void *exec_true(void *arg)
{
	usleep((uintptr_t)arg);
	execl("/bin/true", "true", NULL);
	return NULL;
}

/* --- what happens to a process in the middle of its maps --- */

/*
 * @forever: what the process does
 * @after: for so many microseconds, and a little more each time
 * @times: how often
 */
struct upset {
	void (*forever)(const struct backend *d);
	unsigned int after;
	int times;
};

#define UPSET_LATER	37000

static inline void upset_nothing_left(struct ktap_test *_self, struct ktap_fixture_help *self)
{
	EXPECT_LE(0, backend_unmap_all(&self->d));
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static inline void upset_kill(struct ktap_test *_self, struct ktap_fixture_help *self, struct upset u)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < u.times; i++) {
		pid = fork();
		if (!pid)
			u.forever(&self->d);
		usleep(u.after + i * UPSET_LATER);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		upset_nothing_left(_self, self);
	}
}

/* Stopped it stops soon, whole, and goes on. */
static inline void upset_stop(struct ktap_test *_self, struct ktap_fixture_help *self, struct upset u)
{
	int i, status;
	pid_t pid = fork();

	if (!pid)
		u.forever(&self->d);
	usleep(u.after);
	for (i = 0; i < u.times; i++) {
		usleep(100000 + i * UPSET_LATER);
		kill(pid, SIGSTOP);
		ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		kill(pid, SIGCONT);
	}
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	upset_nothing_left(_self, self);
}

/* Another thread runs another program. */
static inline void upset_exec(struct ktap_test *_self, struct ktap_fixture_help *self, struct upset u)
{
	pthread_t thread;
	int i, status;
	pid_t pid;

	for (i = 0; i < u.times; i++) {
		pid = fork();
		if (!pid) {
			if (!pthread_create(&thread, NULL, exec_true,
					    (void *)(uintptr_t)(u.after + i * UPSET_LATER)))
				u.forever(&self->d);
			_exit(2);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		upset_nothing_left(_self, self);
	}
}

/* --- memory that waits for user space --- */

struct mapper {
	pthread_t thread;
	const struct backend *d;
	char *mem;
	size_t size;
	pid_t tid;
	volatile int result;
	volatile bool ended;
};

static inline void *map_it(void *arg)
{
	struct mapper *m = arg;

	m->tid = syscall(SYS_gettid);
	m->result = backend_map(m->d, IOVA, m->mem, m->size, MAP_RW) ? errno : 0;
	m->ended = true;
	return NULL;
}

/* Only the caller waits for a page that a userfaultfd has. */
static inline void map_trapped(struct ktap_test *_self, const struct backend *d, char *mem,
			       size_t size)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_THREAD_ID };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct mapper m = { .d = d, .mem = mem, .size = size };
	char *trap = m.mem + size / 2;
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffd_msg msg;
	int i;

	reg.range.start = (uintptr_t)trap;
	reg.range.len = 16 * MIB;
	ASSERT_EQ(0, madvise(trap, reg.range.len, MADV_DONTNEED));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, pthread_create(&m.thread, NULL, map_it, &m));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ((ssize_t)sizeof(msg), read(uffd, &msg, sizeof(msg)));
		ASSERT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
		EXPECT_EQ((uintptr_t)trap + i * PAGE, msg.arg.pagefault.address);
		EXPECT_EQ((uint32_t)m.tid, msg.arg.pagefault.feat.ptid);
		EXPECT_FALSE(m.ended);
		if (i < 2)
			ASSERT_TRUE(trap_fill(uffd, trap + i * PAGE, PAGE));
	}
}

/* In a process that ends meanwhile. */
static inline void ends_trapped(struct ktap_test *_self, struct ktap_fixture_help *self, char *mem,
				size_t size)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		map_trapped(_self, &self->d, mem, size);
		/* The map waits for the third page. */
		_exit(_self->failed);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, ktap_leaked(self->before));
}

#endif
