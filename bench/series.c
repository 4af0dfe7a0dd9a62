// SPDX-License-Identifier: GPL-2.0-only
/* From options to workloads, and running them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "machine.h"
#include "mark.h"
#include "progress.h"
#include "series.h"
#include "util.h"

#define DEFAULT_STORM	16384
#define DEFAULT_BESIDE	12288
#define DEFAULT_CLEAR	50
#define PINGPONG_AREA	(64 * MIB)

struct result *series_result(const struct series *s, unsigned int work, unsigned int backend)
{
	return &s->result[work * s->opt.backends + backend];
}

static struct workload *add_work(struct series *s, enum work_type type,
				 const struct mem_kind *kind, uint64_t len, uint64_t call)
{
	const struct series_options *o = &s->opt;
	uint64_t grain = MAX(kind->folio, call);
	struct workload *w;

	if (s->works == SERIES_MAX_WORKLOADS) {
		fail("more than %d workloads: name fewer kinds or sizes", SERIES_MAX_WORKLOADS);
		return NULL;
	}
	if (type == WORK_FILL && len <= call)
		grain = kind->folio;
	w = &s->work[s->works++];
	w->type = type;
	w->kind = kind;
	w->len = ROUND_UP(DIV_ROUND_UP(len, o->threads), grain) * o->threads;
	w->call = call;
	w->populated = !o->unpopulated;
	w->batch = type == WORK_FILL ? o->batch : 1;
	w->random = o->random;
	w->threads = o->threads;
	return w;
}

static void name_batch(struct workload *w)
{
	size_t len = strlen(w->name);

	if (w->batch > 1)
		snprintf(w->name + len, sizeof(w->name) - len, " by %u", w->batch);
}

/* All of the memory, called @whole, or in pieces of --chunk, called @chunks and their size. */
static int plan_whole(struct series *s, const struct mem_kind *kind, enum work_type type,
		      const char *whole, const char *chunks)
{
	const struct series_options *o = &s->opt;
	struct workload *w;
	char size[SIZE_TEXT];

	w = add_work(s, type, kind, o->size, o->chunk ? o->chunk : kind->folio);
	if (!w)
		return -1;
	w->per_call = type == WORK_FILL && o->chunk;
	if (o->chunk)
		snprintf(w->name, sizeof(w->name), "%s %s", chunks, format_size_exact(o->chunk, size));
	else
		snprintf(w->name, sizeof(w->name), "%s", whole);
	if (!o->chunk)
		w->call = w->len / w->threads;
	name_batch(w);
	return 0;
}

static int plan_pingpong(struct series *s, const struct mem_kind *kind, uint64_t call,
			 uint64_t existing)
{
	uint64_t pairs = MAX(64, MIN(4096, PINGPONG_AREA / call));
	char size[SIZE_TEXT], count[SIZE_TEXT];
	struct workload *w;

	w = add_work(s, WORK_PINGPONG, kind, MAX(MIN(s->opt.size, PINGPONG_AREA), call), call);
	if (!w)
		return -1;
	w->pairs = s->opt.ops ? s->opt.ops : pairs;
	w->per_call = true;
	w->existing = existing;
	snprintf(w->name, sizeof(w->name), "pingpong %s", format_size_exact(call, size));
	if (existing)
		snprintf(w->name, sizeof(w->name), "pingpong %s +%s", format_size_exact(call, size),
			 format_size_exact(existing, count));
	return 0;
}

static int plan_storm(struct series *s, const struct mem_kind *kind, uint64_t call)
{
	uint64_t ops = s->opt.ops ? s->opt.ops : DEFAULT_STORM;
	struct workload *w;
	char size[SIZE_TEXT];
	int mode;

	for (mode = UNMAP_EACH; mode < UNMAP_MODES; mode++) {
		if (!s->opt.unmap[mode])
			continue;
		w = add_work(s, WORK_FILL, kind, ops * call, call);
		if (!w)
			return -1;
		w->unmap = (enum unmap_mode)mode;
		w->per_call = true;
		snprintf(w->name, sizeof(w->name), "storm %s %s", format_size_exact(call, size),
			 unmap_mode_name[mode]);
		name_batch(w);
	}
	return 0;
}

