// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event ioasid_stale: a program that unmaps, moves or discards memory while it is
 * mapped is named as it does so, with what it did and the range. Nothing else is
 * reported, and nothing is watched while the event is off. stale_away.c has the owners
 * that change and end.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "lib/kapi.h"
#include "lib/stale_event.h"

#define PAGES	64

FIXTURE(stale_event) {
	int fd;
	char *mem;
};

FIXTURE_SETUP(stale_event)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->mem = small_pages(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(IOVA, native_map(self->fd, 1, NATIVE_FIXED, IOVA, self->mem, PAGES * PAGE));
	ASSERT_TRUE(stale_on());
}

FIXTURE_TEARDOWN(stale_event)
{
	stale_off();
	close(self->fd);
}

TEST_F(stale_event, unmapped)
{
	ASSERT_EQ(0, munmap(self->mem + 3 * PAGE, 2 * PAGE));
	EXPECT_STALE(getpid(), IOVA + 3 * PAGE, self->mem + 3 * PAGE, 2, "unmap");
	EXPECT_LINES(getpid(), 1);
}

TEST_F(stale_event, discarded)
{
	ASSERT_EQ(0, madvise(self->mem + 7 * PAGE, 3 * PAGE, MADV_DONTNEED));
	EXPECT_STALE(getpid(), IOVA + 7 * PAGE, self->mem + 7 * PAGE, 3, "clear");
	/* A page is reported once, and its neighbours when they go. */
	memset(self->mem + 7 * PAGE, 1, 3 * PAGE);
	ASSERT_EQ(0, madvise(self->mem + 6 * PAGE, 5 * PAGE, MADV_DONTNEED));
	EXPECT_STALE(getpid(), IOVA + 6 * PAGE, self->mem + 6 * PAGE, 1, "clear");
	EXPECT_STALE(getpid(), IOVA + 10 * PAGE, self->mem + 10 * PAGE, 1, "clear");
	EXPECT_LINES(getpid(), 3);
	ASSERT_EQ(0, munmap(self->mem, PAGES * PAGE));
	EXPECT_STALE(getpid(), IOVA, self->mem, 6, "unmap");
	EXPECT_STALE(getpid(), IOVA + 11 * PAGE, self->mem + 11 * PAGE, PAGES - 11, "unmap");
	EXPECT_LINES(getpid(), 5);
}

/* Tracking is on when the event is enabled, and both are when it is mapped. */
TEST_F(stale_event, with_dirty_tracking)
{
	char *more = small_pages(PAGES * PAGE);

	ASSERT_TRUE(stale_off());
	ASSERT_EQ(0, native_dirty(self->fd, IOASID_DIRTY_OP_START, 0, 0, 0, NULL, 0));
	ASSERT_TRUE(stale_on());
	ASSERT_EQ(IOVA + MIB, native_map(self->fd, 1, NATIVE_FIXED, IOVA + MIB, more, PAGES * PAGE));
	ASSERT_EQ(0, munmap(self->mem + 3 * PAGE, 2 * PAGE));
	EXPECT_STALE(getpid(), IOVA + 3 * PAGE, self->mem + 3 * PAGE, 2, "unmap");
	ASSERT_EQ(0, munmap(more + 5 * PAGE, PAGE));
	EXPECT_STALE(getpid(), IOVA + MIB + 5 * PAGE, more + 5 * PAGE, 1, "unmap");
	EXPECT_LINES(getpid(), 2);
}

/* Parts of the mapping are unmapped: what is left is watched, and nothing else. */
TEST_F(stale_event, cut)
{
	ASSERT_EQ((long long)(4 * PAGE), native_unmap_split(self->fd, 1, IOVA + 8 * PAGE, 4 * PAGE));
	ASSERT_EQ((long long)(4 * PAGE), native_unmap_split(self->fd, 1, IOVA + 60 * PAGE, 4 * PAGE));
	ASSERT_EQ(0, munmap(self->mem + 7 * PAGE, 6 * PAGE));
	EXPECT_STALE(getpid(), IOVA + 7 * PAGE, self->mem + 7 * PAGE, 1, "unmap");
	EXPECT_STALE(getpid(), IOVA + 12 * PAGE, self->mem + 12 * PAGE, 1, "unmap");
	ASSERT_EQ(0, munmap(self->mem + 13 * PAGE, (PAGES - 13) * PAGE));
	EXPECT_STALE(getpid(), IOVA + 13 * PAGE, self->mem + 13 * PAGE, 60 - 13, "unmap");
	EXPECT_LINES(getpid(), 3);
}

