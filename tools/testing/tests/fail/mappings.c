// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures while memory is mapped and unmapped, for a device that is there.
 */
#include "fail/sweep.h"
#include "lib/scatter.h"

#define IOVA	0x40000000ULL

/*
 * What kind of memory is mapped, and by which way the page tables are written.
 */
enum memory { SMALL, SCATTERED, UNTOUCHED, FORKED, HUGE, SHARED, FILE_READ_ONLY };

FIXTURE(mappings) {
	struct world w;
	int file;
};

FIXTURE_VARIANT(mappings) {
	enum memory memory;
	uint64_t bytes;
	bool iommu_map;
};

FIXTURE_VARIANT_ADD(mappings, page) { .memory = SMALL, .bytes = PAGE };
FIXTURE_VARIANT_ADD(mappings, pages) { .memory = SMALL, .bytes = 40 * PAGE };
FIXTURE_VARIANT_ADD(mappings, pages_iommu_map) {
	.memory = SMALL, .bytes = 40 * PAGE, .iommu_map = true,
};
FIXTURE_VARIANT_ADD(mappings, scattered) { .memory = SCATTERED, .bytes = 2 * MIB };
FIXTURE_VARIANT_ADD(mappings, untouched) { .memory = UNTOUCHED, .bytes = 24 * PAGE };
FIXTURE_VARIANT_ADD(mappings, forked) { .memory = FORKED, .bytes = 24 * PAGE };
FIXTURE_VARIANT_ADD(mappings, huge) { .memory = HUGE, .bytes = 4 * MIB };
FIXTURE_VARIANT_ADD(mappings, shared) { .memory = SHARED, .bytes = 4 * MIB };
FIXTURE_VARIANT_ADD(mappings, shared_holes) { .memory = FILE_READ_ONLY, .bytes = 2 * MIB + PAGE };

static char *memory_get(enum memory kind, uint64_t bytes, int *file)
{
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *mem;

	if (kind == SHARED || kind == FILE_READ_ONLY) {
		*file = memfd_create("sweep", MFD_CLOEXEC);
		if (*file < 0 || ftruncate(*file, bytes))
			return MAP_FAILED;
		flags = MAP_SHARED;
	}
	mem = mmap(NULL, bytes + (kind == HUGE ? 2 * MIB : 0), prot, flags, *file, 0);
	if (mem == MAP_FAILED)
		return mem;
	if (kind == HUGE) {
		mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & ~(2 * MIB - 1));
		madvise(mem, bytes, MADV_HUGEPAGE);
	} else {
		madvise(mem, bytes, MADV_NOHUGEPAGE);
	}
	if (kind != UNTOUCHED && kind != FILE_READ_ONLY)
		scatter(mem, bytes);
	return mem;
}

static bool iommu_map_parameter(bool on)
{
	return file_write("/sys/module/ioasid/parameters/iommu_map", on ? "Y" : "N");
}

