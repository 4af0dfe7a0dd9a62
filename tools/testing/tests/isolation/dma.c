// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device can reach. A drive is told to write to an address that is
 * mapped, and then to the same address when it is not any more: the first
 * write must arrive, the second must be refused by the IOMMU and change nothing.
 */
#include "lib/fault.h"
#include "lib/nvme.h"
#include "lib/edu.h"

#define QUEUES		0x1000000ULL
#define TARGET		0x2345000ULL	/* no other address has these digits */
#define FILL		0xaa		/* what no page of the drive consists of */

/* A drive in a container, ready to write. */
struct rig {
	struct backend d;
	struct nvme nvme;
	int device;
	char *queues;
};

static bool is_filled(const char *mem, uint64_t bytes, int with)
{
	uint64_t i;

	for (i = 0; i < bytes; i++)
		if ((unsigned char)mem[i] != with)
			return false;
	return true;
}

/* The first page of the drive: zeros, if no test before this one wrote to it. */
static bool arrived(const char *mem)
{
	return !is_filled(mem, PAGE, FILL);
}

static bool rig_start(struct rig *r)
{
	r->queues = touched_memory(NVME_PAGES * PAGE);
	if (r->queues == MAP_FAILED ||
	    backend_map(&r->d, QUEUES, r->queues, NVME_PAGES * PAGE, MAP_RW))
		return false;
	r->device = backend_device(&r->d, DEVICE_NVME);
	return nvme_start(&r->nvme, r->device, r->queues, QUEUES);
}

static bool rig_open(struct rig *r)
{
	return backend_open(&r->d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_NVME) && rig_start(r);
}

static void rig_close(struct rig *r)
{
	close(r->device);
	backend_close(&r->d);
	munmap(r->queues, NVME_PAGES * PAGE);
}

/* The drive writes a page to TARGET, which is @mem or was. */
static void expect_arrives(struct ktap_test *_self, struct rig *r, char *mem)
{
	memset(mem, FILL, PAGE);
	EXPECT_EQ(0, nvme_read_to(&r->nvme, TARGET));
	EXPECT_TRUE(arrived(mem));
}

static void expect_refused(struct ktap_test *_self, struct rig *r, const char *mem)
{
	int log = fault_expect();

	/* What the emulated drive says of it is success, whatever became of it. */
	EXPECT_LE(0, nvme_read_to(&r->nvme, TARGET));
	fault_note(log, TARGET);
	EXPECT_TRUE(is_filled(mem, PAGE, FILL));
	close(log);
}

FIXTURE(dma) {
	struct rig r;
	char *mem;
};