/* The same of a mapping that shows the pages of another one, which stays whole. */
TEST_F(stale_event, cut_copy)
{
	uint64_t copy = IOVA + PAGES * PAGE;

	ASSERT_EQ(copy, native_copy(self->fd, 1, 1, NATIVE_FIXED, copy, IOVA, PAGES * PAGE));
	ASSERT_EQ((long long)(4 * PAGE), native_unmap_split(self->fd, 1, copy + 8 * PAGE, 4 * PAGE));
	ASSERT_EQ(0, munmap(self->mem + 10 * PAGE, 4 * PAGE));
	EXPECT_STALE(getpid(), IOVA + 10 * PAGE, self->mem + 10 * PAGE, 4, "unmap");
	EXPECT_STALE(getpid(), copy + 12 * PAGE, self->mem + 12 * PAGE, 2, "unmap");
	EXPECT_LINES(getpid(), 2);
}

/* One call by a process of its own: 0, or an errno. */
#define CALL(pid, call) do {				\
	(pid) = fork();					\
	if (!(pid))					\
		_exit((call) ? 0 : errno ?: 1);		\
} while (0)

/*
 * Maps @copy, and cuts the upper half of it off, while that waits for the lock of the memory to
 * watch it. Another process does it all, because the lock is that of the caller.
 */
static int copy_and_cut(int fd, int module, pid_t owner, uint64_t copy)
{
	struct kapi hold = { .op = KAPI_HOLD, .fd = owner }, release = { .op = KAPI_RELEASE };
	int status[2] = { -1, -1 };
	pid_t pid[2];

	if (ioctl(module, KAPI_CALL, &hold) || !stale_on())
		return 1;
	CALL(pid[0], native_copy(fd, 1, 1, NATIVE_FIXED, copy, IOVA, PAGES * PAGE) == copy);
	usleep(300000);
	CALL(pid[1], native_unmap_split(fd, 1, copy + PAGES / 2 * PAGE, PAGES / 2 * PAGE) > 0);
	usleep(300000);
	if (ioctl(module, KAPI_CALL, &release))
		return 2;
	waitpid(pid[0], &status[0], 0);
	waitpid(pid[1], &status[1], 0);
	return status[0] || status[1] ? 3 : 0;
}

/* A mapping that is cut before it is watched: what was cut off is not watched for it. */
TEST_F_TIMEOUT(stale_event, cut_at_once, 30)
{
	uint64_t copy = IOVA + PAGES * PAGE;
	int module, status, half = PAGES / 2;
	pid_t pid;

	ASSERT_TRUE(stale_off());
	ASSERT_TRUE(nothing_is_watched());
	module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, module);
	pid = fork();
	if (!pid)
		_exit(copy_and_cut(self->fd, module, getppid(), copy));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 1, IOVA, PAGES * PAGE));
	EXPECT_EQ(1, watched("mappings"));
	ASSERT_EQ(0, munmap(self->mem, PAGES * PAGE));
	EXPECT_STALE(getpid(), copy, self->mem, half, "unmap");
	EXPECT_LINES(getpid(), 1);
	close(module);
}

