#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Two devices for VFIO, two of one group for ioasid_pci, software devices and our
# modules, without type1, so that an error of ours is not answered by type1. Failures are to come from /proc/self/fail-nth only:
# in every kind of allocation and copy, and without a word in the log.
set -eu
. tools/testing/harness/ktap.sh

modules_unload ioasid_vfio
# When VFIO releases a group, its device returns to the kernel's own domain,
# which must succeed. On 6.12 Intel's driver allocates memory for that, and the
# kernel warns when it gets none, but not if that domain is the identity.
for device in 0000:00:05.0 0000:00:06.0 0000:01:01.0; do
	[ ! -e /proc/self/fail-nth ] || [ -e /sys/bus/pci/devices/$device/driver ] ||
		echo identity >/sys/bus/pci/devices/$device/iommu_group/type
done
device_to 0000:00:05.0 vfio-pci
device_to 0000:00:06.0 vfio-pci
modules_unload vfio_iommu_type1
modules_load ioasid ioasid_vfio ioasid_setcontainer ioasid_pci
device_to 0000:01:01.0 ioasid_pci
device_to 0000:01:02.0 ioasid_pci
insmod "build/tests/mdev/$(uname -r)/ioasid_mdev.ko"

set_to() { [ ! -e "/sys/kernel/debug/$1" ] || echo "$2" >"/sys/kernel/debug/$1"; }
for kind in failslab fail_page_alloc fail_usercopy; do
	set_to $kind/verbose 0
	set_to $kind/probability 0
done
set_to failslab/ignore-gfp-wait N
set_to failslab/cache-filter N
set_to fail_page_alloc/ignore-gfp-wait N
set_to fail_page_alloc/ignore-gfp-highmem N
set_to fail_page_alloc/min-order 0
