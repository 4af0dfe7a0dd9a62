/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small NVMe driver over a VFIO device fd. It can identify a controller,
 * make I/O queues and read; no other I/O command is in it, so that nothing
 * it does can change what a disk holds.
 */
#ifndef BENCH_NVME_H
#define BENCH_NVME_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

#define NVME_MAX_QUEUES		64
#define NVME_MAX_DEPTH		1024

/* All opcodes this program ever sends. */
enum nvme_admin_opcode {
	NVME_ADMIN_DELETE_SQ = 0x00,
	NVME_ADMIN_CREATE_SQ = 0x01,
	NVME_ADMIN_DELETE_CQ = 0x04,
	NVME_ADMIN_CREATE_CQ = 0x05,
	NVME_ADMIN_IDENTIFY = 0x06,
	NVME_ADMIN_SET_FEATURES = 0x09,	/* only "number of queues", not saved */
};

enum nvme_io_opcode {
	NVME_IO_READ = 0x02,
};

struct nvme_command {
	uint8_t opcode;
	uint8_t flags;
	uint16_t id;
	uint32_t nsid;
	uint32_t cdw2, cdw3;
	uint64_t metadata;
	uint64_t prp1, prp2;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

struct nvme_completion {
	uint32_t result;
	uint32_t reserved;
	uint16_t sq_head;
	uint16_t sq_id;
	uint16_t id;
	uint16_t status;		/* bit 0 is the phase */
};

/* Memory the controller reads and writes for the driver itself. */
struct nvme_memory {
	char *va;
	uint64_t iova;
	uint64_t len;
	uint64_t used;
};

struct nvme_queue {
	uint16_t id;
	uint16_t entries;
	uint16_t sq_tail;
	uint16_t cq_head;
	uint16_t phase;
	struct nvme_command *sq;
	volatile struct nvme_completion *cq;
	uint64_t sq_iova, cq_iova;
	volatile uint32_t *sq_doorbell, *cq_doorbell;
	int irq;			/* eventfd, -1: polled */
};

struct nvme {
	struct backend *backend;
	int device_fd;
	char *bar;
	uint64_t bar_size;
	uint64_t cap;
	struct nvme_memory memory;
	struct nvme_queue admin;
	struct nvme_queue io[NVME_MAX_QUEUES];
	unsigned int queues;
	unsigned int depth;
	bool irqs;
	bool started;
	char model[41], serial[21], firmware[9];
	uint64_t max_transfer;		/* bytes per command */
	uint32_t nsid;
	uint32_t block;			/* bytes per logical block */
	uint64_t blocks;
};

/**
 * nvme_open() - reset the controller and identify it and a namespace
 * @iova: where its own memory goes, nvme_memory_size() bytes
 * @nsid: 0 for the first active one
 * @queues: I/O queue pairs to make later
 * @depth: commands in flight per queue
 *
 * Return: 0, or -1 with a line printed; nvme_close() is wanted either way.
 */
int nvme_open(struct nvme *n, struct backend *b, uint64_t iova, uint32_t nsid,
	      unsigned int queues, unsigned int depth);
uint64_t nvme_memory_size(unsigned int queues, unsigned int depth);

/* Make the I/O queues; fewer when the controller grants fewer. */
int nvme_create_queues(struct nvme *n, bool irqs);
void nvme_close(struct nvme *n);

/* A page for a PRP list out of the driver's memory; NULL when it is used up. */
void *nvme_prp_page(struct nvme *n, uint64_t *iova);

/**
 * nvme_prepare_read() - fill in a read of @len bytes at @offset to @iova
 * @prp_list: page for the addresses beyond the second, with its IOVA
 */
void nvme_prepare_read(const struct nvme *n, struct nvme_command *c, uint16_t id,
		       uint64_t offset, uint32_t len, uint64_t iova, uint64_t *prp_list,
		       uint64_t prp_iova);

/* Put a command into the ring; the controller sees it at nvme_ring(). */
void nvme_queue_command(struct nvme_queue *q, const struct nvme_command *c);
void nvme_ring(struct nvme_queue *q);

/* Take one completion if there is one. nvme_done() tells the controller. */
bool nvme_poll(struct nvme_queue *q, struct nvme_completion *c);
void nvme_done(struct nvme_queue *q);

/* Sleep (interrupts) or spin until there may be a completion; -1: timeout. */
int nvme_wait(struct nvme *n, struct nvme_queue *q);

/* A line about a status that is not success; always -1. */
int nvme_status_failed(const char *what, uint16_t status);

/* nvme_controller.c: registers, reset, admin commands. */
int nvme_enable(struct nvme *n);
void nvme_disable(struct nvme *n);
int nvme_identify(struct nvme *n, uint32_t nsid);
int nvme_admin(struct nvme *n, struct nvme_command *c, uint32_t *result, const char *what);
int nvme_init_queue(struct nvme *n, struct nvme_queue *q, uint16_t id, uint16_t entries);
uint64_t nvme_page(struct nvme *n, uint64_t bytes, char **va);

#endif
