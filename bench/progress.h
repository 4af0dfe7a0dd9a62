/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A progress line on stderr for anything that takes longer than two seconds,
 * printed by a thread of its own so that one long ioctl has one, too.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdint.h>

/* Start (or rename) the stage being worked on; ends the stage before it. */
void progress_begin(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* How far the stage is; cheap enough for a loop over single maps. */
void progress_step(uint64_t done, uint64_t total);

void progress_end(void);

/* Take the line off a terminal before something else is printed. */
void progress_clear(void);

#endif