TEST_F(stale_event, moved_and_replaced)
{
	char *to = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(to, mremap(self->mem + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_STALE(getpid(), IOVA + PAGE, self->mem + PAGE, 1, "unmap");
	ASSERT_EQ(self->mem + 9 * PAGE,
		  mmap(self->mem + 9 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_STALE(getpid(), IOVA + 9 * PAGE, self->mem + 9 * PAGE, 1, "unmap");
	EXPECT_LINES(getpid(), 2);
}

/* A shared file, mapped while the event is on. */
static char *map_file(struct ktap_fixture_stale_event *self, int *file, uint64_t iova, int pages)
{
	char *shared;

	*file = memfd_create("stale", MFD_CLOEXEC);
	if (ftruncate(*file, pages * PAGE))
		return MAP_FAILED;
	shared = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
	if (shared == MAP_FAILED ||
	    native_map(self->fd, 1, NATIVE_FIXED, iova, shared, pages * PAGE) != iova)
		return MAP_FAILED;
	return shared;
}

/* What removes pages from a file, by this process and by another one; and what does not. */
TEST_F(stale_event, of_a_file)
{
	int file, status;
	char *shared = map_file(self, &file, 0x10000, 8);
	pid_t pid;

	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_EQ(0, madvise(shared, 8 * PAGE, MADV_DONTNEED));
	memset(shared, 1, 4 * PAGE);
	ASSERT_EQ(0, madvise(shared, 8 * PAGE, MADV_PAGEOUT));
	EXPECT_LINES(getpid(), 0);
	ASSERT_EQ(0, fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
	EXPECT_STALE(getpid(), 0x11000, shared + PAGE, 1, "clear");
	ASSERT_EQ(0, fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * PAGE, PAGE));
	EXPECT_STALE(getpid(), 0x12000, shared + 2 * PAGE, 1, "clear");
	ASSERT_EQ(0, madvise(shared + 3 * PAGE, PAGE, MADV_REMOVE));
	EXPECT_STALE(getpid(), 0x13000, shared + 3 * PAGE, 1, "clear");
	ASSERT_EQ(0, ftruncate(file, 7 * PAGE));
	EXPECT_STALE(getpid(), 0x17000, shared + 7 * PAGE, 1, "clear");
	pid = fork();
	if (!pid)
		_exit(ftruncate(file, 6 * PAGE) != 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_STALE(pid, 0x16000, shared + 6 * PAGE, 1, "clear");
	EXPECT_LINES(pid, 1);
	close(file);
}

/* Memory of huge pages: a part of one, and a hole in a file of them. */
TEST_F(stale_event, huge)
{
	size_t huge = 2 * MIB;
	char *mem = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int file = memfd_create("stale", MFD_CLOEXEC | MFD_HUGETLB);
	char *shared;

	mem = (char *)(((uintptr_t)mem + huge - 1) & ~(huge - 1));
	ASSERT_EQ(0, madvise(mem, huge, MADV_HUGEPAGE));
	memset(mem, 1, huge);
	ASSERT_EQ(0x400000, native_map(self->fd, 1, NATIVE_FIXED, 0x400000, mem, huge));
	/* Splits the entry. */
	ASSERT_EQ(0, mprotect(mem + 5 * PAGE, PAGE, PROT_READ));
	EXPECT_LINES(getpid(), 0);
	ASSERT_EQ(0, madvise(mem + 9 * PAGE, 2 * PAGE, MADV_DONTNEED));
	EXPECT_STALE(getpid(), 0x400000 + 9 * PAGE, mem + 9 * PAGE, 2, "clear");
	EXPECT_LINES(getpid(), 1);

	ASSERT_TRUE(file_write("/proc/sys/vm/nr_hugepages", "4"));
	ASSERT_EQ(0, ftruncate(file, 2 * huge));
	shared = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_EQ(0x800000, native_map(self->fd, 1, NATIVE_FIXED, 0x800000, shared, 2 * huge));
	ASSERT_EQ(0, fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, huge, huge));
	EXPECT_STALE(getpid(), 0x800000 + huge, shared + huge, 512, "clear");
	EXPECT_LINES(getpid(), 2);
	native_unmap_all(self->fd, 1);
	munmap(shared, 2 * huge);
	close(file);
	EXPECT_TRUE(file_write("/proc/sys/vm/nr_hugepages", "0"));
}

/* What a correct program does, and what leaves the pages where they are. */
TEST_F(stale_event, nothing)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, mprotect(self->mem, 4 * PAGE, PROT_READ));
	ASSERT_EQ(0, mprotect(self->mem + 4 * PAGE, 4 * PAGE, PROT_NONE));
	ASSERT_EQ(0, madvise(self->mem + 8 * PAGE, 4 * PAGE, MADV_FREE));
	ASSERT_EQ(0, madvise(self->mem + 12 * PAGE, 4 * PAGE, MADV_PAGEOUT));
	/* The child has copies, and discards them; each writes to its own. */
	pid = fork();
	if (!pid) {
		memset(self->mem + 16 * PAGE, 2, 40 * PAGE);
		madvise(self->mem + 30 * PAGE, 8 * PAGE, MADV_DONTNEED);
		munmap(self->mem, PAGES * PAGE);
		_exit(0);
	}
	memset(self->mem + 16 * PAGE, 1, 40 * PAGE);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	/* What can be moved is moved. */
	ASSERT_TRUE(file_write("/proc/sys/vm/compact_memory", "1"));
	EXPECT_EQ(0, lines(0, NULL));
	ASSERT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 1, IOVA, PAGES * PAGE));
	ASSERT_EQ(0, munmap(self->mem, PAGES * PAGE));
	EXPECT_EQ(0, lines(0, NULL));
}

/* Each mapping has its event, more than one hold of a lock collects; here and in a copy. */
TEST_F(stale_event, of_many_mappings)
{
	int other = native_alloc(self->fd), i;

	ASSERT_LE(0, other);
	for (i = 0; i < 40; i++)
		ASSERT_EQ(i * 2 * PAGE, native_map(self->fd, 1, NATIVE_FIXED, i * 2 * PAGE,
						   self->mem + i * PAGE, PAGE));
	ASSERT_EQ(0x40000000, native_copy(self->fd, other, 1, NATIVE_FIXED, 0x40000000,
					  IOVA + 8 * PAGE, 8 * PAGE));
	ASSERT_EQ(0, munmap(self->mem, PAGES * PAGE));
	EXPECT_STALE(getpid(), IOVA, self->mem, PAGES, "unmap");
	EXPECT_STALE(getpid(), 0x40000000, self->mem + 8 * PAGE, 8, "unmap");
	for (i = 0; i < 40; i++)
		EXPECT_STALE(getpid(), i * 2 * PAGE, self->mem + i * PAGE, 1, "unmap");
	EXPECT_LINES(getpid(), 42);
}

