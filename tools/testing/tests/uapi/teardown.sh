#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Everything as it was before setup.sh.
set -eu
. tools/testing/harness/ktap.sh

modules_unload ioasid_vfio ioasid
for device in 0000:00:05.0 0000:00:06.0; do
	echo "$device" >/sys/bus/pci/drivers/vfio-pci/unbind
	echo >/sys/bus/pci/devices/$device/driver_override
done
modules_unload vfio_iommu_type1