FIXTURE_SETUP(dma)
{
	self->mem = touched_memory(PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_TRUE(rig_open(&self->r));
	ASSERT_EQ(0, backend_map(&self->r.d, TARGET, self->mem, PAGE, MAP_RW));
	expect_arrives(_self, &self->r, self->mem);
	memset(self->mem, FILL, PAGE);
}

FIXTURE_TEARDOWN(dma)
{
	rig_close(&self->r);
}

/* The first test: nothing can hide this fault. */
TEST_F(dma, fault_is_reported)
{
	int log = fault_expect();

	if (!access("/sys/class/iommu/ivhd0", F_OK))
		SKIP(return, "the emulated AMD IOMMU refuses without a word");
	ASSERT_EQ(PAGE, backend_unmap(&self->r.d, TARGET, PAGE));
	nvme_read_to(&self->r.nvme, TARGET);
	EXPECT_TRUE(fault_seen(log, TARGET, 100));
	close(log);
}

TEST_F(dma, after_unmap)
{
	ASSERT_EQ(PAGE, backend_unmap(&self->r.d, TARGET, PAGE));
	expect_refused(_self, &self->r, self->mem);
}

/* The queues go as well: the drive cannot even fetch the command. */
TEST_F(dma, after_unmap_all)
{
	int log = fault_expect();
	uint32_t command[16];

	nvme_fill_read(command, TARGET);
	ASSERT_EQ((NVME_PAGES + 1) * PAGE, backend_unmap_all(&self->r.d));
	ASSERT_TRUE(nvme_submit(&self->r.nvme, 1, command));
	fault_note(log, QUEUES + 2 * PAGE);
	EXPECT_TRUE(is_filled(self->mem, PAGE, FILL));
	close(log);
}

/* The same IOVA for other memory: the old is out of reach, the new is not. */
TEST_F(dma, after_remapping)
{
	char *other = touched_memory(PAGE);

	ASSERT_NE(MAP_FAILED, other);
	ASSERT_EQ(PAGE, backend_unmap(&self->r.d, TARGET, PAGE));
	ASSERT_EQ(0, backend_map(&self->r.d, TARGET, other, PAGE, MAP_RW));
	expect_arrives(_self, &self->r, other);
	EXPECT_TRUE(is_filled(self->mem, PAGE, FILL));
}

/* A neighbour that went must not take the page along, nor stay with it. */
TEST_F(dma, one_of_two_neighbours)
{
	char *next = touched_memory(PAGE);

	ASSERT_NE(MAP_FAILED, next);
	ASSERT_EQ(0, backend_map(&self->r.d, TARGET + PAGE, next, PAGE, MAP_RW));
	ASSERT_EQ(PAGE, backend_unmap(&self->r.d, TARGET + PAGE, PAGE));
	expect_arrives(_self, &self->r, self->mem);
	memset(self->mem, FILL, PAGE);
	ASSERT_EQ(PAGE, backend_unmap(&self->r.d, TARGET, PAGE));
	expect_refused(_self, &self->r, self->mem);
}

TEST_F(dma, read_only_mapping)
{
	ASSERT_EQ(PAGE, backend_unmap(&self->r.d, TARGET, PAGE));
	ASSERT_EQ(0, backend_map(&self->r.d, TARGET, self->mem, PAGE, VFIO_DMA_MAP_FLAG_READ));
	expect_refused(_self, &self->r, self->mem);
}

/*
 * What is mapped is pinned. The owner gives the memory back, and the next
 * allocation must not get that page while the drive can write to it.
 */
TEST_F(dma, freed_memory_is_nobodys)
{
	const uint64_t bytes = 64 * MIB;
	char *others;

	ASSERT_EQ(0, munmap(self->mem, PAGE));
	others = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, others);
	memset(others, FILL, bytes);
	EXPECT_EQ(0, nvme_read_to(&self->r.nvme, TARGET));
	EXPECT_TRUE(is_filled(others, bytes, FILL));
}

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

/* Makes all that can move a page try to; none of them may. */
static void try_to_move(char *mem)
{
	char *huge = (char *)((uintptr_t)mem & ~(2 * MIB - 1));

	file_write("/proc/sys/vm/compact_memory", "1");
	madvise(mem, PAGE, MADV_PAGEOUT);
	madvise(huge, 2 * MIB, MADV_COLLAPSE);
	/* Takes the page out of use, if what is in it can go elsewhere. */
	madvise(mem, PAGE, MADV_SOFT_OFFLINE);
}

/* Nor does it move away under the drive: owner and drive see one page. */
TEST_F(dma, pages_do_not_move)
{
	char *mem = small_pages(4 * MIB);
	int round;

	/* One that could become part of a huge page. */
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, FILL, 4 * MIB);
	madvise(mem, 4 * MIB, MADV_HUGEPAGE);
	mem += 2 * MIB;
	ASSERT_EQ(PAGE, backend_unmap(&self->r.d, TARGET, PAGE));
	ASSERT_EQ(0, backend_map(&self->r.d, TARGET, mem, PAGE, MAP_RW));
	for (round = 0; round < 3; round++) {
		memset(mem, FILL, PAGE);
		try_to_move(mem);
		EXPECT_EQ(0, nvme_read_to(&self->r.nvme, TARGET));
		EXPECT_TRUE(arrived(mem));
	}
}

