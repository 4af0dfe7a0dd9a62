/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Latency histograms and the median of a few repetitions.
 *
 * A histogram has 128 buckets per power of two, so a percentile is within
 * 0.8 % of the true value over the whole range of 64 bits.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

struct json;

#define HIST_HALF_BITS	7
#define HIST_BUCKETS	(((64 - HIST_HALF_BITS) + 1) << HIST_HALF_BITS)

struct hist {
	uint64_t count;
	uint64_t sum;
	uint64_t min;
	uint64_t max;
	uint32_t bucket[HIST_BUCKETS];
};

struct hist *hist_new(void);
void hist_merge(struct hist *into, const struct hist *from);

/* The smallest recorded value that @percent of all values do not exceed. */
uint64_t hist_percentile(const struct hist *h, double percent);
double hist_mean(const struct hist *h);

/* An object of its count, mean, percentiles and ends. */
void hist_json(struct json *j, const char *key, const struct hist *h);

/* Median of @n values; the mean of the middle two when @n is even. */
double median(const uint64_t *values, size_t n);

/* Fewer repetitions than INTERVAL_MIN have no interval of 95 %; INTERVAL_MAX is the most. */
#define INTERVAL_MIN	6
#define INTERVAL_MAX	1000

/*
 * A median and the interval in which the median of all possible repetitions is: two of the
 * values themselves, as far apart as their order demands (2 * binomial(n, 1/2)), which
 * assumes nothing of how the values are distributed. @coverage is what the two really
 * cover, at least 0.95, and 0 where there are too few values: @low and @high are the median then.
 */
struct interval {
	double median, low, high;
	double coverage;
};

/* Of @n values, from 1 to INTERVAL_MAX. 0, or -1 with a line printed. */
int interval_of(const double *values, size_t n, struct interval *out);

static inline unsigned int hist_index(uint64_t v)
{
	unsigned int shift;

	if (v >> (HIST_HALF_BITS + 1) == 0)
		return (unsigned int)v;
	shift = 63 - HIST_HALF_BITS - (unsigned int)__builtin_clzll(v);
	return (shift << HIST_HALF_BITS) + (unsigned int)(v >> shift);
}

/* @n calls that took @v each. */
static inline void hist_add_many(struct hist *h, uint64_t v, unsigned int n)
{
	h->count += n;
	h->sum += v * n;
	if (v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
	h->bucket[hist_index(v)] += n;
}

static inline void hist_add(struct hist *h, uint64_t v)
{
	hist_add_many(h, v, 1);
}

#endif
