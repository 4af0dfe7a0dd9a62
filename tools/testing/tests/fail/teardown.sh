#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
set -eu
. tools/testing/harness/ktap.sh

for device in 0000:01:01.0 0000:01:02.0; do
	echo $device >/sys/bus/pci/drivers/ioasid_pci/unbind
	echo >/sys/bus/pci/devices/$device/driver_override
done
modules_unload ioasid_mdev ioasid_pci ioasid_setcontainer
exec tools/testing/tests/uapi/teardown.sh
