// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that wait for others: for how much of what goes on, and that the others
 * cannot keep them from their end.
 *
 * What a call waits for is memory that the test holds back. Where many threads
 * run, each of them makes a bounded number of calls, and the call under test
 * has to return before they are through.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "lib/kapi.h"
#include "lib/ioasid.h"
#include "lib/trap.h"

#define IOVA	0x100000000ULL
#define PAGES	4		/* of a mapping */
#define MAPS	3		/* mappings whose memory is held back */
#define SIZE	(PAGES * PAGE)

/* A thread that makes one call, and what came of it. */
struct caller {
	pthread_t thread;
	long (*call)(struct caller *c);
	int fd;
	int module;
	uint64_t iova;
	char *mem;
	long result;		/* of the call, or -errno */
	atomic_bool ended;
};

FIXTURE(waits) {
	int fd;
	int uffd;
	char *trap;		/* MAPS times PAGES pages, none of them there */
	char *mem;		/* as many, all there */
	struct caller map[MAPS];
	long long before;
};

FIXTURE_SETUP(waits)
{
	self->before = ktap_pinned();
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	self->trap = small_pages(MAPS * SIZE);
	ASSERT_NE(MAP_FAILED, (void *)self->trap);
	self->uffd = trap_set(self->trap, MAPS * SIZE);
	ASSERT_LE(0, self->uffd);
	self->mem = touched_memory(MAPS * SIZE);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
}

