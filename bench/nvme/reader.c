// SPDX-License-Identifier: GPL-2.0-only
/* Reads in flight on one queue. */
#include <stdlib.h>
#include <string.h>

#include "nvme/reader.h"
#include "progress.h"
#include "util.h"

/* No block of a disk looks like this by chance and by mistake at once. */
#define POISON 0xa5

int reader_init(struct reader *l, struct nvme *n, unsigned int index, unsigned int depth,
	      uint32_t block, char *va, uint64_t iova)
{
	uint64_t room = ROUND_UP(block, PAGE_4K);
	unsigned int i;

	memset(l, 0, sizeof(*l));
	l->index = index;
	l->queue = &n->io[index];
	l->depth = depth;
	l->slot = calloc(depth, sizeof(*l->slot));
	l->idle = calloc(depth, sizeof(*l->idle));
	l->latency = hist_new();
	l->map_call = hist_new();
	l->unmap_call = hist_new();
	if (!l->slot || !l->idle || !l->latency || !l->map_call || !l->unmap_call)
		return fail("out of memory");
	for (i = 0; i < depth; i++) {
		l->slot[i].va = va + i * room;
		l->slot[i].iova = iova + i * room;
		l->slot[i].prp_list = nvme_prp_page(n, &l->slot[i].prp_iova);
		if (!l->slot[i].prp_list)
			return fail("no memory left for PRP lists");
	}
	return 0;
}

void reader_free(struct reader *l)
{
	free(l->slot);
	free(l->idle);
	free(l->latency);
	free(l->map_call);
	free(l->unmap_call);
}

static void hist_clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

void reader_start(struct reader *l, const struct reader_job *job)
{
	unsigned int i;

	l->job = job;
	l->idles = l->depth;
	for (i = 0; i < l->depth; i++)
		l->idle[i] = (uint16_t)(l->depth - 1 - i);
	l->issued = 0;
	l->completed = 0;
	l->bytes = 0;
	l->wrong = 0;
	l->first_wrong = UINT64_MAX;
	l->random_state = 0x4e564d65 + l->index;
	l->failed = false;
	hist_clear(l->latency);
	hist_clear(l->map_call);
	hist_clear(l->unmap_call);
}

/* Lanes take blocks in turn; only a sequential run meets the short last one. */
static bool next_block(struct reader *l, uint64_t *offset, uint32_t *len)
{
	const struct reader_job *job = l->job;
	uint64_t blocks = DIV_ROUND_UP(job->bytes, job->block), block;

	if (job->reads && l->issued >= job->reads)
		return false;
	if (job->random) {
		block = next_random(&l->random_state) % MAX(job->bytes / job->block, 1);
	} else {
		block = l->index + l->issued * job->readers;
		if (block >= blocks && !job->reads && !job->until_ns)
			return false;
		block %= blocks;
	}
	*offset = block * job->block;
	*len = (uint32_t)MIN(job->block, job->bytes - *offset);
	return true;
}

static int map_slot(struct reader *l, const struct slot *s)
{
	struct backend *b = l->job->backend;
	uint64_t len = ROUND_UP(s->len, PAGE_4K), before = now_ns();
	int err = b->ops->map(b, s->va, s->iova, len);

	if (err)
		return backend_map_failed(b, err, s->iova, len);
	hist_add(l->map_call, now_ns() - before);
	return 0;
}

static int unmap_slot(struct reader *l, const struct slot *s)
{
	struct backend *b = l->job->backend;
	uint64_t len = ROUND_UP(s->len, PAGE_4K), before = now_ns(), got = 0;
	int err = b->ops->unmap(b, s->iova, len, &got);

	if (err || got != len)
		return fail("%s unmapped %llu of %llu bytes: %s", b->answered,
			    (unsigned long long)got, (unsigned long long)len,
			    err ? strerror(-err) : "no error given");
	hist_add(l->unmap_call, now_ns() - before);
	return 0;
}

/* Put reads into the ring until it is full or there are no more. */
static int issue(struct reader *l)
{
	const struct reader_job *job = l->job;
	struct nvme_command c;
	bool any = false;
	struct slot *s;
	uint16_t id;

	while (l->idles) {
		id = l->idle[l->idles - 1];
		s = &l->slot[id];
		if (!next_block(l, &s->offset, &s->len))
			break;
		l->idles--;
		l->issued++;
		/* Whatever a read before left there must not pass for this one. */
		if (job->known)
			memset(s->va, POISON, s->len);
		if (job->map_per_io && map_slot(l, s))
			return -1;
		nvme_prepare_read(job->nvme, &c, id, s->offset, s->len, s->iova, s->prp_list,
				  s->prp_iova);
		s->submitted = now_ns();
		nvme_queue_command(l->queue, &c);
		any = true;
	}
	if (any)
		nvme_ring(l->queue);
	return 0;
}

static int complete(struct reader *l, const struct nvme_completion *c)
{
	const struct reader_job *job = l->job;
	uint64_t wrong, now = now_ns();
	struct slot *s;

	if (c->id >= l->depth)
		return fail("the NVMe controller completed a command that was not sent (%u)",
			    c->id);
	s = &l->slot[c->id];
	hist_add(l->latency, now - s->submitted);
	if (c->status >> 1)
		return nvme_status_failed("read", c->status);
	if (job->map_per_io && unmap_slot(l, s))
		return -1;
	if (job->known) {
		wrong = known_check(job->known, s->offset, s->va, s->len);
		l->wrong += wrong != UINT64_MAX;
		l->first_wrong = MIN(l->first_wrong, wrong);
	}
	l->bytes += s->len;
	l->completed++;
	l->idle[l->idles++] = c->id;
	return 0;
}

static int drain(struct reader *l)
{
	struct nvme_completion c;

	if (nvme_wait(l->job->nvme, l->queue))
		return -1;
	while (nvme_poll(l->queue, &c))
		if (complete(l, &c))
			return -1;
	nvme_done(l->queue);
	return 0;
}

void reader_run(struct reader *l)
{
	const struct reader_job *job = l->job;
	uint64_t total = DIV_ROUND_UP(job->bytes, job->block) / job->readers;
	bool stop = false;

	l->from = now_ns();
	for (;;) {
		if (job->until_ns && !stop)
			stop = now_ns() >= job->until_ns;
		if (!stop && issue(l))
			break;
		if (l->idles == l->depth) {
			l->to = now_ns();
			return;
		}
		if (drain(l))
			break;
		if (l->index == 0)
			progress_step(l->completed, job->reads ? job->reads
						    : job->until_ns ? 0 : total);
	}
	l->to = now_ns();
	l->failed = true;
}
