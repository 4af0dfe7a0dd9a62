// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device comes to an address space that has mappings, and its IOMMU fails, or
 * what is to be pinned then is other memory than it was.
 */
#include "iommu/taken.h"
#include "lib/kapi.h"

/* As <ioasid/ioasid.h> and <linux/iommu.h> have them. */
#define READ		1
#define WRITE		2
#define CONTAINER	1
#define EMULATED	(1 << 0)

/* One call of the in-kernel functions; what it returned. */
static int call(int module, struct kapi a)
{
	return ioctl(module, KAPI_CALL, &a);
}

/* A space as VFIO's container has it: nothing is pinned until a device comes. */
static int container(void)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);

	if (module < 0 ||
	    call(module, (struct kapi){ .op = KAPI_CREATE, .flags = CONTAINER }) ||
	    call(module, (struct kapi){ .op = KAPI_ACCESS_CREATE }))
		return -1;
	return module;
}

static int map_in(int module, const void *mem, uint64_t pages)
{
	return call(module, (struct kapi){ .op = KAPI_MAP, .iova = IOVA, .flags = READ | WRITE,
					   .data = (uintptr_t)mem, .length = pages * PAGE });
}

static int attach_to(int module)
{
	return call(module, (struct kapi){ .op = KAPI_ATTACH, .device = OTHER });
}

/* Of mappings that are pinned already, in a second domain. */
TEST_F(broken, of_what_is_mapped)
{
	struct tally mapped;
	struct backend other;

	ASSERT_EQ(0, map_all(self));
	ASSERT_EQ(0, backend_map(&self->d, IOVA + PAGES * PAGE, self->mem, 4 * PAGE, MAP_RW));
	mapped = backend_tally(&self->d);
	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_NEXT));
	ASSERT_TRUE(backend_join(&other, BACKEND_SHIM, OTHER));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.slot = 1, .op = BROKEN_MAP, .after = 20, .times = 1, .written = PAGE }));
	EXPECT_ERRNO(ENOMEM, ioctl(other.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->d.fd)));
	EXPECT_UNCHANGED(&self->d, &mapped);
	EXPECT_CLEAN(self->broken, 0, PAGES + 4);
	EXPECT_CLEAN(self->broken, 1, 0);
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ((long long)((PAGES + 4) * PAGE), backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
	backend_close(&other);
}

/* All mappings become visible by one flush; if that fails, the device does not get in. */
TEST_F(broken, made_visible_at_once)
{
	struct tally mapped;
	struct backend other;

	ASSERT_EQ(0, map_all(self));
	ASSERT_EQ(0, backend_map(&self->d, IOVA + 2 * PAGES * PAGE, self->mem, 4 * PAGE, MAP_RW));
	mapped = backend_tally(&self->d);
	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_NEXT));
	ASSERT_TRUE(backend_join(&other, BACKEND_SHIM, OTHER));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.slot = 1, .op = BROKEN_SYNC, .times = 1 }));
	EXPECT_ERRNO(EIO, ioctl(other.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->d.fd)));
	EXPECT_UNCHANGED(&self->d, &mapped);
	EXPECT_CLEAN(self->broken, 1, 0);
	EXPECT_TRUE(dma_works(self));
	/* A second flush would fail. iommu_map() makes one for each extent. */
	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_NEXT));
	if (variant->iommu_map[0] == 'N')
		ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
			.slot = 1, .op = BROKEN_SYNC, .after = 1, .times = 1 }));
	ASSERT_EQ(0, ioctl(other.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->d.fd)));
	EXPECT_CLEAN(self->broken, 1, PAGES + 4);
	backend_close(&other);
	EXPECT_EQ((long long)((PAGES + 4) * PAGE), backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
}

/* What the IOMMU keeps of the new domain ends with it, and concerns no other domain. */
TEST_F(broken, that_cannot_be_taken_back)
{
	struct tally before = backend_tally(&self->d);
	struct backend other;

	ASSERT_EQ(0, map_all(self));
	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_NEXT));
	ASSERT_TRUE(backend_join(&other, BACKEND_SHIM, OTHER));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.slot = 1, .op = BROKEN_MAP, .after = 20, .times = 1, .written = PAGE }));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.slot = 1, .op = BROKEN_UNMAP, .times = 100 }));
	EXPECT_ERRNO(ENOMEM, ioctl(other.fd, VFIO_SET_IOMMU, IOASID_SET_IOMMU_ARG(self->d.fd)));
	EXPECT_TRUE(dma_works(self));
	EXPECT_EQ((long long)(PAGES * PAGE), backend_unmap_all(&self->d));
	EXPECT_CLEAN(self->broken, 0, 0);
	EXPECT_UNCHANGED(&self->d, &before);
	backend_close(&other);
}

/* What was pinned for the device is unpinned, and no entry leads there by then. */
TEST_F(broken, of_what_is_pinned_for_it)
{
	struct tally before = backend_tally(&self->d);
	int module = container();

	ASSERT_LE(0, module);
	ASSERT_EQ(0, map_in(module, self->mem, PAGES));
	EXPECT_UNCHANGED(&self->d, &before);
	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_SECOND));
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.slot = 1, .op = BROKEN_MAP, .after = 20, .times = 1, .written = PAGE }));
	EXPECT_ERRNO(ENOMEM, attach_to(module));
	EXPECT_UNCHANGED(&self->d, &before);
	EXPECT_CLEAN(self->broken, 1, 0);
	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_SECOND));
	ASSERT_EQ(0, attach_to(module));
	EXPECT_EQ(before.locked + PAGES * 4, locked_kib());
	EXPECT_CLEAN(self->broken, 1, PAGES);
	ASSERT_EQ(0, call(module, (struct kapi){ .op = KAPI_DETACH }));
	EXPECT_UNCHANGED(&self->d, &before);
	close(module);
}