/* A child's copy is its own: what the drive writes shows in the parent alone. */
TEST_F(dma, fork_keeps_the_page)
{
	int to_child[2], status;
	char go = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(to_child));
	pid = fork();
	if (!pid) {
		if (read(to_child[0], &go, 1) != 1)
			_exit(2);
		_exit(!is_filled(self->mem, PAGE, FILL));
	}
	ASSERT_EQ(0, nvme_read_to(&self->r.nvme, TARGET));
	EXPECT_TRUE(arrived(self->mem));
	ASSERT_EQ(1, write(to_child[1], &go, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* --- the end of everything --- */

/* Another process opens the drive, and tries the address that this one had. */
static void expect_refused_anew(struct ktap_test *_self, const char *mem)
{
	struct rig r;

	ASSERT_TRUE(rig_open(&r));
	expect_refused(_self, &r, mem);
	rig_close(&r);
}

TEST(after_close)
{
	char *mem = touched_memory(PAGE);
	struct rig r;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(rig_open(&r));
	ASSERT_EQ(0, backend_map(&r.d, TARGET, mem, PAGE, MAP_RW));
	expect_arrives(_self, &r, mem);
	rig_close(&r);
	memset(mem, FILL, PAGE);
	expect_refused_anew(_self, mem);
}

/* Writes without end, until it is killed. */
static void write_for_ever(char *mem, int ready)
{
	struct rig r;

	if (!rig_open(&r) || backend_map(&r.d, TARGET, mem, PAGE, MAP_RW) ||
	    nvme_read_to(&r.nvme, TARGET) || write(ready, "1", 1) != 1)
		_exit(1);
	for (;;)
		nvme_read_to(&r.nvme, TARGET);
}

TEST(after_sigkill)
{
	char *mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ready[2], status;
	pid_t pid;
	char word;

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, FILL, PAGE);
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid)
		write_for_ever(mem, ready[1]);
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &word, 1));
	EXPECT_TRUE(arrived(mem));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	/* With a write on its way or not: nothing arrives from now on. */
	memset(mem, FILL, PAGE);
	usleep(200000);
	EXPECT_TRUE(is_filled(mem, PAGE, FILL));
	expect_refused_anew(_self, mem);
}

/* --- two devices on one /dev/ioasid --- */

TEST(unmap_is_for_all_devices)
{
	struct backend ioasid, edu;
	char *mem = touched_memory(PAGE);
	volatile char *bar;
	struct rig r;
	int device, log;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_TRUE(backend_open(&ioasid, BACKEND_IOASID, VFIO_TYPE1v2_IOMMU, NULL));
	ASSERT_TRUE(backend_join(&r.d, BACKEND_SHIM, DEVICE_NVME));
	ASSERT_EQ(0, ioctl(r.d.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(ioasid.fd)));
	ASSERT_TRUE(backend_join(&edu, BACKEND_SHIM, DEVICE_EDU));
	ASSERT_EQ(0, ioctl(edu.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(ioasid.fd)));
	ASSERT_TRUE(rig_start(&r));
	device = backend_device(&edu, DEVICE_EDU);
	bar = edu_open(device);
	ASSERT_TRUE(bar);

	/* Both reach it ... */
	ASSERT_EQ(0, backend_map(&ioasid, TARGET, mem, PAGE, MAP_RW));
	expect_arrives(_self, &r, mem);
	memset(mem, 0x55, PAGE / 2);
	ASSERT_TRUE(edu_copy(bar, TARGET, TARGET + PAGE / 2, PAGE / 2));
	EXPECT_TRUE(is_filled(mem, PAGE, 0x55));

	/* ... and neither does when one of three backends says so. */
	memset(mem, FILL, PAGE);
	ASSERT_EQ(PAGE, backend_unmap(&edu, TARGET, PAGE));
	expect_refused(_self, &r, mem);
	log = fault_expect();
	edu_run(bar, EDU_BUFFER, TARGET, PAGE, EDU_TO_MEMORY);
	fault_note(log, TARGET);
	EXPECT_TRUE(is_filled(mem, PAGE, FILL));
	close(log);

	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
	backend_close(&edu);
	rig_close(&r);
	backend_close(&ioasid);
}

/* --- a container that a policy refused --- */

TEST(sealed_container)
{
	volatile char *bar;
	struct backend d;
	int device, log;

	ASSERT_EQ(0, system("build/bin/ioasidctl policy load build/bpf/test/misbehave.bpf.o "
			    "--set attach_value=-1 >/dev/null"));
	ASSERT_TRUE(backend_open(&d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	device = backend_device(&d, DEVICE_EDU);
	ASSERT_LE(0, device);
	bar = edu_open(device);
	ASSERT_TRUE(bar);
	log = fault_expect();
	edu_run(bar, EDU_BUFFER, TARGET, PAGE, EDU_TO_MEMORY);
	fault_note(log, TARGET);
	close(log);
	munmap((void *)(uintptr_t)bar, MIB);
	close(device);
	backend_close(&d);
	EXPECT_EQ(0, system("build/bin/ioasidctl policy unload misbehave >/dev/null"));
}

TEST_HARNESS_MAIN
