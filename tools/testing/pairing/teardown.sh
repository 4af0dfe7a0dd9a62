#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Everything as it was before setup.sh. Programs are freed a little after their
# last user has gone.
set -eu
echo >/sys/module/ioasid/parameters/default_policy
rmmod ioasid_kapi
tries=0
while ! rmmod ioasid 2>/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 50 ] || { echo "ioasid is still in use:"; rmmod ioasid; }
	sleep 0.1
done
tries=0
until find /sys/fs/cgroup/pairing -depth -type d -delete 2>/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 50 ] || { echo "tasks are left in the cgroups"; exit 1; }
	sleep 0.1
done
