#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The module, a driver that pins, cgroups for scopes, and no policy.
# IOASID_FAULT names a folder with another ioasid.ko, see check-faults.
set -eu
. tools/testing/harness/ktap.sh

if [ -n "${IOASID_FAULT-}" ]; then
	modprobe vfio
	insmod "$IOASID_FAULT/ioasid.ko"
else
	modules_load ioasid
fi
insmod "build/tests/native/$(uname -r)/ioasid_kapi.ko"
for name in a b c; do
	mkdir -p "/sys/fs/cgroup/pairing/$name"
done