TEST_F(stale_event, disabled)
{
	EXPECT_LE(1, watched("processes"));
	EXPECT_EQ(1, watched("mappings"));
	ASSERT_TRUE(stale_off());
	EXPECT_TRUE(nothing_is_watched());
	ASSERT_EQ(0, munmap(self->mem + 3 * PAGE, PAGE));
	ASSERT_EQ(0, native_map(self->fd, 1, NATIVE_FIXED, 0, self->mem, PAGE));
	EXPECT_EQ(0, watched("processes"));
	EXPECT_LINES(getpid(), 0);
	/* And what was mapped meanwhile is watched from now on. */
	ASSERT_TRUE(stale_on());
	EXPECT_EQ(2, watched("mappings"));
	ASSERT_EQ(0, munmap(self->mem + 5 * PAGE, PAGE));
	EXPECT_STALE(getpid(), IOVA + 5 * PAGE, self->mem + 5 * PAGE, 1, "unmap");
}

struct mapper {
	int fd;
	uint64_t iova;
	bool stop;
	bool failed;
};

/* Maps, discards or unmaps, and unmaps. */
static void *map_on(void *data)
{
	struct mapper *m = data;
	unsigned int n;

	for (n = 0; !__atomic_load_n(&m->stop, __ATOMIC_RELAXED); n++) {
		char *mem = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (native_map(m->fd, 1, NATIVE_FIXED, m->iova, mem, 4 * PAGE) != m->iova)
			m->failed = true;
		if (n & 1)
			madvise(mem, 2 * PAGE, MADV_DONTNEED);
		else
			munmap(mem, 4 * PAGE);
		if (native_unmap(m->fd, 1, m->iova, 4 * PAGE) != (long long)(4 * PAGE))
			m->failed = true;
		/* Else the other thread may have the address by now. */
		if (n & 1)
			munmap(mem, 4 * PAGE);
	}
	return NULL;
}

TEST_F_TIMEOUT(stale_event, on_and_off, 60)
{
	struct mapper m[2] = {
		{ .fd = self->fd, .iova = 0x10000 }, { .fd = self->fd, .iova = 0x80000 },
	};
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, map_on, &m[i]));
	for (i = 0; i < 15; i++) {
		EXPECT_TRUE(stale_off());
		EXPECT_TRUE(stale_on());
	}
	for (i = 0; i < 2; i++)
		__atomic_store_n(&m[i].stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_FALSE(m[i].failed);
	}
	/* The memory's lock was never free for the work item, which tries it again. */
	for (i = 0; i < 500 && !watched("mappings"); i++)
		usleep(10000);
	EXPECT_EQ(1, watched("mappings"));
	EXPECT_TRUE(stale_off());
	EXPECT_TRUE(nothing_is_watched());
}

/*
 * Frees its memory before it unmaps it from the device, as a DPDK program does that closes
 * its heap first. The tail of each function keeps its frame on the stack.
 */
#define FRAME	__attribute__((noinline, optimize("no-omit-frame-pointer")))

static FRAME int heap_free(char *mem)
{
	int ret = munmap(mem, PAGE);

	asm volatile("" : "+r" (ret));
	return ret;
}

static FRAME int heap_close(char *mem)
{
	int ret = heap_free(mem);

	asm volatile("" : "+r" (ret));
	return ret;
}

/* Does a stack in the trace lead through this function, which is short? */
static bool stack_has(int (*function)(char *mem))
{
	FILE *f = fopen(TRACING "trace", "re");
	unsigned long at = (unsigned long)function, pc;
	bool found = false;
	char line[400];

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, " => <%lx>", &pc) == 1 && pc > at && pc < at + 64;
	if (f)
		fclose(f);
	return found;
}

/* The event is there while the program is in the call that did it: its stacks say so. */
TEST_F(stale_event, stacks)
{
	ASSERT_TRUE(put(TRACING "options/userstacktrace", "1"));
	ASSERT_TRUE(put(STALE_EVENT "trigger", "stacktrace"));
	EXPECT_EQ(0, heap_close(self->mem));
	EXPECT_TRUE(put(STALE_EVENT "trigger", "!stacktrace"));
	EXPECT_TRUE(put(TRACING "options/userstacktrace", "0"));
	EXPECT_EQ(1, trace_has("=> __x64_sys_munmap") + trace_has("=> __arm64_sys_munmap"));
	EXPECT_LE(1, trace_has("<user stack trace>"));
	/* munmap() has no frame of its own, so that its caller's caller is the first that is seen. */
	EXPECT_TRUE(stack_has(heap_close));
}

TEST_HARNESS_MAIN
