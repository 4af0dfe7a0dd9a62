// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many more random calls than in differ.c. The environment may set
 * DIFFER_SEED, DIFFER_SEEDS and DIFFER_CALLS.
 */
#include "uapi/differ.h"

TEST_F_TIMEOUT(differ, many_seeds, 1800)
{
	unsigned int seed = differ_env("DIFFER_SEED", 1), seeds = differ_env("DIFFER_SEEDS", 30);
	unsigned int count = differ_env("DIFFER_CALLS", 1000), done, i;

	for (i = 0; i < seeds; i++) {
		done = 0;
		if (!differ_run(&self->ours, &self->theirs, seed + i, count, &done)) {
			TH_LOG("seed %u", seed + i);
			EXPECT_TRUE(false);
			break;
		}
		EXPECT_LT(count / 8, done);
	}
}

TEST_HARNESS_MAIN
