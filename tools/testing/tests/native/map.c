// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_DMA and UNMAP_DMA of ioasid's own: each errno of the header, and that
 * an error leaves nothing pinned, mapped or charged; where the kernel maps
 * when it may choose.
 */
#include <sys/wait.h>

#include "lib/ioasid.h"

#define IOVA	0x100000000ULL
#define PAGES	16

FIXTURE(map) {
	int fd;
	char *mem;		/* PAGES pages, written */
};

FIXTURE_SETUP(map)
{
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->mem = touched_memory(PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(map)
{
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(map, pins_and_charges)
{
	struct ioasid_get_info info;

	ASSERT_EQ(IOVA, native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, PAGES * PAGE));
	EXPECT_EQ((long)(PAGES * 4), locked_kib());
	info = native_info(self->fd, 1);
	EXPECT_EQ(1, info.out_maps);
	EXPECT_EQ(PAGES * PAGE, info.out_bytes);
	EXPECT_EQ(PAGES, info.out_pinned);
	EXPECT_EQ(PAGES, info.out_charged);
	EXPECT_EQ(65534, info.out_avail);
	EXPECT_EQ((long long)(PAGES * PAGE), native_unmap(self->fd, 1, IOVA, PAGES * PAGE));
	EXPECT_EQ(0, locked_kib());
}

/*
 * One process after the other maps in the address space that they share: each pays for its own,
 * though the kernel uses the memory of the last mapping, with its owner, for the next one.
 */
TEST_F(map, owners_in_turn)
{
	long long before = ktap_pinned();
	int status, i;
	pid_t pid;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(IOVA, native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, PAGE));
		EXPECT_EQ(4, locked_kib());
		EXPECT_EQ((long long)PAGE, native_unmap(self->fd, 0, IOVA, PAGE));
		EXPECT_EQ(0, locked_kib());
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, 2 * PAGE) != IOVA ||
			      locked_kib() != 8);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		EXPECT_EQ(before + 2, ktap_pinned());
		EXPECT_EQ(0, locked_kib());
		EXPECT_EQ((long long)(2 * PAGE), native_unmap(self->fd, 0, IOVA, 2 * PAGE));
		EXPECT_EQ(before, ktap_pinned());
		EXPECT_EQ(0, locked_kib());
	}
}

