// SPDX-License-Identifier: GPL-2.0-only
/* Figures of ioasid-bench nvme. */
#include <stdio.h>

#include "nvme/run.h"
#include "util.h"

static double per_second(uint64_t count, uint64_t ns)
{
	return ns ? (double)count * 1e9 / (double)ns : 0;
}

static void print_calls(const char *what, const struct hist *h)
{
	if (h->count)
		printf("  %-10s %9llu %10.0f %10llu %10llu %10llu %10llu %10llu\n", what,
		       (unsigned long long)h->count, hist_mean(h),
		       (unsigned long long)hist_percentile(h, 50),
		       (unsigned long long)hist_percentile(h, 90),
		       (unsigned long long)hist_percentile(h, 99),
		       (unsigned long long)hist_percentile(h, 99.9),
		       (unsigned long long)h->max);
}

static void print_pass(const struct nvme_run *r, const struct nvme_pass *p)
{
	printf("\nmaps %s: %.0f IOPS, %.1f MB/s (%llu reads in %.2f s)", p->name,
	       per_second(p->reads, p->ns), per_second(p->bytes, p->ns) / 1e6,
	       (unsigned long long)p->reads, (double)p->ns / 1e9);
	if (r->has_known)
		printf("; verified %llu bytes against %s: all equal\n",
		       (unsigned long long)p->verified, r->known.path);
	else
		puts("; not verified (see --verify)");
	printf("  %-10s %9s %10s %10s %10s %10s %10s %10s\n", "ns", "calls", "mean", "p50",
	       "p90", "p99", "p99.9", "max");
	print_calls("read", p->latency);
	print_calls("map", p->map_call);
	print_calls("unmap", p->unmap_call);
}

void nvme_print(const struct nvme_run *r, const struct machine *m)
{
	const struct nvme *n = &r->nvme;
	char size[SIZE_TEXT], block[SIZE_TEXT], disk[SIZE_TEXT];
	unsigned int i;

	machine_print(m, r->opt.icount);
	printf("%s: %s, serial %s, firmware %s, namespace %u of %s in blocks of %u\n", r->bdf,
	       n->model, n->serial, n->firmware, n->nsid,
	       format_size_exact(n->blocks * n->block, disk), n->block);
	printf("mapped by %s (container v%d, group %d); %s %s reads of the first %s into %s memory; %u queue%s, depth %u, %s\n",
	       r->backend.answered, r->opt.version, r->backend.group,
	       r->opt.sequential ? "sequential" : "random", format_size_exact(r->opt.block, block),
	       format_size_exact(r->bytes, size), r->opt.kind->name, r->readers,
	       r->readers == 1 ? "" : "s", r->opt.depth, r->opt.irqs ? "interrupts" : "polled");
	for (i = 0; i < r->passes; i++)
		print_pass(r, &r->pass[i]);
}

static void pass_json(struct json *j, const struct nvme_run *r, const struct nvme_pass *p)
{
	json_object(j, NULL);
	json_str(j, "map", p->name);
	json_bool(j, "verified", r->has_known);
	json_u64(j, "verified_bytes", p->verified);
	json_u64(j, "wrong_reads", p->wrong);
	json_u64(j, "reads", p->reads);
	json_u64(j, "bytes", p->bytes);
	json_u64(j, "ns", p->ns);
	json_num(j, "iops", per_second(p->reads, p->ns));
	json_num(j, "mb_per_s", per_second(p->bytes, p->ns) / 1e6);
	hist_json(j, "read_ns", p->latency);
	hist_json(j, "map_ns", p->map_call);
	hist_json(j, "unmap_ns", p->unmap_call);
	json_object_end(j);
}

int nvme_print_json(const struct nvme_run *r, const struct machine *m)
{
	const struct nvme *n = &r->nvme;
	struct json j;
	unsigned int i;

	results_begin(&j);
	json_str(&j, "command", "nvme");
	json_str(&j, "device", r->bdf);
	json_u64(&j, "group", (uint64_t)r->backend.group);
	json_str(&j, "answered_by", r->backend.answered);
	json_str(&j, "container_type", r->opt.version == 1 ? "v1" : "v2");
	machine_json(m, r->opt.icount, &j);
	json_object(&j, "disk");
	json_str(&j, "model", n->model);
	json_str(&j, "serial", n->serial);
	json_str(&j, "firmware", n->firmware);
	json_u64(&j, "namespace", n->nsid);
	json_u64(&j, "block_bytes", n->block);
	json_u64(&j, "blocks", n->blocks);
	json_object_end(&j);
	json_u64(&j, "range_bytes", r->bytes);
	json_u64(&j, "read_bytes", r->opt.block);
	json_str(&j, "pattern", r->opt.sequential ? "seq" : "rand");
	json_str(&j, "memory", r->opt.kind->name);
	json_u64(&j, "queues", r->readers);
	json_u64(&j, "depth", r->opt.depth);
	json_bool(&j, "interrupts", r->opt.irqs);
	json_array(&j, "results");
	for (i = 0; i < r->passes; i++)
		pass_json(&j, r, &r->pass[i]);
	json_array_end(&j);
	return results_end(&j);
}
