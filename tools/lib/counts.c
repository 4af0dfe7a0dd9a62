// SPDX-License-Identifier: GPL-2.0-only
/* See counts.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "counts.h"
#include "histogram.h"
#include "json.h"
#include "text.h"

/* The values of all CPUs that this machine can have; NULL with errno set. */
static char *read_cpus(int map, __u32 key, size_t size, int *cpus)
{
	char *values;

	*cpus = libbpf_num_possible_cpus();
	if (*cpus < 0) {
		errno = -*cpus;
		return NULL;
	}
	values = calloc((size_t)*cpus, size);
	if (values && !bpf_map_lookup_elem(map, &key, values))
		return values;
	free(values);
	return NULL;
}

int counts_read(int map, struct stat_counts *sum)
{
	const size_t n = sizeof(*sum) / sizeof(__u64);
	__u64 *to = (__u64 *)sum;
	char *values;
	int cpus;

	memset(sum, 0, sizeof(*sum));
	values = read_cpus(map, 0, sizeof(*sum), &cpus);
	if (!values)
		return -1;
	for (int cpu = 0; cpu < cpus; cpu++) {
		const __u64 *from = (const __u64 *)(values + (size_t)cpu * sizeof(*sum));

		for (size_t i = 0; i < n; i++)
			to[i] += from[i];
	}
	free(values);
	return 0;
}

int counts_read_hist(int map, __u32 phase, struct hist *sum)
{
	char *values;
	int cpus;

	memset(sum, 0, sizeof(*sum));
	values = read_cpus(map, phase, sizeof(*sum), &cpus);
	if (!values)
		return -1;
	for (int cpu = 0; cpu < cpus; cpu++)
		hist_merge(sum, (const struct hist *)(values + (size_t)cpu * sizeof(*sum)));
	free(values);
	return 0;
}

struct stat_counts counts_since(const struct stat_counts *now, const struct stat_counts *before)
{
	const __u64 *a = (const __u64 *)now, *b = (const __u64 *)before;
	struct stat_counts diff;
	__u64 *d = (__u64 *)&diff;

	for (size_t i = 0; i < sizeof(diff) / sizeof(__u64); i++)
		d[i] = a[i] - b[i];
	return diff;
}

void counts_json(struct json *j, const struct stat_counts *c)
{
#define COUNTER(name) { #name, offsetof(struct stat_counts, name) }
	static const struct {
		const char *name;
		size_t offset;
	} counters[] = {
		COUNTER(maps), COUNTER(maps_failed), COUNTER(map_bytes), COUNTER(map_pages),
		COUNTER(map_runs), COUNTER(map_ns), COUNTER(map_faults), COUNTER(map_bytes_2m),
		COUNTER(unmaps), COUNTER(unmaps_failed), COUNTER(unmap_bytes),
		COUNTER(unmap_mappings), COUNTER(unmap_ns), COUNTER(unmap_syncs), COUNTER(pinned),
		COUNTER(unpinned), COUNTER(charged), COUNTER(uncharged), COUNTER(charges_refused),
		COUNTER(attaches), COUNTER(attaches_failed), COUNTER(detaches),
		COUNTER(policies_loaded), COUNTER(policies_ejected),
		COUNTER(revokes),
	};
#undef COUNTER
	__u64 value;

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		memcpy(&value, (const char *)c + counters[i].offset, sizeof(value));
		json_u64(j, counters[i].name, value);
	}
	json_object(j, "errors");
	for (uint32_t r = 1; r < STAT_REASONS; r++)
		if (c->errors[r])
			json_u64(j, reason_name(r), c->errors[r]);
	json_object_end(j);
}