/* Pages of drivers that no process is charged for, whatever pins them. */
TEST_F(broken, of_reserved_pages)
{
	struct kapi pin = { .op = KAPI_PIN, .iova = IOVA, .length = 2, .prot = READ | WRITE };
	struct kapi unpin = { .op = KAPI_UNPIN, .iova = IOVA, .length = 2 };
	struct tally before = backend_tally(&self->d);
	char *mem = touched_memory(4 * PAGE);
	int module = container();

	ASSERT_LE(0, module);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(mem + PAGE, mmap(mem + PAGE, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, module, 0));
	ASSERT_EQ(0, map_in(module, mem, 4));
	ASSERT_EQ(2, call(module, pin));
	EXPECT_EQ(before.locked + 4, locked_kib());
	ASSERT_EQ(0, attach_to(module));
	EXPECT_EQ(before.locked + 3 * 4, locked_kib());
	EXPECT_EQ(0, call(module, unpin));
	EXPECT_EQ(before.locked + 3 * 4, locked_kib());
	ASSERT_EQ(0, call(module, (struct kapi){ .op = KAPI_DETACH }));
	EXPECT_UNCHANGED(&self->d, &before);
	munmap(mem, 4 * PAGE);
	close(module);
}

/* A driver has paid for pages at whose address there are others when the device comes. */
TEST_F(broken, of_other_pages_by_now)
{
	struct kapi pin = { .op = KAPI_PIN, .iova = IOVA, .length = 3, .prot = READ | WRITE };
	struct kapi unpin = { .op = KAPI_UNPIN, .iova = IOVA, .length = 3 };
	struct tally before = backend_tally(&self->d);
	char *mem = touched_memory(4 * PAGE);
	int module = container();

	ASSERT_LE(0, module);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, map_in(module, mem, 3));
	ASSERT_EQ(3, call(module, pin));
	EXPECT_EQ(before.locked + 3 * 4, locked_kib());
	ASSERT_EQ(mem + PAGE, mmap(mem + PAGE, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, module, 0));
	ASSERT_EQ(0, attach_to(module));
	EXPECT_EQ(before.locked + 3 * 4, locked_kib());
	EXPECT_EQ(0, call(module, unpin));
	EXPECT_EQ(before.locked + 3 * 4, locked_kib());
	ASSERT_EQ(0, call(module, (struct kapi){ .op = KAPI_DETACH }));
	EXPECT_UNCHANGED(&self->d, &before);
	munmap(mem, 4 * PAGE);
	close(module);
}

/* With the last device of a container its page tables go, and what these kept is unpinned. */
TEST_F(broken, kept_until_the_last_device_goes)
{
	struct tally before = backend_tally(&self->d);
	int module = container();

	ASSERT_LE(0, module);
	ASSERT_EQ(0, map_in(module, self->mem, PAGES));
	ASSERT_EQ(0, ioctl(self->broken, BROKEN_TAKE_SECOND));
	ASSERT_EQ(0, attach_to(module));
	EXPECT_EQ(before.pinned + PAGES, backend_tally(&self->d).pinned);
	ASSERT_TRUE(fault_of(self->broken, (struct broken_fault){
		.slot = 1, .op = BROKEN_UNMAP, .times = 1000 }));
	ASSERT_EQ(0, call(module, (struct kapi){ .op = KAPI_DETACH }));
	EXPECT_UNCHANGED(&self->d, &before);
	close(module);
}

/* The first page of a device's registers, and where that is. */
static char *registers_of(const char *bdf, uint64_t *physical)
{
	char path[80], line[80];
	char *bar = MAP_FAILED;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", bdf);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		return NULL;
	fclose(f);
	*physical = strtoull(line, NULL, 16);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return bar == MAP_FAILED ? NULL : bar;
}

/* Is the page of device memory in some address space? */
static bool in_some_space(int module, uint64_t physical)
{
	struct kapi a = { .op = KAPI_DEVICE_MEMORY, .iova = physical, .length = PAGE };

	return !ioctl(module, KAPI_CALL, &a) && a.out;
}

/* Registers of a device are in the address space as long as it has a domain, and no longer. */
TEST_F(broken, of_device_memory)
{
	struct tally before = backend_tally(&self->d);
	int module = container(), software;
	uint64_t physical;
	char *registers;
	int i;

	ASSERT_LE(0, module);
	registers = registers_of(OTHER, &physical);
	ASSERT_TRUE(registers);
	software = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, call(software, (struct kapi){ .op = KAPI_FROM_KAPI, .fd = module }));
	ASSERT_EQ(0, call(software, (struct kapi){ .op = KAPI_ATTACH, .device = DEVICE_EDU,
						   .flags = EMULATED }));
	ASSERT_EQ(0, map_in(module, registers, 1));
	for (i = 0; i < 2; i++) {
		EXPECT_FALSE(in_some_space(module, physical));
		ASSERT_EQ(0, attach_to(module));
		EXPECT_TRUE(in_some_space(module, physical));
		ASSERT_EQ(0, call(module, (struct kapi){ .op = KAPI_DETACH }));
	}
	EXPECT_FALSE(in_some_space(module, physical));
	ASSERT_EQ(0, attach_to(module));
	EXPECT_TRUE(in_some_space(module, physical));
	ASSERT_EQ(0, call(module, (struct kapi){ .op = KAPI_UNMAP, .iova = IOVA, .length = PAGE }));
	EXPECT_FALSE(in_some_space(module, physical));
	EXPECT_UNCHANGED(&self->d, &before);
	munmap(registers, PAGE);
	close(software);
	close(module);
}

TEST_HARNESS_MAIN