FIXTURE_TEARDOWN(waits)
{
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static void *caller_main(void *data)
{
	struct caller *c = data;
	long ret = c->call(c);

	c->result = ret < 0 ? -errno : ret;
	c->ended = true;
	return NULL;
}

static bool start(struct caller *c, long (*call)(struct caller *c))
{
	c->call = call;
	c->ended = false;
	return !pthread_create(&c->thread, NULL, caller_main, c);
}

/* Whether it ends within @ms; what it waits for is never released meanwhile. */
static bool ends(struct caller *c, int ms)
{
	while (!c->ended && ms--)
		usleep(1000);
	return c->ended;
}

static long finish(struct caller *c)
{
	pthread_join(c->thread, NULL);
	return c->result;
}

#define WAITS_MS	300		/* long enough for a call to begin, and to wait */
#define ENDS_MS		5000		/* for one that does not wait */

static long do_map(struct caller *c)
{
	return native_map(c->fd, 0, NATIVE_FIXED, c->iova, c->mem, SIZE) == c->iova ? 0 : -1;
}

/* Begins to map the n-th piece of the trap, and waits until it is caught. */
static bool catch_map(struct ktap_fixture_waits *self, int n)
{
	struct caller *c = &self->map[n];

	c->fd = self->fd;
	c->iova = IOVA + n * SIZE;
	c->mem = self->trap + n * SIZE;
	return start(c, do_map) && trap_sprung(self->uffd, -1) == c->mem;
}

/* 0 when the map succeeds. */
static long release_map(struct ktap_fixture_waits *self, int n)
{
	if (!trap_fill(self->uffd, self->map[n].mem, SIZE))
		return -1;
	return finish(&self->map[n]);
}

static long do_unmap_all(struct caller *c)
{
	return native_unmap_all(c->fd, 0);
}

static long do_unmap_wide(struct caller *c)
{
	return native_unmap(c->fd, 0, IOVA, 1000 * SIZE);
}

static long do_unmap_batch(struct caller *c)
{
	struct ioasid_iova_range r[2] = {
		{ IOVA, IOVA + SIZE - 1 }, { IOVA + SIZE, IOVA + 1000 * SIZE - 1 },
	};
	uint32_t done;

	return native_unmap_batch(c->fd, 0, r, 2, &done) ? -1 : (long)done;
}

static long do_dirty(struct caller *c)
{
	uint64_t bits[1000 * PAGES / 64 + 1] = {};
	struct ioasid_dirty arg = {
		.size = sizeof(arg), .op = IOASID_DIRTY_OP_GET, .iova = IOVA,
		.length = 1000 * SIZE, .page_size = PAGE, .data = (uintptr_t)bits,
		.data_size = sizeof(bits),
	};

	return ioctl(c->fd, IOASID_DIRTY, &arg);
}

static long do_change_owner(struct caller *c)
{
	struct ioasid_change_owner arg = { .size = sizeof(arg) };

	return ioctl(c->fd, IOASID_CHANGE_OWNER, &arg);
}

/* Waits for what is being mapped when it begins, not for what comes after that. */
static void not_for_younger(struct ktap_test *_self, struct ktap_fixture_waits *self,
			    long (*call)(struct caller *c), long expected, unsigned int left)
{
	struct caller c = { .fd = self->fd };

	ASSERT_TRUE(catch_map(self, 0));
	ASSERT_TRUE(start(&c, call));
	EXPECT_FALSE(ends(&c, WAITS_MS));
	ASSERT_TRUE(catch_map(self, 1));
	EXPECT_EQ(0, release_map(self, 0));
	EXPECT_TRUE(ends(&c, ENDS_MS));
	EXPECT_FALSE(self->map[1].ended);
	EXPECT_EQ(0, release_map(self, 1));
	EXPECT_EQ(expected, finish(&c));
	EXPECT_EQ(left, native_info(self->fd, 0).out_maps);
}

TEST_F(waits, unmap_all)
{
	not_for_younger(_self, self, do_unmap_all, SIZE, 1);
}

TEST_F(waits, unmap_wide)
{
	not_for_younger(_self, self, do_unmap_wide, SIZE, 1);
}

TEST_F(waits, unmap_batch)
{
	/* So that there is something in the other range as well. */
	ASSERT_EQ(IOVA + 500 * SIZE, native_map(self->fd, 0, NATIVE_FIXED, IOVA + 500 * SIZE,
						self->mem, SIZE));
	not_for_younger(_self, self, do_unmap_batch, 2, 1);
}

TEST_F(waits, dirty_get)
{
	struct ioasid_dirty arg = { .size = sizeof(arg), .op = IOASID_DIRTY_OP_START };

	ASSERT_EQ(0, ioctl(self->fd, IOASID_DIRTY, &arg));
	not_for_younger(_self, self, do_dirty, 0, 2);
}

TEST_F(waits, change_owner)
{
	not_for_younger(_self, self, do_change_owner, 0, 2);
}

/* All that is being mapped is waited for, and goes, with what was mapped before. */
TEST_F(waits, unmap_all_takes_the_older)
{
	struct caller c = { .fd = self->fd };
	int i;

	ASSERT_EQ(2 * IOVA, native_map(self->fd, 0, NATIVE_FIXED, 2 * IOVA, self->mem, SIZE));
	for (i = 0; i < MAPS; i++)
		ASSERT_TRUE(catch_map(self, i));
	ASSERT_TRUE(start(&c, do_unmap_all));
	EXPECT_FALSE(ends(&c, WAITS_MS));
	for (i = MAPS - 1; i >= 0; i--) {
		EXPECT_FALSE(c.ended);
		EXPECT_EQ(0, release_map(self, i));
	}
	EXPECT_EQ((long)((MAPS + 1) * SIZE), finish(&c));
	EXPECT_EQ(0, native_info(self->fd, 0).out_maps);
}

/* --- other threads that map and unmap all the time --- */

#define THREADS	8
/*
 * That each of them makes once the call has begun. The call waits for one mapping of
 * each of them, and each time it has to get the processor again, while the others go
 * on: on a loaded machine that is hundreds of rounds, of which none is its own.
 */
#define ROUNDS	20000

struct load {
	int fd;
	char *mem;
	atomic_bool begun;
	atomic_bool stop;
	atomic_int ready;
	atomic_int through;	/* threads that have made all of their rounds */
	atomic_int bad;
};

struct loader {
	struct load *l;
	pthread_t thread;
	uint64_t iova;
};

static void *load_main(void *data)
{
	struct loader *t = data;
	struct load *l = t->l;
	int rounds = 0;

	l->ready++;
	while (!l->stop && rounds < ROUNDS) {
		rounds += l->begun;
		if (native_map(l->fd, 0, NATIVE_FIXED, t->iova, l->mem, 2 * MIB) != t->iova)
			l->bad = errno;
		/* The call under test may have been faster. */
		if (native_unmap(l->fd, 0, t->iova, 2 * MIB) < 0 && errno != ENOENT)
			l->bad = errno;
	}
	l->through += rounds == ROUNDS;
	return NULL;
}

static void beside_others(struct ktap_test *_self, struct ktap_fixture_waits *self,
			  long (*call)(struct caller *c))
{
	struct load l = { .fd = self->fd, .mem = touched_memory(2 * MIB) };
	struct caller c = { .fd = self->fd };
	struct loader t[THREADS];
	int i;

	ASSERT_NE(MAP_FAILED, (void *)l.mem);
	for (i = 0; i < THREADS; i++) {
		t[i] = (struct loader){ .l = &l, .iova = IOVA + i * 16 * MIB };
		ASSERT_EQ(0, pthread_create(&t[i].thread, NULL, load_main, &t[i]));
	}
	while (l.ready < THREADS)
		usleep(100);
	l.begun = true;
	EXPECT_LE(0, call(&c));
	EXPECT_EQ(0, l.through);
	l.stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i].thread, NULL);
	EXPECT_EQ(0, l.bad);
}

