#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same machine as for the fuzzer.
exec tools/testing/tests/fuzz/setup.sh
