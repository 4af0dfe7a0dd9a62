/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same calls to ioasid and to type1, and the same answers from both?
 *
 * Two processes with the same memory at the same addresses, one with a
 * container on ioasid, the other on type1, make the same random calls one
 * after the other. Results, errnos, everything written back, VmLck and the
 * mappings left must agree after each.
 */
#ifndef IOASID_TEST_DIFFER_H
#define IOASID_TEST_DIFFER_H

#include <stddef.h>
#include <sys/socket.h>

#include "lib/backend.h"

#define DIFFER_BASE	((char *)0x200000000000ULL)	/* of the memory, 2 MiB aligned */
#define DIFFER_IOVA	0x10000000ULL
#define DIFFER_BITS	256		/* bytes of a dirty bitmap */

enum differ_what { DIFFER_MAP, DIFFER_UNMAP, DIFFER_INFO, DIFFER_EXTENSION, DIFFER_DIRTY,
		   DIFFER_PROTECT, DIFFER_QUIT };

/* One call, or a change of the memory. */
struct differ_op {
	enum differ_what what;
	uint32_t argsz;
	uint32_t flags;
	uint64_t vaddr;
	uint64_t iova;
	uint64_t size;
	uint64_t pgsize;
	uint64_t bits_size;
};

/* What came of it. */
struct differ_result {
	long ret;
	int error;
	long locked;
	long long avail;
	uint32_t length;
	unsigned char out[512];
};

struct differ_worker {
	pid_t pid;
	int fd;
};

/* --- memory --- */

#define DIFFER_PAGES	2048ULL		/* all of it; the zones are below */

struct differ_zone {
	uint64_t from;		/* page */
	uint64_t pages;
	int prot;
	enum { DIFFER_HOLE, DIFFER_SMALL, DIFFER_HUGE, DIFFER_MEMFD, DIFFER_UNTOUCHED,
	       DIFFER_FILE, DIFFER_BAR } kind;
};

static const struct differ_zone differ_zone[] = {
	{    0,   64, PROT_READ | PROT_WRITE, DIFFER_SMALL },
	{   64,    8, PROT_READ, DIFFER_SMALL },
	{   72,   32, PROT_READ | PROT_WRITE, DIFFER_MEMFD },
	{  104,    4, PROT_NONE, DIFFER_SMALL },
	{  108,   16, PROT_READ | PROT_WRITE, DIFFER_UNTOUCHED },
	{  124,    8, PROT_READ, DIFFER_FILE },
	{  132,    8, PROT_READ | PROT_WRITE, DIFFER_FILE },
	{  140,   20, PROT_READ, DIFFER_HOLE },
	{  256,    4, PROT_READ | PROT_WRITE, DIFFER_BAR },
	{  260,    4, PROT_READ, DIFFER_BAR },
	{  264,    8, PROT_READ | PROT_WRITE, DIFFER_SMALL },
	{  512, 1024, PROT_READ | PROT_WRITE, DIFFER_HUGE },
	{ 1536,  300, PROT_READ | PROT_WRITE, DIFFER_SMALL },
};

static inline bool differ_fill(const struct differ_zone *z, int bar)
{
	int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, fd = -1;
	char *at = DIFFER_BASE + z->from * PAGE;
	size_t size = z->pages * PAGE, i;

	if (z->kind == DIFFER_HOLE)
		return true;
	if (z->kind == DIFFER_MEMFD) {
		fd = memfd_create("differ", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, size))
			return false;
		flags = MAP_FIXED | MAP_SHARED;
	}
	if (z->kind == DIFFER_FILE) {
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		flags = MAP_FIXED | MAP_PRIVATE;
	}
	if (z->kind == DIFFER_BAR) {
		fd = dup(bar);
		flags = MAP_FIXED | MAP_SHARED;
	}
	if (mmap(at, size, z->kind == DIFFER_SMALL ? PROT_READ | PROT_WRITE : z->prot, flags, fd,
		 0) == MAP_FAILED)
		return false;
	if (fd >= 0)
		close(fd);
	madvise(at, size, z->kind == DIFFER_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (z->kind == DIFFER_SMALL || z->kind == DIFFER_HUGE)
		for (i = 0; i < size; i += PAGE)
			at[i] = 1;
	return mprotect(at, size, z->prot) == 0;
}