FIXTURE_SETUP(mappings)
{
	self->file = -1;
	self->w.mem = memory_get(variant->memory, variant->bytes, &self->file);
	ASSERT_NE(MAP_FAILED, self->w.mem);
	self->w.bytes = variant->bytes;
	ASSERT_TRUE(iommu_map_parameter(variant->iommu_map));
	ASSERT_TRUE(backend_open(&self->w.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
}

FIXTURE_TEARDOWN(mappings)
{
	iommu_map_parameter(false);
	EXPECT_EQ(0, locked_kib());
	backend_close(&self->w.d);
	if (self->file >= 0)
		close(self->file);
}

static bool map_call(struct world *w)
{
	return !backend_map(&w->d, IOVA, w->mem, w->bytes, MAP_RW);
}

static bool unmap_call(struct world *w)
{
	long long bytes = backend_unmap(&w->d, IOVA, w->bytes);

	if (bytes >= 0 && bytes != w->bytes)
		abort();
	return bytes >= 0;
}

static bool unmap_all_call(struct world *w)
{
	long long bytes = backend_unmap_all(&w->d);

	if (bytes >= 0 && bytes != w->bytes)
		abort();
	return bytes >= 0;
}

/* Unmapped, but the number of bytes could not be written back. */
static bool is_unmapped(struct world *w)
{
	return errno == EFAULT && backend_avail(&w->d) == 65535;
}

static bool nothing_undo(struct world *w)
{
	(void)w;
	return true;
}

/* The pages are gone after each try, so that the next one faults again. */
static bool unmap_and_drop(struct world *w)
{
	return unmap_call(w) && !madvise(w->mem, w->bytes, MADV_DONTNEED);
}

static bool unmap_and_punch(struct world *w)
{
	return unmap_call(w) && !madvise(w->mem, w->bytes, MADV_REMOVE);
}

/* A child has the pages as well, so a pin for writing copies them. */
static bool fork_ready(struct world *w)
{
	int status;
	pid_t pid;

	scatter(w->mem, w->bytes);
	pid = fork();
	if (!pid)
		pause();
	w->more = (void *)(intptr_t)pid;
	if (pid < 0)
		return false;
	return waitpid(pid, &status, WNOHANG) == 0;
}

static bool unmap_and_kill(struct world *w)
{
	pid_t pid = (intptr_t)w->more;
	int status;

	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && unmap_and_drop(w);
}

TEST_F_TIMEOUT(mappings, map, 300)
{
	static const struct flow flow[] = {
		[SMALL] = { .call = map_call, .undo = unmap_call },
		[SCATTERED] = { .call = map_call, .undo = unmap_call },
		[UNTOUCHED] = { .call = map_call, .undo = unmap_and_drop },
		[FORKED] = { .ready = fork_ready, .call = map_call, .undo = unmap_and_kill },
		[HUGE] = { .call = map_call, .undo = unmap_call },
		[SHARED] = { .call = map_call, .undo = unmap_call },
		[FILE_READ_ONLY] = { .call = map_call, .undo = unmap_and_punch },
	};

	EXPECT_TRUE(sweep(&self->w, &flow[variant->memory]));
}

/* --- unmapping --- */

FIXTURE(unmaps) {
	struct world w;
	int file;
};

FIXTURE_VARIANT(unmaps) {
	enum memory memory;
};

FIXTURE_VARIANT_ADD(unmaps, scattered) { .memory = SCATTERED };
FIXTURE_VARIANT_ADD(unmaps, shared) { .memory = SHARED };

FIXTURE_SETUP(unmaps)
{
	self->file = -1;
	self->w.bytes = 2 * MIB;
	self->w.mem = memory_get(variant->memory, self->w.bytes, &self->file);
	ASSERT_NE(MAP_FAILED, self->w.mem);
	ASSERT_TRUE(backend_open(&self->w.d, BACKEND_SHIM, VFIO_TYPE1v2_IOMMU, DEVICE_EDU));
}

FIXTURE_TEARDOWN(unmaps)
{
	EXPECT_EQ(0, locked_kib());
	backend_close(&self->w.d);
	if (self->file >= 0)
		close(self->file);
}

TEST_F_TIMEOUT(unmaps, one, 120)
{
	static const struct flow flow = {
		.ready = map_call, .call = unmap_call, .undo = nothing_undo, .gone = is_unmapped,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* In four pieces, of which two are neighbours. */
static bool map_pieces(struct world *w)
{
	uint64_t quarter = w->bytes / 4, at[] = { 0, 1, 3, 6 };
	int i;

	for (i = 0; i < 4; i++)
		if (backend_map(&w->d, IOVA + at[i] * quarter, w->mem + i * quarter, quarter,
				MAP_RW))
			return false;
	return true;
}

TEST_F_TIMEOUT(unmaps, all, 120)
{
	static const struct flow flow = {
		.ready = map_pieces, .call = unmap_all_call, .undo = nothing_undo,
		.gone = is_unmapped,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

SWEEP_MAIN
