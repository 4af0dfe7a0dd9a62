// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is behind the virtual address: memory that can be pinned, memory that
 * cannot, and what pinning does to it.
 */
#include <linux/userfaultfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/edu.h"
#include "type1/suite/suite.h"

#define LOW	0x1000000ULL	/* where the edu device reaches */

CASE(memory_not_there, "A051")
{
	const uint64_t big = 1100;
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = small_pages(big * PAGE);
	uint64_t hole;

	TRY(-EFAULT, "null", suite_map(&d, 0, NULL, 1));
	TRY(-EFAULT, "kernel's", suite_map(&d, 0, (void *)0xffff888000000000ULL, 1));
	TRY(-EFAULT, "beyond", suite_map(&d, 0, (void *)(1ULL << 62), 1));
	TRY(-EFAULT, "the last page", suite_map(&d, 0, (void *)-PAGE, 1));
	for (hole = big - 1; hole < big; hole = hole ? hole / 3 : big) {
		NEED(!munmap(mem + hole * PAGE, PAGE));
		TRY(-EFAULT, suite_key("hole at %d", (int)hole), suite_map(&d, 0, mem, big));
		SEE(0, suite_key("hole at %d, pinned", (int)hole), suite_pinned());
	}
	TRY(OK, "nothing in the way", suite_map(&d, 0, suite_memory(8), 8));
}

