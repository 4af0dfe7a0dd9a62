// SPDX-License-Identifier: GPL-2.0-only
/* NVMe controller: registers, reset, admin queue, identification. */
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nvme/nvme.h"
#include "util.h"

#define REG_CAP		0x00
#define REG_CC		0x14
#define REG_CSTS	0x1c
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define REG_DOORBELL	0x1000

#define CC_ENABLE	(1U << 0)
#define CC_SHUTDOWN	(1U << 14)
#define CC_IO_SQES	(6U << 16)	/* 64-byte commands */
#define CC_IO_CQES	(4U << 20)	/* 16-byte completions */
#define CSTS_READY	(1U << 0)
#define CSTS_FATAL	(1U << 1)
#define CSTS_SHUTDOWN_DONE	(2U << 2)
#define CSTS_SHUTDOWN_MASK	(3U << 2)

#define ADMIN_ENTRIES	32
#define COMMAND_TIMEOUT_NS	10000000000ULL

static uint32_t get32(const struct nvme *n, uint32_t reg)
{
	return le32toh(*(volatile uint32_t *)(n->bar + reg));
}

static void set32(struct nvme *n, uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(n->bar + reg) = htole32(value);
}

/* Two halves: some controllers do not take 64-bit accesses. */
static uint64_t get64(const struct nvme *n, uint32_t reg)
{
	return get32(n, reg) | (uint64_t)get32(n, reg + 4) << 32;
}

static void set64(struct nvme *n, uint32_t reg, uint64_t value)
{
	set32(n, reg, (uint32_t)value);
	set32(n, reg + 4, (uint32_t)(value >> 32));
}

/* CAP.TO, in units of 500 ms; at least a second. */
static uint64_t ready_timeout_ns(const struct nvme *n)
{
	return (MAX(n->cap >> 24 & 0xff, 2)) * 500000000ULL;
}

static int wait_status(const struct nvme *n, uint32_t mask, uint32_t want, const char *what)
{
	uint64_t until = now_ns() + ready_timeout_ns(n);
	uint32_t status;

	for (;;) {
		status = get32(n, REG_CSTS);
		if (status == UINT32_MAX)
			return fail("the NVMe controller fell off the bus while it was to %s: power-cycle it",
				    what);
		if ((status & mask) == want)
			return 0;
		if (status & CSTS_FATAL && want)
			return fail("the NVMe controller reports a fatal error while it was to %s (CSTS %#x)",
				    what, status);
		if (now_ns() > until)
			return fail("the NVMe controller did not %s in time (CSTS %#x)", what, status);
		usleep(100);
	}
}

/* Room in the driver's own memory, whole pages; its IOVA, 0 when used up. */
uint64_t nvme_page(struct nvme *n, uint64_t bytes, char **va)
{
	uint64_t at = n->memory.used;

	bytes = ROUND_UP(bytes, PAGE_4K);
	if (n->memory.len - at < bytes)
		return 0;
	n->memory.used += bytes;
	*va = n->memory.va + at;
	return n->memory.iova + at;
}

int nvme_init_queue(struct nvme *n, struct nvme_queue *q, uint16_t id, uint16_t entries)
{
	uint32_t stride = 4U << (n->cap >> 32 & 0xf);
	uint64_t doorbell = REG_DOORBELL + 2ULL * id * stride;
	char *sq = NULL, *cq = NULL;

	if (doorbell + 2 * stride > n->bar_size)
		return fail("the NVMe controller's registers end before queue %u: use fewer --queues",
			    id);
	q->id = id;
	q->entries = entries;
	q->sq_tail = 0;
	q->cq_head = 0;
	q->phase = 1;
	q->irq = -1;
	q->sq_iova = nvme_page(n, entries * sizeof(*q->sq), &sq);
	q->cq_iova = nvme_page(n, entries * sizeof(*q->cq), &cq);
	if (!q->sq_iova || !q->cq_iova)
		return fail("no memory left for queue %u", id);
	memset(sq, 0, entries * sizeof(*q->sq));
	memset(cq, 0, entries * sizeof(*q->cq));
	q->sq = (struct nvme_command *)(void *)sq;
	q->cq = (struct nvme_completion *)(void *)cq;
	q->sq_doorbell = (volatile uint32_t *)(void *)(n->bar + doorbell);
	q->cq_doorbell = (volatile uint32_t *)(void *)(n->bar + doorbell + stride);
	return 0;
}

void nvme_disable(struct nvme *n)
{
	if (n->started) {
		set32(n, REG_CC, (get32(n, REG_CC) & ~(3U << 14)) | CC_SHUTDOWN);
		wait_status(n, CSTS_SHUTDOWN_MASK, CSTS_SHUTDOWN_DONE, "shut down");
	}
	set32(n, REG_CC, 0);
	wait_status(n, CSTS_READY, 0, "stop");
	n->started = false;
}