static long do_unmap_all_threads(struct caller *c)
{
	return native_unmap(c->fd, 0, IOVA, THREADS * 16 * MIB) < 0 && errno != ENOENT ? -1 : 0;
}

TEST_F_TIMEOUT(waits, unmap_all_beside_others, 30)
{
	beside_others(_self, self, do_unmap_all);
}

TEST_F_TIMEOUT(waits, unmap_wide_beside_others, 30)
{
	beside_others(_self, self, do_unmap_all_threads);
}

/* --- drivers that read --- */

FIXTURE(readers) {
	int fd;
	int module[3];		/* a user each of the same address space */
	char *mem;		/* PAGES pages, mapped at IOVA */
	int uffd;
	long long before;
};

static long kapi(int module, uint32_t op, uint64_t iova, void *data, uint64_t length)
{
	struct kapi a = {
		.op = op, .iova = iova, .data = (uintptr_t)data, .length = length, .prot = 1,
	};

	return ioctl(module, KAPI_CALL, &a);
}

/* The pages are mapped and pinned; then the first one goes, and its next reader waits. */
FIXTURE_SETUP(readers)
{
	struct kapi a = { .op = KAPI_FROM_FILE };
	int i;

	self->before = ktap_pinned();
	self->fd = native_open();
	ASSERT_LE(0, self->fd);
	a.fd = self->fd;
	for (i = 0; i < 3; i++) {
		self->module[i] = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, self->module[i]);
		ASSERT_EQ(0, ioctl(self->module[i], KAPI_CALL, &a));
	}
	self->mem = small_pages(SIZE);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
	memset(self->mem, 1, SIZE);
	ASSERT_EQ(IOVA, native_map(self->fd, 0, NATIVE_FIXED, IOVA, self->mem, SIZE));
	self->uffd = trap_set(self->mem, SIZE);
	ASSERT_LE(0, self->uffd);
	ASSERT_EQ(0, madvise(self->mem, PAGE, MADV_DONTNEED));
}

FIXTURE_TEARDOWN(readers)
{
	int i;

	for (i = 0; i < 3; i++)
		close(self->module[i]);
	close(self->fd);
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(0, ktap_leaked(self->before));
}

static long do_read(struct caller *c)
{
	uint64_t word;

	return kapi(c->module, KAPI_READ, c->iova, &word, sizeof(word));
}

static long do_pin(struct caller *c)
{
	return kapi(c->module, KAPI_PIN, c->iova, NULL, 1);
}

static long do_unmap(struct caller *c)
{
	return native_unmap(c->fd, 0, IOVA, SIZE);
}

static bool catch_reader(struct ktap_fixture_readers *self, struct caller *c)
{
	*c = (struct caller){ .module = self->module[0], .iova = IOVA };
	return start(c, do_read) && trap_sprung(self->uffd, -1) == self->mem;
}

