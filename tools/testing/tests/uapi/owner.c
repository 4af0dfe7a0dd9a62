// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose an address space is shown to be: after a live update, half way through one,
 * and after exec, setuid and exit of the process that opened it. What a cgroup does
 * is in policy/owner.t.sh.
 */
#include <sched.h>
#include <sys/prctl.h>

#include "lib/backend.h"

#define IOVA	0x10000000ULL
#define SPACES	"/sys/kernel/debug/ioasid/spaces"
#define AREAS	2

FIXTURE(owner) {
	struct backend d;
	char *mem;
	pid_t heir;
	int orders;
	int answers;
};

FIXTURE_VARIANT(owner) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(owner, ioasid) { .kind = BACKEND_IOASID };
FIXTURE_VARIANT_ADD(owner, shim) { .kind = BACKEND_SHIM };

/* What debugfs says of the only address space that there is. */
struct shown {
	long owner;
	char comm[32];
	long exited;
};

static struct shown shown(void)
{
	FILE *file = fopen(SPACES, "re");
	struct shown s = { .owner = -1, .exited = -1 };
	char line[512], *last;

	/* The first line names the columns. */
	if (file && fgets(line, sizeof(line), file) && fgets(line, sizeof(line), file)) {
		sscanf(line, "%*u %*s %ld %31s", &s.owner, s.comm);
		last = strrchr(line, ' ');
		s.exited = last ? atol(last + 1) : -1;
	}
	if (file)
		fclose(file);
	return s;
}

#define EXPECT_OWNER(pid, name, gone) do {					\
	struct shown _s = shown();						\
										\
	EXPECT_EQ((long)(pid), _s.owner);					\
	EXPECT_STREQ(name, _s.comm);						\
	EXPECT_EQ(gone, _s.exited);						\
} while (0)

static int renew(const struct backend *d, int area, char *mem)
{
	return backend_map(d, IOVA + area * PAGE, mem + area * PAGE, PAGE,
			   VFIO_DMA_MAP_FLAG_VADDR);
}

/* Renews each area that it is told to, until its orders end. */
static void heir_main(const struct backend *d, char *mem, int orders, int answers)
{
	char word;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "heir");
	while (read(orders, &word, 1) == 1) {
		word = (char)(renew(d, word, mem) ? errno : 0);
		if (write(answers, &word, 1) != 1)
			break;
	}
	_exit(0);
}

FIXTURE_SETUP(owner)
{
	int orders[2], answers[2], i;

	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, DEVICE_NVME));
	self->mem = touched_memory(AREAS * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	prctl(PR_SET_NAME, "testator");
	ASSERT_EQ(0, pipe2(orders, O_CLOEXEC) | pipe2(answers, O_CLOEXEC));
	self->heir = fork();
	ASSERT_LE(0, self->heir);
	if (!self->heir) {
		close(orders[1]);
		heir_main(&self->d, self->mem, orders[0], answers[1]);
	}
	close(orders[0]);
	self->orders = orders[1];
	self->answers = answers[0];
	for (i = 0; i < AREAS; i++)
		ASSERT_EQ(0, backend_map(&self->d, IOVA + i * PAGE, self->mem + i * PAGE, PAGE,
					 MAP_RW));
}

/* As processes end: it has no parent any more that waits. */
static void heir_dies(struct ktap_fixture_owner *self)
{
	kill(self->heir, SIGKILL);
	waitpid(self->heir, NULL, 0);
	self->heir = 0;
}

FIXTURE_TEARDOWN(owner)
{
	if (self->heir)
		heir_dies(self);
	close(self->orders);
	close(self->answers);
	backend_close(&self->d);
	EXPECT_EQ(0, locked_kib());
}

static bool invalidate(const struct backend *d)
{
	return backend_unmap_flags(d, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR) ==
	       (long long)(AREAS * PAGE);
}

/* 0, or the errno of the heir. */
static int inherit(struct ktap_fixture_owner *self, char area)
{
	char word = area;

	return write(self->orders, &word, 1) == 1 && read(self->answers, &word, 1) == 1 ? word : -1;
}

TEST_F(owner, last_address_decides)
{
	EXPECT_OWNER(getpid(), "testator", 0);
	ASSERT_TRUE(invalidate(&self->d));
	EXPECT_OWNER(getpid(), "testator", 0);
	ASSERT_EQ(0, inherit(self, 1));
	EXPECT_OWNER(getpid(), "testator", 0);
	ASSERT_EQ(0, inherit(self, 0));
	EXPECT_OWNER(self->heir, "heir", 0);
	/* And back. */
	ASSERT_TRUE(invalidate(&self->d));
	ASSERT_EQ(0, renew(&self->d, 0, self->mem));
	EXPECT_OWNER(self->heir, "heir", 0);
	ASSERT_EQ(0, renew(&self->d, 1, self->mem));
	EXPECT_OWNER(getpid(), "testator", 0);
}

