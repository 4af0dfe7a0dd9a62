// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures in the ioctls of /dev/ioasid's own: whatever of them fails, nothing
 * was done, or as much as the call says.
 */
#include <sys/prctl.h>

#include "fail/cut.h"
#include "fail/sweep.h"
#include "lib/ioasid.h"

#define IOVA	0x40000000ULL
#define PAGES	24
#define BATCH	5

/* A /dev/ioasid with a device behind it; pages of a file that are not there yet. */
FIXTURE(native) {
	struct world w;
	struct backend edu;
};

static int memfd = -1;
static uint32_t second;		/* a further address space */

FIXTURE_SETUP(native)
{
	struct world *w = &self->w;

	ASSERT_TRUE(world_open(w, PAGES * PAGE));
	memfd = memfd_create("sweep", MFD_CLOEXEC);
	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, w->bytes));
	ASSERT_TRUE(native_attach(w->d.fd, &self->edu, DEVICE_EDU));
	second = native_alloc(w->d.fd);
	ASSERT_LT(1, (int)second);
}

FIXTURE_TEARDOWN(native)
{
	backend_close(&self->w.other);
	backend_close(&self->edu);
	backend_close(&self->w.d);
	EXPECT_EQ(0, locked_kib());
	close(memfd);
}

static bool nothing_undo(struct world *w)
{
	(void)w;
	return true;
}

static bool unmap_undo(struct world *w)
{
	return native_unmap_all(w->d.fd, 0) == w->bytes;
}

/* --- address spaces --- */

static bool alloc_call(struct world *w)
{
	int id = native_alloc(w->d.fd);

	/* The same number each time: none of those that failed is taken. */
	if (id >= 0 && id != (int)second + 1)
		return sweep_complain("an id is missing");
	return id >= 0;
}

static bool free_call(struct world *w)
{
	return !native_free(w->d.fd, second + 1);
}

