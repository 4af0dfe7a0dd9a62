// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which process is charged, what counts, and which is uncharged: across threads, fork,
 * exec, exit and SIGKILL.
 */
#include <pthread.h>

#include "type1/suite/suite.h"

#define PAGES	16

CASE(account_locked_not_pinned, "A093")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(OK, "map", suite_map(&d, 0, suite_memory(PAGES), PAGES));
	SEE(64, "VmLck", locked_kib());
	SEE(0, "VmPin", status_kib(getpid(), "VmPin"));
	TRY(PAGES, "unmap", suite_unmap(&d, 0, PAGES));
	SEE(0, "VmLck after", locked_kib());
}

CASE(account_limit, "A050 A095")
{
	static const uint64_t pages[] = { 1, 2, 31, 32, 33, 512, 513, 1500 };
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = touched_memory(1500 * PAGE);
	unsigned int i;

	NEED(drop_cap(CAP_IPC_LOCK));
	for (i = sizeof(pages) / sizeof(*pages); i--; ) {
		int n = pages[i];

		NEED(set_memlock(n * PAGE));
		TRY(OK, suite_key("%d, exactly", n), suite_map(&d, 0, mem, n));
		TRY(-ENOMEM, suite_key("%d, one more", n), suite_map(&d, 4096, mem, 1));
		TRY(n, suite_key("%d, unmap", n), suite_unmap(&d, 0, n));
		NEED(set_memlock(n * PAGE - 1));
		TRY(-ENOMEM, suite_key("%d, one byte less", n), suite_map(&d, 0, mem, n));
		SEE(0, suite_key("%d, pinned", n), suite_pinned());
	}
}

/* How often the log says so since we looked first. */
#define LIMIT_WORDS	"RLIMIT_MEMLOCK (8192) exceeded"

static int complaints(int fd, const char *words)
{
	char record[2048];
	int n = 0;
	ssize_t size;

	while ((size = read(fd, record, sizeof(record) - 1)) > 0) {
		record[size] = 0;
		n += strstr(record, words) != NULL;
	}
	return n;
}

CASE_LONG(account_limit_is_logged, "A050", 20)
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), i;
	char *mem = suite_memory(8), process[64];

	NEED(log >= 0 && lseek(log, 0, SEEK_END) >= 0);
	NEED(drop_cap(CAP_IPC_LOCK) && set_memlock(2 * PAGE));
	/* What other cases did may have used up what the log takes in 5 s. */
	sleep(6);
	TRY(-ENOMEM, "map", suite_map(&d, 0, mem, 8));
	SEE(1, "lines", complaints(log, LIMIT_WORDS));
	/* Where type1 has the name of its function, ioasid has that of the process. */
	snprintf(process, sizeof(process), "[%d]: " LIMIT_WORDS, getpid());
	TRY(-ENOMEM, "map again", suite_map(&d, 0, mem, 8));
	SEE(0, "with the process", complaints(log, process));
	for (i = 0; i < 30; i++)
		NEED(suite_map(&d, 0, mem, 8) == -1 && errno == ENOMEM);
	SEE(1, "30 more, more than 10 of them logged", complaints(log, LIMIT_WORDS) > 10);
}

static int update(const void *arg)
{
	const struct backend *d = arg;
	char *mem = suite_memory(8);

	if (!drop_cap(CAP_IPC_LOCK) || !set_memlock(2 * PAGE))
		return 1;
	TRY(-ENOMEM, "update", backend_map(d, IOVA, mem, 8 * PAGE, VFIO_DMA_MAP_FLAG_VADDR));
	fflush(stdout);
	return 0;
}

/* A live update by a process with a limit that is too small. */
CASE_LONG(account_limit_of_an_update, "A050 A091", 20)
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char *mem = suite_memory(8);

	NEED(log >= 0 && lseek(log, 0, SEEK_END) >= 0);
	TRY(OK, "map", suite_map(&d, 0, mem, 8));
	TRY(8 * PAGE, "invalidate", backend_unmap_flags(&d, IOVA, 8 * PAGE, VFIO_DMA_UNMAP_FLAG_VADDR));
	sleep(6);
	SEE(0, "child", suite_child(update, &d));
	SEE(0, "lines", complaints(log, LIMIT_WORDS));
	TRY(OK, "taken back", backend_map(&d, IOVA, mem, 8 * PAGE, VFIO_DMA_MAP_FLAG_VADDR));
	TRY(8, "unmap", suite_unmap(&d, 0, 8));
}