TEST_F(map, einval)
{
	int fd = self->fd;
	char *mem = self->mem;

	EXPECT_NO_MAP(fd, EINVAL, native_map(fd, 0, NATIVE_FIXED, IOVA, mem, 0));
	EXPECT_NO_MAP(fd, EINVAL, native_map(fd, 0, NATIVE_FIXED, IOVA + 1, mem, PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_map(fd, 0, NATIVE_FIXED, IOVA, mem + 1, PAGE));
	EXPECT_NO_MAP(fd, EINVAL, native_map(fd, 0, NATIVE_FIXED, IOVA, mem, PAGE - 1));
	EXPECT_NO_MAP(fd, EINVAL, native_map(fd, 0, NATIVE_RW, 0, mem, PAGE - 1));
	EXPECT_NO_MAP(fd, EINVAL, native_map(fd, 0, IOASID_MAP_FLAG_FIXED_IOVA, IOVA, mem, PAGE));
}

TEST_F(map, others)
{
	int fd = self->fd, id = native_alloc(fd), other = native_open();
	char *mem = self->mem;

	EXPECT_NO_MAP(fd, EOPNOTSUPP, native_map(fd, 0, NATIVE_RW | 16, IOVA, mem, PAGE));
	EXPECT_NO_MAP(fd, EOVERFLOW, native_map(fd, 0, NATIVE_FIXED, -PAGE, mem, 2 * PAGE));
	EXPECT_NO_MAP(fd, EOVERFLOW, native_map(fd, 0, NATIVE_RW, 0, (void *)-PAGE, 2 * PAGE));
	EXPECT_NO_MAP(fd, EFAULT, native_map(fd, 0, NATIVE_RW, 0, (void *)(16 * PAGE), PAGE));
	EXPECT_NO_MAP(fd, ENOENT, native_map(fd, 7, NATIVE_RW, 0, mem, PAGE));
	EXPECT_EQ(2, native_alloc(other));
	EXPECT_EQ(3, native_alloc(other));
	EXPECT_NO_MAP(fd, ENOENT, native_map(fd, 3, NATIVE_RW, 0, mem, PAGE));
	EXPECT_EQ(0, native_free(fd, id));
	EXPECT_NO_MAP(fd, ENOENT, native_map(fd, id, NATIVE_RW, 0, mem, PAGE));
	EXPECT_ERRNO(ENOENT, native_unmap_all(fd, id));
	close(other);
}

TEST_F(map, eexist)
{
	int fd = self->fd;

	ASSERT_EQ(IOVA, native_map(fd, 0, NATIVE_FIXED, IOVA, self->mem, 2 * PAGE));
	EXPECT_NO_MAP(fd, EEXIST, native_map(fd, 0, NATIVE_FIXED, IOVA, self->mem, PAGE));
	EXPECT_NO_MAP(fd, EEXIST, native_map(fd, 0, NATIVE_FIXED, IOVA + PAGE, self->mem, PAGE));
	/* Another space, the same address. */
	EXPECT_EQ(2, native_alloc(fd));
	EXPECT_EQ(IOVA, native_map(fd, 2, NATIVE_FIXED, IOVA, self->mem, PAGE));
}

TEST_F(map, enomem)
{

	ASSERT_TRUE(drop_cap(CAP_IPC_LOCK));
	ASSERT_TRUE(set_memlock(4 * PAGE));
	EXPECT_NO_MAP(self->fd, ENOMEM,
		      native_map(self->fd, 0, NATIVE_RW, 0, self->mem, 5 * PAGE));
	EXPECT_NE(NATIVE_FAIL, native_map(self->fd, 0, NATIVE_RW, 0, self->mem, 4 * PAGE));
}

/* An answer that cannot be given undoes the mapping. */
TEST_F(map, efault_answer)
{
	struct ioasid_map_dma *arg = touched_memory(PAGE);

	ASSERT_NE(MAP_FAILED, (void *)arg);
	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	arg->flags = NATIVE_RW;
	arg->user_va = (uintptr_t)self->mem;
	arg->length = PAGE;
	ASSERT_EQ(0, mprotect(arg, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, ioctl(self->fd, IOASID_MAP_DMA, arg));
	EXPECT_EQ(0, native_info(self->fd, 0).out_maps);
	EXPECT_EQ(0, locked_kib());
}

TEST_F(map, unmap_errnos)
{
	struct ioasid_unmap_dma arg = { .size = sizeof(arg), .flags = 3 };
	int fd = self->fd;

	ASSERT_EQ(IOVA, native_map(fd, 0, NATIVE_FIXED, IOVA, self->mem, 4 * PAGE));
	EXPECT_ERRNO(ENOENT, native_unmap(fd, 0, IOVA + 4 * PAGE, PAGE));
	EXPECT_ERRNO(EINVAL, native_unmap(fd, 0, IOVA, PAGE));
	EXPECT_ERRNO(EINVAL, native_unmap(fd, 0, IOVA + PAGE, 8 * PAGE));
	EXPECT_ERRNO(EINVAL, native_unmap(fd, 0, IOVA + 1, 8 * PAGE));
	EXPECT_ERRNO(EINVAL, native_unmap(fd, 0, IOVA, 8 * PAGE + 1));
	EXPECT_ERRNO(EOVERFLOW, native_unmap(fd, 0, -PAGE, 2 * PAGE));
	EXPECT_ERRNO(EINVAL, native_unmap(fd, 0, IOVA, 0));	/* ALL with an address */
	EXPECT_ERRNO(EINVAL, ioctl(fd, IOASID_UNMAP_DMA, &arg));
	arg.flags = IOASID_UNMAP_FLAG_SPLIT << 1;
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(fd, IOASID_UNMAP_DMA, &arg));
	arg.flags = 0;
	arg.__reserved = 1;
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(fd, IOASID_UNMAP_DMA, &arg));
	EXPECT_EQ(16, locked_kib());
	/* More than is mapped is fine. */
	EXPECT_EQ((long long)(4 * PAGE), native_unmap(fd, 0, IOVA - PAGE, 16 * PAGE));
	/* All of nothing is nothing. */
	EXPECT_EQ(0, native_unmap_all(fd, 0));
}

/* A policy's errno as it is; a VFIO ioctl would say ENOMEM. */
TEST_F(map, policy_refuses)
{
	static const char load[] = "build/bin/ioasidctl policy load "
				   "build/bpf/test/probe.bpf.o --set begin_value=-122 >/dev/null";
	int fd = self->fd;

	if (access("/sys/kernel/ioasid/policies", F_OK))
		SKIP(return, "policies are off");
	ASSERT_EQ(0, system(load));
	EXPECT_NO_MAP(fd, EDQUOT, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_EQ(0, system("build/bin/ioasidctl policy unload probe >/dev/null"));
	EXPECT_NE(NATIVE_FAIL, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
}

#define TRACING	"/sys/kernel/tracing/"

/* Does a line of the kernel's trace hold these words? */
static bool traced(const char *event, const char *words)
{
	FILE *file = fopen(TRACING "trace", "re");
	bool found = false;
	char line[512];

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, event) && strstr(line, words);
	if (file)
		fclose(file);
	return found;
}

/* The caller is gone: only a tracer can see EINTR. */
TEST_F(map, killed_while_pinning)
{
	static const char event[] = TRACING "events/ioasid/ioasid_error/enable";
	struct native_tally before = native_tally(self->fd);
	char *slow = small_pages(GIB), want[32];
	int empty = open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC), status, tries = 0;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, (void *)slow);
	ASSERT_LE(0, empty);
	close(empty);
	ASSERT_TRUE(file_write(event, "1"));
	pid = fork();
	if (!pid)
		_exit(native_map(self->fd, 0, NATIVE_RW, 0, slow, GIB) != NATIVE_FAIL);
	while (status_kib(pid, "VmLck") < 1024 && tries++ < 5000)
		usleep(1000);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(file_write(event, "0"));
	snprintf(want, sizeof(want), " err=%d ", -EINTR);
	EXPECT_TRUE(traced(" ioasid_error: ", want));
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

