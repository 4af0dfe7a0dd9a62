/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's and BPF's include/ioasid/policy.h, for user space. */
#ifndef IOASID_LIB_ABI_H
#define IOASID_LIB_ABI_H

#include <linux/types.h>

typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;

#include <ioasid/policy.h>

#endif
