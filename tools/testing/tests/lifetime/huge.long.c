// SPDX-License-Identifier: GPL-2.0-only
/* The tests of huge.c with more pages looked at, and on type1 as well. */
#define LONG
#include "lifetime/huge.c"
