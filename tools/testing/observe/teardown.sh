#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A policy or an observer that a test left behind would hold the module, and
# this would fail. Programs are freed a little after their last user has gone.
set -eu
tries=0
while ! rmmod ioasid 2>/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 30 ] || { echo "ioasid is still in use:"; rmmod ioasid; }
	sleep 0.1
done
