/* SPDX-License-Identifier: GPL-2.0-only */
/* The contents of any BPF map, in the form that its BTF tells. */
#ifndef IOASID_LIB_DUMP_H
#define IOASID_LIB_DUMP_H

#include <stdint.h>
#include <stdio.h>

struct json;

/*
 * Writes the map of that id, as an object into @json, or as lines if it is
 * NULL: at most @most entries (0: all).
 */
void dump_map(struct json *json, FILE *out, uint32_t id, int most);

#endif
