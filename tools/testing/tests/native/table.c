// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules that all ioctls share, tried on each of them, and again on an
 * io_uring: sizes, flags, reserved members, ids, pointers, answers that cannot
 * be given. A row here is what <linux/ioasid.h> says of an ioctl.
 */
#include <stddef.h>
#include <sys/eventfd.h>

#include "native/ring.h"

/* The same address and the same fd in every row, so that rows are constants. */
#define MEM	0x200000000000ULL
#define ENTRY	(MEM + PAGE)
#define RANGE	(MEM + 2 * PAGE)
#define ARG	(MEM + 3 * PAGE)
#define END	(MEM + 5 * PAGE)
#define HOLE	0x10000ULL		/* where nothing is */
#define FILE_FD	200
#define IOVA	0x100000000ULL

union any {
	struct {
		uint32_t size;
		uint32_t flags;
	};
	struct ioasid_alloc alloc;
	struct ioasid_free free;
	struct ioasid_legacy legacy;
	struct ioasid_get_info get_info;
	struct ioasid_iova_ranges iova_ranges;
	struct ioasid_allow_iovas allow_iovas;
	struct ioasid_map_dma map_dma;
	struct ioasid_map_file map_file;
	struct ioasid_copy copy;
	struct ioasid_unmap_dma unmap_dma;
	struct ioasid_map_batch map_batch;
	struct ioasid_unmap_batch unmap_batch;
	struct ioasid_dirty dirty;
	struct ioasid_option option;
	struct ioasid_change_owner change_owner;
	char bytes[PAGE];
};

/**
 * struct row - an ioctl
 * @name: of it
 * @cmd: its number
 * @first: bytes of the first version of its structure: a number that stays when it grows
 * @size: bytes of it today
 * @flags: those it knows
 * @ids: where ids are in it; 0 for none
 * @reserved: where a reserved member is; 0 for none
 * @pointer: where a pointer is; 0 for none
 * @answers: it has out_ members
 * @ring: it can be made on a ring
 * @good: a call that succeeds in the world of set_up()
 */
struct row {
	const char *name;
	unsigned int cmd;
	uint32_t first;
	uint32_t size;
	uint32_t flags;
	size_t ids[2];
	size_t reserved;
	size_t pointer;
	bool answers;
	bool ring;
	union any good;
};

#define ROW(_cmd, _member, _first, ...) {					\
	.name = #_cmd, .cmd = _cmd, .first = _first,				\
	.size = sizeof(((union any *)0)->_member), __VA_ARGS__ }
#define ID(_member)		.ids = { offsetof(union any, _member) }
#define RESERVED(_member)	.reserved = offsetof(union any, _member.__reserved)
#define POINTER(_member)	.pointer = offsetof(union any, _member)
#define MAP_FLAGS		(NATIVE_RW | IOASID_MAP_FLAG_FIXED_IOVA)

