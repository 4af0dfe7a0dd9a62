// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that insist on more than the calls: a VMM whose seccomp filter lists each ioctl
 * that it makes of VFIO, one that probes extensions of its own, one that finds its
 * container by the name of the file behind a descriptor.
 */
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define SIZE	(2 * MIB)

FIXTURE(sandboxed) {
	struct backend d;
	char *mem;
	long long before;
};

FIXTURE_VARIANT(sandboxed) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(sandboxed, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(sandboxed, type1) { .kind = BACKEND_TYPE1 };

FIXTURE_SETUP(sandboxed)
{
	self->before = ktap_pinned();
	self->mem = touched_memory(SIZE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
}

FIXTURE_TEARDOWN(sandboxed)
{
	backend_close(&self->d);
	EXPECT_EQ(0, ktap_leaked(self->before));
}

/*
 * From here on any ioctl but these three kills the process: cloud-hypervisor's threads map,
 * unmap and reset the device, without asking for GET_INFO.
 */
static bool lock_in(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VFIO_IOMMU_MAP_DMA, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VFIO_IOMMU_UNMAP_DMA, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VFIO_DEVICE_RESET, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* What a guest does to its memory and devices while it runs: the step that failed, or 0. */
static int run_guest(const struct backend *d, const char *mem, int device)
{
	int i;

	if (!lock_in())
		return 1;
	for (i = 0; i < 64; i++) {
		if (backend_map(d, IOVA + i * SIZE, mem, SIZE, MAP_RW))
			return 2;
		if (!backend_map(d, IOVA + i * SIZE, mem, SIZE, MAP_RW) || errno != EEXIST)
			return 3;
		if (backend_unmap(d, IOVA + i * SIZE, SIZE) != SIZE)
			return 4;
	}
	if (backend_map(d, IOVA, mem, SIZE, MAP_RW))
		return 5;
	/* The edu device cannot be reset: the answer counts, not the reset. */
	if (ioctl(device, VFIO_DEVICE_RESET) && errno != ENOTTY && errno != EINVAL)
		return 6;
	return 0;
}

TEST_F(sandboxed, map_and_unmap_alone)
{
	int device = backend_device(&self->d, DEVICE_EDU), status = 0;
	pid_t pid;

	ASSERT_LE(0, device);
	pid = fork();
	if (!pid)
		_exit(run_guest(&self->d, self->mem, device));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	/* The process is gone, its mapping is not: the container belongs to this one as well. */
	EXPECT_EQ(SIZE, backend_unmap(&self->d, IOVA, SIZE));
	close(device);
}

/* Any other ioctl ends the process, so the test above can fail. */
TEST_F(sandboxed, filter_is_in_force)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		lock_in();
		ioctl(self->d.fd, VFIO_GET_API_VERSION);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSYS, WTERMSIG(status));
}

/* crosvm probes two extensions that its own kernels have; any answer but 0 turns them on. */
TEST_F(sandboxed, extensions_of_other_kernels)
{
	EXPECT_EQ(0, ioctl(self->d.fd, VFIO_CHECK_EXTENSION, 30));
	EXPECT_EQ(0, ioctl(self->d.fd, VFIO_CHECK_EXTENSION, 100001));
}

/* SPDK does not ask DPDK for the container: it looks for the one descriptor of that file. */
TEST_F(sandboxed, container_is_found_by_its_name)
{
	DIR *fds = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1, n = 0;

	ASSERT_TRUE(fds);
	while ((entry = readdir(fds))) {
		char name[64];
		ssize_t length = readlinkat(dirfd(fds), entry->d_name, name, sizeof(name) - 1);

		if (length < 0)
			continue;
		name[length] = '\0';
		if (!strcmp(name, "/dev/vfio/vfio")) {
			found = atoi(entry->d_name);
			n++;
		}
	}
	closedir(fds);
	EXPECT_EQ(1, n);
	EXPECT_EQ(self->d.fd, found);
}

TEST_HARNESS_MAIN
