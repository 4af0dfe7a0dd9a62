// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's VFIO group, from outside: as long as a node owns a device of it
 * no process can open it, and as long as it is open no node owns one. What an intruder
 * with an iommufd can do besides is in iommufd.c.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>

#include "lib/pci_device.h"

FIXTURE(group) {
	int ioasid;
	int node;
	long long modules[2];	/* references on vfio and on ioasid_pci */
};

static long long references(const char *module)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	return file_number(path);
}

FIXTURE_SETUP(group)
{
	self->modules[0] = references("vfio");
	self->modules[1] = references("ioasid_pci");
	self->ioasid = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	self->node = node_open(DEVICE_EDU);
	ASSERT_LE(0, self->ioasid);
	ASSERT_LE(0, self->node);
}

/* Whatever the test did: the group opens, at once, and keeps no module loaded. */
FIXTURE_TEARDOWN(group)
{
	int group;

	if (self->node >= 0)
		close(self->node);
	group = group_open(DEVICE_EDU);
	EXPECT_LE(0, group);
	close(group);
	close(self->ioasid);
	EXPECT_EQ(self->modules[0], references("vfio"));
	EXPECT_EQ(self->modules[1], references("ioasid_pci"));
}

TEST_F(group, shut_while_owned)
{
	int group = group_open(DEVICE_EDU);

	/* An open node alone takes nothing from other users. */
	ASSERT_LE(0, group);
	close(group);
	ASSERT_EQ(0, node_attach(self->node, self->ioasid, 0));
	EXPECT_ERRNO(EBUSY, group_open(DEVICE_EDU));
	ASSERT_EQ(0, node_detach(self->node));
	EXPECT_ERRNO(EBUSY, group_open(DEVICE_EDU));
	ASSERT_EQ(0, node_attach(self->node, self->ioasid, 0));
	EXPECT_ERRNO(EBUSY, group_open(DEVICE_EDU));
}

TEST_F(group, open_keeps_us_out)
{
	struct backend stock = { .fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC) };

	ASSERT_LE(0, stock.fd);
	stock.group = group_open(DEVICE_EDU);
	ASSERT_LE(0, stock.group);
	EXPECT_ERRNO(EBUSY, node_attach(self->node, self->ioasid, 0));
	EXPECT_EQ(0, node_flags(self->node));
	ASSERT_EQ(0, ioctl(stock.group, VFIO_GROUP_SET_CONTAINER, &stock.fd));
	EXPECT_ERRNO(EPERM, node_attach(self->node, self->ioasid, 0));
	ASSERT_EQ(0, ioctl(stock.group, VFIO_GROUP_UNSET_CONTAINER));
	EXPECT_ERRNO(EBUSY, node_attach(self->node, self->ioasid, 0));
	backend_close(&stock);
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
}

