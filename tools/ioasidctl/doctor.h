/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of 'ioasidctl doctor'. */
#ifndef IOASIDCTL_DOCTOR_H
#define IOASIDCTL_DOCTOR_H

#include "../lib/say.h"

enum verdict { OK, NOTE, WARN, FAILS };

/* One line of the diagnosis; @remedy is NULL when all is well. */
void diagnose(enum verdict verdict, const char *check, const char *remedy, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* What the kernel allows: BTF, signatures, lockdown, file systems. */
void doctor_kernel(void);
/* Modules and tools: are they all there, and of one version? */
void doctor_versions(void);
/* Policies: was one ejected, and is a map of one full? */
void doctor_policies(void);

#endif
