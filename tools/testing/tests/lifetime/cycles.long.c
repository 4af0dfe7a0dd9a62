// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hundred load, use, unload cycles. With slab_nomerge on the kernel's
 * command line the slab caches are the modules' own and are checked exactly.
 */
#include "lifetime/cycles.h"

TEST_TIMEOUT(hundred_cycles, 600)
{
	cycles(_self, 100);
}

TEST_HARNESS_MAIN
