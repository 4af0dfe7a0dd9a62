// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of a device that makes memory dirty, by the ioctls of VFIO alone, from one
 * process to another: each has a container, a device and memory of its own. The source
 * copies the pages that its container reports as dirty; in the end both memories must be
 * the same, and what the pattern of the device says. On type1 as well.
 *
 * What runs at the same time: the device writes by its own thread, also while its container
 * is asked for dirty pages and while mappings are made and removed.
 */
#include <pthread.h>
#include <sys/socket.h>

#include "lib/mig_device.h"
#include "lib/trap.h"

#define PAGES		200
#define BYTES		(PAGES * PAGE)
#define WORDS		((PAGES + 63) / 64)
#define SLOTS		8
#define SLOT_PAGES	(PAGES / SLOTS)
#define SOURCE		"ioasid_mig.0"
#define TARGET		"ioasid_mig.1"
/* Rounds of the shim; type1 shows that the test is right, with fewer. */
#define ROUNDS		1000

/* --- what memory must hold --- */

struct replay {
	__u64 state;
	uint64_t done;
	char *mem;
};

static void replay_to(struct replay *r, uint64_t written)
{
	struct mig_write w;

	while (r->done < written) {
		w = mig_next(&r->state, PAGES);
		*(uint64_t *)(r->mem + w.page * PAGE + w.offset) = ++r->done;
	}
}

/* --- the target: a process that obeys the test --- */

enum order {
	ORDER_OPEN,	/* container and device, ready to resume */
	ORDER_DATA,	/* of the device's stream */
	ORDER_RUN,
	ORDER_WRITES,	/* waits for another 100 */
	ORDER_HALT,	/* returns how often the device had written */
	ORDER_PINNED,
	ORDER_CLOSE,
};

struct message {
	long order;
	long value;
	uint64_t bytes;
	char data[sizeof(struct mig_record)];
};

struct target {
	struct backend d;
	int device;
	int stream;
};

/* Lets the device write so often. */
static void await_writes(int device, uint64_t n)
{
	uint64_t end = mig_get(device, MIG_WRITTEN) + n;

	while (mig_get(device, MIG_WRITTEN) < end)
		usleep(100);
}

static long target_open(struct target *t, enum backend_kind kind, char *mem)
{
	t->device = -1;
	t->stream = -1;
	if (!backend_open(&t->d, kind, VFIO_TYPE1v2_IOMMU, TARGET) ||
	    backend_map(&t->d, MDEV_IOVA, mem, BYTES, MAP_RW))
		return -1;
	t->device = backend_device(&t->d, TARGET);
	t->stream = t->device < 0 ? -1 : mig_state(t->device, VFIO_DEVICE_STATE_RESUMING);
	return t->stream > 0 ? 0 : -1;
}

static long target_obey(struct target *t, enum backend_kind kind, char *mem,
			const struct message *m)
{
	switch (m->order) {
	case ORDER_OPEN:
		return target_open(t, kind, mem);
	case ORDER_DATA:
		return write(t->stream, m->data, m->bytes) == (ssize_t)m->bytes ? 0 : -1;
	case ORDER_RUN:
		/* As QEMU does, and some drivers do not expect. */
		close(t->stream);
		t->stream = -1;
		return mig_state(t->device, VFIO_DEVICE_STATE_RUNNING);
	case ORDER_WRITES:
		await_writes(t->device, 100);
		return 0;
	case ORDER_HALT:
		return mig_do(t->device, MIG_DO_HALT) ? -1 : (long)mig_get(t->device, MIG_WRITTEN);
	case ORDER_PINNED:
		return mig_get(t->device, MIG_PINNED);
	case ORDER_CLOSE:
		if (t->stream >= 0)
			close(t->stream);
		close(t->device);
		backend_close(&t->d);
		return 0;
	}
	return -1;
}

static void target_main(int orders, enum backend_kind kind, char *mem)
{
	struct target t = { .d = { .fd = -1, .group = -1 } };
	struct message m;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(orders, &m, sizeof(m)) == sizeof(m)) {
		m.value = target_obey(&t, kind, mem, &m);
		if (write(orders, &m, sizeof(m)) != sizeof(m))
			break;
	}
	_exit(0);
}

