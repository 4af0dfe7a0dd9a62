/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of 'ioasidctl doctor'. */
#ifndef IOASIDCTL_DOCTOR_H
#define IOASIDCTL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/say.h"

enum verdict { OK, NOTE, WARN, FAILS };

/* One line of the diagnosis; @remedy is NULL when all is well. */
void diagnose(enum verdict verdict, const char *check, const char *remedy, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/*
 * The first line of one field of the file that modprobe would load for @module, such as
 * "version"; false if there is no file, or no such field.
 */
bool modinfo(const char *module, const char *field, char *buf, size_t size);

/* What the kernel allows: BTF, signatures, lockdown, file systems. */
void doctor_kernel(void);
/* Modules and tools: are they all there, and of one version? */
void doctor_versions(void);
/* Policies: was one ejected, and is a map of one full? */
void doctor_policies(void);

#endif
