// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: virtual addresses become invalid and are given anew, while DMA
 * goes on.
 */
#include "lib/edu.h"
#include "type1/suite/suite.h"

#define LOW	0x1000000ULL	/* where the edu device reaches */

static long invalidate(const struct backend *d, uint64_t page, uint64_t n)
{
	long long done = backend_unmap_flags(d, IOVA + page * PAGE, n * PAGE,
					     VFIO_DMA_UNMAP_FLAG_VADDR);

	return done < 0 ? done : done / (long long)PAGE;
}

static int renew(const struct backend *d, uint64_t page, const void *mem, uint64_t n)
{
	return backend_map(d, IOVA + page * PAGE, mem, n * PAGE, VFIO_DMA_MAP_FLAG_VADDR);
}

CASE(vaddr_dma_goes_on, "A085")
{
	struct backend d;
	volatile char *bar;
	char *mem = suite_memory(4);
	int edu;

	NEED(backend_open(&d, suite_kind, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
	suite_watch(&d);
	edu = backend_device(&d, DEVICE_EDU);
	NEED(edu >= 0);
	bar = edu_open(edu);
	NEED(bar != NULL);
	TRY(OK, "map", backend_map(&d, LOW, mem, 4 * PAGE, MAP_RW));
	TRY(4 * PAGE, "invalidate",
	    backend_unmap_flags(&d, LOW, 4 * PAGE, VFIO_DMA_UNMAP_FLAG_VADDR));
	SEE(4, "pinned", suite_pinned());
	SEE(1, "dma", edu_copy(bar, LOW, LOW + 2 * PAGE, PAGE));
	SEE(1000, "copied", *(volatile uint64_t *)(mem + 2 * PAGE));
	TRY(OK, "renew", backend_map(&d, LOW, mem, 4 * PAGE, VFIO_DMA_MAP_FLAG_VADDR));
	SEE(1, "dma again", edu_copy(bar, LOW + PAGE, LOW + 3 * PAGE, PAGE));
	TRY(4 * PAGE, "unmap", backend_unmap(&d, LOW, 4 * PAGE));
}

CASE(vaddr_invalidates_some, "A085")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(8);

	TRY(OK, "map", suite_map(&d, 0, mem, 2));
	TRY(OK, "map too", suite_map(&d, 4, mem + 2 * PAGE, 3));
	TRY(OK, "and a third", suite_map(&d, 20, mem + 5 * PAGE, 1));
	TRY(5, "two of them", invalidate(&d, 0, 10));
	TRY(-EINVAL, "half of one", invalidate(&d, 19, 1) ?: invalidate(&d, 4, 1));
	TRY(0, "of none", invalidate(&d, 30, 4));
	TRY(1, "the third", invalidate(&d, 20, 1));
}

CASE(vaddr_all, "A086")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(8);
	uint32_t both = VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR;

	TRY(OK, "map", suite_map(&d, 0, mem, 2));
	TRY(OK, "map too", suite_map(&d, 4, mem + 2 * PAGE, 3));
	TRY(-EINVAL, "with a range", backend_unmap_flags(&d, IOVA, PAGE, both));
	TRY(5 * PAGE, "all", backend_unmap_flags(&d, 0, 0, both));
	TRY(-EINVAL, "again", backend_unmap_flags(&d, 0, 0, both));
	TRY(OK, "renew", renew(&d, 0, mem, 2));
	TRY(OK, "renew too", renew(&d, 4, mem + 2 * PAGE, 3));
	TRY(5 * PAGE, "all once more", backend_unmap_flags(&d, 0, 0, both));
}

CASE(vaddr_twice, "A087")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(8);

	TRY(OK, "map", suite_map(&d, 0, mem, 2));
	TRY(OK, "map too", suite_map(&d, 4, mem + 2 * PAGE, 3));
	TRY(3, "the second", invalidate(&d, 4, 3));
	TRY(-EINVAL, "both", invalidate(&d, 0, 10));
	/* The first one's mark was taken back. */
	TRY(-EINVAL, "the first is valid", renew(&d, 0, mem, 2));
	TRY(OK, "the second is not", renew(&d, 4, mem + 2 * PAGE, 3));
}

CASE(vaddr_emulated, "A088")
{
	struct soft s = suite_soft();
	int group = suite_group(DEVICE_EDU);

	TRY(OK, "map", suite_map(&s.d, 0, suite_memory(2), 2));
	TRY(-EBUSY, "range", invalidate(&s.d, 0, 2));
	TRY(-EBUSY, "all", backend_unmap_flags(&s.d, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL |
					       VFIO_DMA_UNMAP_FLAG_VADDR));
	TRY(-EBUSY, "before other errors", backend_unmap_flags(&s.d, IOVA + 1, 7, VFIO_DMA_UNMAP_FLAG_VADDR));
	TRY(OK, "hardware", suite_enter(&s.d, group));
	TRY(-EBUSY, "with hardware", invalidate(&s.d, 0, 2));
}

