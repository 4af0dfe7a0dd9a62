#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
set -eu
. tools/testing/harness/ktap.sh
modules_load ioasid
