#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The commands of docs/observability.md. Some of its tools are slow to start
# under emulation.
. tools/testing/lib/session.sh

no_block_is_left_out() { all_blocks docs/observability.md; }
snoop() { session docs/observability.md 1; }
error() { session docs/observability.md 2; }
who() { session docs/observability.md 3; }
account() { session docs/observability.md 4; }
runs() { session docs/observability.md 5; }
advise() { session docs/observability.md 6; }
phases() { session docs/observability.md 7; }
latency() { session docs/observability.md 8; }
strict() { session docs/observability.md 9; }
metrics() { session docs/observability.md 10; }
perf_stat() { session docs/observability.md 11; }
perf_script() { session docs/observability.md 12; }
counts() { session docs/observability.md 13; }
iterator() { session docs/observability.md 14; }

ktap_run no_block_is_left_out snoop error who account runs advise phases latency strict metrics \
	perf_stat perf_script counts iterator