/* --- a migration --- */

FIXTURE(migrate) {
	struct backend d;
	int device;
	int stream;
	int orders;
	pid_t target;
	char *mem;
	char *wire;		/* the target's memory */
	struct replay replay;
	long long before;
};

FIXTURE_VARIANT(migrate) {
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(migrate, shim) { .kind = BACKEND_SHIM };
FIXTURE_VARIANT_ADD(migrate, type1) { .kind = BACKEND_TYPE1 };

typedef struct ktap_fixture_migrate self_t;

static long order(self_t *self, enum order what, const void *data, uint64_t bytes)
{
	struct message m = { .order = what, .bytes = bytes };

	if (bytes)
		memcpy(m.data, data, bytes);
	if (write(self->orders, &m, sizeof(m)) != sizeof(m) ||
	    read(self->orders, &m, sizeof(m)) != sizeof(m))
		return -1;
	return m.value;
}

FIXTURE_SETUP(migrate)
{
	int pair[2];

	if (variant->kind == BACKEND_TYPE1 && mdev_lockdep())
		SKIP(return, "type1 calls the driver under locks that pinning takes: lockdep would end here");
	self->before = ktap_pinned();
	self->stream = -1;
	self->wire = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->wire);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	self->orders = pair[0];
	self->target = fork();
	ASSERT_LE(0, self->target);
	if (!self->target)
		target_main(pair[1], variant->kind, self->wire);
	close(pair[1]);
	ASSERT_TRUE(backend_open(&self->d, variant->kind, VFIO_TYPE1v2_IOMMU, SOURCE));
	self->device = backend_device(&self->d, SOURCE);
	ASSERT_LE(0, self->device);
	self->mem = mdev_memory(PAGES);
	self->replay.mem = mdev_memory(PAGES);
	ASSERT_TRUE(self->mem && self->replay.mem);
	self->replay.state = 1 + variant->kind;
	ASSERT_TRUE(mig_begin(self->device, self->replay.state, PAGES));
}

FIXTURE_TEARDOWN(migrate)
{
	if (self->stream >= 0)
		close(self->stream);
	close(self->device);
	backend_close(&self->d);
	EXPECT_EQ(0, kill(self->target, SIGKILL));
	EXPECT_EQ(self->target, waitpid(self->target, NULL, 0));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
	EXPECT_TRUE(backend_prefer(BACKEND_SHIM));
}

/* Copies the pages of a bitmap; how many they were. */
static int copy_pages(self_t *self, const uint64_t *bits, uint64_t first, uint64_t n)
{
	int copied = 0;
	uint64_t i;

	for (i = 0; i < n; i++) {
		if (!mig_bit(bits, i))
			continue;
		memcpy(self->wire + (first + i) * PAGE, self->mem + (first + i) * PAGE, PAGE);
		copied++;
	}
	return copied;
}

/* Copies what is dirty in the whole window; how many pages, or -1. */
static int copy_dirty(self_t *self)
{
	uint64_t bits[WORDS];

	if (mig_dirty_get(&self->d, 0, PAGES, bits))
		return -1;
	return copy_pages(self, bits, 0, PAGES);
}

static bool start_tracking(self_t *self)
{
	if (mig_track(&self->d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START))
		return false;
	memcpy(self->wire, self->mem, BYTES);
	return true;
}

