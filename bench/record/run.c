// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid-bench record: series of map for each number of threads, then the passes of nvme on
 * each backend, all into one record.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "machine.h"
#include "nvme/run.h"
#include "progress.h"
#include "record/command.h"
#include "record/record.h"
#include "util.h"

#define OUTPUT_ROOM	(4 * MIB)	/* both files take less */

struct recording {
	struct record_options opt;
	struct record record;
	struct counters counters;
	char backends[256];		/* names, with commas */
	char bdf[PCI_BDF_LEN];		/* of the maps; "" until the first series has run */
};

/* One row with a value for each repetition, unless one of them is absent. */
static int add_row(struct record *r, const struct row *like, const double *value, size_t n)
{
	struct row *row;
	size_t i;

	for (i = 0; i < n; i++)
		if (!isfinite(value[i]))
			return 0;
	row = n ? record_row(r) : NULL;
	if (!row)
		return n ? -1 : 0;
	row->threads = like->threads;
	row->more_is_better = like->more_is_better;
	if (record_text(&row->workload, like->workload) || record_text(&row->memory, like->memory) ||
	    record_text(&row->backend, like->backend) ||
	    record_text(&row->answered_by, like->answered_by) ||
	    record_text(&row->measure, like->measure) || record_text(&row->unit, like->unit))
		return -1;
	for (i = 0; i < n; i++)
		if (row_add(row, value[i]))
			return -1;
	return interval_of(row->value, n, &row->mid);
}

/*
 * What a repetition's total is divided by. One unmap call over a whole storm is shared by all
 * its maps.
 */
static double units(const struct result *r, const struct side *s)
{
	return r->work->per_call ? (double)r->map.calls : (double)s->bytes / (double)PAGE_4K;
}

static int add_times(struct record *record, const struct result *r, const struct side *s,
		     struct row like)
{
	double value[INTERVAL_MAX];
	unsigned int i;

	for (i = 0; i < s->reps; i++)
		value[i] = (double)s->ns[i] / units(r, s);
	like.unit = (char *)(r->work->per_call ? "ns per call" : "ns per page");
	return add_row(record, &like, value, s->reps);
}

static int add_counts(struct record *record, const struct result *r, const struct side *s,
		      struct row like)
{
	double value[INTERVAL_MAX];
	unsigned int i, c;
	char unit[64];

	like.unit = unit;
	for (c = 0; c < COUNTERS; c++) {
		for (i = 0; i < s->reps; i++)
			value[i] = s->counted[i].value[c] / units(r, s);
		snprintf(unit, sizeof(unit), "%s per %s", counter_name[c],
			 r->work->per_call ? "call" : "page");
		if (add_row(record, &like, value, s->reps))
			return -1;
	}
	return 0;
}

static int add_result(struct record *record, const struct result *r)
{
	struct row like = {
		.workload = (char *)r->work->name,
		.memory = (char *)r->work->kind->name,
		.backend = (char *)r->ops->name,
		.answered_by = (char *)r->backend,
		.threads = r->work->threads,
	};
	bool apart = r->work->type == WORK_FILL;
	char what[160];

	if (r->skipped[0]) {
		snprintf(what, sizeof(what), "%s, %s, %s, %u threads", like.workload, like.memory,
			 like.backend, r->work->threads);
		return record_missing(record, what, r->skipped);
	}
	like.measure = (char *)"map";
	if (add_times(record, r, &r->map, like))
		return -1;
	like.measure = (char *)"unmap";
	if (add_times(record, r, &r->unmap, like))
		return -1;
	like.measure = (char *)(apart ? "map" : "map and unmap");
	if (add_counts(record, r, &r->map, like))
		return -1;
	like.measure = (char *)"unmap";
	return apart ? add_counts(record, r, &r->unmap, like) : 0;
}

/* An exit status. */
static int run_series(struct recording *rec, unsigned int threads)
{
	struct series *s = calloc(1, sizeof(*s));
	unsigned int i;
	int status;

	if (!s)
		return fail("out of memory"), ST_ERROR;
	status = record_series(&rec->opt, rec->backends, threads, s);
	if (status < 0) {
		s->counters = &rec->counters;
		status = series_run(s);
		snprintf(rec->bdf, sizeof(rec->bdf), "%s", s->bdf);
	}
	for (i = 0; status == ST_OK && i < s->works * s->opt.backends; i++)
		if (add_result(&rec->record, &s->result[i]))
			status = ST_ERROR;
	series_free(s);
	free(s);
	return status;
}

