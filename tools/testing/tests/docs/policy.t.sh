#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The policy that docs/policy.md writes from scratch, and the commands there.
. tools/testing/lib/session.sh

no_block_is_left_out() { all_blocks docs/policy.md; }
load() { session docs/policy.md 1; }
replace() { session docs/policy.md 2; }
log() { session docs/policy.md 3; }
eject() { session docs/policy.md 4; }

ktap_run no_block_is_left_out load replace log eject
