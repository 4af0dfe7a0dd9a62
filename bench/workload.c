// SPDX-License-Identifier: GPL-2.0-only
/* Running a workload once: the team of threads, and what it adds up to. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "member.h"
#include "progress.h"
#include "util.h"

const char *const unmap_mode_name[] = {
	[UNMAP_EACH] = "each",
	[UNMAP_RANGE] = "range",
	[UNMAP_ALL] = "all",
	[UNMAP_CLOSE] = "close",
};

const char *const work_type_name[] = {
	[WORK_FILL] = "fill",
	[WORK_PINGPONG] = "pingpong",
	[WORK_DIRTY] = "dirty",
	[WORK_REPLAY] = "replay",
	[WORK_CHOOSE] = "choose",
	[WORK_CLEAR] = "clear",
};
_Static_assert(ARRAY_SIZE(work_type_name) == WORK_TYPES, "a type of workload has no name");

/* What maps hold on to. */
struct held {
	uint64_t locked, refs, slab, tables;
};

struct team {
	pthread_barrier_t barrier;
	struct member *member;
	unsigned int count;
	/* Growth while mapping, read by thread 0 while all others wait. */
	struct held held;
	struct counters *counters;	/* or NULL; thread 0 starts and stops them */
	struct counted counted[2];	/* map, unmap */
};

static void read_held(struct held *h)
{
	char line[16];

	/* Has the kernel add up what each processor counts for itself. */
	read_line("/proc/sys/vm/stat_refresh", line, sizeof(line));
	h->locked = proc_kb("/proc/self/status", "VmLck");
	h->refs = vmstat("nr_foll_pin_acquired") - vmstat("nr_foll_pin_released");
	h->slab = proc_kb("/proc/meminfo", "SUnreclaim");
	h->tables = proc_kb("/proc/meminfo", "SecPageTables");
}

static uint64_t growth(uint64_t after, uint64_t before)
{
	return after > before ? after - before : 0;
}

static void held_since(struct held *now, const struct held *before)
{
	now->locked -= before->locked;
	now->refs -= before->refs;
	now->slab = growth(now->slab, before->slab);
	now->tables = growth(now->tables, before->tables);
}

static bool anyone_failed(const struct team *team)
{
	unsigned int i;

	for (i = 0; i < team->count; i++)
		if (team->member[i].failed)
			return true;
	return false;
}

static void *member_run(void *arg)
{
	static void (*const run[])(struct member *t) = {
		[WORK_PINGPONG] = pingpong_run,
		[WORK_DIRTY] = dirty_run,
		[WORK_REPLAY] = replay_run,
		[WORK_CHOOSE] = choose_run,
		[WORK_CLEAR] = clear_run,
	};
	_Static_assert(ARRAY_SIZE(run) == WORK_TYPES, "a type of workload has no function");
	struct member *t = arg;
	struct team *team = t->team;
	struct held before = { 0 };

	if (t->work->type != WORK_FILL) {
		if (t->index == 0)
			counters_start(team->counters);
		pthread_barrier_wait(&team->barrier);
		run[t->work->type](t);
		return NULL;
	}
	if (t->index == 0) {
		read_held(&before);
		counters_start(team->counters);
	}
	pthread_barrier_wait(&team->barrier);
	fill_map(t);
	pthread_barrier_wait(&team->barrier);
	if (t->index == 0) {
		counters_stop(team->counters, &team->counted[0]);
		read_held(&team->held);
		held_since(&team->held, &before);
		counters_start(team->counters);
	}
	pthread_barrier_wait(&team->barrier);
	if (!anyone_failed(team))
		fill_unmap(t);
	return NULL;
}

uint64_t workload_maps(const struct workload *w)
{
	if (w->type == WORK_PINGPONG)
		return w->existing + w->threads;
	return w->existing + w->threads * DIV_ROUND_UP(w->len / w->threads, w->call);
}

/*
 * The maps that are there already: one page, at many addresses behind the slices,
 * or with holes between them where the kernel looks first for a free one.
 */