static int add_passes(struct record *record, const struct nvme_run *r)
{
	struct row like = {
		.memory = (char *)r->opt.kind->name,
		.backend = (char *)r->opt.backend->name,
		.answered_by = (char *)r->backend.answered,
		.measure = (char *)"read",
		.unit = (char *)"reads per second",
		.threads = r->readers,
		.more_is_better = true,
	};
	char name[32];
	unsigned int i;

	like.workload = name;
	for (i = 0; i < r->passes; i++) {
		snprintf(name, sizeof(name), "nvme, maps %s", r->pass[i].name);
		if (add_row(record, &like, r->pass[i].iops, r->pass[i].reps))
			return -1;
	}
	return 0;
}

/* The disk on one backend; an exit status. */
static int run_disk(struct recording *rec, const struct backend_ops *ops, const char *disk)
{
	struct nvme_run *r = calloc(1, sizeof(*r));
	char *argv[] = { (char *)"nvme", NULL };
	int status;

	if (!r)
		return fail("out of memory"), ST_ERROR;
	optind = 0;
	nvme_parse(&r->opt, 1, argv);
	r->opt.backend = ops;
	r->opt.device = disk;
	r->opt.verify = rec->opt.verify;
	r->opt.repeat = rec->opt.repeat;
	r->opt.seconds = rec->opt.seconds;
	r->opt.reads = rec->opt.ios;
	status = ops->select && strchr(rec->backends, ',') && ops->select(ops) ? ST_ERROR : ST_OK;
	if (status == ST_OK)
		status = nvme_measure(r);
	progress_end();
	if (status == ST_OK && add_passes(&rec->record, r))
		status = ST_ERROR;
	if (status == ST_OK && !record_find(&rec->record, "disk", "model") &&
	    (record_fact(&rec->record, "disk", "model", "%s", r->nvme.model) ||
	     record_fact(&rec->record, "disk", "firmware", "%s", r->nvme.firmware) ||
	     record_fact(&rec->record, "disk", "verified", r->has_known ? "every byte" : "no")))
		status = ST_ERROR;
	nvme_end(r);
	free(r);
	return status;
}

static int run_disks(struct recording *rec)
{
	const struct record_options *o = &rec->opt;
	const char *disk = o->disk, *why = NULL;
	const struct backend_ops *ops;
	char copy[256], *save = NULL, *name;
	int status = ST_OK;

	if (!disk && pci_class(rec->bdf) == PCI_CLASS_NVME)
		disk = rec->bdf;
	if (!disk)
		return record_missing(&rec->record, "nvme", "no disk was named: use --disk") ? ST_ERROR
											      : ST_OK;
	if (record_device(&rec->record, "disk", disk))
		return ST_ERROR;
	snprintf(copy, sizeof(copy), "%s", rec->backends);
	for (name = strtok_r(copy, ",", &save); name && status == ST_OK;
	     name = strtok_r(NULL, ",", &save)) {
		ops = backend_find(name);
		why = ops->files ? "it maps memory of files alone" : !ops->device_fd ? "it has no device" : NULL;
		if (!why)
			status = run_disk(rec, ops, disk);
		else if (record_missing(&rec->record, name, why))
			status = ST_ERROR;
	}
	return status;
}

/* What this machine could run; a user who names backends knows better. */
static void choose_backends(struct recording *rec)
{
	bool both = !access("/sys/module/ioasid_vfio", F_OK) &&
		    !access("/sys/module/vfio_iommu_type1", F_OK);

	snprintf(rec->backends, sizeof(rec->backends), "%s",
		 rec->opt.backends ? rec->opt.backends : both ? "type1,ioasid" : "auto");
}

/* All that can be wrong with the arguments is found before anything is measured. */
static int check_series(struct recording *rec)
{
	struct series *s = calloc(1, sizeof(*s));
	unsigned int i;
	int status = -1;

	if (!s)
		return fail("out of memory"), ST_ERROR;
	for (i = 0; status < 0 && i < rec->opt.threads_n; i++)
		status = record_series(&rec->opt, rec->backends, rec->opt.threads[i], s);
	free(s);
	return status;
}

