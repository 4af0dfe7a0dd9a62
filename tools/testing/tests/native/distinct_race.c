// SPDX-License-Identifier: GPL-2.0-only
/*
 * charge_shared, at the same time: two threads map the same pages in two address spaces, while a
 * third one unmaps the last pages that two spaces shared, so that the books of the process end
 * or begin at that moment. Then VmLck is the number of different pages that are mapped, and in
 * the end nothing is left.
 *
 * DISTINCT_SEED chooses the pages and the delays, DISTINCT_ROUNDS how often.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "distinct.h"

#define PAGES	8
#define TASKS	3
#define IOVA	0x4000000ULL
#define OTHERS	0x8000000ULL	/* where the pages are that are unmapped meanwhile */

FIXTURE(race) {
	int fd[TASKS];
	char *mem;		/* PAGES that are mapped, and PAGES that are unmapped meanwhile */
	unsigned int seed;
	int rounds;
};

FIXTURE_SETUP(race)
{
	int i;

	self->seed = getenv("DISTINCT_SEED") ? atoi(getenv("DISTINCT_SEED")) : 1;
	self->rounds = getenv("DISTINCT_ROUNDS") ? atoi(getenv("DISTINCT_ROUNDS")) : 1000;
	self->mem = touched_memory(2 * PAGES * PAGE);
	ASSERT_NE(MAP_FAILED, self->mem);
	for (i = 0; i < TASKS; i++) {
		self->fd[i] = distinct_open(true);
		ASSERT_LE(0, self->fd[i]);
	}
}

FIXTURE_TEARDOWN(race)
{
	int i;

	for (i = 0; i < TASKS; i++)
		close(self->fd[i]);
	EXPECT_LOCKED(0);
}

/* What a thread does in a round. */
struct task {
	pthread_barrier_t *begin;
	pthread_barrier_t *end;
	atomic_int *mappers;
	const int *fd;
	char *mem;
	int which;
	int delay;
	uint64_t first;
	uint64_t npages;
	bool last;
	bool failed;
};

static bool task_round(const struct task *t)
{
	volatile int i;

	/* Those who map do so at the same time, which a barrier is too slow for. */
	if (t->which < 2 && atomic_fetch_add(t->mappers, 1) % 2 == 0)
		for (i = 0; i < 1000000 && *t->mappers % 2; i++)
			;
	for (i = 0; i < t->delay; i++)
		;
	if (t->which < 2)
		return distinct_map(t->fd[t->which], IOVA, t->mem + t->first * PAGE, t->npages);
	return distinct_unmap(t->fd[0], OTHERS, PAGES) && distinct_unmap(t->fd[2], OTHERS, PAGES);
}

static void *task_run(void *data)
{
	struct task *t = data;

	for (;;) {
		pthread_barrier_wait(t->begin);
		if (t->last)
			return NULL;
		t->failed |= !task_round(t);
		pthread_barrier_wait(t->end);
	}
}

/* Pages that one of two ranges has. */
static long either(const struct task *a, const struct task *b)
{
	long n = 0;
	uint64_t i;

	for (i = 0; i < PAGES; i++)
		n += i - a->first < a->npages || i - b->first < b->npages;
	return n;
}

TEST_F_TIMEOUT(race, begin_and_end_of_books, 60)
{
	char *others = self->mem + PAGES * PAGE;
	pthread_barrier_t begin, end;
	struct task t[TASKS] = {};
	atomic_int mappers = 0;
	pthread_t thread[TASKS];
	int round, i;

	ASSERT_EQ(0, pthread_barrier_init(&begin, NULL, TASKS + 1));
	ASSERT_EQ(0, pthread_barrier_init(&end, NULL, TASKS + 1));
	for (i = 0; i < TASKS; i++) {
		t[i] = (struct task){ .begin = &begin, .end = &end, .fd = self->fd,
				      .mappers = &mappers, .mem = self->mem, .which = i };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, task_run, &t[i]));
	}
	for (round = 0; round < self->rounds; round++) {
		/* The process has books, of what two spaces share; or none, in some rounds. */
		bool shared = rand_r(&self->seed) % 4;

		ASSERT_TRUE(distinct_map(self->fd[0], OTHERS, others, PAGES));
		ASSERT_TRUE(distinct_map(self->fd[2], OTHERS,
					 shared ? others : self->mem, PAGES));
		ASSERT_LOCKED(shared ? PAGES : 2 * PAGES);
		for (i = 0; i < TASKS; i++) {
			t[i].first = rand_r(&self->seed) % PAGES;
			t[i].npages = 1 + rand_r(&self->seed) % (PAGES - t[i].first);
			t[i].delay = rand_r(&self->seed) % (i < 2 ? 300 : 3000);
		}
		pthread_barrier_wait(&begin);
		pthread_barrier_wait(&end);
		ASSERT_LOCKED(either(&t[0], &t[1]));
		ASSERT_TRUE(distinct_unmap(self->fd[0], IOVA, t[0].npages));
		ASSERT_LOCKED(t[1].npages);
		ASSERT_TRUE(distinct_unmap(self->fd[1], IOVA, t[1].npages));
		ASSERT_LOCKED(0);
	}
	for (i = 0; i < TASKS; i++)
		t[i].last = true;
	pthread_barrier_wait(&begin);
	for (i = 0; i < TASKS; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_FALSE(t[i].failed);
	}
}

TEST_HARNESS_MAIN