static int plan_choose(struct series *s, const struct mem_kind *kind, uint64_t call,
		       uint64_t existing)
{
	uint64_t ops = s->opt.ops ? s->opt.ops : MAX(64, MIN(DEFAULT_STORM, PINGPONG_AREA / call));
	char size[SIZE_TEXT], count[SIZE_TEXT];
	struct workload *w;

	w = add_work(s, WORK_CHOOSE, kind, ops * call, call);
	if (!w)
		return -1;
	w->per_call = true;
	w->existing = existing;
	snprintf(w->name, sizeof(w->name), "choose %s +%s", format_size_exact(call, size),
		 format_size_exact(existing, count));
	return 0;
}

static int plan_clear(struct series *s, const struct mem_kind *kind, uint64_t call)
{
	struct workload *w;
	char size[SIZE_TEXT];

	w = add_work(s, WORK_CLEAR, kind, s->opt.threads * call, call);
	if (!w)
		return -1;
	w->pairs = s->opt.ops ? s->opt.ops : DEFAULT_CLEAR;
	w->per_call = true;
	snprintf(w->name, sizeof(w->name), "clear beside %s", format_size_exact(call, size));
	return 0;
}

/* With no kind named, small maps run on those kinds that tell most. */
static bool wanted(const struct series_options *o, const struct mem_kind *kind, bool storm)
{
	if (!o->default_kinds)
		return true;
	if (storm)
		return !strcmp(kind->name, "4k");
	return !strcmp(kind->name, "4k-shuf") || !strcmp(kind->name, "thp");
}

static int plan_kind(struct series *s, const struct mem_kind *kind)
{
	static const uint64_t pingpong_sizes[] = { 4 * KIB, 64 * KIB, 2 * MIB };
	static const uint64_t storm_sizes[] = { 4 * KIB };
	static const uint64_t choose_sizes[] = { 4 * KIB, 64 * KIB };
	static const uint64_t clear_sizes[] = { 2 * MIB };
	const struct series_options *o = &s->opt;
	unsigned int n, i, e;

	if (o->map && plan_whole(s, kind, WORK_FILL, "map", "chunk"))
		return -1;
	if (o->dirty && plan_whole(s, kind, WORK_DIRTY, "dirty", "dirty of"))
		return -1;
	if (o->replay && plan_whole(s, kind, WORK_REPLAY, "replay", "replay of"))
		return -1;
	n = o->op_sizes ? o->op_sizes : ARRAY_SIZE(pingpong_sizes);
	for (i = 0; o->pingpong && wanted(o, kind, false) && i < n; i++)
		for (e = 0; e < MAX(o->existings, 1U); e++)
			if (plan_pingpong(s, kind, (o->op_sizes ? o->op_size : pingpong_sizes)[i],
					  o->existing[e]))
				return -1;
	n = o->op_sizes ? o->op_sizes : ARRAY_SIZE(storm_sizes);
	for (i = 0; o->storm && wanted(o, kind, true) && i < n; i++)
		if (plan_storm(s, kind, (o->op_sizes ? o->op_size : storm_sizes)[i]))
			return -1;
	n = o->op_sizes ? o->op_sizes : ARRAY_SIZE(choose_sizes);
	for (i = 0; o->choose && wanted(o, kind, true) && i < n; i++)
		for (e = 0; e < MAX(o->existings, 1U); e++)
			if (plan_choose(s, kind, (o->op_sizes ? o->op_size : choose_sizes)[i],
					o->existings ? o->existing[e] : DEFAULT_BESIDE))
				return -1;
	n = o->op_sizes ? o->op_sizes : ARRAY_SIZE(clear_sizes);
	for (i = 0; o->clear && wanted(o, kind, false) && i < n; i++)
		if (plan_clear(s, kind, (o->op_sizes ? o->op_size : clear_sizes)[i]))
			return -1;
	return 0;
}

