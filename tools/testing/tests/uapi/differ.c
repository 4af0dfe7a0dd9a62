// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls, compared with type1; see differ.h. The environment may set
 * DIFFER_SEED and DIFFER_CALLS.
 */
#include "uapi/differ.h"

TEST_F(differ, random_calls)
{
	unsigned int count = differ_env("DIFFER_CALLS", 300), done = 0;

	EXPECT_TRUE(differ_run(&self->ours, &self->theirs, differ_env("DIFFER_SEED", 1), count,
			       &done));
	EXPECT_LT(count / 8, done);
}

TEST_HARNESS_MAIN