/* The last address that is not valid goes with its mapping: who updated the last before has all. */
TEST_F(owner, last_address_is_unmapped)
{
	ASSERT_TRUE(invalidate(&self->d));
	ASSERT_EQ(0, inherit(self, 0));
	EXPECT_EQ((long long)PAGE, backend_unmap(&self->d, IOVA + PAGE, PAGE));
	EXPECT_OWNER(self->heir, "heir", 0);
	/* Nothing was updated: nothing changes hands. */
	EXPECT_EQ((long long)PAGE, backend_unmap_flags(&self->d, IOVA, PAGE,
						       VFIO_DMA_UNMAP_FLAG_VADDR));
	EXPECT_EQ((long long)PAGE, backend_unmap_all(&self->d));
	EXPECT_OWNER(self->heir, "heir", 0);
}

TEST_F(owner, heir_dies_half_way)
{
	pid_t heir = self->heir;

	ASSERT_TRUE(invalidate(&self->d));
	ASSERT_EQ(0, inherit(self, 0));
	heir_dies(self);
	EXPECT_OWNER(getpid(), "testator", 0);
	ASSERT_EQ(0, renew(&self->d, 1, self->mem));
	EXPECT_OWNER(getpid(), "testator", 0);
	/* The other one is still the dead heir's. */
	EXPECT_EQ((long)(PAGE / KIB), locked_kib());
	EXPECT_EQ(-1, status_kib(heir, "VmLck"));
	EXPECT_EQ((long long)PAGE, backend_unmap_flags(&self->d, IOVA, PAGE,
						       VFIO_DMA_UNMAP_FLAG_VADDR));
	ASSERT_EQ(0, renew(&self->d, 0, self->mem));
	EXPECT_EQ((long)(2 * PAGE / KIB), locked_kib());
}

TEST_F(owner, heir_dies_at_the_end)
{
	pid_t heir = self->heir;

	ASSERT_TRUE(invalidate(&self->d));
	ASSERT_EQ(0, inherit(self, 0));
	ASSERT_EQ(0, inherit(self, 1));
	heir_dies(self);
	EXPECT_OWNER(heir, "heir", 1);
}

/* A refused update changes nothing. */
TEST_F(owner, update_is_refused)
{
	ASSERT_TRUE(invalidate(&self->d));
	ASSERT_EQ(0, inherit(self, 0));
	EXPECT_EQ(EINVAL, inherit(self, 0));
	EXPECT_OWNER(getpid(), "testator", 0);
}

/* --- the process that opened it --- */

static int ended(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool fdinfo_owner(int fd, unsigned int *pid, unsigned int *uid, char *rest)
{
	char path[64], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "ioasid-owner: %u %u %63[^\n]", pid, uid, rest) == 3;
	if (file)
		fclose(file);
	return found;
}

TEST(opener_exits)
{
	struct backend d = { .group = -1 };
	unsigned int owner, uid;
	int channel[2], i;
	char rest[64];
	pid_t pid;

	/* Its fd stays, passed on as SCM_RIGHTS would: by a parent that shares its files. */
	ASSERT_EQ(0, pipe(channel));
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid) {
		prctl(PR_SET_NAME, "opener");
		if (!backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL))
			_exit(1);
		i = write(channel[1], &d.fd, sizeof(d.fd)) == sizeof(d.fd) ? 0 : 2;
		syscall(SYS_exit_group, i);
	}
	ASSERT_EQ((ssize_t)sizeof(d.fd), read(channel[0], &d.fd, sizeof(d.fd)));
	/* A zombie has exited. */
	for (i = 0; i < 500 && shown().exited != 1; i++)
		usleep(10000);
	EXPECT_OWNER(pid, "opener", 1);
	EXPECT_EQ(0, ended(pid));
	EXPECT_OWNER(pid, "opener", 1);
	ASSERT_TRUE(fdinfo_owner(d.fd, &owner, &uid, rest));
	EXPECT_EQ((unsigned int)pid, owner);
	EXPECT_STREQ("opener exited", rest);
	close(d.fd);
}

TEST(opener_calls_exec)
{
	pid_t pid = fork();
	struct backend d;
	int i;

	if (!pid) {
		if (!backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL))
			_exit(1);
		fcntl(d.fd, F_SETFD, 0);
		execlp("sleep", "sleep", "60", NULL);
		_exit(2);
	}
	for (i = 0; i < 500 && strcmp(shown().comm, "sleep"); i++)
		usleep(10000);
	EXPECT_OWNER(pid, "sleep", 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(opener_changes_user)
{
	unsigned int pid, uid;
	struct backend d;
	char rest[64];

	prctl(PR_SET_NAME, "before");
	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(fdinfo_owner(d.fd, &pid, &uid, rest));
	EXPECT_EQ(0, uid);
	EXPECT_STREQ("before", rest);
	ASSERT_EQ(0, setresuid(61001, 0, 0));
	prctl(PR_SET_NAME, "after");
	ASSERT_TRUE(fdinfo_owner(d.fd, &pid, &uid, rest));
	EXPECT_EQ((unsigned int)getpid(), pid);
	EXPECT_EQ(61001, uid);
	EXPECT_STREQ("after", rest);
	close(d.fd);
}

TEST_HARNESS_MAIN