static int map_existing(const struct workload *w, struct backend *b, const struct member *first)
{
	uint64_t i, iova = first->iova + w->len, stride = PAGE_4K;
	int err;

	if (w->type == WORK_CHOOSE) {
		iova = MAX(b->range[0].start, PAGE_4K);
		stride = 2 * PAGE_4K;
	}
	for (i = 0; i < w->existing; i++, iova += stride) {
		err = b->ops->map(b, first->va, iova, PAGE_4K);
		if (err)
			return backend_map_failed(b, err, iova, PAGE_4K);
		progress_step(i, w->existing);
	}
	return 0;
}

static int make_team(struct team *team, const struct workload *w, struct backend *b,
		     struct mem *m)
{
	uint64_t slice = w->len / w->threads, iova;
	struct member *t;
	unsigned int i;

	if (b->dma_avail < workload_maps(w))
		return fail("%s allows %llu maps and the workload makes %llu: use bigger calls or less --size, or load it with a higher dma_entry_limit",
			    b->answered, (unsigned long long)b->dma_avail,
			    (unsigned long long)workload_maps(w));
	if (backend_iova(b, w->len + w->existing * PAGE_4K, MAX(m->kind->folio, 2 * MIB), &iova))
		return -1;
	team->count = w->threads;
	team->member = calloc(w->threads, sizeof(*team->member));
	if (!team->member)
		return fail("out of memory");
	for (i = 0; i < w->threads; i++) {
		t = &team->member[i];
		t->team = team;
		t->barrier = &team->barrier;
		t->work = w;
		t->backend = b;
		t->index = i;
		t->va = m->va + i * slice;
		t->iova = iova + i * slice;
		t->len = slice;
		t->map_call = hist_new();
		t->unmap_call = hist_new();
		if (!t->map_call || !t->unmap_call)
			return -1;
	}
	return 0;
}

static void free_team(struct team *team)
{
	unsigned int i;

	for (i = 0; team->member && i < team->count; i++) {
		free(team->member[i].map_call);
		free(team->member[i].unmap_call);
	}
	free(team->member);
}

/* Thread 0 is the caller itself. */
static int start_team(struct team *team)
{
	pthread_t *thread = calloc(team->count, sizeof(*thread));
	unsigned int i;

	if (!thread)
		return fail("out of memory");
	pthread_barrier_init(&team->barrier, NULL, team->count);
	for (i = 1; i < team->count; i++) {
		if (!pthread_create(&thread[i], NULL, member_run, &team->member[i]))
			continue;
		/* The others wait at the barrier for ever: end the process. */
		fail("cannot start %u threads: use a smaller --threads", team->count);
		exit(ST_ERROR);
	}
	member_run(&team->member[0]);
	for (i = 1; i < team->count; i++)
		pthread_join(thread[i], NULL);
	counters_stop(team->counters,
		      &team->counted[team->member[0].work->type == WORK_FILL]);
	pthread_barrier_destroy(&team->barrier);
	free(thread);
	return anyone_failed(team) ? -1 : 0;
}

struct total {
	uint64_t map_ns, unmap_ns, map_calls, unmap_calls, map_bytes, unmap_bytes;
	uint64_t map_busy, unmap_busy;	/* of all threads together */
};

/* From the first start to the last end; but for fill: mean time inside calls. */
static void add_up(const struct team *team, enum work_type type, struct total *sum)
{
	uint64_t map_from = UINT64_MAX, map_to = 0, unmap_from = UINT64_MAX, unmap_to = 0;
	const struct member *t;
	unsigned int i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < team->count; i++) {
		t = &team->member[i];
		map_from = MIN(map_from, t->map_from);
		map_to = MAX(map_to, t->map_to);
		unmap_from = MIN(unmap_from, t->unmap_from);
		unmap_to = MAX(unmap_to, t->unmap_to);
		sum->map_busy += type != WORK_FILL ? t->map_ns : t->map_to - t->map_from;
		sum->unmap_busy += type != WORK_FILL ? t->unmap_ns
						     : t->unmap_to - t->unmap_from;
		sum->map_calls += t->map_calls;
		sum->unmap_calls += t->unmap_calls;
		sum->map_bytes += t->map_bytes;
		sum->unmap_bytes += t->unmap_bytes;
	}
	sum->map_ns = type != WORK_FILL ? sum->map_busy / team->count : map_to - map_from;
	sum->unmap_ns = type != WORK_FILL ? sum->unmap_busy / team->count
					  : unmap_to - unmap_from;
}

