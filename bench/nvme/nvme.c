// SPDX-License-Identifier: GPL-2.0-only
/* NVMe: opening, I/O queues, reading. */
#include <endian.h>
#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nvme/nvme.h"
#include "util.h"

#define IO_TIMEOUT_NS	10000000000ULL
#define IO_TIMEOUT_MS	10000

/* Queues, identify data and one PRP page per command in flight. */
uint64_t nvme_memory_size(unsigned int queues, unsigned int depth)
{
	uint64_t per_queue;

	per_queue = ROUND_UP((depth + 1) * sizeof(struct nvme_command), PAGE_4K) +
		    ROUND_UP((depth + 1) * sizeof(struct nvme_completion), PAGE_4K) +
		    depth * PAGE_4K;
	return queues * per_queue + 8 * PAGE_4K;
}

static int get_memory(struct nvme *n)
{
	struct nvme_memory *m = &n->memory;
	int err;

	m->len = nvme_memory_size(n->queues, n->depth);
	m->va = mmap(NULL, m->len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m->va == MAP_FAILED) {
		m->va = NULL;
		return fail("no memory for the queues: %s", strerror(errno));
	}
	err = n->backend->ops->map(n->backend, m->va, m->iova, m->len);
	if (err)
		return backend_map_failed(n->backend, err, m->iova, m->len);
	return 0;
}

static int map_registers(struct nvme *n)
{
	struct vfio_region bar;
	void *p;

	if (vfio_region(n->device_fd, VFIO_PCI_BAR0_REGION_INDEX, &bar))
		return -1;
	if (!bar.mappable || bar.size < 2 * PAGE_4K)
		return fail("the registers of %s cannot be mapped into this program",
			    n->backend->bdf);
	p = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, n->device_fd,
		 (off_t)bar.offset);
	if (p == MAP_FAILED)
		return fail("cannot map the registers of %s: %s", n->backend->bdf,
			    strerror(errno));
	n->bar = p;
	n->bar_size = bar.size;
	return 0;
}

int nvme_open(struct nvme *n, struct backend *b, uint64_t iova, uint32_t nsid,
	      unsigned int queues, unsigned int depth)
{
	memset(n, 0, sizeof(*n));
	n->memory.iova = iova;
	n->backend = b;
	n->queues = queues;
	n->depth = depth;
	n->device_fd = b->ops->device_fd(b);
	if (n->device_fd < 0)
		return -1;
	/* VFIO has reset the function; nvme_enable() resets the controller. */
	if (get_memory(n) || vfio_enable_dma(n->device_fd) || map_registers(n) ||
	    nvme_enable(n))
		return -1;
	if (n->depth + 1 > (n->cap & 0xffff) + 1)
		return fail("%s takes at most %u commands in a queue: use a smaller --depth",
			    b->bdf, (unsigned int)(n->cap & 0xffff));
	return nvme_identify(n, nsid);
}

static int ask_for_queues(struct nvme *n)
{
	struct nvme_command c = {
		.opcode = NVME_ADMIN_SET_FEATURES,
		.cdw10 = htole32(7),		/* number of queues */
		.cdw11 = htole32((n->queues - 1) << 16 | (n->queues - 1)),
	};
	unsigned int granted;
	uint32_t result;

	if (nvme_admin(n, &c, &result, "ask for I/O queues"))
		return -1;
	granted = MIN(result & 0xffff, result >> 16) + 1;
	if (granted < n->queues) {
		note("%s grants %u of %u queues", n->backend->bdf, granted, n->queues);
		n->queues = granted;
	}
	return 0;
}

static int create_queue(struct nvme *n, struct nvme_queue *q)
{
	struct nvme_command cq = {
		.opcode = NVME_ADMIN_CREATE_CQ,
		.prp1 = htole64(q->cq_iova),
		.cdw10 = htole32((uint32_t)(q->entries - 1) << 16 | q->id),
		/* Physically contiguous; the vector is the queue's number. */
		.cdw11 = htole32(1 | (n->irqs ? 2 | (uint32_t)q->id << 16 : 0)),
	};
	struct nvme_command sq = {
		.opcode = NVME_ADMIN_CREATE_SQ,
		.prp1 = htole64(q->sq_iova),
		.cdw10 = htole32((uint32_t)(q->entries - 1) << 16 | q->id),
		.cdw11 = htole32((uint32_t)q->id << 16 | 1),
	};

	if (nvme_admin(n, &cq, NULL, "create a completion queue"))
		return -1;
	return nvme_admin(n, &sq, NULL, "create a submission queue");
}

/* Vector 0 belongs to the admin queue, which is always polled. */
static int enable_irqs(struct nvme *n)
{
	int fds[NVME_MAX_QUEUES + 1] = { -1 };
	unsigned int i;

	for (i = 0; i < n->queues; i++) {
		n->io[i].irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (n->io[i].irq < 0)
			return fail("cannot make an eventfd: %s", strerror(errno));
		fds[i + 1] = n->io[i].irq;
	}
	return vfio_set_msix(n->device_fd, fds, n->queues + 1);
}