static void *limit_and_map(void *arg)
{
	const struct backend *d = arg;

	return (void *)(long)(suite_map(d, 0, suite_memory(8), 8) ? errno : 0);
}

/* The limit is the process's, also in a thread. */
CASE(account_thread, "A094")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	pthread_t thread;
	void *result;

	NEED(drop_cap(CAP_IPC_LOCK) && set_memlock(8 * PAGE));
	NEED(!pthread_create(&thread, NULL, limit_and_map, &d));
	NEED(!pthread_join(thread, &result));
	SEE(0, "in a thread", (long)result);
	TRY(-ENOMEM, "one more", suite_map(&d, 100, suite_memory(1), 1));
	TRY(8, "unmap", suite_unmap(&d, 0, 8));
}

CASE(account_capability, "A094")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(PAGES);

	NEED(set_memlock(0));
	TRY(OK, "with it", suite_map(&d, 0, mem, PAGES));
	NEED(drop_cap(CAP_IPC_LOCK));
	TRY(-ENOMEM, "without", suite_map(&d, 100, mem, 1));
	TRY(PAGES, "unmap", suite_unmap(&d, 0, PAGES));
	TRY(-ENOMEM, "still without", suite_map(&d, 100, mem, 1));
}

/* A mapping keeps what its maker might do, for pages that are pinned later. */
CASE(account_capability_for_life, "A094")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);

	NEED(set_memlock(0));
	TRY(OK, "map", suite_map(&s.d, 0, suite_memory(PAGES), PAGES));
	NEED(drop_cap(CAP_IPC_LOCK));
	TRY(2, "pin", mdev_pin(s.device, 0, 2, MDEV_READ));
	TRY(OK, "enter", suite_enter(&s.d, group));
	SEE(64, "charged", locked_kib());
}

/* And what it might not, though it may now. */
CASE(account_no_capability_for_life, "A094 A095")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);

	NEED(drop_cap(CAP_IPC_LOCK) && set_memlock(PAGE));
	TRY(OK, "map", suite_map(&s.d, 0, suite_memory(PAGES), PAGES));
	TRY(-ENOMEM, "enter", suite_enter(&s.d, group));
	TRY(1, "pin", mdev_pin(s.device, 0, 1, MDEV_READ));
	TRY(-ENOMEM, "pin two", mdev_pin(s.device, 1, 1, MDEV_READ));
}

CASE(account_with_mlock, "A095")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(PAGES);

	NEED(drop_cap(CAP_IPC_LOCK) && set_memlock(8 * PAGE) && !mlock(mem, 5 * PAGE));
	TRY(-ENOMEM, "four more", suite_map(&d, 0, mem, 4));
	TRY(OK, "three more", suite_map(&d, 0, mem, 3));
	TRY(-ENOMEM, "mlock", mlock(mem + 8 * PAGE, PAGE));
	TRY(3, "unmap", suite_unmap(&d, 0, 3));
	NEED(!munlock(mem, 5 * PAGE));
}

CASE(account_twice, "A096")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(PAGES);

	TRY(OK, "once", suite_map(&d, 0, mem, PAGES));
	TRY(OK, "twice", suite_map(&d, 100, mem, PAGES));
	TRY(OK, "half of it", suite_map(&d, 200, mem, PAGES / 2));
	TRY(PAGES, "unmap one", suite_unmap(&d, 0, PAGES));
}

CASE(account_two_containers, "A096")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU), e;
	char *mem = suite_memory(PAGES);

	NEED(backend_open(&e, suite_kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	TRY(OK, "one", suite_map(&d, 0, mem, PAGES));
	TRY(OK, "the other", suite_map(&e, 0, mem, PAGES));
	SEE(128, "both", locked_kib());
	TRY(PAGES, "unmap one", suite_unmap(&d, 0, PAGES));
	SEE(64, "the other's", locked_kib());
}

CASE(account_pinned_by_driver, "A097 A102 A144")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);

	TRY(OK, "map", suite_map(&s.d, 0, suite_memory(PAGES), PAGES));
	TRY(4, "pin", mdev_pin(s.device, 2, 4, MDEV_READ));
	TRY(OK, "enter", suite_enter(&s.d, group));
	SEE(64, "all once", locked_kib());
	TRY(2, "pin two more", mdev_pin(s.device, 10, 2, MDEV_READ));
	TRY(2, "unpin two", mdev_unpin(s.device, 2, 2));
	SEE(64, "all once still", locked_kib());
	TRY(OK, "leave", ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
	SEE(16, "the driver's four", locked_kib());
	TRY(4, "unpin", mdev_unpin(s.device, 4, 2) + mdev_unpin(s.device, 10, 2));
	SEE(0, "none", locked_kib());
}