/* --- addresses that the kernel chooses --- */

TEST_F(map, lowest_free)
{
	uint64_t a, b, c;
	int fd = self->fd;

	a = native_map(fd, 0, NATIVE_RW, 12345, self->mem, 4 * PAGE);
	EXPECT_EQ(IOVA, a);
	b = native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE);
	EXPECT_EQ(a + 4 * PAGE, b);
	/* Into the hole, as far as it fits. */
	ASSERT_EQ((long long)(4 * PAGE), native_unmap(fd, 0, a, 4 * PAGE));
	EXPECT_EQ(a, native_map(fd, 0, NATIVE_RW, 0, self->mem, 3 * PAGE));
	c = native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE);
	EXPECT_EQ(b + PAGE, c);
	EXPECT_EQ(a + 3 * PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_EQ(c + 2 * PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	/* Around what was fixed. */
	ASSERT_NE(NATIVE_FAIL, native_map(fd, 0, NATIVE_FIXED, c + 4 * PAGE, self->mem, PAGE));
	EXPECT_EQ(c + 5 * PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	EXPECT_EQ(c + 3 * PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
}

/* A huge page of the memory can be a huge page of the IOMMU. */
TEST_F(map, fits_huge_pages)
{
	char *mem = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t iova;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_NE(NATIVE_FAIL, native_map(self->fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	iova = native_map(self->fd, 0, NATIVE_RW, 0, mem + 3 * PAGE, 4 * MIB);
	ASSERT_NE(NATIVE_FAIL, iova);
	EXPECT_EQ((uintptr_t)(mem + 3 * PAGE) % (2 * MIB), iova % (2 * MIB));
	/* Without huge pages there is nothing to fit. */
	ASSERT_EQ(0, native_set(self->fd, 0, IOASID_OPTION_HUGE_PAGES, 0));
	EXPECT_EQ(iova + 4 * MIB, native_map(self->fd, 0, NATIVE_RW, 0, mem + 3 * PAGE, 4 * MIB));
}

TEST_F(map, within_allowed)
{
	struct ioasid_iova_range r[] = {
		{ 0x40000, 0x40000 + 2 * PAGE - 1 },
		{ 0x10000, 0x10000 + 3 * PAGE - 1 },
	};
	int fd = self->fd;

	ASSERT_EQ(0, native_allow(fd, 0, r, 2));
	EXPECT_EQ(0x10000, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_NO_MAP(fd, ENOSPC, native_map(fd, 0, NATIVE_RW, 0, self->mem, 4 * PAGE));
	EXPECT_EQ(0x10000 + PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	EXPECT_EQ(0x40000, native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	EXPECT_NO_MAP(fd, ENOSPC, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	/* What is asked for may lie elsewhere. */
	EXPECT_EQ(IOVA, native_map(fd, 0, NATIVE_FIXED, IOVA, self->mem, PAGE));
	ASSERT_EQ(0, native_allow(fd, 0, NULL, 0));
	EXPECT_EQ(IOVA + PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
}

/* With a device: from the first page on, never the zero one, and around its MSIs. */
TEST_F(map, within_windows)
{
	struct ioasid_iova_range msi = { MSI_START - 2 * PAGE, MSI_END + 2 * PAGE };
	struct ioasid_iova_range around[] = {
		{ MSI_START - 2 * PAGE, MSI_START - 1 },
		{ MSI_END + 1, MSI_END + 2 * PAGE },
	};
	int fd = self->fd;
	struct backend d;

	ASSERT_TRUE(native_attach(fd, &d, DEVICE_NVME));
	EXPECT_EQ(PAGE, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_NO_MAP(fd, EINVAL,
		      native_map(fd, 0, NATIVE_FIXED, MSI_START, self->mem, PAGE));
	EXPECT_ERRNO(EADDRINUSE, native_allow(fd, 0, &msi, 1));
	ASSERT_EQ(0, native_allow(fd, 0, around, 2));
	EXPECT_EQ(MSI_START - 2 * PAGE,
		  native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	EXPECT_EQ(MSI_END + 1, native_map(fd, 0, NATIVE_RW, 0, self->mem, PAGE));
	EXPECT_NO_MAP(fd, ENOSPC, native_map(fd, 0, NATIVE_RW, 0, self->mem, 2 * PAGE));
	backend_close(&d);
}

/* A device that would take away what is allowed is not let in. */
TEST_F(map, allowed_keeps_devices_out)
{
	struct ioasid_iova_range r = { MSI_START, MSI_END };
	struct backend d;

	ASSERT_EQ(0, native_allow(self->fd, 0, &r, 1));
	ASSERT_TRUE(backend_join(&d, BACKEND_SHIM, DEVICE_NVME));
	EXPECT_ERRNO(EADDRINUSE, ioctl(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->fd)));
	ASSERT_EQ(0, native_allow(self->fd, 0, NULL, 0));
	EXPECT_EQ(0, ioctl(d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->fd)));
	backend_close(&d);
}

TEST_HARNESS_MAIN
