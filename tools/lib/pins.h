/* SPDX-License-Identifier: GPL-2.0-only */
/* What is pinned in the BPF file systems that this process can see. */
#ifndef IOASID_LIB_PINS_H
#define IOASID_LIB_PINS_H

#include <stdint.h>

enum pin_kind { PIN_PROG, PIN_MAP, PIN_LINK };

struct pin {
	enum pin_kind kind;
	uint32_t id;		/* of the program, map or link */
	uint32_t prog;		/* of a link: its program, or 0 */
	char *path;
};

/* All pins, sorted by path; returns how many. Needs CAP_SYS_ADMIN. */
int pins_read(struct pin **pins);
void pins_free(struct pin *pins, int n);

#endif