static const struct row rows[] = {
	ROW(IOASID_ALLOC, alloc, 16, .answers = true),
	ROW(IOASID_FREE, free, 16, ID(free.ioasid), RESERVED(free), .good.free = { .ioasid = 2 }),
	ROW(IOASID_LEGACY, legacy, 24, ID(legacy.ioasid), RESERVED(legacy), .answers = true,
	    .good.legacy = { .op = IOASID_LEGACY_SET, .ioasid = 2 }),
	ROW(IOASID_GET_INFO, get_info, 72, ID(get_info.ioasid), .answers = true),
	ROW(IOASID_IOVA_RANGES, iova_ranges, 40, ID(iova_ranges.ioasid), RESERVED(iova_ranges),
	    POINTER(iova_ranges.ranges), .answers = true,
	    .good.iova_ranges = { .nr_ranges = 1, .ranges = RANGE + 64 }),
	ROW(IOASID_ALLOW_IOVAS, allow_iovas, 24, ID(allow_iovas.ioasid), POINTER(allow_iovas.ranges),
	    .good.allow_iovas = { .nr_ranges = 1, .ranges = RANGE }),
	ROW(IOASID_MAP_DMA, map_dma, 48, .flags = MAP_FLAGS | IOASID_MAP_FLAG_SPARSE, ID(map_dma.ioasid),
	    POINTER(map_dma.user_va), .answers = true, .ring = true,
	    .good.map_dma = { .flags = NATIVE_RW, .user_va = MEM, .length = PAGE }),
	ROW(IOASID_MAP_FILE, map_file, 48, .flags = MAP_FLAGS, ID(map_file.ioasid), .answers = true,
	    .ring = true,
	    .good.map_file = { .flags = NATIVE_RW, .fd = FILE_FD, .length = PAGE }),
	ROW(IOASID_COPY, copy, 48, .flags = MAP_FLAGS,
	    .ids = { offsetof(union any, copy.dst_ioasid), offsetof(union any, copy.src_ioasid) },
	    .answers = true, .ring = true,
	    .good.copy = { .flags = NATIVE_RW, .src_iova = IOVA, .length = PAGE }),
	ROW(IOASID_UNMAP_DMA, unmap_dma, 56,
	    .flags = IOASID_UNMAP_FLAG_ALL | IOASID_UNMAP_FLAG_GET_DIRTY | IOASID_UNMAP_FLAG_SPLIT,
	    ID(unmap_dma.ioasid),
	    RESERVED(unmap_dma), .answers = true, .ring = true,
	    .good.unmap_dma = { .iova = IOVA, .length = PAGE }),
	ROW(IOASID_MAP_BATCH, map_batch, 32, ID(map_batch.ioasid), POINTER(map_batch.entries),
	    .answers = true, .ring = true,
	    .good.map_batch = { .nr_entries = 1, .entries = ENTRY,
				.entry_size = sizeof(struct ioasid_map_entry) }),
	ROW(IOASID_UNMAP_BATCH, unmap_batch, 40, ID(unmap_batch.ioasid), POINTER(unmap_batch.entries),
	    .answers = true, .ring = true,
	    .good.unmap_batch = { .nr_entries = 1, .entries = RANGE,
				  .entry_size = sizeof(struct ioasid_iova_range) }),
	ROW(IOASID_DIRTY, dirty, 56, ID(dirty.ioasid), .good.dirty = { .op = IOASID_DIRTY_OP_START }),
	ROW(IOASID_OPTION, option, 40, ID(option.ioasid), RESERVED(option), .answers = true,
	    .good.option = { .option = IOASID_OPTION_HUGE_PAGES, .op = IOASID_OPTION_SET }),
	ROW(IOASID_CHANGE_OWNER, change_owner, 16, ID(change_owner.ioasid), RESERVED(change_owner)),
};

#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

FIXTURE(table) {
	struct io_uring ring;
	int fd;
	int other;		/* has an id 4, which fd has not */
	union any *arg;		/* two pages at ARG */
};

FIXTURE_VARIANT(table) {
	bool ring;
};

FIXTURE_VARIANT_ADD(table, ioctl) { .ring = false };
FIXTURE_VARIANT_ADD(table, ring) { .ring = true };

/* A page is mapped at IOVA in space 1; 2 is empty, 3 was freed. */
static void set_up(struct ktap_test *_self, struct ktap_fixture_table *self)
{
	if (self->fd >= 0)
		close(self->fd);
	/* A ring may hold the file a moment longer than we do. */
	while (locked_kib() > 0)
		usleep(100);
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(2, native_alloc(self->fd));
	ASSERT_EQ(3, native_alloc(self->fd));
	ASSERT_EQ(0, native_free(self->fd, 3));
	ASSERT_EQ(IOVA, native_map(self->fd, 1, NATIVE_FIXED, IOVA, (void *)MEM, PAGE));
}

FIXTURE_SETUP(table)
{
	void *mem = mmap((void *)MEM, END - MEM, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	int file = memfd_create("table", MFD_CLOEXEC), i;

	ASSERT_EQ((void *)MEM, mem);
	memset(mem, 0, END - MEM);
	*(struct ioasid_map_entry *)ENTRY = (struct ioasid_map_entry){
		.user_va = MEM, .length = PAGE, .flags = NATIVE_RW,
	};
	*(struct ioasid_iova_range *)RANGE = (struct ioasid_iova_range){ IOVA, IOVA + PAGE - 1 };
	ASSERT_EQ(0, ftruncate(file, PAGE));
	ASSERT_EQ(FILE_FD, dup2(file, FILE_FD));
	self->arg = (void *)ARG;
	self->fd = -1;
	self->other = native_open();
	for (i = 2; i <= 4; i++)
		ASSERT_EQ(i, native_alloc(self->other));
	ASSERT_EQ(0, io_uring_queue_init(4, &self->ring, 0));
	set_up(_self, self);
}

FIXTURE_TEARDOWN(table)
{
	io_uring_queue_exit(&self->ring);
	close(self->fd);
	close(self->other);
}

/* 0 or an errno. */
static int call(struct ktap_fixture_table *self, const struct ktap_variant_table *variant,
		const struct row *row, void *arg)
{
	if (variant->ring) {
		submit(&self->ring, self->fd, row->cmd, arg, 0);
		return -result(&self->ring, NULL);
	}
	return ioctl(self->fd, row->cmd, arg) ? errno : 0;
}

/* The good call of a row, in self->arg, ready to be spoiled. */
static void good(struct ktap_fixture_table *self, const struct row *row)
{
	*self->arg = row->good;
	self->arg->size = row->size;
}

/* What a call made of the argument, with a line that names the row. */
#define EXPECT_CALL(error, row, what) do {					\
	int _err = call(self, variant, row, self->arg);				\
										\
	if (_err != (error)) {							\
		TH_LOG("%s, %s: %s, not %s", (row)->name, what, strerror(_err),	\
		       strerror(error));					\
		_self->failed = true;						\
	}									\
} while (0)