static bool stop_tracking(self_t *self)
{
	return !mig_track(&self->d, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

/* What the device's stream has at this moment goes to the target; at the end @whole of it. */
static bool send_stream(self_t *self, bool whole)
{
	char data[100];
	ssize_t n;

	while ((n = read(self->stream, data, sizeof(data))) > 0)
		if (order(self, ORDER_DATA, data, n))
			return false;
	return whole ? !n : n < 0 && errno == ENOMSG;
}

static bool begin(self_t *self)
{
	if (order(self, ORDER_OPEN, NULL, 0))
		return false;
	self->stream = mig_state(self->device, VFIO_DEVICE_STATE_PRE_COPY);
	return self->stream > 0 && start_tracking(self);
}

static bool cancel(self_t *self)
{
	bool done = !mig_state(self->device, VFIO_DEVICE_STATE_RUNNING) && stop_tracking(self);

	close(self->stream);
	self->stream = -1;
	return done && !order(self, ORDER_CLOSE, NULL, 0);
}

/* The device stops, and with the last dirty pages and the rest of the stream all is there. */
static int switch_over(self_t *self)
{
	int n = mig_state(self->device, VFIO_DEVICE_STATE_STOP_COPY);

	if (n || !send_stream(self, true))
		return -1;
	n = copy_dirty(self);
	return stop_tracking(self) ? n : -1;
}

/* --- tests --- */

/* Pages of the pattern's next @n writes, and the first @pinned. */
static void pattern_pages(__u64 *state, uint64_t n, uint64_t pinned, uint64_t *bits)
{
	struct mig_write w;
	uint64_t i;

	memset(bits, 0, WORDS * 8);
	for (i = 0; i < pinned; i++)
		bits[i / 64] |= 1ULL << i % 64;
	for (i = 0; i < n; i++) {
		w = mig_next(state, PAGES);
		bits[w.page / 64] |= 1ULL << w.page % 64;
	}
}

TEST_F(migrate, counts_what_the_pattern_says)
{
	uint64_t seen[WORDS], want[WORDS];
	__u64 state = self->replay.state;
	int i, pinned;

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	ASSERT_EQ(0, mig_write(self->device, 50));
	pattern_pages(&state, 50, 0, want);
	ASSERT_TRUE(start_tracking(self));
	ASSERT_EQ(0, mig_dirty_get(&self->d, 0, PAGES, seen));
	pattern_pages(&state, 0, 0, want);
	EXPECT_EQ(0, memcmp(want, seen, sizeof(want)));
	for (i = 0; i < 60; i++) {
		pinned = i < 20 ? 0 : i < 40 ? 70 : 0;
		if (i == 20)
			ASSERT_EQ(0, mig_pin(self->device, 70));
		ASSERT_EQ(0, mig_write(self->device, i));
		if (i == 39)
			ASSERT_EQ(0, mig_do(self->device, MIG_DO_UNPIN));
		pattern_pages(&state, i, pinned, want);
		ASSERT_EQ(0, mig_dirty_get(&self->d, 0, PAGES, seen));
		EXPECT_EQ(0, memcmp(want, seen, sizeof(want)));
	}
	EXPECT_EQ(0, mig_get(self->device, MIG_FAILED));
	replay_to(&self->replay, mig_get(self->device, MIG_WRITTEN));
	EXPECT_EQ(50 + 59 * 60 / 2, self->replay.done);
	EXPECT_EQ(0, memcmp(self->mem, self->replay.mem, BYTES));
	/* With an unmap as well, where the pins end by it. */
	ASSERT_EQ(0, mig_pin(self->device, 5));
	ASSERT_EQ(0, mig_write(self->device, 30));
	pattern_pages(&state, 30, 5, want);
	ASSERT_EQ(0, mig_dirty_unmap(&self->d, 0, PAGES, seen));
	EXPECT_EQ(0, memcmp(want, seen, sizeof(want)));
	EXPECT_EQ(0, mig_get(self->device, MIG_PINNED));
	EXPECT_EQ(EINVAL, mig_write(self->device, 1));
}

/* The device goes on in the target where it stopped, with its pins. */
TEST_F(migrate, memory_and_device_are_the_same)
{
	long written;

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	ASSERT_EQ(0, mig_pin(self->device, 20));
	ASSERT_EQ(0, mig_do(self->device, MIG_DO_RUN));
	ASSERT_TRUE(begin(self));
	await_writes(self->device, 300);
	EXPECT_LT(20, copy_dirty(self));
	ASSERT_TRUE(mig_set(self->device, MIG_PAUSE, 1000));
	EXPECT_LE(20, copy_dirty(self));
	/* To pages that the switch alone copies. */
	await_writes(self->device, 20);
	EXPECT_LT(20, switch_over(self));
	EXPECT_EQ(0, memcmp(self->mem, self->wire, BYTES));
	replay_to(&self->replay, mig_get(self->device, MIG_WRITTEN));
	EXPECT_EQ(0, memcmp(self->mem, self->replay.mem, BYTES));
	/* It has stopped. */
	EXPECT_EQ(EBUSY, mig_write(self->device, 1));
	usleep(20000);
	EXPECT_EQ(self->replay.done, mig_get(self->device, MIG_WRITTEN));

	ASSERT_EQ(0, order(self, ORDER_RUN, NULL, 0));
	EXPECT_EQ(20, order(self, ORDER_PINNED, NULL, 0));
	EXPECT_EQ(80, status_kib(self->target, "VmLck"));
	ASSERT_EQ(0, order(self, ORDER_WRITES, NULL, 0));
	written = order(self, ORDER_HALT, NULL, 0);
	ASSERT_LE((long)self->replay.done + 100, written);
	replay_to(&self->replay, written);
	EXPECT_EQ(0, memcmp(self->wire, self->replay.mem, BYTES));
	EXPECT_EQ(0, order(self, ORDER_CLOSE, NULL, 0));
}

/* Cancelled before and after the device stopped; then it writes with tracking off. */
TEST_F(migrate, cancel_and_retry)
{
	int i;

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	ASSERT_TRUE(mig_set(self->device, MIG_PAUSE, 100));
	ASSERT_EQ(0, mig_do(self->device, MIG_DO_RUN));
	for (i = 0; i < 10; i++) {
		ASSERT_TRUE(begin(self));
		if (i % 3)
			EXPECT_LE(0, copy_dirty(self));
		if (i % 2)
			ASSERT_EQ(0, mig_state(self->device, VFIO_DEVICE_STATE_STOP_COPY));
		ASSERT_TRUE(cancel(self));
		await_writes(self->device, 50);
	}
	ASSERT_TRUE(begin(self));
	await_writes(self->device, 100);
	EXPECT_LT(0, copy_dirty(self));
	EXPECT_LE(0, switch_over(self));
	EXPECT_EQ(0, memcmp(self->mem, self->wire, BYTES));
	replay_to(&self->replay, mig_get(self->device, MIG_WRITTEN));
	EXPECT_EQ(0, memcmp(self->wire, self->replay.mem, BYTES));
	EXPECT_EQ(0, order(self, ORDER_RUN, NULL, 0));
	EXPECT_EQ(0, order(self, ORDER_CLOSE, NULL, 0));
}

/* No record was written, half of one, or one of another device. */
TEST_F(migrate, refuses_a_stream_that_is_no_state)
{
	struct mig_record record = { .magic = 1 };

	ASSERT_EQ(0, order(self, ORDER_OPEN, NULL, 0));
	EXPECT_EQ(-1, order(self, ORDER_RUN, NULL, 0));
	EXPECT_EQ(0, order(self, ORDER_CLOSE, NULL, 0));
	ASSERT_EQ(0, order(self, ORDER_OPEN, NULL, 0));
	EXPECT_EQ(0, order(self, ORDER_DATA, &record, 100));
	EXPECT_EQ(-1, order(self, ORDER_RUN, NULL, 0));
	EXPECT_EQ(0, order(self, ORDER_CLOSE, NULL, 0));
	ASSERT_EQ(0, order(self, ORDER_OPEN, NULL, 0));
	EXPECT_EQ(0, order(self, ORDER_DATA, &record, sizeof(record)));
	EXPECT_EQ(-1, order(self, ORDER_RUN, NULL, 0));
	EXPECT_EQ(0, order(self, ORDER_CLOSE, NULL, 0));
}

/* A page that is written after its last copy is in the bitmap of the last round. */
TEST_F_TIMEOUT(migrate, last_round_loses_nothing, 40)
{
	const int rounds = variant->kind == BACKEND_TYPE1 ? ROUNDS / 4 : ROUNDS;
	int i, n, dirty = 0, lost = 0;
	unsigned int chance = 7;

	ASSERT_EQ(0, mdev_map(&self->d, 0, self->mem, PAGES, MAP_RW));
	ASSERT_EQ(0, mig_do(self->device, MIG_DO_RUN));
	for (i = 0; i < rounds; i++) {
		/* Now and then as fast as it can, which is slow for us. */
		ASSERT_TRUE(mig_set(self->device, MIG_PAUSE, i % 10 ? 1 : 0));
		if (rand_r(&chance) % 4 == 0)
			ASSERT_EQ(0, mig_pin(self->device, 1 + rand_r(&chance) % PAGES));
		if (rand_r(&chance) % 4 == 0)
			ASSERT_EQ(0, mig_do(self->device, MIG_DO_UNPIN));
		ASSERT_TRUE(start_tracking(self));
		for (n = rand_r(&chance) % 4; n; n--)
			ASSERT_LE(0, copy_dirty(self));
		if (rand_r(&chance) % 2)
			await_writes(self->device, 1 + rand_r(&chance) % 30);
		ASSERT_EQ(0, mig_do(self->device, MIG_DO_HALT));
		n = copy_dirty(self);
		ASSERT_LE(0, n);
		dirty += n > 0;
		lost += memcmp(self->mem, self->wire, BYTES) != 0;
		ASSERT_TRUE(stop_tracking(self));
		ASSERT_EQ(0, mig_do(self->device, MIG_DO_RUN));
	}
	ASSERT_EQ(0, mig_do(self->device, MIG_DO_HALT));
	replay_to(&self->replay, mig_get(self->device, MIG_WRITTEN));
	TH_LOG("%llu writes, %d last rounds with dirty pages", (unsigned long long)self->replay.done,
	       dirty);
	EXPECT_EQ(0, lost);
	EXPECT_LT(rounds / 4, dirty);
	EXPECT_EQ(0, mig_get(self->device, MIG_FAILED));
	EXPECT_EQ(0, memcmp(self->mem, self->replay.mem, BYTES));
}

/* --- under an IOMMU of the guest: mappings are made and removed, each shows a part of memory --- */

struct slots {
	int chunk[SLOTS];	/* of memory; -1: not mapped */
};

static bool slot_map(self_t *self, struct slots *s, int slot, int chunk)
{
	s->chunk[slot] = chunk;
	return !mdev_map(&self->d, slot * SLOT_PAGES, self->mem + chunk * SLOT_PAGES * PAGE,
			 SLOT_PAGES, MAP_RW);
}

static bool slot_unmap(self_t *self, struct slots *s, int slot)
{
	uint64_t bits[1];

	if (mig_dirty_unmap(&self->d, slot * SLOT_PAGES, SLOT_PAGES, bits))
		return false;
	copy_pages(self, bits, s->chunk[slot] * SLOT_PAGES, SLOT_PAGES);
	s->chunk[slot] = -1;
	return true;
}

/* Copies what is dirty in each slot; how many pages, or -1. */
static int slots_copy(self_t *self, const struct slots *s)
{
	uint64_t bits[1];
	int slot, n = 0;

	for (slot = 0; slot < SLOTS; slot++) {
		if (s->chunk[slot] < 0)
			continue;
		if (mig_dirty_get(&self->d, slot * SLOT_PAGES, SLOT_PAGES, bits))
			return -1;
		n += copy_pages(self, bits, s->chunk[slot] * SLOT_PAGES, SLOT_PAGES);
	}
	return n;
}

/* A part of memory that no slot shows. */
static int slots_free_chunk(const struct slots *s, unsigned int *chance)
{
	int chunk = rand_r(chance) % SLOTS, slot = 0;

	while (slot < SLOTS) {
		if (s->chunk[slot++] != chunk)
			continue;
		chunk = (chunk + 1) % SLOTS;
		slot = 0;
	}
	return chunk;
}

static bool slots_change(self_t *self, struct slots *s, unsigned int *chance)
{
	int slot = rand_r(chance) % SLOTS;

	if (s->chunk[slot] >= 0)
		return slot_unmap(self, s, slot);
	return slot_map(self, s, slot, slots_free_chunk(s, chance));
}

TEST_F_TIMEOUT(migrate, loses_nothing_under_an_iommu_of_the_guest, 40)
{
	int i, n, slot, dirty = 0, lost = 0;
	unsigned int chance = 11;
	struct slots s;

	for (slot = 0; slot < SLOTS; slot++)
		ASSERT_TRUE(slot_map(self, &s, slot, SLOTS - 1 - slot));
	ASSERT_EQ(0, mig_do(self->device, MIG_DO_RUN));
	for (i = 0; i < ROUNDS / 4; i++) {
		ASSERT_TRUE(mig_set(self->device, MIG_PAUSE, i % 10 ? 1 : 0));
		if (s.chunk[0] >= 0 && rand_r(&chance) % 4 == 0)
			ASSERT_EQ(0, mig_pin(self->device, 1 + rand_r(&chance) % SLOT_PAGES));
		ASSERT_TRUE(start_tracking(self));
		for (n = rand_r(&chance) % 8; n; n--) {
			ASSERT_TRUE(slots_change(self, &s, &chance));
			if (rand_r(&chance) % 2)
				ASSERT_LE(0, slots_copy(self, &s));
		}
		await_writes(self->device, 1 + rand_r(&chance) % 30);
		ASSERT_EQ(0, mig_do(self->device, MIG_DO_HALT));
		n = slots_copy(self, &s);
		ASSERT_LE(0, n);
		dirty += n > 0;
		lost += memcmp(self->mem, self->wire, BYTES) != 0;
		ASSERT_TRUE(stop_tracking(self));
		ASSERT_EQ(0, mig_do(self->device, MIG_DO_RUN));
	}
	ASSERT_EQ(0, mig_do(self->device, MIG_DO_HALT));
	TH_LOG("%llu writes, %llu of them to no mapping, %d last rounds with dirty pages",
	       (unsigned long long)mig_get(self->device, MIG_WRITTEN),
	       (unsigned long long)mig_get(self->device, MIG_FAILED), dirty);
	EXPECT_EQ(0, lost);
	EXPECT_LT(ROUNDS / 16, dirty);
	EXPECT_LT(0, mig_get(self->device, MIG_FAILED));
}

/*
 * --- a write that is caught in a page fault ---
 *
 * Not on type1, which holds its lock until the write is done.
 */
FIXTURE(caught) {
	MDEV_MEMBERS;
	char *trap;		/* four pages, none of them there */
	int uffd;
	pthread_t thread;
	int result;
};

FIXTURE_SETUP(caught)
{
	MDEV_SETUP(BACKEND_SHIM, 1);
	self->trap = small_pages(4 * PAGE);
	ASSERT_NE(MAP_FAILED, (void *)self->trap);
	self->uffd = trap_set(self->trap, 4 * PAGE);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, mdev_map(&self->d, 0, self->trap, 4, MAP_RW));
	ASSERT_EQ(0, mig_track(&self->d, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
}

FIXTURE_TEARDOWN(caught)
{
	close(self->uffd);
	MDEV_TEARDOWN();
}

static void *write_main(void *data)
{
	struct ktap_fixture_caught *self = data;
	uint64_t word = 7;

	self->result = mdev_copy(self->device, MDEV_IOVA + PAGE, &word, 8, true, true);
	return NULL;
}

/* Asks before and after the write: what is dirty then. */
static uint64_t ask_around(struct ktap_fixture_caught *self)
{
	uint64_t bits = 0;

	if (pthread_create(&self->thread, NULL, write_main, self) ||
	    trap_sprung(self->uffd, -1) != self->trap + PAGE ||
	    mig_dirty_get(&self->d, 0, 4, &bits) ||
	    !trap_fill(self->uffd, self->trap + PAGE, PAGE))
		return UINT64_MAX;
	pthread_join(self->thread, NULL);
	return mig_dirty_get(&self->d, 0, 4, &bits) ? UINT64_MAX : bits;
}

TEST_F(caught, write_is_dirty_when_it_is_done)
{
	EXPECT_EQ(2, ask_around(self));
	EXPECT_EQ(0, self->result);
	EXPECT_EQ(7, *(uint64_t *)(self->trap + PAGE));
}

TEST_HARNESS_MAIN
