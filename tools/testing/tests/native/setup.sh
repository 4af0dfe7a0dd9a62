#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same machine as for the tests of the ioctls, a module that calls ours, and
# IOMMUs with page sizes of the tests' choice, which stay until the machine ends.
set -eu
tools/testing/tests/uapi/setup.sh
insmod "build/tests/native/$(uname -r)/ioasid_kapi.ko"
# A kernel with lockdep misses a lock of the IOMMU core's own, which no module can take.
printf '# expect-splat: at dev_iommu_get+\n# expect-splat: Call Trace:\n'
[ -d /sys/module/ioasid_fakeiommu ] || insmod "build/tests/mdev/$(uname -r)/ioasid_fakeiommu.ko"
