// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of the process help with a large map of memory that is there, in small pages, though the
 * program makes VFIO's calls: they pin it ahead. Whatever refuses or stops the map does so as
 * without help, and when the call has returned nothing is pinned but what is mapped.
 */
#include "help.h"
#include "meddle.h"

#define THERE	(192 * MIB)
/* Of it, in MiB, what a device with 28 bits of address reaches. */
#define REACHED	176

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static char *map_there(void)
{
	char *mem = small_pages(THERE);

	return mem == MAP_FAILED || madvise(mem, THERE, MADV_POPULATE_WRITE) ? MAP_FAILED : mem;
}

/* Maps it again and again, until a thread has helped. */
static long long there_helped(const struct backend *d, char *mem)
{
	long long n = 0;
	int i;

	for (i = 0; i < TRIES && !n; i++) {
		long long before = ktap_pinned();

		if (backend_map(d, IOVA, mem, THERE, MAP_RW) || locked_kib() != (long)(THERE / KIB) ||
		    ktap_leaked(before) != THERE / PAGE)
			return -1;
		n = map_event("helpers");
		if (backend_unmap(d, IOVA, THERE) != THERE || ktap_leaked(before))
			return -1;
	}
	return n;
}

static void there_forever(const struct backend *d)
{
	char *mem = map_there();

	while (mem != MAP_FAILED && map_whole(d, mem, THERE) >= 0)
		;
	_exit(1);
}

TEST_F_TIMEOUT(help, small_pages, 60)
{
	char *mem = map_there();

	EXPECT_EQ(1, there_helped(&self->d, mem));
	EXPECT_LT(0, map_event("pages_ahead"));
	EXPECT_GT(THERE / PAGE, map_event("pages_ahead"));
	EXPECT_EQ(0, map_event("pages_helped"));
	EXPECT_EQ(0, map_event("faults"));
	EXPECT_EQ(1, threads());
}

/* Memory that is only read, and so pinned. */
TEST_F_TIMEOUT(help, read_only, 60)
{
	char *mem = map_there();
	long long n = 0;
	int i;

	for (i = 0; i < TRIES && !n; i++) {
		ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, THERE, VFIO_DMA_MAP_FLAG_READ));
		n = map_event("helpers");
		ASSERT_EQ((long long)THERE, backend_unmap(&self->d, IOVA, THERE));
	}
	EXPECT_EQ(1, n);
	EXPECT_LT(0, map_event("pages_ahead"));
}

/* Untouched memory that is faulted in by a thread is pinned by it, too. */
TEST_F_TIMEOUT(help, untouched, 60)
{
	EXPECT_EQ(1, map_helped(&self->d, map_small));
	EXPECT_LT(0, map_event("pages_ahead"));
	EXPECT_LE(map_event("pages_ahead"), map_event("pages_helped"));
}

/* The device gets each page where it belongs. */
TEST_F_TIMEOUT(help, right_pages, 60)
{
	struct backend d, edu;
	uint64_t from[64], *seen;
	unsigned int i, nr = 0;
	volatile char *bar;
	long long n = 0;
	int device;
	char *mem;

	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	bar = edu_attach(d.fd, &edu, &device);
	ASSERT_TRUE(bar);
	mem = map_there();
	for (i = 0; i < TRIES && !n; i++) {
		ASSERT_LE(0, native_unmap_all(d.fd, 0));
		ASSERT_EQ(0, backend_map(&d, EDU_IOVA, mem, THERE, MAP_RW));
		n = map_event("helpers");
	}
	EXPECT_EQ(1, n);
	for (i = 0; i < REACHED; i += 11) {
		*(uint64_t *)(mem + i * MIB + i * PAGE) = i + 1;
		from[nr++] = EDU_IOVA + i * MIB + i * PAGE;
	}
	ASSERT_TRUE(edu_gather(bar, from, nr, EDU_IOVA + REACHED * MIB, 8));
	seen = (uint64_t *)(mem + REACHED * MIB);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(11 * i + 1, seen[i]);
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
	backend_close(&edu);
	backend_close(&d);
}

/* --- when there is none --- */

TEST_F_TIMEOUT(help, forbidden, 60)
{
	char *mem = map_there();
	int i;

	ASSERT_TRUE(file_write(WORKERS, "0"));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, map_whole(&self->d, mem, THERE));
	EXPECT_EQ(0, map_event("pages_ahead"));
}

TEST_F_TIMEOUT(help, bound_to_one_processor, 60)
{
	char *mem = map_there();
	cpu_set_t set;
	int i;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, map_whole(&self->d, mem, THERE));
}

/* One pin keeps a huge page. */
TEST_F_TIMEOUT(help, huge_pages, 60)
{
	char *mem = mmap(NULL, 2 * THERE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	mem = (char *)(((uintptr_t)mem + THERE - 1) & ~(THERE - 1));
	madvise(mem, THERE, MADV_HUGEPAGE);
	memset(mem, 1, THERE);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, map_whole(&self->d, mem, THERE));
}

/* --- maps that fail --- */

/* Pieces behind the page that is missing were pinned, and are not any more. */
TEST_F_TIMEOUT(help, up_to_where_it_ends, 60)
{
	char *mem = map_there();
	long long n = 0;
	int i;

	ASSERT_EQ(0, munmap(mem + THERE - 1000 * PAGE, PAGE));
	for (i = 0; i < TRIES && !n; i++) {
		EXPECT_REFUSED(&self->d, EFAULT, backend_map(&self->d, IOVA, mem, THERE, MAP_RW));
		EXPECT_EQ(0, ktap_leaked(self->before));
		n = map_event("helpers");
	}
	EXPECT_EQ(1, n);
}

