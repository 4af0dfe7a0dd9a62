/* SPDX-License-Identifier: GPL-2.0-only */
/* struct hist of ioasid/hist.h: printed, summed up, named. */
#ifndef IOASID_LIB_HISTOGRAM_H
#define IOASID_LIB_HISTOGRAM_H

#include <linux/types.h>
#include <stdint.h>

#include <ioasid/hist.h>

struct json;

/* "map" or "unmap", and "pin". */
const char *hist_operation(uint32_t phase);
const char *hist_phase_name(uint32_t phase);

uint64_t hist_count(const struct hist *h);
void hist_merge(struct hist *into, const struct hist *h);

/* A table with bars, under a heading of @unit ("usecs"). */
void hist_print(const struct hist *h, const char *unit);

/* Members of the open object: count, sum, max, and buckets of {"le", "count"}. */
void hist_json(struct json *j, const struct hist *h);

#endif
