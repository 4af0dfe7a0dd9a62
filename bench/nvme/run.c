// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid-bench nvme. For each way to map, one pass reads the whole range and
 * compares every byte; a second one, without comparing, is timed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "device.h"
#include "nvme/run.h"
#include "progress.h"
#include "util.h"

static int open_known(struct nvme_run *r)
{
	const struct nvme_options *o = &r->opt;

	if (!o->verify && !o->image)
		return 0;
	if (o->verify ? known_open_checksums(&r->known, o->verify)
		      : known_open_image(&r->known, o->image))
		return -1;
	r->has_known = true;
	if (o->block % r->known.chunk)
		return fail("%s has a checksum for every %llu bytes: --bs must be a multiple of that",
			    o->verify, (unsigned long long)r->known.chunk);
	return 0;
}

/* How much of the disk is read, now that the disk is known. */
static int choose_range(struct nvme_run *r)
{
	const struct nvme *n = &r->nvme;
	uint64_t disk = n->blocks * n->block;

	if (r->opt.block > n->max_transfer)
		return fail("%s moves at most %llu KiB a command: use a smaller --bs", r->bdf,
			    (unsigned long long)(n->max_transfer / KIB));
	if (r->opt.block % n->block)
		return fail("%s has blocks of %u bytes: --bs must be a multiple of that", r->bdf,
			    n->block);
	if (r->has_known && r->known.serial[0] && strcmp(r->known.serial, n->serial))
		return fail("%s was made from the disk with serial number %s, but this is %s",
			    r->known.path, r->known.serial, n->serial);
	if (r->has_known && r->known.bytes > disk)
		return fail("%s knows %llu bytes, but the disk has only %llu: it belongs to another disk",
			    r->known.path, (unsigned long long)r->known.bytes,
			    (unsigned long long)disk);
	r->bytes = r->opt.size ? r->opt.size : r->has_known ? r->known.bytes : GIB;
	r->bytes = MIN(r->bytes, disk);
	if (r->has_known && r->bytes > r->known.bytes)
		return fail("%s knows only %llu bytes: use a smaller --size", r->known.path,
			    (unsigned long long)r->known.bytes);
	r->bytes -= r->bytes % n->block;
	/* Part of a chunk could not be checked. */
	if (r->has_known && r->bytes < r->known.bytes)
		r->bytes -= r->bytes % r->known.chunk;
	if (!r->bytes)
		return fail("there is less than a block of the disk to read: use a bigger --size");
	return 0;
}

static int open_disk(struct nvme_run *r)
{
	const struct nvme_options *o = &r->opt;
	uint64_t buffers = (uint64_t)o->queues * o->depth * ROUND_UP(o->block, PAGE_4K);
	uint64_t own = nvme_memory_size(o->queues, o->depth), iova;
	char why[160];

	if (mem_missing(o->kind, buffers, why, sizeof(why)))
		return fail("%s memory cannot be had: %s", o->kind->name, why);
	if (mem_allow_lock(buffers + own) || mem_alloc(&r->mem, o->kind, buffers, true))
		return -1;
	if (backend_open(&r->backend, o->backend, r->bdf, o->version, 0))
		return -1;
	if (backend_iova(&r->backend, r->mem.len + own, MAX(o->kind->folio, 2 * MIB), &iova))
		return -1;
	r->data_iova = iova;
	if (nvme_open(&r->nvme, &r->backend, iova + r->mem.len, o->nsid, o->queues, o->depth) ||
	    choose_range(r))
		return -1;
	return nvme_create_queues(&r->nvme, o->irqs);
}

static int make_readers(struct nvme_run *r)
{
	uint64_t room = r->opt.depth * ROUND_UP(r->opt.block, PAGE_4K);
	unsigned int i;

	r->reader = calloc(r->nvme.queues, sizeof(*r->reader));
	if (!r->reader)
		return fail("out of memory");
	r->readers = r->nvme.queues;
	for (i = 0; i < r->readers; i++)
		if (reader_init(&r->reader[i], &r->nvme, i, r->opt.depth, (uint32_t)r->opt.block,
			      r->mem.va + i * room, r->data_iova + i * room))
			return -1;
	return 0;
}

static void *reader_thread(void *arg)
{
	reader_run(arg);
	return NULL;
}

static int run_readers(struct nvme_run *r, const struct reader_job *job)
{
	pthread_t thread[NVME_MAX_QUEUES];
	unsigned int i, started;
	int err = 0;

	for (i = 0; i < r->readers; i++)
		reader_start(&r->reader[i], job);
	for (started = 1; started < r->readers; started++)
		if (pthread_create(&thread[started], NULL, reader_thread, &r->reader[started]))
			break;
	if (started < r->readers)
		err = fail("cannot start %u threads: use fewer --queues", r->readers);
	else
		reader_run(&r->reader[0]);
	for (i = 1; i < started; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < r->readers; i++)
		if (r->reader[i].failed)
			err = -1;
	return err;
}

