#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every test of this area finds the module loaded and no policy in it.
set -eu
. tools/testing/harness/ktap.sh
modules_load ioasid
