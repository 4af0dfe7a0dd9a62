// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_FILE of hugetlbfs while other threads punch holes into the file, and
 * while signals arrive. The pool of huge pages has reservations of another
 * process throughout: none of them may be taken, and none may appear.
 */
#include <linux/falloc.h>
#include <pthread.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "native/ring.h"

#define HUGE	(2 * MIB)
#define POOL	24		/* huge pages in all */
#define OTHERS	6		/* that another process has reserved, and not touched */
#define PAGES	8		/* of the file */
#define IOVA	(64 * MIB)

#define RESERVED	"/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages"

/* Huge pages of the pool, as /proc/meminfo counts them. */
struct pool {
	long long total, free, reserved, surplus;
};

FIXTURE(hugetlb) {
	int fd;
	int file;
	char *others;		/* a mapping with the reservations of another task */
	struct pool before;
};

static struct pool pool(void)
{
	return (struct pool){
		file_number_after("/proc/meminfo", "HugePages_Total"),
		file_number_after("/proc/meminfo", "HugePages_Free"),
		file_number_after("/proc/meminfo", "HugePages_Rsvd"),
		file_number_after("/proc/meminfo", "HugePages_Surp"),
	};
}

#define EXPECT_POOL(want) do {							\
	struct pool _now = pool();						\
										\
	EXPECT_EQ((want)->total, _now.total);					\
	EXPECT_EQ((want)->free, _now.free);					\
	EXPECT_EQ((want)->reserved, _now.reserved);				\
	EXPECT_EQ((want)->surplus, _now.surplus);				\
} while (0)

FIXTURE_SETUP(hugetlb)
{
	if (!file_write("/proc/sys/vm/nr_hugepages", "24") || pool().total != POOL)
		SKIP(return, "no huge pages can be had");
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->file = memfd_create("ioasid-huge", MFD_CLOEXEC | MFD_HUGETLB);
	ASSERT_EQ(0, ftruncate(self->file, PAGES * HUGE));
	self->others = mmap(NULL, OTHERS * HUGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, self->others);
	self->before = pool();
	ASSERT_EQ(POOL, self->before.free);
	ASSERT_EQ(OTHERS, self->before.reserved);
}

FIXTURE_TEARDOWN(hugetlb)
{
	uint64_t i;

	native_unmap_all(self->fd, 0);
	close(self->fd);
	close(self->file);
	EXPECT_EQ(0, locked_kib());
	EXPECT_POOL(&self->before);
	/* What was reserved is there: a fault that finds none is a SIGBUS. */
	for (i = 0; i < OTHERS; i++)
		self->others[i * HUGE] = 1;
	EXPECT_EQ(0, pool().reserved);
	munmap(self->others, OTHERS * HUGE);
	file_write("/proc/sys/vm/nr_hugepages", "0");
	EXPECT_EQ(0, pool().total);
}

struct puncher {
	pthread_t thread;
	int file;
	bool refill;
	bool stop;
	unsigned int holes;
};

static void *run_puncher(void *arg)
{
	struct puncher *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		off_t at = p->holes % PAGES * HUGE;

		if (fallocate(p->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, HUGE))
			break;
		if (p->refill && fallocate(p->file, 0, at, HUGE))
			break;
		p->holes++;
	}
	return NULL;
}

static void punchers_start(struct puncher *p, unsigned int n, int file, bool refill)
{
	while (n--) {
		p[n] = (struct puncher){ .file = file, .refill = refill, .holes = n };
		pthread_create(&p[n].thread, NULL, run_puncher, &p[n]);
	}
}

static unsigned int punchers_stop(struct puncher *p, unsigned int n)
{
	unsigned int holes = 0, i;

	for (i = 0; i < n; i++)
		__atomic_store_n(&p[i].stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < n; i++) {
		pthread_join(p[i].thread, NULL);
		holes += p[i].holes;
	}
	return holes;
}

/*
 * Map and unmap while two threads punch. A page that was taken from the
 * reservations of others comes back to them with the next hole, so it shows only
 * while the map is there.
 */
static void maps_against_punchers(struct ktap_test *_self, struct ktap_fixture_hugetlb *self,
				  int file, uint32_t flags, unsigned int rounds)
{
	unsigned int i, mapped = 0, holes, wrong = 0;
	struct puncher p[2];

	/* Through another fd than the file's own it may only be read, and not filled. */
	punchers_start(p, 2, self->file, file != self->file);
	for (i = 0; i < rounds; i++) {
		if (native_map_file(self->fd, 0, flags, IOVA, file, 0, PAGES * HUGE) ==
		    NATIVE_FAIL) {
			ASSERT_EQ(EFAULT, errno);
			continue;
		}
		mapped++;
		wrong += file_number(RESERVED) != self->before.reserved;
		ASSERT_EQ((long long)(PAGES * HUGE), native_unmap_all(self->fd, 0));
	}
	holes = punchers_stop(p, 2);
	TH_LOG("%u of %u maps, %u holes", mapped, rounds, holes);
	EXPECT_EQ(0, wrong);
	EXPECT_LT(0, holes);
	EXPECT_LT(0, mapped);
	EXPECT_EQ(0, fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       PAGES * HUGE));
	EXPECT_POOL(&self->before);
}

TEST_F_TIMEOUT(hugetlb, holes_are_punched, 30)
{
	maps_against_punchers(_self, self, self->file, NATIVE_FIXED, 500);
}

