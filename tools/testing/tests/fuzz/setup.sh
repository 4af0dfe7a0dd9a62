#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Devices of every sort, our modules, and no type1: what ioasid refuses shall
# not go to another driver. Failures come from
# /proc/thread-self/fail-nth alone, where the kernel has that.
set -eu
tools/testing/tests/fail/setup.sh
mkdir -p build/vm/out/fuzz
