/* SPDX-License-Identifier: GPL-2.0-only */
/* What the figures were measured on; every report starts with it. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "json.h"

struct machine {
	char kernel[65];
	char arch[65];
	char cpu[80];
	char iommu[64];			/* its names, e.g. "dmar0"; "" without one */
	char hypervisor[13];		/* CPUID signature; "" on bare metal */
	unsigned int cpus;
	uint64_t memory;
	bool emulated;			/* QEMU's TCG interprets the guest's code */
};

void machine_probe(struct machine *m);
void machine_print(const struct machine *m, bool icount);
void machine_json(const struct machine *m, bool icount, struct json *j);

#endif
