#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The commands of docs/observability.md. Some of its tools are slow to start
# under emulation.
. tools/testing/docs/session.sh

no_block_is_left_out() { all_blocks docs/observability.md; }
snoop() { session docs/observability.md 1; }
error() { session docs/observability.md 2; }
account() { session docs/observability.md 3; }
runs() { session docs/observability.md 4; }
durations() { session docs/observability.md 5; }
perf() { session docs/observability.md 6; }
bpftool() { session docs/observability.md 7; }

ktap_run no_block_is_left_out snoop error account runs durations perf bpftool
