// SPDX-License-Identifier: GPL-2.0-only
/* The policy of optional.bpf.c, whose program for an unknown hook is not optional. */
#define NEEDED
#include "optional.bpf.c"