TEST_F_TIMEOUT(native, alloc, 60)
{
	static const struct flow flow = { .call = alloc_call, .undo = free_call };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool free_ready(struct world *w)
{
	return alloc_call(w) &&
	       native_map(w->d.fd, second + 1, NATIVE_FIXED, IOVA, w->mem, PAGE) == IOVA;
}

TEST_F_TIMEOUT(native, free, 60)
{
	static const struct flow flow = {
		.ready = free_ready, .call = free_call, .undo = nothing_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* The first address space of a user. */
static bool new_user_ready(struct world *w)
{
	(void)w;
	return user_become(ALICE);
}

static bool new_user_call(struct world *w)
{
	w->other.fd = native_open();
	return w->other.fd >= 0;
}

static bool new_user_undo(struct world *w)
{
	bool counted = user_counts(ALICE).spaces == 1;

	backend_close(&w->other);
	return counted && user_become(0);
}

TEST_F_TIMEOUT(native, open_as_new_user, 60)
{
	static const struct flow flow = {
		.ready = new_user_ready, .call = new_user_call, .undo = new_user_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* A file of its own: on the other one the default is fixed. */
static bool legacy_ready(struct world *w)
{
	w->other.fd = native_open();
	return w->other.fd >= 0 && native_alloc(w->other.fd) == 2;
}

static bool legacy_call(struct world *w)
{
	int err;

	if (native_legacy(w->other.fd, IOASID_LEGACY_SET, 2) == 2)
		return true;
	err = errno;
	if (native_legacy(w->other.fd, IOASID_LEGACY_GET, 0) != 1)
		return sweep_complain("failed, and the default is another one");
	errno = err;
	return false;
}

static bool legacy_undo(struct world *w)
{
	backend_close(&w->other);
	return true;
}

TEST_F_TIMEOUT(native, legacy, 60)
{
	static const struct flow flow = {
		.ready = legacy_ready, .call = legacy_call, .undo = legacy_undo,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- questions and settings --- */

static bool info_call(struct world *w)
{
	struct ioasid_get_info arg = { .size = sizeof(arg) };

	return !ioctl(w->d.fd, IOASID_GET_INFO, &arg);
}

TEST_F_TIMEOUT(native, get_info, 60)
{
	static const struct flow flow = { .call = info_call, .undo = nothing_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool ranges_call(struct world *w)
{
	struct ioasid_iova_range r[16];
	struct ioasid_iova_ranges arg = {
		.size = sizeof(arg), .nr_ranges = 16, .ranges = (uintptr_t)r,
	};

	return !ioctl(w->d.fd, IOASID_IOVA_RANGES, &arg);
}

TEST_F_TIMEOUT(native, iova_ranges, 60)
{
	static const struct flow flow = { .call = ranges_call, .undo = nothing_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool allow_call(struct world *w)
{
	const struct ioasid_iova_range r[] = {
		{ 2 * GIB, 3 * GIB - 1 }, { IOVA, IOVA + MIB - 1 },
	};

	return !native_allow(w->d.fd, 0, r, 2);
}

/* Addresses are chosen from the list, as long as there is one. */
static bool allow_undo(struct world *w)
{
	bool inside = native_map(w->d.fd, 0, NATIVE_RW, 0, w->mem, w->bytes) == IOVA;

	return inside && unmap_undo(w) && !native_allow(w->d.fd, 0, NULL, 0);
}

TEST_F_TIMEOUT(native, allow_iovas, 60)
{
	static const struct flow flow = { .call = allow_call, .undo = allow_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static uint32_t option;
static uint64_t old_value, new_value;

static bool option_call(struct world *w)
{
	uint64_t now = 0;
	int err;

	if (!native_option(w->d.fd, 0, option, IOASID_OPTION_SET, new_value, &now))
		return now == new_value || sweep_complain("worked, and says another value");
	err = errno;
	if (native_option(w->d.fd, 0, option, IOASID_OPTION_GET, 0, &now) || now != old_value)
		return sweep_complain("failed, and has changed the value");
	errno = err;
	return false;
}

static bool option_undo(struct world *w)
{
	return !native_set(w->d.fd, 0, option, old_value);
}

static bool sweep_option(struct world *w, uint32_t which, uint64_t value)
{
	static const struct flow flow = { .call = option_call, .undo = option_undo };

	option = which;
	new_value = value;
	return !native_option(w->d.fd, 0, option, IOASID_OPTION_GET, 0, &old_value) &&
	       old_value != new_value && sweep(w, &flow);
}

TEST_F_TIMEOUT(native, account_mode, 60)
{
	EXPECT_TRUE(sweep_option(&self->w, IOASID_OPTION_ACCOUNT_MODE, IOASID_ACCOUNT_USER));
}

TEST_F_TIMEOUT(native, huge_pages, 60)
{
	EXPECT_TRUE(sweep_option(&self->w, IOASID_OPTION_HUGE_PAGES, 0));
}

TEST_F_TIMEOUT(native, charge_shared, 60)
{
	EXPECT_TRUE(sweep_option(&self->w, IOASID_OPTION_CHARGE_SHARED, 1));
}

TEST_F_TIMEOUT(native, map_limit, 60)
{
	EXPECT_TRUE(sweep_option(&self->w, IOASID_OPTION_MAP_LIMIT, 100));
}

static bool fdinfo_call(struct world *w)
{
	char path[64], text[1024];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", w->d.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = read(fd, text, sizeof(text)) > 0;
	close(fd);
	return done;
}

TEST_F_TIMEOUT(native, fdinfo, 120)
{
	static const struct flow flow = { .call = fdinfo_call, .undo = nothing_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- mapping --- */

/* Where the kernel has put it: always there, or a range was lost. */
static bool in_place(uint64_t iova)
{
	static uint64_t first;

	if (iova == NATIVE_FAIL)
		return false;
	if (!first)
		first = iova;
	return iova == first || sweep_complain("mapped elsewhere: a range is missing");
}

static bool map_call(struct world *w)
{
	return in_place(native_map(w->d.fd, 0, NATIVE_RW, 0, w->mem, w->bytes));
}

TEST_F_TIMEOUT(native, map, 120)
{
	static const struct flow flow = { .call = map_call, .undo = unmap_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* Memory of a device: no page is charged, so each mapping is counted for the user. */
static bool device_memory(struct world *w, struct backend *edu)
{
	int device = backend_device(edu, DEVICE_EDU);

	w->bytes = BATCH * PAGE;
	w->mem = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	close(device);
	return w->mem != MAP_FAILED;
}

static bool counted_undo(struct world *w)
{
	return user_counts(0).mappings > 0 && unmap_undo(w);
}

TEST_F_TIMEOUT(native, map_device_memory, 120)
{
	static const struct flow flow = { .call = map_call, .undo = counted_undo };

	ASSERT_TRUE(device_memory(&self->w, &self->edu));
	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool map_helped_call(struct world *w)
{
	struct ioasid_map_dma arg = {
		.size = sizeof(arg), .flags = NATIVE_RW, .workers = 8,
		.user_va = (uintptr_t)w->mem, .length = w->bytes,
	};

	return in_place(ioctl(w->d.fd, IOASID_MAP_DMA, &arg) ? NATIVE_FAIL : arg.out_iova);
}

/* Workers are tasks of their own: what is made to fail is what is done for them. */
TEST_F_TIMEOUT(native, map_helped, 600)
{
	static const struct flow flow = { .call = map_helped_call, .undo = unmap_undo };
	struct world *w = &self->w;
	size_t i, pages = 48 * MIB / PAGE;

	w->bytes = pages * PAGE;
	w->mem = small_pages(w->bytes);
	ASSERT_NE(MAP_FAILED, w->mem);
	for (i = 0; i < pages; i++)
		w->mem[i * 4099 % pages * PAGE] = 1;
	EXPECT_TRUE(sweep(w, &flow));
}

static bool map_file_call(struct world *w)
{
	return in_place(native_map_file(w->d.fd, 0, NATIVE_RW, 0, memfd, 0, w->bytes));
}

/* Holes again, so that the next one has to fill them. */
static bool map_file_undo(struct world *w)
{
	return unmap_undo(w) && !fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
					   w->bytes);
}

TEST_F_TIMEOUT(native, map_file, 300)
{
	static const struct flow flow = { .call = map_file_call, .undo = map_file_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* Pages of the second space, in the first. */
static bool copy_call(struct world *w)
{
	return in_place(native_copy(w->d.fd, 0, second, NATIVE_RW, 0, IOVA, w->bytes));
}

TEST_F_TIMEOUT(native, copy, 120)
{
	static const struct flow flow = { .call = copy_call, .undo = unmap_undo };
	struct world *w = &self->w;

	ASSERT_EQ(IOVA, native_map(w->d.fd, second, NATIVE_FIXED, IOVA, w->mem, w->bytes));
	EXPECT_TRUE(sweep(w, &flow));
	EXPECT_EQ(w->bytes, native_unmap_all(w->d.fd, second));
}

/* The other way: the window on them is the last one. */
static bool copy_and_drop(struct world *w)
{
	return native_map(w->d.fd, second, NATIVE_FIXED, IOVA, w->mem, w->bytes) == IOVA &&
	       copy_call(w) && native_unmap_all(w->d.fd, second) == w->bytes;
}

static bool is_unmapped(struct world *w)
{
	return errno == EFAULT && backend_avail(&w->d) == 65535;
}

TEST_F_TIMEOUT(native, unmap_last_window, 60)
{
	static const struct flow flow = {
		.ready = copy_and_drop, .call = unmap_undo, .undo = nothing_undo,
		.gone = is_unmapped,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool unmap_call(struct world *w)
{
	return native_unmap(w->d.fd, 0, IOVA, w->bytes) == w->bytes;
}

static bool fixed_ready(struct world *w)
{
	return native_map(w->d.fd, 0, NATIVE_FIXED, IOVA, w->mem, w->bytes) == IOVA;
}

TEST_F_TIMEOUT(native, unmap, 60)
{
	static const struct flow flow = {
		.ready = fixed_ready, .call = unmap_call, .undo = nothing_undo,
		.gone = is_unmapped,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- batches --- */

static void batch_fill(struct world *w, struct ioasid_map_entry *e)
{
	int i;

	for (i = 0; i < BATCH; i++)
		e[i] = (struct ioasid_map_entry){
			.iova = IOVA + i * 2 * PAGE,
			.user_va = (uintptr_t)w->mem + i * PAGE,
			.length = PAGE,
			.flags = i % 2 ? NATIVE_RW : NATIVE_FIXED,
		};
}

/*
 * So many are there, and it said @done (77: it did not come to say anything).
 * A call whose last word did not get through has done all.
 */
static bool batch_is_true(uint32_t done, uint64_t there, int err)
{
	return there == (done == 77 ? 0 : done) || (err == EFAULT && there == BATCH);
}

static bool map_batch_call(struct world *w)
{
	struct ioasid_map_entry e[BATCH];
	uint32_t done;
	uint64_t maps;
	int err;

	batch_fill(w, e);
	if (!native_map_batch(w->d.fd, 0, e, BATCH, &done))
		return done == BATCH || sweep_complain("worked, but not all is mapped");
	err = errno;
	maps = native_info(w->d.fd, 0).out_maps;
	if (!batch_is_true(done, maps, err))
		return sweep_complain("another number is mapped than it said");
	if (maps && native_unmap_all(w->d.fd, 0) != (long long)(maps * PAGE))
		return sweep_complain("what it mapped cannot be unmapped");
	errno = err;
	return false;
}

static bool batch_undo(struct world *w)
{
	return native_unmap_all(w->d.fd, 0) == BATCH * (long long)PAGE;
}

TEST_F_TIMEOUT(native, map_batch, 120)
{
	static const struct flow flow = { .call = map_batch_call, .undo = batch_undo };

	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool unmap_batch_call(struct world *w)
{
	struct ioasid_iova_range r[BATCH];
	uint32_t done, i;
	uint64_t gone;
	int err;

	for (i = 0; i < BATCH; i++)
		r[i] = (struct ioasid_iova_range){
			IOVA + i * 2 * PAGE, IOVA + i * 2 * PAGE + PAGE - 1,
		};
	if (!native_unmap_batch(w->d.fd, 0, r, BATCH, &done))
		return done == BATCH || sweep_complain("worked, but something is mapped");
	err = errno;
	gone = BATCH - native_info(w->d.fd, 0).out_maps;
	if (!batch_is_true(done, gone, err))
		return sweep_complain("another number is unmapped than it said");
	errno = err;
	return false;
}

static bool unmap_batch_ready(struct world *w)
{
	uint64_t i;

	for (i = 0; i < BATCH; i++)
		if (native_map(w->d.fd, 0, NATIVE_FIXED, IOVA + i * 2 * PAGE, w->mem + i * PAGE,
			       PAGE) == NATIVE_FAIL)
			return false;
	return true;
}

/* Partly, perhaps: the rest goes as well. */
static bool unmap_batch_gone(struct world *w)
{
	return native_info(w->d.fd, 0).out_maps != BATCH;
}

static bool unmap_batch_undo(struct world *w)
{
	return !native_info(w->d.fd, 0).out_maps || native_unmap_all(w->d.fd, 0) > 0;
}

TEST_F_TIMEOUT(native, unmap_batch, 60)
{
	static const struct flow flow = {
		.ready = unmap_batch_ready, .call = unmap_batch_call, .undo = unmap_batch_undo,
		.gone = unmap_batch_gone,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- dirty tracking --- */

static int dirty_op(struct world *w, uint32_t op, uint64_t *bits)
{
	struct ioasid_dirty arg = {
		.size = sizeof(arg),
		.op = op,
		.iova = IOVA,
		.length = w->bytes,
		.page_size = PAGE,
		.data = (uintptr_t)bits,
		.data_size = 8,
	};

	return ioctl(w->d.fd, IOASID_DIRTY, &arg);
}

/* From the start to the end; what fails is ended as well. */
static bool dirty_call(struct world *w)
{
	uint64_t bits = 0;
	int err;

	if (!dirty_op(w, IOASID_DIRTY_OP_START, NULL) &&
	    !dirty_op(w, IOASID_DIRTY_OP_GET, &bits) && !dirty_op(w, IOASID_DIRTY_OP_STOP, NULL))
		return bits == (1ULL << PAGES) - 1 || sweep_complain("a dirty page is missing");
	err = errno;
	dirty_op(w, IOASID_DIRTY_OP_STOP, NULL);
	errno = err;
	return false;
}

TEST_F_TIMEOUT(native, dirty, 60)
{
	static const struct flow flow = { .call = dirty_call, .undo = nothing_undo };

	ASSERT_TRUE(fixed_ready(&self->w));
	EXPECT_TRUE(sweep(&self->w, &flow));
}

static bool unmap_dirty_ready(struct world *w)
{
	return fixed_ready(w) && !dirty_op(w, IOASID_DIRTY_OP_START, NULL);
}

static bool unmap_dirty_call(struct world *w)
{
	uint64_t bits = 0;
	struct ioasid_unmap_dma arg = {
		.size = sizeof(arg),
		.flags = IOASID_UNMAP_FLAG_GET_DIRTY,
		.iova = IOVA,
		.length = w->bytes,
		.dirty = (uintptr_t)&bits,
		.dirty_size = 8,
	};

	if (ioctl(w->d.fd, IOASID_UNMAP_DMA, &arg))
		return false;
	return bits == (1ULL << PAGES) - 1 || sweep_complain("a dirty page is missing");
}

static bool unmap_dirty_undo(struct world *w)
{
	return !dirty_op(w, IOASID_DIRTY_OP_STOP, NULL);
}

TEST_F_TIMEOUT(native, unmap_dirty, 60)
{
	static const struct flow flow = {
		.ready = unmap_dirty_ready, .call = unmap_dirty_call, .undo = unmap_dirty_undo,
		.gone = is_unmapped,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- parts of mappings --- */

#define CUT_FIRST	5

static bool cut_ready(struct world *w)
{
	struct ioasid_get_info info;

	if (!unmap_dirty_ready(w))
		return false;
	info = native_info(w->d.fd, 0);
	return info.out_maps == 1 && info.out_bytes == (uint64_t)w->bytes;
}

/* Both ends are cut, with bits; after a failure there is one mapping, as before. */
static bool cut_call(struct world *w)
{
	return cut_unmap(w, IOVA + CUT_FIRST * PAGE, (1ULL << CUT_PAGES) - 1, "a dirty page is missing");
}

/* The answer alone may be missing. */
static bool cut_gone(struct world *w)
{
	return cut_is_gone(w, locked_kib() == w->bytes / 1024);
}

static bool cut_undo(struct world *w)
{
	return cut_unmap_rest(w) && unmap_dirty_undo(w);
}

TEST_F_TIMEOUT(native, unmap_split, 60)
{
	static const struct flow flow = {
		.ready = cut_ready, .call = cut_call, .undo = cut_undo, .gone = cut_gone,
	};

	EXPECT_TRUE(sweep(&self->w, &flow));
}

/* --- change of owner --- */

static pid_t partner;
static int orders[2], answers[2];

/* Another process with the same fd: maps its memory of the file when told to. */
static void partner_main(struct world *w)
{
	char word;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(orders[0], &word, 1) == 1) {
		word = native_map_file(w->d.fd, 0, NATIVE_FIXED, IOVA, memfd, 0, w->bytes) == IOVA;
		if (write(answers[1], &word, 1) != 1)
			break;
	}
	_exit(0);
}

static bool owner_ready(struct world *w)
{
	char word = 0;

	return write(orders[1], "1", 1) == 1 && read(answers[0], &word, 1) == 1 && word &&
	       status_kib(partner, "VmLck") == w->bytes / 1024;
}

static bool owner_call(struct world *w)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg) };

	return !ioctl(w->d.fd, IOASID_CHANGE_OWNER, &arg);
}

/* It is ours now, and the other one's no more. */
static bool owner_undo(struct world *w)
{
	if (locked_kib() != w->bytes / 1024 || status_kib(partner, "VmLck"))
		return sweep_complain("charged to the wrong process");
	return unmap_undo(w);
}

TEST_F_TIMEOUT(native, change_owner, 120)
{
	static const struct flow flow = {
		.ready = owner_ready, .call = owner_call, .undo = owner_undo,
	};

	ASSERT_EQ(0, pipe(orders) | pipe(answers));
	partner = fork();
	ASSERT_LE(0, partner);
	if (!partner)
		partner_main(&self->w);
	EXPECT_TRUE(sweep(&self->w, &flow));
	kill(partner, SIGKILL);
	EXPECT_EQ(partner, waitpid(partner, NULL, 0));
}

SWEEP_MAIN