int nvme_enable(struct nvme *n)
{
	n->cap = get64(n, REG_CAP);
	if (n->cap == UINT64_MAX)
		return fail("%s does not answer (all registers read as ones): power-cycle it",
			    n->backend->bdf);
	if (n->cap >> 48 & 0xf)
		return fail("%s cannot use 4K pages", n->backend->bdf);
	set32(n, REG_CC, 0);
	if (wait_status(n, CSTS_READY, 0, "stop"))
		return -1;
	if (nvme_init_queue(n, &n->admin, 0, ADMIN_ENTRIES))
		return -1;
	set32(n, REG_AQA, (ADMIN_ENTRIES - 1) << 16 | (ADMIN_ENTRIES - 1));
	set64(n, REG_ASQ, n->admin.sq_iova);
	set64(n, REG_ACQ, n->admin.cq_iova);
	set32(n, REG_CC, CC_IO_CQES | CC_IO_SQES | CC_ENABLE);
	if (wait_status(n, CSTS_READY, CSTS_READY, "start"))
		return -1;
	n->started = true;
	return 0;
}

int nvme_admin(struct nvme *n, struct nvme_command *c, uint32_t *result, const char *what)
{
	uint64_t until = now_ns() + COMMAND_TIMEOUT_NS;
	struct nvme_completion done;

	nvme_queue_command(&n->admin, c);
	nvme_ring(&n->admin);
	while (!nvme_poll(&n->admin, &done)) {
		if (get32(n, REG_CSTS) & CSTS_FATAL)
			return fail("the NVMe controller died of a fatal error: %s", what);
		if (now_ns() > until)
			return fail("the NVMe controller did not answer in 10 s: %s", what);
	}
	nvme_done(&n->admin);
	if (done.status >> 1)
		return nvme_status_failed(what, done.status);
	if (result)
		*result = done.result;
	return 0;
}

static int identify(struct nvme *n, uint32_t kind, uint32_t nsid, char *page, uint64_t iova)
{
	struct nvme_command c = {
		.opcode = NVME_ADMIN_IDENTIFY,
		.nsid = htole32(nsid),
		.prp1 = htole64(iova),
		.cdw10 = htole32(kind),
	};

	memset(page, 0, PAGE_4K);
	return nvme_admin(n, &c, NULL, "identify");
}

/* Space-padded ASCII of the identify data. */
static void copy_text(char *out, const char *in, size_t len)
{
	memcpy(out, in, len);
	out[len] = '\0';
	while (len && out[len - 1] == ' ')
		out[--len] = '\0';
}

static uint32_t le32_at(const char *page, size_t at)
{
	uint32_t v;

	memcpy(&v, page + at, sizeof(v));
	return le32toh(v);
}

static int identify_namespace(struct nvme *n, char *page, uint64_t iova)
{
	uint64_t blocks;
	uint32_t format;

	if (identify(n, 0, n->nsid, page, iova))
		return -1;
	memcpy(&blocks, page, sizeof(blocks));
	n->blocks = le64toh(blocks);
	if (!n->blocks)
		return fail("namespace %u of %s is not there: choose another with --nsid",
			    n->nsid, n->backend->bdf);
	/* FLBAS: bits 3:0 and 6:5 name the format, bit 4 inline metadata. */
	format = (uint32_t)(page[26] & 0xf) | (uint32_t)(page[26] & 0x60) >> 1;
	format = le32_at(page, 128 + 4 * format);
	if (page[26] & 0x10 && format & 0xffff)
		return fail("namespace %u mixes data with %u bytes of metadata a block: such formats are not supported",
			    n->nsid, format & 0xffff);
	if ((format >> 16 & 0xff) < 9 || (format >> 16 & 0xff) > 12)
		return fail("namespace %u has blocks of 2^%u bytes: only 512 to 4096 are supported",
			    n->nsid, format >> 16 & 0xff);
	n->block = 1U << (format >> 16 & 0xff);
	return 0;
}

int nvme_identify(struct nvme *n, uint32_t nsid)
{
	uint64_t iova, most;
	char *page = NULL;

	iova = nvme_page(n, PAGE_4K, &page);
	if (!iova)
		return fail("no memory left to identify the controller");
	if (identify(n, 1, 0, page, iova))
		return -1;
	copy_text(n->serial, page + 4, 20);
	copy_text(n->model, page + 24, 40);
	copy_text(n->firmware, page + 64, 8);
	/* MDTS counts in units of the smallest page size, 4K here; 0: no limit. */
	most = page[77] ? PAGE_4K << MIN((unsigned char)page[77], 20) : MIB;
	/* One page of PRP entries and what PRP1 points to. */
	n->max_transfer = MIN(most, MIB);
	if (!nsid) {
		if (identify(n, 2, 0, page, iova))
			return -1;
		nsid = le32_at(page, 0);
		if (!nsid)
			return fail("%s has no active namespace", n->backend->bdf);
	}
	n->nsid = nsid;
	return identify_namespace(n, page, iova);
}