static int plan(struct series *s)
{
	unsigned int i, b;

	for (i = 0; i < s->opt.kinds; i++)
		if (plan_kind(s, s->opt.kind[i]))
			return -1;
	s->result = calloc((size_t)s->works * s->opt.backends, sizeof(*s->result));
	if (!s->result)
		return fail("out of memory");
	for (i = 0; i < s->works; i++)
		for (b = 0; b < s->opt.backends; b++)
			if (result_init(series_result(s, i, b), &s->work[i], s->opt.backend[b],
					s->opt.repeat))
				return -1;
	return 0;
}

/* The memory of the workload before may do for this one. */
static int get_memory(const struct workload *w, struct mem *m)
{
	if (m->reservation && m->kind == w->kind && m->len >= w->len &&
	    m->populated && w->populated)
		return 0;
	mem_free(m);
	return mem_alloc(m, w->kind, w->len, w->populated);
}

/* One repetition on one backend, in an address space of its own. */
static int run_once(struct series *s, unsigned int work, unsigned int backend, struct mem *m,
		    enum run_mode mode)
{
	const struct series_options *o = &s->opt;
	struct result *r = series_result(s, work, backend);
	struct backend b;
	int err;

	if (o->backends > 1 && r->ops->select && r->ops->select(r->ops))
		return -1;
	if (!r->work->populated && mem_drop(m))
		return -1;
	if (backend_open(&b, r->ops, s->bdf, o->version, workload_maps(r->work)))
		return -1;
	b.mem = m;
	snprintf(r->backend, sizeof(r->backend), "%s", b.answered);
	s->group = b.group;
	mark(MARK_BEGIN);
	err = workload_run(r->work, &b, m, r, mode, s->counters);
	backend_close(&b);
	r->populate_ns = m->populate_ns;
	r->populated_bytes = m->len;
	r->pages_per_extent = m->pages_per_extent;
	return err;
}

/* The traced repetition comes last and counts for nothing else. */
static int run_traced(struct series *s, unsigned int work, struct mem *m)
{
	struct result *r;
	unsigned int b;

	for (b = 0; b < s->opt.backends; b++) {
		r = series_result(s, work, b);
		if (r->skipped[0])
			continue;
		if (s->opt.no_split)
			snprintf(r->split.why_not, sizeof(r->split.why_not), "--no-split");
		else if (strcmp(r->backend, "ioasid"))
			snprintf(r->split.why_not, sizeof(r->split.why_not),
				 "%s has no tracepoints", r->backend);
		else if (run_once(s, work, b, m, RUN_TRACED))
			return -1;
	}
	return 0;
}

/* What a backend cannot do, though the machine could. */
static bool backend_cannot(struct series *s, unsigned int work, unsigned int backend)
{
	struct result *r = series_result(s, work, backend);
	uint64_t most = r->ops->max_maps;

	if (r->ops->files && !(r->work->kind->flags & MEM_FILE)) {
		snprintf(r->skipped, sizeof(r->skipped), "%s maps memory of files: use -k memfd",
			 r->ops->name);
		return true;
	}
	if (r->work->type == WORK_DIRTY && !r->ops->dirty_get) {
		snprintf(r->skipped, sizeof(r->skipped), "%s cannot be asked for dirty pages",
			 r->ops->name);
		return true;
	}
	if (r->work->type == WORK_CHOOSE && !r->ops->map_free) {
		snprintf(r->skipped, sizeof(r->skipped), "%s chooses no addresses", r->ops->name);
		return true;
	}
	if (r->work->type == WORK_REPLAY && !r->ops->leave) {
		snprintf(r->skipped, sizeof(r->skipped), "%s has no maps without a device",
			 r->ops->name);
		return true;
	}
	if (!most || workload_maps(r->work) <= most)
		return false;
	snprintf(r->skipped, sizeof(r->skipped), "%s has room for %llu maps", r->ops->name,
		 (unsigned long long)most);
	return true;
}