/* A reader, an unmap that waits for it, and one who comes after that. */
static void none_after_the_unmap(struct ktap_test *_self, struct ktap_fixture_readers *self,
				 long (*call)(struct caller *c))
{
	struct caller first, unmap = { .fd = self->fd };
	struct caller next = { .module = self->module[1], .iova = IOVA + PAGE };

	ASSERT_TRUE(catch_reader(self, &first));
	/* Other tasks may read until a task waits. */
	ASSERT_EQ(0, do_read(&next));
	ASSERT_TRUE(start(&unmap, do_unmap));
	EXPECT_FALSE(ends(&unmap, WAITS_MS));
	ASSERT_TRUE(start(&next, call));
	EXPECT_FALSE(ends(&next, WAITS_MS));
	ASSERT_TRUE(trap_fill(self->uffd, self->mem, PAGE));
	EXPECT_EQ(0, finish(&first));
	EXPECT_EQ((long)SIZE, finish(&unmap));
	EXPECT_EQ(-EINVAL, finish(&next));
}

TEST_F(readers, none_after_an_unmap)
{
	none_after_the_unmap(_self, self, do_read);
}

TEST_F(readers, no_pin_after_an_unmap)
{
	ASSERT_EQ(0, kapi(self->module[1], KAPI_ACCESS_CREATE, 0, NULL, 0));
	none_after_the_unmap(_self, self, do_pin);
}

/* An unmap that gives up lets them in again. */
TEST_F(readers, again_after_a_killed_unmap)
{
	struct caller first, next = { .module = self->module[1], .iova = IOVA + PAGE };
	int status;
	pid_t pid;

	ASSERT_TRUE(catch_reader(self, &first));
	pid = fork();
	if (!pid)
		_exit(native_unmap(self->fd, 0, IOVA, SIZE) < 0);
	usleep(WAITS_MS * 1000);
	ASSERT_TRUE(start(&next, do_read));
	EXPECT_FALSE(ends(&next, WAITS_MS));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(ends(&next, ENDS_MS));
	ASSERT_TRUE(trap_fill(self->uffd, self->mem, PAGE));
	EXPECT_EQ(0, finish(&next));
	EXPECT_EQ(0, finish(&first));
}

struct reading {
	pthread_t thread;
	int module;
	char *mem;
	atomic_bool *begun;
	bool through;
	int error;
};

#define READS	5000
#define LONG	(16 * PAGE)

/* Each page is a page fault for the reader, so that a read takes long. */
static void *read_main(void *data)
{
	struct reading *r = data;
	char buf[LONG];
	int i = 0;

	do {
		i += *r->begun;
		madvise(r->mem, LONG, MADV_DONTNEED);
	} while (i < READS && !kapi(r->module, KAPI_READ, 2 * IOVA, buf, LONG));
	r->error = i < READS ? errno : 0;
	r->through = i == READS;
	return NULL;
}

/* Several of them, so that the mapping hardly ever has no reader. */
TEST_F_TIMEOUT(readers, cannot_keep_an_unmap, 30)
{
	char *mem = small_pages(LONG);
	atomic_bool begun = false;
	struct reading r[3];
	int i;

	ASSERT_NE(MAP_FAILED, (void *)mem);
	ASSERT_EQ(2 * IOVA, native_map(self->fd, 0, NATIVE_FIXED, 2 * IOVA, mem, LONG));
	for (i = 0; i < 3; i++) {
		r[i] = (struct reading){ .module = self->module[i], .mem = mem, .begun = &begun };
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, read_main, &r[i]));
	}
	usleep(20000);
	begun = true;
	EXPECT_EQ((long long)LONG, native_unmap(self->fd, 0, 2 * IOVA, LONG));
	for (i = 0; i < 3; i++) {
		pthread_join(r[i].thread, NULL);
		EXPECT_FALSE(r[i].through);
		EXPECT_EQ(EINVAL, r[i].error);
	}
}

/* --- more readers than a mapping counts --- */

#define COUNTED		2047	/* reads of a mapping at the same time, IOASID_ACCESSES_MAX */
#define CROWD		(COUNTED + 50)
#define SMALL_STACK	(64 * KIB)

/* A user of its own for each thread: the module makes one call of a user at a time. */
static void *crowd_main(void *data)
{
	struct caller *c = data;

	c->result = do_read(c) ? -errno : 0;
	close(c->module);
	return NULL;
}

