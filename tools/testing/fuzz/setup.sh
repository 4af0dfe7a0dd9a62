#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Two devices for VFIO, three software devices, our modules, and no type1: what
# ioasid refuses shall not go to another driver. Failures come from
# /proc/thread-self/fail-nth alone, where the kernel has that.
set -eu
tools/testing/fail/setup.sh
insmod "build/tests/mdev/$(uname -r)/ioasid_mdev.ko"
mkdir -p build/vm/out/fuzz
