// SPDX-License-Identifier: GPL-2.0-only
/* See histogram.h. */
#include <inttypes.h>
#include <stdio.h>

#include "histogram.h"
#include "json.h"

#define STARS	40

static const struct {
	const char *operation, *name;
} phases[HIST_PHASES] = {
	[HIST_MAP_TOTAL]	= { "map", "total" },
	[HIST_MAP_WAIT]		= { "map", "wait" },
	[HIST_MAP_PIN]		= { "map", "pin" },
	[HIST_MAP_FAULT]	= { "map", "fault" },
	[HIST_MAP_ACCOUNT]	= { "map", "account" },
	[HIST_MAP_IOMMU]	= { "map", "iommu" },
	[HIST_MAP_SYNC]		= { "map", "sync" },
	[HIST_UNMAP_TOTAL]	= { "unmap", "total" },
	[HIST_UNMAP_IOMMU]	= { "unmap", "iommu" },
	[HIST_UNMAP_SYNC]	= { "unmap", "sync" },
	[HIST_UNMAP_UNPIN]	= { "unmap", "unpin" },
	[HIST_ATTACH_TOTAL]	= { "attach", "total" },
};

const char *hist_operation(uint32_t phase)
{
	return phase < HIST_PHASES ? phases[phase].operation : "?";
}

const char *hist_phase_name(uint32_t phase)
{
	return phase < HIST_PHASES ? phases[phase].name : "?";
}

uint64_t hist_count(const struct hist *h)
{
	uint64_t count = 0;

	for (int i = 0; i < HIST_SLOTS; i++)
		count += h->slots[i];
	return count;
}

void hist_merge(struct hist *into, const struct hist *h)
{
	for (int i = 0; i < HIST_SLOTS; i++)
		into->slots[i] += h->slots[i];
	into->sum += h->sum;
	if (h->max > into->max)
		into->max = h->max;
}

/* Slots from the first that counts something to the last; false if none does. */
static int used_slots(const struct hist *h, int *first, int *last, uint64_t *most)
{
	*first = -1;
	*most = 0;
	for (int i = 0; i < HIST_SLOTS; i++) {
		if (!h->slots[i])
			continue;
		if (*first < 0)
			*first = i;
		*last = i;
		if (h->slots[i] > *most)
			*most = h->slots[i];
	}
	return *first >= 0;
}

void hist_print(const struct hist *h, const char *unit)
{
	uint64_t count = hist_count(h), most;
	int first, last, stars;

	if (!used_slots(h, &first, &last, &most))
		return;
	printf("%20s%-12s : count     distribution\n", "", unit);
	for (int i = first; i <= last; i++) {
		stars = (int)(h->slots[i] * STARS / most);
		printf("%15" PRIu64 " -> %-12" PRIu64 " : %-8" PRIu64 " |%.*s%*s|\n",
		       i ? UINT64_C(1) << i : 0, (UINT64_C(2) << i) - 1, (uint64_t)h->slots[i],
		       stars, "****************************************", STARS - stars, "");
	}
	printf("%15s %" PRIu64 ", mean %" PRIu64 ", longest %" PRIu64 "\n", "count", count,
	       (uint64_t)h->sum / count, (uint64_t)h->max);
}

void hist_json(struct json *j, const struct hist *h)
{
	uint64_t most;
	int first, last;

	json_u64(j, "count", hist_count(h));
	json_u64(j, "sum", h->sum);
	json_u64(j, "max", h->max);
	json_array(j, "buckets");
	if (used_slots(h, &first, &last, &most)) {
		for (int i = first; i <= last; i++) {
			json_object(j, NULL);
			json_u64(j, "le", (UINT64_C(2) << i) - 1);
			json_u64(j, "count", h->slots[i]);
			json_object_end(j);
		}
	}
	json_array_end(j);
}