int nvme_create_queues(struct nvme *n, bool irqs)
{
	unsigned int i;

	if (ask_for_queues(n))
		return -1;
	n->irqs = irqs;
	for (i = 0; i < n->queues; i++)
		if (nvme_init_queue(n, &n->io[i], (uint16_t)(i + 1),
				    (uint16_t)(n->depth + 1)))
			return -1;
	if (irqs && enable_irqs(n))
		return -1;
	for (i = 0; i < n->queues; i++)
		if (create_queue(n, &n->io[i]))
			return -1;
	return 0;
}

/* The controller first, then what it could still have written to. */
void nvme_close(struct nvme *n)
{
	uint64_t unmapped;
	unsigned int i;

	if (n->bar) {
		nvme_disable(n);
		munmap(n->bar, n->bar_size);
	}
	if (n->device_fd >= 0) {
		vfio_disable_dma(n->device_fd);
		if (n->irqs)
			vfio_clear_msix(n->device_fd);
		close(n->device_fd);
	}
	for (i = 0; n->irqs && i < n->queues; i++)
		if (n->io[i].irq >= 0)
			close(n->io[i].irq);
	if (n->memory.va) {
		n->backend->ops->unmap(n->backend, n->memory.iova, n->memory.len, &unmapped);
		munmap(n->memory.va, n->memory.len);
	}
	n->bar = NULL;
	n->device_fd = -1;
	n->memory.va = NULL;
}

void *nvme_prp_page(struct nvme *n, uint64_t *iova)
{
	char *va = NULL;

	*iova = nvme_page(n, PAGE_4K, &va);
	return *iova ? va : NULL;
}

void nvme_prepare_read(const struct nvme *n, struct nvme_command *c, uint16_t id,
		       uint64_t offset, uint32_t len, uint64_t iova, uint64_t *prp_list,
		       uint64_t prp_iova)
{
	uint64_t lba = offset / n->block;
	uint32_t pages = (uint32_t)DIV_ROUND_UP(len, PAGE_4K), i;

	memset(c, 0, sizeof(*c));
	c->opcode = NVME_IO_READ;
	c->id = id;
	c->nsid = htole32(n->nsid);
	c->prp1 = htole64(iova);
	if (pages == 2) {
		c->prp2 = htole64(iova + PAGE_4K);
	} else if (pages > 2) {
		for (i = 1; i < pages; i++)
			prp_list[i - 1] = htole64(iova + i * PAGE_4K);
		c->prp2 = htole64(prp_iova);
	}
	c->cdw10 = htole32((uint32_t)lba);
	c->cdw11 = htole32((uint32_t)(lba >> 32));
	c->cdw12 = htole32(len / n->block - 1);
}

void nvme_queue_command(struct nvme_queue *q, const struct nvme_command *c)
{
	q->sq[q->sq_tail] = *c;
	if (++q->sq_tail == q->entries)
		q->sq_tail = 0;
}

void nvme_ring(struct nvme_queue *q)
{
	/* The commands must be in memory before the controller reads them. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*q->sq_doorbell = htole32(q->sq_tail);
}

bool nvme_poll(struct nvme_queue *q, struct nvme_completion *c)
{
	volatile struct nvme_completion *e = &q->cq[q->cq_head];
	uint16_t status = le16toh(e->status);

	if ((status & 1) != q->phase)
		return false;
	/* The phase says that the rest of the entry, and the data, are there. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	c->result = le32toh(e->result);
	c->id = e->id;
	c->status = status;
	if (++q->cq_head == q->entries) {
		q->cq_head = 0;
		q->phase ^= 1;
	}
	return true;
}

void nvme_done(struct nvme_queue *q)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*q->cq_doorbell = htole32(q->cq_head);
}

static bool has_completion(const struct nvme_queue *q)
{
	return (le16toh(q->cq[q->cq_head].status) & 1) == q->phase;
}

static int timed_out(const struct nvme *n, const struct nvme_queue *q)
{
	return fail("no completion from %s, queue %u, in 10 s: is DMA blocked? see dmesg",
		    n->backend->bdf, q->id);
}

int nvme_wait(struct nvme *n, struct nvme_queue *q)
{
	struct pollfd p = { .fd = q->irq, .events = POLLIN };
	uint64_t until, count, spins = 0;
	int ready;

	if (q->irq >= 0) {
		while (!has_completion(q)) {
			ready = poll(&p, 1, IO_TIMEOUT_MS);
			if (ready == 0)
				return timed_out(n, q);
			if (ready > 0 && read(q->irq, &count, sizeof(count)) < 0 &&
			    errno != EAGAIN)
				return fail("cannot read an eventfd: %s", strerror(errno));
		}
		return 0;
	}
	until = now_ns() + IO_TIMEOUT_NS;
	while (!has_completion(q)) {
		/* An emulated controller may need this very processor. */
		if (++spins % 64 == 0)
			sched_yield();
		if (spins % 1024 == 0 && now_ns() > until)
			return timed_out(n, q);
	}
	return 0;
}

int nvme_status_failed(const char *what, uint16_t status)
{
	unsigned int type = status >> 9 & 7, code = status >> 1 & 0xff;

	return fail("the NVMe controller refused to %s: status code type %u, code %#x%s", what,
		    type, code, type == 2 && code == 0x81 ? " (unrecovered read error)" : "");
}