static inline bool differ_memory(int bar)
{
	unsigned int i;

	for (i = 0; i < sizeof(differ_zone) / sizeof(*differ_zone); i++)
		if (!differ_fill(&differ_zone[i], bar)) {
			printf("# zone %u: %s\n", i, strerror(errno));
			return false;
		}
	return true;
}

/* --- one side --- */

static inline void differ_keep(struct differ_result *r, const void *data, uint32_t length)
{
	r->length = length < sizeof(r->out) ? length : sizeof(r->out);
	memcpy(r->out, data, r->length);
}

static inline int differ_track(const struct backend *d, uint32_t flag)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = { .argsz = sizeof(dirty), .flags = flag };

	return ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

/*
 * What type1 reported once it may report again, shifted and for pages that are
 * not mapped: its bitmap must be new each time. Every mapped page stays dirty.
 */
static bool differ_tracking;

static inline void differ_fresh_bitmap(const struct backend *d)
{
	if (differ_tracking) {
		differ_track(d, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
		differ_track(d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
	}
}

static inline void differ_unmap(const struct backend *d, const struct differ_op *op,
				struct differ_result *r)
{
	static char bits[DIFFER_BITS];
	union {
		struct vfio_iommu_type1_dma_unmap unmap;
		char room[64];
	} u = { .unmap = { .argsz = op->argsz, .flags = op->flags, .iova = op->iova,
			   .size = op->size } };
	struct vfio_bitmap *b = (void *)u.unmap.data;

	memset(bits, 0, sizeof(bits));
	b->pgsize = op->pgsize;
	b->size = op->bits_size;
	b->data = (void *)bits;
	if (op->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		differ_fresh_bitmap(d);
	r->ret = ioctl(d->fd, VFIO_IOMMU_UNMAP_DMA, &u);
	r->error = r->ret ? errno : 0;
	b->data = NULL;
	differ_keep(r, &u, sizeof(u));
	/* What a call that failed left in the bitmap does not matter. */
	if (!r->ret)
		memcpy(r->out + sizeof(u), bits, sizeof(bits));
	r->length += sizeof(bits);
}

static inline void differ_dirty(const struct backend *d, const struct differ_op *op,
				struct differ_result *r)
{
	static char bits[DIFFER_BITS];
	union {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		char room[64];
	} u = { .dirty = { .argsz = op->argsz, .flags = op->flags } };
	struct vfio_iommu_type1_dirty_bitmap_get *get = (void *)u.dirty.data;

	memset(bits, 0, sizeof(bits));
	get->iova = op->iova;
	get->size = op->size;
	get->bitmap.pgsize = op->pgsize;
	get->bitmap.size = op->bits_size;
	get->bitmap.data = (void *)bits;
	if (op->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP)
		differ_fresh_bitmap(d);
	r->ret = ioctl(d->fd, VFIO_IOMMU_DIRTY_PAGES, &u);
	r->error = r->ret ? errno : 0;
	if (!r->ret && op->flags != VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP)
		differ_tracking = op->flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
	differ_keep(r, bits, r->ret ? 0 : sizeof(bits));
}

static inline void differ_map(const struct backend *d, const struct differ_op *op,
			      struct differ_result *r)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = op->argsz,
		.flags = op->flags,
		.vaddr = op->vaddr,
		.iova = op->iova,
		.size = op->size,
	};

	r->ret = ioctl(d->fd, VFIO_IOMMU_MAP_DMA, &map);
	r->error = r->ret ? errno : 0;
	differ_keep(r, &map, sizeof(map));
}

static inline void differ_info(const struct backend *d, const struct differ_op *op,
			       struct differ_result *r)
{
	union {
		struct vfio_iommu_type1_info info;
		char room[sizeof(r->out)];
	} u;

	memset(&u, 0xee, sizeof(u));
	u.info.argsz = op->argsz;
	r->ret = ioctl(d->fd, VFIO_IOMMU_GET_INFO, &u);
	r->error = r->ret ? errno : 0;
	differ_keep(r, &u, sizeof(u));
}

static inline void differ_do(const struct backend *d, const struct differ_op *op,
			     struct differ_result *r)
{
	memset(r, 0, sizeof(*r));
	switch (op->what) {
	case DIFFER_MAP:
		differ_map(d, op, r);
		break;
	case DIFFER_UNMAP:
		differ_unmap(d, op, r);
		break;
	case DIFFER_INFO:
		differ_info(d, op, r);
		break;
	case DIFFER_EXTENSION:
		r->ret = ioctl(d->fd, VFIO_CHECK_EXTENSION, op->size);
		break;
	case DIFFER_DIRTY:
		differ_dirty(d, op, r);
		break;
	case DIFFER_PROTECT:
		r->ret = mprotect((void *)(uintptr_t)op->vaddr, op->size, op->flags);
		break;
	case DIFFER_QUIT:
		break;
	}
	r->locked = locked_kib();
	r->avail = backend_avail(d);
}

static inline int differ_serve(int fd, enum backend_kind kind, unsigned long type, long memlock)
{
	struct differ_result result;
	struct differ_op op;
	struct backend d;
	int bar;

	if (!backend_open(&d, kind, type, kind == BACKEND_TYPE1 ? DEVICE_EDU : DEVICE_NVME))
		return 1;
	/* Either device has a BAR of 4 pages or more. */
	bar = backend_device(&d, kind == BACKEND_TYPE1 ? DEVICE_EDU : DEVICE_NVME);
	if (bar < 0 || !differ_memory(bar))
		return 1;
	if (memlock && (!drop_cap(CAP_IPC_LOCK) || !set_memlock(memlock)))
		return 1;
	memset(&result, 0, sizeof(result));
	if (write(fd, &result, sizeof(result)) != sizeof(result))
		return 1;
	while (read(fd, &op, sizeof(op)) == sizeof(op) && op.what != DIFFER_QUIT) {
		differ_do(&d, &op, &result);
		if (write(fd, &result, sizeof(result)) != sizeof(result))
			return 1;
	}
	/* What is left of the BAR would keep the device open. */
	munmap(DIFFER_BASE, DIFFER_PAGES * PAGE);
	close(bar);
	backend_close(&d);
	return locked_kib() != 0;
}

/* A process that serves one side; false when it did not come up. */
static inline bool differ_start(struct differ_worker *w, enum backend_kind kind, unsigned long type,
				long memlock)
{
	struct differ_result hello;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	fflush(stdout);
	w->fd = pair[0];
	w->pid = fork();
	if (!w->pid) {
		close(pair[0]);
		exit(differ_serve(pair[1], kind, type, memlock));
	}
	close(pair[1]);
	/* The parameter that chooses the driver is shared: one at a time. */
	return read(w->fd, &hello, sizeof(hello)) == sizeof(hello);
}

static inline bool differ_stop(struct differ_worker *w)
{
	struct differ_op op = { .what = DIFFER_QUIT };
	int status = -1;

	if (write(w->fd, &op, sizeof(op)) < 0)
		return false;
	waitpid(w->pid, &status, 0);
	close(w->fd);
	return status == 0;
}

/* --- random calls --- */

static uint64_t differ_state;

static inline uint64_t differ_random(uint64_t below)
{
	differ_state ^= differ_state << 13;
	differ_state ^= differ_state >> 7;
	differ_state ^= differ_state << 17;
	return (differ_state * 0x2545f4914f6cdd1dULL >> 11) % below;
}

static inline bool differ_chance(unsigned int percent)
{
	return differ_random(100) < percent;
}

static inline uint64_t differ_iova(void)
{
	uint64_t at = DIFFER_IOVA + differ_random(40) * PAGE;

	if (differ_chance(12)) {
		static const uint64_t odd[] = {
			0, MSI_START, MSI_END + 1, 1ULL << 39, 1ULL << 48, 1ULL << 57,
			1ULL << 63, 0,
		};

		at = odd[differ_random(sizeof(odd) / sizeof(*odd))];
		at += (differ_random(5) - 2) * PAGE;
	}
	return differ_chance(3) ? at + differ_random(PAGE) : at;
}

static inline uint64_t differ_size(void)
{
	static const uint64_t odd[] = {
		0, 1, PAGE - 1, PAGE + 1, 1ULL << 63, -PAGE, -1, 1ULL << 32, 1ULL << 48,
	};

	if (differ_chance(5))
		return odd[differ_random(sizeof(odd) / sizeof(*odd))];
	if (differ_chance(15))
		return (1 + differ_random(1200)) * PAGE;
	return (1 + differ_random(8)) * PAGE;
}

static inline uint64_t differ_vaddr(void)
{
	static const uint64_t odd[] = { 0, -PAGE, 1ULL << 47, 1ULL << 63, 0xffff888000000000ULL };
	const struct differ_zone *z;

	if (differ_chance(3))
		return odd[differ_random(sizeof(odd) / sizeof(*odd))];
	z = &differ_zone[differ_random(sizeof(differ_zone) / sizeof(*differ_zone))];
	return (uintptr_t)DIFFER_BASE + (z->from + differ_random(z->pages)) * PAGE +
	       (differ_chance(2) ? differ_random(PAGE) : 0);
}

static inline uint32_t differ_argsz(uint32_t full)
{
	return differ_chance(96) ? full : differ_random(2 * full);
}

static inline uint32_t differ_map_flags(void)
{
	if (differ_chance(5))
		return differ_chance(30) ? 1U << differ_random(32) : differ_random(8);
	if (differ_chance(10))
		return VFIO_DMA_MAP_FLAG_VADDR;
	return 1 + differ_random(3);
}

static inline uint32_t differ_unmap_flags(void)
{
	if (differ_chance(80))
		return 0;
	return differ_chance(10) ? 1U << differ_random(32) : differ_random(8);
}

/* Where a bitmap is asked for it is mostly one that fits. */
static inline void differ_bitmap(struct differ_op *op)
{
	static const uint64_t pgsize[] = { 1, 512, 2 * PAGE, 2 * MIB, 1ULL << 63 };

	op->pgsize = differ_chance(95) ? PAGE : pgsize[differ_random(5)];
	op->bits_size = DIFFER_BITS;
	/* Never more than there is, or the kernel writes beyond it. */
	if (differ_chance(10))
		op->bits_size = differ_random(DIFFER_BITS);
	if (op->size / PAGE > DIFFER_BITS * 8)
		op->size %= DIFFER_BITS * 8 * PAGE;
}

static inline void differ_choose(struct differ_op *op)
{
	unsigned int dice = differ_random(100);

	*op = (struct differ_op){ .iova = differ_iova(), .size = differ_size() };
	if (dice < 50) {
		op->what = DIFFER_MAP;
		op->argsz = differ_argsz(sizeof(struct vfio_iommu_type1_dma_map));
		op->flags = differ_map_flags();
		op->vaddr = differ_vaddr();
	} else if (dice < 82) {
		op->what = DIFFER_UNMAP;
		op->flags = differ_unmap_flags();
		op->argsz = differ_argsz(48);
		if (op->flags & VFIO_DMA_UNMAP_FLAG_ALL && differ_chance(80))
			op->iova = op->size = 0;
		if (op->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
			differ_bitmap(op);
	} else if (dice < 84) {
		op->what = DIFFER_INFO;
		op->argsz = differ_chance(50) ? 512 : differ_random(160);
	} else if (dice < 88) {
		op->what = DIFFER_EXTENSION;
		op->size = differ_chance(95) ? differ_random(20) : differ_random(UINT64_MAX);
	} else if (dice < 97) {
		op->what = DIFFER_DIRTY;
		op->argsz = differ_argsz(48);
		/* One bit: type1 takes a word without any to a place unknown. */
		op->flags = differ_chance(95) ? 1U << differ_random(3) : 1U << differ_random(32);
		op->flags |= differ_chance(3) ? 3 : 0;
		differ_bitmap(op);
	} else {
		op->what = DIFFER_PROTECT;
		op->vaddr = (uintptr_t)DIFFER_BASE + differ_random(24) * PAGE;
		op->size = (1 + differ_random(4)) * PAGE;
		op->flags = differ_chance(60) ? PROT_READ | PROT_WRITE : PROT_READ;
	}
}

/* --- judging --- */

static inline void differ_print(const char *name, const struct differ_result *r)
{
	uint32_t i, n = r->length;

	printf("#   %s: returned %ld, errno %d (%s), VmLck %ld, %lld mappings left\n#    ", name,
	       r->ret, r->error, strerror(r->error), r->locked, r->avail);
	while (n && !r->out[n - 1])
		n--;
	for (i = 0; i < n && i < 160; i++)
		printf("%s%02x", i % 8 ? "" : " ", r->out[i]);
	printf("\n");
}

static inline void differ_explain(unsigned int number, const struct differ_op *op,
				  const struct differ_result *ours,
				  const struct differ_result *theirs)
{
	static const char *const name[] = {
		"MAP_DMA", "UNMAP_DMA", "GET_INFO", "CHECK_EXTENSION", "DIRTY_PAGES", "mprotect",
	};

	printf("# call %u: %s argsz %u flags 0x%x vaddr 0x%llx iova 0x%llx size 0x%llx pgsize 0x%llx bitmap of %llu bytes\n",
	       number, name[op->what], op->argsz, op->flags, (unsigned long long)op->vaddr,
	       (unsigned long long)op->iova, (unsigned long long)op->size,
	       (unsigned long long)op->pgsize, (unsigned long long)op->bits_size);
	differ_print("ioasid", ours);
	differ_print("type1 ", theirs);
}

/*
 * Runs @count random calls on both; false at the first difference. @done counts
 * how many of the maps and unmaps succeeded, so that not only errors
 * are compared.
 */
static inline bool differ_run(struct differ_worker *ours, struct differ_worker *theirs,
			      uint64_t seed, unsigned int count, unsigned int *done)
{
	struct differ_result a, b;
	struct differ_op op;
	unsigned int i;

	differ_state = seed * 0x9e3779b97f4a7c15ULL + 1;
	for (i = 0; i < count; i++) {
		differ_choose(&op);
		if (write(ours->fd, &op, sizeof(op)) < 0 || write(theirs->fd, &op, sizeof(op)) < 0 ||
		    read(ours->fd, &a, sizeof(a)) != sizeof(a) ||
		    read(theirs->fd, &b, sizeof(b)) != sizeof(b)) {
			printf("# call %u: a worker is gone\n", i);
			return false;
		}
		if (memcmp(&a, &b, sizeof(a))) {
			differ_explain(i, &op, &a, &b);
			return false;
		}
		*done += (op.what == DIFFER_MAP || op.what == DIFFER_UNMAP) && !a.ret;
	}
	return true;
}

/* --- the tests --- */

FIXTURE(differ) {
	struct differ_worker ours;
	struct differ_worker theirs;
};

FIXTURE_VARIANT(differ) {
	unsigned long type;
	long memlock;		/* 0: may lock all it likes */
};

FIXTURE_VARIANT_ADD(differ, v2) { .type = VFIO_TYPE1v2_IOMMU };
FIXTURE_VARIANT_ADD(differ, v1) { .type = VFIO_TYPE1_IOMMU };
FIXTURE_VARIANT_ADD(differ, memlock) { .type = VFIO_TYPE1v2_IOMMU, .memlock = 100 * PAGE };

FIXTURE_SETUP(differ)
{
	ASSERT_TRUE(differ_start(&self->ours, BACKEND_SHIM, variant->type, variant->memlock));
	ASSERT_TRUE(differ_start(&self->theirs, BACKEND_TYPE1, variant->type, variant->memlock));
	ASSERT_TRUE(backend_prefer(BACKEND_SHIM));
}

FIXTURE_TEARDOWN(differ)
{
	EXPECT_TRUE(differ_stop(&self->ours));
	EXPECT_TRUE(differ_stop(&self->theirs));
}

static inline unsigned int differ_env(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

#endif