static int kapi_user(int fd)
{
	int module = open("/dev/ioasid_kapi", O_RDWR | O_CLOEXEC);
	struct kapi a = { .op = KAPI_FROM_FILE, .fd = fd };

	return module < 0 || ioctl(module, KAPI_CALL, &a) ? -1 : module;
}

/* Those that are not counted wait, and an unmap waits for all that are. */
TEST_F_TIMEOUT(readers, crowd, 60)
{
	struct caller *crowd = calloc(CROWD, sizeof(*crowd)), unmap = { .fd = self->fd };
	struct caller next = { .module = self->module[1], .iova = IOVA + PAGE };
	struct rlimit files = { 2 * CROWD, 2 * CROWD };
	pthread_attr_t small;
	int i;

	ASSERT_NE(NULL, crowd);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, pthread_attr_init(&small));
	ASSERT_EQ(0, pthread_attr_setstacksize(&small, SMALL_STACK));
	for (i = 0; i < CROWD; i++) {
		crowd[i] = (struct caller){ .module = kapi_user(self->fd), .iova = IOVA };
		ASSERT_LE(0, crowd[i].module);
		ASSERT_EQ(0, pthread_create(&crowd[i].thread, &small, crowd_main, &crowd[i]));
	}
	ASSERT_EQ(self->mem, trap_sprung(self->uffd, -1));
	/* Until all that are counted have begun, it is one of them. */
	for (i = 0; i < 100; i++) {
		ASSERT_TRUE(start(&next, do_read));
		if (!ends(&next, WAITS_MS))
			break;
		EXPECT_EQ(0, finish(&next));
	}
	ASSERT_FALSE(next.ended);
	ASSERT_TRUE(start(&unmap, do_unmap));
	EXPECT_FALSE(ends(&unmap, WAITS_MS));
	ASSERT_TRUE(trap_fill(self->uffd, self->mem, PAGE));
	EXPECT_EQ((long)SIZE, finish(&unmap));
	/* The unmap may have come before those that waited. */
	finish(&next);
	for (i = 0; i < CROWD; i++) {
		pthread_join(crowd[i].thread, NULL);
		if (crowd[i].result)
			EXPECT_EQ(-EINVAL, crowd[i].result);
	}
	free(crowd);
}

/* --- the end of an address space that is being read --- */

static long do_kill(struct caller *c)
{
	return kapi(c->module, KAPI_KILL, 0, NULL, 0);
}

/* It waits for no page fault, and the reader leaves nothing behind. */
TEST_F(readers, space_is_killed)
{
	struct caller first, end = { .module = self->module[1] };

	ASSERT_TRUE(catch_reader(self, &first));
	ASSERT_TRUE(start(&end, do_kill));
	EXPECT_TRUE(ends(&end, ENDS_MS));
	EXPECT_EQ((long)(SIZE / KIB), locked_kib());
	EXPECT_EQ(-1, kapi(self->module[2], KAPI_READ, IOVA + PAGE, &(uint64_t){}, 8));
	ASSERT_TRUE(trap_fill(self->uffd, self->mem, PAGE));
	EXPECT_EQ(0, finish(&end));
	EXPECT_EQ(0, finish(&first));
	EXPECT_EQ(0, locked_kib());
	EXPECT_EQ(self->before, ktap_pinned());
}

/* An unmap that waits for the same reader learns of it as well. */
TEST_F(readers, space_is_killed_under_an_unmap)
{
	struct caller first, unmap = { .fd = self->fd }, end = { .module = self->module[1] };

	ASSERT_TRUE(catch_reader(self, &first));
	ASSERT_TRUE(start(&unmap, do_unmap));
	EXPECT_FALSE(ends(&unmap, WAITS_MS));
	ASSERT_TRUE(start(&end, do_kill));
	EXPECT_TRUE(ends(&end, ENDS_MS));
	ASSERT_TRUE(trap_fill(self->uffd, self->mem, PAGE));
	EXPECT_EQ(0, finish(&first));
	EXPECT_EQ(0, finish(&end));
	EXPECT_EQ(-ENOENT, finish(&unmap));
	EXPECT_EQ(0, locked_kib());
}

TEST_HARNESS_MAIN