TEST_F_TIMEOUT(help, rlimit, 60)
{
	char *mem = map_there();
	int i;

	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK) && set_memlock(THERE / 2));
	for (i = 0; i < 3; i++) {
		EXPECT_REFUSED(&self->d, ENOMEM, backend_map(&self->d, IOVA, mem, THERE, MAP_RW));
		EXPECT_EQ(0, ktap_leaked(self->before));
		EXPECT_EQ(0, map_event("helpers"));
	}
}

/* The limit falls below what is mapped while it is mapped. */
static void *lower(void *arg)
{
	struct rlimit limit = { .rlim_cur = THERE / 2, .rlim_max = RLIM_INFINITY };

	usleep((uintptr_t)arg);
	setrlimit(RLIMIT_MEMLOCK, &limit);
	return NULL;
}

TEST_F_TIMEOUT(help, limit_falls, 90)
{
	struct rlimit all = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	char *mem = map_there();
	pthread_t thread;
	int i, ret;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &all));
	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &all));
		ASSERT_EQ(0, pthread_create(&thread, NULL, lower, (void *)(uintptr_t)(5000 + i * 12000)));
		ret = backend_map(&self->d, IOVA, mem, THERE, MAP_RW) ? errno : 0;
		EXPECT_TRUE(!ret || ret == ENOMEM);
		if (ret)
			EXPECT_EQ(0, ktap_leaked(self->before));
		else
			EXPECT_EQ((long long)THERE, backend_unmap(&self->d, IOVA, THERE));
		EXPECT_EQ(0, locked_kib());
		pthread_join(thread, NULL);
	}
}

/* --- memory that waits for user space, others at work, and signals --- */

TEST_F_TIMEOUT(help, userfaultfd, 60)
{
	ends_trapped(_self, self, map_there(), THERE);
}

/* All is there, and some may not be written: the caller alone waits. */
static void map_protected(struct ktap_test *_self, const struct backend *d, char *mem)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	struct mapper m = { .d = d, .mem = mem, .size = THERE };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffd_msg msg;

	reg.range.start = (uintptr_t)mem + THERE / 2;
	reg.range.len = 16 * MIB;
	wp.range = reg.range;
	if (ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg)) {
		printf("# the kernel protects no memory by userfaultfd\n");
		return;
	}
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_WRITEPROTECT, &wp));
	ASSERT_EQ(0, pthread_create(&m.thread, NULL, map_it, &m));
	ASSERT_EQ((ssize_t)sizeof(msg), read(uffd, &msg, sizeof(msg)));
	EXPECT_EQ(reg.range.start, msg.arg.pagefault.address);
	EXPECT_EQ((uint32_t)m.tid, msg.arg.pagefault.feat.ptid);
	EXPECT_FALSE(m.ended);
	wp.mode = 0;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_WRITEPROTECT, &wp));
	pthread_join(m.thread, NULL);
	EXPECT_EQ(0, m.result);
}

TEST_F_TIMEOUT(help, write_protected, 60)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		map_protected(_self, &self->d, map_there());
		_exit(_self->failed);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_LE(0, backend_unmap_all(&self->d));
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/* A child has it, too: what is pinned is the caller's own copy. */
TEST_F_TIMEOUT(help, after_fork, 90)
{
	char *mem = map_there();
	int status;
	size_t i;
	pid_t pid = fork();

	if (!pid) {
		raise(SIGSTOP);
		for (i = 0; i < THERE; i += PAGE)
			if (mem[i])
				_exit(1);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_EQ(0, backend_map(&self->d, IOVA, mem, THERE, MAP_RW));
	EXPECT_EQ(THERE / PAGE, ktap_leaked(self->before));
	for (i = 0; i < THERE; i += PAGE)
		mem[i] = 2;
	kill(pid, SIGCONT);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ((long long)THERE, backend_unmap(&self->d, IOVA, THERE));
}

TEST_F_TIMEOUT(help, memory_changes, 90)
{
	struct meddler m = { .mem = map_there(), .pages = THERE / PAGE };
	pthread_t thread;
	int i, ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, meddle_and_fork, &m));
	for (i = 0; i < 2; i++) {
		ret = backend_map(&self->d, IOVA, m.mem, THERE, MAP_RW) ? errno : 0;
		EXPECT_TRUE(!ret || ret == EFAULT);
		if (!ret)
			EXPECT_EQ((long long)THERE, backend_unmap(&self->d, IOVA, THERE));
		EXPECT_EQ(0, ktap_leaked(self->before));
	}
	m.stop = true;
	pthread_join(thread, NULL);
}

TEST_F_TIMEOUT(help, killed, 90)
{
	upset_kill(_self, self, (struct upset){ there_forever, 700000, 3 });
}

TEST_F_TIMEOUT(help, stopped, 90)
{
	upset_stop(_self, self, (struct upset){ there_forever, 500000, 6 });
}

TEST_F_TIMEOUT(help, exec, 90)
{
	upset_exec(_self, self, (struct upset){ there_forever, 700000, 3 });
}

TEST_HARNESS_MAIN