/* Of a file that is open for reading a hole cannot be filled. */
TEST_F_TIMEOUT(hugetlb, holes_are_punched_read_only, 30)
{
	char path[64];
	int ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->file);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, ro);
	ASSERT_EQ(0, fallocate(self->file, 0, 0, PAGES * HUGE));
	maps_against_punchers(_self, self, ro, NATIVE_FIXED & ~IOASID_MAP_FLAG_WRITE, 3000);
	close(ro);
}

/* The file has reservations of its own, from a mapping by the CPU. */
TEST_F_TIMEOUT(hugetlb, holes_in_what_is_reserved, 30)
{
	char *mem = mmap(NULL, PAGES * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, self->file, 0);
	struct pool before = self->before;

	ASSERT_NE(MAP_FAILED, mem);
	/* A hole gives its reservation back, for good. */
	ASSERT_EQ(0, fallocate(self->file, 0, 0, PAGES * HUGE));
	self->before = pool();
	self->before.free += PAGES;
	maps_against_punchers(_self, self, self->file, NATIVE_FIXED, 300);
	munmap(mem, PAGES * HUGE);
	self->before = before;
}

/* A pool in which all that is free is reserved has nothing for us. */
TEST_F(hugetlb, no_page_is_free)
{
	struct pool before = self->before;
	char *more;

	more = mmap(NULL, (POOL - OTHERS) * HUGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, more);
	self->before = pool();
	ASSERT_EQ(POOL, self->before.reserved);
	EXPECT_NO_MAP(self->fd, ENOSPC, native_map_file(self->fd, 0, NATIVE_FIXED, IOVA,
							self->file, 0, PAGES * HUGE));
	EXPECT_POOL(&self->before);
	munmap(more, (POOL - OTHERS) * HUGE);
	self->before = before;
}

/* --- what interrupts nothing --- */

/* Map a file of holes; then it is one again. */
static bool fill_once(struct ktap_fixture_hugetlb *self)
{
	bool mapped = native_map_file(self->fd, 0, NATIVE_FIXED, IOVA, self->file, 0,
				      PAGES * HUGE) == IOVA;

	if (!mapped)
		printf("# cannot map: %s\n", strerror(errno));
	native_unmap_all(self->fd, 0);
	while (fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 PAGES * HUGE) && errno == EINTR)
		;
	return mapped;
}

static volatile unsigned int signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(sig, &sa, NULL);
}

/* The call goes on, and the handlers run after it. */
TEST_F_TIMEOUT(hugetlb, signals_while_holes_are_filled, 30)
{
	struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = {};
	unsigned int before, hit = 0, i;

	handle(SIGALRM);
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (i = 0; hit < 20 && i < 2000; i++) {
		before = signals;
		ASSERT_TRUE(fill_once(self));
		hit += signals != before;
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	EXPECT_LE(20, hit);
}

/* A stop that another thread began counts as a signal, though none is blocked or queued. */
TEST_F_TIMEOUT(hugetlb, stopped_while_holes_are_filled, 30)
{
	volatile bool *end = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0);
	pid_t me = getpid(), pid;
	unsigned int i;
	int status;

	ASSERT_NE(MAP_FAILED, end);
	handle(SIGCONT);
	pid = fork();
	if (!pid) {
		/* No stop without the continuation, whatever becomes of us two. */
		while (!*end && getppid() == me && !kill(me, SIGSTOP)) {
			usleep(200);
			kill(me, SIGCONT);
			usleep(1000);
		}
		_exit(0);
	}
	for (i = 0; signals < 30 && i < 2000; i++)
		ASSERT_TRUE(fill_once(self));
	EXPECT_LE(30, signals);
	*end = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
}

/* A ring tells this task of what is done, as if by a signal. */
TEST_F_TIMEOUT(hugetlb, ring_at_work_while_holes_are_filled, 30)
{
	struct __kernel_timespec often = { .tv_nsec = 300000 };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	unsigned int done = 0, i;
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init(256, &ring, 0));
	sqe = new_sqe(&ring);
	io_uring_prep_timeout(sqe, &often, 0, IORING_TIMEOUT_MULTISHOT);
	ASSERT_EQ(1, io_uring_submit(&ring));
	for (i = 0; done < 30 && i < 2000; i++) {
		ASSERT_TRUE(fill_once(self));
		while (!io_uring_peek_cqe(&ring, &cqe)) {
			ASSERT_EQ(-ETIME, cqe->res);
			io_uring_cqe_seen(&ring, cqe);
			done++;
		}
	}
	EXPECT_LE(30, done);
	io_uring_queue_exit(&ring);
}

/* SIGKILL ends it, whatever comes with it. */
TEST_F_TIMEOUT(hugetlb, killed_while_holes_are_filled, 30)
{
	struct itimerval often = { { 0, 300 }, { 0, 300 } };
	unsigned int i;
	int status;
	pid_t pid;

	handle(SIGALRM);
	for (i = 0; i < 20; i++) {
		pid = fork();
		if (!pid) {
			setitimer(ITIMER_REAL, &often, NULL);
			while (fill_once(self))
				;
			_exit(1);
		}
		usleep(3000 + i * 700);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		native_unmap_all(self->fd, 0);
	}
	EXPECT_EQ(0, fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       PAGES * HUGE));
	EXPECT_POOL(&self->before);
}

TEST_HARNESS_MAIN