/* The folder takes files of that size, so that minutes of measuring are not for nothing. */
static int check_output(const char *name)
{
	const char *slash = strrchr(name, '/');
	char folder[512] = ".";
	struct statvfs fs;

	if (slash && slash != name)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - name), name);
	else if (slash)
		snprintf(folder, sizeof(folder), "/");
	if (access(folder, W_OK | X_OK) || statvfs(folder, &fs))
		return fail("cannot write into the folder '%s': %m; use --output", folder);
	if ((uint64_t)fs.f_bavail * fs.f_bsize < OUTPUT_ROOM)
		return fail("there is no room for %llu MiB in the folder '%s': use --output",
			    OUTPUT_ROOM / MIB, folder);
	return 0;
}

static int describe(struct recording *rec)
{
	const struct record_options *o = &rec->opt;
	struct record *r = &rec->record;
	char program[64], taken[32], list[256] = "";
	time_t now = time(NULL);
	size_t len = 0;
	unsigned int i;
	struct tm tm;

	snprintf(program, sizeof(program), "ioasid-bench %s", VERSION);
	strftime(taken, sizeof(taken), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	if (record_text(&r->program, program) || record_text(&r->taken, taken) || record_machine(r))
		return -1;
	for (i = 0; i < o->threads_n; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%u", i ? "," : "", o->threads[i]);
	if (record_fact(r, "options", "backends", "%s", rec->backends) ||
	    record_fact(r, "options", "threads", "%s", list) ||
	    record_fact(r, "options", "repetitions", "%u", o->repeat))
		return -1;
	for (i = len = 0; i < o->passed_on_n; i++) {
		/* Where the device is says nothing of how fast it is; what it is, is a fact of its own. */
		if (!strcmp(o->passed_on[i], "--device"))
			i++;
		else if (len + strlen(o->passed_on[i]) + 2 < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? " " : "",
						o->passed_on[i]);
	}
	return len ? record_fact(r, "options", "others", "%s", list) : 0;
}

static int absent_counters(struct recording *rec)
{
	unsigned int i;

	for (i = 0; i < COUNTERS; i++)
		if (rec->counters.why_not[i][0] &&
		    record_missing(&rec->record, counter_name[i], rec->counters.why_not[i]))
			return -1;
	return 0;
}

/* An exit status. */
static int measure(struct recording *rec)
{
	int status = check_series(rec);
	unsigned int i;

	if (status >= 0)
		return status;
	if (check_output(rec->opt.output))
		return ST_ERROR;
	counters_open(&rec->counters);
	status = describe(rec) ? ST_ERROR : ST_OK;
	for (i = 0; status == ST_OK && i < rec->opt.threads_n; i++)
		status = run_series(rec, rec->opt.threads[i]);
	if (status == ST_OK && record_device(&rec->record, "maps", rec->bdf))
		status = ST_ERROR;
	if (status == ST_OK)
		status = run_disks(rec);
	if (status == ST_OK && absent_counters(rec))
		status = ST_ERROR;
	counters_close(&rec->counters);
	return status;
}

/* NAME.json, and NAME.html of what is in it. */
static int write_files(struct recording *rec)
{
	const char *name = rec->opt.output;
	char json[4096], page[4096];

	if (snprintf(json, sizeof(json), "%s.json", name) >= (int)sizeof(json))
		return fail("the name of --output is too long");
	snprintf(page, sizeof(page), "%s.html", name);
	if (!rec->opt.from && record_write(&rec->record, json))
		return -1;
	if (record_page(&rec->record, page))
		return -1;
	if (rec->opt.from)
		printf("page: %s\n", page);
	else
		printf("results: %s\npage:    %s\n", json, page);
	return 0;
}

int command_record(int argc, char **argv)
{
	struct recording *rec = calloc(1, sizeof(*rec));
	int status;

	if (!rec)
		return fail("out of memory"), ST_ERROR;
	status = record_parse(&rec->opt, argc, argv);
	if (status < 0) {
		choose_backends(rec);
		if (rec->opt.from)
			status = record_read(&rec->record, rec->opt.from) ? ST_ERROR : ST_OK;
		else
			status = measure(rec);
		if (status == ST_OK && write_files(rec))
			status = ST_ERROR;
	}
	record_free(&rec->record);
	free(rec);
	return status;
}
