#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Everything as it was before setup.sh. Programs are freed a little after their
# last user has gone.
set -eu
. tools/testing/harness/ktap.sh
echo >/sys/module/ioasid/parameters/default_policy
rmmod ioasid_kapi
within 50 rmmod ioasid || { echo "ioasid is still in use:"; rmmod ioasid; }
within 50 find /sys/fs/cgroup/pairing -depth -type d -delete ||
	{ echo "tasks are left in the cgroups"; exit 1; }
