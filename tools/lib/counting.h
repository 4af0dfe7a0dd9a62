/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioasidstat.bpf.o left counting: pinned in the BPF file system, so that it
 * goes on when its loader ends. 'rm -r' of the folder ends it.
 */
#ifndef IOASID_LIB_COUNTING_H
#define IOASID_LIB_COUNTING_H

#include <stdbool.h>

#define COUNTING_DIR	"/sys/fs/bpf/ioasid-stats"

bool counting_is_on(void);

/* Both fail with a line that says what to do. */
int counting_start(void);
int counting_stop(void);

/* The map "counts" or "hists" as an fd, or -1 without a message. */
int counting_map(const char *name);

#endif