CASE(memory_protected, "A051")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(16);

	NEED(!mprotect(mem + 8 * PAGE, PAGE, PROT_READ));
	NEED(!mprotect(mem + 12 * PAGE, PAGE, PROT_NONE));
	TRY(-EFAULT, "write to read-only", suite_map(&d, 0, mem, 12));
	TRY(-EFAULT, "write only to read-only",
	    backend_map(&d, IOVA, mem + 8 * PAGE, PAGE, VFIO_DMA_MAP_FLAG_WRITE));
	TRY(-EFAULT, "read of nothing",
	    backend_map(&d, IOVA, mem, 16 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	TRY(OK, "read of read-only", backend_map(&d, IOVA, mem, 12 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	SEE(12, "pinned", suite_pinned());
}

/* What can only be read stays so: a shared file, and one that is sealed. */
/* Of huge pages, on a tmpfs that goes with it. */
static int huge_file(size_t size)
{
	static const char mount_point[] = "/tmp/ioasid-type1";
	int fd;

	mkdir(mount_point, 0700);
	NEED(!mount("ioasid-type1", mount_point, "tmpfs", 0, "huge=always,size=64m"));
	fd = open("/tmp/ioasid-type1/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	umount2(mount_point, MNT_DETACH);
	NEED(fd >= 0 && !ftruncate(fd, size));
	return fd;
}

CASE(memory_of_a_read_only_huge_file, "A051")
{
	int fd = huge_file(4 * MIB);
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, fd, 0);

	NEED(mem != MAP_FAILED);
	TRY(-EFAULT, "write", backend_map(&d, IOVA, mem, 4 * MIB, MAP_RW));
	SEE(0, "pinned", suite_pinned());
	TRY(OK, "read", backend_map(&d, IOVA, mem, 4 * MIB, VFIO_DMA_MAP_FLAG_READ));
	TRY(4 * MIB, "unmap", backend_unmap(&d, IOVA, 4 * MIB));
	NEED(!mprotect(mem, 4 * MIB, PROT_READ | PROT_WRITE) && !mprotect(mem, 2 * MIB, PROT_READ));
	TRY(-EFAULT, "write, half of it", backend_map(&d, IOVA, mem, 4 * MIB, MAP_RW));
	TRY(OK, "write, the other half", backend_map(&d, IOVA, mem + 2 * MIB, 2 * MIB, MAP_RW));
	NEED(!ftruncate(fd, 2 * MIB));
	TRY(-EFAULT, "cut", backend_map(&d, 2 * IOVA, mem, 4 * MIB, VFIO_DMA_MAP_FLAG_READ));
	TRY(2 * MIB, "unmap that", backend_unmap(&d, IOVA, 2 * MIB));
}

CASE(memory_of_a_read_only_file, "A051")
{
	int fd = memfd_create("suite", MFD_CLOEXEC | MFD_ALLOW_SEALING), exe;
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	const int n = 1024;	/* more than is pinned page by page */
	char *mem;

	NEED(fd >= 0 && !ftruncate(fd, n * PAGE));
	exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	mem = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, exe, 0);
	NEED(mem != MAP_FAILED);
	TRY(-EFAULT, "shared, write", suite_map(&d, 0, mem, 4));
	mem = mmap(NULL, n * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	TRY(-EFAULT, "memfd without write", suite_map(&d, 0, mem, n));
	TRY(OK, "memfd, read", backend_map(&d, IOVA, mem, n * PAGE, VFIO_DMA_MAP_FLAG_READ));
	TRY(n, "unmap", suite_unmap(&d, 0, n));
	NEED(!munmap(mem, n * PAGE) && !fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	mem = mmap(NULL, n * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	NEED(mem != MAP_FAILED);
	TRY(-EFAULT, "sealed, write", suite_map(&d, 0, mem, n));
	TRY(OK, "sealed, read", backend_map(&d, IOVA, mem, n * PAGE, VFIO_DMA_MAP_FLAG_READ));
}

CASE(memory_behind_the_end, "A051")
{
	int fd = memfd_create("suite", MFD_CLOEXEC);
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem;

	NEED(fd >= 0 && !ftruncate(fd, 4 * PAGE));
	mem = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(mem != MAP_FAILED);
	TRY(-EFAULT, "write", suite_map(&d, 0, mem, 8));
	TRY(-EFAULT, "read", backend_map(&d, IOVA, mem, 8 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	SEE(4 * PAGE, "the file did not grow", lseek(fd, 0, SEEK_END));
	TRY(OK, "what there is", suite_map(&d, 0, mem, 4));
	NEED(!ftruncate(fd, 2 * PAGE));
	TRY(-EFAULT, "cut", suite_map(&d, 16, mem, 4));
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
}

/* Of a whole huge page, and behind the end of its file. */
CASE(memory_behind_the_end_huge, "A051")
{
	int fd = memfd_create("suite", MFD_CLOEXEC | MFD_HUGETLB);
	struct backend d;
	char *mem;

	NEED(file_write("/proc/sys/vm/nr_hugepages", "8"));
	NEED(fd >= 0 && !ftruncate(fd, 4 * MIB));
	d = suite_hard(VFIO_TYPE1v2_IOMMU);
	mem = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	/* To map more than there is makes such a file larger. */
	NEED(mem != MAP_FAILED && !ftruncate(fd, 4 * MIB));
	TRY(-EFAULT, "beyond", backend_map(&d, IOVA, mem, 8 * MIB, MAP_RW));
	TRY(OK, "within", backend_map(&d, IOVA, mem, 4 * MIB, MAP_RW));
	NEED(!ftruncate(fd, 2 * MIB));
	TRY(-EFAULT, "cut", backend_map(&d, 2 * IOVA, mem, 4 * MIB, MAP_RW));
	TRY(4 * MIB, "unmap", backend_unmap(&d, IOVA, 4 * MIB));
	munmap(mem, 8 * MIB);
	close(fd);
	NEED(file_write("/proc/sys/vm/nr_hugepages", "0"));
}

/* A private view of a file is memory of its own: what a device reads is not the file's. */
CASE(memory_private_file, "A051 A056")
{
	int fd = memfd_create("suite", MFD_CLOEXEC), edu;
	struct backend d;
	volatile char *bar;
	char *mem, word[8] = "";

	NEED(fd >= 0 && !ftruncate(fd, 4 * MIB));
	mem = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	NEED(mem != MAP_FAILED && pwrite(fd, "file", 4, 0) == 4);
	NEED(backend_open(&d, suite_kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	suite_watch(&d);
	edu = backend_device(&d, DEVICE_EDU);
	NEED(edu >= 0);
	bar = edu_open(edu);
	NEED(bar != NULL);
	TRY(OK, "map", backend_map(&d, LOW, mem, 4 * MIB, MAP_RW));
	strcpy(mem, "mine");
	SEE(1, "dma", edu_copy(bar, LOW, LOW + 2 * MIB, 8));
	suite_say("read by the device", "%.4s", mem + 2 * MIB);
	NEED(pread(fd, word, 4, 0) == 4);
	suite_say("in the file", "%s", word);
	NEED(pread(fd, word, 4, 2 * MIB) == 4);
	SEE(0, "written to the file", word[0]);
	TRY(4 * MIB, "unmap", backend_unmap(&d, LOW, 4 * MIB));
}

/* 1 for an anonymous page, 0 for one of a file, by /proc/self/pagemap. */
static int is_anonymous(const void *mem)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	NEED(fd >= 0 && pread(fd, &entry, 8, (uintptr_t)mem / PAGE * 8) == 8);
	close(fd);
	if (!(entry >> 63))
		return -1;
	return !(entry >> 61 & 1);
}

CASE(memory_read_only_of_private_file, "A056")
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

	NEED(mem != MAP_FAILED);
	TRY(OK, "map", backend_map(&d, IOVA, mem, 4 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	SEE(ANY, "anonymous", is_anonymous(mem));
	TRY(-EFAULT, "write", suite_map(&d, 16, mem, 4));
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
}

CASE(memory_untouched, "A056")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = small_pages(8 * PAGE);

	TRY(OK, "read", backend_map(&d, IOVA, mem, 4 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	SEE(ANY, "anonymous", is_anonymous(mem));
	TRY(OK, "write", suite_map(&d, 8, mem, 8));
	TRY(12 * PAGE, "all", backend_unmap_all(&d));
}

/* Two kinds of huge memory, charged by small pages. */
CASE(memory_huge, "A059 A093")
{
	char *mem = mmap(NULL, 10 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	NEED(mem != MAP_FAILED);
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(2 * MIB - 1));
	madvise(mem, 8 * MIB, MADV_HUGEPAGE);
	memset(mem, 1, 8 * MIB);
	TRY(OK, "all", backend_map(&d, IOVA, mem, 8 * MIB, MAP_RW));
	TRY(OK, "a piece", backend_map(&d, 2 * IOVA, mem + PAGE, 3 * MIB, MAP_RW));
	TRY(-EEXIST, "again", backend_map(&d, IOVA, mem, 8 * MIB, MAP_RW));
	NEED(!munmap(mem + 5 * MIB, PAGE));
	TRY(8 * MIB, "unmap", backend_unmap(&d, IOVA, 8 * MIB));
	TRY(3 * MIB, "unmap the piece", backend_unmap(&d, 2 * IOVA, 3 * MIB));
}

CASE(memory_hugetlb, "A059 A078 A093")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem;

	NEED(file_write("/proc/sys/vm/nr_hugepages", "4"));
	mem = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		   -1, 0);
	NEED(mem != MAP_FAILED);
	TRY(OK, "all", backend_map(&d, IOVA, mem, 4 * MIB, MAP_RW));
	SEE(ANY, "pins", suite_pinned());
	TRY(OK, "a piece", backend_map(&d, 2 * IOVA, mem + PAGE, 3 * MIB, MAP_RW));
	NEED(!munmap(mem, 4 * MIB));
	TRY(7 * MIB, "all of it", backend_unmap_all(&d));
	SEE(0, "pinned", suite_pinned());
	NEED(file_write("/proc/sys/vm/nr_hugepages", "0"));
}

static void trap_set(char *trap, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)trap, size }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
		_exit(255);
}

/* What a map of memory says that is never filled: its errno, or that it waits. */
static void trapped_map(const char *key, char *trap, size_t size)
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int status = 0, tries;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		trap_set(trap, size);
		_exit(suite_map(&d, 0, trap, size / PAGE) ? errno : 0);
	}
	for (tries = 0; tries < 100 && waitpid(pid, &status, WNOHANG) != pid; tries++)
		usleep(5000);
	if (tries < 100) {
		suite_say(key, "%s", WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "0");
	} else {
		suite_say(key, "waits");
		/* Until it is killed, and then nothing is left of it. */
		kill(pid, SIGKILL);
		SEE(1000 + SIGKILL, suite_key("%s, killed", key), suite_ended(pid));
	}
	TRY(0, suite_key("%s, mapped", key), suite_unmap(&d, 0, size / PAGE));
	SEE(0, suite_key("%s, pinned", key), suite_pinned());
	backend_close(&d);
}

/* Memory that a userfaultfd serves, private and of a file. */
CASE(memory_of_userfaultfd, "A051 A052")
{
	int fd = memfd_create("suite", MFD_CLOEXEC);
	char *mem;

	trapped_map("private", small_pages(8 * PAGE), 8 * PAGE);
	NEED(fd >= 0 && !ftruncate(fd, 2 * MIB));
	mem = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(mem != MAP_FAILED);
	trapped_map("shared", mem, 2 * MIB);
	SEE(0, "pages of the file", lseek(fd, 0, SEEK_DATA) >= 0);
}

/* --- pages a machine might want to move --- */

static bool block_state(int block, const char *state)
{
	const char *path = suite_key("/sys/devices/system/memory/memory%d/state", block);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, state, strlen(state)) > 0;

	if (fd >= 0)
		close(fd);
	return done;
}

/* Makes a block of memory one of movable pages alone; its number, or -1. */
static int block_to_movable(void)
{
	int block, tries;

	for (tries = 0; tries < 3; tries++)
		for (block = 100; block >= 0; block--) {
			if (!block_state(block, "offline"))
				continue;
			if (block_state(block, "online_movable"))
				return block;
			NEED(block_state(block, "online"));
		}
	return -1;
}

static long in_movable(const char *mem, uint64_t pages)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned long start = 0, spanned = 0, pfn;
	bool movable = false;
	char line[128];
	uint64_t entry, i;
	long n = 0;
	FILE *file = fopen("/proc/zoneinfo", "re");

	NEED(file != NULL && fd >= 0);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Node", 4))
			movable = strstr(line, "Movable");
		if (movable)
			sscanf(line, " spanned %lu", &spanned);
		if (movable && sscanf(line, " start_pfn: %lu", &start) == 1)
			break;
	}
	fclose(file);
	for (i = 0; i < pages && start; i++) {
		NEED(pread(fd, &entry, 8, ((uintptr_t)mem / PAGE + i) * 8) == 8);
		pfn = entry & ((1ULL << 55) - 1);
		n += pfn >= start && pfn - start < spanned;
	}
	close(fd);
	return n;
}

/* They are moved before they are pinned. */
CASE_LONG(memory_is_moved, "A055", 60)
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = small_pages(256 * PAGE);
	int block = block_to_movable();

	NEED(block >= 0);
	memset(mem, 1, 256 * PAGE);
	SEE(256, "movable before", in_movable(mem, 256));
	TRY(OK, "map", suite_map(&d, 0, mem, 256));
	SEE(0, "movable while pinned", in_movable(mem, 256));
	TRY(256, "unmap", suite_unmap(&d, 0, 256));
	NEED(block_state(block, "offline") && block_state(block, "online"));
}