CASE(vaddr_keeps_groups_out, "A089")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int hard = suite_group(DEVICE_EDU), soft = suite_group(MDEV_NAME(0));
	char *mem = suite_memory(2);

	TRY(OK, "map", suite_map(&d, 0, mem, 2));
	TRY(2, "invalidate", invalidate(&d, 0, 2));
	TRY(-EBUSY, "hardware", suite_enter(&d, hard));
	TRY(-EBUSY, "software", suite_enter(&d, soft));
	TRY(OK, "renew", renew(&d, 0, mem, 2));
	TRY(OK, "hardware then", suite_enter(&d, hard));
	TRY(OK, "software then", suite_enter(&d, soft));
}

/* A driver with an IOMMU of its own can meet invalid addresses; type1 warns. */
CASE(vaddr_keeps_drivers_waiting, "A089")
{
	struct backend d;
	int device;
	char *mem = suite_memory(2), word[8];

	NEED(backend_open(&d, suite_kind, VFIO_TYPE1v2_IOMMU, SUITE_EDU2));
	suite_watch(&d);
	device = backend_device(&d, SUITE_EDU2);
	NEED(device >= 0);
	TRY(OK, "map", suite_map(&d, 0, mem, 2));
	TRY(1, "pin", mdev_pin(device, 0, 1, MDEV_READ));
	TRY(1, "unpin", mdev_unpin(device, 0, 1));
	TRY(2, "invalidate", invalidate(&d, 0, 2));
	TRY(-EBUSY, "pin then", mdev_pin(device, 0, 1, MDEV_READ));
	TRY(-EBUSY, "read then", mdev_copy(device, IOVA, word, 8, false, false));
	TRY(OK, "renew", renew(&d, 0, mem, 2));
	TRY(1, "pin again", mdev_pin(device, 0, 1, MDEV_READ));
	TRY(OK, "read again", mdev_copy(device, IOVA, word, 8, false, false));
}

CASE(vaddr_renew_refused, "A090")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(8);

	TRY(-ENOENT, "nothing there", renew(&d, 0, mem, 2));
	TRY(OK, "map", suite_map(&d, 4, mem, 4));
	TRY(-EINVAL, "not invalid", renew(&d, 4, mem, 4));
	TRY(4, "invalidate", invalidate(&d, 4, 4));
	TRY(-EINVAL, "its start", renew(&d, 4, mem, 2));
	TRY(-EINVAL, "its end", renew(&d, 6, mem, 2));
	TRY(-EINVAL, "more", renew(&d, 4, mem, 5));
	TRY(-EINVAL, "from before", renew(&d, 3, mem, 5));
	TRY(-ENOENT, "beside", renew(&d, 8, mem, 2));
	TRY(-EINVAL, "unaligned", renew(&d, 4, mem + 1, 4));
	TRY(-EINVAL, "no size", renew(&d, 4, mem, 0));
	TRY(-wrap_errno(), "wraps", backend_map(&d, -PAGE, mem, 2 * PAGE, VFIO_DMA_MAP_FLAG_VADDR));
	TRY(OK, "exactly", renew(&d, 4, mem, 4));
	TRY(-EINVAL, "twice", renew(&d, 4, mem, 4));
}

/* Only the address changes: not the access, and no page. */
CASE(vaddr_renew_elsewhere, "A090")
{
	int fd = memfd_create("suite", MFD_CLOEXEC);
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem, *again;

	NEED(fd >= 0 && !ftruncate(fd, 4 * PAGE));
	mem = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	again = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(mem != MAP_FAILED && again != MAP_FAILED);
	TRY(OK, "map", backend_map(&d, IOVA, mem, 4 * PAGE, VFIO_DMA_MAP_FLAG_READ));
	TRY(4, "invalidate", invalidate(&d, 0, 4));
	NEED(!munmap(mem, 4 * PAGE));
	TRY(OK, "renew", renew(&d, 0, again, 4));
	SEE(4, "pinned", suite_pinned());
	TRY(-EEXIST, "still mapped", suite_map(&d, 0, again, 4));
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
	TRY(OK, "nothing of it is left", suite_map(&d, 0, again, 4));
}

CASE(vaddr_overlap, "A047 A090")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	char *mem = suite_memory(8);

	TRY(OK, "map", suite_map(&d, 4, mem, 4));
	TRY(4, "invalidate", invalidate(&d, 4, 4));
	TRY(-EEXIST, "map over it", suite_map(&d, 4, mem, 4));
	TRY(-EEXIST, "map into it", suite_map(&d, 6, mem, 1));
	TRY(OK, "map beside", suite_map(&d, 8, mem, 4));
}

struct heir {
	const struct backend *d;
	char *mem;
	uint64_t limit;
};