/* A VFIO user's device, whose group fd is closed already, counts as well. */
TEST_F(group, device_of_vfio_keeps_us_out)
{
	struct backend stock;
	int device;

	ASSERT_TRUE(backend_open(&stock, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	device = backend_device(&stock, DEVICE_EDU);
	ASSERT_LE(0, device);
	backend_close(&stock);
	EXPECT_ERRNO(EPERM, node_attach(self->node, self->ioasid, 0));
	close(device);
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
}

/* An attach that fails, wherever, leaves the group open to others. */
TEST_F(group, failed_attach)
{
	struct backend d;
	int group;
	char *mem = touched_memory(PAGE);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(backend_open(&d, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_EQ(0, backend_map(&d, MSI_START, mem, PAGE, MAP_RW));
	EXPECT_ERRNO(EINVAL, node_attach(self->node, d.fd, 0));
	group = group_open(DEVICE_EDU);
	EXPECT_LE(0, group);
	close(group);
	backend_close(&d);
}

/* The gate is a file, of which the system has only so many. */
TEST_F(group, no_more_files)
{
	static const char limit[] = "/proc/sys/fs/file-max";
	long long before = file_number(limit);
	char text[32];
	int status;
	pid_t pid;

	ASSERT_LT(0, before);
	ASSERT_TRUE(file_write(limit, "0"));
	pid = fork();
	if (!pid) {
		/* Root may always open one more. */
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(1);
		EXPECT_ERRNO(ENFILE, node_attach(self->node, self->ioasid, 0));
		_exit(_self->failed);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	snprintf(text, sizeof(text), "%lld", before);
	ASSERT_TRUE(file_write(limit, text));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, node_flags(self->node));
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
}

/* The gate is no fd of the owner's, and needs none of the owner's rights. */
TEST_F(group, owner_without_rights)
{
	int go[2], ready[2], status;
	char word;
	pid_t pid;

	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		int next = dup(self->node);

		close(next);
		if (unshare(CLONE_NEWNS) ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", "/dev/vfio", "tmpfs", 0, NULL) ||
		    setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(1);
		if (node_attach(self->node, self->ioasid, 0))
			_exit(2);
		if (dup(self->node) != next)
			_exit(3);
		_exit(write(ready[1], "x", 1) != 1 || read(go[0], &word, 1) != 1);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &word, 1));
	EXPECT_EQ(IOASID_DEVICE_OWNED, node_flags(self->node));
	EXPECT_ERRNO(EBUSY, group_open(DEVICE_EDU));
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* It was the same open node. */
	EXPECT_ERRNO(EBUSY, group_open(DEVICE_EDU));
}

/* Killed, the owner is gone when its parent knows, and so is the gate. */
TEST_F(group, owner_killed)
{
	int ready[2], status, group, i;
	char word;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
		pid = fork();
		if (!pid) {
			int node = node_open(DEVICE_EDU);

			close(self->node);
			if (node_attach(node, self->ioasid, 0) || !edu_open(node) ||
			    write(ready[1], "x", 1) != 1)
				_exit(1);
			pause();
		}
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &word, 1));
		close(ready[0]);
		EXPECT_ERRNO(EBUSY, group_open(DEVICE_EDU));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		group = group_open(DEVICE_EDU);
		EXPECT_LE(0, group);
		close(group);
	}
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
}

/* --- unbinding --- */

static int request_eventfd(int node)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int)];
	struct vfio_irq_set *set = (void *)buf;
	int fd = eventfd(0, EFD_CLOEXEC);

	*set = (struct vfio_irq_set){
		.argsz = sizeof(buf),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_REQ_IRQ_INDEX,
		.count = 1,
	};
	memcpy(set->data, &fd, sizeof(fd));
	if (!ioctl(node, VFIO_DEVICE_SET_IRQS, set))
		return fd;
	close(fd);
	return -1;
}

/* Starts to unbind, in a process of its own, and waits until the owner is asked. */
static pid_t unbind_begins(int node, const char *bdf)
{
	int asked = request_eventfd(node);
	uint64_t count;
	pid_t pid;

	if (asked < 0)
		return -1;
	pid = fork();
	if (!pid) {
		close(node);
		_exit(!file_write("/sys/bus/pci/drivers/ioasid_pci/unbind", bdf));
	}
	/* Blocks until then; the test's own limit ends it. */
	if (read(asked, &count, 8) != 8)
		pid = -1;
	close(asked);
	return pid;
}

TEST_F(group, unbind_while_owned)
{
	char path[64];
	int status;
	pid_t pid;

	ASSERT_TRUE(group_path(DEVICE_EDU, path));
	ASSERT_EQ(0, node_attach(self->node, self->ioasid, 0));
	pid = unbind_begins(self->node, DEVICE_EDU);
	ASSERT_LT(0, pid);
	EXPECT_ERRNO(EBUSY, open(path, O_RDWR | O_CLOEXEC));
	close(self->node);
	self->node = -1;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_ERRNO(ENOENT, open(path, O_RDWR | O_CLOEXEC));
	ASSERT_TRUE(device_to(DEVICE_EDU, "ioasid_pci"));
	self->node = node_open(DEVICE_EDU);
	EXPECT_EQ(0, node_attach(self->node, self->ioasid, 0));
	EXPECT_ERRNO(EBUSY, open(path, O_RDWR | O_CLOEXEC));
}

