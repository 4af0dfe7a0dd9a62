#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Everything as it was before setup.sh.
set -eu
. tools/testing/harness/ktap.sh

for device in 00:05.0 00:06.0 01:01.0 01:02.0; do
	echo "0000:$device" >"/sys/bus/pci/devices/0000:$device/driver/unbind"
	echo >"/sys/bus/pci/devices/0000:$device/driver_override"
done
modules_unload ioasid_pci ioasid_setcontainer ioasid_vfio ioasid vfio_iommu_type1
