// SPDX-License-Identifier: GPL-2.0-only
/* Histograms and medians. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"
#include "util.h"

struct hist *hist_new(void)
{
	struct hist *h = calloc(1, sizeof(*h));

	if (h)
		h->min = UINT64_MAX;
	else
		fail("out of memory");
	return h;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	size_t i;

	into->count += from->count;
	into->sum += from->sum;
	into->min = MIN(into->min, from->min);
	into->max = MAX(into->max, from->max);
	for (i = 0; i < HIST_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

/* The largest value that falls into bucket @i. */
static uint64_t bucket_top(size_t i)
{
	size_t shift;

	if (i >> (HIST_HALF_BITS + 1) == 0)
		return i;
	shift = (i >> HIST_HALF_BITS) - 1;
	return ((i - (shift << HIST_HALF_BITS)) << shift) + ((1ULL << shift) - 1);
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
	double exact = (double)h->count * percent / 100.0;
	uint64_t want = (uint64_t)exact, seen = 0;
	size_t i;

	if (!h->count)
		return 0;
	if ((double)want < exact || !want)
		want++;
	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= want)
			return MIN(bucket_top(i), h->max);
	}
	return h->max;
}

double hist_mean(const struct hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0;
}

void hist_json(struct json *j, const char *key, const struct hist *h)
{
	json_object(j, key);
	json_u64(j, "count", h->count);
	json_num(j, "mean", hist_mean(h));
	json_u64(j, "min", h->count ? h->min : 0);
	json_u64(j, "p50", hist_percentile(h, 50));
	json_u64(j, "p90", hist_percentile(h, 90));
	json_u64(j, "p99", hist_percentile(h, 99));
	json_u64(j, "p99.9", hist_percentile(h, 99.9));
	json_u64(j, "max", h->max);
	json_object_end(j);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

double median(const uint64_t *values, size_t n)
{
	uint64_t *sorted;
	double m;

	if (!n)
		return 0;
	sorted = malloc(n * sizeof(*sorted));
	if (!sorted)
		return (double)values[0];
	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_u64);
	m = n % 2 ? (double)sorted[n / 2]
		  : ((double)sorted[n / 2 - 1] + (double)sorted[n / 2]) / 2;
	free(sorted);
	return m;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * How many values at each end can be left out so that the rest covers 95 %; -1 if none
 * may. The median is below the (k + 1)th value with the probability that at most k of n
 * coins show heads.
 */
static long values_beyond(size_t n, double *coverage)
{
	double term = exp2(-(double)n), tail = 0;
	long k;

	*coverage = 0;
	for (k = 0; k < (long)n / 2; k++) {
		tail += term;
		if (1 - 2 * tail < 0.95)
			break;
		*coverage = 1 - 2 * tail;
		term *= (double)((long)n - k) / (double)(k + 1);
	}
	return k - 1;
}

int interval_of(const double *values, size_t n, struct interval *out)
{
	double *sorted = malloc(n * sizeof(*sorted));
	long beyond;

	if (!sorted)
		return fail("out of memory");
	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_double);
	out->median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
	out->low = out->high = out->median;
	beyond = values_beyond(n, &out->coverage);
	if (beyond >= 0) {
		out->low = sorted[beyond];
		out->high = sorted[n - 1 - (size_t)beyond];
	}
	free(sorted);
	return 0;
}