static int run_workload(struct series *s, unsigned int work, struct mem *m)
{
	const struct series_options *o = &s->opt;
	const struct workload *w = &s->work[work];
	unsigned int rep, b;

	for (rep = 0; rep < o->warm_up + o->repeat; rep++) {
		for (b = 0; b < o->backends; b++) {
			if (backend_cannot(s, work, b))
				continue;
			progress_begin("%s, %s, %s, repetition %u of %u", w->name,
				       w->kind->name, o->backend[b]->name, rep + 1,
				       o->warm_up + o->repeat);
			if (run_once(s, work, b, m,
				     rep < o->warm_up ? RUN_WARM_UP : RUN_RECORD))
				return -1;
		}
	}
	return run_traced(s, work, m);
}

/* What this machine cannot do is an error only where it was asked for. */
static int skip(struct series *s, unsigned int work, const char *why)
{
	const struct workload *w = &s->work[work];
	unsigned int b;

	if (s->opt.kinds_given)
		return fail("%s memory cannot be had: %s", w->kind->name, why);
	for (b = 0; b < s->opt.backends; b++)
		snprintf(series_result(s, work, b)->skipped,
			 sizeof(series_result(s, work, b)->skipped), "%s", why);
	return 0;
}

static int run_all(struct series *s)
{
	struct mem m = { .fd = -1 };
	char why[160];
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < s->works; i++) {
		const struct workload *w = &s->work[i];

		/* Free first: what it holds would count as missing. */
		if (m.reservation && (m.kind != w->kind || m.len < w->len))
			mem_free(&m);
		if (s->opt.reserve_hugepages && !m.reservation)
			err = mem_reserve_hugepages(w->kind, w->len);
		if (!err && !m.reservation &&
		    mem_missing(w->kind, w->len, why, sizeof(why))) {
			err = skip(s, i, why);
			continue;
		}
		if (!err)
			err = mem_allow_lock(w->len + w->existing * PAGE_4K);
		if (!err)
			err = get_memory(w, &m);
		if (!err)
			err = run_workload(s, i, &m);
	}
	progress_end();
	mem_free(&m);
	return err;
}

/* A device that one backend needs elsewhere has its VFIO group there, too. */
static const char *driver(const struct series_options *o)
{
	unsigned int i;

	for (i = 0; i < o->backends; i++)
		if (o->backend[i]->driver)
			return o->backend[i]->driver;
	return backend_driver(o->backend[0]);
}

int series_run(struct series *s)
{
	int status;

	status = device_claim(s->opt.command, driver(&s->opt), s->opt.device, false, s->bdf);
	if (status != ST_OK)
		return status;
	if (plan(s) || run_all(s))
		return ST_ERROR;
	return ST_OK;
}

void series_free(struct series *s)
{
	unsigned int i;

	for (i = 0; s->result && i < s->works * s->opt.backends; i++)
		result_free(&s->result[i]);
	free(s->result);
}

int series_command(const char *command, int argc, char **argv,
		  void (*print)(const struct series *s, const struct machine *m),
		  int (*print_json)(const struct series *s, const struct machine *m))
{
	struct series *s = calloc(1, sizeof(*s));
	struct machine m;
	int status;

	if (!s)
		return fail("out of memory"), ST_ERROR;
	status = series_parse(s, command, argc, argv);
	if (status < 0) {
		status = series_run(s);
		machine_probe(&m);
		if (status == ST_OK && s->opt.json)
			status = print_json(s, &m) ? ST_ERROR : ST_OK;
		else if (status == ST_OK)
			print(s, &m);
	}
	series_free(s);
	free(s);
	return status;
}
