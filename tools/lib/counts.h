/* SPDX-License-Identifier: GPL-2.0-only */
/* The per-CPU maps of ioasidstat.bpf.o, summed up. */
#ifndef IOASID_LIB_COUNTS_H
#define IOASID_LIB_COUNTS_H

#include <linux/types.h>

#include <ioasid/hist.h>
#include <ioasid/stat.h>

/* Both return 0, or -1 with errno set. @map is an fd. */
int counts_read(int map, struct stat_counts *sum);
int counts_read_hist(int map, __u32 phase, struct hist *sum);

/* @now minus @before, member by member. */
struct stat_counts counts_since(const struct stat_counts *now, const struct stat_counts *before);

struct json;

/* Every counter, as members of the open object. */
void counts_json(struct json *j, const struct stat_counts *c);

#endif
