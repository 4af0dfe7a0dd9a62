#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A policy or an observer that a test left behind would hold the module, and
# this would fail. Programs are freed a little after their last user has gone.
set -eu
. tools/testing/harness/ktap.sh
within 30 rmmod ioasid || { echo "ioasid is still in use:"; rmmod ioasid; }