struct family {
	const struct backend *d;
	char *mem;
};

static int map_and_exit(const void *arg)
{
	const struct family *f = arg;

	TRY(OK, "child maps", suite_map(f->d, 0, f->mem, PAGES));
	SEE(64, "child pays", locked_kib());
	SEE(0, "parent does not", status_kib(getppid(), "VmLck"));
	fflush(stdout);
	return 0;
}

CASE(account_owner_exits, "A098")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct family f = { &d, suite_memory(PAGES) };

	SEE(0, "child", suite_child(map_and_exit, &f));
	SEE(PAGES, "pinned", suite_pinned());
	TRY(-EEXIST, "is mapped", suite_map(&d, 0, f.mem, 1));
	TRY(PAGES, "unmap", suite_unmap(&d, 0, PAGES));
	SEE(0, "pinned after", suite_pinned());
}

static int unmap_for_parent(const void *arg)
{
	const struct family *f = arg;

	SEE(0, "child pays", locked_kib());
	TRY(PAGES, "child unmaps", suite_unmap(f->d, 0, PAGES));
	SEE(0, "parent has it back", status_kib(getppid(), "VmLck"));
	fflush(stdout);
	return 0;
}

CASE(account_fork, "A099")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct family f = { &d, suite_memory(PAGES) };

	TRY(OK, "map", suite_map(&d, 0, f.mem, PAGES));
	SEE(0, "child", suite_child(unmap_for_parent, &f));
	SEE(0, "charged", locked_kib());
}

/* exec: this program again, with the container's fd in its environment. */
__attribute__((constructor)) static void after_exec(void)
{
	const char *text = getenv("SUITE_EXEC_FD");
	struct backend d = { .group = -1 };
	char *mem;

	if (!text)
		return;
	d.fd = atoi(text);
	if (locked_kib() != 0)
		_exit(10);
	if (suite_unmap(&d, 0, PAGES) != PAGES)
		_exit(11);
	if (locked_kib() != 0)
		_exit(12);
	mem = touched_memory(PAGES * PAGE);
	if (suite_map(&d, 0, mem, PAGES) || locked_kib() != 64)
		_exit(13);
	_exit(suite_unmap(&d, 0, PAGES) == PAGES && locked_kib() == 0 ? 0 : 14);
}

static int map_and_exec(const void *arg)
{
	const struct family *f = arg;
	char text[16];

	if (suite_map(f->d, 0, f->mem, PAGES))
		return 1;
	snprintf(text, sizeof(text), "%d", f->d->fd);
	setenv("SUITE_EXEC_FD", text, 1);
	execl("/proc/self/exe", "suite", NULL);
	return 2;
}

CASE(account_exec, "A100")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct family f = { &d, suite_memory(PAGES) };

	NEED(!fcntl(d.fd, F_SETFD, 0));
	/* 10 to 14 say which step after the exec went wrong. */
	SEE(0, "child", suite_child(map_and_exec, &f));
	SEE(0, "pinned", suite_pinned());
}

CASE(account_driver_pins_of_the_dead, "A098 A142")
{
	struct soft s = suite_soft();
	struct family f = { &s.d, suite_memory(PAGES) };
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(suite_map(f.d, 0, f.mem, PAGES) || mdev_pin(s.device, 0, 8, MDEV_READ) != 8);
	SEE(0, "child", suite_ended(pid));
	SEE(8, "pinned", suite_pinned());
	TRY(-ENODEV, "pin more", mdev_pin(s.device, 8, 1, MDEV_READ));
	TRY(PAGES, "unmap", suite_unmap(&s.d, 0, PAGES));
	SEE(0, "pinned after", suite_pinned());
}