/* Takes the mapping over, and says who pays. */
static int inherit(const void *arg)
{
	const struct heir *h = arg;

	if (h->limit && (!drop_cap(CAP_IPC_LOCK) || !set_memlock(h->limit)))
		return 1;
	TRY(ANY, "heir renews", renew(h->d, 0, h->mem, 4));
	SEE(ANY, "heir pays", locked_kib());
	SEE(ANY, "old owner pays", status_kib(getppid(), "VmLck"));
	fflush(stdout);
	return 0;
}

static void change_owner(uint64_t limit)
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct heir h = { &d, NULL, limit };
	int fd = memfd_create("suite", MFD_CLOEXEC);

	NEED(fd >= 0 && !ftruncate(fd, 4 * PAGE));
	h.mem = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(h.mem != MAP_FAILED);
	TRY(OK, "map", suite_map(&d, 0, h.mem, 4));
	TRY(4, "invalidate", invalidate(&d, 0, 4));
	SEE(0, "child", suite_child(inherit, &h));
	SEE(ANY, "pays at last", locked_kib());
	SEE(4, "pinned", suite_pinned());
	TRY(ANY, "renewed in the end", renew(&d, 0, h.mem, 4));
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
}

CASE(vaddr_owner, "A091 A101") { change_owner(0); }
CASE(vaddr_owner_over_limit, "A091 A101") { change_owner(3 * PAGE); }
CASE(vaddr_owner_at_limit, "A091 A094 A101") { change_owner(4 * PAGE); }

/* The heir gets the tracking as well: dirty bits are kept for it until it says stop. */
static int inherit_tracking(const void *arg)
{
	const struct heir *h = arg;
	uint64_t word = 0;
	struct suite_dirty q = suite_dirty(IOVA, 4 * PAGE, &word, 8);

	TRY(OK, "heir renews", renew(h->d, 0, h->mem, 4));
	TRY(OK, "heir asks", suite_dirty_get(h->d, &q));
	suite_say("heir asks, bits", "%s", suite_hex(&word, 8));
	TRY(OK, "heir stops", suite_track(h->d, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP));
	TRY(-EINVAL, "heir asks then", suite_dirty_get(h->d, &q));
	fflush(stdout);
	return 0;
}

CASE(vaddr_keeps_tracking, "A091 A109")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct heir h = { &d, NULL, 0 };
	int fd = memfd_create("suite", MFD_CLOEXEC);

	NEED(fd >= 0 && !ftruncate(fd, 4 * PAGE));
	h.mem = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(h.mem != MAP_FAILED);
	TRY(OK, "map", suite_map(&d, 0, h.mem, 4));
	TRY(OK, "start", suite_track(&d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	TRY(4, "invalidate", invalidate(&d, 0, 4));
	SEE(0, "child", suite_child(inherit_tracking, &h));
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
}

/* The old owner is gone before the new one comes. */
static int map_and_die(const void *arg)
{
	const struct heir *h = arg;

	if (suite_map(h->d, 0, h->mem, 4) || invalidate(h->d, 0, 4) != 4)
		return 1;
	return 0;
}

CASE(vaddr_owner_is_gone, "A091 A098")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	struct heir h = { &d, suite_memory(4), 0 };

	SEE(0, "child", suite_child(map_and_die, &h));
	SEE(4, "pinned", suite_pinned());
	TRY(OK, "renew", renew(&d, 0, h.mem, 4));
	SEE(16, "pays", locked_kib());
	TRY(4, "unmap", suite_unmap(&d, 0, 4));
}

CASE(vaddr_unmap, "A092")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);
	int hard = suite_group(DEVICE_EDU);
	char *mem = suite_memory(8);

	TRY(OK, "map", suite_map(&d, 0, mem, 2));
	TRY(OK, "map too", suite_map(&d, 4, mem, 3));
	TRY(5, "invalidate", invalidate(&d, 0, 10));
	TRY(2, "unmap one", suite_unmap(&d, 0, 2));
	TRY(-EBUSY, "the other is invalid still", suite_enter(&d, hard));
	TRY(3, "unmap the other", suite_unmap(&d, 4, 3));
	TRY(OK, "none is invalid", suite_enter(&d, hard));
}

CASE(vaddr_v1, "A074 A085")
{
	struct backend d = suite_hard(VFIO_TYPE1_IOMMU);
	char *mem = suite_memory(4);

	TRY(OK, "map", suite_map(&d, 0, mem, 4));
	TRY(0, "inside", invalidate(&d, 1, 1));
	TRY(4, "first page", invalidate(&d, 0, 1));
	TRY(-EINVAL, "again", invalidate(&d, 0, 1));
	TRY(OK, "renew", renew(&d, 0, mem, 4));
}

CASE(vaddr_close, "A017 A092")
{
	struct backend d = suite_hard(VFIO_TYPE1v2_IOMMU);

	TRY(OK, "map", suite_map(&d, 0, suite_memory(4), 4));
	TRY(4, "invalidate", invalidate(&d, 0, 4));
	TRY(OK, "leave", ioctl(d.group, VFIO_GROUP_UNSET_CONTAINER));
	SEE(0, "pinned", suite_pinned());
	SEE(0, "charged", locked_kib());
}