#define FOR_EACH_ROW(row)							\
	for (row = rows; row < rows + NR_ROWS; row++)				\
		if (!variant->ring || row->ring)

TEST_F(table, good_calls)
{
	const struct row *row;

	FOR_EACH_ROW(row) {
		good(self, row);
		EXPECT_CALL(0, row, "as it should be");
		set_up(_self, self);
		/* A program of the first version: the byte behind its structure stays its own. */
		good(self, row);
		self->arg->size = row->first;
		self->arg->bytes[row->first] = 0x5a;
		EXPECT_CALL(0, row, "with the first structure");
		EXPECT_EQ(0x5a, self->arg->bytes[row->first]);
		set_up(_self, self);
		/* A newer program, which asks for nothing that is new. */
		good(self, row);
		self->arg->size = sizeof(union any);
		EXPECT_CALL(0, row, "with a longer structure");
		EXPECT_EQ(sizeof(union any), self->arg->size);
		set_up(_self, self);
	}
}

TEST_F(table, size_too_small)
{
	struct native_tally before = native_tally(self->fd);
	const struct row *row;
	uint32_t size;

	FOR_EACH_ROW(row)
		for (size = 0; size < row->first; size++) {
			good(self, row);
			self->arg->size = size;
			EXPECT_CALL(EINVAL, row, "with a size that is too small");
		}
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

TEST_F(table, tail_is_not_zero)
{
	struct native_tally before = native_tally(self->fd);
	const struct row *row;

	FOR_EACH_ROW(row) {
		good(self, row);
		self->arg->size = row->size + 1;
		self->arg->bytes[row->size] = 1;
		EXPECT_CALL(E2BIG, row, "with a byte too much");
		self->arg->bytes[row->size] = 0;
		self->arg->size = PAGE;
		self->arg->bytes[PAGE - 1] = 1;
		EXPECT_CALL(E2BIG, row, "with something at the end of a page");
	}
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

TEST_F(table, unknown_flags)
{
	struct native_tally before = native_tally(self->fd);
	const struct row *row;
	int bit;

	FOR_EACH_ROW(row)
		for (bit = 0; bit < 32; bit++) {
			if (row->flags & 1U << bit)
				continue;
			good(self, row);
			self->arg->flags |= 1U << bit;
			EXPECT_CALL(EOPNOTSUPP, row, "with an unknown flag");
		}
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

TEST_F(table, reserved_members)
{
	struct native_tally before = native_tally(self->fd);
	const struct row *row;

	FOR_EACH_ROW(row) {
		if (!row->reserved)
			continue;
		good(self, row);
		self->arg->bytes[row->reserved + 3] = 1;
		EXPECT_CALL(EOPNOTSUPP, row, "with a reserved member");
	}
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

/* Freed, of another fd, never given, never to be given. */
TEST_F(table, unknown_ids)
{
	static const uint32_t ids[] = { 3, 4, 99, IOASID_IDS_MAX + 1, INT32_MAX, UINT32_MAX };
	struct native_tally before = native_tally(self->fd);
	const struct row *row;
	size_t i, j;

	FOR_EACH_ROW(row)
		for (i = 0; i < 2 && row->ids[i]; i++)
			for (j = 0; j < sizeof(ids) / sizeof(ids[0]); j++) {
				good(self, row);
				memcpy(self->arg->bytes + row->ids[i], &ids[j], sizeof(ids[j]));
				EXPECT_CALL(ENOENT, row, "with an unknown id");
			}
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

TEST_F(table, pointers_to_nothing)
{
	struct native_tally before = native_tally(self->fd);
	const uint64_t hole = HOLE;
	const struct row *row;

	FOR_EACH_ROW(row) {
		EXPECT_EQ(EFAULT, call(self, variant, row, NULL));
		EXPECT_EQ(EFAULT, call(self, variant, row, (void *)(END - 2)));
		/* The size is there, and not all of the rest. */
		*(uint32_t *)(END - 8) = row->size;
		EXPECT_EQ(EFAULT, call(self, variant, row, (void *)(END - 8)));
		if (!row->pointer)
			continue;
		good(self, row);
		memcpy(self->arg->bytes + row->pointer, &hole, sizeof(hole));
		EXPECT_CALL(EFAULT, row, "with a pointer to nothing");
	}
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

/* A call whose result cannot be written back has no effect; without a result it works. */
TEST_F(table, answer_that_cannot_be_given)
{
	struct native_tally before = native_tally(self->fd);
	const struct row *row;
	uint64_t huge = 0;

	FOR_EACH_ROW(row) {
		good(self, row);
		ASSERT_EQ(0, mprotect((void *)ARG, PAGE, PROT_READ));
		EXPECT_CALL(row->answers ? EFAULT : 0, row, "in read-only memory");
		ASSERT_EQ(0, mprotect((void *)ARG, PAGE, PROT_READ | PROT_WRITE));
		if (!row->answers) {
			set_up(_self, self);
			continue;
		}
		EXPECT_NATIVE_UNCHANGED(self->fd, &before);
		EXPECT_EQ(1, native_legacy(self->fd, IOASID_LEGACY_GET, 0));
		EXPECT_EQ(0, native_option(self->fd, 1, IOASID_OPTION_HUGE_PAGES,
					   IOASID_OPTION_GET, 0, &huge));
		EXPECT_EQ(1, huge);
		EXPECT_EQ(3, native_alloc(self->fd));
		EXPECT_EQ(0, native_free(self->fd, 3));
	}
}

/* Those that cannot be made on a ring, and unknown numbers. */
TEST_F(table, unknown_numbers)
{
	const int error = variant->ring ? EOPNOTSUPP : ENOTTY;
	struct native_tally before = native_tally(self->fd);
	struct row unknown = { .name = "unknown" };
	const struct row *row;
	unsigned int nr;

	for (row = rows; variant->ring && row < rows + NR_ROWS; row++) {
		good(self, row);
		if (!row->ring)
			EXPECT_CALL(EOPNOTSUPP, row, "on a ring");
	}
	good(self, &rows[0]);
	for (nr = NR_ROWS; nr < 256; nr++) {
		unknown.cmd = _IO(IOASID_TYPE, nr);
		EXPECT_CALL(error, &unknown, "number");
	}
	for (row = rows; row < rows + NR_ROWS; row++) {
		/* The right number, with a direction or a size. */
		unknown.cmd = row->cmd | _IOC_READ << _IOC_DIRSHIFT;
		EXPECT_CALL(error, &unknown, "direction");
		unknown.cmd = row->cmd | row->size << _IOC_SIZESHIFT;
		EXPECT_CALL(error, &unknown, "size in the number");
	}
	EXPECT_NATIVE_UNCHANGED(self->fd, &before);
}

/* --- fds of the wrong kind --- */

static bool all_fail(int fd, int error)
{
	const struct row *row;
	union any arg;

	for (row = rows; row < rows + NR_ROWS; row++) {
		arg = row->good;
		arg.size = row->size;
		if (ioctl(fd, row->cmd, &arg) != -1 || errno != error) {
			printf("# %s: %s, not %s\n", row->name, strerror(errno), strerror(error));
			return false;
		}
	}
	return true;
}

TEST(wrong_fds)
{
	int event = eventfd(0, EFD_CLOEXEC), path = open("/dev/ioasid", O_PATH | O_CLOEXEC);
	struct backend d;

	EXPECT_TRUE(all_fail(event, ENOTTY));
	EXPECT_TRUE(all_fail(path, EBADF));
	EXPECT_TRUE(all_fail(999, EBADF));
	/* A container answers VFIO's calls alone, also when ioasid is behind it. */
	ASSERT_TRUE(backend_join(&d, BACKEND_SHIM, DEVICE_NVME));
	EXPECT_TRUE(all_fail(d.fd, EINVAL));
	ASSERT_EQ(0, ioctl(d.fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_TRUE(all_fail(d.fd, ENOTTY));
	EXPECT_TRUE(all_fail(d.group, ENOTTY));
	backend_close(&d);
	close(path);
	close(event);
}

TEST_HARNESS_MAIN