/* Mapped by one, attached by another: whose memory is pinned, and who pays? */
static int attach_as_child(const void *arg)
{
	const struct family *f = arg;
	int group = backend_open_group(DEVICE_EDU);

	TRY(OK, "child attaches", suite_enter(f->d, group));
	SEE(0, "child pays", locked_kib());
	SEE(64, "parent pays", status_kib(getppid(), "VmLck"));
	suite_say("pinned", "%ld", suite_pinned());
	fflush(stdout);
	return 0;
}

CASE(account_replay_by_another, "A103 A127")
{
	struct soft s = suite_soft();
	struct family f = { &s.d, suite_memory(PAGES) };

	TRY(OK, "map", suite_map(&s.d, 0, f.mem, PAGES));
	SEE(0, "child", suite_child(attach_as_child, &f));
	TRY(PAGES, "unmap", suite_unmap(&s.d, 0, PAGES));
}

CASE(account_replay_for_the_dead, "A098 A103")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);
	struct family f = { &s.d, suite_memory(PAGES) };
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(suite_map(f.d, 0, f.mem, PAGES) != 0);
	SEE(0, "child", suite_ended(pid));
	TRY(ANY, "attach", suite_enter(&s.d, group));
	SEE(ANY, "pinned", suite_pinned());
	TRY(PAGES, "unmap", suite_unmap(&s.d, 0, PAGES));
	SEE(0, "pinned after", suite_pinned());
}

CASE(account_exit_without_unmap, "A017 A098")
{
	struct backend d;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		d = suite_hard(VFIO_TYPE1v2_IOMMU);
		_exit(suite_map(&d, 0, suite_memory(64), 64) != 0);
	}
	SEE(0, "child", suite_ended(pid));
	SEE(0, "pinned", suite_pinned());
	suite_hard(VFIO_TYPE1v2_IOMMU);
}

/* --- SIGKILL in the middle of a gigabyte --- */

static long long acquired(void)
{
	long long now = -1;
	char line[128];
	FILE *file;

	if (!file_write("/proc/sys/vm/stat_refresh", "1"))
		return -1;
	file = fopen("/proc/vmstat", "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "nr_foll_pin_acquired %lld", &now);
	if (file)
		fclose(file);
	return now;
}

/*
 * Maps @mem in a child and kills it once @pins pages or huge pages are pinned;
 * 0: when all are. How many were.
 */
static long long kill_at(char *mem, size_t size, long long pins)
{
	long long before = acquired();
	struct backend d;
	int done[2];
	pid_t pid;
	char c;

	NEED(!pipe(done));
	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		d = suite_hard(VFIO_TYPE1v2_IOMMU);
		if (!backend_map(&d, 1ULL << 32, mem, size, MAP_RW) && write(done[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	if (!pins)
		NEED(read(done[0], &c, 1) == 1);
	while (acquired() - before < pins)
		usleep(500);
	kill(pid, SIGKILL);
	NEED(suite_ended(pid) == 1000 + SIGKILL);
	close(done[0]);
	close(done[1]);
	return acquired() - before;
}

static void kill_gigabyte(bool huge)
{
	static const int percent[] = { 0, 10, 30, 50 };
	char *mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i, middle = 0;
	long long all;
	struct backend d;

	NEED(mem != MAP_FAILED);
	madvise(mem, GIB, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	all = kill_at(mem, GIB, 0);
	SEE(0, "complete, pinned", suite_pinned());
	for (i = 0; i < 4; i++) {
		middle += kill_at(mem, GIB, 1 + all * percent[i] / 100) < all;
		SEE(0, suite_key("%d %%, pinned", percent[i]), suite_pinned());
	}
	/* A busy machine may have let each of them end first. */
	for (i = 0; i < 20 && !middle; i++)
		middle += kill_at(mem, GIB, 1) < all;
	SEE(1, "one of them was in the middle", middle > 0);
	/* Whatever it held is free again. */
	d = suite_hard(VFIO_TYPE1v2_IOMMU);
	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	SEE(65534, "left", backend_avail(&d));
}

CASE_LONG(account_killed_small_pages, "A052 A098", 120) { kill_gigabyte(false); }
CASE_LONG(account_killed_huge_pages, "A052 A098", 120) { kill_gigabyte(true); }