static void record_side(struct side *s, uint64_t ns, uint64_t calls, uint64_t bytes,
			const struct counted *counted)
{
	s->counted[s->reps] = *counted;
	s->ns[s->reps++] = ns;
	s->calls = calls;
	s->bytes = bytes;
}

static void record(struct result *r, const struct team *team, const struct total *sum)
{
	unsigned int i;

	record_side(&r->map, sum->map_ns, sum->map_calls, sum->map_bytes, &team->counted[0]);
	record_side(&r->unmap, sum->unmap_ns, sum->unmap_calls, sum->unmap_bytes,
		    &team->counted[1]);
	for (i = 0; i < team->count; i++) {
		hist_merge(r->map.call, team->member[i].map_call);
		hist_merge(r->unmap.call, team->member[i].unmap_call);
	}
	r->locked = team->held.locked;
	r->pinned_refs = team->held.refs;
	r->slab_bytes = team->held.slab;
	r->table_bytes = team->held.tables;
}

static void record_split(struct split *s, const struct total *sum)
{
	if (!s->available)
		return;
	split_end(s);
	s->map.busy_ns = sum->map_busy;
	s->map.bytes = sum->map_bytes;
	s->unmap.busy_ns = sum->unmap_busy;
	s->unmap.bytes = sum->unmap_bytes;
}

int workload_run(const struct workload *w, struct backend *b, struct mem *m,
		 struct result *r, enum run_mode mode, struct counters *counters)
{
	struct team team = { .counters = mode == RUN_RECORD ? counters : NULL };
	struct total sum;
	int err;

	err = make_team(&team, w, b, m);
	if (!err)
		err = map_existing(w, b, team.member);
	if (!err && mode == RUN_TRACED)
		split_begin(&r->split);
	if (!err)
		err = start_team(&team);
	if (!err) {
		add_up(&team, w->type, &sum);
		if (mode == RUN_RECORD)
			record(r, &team, &sum);
		else if (mode == RUN_TRACED)
			record_split(&r->split, &sum);
	}
	free_team(&team);
	return err;
}

uint64_t result_pinned(const struct result *r)
{
	return r->locked ? r->locked : r->pinned_refs * PAGE_4K;
}

int result_init(struct result *r, const struct workload *w, const struct backend_ops *ops,
		unsigned int reps)
{
	memset(r, 0, sizeof(*r));
	r->work = w;
	r->ops = ops;
	r->map.ns = calloc(reps, sizeof(*r->map.ns));
	r->unmap.ns = calloc(reps, sizeof(*r->unmap.ns));
	r->map.call = hist_new();
	r->unmap.call = hist_new();
	r->map.counted = calloc(reps, sizeof(*r->map.counted));
	r->unmap.counted = calloc(reps, sizeof(*r->unmap.counted));
	if (!r->map.ns || !r->unmap.ns || !r->map.call || !r->unmap.call || !r->map.counted ||
	    !r->unmap.counted)
		return fail("out of memory");
	return 0;
}

void result_free(struct result *r)
{
	free(r->map.ns);
	free(r->unmap.ns);
	free(r->map.call);
	free(r->unmap.call);
	free(r->map.counted);
	free(r->unmap.counted);
}

double side_ns(const struct side *s)
{
	return median(s->ns, s->reps);
}

double side_ns_per_page(const struct side *s)
{
	return s->bytes ? side_ns(s) * (double)PAGE_4K / (double)s->bytes : 0;
}

double side_pages_per_s(const struct side *s)
{
	double ns = side_ns(s);

	return ns > 0 ? (double)s->bytes / (double)PAGE_4K * 1e9 / ns : 0;
}