/* The group outlives the device that leaves, with its gate or without. */
TEST_F(group, unbind_one_of_two)
{
	int a = node_open(PAIR1), b = node_open(PAIR2), group, status;
	pid_t pid;

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_EQ(0, node_attach(a, self->ioasid, 0));
	ASSERT_EQ(0, node_attach(b, self->ioasid, 0));
	pid = unbind_begins(a, PAIR1);
	ASSERT_LT(0, pid);
	close(a);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_ERRNO(EBUSY, group_open(PAIR2));
	close(b);
	group = group_open(PAIR2);
	EXPECT_LE(0, group);
	close(group);
	ASSERT_TRUE(device_to(PAIR1, "ioasid_pci"));
}

/* --- two devices of a group --- */

TEST_F(group, shared_by_two)
{
	int a = node_open(PAIR1), b = node_open(PAIR2), group;

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_EQ(0, node_attach(a, self->ioasid, 0));
	EXPECT_ERRNO(EBUSY, group_open(PAIR2));
	ASSERT_EQ(0, node_attach(b, self->ioasid, 0));
	close(a);
	EXPECT_ERRNO(EBUSY, group_open(PAIR1));
	a = node_open(PAIR1);
	ASSERT_EQ(0, node_attach(a, self->ioasid, 0));
	close(b);
	EXPECT_ERRNO(EBUSY, group_open(PAIR1));
	close(a);
	group = group_open(PAIR1);
	ASSERT_LE(0, group);
	a = node_open(PAIR1);
	EXPECT_ERRNO(EBUSY, node_attach(a, self->ioasid, 0));
	close(group);
	EXPECT_EQ(0, node_attach(a, self->ioasid, 0));
	close(a);
}

/* --- at the same time --- */

struct race {
	const char *bdf;
	char group[64];		/* the node of its group */
	int ioasid;
	atomic_bool stop;
	atomic_int owned;	/* a node has returned from attach, and is not closed yet */
	atomic_int open;	/* the group is open */
	atomic_int both;	/* times that was seen together */
	int attaches;
	int opens;
	int refused;		/* attaches that failed, whatever the errno */
};

static void *run_opens(void *data)
{
	struct race *r = data;

	while (!r->stop) {
		int group = open(r->group, O_RDWR | O_CLOEXEC);

		if (group < 0) {
			sched_yield();
			continue;
		}
		r->open++;
		r->both += r->owned > 0;
		usleep(1000);
		r->both += r->owned > 0;
		r->open--;
		close(group);
		r->opens++;
		usleep(1000);
	}
	return NULL;
}

static void attach_once(struct race *r)
{
	int node = node_open(r->bdf);

	if (node_attach(node, r->ioasid, 0)) {
		r->refused++;
	} else {
		r->owned++;
		r->both += r->open > 0;
		sched_yield();
		r->both += r->open > 0;
		r->owned--;
		r->attaches++;
	}
	close(node);
}

static void *run_attaches(void *data)
{
	struct race *r = data;

	while (!r->stop)
		attach_once(r);
	return NULL;
}

TEST_F_TIMEOUT(group, never_both, 60)
{
	struct race r = { .bdf = DEVICE_EDU, .ioasid = self->ioasid };
	pthread_t thread;

	ASSERT_TRUE(group_path(DEVICE_EDU, r.group));
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_opens, &r));
	while (r.attaches < 30 || r.opens < 30)
		attach_once(&r);
	r.stop = true;
	pthread_join(thread, NULL);
	printf("# %d attaches, %d refused, %d opens\n", r.attaches, r.refused, r.opens);
	EXPECT_EQ(0, r.both);
}

/* The last device that leaves and the first that comes do not meet a closing gate. */
TEST_F_TIMEOUT(group, two_come_and_go, 60)
{
	struct race a = { .bdf = PAIR1, .ioasid = self->ioasid };
	struct race b = { .bdf = PAIR2, .ioasid = self->ioasid };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_attaches, &a));
	while (b.attaches < 50 && !b.refused)
		attach_once(&b);
	a.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, a.refused);
	EXPECT_EQ(0, b.refused);
	EXPECT_LT(0, a.attaches);
}

TEST_HARNESS_MAIN
