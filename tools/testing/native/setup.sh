#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same machine as for the tests of the ioctls, a module that calls ours, and
# IOMMUs with page sizes of the tests' choice, which stay until the machine ends.
set -eu
tools/testing/uapi/setup.sh
insmod "build/tests/native/$(uname -r)/ioasid_kapi.ko"
[ -d /sys/module/ioasid_fakeiommu ] || insmod "build/tests/mdev/$(uname -r)/ioasid_fakeiommu.ko"