static int verify_pass(struct nvme_run *r, struct nvme_pass *p, struct reader_job *job)
{
	unsigned int i;

	progress_begin("verifying %llu MiB, maps %s",
		       (unsigned long long)(r->bytes / MIB), p->name);
	job->known = &r->known;
	job->random = false;
	job->reads = 0;
	job->until_ns = 0;
	if (run_readers(r, job))
		return -1;
	p->first_wrong = UINT64_MAX;
	for (i = 0; i < r->readers; i++) {
		p->verified += r->reader[i].bytes;
		p->wrong += r->reader[i].wrong;
		p->first_wrong = MIN(p->first_wrong, r->reader[i].first_wrong);
	}
	if (!p->wrong && p->verified != r->bytes)
		return fail("only %llu of %llu bytes were read: this is a bug",
			    (unsigned long long)p->verified, (unsigned long long)r->bytes);
	return 0;
}

static int timed_reads(struct nvme_run *r, struct nvme_pass *p, struct reader_job *job)
{
	uint64_t from = UINT64_MAX, to = 0, before = p->reads;
	unsigned int i;

	job->known = NULL;
	job->random = !r->opt.sequential;
	job->reads = r->opt.reads;
	job->until_ns = r->opt.reads ? 0 : now_ns() + r->opt.seconds * 1000000000ULL;
	if (run_readers(r, job))
		return -1;
	for (i = 0; i < r->readers; i++) {
		from = MIN(from, r->reader[i].from);
		to = MAX(to, r->reader[i].to);
		p->reads += r->reader[i].completed;
		p->bytes += r->reader[i].bytes;
		hist_merge(p->latency, r->reader[i].latency);
		hist_merge(p->map_call, r->reader[i].map_call);
		hist_merge(p->unmap_call, r->reader[i].unmap_call);
	}
	p->ns += to - from;
	p->iops[p->reps++] = to > from ? (double)(p->reads - before) * 1e9 / (double)(to - from) : 0;
	return 0;
}

static int timed_pass(struct nvme_run *r, struct nvme_pass *p, struct reader_job *job)
{
	int err = 0;

	while (!err && p->reps < r->opt.repeat) {
		progress_begin("reading, maps %s, repetition %u of %u", p->name, p->reps + 1,
			       r->opt.repeat);
		err = timed_reads(r, p, job);
	}
	return err;
}

static int run_pass(struct nvme_run *r, bool per_io)
{
	struct nvme_pass *p = &r->pass[r->passes++];
	struct backend *b = &r->backend;
	struct reader_job job = {
		.nvme = &r->nvme,
		.backend = b,
		.map_per_io = per_io,
		.block = (uint32_t)r->opt.block,
		.bytes = r->bytes,
		.readers = r->readers,
	};
	uint64_t unmapped;
	int err;

	p->name = per_io ? "per-io" : "once";
	p->latency = hist_new();
	p->map_call = hist_new();
	p->unmap_call = hist_new();
	p->iops = calloc(r->opt.repeat, sizeof(*p->iops));
	if (!p->latency || !p->map_call || !p->unmap_call)
		return -1;
	if (!p->iops)
		return fail("out of memory");
	if (!per_io) {
		err = b->ops->map(b, r->mem.va, r->data_iova, r->mem.len);
		if (err)
			return backend_map_failed(b, err, r->data_iova, r->mem.len);
	}
	err = r->has_known ? verify_pass(r, p, &job) : 0;
	if (!err && !p->wrong)
		err = timed_pass(r, p, &job);
	progress_end();
	/* After an error reads may still be in flight: closing comes first. */
	if (!per_io && !err)
		b->ops->unmap(b, r->data_iova, r->mem.len, &unmapped);
	if (!err && p->wrong)
		return fail("with maps made %s, %llu reads differ from %s, the first at byte %llu of the disk",
			    p->name, (unsigned long long)p->wrong, r->known.path,
			    (unsigned long long)p->first_wrong);
	return err;
}

void nvme_end(struct nvme_run *r)
{
	unsigned int i;

	if (r->nvme.backend)
		nvme_close(&r->nvme);
	if (r->backend.ops)
		backend_close(&r->backend);
	for (i = 0; i < r->readers; i++)
		reader_free(&r->reader[i]);
	free(r->reader);
	for (i = 0; i < r->passes; i++) {
		free(r->pass[i].latency);
		free(r->pass[i].map_call);
		free(r->pass[i].unmap_call);
		free(r->pass[i].iops);
	}
	if (r->mem.kind)
		mem_free(&r->mem);
	known_close(&r->known);
}

int nvme_measure(struct nvme_run *r)
{
	int status;

	if (open_known(r))
		return ST_ERROR;
	status = device_claim("nvme", backend_driver(r->opt.backend), r->opt.device, true, r->bdf);
	if (status != ST_OK)
		return status;
	if (open_disk(r) || make_readers(r) || (r->opt.map_once && run_pass(r, false)) ||
	    (r->opt.map_per_io && run_pass(r, true)))
		return ST_ERROR;
	return ST_OK;
}

int command_nvme(int argc, char **argv)
{
	struct nvme_run *r;
	struct machine m;
	int status;

	r = calloc(1, sizeof(*r));
	if (!r)
		return fail("out of memory"), ST_ERROR;
	status = nvme_parse(&r->opt, argc, argv);
	if (status < 0) {
		status = nvme_measure(r);
		progress_end();
		machine_probe(&m);
		if (status == ST_OK && r->opt.json)
			status = nvme_print_json(r, &m) ? ST_ERROR : ST_OK;
		else if (status == ST_OK)
			nvme_print(r, &m);
		nvme_end(r);
	}
	free(r);
	return status;
}
