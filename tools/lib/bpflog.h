/* SPDX-License-Identifier: GPL-2.0-only */
/* libbpf's messages, kept to be printed as one line. */
#ifndef IOASID_LIB_BPFLOG_H
#define IOASID_LIB_BPFLOG_H

#include <stdbool.h>
#include <stddef.h>

/* From now on libbpf is silent; with @debug it says everything on stderr. */
void bpflog_start(bool debug);

/*
 * What went wrong since the last call of bpflog_start() or bpflog_reason():
 * what the verifier said if it refused a program, else libbpf's first warning.
 */
const char *bpflog_reason(char *buf, size_t size);

#endif
